/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has shown, as a verdict, text and JSON. */
#include "local/chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/bench.h"

#define WIDTH 100 /* of a line, at most */

void chaos_result_release(struct chaos_result *r)
{
	VEC_EACH(&r->marks, m)
		VEC_FREE(&m->instances);
	VEC_FREE(&r->marks);
	strs_release(&r->notes);
}

/* ---- the verdict ---- */

/* Events that were never done; of direct calls those without any answer. */
static uint64_t lost(const struct chaos_result *r)
{
	uint64_t n = 0;

	for (unsigned o = 0; r->load && o < LOAD_OUTCOMES; o++)
		n += o != LOAD_OK && !(r->plan->load.direct && o < LOAD_ABANDONED) ? r->load->calls[o] : 0;
	return n;
}

static uint64_t p99(const struct chaos_result *r)
{
	CLEAN_HIST struct hist all;

	if (!r->load)
		return 0;
	load_result_all(r->load, &all);
	return hist_percentile(&all, 99);
}

static void percent(uint64_t n, uint64_t of, char *text, size_t cap)
{
	snprintf(text, cap, "%.1f %%", of ? (double)n * 100 / (double)of : 0.0);
}

static bool on_instances(unsigned kind)
{
	return kind == FAULT_KILL || kind == FAULT_FREEZE || (kind >= FAULT_CPU && kind <= FAULT_TMP_FULL);
}

static const char *units_of(unsigned kind)
{
	if (on_instances(kind))
		return "instances";
	if (kind == FAULT_SLOW_START)
		return "starts";
	return kind >= FAULT_NET_RESET && kind <= FAULT_NET_THROTTLE ? "connections" : "events";
}

/* Those that met nothing at all: that they were survived says nothing. Into @text, as far as there is room. */
static bool met_nothing(const struct chaos_result *r, char *text, size_t cap)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; i < r->plan->faults.len; i++) {
		const unsigned kind = r->plan->faults.ptr[i].kind;
		uint64_t hits = 0;

		if (kind == FAULT_COMMAND || kind == FAULT_CREDENTIALS)
			continue;
		VEC_EACH(&r->marks, m)
			hits += m->fault == i && m->end == (kind != FAULT_KILL) ? m->hits : 0;
		if (!hits)
			buf_addf(&b, "%s%s met no %s", b.len ? ", " : "", fault_name[kind], units_of(kind));
	}
	snprintf(text, cap, "%s", b.len ? b.ptr : "");
	return b.len > 0;
}

size_t chaos_findings(const struct chaos_result *r, struct chaos_finding out[CHAOS_FINDINGS])
{
	const struct plan_limits *s = &r->plan->steady;
	size_t n = 0;

	memset(out, 0, CHAOS_FINDINGS * sizeof(*out));
	if (s->error_rate != PLAN_UNSET) {
		struct chaos_finding *f = &out[n++];

		f->name = "error rate";
		percent(s->error_rate, 1000, f->limit, sizeof(f->limit));
		percent(r->failed, r->attempts, f->measured, sizeof(f->measured));
		f->held = r->failed * 1000 <= s->error_rate * r->attempts;
	}
	if (s->p99 != PLAN_UNSET) {
		struct chaos_finding *f = &out[n++];

		f->name = "p99";
		str_human_ns((double)(s->p99 * LOOP_MS), f->limit, sizeof(f->limit));
		str_human_ns((double)p99(r), f->measured, sizeof(f->measured));
		f->held = p99(r) <= s->p99 * LOOP_MS;
	}
	if (s->lost != PLAN_UNSET) {
		struct chaos_finding *f = &out[n++];

		f->name = "lost events";
		str_human_count(s->lost, f->limit, sizeof(f->limit));
		str_human_count(lost(r), f->measured, sizeof(f->measured));
		f->held = lost(r) <= s->lost;
	}
	if (r->plan->check.s && r->check >= 0) {
		struct chaos_finding *f = &out[n++];

		*f = (struct chaos_finding){ .name = "check", .limit = "exit 0", .held = r->check == 0 };
		snprintf(f->measured, sizeof(f->measured), "exit %d", r->check);
	}
	if (!r->interrupted && !r->aborted[0] && met_nothing(r, out[n].measured, sizeof(out[n].measured))) {
		out[n].name = "faults";
		snprintf(out[n++].limit, sizeof(out[0].limit), "met some");
	}
	if (!r->load || !load_result_calls(r->load))
		out[n++] = (struct chaos_finding){ .name = "events", .limit = "1", .measured = "0" };
	if (r->aborted[0]) {
		struct chaos_finding *f = &out[n++];

		*f = (struct chaos_finding){ .name = "abort", .limit = "not" };
		snprintf(f->measured, sizeof(f->measured), "%s", r->aborted);
	}
	return n;
}

