/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_TUNE_H
#define SLSC_LOCAL_TUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "config/project.h"
#include "local/load.h"
#include "report/claims.h"
#include "scale/price.h"

/*
 * A sweep: axes, each with the values to try; a row for each setting, which is one value of each axis; samples, one for
 * each repeat of a row; and what may be concluded of them. Nothing here measures (local/tune_run.h does), and all of it
 * is a function of its arguments: the order of measuring is drawn from a seed.
 */

#define TUNE_AXES_MAX	  16u
#define TUNE_SETTINGS_MAX 1024u
#define TUNE_REPEATS_MAX  100u
#define TUNE_FULL                                                                                                      \
	16u /* settings of which each is measured to the end; of more, the worse half is dropped again and again */
#define TUNE_FINAL	8u   /* until there are so few */
#define TUNE_P		0.05 /* two settings differ if chance does it less often (stats_rank_test()) */
#define TUNE_TELLING	4u   /* repeats, at least, for that ever to be so */
#define TUNE_FAILED_MAX 0.01 /* of the calls of a setting that may be chosen */
#define TUNE_NONE	SIZE_MAX

enum tune_kind { TUNE_MEMORY, TUNE_CPU, TUNE_WORKERS, TUNE_RETENTION, TUNE_PROFILE, TUNE_ENV, TUNE_DEFINE };

struct tune_value {
	const char *text; /* as shown: "256 MB", "50 %", "4", "fast" */
	uint64_t number;  /* bytes, thousandths, percent; else 0 */
};
struct tune_axis {
	enum tune_kind kind;
	const char *name; /* "memory", "workers", "profile"; of env and defines the variable's or macro's */
	struct tune_value *value;
	size_t n;
};

/** One repeat of one setting. Nanoseconds and bytes; 0: not known. */
struct tune_sample {
	uint64_t calls, failed;
	double p50, p99;	  /* of all calls */
	double pause, pause_mean; /* the longest gap in served requests, and the mean one */
	double cpu;		  /* of a call */
	double cold;		  /* a cold start: the median */
	double cost;		  /* of a million calls */
	uint64_t memory;	  /* the peak */
};

/** Medians of the samples; memory: the peak of all. */
struct tune_figures {
	double p50, p99, p99_low, p99_high; /* low, high: the least and the greatest of the repeats */
	double pause, pause_mean;	    /* longest of all repeats; the mean of each repeat's longest */
	double cpu, cold, cost;
	uint64_t memory;
	double failed; /* of the calls, 0 to 1 */
};

struct tune_row {
	VEC(struct tune_sample) samples;
	const char *failed; /* why there is no more of it: "never got ready: ..."; NULL */
	size_t dropped;	    /* after so many repeats, as one of the worse half; 0: it was not */
	/* by tune_judge() */
	struct tune_figures is; /* if it has samples */
	bool fit;		/* measured to the end, and few of its calls failed: it may be chosen */
	bool front;		/* no other that is fit is better in p99 or cost and not worse in the other */
	bool chosen, equal;	/* equal: neither its p99 nor its cost differ from the chosen one's */
	char group[8];		/* letters: fit rows that share one do not differ in p99 */
};

enum tune_strategy { TUNE_COST, TUNE_SPEED, TUNE_BALANCED };
extern const char *const tune_strategy_name[]; /* "cost", "speed", "balanced", NULL */

/** All strings are in the arena, or outlive it. */
struct tune {
	struct arena arena;
	const char *project, *function, *version; /* of slsc */
	const char *machine;			  /* "Linux 6.1.0, 2 × Intel(R) Xeon(R) ..." */
	const char *load;   /* "open loop: 100 calls a second for 2 s, after 500 ms of warm-up; 3 events" */
	const char *prices; /* "lambda x86_64 in us-east-1, USD, of 2025-06-01" */
	const char *currency;
	struct tune_axis axis[TUNE_AXES_MAX];
	size_t naxes;
	struct tune_row *row; /* tune_rows() */
	size_t nrows;
	enum tune_strategy strategy;
	size_t repeats;
	uint64_t seed;
	bool halving;  /* else all of them are measured to the end */
	bool guide;    /* the guide's table is shown, too, */
	const struct claims *claims; /* and what is claimed of it; borrowed */
	size_t chosen; /* TUNE_NONE: none is fit */
	struct strs notes;
};
void tune_release(struct tune *t);
#define CLEAN_TUNE __attribute__((cleanup(tune_release)))

/* ---- tune_plan.c: what is measured, and when ---- */

