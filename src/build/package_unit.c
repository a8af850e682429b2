/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be packaged of one function: options resolved, files found, limits checked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/build.h"
#include "build/package_internal.h"
#include "build/package_module.h"
#include "build/package_sbom.h"
#include "build/package_workers.h"
#include "elf/elf.h"
#include "os/fs.h"

/* The command line's word, else the function's, else the project's, else the default. */
static struct lstr pick(const char *option, struct lstr configured, const char *fallback)
{
	if (option)
		return (struct lstr){ .s = option };
	return configured.s ? configured : (struct lstr){ .s = fallback };
}

static int choose(const struct project *p, const char *what, struct lstr v, const char *const *names, int *out,
		  struct err *err)
{
	CLEAN_BUF struct buf list = BUF_INIT;

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], v.s) == 0) {
			*out = i;
			return 0;
		}
		buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	if (v.line)
		project_err(p, ERR_CONFIG, v, err, "unknown %s '%s'", what, v.s);
	else
		err_set(err, ERR_USAGE, "unknown %s '%s'", what, v.s);
	return err_hint(err, "choose one of: %s", list.ptr);
}

/* Numeric, so that an image without /etc/passwd works and an orchestrator sees that it is not root. */
static int resolve_user(struct unit *u, const struct project *p, struct err *err)
{
	const char *s = u->pkg.user.s ? u->pkg.user.s : "nonroot";	/* on a foreign base: see base_user() */
	struct str gid = str_from(s), uid;
	uint64_t a = 0, b = 0;

	if (u->foreign && !u->pkg.user.s)
		return 0;
	if (strcmp(s, "nonroot") == 0 || strcmp(s, "root") == 0) {
		snprintf(u->user, sizeof(u->user), "%s", *s == 'n' ? NONROOT : "0:0");
		return 0;
	}
	uid = gid;
	gid = str_cut(&uid, ':');
	if (str_parse_u64(uid, &a) < 0 || (strchr(s, ':') && str_parse_u64(gid, &b) < 0) || a > INT32_MAX ||
	    b > INT32_MAX) {
		project_err(p, ERR_CONFIG, u->pkg.user, err, "'%s' is no user", s);
		return err_hint(err, "write nonroot, root, UID or UID:GID, in numbers");
	}
	snprintf(u->user, sizeof(u->user), strchr(s, ':') ? "%" PRIu64 ":%" PRIu64 : "%" PRIu64, a, b);
	return 0;
}

static int resolve_arches(struct unit *u, const struct packager *pk, struct err *err)
{
	const struct strs *want = pk->req->arches;
	bool have[ARCH_COUNT] = { false };

	if (u->fn->arches.len)
		for (size_t i = 0; i < u->fn->arches.len; i++) {
			int a = arch_parse(u->fn->arches.ptr[i].s);

			if (a >= 0)
				have[a] = true;
		}
	else
		for (size_t i = 0; i < pk->p->narches; i++)
			if (pk->p->arches[i] != ARCH_WASM32)
				have[pk->p->arches[i]] = true;
	for (size_t i = 0; want && i < want->len; i++) {
		int a = arch_parse_any(want->ptr[i]);

		if (a < 0) {
			err_set(err, ERR_USAGE, "unknown architecture '%s'", want->ptr[i]);
			return err_hint(err, "choose one of: x86_64, arm64, wasm32");
		}
		if (a == ARCH_WASM32 && !u->worker && !u->in_layout) {
			err_set(err, ERR_USAGE, "%s: no zip and no archive of an image is made of wasm32",
				u->fn->name.s);
			return err_hint(err, "--oci makes an artifact of the module, --workers a Worker");
		}
		if (a == ARCH_WASM32)
			continue;
		if (!have[a]) {
			err_set(err, ERR_USAGE, "%s is not built for %s", u->fn->name.s, arch_name((enum arch)a));
			return err_hint(err, "add it to arches in slsc.yaml");
		}
	}
	for (int a = 0; a < ARCH_COUNT; a++) {
		bool wanted = !want || !want->len;

		for (size_t i = 0; !wanted && i < want->len; i++)
			wanted = arch_parse(want->ptr[i]) == a;
		if (have[a] && wanted)
			u->arches[u->narches++] = (enum arch)a;
	}
	if (!u->narches && !u->worker && !u->in_layout) {
		project_err(pk->p, ERR_CONFIG, u->fn->name, err, "'%s' is built for wasm32 alone, of which no zip and "
			    "no archive of an image is made", u->fn->name.s);
		return err_hint(err, "add x86_64 or arm64 to arches; --oci and --workers are for modules");
	}
	return 0;
}

