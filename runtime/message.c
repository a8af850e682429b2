/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of HTTP/1.1 (RFC 9112) that a client and a server read alike: heads, fields, framing,
 * chunked bodies.
 */
#include "internal.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

ssize_t slsc_rt_head_end(const char *buf, size_t len, size_t *scan)
{
	const char *p = buf + *scan, *end = buf + len;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		if (p == buf || p[-1] != '\r')
			return -1;
		if (p - buf >= 3 && p[-2] == '\n')
			return p - buf + 1;
		p++;
	}
	*scan = len;
	return 0;
}

/* The characters of tokens (RFC 9110, 5.6.2), a bit each: 0x20 to 0x3f, 0x40 to 0x5f, 0x60 to 0x7f. */
static bool is_tchar(char c)
{
	static const uint32_t bits[] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
	unsigned char u = (unsigned char)c;

	return u < 0x80 && (bits[u >> 5] >> (u & 31) & 1);
}

bool slsc_rt_is_token(struct slsc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_tchar(s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slsc_str trim(const char *from, const char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	return (struct slsc_str){from, (size_t)(to - from)};
}

int slsc_rt_field_next(const char **p, const char *end, struct slsc_field *field)
{
	const char *line = *p, *nl = memchr(line, '\n', (size_t)(end - line)), *colon;

	if (!nl || nl == line || nl[-1] != '\r')
		return -1;
	*p = nl + 1;
	nl--;
	if (nl == line)
		return 0;
	colon = memchr(line, ':', (size_t)(nl - line));
	if (!colon)
		return -1;
	field->name = (struct slsc_str){line, (size_t)(colon - line)};
	/* A blank before the colon, or a folded line, fails here. */
	if (!slsc_rt_is_token(field->name))
		return -1;
	field->value = trim(colon + 1, nl);
	for (size_t i = 0; i < field->value.len; i++) {
		unsigned char c = (unsigned char)field->value.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return -1;
	}
	return 1;
}

static void connection_options(struct slsc_rt_framing *f, struct slsc_str list)
{
	const char *p = list.ptr, *end = list.ptr + list.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct slsc_str option = trim(p, comma ? comma : end);

		if (slsc_rt_ieq(option, "close"))
			f->close = true;
		else if (slsc_rt_ieq(option, "keep-alive"))
			f->keep_alive = true;
		p = comma ? comma + 1 : end;
	}
}

int slsc_rt_framing_field(struct slsc_rt_framing *f, const struct slsc_field *field)
{
	/* By length first: most fields are none of these. */
	if (field->name.len == 14 && slsc_rt_ieq(field->name, "content-length")) {
		if (f->has_length || f->chunked || slsc_rt_u64(field->value, &f->length))
			return -1;
		f->has_length = true;
	} else if (field->name.len == 17 && slsc_rt_ieq(field->name, "transfer-encoding")) {
		if (f->has_length || f->chunked || !slsc_rt_ieq(field->value, "chunked"))
			return -1;
		f->chunked = true;
	} else if (field->name.len == 10 && slsc_rt_ieq(field->name, "connection")) {
		connection_options(f, field->value);
	}
	return 0;
}

enum chunk_state {
	CHUNK_SIZE, /* the zero state: a size line begins */
	CHUNK_EXT,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* a trailer line begins, or the end */
	CHUNK_TRAILER_REST,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
};

#define CHUNK_OVERHEAD_MAX 8192

/* One byte of anything but data. Returns 1 at the end of the body, 0, or -400. */
static int chunked_byte(struct slsc_rt_chunked *c, char byte)
{
	int digit;

	switch (c->state) {
	case CHUNK_SIZE:
		digit = slsc_rt_hex(byte);
		if (digit >= 0) {
			/* 15 digits cannot overflow and mean more than any limit. */
			if (++c->digits > 15)
				return -400;
			c->left = c->left << 4 | (unsigned)digit;
			return 0;
		}
		if (!c->digits)
			return -400;
		if (byte == '\r')
			c->state = CHUNK_SIZE_LF;
		else if (byte == ';')
			c->state = CHUNK_EXT;
		else
			return -400;
		return 0;
	case CHUNK_EXT:
	case CHUNK_TRAILER_REST:
		if (byte == '\r')
			c->state = c->state == CHUNK_EXT ? CHUNK_SIZE_LF : CHUNK_TRAILER_LF;
		else if (byte == '\n' || byte == '\0' || ++c->overhead > CHUNK_OVERHEAD_MAX)
			return -400;
		return 0;
	case CHUNK_SIZE_LF:
		c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
		return byte == '\n' ? 0 : -400;
	case CHUNK_DATA_CR:
		c->state = CHUNK_DATA_LF;
		return byte == '\r' ? 0 : -400;
	case CHUNK_DATA_LF:
		c->state = CHUNK_SIZE;
		c->digits = 0;
		return byte == '\n' ? 0 : -400;
	case CHUNK_TRAILER:
		c->state = byte == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_REST;
		if (++c->overhead > CHUNK_OVERHEAD_MAX)
			return -400;
		return byte == '\r' || is_tchar(byte) ? 0 : -400;
	case CHUNK_TRAILER_LF:
		c->state = CHUNK_TRAILER;
		return byte == '\n' ? 0 : -400;
	default:
		return byte == '\n' ? 1 : -400;
	}
}

int slsc_rt_chunked_step(struct slsc_rt_chunked *c, char *dst, size_t *len, size_t max,
			 const char *src, size_t src_len, size_t *used)
{
	size_t i = 0;
	int rc = 0;

	while (i < src_len && rc == 0) {
		size_t n = src_len - i;

		if (c->state != CHUNK_DATA) {
			rc = chunked_byte(c, src[i++]);
			if (c->state == CHUNK_DATA && c->left > max - *len)
				rc = -413;
			continue;
		}
		if (n > c->left)
			n = (size_t)c->left;
		memmove(dst + *len, src + i, n);
		*len += n;
		i += n;
		c->left -= n;
		if (!c->left)
			c->state = CHUNK_DATA_CR;
	}
	*used = i;
	return rc;
}

RT_FOR_SIZE_END
