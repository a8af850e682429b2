/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

extern char **environ;

#define LINE_LIMIT (64u << 10)		/* a longer line is given in pieces */
#define TOOL_LIMIT 4096u		/* of what bwrap or a runtime says about itself */

/* Our ends, and those of the child. */
struct running {
	const struct sandbox_run *run;
	pid_t pid;
	int pidfd, ctl, out, tool;
	struct buf partial;	/* a line that has not ended */
	struct buf said;	/* by the tool that makes the sandbox */
	struct sandbox_msg msg;
	bool told;		/* msg is what the child, or the init, has sent */
};

/* A file that is nowhere: what the child is to do, or what it reads. */
static int open_memory(const char *name, const void *p, size_t n, struct err *err)
{
	CLEAN_FD int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "cannot make a file in memory");
	if (fs_write_all(fd, p, n, name, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", name);
	return steal_fd(&fd);
}

static int open_in(const struct sandbox_run *r, struct err *err)
{
	int fd;

	if (r->in.len)
		return open_memory("stdin", r->in.ptr, r->in.len, err);
	fd = r->in_fd ? fcntl(r->in_fd, F_DUPFD_CLOEXEC, 3) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "cannot pass a stdin on") : fd;
}

/* Out of the way of the numbers that the child is given. */
static int move_up(int *fd)
{
	int up = fcntl(*fd, F_DUPFD_CLOEXEC, 16);

	if (up < 0)
		return -1;
	close(*fd);
	*fd = up;
	return 0;
}

struct ends {
	int in, out, tool, ctl, spec;
};

static void ends_release(struct ends *e)
{
	clean_fd_(&e->in);
	clean_fd_(&e->out);
	clean_fd_(&e->tool);
	clean_fd_(&e->ctl);
	clean_fd_(&e->spec);
}

static int open_ends(struct running *s, struct ends *e, struct err *err)
{
	const struct sandbox_run *r = s->run;
	CLEAN_BUF struct buf spec = BUF_INIT;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	s->out = p[0];
	e->out = p[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	s->tool = p[0];
	e->tool = p[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) < 0)
		return err_sys(err, "cannot make a socket");
	s->ctl = p[0];
	e->ctl = p[1];
	if (fcntl(s->out, F_SETFL, O_NONBLOCK) < 0 || fcntl(s->tool, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "cannot make a pipe");
	spec_write(r, !sandbox_maps_ids(), &spec);
	if (spec.len > SPEC_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: arguments and environment of a RUN are %zu bytes, at "
			       "most %u", spec.len, SPEC_MAX);
	e->spec = open_memory("sandbox", spec.ptr, spec.len, err);
	if (e->spec < 0)
		return -1;
	e->in = open_in(r, err);
	if (e->in < 0)
		return -1;
	if (move_up(&e->in) < 0 || move_up(&e->out) < 0 || move_up(&e->tool) < 0 || move_up(&e->ctl) < 0 ||
	    move_up(&e->spec) < 0)
		return err_sys(err, "cannot pass a descriptor on");
	return 0;
}

/*
 * In a session of its own: Ctrl-C reaches us alone, and we end the sandbox in the order that leaves nothing. Whoever
 * else holds descriptors of ours has them closed on exec.
 */
static int start(struct running *s, const struct ends *e, struct err *err)
{
	enum { FIRST = 3 };
	CLEAN_FREE char *self = dirs_self();
	char fd[2] = { '0' + FIRST, '\0' };
	char *const argv[] = { (char *)(uintptr_t)"slsc", (char *)(uintptr_t)"_sandbox", fd, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t set;
	int r;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	posix_spawn_file_actions_adddup2(&fa, e->in, 0);
	posix_spawn_file_actions_adddup2(&fa, e->tool, 1);
	posix_spawn_file_actions_adddup2(&fa, e->tool, 2);
	posix_spawn_file_actions_adddup2(&fa, e->ctl, FIRST + SANDBOX_FD_CTL);
	posix_spawn_file_actions_adddup2(&fa, e->spec, FIRST + SANDBOX_FD_SPEC);
	posix_spawn_file_actions_adddup2(&fa, e->out, FIRST + SANDBOX_FD_OUT);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&at, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&at, &set);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
	r = posix_spawn(&s->pid, self, &fa, &at, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	if (r) {
		errno = r;
		return err_sys(err, "cannot run %s", self);
	}
	s->pidfd = pidfd_open(s->pid, 0);
	if (s->pidfd >= 0)
		return 0;
	err_sys(err, "cannot watch the sandbox");
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -1;
}

static void give_line(struct running *s, const char *p, size_t n)
{
	if (s->run->line)
		s->run->line(p, n, s->run->ctx);
}

static void feed(struct running *s, const char *p, size_t n)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		if (take > LINE_LIMIT - s->partial.len) {
			take = LINE_LIMIT - s->partial.len;
			nl = NULL;
		}
		buf_add(&s->partial, p, take);
		if (nl || s->partial.len == LINE_LIMIT) {
			/* what writes to a terminal of its own ends its lines so, such as dpkg below apt */
			if (nl && s->partial.len && s->partial.ptr[s->partial.len - 1] == '\r')
				s->partial.ptr[--s->partial.len] = '\0';
			give_line(s, s->partial.ptr, s->partial.len);
			buf_reset(&s->partial);
		}
		take += nl != NULL;
		p += take;
		n -= take;
	}
}

