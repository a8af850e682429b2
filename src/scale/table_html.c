/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "report/compare_print.h"
#include "report/html.h"
#include "scale/table.h"

/* The page: who wins at what, the table, and what each policy did when. */

#define POINTS 300 /* of a chart: more are put together */
#define TEXT   64

/** Some intervals together: the mean of what came, the most of all else. */
struct spot {
	double arrivals, ready, wanted, waiting, slowest;
};

struct course {
	struct spot spot[POINTS];
	size_t n;
};

static void read_course(const struct table *t, const struct table_row *r, struct course *c)
{
	const size_t n = r->r.points.len, each = (n + POINTS - 1) / POINTS;
	const double seconds = (double)t->sim.interval / 1e9;

	*c = (struct course){ .n = each ? (n + each - 1) / each : 0 };
	for (size_t i = 0; i < n; i++) {
		const struct sim_point *p = &r->r.points.ptr[i];
		struct spot *to = &c->spot[i / each];
		const size_t in = (i / each + 1) * each <= n ? each : n - i / each * each;

		to->arrivals += p->arrivals / seconds / (double)in;
		to->ready = p->up > to->ready ? p->up : to->ready;
		to->wanted = p->wanted > to->wanted ? p->wanted : to->wanted;
		to->waiting = p->queue > to->waiting ? p->queue : to->waiting;
		to->slowest = (double)p->slowest > to->slowest ? (double)p->slowest : to->slowest;
	}
}

static double part_of(const struct spot *s, size_t member, double most, const struct axis *a)
{
	const double v = ((const double *)s)[member];

	if (a)
		return v > 0 ? axis_place(a, v) * 0.95 : 0;
	return most > 0 ? v / most * 0.95 : 0;
}

static void add_steps(struct buf *out, const struct course *c, size_t member, double most, const struct axis *a,
		      const char *class, bool filled)
{
	buf_addf(out, "<path class=\"%s\" d=\"M0 %s", class, filled ? "100" : "");
	for (size_t i = 0; i < c->n; i++) {
		if (filled || i)
			buf_addc(out, 'V');
		html_plot_y(out, part_of(&c->spot[i], member, most, a));
		buf_addc(out, 'H');
		cmp_add_number(out, UNIT_MICROSECONDS, (double)(i + 1) * 100 / (double)c->n);
	}
	buf_addz(out, filled ? "V100Z\"/>" : "\"/>");
}

#define MEMBER(name) (offsetof(struct spot, name) / sizeof(double))

static void add_time_axis(const struct table *t, struct buf *out)
{
	const double end = (double)t->sim.arrivals->end / 1e9;
	const struct axis a = { 0, end, false };
	const bool minutes = end > 600;

	buf_addz(out, "<div class=\"dist\" aria-hidden=\"true\"><span></span>");
	axis_add(&a, minutes ? 60 : 1, minutes ? 60 : 1, minutes ? " min" : " s", out);
	buf_addz(out, "<span class=\"stat\">since the load began</span></div>");
}

static void add_instances(const struct table *t, const struct course *all, struct buf *out)
{
	double most = 1, busiest = 0;
	char text[TEXT];

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < all[i].n; k++) {
			const struct spot *s = &all[i].spot[k];

			most = s->ready > most ? s->ready : most;
			most = s->wanted > most ? s->wanted : most;
			busiest = s->arrivals > busiest ? s->arrivals : busiest;
		}
	buf_addz(out,
		 "<section aria-labelledby=\"when\"><h2 id=\"when\">What they did when</h2><p>The area is requests "
		 "a second, as they came; the lines are instances: those that were ready, and, dashed, those that "
		 "the policy wanted. All have one scale; the numbers are the most that were there, and how "
		 "many were started "
		 "since the load rose.</p><div class=\"panel\"><h3>Instances</h3>");
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i];
		CLEAN_BUF struct buf label = BUF_INIT;

		buf_addf(&label, "%s: %s instances at most, over time", r->name,
			 str_human_count(r->r.peak, text, sizeof(text)));
		html_plot_begin(out, r->name, label.ptr);
		add_steps(out, &all[i], MEMBER(arrivals), busiest, NULL, "hist", true);
		add_steps(out, &all[i], MEMBER(wanted), most, NULL, "ref", false);
		add_steps(out, &all[i], MEMBER(ready), most, NULL, "ecdf", false);
		buf_addf(out,
			 "</svg></svg><span class=\"stat\"><span><span class=\"key k1\">ready</span> <b>%s</b></span> ",
			 str_human_count(r->r.peak, text, sizeof(text)));
		buf_addf(out, "<span><span class=\"key k2\">wanted</span></span> <span>started <b>%s</b></span>",
			 str_human_count(r->r.colds, text, sizeof(text)));
		html_plot_end(out);
	}
	add_time_axis(t, out);
	buf_addz(out, "</div>");
}

