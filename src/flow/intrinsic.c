/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/intrinsic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "flow/intrinsic_internal.h"
#include "flow/scan.h"

#define BLANKS " \t\n\r"

static const struct intrinsic *call(struct scan *r);

static int text(struct scan *r, struct argument *arg)
{
	size_t start = r->pos++;
	char *w = arena_alloc(r->arena, r->s.len - start + 1);

	arg->kind = ARG_TEXT;
	arg->text.ptr = w;
	arg->raw.ptr = r->s.ptr + r->pos;
	for (;; r->pos++) {
		int c = scan_peek(r);

		if (c < 0)
			return scan_wrong(r, start, "a quote is not closed");
		if (c == '\'')
			break;
		if (c == '\\') {
			r->pos++;
			c = scan_peek(r);
			if (c < 0 || !strchr("'{}\\", c) || !c)
				return scan_wrong(r, r->pos - 1,
						  "a backslash has to be followed by ' { } or another one");
		}
		*w++ = (char)c;
	}
	arg->text.len = (size_t)(w - arg->text.ptr);
	arg->raw.len = (size_t)(r->s.ptr + r->pos - arg->raw.ptr);
	arg->raw.ptr = arena_str(r->arena, arg->raw);
	r->pos++;
	return 0;
}

static int number(struct scan *r, struct argument *arg)
{
	size_t start = r->pos;
	char digits[64], *end;
	size_t n = 0;

	while (r->pos < r->s.len && strchr("+-.eE0123456789", scan_peek(r)) && n < sizeof(digits) - 1)
		digits[n++] = r->s.ptr[r->pos++];
	digits[n] = '\0';
	errno = 0;
	arg->kind = ARG_INTEGER;
	arg->integer = strtoll(digits, &end, 10);
	if (!*end && !errno)
		return 0;
	arg->kind = ARG_REAL;
	arg->real = strtod(digits, &end);
	return *end || arg->real - arg->real != 0 ? scan_wrong(r, start, "a number is malformed") : 0;
}

static int argument(struct scan *r, struct argument *arg)
{
	int c = scan_peek(r);
	size_t end, at;
	const char *why;

	if (c == '$') {
		arg->kind = ARG_PATH;
		arg->path = jsonpath_compile(r->arena, (struct str){ r->s.ptr + r->pos, r->s.len - r->pos }, &end, &why,
					     &at);
		if (!arg->path)
			return scan_wrong(r, r->pos + at, why);
		r->pos += end;
		return 0;
	}
	if (c == '\'')
		return text(r, arg);
	if (c == '-' || (c >= '0' && c <= '9'))
		return number(r, arg);
	if (c == 'S') {
		arg->kind = ARG_CALL;
		arg->call = call(r);
		return arg->call ? 0 : -1;
	}
	if (scan_take(r, "true"))
		arg->kind = ARG_TRUE;
	else if (scan_take(r, "false"))
		arg->kind = ARG_FALSE;
	else if (scan_take(r, "null"))
		arg->kind = ARG_NULL;
	else
		return scan_wrong(r, r->pos,
				  c < 0 ? "a ) is missing at its end"
					: "an argument has to be a path, a text in single quotes, a number, true, "
					  "false, null or a function");
	return 0;
}

static const struct intrinsic_kind *kind(struct scan *r)
{
	size_t start = r->pos, n;

	while (scan_peek(r) > 0 &&
	       (scan_peek(r) == '.' || (scan_peek(r) >= '0' && scan_peek(r) <= '9') || (scan_peek(r) | 32) >= 'a') &&
	       (scan_peek(r) | 32) <= 'z')
		r->pos++;
	n = r->pos - start;
	for (size_t i = 0; i < intrinsic_nkinds; i++)
		if (strlen(intrinsic_kinds[i].name) == n && memcmp(intrinsic_kinds[i].name, r->s.ptr + start, n) == 0)
			return &intrinsic_kinds[i];
	scan_wrong(r, start, "it is neither a path nor an intrinsic function");
	return NULL;
}

static const struct intrinsic *call(struct scan *r)
{
	struct intrinsic *i = arena_new(r->arena, struct intrinsic);
	VEC(struct argument) args = { 0 };
	size_t start = r->pos;

	i->kind = kind(r);
	if (!i->kind)
		return NULL;
	if (r->depth++ >= INTRINSIC_NESTED_MAX) {
		scan_wrong(r, start, "functions are nested more than 10 deep");
		return NULL;
	}
	scan_skip(r, BLANKS);
	if (scan_peek(r) != '(') {
		scan_wrong(r, r->pos, "a ( is expected behind a function's name");
		return NULL;
	}
	r->pos++;
	for (;;) {
		struct argument arg = { .kind = ARG_NULL };

		scan_skip(r, BLANKS);
		if (!args.len && scan_peek(r) == ')')
			break;
		if (args.len >= INTRINSIC_ARGS_MAX) {
			scan_wrong(r, r->pos, "it has too many arguments");
			goto fail;
		}
		if (argument(r, &arg) < 0)
			goto fail;
		VEC_PUSH(&args, arg);
		scan_skip(r, BLANKS);
		if (scan_peek(r) == ')')
			break;
		if (scan_peek(r) != ',') {
			scan_wrong(r, r->pos,
				   scan_peek(r) < 0 ? "a ) is missing at its end" : "a comma or ) is expected here");
			goto fail;
		}
		r->pos++;
	}
	r->pos++;
	r->depth--;
	if (args.len < i->kind->min || args.len > i->kind->max) {
		scan_wrong(r, start,
			   args.len < i->kind->min ? "it has too few arguments" : "it has too many arguments");
		goto fail;
	}
	i->nargs = args.len;
	i->arg = arena_copy(r->arena, args.ptr, args.len * sizeof(*i->arg));
	i->text = arena_str(r->arena, (struct str){ r->s.ptr + start, r->pos - start });
	VEC_FREE(&args);
	return i;
fail:
	VEC_FREE(&args);
	return NULL;
}

