/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "build/shard.h"
#include "build_cache.h"
#include "build_stage.h"
#include "cli/opt.h"
#include "cli/out.h"
#include "commands.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "ui.h"
#include "ui_since.h"

struct package_ctx {
	bool zip, oci, oci_archive, docker_archive, workers, no_build;
	const char *level, *compression, *profile, *shard, *since, *out, *sbom, *provenance;
	struct strs arches, bases, cache_from;
	const char *cache_to;
	struct registry_flags registry;
};

static const char *const levels[] = { "fast", "default", "max", NULL };
static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", "wasm32", NULL };
static const char *const sboms[] = { "none", "image", "attach", NULL };
static const char *const provenances[] = { "none", "attach", NULL };
static const char *const compressions[] = { "gzip", "zstd", "none", NULL };

#define AT(member) offsetof(struct package_ctx, member)

static const struct opt opts[] = {
	{ OPT_GROUP, .help = "What to make (at least one)" },
	{ OPT_FLAG, .long_name = "zip", .offset = AT(zip), .help = "a Lambda zip for each architecture" },
	{ OPT_FLAG, .long_name = "oci", .offset = AT(oci), .help = "an OCI image layout for all architectures" },
	{ OPT_FLAG, .long_name = "oci-archive", .offset = AT(oci_archive),
	  .help = "the same as one tar, for podman load" },
	{ OPT_FLAG, .long_name = "docker-archive", .offset = AT(docker_archive),
	  .help = "a tar for each architecture, for docker load" },
	{ OPT_FLAG, .long_name = "workers", .offset = AT(workers),
	  .help = "a directory for workerd and wrangler, with the function as a WebAssembly module" },
	{ OPT_GROUP, .help = "How" },
	{ OPT_CHOICE, .long_name = "level", .offset = AT(level), .arg = "LEVEL", .choices = levels,
	  .help = "how hard to compress: fast, default or max" },
	{ OPT_LIST, 'a', "arch", AT(arches), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH,
	  .help = "only these architectures: x86_64, arm64, wasm32" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "release (default), small, fast, debug, or one of slsc.yaml" },
	{ OPT_STR, .long_name = "shard", .offset = AT(shard), .arg = "I/N",
	  .help = "only the I-th of N parts, as slsc build --shard has them" },
	SINCE_OPT(AT(since)),
	{ OPT_STR, 'o', "output", AT(out), .arg = "DIR", .complete = COMPLETE_DIR,
	  .help = "where to put it (default: dist in the project)" },
	{ OPT_FLAG, .long_name = "no-build", .offset = AT(no_build), .help = "take the binaries as they are" },
	{ OPT_CHOICE, .long_name = "compression", .offset = AT(compression), .arg = "KIND", .choices = compressions,
	  .help = "of layers: gzip, zstd or none" },
	{ OPT_MULTI, .long_name = "base", .offset = AT(bases), .arg = "BASE", .complete = COMPLETE_BASE,
	  .help = "of images: one of `slsc base list` (default: static), or an image such as oci:DIR[:TAG];\n"
		  "NAME=SOURCE: where the base that slsc.yaml calls NAME comes from" },
	{ OPT_CHOICE, .long_name = "sbom", .offset = AT(sbom), .arg = "WHERE", .choices = sboms,
	  .help = "put an SBOM into images, or attach it to them in the layout (--oci)" },
	{ OPT_CHOICE, .long_name = "provenance", .offset = AT(provenance), .arg = "WHERE", .choices = provenances,
	  .help = "attach SLSA provenance to images in the layout (--oci)" },
	{ OPT_MULTI, .long_name = "cache-from", .offset = AT(cache_from), .arg = "PLACE",
	  .help = "take binaries and Dockerfiles' steps from this cache, too: HOST/REPO:TAG or oci:DIR" },
	{ OPT_STR, .long_name = "cache-to", .offset = AT(cache_to), .arg = "PLACE", .help = "write them to a cache" },
	REGISTRY_OPTS(struct package_ctx, registry),
	{ .type = OPT_END },
};

