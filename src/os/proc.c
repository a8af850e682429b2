/* SPDX-License-Identifier: Apache-2.0 */
#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"

extern char **environ;

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
		if (!str_starts(dir, "/"))
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
	int fd;			/* does not block */
	struct buf *to;		/* NULL: lines */
	struct buf partial;
};

static size_t limit_of(const struct proc_opts *o)
{
	return o->limit ? o->limit : 1u << 20;
}

static void add_within(struct buf *b, const char *p, size_t n, const struct proc_opts *o)
{
	size_t limit = limit_of(o), room = b->len < limit ? limit - b->len : 0;

	buf_add(b, p, n < room ? n : room);
}

static void feed(struct stream *s, const char *p, size_t n, const struct proc_opts *o)
{
	if (s->to) {
		add_within(s->to, p, n, o);
		return;
	}
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		add_within(&s->partial, p, take, o);
		if (nl) {
			o->line(s->partial.ptr, s->partial.len, o->ctx);
			buf_reset(&s->partial);
			take++;
		}
		p += take;
		n -= take;
	}
}

/* One block, of at most @most bytes, so that no stream keeps another waiting. Returns the bytes read. */
static size_t drain(struct stream *s, size_t most, const struct proc_opts *o)
{
	char block[16384];
	ssize_t n = read(s->fd, block, most < sizeof(block) ? most : sizeof(block));

	if (n > 0) {
		feed(s, block, (size_t)n, o);
		return (size_t)n;
	}
	if (n == 0 || (errno != EINTR && errno != EAGAIN))
		close(steal_fd(&s->fd));
	return 0;
}

