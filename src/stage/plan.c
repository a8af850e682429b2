/* SPDX-License-Identifier: Apache-2.0 */
/* Which stages the target needs, on what they stand, and the variables in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

int plan_fail(const struct vertex *v, struct df_word at, struct err *err, const char *fmt, ...)
{
	char text[900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(err, ERR_CONFIG, v->shown, at.line, at.col, "%s", text);
}

/* ---- variables ---- */

/* The platforms by the names that BuildKit gives without being asked. */
static const char *platform_arg(const char *name, enum arch build, enum arch target, const char *stage)
{
	const bool t = strncmp(name, "TARGET", 6) == 0;
	const enum arch a = t ? target : build;

	if (!t && strncmp(name, "BUILD", 5) != 0)
		return NULL;
	name += t ? 6 : 5;
	if (strcmp(name, "PLATFORM") == 0)
		return a == ARCH_ARM64 ? "linux/arm64" : "linux/amd64";
	if (strcmp(name, "OS") == 0)
		return "linux";
	if (strcmp(name, "ARCH") == 0)
		return arch_oci(a);
	if (strcmp(name, "VARIANT") == 0)
		return "";
	return t && strcmp(name, "STAGE") == 0 ? stage : NULL;
}

static const char *target_stage(const struct solver *sv)
{
	return sv->req->target ? sv->req->target : "default";
}

const char *plan_var(const char *name, void *ctx)
{
	const struct vertex *v = ctx;
	const char *val = map_get(&v->vars, name);

	return val ? val : image_config_env(&v->config, name);
}

/* Against values made of values, and stages of stages, that double each time. */
#define EXPANDED_MAX  ((size_t)64 << 20) /* bytes */
#define INHERITED_MAX ((size_t)1 << 20)

const char *plan_expand(struct vertex *v, struct df_word w, struct err *err)
{
	const struct df_vars vars = { plan_var, v };
	CLEAN_BUF struct buf out = BUF_INIT;

	if (df_expand(v->shown, w, v->sv->df.escape, &vars, &out, err) < 0)
		return NULL;
	v->sv->expanded += out.len;
	if (v->sv->expanded > EXPANDED_MAX) {
		err_at(err, ERR_LIMIT, v->shown, w.line, w.col, "limit exceeded: values of more than %zu MB in all",
		       EXPANDED_MAX >> 20);
		return NULL;
	}
	return arena_str(&v->sv->arena, buf_str(&out));
}

/** Before the first FROM there is no stage: its ARGs, and the platforms of the target. */
struct global_ctx {
	struct solver *sv;
	enum arch target;
};

static const char *global_var(const char *name, void *ctx)
{
	const struct global_ctx *g = ctx;
	const char *s;

	if (map_has(&g->sv->global, name))
		return map_get(&g->sv->global, name);
	s = map_get(&g->sv->given, name);
	/* a platform may be set by hand */
	if (s && platform_arg(name, arch_host(), g->target, target_stage(g->sv)))
		return s;
	return platform_arg(name, arch_host(), g->target, target_stage(g->sv));
}

static const char *expand_global(struct solver *sv, enum arch target, struct df_word w, struct err *err)
{
	struct global_ctx g = { sv, target };
	const struct df_vars vars = { global_var, &g };
	CLEAN_BUF struct buf out = BUF_INIT;

	if (df_expand(sv->df.shown, w, sv->df.escape, &vars, &out, err) < 0)
		return NULL;
	return arena_str(&sv->arena, buf_str(&out));
}

/* The values depend on the target's platform, so this is done anew for each. */
static int plan_globals(struct solver *sv, enum arch target, struct err *err)
{
	map_release(&sv->global);
	for (size_t i = 0; i < sv->df.nargs; i++) {
		const struct df_inst *inst = &sv->df.args[i];

		for (size_t k = 0; k < inst->nkvs; k++) {
			const struct df_kv *kv = &inst->kvs[k];
			const char *given = map_get(&sv->given, kv->key.s), *val = given;

			map_put(&sv->used_args, kv->key.s, sv);
			if (!given && kv->val.s) {
				val = expand_global(sv, target, kv->val, err);
				if (!val)
					return -1;
			}
			if (!val)
				val = platform_arg(kv->key.s, arch_host(), target, target_stage(sv));
			map_put(&sv->global, kv->key.s, (void *)(uintptr_t)val);
		}
	}
	return 0;
}

