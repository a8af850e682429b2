/* SPDX-License-Identifier: Apache-2.0 */
#include "build/package_module.h"

#include "base/mem.h"
#include "build/build.h"
#include "build/package_internal.h"
#include "os/fs.h"
#include "wasm/wasm.h"

bool module_is_named(const struct lstrs *arches)
{
	for (size_t i = 0; i < arches->len; i++)
		if (arch_parse_any(arches->ptr[i].s) == ARCH_WASM32)
			return true;
	return false;
}

bool module_in_layout(const struct packager *pk, const struct function *fn)
{
	const struct strs *only = pk->req->arches;
	bool asked = false, has = module_is_named(&fn->arches);

	if (!(pk->req->formats & PACKAGE_OCI) || !function_compiles(fn))
		return false;
	for (size_t i = 0; only && i < only->len; i++)
		asked |= arch_parse_any(only->ptr[i]) == ARCH_WASM32;
	for (size_t i = 0; i < pk->p->narches && !fn->arches.len; i++)
		has |= pk->p->arches[i] == ARCH_WASM32;
	return only && only->len ? asked && (has || !fn->arches.len) : has;
}

int module_locate(const struct packager *pk, struct unit *u, struct err *err)
{
	CLEAN_FREE char *rel = build_binary_path(pk->profile->name, ARCH_WASM32, u->fn->name.s);
	CLEAN_FREE char *abs = path_join(pk->p->dir, rel);
	const struct wasm_rules rules = { .allow_custom = true };

	if (!fs_exists(abs)) {
		if (pk->req->dry_run)
			return 0;
		err_set(err, ERR_NOTFOUND, "%s is not built for wasm32 in profile '%s': there is no %s", u->fn->name.s,
			pk->profile->name, rel);
		return err_hint(err, "run `slsc build %s --arch wasm32`, or leave out --no-build", u->fn->name.s);
	}
	if (wasm_verify(abs, &rules, err) < 0)
		return -1;
	u->module = steal(&abs);
	return 0;
}

int module_read(const struct unit *u, struct buf *out, struct err *err)
{
	CLEAN_BUF struct buf bytes = BUF_INIT;
	CLEAN_WASM struct wasm_file f = WASM_INIT;

	if (fs_read(u->module, WASM_SIZE_MAX, &bytes, err) < 0 ||
	    wasm_parse(&f, u->module, bytes.ptr, bytes.len, err) < 0)
		return -1;
	wasm_strip_bytes(bytes.ptr, bytes.len, out);
	return 0;
}
