/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/bench.h"

/* One line; members in the order of their names. Times are whole nanoseconds; what is not known is null. */

/* Sixteen to a power of two: what a chart needs. */
static void add_buckets(struct buf *out, const struct hist *h)
{
	struct hist_bucket b = { 0 };
	uint64_t to = 0, n = 0;

	member_open(out, "buckets", '[');
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

	if (!h->n) {
		member_text(out, name, NULL);
		return;
	}
	member_open(out, name, '{');
	add_buckets(out, h);
	member_u64(out, "max", h->max);
	buf_addf(out, ",\"mean\":%.0f", hist_mean(h));
	member_u64(out, "min", h->min);
	member_u64(out, "n", h->n);
	member_u64(out, "over", h->over);
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		member_u64(out, at[i].name, hist_percentile(h, at[i].p));
	buf_addc(out, '}');
}

static void add_errors(struct buf *out, const struct load_result *r)
{
	member_open(out, "errors", '[');
	for (size_t i = 0; i < r->nerrors; i++) {
		member_open(out, NULL, '{');
		member_u64(out, "n", r->errors[i].n);
		if (r->errors[i].status)
			buf_addf(out, ",\"status\":%d", r->errors[i].status);
		else
			member_text(out, "status", NULL);
		member_some(out, "text", r->errors[i].text);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	member_u64(out, "errors_other", r->errors_other);
}

static void add_latency(struct buf *out, const struct load_result *r)
{
	CLEAN_HIST struct hist all;

	load_result_all(r, &all);
	member_open(out, "latency", '{');
	add_hist(out, "all", &all);
	add_hist(out, "cold", &r->cold);
	add_hist(out, "corrected", &r->corrected);
	add_hist(out, "failed", &r->failed);
	add_hist(out, "warm", &r->warm);
	buf_addc(out, '}');
}

static void add_seconds(struct buf *out, const struct load_result *r)
{
	member_open(out, "seconds", '[');
	for (size_t i = 0; i < r->seconds.len; i++) {
		const struct load_second *s = &r->seconds.ptr[i];

		buf_addf(out, "%s{\"cold\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"max\":%" PRIu64 ",\"ok\":%" PRIu64
			 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "}", i ? "," : "", s->cold, s->failed, s->max, s->ok,
			 s->p50, s->p99);
	}
	buf_addc(out, ']');
}

static void add_spec(struct buf *out, const struct load_spec *s)
{
	member_open(out, "spec", '{');
	member_u64(out, "concurrency", s->concurrency ? s->concurrency : s->rate ? LOAD_OPEN_CONCURRENCY : 1);
	member_count(out, "duration", s->duration);
	member_text(out, "loop", s->rate ? "open" : "closed");
	member_count(out, "rate", s->rate);
	member_count(out, "requests", s->requests);
	member_u64(out, "warmup", s->warmup);
	buf_addc(out, '}');
}

/* The outcomes are in the order of their names here. */
static void add_calls(struct buf *out, const struct load_result *r)
{
	static const enum load_outcome order[LOAD_OUTCOMES] = {
		LOAD_ABANDONED, LOAD_CRASHED, LOAD_ERROR, LOAD_FAILED, LOAD_OK, LOAD_REFUSED, LOAD_TIMEOUT, LOAD_UNSENT,
	};

	member_open(out, "calls", '{');
	for (size_t i = 0; i < LOAD_OUTCOMES; i++)
		member_u64(out, load_outcome_name[order[i]], r->calls[order[i]]);
	buf_addc(out, '}');
}

static void add_part(struct buf *out, const char *name, const struct bench_part *p)
{
	const struct load_result *r = p->result;

	if (!r) {
		member_text(out, name, NULL);
		return;
	}
	member_open(out, name, '{');
	member(out, "allocations");
	if (r->allocs_of)
		buf_addf(out, "%.3f", (double)r->allocs / (double)r->allocs_of);
	else
		buf_addz(out, "null");
	add_calls(out, r);
	member_open(out, "colds", '[');
	for (size_t i = 0; i < r->colds.len; i++)
		buf_addf(out, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", r->colds.ptr[i].latency,
			 r->colds.ptr[i].init);
	buf_addc(out, ']');
	add_hist(out, "cpu", &r->cpu);
	member_u64(out, "elapsed", r->elapsed);
	add_errors(out, r);
	member_count(out, "expected", r->expected);
	add_hist(out, "function", &r->duration);
	add_hist(out, "init", &r->init);
	member_bool(out, "interrupted", r->interrupted);
	add_hist(out, "late", &r->late);
	add_latency(out, r);
	member_u64(out, "limited", r->limited);
	member_count(out, "memory", r->memory);
	add_hist(out, "overhead", &r->overhead);
	add_seconds(out, r);
	add_spec(out, &p->spec);
	buf_addf(out, ",\"throughput\":%.3f", bench_throughput(r));
	member_u64(out, "warmup_calls", r->warmup_calls);
	member_u64(out, "warmup_colds", r->warmup_colds);
	buf_addc(out, '}');
}

void bench_print_json(const struct bench_result *r, struct buf *out)
{
	CLEAN_STRS struct strs notes = { 0 };

	bench_notes(r, &notes);
	buf_addc(out, '{');
	member_text(out, "arch", r->arch);
	add_part(out, "cold", &r->cold);
	member_text(out, "function", r->function);
	member_open(out, "limits", '{');
	member_count(out, "cpu", r->cpu);
	member_count(out, "memory", r->memory);
	buf_addc(out, '}');
	add_part(out, "load", &r->load);
	member_text(out, "machine", r->machine);
	member_strs(out, "notes", &notes);
	member_text(out, "project", r->project);
	member_text(out, "version", r->version);
	member_text(out, "what", r->what);
	buf_addz(out, "}\n");
}
