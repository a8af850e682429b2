/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_INTERNAL_H
#define SLSC_CONFIG_INTERNAL_H

#include "base/str.h"
#include "config/keys.h"
#include "config/project.h"
#include "config/yaml.h"

/* ---- values.c: scalars ---- */

/** parse_permille - "99.5 %" to 995. 0 or -1. */
int parse_permille(const char *s, uint64_t *permille) MUST_CHECK;
/** parse_mode - 0644 or 0o644; 0 or -1. */
int parse_mode(const char *s, mode_t *mode) MUST_CHECK;

/** The opposite: the shortest exact text, as slsc.yaml takes it. Into @buf; returns @buf. */
char *format_size(uint64_t bytes, char buf[32]);
char *format_us(uint64_t us, char buf[32]);
char *format_permille(uint64_t permille, char buf[32]);

/** quote - 's' for a message: control characters replaced, clipped to some 60 bytes; lives in @a. */
const char *quote(struct arena *a, const char *s);
/** hint_closest - "did you mean 'x'?", else "@what: a, b, c". */
void hint_closest(struct err *err, const char *word, const char *const *cands, size_t n, const char *what);

/* ---- read.c: a mapping into a struct, by its table ---- */

/* Where the reader is, for messages: {"function", "hello"} above {"package", NULL} above {"image", NULL}. */
struct frame {
	const char *what, *name;
	const struct frame *up;
};
struct reader {
	struct project *p;
	struct err *err;
	const struct frame *at;
};

/**
 * keys_read - check @n against @set and write what it says into @target.
 * Scalars replace what is in @target, lists are appended to it, mappings merged into it. Members of type
 * KEY_NAMED are only checked to be mappings: the caller reads their entries.
 * Returns 0, or -1 with a located error.
 */
int keys_read(struct reader *rd, const struct keys *set, const struct ynode *n, void *target) MUST_CHECK;

/** read_err - ERR_CONFIG at @line:@col "KEY of CONTEXT: fmt"; @key NULL: "CONTEXT: fmt". */
int read_err(struct reader *rd, unsigned line, unsigned col, const char *key, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/** read_name - check the key @k of a KEY_NAMED section. */
int read_name(struct reader *rd, const struct key *section, const struct ynode *k) MUST_CHECK;

/** relocate - put an unlocated error at @where: "file:line:col: message in KEY of CONTEXT"; the hint is kept. */
int relocate(struct reader *rd, struct lstr where, const char *key);

/* merging, for extends and for packages: @b after or over @a; the result is in @p's arena or one of the two */
struct lstrs lstrs_join(struct arena *a, struct lstrs x, struct lstrs y);
struct lkvs lkvs_merge(struct arena *a, struct lkvs x, struct lkvs y);

/** package_check_stage - whether target, context and build_args of @pk have the dockerfile they speak of. */
int package_check_stage(struct reader *rd, const struct package *pk) MUST_CHECK;

/* ---- profile.c, toolchain.c, function.c: the sections ---- */

int profiles_read(struct reader *rd, const struct ynode *section) MUST_CHECK;
int toolchains_read(struct reader *rd, const struct ynode *section) MUST_CHECK;
int dependencies_read(struct reader *rd, const struct ynode *section) MUST_CHECK;
int functions_read(struct reader *rd, const struct ynode *section) MUST_CHECK;
int strategies_read(struct reader *rd, const struct ynode *section) MUST_CHECK;
int budgets_read(struct reader *rd, const struct ynode *section) MUST_CHECK;

#endif
