/* SPDX-License-Identifier: Apache-2.0 */
/* Variables and quotes, as a Dockerfile has them: much of a shell's, but nothing is ever run. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

#define MAX_DEPTH 32u		/* of ${a:-${b:-...}} */
#define MAX_WORK (64u << 20)	/* bytes put anywhere for one word, also in what is thrown away */

struct lexer {
	const char *shown, *start, *p;
	struct df_word at;
	struct df_lex how;
	const struct df_vars *vars;
	unsigned depth;
	size_t work;
	struct err *err;
};

static struct df_word place(const struct lexer *x)
{
	struct df_word at = x->at;

	/* a heredoc's text has lines of its own */
	for (const char *q = x->start; q < x->p; q++) {
		if (*q == '\n') {
			at.line++;
			at.col = 1;
		} else {
			at.col += ((unsigned char)*q & 0xc0) != 0x80;
		}
	}
	return at;
}

static int fail(const struct lexer *x, const char *what)
{
	return df_fail(x->shown, place(x), x->err, "%s", what);
}

static int no_end(const struct lexer *x, const char *what)
{
	df_fail(x->shown, place(x), x->err, "the closing %s is missing", what);
	return err_hint(x->err, "a %c before a quote or a $ makes it plain text", x->how.escape);
}

static int too_much(const struct lexer *x)
{
	return err_at(x->err, ERR_LIMIT, x->shown, x->at.line, x->at.col, "limit exceeded: more than %u bytes",
		      DF_EXPAND_MAX);
}

static int put(struct lexer *x, struct buf *out, const char *s, size_t n)
{
	x->work += n;
	if (out->len + n > DF_EXPAND_MAX || x->work > MAX_WORK)
		return too_much(x);
	buf_add(out, s, n);
	return 0;
}

static int putz(struct lexer *x, struct buf *out, const char *s)
{
	return put(x, out, s, strlen(s));
}

static int lex(struct lexer *x, char stop, struct buf *out);

/* ---- variables ---- */

/* A number, one special parameter, or a name. */
static size_t name_length(const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n)
		return n;
	if (*s && strchr("@*#?-$!", *s))
		return 1;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static const char *lookup(const struct lexer *x, const char *name)
{
	return x->vars->get(name, x->vars->ctx);
}

/* What stands up to @stop, which is passed; in # and % and / the escape character stays for the pattern. */
static int operand(struct lexer *x, char stop, bool raw_escapes, struct buf *out)
{
	const bool before = x->how.raw_escapes;
	int ret;

	if (++x->depth > MAX_DEPTH)
		return err_at(x->err, ERR_LIMIT, x->shown, x->at.line, x->at.col,
			      "limit exceeded: variables nested more than %u deep", MAX_DEPTH);
	x->how.raw_escapes = raw_escapes;
	ret = lex(x, stop, out);
	x->how.raw_escapes = before;
	x->depth--;
	if (ret < 0)
		return -1;
	if (!*x->p)
		return no_end(x, stop == '}' ? "'}' of a variable" : "'/' of a variable");
	x->p++;
	return 0;
}

static int unknown_form(struct lexer *x, const char *name, const char *op)
{
	df_fail(x->shown, place(x), x->err, "unknown form of a variable: '${%.100s%.8s'", name, op);
	return err_hint(x->err, "known are ${x:-y} ${x:+y} ${x:?y} (also without the colon) ${x#p} ${x##p} ${x%%p} "
				"${x%%%%p} ${x/p/s} ${x//p/s}");
}

static int keep(struct lexer *x, struct buf *out, const char *name, const char *op, const struct buf *word)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "${%s%s%s}", name, op, word ? word->ptr : "");
	return put(x, out, b.ptr, b.len);
}

static int required(struct lexer *x, const char *name, const char *val, const struct buf *word)
{
	df_fail(x->shown, x->at, x->err, "%.100s: %.400s", name,
		word->len ? word->ptr : val ? "is not allowed to be empty" : "is not allowed to be unset");
	return err_hint(x->err, "give it a value by ARG, ENV or --build-arg");
}

/* ${x:-y} ${x-y} ${x:+y} ${x+y} ${x:?y} ${x?y} */
static int default_form(struct lexer *x, const char *name, const char *op, struct buf *out)
{
	CLEAN_BUF struct buf word = BUF_INIT;
	const char kind = op[*op == ':'];
	const char *val;
	bool set;

	if (operand(x, '}', false, &word) < 0)
		return -1;
	val = lookup(x, name);
	if (!val && x->how.keep_unset)
		return keep(x, out, name, op, &word);
	set = val && (*op != ':' || *val);
	if (kind == '?')
		return set ? putz(x, out, val) : required(x, name, val, &word);
	if (kind == '+')
		return set ? put(x, out, word.ptr, word.len) : 0;
	return set ? putz(x, out, val) : put(x, out, word.ptr, word.len);
}

