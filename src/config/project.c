/* SPDX-License-Identifier: Apache-2.0 */
#include "config/project.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/internal.h"
#include "os/fs.h"

#define FILE_NAME "slsc.yaml"

static const char *const arch_names[ARCH_ALL] = { "x86_64", "arm64", "wasm32" };
static const char *const arch_ocis[ARCH_ALL] = { "amd64", "arm64", "wasm" };

const char *arch_name(enum arch a)
{
	return arch_names[a];
}

const char *arch_oci(enum arch a)
{
	return arch_ocis[a];
}

int arch_parse(const char *s)
{
	if (strcmp(s, "x86_64") == 0 || strcmp(s, "amd64") == 0)
		return ARCH_X86_64;
	if (strcmp(s, "arm64") == 0 || strcmp(s, "aarch64") == 0)
		return ARCH_ARM64;
	return -1;
}

int arch_parse_any(const char *s)
{
	return strcmp(s, "wasm32") == 0 ? ARCH_WASM32 : arch_parse(s);
}

enum arch arch_host(void)
{
#ifdef __aarch64__
	return ARCH_ARM64;
#else
	return ARCH_X86_64;
#endif
}

const char *arch_qemu(enum arch a)
{
	return a == ARCH_ARM64 ? "qemu-aarch64-static" : "qemu-x86_64-static";
}

const char *runtime_name(enum runtime r)
{
	return keys_find(&keys_function, "runtime")->choices[r];
}

/* ---- the whole file ---- */

static int read_arches(struct reader *rd, struct lstrs list)
{
	struct project *p = rd->p;

	for (size_t i = 0; i < list.len; i++) {
		enum arch a = (enum arch)arch_parse_any(list.ptr[i].s);

		for (size_t j = 0; j < p->narches; j++)
			if (p->arches[j] == a)
				return read_err(rd, list.ptr[i].line, list.ptr[i].col, "arches",
						"%s is there twice, by two names",
						quote(&p->arena, list.ptr[i].s));
		p->arches[p->narches++] = a;
	}
	if (!p->narches) {
		p->arches[p->narches++] = ARCH_X86_64;
		p->arches[p->narches++] = ARCH_ARM64;
	}
	return 0;
}

static int read_root(struct reader *rd, const struct ynode *root)
{
	struct project *p = rd->p;
	struct root r = { .toolchain.name.s = "musl", .profile.s = "release" };
	const struct frame image = { "image", NULL, &(struct frame){ "package", NULL, NULL } };

	if (keys_read(rd, &keys_root, root, &r))
		return -1;
	p->name = r.name;
	p->version = r.version;
	p->toolchain = r.toolchain;
	p->profile = r.profile;
	p->package = r.package;
	p->deploy = r.deploy;
	p->mirrors = r.mirrors;
	p->flows = r.flows;
	p->launcher = r.launcher;
	if (package_check_stage(&(struct reader){ p, rd->err, &image }, &p->package))
		return -1;
	if (read_arches(rd, r.arches) || toolchains_read(rd, ynode_get(root, "toolchains")) ||
	    profiles_read(rd, ynode_get(root, "profiles")) ||
	    dependencies_read(rd, ynode_get(root, "dependencies")))
		return -1;
	if (p->toolchain.name.s && !project_toolchain(p, p->toolchain.name.s, rd->err))
		return relocate(rd, p->toolchain.name, NULL);
	if (!project_profile(p, p->profile.s, rd->err))
		return relocate(rd, p->profile, NULL);
	if (functions_read(rd, ynode_get(root, "functions")) || budgets_read(rd, ynode_get(root, "budgets")) ||
	    strategies_read(rd, ynode_get(root, "strategies")))
		return -1;
	return 0;
}

