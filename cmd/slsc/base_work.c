/* SPDX-License-Identifier: Apache-2.0 */
#include "base_work.h"

#include <string.h>

#include "base/mem.h"
#include "build/lock.h"
#include "cli/out.h"
#include "os/fs.h"
#include "ui.h"

void base_work_release(struct base_work *w)
{
	if (w->has_project)
		project_release(&w->project);
	bases_release(&w->bases);
	free(w->lock);
	clean_fd_(&w->held);
}

int base_work_init(struct base_work *w, const struct base_ctx *c, struct err *err)
{
	bool want[ARCH_COUNT] = { false };

	*w = (struct base_work){ .held = -1 };
	if (project_load(&w->project, NULL, err) == 0)
		w->has_project = true;
	else if (err->code != ERR_NOTFOUND)
		return -1;
	w->lock = w->has_project ? lock_path(&w->project) : xstrdup("slsc.lock");
	for (size_t i = 0; i < c->arches.len; i++)
		want[arch_parse(c->arches.ptr[i])] = true;
	for (int a = 0; a < ARCH_COUNT; a++)
		if (want[a] || !c->arches.len)
			w->arch[w->narches++] = (enum arch)a;
	return bases_load(&w->bases, NULL, err);
}

/* Whoever writes slsc.lock holds the project, or, without one, all bases. */
int base_work_hold(struct base_work *w, const char *who, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *dir = path_join(cache, "apt"), *file = path_join(dir, "lock");

	if (w->has_project)
		w->held = build_lock(&w->project, who, ui_waiting, NULL, err);
	else if (fs_mkdirs(dir, err) == 0)
		w->held = fs_lock(file, who, ui_waiting, NULL, err);
	return w->held < 0 ? -1 : 0;
}

int base_work_find(const struct base_work *w, const char *text, struct base_variant *v, struct err *err)
{
	const char *names[64];
	CLEAN_FREE char *name = xstrndup(text, strcspn(text, ":"));
	const char *near;
	size_t n = 0;
	int r = bases_parse(&w->bases, text, v, err);

	if (r)
		return r < 0 ? -1 : 0;
	if (strchr(text, '/')) {
		err_set(err, ERR_USAGE, "'%.200s' is an image, and no base made from Debian packages", text);
		return err_hint(err, "`slsc base list` shows those; an image is locked in slsc.lock when a project "
				     "whose slsc.yaml names it is packaged");
	}
	for (size_t i = 0; i < w->bases.len && n < ARRAY_LEN(names); i++)
		names[n++] = w->bases.ptr[i].name;
	near = str_closest(name, names, n);
	err_set(err, ERR_NOTFOUND, "there is no base '%s'", name);
	return near ? err_hint(err, "did you mean '%s'?", near) : err_hint(err, "`slsc base list` shows them");
}

void base_work_note(const char *line)
{
	out_note("%s", line);
}
