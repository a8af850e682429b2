/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "config/internal.h"
#include "os/fs.h"

/* A node while the tree is built: what the limits on aliases need to know of it. */
struct xnode {
	struct ynode n;
	unsigned size;		/* nodes in it, itself and what its aliases expand to included */
	unsigned height;	/* 1 for a scalar */
	bool open;		/* its end is still to come */
};

struct builder {
	struct yaml_doc *d;
	struct err *err;
	const char *text;
	size_t n;
	yaml_parser_t parser;
	VEC(struct ynode *) pending;	/* the finished children of all open collections */
	struct {
		struct xnode *node;
		size_t first;		/* its first child in pending */
	} stack[YAML_MAX_DEPTH];
	unsigned depth;
	unsigned nodes;
	struct map anchors;		/* name to struct xnode */
};

/* Columns are characters, as libyaml counts them. */
static void locate(const char *text, size_t at, unsigned *line, unsigned *col)
{
	*line = *col = 1;
	for (size_t i = 0; i < at; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n') {
			++*line;
			*col = 1;
		} else if ((c & 0xc0) != 0x80) {
			++*col;
		}
	}
}

static int at_offset(struct builder *b, size_t at, const char *what)
{
	unsigned line, col;

	locate(b->text, at, &line, &col);
	return err_at(b->err, ERR_CONFIG, b->d->file, line, col, "%s", what);
}

/* The length of the valid UTF-8 that @p begins with. */
static size_t utf8_prefix(const char *p, size_t n)
{
	size_t i = 0, len;

	for (; i < n; i += len) {
		unsigned char c = (unsigned char)p[i];

		len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		if (i + len > n || !str_is_utf8((struct str){ p + i, len }))
			break;
	}
	return i;
}

static int scanner_error(struct builder *b)
{
	yaml_parser_t *y = &b->parser;
	unsigned line = (unsigned)y->problem_mark.line + 1, col = (unsigned)y->problem_mark.column + 1;
	size_t at = y->problem_mark.index;

	switch (y->error) {
	case YAML_MEMORY_ERROR:
		abort();
	case YAML_READER_ERROR:
		return at_offset(b, y->problem_offset < b->n ? y->problem_offset : b->n,
				 "control characters are not allowed");
	default:
		break;
	}
	/* index counts characters: it is the byte only in ASCII text, and then a tab is found there */
	if (at < b->n && b->text[at] == '\t') {
		err_at(b->err, ERR_CONFIG, b->d->file, line, col, "a tab cannot indent or separate here");
		return err_hint(b->err, "YAML indents by spaces only");
	}
	if (strcmp(y->problem, "mapping values are not allowed in this context") == 0) {
		err_at(b->err, ERR_CONFIG, b->d->file, line, col, "a mapping cannot begin here");
		return err_hint(b->err, "check the indentation; quote a value that holds ': '");
	}
	if (y->context && y->context_mark.line + 1 != line)
		return err_at(b->err, ERR_CONFIG, b->d->file, line, col, "%s, %s from line %zu on", y->problem,
			      y->context, y->context_mark.line + 1);
	if (y->context)
		return err_at(b->err, ERR_CONFIG, b->d->file, line, col, "%s %s", y->problem, y->context);
	return err_at(b->err, ERR_CONFIG, b->d->file, line, col, "%s", y->problem);
}

static int event_err(struct builder *b, const yaml_event_t *ev, enum err_code code, const char *what)
{
	return err_at(b->err, code, b->d->file, (unsigned)ev->start_mark.line + 1,
		      (unsigned)ev->start_mark.column + 1, "%s", what);
}

static int check_tag(struct builder *b, const yaml_event_t *ev, const yaml_char_t *tag)
{
	if (!tag)
		return 0;
	err_at(b->err, ERR_CONFIG, b->d->file, (unsigned)ev->start_mark.line + 1,
	       (unsigned)ev->start_mark.column + 1, "tag %s is not allowed here",
	       quote(&b->d->arena, (const char *)tag));
	return err_hint(b->err, "remove the tag; quotes make a string");
}

/* Hand a finished node to its parent. */
static int attach(struct builder *b, struct xnode *x, const yaml_event_t *ev)
{
	struct ynode *n = &x->n;
	struct xnode *up;

	if (!b->depth) {
		b->d->root = n;
		return 0;
	}
	up = b->stack[b->depth - 1].node;
	if (up->n.type == YNODE_MAP && (b->pending.len - b->stack[b->depth - 1].first) % 2 == 0) {
		if (n->type != YNODE_SCALAR)
			return err_at(b->err, ERR_CONFIG, b->d->file, n->line, n->col,
				      "%s cannot be a key", ynode_kind(n));
		if (n->plain && strcmp(n->scalar, "<<") == 0) {
			event_err(b, ev, ERR_CONFIG, "merge keys (<<) are not supported");
			return err_hint(b->err, "write the keys out; profiles and toolchains can use 'extends'");
		}
	}
	up->size += x->size;
	if (up->height <= x->height)
		up->height = x->height + 1;
	VEC_PUSH(&b->pending, n);
	return 0;
}

