/* SPDX-License-Identifier: Apache-2.0 */
/* A function's images: layers, config, manifests, index, and the archives of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package_internal.h"
#include "build/package_module.h"
#include "build/package_sbom.h"
#include "oci/base.h"
#include "oci/export.h"
#include "oci/layout.h"
#include "os/fs.h"

/*
 * The function lies where Lambda puts a zip: its code finds the included files at the same path in both. The path is
 * absolute and no symlink, which Lambda demands of an entry point.
 */
#define TASK_ROOT "var/task"

/** One function's image for all its architectures, in one compression. */
struct build {
	struct packager *pk;
	struct unit *u;
	struct layout layout;
	struct image image[ARCH_COUNT];			/* in the order of u->arches */
	struct packaged_image made[ARCH_COUNT];
	struct image_base base[ARCH_COUNT];		/* of a foreign base */
	bool docker;					/* for archives that take no compressed layers */
	char *created_by, *version;
	char created[24], timeout[24];
	struct descriptor index;			/* the multi-architecture one; without machines none */
	struct packaged_image module;			/* its layer is heap; none: NULL */
	uint64_t size;					/* bytes of all blobs */
	size_t nblobs;					/* of the image itself */
};

static void build_release(struct build *b)
{
	for (size_t i = 0; i < ARCH_COUNT; i++) {
		image_release(&b->image[i]);
		free(b->made[i].layers);
	}
	free(b->module.layers);
	layout_release(&b->layout);
	free(b->created_by);
}

static int add_base(struct build *b, const char *name, enum codec codec, struct packaged_image *m, struct err *err)
{
	struct base_set *bases = &b->pk->res->bases;

	if (!bases->n && base_load(bases, b->pk->share, err) < 0)
		return -1;
	return base_put(bases, b->pk->share, name, codec, &b->layout, packaged_layer(m), err);
}

struct image_layer *packaged_layer(struct packaged_image *m)
{
	m->layers = xrealloc(m->layers, (m->nlayers + 1) * sizeof(*m->layers));
	m->layers[m->nlayers] = (struct image_layer){ .size = 0 };
	return &m->layers[m->nlayers++];
}

static struct image_base base_of(const struct foreign_base *f, const struct packaged_image *m)
{
	const struct doc_config *c = &f->arch[m->arch].config;

	return (struct image_base){ .nlayers = m->nlayers, .created = c->created, .history = c->history,
				    .nhistory = c->nhistory };
}

static int make_layers(struct build *b, size_t i, enum codec codec, struct err *err)
{
	struct packaged_image *m = &b->made[i];
	struct image_layer *own;

	*m = (struct packaged_image){ .arch = b->u->arches[i] };
	if (b->u->foreign) {
		if (base_layers(b->u->foreign, m->arch, codec == CODEC_NONE && b->docker, &b->layout, m, err) < 0)
			return -1;
		b->base[i] = base_of(b->u->foreign, m);
	}
	if (b->u->staged)
		return 0;
	if (base_put_packages(b->pk, b->u, codec, &b->layout, m, err) < 0)
		return err_wrap(err, "base of %s for %s", b->u->fn->name.s, arch_name(m->arch));
	if (b->u->pkg.tzdata && add_base(b, "tzdata", codec, m, err) < 0)
		return -1;
	if (m->nlayers >= PACKAGE_MAX_LAYERS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u layers", b->u->fn->name.s,
			       PACKAGE_MAX_LAYERS);
	own = packaged_layer(m);
	if (layer_write(&b->layout, &b->u->image_tree[m->arch], b->pk->mtime, codec, b->u->level, own, err) < 0)
		return err_wrap(err, "%s for %s", b->u->fn->name.s, arch_name(m->arch));
	own->created_by = b->created_by;
	return 0;
}

static void put_all(struct map *m, const struct lkvs *kvs)
{
	for (size_t i = 0; i < kvs->len; i++)
		map_put(m, kvs->ptr[i].key.s, (void *)(kvs->ptr[i].val.s ? kvs->ptr[i].val.s : ""));
}

