/* SPDX-License-Identifier: Apache-2.0 */
/* The fallback answer: sent from a timer's signal, before the deadline; then the process starts anew. */
#include "lambda.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

static int64_t time_left(const struct slsc_ctx *ctx)
{
	int64_t left = slsc_remaining_ms(ctx);

	return left == INT64_MAX ? left : left - slsc_rt_fallback.margin_ms;
}

static void set_timer(int64_t ms)
{
	const struct itimerval timer = {.it_value = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/*
 * The abandoned handler may hold a lock or have half changed its data, so nothing of this image goes
 * on: execve() is safe in a signal handler, keeps the pid, and ends all threads. Not /proc/self/exe
 * itself, which under qemu-user would be qemu; not argv[0], which need not be a path.
 */
static void __attribute__((noreturn)) restart(void)
{
	char path[4096];
	char *argv[] = {path, NULL};
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const uint64_t no_signals = 0;

	slsc_log(&slsc_rt_ctx, SLSC_WARN, "answered before the deadline, in the handler's place: starting anew");
	set_timer(0);
	if (len > 0) {
		path[len] = '\0';
		/* Files that the handler left open, on kernels since 5.11; the runtime's own close by themselves. */
		syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof(no_signals));
		execve(path, argv, slsc_rt_environ);
	}
	slsc_rt_fatal("cannot start anew");
	_exit(1);
}

/* The answer is being sent; what is left of the margin is all that a peer gets that does not take it. */
static bool answering;

static void answer_within_margin(void)
{
	const uint64_t alarm = 1ull << (SIGALRM - 1);
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	int64_t left = slsc_remaining_ms(ctx);
	static char id[ID_MAX];

	/* The answer to the POST overwrites it; the line about the restart needs it still. */
	memcpy(id, ctx->request_id.ptr, ctx->request_id.len);
	ctx->request_id.ptr = id;
	answering = true;
	set_timer(left > 10 ? left : 10);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &alarm, NULL, sizeof(alarm));
}

/* The stream's chunk is complete, or torn and the connection closed. */
static void end_stream(void)
{
	slsc_rt_phase = PHASE_IO;
	answer_within_margin();
	slsc_fail(&slsc_rt_ctx, "Function.DeadlineExceeded", "the deadline came before the stream's end");
	(void)slsc_rt_stream_end(-1);
	restart();
}

static void on_alarm(int sig, siginfo_t *info, void *context)
{
	struct slsc_out out = slsc_rt_answer_out();
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	int rc;

	(void)sig;
	(void)info;
	(void)context;
	if (answering)
		restart();
	/* A former invocation's timer, or a clock that was set back. */
	if (time_left(ctx) > 0) {
		slsc_rt_deadline_arm(ctx);
		return;
	}
	if (!slsc_rt_phase_take(PHASE_HANDLER, PHASE_FALLBACK))
		return;
	if (slsc_rt_stream_end) {
		if (!slsc_rt_stream_busy)
			end_stream();
		slsc_rt_stream_stopped = end_stream;
		slsc_rt_stream_stop = 1;
		slsc_rt_phase = PHASE_HANDLER;
		/* Once more, in case the write had not yet begun to wait. */
		set_timer(10);
		return;
	}
	slsc_rt_fail_clear(ctx);
	rc = slsc_rt_fallback.fn(ctx, &out);
	if (!rc && out.full)
		rc = slsc_fail(ctx, "Function.ResponseSizeTooLarge", "the fallback answer is too large");
	slsc_rt_phase = PHASE_IO;
	answer_within_margin();
	if (rc)
		rc = slsc_rt_post_error(ctx->request_id, "/error");
	else
		rc = slsc_rt_post(ctx->request_id, "/response", NULL, out.len);
	if (rc < 0)
		_exit(1);
	restart();
}

void slsc_rt_deadline_arm(struct slsc_ctx *ctx)
{
	static bool installed;
	int64_t left = time_left(ctx);

	if (!installed) {
		/* Without SA_RESTART, so that a stream's write comes back from its wait. */
		slsc_rt_signal(SIGALRM, on_alarm, SA_SIGINFO | SA_ONSTACK);
		installed = true;
	}
	if (left == INT64_MAX)
		return;
	set_timer(left > 1 ? left : 1);
}

RT_FOR_SIZE_END
