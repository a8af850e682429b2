/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/zipdir.h"

#include <libdeflate.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"

#define END_SIG 0x06054b50u
#define END_LEN 22u
#define END64_SIG 0x06064b50u
#define END64_LEN 56u
#define LOCATOR_SIG 0x07064b50u
#define LOCATOR_LEN 20u
#define RECORD_SIG 0x02014b50u
#define RECORD_LEN 46u
#define LOCAL_SIG 0x04034b50u
#define LOCAL_LEN 30u
#define EXTRA_ZIP64 1u
#define FLAG_ENCRYPTED 1u
#define FLAG_DESCRIPTOR 8u	/* its sizes stand behind its bytes */

/* Where the directory is, by the end record or zip64's. */
struct where {
	uint64_t entries, size, offset;
	uint64_t end;		/* of the directory: where the first end record starts */
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* The last end record whose comment reaches to the end of the file exactly. */
static int find_end(const struct zipdir *z, uint64_t *at, struct err *err)
{
	if (z->nbytes >= END_LEN) {
		const uint64_t last = z->nbytes - END_LEN, first = last > UINT16_MAX ? last - UINT16_MAX : 0;

		for (uint64_t i = last + 1; i-- > first;)
			if (get32(z->bytes + i) == END_SIG && get16(z->bytes + i + 20) == z->nbytes - END_LEN - i) {
				*at = i;
				return 0;
			}
	}
	return err_set(err, ERR_FORMAT, "%s: not a zip file: it has no end record", z->shown);
}

static int bad(const struct zipdir *z, uint64_t at, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: %s at offset %llu", z->shown, what, (unsigned long long)at);
}

static int find_directory(const struct zipdir *z, struct where *w, struct err *err)
{
	const uint8_t *p;
	uint64_t at = 0, end64;

	if (find_end(z, &at, err) < 0)
		return -1;
	p = z->bytes + at;
	w->entries = get16(p + 10);
	w->size = get32(p + 12);
	w->offset = get32(p + 16);
	w->end = at;
	if (at >= LOCATOR_LEN && get32(p - LOCATOR_LEN) == LOCATOR_SIG) {
		end64 = get64(p - LOCATOR_LEN + 8);
		if (end64 > at - LOCATOR_LEN || at - LOCATOR_LEN - end64 < END64_LEN ||
		    get32(z->bytes + end64) != END64_SIG)
			return bad(z, at - LOCATOR_LEN, err, "a zip64 locator that leads nowhere");
		p = z->bytes + end64;
		if (w->entries == UINT16_MAX)
			w->entries = get64(p + 32);
		if (w->size == UINT32_MAX)
			w->size = get64(p + 40);
		if (w->offset == UINT32_MAX)
			w->offset = get64(p + 48);
		w->end = end64;
	} else if (get16(p + 4) != 0 || get16(p + 6) != 0) {
		return bad(z, at, err, "a part of a zip in several files");
	}
	if (w->entries > ZIPDIR_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu entries, the most is %u", z->shown,
			       (unsigned long long)w->entries, ZIPDIR_MAX_ENTRIES);
	if (w->size > w->end || w->offset > w->end - w->size)
		return bad(z, at, err, "an end record whose directory lies outside of the file,");
	if (w->entries * RECORD_LEN > w->size)
		return bad(z, at, err, "an end record with more entries than its directory has room for,");
	return 0;
}

/* Sizes and offset that did not fit: in the order of APPNOTE 4.5.3, only those that are all ones. */
static bool read_zip64(struct zipdir_entry *e, const uint8_t *x, size_t n)
{
	uint64_t *const wide[] = { &e->size, &e->packed, &e->header };

	while (n >= 4) {
		const size_t len = get16(x + 2);
		const uint8_t *p = x + 4;
		size_t left = len;

		if (len > n - 4)
			return false;
		if (get16(x) == EXTRA_ZIP64) {
			for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
				if (*wide[i] != UINT32_MAX)
					continue;
				if (left < 8)
					return false;
				*wide[i] = get64(p);
				p += 8;
				left -= 8;
			}
			return true;
		}
		x += 4 + len;
		n -= 4 + len;
	}
	return true;
}

