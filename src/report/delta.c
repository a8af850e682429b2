/* SPDX-License-Identifier: Apache-2.0 */
#include "report/delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "base/str.h"
#include "report/size_rows.h"

#define MIN_NAME 16
#define WHOLE VIEW_COUNT	/* behind the views: "bytes" */

/** One view of both. */
struct pair {
	const char *name;
	struct size_tree a, b;
	struct arena arena;
	struct size_change *change;
};
#define CLEAN_PAIR __attribute__((cleanup(pair_release)))

static void pair_release(struct pair *p)
{
	size_tree_release(&p->a);
	size_tree_release(&p->b);
	arena_release(&p->arena);
}

/* As it lies there. */
static enum artifact_view whole_of(const struct artifact *a)
{
	return a->kind == ARTIFACT_IMAGE ? VIEW_LAYERS : a->kind == ARTIFACT_ZIP ? VIEW_FILES : VIEW_SECTIONS;
}

static int tree_of(struct artifact *a, enum artifact_view v, struct size_tree *t, struct err *err)
{
	if (a)
		return artifact_view(a, v, t, err);
	size_tree_begin(t, "nothing", "");
	size_finish(t);
	return 0;
}

static int pair_make(struct pair *p, struct artifact *a, struct artifact *b, int view, struct err *err)
{
	p->name = view == WHOLE ? "bytes" : artifact_view_names[view];
	if (tree_of(a, a && view == WHOLE ? whole_of(a) : (enum artifact_view)view, &p->a, err) < 0 ||
	    tree_of(b, b && view == WHOLE ? whole_of(b) : (enum artifact_view)view, &p->b, err) < 0)
		return -1;
	p->change = size_diff(&p->a, &p->b, &p->arena);
	/* the parts have names, the whole is told of above */
	p->change->name = p->name;
	return 0;
}

static bool has(const struct artifact *a, int view)
{
	return !a || view == WHOLE || artifact_has_view(a, (enum artifact_view)view);
}

/* The whole of two of one kind is one of the views. */
static bool shown(const struct artifact *a, const struct artifact *b, int view, unsigned asked)
{
	if (view == WHOLE)
		return !asked && a && b && a->kind != b->kind;
	if (asked)
		return asked >> view & 1u;
	/* what a lone artifact has is its business */
	if (!a || !b)
		return view == (int)whole_of(a ? a : b);
	return has(a, view) && has(b, view) && !(view == VIEW_FILES && a->kind != b->kind);
}

/* 1: @p is to be shown; 0: it is not, for nobody asked and it cannot be made. */
static int each(struct artifact *a, struct artifact *b, int view, unsigned asked, struct pair *p, struct err *err)
{
	struct err ignored;

	if (!shown(a, b, view, asked))
		return 0;
	if (view == VIEW_FILES && a && b && a->kind != b->kind && has(a, view) && has(b, view)) {
		err_set(err, ERR_USAGE, "a zip's files are packed, an image's are not: they cannot be compared");
		return err_hint(err, "--sections, --symbols and --sources compare the programs in them");
	}
	if (pair_make(p, a, b, view, asked ? err : &ignored) < 0)
		return asked ? -1 : 0;
	return 1;
}

/* ---- text ---- */

static void add_percent(struct buf *out, uint64_t a, uint64_t b)
{
	if (a && a != b)
		buf_addf(out, " (%+.1f %%)", 100.0 * ((double)b - (double)a) / (double)a);
}

