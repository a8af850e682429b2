/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_COMMAND_H
#define SLSC_SCALE_COMMAND_H

#include "base/buf.h"
#include "scale/policy.h"

/*
 * A policy that is a program of the user's. It is started once, gets a line of JSON on its standard input for each
 * interval, and answers each with a line of JSON on its standard output. What it writes to standard error is the user's
 * to see.
 *
 *   > {"now":61,"interval":1,"arrivals":300,"done":298,"busy_seconds":6.02,"up_seconds":12,"cpu_seconds":6.02,
 *      "queue":0,"idle":6,"busy":6,"starting":0}
 *   < {"want":12}
 */
#define POLICY_LINE_MAX	       4096u		/* bytes of an answer */
#define POLICY_ANSWER_TIME     5000000000ull	/* ns: how long an answer may take, if nobody says */

/** policy_command_line - what it is told, with the newline. */
void policy_command_line(const struct policy_seen *seen, struct buf *out);
/** policy_command_answer - from one line without its newline. ERR_FUNCTION. */
int policy_command_answer(struct str line, uint32_t *want, struct err *err) MUST_CHECK;

struct policy_command;
/** policy_command_start - `sh -c @text`. Two at once do not meet. ERR_IO. */
struct policy_command *policy_command_start(const char *text, uint64_t answer_ns, struct err *err) MUST_CHECK;
/** policy_command_ask - waits. ERR_FUNCTION: it has ended, is late, or says what is no answer. ERR_INTR. */
int policy_command_ask(struct policy_command *c, const struct policy_seen *seen, uint32_t *want,
		       struct err *err) MUST_CHECK;
/**
 * policy_command_end - its standard input ends; if it does not end by that in a second, it and its group are killed.
 */
void policy_command_end(struct policy_command *c);

#endif
