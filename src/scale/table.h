/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_TABLE_H
#define SLSC_SCALE_TABLE_H

#include "base/buf.h"
#include "report/claims.h"
#include "scale/price.h"
#include "scale/sim.h"

/* One load, simulated with each policy: what `slsc scale simulate` prints. */

#define TABLE_ROWS (POLICY_COUNT + FORECAST_COUNT)

struct table_row {
	char name[32];			/* "fixed", "cpu", "forecast ar" */
	struct policy_spec policy;
	struct sim_result r;
	double cost;			/* of all of the load's time, warm-up included */
	bool forecasts;			/* then: how good its forecasts of requests a second were */
	struct forecast_error error;
};

struct table {
	/* set by the caller, borrowed */
	struct sim_spec sim;
	const char *load, *service, *cold;	/* for the reader: "step: 300 requests a second for 60 s, then ..." */
	const char *version;
	uint64_t memory, measured;	/* bytes of an instance: configured; used at its peak, 0: unknown */
	const struct price *price;
	const struct prices *prices;
	const struct claims *claims;	/* what others claim of it; NULL: nothing */
	uint64_t goal;			/* ns that p99 is to stay below; 0: none */
	struct strs notes;		/* what the reader must know; owned */

	struct table_row *row;		/* names and policies by the caller; the rest by table_run() */
	size_t n;
};
#define CLEAN_TABLE __attribute__((cleanup(table_release)))

/** table_add - a row to be filled in; at most TABLE_ROWS. */
void table_add(struct table *t, const char *name, const struct policy_spec *p);
/**
 * table_run - all of it; @t->sim.progress hears of one row after the other. ERR_INTR, and what policies say, wrapped in
 * the row's name.
 */
int table_run(struct table *t, struct err *err) MUST_CHECK;
void table_release(struct table *t);

/** What a row is compared by; less is better. */
enum table_by { BY_P99, BY_SCALED, BY_MEMORY, BY_COST, BY_MAE, BY_COUNT };
/** table_value - of a row; negative: it has none. */
double table_value(const struct table *t, const struct table_row *r, enum table_by by);
/** table_keeps_up - nobody was refused, and at the end no more than a hundredth of the requests of the load waited. */
bool table_keeps_up(const struct table_row *r);
/** table_best - the row with the least, of those that keep up if there is one; NULL: no row has any. */
const struct table_row *table_best(const struct table *t, enum table_by by);
/** table_met - whether p99 is within the goal, and the policy keeps up. */
bool table_met(const struct table *t, const struct table_row *r);
/** table_winner - the cheapest row that meets the goal; without a goal, NULL. */
const struct table_row *table_winner(const struct table *t);
/** table_truth - sentences on which policy wins, and at what. */
void table_truth(const struct table *t, struct strs *out);
/**
 * table_memory - bytes at the peak, of all instances: what is used where that was measured, else what is configured.
 */
uint64_t table_memory(const struct table *t, const struct table_row *r);
/** table_ns_text - a latency; what the histogram cannot tell is "over 1 h". Into @text. */
const char *table_ns_text(double ns, char *text, size_t cap);
/** table_cost_text - "$0.0123", "EUR 0.0123". Into @text. */
const char *table_cost_text(const struct table *t, double cost, char *text, size_t cap);
/** table_mae_text, table_smape_text - errors of its forecasts; "" of who makes none. Into @text. */
const char *table_mae_text(const struct table_row *r, char *text, size_t cap);
const char *table_smape_text(const struct table_row *r, char *text, size_t cap);
/** table_scaled_text - "0 s", "1.25 s", "never", or "–" where nothing rises. Into @text. */
const char *table_scaled_text(const struct table *t, const struct table_row *r, char *text, size_t cap);
/** table_claims - what is claimed of the policies, beside what came out here; all in @a. How many. */
size_t table_claims(const struct table *t, struct arena *a, struct cmp_claim **out);

struct table_style {
	int width;
	bool color;
};
void table_print(const struct table *t, const struct table_style *style, struct buf *out);
void table_print_json(const struct table *t, struct buf *out);
void table_print_csv(const struct table *t, struct buf *out);
/** table_print_html - one file that loads nothing (report/html.h). */
void table_print_html(const struct table *t, struct buf *out);

#endif
