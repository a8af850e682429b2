/* SPDX-License-Identifier: Apache-2.0 */
#include "local/serve.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define CONCURRENCY 100u
#define IDLE_NS (300 * LOOP_S)
#define PARALLEL 80u			/* requests at once in an instance that speaks HTTP, as Cloud Run has it */
#define MEMORY (128ull << 20)
#define TMP (512ull << 20)
#define TIMEOUT_MS 3000u

struct lfn *serve_new(const char *name, enum runtime runtime)
{
	struct lfn *fn = xcalloc(1, sizeof(*fn));

	fn->name = xstrdup(name);
	fn->runtime = runtime;
	fn->timeout_ms = TIMEOUT_MS;
	fn->memory = MEMORY;
	fn->tmp = TMP;
	fn->concurrency = CONCURRENCY;
	fn->parallel = runtime == RUNTIME_HTTP ? PARALLEL : 1;
	fn->idle_ns = IDLE_NS;
	return fn;
}

/* What of slsc.yaml can be changed while it is served. */
void serve_settings(struct lfn *fn, const struct project *p, const struct function *f)
{
	fn->timeout_ms = f->timeout_ms;
	fn->memory = f->memory;
	fn->cpu = (uint32_t)f->cpu;
	fn->tmp = f->storage;
	fn->concurrency = (unsigned)f->concurrency;
	fn->prewarm = (unsigned)f->prewarm;
	fn->has_breaker = f->breaker;
	fn->has_rate = f->rate > 0;
	if (fn->has_rate)
		rate_limit_init(&fn->rate, (uint32_t)f->rate, (uint32_t)f->rate);
	free(fn->fallback_file);
	free(fn->fallback_function);
	fn->fallback_file = f->fallback_file.s ? path_join(p->dir, f->fallback_file.s) : NULL;
	fn->fallback_function = f->fallback_function.s ? xstrdup(f->fallback_function.s) : NULL;
	fn->fallback_status = (unsigned)f->fallback_status;
	fn->extensions = f->extensions.s ? path_join(p->dir, f->extensions.s) : NULL;
	strs_release(&fn->env);
	for (size_t i = 0; i < f->env.len; i++)
		strs_addf(&fn->env, "%s=%s", f->env.ptr[i].key.s, f->env.ptr[i].val.s);
}

static void settings(struct lfn *fn, const struct project *p, const struct function *f, const char *binary)
{
	struct stat st;

	serve_settings(fn, p, f);
	if (stat(binary, &st) == 0) {
		fn->binary[0] = st.st_ino;
		fn->binary[1] = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
		fn->binary[2] = (uint64_t)st.st_size;
	}
}

static bool same_env(const struct strs *a, const struct strs *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->ptr[i], b->ptr[i]) != 0)
			return false;
	return true;
}

bool serve_renew(struct lfn *fn, const struct project *p, const struct function *f, const char *binary)
{
	struct lfn was = *fn;
	bool changed;

	fn->env = (struct strs){ 0 };
	fn->extensions = NULL;
	settings(fn, p, f, binary);
	changed = memcmp(was.binary, fn->binary, sizeof(was.binary)) != 0 || was.timeout_ms != fn->timeout_ms ||
		  was.memory != fn->memory || was.cpu != fn->cpu || !same_env(&was.env, &fn->env) ||
		  strcmp(was.extensions ? was.extensions : "", fn->extensions ? fn->extensions : "") != 0;
	strs_release(&was.env);
	free(was.extensions);
	if (changed) {
		breaker_reset(&fn->breaker);
		pool_renew(fn);
	}
	return changed;
}

int serve_qemu(struct lfn *fn, const char *shown, enum arch arch, struct err *err)
{
	CLEAN_FREE char *qemu = arch == arch_host() ? NULL : proc_which(arch_qemu(arch));

	if (qemu)
		strs_add(&fn->argv, qemu);
	if (qemu || arch == arch_host())
		return 0;
	err_set(err, ERR_TOOL, "%s: its architecture is %s, and %s is not found", shown, arch_name(arch),
		arch_qemu(arch));
	return err_hint(err, "apt-get install qemu-user-static");
}

struct lfn *serve_function(const struct project *p, const struct function *f, enum arch arch, const char *binary,
			   struct err *err)
{
	struct lfn *fn = serve_new(f->name.s, f->runtime);

	if (serve_qemu(fn, f->name.s, arch, err) < 0) {
		lfn_free(fn);
		return NULL;
	}
	strs_add(&fn->argv, binary);
	fn->dir = xstrdup(p->dir);
	settings(fn, p, f, binary);
	return fn;
}

struct lfn *serve_command(const char *name, enum runtime runtime, char *const *argv, const char *dir, struct err *err)
{
	CLEAN_FREE char *path = proc_which(argv[0]);
	char whole[PATH_MAX];
	struct lfn *fn;

	if (!path || !realpath(path, whole)) {
		err_set(err, ERR_TOOL, "'%s' is not found%s", argv[0], strchr(argv[0], '/') ? "" : " on PATH");
		return NULL;
	}
	fn = serve_new(name, runtime);
	strs_add(&fn->argv, whole);
	for (size_t i = 1; argv[i]; i++)
		strs_add(&fn->argv, argv[i]);
	fn->dir = xstrdup(dir);
	return fn;
}
