/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/mem.h"
#include "local/bench.h"

/* One line; members in the order of their names. Times are whole nanoseconds; what is not known is null. */

static void add_text(struct buf *out, const char *s)
{
	if (s)
		buf_add_json(out, str_from(s));
	else
		buf_addz(out, "null");
}

/* Sixteen to a power of two: what a chart needs. */
static void add_buckets(struct buf *out, const struct hist *h)
{
	struct hist_bucket b = { 0 };
	uint64_t to = 0, n = 0;

	buf_addz(out, "[");
	while (hist_next(h, &b)) {
		if (b.from > to) {
			const unsigned bits = 64u - (unsigned)__builtin_clzll(b.from | 1);
			const uint64_t width = bits > 5 ? UINT64_C(1) << (bits - 5) : 1;

			if (n)
				buf_addf(out, "[%" PRIu64 ",%" PRIu64 "],", to, n);
			to = b.from / width * width + width - 1;
			n = 0;
		}
		n += b.n;
	}
	buf_addf(out, "[%" PRIu64 ",%" PRIu64 "]]", to, n);
}

static void add_hist(struct buf *out, const char *name, const struct hist *h)
{
	static const struct {
		const char *name;
		double p;
	} at[] = { { "p50", 50 }, { "p75", 75 }, { "p90", 90 }, { "p95", 95 }, { "p99", 99 }, { "p999", 99.9 },
		   { "p9999", 99.99 } };

	buf_addf(out, "\"%s\":", name);
	if (!h->n) {
		buf_addz(out, "null");
		return;
	}
	buf_addz(out, "{\"buckets\":");
	add_buckets(out, h);
	buf_addf(out, ",\"max\":%" PRIu64 ",\"mean\":%.0f,\"min\":%" PRIu64, h->max, hist_mean(h), h->min);
	buf_addf(out, ",\"n\":%" PRIu64 ",\"over\":%" PRIu64, h->n, h->over);
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		buf_addf(out, ",\"%s\":%" PRIu64, at[i].name, hist_percentile(h, at[i].p));
	buf_addc(out, '}');
}

static void add_errors(struct buf *out, const struct load_result *r)
{
	buf_addz(out, "\"errors\":[");
	for (size_t i = 0; i < r->nerrors; i++) {
		buf_addf(out, "%s{\"n\":%" PRIu64 ",\"status\":", i ? "," : "", r->errors[i].n);
		if (r->errors[i].status)
			buf_addf(out, "%d,\"text\":", r->errors[i].status);
		else
			buf_addz(out, "null,\"text\":");
		add_text(out, r->errors[i].text[0] ? r->errors[i].text : NULL);
		buf_addc(out, '}');
	}
	buf_addf(out, "],\"errors_other\":%" PRIu64, r->errors_other);
}

static void add_latency(struct buf *out, const struct load_result *r)
{
	CLEAN_HIST struct hist all;

	load_result_all(r, &all);
	buf_addz(out, "\"latency\":{");
	add_hist(out, "all", &all);
	buf_addc(out, ',');
	add_hist(out, "cold", &r->cold);
	buf_addc(out, ',');
	add_hist(out, "corrected", &r->corrected);
	buf_addc(out, ',');
	add_hist(out, "failed", &r->failed);
	buf_addc(out, ',');
	add_hist(out, "warm", &r->warm);
	buf_addc(out, '}');
}

static void add_seconds(struct buf *out, const struct load_result *r)
{
	buf_addz(out, "\"seconds\":[");
	for (size_t i = 0; i < r->seconds.len; i++) {
		const struct load_second *s = &r->seconds.ptr[i];

		buf_addf(out, "%s{\"cold\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"max\":%" PRIu64 ",\"ok\":%" PRIu64
			 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "}", i ? "," : "", s->cold, s->failed, s->max, s->ok,
			 s->p50, s->p99);
	}
	buf_addc(out, ']');
}

static void add_number(struct buf *out, const char *name, uint64_t v)
{
	if (v)
		buf_addf(out, "\"%s\":%" PRIu64, name, v);
	else
		buf_addf(out, "\"%s\":null", name);
}

