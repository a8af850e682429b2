/* SPDX-License-Identifier: Apache-2.0 */
#include "ui.h"

#include <stdbool.h>

#include "build/shard.h"
#include "cli/out.h"

static void on_step(unsigned done, unsigned total, const char *what, void *ctx)
{
	bool *begun = ctx;

	/* a build with nothing to do says nothing */
	if (!*begun)
		progress_begin("building", total);
	*begun = true;
	progress_set_total(total);
	progress_update(done, what);
}

void ui_output(const char *p, size_t n, void *ctx)
{
	(void)ctx;
	out_raw(p, n);
}

void ui_step(const char *what, void *ctx)
{
	(void)ctx;
	progress_update(0, what);
}

static void on_note(const char *line)
{
	out_note("%s", line);
}

static void on_warn(const char *line)
{
	out_warn("%s", line);
}

void ui_waiting(const char *holder, void *ctx)
{
	(void)ctx;
	out_note("waiting for %s", holder);
}

void ui_build_request(struct build_request *req, const struct globals *g)
{
	req->dry_run = g->dry_run;
	req->explain = g->explain;
	req->verbose = g->verbose > 0;
	req->color = g->use_color;
	req->on_step = on_step;
	req->on_output = ui_output;
	req->on_note = on_note;
	req->on_warn = on_warn;
}

int ui_build(struct project *p, const struct build_request *req, struct build_result *res, struct err *err)
{
	struct build_request with_ctx = *req;
	bool begun = false;
	int r;

	with_ctx.ctx = &begun;
	r = build_run(p, &with_ctx, res, err);
	progress_end();
	return r;
}

int ui_shard(struct project *p, const char *text, const char *profile, bool compiled, struct strs *functions,
	     struct err *err)
{
	CLEAN_STRS struct strs part = { 0 };
	const size_t all = functions->len ? functions->len : p->nfunctions;
	struct shard shard;
	bool by_time;

	if (shard_parse(text, &shard, err) < 0 ||
	    shard_choose(p, profile, functions, shard, &part, &by_time, err) < 0)
		return -1;
	out_note("shard %u/%u: %zu of %zu functions, split by %s", shard.index, shard.count, part.len, all,
		 by_time ? "how long each took" : "their numbers of sources");
	strs_release(functions);
	VEC_EACH(&part, name) {
		const struct function *f = project_function(p, *name, err);

		if (!f)
			return -1;
		if (!compiled || function_compiles(f))
			strs_add(functions, *name);
	}
	return 0;
}
