/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/internal.h"

/* "image.package"-like parts up to the nearest thing that has a name: "package.image.user of function 'hello'" */
static void describe(struct reader *rd, const char *key, const char *joint, struct buf *out)
{
	const struct frame *f = rd->at;
	const char *parts[16];
	size_t n = 0;

	if (key)
		parts[n++] = key;
	for (; f && !f->name; f = f->up)
		parts[n++] = f->what;
	while (n--)
		buf_addf(out, "%s%s", parts[n], n ? "." : "");
	if (f) {
		if (out->len)
			buf_addz(out, joint);
		buf_addf(out, "%s %s", f->what, quote(&rd->p->arena, f->name));
	}
}

int read_err(struct reader *rd, unsigned line, unsigned col, const char *key, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	describe(rd, key, " of ", &b);
	if (b.len)
		buf_addz(&b, ": ");
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_at(rd->err, ERR_CONFIG, rd->p->file, line, col, "%s", b.ptr);
}

int relocate(struct reader *rd, struct lstr where, const char *key)
{
	CLEAN_BUF struct buf context = BUF_INIT;
	struct err inner = *rd->err;

	describe(rd, key, " of ", &context);
	err_at(rd->err, ERR_CONFIG, rd->p->file, where.line, where.col, "%s%s%s", inner.msg,
	       context.len ? " in " : "", context.ptr);
	return err_hint(rd->err, "%s", inner.hint);
}

/* Some checks compare entries with each other: what they cost is bounded here. */
static int check_count(struct reader *rd, const struct key *k, const struct ynode *n)
{
	size_t max = keys_max_entries(k);

	if (n->len <= max)
		return 0;
	read_err(rd, n->line, n->col, k->name, "limit exceeded: %zu entries, the limit is %zu", n->len, max);
	rd->err->code = ERR_LIMIT;
	return -1;
}

/* What stands where something else was expected. */
static const char *found(struct reader *rd, const struct ynode *n)
{
	const char *kind = ynode_kind(n);

	if (n->type != YNODE_SCALAR || (n->plain && scalar_kind(n->scalar) == SCALAR_NULL))
		return kind;
	if (!*n->scalar)
		return "an empty string";
	if (!n->plain)
		kind = "the string";
	else if (scalar_kind(n->scalar) == SCALAR_STR)
		return quote(&rd->p->arena, n->scalar);
	return arena_printf(&rd->p->arena, "%s %s", kind, quote(&rd->p->arena, n->scalar));
}

static int type_err(struct reader *rd, const struct ynode *n, const char *key, const char *expects)
{
	return read_err(rd, n->line, n->col, key, "expected %s, found %s", expects, found(rd, n));
}

static int key_err(struct reader *rd, const struct key *k, const struct ynode *n)
{
	char buf[256];

	type_err(rd, n, k->name, key_expects(k, buf, sizeof(buf)));
	if (n->type == YNODE_SCALAR && n->plain && scalar_kind(n->scalar) == SCALAR_NULL)
		return err_hint(rd->err, "write a value, or remove the key");
	if (n->type == YNODE_SCALAR && k->type == KEY_STRS && strlen(n->scalar) < 100)
		return err_hint(rd->err, "write [%s]", n->scalar);
	return -1;
}

static struct lstr lstr_of(const struct ynode *n)
{
	return (struct lstr){ n->scalar, n->line, n->col };
}

/* Check that @n is a string that @k takes. @what: of a list's element, else NULL. */
static int check_string(struct reader *rd, const struct key *k, const struct ynode *n, const char *what)
{
	const struct check *c = k->check;

	if (!what)
		what = c ? c->what : "a string";
	if (n->type != YNODE_SCALAR)
		return type_err(rd, n, k->name, what);
	if (n->plain) {
		enum scalar_kind kind = scalar_kind(n->scalar);

		if (kind == SCALAR_NULL) {
			type_err(rd, n, k->name, what);
			return err_hint(rd->err, "write a value, or remove the key");
		}
		if (kind == SCALAR_BOOL || (kind == SCALAR_NUMBER && !(k->flags & KEY_NUMBERS))) {
			type_err(rd, n, k->name, what);
			return err_hint(rd->err, "write \"%.100s\"", n->scalar);
		}
	}
	if (!*n->scalar && !(k->flags & KEY_EMPTY))
		return type_err(rd, n, k->name, what);
	if (!(k->flags & KEY_LINES) && strpbrk(n->scalar, "\n\r\t\x1b"))
		return read_err(rd, n->line, n->col, k->name, "expected one line without tabs, found %s",
				quote(&rd->p->arena, n->scalar));
	if (c && !c->ok(n->scalar)) {
		/* what is refused for holding a password is not to be shown */
		if (c == &check_git || c == &check_remote)
			read_err(rd, n->line, n->col, k->name, "expected %s", c->what);
		else
			type_err(rd, n, k->name, c->what);
		if (c->hint)
			err_hint(rd->err, "%s", c->hint);
		return -1;
	}
	return 0;
}

