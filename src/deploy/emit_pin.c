/* SPDX-License-Identifier: Apache-2.0 */
/* What a function is pinned by: an image's digest, or a zip's. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "deploy/emit_internal.h"
#include "oci/origin.h"
#include "oci/place.h"
#include "os/fs.h"

/* The image that --image names for @fn, marked in @used; NULL: none. */
static const char *image_of(const struct emit_job *j, const struct emit_fn *fn, bool *used)
{
	const char *name = fn->f->name.s;
	const size_t n = strlen(name);

	for (size_t i = 0; j->req->images && i < j->req->images->len; i++) {
		const char *s = j->req->images->ptr[i], *eq = strchr(s, '=');

		if (eq && ((size_t)(eq - s) != n || strncmp(s, name, n) != 0))
			continue;
		used[i] = true;
		return eq ? eq + 1 : s;
	}
	return NULL;
}

/* @at: deploy.image of slsc.yaml; line 0: --image. */
static int take_image(struct emit_job *j, struct emit_fn *fn, struct lstr at, struct err *err)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	const char *what = NULL;

	if (place_parse(&pl, at.s, err) < 0)
		return at.line ? project_err(j->p, ERR_CONFIG, at, err, "image: '%s' names no image", at.s)
			       : err_wrap(err, "--image");
	if (pl.kind != PLACE_REGISTRY)
		what = "a platform pulls images from a registry";
	else if (!pl.digest)
		what = pl.tag ? "a tag may be another image tomorrow" : "which image it is has to be said";
	if (what && at.line)
		project_err(j->p, ERR_CONFIG, at, err, "image '%s': %s", at.s, what);
	else if (what)
		err_set(err, ERR_USAGE, "--image %s: %s", at.s, what);
	if (what)
		return err_hint(err, "write HOST/REPOSITORY@sha256:..., as 'slsc push' prints it");
	if (digest_parse(pl.digest, &fn->digest, err) < 0)
		return err_wrap(err, "%s", at.s);
	fn->image = arena_printf(&j->arena, "%s/%s@%s", pl.host, pl.repo, pl.digest);
	return 0;
}

static int not_packaged(struct emit_job *j, const struct emit_fn *fn, const char *what, const char *option,
			struct err *err)
{
	project_err(j->p, ERR_NOTFOUND, fn->f->name, err, "'%s' is not packaged: there is no %s", fn->f->name.s, what);
	return err_hint(err, "run 'slsc package %s --%s' first", fn->f->name.s, option);
}

/* The digest of what `slsc package --oci` has made: what a push of it has in a registry, too. */
static int read_layout(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	CLEAN_FREE char *shown = xasprintf("dist/%s.oci", fn->f->name.s);
	CLEAN_FREE char *dir = path_join(j->p->dir, shown);
	CLEAN_FREE char *list = path_join(dir, "index.json");
	const char *tag = emit_is_lambda(j->req->kind) ? arch_oci(fn->arch) : "latest";
	struct place pl = { .kind = PLACE_LAYOUT, .path = dir, .tag = (char *)tag };
	const struct origin_env env = { .registry = NULL };
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	CLEAN_DOCUMENT struct document doc = { .len = 0 };
	struct doc_descriptor d;

	if (!fs_exists(list))
		return not_packaged(j, fn, shown, "oci", err);
	if (origin_open(&o, &pl, &env, err) < 0 || o->ops->manifest(o, tag, &bytes, &d, &j->arena, err) < 0)
		return -1;
	fn->digest = d.digest;
	fn->package = arena_strdup(&j->arena, shown);
	/* it may have been packaged for another architecture alone */
	if (j->req->kind == EMIT_CLOUDRUN)
		return origin_manifest(o, tag, arch_oci(fn->arch), &doc, NULL, NULL, &j->arena, err);
	return 0;
}

static int take_repo(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	CLEAN_BUF struct buf repo = BUF_INIT;
	bool parsed;

	buf_addf(&repo, "%s/", j->req->repo);
	package_component(fn->f->name.s, &repo);
	parsed = place_parse(&pl, repo.ptr, err) == 0;
	if (!parsed || pl.kind != PLACE_REGISTRY || pl.tag || pl.digest) {
		if (parsed)
			err_set(err, ERR_USAGE, "--repo %s: the beginning of a registry's repositories is wanted",
				j->req->repo);
		else
			err_wrap(err, "--repo");
		return err_hint(err, "write HOST/PREFIX: the image of '%s' is at HOST/PREFIX/%s", fn->f->name.s,
				fn->f->name.s);
	}
	if (emit_take(j, repo.ptr, fn->f->name, "in the repository", err) < 0 || read_layout(j, fn, err) < 0)
		return -1;
	fn->image = arena_printf(&j->arena, "%s@%s", repo.ptr, fn->digest.s);
	return 0;
}

/* From the directory @from to @to, both absolute. */
static char *way(struct arena *a, const char *from, const char *to)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	size_t common = 0, i = 0;

	/* as far as whole components are the same */
	for (; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	if (!from[i] && to[i] == '/')
		common = i + 1;
	for (const char *p = from + (common < strlen(from) ? common : strlen(from)); *p; p += strcspn(p, "/")) {
		p += *p == '/';
		if (*p)
			buf_addz(&b, "../");
	}
	buf_addz(&b, to + common);
	return arena_strdup(a, b.ptr);
}

