/* SPDX-License-Identifier: Apache-2.0 */
/* Event stream messages: their bytes, how awscli's parser reads them, and what hostile ones come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/deflate.h"
#include "base/mem.h"
#include "local/eventstream.h"
#include "os/fs.h"
#include "os/proc.h"

/* A line for each message: its headers as "name=value ", then its payload. */
static int show(void *ctx, const struct eventstream_message *m, struct err *err)
{
	struct buf *out = ctx;

	for (size_t i = 0; i < m->nheaders; i++)
		buf_addf(out, STR_FMT "=" STR_FMT " ", STR_ARG(m->headers[i].name), STR_ARG(m->headers[i].value));
	buf_addf(out, "[%zu] ", m->payload.len);
	buf_add(out, m->payload.ptr, m->payload.len);
	buf_addc(out, '\n');
	(void)err;
	return 0;
}

static int read_all(struct str in, size_t step, struct buf *out, struct err *err)
{
	CLEANUP(eventstream_release) struct eventstream s = EVENTSTREAM_INIT;

	for (size_t at = 0; at < in.len; at += step) {
		size_t n = in.len - at < step ? in.len - at : step;
		CLEAN_FREE char *copy = xmalloc(n);	/* so that reading past it is seen */

		memcpy(copy, in.ptr + at, n);
		if (eventstream_feed(&s, copy, n, show, out, err) < 0)
			return -1;
	}
	return eventstream_end(&s, err);
}

