/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_BENCH_RUN_H
#define SLSC_LOCAL_BENCH_RUN_H

#include "local/bench.h"
#include "local/solo.h"

/** A benchmark of a function: cold starts, then a load. */
struct bench_run {
	struct solo *solo;		/* started; borrowed */
	struct str event;		/* of each call, as solo_invocation() has it; borrowed */
	const struct str *events;	/* instead: each in turn, from the first on; borrowed */
	size_t nevents, sent;		/* 0: ->event; sent: its own */
	uint64_t colds;			/* calls on an instance of their own, one after the other; 0: none */
	struct load_spec load;		/* neither duration nor requests: none; its drain is ours to set */
	/* now and then: @total of @what is all there is to do; of the load, milliseconds. May be NULL */
	void (*progress)(const char *what, uint64_t done, uint64_t total, void *ctx);
	void *ctx;
	/* what was found; result NULL: it has not begun. Borrowed, as long as this */
	struct bench_part found_cold, found_load;
	/* its own */
	struct load cold_calls, load_calls, *now;
	struct loop_timer shown, flush;
	struct asked *first, **last;	/* answered, and to be told */
	struct observer observer;
};

/**
 * bench_run - measure. All that is a fault of the function is a result. ERR_INTR: ended by a signal, and what was
 * measured by then is there; ERR_IO.
 */
int bench_run(struct bench_run *b, struct err *err) MUST_CHECK;
/** bench_run_notes - what a reader must know of the machine and the limits, before solo_end(). */
void bench_run_notes(const struct bench_run *b, struct strs *out);
/** bench_run_release - after solo_end(): what was given up is the platform's until then. Harmless if zeroed. */
void bench_run_release(struct bench_run *b);

#endif
