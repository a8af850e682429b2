/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FLOW_UTIL_H
#define TEST_FLOW_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vec.h"
#include "flow/engine.h"
#include "flow/value.h"

/* An execution with a clock that is turned by hand and functions that answer what the test says. */

#define RUN_START 1700000000000ll /* 2023-11-14T22:13:20Z */

struct call {
	uint64_t task;
	char *function;
	json_t *payload;
};

struct run {
	struct flow_machine m;
	struct flow_program *p;
	struct flow_execution *x;
	int64_t now;
	VEC(struct call) calls; /* under way, the oldest first */
	struct buf log;		/* a line for each action */
	struct buf events;	/* names of the history, by blanks */
	struct buf journal;	/* events it was told, a line each */
	struct buf full;	/* the history as JSON, a line each */
	bool want_full;
	const char *const *answers; /* of functions in turn: "= JSON" or "! Error cause"; NULL at the end */
};

static inline void on_invoke(void *arg, const struct flow_invoke *i)
{
	struct run *r = arg;
	struct call c = { i->task, xstrdup(i->function), json_incref(i->payload) };

	buf_addf(&r->log, "%s%s ", i->again ? "again " : "", i->function);
	flow_value_dump(i->payload, &r->log);
	if (i->deadline != FLOW_NEVER)
		buf_addf(&r->log, " within %lld ms", (long long)(i->deadline - r->now));
	if (i->attempt)
		buf_addf(&r->log, " retry %u", i->attempt);
	buf_addc(&r->log, '\n');
	for (size_t k = 0; i->again && k < r->calls.len; k++) {
		if (r->calls.ptr[k].task == i->task) {
			free(c.function);
			json_decref(c.payload);
			return;
		}
	}
	VEC_PUSH(&r->calls, c);
}

static inline void call_drop(struct run *r, size_t k)
{
	free(r->calls.ptr[k].function);
	json_decref(r->calls.ptr[k].payload);
	memmove(r->calls.ptr + k, r->calls.ptr + k + 1, (--r->calls.len - k) * sizeof(struct call));
}

static inline void on_cancel(void *arg, uint64_t task)
{
	struct run *r = arg;

	for (size_t k = 0; k < r->calls.len; k++) {
		if (r->calls.ptr[k].task != task)
			continue;
		buf_addf(&r->log, "cancel %s\n", r->calls.ptr[k].function);
		call_drop(r, k);
		return;
	}
	fail_msg("a task is cancelled that is not under way");
}

static inline void on_history(void *arg, const struct flow_history *h)
{
	struct run *r = arg;
	json_t *o;

	buf_addf(&r->events, "%s%s", r->events.len ? " " : "", flow_history_name(h));
	if (!r->want_full)
		return;
	o = flow_history_json(h);
	flow_value_dump(o, &r->full);
	buf_addc(&r->full, '\n');
	json_decref(o);
}

static inline size_t no_hash(const char *algorithm, const void *p, size_t n, uint8_t out[64])
{
	(void)p;
	if (strcmp(algorithm, "SHA-1") != 0)
		return 0;
	memset(out, (int)n, 20);
	return 20;
}

static inline struct flow_sink run_sink(struct run *r)
{
	return (struct flow_sink){ on_invoke, on_cancel, on_history, no_hash, r };
}

static inline struct flow_start run_start(json_t *input)
{
	return (struct flow_start){ .id = "arn:aws:states:us-east-1:123456789012:execution:m:e",
				    .name = "e",
				    .role = "arn:aws:iam::123456789012:role/r",
				    .machine_id = "arn:aws:states:us-east-1:123456789012:stateMachine:m",
				    .machine_name = "m",
				    .input = input,
				    .now = RUN_START,
				    .deadline = FLOW_NEVER,
				    .seed = 1 };
}

static inline json_t *json_of(const char *text)
{
	char why[JSON_ERROR_TEXT_LENGTH];
	json_t *v = flow_value_parse(text, strlen(text), why);

	if (!v)
		fail_msg("%s: %s", text, why);
	return v;
}

static inline void run_open(struct run *r, const char *machine)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct err err = ERR_INIT;

	*r = (struct run){
		.now = RUN_START, .log = BUF_INIT, .events = BUF_INIT, .journal = BUF_INIT, .full = BUF_INIT
	};
	if (flow_machine_parse(&r->m, "m.json", machine, strlen(machine), NULL, &found, &err) < 0)
		fail_msg("%s", err.msg);
	r->p = flow_program_new(&r->m, &err);
	if (!r->p)
		fail_msg("%s", err.msg);
}

