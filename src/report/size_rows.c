/* SPDX-License-Identifier: Apache-2.0 */
#include "report/size_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"

/* Either tree, as what both have. */
struct part {
	const char *kind, *name;
	uint64_t a, b;
	uint64_t weight;	/* no part weighs more than what it is a part of */
	size_t order, nparts;
	struct part *child, *next;
	bool shown;
};

static struct part *part_new(struct arena *arena, const char *kind, const char *name, uint64_t a, uint64_t b)
{
	struct part *p = arena_new(arena, struct part);

	p->kind = kind;
	p->name = name;
	p->a = a;
	p->b = b;
	return p;
}

static bool is_dir(const struct part *p)
{
	return strcmp(p->kind, "dir") == 0;
}

/* "usr", "lib", "x" that hold nothing else, or nothing else that changed, are one part. */
static void join(struct arena *arena, struct part *p)
{
	while (is_dir(p) && p->nparts == 1 && p->b - p->a == p->child->b - p->child->a &&
	       (is_dir(p->child) || !p->child->child)) {
		const struct part *c = p->child;

		p->name = arena_printf(arena, "%s/%s", p->name, c->name);
		p->kind = c->kind;
		p->a = c->a;
		p->b = c->b;
		p->nparts = c->nparts;
		p->child = c->child;
	}
}

struct builder {
	struct arena *arena;
	VEC(struct part *) all;		/* but the root */
};

static void add_part(struct part *parent, struct part ***tail, struct part *p)
{
	**tail = p;
	*tail = &p->next;
	parent->nparts++;
}

static struct part *of_node(struct builder *b, const struct size_node *n)
{
	struct part *p = part_new(b->arena, n->kind, n->name, 0, n->bytes), **tail = &p->child;

	p->weight = n->bytes;
	for (const struct size_node *c = n->child; c; c = c->next)
		add_part(p, &tail, of_node(b, c));
	if (n->own && n->child)
		add_part(p, &tail, part_new(b->arena, n->kind, "(itself)", 0, n->own));
	join(b->arena, p);
	return p;
}

static struct part *of_change(struct builder *b, const struct size_change *c)
{
	struct part *p = part_new(b->arena, c->kind, c->name, c->a, c->b), **tail = &p->child;

	for (const struct size_change *k = c->child; k; k = k->next) {
		struct part *q = of_change(b, k);

		p->weight += q->weight;
		add_part(p, &tail, q);
	}
	if (!c->child)
		p->weight = c->a > c->b ? c->a - c->b : c->b - c->a;
	join(b->arena, p);
	return p;
}

static void collect(struct builder *b, struct part *p)
{
	for (struct part *c = p->child; c; c = c->next) {
		c->order = b->all.len;
		VEC_PUSH(&b->all, c);
		collect(b, c);
	}
}

/* What is above another comes before it, for it weighs as much at least and was met earlier. */
static int heavier(const void *x, const void *y)
{
	const struct part *p = *(const struct part *const *)x, *q = *(const struct part *const *)y;

	if (p->weight != q->weight)
		return p->weight < q->weight ? 1 : -1;
	return p->order < q->order ? -1 : p->order > q->order;
}

static void emit(struct size_rows *r, const struct part *p, unsigned depth)
{
	struct size_row rest = { .depth = depth };

	for (const struct part *c = p->child; c; c = c->next) {
		const struct size_row row = { .depth = depth, .kind = c->kind, .name = c->name, .dir = c->child != NULL,
					      .a = c->a, .b = c->b };

		if (!c->shown) {
			rest.others++;
			rest.a += c->a;
			rest.b += c->b;
			continue;
		}
		VEC_PUSH(r, row);
		for (const struct part *k = c->child; k; k = k->next)
			if (k->shown) {
				emit(r, c, depth + 1);
				break;
			}
	}
	if (rest.others)
		VEC_PUSH(r, rest);
}

static void make(struct size_rows *r, struct builder *b, struct part *root, size_t top)
{
	collect(b, root);
	if (b->all.len)
		qsort(b->all.ptr, b->all.len, sizeof(*b->all.ptr), heavier);
	for (size_t i = 0; i < b->all.len && (!top || i < top); i++)
		b->all.ptr[i]->shown = true;
	/* to leave out a single one takes as many rows as to show it */
	if (top && b->all.len == top + 1)
		b->all.ptr[top]->shown = true;
	emit(r, root, 0);
	VEC_FREE(&b->all);
}

void size_rows_of(struct size_rows *r, const struct size_tree *t, size_t top)
{
	struct builder b = { .arena = &r->arena };

	make(r, &b, of_node(&b, t->root), top);
}

void size_rows_diff(struct size_rows *r, const struct size_change *root, size_t top)
{
	struct builder b = { .arena = &r->arena };

	make(r, &b, of_change(&b, root), top);
}

void size_rows_release(struct size_rows *r)
{
	VEC_FREE(r);
	arena_release(&r->arena);
	*r = (struct size_rows){ .len = 0 };
}

/* ---- JSON ---- */

void size_json(const struct size_node *n, struct buf *out)
{
	member_open(out, NULL, '{');
	member_u64(out, "bytes", n->bytes);
	if (n->child) {
		member_open(out, "children", '[');
		for (const struct size_node *c = n->child; c; c = c->next)
			size_json(c, out);
		buf_addc(out, ']');
	}
	member_text(out, "kind", n->kind);
	member_text(out, "name", n->name);
	member_u64(out, "own", n->own);
	buf_addc(out, '}');
}

void size_change_json(const struct size_change *c, struct buf *out)
{
	member_open(out, NULL, '{');
	member_u64(out, "a", c->a);
	member_u64(out, "b", c->b);
	buf_addf(out, ",\"change\":%" PRId64, (int64_t)(c->b - c->a));
	if (c->child) {
		member_open(out, "children", '[');
		for (const struct size_change *k = c->child; k; k = k->next)
			size_change_json(k, out);
		buf_addc(out, ']');
	}
	member_text(out, "kind", c->kind);
	member_text(out, "name", c->name);
	buf_addc(out, '}');
}

/* ---- text ---- */

char *text_bytes(uint64_t n, char *buf, size_t cap)
{
	char digits[24];
	const int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < cap; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

char *text_change(uint64_t a, uint64_t b, char *buf, size_t cap)
{
	char digits[32];

	snprintf(buf, cap, "%s%s", a == b ? "" : a < b ? "+" : "-",
		 text_bytes(a < b ? b - a : a - b, digits, sizeof(digits)));
	return buf;
}

void text_name(struct buf *out, const char *s, size_t width)
{
	CLEAN_BUF struct buf whole = BUF_INIT;
	const size_t cols = out_fit(&whole, s, SIZE_MAX);

	if (cols <= width) {
		buf_adds(out, buf_str(&whole));
		return;
	}
	out_fit(out, whole.ptr, width > 3 ? width - 3 : width);
	if (width > 3)
		buf_addz(out, "...");
}
