/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_SHOW_H
#define SLSC_CMD_FLOW_SHOW_H

#include "cli/opt.h"
#include "flow_spool.h"
#include "flow/engine.h"

/** What became of an execution. All borrowed. */
struct flow_shown {
	const char *name, *arn, *status;
	struct str output;	   /* JSON */
	const char *error, *cause; /* or NULL */
	double started, stopped;   /* seconds since the epoch */
	bool replayed;		   /* it was not run by this command: it had ended before */
	uint64_t given, again;
};

/** flow_show - the output to stdout, or a line of JSON that ends with @events. */
int flow_show(const struct flow_shown *s, const struct flow_spool *events, const struct globals *g,
	      struct err *err) MUST_CHECK;
/** flow_show_failure - why it did not succeed, as an error of ours. Returns -1. */
int flow_show_failure(const struct flow_shown *s, struct err *err);
/** flow_show_event - an event as a line of text; *@first: the first one's time, in seconds; 0 for the first. */
void flow_show_event(const json_t *event, double *first, struct buf *out);
/** flow_show_listed - an execution as a line, or a line of JSON. */
void flow_show_listed(const char *machine, const char *name, const char *status, double started, bool json,
		      struct buf *out);

#endif
