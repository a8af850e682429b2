/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
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
#include "report/delta.h"
#include "report/then.h"
#include "ui.h"

#define TOP 15

struct diff_ctx {
	bool view[VIEW_COUNT];
	unsigned top;
	bool all;
	const char *arch;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct diff_ctx, member)

static const struct opt opts[] = {
	{ OPT_FLAG, .long_name = "layers", .offset = AT(view[VIEW_LAYERS]), .help = "only by layer" },
	{ OPT_FLAG, .long_name = "files", .offset = AT(view[VIEW_FILES]), .help = "only by file" },
	{ OPT_FLAG, .long_name = "sections", .offset = AT(view[VIEW_SECTIONS]),
	  .help = "only by the program's section" },
	{ OPT_FLAG, .long_name = "symbols", .offset = AT(view[VIEW_SYMBOLS]), .help = "only by its symbol" },
	{ OPT_FLAG, .long_name = "sources", .offset = AT(view[VIEW_SOURCES]), .help = "only by its source" },
	{ OPT_FLAG, .long_name = "waste", .offset = AT(view[VIEW_WASTE]), .help = "only by what layers waste" },
	{ OPT_GROUP, .help = "How" },
	{ OPT_UINT, .long_name = "top", .offset = AT(top), .arg = "N", .min = 1, .max = 1000000,
	  .help = "the N largest changes (default: 15); the rest is summed up" },
	{ OPT_FLAG, .long_name = "all", .offset = AT(all), .help = "all changes" },
	{ OPT_STR, 'a', "arch", AT(arch), .arg = "ARCH", .complete = COMPLETE_ARCH,
	  .help = "of images for several architectures: x86_64, arm64, ..." },
	REGISTRY_OPTS(struct diff_ctx, registry),
	{ .type = OPT_END },
};

struct job {
	const struct diff_ctx *c;
	const struct globals *g;
	struct delta_how how;
	struct origin_env env;
	struct buf out;
	size_t n;
	bool passed;			/* an artifact has no such view */
};

static bool listed(const struct strs *v, const char *s)
{
	for (size_t i = 0; i < v->len; i++)
		if (strcmp(v->ptr[i], s) == 0)
			return true;
	return false;
}

/* Of an index: --arch, else what the other artifact is for, else this machine's. */
static int open_one(struct job *j, struct artifact *a, const char *text, const struct strs *arches, const char *other,
		    struct err *err)
{
	const char *host = arch_name(arch_host()), *arch = j->c->arch;
	const struct artifact_opts o = { .arch = arch      ? arch
						 : arches->len < 2 ? NULL
						 : other && listed(arches, other) ? other : host,
					 .env = &j->env };

	if (arches->len >= 2 && !arch && !listed(arches, o.arch)) {
		err_set(err, ERR_USAGE, "%s: holds no image for this machine (%s)", text, host);
		return err_hint(err, "--arch %s compares that one", arches->ptr[0]);
	}
	return artifact_open(a, text, &o, err);
}

static int show(struct job *j, struct artifact *a, struct artifact *b, struct err *err)
{
	if (j->g->json) {
		buf_addz(&j->out, j->n++ ? "," : "{\"differences\":[");
		return delta_json(a, b, &j->how, &j->out, err);
	}
	if (j->n++)
		buf_addc(&j->out, '\n');
	return delta_text(a, b, &j->how, &j->out, err);
}

static int two(struct job *j, const char *x, const char *y, struct err *err)
{
	CLEAN_ARTIFACT struct artifact a = ARTIFACT_INIT, b = ARTIFACT_INIT;
	CLEAN_STRS struct strs ax = { 0 }, ay = { 0 };

	/* the one that leaves no choice first */
	if (artifact_arches(x, &j->env, &ax, err) < 0 || artifact_arches(y, &j->env, &ay, err) < 0)
		return -1;
	if (ax.len < 2) {
		if (open_one(j, &a, x, &ax, NULL, err) < 0 || open_one(j, &b, y, &ay, a.arch, err) < 0)
			return -1;
	} else if (open_one(j, &b, y, &ay, NULL, err) < 0 || open_one(j, &a, x, &ax, b.arch, err) < 0) {
		return -1;
	}
	return show(j, &a, &b, err);
}

