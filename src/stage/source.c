/* SPDX-License-Identifier: Apache-2.0 */
/* Images that stages stand on or copy from: scratch, named bases, and what is in layouts, archives and registries. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/base_image.h"
#include "build/base_lock.h"
#include "build/mirror.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

#define DEFAULT_REGISTRY "docker.io/"
#define OFFICIAL	 "library/" /* where that one keeps what has no owner */

/* --base NAME=SOURCE; that is for this run: slsc.lock is not for it. NULL: there is none; heap. */
static char *given_base(const struct stage_request *req, const char *ref)
{
	for (size_t i = 0; req->bases && i < req->bases->len; i++) {
		const char *eq = strchr(req->bases->ptr[i], '=');

		if (eq && strlen(ref) == (size_t)(eq - req->bases->ptr[i]) &&
		    strncmp(ref, req->bases->ptr[i], strlen(ref)) == 0)
			return xstrdup(eq + 1);
	}
	return NULL;
}

/* As every user of Dockerfiles writes it: a name without a host is one of the registry that they all know. */
static char *with_host(const char *ref)
{
	CLEAN_FREE char *first = xstrndup(ref, strcspn(ref, "/"));
	const bool host = ref[strlen(first)] && (strpbrk(first, ".:") || strcmp(first, "localhost") == 0);
	static const char *const kinds[] = { "oci:", "oci-archive:", "docker-archive:", "docker://" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (starts_with(ref, kinds[i]))
			return xstrdup(ref);
	if (host)
		return xstrdup(ref);
	return xasprintf(DEFAULT_REGISTRY "%s%s", ref[strlen(first)] ? "" : OFFICIAL, ref);
}

static int source_fail(struct solver *sv, struct df_word at, struct err *err)
{
	struct err why = *err;

	if (why.code == ERR_INTR || why.code == ERR_TOOL || why.loc.file[0])
		return -1;
	err_at(err, why.code == ERR_USAGE ? ERR_CONFIG : why.code, sv->df.shown, at.line, at.col, "%s", why.msg);
	return why.hint[0] ? err_hint(err, "%s", why.hint) : -1;
}

/* ---- named bases: the layout that `slsc base build` would write, kept by what it is made of ---- */

static int named_key(const struct debian *d, const char *text, enum arch arch, const char *share, char out[KEY_LEN],
		     struct err *err)
{
	const struct apt_packages *all = debian_packages(d, arch);
	CLEAN_FREE char *json = path_join(share, "base/base.json");
	CLEAN_BUF struct buf built_in = BUF_INIT;
	struct key k;

	if (fs_exists(json) && fs_read(json, 1 << 20, &built_in, err) < 0)
		return -1;
	if (key_begin(&k, "base", err) < 0)
		return -1;
	key_add(&k, SLSC_VERSION);
	key_add(&k, text);
	key_add(&k, arch_oci(arch));
	key_add_bytes(&k, built_in.ptr, built_in.len);
	for (size_t i = 0; i < all->len; i++)
		key_add(&k, all->ptr[i].sha256.s);
	key_end(&k, out);
	return 0;
}

static int open_named(struct solver *sv, struct bases *bases, const struct base_variant *variant, const char *ref,
		      enum arch arch, struct place *pl, struct err *err)
{
	struct debian_want want = { .variant = *variant };
	CLEAN_DEBIAN struct debian d = { .key = NULL };
	const struct debian_opts o = { .lock = sv->req->lock ? sv->req->lock : "slsc.lock",
				       .note = sv->req->note,
				       .dry_run = sv->req->dry_run };
	CLEAN_FREE char *share = dirs_share(), *dir = NULL, *index = NULL;
	struct base_image made;
	char key[KEY_LEN];

	if (debian_open(&d, &want, bases, &arch, 1, &o, err) < 0 || named_key(&d, ref, arch, share, key, err) < 0)
		return -1;
	dir = xasprintf("%s/bases/%s", sv->cache, key);
	index = path_join(dir, "index.json");
	if (!fs_exists(index) && (fs_mkdirs(dir, err) < 0 || base_image(&d, &arch, 1, CODEC_GZIP, dir, &made, err) < 0))
		return -1;
	*pl = (struct place){ .kind = PLACE_LAYOUT, .path = xstrdup(dir), .tag = xstrdup(arch_oci(arch)) };
	return 0;
}

/* 1: @ref is one. */
static int try_named(struct solver *sv, const char *ref, enum arch arch, struct place *pl, struct err *err)
{
	CLEAN_BASES struct bases bases = { .len = 0 };
	struct base_variant variant;
	int ret;

	if (bases_load(&bases, NULL, err) < 0)
		return -1;
	ret = bases_parse(&bases, ref, &variant, err);
	if (ret > 0 && open_named(sv, &bases, &variant, ref, arch, pl, err) < 0)
		ret = -1;
	return ret;
}

/* ---- */

static struct layer *base_layer(struct solver *sv, struct source_image *im, size_t i, struct err *err)
{
	struct layer *l = xcalloc(1, sizeof(*l));
	const struct doc_descriptor *d = &im->doc.ptr[i];
	const int codec = media_layer_codec(d->media_type);

	(void)sv;
	*l = (struct layer){ .blob = true,
			     .origin = im->origin,
			     .desc = *d,
			     .as = { .digest = d->digest,
				     .diff_id = im->parsed.diff_ids[i],
				     .size = d->size,
				     .codec = (enum codec)codec } };
	pthread_mutex_init(&l->lock, NULL);
	memcpy(l->name, digest_hex(&im->parsed.diff_ids[i]), KEY_LEN);
	if (codec < 0) {
		free(l);
		err_set(err, ERR_FORMAT, "%s: layers[%zu]: cannot be used: its media type is '%.100s'",
			im->origin->shown, i, d->media_type);
		return NULL;
	}
	return l;
}

/* @digest: of the manifest or index; NULL: what the place names. */
static int read_image(struct solver *sv, struct source_image *im, const char *digest, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: config", im->origin->shown);
	struct key k;

	if (origin_manifest(im->origin, digest, arch_oci(im->arch), &im->doc, NULL, NULL, &im->arena, err) < 0 ||
	    origin_bytes(im->origin, &im->doc.config, DOCUMENT_MAX, &text, err) < 0 ||
	    doc_config_parse(&im->parsed, shown, text.ptr, text.len, err) < 0 ||
	    image_config_parse(&im->config, im->origin->shown, text.ptr, text.len, err) < 0)
		return -1;
	if (im->doc.len != im->parsed.ndiff_ids)
		return err_set(err, ERR_FORMAT, "%s: has %zu layers, but %zu diff_ids", im->origin->shown, im->doc.len,
			       im->parsed.ndiff_ids);
	if (im->doc.len > STAGE_MAX_LAYERS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu layers, the most is %u", im->origin->shown,
			       im->doc.len, STAGE_MAX_LAYERS);
	if (key_begin(&k, "image", err) < 0)
		return -1;
	im->layers = xcalloc(im->doc.len + 1, sizeof(struct layer *));
	for (size_t i = 0; i < im->doc.len; i++) {
		struct layer *l = base_layer(sv, im, i, err);

		key_add(&k, im->parsed.diff_ids[i].s);
		if (!l) {
			digest_free(k.md);
			return -1;
		}
		im->layers[im->nlayers++] = l;
	}
	key_end(&k, im->chain);
	return 0;
}

static int open_scratch(struct source_image *im, struct err *err)
{
	struct key k;

	image_config_scratch(&im->config, im->arch);
	if (key_begin(&k, "image", err) < 0)
		return -1;
	key_end(&k, im->chain);
	return 0;
}

/* 1: `mirrors` have something in the place of @name. */
static int try_mirror(struct solver *sv, const char *name, struct place *pl, struct err *err)
{
	const struct stage_request *req = sv->req;
	CLEAN_FREE char *text = req->mirrors ? mirror_find(req->mirrors, name) : NULL;

	if (!text)
		return 0;
	return place_parse_in(pl, text, req->mirrors_dir ? req->mirrors_dir : "", err) < 0 ? -1 : 1;
}

static int find_place(struct solver *sv, const char *ref, enum arch arch, struct place *pl, bool *lockable,
		      struct err *err)
{
	CLEAN_FREE char *text = given_base(sv->req, ref), *full = with_host(ref);
	int ret;

	*lockable = !text;
	if (text)
		return place_parse_in(pl, text, "", err);
	ret = try_mirror(sv, ref, pl, err);
	if (ret == 0)
		ret = try_named(sv, ref, arch, pl, err);
	/* a mirror of all of the registry that is meant where none is said has no named bases */
	if (ret == 0)
		ret = try_mirror(sv, full, pl, err);
	if (ret)
		return ret < 0 ? -1 : 0;
	return place_parse(pl, full, err);
}

static int open_foreign(struct solver *sv, struct source_image *im, struct err *err)
{
	CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };
	const struct stage_request *req = sv->req;
	CLEAN_FREE char *name = NULL;	/* as slsc.yaml would have to write it */
	bool lockable;

	if (find_place(sv, im->ref, im->arch, &pl, &lockable, err) < 0 ||
	    origin_open(&im->origin, &pl, req->origins, err) < 0)
		return -1;
	if (pl.kind != PLACE_REGISTRY)
		return read_image(sv, im, NULL, err);
	im->origin = origin_stored(im->origin);
	name = with_host(im->ref);
	if (req->pin && lockable && !pl.digest &&
	    base_pin(req->lock, name, im->origin, !req->dry_run, &pl.digest, err) < 0)
		return -1;
	return read_image(sv, im, pl.digest, err);
}

int source_open_image(struct solver *sv, const char *ref, struct df_word at, enum arch arch, struct source_image **out,
		      struct err *err)
{
	struct source_image *im;

	for (im = sv->images; im; im = im->next)
		if (im->arch == arch && strcmp(im->ref, ref) == 0) {
			*out = im;
			return 0;
		}
	im = xcalloc(1, sizeof(*im));
	im->ref = xstrdup(ref);
	im->arch = arch;
	im->next = sv->images;
	sv->images = im;
	*out = im;
	if (strcmp(ref, "scratch") == 0)
		return open_scratch(im, err);
	return open_foreign(sv, im, err) < 0 ? source_fail(sv, at, err) : 0;
}

void source_release_all(struct solver *sv)
{
	struct source_image *im = sv->images;

	while (im) {
		struct source_image *next = im->next;

		for (size_t i = 0; i < im->nlayers; i++) {
			pthread_mutex_destroy(&im->layers[i]->lock);
			free(im->layers[i]);
		}
		free(im->layers);
		document_release(&im->doc);
		doc_config_release(&im->parsed);
		image_config_release(&im->config);
		origin_free(&im->origin);
		arena_release(&im->arena);
		free(im->ref);
		free(im);
		im = next;
	}
	sv->images = NULL;
}
