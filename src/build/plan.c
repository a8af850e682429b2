/* SPDX-License-Identifier: Apache-2.0 */
/* Functions × arches: which files, which toolchain, which names. */
#include <stdio.h>
#include <stdlib.h>
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

static bool links_as_it_is(const char *src)
{
	return ends_with(src, ".o") || ends_with(src, ".a");
}

/* build.ninja has no way to write these. */
static bool is_writable(const char *path)
{
	return !path[strcspn(path, "|\n")];
}

static int check_writable(const struct graph *g, struct lstr where, const char *path, struct err *err)
{
	if (is_writable(path))
		return 0;
	return project_err(g->p, ERR_CONFIG, where, err,
			   "'%s': the name of a file cannot hold '|' or a line break", path);
}

/*
 * What is compiled also stands in a list of headers, whose reader (ninja's depfile_parser) ends a name at any of
 * these: the file would be compiled each time. One that begins with '-' would be an option.
 */
static int check_source(const struct graph *g, struct lstr where, const char *path, struct err *err)
{
	const char *bad = path[0] == '-' ? path : path + strcspn(path, "|\"'&;`<>*^\\\x7f");

	for (const char *p = path; *p && !*bad; p++)
		if ((unsigned char)*p < ' ')
			bad = p;
	if (!*bad)
		return 0;
	project_err(g->p, ERR_CONFIG, where, err, "'%s': %s cannot be in the name of a source", path,
		    *bad == '-'				      ? "a '-' at its start" :
		    (unsigned char)*bad < ' ' || *bad == 0x7f ? "a control character" :
								arena_printf(&g->p->arena, "'%c'", *bad));
	return err_hint(err, "rename the file");
}

/* Elsewhere slsc.yaml has no line breaks; in build.ninja there is no way to write one. */
static int check_defines(const struct graph *g, const struct lkvs *defines, struct err *err)
{
	for (size_t i = 0; i < defines->len; i++)
		if (defines->ptr[i].val.s && strchr(defines->ptr[i].val.s, '\n'))
			return project_err(g->p, ERR_CONFIG, defines->ptr[i].val, err,
					   "the value of macro '%s' holds a line break", defines->ptr[i].key.s);
	return 0;
}

/* A directory or file of a stage's own, which is looked for there. */
static int check_in_stage(const struct graph *g, const struct build_stage *s, struct lstr path, const char *what,
			  bool dir, struct err *err)
{
	const size_t n = strlen(g->p->dir);

	/* the project's own directory is in the stage as it is here */
	if (path.s[0] != '/' || (strncmp(path.s, g->p->dir, n) == 0 && path.s[n] == '/'))
		return 0;
	if (dir ? root_is_dir(&s->root, path.s) : root_exists(&s->root, path.s))
		return 0;
	project_err(g->p, ERR_CONFIG, path, err, "no such %s in stage '%s': '%s'", what, s->stage.s, path.s);
	return err_hint(err, "of this machine a stage sees the project's directory alone");
}

static int check_stage_paths(const struct graph *g, const struct function *f, const struct build_stage *s,
			     struct err *err)
{
	for (size_t i = 0; i < f->includes.len; i++)
		if (check_in_stage(g, s, f->includes.ptr[i], "include directory", true, err) < 0)
			return -1;
	for (size_t i = 0; i < f->libs.len; i++)
		if (lib_is_file(f->libs.ptr[i].s) && check_in_stage(g, s, f->libs.ptr[i], "file", false, err) < 0)
			return -1;
	return 0;
}

static int check_function(const struct graph *g, const struct function *f, const struct toolchain_choice *choice,
			  struct err *err)
{
	const bool absolute = !choice->stage.s;

	for (size_t i = 0; i < f->libs.len; i++)
		if (check_writable(g, f->libs.ptr[i], f->libs.ptr[i].s, err) < 0)
			return -1;
	if (project_check_includes(g->p, f, absolute, err) < 0 || project_check_libs(g->p, f, absolute, err) < 0)
		return -1;
	return check_defines(g, &f->defines, err);
}

