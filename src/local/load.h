/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_LOAD_H
#define SLSC_LOCAL_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "base/hist.h"
#include "local/loop.h"

/*
 * A load: when calls begin, and what came of them. Of the loop's thread; nothing here blocks, and memory does not grow
 * with the number of calls. Times are nanoseconds.
 *
 * Open loop: calls are due at fixed times, whatever the function does, and a call's latency counts from when it was
 * due: who asks late does not hide that it had to wait. Closed loop: so many callers, each of which asks again when it
 * has its answer; what they leave out while they wait is filled in afterwards, as `corrected`.
 */

#define LOAD_RATE_MAX 1000000u
#define LOAD_CONCURRENCY_MAX 10000u
#define LOAD_OPEN_CONCURRENCY 1000u
#define LOAD_DURATION_MAX (24 * 3600 * LOOP_S)	/* of warm-up and drain, too */
#define LOAD_REQUESTS_MAX 1000000000ull
#define LOAD_DRAIN (5 * LOOP_S)
#define LOAD_COLDS_MAX 10000u	/* cold starts of which each is kept */
#define LOAD_ERRORS_MAX 16u	/* kinds of errors that are told apart */
#define LOAD_ERROR_TEXT 96u

/** All within the limits above. At least one of duration and requests; what is reached first ends it. */
struct load_spec {
	uint32_t rate;		/* calls a second: open loop; 0: closed */
	uint32_t concurrency;	/* closed: callers; open: calls under way at most, 0: LOAD_OPEN_CONCURRENCY */
	uint64_t duration, requests;	/* of what is measured */
	uint64_t warmup;	/* before that, of the same load */
	uint64_t drain;		/* after that: how long answers are waited for; 0: LOAD_DRAIN */
	uint64_t (*clock)(void);	/* NULL: loop_clock() */
};

enum load_outcome {
	LOAD_OK,
	LOAD_FAILED,		/* the function says so: its error, or a status of 500 and more */
	LOAD_TIMEOUT,		/* its own: the platform ended the invocation */
	LOAD_CRASHED,		/* its process ended */
	LOAD_REFUSED,		/* it was not called: 429, an open breaker */
	LOAD_ERROR,		/* the platform's: it does not start, no memory */
	/* the load's own */
	LOAD_ABANDONED,		/* no answer at the end */
	LOAD_UNSENT,		/* due, but as many as may be were under way up to the end */
	LOAD_OUTCOMES
};
extern const char *const load_outcome_name[LOAD_OUTCOMES];	/* "ok", "failed", "timeout", ...: in JSON, too */

/** How a call ended. What is 0 or NULL is not known. */
struct load_answer {
	enum load_outcome outcome;	/* not the load's own ones */
	bool cold;			/* on an instance that was started for it */
	uint64_t init, duration;	/* ns in the function: before the first call, and of this one */
	uint64_t cpu;			/* ns, of this call */
	uint64_t memory;		/* bytes: the instance's peak */
	bool has_allocs;
	uint64_t allocs;		/* calls of the allocator */
	int status;			/* HTTP's */
	const char *error;		/* its type, borrowed */
	uint64_t at;			/* of the clock: when the answer came; 0: now */
};

/** A call under way; what the target is given and gives back. */
struct load_call {
	void *target;		/* the target's own */
	uint64_t due, sent;
	/* the load's own */
	struct load *load;
	struct load_call *next;
	bool busy, counted;
};

/** What is called: two functions of the platform. */
struct load_target {
	/** Begin a call; load_done() once, when it has ended, also from inside of this. */
	void (*start)(struct load_call *call, void *ctx);
	/** Give up a call: no load_done() from here on, not from inside of this either. */
	void (*cancel)(struct load_call *call, void *ctx);
	void *ctx;
};

