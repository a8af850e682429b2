/* SPDX-License-Identifier: Apache-2.0 */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/project.h"

static const char *const choices_arch[] = { "x86_64", "arm64", "amd64", "aarch64", "wasm32", NULL };
static const char *const choices_level[] = { "fast", "default", "max", NULL };
static const char *const choices_compression[] = { "gzip", "zstd", "none", NULL };
static const char *const choices_sbom[] = { "none", "image", "attach", NULL };
static const char *const choices_provenance[] = { "none", "attach", NULL };
static const char *const choices_optimize[] = { "0", "1", "2", "3", "s", "z", "g", NULL };
static const char *const choices_policy[] = { "fixed", "cpu", "forecast", "command", NULL };
static const char *const choices_forecaster[] = { "last", "holt-winters", "ar", "lstm", NULL };
static const char *const choices_launcher[] = { "ccache", "sccache", "distcc", "icecc", "recc", "none", NULL };
static const char *const choices_runtime[] = {
	[RUNTIME_LAMBDA] = "lambda", [RUNTIME_HTTP] = "http", [RUNTIME_NONE] = "none", NULL
};

#define KEY(n, t, S, m) .name = (n), .type = (t), .offset = offsetof(S, m)
#define KEYS(a) .key = (a), .len = ARRAY_LEN(a)

/* ---- package ---- */

static const struct key include_keys[] = {
	{ KEY("from", KEY_STR, struct include, from), .flags = KEY_REQUIRED, .check = &check_inside,
	  .doc = "A file or glob, relative to slsc.yaml." },
	{ KEY("to", KEY_STR, struct include, to), .def = "the path as in from", .check = &check_to,
	  .doc = "A directory (`assets/`) or a file name inside the package." },
	{ KEY("mode", KEY_MODE, struct include, mode), .def = "0755 for executables, else 0644",
	  .doc = "Permissions, in octal." },
};
static const struct keys keys_include = { .what = "include", .doc = "One file or glob to put into the package.",
	KEYS(include_keys), .size = sizeof(struct include), .done = include_done };

static const struct key zip_keys[] = {
	{ KEY("include", KEY_OBJECTS, struct package, includes), .sub = &keys_include,
	  .doc = "Files next to the binary, in the zip and in the image alike." },
	{ KEY("level", KEY_CHOICE, struct package, level), .def = "default", .choices = choices_level,
	  .doc = "How hard to compress: max for a release, fast for a loop." },
};
static const struct keys keys_zip = { .doc = "What goes into the zip, and how it is packed.", KEYS(zip_keys) };

static const struct key image_keys[] = {
	{ KEY("base", KEY_STR, struct package, base), .def = "static", .check = &check_base,
	  .doc = "What is below the binary: static (users, CA certificates, /tmp), scratch, or an image." },
	{ KEY("dockerfile", KEY_STR, struct package, dockerfile), .check = &check_inside,
	  .doc = "A Dockerfile, relative to slsc.yaml, that makes the whole image." },
	{ KEY("target", KEY_STR, struct package, target), .flags = KEY_NUMBERS, .def = "the last one",
	  .doc = "The stage of the Dockerfile that is the image, by name or number." },
	{ KEY("context", KEY_STR, struct package, context), .def = ".", .check = &check_inside,
	  .doc = "The directory, relative to slsc.yaml, that COPY takes files from." },
	{ KEY("build_args", KEY_PAIRS, struct package, build_args), .names = &check_env_name,
	  .doc = "Values for the Dockerfile's ARG." },
	{ KEY("packages", KEY_STRS, struct package, packages), .check = &check_debian,
	  .doc = "Debian packages on top of the base, with what they depend on." },
	{ KEY("max_layers", KEY_COUNT, struct package, max_layers), .min = 1, .max = 64, .def = "40",
	  .doc = "How many layers packages may take: the smallest ones share one when they are more." },
	{ KEY("user", KEY_STR, struct package, user), .flags = KEY_NUMBERS, .def = "nonroot", .check = &check_user,
	  .doc = "Whom the function runs as: nonroot, root or UID[:GID]." },
	{ KEY("workdir", KEY_STR, struct package, workdir), .def = "/", .check = &check_absolute,
	  .doc = "The working directory." },
	{ KEY("args", KEY_STRS, struct package, entrypoint_args), .flags = KEY_NUMBERS | KEY_EMPTY,
	  .doc = "Arguments for the binary." },
	{ KEY("labels", KEY_PAIRS, struct package, labels), .names = &check_label,
	  .doc = "Labels of the image's config, beside those from git." },
	{ KEY("annotations", KEY_PAIRS, struct package, annotations), .names = &check_label,
	  .doc = "Annotations of the manifest, beside those from git." },
	{ KEY("compression", KEY_CHOICE, struct package, compression), .def = "gzip", .choices = choices_compression,
	  .doc = "Of the layers. Lambda is known to take gzip." },
	{ KEY("tzdata", KEY_BOOL, struct package, tzdata), .def = "false",
	  .doc = "Whether the base holds the time zones (0.17 MB compressed, 1.1 MB unpacked)." },
	{ KEY("sbom", KEY_CHOICE, struct package, sbom), .def = "none", .choices = choices_sbom,
	  .doc = "Where the list of what is in it goes: into the image (SPDX), or beside it in a layout (both "
	  "formats)." },
	{ KEY("provenance", KEY_CHOICE, struct package, provenance), .def = "none", .choices = choices_provenance,
	  .doc = "Whether SLSA's provenance, an in-toto statement of how it was made, goes beside it in a layout." },
};
static const struct keys keys_image = { .doc = "The OCI image.", KEYS(image_keys), .done = image_done,
	.schema = "\"not\":{\"required\":[\"dockerfile\"],\"anyOf\":[{\"required\":[\"base\"]},"
		  "{\"required\":[\"packages\"]},{\"required\":[\"max_layers\"]},{\"required\":[\"user\"]},"
		  "{\"required\":[\"workdir\"]},{\"required\":[\"args\"]},{\"required\":[\"tzdata\"]}]}" };

