/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member.h"
#include "local/tune.h"
#include "report/compare_print.h"

static const char *const kind_name[] = {
	[TUNE_MEMORY] = "memory",   [TUNE_CPU] = "cpu", [TUNE_WORKERS] = "workers", [TUNE_RETENTION] = "retention",
	[TUNE_PROFILE] = "profile", [TUNE_ENV] = "env", [TUNE_DEFINE] = "define"
};

/* ---- JSON: one line, members in the order of their names; whole nanoseconds, null for what is not known ---- */

static void add_ns(struct buf *out, const char *name, double ns)
{
	member(out, name);
	if (ns > 0)
		buf_addf(out, "%.0f", ns);
	else
		buf_addz(out, "null");
}

/* Six digits, as shares and prices have them; not known if nothing was measured. */
static void add_share(struct buf *out, const char *name, bool known, double v)
{
	member(out, name);
	if (known)
		buf_addf(out, "%.6f", v);
	else
		buf_addz(out, "null");
}

static void add_axes(struct buf *out, const struct tune *t)
{
	member_open(out, "axes", '[');
	for (size_t i = 0; i < t->naxes; i++) {
		member_open(out, NULL, '{');
		member_text(out, "kind", kind_name[t->axis[i].kind]);
		member_text(out, "name", t->axis[i].name);
		member_open(out, "values", '[');
		for (size_t k = 0; k < t->axis[i].n; k++)
			member_text(out, NULL, t->axis[i].value[k].text);
		buf_addz(out, "]}");
	}
	buf_addc(out, ']');
}

static void add_samples(struct buf *out, const struct tune_row *r)
{
	member_open(out, "samples", '[');
	for (size_t i = 0; i < r->samples.len; i++) {
		const struct tune_sample *s = &r->samples.ptr[i];

		member_open(out, NULL, '{');
		member_u64(out, "calls", s->calls);
		add_ns(out, "cold", s->cold);
		add_share(out, "cost", true, s->cost);
		add_ns(out, "cpu", s->cpu);
		member_u64(out, "failed", s->failed);
		member_u64(out, "memory", s->memory);
		add_ns(out, "p50", s->p50);
		add_ns(out, "p99", s->p99);
		add_ns(out, "pause", s->pause);
		add_ns(out, "pause_mean", s->pause_mean);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void add_row(struct buf *out, const struct tune *t, size_t row)
{
	const struct tune_row *r = &t->row[row];
	const struct tune_figures *f = &r->is;

	member_open(out, NULL, '{');
	member_bool(out, "chosen", r->chosen);
	add_ns(out, "cold", f->cold);
	add_share(out, "cost", r->samples.len > 0, f->cost);
	add_ns(out, "cpu", f->cpu);
	member_u64(out, "dropped", r->dropped);
	member_bool(out, "equal", r->equal);
	member_text(out, "failed", r->failed);
	add_share(out, "failed_share", true, f->failed);
	member_bool(out, "fit", r->fit);
	member_bool(out, "front", r->front);
	member_text(out, "group", r->group);
	member_u64(out, "memory", f->memory);
	add_ns(out, "p50", f->p50);
	add_ns(out, "p99", f->p99);
	add_ns(out, "p99_high", f->p99_high);
	add_ns(out, "p99_low", f->p99_low);
	add_ns(out, "pause", f->pause);
	add_ns(out, "pause_mean", f->pause_mean);
	add_samples(out, r);
	member_open(out, "values", '[');
	for (size_t i = 0; i < t->naxes; i++)
		member_text(out, NULL, tune_value_of(t, row, i)->text);
	buf_addz(out, "]}");
}

void tune_print_json(const struct tune *t, struct buf *out)
{
	CLEAN_STRS struct strs told = { 0 };
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct cmp_claim *claims;
	const size_t n = tune_claims(t, &a, &claims);

	tune_told(t, &told);
	buf_addc(out, '{');
	add_axes(out, t);
	if (t->chosen != TUNE_NONE)
		member_u64(out, "chosen", t->chosen);
	else
		member_text(out, "chosen", NULL);
	member(out, "claims");
	cmp_claims_json(claims, n, out);
	member_text(out, "currency", t->currency);
	member_text(out, "function", t->function);
	member_bool(out, "halving", t->halving);
	member_text(out, "load", t->load);
	member_text(out, "machine", t->machine);
	member_strs(out, "notes", &told);
	member_text(out, "prices", t->prices);
	member_text(out, "project", t->project);
	member_u64(out, "repeats", t->repeats);
	member_u64(out, "seed", t->seed);
	member_open(out, "settings", '[');
	for (size_t i = 0; i < t->nrows; i++)
		add_row(out, t, i);
	buf_addc(out, ']');
	member_text(out, "slsc", t->version);
	member_text(out, "strategy", tune_strategy_name[t->strategy]);
	buf_addz(out, "}\n");
}

/* ---- CSV: a line for each setting, the units of JSON, empty for what is not known ---- */

static void add_field_ns(struct buf *out, double ns)
{
	if (ns > 0)
		buf_addf(out, ",%.0f", ns);
	else
		buf_addc(out, ',');
}

void tune_print_csv(const struct tune *t, struct buf *out)
{
	for (size_t i = 0; i < t->naxes; i++)
		cmp_add_csv(out, t->axis[i].name);
	buf_addz(out,
		 ",p50,p99,p99_low,p99_high,pause,pause_mean,memory,cpu,cold,cost,failed_share,repeats,group,front,"
		 "chosen,equal,dropped,failed\r\n");
	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_row *r = &t->row[i];
		const struct tune_figures *f = &r->is;

		for (size_t k = 0; k < t->naxes; k++)
			cmp_add_csv(out, tune_value_of(t, i, k)->text);
		add_field_ns(out, f->p50);
		add_field_ns(out, f->p99);
		add_field_ns(out, f->p99_low);
		add_field_ns(out, f->p99_high);
		add_field_ns(out, f->pause);
		add_field_ns(out, f->pause_mean);
		add_field_ns(out, (double)f->memory);
		add_field_ns(out, f->cpu);
		add_field_ns(out, f->cold);
		if (r->samples.len)
			buf_addf(out, ",%.6f,%.6f", f->cost, f->failed);
		else
			buf_addz(out, ",,");
		buf_addf(out, ",%zu,%s,%s,%s,%s,", r->samples.len, r->group, r->front ? "true" : "false",
			 r->chosen ? "true" : "false", r->equal ? "true" : "false");
		if (r->dropped)
			buf_addf(out, "%zu", r->dropped);
		cmp_add_csv(out, r->failed);
		buf_addz(out, "\r\n");
	}
}
