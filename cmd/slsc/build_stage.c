/* SPDX-License-Identifier: Apache-2.0 */
#include "build_stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "os/fs.h"
#include "registry/origin.h"
#include "stage/solve.h"

const char *const stage_prints[] = { "plan", "graph", NULL };
const char *const stage_compressions[] = { "gzip", "zstd", "none", NULL };
const char *const stage_levels[] = { "fast", "default", "max", NULL };
const char *const stage_networks[] = { "host", "none", NULL };
const char *const stage_sandboxes[] = { "bwrap", "oci", NULL };

static void on_note(const char *line)
{
	out_note("%s", line);
}

static void on_warning(const char *line)
{
	out_warn("%s", line);
}

static void on_event(const struct stage_event *e, void *ctx)
{
	(void)ctx;
	switch (e->kind) {
	case STAGE_CACHED:
		out_verbose("[%s %u/%u] cached: %s", e->stage, e->step, e->steps, e->text);
		break;
	case STAGE_BEGIN:
		out_note("[%s %u/%u] %s", e->stage, e->step, e->steps, e->text);
		if (e->why)
			out_note("[%s %u/%u] it runs because %s", e->stage, e->step, e->steps, e->why);
		break;
	case STAGE_LINE:
		out_note("[%s %u/%u] | %s", e->stage, e->step, e->steps, e->text);
		break;
	case STAGE_DONE:
		if (e->seconds >= 1)
			out_note("[%s %u/%u] done in %.1f s", e->stage, e->step, e->steps, e->seconds);
		break;
	}
}

static int index_in(const char *const *list, const char *word, int otherwise)
{
	for (int i = 0; word && list[i]; i++)
		if (strcmp(list[i], word) == 0)
			return i;
	return otherwise;
}

/* "HOST/REPO/app:1.0" and "../app/" are "app". */
static char *default_output(const struct stage_flags *f, const char *context)
{
	CLEAN_FREE char *real = f->tag ? xstrdup(f->tag) : realpath(context, NULL);
	CLEAN_FREE char *name = xstrdup(real && *real ? path_basename(real) : "image");

	if (f->tag)
		name[strcspn(name, ":@")] = '\0';
	return xasprintf("oci:dist/%s.oci", *name ? name : "image");
}

static void report_image(const struct stage_image *im, bool json, struct buf *b)
{
	char human[32];

	if (!json) {
		buf_addf(b, "  %-6s  %9s  %2zu layer%s  %s\n", arch_oci(im->arch),
			 str_human_size(im->size, human, sizeof(human)), im->nlayers, im->nlayers == 1 ? " " : "s",
			 im->manifest.digest.s);
		return;
	}
	member_open(b, NULL, '{');
	member_text(b, "arch", arch_name(im->arch));
	member_text(b, "digest", im->manifest.digest.s);
	member_text(b, "config", im->config.digest.s);
	member_u64(b, "size", im->size);
	member_open(b, "layers", '[');
	for (size_t i = 0; i < im->nlayers; i++) {
		member_open(b, NULL, '{');
		member_text(b, "digest", im->layers[i].digest.s);
		member_text(b, "diff_id", im->layers[i].diff_id.s);
		member_u64(b, "size", im->layers[i].size);
		buf_addc(b, '}');
	}
	buf_addz(b, "]}");
}

static void report(const struct stage_result *r, bool cache, bool json, struct buf *b)
{
	if (json) {
		buf_addc(b, '{');
		member_text(b, "path", r->path);
		member_text(b, "digest", r->nimages ? r->digest.s : NULL);
		buf_addf(b, ",\"steps\":%u,\"cached\":%u,", r->steps, r->cached);
		if (cache)
			buf_addf(b,
				 "\"cache\":{\"hits\":%u,\"misses\":%u,\"received\":%" PRIu64
				 ",\"sent\":%" PRIu64 "},",
				 r->cache.hits, r->cache.misses, r->cache.got, r->cache.sent);
		buf_addz(b, "\"images\":[");
	} else {
		buf_addf(b, "%s%s%s\n", r->path, r->nimages ? "  " : "", r->nimages ? r->digest.s : "");
	}
	for (size_t i = 0; i < r->nimages; i++)
		report_image(&r->images[i], json, b);
	buf_addz(b, json ? "]}\n" : "");
}

