# SPDX-License-Identifier: Apache-2.0
"""bench_page.py DIR WHAT=PAGE...: a benchmark's page in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night."""
    compare_page.looks(b, path, where, texts=100)
    b.open(path, 400)
    check(b.evaluate("[...document.querySelectorAll('.plot')].every(p => { const r = p.getBoundingClientRect(); "
                     "return r.width > 250 && r.height > 40; })"), "plots are too small on a phone")
    check(b.evaluate("[...document.querySelectorAll('.plot path')].every(p => p.getBBox().width > 0 && "
                     "p.getBBox().x >= 0 && p.getBBox().x + p.getBBox().width <= 100.1 && p.getBBox().y >= -0.1 && "
                     "p.getBBox().y + p.getBBox().height <= 100.1)"), "a drawing leaves its box")


def names(b, path):
    """What a screen reader gets."""
    b.open(path)
    count = {}
    for node in b.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored"):
            continue
        count[role] = count.get(role, 0) + 1
        if role in ("button", "image", "region", "heading", "rowheader", "columnheader"):
            check(node.get("name", {}).get("value", "").strip(), "a %s without a name" % role)
    for role, least in (("main", 1), ("banner", 1), ("table", 2), ("columnheader", 18), ("rowheader", 8),
                        ("image", 8), ("heading", 6)):
        check(count.get(role, 0) >= least, "%d of role %s" % (count.get(role, 0), role))


def sorts(b, path):
    """The table of latencies, by number."""
    b.open(path)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[4].firstChild.click()")
    got = b.evaluate("[...document.querySelector('table.grid').tBodies[0].rows].map(r => Number(r.cells[4].dataset.v))")
    check(len(got) > 5 and got == sorted(got), "by p50: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """Names that mean mischief are shown, and nothing else comes of them."""
    b.open(path)
    quiet(b, path, "hostile")
    check(b.evaluate("document.scripts.length") == 1, "another script")
    check(b.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base, form, a').length") == 0,
          "elements out of names")
    check(b.evaluate("document.body.textContent.includes('<script>alert(1)</script>')"), "not shown")


compare_page.main({"looks": looks, "names": names, "sorts": sorts, "hostile": hostile})