static void put(struct map *m, const char *key, const char *val)
{
	if (val && *val && str_is_utf8(str_from(val)))
		map_put(m, key, (void *)val);
}

/* The predefined keys of image-spec's annotations.md; what slsc.yaml says wins. */
static void describe(const struct build *b, struct map *m, const struct lkvs *own)
{
	const struct git_provenance *git = &b->pk->prov.git;

	put(m, "org.opencontainers.image.title", b->u->fn->name.s);
	put(m, "org.opencontainers.image.created", b->created);
	put(m, "org.opencontainers.image.revision", b->pk->res->revision);
	put(m, "org.opencontainers.image.source", git->source);
	put(m, "org.opencontainers.image.version", b->pk->p->version.s ? b->pk->p->version.s : git->tag);
	put_all(m, own);
}

static int64_t created(const struct packager *pk)
{
	return pk->has_epoch || !pk->prov.git.time ? pk->mtime : pk->prov.git.time;
}

/* The environment; the entry point, its arguments, ports and volumes are those of the base's own program. */
static void inherit(const struct build *b, enum arch arch, struct image *im)
{
	const struct foreign_base *f = b->u->foreign;
	const struct doc_config *c = &f->arch[arch].config;

	for (size_t i = 0; i < c->env.len; i++)
		map_put(&im->env, c->env.ptr[i].key, (void *)(uintptr_t)c->env.ptr[i].val);
	if (!b->u->user[0])
		im->user = base_user(f, arch);
	if (!b->u->pkg.workdir.s && c->workdir && *c->workdir)
		im->workdir = c->workdir;
}

/* annotations.md: by these, tools that rebase images find the base; what no registry has is not named. */
static void describe_base(const struct foreign_base *f, enum arch arch, struct map *m)
{
	if (f->arch[arch].name && !map_has(m, "org.opencontainers.image.base.name"))
		map_put(m, "org.opencontainers.image.base.name", f->arch[arch].name);
	if (!map_has(m, "org.opencontainers.image.base.digest"))
		map_put(m, "org.opencontainers.image.base.digest", (void *)(uintptr_t)f->arch[arch].manifest.digest.s);
}

/* Lambda's own images start in / or in what they say; elsewhere nonroot's home is where distroless' starts. */
static const char *workdir_of(const struct unit *u)
{
	if (u->pkg.workdir.s)
		return u->pkg.workdir.s;
	return u->want.variant.nonroot && u->fn->runtime != RUNTIME_LAMBDA ? "/home/nonroot" : "/";
}

static void run_env(struct build *b, struct map *env)
{
	/* Lambda gives each invocation its deadline; elsewhere the runtime has to be told. */
	if (b->u->fn->runtime == RUNTIME_HTTP) {
		snprintf(b->timeout, sizeof(b->timeout), "%" PRIu64, b->u->fn->timeout_ms);
		map_put(env, "SLSC_TIMEOUT_MS", b->timeout);
	}
	put_all(env, &b->u->fn->env);
}

/* What the Dockerfile made, with what slsc.yaml and git say of it on top. */
static int write_staged(struct build *b, size_t i, struct err *err)
{
	struct image *im = &b->image[i];
	struct packaged_image *m = &b->made[i];
	CLEAN_BUF struct buf old = BUF_INIT, text = BUF_INIT;

	run_env(b, &im->env);
	if (base_config(b->u->foreign, m->arch, &old, err) < 0 ||
	    image_config_amend(b->u->foreign->name, buf_str(&old), im, &text, err) < 0)
		return -1;
	return image_write_as(&b->layout, im, buf_str(&text), &m->manifest, &m->config, err);
}

static int write_own(struct build *b, size_t i, struct err *err)
{
	struct image *im = &b->image[i];
	struct packaged_image *m = &b->made[i];
	const struct package *pkg = &b->u->pkg;
	struct foreign_base *f = b->u->foreign;

	if (f) {
		im->base = &b->base[i];
		inherit(b, m->arch, im);
	}
	debian_env(&b->u->want, &im->env);
	run_env(b, &im->env);
	strs_add(&im->entrypoint, "/" TASK_ROOT "/bootstrap");
	for (size_t k = 0; k < pkg->entrypoint_args.len; k++)
		strs_add(&im->entrypoint, pkg->entrypoint_args.ptr[k].s);
	if (f)
		describe_base(f, m->arch, &im->annotations);
	return image_write(&b->layout, im, &m->manifest, &m->config, err);
}

