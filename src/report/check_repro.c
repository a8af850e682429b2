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

struct copying {
	const char *skip_in;		/* the project: its .slsc and dist are not copied */
	uint64_t files, bytes;
};

static int copy_tree(struct copying *c, const char *from, const char *to, struct err *err);

static int copy_one(struct copying *c, const char *from, const char *to, struct err *err)
{
	char target[4096];
	struct stat st;
	ssize_t n;

	if (sig_check(err) < 0)
		return -1;
	if (lstat(from, &st) < 0)
		return err_sys(err, "%s", from);
	c->files++;
	c->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	if (c->files > REPRO_MAX_FILES || c->bytes > REPRO_MAX_BYTES) {
		err_set(err, ERR_LIMIT,
			"limit exceeded: the project and its git work tree are more than %u files or 4 GB",
			REPRO_MAX_FILES);
		return err_hint(err,
				"remove build output of other tools, or move the project to a repository of its own");
	}
	if (S_ISDIR(st.st_mode))
		return copy_tree(c, from, to, err);
	if (S_ISREG(st.st_mode))
		return fs_copy(from, to, st.st_mode & 07777u, false, err);
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlink(from, target, sizeof(target) - 1);
	if (n < 0)
		return err_sys(err, "%s", from);
	target[n] = '\0';
	return symlink(target, to) < 0 ? err_sys(err, "%s", to) : 0;
}

static int copy_tree(struct copying *c, const char *from, const char *to, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	const bool project = strcmp(from, c->skip_in) == 0;

	if (mkdir(to, 0755) < 0)
		return err_sys(err, "%s", to);
	if (fs_list(from, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *src = path_join(from, names.ptr[i]), *dst = path_join(to, names.ptr[i]);

		if (project && (strcmp(names.ptr[i], ".slsc") == 0 || strcmp(names.ptr[i], "dist") == 0))
			continue;
		if (copy_one(c, src, dst, err) < 0)
			return -1;
	}
	return 0;
}

/* The work tree around the project, or the project itself. */
static char *work_tree(const char *dir)
{
	CLEAN_FREE char *at = xstrdup(dir);

	for (;;) {
		CLEAN_FREE char *git = path_join(at, ".git");
		char *up;

		if (fs_exists(git))
			return steal(&at);
		if (strcmp(at, "/") == 0)
			return xstrdup(dir);
		up = path_dirname(at);
		free(at);
		at = up;
	}
}

/* Two places that have nothing in common but the sources. */
static const struct elsewhere {
	const char *name, *tz, *locale;
	mode_t umask;
} places[] = {
	{ "elsewhere", "TZ=Asia/Kathmandu", "LC_ALL=C", 0077 },
	{ "somewhere-quite-different", "TZ=America/St_Johns", "LC_ALL=C.UTF-8", 0002 },
};

/* What the build said, if it failed: its last error for the message, and all of it for the user. */
static int build_failed(const struct repro_request *req, const struct buf *output, struct err *err)
{
	const char *last = NULL;

	for (const char *p = output->ptr; (p = strstr(p, "error: ")) != NULL; p++)
		if (p == output->ptr || p[-1] == '\n')
			last = p + strlen("error: ");
	if (req->on_output)
		req->on_output(output->ptr, output->len, req->ctx);
	return err_set(err, ERR_BUILD, "the build of a copy failed: %.*s", last ? (int)strcspn(last, "\n") : 9,
		       last ? last : "see above");
}

static int run_slsc(const struct repro_request *req, const struct elsewhere *el, const char *tmp, const char *dir,
		    const char *profile, unsigned kinds, struct err *err)
{
	static const char *const formats[] = { "--zip", "--oci", "--oci-archive", "--docker-archive" };
	CLEAN_FREE char *self = dirs_self(), *cache = dirs_cache(), *home = xasprintf("HOME=%s/home", tmp);
	CLEAN_FREE char *cache_env = xasprintf("SLSC_CACHE_DIR=%s", cache);
	const char *const env[] = { el->tz, el->locale, home, cache_env, NULL };
	const char *argv[20 + 256 + 2 * REPRO_MAX_BASES];
	size_t n = 0;
	CLEAN_BUF struct buf made = BUF_INIT, output = BUF_INIT;
	const struct proc_opts opts = { .dir = dir, .env = env, .null_stdin = true, .out = &made, .errout = &output,
					.die_with_us = true };
	mode_t old;
	int status = 0, r;

	argv[n++] = self;
	argv[n++] = "package";
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (kinds >> i & 1u)
			argv[n++] = formats[i];
	if (profile) {
		argv[n++] = "--profile";
		argv[n++] = profile;
	}
	if (req->level) {
		argv[n++] = "--level";
		argv[n++] = req->level;
	}
	if (req->compression) {
		argv[n++] = "--compression";
		argv[n++] = req->compression;
	}
	if (req->bases && req->bases->len > REPRO_MAX_BASES)
		return err_set(err, ERR_LIMIT, "limit exceeded: --base more than %u times", REPRO_MAX_BASES);
	for (size_t i = 0; req->bases && i < req->bases->len; i++) {
		argv[n++] = "--base";
		argv[n++] = req->bases->ptr[i];
	}
	argv[n++] = "--quiet";
	argv[n++] = "--";
	if (req->functions->len > 256)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than 256 functions");
	for (size_t i = 0; i < req->functions->len; i++)
		argv[n++] = req->functions->ptr[i];
	argv[n] = NULL;
	old = umask(el->umask);
	r = proc_run(argv, &opts, &status, err);
	umask(old);
	return r < 0 ? -1 : status ? build_failed(req, &output, err) : 0;
}

/* Copies and builds; *@dist: where its artifacts are, heap. */
static int build_elsewhere(const struct repro_request *req, const struct elsewhere *el, const char *tmp,
			   const char *profile, unsigned kinds, char **dist, struct err *err)
{
	CLEAN_FREE char *top = work_tree(req->project->dir), *copy = path_join(tmp, el->name), *dir = NULL;
	CLEAN_FREE char *home = path_join(tmp, "home");
	struct copying c = { .skip_in = req->project->dir };
	const char *rel = req->project->dir + strlen(top);

	if (req->on_step)
		req->on_step(el->name, req->ctx);
	if (fs_mkdirs(home, err) < 0 || copy_tree(&c, top, copy, err) < 0)
		return -1;
	while (*rel == '/')
		rel++;
	dir = path_join(copy, rel);
	if (run_slsc(req, el, tmp, dir, profile, kinds, err) < 0)
		return -1;
	*dist = path_join(dir, "dist");
	return 0;
}

static unsigned kind_bit(const char *kind)
{
	static const char *const kinds[] = { "zip", "oci", "oci-archive", "docker-archive" };

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return 1u << i;
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
			kinds |= kind_bit(list.ptr[i].kind);
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
