/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "build/shard.h"
#include "build_cache.h"
#include "build_stage.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "ui.h"
#include "ui_since.h"
#include "wasm/wasm.h"

struct build_ctx {
	struct strs arches;
	const char *profile, *launcher, *shard, *since;
	unsigned jobs;
	bool smoke;
	struct stage_flags stage;
};

#define AT(member) offsetof(struct build_ctx, member)

static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", "wasm32", NULL };

static const struct opt opts[] = {
	{ OPT_LIST, 'a', "arch", AT(arches), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH,
	  .help = "only these architectures: x86_64, arm64, wasm32" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "release (default), small, fast, debug, or one of slsc.yaml" },
	{ OPT_UINT, 'j', "jobs", AT(jobs), .arg = "N", .help = "run N steps at a time", .min = 1, .max = 4096 },
	{ OPT_STR, 0, "launcher", AT(launcher), .arg = "CMD",
	  .help = "put CMD before each compile: ccache, sccache, distcc, icecc, recc, or another; none" },
	{ OPT_STR, 0, "shard", AT(shard), .arg = "I/N",
	  .help = "only the I-th of N parts, which take about the same time: see docs/MANY.md" },
	SINCE_OPT(AT(since)),
	{ OPT_FLAG, 0, "smoke", AT(smoke),
	  .help = "also start each binary, under qemu-user if it is of another architecture, a module in Node" },
	STAGE_OPTS(struct build_ctx, stage),
	REGISTRY_OPTS(struct build_ctx, stage.registry),
	{ .type = OPT_END },
};

/* As package does: relative where the user stands in the project, else whole. */
static char *shown(const struct project *p, bool here, const char *path)
{
	return here ? xstrdup(path) : path_join(p->dir, path);
}

/* What a module gives and what it needs. */
static int report_wasm(const struct project *p, const struct built *r, bool exports, struct buf *b, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, r->path);
	CLEAN_WASM struct wasm_file f = WASM_INIT;

	if (r->arch != ARCH_WASM32)
		return 0;
	if (wasm_open(&f, path, err) < 0)
		return -1;
	member_open(b, exports ? "exports" : "imports", '[');
	for (size_t i = 0; i < (exports ? f.nexports : f.nimports); i++) {
		CLEAN_FREE char *name = exports ? xstrdup(f.exports[i].name) :
						  xasprintf("%s.%s", f.imports[i].module, f.imports[i].name);

		member_text(b, NULL, name);
	}
	buf_addc(b, ']');
	return 0;
}

static int report(const struct project *p, const struct build_result *res, const struct build_cache *cache,
		  const char *profile, bool json, const struct buf *since, struct buf *b, struct err *err)
{
	CLEAN_FREE char *cwd = getcwd(NULL, 0);
	const bool here = cwd && strcmp(cwd, p->dir) == 0;
	const struct launcher_sum *n = &res->launched;
	size_t width = 0;

	if (json)
		buf_addz(b, "{\"binaries\":[");
	VEC_EACH(res, r)
		width = strlen(r->function->name.s) > width ? strlen(r->function->name.s) : width;
	VEC_EACH(res, r) {
		CLEAN_FREE char *path = shown(p, here, r->path);
		CLEAN_FREE char *debug = r->debug ? shown(p, here, r->debug) : NULL;
		char human[32];

		if (!json) {
			buf_addf(b, "%-*s  %-6s  %9s  %s\n", (int)width, r->function->name.s, arch_name(r->arch),
				 str_human_size(r->size, human, sizeof(human)), path);
			continue;
		}
		member_open(b, NULL, '{');
		member_text(b, "arch", arch_name(r->arch));
		member_text(b, "debug", debug);
		if (report_wasm(p, r, true, b, err) < 0)
			return -1;
		member_text(b, "function", r->function->name.s);
		if (report_wasm(p, r, false, b, err) < 0)
			return -1;
		member_text(b, "path", path);
		member_text(b, "profile", profile);
		member_u64(b, "size", r->size);
		member_text(b, "toolchain", r->toolchain);
		buf_addc(b, '}');
	}
	if (json)
		buf_addf(b, "]%s%s", since->len ? ",\"since\":" : "", since->ptr);
	if (json && res->launcher)
		buf_addf(b, ",\"launcher\":{\"compiles\":%u,\"elsewhere\":%u,\"fell_back\":%u,\"hits\":%u,"
			 "\"moved\":%u,\"name\":\"%s\",\"remote_failed\":%u,\"remote_hits\":%u}", n->compiles,
			 n->elsewhere, n->fell_back, n->hits, n->moved, res->launcher, n->remote_failed,
			 n->remote_hits);
	if (json)
		buf_addf(b, ",\"steps\":%u", res->steps);
	build_cache_report(cache, json, b);
	buf_addz(b, json ? "}\n" : "");
	return 0;
}