/* One block of a pipe. False at its end and where there is nothing more for now. */
static bool drain(struct running *s, int *fd)
{
	char block[16384];
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, block, sizeof(block));
	if (n > 0) {
		if (fd == &s->out)
			feed(s, block, (size_t)n);
		else if (s->said.len < TOOL_LIMIT)
			buf_add(&s->said, block, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close(steal_fd(fd));
	return false;
}

static bool receive(struct running *s)
{
	struct sandbox_msg m;
	ssize_t n;

	if (s->ctl < 0)
		return false;
	n = recv(s->ctl, &m, sizeof(m), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != (ssize_t)sizeof(m)) {
		close(steal_fd(&s->ctl));
		return false;
	}
	/* The first failure is the cause. */
	if (!s->told) {
		m.msg[sizeof(m.msg) - 1] = m.hint[sizeof(m.hint) - 1] = '\0';
		s->msg = m;
		s->told = true;
	}
	return true;
}

/*
 * Until the child has ended, which it does when the init has: then the kernel has ended all others inside. A signal:
 * the init sees the end of our socket and goes, and all with it; at a second one the child itself is ended, and the
 * init by the death of its parent.
 */
static int watch(struct running *s, int *wstatus, struct err *err)
{
	unsigned seen = 0;
	pid_t ended = 0;

	while (!ended) {
		struct pollfd p[] = {
			{ .fd = s->pidfd, .events = POLLIN },
			/* readable for good once a signal has come */
			{ .fd = seen ? -1 : sig_fd(), .events = POLLIN },
			{ .fd = s->out, .events = POLLIN },
			{ .fd = s->tool, .events = POLLIN },
			{ .fd = s->ctl, .events = POLLIN },
		};

		if (sig_count() != seen) {
			if (seen)
				kill(s->pid, SIGKILL);
			else if (s->ctl >= 0)
				shutdown(s->ctl, SHUT_WR);
			seen = sig_count();
			continue;
		}
		if (poll(p, ARRAY_LEN(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			err_sys(err, "cannot wait for the sandbox");
			kill(s->pid, SIGKILL);
			while (waitpid(s->pid, wstatus, 0) < 0 && errno == EINTR)
				;
			return -1;
		}
		if (p[2].revents)
			drain(s, &s->out);
		if (p[3].revents)
			drain(s, &s->tool);
		if (p[4].revents)
			receive(s);
		if (p[0].revents)
			ended = waitpid(s->pid, wstatus, WNOHANG);
		if (ended < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for the sandbox");
	}
	while (drain(s, &s->out) || drain(s, &s->tool) || receive(s))
		;
	if (s->partial.len)
		give_line(s, s->partial.ptr, s->partial.len);
	return sig_check(err);
}

/* Neither the child nor the init has said what is wrong: then the tool has, or it was killed. */
static int blame(const struct running *s, int wstatus, struct err *err)
{
	const char *tool = s->run->kind == SANDBOX_BWRAP ? "bubblewrap" : "the OCI runtime";
	struct str text = str_trim(buf_str(&s->said));

	if (WIFSIGNALED(wstatus) || (WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 128 + SIGKILL)) {
		err_set(err, ERR_IO, "the sandbox was killed from outside");
		return err_hint(err, "the kernel does so when memory runs out: see dmesg");
	}
	if (!text.len)
		return err_set(err, ERR_TOOL, "%s ended with status %d and did not say why", tool,
			       WEXITSTATUS(wstatus));
	err_set(err, ERR_TOOL, "%s cannot make the sandbox: " STR_FMT, tool, STR_ARG(text));
	return err_hint(err, "slsc doctor says what this machine lacks");
}

/* With one id all are root; what the filter of the init makes seem so is good enough for dpkg, not for USER. */
static int check_user(const struct sandbox_run *r, struct err *err)
{
	if ((r->uid == 0 && r->gid == 0) || sandbox_maps_ids())
		return 0;
	err_set(err, ERR_TOOL, "cannot run as user %u:%u: no other ids than your own are mapped", r->uid, r->gid);
	return err_hint(err, SANDBOX_RANGE_HINT);
}

int sandbox_run(const struct sandbox_run *r, int *status, struct err *err)
{
	struct running s = { .run = r, .pidfd = -1, .ctl = -1, .out = -1, .tool = -1, .partial = BUF_INIT,
			     .said = BUF_INIT };
	struct ends e = { -1, -1, -1, -1, -1 };
	int wstatus = 0, ret = -1;

	if (sig_check(err) == 0 && check_user(r, err) == 0 && open_ends(&s, &e, err) == 0 && start(&s, &e, err) == 0) {
		/* the child alone holds its ends: their end is its own */
		ends_release(&e);
		ret = watch(&s, &wstatus, err);
	}
	if (ret == 0 && !s.told) {
		ret = blame(&s, wstatus, err);
	} else if (ret == 0 && s.msg.type == SANDBOX_MSG_ERROR) {
		ret = err_set(err, (enum err_code)s.msg.code, "%s", s.msg.msg);
		err->sys = s.msg.sys;
		err_hint(err, "%s", s.msg.hint);
	} else if (ret == 0) {
		*status = s.msg.code;
	}
	ends_release(&e);
	clean_fd_(&s.pidfd);
	clean_fd_(&s.ctl);
	clean_fd_(&s.out);
	clean_fd_(&s.tool);
	buf_release(&s.partial);
	buf_release(&s.said);
	return ret;
}
