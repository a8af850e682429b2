# SPDX-License-Identifier: Apache-2.0
"""compare_page.py DIR WHAT=PAGE...: a comparison's page in Chromium, pages and pictures in DIR.
DIR/WHAT.PAGE is what is wrong with each, a line for each fault; exit 1 if anything is."""
import json
import os
import sys

from browser import Browser

wrong = []


def check(good, what):
    if not good:
        wrong.append(what)


# Everything that is text, with what is behind it: WCAG 2.1, 1.4.3.
CONTRAST = r"""
(() => {
    const parse = c => c.match(/[\d.]+/g).map(Number);
    const lum = c => parse(c).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const opaque = c => { const p = parse(c); return p.length === 3 || p[3] === 1; };
    const behind = e => {
        if (e.closest("svg.map")) {
            return getComputedStyle(e.closest("svg").querySelector(":scope > rect")).fill;
        }
        for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (opaque(c)) return c;
        }
        return "rgb(255, 255, 255)";
    };
    const out = [];
    let seen = 0;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n; (n = walk.nextNode());) {
        const e = n.parentElement, style = getComputedStyle(e);
        if (!n.data.trim() || e.closest("script, title") || !e.getClientRects().length) continue;
        const svg = e.closest("svg"), size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 600;
        const a = lum(svg ? style.fill : style.color), b = lum(behind(e));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const enough = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
        seen++;
        if (ratio < enough) out.push(ratio.toFixed(2) + " " + n.data.trim().slice(0, 40));
        if (size < 11) out.push(size + "px " + n.data.trim().slice(0, 40));
    }
    return [seen, [...new Set(out)]];
})()
"""

# What sticks out of the window, but for what scrolls by itself and what a drawing clips.
OVERFLOW = r"""
[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll > *, svg *") &&
    e.getClientRects().length && (e.getBoundingClientRect().right > innerWidth + 0.5 ||
    e.getBoundingClientRect().left < -0.5)).map(e => e.tagName + "." + e.getAttribute("class"))
"""


def quiet(b, path, how):
    """Nothing was asked for but the page itself, and nothing was complained of."""
    for m in b.events:
        params = m.get("params", {})
        if m.get("method") == "Network.requestWillBeSent":
            url = params["request"]["url"]
            check(url == "file://" + os.path.abspath(path), "%s: asks for %s" % (how, url))
        elif m.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening",
                                 "Runtime.consoleAPICalled"):
            check(False, "%s: %s" % (how, params))


def looks(b, path, where, texts=200):
    """Readable on a phone and on a large screen, by day and by night."""
    backgrounds = set()
    for width in (400, 1600):
        for dark in (False, True):
            how = "%d %s" % (width, "dark" if dark else "light")
            b.open(path, width, dark)
            quiet(b, path, how)
            # whatever is folded is looked at, too
            b.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            check(b.evaluate("innerWidth") == width, how + ": the window is %s wide" % b.evaluate("innerWidth"))
            check(b.evaluate("document.documentElement.scrollWidth") == width, how + ": it scrolls sideways")
            out = b.evaluate(OVERFLOW)
            check(out == [], how + ": out of the window: %s" % out)
            seen, bad = b.evaluate(CONTRAST)
            check(seen > texts, how + ": only %d texts" % seen)
            check(bad == [], how + ": hard to read: %s" % bad)
            backgrounds.add((dark, b.evaluate("getComputedStyle(document.body).backgroundColor")))
            b.screenshot(os.path.join(where, "%d-%s.png" % (width, "dark" if dark else "light")))
    check(len(backgrounds) == 2, "light and dark are the same: %s" % backgrounds)


def roles(b, path, least):
    """What a screen reader gets: names for all that is operated or drawn, and at least so many of each role."""
    b.open(path)
    count = {}
    for node in b.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored"):
            continue
        count[role] = count.get(role, 0) + 1
        if role in ("button", "image", "region", "heading", "rowheader", "columnheader", "link"):
            name = node.get("name", {}).get("value", "").strip()
            check(name, "a %s without a name: %s" % (role, node.get("properties")))
    for role, n in {"main": 1, "banner": 1, **least}.items():
        check(count.get(role, 0) >= n, "%d of role %s" % (count.get(role, 0), role))