static const struct key check_keys[] = {
	{ KEY("ignore", KEY_STRS, struct package, ignore),
	  .doc = "Rules whose findings are only counted, by the ids of `slsc check --list-rules`." },
};
static const struct keys keys_check = { .doc = "What `slsc check` is told.", KEYS(check_keys) };

static const struct key package_keys[] = {
	{ .name = "zip", .type = KEY_OBJECT, .sub = &keys_zip,
	  .doc = "The zip, and the files that go into zip and image." },
	{ .name = "image", .type = KEY_OBJECT, .sub = &keys_image, .doc = "The OCI image." },
	{ .name = "check", .type = KEY_OBJECT, .sub = &keys_check, .doc = "What `slsc check` is told." },
};
static const struct keys keys_package = { .doc = "How functions are packed.", KEYS(package_keys) };

/* ---- profiles and toolchains ---- */

static const struct key profile_keys[] = {
	{ KEY("extends", KEY_STR, struct profile, extends), .flags = KEY_PLAIN, .def = "release",
	  .doc = "The profile to start from." },
	{ KEY("optimize", KEY_CHOICE, struct profile, optimize), .flags = KEY_PLAIN, .choices = choices_optimize,
	  .doc = "The compiler's -O level." },
	{ KEY("lto", KEY_BOOL, struct profile, lto), .doc = "Link-time optimization." },
	{ KEY("strip", KEY_BOOL, struct profile, strip), .doc = "Split symbols off into a .debug file." },
	{ KEY("debug_info", KEY_BOOL, struct profile, debug_info), .doc = "Compile with -g." },
	{ KEY("gc_sections", KEY_BOOL, struct profile, gc_sections), .doc = "Drop code that nothing reaches." },
	{ KEY("icf", KEY_BOOL, struct profile, icf), .doc = "Fold identical code, where the linker can." },
	{ KEY("stack_protector", KEY_BOOL, struct profile, stack_protector),
	  .doc = "Compile with -fstack-protector-strong." },
	{ KEY("assertions", KEY_BOOL, struct profile, assertions), .doc = "Keep assert(); false defines NDEBUG." },
	{ KEY("static", KEY_BOOL, struct profile, static_link), .doc = "Link statically." },
	{ KEY("pie", KEY_BOOL, struct profile, pie), .doc = "Link as a position-independent executable." },
	{ KEY("defines", KEY_PAIRS, struct profile, defines), .names = &check_c_name,
	  .doc = "Macros, merged over those of extends." },
	{ KEY("flags", KEY_STRS, struct profile, flags), .doc = "Compiler flags, after those of extends." },
	{ KEY("ldflags", KEY_STRS, struct profile, ldflags), .doc = "Linker flags, after those of extends." },
};
const struct keys keys_profile = { .what = "profile",
	.doc = "Options of the compiler and linker that are chosen together.", KEYS(profile_keys) };

