/* SPDX-License-Identifier: Apache-2.0 */
#include "build/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "build/template.h"
#include "config/project.h"
#include "os/fs.h"
#include "os/proc.h"

#define NAME_MAX_LEN 64u
#define TMP_PREFIX ".slsc-tmp.init."

char *init_name(const char *base)
{
	char *name = xmalloc(NAME_MAX_LEN + sizeof("app"));
	size_t n = 0;

	for (const char *s = base; *s && n < NAME_MAX_LEN; s++) {
		char c = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			name[n++] = c;
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	if (!n)
		memcpy(name, "app", sizeof("app"));
	return name;
}

static int check_name(const char *name, struct err *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (n && n <= NAME_MAX_LEN && !name[n] && name[0] != '-' && name[0] != '_')
		return 0;
	err_set(err, ERR_USAGE, "'%s' cannot be a project's name", name);
	return err_hint(err, "a name has 1 to 64 of a-z, 0-9, - and _, and begins with a letter or digit");
}

/* One run: where to, what from, and what was made so far. */
struct init {
	const struct init_opts *opts;
	struct template t;
	char *dir;		/* cleaned */
	bool exists;		/* before us */
	char *tmp;		/* where the files are prepared, or NULL */
	int lock;		/* held on tmp, or -1 */
	struct strs made;	/* in an existing directory: what to take back */
	struct init_result *out;
};

static void release(struct init *in)
{
	struct err ignored;

	if (in->tmp && fs_rmtree(in->tmp, &ignored) < 0)
		ignored.code = ERR_NONE; /* sweep() tries again */
	if (in->lock >= 0)
		close(in->lock);
	free(in->tmp);
	free(in->dir);
	strs_release(&in->made);
	template_release(&in->t);
}

/* What a clone of a new repository has: git's own, and what its host puts there. */
static bool is_of_clone(const char *name)
{
	static const char *const names[] = { ".git", ".gitattributes", ".gitignore", "LICENSE", "README.md" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int look_at_dir(struct init *in, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	struct stat st;

	if (stat(in->dir, &st) < 0) {
		if (errno != ENOENT)
			return err_sys(err, "cannot read %s", in->dir);
		if (lstat(in->dir, &st) == 0)
			return err_set(err, ERR_EXISTS, "'%s' is a symlink to nothing", in->dir);
		return 0;
	}
	in->exists = true;
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_EXISTS, "'%s' is not a directory", in->dir);
	if (in->opts->force)
		return 0;
	if (fs_list(in->dir, &names, err) < 0)
		return -1;
	VEC_EACH(&names, n) {
		if (is_of_clone(*n))
			continue;
		err_set(err, ERR_EXISTS, "'%s' is not empty", in->dir);
		return err_hint(err, "use --force to add the template's files; it overwrites nothing");
	}
	return 0;
}

static int choose_name(struct init *in, struct err *err)
{
	CLEAN_FREE char *real = NULL;

	if (in->opts->name) {
		if (check_name(in->opts->name, err) < 0)
			return -1;
		in->out->name = xstrdup(in->opts->name);
		return 0;
	}
	if (in->exists) {
		real = realpath(in->dir, NULL);
		if (!real)
			return err_sys(err, "cannot read %s", in->dir);
	}
	in->out->name = init_name(path_basename(real ? real : in->dir));
	return 0;
}

/* what is there already */

static bool same_file(const struct init *in, const struct template_entry *e, const char *path)
{
	CLEAN_FREE char *from = path_join(in->t.dir, e->path);
	struct fs_map a, b = { 0 };
	struct str want;
	struct err ignored;
	bool same;

	if (fs_map_open(&a, path, TEMPLATE_MAX_BYTES, &ignored) < 0)
		return false;
	if (e->config) {
		want = buf_str(&in->t.config);
	} else if (fs_map_open(&b, from, TEMPLATE_MAX_BYTES, &ignored) == 0) {
		want = (struct str){ (const char *)b.ptr, b.len };
	} else {
		fs_map_close(&a);
		return false;
	}
	same = a.len == want.len && memcmp(a.ptr, want.ptr, want.len) == 0;
	fs_map_close(&a);
	fs_map_close(&b);
	return same;
}

static bool same_link(const struct template_entry *e, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	return n >= 0 && (size_t)n == strlen(e->target) && memcmp(target, e->target, (size_t)n) == 0;
}

/* 1: it is there and the same; 0: there is nothing; -1: something else is in the way */
static int compare(const struct init *in, const struct template_entry *e)
{
	CLEAN_FREE char *path = path_join(in->dir, e->path);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -1;
	switch (e->type) {
	case TEMPLATE_DIR:
		return S_ISDIR(st.st_mode) ? 1 : -1;
	case TEMPLATE_FILE:
		return S_ISREG(st.st_mode) && same_file(in, e, path) ? 1 : -1;
	case TEMPLATE_LINK:
		return S_ISLNK(st.st_mode) && same_link(e, path) ? 1 : -1;
	}
	BUG("unknown template entry %d", (int)e->type);
}

static int refuse_clashes(const struct init *in, const struct strs *clashes, struct err *err)
{
	CLEAN_BUF struct buf list = BUF_INIT;

	for (size_t i = 0; i < clashes->len; i++) {
		if (list.len + strlen(clashes->ptr[i]) > 800) {
			buf_addf(&list, ", and %zu more", clashes->len - i);
			break;
		}
		buf_addf(&list, "%s%s", i ? ", " : "", clashes->ptr[i]);
	}
	err_set(err, ERR_EXISTS, "'%.100s' has other files where the template has its own: %s", in->dir,
		list.ptr);
	return err_hint(err, "nothing was written; move them away, or choose another directory");
}

/* Sort the template's files into those to create and those to keep; a directory that is there is neither. */
static int plan(struct init *in, struct err *err)
{
	CLEAN_STRS struct strs clashes = { 0 };
	const char *blocked = NULL;	/* a directory that cannot be: what is below it is not looked at */

	VEC_EACH(&in->t.entries, e) {
		size_t n = blocked ? strlen(blocked) : 0;
		int there;

		if (n && strncmp(e->path, blocked, n) == 0 && e->path[n] == '/')
			continue;
		there = in->exists ? compare(in, e) : 0;
		if (there < 0) {
			strs_add(&clashes, e->path);
			blocked = e->type == TEMPLATE_DIR ? e->path : blocked;
		} else if (e->type != TEMPLATE_DIR) {
			strs_add(there ? &in->out->kept : &in->out->created, e->path);
		}
	}
	return clashes.len ? refuse_clashes(in, &clashes, err) : 0;
}

static bool is_kept(const struct init *in, const char *path)
{
	for (size_t i = 0; i < in->out->kept.len; i++)
		if (strcmp(in->out->kept.ptr[i], path) == 0)
			return true;
	return false;
}

/* write */

static int write_entry(const struct init *in, const struct template_entry *e, const char *to,
		       struct err *err)
{
	CLEAN_FREE char *from = path_join(in->t.dir, e->path);
	mode_t mode = e->exec ? 0755 : 0644;

	switch (e->type) {
	case TEMPLATE_DIR:
		return fs_mkdirs(to, err);
	case TEMPLATE_LINK:
		return symlink(e->target, to) < 0 ? err_sys(err, "cannot write %s", to) : 0;
	case TEMPLATE_FILE:
		if (e->config)
			return fs_write_file(to, in->t.config.ptr, in->t.config.len, mode, err);
		return fs_copy(from, to, mode, true, err);
	}
	BUG("unknown template entry %d", (int)e->type);
}

/* A message is about where the file was to be, not about the place where it is prepared. */
static int rename_error(const struct init *in, const char *path, struct err *err)
{
	CLEAN_FREE char *to = path_join(in->dir, path);

	if (!err->sys || !strstr(err->msg, in->tmp))
		return -1;
	errno = err->sys;
	return err_sys(err, "cannot write %s", to);
}

static int stage(const struct init *in, const char *to, struct err *err)
{
	if (fs_mkdirs(to, err) < 0)
		return -1;
	VEC_EACH(&in->t.entries, e) {
		CLEAN_FREE char *path = path_join(to, e->path);

		if (sig_check(err) < 0)
			return -1;
		if (!is_kept(in, e->path) && write_entry(in, e, path, err) < 0)
			return rename_error(in, e->path, err);
	}
	return 0;
}

/*
 * What a killed run has left in @where. A run holds a lock on its directory: one that can be had is nobody's.
 */
static void sweep(const char *where)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored;

	if (fs_list(where, &names, &ignored) < 0)
		return;
	VEC_EACH(&names, n) {
		CLEAN_FREE char *path = path_join(where, *n);
		CLEAN_FD int fd = -1;

		if (!starts_with(*n, TMP_PREFIX))
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fs_rmtree(path, &ignored) < 0)
			continue; /* the next run tries again */
	}
}

