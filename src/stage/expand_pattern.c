/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of ${x#p}, ${x%p} and ${x/p/s}: `*`, `?` and plain characters; no sets. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

#define STAR UINT32_MAX
#define ANY (UINT32_MAX - 1)
#define INVALID 0x110000u	/* + a byte that is no UTF-8 */

/* Characters, so that `?` is one of them whatever its bytes. */
struct chars {
	uint32_t *c;
	size_t *at;		/* the byte each one begins at, and where all end */
	size_t n;
};

static size_t next_char(const char *s, uint32_t *c)
{
	const unsigned char b = (unsigned char)*s;
	const size_t n = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;

	if (n > 1 && (b < 0xc0 || strnlen(s, n) < n || !str_is_utf8((struct str){ s, n }))) {
		*c = INVALID + b;
		return 1;
	}
	*c = n == 1 ? b : b & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*c = *c << 6 | ((unsigned char)s[i] & 0x3f);
	return n;
}

static void chars_release(struct chars *v)
{
	free(v->c);
	free(v->at);
}

static void chars_of(const char *s, struct chars *v)
{
	const size_t cap = strlen(s) + 1;
	size_t at = 0;

	*v = (struct chars){ .c = xmalloc(cap * sizeof(*v->c)), .at = xmalloc(cap * sizeof(*v->at)) };
	while (s[at]) {
		v->at[v->n] = at;
		at += next_char(s + at, &v->c[v->n++]);
	}
	v->at[v->n] = at;
}

static int compile(const char *pat, struct chars *p, struct err *err)
{
	*p = (struct chars){ .c = xmalloc((DF_PATTERN_MAX + 1) * sizeof(*p->c)) };
	while (*pat) {
		if (p->n == DF_PATTERN_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: a pattern of more than %u characters",
				       DF_PATTERN_MAX);
		if (*pat == '*' || *pat == '?') {
			p->c[p->n++] = *pat++ == '*' ? STAR : ANY;
			continue;
		}
		if (*pat == '\\') {
			pat++;
			if (!*pat || !strchr("}/*?\\", *pat))
				return err_set(err, ERR_CONFIG, "invalid escape '\\%.4s' in a pattern", pat);
		}
		pat += next_char(pat, &p->c[p->n++]);
	}
	return 0;
}

static void reverse(struct chars *v)
{
	for (size_t i = 0; i < v->n / 2; i++) {
		const uint32_t c = v->c[i];

		v->c[i] = v->c[v->n - 1 - i];
		v->c[v->n - 1 - i] = c;
	}
}

/* ---- matching: the pattern is runs of characters between stars ---- */

static size_t run_length(const struct chars *p, size_t k)
{
	size_t n = 0;

	while (k + n < p->n && p->c[k + n] != STAR)
		n++;
	return n;
}

static bool run_at(const struct chars *p, size_t k, size_t len, const struct chars *v, size_t i)
{
	if (len > v->n - i)
		return false;
	for (size_t j = 0; j < len; j++)
		if (p->c[k + j] != ANY && p->c[k + j] != v->c[i + j])
			return false;
	return true;
}

static bool find_run(const struct chars *p, size_t k, size_t len, const struct chars *v, size_t from, bool last,
		     size_t *at)
{
	if (len > v->n - from)
		return false;
	for (size_t i = from; i <= v->n - len; i++) {
		*at = last ? v->n - len - (i - from) : i;
		if (run_at(p, k, len, v, *at))
			return true;
	}
	return false;
}

/*
 * The leftmost match from @from on; at @from itself if @anchored. Each run is taken as early as it is found, the last
 * one as late if it is the longest match that is wanted: what an early run leaves is never less.
 */
static bool find(const struct chars *p, const struct chars *v, size_t from, bool anchored, bool longest, size_t *b,
		 size_t *e)
{
	size_t k = run_length(p, 0), pos = from;

	if (anchored ? !run_at(p, 0, k, v, from) : !find_run(p, 0, k, v, from, false, &pos))
		return false;
	*b = pos;
	pos += k;
	while (k < p->n) {
		size_t len;

		while (k < p->n && p->c[k] == STAR)
			k++;
		len = run_length(p, k);
		if (!len) {
			pos = longest ? v->n : pos;
			break;
		}
		if (!find_run(p, k, len, v, pos, longest && k + len == p->n, &pos))
			return false;
		pos += len;
		k += len;
	}
	*e = pos;
	return true;
}

int df_pattern_trim(const char *pat, const char *val, bool front, bool longest, size_t *n, struct err *err)
{
	CLEANUP(chars_release) struct chars p = { 0 }, v = { 0 };
	size_t b, e;

	*n = 0;
	if (compile(pat, &p, err) < 0)
		return -1;
	chars_of(val, &v);
	if (!front) {
		reverse(&p);
		reverse(&v);
	}
	if (find(&p, &v, 0, true, longest, &b, &e))
		*n = front ? v.at[e] : v.at[v.n] - v.at[v.n - e];
	return 0;
}

static int add(struct buf *out, const char *s, size_t n, struct err *err)
{
	if (out->len + n > DF_EXPAND_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u bytes", DF_EXPAND_MAX);
	buf_add(out, s, n);
	return 0;
}

int df_pattern_replace(const char *pat, const char *with, const char *val, bool all, struct buf *out, struct err *err)
{
	CLEANUP(chars_release) struct chars p = { 0 }, v = { 0 };
	size_t from = 0, end = 0, b, e;

	if (compile(pat, &p, err) < 0)
		return -1;
	chars_of(val, &v);
	while (from <= v.n && find(&p, &v, from, false, true, &b, &e)) {
		/* an empty match right behind another is none */
		const bool counts = e > end || b == 0;

		if (add(out, val + v.at[end], v.at[b] - v.at[end], err) < 0 ||
		    (counts && add(out, with, strlen(with), err) < 0))
			return -1;
		end = e;
		from = e > from ? e : from + 1;
		if (!all)
			break;
	}
	return add(out, val + v.at[end], v.at[v.n] - v.at[end], err);
}
