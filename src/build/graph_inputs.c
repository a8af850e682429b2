/* SPDX-License-Identifier: Apache-2.0 */
/* What a link reads that nothing in build.ninja makes. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "build/graph.h"
#include "build/ldflags.h"
#include "os/fs.h"

/* ninja has no way to say it; or an output, which would be its own input. */
static bool is_odd(const char *path)
{
	return strpbrk(path, "|\n") || starts_with(path, ".slsc/");
}

/* What is not there is the linker's to report: ninja would, in its own words. */
static void add_flagged(const struct graph *g, const struct lstrs *flags, struct strs *out)
{
	CLEAN_STRS struct strs names = { 0 };

	if (!flags->len)
		return;
	ldflags_files(flags, &names);
	VEC_EACH(&names, name) {
		CLEAN_FREE char *path = path_clean(*name), *abs = path_join(g->p->dir, path);
		struct stat st;

		if (!is_odd(path) && stat(abs, &st) == 0 && S_ISREG(st.st_mode))
			strs_add(out, path);
	}
}

static void add_toolchain(const struct graph *g, const struct target *t, struct strs *out)
{
	struct toolchain_use use;
	const char *name;

	project_toolchain_use(g->p, t->fn, &use);
	for (name = use.of.name.s; name && t->arch != ARCH_WASM32;) {
		struct err ignored;
		const struct toolchain_def *d = project_toolchain(g->p, name, &ignored);

		if (!d)
			return;
		add_flagged(g, &d->ldflags, out);
		add_flagged(g, &d->arch[t->arch].ldflags, out);
		name = d->extends.s;
	}
}

void graph_implicit(const struct graph *g, const struct target *t, struct strs *out)
{
	for (size_t i = 0; i < t->fn->libs.len; i++) {
		const char *lib = t->fn->libs.ptr[i].s;

		/* the stage's own are known by its digest */
		if (lib_is_file(lib) && !(t->tc->stage && lib[0] == '/'))
			strs_add(out, lib);
	}
	add_flagged(g, &t->fn->ldflags, out);
	add_flagged(g, &g->profile->ldflags, out);
	add_toolchain(g, t, out);
}