static int check_profile(const struct graph *g, struct err *err)
{
	const struct profile *pr = g->profile;

	if (strcmp(pr->name, "lock") == 0 || strcmp(pr->name, "link") == 0 || strcmp(pr->name, "in") == 0 ||
	    strcmp(pr->name, "build.ninja") == 0 || starts_with(pr->name, "launcher.log"))
		return project_err(g->p, ERR_CONFIG, (struct lstr){ pr->name, pr->line, pr->col }, err,
				   "a profile cannot be called '%s': .slsc has that name for another thing", pr->name);
	return check_defines(g, &pr->defines, err);
}

static int make_toolchain(struct graph *g, const struct toolchain_use *use, const struct build_stage *stage,
			  enum arch arch, struct toolchain *tc, struct err *err)
{
	if (arch == ARCH_WASM32)
		return toolchain_resolve(&g->arena, NULL, NULL, TOOLCHAIN_WASI, arch, tc, err);
	if (stage)
		return toolchain_detect(&g->arena, stage, arch, tc, err);
	if (use->of.name.s)
		return toolchain_resolve(&g->arena, g->p, NULL, use->of.name.s, arch, tc, err);
	/* only checked: of a stage that is not made nothing is known, and "gnu" has no limits of its own */
	if (toolchain_resolve(&g->arena, NULL, NULL, "gnu", arch, tc, err) < 0)
		return -1;
	tc->name = use->of.stage.s;
	return 0;
}

static int find_toolchain(struct graph *g, const struct toolchain_use *use, const struct build_stage *stage,
			  enum arch arch, struct toolchain **out, struct err *err)
{
	struct toolchain *tc;

	for (size_t i = 0; i < g->ntoolchains; i++) {
		tc = g->toolchains[i];
		if (tc->arch == arch && tc->stage == stage && (stage || arch == ARCH_WASM32 ||
								     strcmp(tc->name, use->of.name.s) == 0)) {
			*out = tc;
			return 0;
		}
	}
	tc = arena_new(&g->arena, struct toolchain);
	if (make_toolchain(g, use, stage, arch, tc, err) < 0)
		return -1;
	if (g->ntoolchains == g->captoolchains) {
		g->captoolchains = g->captoolchains ? g->captoolchains * 2 : 4;
		g->toolchains = xrealloc(g->toolchains, g->captoolchains * sizeof(struct toolchain *));
	}
	g->toolchains[g->ntoolchains++] = tc;
	*out = tc;
	return 0;
}

static int no_source(const struct graph *g, struct lstr pattern, const char *path, struct err *err)
{
	CLEAN_FREE char *abs = path_join(g->p->dir, path);

	if (fs_is_dir(abs)) {
		project_err(g->p, ERR_CONFIG, pattern, err, "'%s' is a directory", path);
		return err_hint(err, "write \"%.200s%s*.c\"", path, ends_with(path, "/") ? "" : "/");
	}
	project_err(g->p, ERR_CONFIG, pattern, err, "'%s' is no C source", path);
	return err_hint(err, "sources are .c, .S, .s, .o and .a files; for another language use build: {command: ...}");
}

/* Sorted, so that the order of the directory or of the patterns does not reach the binary; each once. */
static int expand_sources(const struct graph *g, const struct function *f, struct strs *sources,
			  struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < f->sources.len; i++) {
		struct lstr pattern = f->sources.ptr[i];
		size_t first = sources->len;

		if (project_glob(g->p, pattern, sources, err) < 0)
			return -1;
		for (size_t j = first; j < sources->len; j++) {
			const char *s = sources->ptr[j];

			if (!ends_with(s, ".c") && !ends_with(s, ".S") && !ends_with(s, ".s") &&
			    !links_as_it_is(s))
				return no_source(g, pattern, s, err);
			if (links_as_it_is(s) ? check_writable(g, pattern, s, err) < 0 :
						check_source(g, pattern, s, err) < 0)
				return -1;
		}
	}
	strs_sort(sources);
	for (size_t i = 0; i < sources->len; i++) {
		if (n && strcmp(sources->ptr[n - 1], sources->ptr[i]) == 0)
			free(sources->ptr[i]);
		else
			sources->ptr[n++] = sources->ptr[i];
	}
	sources->len = n;
	return 0;
}

static bool covers(const struct lstrs *arches, enum arch arch)
{
	if (!arches->len)
		return true;
	for (size_t i = 0; i < arches->len; i++)
		if (arch_parse_any(arches->ptr[i].s) == (int)arch)
			return true;
	return false;
}

