/* SPDX-License-Identifier: Apache-2.0 */
#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"

extern char **environ;

static volatile sig_atomic_t got_signal;
static volatile sig_atomic_t wake_fd = -1;

static void on_signal(int sig)
{
	int e = errno;

	got_signal = sig;
	/* A full pipe wakes its reader just as well. */
	if (wake_fd >= 0 && write(wake_fd, "", 1) < 0)
		errno = 0;
	errno = e;
}

void sig_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART: calls return EINTR */
	struct sigaction old;
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		/* nohup and background jobs of sh ignore some: that stays so */
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

int sig_number(void)
{
	return got_signal;
}

int sig_check(struct err *err)
{
	if (!got_signal)
		return 0;
	return err_set(err, ERR_INTR, "interrupted");
}

int tty_width(int fd)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return 80;
}

char *proc_which(const char *name)
{
	const char *path = getenv("PATH");
	struct str rest;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 && !fs_is_dir(name) ? xstrdup(name) : NULL;
	if (!name[0])
		return NULL;
	rest = str_from(path ? path : "/usr/local/bin:/usr/bin:/bin");
	while (rest.len) {
		struct str dir = rest;
		CLEAN_FREE char *full = NULL;
		struct stat st;

		rest = str_cut(&dir, ':');
		if (!dir.len)
			continue;
		full = xasprintf(STR_FMT "/%s", STR_ARG(dir), name);
		if (access(full, X_OK) == 0 && stat(full, &st) == 0 && S_ISREG(st.st_mode))
			return steal(&full);
	}
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* One stream of the child that we read. */
struct stream {
	int fd;
	struct buf *to;		/* NULL: lines */
	struct buf partial;
};

static void feed(struct stream *s, const char *p, size_t n, const struct proc_opts *o)
{
	size_t limit = o->limit ? o->limit : 1u << 20;

	if (!s->to) {
		while (n) {
			const char *nl = memchr(p, '\n', n);
			size_t take = nl ? (size_t)(nl - p) : n;

			if (s->partial.len + take <= limit)
				buf_add(&s->partial, p, take);
			if (nl) {
				o->line(s->partial.ptr, s->partial.len, o->ctx);
				buf_reset(&s->partial);
				take++;
			}
			p += take;
			n -= take;
		}
		return;
	}
	if (s->to->len + n > limit)
		n = s->to->len < limit ? limit - s->to->len : 0;
	buf_add(s->to, p, n);
}

/* Returns false at the end of the stream. */
static bool drain(struct stream *s, const struct proc_opts *o)
{
	char block[16384];
	ssize_t n = read(s->fd, block, sizeof(block));

	if (n > 0) {
		feed(s, block, (size_t)n, o);
		return true;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	close(s->fd);
	s->fd = -1;
	return false;
}

static char **merge_env(const char *const *extra)
{
	VEC(char *) v = { 0 };

	for (char **e = environ; *e; e++) {
		size_t name = strcspn(*e, "=") + 1;
		bool replaced = false;

		for (const char *const *x = extra; *x; x++)
			if (strncmp(*x, *e, name) == 0)
				replaced = true;
		if (!replaced)
			VEC_PUSH(&v, *e);
	}
	for (; *extra; extra++)
		VEC_PUSH(&v, (char *)(uintptr_t)*extra);
	VEC_PUSH(&v, NULL);
	return v.ptr;
}

static int spawn(pid_t *pid, const char *const *argv, const struct proc_opts *o, int out, int errout,
		 struct err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t all;
	CLEAN_FREE char **env = o->env ? merge_env(o->env) : NULL;
	int e;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	sigemptyset(&all);
	sigaddset(&all, SIGPIPE);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF);
	if (o->dir)
		posix_spawn_file_actions_addchdir_np(&fa, o->dir);
	if (o->null_stdin)
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (errout >= 0)
		posix_spawn_file_actions_adddup2(&fa, errout, 2);
	e = posix_spawnp(pid, argv[0], &fa, &at, (char *const *)(uintptr_t)argv, env ? env : environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	if (e == ENOENT)
		return err_set(err, ERR_TOOL, "'%s' is not found on PATH", argv[0]);
	if (e) {
		errno = e;
		return err_sys(err, "cannot run %s", argv[0]);
	}
	return 0;
}

/* Reap @pid; passes signals on; returns the wait status, or -1 after a timeout or interruption. */
static int supervise(pid_t pid, struct stream *st, size_t nst, int wake, const struct proc_opts *o,
		     const char *name, int *wstatus, struct err *err)
{
	uint64_t end = o->timeout_ms ? now_ms() + o->timeout_ms : 0;
	bool forwarded = false, timed_out = false;

	for (;;) {
		struct pollfd p[3];
		nfds_t n = 0;
		int wait_ms = -1;

		if (got_signal && !forwarded) {
			kill(pid, got_signal);
			forwarded = true;
		}
		for (size_t i = 0; i < nst; i++)
			if (st[i].fd >= 0)
				p[n++] = (struct pollfd){ .fd = st[i].fd, .events = POLLIN };
		if (!n)
			break;
		p[n] = (struct pollfd){ .fd = wake, .events = POLLIN };
		if (end) {
			uint64_t t = now_ms();

			if (t >= end && !timed_out) {
				kill(pid, SIGKILL);
				timed_out = true;
				break;
			}
			wait_ms = t < end ? (int)(end - t) : -1;
		}
		if (poll(p, n + 1, wait_ms) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for %s", name);
		for (size_t i = 0, j = 0; i < nst; i++) {
			if (st[i].fd < 0)
				continue;
			if (p[j++].revents)
				drain(&st[i], o);
		}
		if (p[n].revents) {
			char bytes[16];

			while (read(wake, bytes, sizeof(bytes)) > 0)
				;
		}
	}
	while (waitpid(pid, wstatus, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, "cannot wait for %s", name);
		if (got_signal && !forwarded) {
			kill(pid, got_signal);
			forwarded = true;
		}
	}
	if (timed_out)
		return err_set(err, ERR_BUILD, "%s timed out after %u.%03u s", name,
			       o->timeout_ms / 1000, o->timeout_ms % 1000);
	return got_signal ? sig_check(err) : 0;
}

int proc_run(const char *const *argv, const struct proc_opts *opts, int *status, struct err *err)
{
	static const struct proc_opts none;
	const struct proc_opts *o = opts ? opts : &none;
	struct stream st[2] = { { .fd = -1, .partial = BUF_INIT }, { .fd = -1, .partial = BUF_INIT } };
	int out[2] = { -1, -1 }, errout[2] = { -1, -1 }, wake[2] = { -1, -1 };
	bool joined = o->line || (o->out && o->out == o->errout);
	int wstatus = 0, r = -1;
	pid_t pid = -1;

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    ((o->out || o->line) && pipe2(out, O_CLOEXEC) < 0) ||
	    (o->errout && !joined && pipe2(errout, O_CLOEXEC) < 0)) {
		err_sys(err, "cannot run %s", argv[0]);
		goto out;
	}
	st[0] = (struct stream){ out[0], o->line ? NULL : o->out, BUF_INIT };
	st[1] = (struct stream){ errout[0], o->errout, BUF_INIT };
	wake_fd = wake[1];
	if (spawn(&pid, argv, o, out[1], joined ? out[1] : errout[1], err) < 0)
		goto out;
	if (out[1] >= 0)
		close(steal_fd(&out[1]));
	if (errout[1] >= 0)
		close(steal_fd(&errout[1]));
	r = supervise(pid, st, 2, wake[0], o, argv[0], &wstatus, err);
	out[0] = st[0].fd;
	errout[0] = st[1].fd;
	if (st[0].partial.len)
		o->line(st[0].partial.ptr, st[0].partial.len, o->ctx);
	if (r == 0)
		*status = WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) : WEXITSTATUS(wstatus);
out:
	wake_fd = -1;
	buf_release(&st[0].partial);
	buf_release(&st[1].partial);
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (errout[i] >= 0)
			close(errout[i]);
		if (wake[i] >= 0)
			close(wake[i]);
	}
	return r;
}
