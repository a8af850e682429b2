# SPDX-License-Identifier: Apache-2.0
"""local_page.py WHAT URL [DIR]: the page of a running slsc local, which serves support/act.c as act. Prints what is
wrong; exit 1 if anything is."""
import http.client
import json
import os
import socket
import sys
import threading
import time
import urllib.parse
import urllib.request

from browser import Browser
from compare_page import CONTRAST, OVERFLOW, check, wrong

URL = sys.argv[2]
ADDRESS = urllib.parse.urlsplit(URL)


def invoke(event):
    """The answer's body and the id of its request."""
    request = urllib.request.Request(URL + "/2015-03-31/functions/act/invocations", json.dumps(event).encode())
    with urllib.request.urlopen(request) as answer:
        return answer.read(), answer.headers["x-amzn-RequestId"]


class Events:
    """The stream of events, as a browser reads it. @room: bytes that the kernel keeps for us."""

    def __init__(self, room=None):
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(30)
        self.socket.connect((ADDRESS.hostname, ADDRESS.port))
        self.socket.sendall(b"GET /_slsc/events HTTP/1.1\r\nHost: %s\r\n\r\n" % ADDRESS.netloc.encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()

    def next(self):
        """(name, data, when it came)"""
        name = data = None
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and name:
                return name, data, time.monotonic()

    def until(self, good):
        """All events up to the first that is what we look for."""
        got = []
        while not got or not good(got[-1]):
            got.append(self.next())
        return got

    def close(self):
        self.answer.close()
        self.socket.close()


def over(event, id_):
    return any(c["id"] == id_ for c in event[1].get("invocations", []))


def events(_):
    """A state, then what has changed: the instance that starts, the invocation that runs, that is over, its line."""
    e = Events()
    check(e.answer.headers["Content-Type"] == "text/event-stream", "type: %s" % e.answer.headers["Content-Type"])
    name, state, _ = e.next()
    check(name == "state" and [f["name"] for f in state["functions"]] == ["act"], "first: %s %s" % (name, state))
    check("lines" not in state and state["instances"] == [], "what there is at first: %s" % state)
    _, one = invoke({"do": "log", "n": 1})
    got = e.until(lambda ev: over(ev, one) and ev[1]["lines"])
    call = [c for c in got[-1][1]["invocations"] if c["id"] == one][0]
    check((call["outcome"], call["cold"], call["instance"], call["seq"]) == ("ok", True, 1, 1), "over: %s" % call)
    line = got[-1][1]["lines"][0]
    check((line["text"], line["id"], line["trace"]) == ("line 0", one, call["trace"]), "line: %s" % line)
    # one that takes its time is seen while it runs
    got = []
    slow = threading.Thread(target=lambda: got.append(invoke({"do": "sleep", "n": 700})))
    slow.start()
    seen = e.until(lambda ev: any(i["invocations"] for i in ev[1]["instances"]))[-1][1]
    busy = [i for i in seen["instances"] if i["invocations"]][0]
    check(busy["state"] == "busy" and seen["functions"][0]["active"] == 1, "running: %s" % seen)
    id_ = busy["invocations"][0]["id"]
    seen = e.until(lambda ev: over(ev, id_))[-1][1]
    slow.join()
    check(got[0][1] == id_, "the one that ran is another")
    check([c["duration_ms"] >= 700 for c in seen["invocations"]] == [True], "took: %s" % seen)
    # an instance that ends is in its function's list no more
    _, id_ = invoke({"do": "exit", "n": 3})
    got = e.until(lambda ev: ev[1]["functions"] and ev[1]["functions"][0]["instances"] == [] and
                  ev[1]["functions"][0]["errors"] == 1)
    calls = [c for ev in got for c in ev[1]["invocations"] if c["id"] == id_]
    check([(c["outcome"], c["error"]) for c in calls] == [("exit", "Runtime.ExitError")], "exit: %s" % calls)
    # many come in few events: fewer than what is kept, so that none can be missed
    began = time.monotonic()
    ids = [invoke({})[1] for _ in range(150)]
    got = e.until(lambda ev: over(ev, ids[-1]))
    spent = got[-1][2] - began
    check(len(got) <= spent * 10 + 2, "%d events in %.2f s" % (len(got), spent))
    times = [ev[2] for ev in got]
    check(all(ev[0] == "update" for ev in got), "no update: %s" % [ev[0] for ev in got])
    told = [c["id"] for ev in got for c in ev[1]["invocations"]]
    check(told == ids, "told of %d of 150, not of %s" % (len(told), [n for n, i in enumerate(ids) if i not in told]))
    check(times == sorted(times), "out of order")
    e.close()


def memory(pid):
    with open("/proc/%s/status" % pid) as f:
        return [int(line.split()[1]) for line in f if line.startswith("VmRSS")][0] * 1024


def state():
    with urllib.request.urlopen(URL + "/_slsc/state") as answer:
        return json.load(answer)


def slow(pid):
    """Who does not read costs no more than what is kept anyway, is told, and gets all anew when it has read."""
    # what the platform itself keeps of lines is there before we look
    for _ in range(2):
        invoke({"do": "flood", "n": 1})
    state()
    e = Events(4096)
    before, done = memory(pid), 2
    end = time.monotonic() + 60
    while state()["readers"] != {"all": 1, "behind": 1} and time.monotonic() < end:
        invoke({"do": "flood", "n": 1})
        done += 1
    check(time.monotonic() < end, "it is never behind")
    for _ in range(20):
        invoke({"do": "flood", "n": 1})
        done += 1
    grown = memory(pid) - before
    check(grown < 6 << 20, "grew by %.1f MB while one does not read" % (grown / 1e6))
    e.until(lambda ev: ev[0] == "lost")
    got = e.next()
    check(got[0] == "state" and len(got[1]["invocations"]) == min(200, done), "after what was lost: %s of %d" %
          (got[0], len(got[1].get("invocations", []))))
    # and from here on it is told again, with how much it has missed
    _, id_ = invoke({})
    got = e.until(lambda ev: over(ev, id_))
    check(all(ev[0] == "update" for ev in got), "after that: %s" % [ev[0] for ev in got])
    check(any(ev[1].get("skipped", 0) > 1000 for ev in got), "nothing is said of the lines it has missed")
    e.close()


def readers(_):
    """So many and no more; one who leaves makes room."""
    all_ = [Events() for _ in range(32)]
    check([e.next()[0] for e in all_] == ["state"] * 32, "not all have a state")
    check(Events().answer.status == 503, "the 33rd is served")
    _, id_ = invoke({})
    check(all(over(e.until(lambda ev: over(ev, id_))[-1], id_) for e in all_), "not all are told")
    for e in all_:
        e.close()
    end = time.monotonic() + 20
    while Events().answer.status != 200 and time.monotonic() < end:
        invoke({})
    check(time.monotonic() < end, "there is no room after 32 have left")


# ---- in the browser ----

def quiet(b, how):
    """Nothing was asked for but our own, and nothing was complained of."""
    for m in b.events:
        params = m.get("params", {})
        if m.get("method") == "Network.requestWillBeSent":
            url = params["request"]["url"]
            check(url.startswith(URL + "/_slsc/") or url.startswith("data:") or url == "about:blank",
                  "%s: asks for %s" % (how, url))
        elif m.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening",
                                 "Runtime.consoleAPICalled"):
            check(False, "%s: %s" % (how, params))


