/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/zip.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/deflate.h"
#include "archive/pool.h"
#include "archive/source.h"
#include "base/mem.h"
#include "os/fs.h"

/*
 * An entry up to WHOLE bytes is deflated in one go: the least bytes for the least CPU time. A larger one is cut into
 * parts, for bounded memory and the second core; a cut costs some hundred bytes and a look at the part by zlib.
 */
#define WHOLE ((size_t)64 << 20)
#define PART ((size_t)2 << 20)
#define PART_MAX ((size_t)16 << 20)
#define SMALL ((size_t)256 << 10)	/* less than this in all is not worth a thread */
#define TINY ((size_t)2 << 10)		/* nor is a job of this size worth handing over */
#define HUGE_PAGE ((size_t)2 << 20)
#define OUT_CAP ((size_t)128 << 10)

#define LIMIT16 0xffffu
#define LIMIT32 0xffffffffu
#define METHOD_STORE 0u
#define METHOD_DEFLATE 8u
#define FLAG_UTF8 (1u << 11)
#define MADE_BY_UNIX (3u << 8)
#define VERSION_STORE 10u
#define VERSION_DEFLATE 20u
#define VERSION_ZIP64 45u
#define EXTRA_ZIP64 0x0001u
#define DOS_DIRECTORY 0x10u

/* A part of an entry's contents on its way through the pool. */
struct part {
	int level;			/* libdeflate's; 0: nothing is compressed */
	bool first, last;
	uint8_t *in, *out;
	size_t in_len, in_cap, out_len, out_cap;
	uint32_t crc;			/* of the entry up to here */
};

/* What the central directory says of an entry beside the tree. */
struct member {
	uint64_t offset, packed;
	uint32_t crc;
	unsigned method;
};

struct zip {
	const struct tree *tree;
	const char *path;
	int fd;
	int level;
	uint16_t dos_time, dos_date;
	struct member *members;
	size_t emitting;		/* the entry whose parts come next from the pool */
	struct pool *pool;
	size_t flying;			/* bytes of contents in the pool */
	uint64_t pos;			/* of the next byte put */
	uint8_t *buf;
	size_t buf_len;
};

static void part_run(void *job, void **state)
{
	struct part *p = job;
	size_t cap = p->out_cap;

	if (!p->level || !p->in_len) {
		p->out_len = 0;
		return;
	}
	/* A whole entry has to shrink, so it gets no more room than that. */
	if (p->first && p->last)
		cap = p->in_len - 1;
	p->out_len = deflate_part(state, p->level, p->last, p->in, p->in_len, p->out, cap);
	if (!p->out_len && !(p->first && p->last))
		BUG("a part outgrew its bound");
}

static void part_release(void *job)
{
	struct part *p = job;

	free(p->in);
	free(p->out);
	*p = (struct part){ 0 };
}

static const struct pool_ops part_ops = {
	.job_size = sizeof(struct part),
	.run = part_run,
	.job_release = part_release,
	.state_free = deflate_free,
};

static void fit(uint8_t **p, size_t *cap, size_t n)
{
	if (*cap >= n)
		return;
	free(*p);	/* the old bytes are of no use: nothing to move */
	if (n < HUGE_PAGE) {
		*p = xmalloc(n);
	} else {
		/* Faulting 33 MB in by 4 KiB pages takes a tenth of the time that deflating them does. */
		n = (n + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
		*p = aligned_alloc(HUGE_PAGE, n);
		if (!*p)
			BUG("out of memory");
		madvise(*p, n, MADV_HUGEPAGE);
	}
	*cap = n;
}

/* Output: buffered, little-endian. */

static int flush(struct zip *z, struct err *err)
{
	size_t n = z->buf_len;

	z->buf_len = 0;
	return fs_write_all(z->fd, z->buf, n, z->path, err);
}

static int put(struct zip *z, const void *p, size_t n, struct err *err)
{
	z->pos += n;
	if (n > OUT_CAP - z->buf_len && flush(z, err) < 0)
		return -1;
	if (n >= OUT_CAP)
		return fs_write_all(z->fd, p, n, z->path, err);
	if (n)
		memcpy(z->buf + z->buf_len, p, n);
	z->buf_len += n;
	return 0;
}

struct record {
	uint8_t b[128];
	size_t len;
};

static void le(struct record *r, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++, v >>= 8)
		r->b[r->len++] = (uint8_t)v;
}

static uint32_t clamp32(uint64_t v)
{
	return v >= LIMIT32 ? LIMIT32 : (uint32_t)v;
}

/* Entries */

static uint64_t raw_size(const struct tree_entry *e)
{
	return e->type == TREE_FILE ? e->size : e->type == TREE_LINK ? strlen(e->target) : 0;
}

