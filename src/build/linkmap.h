/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_LINKMAP_H
#define SLSC_BUILD_LINKMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * What a linker took into a binary, by the map it writes for -Map: ld.lld's and GNU ld's. Only inputs of which bytes
 * have an address in the binary count: an archive that was searched in vain, or whose members were dropped as
 * garbage, is not there.
 */
#define LINKMAP_MAX (256u << 20)	/* bytes of a map that is read */
#define LINKMAP_INPUTS_MAX 65536u	/* objects and members of archives */

struct link_input {
	char *path;			/* as the linker was given it or found it; heap */
	unsigned members;		/* of an archive: how many are in the binary; 0: an object file */
};
struct link_inputs {
	struct link_input *ptr;		/* by path, bytewise */
	size_t len, cap;
};
#define CLEAN_INPUTS __attribute__((cleanup(link_inputs_release)))

/** linkmap_parse - @shown is for messages. ERR_FORMAT if it is no map of these; ERR_LIMIT. @out is empty then. */
int linkmap_parse(const char *shown, const char *p, size_t n, struct link_inputs *out, struct err *err) MUST_CHECK;
/** linkmap_read - the same from a file. */
int linkmap_read(const char *path, const char *shown, struct link_inputs *out, struct err *err) MUST_CHECK;
void link_inputs_release(struct link_inputs *l);

/** Where in the binary what was linked is: input sections, those that the linker has made itself left out. */
struct link_range {
	uint64_t addr, size;
	const char *input;	/* as the map has it: "x.o", "/lib/libc.a(puts.o)" */
};
struct link_ranges {
	struct arena arena;	/* of the names */
	struct link_range *ptr;	/* in the map's order */
	size_t len, cap;
};
#define CLEAN_RANGES __attribute__((cleanup(link_ranges_release)))

#define LINKMAP_RANGES_MAX (1u << 20)
/** linkmap_parse_ranges - errors as linkmap_parse(). @out is empty then. */
int linkmap_parse_ranges(const char *shown, const char *p, size_t n, struct link_ranges *out,
			 struct err *err) MUST_CHECK;
/** linkmap_read_ranges - the same from a file. */
int linkmap_read_ranges(const char *path, const char *shown, struct link_ranges *out, struct err *err) MUST_CHECK;
void link_ranges_release(struct link_ranges *l);

#endif
