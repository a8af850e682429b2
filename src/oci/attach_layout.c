/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments in an OCI layout: more blobs, and more descriptors in its index.json. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "config/json_text.h"
#include "oci/attach.h"
#include "oci/layout.h"
#include "os/fs.h"
#include "os/proc.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define INDEX_MAX (4u << 20)

struct in_layout {
	struct attach base;
	char *dir, *blobs;
	int lock;
	json_t *index;			/* of index.json, as it will be */
	struct strs fresh, stale;	/* blobs written; manifests whose tag has moved: paths */
	bool committed;
};

static struct in_layout *of(struct attach *a)
{
	return CONTAINER_OF(a, struct in_layout, base);
}

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static const char *tag_of(const json_t *d)
{
	return get(json_object_get(d, "annotations"), REF_NAME);
}

static json_t *manifests(const struct in_layout *l)
{
	return json_object_get(l->index, "manifests");
}

static char *blob_path(const struct in_layout *l, const struct digest *digest)
{
	return path_join(l->blobs, digest_hex(digest));
}

static int read_blob(struct attach *a, const struct digest *digest, uint64_t limit, struct buf *out, struct err *err)
{
	const struct in_layout *l = of(a);
	CLEAN_FREE char *path = blob_path(l, digest);
	CLEAN_BUF struct buf data = BUF_INIT;
	struct digest got;

	if (!fs_exists(path))
		return err_set(err, ERR_NOTFOUND, "%s: there is no blob %s", a->shown, digest->s);
	if (fs_read(path, limit, &data, err) < 0 || digest_of(data.ptr, data.len, &got, err) < 0)
		return -1;
	if (memcmp(&got, digest, sizeof(got)) != 0)
		return err_set(err, ERR_FORMAT, "%s: blob %s is damaged: its bytes have another digest", a->shown,
			       digest->s);
	buf_adds(out, buf_str(&data));
	return 0;
}

static int layout_blob(struct attach *a, const struct digest *digest, uint64_t size, uint64_t limit, struct buf *out,
		       struct err *err)
{
	const size_t was = out->len;

	if (read_blob(a, digest, limit, out, err) < 0)
		return -1;
	if (out->len - was == size)
		return 0;
	return err_set(err, ERR_FORMAT, "%s: blob %s has %zu bytes, not %llu", a->shown, digest->s, out->len - was,
		       (unsigned long long)size);
}

/*
 * Whether the manifest's subject is @subject (NULL: any), by its own words, which a descriptor of others need not
 * repeat. What cannot be read refers to nothing.
 */
static bool refers_to(struct attach *a, const struct digest *manifest, const struct digest *subject,
		      const char *artifact_type)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;
	const char *its, *type;
	json_t *j;
	bool yes;

	if (read_blob(a, manifest, ATTACH_MANIFEST_MAX, &text, &ignored) < 0)
		return false;
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	its = get(json_object_get(j, "subject"), "digest");
	type = attach_artifact_type(j);
	yes = its && (!subject || strcmp(its, subject->s) == 0) &&
	      (!artifact_type || (type && strcmp(type, artifact_type) == 0));
	json_decref(j);
	return yes;
}

/* What is beside images: an artifact, what has a subject and no tag, what cosign stores under a digest's tag. */
static bool is_attached(struct attach *a, const json_t *d)
{
	const char *tag = tag_of(d);
	struct digest digest;
	struct err ignored;

	if (tag || json_object_get(d, "artifactType"))
		return !tag || attach_is_tag(tag) || json_object_get(d, "artifactType");
	return digest_parse(get(d, "digest"), &digest, &ignored) == 0 && refers_to(a, &digest, NULL, NULL);
}

/* The image to take if none is named: the only one, or the one tagged latest. */
static const json_t *only_image(struct in_layout *l, struct err *err)
{
	const json_t *found = NULL, *latest = NULL, *d;
	CLEAN_BUF struct buf tags = BUF_INIT;
	size_t i, n = 0;

	json_array_foreach(manifests(l), i, d) {
		if (is_attached(&l->base, d))
			continue;
		found = d;
		if (tag_of(d) && strcmp(tag_of(d), "latest") == 0)
			latest = d;
		if (n++ < 8)
			buf_addf(&tags, "%s%.64s", tags.len ? ", " : "", tag_of(d) ? tag_of(d) : get(d, "digest"));
	}
	if (n == 1 || latest)
		return latest ? latest : found;
	if (!n) {
		err_set(err, ERR_NOTFOUND, "%s: holds no image", l->base.shown);
		return NULL;
	}
	err_set(err, ERR_USAGE, "%s: holds %zu images: %s", l->base.shown, n, tags.ptr);
	err_hint(err, "say which: %.180s:TAG", l->base.shown);
	return NULL;
}

