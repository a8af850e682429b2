/* SPDX-License-Identifier: Apache-2.0 */
#include "local/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define LINE_MAX_ (256u << 10)		/* bytes of a line of the log; more is another line */
#define READ_ONCE (256u << 10)		/* bytes of a log between two looks at all else */

/* ---- its log ---- */

static void split(struct line_reader *r, const char *p, size_t n)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		if (nl && !r->part.len && take <= LINE_MAX_) {
			platform_line(r->instance, (struct str){ p, take });
		} else {
			if (take > LINE_MAX_ - r->part.len) {
				take = LINE_MAX_ - r->part.len;
				nl = NULL;
			}
			buf_add(&r->part, p, take);
			if (nl || r->part.len == LINE_MAX_) {
				platform_line(r->instance, buf_str(&r->part));
				buf_reset(&r->part);
			}
		}
		p += take + (nl ? 1 : 0);
		n -= take + (nl ? 1 : 0);
	}
}

/* false: nothing more will come. */
static bool read_log(struct line_reader *r, size_t most)
{
	static char block[64u << 10];

	for (size_t got = 0; got < most;) {
		ssize_t n = read(r->io.fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		split(r, block, (size_t)n);
		got += (size_t)n;
		if ((size_t)n < sizeof(block))
			return true;
	}
	return true;
}

static void log_ready(struct loop_io *io, uint32_t events)
{
	struct line_reader *r = CONTAINER_OF(io, struct line_reader, io);

	(void)events;
	/* it may close it and go on */
	if (!read_log(r, READ_ONCE))
		loop_io_del(r->instance->fn->platform->loop, io);
}

void instance_drain(struct instance *i)
{
	if (i->out.io.fd >= 0)
		(void)read_log(&i->out, READ_ONCE);
}

/* ---- its end ---- */

static void gone(struct instance *i)
{
	struct lfn *fn = i->fn;
	struct platform *p = fn->platform;
	bool had_init = !i->ready, memory = quota_oom(&i->group);
	CLEAN_FREE char *why = NULL;

	i->state = INSTANCE_ENDING;
	fn->failures += had_init;
	instance_drain(i);
	if (i->out.part.len)
		platform_line(i, buf_str(&i->out.part));
	if (memory)
		why = xasprintf("Runtime exited with error: signal: killed: it used more than its %" PRIu64 " MB of memory",
				fn->memory >> 20);
	else if (WIFSIGNALED(i->status))
		why = xasprintf("Runtime exited with error: signal: %s", strsignal(WTERMSIG(i->status)));
	else if (WEXITSTATUS(i->status))
		why = xasprintf("Runtime exited with error: exit status %d", WEXITSTATUS(i->status));
	else
		why = xstrdup("Runtime exited without providing a reason");
	if (i->inv) {
		struct invocation *inv = i->inv;

		invocation_fail(inv, memory ? OUTCOME_MEMORY : OUTCOME_EXIT,
				memory ? "Runtime.OutOfMemory" : "Runtime.ExitError", "RequestId: %s Error: %s", inv->id, why);
		invocation_over(inv);
	}
	/* and what it left behind */
	quota_group_release(&i->group);
	platform_reaps(p);
	web_unlisten(&i->listener);
	loop_io_del(p->loop, &i->process);
	loop_io_del(p->loop, &i->out.io);
	loop_timer_stop(p->loop, &i->timer);
	close(i->process.fd);
	close(i->out.io.fd);
	pool_forget(i);
	platform_changed(i);
	if (had_init && fn->first && !p->stopping && i->generation == fn->generation) {
		struct invocation *inv = fn->first;
		CLEAN_FREE char *text = xasprintf("RequestId: %s Error: %s", inv->id, why);

		if (i->init_error_type)
			pool_error_first(fn, i->init_error_type, i->init_error);
		else if (i->end)
			pool_fail_first(fn, OUTCOME_TIMEOUT, "Sandbox.Timedout", i->end);
		else
			pool_fail_first(fn, memory ? OUTCOME_MEMORY : OUTCOME_EXIT,
					memory ? "Runtime.OutOfMemory" : "Runtime.ExitError", text);
	}
	buf_release(&i->out.part);
	free(i->init_error);
	free(i->init_error_type);
	free(i);
	if (p->stopping && !p->ninstances)
		loop_stop(p->loop);
	else
		pool_dispatch(fn);
	pool_prewarm(fn);
}

static void ended(struct loop_io *io, uint32_t events)
{
	struct instance *i = CONTAINER_OF(io, struct instance, process);

	(void)events;
	if (i->inv)
		quota_measure(&i->group, &i->used);
	if (waitpid(i->pid, &i->status, WNOHANG) != i->pid)
		return;
	i->pid = -1;
	gone(i);
}

static void kill_now(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);

	quota_kill(&i->group);
}

void instance_end(struct instance *i, const char *why, uint64_t grace_ns)
{
	struct platform *p = i->fn->platform;

	if (i->state == INSTANCE_ENDING && grace_ns)
		return;
	pool_unlist(i);
	i->state = INSTANCE_ENDING;
	if (!i->end)
		i->end = why;
	platform_changed(i);
	if (grace_ns) {
		kill(-i->pid, SIGTERM);
		i->timer.expired = kill_now;
		loop_timer_set(p->loop, &i->timer, grace_ns);
	} else {
		quota_kill(&i->group);
	}
}

