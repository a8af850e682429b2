/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/attach.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"
#include "registry/origin.h"

/** A manifest to be put at the commit. */
struct pending {
	struct buf text;
	const char *type;		/* media type */
	char *tag, *artifact_type;	/* or NULL */
	struct digest digest;
};

struct writer {
	struct client *client;
	VEC(struct pending) pending;
};

static int put_blob(void *ctx, const void *p, size_t n, struct digest *digest, struct err *err)
{
	struct writer *w = ctx;

	return client_blob_put_bytes(w->client, p, n, digest, err);
}

static int put_manifest(void *ctx, const void *p, size_t n, const char *artifact_type, const char *tag,
			struct digest *digest, struct err *err)
{
	struct writer *w = ctx;
	struct pending m = { .text = BUF_INIT };

	if (digest_of(p, n, digest, err) < 0)
		return -1;
	buf_add(&m.text, p, n);
	m.digest = *digest;
	m.type = attach_text_type((struct str){ p, n });
	if (!m.type)
		m.type = MEDIA_MANIFEST;
	m.tag = tag ? xstrdup(tag) : NULL;
	m.artifact_type = artifact_type ? xstrdup(artifact_type) : NULL;
	VEC_PUSH(&w->pending, m);
	return 0;
}

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static bool names(const json_t *index, const struct digest *digest)
{
	const json_t *d;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, d)
		if (get(d, "digest") && strcmp(get(d, "digest"), digest->s) == 0)
			return true;
	return false;
}

/* What the registry lists for @subject: by the API, or by the fallback's tag, which is read here. */
static int listed(struct writer *w, const struct digest *subject, json_t **index, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (client_referrers(w->client, subject, &text, err) < 0)
		return -1;
	*index = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(json_object_get(*index, "manifests"))) {
		json_decref(*index);
		*index = NULL;
		return err_set(err, ERR_FORMAT, "%s: its referrers of %s are no index", client_shown(w->client),
			       subject->s);
	}
	return 0;
}

static int tell(struct writer *w, const struct pending *m, const struct digest *subject, struct err *err)
{
	CLEAN_FREE char *tag = xasprintf("sha256-%s", digest_hex(subject)), *text = NULL;
	struct digest digest;
	json_t *index, *d;
	int r = 0;

	if (listed(w, subject, &index, err) < 0)
		return -1;
	if (!names(index, &m->digest)) {
		d = json_pack("{s:s, s:s, s:I, s:s*}", "mediaType", m->type, "digest", m->digest.s, "size",
			      (json_int_t)m->text.len, "artifactType", m->artifact_type);
		json_object_set_new(index, "schemaVersion", json_integer(2));
		json_object_set_new(index, "mediaType", json_string(MEDIA_INDEX));
		if (!d || json_array_append_new(json_object_get(index, "manifests"), d) < 0 ||
		    !(text = json_dumps(index, JSON_COMPACT | JSON_SORT_KEYS)))
			BUG("jansson: out of memory");
		r = digest_of(text, strlen(text), &digest, err);
		if (r == 0)
			r = client_manifest_put(w->client, tag, MEDIA_INDEX, text, strlen(text), &digest, err);
	}
	json_decref(index);
	return r;
}

static int send_one(struct writer *w, const struct pending *m, struct err *err)
{
	json_t *j;
	struct digest subject;
	const char *s;
	int r = 0;

	if (client_manifest_put(w->client, m->tag ? m->tag : m->digest.s, m->type, m->text.ptr, m->text.len,
				&m->digest, err) < 0)
		return -1;
	j = json_loadb(m->text.ptr, m->text.len, JSON_REJECT_DUPLICATES, NULL);
	s = get(json_object_get(j, "subject"), "digest");
	if (s)
		r = digest_parse(s, &subject, err) < 0 ? -1 : tell(w, m, &subject, err);
	json_decref(j);
	return r;
}

static void forget(struct writer *w)
{
	VEC_EACH(&w->pending, m) {
		buf_release(&m->text);
		free(m->tag);
		free(m->artifact_type);
	}
	VEC_FREE(&w->pending);
}

static int commit(void *ctx, struct err *err)
{
	struct writer *w = ctx;

	VEC_EACH(&w->pending, m)
		if (send_one(w, m, err) < 0)
			return -1;
	forget(w);
	return 0;
}

static void done(void *ctx)
{
	struct writer *w = ctx;

	forget(w);
	client_free(w->client);
	free(w);
}

int attach_registry(struct attach **out, const struct place *pl, const struct registry_opts *opts, bool write,
		    struct err *err)
{
	struct client_spec spec = { .host = pl->host, .repo = pl->repo, .push = true };
	struct registry_env env = { .opts = opts };
	struct attach_writer w = { .put_blob = put_blob, .put_manifest = put_manifest, .commit = commit, .free = done };
	struct writer *writer = NULL;
	struct origin *o;

	*out = NULL;
	if (registry_open(&o, pl, &env, err) < 0)
		return -1;
	if (write) {
		writer = xcalloc(1, sizeof(*writer));
		if (client_open(&writer->client, &spec, opts, err) < 0) {
			free(writer);
			origin_free(&o);
			return -1;
		}
		w.ctx = writer;
	}
	*out = attach_origin(o, write ? &w : NULL);
	return 0;
}