static const json_t *find(const struct in_layout *l, const char *ref)
{
	const json_t *d;
	size_t i;

	json_array_foreach(manifests(l), i, d) {
		const char *tag = tag_of(d);

		if (strcmp(get(d, "digest"), ref) == 0 || (tag && strcmp(tag, ref) == 0))
			return d;
	}
	return NULL;
}

static int layout_manifest(struct attach *a, const char *ref, struct buf *out, struct descriptor *d, struct err *err)
{
	struct in_layout *l = of(a);
	const json_t *entry = ref ? find(l, ref) : only_image(l, err);
	const bool by_digest = ref && starts_with(ref, "sha256:");
	CLEAN_BUF struct buf text = BUF_INIT;

	if (!ref && !entry)
		return -1;
	if (!entry && !by_digest)
		return err_set(err, ERR_NOTFOUND, "%s: there is no image '%s'", a->shown, ref);
	if (digest_parse(entry ? get(entry, "digest") : ref, &d->digest, err) < 0 ||
	    read_blob(a, &d->digest, ATTACH_MANIFEST_MAX, &text, err) < 0)
		return -1;
	/* a manifest in an index is not in index.json */
	d->media_type = entry ? attach_media_type(get(entry, "mediaType")) : NULL;
	if (!d->media_type)
		d->media_type = attach_text_type(buf_str(&text));
	if (!d->media_type)
		return err_set(err, ERR_FORMAT, "%s: %s is no manifest", a->shown, d->digest.s);
	d->size = text.len;
	buf_adds(out, buf_str(&text));
	return 0;
}

static int layout_put_blob(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err)
{
	struct in_layout *l = of(a);
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_FREE char *path = NULL;
	struct digest there;
	struct err ignored;
	uint64_t size;

	if (digest_of(p, n, digest, err) < 0)
		return -1;
	path = blob_path(l, digest);
	if (fs_exists(path) && digest_file(path, &there, &size, &ignored) == 0 && strcmp(there.s, digest->s) == 0)
		return 0;
	if (fs_tmp_open(&tmp, path, 0644, err) < 0 || fs_write_all(tmp.fd, p, n, path, err) < 0 ||
	    fs_tmp_commit(&tmp, true, err) < 0)
		return -1;
	strs_add(&l->fresh, path);
	return 0;
}

static void drop_tag(struct in_layout *l, const char *tag)
{
	json_t *d;
	size_t i;

	json_array_foreach(manifests(l), i, d) {
		struct digest was;
		struct err ignored;

		if (!tag_of(d) || strcmp(tag_of(d), tag) != 0)
			continue;
		if (digest_parse(get(d, "digest"), &was, &ignored) == 0)
			strs_take(&l->stale, blob_path(l, &was));
		json_array_remove(manifests(l), i--);
	}
}

static int layout_put_manifest(struct attach *a, const void *p, size_t n, const char *artifact_type, const char *tag,
			       struct digest *digest, struct err *err)
{
	struct in_layout *l = of(a);
	const char *type = attach_text_type((struct str){ p, n });
	json_t *d;

	if (layout_put_blob(a, p, n, digest, err) < 0)
		return -1;
	if (tag)
		drop_tag(l, tag);
	else if (find(l, digest->s))
		return 0;
	if (json_array_size(manifests(l)) >= ATTACH_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u manifests", a->shown, ATTACH_MAX);
	d = json_pack("{s:s, s:s, s:I}", "mediaType", type ? type : MEDIA_MANIFEST, "digest", digest->s,
		      "size", (json_int_t)n);
	if (artifact_type)
		json_object_set_new(d, "artifactType", json_string(artifact_type));
	if (tag)
		json_object_set_new(d, "annotations", json_pack("{s:s}", REF_NAME, tag));
	if (json_array_append_new(manifests(l), d) < 0)
		BUG("jansson: out of memory");
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return strcmp(((const struct digest *)a)->s, ((const struct digest *)b)->s);
}

static int layout_referrers(struct attach *a, const struct digest *subject, const char *artifact_type,
			    struct digest **out, size_t *n, struct err *err)
{
	const struct in_layout *l = of(a);
	VEC(struct digest) found = { 0 };
	const json_t *d;
	size_t i;