/* The examples of the specification. */
static void spec(void **state)
{
	static const char empty[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
	static const char json[] = "\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0c"
				   "content-type\x07\x00\x10"
				   "application/json{'foo':'bar'}\x8d\x9c\x08\xb1";
	const struct eventstream_header type = { STR("content-type"), STR("application/json") };
	CLEAN_BUF struct buf out = BUF_INIT, shown = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	eventstream_add(&out, NULL, 0, STR(""));
	assert_int_equal(out.len, sizeof(empty) - 1);
	assert_memory_equal(out.ptr, empty, out.len);
	eventstream_add(&out, &type, 1, STR("{'foo':'bar'}"));
	assert_int_equal(out.len, sizeof(empty) - 1 + sizeof(json) - 1);
	assert_memory_equal(out.ptr + sizeof(empty) - 1, json, sizeof(json) - 1);
	for (size_t step = 1; step <= out.len; step++) {
		buf_reset(&shown);
		assert_int_equal(read_all(buf_str(&out), step, &shown, &err), 0);
		assert_string_equal(shown.ptr, "[0] \ncontent-type=application/json [13] {'foo':'bar'}\n");
	}
}

static void python(struct str in, int want, struct buf *out)
{
	const char *src = getenv("SLSC_SRC");
	CLEAN_FREE char *script = xasprintf("%s/tests/e2e/support/eventstream_check.py", src ? src : "."), *shown;
	const char *const argv[] = { "/usr/bin/python3", script, NULL };
	struct err err = ERR_INIT;
	CLEAN_FD int fd = fs_scratch(&shown, &err);
	struct proc_opts o = { .out = out, .errout = out, .stdin_fd = fd, .limit = 8u << 20 };
	int status;

	assert_int_equal(fs_write_all(fd, in.ptr, in.len, shown, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (proc_run(argv, &o, &status, &err) < 0)
		fail_msg("%s", err.msg);
	if (status != want)
		fail_msg("exit %d: %s", status, out->ptr);
}

#define EVENT "[{\":message-type\": \"event\", \":event-type\": "

/* What we write, awscli's parser reads. */
static void botocore(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT, got = BUF_INIT;
	static const char expected[] =
		EVENT "\"PayloadChunk\", \":content-type\": \"application/octet-stream\"}, \"AAECaGVsbG8=\"]\n"
		EVENT "\"InvokeComplete\", \":content-type\": \"application/json\"}, \"e30=\"]\n"
		/* {"ErrorCode":"Unhandled","ErrorDetails":"a \"b\"","LogResult":"aGVsbG8K"} */
		EVENT "\"InvokeComplete\", \":content-type\": \"application/json\"}, "
		"\"eyJFcnJvckNvZGUiOiJVbmhhbmRsZWQiLCJFcnJvckRldGFpbHMiOiJhIFwiYlwiIiwiTG9nUmVzdWx0IjoiYUdWc2JHOEsi"
		"fQ==\"]\n"
		EVENT "\"InvokeComplete\", \":content-type\": \"application/json\"}, "
		/* {"LogResult":"aGk="} */
		"\"eyJMb2dSZXN1bHQiOiJhR2s9In0=\"]\n";

	(void)state;
	eventstream_add_chunk(&out, "\0\1\2hello", 8);
	eventstream_add_chunk(&out, "", 0);
	eventstream_add_complete(&out, STR(""), STR(""), STR(""));
	eventstream_add_complete(&out, STR("Unhandled"), STR("a \"b\""), STR("hello\n"));
	eventstream_add_complete(&out, STR(""), STR(""), STR("hi"));
	python(buf_str(&out), 0, &got);
	assert_string_equal(got.ptr, expected);
	/* and it does look at the CRC */
	buf_reset(&got);
	out.ptr[out.len - 1] ^= 1;
	python(buf_str(&out), 1, &got);
	assert_non_null(strstr(got.ptr, "ChecksumMismatch\n"));
}

/* A large answer is several messages, and the same bytes. */
static void large(void **state)
{
	const size_t size = 2 * EVENTSTREAM_CHUNK_MAX + 5;
	CLEAN_FREE char *data = xcalloc(1, size);
	CLEAN_BUF struct buf out = BUF_INIT, got = BUF_INIT;
	size_t lines = 0;

	(void)state;
	memset(data, 'x', size);
	eventstream_add_chunk(&out, data, size);
	python(buf_str(&out), 0, &got);
	for (char *p = got.ptr; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 3);
	assert_non_null(strstr(got.ptr, "\"eHh4eHg=\"]\n"));
}

static void seal(struct buf *b)
{
	uint32_t crc = __builtin_bswap32(deflate_crc32(0, b->ptr, 8));

	memcpy(b->ptr + 8, &crc, 4);
	crc = __builtin_bswap32(deflate_crc32(0, b->ptr, b->len - 4));
	memcpy(b->ptr + b->len - 4, &crc, 4);
}

/* A message of these lengths, headers and payload, whose CRCs are right. */
static void craft(struct buf *b, uint32_t all, uint32_t headers, struct str rest)
{
	all = __builtin_bswap32(all);
	headers = __builtin_bswap32(headers);
	buf_add(b, &all, 4);
	buf_add(b, &headers, 4);
	buf_add(b, "CRC.", 4);
	buf_adds(b, rest);
	buf_add(b, "CRC.", 4);
	seal(b);
}

static void hostile(void **state)
{
	static const struct {
		uint32_t all, headers;
		struct str rest;
		enum err_code code;
		const char *msg;
	} cases[] = {
		{ 15, 0, STR(""), ERR_FORMAT, "event stream, byte 0: a message is shorter than its headers" },
		{ 16, 1, STR(""), ERR_FORMAT, "event stream, byte 0: a message is shorter than its headers" },
		{ 0xffffffff, 0, STR(""), ERR_LIMIT,
		  "limit exceeded: event stream, byte 0: a message of 4294967295 bytes" },
		{ 0xffffffff, 0xfffffff0, STR(""), ERR_LIMIT,
		  "limit exceeded: event stream, byte 0: a message of 4294967295 bytes" },
		{ 20, 0, STR(""), ERR_FORMAT, "event stream, byte 0: it ends within a message" },
		{ 17, 1, STR("\5"), ERR_FORMAT, "event stream, byte 0: a header's name is cut off" },
		{ 18, 2, STR("\0\7"), ERR_FORMAT, "event stream, byte 0: a header's name is cut off" },
		{ 19, 3, STR("\1a\7"), ERR_FORMAT, "event stream, byte 0: a header's value is cut off" },
		{ 22, 6, STR("\1a\7\0\2x"), ERR_FORMAT, "event stream, byte 0: a header's value is cut off" },
		{ 19, 3, STR("\1a\12"), ERR_FORMAT, "event stream, byte 0: a header is of no known type" },
		{ 22, 6, STR("\1a\4\0\0\1"), ERR_FORMAT, "event stream, byte 0: a header's value is cut off" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf b = BUF_INIT, shown = BUF_INIT;
		struct err err = ERR_INIT;

		craft(&b, cases[i].all, cases[i].headers, cases[i].rest);
		for (size_t step = 1; step <= b.len; step++) {
			assert_int_equal(read_all(buf_str(&b), step, &shown, &err), -1);
			assert_int_equal(err.code, cases[i].code);
			assert_string_equal(err.msg, cases[i].msg);
		}
	}
}

static void damage(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, shown = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	eventstream_add_chunk(&b, "abc", 3);
	for (size_t i = 0; i < b.len; i++) {
		b.ptr[i] ^= 0x10;
		assert_int_equal(read_all(buf_str(&b), b.len, &shown, &err), -1);
		assert_string_equal(err.msg, i < 12 ? "event stream, byte 0: the CRC of a message's lengths is wrong"
						    : "event stream, byte 0: a message's CRC is wrong");
		b.ptr[i] ^= 0x10;
	}
	assert_string_equal(shown.ptr, "");
	/* headers of other types are passed over; the offset is that of the message */
	buf_reset(&b);
	craft(&b, 16 + 3 + 4 + 6, 13, STR("\1t\0\1i\2\7\1s\7\0\1v"));
	assert_int_equal(read_all(buf_str(&b), 1, &shown, &err), 0);
	assert_string_equal(shown.ptr, "s=v [0] \n");
	buf_add(&b, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(read_all(buf_str(&b), 1, &shown, &err), -1);
	assert_string_equal(err.msg, "event stream, byte 29: the CRC of a message's lengths is wrong");
}

static int copy_last(void *ctx, const struct eventstream_message *m, struct err *err)
{
	struct eventstream_complete *c = ctx;

	switch (eventstream_kind(m)) {
	case EVENTSTREAM_COMPLETE:
		return eventstream_complete(m->payload, c, err);
	case EVENTSTREAM_REFUSED:
		buf_adds(&c->code, eventstream_value(m, ":exception-type"));
		return 0;
	case EVENTSTREAM_CHUNK:
	case EVENTSTREAM_OTHER:
		break;
	}
	return err_set(err, ERR_FORMAT, "another kind");
}

static int last(const struct buf *b, struct eventstream_complete *c, struct err *err)
{
	CLEANUP(eventstream_release) struct eventstream s = EVENTSTREAM_INIT;

	return eventstream_feed(&s, b->ptr, b->len, copy_last, c, err);
}

static void complete(void **state)
{
	const struct eventstream_header event[] = { { STR(":message-type"), STR("event") },
						    { STR(":event-type"), STR("InvokeComplete") } };
	const struct eventstream_header refused[] = { { STR(":message-type"), STR("exception") },
						      { STR(":exception-type"), STR("ServiceException") } };
	CLEANUP(eventstream_complete_release) struct eventstream_complete c = EVENTSTREAM_COMPLETE_INIT;
	CLEANUP(eventstream_complete_release) struct eventstream_complete none = EVENTSTREAM_COMPLETE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	eventstream_add_complete(&b, STR("Unhandled"), STR("{\"errorMessage\":\"x\"}"), STR("START\nEND\n"));
	assert_int_equal(last(&b, &c, &err), 0);
	assert_string_equal(c.code.ptr, "Unhandled");
	assert_string_equal(c.details.ptr, "{\"errorMessage\":\"x\"}");
	assert_string_equal(c.log.ptr, "START\nEND\n");
	buf_reset(&b);
	eventstream_add(&b, event, 2, STR("[]"));
	assert_int_equal(last(&b, &none, &err), -1);
	assert_string_equal(err.msg, "event stream: InvokeComplete is no JSON object");
	buf_reset(&b);
	eventstream_add(&b, event, 2, STR("{\"LogResult\":\"?\"}"));
	assert_int_equal(last(&b, &none, &err), -1);
	assert_string_equal(err.msg, "event stream: InvokeComplete: LogResult is no base64");
	buf_reset(&b);
	eventstream_add(&b, refused, 2, STR(""));
	assert_int_equal(last(&b, &none, &err), 0);
	assert_string_equal(none.code.ptr, "ServiceException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spec),	   cmocka_unit_test(botocore), cmocka_unit_test(large),
		cmocka_unit_test(hostile), cmocka_unit_test(damage),   cmocka_unit_test(complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