static void add_side(struct buf *out, const char *label, const struct artifact *a, const char *name)
{
	char s[32];

	buf_addf(out, "%-7s ", label);
	if (!a) {
		buf_addz(out, "nothing\n");
		return;
	}
	text_name(out, name ? name : a->shown, SIZE_MAX);
	buf_addf(out, ": %s, %s bytes\n", artifact_kind_name(a), text_bytes(a->size, s, sizeof(s)));
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

struct columns {
	int change, before, after, name;
};

static void add_row(struct buf *out, const struct columns *c, uint64_t a, uint64_t b, const char *name, unsigned depth)
{
	const size_t indent = 2 * (depth < 20 ? depth : 20);
	char x[32], y[32], z[32];

	buf_addf(out, "%*s  %*s  %*s  %*s", c->change, text_change(a, b, x, sizeof(x)), c->before,
		 text_bytes(a, y, sizeof(y)), c->after, text_bytes(b, z, sizeof(z)), (int)indent, "");
	text_name(out, name, (size_t)larger(c->name - (int)indent, MIN_NAME));
	buf_addc(out, '\n');
}

static struct columns measure(const struct size_rows *rows, const struct size_change *root, int width)
{
	struct columns c = { .change = (int)strlen("change"), .before = (int)strlen("before"),
			     .after = (int)strlen("after") };
	char s[32];

	VEC_EACH(rows, r) {
		c.change = larger(c.change, (int)strlen(text_change(r->a, r->b, s, sizeof(s))));
		c.before = larger(c.before, (int)strlen(text_bytes(r->a, s, sizeof(s))));
		c.after = larger(c.after, (int)strlen(text_bytes(r->b, s, sizeof(s))));
	}
	c.change = larger(c.change, (int)strlen(text_change(root->a, root->b, s, sizeof(s))));
	c.before = larger(c.before, (int)strlen(text_bytes(root->a, s, sizeof(s))));
	c.after = larger(c.after, (int)strlen(text_bytes(root->b, s, sizeof(s))));
	c.name = width - c.change - c.before - c.after - 6;
	return c;
}

static void view_text(const struct pair *p, const struct delta_how *how, struct buf *out)
{
	CLEAN_SIZE_ROWS struct size_rows rows = { .len = 0 };
	const struct size_change *root = p->change;
	struct columns c;

	if (!root->a && !root->b && !root->child)
		return;
	if (!root->child) {
		buf_addf(out, "\n%s: the same sizes\n", p->name);
		return;
	}
	size_rows_diff(&rows, root, how->top);
	c = measure(&rows, root, how->width);
	buf_addf(out, "\n%*s  %*s  %*s  %s\n", c.change, "change", c.before, "before", c.after, "after", p->name);
	VEC_EACH(&rows, r) {
		CLEAN_FREE char *name = r->others ? xasprintf("(%zu other%s)", r->others, r->others == 1 ? "" : "s")
						  : xasprintf("%s%s", r->name, strcmp(r->kind, "dir") == 0 ? "/" : "");

		add_row(out, &c, r->a, r->b, name, r->depth);
	}
	add_row(out, &c, root->a, root->b, "in all", 0);
}

static bool has_name(const struct strs *v, const char *name)
{
	for (size_t i = 0; i < v->len; i++)
		if (strcmp(v->ptr[i], name) == 0)
			return true;
	return false;
}

/* What a module needs or gives that the other does not. */
static void names_text(const struct strs *a, const struct strs *b, const char *what, struct buf *out)
{
	for (int gone = 1; gone >= 0; gone--) {
		const struct strs *of = gone ? a : b, *other = gone ? b : a;

		for (size_t i = 0; i < of->len; i++) {
			if (has_name(other, of->ptr[i]))
				continue;
			buf_addf(out, "%-7s %c ", what, gone ? '-' : '+');
			text_name(out, of->ptr[i], SIZE_MAX);
			buf_addc(out, '\n');
		}
	}
}

int delta_text(struct artifact *a, struct artifact *b, const struct delta_how *how, struct buf *out, struct err *err)
{
	const uint64_t x = a ? a->size : 0, y = b ? b->size : 0;
	char s[32];

	add_side(out, "before", a, how->before);
	add_side(out, "after", b, how->after);
	buf_addf(out, "%-7s %s bytes", "change", text_change(x, y, s, sizeof(s)));
	add_percent(out, x, y);
	buf_addc(out, '\n');
	if (a && b && a->kind == ARTIFACT_WASM && b->kind == ARTIFACT_WASM) {
		names_text(&a->imports, &b->imports, "imports", out);
		names_text(&a->exports, &b->exports, "exports", out);
	}
	for (int v = WHOLE; v >= 0; v--) {
		CLEAN_PAIR struct pair p = { .name = NULL };
		/* the whole, then as they are numbered */
		const int view = v == WHOLE ? WHOLE : WHOLE - 1 - v;
		const int r = each(a, b, view, how->views, &p, err);

		if (r < 0)
			return -1;
		if (r)
			view_text(&p, how, out);
	}
	return 0;
}

/* ---- JSON ---- */

static void side_json(struct buf *out, const char *key, const struct artifact *a, const char *name)
{
	if (!a) {
		member_text(out, key, NULL);
		return;
	}
	member_open(out, key, '{');
	member_text(out, "arch", a->arch);
	member_text(out, "artifact", name ? name : a->shown);
	member_text(out, "kind", artifact_kind_name(a));
	member_u64(out, "size", a->size);
	member_u64(out, "unpacked", a->unpacked);
	buf_addc(out, '}');
}

static void names_json(const struct strs *of, const struct strs *other, const char *key, struct buf *out)
{
	member_open(out, key, '[');
	for (size_t i = 0; i < of->len; i++)
		if (!has_name(other, of->ptr[i]))
			member_text(out, NULL, of->ptr[i]);
	buf_addc(out, ']');
}

int delta_json(struct artifact *a, struct artifact *b, const struct delta_how *how, struct buf *out, struct err *err)
{
	/* by name */
	static const int order[] = { WHOLE,	   VIEW_FILES,	 VIEW_LAYERS, VIEW_SECTIONS,
				     VIEW_SOURCES, VIEW_SYMBOLS, VIEW_WASTE };

	buf_addc(out, '{');
	side_json(out, "a", a, how->before);
	side_json(out, "b", b, how->after);
	buf_addf(out, ",\"change\":%" PRId64, (int64_t)((b ? b->size : 0) - (a ? a->size : 0)));
	if (a && b && a->kind == ARTIFACT_WASM && b->kind == ARTIFACT_WASM) {
		member_open(out, "imports", '{');
		names_json(&b->imports, &a->imports, "added", out);
		names_json(&a->imports, &b->imports, "removed", out);
		buf_addc(out, '}');
	}
	member_open(out, "views", '{');
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		CLEAN_PAIR struct pair p = { .name = NULL };
		const int r = each(a, b, order[i], how->views, &p, err);

		if (r < 0)
			return -1;
		if (!r)
			continue;
		member(out, p.name);
		size_change_json(p.change, out);
	}
	buf_addz(out, "}}");
	return 0;
}
