/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "base/member.h"
#include "build/ci.h"
#include "build/init.h"
#include "build/template.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "os/fs.h"

struct ctx {
	const char *template, *name, *ci;
	bool list, force;
};

static int list(const struct globals *g, struct err *err)
{
	CLEAN_TEMPLATE_INFOS struct template_infos all = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	size_t width = 0;

	if (template_list(&all, err) < 0)
		return -1;
	VEC_EACH(&all, i)
		width = strlen(i->name) > width ? strlen(i->name) : width;
	if (g->json)
		buf_addc(&b, '[');
	VEC_EACH(&all, i) {
		if (!g->json) {
			buf_addf(&b, "%-*s  %s\n", (int)width, i->name, i->description);
			continue;
		}
		member_open(&b, NULL, '{');
		member_text(&b, "description", i->description);
		member_text(&b, "name", i->name);
		buf_addc(&b, '}');
	}
	if (g->json)
		buf_addz(&b, "]\n");
	return out_stdout(b.ptr, b.len, err);
}

static void add_ci_json(struct buf *b, const struct ci *ci)
{
	member_open(b, "ci", '{');
	member_bool(b, "created", !ci->kept);
	member_text(b, "path", ci->path);
	buf_addc(b, '}');
}

static void add_ci_text(struct buf *b, const struct ci *ci, bool dry_run)
{
	if (ci->kept)
		buf_addf(b, "%s is there already\n", ci->path);
	else
		buf_addf(b, "%s %s\n", dry_run ? "would write" : "wrote", ci->path);
	if (!dry_run)
		buf_addz(b, ci_needs(ci->kind));
}

static void add_json(struct buf *b, const struct init_result *r, const struct ci *ci)
{
	buf_addc(b, '{');
	if (ci->kind != CI_NONE)
		add_ci_json(b, ci);
	member_some(b, "commit", r->commit);
	member_strs(b, "created", &r->created);
	member_text(b, "dir", r->dir);
	member_strs(b, "kept", &r->kept);
	member_text(b, "name", r->name);
	member_text(b, "template", r->template);
	buf_addz(b, "}\n");
}

static void add_text(struct buf *b, const struct init_result *r, bool dry_run)
{
	bool here = strcmp(r->dir, ".") == 0;

	buf_addf(b, "%s %s (template %s): %zu file%s", dry_run ? "would create" : "created", here ? r->name : r->dir,
		 r->template, r->created.len, r->created.len == 1 ? "" : "s");
	if (r->kept.len)
		buf_addf(b, ", %zu already there", r->kept.len);
	buf_addc(b, '\n');
	if (dry_run) {
		for (size_t i = 0; i < r->created.len; i++)
			buf_addf(b, "  %s\n", r->created.ptr[i]);
		return;
	}
	buf_addz(b, "next: ");
	if (!here) {
		buf_addz(b, r->dir[0] == '-' ? "cd -- " : "cd ");
		buf_add_shell(b, r->dir);
		buf_addz(b, " && ");
	}
	buf_addf(b, "slsc build && slsc package --%s\n", r->lambda ? "zip" : "oci");
}

/* Only a template that comes from elsewhere takes time. */
static void on_progress(unsigned received, unsigned total, void *begun)
{
	if (!*(bool *)begun)
		progress_begin("fetching the template", total);
	*(bool *)begun = true;
	progress_set_total(total);
	progress_update(received, NULL);
}

/* A pipeline for the project that is in @dir. */
static int add_pipeline(struct ci *ci, const char *dir, const struct globals *g, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	bool lambda = false;

	if (project_load(&p, dir, err) < 0)
		return -1;
	for (size_t i = 0; i < p.nfunctions; i++)
		lambda |= p.functions[i]->runtime == RUNTIME_LAMBDA;
	if (ci_write(ci, lambda, g->dry_run, err) < 0)
		return -1;
	if (g->json) {
		buf_addc(&b, '{');
		add_ci_json(&b, ci);
		buf_addz(&b, "}\n");
	} else {
		add_ci_text(&b, ci, g->dry_run);
	}
	return out_stdout(b.ptr, b.len, err);
}

/* Before the project: it is not to be there without its pipeline. */
static int refuse_pipeline(const struct ci *ci, struct err *err)
{
	if (!fs_exists(ci->path))
		return 0;
	err_set(err, ERR_EXISTS, "%s is there already", ci->path);
	return err_hint(err, "nothing was written; a pipeline is of one project: create this one without --ci");
}

