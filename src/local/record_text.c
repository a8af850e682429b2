/* SPDX-License-Identifier: Apache-2.0 */
/* What loggers write: times, levels, and the beginnings of lines that are no JSON. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "local/record_internal.h"

/* OpenTelemetry's log data model, appendix B; Python's CRITICAL and Lambda's FATAL are the same level. */
static const struct {
	const char *word;
	uint8_t number;
} words[] = {
	{ "INFO", 9 }, { "ERROR", 17 }, { "WARN", 13 }, { "DEBUG", 5 }, { "WARNING", 13 }, { "TRACE", 1 },
	{ "FATAL", 21 }, { "CRITICAL", 21 }, { "NOTICE", 10 }, { "INFORMATION", 9 }, { "ERR", 17 }, { "VERBOSE", 1 },
	{ "ALERT", 19 }, { "EMERGENCY", 22 }, { "EMERG", 22 }, { "PANIC", 22 }, { "DPANIC", 21 }, { "CRIT", 21 },
	{ "SEVERE", 17 },
};

uint8_t text_severity(struct str w)
{
	for (size_t i = 0; w.len && i < ARRAY_LEN(words); i++)
		if ((words[i].word[0] ^ w.ptr[0]) % 0x20 == 0 && strlen(words[i].word) == w.len &&
		    strncasecmp(words[i].word, w.ptr, w.len) == 0)
			return words[i].number;
	return 0;
}

uint8_t text_level(struct str s)
{
	uint64_t n;

	if (str_parse_u64(s, &n) < 0 || n < 10 || n > 60 || n % 10)
		return 0;
	return (uint8_t)(1 + 4 * (n / 10 - 1));
}

const char *record_severity_name(uint8_t severity)
{
	static const char *const names[] = { "", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };

	return severity > 24 ? "" : names[(severity + 3) / 4];
}

/* ---- times ---- */

/* @n digits at p[*at], which it passes; -1: there are not so many. */
static int number(struct str s, size_t *at, unsigned n)
{
	int v = 0;

	if (s.len - *at < n)
		return -1;
	for (; n; n--, ++*at) {
		char c = s.ptr[*at];

		if (c < '0' || c > '9')
			return -1;
		v = 10 * v + (c - '0');
	}
	return v;
}

static bool at_char(struct str s, size_t *at, const char *any)
{
	if (*at >= s.len || !strchr(any, s.ptr[*at]) || !s.ptr[*at])
		return false;
	++*at;
	return true;
}

/* Days since 1970 (Howard Hinnant's days_from_civil). */
static int64_t days(int y, int m, int d)
{
	int64_t yoe, doy;

	y -= m <= 2;
	yoe = y % 400;
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return (int64_t)(y / 400) * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t fraction(struct str s, size_t *at)
{
	int64_t ns = 0, unit = 100000000;
	size_t from = *at;

	for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at, unit /= 10)
		ns += unit * (s.ptr[*at] - '0');
	return *at == from ? -1 : ns;
}

uint64_t text_time(struct str s)
{
	size_t i = 0;
	int y = number(s, &i, 4), m, d, hour, min, sec;
	int64_t ns = 0, t;

	if (y < 1970 || y > 2261 || !at_char(s, &i, "-") || (m = number(s, &i, 2)) < 1 || m > 12 ||
	    !at_char(s, &i, "-") || (d = number(s, &i, 2)) < 1 || d > 31 || !at_char(s, &i, "Tt ") ||
	    (hour = number(s, &i, 2)) < 0 || hour > 23 || !at_char(s, &i, ":") || (min = number(s, &i, 2)) < 0 ||
	    min > 59 || !at_char(s, &i, ":") || (sec = number(s, &i, 2)) < 0 || sec > 60)
		return 0;
	if (at_char(s, &i, ".,") && (ns = fraction(s, &i)) < 0)
		return 0;
	t = days(y, m, d) * 86400 + hour * 3600 + min * 60 + sec;
	if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-')) {
		int sign = s.ptr[i++] == '+' ? -1 : 1, zh = number(s, &i, 2), zm;

		(void)at_char(s, &i, ":");
		zm = number(s, &i, 2);
		if (zh < 0 || zh > 23 || zm < 0 || zm > 59)
			return 0;
		t += sign * (zh * 3600 + zm * 60);
	} else if (i < s.len && !at_char(s, &i, "Zz")) {
		return 0;
	}
	if (i != s.len || t <= 0)
		return 0;
	return (uint64_t)t * 1000000000u + (uint64_t)ns;
}

