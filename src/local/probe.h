/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_PROBE_H
#define SLSC_LOCAL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

/*
 * Warm-up: what is asked when, until each of some targets says that it is ready.
 *
 * A target is cold until its first probe begins, then warming. A status of 200 to 299 makes it ready. 503 says not yet:
 * it is asked again after PROBE_FIRST, then after twice as long each time, up to PROBE_LONGEST. So it is after any
 * other status or none, but PROBE_FAILURES of those, one after the other, make it unhealthy; and so does the end of its
 * time.
 *
 * No clock and no I/O in here: @now is nanoseconds of CLOCK_MONOTONIC. `slsc warm` drives it with threads, by
 * probes_run(); in an event loop: probes_next() for as long as it names one, then a timer for *@wait; probes_done()
 * when a probe has ended, and probes_next() again.
 */

#define PROBE_FIRST 100000000ull	/* ns */
#define PROBE_LONGEST 5000000000ull
#define PROBE_FAILURES 3u
#define PROBES_AT_ONCE 3u
#define PROBES_MAX 1000u
#define PROBE_PATH "/health?ready=1"	/* docs/RUNTIME-HTTP.md */
#define PROBE_HEADER "X-Preheat: 1"
#define PROBE_WHY 160u

enum probe_state { PROBE_COLD, PROBE_WARMING, PROBE_READY, PROBE_UNHEALTHY };

struct probe {
	enum probe_state state;
	bool busy;		/* a probe is under way */
	unsigned attempts;	/* probes that have begun */
	unsigned failures;	/* one after the other */
	int status;		/* of the last answer; 0: none */
	uint64_t begun, next;	/* the first probe; the next one */
	uint64_t delay;		/* before the next one */
	uint64_t took;		/* from the first probe on, until it was ready or unhealthy */
	char why[PROBE_WHY];	/* of the last probe: "status 503", "Connection refused"; "" if it went well */
};

struct probes {
	struct probe *ptr;
	size_t n, under_way, open;	/* open: neither ready nor unhealthy */
	uint64_t timeout;		/* of each, from its first probe on; 0: none */
};

/** probes_init - @n targets, PROBES_MAX at most. */
void probes_init(struct probes *p, size_t n, uint64_t timeout);
void probes_release(struct probes *p);
/**
 * probes_next - the target to probe now, which is marked as being probed; SIZE_MAX: none now, but after *@wait ns, or
 * when a probe has ended (UINT64_MAX: then alone, or never).
 */
size_t probes_next(struct probes *p, uint64_t now, uint64_t *wait);
/** probes_done - the probe of target @i has ended. @status: 0 for no answer, then @why says why not. */
void probes_done(struct probes *p, size_t i, uint64_t now, int status, const char *why);
/** probes_over - all of them are ready or unhealthy. */
bool probes_over(const struct probes *p);
/** probes_count - how many are in state @s. */
size_t probes_count(const struct probes *p, enum probe_state s);
/** probe_state_name - "cold", "warming", "ready", "unhealthy" */
const char *probe_state_name(enum probe_state s);

/* ---- by threads ---- */

struct probes_opts {
	unsigned timeout_s;	/* of each target */
	bool insecure;		/* take any certificate */
	const char *ca_file;	/* PEM, trusted too; or NULL */
	/* each change of a state, from any thread, one at a time */
	void (*changed)(size_t i, const struct probes *p, void *ctx);
	void *ctx;
};

/**
 * probes_urls - what is asked of each of @urls: PROBE_PATH below it, or itself if it has a query. Into @out.
 * ERR_USAGE: no http or https URL, one that names a user, too many of them. ERR_TOOL.
 */
int probes_urls(char *const *urls, size_t n, struct strs *out, struct err *err) MUST_CHECK;
/**
 * probes_run - until probes_over(). @urls: of probes_urls(). Bodies are not kept; redirects are not followed, and are
 * failures. @p is initialised here, and to be released after a failure, too. ERR_INTR, ERR_TOOL, ERR_IO.
 */
int probes_run(struct probes *p, const struct strs *urls, const struct probes_opts *o, struct err *err) MUST_CHECK;

#endif
