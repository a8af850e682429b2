/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/net.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct ask {
	uint64_t end;
	unsigned ms;
	struct err *err;
};

static int failed(const struct ask *a, int e)
{
	if (e == ETIMEDOUT)
		return err_set(a->err, ERR_NET, "no answer within %u ms", a->ms);
	errno = e;
	if (e == EINTR)
		return err_sys(a->err, "interrupted");
	return err_set(a->err, ERR_NET, "%s", e == ECONNREFUSED ? "connection refused" : strerror(e));
}

/* Until @fd can be read or written, or no time is left. */
static int await(const struct ask *a, int fd, short events)
{
	const uint64_t now = now_ms();
	struct pollfd p = { .fd = fd, .events = events };
	int n = now < a->end ? poll(&p, 1, (int)(a->end - now)) : 0;

	return n > 0 ? 0 : failed(a, n == 0 ? ETIMEDOUT : errno);
}

static int connect_to(const struct ask *a, const struct sockaddr *sa, socklen_t len)
{
	CLEAN_FD int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(int);
	int e = 0;

	if (fd < 0)
		return failed(a, errno);
	if (connect(fd, sa, len) < 0) {
		if (errno != EINPROGRESS)
			return failed(a, errno);
		if (await(a, fd, POLLOUT) < 0)
			return -1;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 || e)
			return failed(a, e ? e : errno);
	}
	return steal_fd(&fd);
}

static int connect_unix(const struct ask *a, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path))
		return failed(a, ENAMETOOLONG);
	memcpy(un.sun_path, path, strlen(path));
	return connect_to(a, (const struct sockaddr *)&un, sizeof(un));
}

/*
 * A resolver may take half a minute to say that a name is not known, and cannot be stopped: then what it writes to is
 * left to it.
 */
static struct gaicb *abandoned;

static int look_up(const struct ask *a, const char *host, const char *port, struct addrinfo **out)
{
	struct addrinfo *hints = xcalloc(1, sizeof(*hints));
	struct gaicb *g = xcalloc(1, sizeof(*g));
	const uint64_t now = now_ms(), left = now < a->end ? a->end - now : 0;
	const struct timespec ts = { (time_t)(left / 1000), (long)(left % 1000) * 1000000 };
	int e;

	/* an address needs no resolver, and no thread for one */
	hints->ai_socktype = SOCK_STREAM;
	hints->ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(host, port, hints, out) == 0) {
		free(hints);
		free(g);
		return 0;
	}
	hints->ai_flags = 0;
	*g = (struct gaicb){ .ar_name = xstrdup(host), .ar_service = xstrdup(port), .ar_request = hints };
	e = getaddrinfo_a(GAI_NOWAIT, &g, 1, NULL);
	while (!e && (e = gai_error(g)) == EAI_INPROGRESS) {
		const struct gaicb *const list[] = { g };

		e = gai_suspend(list, 1, &ts);
		if (e == EAI_AGAIN || e == EAI_INTR) {
			abandoned = g;
			return failed(a, e == EAI_AGAIN ? ETIMEDOUT : EINTR);
		}
		e = 0;
	}
	*out = g->ar_result;
	free((void *)(uintptr_t)g->ar_name);
	free((void *)(uintptr_t)g->ar_service);
	free(hints);
	free(g);
	return e ? err_set(a->err, ERR_NET, "%s", gai_strerror(e)) : 0;
}

static int connect_host(const struct ask *a, const char *host, const char *port)
{
	struct addrinfo *all = NULL;
	int fd = -1;

	if (look_up(a, host, port, &all) < 0)
		return -1;
	for (const struct addrinfo *at = all; at && fd < 0 && a->err->code != ERR_INTR; at = at->ai_next)
		fd = connect_to(a, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(all);
	return fd;
}

static int read_line(const struct ask *a, int fd, struct buf *line)
{
	char block[NET_ANSWER_MAX];

	while (line->len < NET_ANSWER_MAX) {
		ssize_t n;

		if (await(a, fd, POLLIN) < 0)
			return -1;
		n = read(fd, block, sizeof(block) - line->len);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return failed(a, errno);
		if (n == 0 && !line->len)
			return err_set(a->err, ERR_NET, "closed the connection");
		if (n == 0)
			return 0;
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] == '\n' || !block[i])
				return 0;
			if (block[i] != '\r')
				buf_addc(line, block[i]);
		}
	}
	return 0;
}

int net_ask(const char *host, const char *port, struct str say, unsigned ms, struct buf *line, struct err *err)
{
	const struct ask a = { now_ms() + ms, ms, err };
	CLEAN_FD int fd = -1;

	*err = (struct err)ERR_INIT;
	fd = host ? connect_host(&a, host, port) : connect_unix(&a, port);
	if (fd < 0)
		return -1;
	while (say.len) {
		ssize_t n;

		if (await(&a, fd, POLLOUT) < 0)
			return -1;
		n = send(fd, say.ptr, say.len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return failed(&a, errno);
		if (n > 0)
			say = (struct str){ say.ptr + n, say.len - (size_t)n };
	}
	return read_line(&a, fd, line);
}
