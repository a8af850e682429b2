/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SPAN_H
#define SLSC_LOCAL_SPAN_H

#include "base/buf.h"
#include "local/record.h"
#include "local/trace.h"

/*
 * An invocation as spans: one of kind SERVER, named as the function, and below it "init" and "handler", by
 * OpenTelemetry's conventions for functions (https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/,
 * .../faas/aws-lambda/, .../general/recording-errors/). The header that goes on to the function names the handler's
 * span as the parent, so that what the function makes of it hangs below that.
 */
#define SPAN_STRING_MAX 1024u	/* bytes of each string but the message; the rest is cut */
#define SPAN_MESSAGE_MAX 4096u

/** Times are Unix epoch ns. Strings are borrowed, any bytes; NULL or empty: unknown. */
struct span {
	struct trace trace;		/* the trace, the invocation's own span, and the flags */
	uint8_t parent[8];		/* the caller's span, by its header; zero: none */
	struct str state;		/* the caller's tracestate, if trace_state_ok() */
	uint64_t start, end;		/* from the request's arrival to its answer */
	/* Of an instance that was started for this call; init_start 0: none was. */
	uint64_t init_start, init_end;
	uint8_t init_id[8];
	bool init_failed;		/* the error is its own, and there was no handler */
	/* From the event's being handed out to its answer; handler_start 0: it did not come to that. */
	uint64_t handler_start, handler_end;
	uint8_t handler_id[8];
	const char *trigger;		/* faas.trigger: "http", "pubsub", "timer", "datasource"; NULL: "other" */
	struct str request_id, arn;
	struct str machine, execution;	/* ARNs: it is an execution of a state machine, not an invocation */
	bool cold;
	struct str method, path;	/* of an HTTP trigger */
	int status;			/* of its answer; 0: none. From 500 on it is an error by itself */
	/* error.type, "Sandbox.Timedout", "Function.Bad"; NULL: no error. And what else is known of it. */
	const char *error;
	struct str message;
	uint64_t billed_ms, memory_peak, cpu_ns;	/* as measured; 0: unknown */
};

/** span_add_otlp - append it as one to three Spans of OTLP/JSON, with commas between them. Returns how many. */
unsigned span_add_otlp(const struct span *s, const struct record_origin *o, struct buf *out);

#endif
