/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_INTERNAL_H
#define SLSC_ELF_INTERNAL_H

#include <gelf.h>
#include <libelf.h>

#include "elf/elf.h"
#include "os/fs.h"

#define ELF_MAX_FILE (UINT64_C(1) << 32)
#define ELF_MAX_SECTIONS (UINT64_C(1) << 20)
#define ELF_MAX_SYMBOLS ((size_t)1 << 24)
/* Linux loads a program only if its table of program headers is no more than 64 KiB. */
#define ELF_MAX_SEGMENTS (65536 / sizeof(Elf64_Phdr))

struct elf_priv {
	struct fs_map map;
	Elf *elf; /* NULL if the file is not 64-bit little-endian */
	Elf64_Ehdr ehdr;
	size_t shnum, shstrndx; /* as they are after extended numbering */
};

/**
 * elf_check_header - whether the @len bytes at @p start with an ELF header whose tables lie inside.
 * @f:     gets machine, type, class, byte order, OS ABI, entry and arch; its path is not touched.
 * @name:  what messages call the file.
 * @ehdr:  out; not set if the file is not 64-bit little-endian, which is no error.
 * This comes before libelf, which allocates for every section that it is told of and cuts tables
 * that reach past the end short without a word.
 */
int elf_check_header(struct elf_file *f, const char *name, const uint8_t *p, size_t len,
		     Elf64_Ehdr *ehdr, struct err *err) MUST_CHECK;

/** elf_read_symbols - append the symbols of @elf's first section of @type; names borrowed from @elf. */
int elf_read_symbols(Elf *elf, const char *name, uint32_t type, struct elf_symbols *out,
		     struct err *err) MUST_CHECK;

/** elf_lib_error - ERR_FORMAT "<name>: <fmt>: <libelf's message>". Returns -1. */
int elf_lib_error(struct err *err, const char *name, const char *what);

#endif
