/* SPDX-License-Identifier: Apache-2.0 */
/* Functions × arches: which files, which toolchain, which names. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "build/graph.h"
#include "os/fs.h"

const char *handler_of(const struct function *f)
{
	return f->handler.s ? f->handler.s : "handler";
}

char *build_binary_path(const char *profile, enum arch arch, const char *function)
{
	return xasprintf(".slsc/%s/%s/%s", profile, arch_name(arch), function);
}

static int find_toolchain(struct graph *g, const char *name, enum arch arch, struct toolchain **out,
			  struct err *err)
{
	struct toolchain *tc;

	for (size_t i = 0; i < g->ntoolchains; i++) {
		tc = g->toolchains[i];
		if (tc->arch == arch && strcmp(tc->name, name) == 0) {
			*out = tc;
			return 0;
		}
	}
	tc = arena_new(&g->arena, struct toolchain);
	if (toolchain_resolve(&g->arena, g->p, name, arch, tc, err) < 0)
		return -1;
	if (g->ntoolchains == g->captoolchains) {
		g->captoolchains = g->captoolchains ? g->captoolchains * 2 : 4;
		g->toolchains = xrealloc(g->toolchains, g->captoolchains * sizeof(struct toolchain *));
	}
	g->toolchains[g->ntoolchains++] = tc;
	*out = tc;
	return 0;
}

static bool links_as_it_is(const char *src)
{
	return ends_with(src, ".o") || ends_with(src, ".a");
}

static int expand_sources(const struct graph *g, const struct function *f, struct strs *sources,
			  struct err *err)
{
	for (size_t i = 0; i < f->sources.len; i++) {
		struct lstr pattern = f->sources.ptr[i];
		CLEAN_STRS struct strs found = { 0 };

		if (project_glob(g->p, pattern, &found, err) < 0)
			return -1;
		VEC_EACH(&found, s) {
			bool twice = false;

			VEC_EACH(sources, have)
				twice |= strcmp(*have, *s) == 0;
			if (twice)
				continue;
			if (!ends_with(*s, ".c") && !ends_with(*s, ".S") && !ends_with(*s, ".s") &&
			    !links_as_it_is(*s)) {
				project_err(g->p, ERR_CONFIG, pattern, err, "'%s' is no C source", *s);
				return err_hint(err, "sources are .c, .S, .s, .o and .a files; for another "
						     "language use build: {command: ...}");
			}
			strs_take(sources, steal(s));
		}
		/* the stolen ones are NULL now: release passes over them */
	}
	/* Sorted, so that the order of the directory or of the patterns does not reach the binary. */
	strs_sort(sources);
	return 0;
}

static bool covers(const struct lstrs *arches, enum arch arch)
{
	if (!arches->len)
		return true;
	for (size_t i = 0; i < arches->len; i++)
		if (arch_parse(arches->ptr[i].s) == (int)arch)
			return true;
	return false;
}

static int check_includes(const struct graph *g, const struct function *f, struct err *err)
{
	for (size_t i = 0; i < f->includes.len; i++) {
		struct lstr inc = f->includes.ptr[i];
		CLEAN_FREE char *dir = path_join(g->p->dir, inc.s);

		if (fs_is_dir(dir))
			continue;
		project_err(g->p, ERR_CONFIG, inc, err, "no such include directory: '%s'", inc.s);
		if (strcmp(inc.s, "/usr/include/stb") == 0)
			err_hint(err, "apt-get install libstb-dev");
		else if (inc.s[0] == '/')
			err_hint(err, "install the package that holds it, or name a directory of the project");
		return -1;
	}
	return 0;
}

/* What makes a function's own build command run again. */
static int command_inputs(const struct graph *g, const struct function *f, struct strs *inputs,
			  struct err *err)
{
	CLEAN_STRS struct strs all = { 0 };