/* What was asked for, and would mean nothing. */
static int check_options(const struct build_ctx *c, struct err *err)
{
	const struct stage_flags *f = &c->stage;
	const struct {
		const char *name;
		bool given, of_dockerfile;
	} all[] = {
		{ "launcher", c->launcher, false }, { "profile", c->profile, false }, { "smoke", c->smoke, false },
		{ "target", f->target, true }, { "tag", f->tag, true }, { "output", f->output, true },
		{ "label", f->labels.len, true }, { "compression", f->compression, true },
		{ "level", f->level, true }, { "squash", f->squash, true }, { "strip", f->strip, true },
		{ "print", f->print, true }, { "until", f->until, true },
	};
	struct shard shard;

	if (f->file && c->since)
		return err_set(err, ERR_USAGE, "--since: a Dockerfile's image has no functions to choose from");
	if (f->file && c->shard)
		return err_set(err, ERR_USAGE, "--shard: a Dockerfile's image has no functions to split");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!all[i].given || all[i].of_dockerfile == (f->file != NULL))
			continue;
		if (f->file)
			return err_set(err, ERR_USAGE, "--%s is about functions, and --file about a Dockerfile",
				       all[i].name);
		err_set(err, ERR_USAGE, "--%s is about a Dockerfile, and none is named", all[i].name);
		return err_hint(err, "name it with --file; what slsc.yaml says of images, 'slsc package' makes");
	}
	return c->shard ? shard_parse(c->shard, &shard, err) : 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct build_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 };
	CLEAN_SINCE struct since_result touched = { .len = 0 };
	CLEAN_BUF struct buf out = BUF_INIT, since = BUF_INIT;
	CLEAN_FD int lock = -1;
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	const struct registry_opts registry = registry_opts_of(&c->stage.registry);
	CLEAN_BUILD_CACHE struct build_cache cache;
	struct build_request req = { .arches = c->arches, .profile = c->profile, .launcher = c->launcher,
				     .jobs = c->jobs, .smoke = c->smoke };

	build_cache_init(&cache, c->stage.no_cache ? NULL : &c->stage.cache_from, c->stage.cache_to, &registry,
			 &stages.keepers.cache_trouble);
	if (check_options(c, err) < 0)
		return -1;
	if (c->stage.file) {
		if (argc > 1)
			return err_set(err, ERR_USAGE, "with --file there is one argument, the build context");
		return build_stage(&c->stage, argc ? argv[0] : NULL, &c->arches, c->jobs, g, err);
	}
	if (build_cache_check(&cache, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		strs_add(&functions, argv[i]);
	ui_build_request(&req, g);
	if (project_load(&p, NULL, err) < 0) {
		if (err->code == ERR_NOTFOUND && fs_exists("Dockerfile"))
			err_hint(err, "there is a Dockerfile: `slsc build -f Dockerfile .` builds its image");
		return -1;
	}
	if (launcher_check(&p, c->launcher, err) < 0)
		return -1;
	if (c->since) {
		if (ui_since(&p, c->since, c->profile, g, &functions, &touched, err) < 0)
			return -1;
		ui_since_json(&touched, c->since, &since);
	}
	/* no names would be all of them, here and below */
	if (c->shard && !(c->since && !functions.len) &&
	    ui_shard(&p, c->shard, c->profile, true, &functions, err) < 0)
		return -1;
	req.functions = functions;
	toolchain_stages_init(&stages, &c->stage, c->jobs, g, !g->dry_run);
	p.stages = &stages.keepers.stages;
	req.remote = build_cache_remote(&cache);
	if (!g->dry_run) {
		lock = build_lock(&p, "slsc build", ui_waiting, NULL, err);
		if (lock < 0)
			return -1;
	}
	if (!((c->shard || c->since) && !functions.len) && ui_build(&p, &req, &res, err) < 0)
		return -1;
	if (g->dry_run && g->json)
		buf_addf(&out, "{\"dry_run\":true%s%s}\n", c->since ? ",\"since\":" : "", c->since ? since.ptr : "");
	if (g->dry_run)
		return out_stdout(out.ptr, out.len, err);
	if (report(&p, &res, &cache, c->profile ? c->profile : p.profile.s, g->json, &since, &out, err) < 0)
		return -1;
	return out_stdout(out.ptr, out.len, err);
}

static void release(void *ctx)
{
	struct build_ctx *c = ctx;

	strs_release(&c->arches);
	stage_flags_release(&c->stage);
}

const struct cmd cmd_build = {
	.name = "build",
	.args = "[FUNCTION...]",
	.summary = "Compile functions, or build the image of a Dockerfile",
	.description =
		"Builds each function for each architecture, only what is stale (ninja decides), and verifies every "
		"binary: right machine, no interpreter, no shared library, stripped, no writable code, no executable "
		"stack, no path of this machine inside. The symbols go to NAME.debug beside it.\n\n"
		"The default toolchain is musl through clang and lld. Its files for another architecture are fetched "
		"once, by apt, into the user's cache; 'slsc doctor' shows what each toolchain needs.\n\n"
		"wasm32 is built only where --arch or slsc.yaml asks for it: clang and wasi-libc make a command of "
		"WASI, which imports nothing but wasi_snapshot_preview1 and has no names or debug information in it; "
		"runtime lambda then reads one event from stdin and writes the answer to stdout.\n\n"
		"--smoke starts each binary, with an environment of its own, and says what it did. With runtime lambda "
		"it has to ask for its first event within 10 s, with http to answer GET /_/health, with none to exit "
		"with status 0 or to run on for 2 s. A module is run by Node's WASI; with runtime lambda it has to be "
		"done with an event within 10 s.\n\n"
		"Where slsc.yaml names a stage of a Dockerfile as the toolchain, the stage is made first, and all that "
		"compiles and links runs in its file tree; --base, --build-arg, --secret, --network, --sandbox, "
		"--no-cache, --cache-from and --cache-to are about it, too.\n\n"
		"--cache-to puts finished binaries, or a Dockerfile's steps, into an OCI registry or layout, and "
		"--cache-from takes from there what a build would make: see docs/CACHE.md. A cache that is absent, "
		"slow or damaged is a warning, and what it lacks is built.\n\n"
		"--shard I/N builds one of N parts of the functions that are asked for, so that N machines build "
		"all of them, each about as long: by what .slsc/PROFILE/.ninja_log of an earlier build says each took, "
		"else by their numbers of sources. All N must be given the same log, or none.\n\n"
		"--since REV builds the functions that the differences between a commit and the work tree touch: "
		"those of `git diff REV`, and untracked files. A..B and A...B are ranges of commits. A function is "
		"touched by its sources, by headers of the project that they include, by all files that slsc.yaml "
		"names for it, and by what slsc.yaml and slsc.lock say of it. With --explain or -v it says why, --json "
		"lists that, too. With --shard the touched ones are split.\n\n"
		"With --file it runs a Dockerfile, without a daemon and without root: only the stages that the target "
		"needs, side by side, each step known by what it reads. The argument is then the build context, a "
		"directory.",
	.examples = "$ slsc build\n"
		    "$ slsc build hello --arch arm64 --profile small\n"
		    "$ slsc build --launcher ccache -j 8\n"
		    "$ slsc build --explain          why each step runs\n"
		    "$ slsc build --shard 2/4        the second of four machines\n"
		    "$ slsc build --since origin/main...HEAD   what a branch touches\n"
		    "$ slsc build --smoke            start each binary, foreign ones under qemu\n"
		    "$ slsc build --cache-from registry.example.com/app:cache --cache-to "
		    "registry.example.com/app:cache\n"
		    "$ slsc build -f Dockerfile -t app:1.0 --arch x86_64 --arch arm64 .\n"
		    "$ slsc build -f Dockerfile --print graph . | dot -Tsvg >stages.svg\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct build_ctx),
	.flags = CMD_JSON | CMD_DRY_RUN | CMD_EXPLAIN,
	.run = run,
	.release = release,
};
