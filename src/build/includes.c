/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation phases 2 to 4 of C11 5.1.1.2, as far as they decide what is a directive: spliced lines, comments,
 * strings. In doubt more is named: a name of which nothing comes costs nothing.
 */
#include "build/includes.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"

struct scan {
	const char *p, *end;
	unsigned line;
	int prev;	 /* the character before a token that is no identifier's; 0: white space or nothing */
	struct buf word; /* an identifier, a name, or what is in a string */
	struct include_refs *out;
};

#define END (-1)

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       c >= 0x80;
}

/* The next character; spliced lines are one. As gcc has it, blanks may stand between backslash and line's end. */
static int peek(struct scan *s)
{
	while (s->p < s->end && *s->p == '\\') {
		const char *q = s->p + 1;

		while (q < s->end && is_blank((unsigned char)*q))
			q++;
		if (q == s->end || *q != '\n')
			break;
		s->p = q + 1;
		s->line++;
	}
	return s->p < s->end ? (unsigned char)*s->p : END;
}

static int next(struct scan *s)
{
	int c = peek(s);

	if (c == END)
		return END;
	s->p++;
	s->line += c == '\n';
	return c;
}

static void unknown(struct scan *s)
{
	if (!s->out->unknown)
		s->out->unknown = s->line;
}

/* Not even the list that a compiler writes has it. */
static void hidden(struct scan *s)
{
	unknown(s);
	if (!s->out->hidden)
		s->out->hidden = s->line;
}

static void not_named(struct scan *s, enum include_kind kind)
{
	if (kind == INCLUDE_QUOTE || kind == INCLUDE_ANGLE)
		unknown(s);
	else
		hidden(s);
}

static void add(struct scan *s, enum include_kind kind, bool is_next, struct str name)
{
	if (!name.len || memchr(name.ptr, '\0', name.len) || s->out->len == INCLUDES_MAX) {
		not_named(s, kind);
		return;
	}
	VEC_PUSH(s->out,
		 ((struct include_ref){
			 .kind = kind, .next = is_next, .line = s->line, .name = arena_str(&s->out->arena, name) }));
}

/* After the '/' that began it. False: it was none. */
static bool comment(struct scan *s)
{
	int c = peek(s), last = 0;

	if (c == '/') {
		while ((c = peek(s)) != END && c != '\n')
			next(s);
		return true;
	}
	if (c != '*')
		return false;
	next(s);
	while ((c = next(s)) != END && !(last == '*' && c == '/'))
		last = c;
	return true;
}

/* White space and comments within a line. A lone '/' ends it: no directive goes on with one. */
static void skip_blanks(struct scan *s)
{
	for (;;) {
		int c = peek(s);

		if (is_blank(c)) {
			next(s);
		} else if (c == '/') {
			next(s);
			if (!comment(s))
				return;
		} else {
			return;
		}
	}
}

static void read_word(struct scan *s)
{
	buf_reset(&s->word);
	while (is_word(peek(s)))
		buf_addc(&s->word, (char)next(s));
}

/* "x" or <x>, as they are: no escapes. False: it is another thing, or has no end in its line. */
static bool read_name(struct scan *s, int *open)
{
	int c, close;

	skip_blanks(s);
	*open = peek(s);
	if (*open != '"' && *open != '<')
		return false;
	close = *open == '"' ? '"' : '>';
	next(s);
	buf_reset(&s->word);
	while ((c = peek(s)) != END && c != '\n' && c != close)
		buf_addc(&s->word, (char)next(s));
	if (c != close)
		return false;
	next(s);
	return true;
}

static void name_file(struct scan *s, enum include_kind kind, bool is_next)
{
	int open;

	if (!read_name(s, &open)) {
		not_named(s, kind);
		return;
	}
	add(s, kind != INCLUDE_QUOTE || open == '"' ? kind : INCLUDE_ANGLE, is_next, buf_str(&s->word));
}

/* After the '#' that begins a line. */
static void directive(struct scan *s)
{
	skip_blanks(s);
	read_word(s);
	if (strcmp(s->word.ptr, "include") == 0 || strcmp(s->word.ptr, "import") == 0)
		name_file(s, INCLUDE_QUOTE, false);
	else if (strcmp(s->word.ptr, "include_next") == 0)
		name_file(s, INCLUDE_QUOTE, true);
	else if (strcmp(s->word.ptr, "embed") == 0)
		name_file(s, INCLUDE_EMBED, false);
}

/* __has_include(...), wherever it stands: a macro may take it into an #if. `defined(__has_include)` asks for none. */
static void identifier(struct scan *s)
{
	bool embed, is_next;

	read_word(s);
	s->prev = s->word.len && s->word.ptr[s->word.len - 1] == 'R' ? 'R' : 'x';
	embed = strcmp(s->word.ptr, "__has_embed") == 0;
	is_next = strcmp(s->word.ptr, "__has_include_next") == 0;
	if (!embed && !is_next && strcmp(s->word.ptr, "__has_include") != 0)
		return;
	skip_blanks(s);
	if (peek(s) != '(')
		return;
	next(s);
	name_file(s, embed ? INCLUDE_EMBED : INCLUDE_QUOTE, is_next);
}

