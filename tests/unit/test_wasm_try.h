/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests and the fuzz target hold of any bytes: read or refused, and what is read survives stripping. */
#ifndef TEST_WASM_TRY_H
#define TEST_WASM_TRY_H

#include <stdlib.h>
#include <string.h>

#include "wasm/wasm.h"

static void wasm_try(const void *p, size_t n)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT, again = WASM_INIT;
	CLEAN_BUF struct buf made = BUF_INIT;
	struct err err = ERR_INIT;

	if (wasm_parse(&f, "module", p, n, &err) < 0) {
		if (err.code == ERR_NONE || !*err.msg)
			abort();
		return;
	}
	wasm_strip_bytes(p, n, &made);
	if (made.len != n - f.custom || wasm_parse(&again, "module", made.ptr, made.len, &err) < 0 || again.custom ||
	    again.nimports != f.nimports || again.nexports != f.nexports || again.code != f.code)
		abort();
	for (size_t i = 0; i < f.nimports; i++)
		if (strcmp(f.imports[i].name, again.imports[i].name) != 0)
			abort();
}

#endif
