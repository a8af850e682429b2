/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a run: the verdict, what had to hold, which faults went on when, and what the calls did meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "local/bench.h"
#include "local/chaos.h"
#include "report/compare_print.h"

#define LANES 60u   /* faults that are drawn */
#define LEAST 0.35  /* of a hundred: what took no time is seen, too */
#define MARKS 2000u /* lines of the table */

static void add_card(struct buf *out, bool bad, const char *title, const char *value, const char *below)
{
	buf_addf(out, "<div class=\"card panel\"><p>%s</p><p class=\"value%s\">", title, bad ? " bad" : "");
	html_text(out, value);
	buf_addz(out, "</p><p>");
	html_text(out, below);
	buf_addz(out, "</p></div>");
}

static void add_cards(struct buf *out, const struct chaos_result *r)
{
	const bool held = chaos_held(r) && !r->interrupted;
	char text[BENCH_TEXT_MAX], below[BENCH_TEXT_MAX * 2];

	buf_addz(out, "<div class=\"cards\">");
	add_card(out, !held, "the hypothesis",
		 r->interrupted ? "open"
		 : held		? "held"
				: "failed",
		 r->interrupted	 ? "interrupted"
		 : r->aborted[0] ? "aborted"
				 : "at the plan's end");
	snprintf(below, sizeof(below), "of %s", str_human_count(load_result_calls(r->load), text, sizeof(text)));
	add_card(out, bench_failed(r->load) != 0, "not done",
		 str_human_count(bench_failed(r->load), text, sizeof(text)), below);
	snprintf(below, sizeof(below), "of %s attempts", str_human_count(r->attempts, text, sizeof(text)));
	add_card(out, false, "attempts that failed", str_human_count(r->failed, text, sizeof(text)), below);
	snprintf(below, sizeof(below), "on %s instance%s", str_human_count(r->instances, text, sizeof(text)),
		 r->instances == 1 ? "" : "s");
	add_card(out, false, "tried again", str_human_count(r->retried, text, sizeof(text)), below);
	buf_addz(out, "</div>");
}

static void add_findings(struct buf *out, const struct chaos_result *r)
{
	struct chaos_finding f[CHAOS_FINDINGS];
	const size_t n = chaos_findings(r, f);
	struct cmp_claim claims[CHAOS_CLAIMS];
	CLEAN_ARENA struct arena a = ARENA_INIT;

	buf_addz(out,
		 "<section aria-labelledby=\"steady\"><h2 id=\"steady\">What had to hold</h2><div class=\"scroll\" "
		 "tabindex=\"0\" role=\"region\" aria-label=\"table: what had to hold\"><table class=\"claims\">"
		 "<thead><tr><th scope=\"col\">steady state</th><th scope=\"col\">limit</th>"
		 "<th scope=\"col\">measured</th><th scope=\"col\">verdict</th></tr></thead><tbody>");
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "<tr><th scope=\"row\">%s</th><td>", f[i].name);
		html_text(out, f[i].limit);
		buf_addz(out, "</td><td>");
		html_text(out, f[i].measured);
		buf_addf(out, "</td><td class=\"%s\">%s</td></tr>", f[i].held ? "best" : "bad",
			 f[i].held ? "held" : "not held");
	}
	buf_addz(out, "</tbody></table></div>");
	cmp_claims_html(r->plan->claims.source.s, claims, chaos_claims(r, &a, claims), out);
	buf_addz(out, "</section>");
}

/* ---- the timeline ---- */

static double seconds_of(const struct chaos_result *r)
{
	const double plan = (double)r->plan->duration / 1e3;

	return (double)r->load->seconds.len > plan ? (double)r->load->seconds.len : plan;
}

static uint64_t end_of(const struct chaos_result *r, size_t begin)
{
	const struct chaos_mark *b = &r->marks.ptr[begin];

	for (size_t i = begin + 1; i < r->marks.len; i++)
		if (r->marks.ptr[i].fault == b->fault && r->marks.ptr[i].nth == b->nth && r->marks.ptr[i].end)
			return r->marks.ptr[i].at;
	return b->at;
}

static void add_lane(struct buf *out, const struct chaos_result *r, unsigned fault, double all)
{
	CLEAN_BUF struct buf what = BUF_INIT;
	char text[BENCH_TEXT_MAX];
	uint64_t times = 0, met = 0;

	chaos_what_text(&r->plan->faults.ptr[fault], &what);
	buf_addz(out, "<div class=\"dist\"><span class=\"name\">");
	html_text_cut(out, what.ptr, HTML_NAME_MAX);
	buf_addz(out, "</span><svg class=\"plot\" role=\"img\" aria-label=\"when: ");
	html_text_cut(out, what.ptr, HTML_NAME_MAX);
	buf_addz(out, "\"><svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">"
		      "<path class=\"hist\" d=\"M0 92V94H100V92Z\"/>");
	for (size_t i = 0; i < r->marks.len; i++) {
		const struct chaos_mark *m = &r->marks.ptr[i];
		double from, to;

		if (m->fault != fault)
			continue;
		if (m->end || r->plan->faults.ptr[fault].kind == FAULT_KILL)
			met += m->hits;
		if (m->end)
			continue;
		times++;
		from = (double)m->at / 1e7 / all;
		to = (double)end_of(r, i) / 1e7 / all;
		from = from > 100 - LEAST ? 100 - LEAST : from;
		to = to > 100 ? 100 : to < from + LEAST ? from + LEAST : to;
		buf_addf(out, "<path class=\"hist%s\" d=\"M", m->hits || to - from > LEAST ? " fail" : "");
		cmp_add_number(out, UNIT_MICROSECONDS, from);
		buf_addz(out, " 20V92H");
		cmp_add_number(out, UNIT_MICROSECONDS, to);
		buf_addz(out, "V20Z\"/>");
	}
	buf_addf(out, "</svg></svg><span class=\"stat\"><span>times <b>%s</b></span> ",
		 str_human_count(times, text, sizeof(text)));
	buf_addf(out, "<span>met <b>%s</b></span></span></div>", str_human_count(met, text, sizeof(text)));
}

