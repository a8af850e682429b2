/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/origin_internal.h"
#include "oci/store.h"

struct stored {
	struct origin origin;
	struct origin *inner;
};

static struct origin *inner(struct origin *o)
{
	return CONTAINER_OF(o, struct stored, origin)->inner;
}

/* The media type of a document that the store has: it says so itself, or its members do. */
static int identify(struct origin *o, const struct buf *text, struct doc_descriptor *d, struct arena *arena,
		    struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };

	if (document_parse(&doc, o->shown, NULL, text->ptr, text->len, err) < 0)
		return -1;
	d->media_type = arena_strdup(arena, doc.media_type);
	d->size = text->len;
	return 0;
}

static int stored_manifest(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *d,
			   struct arena *arena, struct err *err)
{
	struct digest put;
	int ret;

	buf_reset(out);
	if (ref && starts_with(ref, "sha256:")) {
		*d = (struct doc_descriptor){ .media_type = "" };
		if (digest_parse(ref, &d->digest, err) < 0)
			return -1;
		ret = store_read(&d->digest, DOCUMENT_MAX, out, err);
		if (ret)
			return ret < 0 ? -1 : identify(o, out, d, arena, err);
	}
	if (inner(o)->ops->manifest(inner(o), ref, out, d, arena, err) < 0)
		return -1;
	return store_put(out->ptr, out->len, &put, err);
}

/* Of what a descriptor reads, not of what its name leads to by then. */
static int digest_of_piece(const struct piece *p, const char *shown, struct digest *out, struct err *err)
{
	struct digest_ctx *md = digest_new(err);

	if (!md)
		return -1;
	if (piece_read(p, shown, sink_digest, md, err) < 0) {
		digest_free(md);
		return -1;
	}
	digest_final(md, out);
	return 0;
}

static int damaged(const char *path, struct err *err)
{
	err_set(err, ERR_FORMAT, "%s: the store is damaged, and the file cannot be removed", path);
	return err_hint(err, "remove it");
}

/*
 * Hashed before a byte reaches the sink, which cannot take one back: what rotted on the disk is dropped and asked for
 * again. What was just fetched is hashed once more; that is rare and cheap next to a network.
 */
static int open_good(struct origin *o, const struct doc_descriptor *d, struct piece *p, struct err *err)
{
	CLEAN_FREE char *path = store_path(&d->digest);
	struct digest got;

	for (int i = 0; i < 2; i++) {
		piece_close(p);
		*p = (struct piece){ .fd = store_open(inner(o), d, err), .owned = true, .size = d->size };
		if (p->fd < 0 || digest_of_piece(p, path, &got, err) < 0)
			return -1;
		if (strcmp(got.s, d->digest.s) == 0)
			return 0;
		if (unlink(path) < 0 && errno != ENOENT)
			break;
	}
	return damaged(path, err);
}

static int stored_blob(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;

	if (open_good(o, d, &p, err) < 0)
		return -1;
	return piece_read(&p, o->shown, sink, ctx, err);
}

/* Who reads the file can only say that it is damaged; asked for as a blob it is fetched again. */
static char *stored_blob_path(struct origin *o, const struct digest *digest)
{
	CLEAN_FREE char *path = store_path(digest);
	struct stat st;

	if (lstat(path, &st) == 0 && store_verified(digest, (uint64_t)st.st_size))
		return steal(&path);
	return inner(o)->ops->blob_path(inner(o), digest);
}

static int stored_referrers(struct origin *o, const struct digest *subject, struct buf *out, struct err *err)
{
	return inner(o)->ops->referrers(inner(o), subject, out, err);
}

static void stored_free(struct origin *o)
{
	struct stored *s = CONTAINER_OF(o, struct stored, origin);

	origin_free(&s->inner);
	free(o->shown);
	free(s);
}

static const struct origin_ops ops = {
	.manifest = stored_manifest,
	.blob = stored_blob,
	.blob_path = stored_blob_path,
	.referrers = stored_referrers,
	.free = stored_free,
};

struct origin *origin_stored(struct origin *o)
{
	struct stored *s = xmalloc(sizeof(*s));

	*s = (struct stored){ .origin = { .ops = &ops, .shown = xstrdup(o->shown) }, .inner = o };
	return &s->origin;
}