static int find_choice(struct reader *rd, const struct key *k, const struct ynode *n)
{
	char buf[256];
	size_t count = 0;

	for (; k->choices[count]; count++)
		if (n->type == YNODE_SCALAR && strcmp(n->scalar, k->choices[count]) == 0)
			return (int)count;
	/* a list's key_expects() is about the list */
	type_err(rd, n, k->name, key_expects(&(struct key){ .type = KEY_CHOICE, .choices = k->choices }, buf,
					     sizeof(buf)));
	if (n->type == YNODE_SCALAR) {
		/* any letter is near any other */
		const char *near = n->scalar[0] && n->scalar[1] ? str_closest(n->scalar, k->choices, count) : NULL;

		if (near)
			err_hint(rd->err, "did you mean '%s'?", near);
	}
	return -1;
}

static int read_bool(struct reader *rd, const struct key *k, const struct ynode *n, bool *out)
{
	int b;

	if (n->type == YNODE_SCALAR && n->plain && scalar_kind(n->scalar) == SCALAR_BOOL) {
		*out = n->scalar[0] == 't';
		return 0;
	}
	key_err(rd, k, n);
	b = n->type == YNODE_SCALAR ? scalar_bool11(n->scalar) : -1;
	if (b >= 0)
		err_hint(rd->err, "write %s%s", b ? "true" : "false",
			 n->plain ? "; other spellings are strings" : " without quotes");
	return -1;
}

static int range_err(struct reader *rd, const struct key *k, const struct ynode *n)
{
	char lo[32], hi[32];
	const char *q = quote(&rd->p->arena, n->scalar);
	uint64_t v;

	switch (k->type) {
	case KEY_SIZE:
		format_size(k->min, lo);
		snprintf(hi, sizeof(hi), "%" PRIu64 " MB", k->max >> 20);
		break;
	case KEY_MS:
		format_us(k->min * 1000, lo);
		format_us(k->max * 1000, hi);
		break;
	case KEY_US:
		format_us(k->min, lo);
		format_us(k->max, hi);
		break;
	case KEY_PERCENT:
		format_permille(k->min, lo);
		format_permille(k->max, hi);
		break;
	default:
		snprintf(lo, sizeof(lo), "%" PRIu64, k->min);
		snprintf(hi, sizeof(hi), "%" PRIu64, k->max);
		break;
	}
	read_err(rd, n->line, n->col, k->name, "%s is out of range: %s to %s", q, lo, hi);
	/* the platforms' own files count in MB */
	if (k->type == KEY_SIZE && str_parse_u64(str_from(n->scalar), &v) == 0 && v < k->min >> 10)
		return err_hint(rd->err, "a bare number is bytes: write %" PRIu64 " MB", v);
	if (k->type == KEY_MS && str_parse_u64(str_from(n->scalar), &v) == 0)
		return err_hint(rd->err, "a bare number is seconds");
	return -1;
}

