/* SPDX-License-Identifier: Apache-2.0 */
/* A layout (image-spec, image-layout.md) as slsc, skopeo, umoci, buildah, crane and BuildKit write it. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/attach.h"
#include "oci/image.h"
#include "oci/origin_internal.h"
#include "os/fs.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

struct layout_origin {
	struct origin origin;
	struct files *files;
	char *tag, *digest;		/* of the place; or NULL */
	struct buf text;		/* of index.json */
	struct document index;
};

struct dir_files {
	struct files files;
	char *path;
};

static char *dir_path(struct files *f, const char *name)
{
	return path_join(CONTAINER_OF(f, struct dir_files, files)->path, name);
}

static int dir_open(struct files *f, const char *name, struct piece *out, struct err *err)
{
	CLEAN_FREE char *path = dir_path(f, name);
	struct stat st;

	out->fd = fs_open(path, &st, err);
	if (out->fd < 0) {
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			err_set(err, ERR_NOTFOUND, "%s: there is no such file", path);
		return -1;
	}
	out->owned = true;
	out->at = 0;
	out->size = (uint64_t)st.st_size;
	return 0;
}

static void dir_free(struct files *f)
{
	struct dir_files *d = CONTAINER_OF(f, struct dir_files, files);

	free(d->path);
	free(d);
}

struct files *files_dir(const char *path)
{
	struct dir_files *d = xmalloc(sizeof(*d));

	*d = (struct dir_files){ .files = { .open = dir_open, .path = dir_path, .free = dir_free },
				 .path = xstrdup(path) };
	return &d->files;
}

static struct layout_origin *self(struct origin *o)
{
	return CONTAINER_OF(o, struct layout_origin, origin);
}

static char *blob_name(const struct digest *d)
{
	return xasprintf("blobs/sha256/%s", digest_hex(d));
}

static int open_blob(struct layout_origin *lo, const struct digest *d, struct piece *p, struct err *err)
{
	CLEAN_FREE char *name = blob_name(d);

	if (lo->files->open(lo->files, name, p, err) == 0)
		return 0;
	if (err->code == ERR_NOTFOUND) {
		err_set(err, ERR_NOTFOUND, "%s: %s is missing", lo->origin.shown, d->s);
		return err_hint(err, "the image is incomplete: get it again");
	}
	return -1;
}

static int layout_blob(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;

	if (open_blob(self(o), &d->digest, &p, err) < 0)
		return -1;
	if (p.size != d->size)
		return err_set(err, ERR_FORMAT, "%s: %s has %llu bytes where %llu were named", o->shown, d->digest.s,
			       (unsigned long long)p.size, (unsigned long long)d->size);
	return piece_checked(&p, d, o->shown, sink, ctx, err);
}

static int layout_blob_piece(struct origin *o, const struct digest *digest, struct piece *out, struct err *err)
{
	return open_blob(self(o), digest, out, err);
}

static char *layout_blob_path(struct origin *o, const struct digest *digest)
{
	CLEAN_FREE char *name = blob_name(digest), *path = self(o)->files->path(self(o)->files, name);

	return path && fs_exists(path) ? steal(&path) : NULL;
}

static bool has_name(const struct doc_descriptor *d, const char *ref)
{
	const char *name = doc_kvs_get(&d->annotations, REF_NAME);
	const char *full = doc_kvs_get(&d->annotations, CONTAINERD_NAME);

	return (name && strcmp(name, ref) == 0) || (full && strcmp(full, ref) == 0);
}

static const struct doc_descriptor *by_name(const struct layout_origin *lo, const char *ref)
{
	for (size_t i = 0; i < lo->index.len; i++)
		if (has_name(&lo->index.ptr[i], ref))
			return &lo->index.ptr[i];
	return NULL;
}

static const struct doc_descriptor *by_digest(const struct layout_origin *lo, const char *digest)
{
	for (size_t i = 0; i < lo->index.len; i++)
		if (strcmp(lo->index.ptr[i].digest.s, digest) == 0)
			return &lo->index.ptr[i];
	return NULL;
}

/* Only images, and what a user can type: names of foreign bytes stay out of messages. */
static void list_tags(const struct layout_origin *lo, struct strs *tags)
{
	for (size_t i = 0; i < lo->index.len; i++) {
		const char *name = doc_kvs_get(&lo->index.ptr[i].annotations, REF_NAME);

		if (name && place_ref_is_valid(name) && !attach_is_tag(name))
			strs_add(tags, name);
	}
}

/*
 * What a layout is when no tag is said: its only image, the one tagged latest, or, where no entry is tagged but the
 * entries have platforms, all of it: index.json is an index then (*out stays NULL).
 */
