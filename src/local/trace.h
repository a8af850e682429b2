/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_TRACE_H
#define SLSC_LOCAL_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Where in a trace something happens, and the two headers that say it: W3C's traceparent and tracestate (Trace Context,
 * level 1: https://www.w3.org/TR/trace-context-1/), and X-Ray's X-Amzn-Trace-Id, which is Lambda-Runtime-Trace-Id and
 * _X_AMZN_TRACE_ID, too. Both hold the same 16 and 8 bytes, so each is formatted from what was parsed of the other.
 */
#define TRACE_SAMPLED 1u		/* of trace.flags */

struct trace {
	uint8_t trace_id[16];		/* all zero: none */
	uint8_t span_id[8];		/* of the caller, or of what is called; all zero: none */
	uint8_t flags;			/* W3C's trace-flags */
};

/** Formatted headers, with their NUL. */
#define TRACE_PARENT_SIZE 56
#define TRACE_XRAY_SIZE 75
#define TRACE_STATE_MAX 512u		/* bytes of a tracestate that is passed on */

bool trace_has_id(const struct trace *t);
bool trace_has_span(const struct trace *t);

/**
 * trace_parse_parent - "00-<32 hex>-<16 hex>-<2 hex>", lower case; of a later version what version 00 has.
 * Returns whether it is valid; @t is all zero if not. An id of zeros is invalid.
 */
bool trace_parse_parent(struct str header, struct trace *t);
/** trace_state_ok - whether a tracestate may be passed on as it is: 3.3.1's grammar, TRACE_STATE_MAX bytes. */
bool trace_state_ok(struct str header);
/**
 * trace_parse_xray - "Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1", parts in any order, others passed over.
 * Returns whether there is a Root; without a Parent the span is zero, without "Sampled=1" it is not sampled.
 * @decided, may be NULL: whether there is a Sampled of 0 or 1: else the decision is ours.
 */
bool trace_parse_xray(struct str header, struct trace *t, bool *decided);

void trace_format_parent(const struct trace *t, char out[TRACE_PARENT_SIZE]);
void trace_format_xray(const struct trace *t, char out[TRACE_XRAY_SIZE]);	/* no span: no Parent */

/** trace_hex - @n bytes as 2 @n lower-case digits and a NUL. */
void trace_hex(const uint8_t *p, size_t n, char *out);
/** trace_unhex - 2 @n digits of either case to bytes; false if @s is something else. */
bool trace_unhex(struct str s, uint8_t *out, size_t n);

/** Random bytes, got from the kernel 512 at a time. Zero is ready; of one thread. */
struct trace_ids {
	uint8_t pool[512];
	size_t left;
};

/** trace_new_id - a trace id whose first 4 bytes are the time, as X-Ray demands and W3C permits. @now: Unix seconds. */
void trace_new_id(struct trace_ids *ids, uint64_t now, uint8_t out[16]);
void trace_new_span(struct trace_ids *ids, uint8_t out[8]);

/**
 * trace_begin - where a call that came with these headers (empty: without) belongs: traceparent, if valid, else
 * X-Ray's, else a new trace, sampled. @t->span_id is the caller's, zero if none. Returns whether the trace is the
 * caller's.
 */
bool trace_begin(struct trace_ids *ids, struct str parent, struct str xray, uint64_t now, struct trace *t);

#endif
