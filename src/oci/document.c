/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/codec.h"
#include "base/mem.h"
#include "oci/document_internal.h"
#include "oci/image.h"

static const struct media {
	const char *name;
	enum codec codec;
} layer_media[] = {
	{ "application/vnd.oci.image.layer.v1.tar", CODEC_NONE },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", CODEC_GZIP },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", CODEC_ZSTD },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", CODEC_NONE },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", CODEC_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", CODEC_ZSTD },
	{ MEDIA_DOCKER_LAYER, CODEC_GZIP },
	{ "application/vnd.docker.image.rootfs.diff.tar", CODEC_NONE },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", CODEC_ZSTD },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", CODEC_GZIP },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", CODEC_NONE },
};

bool media_is_index(const char *media_type)
{
	return strcmp(media_type, MEDIA_INDEX) == 0 || strcmp(media_type, MEDIA_DOCKER_INDEX) == 0;
}

bool media_is_manifest(const char *media_type)
{
	return strcmp(media_type, MEDIA_MANIFEST) == 0 || strcmp(media_type, MEDIA_DOCKER_MANIFEST) == 0;
}

int media_layer_codec(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(layer_media); i++)
		if (strcmp(media_type, layer_media[i].name) == 0)
			return (int)layer_media[i].codec;
	return -1;
}

/*
 * "[[],[],..." of 4 MB would become 200 MB of jansson's values: they are counted before it sees them. Where the text
 * is no JSON the count is of no use, and jansson ends at the first error.
 */
int doc_prescan(const char *shown, const char *p, size_t n, struct err *err)
{
	size_t depth = 0, values = 1;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				quoted = false;
			continue;
		}
		quoted = p[i] == '"';
		if (p[i] == '[' || p[i] == '{')
			depth++;
		if ((p[i] == ']' || p[i] == '}') && depth)
			depth--;
		values += p[i] == '[' || p[i] == '{' || p[i] == ',';
		if (depth > DOC_MAX_DEPTH)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: JSON more than %u levels deep", shown,
				       DOC_MAX_DEPTH);
		if (values > DOC_MAX_VALUES)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u values", shown,
				       DOC_MAX_VALUES);
	}
	return 0;
}

json_t *doc_load(const char *shown, const void *p, size_t n, struct err *err)
{
	json_error_t where;
	json_t *j;

	if (n > DOCUMENT_MAX) {
		err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu bytes, the most is %u", shown, n, DOCUMENT_MAX);
		return NULL;
	}
	if (doc_prescan(shown, p, n, err) < 0)
		return NULL;
	j = json_loadb(p, n, JSON_REJECT_DUPLICATES, &where);
	if (!j) {
		char *near = strstr(where.text, " near '");

		/* jansson quotes the text at the error: foreign bytes that no message needs. */
		if (near)
			*near = '\0';
		err_at(err, ERR_FORMAT, shown, where.line < 0 ? 0 : (unsigned)where.line,
		       where.column < 0 ? 0 : (unsigned)where.column, "%s", where.text);
		return NULL;
	}
	if (!json_is_object(j)) {
		err_set(err, ERR_FORMAT, "%s: is not a JSON object", shown);
		json_decref(j);
		return NULL;
	}
	return j;
}

int doc_bad(const struct doc_reader *r, const char *key, const char *what)
{
	return err_set(r->err, ERR_FORMAT, "%s: %s%s: %s", r->shown, r->where, key, what);
}

void doc_where(struct doc_reader *r, const char *outer, const char *member, long i)
{
	char w[sizeof(r->where)];

	if (i < 0)
		snprintf(w, sizeof(w), "%s%s.", outer, member);
	else
		snprintf(w, sizeof(w), "%s%s[%ld].", outer, member, i);
	memcpy(r->where, w, sizeof(w));
}

static const json_t *member(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_null(v) ? NULL : v;
}

int doc_string(const struct doc_reader *r, const json_t *j, const char *key, const char **out)
{
	const json_t *v = member(j, key);

	*out = NULL;
	if (!v)
		return 0;
	if (!json_is_string(v))
		return doc_bad(r, key, "must be a string");
	*out = arena_strdup(r->arena, json_string_value(v));
	return 0;
}

int doc_array(const struct doc_reader *r, const json_t *j, const char *key, const json_t **out)
{
	*out = member(j, key);
	return !*out || json_is_array(*out) ? 0 : doc_bad(r, key, "must be an array");
}

int doc_object(const struct doc_reader *r, const json_t *j, const char *key, const json_t **out)
{
	*out = member(j, key);
	return !*out || json_is_object(*out) ? 0 : doc_bad(r, key, "must be an object");
}

