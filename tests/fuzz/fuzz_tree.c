/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of any kind into a tree; what it takes is written as tar and read back by a reader of a few lines here, which
 * must see the same entries. Input: lines of a type letter (f, d, l), a path, and after a tab a target or contents.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tar.h"
#include "base/buf.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void must(int truth)
{
	if (!truth)
		abort();
}

/* The value of @key in the pax records @s, or NULL; heap. */
static char *pax_value(const char *s, size_t len, const char *key)
{
	const char *end = s + len;
	char *found = NULL;

	while (s < end) {
		char *rest;
		size_t n = strtoul(s, &rest, 10), k = strlen(key);

		must(n > 0 && n <= (size_t)(end - s) && *rest == ' ' && s[n - 1] == '\n');
		rest++;
		if (strncmp(rest, key, k) == 0 && rest[k] == '=') {
			must(!found);
			found = xstrndup(rest + k + 1, (size_t)(s + n - 1 - (rest + k + 1)));
		}
		s += n;
	}
	return found;
}

/* One entry at @p against @e; returns what follows it. */
static const char *compare(const char *p, const struct tree_entry *e)
{
	CLEAN_FREE char *want = xasprintf("%s%s", e->path, e->type == TREE_DIR ? "/" : "");
	CLEAN_FREE char *path = NULL, *target = NULL;
	unsigned sum = 0;

	if (p[156] == 'x') {
		size_t n = strtoul(p + 124, NULL, 8);

		path = pax_value(p + 512, n, "path");
		target = pax_value(p + 512, n, "linkpath");
		p += 512 + (n + 511) / 512 * 512;
	}
	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)p[i];
	must(sum == strtoul(p + 148, NULL, 8) && memcmp(p + 257, "ustar\0" "00", 8) == 0);
	must(p[156] == "052"[e->type]);
	if (!path)
		path = p[345] ? xasprintf("%.155s/%.100s", p + 345, p) : xstrndup(p, 100);
	must(strcmp(path, want) == 0);
	if (e->type == TREE_LINK) {
		if (!target)
			target = xstrndup(p + 157, 100);
		must(strcmp(target, e->target) == 0);
	}
	if (e->type != TREE_FILE)
		return p + 512;
	must(strtoul(p + 124, NULL, 8) == e->size);
	must(!e->size || memcmp(p + 512, e->data, e->size) == 0);
	return p + 512 + (e->size + 511) / 512 * 512;
}

static int add(struct tree *t, char *line, struct err *e)
{
	char *path = *line ? line + 1 : line, *text = strchr(path, '\t');

	if (text)
		*text++ = '\0';
	else
		text = path + strlen(path);
	switch (*line) {
	case 'd':
		return tree_add_dir(t, path, 0755, 0, 0, e);
	case 'l':
		return tree_add_link(t, path, text, e);
	default:
		return tree_add_data(t, path, text, strlen(text), 0644, 0, 0, e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf tar = BUF_INIT;
	CLEAN_FREE char *text = xmalloc(size + 1);
	struct err e = ERR_INIT;
	const char *p;

	memcpy(text, data, size);
	text[size] = '\0';
	/* A NUL ends a line as a newline does. */
	for (size_t i = 0; i < size;) {
		char *line = text + i;
		size_t n = strcspn(line, "\n");

		line[n] = '\0';
		if (add(&t, line, &e) < 0)
			must(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
		i += n + 1;
	}
	if (tree_finish(&t, &e) < 0) {
		must(e.code == ERR_EXISTS);
		return 0;
	}
	must(tar_write(&t, 0, to_buf, &tar, &e) == 0);
	must(tar.len == tar_size(&t) && tar.len % 512 == 0);
	p = tar.ptr;
	for (size_t i = 0; i < t.len; i++) {
		must(!i || strcmp(t.ptr[i - 1].path, t.ptr[i].path) < 0);
		must(tree_find(&t, t.ptr[i].path) == &t.ptr[i]);
		p = compare(p, &t.ptr[i]);
	}
	must(p + 1024 == tar.ptr + tar.len);
	return 0;
}
