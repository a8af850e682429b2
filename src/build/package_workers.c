/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module as a Worker: a directory that workerd serves and wrangler deploys. Beside the module lie a Worker that gives
 * it WASI, and a configuration for each of the two (src/build/workers/).
 */
#include "build/package_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/package_internal.h"
#include "build/package_module.h"
#include "build/workers_files.h"
#include "config/secret.h"
#include "os/fs.h"
#include "os/proc.h"
#include "wasm/wasm.h"

#define CPU_MS_MAX 300000u	/* what wrangler's limits.cpu_ms takes */
#define SHOWN_MAX 5u		/* imports that a message names */

bool workers_wants(const struct packager *pk, const struct function *fn)
{
	return (pk->req->formats & PACKAGE_WORKERS) && function_compiles(fn) &&
	       (!fn->arches.len || module_is_named(&fn->arches));
}

/* Each of the Worker's functions begins a line of its own: "\n\t\t\tfd_write: (". */
static bool is_given(const char *name)
{
	CLEAN_FREE char *line = xasprintf("\n\t\t\t%s: (", name);

	return !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] && strstr(WORKERS_WORKER, line);
}

/* wasm_verify() has seen to it that all are functions of WASI. */
static int check_imports(const struct packager *pk, const struct unit *u, const struct wasm_file *f, struct err *err)
{
	CLEAN_BUF struct buf names = BUF_INIT;
	bool waits = false;
	size_t n = 0;

	for (size_t i = 0; i < f->nimports; i++) {
		const char *name = f->imports[i].name;

		if (is_given(name))
			continue;
		waits |= strcmp(name, "poll_oneoff") == 0;
		if (n++ < SHOWN_MAX)
			buf_addf(&names, "%s%.60s", n > 1 ? ", " : "", name);
	}
	if (!n)
		return 0;
	if (n > SHOWN_MAX)
		buf_addf(&names, " and %zu others", n - SHOWN_MAX);
	project_err(pk->p, ERR_CONFIG, u->fn->name, err, "'%s' imports %s of WASI, which a Worker does not give it",
		    u->fn->name.s, names.ptr);
	if (waits)
		return err_hint(err, "a Worker cannot wait: leave out slsc_sleep_ms(), nanosleep() and poll()");
	return err_hint(err, "docs/WASM.md lists what it gives");
}

/* Both files are for others to have: wrangler's is committed and deployed, workerd's copied to where it serves. */
static void check_secrets(const struct packager *pk, const struct unit *u)
{
	const struct lkvs *env = &u->fn->env;

	for (size_t i = 0; i < u->pkg.ignore.len; i++)
		if (strcmp(u->pkg.ignore.ptr[i].s, "secret-env") == 0)
			return;
	for (size_t i = 0; i < env->len; i++) {
		const struct lkv *e = &env->ptr[i];
		const char *what = e->val.s && *e->val.s ? secret_of_env(e->key.s, e->val.s) : NULL;

		if (what)
			strs_addf(&pk->res->warnings,
				  "%s:%u:%u: %s is %s, and its value is in the Worker, in wrangler.toml and "
				  "config.capnp: take it out of env, and set it by 'wrangler secret put %s'",
				  pk->p->file, e->key.line, e->key.col, e->key.s, what, e->key.s);
	}
}

int workers_check(const struct packager *pk, const struct unit *u, struct err *err)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT;

	if (!u->module)
		return 0;
	if (wasm_open(&f, u->module, err) < 0 || check_imports(pk, u, &f, err) < 0)
		return -1;
	if (u->pkg.includes.len)
		strs_addf(&pk->res->warnings, "%s: a Worker has no files: what package.zip.include names is left out",
			  u->fn->name.s);
	check_secrets(pk, u);
	return 0;
}

/* A string of TOML or of Cap'n Proto: both take UTF-8 as it is. */
static void add_quoted(struct buf *out, const char *s, bool toml)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c >= ' ' && c != 0x7f)
			buf_addc(out, (char)c);
		else if (toml)
			buf_addf(out, "\\u%04x", c);
		else
			buf_addf(out, "\\x%02x", c);
	}
	buf_addc(out, '"');
}

static void add_variable(struct buf *vars, struct buf *bindings, const char *name, const char *value)
{
	add_quoted(vars, name, true);
	buf_addz(vars, " = ");
	add_quoted(vars, value, true);
	buf_addc(vars, '\n');
	buf_addz(bindings, "    (name = ");
	add_quoted(bindings, name, false);
	buf_addz(bindings, ", text = ");
	add_quoted(bindings, value, false);
	buf_addz(bindings, "),\n");
}

/** What stands between two '@' in the files. */
struct blank {
	const char *name, *value;
};

