/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_INCLUDES_H
#define SLSC_BUILD_INCLUDES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/*
 * The files that a C or assembler source names, without a compiler: what `#if` leaves out is named, too. Whatever a
 * compiler would open is among the names, or `unknown` is set.
 */

enum include_kind {
	INCLUDE_QUOTE, /* #include "x", __has_include("x") */
	INCLUDE_ANGLE, /* #include <x>, __has_include(<x>) */
	INCLUDE_ASM,   /* .include "x", in assembler or in a string for it; in capitals or small */
	INCLUDE_DATA,  /* .incbin "x": bytes, not a source */
	INCLUDE_EMBED, /* #embed "x" or <x>: the same, found as a header is */
};

struct include_ref {
	enum include_kind kind;
	bool next;	  /* #include_next: not the first that is found */
	const char *name; /* as written, at least one byte; in the arena */
	unsigned line;
};

#define INCLUDES_MAX 65536u /* names in one file; with more the rest is unknown */

struct include_refs {
	struct arena arena;
	struct include_ref *ptr;
	size_t len, cap;
	unsigned unknown; /* the first line that names what only a compiler can tell (`#include MACRO`); 0: none */
	unsigned hidden;  /* likewise, where it may be a file that -MD does not list (`.incbin` MACRO) */
};
#define CLEAN_INCLUDES __attribute__((cleanup(includes_release)))

/** includes_scan - of any @n bytes. Linear. @out is empty before. */
void includes_scan(const char *text, size_t n, struct include_refs *out);
void includes_release(struct include_refs *r);

#endif