#define TOOL_KEYS(S)                                                                               \
	{ KEY("cc", KEY_STR, S, cc), .doc = "The C compiler, with arguments if it needs any." },   \
	{ KEY("cxx", KEY_STR, S, cxx), .doc = "The C++ compiler." },                               \
	{ KEY("ar", KEY_STR, S, ar), .doc = "The archiver." },                                     \
	{ KEY("ranlib", KEY_STR, S, ranlib), .doc = "The archive indexer." },                      \
	{ KEY("strip", KEY_STR, S, strip), .doc = "What strips a binary." },                       \
	{ KEY("cflags", KEY_STRS, S, cflags), .doc = "Flags for every compile." },                 \
	{ KEY("ldflags", KEY_STRS, S, ldflags), .doc = "Flags for every link." }

static const struct key toolchain_arch_keys[] = { TOOL_KEYS(struct toolchain_arch_def) };
static const struct keys keys_toolchain_arch = { .doc = "What differs for one architecture.",
	KEYS(toolchain_arch_keys) };
static const struct key toolchain_arches_keys[] = {
	{ KEY("x86_64", KEY_OBJECT, struct toolchain_def, arch[ARCH_X86_64]), .sub = &keys_toolchain_arch,
	  .doc = "For x86_64." },
	{ KEY("arm64", KEY_OBJECT, struct toolchain_def, arch[ARCH_ARM64]), .sub = &keys_toolchain_arch,
	  .doc = "For arm64." },
};
static const struct keys keys_toolchain_arches = { .doc = "What differs by architecture.",
	KEYS(toolchain_arches_keys) };
static const struct key toolchain_keys[] = {
	{ KEY("extends", KEY_STR, struct toolchain_def, extends), .flags = KEY_REQUIRED,
	  .doc = "The toolchain to start from: musl, musl-gcc, gnu, zig or one of the project's." },
	TOOL_KEYS(struct toolchain_def),
	{ .name = "arches", .type = KEY_OBJECT, .sub = &keys_toolchain_arches, .doc = "What differs by architecture." },
};
static const struct key stage_keys[] = {
	{ KEY("stage", KEY_STR, struct toolchain_choice, stage), .flags = KEY_REQUIRED | KEY_NUMBERS,
	  .doc = "A stage of a Dockerfile, by name or number: its compilers are used, in its file tree." },
	{ KEY("dockerfile", KEY_STR, struct toolchain_choice, dockerfile), .check = &check_inside,
	  .def = "image.dockerfile, else Dockerfile", .doc = "Which Dockerfile, relative to slsc.yaml." },
};
static const struct keys keys_stage = { .doc = "A stage of a Dockerfile.", KEYS(stage_keys) };

const struct keys keys_toolchain = { .what = "toolchain", .doc = "A compiler and its tools.", KEYS(toolchain_keys) };

/* ---- launchers ---- */

static const struct key launcher_keys[] = {
	{ KEY("name", KEY_CHOICE, struct launcher_def, name), .flags = KEY_REQUIRED, .choices = choices_launcher,
	  .doc = "Which one." },
	{ KEY("remote", KEY_STR, struct launcher_def, remote), .check = &check_remote,
	  .doc = "Where ccache (redis, http, file) or sccache (redis, memcached) shares what it keeps, or recc (grpc) "
		 "compiles." },
	{ KEY("read_only", KEY_BOOL, struct launcher_def, read_only), .def = "false",
	  .doc = "Whether ccache only reads from there." },
	{ KEY("hosts", KEY_STRS, struct launcher_def, hosts), .flags = KEY_NOT_EMPTY, .check = &check_label,
	  .doc = "Where distcc compiles, as in DISTCC_HOSTS." },
};
static const struct keys keys_launcher = { .doc = "What is put before each compile.", KEYS(launcher_keys),
	.done = launcher_done };

/* ---- dependencies ---- */

static const struct key dependency_keys[] = {
	{ KEY("git", KEY_STR, struct dependency, git), .flags = KEY_REQUIRED, .check = &check_git,
	  .doc = "Where to fetch it from: a URL or a path." },
	{ KEY("ref", KEY_STR, struct dependency, ref), .flags = KEY_REQUIRED | KEY_NUMBERS,
	  .doc = "A branch, tag or commit; slsc.lock keeps the commit it stood for." },
	{ KEY("sources", KEY_STRS, struct dependency, sources), .check = &check_in_tree,
	  .doc = "What to compile: globs in the fetched tree. None: headers only." },
	{ KEY("includes", KEY_STRS, struct dependency, includes), .def = "[\".\"]", .check = &check_in_tree,
	  .doc = "Directories in the fetched tree for -I." },
	{ KEY("defines", KEY_PAIRS, struct dependency, defines), .names = &check_c_name,
	  .doc = "Macros for its sources." },
	{ KEY("flags", KEY_STRS, struct dependency, flags), .doc = "Compiler flags for its sources." },
};
const struct keys keys_dependency = { .what = "dependency",
	.doc = "A third-party source, pinned by commit and compiled per target.", KEYS(dependency_keys) };

