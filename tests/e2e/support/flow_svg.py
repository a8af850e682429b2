# SPDX-License-Identifier: Apache-2.0
"""flow_svg.py DIR FILE...: drawings of state machines in Chromium. Prints what is wrong; exit 1 if anything is. Pictures
of the first one go to DIR."""
import os
import sys
import xml.etree.ElementTree as ET

from browser import Browser
from compare_page import check, quiet, wrong

# For each state its box and its texts, as the browser lays them out; the states it lies in.
STATES = r"""
[...document.querySelectorAll("g.state")].map(g => {
    const box = r => ({x: r.x, y: r.y, w: r.width, h: r.height});
    return {
        name: g.querySelector(":scope > title").textContent,
        label: g.getAttribute("aria-label"),
        up: g.parentElement.closest("g.state")?.querySelector(":scope > title").textContent ?? null,
        box: box(g.querySelector(":scope > .box").getBBox()),
        kind: box(g.querySelector(":scope > .kind").getBBox()),
        texts: [...g.querySelectorAll(":scope > text")].map(t => ({...box(t.getBBox()), text: t.textContent})),
        sheets: [...g.querySelectorAll(":scope > .sheet")].map(s => box(s.getBBox())),
    };
})
"""
LABELS = r"""
[...document.querySelectorAll("text.label")].map(t => {
    const r = t.getBBox();
    return {x: r.x, y: r.y, w: r.width, h: r.height, text: t.textContent,
            up: t.parentElement.closest("g.state")?.querySelector(":scope > title").textContent ?? null};
})
"""
VIEW = "(() => { const v = document.documentElement.viewBox.baseVal; return {x: v.x, y: v.y, w: v.width, h: v.height}; })()"
# Each text on what it stands on: WCAG 2.1, 1.4.3.
CONTRAST = r"""
(() => {
    const lum = c => c.match(/[\d.]+/g).map(Number).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const out = [];
    for (const t of document.querySelectorAll("text")) {
        const state = t.closest("g.state");
        const behind = state ? getComputedStyle(state.querySelector(":scope > .box")).fill :
            getComputedStyle(document.documentElement).backgroundColor;
        const a = lum(getComputedStyle(t).fill), b = lum(behind);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) out.push(ratio.toFixed(2) + " " + t.textContent);
    }
    return out;
})()
"""


def inside(a, b):
    return (a["x"] >= b["x"] - 1 and a["y"] >= b["y"] - 1 and a["x"] + a["w"] <= b["x"] + b["w"] + 1 and
            a["y"] + a["h"] <= b["y"] + b["h"] + 1)


def apart(a, b):
    return (a["x"] + a["w"] <= b["x"] + 1 or b["x"] + b["w"] <= a["x"] + 1 or
            a["y"] + a["h"] <= b["y"] + 1 or b["y"] + b["h"] <= a["y"] + 1)


def one(b, path):
    name = os.path.basename(path)
    root = ET.parse(path).getroot()
    check(root.tag == "{http://www.w3.org/2000/svg}svg", name + ": is no SVG")
    for e in root.iter():
        check(e.tag.split("}")[1] in ("svg", "title", "style", "defs", "marker", "path", "g", "rect", "circle", "text"),
              "%s: <%s>" % (name, e.tag))
        check(not any(k.split("}")[-1] == "href" or k.startswith("on") for k in e.attrib), "%s: %s" % (name, e.attrib))
    b.open(path, script=True)
    quiet(b, path, name)
    view, states, labels = b.evaluate(VIEW), b.evaluate(STATES), b.evaluate(LABELS)
    check(states, name + ": no states")
    by_name = {s["name"]: s for s in states}
    for i, s in enumerate(states):
        at = "%s: %s" % (name, s["name"])
        check(s["label"], at + " says nothing to who does not see it")
        check(inside(s["box"], view), at + " sticks out")
        for t in s["texts"]:
            check(inside(t, s["box"]), "%s: '%s' sticks out of its box" % (at, t["text"]))
            check(apart(t, s["kind"]), "%s: '%s' is covered by the dot" % (at, t["text"]))
        if s["up"]:
            check(any(inside(s["box"], sheet) for sheet in by_name[s["up"]]["sheets"]), at + " leaves " + s["up"])
        for o in states[i + 1:]:
            if s["up"] == o["up"]:
                check(apart(s["box"], o["box"]), "%s covers %s" % (at, o["name"]))
    for i, t in enumerate(labels):
        at = "%s: '%s'" % (name, t["text"])
        check(inside(t, view), at + " sticks out")
        for s in states:
            if s["up"] == t["up"]:
                check(apart(t, s["box"]), "%s covers %s" % (at, s["name"]))
        for o in labels[i + 1:]:
            check(apart(t, o), "%s covers '%s'" % (at, o["text"]))


def main(where, paths):
    with Browser() as b:
        for path in paths:
            one(b, path)
        grounds = set()
        for dark in (False, True):
            b.open(paths[0], dark=dark)
            bad = b.evaluate(CONTRAST)
            check(bad == [], "hard to read, dark %s: %s" % (dark, bad))
            grounds.add(b.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
            b.screenshot(os.path.join(where, "flow-%s.png" % ("dark" if dark else "light")))
        check(len(grounds) == 2, "light and dark are the same")
        names = [n.get("name", {}).get("value", "") for n in b.call("Accessibility.getFullAXTree")["nodes"]
                 if not n.get("ignored")]
        check(any(n.startswith("Reserve stock, Task: stock. done, ") for n in names), "names: %s" % names)
    for w in wrong:
        print(w)
    return bool(wrong)


sys.exit(main(sys.argv[1], sys.argv[2:]))
