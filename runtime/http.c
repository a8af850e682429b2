/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: http. An HTTP/1.1 server on 0.0.0.0:$PORT: one thread, epoll, no allocation but
 * whole mappings. Here: the listener, the loop, and the graceful stop.
 */
#include "http.h"
#include "lambda.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define MEMORY_MAX (256u << 20)
#define SWEEP_MIN_MS 5
#define ACCEPT_AGAIN_MS 100

/* Returns a listener on @addr, whose port is then set, or -1 with errno. */
static int listen_on(struct sockaddr_in *addr, bool shared)
{
	socklen_t addr_len = sizeof(*addr);
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	/* Connections inherit it: an answer is one write and must not wait for an ACK. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)addr, sizeof(*addr)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)addr, &addr_len)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Returns 0, or -1 having said why. */
static int listen_all(int *fds, size_t count)
{
	const char *env = slsc_rt_env("PORT");
	struct sockaddr_in addr = {.sin_family = AF_INET};
	uint64_t port = 8080;
	char line[64];
	struct slsc_out out = {line, 0, sizeof(line) - 1, false};

	if (env && (slsc_rt_u64(slsc_cstr(env), &port) || port > 65535)) {
		slsc_log(NULL, SLSC_FATAL, "PORT is not a number from 0 to 65535");
		return -1;
	}
	addr.sin_port = htons((uint16_t)port);
	for (size_t i = 0; i < count; i++) {
		fds[i] = listen_on(&addr, count > 1);
		if (fds[i] < 0) {
			slsc_log(NULL, SLSC_FATAL,
				 errno == EADDRINUSE ? "cannot listen on PORT: it is in use"
						     : "cannot listen on PORT");
			return -1;
		}
	}
	slsc_puts(&out, "listening on 0.0.0.0:");
	slsc_put_u64(&out, ntohs(addr.sin_port));
	line[out.len] = '\0';
	slsc_log(NULL, SLSC_INFO, line);
	return 0;
}

static void on_stop(int sig)
{
	(void)sig;
	slsc_rt_srv.stopping = 1;
}

/* Closes what has expired, and finds when the next does. */
static void sweep(void)
{
	int64_t next = INT64_MAX, soonest = slsc_rt_srv.now_ms + SWEEP_MIN_MS;

	slsc_rt_srv.sweep_at = INT64_MAX;
	for (size_t i = 0; i < slsc_rt_srv.high && slsc_rt_srv.open; i++) {
		struct conn *c = &slsc_rt_conns[i];

		if (c->fd >= 0 && c->deadline <= slsc_rt_srv.now_ms)
			slsc_rt_conn_expired(c);
		if (c->fd >= 0 && c->deadline < next)
			next = c->deadline;
	}
	slsc_rt_srv.sweep_at = next < soonest ? soonest : next;
}

/* No new connections; those that wait for a request are closed, unless one has arrived. */
static void stop(void)
{
	slsc_rt_accept_all();
	close(slsc_rt_srv.listener);
	slsc_rt_srv.listener = -1;
	for (size_t i = 0; i < slsc_rt_srv.high; i++) {
		struct conn *c = &slsc_rt_conns[i];

		if (c->fd >= 0 && c->state == CONN_HEAD && !c->in.ptr && !c->sending) {
			c->readable = true;
			slsc_rt_conn_readable(c);
		}
	}
}

static void loop(const sigset_t *wait)
{
	struct epoll_event events[256];
	int64_t drain_until = INT64_MAX;

	slsc_rt_update_clock();
	slsc_rt_srv.sweep_at = INT64_MAX;
	slsc_rt_listen_resume();
	while (!slsc_rt_srv.stopping || slsc_rt_srv.listener >= 0 ||
	       (slsc_rt_srv.open && slsc_rt_srv.now_ms < drain_until)) {
		int64_t until = slsc_rt_srv.sweep_at < drain_until ? slsc_rt_srv.sweep_at : drain_until;
		int timeout = -1, n;

		if (!slsc_rt_srv.listening && slsc_rt_srv.listener >= 0 &&
		    until > slsc_rt_srv.now_ms + ACCEPT_AGAIN_MS)
			until = slsc_rt_srv.now_ms + ACCEPT_AGAIN_MS;
		if (until != INT64_MAX) {
			until -= slsc_rt_srv.now_ms;
			timeout = until < 0 ? 0 : until > 60000 ? 60000 : (int)until;
		}
		n = epoll_pwait(slsc_rt_srv.epfd, events, 256, timeout, wait);
		slsc_rt_update_clock();
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			/* Closed by an earlier event of this turn: its slot may even be in use again. */
			if (!c)
				slsc_rt_accept_all();
			else if (c->fd >= 0)
				slsc_rt_conn_event(c, events[i].events);
		}
		if (slsc_rt_srv.stopping && slsc_rt_srv.listener >= 0) {
			drain_until = slsc_rt_srv.now_ms + DRAIN_MS;
			stop();
		}
		if (n == 0)
			slsc_rt_listen_resume();
		if (slsc_rt_srv.now_ms >= slsc_rt_srv.sweep_at)
			sweep();
	}
}

