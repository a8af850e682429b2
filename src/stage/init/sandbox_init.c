/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-init CTL SPEC OUT: pid 1 of a sandbox. Static, so that it runs in any root file system; executed by its
 * descriptor, so that it needs no file in one. It gives the command of the spec (see stage/sandbox_proto.h) what a RUN
 * starts with, reaps what becomes orphaned, and tells the outcome. When it exits the kernel ends all others inside, and
 * lets it go only when they are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "stage/init/sandbox_filter.h"
#include "stage/sandbox_proto.h"

#define BIT(cap) (UINT64_C(1) << (cap))
/* What Docker gives a container by default. */
#define CAPS_KEPT                                                                                                      \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) |                 \
	 BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) |                  \
	 BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE))
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int ctl, out;

static void tell(int type, int code, const char *msg, const char *hint)
{
	struct sandbox_msg m = { .code = code };

	m.type = type == SANDBOX_MSG_STATUS ? SANDBOX_MSG_STATUS : SANDBOX_MSG_ERROR;
	snprintf(m.msg, sizeof(m.msg), "%s", msg);
	snprintf(m.hint, sizeof(m.hint), "%s", hint);
	(void)!send(ctl, &m, sizeof(m), MSG_NOSIGNAL);
}

/* The sandbox is not what was asked for. */
__attribute__((noreturn)) static void fail(const char *hint, const char *what)
{
	char msg[512];

	snprintf(msg, sizeof(msg), "cannot set up the sandbox: %s: %s", what, strerror(errno));
	tell(SANDBOX_MSG_ERROR, ERR_TOOL, msg, hint);
	_exit(125);
}

/* The command is not: that is the RUN's failure, told where its output goes. */
__attribute__((noreturn, format(printf, 2, 3))) static void refuse(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(out, fmt, ap);
	va_end(ap);
	_exit(status);
}

struct spec {
	char **argv, **env;
	size_t nargv, nenv;
	const char *cwd;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	bool one_id;
};

static void read_spec(struct spec *s, int fd)
{
	struct stat st;
	char *p, *end;
	size_t n = 0;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > (off_t)SPEC_MAX)
		fail("", "its description");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		fail("", "its description");
	end = p + st.st_size;
	end[-1] = '\0';
	for (char *q = p; q < end; q += strlen(q) + 1)
		n++;
	s->argv = calloc(n + 1, sizeof(*s->argv));
	s->env = calloc(n + 1, sizeof(*s->env));
	s->groups = calloc(n + 1, sizeof(*s->groups));
	if (!s->argv || !s->env || !s->groups)
		fail("", "memory");
	s->cwd = "/";
	for (; p < end; p += strlen(p) + 1) {
		switch (*p) {
		case SPEC_ARG: s->argv[s->nargv++] = p + 1; break;
		case SPEC_ENV: s->env[s->nenv++] = p + 1; break;
		case SPEC_CWD: s->cwd = p + 1; break;
		case SPEC_UID: s->uid = (uid_t)strtoul(p + 1, NULL, 10); break;
		case SPEC_GID: s->gid = (gid_t)strtoul(p + 1, NULL, 10); break;
		case SPEC_GROUP: s->groups[s->ngroups++] = (gid_t)strtoul(p + 1, NULL, 10); break;
		case SPEC_ONE_ID: s->one_id = p[1] == '1'; break;
		default: break;
		}
	}
	if (!s->argv[0])
		fail("", "no command");
}

/* Nobody inside, pid 1 included, has more than Docker's container has. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	for (int c = 0; c <= CAP_LAST_CAP; c++)
		if (!(CAPS_KEPT & BIT(c)) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			fail("", "capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		fail("", "capabilities");
	if (syscall(SYS_capget, &h, d) < 0)
		fail("", "capabilities");
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(CAPS_KEPT >> (32 * i));
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &h, d) < 0)
		fail("", "capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("", "no_new_privs");
}

static void become_user(const struct spec *s)
{
	static const char hint[] = "give this user more ids: usermod --add-subuids FIRST-LAST --add-subgids "
				   "FIRST-LAST NAME";

	/* With one id the kernel allows no setgroups(), and there is nobody else to be: see sandbox_run(). */
	if (s->one_id)
		return;
	if (setgroups(s->ngroups, s->groups) < 0)
		fail(hint, "supplementary groups");
	if (setresgid(s->gid, s->gid, s->gid) < 0)
		fail(hint, "the group id");
	/* from 0 to another id the kernel takes the capabilities itself */
	if (setresuid(s->uid, s->uid, s->uid) < 0)
		fail(hint, "the user id");
}

static const char *env_path(const struct spec *s)
{
	const char *path = PATH_DEFAULT;

	for (size_t i = 0; i < s->nenv; i++)
		if (strncmp(s->env[i], "PATH=", 5) == 0)
			path = s->env[i] + 5;
	return path;
}

