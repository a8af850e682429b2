# SPDX-License-Identifier: Apache-2.0
"""How fast a function starts, and what an invocation costs, beside an empty program and Go. A part of bench.py.

Builds the hello template as slsc does (clang, lld, static musl), an empty static musl program, and the Runtime API's loop
in Go; lets them start in turn.
"""

import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "runtime"))
sys.dont_write_bytecode = True

from kit import RUNTIME, TEMPLATES, compiler  # noqa: E402

COLUMNS = ("p50", "p90", "p99", "least", "rss", "anonymous", "warm", "calls", "allocs")
# A function that allocates three times an invocation: shows that the count counts.
CONTROL = """#include <slsc.h>
#include <stdlib.h>
slsc_lambda_fn handler;
int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	void *volatile a = malloc(10);
	void *volatile b = calloc(1, 10);
	(void)ctx, (void)in;
	a = realloc(a, 1000);
	free(a);
	free(b);
	slsc_puts(out, "null");
	return 0;
}
"""


def build(out, sources, *flags, runtime=True):
    cc, before, after = compiler("clang-musl")
    found = [f for f in sorted(glob.glob(os.path.join(RUNTIME, "*.c")))
             if not re.match(r"(entry_)?http[_.]|cloudevents\.", os.path.basename(f))] if runtime else []
    # The counter's file has its own copies of what heap_profile.c wraps.
    if any(os.path.basename(s) == "alloc_count.c" for s in sources):
        found = [f for f in found if os.path.basename(f) != "heap_profile.c"]
    subprocess.run([*cc, "-DNDEBUG", *before, *flags, "-o", out, *found, *sources, *after], check=True)
    return out


def bench(b, tmp):
    def path(name):
        return os.path.join(tmp, name)
    for name, text in (("empty.c", "int main(void)\n{\n\treturn 0;\n}\n"), ("control.c", CONTROL)):
        with open(path(name), "w", encoding="utf-8") as f:
            f.write(text)
    hello = os.path.join(TEMPLATES, "hello/src/hello.c")
    count = os.path.join(HERE, "alloc_count.c")
    wrap = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc"
    b.sh(tmp, "gcc", "-O2", "-D_GNU_SOURCE", "-o", path("measure"), os.path.join(HERE, "runtime_start.c"))
    b.go(tmp, os.path.join(HERE, "runtime_start.go"), path("go"))
    programs = {"empty": "=" + build(path("empty"), [path("empty.c")], runtime=False),
                "hello": build(path("hello"), [hello]), "go": path("go"),
                "counted": build(path("counted"), [hello, count], wrap),
                "control": build(path("control"), [path("control.c"), count], wrap)}
    size = os.path.getsize(path("hello"))
    lines = b.sh(tmp, path("measure"), str(b.runs * 50), "10", *programs.values()).splitlines()
    r = {name: dict(zip(COLUMNS, map(float, line.split()))) for name, line in zip(programs, lines)}
    h, e, g = r["hello"], r["empty"], r["go"]
    if r["control"]["allocs"] != 3:
        sys.exit("bench: the counter of allocations counts %g, not 3" % r["control"]["allocs"])
    b.section("Runtime: start")
    b.row("spawn to first GET /next, p50", "%.0f µs" % h["p50"],
          "empty musl program, to its exit: %.0f µs" % e["p50"], "%.2f×" % (h["p50"] / e["p50"]), "≤ 2×",
          h["p50"] <= 2 * e["p50"])
    b.row("… p99", "%.0f µs" % h["p99"], "%.0f µs" % e["p99"], "%.2f×" % (h["p99"] / e["p99"]), "told", True)
    b.row("… the same, p50", "%.0f µs" % h["p50"], "Go, raw loop: %.0f µs" % g["p50"],
          "1/%.1f" % (g["p50"] / h["p50"]), "≤ 1/5", g["p50"] >= 5 * h["p50"])
    b.row("resident, after 10 invocations", "%.0f KiB" % h["rss"], "Go: %.0f KiB" % g["rss"],
          "1/%.0f" % (g["rss"] / h["rss"]), "≤ 1/10, ≤ 150 KiB", h["rss"] <= 150 and g["rss"] >= 10 * h["rss"])
    b.row("… of it anonymous", "%.0f KiB" % h["anonymous"], "Go: %.0f KiB" % g["anonymous"],
          "1/%.0f" % (g["anonymous"] / h["anonymous"]), "told", True)
    b.row("warm invocation, p50", "%.1f µs" % h["warm"], "Go: %.1f µs" % g["warm"], "%.2f×" % (h["warm"] / g["warm"]),
          "told", True)
    b.row("system calls an invocation", "%.2f" % h["calls"], "Go: %.2f" % g["calls"], "", "≤ 5", h["calls"] <= 5)
    b.row("allocs/op (malloc, calloc, realloc)", "%g" % r["counted"]["allocs"], "", "", "0", r["counted"]["allocs"] == 0)
    b.row("hello, static, stripped", "%d B" % size, "", "", "≤ 32 KB", size <= 32 << 10)