def by_number(b, column):
    """What a column of the page's table has after a click on its head; None: a row without it."""
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[%d].firstChild.click()" % column)
    return b.evaluate("[...document.querySelector('table.grid').tBodies[0].rows].map(r => "
                      "r.cells[%d] ? Number(r.cells[%d].dataset.v) : null)" % (column, column))


def drawn(b, path):
    """On a phone: drawings are large enough, and none leaves its box."""
    b.open(path, 400)
    check(b.evaluate("[...document.querySelectorAll('.plot')].every(p => { const r = p.getBoundingClientRect(); "
                     "return r.width > 250 && r.height > 40; })"), "plots are too small on a phone")
    check(b.evaluate("[...document.querySelectorAll('.plot path')].every(p => p.getBBox().width > 0 && "
                     "p.getBBox().x >= 0 && p.getBBox().x + p.getBBox().width <= 100.1 && p.getBBox().y >= -0.1 && "
                     "p.getBBox().y + p.getBBox().height <= 100.1)"), "a drawing leaves its box")


def harmless(b, path, text):
    """Names that mean mischief are shown, as this text is, and nothing else comes of them."""
    b.open(path)
    quiet(b, path, "hostile")
    check(b.evaluate("document.scripts.length") == 1, "another script")
    check(b.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base, form, a').length") == 0,
          "elements out of names")
    check(b.evaluate("document.body.textContent.includes(%s)" % json.dumps(text)), "not shown")


def names(b, path):
    """Headings and a language, too."""
    roles(b, path, {"table": 10, "columnheader": 18, "rowheader": 40, "image": 5, "region": 6, "button": 20})
    check(b.evaluate("document.documentElement.lang") == "en", "no language")
    levels = b.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    check(levels[0] == 1 and levels.count(1) == 1, "headings: %s" % levels)
    check(all(y <= x + 1 for x, y in zip(levels, levels[1:])), "headings skip a level: %s" % levels)


COLUMN = "[...document.querySelector('table.grid').tBodies[0].rows].map(r => (r.cells[%d] || r.cells[1]).textContent)"
SORTED = "[...document.querySelectorAll('table.grid')][0].tHead.rows[0].cells[%d].getAttribute('aria-sort')"


def sorts(b, path):
    """By click and by key; what is not known comes last in either direction."""
    b.open(path)
    before = b.evaluate(COLUMN % 0)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[1].firstChild.click()")
    check(b.evaluate(SORTED % 1) == "ascending", "not told that it is sorted")
    got = b.evaluate(COLUMN % 1)
    check([t.split("B")[0] for t in got[:6]] == ["★ 6.0 K", "★ 6.0 K", "★ 7.1 K", "15.2 K", "65.5 K", "699.1 K"],
          "ascending: %s" % got)
    check(got[6].startswith("failed"), "what failed is not last: %s" % got)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[1].firstChild.focus()")
    b.key("Enter", text="\r")
    got = b.evaluate(COLUMN % 1)
    check(b.evaluate(SORTED % 1) == "descending", "Enter does not sort")
    check(got[0].startswith("699.1 KB") and got[6].startswith("failed"), "descending: %s" % got)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[13].firstChild.click()")
    got = b.evaluate(COLUMN % 13)
    check(b.evaluate(SORTED % 1) is None and b.evaluate(SORTED % 13) == "ascending", "two are sorted")
    check(got[0].startswith("~ 0") and got[1].startswith("★ 0") and got[5] == "–",
          "by a column not all know: %s" % got)
    b.evaluate("document.querySelector('table.grid').tHead.rows[0].cells[0].firstChild.click()")
    check(sorted(b.evaluate(COLUMN % 0)) == sorted(before), "rows are lost")
    quiet(b, path, "sorting")


