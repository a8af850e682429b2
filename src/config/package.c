/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
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

/* What a Dockerfile says in words of its own: one of the two would be passed over. */
static int check_dockerfile(struct reader *rd, const struct ynode *n)
{
	static const struct {
		const char *key, *instead;
	} twice[] = {
		{ "base", "FROM" },    { "packages", "RUN apt-get install" },	{ "max_layers", "--squash" },
		{ "user", "USER" },    { "workdir", "WORKDIR" },		{ "args", "ENTRYPOINT and CMD" },
		{ "tzdata", "COPY or RUN" },
	};
	static const char *const needs[] = { "target", "context", "build_args" };
	const struct ynode *file = ynode_get(n, "dockerfile");

	for (size_t i = 0; file && i < ARRAY_LEN(twice); i++) {
		const struct ynode *other = ynode_get(n, twice[i].key);

		if (!other)
			continue;
		read_err(rd, other->line, other->col, twice[i].key, "does not go with a dockerfile");
		return err_hint(rd->err, "say it in %s: %s", file->scalar, twice[i].instead);
	}
	for (size_t i = 0; ynode_get(n, "base") && i < ARRAY_LEN(needs); i++) {
		const struct ynode *other = ynode_get(n, needs[i]);

		if (!other)
			continue;
		read_err(rd, other->line, other->col, needs[i], "goes with a dockerfile, not with a base");
		return err_hint(rd->err, "write either dockerfile or base");
	}
	return 0;
}

/* @schemes: of a remote; NULL: it takes what is there. */
static const struct launcher_takes {
	const char *launcher, *key, *schemes[4];
} launcher_takes[] = {
	{ "ccache", "remote", { "redis://", "redis+unix:", "http://", "file:/" } },
	{ "sccache", "remote", { "redis://", "memcached://" } },
	{ "recc", "remote", { "grpc://" } },
	{ "ccache", "read_only", { NULL } },
	{ "distcc", "hosts", { NULL } },
};

static const struct launcher_takes *find_takes(const char *launcher, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(launcher_takes); i++)
		if (strcmp(launcher_takes[i].launcher, launcher) == 0 && strcmp(launcher_takes[i].key, key) == 0)
			return &launcher_takes[i];
	return NULL;
}

bool launcher_takes_remote(const char *launcher, const char *url)
{
	const struct launcher_takes *t = find_takes(launcher, "remote");

	for (size_t i = 0; t && i < ARRAY_LEN(t->schemes) && t->schemes[i]; i++)
		if (starts_with(url, t->schemes[i]))
			return true;
	return false;
}

/* What another launcher would pass over. */
int launcher_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct launcher_def *l = target;

	for (size_t i = 0; i < n->len; i++) {
		const struct ynode *key = n->keys[i];

		if (strcmp(key->scalar, "name") == 0)
			continue;
		if (!find_takes(l->name.s, key->scalar))
			return read_err(rd, key->line, key->col, NULL, "%s has no '%s'", l->name.s, key->scalar);
		if (strcmp(key->scalar, "remote") == 0 && !launcher_takes_remote(l->name.s, l->remote.s))
			return read_err(rd, l->remote.line, l->remote.col, "remote", "%s cannot use %s", l->name.s,
					quote(&rd->p->arena, l->remote.s));
	}
	return 0;
}

int image_done(struct reader *rd, void *target, const struct ynode *n)
{
	struct package *pk = target;

	pk->has_tzdata = ynode_get(n, "tzdata") != NULL;
	return check_dockerfile(rd, n);
}

int package_check_stage(struct reader *rd, const struct package *pk)
{
	const struct {
		struct lstr at;
		const char *key;
	} needs[] = {
		{ pk->target, "target" },
		{ pk->context, "context" },
		{ pk->build_args.len ? pk->build_args.ptr[0].key : (struct lstr){ .s = NULL }, "build_args" },
	};

	for (size_t i = 0; !pk->dockerfile.s && i < ARRAY_LEN(needs); i++)
		if (needs[i].at.s) {
			read_err(rd, needs[i].at.line, needs[i].at.col, needs[i].key, "there is no dockerfile");
			return err_hint(rd->err, "write dockerfile: Dockerfile beside it");
		}
	return 0;
}

bool function_compiles(const struct function *f)
{
	return f->sources.len || f->build_command.s;
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
	r.ptr = arena_join(a, x.ptr, x.len * sizeof(*r.ptr), y.ptr, y.len * sizeof(*r.ptr));
	return r;
}

/* Which of the two ways an image is made: what is said nearer to the function holds. */
static void merge_stage(struct arena *a, const struct package *lower, const struct package *upper, struct package *out)
{
	const bool own = upper->dockerfile.s, inherits = !own && !upper->base.s;

	out->dockerfile = own ? upper->dockerfile : inherits ? lower->dockerfile : (struct lstr){ .s = NULL };
	if (out->dockerfile.s)
		out->base = (struct lstr){ .s = NULL };
	out->target = inherits ? over(lower->target, upper->target) : upper->target;
	out->context = inherits ? over(lower->context, upper->context) : upper->context;
	out->build_args = inherits ? lkvs_merge(a, lower->build_args, upper->build_args) : upper->build_args;
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
	merge_stage(&p->arena, a, b, out);
}

void project_deploy(struct project *p, const struct function *f, struct deploy_def *out)
{
	const struct deploy_def *a = &p->deploy, *b = &f->deploy;

	*out = *b;
	out->region = a->region;
	out->role = over(a->role, b->role);
	out->alias = over(a->alias, b->alias);
	out->tags = lkvs_merge(&p->arena, a->tags, b->tags);
	out->layers = lstrs_join(&p->arena, a->layers, b->layers);
	out->log_format = over(a->log_format, b->log_format);
	out->url = over(a->url, b->url);
	out->s3 = over(a->s3, b->s3);
}

int deploy_option(const char *key, const char *value, struct err *err)
{
	const struct check *c = strcmp(key, "role") == 0    ? &check_role
				: strcmp(key, "alias") == 0 ? &check_alias
							    : &check_bucket;

	if (c->ok(value))
		return 0;
	err_set(err, ERR_USAGE, "--%s: expected %s, found '%.100s'", key, c->what, value);
	return c->hint ? err_hint(err, "%s", c->hint) : -1;
}
