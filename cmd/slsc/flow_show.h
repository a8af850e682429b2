/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_SHOW_H
#define SLSC_CMD_FLOW_SHOW_H

#include "cli/opt.h"
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

/** flow_show - the output to stdout, or a line of JSON; @events: a list of the service's, or NULL. */
int flow_show(const struct flow_shown *s, const json_t *events, const struct globals *g, struct err *err) MUST_CHECK;
/** flow_show_failure - why it did not succeed, as an error of ours. Returns -1. */
int flow_show_failure(const struct flow_shown *s, struct err *err);
/** flow_show_events - as text, a line each, its time since the first one. */
void flow_show_events(const json_t *events, struct buf *out);
/** flow_show_event - one of them; *@first: its time, in seconds; 0 for the first. */
void flow_show_event(const json_t *event, double *first, struct buf *out);

/** flow_show_history - all of them: text, or {"events":[...]} as the service's API has it. */
void flow_show_history(const json_t *events, bool json, struct buf *out);
/** flow_show_listed - an execution as a line, or a line of JSON. */
void flow_show_listed(const char *machine, const char *name, const char *status, double started, bool json,
		      struct buf *out);

#endif
