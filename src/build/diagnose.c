/* SPDX-License-Identifier: Apache-2.0 */
#include "build/diagnose.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "os/fs.h"

static enum elf_arch elf_arch_of(enum arch a)
{
	return a == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64;
}

/* ninja writes the names as they are: one with a blank is told by what we know it to be. */
static bool is_first(const char *outputs, const char *name)
{
	size_t n = strlen(name);

	return strncmp(outputs, name, n) == 0 && (outputs[n] == ' ' || outputs[n] == '\0');
}

static const struct target *target_of_link(const struct graph *g, const char *outputs)
{
	for (size_t i = 0; i < g->ntargets; i++)
		if (is_first(outputs, g->targets[i].out))
			return &g->targets[i];
	return NULL;
}

/* .slsc/release/arm64/.obj/musl/.dep/zlib-0123456789ab/src/inflate.c.o */
static int shared_failed(const struct graph *g, struct str object, struct err *err)
{
	CLEAN_FREE char *path = xstrndup(object.ptr, object.len);
	char *dep = strstr(path, "/.dep/"), *runtime = strstr(path, "/.runtime/"), *slash, *dash;

	if (ends_with(path, ".o"))
		path[strlen(path) - 2] = '\0';
	if (runtime)
		return err_set(err, ERR_BUILD, "%s.c of slsc's own runtime did not compile", runtime + 10);
	if (!dep || !(slash = strchr(dep + 6, '/')))
		return err_set(err, ERR_BUILD, "%s did not compile", path);
	*slash = '\0';
	dash = strrchr(dep + 6, '-');
	if (dash)
		*dash = '\0';
	for (size_t i = 0; i < g->deps->len; i++)
		if (strcmp(g->deps->ptr[i].dep->name.s, dep + 6) == 0)
			return project_err(g->p, ERR_BUILD, g->deps->ptr[i].dep->name, err,
					   "%s of dependency '%s' did not compile", slash + 1, dep + 6);
	return err_set(err, ERR_BUILD, "%s of dependency '%s' did not compile", slash + 1, dep + 6);
}

static int compile_failed(const struct graph *g, const char *outputs, struct err *err)
{
	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];

		for (size_t j = 0; j < t->objects.len; j++)
			if (is_first(outputs, t->objects.ptr[j]))
				return err_set(err, ERR_BUILD, "%s did not compile (function '%s', %s)",
					       t->sources.ptr[j], t->fn->name.s, arch_name(t->arch));
	}
	return shared_failed(g, str_trim(str_from(outputs)), err);
}

/* What _finish said: the message and hint of its error. */
static int refused(const struct graph *g, const struct target *t, const char *verdict, struct err *err)
{
	json_t *doc = json_loads(verdict, 0, NULL), *e = json_object_get(doc, "error");
	const char *msg = json_string_value(json_object_get(e, "message"));
	const char *hint = json_string_value(json_object_get(e, "hint"));
	const char *code = json_string_value(json_object_get(e, "code"));
	enum err_code c = code && strcmp(code, err_name(ERR_VERIFY)) == 0 ? ERR_VERIFY : ERR_BUILD;

	if (!msg)
		err_set(err, c, "%s: _finish failed", t->out);
	else if (t->arch == ARCH_WASM32 && !t->fn->build_command.s)
		project_err(g->p, c, t->fn->name, err, "%s", msg);
	else if (t->fn->build_command.s)
		project_err(g->p, c, t->fn->build_command, err, "the build command of '%s' failed for %s: %s",
			    t->fn->name.s, arch_name(t->arch), msg);
	else
		err_set(err, c, "%s", msg);
	if (hint)
		err_hint(err, "%s", hint);
	json_decref(doc);
	return -1;
}

