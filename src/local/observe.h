/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_OBSERVE_H
#define SLSC_LOCAL_OBSERVE_H

#include "local/flows.h"
#include "local/otlp.h"
#include "local/platform.h"

/*
 * Logs and traces without an SDK: each line that a function prints becomes a record, each invocation a span, and all of
 * it goes to a collector or into files (local/otlp.h).
 */
#define OBSERVE_TO 3u

struct observe {
	struct observer observer;
	struct otlp *to[OBSERVE_TO];
	size_t n;
	struct buf scratch;
	struct buf line;
};

struct observe_opts {
	const char *url;		/* OTLP/HTTP; NULL: not */
	const char *dir;		/* files of OTLP/JSON; NULL: none */
	const char *lines;		/* a file of plain lines of JSON; NULL: none */
	char *const *headers;		/* of requests to @url; NULL-terminated, or NULL */
	void (*tell)(void *ctx, const char *message);	/* from any thread */
};

/** observe_start - from here on; nothing if @opts names nothing. As otlp_open_http(), otlp_open_file(). */
int observe_start(struct observe *o, struct platform *p, const struct observe_opts *opts, struct err *err) MUST_CHECK;
/** observe_execution - @x, a state machine's, has ended: the span that those of its tasks are below. */
void observe_execution(struct observe *o, const struct flow_exec *x);
/** observe_stop - send what is there; after the platform's end. */
void observe_stop(struct observe *o);

#endif
