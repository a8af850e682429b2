/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both runtimes share: strings and output, the arena, JSON and base64, the log line,
 * and the parts of HTTP/1.1 that a client and a server read alike. Each function has its
 * own section, so a binary pays only for those it reaches.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The runtime waits for the network, it does not compute: it is compiled for size whatever
 * the profile says. (gcc has no such switch for a whole file.)
 */
#ifdef __clang__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

/* ---- strings ---- */

struct slsc_str slsc_cstr(const char *s)
{
	return (struct slsc_str){s, s ? strlen(s) : 0};
}

bool slsc_str_eq(struct slsc_str a, const char *b)
{
	size_t len = strlen(b);

	return a.ptr && a.len == len && memcmp(a.ptr, b, len) == 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slsc_rt_ieq(struct slsc_str s, const char *low)
{
	for (size_t i = 0; i < s.len; i++) {
		/* A NUL in @s ends the comparison here too: @low has no other. */
		if (lower(s.ptr[i]) != low[i] || low[i] == '\0')
			return false;
	}
	return low[s.len] == '\0';
}

int slsc_rt_u64(struct slsc_str s, uint64_t *value)
{
	uint64_t n = 0;

	if (s.len < 1 || s.len > 18)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.ptr[i]))
			return -1;
		n = n * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*value = n;
	return 0;
}

/* ---- output ---- */

char *slsc_extend(struct slsc_out *out, size_t len)
{
	char *p;

	if (out->full || len > out->cap - out->len) {
		out->full = true;
		return NULL;
	}
	p = out->ptr + out->len;
	out->len += len;
	return p;
}

void slsc_put(struct slsc_out *out, const void *ptr, size_t len)
{
	char *p = slsc_extend(out, len);

	if (p && len)
		memcpy(p, ptr, len);
}

void slsc_puts(struct slsc_out *out, const char *s)
{
	slsc_put(out, s, strlen(s));
}

void slsc_put_str(struct slsc_out *out, struct slsc_str s)
{
	slsc_put(out, s.ptr, s.len);
}

void slsc_put_u64(struct slsc_out *out, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	slsc_put(out, p, (size_t)(digits + sizeof(digits) - p));
}

void slsc_put_i64(struct slsc_out *out, int64_t value)
{
	if (value < 0)
		slsc_put(out, "-", 1);
	slsc_put_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void slsc_put_fixed(struct slsc_out *out, double value, unsigned decimals)
{
	char digits[20];
	uint64_t scale = 1, n;
	double magnitude = value < 0 ? -value : value;

	if (decimals > 9)
		decimals = 9;
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	magnitude = magnitude * (double)scale + 0.5;
	/* Written so that NaN, too, is not below. */
	if (!(magnitude < 9007199254740992.0)) {
		slsc_puts(out, "null");
		return;
	}
	n = (uint64_t)magnitude;
	if (value < 0 && n)
		slsc_put(out, "-", 1);
	slsc_put_u64(out, n / scale);
	if (!decimals)
		return;
	digits[0] = '.';
	n %= scale;
	for (unsigned i = decimals; i; i--, n /= 10)
		digits[i] = (char)('0' + n % 10);
	slsc_put(out, digits, decimals + 1);
}

/* The length of the well-formed UTF-8 sequence at @p, 0 when there is none (RFC 3629). */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

void slsc_put_escaped(struct slsc_out *out, struct slsc_str s)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t plain = 0, i = 0;

	while (i < s.len) {
		char esc[6] = {'\\', 'u', '0', '0', 0, 0};
		size_t len = utf8_len(p + i, s.len - i), esc_len = 2;

		if (len && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f) {
			i += len;
			continue;
		}
		slsc_put(out, s.ptr + plain, i - plain);
		if (!len) {
			memcpy(esc, "\xef\xbf\xbd", 3);
			esc_len = 3;
		} else if (p[i] == '"' || p[i] == '\\') {
			esc[1] = (char)p[i];
		} else if (p[i] == '\n') {
			esc[1] = 'n';
		} else {
			esc[4] = hex[p[i] >> 4];
			esc[5] = hex[p[i] & 15];
			esc_len = 6;
		}
		slsc_put(out, esc, esc_len);
		plain = ++i;
	}
	if (s.len)
		slsc_put(out, s.ptr + plain, s.len - plain);
}

void slsc_put_json(struct slsc_out *out, struct slsc_str s)
{
	if (!s.ptr) {
		slsc_puts(out, "null");
		return;
	}
	slsc_put(out, "\"", 1);
	slsc_put_escaped(out, s);
	slsc_put(out, "\"", 1);
}

