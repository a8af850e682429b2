/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_START_H
#define SLSC_REPORT_START_H

#include <stdbool.h>
#include <stdint.h>

#include "config/project.h"

/*
 * One cold start: a fresh process, from just before posix_spawn() until its first request is served, by the clock of
 * the machine (CLOCK_MONOTONIC). With the runtime lambda it asks a Runtime API on 127.0.0.1, which has the event ready,
 * and what ends the time is its whole answer; with http it is asked as soon as it listens, and its whole answer ends
 * the time; with none its end does.
 */

struct start_target {
	const char *path;		/* of the program */
	const char *shown;		/* for messages */
	const char *qemu;		/* runs it: a program's path; NULL: none is needed */
	enum runtime runtime;
	const struct lkvs *env;		/* the function's own */
	const char *event;		/* lambda: JSON; http: NULL */
	const char *request;		/* http: the path to ask for, "/" */
	uint64_t timeout_ms;		/* it is killed then; 0: 10 s */
};

struct start_sample {
	uint64_t ns;
	/* once the first request is served, from /proc/PID/smaps_rollup; 0: not known */
	uint64_t rss, pss;		/* bytes */
	bool answered_error;		/* the answer was one of the function's own, or a status of 500 and more */
};

/**
 * start_once - ERR_VERIFY: it did not start, or ended, or answered nothing within its time: "<shown>: exited with
 * status 1 before it served a request"; ERR_TOOL, ERR_IO, ERR_INTR. @want_memory: also read rss and pss, after the time
 * is taken. The process and all that it started are ended before this returns.
 */
int start_once(const struct start_target *t, bool want_memory, struct start_sample *s, struct err *err) MUST_CHECK;

/**
 * start_allocations - how often the program calls malloc, calloc, realloc and the like from its entry point until its
 * first request is served: counted at breakpoints, by ptrace(2). Calls of one by another count once. @debug: the file
 * with a stripped program's symbols, or NULL. *@count: out; *@known: false if a program has no symbols to go by.
 * ERR_TOOL where ptrace is forbidden or the program is of another machine, else as start_once().
 */
int start_allocations(const struct start_target *t, const char *debug, uint64_t *count, bool *known,
		      struct err *err) MUST_CHECK;

/** What the page cache holds of a program. */
enum start_cold { START_COLD, START_WARM_IN_USE, START_WARM_UNKNOWN };
/**
 * start_evict - take the pages of @path out of the page cache, as far as the kernel lets us: pages that another process
 * has mapped stay. *@how: out. START_COLD: none is left, as mincore(2) tells.
 */
int start_evict(const char *path, enum start_cold *how, struct err *err) MUST_CHECK;

#endif
