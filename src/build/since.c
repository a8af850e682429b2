/* SPDX-License-Identifier: Apache-2.0 */
#include "build/since.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/since_internal.h"

static const struct {
	const char *name;
	const char *text, *more; /* after the file, and then after what it is by */
} reasons[SINCE_REASONS] = {
	[SINCE_SOURCE] = { "source", " is one of its sources", "" },
	[SINCE_HEADER] = { "header", " is included by ", "" },
	[SINCE_COMPUTED] = { "computed-include", " may be included by ", ", which leaves the name to a macro" },
	[SINCE_EMBEDDED] = { "embedded", " is embedded by ", "" },
	[SINCE_DEPENDENCY] = { "dependency-header", " may be included by dependency ", "" },
	[SINCE_LIBRARY] = { "library", " is linked into it", "" },
	[SINCE_FLAG] = { "flag", " is named by flag ", "" },
	[SINCE_INPUT] = { "input", " is an input of its build command", "" },
	[SINCE_PACKAGED] = { "packaged", " is packed with it", "" },
	[SINCE_DOCKERFILE] = { "dockerfile", " makes its image or its toolchain", "" },
	[SINCE_CONTEXT] = { "context", " is in the build context of ", "" },
	[SINCE_BASE] = { "base", " is of its image's base", "" },
	[SINCE_FALLBACK] = { "fallback", " is its fallback", "" },
	[SINCE_EXTENSION] = { "extension", " is one of its extensions", "" },
	[SINCE_CONFIG] = { "config", " says otherwise of ", "" },
	[SINCE_LOCK] = { "lock", " says otherwise of ", "" },
};

const char *since_reason_name(enum since_reason r)
{
	return reasons[r].name;
}

void since_why_text(const struct since_why *w, struct buf *out)
{
	buf_addf(out, "%s%s", w->file, reasons[w->reason].text);
	if (w->by)
		buf_addf(out, "%s%s", w->by, reasons[w->reason].more);
}

void since_add(struct since_finder *d, enum since_reason reason, const char *file, const char *by)
{
	struct since_touched *t = d->at;
	CLEAN_FREE char *shown = xstrndup(file, strlen(file) - ends_with(file, "/"));

	if (t->len == SINCE_WHYS_MAX)
		return;
	for (size_t i = 0; i < t->len; i++)
		if (t->ptr[i].reason == reason && strcmp(t->ptr[i].file, shown) == 0 &&
		    (reason != SINCE_CONFIG && reason != SINCE_LOCK ? true : strcmp(t->ptr[i].by, by) == 0))
			return;
	VEC_PUSH(t, ((struct since_why){ .reason = reason,
					 .file = arena_strdup(&d->res->arena, shown),
					 .by = by ? arena_strdup(&d->res->arena, by) : NULL }));
}

static bool named(const struct strs *only, const char *name)
{
	VEC_EACH(only, o)
		if (strcmp(*o, name) == 0)
			return true;
	return only->len == 0;
}

static int look_at(struct since_finder *d, struct since_config *c, const struct function *f, struct err *err)
{
	struct since_touched t = { .function = f };
	int r;

	d->at = &t;
	if (c)
		since_config_check(d, c, f);
	r = since_files(d, f, err);
	d->at = NULL;
	if (r == 0 && t.len)
		VEC_PUSH(d->res, t);
	else
		VEC_FREE(&t);
	return r;
}

static int find(struct since_finder *d, struct err *err)
{
	static const char *const names[] = { SINCE_YAML, SINCE_LOCKED };
	struct since_config *c = NULL;
	int r;

	if (git_changes(d->p->dir, d->req->range, names, ARRAY_LEN(names), &d->changes, err) < 0)
		return err_wrap(err, "--since %s", d->req->range);
	d->res->changed = d->changes.paths.len;
	r = since_config_open(d, &c, err);
	for (size_t i = 0; r == 0 && i < d->p->nfunctions; i++) {
		const struct function *f = d->p->functions[i];

		if (!named(d->req->only, f->name.s))
			continue;
		d->res->asked++;
		if (d->changes.paths.len)
			r = look_at(d, c, f, err);
	}
	since_config_free(c);
	return r;
}

int since_find(struct project *p, const struct since_request *req, struct since_result *res, struct err *err)
{
	struct since_finder d = { .p = p, .req = req, .res = res };
	int r;

	*res = (struct since_result){ .len = 0 };
	VEC_EACH(req->only, o)
		if (!project_function(p, *o, err))
			return -1;
	d.profile = project_profile(p, req->profile ? req->profile : p->profile.s, err);
	if (!d.profile)
		return -1;
	p->dirs = &d.dirs;
	r = find(&d, err);
	p->dirs = NULL;
	git_changes_release(&d.changes);
	map_release(&d.patterns);
	since_files_release(&d);
	fs_dirs_release(&d.dirs);
	return r;
}

void since_release(struct since_result *res)
{
	VEC_EACH(res, t)
		VEC_FREE(t);
	VEC_FREE(res);
	arena_release(&res->arena);
	*res = (struct since_result){ .len = 0 };
}
