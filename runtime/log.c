/* SPDX-License-Identifier: Apache-2.0 */
/* What a function says went wrong, and the log line. */
#include "internal.h"

#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

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

static const char level_names[][6] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

static bool level_enabled(enum slsc_level level)
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

/* Where the escaped form of a message is cut: never inside an escape or a character. */
static size_t fitting(const char *s, size_t len, size_t room)
{
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)s[i];
		size_t n = slsc_rt_utf8_len((const unsigned char *)s + i, len - i), cost = n;

		if (!n)
			n = 1, cost = 3;
		else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
			cost = 6;
		if (cost > room)
			break;
		room -= cost;
		i += n;
	}
	return i;
}

static void log_parts(const struct slsc_ctx *ctx, enum slsc_level level,
		      const struct slsc_str *parts, size_t count)
{
	char buf[4096];
	struct slsc_out line = {buf, 0, sizeof(buf) - 3, false};
	const char *format = slsc_rt_env("AWS_LAMBDA_LOG_FORMAT");
	bool json = slsc_str_eq(slsc_cstr(format), "JSON");
	struct slsc_str id = ctx ? ctx->request_id : (struct slsc_str){NULL, 0};

	if ((unsigned)level > SLSC_FATAL || !level_enabled(level))
		return;
	id.len = fitting(id.ptr, id.len, 256);
	if (json) {
		slsc_puts(&line, "{\"timestamp\":\"");
		put_timestamp(&line);
		slsc_puts(&line, "\",\"level\":\"");
		slsc_puts(&line, level_names[level]);
		if (id.len) {
			slsc_puts(&line, "\",\"requestId\":\"");
			slsc_put_escaped(&line, id);
		}
		slsc_puts(&line, "\",\"message\":\"");
	} else {
		slsc_puts(&line, level_names[level]);
		slsc_put(&line, " ", 1);
		if (id.len) {
			slsc_put_escaped(&line, id);
			slsc_put(&line, " ", 1);
		}
	}
	for (size_t i = 0; i < count; i++) {
		struct slsc_str part = parts[i];

		part.len = fitting(part.ptr, part.len, line.cap - line.len);
		slsc_put_escaped(&line, part);
	}
	line.cap = sizeof(buf);
	slsc_puts(&line, json ? "\"}\n" : "\n");
	/* Nobody is left to tell when even this fails. */
	(void)slsc_rt_write_all(STDERR_FILENO, line.ptr, line.len);
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

RT_FOR_SIZE_END
