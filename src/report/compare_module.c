/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of wasm32: modules, which Node runs. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "archive/tree.h"
#include "archive/zip.h"
#include "base/mem.h"
#include "build/node.h"
#include "os/proc.h"
#include "report/compare_internal.h"
#include "report/start_internal.h"

#define TIMEOUT_MS 10000u	/* of a start; node's own is some 50 ms */

/* What compiles and packs for machines is no matter of a module. */
bool compare_applies(const struct strategy *s, enum arch arch)
{
	return arch != ARCH_WASM32 || !(s->toolchain || s->link != LINK_AS_PROFILE || s->base || s->packages.len ||
					s->dockerfile || s->target || s->single_stage || s->compression);
}

static int write_zip(struct comparing *c, const struct program *pr, const char *out, uint64_t *size, struct err *err)
{
	CLEAN_FREE char *name = xasprintf("%s.wasm", c->req->function->name.s);
	CLEAN_FREE char *path = xasprintf("%s/%s.zip", out, c->req->function->name.s);
	struct tree t = { 0 };
	int ret = tree_add_file(&t, name, pr->path, 0644, err);

	if (ret == 0)
		ret = tree_finish(&t, err);
	if (ret == 0)
		ret = zip_write(&t, path, ZIP_DEFAULT, 315532800, size, err);
	tree_release(&t);
	return ret;
}

int compare_pack_module(struct comparing *c, struct cmp_row *row, const struct program *pr, const char *out,
			struct err *err)
{
	CLEAN_PACKAGE struct package_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	const struct package_request package = {
		.project = c->req->project, .functions = &functions, .arches = &arches, .formats = PACKAGE_OCI,
		.profile = pr->profile, .out = out, .base_sources = c->req->base_sources, .origins = c->req->origins,
		.stage = c->req->stage, .ctx = c->req->stage_ctx,
	};
	uint64_t size, begun = start_now();

	strs_add(&functions, c->req->function->name.s);
	strs_add(&arches, arch_name(ARCH_WASM32));
	if (write_zip(c, pr, out, &size, err) < 0 || package_run(&package, &res, err) < 0)
		return -1;
	row->value[COL_PACKAGE] = (double)(start_now() - begun) / 1e9;
	row->value[COL_ZIP] = (double)size;
	VEC_EACH(&res, a)
		if (a->nimages)
			row->value[COL_IMAGE] = (double)a->images[0].size;
	return 0;
}

static struct node_run run_of(const struct comparing *c, const char *node, const struct program *pr)
{
	const struct function *f = c->req->function;

	return (struct node_run){
		.node = node, .module = pr->path, .event = c->req->event ? c->req->event : "{}", .env = &f->env,
		.timeout_ms = f->timeout_ms && f->timeout_ms < TIMEOUT_MS ? (unsigned)f->timeout_ms : TIMEOUT_MS,
	};
}

/* Of the module's runtime what its status says. */
static int judge(const struct comparing *c, const struct program *pr, int status, const struct buf *out,
		 const struct buf *said, bool *answered_error, struct err *err)
{
	const struct str why = node_word(said);

	if (status == NODE_ENDED)
		return err_set(err, ERR_VERIFY, "%s for wasm32: the engine ended it: %.*s", pr->build, (int)why.len,
			       why.ptr);
	*answered_error |= node_failed(status, out);
	if (status == 0 || c->req->function->runtime == RUNTIME_NONE || node_failed(status, out))
		return 0;
	return err_set(err, ERR_VERIFY, "%s for wasm32: exited with status %d", pr->build, status);
}

int compare_start_module(struct comparing *c, const char *node, const struct program *pr, double *sample,
			 bool *answered_error, struct err *err)
{
	const struct node_run r = run_of(c, node, pr);
	CLEAN_BUF struct buf out = BUF_INIT, said = BUF_INIT;
	const uint64_t begun = start_now();
	int status;

	if (node_run(&r, &out, &said, &status, err) < 0)
		return err->code == ERR_BUILD ? err_wrap(err, "%s for wasm32", pr->build) : -1;
	*sample = (double)(start_now() - begun) / 1000;
	return judge(c, pr, status, &out, &said, answered_error, err);
}

/* "v20.19.5" */
static const char *version_of(struct comparing *c, const char *node)
{
	const char *const argv[] = { node, "--version", NULL };
	CLEAN_BUF struct buf out = BUF_INIT;
	const struct proc_opts opts = { .out = &out, .null_stdin = true, .timeout_ms = TIMEOUT_MS };
	struct err ignored;
	struct str s;
	int status;

	if (proc_run(argv, &opts, &status, &ignored) < 0)
		return "";
	s = str_trim(buf_str(&out));
	return arena_printf(&c->out->arena, " %.*s", (int)(s.len < 32 ? s.len : 32), s.ptr);
}

int compare_warm_module(struct comparing *c, const char *node, const struct program *pr, const char **note,
			struct err *err)
{
	struct node_run r = run_of(c, node, pr);
	CLEAN_BUF struct buf out = BUF_INIT, said = BUF_INIT;
	CLEAN_FREE double *us = xcalloc(c->req->runs, sizeof(*us));
	struct stats s;
	json_t *times;
	size_t n = 0;
	int status;

	r.warm = c->req->runs;
	r.timeout_ms = TIMEOUT_MS + c->req->runs * r.timeout_ms;
	if (node_run(&r, &out, &said, &status, err) < 0)
		return err->code == ERR_BUILD ? err_wrap(err, "%s for wasm32", pr->build) : -1;
	times = json_loadb(out.ptr, out.len, 0, NULL);
	for (; n < json_array_size(times) && n < c->req->runs; n++)
		us[n] = json_number_value(json_array_get(times, n));
	json_decref(times);
	if (status || !n)
		return err_set(err, ERR_VERIFY, "%s for wasm32: node exited with status %d", pr->build, status);
	stats_of(us, n, &s);
	*note = arena_printf(&c->out->arena,
			     "run by Node%s: a start is node's own, too; a new instance in a node that runs answers "
			     "in %.2f ms (p50 of %zu)", version_of(c, node), s.p50 / 1000, n);
	return 0;
}