void slsc_put_base64(struct slsc_out *out, const void *ptr, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = ptr;
	/* A length whose encoding would wrap is larger than any cap, too. */
	char *p = slsc_extend(out, len / 3 > SIZE_MAX / 8 ? SIZE_MAX : (len + 2) / 3 * 4);

	if (!p)
		return;
	while (len) {
		unsigned n = (unsigned)in[0] << 16;

		if (len > 1)
			n |= (unsigned)in[1] << 8;
		if (len > 2)
			n |= in[2];
		*p++ = alphabet[n >> 18];
		*p++ = alphabet[n >> 12 & 63];
		*p++ = len > 1 ? alphabet[n >> 6 & 63] : '=';
		*p++ = len > 2 ? alphabet[n & 63] : '=';
		in += len < 3 ? len : 3;
		len -= len < 3 ? len : 3;
	}
}

int slsc_rt_write_all(int fd, const char *ptr, size_t len)
{
	while (len) {
		ssize_t n = write(fd, ptr, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		ptr += n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- the arena ---- */

/*
 * The first pieces come from a static block, so that a small function maps nothing; larger
 * ones from a list of mappings, undone by the reset.
 */
struct chunk {
	struct chunk *next;
	size_t size;
};

#define ARENA_ALIGN 16u
#define ARENA_CHUNK (256u << 10)

static _Alignas(ARENA_ALIGN) char arena_first[16384];

static struct {
	char *ptr;
	size_t left;
	struct chunk *chunks;
	size_t total;
} arena = {arena_first, sizeof(arena_first), NULL, 0};

void *slsc_alloc(struct slsc_ctx *ctx, size_t size)
{
	char *p;

	(void)ctx;
	if (size > SLSC_ALLOC_MAX)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size > arena.left) {
		size_t need = size + sizeof(struct chunk);
		struct chunk *c;

		need = (need + ARENA_CHUNK - 1) & ~(size_t)(ARENA_CHUNK - 1);
		if (need > SLSC_ALLOC_MAX + ARENA_CHUNK - arena.total)
			return NULL;
		c = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (c == MAP_FAILED)
			return NULL;
		c->next = arena.chunks;
		c->size = need;
		arena.chunks = c;
		arena.total += need;
		arena.ptr = (char *)c + sizeof(*c);
		arena.left = need - sizeof(*c);
	}
	p = arena.ptr;
	arena.ptr += size;
	arena.left -= size;
	return p;
}

void slsc_rt_arena_reset(void)
{
	while (arena.chunks) {
		struct chunk *c = arena.chunks;

		arena.chunks = c->next;
		munmap(c, c->size);
	}
	arena.ptr = arena_first;
	arena.left = sizeof(arena_first);
	arena.total = 0;
}

void slsc_rt_trim(char *ptr, size_t used)
{
	const uintptr_t keep = 64u << 10, page = 64u << 10; /* the largest page of any target */
	uintptr_t from = ((uintptr_t)ptr + keep + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)ptr + used) & ~(page - 1);

	/* Below a quarter of a megabyte the system call costs more than the memory. */
	if (used > (256u << 10) && from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- errors and time ---- */

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

int64_t slsc_remaining_ms(const struct slsc_ctx *ctx)
{
	struct timespec ts;
	int64_t left;

	if (!ctx->deadline_ms)
		return INT64_MAX;
	clock_gettime(CLOCK_REALTIME, &ts);
	left = ctx->deadline_ms - ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
	if (left > 86400000)
		return INT64_MAX;
	return left < 0 ? 0 : left;
}

/* Past the vDSO: needed once a line, and musl's search for the vDSO costs 0.8 KB. */
void slsc_rt_now(struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, CLOCK_REALTIME, ts))
		*ts = (struct timespec){0};
}

void slsc_rt_civil(int64_t seconds, int out[7])
{
	int64_t days = seconds / 86400, rest = seconds % 86400;
	/* Years start in March here, so that the leap day is the last of its year. */
	int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	out[1] = (int)(mp < 10 ? mp + 3 : mp - 9);
	out[0] = (int)(yoe + era * 400 + (out[1] <= 2));
	out[2] = (int)(doy - (153 * mp + 2) / 5 + 1);
	out[3] = (int)(rest / 3600);
	out[4] = (int)(rest / 60 % 60);
	out[5] = (int)(rest % 60);
	out[6] = (int)((days + 4) % 7);
}

void slsc_rt_put_padded(struct slsc_out *out, int value, unsigned width)
{
	char *p = slsc_extend(out, width);

	for (unsigned i = width; p && i; i--, value /= 10)
		p[i - 1] = (char)('0' + value % 10);
}

/* ---- the log line ---- */

static const char level_names[][6] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

static bool level_enabled(enum slsc_level level)
{
	const char *min = getenv("AWS_LAMBDA_LOG_LEVEL");

	for (unsigned i = 0; min && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(min, level_names[i]) == 0)
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
		size_t n = utf8_len((const unsigned char *)s + i, len - i), cost = n;

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
	const char *format = getenv("AWS_LAMBDA_LOG_FORMAT");
	bool json = format && strcmp(format, "JSON") == 0;
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

/* ---- JSON ---- */

#define JSON_DEPTH_MAX 64

static const char *json_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Each json_skip_* takes the start of a value and returns its end, NULL when malformed. */

static const char *json_skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '"')
			return p + 1;
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\')
			continue;
		if (++p == end)
			return NULL;
		if (*p == 'u') {
			if (end - p < 5)
				return NULL;
			for (int i = 1; i <= 4; i++) {
				if (hex_value(p[i]) < 0)
					return NULL;
			}
			p += 4;
		} else if (*p == '\0' || !strchr("\"\\/bfnrt", *p)) {
			return NULL;
		}
	}
	return NULL;
}

