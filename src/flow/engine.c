/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/engine_internal.h"

const char *const flow_status_name[] = { "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED" };

/* ---- events of the history ---- */

void emit(struct flow_execution *x, struct line *l, struct flow_history h)
{
	h.id = ++x->events;
	h.previous = l->last;
	l->last = h.id;
	if (!x->sink->history)
		return;
	h.time = x->now;
	if (!h.region)
		h.region = x->region;
	x->sink->history(x->sink->arg, &h);
}

/* ---- timers: a heap, the earliest first ---- */

static bool earlier(const struct line *a, const struct line *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_put(struct flow_execution *x, size_t at, struct line *l)
{
	x->timers.ptr[at - 1] = l;
	l->heap = at;
}

static void heap_settle(struct flow_execution *x, size_t at, struct line *l)
{
	size_t n = x->timers.len;

	for (; at > 1 && earlier(l, x->timers.ptr[at / 2 - 1]); at /= 2)
		heap_put(x, at, x->timers.ptr[at / 2 - 1]);
	for (;;) {
		size_t child = 2 * at;

		if (child > n)
			break;
		if (child < n && earlier(x->timers.ptr[child], x->timers.ptr[child - 1]))
			child++;
		if (!earlier(x->timers.ptr[child - 1], l))
			break;
		heap_put(x, at, x->timers.ptr[child - 1]);
		at = child;
	}
	heap_put(x, at, l);
}

void line_timer(struct flow_execution *x, struct line *l, int64_t due)
{
	if (l->heap && due == FLOW_NEVER) {
		struct line *last = x->timers.ptr[--x->timers.len];
		size_t at = l->heap;

		l->heap = 0;
		if (last != l)
			heap_settle(x, at, last);
	}
	l->due = due;
	if (due == FLOW_NEVER)
		return;
	l->order = ++x->orders;
	if (!l->heap) {
		VEC_PUSH(&x->timers, l);
		l->heap = x->timers.len;
	}
	heap_settle(x, l->heap, l);
}

/* ---- tasks ---- */

uint64_t task_new(struct flow_execution *x, struct line *l)
{
	uint32_t place;

	if (x->free_tasks.len) {
		place = x->free_tasks.ptr[--x->free_tasks.len];
		x->tasks.ptr[place] = l;
	} else {
		place = (uint32_t)x->tasks.len;
		if (place >> TASK_BITS)
			BUG("more tasks at a time than a definition can have");
		VEC_PUSH(&x->tasks, l);
	}
	l->task = ++x->serial << TASK_BITS | place;
	return l->task;
}

void task_over(struct flow_execution *x, struct line *l)
{
	uint32_t place = (uint32_t)(l->task & ((1u << TASK_BITS) - 1));

	x->tasks.ptr[place] = NULL;
	VEC_PUSH(&x->free_tasks, place);
	l->task = 0;
}

static struct line *task_line(const struct flow_execution *x, uint64_t task)
{
	uint64_t place = task & ((1u << TASK_BITS) - 1);
	struct line *l = place < x->tasks.len ? x->tasks.ptr[place] : NULL;

	return l && l->task == task ? l : NULL;
}

bool flow_execution_awaits(const struct flow_execution *x, uint64_t task)
{
	return task_line(x, task) != NULL;
}

/* ---- lines ---- */

void line_queue(struct flow_execution *x, struct line *l)
{
	if (l->queued)
		return;
	l->queued = true;
	l->behind = NULL;
	l->before = x->tail;
	if (x->tail)
		x->tail->behind = l;
	else
		x->first = l;
	x->tail = l;
}

static void unqueue(struct flow_execution *x, struct line *l)
{
	if (!l->queued)
		return;
	l->queued = false;
	if (l->before)
		l->before->behind = l->behind;
	else
		x->first = l->behind;
	if (l->behind)
		l->behind->before = l->before;
	else
		x->tail = l->before;
}

struct line *line_new(struct flow_execution *x, struct line *up, size_t index, const struct flow_state *start,
		      json_t *input)
{
	struct line *l = xcalloc(1, sizeof(*l));

	l->up = up;
	l->index = index;
	l->state = start;
	l->input = input;
	l->due = l->timeout_at = l->heartbeat_at = FLOW_NEVER;
	if (up) {
		l->next = up->down;
		if (l->next)
			l->next->prev = l;
		up->down = l;
	}
	x->lines++;
	line_queue(x, l);
	return l;
}

void line_leave(struct flow_execution *x, struct line *l)
{
	if (l->task)
		task_over(x, l);
	line_timer(x, l, FLOW_NEVER);
	l->timeout_at = l->heartbeat_at = FLOW_NEVER;
	json_decref(l->payload);
	json_decref(l->effective);
	json_decref(l->items);
	json_decref(l->results);
	json_decref(l->assigned);
	l->payload = l->effective = l->items = l->results = l->assigned = NULL;
	free(l->function);
	free(l->qualifier);
	l->function = l->qualifier = NULL;
	l->parts = l->begun = l->over = l->bytes = 0;
	line_context_changed(l);
}

void line_free(struct flow_execution *x, struct line *l)
{
	while (l->down)
		line_free(x, l->down);
	line_leave(x, l);
	unqueue(x, l);
	if (l->prev)
		l->prev->next = l->next;
	else if (l->up)
		l->up->down = l->next;
	if (l->next)
		l->next->prev = l->prev;
	json_decref(l->input);
	json_decref(l->item);
	json_decref(l->variables);
	free(l->used);
	free(l);
	x->lines--;
}

/* ---- the execution ---- */

struct flow_execution *flow_execution_new(const struct flow_program *p, const struct flow_start *start,
					  const struct flow_sink *sink)
{
	struct flow_execution *x = xcalloc(1, sizeof(*x));
	const struct flow_machine *m = flow_program_machine(p);

	x->program = p;
	x->sink = sink;
	x->id = xstrdup(start->id);
	x->name = xstrdup(start->name);
	x->role = xstrdup(start->role);
	x->machine_id = xstrdup(start->machine_id);
	x->machine_name = xstrdup(start->machine_name);
	x->region = xstrdup(start->region ? start->region : "us-east-1");
	x->input = json_incref(start->input);
	x->started = x->now = start->now;
	x->deadline = start->deadline;
	x->random = start->seed;
	if (m->has_timeout && start->now + (int64_t)m->timeout * 1000 < x->deadline)
		x->deadline = start->now + (int64_t)m->timeout * 1000;
	x->top = line_new(x, NULL, 0, m->root->start, json_incref(start->input));
	emit(x, x->top, (struct flow_history){ .type = FLOW_H_EXECUTION_STARTED, .data = x->input, .role = x->role });
	x->sink = NULL;
	flow_execution_tell(x, &(struct flow_event){ .kind = FLOW_EV_TIME, .now = start->now }, sink);
	return x;
}

void flow_execution_free(struct flow_execution *x)
{
	if (!x)
		return;
	if (x->top)
		line_free(x, x->top);
	free(x->id);
	free(x->name);
	free(x->role);
	free(x->machine_id);
	free(x->machine_name);
	free(x->region);
	json_decref(x->input);
	json_decref(x->context_execution);
	json_decref(x->context_machine);
	json_decref(x->output);
	flow_fault_release(&x->fault);
	VEC_FREE(&x->timers);
	VEC_FREE(&x->tasks);
	VEC_FREE(&x->free_tasks);
	free(x);
}

void lines_abort(struct flow_execution *x, struct line *l, bool tell)
{
	struct flow_fault none = FLOW_FAULT_INIT;

	for (struct line *below = l->down; below; below = below->next)
		lines_abort(x, below, tell);
	if (l->task)
		x->sink->cancel(x->sink->arg, l->task);
	if (!tell || !l->entered)
		return;
	if (l->state->kind == FLOW_TASK || l->state->kind == FLOW_WAIT || l->state->kind == FLOW_PARALLEL ||
	    l->state->kind == FLOW_MAP)
		emit(x, l, (struct flow_history){ .type = FLOW_H_STATE_ABORTED, .state = l->state, .fault = &none });
}

void execution_end(struct flow_execution *x, enum flow_status status)
{
	static const enum flow_history_type type[] = {
		[FLOW_SUCCEEDED] = FLOW_H_EXECUTION_SUCCEEDED,
		[FLOW_FAILED] = FLOW_H_EXECUTION_FAILED,
		[FLOW_TIMED_OUT] = FLOW_H_EXECUTION_TIMED_OUT,
		[FLOW_ABORTED] = FLOW_H_EXECUTION_ABORTED,
	};

	x->status = status;
	x->ended = x->now;
	lines_abort(x, x->top, false);
	emit(x, x->top,
	     (struct flow_history){
		     .type = type[status], .data = x->output, .fault = status == FLOW_SUCCEEDED ? NULL : &x->fault });
	line_free(x, x->top);
	x->top = NULL;
}

/* ---- what it is told ---- */

static void task_event(struct flow_execution *x, struct line *l, enum flow_history_type type, json_t *data,
		       const struct flow_fault *f)
{
	emit(x, l, (struct flow_history){ .type = type, .state = l->state, .data = data, .fault = f });
}

static void timer_fires(struct flow_execution *x, struct line *l)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;

	if (l->phase == LINE_TASK) {
		bool beat = l->heartbeat_at < l->timeout_at;

		flow_fault_copy(&f, beat ? "States.HeartbeatTimeout" : "States.Timeout", NULL);
		x->sink->cancel(x->sink->arg, l->task);
		task_event(x, l, FLOW_H_TIMED_OUT, NULL, &f);
		state_failed(x, l, &f);
	} else if (l->phase == LINE_WAITING) {
		state_output(x, l, json_incref(l->effective), json_incref(l->assigned), l->state->next);
	} else {
		line_leave(x, l);
		l->phase = LINE_READY;
		line_queue(x, l);
	}
}

