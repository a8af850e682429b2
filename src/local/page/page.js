/* What slsc local does, from its events: drawn ten times a second at most, and only while it is looked at. */
(function () {
	"use strict";
	const MINUTES = 5, CALLS = 200, LINES = 1000, SHOWN = 500, ROWS = 200, TRENDS = 12, SVG = "http://www.w3.org/2000/svg";
	const functions = new Map(), instances = new Map(), trends = new Map(), heat = new Map();
	let calls = [], lines = [], last = 0, started = 0, skew = 0, live = false, drawn = 0, waiting = false;
	let rule = { seconds: 5, first: 13 };
	const filter = { function: "", text: "", id: "", trace: "" };

	function $(id) {
		return document.getElementById(id);
	}

	function el(name, attributes, ...children) {
		const e = document.createElement(name);
		for (const key in attributes) {
			e.setAttribute(key, attributes[key]);
		}
		e.append(...children);
		return e;
	}

	function svg(name, attributes, text) {
		const e = document.createElementNS(SVG, name);
		for (const key in attributes) {
			e.setAttribute(key, attributes[key]);
		}
		if (text !== undefined) {
			e.textContent = text;
		}
		return e;
	}

	function now() {
		return Date.now() + skew;
	}

	/* What does not change is not touched: a selection stays, and a screen reader is quiet. */
	function put(e, text) {
		text = String(text);
		if (e.textContent !== text) {
			e.textContent = text;
		}
	}

	function mark(e, name) {
		if (e.className !== name) {
			e.className = name;
		}
	}

	/* ---- words for numbers ---- */

	function time(ms) {
		if (ms === null || ms === undefined) {
			return "–";
		}
		if (ms >= 60000) {
			return Math.floor(ms / 60000) + " min " + Math.floor(ms % 60000 / 1000) + " s";
		}
		if (ms >= 1000) {
			return (ms / 1000).toFixed(2) + " s";
		}
		return (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)) + " ms";
	}

	function age(ms) {
		const s = Math.max(0, Math.floor(ms / 1000));
		if (s < 60) {
			return s + " s";
		}
		return s < 3600 ? Math.floor(s / 60) + " min" : Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
	}

	function size(bytes) {
		const mb = bytes / 1048576;
		return !bytes ? "–" : (mb >= 10 ? mb.toFixed(0) : mb.toFixed(1)) + " MB";
	}

	function count(n) {
		return n.toLocaleString("en");
	}

	function clock(ms) {
		const d = new Date(ms), two = n => String(n).padStart(2, "0");
		return two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds()) + "." +
			String(d.getMilliseconds()).padStart(3, "0");
	}

	/* ---- what comes ---- */

	function key(name, number) {
		return name + "/" + number;
	}

	function trend(call) {
		if (!call.memory || call.instance === null) {
			return;
		}
		const k = key(call.function, call.instance), at = call.began + call.duration_ms;
		const t = trends.get(k) || { name: call.function, number: call.instance, points: [] };
		const p = t.points[t.points.length - 1];
		trends.set(k, t);
		if (p && at - p[0] < 500) {
			p[1] = Math.max(p[1], call.memory);
		} else {
			t.points.push([at, call.memory]);
		}
	}

	function take(data, anew) {
		skew = data.now - Date.now();
		if (anew) {
			functions.clear();
			instances.clear();
			heat.clear();
			trends.clear();
			calls = [];
			rule = data.heat;
			if (started !== data.started) {
				lines = [];
				last = 0;
				started = data.started;
			}
		}
		for (const f of data.functions) {
			const columns = heat.get(f.name) || new Map();
			for (const [at, ...pairs] of f.heat) {
				columns.set(at, pairs);
			}
			heat.set(f.name, columns);
			functions.set(f.name, f);
			const there = new Set(f.instances);
			for (const [k, i] of instances) {
				if (i.function === f.name && !there.has(i.number)) {
					instances.delete(k);
				}
			}
		}
		for (const i of data.instances) {
			instances.set(key(i.function, i.number), i);
		}
		data.invocations.forEach(trend);
		calls = calls.concat(data.invocations).slice(-CALLS);
		for (const l of data.lines || []) {
			if (l.seq > last) {
				last = l.seq;
				lines.push(l);
			}
		}
		if (data.skipped) {
			lines.push({ seq: last, time: data.now, function: "", from: "platform", text: "… " + count(data.skipped) +
				" lines came faster than they could be shown" });
		}
		forget();
		ask();
	}

	/* As much as the platform itself keeps. */
	function forget() {
		const oldest = now() - MINUTES * 60000;
		for (const columns of heat.values()) {
			for (const at of columns.keys()) {
				if ((at + 1) * rule.seconds * 1000 < oldest) {
					columns.delete(at);
				}
			}
		}
		for (const [k, t] of trends) {
			while (t.points.length && t.points[0][0] < oldest && !(t.points.length === 1 && instances.has(k))) {
				t.points.shift();
			}
			if (!t.points.length) {
				trends.delete(k);
			}
		}
		if (lines.length > LINES * (functions.size + 1)) {
			const kept = new Map();
			lines = lines.reverse().filter(l => {
				const n = (kept.get(l.function) || 0) + 1;
				kept.set(l.function, n);
				return n <= LINES;
			}).reverse();
		}
	}

	/* ---- tables ---- */

	/* Rows that stay are the same elements, so that what has the focus keeps it. */
	function rows(table, items, keyOf, make, fill) {
		const body = table.tBodies[0], had = table.had || new Map(), have = new Map();
		let at = body.firstChild;
		for (const item of items) {
			const k = keyOf(item), row = had.get(k) || make(item);
			have.set(k, row);
			had.delete(k);
			fill(row, item);
			if (row === at) {
				at = at.nextSibling;
			} else {
				body.insertBefore(row, at);
			}
		}
		for (const row of had.values()) {
			row.remove();
		}
		table.had = have;
	}

	function cells(row, names) {
		for (const name of names) {
			row.append(el("td", name ? { class: name } : {}));
		}
		return row;
	}

	function mine(name) {
		return !filter.function || filter.function === name;
	}

	function drawTotals() {
		const sum = get => [...functions.values()].reduce((n, f) => n + get(f), 0);
		const busy = [...instances.values()].filter(i => i.state === "busy").length;
		const errors = sum(f => f.errors);
		const values = [
			["Functions", functions.size], ["Instances", instances.size], ["Busy", busy], ["Waiting", sum(f => f.waiting)],
			["Invocations", sum(f => f.invocations)], ["Errors", errors]
		];
		const list = $("totals");
		while (list.children.length < values.length) {
			list.append(el("div", {}, el("dt"), el("dd")));
		}
		values.forEach(([name, value], n) => {
			put(list.children[n].firstChild, name);
			put(list.children[n].lastChild, count(value));
			mark(list.children[n].lastChild, name === "Errors" && value ? "bad" : "");
		});
	}

	function states(name) {
		const of = {};
		for (const i of instances.values()) {
			if (i.function === name) {
				of[i.state] = (of[i.state] || 0) + 1;
			}
		}
		return ["init", "idle", "busy", "ending"].filter(s => of[s]).map(s => of[s] + " " + s).join(", ") || "none";
	}

	function makeFunction(f) {
		const button = el("button", { type: "button", class: "link" }, f.name);
		button.addEventListener("click", () => choose({ function: filter.function === f.name ? "" : f.name }));
		const head = el("th", { scope: "row", class: "name" }, button, " ", el("span"), " ", el("span"));
		const row = cells(el("tr", {}, head), Array(9).fill(""));
		row.append(el("td", { class: "text" }, el("a", { href: "/" + f.name + "/" }, "/" + f.name + "/")));
		return row;
	}

	function fillFunction(row, f) {
		const [head, ...td] = row.children, [button, tag, broken] = head.children;
		button.setAttribute("aria-pressed", filter.function === f.name);
		mark(row, filter.function === f.name ? "chosen" : "");
		put(tag, f.generation ? "generation " + f.generation : "");
		mark(tag, f.generation ? "tag" : "");
		put(broken, f.breaker === "closed" ? "" : "breaker " + f.breaker);
		mark(broken, f.breaker === "closed" ? "" : "tag bad");
		[count(f.invocations), count(f.errors), count(f.cold), time(f.p50_ms), time(f.p99_ms), f.active + " of " +
			count(f.concurrency * f.parallel), states(f.name), size(f.memory), time(f.timeout_ms)].forEach((text, n) => put(td[n], text));
		mark(td[1], f.errors ? "bad" : "");
	}

	function running() {
		const list = [];
		for (const i of instances.values()) {
			for (const inv of i.invocations) {
				list.push({ ...inv, function: i.function, instance: i.number, outcome: "running" });
			}
		}
		return list.sort((a, b) => b.began - a.began);
	}

	function idButton(kind, name) {
		const b = el("button", { type: "button", class: "link mono", tabindex: -1 });
		b.addEventListener("click", () => {
			const value = b.dataset.id;
			choose(filter[kind] === value ? { id: "", trace: "" } : { id: "", trace: "", [kind]: value });
		});
		b.dataset.what = name;
		return b;
	}

	function makeCall() {
		const head = el("th", { scope: "row" }, idButton("id", "request"));
		const row = cells(el("tr", {}, head), ["text", "text name", "", "text name", "wide", "wide text"]);
		row.children[2].append(el("span"), " ", el("small"));
		row.children[6].append(idButton("trace", "trace"));
		return row;
	}

	/* a trace's id begins with the time */
	function short(id, kind) {
		return kind === "trace" ? id.slice(-8) : id.slice(0, 8);
	}

	function fillId(b, id, kind) {
		if (b.dataset.id !== id) {
			b.dataset.id = id;
			b.title = b.dataset.what + " " + id;
			b.setAttribute("aria-label", b.title);
			put(b, short(id, kind));
		}
		b.setAttribute("aria-pressed", filter[kind] === id);
	}

	function fillCall(row, c) {
		const td = row.children, is = c.outcome;
		mark(row, filter.id === c.id || (filter.trace && filter.trace === c.trace) ? "chosen" : "");
		fillId(td[0].firstChild, c.id, "id");
		put(td[1], clock(c.began));
		put(td[2].firstChild, is);
		mark(td[2].firstChild, "tag " + (is === "ok" ? "ok" : is === "running" ? "busy" : "bad"));
		put(td[2].lastChild, [c.cold ? "cold" + (c.init_ms ? ", init " + time(c.init_ms) : "") : "", c.status ? "HTTP " +
			c.status : "", c.error || ""].filter(t => t).join(" "));
		put(td[3], is === "running" ? time(Math.max(0, now() - c.began)) : c.instance === null ? "–" : time(c.duration_ms));
		put(td[4], c.function);
		put(td[5], size(c.memory));
		fillId(td[6].firstChild, c.trace, "trace");
	}

	function drawCalls(live_) {
		const list = live_.concat(calls.slice().reverse()).filter(c => mine(c.function)).slice(0, ROWS + live_.length);
		const table = $("invocations");
		rows(table, list, c => c.id, makeCall, fillCall);
		$("no-invocations").hidden = list.length > 0;
		/* one of them is in the order of Tab; arrows lead to the others */
		const body = table.tBodies[0];
		if (!body.querySelector("th button[tabindex='0']") && body.rows.length) {
			body.rows[0].cells[0].firstChild.tabIndex = 0;
		}
	}

	function makeInstance(i) {
		const row = cells(el("tr", {}, el("th", { scope: "row", class: "name" }, i.function + " " + i.number)),
			["text", "", "", "", "wide text", "wide", "", "wide"]);
		row.children[1].append(el("span"), " ", el("small"));
		const bar = svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
		bar.append(svg("rect", { height: 10 }));
		row.children[5].append(bar, " ", el("span"));
		return row;
	}

	function fillInstance(row, i) {
		const td = row.children, f = functions.get(i.function), limit = f ? f.memory : 0;
		const part = limit ? Math.min(100, 100 * i.memory / limit) : 0;
		put(td[1].firstChild, i.state);
		mark(td[1].firstChild, "tag " + i.state);
		put(td[1].lastChild, i.why || "");
		put(td[2], age(now() - i.born));
		put(td[3], count(i.served));
		put(td[4], size(i.memory));
		const bar = td[5].firstChild.firstChild;
		bar.setAttribute("width", part.toFixed(1));
		bar.setAttribute("class", part > 90 ? "much" : "used");
		put(td[5].lastChild, limit ? part.toFixed(part < 10 ? 1 : 0) + " %" : "");
		put(td[6], time(i.init_ms));
		put(td[7], i.generation);
		put(td[8], i.pid || "");
	}

	function drawInstances() {
		const list = [...instances.values()].filter(i => mine(i.function));
		const none = $("no-instances");
		rows($("instances"), list.slice(0, ROWS), i => key(i.function, i.number), makeInstance, fillInstance);
		none.hidden = list.length > 0 && list.length <= ROWS;
		put(none, list.length ? "and " + count(list.length - ROWS) + " more" : "None: they start on demand.");
	}

	/* ---- charts ---- */

	const LEFT = 56, RIGHT = 12, TOP = 8, BOTTOM = 20, HIGH = 220;

	function frame(chart, wide, y, marks) {
		const kept = [], at = now(), x = t => LEFT + (wide - LEFT - RIGHT) * (1 - (at - t) / (MINUTES * 60000));
		chart.setAttribute("viewBox", "0 0 " + wide + " " + HIGH);
		for (const [v, text] of marks) {
			kept.push(svg("line", { class: "grid", x1: LEFT, x2: wide - RIGHT, y1: y(v), y2: y(v) }));
			kept.push(svg("text", { class: "r", x: LEFT - 6, y: y(v) + 4 }, text));
		}
		for (let m = 0; m <= MINUTES; m++) {
			const end = m ? "m" : "r";
			kept.push(svg("text", { class: end, x: x(at - m * 60000) + (m ? 0 : RIGHT - 2), y: HIGH - 4 },
				m ? "−" + m + " min" : "now"));
		}
		return [x, kept];
	}

	function drawLatency() {
		const chart = $("latency"), wide = Math.max(200, chart.clientWidth), cells_ = new Map();
		let low = Infinity, high = 0, most = 0, all = 0;
		const from = b => Math.pow(2, rule.first + (b >> 1)) * (b & 1 ? 1.5 : 1) / 1e6;
		for (const [name, columns] of heat) {
			if (!mine(name)) {
				continue;
			}
			for (const [at, pairs] of columns) {
				for (let n = 0; n < pairs.length; n += 2) {
					const k = at * 100 + pairs[n], sum = (cells_.get(k) || 0) + pairs[n + 1];
					cells_.set(k, sum);
					all += pairs[n + 1];
					most = Math.max(most, sum);
					low = Math.min(low, from(pairs[n]));
					high = Math.max(high, from(pairs[n] + 1));
				}
			}
		}
		if (!all) {
			low = 0.1;
			high = 100;
		}
		const a = Math.floor(Math.log10(low)), b = Math.max(a + 1, Math.ceil(Math.log10(high))), marks = [];
		const y = v => TOP + (HIGH - TOP - BOTTOM) * (1 - (Math.log10(v) - a) / (b - a));
		for (let e = a; e <= b; e++) {
			const v = Math.pow(10, e);
			marks.push([v, v >= 1000 ? v / 1000 + " s" : v >= 1 ? v + " ms" : Math.round(v * 1000) + " µs"]);
		}
		const [x, parts] = frame(chart, wide, y, marks);
		const cell = (wide - LEFT - RIGHT) * rule.seconds / (MINUTES * 60);
		for (const [k, n] of cells_) {
			const at = Math.floor(k / 100), bucket = k % 100, left = Math.max(LEFT, x(at * rule.seconds * 1000));
			const right = Math.min(wide - RIGHT, x((at + 1) * rule.seconds * 1000));
			const top = y(Math.min(from(bucket + 1), Math.pow(10, b)));
			if (right > left) {
				const shade = most === 1 ? 1 : 1 + Math.round(4 * Math.log(n) / Math.log(most));
				const r = svg("rect", { class: "h" + shade, x: left.toFixed(1), y: top.toFixed(1),
					width: Math.max(1, Math.min(right - left, cell) - 0.5).toFixed(1),
					height: Math.max(1, y(Math.max(from(bucket), Math.pow(10, a))) - top - 0.5).toFixed(1) });
				r.append(svg("title", {}, count(n) + " from " + time(from(bucket)) + " to " + time(from(bucket + 1))));
				parts.push(r);
			}
		}
		for (const c of calls) {
			const at = x(c.began + c.duration_ms);
			if (!mine(c.function) || c.instance === null || at < LEFT || !c.duration_ms) {
				continue;
			}
			const dot = svg("circle", { class: "dot " + (c.outcome === "ok" ? "ok" : "bad") + (c.cold ? " cold" : "") +
				(filter.id === c.id ? " chosen" : ""), cx: Math.min(at, wide - RIGHT).toFixed(1),
				cy: Math.min(HIGH - BOTTOM, Math.max(TOP, y(c.duration_ms))).toFixed(1), r: 3.5 });
			dot.append(svg("title", {}, c.function + " " + c.outcome + (c.cold ? ", cold" : "") + ", " + time(c.duration_ms)));
			dot.dataset.id = c.id;
			parts.push(dot);
		}
		chart.replaceChildren(...parts);
		const one = functions.get(filter.function);
		chart.setAttribute("aria-label", count(all) + " invocations in five minutes" + (filter.function ? " of " +
			filter.function : "") + (one ? ", p50 " + time(one.p50_ms) + ", p99 " + time(one.p99_ms) : "") +
			", on a logarithmic scale");
	}

	function drawMemory() {
		const chart = $("memory"), wide = Math.max(200, chart.clientWidth);
		const top = t => Math.max(...t.points.map(p => p[1]));
		const list = [...trends.values()].filter(t => mine(t.name) && t.points.length)
			.sort((a, b) => top(b) - top(a)).slice(0, TRENDS);
		const most = list.length ? top(list[0]) / 1048576 : 1;
		const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find(s => s * 5 >= most) || 5000;
		const high = step * Math.ceil(most / step * 1.02 + 0.001), marks = [];
		const y = mb => TOP + (HIGH - TOP - BOTTOM) * (1 - mb / high);
		for (let v = 0; v <= high + step / 10; v += step) {
			marks.push([v, Number(v.toFixed(1)) + " MB"]);
		}
		const [x, parts] = frame(chart, wide, y, marks);
		const limits = new Set(list.map(t => functions.get(t.name)).filter(f => f).map(f => f.memory / 1048576));
		for (const mb of limits) {
			if (mb <= high) {
				parts.push(svg("line", { class: "limit", x1: LEFT, x2: wide - RIGHT, y1: y(mb), y2: y(mb) }));
			}
		}
		let taken = [];
		list.forEach((t, n) => {
			const k = key(t.name, t.number), end = instances.has(k) ? now() : t.points[t.points.length - 1][0];
			const at = t.points.map(p => [Math.max(LEFT, x(p[0])), y(p[1] / 1048576)]);
			let path = "M" + at[0][0].toFixed(1) + " " + at[0][1].toFixed(1);
			for (let p = 1; p < at.length; p++) {
				path += "H" + at[p][0].toFixed(1) + "V" + at[p][1].toFixed(1);
			}
			path += "H" + Math.max(at[at.length - 1][0] + 2, x(end)).toFixed(1);
			const line = svg("path", { class: "trend l" + n % 6, d: path });
			line.append(svg("title", {}, t.name + " " + t.number + ": " + size(t.points[t.points.length - 1][1])));
			parts.push(line);
			/* a name where there is room for it */
			const high_ = at[at.length - 1][1] - 5, label = high_ < TOP + 10 ? high_ + 18 : high_;
			if (taken.every(v => Math.abs(v - label) > 12) && taken.length < 6) {
				taken.push(label);
				parts.push(svg("text", { class: "r l" + n % 6, x: Math.max(LEFT + 90, x(end)).toFixed(1), y: label },
					t.name + " " + t.number + ", " + size(t.points[t.points.length - 1][1])));
			}
		});
		chart.replaceChildren(...parts);
		chart.setAttribute("aria-label", list.length ? list.map(t => t.name + " " + t.number + ": " +
			size(t.points[t.points.length - 1][1])).join("; ") : "nothing yet");
	}

	/* ---- the log ---- */

	let shown = "", from = 0;

	function fits(l) {
		return mine(l.function) && (!filter.id || l.id === filter.id) && (!filter.trace || l.trace === filter.trace) &&
			(!filter.text || l.text.toLowerCase().includes(filter.text.toLowerCase()));
	}

	function item(l) {
		const li = el("li", { class: l.from + (filter.id && l.id === filter.id ? " mine" : "") });
		const t = el("time", { datetime: new Date(l.time).toISOString(), class: "mono" }, clock(l.time));
		const who = el("span", { class: "who" }, l.function + (l.instance ? " " + l.instance : ""));
		li.append(t, who);
		if (l.id) {
			const b = idButton("id", "request");
			fillId(b, l.id, "id");
			li.append(b, " ");
		}
		li.append(el("span", { class: "mono line" }, l.text + (l.cut ? " …" : "")));
		return li;
	}

	function drawLog() {
		const log = $("log"), is = JSON.stringify([filter, started]);
		const end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
		const anew = is !== shown || (lines.length && log.newest && lines[0].seq > log.newest);
		let fresh = (anew ? lines : lines.slice(lines.findLastIndex(l => l === log.line) + 1)).filter(fits);
		if (anew) {
			log.replaceChildren();
			shown = is;
		}
		log.line = lines[lines.length - 1];
		log.newest = lines.length ? log.line.seq : 0;
		if (fresh.length) {
			if (log.querySelector(".none")) {
				log.replaceChildren();
			}
			log.append(...fresh.slice(-SHOWN).map(item));
			while (log.children.length > SHOWN) {
				log.firstChild.remove();
			}
		}
		if (!log.children.length) {
			log.append(el("li", { class: "none" }, lines.length ? "No line fits the filter." : "Nothing has been printed."));
		}
		if (fresh.length && (end || anew)) {
			log.scrollTop = log.scrollHeight;
		}
	}

	/* ---- what is chosen ---- */

	function drawFilter() {
		const select = $("by-function"), names = [...functions.keys()];
		if (select.dataset.names !== names.join("\n")) {
			select.dataset.names = names.join("\n");
			select.replaceChildren(el("option", { value: "" }, "all"), ...names.map(n => el("option", { value: n }, n)));
		}
		select.value = filter.function;
		const chosen = $("chosen"), what = filter.id ? "request " + short(filter.id, "id") : filter.trace ? "trace " +
			short(filter.trace, "trace") : "";
		if (!what) {
			chosen.replaceChildren();
		} else if (chosen.textContent !== what + " ×") {
			const b = el("button", { type: "button", class: "chip", "aria-label": what + ": show all again" }, what + " ×");
			b.addEventListener("click", () => choose({ id: "", trace: "" }));
			chosen.replaceChildren(b);
		}
	}

	function drawDetail(live_) {
		const list = $("detail"), c = filter.id && live_.concat(calls).find(k => k.id === filter.id);
		list.hidden = !c;
		if (!c) {
			return;
		}
		const done = c.outcome !== "running", facts = [
			["Outcome", c.outcome + (c.error ? " " + c.error : "") + (c.status ? ", HTTP " + c.status : "")],
			["Instance", c.instance === null ? "none" : c.function + " " + c.instance],
			["Duration", done ? time(c.duration_ms) : time(now() - c.began)],
			["Billed", done ? count(c.billed_ms) + " ms" : "–"], ["Init", c.cold ? done ? time(c.init_ms) : "cold" : "warm"], ["CPU", time(c.cpu_ms)], ["Memory", size(c.memory)],
			["Began", clock(c.began)]
		];
		if (c.method) {
			facts.push(["HTTP", c.method + " " + (c.path || "")]);
		}
		facts.push(["Request", c.id], ["Trace", c.trace]);
		const text = JSON.stringify(facts);
		if (list.dataset.text === text) {
			return;
		}
		list.dataset.text = text;
		list.replaceChildren(...facts.map(([name, value]) => {
			const dd = el("dd", {}), long = name === "Request" || name === "Trace";
			if (name === "Trace") {
				const b = el("button", { type: "button", class: "link mono" }, value);
				b.addEventListener("click", () => choose({ id: "", trace: c.trace }));
				dd.append(b);
			} else {
				dd.append(long ? el("span", { class: "mono" }, value) : value);
			}
			return el("div", long ? { class: "long" } : {}, el("dt", {}, name), dd);
		}));
	}

	function choose(what) {
		Object.assign(filter, what);
		$("by-text").value = filter.text;
		draw();
	}

	/* ---- drawing ---- */

	function draw() {
		const live_ = running();
		drawn = Date.now();
		waiting = false;
		drawTotals();
		drawFilter();
		rows($("functions"), functions.values(), f => f.name, makeFunction, fillFunction);
		drawCalls(live_);
		drawDetail(live_);
		drawLatency();
		drawMemory();
		drawInstances();
		drawLog();
	}

	function ask() {
		if (!waiting && !document.hidden) {
			waiting = true;
			requestAnimationFrame(draw);
		}
	}

	function status(text, is) {
		put($("status"), text);
		mark($("status"), is ? "status live" : "status");
		mark(document.querySelector("main"), is ? "" : "stale");
		live = is;
	}

	function connect() {
		const source = new EventSource("events");
		source.addEventListener("state", event => {
			status("live", true);
			take(JSON.parse(event.data), true);
		});
		source.addEventListener("update", event => take(JSON.parse(event.data), false));
		source.addEventListener("lost", () => status("behind: catching up", false));
		source.addEventListener("error", () => {
			status("not connected: trying again", false);
			/* it does so itself, unless it was refused */
			if (source.readyState === 2) {
				setTimeout(connect, 2000);
			}
		});
	}

	/* Ages and durations go on between events. */
	setInterval(() => {
		const busy = [...instances.values()].some(i => i.invocations.length);
		if (live && !document.hidden && Date.now() - drawn > (busy ? 200 : 900)) {
			forget();
			ask();
		}
	}, 250);
	document.addEventListener("visibilitychange", ask);
	new ResizeObserver(ask).observe($("latency"));
	$("by-function").addEventListener("change", event => choose({ function: event.target.value }));
	$("by-text").addEventListener("input", event => choose({ text: event.target.value }));
	$("latency").addEventListener("click", event => {
		const dot = event.target.closest("circle");
		if (dot) {
			choose({ id: dot.dataset.id, trace: "" });
		}
	});
	$("invocations").addEventListener("keydown", event => {
		const row = event.target.closest("tr"), to = { ArrowUp: "previousSibling", ArrowDown: "nextSibling" }[event.key];
		if (!to || !row || !row[to] || !row[to].cells) {
			return;
		}
		event.preventDefault();
		const here = row.cells[0].firstChild, there = row[to].cells[0].firstChild;
		here.tabIndex = -1;
		there.tabIndex = 0;
		there.focus();
	});
	document.addEventListener("keydown", event => {
		if (event.key === "/" && !event.target.closest("input, select")) {
			event.preventDefault();
			$("by-text").focus();
		} else if (event.key === "Escape") {
			choose({ function: "", text: "", id: "", trace: "" });
		}
	});
	draw();
	connect();
}());