/* Why execve() would not take a file that is there. */
static void refuse_file(const char *path, int e)
{
	struct stat st;

	if (e == ENOEXEC)
		refuse(126, "%s: exec format error: not a program of this architecture, nor a script with #!\n", path);
	if (e == ENOENT && stat(path, &st) == 0)
		refuse(127, "%s: the interpreter or dynamic loader that it names is not in the image\n", path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		refuse(126, "%s: is a directory\n", path);
	refuse(e == ENOENT || e == ENOTDIR ? 127 : 126, "%s: %s\n", path, strerror(e));
}

__attribute__((noreturn)) static void execute(const struct spec *s)
{
	const char *name = s->argv[0], *path = env_path(s), *next;
	char *full = malloc(strlen(name) + strlen(path) + 3);
	char *denied = NULL;

	if (!full)
		fail("", "memory");
	if (strchr(name, '/')) {
		execve(name, s->argv, s->env);
		refuse_file(name, errno);
	}
	for (; name[0] && path; path = next) {
		size_t n = strcspn(path, ":");
		struct stat st;

		next = path[n] ? path + n + 1 : NULL;
		snprintf(full, strlen(name) + n + 3, "%.*s%s%s", (int)n, path, n ? "/" : "./", name);
		if (stat(full, &st) < 0 || S_ISDIR(st.st_mode))
			continue;
		execve(full, s->argv, s->env);
		if (errno != EACCES)
			refuse_file(full, errno);
		if (!denied)
			denied = strdup(full);
	}
	if (denied)
		refuse(126, "%s: not executable by this user\n", denied);
	refuse(127, "%s: not found in PATH (%s)\n", name, env_path(s));
}

__attribute__((noreturn)) static void child(const struct spec *s)
{
	sigset_t none;

	/* no terminal, and nobody else's signals */
	if (setsid() < 0)
		fail("", "a session");
	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (chdir(s->cwd) < 0)
		refuse(126, "cannot enter the working directory %s: %s\n", s->cwd, strerror(errno));
	become_user(s);
	/* stdin is what we have been given; all but the three goes when the command is executed */
	if (dup2(out, 1) < 0 || dup2(out, 2) < 0)
		fail("", "output");
	execute(s);
}

/* Till the command ends, or slsc is not there any more. Returns the status. */
static int supervise(pid_t pid, int sfd)
{
	for (;;) {
		struct pollfd p[] = { { .fd = sfd, .events = POLLIN }, { .fd = ctl, .events = POLLIN } };
		struct signalfd_siginfo info;
		pid_t ended;
		int ws;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return 125;
		if (p[1].revents)
			_exit(128 + SIGKILL);
		if (p[0].revents)
			(void)!read(sfd, &info, sizeof(info));
		while ((ended = waitpid(-1, &ws, WNOHANG)) > 0)
			if (ended == pid)
				return WIFSIGNALED(ws) ? 128 + WTERMSIG(ws) : WEXITSTATUS(ws);
	}
}

static void keep_only_ours(void)
{
	unsigned low = (unsigned)(ctl < out ? ctl : out), high = (unsigned)(ctl < out ? out : ctl);

	if ((low > 3 && syscall(SYS_close_range, 3, low - 1, 0) < 0) ||
	    (high > low + 1 && syscall(SYS_close_range, low + 1, high - 1, 0) < 0) ||
	    syscall(SYS_close_range, high + 1, ~0u, 0) < 0)
		fail("", "descriptors");
}

static int number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	return *s && !*end && v > 2 && v < 1 << 20 ? (int)v : -1;
}

int main(int argc, char **argv)
{
	struct spec s = { 0 };
	sigset_t chld;
	pid_t pid;
	int spec, sfd, status;

	ctl = argc == 4 ? number(argv[1]) : -1;
	spec = argc == 4 ? number(argv[2]) : -1;
	out = argc == 4 ? number(argv[3]) : -1;
	if (ctl < 0 || spec < 0 || out < 0) {
		fputs("sandbox-init: started by slsc only\n", stderr);
		return 125;
	}
	/* Whoever is root inside must not write to us, or to our files, by /proc/1. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		fail("", "prctl");
	read_spec(&s, spec);
	drop_capabilities();
	/* a kernel without seccomp, or whose filter says no to another: then without it */
	if (filter_install(s.one_id) < 0 && errno != EINVAL && errno != ENOSYS)
		fail("", "seccomp");
	keep_only_ours();
	if (fcntl(ctl, F_SETFD, FD_CLOEXEC) < 0 || fcntl(out, F_SETFD, FD_CLOEXEC) < 0)
		fail("", "descriptors");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &chld, NULL) < 0)
		fail("", "signals");
	sfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sfd < 0)
		fail("", "signals");
	pid = fork();
	if (pid < 0)
		fail("", "fork");
	if (pid == 0)
		child(&s);
	status = supervise(pid, sfd);
	/* a failure of ours in the child has been told before, and the first is what counts */
	tell(SANDBOX_MSG_STATUS, status, "", "");
	_exit(status);
}