/* Takes @d's arena over: every string of the model stays where the parser put it. */
static int resolve(struct project *p, struct yaml_doc *d, struct err *err)
{
	struct reader rd = { p, err, NULL };
	const struct ynode *root = d->root;

	p->arena = d->arena;
	d->arena = (struct arena)ARENA_INIT;
	if (!root) {
		err_set(err, ERR_CONFIG, "%s: the file is empty", p->file);
		return err_hint(err, "run 'slsc init' in an empty directory for an example");
	}
	return read_root(&rd, root);
}

/* After a failure, of @r or here, nothing of it is left. */
static int finish(struct project *p, struct yaml_doc *d, int r, struct err *err)
{
	if (!r)
		r = resolve(p, d, err);
	yaml_release(d);
	if (r)
		project_release(p);
	return r;
}

int project_parse(struct project *p, const char *shown, const char *dir, const char *text, size_t n,
		  struct err *err)
{
	struct yaml_doc d;

	*p = (struct project){ .dir = xstrdup(dir), .file = xstrdup(shown) };
	return finish(p, &d, yaml_parse(&d, shown, text, n, err), err);
}

static int not_found(const char *start, const char *abs, struct err *err)
{
	CLEAN_FREE char *yml = path_join(abs, "slsc.yml");

	err_set(err, ERR_NOTFOUND, "no slsc.yaml in '%s' or any directory above it", start);
	if (fs_exists(yml))
		return err_hint(err, "rename slsc.yml to slsc.yaml");
	return err_hint(err, "run 'slsc init' to begin a project");
}

/* The nearest slsc.yaml: *@dir is its absolute directory, *@shown the path for messages. */
static int find_file(const char *start, char **dir, char **shown, struct err *err)
{
	CLEAN_FREE char *abs = realpath(start, NULL);
	CLEAN_FREE char *rel = xstrdup(strcmp(start, ".") == 0 ? "" : start);
	char *cut, path[PATH_MAX];

	if (!abs)
		return err_sys(err, "%s", start);
	CLEAN_FREE char *at = xstrdup(abs);
	for (;;) {
		snprintf(path, sizeof(path), "%s/" FILE_NAME, at);
		if (access(path, F_OK) == 0)
			break;
		cut = strrchr(at, '/');
		if (!cut || !at[1])
			return not_found(start, abs, err);
		cut[cut == at] = '\0';
		char *up = path_join(rel, "..");
		free(rel);
		rel = up;
	}
	*shown = path_join(rel, FILE_NAME);
	*dir = steal(&at);
	return 0;
}

int project_load(struct project *p, const char *dir, struct err *err)
{
	struct yaml_doc d = { 0 };
	CLEAN_FREE char *path = NULL;

	*p = (struct project){ 0 };
	if (find_file(dir ? dir : ".", &p->dir, &p->file, err))
		return -1;
	path = path_join(p->dir, FILE_NAME);
	return finish(p, &d, yaml_load(&d, path, p->file, err), err);
}

void project_release(struct project *p)
{
	arena_release(&p->arena);
	free(p->dir);
	free(p->file);
	*p = (struct project){ 0 };
}

/* ---- looking things up ---- */

static void *unknown(const char *what, const char *plural, const char *name, const char *const *names, size_t n,
		     struct err *err)
{
	struct arena a = ARENA_INIT;

	err_set(err, ERR_NOTFOUND, "unknown %s %s", what, quote(&a, name));
	if (n)
		hint_closest(err, name, names, n, plural);
	arena_release(&a);
	return NULL;
}

/* The four lists differ in the type of their elements and in where the name is. */
#define LOOKUP(list, count, member, what)                                                          \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < (count); i_++)                                            \
			if (strcmp((list)[i_]->member, name) == 0)                                 \
				return (list)[i_];                                                 \
		CLEAN_FREE const char **names_ = xcalloc((count) + 1, sizeof(char *));             \
		for (size_t i_ = 0; i_ < (count); i_++)                                            \
			names_[i_] = (list)[i_]->member;                                           \
		return unknown(what, "known", name, names_, (count), err);                         \
	} while (0)

