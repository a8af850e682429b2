/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts and wrappers of functions that build themselves. */
#include "base/mem.h"
#include "build/graph.h"
#include "os/fs.h"

static int write_wrappers(const struct graph *g, const struct target *t, bool *changed, struct err *err)
{
	for (int cxx = 0; cxx < 2; cxx++) {
		CLEAN_BUF struct buf text = BUF_INIT;
		CLEAN_FREE char *name = graph_wrapper_path(t, cxx);
		CLEAN_FREE char *path = path_join(g->p->dir, name);
		CLEAN_FREE char *dir = path_dirname(path);
		bool one;

		graph_wrapper(g, t->tc, cxx, &text);
		if (fs_mkdirs(dir, err) < 0 || fs_write_if_changed(path, buf_str(&text), 0755, &one, err) < 0)
			return -1;
		*changed |= one;
	}
	return 0;
}

static int write_command(const struct graph *g, const struct target *t, bool *wrapper, bool *any, struct err *err)
{
	CLEAN_FREE char *objdir = path_join(g->p->dir, t->objdir);
	CLEAN_FREE char *script = path_join(objdir, "command.sh");
	CLEAN_FREE char *build_dir = path_join(objdir, "build");
	CLEAN_BUF struct buf text = BUF_INIT;
	bool changed;

	if (write_wrappers(g, t, wrapper, err) < 0 || fs_mkdirs(objdir, err) < 0)
		return -1;
	graph_command(g, t, &text);
	if (fs_write_if_changed(script, buf_str(&text), 0644, &changed, err) < 0)
		return -1;
	*any |= changed || *wrapper;
	/* cmake and configure keep the flags of their first run */
	return changed || *wrapper ? fs_rmtree(build_dir, err) : 0;
}

int commands_write(const struct graph *g, bool *changed, struct err *err)
{
	bool wrapper[ARCH_ALL] = { false };

	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];

		if (t->fn->build_command.s && !t->tc->nmissing && !t->refused &&
		    write_command(g, t, &wrapper[t->arch], changed, err) < 0)
			return -1;
	}
	return 0;
}

static bool differs(const struct graph *g, const char *name, const struct buf *text)
{
	CLEAN_FREE char *path = path_join(g->p->dir, name);
	CLEAN_BUF struct buf now = BUF_INIT;
	struct err ignored;

	return fs_read(path, text->len, &now, &ignored) < 0 || !str_eq(buf_str(&now), buf_str(text));
}

void commands_mark(const struct graph *g)
{
	for (size_t i = 0; i < g->ntargets; i++) {
		struct target *t = &g->targets[i];
		CLEAN_FREE char *script = xasprintf("%s/command.sh", t->objdir);
		CLEAN_BUF struct buf text = BUF_INIT;

		if (!t->fn->build_command.s || t->tc->nmissing || t->refused)
			continue;
		graph_command(g, t, &text);
		t->rewritten = differs(g, script, &text);
		for (int cxx = 0; cxx < 2; cxx++) {
			CLEAN_FREE char *name = graph_wrapper_path(t, cxx);

			buf_reset(&text);
			graph_wrapper(g, t->tc, cxx, &text);
			t->rewritten |= differs(g, name, &text);
		}
	}
}
