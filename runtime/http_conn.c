/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections as sockets and memory.
 *
 * A connection owns memory only while it holds half a request or half an answer. A request
 * that arrives in one piece is parsed, handled and answered out of buffers that all
 * connections share, so an idle connection costs its struct and the kernel's socket.
 */
#include "http.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define PRIVATE_MIN 16384u
/* All halves of requests and answers together; beyond, 503. */
#define PRIVATE_TOTAL (256u << 20)

struct slsc_rt_srv slsc_rt_srv = { .epfd = -1, .listener = -1 };
struct conn slsc_rt_conns[CONNS_MAX];

static size_t private_total;

void slsc_rt_update_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	slsc_rt_srv.now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void slsc_rt_deadline_in(struct conn *c, int64_t ms)
{
	int64_t cut = slsc_rt_srv.timeout_ms;

	c->deadline = slsc_rt_srv.now_ms + (cut && cut < ms ? cut : ms);
}

void slsc_rt_region_release(struct region *r)
{
	if (r->ptr) {
		munmap(r->ptr, r->cap);
		private_total -= r->cap;
	}
	*r = (struct region){NULL, 0, 0};
}

int slsc_rt_region_grow(struct region *r, size_t need)
{
	size_t cap = r->cap ? r->cap : PRIVATE_MIN;
	char *p;

	if (need <= r->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	if (cap - r->cap > PRIVATE_TOTAL - private_total)
		return -1;
	if (r->ptr)
		p = mremap(r->ptr, r->cap, cap, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	private_total += cap - r->cap;
	r->ptr = p;
	r->cap = cap;
	return 0;
}

static void watch(int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = ptr}};

	/* Out of kernel memory for a watch: the timeout takes the connection away. */
	(void)epoll_ctl(slsc_rt_srv.epfd, op, fd, &ev);
}

void slsc_rt_listen_resume(void)
{
	if (!slsc_rt_srv.listening && slsc_rt_srv.listener >= 0) {
		watch(EPOLL_CTL_ADD, slsc_rt_srv.listener, EPOLLIN, NULL);
		slsc_rt_srv.listening = true;
	}
}

void slsc_rt_conn_close(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	slsc_rt_region_release(&c->in);
	slsc_rt_region_release(&c->out);
	c->next_free = slsc_rt_srv.free;
	slsc_rt_srv.free = c;
	slsc_rt_srv.open--;
	slsc_rt_listen_resume();
}

void slsc_rt_conn_linger(struct conn *c)
{
	slsc_rt_region_release(&c->in);
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	slsc_rt_deadline_in(c, LINGER_MS);
}

void slsc_rt_conn_next(struct conn *c)
{
	c->state = CONN_HEAD;
	c->scan = 0;
	slsc_rt_deadline_in(c, IDLE_MS);
}

int slsc_rt_conn_flush(struct conn *c)
{
	while (c->out_pos < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->out_pos, c->out.len - c->out_pos,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0) {
			slsc_rt_conn_close(c);
			return -1;
		}
		c->out_pos += (size_t)n;
		slsc_rt_deadline_in(c, WRITE_MS);
	}
	slsc_rt_region_release(&c->out);
	watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
	return 0;
}

int slsc_rt_conn_send(struct conn *c, struct slsc_str head, struct slsc_str body)
{
	struct iovec iov[] = {
		{(void *)(uintptr_t)head.ptr, head.len},
		{(void *)(uintptr_t)body.ptr, body.len},
	};
	struct msghdr msg = {.msg_iov = iov};
	size_t sent;
	ssize_t n;

	msg.msg_iovlen = body.len ? 2 : 1;
	do {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN) {
		slsc_rt_conn_close(c);
		return -1;
	}
	sent = n < 0 ? 0 : (size_t)n;
	if (sent == head.len + body.len)
		return 0;
	if (slsc_rt_region_grow(&c->out, head.len + body.len - sent)) {
		slsc_rt_conn_close(c);
		return -1;
	}
	c->out.len = 0;
	c->out_pos = 0;
	if (sent < head.len) {
		memcpy(c->out.ptr, head.ptr + sent, head.len - sent);
		c->out.len = head.len - sent;
		sent = 0;
	} else {
		sent -= head.len;
	}
	memcpy(c->out.ptr + c->out.len, body.ptr + sent, body.len - sent);
	c->out.len += body.len - sent;
	slsc_rt_deadline_in(c, WRITE_MS);
	watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
	return 0;
}

void slsc_rt_accept_all(void)
{
	for (;;) {
		struct conn *c = slsc_rt_srv.free;
		int fd;

		if (!c && slsc_rt_srv.high < CONNS_MAX)
			c = &slsc_rt_conns[slsc_rt_srv.high];
		fd = c ? accept4(slsc_rt_srv.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
		if (fd < 0) {
			if (c && errno == EAGAIN)
				return;
			if (c && (errno == EINTR || errno == ECONNABORTED))
				continue;
			/* Out of descriptors or slots: wait until a connection closes. */
			if (slsc_rt_srv.listening)
				watch(EPOLL_CTL_DEL, slsc_rt_srv.listener, 0, NULL);
			slsc_rt_srv.listening = false;
			if (!slsc_rt_srv.open)
				slsc_rt_listen_resume();
			return;
		}
		if (c == slsc_rt_srv.free)
			slsc_rt_srv.free = c->next_free;
		else
			slsc_rt_srv.high++;
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		slsc_rt_srv.open++;
		slsc_rt_conn_next(c);
		watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
	}
}

RT_FOR_SIZE_END