static size_t name_len(const struct tree_entry *e)
{
	return strlen(e->path) + (e->type == TREE_DIR);
}

static int put_name(struct zip *z, const struct tree_entry *e, struct err *err)
{
	if (put(z, e->path, strlen(e->path), err) < 0)
		return -1;
	return e->type == TREE_DIR ? put(z, "/", 1, err) : 0;
}

/* The fields that the local and the central header share, from "version needed" to the name's length. */
static void common_fields(struct record *r, const struct zip *z, const struct tree_entry *e, const struct member *m,
			  bool zip64)
{
	unsigned flags = 0;

	for (const char *s = e->path; *s; s++)
		if ((unsigned char)*s >= 0x80)
			flags = FLAG_UTF8;
	le(r, 2, zip64 ? VERSION_ZIP64 :
		 m->method == METHOD_DEFLATE || e->type == TREE_DIR ? VERSION_DEFLATE : VERSION_STORE);
	le(r, 2, flags);
	le(r, 2, m->method);
	le(r, 2, z->dos_time);
	le(r, 2, z->dos_date);
	le(r, 4, m->crc);
}

/* The size of the contents alone decides about zip64: what is packed is never larger. 4.3.7, 4.5.3 */
static void local_header(struct record *r, const struct zip *z, const struct tree_entry *e, const struct member *m)
{
	uint64_t size = raw_size(e);
	bool zip64 = size >= LIMIT32;

	r->len = 0;
	le(r, 4, 0x04034b50);
	common_fields(r, z, e, m, zip64);
	le(r, 4, zip64 ? LIMIT32 : m->packed);
	le(r, 4, clamp32(size));
	le(r, 2, name_len(e));
	le(r, 2, zip64 ? 20 : 0);
}

static int put_local(struct zip *z, const struct tree_entry *e, const struct member *m, struct err *err)
{
	struct record r;

	local_header(&r, z, e, m);
	if (put(z, r.b, r.len, err) < 0 || put_name(z, e, err) < 0)
		return -1;
	if (raw_size(e) < LIMIT32)
		return 0;
	r.len = 0;
	le(&r, 2, EXTRA_ZIP64);
	le(&r, 2, 16);
	le(&r, 8, raw_size(e));
	le(&r, 8, m->packed);
	return put(z, r.b, r.len, err);
}

/* Back to @pos, dropping what has been written from there on. */
static int rewind_to(struct zip *z, uint64_t pos, struct err *err)
{
	if (flush(z, err) < 0)
		return -1;
	if (ftruncate(z->fd, (off_t)pos) < 0 || lseek(z->fd, (off_t)pos, SEEK_SET) < 0)
		return err_sys(err, "cannot write %s", z->path);
	z->pos = pos;
	return 0;
}

/* The header of an entry in several parts is written again once its size and checksum are known. */
static int patch_local(struct zip *z, const struct tree_entry *e, const struct member *m, struct err *err)
{
	uint64_t pos = z->pos;

	if (flush(z, err) < 0)
		return -1;
	if (lseek(z->fd, (off_t)m->offset, SEEK_SET) < 0)
		return err_sys(err, "cannot write %s", z->path);
	if (put_local(z, e, m, err) < 0 || flush(z, err) < 0)
		return -1;
	if (lseek(z->fd, (off_t)pos, SEEK_SET) < 0)
		return err_sys(err, "cannot write %s", z->path);
	z->pos = pos;
	return 0;
}

/* A large entry that did not shrink: read it once more. */
static int restore(struct zip *z, const struct tree_entry *e, struct member *m, struct err *err)
{
	CLEAN_SOURCE struct source s = SOURCE_INIT;
	CLEAN_FREE uint8_t *block = xmalloc(OUT_CAP);

	m->method = METHOD_STORE;
	m->packed = e->size;
	if (rewind_to(z, m->offset, err) < 0 || put_local(z, e, m, err) < 0 || source_open(&s, e, err) < 0)
		return -1;
	while (s.done < e->size) {
		size_t n = e->size - s.done < OUT_CAP ? (size_t)(e->size - s.done) : OUT_CAP;

		if (source_read(&s, block, n, err) < 0 || put(z, block, n, err) < 0)
			return -1;
	}
	return source_end(&s, err);
}

