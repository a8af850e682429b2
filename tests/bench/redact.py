# SPDX-License-Identifier: Apache-2.0
"""The template redact at the edge: the size of its module, and the time to its first answer in Node. A part of bench.py.

Each time is of a process of its own: the module is compiled, instantiated, and answers one record.
"""

import json
import os
import statistics
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
SOURCES = os.path.join(os.path.dirname(HERE), "e2e", "support", "redact_sources")
KEY = {"REDACT_KEY": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}
RECORD = ('{"time":"2026-07-11T10:16:37Z","level":"info","user":{"id":7,"email":"ada@example.com"},"ip":"192.0.2.1",'
          '"password":"hunter2","message":"card 4111 1111 1111 1111"}\n')


def bench(b, tmp, slsc):
    b.sh(tmp, SOURCES, b.env["SLSC_CACHE_DIR"])
    b.sh(tmp, slsc, "init", "redact", "--template", "redact")
    project = os.path.join(tmp, "redact")
    b.sh(project, slsc, "-q", "build", "--arch", "wasm32")
    module = ".slsc/release/wasm32/redact"
    size = os.path.getsize(os.path.join(project, module))
    with open(os.path.join(project, "event"), "w", encoding="utf-8") as f:
        f.write(RECORD)
    times = []
    for _ in range(b.runs):
        out = b.sh(project, "node", "--no-warnings", os.path.join(HERE, "redact.mjs"), module, "event", "answer", env=KEY)
        times.append([float(x) for x in out.split()])
        with open(os.path.join(project, "answer"), encoding="utf-8") as f:
            answer = json.load(f)
        if answer["message"] != "card [card]" or not answer["ip"].startswith("enc:v1:"):
            sys.exit("bench: redact answers %r" % answer)
    compiled, ready, run, total = (sorted(t) for t in zip(*times))
    p50, p90 = statistics.median(total), total[len(total) * 9 // 10]
    b.section("WebAssembly: the template redact")
    b.row("size of the module", "%.1f KB" % (size / 1024), "", "", "≤ 1.2 MB", size <= 1.2 * 1024 * 1024)
    b.row("its first answer in Node, p50 (p90, worst): compiled %.1f, instantiated %.1f, run %.1f ms"
          % (statistics.median(compiled), statistics.median(ready), statistics.median(run)),
          "%.1f ms (%.1f, %.1f)" % (p50, p90, total[-1]), "", "", "≤ 8 ms", p50 <= 8)
