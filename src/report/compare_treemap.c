/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"
#include "report/compare_html.h"

/*
 * Every tile is an <svg> of its own, placed by percentages: it clips its label, it takes whatever width the page has,
 * and a group is enlarged by changing its own four attributes. Children come largest first (size_finish()), so what is
 * too small to be seen is left where it begins, and a tree costs what is drawn of it.
 */

#define STRIP 18.0 /* the height of a group's name */
#define PAD 2.0
#define LEAST_GROUP_WIDTH 56.0
#define LEAST_GROUP_HEIGHT 52.0
#define DEEPEST 12
#define TITLE_MAX 90
#define PALETTE 8

struct tile {
	const struct size_node *node;	/* NULL: what is too small */
	size_t count;			/* of those */
	uint64_t bytes;
	bool itself;			/* what the node has besides its children */
	double x, y, w, h;
};

struct drawing {
	double least;	/* area that is seen */
	uint64_t whole;
	struct buf *out;
};

struct area {
	double x, y, w, h;
};

/* The worst ratio of sides in a row of the tiles from @a to @b along a side. */
static double worst(const struct tile *t, size_t a, size_t b, double side, double scale)
{
	double sum = 0, most = 0, least = 0;

	for (size_t i = a; i < b; i++) {
		const double s = (double)t[i].bytes * scale;

		sum += s;
		most = i == a || s > most ? s : most;
		least = i == a || s < least ? s : least;
	}
	if (sum <= 0 || least <= 0)
		return 1e300;
	return side * side * most / (sum * sum) > sum * sum / (side * side * least) ?
		       side * side * most / (sum * sum) : sum * sum / (side * side * least);
}

static void squarify(struct tile *t, size_t n, struct area in)
{
	uint64_t bytes = 0;
	double scale;

	for (size_t i = 0; i < n; i++)
		bytes += t[i].bytes;
	scale = bytes ? in.w * in.h / (double)bytes : 0;
	for (size_t from = 0, to; from < n; from = to) {
		const bool wide = in.w >= in.h;
		const double side = wide ? in.h : in.w;
		double sum = 0, thick, at = 0;

		for (to = from + 1; to < n; to++)
			if (worst(t, from, to + 1, side, scale) > worst(t, from, to, side, scale))
				break;
		for (size_t i = from; i < to; i++)
			sum += (double)t[i].bytes * scale;
		thick = side > 0 ? sum / side : 0;
		for (size_t i = from; i < to; i++) {
			const double along = thick > 0 ? (double)t[i].bytes * scale / thick : 0;

			t[i].x = wide ? in.x : in.x + at;
			t[i].y = wide ? in.y + at : in.y;
			t[i].w = wide ? thick : along;
			t[i].h = wide ? along : thick;
			at += along;
		}
		in.x += wide ? thick : 0;
		in.w -= wide ? thick : 0;
		in.y += wide ? 0 : thick;
		in.h -= wide ? 0 : thick;
	}
}

/* The parts of @n that are seen in @area, and one for all others. Heap. */
static struct tile *parts_of(const struct drawing *d, const struct size_node *n, double area, size_t *count)
{
	VEC(struct tile) v = { 0 };
	const double scale = n->bytes ? area / (double)n->bytes : 0;
	uint64_t rest = n->bytes;
	size_t left = n->children;
	bool own = n->own > 0;

	for (const struct size_node *c = n->child; c; c = c->next) {
		if ((double)c->bytes * scale < d->least)
			break;
		if (own && n->own >= c->bytes) {
			VEC_PUSH(&v, ((struct tile){ .node = n, .bytes = n->own, .itself = true }));
			rest -= n->own;
			own = false;
		}
		VEC_PUSH(&v, ((struct tile){ .node = c, .bytes = c->bytes }));
		rest -= c->bytes;
		left--;
	}
	if (own && (double)n->own * scale >= d->least) {
		VEC_PUSH(&v, ((struct tile){ .node = n, .bytes = n->own, .itself = true }));
		rest -= n->own;
	}
	if (rest)
		VEC_PUSH(&v, ((struct tile){ .bytes = rest, .count = left }));
	*count = v.len;
	return v.ptr;
}