static int open_node(struct builder *b, const yaml_event_t *ev, enum ynode_type type, const yaml_char_t *anchor,
		     const yaml_char_t *tag, struct xnode **out)
{
	struct xnode *x;

	if (++b->nodes > YAML_MAX_NODES)
		return event_err(b, ev, ERR_LIMIT, "limit exceeded: more than 100000 nodes");
	if (check_tag(b, ev, tag))
		return -1;
	x = arena_new(&b->d->arena, struct xnode);
	x->n.type = type;
	x->n.line = (unsigned)ev->start_mark.line + 1;
	x->n.col = (unsigned)ev->start_mark.column + 1;
	x->size = x->height = 1;
	if (anchor)
		map_put(&b->anchors, (const char *)anchor, x);
	*out = x;
	return 0;
}

static void ends_at(struct xnode *x, const yaml_event_t *ev)
{
	x->n.end_line = (unsigned)ev->end_mark.line + 1;
	x->n.end_col = (unsigned)ev->end_mark.column + 1;
}

static int open_collection(struct builder *b, const yaml_event_t *ev, enum ynode_type type,
			   const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct xnode *x;

	if (b->depth == YAML_MAX_DEPTH)
		return event_err(b, ev, ERR_LIMIT, "limit exceeded: nested more than 64 deep");
	if (open_node(b, ev, type, anchor, tag, &x))
		return -1;
	x->open = true;
	x->n.flow = type == YNODE_SEQ ? ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE :
					ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
	b->stack[b->depth].node = x;
	b->stack[b->depth++].first = b->pending.len;
	return 0;
}

static int add_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *value = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct xnode *x;

	if (open_node(b, ev, YNODE_SCALAR, ev->data.scalar.anchor, ev->data.scalar.tag, &x))
		return -1;
	if (memchr(value, '\0', len))
		return event_err(b, ev, ERR_CONFIG, "a NUL character is not allowed in a string");
	x->n.scalar = arena_str(&b->d->arena, (struct str){ value, len });
	x->n.plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	ends_at(x, ev);
	return attach(b, x, ev);
}

static int add_alias(struct builder *b, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct xnode *x = map_get(&b->anchors, name);
	unsigned line = (unsigned)ev->start_mark.line + 1, col = (unsigned)ev->start_mark.column + 1;

	if (!x)
		return err_at(b->err, ERR_CONFIG, b->d->file, line, col, "alias %s has no anchor before it",
			      quote(&b->d->arena, name));
	if (x->open)
		return err_at(b->err, ERR_CONFIG, b->d->file, line, col,
			      "alias %s contains itself: its anchor is at %u:%u", quote(&b->d->arena, name),
			      x->n.line, x->n.col);
	b->nodes += x->size;	/* both are at most YAML_MAX_NODES */
	if (b->nodes > YAML_MAX_NODES)
		return event_err(b, ev, ERR_LIMIT, "limit exceeded: aliases expand to more than 100000 nodes");
	if (b->depth + x->height > YAML_MAX_DEPTH + 1)
		return event_err(b, ev, ERR_LIMIT, "limit exceeded: aliases nest more than 64 deep");
	return attach(b, x, ev);
}

static int by_key(const void *a, const void *b)
{
	const struct ynode *x = *(struct ynode *const *)a, *y = *(struct ynode *const *)b;
	int r = strcmp(x->scalar, y->scalar);

	if (r)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->col > y->col) - (x->col < y->col);
}

static int check_duplicates(struct builder *b, const struct ynode *map)
{
	const struct ynode *first = NULL, *dup = NULL;

	if (map->len <= 24) {
		for (size_t i = 1; i < map->len && !dup; i++)
			for (size_t j = 0; j < i; j++)
				if (strcmp(map->keys[i]->scalar, map->keys[j]->scalar) == 0) {
					first = map->keys[j];
					dup = map->keys[i];
					break;
				}
	} else {
		CLEAN_FREE struct ynode **k = xmalloc(map->len * sizeof(struct ynode *));

		memcpy(k, map->keys, map->len * sizeof(struct ynode *));
		qsort(k, map->len, sizeof(struct ynode *), by_key);
		for (size_t i = 1; i < map->len && !dup; i++)
			if (strcmp(k[i - 1]->scalar, k[i]->scalar) == 0) {
				first = k[i - 1];
				dup = k[i];
			}
	}
	if (!dup)
		return 0;
	err_at(b->err, ERR_CONFIG, b->d->file, dup->line, dup->col, "duplicate key %s, first at %u:%u",
	       quote(&b->d->arena, dup->scalar), first->line, first->col);
	return err_hint(b->err, "keep one of the two");
}