/* ARG in a stage: --build-arg, else its default, else what stands before the first FROM, else a platform. */
static int plan_arg(struct vertex *v, const struct df_inst *inst, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addz(&text, "ARG");
	for (size_t k = 0; k < inst->nkvs; k++) {
		const struct df_kv *kv = &inst->kvs[k];
		const char *val = map_get(&v->sv->given, kv->key.s);

		map_put(&v->sv->used_args, kv->key.s, v);
		if (!val && kv->val.s) {
			val = plan_expand(v, kv->val, err);
			if (!val)
				return -1;
		}
		if (!val && !kv->val.s)
			val = map_get(&v->sv->global, kv->key.s);
		if (!val)
			val = platform_arg(kv->key.s, arch_host(), v->target, target_stage(v->sv));
		if (val) {
			map_put(&v->vars, kv->key.s, (void *)(uintptr_t)val);
			strs_add(&v->args, kv->key.s);
		}
		buf_addf(&text, " %s%s%s", kv->key.s, val ? "=" : "", val ? val : "");
	}
	plan_history(v, arena_str(&v->sv->arena, buf_str(&text)), NULL);
	return 0;
}

/* ---- stages by name ---- */

static int find_stage(const struct solver *sv, const char *name, size_t before)
{
	int found = -1;

	/* the nearest one before; only COPY may name a later one */
	for (size_t i = 0; i < sv->df.nstages; i++) {
		if (!sv->df.stages[i].name.s || strcasecmp(sv->df.stages[i].name.s, name) != 0)
			continue;
		if (i < before || found < 0)
			found = (int)i;
	}
	return found;
}

static const char *near_stage(const struct solver *sv, const char *name)
{
	const char *names[256];
	size_t n = 0;

	for (size_t i = 0; i < sv->df.nstages && n < ARRAY_LEN(names); i++)
		if (sv->df.stages[i].name.s)
			names[n++] = sv->df.stages[i].name.s;
	return str_closest(name, names, n);
}

int plan_target(struct solver *sv, size_t *stage, struct err *err)
{
	const char *name = sv->req->target, *near;
	uint64_t n;
	int i;

	*stage = sv->df.nstages - 1;
	while (sv->req->until && !name && *stage && sv->df.stages[*stage].from->line >= sv->req->until)
		(*stage)--;
	if (!name)
		return 0;
	i = find_stage(sv, name, sv->df.nstages);
	if (i < 0 && str_parse_u64(str_from(name), &n) == 0 && n < sv->df.nstages)
		i = (int)n;
	if (i < 0) {
		err_set(err, ERR_USAGE, "%s has no stage '%s'", sv->df.shown, name);
		near = near_stage(sv, name);
		return near ? err_hint(err, "did you mean '%s'?", near)
			    : err_hint(err, "name one of its FROM ... AS NAME, or a number from 0 to %zu",
				       sv->df.nstages - 1);
	}
	*stage = (size_t)i;
	return 0;
}

static int parse_platform(struct solver *sv, struct df_word at, const char *text, enum arch *arch, struct err *err)
{
	const char *name = strncmp(text, "linux/", 6) == 0 ? text + 6 : text;
	CLEAN_FREE char *cpu = xstrndup(name, strcspn(name, "/"));
	const int a = arch_parse(cpu);

	if (a < 0 || (name[strlen(cpu)] && strcmp(name + strlen(cpu), "/v8") != 0)) {
		err_at(err, ERR_CONFIG, sv->df.shown, at.line, at.col, "FROM: platform '%s' is not supported", text);
		return err_hint(err, "slsc builds linux/amd64 and linux/arm64");
	}
	*arch = (enum arch)a;
	return 0;
}

static void depend(struct vertex *v, struct vertex *on)
{
	for (size_t i = 0; i < v->deps.len; i++)
		if (v->deps.ptr[i] == on)
			return;
	VEC_PUSH(&v->deps, on);
}

static struct vertex *vertex_new(struct solver *sv, const char *name, enum arch arch, enum arch target)
{
	struct vertex *v = xcalloc(1, sizeof(*v));

	*v = (struct vertex){ .sv = sv, .name = name, .shown = sv->df.shown, .arch = arch, .target = target };
	VEC_PUSH(&sv->vertices, v);
	return v;
}

int plan_image(struct solver *sv, const char *ref, struct df_word at, enum arch arch, struct vertex **out,
	       struct err *err)
{
	for (size_t i = 0; i < sv->vertices.len; i++) {
		struct vertex *v = sv->vertices.ptr[i];

		if (!v->stage && v->arch == arch && strcmp(v->name, ref) == 0) {
			*out = v;
			return 0;
		}
	}
	*out = vertex_new(sv, arena_strdup(&sv->arena, ref), arch, arch);
	if (source_open_image(sv, ref, at, arch, &(*out)->image, err) < 0)
		return -1;
	image_config_copy(&(*out)->config, &(*out)->image->config);
	(*out)->planned = PLAN_DONE;
	return 0;
}

