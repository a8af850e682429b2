/* SPDX-License-Identifier: Apache-2.0 */
#include "report/check_repro.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/check_diff.h"
#include "report/check_dist.h"
#include "report/elsewhere.h"

/* Two places that have nothing in common but the sources. */
static const struct place_to_be {
	const char *name, *tz, *locale;
	mode_t umask;
} places[] = {
	{ "elsewhere", "TZ=Asia/Kathmandu", "LC_ALL=C", 0077 },
	{ "somewhere-quite-different", "TZ=America/St_Johns", "LC_ALL=C.UTF-8", 0002 },
};

/* Copies and builds; *@dist: where its artifacts are, heap. */
static int build_elsewhere(const struct repro_request *req, const struct place_to_be *pl, const char *tmp,
			   const char *profile, unsigned kinds, char **dist, struct err *err)
{
	CLEAN_FREE char *copy = path_join(tmp, pl->name), *dir = NULL, *home = path_join(tmp, "home");
	const struct elsewhere e = { .name = "a copy", .home = home, .tz = pl->tz, .locale = pl->locale,
				     .umask = pl->umask, .kinds = kinds, .functions = req->functions,
				     .profile = profile, .level = req->level, .compression = req->compression,
				     .bases = req->bases, .on_output = req->on_output, .ctx = req->ctx };

	if (req->on_step)
		req->on_step(pl->name, req->ctx);
	if (fs_mkdirs(home, err) < 0 || elsewhere_copy(req->project->dir, copy, &dir, err) < 0 ||
	    elsewhere_package(&e, dir, err) < 0)
		return -1;
	*dist = path_join(dir, "dist");
	return 0;
}

static bool wanted(const struct repro_request *req, const struct dist_entry *e)
{
	for (size_t i = 0; i < req->functions->len; i++)
		if (strcmp(req->functions->ptr[i], e->function) == 0)
			return true;
	return req->functions->len == 0;
}

static int compare(const struct repro_request *req, const struct dist *list, const char *a, const char *b,
		   struct repro_result *res, struct err *err)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct dist_entry *e = &list->ptr[i];
		CLEAN_FREE char *x = path_join(a, e->path), *y = path_join(b, e->path);
		CLEAN_BUF struct buf what = BUF_INIT;
		struct repro_row row = { .artifact = NULL };
		int r = 1;

		if (!wanted(req, e))
			continue;
		if (!fs_exists(x))
			return err_set(err, ERR_NOTFOUND, "dist/%s is listed in dist/manifest.json, and is not there",
				       e->path);
		if (fs_exists(y))
			r = diff_artifacts(e->kind, x, y, &what, err);
		else
			buf_addz(&what, "was not made again: its function or arch is no longer in slsc.yaml");
		if (r < 0)
			return err_wrap(err, "%s", e->path);
		row.artifact = xstrdup(e->path);
		if (r)
			row.difference = buf_detach(&what);
		res->differ += r > 0;
		VEC_PUSH(res, row);
	}
	return 0;
}

static int run_in(const struct repro_request *req, const char *tmp, struct repro_result *res, struct err *err)
{
	CLEAN_DIST struct dist list = { .dir = NULL }, made = { .dir = NULL };
	CLEAN_FREE char *first = NULL, *second = NULL, *project = NULL;
	const char *profile = NULL;
	unsigned kinds = 0;

	if (dist_read(&list, req->project->dir, err) < 0)
		return -1;
	for (size_t i = 0; i < list.len && !req->fresh; i++)
		if (wanted(req, &list.ptr[i])) {
			if (profile && list.ptr[i].profile && strcmp(profile, list.ptr[i].profile) != 0) {
				err_set(err, ERR_USAGE, "dist/ has artifacts of two profiles: %s and %s", profile,
					list.ptr[i].profile);
				return err_hint(err, "name a function, or use --fresh to compare two builds elsewhere");
			}
			kinds |= elsewhere_kind(list.ptr[i].kind);
			profile = list.ptr[i].profile ? list.ptr[i].profile : profile;
		}
	res->fresh = kinds == 0;
	if (build_elsewhere(req, &places[0], tmp, profile, kinds ? kinds : 3u, &first, err) < 0)
		return -1;
	if (!res->fresh)
		return compare(req, &list, list.dir, first, res, err);
	if (build_elsewhere(req, &places[1], tmp, profile, 3u, &second, err) < 0)
		return -1;
	project = path_dirname(first);
	if (dist_read(&made, project, err) < 0)
		return -1;
	return compare(req, &made, first, second, res, err);
}

int repro_run(const struct repro_request *req, struct repro_result *res, struct err *err)
{
	const char *base = getenv("TMPDIR");
	CLEAN_FREE char *tmp = xasprintf("%s/slsc-check.XXXXXX", base && *base ? base : "/tmp");
	struct err ignored;
	int r;

	*res = (struct repro_result){ .len = 0 };
	if (!mkdtemp(tmp))
		return err_sys(err, "%s", tmp);
	r = run_in(req, tmp, res, err);
	if (fs_rmtree(tmp, r < 0 ? &ignored : err) < 0 && r == 0)
		r = -1;
	return r;
}

void repro_release(struct repro_result *res)
{
	for (size_t i = 0; i < res->len; i++) {
		free(res->ptr[i].artifact);
		free(res->ptr[i].difference);
	}
	VEC_FREE(res);
}