	for (size_t i = 0; i < f->build_inputs.len; i++)
		if (project_glob(g->p, f->build_inputs.ptr[i], inputs, err) < 0)
			return -1;
	if (f->build_inputs.len)
		return 0;
	if (fs_glob(g->p->dir, "**", &all, err) < 0)
		return -1;
	VEC_EACH(&all, s) {
		/* what a build in the tree leaves behind is no input */
		if (starts_with(*s, "dist/") || strcmp(*s, "compile_commands.json") == 0 ||
		    ends_with(*s, ".o") || ends_with(*s, ".a") || ends_with(*s, ".d"))
			continue;
		strs_take(inputs, steal(s));
	}
	return 0;
}

/* Every pattern of a dependency matches something, or the message says where it stands. */
static int check_dependency(const struct graph *g, const struct dep_tree *t, struct err *err)
{
	for (size_t i = 0; i < t->dep->sources.len; i++) {
		CLEAN_STRS struct strs found = { 0 };
		struct lstr pattern = t->dep->sources.ptr[i];

		if (fs_glob(t->dir, pattern.s, &found, err) < 0) {
			if (err->code != ERR_NOTFOUND)
				return -1;
			project_err(g->p, ERR_CONFIG, pattern, err, "no file of dependency '%s' matches '%s'",
				    t->dep->name.s, pattern.s);
			return err_hint(err, "its files at %.12s are in %.180s", t->commit, t->dir);
		}
	}
	return 0;
}

static int add_targets(struct graph *g, const struct function *f, struct err *err)
{
	const char *tc_name = f->toolchain.s ? f->toolchain.s : g->p->toolchain.s;
	CLEAN_STRS struct strs sources = { 0 };

	if (f->build_command.s ? command_inputs(g, f, &sources, err) < 0 :
				 (check_includes(g, f, err) < 0 || expand_sources(g, f, &sources, err) < 0))
		return -1;
	for (size_t i = 0; i < g->p->narches; i++) {
		enum arch arch = g->p->arches[i];
		struct target *t;

		if (!covers(&f->arches, arch))
			continue;
		if (g->ntargets == g->captargets) {
			g->captargets = g->captargets ? g->captargets * 2 : 8;
			g->targets = xrealloc(g->targets, g->captargets * sizeof(*g->targets));
		}
		t = &g->targets[g->ntargets];
		*t = (struct target){ .fn = f, .arch = arch };
		if (find_toolchain(g, tc_name, arch, &t->tc, err) < 0)
			return -1;
		g->ntargets++;
		t->out = arena_printf(&g->arena, ".slsc/%s/%s/%s", g->profile->name, arch_name(arch), f->name.s);
		if (g->profile->strip)
			t->debug = arena_printf(&g->arena, "%s.debug", t->out);
		t->objdir = arena_printf(&g->arena, ".slsc/%s/%s/.obj/%s/%s", g->profile->name, arch_name(arch),
					 t->tc->name, f->name.s);
		VEC_EACH(&sources, s) {
			strs_add(&t->sources, *s);
			if (f->build_command.s)
				continue;
			if (links_as_it_is(*s))
				strs_add(&t->objects, *s);
			else
				strs_addf(&t->objects, "%s/%s.o", t->objdir, *s);
		}
	}
	return 0;
}

int graph_plan(struct graph *g, struct project *p, const struct profile *pr, const struct dep_trees *deps,
	       struct err *err)
{
	CLEAN_FREE char *share = dirs_share();

	*g = (struct graph){ .p = p, .profile = pr, .deps = deps };
	g->share = arena_strdup(&g->arena, share);
	for (size_t i = 0; i < deps->len; i++)
		if (check_dependency(g, &deps->ptr[i], err) < 0)
			return -1;
	for (size_t i = 0; i < p->nfunctions; i++)
		if (add_targets(g, p->functions[i], err) < 0)
			return -1;
	return 0;
}

void graph_release(struct graph *g)
{
	for (size_t i = 0; i < g->ntargets; i++) {
		strs_release(&g->targets[i].objects);
		strs_release(&g->targets[i].sources);
	}
	free(g->targets);
	free(g->toolchains);
	arena_release(&g->arena);
}
