/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "base_work.h"
#include "build/base_image.h"
#include "cli/out.h"
#include "commands.h"
#include "oci/store.h"

static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", NULL };
static const char *const compressions[] = { "gzip", "zstd", "none", NULL };

#define AT(member) offsetof(struct base_ctx, member)
#define ARCH_OPT                                                                                                       \
	{                                                                                                              \
		OPT_LIST, 'a', "arch", AT(arches), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH,        \
						   .help = "only these architectures: x86_64, arm64"                   \
	}

static const struct opt arch_opts[] = { ARCH_OPT, { .type = OPT_END } };
static const struct opt update_opts[] = { ARCH_OPT, REGISTRY_OPTS(struct base_ctx, registry), { .type = OPT_END } };
static const struct opt build_opts[] = {
	ARCH_OPT,
	{ OPT_STR, 'o', "output", AT(out), .arg = "oci:DIR", .complete = COMPLETE_DIR,
	  .help = "the image layout to write (default: NAME-VARIANT.oci)" },
	{ OPT_CHOICE, .long_name = "compression", .offset = AT(compression), .arg = "KIND", .choices = compressions,
	  .help = "of layers: gzip (default), zstd or none" },
	{ .type = OPT_END },
};

/* ---- list ---- */

/* Its packages are in the store, for all architectures. */
static bool is_cached(const struct deb_set *s)
{
	for (int a = 0; a < ARCH_COUNT; a++) {
		if (!s->has[a])
			return false;
		VEC_EACH(&s->arch[a], p)
			if (!store_has(&p->sha256, p->size))
				return false;
	}
	return true;
}

/* Whether the entry @key stands on @b, with packages of an image's own or without. */
static bool stands_on(const struct named_base *b, const char *key)
{
	const size_t n = strlen(b->name);

	return strncmp(key, b->name, n) == 0 && (!key[n] || key[n] == ' ');
}

/* "built in", "not locked", "locked", "cached": whatever slsc.lock has on it */
static const char *state_of(const struct named_base *b, const struct deb_lock *lock)
{
	const char *state = "not locked";

	if (!b->packages.len)
		return "built in";
	VEC_EACH(lock, s) {
		if (!stands_on(b, s->key))
			continue;
		if (!is_cached(s))
			return "locked";
		state = "cached";
	}
	return state;
}

static int list(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BASE_WORK struct base_work w;
	CLEAN_DEB_LOCK struct deb_lock lock = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)argc;
	(void)argv;
	if (base_work_init(&w, ctx, err) < 0 || deb_lock_read(&lock, w.lock, err) < 0)
		return -1;
	buf_addz(&b, g->json ? "{\"bases\":[" : "");
	VEC_EACH(&w.bases, nb) {
		const char *state = state_of(nb, &lock);

		if (!g->json) {
			buf_addf(&b, "%-16s %-10s %2zu named  %s\n", nb->name, state, nb->packages.len, nb->summary);
			continue;
		}
		member_open(&b, NULL, '{');
		member_text(&b, "name", nb->name);
		member_text(&b, "state", state);
		member_text(&b, "summary", nb->summary);
		member_strs(&b, "packages", &nb->packages);
		buf_addc(&b, '}');
	}
	buf_addz(&b, g->json ? "]}\n" : "");
	return out_stdout(b.ptr, b.len, err);
}

/* ---- show ---- */

static void show_package(struct buf *b, bool json, const struct apt_package *p)
{
	char human[32];

	if (!json) {
		buf_addf(b, "  %-20s %-28s %9s  %s%s%s\n", p->name, p->version,
			 str_human_size(p->size, human, sizeof(human)), p->suite, *p->snapshot ? " " : "", p->snapshot);
		return;
	}
	member_open(b, NULL, '{');
	member_text(b, "name", p->name);
	member_some(b, "version", p->version);
	member_some(b, "arch", p->arch);
	member_some(b, "sha256", digest_hex(&p->sha256));
	member_u64(b, "size", p->size);
	member_some(b, "suite", p->suite);
	member_some(b, "date", p->date);
	member_some(b, "snapshot", p->snapshot);
	member_some(b, "path", p->path);
	buf_addc(b, '}');
}

static void show_arch(struct buf *b, bool json, enum arch arch, const struct apt_packages *all)
{
	uint64_t total = 0;
	char human[32];

	VEC_EACH(all, p)
		total += p->size;
	if (json)
		member_open(b, arch_name(arch), '[');
	else
		buf_addf(b, "%s: %zu packages, %s\n", arch_name(arch), all->len,
			 str_human_size(total, human, sizeof(human)));
	VEC_EACH(all, p)
		show_package(b, json, p);
	buf_addz(b, json ? "]" : "");
}