/* Objects and archives that the user named and that are of another machine. */
static int wrong_arch(const struct graph *g, const struct target *t, struct err *err)
{
	for (size_t k = 0; k < t->fn->sources.len + t->fn->libs.len; k++) {
		bool lib = k >= t->fn->sources.len;
		struct lstr where = lib ? t->fn->libs.ptr[k - t->fn->sources.len] : t->fn->sources.ptr[k];
		CLEAN_STRS struct strs files = { 0 };
		struct err inner = ERR_INIT;

		if (lib && !lib_is_file(where.s))
			continue;
		/* the plan has seen them: what is gone since then the linker reports */
		if (lib)
			strs_add(&files, where.s);
		else if (fs_glob(g->p->dir, where.s, &files, &inner) < 0)
			continue;
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

		if (lib_is_file(lib.s) || !t->tc->libdirs[0])
			continue;
		for (size_t j = 0; t->fn->ldflags.len > j; j++)
			found |= starts_with(t->fn->ldflags.ptr[j].s, "-L");	/* the user's own directory */
		for (size_t j = 0; t->tc->libdirs[j]; j++) {
			CLEAN_FREE char *path = xasprintf("%s/lib%s.a", t->tc->libdirs[j], lib.s);

			found |= root_exists(t->tc->root, path);
			buf_addf(&tried, "%s%s", j ? ", " : "", t->tc->libdirs[j]);
		}
		if (found)
			continue;
		project_err(g->p, ERR_BUILD, lib, err,
			    "library '%s' has no static archive for %s (lib%s.a is not in %s)", lib.s,
			    arch_name(t->arch), lib.s, tried.ptr);
		host = xasprintf("/usr/lib/x86_64-linux-gnu/lib%s.so", lib.s);
		if (root_exists(t->tc->root, host))
			return err_hint(err, "%s is a dynamic library of %s; build its source for musl, "
					     "say as a dependency", host, t->tc->stage ? "the stage" : "the host");
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

/* "wasm-ld: error: a.o: undefined symbol: NAME", the first of them. */
static bool no_symbol(const struct graph *g, const struct target *t, const char *said, struct err *err)
{
	static const char mark[] = "undefined symbol: ";
	const char *at = strstr(said, mark);
	CLEAN_FREE char *name = NULL;

	if (!at)
		return false;
	at += sizeof(mark) - 1;
	name = xstrndup(at, strcspn(at, " \r\n\033"));
	if (t->fn->runtime == RUNTIME_LAMBDA && strcmp(name, handler_of(t->fn)) == 0) {
		project_err(g->p, ERR_BUILD, t->fn->handler.s ? t->fn->handler : t->fn->name, err,
			    "handler '%s' is not defined in the sources of '%s'", name, t->fn->name.s);
		err_hint(err, "name another with `handler:`");
		return true;
	}
	project_err(g->p, ERR_BUILD, t->fn->name, err, "'%s' calls '%s', which wasm32 does not have", t->fn->name.s,
		    name);
	err_hint(err, "WASI has no sockets, threads, processes or signals; keep it within #ifndef __wasi__, or leave "
		      "wasm32 out of arches");
	return true;
}

bool diagnose_is_link(const struct graph *g, const char *outputs)
{
	const struct target *t = target_of_link(g, outputs);

	return t && !t->fn->build_command.s;
}

bool diagnose_is_command(const struct graph *g, const char *outputs)
{
	const struct target *t = target_of_link(g, outputs);

	return t && t->fn->build_command.s;
}

bool diagnose(const struct graph *g, const char *outputs, const char *verdict, const char *said, struct err *err)
{
	const struct target *t = target_of_link(g, outputs);

	if (!t)
		compile_failed(g, outputs, err);
	else if (verdict[0])
		refused(g, t, verdict, err);
	else if (t->fn->build_command.s)
		project_err(g->p, ERR_BUILD, t->fn->build_command, err, "the build command of '%s' failed for %s",
			    t->fn->name.s, arch_name(t->arch));
	else if (t->arch == ARCH_WASM32 && no_symbol(g, t, said, err))
		return true;
	else if (t->arch == ARCH_WASM32)
		err_set(err, ERR_BUILD, "function '%s' did not link for wasm32", t->fn->name.s);
	else if (wrong_arch(g, t, err) < 0 || no_handler(g, t, err) < 0 || no_archive(g, t, err) < 0)
		return true;
	else
		err_set(err, ERR_BUILD, "function '%s' did not link for %s", t->fn->name.s, arch_name(t->arch));
	return false;
}
