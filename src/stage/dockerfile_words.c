/* SPDX-License-Identifier: Apache-2.0 */
/* An instruction's text as words, each with its place. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

#define BLANK " \t\v\f\r"

size_t df_space(const char *s)
{
	const unsigned char a = (unsigned char)s[0], b = a ? (unsigned char)s[1] : 0;
	const unsigned char c = b ? (unsigned char)s[2] : 0;

	if (a == ' ' || (a >= '\t' && a <= '\r'))
		return 1;
	if (a == 0xc2)
		return b == 0x85 || b == 0xa0 ? 2 : 0;
	if (a == 0xe1)
		return b == 0x9a && c == 0x80 ? 3 : 0;
	if (a == 0xe2 && b == 0x80)
		return (c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf ? 3 : 0;
	if (a == 0xe2)
		return b == 0x81 && c == 0x9f ? 3 : 0;
	return a == 0xe3 && b == 0x80 && c == 0x80 ? 3 : 0;
}

size_t df_skip(const char *s, size_t at)
{
	for (size_t n; (n = df_space(s + at)) > 0;)
		at += n;
	return at;
}

void df_text_release(struct df_text *t)
{
	buf_release(&t->text);
	VEC_FREE(t);
}

void df_text_place(struct df_text *t, size_t at, unsigned *line, unsigned *col)
{
	size_t low = 0, high = t->len, from;

	if (!t->len) {
		*line = *col = 0;
		return;
	}
	while (high - low > 1) {
		const size_t mid = low + (high - low) / 2;

		if (t->ptr[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	if (t->seen_piece != low || t->seen_at > at || !t->seen_col) {
		t->seen_piece = low;
		t->seen_at = t->ptr[low].at;
		t->seen_col = t->ptr[low].col;
	}
	for (from = t->seen_at; from < at; from++)
		t->seen_col += ((unsigned char)t->text.ptr[from] & 0xc0) != 0x80;
	t->seen_at = at;
	*line = t->ptr[low].line;
	*col = t->seen_col;
}

struct df_word df_text_word(struct df_text *t, size_t at, size_t n, struct arena *a)
{
	struct df_word w = { .s = arena_str(a, (struct str){ t->text.ptr + at, n }) };

	df_text_place(t, at, &w.line, &w.col);
	return w;
}

void df_words_blanks(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out)
{
	const char *s = t->text.ptr;

	for (;;) {
		size_t n;

		at += strspn(s + at, BLANK);
		n = strcspn(s + at, BLANK);
		if (!n)
			return;
		VEC_PUSH(out, df_text_word(t, at, n, &d->arena));
		at += n;
	}
}

void df_words_rest(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out)
{
	const char *s = t->text.ptr;
	size_t end;

	at = df_skip(s, at);
	end = at;
	for (size_t i = at; s[i];) {
		const size_t n = df_space(s + i);

		i += n ? n : 1;
		if (!n)
			end = i;
	}
	if (end > at)
		VEC_PUSH(out, df_text_word(t, at, end - at, &d->arena));
}

/* The end of the word at @at. An escape character escapes but in single quotes; at the very end it is dropped. */
static size_t quoted_end(const struct dockerfile *d, const char *s, size_t at, bool *drop)
{
	char quote = '\0';

	*drop = false;
	for (; s[at]; at++) {
		const char c = s[at];

		if (c == d->escape && quote != '\'') {
			*drop = !s[at + 1];
			at += !*drop;
			continue;
		}
		if (quote)
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (df_space(s + at))
			break;
	}
	return at;
}

void df_words_quoted(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out)
{
	const char *s = t->text.ptr;

	for (;;) {
		bool drop;
		size_t end;

		at = df_skip(s, at);
		if (!s[at])
			return;
		end = quoted_end(d, s, at, &drop);
		if (end - at > drop)
			VEC_PUSH(out, df_text_word(t, at, end - at - drop, &d->arena));
		at = end;
	}
}

/* The place of the next string of the array's text. */
static size_t json_string_at(const char *s, size_t at)
{
	while (s[at] && s[at] != '"')
		at++;
	return at;
}

static size_t json_string_end(const char *s, size_t at)
{
	for (at++; s[at] && s[at] != '"'; at++)
		at += s[at] == '\\' && s[at + 1];
	return at + (s[at] == '"');
}

int df_words_json(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_words *out,
		  struct err *err)
{
	const char *s = t->text.ptr;
	json_t *list, *one;
	size_t i;
	int ret = 1;

	at = df_skip(s, at);
	if (s[at] != '[')
		return 0;
	list = json_loads(s + at, JSON_ALLOW_NUL, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return 0;
	}
	json_array_foreach(list, i, one) {
		struct df_word w = { .s = NULL };

		df_text_place(t, at, &w.line, &w.col);
		if (!json_is_string(one)) {
			df_fail(shown, w, err, "a JSON array may hold strings only here");
			ret = err_hint(err, "put double quotes around each word");
			break;
		}
		at = json_string_at(s, at);
		df_text_place(t, at, &w.line, &w.col);
		if (strlen(json_string_value(one)) != json_string_length(one)) {
			ret = df_fail(shown, w, err, "a NUL character is not allowed in a string");
			break;
		}
		at = json_string_end(s, at);
		w.s = arena_strdup(&d->arena, json_string_value(one));
		VEC_PUSH(out, w);
	}
	json_decref(list);
	return ret;
}