/* COPY --from, RUN --mount=from=: a stage by name, even a later one, or by number, or an image. */
int plan_from(struct vertex *v, const char *name, struct df_word at, struct vertex **out, struct err *err)
{
	struct solver *sv = v->sv;
	uint64_t n;
	int i = find_stage(sv, name, v->index);

	if (i < 0 && str_parse_u64(str_from(name), &n) == 0) {
		if (n >= v->index)
			return plan_fail(v, at, err, "there is no stage %s before this one", name);
		i = (int)n;
	}
	if (i == (int)v->index)
		return plan_fail(v, at, err, "stage '%s' cannot copy from itself", name);
	if (i >= 0) {
		if (plan_vertex(sv, (size_t)i, v->target, out, err) < 0)
			return -1;
	} else if (plan_image(sv, name, at, v->arch, out, err) < 0) {
		const char *near = near_stage(sv, name);

		return near && !strpbrk(name, "/:.") ? err_hint(err, "did you mean stage '%s'?", near) : -1;
	}
	depend(v, *out);
	return 0;
}

/* ---- a stage ---- */

static int plan_next(struct vertex *v, const struct df_inst *i, struct err *err)
{
	return i->kind == DF_ARG ? plan_arg(v, i, err) : plan_inst(v, i, err);
}

static int onbuild(struct vertex *v, const json_t *list, struct err *err)
{
	CLEAN_FREE char *shown =
		xasprintf("%s: ONBUILD of %s", v->sv->df.shown, v->base ? v->base->name : v->image->ref);
	const char *dockerfile = v->shown;

	v->shown = arena_strdup(&v->sv->arena, shown);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct df_inst *inst;

		if (text && (dockerfile_parse_inst(&v->sv->df, v->shown, text, &inst, err) < 0 ||
			     plan_next(v, inst, err) < 0))
			return -1;
	}
	v->shown = dockerfile;
	return 0;
}

static int plan_base(struct vertex *v, struct err *err)
{
	const struct df_stage *st = v->stage;
	const char *ref = expand_global(v->sv, v->target, st->base, err);
	int i;

	if (!ref)
		return -1;
	if (!*ref) {
		plan_fail(v, st->base, err, "FROM: '%s' is empty", st->base.s);
		return err_hint(err, "give the ARG before FROM a default, or --build-arg a value");
	}
	i = find_stage(v->sv, ref, v->index);
	if (i >= 0 && (size_t)i < v->index) {
		if (plan_vertex(v->sv, (size_t)i, v->target, &v->base, err) < 0)
			return -1;
		depend(v, v->base);
		if (!st->platform.s)
			v->arch = v->base->arch;
		v->sv->inherited += v->base->entries.len + v->base->vars.len + v->base->args.len +
				    image_config_size(&v->base->config);
		if (v->sv->inherited > INHERITED_MAX)
			return err_at(err, ERR_LIMIT, v->shown, st->base.line, st->base.col, "limit exceeded: stages "
				      "take over more than %zu variables and lines of history", INHERITED_MAX);
		image_config_copy(&v->config, &v->base->config);
		for (size_t k = 0; k < v->base->entries.len; k++)
			VEC_PUSH(&v->entries, v->base->entries.ptr[k]);
		for (size_t k = 0; k < v->base->shell.len; k++)
			strs_add(&v->shell, v->base->shell.ptr[k]);
		for (size_t k = 0; k < v->base->vars.len; k++)
			map_put(&v->vars, v->base->vars.ptr[k].key, v->base->vars.ptr[k].val);
		for (size_t k = 0; k < v->base->args.len; k++)
			strs_add(&v->args, v->base->args.ptr[k]);
		return 0;
	}
	if (source_open_image(v->sv, ref, st->base, v->arch, &v->image, err) < 0) {
		const char *near = near_stage(v->sv, ref);

		return near && !strpbrk(ref, "/:.") ? err_hint(err, "did you mean stage '%s'?", near) : -1;
	}
	image_config_copy(&v->config, &v->image->config);
	return 0;
}

static void plan_shell(struct vertex *v)
{
	const json_t *list = json_object_get(v->config.config, "Shell");

	if (!v->shell.len)
		for (size_t i = 0; i < json_array_size(list); i++)
			if (json_is_string(json_array_get(list, i)))
				strs_add(&v->shell, json_string_value(json_array_get(list, i)));
	if (!v->shell.len) {
		strs_add(&v->shell, "/bin/sh");
		strs_add(&v->shell, "-c");
	}
}

static int plan_stage(struct vertex *v, struct err *err)
{
	const struct df_stage *st = v->stage;
	json_t *triggers;
	int ret = 0;

	if (st->platform.s) {
		const char *text = expand_global(v->sv, v->target, st->platform, err);

		if (!text || parse_platform(v->sv, st->platform, text, &v->arch, err) < 0)
			return -1;
	}
	if (plan_base(v, err) < 0)
		return -1;
	plan_shell(v);
	triggers = json_incref(json_object_get(v->config.config, "OnBuild"));
	image_config_set_list(&v->config, "OnBuild", NULL, 0);
	ret = triggers ? onbuild(v, triggers, err) : 0;
	json_decref(triggers);
	for (size_t i = 0; ret == 0 && i < st->ninsts; i++) {
		if (v->sv->req->until && st->insts[i].line >= v->sv->req->until)
			break;
		v->steps++;
		ret = plan_next(v, &st->insts[i], err);
	}
	return ret;
}

