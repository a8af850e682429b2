/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scale/maths.h"

#define GB     1073741824.0
#define SECOND 1e9

void table_add(struct table *t, const char *name, const struct policy_spec *p)
{
	struct table_row *r;

	if (t->n == TABLE_ROWS)
		BUG("more than %zu rows", (size_t)TABLE_ROWS);
	if (!t->row)
		t->row = xcalloc(TABLE_ROWS, sizeof(*t->row));
	r = &t->row[t->n++];
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->policy = *p;
}

static int check_forecasts(const struct table *t, struct table_row *r, struct err *err)
{
	const size_t n = r->r.points.len, from = (size_t)(t->sim.arrivals->from / t->sim.interval);
	CLEAN_FREE double *rate = xcalloc(n + 1, sizeof(*rate));
	size_t ahead = (size_t)((r->policy.horizon + t->sim.interval - 1) / t->sim.interval);

	for (size_t i = 0; i < n; i++)
		rate[i] = r->r.points.ptr[i].arrivals * SECOND / (double)t->sim.interval;
	ahead = ahead < 1 ? 1 : ahead > FORECAST_STEPS ? FORECAST_STEPS : ahead;
	if (forecast_check(&r->policy.forecast, rate, n, from, ahead, &r->error, err) < 0)
		return -1;
	r->forecasts = r->error.n > 0;
	return 0;
}

int table_run(struct table *t, struct err *err)
{
	const double gb = (double)t->memory / GB;

	for (size_t i = 0; i < t->n; i++) {
		struct table_row *r = &t->row[i];
		struct sim_spec s = t->sim;
		struct policy *p = policy_new(&r->policy);
		int ret;

		if (r->policy.kind == POLICY_FIXED)
			s.initial = r->policy.fixed;
		ret = sim_run(&s, p, &r->r, err);
		policy_free(p);
		if (ret < 0)
			return err->code == ERR_INTR ? -1 : err_wrap(err, "%s", r->name);
		r->cost =
			price_kept(t->price, (double)r->r.total, r->r.all_ns / SECOND * gb, r->r.busy_ns / SECOND * gb);
		if (r->policy.kind == POLICY_FORECAST && check_forecasts(t, r, err) < 0)
			return -1;
	}
	return 0;
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		sim_result_release(&t->row[i].r);
	free(t->row);
	strs_release(&t->notes);
	*t = (struct table){ .n = 0 };
}

uint64_t table_memory(const struct table *t, const struct table_row *r)
{
	return r->r.peak * (t->measured ? t->measured : t->memory);
}

double table_value(const struct table *t, const struct table_row *r, enum table_by by)
{
	switch (by) {
	case BY_P99:
		return r->r.latency.n ? (double)hist_percentile(&r->r.latency, 99) : -1;
	case BY_SCALED:
		return r->r.scaled != ARRIVALS_NEVER ? (double)r->r.scaled : -1;
	case BY_MEMORY:
		return (double)table_memory(t, r);
	case BY_COST:
		return r->cost;
	default:
		return r->forecasts ? r->error.mae : -1;
	}
}

bool table_keeps_up(const struct table_row *r)
{
	return !r->r.refused && r->r.left <= r->r.requests / 100;
}

const struct table_row *table_best(const struct table *t, enum table_by by)
{
	const struct table_row *best = NULL;
	bool none = true;

	for (size_t i = 0; i < t->n; i++)
		none &= !table_keeps_up(&t->row[i]);
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i];
		const double v = table_value(t, r, by);

		/* who sends requests away, or leaves them waiting, is cheap with the rest */
		if (v < 0 || (by != BY_MAE && !table_keeps_up(r) && !none))
			continue;
		if (!best || v < table_value(t, best, by))
			best = r;
	}
	return best;
}

bool table_met(const struct table *t, const struct table_row *r)
{
	return !t->goal || (table_keeps_up(r) && table_value(t, r, BY_P99) <= (double)t->goal);
}

const struct table_row *table_winner(const struct table *t)
{
	const struct table_row *best = NULL;

	for (size_t i = 0; t->goal && i < t->n; i++)
		if (table_met(t, &t->row[i]) && (!best || t->row[i].cost < best->cost))
			best = &t->row[i];
	return best;
}

const char *table_ns_text(double ns, char *text, size_t cap)
{
	if (ns < (double)HIST_MAX)
		return str_human_ns(ns, text, cap);
	snprintf(text, cap, "over 1 h");
	return text;
}

const char *table_cost_text(const struct table *t, double cost, char *text, size_t cap)
{
	const bool dollars = strcmp(t->prices->currency, "USD") == 0;

	snprintf(text, cap, "%s%.*f", dollars ? "$" : "", cost >= 100 ? 2 : 4, cost);
	if (!dollars)
		snprintf(text, cap, "%.8s %.*f", t->prices->currency, cost >= 100 ? 2 : 4, cost);
	return text;
}

