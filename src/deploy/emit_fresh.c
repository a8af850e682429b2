/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what is packaged is what would be packaged now. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "deploy/emit_internal.h"
#include "os/fs.h"

#define TICK_NS 20000000	/* a file's time may lag by a tick of the kernel's clock */

static bool is_newer(const struct stat *a, const struct stat *b)
{
	const int64_t s = a->st_mtim.tv_sec - b->st_mtim.tv_sec, ns = a->st_mtim.tv_nsec - b->st_mtim.tv_nsec;

	/* years apart they would not fit into 64 bits of nanoseconds */
	return s > 1 || (s >= -1 && s * 1000000000 + ns > TICK_NS);
}

/* What was not built here for @arch is not looked at: it came from elsewhere, or by another profile. */
static bool concerns(const struct project *p, const struct emit_pin *pin, enum arch arch, const char *profile,
		     struct stat *binary)
{
	CLEAN_FREE char *rel = build_binary_path(profile, arch, pin->function->name.s);
	CLEAN_FREE char *path = path_join(p->dir, rel);

	return pin->package && function_compiles(pin->function) && (pin->arch < 0 || pin->arch == (int)arch) &&
	       emit_built_for(p, pin->function, arch) && stat(path, binary) == 0;
}

static int refuse(const struct project *p, const struct emit_pin *pin, struct err *err)
{
	project_err(p, ERR_VERIFY, pin->function->name, err, "'%s' has changed since %s was made",
		    pin->function->name.s, pin->package);
	return err_hint(err, "run 'slsc package %s --%s' first, or take it as it is with --no-build",
			pin->function->name.s, pin->zip ? "zip" : "oci");
}

static int check_age(const struct project *p, const struct emit_pin *pin, const struct stat *binary, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, pin->package);
	CLEAN_FREE char *list = path_join(path, "index.json");
	struct stat st;

	/* a layout's index.json is written last, whatever was there already */
	if (stat(pin->zip ? path : list, &st) < 0)
		return err_sys(err, "%s", pin->package);
	return is_newer(binary, &st) ? refuse(p, pin, err) : 0;
}

/* Steps that a build would take. */
static int ask(struct project *p, const struct build_request *how, const struct strs *functions, enum arch arch,
	       unsigned *steps, struct err *err)
{
	CLEAN_STRS struct strs arches = { 0 };
	CLEAN_BUILD struct build_result res = { 0 };
	struct build_request req = *how;

	strs_add(&arches, arch_name(arch));
	req.functions = *functions;
	req.arches = arches;
	req.dry_run = true;
	if (build_run(p, &req, &res, err) < 0)
		return -1;
	*steps = res.steps;
	return 0;
}

static int check_arch(struct project *p, const struct emit_result *res, const struct build_request *how, enum arch arch,
		      struct err *err)
{
	CLEAN_STRS struct strs functions = { 0 };
	unsigned steps = 0;
	struct stat st;

	VEC_EACH(&res->pins, pin) {
		if (!concerns(p, pin, arch, p->profile.s, &st))
			continue;
		if (check_age(p, pin, &st, err) < 0)
			return -1;
		strs_add(&functions, pin->function->name.s);
	}
	if (functions.len && ask(p, how, &functions, arch, &steps, err) < 0)
		return -1;
	/* which of them it is */
	for (size_t i = 0; steps && i < res->pins.len; i++) {
		CLEAN_STRS struct strs one = { 0 };
		unsigned its = 0;

		strs_add(&one, res->pins.ptr[i].function->name.s);
		if (!concerns(p, &res->pins.ptr[i], arch, p->profile.s, &st))
			continue;
		if (ask(p, how, &one, arch, &its, err) < 0)
			return -1;
		if (its)
			return refuse(p, &res->pins.ptr[i], err);
	}
	return 0;
}

int emit_check_packages(struct project *p, const struct emit_result *res, const struct build_request *how,
			struct err *err)
{
	CLEAN_FREE char *graph = path_join(p->dir, ".slsc/build.ninja");

	for (int a = 0; a < ARCH_COUNT && fs_exists(graph); a++)
		if (check_arch(p, res, how, (enum arch)a, err) < 0)
			return -1;
	return 0;
}
