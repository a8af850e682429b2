/* SPDX-License-Identifier: Apache-2.0 */
#include "report/then.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/digest.h"
#include "os/fs.h"
#include "report/elsewhere.h"
#include "vcs/git.h"

#define USUAL_UMASK 022

/* What the user packages, by what is in dist/. */
static int choose(const struct project *p, struct elsewhere *e, struct dist *list, struct err *err)
{
	if (dist_read(list, p->dir, err) < 0)
		return -1;
	for (size_t i = 0; i < list->len; i++) {
		e->kinds |= elsewhere_kind(list->ptr[i].kind);
		if (!e->profile)
			e->profile = list->ptr[i].profile;
		else if (list->ptr[i].profile && strcmp(list->ptr[i].profile, e->profile) != 0)
			return err_set(err, ERR_USAGE, "dist/ has artifacts of two profiles: %s and %s", e->profile,
				       list->ptr[i].profile);
	}
	if (!e->kinds)
		e->kinds = elsewhere_kind("zip") | elsewhere_kind("oci");
	return 0;
}

/* One directory for each project: a run that was killed leaves nothing that the next one does not take away. */
static int take_dir(struct then *t, const struct project *p, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *all = path_join(cache, "diff"), *lock = NULL;
	struct digest id;

	if (digest_of(p->dir, strlen(p->dir), &id, err) < 0 || fs_mkdirs(all, err) < 0)
		return -1;
	t->dir = xasprintf("%s/%.16s", all, digest_hex(&id));
	lock = xasprintf("%s.lock", t->dir);
	t->lock = fs_lock(lock, "slsc diff", NULL, NULL, err);
	if (t->lock < 0 || fs_rmtree(t->dir, err) < 0)
		return -1;
	return fs_mkdirs(t->dir, err);
}

static void step(const struct then_hooks *h, const char *what)
{
	if (h->on_step)
		h->on_step(what, h->ctx);
}

int then_make(struct then *t, const struct project *p, const char *rev, const struct then_hooks *hooks, struct err *err)
{
	CLEAN_DIST struct dist list = { .dir = NULL };
	CLEAN_FREE char *then = NULL, *now = NULL, *home = NULL, *old = NULL, *new = NULL;
	struct elsewhere e = { .umask = USUAL_UMASK, .on_output = hooks->on_output, .ctx = hooks->ctx };

	if (choose(p, &e, &list, err) < 0 || take_dir(t, p, err) < 0)
		return -1;
	/* names of one length: a path that gets into a binary is no change */
	then = path_join(t->dir, "then");
	now = path_join(t->dir, "now_");
	home = path_join(t->dir, "home");
	e.home = home;
	step(hooks, rev);
	if (fs_mkdirs(home, err) < 0 || git_checkout(p->dir, rev, then, t->commit, err) < 0)
		return -1;
	old = elsewhere_dir(p->dir, then);
	e.name = rev;
	if (!fs_is_dir(old))
		return err_set(err, ERR_NOTFOUND, "%s: the project was not there yet", rev);
	if (elsewhere_package(&e, old, err) < 0)
		return -1;
	step(hooks, "the present");
	e.name = "a copy of the work tree";
	if (elsewhere_copy(p->dir, now, &new, err) < 0 || elsewhere_package(&e, new, err) < 0)
		return -1;
	if (dist_read(&t->before, old, err) < 0 || dist_read(&t->after, new, err) < 0)
		return -1;
	return 0;
}

void then_release(struct then *t)
{
	struct err ignored;

	dist_release(&t->before);
	dist_release(&t->after);
	if (t->dir && t->lock >= 0 && fs_rmtree(t->dir, &ignored) < 0)
		ignored.code = ERR_NONE;	/* the next run takes it away */
	if (t->lock >= 0)
		close(t->lock);
	free(t->dir);
	*t = (struct then)THEN_INIT;
}
