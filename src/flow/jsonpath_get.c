/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "flow/jsonpath_internal.h"

/** One evaluation. What is looked at is borrowed from the root, which the caller holds. */
struct walk {
	const struct jsonpath *p;
	json_t *root;
	json_t *list;	     /* of matches, if the path is not definite */
	size_t *budget;	     /* values that may still be looked at */
	const char *missing; /* why a definite beginning leads nowhere; NULL: it does */
};

static void absent(struct walk *w, const char *why)
{
	if (!w->missing)
		w->missing = why;
}

static json_t *at_index(const json_t *list, long index)
{
	long n = (long)json_array_size(list);

	if (index < 0)
		index += n;
	return index < 0 || index >= n ? NULL : json_array_get(list, (size_t)index);
}

static json_t *picked(const struct jsonpath_step *s, const json_t *object)
{
	json_t *some = flow_value_must(json_object());

	for (size_t i = 0; i < s->n; i++) {
		json_t *v = json_object_get(object, s->name[i]);

		if (v)
			flow_value_set(some, s->name[i], json_incref(v));
	}
	return some;
}

static void range(const struct jsonpath_step *s, size_t size, size_t *from, size_t *to)
{
	long n = (long)size, a = s->has_from ? s->from : 0, b = s->has_to ? s->to : n;

	a = a < 0 ? a + n : a;
	b = b < 0 ? b + n : b;
	a = a < 0 ? 0 : a;
	b = b > n ? n : b;
	*from = (size_t)a;
	*to = b < a ? (size_t)a : (size_t)b;
}

static void walk(struct walk *w, size_t i, json_t *v, bool definite);

/* ".." hands on each object and list, the outer ones first. */
static void walk_deep(struct walk *w, size_t i, json_t *v)
{
	json_t *item;
	const char *key;

	if (!*w->budget || (!json_is_object(v) && !json_is_array(v)))
		return;
	walk(w, i, v, false);
	if (json_is_array(v)) {
		for (size_t k = 0; k < json_array_size(v); k++)
			walk_deep(w, i, json_array_get(v, k));
		return;
	}
	json_object_foreach(v, key, item)
		walk_deep(w, i, item);
}

static void walk_filter(struct walk *w, size_t i, json_t *v, bool definite)
{
	const struct filter *f = w->p->step[i].filter;

	if (json_is_object(v)) {
		if (filter_holds(f, v, w->root, w->budget))
			walk(w, i + 1, v, false);
	} else if (json_is_array(v)) {
		for (size_t k = 0; k < json_array_size(v); k++) {
			json_t *item = json_array_get(v, k);

			if (filter_holds(f, item, w->root, w->budget))
				walk(w, i + 1, item, false);
		}
	} else if (definite) {
		absent(w, "a filter is for a list or an object");
	}
}

/* @definite: nothing before step @i had a choice, so that what is not there is an error. */
static void walk(struct walk *w, size_t i, json_t *v, bool definite)
{
	const struct jsonpath_step *s = &w->p->step[i];
	json_t *next;
	const char *key;
	size_t from, to;

	if (!*w->budget)
		return;
	--*w->budget;
	if (i == w->p->nsteps) {
		flow_value_push(w->list, json_incref(v));
		return;
	}
	switch (s->kind) {
	case STEP_NAME:
		next = json_object_get(v, s->name[0]);
		if (next)
			walk(w, i + 1, next, definite);
		else if (definite)
			absent(w, "there is no such name");
		return;
	case STEP_NAMES:
		if (!json_is_object(v)) {
			if (definite)
				absent(w, "there is no object");
		} else if (i + 1 == w->p->nsteps) {
			flow_value_push(w->list, picked(s, v));
		} else {
			for (size_t k = 0; k < s->n; k++)
				if ((next = json_object_get(v, s->name[k])))
					walk(w, i + 1, next, false);
		}
		return;
	case STEP_INDEX:
	case STEP_INDEXES:
		for (size_t k = 0; k < s->n; k++) {
			next = at_index(v, s->index[k]);
			if (next)
				walk(w, i + 1, next, definite && s->n == 1);
			else if (definite && (s->n == 1 || !json_is_array(v)))
				absent(w, "there is no such element");
		}
		return;
	case STEP_SLICE:
		if (!json_is_array(v)) {
			if (definite)
				absent(w, "there is no list");
			return;
		}
		range(s, json_array_size(v), &from, &to);
		for (; from < to; from++)
			walk(w, i + 1, json_array_get(v, from), false);
		return;
	case STEP_ALL:
		if (json_is_array(v)) {
			for (from = 0; from < json_array_size(v); from++)
				walk(w, i + 1, json_array_get(v, from), false);
		} else if (json_is_object(v)) {
			json_object_foreach(v, key, next)
				walk(w, i + 1, next, false);
		}
		return;
	case STEP_DEEP:
		walk_deep(w, i + 1, v);
		return;
	case STEP_FILTER:
		walk_filter(w, i, v, definite);
		return;
	}
}