/* ---- functions ---- */

static const struct key build_keys[] = {
	{ KEY("command", KEY_STR, struct function, build_command), .flags = KEY_REQUIRED | KEY_LINES,
	  .doc = "A shell command; it writes the binary to $SLSC_OUT." },
	{ KEY("inputs", KEY_STRS, struct function, build_inputs), .check = &check_inside,
	  .def = "every file of the project but .slsc, dist and .git",
	  .doc = "Globs of the files whose change makes it run again." },
};
static const struct keys keys_build = { .doc = "The user's own build, in place of sources.", KEYS(build_keys) };

static const struct key fallback_keys[] = {
	{ KEY("file", KEY_STR, struct function, fallback_file), .check = &check_inside,
	  .doc = "A file with the answer, relative to slsc.yaml." },
	{ KEY("function", KEY_STR, struct function, fallback_function), .doc = "Another function, which answers." },
	{ KEY("status", KEY_COUNT, struct function, fallback_status), .def = "200", .min = 200, .max = 599,
	  .doc = "The HTTP status of such an answer." },
};
static const struct keys keys_fallback = { .doc = "What is answered while a function is out of order.",
	KEYS(fallback_keys) };

static const struct key scaling_keys[] = {
	{ KEY("policy", KEY_CHOICE, struct scaling_def, policy), .flags = KEY_REQUIRED, .choices = choices_policy,
	  .doc = "What says how many instances there should be." },
	{ KEY("interval", KEY_MS, struct scaling_def, interval_ms), .def = "1 s", .min = 10, .max = 3600000,
	  .doc = "How often it is asked." },
	{ KEY("min", KEY_COUNT, struct scaling_def, least), .def = "1", .min = 1, .max = 1000,
	  .doc = "Never fewer instances." },
	{ KEY("queue", KEY_COUNT, struct scaling_def, queue), .def = "1000", .min = 1, .max = 100000,
	  .doc = "Calls that may wait for an instance; more are answered with 429." },
	{ KEY("fixed", KEY_COUNT, struct scaling_def, fixed), .min = 1, .max = 1000,
	  .doc = "Policy fixed: so many instances." },
	{ KEY("target", KEY_PERCENT, struct scaling_def, target_permille), .def = "60 %", .min = 10, .max = 1000,
	  .doc = "Policy cpu: of its CPU that an instance is to use." },
	{ KEY("cpu_period", KEY_MS, struct scaling_def, cpu_period_ms), .def = "15 s", .min = 10, .max = 3600000,
	  .doc = "Policy cpu: how often it decides." },
	{ KEY("cooldown", KEY_MS, struct scaling_def, cooldown_ms), .def = "1 min", .max = 86400000,
	  .doc = "Policies cpu and forecast: how long an instance is kept that was wanted last." },
	{ KEY("horizon", KEY_MS, struct scaling_def, horizon_ms), .def = "30 s", .min = 10, .max = 86400000,
	  .doc = "Policy forecast: how far ahead it looks, up to 64 intervals." },
	{ KEY("forecaster", KEY_CHOICE, struct scaling_def, forecaster), .def = "ar", .choices = choices_forecaster,
	  .doc = "Policy forecast: who makes the forecasts." },
	{ KEY("season", KEY_MS, struct scaling_def, season_ms), .min = 20, .max = 86400000,
	  .doc = "Forecaster holt-winters: after which the load repeats itself." },
	{ KEY("model", KEY_STR, struct scaling_def, model), .check = &check_inside,
	  .doc = "Forecaster lstm: what `slsc scale train` has made, relative to slsc.yaml." },
	{ KEY("command", KEY_STR, struct scaling_def, command),
	  .doc = "Policy command: a program that answers lines of JSON." },
	{ KEY("answer_within", KEY_MS, struct scaling_def, answer_ms), .def = "5 s", .min = 1, .max = 3600000,
	  .doc = "Policy command: how long its answer may take." },
};
static const struct keys keys_scaling = { .doc = "How many instances `slsc local` has of a function.",
	KEYS(scaling_keys), .done = scaling_done };

static const char *const choices_machine[] = { "x86_64", "arm64", NULL };
static const char *const choices_log[] = { "text", "json", NULL };
static const char *const choices_url[] = { "none", "public", "iam", NULL };

