/* SPDX-License-Identifier: Apache-2.0 */
#include "build/diagnose.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "os/fs.h"

static enum elf_arch elf_arch_of(enum arch a)
{
	return a == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64;
}

static const struct target *target_of_link(const struct graph *g, const char *out)
{
	for (size_t i = 0; i < g->ntargets; i++)
		if (strcmp(g->targets[i].out, out) == 0)
			return &g->targets[i];
	return NULL;
}

static int compile_failed(const struct graph *g, const char *object, struct err *err)
{
	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];

		for (size_t j = 0; j < t->objects.len; j++)
			if (strcmp(t->objects.ptr[j], object) == 0)
				return err_set(err, ERR_BUILD, "%s did not compile (function '%s', %s)",
					       t->sources.ptr[j], t->fn->name.s, arch_name(t->arch));
	}
	return err_set(err, ERR_BUILD, "%s did not compile", object);
}

/* Objects and archives that the user named and that are of another machine. */
static int wrong_arch(const struct graph *g, const struct target *t, struct err *err)
{
	for (size_t k = 0; k < t->fn->sources.len + t->fn->libs.len; k++) {
		bool lib = k >= t->fn->sources.len;
		struct lstr where = lib ? t->fn->libs.ptr[k - t->fn->sources.len] : t->fn->sources.ptr[k];
		CLEAN_STRS struct strs files = { 0 };
		struct err inner = ERR_INIT;

		if (lib && !strchr(where.s, '/') && !ends_with(where.s, ".a") && !ends_with(where.s, ".o"))
			continue;
		if (fs_glob(g->p->dir, where.s, &files, &inner) < 0) {
			project_err(g->p, ERR_CONFIG, where, err, "no such file: '%s'", where.s);
			return -1;
		}
		VEC_EACH(&files, f) {
			CLEAN_FREE char *path = path_join(g->p->dir, *f);
			const char *paths[] = { path };
			CLEAN_STRS struct strs names = { 0 };
			bool bitcode;

			if (!ends_with(*f, ".o") && !ends_with(*f, ".a"))
				continue;
			if (elf_defined_functions(paths, 1, elf_arch_of(t->arch), &names, &bitcode, &inner) == 0)
				continue;
			project_err(g->p, ERR_BUILD, where, err, "cannot link '%s': %s", t->fn->name.s, inner.msg);
			return err_hint(err, "build it for %s, or list its source instead", arch_name(t->arch));
		}
	}
	return 0;
}

/* A library of which there is no static archive: what a linker calls "unable to find library". */
static int no_archive(const struct graph *g, const struct target *t, struct err *err)
{
	for (size_t i = 0; i < t->fn->libs.len; i++) {
		struct lstr lib = t->fn->libs.ptr[i];
		CLEAN_BUF struct buf tried = BUF_INIT;
		CLEAN_FREE char *host = NULL;
		bool found = false;

		if (strchr(lib.s, '/') || ends_with(lib.s, ".a") || ends_with(lib.s, ".o") || !t->tc->libdirs[0])
			continue;
		for (size_t j = 0; t->fn->ldflags.len > j; j++)
			found |= starts_with(t->fn->ldflags.ptr[j].s, "-L");	/* the user's own directory */
		for (size_t j = 0; t->tc->libdirs[j]; j++) {
			CLEAN_FREE char *path = xasprintf("%s/lib%s.a", t->tc->libdirs[j], lib.s);

			found |= fs_exists(path);
			buf_addf(&tried, "%s%s", j ? ", " : "", t->tc->libdirs[j]);
		}
		if (found)
			continue;
		project_err(g->p, ERR_BUILD, lib, err,
			    "library '%s' has no static archive for %s (lib%s.a is not in %s)", lib.s,
			    arch_name(t->arch), lib.s, tried.ptr);
		host = xasprintf("/usr/lib/x86_64-linux-gnu/lib%s.so", lib.s);
		if (fs_exists(host))
			return err_hint(err, "%s is a dynamic library of the host; build its source for musl, "
					     "say as a dependency", host);
		return err_hint(err, "give its path (libs: [lib/%s/lib%s.a]) or its source as a dependency",
				arch_name(t->arch), lib.s);
	}
	return 0;
}

static int no_handler(const struct graph *g, const struct target *t, struct err *err)
{
	VEC(const char *) paths = { 0 };
	VEC(char *) owned = { 0 };
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf list = BUF_INIT;
	struct lstr where = t->fn->handler.s ? t->fn->handler : t->fn->name;
	struct err inner = ERR_INIT;
	bool bitcode = false, defined = false;
	const char *near;
	int r;

	if (t->fn->runtime == RUNTIME_NONE)
		return 0;
	VEC_EACH(&t->objects, o)
		VEC_PUSH(&owned, path_join(g->p->dir, *o));
	VEC_EACH(&owned, o)
		VEC_PUSH(&paths, *o);
	r = elf_defined_functions(paths.ptr, paths.len, elf_arch_of(t->arch), &names, &bitcode, &inner);
	VEC_EACH(&owned, o)
		free(*o);
	VEC_FREE(&owned);
	VEC_FREE(&paths);
	if (r < 0 || bitcode)
		return 0;
	VEC_EACH(&names, n) {
		defined |= strcmp(*n, handler_of(t->fn)) == 0;
		if (list.len < 180)
			buf_addf(&list, "%s%s", list.len ? ", " : "", *n);
	}
	if (defined)
		return 0;
	project_err(g->p, ERR_BUILD, where, err, "handler '%s' is not defined in the sources of '%s'",
		    handler_of(t->fn), t->fn->name.s);
	near = str_closest(handler_of(t->fn), (const char *const *)names.ptr, names.len);
	if (near)
		return err_hint(err, "did you mean '%s'? defined are: %.180s", near, list.ptr);
	if (!names.len)
		return err_hint(err, "the sources define no function that is not static");
	return err_hint(err, "defined are: %.200s; name one with `handler:`", list.ptr);
}

int diagnose(const struct graph *g, const struct strs *failed, struct err *err)
{
	const char *out = failed->ptr[0];
	const struct target *t = target_of_link(g, out);

	if (!t)
		return compile_failed(g, out, err);
	if (t->fn->build_command.s)
		return project_err(g->p, ERR_BUILD, t->fn->build_command, err,
				   "the build command of '%s' failed for %s", t->fn->name.s, arch_name(t->arch));
	if (wrong_arch(g, t, err) < 0 || no_handler(g, t, err) < 0 || no_archive(g, t, err) < 0)
		return -1;
	return err_set(err, ERR_BUILD, "function '%s' did not link for %s", t->fn->name.s, arch_name(t->arch));
}
