/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_PROJECT_H
#define SLSC_CONFIG_PROJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * slsc.yaml as a typed model. Everything lives in project.arena and is borrowed from it. Every value that a
 * later step may complain about keeps where it was written; project_err() makes the located message.
 */

/** A string and where it stands. s is NULL if the key is absent (line 0). */
struct lstr {
	const char *s;
	unsigned line, col;
};
struct lstrs {
	struct lstr *ptr;
	size_t len;
};
struct lkv {
	struct lstr key, val;
};
struct lkvs {
	struct lkv *ptr;
	size_t len;
};
/** Names, each with a list of strings. */
struct llist {
	struct lstr key;
	struct lstrs vals;
};
struct llists {
	struct llist *ptr;
	size_t len;
};

/*
 * The machines, ARCH_COUNT of them, for which there are processes, images and packages; then wasm32, which is built
 * only where slsc.yaml or --arch asks for it. What packs or runs binaries counts to ARCH_COUNT, what builds to
 * ARCH_ALL.
 */
enum arch { ARCH_X86_64, ARCH_ARM64, ARCH_COUNT, ARCH_WASM32 = ARCH_COUNT, ARCH_ALL };
/** arch_name - Lambda's names: "x86_64", "arm64"; "wasm32". */
const char *arch_name(enum arch a);
/** arch_oci - OCI's and Go's names: "amd64", "arm64"; "wasm". */
const char *arch_oci(enum arch a);
/** arch_parse - of a machine: either name, also "aarch64"; -1 if unknown. */
int arch_parse(const char *s);
/** arch_parse_any - the same, and "wasm32". */
int arch_parse_any(const char *s);
/** arch_host - of the machine we run on. */
enum arch arch_host(void);
/** arch_qemu - the program of qemu-user-static that runs @a's. */
const char *arch_qemu(enum arch a);

enum runtime { RUNTIME_LAMBDA, RUNTIME_HTTP, RUNTIME_NONE };
const char *runtime_name(enum runtime r);

/** duration_parse - "12 ms", "500 us", "1.5 s", "2 min"; a bare number is seconds. To microseconds. 0 or -1. */
int duration_parse(const char *s, uint64_t *us) MUST_CHECK;

/** A profile with all of `extends` applied. Built in: release, small, fast, debug. */
struct profile {
	const char *name;
	unsigned line, col;		/* 0: built in */
	const char *extends;		/* as written, or NULL */
	const char *optimize;		/* "0" "1" "2" "3" "s" "z" "g" */
	bool lto;
	bool strip;			/* split symbols off into <binary>.debug */
	bool debug_info;		/* compile with -g */
	bool gc_sections;
	bool icf;
	bool stack_protector;
	bool assertions;		/* false: -DNDEBUG */
	bool static_link;		/* `static:`; false is for comparison strategies */
	bool pie;			/* static-pie */
	struct lkvs defines;		/* extends' first, then own */
	struct lstrs flags, ldflags;	/* likewise */
};

/** A toolchain. Built in: musl, musl-gcc, gnu, zig. Absent members come from `extends`, at use. */
struct toolchain_def {
	const char *name;
	unsigned line, col;
	struct lstr extends;		/* a built-in or user-defined one; required for user-defined */
	struct lstr cc, cxx, ar, ranlib, strip;
	struct lstrs cflags, ldflags;
	struct toolchain_arch_def {	/* arches: {arm64: {cc: ...}} */
		struct lstr cc, cxx, ar, ranlib, strip;
		struct lstrs cflags, ldflags;
	} arch[ARCH_COUNT];
};

/** A third-party source pinned by commit in slsc.lock and compiled per target. */
struct dependency {
	struct lstr name;
	struct lstr git, ref;		/* ref: branch, tag or commit id; required */
	struct lstrs sources;		/* globs in the fetched tree; may be empty (headers only) */
	struct lstrs includes;		/* directories in the fetched tree; default "." */
	struct lkvs defines;
	struct lstrs flags;
};

/** What is put before each compile. */
struct launcher_def {
	struct lstr name;		/* ccache, sccache, distcc, icecc, recc or none; NULL: nothing is said */
	struct lstr remote;		/* the cache's server; of recc the one that compiles; without a password */
	bool read_only;			/* nothing is written there */
	struct lstrs hosts;		/* distcc's, as DISTCC_HOSTS takes them */
};

/** launcher_takes_remote - whether @launcher, a preset, has remotes of @url's scheme. */
bool launcher_takes_remote(const char *launcher, const char *url);