/* What to do about a base that slsc.lock does not have: name the entry that stands on it, or lock it. */
static int not_locked(const struct base_work *w, const char *text, const struct base_variant *v,
		      const struct deb_lock *lock, struct err *err)
{
	err_set(err, ERR_NOTFOUND, "the packages of base '%s' are not locked yet", text);
	VEC_EACH(lock, s)
		if (stands_on(v->base, s->key))
			return err_hint(err, "slsc.lock has it with packages of an image's own: slsc base show \"%s\"",
					s->key);
	if (w->has_project)
		return err_hint(err, "run `slsc base build %s`, or `slsc package --oci` if slsc.yaml names it", text);
	return err_hint(err, "run `slsc base build %s`, or `slsc base update %s` to lock it only", text, text);
}

static int show(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BASE_WORK struct base_work w;
	struct debian_want want = { .max_layers = 0 };
	CLEAN_DEB_LOCK struct deb_lock lock = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FREE char *key = NULL;
	const struct deb_set *set;

	(void)argc;
	if (base_work_init(&w, ctx, err) < 0 || deb_lock_read(&lock, w.lock, err) < 0)
		return -1;
	set = deb_lock_find(&lock, argv[0]);
	if (!set || bases_find(&w.bases, argv[0])) {
		if (base_work_find(&w, argv[0], &want.variant, err) < 0)
			return -1;
		key = debian_key(&want);
		set = key ? deb_lock_find(&lock, key) : NULL;
		if (key && !set)
			return not_locked(&w, argv[0], &want.variant, &lock, err);
	}
	if (g->json) {
		buf_addc(&b, '{');
		member_text(&b, "name", argv[0]);
		member_open(&b, "packages", '{');
	} else if (want.variant.base) {
		buf_addf(&b, "%s: %s\n", argv[0], want.variant.base->summary);
	} else {
		buf_addf(&b, "%s\n", argv[0]);
	}
	for (size_t i = 0; set && i < w.narches; i++)
		if (set->has[w.arch[i]])
			show_arch(&b, g->json, w.arch[i], &set->arch[w.arch[i]]);
	buf_addz(&b, g->json ? "}}\n" : "");
	return out_stdout(b.ptr, b.len, err);
}

/* ---- build ---- */

static char *output_of(const struct base_ctx *c, const char *name)
{
	CLEAN_FREE char *file = NULL;

	if (c->out)
		return xstrdup(starts_with(c->out, "oci:") ? c->out + 4 : c->out);
	file = xasprintf("%s.oci", name);
	for (char *p = file; *p; p++)
		if (*p == ':')
			*p = '-';
	return steal(&file);
}

static void report(const struct base_image *im, const char *dir, bool json, struct buf *b)
{
	char human[32];

	if (json) {
		buf_addc(b, '{');
		member_text(b, "path", dir);
		member_text(b, "digest", im->digest.s);
		member_open(b, "images", '[');
	} else {
		buf_addf(b, "%s  %s\n", dir, im->digest.s);
	}
	for (size_t i = 0; i < im->len; i++) {
		const struct base_image_arch *a = &im->image[i];

		if (json)
			buf_addf(b, "%s{\"arch\":\"%s\",\"digest\":\"%s\",\"size\":%" PRIu64 ",\"layers\":%zu}",
				 i ? "," : "", arch_name(a->arch), a->manifest.digest.s, a->size, a->nlayers);
		else
			buf_addf(b, "  %s  %s  %zu layer%s  %s\n", arch_oci(a->arch),
				 str_human_size(a->size, human, sizeof(human)), a->nlayers, a->nlayers == 1 ? "" : "s",
				 a->manifest.digest.s);
	}
	buf_addz(b, json ? "]}\n" : "");
}

