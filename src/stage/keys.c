/* SPDX-License-Identifier: Apache-2.0 */
/* What an op reads, as a digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/solve_internal.h"

#define FORMAT "slsc-stage-1" /* of keys: another one makes every record unknown */

int key_begin(struct key *k, const char *what, struct err *err)
{
	k->md = digest_new(err);
	if (!k->md)
		return -1;
	key_add(k, FORMAT);
	key_add(k, what);
	return 0;
}

void key_add_bytes(struct key *k, const void *p, size_t n)
{
	const uint64_t len = n;

	digest_update(k->md, &len, sizeof(len));
	if (n)
		digest_update(k->md, p, n);
}

void key_add(struct key *k, const char *s)
{
	digest_update(k->md, s ? "s" : "n", 1);
	key_add_bytes(k, s, s ? strlen(s) : 0);
}

void key_end(struct key *k, char out[KEY_LEN])
{
	struct digest d;

	digest_final(k->md, &d);
	k->md = NULL;
	memcpy(out, digest_hex(&d), KEY_LEN);
}

/* ---- the chain: what is below ---- */

/* What op @o adds to the chain: 1 and its text, or 0. */
static int content_of(struct op *o, bool make, const char **out, struct err *err)
{
	int ret = op_key(o, make, err);

	if (ret <= 0)
		return ret;
	/*
	 * What is copied from another stage counts by its bytes: if that stage is built anew and gives the same, what
	 * stands on the copy need not run.
	 */
	if (o->kind == OP_COPY && o->from) {
		if (!o->known && !make)
			return 0;
		if (!o->known && op_make(o, err) < 0)
			return -1;
		*out = o->content;
		return 1;
	}
	*out = o->key;
	return 1;
}

int chain_of(struct vertex *v, size_t n, bool make, char out[KEY_LEN], struct err *err)
{
	int ret = 1;

	if (v->base) {
		ret = chain_of(v->base, v->base->ops.len, make, out, err);
		if (ret <= 0)
			return ret;
	} else {
		memcpy(out, v->image->chain, KEY_LEN);
	}
	for (size_t i = 0; i < n; i++) {
		const char *content;
		struct key k;

		ret = content_of(v->ops.ptr[i], make, &content, err);
		if (ret <= 0)
			return ret;
		if (key_begin(&k, "chain", err) < 0)
			return -1;
		key_add(&k, out);
		key_add(&k, content);
		key_end(&k, out);
	}
	return 1;
}

/* ---- parts: what an op reads, each by a name that --explain can show ---- */

static struct explain_part *part(struct op *op, const char *name)
{
	struct explain_part *p = &op->part[op->nparts++];

	p->name = name;
	return p;
}

static int part_text(struct op *op, const char *name, const char *text, struct err *err)
{
	struct key k;

	if (key_begin(&k, name, err) < 0)
		return -1;
	key_add(&k, text);
	key_end(&k, part(op, name)->key);
	return 0;
}

static int part_list(struct op *op, const char *name, const char *const *list, struct err *err)
{
	struct key k;

	if (key_begin(&k, name, err) < 0)
		return -1;
	for (; list && *list; list++)
		key_add(&k, *list);
	key_end(&k, part(op, name)->key);
	return 0;
}

static int part_below(struct op *op, bool make, struct err *err)
{
	char chain[KEY_LEN];
	const int ret = chain_of(op->v, op_index(op), make, chain, err);

	if (ret > 0)
		memcpy(part(op, "what is below")->key, chain, KEY_LEN);
	return ret;
}

/* The files of the context that @w names, wherever they go. */
static int context_files(struct op *op, const struct copy_want *w, struct digest *out, struct err *err)
{
	struct solver *sv = op->v->sv;
	const struct copy_from from = { .context = sv->req->context, .ignored = sv->ignored };
	const struct snap_stack none = { .n = 0 };
	struct copy_want plain = *w;
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *scratch = NULL;

	/* names of owners are looked up in what is below, which is in the key by itself */
	plain.chown = NULL;
	plain.only_key = true;
	if (solver_scratch(sv, &scratch, err) < 0)
		return -1;
	return copy_tree(&plain, &from, &none, sv->hashes, scratch, &t, out, err);
}

