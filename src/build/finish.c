/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a link: verdict, symbols apart, and only then in place of what was there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/build.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "wasm/wasm.h"

/* A user knows a file by its final name, not by that of what the linker made or of what comes of it on the way. */
static int name_output(const char *tmp, const char *out, struct err *err)
{
	struct err inner = *err;
	const char *at = strstr(inner.msg, tmp);

	if (at) {
		err_set(err, inner.code, "%.*s%s%s", (int)(at - inner.msg), inner.msg, out, at + strlen(tmp));
		err->sys = inner.sys;
		err_hint(err, "%s", inner.hint);
	}
	return -1;
}

/* A module's debug file is the module as the linker made it: engines and debuggers know no other form. */
static int finish_wasm(const struct finish_request *req, struct err *err)
{
	struct wasm_rules rules = { .allow_custom = true };
	CLEAN_FREE char *made = xasprintf("%s.stripped", req->in);

	if (wasm_verify(req->in, &rules, err) < 0)
		return name_output(req->in, req->out, err);
	if (req->debug) {
		rules = (struct wasm_rules){ .bad_paths = req->bad_paths };
		if (wasm_strip(req->in, made, err) < 0 || wasm_verify(made, &rules, err) < 0)
			return name_output(made, req->out, err);
		if (rename(req->in, req->debug) < 0)
			return err_sys(err, "cannot write %s", req->debug);
	} else if (rename(req->in, made) < 0) {
		return err_sys(err, "cannot rename %s", req->in);
	}
	return rename(made, req->out) < 0 ? err_sys(err, "cannot write %s", req->out) : 0;
}

int build_finish(const struct finish_request *req, struct err *err)
{
	struct elf_rules rules = {
		.arch = req->arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64,
		.allow_dynamic = req->allow_dynamic,
		.allow_symbols = true,
	};
	CLEAN_FREE char *made = xasprintf("%s.stripped", req->in);
	CLEAN_FREE char *dir = path_dirname(req->in);
	CLEAN_FREE char *debug = req->debug ? path_join(dir, path_basename(req->debug)) : NULL;
	CLEAN_FREE char *map = xasprintf("%s.map", req->in);

	if (req->arch == ARCH_WASM32)
		return finish_wasm(req, err);
	/* Before anything is replaced: a binary that is wrong leaves the old one where it is. */
	if (elf_verify(req->in, &rules, err) < 0)
		return name_output(req->in, req->out, err);
	if (debug) {
		rules.allow_symbols = false;
		rules.bad_paths = req->bad_paths;
		if (elf_split_debug(req->in, made, debug, err) < 0) {
			name_output(debug, req->debug, err);
			return name_output(made, req->out, err);
		}
		if (elf_verify(made, &rules, err) < 0)
			return name_output(made, req->out, err);
		if (rename(debug, req->debug) < 0)
			return err_sys(err, "cannot write %s", req->debug);
	} else if (fs_copy(req->in, made, 0755, false, err) < 0) {
		return name_output(made, req->out, err);
	}
	if (req->map && rename(map, req->map) < 0)
		return err_sys(err, "cannot write %s", req->map);
	if (rename(made, req->out) < 0)
		return err_sys(err, "cannot write %s", req->out);
	unlink(req->in);
	return 0;
}
