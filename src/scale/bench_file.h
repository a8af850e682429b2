/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_BENCH_FILE_H
#define SLSC_SCALE_BENCH_FILE_H

#include "scale/spread.h"

/** What `slsc bench --json` has measured, as far as a simulation needs it. Zero-initialised is empty. */
struct bench_file {
	char *function;			/* heap: its name; NULL: unknown */
	struct spread service;		/* from the event given to the answer */
	struct spread cold;		/* from an instance's start until it asks for an event; n is 0 if unknown */
	double cpu;			/* CPU time by what there is in the service time, 0 to 1; 1 if unknown */
	uint64_t memory;		/* bytes of an instance, at its peak; 0: unknown */
	uint64_t limit;			/* bytes that it may use; 0: unknown */
	char arch[16];			/* "" if unknown */
};
#define CLEAN_BENCH_FILE __attribute__((cleanup(bench_file_release)))
#define BENCH_FILE_MAX (16u << 20)	/* bytes */

/**
 * bench_file_read - the load's service time, else that of the cold starts. ERR_IO, ERR_LIMIT; ERR_FORMAT: no JSON of
 * slsc bench, or one in which no call went well.
 */
int bench_file_read(const char *path, struct bench_file *f, struct err *err) MUST_CHECK;
/** bench_file_parse - the same from memory; @shown is for messages. */
int bench_file_parse(struct str text, const char *shown, struct bench_file *f, struct err *err) MUST_CHECK;
void bench_file_release(struct bench_file *f);

#endif
