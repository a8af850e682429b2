/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_BREAKER_H
#define SLSC_LOCAL_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What keeps a gateway up while a function behind it is not: a circuit breaker (Nygard, "Release It!", 2nd ed., 5.2), a
 * budget for retries, a limit of the rate. One of each a function; embedded, nothing to release, no clock inside:
 * @now is nanoseconds of CLOCK_MONOTONIC, and never goes back.
 */

/*
 * The rule. Closed, each outcome counts:
 * - BREAKER_FAILURES failures one after the other (a timeout is one) open it for BREAKER_OPEN_FAILED;
 * - more than BREAKER_TIMEOUT_PERCENT of the calls that ended in the last BREAKER_WINDOW being timeouts, if these are
 *   BREAKER_CALLS_MIN or more, open it for BREAKER_OPEN_TIMEOUTS; where both hold, it is for the longer of them.
 * Open, nothing is called. Once its time is over it is half-open: one call at a time is a trial. If that one does
 * well it is closed, and all is forgotten; if not, it is open for the time it was open for before. A call that had been
 * allowed before it opened counts for nothing when it ends.
 */
#define BREAKER_FAILURES 3u
#define BREAKER_TIMEOUT_PERCENT 60u
#define BREAKER_CALLS_MIN 10u
#define BREAKER_SLOTS 10u
#define BREAKER_SLOT 1000000000ull			/* ns */
#define BREAKER_WINDOW (BREAKER_SLOTS * BREAKER_SLOT)	/* slides by a slot: from 9 to 10 s */
#define BREAKER_OPEN_FAILED 30000000000ull
#define BREAKER_OPEN_TIMEOUTS 60000000000ull

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
/* CANCELLED: the caller gave up, which says nothing of the function */
enum breaker_outcome { BREAKER_OK, BREAKER_FAILED, BREAKER_TIMEOUT, BREAKER_CANCELLED };

/** Zero is closed. */
struct breaker {
	bool open;		/* half-open, too: then until is in the past */
	bool trial;		/* one is under way */
	uint32_t round;		/* how often it has changed: what a call was allowed in */
	unsigned failures;	/* one after the other */
	uint64_t until, for_ns;	/* open */
	uint64_t slot;		/* the newest: now / BREAKER_SLOT */
	uint32_t calls[BREAKER_SLOTS], timeouts[BREAKER_SLOTS];
	uint64_t opened, refused;	/* how often, for who shows it */
};

/** What an allowed call hands back at its end. */
struct breaker_call {
	uint32_t round;
	bool trial;
};

enum breaker_state breaker_state(const struct breaker *b, uint64_t now);
/** breaker_allow - whether to call now. True: breaker_done() has to follow, with *@call, whatever becomes of it. */
bool breaker_allow(struct breaker *b, uint64_t now, struct breaker_call *call);
void breaker_done(struct breaker *b, uint64_t now, const struct breaker_call *call, enum breaker_outcome outcome);
/** breaker_wait - ns until a call may be allowed, for Retry-After; 0: now, or as soon as the trial under way ends. */
uint64_t breaker_wait(const struct breaker *b, uint64_t now);
/** breaker_reset - closed, whatever was: the function has been replaced. Calls under way count for nothing. */
void breaker_reset(struct breaker *b);
/** breaker_state_name - "closed", "open", "half-open" */
const char *breaker_state_name(enum breaker_state s);

/*
 * A limit of the rate: a token bucket of @burst, filled by @rate a second. Exact: what is saved is a time, not a
 * fraction (the generic cell rate algorithm, ITU-T I.371). @rate 0: no limit.
 */
struct rate_limit {
	uint64_t each, most;	/* ns a call takes up; how far ahead of now it may be */
	uint64_t full;		/* when the bucket is full again */
};
/** rate_limit_init - @rate calls a second, up to 1,000,000,000; @burst of them at once, at least 1. */
void rate_limit_init(struct rate_limit *r, uint32_t rate, uint32_t burst);
/** rate_limit_take - 0: go on; else nothing is taken, and so many ns have to pass until the next may: Retry-After. */
uint64_t rate_limit_take(struct rate_limit *r, uint64_t now);
/** retry_after_s - ns as Retry-After has it (RFC 9110, 10.2.3): whole seconds, rounded up, at least 1. */
uint64_t retry_after_s(uint64_t ns);

/*
 * How many retries there may be: RETRY_PERCENT of the calls, of which RETRY_SAVED can be saved; and RETRY_MIN a second
 * whatever the calls are, of which RETRY_MIN_SAVED can, so that a function that is seldom called is retried, too.
 */
#define RETRY_PERCENT 20u
#define RETRY_SAVED 100u
#define RETRY_MIN 1u		/* a second */
#define RETRY_MIN_SAVED 10u

/** Zero is fit for use, and has one second's worth. */
struct retry_budget {
	uint64_t tokens;	/* 10^9 make a retry */
	uint64_t filled;	/* when RETRY_MIN was counted last; 0: never */
};
/** retry_call - a first attempt was made. */
void retry_call(struct retry_budget *r, uint64_t now);
/** retry_take - whether one retry may be made; then it is counted. */
bool retry_take(struct retry_budget *r, uint64_t now);

#endif
