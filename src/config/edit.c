/* SPDX-License-Identifier: Apache-2.0 */
#include "config/edit.h"

#include <string.h>

#include "base/mem.h"
#include "config/internal.h"

struct edit {
	const struct buf *text;
	const struct yaml_change *c;
	/* what becomes of it */
	size_t from, to;
	struct buf put;
};

/* ---- places ---- */

/* Of a line and a column in characters; up to the end of the line, or of the text. */
static size_t offset_of(const struct buf *text, unsigned line, unsigned col)
{
	size_t at = str_starts(buf_str(text), "\xef\xbb\xbf") ? 3 : 0;

	for (unsigned l = 1; l < line && at < text->len; at++)
		l += text->ptr[at] == '\n';
	for (unsigned c = 1; c < col && at < text->len && text->ptr[at] != '\n'; c++)
		for (at++; at < text->len && ((unsigned char)text->ptr[at] & 0xc0) == 0x80;)
			at++;
	return at;
}

static size_t begin_of(const struct buf *text, const struct ynode *n)
{
	return offset_of(text, n->line, n->col);
}

/* Behind the last character that is of it. */
static size_t end_of(const struct buf *text, const struct ynode *n)
{
	while (n->type != YNODE_SCALAR && !n->flow && n->len)
		n = n->items[n->len - 1];
	return offset_of(text, n->end_line, n->end_col);
}

/* YAML 1.1 has further line ends, in which nobody writes files: CR alone, NEL, LS, PS. */
static bool has_odd_lines(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->ptr[i] == '\r' && text->ptr[i + 1] != '\n')
			return true;
	return strstr(text->ptr, "\xc2\x85") || strstr(text->ptr, "\xe2\x80\xa8") ||
	       strstr(text->ptr, "\xe2\x80\xa9");
}

static bool has_crlf(const struct buf *text)
{
	const char *nl = memchr(text->ptr, '\n', text->len);

	return nl && nl > text->ptr && nl[-1] == '\r';
}

/* ---- values ---- */

/* Read as the same string by everybody, within {} as well. */
static bool is_plain(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-% ";
	const size_t len = strlen(s);
	const char c = *s;

	if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
		return false;
	return strspn(s, safe) == len && s[len - 1] != ' ' && scalar_kind(s) != SCALAR_NULL &&
	       scalar_kind(s) != SCALAR_BOOL && scalar_bool11(s) < 0;
}

static void put_value(struct buf *out, const char *s, char quote)
{
	if (quote == '\'' && is_plain(s))
		buf_addf(out, "'%s'", s);
	else if (quote == '"' || !is_plain(s))
		buf_add_json(out, str_from(s));
	else
		buf_addz(out, s);
}

static void put_missing(struct edit *e, size_t depth)
{
	const struct yaml_change *c = e->c;

	for (size_t i = depth; i < c->n; i++) {
		buf_addz(&e->put, i > depth ? "{" : "");
		put_value(&e->put, c->path[i], 0);
		buf_addz(&e->put, ": ");
	}
	put_value(&e->put, c->value, 0);
	for (size_t i = depth + 1; i < c->n; i++)
		buf_addc(&e->put, '}');
}

/* ---- the two ways ---- */

static void replace(struct edit *e, const struct ynode *n)
{
	const struct buf *text = e->text;

	e->from = begin_of(text, n);
	e->to = end_of(text, n);
	/* a block scalar ends with its last line */
	if (e->to > e->from && (text->ptr[e->from] == '|' || text->ptr[e->from] == '>'))
		while (e->to > e->from && (text->ptr[e->to - 1] == '\n' || text->ptr[e->to - 1] == '\r'))
			e->to--;
	/* "key:" alone has its value right behind the colon */
	if (e->from == e->to && e->from && text->ptr[e->from - 1] == ':')
		buf_addc(&e->put, ' ');
	put_value(&e->put, e->c->value, e->to > e->from ? text->ptr[e->from] : 0);
}

static void insert_flow(struct edit *e, const struct ynode *map, size_t depth)
{
	const struct buf *text = e->text;

	if (!map->len) {
		e->from = begin_of(text, map);
		e->to = end_of(text, map);
		buf_addc(&e->put, '{');
		put_missing(e, depth);
		buf_addc(&e->put, '}');
		return;
	}
	e->from = e->to = end_of(text, map->items[map->len - 1]);
	buf_addz(&e->put, ", ");
	put_missing(e, depth);
}