/* Take the oldest part back and write it. */
static int emit(struct zip *z, struct err *err)
{
	const struct tree_entry *e = &z->tree->ptr[z->emitting];
	struct member *m = &z->members[z->emitting];
	const struct part *p = pool_take(z->pool, err);
	bool whole;

	if (!p)
		return -1;
	whole = p->first && p->last;
	if (p->first) {
		m->offset = z->pos;
		m->method = p->out_len || !whole ? METHOD_DEFLATE : METHOD_STORE;
		if (!p->level)
			m->method = METHOD_STORE;
		if (whole)
			m->packed = p->out_len ? p->out_len : p->in_len;
		m->crc = p->crc;
		if (put_local(z, e, m, err) < 0)
			return -1;
	}
	if (put(z, p->out_len ? p->out : p->in, p->out_len ? p->out_len : p->in_len, err) < 0)
		return -1;
	if (!whole)
		m->packed += p->out_len ? p->out_len : p->in_len;
	if (p->last && !whole) {
		m->crc = p->crc;
		if (m->packed >= e->size && m->method == METHOD_DEFLATE) {
			if (restore(z, e, m, err) < 0)
				return -1;
		} else if (patch_local(z, e, m, err) < 0) {
			return -1;
		}
	}
	z->emitting += p->last;
	z->flying -= p->in_len;
	pool_done(z->pool);
	return 0;
}

/* A free part for @n bytes; older ones are written until there is room. */
static int next_part(struct zip *z, size_t n, struct part **out, struct err *err)
{
	struct part *p;

	while (!(p = pool_slot(z->pool)) || (z->flying + n > WHOLE && !pool_empty(z->pool)))
		if (emit(z, err) < 0)
			return -1;
	if (p->in_cap > PART_MAX)
		part_release(p);
	fit(&p->in, &p->in_cap, n);
	p->level = z->level;
	p->in_len = n;
	z->flying += n;
	*out = p;
	return 0;
}

static size_t part_size(const struct zip *z, uint64_t size)
{
	if (size <= WHOLE)
		return WHOLE;
	return z->level == DEFLATE_MAX ? PART_MAX : PART;
}

static int add_file(struct zip *z, const struct tree_entry *e, bool small, struct err *err)
{
	CLEAN_SOURCE struct source s = SOURCE_INIT;
	size_t max = part_size(z, e->size);
	uint32_t crc = 0;

	if (source_open(&s, e, err) < 0)
		return -1;
	do {
		uint64_t left = e->size - s.done;
		struct part *p;

		if (next_part(z, left < max ? (size_t)left : max, &p, err) < 0)
			return -1;
		p->first = s.done == 0;
		if (source_read(&s, p->in, p->in_len, err) < 0)
			return -1;
		p->last = s.done == e->size;
		crc = libdeflate_crc32(crc, p->in, p->in_len);
		p->crc = crc;
		if (p->level)
			fit(&p->out, &p->out_cap, p->first && p->last ? p->in_len : deflate_bound(p->in_len));
		pool_submit(z->pool, small || p->in_len <= TINY || !p->level);
	} while (s.done < e->size);
	return source_end(&s, err);
}

/* Directories and symlinks: nothing to compress. */
static int add_other(struct zip *z, const struct tree_entry *e, struct err *err)
{
	size_t n = (size_t)raw_size(e);
	struct part *p;

	if (next_part(z, n, &p, err) < 0)
		return -1;
	p->level = 0;
	p->first = p->last = true;
	if (n)
		memcpy(p->in, e->target, n);
	p->crc = libdeflate_crc32(0, p->in, n);
	pool_submit(z->pool, true);
	return 0;
}

/* 4.3.12, and 4.5.3: in the extra field are only those that do not fit, in this order. */
static int put_central(struct zip *z, const struct tree_entry *e, const struct member *m, struct err *err)
{
	static const mode_t types[] = { [TREE_FILE] = S_IFREG, [TREE_DIR] = S_IFDIR, [TREE_LINK] = S_IFLNK };
	uint64_t big[] = { raw_size(e), m->packed, m->offset };
	struct record r = { .len = 0 }, extra = { .len = 0 };

	for (size_t i = 0; i < ARRAY_LEN(big); i++)
		if (big[i] >= LIMIT32)
			le(&extra, 8, big[i]);
	le(&r, 4, 0x02014b50);
	le(&r, 2, MADE_BY_UNIX | (extra.len ? VERSION_ZIP64 : VERSION_DEFLATE));
	common_fields(&r, z, e, m, extra.len > 0);
	le(&r, 4, clamp32(m->packed));
	le(&r, 4, clamp32(raw_size(e)));
	le(&r, 2, name_len(e));
	le(&r, 2, extra.len ? extra.len + 4 : 0);
	le(&r, 2, 0);	/* comment */
	le(&r, 2, 0);	/* disk */
	le(&r, 2, 0);	/* internal attributes */
	le(&r, 4, (uint64_t)(types[e->type] | e->mode) << 16 | (e->type == TREE_DIR ? DOS_DIRECTORY : 0));
	le(&r, 4, clamp32(m->offset));
	if (put(z, r.b, r.len, err) < 0 || put_name(z, e, err) < 0)
		return -1;
	if (!extra.len)
		return 0;
	r.len = 0;
	le(&r, 2, EXTRA_ZIP64);
	le(&r, 2, extra.len);
	memcpy(r.b + r.len, extra.b, extra.len);
	return put(z, r.b, r.len + extra.len, err);
}