size_t chaos_claims(const struct chaos_result *r, struct arena *a, struct cmp_claim out[CHAOS_CLAIMS])
{
	const char *const claimed[] = { r->plan->claims.error_rate.s, r->plan->claims.retries.s, r->plan->claims.p99.s,
					r->plan->claims.lost.s, r->plan->claims.check.s };
	static const char *const what[] = { "error rate", "retries", "p99", "lost events", "check" };
	char measured[CHAOS_CLAIMS][BENCH_TEXT_MAX];
	size_t n = 0;

	percent(r->failed, r->attempts, measured[0], BENCH_TEXT_MAX);
	str_human_count(r->retried, measured[1], BENCH_TEXT_MAX);
	str_human_ns((double)p99(r), measured[2], BENCH_TEXT_MAX);
	str_human_count(lost(r), measured[3], BENCH_TEXT_MAX);
	snprintf(measured[4], BENCH_TEXT_MAX, "exit %d", r->check);
	for (size_t i = 0; i < CHAOS_CLAIMS; i++)
		if (claimed[i])
			out[n++] =
				(struct cmp_claim){ .what = what[i],
						    .claimed = claimed[i],
						    .measured = i == 4 && r->check < 0 ? NULL
										       : arena_strdup(a, measured[i]) };
	return n;
}

bool chaos_held(const struct chaos_result *r)
{
	struct chaos_finding f[CHAOS_FINDINGS];
	const size_t n = chaos_findings(r, f);

	for (size_t i = 0; i < n; i++)
		if (!f[i].held)
			return false;
	return true;
}

/* ---- text ---- */

/* The first line of what a plan says, whatever it does to a terminal. */
static void add_line(struct buf *out, const char *s)
{
	for (size_t n; *s && *s != '\n'; s += n ? n : 1) {
		n = str_controlz(s);
		buf_addc(out, n ? '?' : *s);
	}
}

/* "kill 10 % of instances", without when. */
void chaos_what_text(const struct plan_fault *f, struct buf *out)
{
	char text[BENCH_TEXT_MAX];

	buf_addz(out, fault_name[f->kind]);
	if (f->kind == FAULT_COMMAND || f->kind == FAULT_CREDENTIALS) {
		for (size_t i = 0; i < f->env.len; i++)
			buf_addf(out, "%s %s", i ? "," : "", f->env.ptr[i].key.s);
		if (f->command.s) {
			buf_addc(out, ' ');
			add_line(out, f->command.s);
		}
		return;
	}
	percent(f->share, 1000, text, sizeof(text));
	if (ends_with(text, ".0 %"))
		memmove(text + strlen(text) - 4, " %", 3);
	buf_addf(out, " %s of %s%s", text, f->busy ? "busy " : "", units_of(f->kind));
	if (f->delay)
		buf_addf(out, ", by %s", str_human_ns((double)(f->delay * LOOP_MS), text, sizeof(text)));
	if (f->bytes)
		buf_addf(out, ", %s %s", f->kind == FAULT_NET_CUT ? "after" : "to",
			 str_human_size(f->bytes, text, sizeof(text)));
	if (f->kind == FAULT_NET_THROTTLE)
		buf_addz(out, " a second");
	if (f->kind == FAULT_MEMORY)
		buf_addf(out, ", %u.%u %% of it", (unsigned)(f->level / 10), (unsigned)(f->level % 10));
	if (f->shift.s)
		buf_addf(out, ", by %s", f->shift.s);
	if (f->kind == FAULT_ERROR) {
		buf_addz(out, ", as ");
		add_line(out, f->error.s ? f->error.s : "Chaos.Injected");
	}
}

