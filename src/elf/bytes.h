/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_BYTES_H
#define SLSC_ELF_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Whose each byte of an ELF file is. The pieces are in the file's order, none overlaps another, and together they are
 * the whole file, whatever is in it: what a hostile file claims twice is the first one's, what it claims beyond its end
 * is nobody's.
 */
enum elf_piece_kind {
	ELF_PIECE_HEADERS,	/* "[ELF header]", "[program headers]", "[section headers]" */
	ELF_PIECE_SECTION,	/* ".text"; of a file without section headers "[segment 0]" */
	ELF_PIECE_GAP,		/* between them: "[padding]" is zeros or traps, "[no section]" something else */
};

struct elf_piece {
	uint64_t offset, size;	/* in the file, bytes; never empty */
	enum elf_piece_kind kind;
	const char *section;	/* never NULL */
	const char *symbol;	/* NULL: none, or not asked for; "puts@plt": an entry of a PLT */
	const char *unit;	/* the source as the debug information calls it; NULL: it does not say */
	const char *object;	/* what the linker took it from; NULL: nobody says */
};

struct elf_bytes {
	uint64_t size;		/* of the file */
	struct elf_piece *ptr;
	size_t len, cap;
	struct elf_bytes_priv *priv;	/* owns all names */
};
#define ELF_BYTES_INIT { .size = 0 }
#define CLEAN_ELF_BYTES __attribute__((cleanup(elf_bytes_release)))

/** Bytes at an address, from the linker's map. Names are borrowed as long as the pieces are used. */
struct elf_owner {
	uint64_t addr, size;
	const char *name;
};

/**
 * elf_bytes_open - the headers and sections of @path. After a failure, too, @b is to be released; with ERR_FORMAT or
 * ERR_LIMIT it has the pieces that could be read of the file, and they are the whole of it. Else it is empty.
 */
int elf_bytes_open(struct elf_bytes *b, const char *path, struct err *err) MUST_CHECK;
void elf_bytes_release(struct elf_bytes *b);
/**
 * elf_bytes_symbols - divides loaded sections by the symbols of .symtab, else of @debug's, else by .dynsym's.
 * @debug: the file that elf_debug_find() found; NULL: none. The address of a byte is what counts.
 * Of symbols that begin at the same byte a global one comes before a weak and that before a local one, then the
 * first of the table. One that begins inside of another has what that leaves. One without a size in code, as assembly
 * has them, reaches to the next; a local one has to be a function. What is in .bss takes no byte of the file.
 * ERR_NOTFOUND: it has no symbols; ERR_FORMAT, ERR_LIMIT: what could be read counts.
 */
int elf_bytes_symbols(struct elf_bytes *b, const char *debug, struct err *err) MUST_CHECK;
/**
 * elf_bytes_units - says each piece's unit, by DWARF 2 to 5 in the file, else in @debug: code by the unit's ranges, or
 * those of a function that comes from another unit (LTO); data by the addresses of variables. After
 * elf_bytes_symbols(), which says how large a variable is. A unit is called by its name alone, or, if another
 * directory has one of that name, with its directory.
 * ERR_NOTFOUND: there is no debug information; ERR_FORMAT with the offset of the unit or entry, ERR_LIMIT: what could
 * be read counts.
 */
int elf_bytes_units(struct elf_bytes *b, const char *debug, struct err *err) MUST_CHECK;
/**
 * elf_bytes_objects - says each piece's object. What has no unit gets that of its object's other pieces, if these have
 * but one: constants without a name, and unwind tables. @owners is sorted here.
 */
void elf_bytes_objects(struct elf_bytes *b, struct elf_owner *owners, size_t n);

/**
 * elf_debug_find - the file with the debug information of @path, heap: *@out, or NULL if there is none. A file counts
 * if it has the same build-id; without one, if .gnu_debuglink's checksum is right. Looked at, in this order:
 * .gnu_debuglink's name beside @path, in .debug/ there and in each of @dirs (NULL-terminated, or NULL); @path with
 * ".debug" after it; .build-id/ab/cdef.debug beside it and in /usr/lib/debug.
 * ERR_IO; ERR_FORMAT, ERR_LIMIT of @path.
 */
int elf_debug_find(const char *path, const char *const *dirs, char **out, struct err *err) MUST_CHECK;
/** elf_debug_check - that @debug is for @path. ERR_NOTFOUND: it is not there; ERR_VERIFY: it is another build's. */
int elf_debug_check(const char *path, const char *debug, struct err *err) MUST_CHECK;

#endif
