/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "os/fs.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "report/check.h"
#include "report/check_dist.h"
#include "report/check_repro.h"
#include "ui.h"

struct check_ctx {
	const char *platform, *level, *compression;
	struct strs ignore, bases;
	bool list_rules, reproducible, fresh;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct check_ctx, member)

static const char *const platforms[] = { "lambda", "knative", "generic", NULL };
static const char *const levels[] = { "fast", "default", "max", NULL };
static const char *const compressions[] = { "gzip", "zstd", "none", NULL };

static const struct opt opts[] = {
	{ OPT_CHOICE, .long_name = "platform", .offset = AT(platform), .arg = "NAME", .choices = platforms,
	  .help = "lambda, knative or generic (default: lambda for zips;\nfor images by the function's runtime)" },
	{ OPT_LIST, .long_name = "ignore", .offset = AT(ignore), .arg = "ID", .complete = COMPLETE_RULE,
	  .help = "leave out the rule ID; repeatable" },
	{ OPT_FLAG, .long_name = "list-rules", .offset = AT(list_rules),
	  .help = "print every rule, with its severity on each platform" },
	{ OPT_GROUP, .help = "Reproducibility" },
	{ OPT_FLAG, .long_name = "reproducible", .offset = AT(reproducible),
	  .help = "build a copy elsewhere, and compare with dist/ byte by byte" },
	{ OPT_FLAG, .long_name = "fresh", .offset = AT(fresh),
	  .help = "with --reproducible: compare two copies instead" },
	{ OPT_CHOICE, .long_name = "level", .offset = AT(level), .arg = "LEVEL", .choices = levels,
	  .help = "with --reproducible: the level that dist/ was packaged with" },
	{ OPT_CHOICE, .long_name = "compression", .offset = AT(compression), .arg = "KIND", .choices = compressions,
	  .help = "with --reproducible: the compression of layers, likewise" },
	{ OPT_MULTI, .long_name = "base", .offset = AT(bases), .arg = "BASE", .complete = COMPLETE_BASE,
	  .help = "with --reproducible: the base, likewise; repeatable;\na relative path is the project's" },
	REGISTRY_OPTS(struct check_ctx, registry),
	{ .type = OPT_END },
};

static int check_ignored(const struct strs *ids, struct err *err)
{
	const char *known[RULE_COUNT], *near;

	for (size_t i = 0; i < RULE_COUNT; i++)
		known[i] = check_rules[i].id;
	for (size_t i = 0; i < ids->len; i++) {
		if (check_rule_find(ids->ptr[i]))
			continue;
		near = str_closest(ids->ptr[i], known, RULE_COUNT);
		err_set(err, ERR_USAGE, "--ignore: there is no rule '%s'", ids->ptr[i]);
		return near ? err_hint(err, "did you mean '%s'?", near)
			    : err_hint(err, "'slsc check --list-rules' prints all of them");
	}
	return 0;
}

/*
 * What a function's images are for, unless --platform says so. An OCI archive is one index, for `podman load`: whoever
 * deploys to Lambda takes the layout.
 */
static int platform_of(const struct project *p, const struct dist_entry *e)
{
	if (strcmp(e->kind, "oci-archive") == 0)
		return CHECK_GENERIC;
	for (size_t i = 0; i < p->nfunctions; i++)
		if (strcmp(p->functions[i]->name.s, e->function) == 0) {
			const enum runtime r = p->functions[i]->runtime;

			return r == RUNTIME_LAMBDA ? CHECK_LAMBDA : r == RUNTIME_HTTP ? CHECK_KNATIVE : CHECK_GENERIC;
		}
	return -1;
}

/* dist/... where the user stands in the project, else the whole path, as package shows it. */
static char *shown(const struct project *p, const struct dist *d, const char *path)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);
	const bool home = here && strcmp(here, p->dir) == 0;

	return path_join(home ? "dist" : d->dir, path);
}

struct job {
	struct check *check;
	struct project *project;	/* NULL: outside of any */
	const struct dist *dist;
	int platform;			/* --platform, or -1 */
};

static int accepted_known(const struct project *p, struct lstrs ids, struct err *err)
{
	const char *known[RULE_COUNT], *near;

	for (size_t i = 0; i < RULE_COUNT; i++)
		known[i] = check_rules[i].id;
	for (size_t i = 0; i < ids.len; i++) {
		if (check_rule_find(ids.ptr[i].s))
			continue;
		near = str_closest(ids.ptr[i].s, known, RULE_COUNT);
		project_err(p, ERR_CONFIG, ids.ptr[i], err, "ignore: there is no rule '%.100s'", ids.ptr[i].s);
		return near ? err_hint(err, "did you mean '%s'?", near)
			    : err_hint(err, "'slsc check --list-rules' prints all of them");
	}
	return 0;
}