static void mark_text(const struct chaos_result *r, const struct chaos_mark *m, struct buf *out)
{
	const struct plan_fault *f = &r->plan->faults.ptr[m->fault];

	buf_addf(out, "  %9.3f s  %-10s #%-4u ", (double)m->at / 1e9, fault_name[f->kind], m->nth);
	if (m->end && (f->kind == FAULT_COMMAND || f->kind == FAULT_CREDENTIALS)) {
		buf_addz(out, f->kind == FAULT_COMMAND && !f->undo.s ? "over\n" : "undone\n");
		return;
	}
	if (m->end) {
		buf_addf(out, "over, it met %" PRIu64 "\n", m->hits);
		return;
	}
	if (!on_instances(f->kind)) {
		chaos_what_text(f, out);
		buf_addc(out, '\n');
		return;
	}
	buf_addf(out, "%zu of %" PRIu64 " instances%s", m->instances.len, m->of, m->instances.len ? ": " : "");
	for (size_t i = 0; i < m->instances.len; i++)
		buf_addf(out, "%s%" PRIu64, i ? ", " : "", m->instances.ptr[i]);
	buf_addc(out, '\n');
}

static void print_text(const struct chaos_result *r, struct buf *out)
{
	struct chaos_finding f[CHAOS_FINDINGS];
	const size_t n = chaos_findings(r, f);
	struct cmp_claim claims[CHAOS_CLAIMS];
	CLEAN_ARENA struct arena a = ARENA_INIT;
	char text[BENCH_TEXT_MAX];

	buf_addf(out, "%s: the hypothesis %s\n", r->function,
		 r->interrupted	 ? "is open: the run was interrupted"
		 : chaos_held(r) ? "held"
				 : "failed");
	buf_addf(out, "%s, seed %" PRIu64 "; ", r->plan->file, r->plan->seed);
	bench_outcome_text(r->load, out);
	buf_addf(out, "\n%s attempts", str_human_count(r->attempts, text, sizeof(text)));
	buf_addf(out, ", %s of them retries", str_human_count(r->retried, text, sizeof(text)));
	buf_addf(out, ", on %s instance%s\n\n", str_human_count(r->instances, text, sizeof(text)),
		 r->instances == 1 ? "" : "s");
	buf_addf(out, "  %-12s %-10s %s\n", "steady state", "limit", "measured");
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "  %-12s %-10s %-10s %s\n", f[i].name, f[i].limit, f[i].measured,
			 f[i].held ? "held" : "NOT HELD");
	cmp_claims_text(&(struct term){ .out = out, .width = WIDTH }, r->plan->claims.source.s, claims,
			chaos_claims(r, &a, claims));
	for (size_t i = 0; i < r->load->nerrors; i++) {
		buf_addz(out, i ? "" : "\nwhat went wrong in the end\n");
		buf_addz(out, "  ");
		bench_error_text(&r->load->errors[i], out);
		buf_addc(out, '\n');
	}
	buf_addz(out, "\ntimeline\n");
	for (size_t i = 0; i < r->marks.len; i++)
		mark_text(r, &r->marks.ptr[i], out);
	for (size_t i = 0; i < r->notes.len; i++)
		buf_addf(out, "%snote: %s\n", i ? "" : "\n", r->notes.ptr[i]);
}

/* ---- JSON: members in the order of their names; times in nanoseconds ---- */

static void add_mark(const struct chaos_result *r, const struct chaos_mark *m, struct buf *out)
{
	member_open(out, NULL, '{');
	member_u64(out, "at", m->at);
	member_text(out, "event", m->end ? "end" : "begin");
	member_text(out, "fault", fault_name[r->plan->faults.ptr[m->fault].kind]);
	member_u64(out, "hits", m->hits);
	member_open(out, "instances", '[');
	for (size_t k = 0; k < m->instances.len; k++)
		member_u64(out, NULL, m->instances.ptr[k]);
	buf_addc(out, ']');
	member_u64(out, "nth", m->nth);
	member_u64(out, "number", m->fault + 1);
	member_u64(out, "of", m->of);
	buf_addc(out, '}');
}