static void insert_block(struct edit *e, const struct ynode *map, size_t depth)
{
	const struct buf *text = e->text;
	const char *nl = has_crlf(text) ? "\r\n" : "\n";
	size_t at = end_of(text, map->items[depth ? map->len - 1 : 0]);
	const char *end;

	/* a block scalar's end is the begin of the next line already */
	if (at && text->ptr[at - 1] != '\n') {
		end = memchr(text->ptr + at, '\n', text->len - at);
		at = end ? (size_t)(end - text->ptr) + 1 : text->len;
		if (!end)
			buf_addz(&e->put, nl);
	}
	e->from = e->to = at;
	for (unsigned i = 1; i < map->keys[0]->col; i++)
		buf_addc(&e->put, ' ');
	put_missing(e, depth);
	if (!(at == text->len && e->put.len && text->len && text->ptr[text->len - 1] != '\n'))
		buf_addz(&e->put, nl);
}

/* ---- whether nothing else has changed ---- */

static bool same(const struct ynode *a, const struct ynode *b, const struct yaml_change *c, size_t depth)
{
	const bool on = depth < c->n;

	if (depth == c->n)
		return b->type == YNODE_SCALAR && strcmp(b->scalar, c->value) == 0;
	if (a->type != b->type)
		return false;
	if (a->type == YNODE_SCALAR)
		return strcmp(a->scalar, b->scalar) == 0 && a->plain == b->plain;
	for (size_t i = 0, k = 0; k < b->len; k++) {
		const bool here = on && a->type == YNODE_MAP && strcmp(b->keys[k]->scalar, c->path[depth]) == 0;

		/* the one key that is new */
		if (here && !ynode_get(a, c->path[depth]))
			continue;
		if (i == a->len || (a->type == YNODE_MAP && strcmp(a->keys[i]->scalar, b->keys[k]->scalar) != 0) ||
		    !same(a->items[i], b->items[k], c, here ? depth + 1 : SIZE_MAX))
			return false;
		i++;
	}
	return b->len == a->len ||
	       (on && a->type == YNODE_MAP && b->len == a->len + 1 && !ynode_get(a, c->path[depth]));
}

/* 1: it is so already. */
static int plan_change(struct edit *e, const struct ynode *root, const char *shown, struct err *err)
{
	const struct yaml_change *c = e->c;
	const struct ynode *n = root, *next;
	size_t depth = 0;

	for (; depth < c->n && n && n->type == YNODE_MAP && (next = ynode_get(n, c->path[depth])); depth++)
		n = next;
	if (!n || (depth < c->n && (n->type != YNODE_MAP || (!n->flow && !n->len))) ||
	    (depth == c->n && n->type != YNODE_SCALAR))
		return err_at(err, ERR_CONFIG, shown, n ? n->line : 1, n ? n->col : 1, "'%s' cannot be put here",
			      c->path[c->n - 1]);
	if (depth == c->n && strcmp(n->scalar, c->value) == 0)
		return 1;
	if (depth == c->n)
		replace(e, n);
	else if (n->flow)
		insert_flow(e, n, depth);
	else
		insert_block(e, n, depth);
	return 0;
}

static int apply(struct buf *text, const struct edit *e, const struct ynode *root, const char *shown, struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct yaml_doc after = { .file = NULL };
	bool well;

	buf_add(&out, text->ptr, e->from);
	buf_adds(&out, buf_str(&e->put));
	buf_add(&out, text->ptr + e->to, text->len - e->to);
	well = yaml_parse(&after, shown, out.ptr, out.len, err) == 0 && after.root && same(root, after.root, e->c, 0);
	yaml_release(&after);
	if (!well) {
		err_set(err, ERR_CONFIG, "%s: '%s' cannot be changed by itself", shown, e->c->path[e->c->n - 1]);
		return err_hint(err, "an anchor or an alias is in the way: write %.100s there yourself", e->c->value);
	}
	buf_reset(text);
	buf_adds(text, buf_str(&out));
	return 0;
}

static int change(struct buf *text, const char *shown, const struct yaml_change *c, size_t *changed, struct err *err)
{
	struct yaml_doc d = { .file = NULL };
	struct edit e = { .text = text, .c = c, .put = BUF_INIT };
	int ret = yaml_parse(&d, shown, text->ptr, text->len, err);

	if (ret == 0)
		ret = plan_change(&e, d.root, shown, err);
	if (ret == 0) {
		ret = apply(text, &e, d.root, shown, err);
		*changed += ret == 0;
	}
	buf_release(&e.put);
	yaml_release(&d);
	return ret < 0 ? -1 : 0;
}

int yaml_edit(struct buf *text, const char *shown, const struct yaml_change *changes, size_t n, size_t *changed,
	      struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;

	*changed = 0;
	if (has_odd_lines(text)) {
		err_set(err, ERR_CONFIG, "%s: lines end neither with LF nor with CR LF", shown);
		return err_hint(err, "it can be read, but not changed");
	}
	buf_adds(&out, buf_str(text));
	for (size_t i = 0; i < n; i++)
		if (change(&out, shown, &changes[i], changed, err) < 0)
			return -1;
	buf_reset(text);
	buf_adds(text, buf_str(&out));
	return 0;
}
