/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to instructions: directives, comments, continued lines, heredocs, stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/map.h"
#include "base/vec.h"
#include "stage/dockerfile_internal.h"

#define MAX_HEREDOCS 64u

/** The file as its lines. */
struct reader {
	struct dockerfile *d;
	const char *p, *end;
	unsigned line; /* of what read_line() gave last */
};

int df_fail(const char *shown, struct df_word at, struct err *err, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(err, ERR_CONFIG, shown, at.line, at.col, "%s", text);
}

/* A line without its end, "\r\n" too. */
static bool read_line(struct reader *r, struct str *out)
{
	const char *nl;

	if (r->p >= r->end)
		return false;
	nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
	*out = (struct str){ r->p, (size_t)((nl ? nl : r->end) - r->p) };
	r->p = nl ? nl + 1 : r->end;
	if (out->len && out->ptr[out->len - 1] == '\r')
		out->len--;
	r->line++;
	return true;
}

static struct str trim_left(struct str s)
{
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\t' || *s.ptr == '\v' || *s.ptr == '\f' || *s.ptr == '\r')) {
		s.ptr++;
		s.len--;
	}
	return s;
}

static bool is_comment(struct str s)
{
	s = trim_left(s);
	return s.len && *s.ptr == '#';
}

/* ---- pieces ---- */

void df_text_release(struct df_text *t)
{
	buf_release(&t->text);
	VEC_FREE(t);
}

void df_text_place(const struct df_text *t, size_t at, unsigned *line, unsigned *col)
{
	size_t i = t->len;

	while (i > 1 && t->ptr[i - 1].at > at)
		i--;
	*line = i ? t->ptr[i - 1].line : 0;
	*col = i ? t->ptr[i - 1].col + (unsigned)(at - t->ptr[i - 1].at) : 0;
}

struct df_word df_text_word(const struct df_text *t, size_t at, size_t n, struct arena *a)
{
	struct df_word w = { .s = arena_str(a, (struct str){ t->text.ptr + at, n }) };

	df_text_place(t, at, &w.line, &w.col);
	return w;
}

/* ---- directives ---- */