/* In a dry run *@path stays NULL for what is still to be built. */
static int locate_binary(const struct packager *pk, const struct unit *u, enum arch arch, char **path,
			 struct err *err)
{
	CLEAN_FREE char *rel = build_binary_path(pk->profile->name, arch, u->fn->name.s);
	CLEAN_FREE char *abs = path_join(pk->p->dir, rel);
	CLEAN_ELF struct elf_file elf = { 0 };

	if (!fs_exists(abs)) {
		if (pk->req->dry_run)
			return 0;
		err_set(err, ERR_NOTFOUND, "%s is not built for %s in profile '%s': there is no %s", u->fn->name.s,
			arch_name(arch), pk->profile->name, rel);
		return err_hint(err, "run `slsc build %s`, or leave out --no-build", u->fn->name.s);
	}
	if (elf_open(&elf, abs, err) < 0) {
		err_wrap(err, "%s for %s", u->fn->name.s, arch_name(arch));
		if (err->code == ERR_FORMAT)
			err_hint(err, "remove it and build again: slsc build %s", u->fn->name.s);
		return -1;
	}
	if (elf.arch != (arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64)) {
		err_set(err, ERR_VERIFY, "%s: is for %s, not %s", rel, elf_arch_name(elf.arch), arch_name(arch));
		return err_hint(err, "run `slsc build %s` again", u->fn->name.s);
	}
	*path = steal(&abs);
	return 0;
}

/* "assets/model.bin 1.0 GB, bootstrap 33.1 MB": the three largest files. */
static void largest(const struct tree *t, struct buf *out)
{
	const struct tree_entry *top[3] = { NULL };
	char size[32];

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->ptr[i];

		for (size_t k = 0; e && e->type == TREE_FILE && k < ARRAY_LEN(top); k++)
			if (!top[k] || e->size > top[k]->size) {
				const struct tree_entry *next = top[k];

				top[k] = e;
				e = next;
			}
	}
	for (size_t k = 0; k < ARRAY_LEN(top) && top[k]; k++)
		buf_addf(out, "%s%s %s", k ? ", " : "", top[k]->path,
			 str_human_size(top[k]->size, size, sizeof(size)));
}

/* Lambda would refuse it: an error for its functions, for others a warning, who may run elsewhere. */
static int check_limit(struct packager *pk, const struct unit *u, const struct tree *t, const char *what, uint64_t size,
		       uint64_t limit, struct err *err)
{
	CLEAN_BUF struct buf top = BUF_INIT;
	char a[32], b[32];

	if (size <= limit)
		return 0;
	largest(t, &top);
	str_human_size(size, a, sizeof(a));
	str_human_size(limit, b, sizeof(b));
	if (u->fn->runtime == RUNTIME_LAMBDA) {
		err_set(err, ERR_CHECK,
			"%s: %s is %s (%" PRIu64 " bytes), Lambda's limit is %s (%" PRIu64 " bytes); largest: %s",
			u->fn->name.s, what, a, size, b, limit, top.ptr);
		return err_hint(err, "include less, or put large data into S3 or an image");
	}
	strs_addf(&pk->res->warnings, "%s: %s is %s, over Lambda's limit of %s", u->fn->name.s, what, a, b);
	return 0;
}

