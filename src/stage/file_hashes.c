/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files by what stat(2) says of them: lines "DEV INO SIZE MTIME CTIME USED DIGEST". */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/map.h"
#include "base/mem.h"
#include "os/fs.h"
#include "stage/copy_internal.h"

#define MAX_FILE (64u << 20)	  /* bytes of what is kept */
#define KEEP	 (30 * 24 * 3600) /* seconds without a use */
#define RACY	 2		  /* seconds: a file that changed so lately may change again and look the same */

struct known {
	uint64_t size;
	int64_t mtime, ctime, used; /* ns, ns, s */
	char hex[65];
};

struct file_hashes {
	pthread_mutex_t lock;
	struct map map; /* "DEV INO" -> struct known */
	struct arena arena;
	char *path;
	bool changed;
	int64_t now; /* seconds */
};

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The next number of @line in base @base, and the space after it. A build has as many lines as it has files: no sscanf. */
static bool number(struct str *line, unsigned base, uint64_t *out)
{
	const size_t len = line->len;
	uint64_t n = 0;

	while (line->len && *line->ptr != ' ') {
		const char c = *line->ptr;
		const unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0')
				       : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							      : 16;

		if (digit >= base || n > (UINT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
		line->ptr++;
		line->len--;
	}
	*out = n;
	if (line->len == len || !line->len)
		return false;
	line->ptr++;
	line->len--;
	return true;
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return s.len == 64;
}

static void read_line(struct file_hashes *h, struct str line)
{
	uint64_t dev, ino, size, mtime, ctime, used;
	struct known *k;
	char key[48];

	if (!number(&line, 16, &dev) || !number(&line, 16, &ino) || !number(&line, 10, &size) ||
	    !number(&line, 10, &mtime) || !number(&line, 10, &ctime) || !number(&line, 10, &used) || !is_hex(line))
		return;
	if (used > INT64_MAX - KEEP || (int64_t)used + KEEP < h->now)
		return;
	k = arena_new(&h->arena, struct known);
	*k = (struct known){
		.size = size, .mtime = (int64_t)mtime, .ctime = (int64_t)ctime, .used = (int64_t)used
	};
	memcpy(k->hex, line.ptr, 64);
	snprintf(key, sizeof(key), "%" PRIx64 " %" PRIx64, dev, ino);
	map_put(&h->map, key, k);
}

struct file_hashes *file_hashes_open(const char *path)
{
	struct file_hashes *h = xcalloc(1, sizeof(*h));
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;
	struct str rest;

	pthread_mutex_init(&h->lock, NULL);
	h->path = xstrdup(path);
	h->now = (int64_t)time(NULL);
	if (!fs_exists(path) || fs_read(path, MAX_FILE, &b, &ignored) < 0)
		return h;
	rest = buf_str(&b);
	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		read_line(h, line);
	}
	return h;
}

void file_hashes_save(struct file_hashes *h)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;

	if (!h->changed)
		return;
	for (size_t i = 0; i < h->map.len; i++) {
		const struct known *k = h->map.ptr[i].val;

		buf_addf(&b, "%s %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %s\n", h->map.ptr[i].key, k->size,
			 k->mtime, k->ctime, k->used, k->hex);
	}
	if (b.len <= MAX_FILE && fs_write_lazy(h->path, buf_str(&b), 0644, &ignored) < 0)
		ignored.code = ERR_NONE;
}

void file_hashes_free(struct file_hashes *h)
{
	if (!h)
		return;
	pthread_mutex_destroy(&h->lock);
	map_release(&h->map);
	arena_release(&h->arena);
	free(h->path);
	free(h);
}

static bool lookup(struct file_hashes *h, const char *key, const struct stat *st, struct digest *out)
{
	struct known *k = map_get(&h->map, key);

	if (!k || k->size != (uint64_t)st->st_size || k->mtime != ns(st->st_mtim) || k->ctime != ns(st->st_ctim))
		return false;
	/* a use a day is enough to know of */
	if (k->used + 24 * 3600 < h->now) {
		k->used = h->now;
		h->changed = true;
	}
	snprintf(out->s, sizeof(out->s), "sha256:%s", k->hex);
	return true;
}

static void remember(struct file_hashes *h, const char *key, const struct stat *st, const struct digest *d)
{
	struct known *k;

	if (st->st_ctim.tv_sec + RACY >= (time_t)time(NULL) || st->st_mtim.tv_sec + RACY >= (time_t)time(NULL))
		return;
	k = arena_new(&h->arena, struct known);
	*k = (struct known){
		.size = (uint64_t)st->st_size, .mtime = ns(st->st_mtim), .ctime = ns(st->st_ctim), .used = h->now
	};
	memcpy(k->hex, digest_hex(d), 64);
	map_put(&h->map, key, k);
	h->changed = true;
}

int file_hash(struct file_hashes *h, const char *host, const struct stat *st, struct digest *out, struct err *err)
{
	char key[48];
	bool known = false;

	snprintf(key, sizeof(key), "%" PRIx64 " %" PRIx64, (uint64_t)st->st_dev, (uint64_t)st->st_ino);
	if (h) {
		pthread_mutex_lock(&h->lock);
		known = lookup(h, key, st, out);
		pthread_mutex_unlock(&h->lock);
	}
	if (known)
		return 0;
	if (digest_file(host, out, NULL, err) < 0)
		return -1;
	if (h) {
		pthread_mutex_lock(&h->lock);
		remember(h, key, st, out);
		pthread_mutex_unlock(&h->lock);
	}
	return 0;
}
