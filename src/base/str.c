/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct str str_from(const char *s)
{
	return (struct str){ s, strlen(s) };
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eqz(struct str a, const char *b)
{
	return str_eq(a, str_from(b));
}

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && (n == 0 || memcmp(s.ptr, prefix, n) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len >= n && (n == 0 || memcmp(s.ptr + s.len - n, suffix, n) == 0);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_turns(uint32_t c)
{
	return c == 0x200e || c == 0x200f || c == 0x061c || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t str_control(struct str s)
{
	const unsigned char c = s.len ? (unsigned char)s.ptr[0] : 'a', d = s.len > 1 ? (unsigned char)s.ptr[1] : 0;
	const unsigned char e = s.len > 2 ? (unsigned char)s.ptr[2] : 0;

	if (c < ' ' || c == 0x7f)
		return 1;
	if (c == 0xc2 && d >= 0x80 && d <= 0x9f)
		return 2;
	if (c == 0xd8 && (d & 0xc0) == 0x80 && str_turns(0x600u | (d & 0x3fu)))
		return 2;
	return c == 0xe2 && (d & 0xc0) == 0x80 && (e & 0xc0) == 0x80 &&
	       str_turns(0x2000u | (d & 0x3fu) << 6 | (e & 0x3fu)) ? 3 : 0;
}

size_t str_controlz(const char *s)
{
	return str_control((struct str){ s, strnlen(s, 3) });
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_cut(struct str *s, char sep)
{
	const char *p = s->len ? memchr(s->ptr, sep, s->len) : NULL;
	struct str rest = { "", 0 };

	if (p) {
		rest.ptr = p + 1;
		rest.len = s->len - (size_t)(p + 1 - s->ptr);
		s->len = (size_t)(p - s->ptr);
	}
	return rest;
}

bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool ends_with(const char *s, const char *suffix)
{
	return str_ends(str_from(s), suffix);
}

bool str_is_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr, *end = s.len ? p + s.len : p;

	while (p < end) {
		unsigned c = *p++;
		unsigned need, lo = 0x80, hi = 0xbf;

		if (c < 0x80)
			continue;
		if (c >= 0xc2 && c <= 0xdf)
			need = 1;
		else if (c >= 0xe0 && c <= 0xef)
			need = 2;
		else if (c >= 0xf0 && c <= 0xf4)
			need = 3;
		else
			return false;
		if (c == 0xe0)
			lo = 0xa0;
		else if (c == 0xed)
			hi = 0x9f;
		else if (c == 0xf0)
			lo = 0x90;
		else if (c == 0xf4)
			hi = 0x8f;
		for (; need; need--) {
			if (p == end || *p < lo || *p > hi)
				return false;
			p++;
			lo = 0x80;
			hi = 0xbf;
		}
	}
	return true;
}

#define CLOSEST_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned d[3][CLOSEST_MAX + 1];
	unsigned *prev2 = d[0], *prev = d[1], *cur = d[2];

	for (size_t j = 0; j <= lb; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *t;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    prev2[j - 2] + 1 < cur[j])
				cur[j] = prev2[j - 2] + 1;
		}
		t = prev2;
		prev2 = prev;
		prev = cur;
		cur = t;
	}
	return prev[lb];
}

const char *str_closest(const char *word, const char *const *cands, size_t n)
{
	size_t lw = strlen(word);
	const char *best = NULL;
	unsigned most = lw < 6 ? 1 : (unsigned)(lw / 3), best_d = most + 1;

	if (lw == 0 || lw > CLOSEST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t lc = cands[i] ? strlen(cands[i]) : 0;
		unsigned d;

		if (lc == 0 || lc > CLOSEST_MAX || (lc == 1 && lw == 1))
			continue;
		d = distance(word, lw, cands[i], lc);
		/* "optim" for "optimize": a prefix of some length is as good as a near miss */
		if (d > most && lw >= 3 && lc > lw && strncmp(word, cands[i], lw) == 0)
			d = most;
		if (d < best_d) {
			best_d = d;
			best = cands[i];
		}
	}
	return best;
}

char *str_human_size(uint64_t bytes, char *buf, size_t cap)
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1023.95 && u + 1 < sizeof(unit) / sizeof(unit[0])) {
		v /= 1024;
		u++;
	}
	snprintf(buf, cap, u ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return buf;
}

const char *str_human_ns(double ns, char *text, size_t cap)
{
	static const struct {
		double least, divide;
		const char *unit;
	} units[] = { { 999.5e6, 1e9, "s" }, { 999.5e3, 1e6, "ms" }, { 999.5, 1e3, "µs" }, { 0, 1, "ns" } };
	size_t i = 0;
	double v;

	while (ns < units[i].least)
		i++;
	v = ns / units[i].divide;
	snprintf(text, cap, "%.*f %s", units[i].divide < 2 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v, units[i].unit);
	return text;
}

const char *str_human_count(uint64_t n, char *text, size_t cap)
{
	char digits[32];
	const size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	for (size_t i = 0; i < len && at + 2 < cap; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct unit {
	const char *name;
	uint64_t mult;
};

static bool eq_nocase(struct str s, const char *z)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != z[i] || !c)
			return false;
	}
	return z[s.len] == '\0';
}

/* A number with at most three decimals and a unit, exactly: no floating point. */
static int parse_units(struct str s, const struct unit *units, uint64_t *out)
{
	uint64_t whole = 0, frac = 0, scale = 1, mult = 0, r;
	size_t i = 0;

	s = str_trim(s);
	if (!s.len || !is_digit(s.ptr[0]))
		return -1;
	for (; i < s.len && is_digit(s.ptr[i]); i++)
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(s.ptr[i] - '0'), &whole))
			return -1;
	if (i < s.len && s.ptr[i] == '.') {
		i++;
		if (i == s.len || !is_digit(s.ptr[i]))
			return -1;
		for (; i < s.len && is_digit(s.ptr[i]); i++) {
			if (scale == 1000)
				return -1;
			frac = frac * 10 + (uint64_t)(s.ptr[i] - '0');
			scale *= 10;
		}
	}
	s.ptr += i;
	s.len -= i;
	s = str_trim(s);
	for (; units->name; units++)
		if (eq_nocase(s, units->name)) {
			mult = units->mult;
			break;
		}
	/* half a byte */
	if (mult == 1 && frac)
		return -1;
	if (!mult || __builtin_mul_overflow(whole, mult, &r) ||
	    __builtin_add_overflow(r, frac * mult / scale, &r))
		return -1;
	*out = r;
	return 0;
}

int str_parse_size(struct str s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },	     { "b", 1 },	  { "k", 1024 },	{ "kb", 1024 },
		{ "kib", 1024 },     { "m", 1u << 20 },	  { "mb", 1u << 20 },	{ "mib", 1u << 20 },
		{ "g", 1u << 30 },   { "gb", 1u << 30 },  { "gib", 1u << 30 },	{ NULL, 0 },
	};

	return parse_units(s, units, bytes);
}

int str_parse_u64(struct str s, uint64_t *v)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };

	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.ptr[i]))
			return -1;
	return parse_units(s, units, v);
}
