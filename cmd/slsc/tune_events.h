/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TUNE_EVENTS_H
#define SLSC_TUNE_EVENTS_H

#include "base/arena.h"
#include "config/project.h"

/** The events of a load, in order. */
struct tune_events {
	struct arena arena;
	VEC(struct str) list;
	const char *what; /* "3 events of files", "1,000 events of the generator"; static or in the arena */
};
#define CLEAN_TUNE_EVENTS __attribute__((cleanup(tune_events_release)))
#define TUNE_EVENTS_MAX	  10000u
#define TUNE_EVENTS_BYTES (64u << 20)
#define TUNE_GENERATOR_MS 60000u

void tune_events_release(struct tune_events *e);

/**
 * tune_events_files - JSON, one event a file; a line each where the name ends in .jsonl or .ndjson. ERR_IO, ERR_LIMIT,
 * ERR_FORMAT located.
 */
int tune_events_files(struct tune_events *e, const struct strs *paths, struct err *err) MUST_CHECK;
/**
 * tune_events_generate - what @command, of sh in @dir, prints: an event each line. It has a minute. ERR_FUNCTION: it
 * failed, or printed nothing.
 */
int tune_events_generate(struct tune_events *e, const char *command, const char *dir, struct err *err) MUST_CHECK;
/** tune_events_one - the same one each time; empty: of runtime http, GET / without a body. */
void tune_events_one(struct tune_events *e, struct str event);

#endif