/* What a build in the tree leaves behind is no input; what slsc.yaml says of it is in its script. */
bool graph_is_input(const char *path)
{
	return !starts_with(path, "dist/") && strcmp(path, "compile_commands.json") != 0 &&
	       strcmp(path, "slsc.yaml") != 0 && strcmp(path, "slsc.lock") != 0 && !ends_with(path, ".o") &&
	       !ends_with(path, ".a") && !ends_with(path, ".d") && is_writable(path);
}

/* What makes a function's own build command run again. */
static int command_inputs(const struct graph *g, const struct function *f, struct strs *inputs,
			  struct err *err)
{
	CLEAN_STRS struct strs all = { 0 };

	for (size_t i = 0; i < f->build_inputs.len; i++) {
		size_t first = inputs->len;

		if (project_glob(g->p, f->build_inputs.ptr[i], inputs, err) < 0)
			return -1;
		for (size_t j = first; j < inputs->len; j++)
			if (check_writable(g, f->build_inputs.ptr[i], inputs->ptr[j], err) < 0)
				return -1;
	}
	if (f->build_inputs.len)
		return 0;
	if (fs_glob(g->p->dir, "**", &all, err) < 0)
		return -1;
	VEC_EACH(&all, s)
		if (graph_is_input(*s))
			strs_take(inputs, steal(s));
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
		VEC_EACH(&found, s)
			if (check_source(g, pattern, *s, err) < 0)
				return -1;
	}
	for (size_t i = 0; i < t->dep->includes.len; i++) {
		struct lstr inc = t->dep->includes.ptr[i];
		CLEAN_FREE char *dir = path_join(t->dir, inc.s);

		if (!fs_is_dir(dir)) {
			project_err(g->p, ERR_CONFIG, inc, err, "dependency '%s' has no directory '%s'",
				    t->dep->name.s, inc.s);
			return err_hint(err, "its files at %.12s are in %.180s", t->commit, t->dir);
		}
	}
	return check_defines(g, &t->dep->defines, err);
}

/* Some thousand names in a large project: printf is felt there. */
static const char *join(struct arena *a, const char *const *parts, size_t n)
{
	size_t len[8], total = 0;
	char *out, *p;

	for (size_t i = 0; i < n; i++)
		total += len[i] = strlen(parts[i]);
	p = out = arena_alloc(a, total + 1);
	for (size_t i = 0; i < n; p += len[i++])
		memcpy(p, parts[i], len[i]);
	return out;
}

#define JOIN(a, ...)                                                                               \
	join(a, (const char *const[]){ __VA_ARGS__ }, ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })))

static void name_outputs(struct graph *g, struct target *t)
{
	struct arena *a = &g->arena;
	const char *arch = arch_name(t->arch), *name = t->fn->name.s;
	const char *dir = JOIN(a, ".slsc/", g->profile->name, "/", arch, "/");

	t->out = JOIN(a, dir, name);
	if (g->profile->strip)
		t->debug = JOIN(a, t->out, ".debug");
	if (!t->fn->build_command.s && t->tc->kind != TC_ZIG && t->tc->kind != TC_WASI)
		t->map = JOIN(a, t->out, ".map");
	t->full = JOIN(a, GRAPH_LINK_DIR "/", arch, "/", name);
	t->objdir = JOIN(a, dir, ".obj/", t->tc->name, "/", name);
}

/* What a profile asks for and the toolchain cannot do is said, not left out. */
static int check_linkable(const struct graph *g, const struct toolchain *tc, struct err *err)
{
	const struct profile *pr = g->profile;
	struct lstr where = { pr->name, pr->line, pr->col };

	if (!pr->static_link && tc->kind != TC_GNU) {
		project_err(g->p, ERR_CONFIG, where, err, "profile '%s' is not static, and toolchain '%s' only links "
			    "statically", pr->name, tc->name);
		return err_hint(err, "use toolchain: gnu");
	}
	if (pr->pie && tc->kind == TC_ZIG) {
		project_err(g->p, ERR_CONFIG, where, err, "profile '%s' is pie, which toolchain '%s' does not link "
			    "statically", pr->name, tc->name);
		return err_hint(err, "use toolchain: musl");
	}
	return 0;
}