static int make_image(struct build *b, size_t i, struct err *err)
{
	struct image *im = &b->image[i];
	struct packaged_image *m = &b->made[i];
	const struct package *pkg = &b->u->pkg;

	*im = (struct image){ .architecture = arch_oci(m->arch), .created = created(b->pk), .user = b->u->user,
			      .workdir = workdir_of(b->u), .layers = m->layers,
			      .nlayers = m->nlayers };
	describe(b, &im->labels, &pkg->labels);
	describe(b, &im->annotations, &pkg->annotations);
	if ((b->u->staged ? write_staged(b, i, err) : write_own(b, i, err)) < 0)
		return -1;
	m->manifest.ref = arch_oci(m->arch);
	m->size = m->manifest.size + m->config.size;
	for (size_t k = 0; k < m->nlayers; k++)
		m->size += m->layers[k].size;
	return 0;
}

/* Blobs that architectures share count once. */
static uint64_t blobs_size(const struct build *b)
{
	CLEAN_MAP struct map seen = { 0 };
	uint64_t total = b->index.size;

	for (size_t i = 0; i < b->u->narches; i++) {
		const struct packaged_image *m = &b->made[i];

		total += m->manifest.size + m->config.size;
		for (size_t k = 0; k < m->nlayers; k++)
			if (!map_put(&seen, m->layers[k].digest.s, (void *)b))
				total += m->layers[k].size;
	}
	return total;
}

/* Layers first: meanwhile git finds out where they come from. */
static int build_image(struct build *b, const char *dir, enum codec codec, bool sync, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_MAP struct map annotations = { 0 };
	struct descriptor manifests[ARCH_COUNT];

	/* An intermediate one that a killed process left is of no use. */
	if (!sync && fs_rmtree(dir, err) < 0)
		return -1;
	b->created_by = xasprintf("slsc package %s: /" TASK_ROOT, b->u->fn->name.s);
	if (layout_open(&b->layout, dir, sync, err) < 0)
		return -1;
	for (size_t i = 0; i < b->u->narches; i++)
		if (make_layers(b, i, codec, err) < 0)
			return -1;
	if (provenance_join(b->pk, err) < 0)
		return -1;
	image_time(created(b->pk), b->created);
	for (size_t i = 0; i < b->u->narches; i++) {
		if (make_image(b, i, err) < 0)
			return -1;
		manifests[i] = b->made[i].manifest;
		manifests[i].ref = NULL;
	}
	if (!b->u->narches)
		return 0;
	describe(b, &annotations, &b->u->pkg.annotations);
	image_index(manifests, b->u->narches, &annotations, &text);
	b->index = (struct descriptor){ .media_type = MEDIA_INDEX, .size = text.len };
	if (layout_put(&b->layout, text.ptr, text.len, &b->index.digest, err) < 0)
		return -1;
	b->size = blobs_size(b);
	return 0;
}

/* The function as a module is an artifact of its own beside the images; what runs containers is not led to it. */
static int put_module(struct build *b, struct err *err)
{
	CLEAN_BUF struct buf bytes = BUF_INIT;
	CLEAN_MAP struct map annotations = { 0 };
	struct packaged_image *m = &b->module;
	struct descriptor layer;

	if (!b->u->in_layout)
		return 0;
	*m = (struct packaged_image){ .arch = ARCH_WASM32 };
	describe(b, &annotations, &b->u->pkg.annotations);
	if (module_read(b->u, &bytes, err) < 0 ||
	    module_write(&b->layout, buf_str(&bytes), created(b->pk), &annotations, &m->manifest, &m->config, &layer,
			 err) < 0)
		return -1;
	*packaged_layer(m) = (struct image_layer){ .digest = layer.digest, .size = layer.size };
	m->manifest.ref = arch_oci(ARCH_WASM32);
	m->size = m->manifest.size + m->config.size + layer.size;
	b->size += m->size;
	return 0;
}

