/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/client.h - outgoing calls to http:// servers, and when to try again; part of <slsc.h>.
 *
 * HTTP/1.1 (RFC 9112) over IPv4 and IPv6. https:// needs a TLS library, which is yours to choose: this client
 * refuses such a URL. It follows no redirect, keeps no cookie and no cache.
 *
 * Time: a call, the look-up of its host's name included, ends before the context's deadline, whatever the peer does.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_CLIENT_H
#define SLSC_CLIENT_H

#ifdef __cplusplus
extern "C" {
#endif

/** Largest body of an answer unless the call says otherwise, in bytes. */
#define SLSC_CALL_BODY_MAX (8u << 20)
/** Largest head of an answer, in bytes; it has SLSC_HTTP_FIELDS_MAX fields at most. */
#define SLSC_CALL_HEAD_MAX 16384u
/** Longest URL, in bytes. */
#define SLSC_CALL_URL_MAX 4096u
/** How long a call takes at most unless it says otherwise, in milliseconds. */
#define SLSC_CALL_TIMEOUT_MS 30000
/** What is left to the handler of the time before its deadline, in milliseconds (a tenth, when that is less). */
#define SLSC_CALL_MARGIN_MS 100
/** Connections that are kept open, one for a host and port; and for how long without use, in milliseconds. */
#define SLSC_CALL_CONNS 8
#define SLSC_CALL_IDLE_MS 50000

/** Why a call failed; 0 is none. SLSC_CALL_STATUS and SLSC_CALL_OPEN are not of slsc_call(): see below. */
enum slsc_call_error {
	SLSC_CALL_INVALID = -1,	 /* the call itself: its URL, method or a field; nothing was sent */
	SLSC_CALL_HTTPS = -2,	 /* the URL is https:// */
	SLSC_CALL_RESOLVE = -3,	 /* the host's name leads nowhere */
	SLSC_CALL_CONNECT = -4,	 /* no connection */
	SLSC_CALL_TIMEOUT = -5,	 /* out of time */
	SLSC_CALL_CLOSED = -6,	 /* the peer ended or reset the connection before its answer was whole */
	SLSC_CALL_PROTOCOL = -7, /* the answer is not HTTP/1.1, or ambiguous */
	SLSC_CALL_LIMIT = -8,	 /* head or body of the answer is larger than allowed */
	SLSC_CALL_MEMORY = -9,	 /* no memory, or no descriptor */
	SLSC_CALL_STATUS = -10,	 /* for your functions: the answer came, and its status says try later */
	SLSC_CALL_OPEN = -11,	 /* the circuit breaker did not let it through */
};

/**
 * struct slsc_call - a call to make; all zero but @url is a GET.
 * @method:      a token; NULL is GET.
 * @url:         "http://host[:port][/path][?query]"; host is a name, an IPv4 address, or "[IPv6]". No user name,
 *               and no control bytes or blanks: encode them (%20) first. A fragment (#...) is not sent.
 * @fields:      borrowed; more header fields. Not Connection, Content-Length, Host, Transfer-Encoding.
 * @body:        borrowed; sent with Content-Length when there is one, or the method is POST, PUT or PATCH.
 * @body_max:    bytes of the answer's body; 0 is SLSC_CALL_BODY_MAX.
 * @timeout_ms:  0 is SLSC_CALL_TIMEOUT_MS. The context's deadline, less SLSC_CALL_MARGIN_MS, cuts it.
 */
struct slsc_call {
	const char *method;
	const char *url;
	const struct slsc_field *fields;
	size_t field_count;
	struct slsc_str body;
	size_t body_max;
	int64_t timeout_ms;
};

/**
 * struct slsc_answer - what came back; in slsc_alloc() memory.
 * @status: 200 to 999 (interim answers are passed over).
 * @body:   decoded from chunks; of a HEAD, 204 or 304 empty.
 */
struct slsc_answer {
	int status;
	const struct slsc_field *fields;
	size_t field_count;
	struct slsc_str body;
};

/**
 * slsc_call - make @call and wait for its whole answer.
 * @answer: out; on failure all zero.
 * Returns 0, whatever the status; or an enum slsc_call_error.
 *
 * A connection that was kept may have been closed by the peer in the meantime. If that shows before a byte of an
 * answer, a call with an idempotent method (RFC 9110, 9.2.2) is made once more on a new connection; others fail with
 * SLSC_CALL_CLOSED.
 */
int slsc_call(struct slsc_ctx *ctx, const struct slsc_call *call, struct slsc_answer *answer);

/** slsc_call_error - @error in a few words ("the connection was closed early"); static. */
const char *slsc_call_error(int error);

/** slsc_answer_field - the first field called @name, in any case; absent when there is none. */
struct slsc_str slsc_answer_field(const struct slsc_answer *answer, const char *name);

/* ---- trying again ----------------------------------------------------------------- */

/**
 * struct slsc_retry - how often, and how far apart.
 * @attempts: in all; 0 is 3, and 10 the most.
 * @base_ms:  the first pause is random up to here, each later one up to twice as much; 0 is 50.
 * @cap_ms:   no pause is longer; 0 is 1,000.
 */
struct slsc_retry {
	unsigned attempts;
	int base_ms;
	int cap_ms;
};

/** slsc_try_fn - something that may fail: 0, or an enum slsc_call_error, or another value but 0 of yours. */
typedef int slsc_try_fn(struct slsc_ctx *ctx, void *arg);

/**
 * slsc_retry - call @fn until it returns 0, with pauses of full jitter in between.
 * @policy: NULL is all defaults.
 * Returns what @fn returned last. What cannot be mended by waiting is not tried again: SLSC_CALL_INVALID, _HTTPS,
 * _PROTOCOL, _LIMIT, _MEMORY, _OPEN. Nor is anything when the pause would reach into the last
 * SLSC_CALL_MARGIN_MS before the deadline.
 *
 * Only what may happen twice without harm should be tried again.
 */
int slsc_retry(struct slsc_ctx *ctx, const struct slsc_retry *policy, slsc_try_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