/* "# escape=`" before all else; whatever is not of that form ends them. */
static int directive(struct dockerfile *d, struct str line, unsigned n, struct map *seen, struct err *err)
{
	struct str rest = trim_left(line), key;
	CLEAN_FREE char *name = NULL, *val = NULL;

	if (!rest.len || *rest.ptr != '#')
		return 0;
	rest = trim_left((struct str){ rest.ptr + 1, rest.len - 1 });
	key = rest;
	rest = str_cut(&key, '=');
	key = str_trim(key);
	if (!key.len || key.len == line.len || !memchr(line.ptr, '=', line.len))
		return 0;
	for (size_t i = 0; i < key.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", key.ptr[i]))
			return 0;
	name = xstrndup(key.ptr, key.len);
	rest = str_trim(rest);
	val = xstrndup(rest.ptr, rest.len);
	if (strcasecmp(name, "escape") != 0 && strcasecmp(name, "syntax") != 0 && strcasecmp(name, "check") != 0)
		return 0;
	for (char *p = name; *p; p++)
		*p = (char)(*p | 0x20);
	if (map_put(seen, name, d))
		return err_at(err, ERR_CONFIG, d->shown, n, 1, "the directive '%s' is there twice", name);
	if (strcmp(name, "syntax") == 0)
		d->syntax = arena_strdup(&d->arena, val);
	if (strcmp(name, "escape") == 0) {
		if (strcmp(val, "\\") != 0 && strcmp(val, "`") != 0)
			return err_at(err, ERR_CONFIG, d->shown, n, 1, "escape is '%s', but may be \\ or ` only", val);
		d->escape = *val;
	}
	return 1;
}

/* ---- instructions ---- */

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

static void add_piece(struct df_text *t, struct str s, unsigned line, unsigned col)
{
	VEC_PUSH(t, ((struct df_piece){ .at = t->text.len, .line = line, .col = col }));
	buf_add(&t->text, s.ptr, s.len);
}

static void warn(struct dockerfile *d, unsigned line, const char *text)
{
	VEC_PUSH(&d->warnings, ((struct df_warning){ .line = line, .text = text }));
}

/* 1: @t is the next instruction; 0: there is none. */
static int read_inst(struct reader *r, struct df_text *t, struct err *err)
{
	bool first = true;
	struct str s;

	while (read_line(r, &s)) {
		const struct str bare = trim_left(s);
		const unsigned col = first ? (unsigned)(bare.ptr - s.ptr) + 1 : 1;
		ssize_t at;

		if (memchr(s.ptr, '\0', s.len))
			return err_at(err, ERR_CONFIG, r->d->shown, r->line, 1, "the line has a NUL byte");
		if (is_comment(s))
			continue;
		if (!bare.len) {
			if (!first)
				warn(r->d, r->line, "an empty line in a continued instruction (NoEmptyContinuation)");
			continue;
		}
		if (first)
			s = bare;
		at = continued(r->d, s);
		add_piece(t, (struct str){ s.ptr, at < 0 ? s.len : (size_t)at }, r->line, col);
		first = false;
		if (at < 0)
			break;
	}
	return !first;
}

/* ---- heredocs ---- */

/* "<<EOF", "<<-EOF", "<<'EOF'", "3<<EOF" as one shell word. */
static bool heredoc_word(struct str w, struct df_heredoc *h, char *name, size_t cap)
{
	size_t i = 0, n = 0;
	char quote = '\0';

	while (i < w.len && w.ptr[i] >= '0' && w.ptr[i] <= '9')
		i++;
	if (w.len - i < 3 || w.ptr[i] != '<' || w.ptr[i + 1] != '<')
		return false;
	i += 2;
	*h = (struct df_heredoc){ .expand = true };
	if (w.ptr[i] == '-') {
		h->chomp = true;
		i++;
	}
	for (; i < w.len; i++) {
		const char c = w.ptr[i];

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			h->expand = false;
			continue;
		}
		if (c == '<' || n + 1 >= cap)
			return false;
		name[n++] = c;
	}
	name[n] = '\0';
	return n && !quote;
}

/* The words of a shell's line, quotes respected, as far as heredocs need it. */
static struct str next_word(struct str *rest, char escape)
{
	struct str s = trim_left(*rest), w;
	char quote = '\0';
	size_t n = 0;

	for (; n < s.len; n++) {
		if (s.ptr[n] == escape && quote != '\'' && n + 1 < s.len) {
			n++;
			continue;
		}
		if (quote ? s.ptr[n] == quote : s.ptr[n] == '"' || s.ptr[n] == '\'')
			quote = quote ? '\0' : s.ptr[n];
		else if (!quote && (s.ptr[n] == ' ' || s.ptr[n] == '\t'))
			break;
	}
	w = (struct str){ s.ptr, n };
	*rest = (struct str){ s.ptr + n, s.len - n };
	return w;
}

static int read_heredoc(struct reader *r, struct df_heredoc *h, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const unsigned start = r->line;
	struct str s;

	h->line = r->line + 1;
	while (read_line(r, &s)) {
		struct str line = s;

		while (h->chomp && line.len && *line.ptr == '\t') {
			line.ptr++;
			line.len--;
		}
		if (str_eqz(line, h->name)) {
			h->text = str_from(arena_str(&r->d->arena, buf_str(&text)));
			return 0;
		}
		if (memchr(line.ptr, '\0', line.len))
			return err_at(err, ERR_CONFIG, r->d->shown, r->line, 1, "the heredoc has a NUL byte");
		buf_add(&text, line.ptr, line.len);
		buf_addc(&text, '\n');
	}
	err_at(err, ERR_CONFIG, r->d->shown, start, 0, "the heredoc '%s' does not end", h->name);
	return err_hint(err, "a line that is %s alone ends it", h->name);
}

