/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are not one buffer: borrowed pieces, files, streams. */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/* As much as one connection sends before the others have their turn. */
#define FILE_TURN (2u << 20)
#define CHUNK_MAX 61440u
#define CHUNK_HEAD 6u /* four digits, CR, LF */

int slsc_response_piece(struct slsc_response *res, struct slsc_str piece)
{
	if (!piece.len)
		return 0;
	if (res->piece_count == SLSC_PIECES_MAX)
		return -1;
	res->pieces[res->piece_count++] = piece;
	return 0;
}

int slsc_response_file(struct slsc_response *res, int fd, uint64_t at, uint64_t len)
{
	struct stat st;

	if (fd < 0)
		return -1;
	if (res->file < 0 && !res->stream && !fstat(fd, &st) && S_ISREG(st.st_mode) && at <= (uint64_t)st.st_size &&
	    (len == UINT64_MAX || len <= (uint64_t)st.st_size - at)) {
		res->file = fd;
		res->file_at = at;
		res->file_len = len == UINT64_MAX ? (uint64_t)st.st_size - at : len;
		return 0;
	}
	close(fd);
	return -1;
}

int slsc_response_stream(struct slsc_response *res, slsc_stream_fn *fn, const void *state,
			 size_t size)
{
	if (res->file >= 0 || res->stream || size > SLSC_STREAM_STATE_MAX)
		return -1;
	res->stream = fn;
	res->stream_size = size;
	if (size)
		memcpy(res->stream_state.bytes, state, size);
	return 0;
}

void slsc_rt_file_cork(const struct conn *c, int on)
{
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

int slsc_rt_file_send(struct conn *c)
{
	uint64_t turn = FILE_TURN;

	while (c->file_left) {
		off_t at = (off_t)c->file_at;
		size_t want = c->file_left < turn ? (size_t)c->file_left : (size_t)turn;
		ssize_t n = sendfile(c->fd, c->file, &at, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		/* 0: the file has become shorter than what was promised. */
		if (n <= 0)
			return -1;
		c->file_at += (uint64_t)n;
		c->file_left -= (uint64_t)n;
		turn -= (uint64_t)n;
		slsc_rt_deadline_in(c, WRITE_MS);
		if (!turn && c->file_left) {
			slsc_rt_conn_again(c);
			return 1;
		}
	}
	if (c->corked)
		slsc_rt_file_cork(c, 0);
	c->corked = false;
	return 0;
}

void slsc_rt_tail_end(slsc_stream_fn *fn, void *state)
{
	static struct slsc_ctx ctx;

	memset(&ctx, 0, sizeof(ctx));
	(void)fn(&ctx, state, NULL);
	slsc_rt_arena_reset();
}

int slsc_rt_tail_next(slsc_stream_fn *fn, void *state, int64_t deadline_ms,
			struct slsc_out *out)
{
	static struct slsc_ctx ctx;
	int rc;

	memset(&ctx, 0, sizeof(ctx));
	slsc_rt_fail_clear(&ctx);
	ctx.deadline_ms = deadline_ms;
	rc = fn(&ctx, state, out);
	if (rc >= 0 && out->full)
		rc = slsc_fail(&ctx, "ResponseSizeTooLarge", "a piece of a stream does not fit");
	if (rc < 0)
		slsc_rt_log_fail(&ctx, "stream failed");
	return rc;
}

int slsc_rt_tail_begin(struct conn *c, const struct slsc_response *res, int64_t deadline_ms,
			 bool chunked)
{
	struct slsc_rt_tail *s;

	if (slsc_rt_region_grow(&c->tail, sizeof(*s)))
		return -1;
	s = (void *)c->tail.ptr;
	s->fn = res->stream;
	s->deadline_ms = deadline_ms;
	s->chunked = chunked;
	memcpy(s->state, res->stream_state.bytes, res->stream_size);
	return 0;
}

int slsc_rt_tail_send(struct conn *c)
{
	static char buf[CHUNK_HEAD + CHUNK_MAX + 7];
	static const char hex[] = "0123456789abcdef";
	struct slsc_rt_tail *s = (void *)c->tail.ptr;
	struct slsc_out out = {buf + CHUNK_HEAD, 0, CHUNK_MAX, false};
	struct iovec iov = {buf + CHUNK_HEAD, 0};
	int rc = slsc_rt_tail_next(s->fn, s->state, s->deadline_ms, &out);

	slsc_rt_arena_reset();
	if (rc < 0)
		return -1;
	iov.iov_len = out.len;
	if (s->chunked) {
		char *end = buf + CHUNK_HEAD + out.len;

		if (out.len) {
			/* As many digits as the largest has: leading zeros are allowed. */
			iov.iov_base = buf;
			for (unsigned i = 0; i < 4; i++)
				buf[i] = hex[out.len >> (12 - 4 * i) & 15];
			memcpy(buf + 4, "\r\n", 2);
			memcpy(end, "\r\n", 2);
			end += 2;
		}
		if (!rc) {
			memcpy(end, "0\r\n\r\n", 5);
			end += 5;
		}
		iov.iov_len = (size_t)(end - (char *)iov.iov_base);
	}
	if (!iov.iov_len && rc) {
		c->waiting = true;
		slsc_rt_deadline_in(c, STREAM_MS);
		return 1;
	}
	for (size_t left = iov.iov_len; left;) {
		ssize_t n = send(c->fd, iov.iov_base, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (slsc_rt_region_grow(&c->out, left))
				return -1;
			memcpy(c->out.ptr, iov.iov_base, left);
			c->out.len = left;
			break;
		}
		if (n < 0)
			return -1;
		iov.iov_base = (char *)iov.iov_base + n;
		left -= (size_t)n;
		slsc_rt_deadline_in(c, WRITE_MS);
	}
	return rc ? 2 : 0;
}

RT_FOR_SIZE_END