static void on_note(const char *line)
{
	out_note("%s", line);
}

static void on_step(unsigned done, unsigned total, const char *what, void *ctx)
{
	(void)ctx;
	progress_set_total(total);
	progress_update(done, what);
}

static int build(struct project *p, const struct package_ctx *c, const struct strs *functions,
		 struct build_cache *cache, const struct globals *g, struct err *err)
{
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs compiled = { 0 }, all = { 0 };
	struct build_request req = { .arches = c->arches, .profile = c->profile };
	const bool machines = c->zip || c->oci || c->oci_archive || c->docker_archive;

	/* those whose image is a Dockerfile's alone have no binary */
	for (size_t i = 0; i < functions->len; i++) {
		const struct function *f = project_function(p, functions->ptr[i], err);

		if (!f)
			return -1;
		if (function_compiles(f))
			strs_add(&compiled, f->name.s);
	}
	if (functions->len && !compiled.len)
		return 0;
	req.functions = compiled;
	req.remote = build_cache_remote(cache);
	/* slsc.yaml need not name wasm32 */
	if (c->workers && !c->arches.len) {
		for (size_t i = 0; i < p->narches && machines; i++)
			if (p->arches[i] != ARCH_WASM32)
				strs_add(&all, arch_name(p->arches[i]));
		strs_add(&all, arch_name(ARCH_WASM32));
		req.arches = all;
	}
	ui_build_request(&req, g);
	return ui_build(p, &req, &res, err);
}

static void add_line(struct buf *out, size_t width, const char *path, uint64_t size, const char *digest)
{
	char human[32];

	buf_addf(out, "%-*s  %9s  %s\n", (int)width, path, str_human_size(size, human, sizeof(human)), digest);
}

/* One line an artifact; of a layout also one for each image, named as skopeo and others take it after "oci:". */
static void report(const struct package_result *res, bool dry_run, struct buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < res->len; i++) {
		size_t w = strlen(res->ptr[i].path) + (res->ptr[i].kind == PACKAGE_OCI ? strlen(":amd64") : 0);

		width = w > width ? w : width;
	}
	for (size_t i = 0; i < res->len; i++) {
		const struct packaged *a = &res->ptr[i];

		if (dry_run) {
			buf_addf(out, "would write %s\n", a->path);
			continue;
		}
		add_line(out, width, a->path, a->size, a->digest.s);
		for (size_t k = 0; k < a->nimages && a->kind == PACKAGE_OCI; k++) {
			CLEAN_FREE char *ref = xasprintf("%s:%s", a->path, arch_oci(a->images[k].arch));

			add_line(out, width, ref, a->images[k].size, a->images[k].manifest.digest.s);
		}
	}
}

/* --base BASE, at most once, and any number of --base NAME=SOURCE. */
static int split_bases(const struct strs *given, const char **base, struct strs *sources, struct err *err)
{
	for (size_t i = 0; i < given->len; i++) {
		const char *eq = strchr(given->ptr[i], '=');

		if (eq && (eq == given->ptr[i] || !eq[1])) {
			err_set(err, ERR_USAGE, "--base %s: the %s is empty", given->ptr[i], eq[1] ? "name" : "source");
			return err_hint(err, "write NAME=SOURCE, such as gcr.io/distroless/cc=oci:bases/cc");
		}
		if (!eq && (*base || !*given->ptr[i])) {
			err_set(err, ERR_USAGE, *base ? "--base: an image has one base" : "--base: the name is empty");
			return err_hint(err, "name static, scratch or an image such as oci:DIR[:TAG]");
		}
		if (eq)
			strs_add(sources, given->ptr[i]);
		else
			*base = given->ptr[i];
	}
	return 0;
}

