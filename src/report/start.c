/* SPDX-License-Identifier: Apache-2.0 */
#include "report/start.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"
#include "os/net.h"
#include "os/proc.h"
#include "report/start_internal.h"

#define TIMEOUT_MS 10000
#define ANSWER_MAX (16u << 20)
#define RETRY_NS 20000		/* between two tries to connect: what a start over HTTP is measured to */
#define CONNS 8

uint64_t start_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the process ---- */

/* What the platform sets, and nothing of the user's shell. */
static void make_env(const struct start_target *t, uint16_t port, struct strs *env)
{
	strs_add(env, "PATH=/usr/local/bin:/usr/bin:/bin");
	strs_add(env, "LANG=C.UTF-8");
	strs_add(env, "TZ=UTC");
	if (t->runtime == RUNTIME_LAMBDA) {
		strs_addf(env, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", port);
		strs_add(env, "AWS_LAMBDA_FUNCTION_NAME=function");
		strs_add(env, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST");
		strs_add(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128");
		strs_add(env, "AWS_REGION=us-east-1");
		strs_add(env, "_HANDLER=bootstrap");
	} else if (t->runtime == RUNTIME_HTTP) {
		strs_addf(env, "PORT=%u", port);
	}
	/* where Debian's cross toolchain has the C library of a program that is not static */
	if (t->qemu)
		strs_addf(env, "QEMU_LD_PREFIX=/usr/%s-linux-gnu", strstr(t->qemu, "aarch64") ? "aarch64" : "x86_64");
	for (size_t i = 0; t->env && i < t->env->len; i++)
		strs_addf(env, "%s=%s", t->env->ptr[i].key.s, t->env->ptr[i].val.s);
}

int process_ready(struct process *pr, const struct start_target *t, struct err *err)
{
	*pr = (struct process){ .target = t, .pid = -1, .pidfd = -1, .listener = -1 };
	pr->argv[0] = t->qemu ? t->qemu : t->path;
	pr->argv[1] = t->qemu ? t->path : NULL;
	if (t->runtime != RUNTIME_NONE) {
		pr->listener = net_listen_loopback(&pr->port, err);
		if (pr->listener < 0)
			return -1;
	}
	/* the port was free a moment ago */
	if (t->runtime == RUNTIME_HTTP)
		close(steal_fd(&pr->listener));
	make_env(t, pr->port, &pr->env);
	strs_argv(&pr->env);
	return 0;
}

static int spawn(struct process *pr, struct err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t all, none;
	int e;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setsigmask(&at, &none);
	/* a group of its own, so that what it starts can be ended, too */
	posix_spawnattr_setpgroup(&at, 0);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	pr->begun = start_now();
	e = posix_spawn(&pr->pid, pr->argv[0], &fa, &at, (char *const *)(uintptr_t)pr->argv, pr->env.ptr);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	if (e) {
		pr->pid = -1;
		errno = e;
		err_sys(err, "cannot run %s", pr->target->shown);
		return -1;
	}
	pr->pidfd = (int)syscall(SYS_pidfd_open, pr->pid, 0);
	return pr->pidfd < 0 ? err_sys(err, "cannot watch %s", pr->target->shown) : 0;
}

void process_end(struct process *pr)
{
	if (pr->pid > 0 && !pr->reaped) {
		kill(-pr->pid, SIGKILL);
		kill(pr->pid, SIGKILL);
		while (waitpid(pr->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	clean_fd_(&pr->pidfd);
	clean_fd_(&pr->listener);
	for (size_t i = 0; i < CONNS; i++) {
		if (pr->conns[i].used)
			close(pr->conns[i].fd);
		buf_release(&pr->conns[i].in);
	}
	strs_release(&pr->env);
}

static int ended(struct process *pr, const char *before, struct err *err)
{
	const char *shown = pr->target->shown;
	int ws = 0;

	if (pr->traced)
		ws = pr->wstatus;
	else
		while (waitpid(pr->pid, &ws, 0) < 0 && errno == EINTR)
			;
	/* its children, if it left any */
	kill(-pr->pid, SIGKILL);
	pr->reaped = true;
	if (pr->target->runtime == RUNTIME_NONE && WIFEXITED(ws) && WEXITSTATUS(ws) == 0)
		return 0;
	if (WIFSIGNALED(ws))
		return err_set(err, ERR_VERIFY, "%s: killed by signal %d (%s)%s", shown, WTERMSIG(ws),
			       strsignal(WTERMSIG(ws)), before);
	return err_set(err, ERR_VERIFY, "%s: exited with status %d%s", shown, WEXITSTATUS(ws), before);
}

/* ---- a Runtime API with one event ---- */

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd pf = { .fd = fd, .events = POLLOUT };

			if (poll(&pf, 1, 1000) <= 0)
				return -1;
			continue;
		}
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int give_event(struct process *pr, int fd)
{
	const char *event = pr->target->event ? pr->target->event : "{}";
	CLEAN_BUF struct buf b = BUF_INIT;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	buf_addf(&b,
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		 "Lambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-000000000001\r\n"
		 "Lambda-Runtime-Deadline-Ms: %lld\r\n"
		 "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:function\r\n"
		 "Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000001\r\n\r\n%s",
		 strlen(event), (long long)t.tv_sec * 1000 + 60000, event);
	pr->given = true;
	return send_all(fd, b.ptr, b.len);
}

/* Bytes of the whole message, its headers included; 0: not known yet. @status: of an answer. */
static size_t message_length(const struct buf *b, int *status)
{
	const char *end = strstr(b->ptr, "\r\n\r\n"), *line = b->ptr;
	size_t body = 0;
	bool chunked = false;

	if (!end)
		return 0;
	*status = 0;
	if (strncmp(b->ptr, "HTTP/1.", 7) == 0 && b->len > 12)
		*status = (int)strtol(b->ptr + 9, NULL, 10);
	while (line < end) {
		const char *nl = strstr(line, "\r\n");

		if (strncasecmp(line, "content-length:", 15) == 0)
			body = (size_t)strtoull(line + 15, NULL, 10);
		if (strncasecmp(line, "transfer-encoding:", 18) == 0)
			chunked = true;
		line = nl + 2;
	}
	if (chunked) {
		const char *last = strstr(end, "\r\n0\r\n");

		last = last ? strstr(last + 2, "\r\n\r\n") : NULL;
		return last ? (size_t)(last + 4 - b->ptr) : 0;
	}
	return (size_t)(end + 4 - b->ptr) + body;
}

/* 1: the first request is served. */
static int handle(struct process *pr, struct conn *c, struct err *err)
{
	static const char next[] = "GET /2018-06-01/runtime/invocation/next ";
	static const char answer[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
	static const char nothing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	int status;
	size_t n;

	while ((n = message_length(&c->in, &status)) > 0 && n <= c->in.len) {
		const bool posts = strncmp(c->in.ptr, "POST ", 5) == 0;
		const char *eol = strstr(c->in.ptr, "\r\n");
		CLEAN_FREE char *line = xstrndup(c->in.ptr, (size_t)(eol - c->in.ptr));

		if (posts && strstr(line, "/response ")) {
			pr->served = start_now();
			/* who counts wants it to stand still here */
			if (!pr->traced)
				(void)send_all(c->fd, answer, sizeof(answer) - 1);
			return 1;
		}
		if (posts && strstr(line, "/init/error "))
			return err_set(err, ERR_VERIFY, "%s: told the Runtime API of an error in its init",
				       pr->target->shown);
		if (posts && strstr(line, "/error ")) {
			pr->served = start_now();
			pr->answered_error = true;
			if (!pr->traced)
				(void)send_all(c->fd, answer, sizeof(answer) - 1);
			return 1;
		}
		/* a second one waits, as at the platform */
		if (strncmp(c->in.ptr, next, sizeof(next) - 1) == 0) {
			if (!pr->given && give_event(pr, c->fd) < 0)
				return err_set(err, ERR_VERIFY, "%s: did not take its event", pr->target->shown);
		} else {
			(void)send_all(c->fd, nothing, sizeof(nothing) - 1);
		}
		memmove(c->in.ptr, c->in.ptr + n, c->in.len - n + 1);
		c->in.len -= n;
	}
	return 0;
}

static int receive(struct process *pr, struct conn *c, struct err *err)
{
	char block[65536];

	for (;;) {
		ssize_t n = recv(c->fd, block, sizeof(block), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			close(c->fd);
			c->used = false;
			buf_reset(&c->in);
			return 0;
		}
		buf_add(&c->in, block, (size_t)n);
		if (c->in.len > ANSWER_MAX)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: an answer of more than %u MB",
				       pr->target->shown, ANSWER_MAX >> 20);
		return handle(pr, c, err);
	}
}

static void take_connection(struct process *pr)
{
	int fd = accept4(pr->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	for (size_t i = 0; fd >= 0 && i < CONNS; i++)
		if (!pr->conns[i].used) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			pr->conns[i].fd = fd;
			pr->conns[i].used = true;
			if (!pr->conns[i].in.cap)
				buf_init(&pr->conns[i].in);
			return;
		}
	if (fd >= 0)
		close(fd);
}

static int serve_lambda(struct process *pr, struct err *err)
{
	struct pollfd p[CONNS + 3];
	int done = 0;

	while (!done) {
		nfds_t n = 3;
		size_t of[CONNS + 3];
		int r;

		p[0] = (struct pollfd){ .fd = pr->pidfd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = sig_fd(), .events = POLLIN };
		p[2] = (struct pollfd){ .fd = pr->listener, .events = POLLIN };
		for (size_t i = 0; i < CONNS; i++)
			if (pr->conns[i].used) {
				of[n] = i;
				p[n++] = (struct pollfd){ .fd = pr->conns[i].fd, .events = POLLIN };
			}
		r = process_wait(pr, p, n, err);
		if (r < 0)
			return -1;
		for (nfds_t i = 3; i < n && done == 0; i++)
			if (p[i].revents)
				done = receive(pr, &pr->conns[of[i]], err);
		if (done == 0 && p[2].revents)
			take_connection(pr);
		if (done == 0 && p[0].revents)
			return ended(pr, " before it served a request", err);
	}
	return done < 0 ? -1 : 0;
}

int process_wait(struct process *pr, struct pollfd *p, nfds_t n, struct err *err)
{
	const uint64_t limit = (pr->target->timeout_ms ? pr->target->timeout_ms : TIMEOUT_MS) * 1000000u;
	const uint64_t gone = start_now() - pr->begun;
	struct timespec left;

	if (sig_check(err) < 0)
		return -1;
	if (gone < limit) {
		left.tv_sec = (time_t)((limit - gone) / 1000000000u);
		left.tv_nsec = (long)((limit - gone) % 1000000000u);
		if (ppoll(p, n, &left, NULL) != 0)
			return 0;
	}
	return err_set(err, ERR_VERIFY, "%s: served no request within %llu ms", pr->target->shown,
		       (unsigned long long)(limit / 1000000u));
}

/* ---- HTTP ---- */

static int connect_once(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(port) };
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? steal_fd(&fd) : -1;
}

static int serve_http(struct process *pr, struct err *err)
{
	const uint64_t limit = (pr->target->timeout_ms ? pr->target->timeout_ms : TIMEOUT_MS) * 1000000u;
	CLEAN_BUF struct buf in = BUF_INIT;
	CLEAN_FREE char *request = xasprintf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
					     pr->target->request ? pr->target->request : "/", pr->port);
	CLEAN_FD int fd = -1;
	char block[65536];
	int status = 0;

	while ((fd = connect_once(pr->port)) < 0) {
		const struct timespec pause = { .tv_nsec = RETRY_NS };
		struct pollfd p = { .fd = pr->pidfd, .events = POLLIN };

		if (sig_check(err) < 0)
			return -1;
		if (ppoll(&p, 1, &pause, NULL) > 0)
			return ended(pr, " before it served a request", err);
		if (start_now() - pr->begun >= limit)
			return err_set(err, ERR_VERIFY, "%s: listens on no port within %llu ms", pr->target->shown,
				       (unsigned long long)(limit / 1000000u));
	}
	if (send_all(fd, request, strlen(request)) < 0)
		return err_set(err, ERR_VERIFY, "%s: did not take its request", pr->target->shown);
	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = sig_fd(), .events = POLLIN } };
		size_t length;
		ssize_t n;

		if (process_wait(pr, p, ARRAY_LEN(p), err) < 0)
			return -1;
		n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n > 0)
			buf_add(&in, block, (size_t)n);
		length = message_length(&in, &status);
		if (length && (length <= in.len || n <= 0))
			break;
		if (n <= 0)
			return err_set(err, ERR_VERIFY, "%s: ended the connection without an answer",
				       pr->target->shown);
		if (in.len > ANSWER_MAX)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: an answer of more than %u MB",
				       pr->target->shown, ANSWER_MAX >> 20);
	}
	pr->served = start_now();
	pr->answered_error = status >= 500;
	return 0;
}

