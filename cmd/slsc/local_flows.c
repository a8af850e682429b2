/* SPDX-License-Identifier: Apache-2.0 */
#include "local_flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/out.h"
#include "flow/problem.h"
#include "os/fs.h"

static void again(void *ctx, const struct flow_exec *x, const char *state, const char *function)
{
	(void)ctx;
	out_note("%s  %s: %s: %s had no answer when slsc ended: it is asked once more", x->def->name, x->name, state,
		 function);
}

static void trouble(void *ctx, const struct err *err)
{
	(void)ctx;
	out_error(err);
}

int local_flows_open(struct flows *f, struct platform *p, const char *dir, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, ".slsc/flow.db");

	f->again = again;
	f->trouble = trouble;
	return flows_open(f, p, path, "slsc local", err) < 0 || flows_load(f, err) < 0 ? -1 : 0;
}

static void defined(struct flow_define *d, const struct err *err)
{
	if (err)
		out_error(err);
	else
		out_note("%s  is new: executions that run are finished by the old one", d->name);
	flow_def_unref(d->def);
	free(d->name);
	free(d);
}

static int define(struct flows *f, const struct project *p, const struct lkv *kv, const struct flow_known *known,
		  struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, kv->val.s);
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct flow_def *d, *was = flows_find(f, str_from(kv->key.s));
	struct flow_define *later;

	if (fs_read(path, FLOW_BYTES_MAX, &text, err) < 0) {
		CLEAN_FREE char *why = xstrdup(err->msg);

		return project_err(p, ERR_CONFIG, kv->val, err, "flows.%s: %s", kv->key.s, why);
	}
	if (was && strcmp(was->text, text.ptr) == 0)
		return 0;
	d = flow_def_new(f, kv->key.s, kv->val.s, text.ptr, text.len, false, was ? was->role : NULL, known, &found,
			 err);
	if (!d)
		return -1;
	if (was)
		d->made = was->made;
	if (!f->serving)
		return flows_put_now(f, d, err);
	later = xcalloc(1, sizeof(*later));
	later->def = d;
	later->name = xstrdup(kv->key.s);
	later->done = defined;
	flows_put(f, later);
	return 0;
}

int local_flows_define(struct flows *f, const struct project *p, struct err *err)
{
	VEC(const char *) names = { .len = 0 };
	struct flow_known known = { .from = p->file };
	int ret = 0;

	for (size_t i = 0; i < p->nfunctions; i++)
		VEC_PUSH(&names, p->functions[i]->name.s);
	known.functions = names.ptr;
	known.nfunctions = names.len;
	for (size_t i = 0; i < p->flows.len && ret == 0; i++)
		ret = define(f, p, &p->flows.ptr[i], &known, err);
	VEC_FREE(&names);
	return ret;
}

static void failed(const char *name, const struct err *err)
{
	out_error(err);
	out_note("%s  stays as it is", name);
}

int local_flows_resume(struct flows *f, struct err *err)
{
	size_t n;

	f->serving = true;
	if (flows_resume_all(f, &n, failed, err) < 0)
		return -1;
	if (n)
		out_note("%zu executions go on", n);
	return 0;
}

void local_flows_show(const struct flows *f, const char *url)
{
	VEC_EACH(&f->defs, d)
		out_note("%s  %s at %s", (*d)->name, (*d)->arn, url);
}