#define DEPLOY_KEYS                                                                                                  \
	{ KEY("role", KEY_STR, struct deploy_def, role), .check = &check_role,                                       \
	  .doc = "The IAM role that the function has." },                                                            \
	{ KEY("alias", KEY_STR, struct deploy_def, alias), .check = &check_alias,                                    \
	  .doc = "The alias that is moved to each new version." },                                                   \
	{ KEY("tags", KEY_PAIRS, struct deploy_def, tags), .names = &check_label, .doc = "Tags of the function." },  \
	{ KEY("layers", KEY_STRS, struct deploy_def, layers), .flags = KEY_UNIQUE, .check = &check_label,            \
	  .doc = "ARNs of layers, with their versions." },                                                           \
	{ KEY("log_format", KEY_CHOICE, struct deploy_def, log_format), .choices = choices_log,                      \
	  .doc = "How the service writes its own lines into the log." },                                             \
	{ KEY("url", KEY_CHOICE, struct deploy_def, url), .choices = choices_url,                                    \
	  .doc = "Whether the function has a URL: for everybody (public), for signed requests (iam), or none." },    \
	{ KEY("s3", KEY_STR, struct deploy_def, s3), .check = &check_bucket,                                         \
	  .doc = "A bucket that zips are uploaded through." }

static const struct key deploy_keys[] = {
	{ KEY("region", KEY_STR, struct deploy_def, region), .check = &check_label,
	  .doc = "The region, where neither the command line nor the environment nor ~/.aws names one." },
	DEPLOY_KEYS,
};
static const struct keys keys_deploy = { .doc = "How every function is deployed by `slsc deploy`.",
	KEYS(deploy_keys) };
static const struct key function_deploy_keys[] = {
	DEPLOY_KEYS,
	{ KEY("name", KEY_STR, struct deploy_def, name), .def = "the function's name", .check = &check_alias,
	  .doc = "What it is called there." },
	{ KEY("description", KEY_STR, struct deploy_def, description), .doc = "Its description." },
	{ KEY("arch", KEY_CHOICE, struct deploy_def, arch), .def = "the first of arches", .choices = choices_machine,
	  .doc = "The architecture it runs on." },
	{ KEY("image", KEY_STR, struct deploy_def, image), .check = &check_label,
	  .doc = "An image in a registry, in place of a zip." },
	{ KEY("smoke", KEY_STR, struct deploy_def, smoke), .check = &check_inside, .def = "the event {}",
	  .doc = "A file with the event that a new version is tried with, relative to slsc.yaml." },
};
static const struct keys keys_function_deploy = { .doc = "How the function is deployed by `slsc deploy`.",
	KEYS(function_deploy_keys) };

static const char *const choices_tune[] = { "cost", "speed", "balanced", NULL };

static const struct key tune_keys[] = {
	{ KEY("memory", KEY_STRS, struct tune_def, memory), .flags = KEY_NOT_EMPTY | KEY_UNIQUE | KEY_NUMBERS,
	  .doc = "Sizes of memory to try." },
	{ KEY("cpu", KEY_STRS, struct tune_def, cpu), .flags = KEY_NOT_EMPTY | KEY_UNIQUE,
	  .doc = "Shares of a CPU to try, such as 50 %." },
	{ KEY("workers", KEY_STRS, struct tune_def, workers), .flags = KEY_NOT_EMPTY | KEY_UNIQUE | KEY_NUMBERS,
	  .doc = "Values of `SLSC_WORKERS` to try, for runtime http." },
	{ KEY("retention", KEY_STRS, struct tune_def, retention), .flags = KEY_NOT_EMPTY | KEY_UNIQUE | KEY_NUMBERS,
	  .doc = "Values of the macro `SLSC_ARENA_RETENTION` to try, 0 to 100." },
	{ KEY("profile", KEY_STRS, struct tune_def, profile), .flags = KEY_NOT_EMPTY | KEY_UNIQUE,
	  .doc = "Profiles to try." },
	{ KEY("env", KEY_LISTS, struct tune_def, env), .names = &check_env_name,
	  .doc = "Variables of the environment, each with the values to try." },
	{ KEY("defines", KEY_LISTS, struct tune_def, defines), .names = &check_c_name,
	  .doc = "Macros for -D, each with the values to try." },
	{ KEY("rate", KEY_COUNT, struct tune_def, rate), .def = "100", .min = 1, .max = 1000000,
	  .doc = "Calls a second, whatever the function does." },
	{ KEY("duration", KEY_MS, struct tune_def, duration_ms), .def = "2 s", .min = 100, .max = 3600000,
	  .doc = "Of the load, for each setting and repeat." },
	{ KEY("warmup", KEY_MS, struct tune_def, warmup_ms), .def = "500 ms", .min = 1, .max = 3600000,
	  .doc = "Of the same load, before it counts." },
	{ KEY("repeats", KEY_COUNT, struct tune_def, repeats), .def = "5", .min = 1, .max = 100,
	  .doc = "How often each setting is measured." },
	{ KEY("cold", KEY_COUNT, struct tune_def, cold), .def = "3", .min = 1, .max = 1000,
	  .doc = "Cold starts of each setting and repeat." },
	{ KEY("events", KEY_STRS, struct tune_def, events), .flags = KEY_NOT_EMPTY, .check = &check_inside,
	  .doc = "Files with events, in turn: JSON, or a line each in .jsonl; globs, relative to slsc.yaml." },
	{ KEY("generator", KEY_STR, struct tune_def, generator), .flags = KEY_LINES,
	  .doc = "A shell command that prints events, a line each." },
	{ KEY("strategy", KEY_CHOICE, struct tune_def, strategy), .def = "balanced", .choices = choices_tune,
	  .doc = "What the best setting is best in." },
	{ KEY("platform", KEY_STR, struct tune_def, platform), .def = "lambda",
	  .doc = "Whose prices count: a name in the table of prices." },
};
static const struct keys keys_tune = { .doc = "What `slsc tune` tries, and under which load.", KEYS(tune_keys),
	.done = tune_done };