static void add_slowest(const struct table *t, const struct course *all, struct buf *out)
{
	struct axis a = { 1e12, 1, true };
	char text[TEXT], other[TEXT];

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < all[i].n; k++) {
			const double v = all[i].spot[k].slowest;

			a.lo = v > 0 && v < a.lo ? v : a.lo;
			a.hi = v > a.hi ? v : a.hi;
		}
	a.lo = a.lo < a.hi ? a.lo / 2 : a.hi / 2;
	buf_addf(out, "<div class=\"panel\"><h3>The slowest answer of each interval, from %s to %s, logarithmic</h3>",
		 str_human_ns(a.lo, text, sizeof(text)), str_human_ns(a.hi, other, sizeof(other)));
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->row[i];
		CLEAN_BUF struct buf label = BUF_INIT;

		buf_addf(&label, "%s: slowest %s", r->name,
			 table_ns_text((double)r->r.latency.max, text, sizeof(text)));
		html_plot_begin(out, r->name, label.ptr);
		add_steps(out, &all[i], MEMBER(slowest), 0, &a, "ecdf", false);
		buf_addf(out, "</svg></svg><span class=\"stat\"><span>p99 <b>%s</b></span> ",
			 table_ns_text(table_value(t, r, BY_P99), text, sizeof(text)));
		buf_addf(out, "<span>max <b>%s</b></span>",
			 table_ns_text((double)r->r.latency.max, text, sizeof(text)));
		html_plot_end(out);
	}
	add_time_axis(t, out);
	buf_addz(out, "</div></section>");
}

/* ---- the table ---- */

static void add_cell(struct buf *out, bool best, double v, const char *text)
{
	buf_addf(out, "<td%s data-v=\"%.6f\">%s</td>", best ? " class=\"best\"" : "", v < 0 ? 1e300 : v, text);
}

/* As good as the best, as far as the table shows it. */
static bool is_best(const struct table *t, const struct table_row *r, enum table_by by)
{
	const struct table_row *best = table_best(t, by);

	if (!best || table_value(t, r, by) < 0 || (by == BY_SCALED && t->sim.arrivals->step == ARRIVALS_NEVER))
		return false;
	return table_value(t, r, by) <= table_value(t, best, by) &&
	       (by == BY_MAE || table_keeps_up(r) >= table_keeps_up(best));
}

static void add_row(const struct table *t, const struct table_row *r, struct buf *out)
{
	const double waited = r->r.latency.n ? 100 * (double)r->r.waited / (double)r->r.latency.n : 0;
	char text[TEXT];

	buf_addf(out, "<tr><th scope=\"row\">%s</th>", r->name);
	add_cell(out, false, r->r.peak, str_human_count(r->r.peak, text, sizeof(text)));
	add_cell(out, is_best(t, r, BY_MEMORY), (double)table_memory(t, r),
		 str_human_size(table_memory(t, r), text, sizeof(text)));
	for (int k = 0; k < 2; k++) {
		const double v = (double)hist_percentile(&r->r.latency, k ? 99 : 50);

		add_cell(out, k && is_best(t, r, BY_P99), v, table_ns_text(v, text, sizeof(text)));
	}
	add_cell(out, is_best(t, r, BY_SCALED), table_value(t, r, BY_SCALED),
		 table_scaled_text(t, r, text, sizeof(text)));
	snprintf(text, sizeof(text), "%.2f %%", waited);
	add_cell(out, false, waited, text);
	add_cell(out, false, (double)r->r.refused, str_human_count(r->r.refused, text, sizeof(text)));
	add_cell(out, is_best(t, r, BY_COST), r->cost, table_cost_text(t, r->cost, text, sizeof(text)));
	add_cell(out, r->forecasts && is_best(t, r, BY_MAE), table_value(t, r, BY_MAE),
		 table_mae_text(r, text, sizeof(text)));
	add_cell(out, false, r->forecasts ? r->error.smape : -1, table_smape_text(r, text, sizeof(text)));
	buf_addz(out, "</tr>");
}

