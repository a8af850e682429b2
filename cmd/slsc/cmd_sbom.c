/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "build/package_sbom.h"
#include "cli/opt.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "vcs/git.h"

struct sbom_ctx {
	const char *format, *arch, *profile, *out;
};

static const char *const formats[] = { "spdx", "cyclonedx", NULL };
static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", NULL };

#define AT(member) offsetof(struct sbom_ctx, member)

static const struct opt opts[] = {
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "spdx (2.3, default) or cyclonedx (1.5), both as JSON" },
	{ OPT_CHOICE, 'a', "arch", AT(arch), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH,
	  .help = "of which binary (default: the function's first)" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "release (default), small, fast, debug, or one of slsc.yaml" },
	{ OPT_STR, 'o', "output", AT(out), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

static const struct function *choose_function(const struct project *p, const char *name, struct err *err)
{
	if (name)
		return project_function(p, name, err);
	if (p->nfunctions == 1)
		return p->functions[0];
	err_set(err, ERR_USAGE, "%s has %zu functions: say of which to write the SBOM", p->file, p->nfunctions);
	err_hint(err, "slsc sbom %.200s", p->nfunctions ? p->functions[0]->name.s : "FUNCTION");
	return NULL;
}

static enum arch choose_arch(const struct project *p, const struct function *fn, const char *arch)
{
	const int wanted = arch_parse(arch ? arch : fn->arches.len ? fn->arches.ptr[0].s : "");

	return wanted >= 0 ? (enum arch)wanted : p->arches[0];
}

static int make(struct project *p, const struct sbom_ctx *c, const char *name, struct buf *out, struct err *err)
{
	CLEAN_SBOM struct sbom s = { .len = 0 };
	CLEAN_PROVENANCE struct git_provenance git = { .present = false };
	CLEANUP(sbom_base_release) struct sbom_base base = { .names = { NULL } };
	const struct profile *profile = project_profile(p, c->profile ? c->profile : p->profile.s, err);
	const struct function *fn = choose_function(p, name, err);
	struct sbom_request req = { .project = p, .function = fn, .profile = profile, .git = &git };
	struct package pkg;
	struct err no_git;
	bool has_epoch;

	if (!profile || !fn)
		return -1;
	if (git_provenance(p->dir, &git, &no_git) < 0) {
		if (no_git.code == ERR_INTR) {
			*err = no_git;
			return -1;
		}
		out_warn("%s: written without revision and source", no_git.msg);
	}
	req.arch = choose_arch(p, fn, c->arch);
	project_package(p, fn, &pkg);
	if (package_epoch(&req.created, &has_epoch, err) < 0 ||
	    sbom_base_load(&base, pkg.base.s ? pkg.base.s : "static", pkg.tzdata, err) < 0)
		return -1;
	if (!has_epoch && git.time)
		req.created = git.time;
	req.base_layers = base.names;
	if (sbom_gather(&req, &s, err) < 0)
		return -1;
	if (s.incomplete)
		out_warn("the SBOM of %s is incomplete: %s", fn->name.s, s.incomplete);
	sbom_add(&s, c->format && strcmp(c->format, "cyclonedx") == 0 ? SBOM_CYCLONEDX : SBOM_SPDX, out);
	buf_addc(out, '\n');
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct sbom_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;

	(void)g;
	if (project_load(&p, NULL, err) < 0 || make(&p, c, argc ? argv[0] : NULL, &out, err) < 0)
		return -1;
	if (c->out)
		return fs_write_file(c->out, out.ptr, out.len, 0644, err);
	return out_stdout(out.ptr, out.len, err);
}

const struct cmd cmd_sbom = {
	.name = "sbom",
	.args = "[FUNCTION]",
	.summary = "List what is in a function's binary",
	.description =
		"Writes the software bill of materials of a built function: its sources, pinned dependencies, the "
		"libraries that the linker took (by its map) with the package and version that each is from, the "
		"toolchain, and the packages of a base that is built into slsc. The same build gives the same bytes.\n\n"
		"To have it in an image, or beside one in a registry, with the packages of whatever base the image has, "
		"see package.image.sbom in slsc.yaml.",
	.examples = "$ slsc sbom hello | jq -r '.packages[] | .name + \" \" + .versionInfo'\n"
		    "$ slsc sbom hello --arch arm64 --format cyclonedx -o hello-arm64.cdx.json\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct sbom_ctx),
	.run = run,
};
