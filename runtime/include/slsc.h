/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc.h - all that a function built by slsc needs to include.
 *
 * A function is one C symbol, `handler` unless slsc.yaml names another:
 *
 *	runtime: lambda		int handler(struct slsc_ctx *ctx, struct slsc_str in,
 *					    struct slsc_out *out);
 *	runtime: http		int handler(struct slsc_ctx *ctx,
 *					    const struct slsc_request *req,
 *					    struct slsc_response *res);
 *
 * SLSC_HANDLER(fn) makes any function, a static one too, that symbol.
 *
 * Ownership: whatever the runtime hands to a handler (the context, the input, every slice
 * taken from them, every slsc_alloc()) belongs to the runtime and lives until the handler
 * returns. Keep a copy of what must live longer. Nothing is to be freed.
 *
 * Errors: a handler returns 0, or non-zero after slsc_fail(). Writers (slsc_put*) do not
 * fail one by one: an answer that outgrows its limit is remembered and reported by the
 * runtime once the handler has returned.
 *
 * Threads: one invocation at a time, on one thread; no function here is thread-safe unless it
 * says so.
 * The runtime calls neither malloc nor stdio; a handler may.
 */
#ifndef SLSC_H
#define SLSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Largest Lambda event and answer, in bytes: 6 MiB and 100, the service's own limit. */
#define SLSC_LAMBDA_BODY_MAX 6291556u
/** Most that slsc_alloc() gives to one invocation, in bytes. */
#define SLSC_ALLOC_MAX (512u << 20)

/* ---- strings ---------------------------------------------------------------------- */

/**
 * struct slsc_str - borrowed bytes.
 * @ptr: not NUL-terminated; NULL means absent, which differs from empty.
 * @len: bytes.
 */
struct slsc_str {
	const char *ptr;
	size_t len;
};

/** SLSC_STR - a slice of a string literal. */
#ifdef __cplusplus
#define SLSC_STR(literal) (slsc_str{"" literal, sizeof(literal) - 1})
#else
#define SLSC_STR(literal) ((struct slsc_str){"" literal, sizeof(literal) - 1})
#endif

/** slsc_cstr - a slice of the NUL-terminated @s; NULL gives the absent slice. */
struct slsc_str slsc_cstr(const char *s);

/** slsc_str_eq - whether @a holds exactly the bytes of the NUL-terminated @b. */
bool slsc_str_eq(struct slsc_str a, const char *b);

/* ---- the invocation --------------------------------------------------------------- */

/**
 * struct slsc_ctx - one invocation.
 * @request_id:       the platform's id; in HTTP mode X-Request-Id, or absent.
 * @function_arn:     the ARN that was invoked; absent in HTTP mode.
 * @trace_id:         X-Ray header or traceparent, see slsc_trace_parse(); Lambda mode also exports
 *                    it as _X_AMZN_TRACE_ID.
 * @client_context:   JSON from a mobile client, or absent.
 * @cognito_identity: JSON, or absent.
 * @tenant_id:        or absent.
 * @deadline_ms:      milliseconds since the Unix epoch; 0 when there is none. A deadline
 *                    that no platform can mean (before 2020, after 2100) counts as none.
 *
 * What follows @deadline_ms is the runtime's own.
 */
struct slsc_ctx {
	struct slsc_str request_id;
	struct slsc_str function_arn;
	struct slsc_str trace_id;
	struct slsc_str client_context;
	struct slsc_str cognito_identity;
	struct slsc_str tenant_id;
	int64_t deadline_ms;

	char fail_type[64];
	char fail_message[1024];
};

/**
 * slsc_fail - say why the handler fails.
 * @type:    NUL-terminated, a capital and then letters ("InvalidInput"): callers match on
 *           it. Anything else is reported to the platform as "Error".
 * @message: NUL-terminated UTF-8 for people; cut at 1,023 bytes.
 * Returns -1 always, so that a handler can end with `return slsc_fail(...)`.
 *
 * Lambda: posted as the invocation's error. HTTP: logged, and answered by a bare 500.
 */
int slsc_fail(struct slsc_ctx *ctx, const char *type, const char *message);

