/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached to an image goes with it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/attach.h"
#include "os/proc.h"

#define TEXTS_MAX (64u << 20)	/* bytes of manifests: a registry's writer holds them until the commit */

struct copy {
	struct attach *from, *to;
	struct map seen;	/* digests of manifests without a tag -> non-NULL */
	size_t manifests, bytes;
	unsigned *n;
};

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static int copy_blob(struct copy *c, const json_t *d, struct err *err)
{
	const json_int_t size = json_integer_value(json_object_get(d, "size"));
	CLEAN_BUF struct buf data = BUF_INIT;
	struct digest digest, put;

	if (sig_check(err) < 0)
		return -1;
	if (digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err) < 0)
		return err_wrap(err, "%s", c->from->shown);
	if (size < 0 || (uint64_t)size > ATTACH_BLOB_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s has more than %u bytes", c->from->shown,
			       digest.s, ATTACH_BLOB_MAX);
	if (c->from->ops->blob(c->from, &digest, (uint64_t)size, ATTACH_BLOB_MAX, &data, err) < 0)
		return -1;
	return c->to->ops->put_blob(c->to, data.ptr, data.len, &put, err);
}

/* What a manifest is made of: an image's or an artifact's blobs, an index's manifests. */
static int copy_parts(struct copy *c, const char *ref, const json_t *j, unsigned depth, struct err *err);

/* The text of the manifest @ref, and its JSON, with all that it names copied already. The caller's json_t. */
static int copy_below(struct copy *c, const char *ref, unsigned depth, struct buf *text, json_t **j, struct err *err)
{
	struct descriptor d = { .media_type = "" };

	if (depth > ORIGIN_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: indexes more than %u deep", c->from->shown,
			       ORIGIN_MAX_DEPTH);
	if (c->from->ops->manifest(c->from, ref, text, &d, err) < 0)
		return -1;
	c->bytes += text->len;
	if (++c->manifests > ATTACH_MAX || c->bytes > TEXTS_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u attached manifests, or %u MB of them",
			       c->from->shown, ATTACH_MAX, TEXTS_MAX >> 20);
	*j = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, NULL);
	if (copy_parts(c, ref, *j, depth, err) == 0)
		return 0;
	json_decref(*j);
	return -1;
}

static int copy_child(struct copy *c, const json_t *d, unsigned depth, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct digest digest, put;
	json_t *j;

	if (digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err) < 0)
		return err_wrap(err, "%s", c->from->shown);
	if (map_put(&c->seen, digest.s, c))
		return 0;
	if (copy_below(c, digest.s, depth, &text, &j, err) < 0)
		return -1;
	json_decref(j);
	return c->to->ops->put_child(c->to, text.ptr, text.len, &put, err);
}

static int copy_parts(struct copy *c, const char *ref, const json_t *j, unsigned depth, struct err *err)
{
	const bool index = json_object_get(j, "manifests") != NULL;
	const json_t *parts = json_object_get(j, index ? "manifests" : "layers"), *part;
	size_t i;

	if (!json_is_array(parts) || json_array_size(parts) > ATTACH_MAX)
		return err_set(err, ERR_FORMAT, "%s: %s is no manifest with at most %u layers", c->from->shown, ref,
			       ATTACH_MAX);
	if (!index && copy_blob(c, json_object_get(j, "config"), err) < 0)
		return -1;
	json_array_foreach(parts, i, part)
		if ((index ? copy_child(c, part, depth + 1, err) : copy_blob(c, part, err)) < 0)
			return -1;
	return 0;
}

/* A manifest or an index that stands beside an image. @tag NULL: it has a subject. */
static int copy_manifest(struct copy *c, const char *ref, const char *tag, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct digest put;
	json_t *j;
	int r;

	if (copy_below(c, ref, 0, &text, &j, err) < 0)
		return -1;
	r = c->to->ops->put_manifest(c->to, text.ptr, text.len, tag ? NULL : attach_artifact_type(j), tag, &put, err);
	json_decref(j);
	++*c->n;
	return r;
}

static int copy_tag(struct copy *c, const struct digest *image, const char *suffix, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d;
	char tag[80];

	attach_tag(image, suffix, tag);
	if (c->from->ops->manifest(c->from, tag, &text, &d, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	return copy_manifest(c, tag, tag, err);
}

static int copy_of(struct copy *c, const struct digest *image, struct err *err)
{
	CLEAN_FREE struct digest *found = NULL;
	size_t nfound = 0;

	if (copy_tag(c, image, "sig", err) < 0 || copy_tag(c, image, "att", err) < 0 ||
	    c->from->ops->referrers(c->from, image, NULL, &found, &nfound, err) < 0)
		return -1;
	for (size_t i = 0; i < nfound; i++)
		if (copy_manifest(c, found[i].s, NULL, err) < 0)
			return -1;
	return 0;
}

static int copy_children(struct copy *c, const struct buf *text, struct err *err)
{
	json_t *j = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(j, "manifests"), *d;
	size_t i;
	int r = 0;

	if (json_is_array(list) && json_array_size(list) > ATTACH_MAX)
		r = err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u manifests", c->from->shown, ATTACH_MAX);
	json_array_foreach(list, i, d) {
		struct digest digest;

		if (r == 0)
			r = digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err);
		if (r == 0)
			r = copy_of(c, &digest, err);
	}
	json_decref(j);
	return r;
}

int attach_copy(struct attach *from, struct attach *to, const struct digest *image, unsigned *n, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };
	struct copy c = { .from = from, .to = to, .n = n };
	int r;

	*n = 0;
	if (from->ops->manifest(from, image->s, &text, &d, err) < 0)
		return -1;
	r = copy_of(&c, image, err) < 0 ? -1 : copy_children(&c, &text, err);
	map_release(&c.seen);
	return r < 0 || !*n ? r : to->ops->commit(to, err);
}