/* Between the making and the lock a sweep may take it away. */
static bool hold(struct init *in)
{
	struct stat held, there;

	in->lock = open(in->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in->lock >= 0 && flock(in->lock, LOCK_EX) == 0 && fstat(in->lock, &held) == 0 &&
	    lstat(in->tmp, &there) == 0 && held.st_ino == there.st_ino)
		return true;
	if (in->lock >= 0)
		close(steal_fd(&in->lock));
	return false;
}

static int make_tmp(struct init *in, const char *where, struct err *err)
{
	sweep(where);
	for (int tries = 0; tries < 3; tries++) {
		in->tmp = path_join(where, TMP_PREFIX "XXXXXX");
		if (mkdtemp(in->tmp) && hold(in))
			return 0;
		err_sys(err, "cannot write in %s", where);
		free(steal(&in->tmp));
	}
	return -1;
}

/* The first of the parts that do not exist takes its place with all that is below it. */
static int create_dir(struct init *in, struct err *err)
{
	CLEAN_FREE char *top = xstrdup(in->dir);
	CLEAN_FREE char *above = path_dirname(top);
	CLEAN_FREE char *first = NULL;
	CLEAN_FREE char *to = NULL;
	struct stat st;

	while (lstat(above, &st) < 0 && errno == ENOENT) {
		free(top);
		top = steal(&above);
		above = path_dirname(top);
	}
	if (make_tmp(in, above, err) < 0)
		return -1;
	first = path_join(in->tmp, path_basename(top));
	to = xasprintf("%s%s", first, in->dir + strlen(top));
	if (stage(in, to, err) < 0)
		return -1;
	/* An empty directory that came meanwhile is replaced, nothing else. */
	if (rename(first, top) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
		return err_set(err, ERR_EXISTS, "'%s' exists", top);
	return err_sys(err, "cannot write %s", top);
}

static int move(const char *from, const char *to, struct err *err)
{
	struct stat st;

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* a file system that does not know the flag */
	if (errno == EINVAL && lstat(to, &st) < 0 && errno == ENOENT && rename(from, to) == 0)
		return 0;
	return err_sys(err, "cannot write %s", to);
}

static int settle(struct init *in, const struct template_entry *e, struct err *err)
{
	CLEAN_FREE char *from = path_join(in->tmp, e->path);
	CLEAN_FREE char *to = path_join(in->dir, e->path);
	int r;

	if (is_kept(in, e->path))
		return 0;
	if (e->type == TEMPLATE_DIR) {
		r = mkdir(to, 0777);
		if (r < 0 && errno == EEXIST)
			return 0;
		if (r < 0)
			return err_sys(err, "cannot write %s", to);
	} else if (move(from, to, err) < 0) {
		return -1;
	}
	strs_add(&in->made, to);
	return 0;
}

/* slsc.yaml last: what has it is a project. */
static int fill_dir(struct init *in, struct err *err)
{
	int r;

	if (make_tmp(in, in->dir, err) < 0)
		return -1;
	r = stage(in, in->tmp, err);
	for (int config = 0; config < 2; config++)
		for (size_t i = 0; r == 0 && i < in->t.entries.len; i++)
			if (in->t.entries.ptr[i].config == (bool)config)
				r = settle(in, &in->t.entries.ptr[i], err);
	while (r < 0 && in->made.len) {
		char *path = in->made.ptr[--in->made.len];

		if (unlink(path) < 0)
			rmdir(path);
		free(path);
	}
	return r;
}

/* template_load() has checked it. */
static bool has_lambda(const struct init *in)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err err;
	bool any = false;

	if (project_parse(&p, "slsc.yaml", in->dir, in->t.config.ptr, in->t.config.len, &err) < 0)
		BUG("%s", err.msg);
	for (size_t i = 0; i < p.nfunctions; i++)
		any |= p.functions[i]->runtime == RUNTIME_LAMBDA;
	return any;
}