static int read_number(struct reader *rd, const struct key *k, const struct ynode *n, uint64_t *out)
{
	uint64_t v = 0;
	int r = -1;

	if (n->type == YNODE_SCALAR) {
		if (k->type == KEY_SIZE)
			r = str_parse_size(str_from(n->scalar), &v);
		else if (k->type == KEY_PERCENT)
			r = parse_permille(n->scalar, &v);
		else if (k->type == KEY_COUNT)
			r = n->plain ? str_parse_u64(str_from(n->scalar), &v) : -1;
		else
			r = duration_parse(n->scalar, &v);
	}
	if (r) {
		if (k->type == KEY_PERCENT && n->type == YNODE_SCALAR && str_parse_u64(str_from(n->scalar), &v) == 0) {
			key_err(rd, k, n);
			return err_hint(rd->err, "write %" PRIu64 " %%", v);
		}
		key_err(rd, k, n);
		if (n->type == YNODE_SCALAR && *n->scalar) {
			if (k->type == KEY_SIZE)
				err_hint(rd->err, "units: B, KB, MB, GB");
			else if (k->type == KEY_MS || k->type == KEY_US)
				err_hint(rd->err, "units: us, ms, s, min, h");
		}
		return -1;
	}
	if (k->type == KEY_MS)
		v /= 1000;
	if ((k->max && (v < k->min || v > k->max)))
		return range_err(rd, k, n);
	if (!k->max && !v)
		return read_err(rd, n->line, n->col, k->name, "has to be more than 0");
	*out = v;
	return 0;
}

static int read_mode(struct reader *rd, const struct key *k, const struct ynode *n, mode_t *out)
{
	mode_t m;

	if (n->type == YNODE_SCALAR && parse_mode(n->scalar, &m) == 0) {
		if (m == 0)
			return read_err(rd, n->line, n->col, k->name, "mode %s lets nobody read the file", n->scalar);
		*out = m;
		return 0;
	}
	key_err(rd, k, n);
	if (n->type == YNODE_SCALAR && strlen(n->scalar) >= 3 && strlen(n->scalar) <= 4 &&
	    strspn(n->scalar, "01234567") == strlen(n->scalar))
		return err_hint(rd->err, "write 0%s: without the leading 0 it is a decimal number", n->scalar);
	return -1;
}

struct lstrs lstrs_join(struct arena *a, struct lstrs x, struct lstrs y)
{
	struct lstrs r = { .len = x.len + y.len };

	if (!x.len || !y.len)
		return x.len ? x : y;
	r.ptr = arena_join(a, x.ptr, x.len * sizeof(*r.ptr), y.ptr, y.len * sizeof(*r.ptr));
	return r;
}

struct lkvs lkvs_merge(struct arena *a, struct lkvs x, struct lkvs y)
{
	struct lkvs r = { .len = x.len };

	if (!x.len || !y.len)
		return x.len ? x : y;
	r.ptr = arena_alloc(a, (x.len + y.len) * sizeof(*r.ptr));
	memcpy(r.ptr, x.ptr, x.len * sizeof(*r.ptr));
	for (size_t i = 0; i < y.len; i++) {
		size_t j = 0;

		while (j < x.len && strcmp(r.ptr[j].key.s, y.ptr[i].key.s) != 0)
			j++;
		r.ptr[j < x.len ? j : r.len++] = y.ptr[i];
	}
	return r;
}

static int read_strs(struct reader *rd, const struct key *k, const struct ynode *n, struct lstrs *out)
{
	struct lstrs v = { 0 };

	if (n->type != YNODE_SEQ)
		return key_err(rd, k, n);
	if (!n->len && (k->flags & KEY_NOT_EMPTY))
		return read_err(rd, n->line, n->col, k->name, "expected at least one entry, found an empty list");
	if (check_count(rd, k, n))
		return -1;
	if (n->len)
		v.ptr = arena_alloc(&rd->p->arena, n->len * sizeof(*v.ptr));
	for (; v.len < n->len; v.len++) {
		const struct ynode *item = n->items[v.len];

		if (k->choices ? find_choice(rd, k, item) < 0 : check_string(rd, k, item, NULL))
			return -1;
		for (size_t i = 0; (k->flags & KEY_UNIQUE) && i < v.len; i++)
			if (strcmp(v.ptr[i].s, item->scalar) == 0)
				return read_err(rd, item->line, item->col, k->name, "%s is there twice",
						quote(&rd->p->arena, item->scalar));
		v.ptr[v.len] = lstr_of(item);
	}
	*out = lstrs_join(&rd->p->arena, *out, v);
	return 0;
}

static int check_key_name(struct reader *rd, const struct key *k, const struct check *c, const struct ynode *name)
{
	if (c->ok(name->scalar) && *name->scalar)
		return 0;
	read_err(rd, name->line, name->col, k->name, "expected %s, found %s", c->what,
		 quote(&rd->p->arena, name->scalar));
	return c->hint ? err_hint(rd->err, "%s", c->hint) : -1;
}

