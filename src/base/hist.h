/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_HIST_H
#define SLSC_BASE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How long things took, in constant memory: a High Dynamic Range histogram (Tene, hdrhistogram.org). Durations in
 * nanoseconds, three significant digits from 1 µs to 1 h: a value is known to 1/1024 of itself, below 2,048 ns exactly.
 * To record is O(1). 270 KB each; not thread-safe.
 *
 * Coordinated omission, the fault of a caller that waits for an answer and so does not ask when it should have, is
 * met in two ways: an open loop records each call from the time it was due, and hist_record() is right as it is; of
 * a closed one what was not asked is filled in by hist_record_corrected() or hist_add_corrected().
 */

#define HIST_MAX 3600000000000ull	/* ns: what took longer counts as that, and in .over */

struct hist {
	uint64_t n;		/* how many */
	uint64_t min, max;	/* exact; 0 if n is 0 */
	uint64_t over;		/* of these, longer than HIST_MAX */
	double sum;		/* ns */
	uint64_t *count;
};
#define CLEAN_HIST __attribute__((cleanup(hist_release)))

/** hist_init - empty; all its memory is taken here. */
void hist_init(struct hist *h);
void hist_release(struct hist *h);
void hist_reset(struct hist *h);

void hist_record(struct hist *h, uint64_t ns);

/** hist_record_series - @ns, @ns - @step, @ns - 2 @step, ...: @n of them. The last is not below 0. Never O(n). */
void hist_record_series(struct hist *h, uint64_t ns, uint64_t step, uint64_t n);

/**
 * hist_record_corrected - @ns of a caller that would have asked each @expected ns: the calls that it left out while it
 * waited would have taken ns - expected, ns - 2 expected, ..., down to expected. 0: nothing is filled in.
 */
void hist_record_corrected(struct hist *h, uint64_t ns, uint64_t expected);

/** hist_add - all of @from, too. */
void hist_add(struct hist *h, const struct hist *from);
/** hist_add_corrected - all of @from, each as hist_record_corrected() does, after the fact. */
void hist_add_corrected(struct hist *h, const struct hist *from, uint64_t expected);

/**
 * hist_percentile - what @p (0 to 100) percent took at most: nearest rank, the greatest value of its bucket, and never
 * more than the greatest that was recorded. 0 for nothing.
 */
uint64_t hist_percentile(const struct hist *h, double p);
double hist_mean(const struct hist *h);
/** hist_at_most - how many took at most @ns, as far as buckets can tell. */
uint64_t hist_at_most(const struct hist *h, uint64_t ns);

/** The buckets that hold something, in order: `struct hist_bucket b = { 0 }; while (hist_next(h, &b)) ...`. */
struct hist_bucket {
	uint64_t from, to;	/* ns, both inclusive */
	uint64_t n;
	size_t next;		/* the iterator's own */
};
bool hist_next(const struct hist *h, struct hist_bucket *b);

#endif
