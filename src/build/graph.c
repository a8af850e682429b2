/* SPDX-License-Identifier: Apache-2.0 */
/* build.ninja and compile_commands.json, from the plan. */
#include "build/graph.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "os/fs.h"

/*
 * What may differ between two runs without making anything stale comes through the environment: the launcher
 * and where slsc itself is. Everything else is in the command, so a change of it is a change of the output.
 */
#define NINJA_HEAD                                                                                 \
	"# Written by slsc from slsc.yaml; changes are lost.\n"                                    \
	"ninja_required_version = 1.8\n"

/* The compiler's own colour: ninja takes it away unless we ask it not to. */
#define COLOR "-fdiagnostics-color=always"

/* Shell text in a ninja value: only $ is special. A line break has no escape: the plan refuses it. */
static void add_value(struct buf *b, const char *s)
{
	const char *from = s;

	for (; *s; s++)
		if (*s == '$') {
			buf_add(b, from, (size_t)(s - from));
			buf_addc(b, '$');
			from = s;
		}
	buf_add(b, from, (size_t)(s - from));
}

/* A path in a build statement. '|' has no escape: the plan refuses it. */
static void add_path(struct buf *b, const char *s)
{
	const char *from = s;

	buf_addc(b, ' ');
	for (; *s; s++)
		if (*s == '$' || *s == ' ' || *s == ':') {
			buf_add(b, from, (size_t)(s - from));
			buf_addc(b, '$');
			from = s;
		}
	buf_add(b, from, (size_t)(s - from));
}

static void add_joined(struct buf *b, const char *flag, const char *s)
{
	CLEAN_FREE char *word = xasprintf("%s%s", flag, s);

	if (b->len)
		buf_addc(b, ' ');
	buf_add_shell(b, word);
}

/* gcc splits the map at its last '=', clang 14 at its first: there such a directory keeps its name in debug files. */
static void add_map(const struct toolchain *tc, struct buf *b, const char *from, const char *to)
{
	CLEAN_FREE char *map = xasprintf("%s=%s", from, to);

	if (!tc->clang || !strchr(from, '='))
		add_joined(b, "-ffile-prefix-map=", map);
}

/* For compiles by a function's own build command, wherever that goes to. */
static void add_maps(const struct graph *g, const struct toolchain *tc, struct buf *b)
{
	add_map(tc, b, g->p->dir, ".");
	if (tc->clang && strchr(g->p->dir, '='))
		add_joined(b, "", "-ffile-compilation-dir=.");
	for (size_t i = 0; tc->maps[i].dir; i++)
		add_map(tc, b, tc->maps[i].dir, tc->maps[i].to);
}

/*
 * gcc takes the working directory's name from PWD, if that leads there: one name for all machines, and so the arguments
 * that take it away again are the same everywhere. clang is told directly. In a stage, nobody compares arguments.
 */
#define ANY_DIR "/proc/self/cwd"

static bool is_nameless(const struct toolchain *tc)
{
	return !tc->stage && tc->kind != TC_ZIG;
}

static void add_own_maps(const struct graph *g, const struct toolchain *tc, struct buf *b)
{
	if (!is_nameless(tc)) {
		add_maps(g, tc, b);
		return;
	}
	if (tc->clang)
		add_joined(b, "", "-ffile-compilation-dir=.");
	else
		add_map(tc, b, ANY_DIR, ".");
	for (size_t i = 0; tc->maps[i].dir; i++)
		add_map(tc, b, tc->maps[i].link ? tc->maps[i].link : tc->maps[i].dir, tc->maps[i].to);
}

/* Flags that slsc.yaml has may hold the project's path. */
static void add_map_if_named(const struct graph *g, struct buf *b)
{
	CLEAN_FREE char *map = NULL;

	if (!strstr(b->ptr, g->p->dir))
		return;
	map = xasprintf("%s=.", g->p->dir);
	add_joined(b, "-ffile-prefix-map=", map);
}

static void add_defines(struct buf *b, const struct lkvs *defines)
{
	for (size_t i = 0; i < defines->len; i++) {
		const struct lkv *kv = &defines->ptr[i];
		CLEAN_FREE char *d = kv->val.s ? xasprintf("%s=%s", kv->key.s, kv->val.s) : xstrdup(kv->key.s);

		add_joined(b, "-D", d);
	}
}

