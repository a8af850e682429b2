/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz the log writer: whatever message, ids, trace header, keys and values are, a line is one line of at most 4,096
 * bytes, in JSON form one valid object of valid UTF-8, and in text form printable. The input is cut into pieces at
 * 0xff bytes: request id, trace header, message, then pairs whose first byte is the type of the value.
 */
#include "../../runtime/log.h"

#include <jansson.h>
#include <string.h>

#include "fuzz.h"

struct pieces {
	const uint8_t *at, *end;
};

/* The next piece on the heap, exact, so that a read past its end is seen; NUL-terminated when @text. */
static char *take(struct pieces *p, bool text, size_t *len)
{
	const uint8_t *to = p->at < p->end ? memchr(p->at, 0xff, (size_t)(p->end - p->at)) : NULL;
	char *copy;

	if (!to)
		to = p->end;
	*len = (size_t)(to - p->at);
	copy = malloc(*len + text + !*len);
	CHECK(copy);
	if (*len)
		memcpy(copy, p->at, *len);
	if (text)
		copy[*len] = '\0';
	p->at = to < p->end ? to + 1 : p->end;
	return copy;
}

static void add_pair(struct slsc_rt_line *line, struct pieces *p)
{
	size_t key_len, len;
	char *key = take(p, true, &key_len), *value = take(p, false, &len);
	struct slsc_kv kv = slsc_kv_str(key, (struct slsc_str){value, len});
	double number = 0;
	int64_t integer = 0;

	memcpy(&number, value, len < sizeof(number) ? len : sizeof(number));
	memcpy(&integer, value, len < sizeof(integer) ? len : sizeof(integer));
	switch (key_len ? key[0] % 6 : 0) {
	case 1:
		kv = slsc_kv_i64(key, integer);
		break;
	case 2:
		kv = slsc_kv_u64(key, (uint64_t)integer);
		break;
	case 3:
		kv = slsc_kv_f64(key, number);
		break;
	case 4:
		kv = slsc_kv_bool(key, integer & 1);
		break;
	case 5:
		kv = slsc_kv_cstr(NULL, NULL);
		break;
	default:
		break;
	}
	slsc_rt_line_pair(line, &kv);
	free(key);
	free(value);
}

static void one_line(const uint8_t *data, size_t size, bool json)
{
	struct pieces p = {data, data + size};
	struct slsc_rt_line *line = malloc(sizeof(*line));
	struct slsc_ctx ctx = {0};
	struct slsc_str parts[2];
	size_t len;
	char *id = take(&p, false, &ctx.request_id.len), *trace = take(&p, false, &ctx.trace_id.len);
	char *message = take(&p, false, &len);

	CHECK(line);
	ctx.request_id.ptr = id;
	ctx.trace_id.ptr = trace;
	parts[0] = (struct slsc_str){message, len};
	parts[1] = SLSC_STR("\n\"end\"");
	slsc_rt_line_begin(line, &ctx, SLSC_WARN, parts, 2, 1024);
	for (int i = 0; i < 40 && p.at < p.end; i++)
		add_pair(line, &p);
	slsc_rt_line_end(line);
	CHECK(line->out.ptr == line->buf && !line->out.full);
	len = line->out.len;
	CHECK(len > 1 && len <= LOG_LINE_MAX && memchr(line->buf, '\n', len) == line->buf + len - 1);
	for (size_t i = 0; i < len - 1; i++)
		CHECK((unsigned char)line->buf[i] >= ' ' && line->buf[i] != 0x7f);
	if (json) {
		/* jansson accepts what RFC 8259 does, an escaped NUL and 2^63 included, in valid UTF-8 only. */
		json_error_t error;
		json_t *value = json_loadb(line->buf, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);

		CHECK(json_is_object(value));
		CHECK(json_object_get(value, "timestamp") && json_object_get(value, "level"));
		CHECK(json_object_get(value, "message"));
		json_decref(value);
	}
	free(line);
	free(id);
	free(trace);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CHECK(!setenv("AWS_LAMBDA_FUNCTION_NAME", "f\"\n\xfe", 1) && !setenv("AWS_REGION", "r", 1));
	CHECK(!setenv("AWS_LAMBDA_LOG_FORMAT", "JSON", 1));
	one_line(data, size, true);
	CHECK(!setenv("AWS_LAMBDA_LOG_FORMAT", "TEXT", 1));
	one_line(data, size, false);
	return 0;
}
