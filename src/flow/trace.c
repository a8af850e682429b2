/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "config/json_text.h"

#define STEPS_MAX 50000000u

struct event {
	const char *type;		/* NULL: not seen */
	const struct flow_state *state; /* of an event that enters or leaves one */
	uint32_t previous;
	uint32_t nearest; /* the last event up to it, along what came before, that enters a state; 0: none */
	bool enters, exits;
	struct flow_time at;
};

struct tracer {
	struct flow_trace *t;
	const struct flow_machine *m;
	const char *shown;
	struct err *err;
	struct map names;    /* of states */
	struct event *event; /* by id */
	size_t n;	     /* the highest id */
	size_t steps;	     /* back from event to event, in all */
	VEC(struct flow_trace_way) ways;
};

static int wrong(struct tracer *r, size_t i, const char *what)
{
	return err_set(r->err, ERR_FORMAT, "%s: event %zu: %s", r->shown, i + 1, what);
}

static int read_time(const json_t *v, struct flow_time *out)
{
	double d, whole;

	if (json_is_string(v))
		return flow_time_parse(json_string_value(v), json_string_length(v), out);
	if (!json_is_number(v))
		return -1;
	d = json_number_value(v);
	if (d < 0 || d > 1e11)
		return -1;
	whole = (double)(int64_t)d;
	out->sec = (int64_t)d;
	/* it has milliseconds, and as a double of today's seconds about as many */
	out->nsec = (uint32_t)((d - whole) * 1e3 + 0.5) * 1000000;
	return 0;
}

static int read_state(struct tracer *r, size_t i, const json_t *o, struct event *e)
{
	const json_t *details = json_object_get(o, e->enters ? "stateEnteredEventDetails" : "stateExitedEventDetails");
	const char *name = json_string_value(json_object_get(details, "name"));

	if (!name)
		return wrong(r, i, "it does not name its state");
	e->state = map_get(&r->names, name);
	if (e->state)
		return 0;
	err_set(r->err, ERR_FORMAT, "%s: event %zu: the machine has no state '%.80s'", r->shown, i + 1, name);
	return err_hint(r->err, "is it the history of another machine?");
}

static int read_event(struct tracer *r, size_t i, const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	const json_int_t id = json_integer_value(json_object_get(o, "id"));
	const json_int_t previous = json_integer_value(json_object_get(o, "previousEventId"));
	struct event *e;

	if (!type)
		return wrong(r, i, "it has no type");
	if (id < 1 || (size_t)id > r->n || r->event[id].type) {
		wrong(r, i, "its id is out of place");
		return err_hint(r->err, "all events of an execution are needed, numbered from 1 on");
	}
	if (previous < 0 || previous >= id)
		return wrong(r, i, "its previousEventId is not before it");
	e = &r->event[id];
	*e = (struct event){ .type = type, .previous = (uint32_t)previous };
	if (read_time(json_object_get(o, "timestamp"), &e->at))
		return wrong(r, i, "its timestamp is neither seconds since 1970 nor a time");
	e->enters = ends_with(type, "StateEntered");
	e->exits = ends_with(type, "StateExited");
	return e->enters || e->exits ? read_state(r, i, o, e) : 0;
}

/*
 * Back along what came before it, to where @s was entered; 0: nowhere. Ids only fall. What lies between two states that
 * are entered is skipped.
 */
static size_t entered_at(struct tracer *r, size_t id, const struct flow_state *s)
{
	for (id = r->event[r->event[id].previous].nearest; id; id = r->event[r->event[id].previous].nearest) {
		if (r->event[id].state == s)
			return id;
		if (++r->steps > STEPS_MAX)
			return 0;
	}
	return 0;
}

static uint64_t between(struct flow_time a, struct flow_time b)
{
	const int64_t ns = (b.sec - a.sec) * 1000000000 + b.nsec - a.nsec;

	return ns > 0 ? (uint64_t)ns : 0;
}

static bool failed(const struct tracer *r, size_t id)
{
	const char *type = r->event[id].type;

	return type && (ends_with(type, "Failed") || ends_with(type, "TimedOut"));
}

static void follow(struct tracer *r, size_t id)
{
	struct event *e = &r->event[id];
	const struct event *before = &r->event[e->previous];
	struct flow_trace_state *s = e->state ? &r->t->state[e->state->id] : NULL;

	e->nearest = e->enters ? (uint32_t)id : before->nearest;
	if (e->enters) {
		const struct flow_trace_way way = { before->exits ? before->state : NULL, e->state, 1,
						    before->exits && failed(r, before->previous) };

		s->entered++;
		VEC_PUSH(&r->ways, way);
	} else if (e->exits) {
		const size_t from = entered_at(r, id, e->state);

		s->exited++;
		s->ns += from ? between(r->event[from].at, e->at) : 0;
	} else if ((starts_with(e->type, "LambdaFunction") || starts_with(e->type, "Task")) && failed(r, id) &&
		   e->nearest) {
		r->t->state[r->event[e->nearest].state->id].failed++;
	}
}