static const struct key function_keys[] = {
	{ KEY("sources", KEY_STRS, struct function, sources), .flags = KEY_NOT_EMPTY, .check = &check_inside,
	  .doc = "What to compile: globs, relative to slsc.yaml." },
	{ .name = "build", .type = KEY_OBJECT, .sub = &keys_build,
	  .doc = "A command of your own, in place of sources." },
	{ KEY("runtime", KEY_ENUM, struct function, runtime), .def = "lambda", .choices = choices_runtime,
	  .doc = "What calls the handler: the Lambda Runtime API, an HTTP server on $PORT, or nothing (own main)." },
	{ KEY("handler", KEY_STR, struct function, handler), .def = "handler", .check = &check_c_name,
	  .doc = "The handler's C symbol." },
	{ KEY("includes", KEY_STRS, struct function, includes),
	  .doc = "Directories for -I, relative to slsc.yaml or absolute." },
	{ KEY("defines", KEY_PAIRS, struct function, defines), .names = &check_c_name, .doc = "Macros for -D." },
	{ KEY("flags", KEY_STRS, struct function, flags), .doc = "Compiler flags." },
	{ KEY("ldflags", KEY_STRS, struct function, ldflags), .doc = "Linker flags." },
	{ KEY("libs", KEY_STRS, struct function, libs), .doc = "Libraries for -l, or paths of .a files." },
	{ KEY("dependencies", KEY_STRS, struct function, dependencies), .flags = KEY_UNIQUE,
	  .doc = "Names from the project's dependencies." },
	{ KEY("toolchain", KEY_STR_OR, struct function, toolchain), .def = "the project's", .sub = &keys_stage,
	  .doc = "The toolchain for this function." },
	{ KEY("arches", KEY_STRS, struct function, arches), .flags = KEY_NOT_EMPTY | KEY_UNIQUE,
	  .def = "the project's", .choices = choices_arch, .doc = "A subset of the project's architectures." },
	{ KEY("memory", KEY_SIZE, struct function, memory), .def = "128 MB", .min = 128u << 20,
	  .max = UINT64_C(10240) << 20, .doc = "Memory of an instance, 128 MB to 10,240 MB." },
	{ KEY("cpu", KEY_PERCENT, struct function, cpu), .def = "as memory or runtime say", .min = 1, .max = 64000,
	  .doc = "How much of a CPU `slsc local` gives an instance, such as 50 %." },
	{ KEY("timeout", KEY_MS, struct function, timeout_ms), .def = "3 s", .min = 1, .max = 900000,
	  .doc = "Longest time of one invocation, at most 900 s." },
	{ KEY("storage", KEY_SIZE, struct function, storage), .def = "512 MB", .min = 512u << 20,
	  .max = UINT64_C(10240) << 20, .doc = "Size of /tmp, 512 MB to 10,240 MB." },
	{ KEY("concurrency", KEY_COUNT, struct function, concurrency), .def = "100", .min = 1, .max = 1000,
	  .doc = "Instances at one time, at most." },
	{ KEY("prewarm", KEY_COUNT, struct function, prewarm), .def = "0", .min = 0, .max = 1000,
	  .doc = "Instances that `slsc local` keeps ready." },
	{ KEY("scaling", KEY_OBJECT, struct function, scaling), .sub = &keys_scaling,
	  .doc = "What decides how many instances `slsc local` has; without it one is started for each call." },
	{ KEY("rate", KEY_COUNT, struct function, rate), .min = 1, .max = 1000000,
	  .doc = "Requests a second that `slsc local` lets through; more are answered with 429." },
	{ KEY("breaker", KEY_BOOL, struct function, breaker), .def = "true",
	  .doc = "Whether `slsc local` leaves a function that fails again and again alone for a while." },
	{ .name = "fallback", .type = KEY_OBJECT, .sub = &keys_fallback,
	  .doc = "What `slsc local` answers while the function is out of order." },
	{ KEY("extensions", KEY_STR, struct function, extensions), .check = &check_inside,
	  .doc = "A directory of Lambda extensions that `slsc local` starts with each instance." },
	{ KEY("env", KEY_PAIRS, struct function, env), .names = &check_env_name,
	  .doc = "Environment at run time, at most 4 KB together." },
	{ KEY("tune", KEY_OBJECT, struct function, tune), .sub = &keys_tune, .doc = "What `slsc tune` tries." },
	{ KEY("package", KEY_OBJECT, struct function, package), .sub = &keys_package,
	  .doc = "On top of the project's package." },
	{ KEY("deploy", KEY_OBJECT, struct function, deploy), .sub = &keys_function_deploy,
	  .doc = "On top of the project's deploy." },
};
const struct keys keys_function = { .what = "function", .doc = "One function: one binary per architecture.",
	KEYS(function_keys), .done = function_done,
	/* neither will do where a Dockerfile makes the image, which the project's package may say */
	.schema = "\"not\":{\"required\":[\"sources\",\"build\"]}" };

