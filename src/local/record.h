/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_RECORD_H
#define SLSC_LOCAL_RECORD_H

#include "base/buf.h"
#include "local/trace.h"

/*
 * What a function prints, line by line, as structured records: OpenTelemetry's log data model
 * (https://opentelemetry.io/docs/specs/otel/logs/data-model/). Nothing is lost on the way: what of a JSON line is not
 * understood stays an attribute as it is. Plain functions without state: the loop's thread, or any other, calls them.
 */
#define RECORD_FIELDS_MAX 128u		/* attributes of a record; the rest is counted */
#define RECORD_NODES_MAX 1024u		/* values of a line's trees; a tree with more stays JSON text */
#define RECORD_DEPTH_MAX 64u		/* of nested values; deeper: the line is text */
#define RECORD_TREE_DEPTH 16u		/* of one that is an attribute's value; deeper: it stays JSON text */

/*
 * Who prints. Made once for each instance, with both forms of what is the same for all that it prints; the strings
 * given are copied, cut at 1,024 bytes, and may be NULL: unknown. Spans use it, too.
 */
struct record_origin {
	uint64_t id;			/* no two alike in a process; what it is known by in a batch */
	char *service, *function, *version, *region, *instance;	/* never NULL */
	struct buf resource;		/* OTLP/JSON: {"attributes":[...]} */
	struct buf members;		/* of a line of record_add_line(): "service.name":"...","function":... */
};
struct record_origin_spec {
	const char *service;		/* service.name; NULL: @function */
	const char *function, *version, *region;
	const char *instance;		/* the log stream's name */
	uint64_t memory;		/* bytes; 0: unknown */
};
void record_origin_init(struct record_origin *o, const struct record_origin_spec *spec);
void record_origin_release(struct record_origin *o);

enum record_stream { RECORD_STDOUT, RECORD_STDERR };

enum record_kind {
	RECORD_STRING,		/* value: what is between its quotes, still escaped */
	RECORD_TEXT,		/* value: plain UTF-8, without escapes */
	RECORD_INT,		/* of 64 bits */
	RECORD_DOUBLE,		/* finite, as it was written */
	RECORD_TRUE, RECORD_FALSE, RECORD_NULL,
	RECORD_TREE,		/* an object or array, valid JSON without duplicate keys */
};
/** Parts of the line; valid as long as that and the scratch buffer of record_parse(). All valid UTF-8. */
struct record_value {
	struct str s;
	enum record_kind kind;
};
struct record_field {
	struct str key;		/* plain UTF-8 */
	struct record_value value;
};

struct record {
	uint64_t time;		/* Unix epoch, ns: what the line says, else when it was read */
	uint64_t observed;	/* when it was read */
	uint8_t severity;	/* OpenTelemetry's SeverityNumber, 1 to 24; 0: not said */
	struct record_value severity_text;	/* as the line has it; empty: not said */
	struct record_value body;	/* RECORD_STRING or RECORD_TEXT: the message, or all of a line that is none */
	struct trace trace;	/* of the line, else of the invocation; zero: none */
	struct record_value request_id;	/* likewise; empty: none */
	enum record_stream stream;
	unsigned dropped;	/* attributes: past RECORD_FIELDS_MAX, or with the key of a later one */
	unsigned nodes;		/* values of all RECORD_TREEs */
	unsigned count;
	struct record_field fields[RECORD_FIELDS_MAX];
};

/** When and for whom a line was printed. */
struct record_now {
	uint64_t time;			/* Unix epoch, ns */
	const struct trace *trace;	/* of the invocation under way: its handler's span; NULL: none */
	struct str request_id;		/* borrowed, as long as the record; UTF-8; empty: none */
	enum record_stream stream;
};

/**
 * record_parse - @line as a record. A line that is a JSON object gives time, severity, message, trace and request id by
 * the names that loggers use (docs/LOCAL-LOGS.md), and attributes; from text, the severity is taken of the formats that
 * slsc's runtime and Lambda's own runtimes write. Never fails.
 * @line:    @len bytes without \n; an escape that stands for no character is changed in place.
 * @scratch: initialised, and the record's as long as that is used: a line that was not UTF-8, and keys with escapes.
 */
void record_parse(struct record *r, const struct record_origin *o, char *line, size_t len,
		  const struct record_now *now, struct buf *scratch);

/** record_add_otlp - append it as a LogRecord of OTLP/JSON. */
void record_add_otlp(const struct record *r, struct buf *out);
/**
 * record_add_line - append it as one line of JSON with its newline: timestamp, severity_number, level, message,
 * service.name, function, version, region, instance, stream, request_id, trace_id, span_id, trace_flags, attributes.
 */
void record_add_line(const struct record *r, const struct record_origin *o, struct buf *out);

/** record_severity_name - "INFO" for 9 to 12, ...; "" for 0. Static storage. */
const char *record_severity_name(uint8_t severity);

#endif
