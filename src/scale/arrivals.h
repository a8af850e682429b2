/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_ARRIVALS_H
#define SLSC_SCALE_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "scale/maths.h"

/*
 * When requests come, in nanoseconds from 0: made by a pattern, or as a trace has it. Each request is drawn when it is
 * asked for: what a pattern takes in memory is 8 bytes a second of it.
 */
#define ARRIVALS_MAX	  1000000000ull		/* requests */
#define ARRIVALS_BINS_MAX 10000000u
#define ARRIVALS_RATE_MAX 1000000u		/* a second */
#define ARRIVALS_NEVER	  UINT64_MAX

struct arrivals {
	/* Bins of equal width. Of a pattern: the mean of a Poisson process. Of a trace: how many, exactly. */
	double *bin;
	size_t nbins;
	uint64_t width;		/* ns */
	bool exact;
	/* or each by itself, ascending */
	struct arrival {
		uint64_t at, busy;	/* ns; how long it took, 0: unknown */
	} *each;
	size_t n;

	double busy;		/* ns: how long they took, on average; 0: unknown */

	uint64_t end;		/* no request at or after it */
	uint64_t from;		/* what is before is warm-up */
	uint64_t step;		/* when the load rises; ARRIVALS_NEVER: unknown */
	double peak, after;	/* a second: the most of any bin, and from the step on; 0: unknown */
};
#define CLEAN_ARRIVALS __attribute__((cleanup(arrivals_release)))

enum pattern { PATTERN_STEP, PATTERN_RAMP, PATTERN_DIURNAL, PATTERN_BURST, PATTERN_COUNT };
extern const char *const pattern_name[PATTERN_COUNT + 1];	/* the last is NULL */

struct pattern_spec {
	enum pattern kind;
	double base, rate;	/* a second: without the load, and at its peak */
	uint64_t before;	/* ns at the base rate: warm-up */
	uint64_t duration;	/* ns from there on */
	uint64_t period;	/* ns of PATTERN_DIURNAL; 0: duration */
	uint64_t seed;		/* of when a PATTERN_BURST comes */
};

/** arrivals_make - ERR_USAGE for more than the limits above. */
int arrivals_make(struct arrivals *a, const struct pattern_spec *s, struct err *err) MUST_CHECK;
/** arrivals_finish - of a trace whose bins or times are there: end, peak, and how long requests took. */
void arrivals_finish(struct arrivals *a);
/** arrivals_forget_busy - requests take as long as somebody else says. */
void arrivals_forget_busy(struct arrivals *a);
void arrivals_release(struct arrivals *a);
/** arrivals_expected - how many requests: of a pattern on average. */
double arrivals_expected(const struct arrivals *a);

/** Who asks. */
struct arrivals_cursor {
	const struct arrivals *a;
	struct rng rng;
	size_t i;		/* the next bin, or time */
	uint64_t now;		/* ns */
	double left;		/* exact bins: how many are to come in this one */
	bool open;		/* of bin i */
};
void arrivals_begin(struct arrivals_cursor *c, const struct arrivals *a, uint64_t seed);
/**
 * arrivals_next - when the next one comes, or ARRIVALS_NEVER; *@busy: how long it takes, 0 if the trace does not say.
 */
uint64_t arrivals_next(struct arrivals_cursor *c, uint64_t *busy);

#endif