static int run(struct init *in, struct err *err)
{
	const struct init_opts *o = in->opts;
	struct init_result *out = in->out;

	if (look_at_dir(in, err) < 0 || choose_name(in, err) < 0 ||
	    template_load(&in->t, o->template ? o->template : "hello", out->name, o->progress, o->ctx,
			  err) < 0 ||
	    plan(in, err) < 0)
		return -1;
	out->dir = xstrdup(in->dir);
	out->template = xstrdup(in->t.shown);
	memcpy(out->commit, in->t.commit, sizeof(out->commit));
	out->lambda = has_lambda(in);
	if (o->dry_run || out->created.len == 0)
		return 0;
	return in->exists ? fill_dir(in, err) : create_dir(in, err);
}

int init_project(const struct init_opts *opts, struct init_result *out, struct err *err)
{
	struct init in = { .opts = opts,
			   .dir = path_clean(opts->dir ? opts->dir : "."),
			   .lock = -1,
			   .out = out };
	int r;

	*out = (struct init_result){ 0 };
	in.t.config = (struct buf)BUF_INIT;
	r = run(&in, err);
	release(&in);
	if (r < 0)
		init_result_release(out);
	return r;
}

void init_result_release(struct init_result *r)
{
	free(r->dir);
	free(r->name);
	free(r->template);
	strs_release(&r->created);
	strs_release(&r->kept);
	*r = (struct init_result){ 0 };
}
