/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"

#define SECOND UINT64_C(1000000000)
#define END_MS 1000

extern char **environ;

/* ---- the protocol ---- */

static void add_seconds(struct buf *out, const char *name, uint64_t ns)
{
	uint64_t part = ns % SECOND;
	int digits = 9;

	buf_addf(out, ",\"%s\":%" PRIu64, name, ns / SECOND);
	if (!part)
		return;
	for (; part % 10 == 0; part /= 10)
		digits--;
	buf_addf(out, ".%0*" PRIu64, digits, part);
}

void policy_command_line(const struct policy_seen *s, struct buf *out)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	add_seconds(&b, "now", s->now);
	add_seconds(&b, "interval", s->interval);
	buf_addf(&b, ",\"arrivals\":%" PRIu64 ",\"done\":%" PRIu64, s->arrivals, s->done);
	add_seconds(&b, "busy_seconds", s->busy_ns);
	add_seconds(&b, "up_seconds", s->up_ns);
	add_seconds(&b, "cpu_seconds", s->cpu_ns);
	buf_addf(&b, ",\"queue\":%" PRIu32 ",\"idle\":%" PRIu32 ",\"busy\":%" PRIu32 ",\"starting\":%" PRIu32 "}\n",
		 s->queue, s->idle, s->busy, s->starting);
	buf_addc(out, '{');
	buf_addz(out, b.ptr + 1);
}

int policy_command_answer(struct str line, uint32_t *want, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &why), *v;
	const json_int_t n =
		root && (v = json_object_get(root, "want")) && json_is_integer(v) ? json_integer_value(v) : -1;

	json_decref(root);
	if (n < 0 || n > POLICY_INSTANCES) {
		const size_t shown = line.len < 80 ? line.len : 80;

		err_set(err, ERR_FUNCTION, "the policy's command answers '%.*s', which is no number of instances",
			(int)shown, line.ptr);
		return err_hint(err, "it answers each line with a line such as {\"want\":12}, of at most %u",
				POLICY_INSTANCES);
	}
	*want = (uint32_t)n;
	return 0;
}

/* ---- the process ---- */

struct policy_command {
	pid_t pid;
	int in, out; /* its standard input, which is not waited for; its standard output */
	uint64_t answer_ns;
	struct buf got;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static int spawn(const char *text, const char *dir, int in, int out, pid_t *pid)
{
	const char *const argv[] = { "sh", "-c", text, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_signal;
	int failed;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (dir)
		posix_spawn_file_actions_addchdir_np(&actions, dir);
	posix_spawnattr_init(&attr);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	failed = posix_spawn(pid, "/bin/sh", &actions, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

int policy_command_spawn(const char *text, const char *dir, pid_t *pid, int *in, int *out, struct err *err)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, failed;

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
		err_sys(err, "a pipe to the policy's command");
		clean_fd_(&to[0]);
		clean_fd_(&to[1]);
		return -1;
	}
	failed = spawn(text, dir, to[0], from[1], pid);
	close(to[0]);
	close(from[1]);
	if (failed) {
		errno = failed;
		err_sys(err, "cannot start /bin/sh for the policy's command");
		close(to[1]);
		close(from[0]);
		return -1;
	}
	*in = to[1];
	*out = from[0];
	fcntl(*in, F_SETFL, O_NONBLOCK);
	fcntl(*out, F_SETFL, O_NONBLOCK);
	return 0;
}

struct policy_command *policy_command_start(const char *text, uint64_t answer_ns, struct err *err)
{
	struct policy_command *c = xcalloc(1, sizeof(*c));

	if (policy_command_spawn(text, NULL, &c->pid, &c->in, &c->out, err) < 0) {
		free(c);
		return NULL;
	}
	c->answer_ns = answer_ns;
	buf_init(&c->got);
	return c;
}

/* Until @fd can be used: 1, or 0 after the time, or -1 with ERR_INTR. */
static int wait_for(int fd, short events, uint64_t until, struct err *err)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = sig_fd(), .events = POLLIN } };
		const uint64_t now = now_ns(), left = until > now ? (until - now + 999999) / 1000000 : 0;
		int n = poll(fds, ARRAY_LEN(fds), left < 3600000 ? (int)left : 3600000);

		if (sig_check(err) < 0)
			return -1;
		if (n > 0 && fds[0].revents)
			return 1;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (!left)
			return 0;
	}
}

int policy_command_late(uint64_t answer_ns, struct err *err)
{
	err_set(err, ERR_FUNCTION, "the policy's command has not answered within %llu ms",
		(unsigned long long)(answer_ns / 1000000));
	return err_hint(err, "does it write its answer at once? Its output is a pipe: flush after each line");
}

static int tell(struct policy_command *c, struct str line, uint64_t until, struct err *err)
{
	while (line.len) {
		const ssize_t n = write(c->in, line.ptr, line.len);
		int can;

		if (n > 0) {
			line.ptr += n;
			line.len -= (size_t)n;
			continue;
		}
		/* it reads no more, but may have said something before */
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, "write to the policy's command");
		can = wait_for(c->in, POLLOUT, until, err);
		if (can <= 0)
			return can < 0 ? -1 : policy_command_late(c->answer_ns, err);
	}
	return 0;
}

static int hear(struct policy_command *c, size_t *line, uint64_t until, struct err *err)
{
	for (;;) {
		const char *end = memchr(c->got.ptr, '\n', c->got.len);
		char part[1024];
		ssize_t n;
		int can;

		if (end) {
			*line = (size_t)(end - c->got.ptr);
			return 0;
		}
		if (c->got.len > POLICY_LINE_MAX)
			return err_set(err, ERR_LIMIT,
				       "limit exceeded: the policy's command answers a line of more than "
				       "%u bytes",
				       POLICY_LINE_MAX);
		can = wait_for(c->out, POLLIN, until, err);
		if (can <= 0)
			return can < 0 ? -1 : policy_command_late(c->answer_ns, err);
		n = read(c->out, part, sizeof(part));
		if (n == 0)
			return err_set(err, ERR_FUNCTION, "the policy's command has ended without an answer");
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, "read from the policy's command");
		if (n > 0)
			buf_add(&c->got, part, (size_t)n);
	}
}

int policy_command_ask(struct policy_command *c, const struct policy_seen *seen, uint32_t *want, struct err *err)
{
	const uint64_t until = now_ns() + c->answer_ns;
	CLEAN_BUF struct buf line = BUF_INIT;
	size_t n, rest;

	policy_command_line(seen, &line);
	if (tell(c, buf_str(&line), until, err) < 0 || hear(c, &n, until, err) < 0 ||
	    policy_command_answer((struct str){ c->got.ptr, n }, want, err) < 0)
		return -1;
	rest = c->got.len - n - 1;
	/* an answer to what was not asked */
	if (rest)
		return err_set(err, ERR_FUNCTION, "the policy's command answers more than one line to one");
	buf_reset(&c->got);
	return 0;
}

static bool has_ended(const struct policy_command *c)
{
	CLEAN_FD int fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, END_MS) == 1;
}

void policy_command_end(struct policy_command *c)
{
	if (!c)
		return;
	/* nobody reads what it may still have to say */
	close(c->in);
	close(c->out);
	/* it, or what it has left of its group */
	(void)has_ended(c);
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	buf_release(&c->got);
	free(c);
}
