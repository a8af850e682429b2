/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"
#include "report/compare_print.h"

static const char *const kind_name[] = {
	[TUNE_MEMORY] = "memory",   [TUNE_CPU] = "cpu", [TUNE_WORKERS] = "workers", [TUNE_RETENTION] = "retention",
	[TUNE_PROFILE] = "profile", [TUNE_ENV] = "env", [TUNE_DEFINE] = "define"
};

/* ---- JSON: one line, members in the order of their names; whole nanoseconds, null for what is not known ---- */

static void add_text(struct buf *out, const char *name, const char *s)
{
	buf_addf(out, "\"%s\":", name);
	if (s)
		buf_add_json(out, str_from(s));
	else
		buf_addz(out, "null");
}

static void add_ns(struct buf *out, const char *name, double ns)
{
	if (ns > 0)
		buf_addf(out, "\"%s\":%.0f", name, ns);
	else
		buf_addf(out, "\"%s\":null", name);
}

static void add_bool(struct buf *out, const char *name, bool b)
{
	buf_addf(out, "\"%s\":%s", name, b ? "true" : "false");
}

static void add_strs(struct buf *out, const char *name, const struct strs *v)
{
	buf_addf(out, "\"%s\":[", name);
	for (size_t i = 0; i < v->len; i++) {
		buf_addz(out, i ? "," : "");
		buf_add_json(out, str_from(v->ptr[i]));
	}
	buf_addc(out, ']');
}

static void add_axes(struct buf *out, const struct tune *t)
{
	buf_addz(out, "\"axes\":[");
	for (size_t i = 0; i < t->naxes; i++) {
		buf_addf(out, "%s{\"kind\":\"%s\",", i ? "," : "", kind_name[t->axis[i].kind]);
		add_text(out, "name", t->axis[i].name);
		buf_addz(out, ",\"values\":[");
		for (size_t k = 0; k < t->axis[i].n; k++) {
			buf_addz(out, k ? "," : "");
			buf_add_json(out, str_from(t->axis[i].value[k].text));
		}
		buf_addz(out, "]}");
	}
	buf_addc(out, ']');
}

static void add_samples(struct buf *out, const struct tune_row *r)
{
	buf_addz(out, "\"samples\":[");
	for (size_t i = 0; i < r->samples.len; i++) {
		const struct tune_sample *s = &r->samples.ptr[i];

		buf_addf(out, "%s{\"calls\":%" PRIu64 ",", i ? "," : "", s->calls);
		add_ns(out, "cold", s->cold);
		buf_addf(out, ",\"cost\":%.6f,", s->cost);
		add_ns(out, "cpu", s->cpu);
		buf_addf(out, ",\"failed\":%" PRIu64 ",\"memory\":%" PRIu64 ",", s->failed, s->memory);
		add_ns(out, "p50", s->p50);
		buf_addc(out, ',');
		add_ns(out, "p99", s->p99);
		buf_addc(out, ',');
		add_ns(out, "pause", s->pause);
		buf_addc(out, ',');
		add_ns(out, "pause_mean", s->pause_mean);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void add_row(struct buf *out, const struct tune *t, size_t row)
{
	const struct tune_row *r = &t->row[row];
	const struct tune_figures *f = &r->is;

	buf_addc(out, '{');
	add_bool(out, "chosen", r->chosen);
	buf_addc(out, ',');
	add_ns(out, "cold", f->cold);
	if (r->samples.len)
		buf_addf(out, ",\"cost\":%.6f,", f->cost);
	else
		buf_addz(out, ",\"cost\":null,");
	add_ns(out, "cpu", f->cpu);
	buf_addf(out, ",\"dropped\":%zu,", r->dropped);
	add_bool(out, "equal", r->equal);
	buf_addc(out, ',');
	add_text(out, "failed", r->failed);
	buf_addf(out, ",\"failed_share\":%.6f,", f->failed);
	add_bool(out, "fit", r->fit);
	buf_addc(out, ',');
	add_bool(out, "front", r->front);
	buf_addf(out, ",\"group\":\"%s\",\"memory\":%" PRIu64 ",", r->group, f->memory);
	add_ns(out, "p50", f->p50);
	buf_addc(out, ',');
	add_ns(out, "p99", f->p99);
	buf_addc(out, ',');
	add_ns(out, "p99_high", f->p99_high);
	buf_addc(out, ',');
	add_ns(out, "p99_low", f->p99_low);
	buf_addc(out, ',');
	add_ns(out, "pause", f->pause);
	buf_addc(out, ',');
	add_ns(out, "pause_mean", f->pause_mean);
	buf_addc(out, ',');
	add_samples(out, r);
	buf_addz(out, ",\"values\":[");
	for (size_t i = 0; i < t->naxes; i++) {
		buf_addz(out, i ? "," : "");
		buf_add_json(out, str_from(tune_value_of(t, row, i)->text));
	}
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
		buf_addf(out, ",\"chosen\":%zu,\"claims\":", t->chosen);
	else
		buf_addz(out, ",\"chosen\":null,\"claims\":");
	cmp_claims_json(claims, n, out);
	buf_addc(out, ',');
	add_text(out, "currency", t->currency);
	buf_addc(out, ',');
	add_text(out, "function", t->function);
	buf_addc(out, ',');
	add_bool(out, "halving", t->halving);
	buf_addc(out, ',');
	add_text(out, "load", t->load);
	buf_addc(out, ',');
	add_text(out, "machine", t->machine);
	buf_addc(out, ',');
	add_strs(out, "notes", &told);
	buf_addc(out, ',');
	add_text(out, "prices", t->prices);
	buf_addc(out, ',');
	add_text(out, "project", t->project);
	buf_addf(out, ",\"repeats\":%zu,\"seed\":%" PRIu64 ",\"settings\":[", t->repeats, t->seed);
	for (size_t i = 0; i < t->nrows; i++) {
		buf_addz(out, i ? "," : "");
		add_row(out, t, i);
	}
	buf_addz(out, "],");
	add_text(out, "slsc", t->version);
	buf_addc(out, ',');
	add_text(out, "strategy", tune_strategy_name[t->strategy]);
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
