/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_STR_H
#define SLSC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A borrowed run of bytes: not NUL-terminated, never freed. ptr may be NULL only if len is 0. */
struct str {
	const char *ptr;
	size_t len;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

struct str str_from(const char *s);
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/** str_trim - without leading and trailing ASCII white space. */
struct str str_trim(struct str s);
/** str_turns - whether a character turns the direction of what stands around it: U+202E and its kin. */
bool str_turns(uint32_t c);
/**
 * str_control - bytes of the control character that @s begins with, which a terminal would act on: 2 of one of U+0080
 * to U+009F, 2 or 3 of one that turns text around; 0: it is none, or empty.
 */
size_t str_control(struct str s);
/** str_controlz - the same of a string. */
size_t str_controlz(const char *s);
/** str_cut - split at the first @sep: head in *@s, rest returned. Without @sep: all in *@s, rest empty. */
struct str str_cut(struct str *s, char sep);
bool starts_with(const char *s, const char *prefix);
bool ends_with(const char *s, const char *suffix);

/** str_is_utf8 - true if @s is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/**
 * str_closest - the candidate nearest to @word by Damerau-Levenshtein distance, for "did you mean".
 * @cands: @n NUL-terminated candidates, NULL entries are passed over.
 * Returns a candidate (the first of equals), or NULL when none is near enough: a third of the word's length, at
 * least 1; one that goes on where @word ends, from 3 letters on, is near enough. Words of 64 bytes at most.
 */
const char *str_closest(const char *word, const char *const *cands, size_t n);

/** str_human_size - "12.3 KB" style (1 KB = 1024 B) into @buf; returns @buf. */
char *str_human_size(uint64_t bytes, char *buf, size_t cap);
/** str_human_ns - three digits: "812 ns", "150 µs", "1.23 ms", "12.3 s". Into @text of @cap bytes; returns it. */
const char *str_human_ns(double ns, char *text, size_t cap);
/** str_human_count - with its thousands apart: "1,234,567". Into @text; returns it. */
const char *str_human_count(uint64_t n, char *text, size_t cap);

/**
 * str_parse_size - "128 MB", "24KB", "1048576", "512 KiB" to bytes. K, M, G are powers of 1024,
 * as Lambda counts; any case, at most three decimals ("1.5 GB"), rounded down to whole bytes.
 * Returns 0, or -1 if it is no size or overflows.
 */
int str_parse_size(struct str s, uint64_t *bytes) __attribute__((warn_unused_result));

/** str_parse_u64 - all digits, base 10. Returns 0 or -1. */
int str_parse_u64(struct str s, uint64_t *v) __attribute__((warn_unused_result));

#endif