static void add_spec(struct buf *out, const struct load_spec *s)
{
	buf_addf(out, "\"spec\":{\"concurrency\":%" PRIu32 ",", s->concurrency ? s->concurrency
									       : s->rate ? LOAD_OPEN_CONCURRENCY : 1);
	add_number(out, "duration", s->duration);
	buf_addf(out, ",\"loop\":\"%s\",", s->rate ? "open" : "closed");
	add_number(out, "rate", s->rate);
	buf_addc(out, ',');
	add_number(out, "requests", s->requests);
	buf_addf(out, ",\"warmup\":%" PRIu64 "}", s->warmup);
}

/* The outcomes are in the order of their names here. */
static void add_calls(struct buf *out, const struct load_result *r)
{
	static const enum load_outcome order[LOAD_OUTCOMES] = {
		LOAD_ABANDONED, LOAD_CRASHED, LOAD_ERROR, LOAD_FAILED, LOAD_OK, LOAD_REFUSED, LOAD_TIMEOUT, LOAD_UNSENT,
	};

	buf_addz(out, "\"calls\":{");
	for (size_t i = 0; i < LOAD_OUTCOMES; i++)
		buf_addf(out, "%s\"%s\":%" PRIu64, i ? "," : "", load_outcome_name[order[i]], r->calls[order[i]]);
	buf_addc(out, '}');
}

static void add_part(struct buf *out, const struct bench_part *p)
{
	const struct load_result *r = p->result;

	if (!r) {
		buf_addz(out, "null");
		return;
	}
	buf_addz(out, "{\"allocations\":");
	if (r->allocs_of)
		buf_addf(out, "%.3f,", (double)r->allocs / (double)r->allocs_of);
	else
		buf_addz(out, "null,");
	add_calls(out, r);
	buf_addz(out, ",\"colds\":[");
	for (size_t i = 0; i < r->colds.len; i++)
		buf_addf(out, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", r->colds.ptr[i].latency,
			 r->colds.ptr[i].init);
	buf_addz(out, "],");
	add_hist(out, "cpu", &r->cpu);
	buf_addf(out, ",\"elapsed\":%" PRIu64 ",", r->elapsed);
	add_errors(out, r);
	buf_addc(out, ',');
	add_number(out, "expected", r->expected);
	buf_addc(out, ',');
	add_hist(out, "function", &r->duration);
	buf_addc(out, ',');
	add_hist(out, "init", &r->init);
	buf_addf(out, ",\"interrupted\":%s,", r->interrupted ? "true" : "false");
	add_hist(out, "late", &r->late);
	buf_addc(out, ',');
	add_latency(out, r);
	buf_addf(out, ",\"limited\":%" PRIu64 ",", r->limited);
	add_number(out, "memory", r->memory);
	buf_addc(out, ',');
	add_hist(out, "overhead", &r->overhead);
	buf_addc(out, ',');
	add_seconds(out, r);
	buf_addc(out, ',');
	add_spec(out, &p->spec);
	buf_addf(out, ",\"throughput\":%.3f,\"warmup_calls\":%" PRIu64 ",\"warmup_colds\":%" PRIu64 "}",
		 bench_throughput(r), r->warmup_calls, r->warmup_colds);
}

void bench_print_json(const struct bench_result *r, struct buf *out)
{
	CLEAN_STRS struct strs notes = { 0 };

	bench_notes(r, &notes);
	buf_addz(out, "{\"arch\":");
	add_text(out, r->arch);
	buf_addz(out, ",\"cold\":");
	add_part(out, &r->cold);
	buf_addz(out, ",\"function\":");
	add_text(out, r->function);
	buf_addz(out, ",\"limits\":{");
	add_number(out, "cpu", r->cpu);
	buf_addc(out, ',');
	add_number(out, "memory", r->memory);
	buf_addz(out, "},\"load\":");
	add_part(out, &r->load);
	buf_addz(out, ",\"machine\":");
	add_text(out, r->machine);
	buf_addz(out, ",\"notes\":[");
	for (size_t i = 0; i < notes.len; i++) {
		buf_addz(out, i ? "," : "");
		add_text(out, notes.ptr[i]);
	}
	buf_addz(out, "],\"project\":");
	add_text(out, r->project);
	buf_addz(out, ",\"version\":");
	add_text(out, r->version);
	buf_addz(out, ",\"what\":");
	add_text(out, r->what);
	buf_addz(out, "}\n");
}
