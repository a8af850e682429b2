/* SPDX-License-Identifier: Apache-2.0 */
/* slsc base update: what of slsc.lock moves, and what goes. */
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "base_work.h"
#include "build/base_lock.h"
#include "build/base_used.h"
#include "build/debian.h"
#include "cli/out.h"
#include "registry/origin.h"

struct changes {
	struct buf out, images;
	bool json;
};

static const struct apt_package *find_package(const struct apt_packages *all, const char *name)
{
	VEC_EACH(all, p)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static void change(struct changes *c, const char *key, enum arch arch, const char *name, const char *from,
		   const char *to)
{
	if (c->json) {
		member_open(&c->out, NULL, '{');
		member_text(&c->out, "set", key);
		member_some(&c->out, "arch", arch_name(arch));
		member_some(&c->out, "package", name);
		member_some(&c->out, "from", from);
		member_some(&c->out, "to", to);
		buf_addc(&c->out, '}');
	} else {
		buf_addf(&c->out, "%s %s: %s %s -> %s\n", key, arch_name(arch), name, *from ? from : "(none)",
			 *to ? to : "(none)");
	}
}

static void change_image(struct changes *c, const char *name, const char *from, const char *to)
{
	if (!c->json) {
		buf_addf(&c->images, "%s: %s -> %s\n", name, *from ? from : "(none)", to);
		return;
	}
	member_open(&c->images, NULL, '{');
	member_text(&c->images, "name", name);
	member_some(&c->images, "from", from);
	member_some(&c->images, "to", to);
	buf_addc(&c->images, '}');
}

static void compare(struct changes *c, const char *key, enum arch arch, const struct apt_packages *old,
		    const struct apt_packages *new)
{
	VEC_EACH(old, p)
		if (!find_package(new, p->name))
			change(c, key, arch, p->name, p->version, "");
	VEC_EACH(new, p) {
		const struct apt_package *was = find_package(old, p->name);

		if (!was || strcmp(was->sha256.s, p->sha256.s) != 0)
			change(c, key, arch, p->name, was ? was->version : "", p->version);
	}
}

/** One run. */
struct update {
	struct base_work *w;
	const struct base_ctx *ctx;
	bool dry_run, named;
	struct deb_lock lock;		  /* as it was */
	struct strs locked;		  /* images that it has */
	struct base_used used;		  /* by the project */
	struct strs sets, images;	  /* what is to move */
	struct strs old_sets, old_images; /* what is to go */
	struct changes changes;
	struct err failure; /* the last one; those before it have been told */
	bool failed;
};

static void release(struct update *u)
{
	deb_lock_release(&u->lock);
	strs_release(&u->locked);
	base_used_release(&u->used);
	strs_release(&u->sets);
	strs_release(&u->images);
	strs_release(&u->old_sets);
	strs_release(&u->old_images);
	buf_release(&u->changes.out);
	buf_release(&u->changes.images);
}

static void add_once(struct strs *v, const char *s)
{
	VEC_EACH(v, e)
		if (strcmp(*e, s) == 0)
			return;
	strs_add(v, s);
}

/* One that fails does not keep the others from being told. -1: what concerns all of them. */
static int failed(struct update *u, const struct err *err)
{
	if (err->code == ERR_INTR || strcmp(err->loc.file, "slsc.lock") == 0)
		return -1;
	if (u->failed)
		out_error(&u->failure);
	u->failure = *err;
	u->failed = true;
	return 0;
}

/* ---- what is to move ---- */

/* A name of an image, as no named base has it. */
static bool is_image(const struct base_work *w, const char *name)
{
	return w->has_project && strchr(name, '/');
}

static int unknown(const char *name, struct err *err)
{
	err_set(err, ERR_NOTFOUND, "'%.200s' is not locked in slsc.lock, and slsc.yaml does not use it", name);
	return err_hint(err, "name one that either has; without a name all that slsc.yaml uses are updated");
}

static bool is_locked(const struct strs *names, const char *name)
{
	VEC_EACH(names, n)
		if (strcmp(*n, name) == 0)
			return true;
	return false;
}

static bool is_variant(const struct debian_want *want, const struct base_variant *v)
{
	if (want->variant.base != v->base)
		return false;
	VEC_EACH(&want->packages, p)
		if (strcmp(*p, DEBUG_PACKAGE) == 0)
			return true;
	return !v->debug;
}

static void add_variant(struct update *u, const char *key, const char *base, const struct base_variant *v)
{
	struct debian_want want;

	debian_want_locked(&u->w->bases, key, &want);
	if (base)
		want.variant.base = bases_find(&u->w->bases, base);
	if (is_variant(&want, v))
		add_once(&u->sets, key);
	strs_release(&want.packages);
}

/* All that stands on a base, with packages of an image's own or without. */
static int name_base(struct update *u, const char *text, const struct base_variant *v, struct err *err)
{
	const struct debian_want want = { .variant = *v };
	CLEAN_FREE char *key = debian_key(&want);
	const size_t before = u->sets.len;

	VEC_EACH(&u->lock, s)
		add_variant(u, s->key, NULL, v);
	VEC_EACH(&u->used, s)
		if (s->base)
			add_variant(u, s->key, s->base, v);
	if (u->sets.len > before || !key)
		return 0;
	if (u->w->has_project && !u->used.any)
		return unknown(text, err);
	add_once(&u->sets, key);
	return 0;
}

static int name(struct update *u, const char *text, struct err *err)
{
	struct base_variant v;
	const int r = bases_parse(&u->w->bases, text, &v, err);

	if (r)
		return r < 0 ? -1 : name_base(u, text, &v, err);
	if (deb_lock_find(&u->lock, text) || (!u->used.any && base_used_set(&u->used, text))) {
		add_once(&u->sets, text);
		return 0;
	}
	if (!is_image(u->w, text))
		return base_work_find(u->w, text, &v, err);
	/* what is named by its digest is told so when its turn comes */
	if (!is_locked(&u->locked, text) && !base_used_image(&u->used, text) && !strchr(text, '@'))
		return unknown(text, err);
	add_once(&u->images, text);
	return 0;
}

/* What a project does not use any more goes; without a project nothing says what is used. */
static int choose(struct update *u, int argc, char **argv, struct err *err)
{
	for (int i = 0; i < argc; i++)
		if (name(u, argv[i], err) < 0)
			return -1;
	if (argc)
		return 0;
	VEC_EACH(&u->lock, s)
		strs_add(!u->w->has_project || base_used_set(&u->used, s->key) ? &u->sets : &u->old_sets, s->key);
	VEC_EACH(&u->locked, n)
		strs_add(base_used_image(&u->used, *n) ? &u->images : &u->old_images, *n);
	if (u->lock.len || u->locked.len)
		return 0;
	err_set(err, ERR_NOTFOUND, "no base is locked in slsc.lock");
	return err_hint(err, u->w->has_project ? "`slsc package --oci` locks what slsc.yaml names"
					       : "name one to lock it: slsc base update static-debian12");
}

/* ---- moving ---- */

static int move_set(struct update *u, const char *key, const struct debian_want *want, struct err *err)
{
	struct base_work *w = u->w;
	CLEANUP(debian_release) struct debian d = { .key = NULL };
	const struct debian_opts o = {
		.lock = w->lock, .update = true, .dry_run = u->dry_run, .fresh = w->fresh, .note = base_work_note
	};
	static const struct apt_packages none;
	const struct deb_set *was = deb_lock_find(&u->lock, key);

	if (debian_open(&d, want, &w->bases, w->arch, w->narches, &o, err) < 0)
		return -1;
	for (size_t i = 0; i < w->narches; i++)
		compare(&u->changes, key, w->arch[i], was ? &was->arch[w->arch[i]] : &none,
			debian_packages(&d, w->arch[i]));
	return 0;
}

static int move_image(struct update *u, const char *name, const struct origin_env *origins, struct err *err)
{
	struct base_move m;

	if (base_lock_move(&u->w->project, name, origins, u->dry_run, &m, err) < 0)
		return err->code == ERR_INTR || err->loc.line || strstr(err->msg, name) ? -1
											: err_wrap(err, "%s", name);
	if (m.unlockable && u->named) {
		err_set(err, ERR_USAGE, "%s: is not a tag in a registry: there is nothing to lock", name);
		return err_hint(err, "what is named by its digest, or lies on the disk, is taken as it is");
	}
	if (m.unlockable)
		out_note("%s is not a tag in a registry now: left as it is in slsc.lock", name);
	else if (strcmp(m.from, m.to) != 0)
		change_image(&u->changes, name, m.from, m.to);
	return 0;
}

static int move_all(struct update *u, struct err *err)
{
	const struct registry_opts opts = registry_opts_of(&u->ctx->registry);
	struct registry_env env = { .opts = &opts };
	const struct origin_env origins = { .registry = registry_open, .ctx = &env };

	VEC_EACH(&u->sets, key) {
		struct debian_want want;
		int ret;

		debian_want_locked(&u->w->bases, *key, &want);
		ret = move_set(u, *key, &want, err);
		strs_release(&want.packages);
		if (ret < 0 && failed(u, err) < 0)
			return -1;
	}
	VEC_EACH(&u->images, n)
		if (move_image(u, *n, &origins, err) < 0 && failed(u, err) < 0)
			return -1;
	if (u->dry_run)
		return 0;
	if ((u->old_sets.len && deb_lock_drop(u->w->lock, &u->old_sets, err) < 0) ||
	    (u->old_images.len && base_lock_drop(u->w->lock, &u->old_images, err) < 0))
		return -1;
	return 0;
}

/* ---- what came of it ---- */

static void dropped(const struct update *u, const struct strs *names, struct buf *b)
{
	VEC_EACH(names, n)
		buf_addf(b, "%s: not used by slsc.yaml: %sdropped\n", *n, u->dry_run ? "would be " : "");
}

static int print(struct update *u, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (u->changes.json) {
		CLEAN_STRS struct strs gone = { 0 };

		VEC_EACH(&u->old_sets, n)
			strs_add(&gone, *n);
		VEC_EACH(&u->old_images, n)
			strs_add(&gone, *n);
		buf_addf(&b, "{\"changes\":[%s],\"images\":[%s]", u->changes.out.ptr, u->changes.images.ptr);
		member_strs(&b, "dropped", &gone);
		buf_addz(&b, "}\n");
		return out_stdout(b.ptr, b.len, err);
	}
	buf_add(&b, u->changes.out.ptr, u->changes.out.len);
	buf_add(&b, u->changes.images.ptr, u->changes.images.len);
	dropped(u, &u->old_sets, &b);
	dropped(u, &u->old_images, &b);
	if (!b.len && !u->failed)
		buf_addz(&b, "nothing has changed\n");
	return out_stdout(b.ptr, b.len, err);
}

int base_update(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BASE_WORK struct base_work w;
	CLEANUP(release)
	struct update u = { .w = &w,
			    .ctx = ctx,
			    .dry_run = g->dry_run,
			    .named = argc > 0,
			    .changes = { .out = BUF_INIT, .images = BUF_INIT, .json = g->json } };

	if (base_work_init(&w, ctx, err) < 0 || (!g->dry_run && base_work_hold(&w, "slsc base update", err) < 0) ||
	    deb_lock_read(&u.lock, w.lock, err) < 0)
		return -1;
	if (w.has_project &&
	    (base_lock_names(w.lock, &u.locked, err) < 0 || base_used_find(&w.project, &w.bases, &u.used, err) < 0))
		return -1;
	if (choose(&u, argc, argv, err) < 0 || move_all(&u, err) < 0 || print(&u, err) < 0)
		return -1;
	if (u.failed)
		*err = u.failure;
	return u.failed ? -1 : 0;
}