/* ---- a commit and the present ---- */

static const struct dist_entry *find(const struct dist *d, const char *path)
{
	for (size_t i = 0; i < d->len; i++)
		if (strcmp(d->ptr[i].path, path) == 0)
			return &d->ptr[i];
	return NULL;
}

static int open_made(struct job *j, struct artifact *a, const struct dist *d, const struct dist_entry *e,
		     const char *arch, struct err *err)
{
	CLEAN_FREE char *path = path_join(d->dir, e->path);
	CLEAN_FREE char *place = dist_place(e, path), *module = xasprintf("%s:wasm", place);
	const bool is_module = e->module && arch && strcmp(arch, "wasm32") == 0;
	const struct artifact_opts o = { .arch = is_module ? NULL : arch, .env = &j->env };

	return artifact_open(a, is_module ? module : place, &o, err);
}

/* "HEAD~1:hello.zip": whoever reads it knows neither directory. */
static char *name_of(const char *when, const struct dist_entry *e, const char *arch)
{
	return xasprintf("%s:%s%s%s%s", when, e->path, arch ? " (" : "", arch ? arch : "", arch ? ")" : "");
}

static int pair(struct job *j, const struct then *t, const struct dist_entry *x, const struct dist_entry *y,
		const char *rev, const char *arch, struct err *err)
{
	CLEAN_ARTIFACT struct artifact a = ARTIFACT_INIT, b = ARTIFACT_INIT;
	CLEAN_FREE char *before = x ? name_of(rev, x, arch) : NULL, *after = y ? name_of("now", y, arch) : NULL;
	const unsigned asked = j->how.views;
	int ret;

	if ((x && open_made(j, &a, &t->before, x, arch, err) < 0) ||
	    (y && open_made(j, &b, &t->after, y, arch, err) < 0))
		return -1;
	j->how.before = before;
	j->how.after = after;
	/* nobody named them: a zip has no layers, and that is no mistake */
	if (x)
		j->how.views = artifact_views(&a, j->how.views);
	if (y)
		j->how.views = artifact_views(&b, j->how.views);
	if (asked && !j->how.views) {
		j->passed = true;
		ret = 0;
	} else {
		ret = show(j, x ? &a : NULL, y ? &b : NULL, err);
	}
	j->how.views = asked;
	return ret;
}

