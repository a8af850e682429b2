/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BASES_H
#define SLSC_BUILD_BASES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * The named bases: share/slsc/bases/NAME.yaml each, and skip.yaml, the packages that no image gets only because another
 * one depends on them, and debug.yaml, the names that the variant debug gives to busybox.
 */

/** What is below a base's packages. */
enum base_root {
	BASE_ROOT_NONE,		/* nothing */
	BASE_ROOT_STATIC,	/* the built-in layer "static" (oci/base.h) */
	BASE_ROOT_USERS,	/* users and groups, homes, /tmp, nsswitch.conf; all else comes from packages */
};

struct named_base {
	const char *name;
	const char *summary;	/* one line */
	enum base_root root;
	const char *suite;	/* "bookworm": whose packages it takes; NULL: any */
	struct strs packages;	/* sorted */
};

struct bases {
	struct arena arena;
	struct named_base *ptr;		/* sorted by name */
	size_t len, cap;
	struct strs skip;		/* "name" or "name=provides, ..." */
	struct strs applets;		/* of busybox, for the variant debug */
};
#define CLEAN_BASES __attribute__((cleanup(bases_release)))

/** bases_load - those in @dir; NULL: share/slsc/bases. ERR_CONFIG, located; ERR_IO. */
int bases_load(struct bases *b, const char *dir, struct err *err) MUST_CHECK;
void bases_release(struct bases *b);
const struct named_base *bases_find(const struct bases *b, const char *name);	/* or NULL */

/** A base as users write it: NAME[:nonroot|:debug|:debug-nonroot]. */
struct base_variant {
	const struct named_base *base;	/* borrowed from struct bases */
	bool nonroot, debug;
};
/**
 * bases_parse - 1: @text names a base, @v is it; 0: it does not begin with the name of one; -1: ERR_USAGE, the variant
 * is unknown.
 */
int bases_parse(const struct bases *b, const char *text, struct base_variant *v, struct err *err) MUST_CHECK;

#endif
