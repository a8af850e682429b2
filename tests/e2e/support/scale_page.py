# SPDX-License-Identifier: Apache-2.0
"""scale_page.py DIR WHAT=PAGE...: the page of a simulation in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night; no drawing leaves its box."""
    compare_page.looks(b, path, where, texts=60)
    compare_page.drawn(b, path)


def sorts(b, path):
    """The table of policies, by the number of its p99."""
    b.open(path)
    got = compare_page.by_number(b, 4)
    check(len(got) == 5 and got == sorted(got), "by p99: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """A trace whose name means mischief is shown, and nothing else comes of it."""
    compare_page.harmless(b, path, "<script>alert(1)<")


compare_page.main({"looks": looks, "sorts": sorts, "hostile": hostile})