int doc_strings(const struct doc_reader *r, const json_t *j, const char *key, const char ***out)
{
	const json_t *list;
	const char **v;
	size_t n;

	*out = NULL;
	if (doc_array(r, j, key, &list) < 0)
		return -1;
	if (!list)
		return 0;
	n = json_array_size(list);
	v = arena_alloc(r->arena, (n + 1) * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);

		if (!json_is_string(s))
			return doc_bad(r, key, "must hold strings only");
		v[i] = arena_strdup(r->arena, json_string_value(s));
	}
	*out = v;
	return 0;
}

int doc_map(const struct doc_reader *r, const json_t *j, const char *key, struct doc_kvs *out)
{
	const json_t *o;
	json_t *m;

	*out = (struct doc_kvs){ .len = 0 };
	if (doc_object(r, j, key, &o) < 0)
		return -1;
	if (!o)
		return 0;
	m = (json_t *)(uintptr_t)o;	/* its iterators take no const */
	out->ptr = arena_alloc(r->arena, json_object_size(o) * sizeof(*out->ptr));
	for (void *it = json_object_iter(m); it; it = json_object_iter_next(m, it)) {
		const json_t *v = json_object_iter_value(it);

		if (!json_is_string(v))
			return doc_bad(r, key, "must hold strings only");
		out->ptr[out->len++] = (struct doc_kv){ .key = arena_strdup(r->arena, json_object_iter_key(it)),
							.val = arena_strdup(r->arena, json_string_value(v)) };
	}
	return 0;
}

const char *doc_kvs_get(const struct doc_kvs *kvs, const char *key)
{
	for (size_t i = 0; i < kvs->len; i++)
		if (strcmp(kvs->ptr[i].key, key) == 0)
			return kvs->ptr[i].val;
	return NULL;
}

static int read_digest(const struct doc_reader *r, const json_t *j, struct digest *out)
{
	const json_t *v = member(j, "digest");

	if (!json_is_string(v))
		return doc_bad(r, "digest", v ? "must be a string" : "is missing");
	if (digest_parse(json_string_value(v), out, r->err) < 0)
		return doc_bad(r, "digest", "is not sha256: and 64 lower-case hex digits");
	return 0;
}

static int read_platform(struct doc_reader *r, const json_t *j, struct doc_descriptor *d)
{
	const json_t *p;
	char outer[sizeof(r->where)];
	int ret;

	if (doc_object(r, j, "platform", &p) < 0)
		return -1;
	if (!p)
		return 0;
	memcpy(outer, r->where, sizeof(outer));
	doc_where(r, outer, "platform", -1);
	ret = doc_string(r, p, "architecture", &d->architecture) < 0 || doc_string(r, p, "os", &d->os) < 0 ||
	      doc_string(r, p, "variant", &d->variant) < 0;
	memcpy(r->where, outer, sizeof(outer));
	return ret ? -1 : 0;
}

static int read_descriptor(struct doc_reader *r, const json_t *j, struct doc_descriptor *d)
{
	const json_t *size = member(j, "size");

	if (doc_string(r, j, "mediaType", &d->media_type) < 0 || read_digest(r, j, &d->digest) < 0)
		return -1;
	if (!d->media_type)
		d->media_type = "";
	if (!json_is_integer(size))
		return doc_bad(r, "size", size ? "must be an integer" : "is missing");
	if (json_integer_value(size) < 0 || json_integer_value(size) > DOC_MAX_SIZE)
		return doc_bad(r, "size", "is out of range: 0 to 2^53 bytes");
	d->size = (uint64_t)json_integer_value(size);
	if (read_platform(r, j, d) < 0 || doc_string(r, j, "artifactType", &d->artifact_type) < 0)
		return -1;
	return doc_map(r, j, "annotations", &d->annotations);
}

/* 1: there is one; 0: absent; -1. */
static int read_one(struct doc_reader *r, const json_t *j, const char *key, struct doc_descriptor *d)
{
	const json_t *o;
	int ret;

	if (doc_object(r, j, key, &o) < 0)
		return -1;
	if (!o)
		return 0;
	doc_where(r, "", key, -1);
	ret = read_descriptor(r, o, d) < 0 ? -1 : 1;
	r->where[0] = '\0';
	return ret;
}