static int mount_key(struct op *op, struct op_mount *m, bool make, struct key *k, struct err *err)
{
	const struct df_mount *d = &m->m;
	char text[256], chain[KEY_LEN];
	int ret = 1;

	snprintf(text, sizeof(text), "%d %d %d %d %lld %lld %lld %llu", (int)d->type, d->readonly, d->required,
		 (int)d->sharing, (long long)d->mode, (long long)d->uid, (long long)d->gid,
		 (unsigned long long)d->size);
	key_add(k, text);
	key_add(k, d->target);
	key_add(k, d->source);
	/* which cache or which secret it is does not change what comes out: caches may be lost, secrets renewed */
	key_add(k, d->type == DF_MOUNT_SECRET ? d->env : NULL);
	if (m->from) {
		ret = chain_of(m->from, m->from->ops.len, make, chain, err);
		key_add(k, ret > 0 ? chain : NULL);
	} else if (d->type == DF_MOUNT_BIND) {
		const char *source = d->source && *d->source ? d->source : ".";
		const struct copy_want w = { .shown = op->shown,
					     .inst = op->inst,
					     .sources = &source,
					     .nsources = 1,
					     .dest = "/",
					     .workdir = "/",
					     .epoch = op->v->sv->epoch };
		struct digest files;

		if (context_files(op, &w, &files, err) < 0)
			return -1;
		key_add(k, files.s);
	}
	return ret;
}

static int run_parts(struct op *op, bool make, struct err *err)
{
	struct key k;
	int ret = 1;

	if (part_list(op, "the command", op->argv, err) < 0 ||
	    part_list(op, "the environment or a build argument", op->env, err) < 0 ||
	    part_text(op, "the working directory", op->cwd, err) < 0 || part_text(op, "the user", op->user, err) < 0 ||
	    part_text(op, "the network", op->network ? "host" : "none", err) < 0 || key_begin(&k, "mounts", err) < 0)
		return -1;
	key_add_bytes(&k, op->script.ptr, op->script.len);
	for (size_t i = 0; ret > 0 && i < op->nmounts; i++)
		ret = mount_key(op, &op->mounts[i], make, &k, err);
	key_end(&k, part(op, "a mount")->key);
	return ret;
}

static int copy_parts(struct op *op, bool make, struct err *err)
{
	const struct copy_want *w = &op->want;
	const char *list[] = { op->history,
			       w->dest,
			       w->workdir,
			       w->chown ? w->chown : "",
			       w->chmod ? w->chmod : "",
			       w->checksum ? w->checksum : "",
			       w->link ? "link" : "-",
			       w->parents ? "parents" : "-",
			       w->keep_git_dir ? "git" : "-",
			       w->unpack      ? "unpack"
			       : w->no_unpack ? "whole"
					      : "-",
			       NULL };
	int ret;

	if (part_list(op, "the instruction", list, err) < 0 || part_list(op, "--exclude", w->excludes, err) < 0)
		return -1;
	if (op->from) {
		struct key texts;
		char chain[KEY_LEN];

		if (key_begin(&texts, "heredocs", err) < 0)
			return -1;
		for (size_t i = 0; i < w->nheredocs; i++)
			key_add_bytes(&texts, w->heredocs[i].text.ptr, w->heredocs[i].text.len);
		key_end(&texts, part(op, "the files that are copied")->key);
		ret = chain_of(op->from, op->from->ops.len, make, chain, err);
		if (ret > 0)
			memcpy(part(op, "the stage it copies from")->key, chain, KEY_LEN);
		return ret;
	}
	if (!op->has_files && context_files(op, w, &op->files, err) < 0)
		return -1;
	op->has_files = true;
	memcpy(part(op, "the files that are copied")->key, digest_hex(&op->files), KEY_LEN);
	return 1;
}

static int workdir_parts(struct op *op, struct err *err)
{
	return part_text(op, "the instruction", op->dir, err) < 0 || part_text(op, "the user", op->user, err) < 0 ? -1
														  : 1;
}

static int all_parts(struct op *op, bool make, struct err *err)
{
	int ret = part_below(op, make, err);

	if (ret <= 0)
		return ret;
	switch (op->kind) {
	case OP_RUN:
		return run_parts(op, make, err);
	case OP_COPY:
		return copy_parts(op, make, err);
	case OP_WORKDIR:
		return workdir_parts(op, err);
	}
	return 0;
}

static int find_key(struct op *op, bool make, struct err *err)
{
	struct key k;
	int ret;

	if (op->keyed)
		return 1;
	op->nparts = 0;
	ret = all_parts(op, make, err);
	if (ret <= 0)
		return ret < 0 ? op_fail(op, err) : 0;
	if (key_begin(&k, op->kind == OP_RUN ? "run" : op->kind == OP_COPY ? "copy" : "workdir", err) < 0)
		return -1;
	key_add(&k, arch_oci(op->v->arch));
	for (size_t i = 0; i < op->nparts; i++)
		key_add(&k, op->part[i].key);
	key_end(&k, op->key);
	op->keyed = true;
	return op->known || op->v->sv->req->no_cache ? 1 : record_find(op, err) < 0 ? -1 : 1;
}

int op_key(struct op *op, bool make, struct err *err)
{
	int ret;

	pthread_mutex_lock(&op->lock);
	ret = find_key(op, make, err);
	pthread_mutex_unlock(&op->lock);
	return ret;
}
