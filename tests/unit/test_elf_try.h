/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_ELF_TRY_H
#define SLSC_TEST_ELF_TRY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf/elf.h"

/*
 * Everything that reads an ELF file, on one input. Whatever the bytes: an answer or a message. A file
 * that was split must be one that can be read. @dir takes the files that are written.
 */
static void elf_try(const uint8_t *data, size_t size, const char *dir)
{
	static const char *const bad[] = { "/home/u/proj", NULL };
	static int fd = -1;
	char path[64], out[128], debug[128];
	const char *paths[] = { path };
	struct elf_rules rules = { .arch = ELF_ARCH_X86_64, .bad_paths = bad };
	struct elf_sections sections = { 0 };
	struct elf_symbols symbols = { 0 };
	struct strs names = { 0 };
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;
	bool bitcode;
	int opened;

	if (fd < 0)
		fd = memfd_create("elf", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(debug, sizeof(debug), "%s/out.debug", dir);

	opened = elf_open(&f, path, &err);
	if (opened == 0 && (elf_sections(&f, &sections, &err) < 0 || elf_symbols(&f, &symbols, &err) < 0) &&
	    !*err.msg)
		abort();
	if (opened < 0 && !*err.msg)
		abort();
	VEC_FREE(&sections);
	VEC_FREE(&symbols);
	elf_close(&f);
	if (elf_verify(path, &rules, &err) < 0 && !*err.msg)
		abort();
	if (elf_defined_functions(paths, 1, ELF_ARCH_X86_64, &names, &bitcode, &err) < 0 && !*err.msg)
		abort();
	strs_release(&names);
	if (elf_split_debug(path, out, debug, &err) < 0)
		return;
	if (opened < 0 || elf_open(&f, out, &err) < 0)
		abort();
	elf_close(&f);
	unlink(out);
	unlink(debug);
}

#endif
