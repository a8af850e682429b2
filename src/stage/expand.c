/* SPDX-License-Identifier: Apache-2.0 */
/* Variables and quotes, as a Dockerfile has them: much of a shell, but no command is ever run. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"
#include "stage/dockerfile_internal.h"

#define MAX_DEPTH 32u /* of ${a:-${b:-...}} */

struct lexer {
	const char *shown, *start, *p;
	struct df_word at;
	char escape;
	bool raw; /* quotes and escapes are text: a heredoc */
	const struct df_vars *vars;
	unsigned depth;
	struct err *err;
	/* word splitting: NULL, or where a finished word goes */
	struct strs *words;
	bool quoted; /* the word so far has quotes, so it is one even if empty */
};

static int fail(struct lexer *x, const char *what)
{
	struct df_word at = x->at;
	size_t n = (size_t)(x->p - x->start);

	/* a heredoc's text has lines of its own */
	for (const char *q = x->start; q < x->p; q++)
		if (*q == '\n') {
			at.line++;
			at.col = 1;
			n = (size_t)(x->p - q) - 1;
		}
	at.col += (unsigned)n;
	return df_fail(x->shown, at, x->err, "%s", what);
}

static int put(struct lexer *x, struct buf *out, const char *s, size_t n)
{
	if (out->len + n > DF_EXPAND_MAX) {
		err_at(x->err, ERR_LIMIT, x->shown, x->at.line, x->at.col, "limit exceeded: more than %u bytes",
		       DF_EXPAND_MAX);
		return -1;
	}
	buf_add(out, s, n);
	return 0;
}

static int lex(struct lexer *x, const char *stop, struct buf *out);

/* ---- patterns of # % and / ---- */

static bool match_all(const char *p, const char *pe, const char *s, const char *se)
{
	const char *star = NULL, *mark = NULL;

	while (s < se) {
		if (p < pe && *p == '*') {
			star = p++;
			mark = s;
		} else if (p < pe && (*p == '?' || (*p == '\\' && p + 1 < pe ? p[1] : *p) == *s)) {
			p += *p == '\\' && p + 1 < pe ? 2 : 1;
			s++;
		} else if (star) {
			p = star + 1;
			s = ++mark;
		} else {
			return false;
		}
	}
	while (p < pe && *p == '*')
		p++;
	return p == pe;
}

/* The length of what the pattern takes away from the front (or the end) of @s; -1: it does not match. */
static ssize_t trim_length(const char *pat, const char *s, bool front, bool longest)
{
	const char *pe = pat + strlen(pat);
	const size_t n = strlen(s);

	for (size_t i = 0; i <= n; i++) {
		const size_t len = longest ? n - i : i;
		const char *from = front ? s : s + n - len;

		if (match_all(pat, pe, from, from + len))
			return (ssize_t)len;
	}
	return -1;
}

static int replace(struct lexer *x, const char *pat, const char *with, const char *s, bool all, struct buf *out)
{
	const char *pe = pat + strlen(pat), *se = s + strlen(s);
	bool done = false;

	while (s <= se && *pat) {
		const char *e = se;

		/* the longest one that begins here */
		while (!done && e > s && !match_all(pat, pe, s, e))
			e--;
		if (!done && e > s) {
			if (put(x, out, with, strlen(with)) < 0)
				return -1;
			s = e;
			done = !all;
			continue;
		}
		if (s == se)
			return 0;
		if (put(x, out, s++, 1) < 0)
			return -1;
	}
	return *pat ? 0 : put(x, out, s, strlen(s));
}

/* ---- variables ---- */

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s) || (*s && strchr("@*#?-!$", *s)))
		return 1;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

static const char *lookup(struct lexer *x, const char *name)
{
	return x->vars->get(name, x->vars->ctx);
}

/* The word up to the closing brace (or a slash), expanded. */
static int operand(struct lexer *x, const char *stop, struct buf *out)
{
	struct strs *words = x->words;
	const bool quoted = x->quoted;
	int ret;

	if (++x->depth > MAX_DEPTH)
		return fail(x, "limit exceeded: variables nested too deep");
	x->words = NULL;
	ret = lex(x, stop, out);
	x->words = words;
	x->quoted = quoted;
	x->depth--;
	return ret;
}

static int close_brace(struct lexer *x)
{
	if (*x->p != '}')
		return fail(x, "the closing '}' of a variable is missing");
	x->p++;
	return 0;
}

static int default_form(struct lexer *x, const char *name, const char *val, bool colon, struct buf *out)
{
	const char op = *x->p++;
	CLEAN_BUF struct buf word = BUF_INIT;
	const bool set = val && (!colon || *val);

	if (operand(x, "}", &word) < 0 || close_brace(x) < 0)
		return -1;
	val = lookup(x, name);
	if (op == '?' && !set)
		return fail(x, word.len ? word.ptr : "a variable that has to be set is not");
	if (op == '+')
		return set ? put(x, out, word.ptr, word.len) : 0;
	return set ? put(x, out, val, strlen(val)) : put(x, out, word.ptr, word.len);
}

static int trim_form(struct lexer *x, const char *name, struct buf *out)
{
	const bool front = *x->p == '#', longest = x->p[1] == *x->p;
	CLEAN_BUF struct buf pat = BUF_INIT;
	const char *val;
	ssize_t n;

	x->p += longest ? 2 : 1;
	if (operand(x, "}", &pat) < 0 || close_brace(x) < 0)
		return -1;
	val = lookup(x, name);
	val = val ? val : "";
	n = trim_length(pat.ptr ? pat.ptr : "", val, front, longest);
	if (n <= 0)
		return put(x, out, val, strlen(val));
	return front ? put(x, out, val + n, strlen(val) - (size_t)n) : put(x, out, val, strlen(val) - (size_t)n);
}

