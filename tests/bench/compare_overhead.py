# SPDX-License-Identifier: Apache-2.0
"""What slsc compare takes beyond the builds, packages and starts that it measures. A part of bench.py."""

import json
import subprocess
import time


def bench(b, d, slsc):
    """@d: the project hello."""
    argv = [slsc, "-C", d, "compare", "--arch", "x86_64", "--strategies", "project,small,static-glibc,scratch", "--json"]
    begun = time.monotonic()
    out = subprocess.run(argv, env=b.env, check=True, capture_output=True, text=True).stdout
    wall = time.monotonic() - begun
    rows = json.loads(out)["rows"]
    own = sum(r["values"]["package"] for r in rows)
    own += sum(r["values"]["build"] + sum(r["samples"]) / 1e6 for r in rows if r["same_binary"] is None)
    b.row("compare of 4 strategies, 200 starts each: all of it", f"{wall:.2f} s", f"builds, packages, starts {own:.2f} s",
          f"{wall / own:.3f}×", "≤ 1.05×", wall <= 1.05 * own)
