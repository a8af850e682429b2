/* SPDX-License-Identifier: Apache-2.0 */
/* The programs and artifacts of a comparison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/compare_internal.h"
#include "report/compare_look.h"
#include "report/start_internal.h"

#define OUTPUT_MAX (256u << 10)

/* ---- programs ---- */

/* Strategies that are built alike share a program: those that differ in the image alone, for one. */
static const char *build_name(const struct strategy *s)
{
	return s->profile || s->toolchain || s->link != LINK_AS_PROFILE || s->lto ? s->name : "default";
}

static struct profile *own_profile(struct comparing *c, const struct strategy *s, struct err *err)
{
	struct project *p = c->req->project;
	struct profile *from = project_profile(p, s->profile ? s->profile : p->profile.s, err), *to;

	if (!from)
		return NULL;
	to = arena_new(&p->arena, struct profile);
	*to = *from;
	to->name = arena_printf(&p->arena, "compare-%s", build_name(s));
	to->lto |= s->lto;
	if (s->link != LINK_AS_PROFILE)
		to->static_link = s->link != LINK_DYNAMIC;
	/* the switch of a strategy is the whole of it: a profile with pie does not make static-musl another thing */
	if (s->link != LINK_AS_PROFILE)
		to->pie = s->link == LINK_STATIC_PIE;
	p->profiles = arena_join(&p->arena, p->profiles, p->nprofiles * sizeof(to), &to, sizeof(to));
	p->nprofiles++;
	return to;
}

static void on_output(const char *p, size_t n, void *ctx)
{
	struct buf *said = ctx;

	if (said->len < OUTPUT_MAX)
		buf_add(said, p, n);
}

static int build_one(struct comparing *c, struct program *pr, const struct strategy *s, struct err *err)
{
	const struct compare_request *req = c->req;
	struct project *p = req->project;
	const struct profile *profile = own_profile(c, s, err);
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	CLEAN_FREE char *dir = NULL;
	CLEAN_BUF struct buf said = BUF_INIT;
	struct build_request build;
	uint64_t begun;
	int ret;

	if (!profile)
		return -1;
	if (s->toolchain)
		req->function->toolchain = (struct toolchain_choice){ .name = { .s = s->toolchain } };
	strs_add(&functions, req->function->name.s);
	strs_add(&arches, arch_name(pr->arch));
	build = (struct build_request){ .functions = functions, .arches = arches, .profile = profile->name,
					.on_output = on_output, .ctx = &said };
	/* from nothing: what a build takes is what it takes in CI */
	dir = xasprintf("%s/.slsc/%s/%s", p->dir, profile->name, arch_name(pr->arch));
	ret = fs_rmtree(dir, err);
	begun = start_now();
	if (ret == 0)
		ret = build_run(p, &build, &res, err);
	pr->seconds = (double)(start_now() - begun) / 1e9;
	if (ret < 0 && req->output && said.len && err->code != ERR_INTR)
		req->output(said.ptr, said.len, req->ctx);
	req->function->toolchain = c->was.toolchain;
	if (ret < 0)
		return -1;
	pr->path = path_join(p->dir, res.ptr[0].path);
	pr->debug = res.ptr[0].debug ? path_join(p->dir, res.ptr[0].debug) : NULL;
	pr->size = res.ptr[0].size;
	pr->toolchain = arena_strdup(&c->out->arena, res.ptr[0].toolchain);
	pr->profile = profile->name;
	pr->dynamic = !profile->static_link;
	return 0;
}

static size_t program_for(struct comparing *c, const struct strategy *s, enum arch arch)
{
	const char *name = build_name(s);

	for (size_t i = 0; i < c->programs.len; i++)
		if (c->programs.ptr[i].arch == arch && strcmp(c->programs.ptr[i].build, name) == 0)
			return i;
	VEC_PUSH(&c->programs, ((struct program){ .build = name, .arch = arch }));
	return c->programs.len - 1;
}

