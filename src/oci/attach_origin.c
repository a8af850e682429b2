/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached to an image in an archive or a registry. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "oci/attach.h"
#include "os/proc.h"

struct from_origin {
	struct attach base;
	struct origin *o;
	struct attach_writer w;		/* commit NULL: it is only read */
};

static struct from_origin *of(struct attach *a)
{
	return CONTAINER_OF(a, struct from_origin, base);
}

static int origin_get(struct attach *a, const char *ref, struct buf *out, struct descriptor *d, struct err *err)
{
	struct origin *o = of(a)->o;
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	struct doc_descriptor its;

	if (o->ops->manifest(o, ref, out, &its, &arena, err) < 0)
		return -1;
	*d = (struct descriptor){ .media_type = attach_media_type(its.media_type), .digest = its.digest,
				  .size = its.size };
	if (!d->media_type)
		return err_set(err, ERR_FORMAT, "%s: %s is no manifest", a->shown, its.digest.s);
	return 0;
}

static int origin_blob(struct attach *a, const struct digest *digest, uint64_t size, uint64_t limit, struct buf *out,
		       struct err *err)
{
	return origin_bytes(of(a)->o, &(struct doc_descriptor){ .media_type = "", .digest = *digest, .size = size },
			    limit, out, err);
}

/* An index of referrers that a client keeps under a tag may leave the type out: then the manifest is asked. */
static int is_of(struct attach *a, const struct doc_descriptor *d, const char *artifact_type, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor its;
	const char *type;
	json_t *j;
	bool yes;

	if (!artifact_type)
		return 1;
	if (d->artifact_type)
		return strcmp(d->artifact_type, artifact_type) == 0;
	if (sig_check(err) < 0)
		return -1;
	if (origin_get(a, d->digest.s, &text, &its, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	type = attach_artifact_type(j);
	yes = type && strcmp(type, artifact_type) == 0;
	json_decref(j);
	return yes;
}

static int origin_referrers(struct attach *a, const struct digest *subject, const char *artifact_type,
			    struct digest **out, size_t *n, struct err *err)
{
	struct origin *o = of(a)->o;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_INDEX };
	CLEAN_BUF struct buf text = BUF_INIT;

	*out = NULL;
	*n = 0;
	if (o->ops->referrers(o, subject, &text, err) < 0 ||
	    document_parse(&doc, a->shown, MEDIA_INDEX, text.ptr, text.len, err) < 0)
		return -1;
	*out = xcalloc(doc.len ? doc.len : 1, sizeof(**out));
	for (size_t i = 0; i < doc.len; i++) {
		const int r = is_of(a, &doc.ptr[i], artifact_type, err);

		if (r < 0)
			return -1;
		if (r > 0)
			(*out)[(*n)++] = doc.ptr[i].digest;
	}
	return 0;
}

static int read_only(const struct attach *a, struct err *err)
{
	err_set(err, ERR_USAGE, "%s: nothing can be attached to an image in an archive", a->shown);
	return err_hint(err, "sign it in a layout: oci:DIR:TAG");
}

static int origin_put_blob(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err)
{
	const struct attach_writer *w = &of(a)->w;

	return w->put_blob ? w->put_blob(w->ctx, p, n, digest, err) : read_only(a, err);
}

static int origin_put_manifest(struct attach *a, const void *p, size_t n, const char *artifact_type, const char *tag,
			       struct digest *digest, struct err *err)
{
	const struct attach_writer *w = &of(a)->w;

	return w->put_manifest ? w->put_manifest(w->ctx, p, n, artifact_type, tag, digest, err) : read_only(a, err);
}

static int origin_put_child(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err)
{
	return origin_put_manifest(a, p, n, NULL, NULL, digest, err);
}

static int origin_commit(struct attach *a, struct err *err)
{
	const struct attach_writer *w = &of(a)->w;

	return w->commit ? w->commit(w->ctx, err) : read_only(a, err);
}

static void origin_done(struct attach *a)
{
	struct from_origin *f = of(a);

	if (f->w.free)
		f->w.free(f->w.ctx);
	origin_free(&f->o);
	free(a->shown);
	free(f);
}

static const struct attach_ops origin_attach_ops = {
	.manifest = origin_get,
	.blob = origin_blob,
	.put_blob = origin_put_blob,
	.put_manifest = origin_put_manifest,
	.put_child = origin_put_child,
	.referrers = origin_referrers,
	.commit = origin_commit,
	.free = origin_done,
};

struct attach *attach_origin(struct origin *o, const struct attach_writer *w)
{
	struct from_origin *f = xcalloc(1, sizeof(*f));

	*f = (struct from_origin){ .base = { .ops = &origin_attach_ops, .shown = xstrdup(o->shown) }, .o = o };
	if (w)
		f->w = *w;
	return &f->base;
}
