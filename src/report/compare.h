/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_H
#define SLSC_REPORT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/project.h"
#include "report/sizes.h"
#include "report/stats.h"

/*
 * One function under several strategies: what was measured (compare_run()), and its forms (compare_print()). All is in
 * the comparison's arena.
 */

/** What a row says, in the order of the columns. Less is better in each. */
enum cmp_col {
	COL_BINARY,	/* bytes of the program */
	COL_ZIP,	/* bytes of the Lambda zip */
	COL_IMAGE,	/* bytes to pull: manifest, config, layers */
	COL_UNPACKED,	/* bytes of the image's files */
	COL_LAYERS,
	COL_FILES,	/* that a container sees */
	COL_BUILD,	/* seconds, from nothing */
	COL_PACKAGE,	/* seconds, of the zip and the image */
	COL_START,	/* microseconds, spawn to first request served: the median */
	COL_START_P99,	/* microseconds */
	COL_RSS,	/* bytes, once the first request is served: the median */
	COL_PSS,	/* bytes */
	COL_ALLOCS,	/* calls of the allocator until then */
	COL_COUNT
};
enum cmp_unit { UNIT_BYTES, UNIT_COUNT, UNIT_SECONDS, UNIT_MICROSECONDS };

/** A column's names and unit. */
struct cmp_col_info {
	const char *key;	/* in JSON and CSV: "binary", "start_p50", ... */
	const char *title;	/* of the column: "binary", "start p50" */
	enum cmp_unit unit;
};
extern const struct cmp_col_info cmp_cols[COL_COUNT];

#define CMP_NO_ROW SIZE_MAX
#define CMP_NO_COL COL_COUNT	/* of a budget: the image's efficiency, a ratio, of which more is better */

struct cmp_row {
	const char *strategy, *summary;	/* "static-musl", "musl, static" */
	const char *profile, *toolchain, *base, *compression;	/* what it was made with; NULL: not known */
	enum arch arch;
	bool emulated;			/* it ran under qemu: its times are not ranked with others */
	const char *failed;		/* why there is no more than this, in one line; NULL: it went well */
	const char *note;		/* what its reader must know: "answers with an error"; or NULL */
	double value[COL_COUNT];	/* NAN: not known */
	double *samples;		/* of starts, microseconds, in the order of measuring; NULL */
	size_t nsamples;
	struct stats start;
	size_t same_binary;		/* the row whose program, and so whose start, this one has; or CMP_NO_ROW */
	size_t reference;		/* the row that ratios are to; itself: it is the reference; or CMP_NO_ROW */
	bool best[COL_COUNT];		/* the least of its architecture */
	bool start_differs;		/* from the reference's: 95 %, by bootstrap */
	double efficiency;		/* of the image, as dive defines it, 0 to 1; 0: not known */
	const struct size_tree *sources;	/* the program by compile unit and symbol; NULL: not known */
	const struct size_tree *layers;		/* the image by layer and file; NULL: not known */
};

/** Somebody's word for something, and ours. */
struct cmp_claim {
	const char *what;	/* "start, static" */
	const char *claimed;	/* "0.2 ms" */
	const char *measured;	/* "0.21 ms"; NULL: not measured */
};

/** A table of its own in the output: rows of the comparison, some of their columns. */
struct cmp_table {
	const char *title;
	const size_t *rows;
	size_t nrows;
	const enum cmp_col *cols;
	size_t ncols;
	const char *source;	/* who claims it: "the guide" */
	const struct cmp_claim *claims;
	size_t nclaims;
};

/** A budget that was not met. */
struct cmp_miss {
	const char *budget;	/* "zip", "growth of binary", ... */
	size_t row;
	enum cmp_col col;
	double limit, value;
	const char *contributor;	/* the largest: "layer 2: RUN apt-get ...", "symbol main"; or NULL */
};

struct comparison {
	struct arena arena;
	const char *project, *function, *version;	/* of slsc */
	const char *machine;	/* "Linux 6.1.0, 2 × Intel(R) Xeon(R) ..." */
	size_t runs;		/* of each program */
	const char *cold;	/* what --cold could do: "page cache bypassed"; NULL: it was not asked for */
	struct cmp_row *rows;
	size_t nrows;
	struct cmp_table *tables;	/* at least one */
	size_t ntables;
	struct cmp_miss *missed;
	size_t nmissed;
	struct strs warnings;
	struct { struct size_tree **ptr; size_t len, cap; } trees;	/* that rows point to */
};
#define CLEAN_COMPARISON __attribute__((cleanup(comparison_release)))
void comparison_release(struct comparison *c);

enum cmp_format { CMP_TABLE, CMP_JSON, CMP_CSV, CMP_MARKDOWN, CMP_HTML };

struct cmp_style {
	enum cmp_format format;
	bool color;
	int width;	/* columns of the terminal; CMP_TABLE fits it by leaving out columns, and says which */
};
/** compare_print - @c as @style says, appended to @out. */
void compare_print(const struct comparison *c, const struct cmp_style *style, struct buf *out);

/** cmp_value_text - "19.9 KB", "1.24 s", "0.82 ms", "3"; "–" for NAN. Into @text. */
const char *cmp_value_text(enum cmp_col col, double value, char *text, size_t cap);

#endif