/* What stands in a string for the assembler: .incbin \"x\". @at: behind the word. */
static void in_string(struct scan *s, struct str at, enum include_kind kind)
{
	const char *p = at.ptr, *end = at.ptr + at.len, *name;

	while (p < end && (is_blank((unsigned char)*p) || (*p == '\\' && end - p > 1 && p[1] == 't')))
		p += *p == '\\' ? 2 : 1;
	/* "a.include" is a file's name */
	if (p == at.ptr && (kind == INCLUDE_ASM || (p < end && is_word((unsigned char)*p))))
		return;
	if (p == end || end - p < 2 || p[0] != '\\' || p[1] != '"') {
		/* the name is another string, of a macro maybe; ".include" in a text for people goes on with words */
		if (p == end || kind == INCLUDE_DATA)
			hidden(s);
		return;
	}
	name = p += 2;
	while (p < end && *p != '\\')
		p++;
	if (end - p < 2 || p[1] != '"')
		hidden(s);
	else
		add(s, kind, false, (struct str){ name, (size_t)(p - name) });
}

/* After the quote that began it; without one more it ends with its line. */
static void string(struct scan *s)
{
	static const struct {
		const char *word;
		enum include_kind kind;
	} words[] = { { ".incbin", INCLUDE_DATA }, { ".include", INCLUDE_ASM } };
	CLEAN_BUF struct buf text = BUF_INIT;
	int c;

	while ((c = peek(s)) != END && c != '\n') {
		next(s);
		if (c == '"')
			break;
		buf_addc(&text, (char)c);
		if (c == '\\' && (c = peek(s)) != END && c != '\n')
			buf_addc(&text, (char)next(s));
	}
	/* R"x(...)x" may hold anything, on many lines; which compilers know it in C differs */
	if (s->prev == 'R' && memchr(text.ptr, '(', text.len < 17 ? text.len : 17))
		hidden(s);
	for (const char *at = text.ptr, *end = at + text.len; (at = memchr(at, '.', (size_t)(end - at))); at++)
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			const size_t n = strlen(words[i].word);

			if ((size_t)(end - at) >= n && strncasecmp(at, words[i].word, n) == 0)
				in_string(s, (struct str){ at + n, (size_t)(end - at) - n }, words[i].kind);
		}
}

static void character(struct scan *s)
{
	int c;

	while ((c = peek(s)) != END && c != '\n') {
		next(s);
		if (c == '\'')
			return;
		if (c == '\\' && peek(s) != '\n')
			next(s);
	}
}

/* After a '.': a directive of the assembler's, a member's name, or part of a number. Returns what `prev` is then. */
static int dot(struct scan *s)
{
	const bool member = s->prev == 'x' || s->prev == 'R' || s->prev == ')' || s->prev == ']';
	enum include_kind kind;
	int open;

	read_word(s);
	if (strcasecmp(s->word.ptr, "incbin") == 0)
		kind = INCLUDE_DATA;
	else if (strcasecmp(s->word.ptr, "include") == 0)
		kind = INCLUDE_ASM;
	else
		return s->word.len ? 'x' : '.';
	skip_blanks(s);
	open = peek(s);
	/* x.include, or .include = 1 */
	if (member || open == '=' || open == ',' || open == '}' || open == ')' || open == '(')
		return 'x';
	if (open != '"' || !read_name(s, &open))
		hidden(s);
	else
		add(s, kind, false, buf_str(&s->word));
	return '"';
}

static bool has(const char *text, size_t n, const char *what)
{
	return memmem(text, n, what, strlen(what)) != NULL;
}

void includes_scan(const char *text, size_t n, struct include_refs *out)
{
	struct scan s = { .p = text, .end = text + n, .line = 1, .word = BUF_INIT, .out = out };
	bool first = true; /* in its line */
	int c;

	/* trigraphs of '#' and '\' */
	if (has(text, n, "?\?=") || has(text, n, "?\?/"))
		unknown(&s);
	while ((c = peek(&s)) != END && out->len < INCLUDES_MAX) {
		if (is_word(c)) {
			identifier(&s);
			first = false;
			continue;
		}
		next(&s);
		if (c == '\n') {
			first = true;
		} else if (c == '/') {
			if (!comment(&s))
				first = false;
			c = 0;
		} else if (first && (c == '#' || (c == '%' && peek(&s) == ':'))) {
			if (c == '%')
				next(&s);
			directive(&s);
			first = false;
		} else if (!is_blank(c)) {
			first = false;
			if (c == '"')
				string(&s);
			else if (c == '\'')
				character(&s);
			else if (c == '.')
				c = dot(&s);
		}
		s.prev = is_blank(c) || c == '\n' ? 0 : c;
	}
	if (out->len == INCLUDES_MAX)
		hidden(&s);
	buf_release(&s.word);
}

void includes_release(struct include_refs *r)
{
	VEC_FREE(r);
	arena_release(&r->arena);
	*r = (struct include_refs){ .len = 0 };
}
