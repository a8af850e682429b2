/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker: a few bytes of state, and a clock that goes on while the sandbox is frozen. */
#include "internal.h"

RT_FOR_SIZE_BEGIN

#define WINDOW 10u
#define WINDOW_LEAST 5u
#define FAILURES 3u
#define FAILED_MS 30000
#define TIMED_OUT_MS 60000
#define PROBE_MS 30000 /* after which a call that passed half-open counts as lost */

enum slsc_breaker_state slsc_breaker_state_at(const struct slsc_breaker *b, int64_t now_ms)
{
	if (b->state == SLSC_BREAKER_OPEN && now_ms >= b->until_ms)
		return SLSC_BREAKER_HALF_OPEN;
	return (enum slsc_breaker_state)b->state;
}

bool slsc_breaker_allow_at(struct slsc_breaker *b, int64_t now_ms)
{
	if (b->state == SLSC_BREAKER_CLOSED)
		return true;
	/* Open: not yet. Half-open: one call is out, and may still come back. */
	if (now_ms < b->until_ms)
		return false;
	b->state = SLSC_BREAKER_HALF_OPEN;
	b->until_ms = now_ms + PROBE_MS;
	return true;
}

void slsc_breaker_done_at(struct slsc_breaker *b, enum slsc_outcome outcome, int64_t now_ms)
{
	unsigned timeouts = 0, bits;
	int64_t ms = 0;

	/* A call from before it opened says nothing new. */
	if (b->state == SLSC_BREAKER_OPEN)
		return;
	if (outcome == SLSC_SUCCESS && b->state == SLSC_BREAKER_HALF_OPEN) {
		*b = (struct slsc_breaker){0};
		return;
	}
	bits = ((unsigned)b->timeouts << 1 | (outcome == SLSC_TIMED_OUT)) & ((1u << WINDOW) - 1);
	b->timeouts = (uint16_t)bits;
	if (b->calls < WINDOW)
		b->calls++;
	if (outcome == SLSC_SUCCESS)
		b->failures = 0;
	else if (b->failures < FAILURES)
		b->failures++;
	for (; bits; bits &= bits - 1)
		timeouts++;
	if (b->failures >= FAILURES || (b->state == SLSC_BREAKER_HALF_OPEN && outcome != SLSC_SUCCESS))
		ms = FAILED_MS;
	if (outcome == SLSC_TIMED_OUT && b->calls >= WINDOW_LEAST && timeouts * 100 > b->calls * 60u)
		ms = TIMED_OUT_MS;
	if (!ms)
		return;
	b->state = SLSC_BREAKER_OPEN;
	b->until_ms = now_ms + ms;
}

enum slsc_breaker_state slsc_breaker_state(const struct slsc_breaker *b)
{
	return slsc_breaker_state_at(b, slsc_rt_boot_ms());
}

bool slsc_breaker_allow(struct slsc_breaker *b)
{
	/* Nobody needs the time while all is well. */
	return b->state == SLSC_BREAKER_CLOSED || slsc_breaker_allow_at(b, slsc_rt_boot_ms());
}

void slsc_breaker_done(struct slsc_breaker *b, enum slsc_outcome outcome)
{
	slsc_breaker_done_at(b, outcome, outcome == SLSC_SUCCESS ? 0 : slsc_rt_boot_ms());
}

/* It was allowed, but the peer was not asked: as if it had never been. */
static void breaker_undo(struct slsc_breaker *b)
{
	if (b->state == SLSC_BREAKER_HALF_OPEN)
		b->until_ms = 0;
}

int slsc_guard(struct slsc_ctx *ctx, struct slsc_breaker *b, int (*fn)(struct slsc_ctx *ctx, void *arg),
	       slsc_guard_fallback_fn *fallback, void *arg)
{
	int rc = SLSC_CALL_OPEN;

	if (slsc_breaker_allow(b)) {
		rc = fn(ctx, arg);
		if (rc == SLSC_CALL_INVALID || rc == SLSC_CALL_HTTPS || rc == SLSC_CALL_MEMORY)
			breaker_undo(b);
		else
			slsc_breaker_done(b, !rc ? SLSC_SUCCESS
					      : rc == SLSC_CALL_TIMEOUT ? SLSC_TIMED_OUT : SLSC_FAILURE);
	}
	return rc && fallback ? fallback(ctx, arg, rc) : rc;
}

RT_FOR_SIZE_END
