/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_DOCKERFILE_INTERNAL_H
#define SLSC_STAGE_DOCKERFILE_INTERNAL_H

#include "stage/dockerfile.h"

/** An instruction's text with its continued lines joined, and where each piece of it stands. */
struct df_text {
	struct buf text;
	struct df_piece {
		size_t at;		/* offset into text */
		unsigned line, col;
	} *ptr;
	size_t len, cap;
};
void df_text_release(struct df_text *t);
/** df_text_word - @n bytes at @at as a word with its place; in @a. */
struct df_word df_text_word(const struct df_text *t, size_t at, size_t n, struct arena *a);
void df_text_place(const struct df_text *t, size_t at, unsigned *line, unsigned *col);

/** df_inst_parse - flags and arguments of @i, whose kind and place are set; its rest begins at @at. */
int df_inst_parse(struct dockerfile *d, const char *shown, const struct df_text *t, size_t at, struct df_inst *i,
		  struct err *err) MUST_CHECK;
/** df_kind_parse - of the word @w of @n bytes, in any case; -1 with @err, located. */
int df_kind_parse(const struct dockerfile *d, const char *shown, struct df_word w, struct err *err) MUST_CHECK;
int df_fail(const char *shown, struct df_word at, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