/** package.zip.include: files next to the binary, in the zip and in the image. */
struct include {
	struct lstr from;		/* a path or glob relative to slsc.yaml */
	struct lstr to;			/* directory ("assets/") or file name inside; default: as from */
	mode_t mode;			/* 0: 0755 for executables, else 0644 */
	unsigned line, col;
};
struct includes {
	struct include *ptr;
	size_t len;
};

/** What compiles: a toolchain by its name, or what there is in a stage of a Dockerfile. */
struct toolchain_choice {
	struct lstr name;		/* NULL: a stage, or nothing is said */
	struct lstr stage;
	struct lstr dockerfile;		/* NULL: image.dockerfile of the same package, else Dockerfile */
};

enum comp { COMP_GZIP, COMP_ZSTD, COMP_NONE };

/** package: of the project, with the function's own on top (project_function_package()). */
struct package {
	struct includes includes;	/* zip and image alike */
	struct lstr level;		/* fast | default | max; NULL: default */
	struct lstr base;		/* "static" (default), "scratch" or an image's place (oci/place.h) */
	/* NULL: the image is the binary on base. A function's own base puts the project's dockerfile out of force, and
	 * the other way round; with a dockerfile of its own it inherits none of the next three. */
	struct lstr dockerfile;
	struct lstr target, context;	/* NULL: the last stage; the project's directory */
	struct lkvs build_args;
	struct lstr user;		/* "nonroot" (default) | "root" | "UID[:GID]" */
	struct lstr workdir;		/* default "/" */
	struct lstr compression;	/* gzip (default) | zstd | none */
	struct lkvs labels, annotations;
	struct lstr sbom;		/* none (default) | image | attach */
	struct lstr provenance;		/* none (default) | attach */
	bool tzdata, has_tzdata;
	struct lstrs entrypoint_args;	/* image.args: appended after the binary */
	struct lstrs packages;		/* Debian packages on top of the base; the project's come first */
	uint64_t max_layers;		/* of packages; 0: not said */
	struct lstrs ignore;		/* rules of `slsc check`; the project's come first */
};

/** budgets.<function>: parsed and kept, not enforced yet. 0: none. */
struct budget {
	const char *function;
	unsigned line, col;
	uint64_t binary, zip, image, memory;	/* bytes */
	uint64_t layers;
	uint64_t start_us;			/* microseconds */
	uint64_t efficiency_permille;
	uint64_t growth_permille;
};

/** strategies.<name>: one way to build and pack a function, for slsc compare. Absent: as the project does. */
struct strategy_def {
	const char *name;
	unsigned line, col;
	struct lstr summary;		/* free text */
	struct lstr profile, toolchain;
	struct lstr base;		/* at most one of base and dockerfile */
	struct lstrs packages;
	struct lstr dockerfile, target;
	struct lstr compression;
};

/** scaling: of a function, as slsc local keeps to it. policy.s NULL: none, an instance is started for each call. */
struct scaling_def {
	struct lstr policy;		/* a policy's name: scale/policy.h */
	uint64_t interval_ms;		/* between two questions */
	uint64_t fixed;			/* 0: not said; likewise below */
	uint64_t least, queue;		/* instances; calls that wait, at most */
	uint64_t target_permille, cpu_period_ms, cooldown_ms, horizon_ms;
	struct lstr forecaster;		/* NULL: not said; likewise below */
	uint64_t season_ms;
	struct lstr model;		/* a file, relative to slsc.yaml */
	struct lstr command;
	uint64_t answer_ms;
};

/** functions.<name>.tune: what `slsc tune` tries, under which load; values as written. Read by local/tune_axes.c. */
struct tune_def {
	struct lstrs memory, cpu, workers, retention, profile;
	struct llists env, defines;
	uint64_t rate, repeats, cold;	/* 0: not said */
	uint64_t duration_ms, warmup_ms;	/* 0: not said */
	struct lstrs events;		/* globs of files */
	struct lstr generator;		/* a shell command */
	struct lstr strategy, platform;	/* cost, speed or balanced; of the table of prices. NULL: not said */
};

/** deploy: of the project, region to s3, with the function's own from role on top (project_deploy()). */
struct deploy_def {
	struct lstr region;		/* NULL: not said; likewise below */
	struct lstr role;		/* an IAM role's ARN */
	struct lstr alias;
	struct lkvs tags;
	struct lstrs layers;		/* ARNs with their versions; the project's come first */
	struct lstr log_format;		/* text | json */
	struct lstr url;		/* none | public | iam */
	struct lstr s3;			/* BUCKET[/PREFIX] that zips go through */
	struct lstr name;		/* what the function is called there; NULL: as here */
	struct lstr description;
	struct lstr arch;		/* x86_64 | arm64 */
	struct lstr image;		/* a registry's reference, in place of a zip */
	struct lstr smoke;		/* a file with the event that a new version is tried with */
};

