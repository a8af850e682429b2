/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_HISTORY_H
#define SLSC_FLOW_HISTORY_H

#include <jansson.h>
#include <stdint.h>

#include "flow/fault.h"
#include "flow/machine.h"

/* What happened in an execution, in the words of the service's GetExecutionHistory (API version 2016-11-23). */

enum flow_history_type {
	FLOW_H_EXECUTION_STARTED,
	FLOW_H_EXECUTION_SUCCEEDED,
	FLOW_H_EXECUTION_FAILED,
	FLOW_H_EXECUTION_TIMED_OUT,
	FLOW_H_EXECUTION_ABORTED,
	FLOW_H_STATE_ENTERED, /* with the state's kind before it: "TaskStateEntered" */
	FLOW_H_STATE_EXITED,
	FLOW_H_STATE_ABORTED, /* of Task, Wait, Parallel and Map, as all below are of one kind */
	FLOW_H_PARALLEL_STARTED,
	FLOW_H_PARALLEL_SUCCEEDED,
	FLOW_H_PARALLEL_FAILED,
	FLOW_H_MAP_STARTED,
	FLOW_H_MAP_SUCCEEDED,
	FLOW_H_MAP_FAILED,
	FLOW_H_ITERATION_STARTED,
	FLOW_H_ITERATION_SUCCEEDED,
	FLOW_H_ITERATION_FAILED,
	FLOW_H_ITERATION_ABORTED,
	FLOW_H_SCHEDULED, /* LambdaFunctionScheduled, or TaskScheduled of lambda:invoke; so with the next four */
	FLOW_H_STARTED,
	FLOW_H_SUCCEEDED,
	FLOW_H_FAILED,
	FLOW_H_TIMED_OUT,
};

/** One event; all of it borrowed, and valid while flow_sink.history() runs. */
struct flow_history {
	enum flow_history_type type;
	uint64_t id, previous;		/* from 1 on; 0: nothing before it */
	int64_t time;			/* milliseconds since 1970 UTC */
	const struct flow_state *state; /* NULL: the execution's own */
	json_t *data;			/* input, output or parameters; NULL: none */
	const struct flow_fault *fault; /* NULL: none */
	const char *resource;		/* FLOW_H_SCHEDULED of a function: its ARN or name as in Resource */
	const char *region, *role;
	uint64_t index;		     /* of an iteration; of FLOW_H_MAP_STARTED, how many there are */
	uint64_t timeout, heartbeat; /* FLOW_H_SCHEDULED: seconds; 0: none */
	unsigned attempt;	     /* FLOW_H_SCHEDULED: retries so far */
};

/** flow_history_name - "TaskStateEntered", "LambdaFunctionScheduled", ...; static. */
const char *flow_history_name(const struct flow_history *h);
/** flow_history_json - as the service's API sends it; timestamp in seconds. A new reference. */
json_t *flow_history_json(const struct flow_history *h);

#endif
