/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_ENGINE_H
#define SLSC_FLOW_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "flow/fault.h"
#include "flow/history.h"
#include "flow/machine.h"

/*
 * The interpreter: an execution is a function of the events it was told, and has no clock, no I/O and no threads. It
 * is started, told what came of its tasks and what time it is, and says through a sink what is to be done. The same
 * start and the same events give the same actions and the same state, so that
 *
 *	the state of an execution is the replay of its journal.
 *
 * Who runs it durably writes each event down before the execution is told it (flow_event_write()), and after a crash
 * starts it again with the same struct flow_start and the events in their order, with a sink that does nothing (or
 * one that gathers the history, which is derived and need not be stored), then tells it FLOW_EV_RESUME, which is
 * journaled like any other: tasks that were under way are given out once more (at least once), with all of their
 * timeout before them. What is no event is no change: an event for a task that is over (flow_execution_awaits()) need
 * not be written.
 *
 * Jitter, States.MathRandom and States.UUID come from flow_start.seed. Times are milliseconds since 1970 UTC; those
 * of the events must not go backwards (an earlier one counts as the latest so far).
 */

#define FLOW_ENGINE_VERSION 1u	     /* of what a journal leads to: one of another version is not replayed */
#define FLOW_STEPS_MAX	    10000u   /* transitions within one event: then flow_execution_due() is 0 */
#define FLOW_EVENTS_MAX	    1000000u /* of a history: what goes beyond fails; in the service it is 25,000 */
#define FLOW_NEVER	    INT64_MAX
#define FLOW_LINES_MAX	    10000u /* branches and iterations at a time: others begin when some are over */
#define FLOW_MAP_RUNNING    40u /* iterations of a Map without MaxConcurrency that run at a time, as in the service */

/** A machine with all of its paths and templates compiled. Immutable: any number of executions and threads use it. */
struct flow_program;
/** flow_program_new - @m is borrowed and has to live longer. NULL with @err ERR_CONFIG, located. */
struct flow_program *flow_program_new(const struct flow_machine *m, struct err *err);
void flow_program_free(struct flow_program *p); /* NULL is fine */
const struct flow_machine *flow_program_machine(const struct flow_program *p);

/** What an execution begins with; all of it has to be the same in a replay. Strings are copied. */
struct flow_start {
	const char *id;			       /* $$.Execution.Id: its ARN */
	const char *name;		       /* $$.Execution.Name */
	const char *role;		       /* $$.Execution.RoleArn */
	const char *machine_id, *machine_name; /* $$.StateMachine */
	const char *region;		       /* NULL: "us-east-1" */
	json_t *input;			       /* borrowed */
	int64_t now;
	int64_t deadline; /* FLOW_NEVER: none. The machine's TimeoutSeconds counts as well: the earlier one ends it */
	uint64_t seed;	  /* any number that no other execution has */
};

/** A function to be called. Borrowed; valid during the call. */
struct flow_invoke {
	uint64_t task; /* its number in this execution: what its events are to name */
	const struct flow_state *state;
	const char *function;
	const char *qualifier; /* NULL: none */
	json_t *payload;
	int64_t deadline;  /* of the task or of the execution, whichever is earlier; FLOW_NEVER: none */
	unsigned attempt;  /* from 0 on: $$.State.RetryCount */
	bool again;	   /* it was given out before, and a crash came between */
	bool asynchronous; /* InvocationType is Event: the task is over when the function has taken it */
};

/** What is to be done. No member may call the execution back. */
struct flow_sink {
	void (*invoke)(void *arg, const struct flow_invoke *task);
	void (*cancel)(void *arg, uint64_t task);		      /* nobody waits for it any more */
	void (*history)(void *arg, const struct flow_history *event); /* NULL: nobody looks, which is cheaper */
	/* bytes of States.Hash, as flow_data.hash; NULL: there is no hash */
	size_t (*hash)(const char *algorithm, const void *p, size_t n, uint8_t out[64]);
	void *arg;
};

