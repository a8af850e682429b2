/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to instructions: continued lines, comments, heredocs, ONBUILD; and the file as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_reader.h"

int df_fail(const char *shown, struct df_word at, struct err *err, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(err, ERR_CONFIG, shown, at.line, at.col, "%s", text);
}

/* With its end, "\n" or "\r\n". */
static bool read_line(struct df_reader *r, struct str *out)
{
	const char *nl;

	if (r->p >= r->end)
		return false;
	nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
	*out = (struct str){ r->p, (size_t)((nl ? nl + 1 : r->end) - r->p) };
	r->p += out->len;
	r->line++;
	return true;
}

static struct str without_end(struct str s)
{
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static struct str without_indent(struct str s)
{
	for (;;) {
		char head[4] = "";
		size_t n;

		memcpy(head, s.ptr ? s.ptr : "", s.len < 3 ? s.len : 3);
		n = df_space(head);
		if (!n)
			return s;
		s.ptr += n;
		s.len -= n;
	}
}

bool df_read_line(struct df_reader *r, struct str *out)
{
	if (!read_line(r, out))
		return false;
	*out = without_indent(without_end(*out));
	return true;
}

/* ---- one instruction's text ---- */

/* An escape character at the end, blanks behind it or not, unless it is escaped itself: its offset, or -1. */
static ssize_t continued(const struct dockerfile *d, struct str s)
{
	size_t n = s.len;

	while (n && (s.ptr[n - 1] == ' ' || s.ptr[n - 1] == '\t'))
		n--;
	if (!n || s.ptr[n - 1] != d->escape || (n > 1 && s.ptr[n - 2] == d->escape))
		return -1;
	return (ssize_t)n - 1;
}

static int check_line(const struct df_reader *r, struct str s, struct err *err)
{
	if (memchr(s.ptr, '\0', s.len))
		return err_at(err, ERR_CONFIG, r->shown, r->line, 1, "a NUL byte is not allowed");
	if (str_is_utf8(s))
		return 0;
	err_at(err, ERR_CONFIG, r->shown, r->line, 1, "invalid UTF-8");
	return err_hint(err, "save the file as UTF-8");
}

/* 1: @t is the next instruction; 0: there is none. */
static int read_text(struct df_reader *r, struct df_text *t, struct err *err)
{
	bool first = true, warned = false;
	struct str s;

	while (read_line(r, &s)) {
		const struct str line = without_end(s), bare = without_indent(line);
		ssize_t at;

		if (bare.len && *bare.ptr == '#')
			continue;
		if (!bare.len) {
			if (!first && !warned)
				df_warn(r->d, r->line, "NoEmptyContinuation",
					"an empty line in a continued instruction");
			warned = !first;
			continue;
		}
		if (check_line(r, line, err) < 0)
			return -1;
		s = first ? bare : line;
		at = continued(r->d, s);
		VEC_PUSH(t, ((struct df_piece){ .at = t->text.len, .line = r->line,
						.col = first ? (unsigned)(bare.ptr - line.ptr) + 1 : 1 }));
		buf_add(&t->text, s.ptr, at < 0 ? s.len : (size_t)at);
		first = false;
		if (at < 0)
			break;
	}
	return !first;
}

/* ---- heredocs ---- */

static void chomp(struct buf *out, struct str s)
{
	while (s.len && *s.ptr == '\t') {
		s.ptr++;
		s.len--;
	}
	buf_adds(out, s);
}

/* @raw: out, also what a shell would be given: with its tabs. */
static int read_heredoc(struct df_reader *r, const struct df_inst *i, struct df_heredoc *h, struct buf *raw,
			struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct str s;

	h->line = r->line + 1;
	while (read_line(r, &s)) {
		struct str line = without_end(s);

		while (h->chomp && line.len && *line.ptr == '\t') {
			line.ptr++;
			line.len--;
		}
		if (str_eqz(line, h->name)) {
			h->text = (struct str){ arena_str(&r->d->arena, buf_str(&text)), text.len };
			buf_addz(raw, h->name);
			return 0;
		}
		if (memchr(line.ptr, '\0', line.len))
			return err_at(err, ERR_CONFIG, r->shown, r->line, 1, "a NUL byte is not allowed");
		buf_adds(raw, s);
		if (h->chomp)
			chomp(&text, s);
		else
			buf_adds(&text, s);
	}
	err_at(err, ERR_CONFIG, r->shown, i->line, i->col, "the heredoc '%.60s' does not end", h->name);
	return err_hint(err, "end it by a line that is %.60s and nothing else", h->name);
}

/* Those of @i, or of the instruction in an ONBUILD, whose text is to hold them all. */
static int read_heredocs(struct df_reader *r, const struct df_text *t, struct df_inst *i, struct err *err)
{
	struct df_inst *to = i->onbuild ? i->onbuild : i;
	struct df_heredoc list[DF_MAX_HEREDOCS + 1];
	CLEAN_BUF struct buf raw = BUF_INIT;
	size_t n;

	if (to->json || (to->kind != DF_RUN && to->kind != DF_COPY && to->kind != DF_ADD))
		return 0;
	n = df_heredocs_find(t->text.ptr, &r->d->arena, list);
	if (!n)
		return 0;
	if (n > DF_MAX_HEREDOCS)
		return err_at(err, ERR_LIMIT, r->shown, i->line, i->col, "limit exceeded: more than %u heredocs",
			      DF_MAX_HEREDOCS);
	for (size_t k = 0; k < n; k++) {
		buf_addc(&raw, '\n');
		if (read_heredoc(r, i, &list[k], &raw, err) < 0)
			return -1;
	}
	to->heredocs = arena_copy(&r->d->arena, list, n * sizeof(*list));
	to->nheredocs = n;
	if (i->onbuild)
		i->args[0].s = arena_printf(&r->d->arena, "%s%s", i->args[0].s, raw.ptr);
	return 0;
}

/* ---- instructions ---- */

static int parse_text(struct df_reader *r, struct df_text *t, struct df_inst *i, struct err *err)
{
	const size_t n = strcspn(t->text.ptr, " \t\v\f\r");
	int kind;

	df_text_place(t, 0, &i->line, &i->col);
	kind = df_kind_parse(r->shown, df_text_word(t, 0, n, &r->d->arena), err);
	if (kind < 0)
		return -1;
	i->kind = (enum df_kind)kind;
	i->original = arena_str(&r->d->arena, buf_str(&t->text));
	i->end_line = r->line;
	if (df_inst_parse(r->d, r->shown, t, n, i, err) < 0 || read_heredocs(r, t, i, err) < 0)
		return -1;
	i->end_line = r->line;
	if (i->onbuild)
		i->onbuild->end_line = r->line;
	return 0;
}

int df_read_inst(struct df_reader *r, struct df_inst *i, struct err *err)
{
	struct df_text t = { .text = BUF_INIT };
	int got = read_text(r, &t, err);

	*i = (struct df_inst){ .line = 0 };
	if (got > 0 && parse_text(r, &t, i, err) < 0)
		got = -1;
	df_text_release(&t);
	return got;
}

int dockerfile_parse_inst(struct dockerfile *d, const char *shown, const char *text, struct df_inst **out,
			  struct err *err)
{
	struct df_reader r = { .d = d, .shown = shown, .p = text, .end = text + strlen(text) };
	const char escape = d->escape;
	struct df_inst more;
	int got;

	*out = arena_new(&d->arena, struct df_inst);
	if (strlen(text) > DOCKERFILE_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, DOCKERFILE_MAX);
	d->escape = '\\';
	got = df_read_inst(&r, *out, err);
	if (got == 0)
		got = err_at(err, ERR_CONFIG, shown, 0, 0, "there is no instruction");
	if (got > 0 && ((*out)->kind == DF_FROM || (*out)->kind == DF_ONBUILD || (*out)->kind == DF_MAINTAINER))
		got = err_at(err, ERR_CONFIG, shown, (*out)->line, (*out)->col, "%s is not allowed in ONBUILD",
			     df_kind_name((*out)->kind));
	if (got > 0) {
		got = df_read_inst(&r, &more, err);
		if (got > 0)
			got = err_at(err, ERR_CONFIG, shown, more.line, more.col, "there is more than one instruction");
	}
	d->escape = escape;
	return got < 0 ? -1 : 0;
}

void dockerfile_release(struct dockerfile *d)
{
	VEC_FREE(&d->warnings);
	arena_release(&d->arena);
	*d = (struct dockerfile){ .escape = '\\' };
}
