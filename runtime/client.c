/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing calls: http:// on sockets that never block, so that the time of a call ends it whatever the peer does.
 * A kept connection costs four system calls a call: look, send, wait, receive.
 */
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define KEY_MAX 272u /* "[IPv6 or name]:port" */

static struct kept {
	int fd; /* valid when @key_len */
	unsigned key_len;
	uint64_t turn; /* of all that were ever kept, which */
	int64_t since_ms;
	char key[KEY_MAX];
} kept[SLSC_CALL_CONNS];

static uint64_t turns;

int slsc_rt_wait_fd(int fd, short events, int64_t end_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = end_ms - slsc_rt_boot_ms();
		int rc;

		if (left <= 0)
			return 0;
		/* In steps, since poll() does not count the time that a sandbox is frozen. */
		rc = poll(&p, 1, left > 5000 ? 5000 : (int)left);
		if (rc > 0)
			return p.revents;
		if (rc < 0 && errno != EINTR)
			return POLLERR;
	}
}

/* ---- connections ---- */

/* A kept connection to @url, or -1. One on which something waits is no use: its end, or bytes that answer nothing. */
static int take_kept(const struct slsc_rt_url *url)
{
	char byte;

	for (struct kept *k = kept; k < kept + SLSC_CALL_CONNS; k++) {
		if (k->key_len != url->authority.len || memcmp(k->key, url->authority.ptr, k->key_len) != 0)
			continue;
		k->key_len = 0;
		if (slsc_rt_boot_ms() - k->since_ms < SLSC_CALL_IDLE_MS &&
		    recv(k->fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN)
			return k->fd;
		close(k->fd);
		return -1;
	}
	return -1;
}

static void keep(int fd, const struct slsc_rt_url *url)
{
	struct kept *to = kept;

	if (!url->authority.len || url->authority.len > KEY_MAX) {
		close(fd);
		return;
	}
	/* A free place, else that of the one unused for longest. */
	for (struct kept *k = kept; k < kept + SLSC_CALL_CONNS; k++) {
		if (!k->key_len) {
			to = k;
			break;
		}
		if (k->turn < to->turn)
			to = k;
	}
	if (to->key_len)
		close(to->fd);
	to->fd = fd;
	to->key_len = (unsigned)url->authority.len;
	to->turn = ++turns;
	to->since_ms = slsc_rt_boot_ms();
	memcpy(to->key, url->authority.ptr, to->key_len);
}

/* Returns a descriptor or an error. */
static int connect_one(const union slsc_rt_addr *addr, int64_t end_ms)
{
	int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t len = sizeof(error);
	const int one = 1;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? SLSC_CALL_CONNECT : SLSC_CALL_MEMORY;
	/* Head and body are one write; what is left of a large one must not wait for an ACK. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!connect(fd, &addr->any, slsc_rt_addr_len(addr)))
		return fd;
	/* Interrupted, it goes on by itself. */
	if (errno == EINPROGRESS || errno == EINTR) {
		if (!slsc_rt_wait_fd(fd, POLLOUT, end_ms)) {
			close(fd);
			return SLSC_CALL_TIMEOUT;
		}
		if (!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error)
			return fd;
	}
	close(fd);
	return SLSC_CALL_CONNECT;
}

static int connect_new(const struct slsc_rt_url *url, int64_t end_ms)
{
	union slsc_rt_addr addrs[RESOLVE_ADDRS];
	int count = slsc_rt_resolve(url->host, url->port, end_ms, addrs), fd = count;

	for (int i = 0; i < count; i++) {
		/* One address that swallows everything must not use up the time of the others. */
		int64_t now = slsc_rt_boot_ms();

		fd = connect_one(&addrs[i], now + (end_ms - now) / (count - i));
		if (fd >= 0)
			return fd;
	}
	return fd;
}

/* ---- a call ---- */

static bool needs_length(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static bool idempotent(const char *method)
{
	static const char names[][8] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(method, names[i]) == 0)
			return true;
	}
	return false;
}

static int put_head(struct slsc_out *head, const struct slsc_call *call, const char *method,
		    const struct slsc_rt_url *url)
{
	static const char reserved[][18] = {"connection", "content-length", "host", "transfer-encoding"};
	bool agent = false;

	if (!slsc_rt_is_token(slsc_cstr(method)) || strcmp(method, "CONNECT") == 0)
		return SLSC_CALL_INVALID;
	slsc_puts(head, method);
	slsc_puts(head, " ");
	if (!url->target.len || *url->target.ptr != '/')
		slsc_puts(head, "/");
	slsc_put_str(head, url->target);
	slsc_puts(head, " HTTP/1.1\r\nHost: ");
	slsc_put_str(head, url->authority);
	for (size_t i = 0; i < call->field_count; i++) {
		const struct slsc_field *f = &call->fields[i];

		if (!slsc_rt_is_token(f->name))
			return SLSC_CALL_INVALID;
		for (size_t j = 0; j < sizeof(reserved) / sizeof(reserved[0]); j++) {
			if (slsc_rt_ieq(f->name, reserved[j]))
				return SLSC_CALL_INVALID;
		}
		for (size_t j = 0; j < f->value.len; j++) {
			unsigned char c = (unsigned char)f->value.ptr[j];

			if ((c < 0x20 && c != '\t') || c == 0x7f)
				return SLSC_CALL_INVALID;
		}
		agent |= slsc_rt_ieq(f->name, "user-agent");
		slsc_puts(head, "\r\n");
		slsc_put_str(head, f->name);
		slsc_puts(head, ": ");
		slsc_put_str(head, f->value);
	}
	if (!agent)
		slsc_puts(head, "\r\nUser-Agent: slsc");
	if (call->body.len || needs_length(method)) {
		slsc_puts(head, "\r\nContent-Length: ");
		slsc_put_u64(head, call->body.len);
	}
	slsc_puts(head, "\r\n\r\n");
	return head->full ? SLSC_CALL_INVALID : 0;
}

