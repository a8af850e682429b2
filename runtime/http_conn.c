/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections as sockets and memory.
 *
 * A connection owns memory only while it holds half a request or half an answer. A request
 * that arrives in one piece is parsed, handled and answered out of buffers that all
 * connections share, so an idle connection costs its struct and the kernel's socket.
 *
 * Sockets are watched once, edge-triggered, for everything: no epoll_ctl() follows. So whoever
 * stops before the socket says EAGAIN (or gives less than was asked for) must remember it, in
 * @readable and @sending.
 */
#include "http.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRIVATE_MIN 16384u
#define TURN_MAX 32u /* pieces of a stream before other connections have their turn */
#define WATCHED (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

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
	if (c->deadline < slsc_rt_srv.sweep_at)
		slsc_rt_srv.sweep_at = c->deadline;
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
	size_t cap = (need + PRIVATE_MIN - 1) / PRIVATE_MIN * PRIVATE_MIN, max = slsc_rt_srv.memory_max;
	char *p;

	if (need <= r->cap)
		return 0;
	if (private_total > max || cap - r->cap > max - private_total)
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

void slsc_rt_region_adopt(struct region *r, char *ptr, size_t cap, size_t len)
{
	private_total += cap;
	*r = (struct region){ptr, cap, len};
}

static void watch(int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = ptr}};

	/* Out of kernel memory for a watch: the timeout takes the connection away. */
	(void)epoll_ctl(slsc_rt_srv.epfd, op, fd, &ev);
}

void slsc_rt_conn_again(struct conn *c)
{
	watch(EPOLL_CTL_MOD, c->fd, WATCHED, c);
}

void slsc_rt_listen_resume(void)
{
	if (!slsc_rt_srv.listening && slsc_rt_srv.listener >= 0) {
		watch(EPOLL_CTL_ADD, slsc_rt_srv.listener, EPOLLIN, NULL);
		slsc_rt_srv.listening = true;
	}
}

static void drop_tail(struct conn *c)
{
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
	if (c->tail.ptr) {
		struct slsc_rt_tail *s = (void *)c->tail.ptr;

		slsc_rt_tail_end(s->fn, s->state);
		slsc_rt_region_release(&c->tail);
	}
}

void slsc_rt_conn_close(struct conn *c)
{
	slsc_rt_drop_batch();
	close(c->fd);
	c->fd = -1;
	drop_tail(c);
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
	/* What has arrived already raises no further event. */
	slsc_rt_conn_readable(c);
}

void slsc_rt_conn_next(struct conn *c)
{
	c->state = CONN_HEAD;
	c->scan = 0;
	slsc_rt_deadline_in(c, IDLE_MS);
}

int slsc_rt_conn_pump(struct conn *c)
{
	int rc;

	for (unsigned turn = 0;; turn++) {
		if (turn == TURN_MAX) {
			slsc_rt_conn_again(c);
			return 1;
		}
		while (c->out_pos < c->out.len) {
			ssize_t n = send(c->fd, c->out.ptr + c->out_pos, c->out.len - c->out_pos,
					 MSG_NOSIGNAL | (c->file >= 0 ? MSG_MORE : 0));

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0 && errno == EAGAIN)
				return 1;
			if (n < 0)
				break;
			c->out_pos += (size_t)n;
			slsc_rt_deadline_in(c, WRITE_MS);
		}
		if (c->out_pos < c->out.len)
			break;
		slsc_rt_region_release(&c->out);
		c->out_pos = 0;
		if (c->file >= 0)
			rc = slsc_rt_file_send(c);
		else if (c->tail.ptr)
			rc = slsc_rt_tail_send(c);
		else
			rc = 3;
		if (rc == 1)
			return 1;
		if (rc < 0)
			break;
		if (rc == 0)
			drop_tail(c);
		if (rc == 3) {
			c->sending = false;
			return 0;
		}
	}
	slsc_rt_conn_close(c);
	return -1;
}

/*
 * Keep @left bytes, of which the last piece is all or the end. A large one is not copied: the
 * buffer that it lies in becomes the connection's.
 */
static int keep(struct conn *c, const struct iovec *iov, size_t count, size_t left)
{
	const struct iovec *last = &iov[count - 1];
	char *in = c->in.ptr, *at = last->iov_base;

	if (count == 1 && left >= PRIVATE_MIN && !c->out.ptr) {
		if (in && at >= in && at < in + c->in.cap) {
			c->out = c->in;
			c->in = (struct region){NULL, 0, 0};
		} else {
			slsc_rt_body_take(at, left, &c->out);
		}
		if (c->out.ptr) {
			c->out_pos = (size_t)(at - c->out.ptr);
			c->out.len = c->out_pos + left;
			return 0;
		}
	}
	if (slsc_rt_region_grow(&c->out, c->out.len + left))
		return -1;
	for (size_t i = 0; i < count; i++) {
		memcpy(c->out.ptr + c->out.len, iov[i].iov_base, iov[i].iov_len);
		c->out.len += iov[i].iov_len;
	}
	return 0;
}

int slsc_rt_conn_send(struct conn *c, struct iovec *iov, size_t count, bool more)
{
	int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		left += iov[i].iov_len;
	while (left && !c->sending) {
		struct msghdr msg = {.msg_iov = iov};
		ssize_t n;

		msg.msg_iovlen = (__typeof__(msg.msg_iovlen))count;
		/* The kernel takes send() with less ado. */
		n = count == 1 ? send(c->fd, iov->iov_base, iov->iov_len, flags) : sendmsg(c->fd, &msg, flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			c->sending = true;
			slsc_rt_deadline_in(c, WRITE_MS);
			break;
		}
		if (n < 0) {
			slsc_rt_conn_close(c);
			return -1;
		}
		left -= (size_t)n;
		while (n && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	if (left && keep(c, iov, count, left)) {
		slsc_rt_conn_close(c);
		return -1;
	}
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
			/* Out of descriptors or slots: wait until a connection closes, or a while. */
			if (slsc_rt_srv.listening)
				watch(EPOLL_CTL_DEL, slsc_rt_srv.listener, 0, NULL);
			slsc_rt_srv.listening = false;
			return;
		}
		if (c == slsc_rt_srv.free)
			slsc_rt_srv.free = c->next_free;
		else
			slsc_rt_srv.high++;
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		c->file = -1;
		slsc_rt_srv.open++;
		slsc_rt_conn_next(c);
		watch(EPOLL_CTL_ADD, fd, WATCHED, c);
	}
}