/* ".slsc/in/dep/NAME", and in binaries "/dep/NAME"; heap. */
static char *dep_link(const struct dep_tree *t)
{
	return xasprintf(GRAPH_IN_DIR "/dep/%s", t->dep->name.s);
}

/* A path in the tree, by that link; heap. */
static char *dep_path(const struct dep_tree *t, const char *path)
{
	CLEAN_FREE char *link = dep_link(t);
	CLEAN_FREE char *joined = path_join(link, path);

	return path_clean(joined);
}

/* What every compile of one toolchain has: shell text. */
static void tc_flags(const struct graph *g, const struct toolchain *tc, const char *cflags, struct buf *b)
{
	/* a build command chooses its own language */
	buf_addf(b, "%s %s -std=gnu11 ", tc->target, cflags);
	profile_cflags(tc, g->profile, b);
	if (is_nameless(tc))
		add_map_if_named(g, b);
	add_own_maps(g, tc, b);
	add_map(tc, b, GRAPH_IN_SLSC, "/slsc");
	for (size_t i = 0; i < g->deps->len; i++) {
		CLEAN_FREE char *from = dep_link(&g->deps->ptr[i]);

		add_map(tc, b, from, from + strlen(GRAPH_IN_DIR));
	}
}

static const struct dep_tree *dep_of(const struct graph *g, const char *name)
{
	for (size_t i = 0; i < g->deps->len; i++)
		if (strcmp(g->deps->ptr[i].dep->name.s, name) == 0)
			return &g->deps->ptr[i];
	BUG("dependency '%s' was not resolved", name);
}

/* What a function's sources have beyond that. */
static void fn_flags(const struct graph *g, const struct function *f, struct buf *b)
{
	add_defines(b, &f->defines);
	for (size_t i = 0; i < f->includes.len; i++)
		add_joined(b, f->includes.ptr[i].s[0] == '/' ? "-isystem" : "-I", f->includes.ptr[i].s);
	if (f->runtime != RUNTIME_NONE)
		add_joined(b, "-I", GRAPH_IN_SLSC "/runtime/include");
	for (size_t i = 0; i < f->dependencies.len; i++) {
		const struct dep_tree *t = dep_of(g, f->dependencies.ptr[i].s);

		for (size_t j = 0; j < t->dep->includes.len; j++) {
			CLEAN_FREE char *dir = dep_path(t, t->dep->includes.ptr[j].s);

			add_joined(b, "-isystem", dir);
		}
	}
	for (size_t i = 0; i < f->flags.len; i++)
		add_joined(b, "", f->flags.ptr[i].s);
	add_map_if_named(g, b);
}

static void dep_flags(const struct dep_tree *t, struct buf *b)
{
	add_defines(b, &t->dep->defines);
	for (size_t i = 0; i < t->dep->includes.len; i++) {
		CLEAN_FREE char *dir = dep_path(t, t->dep->includes.ptr[i].s);

		add_joined(b, "-I", dir);
	}
	/* A third party's warnings are theirs. */
	add_joined(b, "", "-w");
	for (size_t i = 0; i < t->dep->flags.len; i++)
		add_joined(b, "", t->dep->flags.ptr[i].s);
}

static void fn_libs(const struct function *f, struct buf *b)
{
	for (size_t i = 0; i < f->ldflags.len; i++)
		add_joined(b, "", f->ldflags.ptr[i].s);
	for (size_t i = 0; i < f->libs.len; i++) {
		const char *lib = f->libs.ptr[i].s;

		add_joined(b, lib_is_file(lib) ? "" : "-l", lib);
	}
}

static void rule_name(const struct toolchain *tc, const char *what, struct buf *b)
{
	buf_addz(b, what);
	buf_addz(b, tc->name);
	buf_addc(b, '_');
	buf_addz(b, arch_name(tc->arch));
}

static const char *link_pre(const struct graph *g, const struct toolchain *tc)
{
	if (!g->profile->static_link && tc->kind == TC_GNU)
		return "";
	return g->profile->pie ? tc->pie_pre : tc->link_pre;
}