int plan_vertex(struct solver *sv, size_t stage, enum arch target, struct vertex **out, struct err *err)
{
	const struct df_stage *st = &sv->df.stages[stage];
	struct vertex *v = NULL;

	for (size_t i = 0; i < sv->vertices.len && !v; i++)
		if (sv->vertices.ptr[i]->stage == st && sv->vertices.ptr[i]->target == target)
			v = sv->vertices.ptr[i];
	if (!v) {
		v = vertex_new(sv, st->name.s ? st->name.s : arena_printf(&sv->arena, "stage-%zu", stage), target,
			       target);
		v->stage = st;
		v->index = stage;
	}
	*out = v;
	if (v->planned == PLAN_DONE)
		return 0;
	if (v->planned == PLAN_OPEN)
		return plan_fail(v, st->name.s ? st->name : st->base, err,
				 "stage '%s' depends on itself, through what it copies from", v->name);
	v->planned = PLAN_OPEN;
	if (plan_stage(v, err) < 0)
		return -1;
	v->planned = PLAN_DONE;
	return 0;
}

/* ---- the files that a build begins with ---- */

static int read_args(struct solver *sv, struct err *err)
{
	for (size_t i = 0; sv->req->args && i < sv->req->args->len; i++) {
		const char *text = sv->req->args->ptr[i], *eq = strchr(text, '=');
		CLEAN_FREE char *name = xstrndup(text, eq ? (size_t)(eq - text) : strlen(text));
		const char *val = eq ? eq + 1 : getenv(name);

		if (!*name)
			return err_set(err, ERR_USAGE, "--build-arg %s: the name is empty", text);
		if (val && !str_is_utf8(str_from(val)))
			return err_set(err, ERR_USAGE, "--build-arg %s: the value is no valid UTF-8", name);
		if (val)
			map_put(&sv->given, name, arena_strdup(&sv->arena, val));
	}
	return 0;
}

int plan_open(struct solver *sv, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (!fs_is_dir(sv->req->context)) {
		err_set(err, ERR_NOTFOUND, "%s: the build context is not a directory", sv->req->context);
		return err_hint(err, "name the directory that COPY takes files from, such as .");
	}
	sv->dockerfile = sv->req->dockerfile ? xstrdup(sv->req->dockerfile) : path_join(sv->req->context, "Dockerfile");
	if (read_args(sv, err) < 0 || fs_read(sv->dockerfile, DOCKERFILE_MAX, &text, err) < 0)
		return -1;
	if (dockerfile_parse(&sv->df, sv->dockerfile, text.ptr, text.len, err) < 0 ||
	    ignore_load(sv->dockerfile, sv->req->context, &sv->ignored, err) < 0)
		return -1;
	VEC_EACH(&sv->df.warnings, w)
		strs_addf(&sv->res->warnings, "%s:%u: %s", sv->df.shown, w->line, w->text);
	return 0;
}

/* Arguments that no ARG asks for: a misspelt one would change nothing, and nobody would know. */
static void unused_args(struct solver *sv)
{
	static const char *const predefined[] = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY",
						  "NO_PROXY",	"ALL_PROXY",   "SOURCE_DATE_EPOCH" };

	for (size_t i = 0; i < sv->given.len; i++) {
		const char *name = sv->given.ptr[i].key, *near;
		const char *names[256];
		bool known = map_has(&sv->used_args, name);
		size_t n = 0;

		for (size_t k = 0; k < ARRAY_LEN(predefined); k++)
			known = known || strcasecmp(name, predefined[k]) == 0;
		for (size_t k = 0; k < sv->used_args.len && n < ARRAY_LEN(names); k++)
			names[n++] = sv->used_args.ptr[k].key;
		if (known || platform_arg(name, arch_host(), arch_host(), ""))
			continue;
		near = str_closest(name, names, n);
		strs_addf(&sv->res->warnings, "--build-arg %s: no ARG of the stages that are built asks for it%s%s%s",
			  name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
}

int plan_all(struct solver *sv, struct vertex **targets, struct err *err)
{
	size_t stage;

	if (plan_target(sv, &stage, err) < 0)
		return -1;
	for (size_t i = 0; i < sv->req->narches; i++)
		if (plan_globals(sv, sv->req->arches[i], err) < 0 ||
		    plan_vertex(sv, stage, sv->req->arches[i], &targets[i], err) < 0)
			return -1;
	unused_args(sv);
	return 0;
}