static void timers_fire(struct flow_execution *x)
{
	while (!x->status && x->timers.len && x->timers.ptr[0]->due <= x->now)
		timer_fires(x, x->timers.ptr[0]);
}

static void set_header(json_t *headers, json_t *all, const char *name, const char *value)
{
	json_t *list = flow_value_must(json_array());

	flow_value_push(list, flow_value_text(value));
	flow_value_set(all, name, list);
	flow_value_set(headers, name, flow_value_text(value));
}

/* What lambda:invoke hands on: the answer of the service's API. */
static json_t *wrapped(const struct line *l, const struct flow_event *ev)
{
	json_t *o = flow_value_must(json_object()), *http = flow_value_must(json_object()),
	       *meta = flow_value_must(json_object()), *headers = flow_value_must(json_object()),
	       *all = flow_value_must(json_object());
	const char *version = ev->version ? ev->version : "$LATEST", *id = ev->request_id ? ev->request_id : "";
	const int status = l->asynchronous ? 202 : 200;

	set_header(headers, all, "Content-Type", "application/json");
	set_header(headers, all, "X-Amz-Executed-Version", version);
	set_header(headers, all, "x-amzn-RequestId", id);
	flow_value_set(http, "AllHttpHeaders", all);
	flow_value_set(http, "HttpHeaders", headers);
	flow_value_set(http, "HttpStatusCode", json_integer(status));
	flow_value_set(meta, "RequestId", flow_value_text(id));
	if (!l->asynchronous)
		flow_value_set(o, "ExecutedVersion", flow_value_text(version));
	flow_value_set(o, "Payload",
		       l->asynchronous ? json_string("") : json_incref(ev->value ? ev->value : json_null()));
	flow_value_set(o, "SdkHttpMetadata", http);
	flow_value_set(o, "SdkResponseMetadata", meta);
	flow_value_set(o, "StatusCode", json_integer(status));
	return o;
}