static int accepted_check(const struct project *p, struct err *err)
{
	if (accepted_known(p, p->package.ignore, err) < 0)
		return -1;
	for (size_t i = 0; i < p->nfunctions; i++)
		if (accepted_known(p, p->functions[i]->package.ignore, err) < 0)
			return -1;
	return 0;
}

/* What the function of @e may have; a foreign artifact has nothing. */
static void accept_for(const struct job *j, const struct dist_entry *e)
{
	struct package pkg;

	j->check->accepted = (struct lstrs){ NULL, 0 };
	for (size_t i = 0; j->project && e && i < j->project->nfunctions; i++)
		if (strcmp(j->project->functions[i]->name.s, e->function) == 0) {
			project_package(j->project, j->project->functions[i], &pkg);
			j->check->accepted = pkg.ignore;
		}
}

static int check_listed(const struct job *j, const struct dist_entry *e, struct err *err)
{
	CLEAN_FREE char *path = shown(j->project, j->dist, e->path);
	CLEAN_FREE char *place = dist_place(e, path);
	const bool zip = strcmp(e->kind, "zip") == 0;
	/* a directory is known by what is in it, and "dist/hello.oci:arm64" is what users know a layout by */
	const bool dir = strcmp(e->kind, "oci") == 0 || strcmp(e->kind, "workers") == 0;
	const struct check_target t = {
		.text = dir ? path : place, .arch = zip ? e->arch : NULL,
		.platform = j->platform >= 0 ? j->platform : zip ? CHECK_LAMBDA : platform_of(j->project, e),
	};

	accept_for(j, e);
	return check_artifact(j->check, &t, err);
}

/* The project's entry that @text names, with or without a tag behind. */
static const struct dist_entry *listed(const struct job *j, const char *text)
{
	for (size_t i = 0; j->project && i < j->dist->len; i++) {
		CLEAN_FREE char *full = path_join(j->dist->dir, j->dist->ptr[i].path);
		CLEAN_FREE char *file = xstrndup(text, strcspn(text, ":")), *real = realpath(file, NULL);

		if (real && strcmp(real, full) == 0)
			return &j->dist->ptr[i];
	}
	return NULL;
}

static int nothing(const char *what, struct err *err)
{
	err_set(err, ERR_NOTFOUND, "%s%snothing is packaged yet: dist/manifest.json lists nothing", what ? what : "",
		what ? ": " : "");
	return err_hint(err, "run 'slsc package' first, or name an artifact");
}

static int check_function(const struct job *j, const char *name, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < j->dist->len; i++) {
		if (name && strcmp(j->dist->ptr[i].function, name) != 0)
			continue;
		any = true;
		if (check_listed(j, &j->dist->ptr[i], err) < 0)
			return -1;
	}
	return any ? 0 : nothing(name, err);
}

static int check_named(const struct job *j, const char *text, struct err *err)
{
	const struct dist_entry *e = listed(j, text);
	const struct check_target t = { .text = text, .arch = e ? e->arch : NULL,
					.platform = j->platform >= 0 || !e || strcmp(e->kind, "zip") == 0
							    ? j->platform : platform_of(j->project, e) };

	/* a word alone is a function, in a project */
	if (j->project && *text && !strpbrk(text, "/:.@") && !fs_exists(text))
		return project_function(j->project, text, err) ? check_function(j, text, err) : -1;
	accept_for(j, e);
	return check_artifact(j->check, &t, err);
}

static int report(const struct check *c, const struct globals *g, struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;

	check_report(c, g->json, &out);
	if (out_stdout(out.ptr, out.len, err) < 0)
		return -1;
	if (!c->count[CHECK_ERROR])
		return 0;
	err_set(err, ERR_CHECK, "%zu error%s found", c->count[CHECK_ERROR], c->count[CHECK_ERROR] == 1 ? "" : "s");
	return err_hint(err, "--ignore ID leaves a rule out; docs/CHECK.md explains each");
}

static int check_all(const struct check_ctx *c, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_DIST struct dist dist = { .dir = NULL };
	const struct registry_opts registry = registry_opts_of(&c->registry);
	struct registry_env registry_env = { .opts = &registry };
	const struct origin_env env = { .registry = registry_open, .ctx = &registry_env };
	CLEAN_CHECK struct check check = { .ignore = &c->ignore, .env = &env };
	struct job j = { .check = &check,
			 .dist = &dist,
			 .platform = c->platform ? check_platform_parse(c->platform) : -1 };
	struct err why = ERR_INIT;
	int ret = 0;

	if (project_load(&p, NULL, &why) == 0) {
		j.project = &p;
		if (accepted_check(&p, err) < 0)
			return -1;
		if (dist_read(&dist, p.dir, argc ? &why : err) < 0 && !argc)
			return -1;
	} else if (!argc) {
		*err = why;
		return -1;
	}
	progress_begin("checking", 0);
	if (!argc)
		ret = check_function(&j, NULL, err);
	for (int i = 0; i < argc && ret == 0; i++)
		ret = check_named(&j, argv[i], err);
	progress_end();
	return ret < 0 ? -1 : report(&check, g, err);
}