static int make_trees(struct unit *u, struct packager *pk, enum arch arch, struct err *err)
{
	CLEAN_FREE char *binary = NULL;
	struct tree *zip = &u->zip_tree[arch], *image = &u->image_tree[arch];

	if (u->staged && !(pk->req->formats & PACKAGE_ZIP))
		return 0;
	if (locate_binary(pk, u, arch, &binary, err) < 0)
		return -1;
	if (!binary)
		return 0;
	if (pk->req->formats & PACKAGE_ZIP)
		if (placed_tree(pk->p, &u->files, binary, "", zip, err) < 0 ||
		    check_limit(pk, u, zip, "its zip, unzipped,", tree_total(zip), LAMBDA_UNZIPPED, err) < 0)
			return -1;
	if ((pk->req->formats & PACKAGE_IMAGES) && !u->staged)
		if (placed_tree(pk->p, &u->files, binary, "var/task", image, err) < 0 ||
		    (u->sbom == SBOM_IMAGE && !pk->req->dry_run && unit_sbom(pk, u, arch, err) < 0) ||
		    check_limit(pk, u, image, "its image", tree_total(image), LAMBDA_IMAGE, err) < 0)
			return -1;
	return 0;
}

static int resolve_base(struct packager *pk, struct unit *u, struct lstr base, struct err *err)
{
	if (base_resolve(pk, u, base, err) < 0 || base_packages(pk, u, base, err) < 0)
		return -1;
	return resolve_user(u, pk->p, err);
}

int unit_init(struct unit *u, struct packager *pk, const struct function *fn, struct err *err)
{
	static const char *const levels[] = { "fast", "default", "max", NULL };
	static const char *const codecs[] = { "none", "gzip", "zstd", NULL };
	const struct package_request *req = pk->req;
	static const char *const sboms[] = { "none", "image", "attach", NULL };
	static const char *const provenances[] = { "none", "attach", NULL };
	struct lstr base;
	int level, codec, sbom, provenance;

	*u = (struct unit){ .fn = fn, .worker = workers_wants(pk, fn), .in_layout = module_in_layout(pk, fn) };
	project_package(pk->p, fn, &u->pkg);
	if ((u->worker || u->in_layout) && module_locate(pk, u, err) < 0)
		return -1;
	if (u->worker && workers_check(pk, u, err) < 0)
		return -1;
	if (!(req->formats & (PACKAGE_ZIP | PACKAGE_IMAGES)))
		return 0;
	u->staged = u->pkg.dockerfile.s;
	base = pick(req->base, u->pkg.base, "static");
	if (choose(pk->p, "level", pick(req->level, u->pkg.level, "default"), levels, &level, err) < 0 ||
	    choose(pk->p, "compression", pick(req->compression, u->pkg.compression, "gzip"), codecs, &codec, err) < 0 ||
	    choose(pk->p, "sbom", pick(req->sbom, u->pkg.sbom, "none"), sboms, &sbom, err) < 0 ||
	    choose(pk->p, "provenance", pick(req->provenance, u->pkg.provenance, "none"), provenances, &provenance,
		   err) < 0 ||
	    resolve_arches(u, pk, err) < 0)
		return -1;
	if (!u->narches)
		return 0;
	u->level = (enum codec_level)level;
	u->codec = (enum codec)codec;
	u->sbom = (enum sbom_place)sbom;
	u->provenance = provenance;
	if ((u->staged ? package_stage_check(pk, u, err) : resolve_base(pk, u, base, err)) < 0 ||
	    placed_resolve(pk->p, &u->pkg.includes, pk->real_out, &u->files, err) < 0)
		return -1;
	for (size_t i = 0; i < u->narches; i++)
		if (make_trees(u, pk, u->arches[i], err) < 0)
			return -1;
	if (u->codec == CODEC_ZSTD && fn->runtime == RUNTIME_LAMBDA &&
	    (req->formats & (PACKAGE_OCI | PACKAGE_OCI_ARCHIVE)))
		strs_addf(&pk->res->warnings,
			  "%s: zstd layers: no evidence that Lambda accepts them; use gzip for Lambda", fn->name.s);
	return 0;
}

void unit_release(struct unit *u)
{
	free(u->module);
	placed_release(&u->files);
	debian_release(&u->debian);
	strs_release(&u->want.packages);
	for (int a = 0; a < ARCH_COUNT; a++) {
		tree_release(&u->zip_tree[a]);
		tree_release(&u->image_tree[a]);
		if (u->sbom_text[a].ptr)
			buf_release(&u->sbom_text[a]);
	}
}
