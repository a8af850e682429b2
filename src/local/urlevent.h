/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_URLEVENT_H
#define SLSC_LOCAL_URLEVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/*
 * Function URLs: a request becomes an event of payload format 2.0, the function's answer becomes one of HTTP. Source:
 * AWS Lambda, "Invoking Lambda function URLs"; API Gateway, "Payload format 2.0". No state is shared; nothing blocks.
 */

struct urlevent_header {
	const char *name, *value;
};

/** A request. All is borrowed; what is absent is "". */
struct urlevent_request {
	struct str method;		/* "GET" */
	struct str path;		/* as it was sent, from "/" on */
	struct str query;		/* as it was sent, without "?" */
	const struct urlevent_header *headers;	/* in order, names as they were sent */
	size_t nheaders;
	struct str body;
	struct str source_ip;		/* also X-Forwarded-For, in place of the client's */
	struct str proto, port;		/* "http", "9000": X-Forwarded-Proto and -Port likewise */
	struct str trace_id;		/* X-Amzn-Trace-Id, in place of the client's */
	struct str domain;		/* domainName: "localhost" */
	struct str id;			/* apiId and domainPrefix: the function's name */
	struct str request_id;
	uint64_t time_ns;		/* when it came, since the Unix epoch */
};

/**
 * urlevent_add - append the event, one line of JSON.
 * Names of headers are in lower case, values of one name joined by commas, those of a hop left out. Cookies leave the
 * headers. A body is in base64 unless its type is text/..., JSON, XML or JavaScript and it is valid UTF-8. In all else
 * invalid UTF-8 is U+FFFD. Members that would be empty (cookies, queryStringParameters, body) are absent.
 */
void urlevent_add(struct buf *out, const struct urlevent_request *r);

#define URLEVENT_HEADERS_MAX 256u		/* of an answer, cookies too */
#define URLEVENT_HEADER_BYTES (64u << 10)	/* names and values in all */
#define URLEVENT_PRELUDE_MAX (128u << 10)	/* bytes of JSON before a streamed body */

/** What to answer. Names are tokens, values without control characters; none that is of a hop or tells a length. */
struct urlevent_answer {
	unsigned status;		/* 200 to 599 */
	struct urlevent_header *headers;	/* the last are Set-Cookie; a Content-Type is among them */
	size_t nheaders;
	struct str body;		/* perhaps within the payload it was read from */
	struct arena arena;
	struct buf own;			/* what body is in otherwise */
	void *json;
};
#define URLEVENT_ANSWER_INIT { .own = BUF_INIT }
#define CLEAN_URLEVENT_ANSWER __attribute__((cleanup(urlevent_answer_release)))
void urlevent_answer_release(struct urlevent_answer *a);

/**
 * urlevent_answer - into @a, which is empty, from what a function answered in one piece: an object with statusCode, or
 * any other JSON, which is the body of a 200 (a string without its quotes). @payload stays as long as @a.
 * -1 with @a a 502, as Lambda answers, and @err: ERR_FORMAT, ERR_LIMIT, why it is one: "the function's answer: ...".
 */
int urlevent_answer(struct urlevent_answer *a, struct str payload, struct err *err) MUST_CHECK;
/** urlevent_bad_gateway - into @a: 502, also what Lambda answers for a function that failed. */
void urlevent_bad_gateway(struct urlevent_answer *a);

/**
 * The head of a streamed answer of type URLEVENT_STREAM_TYPE: JSON (statusCode, headers, cookies), eight NUL bytes,
 * the body. Memory: the JSON alone.
 */
#define URLEVENT_STREAM_TYPE "application/vnd.awslambda.http-integration-response"
struct urlevent_prelude {
	struct buf text;
	unsigned nuls;		/* of the eight */
};
#define URLEVENT_PRELUDE_INIT { .text = BUF_INIT }
void urlevent_prelude_release(struct urlevent_prelude *p);
/**
 * urlevent_prelude_feed - @n more bytes, *@used of them taken: all, unless it returns 1: then @a, which was empty, is
 * filled but for the body, which is what follows. 0: more is needed. -1 as urlevent_answer().
 */
int urlevent_prelude_feed(struct urlevent_prelude *p, const void *data, size_t n, size_t *used,
			  struct urlevent_answer *a, struct err *err) MUST_CHECK;

#endif
