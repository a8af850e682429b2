/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, what is left of it, and the calendar. */
#include "internal.h"

#include <errno.h>
#ifndef __wasi__
#include <sys/syscall.h>
#endif
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
#ifdef __wasi__
	if (clock_gettime(CLOCK_REALTIME, ts))
#else
	if (syscall(SYS_clock_gettime, CLOCK_REALTIME, ts))
#endif
		*ts = (struct timespec){0};
}

void slsc_rt_civil(int64_t seconds, int out[7])
{
	static const unsigned char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned days = (unsigned)(seconds / 86400), rest = (unsigned)(seconds % 86400), year = 1970, month = 0, len;

	out[6] = (int)((days + 4) % 7);
	/* Counting is a few dozen steps, and half the size of a formula. */
	for (;; year++) {
		len = year % 4 || (year % 100 == 0 && year % 400) ? 365 : 366;
		if (days < len)
			break;
		days -= len;
	}
	for (;; month++) {
		unsigned in_month = month_days[month] + (month == 1 && len == 366 ? 1u : 0u);

		if (days < in_month)
			break;
		days -= in_month;
	}
	out[0] = (int)year;
	out[1] = (int)month + 1;
	out[2] = (int)days + 1;
	out[3] = (int)(rest / 3600);
	out[4] = (int)(rest / 60 % 60);
	out[5] = (int)(rest % 60);
}

RT_FOR_SIZE_END
