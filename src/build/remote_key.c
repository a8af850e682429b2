/* SPDX-License-Identifier: Apache-2.0 */
/* What decides a binary's bytes, but for the files that it is made of: commands, environment, programs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/remote_internal.h"
#include "build/sysroot.h"
#include "os/fs.h"
#include "os/proc.h"

/* ---- directories by their names on every machine ---- */

struct place_name {
	char *dir;  /* heap */
	char *name; /* heap */
};
struct place_names {
	VEC(struct place_name) v;
};

static void names_release(struct place_names *p)
{
	VEC_EACH(&p->v, n) {
		free(n->dir);
		free(n->name);
	}
	VEC_FREE(&p->v);
}

static void add_name(struct place_names *p, char *dir, char *name)
{
	VEC_PUSH(&p->v, ((struct place_name){ dir, name }));
}

/* The deepest first: one may be in another. */
static int by_depth(const void *a, const void *b)
{
	const size_t x = strlen(((const struct place_name *)a)->dir), y = strlen(((const struct place_name *)b)->dir);

	return x < y ? 1 : x > y ? -1 : 0;
}

static void list_names(const struct graph *g, struct place_names *p)
{
	add_name(p, xstrdup(g->p->dir), xstrdup("@project"));
	add_name(p, xstrdup(g->share), xstrdup("@slsc"));
	add_name(p, dirs_cache(), xstrdup("@cache"));
	for (size_t i = 0; i < g->deps->len; i++)
		add_name(p, xstrdup(g->deps->ptr[i].dir), xasprintf("@dep/%s", g->deps->ptr[i].dep->name.s));
	qsort(p->v.ptr, p->v.len, sizeof(*p->v.ptr), by_depth);
}

static bool is_part(char c)
{
	return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+@~%", c);
}

/* Right behind an option's letters: -I/dir, -isystem/dir. */
static bool is_behind_option(const char *p, const char *start)
{
	while (p > start && ((p[-1] >= 'a' && p[-1] <= 'z') || (p[-1] >= 'A' && p[-1] <= 'Z')))
		p--;
	return p > start && p[-1] == '-' && (p - 1 == start || !is_part(p[-2]));
}

/* @from at @p, as whole components of a path. */
static bool is_at(const char *p, const char *end, const char *start, const char *from, size_t len)
{
	if (len < 2 || (size_t)(end - p) < len || memcmp(p, from, len) != 0)
		return false;
	return (p + len == end || !is_part(p[len])) && (p == start || !is_part(p[-1]) || is_behind_option(p, start));
}

static void place_with(const struct place_names *names, const char *text, size_t n, bool back, struct buf *out)
{
	const char *end = text + n;

	for (const char *p = text; p < end; p++) {
		const struct place_name *hit = NULL;

		if (*p == (back ? '@' : '/'))
			VEC_EACH(&names->v, it)
				if (!hit &&
				    is_at(p, end, text, back ? it->name : it->dir, strlen(back ? it->name : it->dir)))
					hit = it;
		if (!hit) {
			buf_addc(out, *p);
			continue;
		}
		buf_addz(out, back ? hit->dir : hit->name);
		p += strlen(back ? hit->name : hit->dir) - 1;
	}
}

void remote_place(const struct graph *g, const char *text, size_t n, bool back, struct buf *out)
{
	CLEANUP(names_release) struct place_names names = { .v = { 0 } };

	list_names(g, &names);
	place_with(&names, text, n, back, out);
}

char *remote_local(const struct graph *g, const char *path)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (path[0] != '@')
		return path_join(g->p->dir, path);
	remote_place(g, path, strlen(path), true, &b);
	return buf_detach(&b);
}

/* ---- programs ---- */

/*
 * Of a large file its digest is kept by what stat(2) says of it: LLVM's library has 100 MB. What is wrong there costs a
 * miss, or nothing: an upgrade changes the file's inode.
 */