/* @map: the linker has written $full.map. */
static void add_finish(const struct graph *g, enum arch arch, bool map, struct buf *b)
{
	buf_addf(b, " && \"$$SLSC_SELF\" _finish --json %s%s --in $full --out $out%s%s", arch_name(arch),
		 g->profile->static_link ? "" : " --dynamic", g->profile->strip ? " --debug $out.debug" : "",
		 map ? " --map $out.map" : "");
}

/* zig's driver knows no -Map; wasm-ld's map is another format, and no package is made of its output. */
static bool has_map(const struct toolchain *tc)
{
	return tc->kind != TC_ZIG && tc->kind != TC_WASI;
}

static void add_rules(const struct graph *g, const struct toolchain *tc, struct buf *b)
{
	CLEAN_BUF struct buf flags = BUF_INIT, ld = BUF_INIT, own = BUF_INIT;

	tc_flags(g, tc, tc->cflags, &flags);
	profile_ldflags(tc, g->profile, &ld);
	buf_addz(b, "\nrule ");
	rule_name(tc, "cc_", b);
	buf_addz(b, "\n  command = ");
	/* a launcher is this machine's; what the stage has of its own is known by its digest */
	if (tc->stage)
		add_value(b, tc->run);
	else if (is_nameless(tc) && !tc->clang)
		buf_addz(b, "PWD=" ANY_DIR " ");
	buf_addz(b, tc->stage ? "--deps $out.d " : "$$SLSC_LAUNCHER ");
	add_value(b, tc->cc);
	buf_addc(b, ' ');
	add_value(b, flags.ptr);
	buf_addf(b, " " COLOR " $f %s -MF $out.d -c $in -o $out && \"$$SLSC_SELF\" _deps -- $out.d $in",
		 tc->stage ? "-MMD" : "-MD");
	for (size_t i = 0; i < g->profile->flags.len; i++)
		add_joined(&own, "", g->profile->flags.ptr[i].s);
	buf_addz(b, own.len ? " " : "");
	add_value(b, own.ptr);
	buf_addf(b, " $f # " SLSC_VERSION " %s $share\n", tc->id);
	buf_addf(b, "  depfile = $out.d\n  deps = gcc\n  description = compile $in (%s)\nrule ",
		 arch_name(tc->arch));
	rule_name(tc, "link_", b);
	buf_addz(b, "\n  command = ");
	add_value(b, tc->run);
	add_value(b, tc->cc);
	buf_addc(b, ' ');
	add_value(b, tc->target);
	buf_addc(b, ' ');
	add_value(b, link_pre(g, tc));
	buf_addc(b, ' ');
	add_value(b, ld.ptr);
	buf_addz(b, " " COLOR " $in $libs ");
	add_value(b, tc->link_post);
	buf_addf(b, " -o $full%s", has_map(tc) ? " -Wl,-Map=$full.map" : "");
	add_finish(g, tc->arch, has_map(tc), b);
	buf_addf(b, " # " SLSC_VERSION " %s\n  description = link $out (%s)\n", tc->id, arch_name(tc->arch));
}

/* @kind@name: the variable with the flags. @more: shell text after them, or "". */
static void add_compile(const struct toolchain *tc, const char *obj, const char *src, const char *kind,
			const char *name, const char *more, struct buf *b)
{
	buf_addz(b, "build");
	add_path(b, obj);
	buf_addz(b, ": ");
	rule_name(tc, "cc_", b);
	add_path(b, src);
	buf_addz(b, "\n  f = ${");
	buf_addz(b, kind);
	buf_addz(b, name);
	buf_addc(b, '}');
	buf_addz(b, more);
	buf_addc(b, '\n');
}

#define RUNTIME_SHARED                                                                                           \
	"text", "out", "base64", "json", "arena", "time", "log", "lazy", "message", "pool", "heap_profile",      \
		"client", "client_parse", "resolve", "breaker", "retry", "preheat"
/* The Lambda loop; an HTTP function has it too, for the events of function URLs. */
#define RUNTIME_API \
	"lambda", "lambda_api", "lambda_crash", "lambda_deadline", "lambda_restore", "lambda_stream"

