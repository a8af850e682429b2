/* SPDX-License-Identifier: Apache-2.0 */
#include "local/sink.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define ANSWER_MAX_ (16u << 10)

static void send_next(struct sink *s);

static void hang_up(struct sink *s)
{
	loop_io_del(s->loop, &s->io);
	if (s->io.fd >= 0)
		close(s->io.fd);
	s->io.fd = -1;
}

/* The batch has arrived, or is lost. */
static void over(struct sink *s, bool arrived)
{
	struct sink_batch *b = &s->out;

	loop_timer_stop(s->loop, &s->late);
	if (s->head || !arrived)
		hang_up(s);
	if (!arrived) {
		s->records += b->records + b->items - (b->records ? 1 : 0);
		s->bytes += b->bytes + b->text.len;
	}
	buf_reset(&b->text);
	b->items = 0;
	b->records = b->bytes = 0;
	s->state = SINK_IDLE;
	if (s->due)
		send_next(s);
}

/* Whether an answer is whole; *@good: and it says that all is well. */
static bool answered(struct sink *s, bool closed, bool *good)
{
	const char *end = strstr(s->answer.ptr, "\r\n\r\n"), *length;
	unsigned long status, n = 0;

	*good = false;
	if (!end)
		return closed || s->answer.len > ANSWER_MAX_;
	if (strncmp(s->answer.ptr, "HTTP/1.", 7) != 0 || s->answer.len < 12)
		return true;
	status = strtoul(s->answer.ptr + 9, NULL, 10);
	*good = status >= 200 && status < 400;
	length = strcasestr(s->answer.ptr, "\r\nContent-Length:");
	if (length && length < end)
		n = strtoul(length + 17, NULL, 10);
	return closed || s->answer.len > ANSWER_MAX_ || s->answer.len - (size_t)(end + 4 - s->answer.ptr) >= n;
}

static void receive(struct sink *s)
{
	bool closed = false, good = false;

	for (;;) {
		char b[4096];
		ssize_t n = recv(s->io.fd, b, sizeof(b), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		closed = n <= 0;
		/* of lines nobody is to answer */
		if (n > 0 && s->head && s->answer.len <= ANSWER_MAX_)
			buf_add(&s->answer, b, (size_t)n);
		if (closed)
			break;
	}
	if (!s->head) {
		if (closed && s->state == SINK_IDLE)
			hang_up(s);
		else if (closed)
			over(s, false);
	} else if (answered(s, closed, &good)) {
		over(s, good && s->state == SINK_ANSWER);
	}
}

static void transmit(struct sink *s)
{
	while (s->sent < s->out.text.len) {
		ssize_t n = send(s->io.fd, s->out.text.ptr + s->sent, s->out.text.len - s->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* it may have said why before it closed */
			if (s->head)
				receive(s);
			if (s->state != SINK_IDLE)
				over(s, false);
			return;
		}
		s->sent += (size_t)n;
	}
	if (s->head)
		s->state = SINK_ANSWER;
	else
		over(s, true);
}

static void ready(struct loop_io *io, uint32_t events)
{
	struct sink *s = CONTAINER_OF(io, struct sink, io);

	if (s->state == SINK_CONNECTING) {
		int e = 0;
		socklen_t len = sizeof(e);

		if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 || e) {
			over(s, false);
			return;
		}
		s->state = SINK_SENDING;
	}
	if (s->state == SINK_SENDING)
		transmit(s);
	/* what was sent just now may have ended it all */
	if (io->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(s);
}

static void too_late(struct loop_timer *t)
{
	over(CONTAINER_OF(t, struct sink, late), false);
}

static bool dial(struct sink *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(s->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct err err;

	s->io.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->io.fd < 0)
		return false;
	s->state = SINK_CONNECTING;
	if (connect(s->io.fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return false;
	return loop_io_add(s->loop, &s->io, EPOLLIN | EPOLLOUT | EPOLLET, &err) == 0;
}

static void send_next(struct sink *s)
{
	struct sink_batch *b = &s->out, taken = s->next;

	s->due = true;
	if (s->state != SINK_IDLE)
		return;
	s->due = false;
	loop_timer_stop(s->loop, &s->timer);
	if (!taken.items)
		return;
	s->next = *b;
	*b = taken;
	if (s->head) {
		struct buf whole = BUF_INIT;

		buf_reserve(&whole, strlen(s->head) + b->text.len + 64);
		buf_addf(&whole, "%sContent-Length: %zu\r\n\r\n[", s->head, b->text.len + 2);
		buf_adds(&whole, buf_str(&b->text));
		buf_addc(&whole, ']');
		buf_release(&b->text);
		b->text = whole;
	} else {
		buf_addc(&b->text, '\n');
	}
	s->sent = 0;
	buf_reset(&s->answer);
	loop_timer_set(s->loop, &s->late, SINK_LATE_NS);
	if (s->io.fd >= 0) {
		s->state = SINK_SENDING;
		transmit(s);
	} else if (!dial(s)) {
		over(s, false);
	}
}

static void timed(struct loop_timer *t)
{
	send_next(CONTAINER_OF(t, struct sink, timer));
}

void sink_init(struct sink *s)
{
	buf_init(&s->next.text);
	buf_init(&s->out.text);
	buf_init(&s->answer);
	s->io = (struct loop_io){ .fd = -1, .ready = ready };
	s->timer.expired = timed;
	s->late.expired = too_late;
}

static void append(struct sink *s, struct str event)
{
	struct sink_batch *b = &s->next;

	if (b->items)
		buf_addc(&b->text, s->head ? ',' : '\n');
	else
		loop_timer_set(s->loop, &s->timer, s->timeout_ns);
	buf_adds(&b->text, event);
	b->items++;
}

static bool is_full(const struct sink *s, size_t more)
{
	const struct sink_batch *b = &s->next;

	return b->items && (b->items >= s->max_items || b->text.len + more > s->max_bytes);
}

void sink_add(struct sink *s, struct str event)
{
	if (is_full(s, event.len + 1))
		send_next(s);
	if (is_full(s, event.len + 1)) {
		s->records++;
		s->bytes += event.len;
		return;
	}
	if (s->records && s->tell) {
		CLEAN_BUF struct buf b = BUF_INIT;

		s->tell(s, s->records, s->bytes, &b);
		append(s, buf_str(&b));
		s->next.records += s->records;
		s->next.bytes += s->bytes;
		s->records = s->bytes = 0;
	}
	append(s, event);
	if (is_full(s, 0))
		send_next(s);
}

void sink_flush(struct sink *s)
{
	send_next(s);
}

void sink_release(struct sink *s)
{
	hang_up(s);
	loop_timer_stop(s->loop, &s->timer);
	loop_timer_stop(s->loop, &s->late);
	buf_release(&s->next.text);
	buf_release(&s->out.text);
	buf_release(&s->answer);
	free(s->head);
}
