/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SINK_H
#define SLSC_LOCAL_SINK_H

#include "base/buf.h"
#include "local/loop.h"

/*
 * Sends events to a port of this machine, in batches, from the event loop: as JSON arrays in requests of HTTP, a
 * connection each, or as lines of TCP. One batch is on its way while the next is gathered; what comes when both are
 * full is dropped and counted, as is a batch that the other side refuses or does not take within SINK_LATE_NS.
 * Nothing here waits, and memory is bounded by twice max_bytes, or one event that is larger.
 */

#define SINK_LATE_NS (5 * LOOP_S)

struct sink {
	/* set by its owner */
	struct loop *loop;
	uint16_t port;			/* on 127.0.0.1 */
	char *head;			/* request line and headers, each with its CRLF; NULL: TCP. Heap, its own */
	size_t max_items, max_bytes;	/* of a batch */
	uint64_t timeout_ns;		/* from its first event until it is sent */
	/* an event that says what was dropped, to go before the next one; may be NULL */
	void (*tell)(struct sink *s, uint64_t records, uint64_t bytes, struct buf *event);
	/* the module's own */
	struct sink_batch {
		struct buf text;
		size_t items;
		uint64_t records, bytes;	/* dropped ones that it tells of */
	} next, out;
	size_t sent;
	uint64_t records, bytes;	/* dropped, not told yet */
	struct buf answer;
	enum { SINK_IDLE, SINK_CONNECTING, SINK_SENDING, SINK_ANSWER } state;
	bool due;			/* next is to be sent as soon as possible */
	struct loop_io io;
	struct loop_timer timer, late;
};

void sink_init(struct sink *s);
/** sink_add - @event: JSON without a line's end, copied. */
void sink_add(struct sink *s, struct str event);
/** sink_flush - send what there is without waiting for more. */
void sink_flush(struct sink *s);
/** sink_release - what is not sent never will be. */
void sink_release(struct sink *s);

#endif