static const char *const runtime_sources[][48] = {
	[RUNTIME_LAMBDA] = { RUNTIME_SHARED, RUNTIME_API, "entry_lambda", NULL },
	[RUNTIME_HTTP] = { RUNTIME_SHARED, RUNTIME_API, "http", "http_call", "http_conn", "http_event", "http_file",
			   "http_request", "http_profile", "http_response", "http_route", "http_serve", "http_workers",
			   "cloudevents", "entry_http", NULL },
	[RUNTIME_NONE] = { NULL },
};

/* One event on stdin: nothing that needs a socket, a signal or a thread. */
static const char *const wasi_sources[] = { "text", "out", "base64", "json", "arena", "time", "log", "wasi",
					    "entry_lambda", NULL };

/* Objects are shared by all functions of one toolchain and arch, but an entry bound to another handler. */
static bool own_entry(const struct target *t, const char *source)
{
	return starts_with(source, "entry_") && strcmp(handler_of(t->fn), "handler") != 0;
}

static char *runtime_object(const struct graph *g, const struct target *t, const char *source)
{
	if (own_entry(t, source))
		return xasprintf("%s/%s.o", t->objdir, source);
	return xasprintf(".slsc/%s/%s/.obj/%s/.runtime/%s.o", g->profile->name, arch_name(t->arch), t->tc->name,
			 source);
}

static bool first_time(struct map *seen, const char *path)
{
	return !map_has(seen, path) && !map_put(seen, path, seen);
}

static const char *const *runtime_list(const struct target *t)
{
	return t->arch == ARCH_WASM32 && t->fn->runtime == RUNTIME_LAMBDA ? wasi_sources
									  : runtime_sources[t->fn->runtime];
}

/*
 * What the link of @t takes of the runtime: as the end of its inputs, in @inputs. Functions of one toolchain, arch and
 * runtime have the same, but for an own entry: two dozen names, which are put together once for all of them.
 */
static void add_runtime(const struct graph *g, const struct target *t, struct map *seen, struct buf *inputs,
			struct buf *b)
{
	for (const char *const *s = runtime_list(t); *s; s++) {
		CLEAN_FREE char *obj = runtime_object(g, t, *s);
		CLEAN_FREE char *src = xasprintf(GRAPH_IN_SLSC "/runtime/%s.c", *s);
		CLEAN_FREE char *handler = NULL;

		add_path(inputs, obj);
		if (!first_time(seen, obj))
			continue;
		if (own_entry(t, *s))
			handler = xasprintf(" -DSLSC_HANDLER_SYMBOL=%s", handler_of(t->fn));
		add_compile(t->tc, obj, src, "runtime_flags", "", handler ? handler : "", b);
	}
}

/* The object's name for a source that lies in a dependency's tree. */
static void add_dependencies(const struct graph *g, const struct target *t, struct map *seen,
			     struct strs *objects, struct buf *b)
{
	for (size_t i = 0; i < t->fn->dependencies.len; i++) {
		const struct dep_tree *d = dep_of(g, t->fn->dependencies.ptr[i].s);
		CLEAN_STRS struct strs found = { 0 };
		struct err err;

		for (size_t j = 0; j < d->dep->sources.len; j++)
			if (fs_glob(d->dir, d->dep->sources.ptr[j].s, &found, &err) < 0)
				BUG("%s", err.msg);	/* the plan checked it */
		strs_sort(&found);
		VEC_EACH(&found, s) {
			CLEAN_FREE char *obj = xasprintf(".slsc/%s/%s/.obj/%s/.dep/%s-%.12s/%s.o",
							 g->profile->name, arch_name(t->arch), t->tc->name,
							 d->dep->name.s, d->commit, *s);
			CLEAN_FREE char *src = dep_path(d, *s);

			strs_add(objects, obj);
			if (first_time(seen, obj))
				add_compile(t->tc, obj, src, "d_", d->dep->name.s, "", b);
		}
	}
}