static int solve(const struct stage_flags *f, struct stage_request *req, const struct globals *g, struct buf *b,
		 struct err *err)
{
	CLEAN_STAGE_RESULT struct stage_result res = { .nimages = 0 };
	const bool cache = f->cache_from.len || f->cache_to;
	int ret = stage_solve(req, &res, err);

	VEC_EACH(&res.warnings, w)
		out_warn("%s", *w);
	if (ret < 0)
		return -1;
	if (g->dry_run) {
		if (g->json) {
			buf_addz(b, "{\"path\":");
			buf_add_json(b, str_from(strchr(req->output, ':') + 1));
			buf_addz(b, ",\"dry_run\":true}\n");
		} else {
			buf_addf(b, "would write %s\n", strchr(req->output, ':') + 1);
		}
		return 0;
	}
	out_verbose("%u steps, %u of them cached", res.steps, res.cached);
	if (cache)
		out_verbose("caches elsewhere: %u hits, %u misses, %" PRIu64 " bytes received, %" PRIu64 " sent",
			    res.cache.hits, res.cache.misses, res.cache.got, res.cache.sent);
	report(&res, cache, g->json, b);
	return 0;
}

int build_stage(const struct stage_flags *f, const char *context, const struct strs *arches, unsigned jobs,
		const struct globals *g, struct err *err)
{
	const struct registry_opts registry = registry_opts_of(&f->registry);
	struct registry_env env = { .opts = &registry };
	const struct origin_env origins = { .registry = registry_open, .ctx = &env };
	CLEAN_FREE char *output = NULL, *lock = NULL;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct stage_request req = {
		.dockerfile = f->file,
		.context = context ? context : ".",
		.target = f->target,
		.args = &f->args,
		.secrets = &f->secrets,
		.labels = &f->labels,
		.bases = &f->bases,
		.cache_from = &f->cache_from,
		.cache_to = f->cache_to,
		.tag = f->tag,
		.until = f->until,
		.squash = f->squash,
		.strip = f->strip,
		.no_cache = f->no_cache,
		.explain = g->explain,
		.dry_run = g->dry_run,
		.jobs = jobs,
		.origins = &origins,
		.registry = &registry,
		.codec = (enum codec[]){ CODEC_GZIP, CODEC_ZSTD,
					 CODEC_NONE }[index_in(stage_compressions, f->compression, 0)],
		.level = (enum codec_level)index_in(stage_levels, f->level, CODEC_DEFAULT),
		.no_network = index_in(stage_networks, f->network, 0) == 1,
		.sandbox = (enum sandbox_kind)index_in(stage_sandboxes, f->sandbox, SANDBOX_BWRAP),
		.note = on_note,
		.event = on_event,
	};
	bool want[ARCH_COUNT] = { false };

	for (size_t i = 0; i < arches->len; i++) {
		const int a = arch_parse(arches->ptr[i]);

		if (a < 0) {
			err_set(err, ERR_USAGE, "--arch %s: a Dockerfile's image is for machines", arches->ptr[i]);
			return err_hint(err, "x86_64 or arm64");
		}
		want[a] = true;
	}
	want[arch_host()] = want[arch_host()] || !arches->len;
	for (int a = 0; a < ARCH_COUNT; a++)
		if (want[a])
			req.arches[req.narches++] = (enum arch)a;
	output = f->output ? xstrdup(f->output) : default_output(f, req.context);
	req.output = output;
	lock = path_join(req.context, "slsc.lock");
	req.lock = lock;
	if (f->print) {
		if (stage_print(&req, strcmp(f->print, "graph") == 0, &b, err) < 0)
			return -1;
	} else if (solve(f, &req, g, &b, err) < 0) {
		return -1;
	}
	return out_stdout(b.ptr, b.len, err);
}

