/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/jsonpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "flow/jsonpath_internal.h"
#include "flow/scan.h"

#define BLANKS	     " \t"
#define FILTER_DEPTH 32u

/* Of a name without quotes: what Jayway would end it at, and what would be taken for something else. */
static bool is_plain(int c)
{
	return c > ' ' && c != 0x7f && !strchr(".[]()'\",*?", c);
}

static const char *plain_name(struct scan *r)
{
	size_t start = r->pos;

	while (is_plain(scan_peek(r)))
		r->pos++;
	if (r->pos == start) {
		scan_wrong(r, start, start < r->s.len ? "a name is expected here" : "a name is expected at its end");
		return NULL;
	}
	return arena_str(r->arena, (struct str){ r->s.ptr + start, r->pos - start });
}

/* 'text' or "text"; a backslash takes what follows as it is. */
static const char *quoted(struct scan *r, size_t *len)
{
	size_t start = r->pos;
	int quote = scan_peek(r);
	char *out, *w;

	r->pos++;
	out = w = arena_alloc(r->arena, r->s.len - start + 1);
	for (;;) {
		int c = scan_peek(r);

		if (c < 0) {
			scan_wrong(r, start, "a quote is not closed");
			return NULL;
		}
		r->pos++;
		if (c == quote)
			break;
		if (c == '\\') {
			c = scan_peek(r);
			if (c < 0)
				continue;
			r->pos++;
		}
		if (!c) {
			scan_wrong(r, r->pos - 1, "a NUL cannot be in a name");
			return NULL;
		}
		*w++ = (char)c;
	}
	*len = (size_t)(w - out);
	return out;
}

static int integer(struct scan *r, long *out)
{
	size_t start = r->pos, digits;
	char text[24];

	if (scan_peek(r) == '-')
		r->pos++;
	digits = r->pos;
	while (scan_peek(r) >= '0' && scan_peek(r) <= '9')
		r->pos++;
	if (r->pos == digits)
		return scan_wrong(r, start, "a number, a quoted name, * or ?( is expected in the brackets");
	if (r->pos - digits > 9)
		return scan_wrong(r, start, "a number is too large");
	memcpy(text, r->s.ptr + start, r->pos - start);
	text[r->pos - start] = '\0';
	*out = strtol(text, NULL, 10);
	return 0;
}

static const struct jsonpath *path(struct scan *r);
static const struct filter *filter_or(struct scan *r);

static int literal(struct scan *r, struct operand *o)
{
	size_t start = r->pos;
	int c = scan_peek(r);

	if (c == '\'' || c == '"') {
		o->type = JSON_STRING;
		o->text = quoted(r, &o->len);
		return o->text ? 0 : -1;
	}
	if (c == '-' || (c >= '0' && c <= '9')) {
		char text[48], *end;
		size_t n = 0;

		while (n < sizeof(text) - 1 && r->pos < r->s.len && strchr("+-.eE0123456789", scan_peek(r)))
			text[n++] = r->s.ptr[r->pos++];
		text[n] = '\0';
		o->type = JSON_REAL;
		o->number = strtod(text, &end);
		return *end ? scan_wrong(r, start, "a number is malformed") : 0;
	}
	if (c == '[') {
		VEC(struct operand) items = { 0 };

		if (r->depth++ >= FILTER_DEPTH)
			return scan_wrong(r, start, "a filter is nested too deeply");
		o->type = JSON_ARRAY;
		r->pos++;
		for (;;) {
			struct operand item = { .type = JSON_NULL };

			scan_skip(r, BLANKS);
			if (!items.len && scan_take(r, "]"))
				break;
			if (literal(r, &item) < 0)
				goto fail;
			VEC_PUSH(&items, item);
			scan_skip(r, BLANKS);
			if (scan_take(r, "]"))
				break;
			if (!scan_take(r, ",")) {
				scan_wrong(r, r->pos, "a comma or ] is expected here");
				goto fail;
			}
		}
		r->depth--;
		o->nitems = items.len;
		o->item = arena_copy(r->arena, items.ptr, items.len * sizeof(*o->item));
		VEC_FREE(&items);
		return 0;
	fail:
		VEC_FREE(&items);
		return -1;
	}
	if (scan_take(r, "true"))
		o->type = JSON_TRUE;
	else if (scan_take(r, "false"))
		o->type = JSON_FALSE;
	else if (scan_take(r, "null"))
		o->type = JSON_NULL;
	else
		return scan_wrong(r, start, "a path, a quoted text, a number, true, false or null is expected here");
	return 0;
}

static int operand(struct scan *r, struct operand *o)
{
	if (scan_peek(r) != '@' && scan_peek(r) != '$')
		return literal(r, o);
	o->path = path(r);
	return o->path ? 0 : -1;
}

