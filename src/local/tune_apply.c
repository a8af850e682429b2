/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/edit.h"
#include "config/yaml.h"
#include "local/tune.h"
#include "os/fs.h"

static const char *pair_of(const struct lkvs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (strcmp(pairs->ptr[i].key.s, name) == 0)
			return pairs->ptr[i].val.s;
	return NULL;
}

/* What the chosen value of @axis asks for; false: slsc.yaml says so already. */
static bool change_of(const struct tune *t, const struct project *p, const struct function *f, size_t axis,
		      struct yaml_change *c)
{
	const struct tune_axis *a = &t->axis[axis];
	const struct tune_value *v = tune_value_of(t, t->chosen, axis);
	const char *was = NULL;

	*c = (struct yaml_change){ .path = { "functions", f->name.s }, .n = 4, .value = v->text };
	switch (a->kind) {
	case TUNE_MEMORY:
	case TUNE_CPU:
		c->path[2] = a->name;
		c->n = 3;
		return a->kind == TUNE_MEMORY ? f->memory != v->number : f->cpu != v->number;
	case TUNE_PROFILE:
		*c = (struct yaml_change){ .path = { "profile" }, .n = 1, .value = v->text };
		was = p->profile.s;
		break;
	case TUNE_WORKERS:
	case TUNE_ENV:
		c->path[2] = "env";
		c->path[3] = a->kind == TUNE_WORKERS ? "SLSC_WORKERS" : a->name;
		was = pair_of(&f->env, c->path[3]);
		break;
	case TUNE_RETENTION:
	case TUNE_DEFINE:
		c->path[2] = "defines";
		c->path[3] = a->kind == TUNE_RETENTION ? "SLSC_ARENA_RETENTION" : a->name;
		was = pair_of(&f->defines, c->path[3]);
		break;
	}
	/* what is not said is one worker that keeps all */
	if (!was)
		was = a->kind == TUNE_WORKERS ? "1" : a->kind == TUNE_RETENTION ? "100" : NULL;
	return !was || strcmp(was, v->text) != 0;
}

static int write_back(const struct project *p, const struct buf *text, const char *path, struct err *err)
{
	struct project check = { 0 };
	struct stat st;

	if (project_parse(&check, p->file, p->dir, text->ptr, text->len, err) < 0)
		return err_wrap(err, "it would not be right any more");
	project_release(&check);
	if (stat(path, &st) < 0)
		return err_sys(err, "%s", p->file);
	return fs_write_file(path, text->ptr, text->len, st.st_mode & 0777, err);
}

int tune_apply(const struct tune *t, const struct project *p, const struct function *f, struct strs *told,
	       struct err *err)
{
	CLEAN_FREE char *named = path_join(p->dir, "slsc.yaml"), *path = realpath(named, NULL);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct yaml_change c[TUNE_AXES_MAX];
	CLEAN_PROJECT struct project now = { 0 };
	const struct function *there;
	size_t n = 0, changed;

	if (t->chosen == TUNE_NONE)
		return err_set(err, ERR_FUNCTION, "%s: no setting can be chosen: %s stays as it is", f->name.s,
			       p->file);
	if (!path)
		return err_sys(err, "%s", p->file);
	/* it took minutes: somebody may have written there meanwhile */
	if (fs_read(path, YAML_MAX_BYTES, &text, err) < 0 ||
	    project_parse(&now, p->file, p->dir, text.ptr, text.len, err) < 0)
		return -1;
	there = project_function(&now, f->name.s, err);
	if (!there)
		return err_wrap(err, "%s was changed meanwhile", p->file);
	for (size_t i = 0; i < t->naxes; i++)
		n += change_of(t, &now, there, i, &c[n]);
	if (!n) {
		strs_addf(told, "%s says so already", p->file);
		return 0;
	}
	if (yaml_edit(&text, p->file, c, n, &changed, err) < 0 || write_back(p, &text, path, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEAN_BUF struct buf where = BUF_INIT;

		for (size_t k = 0; k < c[i].n; k++)
			buf_addf(&where, "%s%s", k ? "." : "", c[i].path[k]);
		strs_addf(told, "%s: %s: %s%s", p->file, where.ptr, c[i].value,
			  c[i].n == 1 && p->nfunctions > 1 ? ", for all functions" : "");
	}
	return 0;
}
