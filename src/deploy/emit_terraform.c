/* SPDX-License-Identifier: Apache-2.0 */
/* Terraform, in its JSON syntax: main.tf.json. Strings are templates: "${" and "%{" are written as "$${" and "%%{". */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "deploy/emit_internal.h"

#define PROVIDER "~> 6.0"

struct tf {
	struct emit_job *j;
	bool asks_role;
	json_t *variables, *logs, *functions, *aliases, *urls, *warm, *outputs;
};

static char *plain(struct emit_job *j, const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (; *s; s++) {
		if ((*s == '$' || *s == '%') && s[1] == '{')
			buf_addc(&b, *s);
		buf_addc(&b, *s);
	}
	return arena_strdup(&j->arena, b.ptr);
}

static json_t *of(struct emit_job *j, const char *type, const char *id, const char *attribute)
{
	return emit_str(arena_printf(&j->arena, "${%s.%s.%s}", type, id, attribute));
}

/* A secret is a variable without a value, which plans and logs do not show. */
static int environment(struct tf *t, struct emit_fn *fn, json_t *res, struct err *err)
{
	json_t *vars = js_must(json_object());

	for (size_t i = 0; i < fn->nenv; i++) {
		const struct emit_env *e = &fn->env[i];
		const char *id;

		if (!e->what) {
			js_set(vars, e->kv->key.s, emit_str(plain(t->j, e->kv->val.s)));
			continue;
		}
		id = arena_printf(&t->j->arena, "%s_%s", fn->ident, emit_snake(&t->j->arena, e->kv->key.s));
		if (emit_take(t->j, arena_printf(&t->j->arena, "var.%s", id), e->kv->key, "the variable", err) < 0) {
			json_decref(vars);
			return -1;
		}
		js_set(t->variables, id,
		       js_must(json_pack("{s:s, s:b, s:b, s:s}", "type", "string", "sensitive", 1, "nullable", 0,
					 "description",
					 arena_printf(&t->j->arena, "%s of %s", e->kv->key.s, fn->name))));
		js_set(vars, e->kv->key.s, emit_str(arena_printf(&t->j->arena, "${var.%s}", id)));
		emit_refer(t->j, fn, e, "variable %s", id);
	}
	if (json_object_size(vars))
		js_set(res, "environment", js_must(json_pack("{s:O}", "variables", vars)));
	json_decref(vars);
	return 0;
}

static void code(struct tf *t, const struct emit_fn *fn, json_t *res)
{
	CLEAN_BUF struct buf hash = BUF_INIT;
	const char *hex = digest_hex(&fn->digest);
	uint8_t raw[32];

	js_set(res, "package_type", emit_str(fn->image ? "Image" : "Zip"));
	if (fn->image) {
		js_set(res, "image_uri", emit_str(fn->image));
	} else {
		for (size_t i = 0; i < sizeof(raw); i++) {
			const char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

			raw[i] = (uint8_t)strtoul(two, NULL, 16);
		}
		buf_add_base64(&hash, raw, sizeof(raw));
		js_set(res, "filename",
		       emit_str(arena_printf(&t->j->arena, "${path.module}/%s", plain(t->j, fn->zip))));
		js_set(res, "source_code_hash", emit_str(hash.ptr));
		js_set(res, "handler", emit_str("bootstrap"));
		js_set(res, "runtime", emit_str("provided.al2023"));
	}
	js_set(res, "architectures", js_must(json_pack("[s]", arch_name(fn->arch))));
	js_set(res, "publish", js_must(json_true()));
}

static json_t *layers(struct tf *t, const struct emit_fn *fn)
{
	json_t *list = js_must(json_array());

	for (size_t i = 0; i < fn->d.layers.len; i++)
		js_push(list, emit_str(plain(t->j, fn->d.layers.ptr[i].s)));
	return list;
}

static void url(struct tf *t, const struct emit_fn *fn)
{
	const char *auth = emit_url(fn);
	json_t *o;

	if (!auth)
		return;
	o = js_must(json_object());
	js_set(o, "function_name", of(t->j, "aws_lambda_function", fn->ident, "function_name"));
	js_set(o, "qualifier", of(t->j, "aws_lambda_alias", fn->ident, "name"));
	js_set(o, "authorization_type", emit_str(auth));
	js_set(t->urls, fn->ident, o);
	js_set(t->outputs, arena_printf(&t->j->arena, "%s_url", fn->ident),
	       js_must(json_pack("{s:o}", "value", of(t->j, "aws_lambda_function_url", fn->ident, "function_url"))));
}

