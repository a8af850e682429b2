/* SPDX-License-Identifier: Apache-2.0 */
/* What differs over a range of revisions. */
#include "vcs/module_git.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "os/proc.h"

struct range {
	const struct git_range *r;
	git_repository *repo;
	git_index *index; /* of the work tree; NULL: two trees */
	const char *rel;  /* the project below the work tree, "" or ending with a slash */
	struct err *err;
};

/* A clone of CI has but the last commit: what is older was never fetched. */
static int hint_missing(git_repository *repo, struct err *err)
{
	if (git_repository_is_shallow(repo) == 1)
		return err_hint(err, "this clone is shallow: fetch its history (fetch-depth: 0 of actions/checkout, "
				     "GIT_DEPTH: 0 of GitLab, or git fetch --unshallow)");
	return err_hint(err, "'git log --oneline' lists those there are; 'git fetch' brings a branch of the remote");
}

/* @type: what is wanted of it: a commit, or the tree that can be compared. */
static int find_side(const struct range *x, const char *rev, git_object_t type, git_object **out)
{
	CLEANUP(free_object) git_object *any = NULL;
	int r = git_revparse_single(&any, x->repo, rev);

	if (r == GIT_EAMBIGUOUS)
		return err_set(x->err, ERR_NOTFOUND, "%s: commit id '%s' is ambiguous", x->r->root, rev);
	if (r == 0 && git_object_peel(out, any, type) == 0)
		return 0;
	err_set(x->err, ERR_NOTFOUND, "%s: there is no commit '%s'", x->r->root, rev);
	return hint_missing(x->repo, x->err);
}

static int find_base(const struct range *x, git_object **out)
{
	CLEANUP(free_object) git_object *a = NULL;
	CLEANUP(free_object) git_object *b = NULL;
	CLEANUP(free_commit) git_commit *base = NULL;
	git_oid id;

	if (find_side(x, x->r->from, GIT_OBJECT_COMMIT, &a) < 0 || find_side(x, x->r->to, GIT_OBJECT_COMMIT, &b) < 0)
		return -1;
	if (git_merge_base(&id, x->repo, git_object_id(a), git_object_id(b)) == 0 &&
	    git_commit_lookup(&base, x->repo, &id) == 0)
		return git_commit_tree((git_tree **)out, base) < 0 ? module_git_fail(x->err, "%s", x->r->root) : 0;
	err_set(x->err, ERR_NOTFOUND, "%s: '%s' and '%s' have no commit in common", x->r->root, x->r->from, x->r->to);
	return hint_missing(x->repo, x->err);
}

static int on_progress(const git_diff *sofar, const char *before, const char *after, void *ctx)
{
	(void)sofar;
	(void)before;
	(void)after;
	(void)ctx;
	return sig_number() ? -1 : 0;
}

/* @path, of the work tree, as it is named in the project. */
static char *from_project(const char *rel, const char *path)
{
	struct buf b = BUF_INIT;
	size_t common = 0;

	for (size_t i = 0; rel[i] && rel[i] == path[i]; i++)
		if (rel[i] == '/')
			common = i + 1;
	for (const char *s = rel + common; *s; s++)
		if (*s == '/')
			buf_addz(&b, "../");
	buf_addz(&b, path + common);
	return buf_detach(&b);
}

/* Staged, and then put back in the work tree: of two differences, one that is none. */
static bool is_put_back(const struct range *x, const git_diff_delta *d)
{
	const git_index_entry *e;
	git_oid now;

	if (!x->index || d->status != GIT_DELTA_MODIFIED || d->old_file.mode != d->new_file.mode ||
	    (d->old_file.mode != GIT_FILEMODE_BLOB && d->old_file.mode != GIT_FILEMODE_BLOB_EXECUTABLE))
		return false;
	e = git_index_get_bypath(x->index, d->new_file.path, 0);
	if (!e || git_oid_equal(&e->id, &d->old_file.id))
		return false;
	return git_repository_hashfile(&now, x->repo, d->new_file.path, GIT_OBJECT_BLOB, NULL) == 0 &&
	       git_oid_equal(&now, &d->old_file.id);
}

static void add_path(const struct range *x, const char *path, bool below)
{
	char *own;

	if (module_git_is_output(x->rel, path))
		return;
	own = from_project(x->rel, path);
	if (below && !ends_with(own, "/")) {
		char *dir = xasprintf("%s/", own);

		free(own);
		own = dir;
	}
	strs_take(&x->r->out->paths, own);
}

/* What is read through it may be another thing, now or before. */
static bool leads_on(uint16_t mode)
{
	return mode == GIT_FILEMODE_COMMIT || mode == GIT_FILEMODE_LINK;
}

