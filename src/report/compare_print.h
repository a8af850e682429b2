/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_PRINT_H
#define SLSC_REPORT_COMPARE_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/compare.h"

/* What the forms of a comparison share; numbers and foreign text are those of other reports, too. */

#define CMP_TEXT_MAX 32 /* of cmp_value_text() and cmp_ratio_text(), with its NUL */

/** cmp_of_run - whether the column is of a run of the program: there a row that ran under qemu is not ranked. */
bool cmp_of_run(enum cmp_col col);
/** cmp_best - whether the row is to be marked as the best: never one that ran under qemu, in a column of a run. */
bool cmp_best(const struct comparison *c, size_t row, enum cmp_col col);
/** cmp_ratio - to the row's reference. NAN: there is none, or one of the two ran under qemu and the other did not. */
double cmp_ratio(const struct comparison *c, size_t row, enum cmp_col col);
/**
 * cmp_ratio_text - "0.12×", "same" for a start that does not differ, "1×" for the reference itself, "" if there is
 * none. Into @text.
 */
const char *cmp_ratio_text(const struct comparison *c, size_t row, enum cmp_col col, char *text, size_t cap);
/** cmp_columns - those of @t's columns of which some row knows something, in @t's order; the others in @unknown. */
size_t cmp_columns(const struct comparison *c, const struct cmp_table *t, enum cmp_col known[COL_COUNT],
		   enum cmp_col unknown[COL_COUNT], size_t *nunknown);
/** cmp_main_columns - reduces @cols to the @max that say most, in the order they had. */
size_t cmp_main_columns(enum cmp_col *cols, size_t n, size_t max);
/** cmp_bar_column - the one whose bars are drawn: the start, or the first that is known. COL_COUNT: none. */
enum cmp_col cmp_bar_column(const struct comparison *c, const struct cmp_table *t);
/** A bar of a chart. */
struct cmp_bar {
	size_t row;
	double part;	/* of the whole length, 0 to 1 */
	bool first;	/* of a group: an architecture, which has a heading where there are several */
};
/**
 * cmp_bars - the bars of @col, in *@bars (heap), shortest first; without rows that know nothing, and in a column of a
 * run without those whose program is another row's. What ran under qemu is measured by the longest of its kind.
 */
size_t cmp_bars(const struct comparison *c, const struct cmp_table *t, enum cmp_col col, struct cmp_bar **bars);
/** cmp_reference_name - the strategy that ratios are to; NULL: there are none, or to several. */
const char *cmp_reference_name(const struct comparison *c, const struct cmp_table *t);
bool cmp_several_archs(const struct comparison *c);
/** cmp_has_samples - whether the row has starts of its own to show: not those of another row's program. */
bool cmp_has_samples(const struct cmp_row *r);
/** cmp_told - whether an earlier table than @table has had the row, and so told why it failed. */
bool cmp_told(const struct comparison *c, size_t table, size_t row);
/** cmp_label - "static-musl", or "static-musl arm64" where there is more than one architecture. Not escaped. */
void cmp_label(const struct comparison *c, size_t row, struct buf *out);
/** cmp_miss_text - "zip of small: 20.1 KB, the limit is 20.0 KB (0.5 % over); largest: symbol main". Not escaped. */
void cmp_miss_text(const struct comparison *c, const struct cmp_miss *m, struct buf *out);
/**
 * cmp_tree_before - the first row above that has the same tree of layers, or of sources: equal ones are shown once.
 * CMP_NO_ROW: none, or @row has no tree.
 */
size_t cmp_tree_before(const struct comparison *c, size_t row, bool layers);
/** cmp_count_text - "5 strategies", "5 strategies for 2 architectures" */
void cmp_count_text(const struct comparison *c, struct buf *out);
/** cmp_elsewhere - "ran under qemu", for the legend of what is not ranked. */
const char *cmp_elsewhere(const struct comparison *c);
/** cmp_interval_text - " (0.108 to 0.112)", milliseconds: where the median lies with 95 %. */
void cmp_interval_text(const struct stats *s, struct buf *out);
/** cmp_how_text - "200 runs of each program, interleaved, ...": how it was measured. Not escaped. */
void cmp_how_text(const struct comparison *c, struct buf *out);

/** cmp_add_csv - a field of RFC 4180, with a comma before it unless it is the first of its line; NULL is empty. */
void cmp_add_csv(struct buf *out, const char *s);
void cmp_add_u64(struct buf *out, uint64_t v);
/** cmp_add_number - finite, for machines: bytes and counts whole, seconds to six digits, microseconds to three. */
void cmp_add_number(struct buf *out, enum cmp_unit unit, double v);

/**
 * cmp_char - the next character of the UTF-8 text *@s, which is moved on; 0 at its end. White space is ' '; what is no
 * UTF-8, a control character, or would turn the direction of the text around it, is U+FFFD: foreign names are shown.
 */
uint32_t cmp_char(const char **s);
void cmp_add_char(struct buf *out, uint32_t c);

void cmp_print_table(const struct comparison *c, bool color, int width, struct buf *out);
void cmp_print_json(const struct comparison *c, struct buf *out);
void cmp_print_csv(const struct comparison *c, struct buf *out);
void cmp_print_markdown(const struct comparison *c, struct buf *out);
void cmp_print_html(const struct comparison *c, struct buf *out);

#endif
