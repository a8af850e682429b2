/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_GRAPH_H
#define SLSC_BUILD_GRAPH_H

#include "base/arena.h"
#include "base/buf.h"
#include "build/build.h"
#include "build/deps.h"
#include "build/toolchain.h"

/** One binary to be made. */
struct target {
	const struct function *fn;
	enum arch arch;
	struct toolchain *tc;		/* in the graph's arena */
	const struct err *refused;	/* why it cannot be built; or NULL */
	const char *out;		/* .slsc/release/arm64/hello */
	const char *debug;		/* or NULL */
	const char *map;		/* the linker's, .slsc/release/arm64/hello.map; or NULL */
	const char *full;		/* what the linker makes: .slsc/link/arm64/hello */
	const char *objdir;		/* .slsc/release/arm64/.obj/musl/hello */
	struct strs objects;		/* of the function itself; relative to the project */
	struct strs sources;		/* the sources they are from, same order */
	bool rewritten;			/* a dry run's: its command.sh would be written, or a wrapper */
};

/* Where linkers and build commands write, before _finish; below it a directory for each arch. Empty between builds. */
#define GRAPH_LINK_DIR ".slsc/link"

/** What build.ninja is made from. Everything lives in the arena. */
struct graph {
	struct arena arena;
	struct project *p;
	const struct profile *profile;
	const struct dep_trees *deps;
	const char *share;		/* slsc's own data: runtime/ */
	struct target *targets;
	size_t ntargets, captargets;
	struct toolchain **toolchains;	/* each (name, arch) once */
	size_t ntoolchains, captoolchains;
};

/**
 * graph_plan - expand functions × arches: globs, toolchains, output names. All functions of the project are in the
 * graph whatever is asked for, so that asking for one does not rewrite build.ninja. Located errors for missing files.
 */
int graph_plan(struct graph *g, struct project *p, const struct profile *pr, const struct dep_trees *deps,
	       struct err *err) MUST_CHECK;
void graph_release(struct graph *g);

/* slsc's own data, by one of the links. */
#define GRAPH_IN_SLSC GRAPH_IN_DIR "/slsc"

/** graph_links - the links below GRAPH_IN_DIR that build.ninja names files by. @changed: set if one was made. */
int graph_links(const struct graph *g, bool *changed, struct err *err) MUST_CHECK;

/** graph_ninja - build.ninja's text. The same project gives the same text, wherever slsc itself is installed. */
void graph_ninja(const struct graph *g, struct buf *out);

/**
 * graph_target - what of build.ninja makes @t, without the toolchain's identity. The commands are the same wherever the
 * project, slsc and the user's cache are, but for these directories' names in them.
 */
void graph_target(const struct graph *g, const struct target *t, struct buf *out);

/** graph_objects - all that is compiled for @t: its own, its dependencies', its runtime's; relative to the project. */
void graph_objects(const struct graph *g, const struct target *t, struct strs *out);

/** graph_implicit - files that the link of @t reads beside objects: libraries, and those that flags name. */
void graph_implicit(const struct graph *g, const struct target *t, struct strs *out);

/** graph_compdb - compile_commands.json (clang's JSON compilation database) for the first arch of each function. */
void graph_compdb(const struct graph *g, struct buf *out);

/**
 * graph_wrapper - the script that a function's own build command gets as CC or CXX; and its path, relative to
 * the project; heap. All functions of one toolchain and arch share it.
 */
void graph_wrapper(const struct graph *g, const struct toolchain *tc, bool cxx, struct buf *out);
char *graph_wrapper_path(const struct target *t, bool cxx);

/** graph_command - the script that runs a function's own build command for @t; SLSC_OUT's directory is there. */
void graph_command(const struct graph *g, const struct target *t, struct buf *out);

/** commands_write - scripts and wrappers of all functions that build themselves. @changed: set if one was written. */
int commands_write(const struct graph *g, bool *changed, struct err *err) MUST_CHECK;
/** commands_mark - which of them a dry run finds not there, or as an earlier slsc.yaml had them: target.rewritten. */
void commands_mark(const struct graph *g);

/** graph_is_input - whether a build command without `inputs` runs again when @path, in the project, has changed. */
bool graph_is_input(const char *path);

/** handler_of - the C symbol that the runtime calls. */
const char *handler_of(const struct function *f);

#endif
