/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/bases.h"
#include "build/debian.h"
#include "build/lock.h"
#include "build/package.h"
#include "build/package_sbom.h"
#include "cli/opt.h"
#include "cli/out.h"
#include "build_stage.h"
#include "commands.h"
#include "report_out.h"
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

	/* no image is made of wasm32 */
	return wanted >= 0 ? (enum arch)wanted : p->arches[0] != ARCH_WASM32 ? p->arches[0] :
	       p->narches > 1 ? p->arches[1] : arch_host();
}

/** The Debian packages of an image, as slsc.lock has them: nothing is fetched for a list of names. */
struct locked {
	struct bases bases;
	struct debian_want want;
	struct debian debian;
	const char *root;			/* of the layers that are built in */
	const struct apt_packages *packages;	/* or NULL */
};

static void locked_release(struct locked *l)
{
	debian_release(&l->debian);
	strs_release(&l->want.packages);
	bases_release(&l->bases);
}

static int locked_load(struct locked *l, struct project *p, const struct package *pkg, enum arch arch, struct err *err)
{
	CLEAN_FREE char *lock = lock_path(p);
	const struct debian_opts o = { .lock = lock, .dry_run = true };
	const char *base = pkg->base.s ? pkg->base.s : "static";
	const struct deb_set *set;
	int named;

	l->root = base;
	if (bases_load(&l->bases, NULL, err) < 0)
		return -1;
	named = bases_parse(&l->bases, base, &l->want.variant, err);
	if (named < 0)
		return -1;
	if (named && l->want.variant.base->root == BASE_ROOT_STATIC)
		l->root = "static";
	if (!named)
		out_warn("base '%s' is not opened: its packages are in the SBOM that `slsc package --sbom` makes, not "
			 "here", base);
	for (size_t i = 0; i < pkg->packages.len; i++)
		strs_add(&l->want.packages, pkg->packages.ptr[i].s);
	/* for no architecture: only the lock and the key in it */
	if (debian_open(&l->debian, &l->want, &l->bases, &arch, 0, &o, err) < 0)
		return -1;
	if (!l->debian.key)
		return 0;
	set = deb_lock_find(&l->debian.lock, l->debian.key);
	if (!set || !set->has[arch]) {
		err_set(err, ERR_NOTFOUND, "the Debian packages of the image are not locked yet for %s",
			arch_name(arch));
		return err_hint(err, "run `slsc package --oci` first: it writes them into slsc.lock");
	}
	l->packages = &set->arch[arch];
	return 0;
}

static int make(struct project *p, const struct sbom_ctx *c, const char *name, struct buf *out, struct err *err)
{
	CLEAN_SBOM struct sbom s = { .len = 0 };
	CLEAN_PROVENANCE struct git_provenance git = { .present = false };
	CLEANUP(sbom_base_release) struct sbom_base base = { .names = { NULL } };
	CLEANUP(locked_release) struct locked locked = { .packages = NULL };
	const struct profile *profile = project_profile(p, c->profile ? c->profile : p->profile.s, err);
	const struct function *fn = choose_function(p, name, err);
	struct sbom_request req = { .project = p, .function = fn, .profile = profile, .git = &git };
	struct package pkg;
	struct err no_git;
	bool has_epoch;

	if (!profile || !fn)
		return -1;
	if (!function_compiles(fn)) {
		err_set(err, ERR_USAGE, "%s: there is no binary to list, a Dockerfile makes its image", fn->name.s);
		return err_hint(err, "name a function that has sources or build");
	}
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
	    locked_load(&locked, p, &pkg, req.arch, err) < 0 ||
	    sbom_base_load(&base, locked.root, pkg.tzdata, err) < 0)
		return -1;
	if (!has_epoch && git.time)
		req.created = git.time;
	req.base_layers = base.names;
	req.packages = locked.packages;
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
	const struct stage_flags flags = { .file = NULL };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };

	if (project_load(&p, NULL, err) < 0)
		return -1;
	toolchain_stages_init(&stages, &flags, 0, g, false);
	p.stages = &stages.keepers.stages;
	if (make(&p, c, argc ? argv[0] : NULL, &out, err) < 0)
		return -1;
	return report_out(c->out, &out, err);
}

const struct cmd cmd_sbom = {
	.name = "sbom",
	.args = "[FUNCTION]",
	.summary = "List what is in a function's binary",
	.description =
		"Writes the software bill of materials of a built function: its sources, pinned dependencies, the "
		"libraries that the linker took (by its map) with the package and version that each is from, the "
		"toolchain, the packages of a base that is built into slsc, and the Debian packages that slsc.lock "
		"has for the image. The same build gives the same bytes. A base that others made is not opened: what "
		"is in it is told by the SBOM that slsc package makes, and here a warning says that it is not.\n\n"
		"To have it in an image, or beside one in a registry, see package.image.sbom in slsc.yaml.",
	.examples = "$ slsc sbom hello | jq -r '.packages[] | .name + \" \" + .versionInfo'\n"
		    "$ slsc sbom hello --arch arm64 --format cyclonedx -o hello-arm64.cdx.json\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct sbom_ctx),
	.flags = CMD_JSON,
	.run = run,
};
