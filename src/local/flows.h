/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_FLOWS_H
#define SLSC_LOCAL_FLOWS_H

#include "flow/engine.h"
#include "local/flow_journal.h"
#include "local/platform.h"

/*
 * State machines and their executions on a platform: tasks are invocations of its functions, time is the loop's. What
 * an execution is told is in the journal, durable, before anything is done because of it: after a kill -9 it goes on
 * where it was; a task whose answer had not come is asked once more (at least once), one whose answer had is not.
 * Executions of type EXPRESS, and all without a journal, live in memory alone.
 *
 * All calls and callbacks are of the loop's thread.
 */

#define FLOWS_RUNNING_MAX 100000u /* executions at once */
#define FLOWS_NAME_MAX	  80u	  /* of machines and executions */

/** A state machine, as one of its revisions has it. */
struct flow_def {
	unsigned refs;
	char *name, *arn, *role; /* role: an ARN */
	char *text;		 /* the definition, as it was given */
	bool express;
	int64_t revision;      /* 0: it is not in the journal */
	int64_t made, changed; /* ns since the epoch */
	struct flow_machine machine;
	struct flow_program *program;
};

struct flow_exec;
struct flow_call;
struct flow_action;

/** An event in the journal. */
struct flow_line {
	int64_t seq, at;
	char *text;
	size_t len;
};

struct flows {
	struct platform *platform;
	struct flow_journal *journal; /* NULL: nothing is kept */
	int64_t next;		      /* the next key in it */
	VEC(struct flow_def *) defs;  /* what can be started; one a name */
	VEC(struct flow_def *) old;   /* other revisions that executions have */
	struct flow_exec *first;      /* those that are running */
	size_t running;
	bool closing;
	bool serving; /* the loop runs: nothing waits for the journal */
	/* a task is asked once more, since a crash came between; may be NULL */
	void (*again)(void *ctx, const struct flow_exec *x, const char *state, const char *function);
	void (*ended)(void *ctx, const struct flow_exec *x); /* durably; may be NULL */
	/* the journal cannot be written: told once, until it can; may be NULL */
	void (*trouble)(void *ctx, const struct err *err);
	void *ctx;
	bool troubled;
};

/** flows_open - @path: the journal's file, NULL: none. As flow_journal_open(). flows_close() also after a failure. */
int flows_open(struct flows *f, struct platform *p, const char *path, const char *who, struct err *err) MUST_CHECK;
/** flows_close - what runs is left as it is; harmless if zeroed. Before the platform is released. */
void flows_close(struct flows *f);

/** flows_name_ok - whether it can be a machine's or an execution's name. */
bool flows_name_ok(const char *name);

/**
 * flow_def_new - read a definition. @shown: for messages; @known: or NULL. ERR_CONFIG located. One reference; NULL
 * after a failure, with @found (to be released) what is wrong with it.
 */
struct flow_def *flow_def_new(struct flows *f, const char *name, const char *shown, const char *text, size_t n,
			      bool express, const char *role, const struct flow_known *known,
			      struct flow_problems *found, struct err *err) MUST_CHECK;
struct flow_def *flow_def_ref(struct flow_def *d);
void flow_def_unref(struct flow_def *d); /* NULL is fine */

/** flows_find - what can be started by that name, or NULL; borrowed. */
struct flow_def *flows_find(const struct flows *f, struct str name);

struct flow_define {
	struct flow_job op;
	struct flows *flows;
	struct flow_def *def; /* NULL: it is to be removed */
	char *name;
	void (*done)(struct flow_define *d, const struct err *err); /* frees @d */
};
/**
 * flows_put - have @d->def, of which the caller keeps a reference until then, in place of what has its name. With a
 * journal @d->done is called when that is durable; without one before this returns.
 */
void flows_put(struct flows *f, struct flow_define *d);
/** flows_put_now - the same, waiting for it, before the loop runs; @def is taken over. */
int flows_put_now(struct flows *f, struct flow_def *def, struct err *err) MUST_CHECK;
/** flows_load - take what the journal has of machines; before the loop runs. */
int flows_load(struct flows *f, struct err *err) MUST_CHECK;

/* ---- executions ---- */

/** Why an execution did not start: one of its name is there. */
struct flow_there {
	int64_t id;	 /* 0: none */
	bool same;	 /* its input is the same, byte by byte */
	int status;	 /* enum flow_status */
	int64_t started; /* ns since the epoch */
};

struct flow_begin {
	const char *name;		/* NULL: a new one */
	struct str input;		/* JSON */
	const char *traceparent, *xray; /* the caller's trace; or NULL */
	uint64_t timeout_ms;		/* of the execution; 0: the machine's alone */
	/*
	 * it is durable (@there NULL), or was not started: @there or @err. Then @x is gone after this. Called once,
	 * also before flows_start() returns; may be NULL
	 */
	void (*started)(struct flow_exec *x, const struct flow_there *there, const struct err *err);
	void (*over)(struct flow_exec *x); /* it has ended, durably; gone after this; may be NULL */
	void (*history)(struct flow_exec *x, const struct flow_history *h); /* or NULL */
	void *ctx;
};