/* The paths that machines are full of need no list: names and indexes, one after the other. */
static json_t *straight(const struct jsonpath *p, json_t *v, const char **why)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct jsonpath_step *s = &p->step[i];
		json_t *next;

		if (s->kind == STEP_NAME) {
			next = json_object_get(v, s->name[0]);
			*why = "there is no such name";
		} else if (s->kind == STEP_INDEX) {
			next = at_index(v, s->index[0]);
			*why = "there is no such element";
		} else {
			*why = "there is no object";
			return json_is_object(v) ? picked(s, v) : NULL; /* several names: the last step */
		}
		if (!next)
			return NULL;
		v = next;
	}
	return json_incref(v);
}

/* A new reference, or NULL with *@why. */
static json_t *evaluate(const struct jsonpath *p, json_t *root, json_t *start, size_t *budget, const char **why)
{
	struct walk w = { .p = p, .root = root, .budget = budget };
	json_t *v, *n;

	*why = NULL;
	if (p->definite) {
		v = straight(p, start, why);
	} else {
		w.list = flow_value_must(json_array());
		walk(&w, 0, start, true);
		*why = w.missing;
		v = w.list;
		if (w.missing) {
			json_decref(v);
			v = NULL;
		}
	}
	if (!v || !p->length)
		return v;
	if (json_is_array(v) || json_is_object(v))
		n = json_integer((json_int_t)(json_is_array(v) ? json_array_size(v) : json_object_size(v)));
	else if (json_is_string(v))
		n = json_integer((json_int_t)json_string_length(v));
	else
		n = json_null();
	json_decref(v);
	return flow_value_must(n);
}

json_t *jsonpath_get(const struct jsonpath *p, const struct flow_data *d, bool *absent_out, struct flow_fault *f)
{
	size_t budget = JSONPATH_WORK_MAX;
	const char *why = NULL;
	json_t *root = NULL, *v;

	if (absent_out)
		*absent_out = true;
	switch (p->root) {
	case JSONPATH_INPUT:
	case JSONPATH_ITEM:
		root = d->input;
		break;
	case JSONPATH_CONTEXT:
		root = d->context ? d->context(d->arg) : NULL;
		why = "there is no context object here";
		break;
	case JSONPATH_VARIABLE:
		root = d->variable ? d->variable(d->arg, p->variable) : NULL;
		why = "no such variable is assigned";
		break;
	}
	if (!root) {
		flow_fault_set(f, "States.Runtime", "Invalid path '%s': %s", p->text, why ? why : "there is no input");
		return NULL;
	}
	v = evaluate(p, root, root, &budget, &why);
	if (!v) {
		flow_fault_set(f, "States.Runtime", "Invalid path '%s': %s", p->text, why);
		return NULL;
	}
	if (!budget) {
		json_decref(v);
		if (absent_out)
			*absent_out = false;
		flow_fault_set(f, "States.Runtime", "Invalid path '%s': it would look at more than %u values", p->text,
			       JSONPATH_WORK_MAX);
		return NULL;
	}
	return v;
}

/* ---- filters ---- */

/** A side of a comparison as it is looked at: JSON, or a literal. */
struct side {
	json_t *json; /* a reference; NULL: a literal, or nothing is there */
	const struct operand *literal;
};

static struct side resolve(const struct operand *o, json_t *item, json_t *root, size_t *budget)
{
	const char *why;

	if (!o->path)
		return (struct side){ .literal = o };
	if (o->path->root != JSONPATH_ITEM && o->path->root != JSONPATH_INPUT)
		return (struct side){ NULL, NULL };
	return (struct side){ .json = evaluate(o->path, root, o->path->root == JSONPATH_ITEM ? item : root, budget,
					       &why) };
}

static json_type type_of(const struct side *s)
{
	json_type t = s->json ? json_typeof(s->json) : s->literal->type;

	return t == JSON_INTEGER ? JSON_REAL : t;
}

static double number_of(const struct side *s)
{
	return s->json ? json_number_value(s->json) : s->literal->number;
}

static struct str text_of(const struct side *s)
{
	if (s->json)
		return (struct str){ json_string_value(s->json), json_string_length(s->json) };
	return (struct str){ s->literal->text, s->literal->len };
}