static int take_zip(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	CLEAN_FREE char *shown = xasprintf("dist/%s-%s.zip", fn->f->name.s, arch_name(fn->arch));
	CLEAN_FREE char *real = NULL;
	CLEAN_FREE char *path = path_join(j->p->dir, shown);

	if (!function_compiles(fn->f)) {
		project_err(j->p, ERR_CONFIG, fn->f->name, err, "'%s' is made by a Dockerfile alone: it has no zip",
			    fn->f->name.s);
		return err_hint(err, "add --repo or --image");
	}
	if (!fs_exists(path))
		return not_packaged(j, fn, shown, "zip", err);
	if (digest_file(path, &fn->digest, NULL, err) < 0)
		return -1;
	real = realpath(j->p->dir, NULL);
	if (!real)
		return err_sys(err, "%s", j->p->dir);
	fn->zip = way(&j->arena, j->req->from, arena_printf(&j->arena, "%s/%s", real, shown));
	fn->package = arena_strdup(&j->arena, shown);
	return 0;
}

bool emit_built_for(const struct project *p, const struct function *f, enum arch a)
{
	bool has = !f->arches.len;

	for (size_t i = 0; i < f->arches.len; i++)
		has |= arch_parse(f->arches.ptr[i].s) == (int)a;
	for (size_t i = 0; i < p->narches && has; i++)
		if (p->arches[i] == a)
			return true;
	return false;
}

/* Lambda runs one architecture, Cloud Run x86_64. */
static int choose_arch(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	const enum emit_kind k = j->req->kind;
	const char *said = j->req->arch ? j->req->arch : fn->d.arch.s;
	const int want = k == EMIT_CLOUDRUN ? ARCH_X86_64 : said ? arch_parse(said) : -1;

	if (!emit_is_lambda(k) && k != EMIT_CLOUDRUN)
		return 0;
	for (size_t i = 0; i < j->p->narches; i++) {
		const enum arch a = j->p->arches[i];

		if (a == ARCH_WASM32 || !emit_built_for(j->p, fn->f, a) || (want >= 0 && (int)a != want))
			continue;
		fn->arch = a;
		return 0;
	}
	project_err(j->p, ERR_CONFIG, fn->f->name, err, "'%s' is not built for %s, %s", fn->f->name.s,
		    want >= 0 ? arch_name((enum arch)want) : "x86_64 or arm64",
		    k == EMIT_CLOUDRUN ? "which Cloud Run runs" : "as Lambda would have it");
	return err_hint(err, "add it to arches");
}

static int pin(struct emit_job *j, struct emit_fn *fn, bool *used, struct err *err)
{
	const char *image = image_of(j, fn, used);

	if (choose_arch(j, fn, err) < 0)
		return -1;
	if (image)
		return take_image(j, fn, (struct lstr){ .s = image }, err);
	if (j->req->repo)
		return take_repo(j, fn, err);
	if (fn->d.image.s)
		return take_image(j, fn, fn->d.image, err);
	if (emit_is_lambda(j->req->kind))
		return take_zip(j, fn, err);
	err_set(err, ERR_USAGE, "--emit %s: where the image of '%s' is has to be said", emit_kind_name(j->req->kind),
		fn->f->name.s);
	return err_hint(err,
			"--repo HOST/PREFIX for what 'slsc package --oci' made, or --image HOST/REPOSITORY@sha256:...");
}

static int check_images(const struct emit_job *j, struct err *err)
{
	for (size_t i = 0; j->req->images && i < j->req->images->len; i++) {
		const char *s = j->req->images->ptr[i];

		if (strchr(s, '=') || (j->nfns == 1 && j->req->images->len == 1))
			continue;
		err_set(err, ERR_USAGE, "--image %s: whose image it is has to be said", s);
		return err_hint(err, "write FUNCTION=%s", s);
	}
	return 0;
}

static void add_pin(struct emit_job *j, const struct emit_fn *fn)
{
	const struct emit_pin made = {
		.function = fn->f,
		.name = xstrdup(fn->name),
		.digest = fn->digest,
		.image = fn->image ? xstrdup(fn->image) : NULL,
		.zip = fn->zip ? xstrdup(fn->package) : NULL,
		.package = fn->package ? xstrdup(fn->package) : NULL,
		.arch = emit_is_lambda(j->req->kind) ? (int)fn->arch : -1,
	};

	VEC_PUSH(&j->res->pins, made);
}

int emit_pins(struct emit_job *j, struct err *err)
{
	const size_t n = j->req->images ? j->req->images->len : 0;
	bool *used = arena_alloc(&j->arena, n + 1);

	if (check_images(j, err) < 0)
		return -1;
	for (size_t i = 0; i < j->nfns; i++) {
		struct emit_fn *fn = &j->fns[i];

		if (pin(j, fn, used, err) < 0)
			return -1;
		add_pin(j, fn);
	}
	for (size_t i = 0; i < n; i++)
		if (!used[i])
			return err_set(err, ERR_USAGE,
				       "--image %s: there is no such function among those that are written",
				       j->req->images->ptr[i]);
	return 0;
}