static inline void run_begin(struct run *r, const char *input)
{
	json_t *in = json_of(input);
	struct flow_start start = run_start(in);
	struct flow_sink sink = run_sink(r);

	r->x = flow_execution_new(r->p, &start, &sink);
	json_decref(in);
}

static inline bool run_tell(struct run *r, struct flow_event ev)
{
	struct flow_sink sink = run_sink(r);

	ev.now = r->now;
	flow_event_write(&ev, &r->journal);
	buf_addc(&r->journal, '\n');
	return flow_execution_tell(r->x, &ev, &sink);
}

/* What the test says the oldest call answers. */
static inline void run_answer(struct run *r, const char *answer)
{
	uint64_t task = r->calls.ptr[0].task;

	call_drop(r, 0);
	if (answer[0] == '=') {
		json_t *v = json_of(answer + 2);

		assert_true(run_tell(r, (struct flow_event){ .kind = FLOW_EV_DONE, .task = task, .value = v }));
		json_decref(v);
	} else {
		CLEAN_FREE char *error = xstrdup(answer + 2);
		char *cause = strchr(error, ' ');

		if (cause)
			*cause++ = '\0';
		assert_true(run_tell(
			r,
			(struct flow_event){ .kind = FLOW_EV_FAILED, .task = task, .error = error, .cause = cause }));
	}
}

/* To its end: functions answer at once, and where nobody is at work the clock is turned to when it is due. */
static inline void run_on(struct run *r, const char *const *answers)
{
	while (flow_execution_status(r->x) == FLOW_RUNNING) {
		int64_t due = flow_execution_due(r->x);

		if (r->calls.len && due != 0) {
			if (!*answers || !strcmp(*answers, "..."))
				goto wait;
			run_answer(r, *answers++);
			continue;
		}
	wait:
		if (due == FLOW_NEVER)
			fail_msg("it waits for what will not come: %s", r->log.ptr);
		if (*answers && !strcmp(*answers, "..."))
			answers++;
		r->now = due > r->now ? due : r->now;
		run_tell(r, (struct flow_event){ .kind = FLOW_EV_TIME });
	}
	if (*answers)
		fail_msg("nobody asked for %s", *answers);
}

static inline void run_close(struct run *r)
{
	while (r->calls.len)
		call_drop(r, 0);
	VEC_FREE(&r->calls);
	flow_execution_free(r->x);
	flow_program_free(r->p);
	flow_machine_release(&r->m);
	buf_release(&r->log);
	buf_release(&r->events);
	buf_release(&r->journal);
	buf_release(&r->full);
}

/* "SUCCEEDED output" or "FAILED error: cause"; static. */
static inline const char *run_result(const struct run *r)
{
	static char text[8192];
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct flow_fault *f = flow_execution_fault(r->x);

	buf_addf(&b, "%s ", flow_status_name[flow_execution_status(r->x)]);
	if (flow_execution_output(r->x))
		flow_value_dump(flow_execution_output(r->x), &b);
	else
		buf_addf(&b, "%s: %s", f->error ? f->error : "-", f->cause ? f->cause : "-");
	snprintf(text, sizeof(text), "%s", b.ptr);
	return text;
}

/* All at once: what a machine makes of an input. */
static inline const char *run_whole(const char *machine, const char *input, const char *const *answers)
{
	static const char *const none[] = { NULL };
	struct run r;
	const char *text;

	run_open(&r, machine);
	run_begin(&r, input);
	run_on(&r, answers ? answers : none);
	text = run_result(&r);
	run_close(&r);
	return text;
}

#define ANSWERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* A machine of one state, and what is behind it. */
#define ONE(fields) "{\"StartAt\":\"A\",\"States\":{\"A\":{" fields "}}}"

#define END ",\"End\":true"
#define is(machine, input, output) assert_string_equal(run_whole(machine, input, NULL), output)
#define TASK   "\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:function:f\""
#define INVOKE "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\""
#define BRANCH(name, fields) "{\"StartAt\":\"" name "\",\"States\":{\"" name "\":{" fields "}}}"
#define MAP(fields, processor) "\"Type\":\"Map\"," fields "\"ItemProcessor\":" processor END

/* @log: what was done; @events: names of the history. Either may be NULL. */
static inline void runs(const char *machine, const char *input, const char *const *answers, const char *result,
		 const char *log, const char *events)
{
	struct run r;

	run_open(&r, machine);
	run_begin(&r, input);
	run_on(&r, answers);
	assert_string_equal(run_result(&r), result);
	if (log)
		assert_string_equal(r.log.ptr, log);
	if (events)
		assert_string_equal(r.events.ptr, events);
	run_close(&r);
}

#endif