/* 1: there are some, but none that --arch wants. */
static int arches_of(struct job *j, const struct dist *d, const struct dist_entry *e, struct strs *out, struct err *err)
{
	CLEAN_FREE char *path = e ? path_join(d->dir, e->path) : NULL;
	CLEAN_FREE char *place = e ? dist_place(e, path) : NULL;
	CLEAN_STRS struct strs all = { 0 };

	if (!e || e->arch || strcmp(e->kind, "zip") == 0)
		return 0;
	if (artifact_arches(place, &j->env, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.len; i++)
		if (!listed(out, all.ptr[i]) && (!j->c->arch || strcmp(j->c->arch, all.ptr[i]) == 0))
			strs_add(out, all.ptr[i]);
	/* no index leads to it */
	if (e->module && (!j->c->arch || strcmp(j->c->arch, "wasm32") == 0))
		strs_add(out, "wasm32");
	return all.len && !out->len;
}

/* All architectures of what is there before or after. */
static int one_path(struct job *j, const struct then *t, const char *path, const char *rev, struct err *err)
{
	const struct dist_entry *x = find(&t->before, path), *y = find(&t->after, path);
	CLEAN_STRS struct strs old = { 0 }, new = { 0 }, all = { 0 };
	const char *arch = x ? x->arch : y->arch;
	int none, other;

	if (arch && j->c->arch && strcmp(arch, j->c->arch) != 0)
		return 0;
	none = arches_of(j, &t->before, x, &old, err);
	other = none < 0 ? -1 : arches_of(j, &t->after, y, &new, err);
	if (none < 0 || other < 0)
		return -1;
	if ((none || other) && !old.len && !new.len)
		return 0;
	for (size_t i = 0; i < old.len; i++)
		strs_add(&all, old.ptr[i]);
	for (size_t i = 0; i < new.len; i++)
		if (!listed(&all, new.ptr[i]))
			strs_add(&all, new.ptr[i]);
	if (!old.len && !new.len)
		return pair(j, t, x, y, rev, NULL, err);
	for (size_t i = 0; i < all.len; i++)
		if (pair(j, t, x && (!old.len || listed(&old, all.ptr[i])) ? x : NULL,
			 y && (!new.len || listed(&new, all.ptr[i])) ? y : NULL, rev, all.ptr[i], err) < 0)
			return -1;
	return 0;
}

static int with_commit(struct job *j, const char *rev, struct err *err)
{
	const struct then_hooks hooks = { .on_output = ui_output, .on_step = ui_step };
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_THEN struct then t = THEN_INIT;

	if (project_load(&p, NULL, err) < 0 || then_make(&t, &p, rev, &hooks, err) < 0)
		return -1;
	for (size_t i = 0; i < t.before.len; i++)
		if (one_path(j, &t, t.before.ptr[i].path, rev, err) < 0)
			return -1;
	for (size_t i = 0; i < t.after.len; i++)
		if (!find(&t.before, t.after.ptr[i].path) && one_path(j, &t, t.after.ptr[i].path, rev, err) < 0)
			return -1;
	if (j->n || !j->passed)
		return 0;
	err_set(err, ERR_NOTFOUND, "nothing that is packaged of %s and now has what is asked for", rev);
	return err_hint(err, "images have layers, and so waste: run 'slsc package --oci' first");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct diff_ctx *c = ctx;
	const struct registry_opts registry = registry_opts_of(&c->registry);
	struct registry_env registry_env = { .opts = &registry };
	struct job j = { .c = c, .g = g, .env = { .registry = registry_open, .ctx = &registry_env }, .out = BUF_INIT };
	int ret;

	j.how.top = c->all ? 0 : c->top ? c->top : TOP;
	j.how.width = isatty(STDOUT_FILENO) ? tty_width(STDOUT_FILENO) : 1 << 20;
	for (int v = 0; v < VIEW_COUNT; v++)
		j.how.views |= c->view[v] ? 1u << v : 0;
	if (argc == 1 && fs_exists(argv[0])) {
		err_set(err, ERR_USAGE, "%s: is an artifact: what is it to be compared with?", argv[0]);
		return err_hint(err, "name a second artifact, or a git revision alone");
	}
	progress_begin(argc == 1 ? "building" : "reading", 0);
	ret = argc == 1 ? with_commit(&j, argv[0], err) : two(&j, argv[0], argv[1], err);
	progress_end();
	if (ret == 0 && g->json)
		buf_addz(&j.out, j.n ? "]}\n" : "{\"differences\":[]}\n");
	if (ret == 0)
		ret = out_stdout(j.out.ptr, j.out.len, err);
	buf_release(&j.out);
	return ret;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.args = "A|REVISION [B]",
	.summary = "What grew and shrank between two artifacts, or since a commit",
	.description =
		"Compares two programs, zips or images (oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, "
		"HOST/REPOSITORY[:TAG]), also of different kinds, by layer, file, section, symbol and source, as far "
		"as both have them. The largest changes come first, and the changes of a view add up to its own; that "
		"of layers, of a zip's files and of a program's sections is the difference in size.\n\n"
		"With a git revision alone, that commit is checked out into slsc's cache and the work tree copied "
		"beside it; both are built and packaged there, in the formats and the profile that dist/ has (zips and "
		"OCI layouts, if it has none), and compared. Neither the work tree nor the repository is written "
		"to.\n\n"
		"Layers are the same if their instructions are. Sizes are compared, not bytes.",
	.examples = "$ slsc diff old.zip dist/hello-x86_64.zip\n"
		    "$ slsc diff HEAD~1\n"
		    "$ slsc diff HOST/hello:1 dist/hello.oci --arch arm64 --files --top 5\n"
		    "$ slsc diff v1.0 --json | jq '.differences[].change'\n",
	.opts = opts,
	.complete = COMPLETE_FILE,
	.ctx_size = sizeof(struct diff_ctx),
	.flags = CMD_JSON,
	.run = run,
};
