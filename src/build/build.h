/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BUILD_H
#define SLSC_BUILD_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "build/launcher.h"
#include "config/project.h"

/*
 * From slsc.yaml to verified binaries. slsc writes .slsc/build.ninja when it changes; ninja decides what is
 * stale and runs it. Below the project:
 *   .slsc/<profile>/<arch>/<function>          the stripped, verified binary
 *   .slsc/<profile>/<arch>/<function>.debug    its symbols, found by build-id and .gnu_debuglink
 *   .slsc/<profile>/<arch>/<function>.map      what the linker took, for SBOMs
 *   .slsc/<profile>/<arch>/.obj/<toolchain>/   objects
 *   .slsc/link/<arch>/                         what is being linked; empty else
 *   .slsc/lock                                 held while building or packaging
 */

struct build_remote;
struct build_request {
	struct strs functions;		/* names; empty: all */
	struct strs arches;		/* names; empty: the project's */
	const char *profile;		/* NULL: the project's */
	const char *launcher;		/* before each compile: a preset or a command; NULL: the project's */
	bool launcher_proof, launcher_fresh;	/* see struct launcher_opts */
	unsigned jobs;			/* 0: ninja's choice */
	bool dry_run, explain, verbose, color;
	bool smoke;			/* run each binary once built */
	struct build_remote *remote;	/* caches of binaries; NULL: none */
	/* progress and compiler output; each may be NULL */
	void (*on_step)(unsigned done, unsigned total, const char *what, void *ctx);
	void (*on_output)(const char *p, size_t n, void *ctx);
	void (*on_note)(const char *line);
	void (*on_warn)(const char *line);
	void *ctx;
};

struct built {
	const struct function *function;
	enum arch arch;
	const char *toolchain;
	char *path;			/* of the binary, relative to the project's directory */
	char *debug;			/* of its debug file, or NULL */
	uint64_t size;			/* bytes; 0 in a dry run */
};

struct build_result {
	struct built *ptr;
	size_t len, cap;
	unsigned steps;			/* ninja ran; 0: nothing to do */
	const char *launcher;		/* the preset that was used; NULL: none, or another command */
	struct launcher_sum launched;
	bool launcher_remote;		/* it had a remote that answered */
};

/**
 * build_run - build what @req asks for; the caller holds build_lock(). @p is extended with what the build learns
 * (dependency trees) but stays the caller's. ERR_BUILD: a compiler, linker or command failed, its output went to
 * on_output; the message says which function, arch and step, with the reason where we know more than the linker
 * (a handler that does not exist, an object of another arch, a library without a static archive).
 */
int build_run(struct project *p, const struct build_request *req, struct build_result *res,
	      struct err *err) MUST_CHECK;
void build_result_release(struct build_result *res);
#define CLEAN_BUILD __attribute__((cleanup(build_result_release)))

/**
 * build_check - what build_run() would refuse before it compiles anything: sources, directories, libraries and names
 * that slsc.yaml has wrong. Nothing is fetched or written; files of dependencies are not looked at. ERR_CONFIG,
 * located.
 */
int build_check(struct project *p, struct err *err) MUST_CHECK;

/** build_binary_path - ".slsc/release/arm64/hello", relative to the project's directory; heap. */
char *build_binary_path(const char *profile, enum arch arch, const char *function);

/**
 * build_lock - make .slsc and hold its lock until the descriptor is closed; @waiting as in fs_lock(). What a
 * killed process left below .slsc and dist is swept.
 */
int build_lock(const struct project *p, const char *who, void (*waiting)(const char *holder, void *ctx),
	       void *ctx, struct err *err) MUST_CHECK;

/**
 * build_finish - after the link: verify @in, then split it into @out and @debug (NULL: keep symbols in @out), and take
 * the linker's <in>.map as @map (NULL: there is none). All are replaced only by what passed. Temporary files are made
 * beside @in, on whose file system the others are;
 * @in is removed, after a failure it is the caller's to remove, with all that is beside it.
 */
struct finish_request {
	const char *in, *out, *debug, *map;
	enum arch arch;
	bool allow_dynamic;
	const char *const *bad_paths;	/* NULL-terminated */
};
int build_finish(const struct finish_request *req, struct err *err) MUST_CHECK;

/**
 * build_list - after a compile of @source with @flags, in the project's directory: what the assembler has read of its
 * files is added to @list, the compiler's for make. Nothing is written if that is nothing.
 */
int build_list(const char *list, const char *source, char *const *flags, size_t nflags, struct err *err) MUST_CHECK;

#endif