static void init_timed_out(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);

	instance_end(i, "Init phase timed out after 10.00 seconds", 0);
}

/* ---- its start ---- */

static void make_env(struct instance *i, struct strs *env)
{
	struct lfn *fn = i->fn;
	struct platform *p = fn->platform;

	strs_add(env, "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin");
	strs_add(env, "LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:"
		      "/opt/lib");
	strs_add(env, "LANG=en_US.UTF-8");
	strs_add(env, "TZ=:UTC");
	strs_addf(env, "AWS_REGION=%s", p->region);
	strs_addf(env, "AWS_DEFAULT_REGION=%s", p->region);
	if (fn->runtime == RUNTIME_HTTP) {
		strs_addf(env, "PORT=%u", i->listener.port);
		strs_addf(env, "K_SERVICE=%s", fn->name);
		strs_addf(env, "K_REVISION=%s-%u", fn->name, i->generation);
		strs_addf(env, "SLSC_TIMEOUT_MS=%" PRIu64, fn->timeout_ms);
	} else {
		strs_addf(env, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", i->listener.port);
		strs_addf(env, "AWS_LAMBDA_FUNCTION_NAME=%s", fn->name);
		strs_add(env, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST");
		strs_addf(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%" PRIu64, fn->memory >> 20);
		strs_addf(env, "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/%s", fn->name);
		strs_addf(env, "AWS_LAMBDA_LOG_STREAM_NAME=%s", i->stream);
		strs_add(env, "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand");
		strs_addf(env, "LAMBDA_TASK_ROOT=%s", fn->dir);
		strs_add(env, "LAMBDA_RUNTIME_DIR=/var/runtime");
		strs_add(env, "_HANDLER=bootstrap");
		/* what SDKs look for; they are nobody's */
		strs_add(env, "AWS_ACCESS_KEY_ID=local");
		strs_add(env, "AWS_SECRET_ACCESS_KEY=local");
		strs_add(env, "AWS_SESSION_TOKEN=local");
	}
	for (size_t n = 0; n < fn->env.len; n++)
		strs_add(env, fn->env.ptr[n]);
}

static int run(struct instance *i, int out, struct err *err)
{
	CLEAN_STRS struct strs env = { 0 };
	struct lfn *fn = i->fn;
	const char *const keep[] = { fn->dir, NULL };
	struct quota_limits limits = quota_lambda(fn->memory, fn->tmp);
	struct spawn o = { .argv = (const char *const *)strs_argv(&fn->argv), .cwd = fn->dir, .out = out, .err = out,
			   .group = &i->group, .keep = keep };

	if (quota_group_init(&fn->platform->quota, &i->group, &limits, err) < 0)
		return -1;
	make_env(i, &env);
	o.env = (const char *const *)strs_argv(&env);
	return spawner_start(&fn->platform->spawner, &o, &i->pid, &i->process.fd, err);
}

static void name_stream(struct instance *i)
{
	uint8_t b[16];
	struct tm tm;
	time_t now = time(NULL);
	size_t n;

	gmtime_r(&now, &tm);
	n = strftime(i->stream, sizeof(i->stream), "%Y/%m/%d/[$LATEST]", &tm);
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		BUG("getrandom: no random numbers");
	for (size_t k = 0; k < sizeof(b); k++)
		n += (size_t)snprintf(i->stream + n, sizeof(i->stream) - n, "%02x", b[k]);
}

struct instance *instance_start(struct lfn *fn, struct err *err)
{
	struct platform *p = fn->platform;
	struct instance *i = xcalloc(1, sizeof(*i));
	int out[2] = { -1, -1 };

	i->fn = fn;
	i->number = ++fn->count;
	i->generation = fn->generation;
	i->process.fd = i->out.io.fd = -1;
	i->pid = -1;
	i->process.ready = ended;
	i->out.io.ready = log_ready;
	i->out.instance = i;
	buf_init(&i->out.part);
	i->timer.expired = init_timed_out;
	name_stream(i);
	i->born = loop_clock();
	if (web_listen(p->web, &i->listener, "127.0.0.1", 0, &runtime_api, err) < 0)
		goto fail;
	if (pipe2(out, O_CLOEXEC) < 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) < 0) {
		err_sys(err, "cannot make a pipe");
		goto fail;
	}
	i->out.io.fd = out[0];
	if (run(i, out[1], err) < 0 || loop_io_add(p->loop, &i->process, EPOLLIN, err) < 0 ||
	    loop_io_add(p->loop, &i->out.io, EPOLLIN, err) < 0)
		goto fail;
	close(out[1]);
	VEC_PUSH(&fn->instances, i);
	p->ninstances++;
	fn->starting++;
	i->counted = true;
	loop_timer_set(p->loop, &i->timer, INIT_NS);
	platform_changed(i);
	return i;
fail:
	if (i->pid > 0) {
		quota_kill(&i->group);
		(void)waitpid(i->pid, NULL, 0);
	}
	quota_group_release(&i->group);
	platform_reaps(p);
	loop_io_del(p->loop, &i->process);
	clean_fd_(&i->process.fd);
	clean_fd_(&out[0]);
	clean_fd_(&out[1]);
	web_unlisten(&i->listener);
	buf_release(&i->out.part);
	free(i);
	return NULL;
}
