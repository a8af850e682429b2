/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "base/vec.h"
#include "flow/engine.h"
#include "flow/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MAX 64u
#define STEPS_MAX  20000u

struct run {
	VEC(uint64_t) tasks;
	uint64_t sum; /* of all that it was told to do */
};

static void add(struct run *r, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->sum = (r->sum ^ ((const uint8_t *)p)[i]) * 0x100000001b3;
}

static void on_invoke(void *arg, const struct flow_invoke *i)
{
	struct run *r = arg;
	CLEAN_BUF struct buf b = BUF_INIT;

	flow_value_dump(i->payload, &b);
	add(r, b.ptr, b.len);
	add(r, i->function, strlen(i->function));
	if (!i->again)
		VEC_PUSH(&r->tasks, i->task);
}

static void on_cancel(void *arg, uint64_t task)
{
	struct run *r = arg;

	add(r, &task, sizeof(task));
	for (size_t k = 0; k < r->tasks.len; k++) {
		if (r->tasks.ptr[k] == task) {
			r->tasks.ptr[k] = r->tasks.ptr[--r->tasks.len];
			return;
		}
	}
	BUG("what is cancelled is not under way");
}

static void on_history(void *arg, const struct flow_history *h)
{
	json_t *o = flow_history_json(h);
	CLEAN_BUF struct buf b = BUF_INIT;

	flow_value_dump(o, &b);
	add(arg, b.ptr, b.len);
	json_decref(o);
}

/* What the bytes say happens next. */
static struct flow_event next(struct run *r, struct flow_execution *x, uint8_t byte, int64_t *now, json_t *answer)
{
	int64_t due = flow_execution_due(x);
	struct flow_event ev = { .kind = FLOW_EV_TIME };

	if (byte < 8)
		ev.kind = FLOW_EV_RESUME;
	else if (byte == 255)
		ev.kind = FLOW_EV_STOP;
	else if (r->tasks.len && byte < 220) {
		size_t k = byte % r->tasks.len;

		ev.task = r->tasks.ptr[k];
		ev.kind = byte & 1 ? FLOW_EV_DONE : FLOW_EV_FAILED;
		ev.value = byte & 1 ? answer : NULL;
		ev.error = byte & 1 ? NULL : byte & 2 ? "Error" : "States.Timeout";
		if (!flow_execution_awaits(x, ev.task))
			BUG("what is under way is not awaited");
		r->tasks.ptr[k] = r->tasks.ptr[--r->tasks.len];
	} else if (due != FLOW_NEVER && due > *now) {
		*now = due;
	}
	ev.now = *now;
	return ev;
}

static uint64_t execute(const struct flow_program *p, json_t *input, const uint8_t *bytes, size_t n)
{
	struct run r = { .sum = 0xcbf29ce484222325 };
	struct flow_sink sink = { on_invoke, on_cancel, on_history, NULL, &r };
	struct flow_start start = { "id", "name", "role", "machine", "machine", NULL, input, 1000, FLOW_NEVER, 7 };
	struct flow_execution *x = flow_execution_new(p, &start, &sink);
	int64_t now = start.now;

	for (size_t i = 0; i < EVENTS_MAX && flow_execution_status(x) == FLOW_RUNNING; i++) {
		uint8_t byte = i < n ? bytes[i] : 230;
		struct flow_event ev = next(&r, x, byte, &now, input);
		CLEAN_BUF struct buf line = BUF_INIT;
		struct flow_event_read read;
		struct err err = ERR_INIT;

		flow_event_write(&ev, &line);
		if (flow_event_parse(line.ptr, line.len, &read, &err) < 0)
			BUG("%s: %s", line.ptr, err.msg);
		flow_execution_tell(x, &read.ev, &sink);
		flow_event_release(&read);
		if (flow_execution_steps(x) > STEPS_MAX)
			break;
	}
	if (flow_execution_status(x) == FLOW_RUNNING)
		flow_execution_tell(x, &(struct flow_event){ .kind = FLOW_EV_STOP, .now = now }, &sink);
	if (flow_execution_status(x) == FLOW_RUNNING || r.tasks.len)
		BUG("it was stopped, and goes on");
	if ((flow_execution_status(x) == FLOW_SUCCEEDED) != (flow_execution_output(x) != NULL))
		BUG("success and output do not go together");
	flow_execution_free(x);
	VEC_FREE(&r.tasks);
	return r.sum;
}

/* A machine, its input, and bytes that say what becomes of its tasks; a NUL between them. All is done twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	const uint8_t *in = size ? memchr(data, 0, size) : NULL, *bytes;
	char why[JSON_ERROR_TEXT_LENGTH];
	struct err err = ERR_INIT;
	struct flow_program *p;
	struct flow_machine m;
	json_t *input;
	size_t n;

	if (!in)
		return 0;
	in++;
	n = size - (size_t)(in - data);
	bytes = n ? memchr(in, 0, n) : NULL;
	input = flow_value_parse((const char *)in, bytes ? (size_t)(bytes - in) : n, why);
	if (!input)
		return 0;
	n = bytes ? size - (size_t)(++bytes - data) : 0;
	if (flow_machine_parse(&m, "m", (const char *)data, (size_t)(in - data - 1), NULL, &found, &err) == 0) {
		p = flow_program_new(&m, &err);
		if (!p)
			BUG("a checked machine is not compiled: %s", err.msg);
		if (execute(p, input, bytes, n) != execute(p, input, bytes, n))
			BUG("the same events lead elsewhere");
		flow_program_free(p);
	}
	json_decref(input);
	flow_machine_release(&m);
	return 0;
}
