/* SPDX-License-Identifier: Apache-2.0 */
/* Bases that are images: where they come from, what slsc.lock says of them, and their layers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/decode.h"
#include "base/mem.h"
#include "build/base_lock.h"
#include "build/lock.h"
#include "build/mirror.h"
#include "build/package_internal.h"
#include "oci/base.h"
#include "oci/layout.h"

/** What a name stands for in this run. */
struct source {
	char *text;		/* heap */
	const char *dir;	/* relative paths are relative to it; "" for the working directory */
	bool lockable;		/* what it stands for today is what slsc.lock is for */
};

static void base_free(struct foreign_base *b)
{
	for (int a = 0; a < ARCH_COUNT; a++) {
		document_release(&b->arch[a].doc);
		doc_config_release(&b->arch[a].config);
		installed_release(&b->arch[a].installed);
	}
	origin_free(&b->origin);
	place_release(&b->place);
	arena_release(&b->arena);
	free(b->name);
	free(b);
}

void foreign_bases_release(struct foreign_bases *b)
{
	for (size_t i = 0; i < b->len; i++)
		base_free(b->ptr[i]);
	VEC_FREE(b);
}

/* --base NAME=SOURCE, else what `mirrors` have, else the name itself. */
static void find_source(const struct packager *pk, struct lstr name, const char *project_dir, struct source *out)
{
	const struct strs *own = pk->req->base_sources;
	char *mirror;

	*out = (struct source){ .text = xstrdup(name.s), .dir = name.line ? project_dir : "", .lockable = name.line };
	for (size_t i = 0; own && i < own->len; i++) {
		const char *eq = strchr(own->ptr[i], '=');

		if (eq && strlen(name.s) == (size_t)(eq - own->ptr[i]) &&
		    strncmp(name.s, own->ptr[i], strlen(name.s)) == 0) {
			free(out->text);
			*out = (struct source){ .text = xstrdup(eq + 1), .dir = "" };
			return;
		}
	}
	mirror = mirror_find(&pk->p->mirrors, name.s);
	if (!mirror)
		return;
	free(out->text);
	out->text = mirror;
	out->dir = project_dir;
}

static int pin(const struct packager *pk, struct foreign_base *b, struct err *err)
{
	CLEAN_FREE char *path = lock_path(pk->p);

	return base_pin(path, b->name, b->origin, true, &b->place.digest, err);
}

static int open_base(struct packager *pk, struct foreign_base *b, const struct source *src, struct err *err)
{
	if (place_parse_in(&b->place, src->text, src->dir, err) < 0)
		return -1;
	if (b->place.kind == PLACE_REGISTRY && pk->req->dry_run)
		return 0;
	if (origin_open(&b->origin, &b->place, pk->req->origins, err) < 0)
		return -1;
	if (b->place.kind != PLACE_REGISTRY)
		return 0;
	b->origin = origin_stored(b->origin);
	return b->place.digest || !src->lockable ? 0 : pin(pk, b, err);
}

static int move_lock(struct project *p, struct foreign_base *b, bool dry_run, struct base_move *out, struct err *err)
{
	CLEAN_FREE char *path = lock_path(p);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct doc_descriptor d;
	struct yaml_doc lock;
	const char *was = NULL;
	int ret = lock_read(&lock, path, err);

	if (ret == 0)
		was = base_lock_digest(&lock, b->name, err);
	if (!was || b->origin->ops->manifest(b->origin, NULL, &text, &d, &b->arena, err) < 0)
		ret = -1;
	if (ret == 0) {
		snprintf(out->from, sizeof(out->from), "%s", was);
		snprintf(out->to, sizeof(out->to), "%s", d.digest.s);
		if (!dry_run)
			ret = base_lock_write(path, &lock, b->name, d.digest.s, err);
	}
	yaml_release(&lock);
	return ret;
}

int base_lock_move(struct project *p, const char *name, const struct origin_env *origins, bool dry_run,
		   struct base_move *out, struct err *err)
{
	const struct package_request req = { .project = p, .origins = origins };
	const struct packager pk = { .req = &req, .p = p };
	struct foreign_base *b = xcalloc(1, sizeof(*b));
	struct source src;
	int ret;

	*out = (struct base_move){ .unlockable = false };
	b->name = xstrdup(name);
	/* as if slsc.yaml named it, for what only the command line names is not locked */
	find_source(&pk, (struct lstr){ .s = name, .line = 1 }, p->dir, &src);
	ret = place_parse_in(&b->place, src.text, src.dir, err);
	out->unlockable = ret == 0 && (b->place.kind != PLACE_REGISTRY || b->place.digest);
	if (ret == 0 && !out->unlockable)
		ret = origin_open(&b->origin, &b->place, origins, err);
	if (ret == 0 && !out->unlockable)
		ret = move_lock(p, b, dry_run, out, err);
	free(src.text);
	base_free(b);
	return ret;
}

