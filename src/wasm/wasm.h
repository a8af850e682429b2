/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_WASM_WASM_H
#define SLSC_WASM_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * WebAssembly modules (core specification 2.0, 5: binary format), as far as they say what a module needs and gives: the
 * frame of sections, imports, exports, memories, and how many functions, tables and globals there are. What is in a
 * function's body, a segment or a type is not looked at: an engine validates it before it runs it.
 */

#define WASM_SIZE_MAX (256u << 20)	/* bytes of a module */
#define WASM_NAMES_MAX 100000u		/* imports, and exports */
#define WASM_WASI "wasi_snapshot_preview1"
#define WASM_PAGE 65536u
#define WASM_PAGES_MAX 65536u		/* of a memory whose addresses have 32 bits */

enum wasm_kind { WASM_FUNC, WASM_TABLE, WASM_MEMORY, WASM_GLOBAL, WASM_KINDS };
const char *wasm_kind_name(enum wasm_kind kind);	/* "function", "table", "memory", "global" */

struct wasm_import {
	const char *module, *name;	/* UTF-8 without NUL */
	enum wasm_kind kind;
};

/** wasm_is_wasi - whether @m is one of the 46 functions of WASI preview 1. */
bool wasm_is_wasi(const struct wasm_import *m);
/** wasm_wasi_closest - the one whose name is nearest to @name, as of str_closest(), or NULL. */
const char *wasm_wasi_closest(const char *name);

struct wasm_export {
	const char *name;
	enum wasm_kind kind;
};

struct wasm_file {
	struct arena arena;
	struct wasm_import *imports;	/* in the module's order, as exports */
	struct wasm_export *exports;
	size_t nimports, nexports;
	uint64_t count[WASM_KINDS];	/* of each kind, imported and its own */
	uint64_t size;			/* bytes of the module */
	uint64_t code, data;		/* bytes of these sections */
	uint64_t custom;		/* bytes of sections that only tools read: names, DWARF, producers */
	uint64_t memory;		/* bytes of memory that it starts with; 0: none of its own */
};
#define WASM_INIT { .imports = NULL }

/**
 * wasm_parse - @n bytes at @p; @shown is for messages. ERR_FORMAT "<shown>: not a WebAssembly module", or "<shown>:
 * byte 123: ...", ERR_LIMIT. Nothing points into @p afterwards. Release it in any case.
 */
int wasm_parse(struct wasm_file *f, const char *shown, const void *p, size_t n, struct err *err) MUST_CHECK;
/** wasm_open - the same of a file; ERR_IO too. */
int wasm_open(struct wasm_file *f, const char *path, struct err *err) MUST_CHECK;
void wasm_release(struct wasm_file *f);
#define CLEAN_WASM __attribute__((cleanup(wasm_release)))

/** What a finished module must be: a command of WASI (exports _start and memory) that imports its functions alone. */
struct wasm_rules {
	bool allow_custom;		/* not stripped is fine */
	const char *const *bad_paths;	/* as of struct elf_rules */
};
/** wasm_verify - ERR_VERIFY with all that is wrong in one line, else as wasm_open(). */
int wasm_verify(const char *path, const struct wasm_rules *rules, struct err *err) MUST_CHECK;
/** wasm_verify_bytes - the same of @n bytes at @p; @shown is for messages. */
int wasm_verify_bytes(const char *shown, const void *p, size_t n, const struct wasm_rules *rules,
		      struct err *err) MUST_CHECK;

/** wasm_strip - write @in without its custom sections to @out, mode 0755. Errors of wasm_open(), ERR_IO. */
int wasm_strip(const char *in, const char *out, struct err *err) MUST_CHECK;
/** wasm_strip_bytes - append the module at @p, which wasm_parse() has taken, without its custom sections. */
void wasm_strip_bytes(const void *p, size_t n, struct buf *out);

#endif
