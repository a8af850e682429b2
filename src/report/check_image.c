/* SPDX-License-Identifier: Apache-2.0 */
/* Which images an artifact has, and what is wrong with its documents; what is in an image: check_rootfs.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/unarchive.h"
#include "base/map.h"
#include "base/mem.h"
#include "oci/attach.h"
#include "oci/image.h"
#include "os/fs.h"
#include "report/check_image.h"

#define ATTESTATION "vnd.docker.reference.type"
#define REF_NAME "org.opencontainers.image.ref.name"

struct walker {
	struct check *c;
	struct origin *o;
	const char *text;		/* as the user named it */
	enum place_kind kind;
	enum check_platform platform;
	struct map done;		/* digests that were looked at */
};

bool check_is_foreign(const struct err *err)
{
	return err->code == ERR_FORMAT || err->code == ERR_LIMIT || err->code == ERR_NOTFOUND;
}

static bool is_attestation(const struct doc_descriptor *d)
{
	return doc_kvs_get(&d->annotations, ATTESTATION) ||
	       (d->architecture && strcmp(d->architecture, "unknown") == 0);
}

static int one_manifest(struct walker *w, const char *shown, const struct doc_descriptor *d, const struct document *m,
			struct err *err)
{
	const struct image_check ic = { .c = w->c, .origin = w->o, .manifest = m, .descriptor = d,
					.docker_archive = w->kind == PLACE_DOCKER_ARCHIVE };

	if (map_put(&w->done, d->digest.s, w))
		return 0;
	check_start(w->c, shown, w->platform);
	return check_one_image(&ic, err);
}

static int by_digest(struct walker *w, const char *shown, const struct doc_descriptor *d, unsigned depth,
		     struct err *err);

