/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_term.h"

#include <stdarg.h>
#include <wchar.h>

#include "report/compare_print.h"

void term_sgr(struct term *p, const char *code)
{
	if (p->color)
		buf_addf(p->out, "\033[%sm", code);
}

/* ---- text in columns ---- */

static int columns_of_char(uint32_t c)
{
	const int w = wcwidth((wchar_t)c);

	return w < 0 ? 1 : w;
}

int term_columns(const char *s)
{
	int n = 0;

	for (uint32_t c; (c = cmp_char(&s)) != 0;)
		n += columns_of_char(c);
	return n;
}

static void add_char(struct buf *out, uint32_t c)
{
	if (c == 0xfffd || wcwidth((wchar_t)c) < 0)
		buf_addc(out, '?');
	else
		cmp_add_char(out, c);
}

int term_cut(struct buf *out, const char *s, int width)
{
	const bool cut = term_columns(s) > width;
	int used = 0;

	for (uint32_t c; (c = cmp_char(&s)) != 0;) {
		if (used + columns_of_char(c) > width - cut)
			break;
		add_char(out, c);
		used += columns_of_char(c);
	}
	if (cut)
		buf_addz(out, "…");
	return used + cut;
}

void term_spaces(struct buf *out, int n)
{
	while (n-- > 0)
		buf_addc(out, ' ');
}

void term_wrapped(struct term *p, const char *code, int used, int indent, const char *text)
{
	CLEAN_BUF struct buf clean = BUF_INIT;
	const char *s;
	bool space = false;

	for (uint32_t c; (c = cmp_char(&text)) != 0;)
		add_char(&clean, c);
	s = clean.ptr;
	if (*code)
		term_sgr(p, code);
	for (;;) {
		const char *word;
		int w = 0;

		for (; *s == ' '; s++)
			space = true;
		if (!*s)
			break;
		for (word = s; *s && *s != ' ';) {
			const char *next = s;
			const int more = columns_of_char(cmp_char(&next));

			if (w && w + more > p->width - indent)
				break;
			w += more;
			s = next;
		}
		if (used > indent && used + space + w > p->width) {
			buf_addc(p->out, '\n');
			term_spaces(p->out, indent);
			used = indent;
		} else if (space && s != clean.ptr) {
			buf_addc(p->out, ' ');
			used++;
		}
		buf_add(p->out, word, (size_t)(s - word));
		used += w;
		space = false;
	}
	if (*code)
		term_sgr(p, "");
	buf_addc(p->out, '\n');
}

void term_line(struct term *p, int indent, const char *fmt, ...)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	term_wrapped(p, "", 0, indent, text.ptr);
}

void term_title(struct term *p, const char *title)
{
	buf_addc(p->out, '\n');
	term_sgr(p, "1");
	term_cut(p->out, title, p->width);
	term_sgr(p, "");
	buf_addc(p->out, '\n');
}
