/* SPDX-License-Identifier: Apache-2.0 */
#include "report/elsewhere.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

static const char *const kind_names[] = { "zip", "oci", "oci-archive", "docker-archive", "workers" };
static const char *const kind_flags[] = { "--zip", "--oci", "--oci-archive", "--docker-archive",
					   "--workers" };

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
	if (c->files > ELSEWHERE_MAX_FILES || c->bytes > ELSEWHERE_MAX_BYTES) {
		err_set(err, ERR_LIMIT,
			"limit exceeded: the project and its git work tree are more than %u files or 4 GB",
			ELSEWHERE_MAX_FILES);
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

char *elsewhere_top(const char *dir)
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

int elsewhere_copy(const char *project, const char *to, char **dir, struct err *err)
{
	CLEAN_FREE char *top = elsewhere_top(project);
	struct copying c = { .skip_in = project };

	if (copy_tree(&c, top, to, err) < 0)
		return -1;
	*dir = elsewhere_dir(project, to);
	return 0;
}

char *elsewhere_dir(const char *project, const char *to)
{
	CLEAN_FREE char *top = elsewhere_top(project);
	const char *rel = project + strlen(top);

	while (*rel == '/')
		rel++;
	return path_join(to, rel);
}

unsigned elsewhere_kind(const char *kind)
{
	for (unsigned i = 0; i < ARRAY_LEN(kind_names); i++)
		if (strcmp(kind, kind_names[i]) == 0)
			return 1u << i;
	return 0;
}

/* What the build said, if it failed: its last error for the message, and all of it for the user. */
static int build_failed(const struct elsewhere *e, const struct buf *output, struct err *err)
{
	const char *last = NULL;

	for (const char *p = output->ptr; (p = strstr(p, "error: ")) != NULL; p++)
		if (p == output->ptr || p[-1] == '\n')
			last = p + strlen("error: ");
	if (e->on_output)
		e->on_output(output->ptr, output->len, e->ctx);
	return err_set(err, ERR_BUILD, "the build of %s failed: %.*s", e->name, last ? (int)strcspn(last, "\n") : 9,
		       last ? last : "see above");
}

static void add_option(struct strs *argv, const char *name, const char *val)
{
	if (!val)
		return;
	strs_add(argv, name);
	strs_add(argv, val);
}

int elsewhere_package(const struct elsewhere *e, const char *dir, struct err *err)
{
	CLEAN_FREE char *self = dirs_self(), *cache = dirs_cache(), *home = xasprintf("HOME=%s", e->home);
	CLEAN_FREE char *cache_env = xasprintf("SLSC_CACHE_DIR=%s", cache);
	/* what is not said is at the end, and ends the list */
	const char *const env[] = { home, cache_env, e->tz, e->locale, NULL };
	CLEAN_STRS struct strs argv = { 0 };
	CLEAN_BUF struct buf made = BUF_INIT, output = BUF_INIT;
	const struct proc_opts opts = { .dir = dir, .env = env, .null_stdin = true, .out = &made, .errout = &output,
					.die_with_us = true };
	int status = 0, r;
	mode_t old;

	strs_add(&argv, self);
	strs_add(&argv, "package");
	for (size_t i = 0; i < ARRAY_LEN(kind_flags); i++)
		if (e->kinds >> i & 1u)
			strs_add(&argv, kind_flags[i]);
	add_option(&argv, "--profile", e->profile);
	add_option(&argv, "--level", e->level);
	add_option(&argv, "--compression", e->compression);
	for (size_t i = 0; e->bases && i < e->bases->len; i++)
		add_option(&argv, "--base", e->bases->ptr[i]);
	strs_add(&argv, "--quiet");
	strs_add(&argv, "--");
	for (size_t i = 0; e->functions && i < e->functions->len; i++)
		strs_add(&argv, e->functions->ptr[i]);
	old = umask(e->umask);
	r = proc_run((const char *const *)strs_argv(&argv), &opts, &status, err);
	umask(old);
	return r < 0 ? -1 : status ? build_failed(e, &output, err) : 0;
}