int package_by_stage(const struct package_stage *want, void *ctx, struct err *err)
{
	const struct stage_source *from = ctx;
	const struct lkvs *args = &want->package->build_args;
	CLEAN_STAGE_RESULT struct stage_result res = { .nimages = 0 };
	CLEAN_STRS struct strs given = { 0 }, caches = { 0 };
	CLEAN_FREE char *what = xasprintf("image-%s", want->function->name.s), *cache_to = NULL;
	struct stage_request req = {
		.dockerfile = want->dockerfile,
		.context = want->context,
		.target = want->package->target.s,
		.narches = want->narches,
		.args = &given,
		.bases = want->base_sources,
		.mirrors = &want->project->mirrors,
		.mirrors_dir = want->project->dir,
		.lock = want->lock,
		.pin = true,
		.layout = want->layout,
		.codec = want->codec,
		.level = want->level,
		.sandbox = SANDBOX_BWRAP,
		.explain = from->globals->explain,
		.dry_run = !want->layout,
		.origins = from->origins,
		.registry = from->registry,
		.note = on_note,
		.event = on_event,
	};
	int ret;

	for (size_t i = 0; i < want->narches; i++)
		req.arches[i] = want->arches[i];
	if (from->cache_trouble && !*from->cache_trouble && want->layout) {
		for (size_t i = 0; from->cache_from && i < from->cache_from->len; i++) {
			char *one = place_beside(from->cache_from->ptr[i], what);

			if (one)
				strs_take(&caches, one);
		}
		cache_to = from->cache_to ? place_beside(from->cache_to, what) : NULL;
		req.cache_from = &caches;
		req.cache_to = cache_to;
	}
	for (size_t i = 0; i < args->len; i++)
		strs_addf(&given, "%s=%s", args->ptr[i].key.s, args->ptr[i].val.s);
	ret = stage_solve(&req, &res, err);
	if (from->cache_trouble)
		*from->cache_trouble |= res.cache.trouble;
	VEC_EACH(&res.warnings, w)
		strs_add(want->warnings, *w);
	return ret;
}

void toolchain_stages_init(struct toolchain_stages *t, const struct stage_flags *f, unsigned jobs,
			   const struct globals *g, bool make)
{
	t->registry = registry_opts_of(&f->registry);
	t->env = (struct registry_env){ .opts = &t->registry };
	t->origins = (struct origin_env){ .registry = registry_open, .ctx = &t->env };
	t->request = (struct stage_request){
		.args = &f->args,
		.secrets = &f->secrets,
		.bases = &f->bases,
		.cache_from = &f->cache_from,
		.cache_to = f->cache_to,
		.no_cache = f->no_cache,
		.explain = g->explain,
		.jobs = jobs,
		.origins = &t->origins,
		.registry = &t->registry,
		.codec = CODEC_GZIP,
		.level = CODEC_DEFAULT,
		.no_network = index_in(stage_networks, f->network, 0) == 1,
		.sandbox = (enum sandbox_kind)index_in(stage_sandboxes, f->sandbox, SANDBOX_BWRAP),
		.note = on_note,
		.warn = on_warning,
		.event = on_event,
	};
	keepers_init(&t->keepers, &t->request, make);
}

void toolchain_stages_release(struct toolchain_stages *t)
{
	keepers_release(&t->keepers);
}

void stage_flags_release(struct stage_flags *f)
{
	strs_release(&f->args);
	strs_release(&f->secrets);
	strs_release(&f->labels);
	strs_release(&f->bases);
	strs_release(&f->cache_from);
}