/* ---- budgets ---- */

static const struct key budget_keys[] = {
	{ KEY("binary", KEY_SIZE, struct budget, binary), .doc = "Size of the binary." },
	{ KEY("zip", KEY_SIZE, struct budget, zip), .doc = "Size of the zip." },
	{ KEY("image", KEY_SIZE, struct budget, image), .doc = "Size of the image's compressed layers." },
	{ KEY("memory", KEY_SIZE, struct budget, memory), .doc = "Resident memory." },
	{ KEY("layers", KEY_COUNT, struct budget, layers), .min = 1, .max = 127, .doc = "Number of layers." },
	{ KEY("start", KEY_US, struct budget, start_us), .min = 1, .max = 900000000, .doc = "Cold start." },
	{ KEY("efficiency", KEY_PERCENT, struct budget, efficiency_permille), .min = 1, .max = 1000,
	  .doc = "Lowest layer efficiency." },
	{ KEY("growth", KEY_PERCENT, struct budget, growth_permille), .min = 1, .max = 100000,
	  .doc = "Largest growth against the last measurement." },
};
const struct keys keys_budget = { .what = "budget", .doc = "Upper limits for one function.", KEYS(budget_keys) };

/* ---- strategies ---- */

static const struct key strategy_keys[] = {
	{ KEY("summary", KEY_STR, struct strategy_def, summary), .doc = "What it is, for the table." },
	{ KEY("profile", KEY_STR, struct strategy_def, profile), .doc = "The profile; else the project's." },
	{ KEY("toolchain", KEY_STR, struct strategy_def, toolchain), .doc = "The toolchain; else the function's." },
	{ KEY("base", KEY_STR, struct strategy_def, base), .check = &check_base,
	  .doc = "What is below the binary in the image; else as the function's package says." },
	{ KEY("packages", KEY_STRS, struct strategy_def, packages), .check = &check_debian,
	  .doc = "Debian packages on top of that base." },
	{ KEY("dockerfile", KEY_STR, struct strategy_def, dockerfile), .check = &check_inside,
	  .doc = "A Dockerfile, relative to slsc.yaml, that makes the whole image." },
	{ KEY("target", KEY_STR, struct strategy_def, target), .flags = KEY_NUMBERS,
	  .doc = "The stage of the Dockerfile that is the image." },
	{ KEY("compression", KEY_CHOICE, struct strategy_def, compression), .choices = choices_compression,
	  .doc = "Of the layers." },
};
const struct keys keys_strategy = { .what = "strategy", .doc = "One way to build and pack a function.",
	KEYS(strategy_keys), .done = strategy_done };

/* ---- the file ---- */

