/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_EVENTSTREAM_H
#define SLSC_LOCAL_EVENTSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * application/vnd.amazon.eventstream, as InvokeWithResponseStream answers in it: a message is its length, its headers'
 * length and the CRC-32 of these two, then headers, payload and the CRC-32 of all before; numbers are big-endian.
 * Specification: Smithy, "Amazon Event Stream". No state is shared; nothing blocks.
 */
#define EVENTSTREAM_TYPE "application/vnd.amazon.eventstream"
#define EVENTSTREAM_HEADERS_MAX (128u << 10)	/* bytes, of a message's headers */
#define EVENTSTREAM_PAYLOAD_MAX (16u << 20)	/* bytes */
#define EVENTSTREAM_CHUNK_MAX (1u << 20)	/* what we put into one PayloadChunk */

struct eventstream_header {
	struct str name, value;
};

/* ---- writing ---- */

/**
 * eventstream_add - append a message with headers of type string. A name has 1 to 255 bytes, a value at most 65,535,
 * headers and payload keep to the limits above: all else is BUG().
 */
void eventstream_add(struct buf *out, const struct eventstream_header *headers, size_t n, struct str payload);
/** eventstream_add_chunk - PayloadChunk; several beyond EVENTSTREAM_CHUNK_MAX, none for no bytes. */
void eventstream_add_chunk(struct buf *out, const void *p, size_t n);
/**
 * eventstream_add_complete - InvokeComplete, the last message. What is absent is "". @code: "Unhandled"; @details: what
 * the function said of its error; @log: the tail of its log, not yet in base64.
 */
void eventstream_add_complete(struct buf *out, struct str code, struct str details, struct str log);

/* ---- reading ---- */

#define EVENTSTREAM_HEADERS 32u		/* of a message; more are ERR_LIMIT */

/** A message as it came; borrowed until the callback returns. */
struct eventstream_message {
	struct eventstream_header headers[EVENTSTREAM_HEADERS];	/* those of type string */
	size_t nheaders;
	struct str payload;
};

/** eventstream_value - of the header @name, or "" with ptr NULL. */
struct str eventstream_value(const struct eventstream_message *m, const char *name);

typedef int (*eventstream_fn)(void *ctx, const struct eventstream_message *m, struct err *err);

/** Messages that arrive in pieces. Memory: at most one message, and no more than has come. */
struct eventstream {
	struct buf part;	/* of a message that is not whole */
	uint64_t offset;	/* in the stream, of that message */
};
#define EVENTSTREAM_INIT { .part = BUF_INIT }
void eventstream_release(struct eventstream *s);

/**
 * eventstream_feed - @n more bytes; @on for each message that is whole with them. ERR_FORMAT "event stream, byte 120:
 * ...", ERR_LIMIT, or what @on says: then it is over.
 */
int eventstream_feed(struct eventstream *s, const void *p, size_t n, eventstream_fn on, void *ctx,
		     struct err *err) MUST_CHECK;
/** eventstream_end - ERR_FORMAT if the stream ends within a message. */
int eventstream_end(const struct eventstream *s, struct err *err) MUST_CHECK;

/* ---- what Lambda puts into them ---- */

enum eventstream_kind {
	EVENTSTREAM_CHUNK,	/* a piece of the answer: the payload */
	EVENTSTREAM_COMPLETE,	/* the last one */
	EVENTSTREAM_REFUSED,	/* :message-type exception or error */
	EVENTSTREAM_OTHER,	/* to be passed over */
};
enum eventstream_kind eventstream_kind(const struct eventstream_message *m);

/** What InvokeComplete holds; "" for what it does not. */
struct eventstream_complete {
	struct buf code, details, log;	/* log: plain, not in base64 */
};
#define EVENTSTREAM_COMPLETE_INIT { .code = BUF_INIT, .details = BUF_INIT, .log = BUF_INIT }
void eventstream_complete_release(struct eventstream_complete *c);
/** eventstream_complete - of an InvokeComplete's payload, into an empty @c. ERR_FORMAT. */
int eventstream_complete(struct str payload, struct eventstream_complete *c, struct err *err) MUST_CHECK;

#endif
