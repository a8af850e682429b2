/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "local/bench.h"
#include "report/compare_print.h"

/* The page: cards, a table of latencies, how they are distributed, what happened when. */

#define BINS 100
#define SECONDS 300 /* points of a chart over time: more are put together */
#define NINES 100   /* points of the percentiles' curve, to 99.999 % */
#define PER_POINT 0.8912509381337456 /* 10^-0.05 */

static void add_stat(struct buf *out, const char *name, double ns)
{
	char text[BENCH_TEXT_MAX];

	buf_addf(out, "<span>%s <b>%s</b></span> ", name, str_human_ns(ns, text, sizeof(text)));
}

static void add_axis(struct buf *out, const struct axis *a, double least, double divide, const char *unit,
		     const char *word)
{
	buf_addz(out, "<div class=\"dist\" aria-hidden=\"true\"><span></span>");
	axis_add(a, least, divide, unit, out);
	buf_addf(out, "<span class=\"stat\">%s</span></div>", word);
}

/* ---- how latencies are distributed ---- */

static void add_bins(struct buf *out, const uint64_t *bins, const char *class)
{
	uint64_t most = 1, last = 0;

	for (size_t i = 0; i < BINS; i++)
		most = bins[i] > most ? bins[i] : most;
	buf_addf(out, "<path class=\"%s\" d=\"M0 100", class);
	for (size_t i = 0; i < BINS; i++) {
		if (bins[i] == last)
			continue;
		buf_addf(out, "H%zuV", i);
		/* what is there at all is seen */
		html_plot_y(out, bins[i] ? 0.02 + 0.88 * (double)bins[i] / (double)most : 0);
		last = bins[i];
	}
	buf_addf(out, "H%dV100Z\"/>", BINS);
}

static void add_share(struct buf *out, const uint64_t *bins, uint64_t n)
{
	uint64_t sum = 0;

	buf_addz(out, "<path class=\"ecdf\" d=\"M0 100");
	for (size_t i = 0; i < BINS; i++) {
		if (!bins[i])
			continue;
		sum += bins[i];
		buf_addf(out, "H%zuV", i + 1);
		html_plot_y(out, (double)sum / (double)n);
	}
	buf_addf(out, "H%d\"/>", BINS);
}

static void add_upright(struct buf *out, const struct axis *a, double v)
{
	buf_addz(out, "<line class=\"p50\" y1=\"0\" y2=\"100%\" x1=\"");
	html_percent(out, axis_place(a, v) * 100);
	buf_addz(out, "\" x2=\"");
	html_percent(out, axis_place(a, v) * 100);
	buf_addz(out, "\"/>");
}

static void add_dist(struct buf *out, const struct bench_row *row, const struct axis *a)
{
	CLEAN_BUF struct buf label = BUF_INIT;
	uint64_t bins[BINS] = { 0 };
	char text[BENCH_TEXT_MAX];
	const struct hist *h = row->h;

	buf_addf(&label, "%s: %s calls, ", row->name, str_human_count(h->n, text, sizeof(text)));
	buf_addf(&label, "p50 %s, ", str_human_ns((double)hist_percentile(h, 50), text, sizeof(text)));
	buf_addf(&label, "p99 %s", str_human_ns((double)hist_percentile(h, 99), text, sizeof(text)));
	html_plot_begin(out, row->name, label.ptr);
	bench_bins(h, a, bins, BINS);
	add_bins(out, bins, strcmp(row->name, "failed") == 0 ? "hist fail" : "hist");
	add_share(out, bins, h->n);
	buf_addz(out, "</svg>");
	add_upright(out, a, (double)hist_percentile(h, 50));
	buf_addz(out, "</svg><span class=\"stat\">");
	add_stat(out, "p50", (double)hist_percentile(h, 50));
	add_stat(out, "p90", (double)hist_percentile(h, 90));
	add_stat(out, "p99", (double)hist_percentile(h, 99));
	add_stat(out, "max", (double)h->max);
	html_plot_end(out);
}

