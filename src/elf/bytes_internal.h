/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_BYTES_INTERNAL_H
#define SLSC_ELF_BYTES_INTERNAL_H

#include "base/arena.h"
#include "elf/bytes.h"
#include "elf/internal.h"

/** An ELF file's tables as far as they are inside of it: they were copied, since nothing says they are aligned. */
struct elf_raw {
	struct fs_map map;
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	size_t nph;
	Elf64_Shdr *sh;		/* sh_offset and sh_size are inside of the file; NOBITS has no size */
	size_t nsh;
	const char **names;	/* of sections; "" where there is none */
};

/** elf_raw_read - what can be read, also after a failure. */
int elf_raw_read(struct elf_raw *r, const char *path, struct err *err) MUST_CHECK;
void elf_raw_release(struct elf_raw *r);
/** elf_raw_names - the bytes of string table @index up to its last NUL, so that each name in them has an end. */
uint64_t elf_raw_names(const struct elf_raw *r, size_t index, const char **base);

/** Bytes of the file with an address. */
struct elf_place {
	uint64_t addr, size, offset;
	bool tls, exec;
};

/** A part of the file and whose it is. */
struct elf_span {
	uint64_t offset, end;
	uint32_t rank;		/* of those that begin together, the lowest is first */
	uint32_t order;		/* and then the lowest of these */
	const char *name;
};
struct elf_spans {
	struct elf_span *ptr;
	size_t len, cap;
};

struct elf_bytes_priv {
	struct arena arena;
	char *path;
	struct elf_raw main, debug;
	struct { struct elf_place *ptr; size_t len, cap; } places;	/* by address */
	struct elf_spans symbols;	/* settled */
	struct elf_dwarf *dwarf;
};

/** elf_bytes_place - the place that @addr is in, or NULL. */
const struct elf_place *elf_bytes_place(const struct elf_bytes *b, uint64_t addr, bool tls);

/** elf_spans_sort - by offset; of those that begin together by rank and order. */
void elf_spans_sort(struct elf_spans *spans);
/** elf_spans_settle - leaves each byte of sorted spans to one, the first that has it. */
void elf_spans_settle(struct elf_spans *spans);
/** elf_spans_find - of settled spans the one that begins at @offset, or NULL. */
const struct elf_span *elf_spans_find(const struct elf_spans *spans, uint64_t offset);

enum elf_piece_field { ELF_FIELD_SYMBOL, ELF_FIELD_UNIT, ELF_FIELD_OBJECT };
/** elf_bytes_divide - settled spans become pieces of their own; a name that is there already stays. */
void elf_bytes_divide(struct elf_bytes *b, const struct elf_spans *spans, enum elf_piece_field field);

/** elf_bytes_plt - names the entries of PLTs after what they jump to, "puts@plt". After the symbols. */
void elf_bytes_plt(struct elf_bytes *b);

void elf_dwarf_free(struct elf_dwarf *d);

#endif