const char *table_mae_text(const struct table_row *r, char *text, size_t cap)
{
	*text = '\0';
	if (r->forecasts)
		snprintf(text, cap, "%.4g", r->error.mae);
	return text;
}

const char *table_smape_text(const struct table_row *r, char *text, size_t cap)
{
	*text = '\0';
	if (r->forecasts)
		snprintf(text, cap, "%.1f %%", r->error.smape);
	return text;
}

const char *table_scaled_text(const struct table *t, const struct table_row *r, char *text, size_t cap)
{
	if (t->sim.arrivals->step == ARRIVALS_NEVER)
		snprintf(text, cap, "–");
	else if (r->r.scaled == ARRIVALS_NEVER)
		snprintf(text, cap, "never");
	else if (r->r.scaled < 1000000)
		snprintf(text, cap, "0 s");
	else
		snprintf(text, cap, "%.2f s", (double)r->r.scaled / SECOND);
	return text;
}

static const char *value_text(const struct table *t, const struct table_row *r, enum table_by by, char *text,
			      size_t cap)
{
	switch (by) {
	case BY_P99:
		return table_ns_text(table_value(t, r, by), text, cap);
	case BY_SCALED:
		return table_scaled_text(t, r, text, cap);
	case BY_MEMORY:
		return str_human_size(table_memory(t, r), text, cap);
	case BY_COST:
		return table_cost_text(t, r->cost, text, cap);
	default:
		snprintf(text, cap, "MAE %.4g", r->error.mae);
		return text;
	}
}

/* Who does no better than another at anything, and worse at something. */
static const struct table_row *beaten_by(const struct table *t, const struct table_row *r)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *o = &t->row[i];
		bool better = o->r.refused<r->r.refused, worse = o->r.refused> r->r.refused;

		for (enum table_by by = BY_P99; by <= BY_COST; by++) {
			const double a = table_value(t, o, by), b = table_value(t, r, by);

			if (by == BY_SCALED && t->sim.arrivals->step == ARRIVALS_NEVER)
				continue;
			/* none is worst: no request was served, or never enough instances */
			better |= (b < 0 && a >= 0) || (a >= 0 && a < b);
			worse |= (a < 0 && b >= 0) || (b >= 0 && b < a);
		}
		if (o != r && better && !worse)
			return o;
	}
	return NULL;
}

/* Who is as good as the best, as far as the table shows it. */
static void add_equals(const struct table *t, const struct table_row *best, enum table_by by, struct buf *names)
{
	char text[64], other[64];

	buf_reset(names);
	value_text(t, best, by, text, sizeof(text));
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i];

		if (r != best &&
		    (table_value(t, r, by) < 0 || (by != BY_MAE && table_keeps_up(r) < table_keeps_up(best)) ||
		     strcmp(value_text(t, r, by, other, sizeof(other)), text) != 0))
			continue;
		buf_addf(names, "%s%s", names->len ? ", " : "", r->name);
	}
}

void table_truth(const struct table *t, struct strs *out)
{
	static const char *const most[BY_COUNT] = { "lowest p99", "fastest to scale out", "least memory at its peak",
						    "cheapest", "closest forecast" };
	const struct table_row *winner = table_winner(t);
	CLEAN_BUF struct buf names = BUF_INIT;
	char text[64], other[64];

	for (enum table_by by = BY_P99; by < BY_COUNT; by++) {
		const struct table_row *r = table_best(t, by);

		if (!r || (by == BY_SCALED && t->sim.arrivals->step == ARRIVALS_NEVER))
			continue;
		add_equals(t, r, by, &names);
		strs_addf(out, "%s, %s: %s", most[by], value_text(t, r, by, text, sizeof(text)), names.ptr);
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i];

		if (table_keeps_up(r))
			continue;
		if (r->r.refused)
			strs_addf(out, "%s does not keep up: it refused %s requests", r->name,
				  str_human_count(r->r.refused, text, sizeof(text)));
		else
			strs_addf(out, "%s does not keep up: %s requests still waited when the load ended", r->name,
				  str_human_count(r->r.left, text, sizeof(text)));
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i], *o = beaten_by(t, r);

		if (o)
			strs_addf(out, "%s is at nothing better than %s, and worse at something", r->name, o->name);
	}
	if (!t->goal)
		return;
	str_human_ns((double)t->goal, other, sizeof(other));
	if (winner)
		strs_addf(out, "the cheapest whose p99 is within %s: %s, %s", other, winner->name,
			  table_cost_text(t, winner->cost, text, sizeof(text)));
	else
		strs_addf(out, "no policy keeps p99 within %s, and keeps up", other);
}