def until(b, script, what, seconds=15):
    """@script becomes true without a reload; then its value."""
    end = time.monotonic() + seconds
    while True:
        value = b.evaluate(script)
        if value:
            return value
        if time.monotonic() > end:
            check(False, "never seen: " + what)
            print(b.evaluate("document.body.innerText"), file=sys.stderr)
            return None


LIVE = "document.getElementById('status').textContent === 'live'"


def row(id_):
    return ("[...document.querySelectorAll('#invocations tbody tr')]"
            ".find(r => r.cells[0].firstChild.dataset.id === '%s')" % id_)


def cell(id_, n):
    return "(%s ? %s.cells[%d].textContent.trim() : '')" % (row(id_), row(id_), n)


LOG = "[...document.querySelectorAll('#log .line')].map(l => l.textContent)"


def live(b):
    """Without a reload: rows, outcomes, lines, instances, sums; filters by click and by key."""
    b.open(URL + "/_slsc/")
    until(b, LIVE, "the state")
    check(b.evaluate("document.querySelectorAll('#invocations tbody tr').length") == 0, "rows before anything was done")
    b.evaluate("window.stays = true")
    _, one = invoke({"do": "log", "n": 2})
    until(b, cell(one, 2) + ".startsWith('ok cold')", "the first invocation's outcome")
    check(until(b, LOG + ".join()", "its lines") == "line 0,line 1", "lines: %s" % b.evaluate(LOG))
    _, bad = invoke({"do": "fail"})
    until(b, cell(bad, 2) + ".startsWith('error')", "an error's outcome")
    check("Function.NotToday" in b.evaluate(cell(bad, 2)), "its type: %s" % b.evaluate(cell(bad, 2)))
    until(b, "document.querySelector('#functions tbody td:nth-child(3)')?.textContent === '1'", "a function's errors")
    _, gone = invoke({"do": "exit", "n": 3})
    until(b, cell(gone, 2) + ".startsWith('exit')", "an exit's outcome")
    until(b, "!document.querySelector('#instances tbody tr')", "that its instance is gone")
    _, again = invoke({"do": "log", "n": 1})
    until(b, "document.querySelector('#instances tbody th')?.textContent === 'act 2'", "a second instance")
    until(b, "document.querySelector('#instances .tag')?.textContent === 'idle'", "its state")
    check(b.evaluate("document.querySelectorAll('#latency circle').length") == 4, "dots of latency")
    check(b.evaluate("document.querySelectorAll('#memory .trend').length") >= 1, "no line of memory")
    sums = b.evaluate("document.querySelector('#totals').innerText.replace(/\\s+/g, ' ')")
    check(sums.endswith("Invocations 4 Errors 2"), "sums: %s" % sums)
    # a request that is clicked: its own lines alone, and what it took
    b.evaluate(row(one) + ".cells[0].firstChild.click()")
    check(b.evaluate(LOG) == ["line 0", "line 1"], "of one request: %s" % b.evaluate(LOG))
    check(one in b.evaluate("document.getElementById('detail').innerText"), "no details")
    trace = b.evaluate(row(bad) + ".cells[6].firstChild.dataset.id")
    b.evaluate(row(bad) + ".cells[6].firstChild.click()")
    check(len(trace) == 32 and len(b.evaluate(LOG)) == 1 and "it is Sunday" in b.evaluate(LOG)[0],
          "of one trace: %s" % b.evaluate(LOG))
    # what comes while a filter is on is filtered, too
    _, other = invoke({"do": "log", "n": 3})
    until(b, cell(other, 2), "another one")
    check(len(b.evaluate(LOG)) == 1, "the filter lets others through: %s" % b.evaluate(LOG))
    b.key("Escape")
    check(len(b.evaluate(LOG)) == 8 and any(gone in line and "exit status 3" in line for line in b.evaluate(LOG)),
          "all again: %s" % b.evaluate(LOG))
    # by text and by keys alone
    b.key("/", "Slash")
    check(b.evaluate("document.activeElement.id") == "by-text", "/ does not lead to the text")
    for c in "LINE 2":
        b.key(c, text=c)
    check(b.evaluate(LOG) == ["line 2"], "of a text: %s" % b.evaluate(LOG))
    b.key("Escape")
    b.evaluate("document.querySelector('#invocations th button[tabindex=\"0\"]').focus()")
    b.key("ArrowDown")
    b.key("Enter", text="\r")
    at = b.evaluate("[...document.querySelectorAll('#invocations tbody tr')].findIndex(r => r.className === 'chosen')")
    check(at >= 0 and b.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true", "arrows and Enter")
    b.key("Escape")
    b.evaluate("document.querySelector('#functions button').click()")
    check(b.evaluate("document.getElementById('by-function').value") == "act", "a function that is clicked")
    # one that runs is shown while it does, and its row is the same when it is over
    slow_ = threading.Thread(target=invoke, args=({"do": "sleep", "n": 1500},))
    slow_.start()
    until(b, "document.querySelector('#invocations tbody .tag')?.textContent === 'running'", "one that runs")
    b.evaluate("window.was = document.querySelector('#invocations tbody tr')")
    until(b, "document.querySelector('#instances .tag')?.textContent === 'busy'", "its instance")
    slow_.join()
    until(b, "document.querySelector('#invocations tbody .tag')?.textContent === 'ok'", "that it is over")
    check(b.evaluate("window.was === document.querySelector('#invocations tbody tr')"), "its row is another")
    check(b.evaluate("window.stays"), "the page was loaded anew")
    quiet(b, "live")


def hostile(b):
    """What a function prints is text."""
    invoke({"do": "print", "text": "<img src=x onerror=alert(1)><script>alert(2)</script>"})
    b.open(URL + "/_slsc/")
    until(b, LOG + ".length", "its line")
    check("<script>alert(2)</script>" in b.evaluate(LOG)[0], "as it was: %s" % b.evaluate(LOG))
    check(b.evaluate("document.querySelectorAll('img, #log script').length") == 0, "it is no text")
    quiet(b, "hostile")


def looks(b, where):
    """Readable on a phone and on a large screen, by day and by night; names for what is operated or drawn."""
    for n in (1, 5, 9, 20):
        invoke({"do": "log", "n": n})
        invoke({"do": "memory", "n": n})
        invoke({"do": "sleep", "n": 7 * n})
    _, bad = invoke({"do": "fail"})
    urllib.request.urlopen(URL + "/act/some/path?q=1").read()
    invoke({"do": "exit", "n": 1})
    invoke({"do": "sleep", "n": 1})
    for width in (400, 1600):
        for dark in (False, True):
            how = "%d %s" % (width, "dark" if dark else "light")
            b.open(URL + "/_slsc/", width, dark)
            until(b, "!!" + row(bad), "a row")
            for chosen in (False, True):
                if chosen:
                    b.evaluate(row(bad) + ".cells[0].firstChild.click()")
                check(b.evaluate("innerWidth") == width, how + ": the window is %s wide" % b.evaluate("innerWidth"))
                check(b.evaluate("document.documentElement.scrollWidth") == width, how + ": it scrolls sideways")
                out = b.evaluate(OVERFLOW)
                check(out == [], how + ": out of the window: %s" % out)
                seen, hard = b.evaluate(CONTRAST)
                check(seen > 100, how + ": only %d texts" % seen)
                check(hard == [], how + ": hard to read: %s" % hard)
            # the first one has what scrolls drawn outside of the window, too
            b.screenshot(os.devnull)
            b.screenshot(os.path.join(where, "local-%s.png" % how.replace(" ", "-")))
            quiet(b, how)
    named = ("button", "image", "region", "heading", "rowheader", "columnheader", "link", "combobox", "searchbox",
             "log", "search")
    for node in b.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in named:
            name = node.get("name", {}).get("value", "").strip()
            check(name, "a %s without a name: %s" % (role, node.get("properties")))
    levels = b.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    check(levels[0] == 1 and levels.count(1) == 1 and all(y <= x + 1 for x, y in zip(levels, levels[1:])),
          "headings: %s" % levels)


def back(b, pipe):
    """The server ends and another comes on the same port: the page goes on by itself. Lines on stdin and stdout."""
    b.open(URL + "/_slsc/")
    until(b, LIVE, "the state")
    _, one = invoke({"do": "log", "n": 1})
    until(b, "!!" + row(one), "a row")
    print("end it", flush=True)
    sys.stdin.readline()
    until(b, "document.getElementById('status').textContent.startsWith('not connected')", "that it is gone")
    print("start it", flush=True)
    sys.stdin.readline()
    until(b, LIVE, "that it is back", 30)
    until(b, "!" + row(one), "that the rows of another run are gone")
    _, two = invoke({"do": "log", "n": 1})
    until(b, "!!" + row(two), "a row of this run")
    check(len(b.evaluate(LOG)) == 1, "lines of another run")


if __name__ == "__main__":
    what, more = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None
    if what in ("events", "slow", "readers"):
        globals()[what](more)
    else:
        with Browser() as browser:
            globals()[what](*([browser, more] if more else [browser]))
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)