static const struct filter *comparison(struct scan *r)
{
	static const struct {
		const char *text;
		enum filter_op op;
	} ops[] = { { "==", FILTER_EQ }, { "!=", FILTER_NE }, { "<=", FILTER_LE },    { "<", FILTER_LT },
		    { ">=", FILTER_GE }, { ">", FILTER_GT },  { "nin ", FILTER_NIN }, { "in ", FILTER_IN } };
	struct filter *f = arena_new(r->arena, struct filter);
	size_t start = r->pos;

	if (operand(r, &f->a) < 0)
		return NULL;
	scan_skip(r, BLANKS);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!scan_take(r, ops[i].text))
			continue;
		f->op = ops[i].op;
		scan_skip(r, BLANKS);
		return operand(r, &f->b) < 0 ? NULL : f;
	}
	if (scan_take(r, "=~")) {
		scan_wrong(r, r->pos - 2, "regular expressions are not supported");
		return NULL;
	}
	if (!f->a.path) {
		scan_wrong(r, start, "a filter has to look at something");
		return NULL;
	}
	f->op = FILTER_EXISTS;
	return f;
}

static const struct filter *filter_unary(struct scan *r)
{
	struct filter *f;

	scan_skip(r, BLANKS);
	if (scan_take(r, "!")) {
		if (r->depth++ >= FILTER_DEPTH) {
			scan_wrong(r, r->pos, "a filter is nested too deeply");
			return NULL;
		}
		f = arena_new(r->arena, struct filter);
		f->op = FILTER_NOT;
		f->left = filter_unary(r);
		r->depth--;
		return f->left ? f : NULL;
	}
	if (scan_take(r, "(")) {
		const struct filter *in = filter_or(r);

		scan_skip(r, BLANKS);
		if (in && !scan_take(r, ")")) {
			scan_wrong(r, r->pos, "a ) is missing here");
			return NULL;
		}
		return in;
	}
	return comparison(r);
}

static const struct filter *filter_and(struct scan *r)
{
	const struct filter *left = filter_unary(r);

	for (;;) {
		struct filter *f;

		scan_skip(r, BLANKS);
		if (!left || !scan_take(r, "&&"))
			return left;
		f = arena_new(r->arena, struct filter);
		*f = (struct filter){ .op = FILTER_AND, .left = left, .right = filter_unary(r) };
		if (!f->right)
			return NULL;
		left = f;
	}
}

static const struct filter *filter_or(struct scan *r)
{
	const struct filter *left;

	if (r->depth++ >= FILTER_DEPTH) {
		scan_wrong(r, r->pos, "a filter is nested too deeply");
		return NULL;
	}
	left = filter_and(r);
	for (;;) {
		struct filter *f;

		scan_skip(r, BLANKS);
		if (!left || !scan_take(r, "||"))
			break;
		f = arena_new(r->arena, struct filter);
		*f = (struct filter){ .op = FILTER_OR, .left = left, .right = filter_and(r) };
		left = f->right ? f : NULL;
	}
	r->depth--;
	return left;
}

/* 'a' or 'a','b', behind the bracket */
static int bracket_names(struct scan *r, struct jsonpath_step *step)
{
	VEC(const char *) names = { 0 };
	size_t len;
	int rc = -1;

	for (;;) {
		const char *name;

		scan_skip(r, BLANKS);
		if (scan_peek(r) != '\'' && scan_peek(r) != '"') {
			scan_wrong(r, r->pos, "a quoted name is expected here");
			goto out;
		}
		name = quoted(r, &len);
		if (!name)
			goto out;
		VEC_PUSH(&names, name);
		scan_skip(r, BLANKS);
		if (!scan_take(r, ","))
			break;
	}
	step->kind = names.len == 1 ? STEP_NAME : STEP_NAMES;
	step->n = names.len;
	step->name = arena_copy(r->arena, names.ptr, names.len * sizeof(*names.ptr));
	rc = 0;
out:
	VEC_FREE(&names);
	return rc;
}

/* 1 or 1,2 or 1:2, behind the bracket */
static int bracket_numbers(struct scan *r, struct jsonpath_step *step)
{
	VEC(long) numbers = { 0 };
	long n;
	int rc = -1;

	step->has_from = scan_peek(r) != ':';
	if (step->has_from && integer(r, &step->from) < 0)
		return -1;
	scan_skip(r, BLANKS);
	if (scan_take(r, ":")) {
		step->kind = STEP_SLICE;
		scan_skip(r, BLANKS);
		step->has_to = scan_peek(r) != ']';
		if (!step->has_from && !step->has_to)
			return scan_wrong(r, r->pos, "a number is expected on either side of the colon");
		return step->has_to ? integer(r, &step->to) : 0;
	}
	VEC_PUSH(&numbers, step->from);
	while (scan_take(r, ",")) {
		scan_skip(r, BLANKS);
		if (integer(r, &n) < 0)
			goto out;
		VEC_PUSH(&numbers, n);
		scan_skip(r, BLANKS);
	}
	step->kind = numbers.len == 1 ? STEP_INDEX : STEP_INDEXES;
	step->n = numbers.len;
	step->index = arena_copy(r->arena, numbers.ptr, numbers.len * sizeof(*numbers.ptr));
	rc = 0;
out:
	VEC_FREE(&numbers);
	return rc;
}

