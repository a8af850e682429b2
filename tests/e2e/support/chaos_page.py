# SPDX-License-Identifier: Apache-2.0
"""chaos_page.py DIR WHAT=PAGE...: the page of a chaos run in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night."""
    compare_page.looks(b, path, where, texts=60)
    for width in (400, 1600):
        b.open(path, width)
        check(b.evaluate("[...document.querySelectorAll('.plot path')].every(p => p.getBBox().x >= 0 && "
                         "p.getBBox().width > 0 && p.getBBox().x + p.getBBox().width <= 100.1)"),
              "a drawing leaves its box at %d" % width)


def names(b, path):
    """What a screen reader gets; and the table of the timeline by number."""
    compare_page.roles(b, path, {"table": 2, "columnheader": 9, "rowheader": 8, "image": 3, "heading": 6})
    got = compare_page.by_number(b, 3)
    check(len(got) > 5 and got == sorted(got), "by what was met: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """What a plan says is shown, and nothing else comes of it."""
    compare_page.harmless(b, path, "<img src=x>")


compare_page.main({"looks": looks, "names": names, "hostile": hostile})