static void add_out(const struct target *t, struct buf *b)
{
	buf_addz(b, "\nbuild");
	add_path(b, t->out);
	if (t->debug || t->map)
		buf_addz(b, " |");
	if (t->debug)
		add_path(b, t->debug);
	if (t->map)
		add_path(b, t->map);
	buf_addz(b, ": ");
}

static void add_full(const struct target *t, struct buf *b)
{
	buf_addz(b, "  full = ");
	buf_addz(b, t->full);
	buf_addc(b, '\n');
}

/* What add_runtime() says of one kind of target. */
struct runtime_inputs {
	const struct toolchain *tc;
	enum runtime runtime;
	struct buf text;
};

struct runtime_cache {
	struct runtime_inputs *ptr;
	size_t len, cap;
};

static void runtime_cache_release(struct runtime_cache *c)
{
	VEC_EACH(c, r)
		buf_release(&r->text);
	VEC_FREE(c);
}

static const struct buf *runtime_inputs(const struct graph *g, const struct target *t, struct map *seen,
					struct runtime_cache *cache, struct buf *own, struct buf *b)
{
	struct runtime_inputs new = { .tc = t->tc, .runtime = t->fn->runtime, .text = BUF_INIT };

	if (strcmp(handler_of(t->fn), "handler") != 0) {
		add_runtime(g, t, seen, own, b);
		return own;
	}
	VEC_EACH(cache, r)
		if (r->tc == t->tc && r->runtime == t->fn->runtime)
			return &r->text;
	add_runtime(g, t, seen, &new.text, b);
	VEC_PUSH(cache, new);
	return &cache->ptr[cache->len - 1].text;
}

static void add_link(const struct graph *g, const struct target *t, struct map *seen, struct runtime_cache *cache,
		     struct buf *b)
{
	CLEAN_STRS struct strs extra = { 0 }, implicit = { 0 };
	CLEAN_BUF struct buf own = BUF_INIT;
	const struct buf *runtime;

	for (size_t i = 0; i < t->objects.len; i++)
		if (strcmp(t->objects.ptr[i], t->sources.ptr[i]) != 0)
			add_compile(t->tc, t->objects.ptr[i], t->sources.ptr[i], "f_", t->fn->name.s, "",
				    b);
	add_dependencies(g, t, seen, &extra, b);
	runtime = runtime_inputs(g, t, seen, cache, &own, b);
	add_out(t, b);
	rule_name(t->tc, "link_", b);
	VEC_EACH(&t->objects, o)
		add_path(b, *o);
	VEC_EACH(&extra, o)
		add_path(b, *o);
	buf_add(b, runtime->ptr, runtime->len);
	graph_implicit(g, t, &implicit);
	VEC_EACH(&implicit, path) {
		buf_addz(b, path == implicit.ptr ? " |" : "");
		add_path(b, *path);
	}
	buf_addz(b, "\n  libs = $l_");
	buf_addz(b, t->fn->name.s);
	buf_addc(b, '\n');
	add_full(t, b);
}

/* FNV-1a: an input that is gone, or renamed, is a change that no modification time shows. */
static uint64_t hash_names(const struct strs *names)
{
	uint64_t h = 0xcbf29ce484222325u;

	VEC_EACH(names, n)
		for (const char *p = *n;; p++) {
			h = (h ^ (unsigned char)*p) * 0x100000001b3u;
			if (!*p)
				break;
		}
	return h;
}

/* A function with a build command of its own: a script that sets the environment, then runs it. */
static void add_command(const struct target *t, struct buf *b)
{
	/* no such file: the command is out of date */
	CLEAN_FREE char *script = xasprintf("%s/command.sh%s", t->objdir, t->rewritten ? ".new" : "");

	if (t->rewritten) {
		buf_addz(b, "\nbuild");
		add_path(b, script);
		buf_addz(b, ": phony\n");
	}
	add_out(t, b);
	buf_addz(b, "command_");
	buf_addz(b, arch_name(t->arch));
	add_path(b, script);
	buf_addz(b, " |");
	for (int cxx = 0; cxx < 2 && !t->rewritten; cxx++) {
		CLEAN_FREE char *wrapper = graph_wrapper_path(t, cxx);

		add_path(b, wrapper);
	}
	VEC_EACH(&t->sources, input)
		add_path(b, *input);
	buf_addf(b, "\n  inputs = %016llx\n", (unsigned long long)hash_names(&t->sources));
	if (t->tc->stage) {
		buf_addz(b, "  run = ");
		add_value(b, t->tc->run);
		buf_addc(b, '\n');
	}
	add_full(t, b);
}

