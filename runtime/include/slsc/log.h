/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/log.h - structured log lines: slsc.h includes this.
 *
 * A line is one write(2) of at most 4,096 bytes (PIPE_BUF, so that lines of several writers never
 * mix) to stderr. Nothing is allocated, and no input can break a line: control bytes are escaped,
 * invalid UTF-8 becomes U+FFFD, and what does not fit is cut between characters.
 *
 * AWS_LAMBDA_LOG_FORMAT (JSON or TEXT, default TEXT) and AWS_LAMBDA_LOG_LEVEL (TRACE to FATAL,
 * default INFO) are obeyed in every mode:
 *
 *	{"timestamp":"2026-01-02T03:04:05.678Z","level":"INFO","message":"stored","request_id":"…",
 *	 "trace_id":"…","span_id":"…","trace_flags":"01","function":"…","version":"…","region":"…",
 *	 "key":"value","bytes":123}
 *	INFO request-id stored key="value" bytes=123
 *
 * A member whose value is unknown is left out. trace_id is 32 hexadecimal digits, as W3C and
 * OpenTelemetry have it, whichever header it came by.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_LOG_H
#define SLSC_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum slsc_level {
	SLSC_TRACE,
	SLSC_DEBUG,
	SLSC_INFO,
	SLSC_WARN,
	SLSC_ERROR,
	SLSC_FATAL,
};

/**
 * slsc_log - one line without pairs.
 * @ctx:     may be NULL outside an invocation.
 * @message: NUL-terminated; cut to what leaves room for the other members, at least 3,500 bytes
 *           as written.
 */
void slsc_log(const struct slsc_ctx *ctx, enum slsc_level level, const char *message);

/** enum slsc_kv_type - what a pair's value is. */
enum slsc_kv_type { SLSC_KV_STR, SLSC_KV_I64, SLSC_KV_U64, SLSC_KV_F64, SLSC_KV_BOOL };

/**
 * struct slsc_kv - a pair for a log line; made by SLSC_KV() or a slsc_kv_*().
 * @key: NUL-terminated, borrowed until the line is written; escaped like any other text. A key that
 *       a line already has (such as "level") gives a JSON object with that member twice.
 */
struct slsc_kv {
	const char *key;
	enum slsc_kv_type type;
	union {
		struct slsc_str str;
		int64_t i64;
		uint64_t u64;
		double f64;
		bool boolean;
	} value;
};

static inline struct slsc_kv slsc_kv_str(const char *key, struct slsc_str value)
{
	struct slsc_kv kv;

	kv.key = key;
	kv.type = SLSC_KV_STR;
	kv.value.str = value;
	return kv;
}

static inline struct slsc_kv slsc_kv_cstr(const char *key, const char *value)
{
	return slsc_kv_str(key, slsc_cstr(value));
}

static inline struct slsc_kv slsc_kv_i64(const char *key, int64_t value)
{
	struct slsc_kv kv;

	kv.key = key;
	kv.type = SLSC_KV_I64;
	kv.value.i64 = value;
	return kv;
}

static inline struct slsc_kv slsc_kv_u64(const char *key, uint64_t value)
{
	struct slsc_kv kv;

	kv.key = key;
	kv.type = SLSC_KV_U64;
	kv.value.u64 = value;
	return kv;
}

/**
 * slsc_kv_f64 - six digits after the point, with an exponent nine; NaN and the infinities become null, as
 * JSON has no other word for them.
 */
static inline struct slsc_kv slsc_kv_f64(const char *key, double value)
{
	struct slsc_kv kv;

	kv.key = key;
	kv.type = SLSC_KV_F64;
	kv.value.f64 = value;
	return kv;
}

static inline struct slsc_kv slsc_kv_bool(const char *key, bool value)
{
	struct slsc_kv kv;

	kv.key = key;
	kv.type = SLSC_KV_BOOL;
	kv.value.boolean = value;
	return kv;
}

/**
 * slsc_log_pairs - one line with @count pairs, in their order. Use slsc_log_kv().
 * A string that does not fit is cut; a pair for which no room is left at all is left out.
 */
void slsc_log_pairs(const struct slsc_ctx *ctx, enum slsc_level level, const char *message, const struct slsc_kv *pairs,
		    size_t count);

/**
 * struct slsc_trace - where in a trace an invocation belongs.
 * @trace_id: 32 lower-case hexadecimal digits, "" when unknown.
 * @span_id:  16 of them: the caller's span; "" when unknown.
 * @flags:    2 of them: "01" sampled, "00" not; "" when unknown.
 */
struct slsc_trace {
	char trace_id[33];
	char span_id[17];
	char flags[3];
};

/**
 * slsc_trace_parse - read a trace header.
 * @header: X-Ray's "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", its
 *          parts in any order, or a W3C traceparent, "00-<32 digits>-<16 digits>-<2 digits>".
 * @trace:  out; whatever the header does not have, or has badly formed, is "".
 */
void slsc_trace_parse(struct slsc_str header, struct slsc_trace *trace);

#ifdef __cplusplus
}

static inline struct slsc_kv slsc_kv_of(const char *key, const char *value)
{
	return slsc_kv_cstr(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, struct slsc_str value)
{
	return slsc_kv_str(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, bool value)
{
	return slsc_kv_bool(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, int value)
{
	return slsc_kv_i64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, long value)
{
	return slsc_kv_i64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, long long value)
{
	return slsc_kv_i64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, unsigned value)
{
	return slsc_kv_u64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, unsigned long value)
{
	return slsc_kv_u64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, unsigned long long value)
{
	return slsc_kv_u64(key, value);
}

static inline struct slsc_kv slsc_kv_of(const char *key, double value)
{
	return slsc_kv_f64(key, value);
}

#define SLSC_KV(key, value) slsc_kv_of((key), (value))

template <class... pair>
void slsc_log_kv(const struct slsc_ctx *ctx, enum slsc_level level, const char *message, pair... pairs)
{
	const struct slsc_kv list[] = { pairs... };
	slsc_log_pairs(ctx, level, message, list, sizeof...(pairs));
}
#else
/**
 * SLSC_KV - a pair of any type that a log line knows: strings, struct slsc_str, integers, floating
 * point, bool. (The type of `true` and of comparisons is int in C11: say slsc_kv_bool() for those.)
 */
#define SLSC_KV(key, value)           \
	(_Generic((value),            \
	struct slsc_str: slsc_kv_str, \
	char *: slsc_kv_cstr,         \
	const char *: slsc_kv_cstr,   \
	bool: slsc_kv_bool,           \
	float: slsc_kv_f64,           \
	double: slsc_kv_f64,          \
	unsigned: slsc_kv_u64,        \
	unsigned long: slsc_kv_u64,   \
	unsigned long long: slsc_kv_u64, \
	default: slsc_kv_i64)((key), (value)))

/** slsc_log_kv - one line with the pairs that follow: slsc_log_kv(ctx, SLSC_INFO, "stored", SLSC_KV("bytes", n)). */
#define slsc_log_kv(ctx, level, message, ...)                                          \
	slsc_log_pairs((ctx), (level), (message), (const struct slsc_kv[]){__VA_ARGS__}, \
		       sizeof((const struct slsc_kv[]){__VA_ARGS__}) / sizeof(struct slsc_kv))
#endif

#endif