static int read_heredocs(struct reader *r, const struct df_text *t, size_t at, struct df_inst *i, struct err *err)
{
	struct str rest = { t->text.ptr + at, t->text.len - at };
	struct df_heredoc list[MAX_HEREDOCS], h;
	char name[256];

	while (rest.len) {
		const struct str w = next_word(&rest, r->d->escape);

		if (!w.len || !heredoc_word(w, &h, name, sizeof(name)))
			continue;
		if (i->nheredocs == MAX_HEREDOCS)
			return err_at(err, ERR_LIMIT, r->d->shown, i->line, i->col,
				      "limit exceeded: more than %u heredocs", MAX_HEREDOCS);
		h.name = arena_strdup(&r->d->arena, name);
		if (read_heredoc(r, &h, err) < 0)
			return -1;
		list[i->nheredocs++] = h;
	}
	i->heredocs = arena_alloc(&r->d->arena, i->nheredocs * sizeof(h) + 1);
	memcpy(i->heredocs, list, i->nheredocs * sizeof(h));
	return 0;
}

/* ---- stages ---- */

static bool name_ok(const char *s)
{
	const char *p = s;

	if (*p < 'a' || *p > 'z')
		return false;
	while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("-_.", *p ? *p : 'X'))
		p++;
	return !*p;
}