struct function {
	struct lstr name;		/* [a-z0-9][a-z0-9_-]{0,63}, unique without regard to case */
	struct lstrs sources;		/* globs, relative to slsc.yaml */
	struct lstrs includes, libs, flags, ldflags;
	struct lkvs defines;
	struct lstr handler;		/* C symbol; s NULL: "handler" */
	enum runtime runtime;		/* default lambda */
	struct toolchain_choice toolchain;	/* nothing said: the project's */
	struct lstrs dependencies;	/* names of project.dependencies */
	struct lstr build_command;	/* build: {command: ...}; then no sources */
	struct lstrs build_inputs;	/* build: {inputs: [globs]}: what makes it run again; default: every file of
					 * the project but .slsc, dist, .git */
	struct lstrs arches;		/* subset of the project's; empty: all */
	uint64_t memory;		/* bytes; default 128 MB; 128 MB..10,240 MB */
	uint64_t cpu;			/* thousandths of one, of an instance here; 0: by memory or runtime */
	uint64_t timeout_ms;		/* default 3 s; 1 ms..900 s */
	uint64_t storage;		/* bytes of /tmp; default 512 MB; 512 MB..10,240 MB */
	uint64_t concurrency;		/* instances at most; default 100; 1..1000 */
	uint64_t prewarm;		/* instances that are kept ready; default 0, at most concurrency */
	struct scaling_def scaling;
	uint64_t rate;			/* requests a second at most; 0: any */
	bool breaker;			/* whether a function that fails again and again is left alone */
	struct lstr fallback_file;	/* what is answered in its place when it is out of order; NULL: none */
	struct lstr fallback_function;	/* or who answers; at most one of the two */
	uint64_t fallback_status;	/* default 200 */
	struct lstr extensions;		/* a directory of programs; NULL: none */
	struct lkvs env;		/* at run time; at most 4 KB together */
	struct tune_def tune;
	struct deploy_def deploy;	/* only what the function itself says; likewise */
	struct package package;		/* only what the function itself says */
};

struct fs_dirs;
struct build_stages;

struct project {
	struct arena arena;
	char *dir;			/* absolute, of slsc.yaml; heap */
	struct fs_dirs *dirs;		/* what project_glob() has read; borrowed, NULL: it reads anew each time */
	char *file;			/* slsc.yaml's path as shown in messages; heap */
	struct lstr name;
	struct lstr version;		/* free text for labels; NULL: none */
	enum arch arches[ARCH_ALL];
	size_t narches;			/* default both machines; in the file's order else */
	struct toolchain_choice toolchain;	/* default "musl" */
	struct launcher_def launcher;
	struct build_stages *stages;	/* who opens those of toolchains (build/stages.h); borrowed; NULL: nobody */
	struct lstr profile;		/* the default profile; "release" */
	struct profile **profiles;	/* built-in and own */
	size_t nprofiles;
	struct toolchain_def **toolchains;	/* own and built-in (those with line 0) */
	size_t ntoolchains;
	struct dependency **dependencies;
	size_t ndependencies;
	struct function **functions;	/* in the file's order */
	size_t nfunctions;
	struct package package;
	struct deploy_def deploy;
	struct lkvs mirrors;		/* prefix of an image's name -> what stands in its place */
	struct lkvs flows;		/* name -> file of a state machine, relative to the directory */
	struct budget **budgets;
	size_t nbudgets;
	struct strategy_def **strategies;	/* own ones; the built-in ones are the report room's */
	size_t nstrategies;
};

/**
 * project_load - find slsc.yaml in @dir (or above it, up to the root), read, check and resolve it.
 * @dir: NULL for the current directory. ERR_NOTFOUND with the hint to run `slsc init`; ERR_CONFIG located.
 * Checked here: keys, types, units, ranges, names, references between parts (dependencies, toolchains, profiles,
 * `extends` cycles), clashes. Not checked: files, which the build expands and checks (project_glob()).
 */
int project_load(struct project *p, const char *dir, struct err *err) MUST_CHECK;
/** project_parse - the same from memory, for tests and fuzzing; @dir becomes project.dir. */
int project_parse(struct project *p, const char *shown, const char *dir, const char *text, size_t n,
		  struct err *err) MUST_CHECK;
void project_release(struct project *p);
#define CLEAN_PROJECT __attribute__((cleanup(project_release)))