/** tune_add - one more axis, without values yet; NULL: there are TUNE_AXES_MAX. @n: room for so many. */
struct tune_axis *tune_add(struct tune *t, enum tune_kind kind, const char *name, size_t n);
/** tune_rows - make the rows, one for each setting; how many: 0, and no rows, above TUNE_SETTINGS_MAX. */
size_t tune_rows(struct tune *t);
/** tune_value_of - the last axis changes fastest. */
const struct tune_value *tune_value_of(const struct tune *t, size_t row, size_t axis);
/** tune_row_text - "memory 256 MB, workers 4" */
void tune_row_text(const struct tune *t, size_t row, struct buf *out);

/**
 * tune_round - the rows to measure in @repeat (0 to repeats - 1), in an order drawn for it alone: what changes with
 * time meets each setting at another place. Into @order, of nrows; how many. Failed and dropped ones are left out.
 */
size_t tune_round(const struct tune *t, size_t repeat, size_t *order);
/** tune_halve - after @repeats of them: with halving, drop the worse half by the strategy. How many were dropped. */
size_t tune_halve(struct tune *t, size_t repeats);
/** tune_measurements - how many samples there will be, if none fails. */
size_t tune_measurements(const struct tune *t);

/* ---- tune_judge.c: what came of it ---- */

/** tune_billed - what is charged for a call on average, ns: each in whole milliseconds. 0 of none. */
double tune_billed(const struct hist *duration);
/** tune_cost - of a million calls of so many @billed ns with @memory bytes. */
double tune_cost(const struct price *p, double billed, uint64_t memory);
/** tune_figures - of @r's samples; all 0 if there are none. */
void tune_figures(const struct tune_row *r, struct tune_figures *out);
/** tune_judge - figures, the front, groups, the choice: by what is measured so far. */
void tune_judge(struct tune *t);

/* ---- tune_axes.c: from slsc.yaml and the command line ---- */

/** What the settings must fit into. */
struct tune_machine {
	uint64_t memory; /* bytes; 0: not known */
	unsigned cpus;
	bool cpu_limited;	  /* whether shares of a CPU are kept to */
	const char *lacks, *hint; /* quota.lacks, quota.hint */
};
/**
 * tune_axes - the axes of @def, checked: what cannot be is ERR_CONFIG, located; ERR_USAGE where it stands in no file
 * (line 0). Of no axis at all: memory.
 */
int tune_axes(struct tune *t, const struct project *p, const struct function *f, const struct tune_def *def,
	      const struct tune_machine *m, struct err *err) MUST_CHECK;
/** tune_set - @f as the setting has it; what is new is in @t's arena. *@profile: its name, NULL: the project's. */
void tune_set(struct tune *t, size_t row, struct function *f, const char **profile);

/* ---- tune_apply.c ---- */

/**
 * tune_apply - write the choice into @p's slsc.yaml, as text (config/edit.h): whole or not at all. @f: as it is read,
 * not as it was measured. @told: a line for each change, or that there is none. ERR_FUNCTION: nothing is chosen.
 */
int tune_apply(const struct tune *t, const struct project *p, const struct function *f, struct strs *told,
	       struct err *err) MUST_CHECK;

/* ---- tune_print.c and others: its forms ---- */

enum tune_format { TUNE_TEXT, TUNE_JSON, TUNE_CSV, TUNE_HTML };
/** tune_print - appended to @out; color and width: of TUNE_TEXT. */
void tune_print(const struct tune *t, enum tune_format format, bool color, int width, struct buf *out);

/* what the forms share */
#define TUNE_TEXT_MAX 48
/** tune_money_text - of a million calls: "2.14", "0.200"; three digits. */
const char *tune_money_text(double v, char *text, size_t cap);
/** tune_spread - of p99: from the least to the greatest of the repeats, as a part of the median. */
double tune_spread(const struct tune_figures *f);
/** tune_told - what is said of the whole: the choice, what is equal to it, what was left out. */
void tune_told(const struct tune *t, struct strs *out);
/** tune_claims - what is claimed of the guide's table, beside what was measured; all in @a. How many. */
size_t tune_claims(const struct tune *t, struct arena *a, struct cmp_claim **out);
void tune_print_text(const struct tune *t, bool color, int width, struct buf *out);
void tune_print_json(const struct tune *t, struct buf *out);
void tune_print_csv(const struct tune *t, struct buf *out);
void tune_print_html(const struct tune *t, struct buf *out);

#endif
