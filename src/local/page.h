/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_PAGE_H
#define SLSC_LOCAL_PAGE_H

#include "local/platform.h"

/*
 * The page at /_slsc/: what the platform does, as it does it.
 *
 *	GET /_slsc/		the page, with its style and script
 *	GET /_slsc/events	server-sent events (WHATWG HTML, 9.2): `state`, then `update`s, ten a second at most
 *	GET /_slsc/state	the same as JSON, at once, with all lines
 *
 * An observer keeps what was last: PAGE_CALLS invocations, and for each function PAGE_LINES lines, PAGE_TOOK durations
 * and five minutes of them in buckets. Nothing is formatted unless somebody asks. A reader is sent what has changed
 * since it was last, out of what is kept: so what waits for a slow one is bounded, too. When that is more than
 * WEB_STREAM_MAX it is told `lost`, and when it has read it gets a new `state`.
 */

#define PAGE_CALLS 200u
#define PAGE_LINES 1000u
#define PAGE_LINE_MAX 4096u		/* bytes of one; the rest is cut */
#define PAGE_TOOK 1000u
#define PAGE_READERS 32u		/* of events at one time; more get 503 */
#define PAGE_BATCH_NS (100 * LOOP_MS)	/* between two events to a reader */

struct page_call;
struct page_reader;

struct page {
	struct observer observer;
	struct platform *platform;
	uint64_t started;		/* ms since the epoch: which run this is */
	uint64_t tick;			/* grows with each change: what has a greater one is news to a reader */
	struct page_call *calls;	/* the last ncalls of PAGE_CALLS, in a ring */
	uint64_t ncalls, nlines;	/* ever */
	struct page_reader *readers;
	unsigned nreaders;
	struct loop_timer flush, beat;
	uint64_t flushed;
	unsigned beats;
	struct buf out;
};

/** page_start - observe @p from here on. */
void page_start(struct page *pg, struct platform *p);
/** page_stop - after the listener whose requests it has answered, before the platform's release. Harmless if zeroed. */
void page_stop(struct page *pg);
/** page_path - whether page_request() is to answer what is at @path. */
bool page_path(struct str path);
/** page_request - answers @req; who may ask has been checked. */
void page_request(struct page *pg, struct web_req *req);

#endif
