/* SPDX-License-Identifier: Apache-2.0 */
#include "local/chaos_proxy.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* One way: from a side to the other. */
struct way {
	struct chaos_conn *conn;
	int from, to; /* sides */
	char piece[CHAOS_PIECE];
	size_t len, sent;	/* len 0: there is room */
	bool held, ended, told; /* the piece waits for its time; nothing more comes; the other side knows */
	uint64_t free_at;	/* with a rate: when the next piece may go */
	struct loop_timer timer;
};

struct side {
	struct chaos_conn *conn;
	struct loop_io io;
};

struct chaos_conn {
	struct chaos_proxy *proxy;
	struct chaos_conn *next;
	uint64_t number, bytes;
	bool connected;
	struct side side[2]; /* the client's, the server's */
	struct way way[2];
};

static void end_conn(struct chaos_conn *c, bool reset)
{
	struct chaos_proxy *p = c->proxy;
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	for (struct chaos_conn **at = &p->conns; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	for (int i = 0; i < 2; i++) {
		loop_timer_stop(p->loop, &c->way[i].timer);
		loop_io_del(p->loop, &c->side[i].io);
		if (c->side[i].io.fd < 0)
			continue;
		if (reset)
			(void)setsockopt(c->side[i].io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(c->side[i].io.fd);
	}
	p->nconns--;
	free(c);
}

/* When a piece of @n bytes may go on, after it came now; 0: at once. */
static uint64_t wait_of(struct way *w, const struct chaos_net *net, size_t n)
{
	const uint64_t now = loop_clock();
	uint64_t at = now + net->delay;

	if (net->rate) {
		w->free_at = w->free_at > now ? w->free_at : now;
		w->free_at += (uint64_t)((double)n * 1e9 / (double)net->rate);
		at = at > w->free_at ? at : w->free_at;
	}
	return at - now;
}

/* false: the connection is gone. */
static bool take(struct way *w)
{
	struct chaos_conn *c = w->conn;
	struct chaos_net net = { .reset = false };
	size_t most = CHAOS_PIECE;
	uint64_t wait;
	ssize_t n;

	c->proxy->ask(c->proxy, c->number, false, &net);
	/* a throttled connection is not to stand still and then be whole */
	if (net.rate && net.rate / 20 < most)
		most = net.rate < 20 ? 1 : (size_t)(net.rate / 20);
	if (net.cut && net.cut > c->bytes && net.cut - c->bytes < most)
		most = (size_t)(net.cut - c->bytes);
	if (net.reset || (net.cut && c->bytes >= net.cut)) {
		end_conn(c, true);
		return false;
	}
	n = read(c->side[w->from].io.fd, w->piece, most);
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
		return true;
	if (n < 0) {
		end_conn(c, true);
		return false;
	}
	w->ended = n == 0;
	w->len = (size_t)n;
	w->sent = 0;
	c->bytes += (uint64_t)n;
	wait = n ? wait_of(w, &net, (size_t)n) : 0;
	w->held = wait > 0;
	if (wait)
		loop_timer_set(c->proxy->loop, &w->timer, wait);
	return true;
}

/* false: the connection is gone. */
static bool pump_way(struct way *w)
{
	struct chaos_conn *c = w->conn;

	for (;;) {
		if (!w->len && !w->ended) {
			if (!take(w))
				return false;
			if (!w->len && !w->ended)
				return true;
		}
		if (w->held)
			return true;
		while (w->sent < w->len) {
			const ssize_t n =
				send(c->side[w->to].io.fd, w->piece + w->sent, w->len - w->sent, MSG_NOSIGNAL);

			if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
				return true;
			if (n < 0) {
				end_conn(c, true);
				return false;
			}
			w->sent += (size_t)n;
		}
		w->len = 0;
		if (!w->ended)
			continue;
		if (!w->told)
			shutdown(c->side[w->to].io.fd, SHUT_WR);
		w->told = true;
		return true;
	}
}

static void pump(struct chaos_conn *c)
{
	if (!c->connected || !pump_way(&c->way[0]) || !pump_way(&c->way[1]))
		return;
	if (c->way[0].told && c->way[1].told)
		end_conn(c, false);
}

static void side_ready(struct loop_io *io, uint32_t events)
{
	struct side *s = CONTAINER_OF(io, struct side, io);
	struct chaos_conn *c = s->conn;
	int e = 0;
	socklen_t len = sizeof(e);

	if (s == &c->side[1] && !c->connected) {
		if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 || e) {
			end_conn(c, true);
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		c->connected = true;
	}
	pump(c);
}

static void time_has_come(struct loop_timer *t)
{
	struct way *w = CONTAINER_OF(t, struct way, timer);

	w->held = false;
	pump(w->conn);
}

static void accept_one(struct chaos_proxy *p, int fd)
{
	const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	struct chaos_conn *c = xcalloc(1, sizeof(*c));
	struct chaos_net net = { .reset = false };
	struct err ignored = ERR_INIT;

	c->proxy = p;
	c->number = ++p->count;
	c->next = p->conns;
	p->conns = c;
	p->nconns++;
	for (int i = 0; i < 2; i++) {
		c->side[i] = (struct side){ .conn = c, .io = { .fd = i ? -1 : fd, .ready = side_ready } };
		c->way[i].conn = c;
		c->way[i].from = i;
		c->way[i].to = !i;
		c->way[i].timer.expired = time_has_come;
	}
	p->ask(p, c->number, true, &net);
	if (net.reset || p->nconns > CHAOS_CONNS_MAX) {
		end_conn(c, true);
		return;
	}
	c->side[1].io.fd = socket(p->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->side[1].io.fd < 0 ||
	    (connect(c->side[1].io.fd, (struct sockaddr *)&p->to, p->to_len) < 0 && errno != EINPROGRESS) ||
	    loop_io_add(p->loop, &c->side[0].io, all, &ignored) < 0 ||
	    loop_io_add(p->loop, &c->side[1].io, all, &ignored) < 0)
		end_conn(c, true);
}

static void listener_ready(struct loop_io *io, uint32_t events)
{
	struct chaos_proxy *p = CONTAINER_OF(io, struct chaos_proxy, listener);
	int fd;

	(void)events;
	while ((fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		accept_one(p, fd);
}

static int look_up(struct chaos_proxy *p, const char *to, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	const char *colon = strrchr(to, ':');
	CLEAN_FREE char *host = xstrndup(to, (size_t)(colon - to));
	char *name = host;
	struct addrinfo *found = NULL;
	int e;

	/* [::1]:80 */
	if (*name == '[' && ends_with(name, "]")) {
		name[strlen(name) - 1] = '\0';
		name++;
	}
	e = getaddrinfo(name, colon + 1, &hints, &found);
	if (e)
		return err_set(err, ERR_NET, "%s: %s", to, gai_strerror(e));
	memcpy(&p->to, found->ai_addr, found->ai_addrlen);
	p->to_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int chaos_proxy_start(struct chaos_proxy *p, struct loop *loop, const char *to, struct err *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	p->loop = loop;
	p->listener.ready = listener_ready;
	p->listener.fd = -1;
	if (look_up(p, to, err) < 0)
		return -1;
	p->listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->listener.fd < 0 || bind(p->listener.fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(p->listener.fd, SOMAXCONN) < 0 || getsockname(p->listener.fd, (struct sockaddr *)&at, &len) < 0) {
		err_sys(err, "cannot listen for a proxy to %s", to);
		clean_fd_(&p->listener.fd);
		p->listener.fd = -1;
		return -1;
	}
	p->port = ntohs(at.sin_port);
	return loop_io_add(loop, &p->listener, EPOLLIN, err);
}

void chaos_proxy_look(struct chaos_proxy *p)
{
	for (struct chaos_conn *c = p->conns, *next; c; c = next) {
		struct chaos_net net = { .reset = false };

		next = c->next;
		p->ask(p, c->number, false, &net);
		if (net.reset)
			end_conn(c, true);
	}
}

void chaos_proxy_stop(struct chaos_proxy *p)
{
	if (!p->loop)
		return;
	while (p->conns)
		end_conn(p->conns, true);
	loop_io_del(p->loop, &p->listener);
	if (p->listener.fd >= 0)
		close(p->listener.fd);
	p->listener.fd = -1;
	p->loop = NULL;
}