/**
 * slsc_remaining_ms - milliseconds until the deadline: 0 when it has passed, INT64_MAX
 * when there is none (or it is more than a day away, which no platform grants).
 */
int64_t slsc_remaining_ms(const struct slsc_ctx *ctx);

/**
 * slsc_cancelled - whether there is no more use in going on: the deadline has passed, or, in
 * Lambda mode, the platform has sent SIGTERM.
 */
bool slsc_cancelled(const struct slsc_ctx *ctx);

/**
 * slsc_sleep_ms - sleep for @ms milliseconds, but not past the deadline.
 * Returns 0 when it slept that long, -1 when the deadline or a SIGTERM cut it short.
 */
int slsc_sleep_ms(const struct slsc_ctx *ctx, int64_t ms);

/**
 * slsc_child - a context for a part of the work, with a deadline of its own that is never later
 * than its parent's. Whatever takes a context (sleeps, outgoing calls, log lines) then keeps to it.
 * @child:      out; must not outlive @parent. Its slsc_fail() does not touch the parent's.
 * @timeout_ms: from now.
 */
void slsc_child(const struct slsc_ctx *parent, int64_t timeout_ms, struct slsc_ctx *child);

/**
 * slsc_alloc - memory until the handler returns.
 * @size: bytes.
 * Returns uninitialised memory aligned to 16 bytes, or NULL past SLSC_ALLOC_MAX or when the
 * system has none. All of it is taken back in one step after the handler.
 */
void *slsc_alloc(struct slsc_ctx *ctx, size_t size);

/**
 * slsc_init - optional, defined by the function: runs once before the first invocation.
 * Returns 0, or non-zero after slsc_fail(): Lambda is told through init/error, and the
 * process exits with status 1. slsc_alloc() memory taken here does not outlive it.
 */
int slsc_init(struct slsc_ctx *ctx);

/* ---- writing the answer ----------------------------------------------------------- */

/**
 * struct slsc_out - an answer being written.
 * @ptr:  the bytes so far.
 * @len:  how many.
 * @cap:  the limit.
 * @full: something did not fit; it was left out, and so is all that follows.
 *
 * Made by the runtime. Setting @len back to 0 and @full to false starts anew.
 */
struct slsc_out {
	char *ptr;
	size_t len;
	size_t cap;
	bool full;
};

/** slsc_put - append @len bytes. */
void slsc_put(struct slsc_out *out, const void *ptr, size_t len);
/** slsc_puts - append the NUL-terminated @s. */
void slsc_puts(struct slsc_out *out, const char *s);
/** slsc_put_str - append @s. */
void slsc_put_str(struct slsc_out *out, struct slsc_str s);
/** slsc_put_i64, slsc_put_u64 - append a decimal number. */
void slsc_put_i64(struct slsc_out *out, int64_t value);
void slsc_put_u64(struct slsc_out *out, uint64_t value);
/**
 * slsc_put_fixed - append @value with exactly @decimals (0 to 9) digits after the point,
 * half away from zero. NaN and magnitudes of 2^53 / 10^decimals or more give `null`, as
 * JSON has no other word for them.
 */
void slsc_put_fixed(struct slsc_out *out, double value, unsigned decimals);
/**
 * slsc_put_json - append @s as a JSON string, quotes included. Whatever the bytes are, the
 * result is valid: invalid UTF-8 becomes U+FFFD. The absent slice gives `null`.
 */
void slsc_put_json(struct slsc_out *out, struct slsc_str s);
/** slsc_put_escaped - the same without quotes, for a piece of a JSON string. */
void slsc_put_escaped(struct slsc_out *out, struct slsc_str s);
/** slsc_put_base64 - append @len bytes as padded base64 (RFC 4648, 4). */
void slsc_put_base64(struct slsc_out *out, const void *ptr, size_t len);
/** slsc_extend - append @len bytes for the caller to fill; NULL when they do not fit. */
char *slsc_extend(struct slsc_out *out, size_t len);

/* ---- reading JSON ----------------------------------------------------------------- */

/*
 * A JSON value is the slice of text that holds it, so reading allocates nothing: take a
 * member with slsc_json_get(), then the C value with one of the others. RFC 8259, nested 64
 * deep at most.
 */