static int digest_program(const char *path, struct digest *out, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *dir = path_join(cache, "programs"), *record = NULL, *what = NULL;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct digest id;
	struct err ignored;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	what = xasprintf("%s %llu %llu %lld %lld.%09ld %lld.%09ld", path, (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			 st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	if (digest_of(what, strlen(what), &id, err) < 0)
		return -1;
	record = path_join(dir, digest_hex(&id));
	if (fs_exists(record) && fs_read(record, DIGEST_LEN, &b, &ignored) == 0 &&
	    digest_parse(b.ptr, out, &ignored) == 0)
		return 0;
	if (digest_file(path, out, NULL, err) < 0)
		return -1;
	if (fs_mkdirs(dir, &ignored) < 0 || fs_write_lazy(record, str_from(out->s), 0644, &ignored) < 0)
		ignored.code = ERR_NONE;
	return 0;
}

/* The C library does not decide what a compiler makes of a source, and has updates of its own. */
static bool is_libc(const char *path)
{
	static const char *const names[] = {
		"libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "ld-linux"
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (starts_with(path_basename(path), names[i]))
			return true;
	return false;
}

static int add_digest(struct digest_ctx *md, const char *path, struct err *err)
{
	struct digest d;

	if (digest_program(path, &d, err) < 0)
		return -1;
	digest_update(md, d.s, strlen(d.s));
	return 0;
}

/* What the loader would load with it: "\tlibLLVM-14.so.1 => /usr/lib/... (0x00007f...)". */
static int add_libraries(struct digest_ctx *md, const char *path, struct err *err)
{
	const char *const argv[] = { "ldd", path, NULL };
	CLEAN_BUF struct buf out = BUF_INIT, rest = BUF_INIT;
	struct str lines;
	int status;

	if (proc_run(argv, &(struct proc_opts){ .out = &out, .errout = &rest, .null_stdin = true, .timeout_ms = 10000 },
		     &status, err) < 0)
		return -1;
	/* "not a dynamic executable" */
	if (status)
		return 0;
	for (lines = buf_str(&out); lines.len;) {
		struct str line = lines;
		CLEAN_FREE char *text = NULL;
		char *at, *end;

		lines = str_cut(&line, '\n');
		text = xstrndup(line.ptr, line.len);
		at = strstr(text, "=> /");
		if (!at)
			continue;
		at += 3;
		end = strstr(at, " (");
		if (end)
			*end = '\0';
		if (!is_libc(at) && add_digest(md, at, err) < 0)
			return -1;
	}
	return 0;
}

/* What stands before compilers under their names, and does not decide what they make. */
static bool is_launcher(const char *path)
{
	static const char *const names[] = { "ccache", "distcc", "sccache", "icecc", "buildcache" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path_basename(path), names[i]) == 0)
			return true;
	return false;
}

static bool is_elf(const char *path)
{
	struct fs_map m;
	struct err ignored;
	bool elf;

	if (fs_map_open(&m, path, UINT64_MAX, &ignored) < 0)
		return false;
	elf = m.len > 4 && memcmp(m.ptr, "\177ELF", 4) == 0;
	fs_map_close(&m);
	return elf;
}

/* 1: @path is a program itself; 0: a script, which leads to another of that name. */
static int add_candidate(struct digest_ctx *md, const char *path, struct map *seen, struct err *err)
{
	CLEAN_FREE char *real = realpath(path, NULL);

	if (!real || access(real, X_OK) < 0 || fs_is_dir(real) || is_launcher(real) || map_put(seen, real, seen))
		return 0;
	if (add_digest(md, real, err) < 0)
		return -1;
	if (!is_elf(real))
		return 0;
	return add_libraries(md, real, err) < 0 ? -1 : 1;
}

/* A wrapper's content counts, and so does the next program of that name on PATH, which it is there to run. */
static int add_program(struct digest_ctx *md, const char *command, struct err *err)
{
	CLEAN_FREE char *name = xstrndup(command, strcspn(command, " \t"));
	CLEAN_MAP struct map seen = { 0 };
	const char *path = getenv("PATH");
	struct str rest = str_from(path ? path : "");
	int ret = 0;

	digest_update(md, name, strlen(name) + 1);
	if (strchr(name, '/'))
		rest = STR("");
	if (strchr(name, '/'))
		ret = add_candidate(md, name, &seen, err);
	while (ret == 0 && rest.len) {
		struct str dir = rest;
		CLEAN_FREE char *at = NULL;

		rest = str_cut(&dir, ':');
		at = xasprintf(STR_FMT "/%s", STR_ARG(dir), name);
		if (dir.len && dir.ptr[0] == '/')
			ret = add_candidate(md, at, &seen, err);
	}
	if (ret == 0)
		return err_set(err, ERR_NOTFOUND, "%s: no program of that name on PATH", name);
	return ret < 0 ? -1 : 0;
}

static int add_gcc(struct digest_ctx *md, struct remote *r, const struct toolchain *tc, struct err *err)
{
	static const char *const programs[] = { "cc1", "lto1", "collect2", "lto-wrapper", "liblto_plugin.so" };
	static const char *const binutils[] = { "as", "ld" };
	CLEAN_FREE char *prefix = xstrndup(tc->cc, strlen(tc->cc) - strlen("gcc"));
	const char *dir = gcc_dir(&r->arena, NULL, tc->arch, "cc1");

	if (!dir)
		return err_set(err, ERR_NOTFOUND, "%s: its compiler proper is not found", tc->cc);
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		CLEAN_FREE char *path = path_join(dir, programs[i]);

		if (fs_exists(path) && add_digest(md, path, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(binutils); i++) {
		CLEAN_FREE char *name = xasprintf("%s%s", prefix, binutils[i]);

		if (add_program(md, name, err) < 0)
			return -1;
	}
	return 0;
}

static int identify(struct digest_ctx *md, struct remote *r, const struct toolchain *tc, struct err *err)
{
	static const char *const wasi[] = { "/usr/lib/wasm32-wasi/libc.a", "/usr/lib/wasm32-wasi/crt1-command.o" };

	/* of a cached musl no list of a stage's has the headers */
	if (tc->cached) {
		CLEAN_FREE char *sysroot = sysroot_dir(tc->arch), *packages = path_join(sysroot, "packages");
		CLEAN_FREE char *libc = path_join(sysroot, "lib/libc.a");

		if (add_digest(md, packages, err) < 0 || add_digest(md, libc, err) < 0)
			return -1;
	}
	if (tc->stage) {
		digest_update(md, tc->stage->digest, sizeof(tc->stage->digest));
		return 0;
	}
	if (add_program(md, tc->cc, err) < 0)
		return -1;
	switch (tc->kind) {
	case TC_MUSL:
		return add_program(md, "ld.lld", err);
	case TC_WASI:
		for (size_t i = 0; i < ARRAY_LEN(wasi); i++)
			if (add_digest(md, wasi[i], err) < 0)
				return -1;
		return add_program(md, "wasm-ld", err);
	case TC_MUSL_GCC:
	case TC_GNU:
		return add_gcc(md, r, tc, err);
	case TC_ZIG:
		return 0;
	}
	return 0;
}

static int identity_of(struct remote *r, const struct toolchain *tc, const char **out, struct err *err)
{
	CLEAN_FREE char *name = xasprintf("%s %d", tc->name, (int)tc->arch);
	struct digest_ctx *md;
	struct digest d;

	*out = map_get(&r->identities, name);
	if (*out)
		return 0;
	md = digest_new(err);
	if (!md)
		return -1;
	if (identify(md, r, tc, err) < 0) {
		digest_free(md);
		return -1;
	}
	digest_final(md, &d);
	*out = arena_strdup(&r->arena, digest_hex(&d));
	map_put(&r->identities, name, (void *)(uintptr_t)*out);
	return 0;
}

/* ---- keys ---- */

/* What compilers and linkers take from the environment. */
static void add_environment(struct buf *b)
{
	static const char *const names[] = { "SOURCE_DATE_EPOCH",   "CPATH",	     "C_INCLUDE_PATH",
					     "LIBRARY_PATH",	    "COMPILER_PATH", "GCC_EXEC_PREFIX",
					     "CCC_OVERRIDE_OPTIONS" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);

		if (v)
			buf_addf(b, "%s=%s\n", names[i], v);
	}
}

static int end_key(const struct buf *b, char out[REMOTE_KEY], struct err *err)
{
	struct digest d;

	if (digest_of(b->ptr, b->len, &d, err) < 0)
		return -1;
	memcpy(out, digest_hex(&d), REMOTE_KEY);
	return 0;
}

int remote_text(const struct graph *g, const struct target *t, char out[REMOTE_KEY], struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "%s %s\n", SLSC_VERSION, t->tc->id);
	graph_target(g, t, &b);
	add_environment(&b);
	return end_key(&b, out, err);
}

int remote_key(struct remote *r, const struct target *t, char out[REMOTE_KEY], struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT, text = BUF_INIT;
	const struct graph *g = r->g;
	const char *identity;

	if (identity_of(r, t->tc, &identity, err) < 0)
		return -1;
	buf_addf(&b, "slsc binary 1 %s %s\n", SLSC_VERSION, identity);
	graph_target(g, t, &text);
	remote_place(g, text.ptr, text.len, false, &b);
	for (size_t i = 0; i < t->fn->dependencies.len; i++)
		for (size_t k = 0; k < g->deps->len; k++)
			if (strcmp(g->deps->ptr[k].dep->name.s, t->fn->dependencies.ptr[i].s) == 0)
				buf_addf(&b, "%s %s\n", g->deps->ptr[k].dep->name.s, g->deps->ptr[k].commit);
	add_environment(&b);
	return end_key(&b, out, err);
}
