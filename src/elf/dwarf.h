/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_DWARF_H
#define SLSC_ELF_DWARF_H

#include <elfutils/libdw.h>

#include "elf/bytes_internal.h"

/* The only user of libdw. */
#define ELF_MAX_DEBUG (UINT64_C(1) << 31)	/* bytes of all debug sections, uncompressed */

struct elf_dwarf {
	char *path;
	int fd;
	Elf *elf;
	Dwarf *dw;
	uint64_t info;		/* bytes of .debug_info */
};

/** elf_dwarf_open - the debug information in @path. *@out is NULL if it has none. ERR_FORMAT, ERR_LIMIT. */
int elf_dwarf_open(struct elf_dwarf **out, const struct elf_raw *r, const char *path, struct err *err) MUST_CHECK;

struct elf_unit {
	uint64_t offset;	/* of its entry */
	const char *name, *dir;	/* dir: "" if it is not said */
	Dwarf_Die die;
};
struct elf_units {
	struct elf_unit *ptr;	/* by offset */
	size_t len, cap;
};

/** elf_dwarf_units - those before the first that is malformed. */
int elf_dwarf_units(struct elf_dwarf *d, struct elf_units *out, struct err *err) MUST_CHECK;

/**
 * elf_dwarf_walk - calls @variable with the address of each variable below the unit, @tls: it is an offset in the
 * thread's own data; and @function with the ranges of functions whose source is the unit at offset @origin.
 */
struct elf_dwarf_visit {
	void (*variable)(void *ctx, uint64_t addr, bool tls);
	void (*function)(void *ctx, uint64_t origin, uint64_t low, uint64_t high);
	void *ctx;
};
int elf_dwarf_walk(struct elf_dwarf *d, struct elf_unit *u, const struct elf_dwarf_visit *v, struct err *err)
	MUST_CHECK;

#endif
