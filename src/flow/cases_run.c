/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/cases.h"
#include "flow/value.h"

#define START	  1767225600000ll /* 2026-01-01T00:00:00Z */
#define DIFFS_MAX 10u
#define TEXT_MAX  200u /* bytes of a value in a message */

/** A task under way, and when it answers. */
struct call {
	uint64_t task;
	int64_t at;
	const struct flow_answer *answer;
};

/** How far the answers of a state have been asked for. */
struct asked {
	size_t next;   /* which of them */
	uint64_t used; /* how often it was given */
};

struct run {
	const struct flow_case *c;
	struct flow_verdict *v;
	struct asked *asked; /* by flow_case.tasks */
	VEC(struct call) calls;
	int64_t now;
	bool stuck; /* a task has nothing to answer */
};

static void unmet(struct run *r, const char *what, struct flow_at at, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void unmet(struct run *r, const char *what, struct flow_at at, const char *fmt, ...)
{
	struct flow_unmet u = { .what = what, .at = at };
	CLEAN_BUF struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	u.text = buf_detach(&text);
	VEC_PUSH(&r->v->unmet, u);
}

/* ---- differences ---- */

static size_t differ(const json_t *a, const json_t *b, struct buf *path, size_t found, size_t most, struct buf *out)
{
	json_t *object = (json_t *)(uintptr_t)a, *item;
	size_t len = path->len;
	const char *key;

	if (json_is_array(a) && json_is_array(b)) {
		size_t n = json_array_size(a), m = json_array_size(b);

		for (size_t i = 0; i < n || i < m; i++) {
			buf_addf(path, "[%zu]", i);
			found = differ(i < n ? json_array_get(a, i) : NULL, i < m ? json_array_get(b, i) : NULL, path,
				       found, most, out);
			path->len = len;
			path->ptr[len] = '\0';
		}
		return found;
	}
	if (json_is_object(a) && json_is_object(b)) {
		json_object_foreach(object, key, item) {
			buf_addf(path, ".%s", key);
			found = differ(item, json_object_get(b, key), path, found, most, out);
			path->len = len;
			path->ptr[len] = '\0';
		}
		object = (json_t *)(uintptr_t)b;
		json_object_foreach(object, key, item) {
			if (json_object_get(a, key))
				continue;
			buf_addf(path, ".%s", key);
			found = differ(NULL, item, path, found, most, out);
			path->len = len;
			path->ptr[len] = '\0';
		}
		return found;
	}
	if (a && b && flow_value_equal(a, b))
		return found;
	if (found < most) {
		buf_addf(out, "%s%s: expected ", found ? "\n" : "", path->ptr);
		if (a)
			flow_value_excerpt(a, TEXT_MAX, out);
		else
			buf_addz(out, "nothing");
		buf_addz(out, ", got ");
		if (b)
			flow_value_excerpt(b, TEXT_MAX, out);
		else
			buf_addz(out, "nothing");
	}
	return found + 1;
}

size_t flow_value_diff(const json_t *expected, const json_t *got, size_t most, struct buf *out)
{
	CLEAN_BUF struct buf path = BUF_INIT;
	size_t n;

	buf_addc(&path, '$');
	n = differ(expected, got, &path, 0, most, out);
	if (n > most)
		buf_addf(out, "\nand %zu more", n - most);
	return n;
}

/* ---- answers ---- */

static const struct flow_answer *answer_of(struct run *r, const struct flow_state *s)
{
	for (size_t i = 0; i < r->c->ntasks; i++) {
		const struct flow_answers *a = &r->c->tasks[i];
		struct asked *at = &r->asked[i];

		if (a->state != s)
			continue;
		if (at->next < a->len && a->answer[at->next].times && at->used >= a->answer[at->next].times) {
			at->next++;
			at->used = 0;
		}
		if (at->next < a->len) {
			at->used++;
			return &a->answer[at->next];
		}
		unmet(r, "task", a->at, "'%s' is asked once more than it has answers", s->name);
		return NULL;
	}
	unmet(r, "task", r->c->at, "'%s' is asked, and 'tasks' has no answer for it", s->name);
	return NULL;
}

static void on_invoke(void *arg, const struct flow_invoke *i)
{
	struct run *r = arg;
	const struct flow_answer *a = answer_of(r, i->state);
	struct call call = { .task = i->task, .answer = a };
	CLEAN_BUF struct buf text = BUF_INIT;

	if (!a) {
		r->stuck = true;
		return;
	}
	if (a->payload && flow_value_diff(a->payload, i->payload, DIFFS_MAX, &text))
		unmet(r, "payload", a->at, "what '%s' is given:\n%s", i->state->name, text.ptr);
	call.at = r->now + (int64_t)a->after;
	VEC_PUSH(&r->calls, call);
}

static void call_drop(struct run *r, size_t k)
{
	memmove(r->calls.ptr + k, r->calls.ptr + k + 1, (--r->calls.len - k) * sizeof(struct call));
}

static void on_cancel(void *arg, uint64_t task)
{
	struct run *r = arg;

	for (size_t k = 0; k < r->calls.len; k++) {
		if (r->calls.ptr[k].task == task) {
			call_drop(r, k);
			return;
		}
	}
}

static void on_history(void *arg, const struct flow_history *h)
{
	struct run *r = arg;

	if (h->type == FLOW_H_STATE_ENTERED && r->v->path.len < FLOW_CASE_STEPS_MAX)
		VEC_PUSH(&r->v->path, h->state);
}

/* The first of those that are due, or time itself. */
static struct flow_event next_event(struct run *r, struct flow_execution *x)
{
	int64_t due = flow_execution_due(x);
	size_t first = r->calls.len;

	for (size_t k = 0; k < r->calls.len; k++)
		if (first == r->calls.len || r->calls.ptr[k].at < r->calls.ptr[first].at)
			first = k;
	if (!due)
		return (struct flow_event){ .kind = FLOW_EV_TIME };
	if (first < r->calls.len && r->calls.ptr[first].at < due) {
		struct call call = r->calls.ptr[first];

		call_drop(r, first);
		if (call.at > r->now)
			r->now = call.at;
		if (call.answer->result)
			return (struct flow_event){ .kind = FLOW_EV_DONE,
						    .task = call.task,
						    .value = (json_t *)(uintptr_t)call.answer->result };
		return (struct flow_event){ .kind = FLOW_EV_FAILED,
					    .task = call.task,
					    .error = call.answer->error,
					    .cause = call.answer->cause };
	}
	if (due > r->now)
		r->now = due;
	return (struct flow_event){ .kind = FLOW_EV_TIME };
}

/* ---- what came of it ---- */

static void add_states(struct buf *b, const struct flow_state *const *s, size_t n, size_t from)
{
	size_t begin = from > 3 ? from - 3 : 0;

	if (begin)
		buf_addz(b, "... ");
	for (size_t i = begin; i < n && i < from + 5; i++)
		buf_addf(b, "%s%s", i > begin ? " > " : "", s[i]->name);
	if (from + 5 < n)
		buf_addz(b, " > ...");
	if (!n)
		buf_addz(b, "no state");
}

static void check_path(struct run *r)
{
	const struct flow_case *c = r->c;
	CLEAN_BUF struct buf want = BUF_INIT, got = BUF_INIT;
	size_t i = 0;

	if (!c->path)
		return;
	while (i < c->npath && i < r->v->path.len && c->path[i] == r->v->path.ptr[i])
		i++;
	if (i == c->npath && i == r->v->path.len)
		return;
	add_states(&want, c->path, c->npath, i);
	add_states(&got, r->v->path.ptr, r->v->path.len, i);
	unmet(r, "path", c->path_at, "state %zu is another one\nexpected %s\ngot      %s", i + 1, want.ptr, got.ptr);
}

static void check_text(struct run *r, const char *what, struct flow_at at, const char *want, const char *got)
{
	if (want && strcmp(want, got ? got : "") != 0)
		unmet(r, what, at, "expected %s\ngot      %s", want, got ? got : "none");
}

static void check_end(struct run *r)
{
	const struct flow_case *c = r->c;
	struct flow_verdict *v = r->v;
	CLEAN_BUF struct buf text = BUF_INIT;

	if (v->status != c->status) {
		buf_addf(&text, "expected %s\ngot      %s", flow_status_name[c->status], flow_status_name[v->status]);
		if (v->fault.error)
			buf_addf(&text, ", %s", v->fault.error);
		if (v->fault.cause)
			buf_addf(&text, ": %.*s", (int)TEXT_MAX * 4, v->fault.cause);
		unmet(r, "status", c->status_at, "%s", text.ptr);
		return;
	}
	check_text(r, "error", c->error_at, c->error, v->fault.error);
	check_text(r, "cause", c->cause_at, c->cause, v->fault.cause);
	if (c->output && v->output && flow_value_diff(c->output, v->output, DIFFS_MAX, &text))
		unmet(r, "output", c->output_at, "%s", text.ptr);
	if (c->has_seconds && (int64_t)(c->seconds * 1000 + 0.5) != v->took)
		unmet(r, "seconds", c->seconds_at, "expected %g\ngot      %g", c->seconds, (double)v->took / 1000);
}

static void check_left(struct run *r)
{
	for (size_t i = 0; i < r->c->ntasks; i++) {
		const struct flow_answers *a = &r->c->tasks[i];
		uint64_t left = 0;

		for (size_t k = r->asked[i].next; k < a->len; k++)
			left += a->answer[k].times;
		if (r->asked[i].next < a->len && a->answer[r->asked[i].next].times)
			left -= r->asked[i].used;
		if (left)
			unmet(r, "task", a->at, "%" PRIu64 " of the answers of '%s' %s never asked for", left,
			      a->state->name, left == 1 ? "was" : "were");
	}
}

void flow_case_run(const struct flow_case *c, const struct flow_program *p,
		   size_t (*hash)(const char *algorithm, const void *p, size_t n, uint8_t out[64]),
		   struct flow_verdict *out)
{
	struct run r = { .c = c, .v = out, .now = START };
	struct flow_sink sink = { on_invoke, on_cancel, on_history, hash, &r };
	json_t *none = json_object();
	struct flow_start start = { .id = "arn:aws:states:us-east-1:000000000000:execution:test:test",
				    .name = "test",
				    .role = "arn:aws:iam::000000000000:role/test",
				    .machine_id = "arn:aws:states:us-east-1:000000000000:stateMachine:test",
				    .machine_name = "test",
				    .input = c->input ? c->input : none,
				    .now = START,
				    .deadline = FLOW_NEVER,
				    .seed = c->seed };
	struct flow_execution *x;
	bool ended;

	*out = (struct flow_verdict){ .took = 0 };
	r.asked = xcalloc(c->ntasks + 1, sizeof(*r.asked));
	x = flow_execution_new(p, &start, &sink);
	while (flow_execution_status(x) == FLOW_RUNNING && !r.stuck && flow_execution_steps(x) < FLOW_CASE_STEPS_MAX) {
		struct flow_event ev = next_event(&r, x);

		if (r.now == FLOW_NEVER)
			BUG("an execution waits for nothing");
		ev.now = r.now;
		flow_execution_tell(x, &ev, &sink);
	}
	ended = flow_execution_status(x) != FLOW_RUNNING;
	if (!ended && !r.stuck)
		unmet(&r, "status", c->at, "it has entered %u states, and does not come to an end",
		      FLOW_CASE_STEPS_MAX);
	out->status = flow_execution_status(x);
	out->output = json_incref(flow_execution_output(x));
	flow_fault_copy(&out->fault, flow_execution_fault(x)->error, flow_execution_fault(x)->cause);
	out->took = r.now - START;
	check_path(&r);
	if (ended) {
		check_end(&r);
		check_left(&r);
	}
	flow_execution_free(x);
	json_decref(none);
	VEC_FREE(&r.calls);
	free(r.asked);
}

void flow_verdict_release(struct flow_verdict *v)
{
	VEC_EACH(&v->unmet, u)
		free(u->text);
	VEC_FREE(&v->unmet);
	VEC_FREE(&v->path);
	json_decref(v->output);
	flow_fault_release(&v->fault);
}