static const struct key root_keys[] = {
	{ KEY("project", KEY_STR, struct root, name), .flags = KEY_REQUIRED, .check = &check_function_name,
	  .doc = "The project's name." },
	{ KEY("version", KEY_STR, struct root, version), .flags = KEY_NUMBERS,
	  .doc = "Free text for the image's labels." },
	{ KEY("arches", KEY_STRS, struct root, arches), .flags = KEY_NOT_EMPTY | KEY_UNIQUE,
	  .def = "[x86_64, arm64]", .choices = choices_arch, .doc = "What to build for." },
	{ KEY("toolchain", KEY_STR_OR, struct root, toolchain), .def = "musl", .sub = &keys_stage,
	  .doc = "The toolchain: musl, musl-gcc, gnu, zig or one of toolchains; or a stage of a Dockerfile." },
	{ KEY("launcher", KEY_STR_OR, struct root, launcher), .def = "none", .sub = &keys_launcher,
	  .check = &check_launcher,
	  .doc = "What is put before each compile: ccache, sccache, distcc, icecc or recc." },
	{ KEY("profile", KEY_STR, struct root, profile), .def = "release",
	  .doc = "The profile when none is named on the command line." },
	{ .name = "functions", .type = KEY_NAMED, .flags = KEY_REQUIRED | KEY_NOT_EMPTY,
	  .names = &check_function_name, .sub = &keys_function, .max = 1000, .doc = "The functions, by name." },
	{ KEY("package", KEY_OBJECT, struct root, package), .sub = &keys_package,
	  .doc = "How every function is packed." },
	{ KEY("deploy", KEY_OBJECT, struct root, deploy), .sub = &keys_deploy,
	  .doc = "How every function is deployed." },
	{ .name = "profiles", .type = KEY_NAMED, .names = &check_name, .sub = &keys_profile,
	  .max = 64, .doc = "Profiles beside the built-in release, small, fast and debug, or changes of those." },
	{ .name = "toolchains", .type = KEY_NAMED, .names = &check_name, .sub = &keys_toolchain,
	  .max = 64, .doc = "Toolchains beside the built-in musl, musl-gcc, gnu and zig." },
	{ .name = "dependencies", .type = KEY_NAMED, .names = &check_name, .sub = &keys_dependency,
	  .max = 256, .doc = "Third-party sources, by name." },
	{ KEY("mirrors", KEY_PAIRS, struct root, mirrors), .names = &check_label,
	  .doc = "Where bases really come from: the beginning of an image's name, and what stands in its place. An "
		 "image of docker.io is found by its short name, too." },
	{ .name = "budgets", .type = KEY_NAMED, .names = &check_function_name, .sub = &keys_budget,
	  .max = 1000, .doc = "Limits, by function; slsc compare --check enforces them." },
	{ .name = "strategies", .type = KEY_NAMED, .names = &check_name, .sub = &keys_strategy,
	  .max = 64, .doc = "Strategies of slsc compare, beside the built-in ones." },
};
const struct keys keys_root = { .doc = "The project file of slsc.", KEYS(root_keys) };

const struct key *keys_find(const struct keys *set, const char *name)
{
	for (size_t i = 0; i < set->len; i++)
		if (strcmp(set->key[i].name, name) == 0)
			return &set->key[i];
	return NULL;
}

size_t keys_max_entries(const struct key *k)
{
	if (k->type == KEY_NAMED)
		return (size_t)k->max;
	if (k->type == KEY_PAIRS || k->type == KEY_LISTS || (k->flags & KEY_UNIQUE))
		return 256;
	return k->type == KEY_OBJECTS ? 1000 : 10000;
}

static const char *list_choices(const char *const *c, char *buf, size_t cap)
{
	size_t used = 0;

	for (size_t i = 0; c[i] && used < cap; i++)
		used += (size_t)snprintf(buf + used, cap - used, "%s%s", i == 0 ? "" : c[i + 1] ? ", " : " or ",
					 c[i]);
	return buf;
}

const char *key_expects(const struct key *k, char *buf, size_t cap)
{
	switch (k->type) {
	case KEY_CHOICE:
	case KEY_ENUM:
		return list_choices(k->choices, buf, cap);
	case KEY_STR:
		return k->check ? k->check->what : "a string";
	case KEY_STR_OR:
		return "a string or a mapping";
	case KEY_BOOL:
		return "true or false";
	case KEY_COUNT:
		return "a whole number";
	case KEY_SIZE:
		return "a size such as 128 MB";
	case KEY_MS:
		return "a duration such as 3 s";
	case KEY_US:
		return "a duration such as 12 ms";
	case KEY_PERCENT:
		return "a percentage such as 95 %";
	case KEY_MODE:
		return "an octal mode such as 0644";
	case KEY_STRS:
		return "a list of strings";
	case KEY_PAIRS:
		return "a mapping of names to strings";
	case KEY_LISTS:
		return "a mapping of names to lists";
	case KEY_OBJECTS:
		return "a list of mappings";
	case KEY_OBJECT:
	case KEY_NAMED:
		break;
	}
	return "a mapping";
}
