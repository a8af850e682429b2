/* SPDX-License-Identifier: Apache-2.0 */
/* Trying again: full jitter (a random pause between nothing and a limit that doubles), and never past the deadline. */
#include "internal.h"

#include <sys/syscall.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define ATTEMPTS 3u
#define ATTEMPTS_MAX 10u
#define BASE_MS 50
#define CAP_MS 1000

static bool worth_trying(int error)
{
	switch (error) {
	case SLSC_CALL_INVALID:
	case SLSC_CALL_HTTPS:
	case SLSC_CALL_PROTOCOL:
	case SLSC_CALL_LIMIT:
	case SLSC_CALL_MEMORY:
	case SLSC_CALL_OPEN:
		return false;
	default:
		return true;
	}
}

/* 0 to @most, both included. Sandboxes are thawed from one snapshot by the dozen: each asks the kernel. */
static int64_t jitter(int64_t most)
{
	uint32_t r = 0;

	if (syscall(SYS_getrandom, &r, sizeof(r), 0) != sizeof(r))
		return most / 2;
	return (int64_t)((uint64_t)r * ((uint64_t)most + 1) >> 32);
}

int slsc_retry(struct slsc_ctx *ctx, const struct slsc_retry *policy, slsc_try_fn *fn, void *arg)
{
	unsigned attempts = policy && policy->attempts ? policy->attempts : ATTEMPTS;
	int64_t limit = policy && policy->base_ms > 0 ? policy->base_ms : BASE_MS;
	int64_t cap = policy && policy->cap_ms > 0 ? policy->cap_ms : CAP_MS;

	if (attempts > ATTEMPTS_MAX)
		attempts = ATTEMPTS_MAX;
	for (unsigned i = 1;; i++, limit *= 2) {
		int rc = fn(ctx, arg);
		int64_t ms, left;

		if (!rc || i >= attempts || !worth_trying(rc))
			return rc;
		ms = jitter(limit < cap ? limit : cap);
		left = slsc_remaining_ms(ctx);
		if (left < ms + SLSC_CALL_MARGIN_MS || slsc_sleep_ms(ctx, ms))
			return rc;
	}
}

RT_FOR_SIZE_END