static int check_layers(struct foreign_base *b, const struct base_arch *a, struct err *err)
{
	const char *shown = b->origin->shown;

	if (a->doc.len > PACKAGE_MAX_LAYERS - 1)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu layers, the most is %u", shown, a->doc.len,
			       PACKAGE_MAX_LAYERS - 1);
	if (a->doc.len != a->config.ndiff_ids)
		return err_set(err, ERR_FORMAT, "%s: has %zu layers, but %zu diff_ids", shown, a->doc.len,
			       a->config.ndiff_ids);
	for (size_t i = 0; i < a->doc.len; i++)
		if (media_layer_codec(a->doc.ptr[i].media_type) < 0)
			return err_set(err, ERR_FORMAT, "%s: layers[%zu]: cannot be used: its media type is '%.100s'",
				       shown, i, a->doc.ptr[i].media_type);
	return 0;
}

/* The name that a registry knows: with a tag or digest. */
static char *registry_name(struct foreign_base *b)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	CLEAN_FREE char *shown = NULL;
	struct err ignored;

	if (place_parse(&pl, b->name, &ignored) < 0 || pl.kind != PLACE_REGISTRY)
		return NULL;
	shown = place_show(&pl);
	return pl.tag || pl.digest ? arena_strdup(&b->arena, shown) : arena_printf(&b->arena, "%s:latest", shown);
}

static int open_arch(struct foreign_base *b, enum arch arch, struct err *err)
{
	struct base_arch *a = &b->arch[arch];
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *shown = NULL;

	if (a->ready || !b->origin)
		return 0;
	if (origin_manifest(b->origin, b->place.digest, arch_oci(arch), &a->doc, NULL, &a->manifest, &b->arena,
			    err) < 0 ||
	    origin_bytes(b->origin, &a->doc.config, DOCUMENT_MAX, &text, err) < 0)
		return -1;
	shown = xasprintf("%s: config", b->origin->shown);
	if (doc_config_parse(&a->config, shown, text.ptr, text.len, err) < 0 || check_layers(b, a, err) < 0)
		return -1;
	a->name = registry_name(b);
	a->ready = true;
	return 0;
}

/* A word that names nothing: most likely a slip. */
static int unknown(const struct packager *pk, struct lstr name, struct err *err)
{
	const char *names[64], *near;
	size_t n = 0;

	for (size_t i = 0; i < pk->named.len && n < ARRAY_LEN(names); i++)
		names[n++] = pk->named.ptr[i].name;
	near = str_closest(name.s, names, n);
	if (name.line)
		project_err(pk->p, ERR_CONFIG, name, err, "unknown base '%s'", name.s);
	else
		err_set(err, ERR_USAGE, "unknown base '%s'", name.s);
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	return err_hint(err, "choose one of `slsc base list`, or an image: oci:DIR[:TAG], oci-archive:FILE, "
			     "docker-archive:FILE, HOST/REPOSITORY[:TAG][@DIGEST]");
}

static int located(const struct packager *pk, struct lstr name, struct err *err)
{
	if (strcmp(err->loc.file, "slsc.lock") == 0)
		return -1;
	if (name.line)
		return placed_err(pk->p, name, err);
	return err->code == ERR_INTR ? -1 : err_wrap(err, "--base");
}

static struct foreign_base *find_open(const struct packager *pk, const char *name)
{
	for (size_t i = 0; i < pk->bases.len; i++)
		if (strcmp(pk->bases.ptr[i]->name, name) == 0)
			return pk->bases.ptr[i];
	return NULL;
}

int base_resolve(struct packager *pk, struct unit *u, struct lstr name, struct err *err)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);
	const char *project_dir = here && strcmp(here, pk->p->dir) == 0 ? "" : pk->p->dir;
	struct source src;
	struct foreign_base *b = find_open(pk, name.s);
	int ret = 0;

	u->base = name.s;
	find_source(pk, name, project_dir, &src);
	if (strcmp(src.text, name.s) == 0) {
		ret = base_named(pk, u, name, err);
		if (ret || !strpbrk(name.s, "/:.")) {
			free(src.text);
			return ret > 0 ? 0 : ret < 0 ? -1 : unknown(pk, name, err);
		}
	}
	/* zips stand on nothing */
	if ((pk->req->formats & PACKAGE_IMAGES) && !b) {
		b = xcalloc(1, sizeof(*b));
		b->name = xstrdup(name.s);
		VEC_PUSH(&pk->bases, b);
		ret = open_base(pk, b, &src, err);
	}
	free(src.text);
	u->foreign = b;
	for (size_t i = 0; b && ret == 0 && i < u->narches; i++)
		ret = open_arch(b, u->arches[i], err);
	return ret < 0 ? located(pk, name, err) : 0;
}

