/* SPDX-License-Identifier: Apache-2.0 */
/* What a function says went wrong, and the log line. */
#include "log.h"

#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/* Bytes, escaped: of one member that comes from outside; of all that follow the message; for pairs. */
#define MEMBER_MAX  128u
#define CONTEXT_MAX 768u
#define PAIRS_MIN   1024u

static void copy_cut(char *dst, size_t size, const char *src)
{
	size_t len = src ? strlen(src) : 0;

	if (len > size - 1)
		len = size - 1;
	if (len)
		memcpy(dst, src, len);
	dst[len] = '\0';
}

int slsc_fail(struct slsc_ctx *ctx, const char *type, const char *message)
{
	copy_cut(ctx->fail_type, sizeof(ctx->fail_type), type && *type ? type : "Error");
	copy_cut(ctx->fail_message, sizeof(ctx->fail_message), message);
	return -1;
}

void slsc_rt_fail_clear(struct slsc_ctx *ctx)
{
	slsc_fail(ctx, "Error", "the handler failed without saying why");
}

/* ---- the trace ---- */

/* Copy @len hexadecimal digits at @p to @dst, hyphens aside; an empty string when there are not so many. */
static void take_hex(const char *p, const char *end, char *dst, size_t len)
{
	size_t n = 0;

	for (; p < end && n < len && (*p == '-' || slsc_rt_hex(*p) >= 0); p++) {
		if (*p != '-')
			dst[n++] = slsc_rt_lower(*p);
	}
	dst[n == len ? n : 0] = '\0';
}

void slsc_trace_parse(struct slsc_str header, struct slsc_trace *t)
{
	const char *p = header.ptr, *end = p ? p + header.len : p;

	t->trace_id[0] = t->span_id[0] = t->flags[0] = '\0';
	if (header.len >= 55 && p[35] == '-' && p[52] == '-') {
		take_hex(p + 3, p + 35, t->trace_id, 32);
		take_hex(p + 36, p + 52, t->span_id, 16);
		take_hex(p + 53, p + 55, t->flags, 2);
		return;
	}
	/* The first letters of Root, Parent and Sampled differ: what follows the '=' must fit, too. */
	while (end - p > 8) {
		const char *to = memchr(p, ';', (size_t)(end - p));

		if (!to)
			to = end;
		if (*p == 'R')
			take_hex(p + 7, to, t->trace_id, 32);
		else if (*p == 'P')
			take_hex(p + 7, to, t->span_id, 16);
		else if (*p == 'S' && (p[8] | 1) == '1')
			memcpy(t->flags, p[8] == '1' ? "01" : "00", 3);
		p = to < end ? to + 1 : end;
	}
}

/* ---- the line ---- */

static const char level_names[][6] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

bool slsc_rt_log_enabled(enum slsc_level level)
{
	const char *min = slsc_rt_env("AWS_LAMBDA_LOG_LEVEL");

	for (unsigned i = 0; min && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (slsc_str_eq(slsc_cstr(min), level_names[i]))
			return (unsigned)level >= i;
	}
	return level >= SLSC_INFO;
}

static void put_timestamp(struct slsc_out *line)
{
	static const char after[] = "--T::.";
	struct timespec ts;
	int t[7];

	slsc_rt_now(&ts);
	slsc_rt_civil(ts.tv_sec, t);
	for (unsigned i = 0; i < 6; i++) {
		slsc_rt_put_padded(line, t[i], i ? 2 : 4);
		slsc_put(line, &after[i], 1);
	}
	slsc_rt_put_padded(line, (int)(ts.tv_nsec / 1000000), 3);
	slsc_put(line, "Z", 1);
}

/* As much of the escaped form of @s as fits into @room: never cut inside an escape or a character. */
static void put_cut(struct slsc_out *out, struct slsc_str s, size_t room)
{
	struct slsc_out part = {out->ptr + out->len, 0, room, false};
	size_t len;

	while (s.len && !part.full) {
		len = slsc_rt_utf8_len((const unsigned char *)s.ptr, s.len);
		len += !len;
		slsc_put_escaped(&part, (struct slsc_str){s.ptr, len});
		s.ptr += len;
		s.len -= len;
	}
	out->len += part.len;
}

