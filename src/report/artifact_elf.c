/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "report/artifact_internal.h"

int artifact_elf_open(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };

	(void)o;
	if (elf_open(&f, path, err) < 0)
		return -1;
	a->has_program = true;
	a->arch = arena_strdup(&a->arena, elf_arch_name(f.arch));
	a->linkage = f.has_interp ? "dynamic" : f.type == 3 ? "static-pie" : "static";
	a->stripped = !f.has_symtab && !f.has_debug;
	for (size_t i = 0; i < f.needed.len; i++)
		strs_add(&a->needed, f.needed.ptr[i]);
	return 0;
}

int artifact_elf_view(struct artifact *a, const char *path, const char *debug, enum artifact_view v,
		      struct size_tree *out, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	struct elf_sections s = { 0 };
	uint64_t left;

	(void)debug;
	if (v != VIEW_SECTIONS)
		return err_set(err, ERR_USAGE, "%s: --%s is not there yet", path, artifact_view_names[v]);
	if (elf_open(&f, path, err) < 0 || elf_sections(&f, &s, err) < 0)
		return -1;
	left = f.size;
	size_tree_begin(out, "binary", a->program ? a->program : a->shown);
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i].type != 8 && s.ptr[i].size <= left) {
			size_add(out, out->root, "section", s.ptr[i].name, s.ptr[i].size);
			left -= s.ptr[i].size;
		}
	size_add(out, out->root, "other", "(between sections)", left);
	VEC_FREE(&s);
	size_finish(out);
	return 0;
}
