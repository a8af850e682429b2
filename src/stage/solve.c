/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/solve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/package.h"
#include "os/fs.h"
#include "stage/prune.h"
#include "stage/solve_internal.h"

static void vertex_free(struct vertex *v)
{
	VEC_EACH(&v->ops, o) {
		if ((*o)->layer.tree) {
			tree_release((*o)->layer.tree);
			free((*o)->layer.tree);
		}
		pthread_mutex_destroy(&(*o)->layer.lock);
		pthread_mutex_destroy(&(*o)->lock);
	}
	image_config_release(&v->config);
	map_release(&v->vars);
	strs_release(&v->args);
	strs_release(&v->shell);
	VEC_FREE(&v->ops);
	VEC_FREE(&v->entries);
	VEC_FREE(&v->deps);
	free(v);
}

void solver_release(struct solver *sv)
{
	struct err ignored;

	for (size_t i = 0; i < sv->vertices.len; i++)
		vertex_free(sv->vertices.ptr[i]);
	VEC_FREE(&sv->vertices);
	source_release_all(sv);
	for (size_t i = 0; i < sv->ncaches; i++)
		origin_free(&sv->caches[i]);
	free(sv->caches);
	map_release(&sv->imported);
	hurry_release(&sv->hurry);
	map_release(&sv->used_args);
	map_release(&sv->given);
	map_release(&sv->global);
	if (sv->hashes)
		file_hashes_save(sv->hashes);
	file_hashes_free(sv->hashes);
	ignore_free(sv->ignored);
	dockerfile_release(&sv->df);
	/* under the lock, which ends after it */
	if (sv->scratch && fs_rmtree(sv->scratch, &ignored) < 0)
		ignored.code = ERR_NONE;
	clean_fd_(&sv->scratch_lock);
	clean_fd_(&sv->hold);
	free(sv->scratch);
	free(sv->cache);
	free(sv->dockerfile);
	pthread_mutex_destroy(&sv->lock);
	pthread_cond_destroy(&sv->freed);
	arena_release(&sv->arena);
}

int solver_init(struct solver *sv, const struct stage_request *req, struct stage_result *res, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *hashes = NULL;
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	bool set;

	*sv = (struct solver){ .req = req, .res = res, .scratch_lock = -1, .hold = -1 };
	pthread_mutex_init(&sv->lock, NULL);
	pthread_cond_init(&sv->freed, NULL);
	hurry_init(&sv->hurry, req->registry);
	sv->slots = req->jobs ? req->jobs : cpus > 0 ? (unsigned)cpus : 1;
	sv->cache = path_join(cache, "stage");
	hashes = path_join(sv->cache, "hashes");
	if (package_epoch(&sv->epoch, &set, err) < 0)
		return -1;
	sv->hold = stage_cache_hold(sv->cache, err);
	if (sv->hold < 0)
		return -1;
	sv->hashes = file_hashes_open(hashes);
	return 0;
}

int stage_solve(const struct stage_request *req, struct stage_result *res, struct err *err)
{
	CLEANUP(solver_release) struct solver sv;
	struct vertex *targets[ARCH_COUNT];
	int ret;

	*res = (struct stage_result){ .nimages = 0 };
	ret = solver_init(&sv, req, res, err);
	if (ret == 0)
		ret = plan_open(&sv, err);
	if (ret == 0)
		ret = plan_all(&sv, targets, err);
	if (ret < 0 || req->dry_run)
		return ret;
	if (cache_import(&sv, err) < 0 || solver_make(&sv, targets, req->narches, err) < 0 ||
	    output_write(&sv, targets, req->narches, err) < 0)
		return -1;
	return cache_export(&sv, err);
}

void stage_result_release(struct stage_result *r)
{
	for (size_t i = 0; i < r->nimages; i++)
		free(r->images[i].layers);
	free(r->path);
	strs_release(&r->warnings);
	*r = (struct stage_result){ .nimages = 0 };
}

/* ---- plan and graph ---- */

static const char *based_on(const struct vertex *v)
{
	return v->base ? v->base->name : v->image->ref;
}

static void print_text(const struct solver *sv, struct buf *out)
{
	for (size_t i = sv->vertices.len; i-- > 0;) {
		const struct vertex *v = sv->vertices.ptr[i];

		if (!v->stage)
			continue;
		buf_addf(out, "%s (%s) from %s\n", v->name, arch_oci(v->arch), based_on(v));
		VEC_EACH(&v->ops, o) {
			buf_addf(out, "  %u  %s", (*o)->step, (*o)->history);
			if ((*o)->from)
				buf_addf(out, "  [from %s]", (*o)->from->name);
			for (size_t k = 0; k < (*o)->nmounts; k++)
				if ((*o)->mounts[k].from)
					buf_addf(out, "  [mounts %s]", (*o)->mounts[k].from->name);
			buf_addc(out, '\n');
		}
	}
}

static void print_graph(const struct solver *sv, struct buf *out)
{
	buf_addz(out, "digraph build {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < sv->vertices.len; i++) {
		const struct vertex *v = sv->vertices.ptr[i];

		buf_addf(out, "\tv%zu [label=", i);
		buf_addc(out, '"');
		for (const char *p = v->name; *p; p++)
			buf_addf(out, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
		buf_addf(out, "\\n%s, %zu steps\"%s];\n", arch_oci(v->arch), v->ops.len,
			 v->stage ? "" : " style=dashed");
		if (v->stage && !v->base) {
			buf_addf(out, "\ti%zu [style=dashed label=", i);
			buf_add_json(out, str_from(v->image->ref));
			buf_addf(out, "];\n\ti%zu -> v%zu;\n", i, i);
		}
	}
	for (size_t i = 0; i < sv->vertices.len; i++)
		VEC_EACH(&sv->vertices.ptr[i]->deps, d)
			for (size_t k = 0; k < sv->vertices.len; k++)
				if (sv->vertices.ptr[k] == *d)
					buf_addf(out, "\tv%zu -> v%zu%s;\n", k, i,
						 sv->vertices.ptr[i]->base == *d ? "" : " [style=dotted]");
	buf_addz(out, "}\n");
}

int stage_print(const struct stage_request *req, bool graph, struct buf *out, struct err *err)
{
	CLEANUP(solver_release) struct solver sv;
	CLEAN_STAGE_RESULT struct stage_result res = { .nimages = 0 };
	struct vertex *targets[ARCH_COUNT];

	if (solver_init(&sv, req, &res, err) < 0 || plan_open(&sv, err) < 0 || plan_all(&sv, targets, err) < 0)
		return -1;
	if (graph)
		print_graph(&sv, out);
	else
		print_text(&sv, out);
	return 0;
}
