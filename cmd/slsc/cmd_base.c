/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "build/base_image.h"
#include "build/base_lock.h"
#include "build/lock.h"
#include "cli/out.h"
#include "commands.h"
#include "oci/store.h"
#include "os/fs.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "ui.h"

struct base_ctx {
	const char *out, *compression;
	struct strs arches;
	struct registry_flags registry;
};

static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", NULL };
static const char *const compressions[] = { "gzip", "zstd", "none", NULL };

#define AT(member) offsetof(struct base_ctx, member)
#define ARCH_OPT                                                                                   \
	{ OPT_LIST, 'a', "arch", AT(arches), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH, \
	  .help = "only these architectures: x86_64, arm64" }

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

/** What all of these commands work on. */
struct work {
	struct project project;
	bool has_project;
	struct bases bases;
	char *lock;		/* slsc.lock: the project's, else of this directory */
	enum arch arch[ARCH_COUNT];
	size_t narches;
	bool fresh[ARCH_COUNT];
	int held;		/* of other slsc processes */
};

static void work_release(struct work *w)
{
	if (w->has_project)
		project_release(&w->project);
	bases_release(&w->bases);
	free(w->lock);
	clean_fd_(&w->held);
}

static int work_init(struct work *w, const struct base_ctx *c, struct err *err)
{
	bool want[ARCH_COUNT] = { false };

	*w = (struct work){ .held = -1 };
	if (project_load(&w->project, NULL, err) == 0)
		w->has_project = true;
	else if (err->code != ERR_NOTFOUND)
		return -1;
	w->lock = w->has_project ? lock_path(&w->project) : xstrdup("slsc.lock");
	for (size_t i = 0; i < c->arches.len; i++)
		want[arch_parse(c->arches.ptr[i])] = true;
	for (int a = 0; a < ARCH_COUNT; a++)
		if (want[a] || !c->arches.len)
			w->arch[w->narches++] = (enum arch)a;
	return bases_load(&w->bases, NULL, err);
}

/* Whoever writes slsc.lock holds the project, or, without one, all bases. */
static int hold(struct work *w, const char *who, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *dir = path_join(cache, "apt"), *file = path_join(dir, "lock");

	if (w->has_project)
		w->held = build_lock(&w->project, who, ui_waiting, NULL, err);
	else if (fs_mkdirs(dir, err) == 0)
		w->held = fs_lock(file, who, ui_waiting, NULL, err);
	return w->held < 0 ? -1 : 0;
}

static int find_base(const struct work *w, const char *text, struct base_variant *v, struct err *err)
{
	const char *names[64];
	CLEAN_FREE char *name = xstrndup(text, strcspn(text, ":"));
	const char *near;
	size_t n = 0;
	int r = bases_parse(&w->bases, text, v, err);

	if (r)
		return r < 0 ? -1 : 0;
	if (strchr(text, '/')) {
		err_set(err, ERR_USAGE, "'%.200s' is an image, and no base made from Debian packages", text);
		return err_hint(err, "`slsc base list` shows those; an image is locked in slsc.lock when a project "
				     "whose slsc.yaml names it is packaged");
	}
	for (size_t i = 0; i < w->bases.len && n < ARRAY_LEN(names); i++)
		names[n++] = w->bases.ptr[i].name;
	near = str_closest(name, names, n);
	err_set(err, ERR_NOTFOUND, "there is no base '%s'", name);
	return near ? err_hint(err, "did you mean '%s'?", near) : err_hint(err, "`slsc base list` shows them");
}

static void note(const char *line)
{
	out_note("%s", line);
}

/* ---- list ---- */

/* "built in", "not locked", "locked", "cached": with its packages in the store for all architectures */
static const char *state_of(const struct named_base *b, const struct deb_lock *lock)
{
	const struct deb_set *s = deb_lock_find(lock, b->name);
	const char *state = "cached";

	if (!b->packages.len)
		return "built in";
	if (!s)
		return "not locked";
	for (int a = 0; a < ARCH_COUNT; a++) {
		if (!s->has[a])
			state = "locked";
		VEC_EACH(&s->arch[a], p)
			if (!store_has(&p->sha256, p->size))
				state = "locked";
	}
	return state;
}

