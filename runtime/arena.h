/* SPDX-License-Identifier: Apache-2.0 */
/* The governor of the arena's retention, apart from the arena so that a test can give it a clock. */
#ifndef SLSC_ARENA_H
#define SLSC_ARENA_H

#include "internal.h"

#define GOVERN_WINDOW 10u	      /* invocations */
#define GOVERN_BASE 16384u	      /* bytes: growth of less is none */
#define GOVERN_THRESHOLD (8u << 20) /* bytes, to begin with and at most */
#define GOVERN_HALVED_MAX 7u	      /* 64 KiB */
#define GOVERN_RISES 3u
#define GOVERN_PAUSE_MS 5000

/**
 * struct slsc_rt_govern - what the last invocations needed; all zero at first.
 * @window:      bytes, and when, modulo 2^32; the newest in the last two places. No time: not that many yet.
 * @changed_ms:  the last change of @halved; 0: none.
 * @halved:      how often the threshold is halved now.
 * @streak:      how many in a row were @rising, or were not.
 */
struct slsc_rt_govern {
	struct {
		uint32_t used;
		uint32_t ms;
	} window[GOVERN_WINDOW + 1];
	uint32_t changed_ms;
	uint32_t halved, streak;
	bool rising;
};

/**
 * slsc_rt_govern_step - an invocation is over.
 * @used:   bytes that it needed, 512 MiB at most.
 * @now_ms: CLOCK_BOOTTIME; never less than before.
 * Returns how many bytes to keep: the most of the window, in steps of 64 KiB, up to the threshold.
 *
 * Growth is from the invocation ten before to this one, in percent of the former (at least 16 KiB) a second. Above
 * 80 %/s three times in a row, the threshold is halved, down to 64 KiB; ten times in a row not above, it is doubled
 * again; 5 s lie between two changes.
 */
size_t slsc_rt_govern_step(struct slsc_rt_govern *g, size_t used, int64_t now_ms);

#endif
