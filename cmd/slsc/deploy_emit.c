/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy_emit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "build_stage.h"
#include "cli/out.h"
#include "deploy/emit.h"
#include "os/fs.h"

const char *const emit_kinds[] = { "sam", "terraform", "knative", "cloudrun", "openfaas", "kubernetes", NULL };

/* Where the files will be, links resolved as far as it is there: the way from there to dist is written into them. */
static char *destination(const char *output, struct err *err)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);
	CLEAN_FREE char *dir = NULL, *rest = xstrdup("");

	if (!here) {
		err_sys(err, "the current directory");
		return NULL;
	}
	dir = path_join(here, output ? output : "");
	for (;;) {
		CLEAN_FREE char *real = realpath(dir, NULL), *up = path_dirname(dir), *joined = NULL;

		if (real || strcmp(up, dir) == 0) {
			CLEAN_FREE char *whole = path_join(real ? real : dir, rest);

			return path_clean(whole);
		}
		joined = path_join(path_basename(dir), rest);
		free(rest);
		rest = steal(&joined);
		free(dir);
		dir = steal(&up);
	}
}

/* With the text of the files where they are not written. */
static void report_json(const struct emit_flags *f, const struct emit_result *res, const struct project *p,
			bool dry_run, struct buf *b)
{
	buf_addc(b, '{');
	if (dry_run)
		member_bool(b, "dry_run", true);
	member_text(b, "emit", f->kind);
	member_open(b, "files", '[');
	for (size_t i = 0; i < res->files.len; i++) {
		const struct emit_file *file = &res->files.ptr[i];
		CLEAN_FREE char *path = f->output ? path_join(f->output, file->name) : xstrdup(file->name);

		member_open(b, NULL, '{');
		member_text(b, "path", path);
		member_u64(b, "size", file->text.len);
		member_text(b, "text", f->output ? NULL : file->text.ptr);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
	member_open(b, "functions", '[');
	for (size_t i = 0; i < res->pins.len; i++) {
		const struct emit_pin *pin = &res->pins.ptr[i];

		member_open(b, NULL, '{');
		member_text(b, "digest", pin->digest.s);
		member_text(b, "function", pin->function->name.s);
		member_text(b, "image", pin->image);
		member_text(b, "name", pin->name);
		member_text(b, "zip", pin->zip);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
	member_strs(b, "notes", &res->notes);
	member_open(b, "secrets", '[');
	for (size_t i = 0; i < res->secrets.len; i++) {
		const struct emit_secret *s = &res->secrets.ptr[i];

		member_open(b, NULL, '{');
		member_u64(b, "column", s->env->key.col);
		member_text(b, "file", p->file);
		member_text(b, "function", s->function->name.s);
		member_u64(b, "line", s->env->key.line);
		member_text(b, "name", s->env->key.s);
		member_text(b, "reference", s->ref);
		member_text(b, "why", s->what);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
	member_strs(b, "warnings", &res->warnings);
	buf_addz(b, "}\n");
}

static void tell(const struct emit_result *res, const struct project *p)
{
	for (size_t i = 0; i < res->warnings.len; i++)
		out_warn("%s", res->warnings.ptr[i]);
	for (size_t i = 0; i < res->notes.len; i++)
		out_note("%s", res->notes.ptr[i]);
	for (size_t i = 0; i < res->secrets.len; i++) {
		const struct emit_secret *s = &res->secrets.ptr[i];

		out_note("%s:%u:%u: %s is %s: it is to be in %s", p->file, s->env->key.line, s->env->key.col,
			 s->env->key.s, s->what, s->ref);
	}
}

static int check(const struct emit_flags *f, const struct globals *g, size_t nfiles, struct err *err)
{
	if (f->output || nfiles == 1 || g->json)
		return 0;
	err_set(err, ERR_USAGE, "--emit %s: these are %zu files", f->kind, nfiles);
	return err_hint(err, "add --output DIR, or name one function");
}

/* As `slsc build -n` would have it; what that says is of no interest here. */
static int check_packages(struct project *p, const struct emit_result *res, const struct globals *g, struct err *err)
{
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	const struct stage_flags flags = { .file = NULL };
	const struct build_request how = { .dry_run = true };
	int r;

	toolchain_stages_init(&stages, &flags, 0, g, false);
	p->stages = &stages.keepers.stages;
	r = emit_check_packages(p, res, &how, err);
	p->stages = NULL;
	if (r < 0 && err->code == ERR_TOOL) {
		err_wrap(err, "whether what is packaged is up to date is not known here");
		err_hint(err, "--no-build takes it as it is");
	}
	return r;
}

int deploy_emit(const struct emit_flags *f, const struct strs *images, const struct globals *g, int argc, char **argv,
		struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_EMIT struct emit_result res = { .files.len = 0 };
	CLEAN_STRS struct strs functions = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *from = NULL;
	struct emit_request req = { .project = &p,
				    .functions = &functions,
				    .arch = f->arch,
				    .images = images,
				    .repo = f->repo,
				    .secrets = &f->secrets,
				    .plain = &f->plain,
				    .kind = (enum emit_kind)emit_kind_parse(f->kind) };

	if (f->output && !*f->output) {
		err_set(err, ERR_USAGE, "--output: the directory's name is empty");
		return err_hint(err, "write . for this directory");
	}
	for (int i = 0; i < argc; i++)
		strs_add(&functions, argv[i]);
	from = destination(f->output, err);
	if (!from || project_load(&p, NULL, err) < 0)
		return -1;
	req.from = from;
	if (emit_run(&req, &res, err) < 0 || check(f, g, res.files.len, err) < 0 ||
	    (!f->no_build && check_packages(&p, &res, g, err) < 0))
		return -1;
	if (f->output && emit_write(&res, f->output, g->dry_run, err) < 0)
		return -1;
	tell(&res, &p);
	if (g->json) {
		report_json(f, &res, &p, g->dry_run, &out);
	} else if (!f->output) {
		buf_adds(&out, buf_str(&res.files.ptr[0].text));
	} else {
		for (size_t i = 0; i < res.files.len; i++) {
			CLEAN_FREE char *path = path_join(f->output, res.files.ptr[i].name);

			buf_addf(&out, "%s %s\n", g->dry_run ? "would write" : "wrote", path);
		}
	}
	return out_stdout(out.ptr, out.len, err);
}

void emit_flags_release(struct emit_flags *f)
{
	strs_release(&f->secrets);
	strs_release(&f->plain);
}