static int bracket(struct scan *r, struct jsonpath_step *step)
{
	size_t start = r->pos++;
	int rc;

	scan_skip(r, BLANKS);
	if (scan_take(r, "*")) {
		step->kind = STEP_ALL;
		rc = 0;
	} else if (scan_take(r, "?")) {
		scan_skip(r, BLANKS);
		if (!scan_take(r, "("))
			return scan_wrong(r, r->pos, "a ( is expected behind the ?");
		step->kind = STEP_FILTER;
		step->filter = filter_or(r);
		scan_skip(r, BLANKS);
		rc = step->filter ? 0 : -1;
		if (!rc && !scan_take(r, ")"))
			rc = scan_wrong(r, r->pos, "a ) is missing here");
	} else if (scan_peek(r) == '\'' || scan_peek(r) == '"') {
		rc = bracket_names(r, step);
	} else {
		rc = bracket_numbers(r, step);
	}
	if (rc < 0)
		return -1;
	scan_skip(r, BLANKS);
	return scan_take(r, "]") ? 0 : scan_wrong(r, r->pos < r->s.len ? r->pos : start, "a bracket is not closed");
}

static int steps(struct scan *r, struct jsonpath *p)
{
	VEC(struct jsonpath_step) list = { 0 };
	const struct jsonpath_step deep = { .kind = STEP_DEEP };
	int rc = -1;

	while (scan_peek(r) == '.' || scan_peek(r) == '[') {
		struct jsonpath_step step = { .kind = STEP_NAME };
		size_t start = r->pos;

		if (list.len >= JSONPATH_STEPS_MAX) {
			scan_wrong(r, start, "it has too many steps");
			goto out;
		}
		if (scan_take(r, "..")) {
			VEC_PUSH(&list, deep);
			p->definite = p->reference = false;
		} else if (scan_peek(r) == '.') {
			r->pos++;
		}
		if (scan_peek(r) == '[') {
			if (bracket(r, &step) < 0)
				goto out;
		} else if (scan_take(r, "*")) {
			step.kind = STEP_ALL;
		} else {
			const char *name = plain_name(r);

			if (!name)
				goto out;
			if (scan_peek(r) == '(') {
				if (strcmp(name, "length") != 0 || !scan_take(r, "()")) {
					scan_wrong(r, start + 1, "the only function of a path is .length()");
					goto out;
				}
				p->length = true;
				p->reference = false;
				break;
			}
			step.n = 1;
			step.name = arena_copy(r->arena, &name, sizeof(name));
			if (strpbrk(name, "@:"))
				p->reference = false;
		}
		if (step.kind != STEP_NAME && (step.kind != STEP_INDEX || step.index[0] < 0))
			p->reference = false;
		if (step.kind != STEP_NAME && step.kind != STEP_INDEX && step.kind != STEP_NAMES)
			p->definite = false;
		VEC_PUSH(&list, step);
	}
	/* Several names are one object of them at the end, and so many ways before. */
	for (size_t i = 0; i + 1 < list.len; i++)
		if (list.ptr[i].kind == STEP_NAMES)
			p->definite = false;
	p->nsteps = list.len;
	p->step = arena_copy(r->arena, list.ptr, list.len * sizeof(*p->step));
	rc = 0;
out:
	VEC_FREE(&list);
	return rc;
}

static const struct jsonpath *path(struct scan *r)
{
	struct jsonpath *p = arena_new(r->arena, struct jsonpath);
	size_t start = r->pos;

	p->definite = p->reference = true;
	if (r->depth && scan_take(r, "@")) {
		p->root = JSONPATH_ITEM;
	} else if (scan_take(r, "$$")) {
		p->root = JSONPATH_CONTEXT;
	} else if (scan_take(r, "$")) {
		p->root = JSONPATH_INPUT;
		if (is_plain(scan_peek(r)) && scan_peek(r) != '@' && scan_peek(r) != ':') {
			p->root = JSONPATH_VARIABLE;
			p->variable = plain_name(r);
		}
	} else {
		scan_wrong(r, start, "a path has to begin with $");
		return NULL;
	}
	if (steps(r, p) < 0)
		return NULL;
	p->text = arena_str(r->arena, (struct str){ r->s.ptr + start, r->pos - start });
	return p;
}

const struct jsonpath *jsonpath_compile(struct arena *a, struct str s, size_t *end, const char **why, size_t *at)
{
	struct scan r = { .arena = a, .s = s };
	const struct jsonpath *p = NULL;

	if (s.len > JSONPATH_BYTES_MAX) {
		scan_wrong(&r, 0, "it is too long");
	} else {
		p = path(&r);
		if (p && end) {
			*end = r.pos;
		} else if (p && r.pos < s.len) {
			scan_wrong(&r, r.pos, "a path cannot go on like this");
			p = NULL;
		}
	}
	if (!p) {
		*why = r.why;
		*at = r.at;
	}
	return p;
}