# The part of a map that what is below the enlarged group fills, 0 to 1 in both directions.
FILLED = r"""
(() => {
    const map = document.querySelectorAll("svg.map")[1], box = map.getBoundingClientRect();
    const seen = [...map.target.querySelectorAll("rect")].filter(r => r.parentNode !== map.target)
        .map(r => r.getBoundingClientRect()).filter(r => r.width > 0 && r.height > 0);
    const side = (a, b, least, most) => (Math.min(most, Math.max(...seen.map(b))) -
        Math.max(least, Math.min(...seen.map(a)))) / (most - least);
    return [seen.length, side(r => r.left, r => r.right, box.left, box.right),
            side(r => r.top, r => r.bottom, box.top, box.bottom)];
})()
"""


def zooms(b, path):
    """A group is enlarged and left again by keys alone, and fills the map meanwhile."""
    b.open(path)
    places = ("[...document.querySelectorAll('svg.map svg')].map(s => s.getAttribute('x') + "
              "s.getAttribute('height')).join()")
    before = b.evaluate(places)
    check(b.evaluate("document.querySelector('svg.map .g').tabIndex") == 0, "not reached by Tab")
    for depth, group in enumerate((".g", ".g .g")):
        b.evaluate("document.querySelectorAll('svg.map')[1].querySelector('%s').focus()" % group)
        b.key("Enter", text="\r")
        name = b.evaluate("document.activeElement.textContent")
        check(name.startswith("← "), "the way back is not focused: %s" % name)
        n, wide, high = b.evaluate(FILLED)
        check(n > 3 and wide > 0.97 and high > 0.97, "%d: %d tiles fill %.2f by %.2f" % (depth, n, wide, high))
    b.key("Escape")
    check(b.evaluate("document.activeElement.textContent").startswith("← debian"), "Escape leads a step back")
    b.key("Escape")
    check(b.evaluate("document.activeElement.getAttribute('aria-label')").startswith("enlarge debian"),
          "focus is lost on the way back")
    check(b.evaluate(places) == before, "tiles are not where they were")
    check(b.evaluate("document.querySelectorAll('svg.map [hidden], figcaption button').length") == 0, "not all is back")
    quiet(b, path, "enlarging")


def plain(b, path):
    """Without script: all tables and drawings, and nothing that promises what only a script does."""
    b.open(path, 400, script=False)
    check(b.evaluate("document.querySelectorAll('button, [role=button]').length") == 0, "dead buttons")
    check(b.evaluate("getComputedStyle(document.querySelector('.js')).display") == "none", "dead advice")
    check(b.evaluate("[...document.querySelectorAll('table.grid')].every(t => t.getBoundingClientRect().height > 100)"),
          "no tables")
    check(b.evaluate("document.querySelector('svg.map').getBoundingClientRect().height") == 380, "no map")
    check(b.evaluate("[...document.querySelectorAll('.bar rect')].every(r => r.getBoundingClientRect().width > 0)"),
          "no bars")


def hostile(b, path):
    """In a map, too, and the page's policy holds."""
    harmless(b, path, "<script>alert(1)</script>|`@all`#1\"'&")
    check(b.evaluate("[...document.querySelectorAll('svg.map title')].some(t => t.textContent.startsWith("
                     "']]>--></title></svg>: '))"), "not shown in a map")
    # the policy: what would be put in later does not run either
    b.evaluate("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.ran = 1\">x</p>');"
               "document.body.lastChild.click()")
    check(b.evaluate("window.ran") is None, "the policy lets handlers run")


def main(kinds):
    where, bad = sys.argv[1], False
    with Browser() as b:
        for what, page in (a.split("=", 1) for a in sys.argv[2:]):
            wrong.clear()
            try:
                kinds[what](b, os.path.join(where, page), *([where] if what == "looks" else []))
            except SystemExit as e:
                wrong.append(str(e))
            with open(os.path.join(where, "%s.%s" % (what, page)), "w", encoding="utf-8") as f:
                f.writelines("%s\n" % line for line in wrong)
            for line in wrong:
                print("%s of %s: %s" % (what, page, line))
            bad = bad or bool(wrong)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main({"looks": looks, "names": names, "sorts": sorts, "zooms": zooms, "plain": plain, "hostile": hostile})