/* Percentiles with an equal room for each nine: a tail of one in a thousand is as wide as all that is before it. */
static void add_nines(struct buf *out, const struct bench_rows *rows, const struct axis *a)
{
	const struct hist *h = &rows->all;
	double rest = 1;

	buf_addz(out, "<div class=\"panel\"><h3>The tail</h3>");
	html_plot_begin(out, "latency by percentile", "the latency that a share of calls stayed below, up to 99.999 %");
	buf_addz(out, "<path class=\"ecdf\" d=\"M0 ");
	html_plot_y(out, axis_place(a, (double)h->min));
	for (size_t i = 0; i <= NINES; i++, rest *= PER_POINT) {
		buf_addf(out, "L%zu ", i);
		html_plot_y(out, axis_place(a, (double)hist_percentile(h, 100 - 100 * rest)));
	}
	buf_addz(out, "\"/></svg></svg><span class=\"stat\">");
	add_stat(out, "p99.9", (double)hist_percentile(h, 99.9));
	add_stat(out, "p99.99", (double)hist_percentile(h, 99.99));
	add_stat(out, "top", a->hi);
	add_stat(out, "bottom", a->lo);
	html_plot_end(out);
	buf_addz(out, "<div class=\"dist\" aria-hidden=\"true\"><span></span><svg class=\"axis\">");
	for (int i = 0; i <= 5; i++) {
		static const char *const name[] = { "0", "90 %", "99", "99.9", "99.99", "99.999" };

		buf_addf(out, "<line x1=\"%d%%\" x2=\"%d%%\" y1=\"0\" y2=\"5\"/><text x=\"%d%%\" y=\"18\" "
			 "class=\"%s\">%s</text>", i * 20, i * 20, i * 20, i == 0 ? "l" : i == 5 ? "r" : "m", name[i]);
	}
	buf_addz(out, "</svg><span class=\"stat\">logarithmic</span></div></div>");
}

static void add_distributions(struct buf *out, const struct bench_rows *rows)
{
	const struct axis a = bench_axis(&rows->all);

	/* CPU, init and the function's own time are of another size: their lines of the table are enough */
	if (!rows->all.n)
		return;
	buf_addz(out, "<p>Filled: how many calls took so long. <span class=\"key k1\">Line</span>: the share that took "
		      "at most so long. <span class=\"key k3\">Upright</span>: the median.</p><div class=\"panel\">");
	for (size_t i = 0; i < rows->n; i++) {
		const char *name = rows->row[i].name;

		if (strcmp(name, "all") == 0 || strcmp(name, "warm") == 0 || strcmp(name, "cold") == 0 ||
		    strcmp(name, "failed") == 0 || strcmp(name, "corrected") == 0)
			add_dist(out, &rows->row[i], &a);
	}
	add_axis(out, &a, 1, 1e6, " ms", "logarithmic");
	buf_addz(out, "</div>");
	add_nines(out, rows, &a);
}

/* ---- over time ---- */

struct point {
	double ok, failed, p50, p99;	/* a second; ns, of the worst second put together here */
};

static size_t points_of(const struct load_result *r, struct point p[SECONDS], size_t *each)
{
	const size_t n = r->seconds.len;

	*each = (n + SECONDS - 1) / SECONDS;
	for (size_t i = 0; i < n; i++) {
		const struct load_second *s = &r->seconds.ptr[i];
		struct point *to = &p[i / *each];
		const size_t in = (i / *each + 1) * *each <= n ? *each : n - i / *each * *each;

		to->ok += (double)s->ok / (double)in;
		to->failed += (double)s->failed / (double)in;
		to->p50 = (double)s->p50 > to->p50 ? (double)s->p50 : to->p50;
		to->p99 = (double)s->p99 > to->p99 ? (double)s->p99 : to->p99;
	}
	return *each ? (n + *each - 1) / *each : 0;
}

static void add_steps(struct buf *out, const struct point *p, size_t n, size_t member, double most, const char *class,
		      bool filled)
{
	buf_addf(out, "<path class=\"%s\" d=\"M0 %s", class, filled ? "100" : "");
	for (size_t i = 0; i < n; i++) {
		const double v = ((const double *)&p[i])[member], x = (double)(i + 1) * 100 / (double)n;

		if (filled || i)
			buf_addc(out, 'V');
		html_plot_y(out, most > 0 ? v / most * 0.95 : 0);
		buf_addc(out, 'H');
		cmp_add_number(out, UNIT_MICROSECONDS, x);
	}
	buf_addz(out, filled ? "V100Z\"/>" : "\"/>");
}

