# SPDX-License-Identifier: Apache-2.0
"""A project of many functions, as a generator writes it: many.py DIR [N]."""

import os
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


if __name__ == "__main__":
    generate(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
