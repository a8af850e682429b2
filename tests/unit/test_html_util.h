/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_HTML_UTIL_H
#define SLSC_TEST_HTML_UTIL_H

/* Behind cmocka.h, and what that needs. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"

/* ---- a strict reader of what slsc writes: everything closed, every attribute quoted ---- */

struct page {
	struct map ids;
	struct strs open;
	size_t tags, scripts, styles, titles;
	char *bare;	/* the text between tags, but for styles and scripts */
};

static inline void page_release(struct page *p)
{
	map_release(&p->ids);
	strs_release(&p->open);
	free(p->bare);
}

/* No attribute that runs, loads or leads anywhere. */
static inline void check_attribute(struct page *p, const char *name, const char *value)
{
	static const char *const known[] = { "aria-hidden", "aria-label", "aria-labelledby", "charset", "class",
					     "colspan", "content", "d", "data-s", "data-v", "height", "http-equiv",
					     "id", "lang", "name", "open", "preserveAspectRatio", "role", "scope",
					     "tabindex", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2" };
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		found = found || strcmp(known[i], name) == 0;
	if (!found)
		fail_msg("attribute %s=\"%s\"", name, value);
	assert_null(strpbrk(value, "<>"));
	if (strcmp(name, "id") == 0) {
		assert_false(map_has(&p->ids, value));
		map_put(&p->ids, value, p);
	}
}

static inline const char *read_tag(struct page *p, const char *s)
{
	CLEAN_BUF struct buf name = BUF_INIT;
	const bool closing = *s == '/';

	for (s += closing; isalnum((unsigned char)*s); s++)
		buf_addc(&name, *s);
	assert_true(name.len);
	p->tags++;
	if (closing) {
		assert_int_equal(*s, '>');
		assert_true(p->open.len);
		assert_string_equal(p->open.ptr[p->open.len - 1], name.ptr);
		free(p->open.ptr[--p->open.len]);
		return s + 1;
	}
	p->scripts += strcmp(name.ptr, "script") == 0;
	p->styles += strcmp(name.ptr, "style") == 0;
	p->titles += strcmp(name.ptr, "title") == 0;
	while (*s == ' ') {
		CLEAN_BUF struct buf attribute = BUF_INIT, value = BUF_INIT;

		for (s++; isalnum((unsigned char)*s) || *s == '-'; s++)
			buf_addc(&attribute, *s);
		assert_memory_equal(s, "=\"", 2);
		for (s += 2; *s != '"'; s++) {
			assert_true(*s);
			buf_addc(&value, *s);
		}
		s++;
		check_attribute(p, attribute.ptr, value.ptr);
	}
	if (*s == '/') {
		assert_int_equal(s[1], '>');
		return s + 2;
	}
	assert_int_equal(*s, '>');
	strs_add(&p->open, name.ptr);
	return s + 1;
}

static inline void read_page(struct page *p, const char *s)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	*p = (struct page){ .scripts = 0 };
	assert_true(starts_with(s, "<!DOCTYPE html>\n"));
	s += strlen("<!DOCTYPE html>\n");
	while (*s) {
		const char *in = p->open.len ? p->open.ptr[p->open.len - 1] : "";

		if (strcmp(in, "script") == 0 || strcmp(in, "style") == 0) {
			const char *end = strstr(s, "</");

			assert_non_null(end);
			s = end;
		}
		if (*s == '<') {
			s = read_tag(p, s + 1);
			continue;
		}
		if (*s == '&') {
			const size_t n = strcspn(s, ";");

			assert_true(n <= 5);
			assert_true(strncmp(s, "&amp;", 5) == 0 || strncmp(s, "&lt;", 4) == 0 ||
				    strncmp(s, "&gt;", 4) == 0 || strncmp(s, "&quot;", 6) == 0 ||
				    strncmp(s, "&#39;", 5) == 0);
		}
		assert_true(*s != '>' && (unsigned char)*s >= (*s == '\n' ? '\n' : ' '));
		buf_addc(&text, *s++);
	}
	assert_int_equal(p->open.len, 0);
	p->bare = buf_detach(&text);
}

static inline size_t times(const char *s, const char *what)
{
	size_t n = 0;

	while ((s = strstr(s, what)) != NULL) {
		s += strlen(what);
		n++;
	}
	return n;
}

#endif
