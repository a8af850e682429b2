# SPDX-License-Identifier: Apache-2.0
"""scale_page.py DIR WHAT=PAGE...: the page of a simulation in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night; no drawing leaves its box."""
    compare_page.looks(b, path, where, texts=60)
    b.open(path, 400)
    check(b.evaluate("[...document.querySelectorAll('.plot')].every(p => { const r = p.getBoundingClientRect(); "
                     "return r.width > 250 && r.height > 40; })"), "plots are too small on a phone")
    check(b.evaluate("[...document.querySelectorAll('.plot path')].every(p => p.getBBox().width > 0 && "
                     "p.getBBox().x >= 0 && p.getBBox().x + p.getBBox().width <= 100.1 && p.getBBox().y >= -0.1 && "
                     "p.getBBox().y + p.getBBox().height <= 100.1)"), "a drawing leaves its box")


def sorts(b, path):
    """The table of policies, by the number of its p99."""
    b.open(path)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[4].firstChild.click()")
    got = b.evaluate("[...document.querySelector('table.grid').tBodies[0].rows].map(r => Number(r.cells[4].dataset.v))")
    check(len(got) == 5 and got == sorted(got), "by p99: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """A trace whose name means mischief is shown, and nothing else comes of it."""
    b.open(path)
    quiet(b, path, "hostile")
    check(b.evaluate("document.scripts.length") == 1, "another script")
    check(b.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base, form, a').length") == 0,
          "elements out of names")
    check(b.evaluate("document.body.textContent.includes('<script>alert(1)<')"), "not shown")


compare_page.main({"looks": looks, "sorts": sorts, "hostile": hostile})
