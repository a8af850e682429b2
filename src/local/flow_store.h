/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_FLOW_STORE_H
#define SLSC_LOCAL_FLOW_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "local/queue_ops.h"

/*
 * The file of state machines: definitions, executions and what happened to them. Used by one thread at a time. Times:
 * ns since the epoch. Strings of what is read are borrowed from the store until the next call.
 */

struct machine_row {
	struct str name, definition, type, role; /* type: STANDARD, EXPRESS */
	int64_t revision;			 /* of its definition: its key */
	int64_t made, changed;
};

struct execution_row {
	int64_t id, revision;
	struct str machine, name, role, trace, input;
	/* of the interpreter: struct flow_start */
	unsigned engine;
	int64_t seed, deadline;
	struct str output, error, cause; /* when it has ended */
	bool has_output, has_error, has_cause;
	int status; /* enum flow_status of flow/engine.h; 0: it is running */
	int64_t started, stopped;
};

struct event_row {
	int64_t execution, seq, at;
	struct str body;
};

struct flow_store;

/** What module_flow.c gives through late_load("sqlite"). Errors as those of struct queue_ops. */
struct flow_store_ops {
	/** open - or make it; *@next: keys from it on are free, of executions and definitions. */
	struct flow_store *(*open)(const char *path, int64_t *next, struct err *err);
	void (*close)(struct flow_store *s);
	int (*begin)(struct flow_store *s, struct err *err);
	int (*commit)(struct flow_store *s, struct err *err); /* durable when it returns */
	void (*rollback)(struct flow_store *s);
	/* within a transaction; put: in place of one of that key */
	int (*machine_put)(struct flow_store *s, const struct machine_row *m, struct err *err);
	int (*machine_remove)(struct flow_store *s, struct str name, struct err *err);
	int (*execution_put)(struct flow_store *s, const struct execution_row *x, struct err *err);
	int (*execution_end)(struct flow_store *s, const struct execution_row *x, struct err *err);
	int (*event_put)(struct flow_store *s, const struct event_row *e, struct err *err);
	/* anywhere; 1: *@row is filled, 0: there is none */
	int (*definition)(struct flow_store *s, int64_t revision, struct str *text, struct err *err);
	int (*execution)(struct flow_store *s, int64_t id, struct execution_row *x, struct err *err);
	/** find - by its names; @machine empty: any, the one that started last. */
	int (*find)(struct flow_store *s, struct str machine, struct str name, int64_t *id, struct err *err);
	/* each: false: that is enough */
	int (*machines)(struct flow_store *s, bool (*each)(void *ctx, const struct machine_row *m), void *ctx,
			struct err *err);
	/** executions - of @machine (empty: any), those started last first, below @before; @status -1: any. */
	int (*executions)(struct flow_store *s, struct str machine, int status, int64_t before,
			  bool (*each)(void *ctx, const struct execution_row *x), void *ctx, struct err *err);
	int (*events)(struct flow_store *s, int64_t execution, bool (*each)(void *ctx, const struct event_row *e),
		      void *ctx, struct err *err);
	/** expire - forget what ended before @at, and definitions that nothing refers to. Within a transaction. */
	int (*expire)(struct flow_store *s, int64_t at, struct err *err);
};

#endif