static void add_second(const struct load_second *s, struct buf *out)
{
	member_open(out, NULL, '{');
	member_u64(out, "failed", s->failed);
	member_u64(out, "ok", s->ok);
	member_u64(out, "p50", s->p50);
	member_u64(out, "p99", s->p99);
	buf_addc(out, '}');
}

static void print_json(const struct chaos_result *r, struct buf *out)
{
	struct chaos_finding f[CHAOS_FINDINGS];
	const size_t n = chaos_findings(r, f);
	struct cmp_claim claims[CHAOS_CLAIMS];
	CLEAN_ARENA struct arena a = ARENA_INIT;

	buf_addc(out, '{');
	member_some(out, "aborted", r->aborted);
	member_u64(out, "attempts", r->attempts);
	member_open(out, "calls", '{');
	for (unsigned o = 0; o < LOAD_OUTCOMES; o++)
		member_u64(out, load_outcome_name[o], r->load->calls[o]);
	buf_addc(out, '}');
	member(out, "claims");
	cmp_claims_json(claims, chaos_claims(r, &a, claims), out);
	member_u64(out, "failed", r->failed);
	member_open(out, "findings", '[');
	for (size_t i = 0; i < n; i++) {
		member_open(out, NULL, '{');
		member_bool(out, "held", f[i].held);
		member_text(out, "limit", f[i].limit);
		member_text(out, "measured", f[i].measured);
		member_text(out, "name", f[i].name);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	member_text(out, "function", r->function);
	member_bool(out, "held", chaos_held(r) && !r->interrupted);
	member_u64(out, "instances", r->instances);
	member_bool(out, "interrupted", r->interrupted);
	member_u64(out, "lost", lost(r));
	member_strs(out, "notes", &r->notes);
	member_u64(out, "p99", p99(r));
	member_text(out, "plan", r->plan->file);
	member_text(out, "project", r->project);
	member_u64(out, "retried", r->retried);
	member_open(out, "seconds", '[');
	for (size_t i = 0; i < r->load->seconds.len; i++)
		add_second(&r->load->seconds.ptr[i], out);
	buf_addc(out, ']');
	member_u64(out, "seed", r->plan->seed);
	member_open(out, "timeline", '[');
	for (size_t i = 0; i < r->marks.len; i++)
		add_mark(r, &r->marks.ptr[i], out);
	buf_addc(out, ']');
	member_text(out, "version", r->version);
	buf_addz(out, "}\n");
}

void chaos_print(const struct chaos_result *r, enum chaos_format format, struct buf *out)
{
	if (format == CHAOS_JSON)
		print_json(r, out);
	else if (format == CHAOS_HTML)
		chaos_print_html(r, out);
	else
		print_text(r, out);
}

void chaos_schedule_print(const struct fault_plan *p, enum chaos_format format, struct buf *out)
{
	CLEAN_SCHEDULE struct schedule s = { .ptr = NULL };

	fault_plan_schedule(p, &s);
	if (format == CHAOS_JSON)
		buf_addz(out, "{\"schedule\":[");
	for (size_t i = 0; i < s.len; i++) {
		const struct firing *f = &s.ptr[i];
		const struct plan_fault *fault = &p->faults.ptr[f->fault];

		if (format == CHAOS_JSON) {
			member_open(out, NULL, '{');
			member_u64(out, "at", f->at * LOOP_MS);
			member_text(out, "fault", fault_name[fault->kind]);
			member_u64(out, "nth", f->nth);
			member_u64(out, "number", f->fault + 1);
			buf_addc(out, '}');
			continue;
		}
		buf_addf(out, "  %9.3f s  ", (double)f->at / 1e3);
		chaos_what_text(fault, out);
		buf_addf(out, ", #%u\n", f->nth);
	}
	if (format == CHAOS_JSON)
		buf_addf(out, "],\"seed\":%" PRIu64 "}\n", p->seed);
}
