/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/transfer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "registry/origin.h"
#include "registry/transfer_internal.h"
#include "registry/work.h"

void transfer_result_release(struct transfer_result *r)
{
	free(r->name);
	free(r->to);
	*r = (struct transfer_result){ .name = NULL };
}

void transfer_advance(uint64_t bytes, void *ctx)
{
	struct transfer *t = ctx;
	uint64_t done = atomic_fetch_add(&t->done, bytes) + bytes;

	if (t->o->progress)
		t->o->progress(done < t->blobs.bytes ? done : t->blobs.bytes, t->blobs.bytes, t->o->ctx);
}

char *transfer_scratch(struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *dir = path_join(cache, "transfer");

	return fs_mkdirs(dir, err) < 0 ? NULL : steal(&dir);
}

const char *transfer_tag(const struct transfer *t)
{
	return t->to->tag ? t->to->tag : t->from->tag ? t->from->tag : "latest";
}

/* to a registry */

struct push {
	struct transfer *t;
	struct client *c;
	const char *tag;	/* NULL: by digest alone */
	bool tagged;		/* the tag names our root already */
	unsigned level;
	atomic_ulong copied, copied_bytes, mounted;
};

/* The root is looked for by its tag, which may name another image by now. */
static int look(void *ctx, size_t i, struct err *err)
{
	struct push *p = ctx;
	struct plan_node *n = p->t->plan.nodes.ptr[i];
	const char *ref = i == 0 && p->tag ? p->tag : n->d.digest.s;
	struct digest there;

	if (client_manifest_head(p->c, ref, &n->there, &there, err) < 0)
		return -1;
	if (n->there && strcmp(there.s, n->d.digest.s) != 0)
		n->there = false;
	return 0;
}

/* A blob's bytes as a file: the source's own, else a nameless copy of it that is verified as it is made. */
struct opened {
	int fd;
	struct fs_tmp tmp;
	char *shown;
};

static int write_tmp(void *ctx, const void *p, size_t n, struct err *err)
{
	struct fs_tmp *tmp = ctx;

	return fs_write_all(tmp->fd, p, n, tmp->path, err);
}

static int open_blob(struct transfer *t, const struct doc_descriptor *d, struct opened *o, struct err *err)
{
	CLEAN_FREE char *path = t->source->ops->blob_path(t->source, &d->digest), *dir = NULL, *name = NULL;
	struct stat st;

	*o = (struct opened){ .fd = -1, .tmp = FS_TMP_INIT };
	o->shown = xasprintf("%s: blob %s", t->source->shown, d->digest.s);
	if (path) {
		o->fd = fs_open(path, &st, err);
		if (o->fd < 0)
			return -1;
		if ((uint64_t)st.st_size != d->size) {
			err_set(err, ERR_FORMAT, "%s: it has %lld bytes, its manifest says %" PRIu64, o->shown,
				(long long)st.st_size, d->size);
			return err_hint(err, "make it again");
		}
		return 0;
	}
	dir = transfer_scratch(err);
	if (!dir)
		return -1;
	name = path_join(dir, digest_hex(&d->digest));
	if (fs_tmp_open(&o->tmp, name, 0600, err) < 0)
		return -1;
	o->fd = o->tmp.fd;
	return t->source->ops->blob(t->source, d, write_tmp, &o->tmp, err);
}

static void close_blob(struct opened *o)
{
	if (o->fd >= 0 && o->fd != o->tmp.fd)
		close(o->fd);
	fs_tmp_abort(&o->tmp);
	free(o->shown);
}

/* A copy between two registries is fetched only once it is clear that it is not there. */
static int put_blob(void *ctx, size_t i, struct err *err)
{
	struct push *p = ctx;
	const struct doc_descriptor *d = p->t->blobs.list.ptr[i];
	struct blob_in in = { .digest = d->digest, .size = d->size, .sent = transfer_advance, .ctx = p->t };
	struct opened o;
	enum blob_put how = BLOB_THERE;
	int ret;

	ret = client_blob_find(p->c, &d->digest, &how, err);
	if (ret == 0 && how == BLOB_SENT && !p->t->o->dry_run) {
		ret = open_blob(p->t, d, &o, err);
		in.fd = o.fd;
		in.shown = o.shown;
		if (ret == 0)
			ret = client_blob_send(p->c, &in, err);
		close_blob(&o);
	}
	if (ret < 0)
		return -1;
	if (how == BLOB_SENT) {
		atomic_fetch_add(&p->copied, 1u);
		atomic_fetch_add(&p->copied_bytes, d->size);
	} else {
		atomic_fetch_add(&p->mounted, how == BLOB_MOUNTED);
		transfer_advance(d->size, p->t);
	}
	return 0;
}