static bool has_wasm(const struct project *p)
{
	for (size_t i = 0; i < p->narches; i++)
		if (p->arches[i] == ARCH_WASM32)
			return true;
	return false;
}

static void add_command_rules(const struct graph *g, struct buf *b)
{
	const enum arch end = has_wasm(g->p) ? ARCH_ALL : ARCH_COUNT;

	for (enum arch a = 0; a < end; a++) {
		buf_addf(b, "\nrule command_%s\n  command = ${run}sh $in", arch_name(a));
		add_finish(g, a, false, b);
		/* one at a time: the arches of one source tree often share it */
		buf_addf(b, " # " SLSC_VERSION " $inputs\n  description = build $out (%s)\n  pool = command\n",
			 arch_name(a));
	}
}

static bool by_command(const struct function *f)
{
	return f->build_command.s != NULL;
}

static bool usable(const struct target *t)
{
	return t->tc->nmissing == 0 && !t->refused;
}

void graph_ninja(const struct graph *g, struct buf *b)
{
	CLEANUP(runtime_cache_release) struct runtime_cache cache = { 0 };
	CLEAN_MAP struct map seen = { 0 };
	CLEAN_STRS struct strs share = { 0 };
	bool commands = false;

	buf_addf(b, NINJA_HEAD "builddir = .slsc/%s\n\npool command\n  depth = 1\n\n", g->profile->name);
	/* another slsc's runtime may be older than the objects of this one's */
	strs_add(&share, g->share);
	buf_addf(b, "share = %016llx\nruntime_flags = -I" GRAPH_IN_SLSC "/runtime/include\n",
		 (unsigned long long)hash_names(&share));
	for (size_t i = 0; i < g->deps->len; i++) {
		CLEAN_BUF struct buf f = BUF_INIT;

		dep_flags(&g->deps->ptr[i], &f);
		buf_addf(b, "d_%s = ", g->deps->ptr[i].dep->name.s);
		add_value(b, f.ptr);
		buf_addc(b, '\n');
	}
	for (size_t i = 0; i < g->p->nfunctions; i++) {
		const struct function *f = g->p->functions[i];
		CLEAN_BUF struct buf flags = BUF_INIT, libs = BUF_INIT;

		if (!function_compiles(f))
			continue;
		commands |= by_command(f);
		fn_flags(g, f, &flags);
		fn_libs(f, &libs);
		buf_addf(b, "f_%s = ", f->name.s);
		add_value(b, flags.ptr);
		buf_addf(b, "\nl_%s = ", f->name.s);
		add_value(b, libs.ptr);
		buf_addc(b, '\n');
	}
	for (size_t i = 0; i < g->ntoolchains; i++)
		if (!g->toolchains[i]->nmissing)
			add_rules(g, g->toolchains[i], b);
	if (commands)
		add_command_rules(g, b);
	buf_addc(b, '\n');
	for (size_t i = 0; i < g->ntargets; i++) {
		if (!usable(&g->targets[i]))
			continue;
		if (by_command(g->targets[i].fn))
			add_command(&g->targets[i], b);
		else
			add_link(g, &g->targets[i], &seen, &cache, b);
	}
}

static int link_in(const struct graph *g, const char *name, const char *target, bool *changed, struct err *err)
{
	CLEAN_FREE char *path = path_join(g->p->dir, name);
	CLEAN_FREE char *tmp = xasprintf("%s/.slsc/.slsc-tmp.%ld.in", g->p->dir, (long)getpid());
	CLEAN_FREE char *dir = path_dirname(path);
	char now[PATH_MAX];
	ssize_t n = readlink(path, now, sizeof(now));

	if (n == (ssize_t)strlen(target) && memcmp(now, target, (size_t)n) == 0)
		return 0;
	if (fs_mkdirs(dir, err) < 0)
		return -1;
	unlink(tmp);
	if (symlink(target, tmp) < 0 || rename(tmp, path) < 0) {
		err_sys(err, "cannot create %s", path);
		unlink(tmp);
		return -1;
	}
	*changed = true;
	return 0;
}