/*
 * Send head and body while looking for the answer: one may come early (413), and a peer that waits for somebody to
 * read its answer would read no more either. Returns 0 with @in whole, or an error.
 */
static int exchange(int fd, struct slsc_str head, struct slsc_str body, struct slsc_rt_incoming *in, int64_t end_ms)
{
	size_t left = head.len + body.len, room;
	int rc = 0, events;

	while (!rc) {
		if (left) {
			size_t head_left = left > body.len ? left - body.len : 0, body_left = left - head_left;
			struct iovec iov[] = {
				{(void *)(uintptr_t)(head.ptr + head.len - head_left), head_left},
				{(void *)(uintptr_t)(body.ptr + body.len - body_left), body_left},
			};
			struct msghdr msg = {.msg_iov = iov};
			ssize_t n;

			msg.msg_iovlen = body_left ? 2 : 1;
			n = sendmsg(fd, &msg, MSG_NOSIGNAL);
			if (n > 0)
				left -= (size_t)n;
			else if (errno != EAGAIN && errno != EINTR) {
				/* The peer takes no more, but may have said why. */
				left = 0;
				in->close = true;
			}
		}
		events = slsc_rt_wait_fd(fd, (short)(left ? POLLIN | POLLOUT : POLLIN), end_ms);
		if (!events)
			return SLSC_CALL_TIMEOUT;
		if (events & ~POLLOUT) {
			char *to = slsc_rt_incoming_room(in, &room, &rc);
			ssize_t n = to ? recv(fd, to, room, 0) : -1;

			if (!to)
				return rc;
			if (n > 0)
				rc = slsc_rt_incoming_feed(in, (size_t)n);
			else if (n == 0)
				rc = slsc_rt_incoming_end(in);
			else if (errno != EAGAIN && errno != EINTR)
				return SLSC_CALL_CLOSED;
		}
	}
	if (left)
		in->close = true;
	return rc < 0 ? rc : 0;
}

static int64_t end_of(const struct slsc_ctx *ctx, const struct slsc_call *call)
{
	int64_t ms = call->timeout_ms > 0 ? call->timeout_ms : SLSC_CALL_TIMEOUT_MS, left;

	left = slsc_remaining_ms(ctx);
	if (left != INT64_MAX) {
		left -= left / 10 < SLSC_CALL_MARGIN_MS ? left / 10 : SLSC_CALL_MARGIN_MS;
		if (left < ms)
			ms = left;
	}
	return slsc_rt_boot_ms() + ms;
}

int slsc_call(struct slsc_ctx *ctx, const struct slsc_call *call, struct slsc_answer *answer)
{
	char buf[SLSC_CALL_URL_MAX + 8192];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	const char *method = call->method ? call->method : "GET";
	size_t body_max = call->body_max ? call->body_max : SLSC_CALL_BODY_MAX;
	int64_t end_ms = end_of(ctx, call);
	struct slsc_rt_url url;
	int rc, fd;

	memset(answer, 0, sizeof(*answer));
	rc = slsc_rt_url_parse(call->url, &url);
	if (!rc)
		rc = put_head(&head, call, method, &url);
	if (rc)
		return rc;
	fd = take_kept(&url);
	for (bool fresh = fd < 0;; fresh = true) {
		struct slsc_rt_incoming in = {
			.ctx = ctx,
			.body_max = body_max < SLSC_ALLOC_MAX ? body_max : SLSC_ALLOC_MAX,
			.no_body = strcmp(method, "HEAD") == 0,
		};

		if (fresh)
			fd = connect_new(&url, end_ms);
		if (fd < 0)
			return fd;
		rc = exchange(fd, (struct slsc_str){buf, head.len}, call->body, &in, end_ms);
		if (!rc && !in.close)
			keep(fd, &url);
		else
			close(fd);
		if (rc == SLSC_CALL_CLOSED && !fresh && !in.len && !in.interim && idempotent(method))
			continue;
		return rc ? rc : slsc_rt_incoming_answer(&in, answer);
	}
}

RT_FOR_SIZE_END
