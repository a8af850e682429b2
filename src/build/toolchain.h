/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_TOOLCHAIN_H
#define SLSC_BUILD_TOOLCHAIN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "build/root.h"
#include "build/stages.h"
#include "config/project.h"

/* Links to what lies outside of the project and is compiled or included: one name wherever it lies. */
#define GRAPH_IN_DIR ".slsc/in"

enum tc_kind { TC_MUSL, TC_MUSL_GCC, TC_GNU, TC_ZIG, TC_WASI };

/** A part that a toolchain lacks on this machine, and what would bring it. */
struct tc_missing {
	const char *what;	/* "ld.lld", "musl's libc.a for arm64" */
	const char *package;	/* Debian package, or NULL */
	bool sysroot;		/* sysroot_fetch() brings it */
};

/**
 * A toolchain made concrete for one arch: shell text that goes into build.ninja as it is.
 * Resolving costs a few stat calls; no program is run.
 */
struct toolchain {
	const char *name;		/* also that of its directory of objects */
	const char *shown;		/* for people: the same, or "musl in stage builder of Dockerfile" */
	enum tc_kind kind;
	enum arch arch;
	const struct root *root;	/* borrowed; where it is; NULL: on this machine */
	const char *cc, *cxx, *ar, *ranlib, *strip;	/* shell text */
	const char *target;		/* for compiles and links alike: --target=... */
	const char *cflags;		/* for compiles: include directories of the C library */
	const char *cflags_abs;		/* the same for who does not stand in the project's directory */
	const char *cflags_outside;	/* of a stage: with its directories as this machine has them; or NULL */
	const char *link_pre, *link_post;	/* before and after the objects */
	const char *pie_pre;		/* instead of link_pre for profiles with pie: static-pie by hand */
	bool lld;			/* understands --icf */
	bool clang;
	bool cached;			/* musl is the user cache's */
	const struct build_stage *stage;	/* whose root it is; or NULL */
	const char *run;		/* shell text before each command: "", or what takes it into the stage */
	const char *id;			/* of the compiler, linker and libc.a: size and mtime of each */
	const char *libdirs[8];		/* where -lNAME is looked for; NULL-terminated */
	/*
	 * Directories that binaries know by another name; ends with dir NULL. cflags name them as the project does,
	 * below GRAPH_IN_DIR, so that no path of this machine is in a compile's arguments; link NULL: as they are.
	 */
	struct {
		const char *dir, *link, *to;
	} maps[4];
	struct tc_missing missing[6];
	unsigned nmissing;
};

/**
 * toolchain_resolve - @name (built in, or defined by @p, which may be NULL) for @arch, into @a, as it is in @root.
 * What is absent there is listed in missing[], not an error. ERR_NOTFOUND for an unknown name.
 * For wasm32 there is one, clang with wasi-libc, whatever @name: what slsc.yaml says of compilers is about machines.
 */
int toolchain_resolve(struct arena *a, const struct project *p, const struct root *root, const char *name,
		      enum arch arch, struct toolchain *tc, struct err *err) MUST_CHECK;

/**
 * toolchain_detect - the first of the built-in ones that @s has for @arch; if there is none, musl with what it lacks.
 */
int toolchain_detect(struct arena *a, const struct build_stage *s, enum arch arch, struct toolchain *tc,
		     struct err *err) MUST_CHECK;

/** toolchain_require - ERR_TOOL naming what is missing, with the exact command as the hint. */
int toolchain_require(const struct toolchain *tc, struct err *err) MUST_CHECK;

/** toolchain_require_stage - the same of one that is in a stage and misses something, located. */
int toolchain_require_stage(const struct toolchain *tc, struct err *err) MUST_CHECK;

/** toolchain_install_command - "apt-get install clang lld", or "slsc doctor"; "" if nothing is missing. */
const char *toolchain_install_command(struct arena *a, const struct toolchain *tc);

/* A profile's flags for a toolchain, as shell text appended to @out. */
void profile_cflags(const struct toolchain *tc, const struct profile *pr, struct buf *out);
void profile_ldflags(const struct toolchain *tc, const struct profile *pr, struct buf *out);

#define TOOLCHAIN_WASI "wasi"			/* the one for wasm32 */
extern const char *const toolchain_builtin[];	/* names, NULL-terminated: musl first */

#endif