/* The same entry as its local header has it: a reader of streams believes that one. */
static void check_local(const struct zipdir *z, struct zipdir_entry *e, const uint8_t *name, size_t len, uint64_t limit)
{
	const uint8_t *p = z->bytes + e->header;

	if (e->header > limit || limit - e->header < LOCAL_LEN || get32(p) != LOCAL_SIG) {
		e->damage = "has no local header where the directory says";
		return;
	}
	if (get16(p + 26) != len || len > limit - e->header - LOCAL_LEN || memcmp(p + LOCAL_LEN, name, len) != 0) {
		e->damage = "has another name in its local header";
		return;
	}
	if (get16(p + 8) != e->method || (get16(p + 6) & FLAG_ENCRYPTED) != (e->flags & FLAG_ENCRYPTED)) {
		e->damage = "has another method in its local header";
		return;
	}
	e->data = e->header + LOCAL_LEN + len + get16(p + 28);
	if (e->data > limit || e->packed > limit - e->data) {
		e->damage = "has bytes that reach into the directory";
		e->data = 0;
	}
}

static int read_record(struct zipdir *z, const struct where *w, uint64_t *at, struct zipdir_entry *e, struct err *err)
{
	const uint64_t dir = w->end - w->size;
	const uint8_t *p = z->bytes + *at;
	size_t len, extra, comment;

	if (w->end - *at < RECORD_LEN || get32(p) != RECORD_SIG)
		return bad(z, *at, err, "no directory record");
	len = get16(p + 28);
	extra = get16(p + 30);
	comment = get16(p + 32);
	if (w->end - *at - RECORD_LEN < len + extra + comment)
		return bad(z, *at, err, "a directory record that is cut short");
	*e = (struct zipdir_entry){
		.creator = p[5], .flags = get16(p + 8), .method = get16(p + 10), .crc32 = get32(p + 16),
		.packed = get32(p + 20), .size = get32(p + 24), .attributes = get32(p + 38), .header = get32(p + 42),
		.record = *at, .has_nul = memchr(p + RECORD_LEN, 0, len) != NULL,
		.name = arena_str(&z->arena, (struct str){ (const char *)p + RECORD_LEN, len }),
	};
	if (!read_zip64(e, p + RECORD_LEN + len, extra))
		return bad(z, *at, err, "a directory record with a malformed extra field");
	if (e->header > UINT64_MAX - z->prefix)
		return bad(z, *at, err, "a directory record with an absurd offset");
	e->header += z->prefix;
	check_local(z, e, p + RECORD_LEN, len, dir);
	*at += RECORD_LEN + len + extra + comment;
	return 0;
}

int zipdir_parse(struct zipdir *z, const char *shown, const void *bytes, size_t n, struct err *err)
{
	struct where w;
	uint64_t at;

	*z = (struct zipdir){ .shown = xstrdup(shown), .bytes = bytes, .nbytes = n };
	if (find_directory(z, &w, err) < 0)
		goto fail;
	at = w.end - w.size;
	z->prefix = at - w.offset;
	z->ptr = arena_alloc(&z->arena, (size_t)w.entries * sizeof(*z->ptr));
	for (; z->len < w.entries; z->len++)
		if (read_record(z, &w, &at, &z->ptr[z->len], err) < 0)
			goto fail;
	if (at != w.end) {
		bad(z, at, err, "bytes behind the directory's last record");
		goto fail;
	}
	return 0;
fail:
	zipdir_release(z);
	return -1;
}