static void add_table(const struct table *t, struct buf *out)
{
	static const char *const heads[] = { "policy", "instances", "memory", "p50", "p99",  "scale-out",
					     "waited", "refused",   "cost",   "MAE", "sMAPE" };
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct cmp_claim *claims;
	const size_t n = table_claims(t, &a, &claims);

	buf_addz(out, "<section aria-labelledby=\"table\"><h2 id=\"table\">The policies</h2><div class=\"scroll\" "
		      "tabindex=\"0\" role=\"region\" aria-label=\"table: policies\"><table "
		      "class=\"grid\"><thead><tr>");
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		buf_addf(out, "<th scope=\"col\">%s</th>", heads[i]);
	buf_addz(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < t->n; i++)
		add_row(t, &t->row[i], out);
	buf_addz(out, "</tbody></table></div><p class=\"legend\">scale-out: from the step until as many instances are "
		      "ready as "
		      "it keeps busy, and nobody waits. MAE and sMAPE: how far forecasts of requests a second were "
		      "off.</p>");
	if (n)
		cmp_claims_html(t->claims->source, claims, n, out);
	buf_addz(out, "</section>");
}

/* ---- the page ---- */

static void add_card(struct buf *out, bool bad, const char *title, const char *value, const char *below)
{
	buf_addf(out, "<div class=\"card panel\"><p>%s</p><p class=\"value%s\">%s</p><p>%s</p></div>", title,
		 bad ? " bad" : "", value, below);
}

static void add_cards(const struct table *t, struct buf *out)
{
	const struct table_row *winner = table_winner(t), *r;
	char text[TEXT], below[2 * TEXT];

	buf_addz(out, "<div class=\"cards\">");
	if (t->goal) {
		snprintf(below, sizeof(below), "cheapest with p99 within %s",
			 str_human_ns((double)t->goal, text, sizeof(text)));
		add_card(out, !winner, "wins", winner ? winner->name : "none", below);
	}
	r = table_best(t, BY_P99);
	if (r)
		add_card(out, false, "lowest p99", table_ns_text(table_value(t, r, BY_P99), text, sizeof(text)),
			 r->name);
	r = table_best(t, BY_SCALED);
	if (r && t->sim.arrivals->step != ARRIVALS_NEVER)
		add_card(out, false, "fastest to scale out", table_scaled_text(t, r, text, sizeof(text)), r->name);
	r = table_best(t, BY_MEMORY);
	if (r)
		add_card(out, false, "least memory", str_human_size(table_memory(t, r), text, sizeof(text)), r->name);
	r = table_best(t, BY_COST);
	if (r)
		add_card(out, false, "cheapest", table_cost_text(t, r->cost, text, sizeof(text)), r->name);
	buf_addz(out, "</div>");
}

static void add_list(struct buf *out, const char *id, const char *title, const struct strs *v)
{
	if (!v->len)
		return;
	buf_addf(out, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2><ul>", id, id, title);
	for (size_t i = 0; i < v->len; i++) {
		buf_addz(out, "<li>");
		html_text(out, v->ptr[i]);
		buf_addz(out, "</li>");
	}
	buf_addz(out, "</ul></section>");
}

void table_print_html(const struct table *t, struct buf *out)
{
	CLEAN_FREE struct course *all = xcalloc(t->n + 1, sizeof(*all));
	CLEAN_STRS struct strs truth = { 0 };

	for (size_t i = 0; i < t->n; i++)
		read_course(t, &t->row[i], &all[i]);
	html_begin(out, "Policies of scaling", ", simulated");
	buf_addz(out, "<p>");
	html_text(out, t->load);
	buf_addz(out, ". Service ");
	html_text(out, t->service);
	buf_addz(out, "; cold start ");
	html_text(out, t->cold);
	buf_addf(out, ". Seed %" PRIu64 ", slsc ", t->sim.seed);
	html_text(out, t->version);
	buf_addz(out, ".</p></header><main>");
	add_cards(t, out);
	add_table(t, out);
	table_truth(t, &truth);
	add_list(out, "truth", "Who wins", &truth);
	add_instances(t, all, out);
	add_slowest(t, all, out);
	add_list(out, "how", "How it was counted", &t->notes);
	html_end(out);
}