__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

/* Serve until told to stop. Returns the exit status. */
static int serve(int listener, int ready_fd)
{
	static struct slsc_ctx ctx; /* of slsc_init() */
	struct sigaction sa = {.sa_handler = on_stop};
	sigset_t block, wait;

	/* Only epoll_pwait() lets the signals in, so none falls between a check and a wait. */
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &wait);
	sigdelset(&wait, SIGTERM);
	sigdelset(&wait, SIGINT);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	/* sendfile() cannot be told to leave it. */
	signal(SIGPIPE, SIG_IGN);
	slsc_rt_fail_clear(&ctx);
	if (__start_slsc_lazy ? __start_slsc_lazy->all->start(&ctx) : slsc_init ? slsc_init(&ctx) : 0) {
		slsc_rt_log_fail(&ctx, "initialisation failed");
		return 1;
	}
	slsc_rt_arena_reset();
	slsc_rt_srv.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (slsc_rt_srv.epfd < 0 || (listener < 0 && listen_all(&listener, 1)))
		return 1;
	slsc_rt_srv.listener = listener;
	if (ready_fd >= 0) {
		(void)slsc_rt_write_all(ready_fd, "", 1);
		close(ready_fd);
	}
	loop(&wait);
	return 0;
}

/* The memory cgroup's limit in bytes, 0 when there is none to be seen (cgroup v2, memory.max). */
static uint64_t memory_limit(void)
{
	char text[32];
	uint64_t limit = 0;
	int fd = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	if (n > 1 && text[n - 1] == '\n' && slsc_rt_u64((struct slsc_str){text, (size_t)n - 1}, &limit))
		limit = 0;
	return limit;
}

static uint64_t env_ms(const char *name)
{
	const char *env = slsc_rt_env(name);
	uint64_t ms = 0;

	if (env && slsc_rt_u64(slsc_cstr(env), &ms))
		ms = 0;
	return ms;
}

/* Returns how many processes SLSC_WORKERS asks for, 0 having said that it is wrong. */
static size_t workers(void)
{
	const char *env = slsc_rt_env("SLSC_WORKERS");
	uint64_t count = 1;
	cpu_set_t set;

	if (!env)
		return 1;
	if (strcmp(env, "auto") == 0) {
		CPU_ZERO(&set);
		count = sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint64_t)CPU_COUNT(&set);
		return count > WORKERS_MAX ? WORKERS_MAX : (size_t)count;
	}
	if (slsc_rt_u64(slsc_cstr(env), &count) || count < 1 || count > WORKERS_MAX) {
		slsc_log(NULL, SLSC_FATAL, "SLSC_WORKERS is not a number from 1 to 64, nor auto");
		return 0;
	}
	return (size_t)count;
}

int slsc_http_main(slsc_http_fn *handler)
{
	int listeners[WORKERS_MAX];
	uint64_t memory;
	size_t count;

	slsc_rt_srv.handler = handler;
	slsc_rt_srv.call_ms = (int64_t)env_ms("SLSC_TIMEOUT_MS");
	if (slsc_rt_env("AWS_LAMBDA_RUNTIME_API"))
		return slsc_lambda_main(slsc_rt_http_event);
	slsc_rt_environ = environ;
	if (&slsc_rt_crash)
		slsc_rt_crash();
	slsc_rt_srv.timeout_ms = (int64_t)env_ms("SLSC_HTTP_TIMEOUT_MS");
	count = workers();
	if (!count)
		return 1;
	memory = memory_limit();
	slsc_rt_srv.memory_max = memory && memory / 2 / count < MEMORY_MAX ? (size_t)(memory / 2 / count) : MEMORY_MAX;
	slsc_rt_srv.body_max = slsc_rt_srv.memory_max / 2;
	if (slsc_rt_srv.body_max > SLSC_HTTP_BODY_MAX)
		slsc_rt_srv.body_max = SLSC_HTTP_BODY_MAX;
	if (count == 1)
		return serve(-1, -1);
	if (listen_all(listeners, count))
		return 1;
	return slsc_rt_workers(listeners, count, serve);
}

RT_FOR_SIZE_END
