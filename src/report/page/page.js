/* Comforts of the page: nothing here is needed to read it. */
(function () {
	"use strict";
	document.documentElement.classList.add("scripted");

	function number(cell) {
		return cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : null;
	}

	/* Rows that know nothing of a column stay last, whatever the order. */
	function sort(table, column, down) {
		var body = table.tBodies[0], rows = Array.from(body.rows);
		rows.sort(function (a, b) {
			var x = a.cells[column], y = b.cells[column];
			if (!column) {
				return (down ? -1 : 1) * x.textContent.localeCompare(y.textContent);
			}
			x = number(x);
			y = number(y);
			if (x === null || y === null) {
				return (x === null) - (y === null);
			}
			return down ? y - x : x - y;
		});
		rows.forEach(function (row) { body.appendChild(row); });
	}

	document.querySelectorAll("table.grid").forEach(function (table) {
		var heads = Array.from(table.tHead.rows[0].cells);
		heads.forEach(function (head, column) {
			var button = document.createElement("button");
			button.type = "button";
			button.textContent = head.textContent;
			head.textContent = "";
			head.appendChild(button);
			button.addEventListener("click", function () {
				var down = head.getAttribute("aria-sort") === "ascending";
				heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
				head.setAttribute("aria-sort", down ? "descending" : "ascending");
				sort(table, column, down);
			});
		});
	});

	var sides = ["x", "y", "width", "height"];

	function parts(element) {
		return Array.from(element.children).filter(function (child) { return child.tagName === "svg"; });
	}

	/*
	 * What is below the group's name fills the same of its parent: the name is in the button that leads back. In a
	 * hundredth of the parent's height, of which its own name takes @top.
	 */
	function fill(group) {
		var strip = Number(group.dataset.s), top = Number(group.parentNode.dataset.s || 0), room = 100 - top;
		var scale = room / (100 - strip);
		["0%", top - strip * scale + "%", "100%", 100 * scale + "%"].forEach(function (value, i) {
			group.setAttribute(sides[i], value);
		});
	}

	function show(map, target) {
		var chain = [];
		for (var g = target; g && g !== map; g = g.parentNode) {
			chain.push(g);
		}
		map.querySelectorAll("svg").forEach(function (tile) {
			tile.hidden = false;
			tile.removeAttribute("hidden");
			sides.forEach(function (side, i) { tile.setAttribute(side, tile.place[i]); });
		});
		chain.forEach(function (group) {
			parts(group.parentNode).forEach(function (tile) {
				if (tile !== group) {
					tile.setAttribute("hidden", "");
				}
			});
			fill(group);
		});
		map.target = target;
	}

	document.querySelectorAll("svg.map").forEach(function (map) {
		var caption = map.parentNode.querySelector("figcaption"), back = document.createElement("button");
		var from = null;
		back.type = "button";
		map.querySelectorAll("svg").forEach(function (tile) {
			tile.place = sides.map(function (side) { return tile.getAttribute(side); });
		});
		function zoom(target) {
			show(map, target);
			if (!target) {
				back.remove();
				if (from) {
					from.focus();
				}
				return;
			}
			back.textContent = "\u2190 " + target.querySelector("title").textContent;
			caption.appendChild(back);
			back.focus();
		}
		function out() {
			var up = map.target && map.target.parentNode;
			if (map.target) {
				from = map.target;
				zoom(up === map ? null : up);
			}
		}
		back.addEventListener("click", out);
		map.parentNode.addEventListener("keydown", function (event) {
			if (event.key === "Escape") {
				out();
			}
		});
		map.setAttribute("role", "group");
		map.querySelectorAll("svg.g").forEach(function (group) {
			group.setAttribute("tabindex", "0");
			group.setAttribute("role", "button");
			group.setAttribute("aria-label", "enlarge " + group.querySelector("title").textContent);
			group.addEventListener("click", function (event) {
				if (map.target === group) {
					return;
				}
				event.stopPropagation();
				zoom(group);
			});
			group.addEventListener("keydown", function (event) {
				if (event.target === group) {
					if (event.key === "Enter" || event.key === " ") {
						event.preventDefault();
						zoom(group);
					}
				}
			});
		});
	});
})();