struct function *project_function(const struct project *p, const char *name, struct err *err)
{
	LOOKUP(p->functions, p->nfunctions, name.s, "function");
}

struct profile *project_profile(const struct project *p, const char *name, struct err *err)
{
	LOOKUP(p->profiles, p->nprofiles, name, "profile");
}

struct toolchain_def *project_toolchain(const struct project *p, const char *name, struct err *err)
{
	LOOKUP(p->toolchains, p->ntoolchains, name, "toolchain");
}

struct dependency *project_dependency(const struct project *p, const char *name, struct err *err)
{
	LOOKUP(p->dependencies, p->ndependencies, name.s, "dependency");
}

int project_err(const struct project *p, enum err_code code, struct lstr where, struct err *err,
		const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_at(err, code, p->file, where.line, where.col, "%s", b.ptr);
}

/* ---- files ---- */

static void hint_file(const struct project *p, const char *pattern, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(pattern);
	CLEAN_FREE char *abs = path_join(p->dir, dir);
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored = ERR_INIT;
	const char *near;

	if (!fs_is_dir(abs) || fs_list(abs, &names, &ignored))
		return;
	near = str_closest(path_basename(pattern), (const char *const *)names.ptr, names.len);
	if (near && strcmp(dir, ".") == 0)
		err_hint(err, "did you mean '%s'?", near);
	else if (near)
		err_hint(err, "did you mean '%s/%s'?", dir, near);
}

int project_glob(const struct project *p, struct lstr pattern, struct strs *out, struct err *err)
{
	if (!fs_glob_in(p->dirs, p->dir, pattern.s, out, err))
		return 0;
	if (err->code == ERR_NOTFOUND) {
		project_err(p, ERR_CONFIG, pattern, err, "no file matches '%s'", pattern.s);
		hint_file(p, pattern.s, err);
		if (!err->hint[0])
			err_hint(err, "it is relative to slsc.yaml's directory; '**' stands for any number of "
				      "directories");
	} else {
		struct err inner = *err;

		project_err(p, inner.code, pattern, err, "%s", inner.msg);
		err->sys = inner.sys;
		err_hint(err, "%s", inner.code == ERR_LIMIT ? "choose a narrower pattern" : inner.hint);
	}
	return -1;
}

static int no_include_dir(const struct project *p, struct lstr inc, struct err *err)
{
	project_err(p, ERR_CONFIG, inc, err, "no such include directory: '%s'", inc.s);
	if (strcmp(inc.s, "/usr/include/stb") == 0)
		return err_hint(err, "apt-get install libstb-dev");
	if (inc.s[0] == '/')
		return err_hint(err, "install the package that holds it, or name a directory of the project");
	hint_file(p, inc.s, err);
	return -1;
}

int project_check_includes(const struct project *p, const struct function *f, bool absolute, struct err *err)
{
	for (size_t i = 0; i < f->includes.len; i++) {
		CLEAN_FREE char *dir = path_join(p->dir, f->includes.ptr[i].s);

		if ((absolute || f->includes.ptr[i].s[0] != '/') && !fs_is_dir(dir))
			return no_include_dir(p, f->includes.ptr[i], err);
	}
	return 0;
}

bool lib_is_file(const char *lib)
{
	return strchr(lib, '/') || ends_with(lib, ".a") || ends_with(lib, ".o");
}

int project_check_libs(const struct project *p, const struct function *f, bool absolute, struct err *err)
{
	for (size_t i = 0; i < f->libs.len; i++) {
		struct lstr lib = f->libs.ptr[i];
		CLEAN_FREE char *path = path_join(p->dir, lib.s);

		if (!lib_is_file(lib.s) || (lib.s[0] == '/' && !absolute))
			continue;
		if (fs_is_dir(path)) {
			project_err(p, ERR_CONFIG, lib, err, "'%s' is a directory", lib.s);
			return err_hint(err, "name the .a file in it");
		}
		if (!fs_exists(path)) {
			project_err(p, ERR_CONFIG, lib, err, "no such file: '%s'", lib.s);
			hint_file(p, lib.s, err);
			return -1;
		}
	}
	return 0;
}