/* What no wasm32 can be made of; told when it is asked for, since the other functions can. */
static const struct err *refuse_wasm(const struct graph *g, const struct function *f, const struct toolchain_use *use)
{
	struct err *e = arena_new(&g->p->arena, struct err);

	*e = (struct err)ERR_INIT;
	if (f->runtime == RUNTIME_HTTP) {
		project_err(g->p, ERR_CONFIG, f->name, e, "'%s' has runtime http, which wasm32 cannot have: WASI "
			    "opens no sockets", f->name.s);
		err_hint(e, "runtime lambda takes one event on stdin; or give '%.60s' arches without wasm32",
			 f->name.s);
	} else if (use->of.stage.s) {
		project_err(g->p, ERR_CONFIG, use->of.stage, e, "stage '%s' does not compile for wasm32: this "
			    "machine's clang does", use->of.stage.s);
		err_hint(e, "name a toolchain for '%.60s', or give it arches without wasm32", f->name.s);
	} else if (!g->profile->static_link) {
		project_err(g->p, ERR_CONFIG, (struct lstr){ g->profile->name, g->profile->line, g->profile->col }, e,
			    "profile '%s' is not static, and wasm32 has no shared libraries", g->profile->name);
	}
	return e->code ? e : NULL;
}

static int open_stage(struct graph *g, const struct function *f, const struct toolchain_use *use,
		      const struct build_stage **out, struct err *err)
{
	if (!g->p->stages)
		return project_check_stage(g->p, &use->of, err);
	if (g->p->stages->open(g->p->stages, g->p, use, out, err) < 0)
		return -1;
	return f->build_command.s ? 0 : check_stage_paths(g, f, *out, err);
}

static int add_targets(struct graph *g, const struct function *f, struct err *err)
{
	CLEAN_STRS struct strs sources = { 0 };
	const struct build_stage *stage = NULL;
	struct toolchain_use use;

	project_toolchain_use(g->p, f, &use);
	if (f->build_command.s ? command_inputs(g, f, &sources, err) < 0 :
				 (expand_sources(g, f, &sources, err) < 0 || check_function(g, f, &use.of, err) < 0))
		return -1;
	if (use.of.stage.s && open_stage(g, f, &use, &stage, err) < 0)
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
		if (arch == ARCH_WASM32)
			t->refused = refuse_wasm(g, f, &use);
		if (find_toolchain(g, &use, arch == ARCH_WASM32 ? NULL : stage, arch, &t->tc, err) < 0 ||
		    (arch != ARCH_WASM32 && check_linkable(g, t->tc, err) < 0))
			return -1;
		g->ntargets++;
		name_outputs(g, t);
		VEC_EACH(&sources, s) {
			strs_add(&t->sources, *s);
			if (f->build_command.s)
				continue;
			if (links_as_it_is(*s))
				strs_add(&t->objects, *s);
			else
				strs_add(&t->objects, JOIN(&g->arena, t->objdir, "/", *s, ".o"));
		}
	}
	return 0;
}

int graph_plan(struct graph *g, struct project *p, const struct profile *pr, const struct dep_trees *deps,
	       struct err *err)
{
	CLEAN_FREE char *share = dirs_share();
	CLEANUP(fs_dirs_release) struct fs_dirs dirs = { 0 };
	int r = 0;

	*g = (struct graph){ .p = p, .profile = pr, .deps = deps };
	g->share = arena_strdup(&g->arena, share);
	if (strpbrk(p->dir, "\n\r")) {
		err_set(err, ERR_CONFIG, "%s: the project's directory has a line break in its path", p->dir);
		return err_hint(err, "rename the directory");
	}
	if (check_profile(g, err) < 0)
		return -1;
	for (size_t i = 0; i < deps->len; i++)
		if (check_dependency(g, &deps->ptr[i], err) < 0)
			return -1;
	/* functions tend to share directories */
	p->dirs = &dirs;
	for (size_t i = 0; r == 0 && i < p->nfunctions; i++)
		if (function_compiles(p->functions[i]))
			r = add_targets(g, p->functions[i], err);
	p->dirs = NULL;
	return r;
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
