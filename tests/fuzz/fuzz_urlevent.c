/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What functions answer to their URL, whole ('A') or streamed ('P'), and requests to it ('R': lines of method, path,
 * query, names and values of headers, an empty one, then the body). Whatever comes, what goes on is fit to be sent.
 */
#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/vec.h"
#include "fuzz.h"
#include "local/urlevent.h"

static void check(const struct urlevent_answer *a, int ret, const struct err *err)
{
	size_t types = 0, bytes = 0;

	CHECK(a->status >= 200 && a->status <= 599 && a->nheaders <= URLEVENT_HEADERS_MAX + 1);
	for (size_t i = 0; i < a->nheaders; i++) {
		const char *name = a->headers[i].name, *value = a->headers[i].value;

		CHECK(*name && !strpbrk(name, "\r\n: \t") && !strpbrk(value, "\r\n"));
		types += strcasecmp(name, "content-type") == 0;
		bytes += strlen(name) + strlen(value);
	}
	CHECK(types && bytes <= URLEVENT_HEADER_BYTES + 64);
	CHECK(ret >= 0 || (a->status == 502 && err->msg[0]));
}

static void answer(struct str in)
{
	struct urlevent_answer a = URLEVENT_ANSWER_INIT;
	struct err err = ERR_INIT;
	int ret = urlevent_answer(&a, in, &err);

	check(&a, ret, &err);
	urlevent_answer_release(&a);
}

/* Returns where the body begins; or 0: more is needed; SIZE_MAX: it is none. */
static size_t prelude(struct str in, size_t step, struct urlevent_answer *a)
{
	struct urlevent_prelude p = URLEVENT_PRELUDE_INIT;
	struct err err = ERR_INIT;
	size_t at = 0, used = 0;
	int ret = 0;

	for (; ret == 0 && at < in.len; at += used) {
		size_t n = in.len - at < step ? in.len - at : step;

		ret = urlevent_prelude_feed(&p, in.ptr + at, n, &used, a, &err);
		CHECK(used <= n && (ret == 1 || used == n) && p.text.len <= URLEVENT_PRELUDE_MAX);
	}
	if (ret)
		check(a, ret, &err);
	urlevent_prelude_release(&p);
	return ret < 0 ? SIZE_MAX : ret ? at : 0;
}

static void preludes(struct str in)
{
	static const size_t steps[] = { 1, 5, 9 };
	struct urlevent_answer whole = URLEVENT_ANSWER_INIT;
	size_t at = prelude(in, SIZE_MAX / 2, &whole);

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct urlevent_answer a = URLEVENT_ANSWER_INIT;

		CHECK(prelude(in, steps[i], &a) == at && a.status == whole.status && a.nheaders == whole.nheaders);
		urlevent_answer_release(&a);
	}
	urlevent_answer_release(&whole);
}

static void request(struct str in)
{
	VEC(struct urlevent_header) headers = { .len = 0 };
	struct urlevent_request r = { .source_ip = STR("127.0.0.1"), .time_ns = 1709946123456000000ull };
	struct strs kept = { .len = 0 };
	struct buf out = BUF_INIT;
	struct str *first[] = { &r.method, &r.path, &r.query };
	json_t *root;

	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct str rest = str_cut(&in, '\n');

		*first[i] = in;
		in = rest;
	}
	for (;;) {
		struct str rest = str_cut(&in, '\n'), value;

		if (!in.len) {
			r.body = rest;
			break;
		}
		strs_take(&kept, xstrndup(in.ptr, in.len));
		in = rest;
		rest = str_cut(&in, '\n');
		value = in;
		strs_take(&kept, xstrndup(value.len ? value.ptr : "", value.len));
		in = rest;
	}
	for (size_t i = 0; i + 1 < kept.len; i += 2)
		VEC_PUSH(&headers, ((struct urlevent_header){ kept.ptr[i], kept.ptr[i + 1] }));
	r.headers = headers.ptr;
	r.nheaders = headers.len;
	urlevent_add(&out, &r);
	root = json_loadb(out.ptr, out.len, JSON_ALLOW_NUL, NULL);
	/* a name that holds a NUL is JSON, but jansson refuses it */
	CHECK(root || strstr(out.ptr, "\\u0000"));
	json_decref(root);
	buf_release(&out);
	strs_release(&kept);
	VEC_FREE(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in;
	char *copy;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	in = (struct str){ copy, size - 1 };
	if (data[0] == 'P')
		preludes(in);
	else if (data[0] == 'R')
		request(in);
	else
		answer(in);
	free(copy);
	return 0;
}