void bench_over_time(struct buf *out, const struct load_result *r)
{
	struct point p[SECONDS] = { { 0 } };
	size_t each, n = points_of(r, p, &each);
	const struct axis a = { 0, (double)r->seconds.len, false };
	double most = 0, slowest = 0, failed = 0;
	CLEAN_BUF struct buf label = BUF_INIT;

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		most = p[i].ok > most ? p[i].ok : most;
		failed = p[i].failed > failed ? p[i].failed : failed;
		slowest = p[i].p99 > slowest ? p[i].p99 : slowest;
	}
	most = failed > most ? failed : most;
	buf_addf(&label, "calls answered in each second, %.0f at most", most);
	buf_addz(out, "<h3>Over time</h3><div class=\"panel\">");
	html_plot_begin(out, "answers a second", label.ptr);
	add_steps(out, p, n, 0, most, "hist", true);
	if (failed > 0)
		add_steps(out, p, n, 1, most, "hist fail", true);
	buf_addf(out, "</svg></svg><span class=\"stat\"><span>most <b>%.0f</b></span> ", most);
	if (failed > 0)
		buf_addf(out, "<span>failed, most <b>%.0f</b></span>", failed);
	html_plot_end(out);
	html_plot_begin(out, "latency", "p50 and p99 of each second");
	add_steps(out, p, n, 3, slowest, "ecdf", false);
	add_steps(out, p, n, 2, slowest, "ref", false);
	buf_addz(out, "</svg></svg><span class=\"stat\">");
	add_stat(out, "<span class=\"key k1\">p99</span>, most", slowest);
	buf_addz(out, "<span class=\"key k2\">p50</span>");
	html_plot_end(out);
	add_axis(out, &a, 1, 1, " s", "since measuring began");
	buf_addz(out, "</div>");
}

/* ---- tables ---- */

static void add_cell(struct buf *out, double ns)
{
	char text[BENCH_TEXT_MAX];

	buf_addz(out, "<td data-v=\"");
	cmp_add_number(out, UNIT_BYTES, ns);
	buf_addf(out, "\">%s</td>", str_human_ns(ns, text, sizeof(text)));
}

static void add_table(struct buf *out, const struct bench_rows *rows, const char *name)
{
	static const double at[] = { 50, 90, 99, 99.9 };
	char text[BENCH_TEXT_MAX];

	buf_addf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: %s\">"
		 "<table class=\"grid\"><thead><tr><th scope=\"col\">times</th><th scope=\"col\">calls</th>"
		 "<th scope=\"col\">min</th>"
		 "<th scope=\"col\">mean</th><th scope=\"col\">p50</th><th scope=\"col\">p90</th>"
		 "<th scope=\"col\">p99</th>"
		 "<th scope=\"col\">p99.9</th><th scope=\"col\">max</th></tr></thead><tbody>", name);
	for (size_t i = 0; i < rows->n; i++) {
		const struct hist *h = rows->row[i].h;

		buf_addf(out, "<tr><th scope=\"row\">%s<small>%s</small></th><td data-v=\"%" PRIu64 "\">%s</td>",
			 rows->row[i].name, rows->row[i].what, h->n, str_human_count(h->n, text, sizeof(text)));
		add_cell(out, (double)h->min);
		add_cell(out, hist_mean(h));
		for (size_t k = 0; k < ARRAY_LEN(at); k++)
			add_cell(out, (double)hist_percentile(h, at[k]));
		add_cell(out, (double)h->max);
		buf_addz(out, "</tr>");
	}
	buf_addz(out, "</tbody></table></div>");
}

static void add_errors(struct buf *out, const struct load_result *r)
{
	if (!r->nerrors)
		return;
	buf_addz(out, "<section class=\"panel missed\"><h3>What went wrong</h3><ul>");
	for (size_t i = 0; i < r->nerrors; i++) {
		CLEAN_BUF struct buf e = BUF_INIT;

		bench_error_text(&r->errors[i], &e);
		buf_addz(out, "<li>");
		html_text(out, e.ptr);
		buf_addz(out, "</li>");
	}
	if (r->errors_other)
		buf_addf(out, "<li>%" PRIu64 " of other kinds</li>", r->errors_other);
	buf_addz(out, "</ul></section>");
}

static void add_sentence(struct buf *out, const char *text)
{
	if (!*text)
		return;
	buf_addz(out, "<p>");
	buf_addc(out, *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text);
	html_text(out, text + 1);
	buf_addz(out, ".</p>");
}