static int index_children(struct walker *w, const char *shown, const struct document *index, unsigned depth,
			  struct err *err)
{
	for (size_t i = 0; i < index->len; i++) {
		const struct doc_descriptor *d = &index->ptr[i];
		CLEAN_FREE char *name = NULL;

		if (is_attestation(d))
			continue;
		name = d->architecture ? xasprintf("%s (%s/%s)", shown, d->os ? d->os : "linux", d->architecture)
				       : xasprintf("%s (%.19s)", shown, d->digest.s);
		if (by_digest(w, name, d, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* An index that is to be deployed, not only a list of tags. */
static int one_index(struct walker *w, const char *shown, const struct doc_descriptor *d, const struct document *index,
		     unsigned depth, struct err *err)
{
	if (map_put(&w->done, d->digest.s, w))
		return 0;
	check_start(w->c, shown, w->platform);
	if (depth >= ORIGIN_MAX_DEPTH) {
		check_add(w->c, RULE_LAYER_DAMAGED, NULL, "indexes more than %u deep", ORIGIN_MAX_DEPTH);
		return 0;
	}
	check_add(w->c, RULE_LAMBDA_INDEX, NULL, "is an index of %zu manifest%s", index->len,
		  index->len == 1 ? "" : "s");
	for (size_t i = 0; i < index->len; i++)
		if (is_attestation(&index->ptr[i])) {
			check_add(w->c, RULE_LAMBDA_ATTESTATION, NULL, "manifests[%zu] is an attestation", i);
			break;
		}
	return index_children(w, shown, index, depth, err);
}

static int by_ref(struct walker *w, const char *shown, const char *ref, unsigned depth, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct doc_descriptor d;

	if (w->o->ops->manifest(w->o, ref, &bytes, &d, &arena, err) < 0)
		return -1;
	if (document_parse(&doc, shown, d.media_type, bytes.ptr, bytes.len, err) < 0)
		return -1;
	return doc.kind == DOC_INDEX ? one_index(w, shown, &d, &doc, depth, err)
				     : one_manifest(w, shown, &d, &doc, err);
}

static int by_digest(struct walker *w, const char *shown, const struct doc_descriptor *said, unsigned depth,
		     struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct doc_descriptor d;

	if (map_has(&w->done, said->digest.s))
		return 0;
	if (w->o->ops->manifest(w->o, said->digest.s, &bytes, &d, &arena, err) < 0 ||
	    document_parse(&doc, shown, said->media_type, bytes.ptr, bytes.len, err) < 0) {
		if (!check_is_foreign(err))
			return -1;
		check_start(w->c, shown, w->platform);
		check_add(w->c, RULE_LAYER_DAMAGED, NULL, "%s", err->msg);
		return 0;
	}
	/* the platform is the index's word for it */
	return doc.kind == DOC_INDEX ? one_index(w, shown, said, &doc, depth, err)
				     : one_manifest(w, shown, said, &doc, err);
}

static char *tagged(const char *text, const struct doc_descriptor *d)
{
	const char *ref = doc_kvs_get(&d->annotations, REF_NAME);

	return ref ? xasprintf("%s:%s", text, ref) : xasprintf("%s@%.19s", text, d->digest.s);
}

/* What lies beside an image in the list and is none: an SBOM, a signature. */
static bool is_attached(const struct doc_descriptor *d)
{
	const char *ref = doc_kvs_get(&d->annotations, REF_NAME);

	return d->artifact_type || (ref && attach_is_tag(ref));
}

static bool is_module(const struct doc_descriptor *d)
{
	return d->architecture && strcmp(d->architecture, MODULE_ARCH) == 0;
}

/*
 * A whole layout. Its index.json is a list of tags, which no platform gets; each tag is looked at. Where Lambda is
 * meant, a tag for all architectures is a mistake only if there is none for a single one.
 */
static int all_tags(struct walker *w, const struct document *list, struct err *err)
{
	const char *index = NULL, *ref;
	CLEAN_BUF struct buf single = BUF_INIT;
	int ret = 0;

	for (size_t i = 0; i < list->len; i++) {
		ref = doc_kvs_get(&list->ptr[i].annotations, REF_NAME);
		if (is_attached(&list->ptr[i]))
			continue;
		if (media_is_index(list->ptr[i].media_type))
			index = ref ? ref : "";
		else if (ref && media_is_manifest(list->ptr[i].media_type) && !is_module(&list->ptr[i]))
			buf_addf(&single, "%s:%s", single.len ? ", " : "", ref);
	}
	if (index && single.len && w->platform == CHECK_LAMBDA) {
		check_start(w->c, w->text, w->platform);
		check_add(w->c, RULE_LAMBDA_TAG, NULL, "':%s' is an index of several architectures; push one of %s",
			  index, single.ptr);
	}
	if (!list->len) {
		check_start(w->c, w->text, w->platform);
		check_add(w->c, RULE_LAYER_DAMAGED, "index.json", "has no image");
	}
	for (size_t i = 0; i < list->len && ret == 0; i++) {
		const struct doc_descriptor *d = &list->ptr[i];
		CLEAN_FREE char *shown = tagged(w->text, d);

		if (is_attached(d) || (media_is_index(d->media_type) && single.len && w->platform == CHECK_LAMBDA))
			continue;
		ret = by_digest(w, shown, d, 0, err);
	}
	return ret;
}

/* index.json of a layout that is a tar. */
static int index_in_tar(const char *path, struct buf *out, struct err *err)
{
	struct unar_file f;
	struct unar *u;
	struct unar_entry e;
	const void *p;
	size_t n;
	int r = -1;

	if (unar_file_open(&f, path, err) < 0)
		return -1;
	u = unar_open(UNAR_TAR, path, unar_file_read, &f, NULL, err);
	while (u && (r = unar_next(u, &e, err)) > 0) {
		if (strcmp(e.path, "index.json") != 0)
			continue;
		if (e.size > DOCUMENT_MAX)
			r = err_set(err, ERR_LIMIT, "%s: limit exceeded: index.json has %llu bytes", path,
				    (unsigned long long)e.size);
		while (r > 0 && (r = unar_data(u, &p, &n, err)) > 0)
			buf_add(out, p, n);
		break;
	}
	if (r == 0 && !out->len)
		r = err_set(err, ERR_FORMAT, "%s: has no index.json", path);
	unar_free(u);
	unar_file_close(&f);
	return r;
}

int check_layout_index(const struct place *pl, struct buf *bytes, struct document *list, struct err *err)
{
	CLEAN_FREE char *path = path_join(pl->path, "index.json");
	int r;

	if (pl->kind == PLACE_LAYOUT)
		r = fs_read(path, DOCUMENT_MAX, bytes, err);
	else
		r = index_in_tar(pl->path, bytes, err);
	return r < 0 ? -1 : document_parse(list, path, MEDIA_INDEX, bytes->ptr, bytes->len, err);
}

static int whole_layout(struct walker *w, const struct place *pl, struct err *err)
{
	CLEAN_DOCUMENT struct document list = { .kind = DOC_INDEX };
	CLEAN_BUF struct buf bytes = BUF_INIT;

	if (check_layout_index(pl, &bytes, &list, err) < 0)
		return -1;
	return all_tags(w, &list, err);
}

int check_image(struct check *c, const char *text, int platform, struct err *err)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	CLEAN_ORIGIN struct origin *o = NULL;
	struct walker w = { .c = c, .text = text,
			    .platform = platform >= 0 ? (enum check_platform)platform : CHECK_GENERIC };
	const size_t before = c->artifacts.len;
	int ret;

	if (place_parse_artifact(&pl, text, err) < 0)
		return -1;
	if (origin_open(&o, &pl, c->env, err) < 0)
		return -1;
	w.o = o;
	w.kind = pl.kind;
	if (!pl.tag && !pl.digest && (pl.kind == PLACE_LAYOUT || pl.kind == PLACE_OCI_ARCHIVE))
		ret = whole_layout(&w, &pl, err);
	else
		ret = by_ref(&w, text, NULL, 0, err);
	if (ret < 0 && (err->code == ERR_FORMAT || err->code == ERR_LIMIT)) {
		/* it was opened, and is no image inside */
		if (c->artifacts.len == before)
			check_start(c, text, w.platform);
		check_add(c, RULE_LAYER_DAMAGED, NULL, "%s", err->msg);
		ret = 0;
	}
	map_release(&w.done);
	return ret;
}