static int check_arches(const struct package_ctx *c, struct err *err)
{
	bool wasm = !c->workers || !c->arches.len;

	for (size_t i = 0; i < c->arches.len && !wasm; i++)
		wasm = arch_parse_any(c->arches.ptr[i]) == ARCH_WASM32;
	if (wasm)
		return 0;
	err_set(err, ERR_USAGE, "--workers: a Worker is made of wasm32, which --arch leaves out");
	return err_hint(err, "add --arch wasm32, or leave out --arch");
}

/* What was asked for, and would have no place to be. */
static int check_lists(const struct package_ctx *c, struct err *err)
{
	const bool image = c->oci || c->oci_archive || c->docker_archive;

	if (c->sbom && strcmp(c->sbom, "image") == 0 && !image) {
		err_set(err, ERR_USAGE, "--sbom image: no image is made");
		return err_hint(err, "add --oci, --oci-archive or --docker-archive; `slsc sbom` writes that of a zip");
	}
	if (c->oci || !((c->sbom && strcmp(c->sbom, "attach") == 0) ||
			(c->provenance && strcmp(c->provenance, "attach") == 0)))
		return 0;
	err_set(err, ERR_USAGE, "--%s attach: only a layout has a place beside its image",
		c->sbom && strcmp(c->sbom, "attach") == 0 ? "sbom" : "provenance");
	return err_hint(err, "add --oci");
}

/* As package_result_json() has it, and with --since what that is about. */
static void report_json(const struct package_ctx *c, const struct package_result *res, bool dry_run,
			const struct since_result *touched, const struct build_cache *cache, struct buf *out)
{
	CLEAN_BUF struct buf json = BUF_INIT;

	package_result_json(res, dry_run, &json);
	if (c->since) {
		buf_addz(out, "{\"since\":");
		ui_since_json(touched, c->since, out);
		buf_addc(out, ',');
	}
	buf_addz(out, json.ptr + (c->since != NULL));
	out->len -= strlen("}\n");
	build_cache_report(cache, true, out);
	buf_addz(out, "}\n");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct package_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_PACKAGE struct package_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 }, sources = { 0 };
	CLEAN_SINCE struct since_result touched = { .len = 0 };
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FD int lock = -1;
	const struct registry_opts registry = registry_opts_of(&c->registry);
	struct registry_env env = { .opts = &registry };
	const struct origin_env origins = { .registry = registry_open, .ctx = &env };
	struct stage_flags flags = { .registry = c->registry, .cache_from = c->cache_from, .cache_to = c->cache_to };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	CLEAN_BUILD_CACHE struct build_cache cache;
	struct shard shard;
	bool trouble = false;
	struct stage_source source = { .origins = &origins, .registry = &registry, .globals = g,
				       .cache_from = &c->cache_from, .cache_to = c->cache_to,
				       .cache_trouble = &trouble };
	struct package_request req = {
		.stage = package_by_stage, .ctx = &source,
		.origins = &origins, .project = &p, .functions = &functions, .arches = &c->arches,
		.profile = c->profile, .level = c->level,
		.compression = c->compression, .sbom = c->sbom, .provenance = c->provenance,
		.base_sources = &sources, .out = c->out, .dry_run = g->dry_run,
		.step = on_step, .note = on_note,
		.formats = (c->zip ? PACKAGE_ZIP : 0u) | (c->oci ? PACKAGE_OCI : 0u) |
			   (c->oci_archive ? PACKAGE_OCI_ARCHIVE : 0u) |
			   (c->docker_archive ? PACKAGE_DOCKER_ARCHIVE : 0u) | (c->workers ? PACKAGE_WORKERS : 0u),
	};
	int ret;

	build_cache_init(&cache, &c->cache_from, c->cache_to, &registry, &stages.keepers.cache_trouble);
	if (!req.formats) {
		err_set(err, ERR_USAGE, "say what to make: --zip, --oci, --oci-archive, --docker-archive or --workers");
		return err_hint(err, "--zip is a Lambda function's code; --oci is an image for any platform");
	}
	if (c->out && !*c->out) {
		err_set(err, ERR_USAGE, "--output: the directory's name is empty");
		return err_hint(err, "leave it out for dist in the project, or write . for this directory");
	}
	if (check_arches(c, err) < 0 || check_lists(c, err) < 0 ||
	    split_bases(&c->bases, &req.base, &sources, err) < 0 || build_cache_check(&cache, err) < 0 ||
	    (c->shard && shard_parse(c->shard, &shard, err) < 0))
		return -1;
	for (int i = 0; i < argc; i++)
		strs_add(&functions, argv[i]);
	if (project_load(&p, NULL, err) < 0)
		return -1;
	if (c->since && ui_since(&p, c->since, c->profile, g, &functions, &touched, err) < 0)
		return -1;
	/* no names would be all of them, here and below */
	if (c->shard && !(c->since && !functions.len) &&
	    ui_shard(&p, c->shard, c->profile, false, &functions, err) < 0)
		return -1;
	flags.bases = sources;
	toolchain_stages_init(&stages, &flags, 0, g, !g->dry_run && !c->no_build);
	p.stages = &stages.keepers.stages;
	if ((c->shard || c->since) && !functions.len) {
		if (!g->json)
			return 0;
		report_json(c, &res, g->dry_run, &touched, &cache, &out);
		return out_stdout(out.ptr, out.len, err);
	}
	if (!g->dry_run) {
		lock = build_lock(&p, "slsc package", ui_waiting, NULL, err);
		if (lock < 0 || (!c->no_build && build(&p, c, &functions, &cache, g, err) < 0))
			return -1;
	}
	trouble = cache.remote.trouble || stages.keepers.cache_trouble;
	progress_begin("packaging", 0);
	ret = package_run(&req, &res, err);
	progress_end();
	for (size_t i = 0; i < res.warnings.len; i++)
		out_warn("%s", res.warnings.ptr[i]);
	if (ret < 0)
		return -1;
	if (g->json) {
		report_json(c, &res, g->dry_run, &touched, &cache, &out);
	} else {
		report(&res, g->dry_run, &out);
		build_cache_report(&cache, false, &out);
	}
	return out_stdout(out.ptr, out.len, err);
}

