/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How ninja's commands come into the file tree of a stage. One sandbox serves all of a build: to make one for each
 * command would cost more than most compiles of a small file.
 *
 *   stage-exec DIGEST[/NAME] [--deps FILE] COMMAND...   asks for COMMAND to be run there, here, and waits for it
 *   stage-exec --serve                                  runs inside; its stdin is the socket that is asked
 *
 * The environment says by SLSC_STAGES which descriptor is which stage's ("DIGEST=FD ..."): both change from build to
 * build, which must not make anything stale. Static and small, since it is started for each command.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage/init/stage_exec.h"

#define FAILED 125 /* of ours, not of the command's */

/* In this order: where to answer, the command, its stdin, stdout and stderr, and perhaps what it is to hold open. */
enum { FD_REPLY, FD_COMMAND, FD_IN, FD_OUT, FD_ERR, FD_HOLD, FD_COUNT };
#define FD_LEAST FD_HOLD

/* ---- the asking side ---- */

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("stage-exec: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(FAILED);
}

static int number(const char *s)
{
	char *end;
	long v = s ? strtol(s, &end, 10) : -1;

	return s && *s && (*end == ' ' || !*end) && v > 2 && v < 1 << 20 ? (int)v : -1;
}

static int stage_socket(const char *stage)
{
	const size_t n = strcspn(stage, "/");
	const char *p = getenv(STAGE_ENV_SOCKETS);

	while (p && *p) {
		if (strncmp(p, stage, n) == 0 && p[n] == '=')
			return number(p + n + 1);
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	return -1;
}

/* The working directory and the command, each with its NUL. */
static int describe(char **argv)
{
	char *cwd = getcwd(NULL, 0);
	int fd = memfd_create("command", MFD_CLOEXEC);
	FILE *f = fd < 0 || !cwd ? NULL : fdopen(dup(fd), "w");

	if (!f)
		fail("cannot describe the command: %s", strerror(errno));
	fwrite(cwd, strlen(cwd) + 1, 1, f);
	for (; *argv; argv++)
		fwrite(*argv, strlen(*argv) + 1, 1, f);
	if (fclose(f))
		fail("cannot describe the command: %s", strerror(errno));
	free(cwd);
	return fd;
}

static void ask(int socket, int reply, int command)
{
	const int hold = number(getenv(STAGE_ENV_HOLD));
	int fds[FD_COUNT] = { reply, command, 0, 1, 2, hold };
	const size_t n = hold < 0 ? FD_LEAST : FD_COUNT;
	char type = STAGE_ASK, control[CMSG_SPACE(sizeof(fds))] = { 0 };
	struct iovec iov = { &type, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	while (sendmsg(socket, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			fail("cannot ask the stage: %s", strerror(errno));
}

static bool is_kept(const char *path, size_t n, const char *binds)
{
	if (path[0] != '/')
		return true;
	while (binds && *binds) {
		const size_t len = strcspn(binds, "\n");

		if (n > len && strncmp(path, binds, len) == 0 && path[len] == '/')
			return true;
		binds += len;
		binds += *binds == '\n';
	}
	return false;
}

/*
 * Headers of the stage's own are no files of this machine: ninja would find them missing, or other ones in their place.
 * What is known by the stage's digest needs no watching.
 */
static void filter_deps(const char *file)
{
	const char *binds = getenv(STAGE_ENV_BINDS);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	struct stat st;
	char *text, *to;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return; /* the compiler wrote none */
	len = (size_t)st.st_size;
	text = malloc(len + 1);
	if (!text || pread(fd, text, len, 0) != (ssize_t)len)
		fail("%s: %s", file, strerror(errno));
	text[len] = '\0';
	to = text;
	for (const char *p = text; *p;) {
		const char *word = p;

		/* a blank within a name has a backslash before it, and so has the end of a line that goes on */
		while (*p && *p != ' ' && *p != '\n')
			p += p[0] == '\\' && p[1] && p[1] != '\n' ? 2 : 1;
		if (is_kept(word, (size_t)(p - word), binds)) {
			memmove(to, word, (size_t)(p - word));
			to += p - word;
		}
		while (*p == ' ' || *p == '\n')
			*to++ = *p++;
	}
	if (pwrite(fd, text, (size_t)(to - text), 0) != to - text || ftruncate(fd, to - text) < 0)
		fail("%s: %s", file, strerror(errno));
	free(text);
	close(fd);
}

static int run_there(const char *stage, char **argv)
{
	const char *deps = NULL;
	int socket = stage_socket(stage), pair[2];
	int32_t status;
	ssize_t n;

	if (argv[0] && argv[1] && strcmp(argv[0], "--deps") == 0) {
		deps = argv[1];
		argv += 2;
	}
	if (socket < 0 || !argv[0])
		fail("started by slsc only");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		fail("cannot make a socket: %s", strerror(errno));
	ask(socket, pair[1], describe(argv));
	close(pair[1]);
	while ((n = recv(pair[0], &status, sizeof(status), 0)) < 0 && errno == EINTR)
		;
	/* why, slsc says */
	if (n != (ssize_t)sizeof(status))
		return FAILED;
	if (deps && status == 0)
		filter_deps(deps);
	return status;
}

/* ---- the serving side ---- */

struct client {
	pid_t pid;
	int reply;
};

static struct client *clients;
static size_t nclients;

static void answer(int reply, int32_t status)
{
	(void)!send(reply, &status, sizeof(status), MSG_NOSIGNAL);
	close(reply);
}

__attribute__((noreturn)) static void execute(const int *fds, char *text, size_t len)
{
	char **argv = calloc(len + 1, sizeof(*argv));
	size_t argc = 0;
	sigset_t none;

	for (char *p = text + strlen(text) + 1; argv && p < text + len; p += strlen(p) + 1)
		argv[argc++] = p;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* what is held is at no number of its own: it only has to stay open */
	if (!argv || !argc || dup2(fds[FD_IN], 0) < 0 || dup2(fds[FD_OUT], 1) < 0 || dup2(fds[FD_ERR], 2) < 0 ||
	    (fds[FD_HOLD] >= 0 && dup(fds[FD_HOLD]) < 0))
		_exit(FAILED);
	if (chdir(text) < 0)
		dprintf(2, "%s: %s\n", text, strerror(errno));
	else
		execvp(argv[0], argv);
	if (errno == ENOENT)
		dprintf(2, "%s: not found in the stage\n", argv[0]);
	else
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start(const int *fds)
{
	struct client *more = realloc(clients, (nclients + 1) * sizeof(*clients));
	struct stat st;
	char *text;
	pid_t pid;

	clients = more ? more : clients;
	if (!more || fstat(fds[FD_COMMAND], &st) < 0 || st.st_size <= 0) {
		answer(fds[FD_REPLY], FAILED);
		return;
	}
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fds[FD_COMMAND], 0);
	pid = text == MAP_FAILED ? -1 : fork();
	if (pid == 0)
		execute(fds, text, (size_t)st.st_size);
	if (text != MAP_FAILED)
		munmap(text, (size_t)st.st_size);
	if (pid < 0)
		answer(fds[FD_REPLY], FAILED);
	else
		clients[nclients++] = (struct client){ pid, fds[FD_REPLY] };
}

/* False: the end has come. */
static bool serve_one(void)
{
	int fds[FD_COUNT];
	char type = 0, control[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = { &type, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(0, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	size_t count = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	memset(fds, 0xff, sizeof(fds));
	if (c)
		memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	if (n > 0 && type == STAGE_ASK && count >= FD_LEAST) {
		start(fds);
		fds[FD_REPLY] = -1; /* answered, or a client's */
	}
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return n > 0 && type == STAGE_ASK;
}

static void reap(void)
{
	pid_t pid;
	int ws;

	while ((pid = waitpid(-1, &ws, WNOHANG)) > 0)
		for (size_t i = 0; i < nclients; i++)
			if (clients[i].pid == pid) {
				answer(clients[i].reply, WIFSIGNALED(ws) ? 128 + WTERMSIG(ws) : WEXITSTATUS(ws));
				clients[i--] = clients[--nclients];
				break;
			}
}

/* ninja has ended who asked: what was asked for goes, too, with all that it has started. */
static void drop_gone(const struct pollfd *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].revents)
			for (size_t k = 0; k < nclients; k++)
				if (clients[k].reply == p[i].fd)
					kill(-clients[k].pid, SIGKILL);
}

static int serve(void)
{
	int sfd;
	sigset_t chld;
	bool more = true;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_SETMASK, &chld, NULL);
	sfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sfd < 0 || fcntl(0, F_SETFD, FD_CLOEXEC) < 0)
		return FAILED;
	while (more) {
		struct pollfd *p = calloc(nclients + 2, sizeof(*p));
		struct signalfd_siginfo info;
		const size_t n = nclients;

		if (!p)
			return FAILED;
		p[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = sfd, .events = POLLIN };
		for (size_t i = 0; i < n; i++)
			p[i + 2] = (struct pollfd){ .fd = clients[i].reply, .events = POLLIN };
		if (poll(p, n + 2, -1) < 0 && errno != EINTR)
			return FAILED;
		drop_gone(p + 2, n);
		if (p[1].revents && read(sfd, &info, sizeof(info)) > 0)
			reap();
		if (p[0].revents)
			more = serve_one();
		free(p);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--serve") == 0)
		return serve();
	if (argc < 3)
		fail("started by slsc only");
	return run_there(argv[1], argv + 2);
}
