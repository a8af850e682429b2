/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "os/fs.h"
#include "os/proc.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "report/check_dist.h"
#include "report/inspect.h"

#define TOP 25

struct inspect_ctx {
	bool view[VIEW_COUNT];
	unsigned top;
	bool all;
	const char *arch, *debug;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct inspect_ctx, member)

static const struct opt opts[] = {
	{ OPT_FLAG, .long_name = "layers", .offset = AT(view[VIEW_LAYERS]),
	  .help = "each layer: its bytes, those of its files, how many these are, its instruction" },
	{ OPT_FLAG, .long_name = "files", .offset = AT(view[VIEW_FILES]),
	  .help = "what a container sees; of a zip its entries, packed, and headers" },
	{ OPT_FLAG, .long_name = "sections", .offset = AT(view[VIEW_SECTIONS]),
	  .help = "of a program, also of the one that a zip or image starts" },
	{ OPT_FLAG, .long_name = "symbols", .offset = AT(view[VIEW_SYMBOLS]),
	  .help = "its functions and objects" },
	{ OPT_FLAG, .long_name = "sources", .offset = AT(view[VIEW_SOURCES]),
	  .help = "what is of each source; needs debug information" },
	{ OPT_FLAG, .long_name = "waste", .offset = AT(view[VIEW_WASTE]),
	  .help = "files that a later layer overwrites or deletes" },
	{ OPT_GROUP, .help = "How" },
	{ OPT_UINT, .long_name = "top", .offset = AT(top), .arg = "N", .min = 1, .max = 1000000,
	  .help = "the N largest parts (default: 25); the rest is summed up" },
	{ OPT_FLAG, .long_name = "all", .offset = AT(all), .help = "all parts" },
	{ OPT_STR, 'a', "arch", AT(arch), .arg = "ARCH", .complete = COMPLETE_ARCH,
	  .help = "of an image for several architectures: x86_64, arm64, ..." },
	{ OPT_STR, .long_name = "debug-file", .offset = AT(debug), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "the program's debug information (default: looked for)" },
	REGISTRY_OPTS(struct inspect_ctx, registry),
	{ .type = OPT_END },
};

struct job {
	const struct inspect_ctx *c;
	const struct globals *g;
	struct inspect_how how;
	struct origin_env env;
	struct buf out;
	bool any;
	bool several;			/* artifacts: a view says of which it is */
	bool listed, passed;		/* none is named: those that have no such view are passed over */
	struct err failed;		/* of an artifact that could be read in part only: told at the end */
};

/* What could be read comes out in any case; in JSON one whole document. */
static int one(struct job *j, const char *text, const char *arch, struct err *err)
{
	CLEAN_ARTIFACT struct artifact a = ARTIFACT_INIT;
	const struct artifact_opts o = { .arch = arch, .debug = j->c->debug, .env = &j->env };
	struct err why = ERR_INIT, ignored;
	const bool damaged = artifact_open(&a, text, &o, &why) < 0;
	struct inspect_how how = j->how;
	int ret = 0;

	if (damaged && !a.size) {
		*err = why;
		return -1;
	}
	if (j->listed && how.views && !damaged && (how.views = artifact_views(&a, how.views)) == 0) {
		j->passed = true;
		return 0;
	}
	if (j->g->json) {
		buf_addz(&j->out, j->any ? "," : "{\"artifacts\":[");
		ret = inspect_json(&a, &how, damaged ? &why : NULL, &j->out, err);
	} else {
		if (j->any)
			buf_addc(&j->out, '\n');
		if (j->several && how.views)
			buf_addf(&j->out, a.kind == ARTIFACT_IMAGE && a.arch ? "%s (%s)\n" : "%s\n", a.shown, a.arch);
		ret = inspect_text(&a, &how, &j->out, damaged ? &ignored : err);
	}
	j->any = true;
	/* what went well may have left something in its err */
	if ((damaged || ret > 0) && !j->failed.code)
		j->failed = damaged ? why : *err;
	ret = ret > 0 ? 0 : ret;
	return damaged && why.code == ERR_INTR ? (*err = why, -1) : damaged ? 0 : ret;
}

static int which_arch(const struct strs *arches, const char *text, const char **arch, struct err *err)
{
	const char *host = arch_name(arch_host());
	CLEAN_BUF struct buf list = BUF_INIT;

	for (size_t i = 0; i < arches->len; i++) {
		buf_addf(&list, "%s%s", i ? ", " : "", arches->ptr[i]);
		if (strcmp(arches->ptr[i], host) == 0)
			*arch = arches->ptr[i];
	}
	if (*arch)
		return 0;
	err_set(err, ERR_USAGE, "%s: holds no image for this machine (%s), but for %s", text, host, list.ptr);
	return err_hint(err, "--arch %s shows that one", arches->ptr[0]);
}

static int inspect(struct job *j, const char *text, struct err *err)
{
	CLEAN_STRS struct strs arches = { 0 };
	const char *arch = j->c->arch;

	if (!arch && artifact_arches(text, &j->env, &arches, err) < 0) {
		/* opening it will say more, and may give a part of it */
		if (err->code == ERR_USAGE || err->code == ERR_NOTFOUND)
			return -1;
		return one(j, text, NULL, err);
	}
	if (arches.len < 2)
		return one(j, text, arch, err);
	if (j->how.views) {
		if (which_arch(&arches, text, &arch, err) < 0)
			return -1;
		return one(j, text, arch, err);
	}
	for (size_t i = 0; i < arches.len; i++)
		if (one(j, text, arches.ptr[i], err) < 0)
			return -1;
	return 0;
}