/** What ended in a second; their latencies. */
struct load_second {
	uint64_t ok, failed, cold;	/* cold: of all these */
	uint64_t p50, p99, max;
};
struct load_cold {
	uint64_t latency, init;
};
struct load_error {
	int status;
	char text[LOAD_ERROR_TEXT];
	uint64_t n;
};

/** Of what was measured; calls of the warm-up are in no member but its own. */
struct load_result {
	bool interrupted;		/* load_stop() */
	uint64_t elapsed;		/* the duration, or up to the last answer if that came later */
	uint64_t calls[LOAD_OUTCOMES];
	uint64_t warmup_calls, warmup_colds;
	uint64_t limited;		/* open: calls that were late since too many were under way */
	struct hist warm, cold;		/* latency of calls that went well */
	struct hist failed;		/* of all others; of those without an answer, up to the end */
	struct hist corrected;		/* closed: of all, as independent callers would have seen; else empty */
	uint64_t expected;		/* closed: the interval it was corrected by, the median */
	struct hist init, duration;	/* in the function; duration: of calls that went well */
	struct hist overhead;	/* warm, well: from sent to answered, without the function's own duration */
	struct hist late;	/* open: how late calls were begun without need, which is this machine's doing */
	struct hist cpu;
	uint64_t memory;		/* the peak */
	/* from when something was due until the next answer that went well: the longest, all of them, how many */
	uint64_t pause, pause_sum, pauses;
	uint64_t allocs, allocs_of;	/* in so many calls */
	VEC(struct load_second) seconds;
	VEC(struct load_cold) colds;	/* in order; that went well */
	struct load_error errors[LOAD_ERRORS_MAX];	/* in the order they came */
	size_t nerrors;
	uint64_t errors_other;		/* of further kinds */
};
/** load_result_calls - of all outcomes. */
uint64_t load_result_calls(const struct load_result *r);
/** load_result_all - latencies of all calls, into @h, which is initialised here. */
void load_result_all(const struct load_result *r, struct hist *h);
void load_result_release(struct load_result *r);
void load_result_init(struct load_result *r);

struct load {
	struct load_spec spec;
	struct load_target target;
	struct load_result result;
	uint64_t next;	/* when load_step() is to be called next, at the latest; UINT64_MAX: it is over */
	uint64_t begun, measured;	/* when it began, when measuring did */
	uint64_t sent, sent_measured, under_way;
	/* open: the number of calls, how many of them are warm-up */
	uint64_t total, total_warmup;
	uint64_t end;			/* open: of what is due */
	uint64_t give_up;	/* when nothing is waited for any more; UINT64_MAX: closed, and still calling */
	uint64_t last;			/* answer */
	uint64_t freed;			/* when there was room again, after there had been none */
	bool full, stepping, over;
	bool waiting;			/* something is due, and nothing has gone well, since ->waiting_from */
	uint64_t waiting_from;
	struct load_call *calls, *free;
	struct hist second;		/* of the one that is under way, seconds.len - 1 */
	/* with a loop */
	struct loop *loop;
	struct loop_io timer;
	uint64_t armed;
	void (*on_over)(struct load *l);
};

void load_init(struct load *l, const struct load_spec *spec, const struct load_target *target);
/** load_release - at any time; load_stop() if it is not over. */
void load_release(struct load *l);

/**
 * load_start - begin, driven by @loop. @over is called once, from the loop; it may release @l. A timerfd(2) of its own:
 * epoll's milliseconds would be a latency that nobody has. ERR_IO.
 */
int load_start(struct load *l, struct loop *loop, void (*over)(struct load *l), struct err *err) MUST_CHECK;
/** load_stop - end it now: calls under way are cancelled and not counted. on_over is not called. */
void load_stop(struct load *l);
/** load_done - from the target, once for each call that it has not been told to cancel. */
void load_done(struct load_call *call, const struct load_answer *a);

/** load_begin, load_step - the same by hand, for another clock: whenever l->next has come. */
void load_begin(struct load *l);
void load_step(struct load *l);

#endif
