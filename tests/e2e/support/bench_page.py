# SPDX-License-Identifier: Apache-2.0
"""bench_page.py DIR WHAT=PAGE...: a benchmark's page in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night."""
    compare_page.looks(b, path, where, texts=100)
    compare_page.drawn(b, path)


def names(b, path):
    """What a screen reader gets."""
    compare_page.roles(b, path, {"table": 2, "columnheader": 18, "rowheader": 8, "image": 8, "heading": 6})


def sorts(b, path):
    """The table of latencies, by number."""
    b.open(path)
    got = compare_page.by_number(b, 4)
    check(len(got) > 5 and got == sorted(got), "by p50: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """Names that mean mischief are shown, and nothing else comes of them."""
    compare_page.harmless(b, path, "<script>alert(1)</script>")


compare_page.main({"looks": looks, "names": names, "sorts": sorts, "hostile": hostile})