static int by_ids(const void *a, const void *b)
{
	const struct flow_trace_way *x = a, *y = b;
	const uint64_t fx = x->from ? x->from->id + 1u : 0, fy = y->from ? y->from->id + 1u : 0;

	if (fx != fy)
		return fx < fy ? -1 : 1;
	return (x->to->id > y->to->id) - (x->to->id < y->to->id);
}

static void add_ways(struct tracer *r)
{
	struct flow_trace *t = r->t;
	size_t to = 0;

	if (r->ways.len)
		qsort(r->ways.ptr, r->ways.len, sizeof(*r->ways.ptr), by_ids);
	for (size_t i = 0; i < r->ways.len; i++)
		if (to && by_ids(&r->ways.ptr[to - 1], &r->ways.ptr[i]) == 0) {
			r->ways.ptr[to - 1].times++;
			r->ways.ptr[to - 1].caught += r->ways.ptr[i].caught;
		} else {
			r->ways.ptr[to++] = r->ways.ptr[i];
		}
	t->way = r->ways.ptr;
	t->nways = to;
}

static void set_status(struct tracer *r)
{
	static const char *const ends[][2] = { { "ExecutionSucceeded", "SUCCEEDED" },
					       { "ExecutionFailed", "FAILED" },
					       { "ExecutionTimedOut", "TIMED_OUT" },
					       { "ExecutionAborted", "ABORTED" } };

	memcpy(r->t->status, "RUNNING", sizeof("RUNNING"));
	for (size_t i = 0; r->n && i < ARRAY_LEN(ends); i++)
		if (strcmp(r->event[r->n].type, ends[i][0]) == 0)
			memcpy(r->t->status, ends[i][1], strlen(ends[i][1]) + 1);
	if (r->n)
		r->t->ns = between(r->event[1].at, r->event[r->n].at);
}

static int trace(struct tracer *r, const json_t *events)
{
	r->n = json_array_size(events);
	r->event = xcalloc(r->n + 1, sizeof(struct event));
	for (size_t i = 0; i < r->n; i++)
		if (read_event(r, i, json_array_get(events, i)))
			return -1;
	r->t->state = xcalloc(r->m->nstates + 1, sizeof(struct flow_trace_state));
	for (size_t id = 1; id <= r->n; id++)
		follow(r, id);
	add_ways(r);
	if (r->steps > STEPS_MAX)
		return err_set(r->err, ERR_LIMIT, "%s: limit exceeded: too many states were entered and never left",
			       r->shown);
	set_status(r);
	return 0;
}

int flow_trace_read(struct flow_trace *t, const struct flow_machine *m, const char *shown, const char *text, size_t n,
		    struct err *err)
{
	struct tracer r = { .t = t, .m = m, .shown = shown, .err = err };
	json_t *root, *events;
	int ret = -1;

	*t = (struct flow_trace){ .ns = 0 };
	root = json_text_parse((struct str){ text, n }, shown, "", err);
	if (!root)
		return -1;
	for (size_t i = 0; i < m->nstates; i++)
		map_put(&r.names, m->states[i]->name, (void *)(uintptr_t)m->states[i]);
	events = json_is_array(root) ? root : json_object_get(root, "events");
	if (json_is_array(events))
		ret = trace(&r, events);
	else
		err_set(err, ERR_FORMAT, "%s: there is no list of events", shown);
	map_release(&r.names);
	free(r.event);
	json_decref(root);
	return ret;
}

void flow_trace_release(struct flow_trace *t)
{
	free(t->state);
	free(t->way);
	*t = (struct flow_trace){ .ns = 0 };
}

const struct flow_trace_way *flow_trace_way(const struct flow_trace *t, const struct flow_state *from,
					    const struct flow_state *to)
{
	const struct flow_trace_way key = { .from = from, .to = to };

	return t && t->nways ? bsearch(&key, t->way, t->nways, sizeof(key), by_ids) : NULL;
}

uint64_t flow_trace_times(const struct flow_trace *t, const struct flow_state *from, const struct flow_state *to)
{
	const struct flow_trace_way *way = flow_trace_way(t, from, to);

	return way ? way->times : 0;
}
