/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern, a line feed, a path: the matcher against a plain recursive one that tries everything. */
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"

#define MAX_TEXT 24	/* the plain one takes exponential time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool plain_set(const char **p, char c, bool *whole)
{
	const char *q = *p + 1;
	bool neg = *q == '!' || *q == '^', hit = false;

	q += neg;
	for (bool first = true; first || *q != ']'; first = false) {
		char lo, hi;

		if (*q == '\\' && q[1])
			q++;
		if (!*q) {
			*whole = false;
			return false;
		}
		lo = hi = *q++;
		if (*q == '-' && q[1] && q[1] != ']') {
			q++;
			if (*q == '\\' && q[1])
				q++;
			hi = *q++;
		}
		hit |= c >= lo && c <= hi;
	}
	*p = q + 1;
	*whole = true;
	return hit != neg;
}

static bool plain_part(const char *p, const char *s)
{
	bool whole;

	if (*p == '*')
		return plain_part(p + 1, s) || (*s && plain_part(p, s + 1));
	if (!*p || !*s)
		return !*p && !*s;
	if (*p == '?')
		return plain_part(p + 1, s + 1);
	if (*p == '[') {
		bool hit = plain_set(&p, *s, &whole);

		if (whole)
			return hit && plain_part(p, s + 1);
	} else if (*p == '\\' && p[1]) {
		p++;
	}
	return *p == *s && plain_part(p + 1, s + 1);
}

static bool plain(char *const *p, char *const *s)
{
	if (!*p)
		return !*s;
	if (strcmp(*p, "**") == 0) {
		/* at the end it is everything below, else any number */
		if (!p[1])
			return *s && **s != '.' && (!s[1] || plain(p, s + 1));
		return plain(p + 1, s) || (*s && **s != '.' && plain(p, s + 1));
	}
	if (!*s || (**s == '.' && **p != '.' && strncmp(*p, "\\.", 2) != 0))
		return false;
	return plain_part(*p, *s) && plain(p + 1, s + 1);
}

static size_t split(char *text, char **parts)
{
	size_t n = 0;

	for (char *save = NULL, *p = strtok_r(text, "/", &save); p; p = strtok_r(NULL, "/", &save))
		if (strcmp(p, ".") != 0)
			parts[n++] = p;
	parts[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *text = xstrndup(size ? (const char *)data : "", size);
	CLEAN_FREE char *pattern = NULL;
	CLEAN_GLOB struct glob g = { .n = 0 };
	char *path = strchr(text, '\n'), *pp[MAX_TEXT + 1], *sp[MAX_TEXT + 1];
	bool compare = true, directory;
	struct err err;
	uint64_t state;
	size_t len;

	if (!path)
		return 0;
	*path++ = '\0';
	len = strlen(text);
	directory = len && text[len - 1] == '/';
	if (glob_init(&g, text, &err) < 0)
		return 0;
	if (len > MAX_TEXT || strlen(path) > MAX_TEXT)
		compare = false;
	/* characters are bytes there */
	for (const char *p = text; *p; p++)
		compare &= (unsigned char)*p < 0x80;
	for (const char *p = path; *p; p++)
		compare &= (unsigned char)*p < 0x80;
	pattern = xstrdup(text);
	state = glob_start(&g);
	if (!compare) {
		for (char *save = NULL, *p = strtok_r(path, "/", &save); p; p = strtok_r(NULL, "/", &save))
			state = glob_step(&g, state, p, false);
		return 0;
	}
	split(path, sp);
	for (size_t i = 0; sp[i]; i++)
		state = glob_step(&g, state, sp[i], false);
	if (!split(pattern, pp) || !sp[0])
		return 0;
	if (glob_done(&g, state) != (!directory && plain(pp, sp)))
		abort();
	return 0;
}
