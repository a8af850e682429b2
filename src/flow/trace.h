/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_TRACE_H
#define SLSC_FLOW_TRACE_H

#include "flow/machine.h"

/* Which way an execution went, read from its history as the service's GetExecutionHistory tells it. */

#define FLOW_HISTORY_MAX (64u << 20) /* bytes of a file */

struct flow_trace_state {
	uint64_t entered, exited;
	uint64_t failed; /* attempts of a task that failed or timed out */
	uint64_t ns;	 /* from entering to leaving, all times together */
};
/** A way that was taken; from NULL: the beginning of the machine, branch or processor. */
struct flow_trace_way {
	const struct flow_state *from, *to;
	uint64_t times;
	uint64_t caught; /* of them, because of an error */
};

struct flow_trace {
	char status[16]; /* "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"; "RUNNING" if its end is not there */
	uint64_t ns;	 /* of the whole, as far as it goes */
	struct flow_trace_state *state; /* heap; by flow_state.id */
	struct flow_trace_way *way;	/* heap; sorted by the states' ids */
	size_t nways;
};

/**
 * flow_trace_read - @text: {"events":[...]} or the list alone, in any order, with all events from the first on.
 * ERR_FORMAT: it is none, or of another machine. ERR_LIMIT: it goes round in circles.
 */
int flow_trace_read(struct flow_trace *t, const struct flow_machine *m, const char *shown, const char *text, size_t n,
		    struct err *err) MUST_CHECK;
void flow_trace_release(struct flow_trace *t);
#define CLEAN_FLOW_TRACE __attribute__((cleanup(flow_trace_release)))

/** flow_trace_way - how often the way from @from to @to was taken; NULL: never, or @t is NULL. */
const struct flow_trace_way *flow_trace_way(const struct flow_trace *t, const struct flow_state *from,
					    const struct flow_state *to);
/** flow_trace_times - its times; 0: never. */
uint64_t flow_trace_times(const struct flow_trace *t, const struct flow_state *from, const struct flow_state *to);

#endif
