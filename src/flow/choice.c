/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "flow/engine_internal.h"

/* 1, 0, or -1 with @f. */
static int holds(const struct flow_program *pr, const struct flow_rule *r, const struct flow_data *d,
		 struct flow_fault *f);

/* A star goes as far as it must: only the latest one can have to go further. Linear in both for one star. */
static bool matches(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *star = NULL, *from = NULL;

	while (s < s_end) {
		if (p < p_end && *p == '*') {
			star = ++p;
			from = s;
			continue;
		}
		if (p < p_end) {
			const char *literal = *p == '\\' && p + 1 < p_end ? p + 1 : p;

			if (*literal == *s) {
				p = literal + 1;
				s++;
				continue;
			}
		}
		if (!star)
			return false;
		p = star;
		s = ++from;
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

static int order_strings(const json_t *a, const json_t *b)
{
	size_t n = json_string_length(a), m = json_string_length(b);
	int c = memcmp(json_string_value(a), json_string_value(b), n < m ? n : m);

	return c ? c : (n > m) - (n < m);
}

static int order_numbers(const json_t *a, const json_t *b)
{
	double x, y;

	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t i = json_integer_value(a), k = json_integer_value(b);

		return (i > k) - (i < k);
	}
	x = json_number_value(a);
	y = json_number_value(b);
	return (x > y) - (x < y);
}

static bool time_of(const json_t *v, struct flow_time *out)
{
	return json_is_string(v) && flow_time_parse(json_string_value(v), json_string_length(v), out) == 0;
}

static bool passes(enum flow_op op, int c)
{
	switch (op) {
	case FLOW_EQUALS:
		return c == 0;
	case FLOW_LESS:
		return c < 0;
	case FLOW_LESS_EQUALS:
		return c <= 0;
	case FLOW_GREATER:
		return c > 0;
	default:
		return c >= 0;
	}
}

/* Values of another type than the operator's make no rule hold. */
static bool compare(const struct flow_rule *r, const json_t *v, const json_t *with)
{
	struct flow_time a, b;

	switch (r->type) {
	case FLOW_STRING:
		if (!json_is_string(v) || !json_is_string(with))
			return false;
		if (r->op == FLOW_MATCHES) {
			const char *p = json_string_value(with), *s = json_string_value(v);

			return matches(p, p + json_string_length(with), s, s + json_string_length(v));
		}
		return passes(r->op, order_strings(v, with));
	case FLOW_NUMERIC:
		return json_is_number(v) && json_is_number(with) && passes(r->op, order_numbers(v, with));
	case FLOW_BOOLEAN:
		return json_is_boolean(v) && json_is_boolean(with) && json_is_true(v) == json_is_true(with);
	case FLOW_TIMESTAMP:
		if (!time_of(v, &a))
			return false;
		if (r->value)
			b = r->time;
		else if (!time_of(with, &b))
			return false;
		return passes(r->op, flow_time_compare(a, b));
	}
	return false;
}

static json_t *look(const struct flow_program *pr, const struct flow_path *p, const struct flow_data *d, bool *absent,
		    struct flow_fault *f)
{
	CLEAN_FAULT struct flow_fault inner = FLOW_FAULT_INIT;
	json_t *v = flow_path_get(pr, p, d, absent, &inner);

	if (v)
		return v;
	if (*absent)
		flow_fault_set(f, "States.Runtime",
			       "Invalid path '%s': The choice state's condition path references an invalid value.",
			       p->text);
	else
		flow_fault_copy(f, inner.error, inner.cause);
	return NULL;
}

static bool is_of_type(enum flow_op op, const json_t *v)
{
	struct flow_time t;

	switch (op) {
	case FLOW_IS_NULL:
		return json_is_null(v);
	case FLOW_IS_STRING:
		return json_is_string(v);
	case FLOW_IS_NUMERIC:
		return json_is_number(v);
	case FLOW_IS_BOOLEAN:
		return json_is_boolean(v);
	case FLOW_IS_TIMESTAMP:
		return time_of(v, &t);
	default:
		return true; /* FLOW_IS_PRESENT: it is there */
	}
}

static int holds_itself(const struct flow_program *pr, const struct flow_rule *r, const struct flow_data *d,
			struct flow_fault *f)
{
	bool absent = false, yes;
	json_t *v = look(pr, &r->variable, d, &absent, f), *with;

	if (!v) {
		if (r->op != FLOW_IS_PRESENT || !absent)
			return -1;
		flow_fault_release(f);
		return !r->want;
	}
	if (r->op < FLOW_EQUALS) {
		yes = is_of_type(r->op, v) == r->want;
		json_decref(v);
		return yes;
	}
	with = r->value ? json_incref((json_t *)(uintptr_t)r->value) : look(pr, &r->path, d, &absent, f);
	if (!with) {
		json_decref(v);
		return -1;
	}
	yes = compare(r, v, with);
	json_decref(v);
	json_decref(with);
	return yes;
}

static int holds(const struct flow_program *pr, const struct flow_rule *r, const struct flow_data *d,
		 struct flow_fault *f)
{
	int is;

	switch (r->op) {
	case FLOW_NOT:
		is = holds(pr, &r->rules[0], d, f);
		return is < 0 ? is : !is;
	case FLOW_AND:
	case FLOW_OR:
		for (size_t i = 0; i < r->nrules; i++) {
			is = holds(pr, &r->rules[i], d, f);
			if (is < 0 || is == (r->op == FLOW_OR))
				return is;
		}
		return r->op == FLOW_AND;
	default:
		return holds_itself(pr, r, d, f);
	}
}

int flow_choice_pick(const struct flow_program *pr, const struct flow_state *s, const struct flow_data *d,
		     const struct flow_rule **out, struct flow_fault *f)
{
	*out = NULL;
	for (size_t i = 0; i < s->as.choice.nrules; i++) {
		int is = holds(pr, &s->as.choice.rules[i], d, f);

		if (is < 0)
			return -1;
		if (is) {
			*out = &s->as.choice.rules[i];
			return 0;
		}
	}
	return 0;
}