static int bad_pattern(const struct lexer *x)
{
	struct err why = *x->err;

	err_at(x->err, why.code, x->shown, x->at.line, x->at.col, "%s", why.msg);
	return err_hint(x->err, "a backslash may stand before * ? \\ / and } only");
}

/* ${x#p} ${x##p} ${x%p} ${x%%p} */
static int trim_form(struct lexer *x, const char *name, char kind, struct buf *out)
{
	const char op[] = { kind, '\0' };
	CLEAN_BUF struct buf pat = BUF_INIT;
	const char *val;
	bool longest;
	size_t n;

	if (operand(x, '}', true, &pat) < 0)
		return -1;
	val = lookup(x, name);
	if (!val && x->how.keep_unset)
		return keep(x, out, name, op, &pat);
	val = val ? val : "";
	longest = pat.ptr[0] == kind;
	if (df_pattern_trim(pat.ptr + longest, val, kind == '#', longest, &n, x->err) < 0)
		return bad_pattern(x);
	return put(x, out, kind == '#' ? val + n : val, strlen(val) - n);
}

/* ${x/p/s} ${x//p/s} */
static int replace_form(struct lexer *x, const char *name, struct buf *out)
{
	CLEAN_BUF struct buf pat = BUF_INIT, with = BUF_INIT, done = BUF_INIT;
	const bool all = *x->p == '/';
	const char *val;

	x->p += all;
	if (operand(x, '/', true, &pat) < 0 || operand(x, '}', true, &with) < 0)
		return -1;
	val = lookup(x, name);
	if (!val && x->how.keep_unset) {
		buf_addf(&done, "${%s/%s/%s}", name, pat.ptr, with.ptr);
		return put(x, out, done.ptr, done.len);
	}
	if (df_pattern_replace(pat.ptr, with.ptr, val ? val : "", all, &done, x->err) < 0)
		return bad_pattern(x);
	return put(x, out, done.ptr, done.len);
}

static int braces(struct lexer *x, struct buf *out)
{
	const size_t n = name_length(x->p);
	CLEAN_FREE char *name = NULL;
	const char *val;
	char op[3] = "";

	if (!*x->p)
		return no_end(x, "'}' of a variable");
	if (!n)
		return fail(x, "bad substitution: there is no name after '${'");
	name = xstrndup(x->p, n);
	x->p += n;
	if (!*x->p)
		return no_end(x, "'}' of a variable");
	op[0] = *x->p++;
	switch (op[0]) {
	case '}':
		val = lookup(x, name);
		if (!val && x->how.keep_unset)
			return keep(x, out, name, "", NULL);
		return val ? putz(x, out, val) : 0;
	case ':':
		op[1] = *x->p;
		if (!*x->p || !strchr("-+?", *x->p))
			return unknown_form(x, name, op);
		x->p++;
		return default_form(x, name, op, out);
	case '-':
	case '+':
	case '?':
		return default_form(x, name, op, out);
	case '#':
	case '%':
		return trim_form(x, name, op[0], out);
	case '/':
		return replace_form(x, name, out);
	default:
		return unknown_form(x, name, op);
	}
}

static int dollar(struct lexer *x, struct buf *out)
{
	CLEAN_FREE char *name = NULL;
	const char *val;
	size_t n;

	x->p++;
	if (*x->p == '{') {
		x->p++;
		return braces(x, out);
	}
	n = name_length(x->p);
	if (!n)
		return put(x, out, "$", 1);
	name = xstrndup(x->p, n);
	x->p += n;
	val = lookup(x, name);
	if (!val && x->how.keep_unset)
		return put(x, out, "$", 1) < 0 ? -1 : putz(x, out, name);
	return val ? putz(x, out, val) : 0;
}

/* ---- quotes ---- */

static int double_quoted(struct lexer *x, struct buf *out)
{
	const char *open = x->p++;

	if (x->how.raw_quotes && put(x, out, "\"", 1) < 0)
		return -1;
	while (*x->p != '"') {
		int ret = 0;

		if (!*x->p) {
			x->p = open;
			return no_end(x, "'\"'");
		}
		if (*x->p == '$') {
			ret = dollar(x, out);
		} else if (*x->p == x->how.escape) {
			const char next = x->p[1];

			if (x->how.raw_escapes)
				ret = put(x, out, x->p, 1);
			/* before anything else it is itself */
			if (ret == 0 && (next == '"' || next == '$' || next == x->how.escape))
				ret = put(x, out, ++x->p, 1);
			else if (ret == 0 && next)
				ret = put(x, out, x->p, 1);
			x->p++;
		} else {
			ret = put(x, out, x->p++, 1);
		}
		if (ret < 0)
			return -1;
	}
	x->p++;
	return x->how.raw_quotes ? put(x, out, "\"", 1) : 0;
}