/**
 * slsc_json_get - find a member of an object.
 * @json:  a whole document, or a value that slsc_json_get() gave.
 * @key:   NUL-terminated; compared after unescaping. Of duplicates the last counts.
 * @value: out; the value's text, or the absent slice.
 * Returns 1 when found, 0 when not there, -1 when @json is not a well-formed object. The
 * whole of @json is checked each time.
 */
int slsc_json_get(struct slsc_str json, const char *key, struct slsc_str *value);

/**
 * struct slsc_json_iter - a walk through an object or an array; all zero but @json to begin with.
 * @json: the object or array.
 *
 * What follows @json is slsc_json_next()'s own.
 */
struct slsc_json_iter {
	struct slsc_str json;
	const char *at;
};

/**
 * slsc_json_next - take the next member of an object, or element of an array.
 * @name:  out; the member's name with its quotes, for slsc_json_str(); absent in an array.
 * @value: out; the value's text.
 * Returns 1 with both set, 0 at the end, -1 when the text is not well-formed.
 */
int slsc_json_next(struct slsc_json_iter *it, struct slsc_str *name, struct slsc_str *value);

/**
 * slsc_json_str - the string that @json holds.
 * @str: out; a slice of @json, or of slsc_alloc() memory when it has escapes.
 * Returns 0, or -1 when @json is no string (null included) or memory has run out.
 */
int slsc_json_str(struct slsc_ctx *ctx, struct slsc_str json, struct slsc_str *str);

/** slsc_json_i64 - the integer that @json holds; -1 for a fraction, an exponent, or overflow. */
int slsc_json_i64(struct slsc_str json, int64_t *value);

/** slsc_json_bool - true or false; -1 for anything else. */
int slsc_json_bool(struct slsc_str json, bool *value);

/**
 * slsc_base64_decode - decode standard or URL-safe base64, padded or not, without blanks.
 * @bytes: out; slsc_alloc() memory.
 * Returns 0, or -1 when @text is not base64 or memory has run out.
 */
int slsc_base64_decode(struct slsc_ctx *ctx, struct slsc_str text, struct slsc_str *bytes);

/* ---- runtime: lambda -------------------------------------------------------------- */

/**
 * slsc_lambda_fn - the type of a Lambda handler; `slsc_lambda_fn handler;` declares one.
 * @in:  the event, JSON as the platform sent it.
 * @out: the answer, which should be JSON; SLSC_LAMBDA_BODY_MAX bytes at most, else the
 *       invocation fails with Function.ResponseSizeTooLarge.
 * Returns 0, or non-zero after slsc_fail().
 */
typedef int slsc_lambda_fn(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out);

/**
 * SLSC_HANDLER - make @fn the function's handler: bound by the linker as a second name of @fn, so
 * main() is two calls away from it and nothing is looked up at run time. @fn is defined above, with
 * the type of slsc_lambda_fn or slsc_http_fn, else this line does not compile; in C++ it is extern "C".
 */
#ifdef __cplusplus
#define SLSC_HANDLER(fn) extern "C" __typeof__(fn) handler __attribute__((alias(#fn), used))
#else
#define SLSC_HANDLER(fn)                                                          \
	_Static_assert(__builtin_types_compatible_p(__typeof__(fn), slsc_lambda_fn) || \
			       __builtin_types_compatible_p(__typeof__(fn), slsc_http_fn), \
		       #fn " is neither a slsc_lambda_fn nor a slsc_http_fn");    \
	extern __typeof__(fn) handler __attribute__((alias(#fn)))
#endif

/* ---- behind the entry points ------------------------------------------------------ */

/** slsc_lambda_main - run the loop; the value is main()'s exit status. */
int slsc_lambda_main(slsc_lambda_fn *handler);

#ifdef __cplusplus
}
#endif

#include <slsc/log.h>
#include <slsc/http.h>
#include <slsc/lambda.h>
#include <slsc/lazy.h>
#include <slsc/cloudevents.h>
#include <slsc/breaker.h>
#include <slsc/client.h>
#include <slsc/memory.h>

#endif