/* Whether --arch means it; what cannot be read says so when it is opened. */
static bool has_arch(struct job *j, const struct dist_entry *e, const char *place)
{
	CLEAN_STRS struct strs arches = { 0 };
	struct err ignored;

	if (e->arch || strcmp(e->kind, "zip") == 0)
		return !e->arch || strcmp(e->arch, j->c->arch) == 0;
	if (artifact_arches(place, &j->env, &arches, &ignored) < 0 || !arches.len)
		return true;
	for (size_t i = 0; i < arches.len; i++)
		if (strcmp(arches.ptr[i], j->c->arch) == 0)
			return true;
	return false;
}

/* All that `slsc package` has made, as paths of where the user stands. */
static int listed(struct job *j, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_DIST struct dist dist = { .dir = NULL };
	CLEAN_FREE char *here = getcwd(NULL, 0);
	bool home;

	if (project_load(&p, NULL, err) < 0 || dist_read(&dist, p.dir, err) < 0)
		return -1;
	home = here && strcmp(here, p.dir) == 0;
	for (size_t i = 0; i < dist.len; i++) {
		const struct dist_entry *e = &dist.ptr[i];
		CLEAN_FREE char *path = path_join(home ? "dist" : dist.dir, e->path);
		CLEAN_FREE char *place = dist_place(e, path), *module = e->module ? xasprintf("%s:wasm", path) : NULL;
		const bool only = module && j->c->arch && strcmp(j->c->arch, "wasm32") == 0;

		if (!only && (!j->c->arch || has_arch(j, e, place)) &&
		    inspect(j, strcmp(e->kind, "oci") == 0 ? path : place, err) < 0)
			return -1;
		if (module && (only || !j->c->arch) && one(j, module, NULL, err) < 0)
			return -1;
	}
	if (j->any)
		return 0;
	if (j->passed) {
		err_set(err, ERR_NOTFOUND, "nothing that dist/manifest.json lists has what is asked for");
		return err_hint(err, "images have layers, and so waste: run 'slsc package --oci' first");
	}
	err_set(err, ERR_NOTFOUND, "nothing is packaged yet: dist/manifest.json lists nothing");
	return err_hint(err, "run 'slsc package' first, or name an artifact");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct inspect_ctx *c = ctx;
	const struct registry_opts registry = registry_opts_of(&c->registry);
	struct registry_env registry_env = { .opts = &registry };
	struct job j = { .c = c, .g = g, .env = { .registry = registry_open, .ctx = &registry_env }, .out = BUF_INIT };
	int ret = 0;

	j.how.top = c->all ? 0 : c->top ? c->top : TOP;
	j.how.width = isatty(STDOUT_FILENO) ? tty_width(STDOUT_FILENO) : 1 << 20;
	for (int v = 0; v < VIEW_COUNT; v++)
		j.how.views |= c->view[v] ? 1u << v : 0;
	j.listed = !argc;
	j.several = argc != 1;
	progress_begin("reading", 0);
	if (!argc)
		ret = listed(&j, err);
	for (int i = 0; i < argc && ret == 0; i++)
		ret = inspect(&j, argv[i], err);
	progress_end();
	if (ret == 0 && g->json)
		buf_addz(&j.out, "]}\n");
	/* of JSON there is a whole document or none */
	if (j.out.len && (ret == 0 || !g->json)) {
		struct err why = ERR_INIT;

		if (out_stdout(j.out.ptr, j.out.len, &why) < 0 && ret == 0) {
			*err = why;
			ret = -1;
		}
	}
	buf_release(&j.out);
	if (ret == 0 && j.failed.code) {
		*err = j.failed;
		return -1;
	}
	return ret;
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.args = "[ARTIFACT...]",
	.summary = "Where an artifact's bytes are",
	.description =
		"Looks into a program, a zip or an image (oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, "
		"HOST/REPOSITORY[:TAG]), whoever made it: what it is for, what it starts, how large it is. A view "
		"divides its bytes into parts that add up to the whole. Without an argument: all that "
		"dist/manifest.json lists.\n\n"
		"An image for several architectures is told of for each; a view is of this machine's, unless --arch "
		"says which.\n\n"
		"--waste counts the excess only: the bytes of all files in all layers, less those that a container "
		"sees. A file that two layers have costs what the lower one has; one that is deleted costs all it has; "
		"hard links to one file are one. So what is seen and what is wasted add up to 100 %. The efficiency is "
		"dive's: for each path the smallest size that a layer gives it, of all paths together, divided by the "
		"sum of all sizes.\n\n"
		"--json has all that is known and all views that the artifact has, or those asked for, without "
		"--top. Of a damaged artifact what can be read is shown, then what is wrong; the exit code is 1.",
	.examples = "$ slsc inspect\n"
		    "$ slsc inspect dist/hello.oci:arm64 --layers\n"
		    "$ slsc inspect dist/hello-x86_64.zip --files --sections\n"
		    "$ slsc inspect oci-archive:app.tar --waste --top 10\n"
		    "$ slsc inspect registry.example.com/app:1 --arch arm64 --json | jq '.artifacts[0].size'\n",
	.opts = opts,
	.complete = COMPLETE_FILE,
	.ctx_size = sizeof(struct inspect_ctx),
	.flags = CMD_JSON,
	.run = run,
};
