/* SPDX-License-Identifier: Apache-2.0 */
#include <ar.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "elf/elf.h"
#include "elf/internal.h"

struct scan {
	enum elf_arch arch;
	struct strs *names;
	bool *bitcode;
};

/* Raw bitcode, and the wrapper that Darwin's linkers want (LLVM Bitcode File Format). */
static bool is_bitcode(const char *p, size_t len)
{
	return len >= 4 && (memcmp(p, "BC\xc0\xde", 4) == 0 || memcmp(p, "\xde\xc0\x17\x0b", 4) == 0);
}

static int scan_object(struct scan *s, Elf *elf, const char *name, struct err *err)
{
	struct elf_symbols syms = { 0 };
	struct elf_file f = { 0 };
	Elf64_Ehdr ehdr;
	size_t len;
	char *p = elf_rawfile(elf, &len);
	int rc;

	if (p && is_bitcode(p, len)) {
		*s->bitcode = true;
		return 0;
	}
	if (!p)
		return elf_lib_error(err, name, "cannot be read");
	if (elf_check_header(&f, name, (const uint8_t *)p, len, &ehdr, err) < 0)
		return -1;
	if (s->arch && f.arch != s->arch)
		return err_set(err, ERR_VERIFY, "%s: is %s, not %s", name,
			       f.arch ? elf_arch_name(f.arch) : "for another machine",
			       elf_arch_name(s->arch));
	if (!f.is_64 || !f.is_little)
		return 0;
	rc = elf_read_symbols(elf, name, SHT_SYMTAB, &syms, err);
	VEC_EACH(&syms, sym) {
		/* gcc -flto leaves this mark where it leaves no code. */
		if (strcmp(sym->name, "__gnu_lto_slim") == 0)
			*s->bitcode = true;
		if (sym->defined && *sym->name && sym->bind != STB_LOCAL &&
		    (sym->type == STT_FUNC || sym->type == STT_GNU_IFUNC))
			strs_add(s->names, sym->name);
	}
	VEC_FREE(&syms);
	return rc;
}

static int scan_archive(struct scan *s, Elf *ar, const char *path, size_t len, struct err *err)
{
	Elf *member;
	Elf_Cmd cmd = ELF_C_READ_MMAP;
	uint64_t end = SARMAG; /* of the last member seen */
	int rc = 0;

	while (rc == 0 && (member = elf_begin(-1, cmd, ar))) {
		const Elf_Arhdr *h = elf_getarhdr(member);

		if (!h) {
			rc = elf_lib_error(err, path, "archive member");
		} else if (strcmp(h->ar_name, "/") != 0 && strcmp(h->ar_name, "//") != 0 &&
			   strcmp(h->ar_name, "/SYM64/") != 0) {
			CLEAN_FREE char *name = xasprintf("%s(%s)", path, h->ar_name);

			rc = scan_object(s, member, name, err);
		}
		if (rc == 0)
			end = (uint64_t)elf_getbase(member) + (uint64_t)h->ar_size;
		cmd = elf_next(member);
		elf_end(member);
	}
	/* libelf does not tell the last member from a broken one. Members start at even offsets. */
	if (rc == 0 && end + (end & 1) < len)
		return err_set(err, ERR_FORMAT, "%s: malformed archive at offset 0x%" PRIx64, path, end);
	return rc;
}

static int scan_file(struct scan *s, const char *path, struct err *err)
{
	struct fs_map map;
	Elf *elf = NULL;
	int rc;

	if (fs_map_open(&map, path, ELF_MAX_FILE, err) < 0)
		return -1;
	if (map.len >= 8 && memcmp(map.ptr, "!<thin>\n", 8) == 0) {
		rc = err_set(err, ERR_FORMAT, "%s: is a thin archive, which holds no objects", path);
		err_hint(err, "make it without ar's T or --thin");
	} else if (is_bitcode((const char *)map.ptr, map.len)) {
		*s->bitcode = true;
		rc = 0;
	} else {
		struct elf_file f = { 0 };
		Elf64_Ehdr ehdr;
		bool ar = map.len >= SARMAG && memcmp(map.ptr, ARMAG, SARMAG) == 0;

		/* Before libelf sees it: see elf_check_header(). */
		rc = ar ? 0 : elf_check_header(&f, path, map.ptr, map.len, &ehdr, err);
		if (rc == 0)
			elf = elf_memory((char *)(uintptr_t)map.ptr, map.len);
		if (rc == 0 && !elf)
			rc = elf_lib_error(err, path, "cannot be read");
		else if (rc == 0)
			rc = ar ? scan_archive(s, elf, path, map.len, err) : scan_object(s, elf, path, err);
	}
	elf_end(elf);
	fs_map_close(&map);
	return rc;
}

int elf_defined_functions(const char *const *paths, size_t n, enum elf_arch arch, struct strs *names,
			  bool *bitcode, struct err *err)
{
	struct scan s = { .arch = arch, .names = names, .bitcode = bitcode };
	size_t kept = 0;

	*bitcode = false;
	elf_version(EV_CURRENT);
	for (size_t i = 0; i < n; i++)
		if (scan_file(&s, paths[i], err) < 0)
			return -1;
	strs_sort(names);
	for (size_t i = 0; i < names->len; i++) {
		if (kept && strcmp(names->ptr[kept - 1], names->ptr[i]) == 0)
			free(names->ptr[i]);
		else
			names->ptr[kept++] = names->ptr[i];
	}
	names->len = kept;
	return 0;
}
