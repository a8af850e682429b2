/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/history.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "flow/value.h"

#define KINDS(what)                                                                                                    \
	{                                                                                                              \
		"TaskState" what, "PassState" what, "ChoiceState" what, "WaitState" what, "ParallelState" what,        \
			"MapState" what, "SucceedState" what, "FailState" what                                         \
	}

const char *flow_history_name(const struct flow_history *h)
{
	static const char *const entered[FLOW_KINDS] = KINDS("Entered");
	static const char *const exited[FLOW_KINDS] = KINDS("Exited");
	static const char *const aborted[FLOW_KINDS] = KINDS("Aborted");
	static const char *const function[] = { "LambdaFunctionScheduled", "LambdaFunctionStarted",
						"LambdaFunctionSucceeded", "LambdaFunctionFailed",
						"LambdaFunctionTimedOut" };
	static const char *const task[] = { "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskFailed",
					    "TaskTimedOut" };
	static const char *const others[] = {
		[FLOW_H_EXECUTION_STARTED] = "ExecutionStarted",
		[FLOW_H_EXECUTION_SUCCEEDED] = "ExecutionSucceeded",
		[FLOW_H_EXECUTION_FAILED] = "ExecutionFailed",
		[FLOW_H_EXECUTION_TIMED_OUT] = "ExecutionTimedOut",
		[FLOW_H_EXECUTION_ABORTED] = "ExecutionAborted",
		[FLOW_H_PARALLEL_STARTED] = "ParallelStateStarted",
		[FLOW_H_PARALLEL_SUCCEEDED] = "ParallelStateSucceeded",
		[FLOW_H_PARALLEL_FAILED] = "ParallelStateFailed",
		[FLOW_H_MAP_STARTED] = "MapStateStarted",
		[FLOW_H_MAP_SUCCEEDED] = "MapStateSucceeded",
		[FLOW_H_MAP_FAILED] = "MapStateFailed",
		[FLOW_H_ITERATION_STARTED] = "MapIterationStarted",
		[FLOW_H_ITERATION_SUCCEEDED] = "MapIterationSucceeded",
		[FLOW_H_ITERATION_FAILED] = "MapIterationFailed",
		[FLOW_H_ITERATION_ABORTED] = "MapIterationAborted",
	};

	switch (h->type) {
	case FLOW_H_STATE_ENTERED:
		return entered[h->state->kind];
	case FLOW_H_STATE_EXITED:
		return exited[h->state->kind];
	case FLOW_H_STATE_ABORTED:
		return aborted[h->state->kind];
	case FLOW_H_SCHEDULED:
	case FLOW_H_STARTED:
	case FLOW_H_SUCCEEDED:
	case FLOW_H_FAILED:
	case FLOW_H_TIMED_OUT:
		return (h->state->as.task.resource == FLOW_FUNCTION ? function : task)[h->type - FLOW_H_SCHEDULED];
	default:
		return others[h->type];
	}
}

static void set_text(json_t *o, const char *key, const char *s)
{
	if (s)
		flow_value_set(o, key, flow_value_text(s));
}

/* Data is JSON in a string. */
static void set_data(json_t *o, const char *key, const json_t *data)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	json_t *details;

	if (!data)
		return;
	flow_value_dump(data, &text);
	flow_value_set(o, key, json_stringn(text.ptr, text.len));
	details = flow_value_must(json_object());
	flow_value_set(details, "truncated", json_false());
	flow_value_set(o, !strcmp(key, "input") ? "inputDetails" : "outputDetails", details);
}

static void set_fault(json_t *o, const struct flow_fault *f)
{
	if (f)
		set_text(o, "error", f->error);
	if (f)
		set_text(o, "cause", f->cause);
}

static void set_scheduled(json_t *o, const struct flow_history *h, bool function)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (function) {
		set_text(o, "resource", h->resource);
		set_data(o, "input", h->data);
	} else {
		flow_value_dump(h->data, &text);
		flow_value_set(o, "parameters", json_stringn(text.ptr, text.len));
		set_text(o, "region", h->region);
	}
	if (h->timeout)
		flow_value_set(o, "timeoutInSeconds", json_integer((json_int_t)h->timeout));
	if (h->heartbeat && !function)
		flow_value_set(o, "heartbeatInSeconds", json_integer((json_int_t)h->heartbeat));
}

/* The details, and what their member is called: "" if the event has none. */
static const char *details(const struct flow_history *h, json_t *o, char name[80])
{
	bool task = h->type >= FLOW_H_SCHEDULED, function = task && h->state->as.task.resource == FLOW_FUNCTION;
	const char *what = flow_history_name(h);

	if (task && !function) {
		set_text(o, "resourceType", "lambda");
		set_text(o, "resource", "invoke");
	}
	switch (h->type) {
	case FLOW_H_STATE_ENTERED:
	case FLOW_H_STATE_EXITED:
		set_text(o, "name", h->state->name);
		set_data(o, h->type == FLOW_H_STATE_ENTERED ? "input" : "output", h->data);
		return h->type == FLOW_H_STATE_ENTERED ? "stateEnteredEventDetails" : "stateExitedEventDetails";
	case FLOW_H_EXECUTION_STARTED:
		set_data(o, "input", h->data);
		set_text(o, "roleArn", h->role);
		break;
	case FLOW_H_EXECUTION_SUCCEEDED:
	case FLOW_H_SUCCEEDED:
		set_data(o, "output", h->data);
		break;
	case FLOW_H_MAP_STARTED:
		flow_value_set(o, "length", json_integer((json_int_t)h->index));
		break;
	case FLOW_H_ITERATION_STARTED:
	case FLOW_H_ITERATION_SUCCEEDED:
	case FLOW_H_ITERATION_FAILED:
	case FLOW_H_ITERATION_ABORTED:
		set_text(o, "name", h->state->name);
		flow_value_set(o, "index", json_integer((json_int_t)h->index));
		break;
	case FLOW_H_SCHEDULED:
		set_scheduled(o, h, function);
		break;
	case FLOW_H_STARTED:
		if (function)
			return "";
		break;
	case FLOW_H_EXECUTION_FAILED:
	case FLOW_H_EXECUTION_TIMED_OUT:
	case FLOW_H_EXECUTION_ABORTED:
	case FLOW_H_FAILED:
	case FLOW_H_TIMED_OUT:
		set_fault(o, h->fault);
		break;
	default:
		return "";
	}
	snprintf(name, 80, "%c%sEventDetails", what[0] | 32, what + 1);
	return name;
}

json_t *flow_history_json(const struct flow_history *h)
{
	json_t *o = flow_value_must(json_object()), *inner = flow_value_must(json_object());
	char buf[80];
	const char *name = details(h, inner, buf);

	flow_value_set(o, "timestamp", json_real((double)h->time / 1000));
	set_text(o, "type", flow_history_name(h));
	flow_value_set(o, "id", json_integer((json_int_t)h->id));
	flow_value_set(o, "previousEventId", json_integer((json_int_t)h->previous));
	if (name[0])
		flow_value_set(o, name, inner);
	else
		json_decref(inner);
	return o;
}