const struct intrinsic *intrinsic_compile(struct arena *a, struct str s, const char **why, size_t *at)
{
	struct scan r = { .arena = a, .s = s };
	const struct intrinsic *i = NULL;

	if (s.len > INTRINSIC_BYTES_MAX) {
		scan_wrong(&r, 0, "it is too long");
	} else {
		i = call(&r);
		if (i && r.pos < s.len) {
			scan_wrong(&r, r.pos, "nothing can follow a function");
			i = NULL;
		}
	}
	if (!i) {
		*why = r.why;
		*at = r.at;
	}
	return i;
}

/* ---- evaluation ---- */

/* What @path leads to; if that is *@absent, @in is how the input begins, and @f is the caller's to set. */
static json_t *look(const struct jsonpath *path, const struct flow_data *d, bool *absent, struct buf *in,
		    struct flow_fault *f)
{
	CLEAN_FAULT struct flow_fault inner = FLOW_FAULT_INIT;
	json_t *v = jsonpath_get(path, d, absent, &inner);

	if (v)
		*absent = false;
	else if (!*absent)
		flow_fault_copy(f, inner.error, inner.cause);
	else if (d->input)
		flow_value_excerpt(d->input, 2048, in);
	return v;
}

static json_t *evaluate(const struct intrinsic *i, const struct argument *arg, const struct flow_data *d,
			struct flow_fault *f)
{
	CLEAN_BUF struct buf in = BUF_INIT;
	bool absent;
	json_t *v;

	switch (arg->kind) {
	case ARG_PATH:
		v = look(arg->path, d, &absent, &in, f);
		if (!absent)
			return v;
		flow_fault_set(
			f, "States.Runtime",
			"The function '%s' had the following error: The JsonPath argument for the field '%s' could "
			"not be found in the input '%s'",
			i->text, arg->path->text, in.ptr);
		return NULL;
	case ARG_CALL:
		return intrinsic_call(arg->call, d, f);
	case ARG_TEXT:
		return flow_value_must(json_stringn(arg->text.ptr, arg->text.len));
	case ARG_INTEGER:
		return flow_value_must(json_integer(arg->integer));
	case ARG_REAL:
		return flow_value_must(json_real(arg->real));
	case ARG_TRUE:
		return json_true();
	case ARG_FALSE:
		return json_false();
	case ARG_NULL:
		break;
	}
	return json_null();
}

json_t *intrinsic_call(const struct intrinsic *i, const struct flow_data *d, struct flow_fault *f)
{
	CLEAN_FAULT struct flow_fault inner = FLOW_FAULT_INIT;
	json_t **v = xcalloc(i->nargs + 1, sizeof(*v)), *result = NULL;
	size_t n = 0;

	while (n < i->nargs && (v[n] = evaluate(i, &i->arg[n], d, f)))
		n++;
	if (n == i->nargs) {
		result = i->kind->run(i, v, d, &inner);
		if (!result) {
			flow_fault_set(f, "States.IntrinsicFailure", "The function '%s' had the following error: %s",
				       i->text, inner.cause);
		} else if (flow_value_size(result, FLOW_DATA_MAX) == SIZE_MAX) {
			flow_fault_set(
				f, "States.DataLimitExceeded",
				"The function '%s' returned a result with a size exceeding the maximum number of "
				"bytes service limit.",
				i->text);
			json_decref(result);
			result = NULL;
		}
	}
	while (n > 0)
		json_decref(v[--n]);
	free(v);
	return result;
}

int flow_value_compile(struct arena *a, struct str s, struct flow_value *out, const char **why, size_t *at)
{
	*out = (struct flow_value){ NULL, NULL };
	if (s.len && s.ptr[0] == '$')
		out->path = jsonpath_compile(a, s, NULL, why, at);
	else
		out->call = intrinsic_compile(a, s, why, at);
	return out->path || out->call ? 0 : -1;
}

json_t *flow_value_get(const struct flow_value *v, const char *field, const struct flow_data *d, struct flow_fault *f)
{
	CLEAN_BUF struct buf in = BUF_INIT;
	bool absent;
	json_t *got;

	if (v->call)
		return intrinsic_call(v->call, d, f);
	got = look(v->path, d, &absent, &in, f);
	if (!absent)
		return got;
	flow_fault_set(f, "States.Runtime",
		       "The JSONPath '%s' specified for the field '%s.$' could not be found in the input '%s'",
		       v->path->text, field, in.ptr);
	return NULL;
}
