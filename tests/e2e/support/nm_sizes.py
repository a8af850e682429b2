#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nm_sizes.py VIEW ELF: whether the view --symbols of slsc inspect has for each symbol the bytes that `nm -S` says.

Symbols that share bytes with others (aliases, a function's parts) are left to test_elf_bytes.c, which has the rules. Of
several with one name the sum counts. Prints how many symbols have been compared, and of how many bytes.
"""

import collections
import json
import subprocess
import sys

NO_BYTES = "aAbBNvV"  # absolute, .bss, debug information, weak objects that may be in .bss


def nm(path):
    """Ranges of what has a size, and all names there are."""
    text = subprocess.check_output(["nm", "-S", "--defined-only", "--special-syms", path], text=True)
    fields = [line.split() for line in text.splitlines()]
    ranges = sorted((int(f[0], 16), int(f[0], 16) + int(f[1], 16), f[3]) for f in fields
                    if len(f) == 4 and f[2] not in NO_BYTES)
    return ranges, {f[-1] for f in fields}


def shared(ranges):
    """The names of ranges that overlap with another."""
    names, last = set(), None
    for r in ranges:
        if last and r[0] < last[1]:
            names |= {r[2], last[2]}
        last = max(last or r, r, key=lambda x: x[1])
    return names


def symbols(node):
    if node["kind"] == "symbol":
        yield node["name"], node["bytes"]
    for child in node.get("children", []):
        yield from symbols(child)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        view = json.load(f)
    ours, theirs = collections.Counter(), collections.Counter()
    for name, n in symbols(view):
        ours[name] += n
    ranges, names = nm(sys.argv[2])
    for begin, end, name in ranges:
        theirs[name] += end - begin
    for name in shared(ranges):
        del theirs[name]
    wrong = [f"{name}: {ours[name]} bytes, nm says {n}" for name, n in theirs.items() if ours[name] != n]
    wrong += [f"{name}: {n} bytes, unknown to nm" for name, n in ours.items() if name not in names]
    if wrong:
        sys.exit("\n".join(wrong))
    print(len(theirs), sum(theirs.values()))


main()
