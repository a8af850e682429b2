/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenFaaS: stack.yaml. The image needs no watchdog: it listens on 8080 and answers /_/health, which is all that is
 * asked of it.
 */
#include <string.h>

#include "deploy/emit_internal.h"

/* OpenFaaS has secrets as files alone. */
static void secret(struct emit_job *j, struct emit_fn *fn, const struct emit_env *e, json_t *env, json_t *secrets)
{
	const char *name = emit_secret_name(j, fn, e);
	const char *var = arena_printf(&j->arena, "%s_FILE", e->kv->key.s);
	bool said = false;

	for (size_t i = 0; i < fn->nenv; i++)
		said |= strcmp(fn->env[i].kv->key.s, var) == 0;
	if (!said)
		js_set(env, var, emit_str(arena_printf(&j->arena, "/var/openfaas/secrets/%s", name)));
	js_push(secrets, emit_str(name));
	emit_refer(j, fn, e, "secret %s", name);
	strs_addf(&j->res->warnings,
		  "%s:%u:%u: OpenFaaS has secrets as files: the function finds no %s, but the name of its "
		  "file in %s",
		  j->p->file, e->kv->key.line, e->kv->key.col, e->kv->key.s, var);
}

static json_t *labels(struct emit_job *j, const struct emit_fn *fn)
{
	const struct emit_scale s = emit_scale(fn->f);
	const uint64_t least = s.least ? s.least : 1, target = s.cpu_target ? s.cpu_target : EMIT_PARALLEL;
	json_t *o = js_must(json_object());
	const struct {
		const char *key;
		uint64_t n;
	} counts[] = { { "com.openfaas.scale.min", least },
		       { "com.openfaas.scale.max", s.most },
		       { "com.openfaas.scale.target", target } };

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		js_set(o, counts[i].key, emit_str(arena_printf(&j->arena, "%llu", (unsigned long long)counts[i].n)));
	js_set(o, "com.openfaas.scale.type", emit_str(s.cpu_target ? "cpu" : "capacity"));
	return o;
}

static void function(struct emit_job *j, struct emit_fn *fn, json_t *functions)
{
	json_t *o = js_must(json_object()), *env = js_must(json_object()), *secrets = js_must(json_array());
	json_t *resources = emit_resources(j, fn);

	js_set(functions, fn->name, o);
	js_set(o, "image", emit_str(fn->image));
	js_set(o, "skip_build", js_must(json_true()));
	for (size_t i = 0; i < fn->nenv; i++) {
		struct emit_env *e = &fn->env[i];

		if (e->what)
			secret(j, fn, e, env, secrets);
		else
			js_set(env, e->kv->key.s, emit_str(e->kv->val.s));
	}
	if (json_object_size(env))
		js_set(o, "environment", json_incref(env));
	if (json_array_size(secrets))
		js_set(o, "secrets", json_incref(secrets));
	json_decref(env);
	json_decref(secrets);
	js_set(o, "labels", labels(j, fn));
	js_set(o, "annotations",
	       js_must(json_pack("{s:s, s:s}", "com.openfaas.health.http.path", EMIT_HEALTH,
				 "com.openfaas.ready.http.path", EMIT_READY)));
	if (json_object_update(o, resources) < 0)
		BUG("jansson: out of memory");
	json_decref(resources);
	js_set(o, "readonly_root_filesystem", js_must(json_true()));
}

/*
 * faas-cli puts variables of its environment into the whole text before it reads it as YAML: "${" begins one, "$$" is
 * one "$", and a backslash before another, or before "/", is dropped (drone/envsubst).
 */
static void put(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if ((*text == '$' && (text[1] == '$' || text[1] == '{')) ||
		    (*text == '\\' && (text[1] == '\\' || text[1] == '/')))
			buf_addc(out, *text);
		buf_addc(out, *text);
	}
}

int emit_openfaas(struct emit_job *j, struct err *err)
{
	json_t *doc =
		js_must(json_pack("{s:f, s:{s:s}, s:{}}", "version", 1.0, "provider", "name", "openfaas", "functions"));
	CLEAN_BUF struct buf text = BUF_INIT;

	for (size_t i = 0; i < j->nfns; i++) {
		if (emit_take_secrets(j, &j->fns[i], err) < 0) {
			json_decref(doc);
			return -1;
		}
		function(j, &j->fns[i], json_object_get(doc, "functions"));
	}
	emit_yaml(doc, &text);
	put(text.ptr, emit_add(j, "stack.yaml"));
	return 0;
}
