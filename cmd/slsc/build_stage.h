/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_STAGE_H
#define SLSC_BUILD_STAGE_H

#include "build/package.h"
#include "cli/opt.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "stage/keeper.h"

/* `slsc build -f Dockerfile`: the options, and the run. */
struct stage_flags {
	const char *file, *target, *tag, *output, *print, *compression, *level, *network, *sandbox, *cache_to;
	struct strs args, secrets, labels, bases, cache_from;
	unsigned until;
	bool squash, strip, no_cache;
	struct registry_flags registry;
};

extern const char *const stage_prints[], *const stage_compressions[], *const stage_levels[], *const stage_networks[],
	*const stage_sandboxes[];

/* Options of a context with a member @m of that type. */
#define STAGE_OPTS(type, m)                                                                                            \
	{ OPT_GROUP, .help = "Images of a Dockerfile" },                                                               \
	{ OPT_STR, 'f', "file", offsetof(type, m.file), .arg = "FILE", .complete = COMPLETE_FILE,                      \
	  .help = "build this Dockerfile; the argument is the directory that COPY takes files from" },                 \
	{ OPT_STR, .long_name = "target", .offset = offsetof(type, m.target), .arg = "STAGE",                          \
	  .help = "the stage to build, by name or number (default: the last one)" },                                   \
	{ OPT_STR, 't', "tag", offsetof(type, m.tag), .arg = "NAME[:TAG]", .help = "what to call the image" },         \
	{ OPT_STR, 'o', "output", offsetof(type, m.output), .arg = "PLACE", .complete = COMPLETE_FILE,                 \
	  .help = "oci:DIR, oci-archive:FILE, docker-archive:FILE or dir:DIR (default: oci:dist/NAME.oci)" },          \
	{ OPT_MULTI, .long_name = "build-arg", .offset = offsetof(type, m.args), .arg = "NAME[=VALUE]",                \
	  .help = "the value of an ARG; without VALUE that of the environment" },                                      \
	{ OPT_MULTI, .long_name = "secret", .offset = offsetof(type, m.secrets), .arg = "id=ID[,src=FILE|,env=NAME]",  \
	  .help = "for RUN --mount=type=secret; it is in no layer, no history and no cache" },                         \
	{ OPT_MULTI, .long_name = "label", .offset = offsetof(type, m.labels), .arg = "KEY=VALUE",                     \
	  .help = "one more label" },                                                                                  \
	{ OPT_MULTI, .long_name = "base", .offset = offsetof(type, m.bases), .arg = "NAME=SOURCE",                     \
	  .help = "where the image that FROM calls NAME comes from" },                                                 \
	{ OPT_CHOICE, .long_name = "network", .offset = offsetof(type, m.network), .arg = "KIND",                      \
	  .choices = stage_networks, .help = "of RUN and ADD: host (default) or none" },                               \
	{ OPT_CHOICE, .long_name = "sandbox", .offset = offsetof(type, m.sandbox), .arg = "KIND",                      \
	  .choices = stage_sandboxes, .help = "of RUN: bwrap (default), or an OCI runtime: oci" },                     \
	{ OPT_CHOICE, .long_name = "compression", .offset = offsetof(type, m.compression), .arg = "KIND",              \
	  .choices = stage_compressions, .help = "of layers: gzip (default), zstd or none" },                          \
	{ OPT_CHOICE, .long_name = "level", .offset = offsetof(type, m.level), .arg = "LEVEL",                         \
	  .choices = stage_levels, .help = "how hard to compress: fast, default or max" },                             \
	{ OPT_FLAG, .long_name = "squash", .offset = offsetof(type, m.squash), .help = "one layer in place of all" },  \
	{ OPT_FLAG, .long_name = "strip", .offset = offsetof(type, m.strip),                                           \
	  .help = "strip the programs and shared objects that are not the base's; say what is not static" },           \
	{ OPT_FLAG, .long_name = "no-cache", .offset = offsetof(type, m.no_cache), .help = "run every step" },         \
	{ OPT_MULTI, .long_name = "cache-from", .offset = offsetof(type, m.cache_from), .arg = "PLACE",                \
	  .help = "also take binaries or a Dockerfile's steps from this cache: HOST/REPO:TAG or oci:DIR" },            \
	{ OPT_STR, .long_name = "cache-to", .offset = offsetof(type, m.cache_to), .arg = "PLACE",                      \
	  .help = "write those of this build to a cache" },                                                            \
	{ OPT_CHOICE, .long_name = "print", .offset = offsetof(type, m.print), .arg = "WHAT",                          \
	  .choices = stage_prints, .help = "build nothing, but show the stages: plan (text) or graph (for dot)" },     \
	{ OPT_UINT, .long_name = "until", .offset = offsetof(type, m.until), .arg = "LINE",                            \
	  .help = "build only what stands before this line of the Dockerfile", .min = 1, .max = 1000000 }

/** build_stage - @context: the directory; NULL: this one. @arches: empty: this machine's. */
int build_stage(const struct stage_flags *f, const char *context, const struct strs *arches, unsigned jobs,
		const struct globals *g, struct err *err) MUST_CHECK;

/** What package_by_stage() needs beside what is asked of it; borrowed. */
struct stage_source {
	const struct origin_env *origins;
	const struct registry_opts *registry;
	const struct globals *globals;
	const struct strs *cache_from;	/* as given: each image has a tag beside it */
	const char *cache_to;
	bool *cache_trouble;		/* in and out: they are left alone; NULL: there are none */
};
/** package_by_stage - the member stage of a package_request; @ctx: a struct stage_source. */
int package_by_stage(const struct package_stage *want, void *ctx, struct err *err) MUST_CHECK;
/** Stages as toolchains, for the commands that build or tell what was built. */
struct toolchain_stages {
	struct registry_opts registry;
	struct registry_env env;
	struct origin_env origins;
	struct stage_request request;
	struct keepers keepers;
};
/** toolchain_stages_init - @f is borrowed: bases, build arguments, caches and the like count for stages, too. */
void toolchain_stages_init(struct toolchain_stages *t, const struct stage_flags *f, unsigned jobs,
			   const struct globals *g, bool make);
void toolchain_stages_release(struct toolchain_stages *t);
#define CLEAN_STAGES __attribute__((cleanup(toolchain_stages_release)))

void stage_flags_release(struct stage_flags *f);

#endif
