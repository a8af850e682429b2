/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/image.h"
#include "oci/origin_internal.h"
#include "os/fs.h"
#include "os/proc.h"

#define BLOCK (256u * 1024)
#define MAX_UNNAMED 16u		/* of no platform, looked into: in all, since depth multiplies them */

void piece_close(struct piece *p)
{
	if (p->owned && p->fd >= 0)
		close(p->fd);
	*p = (struct piece)PIECE_INIT;
}

int piece_read(const struct piece *p, const char *shown, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_FREE char *block = xmalloc(BLOCK);
	uint64_t done = 0;

	while (done < p->size) {
		size_t want = p->size - done < BLOCK ? (size_t)(p->size - done) : BLOCK;
		ssize_t n = pread(p->fd, block, want, (off_t)(p->at + done));

		if (sig_check(err) < 0)
			return -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read %s", shown);
		if (n == 0)
			return err_set(err, ERR_IO, "%s: became shorter while it was read", shown);
		if (sink(ctx, block, (size_t)n, err) < 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

int sink_buf(void *buf, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(buf, p, n);
	return 0;
}

int sink_digest(void *md, const void *p, size_t n, struct err *err)
{
	(void)err;
	digest_update(md, p, n);
	return 0;
}

int piece_text(const struct piece *p, const char *shown, uint64_t limit, struct buf *out, struct err *err)
{
	if (p->size > limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu bytes, the most is %llu", shown,
			       (unsigned long long)p->size, (unsigned long long)limit);
	return piece_read(p, shown, sink_buf, out, err);
}

int checked_begin(struct checked *c, const struct doc_descriptor *want, const char *shown, sink_fn sink, void *ctx,
		  struct err *err)
{
	*c = (struct checked){ .want = want, .shown = shown, .md = digest_new(err), .sink = sink, .ctx = ctx };
	return c->md ? 0 : -1;
}

int checked_write(void *ctx, const void *p, size_t n, struct err *err)
{
	struct checked *c = ctx;

	if (n > c->want->size - c->got)
		return err_set(err, ERR_FORMAT, "%s: %s is longer than the %llu bytes that were named", c->shown,
			       c->want->digest.s, (unsigned long long)c->want->size);
	c->got += n;
	digest_update(c->md, p, n);
	return c->sink(c->ctx, p, n, err);
}

int checked_end(struct checked *c, struct err *err)
{
	struct digest got;

	digest_final(steal(&c->md), &got);
	if (c->got != c->want->size)
		return err_set(err, ERR_FORMAT, "%s: %s has %llu bytes where %llu were named", c->shown,
			       c->want->digest.s, (unsigned long long)c->got, (unsigned long long)c->want->size);
	if (strcmp(got.s, c->want->digest.s) != 0) {
		err_set(err, ERR_FORMAT, "%s: %s has other bytes than its digest says", c->shown, c->want->digest.s);
		return err_hint(err, "the image is damaged or was tampered with: get it again");
	}
	return 0;
}

void checked_abort(struct checked *c)
{
	digest_free(steal(&c->md));
}

int piece_checked(const struct piece *p, const struct doc_descriptor *want, const char *shown, sink_fn sink, void *ctx,
		  struct err *err)
{
	struct checked c;
	int ret;

	if (checked_begin(&c, want, shown, sink, ctx, err) < 0)
		return -1;
	ret = piece_read(p, shown, checked_write, &c, err);
	if (ret == 0)
		ret = checked_end(&c, err);
	checked_abort(&c);
	return ret;
}

int ref_missing(const char *shown, const char *ref, const struct strs *tags, struct err *err)
{
	CLEAN_BUF struct buf list = BUF_INIT;
	const char *near = str_closest(ref, (const char *const *)tags->ptr, tags->len);

	for (size_t i = 0; i < tags->len && list.len < 160; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", tags->ptr[i]);
	err_set(err, ERR_NOTFOUND, "%s: has no tag '%s'", shown, ref);
	if (!tags->len)
		return err_hint(err, "nothing in it is tagged: leave the tag out");
	if (near)
		return err_hint(err, "did you mean '%s'? there are: %s", near, list.ptr);
	return err_hint(err, "there are: %s", list.ptr);
}

int origin_open(struct origin **out, const struct place *pl, const struct origin_env *env, struct err *err)
{
	struct files *f;

	*out = NULL;
	switch (pl->kind) {
	case PLACE_LAYOUT:
		return origin_layout(out, pl, files_dir(pl->path), err);
	case PLACE_REGISTRY:
		if (env && env->registry)
			return env->registry(out, pl, env->ctx, err);
		err_set(err, ERR_USAGE, "%s/%s: registries cannot be used here", pl->host, pl->repo);
		return err_hint(err, "name a layout or an archive: oci:DIR, oci-archive:FILE, docker-archive:FILE");
	default:
		f = files_tar(pl->path, env && env->partial, err);
		if (!f)
			return -1;
		return pl->kind == PLACE_OCI_ARCHIVE ? origin_layout(out, pl, f, err) : origin_docker(out, pl, f, err);
	}
}

void origin_free(struct origin **o)
{
	if (*o)
		(*o)->ops->free(*o);
	*o = NULL;
}

int origin_bytes(struct origin *o, const struct doc_descriptor *d, uint64_t limit, struct buf *out, struct err *err)
{
	if (d->size > limit)
		return err_set(err, ERR_LIMIT, "%s: %s: limit exceeded: %llu bytes, the most is %llu", o->shown,
			       d->digest.s, (unsigned long long)d->size, (unsigned long long)limit);
	return o->ops->blob(o, d, sink_buf, out, err);
}

static void add_platform(struct buf *b, const char *arch, const char *variant)
{
	buf_addf(b, "%s%s", b->len ? ", " : "", arch ? arch : "an unnamed one");
	if (variant && *variant)
		buf_addf(b, "/%s", variant);
}

/* Whether a manifest is of linux/@arch by its config; it is an image by then, or an error. */
static int check_arch(struct origin *o, const char *shown, const struct document *doc, const char *arch,
		      struct err *err)
{
	CLEAN_DOC_CONFIG struct doc_config c = { .architecture = NULL };
	CLEAN_BUF struct buf text = BUF_INIT, has = BUF_INIT;
	CLEAN_FREE char *name = xasprintf("%s: config", shown);
	struct doc_descriptor self;
	const struct document one = { .kind = DOC_INDEX, .ptr = &self, .len = 1 };

	if (strcmp(doc->config.media_type, MEDIA_CONFIG) != 0 &&
	    strcmp(doc->config.media_type, MEDIA_DOCKER_CONFIG) != 0) {
		err_set(err, ERR_FORMAT, "%s: is not an image, but an artifact of type %s", shown,
			doc->artifact_type ? doc->artifact_type : doc->config.media_type);
		return err_hint(err, "name an image");
	}
	if (origin_bytes(o, &doc->config, DOCUMENT_MAX, &text, err) < 0 ||
	    doc_config_parse(&c, name, text.ptr, text.len, err) < 0)
		return -1;
	self = (struct doc_descriptor){ .architecture = c.architecture, .os = c.os, .variant = c.variant };
	if (document_for(&one, arch))
		return 0;
	if (c.os && strcmp(c.os, "linux") != 0)
		buf_addf(&has, "%s/", c.os);
	buf_addf(&has, "%s%s%s", c.architecture ? c.architecture : "no named architecture", c.variant ? "/" : "",
		 c.variant ? c.variant : "");
	err_set(err, ERR_NOTFOUND, "%s: has no image for %s: it is for %s", shown, arch, has.ptr);
	return err_hint(err, "take another image, or one that is for %s too", arch);
}

struct follow {
	struct origin *o;
	const char *arch;		/* or NULL */
	struct document *doc;
	struct buf *bytes;
	struct doc_descriptor *d;
	struct arena *arena;
	unsigned *left;			/* of MAX_UNNAMED */
};

static int follow(const struct follow *f, const char *ref, unsigned depth, struct err *err);

static int follow_digest(const struct follow *f, const struct doc_descriptor *d, unsigned depth, struct err *err)
{
	/* @d lives in a document that the next step replaces */
	return follow(f, arena_strdup(f->arena, d->digest.s), depth + 1, err);
}

/* Images without a platform: their configs say what they are for. */
static int try_unnamed(const struct follow *f, const struct document *index, unsigned depth, bool *found,
		       unsigned *tried, struct err *err)
{
	for (size_t i = 0; i < index->len && *f->left; i++) {
		const struct doc_descriptor *d = &index->ptr[i];

		if (d->architecture || (!media_is_manifest(d->media_type) && !media_is_index(d->media_type)))
			continue;
		++*tried;
		--*f->left;
		if (follow_digest(f, d, depth, err) == 0) {
			*found = true;
			return 0;
		}
		if (err->code != ERR_NOTFOUND && err->code != ERR_FORMAT)
			return -1;
	}
	return 0;
}

/* @tried: so many images without a platform were looked into; if it is one, @err says what it is for. */
static int none_for(const char *shown, const struct document *index, const char *arch, unsigned tried, struct err *err)
{
	CLEAN_BUF struct buf list = BUF_INIT;

	for (size_t i = 0; i < index->len && list.len < 160; i++)
		if (index->ptr[i].os && strcmp(index->ptr[i].os, "linux") == 0)
			add_platform(&list, index->ptr[i].architecture, index->ptr[i].variant);
	if (!list.len && tried == 1)
		return -1;
	if (!list.len && tried)
		return err_set(err, ERR_NOTFOUND, "%s: none of its %u images is for %s", shown, tried, arch);
	if (!list.len)
		return err_set(err, ERR_NOTFOUND, "%s: has no image for %s", shown, arch);
	err_set(err, ERR_NOTFOUND, "%s: has no image for %s: there are %s", shown, arch, list.ptr);
	return err_hint(err, "take another image, or build for the architectures that it is for");
}

/* The only image of an index, attestations (of platform unknown) aside. */
static int only_one(const struct follow *f, const char *shown, const struct document *index, unsigned depth,
		    struct err *err)
{
	CLEAN_BUF struct buf list = BUF_INIT;
	const struct doc_descriptor *one = NULL;
	size_t n = 0;

	for (size_t i = 0; i < index->len; i++) {
		const struct doc_descriptor *d = &index->ptr[i];

		if ((d->architecture && strcmp(d->architecture, "unknown") == 0) ||
		    (one && strcmp(one->digest.s, d->digest.s) == 0))
			continue;
		one = one ? one : d;
		n++;
		if (list.len < 160)
			add_platform(&list, d->architecture, d->variant);
	}
	if (n == 1)
		return follow_digest(f, one, depth, err);
	if (n == 0)
		return err_set(err, ERR_NOTFOUND, "%s: is an index without images", shown);
	err_set(err, ERR_USAGE, "%s: holds %zu images, for %s", shown, n, list.ptr);
	return err_hint(err, "say which architecture");
}

static int follow(const struct follow *f, const char *ref, unsigned depth, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_FREE char *shown = ref && depth ? xasprintf("%s: %s", f->o->shown, ref) : xstrdup(f->o->shown);
	struct doc_descriptor d = { .media_type = "" };
	const struct doc_descriptor *pick;
	unsigned tried = 0;
	bool found = false;

	if (depth > ORIGIN_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: indexes more than %u deep", f->o->shown,
			       ORIGIN_MAX_DEPTH);
	if (f->o->ops->manifest(f->o, ref, &text, &d, f->arena, err) < 0 ||
	    document_parse(&doc, shown, d.media_type, text.ptr, text.len, err) < 0)
		return -1;
	if (doc.kind == DOC_INDEX) {
		if (!f->arch)
			return only_one(f, shown, &doc, depth, err);
		pick = document_for(&doc, f->arch);
		if (pick)
			return follow_digest(f, pick, depth, err);
		if (try_unnamed(f, &doc, depth, &found, &tried, err) < 0)
			return -1;
		return found ? 0 : none_for(shown, &doc, f->arch, tried, err);
	}
	if (f->arch && check_arch(f->o, shown, &doc, f->arch, err) < 0)
		return -1;
	*f->doc = doc;
	doc = (struct document){ .kind = DOC_MANIFEST };
	if (f->bytes) {
		buf_reset(f->bytes);
		buf_adds(f->bytes, buf_str(&text));
	}
	if (f->d)
		*f->d = d;
	return 0;
}

int origin_manifest(struct origin *o, const char *ref, const char *arch, struct document *doc, struct buf *bytes,
		    struct doc_descriptor *d, struct arena *arena, struct err *err)
{
	unsigned left = MAX_UNNAMED;
	const struct follow f = { .o = o, .arch = arch, .doc = doc, .bytes = bytes, .d = d, .arena = arena,
				  .left = &left };

	*doc = (struct document){ .kind = DOC_MANIFEST };
	return follow(&f, ref, 0, err);
}
