/* SPDX-License-Identifier: Apache-2.0 */
/* --cache-to: what a build has made, or has taken from a cache, as a cache. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "build/remote_internal.h"
#include "oci/image.h"
#include "oci/layout.h"
#include "os/fs.h"

#define EXPORT_DIR ".slsc/.slsc-tmp.cache-to" /* what a SIGKILL leaves of it, the next build sweeps */

static void add_descriptor(struct buf *b, const char *type, const struct digest *digest, uint64_t size)
{
	buf_addf(b, "{\"digest\":\"%s\",\"mediaType\":\"%s\",\"size\":%llu}", digest->s, type,
		 (unsigned long long)size);
}

/* image-spec v1.1, "Guidelines for Artifact Usage". */
static void put_manifest(const struct remote_index *x, const struct descriptor *config, struct buf *b)
{
	buf_addz(b, "{\"artifactType\":\"" REMOTE_ARTIFACT "\",\"config\":");
	add_descriptor(b, config->media_type, &config->digest, config->size);
	buf_addz(b, ",\"layers\":[");
	VEC_EACH(&x->binaries, it) {
		bool twice = false;

		for (struct remote_binary **other = x->binaries.ptr; other < it && !twice; other++)
			twice = strcmp((*other)->blob.s, (*it)->blob.s) == 0;
		if (twice)
			continue;
		buf_addz(b, it == x->binaries.ptr ? "" : ",");
		add_descriptor(b, REMOTE_MEDIA_BINARY, &(*it)->blob, (*it)->blob_size);
	}
	buf_addz(b, "],\"mediaType\":\"" MEDIA_MANIFEST "\",\"schemaVersion\":2}");
}

static void tell(struct remote *r, const struct target *t, const char *what)
{
	CLEAN_FREE char *line = xasprintf("%s %s: %s", t->fn->name.s, arch_name(t->arch), what);

	if (r->use->note)
		r->use->note(line, r->use->ctx);
}

/* What cannot be known is left out, and told with -v. */
static int put_target(struct remote *r, struct remote_target *rt, struct layout *l, struct remote_index *x,
		      struct err *err)
{
	struct remote_binary b = { .blob_size = 0 };
	int ret = rt->may;

	if (ret && !rt->taken) {
		rt->inputs.len = 0;
		ret = remote_gather(r, rt, err);
	}
	if (ret > 0 && x->binaries.len == REMOTE_BINARIES_MAX)
		ret = 0;
	if (ret <= 0) {
		if (ret == 0)
			tell(r, rt->t, "not put into the cache");
		return ret;
	}
	if ((!rt->key[0] && remote_key(r, rt->t, rt->key, err) < 0) ||
	    remote_seen(r, rt->t, rt->inputs.ptr, rt->inputs.len, b.seen, err) < 0)
		return -1;
	if (remote_pack(r->g, rt->t, l, &b, err) < 0) {
		if (err->code != ERR_LIMIT)
			return -1;
		tell(r, rt->t, "not put into the cache");
		return 0;
	}
	memcpy(b.key, rt->key, REMOTE_KEY);
	remote_index_add(x, &b, rt->inputs.ptr, rt->inputs.len);
	return 0;
}

static int put_all(struct remote *r, struct layout *l, uint64_t *bytes, struct err *err)
{
	CLEAN_REMOTE_INDEX struct remote_index x = { .arena = ARENA_INIT };
	CLEAN_BUF struct buf index = BUF_INIT, manifest = BUF_INIT, top = BUF_INIT;
	struct descriptor config = { .media_type = REMOTE_MEDIA_INDEX };
	struct descriptor d = { .media_type = MEDIA_MANIFEST, .ref = "latest" };

	for (size_t i = 0; i < r->ntargets; i++)
		if (put_target(r, &r->targets[i], l, &x, err) < 0)
			return -1;
	remote_index_write(&x, &index);
	config.size = index.len;
	if (layout_put(l, index.ptr, index.len, &config.digest, err) < 0)
		return -1;
	put_manifest(&x, &config, &manifest);
	d.size = manifest.len;
	if (layout_put(l, manifest.ptr, manifest.len, &d.digest, err) < 0)
		return -1;
	image_index(&d, 1, NULL, &top);
	*bytes = index.len;
	VEC_EACH(&x.binaries, b)
		*bytes += (*b)->blob_size;
	return layout_commit(l, top.ptr, top.len, err);
}

static int export(struct remote *r, const char *dir, const struct place *to, struct err *err)
{
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT, .path = xstrdup(dir), .tag = xstrdup("latest") };
	uint64_t bytes = 0;
	int ret;

	if (fs_rmtree(dir, err) < 0 || layout_open(&l, dir, false, err) < 0 || put_all(r, &l, &bytes, err) < 0)
		return -1;
	if (r->use->begin)
		r->use->begin(r->use->ctx, bytes);
	ret = r->use->push(&from, to, &r->use->sent, r->use->ctx, err);
	if (r->use->end)
		r->use->end(r->use->ctx);
	return ret;
}

int remote_export(struct remote *r, struct err *err)
{
	CLEAN_PLACE struct place to = { .kind = PLACE_LAYOUT };
	CLEAN_FREE char *dir = path_join(r->g->p->dir, EXPORT_DIR);
	struct err why = ERR_INIT, ignored;
	int ret;

	if (!r->use || !r->use->to)
		return 0;
	if (place_parse(&to, r->use->to, err) < 0)
		return err_wrap(err, "--cache-to");
	if (to.kind == PLACE_REGISTRY && r->dead)
		return 0;
	ret = export(r, dir, &to, &why);
	if (fs_rmtree(dir, &ignored) < 0 && ret == 0) {
		why = ignored;
		ret = -1;
	}
	return ret == 0 ? 0 : remote_trouble(r, "--cache-to", &why, err);
}
