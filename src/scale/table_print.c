/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "report/compare_term.h"
#include "scale/table.h"

/* The table on a terminal: no line is wider than it; columns of less weight go first. */

enum col {
	COL_INSTANCES,
	COL_MEMORY,
	COL_P50,
	COL_P99,
	COL_SCALED,
	COL_WAITED,
	COL_REFUSED,
	COL_COST,
	COL_MAE,
	COL_SMAPE,
	COLS
};
static const char *const heads[COLS] = { "instances", "memory",	 "p50",	 "p99", "scale-out",
					 "waited",    "refused", "cost", "MAE", "sMAPE" };
#define CELL 48

static const char *cell(const struct table *t, const struct table_row *r, enum col c, char text[CELL])
{
	switch (c) {
	case COL_INSTANCES:
		return str_human_count(r->r.peak, text, CELL);
	case COL_MEMORY:
		return str_human_size(table_memory(t, r), text, CELL);
	case COL_P50:
		return table_ns_text((double)hist_percentile(&r->r.latency, 50), text, CELL);
	case COL_P99:
		return table_ns_text((double)hist_percentile(&r->r.latency, 99), text, CELL);
	case COL_SCALED:
		return table_scaled_text(t, r, text, CELL);
	case COL_WAITED:
		snprintf(text, CELL, "%.2f %%",
			 r->r.latency.n ? 100 * (double)r->r.waited / (double)r->r.latency.n : 0);
		return text;
	case COL_REFUSED:
		return str_human_count(r->r.refused, text, CELL);
	case COL_COST:
		return table_cost_text(t, r->cost, text, CELL);
	case COL_MAE:
		return table_mae_text(r, text, CELL);
	default:
		return table_smape_text(r, text, CELL);
	}
}

static const struct table_row *row_named(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->row[i].name, name) == 0)
			return &t->row[i];
	return NULL;
}

size_t table_claims(const struct table *t, struct arena *a, struct cmp_claim **out)
{
	static const enum col figures[] = { COL_MEMORY, COL_P99, COL_SCALED, COL_COST };
	const size_t rows = t->claims ? t->claims->len : 0;
	size_t n = 0;

	*out = arena_alloc(a, (rows * ARRAY_LEN(figures) + 1) * sizeof(**out));
	for (size_t k = 0; k < ARRAY_LEN(figures); k++)
		for (size_t i = 0; i < rows; i++) {
			const char *name = t->claims->row[i].name, *head = heads[figures[k]];
			const char *claimed = claims_of(t->claims, CLAIMS_SCALE, name, head);
			const struct table_row *r = row_named(t, name);
			char text[CELL];

			if (t->claims->row[i].table == CLAIMS_SCALE && claimed)
				(*out)[n++] = (struct cmp_claim){
					.what = arena_printf(a, "%s, %s", head, name),
					.claimed = claimed,
					.measured = r ? arena_strdup(a, cell(t, r, figures[k], text)) : NULL,
				};
		}
	return n;
}

static void right(struct buf *out, const char *text, int width)
{
	term_spaces(out, width - term_columns(text));
	buf_addz(out, text);
}

static void add_grid(const struct table *t, struct term *p)
{
	static const enum col less[] = {
		COL_P50, COL_WAITED, COL_SMAPE, COL_INSTANCES, COL_MAE, COL_SCALED, COL_MEMORY
	};
	bool refused = false, forecasts = false;
	int wide[COLS], name = 0, all;
	char text[CELL];

	for (size_t i = 0; i < t->n; i++) {
		name = term_columns(t->row[i].name) > name ? term_columns(t->row[i].name) : name;
		refused |= t->row[i].r.refused > 0;
		forecasts |= t->row[i].forecasts;
	}
	all = name;
	for (int c = 0; c < COLS; c++) {
		wide[c] = term_columns(heads[c]);
		for (size_t i = 0; i < t->n; i++) {
			const int w = term_columns(cell(t, &t->row[i], (enum col)c, text));

			wide[c] = w > wide[c] ? w : wide[c];
		}
		if ((c == COL_REFUSED && !refused) || ((c == COL_MAE || c == COL_SMAPE) && !forecasts))
			wide[c] = 0;
		all += wide[c] ? TERM_GAP + wide[c] : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(less) && all > p->width; i++) {
		all -= wide[less[i]] ? TERM_GAP + wide[less[i]] : 0;
		wide[less[i]] = 0;
	}
	for (size_t i = 0; i <= t->n; i++) {
		const struct table_row *r = i ? &t->row[i - 1] : NULL;
		size_t end;

		buf_addz(p->out, r ? r->name : "");
		term_spaces(p->out, name - (r ? term_columns(r->name) : 0));
		for (int c = 0; c < COLS; c++)
			if (wide[c])
				right(p->out, r ? cell(t, r, (enum col)c, text) : heads[c], TERM_GAP + wide[c]);
		for (end = p->out->len; end && p->out->ptr[end - 1] == ' ';)
			end--;
		p->out->len = end;
		buf_addc(p->out, '\n');
	}
}