/** project_function / _profile / _dependency / _toolchain - by name; ERR_NOTFOUND with "did you mean". */
struct function *project_function(const struct project *p, const char *name, struct err *err) MUST_CHECK;
struct profile *project_profile(const struct project *p, const char *name, struct err *err) MUST_CHECK;
struct toolchain_def *project_toolchain(const struct project *p, const char *name, struct err *err) MUST_CHECK;
struct dependency *project_dependency(const struct project *p, const char *name, struct err *err) MUST_CHECK;

/** project_err - err_at() at @where in this project's file. */
int project_err(const struct project *p, enum err_code code, struct lstr where, struct err *err,
		const char *fmt, ...) PRINTF_LIKE(5, 6);

/** project_glob - fs_glob() of @pattern below the project; ERR_CONFIG "…: no file matches 'src/x.cc'" located. */
int project_glob(const struct project *p, struct lstr pattern, struct strs *out, struct err *err) MUST_CHECK;

/** What @f is compiled by, its defaults put in. */
struct toolchain_use {
	struct toolchain_choice of;	/* either name, or both others; dockerfile always has a place in the file */
	const struct lkvs *build_args;	/* of a stage whose Dockerfile is the image's; else NULL */
	const char *context;		/* relative to the project's directory */
};
/** project_toolchain_use - of @f; NULL: what the project says for all. */
void project_toolchain_use(struct project *p, const struct function *f, struct toolchain_use *out);
/** project_check_stage - whether the Dockerfile of a stage is there; ERR_CONFIG, located. */
int project_check_stage(const struct project *p, const struct toolchain_choice *c, struct err *err) MUST_CHECK;

/**
 * project_check_includes - whether @f's directories for -I exist; ERR_CONFIG, located. Absolute ones only with
 * @absolute: those of a stage are not this machine's.
 */
int project_check_includes(const struct project *p, const struct function *f, bool absolute,
			   struct err *err) MUST_CHECK;

/** lib_is_file - whether an entry of `libs` is a path, not a name for -l. */
bool lib_is_file(const char *lib);
/** project_check_libs - whether the files that @f's `libs` names exist; ERR_CONFIG, located. As above. */
int project_check_libs(const struct project *p, const struct function *f, bool absolute, struct err *err) MUST_CHECK;

/** project_check_served - whether what `slsc local` needs of @f beside its program is there; ERR_CONFIG, located. */
int project_check_served(const struct project *p, const struct function *f, struct err *err) MUST_CHECK;

/** project_check_packages - whether each `from` of package.zip.include matches a file, and whether Dockerfiles and
 * their contexts are there, those of toolchains too; ERR_CONFIG, located. */
int project_check_packages(struct project *p, struct err *err) MUST_CHECK;

/** project_package - the project's package settings with @f's on top; in @out, borrowed from @p. */
void project_package(struct project *p, const struct function *f, struct package *out);

/** project_deploy - the same of deploy. */
void project_deploy(struct project *p, const struct function *f, struct deploy_def *out);

/**
 * deploy_option - whether @value, which the command line has in --@key, is one that deploy.@key takes: "role", "alias"
 * or "s3". ERR_USAGE.
 */
int deploy_option(const char *key, const char *value, struct err *err) MUST_CHECK;

/** function_compiles - whether there is anything to compile: else its image is made by a Dockerfile alone. */
bool function_compiles(const struct function *f);

/** project_check_dockerfile - whether @pk's Dockerfile and context are there; ERR_CONFIG, located. */
int project_check_dockerfile(const struct project *p, const struct package *pk, struct err *err) MUST_CHECK;

/**
 * project_show - the resolved configuration, defaults included, as YAML or as JSON. It is itself a valid
 * slsc.yaml: `extends` is applied, and the project's package is merged into each function's. In JSON sizes are
 * numbers of bytes.
 */
void project_show(struct project *p, bool json, struct buf *out);

/** A piece of the file that functions are made by: the same @text means the same, however it was written. */
struct project_part {
	const char *key;		/* "functions.hello", "profiles.release", "toolchains.x", "version" */
	const char *text;
};
#define PROJECT_PARTS_MAX 512u

/**
 * project_parts - what @f is built and packed by: its own entry, in which the project's package, toolchain and arches
 * are merged; the profile @profile, all it extends applied; the project's own toolchains and dependencies that it
 * names; and what all images have of the project. At most PROJECT_PARTS_MAX, in @out; in @p's arena. Returns how many.
 */
size_t project_parts(struct project *p, const struct function *f, const struct profile *profile,
		     struct project_part out[PROJECT_PARTS_MAX]);

/** schema_json - the JSON Schema (draft-07) of slsc.yaml, from the table that the parser uses. */
void schema_json(struct buf *out);

#endif
