/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/source.h"
#include "base/buf.h"
#include "base/mem.h"

#define TAR_BLOCK 512u
#define READ_BLOCK ((size_t)256 << 10)
#define OCTAL_MAX(digits) ((UINT64_C(1) << (3 * (digits))) - 1)
#define NAME_CAP 100u
#define PREFIX_CAP 155u

/* POSIX.1-2017, pax, "ustar Interchange Format" */
struct header {
	char name[NAME_CAP];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[NAME_CAP];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[PREFIX_CAP];
	char pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is one block");

static void octal(char *field, size_t cap, uint64_t v)
{
	for (size_t i = cap - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
	if (v)
		BUG("a number does not fit its tar field of %zu digits", cap - 1);
}

static void add_header(struct buf *out, struct header *h, uint32_t major, uint32_t minor)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	octal(h->devmajor, sizeof(h->devmajor), major & OCTAL_MAX(7));
	octal(h->devminor, sizeof(h->devminor), minor & OCTAL_MAX(7));
	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	octal(h->chksum, 7, sum);
	h->chksum[6] = '\0';	/* six digits, NUL, and the blank stays */
	buf_add(out, h, sizeof(*h));
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* As much of @s as fits, without half a UTF-8 character at its end. */
static void clip(char *field, size_t cap, const char *s)
{
	size_t n = strlen(s);

	if (n > cap)
		for (n = cap; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
			n--;
	memcpy(field, s, n);
}

/* The whole name, or its split at a slash; false if it needs more room. */
static bool split_name(struct header *h, const char *name, size_t len)
{
	if (len <= NAME_CAP) {
		memcpy(h->name, name, len);
		return true;
	}
	/* The first slash that leaves a short enough tail gives the shortest prefix; a tail may not be empty. */
	for (size_t i = len - 1 - NAME_CAP; i <= PREFIX_CAP && i + 1 < len; i++) {
		if (name[i] != '/' || !i)
			continue;
		memcpy(h->prefix, name, i);
		memcpy(h->name, name + i + 1, len - i - 1);
		return true;
	}
	return false;
}

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void add_bytes(struct buf *pax, const char *prefix, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(prefix) + strlen(key) + n + 3, len = rest + 1;

	for (size_t ten = 10; len >= ten; ten *= 10)
		len++;
	buf_addf(pax, "%zu %s%s=", len, prefix, key);
	if (n)
		buf_add(pax, value, n);
	buf_addc(pax, '\n');
}

static void add_record(struct buf *pax, const char *key, const char *value)
{
	add_bytes(pax, "", key, value, strlen(value));
}

static void add_number(struct buf *pax, const char *key, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	add_record(pax, key, digits);
}

static void add_padding(struct buf *out)
{
	static const char zeros[TAR_BLOCK];

	buf_add(out, zeros, (TAR_BLOCK - out->len % TAR_BLOCK) % TAR_BLOCK);
}

/* All that precedes the contents of @e, in whole blocks. */
static void entry_headers(struct buf *out, const struct tree_entry *e, uint64_t mtime)
{
	static const char types[] = { [TREE_FILE] = '0', [TREE_DIR] = '5',  [TREE_LINK] = '2', [TREE_HARDLINK] = '1',
				      [TREE_CHAR] = '3', [TREE_BLOCK] = '4', [TREE_FIFO] = '6' };
	CLEAN_BUF struct buf name = BUF_INIT, pax = BUF_INIT;
	struct header h = { .typeflag = types[e->type] };
	uint64_t size = e->type == TREE_FILE ? e->size : 0;

	buf_addf(&name, "%s%s", e->path, e->type == TREE_DIR ? "/" : "");
	octal(h.mode, sizeof(h.mode), e->mode);
	octal(h.mtime, sizeof(h.mtime), mtime);
	/* Records in bytewise order of their keys; a field that pax overrides is 0 or a part of the truth. */
	for (size_t i = 0; i < e->nxattrs; i++)
		add_bytes(&pax, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].val, e->xattrs[i].len);
	if (e->gid > OCTAL_MAX(7))
		add_number(&pax, "gid", e->gid);
	octal(h.gid, sizeof(h.gid), e->gid > OCTAL_MAX(7) ? 0 : e->gid);
	/* pax says UTF-8, unless this says otherwise */
	if (!str_is_utf8(str_from(e->path)) || (e->target && !str_is_utf8(str_from(e->target))))
		add_record(&pax, "hdrcharset", "BINARY");
	if (e->target) {
		if (strlen(e->target) > NAME_CAP || !is_ascii(e->target))
			add_record(&pax, "linkpath", e->target);
		clip(h.linkname, sizeof(h.linkname), e->target);
	}
	if (!split_name(&h, name.ptr, name.len)) {
		add_record(&pax, "path", name.ptr);
		clip(h.name, sizeof(h.name), name.ptr);
	} else if (!is_ascii(name.ptr)) {
		add_record(&pax, "path", name.ptr);
	}
	if (size > OCTAL_MAX(11))
		add_number(&pax, "size", size);
	octal(h.size, sizeof(h.size), size > OCTAL_MAX(11) ? 0 : size);
	if (e->uid > OCTAL_MAX(7))
		add_number(&pax, "uid", e->uid);
	octal(h.uid, sizeof(h.uid), e->uid > OCTAL_MAX(7) ? 0 : e->uid);

	if (pax.len) {
		struct header x = { .typeflag = 'x', .name = "././@PaxHeader" };

		octal(x.mode, sizeof(x.mode), 0644);
		octal(x.uid, sizeof(x.uid), 0);
		octal(x.gid, sizeof(x.gid), 0);
		octal(x.size, sizeof(x.size), pax.len);
		octal(x.mtime, sizeof(x.mtime), mtime);
		add_header(out, &x, 0, 0);
		buf_add(out, pax.ptr, pax.len);
		add_padding(out);
	}
	add_header(out, &h, e->major, e->minor);
}

static int write_contents(const struct tree_entry *e, char *block, sink_fn sink, void *ctx, struct err *err)
{
	static const char zeros[TAR_BLOCK];
	CLEAN_SOURCE struct source s = SOURCE_INIT;
	size_t pad = (size_t)(-e->size % TAR_BLOCK);

	if (source_open(&s, e, err) < 0)
		return -1;
	while (s.done < e->size) {
		uint64_t left = e->size - s.done;
		size_t n = left < READ_BLOCK ? (size_t)left : READ_BLOCK;

		if (source_read(&s, block, n, err) < 0 || sink(ctx, block, n, err) < 0)
			return -1;
	}
	if (source_end(&s, err) < 0)
		return -1;
	return pad ? sink(ctx, zeros, pad, err) : 0;
}

static uint64_t clamp_time(int64_t t)
{
	return t < 0 ? 0 : (uint64_t)t > OCTAL_MAX(11) ? OCTAL_MAX(11) : (uint64_t)t;
}

int tar_write(const struct tree *tree, int64_t mtime, sink_fn sink, void *ctx, struct err *err)
{
	static const char end[2 * TAR_BLOCK];
	CLEAN_BUF struct buf head = BUF_INIT;
	CLEAN_FREE char *block = NULL;
	const uint64_t when = clamp_time(mtime);

	if (!tree->finished)
		BUG("tar_write() before tree_finish()");
	for (const struct tree_entry *e = tree->ptr; e < tree->ptr + tree->len; e++) {
		buf_reset(&head);
		entry_headers(&head, e, tree->timed ? clamp_time(e->mtime) : when);
		if (sink(ctx, head.ptr, head.len, err) < 0)
			return -1;
		if (e->type != TREE_FILE || !e->size)
			continue;
		if (!block)
			block = xmalloc(READ_BLOCK);
		if (write_contents(e, block, sink, ctx, err) < 0)
			return -1;
	}
	return sink(ctx, end, sizeof(end), err);
}

uint64_t tar_size(const struct tree *tree)
{
	CLEAN_BUF struct buf head = BUF_INIT;
	uint64_t sum = (uint64_t)2 * TAR_BLOCK;

	for (const struct tree_entry *e = tree->ptr; e < tree->ptr + tree->len; e++) {
		buf_reset(&head);
		entry_headers(&head, e, 0);
		sum += head.len;
		if (e->type == TREE_FILE)
			sum += (e->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	return sum;
}
