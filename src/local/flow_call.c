/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as invocations of the platform's functions. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/value.h"
#include "local/flows.h"
#include "oci/digest.h"

size_t flow_hash(const char *algorithm, const void *p, size_t n, uint8_t out[64])
{
	return digest_named(algorithm, p, n, out);
}

static void forget(struct flow_call *t)
{
	struct flow_exec *x = t->exec;

	for (size_t i = 0; x && i < x->tasks.len; i++)
		if (x->tasks.ptr[i] == t) {
			x->tasks.ptr[i] = x->tasks.ptr[--x->tasks.len];
			break;
		}
	t->exec = NULL;
}

static void fail(struct flow_exec *x, uint64_t task, const char *error, const char *cause)
{
	struct flow_event ev = { .kind = FLOW_EV_FAILED, .task = task, .error = error, .cause = cause };

	flow_exec_tell(x, &ev);
}

static void tell_answer(struct flow_exec *x, const struct flow_call *t, const struct invocation *inv)
{
	struct flow_event ev = { .kind = FLOW_EV_DONE, .task = t->number, .request_id = inv->id };
	CLEAN_FAULT struct flow_fault fault = FLOW_FAULT_INIT;

	switch (inv->outcome) {
	case OUTCOME_OK:
		ev.value = flow_function_value(inv->body.ptr, inv->body.len);
		flow_exec_tell(x, &ev);
		json_decref(ev.value);
		return;
	case OUTCOME_THROTTLED:
		fail(x, t->number, "Lambda.TooManyRequestsException", "Rate Exceeded.");
		return;
	case OUTCOME_STOPPED:
		/* the platform ends: it is asked again by who goes on */
		return;
	case OUTCOME_TIMEOUT:
		if (inv->limited) {
			/* the time was the state's, or the execution's: it knows */
			ev = (struct flow_event){ .kind = FLOW_EV_TIME };
			flow_exec_tell(x, &ev);
			return;
		}
		break;
	default:
		break;
	}
	flow_function_fault(inv->body.ptr, inv->body.len, &fault);
	fail(x, t->number, fault.error, fault.cause);
}

static void answered(struct invocation *inv)
{
	struct flow_call *t = inv->ctx;
	struct flow_exec *x = t->exec;

	t->inv = NULL;
	if (!x)
		return;
	forget(t);
	tell_answer(x, t, inv);
}

static void finished(struct invocation *inv)
{
	free(inv->ctx);
}

static struct lfn *find(struct flow_exec *x, const struct flow_action *a)
{
	struct lfn *fn = platform_find(x->flows->platform, str_from(a->function));
	CLEAN_FREE char *cause = NULL;

	if (fn && (!a->qualifier || strcmp(a->qualifier, "$LATEST") == 0))
		return fn;
	cause = xasprintf("Function not found: arn:aws:lambda:%s:%s:function:%s%s%s", x->flows->platform->region,
			  x->flows->platform->account, a->function, a->qualifier ? ":" : "",
			  a->qualifier ? a->qualifier : "");
	fail(x, a->task, "Lambda.ResourceNotFoundException", cause);
	return NULL;
}

/* What the execution has left, on the platform's clock. */
static uint64_t until(int64_t deadline)
{
	int64_t left = deadline - wall_clock() / 1000000;

	if (deadline == FLOW_NEVER)
		return 0;
	return loop_clock() + (left > 0 ? (uint64_t)left * LOOP_MS : 1);
}

void flow_call_give(struct flow_exec *x, const struct flow_action *a)
{
	struct lfn *fn = find(x, a);
	struct flow_call *t;
	struct invocation *inv;

	if (!fn)
		return;
	inv = invocation_new(fn);
	flow_value_dump(a->payload, &inv->event);
	invocation_trace(inv, x->traceparent, NULL, NULL);
	if (a->asynchronous) {
		struct flow_event ev = { .kind = FLOW_EV_DONE, .task = a->task, .request_id = inv->id };

		inv->async = true;
		ev.value = flow_function_value("", 0);
		flow_exec_tell(x, &ev);
		json_decref(ev.value);
		platform_invoke(inv);
		return;
	}
	t = xcalloc(1, sizeof(*t));
	t->exec = x;
	t->number = a->task;
	t->inv = inv;
	VEC_PUSH(&x->tasks, t);
	inv->until = until(a->deadline);
	inv->ctx = t;
	inv->answered = answered;
	inv->finished = finished;
	platform_invoke(inv);
}

void flow_call_cancel(struct flow_exec *x, uint64_t number)
{
	for (size_t i = 0; i < x->tasks.len; i++) {
		struct flow_call *t = x->tasks.ptr[i];

		if (t->number != number)
			continue;
		forget(t);
		/* one that a function has goes on, as it does in the cloud */
		if (t->inv && !t->inv->is_given)
			pool_cancel(t->inv);
		return;
	}
}