void base_sources_unused(const struct packager *pk)
{
	const struct strs *own = pk->req->base_sources;
	CLEAN_STRS struct strs names = { 0 };

	for (size_t i = 0; i < pk->nunits; i++) {
		if (pk->units[i].pkg.dockerfile.s)
			return;
		if (pk->units[i].base)
			strs_add(&names, pk->units[i].base);
	}
	for (size_t i = 0; own && i < own->len; i++) {
		CLEAN_FREE char *name = xstrndup(own->ptr[i], strcspn(own->ptr[i], "="));
		const char *near = str_closest(name, (const char *const *)names.ptr, names.len);
		bool used = false;

		for (size_t k = 0; k < names.len; k++)
			used = used || strcmp(names.ptr[k], name) == 0;
		if (!used)
			strs_addf(&pk->res->warnings, "--base %s: no base here is called '%s'%s%s%s", own->ptr[i], name,
				  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
}

int base_staged(struct packager *pk, struct unit *u, const char *dir, struct err *err)
{
	struct foreign_base *b = xcalloc(1, sizeof(*b));

	b->name = xstrdup(dir);
	b->place = (struct place){ .kind = PLACE_LAYOUT, .path = xstrdup(dir), .tag = xstrdup("latest") };
	VEC_PUSH(&pk->bases, b);
	u->foreign = b;
	if (origin_open(&b->origin, &b->place, pk->req->origins, err) < 0)
		return -1;
	for (size_t i = 0; i < u->narches; i++)
		if (open_arch(b, u->arches[i], err) < 0)
			return -1;
	return 0;
}

int base_config(struct foreign_base *b, enum arch arch, struct buf *out, struct err *err)
{
	return origin_bytes(b->origin, &b->arch[arch].doc.config, DOCUMENT_MAX, out, err);
}

const char *base_user(const struct foreign_base *b, enum arch arch)
{
	static const char *const ours[] = { "", "0", "root", "nonroot", NULL };
	const char *user = b->arch[arch].config.user ? b->arch[arch].config.user : "";
	const size_t n = strcspn(user, ":");

	for (int i = 0; ours[i]; i++)
		if (strlen(ours[i]) == n && strncmp(user, ours[i], n) == 0)
			return NONROOT;
	return user;
}

static int take(struct foreign_base *b, const struct doc_descriptor *d, struct layout *l, struct err *err)
{
	struct digest named;
	struct blob blob;
	int ret;

	if (layout_have(l, &d->digest, d->size))
		return 0;
	if (blob_begin_as(&blob, l, &d->digest, err) < 0)
		return -1;
	ret = b->origin->ops->blob(b->origin, d, blob_write, &blob, err);
	if (ret == 0)
		ret = blob_end(&blob, &named, NULL, err);
	blob_abort(&blob);
	return ret;
}

/* The compressed blob @in, which is whole and verified, uncompressed into @blob. */
static int decode(int in, enum codec codec, const char *shown, struct blob *blob, struct err *err)
{
	struct unar_file f;
	struct decoder *dec;
	const void *p;
	ssize_t n;

	if (unar_file_dup(&f, in, shown, err) < 0)
		return -1;
	dec = decoder_new(codec, shown, unar_file_read, &f, LAMBDA_IMAGE);
	while ((n = decoder_read(dec, &p, err)) > 0)
		if (blob_write(blob, p, (size_t)n, err) < 0) {
			n = -1;
			break;
		}
	decoder_free(dec);
	unar_file_close(&f);
	return n < 0 ? -1 : 0;
}

/* By way of a file without a name: no decompressor sees bytes that are not what their digest says. */
static int unpack(struct foreign_base *b, const struct doc_descriptor *d, struct image_layer *out, struct layout *l,
		  struct err *err)
{
	struct blob raw, blob;
	struct digest got;
	int ret;

	if (blob_begin_as(&raw, l, &d->digest, err) < 0)
		return -1;
	if (b->origin->ops->blob(b->origin, d, blob_write, &raw, err) < 0 || blob_begin(&blob, l, err) < 0) {
		blob_abort(&raw);
		return -1;
	}
	ret = decode(raw.tmp.fd, out->codec, b->origin->shown, &blob, err);
	blob_abort(&raw);
	if (ret == 0)
		ret = blob_end(&blob, &got, &out->size, err);
	if (ret == 0 && strcmp(got.s, out->diff_id.s) != 0)
		ret = err_set(err, ERR_FORMAT, "%s: %s does not unpack to the diff_id of its config", b->origin->shown,
			      d->digest.s);
	blob_abort(&blob);
	out->digest = out->diff_id;
	out->tar_size = out->size;
	out->codec = CODEC_NONE;
	return ret;
}

int base_layers(struct foreign_base *b, enum arch arch, bool uncompressed, struct layout *l, struct packaged_image *m,
		struct err *err)
{
	const struct base_arch *a = &b->arch[arch];

	for (size_t i = 0; i < a->doc.len; i++) {
		const struct doc_descriptor *d = &a->doc.ptr[i];
		struct image_layer *out = packaged_layer(m);

		*out = (struct image_layer){ .digest = d->digest, .diff_id = a->config.diff_ids[i], .size = d->size,
					     .codec = (enum codec)media_layer_codec(d->media_type) };
		if (out->codec == CODEC_NONE)
			out->tar_size = out->size;
		if ((uncompressed && out->codec != CODEC_NONE ? unpack(b, d, out, l, err) : take(b, d, l, err)) < 0)
			return -1;
	}
	return 0;
}
