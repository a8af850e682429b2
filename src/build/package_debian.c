/* SPDX-License-Identifier: Apache-2.0 */
/* Named bases and Debian packages of a function's image. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/lock.h"
#include "build/package_internal.h"

int base_named(struct packager *pk, struct unit *u, struct lstr name, struct err *err)
{
	int r;

	if (!pk->named.len && bases_load(&pk->named, NULL, err) < 0)
		return -1;
	r = bases_parse(&pk->named, name.s, &u->want.variant, err);
	if (r == 0 || !name.line)
		return r;
	/* in slsc.yaml it is no matter of how the command is used */
	if (r < 0 && err->code == ERR_USAGE)
		err->code = ERR_CONFIG;
	return r < 0 ? placed_err(pk->p, name, err) : r;
}

/* What is wrong is wrong at the list of packages, else at the base; slsc.lock has places of its own. */
static int located(const struct packager *pk, const struct unit *u, struct lstr name, struct err *err)
{
	const struct lstr where = u->pkg.packages.len ? u->pkg.packages.ptr[0] : name;

	if (!where.line || err->loc.file[0])
		return -1;
	return placed_err(pk->p, where, err);
}

int base_packages(struct packager *pk, struct unit *u, struct lstr name, struct err *err)
{
	CLEAN_FREE char *lock = lock_path(pk->p);
	const struct debian_opts opts = { .lock = lock, .fresh = pk->fresh, .note = pk->req->note };

	if (!pk->named.len && bases_load(&pk->named, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < u->pkg.packages.len; i++)
		strs_add(&u->want.packages, u->pkg.packages.ptr[i].s);
	u->want.max_layers = (unsigned)u->pkg.max_layers;
	if (pk->req->dry_run || !(pk->req->formats & PACKAGE_IMAGES))
		return 0;
	if (debian_open(&u->debian, &u->want, &pk->named, u->arches, u->narches, &opts, err) < 0)
		return located(pk, u, name, err);
	return 0;
}

int base_put_packages(struct packager *pk, struct unit *u, enum codec codec, struct layout *l,
		      struct packaged_image *m, struct err *err)
{
	struct debian_layers layers = { .len = 0 };
	int ret = debian_layers(&u->debian, m->arch, codec, l, &pk->res->bases, pk->share, &layers, err);

	VEC_EACH(&layers, layer)
		*packaged_layer(m) = *layer;
	VEC_FREE(&layers);
	return ret;
}