static int begin_stage(struct dockerfile *d, struct df_inst *i, struct df_stage *st, struct err *err)
{
	const struct df_flag *platform = df_flag(i, "platform");

	*st = (struct df_stage){ .from = i, .base = i->args[0] };
	if (platform)
		st->platform = platform->val;
	if (i->nargs == 1)
		return 0;
	st->name = i->args[2];
	st->name.s = arena_strdup(&d->arena, st->name.s);
	for (char *p = (char *)(uintptr_t)st->name.s; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	if (!name_ok(st->name.s)) {
		df_fail(d->shown, st->name, err, "FROM: '%s' is no name for a stage", i->args[2].s);
		return err_hint(err, "a letter, then letters, digits, '-', '_' and '.'");
	}
	return 0;
}

/** What is read before it is known how much there is. */
struct all {
	VEC(struct df_inst) insts;
	VEC(size_t) froms;
};

static int read_one(struct reader *r, struct all *all, struct err *err)
{
	struct df_text t = { .text = BUF_INIT };
	struct df_inst i = { .line = 0 };
	int got = read_inst(r, &t, err), kind;
	size_t n;

	if (got > 0) {
		n = strcspn(t.text.ptr, " \t\v\f");
		df_text_place(&t, 0, &i.line, &i.col);
		kind = df_kind_parse(r->d, r->d->shown, df_text_word(&t, 0, n, &r->d->arena), err);
		i.kind = (enum df_kind)kind;
		i.original = arena_str(&r->d->arena, buf_str(&t.text));
		if (kind < 0 ||
		    ((kind == DF_RUN || kind == DF_COPY || kind == DF_ADD) && read_heredocs(r, &t, n, &i, err) < 0) ||
		    df_inst_parse(r->d, r->d->shown, &t, n, &i, err) < 0)
			got = -1;
		i.end_line = r->line;
	}
	df_text_release(&t);
	if (got > 0 && all->insts.len == DOCKERFILE_MAX_INSTS)
		return err_at(err, ERR_LIMIT, r->d->shown, i.line, i.col, "limit exceeded: more than %u instructions",
			      DOCKERFILE_MAX_INSTS);
	if (got > 0 && i.kind == DF_FROM)
		VEC_PUSH(&all->froms, all->insts.len);
	if (got > 0)
		VEC_PUSH(&all->insts, i);
	if (got > 0 && i.kind == DF_MAINTAINER)
		warn(r->d, i.line,
		     "MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=... "
		     "(MaintainerDeprecated)");
	return got;
}

static int cut_stages(struct dockerfile *d, const struct all *all, struct err *err)
{
	const size_t first = all->froms.len ? all->froms.ptr[0] : all->insts.len;
	struct df_inst *copy = arena_alloc(&d->arena, (all->insts.len + 1) * sizeof(*copy));

	if (all->insts.len)
		memcpy(copy, all->insts.ptr, all->insts.len * sizeof(*copy));
	for (size_t i = 0; i < first; i++)
		if (copy[i].kind != DF_ARG) {
			err_at(err, ERR_CONFIG, d->shown, copy[i].line, copy[i].col, "%s stands before the first FROM",
			       df_kind_name(copy[i].kind));
			return err_hint(err, "begin with FROM; only ARG may come before it");
		}
	if (!all->froms.len) {
		err_at(err, ERR_CONFIG, d->shown, 0, 0, "there is no FROM");
		return err_hint(err, "begin with FROM scratch, or the image to build on");
	}
	d->args = copy;
	d->nargs = first;
	d->nstages = all->froms.len;
	d->stages = arena_alloc(&d->arena, d->nstages * sizeof(*d->stages));
	for (size_t k = 0; k < d->nstages; k++) {
		const size_t from = all->froms.ptr[k];
		const size_t to = k + 1 < d->nstages ? all->froms.ptr[k + 1] : all->insts.len;

		if (begin_stage(d, &copy[from], &d->stages[k], err) < 0)
			return -1;
		d->stages[k].insts = copy + from + 1;
		d->stages[k].ninsts = to - from - 1;
	}
	return 0;
}

int dockerfile_parse(struct dockerfile *d, const char *shown, const char *text, size_t n, struct err *err)
{
	struct reader r = { .d = d, .p = text, .end = text + n };
	CLEAN_MAP struct map seen = { 0 };
	struct all all = { .insts = { 0 } };
	struct str line;
	int ret = 1;

	*d = (struct dockerfile){ .escape = '\\' };
	d->shown = arena_strdup(&d->arena, shown);
	if (n > DOCKERFILE_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, DOCKERFILE_MAX);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.p += 3;
	while (ret > 0) {
		const struct reader before = r;

		ret = read_line(&r, &line) ? directive(d, line, r.line, &seen, err) : 0;
		if (ret == 0)
			r = before;
	}
	if (ret == 0)
		ret = 1;
	while (ret > 0)
		ret = read_one(&r, &all, err);
	if (ret == 0)
		ret = cut_stages(d, &all, err);
	VEC_FREE(&all.insts);
	VEC_FREE(&all.froms);
	return ret;
}

int dockerfile_parse_inst(struct dockerfile *d, const char *shown, const char *text, struct df_inst **out,
			  struct err *err)
{
	struct df_text t = { .text = BUF_INIT };
	struct df_inst *i = arena_new(&d->arena, struct df_inst);
	const size_t n = strcspn(text, " \t\v\f");
	struct df_word w;
	int kind, ret = -1;

	add_piece(&t, str_from(text), 1, 1);
	w = df_text_word(&t, 0, n, &d->arena);
	kind = df_kind_parse(d, shown, w, err);
	*i = (struct df_inst){ .kind = (enum df_kind)kind, .line = 1, .col = 1, .end_line = 1 };
	i->original = arena_strdup(&d->arena, text);
	if (kind >= 0 && (kind == DF_FROM || kind == DF_ONBUILD || kind == DF_MAINTAINER))
		df_fail(shown, w, err, "%s is not allowed in ONBUILD", df_kind_name((enum df_kind)kind));
	else if (kind >= 0)
		ret = df_inst_parse(d, shown, &t, n, i, err);
	df_text_release(&t);
	*out = i;
	return ret;
}

void dockerfile_release(struct dockerfile *d)
{
	VEC_FREE(&d->warnings);
	arena_release(&d->arena);
	*d = (struct dockerfile){ .escape = '\\' };
}
