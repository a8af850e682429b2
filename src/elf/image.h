/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_IMAGE_H
#define SLSC_ELF_IMAGE_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/vec.h"
#include "os/fs.h"

/** A file put together from pieces of memory, which are borrowed until it is written. */
struct elf_image {
	VEC(struct iovec) pieces;
	uint64_t len;
};

void elf_image_release(struct elf_image *img);
#define CLEAN_IMAGE __attribute__((cleanup(elf_image_release)))

void elf_image_add(struct elf_image *img, const void *p, size_t n);
/** elf_image_align - zeros until the length is @rest modulo @align, a power of two of at most 64. */
void elf_image_align(struct elf_image *img, uint64_t align, uint64_t rest);
/** elf_image_crc32 - of all bytes, as .gnu_debuglink wants it (IEEE 802.3, reflected, as zlib's). */
uint32_t elf_image_crc32(const struct elf_image *img);
/** elf_image_write - write all bytes to @t. */
int elf_image_write(const struct elf_image *img, struct fs_tmp *t, struct err *err) MUST_CHECK;

#endif