static void fill(struct packaged *a, const struct build *b)
{
	for (size_t i = 0; i < b->u->narches; i++) {
		uint64_t unpacked = 0;
		struct packaged_image *to;
		bool known = true;

		if (a->arch >= 0 && a->arch != (int)b->u->arches[i])
			continue;
		to = &a->images[a->nimages++];
		*to = b->made[i];
		to->layers = xcalloc(to->nlayers, sizeof(*to->layers));
		memcpy(to->layers, b->made[i].layers, to->nlayers * sizeof(*to->layers));
		for (size_t k = 0; k < to->nlayers; k++) {
			/* b->created_by does not outlive the build */
			to->layers[k].created_by = NULL;
			known = known && to->layers[k].tar_size;
			unpacked += to->layers[k].tar_size;
		}
		if (known && unpacked > a->unpacked)
			a->unpacked = unpacked;
	}
	if (a->kind == PACKAGE_OCI && b->module.nlayers) {
		struct packaged_image *to = &a->images[a->nimages++];

		*to = b->module;
		to->layers = NULL;
		to->nlayers = 0;
		*packaged_layer(to) = b->module.layers[0];
	}
}

/*
 * index.json of the layout: the multi-architecture index, and each manifest by itself, since Lambda refuses indexes;
 * then the module and what is attached to the images, of which the index itself knows nothing.
 */
static void layout_index(const struct build *b, const struct attached *attached, struct buf *out)
{
	struct descriptor all[ARCH_COUNT + 2 + ATTACHED_MAX];
	size_t n = 0;

	if (b->u->narches) {
		all[n] = b->index;
		all[n++].ref = "latest";
	}
	for (size_t i = 0; i < b->u->narches; i++)
		all[n++] = b->made[i].manifest;
	if (b->module.nlayers)
		all[n++] = b->module.manifest;
	for (size_t i = 0; i < attached->len; i++)
		all[n++] = attached->ptr[i];
	image_index(all, n, NULL, out);
}

void package_component(const char *s, struct buf *out)
{
	char gap = '\0';

	for (; *s; s++) {
		if (*s == '-' || *s == '_') {
			gap = *s;
			continue;
		}
		if (gap)
			buf_addc(out, gap);
		gap = '\0';
		buf_addc(out, *s);
	}
}

static void repository(const struct packager *pk, const struct function *fn, struct buf *out)
{
	package_component(pk->p->name.s, out);
	buf_addc(out, '/');
	package_component(fn->name.s, out);
}

int package_tags_check(const struct packager *pk, struct err *err)
{
	if (!(pk->req->formats & (PACKAGE_OCI_ARCHIVE | PACKAGE_DOCKER_ARCHIVE)))
		return 0;
	for (size_t i = 0; i < pk->nunits; i++) {
		const struct function *fn = pk->units[i].fn;
		CLEAN_BUF struct buf tag = BUF_INIT;

		repository(pk, fn, &tag);
		for (size_t k = 0; k < pk->p->nfunctions; k++) {
			const struct function *other = pk->p->functions[k];
			CLEAN_BUF struct buf its = BUF_INIT;

			repository(pk, other, &its);
			if (other == fn || !str_eq(buf_str(&its), buf_str(&tag)))
				continue;
			project_err(pk->p, ERR_CONFIG, fn->name, err,
				    "the images of functions '%s' and '%s' would both be called '%s' when loaded",
				    fn->name.s, other->name.s, tag.ptr);
			return err_hint(err, "rename one: a run of - and _ becomes its last, none is left at the end");
		}
	}
	return 0;
}