uint64_t text_epoch(struct str s)
{
	char text[32];
	uint64_t n, unit;
	double v;

	if (str_parse_u64(s, &n) == 0) {
		/* 10^11 s is the year 5138, 10^11 ms is 1973 */
		unit = n < 100000000000u ? 1000000000u
		       : n < 100000000000000u ? 1000000u
		       : n < 100000000000000000u ? 1000u : 1u;
		return n > INT64_MAX / unit ? 0 : n * unit;
	}
	if (s.len >= sizeof(text))
		return 0;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	v = strtod(text, NULL);
	if (v < 1e11)
		v *= 1e3;
	/* to the microsecond: a double has no more digits */
	return v > 0 && v < 9e12 ? (uint64_t)(v * 1e3 + 0.5) * 1000u : 0;
}

/* ---- lines ---- */

/* 8-4-4-4-12, as request ids are. */
static bool is_uuid(struct str s)
{
	if (s.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = s.ptr[i];

		if (i == 8 || i == 13 || i == 18 || i == 23 ? c != '-' : !strchr("0123456789abcdefABCDEF", c) || !c)
			return false;
	}
	return true;
}

static bool is_id(const struct record *r, struct str s)
{
	return is_uuid(s) || (s.len && str_eq(s, r->request_id.s));
}

static void set_level(struct record *r, struct str word)
{
	r->severity = text_severity(word);
	r->severity_text = (struct record_value){ word, RECORD_TEXT };
}

static void set_id(struct record *r, struct str id)
{
	r->request_id = (struct record_value){ id, RECORD_TEXT };
}

/* slsc's runtime: "INFO <request id> message"; without the id (there is none yet) all of the line is the message. */
static bool own_format(struct record *r, struct str line)
{
	struct str level = line, rest = str_cut(&level, ' '), id = rest, message;

	if (level.len < 4 || level.len > 5 || level.ptr[0] < 'A' || level.ptr[0] > 'Z' || level.ptr[1] < 'A' ||
	    level.ptr[1] > 'Z' || level.len == line.len || !text_severity(level))
		return false;
	set_level(r, level);
	message = str_cut(&id, ' ');
	if (is_id(r, id) && id.len < rest.len) {
		set_id(r, id);
		r->body.s = message;
	}
	return true;
}

/*
 * Lambda's runtimes: Node's "time \t id \t level \t message", where the id is "undefined" before the first
 * invocation, and Python's "[level] \t time \t id \t message", without an id then.
 */
static bool tabbed_format(struct record *r, struct str line)
{
	struct str a = line, rest = str_cut(&a, '\t'), b = rest, message, c;
	uint64_t time;

	if (a.len == line.len)
		return false;
	rest = str_cut(&b, '\t');
	c = rest;
	message = str_cut(&c, '\t');
	if (a.len > 2 && a.ptr[0] == '[' && a.ptr[a.len - 1] == ']' && (time = text_time(b)) != 0) {
		struct str level = { a.ptr + 1, a.len - 2 };

		if (!text_severity(level))
			return false;
		set_level(r, level);
		r->time = time;
		r->body.s = rest;
		if (is_id(r, c) && c.len < rest.len) {
			set_id(r, c);
			r->body.s = message;
		} else if (!c.len) {
			r->body.s = message;
		}
		return true;
	}
	time = text_time(a);
	if (!time || !(is_id(r, b) || str_eq(b, STR("undefined"))) || !text_severity(c) || c.len == rest.len)
		return false;
	r->time = time;
	if (is_id(r, b))
		set_id(r, b);
	set_level(r, c);
	r->body.s = message;
	return true;
}

void text_line(struct record *r, struct str line)
{
	r->body = (struct record_value){ line, RECORD_TEXT };
	if (!own_format(r, line))
		(void)tabbed_format(r, line);
}
