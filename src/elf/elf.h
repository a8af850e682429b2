/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ELF_ELF_H
#define SLSC_ELF_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

/* The only user of libelf. Every reader is bounded: a hostile file gives ERR_FORMAT with its offset. */

enum elf_arch { ELF_ARCH_UNKNOWN = 0, ELF_ARCH_X86_64, ELF_ARCH_ARM64 };

const char *elf_arch_name(enum elf_arch arch);	/* "x86_64", "arm64", "unknown" */

struct elf_section {
	const char *name;	/* borrowed from the reader */
	uint32_t type;		/* SHT_* */
	uint64_t flags;		/* SHF_* */
	uint64_t addr, offset, size, align;
};

struct elf_symbol {
	const char *name;	/* borrowed from the reader */
	uint64_t value, size;
	unsigned char type, bind;	/* STT_*, STB_* */
	bool defined;
};

/** One ELF file, mapped read-only. */
struct elf_file {
	char *path;
	uint64_t size;			/* bytes of the file */
	enum elf_arch arch;
	uint16_t machine, type;		/* EM_*, ET_* */
	uint64_t entry;			/* address; 0: none */
	bool is_64, is_little;
	unsigned char osabi;
	bool has_interp;
	char interp[256];
	bool has_dynamic;
	struct strs needed;		/* DT_NEEDED */
	bool text_rwx;			/* a PT_LOAD both writable and executable */
	uint64_t rwx_addr;
	bool has_gnu_stack, exec_stack;
	bool has_relro;
	bool has_symtab;		/* .symtab: not stripped */
	bool has_debug;			/* .debug_*: not stripped */
	uint8_t build_id[64];
	size_t build_id_len;
	uint64_t load_file_bytes;	/* sum of p_filesz over PT_LOAD */
	uint64_t load_mem_bytes;	/* sum of p_memsz over PT_LOAD */
	struct elf_priv *priv;
};

/** elf_open - map and read the headers of @path. ERR_IO, ERR_FORMAT ("not an ELF file", ...), ERR_LIMIT (> 4 GiB). */
int elf_open(struct elf_file *f, const char *path, struct err *err) MUST_CHECK;
void elf_close(struct elf_file *f);
#define CLEAN_ELF __attribute__((cleanup(elf_close)))

/** elf_sections - append all sections; names borrowed from @f. */
struct elf_sections { struct elf_section *ptr; size_t len, cap; };
int elf_sections(struct elf_file *f, struct elf_sections *out, struct err *err) MUST_CHECK;
/** elf_symbols - append .symtab's (else .dynsym's) symbols. */
struct elf_symbols { struct elf_symbol *ptr; size_t len, cap; };
int elf_symbols(struct elf_file *f, struct elf_symbols *out, struct err *err) MUST_CHECK;

/** What a finished binary must be. */
struct elf_rules {
	enum elf_arch arch;		/* required machine */
	bool allow_dynamic;		/* PT_INTERP and DT_NEEDED allowed (a user's strategy) */
	bool allow_symbols;		/* not stripped is fine */
	bool allow_shared;		/* a shared object, which has no entry point, is fine */
	/* NULL-terminated absolute prefixes that may not occur, or NULL; one of fewer than two components is ignored */
	const char *const *bad_paths;
};

/**
 * elf_verify - check @path against @rules. All violations are found, the first is the error, the others are
 * joined with "; ". ERR_VERIFY, message "dist/hello: <what>; <what>"; the hint names the first one's likely cause,
 * a flag or a library:
 *   "dist/hello: has an interpreter /lib/ld-musl-x86_64.so.1; needs shared library libc.so"
 *   "the linker ignored -static (musl-gcc -static-pie does), or it is missing from the link flags"
 * Static-pie is fine. A missing PT_GNU_STACK counts as an executable stack on both architectures (see verify.c).
 * A bad path is a whole path or the start of one, not a part of another name or path. The message says which
 * section holds the first one, at what file offset, its string (clipped at 120 bytes), and how many there are more.
 * Cost: one pass over the mapped file. Other errors: those of elf_open().
 */
int elf_verify(const char *path, const struct elf_rules *rules, struct err *err) MUST_CHECK;

/**
 * elf_defined_functions - names of global and weak functions defined in object files and archives (.o, .a), added
 * to @names, which is then sorted and unique.
 * Objects of another architecture than @arch (ELF_ARCH_UNKNOWN: any) give ERR_VERIFY "x.o: is arm64, not x86_64",
 * archive members "libx.a(x.o): ...". LLVM bitcode and gcc's slim LTO objects are passed over, and *@bitcode set.
 * ERR_FORMAT: malformed, or a thin archive. On failure @names may have grown; it is to be released as ever.
 */
int elf_defined_functions(const char *const *paths, size_t n, enum elf_arch arch, struct strs *names,
			  bool *bitcode, struct err *err) MUST_CHECK;

/**
 * elf_split_debug - write a stripped copy of @in to @out (mode 0755, atomic) and its symbols and debug
 * sections to @debug (0644, atomic; NULL: not wanted), linked by .gnu_debuglink and build-id so that gdb finds it.
 * @out may be @in. All that is loaded, and the program headers, stay byte for byte where they are; sections that
 * do not load (.comment too) go. @debug has every section of @in, without the bytes of those that load but are no
 * notes, as `objcopy --only-keep-debug` makes it. The bytes depend on those of @in and on @debug's base name alone.
 * Neither file is synced: a power failure costs a rebuild. On failure both old files are still there, or @debug
 * is new and @out is old. ERR_IO, ERR_LIMIT, ERR_FORMAT (also: no linked 64-bit little-endian program).
 * Format: GDB manual, "Debugging Information in Separate Files".
 */
int elf_split_debug(const char *in, const char *out, const char *debug, struct err *err) MUST_CHECK;

#endif