enum flow_event_kind {
	FLOW_EV_TIME,	/* it is that late: timers are due, or steps were left */
	FLOW_EV_DONE,	/* @task's function has answered @value */
	FLOW_EV_FAILED, /* @task's function has failed with @error and @cause */
	FLOW_EV_BEAT,	/* @task is alive: its HeartbeatSeconds begin anew */
	FLOW_EV_STOP,	/* StopExecution, with @error and @cause or without */
	FLOW_EV_RESUME, /* after a crash: what is under way is given out once more */
};

struct flow_event {
	enum flow_event_kind kind;
	int64_t now;
	uint64_t task;
	json_t *value; /* borrowed */
	const char *error, *cause;
	const char *version;	/* FLOW_EV_DONE: ExecutedVersion; NULL: "$LATEST" */
	const char *request_id; /* FLOW_EV_DONE; NULL: "" */
};

/** flow_event_write - append @ev to @out as one line of JSON, without a newline. */
void flow_event_write(const struct flow_event *ev, struct buf *out);
/** An event that was read: ev's members live in json. */
struct flow_event_read {
	struct flow_event ev;
	json_t *json;
};
/** flow_event_parse - what flow_event_write() wrote; ERR_FORMAT. To be released after success. */
int flow_event_parse(const char *s, size_t n, struct flow_event_read *out, struct err *err) MUST_CHECK;
void flow_event_release(struct flow_event_read *r);

/** flow_function_value - what a function answered, as a task's result: its JSON, or else its text as a string. */
json_t *flow_function_value(const char *payload, size_t n);
/**
 * flow_function_fault - what a function's error payload ({"errorType":...,"errorMessage":...}) is as an error: its
 * type, or "Lambda.Unknown"; the cause is the payload itself.
 */
void flow_function_fault(const char *payload, size_t n, struct flow_fault *out);

enum flow_status { FLOW_RUNNING, FLOW_SUCCEEDED, FLOW_FAILED, FLOW_TIMED_OUT, FLOW_ABORTED };
/** "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED" */
extern const char *const flow_status_name[];

struct flow_execution;
/** flow_execution_new - and its first steps. @p is borrowed. Never NULL. */
struct flow_execution *flow_execution_new(const struct flow_program *p, const struct flow_start *start,
					  const struct flow_sink *sink);
void flow_execution_free(struct flow_execution *x); /* NULL is fine */
/** flow_execution_tell - an event. False: it changed nothing, as with a task that is over or a timer not yet due. */
bool flow_execution_tell(struct flow_execution *x, const struct flow_event *ev, const struct flow_sink *sink);
/** flow_execution_awaits - whether @task is under way. */
bool flow_execution_awaits(const struct flow_execution *x, uint64_t task);
/** flow_execution_due - when it wants FLOW_EV_TIME: 0 at once, FLOW_NEVER if only a task's event can move it. */
int64_t flow_execution_due(const struct flow_execution *x);
enum flow_status flow_execution_status(const struct flow_execution *x);
/** flow_execution_output - borrowed; NULL unless it is FLOW_SUCCEEDED. */
json_t *flow_execution_output(const struct flow_execution *x);
/** flow_execution_fault - why it is not FLOW_SUCCEEDED; its members may be NULL. */
const struct flow_fault *flow_execution_fault(const struct flow_execution *x);
/** flow_execution_where - the state whose error it is if it is FLOW_FAILED, the innermost; NULL otherwise. */
const struct flow_state *flow_execution_where(const struct flow_execution *x);
int64_t flow_execution_deadline(const struct flow_execution *x);
/** flow_execution_ended - when it was over; 0: it is not. */
int64_t flow_execution_ended(const struct flow_execution *x);
/** flow_execution_events - how many events its history has so far, whoever looks. */
uint64_t flow_execution_events(const struct flow_execution *x);
/** flow_execution_steps - how many states were entered. */
uint64_t flow_execution_steps(const struct flow_execution *x);

#endif