void table_print(const struct table *t, const struct table_style *style, struct buf *out)
{
	struct term p = { .out = out, .width = style->width < 40 ? 40 : style->width, .color = style->color };
	CLEAN_STRS struct strs truth = { 0 };
	CLEAN_BUF struct buf line = BUF_INIT;
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct cmp_claim *claims;
	const size_t n = table_claims(t, &a, &claims);

	term_wrapped(&p, "1", 0, 2, t->load);
	buf_addf(&line, "service %s; cold start %s", t->service, t->cold);
	term_wrapped(&p, "", 0, 2, line.ptr);
	buf_addc(out, '\n');
	add_grid(t, &p);
	if (n)
		cmp_claims_text(&p, t->claims->source, claims, n);
	buf_addc(out, '\n');
	table_truth(t, &truth);
	for (size_t i = 0; i < truth.len; i++)
		term_wrapped(&p, "", 0, 2, truth.ptr[i]);
	if (t->notes.len)
		buf_addc(out, '\n');
	for (size_t i = 0; i < t->notes.len; i++) {
		buf_reset(&line);
		buf_addf(&line, "note: %s", t->notes.ptr[i]);
		term_wrapped(&p, "", 0, 6, line.ptr);
	}
}

/* ---- for machines ---- */

static void add_row_json(const struct table *t, const struct table_row *r, struct buf *out)
{
	static const struct {
		const char *name;
		double p;
	} at[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p999", 99.9 } };

	member_open(out, NULL, '{');
	buf_addf(out,
		 "\"busy_seconds\":%.3f,\"cold_starts\":%" PRIu64 ",\"cost\":%.9f,\"forecast\":", r->r.busy_ns / 1e9,
		 r->r.colds, r->cost);
	if (r->forecasts)
		buf_addf(out, "{\"mae\":%.6g,\"n\":%" PRIu64 ",\"smape\":%.6g}", r->error.mae, r->error.n,
			 r->error.smape);
	else
		buf_addz(out, "null");
	buf_addf(out, ",\"instance_seconds\":%.3f,\"latency\":{\"max\":%" PRIu64 ",\"mean\":%.0f", r->r.all_ns / 1e9,
		 r->r.latency.max, hist_mean(&r->r.latency));
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		member_u64(out, at[i].name, hist_percentile(&r->r.latency, at[i].p));
	buf_addf(out, "},\"left\":%" PRIu64 ",\"mean_wait\":%.0f", r->r.left,
		 r->r.latency.n ? r->r.wait_ns / (double)r->r.latency.n : 0);
	member_u64(out, "memory", table_memory(t, r));
	member_text(out, "name", r->name);
	member_u64(out, "peak_instances", r->r.peak);
	member_u64(out, "refused", r->r.refused);
	member_u64(out, "requests", r->r.requests);
	member(out, "scaled_out");
	if (r->r.scaled == ARRIVALS_NEVER)
		buf_addz(out, "null");
	else
		buf_addf(out, "%" PRIu64, r->r.scaled);
	member_u64(out, "total", r->r.total);
	member_u64(out, "waited", r->r.waited);
	buf_addc(out, '}');
}

static void add_best(const struct table *t, struct buf *out)
{
	static const char *const names[BY_COUNT] = { "p99", "scaled_out", "memory", "cost", "mae" };
	static const enum table_by order[BY_COUNT] = { BY_COST, BY_MAE, BY_MEMORY, BY_P99, BY_SCALED };

	member_open(out, "best", '{');
	for (size_t i = 0; i < BY_COUNT; i++) {
		const struct table_row *r = table_best(t, order[i]);

		member_text(out, names[order[i]], r ? r->name : NULL);
	}
	buf_addc(out, '}');
}

void table_print_json(const struct table *t, struct buf *out)
{
	const struct table_row *winner = table_winner(t);
	CLEAN_STRS struct strs truth = { 0 };
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct cmp_claim *claims;
	const size_t n = table_claims(t, &a, &claims);

	buf_addc(out, '{');
	add_best(t, out);
	member(out, "claims");
	cmp_claims_json(claims, n, out);
	member_text(out, "cold", t->cold);
	member_text(out, "currency", t->prices->currency);
	member_text(out, "load", t->load);
	member_strs(out, "notes", &t->notes);
	member_open(out, "policies", '[');
	for (size_t i = 0; i < t->n; i++)
		add_row_json(t, &t->row[i], out);
	buf_addc(out, ']');
	member_u64(out, "seed", t->sim.seed);
	member_text(out, "service", t->service);
	table_truth(t, &truth);
	member_strs(out, "truth", &truth);
	member_text(out, "version", t->version);
	member_text(out, "winner", winner ? winner->name : NULL);
	buf_addz(out, "}\n");
}

/* Each interval of each policy: what a chart of one's own needs. */
void table_print_csv(const struct table *t, struct buf *out)
{
	buf_addz(out, "policy,seconds,arrivals,refused,wanted,ready,instances,queue,slowest_ns\n");
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->row[i].r.points.len; k++) {
			const struct sim_point *p = &t->row[i].r.points.ptr[k];

			buf_addf(out,
				 "%s,%.3f,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
				 ",%" PRIu64 "\n",
				 t->row[i].name, (double)((k + 1) * t->sim.interval) / 1e9, p->arrivals, p->refused,
				 p->wanted, p->up, p->all, p->queue, p->slowest);
		}
}
