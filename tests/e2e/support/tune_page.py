# SPDX-License-Identifier: Apache-2.0
"""tune_page.py DIR WHAT=PAGE...: the page of a sweep in Chromium, pages and pictures in DIR.
See main() of compare_page.py."""
import compare_page
from compare_page import check, quiet

POINTS = "[...document.querySelectorAll('.scatter circle')].map(c => { const r = c.getBoundingClientRect(); " \
         "return [r.left + r.width / 2, r.top + r.height / 2, r.width, r.height]; })"


def looks(b, path, where):
    """Readable on a phone and on a large screen, by day and by night."""
    compare_page.looks(b, path, where, texts=60)
    for width in (400, 1600):
        b.open(path, width)
        box = b.evaluate("(() => { const r = document.querySelector('.scatter').getBoundingClientRect(); "
                         "return [r.left, r.top, r.right, r.bottom]; })()")
        points = b.evaluate(POINTS)
        check(len(points) == 7, "%d points" % len(points))
        check(all(box[0] < x < box[2] and box[1] < y < box[3] for x, y, _, _ in points), "a point leaves the picture")
        check(all(abs(w - h) < 0.5 for _, _, w, h in points), "points are not round")
        texts = b.evaluate("[...document.querySelectorAll('.scatter text')].map(t => { const r = "
                           "t.getBoundingClientRect(); return [t.textContent, r.left, r.top, r.right, r.bottom]; })")
        check(len(texts) > 8, "%d texts in the picture" % len(texts))
        for text, left, top, right, bottom in texts:
            check(left >= -0.5 and right <= width + 0.5 and top >= box[1] - 1 and bottom <= box[3] + 1,
                  "%d: '%s' leaves the picture" % (width, text))
    # one chosen, three more on the front, what failed or was dropped apart
    count = b.evaluate("['chosen', 'front', 'any', 'out'].map(c => document.querySelectorAll('.scatter g.' + c).length)")
    check(count[0] == 1 and count[1] >= 2 and count[3] == 2 and sum(count) == 7, "points by kind: %s" % count)


def names(b, path):
    """What a screen reader gets."""
    compare_page.roles(b, path, {"table": 1, "columnheader": 11, "rowheader": 8, "image": 1, "heading": 4})


def sorts(b, path):
    """The table of settings, by p99: what has none comes last."""
    b.open(path)
    got = compare_page.by_number(b, 2)
    check(len(got) == 8 and got[7] is None and got[:7] == sorted(got[:7]), "by p99: %s" % got)
    quiet(b, path, "sorting")


def plain(b, path):
    """Without script the picture and the table are there."""
    b.open(path, 400, script=False)
    check(b.evaluate("document.querySelectorAll('.scatter circle').length") == 7, "no picture")
    check(b.evaluate("document.querySelectorAll('button').length") == 0, "dead buttons")


def hostile(b, path):
    """Names that mean mischief are shown, and nothing else comes of them."""
    compare_page.harmless(b, path, "<script>alert(1)</script>")


compare_page.main({"looks": looks, "names": names, "sorts": sorts, "plain": plain, "hostile": hostile})