static void alias(struct tf *t, const struct emit_fn *fn)
{
	json_t *o = js_must(json_object());

	js_set(o, "name", emit_str(emit_alias(fn)));
	js_set(o, "function_name", of(t->j, "aws_lambda_function", fn->ident, "function_name"));
	js_set(o, "function_version", of(t->j, "aws_lambda_function", fn->ident, "version"));
	js_set(t->aliases, fn->ident, o);
	js_set(t->outputs, arena_printf(&t->j->arena, "%s_arn", fn->ident),
	       js_must(json_pack("{s:o}", "value", of(t->j, "aws_lambda_alias", fn->ident, "arn"))));
	if (!fn->f->prewarm)
		return;
	o = js_must(json_object());
	js_set(o, "function_name", of(t->j, "aws_lambda_function", fn->ident, "function_name"));
	js_set(o, "qualifier", of(t->j, "aws_lambda_alias", fn->ident, "name"));
	js_set(o, "provisioned_concurrent_executions", emit_uint(fn->f->prewarm));
	js_set(t->warm, fn->ident, o);
}

static int function(struct tf *t, struct emit_fn *fn, struct err *err)
{
	const struct emit_scale scale = emit_scale(fn->f);
	json_t *res = js_must(json_object());

	js_set(t->functions, fn->ident, res);
	js_set(res, "function_name", emit_str(fn->name));
	if (fn->d.description.s)
		js_set(res, "description", emit_str(plain(t->j, fn->d.description.s)));
	js_set(res, "role", emit_str(fn->d.role.s ? plain(t->j, fn->d.role.s) : "${var.role_arn}"));
	t->asks_role |= !fn->d.role.s;
	code(t, fn, res);
	if (fn->d.layers.len && !fn->image)
		js_set(res, "layers", layers(t, fn));
	js_set(res, "memory_size", emit_uint(emit_megabytes(fn->f->memory)));
	js_set(res, "timeout", emit_uint(emit_seconds(fn->f->timeout_ms)));
	js_set(res, "ephemeral_storage",
	       js_must(json_pack("{s:I}", "size", (json_int_t)emit_megabytes(fn->f->storage))));
	if (scale.most != EMIT_CONCURRENCY)
		js_set(res, "reserved_concurrent_executions", emit_uint(scale.most));
	if (environment(t, fn, res, err) < 0)
		return -1;
	js_set(res, "logging_config",
	       js_must(json_pack("{s:s, s:o}", "log_format", emit_log_format(fn), "log_group",
				 of(t->j, "aws_cloudwatch_log_group", fn->ident, "name"))));
	js_set(res, "tags", emit_tags(t->j, fn, plain));
	js_set(t->logs, fn->ident,
	       js_must(json_pack("{s:s, s:i}", "name", arena_printf(&t->j->arena, "/aws/lambda/%s", fn->name),
				 "retention_in_days", EMIT_LOG_DAYS)));
	alias(t, fn);
	url(t, fn);
	return 0;
}

static void set_if_any(json_t *o, const char *key, json_t *val)
{
	if (json_object_size(val))
		js_set(o, key, val);
	else
		json_decref(val);
}

int emit_terraform(struct emit_job *j, struct err *err)
{
	/* the last two mean something to Terraform */
	static const char *const ours[] = { "var.role_arn", "var.for_each", "var.depends_on" };
	struct tf t = { .j = j };
	json_t **const all[] = { &t.variables, &t.logs, &t.functions, &t.aliases, &t.urls, &t.warm, &t.outputs };
	json_t *doc, *resources = js_must(json_object());
	char *text;
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		*all[i] = js_must(json_object());
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		map_put(&j->taken, ours[i], arena_new(&j->arena, struct lstr));
	for (size_t i = 0; i < j->nfns && ret == 0; i++)
		ret = function(&t, &j->fns[i], err);
	if (t.asks_role)
		js_set(t.variables, "role_arn",
		       js_must(json_pack(
			       "{s:s, s:b, s:s}", "type", "string", "nullable", 0, "description",
			       "The role that the functions run as: it may write logs, and what they do themselves")));
	doc = js_must(json_pack("{s:s, s:{s:s, s:{s:{s:s, s:s}}}}", "//",
				arena_printf(&j->arena, EMIT_MARK " terraform, which replaces the whole file"),
				"terraform", "required_version", ">= 1.5.0", "required_providers", "aws", "source",
				"hashicorp/aws", "version", PROVIDER));
	set_if_any(doc, "variable", t.variables);
	js_set(resources, "aws_cloudwatch_log_group", t.logs);
	js_set(resources, "aws_lambda_function", t.functions);
	js_set(resources, "aws_lambda_alias", t.aliases);
	set_if_any(resources, "aws_lambda_provisioned_concurrency_config", t.warm);
	set_if_any(resources, "aws_lambda_function_url", t.urls);
	js_set(doc, "resource", resources);
	js_set(doc, "output", t.outputs);
	if (ret == 0) {
		struct buf *out = emit_add(j, "main.tf.json");

		text = json_dumps(doc, JSON_INDENT(2));
		if (!text)
			BUG("jansson: out of memory");
		buf_addf(out, "%s\n", text);
		free(text);
	}
	json_decref(doc);
	return ret;
}
