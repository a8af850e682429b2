/* SPDX-License-Identifier: Apache-2.0 */
/* Functions whose image a Dockerfile makes: what is asked of src/stage, which this room does not know. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/lock.h"
#include "build/package_internal.h"
#include "os/fs.h"

bool package_has_stages(struct project *p)
{
	for (size_t i = 0; i < p->nfunctions; i++) {
		struct package pkg;

		project_package(p, p->functions[i], &pkg);
		if (pkg.dockerfile.s)
			return true;
	}
	return false;
}

/* @option: the command line's word; NULL: slsc.yaml says it, at @where. */
static int no_list(const struct packager *pk, const struct unit *u, const char *key, const char *option,
		   struct lstr where, struct err *err)
{
	if (option) {
		err_set(err, ERR_USAGE, "--%s: there is none of '%s', whose image a Dockerfile makes", key,
			u->fn->name.s);
		return err_hint(err, "leave it out, or name the other functions");
	}
	project_err(pk->p, ERR_CONFIG, where, err, "%s: there is none of '%s', whose image a Dockerfile makes", key,
		    u->fn->name.s);
	return err_hint(err, "write %s: none for that function", key);
}

int package_stage_check(const struct packager *pk, const struct unit *u, struct err *err)
{
	const struct package_request *req = pk->req;
	const char *name = u->fn->name.s;

	if (!function_compiles(u->fn) && (req->formats & PACKAGE_ZIP)) {
		project_err(pk->p, ERR_CONFIG, u->fn->name, err,
			    "there is no zip of '%s': it has neither sources nor build, a Dockerfile makes its image",
			    name);
		return err_hint(err, "make its image with --oci, or name the other functions");
	}
	if (!(req->formats & PACKAGE_IMAGES))
		return 0;
	if (req->base) {
		err_set(err, ERR_USAGE, "--base %s: the image of '%s' is made by %s", req->base, name,
			u->pkg.dockerfile.s);
		return err_hint(err, "--base NAME=SOURCE says where an image that its FROM names comes from");
	}
	if (u->sbom != SBOM_NONE)
		return no_list(pk, u, "sbom", req->sbom, u->pkg.sbom, err);
	if (u->provenance)
		return no_list(pk, u, "provenance", req->provenance, u->pkg.provenance, err);
	return project_check_dockerfile(pk->p, &u->pkg, err);
}

/* Errors in the Dockerfile have a place of their own; all others get that of the key they are about. */
static int located(const struct packager *pk, const struct unit *u, struct err *err)
{
	const struct lstr where = err->code == ERR_USAGE && u->pkg.target.s ? u->pkg.target : u->pkg.dockerfile;

	if (err->loc.file[0])
		return -1;
	if (err->code == ERR_USAGE)
		err->code = ERR_CONFIG;
	return placed_err(pk->p, where, err);
}

static int run_stage(struct packager *pk, struct unit *u, struct err *err)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);
	const char *dir = here && strcmp(here, pk->p->dir) == 0 ? "" : pk->p->dir;
	CLEAN_FREE char *file = path_join(dir, u->pkg.dockerfile.s);
	CLEAN_FREE char *context = path_join(dir, u->pkg.context.s ? u->pkg.context.s : ".");
	CLEAN_FREE char *lock = lock_path(pk->p);
	CLEAN_FREE char *layout =
		xasprintf("%s/.slsc/%s/image/%s.stage", pk->p->dir, pk->profile->name, u->fn->name.s);
	CLEAN_STRS struct strs warnings = { 0 };
	const struct package_stage want = {
		.project = pk->p,
		.function = u->fn,
		.package = &u->pkg,
		.dockerfile = file,
		.context = context,
		.arches = u->arches,
		.narches = u->narches,
		.codec = u->codec,
		.level = u->level,
		.base_sources = pk->req->base_sources,
		.lock = lock,
		.layout = pk->req->dry_run ? NULL : layout,
		.warnings = &warnings,
	};
	int ret = pk->req->stage(&want, pk->req->ctx, err);

	VEC_EACH(&warnings, w)
		strs_addf(&pk->res->warnings, "%s: %s", u->fn->name.s, *w);
	if (ret == 0 && want.layout)
		ret = base_staged(pk, u, layout, err);
	return ret < 0 ? located(pk, u, err) : 0;
}

int package_stages(struct packager *pk, struct err *err)
{
	if (!(pk->req->formats & PACKAGE_IMAGES))
		return 0;
	for (size_t i = 0; i < pk->nunits; i++)
		if (pk->units[i].staged && pk->units[i].narches && run_stage(pk, &pk->units[i], err) < 0)
			return -1;
	return 0;
}