static int order(struct str a, struct str b)
{
	int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static bool equal(const struct side *a, const struct side *b);

static struct side member(const struct side *list, size_t i)
{
	if (list->json)
		return (struct side){ .json = json_array_get(list->json, i) };
	return (struct side){ .literal = &list->literal->item[i] };
}

static size_t members(const struct side *list)
{
	return list->json ? json_array_size(list->json) : list->literal->nitems;
}

static bool equal(const struct side *a, const struct side *b)
{
	if (a->json && b->json)
		return flow_value_equal(a->json, b->json);
	if (type_of(a) != type_of(b))
		return false;
	switch (type_of(a)) {
	case JSON_REAL:
		return number_of(a) == number_of(b);
	case JSON_STRING:
		return str_eq(text_of(a), text_of(b));
	case JSON_ARRAY:
		if (members(a) != members(b))
			return false;
		for (size_t i = 0; i < members(a); i++) {
			struct side x = member(a, i), y = member(b, i);

			if (!equal(&x, &y))
				return false;
		}
		return true;
	default:
		return type_of(a) != JSON_OBJECT;
	}
}

static bool compare(enum filter_op op, const struct side *a, const struct side *b)
{
	double c;

	if (op == FILTER_IN || op == FILTER_NIN) {
		if (type_of(b) != JSON_ARRAY)
			return false;
		for (size_t i = 0; i < members(b); i++) {
			struct side m = member(b, i);

			if (equal(a, &m))
				return op == FILTER_IN;
		}
		return op == FILTER_NIN;
	}
	if (op == FILTER_EQ || op == FILTER_NE)
		return equal(a, b) == (op == FILTER_EQ);
	if (type_of(a) != type_of(b))
		return false;
	if (type_of(a) == JSON_STRING)
		c = order(text_of(a), text_of(b));
	else if (type_of(a) == JSON_REAL)
		c = number_of(a) < number_of(b) ? -1 : number_of(a) > number_of(b);
	else
		return false;
	switch (op) {
	case FILTER_LT:
		return c < 0;
	case FILTER_LE:
		return c <= 0;
	case FILTER_GT:
		return c > 0;
	default:
		return c >= 0;
	}
}

bool filter_holds(const struct filter *f, json_t *item, json_t *root, size_t *budget)
{
	struct side a, b = { NULL, NULL };
	bool yes;

	if (!*budget)
		return false;
	--*budget;
	switch (f->op) {
	case FILTER_OR:
		return filter_holds(f->left, item, root, budget) || filter_holds(f->right, item, root, budget);
	case FILTER_AND:
		return filter_holds(f->left, item, root, budget) && filter_holds(f->right, item, root, budget);
	case FILTER_NOT:
		return !filter_holds(f->left, item, root, budget);
	default:
		break;
	}
	a = resolve(&f->a, item, root, budget);
	if (f->op == FILTER_EXISTS) {
		yes = a.json && (f->a.path->definite || json_array_size(a.json));
	} else {
		b = resolve(&f->b, item, root, budget);
		if ((!a.json && !a.literal) || (!b.json && !b.literal))
			/* What is not there equals nothing, and is unlike all that is there. */
			yes = (f->op == FILTER_NE || f->op == FILTER_NIN) &&
			      (a.json || a.literal || b.json || b.literal);
		else
			yes = compare(f->op, &a, &b);
	}
	json_decref(a.json);
	json_decref(b.json);
	return yes;
}

/* ---- where a result goes ---- */

static json_t *put(const struct jsonpath *p, size_t i, json_t *old, json_t *value)
{
	const struct jsonpath_step *s = &p->step[i];
	json_t *copy, *next;

	if (i == p->nsteps)
		return json_incref(value);
	if (s->kind == STEP_NAME) {
		if (old && !json_is_object(old))
			return NULL;
		next = put(p, i + 1, old ? json_object_get(old, s->name[0]) : NULL, value);
		if (!next)
			return NULL;
		copy = flow_value_must(old ? json_copy(old) : json_object());
		flow_value_set(copy, s->name[0], next);
		return copy;
	}
	if (s->kind != STEP_INDEX || !old || !json_is_array(old) || s->index[0] < 0 ||
	    (size_t)s->index[0] >= json_array_size(old))
		return NULL;
	next = put(p, i + 1, json_array_get(old, (size_t)s->index[0]), value);
	if (!next)
		return NULL;
	copy = flow_value_must(json_copy(old));
	if (json_array_set_new(copy, (size_t)s->index[0], next) < 0)
		BUG("a JSON list could not be changed");
	return copy;
}

json_t *jsonpath_put(const struct jsonpath *p, json_t *input, json_t *value)
{
	return put(p, 0, input, value);
}
