/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_FLOW_JOURNAL_H
#define SLSC_LOCAL_FLOW_JOURNAL_H

#include "local/flow_store.h"
#include "local/loop.h"

/*
 * The thread that has the file of executions. Whatever waits is done in one transaction, so that many share one wait
 * for the disk. All calls and done() are of the loop's thread; none but open and close waits.
 */

struct flow_journal;

/** Something to be done with the file. Embedded in its owner, who may free it in done(). */
struct flow_job {
	/*
	 * in the journal's thread: what the owner has must not change until done(). With @writes, within a transaction,
	 * which fails as a whole: it may then be run again
	 */
	int (*work)(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err);
	/* @err NULL: it is done, and durable; else nothing of it is in the file */
	void (*done)(struct flow_job *op, const struct err *err);
	bool writes;
	/* the journal's own */
	struct flow_job *next;
	bool failed;
	struct err *err;
};

/**
 * flow_journal_open - open or make the file. @who: "slsc flow run", for others. *@next: see flow_store_ops.open.
 * Executions that ended 90 days ago, as long as the service keeps them, are forgotten. ERR_EXISTS: another slsc has it;
 * else as queue_open(). NULL after a failure.
 */
struct flow_journal *flow_journal_open(struct loop *loop, const char *path, const char *who, int64_t *next,
				       struct err *err) MUST_CHECK;
/** flow_journal_close - after all that was asked for is done and told. */
void flow_journal_close(struct flow_journal *j);
void flow_journal_do(struct flow_journal *j, struct flow_job *op);
/** flow_journal_now - do it before this returns, without done(), perhaps before what was asked for earlier. */
int flow_journal_now(struct flow_journal *j, struct flow_job *op, struct err *err) MUST_CHECK;

#endif