int read_name(struct reader *rd, const struct key *section, const struct ynode *k)
{
	return check_key_name(rd, section, section->names, k);
}

static int read_pairs(struct reader *rd, const struct key *k, const struct ynode *n, struct lkvs *out)
{
	struct lkvs v = { 0 };

	if (n->type != YNODE_MAP)
		return key_err(rd, k, n);
	if (check_count(rd, k, n))
		return -1;
	if (n->len)
		v.ptr = arena_alloc(&rd->p->arena, n->len * sizeof(*v.ptr));
	for (; v.len < n->len; v.len++) {
		const struct ynode *name = n->keys[v.len], *val = n->items[v.len];

		if (check_key_name(rd, k, k->names, name))
			return -1;
		if (val->type != YNODE_SCALAR || (val->plain && scalar_kind(val->scalar) == SCALAR_NULL)) {
			read_err(rd, val->line, val->col, k->name, "%s: expected a string, found %s",
				 quote(&rd->p->arena, name->scalar), ynode_kind(val));
			return val->type == YNODE_SCALAR ? err_hint(rd->err, "write \"\" for an empty string") : -1;
		}
		v.ptr[v.len] = (struct lkv){ lstr_of(name), lstr_of(val) };
	}
	*out = lkvs_merge(&rd->p->arena, *out, v);
	return 0;
}

static int read_lists(struct reader *rd, const struct key *k, const struct ynode *n, struct llists *out)
{
	const struct key each = { .name = k->name, .type = KEY_STRS, .flags = KEY_NOT_EMPTY | KEY_UNIQUE };

	if (n->type != YNODE_MAP)
		return key_err(rd, k, n);
	if (check_count(rd, k, n))
		return -1;
	*out = (struct llists){ arena_alloc(&rd->p->arena, n->len * sizeof(*out->ptr)), 0 };
	for (; out->len < n->len; out->len++) {
		const struct ynode *name = n->keys[out->len], *list = n->items[out->len];
		struct llist *to = &out->ptr[out->len];

		if (check_key_name(rd, k, k->names, name))
			return -1;
		if (list->type != YNODE_SEQ || !list->len) {
			read_err(rd, list->line, list->col, k->name, "%s: expected a list of values, found %s",
				 quote(&rd->p->arena, name->scalar),
				 list->type == YNODE_SEQ ? "none" : ynode_kind(list));
			return list->type == YNODE_SCALAR && strlen(list->scalar) < 100 ?
				err_hint(rd->err, "write [%s]", list->scalar) : -1;
		}
		if (check_count(rd, &each, list))
			return -1;
		to->key = lstr_of(name);
		to->vals.ptr = arena_alloc(&rd->p->arena, list->len * sizeof(*to->vals.ptr));
		for (; to->vals.len < list->len; to->vals.len++) {
			const struct ynode *val = list->items[to->vals.len];

			if (val->type != YNODE_SCALAR || (val->plain && scalar_kind(val->scalar) == SCALAR_NULL))
				return read_err(rd, val->line, val->col, k->name, "%s: expected a string, found %s",
						quote(&rd->p->arena, name->scalar), ynode_kind(val));
			to->vals.ptr[to->vals.len] = lstr_of(val);
		}
	}
	return 0;
}

static int read_objects(struct reader *rd, const struct key *k, const struct ynode *n, void *out)
{
	struct {
		char *ptr;
		size_t len;
	} *list = out;
	const struct frame at = { k->name, NULL, rd->at };
	struct reader inner = { rd->p, rd->err, &at };

	if (n->type != YNODE_SEQ)
		return key_err(rd, k, n);
	if (check_count(rd, k, n))
		return -1;
	if (!n->len)
		return 0;
	list->ptr = arena_alloc(&rd->p->arena, n->len * k->sub->size);
	list->len = n->len;
	for (size_t i = 0; i < n->len; i++)
		if (keys_read(&inner, k->sub, n->items[i], list->ptr + i * k->sub->size))
			return -1;
	return 0;
}