static int wait_end(struct process *pr, struct err *err)
{
	for (;;) {
		struct pollfd p[] = { { .fd = pr->pidfd, .events = POLLIN }, { .fd = sig_fd(), .events = POLLIN } };

		if (process_wait(pr, p, ARRAY_LEN(p), err) < 0)
			return -1;
		if (p[0].revents) {
			pr->served = start_now();
			return ended(pr, "", err);
		}
	}
}

int process_serve(struct process *pr, struct err *err)
{
	switch (pr->target->runtime) {
	case RUNTIME_LAMBDA:
		return serve_lambda(pr, err);
	case RUNTIME_HTTP:
		return serve_http(pr, err);
	default:
		return wait_end(pr, err);
	}
}

/* ---- memory ---- */

static uint64_t kib_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_memory(const struct process *pr, struct start_sample *s)
{
	CLEAN_FREE char *path = xasprintf("/proc/%d/smaps_rollup", (int)pr->pid);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;

	if (fs_read(path, 1u << 16, &text, &ignored) < 0)
		return;
	s->rss = kib_after(text.ptr, "\nRss:");
	s->pss = kib_after(text.ptr, "\nPss:");
}

int start_once(const struct start_target *t, bool want_memory, struct start_sample *s, struct err *err)
{
	struct process pr;
	int ret;

	*s = (struct start_sample){ .ns = 0 };
	/* a sleep of 20 us is to be no longer */
	prctl(PR_SET_TIMERSLACK, 1000ul);
	ret = process_ready(&pr, t, err) < 0 || spawn(&pr, err) < 0 ? -1 : process_serve(&pr, err);
	if (ret == 0) {
		s->ns = pr.served - pr.begun;
		s->answered_error = pr.answered_error;
		if (want_memory && t->runtime != RUNTIME_NONE && !t->qemu)
			read_memory(&pr, s);
	}
	process_end(&pr);
	return ret;
}

/* ---- the page cache ---- */

int start_evict(const char *path, enum start_cold *how, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	CLEAN_FREE unsigned char *in = NULL;
	struct stat st;
	size_t pages;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	/* what is still to be written cannot be dropped */
	if (fdatasync(fd) < 0 && errno != EROFS && errno != EINVAL)
		return err_sys(err, "%s", path);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	*how = START_WARM_UNKNOWN;
	pages = ((size_t)st.st_size + page - 1) / page;
	if (!pages)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(err, "%s", path);
	in = xcalloc(pages, 1);
	if (mincore(map, (size_t)st.st_size, in) == 0) {
		*how = START_COLD;
		for (size_t i = 0; i < pages; i++)
			if (in[i] & 1)
				*how = START_WARM_IN_USE;
	}
	munmap(map, (size_t)st.st_size);
	return 0;
}
