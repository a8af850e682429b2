/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/compare_html.h"

/*
 * Each strategy's starts on one axis: a histogram, and the share of starts that took at most so long (ECDF), with the
 * reference's behind it. What ran under qemu has an axis of its own.
 */

#define BINS 100
#define LEAST_TICK 0.01 /* microseconds */

static bool in_group(const struct cmp_row *r, const struct cmp_row *first)
{
	return cmp_has_samples(r) && r->arch == first->arch && r->emulated == first->emulated;
}

/* From the first start to what is behind almost all of them: a single slow one does not press the others together. */
static struct axis axis_of(const struct comparison *c, const struct cmp_row *first)
{
	struct axis a = { 0 };

	for (size_t i = 0; i < c->nrows; i++) {
		const struct cmp_row *r = &c->rows[i];
		double end;

		if (!in_group(r, first))
			continue;
		end = r->start.p99 * 1.15 < r->start.max ? r->start.p99 * 1.15 : r->start.max;
		a.lo = a.lo > 0 && a.lo < r->start.min ? a.lo : r->start.min;
		a.hi = a.hi > end ? a.hi : end;
	}
	a.lo = a.lo > 0.01 ? a.lo * 0.97 : 0.01;
	a.hi = a.hi > a.lo * 1.02 ? a.hi * 1.01 : a.lo * 1.02;
	a.log = a.hi > a.lo * 4;
	return a;
}

static void count(const struct cmp_row *r, const struct axis *a, size_t bins[BINS])
{
	for (size_t i = 0; i < r->nsamples; i++) {
		const size_t b = (size_t)(axis_place(a, r->samples[i]) * BINS);

		bins[b < BINS ? b : BINS - 1]++;
	}
}

/* Of a box of BINS by 100; the share of starts so far rises by a step at the end of each bin. */
static void add_ecdf(const size_t bins[BINS], size_t n, const char *class, struct buf *out)
{
	size_t sum = 0;

	buf_addf(out, "<path class=\"%s\" d=\"M0 100", class);
	for (size_t i = 0; i < BINS; i++) {
		if (!bins[i])
			continue;
		sum += bins[i];
		buf_addf(out, "H%zuV", i + 1);
		cmp_add_number(out, UNIT_MICROSECONDS, (double)((n - sum) * 1000 / n) / 10);
	}
	buf_addf(out, "H%d\"/>", BINS);
}

static void add_histogram(const size_t bins[BINS], struct buf *out)
{
	size_t most = 1, last = 0;

	for (size_t i = 0; i < BINS; i++)
		most = bins[i] > most ? bins[i] : most;
	buf_addz(out, "<path class=\"hist\" d=\"M0 100");
	for (size_t i = 0; i < BINS; i++) {
		if (bins[i] == last)
			continue;
		buf_addf(out, "H%zuV", i);
		cmp_add_number(out, UNIT_MICROSECONDS, (double)(1000 - bins[i] * 900 / most) / 10);
		last = bins[i];
	}
	buf_addf(out, "H%dV100Z\"/>", BINS);
}

static void add_row(const struct comparison *c, size_t row, const struct axis *a, struct buf *out)
{
	const struct cmp_row *r = &c->rows[row], *ref = NULL;
	const double v[] = { r->start.p50, r->start.p90, r->start.p99, r->start.max };
	static const char *const name[] = { "p50", "p90", "p99", "max" };
	size_t bins[BINS] = { 0 }, behind = 0;
	char text[CMP_TEXT_MAX];

	if (r->reference < c->nrows && r->reference != row && in_group(&c->rows[r->reference], r))
		ref = &c->rows[r->reference];
	for (size_t i = 0; i < r->nsamples; i++)
		behind += r->samples[i] > a->hi;
	count(r, a, bins);
	buf_addz(out, "<div class=\"dist\"><span class=\"name\">");
	html_label(c, row, out);
	buf_addz(out, "</span><svg class=\"plot\" role=\"img\" aria-label=\"");
	html_label(c, row, out);
	buf_addf(out, ": %zu starts", r->nsamples);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		buf_addf(out, ", %s %s", name[i], cmp_value_text(COL_START, v[i], text, sizeof(text)));
	buf_addf(out, "\"><svg viewBox=\"0 0 %d 100\" preserveAspectRatio=\"none\" width=\"100%%\" height=\"100%%\">",
		 BINS);
	add_histogram(bins, out);
	if (ref) {
		size_t other[BINS] = { 0 };

		count(ref, a, other);
		add_ecdf(other, ref->nsamples, "ref", out);
	}
	add_ecdf(bins, r->nsamples, "ecdf", out);
	buf_addz(out, "</svg><line class=\"p50\" y1=\"0\" y2=\"100%\" x1=\"");
	html_percent(out, axis_place(a, r->start.p50) * 100);
	buf_addz(out, "\" x2=\"");
	html_percent(out, axis_place(a, r->start.p50) * 100);
	buf_addz(out, "\"/></svg><span class=\"stat\">");
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		buf_addf(out, "%s<span>%s <b>%s</b></span>", i ? " " : "", name[i],
			 cmp_value_text(COL_START, v[i], text, sizeof(text)));
	if (behind)
		buf_addf(out, " <span>%zu beyond the axis</span>", behind);
	buf_addz(out, "</span></div>");
}

void html_starts(const struct comparison *c, struct buf *out)
{
	bool any = false, several = false;
	const struct cmp_row *group[ARCH_ALL * 2];
	size_t ngroups = 0;

	for (size_t i = 0; i < c->nrows; i++) {
		bool in = !cmp_has_samples(&c->rows[i]);

		for (size_t g = 0; g < ngroups && !in; g++)
			in = in_group(&c->rows[i], group[g]);
		if (!in)
			group[ngroups++] = &c->rows[i];
	}
	several = ngroups > 1;
	for (size_t g = 0; g < ngroups; g++) {
		const struct axis a = axis_of(c, group[g]);

		if (!any)
			buf_addz(out, "<section aria-labelledby=\"starts\"><h2 id=\"starts\">Every start</h2>"
				      "<p>From spawn to the first request served. "
				      "Filled: how many starts took so long. "
				      "<span class=\"key k1\">Line</span>: the share that took at most so long; "
				      "<span class=\"key k2\">dashed</span>: the reference’s. "
				      "<span class=\"key k3\">Upright</span>: the median.</p>");
		any = true;
		buf_addz(out, "<div class=\"panel\">");
		if (several)
			buf_addf(out, "<h3>%s%s</h3>", arch_name(group[g]->arch),
				 group[g]->arch == ARCH_WASM32 ? ", in Node: not to be compared with native starts" :
				 group[g]->emulated ? ", under qemu: not to be compared with native starts" : "");
		for (size_t i = 0; i < c->nrows; i++)
			if (in_group(&c->rows[i], group[g]))
				add_row(c, i, &a, out);
		buf_addz(out, "<div class=\"dist\" aria-hidden=\"true\"><span></span>");
		axis_add(&a, LEAST_TICK, 1000, " ms", out);
		buf_addf(out, "<span class=\"stat\">%s</span></div>", a.log ? "logarithmic" : "");
		buf_addz(out, "</div>");
	}
	if (any)
		buf_addz(out, "</section>");
}
