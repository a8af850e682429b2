/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_html.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "report/claims.h"

#define GLANCE_COLUMNS 6
#define REASON_MAX 2000

/* ---- labels ---- */

void html_label(const struct comparison *c, size_t row, struct buf *out)
{
	CLEAN_BUF struct buf label = BUF_INIT;

	cmp_label(c, row, &label);
	html_text_cut(out, label.ptr, HTML_NAME_MAX);
}

void html_share(struct buf *out, uint64_t bytes, uint64_t whole)
{
	const double share = whole ? (double)bytes / (double)whole * 100 : 0;

	buf_addf(out, share > 0 && share < 0.05 ? "&lt;0.1 %%" : "%.1f %%", share);
}

/* ---- tables ---- */

static void add_cell(const struct comparison *c, size_t row, enum cmp_col col, struct buf *out)
{
	const double v = c->rows[row].value[col];
	char value[CMP_TEXT_MAX], ratio[CMP_TEXT_MAX];
	const bool best = cmp_best(c, row, col), emulated = c->rows[row].emulated && cmp_of_run(col) && isfinite(v);

	buf_addz(out, best ? "<td class=\"best\"" : emulated ? "<td class=\"emu\"" : "<td");
	if (isfinite(v)) {
		buf_addz(out, " data-v=\"");
		cmp_add_number(out, cmp_cols[col].unit, v);
		buf_addc(out, '"');
	}
	buf_addf(out, ">%s%s", best ? "★ " : emulated ? "~ " : "", cmp_value_text(col, v, value, sizeof(value)));
	if (*cmp_ratio_text(c, row, col, ratio, sizeof(ratio))) {
		buf_addz(out, "<small>");
		html_text(out, ratio);
		buf_addz(out, "</small>");
	}
	buf_addz(out, "</td>");
}

static void add_row(const struct comparison *c, size_t row, const enum cmp_col *cols, size_t n, struct buf *out)
{
	const struct cmp_row *r = &c->rows[row];

	buf_addf(out, "<tr><th scope=\"row\">");
	html_label(c, row, out);
	if (r->emulated)
		buf_addf(out, " <span class=\"tag\">%s</span>", r->arch == ARCH_WASM32 ? "Node" : "qemu");
	if (r->reference == row)
		buf_addz(out, " <span class=\"tag\">reference</span>");
	if (r->summary || r->base) {
		buf_addz(out, "<small>");
		html_text_cut(out, r->summary ? r->summary : "", HTML_NAME_MAX);
		buf_addz(out, r->base ? " on " : "");
		html_text_cut(out, r->base ? r->base : "", HTML_NAME_MAX);
		buf_addz(out, "</small>");
	}
	if (r->note) {
		buf_addz(out, "<small class=\"warn\">");
		html_text(out, r->note);
		buf_addz(out, "</small>");
	}
	if (!r->failed && r->same_binary < c->nrows && isfinite(r->value[COL_START])) {
		buf_addz(out, "<small>the program of ");
		html_label(c, r->same_binary, out);
		buf_addz(out, "</small>");
	}
	buf_addz(out, "</th>");
	if (r->failed) {
		buf_addf(out, "<td class=\"bad\" colspan=\"%zu\">failed: ", n ? n : 1);
		html_text_cut(out, r->failed, REASON_MAX);
		buf_addz(out, "</td>");
	} else {
		for (size_t i = 0; i < n; i++)
			add_cell(c, row, cols[i], out);
	}
	buf_addz(out, "</tr>");
}

static void add_legend(const struct comparison *c, const struct cmp_table *t, const enum cmp_col *unknown, size_t none,
		       struct buf *out)
{
	const char *ref = cmp_reference_name(c, t);

	buf_addf(out, "<p class=\"legend\">★ the best%s. ", cmp_several_archs(c) ? " of its architecture" : "");
	if (ref) {
		buf_addz(out, "×: to ");
		html_text_cut(out, ref, HTML_NAME_MAX);
		buf_addz(out, "; “same” where starts do not differ at 95 %. ");
	}
	for (size_t i = 0; i < t->nrows; i++)
		if (c->rows[t->rows[i]].emulated) {
			buf_addf(out, "~ %s, not ranked. ", cmp_elsewhere(c));
			break;
		}
	for (size_t i = 0; i < none; i++)
		buf_addf(out, "%s%s", i ? ", " : "Not measured: ", cmp_cols[unknown[i]].title);
	buf_addz(out, none ? ".</p>" : "</p>");
}

static void add_table(const struct comparison *c, size_t which, struct buf *out)
{
	const struct cmp_table *t = &c->tables[which];
	enum cmp_col cols[COL_COUNT], unknown[COL_COUNT];
	size_t none, n = cmp_columns(c, t, cols, unknown, &none);

	buf_addf(out, "<section aria-labelledby=\"t%zu\"><h2 id=\"t%zu\">", which, which);
	html_text(out, t->title);
	buf_addz(out, "</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: ");
	html_text(out, t->title);
	buf_addz(out, "\"><table class=\"grid\"><thead><tr><th scope=\"col\">strategy</th>");
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "<th scope=\"col\">%s</th>", cmp_cols[cols[i]].title);
	buf_addz(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < t->nrows; i++)
		add_row(c, t->rows[i], cols, n, out);
	buf_addz(out, "</tbody></table></div>");
	add_legend(c, t, unknown, none, out);
	html_bars(c, which, out);
	cmp_claims_html(t->source, t->claims, t->nclaims, out);
	buf_addz(out, "</section>");
}

/* ---- bars ---- */

