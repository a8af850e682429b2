/* SPDX-License-Identifier: Apache-2.0 */
/* AWS SAM: template.yaml. */
#include <string.h>

#include "deploy/emit_internal.h"

struct sam {
	struct emit_job *j;
	json_t *parameters, *resources, *outputs;
};

static json_t *ref(const char *id)
{
	return js_must(json_pack("{s:s}", "Ref", id));
}

/* A secret is a parameter whose value CloudFormation shows to nobody. */
static int variables(struct sam *s, struct emit_fn *fn, json_t *props, struct err *err)
{
	json_t *vars = js_must(json_object());

	for (size_t i = 0; i < fn->nenv; i++) {
		const struct emit_env *e = &fn->env[i];
		const char *id;

		if (!e->what) {
			js_set(vars, e->kv->key.s, emit_str(e->kv->val.s));
			continue;
		}
		id = arena_printf(&s->j->arena, "%s%s", fn->ident, emit_camel(&s->j->arena, e->kv->key.s));
		if (emit_take(s->j, id, e->kv->key, "the parameter", err) < 0) {
			json_decref(vars);
			return -1;
		}
		js_set(s->parameters, id,
		       js_must(json_pack("{s:s, s:b, s:s}", "Type", "String", "NoEcho", 1, "Description",
					 arena_printf(&s->j->arena, "%s of %s", e->kv->key.s, fn->name))));
		js_set(vars, e->kv->key.s, ref(id));
		emit_refer(s->j, fn, e, "parameter %s", id);
	}
	if (json_object_size(vars))
		js_set(props, "Environment", js_must(json_pack("{s:O}", "Variables", vars)));
	json_decref(vars);
	return 0;
}

static json_t *layers(const struct emit_fn *fn)
{
	json_t *list = js_must(json_array());

	for (size_t i = 0; i < fn->d.layers.len; i++)
		js_push(list, emit_str(fn->d.layers.ptr[i].s));
	return list;
}

static void code(const struct emit_fn *fn, json_t *props)
{
	js_set(props, "PackageType", emit_str(fn->image ? "Image" : "Zip"));
	if (fn->image) {
		js_set(props, "ImageUri", emit_str(fn->image));
	} else {
		js_set(props, "CodeUri", emit_str(fn->zip));
		js_set(props, "Handler", emit_str("bootstrap"));
		js_set(props, "Runtime", emit_str("provided.al2023"));
	}
	/* a version is published when this changes, and only then */
	js_set(props, "AutoPublishCodeSha256", emit_str(digest_hex(&fn->digest)));
	js_set(props, "AutoPublishAlias", emit_str(emit_alias(fn)));
	js_set(props, "Architectures", js_must(json_pack("[s]", arch_name(fn->arch))));
}

static void sizes(const struct emit_fn *fn, json_t *props)
{
	const struct emit_scale scale = emit_scale(fn->f);

	js_set(props, "MemorySize", emit_uint(emit_megabytes(fn->f->memory)));
	js_set(props, "Timeout", emit_uint(emit_seconds(fn->f->timeout_ms)));
	js_set(props, "EphemeralStorage",
	       js_must(json_pack("{s:I}", "Size", (json_int_t)emit_megabytes(fn->f->storage))));
	if (scale.most != EMIT_CONCURRENCY)
		js_set(props, "ReservedConcurrentExecutions", emit_uint(scale.most));
	if (fn->f->prewarm)
		js_set(props, "ProvisionedConcurrencyConfig",
		       js_must(json_pack("{s:I}", "ProvisionedConcurrentExecutions", (json_int_t)fn->f->prewarm)));
}

