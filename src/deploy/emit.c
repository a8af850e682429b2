/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deploy/emit_internal.h"
#include "os/fs.h"

static const struct {
	const char *name;
	int (*run)(struct emit_job *j, struct err *err);
} kinds[EMIT_KINDS] = {
	[EMIT_SAM] = { "sam", emit_sam },
	[EMIT_TERRAFORM] = { "terraform", emit_terraform },
	[EMIT_KNATIVE] = { "knative", emit_knative },
	[EMIT_CLOUDRUN] = { "cloudrun", emit_cloudrun },
	[EMIT_OPENFAAS] = { "openfaas", emit_openfaas },
	[EMIT_KUBERNETES] = { "kubernetes", emit_kubernetes },
};

const char *emit_kind_name(enum emit_kind k)
{
	return kinds[k].name;
}

int emit_kind_parse(const char *s)
{
	for (int i = 0; i < EMIT_KINDS; i++)
		if (strcmp(kinds[i].name, s) == 0)
			return i;
	return -1;
}

bool emit_is_lambda(enum emit_kind k)
{
	return k == EMIT_SAM || k == EMIT_TERRAFORM;
}

struct buf *emit_add(struct emit_job *j, const char *name)
{
	struct emit_file file = { .name = xstrdup(name), .text = BUF_INIT };

	/* JSON has no comments: its file says it in a member */
	if (ends_with(name, ".yaml"))
		buf_addf(&file.text, "# " EMIT_MARK " %s, which replaces the whole file.\n",
			 emit_kind_name(j->req->kind));
	VEC_PUSH(&j->res->files, file);
	return &j->res->files.ptr[j->res->files.len - 1].text;
}

/* Lambda calls either kind: the HTTP runtime takes events, too. Elsewhere the platform sends HTTP. */
static bool runs(const struct emit_job *j, const struct function *f)
{
	return emit_is_lambda(j->req->kind) || f->runtime == RUNTIME_HTTP;
}

static int refuse(const struct emit_job *j, const struct function *f, struct err *err)
{
	project_err(j->p, ERR_CONFIG, f->name, err, "'%s' has runtime: %s, and %s sends HTTP requests", f->name.s,
		    runtime_name(f->runtime), emit_kind_name(j->req->kind));
	return f->runtime == RUNTIME_LAMBDA
		       ? err_hint(err, "write the handler for runtime: http ('slsc init -t http' shows one), or use "
				       "--emit sam or terraform")
		       : err_hint(
				 err,
				 "write runtime: http, which answers probes and knows deadlines");
}

static int choose(struct emit_job *j, struct err *err)
{
	const struct strs *names = j->req->functions;
	const size_t given = names ? names->len : 0, n = given ? given : j->p->nfunctions;

	j->fns = arena_alloc(&j->arena, (n + 1) * sizeof(*j->fns));
	for (size_t i = 0; i < n; i++) {
		const struct function *f = given ? project_function(j->p, names->ptr[i], err) : j->p->functions[i];
		bool twice = false;

		if (!f || (given && !runs(j, f) && refuse(j, f, err) < 0))
			return -1;
		for (size_t k = 0; k < j->nfns; k++)
			twice |= j->fns[k].f == f;
		if (twice)
			continue;
		if (!runs(j, f)) {
			strs_addf(&j->res->notes, "%s:%u:%u: '%s' is left out: it has runtime: %s", j->p->file,
				  f->name.line, f->name.col, f->name.s, runtime_name(f->runtime));
			continue;
		}
		j->fns[j->nfns].f = f;
		project_deploy(j->p, f, &j->fns[j->nfns].d);
		project_package(j->p, f, &j->fns[j->nfns++].pk);
	}
	return j->nfns ? 0 : refuse(j, j->p->functions[0], err);
}

int emit_run(const struct emit_request *req, struct emit_result *res, struct err *err)
{
	struct emit_job j = { .req = req, .res = res, .p = req->project };
	int ret = -1;

	if (choose(&j, err) == 0 && emit_names(&j, err) == 0 && emit_pins(&j, err) == 0 &&
	    emit_envs(&j, err) == 0) {
		for (size_t i = 0; i < j.nfns; i++)
			emit_scale_note(&j, j.fns[i].f);
		ret = kinds[req->kind].run(&j, err);
	}
	map_release(&j.taken);
	arena_release(&j.arena);
	return ret;
}

void emit_release(struct emit_result *res)
{
	VEC_EACH(&res->files, f) {
		free(f->name);
		buf_release(&f->text);
	}
	VEC_EACH(&res->secrets, s)
		free(s->ref);
	VEC_EACH(&res->pins, p) {
		free(p->name);
		free(p->image);
		free(p->zip);
		free(p->package);
	}
	VEC_FREE(&res->files);
	VEC_FREE(&res->secrets);
	VEC_FREE(&res->pins);
	strs_release(&res->warnings);
	strs_release(&res->notes);
}

#define OLD_MAX	    (16u << 20)
#define MARK_WITHIN 200u /* bytes from a file's beginning */

/* Whether @path is free, or a file of ours. */
static int check_old(const char *path, struct err *err)
{
	CLEAN_BUF struct buf old = BUF_INIT;

	if (!fs_exists(path))
		return 0;
	if (fs_read(path, OLD_MAX, &old, err) < 0)
		return -1;
	if (memmem(old.ptr, old.len < MARK_WITHIN ? old.len : MARK_WITHIN, EMIT_MARK, strlen(EMIT_MARK)))
		return 0;
	err_set(err, ERR_EXISTS, "%s is there already, and was not made by slsc deploy --emit", path);
	return err_hint(err, "nothing was written: choose another directory, or move the file");
}

int emit_write(const struct emit_result *res, const char *dir, bool dry_run, struct err *err)
{
	const size_t n = res->files.len;
	struct fs_tmp *tmp = xcalloc(n + 1, sizeof(*tmp));
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		tmp[i] = (struct fs_tmp)FS_TMP_INIT;
	for (size_t i = 0; i < n && ret == 0; i++) {
		CLEAN_FREE char *path = path_join(dir, res->files.ptr[i].name);

		ret = check_old(path, err);
	}
	if (ret == 0 && !dry_run)
		ret = fs_mkdirs(dir, err);
	for (size_t i = 0; i < n && ret == 0 && !dry_run; i++) {
		const struct emit_file *f = &res->files.ptr[i];
		CLEAN_FREE char *path = path_join(dir, f->name);

		ret = fs_tmp_open(&tmp[i], path, 0644, err);
		if (ret == 0)
			ret = fs_write_all(tmp[i].fd, f->text.ptr, f->text.len, path, err);
	}
	for (size_t i = 0; i < n && ret == 0 && !dry_run; i++)
		ret = fs_tmp_commit(&tmp[i], true, err);
	for (size_t i = 0; i < n; i++)
		fs_tmp_abort(&tmp[i]);
	free(tmp);
	return ret;
}