static int build(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct base_ctx *c = ctx;
	CLEAN_BASE_WORK struct base_work w;
	CLEANUP(debian_release) struct debian d = { .key = NULL };
	struct debian_want want = { .max_layers = 0 };
	struct debian_opts o = { .dry_run = g->dry_run, .note = base_work_note };
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FREE char *dir = output_of(c, argv[0]);
	enum codec codec = CODEC_GZIP;
	struct base_image im;
	int ret;

	(void)argc;
	for (int i = CODEC_NONE; c->compression && i <= CODEC_ZSTD; i++)
		codec = strcmp(codec_name((enum codec)i), c->compression) == 0 ? (enum codec)i : codec;
	if (!*dir)
		return err_set(err, ERR_USAGE, "--output: the directory's name is empty");
	if (base_work_init(&w, c, err) < 0 || base_work_find(&w, argv[0], &want.variant, err) < 0)
		return -1;
	o.lock = w.lock;
	if (!g->dry_run && base_work_hold(&w, "slsc base build", err) < 0)
		return -1;
	if (debian_open(&d, &want, &w.bases, w.arch, w.narches, &o, err) < 0)
		return -1;
	if (g->dry_run) {
		buf_addf(&b, g->json ? "{\"path\":\"%s\",\"dry_run\":true}\n" : "would write %s\n", dir);
		return out_stdout(b.ptr, b.len, err);
	}
	progress_begin("making layers", 0);
	ret = base_image(&d, w.arch, w.narches, codec, dir, &im, err);
	progress_end();
	if (ret < 0)
		return -1;
	report(&im, dir, g->json, &b);
	return out_stdout(b.ptr, b.len, err);
}

static void release(void *ctx)
{
	struct base_ctx *c = ctx;

	strs_release(&c->arches);
}

#define COMMON .ctx_size = sizeof(struct base_ctx), .release = release

static const struct cmd subs[] = {
	{
		.name = "list",
		.args = "",
		.summary = "List the named bases, and whether they are locked and cached",
		.description = "How many packages a base names comes third; `slsc base show NAME` lists all that it is "
			       "made of once it is locked, those that these depend on too. JSON has the names.",
		.examples = "$ slsc base list\n",
		.flags = CMD_JSON,
		COMMON,
		.run = list,
	},
	{
		.name = "build",
		.args = "NAME[:VARIANT]",
		.summary = "Make a base as an OCI image layout of its own",
		.description =
			"Resolves the base's packages and locks them in slsc.lock, unless they are; fetches what is "
			"not in the user's cache, verified; and writes one layer a package. With the lock and the "
			"cache filled neither apt nor a network is needed, and the same lock gives the same bytes.\n\n"
			"Variants: nonroot runs as user 65532; debug has a static busybox with a shell in /busybox; "
			"debug-nonroot is both.",
		.examples = "$ slsc base build static-debian12\n$ slsc base build cc-debian12:debug -o oci:base\n",
		.opts = build_opts,
		.complete = COMPLETE_BASE,
		.flags = CMD_JSON | CMD_DRY_RUN,
		COMMON,
		.run = build,
	},
	{
		.name = "show",
		.args = "NAME[:VARIANT]",
		.summary = "Show a base's packages as they are locked",
		.examples = "$ slsc base show cc-debian12 --arch arm64\n",
		.opts = arch_opts,
		.complete = COMPLETE_BASE,
		.flags = CMD_JSON,
		COMMON,
		.run = show,
	},
	{
		.name = "update",
		.args = "[NAME...]",
		.summary = "Lock what mirrors and registries have now, and say what changed",
		.description =
			"All that slsc.lock has, or those that are named: packages of Debian, and images in a "
			"registry, as slsc.yaml names them, of which the digest is locked. A base's name stands for "
			"all that is locked on it, with packages of an image's own or without; an entry's name, as "
			"slsc.lock has it, for that one. Without a name, what slsc.yaml does not use any more is "
			"dropped. With --dry-run nothing is written. SLSC_APT_SOURCES names a file of apt sources to "
			"take instead of the host's.",
		.examples = "$ slsc base update\nbase-debian12 x86_64: libssl3 3.0.20-1~deb12u2 -> 3.0.22-1~deb12u2\n"
			    "$ slsc base update registry.example.com/base:1\n",
		.opts = update_opts,
		.complete = COMPLETE_BASE,
		.flags = CMD_JSON | CMD_DRY_RUN,
		COMMON,
		.run = base_update,
	},
	{ .name = NULL },
};

const struct cmd cmd_base = {
	.name = "base",
	.args = "list|build|show|update",
	.summary = "Make image bases from Debian packages",
	.description =
		"A base is what an image stands on, below the function: package.image.base in slsc.yaml, or --base of "
		"slsc package, which makes and locks it when it is needed. These commands are for looking at bases, "
		"for moving the lock to what mirrors and registries have now, and for a base by itself, "
		"for other tools.",
	.examples = "$ slsc base list\n"
		    "$ slsc base show static-debian12\n"
		    "$ slsc base update -n                 what is newer?\n"
		    "$ slsc base build cc-debian12:debug -o oci:base\n",
	.subs = subs,
};
