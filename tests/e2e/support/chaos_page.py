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
    b.open(path)
    count = {}
    for node in b.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored"):
            continue
        count[role] = count.get(role, 0) + 1
        if role in ("button", "image", "region", "heading", "rowheader", "columnheader"):
            check(node.get("name", {}).get("value", "").strip(), "a %s without a name" % role)
    for role, least in (("main", 1), ("banner", 1), ("table", 2), ("columnheader", 9), ("rowheader", 8), ("image", 3),
                        ("heading", 6)):
        check(count.get(role, 0) >= least, "%d of role %s" % (count.get(role, 0), role))
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[3].firstChild.click()")
    got = b.evaluate("[...document.querySelector('table.grid').tBodies[0].rows].map(r => Number(r.cells[3].dataset.v))")
    check(len(got) > 5 and got == sorted(got), "by what was met: %s" % got)
    quiet(b, path, "sorting")


def hostile(b, path):
    """What a plan says is shown, and nothing else comes of it."""
    b.open(path)
    quiet(b, path, "hostile")
    check(b.evaluate("document.scripts.length") == 1, "another script")
    check(b.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base, form, a').length") == 0,
          "elements out of a plan")
    check(b.evaluate("document.body.textContent.includes('<img src=x>')"), "not shown")


compare_page.main({"looks": looks, "names": names, "hostile": hostile})
