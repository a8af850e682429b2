/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, what is left of it, and the calendar. */
#include "internal.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

int64_t slsc_remaining_ms(const struct slsc_ctx *ctx)
{
	struct timespec ts;
	int64_t left;

	if (!ctx->deadline_ms)
		return INT64_MAX;
	clock_gettime(CLOCK_REALTIME, &ts);
	left = ctx->deadline_ms - ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
	if (left > 86400000)
		return INT64_MAX;
	return left < 0 ? 0 : left;
}

volatile sig_atomic_t slsc_rt_stopping;

bool slsc_cancelled(const struct slsc_ctx *ctx)
{
	return slsc_rt_stopping || slsc_remaining_ms(ctx) == 0;
}

int slsc_sleep_ms(const struct slsc_ctx *ctx, int64_t ms)
{
	int64_t left = slsc_remaining_ms(ctx), sleep = ms < left ? ms : left;
	struct timespec ts = {(time_t)(sleep / 1000), (long)(sleep % 1000) * 1000000};

	if (sleep > 0) {
		while (nanosleep(&ts, &ts) && errno == EINTR) {
			if (slsc_rt_stopping)
				return -1;
		}
	}
	return ms > left ? -1 : 0;
}

void slsc_child(const struct slsc_ctx *parent, int64_t timeout_ms, struct slsc_ctx *child)
{
	int64_t left = slsc_remaining_ms(parent);
	struct timespec ts;

	*child = *parent;
	slsc_rt_fail_clear(child);
	if (timeout_ms >= left)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	child->deadline_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + (timeout_ms > 0 ? timeout_ms : 0);
}

/* Past the vDSO: needed once a line, and musl's search for the vDSO costs 0.8 KB. */
void slsc_rt_now(struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, CLOCK_REALTIME, ts))
		*ts = (struct timespec){0};
}

void slsc_rt_civil(int64_t seconds, int out[7])
{
	int64_t days = seconds / 86400, rest = seconds % 86400;
	/* Years start in March here, so that the leap day is the last of its year. */
	int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	out[1] = (int)(mp < 10 ? mp + 3 : mp - 9);
	out[0] = (int)(yoe + era * 400 + (out[1] <= 2));
	out[2] = (int)(doy - (153 * mp + 2) / 5 + 1);
	out[3] = (int)(rest / 3600);
	out[4] = (int)(rest / 60 % 60);
	out[5] = (int)(rest % 60);
	out[6] = (int)((days + 4) % 7);
}

RT_FOR_SIZE_END