static void add_lanes(struct buf *out, const struct chaos_result *r)
{
	const double all = seconds_of(r);
	const struct axis a = { 0, all, false };

	if (!r->plan->faults.len)
		return;
	buf_addz(out, "<h3>Faults</h3><div class=\"panel\">");
	for (unsigned i = 0; i < r->plan->faults.len && i < LANES; i++)
		add_lane(out, r, i, all);
	buf_addz(out, "<div class=\"dist\" aria-hidden=\"true\"><span></span>");
	axis_add(&a, 1, 1, " s", out);
	buf_addz(out, "<span class=\"stat\">since the run began</span></div></div>");
	if (r->plan->faults.len > LANES)
		buf_addf(out, "<p class=\"legend\">%zu more are in the table alone.</p>", r->plan->faults.len - LANES);
}

static void add_marks(struct buf *out, const struct chaos_result *r)
{
	buf_addz(out,
		 "<h3>In order</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: the "
		 "timeline\"><table class=\"grid\"><thead><tr><th scope=\"col\">fault</th><th scope=\"col\">time</th>"
		 "<th scope=\"col\">number</th><th scope=\"col\">met</th><th scope=\"col\">by number</th></tr></thead>"
		 "<tbody>");
	for (size_t i = 0; i < r->marks.len && i < MARKS; i++) {
		const struct chaos_mark *m = &r->marks.ptr[i];

		buf_addf(out,
			 "<tr><th scope=\"row\">%s%s</th><td data-v=\"%" PRIu64
			 "\">%.3f s</td><td data-v=\"%u\">%u</td>",
			 fault_name[r->plan->faults.ptr[m->fault].kind], m->end ? ": over" : "", m->at,
			 (double)m->at / 1e9, m->nth, m->nth);
		buf_addf(out, "<td data-v=\"%" PRIu64 "\">%" PRIu64, m->hits, m->hits);
		if (m->instances.len)
			buf_addf(out, " of %" PRIu64, m->of);
		buf_addf(out, "</td><td data-v=\"%" PRIu64 "\">", m->instances.len ? m->instances.ptr[0] : 0);
		for (size_t k = 0; k < m->instances.len && k < 8; k++)
			buf_addf(out, "%s%" PRIu64, k ? ", " : "", m->instances.ptr[k]);
		if (m->instances.len > 8)
			buf_addz(out, ", …");
		buf_addz(out, "</td></tr>");
	}
	buf_addz(out, "</tbody></table></div>");
	if (r->marks.len > MARKS)
		buf_addf(out, "<p class=\"legend\">%zu more are in the JSON alone.</p>", r->marks.len - MARKS);
}

static void add_list(struct buf *out, const struct chaos_result *r)
{
	if (r->load->nerrors) {
		buf_addz(out, "<section class=\"panel missed\"><h3>What went wrong in the end</h3><ul>");
		for (size_t i = 0; i < r->load->nerrors; i++) {
			CLEAN_BUF struct buf e = BUF_INIT;

			bench_error_text(&r->load->errors[i], &e);
			buf_addz(out, "<li>");
			html_text(out, e.ptr);
			buf_addz(out, "</li>");
		}
		buf_addz(out, "</ul></section>");
	}
	buf_addz(out, "<section aria-labelledby=\"how\"><h2 id=\"how\">How it was run</h2><p>");
	html_text(out, r->machine ? r->machine : "unknown machine");
	buf_addz(out, "; slsc ");
	html_text(out, r->version);
	buf_addz(out, ".</p>");
	if (r->notes.len)
		buf_addz(out, "<ul>");
	for (size_t i = 0; i < r->notes.len; i++) {
		buf_addz(out, "<li>");
		html_text(out, r->notes.ptr[i]);
		buf_addz(out, "</li>");
	}
	buf_addz(out, r->notes.len ? "</ul></section>" : "</section>");
}

void chaos_print_html(const struct chaos_result *r, struct buf *out)
{
	html_begin(out, r->function, ": chaos");
	buf_addz(out, "<p>");
	if (r->project) {
		html_text_cut(out, r->project, HTML_NAME_MAX);
		buf_addz(out, ", ");
	}
	html_text_cut(out, r->plan->file, HTML_NAME_MAX);
	buf_addf(out, ", seed %" PRIu64 "</p></header><main>", r->plan->seed);
	add_cards(out, r);
	add_findings(out, r);
	buf_addz(out, "<section aria-labelledby=\"timeline\"><h2 id=\"timeline\">The timeline</h2>");
	add_lanes(out, r);
	bench_over_time(out, r->load);
	if (r->marks.len)
		add_marks(out, r);
	buf_addz(out, "</section>");
	add_list(out, r);
	html_end(out);
}
