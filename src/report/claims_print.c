/* SPDX-License-Identifier: Apache-2.0 */
#include "report/claims.h"

#include "base/member.h"
#include "report/html.h"

#define HERE "measured here"

static const char *measured_text(const struct cmp_claim *claim)
{
	return claim->measured ? claim->measured : "not measured";
}

static int wider(int a, const char *s)
{
	const int b = term_columns(s);

	return a > b ? a : b;
}

static void add_right(struct buf *out, const char *s, int width)
{
	term_spaces(out, TERM_GAP + width - term_columns(s));
	term_cut(out, s, width);
}

void cmp_claims_text(struct term *p, const char *source, const struct cmp_claim *claims, size_t n)
{
	int what = 0, claimed, measured;

	if (!n)
		return;
	claimed = term_columns(source);
	measured = term_columns(HERE);
	for (size_t i = 0; i < n; i++) {
		what = wider(what, claims[i].what);
		claimed = wider(claimed, claims[i].claimed);
		measured = wider(measured, measured_text(&claims[i]));
	}
	buf_addc(p->out, '\n');
	if (what + TERM_GAP + claimed + TERM_GAP + measured > p->width) {
		for (size_t i = 0; i < n; i++)
			term_line(p, 2, "%s: %s says %s, measured here: %s", claims[i].what, source, claims[i].claimed,
				  measured_text(&claims[i]));
		return;
	}
	term_sgr(p, "2");
	term_spaces(p->out, what);
	add_right(p->out, source, claimed);
	add_right(p->out, HERE, measured);
	term_sgr(p, "");
	buf_addc(p->out, '\n');
	for (size_t i = 0; i < n; i++) {
		term_spaces(p->out, what - term_cut(p->out, claims[i].what, what));
		add_right(p->out, claims[i].claimed, claimed);
		add_right(p->out, measured_text(&claims[i]), measured);
		buf_addc(p->out, '\n');
	}
}

void cmp_claims_html(const char *source, const struct cmp_claim *claims, size_t n, struct buf *out)
{
	if (!n)
		return;
	buf_addz(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: claims\">"
		      "<table class=\"claims\"><caption>What ");
	html_text(out, source);
	buf_addz(out, " says, and what was " HERE "</caption><thead><tr><th scope=\"col\">what</th><th scope=\"col\">");
	html_text(out, source);
	buf_addz(out, "</th><th scope=\"col\">" HERE "</th></tr></thead><tbody>");
	for (size_t i = 0; i < n; i++) {
		buf_addz(out, "<tr><th scope=\"row\">");
		html_text(out, claims[i].what);
		buf_addz(out, "</th><td>");
		html_text(out, claims[i].claimed);
		buf_addz(out, "</td><td>");
		html_text(out, measured_text(&claims[i]));
		buf_addz(out, "</td></tr>");
	}
	buf_addz(out, "</tbody></table></div>");
}

void cmp_claims_json(const struct cmp_claim *claims, size_t n, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++) {
		member_open(out, NULL, '{');
		member_text(out, "claimed", claims[i].claimed);
		member_text(out, "measured", claims[i].measured);
		member_text(out, "what", claims[i].what);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}