	json_array_foreach(manifests(l), i, d) {
		struct digest digest;

		if (sig_check(err) < 0 || digest_parse(get(d, "digest"), &digest, err) < 0) {
			VEC_FREE(&found);
			return -1;
		}
		if (refers_to(a, &digest, subject, artifact_type))
			VEC_PUSH(&found, digest);
	}
	if (found.len)
		qsort(found.ptr, found.len, sizeof(*found.ptr), by_digest);
	*out = found.ptr;
	*n = found.len;
	return 0;
}

/* A manifest whose tag has moved is nobody's, unless another descriptor names it. */
static void sweep(struct in_layout *l)
{
	VEC_EACH(&l->stale, path) {
		CLEAN_FREE char *digest = xasprintf("sha256:%s", path_basename(*path));

		if (!find(l, digest))
			unlink(*path);
	}
}

static int layout_commit_(struct attach *a, struct err *err)
{
	struct in_layout *l = of(a);
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_FREE char *path = path_join(l->dir, "index.json");
	CLEAN_FREE char *text = json_dumps(l->index, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		BUG("jansson: out of memory");
	if (fs_tmp_open(&tmp, path, 0644, err) < 0 || fs_write_all(tmp.fd, text, strlen(text), path, err) < 0 ||
	    sig_check(err) < 0 || fs_tmp_commit(&tmp, true, err) < 0)
		return -1;
	l->committed = true;
	sweep(l);
	return 0;
}

static void layout_free(struct attach *a)
{
	struct in_layout *l = of(a);

	if (!l->committed)
		VEC_EACH(&l->fresh, path)
			unlink(*path);
	strs_release(&l->fresh);
	strs_release(&l->stale);
	json_decref(l->index);
	if (l->lock >= 0)
		close(l->lock);
	free(l->dir);
	free(l->blobs);
	free(l->base.shown);
	free(l);
}

static const struct attach_ops layout_ops = {
	.manifest = layout_manifest,
	.blob = layout_blob,
	.put_blob = layout_put_blob,
	.put_manifest = layout_put_manifest,
	.put_child = layout_put_blob,
	.referrers = layout_referrers,
	.commit = layout_commit_,
	.free = layout_free,
};

static int bad(const char *path, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s", path, what);
}

static int read_index(struct in_layout *l, struct err *err)
{
	CLEAN_FREE char *path = path_join(l->dir, "index.json");
	CLEAN_BUF struct buf text = BUF_INIT;
	const json_t *d;
	size_t i;

	if (!fs_exists(path)) {
		err_set(err, ERR_NOTFOUND, "%s: is no OCI layout: it has no index.json", l->dir);
		return err_hint(err, "make one with slsc package --oci");
	}
	if (fs_read(path, INDEX_MAX, &text, err) < 0)
		return -1;
	l->index = json_text_parse(buf_str(&text), path, "", err);
	if (!l->index)
		return -1;
	if (!json_is_array(manifests(l)))
		return bad(path, "has no list of manifests", err);
	if (json_array_size(manifests(l)) > ATTACH_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u manifests", path, ATTACH_MAX);
	json_array_foreach(manifests(l), i, d) {
		struct digest digest;

		if (!get(d, "digest") || !get(d, "mediaType"))
			return bad(path, "a descriptor needs mediaType, digest and size", err);
		if (digest_parse(get(d, "digest"), &digest, err) < 0)
			return err_wrap(err, "%s", path);
	}
	return 0;
}

static int hold(struct in_layout *l, struct err *err)
{
	l->lock = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->lock < 0)
		return err_sys(err, "%s", l->dir);
	if (flock(l->lock, LOCK_EX) < 0)
		return err_sys(err, "%s: cannot lock it", l->dir);
	return 0;
}

int attach_layout(struct attach **out, const char *dir, bool write, struct err *err)
{
	struct in_layout *l;

	*out = NULL;
	if (!fs_is_dir(dir))
		return err_set(err, ERR_NOTFOUND, "%s: there is no such directory", dir);
	l = xcalloc(1, sizeof(*l));
	*l = (struct in_layout){ .base = { .ops = &layout_ops, .shown = xasprintf("oci:%s", dir) },
				 .dir = xstrdup(dir), .blobs = path_join(dir, "blobs/sha256"), .lock = -1 };
	if ((write && hold(l, err) < 0) || read_index(l, err) < 0) {
		layout_free(&l->base);
		return -1;
	}
	*out = &l->base;
	return 0;
}