static int collect(const struct range *x, git_diff *diff)
{
	const size_t n = git_diff_num_deltas(diff);

	if (n > GIT_CHANGES_MAX)
		return err_set(x->err, ERR_LIMIT, "limit exceeded: more than %u files differ", GIT_CHANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		const git_diff_delta *d = git_diff_get_delta(diff, i);
		const bool below = leads_on(d->old_file.mode) || leads_on(d->new_file.mode);

		if (d->status == GIT_DELTA_UNMODIFIED || is_put_back(x, d) ||
		    (x->index && module_git_is_sparse(x->index, d)))
			continue;
		add_path(x, d->new_file.path ? d->new_file.path : d->old_file.path, below);
	}
	return 0;
}

static int compare(struct range *x, git_tree *before, git_tree *after)
{
	CLEANUP(free_index) git_index *index = NULL;
	CLEANUP(free_diff) git_diff *diff = NULL;
	git_diff_options o;
	int r;

	git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
	o.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS | GIT_DIFF_INCLUDE_TYPECHANGE |
		  GIT_DIFF_INCLUDE_UNREADABLE | GIT_DIFF_SKIP_BINARY_CHECK;
	o.progress_cb = on_progress;
	if (after) {
		r = git_diff_tree_to_tree(&diff, x->repo, before, after, &o);
	} else {
		if (git_repository_index(&index, x->repo) < 0)
			return module_git_fail(x->err, "cannot read the git index of %s", x->r->root);
		x->index = index;
		r = git_diff_tree_to_workdir_with_index(&diff, x->repo, before, &o);
	}
	if (r < 0)
		return module_git_fail(x->err, "cannot compare %s with '%s'", x->r->root, x->r->from);
	r = collect(x, diff);
	x->index = NULL;
	return r;
}

/* The text of a file of a tree; what is no file there is not there. */
static int read_side(const struct range *x, git_tree *tree, const char *name, struct git_side *out)
{
	CLEAN_FREE char *path = xasprintf("%s%s", x->rel, name);
	CLEANUP(free_tree_entry) git_tree_entry *e = NULL;
	CLEANUP(free_blob) git_blob *blob = NULL;

	if (git_tree_entry_bypath(&e, tree, path) < 0 || git_tree_entry_type(e) != GIT_OBJECT_BLOB)
		return 0;
	if (git_blob_lookup(&blob, x->repo, git_tree_entry_id(e)) < 0)
		return module_git_fail(x->err, "%s", path);
	if (git_blob_rawsize(blob) > (git_object_size_t)GIT_FILE_MAX)
		return err_set(x->err, ERR_LIMIT, "%s: limit exceeded: a file of more than 256 MB", path);
	out->len = (size_t)git_blob_rawsize(blob);
	out->text = xmalloc(out->len + 1);
	memcpy(out->text, git_blob_rawcontent(blob), out->len);
	out->text[out->len] = '\0';
	return 0;
}

static int read_sides(const struct range *x, git_tree *before, git_tree *after)
{
	for (size_t i = 0; i < x->r->out->nfiles; i++) {
		struct git_sides *s = &x->r->out->files[i];

		if (read_side(x, before, x->r->names[i], &s->before) < 0 ||
		    (after && read_side(x, after, x->r->names[i], &s->after) < 0))
			return -1;
	}
	return 0;
}

int module_git_changes(const struct git_range *r, struct err *err)
{
	CLEANUP(free_repository) git_repository *repo = NULL;
	CLEANUP(free_object) git_object *before = NULL;
	CLEANUP(free_object) git_object *after = NULL;
	CLEAN_FREE char *full = xasprintf("%s/", strcmp(r->dir, "/") == 0 ? "" : r->dir);
	struct range x = { .r = r, .err = err };
	const char *top;

	module_git_start();
	if (git_repository_open_ext(&repo, r->root, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		return module_git_fail(err, "cannot open the git repository of %s", r->root);
	x.repo = repo;
	top = git_repository_workdir(repo);
	if (!top || !starts_with(full, top))
		return err_set(err, ERR_NOTFOUND, "%s: is in no work tree of a git repository", r->dir);
	x.rel = full + strlen(top);
	if (r->merge_base ? find_base(&x, &before) < 0 : find_side(&x, r->from, GIT_OBJECT_TREE, &before) < 0)
		return -1;
	if (r->to && find_side(&x, r->to, GIT_OBJECT_TREE, &after) < 0)
		return -1;
	if (compare(&x, (git_tree *)before, (git_tree *)after) < 0)
		return -1;
	return read_sides(&x, (git_tree *)before, (git_tree *)after);
}