/* 4.3.14 to 4.3.16 */
static int put_end(struct zip *z, uint64_t central, struct err *err)
{
	uint64_t count = z->tree->len, end = z->pos, length = end - central;
	struct record r = { .len = 0 };

	if (count >= LIMIT16 || length >= LIMIT32 || central >= LIMIT32) {
		le(&r, 4, 0x06064b50);
		le(&r, 8, 44);	/* bytes of this record from here */
		le(&r, 2, MADE_BY_UNIX | VERSION_ZIP64);
		le(&r, 2, VERSION_ZIP64);
		le(&r, 4, 0);
		le(&r, 4, 0);
		le(&r, 8, count);
		le(&r, 8, count);
		le(&r, 8, length);
		le(&r, 8, central);
		le(&r, 4, 0x07064b50);
		le(&r, 4, 0);
		le(&r, 8, end);
		le(&r, 4, 1);
	}
	le(&r, 4, 0x06054b50);
	le(&r, 2, 0);
	le(&r, 2, 0);
	le(&r, 2, count >= LIMIT16 ? LIMIT16 : count);
	le(&r, 2, count >= LIMIT16 ? LIMIT16 : count);
	le(&r, 4, clamp32(length));
	le(&r, 4, clamp32(central));
	le(&r, 2, 0);
	if (put(z, r.b, r.len, err) < 0)
		return -1;
	return flush(z, err);
}

static int write_all(struct zip *z, struct err *err)
{
	bool small = tree_total(z->tree) <= SMALL;
	uint64_t central;

	for (size_t i = 0; i < z->tree->len; i++) {
		const struct tree_entry *e = &z->tree->ptr[i];

		if ((e->type == TREE_FILE ? add_file(z, e, small, err) : add_other(z, e, err)) < 0)
			return -1;
	}
	while (!pool_empty(z->pool))
		if (emit(z, err) < 0)
			return -1;
	central = z->pos;
	for (size_t i = 0; i < z->tree->len; i++)
		if (put_central(z, &z->tree->ptr[i], &z->members[i], err) < 0)
			return -1;
	return put_end(z, central, err);
}

/* MS-DOS date and time, in UTC; 4.4.6 */
static void set_time(struct zip *z, int64_t mtime)
{
	const int64_t min = 315532800, max = 4354819198;	/* 1980-01-01 00:00:00, 2107-12-31 23:59:58 */
	time_t t = (time_t)(mtime < min ? min : mtime > max ? max : mtime);
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		BUG("gmtime_r() failed");
	z->dos_time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
	z->dos_date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
}

/* The umask can only be asked for by setting it, which is no game for several threads. */
static mode_t the_umask;

static void read_umask(void)
{
	the_umask = umask(022);
	umask(the_umask);
}

int zip_write(const struct tree *tree, const char *path, enum zip_level level, int64_t mtime, uint64_t *size,
	      struct err *err)
{
	/* 5 is smaller than zip -6 in a quarter of its time; 6 would gain 0.6 % for another quarter of ours. */
	static const int levels[] = { [ZIP_FAST] = 1, [ZIP_DEFAULT] = 5, [ZIP_MAX] = DEFLATE_MAX, [ZIP_STORE] = 0 };
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	struct zip z = { .tree = tree, .path = path, .level = levels[level] };
	int r;

	pthread_once(&once, read_umask);
	if (!tree->finished)
		BUG("zip_write() before tree_finish()");
	for (size_t i = 0; i < tree->len; i++)
		if (tree->ptr[i].type >= TREE_HARDLINK)
			return err_set(err, ERR_FORMAT, "%s: a zip holds files, directories and symlinks only",
				       tree->ptr[i].path);
	if (fs_tmp_open(&tmp, path, 0644 & ~the_umask, err) < 0)
		return -1;
	set_time(&z, mtime);
	z.fd = tmp.fd;
	z.buf = xmalloc(OUT_CAP);
	z.members = xcalloc(tree->len + 1, sizeof(*z.members));
	z.pool = pool_new(&part_ops);
	r = write_all(&z, err);
	pool_free(z.pool);
	free(z.members);
	free(z.buf);
	if (r < 0 || fs_tmp_commit(&tmp, true, err) < 0)
		return -1;
	if (size)
		*size = z.pos;
	return 0;
}