static int read_list(struct doc_reader *r, const json_t *j, const char *key, struct document *d)
{
	const json_t *list;
	size_t n;

	if (doc_array(r, j, key, &list) < 0)
		return -1;
	n = json_array_size(list);
	if (n > DOCUMENT_MAX_ENTRIES)
		return err_set(r->err, ERR_LIMIT, "%s: limit exceeded: %zu %s, the most is %u", r->shown, n, key,
			       DOCUMENT_MAX_ENTRIES);
	d->ptr = arena_alloc(r->arena, n * sizeof(*d->ptr));
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);

		doc_where(r, "", key, (long)i);
		if (!json_is_object(o)) {
			r->where[strlen(r->where) - 1] = '\0';
			return doc_bad(r, "", "must be an object");
		}
		if (read_descriptor(r, o, &d->ptr[i]) < 0)
			return -1;
	}
	r->where[0] = '\0';
	d->len = n;
	return 0;
}

/*
 * What it is, said in up to three ways that must agree: a document that one reader takes for a manifest and another for
 * an index would be two images under one digest (CVE-2021-41190).
 */
static int read_kind(struct doc_reader *r, const json_t *j, const char *said, struct document *d)
{
	const bool index = member(j, "manifests") != NULL;
	const bool manifest = member(j, "config") != NULL || member(j, "layers") != NULL;
	const json_t *version = member(j, "schemaVersion");

	if (json_is_integer(version) && json_integer_value(version) == 1) {
		err_set(r->err, ERR_FORMAT, "%s: is a manifest of Docker's schema 1, which is not supported", r->shown);
		return err_hint(r->err, "copy it with a tool that converts it to schema 2 or OCI");
	}
	if (!json_is_integer(version) || json_integer_value(version) != 2)
		return doc_bad(r, "schemaVersion", "must be 2");
	if (doc_string(r, j, "mediaType", &d->media_type) < 0)
		return -1;
	if (index && manifest)
		return err_set(r->err, ERR_FORMAT, "%s: is a manifest and an index at once", r->shown);
	if (said && !media_is_index(said) && !media_is_manifest(said))
		said = NULL;
	if (!d->media_type)
		d->media_type = said ? arena_strdup(r->arena, said) : index ? MEDIA_INDEX : MEDIA_MANIFEST;
	if (!media_is_index(d->media_type) && !media_is_manifest(d->media_type))
		return doc_bad(r, "mediaType", "is neither a manifest's nor an index's");
	d->kind = media_is_index(d->media_type) ? DOC_INDEX : DOC_MANIFEST;
	if ((d->kind == DOC_INDEX ? manifest : index) || (said && media_is_index(said) != (d->kind == DOC_INDEX)))
		return err_set(r->err, ERR_FORMAT, "%s: its media type says %s, which it is not", r->shown,
			       (d->kind == DOC_INDEX) == manifest ? d->media_type : said ? said : d->media_type);
	return 0;
}

int document_parse(struct document *d, const char *shown, const char *media_type, const void *p, size_t n,
		   struct err *err)
{
	struct doc_reader r = { .arena = &d->arena, .shown = shown, .err = err };
	json_t *j;
	int ret, has;

	*d = (struct document){ .kind = DOC_MANIFEST };
	j = doc_load(shown, p, n, err);
	if (!j)
		return -1;
	ret = read_kind(&r, j, media_type, d);
	if (ret == 0)
		ret = doc_string(&r, j, "artifactType", &d->artifact_type);
	if (ret == 0 && d->kind == DOC_MANIFEST) {
		has = read_one(&r, j, "config", &d->config);
		ret = has < 0 ? -1 : has ? 0 : doc_bad(&r, "config", "is missing");
	}
	if (ret == 0)
		ret = read_list(&r, j, d->kind == DOC_INDEX ? "manifests" : "layers", d);
	if (ret == 0) {
		has = read_one(&r, j, "subject", &d->subject);
		d->has_subject = has > 0;
		ret = has < 0 ? -1 : 0;
	}
	if (ret == 0)
		ret = doc_map(&r, j, "annotations", &d->annotations);
	json_decref(j);
	if (ret < 0)
		document_release(d);
	return ret;
}

void document_release(struct document *d)
{
	arena_release(&d->arena);
	*d = (struct document){ .kind = DOC_MANIFEST };
}

const struct doc_descriptor *document_for(const struct document *index, const char *arch)
{
	/* What every processor of the architecture runs; amd64/v3, say, would end with SIGILL on many. */
	const char *baseline = strcmp(arch, "arm64") == 0 ? "v8" : "v1";

	for (size_t i = 0; i < index->len; i++) {
		const struct doc_descriptor *d = &index->ptr[i];

		if (d->os && strcmp(d->os, "linux") == 0 && d->architecture && strcmp(d->architecture, arch) == 0 &&
		    (!d->variant || !*d->variant || strcmp(d->variant, baseline) == 0))
			return d;
	}
	return NULL;
}