static void add_part(struct buf *out, const struct bench_part *p, const char *id, const char *title)
{
	const struct load_result *r = p->result;
	CLEANUP(bench_rows_release) struct bench_rows rows;
	CLEAN_BUF struct buf text = BUF_INIT;

	bench_rows_init(&rows, r);
	buf_addf(out, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">", id, id);
	html_text(out, title);
	buf_addz(out, "</h2>");
	bench_outcome_text(r, &text);
	add_sentence(out, text.ptr);
	buf_reset(&text);
	bench_use_text(r, &text);
	add_sentence(out, text.ptr);
	buf_reset(&text);
	if (strcmp(id, "cold") == 0)
		bench_interval_text(r, &text);
	add_sentence(out, text.ptr);
	add_errors(out, r);
	if (rows.n)
		add_table(out, &rows, id);
	add_distributions(out, &rows);
	bench_over_time(out, r);
	buf_addz(out, "</section>");
}

/* ---- the page ---- */

static void add_card(struct buf *out, bool bad, const char *title, const char *value, const char *below)
{
	buf_addf(out, "<div class=\"card panel\"><p>%s</p><p class=\"value%s\">%s</p><p>%s</p></div>", title,
		 bad ? " bad" : "", value, below);
}

static void add_time_card(struct buf *out, const char *title, const struct hist *h, double p, const char *below)
{
	char text[BENCH_TEXT_MAX];

	add_card(out, false, title, str_human_ns((double)hist_percentile(h, p), text, sizeof(text)), below);
}

static void add_cards(struct buf *out, const struct bench_result *r)
{
	const struct load_result *l = r->load.result, *c = r->cold.result;
	char text[BENCH_TEXT_MAX], below[BENCH_TEXT_MAX * 2];

	buf_addz(out, "<div class=\"cards\">");
	if (l) {
		CLEAN_HIST struct hist all;
		const uint64_t rate = (uint64_t)(bench_throughput(l) + 0.5);

		load_result_all(l, &all);
		add_card(out, false, "a second", str_human_count(rate, text, sizeof(text)), "that went well");
		add_time_card(out, "p50", &all, 50, "of all calls");
		add_time_card(out, "p99", &all, 99, "of all calls");
		snprintf(below, sizeof(below), "of %s", str_human_count(load_result_calls(l), text, sizeof(text)));
		str_human_count(bench_failed(l), text, sizeof(text));
		add_card(out, bench_failed(l) != 0, "failed", text, below);
	}
	if (c && c->cold.n) {
		snprintf(below, sizeof(below), "median of %s", str_human_count(c->cold.n, text, sizeof(text)));
		add_time_card(out, "cold start", &c->cold, 50, below);
	}
	buf_addz(out, "</div>");
}

static void add_how(struct buf *out, const struct bench_result *r)
{
	CLEAN_STRS struct strs notes = { 0 };

	bench_notes(r, &notes);
	buf_addz(out, "<section aria-labelledby=\"how\"><h2 id=\"how\">How it was measured</h2><p>");
	html_text(out, r->machine ? r->machine : "unknown machine");
	buf_addz(out, "; slsc ");
	html_text(out, r->version);
	buf_addz(out, ".</p>");
	if (notes.len)
		buf_addz(out, "<ul>");
	for (size_t i = 0; i < notes.len; i++) {
		buf_addz(out, "<li>");
		html_text(out, notes.ptr[i]);
		buf_addz(out, "</li>");
	}
	buf_addz(out, notes.len ? "</ul></section>" : "</section>");
}

void bench_print_html(const struct bench_result *r, struct buf *out)
{
	html_begin(out, r->function, ": benchmark");
	buf_addz(out, "<p>");
	if (r->project) {
		html_text_cut(out, r->project, HTML_NAME_MAX);
		buf_addz(out, r->what ? ", " : "");
	}
	html_text(out, r->what ? r->what : "");
	buf_addz(out, "</p></header><main>");
	add_cards(out, r);
	if (r->load.result) {
		CLEAN_BUF struct buf title = BUF_INIT;

		bench_course_text(&r->load.spec, &title);
		if (title.ptr[0] >= 'a' && title.ptr[0] <= 'z')
			title.ptr[0] = (char)(title.ptr[0] - 'a' + 'A');
		add_part(out, &r->load, "load", title.ptr);
	}
	if (r->cold.result)
		add_part(out, &r->cold, "cold", "Cold starts, each on an instance of its own");
	add_how(out, r);
	html_end(out);
}
