/* SPDX-License-Identifier: Apache-2.0 */
#include "local/breaker.h"

#include <string.h>

#define SECOND 1000000000ull

/* ---- the breaker ---- */

enum breaker_state breaker_state(const struct breaker *b, uint64_t now)
{
	return !b->open ? BREAKER_CLOSED : now < b->until ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

const char *breaker_state_name(enum breaker_state s)
{
	static const char *const name[] = { [BREAKER_CLOSED] = "closed",
					    [BREAKER_OPEN] = "open",
					    [BREAKER_HALF_OPEN] = "half-open" };

	return name[s];
}

static void forget(struct breaker *b)
{
	b->open = b->trial = false;
	b->failures = 0;
	b->round++;
	memset(b->calls, 0, sizeof(b->calls));
	memset(b->timeouts, 0, sizeof(b->timeouts));
}

void breaker_reset(struct breaker *b)
{
	forget(b);
}

static void trip(struct breaker *b, uint64_t now, uint64_t ns)
{
	forget(b);
	b->open = true;
	b->until = now + ns;
	b->for_ns = ns;
	b->opened++;
}

bool breaker_allow(struct breaker *b, uint64_t now, struct breaker_call *call)
{
	const enum breaker_state s = breaker_state(b, now);

	if (s == BREAKER_OPEN || (s == BREAKER_HALF_OPEN && b->trial)) {
		b->refused++;
		return false;
	}
	b->trial = s == BREAKER_HALF_OPEN;
	*call = (struct breaker_call){ .round = b->round, .trial = b->trial };
	return true;
}

/* The window's slots up to @now: those that nothing ended in are empty. */
static uint32_t *slot_of(struct breaker *b, uint64_t now, bool timeouts)
{
	const uint64_t slot = now / BREAKER_SLOT;

	if (slot - b->slot >= BREAKER_SLOTS) {
		memset(b->calls, 0, sizeof(b->calls));
		memset(b->timeouts, 0, sizeof(b->timeouts));
	} else {
		for (uint64_t i = b->slot + 1; i <= slot; i++)
			b->calls[i % BREAKER_SLOTS] = b->timeouts[i % BREAKER_SLOTS] = 0;
	}
	b->slot = slot;
	return timeouts ? &b->timeouts[slot % BREAKER_SLOTS] : &b->calls[slot % BREAKER_SLOTS];
}

static bool mostly_timeouts(const struct breaker *b)
{
	uint64_t calls = 0, timeouts = 0;

	for (size_t i = 0; i < BREAKER_SLOTS; i++) {
		calls += b->calls[i];
		timeouts += b->timeouts[i];
	}
	return calls >= BREAKER_CALLS_MIN && timeouts * 100 > calls * BREAKER_TIMEOUT_PERCENT;
}

static void count(struct breaker *b, uint64_t now, enum breaker_outcome outcome)
{
	++*slot_of(b, now, false);
	if (outcome == BREAKER_TIMEOUT)
		++*slot_of(b, now, true);
	b->failures = outcome == BREAKER_OK ? 0 : b->failures + 1;
	if (mostly_timeouts(b))
		trip(b, now, BREAKER_OPEN_TIMEOUTS);
	else if (b->failures >= BREAKER_FAILURES)
		trip(b, now, BREAKER_OPEN_FAILED);
}

void breaker_done(struct breaker *b, uint64_t now, const struct breaker_call *call, enum breaker_outcome outcome)
{
	if (call->round != b->round)
		return;
	if (call->trial)
		b->trial = false;
	if (outcome == BREAKER_CANCELLED)
		return;
	if (!call->trial)
		count(b, now, outcome);
	else if (outcome == BREAKER_OK)
		forget(b);
	else
		trip(b, now, b->for_ns);
}

uint64_t breaker_wait(const struct breaker *b, uint64_t now)
{
	return breaker_state(b, now) == BREAKER_OPEN ? b->until - now : 0;
}

/* ---- the rate ---- */

void rate_limit_init(struct rate_limit *r, uint32_t rate, uint32_t burst)
{
	*r = (struct rate_limit){ 0 };
	if (!rate)
		return;
	r->each = rate < SECOND ? SECOND / rate : 1;
	r->most = r->each * ((burst ? burst : 1) - 1);
}

uint64_t rate_limit_take(struct rate_limit *r, uint64_t now)
{
	const uint64_t from = r->full > now ? r->full : now;

	if (!r->each)
		return 0;
	if (from - now > r->most)
		return from - now - r->most;
	r->full = from + r->each;
	return 0;
}

uint64_t retry_after_s(uint64_t ns)
{
	const uint64_t s = ns / SECOND + (ns % SECOND != 0);

	return s ? s : 1;
}

/* ---- retries ---- */

static void fill(struct retry_budget *r, uint64_t now)
{
	const uint64_t most = RETRY_MIN_SAVED * SECOND, longest = most / RETRY_MIN;
	uint64_t ns = now - r->filled;

	if (!r->filled)
		r->tokens += RETRY_MIN * SECOND;
	else if (r->tokens < most) {
		ns = ns < longest ? ns : longest;
		r->tokens = r->tokens + ns * RETRY_MIN < most ? r->tokens + ns * RETRY_MIN : most;
	}
	r->filled = now;
}

void retry_call(struct retry_budget *r, uint64_t now)
{
	const uint64_t most = RETRY_SAVED * SECOND;

	fill(r, now);
	r->tokens += SECOND * RETRY_PERCENT / 100;
	r->tokens = r->tokens < most ? r->tokens : most;
}

bool retry_take(struct retry_budget *r, uint64_t now)
{
	fill(r, now);
	if (r->tokens < SECOND)
		return false;
	r->tokens -= SECOND;
	return true;
}
