/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event stream messages. CRCs would keep a fuzzer out: the first byte tells whether they are put right, as far as the
 * lengths lead. However the bytes are cut, they come to the same; what is read can be written, and read again.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/deflate.h"
#include "base/mem.h"
#include "local/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf all;
	bool again;
};

static int see(void *ctx, const struct eventstream_message *m, struct err *err)
{
	struct seen *seen = ctx;
	struct eventstream_complete c = EVENTSTREAM_COMPLETE_INIT;
	struct err ignored = ERR_INIT;

	(void)err;
	for (size_t i = 0; i < m->nheaders; i++)
		buf_addf(&seen->all, "%zu %zu ", m->headers[i].name.len, m->headers[i].value.len);
	buf_add(&seen->all, m->payload.ptr, m->payload.len);
	if (eventstream_kind(m) == EVENTSTREAM_COMPLETE && eventstream_complete(m->payload, &c, &ignored) < 0 &&
	    !ignored.code)
		abort();
	eventstream_complete_release(&c);
	if (seen->again) {
		struct buf b = BUF_INIT;
		struct seen second = { .all = BUF_INIT }, first = { .all = BUF_INIT };
		struct eventstream s = EVENTSTREAM_INIT;

		eventstream_add(&b, m->headers, m->nheaders, m->payload);
		if (see(&first, m, &ignored) < 0 || eventstream_feed(&s, b.ptr, b.len, see, &second, &ignored) < 0 ||
		    !str_eq(buf_str(&first.all), buf_str(&second.all)))
			abort();
		eventstream_release(&s);
		buf_release(&first.all);
		buf_release(&second.all);
		buf_release(&b);
	}
	return 0;
}

static int run(const char *p, size_t n, size_t step, struct seen *seen, struct err *err)
{
	struct eventstream s = EVENTSTREAM_INIT;
	int ret = 0;

	for (size_t at = 0; ret == 0 && at < n; at += step)
		ret = eventstream_feed(&s, p + at, n - at < step ? n - at : step, see, seen, err);
	if (ret == 0)
		ret = eventstream_end(&s, err);
	eventstream_release(&s);
	return ret;
}

static void put(char *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, 4);
}

static void put_right(char *p, size_t n)
{
	uint32_t all;

	for (; n >= 16; p += all, n -= all) {
		memcpy(&all, p, 4);
		all = be32toh(all);
		put(p + 8, deflate_crc32(0, p, 8));
		if (all < 16 || all > n)
			return;
		put(p + all - 4, deflate_crc32(0, p, all - 4));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 7, 13, 100 };
	struct seen whole = { .all = BUF_INIT, .again = true };
	struct err err = ERR_INIT;
	char *p;
	int ret;

	if (!size)
		return 0;
	p = xmalloc(size);
	memcpy(p, data, size);
	if (p[0] & 1)
		put_right(p + 1, size - 1);
	ret = run(p + 1, size - 1, SIZE_MAX / 2, &whole, &err);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct seen cut = { .all = BUF_INIT };
		struct err other = ERR_INIT;

		if (run(p + 1, size - 1, steps[i], &cut, &other) != ret || strcmp(err.msg, other.msg) != 0 ||
		    !str_eq(buf_str(&whole.all), buf_str(&cut.all)))
			abort();
		buf_release(&cut.all);
	}
	buf_release(&whole.all);
	free(p);
	return 0;
}