/* What the child has left in its pipe. Others may still hold and fill that: they are not waited for. */
static void drain_rest(struct stream *s, const struct proc_opts *o)
{
	int left;

	if (s->fd < 0 || ioctl(s->fd, FIONREAD, &left) < 0)
		return;
	while (left > 0) {
		size_t n = drain(s, (size_t)left, o);

		if (!n)
			return;
		left -= (int)n;
	}
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

/* posix_spawn() says ENOENT of a directory, a program and the interpreter of a script alike. */
static int spawn_error(int e, const char *name, const struct proc_opts *o, struct err *err)
{
	CLEAN_FREE char *found = proc_which(name);

	errno = e;
	if (o->dir && !fs_is_dir(o->dir))
		return err_sys(err, "cannot run %s in %s", name, o->dir);
	if (e != ENOENT) {
		err_sys(err, "cannot run %s", name);
		if (e == EACCES)
			err_hint(err, "make it executable");
		return -1;
	}
	if (found)
		return err_set(err, ERR_TOOL, "cannot run %s: the interpreter it names does not exist", name);
	if (strchr(name, '/'))
		return err_set(err, ERR_TOOL, "cannot run %s: no such file", name);
	return err_set(err, ERR_TOOL, "'%s' is not found on PATH", name);
}

/*
 * posix_spawn() cannot say PR_SET_PDEATHSIG. The child of vfork() shares our memory until it executes: it calls nothing
 * but the kernel, and no handler of ours runs in it.
 */
static int spawn_tied(pid_t *pid, const char *const *argv, const struct proc_opts *o, bool group, char **env, int out,
		      int errout)
{
	static const int handled[] = { SIGINT, SIGTERM, SIGHUP };
	CLEAN_FREE char *path = proc_which(argv[0]);
	pid_t us = getpid();
	sigset_t all, old;
	volatile int failed = 0;

	if (!path)
		return ENOENT;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	*pid = vfork();
	if (*pid == 0) {
		struct sigaction sa;

		for (size_t i = 0; i < ARRAY_LEN(handled); i++)
			if (sigaction(handled[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
				signal(handled[i], SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != us || (group && setpgid(0, 0) < 0) ||
		    (o->dir && chdir(o->dir) < 0) ||
		    (o->null_stdin && (close(0), open("/dev/null", O_RDONLY) != 0)) ||
		    (o->stdin_fd && dup2(o->stdin_fd, 0) < 0) || (o->pass_fd && fcntl(o->pass_fd, F_SETFD, 0) < 0) ||
		    (out >= 0 && dup2(out, 1) < 0) || (errout >= 0 && dup2(errout, 2) < 0)) {
			failed = errno ? errno : ECHILD;
			_exit(127);
		}
		/*
		 * When we die our pipes close before the signal is sent: a child that is just writing would be ended by
		 * SIGPIPE, without ending what it has started. So each pipe has one more reader, the child itself.
		 */
		if ((out >= 0 && open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK) < 0) ||
		    (errout >= 0 && open("/proc/self/fd/2", O_RDONLY | O_NONBLOCK) < 0)) {
			failed = errno;
			_exit(127);
		}
		execve(path, (char *const *)(uintptr_t)argv, env);
		failed = errno;
		_exit(127);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (*pid < 0)
		return errno;
	while (failed && waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	return failed;
}

/* A terminal lets no other group than the one in its foreground read. */
static bool in_foreground(void)
{
	CLEAN_FD int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

static int spawn(pid_t *pid, const char *const *argv, const struct proc_opts *o, bool group, int out, int errout,
		 struct err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t defaults;
	CLEAN_FREE char **env = o->env ? merge_env(o->env) : NULL;
	int e;

	if (o->die_with_us) {
		e = spawn_tied(pid, argv, o, group, env ? env : environ, out, errout);
		return e ? spawn_error(e, argv[0], o, err) : 0;
	}
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&at, &defaults);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF);
	if (o->dir)
		posix_spawn_file_actions_addchdir_np(&fa, o->dir);
	if (o->null_stdin)
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (o->stdin_fd)
		posix_spawn_file_actions_adddup2(&fa, o->stdin_fd, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (errout >= 0)
		posix_spawn_file_actions_adddup2(&fa, errout, 2);
	e = posix_spawnp(pid, argv[0], &fa, &at, (char *const *)(uintptr_t)argv, env ? env : environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	return e ? spawn_error(e, argv[0], o, err) : 0;
}

#define TICK_MS 10	/* where the kernel has no pidfd_open() (before 5.3, and in some sandboxes) */

/* 1 when @pid has ended. Until it is reaped nobody else has its number, which is that of its group. */
static int has_ended(pid_t pid)
{
	siginfo_t i = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &i, WEXITED | WNOHANG | WNOWAIT) < 0 ? -1 : i.si_pid == pid;
}

/* Read the streams until @pid ends, and reap it. Passes signals on. */
static int supervise(pid_t pid, bool group, int pidfd, struct stream *st, size_t nst, const struct proc_opts *o,
		     const char *name, int *wstatus, struct err *err)
{
	uint64_t end = o->timeout_ms ? now_ms() + o->timeout_ms : 0;
	bool timed_out = false, full = false;
	unsigned passed_on = 0;
	const pid_t whom = group ? -pid : pid;
	int ended = 0;

	while (!ended) {
		struct pollfd p[4];
		nfds_t n = 0;
		int wait_ms = pidfd < 0 ? TICK_MS : -1;

		if (sig_count() != passed_on) {
			passed_on = sig_count();
			kill(whom, sig_number());
		}
		if (end && !timed_out) {
			uint64_t now = now_ms(), left = now < end ? end - now : 0;

			if (!left) {
				kill(whom, SIGKILL);
				timed_out = true;
			} else if (wait_ms < 0 || left < (uint64_t)wait_ms) {
				wait_ms = left < INT_MAX ? (int)left : INT_MAX;
			}
		}
		p[n++] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
		/* Readable for good once a signal has come; poll() ends with EINTR at each further one. */
		p[n++] = (struct pollfd){ .fd = passed_on ? -1 : sig_fd(), .events = POLLIN };
		for (size_t i = 0; i < nst; i++)
			p[n++] = (struct pollfd){ .fd = st[i].fd, .events = POLLIN };
		if (poll(p, n, wait_ms) < 0) {
			if (errno == EINTR)
				continue;
			err_sys(err, "cannot wait for %s", name);
			kill(whom, SIGKILL);
			while (waitpid(pid, wstatus, 0) < 0 && errno == EINTR)
				;
			return -1;
		}
		for (size_t i = 0; i < nst; i++)
			if (p[2 + i].revents)
				drain(&st[i], SIZE_MAX, o);
		if (o->end_at_limit && o->out && o->out->len >= limit_of(o) && !full) {
			kill(whom, SIGKILL);
			full = true;
		}
		if (pidfd < 0 || p[0].revents)
			ended = has_ended(pid);
		/* what it has started may not listen */
		if (ended > 0 && group && (passed_on || timed_out || full))
			kill(whom, SIGKILL);
		if (ended > 0)
			ended = waitpid(pid, wstatus, WNOHANG);
		if (ended < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for %s", name);
	}
	for (size_t i = 0; i < nst; i++)
		drain_rest(&st[i], o);
	if (sig_check(err) < 0)
		return -1;
	if (timed_out)
		return err_set(err, ERR_BUILD, "%s timed out after %u.%03u s", name, o->timeout_ms / 1000,
			       o->timeout_ms % 1000);
	return 0;
}

bool proc_is_exiting(pid_t pid)
{
	CLEAN_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[512], *end;
	unsigned flags = 0;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	end = strrchr(text, ')');	/* of the name, which may hold anything */
	return end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & 0x4);
}

/* A pipe of which only our end does not block. */
static int open_pipe(int p[2])
{
	if (pipe2(p, O_CLOEXEC) < 0)
		return -1;
	return fcntl(p[0], F_SETFL, O_NONBLOCK);
}

int proc_run(const char *const *argv, const struct proc_opts *opts, int *status, struct err *err)
{
	static const struct proc_opts none;
	const struct proc_opts *o = opts ? opts : &none;
	const bool group = o->own_group && !in_foreground();
	bool joined = o->line || (o->out && o->out == o->errout);
	struct stream st[2] = { { -1, o->line ? NULL : o->out, BUF_INIT }, { -1, o->errout, BUF_INIT } };
	int out[2] = { -1, -1 }, errout[2] = { -1, -1 };
	CLEAN_FD int pidfd = -1;
	int wstatus = 0, r = -1;
	pid_t pid;

	if (sig_check(err) < 0)
		return -1;
	if (((o->out || o->line) && open_pipe(out) < 0) || (o->errout && !joined && open_pipe(errout) < 0))
		err_sys(err, "cannot run %s", argv[0]);
	else
		r = spawn(&pid, argv, o, group, out[1], joined ? out[1] : errout[1], err);
	/* the child alone holds the ends that are written to */
	clean_fd_(&out[1]);
	clean_fd_(&errout[1]);
	st[0].fd = out[0];
	st[1].fd = errout[0];
	if (r == 0) {
		pidfd = pidfd_open(pid, 0);
		r = supervise(pid, group, pidfd, st, ARRAY_LEN(st), o, argv[0], &wstatus, err);
		if (st[0].partial.len)
			o->line(st[0].partial.ptr, st[0].partial.len, o->ctx);
	}
	if (r == 0)
		*status = WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) : WEXITSTATUS(wstatus);
	for (size_t i = 0; i < ARRAY_LEN(st); i++) {
		clean_fd_(&st[i].fd);
		buf_release(&st[i].partial);
	}
	return r;
}
