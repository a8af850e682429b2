/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/cases.h"

#include <string.h>

#include "base/mem.h"
#include "flow/doc.h"
#include "flow/value.h"

struct reader {
	struct flow_cases *c;
	const struct flow_machine *m;
	struct err *err;
};

static int wrong(struct reader *r, struct flow_at at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int wrong(struct reader *r, struct flow_at at, const char *fmt, ...)
{
	char msg[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_at(r->err, ERR_CONFIG, r->c->file, at.line, at.col, "%s", msg);
}

/* Each of an object's keys is one of @known, which ends with NULL. */
static int known_keys(struct reader *r, const struct doc_node *n, const char *what, const char *const *known)
{
	size_t count = 0;

	while (known[count])
		count++;
	for (size_t i = 0; i < n->len; i++) {
		const char *near = str_closest(n->keys[i], known, count);
		size_t k = 0;

		while (k < count && strcmp(known[k], n->keys[i]) != 0)
			k++;
		if (k < count)
			continue;
		wrong(r, n->key_at[i], "unknown key '%s' in %s", n->keys[i], what);
		if (near)
			err_hint(r->err, "did you mean '%s'?", near);
		return -1;
	}
	return 0;
}

static const struct flow_state *state_named(struct reader *r, const char *name, struct flow_at at)
{
	const char **names = arena_alloc(&r->c->arena, (r->m->nstates + 1) * sizeof(*names)), *near;

	for (size_t i = 0; i < r->m->nstates; i++) {
		if (!strcmp(r->m->states[i]->name, name))
			return r->m->states[i];
		names[i] = r->m->states[i]->name;
	}
	wrong(r, at, "there is no state '%s' in %s", name, r->m->file);
	near = str_closest(name, names, r->m->nstates);
	if (near)
		err_hint(r->err, "did you mean '%s'?", near);
	return NULL;
}

static int text_of(struct reader *r, const struct doc_node *of, const char *key, const char **out, struct flow_at *at)
{
	const struct doc_node *n = doc_get(of, key, NULL);

	if (!n)
		return 0;
	if (n->type != DOC_STRING)
		return wrong(r, n->at, "'%s' has to be a string, not %s", key, doc_kind(n));
	*out = doc_text(n);
	if (at)
		*at = n->at;
	return 0;
}

static int seconds_of(struct reader *r, const struct doc_node *n, const char *key, double *out)
{
	if (n->type != DOC_NUMBER || json_number_value(n->json) < 0 || json_number_value(n->json) > 1e9)
		return wrong(r, n->at, "'%s' has to be a number of seconds, 0 or more", key);
	*out = json_number_value(n->json);
	return 0;
}

static int read_answer(struct reader *r, const struct doc_node *n, bool alone, struct flow_answer *out)
{
	static const char *const keys[] = { "result", "error", "cause", "payload", "after", "times", NULL };
	const struct doc_node *result, *times, *after;
	double seconds = 0;

	if (n->type != DOC_OBJECT)
		return wrong(r, n->at, "an answer has to be a mapping with 'result' or 'error', not %s", doc_kind(n));
	if (known_keys(r, n, "an answer", keys) < 0 || text_of(r, n, "error", &out->error, NULL) < 0 ||
	    text_of(r, n, "cause", &out->cause, NULL) < 0)
		return -1;
	out->at = n->at;
	result = doc_get(n, "result", NULL);
	out->result = result ? result->json : NULL;
	if (!result == !out->error)
		return wrong(r, n->at, "an answer has either 'result' or 'error'");
	if (out->cause && !out->error)
		return wrong(r, n->at, "'cause' is for an 'error'");
	if (doc_get(n, "payload", NULL))
		out->payload = doc_get(n, "payload", NULL)->json;
	after = doc_get(n, "after", NULL);
	if (after && seconds_of(r, after, "after", &seconds) < 0)
		return -1;
	out->after = (uint64_t)(seconds * 1000 + 0.5);
	out->times = alone ? 0 : 1;
	times = doc_get(n, "times", NULL);
	if (!times)
		return 0;
	if (times->type != DOC_NUMBER || !json_is_integer(times->json) || json_integer_value(times->json) < 1 ||
	    json_integer_value(times->json) > FLOW_TIMES_MAX)
		return wrong(r, times->at, "'times' has to be a whole number from 1 to %u", FLOW_TIMES_MAX);
	out->times = (uint64_t)json_integer_value(times->json);
	return 0;
}

static int read_tasks(struct reader *r, const struct doc_node *n, struct flow_case *c)
{
	struct flow_answers *tasks;

	if (n->type != DOC_OBJECT)
		return wrong(r, n->at, "'tasks' has to be a mapping from a state's name to its answers, not %s",
			     doc_kind(n));
	tasks = arena_alloc(&r->c->arena, (n->len + 1) * sizeof(*tasks));
	for (size_t i = 0; i < n->len; i++) {
		const struct doc_node *list = n->items[i];
		bool alone = list->type != DOC_LIST;
		struct flow_answer *answers;

		tasks[i].state = state_named(r, n->keys[i], n->key_at[i]);
		if (!tasks[i].state)
			return -1;
		if (tasks[i].state->kind != FLOW_TASK)
			return wrong(r, n->key_at[i], "'%s' is a %s, which calls nothing", n->keys[i],
				     flow_kind_name[tasks[i].state->kind]);
		tasks[i].at = n->key_at[i];
		tasks[i].len = alone ? 1 : list->len;
		answers = arena_alloc(&r->c->arena, (tasks[i].len + 1) * sizeof(*answers));
		for (size_t k = 0; k < tasks[i].len; k++)
			if (read_answer(r, alone ? list : list->items[k], alone, &answers[k]) < 0)
				return -1;
		tasks[i].answer = answers;
	}
	c->tasks = tasks;
	c->ntasks = n->len;
	return 0;
}

static int read_path(struct reader *r, const struct doc_node *n, struct flow_case *c)
{
	const struct flow_state **path;

	if (n->type != DOC_LIST)
		return wrong(r, n->at, "'path' has to be a list of states, not %s", doc_kind(n));
	path = arena_alloc(&r->c->arena, (n->len + 1) * sizeof(*path));
	for (size_t i = 0; i < n->len; i++) {
		if (n->items[i]->type != DOC_STRING)
			return wrong(r, n->items[i]->at, "a state's name has to be a string, not %s",
				     doc_kind(n->items[i]));
		path[i] = state_named(r, doc_text(n->items[i]), n->items[i]->at);
		if (!path[i])
			return -1;
	}
	c->path = path;
	c->npath = n->len;
	c->path_at = n->at;
	return 0;
}

static int read_status(struct reader *r, const struct doc_node *n, struct flow_case *c)
{
	const char *text = n->type == DOC_STRING ? doc_text(n) : "";

	for (enum flow_status s = FLOW_SUCCEEDED; s < FLOW_ABORTED; s++) {
		if (strcmp(text, flow_status_name[s]) != 0)
			continue;
		c->has_status = true;
		c->status = s;
		c->status_at = n->at;
		return 0;
	}
	return wrong(r, n->at, "'status' has to be SUCCEEDED, FAILED or TIMED_OUT");
}

static int read_case(struct reader *r, const struct doc_node *n, size_t number, struct flow_case *c)
{
	static const char *const keys[] = { "name",  "input", "tasks",	 "path", "status", "output",
					    "error", "cause", "seconds", "seed", NULL };
	const struct doc_node *v;

	if (n->type != DOC_OBJECT)
		return wrong(r, n->at, "a case has to be a mapping, not %s", doc_kind(n));
	c->at = n->at;
	c->status = FLOW_SUCCEEDED;
	c->status_at = n->at;
	c->name = arena_printf(&r->c->arena, "case %zu", number);
	c->seed = number;
	if (known_keys(r, n, "a case", keys) < 0 || text_of(r, n, "name", &c->name, NULL) < 0 ||
	    text_of(r, n, "error", &c->error, &c->error_at) < 0 || text_of(r, n, "cause", &c->cause, &c->cause_at) < 0)
		return -1;
	v = doc_get(n, "input", NULL);
	c->input = v ? v->json : NULL;
	v = doc_get(n, "tasks", NULL);
	if (v && read_tasks(r, v, c) < 0)
		return -1;
	v = doc_get(n, "path", NULL);
	if (v && read_path(r, v, c) < 0)
		return -1;
	if (c->error || c->cause)
		c->status = FLOW_FAILED;
	v = doc_get(n, "status", NULL);
	if (v && read_status(r, v, c) < 0)
		return -1;
	v = doc_get(n, "output", NULL);
	if (v && c->status != FLOW_SUCCEEDED)
		return wrong(r, v->at, "there is no output of an execution that has %s",
			     c->status == FLOW_FAILED ? "failed" : "timed out");
	c->output = v ? v->json : NULL;
	c->output_at = v ? v->at : n->at;
	if ((c->error || c->cause) && c->status == FLOW_SUCCEEDED)
		return wrong(r, c->error ? c->error_at : c->cause_at,
			     "there is no error of an execution that has succeeded");
	v = doc_get(n, "seconds", NULL);
	if (v) {
		c->has_seconds = true;
		c->seconds_at = v->at;
		if (seconds_of(r, v, "seconds", &c->seconds) < 0)
			return -1;
	}
	v = doc_get(n, "seed", NULL);
	if (v && !json_is_integer(v->json))
		return wrong(r, v->at, "'seed' has to be a whole number, not %s", doc_kind(v));
	if (v)
		c->seed = (uint64_t)json_integer_value(v->json);
	return 0;
}

static int read_cases(struct reader *r, const struct doc_node *root)
{
	static const char *const keys[] = { "cases", NULL };
	const struct doc_node *list = root;

	if (root && root->type == DOC_OBJECT) {
		if (known_keys(r, root, "a file of tests", keys) < 0)
			return -1;
		list = doc_get(root, "cases", NULL);
	}
	if (!list || list->type != DOC_LIST || !list->len)
		return wrong(r, list ? list->at : (struct flow_at){ 1, 1 }, "a list of cases is expected in 'cases'");
	if (list->len > FLOW_CASES_MAX)
		return err_at(r->err, ERR_LIMIT, r->c->file, list->at.line, list->at.col,
			      "limit exceeded: more than %u cases", FLOW_CASES_MAX);
	r->c->ptr = arena_alloc(&r->c->arena, list->len * sizeof(*r->c->ptr));
	for (; r->c->len < list->len; r->c->len++)
		if (read_case(r, list->items[r->c->len], r->c->len + 1, &r->c->ptr[r->c->len]) < 0)
			return -1;
	return 0;
}

int flow_cases_parse(struct flow_cases *c, const struct flow_machine *m, const char *shown, const char *text, size_t n,
		     struct err *err)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct reader r = { .c = c, .m = m, .err = err };
	struct doc doc;

	*c = (struct flow_cases){ .len = 0 };
	c->file = arena_strdup(&c->arena, shown);
	if (doc_parse(&doc, &c->arena, c->file, text, n, &found, err) < 0)
		return -1;
	c->json = doc.json;
	if (found.len)
		return flow_problem_err(&found.ptr[0], c->file, err);
	return read_cases(&r, doc.root);
}

void flow_cases_release(struct flow_cases *c)
{
	json_decref(c->json);
	arena_release(&c->arena);
	*c = (struct flow_cases){ .len = 0 };
}
