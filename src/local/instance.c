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
#include "local/extension.h"
#include "local/relay.h"

#define LINE_MAX_ (256u << 10)		/* bytes of a line of the log; more is another line */
#define READ_ONCE (256u << 10)		/* bytes of a log between two looks at all else */

/* ---- its log ---- */

static void tell_line(struct line_reader *r, struct str line)
{
	platform_line(r->instance, r->from, line);
}

/* Bytes at the end of a piece of a line which are the beginning of a character. */
static size_t torn(const char *p, size_t n)
{
	for (size_t k = 1; k <= 3 && k <= n; k++) {
		unsigned char c = (unsigned char)p[n - k];

		if (c >= 0xc0)
			return k < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? k : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

/* It has no room for more of the line: that goes on with another one, and with a whole character. */
static void tell_piece(struct line_reader *r)
{
	size_t left = torn(r->part.ptr, r->part.len), told = r->part.len - left;

	tell_line(r, (struct str){ r->part.ptr, told });
	memmove(r->part.ptr, r->part.ptr + told, left + 1);
	r->part.len = left;
}

static void split(struct line_reader *r, const char *p, size_t n)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		if (nl && !r->part.len && take <= LINE_MAX_) {
			tell_line(r, (struct str){ p, take });
		} else if (take > LINE_MAX_ - r->part.len) {
			take = LINE_MAX_ - r->part.len;
			nl = NULL;
			buf_add(&r->part, p, take);
			tell_piece(r);
		} else {
			buf_add(&r->part, p, take);
			if (nl) {
				tell_line(r, buf_str(&r->part));
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

void line_reader_drain(struct line_reader *r)
{
	if (r->instance && r->io.fd >= 0)
		(void)read_log(r, READ_ONCE);
}

void line_reader_stop(struct line_reader *r)
{
	if (!r->instance || r->io.fd < 0)
		return;
	line_reader_drain(r);
	if (r->part.len)
		tell_line(r, buf_str(&r->part));
	loop_io_del(r->instance->fn->platform->loop, &r->io);
	close(r->io.fd);
	r->io.fd = -1;
	buf_release(&r->part);
}

/* ---- its start ---- */

/* A name is there once. What tells it where it is is ours to say: an image may have been made in another place. */
static void put_env(struct strs *env, const char *text, bool http)
{
	static const char *const ours[] = { "AWS_LAMBDA_", "LAMBDA_TASK_ROOT=", "LAMBDA_RUNTIME_DIR=", "PORT=",
					    "SLSC_TIMEOUT_MS=" };
	size_t name = strcspn(text, "=") + 1;

	/* a port is the function's own to use unless it is to listen there; so with the time */
	for (size_t i = 0; i < ARRAY_LEN(ours) - (http ? 0 : 2); i++)
		if (starts_with(text, ours[i]))
			return;
	for (size_t i = 0; i < env->len; i++)
		if (strncmp(env->ptr[i], text, name) == 0) {
			free(env->ptr[i]);
			env->ptr[i] = xstrdup(text);
			return;
		}
	strs_add(env, text);
}

void instance_environment(struct instance *i, struct strs *env)
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
		strs_addf(env, "PORT=%u", i->port);
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
		/* of an image it is the same whatever its working directory is */
		strs_addf(env, "LAMBDA_TASK_ROOT=%s", fn->root ? "/var/task" : fn->dir);
		strs_add(env, "LAMBDA_RUNTIME_DIR=/var/runtime");
		strs_add(env, "_HANDLER=bootstrap");
		/* what SDKs look for; they are nobody's */
		strs_add(env, "AWS_ACCESS_KEY_ID=local");
		strs_add(env, "AWS_SECRET_ACCESS_KEY=local");
		strs_add(env, "AWS_SESSION_TOKEN=local");
	}
	for (size_t n = 0; n < fn->env.len; n++)
		put_env(env, fn->env.ptr[n], fn->runtime == RUNTIME_HTTP);
}

/* A process of it, whose namespaces it is in; 0: none. */
static int first_process(const struct instance *i)
{
	for (const struct extension *e = i->extensions; e; e = e->next)
		if (e->pid > 0)
			return e->process.fd;
	return 0;
}

int instance_spawn(struct instance *i, char *const *argv, struct strs *env, struct line_reader *r, pid_t *pid,
		   struct loop_io *process, struct err *err)
{
	struct lfn *fn = i->fn;
	struct loop *loop = fn->platform->loop;
	const char *const keep[] = { fn->dir, fn->extensions, NULL };
	struct spawn o = { .argv = (const char *const *)argv, .env = (const char *const *)strs_argv(env),
			   .cwd = fn->dir, .group = &i->group, .join = first_process(i), .keep = keep,
			   .root = fn->root, .read_only = fn->read_only ? fn->dir : NULL,
			   .user = fn->has_user ? &fn->user : NULL };
	int out[2] = { -1, -1 };

	process->fd = r->io.fd = -1;
	r->instance = i;
	r->io.ready = log_ready;
	buf_init(&r->part);
	if (pipe2(out, O_CLOEXEC) < 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) < 0) {
		err_sys(err, "cannot make a pipe");
		goto fail;
	}
	r->io.fd = out[0];
	o.out = o.err = out[1];
	if (spawner_start(&fn->platform->spawner, &o, pid, &process->fd, err) < 0)
		goto fail;
	if (loop_io_add(loop, process, EPOLLIN, err) < 0 || loop_io_add(loop, &r->io, EPOLLIN, err) < 0)
		goto fail;
	close(out[1]);
	return 0;
fail:
	if (*pid > 0) {
		kill(-*pid, SIGKILL);
		(void)waitpid(*pid, NULL, 0);
		*pid = -1;
	}
	loop_io_del(loop, process);
	clean_fd_(&process->fd);
	process->fd = -1;
	clean_fd_(&out[0]);
	clean_fd_(&out[1]);
	r->io.fd = -1;
	return -1;
}

static int start_runtime(struct instance *i, struct err *err)
{
	CLEAN_STRS struct strs env = { 0 };

	instance_environment(i, &env);
	return instance_spawn(i, strs_argv(&i->fn->argv), &env, &i->out, &i->pid, &i->process, err);
}

void instance_runtime(struct instance *i)
{
	struct err err = ERR_INIT;

	if (start_runtime(i, &err) < 0)
		instance_break(i, OUTCOME_EXIT, "Runtime.InvalidEntrypoint", err.msg);
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

static void init_timed_out(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);

	i->reason = "timeout";
	instance_break(i, OUTCOME_TIMEOUT, "Sandbox.Timedout", "Init phase timed out after 10.00 seconds");
}

struct quota_limits lfn_limits(const struct lfn *fn)
{
	struct quota_limits limits = quota_lambda(fn->memory, fn->tmp);

	/* Cloud Run's share of a CPU does not depend on the memory */
	limits.cpu = fn->cpu ? fn->cpu : fn->runtime == RUNTIME_HTTP ? 1000 : limits.cpu;
	return limits;
}

struct instance *instance_start(struct lfn *fn, struct err *err)
{
	struct platform *p = fn->platform;
	struct instance *i = xcalloc(1, sizeof(*i));
	const struct quota_limits limits = lfn_limits(fn);
	bool http = fn->runtime == RUNTIME_HTTP, whole;

	i->fn = fn;
	i->number = ++fn->count;
	i->generation = fn->generation;
	i->process.fd = i->out.io.fd = -1;
	i->pid = -1;
	i->process.ready = instance_ended;
	i->timer.expired = init_timed_out;
	name_stream(i);
	i->born = loop_clock();
	i->wall_born = wall_clock();
	i->listener.io.fd = -1;
	if (http ? relay_port(i, err) < 0 : web_listen(p->web, &i->listener, "127.0.0.1", 0, &runtime_api, err) < 0)
		goto fail;
	if (quota_group_init(&p->quota, &i->group, &limits, err) < 0)
		goto fail;
	/* with extensions the runtime follows when they have registered */
	whole = http || extensions_start(i);
	if (!i->extensions && start_runtime(i, err) < 0)
		goto fail;
	VEC_PUSH(&fn->instances, i);
	p->ninstances++;
	fn->starting++;
	i->counted = true;
	loop_timer_set(p->loop, &i->timer, whole ? INIT_NS : 0);
	platform_init_event(i, INIT_BEGUN);
	platform_changed(i);
	if (http)
		relay_probe(i, true);
	return i;
fail:
	quota_group_release(&i->group);
	platform_reaps(p);
	web_unlisten(&i->listener);
	free(i);
	return NULL;
}

void instance_proceed(struct instance *i)
{
	struct faults *f = i->fn->faults;

	if (!i->next || i->listed || i->state == INSTANCE_ENDING || i->held == HELD || !extensions_ready(i))
		return;
	if (!i->ready && i->held == HELD_NOT && f && f->hold_ready(f, i)) {
		i->held = HELD;
		return;
	}
	if (i->inv)
		invocation_over(i->inv);
	if (!i->ready) {
		i->ready = loop_clock();
		platform_init_event(i, INIT_OVER);
	}
	pool_ready(i);
}

void instance_let_go(struct instance *i)
{
	i->held = HELD_OVER;
	/* it may have left without a word: then it is given the event when it asks for it */
	if (i->inv && !i->answered && i->next)
		runtime_api_give(i);
	else
		instance_proceed(i);
}