static int put_manifest(void *ctx, size_t i, struct err *err)
{
	struct push *p = ctx;
	const struct plan_node *n = p->t->plan.nodes.ptr[i];

	if (n->level != p->level || n->there)
		return 0;
	return client_manifest_put(p->c, i == 0 && p->tag ? p->tag : n->d.digest.s, n->doc.media_type, n->bytes.ptr,
				   n->bytes.len, &n->d.digest, err);
}

static bool all_there(const struct plan *p)
{
	for (size_t i = 0; i < p->nodes.len; i++)
		if (!p->nodes.ptr[i]->there)
			return false;
	return true;
}

static int push(struct push *p, struct err *err)
{
	struct transfer *t = p->t;
	const struct plan *plan = &t->plan;

	if (!t->o->distrust && work_run(plan->nodes.len, WORK_JOBS, look, p, &t->cancel, err) < 0)
		return -1;
	t->r->unchanged = all_there(plan);
	if (t->r->unchanged)
		return 0;
	if (plan_blobs(plan, &t->blobs, err) < 0 ||
	    work_run(t->blobs.list.len, WORK_JOBS, put_blob, p, &t->cancel, err) < 0)
		return -1;
	t->r->copied = p->copied;
	t->r->copied_bytes = p->copied_bytes;
	t->r->mounted = p->mounted;
	if (t->o->dry_run)
		return 0;
	for (p->level = plan->nodes.ptr[plan->nodes.len - 1]->level + 1; p->level-- > 0;)
		if (work_run(plan->nodes.len, WORK_JOBS, put_manifest, p, &t->cancel, err) < 0)
			return -1;
	return 0;
}

int transfer_to_registry(struct transfer *t, struct err *err)
{
	const struct place *from = t->from, *to = t->to;
	bool near =
		from->kind == PLACE_REGISTRY && strcmp(from->host, to->host) == 0 && strcmp(from->repo, to->repo) != 0;
	struct client_spec spec = { .host = to->host, .repo = to->repo, .push = true, .cancel = &t->cancel,
				    .mount_from = near && !t->o->dry_run ? from->repo : NULL };
	struct push p = { .t = t, .tag = to->tag ? to->tag : to->digest ? NULL : "latest" };
	int ret;

	if (to->digest && strcmp(to->digest, t->plan.nodes.ptr[0]->d.digest.s) != 0)
		return err_set(err, ERR_USAGE, "%s/%s@%s: the image is another: %s", to->host, to->repo, to->digest,
			       t->plan.nodes.ptr[0]->d.digest.s);
	if (client_open(&p.c, &spec, t->o->registry, err) < 0)
		return -1;
	ret = push(&p, err);
	client_free(p.c);
	return ret;
}

/* all */

static int run(struct transfer *t, struct err *err)
{
	const struct plan_node *root;

	if (plan_make(&t->plan, t->source, NULL, t->o->arch, &t->cancel, err) < 0 ||
	    plan_blobs(&t->plan, &t->blobs, err) < 0)
		return -1;
	root = t->plan.nodes.ptr[0];
	t->r->digest = root->d.digest;
	t->r->manifests = t->plan.nodes.len;
	t->r->blobs = t->blobs.list.len;
	VEC_FREE(&t->blobs.list);
	t->blobs.bytes = 0;
	switch (t->to->kind) {
	case PLACE_REGISTRY:
		return transfer_to_registry(t, err);
	case PLACE_LAYOUT:
		return transfer_to_layout(t, err);
	default:
		return transfer_to_archive(t, err);
	}
}

static char *name_of(const struct place *from, const struct place *to)
{
	const struct place *registry = to->kind == PLACE_REGISTRY     ? to
				       : from->kind == PLACE_REGISTRY ? from
								      : NULL;

	return registry ? xasprintf("%s/%s", registry->host, registry->repo) : place_show(to);
}

int transfer_run(const struct place *from, const struct place *to, const struct transfer_opts *o,
		 struct transfer_result *r, struct err *err)
{
	struct transfer t = { .from = from, .to = to, .o = o, .r = r };
	struct registry_env renv = { .opts = o->registry, .cancel = &t.cancel };
	struct origin_env env = { .registry = registry_open, .ctx = &renv };
	int ret;

	*r = (struct transfer_result){ .name = name_of(from, to), .to = place_show(to) };
	ret = origin_open(&t.source, from, &env, err);
	if (ret == 0)
		ret = run(&t, err);
	VEC_FREE(&t.blobs.list);
	plan_release(&t.plan);
	origin_free(&t.source);
	return ret;
}