static void repro_json(const struct repro_result *r, struct buf *out)
{
	buf_addf(out, "{\"artifacts\":[");
	VEC_EACH(r, row) {
		member_open(out, NULL, '{');
		member_text(out, "artifact", row->artifact);
		member_text(out, "difference", row->difference);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	member_text(out, "compared_with", r->fresh ? "build" : "dist");
	member_bool(out, "reproducible", !r->differ);
	buf_addz(out, "}\n");
}

static void repro_text(const struct repro_result *r, struct buf *out)
{
	size_t width = 0;

	VEC_EACH(r, row)
		width = strlen(row->artifact) > width ? strlen(row->artifact) : width;
	VEC_EACH(r, row)
		buf_addf(out, "%-*s  %s%s\n", (int)width, row->artifact,
			 row->difference ? "differs: " : "the same bytes", row->difference ? row->difference : "");
}

static int reproducible(const struct check_ctx *c, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_REPRO struct repro_result res = { .len = 0 };
	CLEAN_STRS struct strs functions = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;
	const struct repro_request req = { .project = &p, .functions = &functions, .level = c->level,
					   .compression = c->compression, .bases = &c->bases, .fresh = c->fresh,
					   .on_output = ui_output, .on_step = ui_step };
	int ret;

	if (project_load(&p, NULL, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		if (!project_function(&p, argv[i], err))
			return -1;
		strs_add(&functions, argv[i]);
	}
	progress_begin("building elsewhere", 0);
	ret = repro_run(&req, &res, err);
	progress_end();
	if (ret < 0)
		return -1;
	if (g->json)
		repro_json(&res, &out);
	else
		repro_text(&res, &out);
	if (out_stdout(out.ptr, out.len, err) < 0)
		return -1;
	if (!res.differ)
		return 0;
	err_set(err, ERR_CHECK, "%zu of %zu artifacts differ", res.differ, res.len);
	return res.fresh ? err_hint(err, "look for times, random numbers and absolute paths in what is named above")
			 : err_hint(err, "if sources have changed since, run 'slsc package' first; what it "
					 "was told (--base, --compression, --level) has to be told here, too; "
					 "--fresh compares two builds elsewhere");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct check_ctx *c = ctx;
	CLEAN_BUF struct buf out = BUF_INIT;

	if (c->list_rules) {
		check_rules_text(g->json, &out);
		return out_stdout(out.ptr, out.len, err);
	}
	if (check_ignored(&c->ignore, err) < 0)
		return -1;
	if (c->reproducible)
		return reproducible(c, g, argc, argv, err);
	if (c->fresh || c->level || c->compression || c->bases.len)
		return err_set(err, ERR_USAGE, "%s goes with --reproducible",
			       c->fresh ? "--fresh"
			       : c->level ? "--level"
			       : c->compression ? "--compression" : "--base");
	return check_all(c, g, argc, argv, err);
}

static void release(void *ctx)
{
	struct check_ctx *c = ctx;

	strs_release(&c->ignore);
	strs_release(&c->bases);
}

const struct cmd cmd_check = {
	.name = "check",
	.args = "[ARTIFACT|FUNCTION...]",
	.summary = "Find what a platform would refuse, before it does",
	.description =
		"Looks into zips, images (oci:DIR, oci-archive:FILE, docker-archive:FILE, "
		"HOST/REPOSITORY[:TAG]), programs, modules and Workers, whoever made them, and tells "
		"what the platform refuses, what a security review objects to, and what to do about it. "
		"Without an argument it looks at all that dist/manifest.json lists.\n\n"
		"Each finding names its rule. Exit code 3: there is at least one error; warnings and notes "
		"alone are 0.\n\n"
		"--platform: zips are Lambda's; an image is checked for what its function's runtime is (lambda: "
		"lambda, http: knative, none: generic), and for generic if it is an OCI archive or slsc.yaml "
		"does not know it.\n\n"
		"--reproducible copies the project, with the git work tree around it, to a temporary directory, "
		"builds and packages the copy under another path, TZ, locale, umask and HOME, compares the "
		"artifacts byte by byte with dist/ (with a second copy, if dist/ has none), and names the first "
		"difference.",
	.examples = "$ slsc check\n"
		    "$ slsc check dist/hello-arm64.zip\n"
		    "$ slsc check oci-archive:app.tar --platform knative --json | jq '.findings[].id'\n"
		    "$ slsc check hello --ignore user-root\n"
		    "$ slsc check --reproducible      the same bytes elsewhere?\n",
	.opts = opts,
	.complete = COMPLETE_FILE,
	.ctx_size = sizeof(struct check_ctx),
	.flags = CMD_JSON,
	.run = run,
	.release = release,
};