static void store_str(const struct key *k, const struct ynode *n, void *out)
{
	if (k->flags & KEY_PLAIN)
		*(const char **)out = n->scalar;
	else
		*(struct lstr *)out = lstr_of(n);
}

static int read_value(struct reader *rd, const struct key *k, const struct ynode *n, void *out)
{
	const struct frame at = { k->name, NULL, rd->at };
	struct reader inner = { rd->p, rd->err, &at };
	int choice;

	switch (k->type) {
	case KEY_STR:
		if (check_string(rd, k, n, NULL))
			return -1;
		store_str(k, n, out);
		return 0;
	case KEY_STR_OR:
		if (n->type == YNODE_MAP) {
			*(struct lstr *)out = (struct lstr){ .s = NULL };
			return keys_read(&inner, k->sub, n, out);
		}
		if (n->type == YNODE_SEQ)
			return key_err(rd, k, n);
		if (check_string(rd, k, n, key_expects(k, NULL, 0)))
			return -1;
		store_str(k, n, out);
		return 0;
	case KEY_CHOICE:
		if (find_choice(rd, k, n) < 0)
			return -1;
		store_str(k, n, out);
		return 0;
	case KEY_ENUM:
		choice = find_choice(rd, k, n);
		if (choice < 0)
			return -1;
		*(unsigned *)out = (unsigned)choice;
		return 0;
	case KEY_BOOL:
		return read_bool(rd, k, n, out);
	case KEY_COUNT:
	case KEY_SIZE:
	case KEY_MS:
	case KEY_US:
	case KEY_PERCENT:
		return read_number(rd, k, n, out);
	case KEY_MODE:
		return read_mode(rd, k, n, out);
	case KEY_STRS:
		return read_strs(rd, k, n, out);
	case KEY_PAIRS:
		return read_pairs(rd, k, n, out);
	case KEY_LISTS:
		return read_lists(rd, k, n, out);
	case KEY_OBJECTS:
		return read_objects(rd, k, n, out);
	case KEY_OBJECT:
		return keys_read(&inner, k->sub, n, out);
	case KEY_NAMED:
		break;
	}
	if (n->type != YNODE_MAP)
		return key_err(rd, k, n);
	if (!n->len && (k->flags & KEY_NOT_EMPTY))
		return read_err(rd, n->line, n->col, k->name, "expected at least one entry, found an empty mapping");
	return check_count(rd, k, n);
}

static int unknown_key(struct reader *rd, const struct keys *set, const struct ynode *k)
{
	CLEAN_BUF struct buf where = BUF_INIT;
	const char *names[32];

	for (size_t i = 0; i < set->len; i++)
		names[i] = set->key[i].name;
	describe(rd, NULL, " of ", &where);
	err_at(rd->err, ERR_CONFIG, rd->p->file, k->line, k->col, "unknown key %s%s%s",
	       quote(&rd->p->arena, k->scalar), where.len ? " in " : "", where.ptr);
	hint_closest(rd->err, k->scalar, names, set->len, "known keys");
	return -1;
}

int keys_read(struct reader *rd, const struct keys *set, const struct ynode *n, void *target)
{
	CLEAN_BUF struct buf where = BUF_INIT;
	uint32_t seen = 0;

	if (n->type != YNODE_MAP) {
		type_err(rd, n, NULL, "a mapping");
		if (n->type == YNODE_SCALAR && n->plain && scalar_kind(n->scalar) == SCALAR_NULL)
			err_hint(rd->err, "write {} for an empty one");
		return -1;
	}
	for (size_t i = 0; i < n->len; i++) {
		const struct key *k = keys_find(set, n->keys[i]->scalar);

		if (!k)
			return unknown_key(rd, set, n->keys[i]);
		seen |= 1u << (k - set->key);
		if (read_value(rd, k, n->items[i], (char *)target + k->offset))
			return -1;
	}
	for (size_t i = 0; i < set->len; i++)
		if ((set->key[i].flags & KEY_REQUIRED) && !(seen & 1u << i)) {
			describe(rd, NULL, " of ", &where);
			return err_at(rd->err, ERR_CONFIG, rd->p->file, n->line, n->col, "missing key '%s'%s%s",
				      set->key[i].name, where.len ? " in " : "", where.ptr);
		}
	return set->done ? set->done(rd, target, n) : 0;
}