static const char *json_skip_digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && is_digit(*p))
		p++;
	return p > start ? p : NULL;
}

static const char *json_skip_number(const char *p, const char *end)
{
	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
		p = json_skip_digits(p, end);
	if (p && p < end && *p == '.')
		p = json_skip_digits(p + 1, end);
	if (p && p < end && lower(*p) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = json_skip_digits(p, end);
	}
	return p;
}

static const char *json_skip_word(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

/* Skip `"name" :`; @name gets the string with its quotes. */
static const char *json_skip_name(const char *p, const char *end, struct slsc_str *name)
{
	const char *start = p;

	if (p == end || *p != '"' || !(p = json_skip_string(p, end)))
		return NULL;
	*name = (struct slsc_str){start, (size_t)(p - start)};
	p = json_blank(p, end);
	return p < end && *p == ':' ? json_blank(p + 1, end) : NULL;
}

static const char *json_skip_value(const char *p, const char *end, int depth)
{
	struct slsc_str name;
	char close;

	if (p == end)
		return NULL;
	switch (*p) {
	case '"':
		return json_skip_string(p, end);
	case 't':
		return json_skip_word(p, end, "true");
	case 'f':
		return json_skip_word(p, end, "false");
	case 'n':
		return json_skip_word(p, end, "null");
	case '{':
	case '[':
		break;
	default:
		return json_skip_number(p, end);
	}
	if (depth >= JSON_DEPTH_MAX)
		return NULL;
	close = *p == '{' ? '}' : ']';
	p = json_blank(p + 1, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		if (close == '}' && !(p = json_skip_name(p, end, &name)))
			return NULL;
		if (!(p = json_skip_value(p, end, depth + 1)))
			return NULL;
		p = json_blank(p, end);
		if (p == end)
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p != ',')
			return NULL;
		p = json_blank(p + 1, end);
	}
}

static size_t utf8_encode(unsigned code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (unsigned)hex_value(p[i]);
	return n;
}

/*
 * Decode one character of a string that json_skip_string() has accepted: @p and @end are
 * inside the quotes. Returns where the next one starts.
 */
static const char *json_unescape(const char *p, const char *end, char out[4], size_t *len)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at;
	unsigned code;

	*len = 1;
	if (*p != '\\') {
		out[0] = *p;
		return p + 1;
	}
	if (p[1] != 'u') {
		at = strchr(from, p[1]);
		out[0] = at ? to[at - from] : p[1];
		return p + 2;
	}
	code = hex4(p + 2);
	p += 6;
	if (code >= 0xd800 && code <= 0xdfff) {
		unsigned low = 0;

		if (code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
			low = hex4(p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		} else {
			code = 0xfffd; /* a surrogate alone has no UTF-8 form */
		}
	}
	*len = utf8_encode(code, out);
	return p;
}

static bool json_name_eq(struct slsc_str name, const char *key)
{
	const char *p = name.ptr + 1, *end = name.ptr + name.len - 1;
	size_t left = strlen(key), len;
	char c[4];

	while (p < end) {
		p = json_unescape(p, end, c, &len);
		if (len > left || memcmp(c, key, len) != 0)
			return false;
		key += len;
		left -= len;
	}
	return left == 0;
}

