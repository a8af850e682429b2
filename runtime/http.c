/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: http. An HTTP/1.1 server on 0.0.0.0:$PORT: one thread, epoll, no allocation but
 * whole mappings. Here: the listener, the loop, and the graceful stop.
 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

static int http_listen(void)
{
	const char *env = slsc_rt_env("PORT");
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t addr_len = sizeof(addr);
	const int one = 1;
	uint64_t port = 8080;
	char line[64];
	struct slsc_out out = {line, 0, sizeof(line) - 1, false};

	if (env && (slsc_rt_u64(slsc_cstr(env), &port) || port > 65535)) {
		slsc_log(NULL, SLSC_FATAL, "PORT is not a number from 0 to 65535");
		return -1;
	}
	addr.sin_port = htons((uint16_t)port);
	slsc_rt_srv.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (slsc_rt_srv.listener < 0)
		goto fail;
	setsockopt(slsc_rt_srv.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Connections inherit it: an answer is one write and must not wait for an ACK. */
	setsockopt(slsc_rt_srv.listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(slsc_rt_srv.listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(slsc_rt_srv.listener, 4096) ||
	    getsockname(slsc_rt_srv.listener, (struct sockaddr *)&addr, &addr_len))
		goto fail;
	slsc_puts(&out, "listening on 0.0.0.0:");
	slsc_put_u64(&out, ntohs(addr.sin_port));
	line[out.len] = '\0';
	slsc_log(NULL, SLSC_INFO, line);
	return 0;
fail:
	slsc_log(NULL, SLSC_FATAL, errno == EADDRINUSE ? "cannot listen on PORT: it is in use"
						       : "cannot listen on PORT");
	return -1;
}

static void on_stop(int sig)
{
	(void)sig;
	slsc_rt_srv.stopping = 1;
}

/* Returns ms until the next deadline, -1 when there is none; closes what has expired. */
static int sweep(void)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < slsc_rt_srv.high && slsc_rt_srv.open; i++) {
		struct conn *c = &slsc_rt_conns[i];

		if (c->fd >= 0 && c->deadline <= slsc_rt_srv.now_ms)
			slsc_rt_conn_expired(c);
		if (c->fd >= 0 && c->deadline < next)
			next = c->deadline;
	}
	if (next == INT64_MAX)
		return -1;
	next -= slsc_rt_srv.now_ms;
	return next < 0 ? 0 : next > 60000 ? 60000 : (int)next;
}

/* No new connections; those that wait for a request are closed, unless one has arrived. */
static void stop(void)
{
	slsc_rt_accept_all();
	close(slsc_rt_srv.listener);
	slsc_rt_srv.listener = -1;
	for (size_t i = 0; i < slsc_rt_srv.high; i++) {
		struct conn *c = &slsc_rt_conns[i];

		if (c->fd >= 0 && c->state == CONN_HEAD && !c->in.ptr && !c->out.ptr)
			slsc_rt_conn_readable(c);
	}
}

__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

int slsc_http_main(slsc_http_fn *handler)
{
	static struct slsc_ctx ctx; /* of slsc_init() */
	struct sigaction sa = {.sa_handler = on_stop};
	struct epoll_event events[64];
	int64_t sweep_at = 0, drain_until = INT64_MAX;
	const char *env = slsc_rt_env("SLSC_HTTP_TIMEOUT_MS");
	uint64_t ms;
	sigset_t block, wait;

	slsc_rt_srv.handler = handler;
	if (env && !slsc_rt_u64(slsc_cstr(env), &ms))
		slsc_rt_srv.timeout_ms = (int64_t)ms;
	/* Only epoll_pwait() lets the signals in, so none falls between a check and a wait. */
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &wait);
	sigdelset(&wait, SIGTERM);
	sigdelset(&wait, SIGINT);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (slsc_init) {
		slsc_rt_fail_clear(&ctx);
		if (slsc_init(&ctx)) {
			slsc_rt_log_fail(&ctx, "initialisation failed");
			return 1;
		}
		slsc_rt_arena_reset();
	}
	slsc_rt_srv.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (slsc_rt_srv.epfd < 0 || http_listen())
		return 1;
	slsc_rt_listen_resume();
	slsc_rt_update_clock();
	while (!slsc_rt_srv.stopping || (slsc_rt_srv.open && slsc_rt_srv.now_ms < drain_until)) {
		int timeout = -1, n;

		if (slsc_rt_srv.open) {
			/* A look at every connection, so no more often than it can matter. */
			if (slsc_rt_srv.now_ms >= sweep_at) {
				timeout = sweep();
				sweep_at = slsc_rt_srv.now_ms + (timeout < 0 ? 0 : timeout < 1000 ? timeout : 1000);
			}
			timeout = slsc_rt_srv.open ? (int)(sweep_at - slsc_rt_srv.now_ms) : -1;
		}
		if (slsc_rt_srv.stopping && !slsc_rt_srv.open)
			break;
		n = epoll_pwait(slsc_rt_srv.epfd, events, 64, timeout, &wait);
		slsc_rt_update_clock();
		if (slsc_rt_srv.stopping && slsc_rt_srv.listener >= 0) {
			drain_until = slsc_rt_srv.now_ms + DRAIN_MS;
			stop();
			/* What epoll said may be about connections that are closed now. */
			continue;
		}
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!c)
				slsc_rt_accept_all();
			else if (c->out.ptr)
				slsc_rt_conn_writable(c);
			else
				slsc_rt_conn_readable(c);
		}
	}
	return 0;
}

RT_FOR_SIZE_END