/* `,"key":"value"`; nothing for an empty value. */
static void put_member(struct slsc_out *out, const char *key, struct slsc_str value)
{
	if (!value.len)
		return;
	slsc_puts(out, ",\"");
	slsc_puts(out, key);
	slsc_puts(out, "\":\"");
	put_cut(out, value, MEMBER_MAX);
	slsc_put(out, "\"", 1);
}

static void put_context(struct slsc_out *out, struct slsc_str id, struct slsc_str trace)
{
	static const char envs[][2][28] = {
		{"function", "AWS_LAMBDA_FUNCTION_NAME"},
		{"version", "AWS_LAMBDA_FUNCTION_VERSION"},
		{"region", "AWS_REGION"},
	};
	struct slsc_trace t;

	slsc_trace_parse(trace, &t);
	put_member(out, "request_id", id);
	put_member(out, "trace_id", slsc_cstr(t.trace_id));
	put_member(out, "span_id", slsc_cstr(t.span_id));
	put_member(out, "trace_flags", slsc_cstr(t.flags));
	for (unsigned i = 0; i < sizeof(envs) / sizeof(envs[0]); i++)
		put_member(out, envs[i][0], slsc_cstr(slsc_rt_env(envs[i][1])));
}

void slsc_rt_line_begin(struct slsc_rt_line *line, const struct slsc_ctx *ctx, enum slsc_level level,
			const struct slsc_str *parts, size_t count, size_t reserve)
{
	struct slsc_out *out = &line->out;
	struct slsc_str id = {NULL, 0}, trace = id;

	if (ctx) {
		id = ctx->request_id;
		trace = ctx->trace_id;
	}
	*out = (struct slsc_out){line->buf, 0, sizeof(line->buf) - 3, false};
	line->json = slsc_str_eq(slsc_cstr(slsc_rt_env("AWS_LAMBDA_LOG_FORMAT")), "JSON");
	if (line->json) {
		slsc_puts(out, "{\"timestamp\":\"");
		put_timestamp(out);
		slsc_put(out, "\"", 1);
		put_member(out, "level", slsc_cstr(level_names[level]));
		slsc_puts(out, ",\"message\":\"");
		reserve += CONTEXT_MAX;
	} else {
		slsc_puts(out, level_names[level]);
		slsc_put(out, " ", 1);
		put_cut(out, id, MEMBER_MAX);
		if (id.len)
			slsc_put(out, " ", 1);
	}
	for (size_t i = 0; i < count; i++) {
		size_t room = out->cap - out->len;

		put_cut(out, parts[i], room > reserve ? room - reserve : 0);
	}
	if (line->json) {
		slsc_put(out, "\"", 1);
		put_context(out, id, trace);
	}
}

void slsc_rt_line_end(struct slsc_rt_line *line)
{
	line->out.cap = sizeof(line->buf);
	slsc_puts(&line->out, line->json ? "}\n" : "\n");
}

void slsc_rt_line_write(struct slsc_rt_line *line)
{
	slsc_rt_line_end(line);
	/* Nobody is left to tell when even this fails. */
	(void)slsc_rt_write_all(STDERR_FILENO, line->out.ptr, line->out.len);
}

static void log_parts(const struct slsc_ctx *ctx, enum slsc_level level, const struct slsc_str *parts, size_t count)
{
	struct slsc_rt_line line;

	if ((unsigned)level > SLSC_FATAL || !slsc_rt_log_enabled(level))
		return;
	slsc_rt_line_begin(&line, ctx, level, parts, count, 0);
	slsc_rt_line_write(&line);
}

void slsc_log(const struct slsc_ctx *ctx, enum slsc_level level, const char *message)
{
	struct slsc_str part = slsc_cstr(message);

	log_parts(ctx, level, &part, 1);
}

