/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_ARTIFACT_ELF_H
#define SLSC_REPORT_ARTIFACT_ELF_H

#include "report/artifact.h"

/* The part of artifact.c that looks into programs. Messages name the artifact and the program in it, not @path. */

/**
 * artifact_elf_open - @path: where the program can be read; in a zip or image a copy of it. Fills in what an artifact
 * says of a program, its architecture and, of a binary, its size. ERR_FORMAT, ERR_LIMIT: it is a damaged one; the size
 * is there.
 */
int artifact_elf_open(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err) MUST_CHECK;
/**
 * artifact_elf_view - sections, symbols or sources. @debug: the file with its debug information; NULL: looked for
 * beside the artifact, where slsc build leaves it, and in /usr/lib/debug.
 * Kinds: "binary" at the root; "section"; "symbol"; "unit", a source as the debug information calls it; "object", what
 * the linker took, by the map that slsc build keeps; and "other" for names in brackets:
 *   sections   .text, [ELF header], [program headers], [section headers], [padding], [no section]
 *   symbols    the same, in a section its symbols and [no symbol]
 *   sources    units and objects, in them symbols, else sections; [no debug information], in it symbols; and what no
 *              symbol has either, as in sections
 * @out is finished also after ERR_FORMAT and ERR_LIMIT (what could be read), and after ERR_NOTFOUND, if there are no
 * symbols or no debug information; its bytes are always those of the file. Else it is empty.
 * ERR_NOTFOUND also: @debug is not there; ERR_VERIFY: it is of another build.
 */
int artifact_elf_view(struct artifact *a, const char *path, const char *debug, enum artifact_view v,
		      struct size_tree *out, struct err *err) MUST_CHECK;

#endif