int slsc_json_get(struct slsc_str json, const char *key, struct slsc_str *value)
{
	const char *end = json.ptr + json.len, *p, *start;
	struct slsc_str name;
	int found = 0;

	*value = (struct slsc_str){NULL, 0};
	if (!json.len)
		return -1;
	p = json_blank(json.ptr, end);
	if (p == end || *p != '{')
		return -1;
	p = json_blank(p + 1, end);
	if (p < end && *p == '}')
		return json_blank(p + 1, end) == end ? 0 : -1;
	for (;;) {
		if (!(p = json_skip_name(p, end, &name)))
			return -1;
		start = p;
		if (!(p = json_skip_value(p, end, 1)))
			return -1;
		if (json_name_eq(name, key)) {
			*value = (struct slsc_str){start, (size_t)(p - start)};
			found = 1;
		}
		p = json_blank(p, end);
		if (p == end || (*p != ',' && *p != '}'))
			break;
		if (*p == '}') {
			if (json_blank(p + 1, end) != end)
				break;
			return found;
		}
		p = json_blank(p + 1, end);
	}
	*value = (struct slsc_str){NULL, 0};
	return -1;
}

int slsc_json_str(struct slsc_ctx *ctx, struct slsc_str json, struct slsc_str *str)
{
	const char *p = json.ptr, *end = json.ptr + json.len;
	char *out, *o, c[4];
	size_t len;

	if (!json.len || *p != '"' || json_skip_string(p, end) != end)
		return -1;
	p++, end--;
	if (!memchr(p, '\\', (size_t)(end - p))) {
		*str = (struct slsc_str){p, (size_t)(end - p)};
		return 0;
	}
	/* No escape is shorter than what it stands for. */
	out = o = slsc_alloc(ctx, (size_t)(end - p));
	if (!out)
		return -1;
	while (p < end) {
		p = json_unescape(p, end, c, &len);
		memcpy(o, c, len);
		o += len;
	}
	*str = (struct slsc_str){out, (size_t)(o - out)};
	return 0;
}

int slsc_json_i64(struct slsc_str json, int64_t *value)
{
	const char *p = json.ptr, *end = json.ptr + json.len;
	uint64_t n = 0, limit = INT64_MAX;
	bool negative;

	if (!json.len)
		return -1;
	negative = *p == '-';
	limit += negative;
	p += negative;
	if (p == end || (*p == '0' && end - p > 1))
		return -1;
	for (; p < end; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (!is_digit(*p) || n > (limit - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	/* Not -(int64_t)n: INT64_MIN has no positive counterpart. */
	*value = negative && n ? -(int64_t)(n - 1) - 1 : (int64_t)n;
	return 0;
}

int slsc_json_bool(struct slsc_str json, bool *value)
{
	*value = slsc_str_eq(json, "true");
	return *value || slsc_str_eq(json, "false") ? 0 : -1;
}

/* ---- base64 ---- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int slsc_base64_decode(struct slsc_ctx *ctx, struct slsc_str text, struct slsc_str *bytes)
{
	size_t len = text.len;
	unsigned acc = 0, bits = 0;
	unsigned char *out, *o;

	if (len && len % 4 == 0 && text.ptr[len - 1] == '=')
		len -= text.ptr[len - 2] == '=' ? 2 : 1;
	if (len % 4 == 1)
		return -1;
	out = o = slsc_alloc(ctx, len / 4 * 3 + 2);
	if (!out)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text.ptr[i]);

		if (v < 0)
			return -1;
		acc = (acc << 6 | (unsigned)v) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*o++ = (unsigned char)(acc >> bits);
		}
	}
	*bytes = (struct slsc_str){(const char *)out, (size_t)(o - out)};
	return 0;
}

/* ---- HTTP/1.1 messages ---- */

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

static bool is_tchar(char c)
{
	if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
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
	if (slsc_rt_ieq(field->name, "content-length")) {
		if (f->has_length || f->chunked || slsc_rt_u64(field->value, &f->length))
			return -1;
		f->has_length = true;
	} else if (slsc_rt_ieq(field->name, "transfer-encoding")) {
		if (f->has_length || f->chunked || !slsc_rt_ieq(field->value, "chunked"))
			return -1;
		f->chunked = true;
	} else if (slsc_rt_ieq(field->name, "connection")) {
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
		digit = hex_value(byte);
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

#ifdef __clang__
#pragma clang attribute pop
#endif