static int oci_archive(struct build *b, struct err *err)
{
	struct packager *pk = b->pk;
	struct packaged *a = artifact_add(pk, PACKAGE_OCI_ARCHIVE, b->u, -1, "%s.oci.tar", b->u->fn->name.s);
	CLEAN_FREE char *path = path_join(pk->out, a->name);
	CLEAN_BUF struct buf tag = BUF_INIT, index = BUF_INIT;
	struct export e = { .path = path, .mtime = pk->mtime, .nblobs = b->nblobs };
	struct descriptor only = b->index;

	package_step(pk, a->name);
	repository(pk, b->u->fn, &tag);
	buf_addz(&tag, ":latest");
	only.ref = tag.ptr;
	image_index(&only, 1, NULL, &index);
	if (export_oci(&b->layout, &index, &e, err) < 0)
		return -1;
	a->digest = e.digest;
	a->size = e.size;
	fill(a, b);
	return 0;
}

static int image_formats(struct packager *pk, struct unit *u, struct err *err)
{
	CLEANUP(build_release) struct build b = { .pk = pk, .u = u };
	const bool keep = pk->req->formats & PACKAGE_OCI;
	CLEAN_FREE char *name = xasprintf("%s.oci", u->fn->name.s);
	CLEAN_FREE char *dir = keep ? path_join(pk->out, name) :
				      xasprintf("%s/.slsc/%s/image/%s", pk->p->dir, pk->profile->name, name);
	CLEAN_BUF struct buf index = BUF_INIT;
	struct attached attached = { .len = 0 };

	package_step(pk, name);
	if (build_image(&b, dir, u->codec, keep, err) < 0)
		return -1;
	b.nblobs = b.layout.keep.len;
	for (size_t i = 0; i < u->narches && keep; i++)
		if (package_attach(pk, u, &b.layout, &b.made[i], created(pk), &attached, err) < 0)
			return -1;
	if (keep && put_module(&b, err) < 0)
		return -1;
	layout_index(&b, &attached, &index);
	if (keep) {
		struct packaged *a = artifact_add(pk, PACKAGE_OCI, u, -1, "%s", name);

		if (layout_commit(&b.layout, index.ptr, index.len, err) < 0)
			return -1;
		a->digest = u->narches ? b.index.digest : b.module.manifest.digest;
		a->size = b.size + attached.size + index.len + layout_version.len;
		fill(a, &b);
	}
	return u->narches && (pk->req->formats & PACKAGE_OCI_ARCHIVE) ? oci_archive(&b, err) : 0;
}

static int docker_formats(struct packager *pk, struct unit *u, struct err *err)
{
	CLEANUP(build_release) struct build b = { .pk = pk, .u = u, .docker = true };
	CLEAN_FREE char *dir =
		xasprintf("%s/.slsc/%s/image/%s.docker", pk->p->dir, pk->profile->name, u->fn->name.s);

	if (build_image(&b, dir, CODEC_NONE, false, err) < 0)
		return -1;
	for (size_t i = 0; i < u->narches; i++) {
		struct packaged *a = artifact_add(pk, PACKAGE_DOCKER_ARCHIVE, u, (int)u->arches[i],
						  "%s-%s.docker.tar", u->fn->name.s, arch_name(u->arches[i]));
		CLEAN_FREE char *path = path_join(pk->out, a->name);
		CLEAN_BUF struct buf tag = BUF_INIT;
		struct export e = { .path = path, .mtime = pk->mtime };

		package_step(pk, a->name);
		repository(pk, u->fn, &tag);
		buf_addf(&tag, ":%s", arch_oci(u->arches[i]));
		if (export_docker(&b.layout, &b.image[i], &b.made[i].config, tag.ptr, &e, err) < 0)
			return -1;
		a->digest = e.digest;
		a->size = e.size;
		fill(a, &b);
	}
	return 0;
}

int package_image(struct packager *pk, struct unit *u, struct err *err)
{
	if ((pk->req->formats & (PACKAGE_OCI | PACKAGE_OCI_ARCHIVE)) && image_formats(pk, u, err) < 0)
		return -1;
	if (u->narches && (pk->req->formats & PACKAGE_DOCKER_ARCHIVE) && docker_formats(pk, u, err) < 0)
		return -1;
	return 0;
}
