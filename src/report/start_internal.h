/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_START_INTERNAL_H
#define SLSC_REPORT_START_INTERNAL_H

#include <poll.h>

#include "base/buf.h"
#include "base/vec.h"
#include "report/start.h"

/* What start.c and start_trace.c share. */

struct conn {
	bool used;
	int fd;
	struct buf in;
};

struct process {
	const struct start_target *target;
	const char *argv[3];
	struct strs env;
	pid_t pid;
	int pidfd, listener;
	uint16_t port;
	bool reaped, given, answered_error;
	bool traced;			/* another thread waits for it: pidfd is an eventfd, wstatus how it ended */
	int wstatus;
	uint64_t begun, served;		/* ns, CLOCK_MONOTONIC */
	struct conn conns[8];
};

/** process_ready - all but the process itself; process_end() also after a failure. */
int process_ready(struct process *pr, const struct start_target *t, struct err *err) MUST_CHECK;
/** start_now - ns, CLOCK_MONOTONIC. */
uint64_t start_now(void);
int process_serve(struct process *pr, struct err *err) MUST_CHECK;
/** process_wait - poll() until something comes; ERR_VERIFY once the target's time is over. */
int process_wait(struct process *pr, struct pollfd *p, nfds_t n, struct err *err) MUST_CHECK;
void process_end(struct process *pr);

#endif