int graph_links(const struct graph *g, bool *changed, struct err *err)
{
	if (link_in(g, GRAPH_IN_SLSC, g->share, changed, err) < 0)
		return -1;
	for (size_t i = 0; i < g->deps->len; i++) {
		CLEAN_FREE char *name = dep_link(&g->deps->ptr[i]);

		if (link_in(g, name, g->deps->ptr[i].dir, changed, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < g->ntoolchains; i++)
		for (size_t j = 0; g->toolchains[i]->maps[j].dir; j++)
			if (g->toolchains[i]->maps[j].link &&
			    link_in(g, g->toolchains[i]->maps[j].link, g->toolchains[i]->maps[j].dir, changed, err) < 0)
				return -1;
	return 0;
}

void graph_objects(const struct graph *g, const struct target *t, struct strs *out)
{
	CLEAN_MAP struct map seen = { 0 };
	CLEAN_BUF struct buf ignored = BUF_INIT;

	for (size_t i = 0; i < t->objects.len; i++)
		if (strcmp(t->objects.ptr[i], t->sources.ptr[i]) != 0)
			strs_add(out, t->objects.ptr[i]);
	add_dependencies(g, t, &seen, out, &ignored);
	for (const char *const *s = runtime_list(t); *s; s++)
		strs_take(out, runtime_object(g, t, *s));
}

void graph_target(const struct graph *g, const struct target *t, struct buf *b)
{
	CLEANUP(runtime_cache_release) struct runtime_cache cache = { 0 };
	CLEAN_MAP struct map seen = { 0 };
	CLEAN_BUF struct buf flags = BUF_INIT, libs = BUF_INIT;
	struct toolchain tc = *t->tc;
	struct target own = *t;

	tc.id = "";
	own.tc = &tc;
	fn_flags(g, t->fn, &flags);
	fn_libs(t->fn, &libs);
	buf_addf(b, "%s\n%s\n", flags.ptr, libs.ptr);
	for (size_t i = 0; i < t->fn->dependencies.len; i++) {
		CLEAN_BUF struct buf f = BUF_INIT;

		dep_flags(dep_of(g, t->fn->dependencies.ptr[i].s), &f);
		buf_addf(b, "%s\n", f.ptr);
	}
	add_rules(g, &tc, b);
	add_link(g, &own, &seen, &cache, b);
}

void graph_compdb(const struct graph *g, struct buf *b)
{
	bool first = true;

	buf_addc(b, '[');
	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];
		CLEAN_BUF struct buf flags = BUF_INIT;

		/* one entry a file: the first arch of each function */
		if ((i > 0 && g->targets[i - 1].fn == t->fn) || by_command(t->fn) || !usable(t))
			continue;
		buf_addf(&flags, "%s ", t->tc->cc);
		/* for editors, which are not in a stage */
		tc_flags(g, t->tc, t->tc->cflags_outside ? t->tc->cflags_outside : t->tc->cflags, &flags);
		buf_addc(&flags, ' ');
		fn_flags(g, t->fn, &flags);
		for (size_t j = 0; j < t->sources.len; j++) {
			CLEAN_BUF struct buf cmd = BUF_INIT;

			if (strcmp(t->sources.ptr[j], t->objects.ptr[j]) == 0)
				continue;
			buf_addf(&cmd, "%s -c ", flags.ptr);
			buf_add_shell(&cmd, t->sources.ptr[j]);
			buf_addz(b, first ? "\n" : ",\n");
			first = false;
			buf_addz(b, "{\"directory\":");
			buf_add_json(b, str_from(g->p->dir));
			buf_addz(b, ",\"file\":");
			buf_add_json(b, str_from(t->sources.ptr[j]));
			buf_addz(b, ",\"command\":");
			buf_add_json(b, buf_str(&cmd));
			buf_addc(b, '}');
		}
	}
	buf_addz(b, "\n]\n");
}