void slsc_rt_log_fail(const struct slsc_ctx *ctx, const char *what)
{
	struct slsc_str parts[] = {
		slsc_cstr(what), SLSC_STR(": "),	   slsc_cstr(ctx->fail_type),
		SLSC_STR(": "),	 slsc_cstr(ctx->fail_message),
	};

	log_parts(ctx, SLSC_ERROR, parts, sizeof(parts) / sizeof(parts[0]));
}

/* ---- pairs ---- */

/* Up to nine digits after the point, an exponent beyond 10^9 and below 10^-4; only what JSON has words for. */
static void put_double(struct slsc_out *out, double value)
{
	double magnitude = value < 0 ? -value : value;
	size_t start = out->len;
	int exponent = 0;

	/* Written so that NaN, too, is not below. */
	if (!(magnitude <= 1.7976931348623157e308)) {
		slsc_puts(out, "null");
		return;
	}
	if (magnitude >= 1e9 || (magnitude > 0 && magnitude < 1e-4)) {
		for (; magnitude >= 10; exponent++)
			magnitude /= 10;
		for (; magnitude < 1; exponent--)
			magnitude *= 10;
	}
	slsc_put_fixed(out, value < 0 ? -magnitude : magnitude, exponent ? 9 : 6);
	if (!out->full) {
		while (out->len > start && out->ptr[out->len - 1] == '0')
			out->len--;
		if (out->ptr[out->len - 1] == '.')
			out->len--;
	}
	if (exponent) {
		slsc_put(out, "e", 1);
		slsc_put_i64(out, exponent);
	}
}

/* A key as `logfmt` has it: what would end or split it becomes an underscore. */
static void put_text_key(struct slsc_out *out, const char *key)
{
	for (; *key; key++) {
		unsigned char c = (unsigned char)*key;

		slsc_put(out, c <= ' ' || c == '=' || c == '"' || c == '\\' || c >= 0x7f ? "_" : key, 1);
	}
}

void slsc_rt_line_pair(struct slsc_rt_line *line, const struct slsc_kv *kv)
{
	struct slsc_out *out = &line->out;
	size_t start = out->len;

	if (line->json) {
		slsc_put(out, ",", 1);
		slsc_put_json(out, slsc_cstr(kv->key ? kv->key : ""));
		slsc_put(out, ":", 1);
	} else {
		slsc_put(out, " ", 1);
		put_text_key(out, kv->key ? kv->key : "");
		slsc_put(out, "=", 1);
	}
	switch (kv->type) {
	case SLSC_KV_STR:
		if (!kv->value.str.ptr || out->cap - out->len < 2) {
			slsc_puts(out, "null");
			break;
		}
		slsc_put(out, "\"", 1);
		put_cut(out, kv->value.str, out->cap - out->len - 1);
		slsc_put(out, "\"", 1);
		break;
	case SLSC_KV_I64:
		slsc_put_i64(out, kv->value.i64);
		break;
	case SLSC_KV_U64:
		slsc_put_u64(out, kv->value.u64);
		break;
	case SLSC_KV_F64:
		put_double(out, kv->value.f64);
		break;
	default:
		slsc_puts(out, kv->value.boolean ? "true" : "false");
		break;
	}
	/* Whole or absent: half a number would be another number. */
	if (out->full) {
		out->len = start;
		out->full = false;
	}
}

void slsc_log_pairs(const struct slsc_ctx *ctx, enum slsc_level level, const char *message, const struct slsc_kv *pairs,
		    size_t count)
{
	struct slsc_str part = slsc_cstr(message);
	struct slsc_rt_line line;

	if ((unsigned)level > SLSC_FATAL || !slsc_rt_log_enabled(level))
		return;
	slsc_rt_line_begin(&line, ctx, level, &part, 1, PAIRS_MIN);
	for (size_t i = 0; i < count; i++)
		slsc_rt_line_pair(&line, &pairs[i]);
	slsc_rt_line_write(&line);
}

RT_FOR_SIZE_END
