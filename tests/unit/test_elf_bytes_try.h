/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_ELF_BYTES_TRY_H
#define SLSC_TEST_ELF_BYTES_TRY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "elf/bytes.h"

/* The pieces are the file, whatever is in it: one follows the other, from its first byte to its last. */
static inline void bytes_add_up(const struct elf_bytes *b, uint64_t size)
{
	uint64_t at = 0;

	if (b->size != size)
		abort();
	for (size_t i = 0; i < b->len; i++) {
		const struct elf_piece *p = &b->ptr[i];

		if (p->offset != at || !p->size || !p->section || (p->symbol && !*p->symbol))
			abort();
		at += p->size;
	}
	if (at != size)
		abort();
}

/* All of elf/bytes.h on one input, which is its own debug file, too. */
static inline void bytes_try(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct elf_owner owners[] = { { 0x201000, 64, "a.o" }, { 0x201020, 64, "b.o" }, { UINT64_MAX, 2, "c.o" },
				      { 0, UINT64_MAX, "d.o" } };
	struct elf_bytes b = ELF_BYTES_INIT;
	struct err err = ERR_INIT;
	char path[64], *debug = NULL;

	if (fd < 0)
		fd = memfd_create("elf", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (elf_bytes_open(&b, path, &err) < 0 && !*err.msg)
		abort();
	bytes_add_up(&b, size);
	if (elf_bytes_symbols(&b, path, &err) < 0 && !*err.msg)
		abort();
	bytes_add_up(&b, size);
	if (!*err.msg || err.code == ERR_NOTFOUND) {
		if (elf_bytes_units(&b, path, &err) < 0 && !*err.msg)
			abort();
		bytes_add_up(&b, size);
	}
	elf_bytes_objects(&b, owners, ARRAY_LEN(owners));
	bytes_add_up(&b, size);
	elf_bytes_release(&b);
	if (elf_debug_find(path, NULL, &debug, &err) < 0 && !*err.msg)
		abort();
	free(debug);
}

#endif
