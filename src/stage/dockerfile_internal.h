/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_DOCKERFILE_INTERNAL_H
#define SLSC_STAGE_DOCKERFILE_INTERNAL_H

#include "base/vec.h"
#include "stage/dockerfile.h"

#define DF_MAX_HEREDOCS 64u	/* of one instruction */
#define DF_PATTERN_MAX 1024u	/* characters of a pattern in ${x#p}, ${x%p}, ${x/p/s} */

/** An instruction's text with its continued lines joined, and where each piece of it stands. */
struct df_text {
	struct buf text;
	struct df_piece {
		size_t at;		/* offset into text */
		unsigned line, col;
	} *ptr;
	size_t len, cap;
	/* the last place that was asked for: columns are characters, and questions come in order */
	size_t seen_piece, seen_at;
	unsigned seen_col;
};
void df_text_release(struct df_text *t);
/** df_text_word - @n bytes at @at as a word with its place; in @a. */
struct df_word df_text_word(struct df_text *t, size_t at, size_t n, struct arena *a);
void df_text_place(struct df_text *t, size_t at, unsigned *line, unsigned *col);

struct df_words {
	struct df_word *ptr;
	size_t len, cap;
};

/** df_space - bytes of the white space (Unicode's) that @s begins with; 0: none. */
size_t df_space(const char *s);
/** df_skip - the offset of the first byte from @at on that is no white space. */
size_t df_skip(const char *s, size_t at);
/** df_words_blanks - split at ASCII blanks, quotes or not. */
void df_words_blanks(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out);
/** df_words_quoted - split at white space outside of quotes, which stay, as the escape character does. */
void df_words_quoted(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out);
/** df_words_rest - all of it as one word, without white space at the end; none if it is empty. */
void df_words_rest(struct dockerfile *d, struct df_text *t, size_t at, struct df_words *out);
/** df_words_json - 1: the strings of a JSON array; 0: it is none, so it is shell form; -1: one with other things. */
int df_words_json(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_words *out,
		  struct err *err) MUST_CHECK;

/** df_inst_parse - flags and arguments of @i, whose kind and place are set; its rest begins at @at. */
int df_inst_parse(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		  struct err *err) MUST_CHECK;
/** df_flags_parse - words that begin with "--"; @at moves on to what follows them. */
int df_flags_parse(struct dockerfile *d, const char *shown, struct df_text *t, size_t *at, struct df_inst *i,
		   struct err *err) MUST_CHECK;
/** df_kind_parse - of the word @w, in any case; -1 with @err, located. */
int df_kind_parse(const char *shown, struct df_word w, struct err *err) MUST_CHECK;
int df_fail(const char *shown, struct df_word at, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

/** df_heredocs_find - those that begin in a line, without their text; how many, at most DF_MAX_HEREDOCS + 1. */
size_t df_heredocs_find(const char *line, struct arena *a, struct df_heredoc out[DF_MAX_HEREDOCS + 1]);

struct df_lex {
	char escape;
	bool raw_quotes;	/* quotes stay */
	bool raw_escapes;	/* so does the escape character */
	bool text;		/* quotes mean nothing */
	bool keep_unset;	/* $x stays if x is not set */
};
/** df_lex_words - as df_expand_words(), by @how; unquoted white space separates. */
int df_lex_words(const char *shown, struct df_word w, const struct df_lex *how, const struct df_vars *vars,
		 struct strs *out, struct err *err) MUST_CHECK;

/**
 * df_pattern_trim - the bytes that @pat (`*`, `?`, backslash) takes off the front or the end of @val, the shortest or
 * longest; 0 also if it does not match. df_pattern_replace - the first longest match, or each. -1: @pat is malformed.
 */
int df_pattern_trim(const char *pat, const char *val, bool front, bool longest, size_t *n, struct err *err) MUST_CHECK;
int df_pattern_replace(const char *pat, const char *with, const char *val, bool all, struct buf *out,
		       struct err *err) MUST_CHECK;

#endif
