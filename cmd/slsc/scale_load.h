/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_LOAD_H
#define SLSC_SCALE_LOAD_H

#include "cli/opt.h"
#include "scale/arrivals.h"

/** The load that `slsc scale` simulates or learns from: options and what they come to. First member of a context. */
struct scale_load {
	const char *pattern, *trace, *format, *only, *duration, *before, *period, *interval, *base;
	unsigned rate, seed;
};

#define SCALE_LOAD_AT(member) offsetof(struct scale_load, member)
#define SCALE_LOAD_OPTS                                                                                                \
	{ OPT_GROUP, .help = "The load" },                                                                             \
	{ OPT_CHOICE, 'l', "load", SCALE_LOAD_AT(pattern), .arg = "PATTERN", .choices = pattern_name,                  \
	  .help = "step (default), ramp, diurnal or burst: how requests come" },                                       \
	{ OPT_UINT, 'r', "rate", SCALE_LOAD_AT(rate), .arg = "R", .min = 1, .max = ARRIVALS_RATE_MAX,                  \
	  .help = "requests a second at its peak (default: 3000)" },                                                   \
	{ OPT_STR, .long_name = "base", .offset = SCALE_LOAD_AT(base), .arg = "R",                                     \
	  .help = "requests a second without it (default: a tenth of --rate)" },                                       \
	{ OPT_STR, 'd', "duration", SCALE_LOAD_AT(duration), .arg = "TIME",                                            \
	  .help = "how long it lasts: 5min, 1h (default: 5min)" },                                                     \
	{ OPT_STR, .long_name = "before", .offset = SCALE_LOAD_AT(before), .arg = "TIME",                              \
	  .help = "of the base rate, before it (default: 1min)" },                                                     \
	{ OPT_STR, .long_name = "period", .offset = SCALE_LOAD_AT(period), .arg = "TIME",                              \
	  .help = "of the diurnal pattern (default: --duration)" },                                                    \
	{ OPT_STR, 't', "trace", SCALE_LOAD_AT(trace), .arg = "FILE", .complete = COMPLETE_FILE,                       \
	  .help = "requests as a CSV file has them, instead of a pattern" },                                           \
	{ OPT_CHOICE, .long_name = "trace-format", .offset = SCALE_LOAD_AT(format), .arg = "FORMAT",                   \
	  .choices = trace_format_name,                                                                                \
	  .help = "auto (default), counts, times, azure-2019 or azure-2021" },                                         \
	{ OPT_STR, .long_name = "only", .offset = SCALE_LOAD_AT(only), .arg = "HASH",                                  \
	  .help = "of a trace of Azure: this function or app alone" },                                                 \
	{ OPT_STR, .long_name = "interval", .offset = SCALE_LOAD_AT(interval), .arg = "TIME",                          \
	  .help = "how often a policy looks (default: 1s)" },                                                          \
	{ OPT_UINT, .long_name = "seed", .offset = SCALE_LOAD_AT(seed), .arg = "N", .min = 1,                          \
	  .help = "of all chance: the same gives the same bytes (default: 1)" }

#define SCALE_INTERVAL_MIN 10000000ull		/* ns */
#define SCALE_INTERVAL_MAX 3600000000000ull

/** scale_load_time - an option's time in ns, within @least and @most. ERR_USAGE. */
int scale_load_time(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ns,
		    struct err *err) MUST_CHECK;
/** scale_load_text - "5 min", "90 s", "1.5 s" */
void scale_load_text(uint64_t ns, struct buf *out);
/** scale_load_make - @what: for the reader. ERR_USAGE, and what arrivals and traces say. */
int scale_load_make(const struct scale_load *l, struct arrivals *a, struct buf *what, struct err *err) MUST_CHECK;
/** scale_load_interval - how often a policy looks, in ns. */
int scale_load_interval(const struct scale_load *l, const struct arrivals *a, uint64_t *ns, struct err *err) MUST_CHECK;
uint64_t scale_load_seed(const struct scale_load *l);

#endif