static void task_done(struct flow_execution *x, struct line *l, const struct flow_event *ev)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	json_t *result = l->state->as.task.resource == FLOW_INVOKE ? wrapped(l, ev)
								   : json_incref(ev->value ? ev->value : json_null());

	if (!within_limit(l, result, l->state->as.task.text, &f)) {
		json_decref(result);
		task_event(x, l, FLOW_H_FAILED, NULL, &f);
		state_failed(x, l, &f);
		return;
	}
	task_event(x, l, FLOW_H_SUCCEEDED, result, NULL);
	state_result(x, l, result);
}

static void task_failed(struct flow_execution *x, struct line *l, const struct flow_event *ev)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;

	flow_fault_copy(&f, ev->error ? ev->error : "Lambda.Unknown", ev->cause);
	task_event(x, l, !strcmp(f.error, "States.Timeout") ? FLOW_H_TIMED_OUT : FLOW_H_FAILED, NULL, &f);
	state_failed(x, l, &f);
}

static void resume(struct flow_execution *x)
{
	for (size_t i = 0; i < x->tasks.len; i++)
		if (x->tasks.ptr[i])
			state_invoke(x, x->tasks.ptr[i], true);
}

static void steps_run(struct flow_execution *x)
{
	for (unsigned n = 0; n < FLOW_STEPS_MAX && x->first && !x->status; n++) {
		struct line *l = x->first;

		unqueue(x, l);
		state_begin(x, l);
	}
}

