/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached to an image goes with it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "oci/attach.h"
#include "os/proc.h"

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static int copy_blob(struct attach *from, struct attach *to, const json_t *d, struct err *err)
{
	const json_int_t size = json_integer_value(json_object_get(d, "size"));
	CLEAN_BUF struct buf data = BUF_INIT;
	struct digest digest, put;

	if (digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err) < 0)
		return err_wrap(err, "%s", from->shown);
	if (size < 0 || (uint64_t)size > ATTACH_BLOB_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s has more than %u bytes", from->shown, digest.s,
			       ATTACH_BLOB_MAX);
	if (from->ops->blob(from, &digest, (uint64_t)size, ATTACH_BLOB_MAX, &data, err) < 0)
		return -1;
	return to->ops->put_blob(to, data.ptr, data.len, &put, err);
}

/* A manifest that stands beside an image, with its blobs. @tag NULL: it has a subject. */
static int copy_manifest(struct attach *from, struct attach *to, const char *ref, const char *tag, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };
	struct digest put;
	const json_t *layers, *layer;
	const char *type;
	json_t *j;
	size_t i;
	int r;

	if (from->ops->manifest(from, ref, &text, &d, err) < 0)
		return -1;
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	layers = json_object_get(j, "layers");
	if (!json_is_array(layers) || json_array_size(layers) > ATTACH_MAX) {
		json_decref(j);
		return err_set(err, ERR_FORMAT, "%s: %s is no manifest with at most %u layers", from->shown, ref,
			       ATTACH_MAX);
	}
	type = get(j, "artifactType");
	if (!type)
		type = get(json_object_get(j, "config"), "mediaType");
	r = copy_blob(from, to, json_object_get(j, "config"), err);
	json_array_foreach(layers, i, layer)
		if (r == 0)
			r = sig_check(err) < 0 ? -1 : copy_blob(from, to, layer, err);
	if (r == 0)
		r = to->ops->put_manifest(to, text.ptr, text.len, tag ? NULL : type, tag, &put, err);
	json_decref(j);
	return r;
}

static int copy_tag(struct attach *from, struct attach *to, const struct digest *image, const char *suffix,
		    unsigned *n, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d;
	char tag[80];

	attach_tag(image, suffix, tag);
	if (from->ops->manifest(from, tag, &text, &d, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	if (copy_manifest(from, to, tag, tag, err) < 0)
		return -1;
	++*n;
	return 0;
}

static int copy_of(struct attach *from, struct attach *to, const struct digest *image, unsigned *n, struct err *err)
{
	CLEAN_FREE struct digest *found = NULL;
	size_t nfound = 0;

	if (copy_tag(from, to, image, "sig", n, err) < 0 || copy_tag(from, to, image, "att", n, err) < 0 ||
	    from->ops->referrers(from, image, NULL, &found, &nfound, err) < 0)
		return -1;
	for (size_t i = 0; i < nfound; i++) {
		if (copy_manifest(from, to, found[i].s, NULL, err) < 0)
			return -1;
		++*n;
	}
	return 0;
}

static int copy_children(struct attach *from, struct attach *to, const struct buf *text, unsigned *n, struct err *err)
{
	json_t *j = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(j, "manifests"), *d;
	size_t i;
	int r = 0;

	if (json_is_array(list) && json_array_size(list) > ATTACH_MAX)
		r = err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u manifests", from->shown, ATTACH_MAX);
	json_array_foreach(list, i, d) {
		struct digest digest;

		if (r == 0)
			r = digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err);
		if (r == 0)
			r = copy_of(from, to, &digest, n, err);
	}
	json_decref(j);
	return r;
}

int attach_copy(struct attach *from, struct attach *to, const struct digest *image, unsigned *n, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };

	*n = 0;
	if (from->ops->manifest(from, image->s, &text, &d, err) < 0 || copy_of(from, to, image, n, err) < 0 ||
	    copy_children(from, to, &text, n, err) < 0)
		return -1;
	return *n ? to->ops->commit(to, err) : 0;
}
