/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_EMBEDDED_H
#define SLSC_BUILD_EMBEDDED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/map.h"
#include "base/vec.h"

/*
 * What a compile reads that is in no list of -MD: the assembler opens it. Under LTO it is the link that does so, with
 * the same directory and the same bytes.
 */

/** What the sources that were looked at name; each is read once. */
struct embedded_scans {
	struct map by_path;
};
void embedded_scans_release(struct embedded_scans *s);

/** Of one compile; empty before. */
struct embedded {
	struct strs files;  /* .incbin's, .include's; as they were named, or below one of the directories */
	struct strs embeds; /* #embed's, as written: whether the compiler lists them is its own affair */
	unsigned hidden;    /* of the first source that names what is not known, or not there, the line; 0: none */
	struct map data;    /* .incbin's, which are no sources */
	struct map seen;
};
void embedded_release(struct embedded *e);
#define CLEAN_EMBEDDED __attribute__((cleanup(embedded_release)))

/**
 * embedded_find - what the source or header @path names, and what that does. Paths are relative to @dir, where the
 * compiler runs; @dirs: those of -I, in order. A file that cannot be read is `hidden`. ERR_INTR.
 */
int embedded_find(struct embedded_scans *s, const char *dir, const struct strs *dirs, const char *path,
		  struct embedded *out, struct err *err) MUST_CHECK;

#endif