/* CloudFormation has no way to write these as they are. */
static int check(const struct emit_job *j, const struct emit_fn *fn, struct err *err)
{
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const struct lstr alias = fn->d.alias;
	struct lstr bad = { .s = NULL };

	if (alias.s && alias.s[strspn(alias.s, alnum)]) {
		project_err(j->p, ERR_CONFIG, alias, err, "alias '%s': SAM makes a resource of that name", alias.s);
		return err_hint(err, "use letters and digits alone");
	}
	if (fn->d.description.s && strstr(fn->d.description.s, EMIT_RESOLVE))
		bad = fn->d.description;
	for (size_t i = 0; i < fn->d.tags.len; i++)
		if (strstr(fn->d.tags.ptr[i].val.s, EMIT_RESOLVE))
			bad = fn->d.tags.ptr[i].val;
	return bad.s ? project_err(j->p, ERR_CONFIG, bad, err,
				   "CloudFormation would resolve what begins with " EMIT_RESOLVE)
		     : 0;
}

static int function(struct sam *s, struct emit_fn *fn, struct err *err)
{
	struct emit_job *j = s->j;
	const char *logs = arena_printf(&j->arena, "%sLogs", fn->ident);
	const char *group = arena_printf(&j->arena, "/aws/lambda/%s", fn->name);
	const char *url = emit_url(fn);
	json_t *props;

	if (check(j, fn, err) < 0)
		return -1;
	props = js_must(json_object());
	js_set(s->resources, fn->ident,
	       js_must(json_pack("{s:s, s:{s:b}, s:o}", "Type", "AWS::Serverless::Function", "Metadata", "SkipBuild", 1,
				 "Properties", props)));
	js_set(props, "FunctionName", emit_str(fn->name));
	if (fn->d.description.s)
		js_set(props, "Description", emit_str(fn->d.description.s));
	code(fn, props);
	if (fn->d.role.s)
		js_set(props, "Role", emit_str(fn->d.role.s));
	if (fn->d.layers.len && !fn->image)
		js_set(props, "Layers", layers(fn));
	sizes(fn, props);
	if (variables(s, fn, props, err) < 0)
		return -1;
	js_set(props, "LoggingConfig",
	       js_must(json_pack("{s:s, s:o}", "LogFormat", emit_log_format(fn), "LogGroup", ref(logs))));
	if (url) {
		js_set(props, "FunctionUrlConfig",
		       js_must(json_pack("{s:s}", "AuthType", url)));
		js_set(s->outputs, arena_printf(&j->arena, "%sUrl", fn->ident),
		       js_must(json_pack("{s:{s:[s, s]}}", "Value", "Fn::GetAtt",
					 arena_printf(&j->arena, "%sUrl", fn->ident), "FunctionUrl")));
	}
	js_set(props, "Tags", emit_tags(j, fn, NULL));
	js_set(s->resources, logs,
	       js_must(json_pack("{s:s, s:{s:s, s:i}}", "Type", "AWS::Logs::LogGroup", "Properties", "LogGroupName",
				 group, "RetentionInDays", EMIT_LOG_DAYS)));
	js_set(s->outputs, arena_printf(&j->arena, "%sArn", fn->ident),
	       js_must(json_pack("{s:o}", "Value", ref(arena_printf(&j->arena, "%s.Alias", fn->ident)))));
	return 0;
}

int emit_sam(struct emit_job *j, struct err *err)
{
	struct sam s = { .j = j,
			 .parameters = js_must(json_object()),
			 .resources = js_must(json_object()),
			 .outputs = js_must(json_object()) };
	json_t *doc;

	for (size_t i = 0; i < j->nfns; i++)
		if (function(&s, &j->fns[i], err) < 0) {
			json_decref(s.parameters);
			json_decref(s.resources);
			json_decref(s.outputs);
			return -1;
		}
	doc = js_must(json_pack("{s:s, s:s}", "AWSTemplateFormatVersion", "2010-09-09", "Transform",
				"AWS::Serverless-2016-10-31"));
	if (json_object_size(s.parameters))
		js_set(doc, "Parameters", s.parameters);
	else
		json_decref(s.parameters);
	js_set(doc, "Resources", s.resources);
	js_set(doc, "Outputs", s.outputs);
	emit_yaml(doc, emit_add(j, "template.yaml"));
	return 0;
}
