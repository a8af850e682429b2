/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/internal.h"

int include_done(struct reader *rd, void *target, const struct ynode *n)
{
	struct include *inc = target;
	const char *to = inc->to.s;

	inc->line = n->line;
	inc->col = n->col;
	while (to && to[0] == '.' && to[1] == '/')
		to += 2;
	if (to && strcmp(to, "bootstrap") == 0) {
		read_err(rd, inc->to.line, inc->to.col, "to", "'bootstrap' is the function's binary");
		return err_hint(rd->err, "choose another name");
	}
	return 0;
}

int image_done(struct reader *rd, void *target, const struct ynode *n)
{
	struct package *pk = target;

	(void)rd;
	pk->has_tzdata = ynode_get(n, "tzdata") != NULL;
	return 0;
}

static struct lstr over(struct lstr lower, struct lstr upper)
{
	return upper.s ? upper : lower;
}

static struct includes join(struct arena *a, struct includes x, struct includes y)
{
	struct includes r = { .len = x.len + y.len };

	if (!x.len || !y.len)
		return x.len ? x : y;
	r.ptr = arena_alloc(a, r.len * sizeof(*r.ptr));
	memcpy(r.ptr, x.ptr, x.len * sizeof(*r.ptr));
	memcpy(r.ptr + x.len, y.ptr, y.len * sizeof(*r.ptr));
	return r;
}

void project_package(struct project *p, const struct function *f, struct package *out)
{
	const struct package *a = &p->package, *b = &f->package;

	*out = (struct package){
		.includes = join(&p->arena, a->includes, b->includes),
		.level = over(a->level, b->level),
		.base = over(a->base, b->base),
		.user = over(a->user, b->user),
		.workdir = over(a->workdir, b->workdir),
		.compression = over(a->compression, b->compression),
		.sbom = over(a->sbom, b->sbom),
		.provenance = over(a->provenance, b->provenance),
		.labels = lkvs_merge(&p->arena, a->labels, b->labels),
		.annotations = lkvs_merge(&p->arena, a->annotations, b->annotations),
		.tzdata = b->has_tzdata ? b->tzdata : a->tzdata,
		.has_tzdata = a->has_tzdata || b->has_tzdata,
		.packages = lstrs_join(&p->arena, a->packages, b->packages),
		.max_layers = b->max_layers ? b->max_layers : a->max_layers,
		.ignore = lstrs_join(&p->arena, a->ignore, b->ignore),
		.entrypoint_args = b->entrypoint_args.len ? b->entrypoint_args : a->entrypoint_args,
	};
}