static int no_such(const struct project *p, struct lstr at, const char *what, struct err *err)
{
	project_err(p, ERR_CONFIG, at, err, "no such %s: '%s'", what, at.s);
	hint_file(p, at.s, err);
	if (!err->hint[0])
		err_hint(err, "it is relative to slsc.yaml's directory");
	return -1;
}

/* Either of which need not be named. */
static int check_file_and_dir(const struct project *p, struct lstr file, const char *what, struct lstr dir,
			      struct err *err)
{
	CLEAN_FREE char *f = path_join(p->dir, file.s ? file.s : "");
	CLEAN_FREE char *d = path_join(p->dir, dir.s ? dir.s : "");

	if (file.s && (!fs_exists(f) || fs_is_dir(f)))
		return no_such(p, file, what, err);
	if (dir.s && !fs_is_dir(d))
		return no_such(p, dir, "directory", err);
	return 0;
}

int project_check_dockerfile(const struct project *p, const struct package *pk, struct err *err)
{
	return check_file_and_dir(p, pk->dockerfile, "Dockerfile", pk->context, err);
}

int project_check_served(const struct project *p, const struct function *f, struct err *err)
{
	return check_file_and_dir(p, f->fallback_file, "file", f->extensions, err);
}

void project_toolchain_use(struct project *p, const struct function *f, struct toolchain_use *out)
{
	const bool own = f && (f->toolchain.name.s || f->toolchain.stage.s);
	struct lstr *file = &out->of.dockerfile;
	struct package pk = p->package;

	*out = (struct toolchain_use){ .of = own ? f->toolchain : p->toolchain, .context = "." };
	if (!out->of.stage.s)
		return;
	if (own)
		project_package(p, f, &pk);
	if (pk.dockerfile.s && (!file->s || strcmp(file->s, pk.dockerfile.s) == 0)) {
		*file = file->s ? *file : pk.dockerfile;
		out->build_args = arena_new(&p->arena, struct lkvs);
		*(struct lkvs *)(uintptr_t)out->build_args = pk.build_args;
		out->context = pk.context.s ? pk.context.s : ".";
	}
	if (!file->s)
		*file = (struct lstr){ "Dockerfile", out->of.stage.line, out->of.stage.col };
}

int project_check_stage(const struct project *p, const struct toolchain_choice *c, struct err *err)
{
	CLEAN_FREE char *file = path_join(p->dir, c->dockerfile.s);

	if (fs_exists(file) && !fs_is_dir(file))
		return 0;
	if (no_such(p, c->dockerfile, "Dockerfile", err) < 0 && c->dockerfile.line == c->stage.line &&
	    c->dockerfile.col == c->stage.col)
		return err_hint(err, "name it: toolchain: {stage: %.60s, dockerfile: PATH}", c->stage.s);
	return -1;
}

static int check_toolchain(struct project *p, const struct function *f, struct err *err)
{
	struct toolchain_use use;

	project_toolchain_use(p, f, &use);
	return use.of.stage.s ? project_check_stage(p, &use.of, err) : 0;
}

static int check_package(const struct project *p, const struct package *pk, struct err *err)
{
	if (project_check_dockerfile(p, pk, err) < 0)
		return -1;
	for (size_t i = 0; i < pk->includes.len; i++) {
		CLEAN_STRS struct strs files = { 0 };

		if (project_glob(p, pk->includes.ptr[i].from, &files, err))
			return -1;
	}
	return 0;
}

int project_check_packages(struct project *p, struct err *err)
{
	if (check_package(p, &p->package, err))
		return -1;
	for (size_t i = 0; i < p->nfunctions; i++)
		if (check_package(p, &p->functions[i]->package, err) || check_toolchain(p, p->functions[i], err) ||
		    project_check_served(p, p->functions[i], err))
			return -1;
	return 0;
}