static int by_default(const struct layout_origin *lo, const struct doc_descriptor **out, struct err *err)
{
	CLEAN_STRS struct strs tags = { 0 };
	CLEAN_BUF struct buf list = BUF_INIT;
	bool same = true, platforms = lo->index.len > 0;

	for (size_t i = 0; i < lo->index.len; i++) {
		same = same && strcmp(lo->index.ptr[i].digest.s, lo->index.ptr[0].digest.s) == 0;
		platforms = platforms && lo->index.ptr[i].architecture;
	}
	if (!lo->index.len)
		return err_set(err, ERR_NOTFOUND, "%s: holds no image", lo->origin.shown);
	*out = same ? &lo->index.ptr[0] : by_name(lo, "latest");
	list_tags(lo, &tags);
	if (*out || (platforms && !tags.len))
		return 0;
	for (size_t i = 0; i < tags.len && list.len < 160; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", tags.ptr[i]);
	err_set(err, ERR_USAGE, "%s: holds %zu images, and which one is not said", lo->origin.shown, lo->index.len);
	if (tags.len)
		return err_hint(err, "put a tag behind it: %s", list.ptr);
	return err_hint(err, "put a digest behind it: @%s", lo->index.ptr[0].digest.s);
}

static int resolve(const struct layout_origin *lo, const char *ref, const struct doc_descriptor **out, struct err *err)
{
	CLEAN_STRS struct strs tags = { 0 };

	*out = NULL;
	if (!ref)
		ref = lo->digest ? lo->digest : lo->tag;
	if (!ref)
		return by_default(lo, out, err);
	if (starts_with(ref, "sha256:")) {
		*out = by_digest(lo, ref);
		return 0;
	}
	*out = by_name(lo, ref);
	if (*out)
		return 0;
	list_tags(lo, &tags);
	return ref_missing(lo->origin.shown, ref, &tags, err);
}

static void copy_descriptor(struct arena *a, const struct doc_descriptor *from, struct doc_descriptor *to)
{
	*to = (struct doc_descriptor){ .media_type = arena_strdup(a, from->media_type), .digest = from->digest,
				       .size = from->size };
	if (from->architecture)
		to->architecture = arena_strdup(a, from->architecture);
	if (from->os)
		to->os = arena_strdup(a, from->os);
	if (from->variant)
		to->variant = arena_strdup(a, from->variant);
	if (from->artifact_type)
		to->artifact_type = arena_strdup(a, from->artifact_type);
}

/* A blob of which only the digest is known. */
static int by_digest_alone(struct layout_origin *lo, const char *ref, struct buf *out, struct doc_descriptor *d,
			   struct arena *arena, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: %s", lo->origin.shown, ref);

	*d = (struct doc_descriptor){ .media_type = "" };
	if (digest_parse(ref, &d->digest, err) < 0 || open_blob(lo, &d->digest, &p, err) < 0)
		return -1;
	d->size = p.size;
	if (origin_bytes(&lo->origin, d, DOCUMENT_MAX, out, err) < 0 ||
	    document_parse(&doc, shown, NULL, out->ptr, out->len, err) < 0)
		return -1;
	d->media_type = arena_strdup(arena, doc.media_type);
	return 0;
}

static int layout_manifest(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *d,
			   struct arena *arena, struct err *err)
{
	struct layout_origin *lo = self(o);
	const struct doc_descriptor *found;

	if (resolve(lo, ref, &found, err) < 0)
		return -1;
	buf_reset(out);
	if (!ref)
		ref = lo->digest;
	if (!found && ref)
		return by_digest_alone(lo, ref, out, d, arena, err);
	if (!found) {
		buf_adds(out, buf_str(&lo->text));
		*d = (struct doc_descriptor){ .media_type = MEDIA_INDEX, .size = out->len };
		return digest_of(out->ptr, out->len, &d->digest, err);
	}
	copy_descriptor(arena, found, d);
	return origin_bytes(o, d, DOCUMENT_MAX, out, err);
}

struct referrers {
	struct layout_origin *lo;
	const struct digest *subject;
	json_t *list;
	struct map seen;		/* digest -> non-NULL */
};

static void must(int ret)
{
	if (ret < 0)
		BUG("jansson: out of memory");
}

static void add_referrer(struct referrers *r, const struct doc_descriptor *d, const struct document *doc)
{
	const char *type = doc->artifact_type ? doc->artifact_type : doc->config.media_type;
	json_t *j = json_pack("{s:s, s:s, s:I}", "mediaType", d->media_type, "digest", d->digest.s, "size",
			      (json_int_t)d->size);
	json_t *annotations = json_object();

	if (!j || !annotations)
		BUG("jansson: out of memory");
	if (type && *type)
		must(json_object_set_new(j, "artifactType", json_string(type)));
	for (size_t i = 0; i < doc->annotations.len; i++)
		must(json_object_set_new(annotations, doc->annotations.ptr[i].key,
					 json_string(doc->annotations.ptr[i].val)));
	if (doc->annotations.len)
		must(json_object_set(j, "annotations", annotations));
	json_decref(annotations);
	must(json_array_append_new(r->list, j));
}

/* Adds @d if its subject is the one looked for; what is no manifest, or missing, is passed over. */
static int look(struct referrers *r, const struct doc_descriptor *d, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_BUF struct buf text = BUF_INIT;

	if (map_put(&r->seen, d->digest.s, r) || (!media_is_manifest(d->media_type) && !media_is_index(d->media_type)))
		return 0;
	if (origin_bytes(&r->lo->origin, d, DOCUMENT_MAX, &text, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	if (document_parse(&doc, r->lo->origin.shown, d->media_type, text.ptr, text.len, err) < 0)
		return -1;
	if (doc.has_subject && strcmp(doc.subject.digest.s, r->subject->s) == 0)
		add_referrer(r, d, &doc);
	return 0;
}

/* The fallback tag's index names them all; so may any other index at the top, and index.json itself. */
static int look_around(struct referrers *r, struct err *err)
{
	for (size_t i = 0; i < r->lo->index.len; i++) {
		const struct doc_descriptor *d = &r->lo->index.ptr[i];
		CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
		CLEAN_BUF struct buf text = BUF_INIT;

		if (look(r, d, err) < 0)
			return -1;
		if (!media_is_index(d->media_type))
			continue;
		if (origin_bytes(&r->lo->origin, d, DOCUMENT_MAX, &text, err) < 0 ||
		    document_parse(&doc, r->lo->origin.shown, d->media_type, text.ptr, text.len, err) < 0)
			return -1;
		for (size_t k = 0; k < doc.len; k++)
			if (look(r, &doc.ptr[k], err) < 0)
				return -1;
	}
	return 0;
}

static int layout_referrers(struct origin *o, const struct digest *subject, struct buf *out, struct err *err)
{
	struct referrers r = { .lo = self(o), .subject = subject, .list = json_array() };
	json_t *index;
	char *text;
	int ret;

	if (!r.list)
		BUG("jansson: out of memory");
	ret = look_around(&r, err);
	index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", MEDIA_INDEX, "manifests", r.list);
	text = json_dumps(index, JSON_SORT_KEYS | JSON_COMPACT);
	if (!text)
		BUG("jansson: out of memory");
	buf_reset(out);
	buf_addz(out, text);
	free(text);
	json_decref(index);
	map_release(&r.seen);
	return ret;
}

static void layout_free(struct origin *o)
{
	struct layout_origin *lo = self(o);

	lo->files->free(lo->files);
	document_release(&lo->index);
	buf_release(&lo->text);
	free(lo->tag);
	free(lo->digest);
	free(o->shown);
	free(lo);
}

static const struct origin_ops ops = {
	.manifest = layout_manifest,
	.blob = layout_blob,
	.blob_path = layout_blob_path,
	.blob_piece = layout_blob_piece,
	.referrers = layout_referrers,
	.free = layout_free,
};

static int check_version(struct layout_origin *lo, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: oci-layout", lo->origin.shown);
	json_t *j;
	const char *version;
	bool good;

	if (lo->files->open(lo->files, "oci-layout", &p, err) < 0) {
		if (err->code == ERR_NOTFOUND) {
			err_set(err, ERR_NOTFOUND, "%s: is no image layout: it has no file oci-layout",
				lo->origin.shown);
			return err_hint(err, "a layout is a directory with oci-layout, index.json and blobs/, "
					     "such as `slsc package --oci` makes");
		}
		return -1;
	}
	if (piece_text(&p, shown, 4096, &text, err) < 0)
		return -1;
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	version = json_string_value(json_object_get(j, "imageLayoutVersion"));
	good = version && starts_with(version, "1.");
	json_decref(j);
	return good ? 0 : err_set(err, ERR_FORMAT, "%s: does not say imageLayoutVersion 1", shown);
}

static int read_index(struct layout_origin *lo, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: index.json", lo->origin.shown);

	if (lo->files->open(lo->files, "index.json", &p, err) < 0)
		return err->code == ERR_NOTFOUND ? err_set(err, ERR_NOTFOUND, "%s: there is none", shown) : -1;
	if (piece_text(&p, shown, DOCUMENT_MAX, &lo->text, err) < 0)
		return -1;
	return document_parse(&lo->index, shown, MEDIA_INDEX, lo->text.ptr, lo->text.len, err);
}

int origin_layout(struct origin **out, const struct place *pl, struct files *f, struct err *err)
{
	struct layout_origin *lo = xcalloc(1, sizeof(*lo));

	*lo = (struct layout_origin){ .origin = { .ops = &ops, .shown = place_show(pl) }, .files = f,
				      .text = BUF_INIT };
	lo->tag = pl->tag ? xstrdup(pl->tag) : NULL;
	lo->digest = pl->digest ? xstrdup(pl->digest) : NULL;
	if (check_version(lo, err) < 0 || read_index(lo, err) < 0) {
		layout_free(&lo->origin);
		return -1;
	}
	*out = &lo->origin;
	return 0;
}