/* A loop without a wait would write its journal until the disk is full, and whoever reads it would need as much. */
static void history_full(struct flow_execution *x)
{
	flow_fault_set(&x->fault, "States.Runtime", "The execution reached the maximum number of history events (%u).",
		       FLOW_EVENTS_MAX);
	execution_end(x, FLOW_FAILED);
}

static bool apply(struct flow_execution *x, const struct flow_event *ev)
{
	struct line *l = task_line(x, ev->task);

	switch (ev->kind) {
	case FLOW_EV_TIME:
		return false;
	case FLOW_EV_DONE:
	case FLOW_EV_FAILED:
		if (!l)
			return false;
		if (ev->kind == FLOW_EV_DONE)
			task_done(x, l, ev);
		else
			task_failed(x, l, ev);
		return true;
	case FLOW_EV_BEAT:
		if (!l || !l->heartbeat)
			return false;
		l->heartbeat_at = x->now + l->heartbeat;
		line_timer(x, l, l->heartbeat_at < l->timeout_at ? l->heartbeat_at : l->timeout_at);
		return true;
	case FLOW_EV_STOP:
		flow_fault_copy(&x->fault, ev->error, ev->cause);
		execution_end(x, FLOW_ABORTED);
		return true;
	case FLOW_EV_RESUME:
		return true;
	}
	return false;
}

bool flow_execution_tell(struct flow_execution *x, const struct flow_event *ev, const struct flow_sink *sink)
{
	int64_t before = x->now;
	bool changed;

	if (x->status)
		return false;
	x->sink = sink;
	if (ev->now > x->now)
		x->now = ev->now;
	if (x->now >= x->deadline && ev->kind != FLOW_EV_STOP) {
		execution_end(x, FLOW_TIMED_OUT);
		x->sink = NULL;
		return true;
	}
	/*
	 * Time that passed before the event came counts first, but not for what was under way while nobody was there to
	 * look: that gets its time anew.
	 */
	if (ev->kind == FLOW_EV_RESUME)
		resume(x);
	timers_fire(x);
	changed = x->status || x->first;
	if (!x->status)
		changed = apply(x, ev) || changed;
	steps_run(x);
	if (!x->status && x->events >= FLOW_EVENTS_MAX)
		history_full(x);
	x->sink = NULL;
	/* What is not written down must not be remembered either: a clock may be set back before the next event. */
	if (!changed)
		x->now = before;
	return changed;
}

int64_t flow_execution_due(const struct flow_execution *x)
{
	int64_t due = x->deadline;

	if (x->status)
		return FLOW_NEVER;
	if (x->first)
		return 0;
	if (x->timers.len && x->timers.ptr[0]->due < due)
		due = x->timers.ptr[0]->due;
	return due;
}

enum flow_status flow_execution_status(const struct flow_execution *x)
{
	return x->status;
}

json_t *flow_execution_output(const struct flow_execution *x)
{
	return x->output;
}

const struct flow_fault *flow_execution_fault(const struct flow_execution *x)
{
	return &x->fault;
}

const struct flow_state *flow_execution_where(const struct flow_execution *x)
{
	return x->status == FLOW_FAILED ? x->where : NULL;
}

int64_t flow_execution_deadline(const struct flow_execution *x)
{
	return x->deadline;
}

int64_t flow_execution_ended(const struct flow_execution *x)
{
	return x->ended;
}

uint64_t flow_execution_events(const struct flow_execution *x)
{
	return x->events;
}

uint64_t flow_execution_steps(const struct flow_execution *x)
{
	return x->steps;
}
