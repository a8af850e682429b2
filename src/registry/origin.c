/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/image.h"

struct registry_origin {
	struct origin origin;
	struct client *client;
	char *ref;		/* what the place names */
};

static struct registry_origin *self(struct origin *o)
{
	return CONTAINER_OF(o, struct registry_origin, origin);
}

static int get_manifest(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *d,
			struct arena *arena, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_FREE char *media = NULL, *shown = NULL;
	const char *type;

	buf_reset(out);
	*d = (struct doc_descriptor){ .media_type = "" };
	if (!ref)
		ref = self(o)->ref;
	if (client_manifest_get(self(o)->client, ref, out, &media, &d->digest, err) < 0)
		return -1;
	shown = xasprintf("%s: manifest %s", client_shown(self(o)->client), ref);
	/* Some serve application/json: then the document says, or shows, what it is. */
	type = media_is_index(media) || media_is_manifest(media) ? media : NULL;
	if (document_parse(&doc, shown, type, out->ptr, out->len, err) < 0)
		return -1;
	d->media_type = arena_strdup(arena, doc.media_type);
	d->size = out->len;
	return 0;
}

static int get_blob(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err)
{
	return client_blob_get(self(o)->client, &d->digest, d->size, sink, ctx, err);
}

static char *no_path(struct origin *o, const struct digest *digest)
{
	(void)o;
	(void)digest;
	return NULL;
}

static int get_referrers(struct origin *o, const struct digest *subject, struct buf *out, struct err *err)
{
	buf_reset(out);
	return client_referrers(self(o)->client, subject, out, err);
}

static void free_origin(struct origin *o)
{
	struct registry_origin *r = self(o);

	client_free(r->client);
	free(r->ref);
	free(o->shown);
	free(r);
}

static const struct origin_ops ops = {
	.manifest = get_manifest,
	.blob = get_blob,
	.blob_path = no_path,
	.referrers = get_referrers,
	.free = free_origin,
};

int registry_open(struct origin **out, const struct place *pl, void *ctx, struct err *err)
{
	static const struct registry_opts none;
	const struct registry_env *env = ctx;
	struct client_spec spec = { .host = pl->host, .repo = pl->repo, .cancel = env ? env->cancel : NULL };
	struct registry_origin *r;
	struct client *c;

	if (client_open(&c, &spec, env && env->opts ? env->opts : &none, err) < 0)
		return -1;
	r = xcalloc(1, sizeof(*r));
	r->origin = (struct origin){ .ops = &ops, .shown = place_show(pl) };
	r->client = c;
	r->ref = xstrdup(pl->digest ? pl->digest : pl->tag ? pl->tag : "latest");
	*out = &r->origin;
	return 0;
}
