/* SPDX-License-Identifier: Apache-2.0 */
#include "build/deps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "build/lock.h"
#include "os/fs.h"
#include "vcs/git.h"

static bool is_commit(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return s[n] == '\0' && (n == 40 || n == 64);
}

/* 1: in the lock; 0: not, or at another URL or ref */
static int find_locked(const struct yaml_doc *doc, const struct dependency *d, const char **commit, struct err *err)
{
	const struct ynode *deps = lock_section(doc, "dependencies");
	const struct ynode *n = deps ? ynode_get(deps, d->name.s) : NULL;
	const struct ynode *at;
	const char *git, *ref;
	CLEAN_FREE char *url = git_url_clean(d->git.s);

	if (!n || n->type != YNODE_MAP)
		return 0;
	git = lock_scalar(n, "git");
	ref = lock_scalar(n, "ref");
	if (!git || !ref || strcmp(git, url) != 0 || strcmp(ref, d->ref.s) != 0)
		return 0;
	*commit = lock_scalar(n, "commit");
	if (*commit && is_commit(*commit))
		return 1;
	/* what was locked is not quietly replaced by what the ref is today */
	at = ynode_get(n, "commit");
	at = at ? at : n;
	err_at(err, ERR_CONFIG, "slsc.lock", at->line, at->col, "dependency '%s' has no valid commit id", d->name.s);
	return err_hint(err, "restore slsc.lock, or remove the entry to lock '%s' anew", d->ref.s);
}

static void write_entry(struct buf *b, const struct dep_tree *t)
{
	CLEAN_FREE char *url = git_url_clean(t->dep->git.s);	/* no credentials under version control */

	buf_addf(b, "  %s:\n    git: ", t->dep->name.s);
	buf_add_json(b, str_from(url));
	buf_addz(b, "\n    ref: ");
	buf_add_json(b, str_from(t->dep->ref.s));
	buf_addf(b, "\n    commit: %s\n", t->commit);
}

static int by_name(const void *a, const void *b)
{
	const struct dep_tree *x = a, *y = b;

	return strcmp(x->dep->name.s, y->dep->name.s);
}

static int write_section(const char *path, const struct dep_trees *trees, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct dep_tree *sorted = xcalloc(trees->len, sizeof(*sorted));

	memcpy(sorted, trees->ptr, trees->len * sizeof(*sorted));
	qsort(sorted, trees->len, sizeof(*sorted), by_name);
	for (size_t i = 0; i < trees->len; i++)
		write_entry(&b, &sorted[i]);
	free(sorted);
	return lock_write(path, "dependencies", buf_str(&b), err);
}

static int fetch(const struct project *p, const char *cache, struct dep_tree *t, const char *ref,
		 void (*note)(const char *line), struct err *err)
{
	CLEAN_FREE char *url = git_url_clean(t->dep->git.s);
	CLEAN_FREE char *line = xasprintf("fetching %s: %s at %s", t->dep->name.s, url, ref);
	CLEAN_FREE char *tmp = xasprintf("%s/.slsc-tmp.%ld.%s", cache, (long)getpid(), t->dep->name.s);
	CLEAN_FREE char *dest = NULL;
	CLEAN_FREE char *lock = path_join(cache, "lock");
	CLEAN_FD int fd = -1;
	struct err ignored;
	int r = 0;

	if (note)
		note(line);
	if (fs_mkdirs(cache, err) < 0 || (fd = fs_lock(lock, "slsc", NULL, NULL, err)) < 0)
		return -1;
	fs_tmp_sweep(cache);
	if (git_fetch_tree(t->dep->git.s, ref, tmp, t->commit, NULL, NULL, err) < 0) {
		struct err inner = *err;

		if (inner.code == ERR_INTR)
			return -1;
		project_err(p, inner.code, t->dep->git, err, "dependency '%s': %s", t->dep->name.s, inner.msg);
		return err_hint(err, "%s", inner.hint);
	}
	dest = path_join(cache, t->commit);
	if (!fs_is_dir(dest) && rename(tmp, dest) < 0)
		r = err_sys(err, "cannot create %s", dest);
	if (fs_rmtree(tmp, &ignored) < 0 && r == 0) {
		*err = ignored;
		r = -1;
	}
	return r;
}

int deps_resolve(struct project *p, bool dry_run, void (*note)(const char *line), struct dep_trees *out,
		 struct err *err)
{
	CLEAN_FREE char *lock = lock_path(p);
	CLEAN_FREE char *home = dirs_cache();
	CLEAN_FREE char *cache = path_join(home, "git");
	struct yaml_doc doc = { 0 };
	bool stale = false;
	int r = 0;

	if (!p->ndependencies)
		return 0;
	r = lock_read(&doc, lock, err);
	for (size_t i = 0; r == 0 && i < p->ndependencies; i++) {
		struct dep_tree t = { .dep = p->dependencies[i] };
		CLEAN_FREE char *dir = NULL;
		const char *commit;
		int locked = find_locked(&doc, t.dep, &commit, err);

		if (locked < 0) {
			r = -1;
		} else if (locked) {
			snprintf(t.commit, sizeof(t.commit), "%s", commit);
			dir = path_join(cache, t.commit);
			if (!fs_is_dir(dir) && !dry_run)
				r = fetch(p, cache, &t, commit, note, err);
			if (r == 0 && strcmp(t.commit, commit) != 0)
				r = project_err(p, ERR_GIT, t.dep->git, err,
						"dependency '%s': asked for commit %s, got %s", t.dep->name.s, commit,
						t.commit);
		} else if (!dry_run) {
			stale = true;
			r = fetch(p, cache, &t, t.dep->ref.s, note, err);
			dir = path_join(cache, t.commit);
		}
		if (r == 0 && (!dir || !fs_is_dir(dir)))
			r = project_err(p, ERR_NOTFOUND, t.dep->name, err,
					"dependency '%s' is not fetched yet", t.dep->name.s);
		if (r == 0) {
			t.dir = arena_strdup(&p->arena, dir);
			VEC_PUSH(out, t);
		}
	}
	if (r == 0 && stale)
		r = write_section(lock, out, err);
	yaml_release(&doc);
	return r;
}