static int single_quoted(struct lexer *x, struct buf *out)
{
	const char *end = strchr(x->p + 1, '\'');
	const size_t keep_quotes = x->how.raw_quotes ? 1 : 0;

	if (!end)
		return no_end(x, "\"'\"");
	if (put(x, out, x->p + 1 - keep_quotes, (size_t)(end - x->p) - 1 + 2 * keep_quotes) < 0)
		return -1;
	x->p = end + 1;
	return 0;
}

/* "<<" and the blanks behind it belong to the word that follows: a heredoc's name. */
static int angle(struct lexer *x, struct buf *out)
{
	const size_t n = x->p[1] == '<' ? 2 + strspn(x->p + 2, " \t\r") : 1;
	const char *s = x->p;

	x->p += n;
	return put(x, out, s, n);
}

static int escaped(struct lexer *x, struct buf *out)
{
	size_t n = 1;

	if (x->how.raw_escapes && put(x, out, x->p, 1) < 0)
		return -1;
	x->p++;
	if (!*x->p)
		return 0;
	while (((unsigned char)x->p[n] & 0xc0) == 0x80)
		n++;
	x->p += n;
	return put(x, out, x->p - n, n);
}

/* One thing that is no white space between words. */
static int one(struct lexer *x, struct buf *out)
{
	const char c = *x->p;

	if (c == '$')
		return dollar(x, out);
	if (c == '<')
		return angle(x, out);
	if (c == '"' && !x->how.text)
		return double_quoted(x, out);
	if (c == '\'' && !x->how.text)
		return single_quoted(x, out);
	if (c == x->how.escape)
		return escaped(x, out);
	x->p++;
	return put(x, out, &c, 1);
}

static int lex(struct lexer *x, char stop, struct buf *out)
{
	while (*x->p && *x->p != stop)
		if (one(x, out) < 0)
			return -1;
	return 0;
}

/* ---- the ways in ---- */

static struct lexer lexer(const char *shown, struct df_word w, const struct df_lex *how, const struct df_vars *vars,
			  struct err *err)
{
	return (struct lexer){ .shown = shown, .start = w.s, .p = w.s, .at = w, .how = *how, .vars = vars, .err = err };
}

int df_expand(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct buf *out,
	      struct err *err)
{
	struct lexer x = lexer(shown, w, &(struct df_lex){ .escape = escape }, vars, err);

	return lex(&x, '\0', out);
}

int df_expand_raw(const char *shown, struct df_word w, const struct df_vars *vars, struct buf *out, struct err *err)
{
	struct lexer x = lexer(shown, w, &(struct df_lex){ .escape = '\\', .text = true }, vars, err);

	return lex(&x, '\0', out);
}

static void end_word(struct buf *word, struct strs *out)
{
	if (word->len)
		strs_add(out, word->ptr);
	buf_reset(word);
}

/* What a variable holds is split, too. */
static int split_value(struct lexer *x, struct buf *word, struct strs *out)
{
	CLEAN_BUF struct buf val = BUF_INIT;
	const char *s;

	if (dollar(x, &val) < 0)
		return -1;
	for (s = val.ptr; *s;) {
		const size_t n = df_space(s);

		if (n)
			end_word(word, out);
		else if (put(x, word, s, 1) < 0)
			return -1;
		s += n ? n : 1;
	}
	return 0;
}

int df_lex_words(const char *shown, struct df_word w, const struct df_lex *how, const struct df_vars *vars,
		 struct strs *out, struct err *err)
{
	struct lexer x = lexer(shown, w, how, vars, err);
	CLEAN_BUF struct buf word = BUF_INIT;
	size_t counted = 0, sum = 0;

	while (*x.p) {
		const size_t n = df_space(x.p);
		int ret = 0;

		if (n) {
			end_word(&word, out);
			x.p += n;
		} else if (*x.p == '$') {
			ret = split_value(&x, &word, out);
		} else {
			ret = one(&x, &word);
		}
		if (ret < 0)
			return -1;
		/* split_value() may have ended many words */
		for (; counted < out->len; counted++)
			sum += strlen(out->ptr[counted]);
		if (sum + word.len > DF_EXPAND_MAX)
			return too_much(&x);
	}
	end_word(&word, out);
	return 0;
}

int df_expand_words(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct arena *a,
		    struct df_word **out, size_t *n, struct err *err)
{
	CLEAN_STRS struct strs words = { 0 };

	if (df_lex_words(shown, w, &(struct df_lex){ .escape = escape }, vars, &words, err) < 0)
		return -1;
	*out = arena_alloc(a, words.len * sizeof(**out) + 1);
	*n = words.len;
	for (size_t i = 0; i < words.len; i++)
		(*out)[i] = (struct df_word){ arena_strdup(a, words.ptr[i]), w.line, w.col };
	return 0;
}
