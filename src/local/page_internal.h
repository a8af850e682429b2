/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_PAGE_INTERNAL_H
#define SLSC_LOCAL_PAGE_INTERNAL_H

#include "local/page.h"

/* An invocation that is over. */
struct page_call {
	struct page_fn *fn;
	uint64_t instance;		/* 0: none had it */
	char id[37];
	uint8_t trace[16];
	bool cold, is_given;
	enum outcome outcome;
	unsigned status;
	int64_t began;			/* ns since the epoch */
	struct invocation_report report;
	char error[64], trigger[16], method[8], path[128];
};

struct page_line {
	uint64_t seq;			/* of all functions', from 1 on */
	int64_t time;			/* ns since the epoch */
	uint64_t instance;
	bool has_call, cut;
	char id[37];			/* of its invocation, if it has one */
	uint8_t trace[16];
	enum line_from from;
	struct buf text;		/* as it was printed; its room is used again */
};

/*
 * How long invocations took, in columns of HEAT_S seconds. Bucket b is from 2^(13 + b/2) ns on, odd ones from 1.5 times
 * that: 8 µs to 2^40 ns.
 */
#define HEAT_S 5u
#define HEAT_COLUMNS 60u
#define HEAT_FIRST 13u
#define HEAT_BUCKETS 54u
struct page_column {
	uint64_t at;			/* s since the epoch / HEAT_S */
	uint64_t tick;
	uint32_t count[HEAT_BUCKETS];
};

/* What is kept of a function: lfn.page. */
struct page_fn {
	const struct lfn *fn;
	uint64_t tick;
	uint64_t outcomes[OUTCOMES], cold;
	uint64_t took[PAGE_TOOK], ntook;	/* ns, in a ring */
	struct page_column heat[HEAT_COLUMNS];
	struct page_line *lines;	/* PAGE_LINES, in a ring; NULL: none yet */
	uint64_t nlines;
	uint64_t at;			/* of page_lines() alone: the next one */
	uint64_t shown[6];		/* of what changes without an event, as it was last */
};

/** page_fn_of - what is kept of @fn; made when it is first asked for. */
struct page_fn *page_fn_of(struct page *pg, struct lfn *fn);
/** page_look - functions that are new or have other settings get a new tick. Whether any has. */
bool page_look(struct page *pg);

/* ---- page_json.c: appends to @out ---- */

/** page_add_news - members of an object: "functions", "instances": those with a tick greater than @since. */
void page_add_news(struct page *pg, uint64_t since, struct buf *out);
/** page_add_calls - "invocations": those after the first @since ones, oldest first. */
void page_add_calls(struct page *pg, uint64_t since, struct buf *out);
/**
 * page_add_lines - "lines": those after *@since, in order, until @most bytes are there; *@since is the last one then.
 * Returns whether that is all. *@gap: how many of those after @from were overwritten before.
 */
bool page_add_lines(struct page *pg, uint64_t *since, uint64_t from, size_t most, uint64_t *gap,
		    struct buf *out);
/** page_add_state - all but the lines, without the last brace. */
void page_add_state(struct page *pg, struct buf *out);

/* ---- page_stream.c ---- */

/** page_touch - something has changed: who reads is to be told. */
void page_touch(struct page *pg);
/** page_behind - how many readers are told nothing until they have read what waits. */
unsigned page_behind(const struct page *pg);
void page_stream(struct page *pg, struct web_req *req);
void page_stream_init(struct page *pg);
void page_stream_stop(struct page *pg);

#endif
