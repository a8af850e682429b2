/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/layer_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define BLOCK ((size_t)256 * 1024)
#define TAR_BLOCK 512u

struct spool {
	int fd;
	char *shown;
};

/* What a registry or an archive gives comes here first: reading a tar pulls, and blobs are pushed. */
static int to_spool(void *ctx, const void *p, size_t n, struct err *err)
{
	const struct spool *s = ctx;

	return fs_write_all(s->fd, p, n, s->shown, err);
}

static int spool(struct layer_reader *r, struct origin *o, struct err *err)
{
	CLEAN_FREE char *shown = NULL;
	struct spool s;

	r->piece = (struct piece){ .fd = fs_scratch(&shown, err), .owned = true, .size = r->d->size };
	if (r->piece.fd < 0)
		return -1;
	s = (struct spool){ r->piece.fd, shown };
	return o->ops->blob(o, r->d, to_spool, &s, err);
}

/* A blob is hashed once: where it lies while it is read, or while it is spooled. */
static int find_blob(struct layer_reader *r, struct origin *o, struct err *err)
{
	CLEAN_FREE char *path = o->ops->blob_path ? o->ops->blob_path(o, &r->d->digest) : NULL;
	struct stat st;

	if (!path && !o->ops->blob_piece)
		return spool(r, o, err);
	if (path) {
		r->piece = (struct piece){ .fd = fs_open(path, &st, err), .owned = true };
		if (r->piece.fd < 0)
			return -1;
		r->piece.size = (uint64_t)st.st_size;
	} else if (o->ops->blob_piece(o, &r->d->digest, &r->piece, err) < 0) {
		return -1;
	}
	r->raw = digest_new(err);
	return r->raw ? 0 : -1;
}

static ssize_t read_raw(void *ctx, const void **p, struct err *err)
{
	struct layer_reader *r = ctx;
	const uint64_t left = r->piece.size - r->size;
	ssize_t n;

	do {
		if (sig_check(err) < 0)
			return -1;
		if (r->shared && atomic_load(&r->shared->cancel))
			return err_set(err, ERR_INTR, "interrupted");
		n = pread(r->piece.fd, r->block, left < BLOCK ? (size_t)left : BLOCK, (off_t)(r->piece.at + r->size));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "%s", r->shown);
	r->size += (uint64_t)n;
	if (r->size > r->d->size)
		return err_set(err, ERR_FORMAT, "%s: has more bytes than the %llu that its descriptor says", r->shown,
			       (unsigned long long)r->d->size);
	if (r->raw)
		digest_update(r->raw, r->block, (size_t)n);
	*p = r->block;
	return n;
}

/*
 * umoci ends a tar with the last file's last byte. Programs in Go read that as it is meant, and so have layers like it
 * come into registries; libarchive wants the block that was begun to be whole.
 */
static ssize_t pad(struct layer_reader *r, const void **p)
{
	static const char zeros[TAR_BLOCK];
	const size_t rest = (size_t)(r->tar_size % TAR_BLOCK);

	if (!rest || r->padded)
		return 0;
	r->padded = true;
	*p = zeros;
	return (ssize_t)(TAR_BLOCK - rest);
}

static ssize_t read_plain(void *ctx, const void **p, struct err *err)
{
	struct layer_reader *r = ctx;
	const ssize_t n = decoder_read(r->decoder, p, err);

	if (n > 0) {
		digest_update(r->plain, *p, (size_t)n);
		r->tar_size += (uint64_t)n;
		if (r->shared)
			atomic_fetch_add(&r->shared->bytes, (uint64_t)n);
	}
	return n ? n : pad(r, p);
}

static int reader_open(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d, const char *shown,
		       uint64_t limit, struct layer_shared *shared, bool ahead, struct err *err)
{
	/* our decoder comes first and counts the same bytes: its message names the layer */
	const struct unar_limits limits = { .bytes = limit + BLOCK };
	char head[4];
	ssize_t n;

	*r = (struct layer_reader){ .piece = PIECE_INIT, .shown = xstrdup(shown), .d = d, .shared = shared };
	if (find_blob(r, o, err) < 0)
		return err_wrap(err, "%s", shown);
	r->block = xmalloc(BLOCK);
	n = pread(r->piece.fd, head, r->piece.size < sizeof(head) ? (size_t)r->piece.size : sizeof(head),
		  (off_t)r->piece.at);
	r->codec = codec_sniff(head, n > 0 ? (size_t)n : 0);
	r->plain = digest_new(err);
	if (!r->plain)
		return -1;
	r->decoder = decoder_new(r->codec, shown, read_raw, r, limit);
	r->ahead = ahead ? ahead_new(read_plain, r) : NULL;
	r->unar = unar_open(UNAR_TAR, shown, ahead ? ahead_read : read_plain, ahead ? (void *)r->ahead : r, &limits,
			    err);
	return r->unar ? 0 : -1;
}

int layer_reader_open(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d, const char *shown,
		      uint64_t limit, struct err *err)
{
	return reader_open(r, o, d, shown, limit, NULL, false, err);
}

int layer_reader_open_ahead(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d,
			    const char *shown, uint64_t limit, struct err *err)
{
	return reader_open(r, o, d, shown, limit, NULL, true, err);
}

int layer_reader_open_shared(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d,
			     const char *shown, uint64_t limit, struct layer_shared *shared, bool ahead,
			     struct err *err)
{
	return reader_open(r, o, d, shown, limit, shared, ahead, err);
}

uint64_t layer_reader_at(const struct layer_reader *r)
{
	return r->decoder ? r->size - decoder_left(r->decoder) : 0;
}

int layer_reader_end(struct layer_reader *r, struct digest *diff_id, struct err *err)
{
	struct digest got, plain;
	const void *p;
	ssize_t n;

	while ((n = r->ahead ? ahead_read(r->ahead, &p, err) : read_plain(r, &p, err)) > 0)
		continue;
	if (n < 0)
		return -1;
	digest_final(steal(&r->plain), &plain);
	if (r->raw)
		digest_final(steal(&r->raw), &got);
	else
		got = r->d->digest;
	if (r->size != r->d->size || strcmp(got.s, r->d->digest.s) != 0)
		return err_set(err, ERR_FORMAT, "%s: its %llu bytes are %s, not what its descriptor says", r->shown,
			       (unsigned long long)r->size, got.s);
	if (diff_id)
		*diff_id = plain;
	return 0;
}

void layer_reader_close(struct layer_reader *r)
{
	unar_free(r->unar);
	ahead_free(r->ahead);
	decoder_free(r->decoder);
	digest_free(r->raw);
	digest_free(r->plain);
	if (r->shown)
		piece_close(&r->piece);
	free(r->block);
	free(r->shown);
	*r = (struct layer_reader){ .piece = PIECE_INIT };
}
