/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include "report/compare_page.h" /* made by cmake/page.cmake: PAGE_CSS, PAGE_JS and their digests */
#include "report/compare_print.h"

void html_text_cut(struct buf *out, const char *s, size_t most)
{
	size_t n = 0;

	for (uint32_t c; (c = cmp_char(&s)) != 0; n++) {
		if (n + 1 >= most && *s) {
			buf_addz(out, "…");
			return;
		}
		switch (c) {
		case '&':
			buf_addz(out, "&amp;");
			break;
		case '<':
			buf_addz(out, "&lt;");
			break;
		case '>':
			buf_addz(out, "&gt;");
			break;
		case '"':
			buf_addz(out, "&quot;");
			break;
		case '\'':
			buf_addz(out, "&#39;");
			break;
		default:
			cmp_add_char(out, c);
		}
	}
}

void html_text(struct buf *out, const char *s)
{
	html_text_cut(out, s, SIZE_MAX);
}

void html_percent(struct buf *out, double v)
{
	cmp_add_number(out, UNIT_MICROSECONDS, (double)(uint64_t)((v < 0 ? 0 : v) * 100 + 0.5) / 100);
	buf_addc(out, '%');
}

void html_begin(struct buf *out, const char *name, const char *what)
{
	buf_addz(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
		      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
		      "'sha256-" PAGE_CSS_SHA256 "'; script-src 'sha256-" PAGE_JS_SHA256 "'; base-uri 'none'; "
		      "form-action 'none'\"/><title>");
	html_text(out, name);
	html_text(out, what);
	buf_addz(out, "</title><style>" PAGE_CSS "</style></head><body><header><h1>");
	html_text(out, name);
	buf_addz(out, "</h1>");
}

void html_end(struct buf *out)
{
	buf_addz(out, "</main><script>" PAGE_JS "</script></body></html>\n");
}

void html_plot_begin(struct buf *out, const char *name, const char *label)
{
	buf_addf(out, "<div class=\"dist\"><span class=\"name\">%s</span><svg class=\"plot\" role=\"img\" "
		 "aria-label=\"%s\"><svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" width=\"100%%\" "
		 "height=\"100%%\">", name, label);
}

void html_plot_y(struct buf *out, double part)
{
	const double y = 100 - part * 100;

	cmp_add_number(out, UNIT_MICROSECONDS, y < 0 ? 0 : y);
}

void html_plot_end(struct buf *out)
{
	buf_addz(out, "</span></div>");
}
