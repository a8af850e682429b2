/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_SIZE_ROWS_H
#define SLSC_REPORT_SIZE_ROWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/vec.h"
#include "report/sizes.h"

/*
 * A tree of sizes, or of changes, as rows of a table: the largest parts, each below what it is a part of, and behind
 * them one row for all that is left out there. So the rows at one depth below a row add up to it.
 */
struct size_row {
	unsigned depth;		/* 0: below the root */
	const char *kind;
	const char *name;	/* directories with one part are joined: "usr/lib/x"; of others NULL; borrowed */
	bool dir;		/* more rows are below it, or would be */
	uint64_t a, b;		/* bytes before and after; of a tree a is 0 */
	size_t others;		/* so many are left out; 0: it is a part by itself */
};
struct size_rows {
	struct arena arena;
	struct size_row *ptr;
	size_t len, cap;
};
#define CLEAN_SIZE_ROWS __attribute__((cleanup(size_rows_release)))

/** size_rows_of - of a finished tree; @top: how many parts at most, 0: all. */
void size_rows_of(struct size_rows *r, const struct size_tree *t, size_t top);
/** size_rows_diff - of what size_diff() gave; parts that change by as much as others come in their order there. */
void size_rows_diff(struct size_rows *r, const struct size_change *root, size_t top);
void size_rows_release(struct size_rows *r);

/** size_json - {"bytes","children","kind","name","own"}; "children" is left out where there are none. */
void size_json(const struct size_node *n, struct buf *out);
/** size_change_json - {"a","b","change","children","kind","name"}. */
void size_change_json(const struct size_change *c, struct buf *out);

/* What the texts of inspect and diff share. */
/** text_bytes - "17840" as "17,840" into @buf; returns @buf. */
char *text_bytes(uint64_t n, char *buf, size_t cap);
/** text_change - "+17,840", "-3", "0". */
char *text_change(uint64_t a, uint64_t b, char *buf, size_t cap);
/** text_name - a foreign name, cut to @width columns; what would steer a terminal becomes '?'. */
void text_name(struct buf *out, const char *s, size_t width);

#endif
