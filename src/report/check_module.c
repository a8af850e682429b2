/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "report/check_internal.h"
#include "wasm/wasm.h"

static bool exports(const struct wasm_file *f, const char *name, enum wasm_kind kind)
{
	for (size_t i = 0; i < f->nexports; i++)
		if (f->exports[i].kind == kind && strcmp(f->exports[i].name, name) == 0)
			return true;
	return false;
}

void check_module(struct check *c, const char *where, const void *p, size_t n)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT;
	struct err err;

	if (wasm_parse(&f, "the module", p, n, &err) < 0) {
		check_add(c, RULE_MODULE_FORMAT, where, "%s", err.msg);
		return;
	}
	if (!exports(&f, "_start", WASM_FUNC))
		check_add(c, RULE_MODULE_FORMAT, where, "does not export the function '_start'");
	if (!exports(&f, "memory", WASM_MEMORY))
		check_add(c, RULE_MODULE_FORMAT, where, "does not export its 'memory'");
	for (size_t i = 0; i < f.nimports; i++)
		if (strcmp(f.imports[i].module, WASM_WASI) != 0 || f.imports[i].kind != WASM_FUNC)
			check_add(c, RULE_MODULE_IMPORTS, where, "imports %s '%s' from '%s'",
				  wasm_kind_name(f.imports[i].kind), f.imports[i].name, f.imports[i].module);
}