static int build_all(struct comparing *c, struct err *err)
{
	const struct compare_request *req = c->req;

	for (size_t i = 0; i < c->out->nrows; i++) {
		const struct strategy *s = &req->strategies->ptr[c->strategy_of[i]];
		struct cmp_row *row = &c->out->rows[i];
		struct program *pr;
		size_t n = c->programs.len;

		c->program_of[i] = program_for(c, s, row->arch);
		pr = &c->programs.ptr[c->program_of[i]];
		if (c->programs.len > n) {
			compare_step(c, "building", s->name);
			if (build_one(c, pr, s, err) < 0) {
				if (compare_ends_all(err))
					return -1;
				pr->failed = compare_reason(c, err);
			}
		}
		row->failed = pr->failed;
		row->toolchain = pr->toolchain;
		row->profile = s->profile ? s->profile : req->project->profile.s;
		if (pr->failed)
			continue;
		row->value[COL_BINARY] = (double)pr->size;
		row->value[COL_BUILD] = pr->seconds;
		/* a row of what is built alike has the tree of the first */
		for (size_t k = 0; k < i && !row->sources; k++)
			if (c->program_of[k] == c->program_of[i])
				row->sources = c->out->rows[k].sources;
		if (!row->sources && row->arch != ARCH_WASM32 &&
		    compare_look_program(c->out, row, pr->path, pr->debug, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- artifacts ---- */

/* What people write who have not heard of stages. The program is copied in, and would be the same if made there. */
static int write_single_stage(const struct comparing *c, const struct program *pr, const char *dir, struct lstr *out,
			      struct err *err)
{
	struct project *p = c->req->project;
	CLEAN_FREE char *path = path_join(dir, "Dockerfile");
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b,
		 "FROM debian:bookworm-slim\n"
		 "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make\n"
		 "WORKDIR /src\n"
		 "COPY --exclude=.slsc --exclude=dist --exclude=.git . .\n"
		 "COPY %s /var/task/bootstrap\n"
		 "ENTRYPOINT [\"/var/task/bootstrap\"]\n",
		 pr->path + strlen(p->dir) + 1);
	if (fs_mkdirs(dir, err) < 0 || fs_write_file(path, b.ptr, b.len, 0644, err) < 0)
		return -1;
	*out = (struct lstr){ .s = arena_strdup(&p->arena, path + strlen(p->dir) + 1) };
	return 0;
}

static void take_image(struct cmp_row *row, const struct packaged *a)
{
	const struct packaged_image *image = &a->images[0];

	row->value[COL_IMAGE] = (double)image->size;
	row->value[COL_LAYERS] = (double)image->nlayers;
}

static int pack(struct comparing *c, struct cmp_row *row, const struct program *pr, const struct strategy *s,
		const char *out, struct err *err)
{
	const struct compare_request *req = c->req;
	struct function *f = req->function;
	struct package *pk = &f->package;
	CLEAN_PACKAGE struct package_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	const struct package_request package = {
		.project = req->project, .functions = &functions, .arches = &arches,
		.formats = PACKAGE_OCI | (function_compiles(f) ? (unsigned)PACKAGE_ZIP : 0),
		.profile = pr->profile, .compression = s->compression, .base_sources = req->base_sources,
		.origins = req->origins, .out = out, .stage = req->stage, .ctx = req->stage_ctx,
	};
	CLEAN_FREE char *layout = NULL;
	uint64_t begun;

	strs_add(&functions, f->name.s);
	strs_add(&arches, arch_name(row->arch));
	if (s->base)
		pk->base = (struct lstr){ .s = s->base };
	if (s->base && s->def == NULL)
		pk->packages = (struct lstrs){ NULL, 0 };
	if (s->packages.len)
		pk->packages = s->packages;
	if (s->dockerfile)
		pk->dockerfile = (struct lstr){ .s = s->dockerfile };
	if (s->target)
		pk->target = (struct lstr){ .s = s->target };
	if (s->single_stage && write_single_stage(c, pr, out, &pk->dockerfile, err) < 0)
		return -1;
	row->base = s->single_stage ? "debian:bookworm-slim" : pk->dockerfile.s ? pk->dockerfile.s : pk->base.s;
	row->base = arena_strdup(&c->out->arena, row->base ? row->base : "static");
	row->compression = s->compression ? s->compression : "gzip";
	begun = start_now();
	if (package_run(&package, &res, err) < 0)
		return -1;
	row->value[COL_PACKAGE] = (double)(start_now() - begun) / 1e9;
	VEC_EACH(&res, a) {
		if (a->kind == PACKAGE_ZIP)
			row->value[COL_ZIP] = (double)a->size;
		else if (a->nimages) {
			take_image(row, a);
			layout = path_join(out, a->name);
		}
	}
	return layout ? compare_look_image(c->out, row, layout, err) : 0;
}

static int pack_all(struct comparing *c, struct err *err)
{
	const struct compare_request *req = c->req;

	for (size_t i = 0; i < c->out->nrows; i++) {
		const struct strategy *s = &req->strategies->ptr[c->strategy_of[i]];
		const struct program *pr = &c->programs.ptr[c->program_of[i]];
		struct cmp_row *row = &c->out->rows[i];
		CLEAN_FREE char *out = xasprintf("%s/.slsc/compare/%s/%s", req->project->dir, s->name,
						 arch_name(row->arch));
		int ret;

		compare_step(c, "packaging", s->name);
		if (row->failed)
			continue;
		if (fs_rmtree(out, err) < 0 || fs_mkdirs(out, err) < 0)
			return -1;
		ret = row->arch == ARCH_WASM32 ? compare_pack_module(c, row, pr, out, err) :
						 pack(c, row, pr, s, out, err);
		req->function->package = c->was.package;
		if (ret < 0) {
			if (compare_ends_all(err))
				return -1;
			row->failed = compare_reason(c, err);
		}
	}
	return 0;
}

int compare_make(struct comparing *c, struct err *err)
{
	return build_all(c, err) < 0 || pack_all(c, err) < 0 ? -1 : 0;
}