static void fill_in(const char *text, const struct blank *blanks, struct buf *out)
{
	const char *at, *end;

	while ((at = strchr(text, '@')) != NULL) {
		const struct blank *b = blanks;

		end = strchr(at + 1, '@');
		while (end && b->name && !str_eqz((struct str){ at + 1, (size_t)(end - at - 1) }, b->name))
			b++;
		if (!end || !b->name)
			BUG("no such blank: %.20s", at);
		buf_add(out, text, (size_t)(at - text));
		buf_addz(out, b->value);
		text = end + 1;
	}
	buf_addz(out, text);
}

static int put_file(const char *dir, const char *name, struct str text, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, name);

	return fs_write_file(path, text.ptr, text.len, 0644, err);
}

static int put_text(const char *dir, const char *name, const char *text, const struct blank *blanks, struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;

	fill_in(text, blanks, &out);
	return put_file(dir, name, buf_str(&out), err);
}

static int put_files(const struct unit *u, const char *dir, struct err *err)
{
	CLEAN_BUF struct buf vars = BUF_INIT, bindings = BUF_INIT, module = BUF_INIT;
	CLEAN_FREE char *timeout = xasprintf("%" PRIu64, u->fn->timeout_ms);
	CLEAN_FREE char *cpu = xasprintf("%" PRIu64, u->fn->timeout_ms < CPU_MS_MAX ? u->fn->timeout_ms : CPU_MS_MAX);
	CLEAN_FREE char *file = xasprintf("%s.wasm", u->fn->name.s);
	const struct lkvs *env = &u->fn->env;

	for (size_t i = 0; i < env->len; i++)
		if (strcmp(env->ptr[i].key.s, "SLSC_TIMEOUT_MS") != 0)
			add_variable(&vars, &bindings, env->ptr[i].key.s, env->ptr[i].val.s ? env->ptr[i].val.s : "");
	add_variable(&vars, &bindings, "SLSC_TIMEOUT_MS", timeout);
	/* the lines of the files end themselves */
	vars.ptr[--vars.len] = '\0';
	bindings.ptr[--bindings.len] = '\0';
	const struct blank blanks[] = { { "NAME", u->fn->name.s }, { "CPU_MS", cpu }, { "VARS", vars.ptr },
					{ "BINDINGS", bindings.ptr }, { NULL, NULL } };
	if (module_read(u, &module, err) < 0)
		return -1;
	if (put_file(dir, file, buf_str(&module), err) < 0 ||
	    put_text(dir, "worker.mjs", WORKERS_WORKER, blanks, err) < 0 ||
	    put_text(dir, "wrangler.toml", WORKERS_WRANGLER, blanks, err) < 0)
		return -1;
	return put_text(dir, "config.capnp", WORKERS_CONFIG, blanks, err);
}

/* As `sha256sum * | sha256sum` there says in the locale C. */
static int measure(const char *dir, struct digest *digest, uint64_t *size, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf list = BUF_INIT;

	*size = 0;
	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = path_join(dir, names.ptr[i]);
		struct digest d;
		uint64_t n;

		if (digest_file(path, &d, &n, err) < 0)
			return -1;
		buf_addf(&list, "%s  %s\n", digest_hex(&d), names.ptr[i]);
		*size += n;
	}
	return digest_of(list.ptr, list.len, digest, err);
}

bool workers_are(const char *dir, const char *sha256, uint64_t size)
{
	struct err ignored;
	struct digest d;
	uint64_t n;

	return measure(dir, &d, &n, &ignored) == 0 && n == size && strcmp(digest_hex(&d), sha256) == 0;
}

/* @from takes the place of @to, what is there goes: nobody sees half of either. */
static int replace(const char *from, const char *to, struct err *err)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
		return fs_rmtree(from, err);
	/* nothing to exchange it with, or a file system that cannot */
	if (errno != ENOENT && fs_rmtree(to, err) < 0)
		return -1;
	return rename(from, to) == 0 ? 0 : err_sys(err, "cannot write %s", to);
}

int package_workers(struct packager *pk, struct unit *u, struct err *err)
{
	CLEAN_FREE char *tmp = xasprintf("%s/.slsc-tmp.%s.workers", pk->out, u->fn->name.s), *to = NULL;
	struct packaged *a;
	struct err ignored;

	if (!u->worker)
		return 0;
	a = artifact_add(pk, PACKAGE_WORKERS, u, ARCH_WASM32, "%s.workers", u->fn->name.s);
	to = path_join(pk->out, a->name);
	package_step(pk, a->name);
	if (sig_check(err) < 0 || fs_rmtree(tmp, err) < 0 || fs_mkdirs(tmp, err) < 0)
		return -1;
	if (put_files(u, tmp, err) < 0 || measure(tmp, &a->digest, &a->size, err) < 0 || replace(tmp, to, err) < 0) {
		if (fs_rmtree(tmp, &ignored) < 0)
			ignored.code = ERR_NONE;	/* the next run sweeps it */
		a->digest.s[0] = '\0';
		a->size = 0;
		return -1;
	}
	return 0;
}