static int list(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEANUP(work_release) struct work w;
	CLEAN_DEB_LOCK struct deb_lock lock = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)argc;
	(void)argv;
	if (work_init(&w, ctx, err) < 0 || deb_lock_read(&lock, w.lock, err) < 0)
		return -1;
	buf_addz(&b, g->json ? "{\"bases\":[" : "");
	VEC_EACH(&w.bases, nb) {
		const char *state = state_of(nb, &lock);

		if (!g->json) {
			buf_addf(&b, "%-16s %-10s %2zu package%s  %s\n", nb->name, state, nb->packages.len,
				 nb->packages.len == 1 ? " " : "s", nb->summary);
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

static int show(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEANUP(work_release) struct work w;
	CLEANUP(debian_release) struct debian d = { .key = NULL };
	struct debian_want want = { .max_layers = 0 };
	struct debian_opts o = { .dry_run = true };
	CLEAN_DEB_LOCK struct deb_lock lock = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct deb_set *set;

	(void)argc;
	if (work_init(&w, ctx, err) < 0 || find_base(&w, argv[0], &want.variant, err) < 0 ||
	    deb_lock_read(&lock, w.lock, err) < 0)
		return -1;
	/* only for its key: whether all of it is fetched does not matter here */
	o.lock = w.lock;
	if (debian_open(&d, &want, &w.bases, w.arch, 0, &o, err) < 0)
		return -1;
	set = d.key ? deb_lock_find(&lock, d.key) : NULL;
	if (d.key && !set) {
		err_set(err, ERR_NOTFOUND, "the packages of base '%s' are not locked yet", argv[0]);
		return err_hint(err, "run `slsc base build %s`, or `slsc base update %s` to lock it only", argv[0],
				argv[0]);
	}
	if (g->json) {
		buf_addc(&b, '{');
		member_text(&b, "name", argv[0]);
		member_open(&b, "packages", '{');
	} else {
		buf_addf(&b, "%s: %s\n", argv[0], want.variant.base->summary);
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
	CLEANUP(work_release) struct work w;
	CLEANUP(debian_release) struct debian d = { .key = NULL };
	struct debian_want want = { .max_layers = 0 };
	struct debian_opts o = { .dry_run = g->dry_run, .note = note };
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
	if (work_init(&w, c, err) < 0 || find_base(&w, argv[0], &want.variant, err) < 0)
		return -1;
	o.lock = w.lock;
	if (!g->dry_run && hold(&w, "slsc base build", err) < 0)
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

/* ---- update ---- */

struct changes {
	struct buf *out, *images;
	bool json;
};

static const struct apt_package *find_package(const struct apt_packages *all, const char *name)
{
	VEC_EACH(all, p)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static void change(struct changes *c, const char *key, enum arch arch, const char *name, const char *from,
		   const char *to)
{
	if (c->json) {
		member_open(c->out, NULL, '{');
		member_text(c->out, "set", key);
		member_some(c->out, "arch", arch_name(arch));
		member_some(c->out, "package", name);
		member_some(c->out, "from", from);
		member_some(c->out, "to", to);
		buf_addc(c->out, '}');
	} else {
		buf_addf(c->out, "%s %s: %s %s -> %s\n", key, arch_name(arch), name, *from ? from : "(none)",
			 *to ? to : "(none)");
	}
}

static void change_image(struct changes *c, const char *name, const char *from, const char *to)
{
	if (!c->json) {
		buf_addf(c->images, "%s: %s -> %s\n", name, *from ? from : "(none)", to);
		return;
	}
	member_open(c->images, NULL, '{');
	member_text(c->images, "name", name);
	member_some(c->images, "from", from);
	member_some(c->images, "to", to);
	buf_addc(c->images, '}');
}

static void compare(struct changes *c, const char *key, enum arch arch, const struct apt_packages *old,
		    const struct apt_packages *new)
{
	VEC_EACH(old, p)
		if (!find_package(new, p->name))
			change(c, key, arch, p->name, p->version, "");
	VEC_EACH(new, p) {
		const struct apt_package *was = find_package(old, p->name);

		if (!was || strcmp(was->sha256.s, p->sha256.s) != 0)
			change(c, key, arch, p->name, was ? was->version : "", p->version);
	}
}

static int update_set(struct work *w, const struct debian_want *want, const struct deb_lock *old, bool dry_run,
		      struct changes *c, struct err *err)
{
	CLEANUP(debian_release) struct debian d = { .key = NULL };
	const struct debian_opts o = { .lock = w->lock, .update = true, .dry_run = dry_run, .fresh = w->fresh,
				       .note = note };
	static const struct apt_packages none;
	const struct deb_set *was;

	if (debian_open(&d, want, &w->bases, w->arch, w->narches, &o, err) < 0)
		return -1;
	if (!d.key)
		return 0;
	was = deb_lock_find(old, d.key);
	for (size_t i = 0; i < w->narches; i++)
		compare(c, d.key, w->arch[i], was ? &was->arch[w->arch[i]] : &none, debian_packages(&d, w->arch[i]));
	return 0;
}

/* A name of an image, as no named base has it. */
static bool is_image(const struct work *w, const char *name)
{
	return w->has_project && strchr(name, '/');
}

static int update_images(struct work *w, const struct base_ctx *ctx, const struct strs *names, bool named, bool dry_run,
			 struct changes *c, struct err *err)
{
	const struct registry_opts opts = registry_opts_of(&ctx->registry);
	struct registry_env env = { .opts = &opts };
	const struct origin_env origins = { .registry = registry_open, .ctx = &env };

	for (size_t i = 0; i < names->len; i++) {
		const char *name = names->ptr[i];
		struct base_move m;

		if (base_lock_move(&w->project, name, &origins, dry_run, &m, err) < 0)
			return err->code == ERR_INTR || err->loc.line || strstr(err->msg, name)
				? -1 : err_wrap(err, "%s", name);
		if (m.unlockable && named) {
			err_set(err, ERR_USAGE, "%s: is not a tag in a registry: there is nothing to lock", name);
			return err_hint(err, "what is named by its digest, or lies on the disk, is taken as it is");
		}
		if (m.unlockable)
			out_note("%s is not a tag in a registry now: left as it is in slsc.lock", name);
		else if (strcmp(m.from, m.to) != 0)
			change_image(c, name, m.from, m.to);
	}
	return 0;
}

/* Those that are named, else all that are locked. */
static int update_all(struct work *w, int argc, char **argv, const struct deb_lock *old, bool dry_run,
		      struct changes *c, struct err *err)
{
	int ret = 0;

	for (int i = 0; i < argc && ret == 0; i++) {
		struct debian_want want = { .max_layers = 0 };

		if (is_image(w, argv[i]))
			continue;
		ret = find_base(w, argv[i], &want.variant, err);
		if (ret == 0)
			ret = update_set(w, &want, old, dry_run, c, err);
	}
	for (size_t i = 0; !argc && i < old->len && ret == 0; i++) {
		struct debian_want want;

		debian_want_locked(&w->bases, old->ptr[i].key, &want);
		ret = update_set(w, &want, old, dry_run, c, err);
		strs_release(&want.packages);
	}
	return ret;
}

static int update(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEANUP(work_release) struct work w;
	CLEAN_DEB_LOCK struct deb_lock old = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT, images = BUF_INIT;
	CLEAN_STRS struct strs names = { 0 };
	struct changes c = { .out = &b, .images = &images, .json = g->json };

	if (work_init(&w, ctx, err) < 0 || (!g->dry_run && hold(&w, "slsc base update", err) < 0) ||
	    deb_lock_read(&old, w.lock, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (is_image(&w, argv[i]))
			strs_add(&names, argv[i]);
	if (!argc && w.has_project && base_lock_names(w.lock, &names, err) < 0)
		return -1;
	if (!argc && !old.len && !names.len) {
		err_set(err, ERR_NOTFOUND, "no base is locked in slsc.lock");
		return err_hint(err, "name one to lock it: slsc base update static-debian12");
	}
	if (update_all(&w, argc, argv, &old, g->dry_run, &c, err) < 0 ||
	    update_images(&w, ctx, &names, argc > 0, g->dry_run, &c, err) < 0)
		return -1;
	if (g->json) {
		CLEAN_BUF struct buf all = BUF_INIT;

		buf_addf(&all, "{\"changes\":[%s],\"images\":[%s]}\n", b.ptr, images.ptr);
		return out_stdout(all.ptr, all.len, err);
	}
	buf_add(&b, images.ptr, images.len);
	if (!b.len)
		buf_addz(&b, "nothing has changed\n");
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
			"All bases that slsc.lock has, or those that are named: packages of Debian, and images in a "
			"registry, as slsc.yaml names them, of which the digest is locked. With --dry-run nothing is "
			"written. SLSC_APT_SOURCES names a file of apt sources to take instead of the host's.",
		.examples = "$ slsc base update\nbase-debian12 x86_64: libssl3 3.0.20-1~deb12u2 -> 3.0.22-1~deb12u2\n"
			    "$ slsc base update registry.example.com/base:1\n",
		.opts = update_opts,
		.complete = COMPLETE_BASE,
		.flags = CMD_JSON | CMD_DRY_RUN,
		COMMON,
		.run = update,
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
