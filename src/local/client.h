/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_CLIENT_H
#define SLSC_LOCAL_CLIENT_H

#include <stdbool.h>

#include "archive/tar.h"
#include "base/buf.h"
#include "registry/http.h"

/*
 * Lambda's Invoke API from the caller's side, without signatures: for slsc local, and what else speaks it (SAM,
 * LocalStack). A call blocks until its answer is whole; a signal ends it with ERR_INTR.
 * Source: AWS Lambda API reference, Invoke and InvokeWithResponseStream.
 */
#define INVOKE_EVENT_MAX (6u << 20)		/* bytes, of an event; an asynchronous one has less */
#define INVOKE_ANSWER_MAX (6291556u)		/* of an answer in one piece */
#define INVOKE_STREAM_MAX (200u << 20)		/* of a streamed one */
#define INVOKE_SECONDS 960u			/* how long an answer may let wait: the longest timeout, and init */

enum invoke_type { INVOKE_SYNC, INVOKE_ASYNC, INVOKE_DRY_RUN };

/** A call. All is borrowed. */
struct invoke_request {
	const char *url;		/* of the platform: "http://127.0.0.1:9000", or with a path */
	const char *function;		/* NAME, NAME:QUALIFIER or an ARN */
	struct str event;
	enum invoke_type type;
	bool tail;			/* ask for the end of the log */
	bool stream;			/* by InvokeWithResponseStream; of INVOKE_SYNC only */
	/* the answer: streamed, in pieces as it comes; else in one piece when it is whole */
	sink_fn sink;
	void *ctx;
};

struct invoke_result {
	int status;			/* 200, 202, 204 */
	char request_id[64], version[64];	/* "" if not said */
	/* "" unless the function failed: "Unhandled"; of a streamed answer the error's code */
	struct buf error;
	struct buf details;		/* of a streamed answer: what is said of the error, JSON perhaps; else "" */
	struct buf log;			/* the end of the log, plain; "" unless asked for */
};
#define INVOKE_RESULT_INIT { .error = BUF_INIT, .details = BUF_INIT, .log = BUF_INIT }
#define CLEAN_INVOKE_RESULT __attribute__((cleanup(invoke_result_release)))
void invoke_result_release(struct invoke_result *r);

/**
 * invoke - call a function; that it fails is a result. ERR_NOTFOUND: the platform does not know it; ERR_NET: nobody
 * answers, or it was refused: "http://...: 429 TooManyRequestsException: ..."; ERR_FORMAT; ERR_LIMIT; what @sink says.
 */
int invoke(struct http *h, const struct invoke_request *req, struct invoke_result *r, struct err *err) MUST_CHECK;

#endif
