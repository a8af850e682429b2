/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_OTLP_H
#define SLSC_LOCAL_OTLP_H

#include "local/record.h"
#include "local/span.h"

/*
 * Where records and spans go: by OTLP/HTTP to a collector, into files of OTLP/JSON, or into one of plain lines
 * (https://opentelemetry.io/docs/specs/otlp/, .../specs/otel/protocol/file-exporter/). otlp_log() and otlp_span() write
 * into the batch that is being filled and never wait for anything; a thread of the exporter's own sends batches in
 * order, each full or OTLP_DELAY_MS old. What does not fit into the memory that it may take is dropped and counted.
 */
#define OTLP_BATCH 512u			/* records or spans */
#define OTLP_BATCH_BYTES (4u << 20)	/* or a little more */
#define OTLP_DELAY_MS 1000u
#define OTLP_MEMORY (32u << 20)		/* bytes of all that waits; the body on its way comes on top */
#define OTLP_RETRY_MS 1000u		/* the first pause; each is twice the last, a part of it at random */
#define OTLP_RETRY_MAX_MS 30000u
#define OTLP_GIVE_UP_MS 300000u		/* after so long a batch is dropped, and no Retry-After waits longer */
#define OTLP_TELL_MS 10000u
#define OTLP_FLUSH_MS 5000u		/* for otlp_close() */

/** Zero is the default of each. */
struct otlp_opts {
	unsigned batch, delay_ms, retry_ms, give_up_ms, tell_ms;
	size_t memory;
	char *const *headers;		/* of requests: NULL-terminated, "Name: value", copied; or NULL */
	/*
	 * What went wrong, and when it works again, in one line that begins with where to; at most once in tell_ms, but
	 * for a last one from otlp_close(). Called in the exporter's thread: hand it over with loop_post().
	 */
	void (*tell)(void *ctx, const char *message);
	void *ctx;
};

enum otlp_signal { OTLP_LOGS, OTLP_TRACES };
#define OTLP_SIGNALS 2

/** Of each signal, records or spans since the beginning. */
struct otlp_counts {
	uint64_t sent[OTLP_SIGNALS];		/* taken by the other end */
	uint64_t rejected[OTLP_SIGNALS];	/* by a partial success */
	uint64_t dropped[OTLP_SIGNALS];		/* no room, refused, or given up */
};

struct otlp;
/**
 * otlp_open_http - POST to @url/v1/logs and @url/v1/traces; contacts nobody yet. Loads libcurl (5 ms).
 * ERR_FORMAT (no http or https URL, or one with a query), ERR_TOOL. @opts: borrowed during the call; NULL: defaults.
 */
int otlp_open_http(struct otlp **out, const char *url, const struct otlp_opts *opts, struct err *err) MUST_CHECK;
/**
 * otlp_open_file - append to @dir/logs.jsonl and @dir/traces.jsonl, a batch a line, made if they are not there. A line
 * is whole or absent, also when the disk is full or another process appends to the same file. Never rotated. ERR_IO.
 */
int otlp_open_file(struct otlp **out, const char *dir, const struct otlp_opts *opts, struct err *err) MUST_CHECK;
/** otlp_open_lines - append records to @path as record_add_line() has them, a record a line; no spans. ERR_IO. */
int otlp_open_lines(struct otlp **out, const char *path, const struct otlp_opts *opts, struct err *err) MUST_CHECK;

/* From any thread. */
void otlp_log(struct otlp *x, const struct record_origin *origin, const struct record *r);
/** otlp_span - unless its trace is not sampled. */
void otlp_span(struct otlp *x, const struct record_origin *origin, const struct span *s);
void otlp_counts(struct otlp *x, struct otlp_counts *counts);
/**
 * otlp_close - send what is there, for @ms milliseconds at most and a second more; what is left then counts as dropped.
 * Frees it; NULL is fine. @counts, may be NULL: the last ones. A signal does not cut it short.
 */
void otlp_close(struct otlp *x, unsigned ms, struct otlp_counts *counts);

#endif