static void add_chart(const struct comparison *c, const struct cmp_table *t, enum cmp_col col, struct buf *out)
{
	CLEAN_FREE struct cmp_bar *bars = NULL;
	const size_t n = cmp_bars(c, t, col, &bars);

	buf_addf(out, "<table class=\"bars panel\"><caption>%s</caption><tbody>", cmp_cols[col].title);
	for (size_t i = 0; i < n; i++) {
		const struct cmp_row *r = &c->rows[bars[i].row];
		char value[CMP_TEXT_MAX];

		buf_addf(out, "<tr%s><th scope=\"row\">", bars[i].first && i ? " class=\"next\"" : "");
		html_label(c, bars[i].row, out);
		buf_addz(out, "</th><td><svg class=\"bar\" aria-hidden=\"true\">");
		buf_addf(out, "<rect class=\"%s\" height=\"100%%\" width=\"",
			 cmp_best(c, bars[i].row, col) ? "best" : r->emulated && cmp_of_run(col) ? "emu" : "any");
		/* what is there at all is seen */
		html_percent(out, bars[i].part < 0.007 ? 0.7 : bars[i].part * 100);
		buf_addf(out, "\"/></svg></td><td>%s</td></tr>",
			 cmp_value_text(col, r->value[col], value, sizeof(value)));
	}
	buf_addz(out, "</tbody></table>");
}

void html_bars(const struct comparison *c, size_t which, struct buf *out)
{
	const struct cmp_table *t = &c->tables[which];
	enum cmp_col cols[COL_COUNT], unknown[COL_COUNT];
	size_t none, n = cmp_columns(c, t, cols, unknown, &none);

	n = cmp_main_columns(cols, n, GLANCE_COLUMNS);
	if (!n)
		return;
	/* no last one alone in its line */
	buf_addf(out, "<div class=\"charts%s\">", n % 3 == 1 || n == 2 ? " two" : "");
	for (size_t i = 0; i < n; i++)
		add_chart(c, t, cols[i], out);
	buf_addz(out, "</div>");
}

/* ---- the page ---- */

/* The best of the machine's own architecture, or of the first there is. */
static void add_card(const struct comparison *c, enum cmp_col col, const char *title, struct buf *out)
{
	for (size_t i = 0; i < c->nrows; i++) {
		char value[CMP_TEXT_MAX], ratio[CMP_TEXT_MAX];

		if (c->rows[i].failed || !cmp_best(c, i, col))
			continue;
		cmp_value_text(col, c->rows[i].value[col], value, sizeof(value));
		cmp_ratio_text(c, i, col, ratio, sizeof(ratio));
		buf_addf(out, "<div class=\"card panel\"><p>%s</p><p class=\"value\">%s</p><p>", title, value);
		html_label(c, i, out);
		if (*ratio && c->rows[i].reference != i && strcmp(ratio, "same") != 0) {
			buf_addz(out, ", ");
			html_text(out, ratio);
			buf_addz(out, " of ");
			html_text_cut(out, c->rows[c->rows[i].reference].strategy, HTML_NAME_MAX);
		}
		buf_addz(out, "</p></div>");
		return;
	}
}

static void add_missed(const struct comparison *c, struct buf *out)
{
	if (!c->nmissed)
		return;
	buf_addz(out, "<section class=\"panel missed\" aria-labelledby=\"missed\"><h2 id=\"missed\">");
	buf_addf(out, "%zu budget%s not met</h2><ul>", c->nmissed, c->nmissed == 1 ? " is" : "s are");
	for (size_t i = 0; i < c->nmissed; i++) {
		CLEAN_BUF struct buf text = BUF_INIT;

		cmp_miss_text(c, &c->missed[i], &text);
		buf_addz(out, "<li>");
		html_text(out, text.ptr);
		buf_addz(out, "</li>");
	}
	buf_addz(out, "</ul></section>");
}

static void add_method(const struct comparison *c, struct buf *out)
{
	CLEAN_BUF struct buf how = BUF_INIT;

	cmp_how_text(c, &how);
	buf_addz(out, "<section aria-labelledby=\"how\"><h2 id=\"how\">How it was measured</h2><p>");
	html_text(out, how.ptr);
	buf_addz(out, ".</p>");
	if (c->warnings.len)
		buf_addz(out, "<ul>");
	for (size_t i = 0; i < c->warnings.len; i++) {
		buf_addz(out, "<li>");
		html_text(out, c->warnings.ptr[i]);
		buf_addz(out, "</li>");
	}
	buf_addz(out, c->warnings.len ? "</ul></section>" : "</section>");
}

void cmp_print_html(const struct comparison *c, struct buf *out)
{
	const char *name = c->function ? c->function : c->project ? c->project : "comparison";

	html_begin(out, name, ": strategies compared");
	buf_addz(out, "<p>");
	cmp_count_text(c, out);
	buf_addz(out, " side by side");
	if (c->project && strcmp(name, c->project) != 0) {
		buf_addz(out, ", ");
		html_text(out, c->project);
	}
	buf_addz(out, "</p></header><main>");
	add_missed(c, out);
	buf_addz(out, "<div class=\"cards\">");
	add_card(c, COL_START, "fastest start", out);
	add_card(c, COL_BINARY, "smallest program", out);
	add_card(c, COL_IMAGE, "smallest image", out);
	add_card(c, COL_RSS, "least memory", out);
	buf_addz(out, "</div>");
	for (size_t i = 0; i < c->ntables; i++)
		add_table(c, i, out);
	html_starts(c, out);
	html_maps(c, out);
	add_method(c, out);
	html_end(out);
}
