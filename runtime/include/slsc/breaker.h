/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/breaker.h - stop calling what does not answer; and warm up before the first call. Part of <slsc.h>.
 *
 * A circuit breaker is closed (calls pass), open (none does: the fallback answers at once) or half-open (one call
 * passes, to see). It opens
 *
 *	for 30 s after 3 failures in a row, a timeout being one;
 *	for 60 s when, of the last 10 calls (at least 5), more than 60 % were timeouts.
 *
 * After that time it is half-open: a success closes it and forgets what was, a failure opens it again. Time is
 * CLOCK_BOOTTIME, which goes on while a sandbox is frozen.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_BREAKER_H
#define SLSC_BREAKER_H

#ifdef __cplusplus
extern "C" {
#endif

enum slsc_breaker_state { SLSC_BREAKER_CLOSED, SLSC_BREAKER_OPEN, SLSC_BREAKER_HALF_OPEN };

/** How a call ended. */
enum slsc_outcome { SLSC_SUCCESS, SLSC_FAILURE, SLSC_TIMED_OUT };

/**
 * struct slsc_breaker - one for each thing that is called; static, all zero is closed.
 *
 *	static struct slsc_breaker upstream;
 *
 * The members are the runtime's own. It lives as long as the process, and each process has its own.
 */
struct slsc_breaker {
	uint8_t state;
	uint8_t failures;    /* in a row */
	uint8_t calls;	     /* in the window, 10 at most */
	uint16_t timeouts;   /* a bit for each call of the window, the last one lowest */
	int64_t until_ms;    /* open: when it is half-open; half-open: when the call that is out counts as lost */
};

/**
 * slsc_breaker_state - the state now. An open breaker whose time is over is half-open.
 */
enum slsc_breaker_state slsc_breaker_state(const struct slsc_breaker *b);

/**
 * slsc_breaker_allow - whether a call may pass. After true, say how it ended by slsc_breaker_done(); a call that
 * passed half-open and is never heard of again is given up after 30 s.
 */
bool slsc_breaker_allow(struct slsc_breaker *b);

/** slsc_breaker_done - how an allowed call ended. */
void slsc_breaker_done(struct slsc_breaker *b, enum slsc_outcome outcome);

/** slsc_guard_fallback_fn - the answer instead; @error is why. What it returns, slsc_guard() returns. */
typedef int slsc_guard_fallback_fn(struct slsc_ctx *ctx, void *arg, int error);

/**
 * slsc_guard - call @fn through @b.
 * @fn:       see slsc_retry(). SLSC_CALL_TIMEOUT is a timeout, other values but 0 are failures; but
 *            SLSC_CALL_INVALID, _HTTPS and _MEMORY, which are not the peer's doing, count for nothing.
 * @fallback: called with the error when @fn failed, or with SLSC_CALL_OPEN when it was not called; may be NULL.
 * Returns 0 when @fn did, else what @fallback returned, or the error.
 */
int slsc_guard(struct slsc_ctx *ctx, struct slsc_breaker *b, int (*fn)(struct slsc_ctx *ctx, void *arg),
	       slsc_guard_fallback_fn *fallback, void *arg);

/* The same with the clock given, in milliseconds: for tests. */
enum slsc_breaker_state slsc_breaker_state_at(const struct slsc_breaker *b, int64_t now_ms);
bool slsc_breaker_allow_at(struct slsc_breaker *b, int64_t now_ms);
void slsc_breaker_done_at(struct slsc_breaker *b, enum slsc_outcome outcome, int64_t now_ms);

/* ---- warm-up ---------------------------------------------------------------------- */

/**
 * SLSC_PREHEAT; - at file scope: this function can be warmed up without being invoked.
 *
 * A request with the header `X-Preheat` (HTTP mode, or a function URL), or an event with the top-level member
 * "X-Preheat" (any case, events up to 64 KiB; `{"X-Preheat": true}`), whose value is not "0", "false", 0, false, null
 * or empty, runs every lazy initialisation and is answered {"preheated":true}; the handler is not called. If
 * one of them fails, the answer is that failure.
 */
#define SLSC_PREHEAT                                                                                             \
	__attribute__((weak)) int slsc_rt_preheat(struct slsc_ctx *ctx, struct slsc_str event,                   \
						  const struct slsc_request *req, struct slsc_out *out)          \
	{                                                                                                        \
		return slsc_preheat(ctx, event, req, out);                                                       \
	}                                                                                                        \
	struct slsc_request

/* Behind the macro; see runtime/internal.h. */
int slsc_rt_preheat(struct slsc_ctx *ctx, struct slsc_str event, const struct slsc_request *req,
		    struct slsc_out *out);
int slsc_preheat(struct slsc_ctx *ctx, struct slsc_str event, const struct slsc_request *req,
		 struct slsc_out *out);

#ifdef __cplusplus
}
#endif

#endif