static int replace_form(struct lexer *x, const char *name, struct buf *out)
{
	const bool all = x->p[1] == '/';
	CLEAN_BUF struct buf pat = BUF_INIT, with = BUF_INIT;
	const char *val;

	x->p += all ? 2 : 1;
	if (operand(x, "/}", &pat) < 0)
		return -1;
	if (*x->p == '/') {
		x->p++;
		if (operand(x, "}", &with) < 0)
			return -1;
	}
	if (close_brace(x) < 0)
		return -1;
	val = lookup(x, name);
	return replace(x, pat.ptr ? pat.ptr : "", with.ptr ? with.ptr : "", val ? val : "", all, out);
}

static int braces(struct lexer *x, struct buf *out)
{
	CLEAN_FREE char *name = NULL;
	const char *val;
	bool colon;
	size_t n;

	x->p += 2;
	n = name_length(x->p);
	if (!n)
		return fail(x, "a variable has no name");
	name = xstrndup(x->p, n);
	x->p += n;
	val = lookup(x, name);
	if (*x->p == '}') {
		x->p++;
		return val ? put(x, out, val, strlen(val)) : 0;
	}
	colon = *x->p == ':';
	if (colon)
		x->p++;
	if (*x->p && strchr("-+?", *x->p))
		return default_form(x, name, val, colon, out);
	if (!colon && (*x->p == '#' || *x->p == '%'))
		return trim_form(x, name, out);
	if (!colon && *x->p == '/')
		return replace_form(x, name, out);
	return fail(x, *x->p ? "unknown form of a variable" : "the closing '}' of a variable is missing");
}

static int dollar(struct lexer *x, struct buf *out)
{
	CLEAN_FREE char *name = NULL;
	const char *val;
	size_t n;

	if (x->p[1] == '{')
		return braces(x, out);
	n = name_length(x->p + 1);
	if (!n || strchr("@*#?-!$", x->p[1])) {
		x->p++;
		return put(x, out, "$", 1);
	}
	name = xstrndup(x->p + 1, n);
	x->p += n + 1;
	val = lookup(x, name);
	return val ? put(x, out, val, strlen(val)) : 0;
}

/* ---- words ---- */

static int double_quoted(struct lexer *x, struct buf *out)
{
	x->p++;
	while (*x->p != '"') {
		int ret;

		if (!*x->p)
			return fail(x, "the closing '\"' is missing");
		if (*x->p == '$') {
			ret = dollar(x, out);
		} else if (*x->p == x->escape && x->p[1] && (strchr("\"$", x->p[1]) || x->p[1] == x->escape)) {
			ret = put(x, out, x->p + 1, 1);
			x->p += 2;
		} else {
			ret = put(x, out, x->p++, 1);
		}
		if (ret < 0)
			return -1;
	}
	x->p++;
	return 0;
}

static int single_quoted(struct lexer *x, struct buf *out)
{
	const char *end = strchr(++x->p, '\'');

	if (!end)
		return fail(x, "the closing \"'\" is missing");
	if (put(x, out, x->p, (size_t)(end - x->p)) < 0)
		return -1;
	x->p = end + 1;
	return 0;
}

static void end_word(struct lexer *x, struct buf *out)
{
	if (out->len || x->quoted)
		strs_add(x->words, out->len ? out->ptr : "");
	buf_reset(out);
	x->quoted = false;
}

static int one(struct lexer *x, struct buf *out)
{
	const char c = *x->p;

	if (c == '$')
		return dollar(x, out);
	if (!x->raw && (c == '"' || c == '\'')) {
		x->quoted = true;
		return c == '"' ? double_quoted(x, out) : single_quoted(x, out);
	}
	if (c == x->escape && x->p[1]) {
		if (x->raw && put(x, out, x->p, 1) < 0)
			return -1;
		x->p += 2;
		return put(x, out, x->p - 1, 1);
	}
	if (c == x->escape && !x->raw) {
		x->p++;
		return 0;
	}
	if (x->words && isspace((unsigned char)c)) {
		end_word(x, out);
		x->p++;
		return 0;
	}
	x->p++;
	return put(x, out, &c, 1);
}

static int lex(struct lexer *x, const char *stop, struct buf *out)
{
	while (*x->p && !strchr(stop, *x->p))
		if (one(x, out) < 0)
			return -1;
	return 0;
}

static int expand(const char *shown, struct df_word w, char escape, const struct df_vars *vars, bool raw,
		  struct strs *words, struct buf *out, struct err *err)
{
	struct lexer x = { .shown = shown,
			   .start = w.s,
			   .p = w.s,
			   .at = w,
			   .escape = escape,
			   .raw = raw,
			   .vars = vars,
			   .err = err,
			   .words = words };

	while (*x.p)
		if (one(&x, out) < 0)
			return -1;
	if (words)
		end_word(&x, out);
	return 0;
}

int df_expand(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct buf *out,
	      struct err *err)
{
	return expand(shown, w, escape, vars, false, NULL, out, err);
}

int df_expand_raw(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct buf *out,
		  struct err *err)
{
	return expand(shown, w, escape, vars, true, NULL, out, err);
}

int df_expand_words(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct arena *a,
		    struct df_word **out, size_t *n, struct err *err)
{
	CLEAN_STRS struct strs words = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	if (expand(shown, w, escape, vars, false, &words, &b, err) < 0)
		return -1;
	*out = arena_alloc(a, words.len * sizeof(**out) + 1);
	*n = words.len;
	for (size_t i = 0; i < words.len; i++)
		(*out)[i] = (struct df_word){ arena_strdup(a, words.ptr[i]), w.line, w.col };
	return 0;
}
