/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "os/fs.h"
#include "wasm/wasm.h"

#define SHOWN_MAX 60u	/* bytes of a name that a message quotes */

/* Adds a violation; the first one's hint is the one shown. */
static void violates(struct buf *what, const char **hint, const char *its_hint, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void violates(struct buf *what, const char **hint, const char *its_hint, const char *fmt, ...)
{
	va_list ap;

	if (what->len)
		buf_addz(what, "; ");
	else
		*hint = its_hint;
	va_start(ap, fmt);
	buf_vaddf(what, fmt, ap);
	va_end(ap);
}

/* A module's names come from anybody: no control character of theirs reaches a terminal. */
static const char *shown(struct arena *a, const char *s)
{
	char *copy = arena_printf(a, "%.*s", (int)SHOWN_MAX, s);

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || (unsigned char)*p >= 0x80)
			*p = '?';
	return copy;
}

static bool exports(const struct wasm_file *f, const char *name, enum wasm_kind kind)
{
	for (size_t i = 0; i < f->nexports; i++)
		if (f->exports[i].kind == kind && strcmp(f->exports[i].name, name) == 0)
			return true;
	return false;
}

static const char *hint_of(struct wasm_file *f, const struct wasm_import *m)
{
	const char *near = wasm_wasi_closest(m->name);

	if (strcmp(m->module, WASM_WASI) != 0 || m->kind != WASM_FUNC)
		return "what the engine gives is " WASM_WASI " alone: define it, or leave it out";
	if (near)
		return arena_printf(&f->arena, "WASI has no such function: did you mean '%s'?", near);
	return "WASI has no such function: define it, or leave it out";
}

static void check_imports(struct wasm_file *f, struct buf *what, const char **hint)
{
	size_t n = 0;

	for (size_t i = 0; i < f->nimports; i++) {
		const struct wasm_import *m = &f->imports[i];

		if (wasm_is_wasi(m) || n++ >= 5)
			continue;
		violates(what, hint, hint_of(f, m),
			 "imports %s '%s' from '%s'", wasm_kind_name(m->kind), shown(&f->arena, m->name),
			 shown(&f->arena, m->module));
	}
	if (n > 5)
		violates(what, hint, "", "has %zu other foreign imports", n - 5);
}

/* Core specification 2.0, 3.4.10: no engine takes it. The first is enough. */
static void check_exports(struct wasm_file *f, struct buf *what, const char **hint)
{
	CLEAN_MAP struct map seen = { 0 };

	for (size_t i = 0; i < f->nexports; i++) {
		if (map_put(&seen, f->exports[i].name, f)) {
			violates(what, hint, "a source exports it once more, by export_name",
				 "exports '%s' twice", shown(&f->arena, f->exports[i].name));
			return;
		}
	}
}

static void check_paths(const void *p, size_t n, const char *const *bad, struct buf *what, const char **hint)
{
	for (; bad && *bad; bad++) {
		const char *slash = strchr(*bad + 1, '/');

		if (slash && slash[1] && memmem(p, n, *bad, strlen(*bad)))
			violates(what, hint, "a source names it, with __FILE__ or a string of its own",
				 "holds the path of this machine '%s'", *bad);
	}
}

int wasm_verify(const char *path, const struct wasm_rules *rules, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (fs_read(path, WASM_SIZE_MAX, &b, err) < 0)
		return -1;
	return wasm_verify_bytes(path, b.ptr, b.len, rules, err);
}

int wasm_verify_bytes(const char *name, const void *p, size_t n, const struct wasm_rules *rules, struct err *err)
{
	CLEAN_BUF struct buf what = BUF_INIT;
	CLEAN_WASM struct wasm_file f = WASM_INIT;
	const char *hint = "";

	if (wasm_parse(&f, name, p, n, err) < 0)
		return -1;
	check_imports(&f, &what, &hint);
	if (!exports(&f, "_start", WASM_FUNC))
		violates(&what, &hint, "link it as a command, with a main()", "does not export the function '_start'");
	if (!exports(&f, "memory", WASM_MEMORY))
		violates(&what, &hint, "WASI's functions need it", "does not export its 'memory'");
	check_exports(&f, &what, &hint);
	if (!rules->allow_custom && f.custom)
		violates(&what, &hint, "strip it", "is not stripped: %" PRIu64 " bytes are of custom sections",
			 f.custom);
	check_paths(p, n, rules->bad_paths, &what, &hint);
	if (!what.len)
		return 0;
	err_set(err, ERR_VERIFY, "%s: %s", name, what.ptr);
	return err_hint(err, "%s", hint);
}