void zipdir_locals(struct zipdir *z, const char *shown, const void *bytes, size_t n)
{
	VEC(struct zipdir_entry) found = { 0 };
	uint64_t at = 0;

	*z = (struct zipdir){ .shown = xstrdup(shown), .bytes = bytes, .nbytes = n };
	while (n - at >= LOCAL_LEN && get32(z->bytes + at) == LOCAL_SIG && found.len < ZIPDIR_MAX_ENTRIES) {
		const uint8_t *p = z->bytes + at;
		const size_t len = get16(p + 26), extra = get16(p + 28);
		struct zipdir_entry e = { .flags = get16(p + 6), .method = get16(p + 8), .crc32 = get32(p + 14),
					  .packed = get32(p + 18), .size = get32(p + 22), .header = at };

		if (n - at - LOCAL_LEN < len + extra || (e.flags & FLAG_DESCRIPTOR) || e.packed == UINT32_MAX)
			break;
		e.data = at + LOCAL_LEN + len + extra;
		e.name = arena_str(&z->arena, (struct str){ (const char *)p + LOCAL_LEN, len });
		e.has_nul = memchr(p + LOCAL_LEN, 0, len) != NULL;
		if (e.packed > n - e.data) {
			e.packed = n - e.data;
			e.damage = "is cut short";
		}
		VEC_PUSH(&found, e);
		at = e.data + e.packed;
	}
	z->ptr = arena_alloc(&z->arena, (found.len + 1) * sizeof(*z->ptr));
	if (found.len)
		memcpy(z->ptr, found.ptr, found.len * sizeof(*z->ptr));
	z->len = found.len;
	VEC_FREE(&found);
}

int zipdir_open(struct zipdir *z, const char *path, struct err *err)
{
	struct fs_map map;

	*z = (struct zipdir){ .shown = NULL };
	if (fs_map_open(&map, path, ZIPDIR_MAX_FILE, err) < 0)
		return -1;
	if (zipdir_parse(z, path, map.ptr, map.len, err) < 0) {
		fs_map_close(&map);
		return -1;
	}
	z->map = map;
	return 0;
}

void zipdir_release(struct zipdir *z)
{
	arena_release(&z->arena);
	if (z->map.ptr)
		fs_map_close(&z->map);
	free(z->shown);
	*z = (struct zipdir){ .shown = NULL };
}

mode_t zipdir_mode(const struct zipdir_entry *e)
{
	return e->creator == ZIPDIR_UNIX ? (mode_t)(e->attributes >> 16) : 0;
}

static int damaged(const struct zipdir *z, const struct zipdir_entry *e, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: %s %s", z->shown, e->name, what);
}

int zipdir_read(const struct zipdir *z, const struct zipdir_entry *e, uint64_t limit, struct buf *out, struct err *err)
{
	const uint8_t *p = z->bytes + e->data;
	struct libdeflate_decompressor *d;
	enum libdeflate_result r;
	const size_t start = out->len;

	if (e->damage)
		return damaged(z, e, err, e->damage);
	if (e->flags & FLAG_ENCRYPTED)
		return damaged(z, e, err, "is encrypted");
	if (e->method != 0 && e->method != 8)
		return damaged(z, e, err, "is neither stored nor deflated");
	if (e->method == 0 && e->size != e->packed)
		return damaged(z, e, err, "is stored with another size than its own");
	if (e->size > limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s has %llu bytes, the most is %llu", z->shown,
			       e->name, (unsigned long long)e->size, (unsigned long long)limit);
	/* deflate makes at best 1032 bytes of one: what claims more gets no memory */
	if (e->method == 8 && e->size / 1032 > e->packed)
		return damaged(z, e, err, "claims more bytes than it can hold");
	buf_reserve(out, (size_t)e->size);
	if (e->method == 0) {
		buf_add(out, p, (size_t)e->size);
	} else {
		d = libdeflate_alloc_decompressor();
		if (!d)
			BUG("out of memory");
		r = libdeflate_deflate_decompress(d, p, (size_t)e->packed, out->ptr + start, (size_t)e->size, NULL);
		libdeflate_free_decompressor(d);
		if (r != LIBDEFLATE_SUCCESS)
			return damaged(z, e, err, "does not inflate to its size");
		out->len += (size_t)e->size;
		out->ptr[out->len] = '\0';
	}
	if (libdeflate_crc32(0, out->ptr + start, (size_t)e->size) != e->crc32) {
		out->len = start;
		out->ptr[start] = '\0';
		return damaged(z, e, err, "does not match its checksum");
	}
	return 0;
}