static int close_collection(struct builder *b, const yaml_event_t *ev)
{
	struct xnode *x = b->stack[--b->depth].node;
	size_t first = b->stack[b->depth].first, n = b->pending.len - first;
	struct ynode **from, **to;

	x->open = false;
	ends_at(x, ev);
	if (n) {
		from = b->pending.ptr + first;
		to = arena_alloc(&b->d->arena, n * sizeof(struct ynode *));
		if (x->n.type == YNODE_SEQ) {
			memcpy(to, from, n * sizeof(struct ynode *));
			x->n.items = to;
			x->n.len = n;
		} else {
			x->n.keys = to;
			x->n.items = to + n / 2;
			x->n.len = n / 2;
			for (size_t i = 0; i < n / 2; i++) {
				x->n.keys[i] = from[2 * i];
				x->n.items[i] = from[2 * i + 1];
			}
			if (check_duplicates(b, &x->n))
				return -1;
		}
	}
	b->pending.len = first;
	return attach(b, x, ev);
}

static int on_event(struct builder *b, const yaml_event_t *ev, unsigned *documents)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return event_err(b, ev, ERR_CONFIG, "a second document is not allowed");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return add_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, ev, YNODE_SEQ, ev->data.sequence_start.anchor,
				       ev->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, ev, YNODE_MAP, ev->data.mapping_start.anchor,
				       ev->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(b, ev);
	default:
		return 0;
	}
}

static int build(struct builder *b)
{
	unsigned documents = 0;

	for (;;) {
		yaml_event_t ev;
		int r;
		bool end;

		if (!yaml_parser_parse(&b->parser, &ev))
			return scanner_error(b);
		end = ev.type == YAML_STREAM_END_EVENT;
		r = on_event(b, &ev, &documents);
		yaml_event_delete(&ev);
		if (r || end)
			return r;
	}
}

static int too_large(const char *shown, uint64_t size, struct err *err)
{
	err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu bytes, the limit is 1 MB", shown,
		(unsigned long long)size);
	return err_hint(err, "is this the right file?");
}

int yaml_parse(struct yaml_doc *d, const char *shown, const char *p, size_t n, struct err *err)
{
	struct builder b = { .d = d, .err = err, .text = p, .n = n };
	const char *nul;
	int r;

	*d = (struct yaml_doc){ 0 };
	if (n > YAML_MAX_BYTES)
		return too_large(shown, n, err);
	d->file = arena_strdup(&d->arena, shown);
	nul = n ? memchr(p, '\0', n) : NULL;
	if (nul)
		return at_offset(&b, (size_t)(nul - p), "a NUL byte is not allowed");
	if (!str_is_utf8((struct str){ p, n })) {
		at_offset(&b, utf8_prefix(p, n), "invalid UTF-8");
		return err_hint(err, "save the file as UTF-8");
	}
	if (str_starts((struct str){ p, n }, "\xef\xbb\xbf")) {
		b.text += 3;
		b.n -= 3;
	}
	if (!yaml_parser_initialize(&b.parser))
		abort();
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text, b.n);
	r = build(&b);
	yaml_parser_delete(&b.parser);
	VEC_FREE(&b.pending);
	map_release(&b.anchors);
	return r;
}

int yaml_load(struct yaml_doc *d, const char *path, const char *shown, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct stat st;

	*d = (struct yaml_doc){ 0 };
	if (stat(path, &st) < 0)
		return err_sys(err, "%s", shown);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s: not a regular file", shown);
	if ((uint64_t)st.st_size > YAML_MAX_BYTES)
		return too_large(shown, (uint64_t)st.st_size, err);
	if (fs_read(path, YAML_MAX_BYTES, &text, err))
		return -1;
	return yaml_parse(d, shown, text.ptr, text.len, err);
}

void yaml_release(struct yaml_doc *d)
{
	arena_release(&d->arena);
	*d = (struct yaml_doc){ 0 };
}

const struct ynode *ynode_get(const struct ynode *map, const char *key)
{
	if (!map || map->type != YNODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->len; i++)
		if (strcmp(map->keys[i]->scalar, key) == 0)
			return map->items[i];
	return NULL;
}

const char *ynode_kind(const struct ynode *n)
{
	switch (n->type) {
	case YNODE_SEQ:
		return "a list";
	case YNODE_MAP:
		return "a mapping";
	default:
		break;
	}
	if (!n->plain)
		return "a string";
	switch (scalar_kind(n->scalar)) {
	case SCALAR_NULL:
		return "nothing";
	case SCALAR_BOOL:
		return "a boolean";
	case SCALAR_NUMBER:
		return "a number";
	default:
		return "a string";
	}
}