static void release(void *ctx)
{
	struct package_ctx *c = ctx;

	strs_release(&c->arches);
	strs_release(&c->bases);
	strs_release(&c->cache_from);
}

const struct cmd cmd_package = {
	.name = "package",
	.args = "[FUNCTION...]",
	.summary = "Make zips, images and Workers of functions",
	.description =
		"Builds what is not up to date, then writes Lambda zips and distroless-style OCI images to dist/, with "
		"dist/manifest.json listing all of them. The same sources give the same bytes, whatever the machine's "
		"time zone, locale, umask or user.\n\n"
		"--workers makes dist/FUNCTION.workers/ of the function as a WebAssembly module: what workerd serves "
		"and wrangler deploys, see docs/WASM.md. It asks for wasm32 by itself.\n\n"
		"A layout can be used as oci:dist/FUNCTION.oci:amd64, :arm64 (Lambda takes one architecture) or "
		":latest (the multi-architecture index) by skopeo and others. Where slsc.yaml or --arch names wasm32, "
		":wasm is the function as a WebAssembly module.\n\n"
		"The image of a function whose package.image in slsc.yaml names a Dockerfile is what that makes of "
		"it, as slsc build -f would.\n\n"
		"--since packs, and builds, only the functions that `slsc build --since` would.\n\n"
		"Images are labelled with the commit and its time. SOURCE_DATE_EPOCH overrides the time.",
	.examples = "$ slsc package --zip\n$ slsc package hello --oci --arch arm64\n"
		    "$ slsc package --docker-archive && docker load -i dist/hello-x86_64.docker.tar\n"
		    "$ slsc package --workers && workerd serve dist/hello.workers/config.capnp\n"
		    "$ slsc package --zip --level max --json | jq -r '.artifacts[].sha256'\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct package_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
	.release = release,
};
