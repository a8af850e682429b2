# SPDX-License-Identifier: Apache-2.0
"""A project of many functions, as a generator writes it: many.py DIR [N]."""

import json
import os
import subprocess
import sys

# What each function has: a few keys of its own, a header of the project's, code that is shared with others.
FUNCTION = """\
  f{i:04}:
    sources: ["src/f{i:04}/*.c"]
    includes: [include]
    defines: {{FUNCTION_NAME: '"f{i:04}"'}}
    memory: {memory} MB
    timeout: {timeout}s
    env:
      TABLE: table-{i:04}
      LOG_LEVEL: info
"""

SOURCE = """\
#include <slsc.h>

#include "common.h"

slsc_lambda_fn handler;

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{{
	(void)ctx;
	(void)in;
	slsc_puts(out, "{{\\"function\\":\\"" FUNCTION_NAME "\\",\\"n\\":" COMMON({i}) "}}");
	return 0;
}}
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def generate(d, n, more=""):
    """@more: lines of slsc.yaml before its functions."""
    write(f"{d}/include/common.h", '#define COMMON(i) #i\n')
    for i in range(n):
        write(f"{d}/src/f{i:04}/main.c", SOURCE.format(i=i))
    functions = (FUNCTION.format(i=i, memory=128 << i % 4, timeout=3 + i % 20) for i in range(n))
    write(f"{d}/slsc.yaml", f"project: many\n{more}functions:\n" + "".join(functions))


def bench(b, tmp, slsc, env, n=1000):
    b.section("Many functions")
    d = os.path.join(tmp, "functions")
    generate(d, n)
    b.sh(d, slsc, "build", "-q")
    read, = b.time(d, [slsc, "config", "show"])
    b.row(f"slsc config show, {n:,} functions × 2 arches", f"{read.ms:.1f} ms", "", "", "≤ 100 ms", read.ms <= 100)
    ours, peer = b.time(d, [slsc, "build"], ["ninja", "-f", ".slsc/build.ninja"], env=env)
    b.compare(f"nothing to build, {n:,} functions × 2 arches", ours, peer, "ninja", 1.5)
    for form in ("zip", "oci"):
        made, = b.time(d, (["rm", "-rf", "dist"], [slsc, "package", f"--{form}", "--no-build", "-q"]), runs=3)
        mib = made.rss_kib / 1024
        b.row(f"package --{form}, {n:,} functions × 2 arches", f"{made.ms / 1000:.1f} s, {mib:.0f} MB", "", "", "≤ 512 MB",
              mib <= 512)


def git(b, d, *argv, text=None):
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
    r = subprocess.run(["git", *who, *argv], cwd=d, env=b.env, input=text, capture_output=True, text=True, check=False)
    if r.returncode:
        sys.exit(f"bench: git {argv[0]}: {r.stderr}")
    return r.stdout.strip()


def since(b, tmp, slsc, n=1000, each=5, paths=99_999):
    """A commit in which @paths files that no function reads are new, and one source of the first is another."""
    d = os.path.join(tmp, "functions")
    generate(d, n)
    for i in range(n):
        for k in range(1, each):
            write(f"{d}/src/f{i:04}/more{k}.c", f'#include "common.h"\nint f{i}_{k};\n')
    git(b, d, "init", "-q", "-b", "main")
    git(b, d, "add", "-A")
    git(b, d, "commit", "-q", "-m", "before")
    write(f"{d}/src/f0000/more1.c", "int other;\n")
    git(b, d, "add", "-A")
    blob = git(b, d, "hash-object", "-w", "slsc.yaml")
    new = (f"100644 {blob} 0\tmany/{i // 1000:02}/{i:06}.txt\n" for i in range(paths))
    git(b, d, "update-index", "--index-info", text="".join(new))
    tree = git(b, d, "write-tree")
    git(b, d, "update-ref", "refs/tags/after", git(b, d, "commit-tree", "-p", "HEAD", "-m", "after", tree))
    command = [slsc, "build", "-n", "--json", "--since", "HEAD..after"]
    found = json.loads(b.sh(d, *command))["since"]
    ours, = b.time(d, command, runs=3)
    touched = [f["function"] for f in found["functions"]]
    b.section("Many functions")
    b.row(f"--since over {found['changed']:,} changed paths, {n:,} functions of {n * each:,} sources",
          f"{ours.ms / 1000:.1f} s, {ours.rss_kib / 1024:.0f} MB", "", "", "told", touched == ["f0000"])


if __name__ == "__main__":
    generate(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