/** Who waits for the end of an execution; embedded in its owner, who may free it when it is called. */
struct flow_waiter {
	/* @x NULL: it was left as it is, since the platform ends */
	void (*over)(struct flow_waiter *w, const struct flow_exec *x);
	struct flow_waiter *next;
};

struct flow_exec {
	struct flows *flows;
	struct flow_waiter *waiters;
	struct flow_def *def;
	int64_t id; /* 0: it is in memory alone */
	char *name, *arn;
	char *traceparent; /* of the execution's own span */
	uint8_t caller[8]; /* the span that it is below; zero: none, or not known any more */
	struct buf input;
	int64_t started; /* ns since the epoch */
	struct flow_execution *engine;
	struct flow_begin begin; /* its callbacks; name and input are not kept */
	uint64_t given, again;	 /* tasks that were given out, and how many of them not for the first time */
	/* the rest is flow_exec.c's */
	struct flow_exec *prev, *next;
	int64_t seed, deadline, seq;
	struct flow_job op;
	bool put, flying, told, replayed, over;
	VEC(struct flow_line) rows, flown;
	VEC(struct flow_action) todo, ready;
	VEC(struct flow_call *) tasks;
	struct loop_timer timer, retry;
	struct flow_sink sink;
	struct flow_there there;
	struct buf output;
};

/** flows_start - of @d. ERR_FORMAT: the input is no JSON; ERR_LIMIT: it is too large, or too many are running. */
int flows_start(struct flows *f, struct flow_def *d, const struct flow_begin *b, struct err *err) MUST_CHECK;
/** flow_exec_stop - StopExecution; either may be NULL. */
void flow_exec_stop(struct flow_exec *x, const char *error, const char *cause);
/** flow_exec_wait - have @w called when it has ended, durably. */
void flow_exec_wait(struct flow_exec *x, struct flow_waiter *w);
/** flows_running - by its ARN, or NULL. */
struct flow_exec *flows_running(const struct flows *f, struct str arn);

/** An execution as the journal has it; strings are its own. */
struct flow_stored {
	int64_t id, revision, started, stopped, seed, deadline;
	unsigned engine;
	int status;
	char *machine, *name, *role, *trace;
	struct buf input, output, error, cause;
	bool has_output, has_error, has_cause;
	char *definition; /* NULL unless asked for */
	size_t definition_len;
	VEC(struct flow_line) events; /* likewise */
};
void flow_stored_take(struct flow_stored *s, const struct execution_row *x);
void flow_stored_release(struct flow_stored *s);
/** flow_stored_read - @id with its definition and events; 1, or 0: there is none. In the journal's thread. */
int flow_stored_read(struct flow_stored *s, const struct flow_store_ops *ops, struct flow_store *store, int64_t id,
		     struct err *err) MUST_CHECK;

/**
 * flows_resume - go on with @s, which is running by the journal and not here. @b: its callbacks. ERR_CONFIG: its
 * definition cannot be read any more; ERR_FORMAT: its events.
 */
int flows_resume(struct flows *f, const struct flow_stored *s, const struct flow_begin *b, struct err *err) MUST_CHECK;
/** flows_resume_all - before the loop runs. *@n: so many. What cannot go on is told by @failed, and left as it is. */
int flows_resume_all(struct flows *f, size_t *n, void (*failed)(const char *name, const struct err *err),
		     struct err *err) MUST_CHECK;
/** flows_replay - tell @history what happened in @s. */
int flows_replay(struct flows *f, const struct flow_stored *s, void (*history)(void *ctx, const struct flow_history *h),
		 void *ctx, struct err *err) MUST_CHECK;

/** flow_exec_arn - heap. */
char *flow_exec_arn(const struct platform *p, const char *machine, const char *name);

/* ---- between its own files ---- */

enum flow_action_kind { ACTION_INVOKE, ACTION_CANCEL };
struct flow_action {
	enum flow_action_kind kind;
	uint64_t task;
	char *function, *qualifier, *state;
	json_t *payload;
	int64_t deadline;
	bool again, asynchronous;
};

/** A task that was given to a function. */
struct flow_call {
	struct flow_exec *exec; /* NULL: nobody waits for it */
	uint64_t number;
	struct invocation *inv;
};

/** flow_call_give - a->payload and strings stay the caller's. */
void flow_call_give(struct flow_exec *x, const struct flow_action *a);
void flow_call_cancel(struct flow_exec *x, uint64_t number);
/** flow_exec_tell - an event; what it leads to is done when it is durable. */
void flow_exec_tell(struct flow_exec *x, struct flow_event *ev);
/** flow_exec_drop - it is left as it is. */
void flow_exec_drop(struct flow_exec *x);
/** flow_hash - for flow_sink.hash. */
size_t flow_hash(const char *algorithm, const void *p, size_t n, uint8_t out[64]);

#endif