static void add_place(struct buf *out, const char *class, const struct tile *t, const struct area *in)
{
	buf_addf(out, "<svg class=\"%s\" x=\"", class);
	html_percent(out, in->w > 0 ? (t->x - in->x) / in->w * 100 : 0);
	buf_addz(out, "\" y=\"");
	html_percent(out, in->h > 0 ? (t->y - in->y) / in->h * 100 : 0);
	buf_addz(out, "\" width=\"");
	html_percent(out, in->w > 0 ? t->w / in->w * 100 : 0);
	buf_addz(out, "\" height=\"");
	html_percent(out, in->h > 0 ? t->h / in->h * 100 : 0);
	buf_addz(out, "\"");
}

static void add_title(const struct drawing *d, const char *name, uint64_t bytes)
{
	char text[CMP_TEXT_MAX];

	buf_addz(d->out, "><title>");
	html_text_cut(d->out, name, TITLE_MAX);
	buf_addf(d->out, ": %s, ", str_human_size(bytes, text, sizeof(text)));
	html_share(d->out, bytes, d->whole);
	buf_addz(d->out, "</title><rect width=\"100%\" height=\"100%\"/>");
}

static void add_words(const struct drawing *d, const struct tile *t, const char *name, bool group)
{
	/* in columns of about that many pixels: bold letters are wider */
	const size_t fit = (size_t)((t->w - 6) / (group ? 6.6 : 5.8));
	char text[CMP_TEXT_MAX];

	if (fit < 4 || t->h < 16)
		return;
	/* on a phone a tile is half as wide: there only the wider ones have a name */
	buf_addf(d->out, "<text x=\"4\" y=\"13\"%s>", t->w < 76 ? " class=\"s\"" : "");
	html_text_cut(d->out, name, fit);
	if (group) {
		if (fit > strlen(name) + 9)
			buf_addf(d->out, "<tspan> %s</tspan>", str_human_size(t->bytes, text, sizeof(text)));
		buf_addz(d->out, "</text>");
		return;
	}
	buf_addz(d->out, "</text>");
	if (t->h >= 32 && t->w >= 44)
		buf_addf(d->out, "<text x=\"4\" y=\"27\"%s>%s</text>", t->w < 76 ? " class=\"s\"" : "",
			 str_human_size(t->bytes, text, sizeof(text)));
}

/* "usr/share/doc": directories with nothing but one other are one. */
static const struct size_node *join(const struct size_node *n, struct buf *name)
{
	buf_addz(name, n->name);
	while (n->children == 1 && !n->own && n->child->child && name->len < TITLE_MAX) {
		n = n->child;
		buf_addf(name, "/%s", n->name);
	}
	return n;
}

static void draw(const struct drawing *d, const struct size_node *n, struct area in, const struct area *outer,
		 unsigned depth)
{
	size_t count;
	CLEAN_FREE struct tile *t = parts_of(d, n, in.w * in.h, &count);

	squarify(t, count, in);
	for (size_t i = 0; i < count; i++) {
		CLEAN_BUF struct buf name = BUF_INIT, class = BUF_INIT;
		const struct size_node *node = t[i].node;
		bool group;

		if (!node)
			buf_addf(&name, "%s%zu smaller", i ? "" : "all of ", t[i].count);
		else if (t[i].itself)
			buf_addf(&name, "%s itself", node->name);
		else
			node = join(node, &name);
		group = node && !t[i].itself && node->child && depth < DEEPEST && t[i].w >= LEAST_GROUP_WIDTH &&
			t[i].h >= LEAST_GROUP_HEIGHT;
		buf_addz(&class, group ? "g" : node ? "t" : "t o");
		if (!depth && node)
			buf_addf(&class, " c%zu", i % PALETTE);
		add_place(d->out, class.ptr, &t[i], outer);
		if (group) {
			buf_addz(d->out, " data-s=\"");
			cmp_add_number(d->out, UNIT_MICROSECONDS, STRIP / t[i].h * 100);
			buf_addc(d->out, '"');
		}
		add_title(d, name.ptr, t[i].bytes);
		add_words(d, &t[i], name.ptr, group);
		if (group) {
			const struct area all = { t[i].x, t[i].y, t[i].w, t[i].h };
			const struct area inner = { all.x + PAD, all.y + STRIP, all.w - 2 * PAD, all.h - STRIP - PAD };

			draw(d, node, inner, &all, depth + 1);
		}
		buf_addz(d->out, "</svg>");
	}
}

void treemap_add(const struct size_tree *t, const struct treemap *m, struct buf *out)
{
	const struct area all = { 0, 0, m->width, m->height };
	const struct drawing d = { m->width * m->height / (double)(m->tiles ? m->tiles : 1), t->root->bytes, out };

	draw(&d, t->root, all, &all, 0);
}