static int run(void *context, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct ctx *c = context;
	CLEAN_INIT_RESULT struct init_result r = { 0 };
	CLEAN_CI struct ci ci = { 0 };
	CLEAN_FREE char *config = path_join(argc ? argv[0] : ".", "slsc.yaml");
	CLEAN_BUF struct buf b = BUF_INIT;
	bool begun = false;
	struct init_opts o = {
		.dir = argc ? argv[0] : NULL,
		.template = c->template,
		.name = c->name,
		.force = c->force,
		.dry_run = g->dry_run,
		.progress = on_progress,
		.ctx = &begun,
	};
	int status;

	if (argc && !argv[0][0])
		return err_set(err, ERR_USAGE, "the directory's name is empty");
	if (c->list && (argc || c->template || c->name || c->force || c->ci))
		return err_set(err, ERR_USAGE, "--list takes no directory and no other option");
	if (c->list)
		return list(g, err);
	if (c->ci && ci_place(&ci, strcmp(c->ci, "github") == 0 ? CI_GITHUB : CI_GITLAB, argc ? argv[0] : ".", err) < 0)
		return -1;
	if (c->ci && !c->template && !c->name && fs_exists(config))
		return add_pipeline(&ci, argc ? argv[0] : ".", g, err);
	if (c->ci && refuse_pipeline(&ci, err) < 0)
		return -1;
	status = init_project(&o, &r, err);
	if (begun)
		progress_end();
	if (status < 0)
		return -1;
	if (c->ci && ci_write(&ci, r.lambda, g->dry_run, err) < 0)
		return -1;
	if (g->json)
		add_json(&b, &r, &ci);
	else
		add_text(&b, &r, g->dry_run);
	if (c->ci && !g->json)
		add_ci_text(&b, &ci, g->dry_run);
	return out_stdout(b.ptr, b.len, err);
}

static const char *const cis[] = { "github", "gitlab", NULL };

static const struct opt opts[] = {
	{ OPT_STR, 't', "template", offsetof(struct ctx, template), "TEMPLATE", .complete = COMPLETE_TEMPLATE,
	  .help = "what to copy: a name of --list, a directory with an slsc.yaml, or GIT-URL[#REF]; "
		  "default: hello" },
	{ OPT_STR, .long_name = "name", .offset = offsetof(struct ctx, name), .arg = "NAME",
	  .help = "the project's name; default: made of the directory's" },
	{ OPT_FLAG, .long_name = "force", .offset = offsetof(struct ctx, force),
	  .help = "add to a directory that is not empty; no file is ever overwritten" },
	{ OPT_CHOICE, .long_name = "ci", .offset = offsetof(struct ctx, ci), .arg = "WHERE", .choices = cis,
	  .help = "also write a pipeline: build, check, compare, comment, push, sign" },
	{ OPT_FLAG, 'l', "list", offsetof(struct ctx, list), .help = "show the built-in templates" },
	{ .type = OPT_END },
};

const struct cmd cmd_init = {
	.name = "init",
	.args = "[DIR]",
	.summary = "Create a project from a template",
	.description = "Copies a template into DIR (default: the current directory), which is created, or must be "
		       "empty, but for what a clone of a new repository has: .git, .gitattributes, .gitignore, LICENSE "
		       "and README.md. `project:` of its slsc.yaml becomes the directory's name, made valid; the names "
		       "of the functions stay.\n"
		       "\n"
		       "A new DIR appears whole or not at all. With --force the template's files are added to what "
		       "is there; if one of them exists with another content, all such are named and nothing is "
		       "written.\n"
		       "\n"
		       "--ci also writes a pipeline at the root of the git work tree that DIR lies in, else in DIR; "
		       "in a project that is there already, that alone. It never overwrites one, and says which "
		       "variables have to be set.\n",
	.examples = "$ slsc init hello                         a Lambda function\n"
		    "$ slsc init --list                        the templates\n"
		    "$ slsc init api --template http           an HTTP function\n"
		    "$ slsc init --ci github                   a pipeline for the project that is here\n"
		    "$ slsc init x -t https://example.com/templates.git#v2\n",
	.opts = opts,
	.complete = COMPLETE_DIR,
	.ctx_size = sizeof(struct ctx),
	.flags = CMD_JSON | CMD_DRY_RUN,
	.run = run,
};