char *graph_wrapper_path(const struct target *t, bool cxx)
{
	CLEAN_FREE char *dir = path_dirname(t->objdir);

	return xasprintf("%s/.bin/slsc-%s", dir, cxx ? "c++" : "cc");
}

void graph_wrapper(const struct graph *g, const struct toolchain *tc, bool cxx, struct buf *b)
{
	CLEAN_BUF struct buf maps = BUF_INIT;
	const char *cc = cxx ? tc->cxx : tc->cc, *pie = g->profile->static_link && g->profile->pie ? "-fPIE " : "";

	add_maps(g, tc, &maps);
	buf_addz(b, "#!/bin/sh\n# Written by slsc: a compiler that links static binaries of the target.\n");
	buf_addz(b, "for a; do\n\tcase $a in\n\t-c | -S | -E | -M | -MM | -fsyntax-only | -shared | -r | --version | "
		    "-v | -V | -qversion | -dump* | -print-*)\n");
	buf_addf(b, "\t\texec %s %s %s %s%s \"$@\" ;;\n\tesac\ndone\n", cc, tc->target, tc->cflags_abs, pie,
		 maps.ptr);
	/* flags of compiles too, since sources may be among the arguments: clang complains if there are none */
	buf_addf(b, "exec %s %s %s %s%s %s%s \"$@\" %s\n", cc, tc->target, tc->cflags_abs, pie, maps.ptr,
		 tc->clang ? "-Wno-unused-command-line-argument " : "", link_pre(g, tc), tc->link_post);
}

/* Debian's clang and lld come without llvm-ar. */
static const char *or_binutils(const struct root *root, const char *tool)
{
	CLEAN_FREE char *path = starts_with(tool, "llvm-") ? root_which(root, tool) : NULL;

	return path || !starts_with(tool, "llvm-") ? tool : tool + strlen("llvm-");
}

static void add_export(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "export %s=", name);
	buf_add_shell(b, value);
	buf_addc(b, '\n');
}

void graph_command(const struct graph *g, const struct target *t, struct buf *b)
{
	CLEAN_BUF struct buf cflags = BUF_INIT, ldflags = BUF_INIT;
	CLEAN_FREE char *wrapper = graph_wrapper_path(t, false);
	CLEAN_FREE char *bin = path_dirname(wrapper);
	CLEAN_FREE char *path = path_join(g->p->dir, bin);
	CLEAN_FREE char *out = path_join(g->p->dir, t->full);
	CLEAN_FREE char *build_dir = xasprintf("%s/%s/build", g->p->dir, t->objdir);

	profile_cflags(t->tc, g->profile, &cflags);
	profile_ldflags(t->tc, g->profile, &ldflags);
	buf_addz(b, "# Written by slsc from slsc.yaml; changes are lost.\nset -e\n");
	/* Found on PATH: a project's path may hold blanks, which make's $(CC) does not survive. */
	buf_addz(b, "PATH=");
	buf_add_shell(b, path);
	buf_addz(b, ":$PATH\nexport PATH CC=slsc-cc CXX=slsc-c++\n");
	add_export(b, "AR", or_binutils(t->tc->root, t->tc->ar));
	add_export(b, "RANLIB", or_binutils(t->tc->root, t->tc->ranlib));
	add_export(b, "STRIP", or_binutils(t->tc->root, t->tc->strip));
	add_export(b, "SLSC_ARCH", arch_name(t->arch));
	add_export(b, "SLSC_PROFILE", g->profile->name);
	add_export(b, "SLSC_OUT", out);
	add_export(b, "SLSC_BUILD_DIR", build_dir);
	add_export(b, "CFLAGS", cflags.ptr);
	add_export(b, "CXXFLAGS", cflags.ptr);
	add_export(b, "LDFLAGS", ldflags.ptr);
	buf_addf(b, "# %s\nmkdir -p \"$SLSC_BUILD_DIR\"\n(\n%s\n)\n", t->tc->id, t->fn->build_command.s);
	buf_addz(b, "[ -f \"$SLSC_OUT\" ] || { echo \"the command made no file at SLSC_OUT ($SLSC_OUT)\" >&2; "
		    "exit 1; }\n");
}
