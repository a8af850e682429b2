/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_print.h"
#include "report/html.h"

/* Bit by bit: libm would cost each start of slsc more than this does a report. */
static double log2_of(double v)
{
	double whole = 0, bit = 0.5;

	for (; v >= 2; v /= 2)
		whole += 1;
	for (; v < 1; v *= 2)
		whole -= 1;
	for (int i = 0; i < 20; i++, bit /= 2) {
		v *= v;
		if (v >= 2) {
			v /= 2;
			whole += bit;
		}
	}
	return whole;
}

double axis_place(const struct axis *a, double v)
{
	double p;

	if (v <= a->lo)
		return 0;
	if (v >= a->hi)
		return 1;
	p = a->log ? (log2_of(v) - log2_of(a->lo)) / (log2_of(a->hi) - log2_of(a->lo)) : (v - a->lo) / (a->hi - a->lo);
	return p < 0 ? 0 : p > 1 ? 1 : p;
}

size_t axis_ticks(const struct axis *a, double least, double tick[AXIS_TICKS])
{
	static const int steps[] = { 1, 2, 5 };
	size_t n = 0;
	double step;

	/* 1, 2 and 5 of each power of ten, or 1 alone */
	for (int all = 1; a->log && all >= 0; all--) {
		n = 0;
		for (double ten = least; ten < a->hi; ten *= 10)
			for (size_t i = 0; i < (all ? 3u : 1u); i++)
				if (ten * steps[i] >= a->lo && ten * steps[i] <= a->hi && n++ < AXIS_TICKS)
					tick[n - 1] = ten * steps[i];
		if (n >= 2 && n <= AXIS_TICKS)
			return n;
	}
	for (step = least; (a->hi - a->lo) / step > 100; step *= 10)
		;
	for (size_t i = 0; (a->hi - a->lo) / step > AXIS_TICKS - 1; i++)
		step *= i % 3 == 1 ? 2.5 : 2;
	n = 0;
	for (double v = (double)(uint64_t)(a->lo / step + 1) * step; v <= a->hi && n < AXIS_TICKS; v += step)
		tick[n++] = v;
	return n;
}

void axis_add(const struct axis *a, double least, double divide, const char *unit, struct buf *out)
{
	double tick[AXIS_TICKS];
	const size_t n = axis_ticks(a, least, tick);

	buf_addz(out, "<svg class=\"axis\">");
	for (size_t i = 0; i < n; i++) {
		const double p = axis_place(a, tick[i]) * 100;

		buf_addz(out, "<line x1=\"");
		html_percent(out, p);
		buf_addz(out, "\" x2=\"");
		html_percent(out, p);
		buf_addf(out, "\" y1=\"0\" y2=\"5\"/><text x=\"");
		html_percent(out, p);
		buf_addf(out, "\" y=\"18\" class=\"%s\">", p < 6 ? "l" : p > 94 ? "r" : "m");
		cmp_add_number(out, UNIT_MICROSECONDS, tick[i] / divide);
		buf_addf(out, "%s</text>", unit);
	}
	buf_addz(out, "</svg>");
}
