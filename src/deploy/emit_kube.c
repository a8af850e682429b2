/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes, Knative and Cloud Run share. */
#include <string.h>

#include "deploy/emit_internal.h"

#define NONROOT	  65532 /* whom images of ours run as */
#define LABEL_MAX 63u

json_t *emit_str(const char *s)
{
	return js_must(json_string(s));
}

json_t *emit_uint(uint64_t n)
{
	return js_must(json_integer((json_int_t)n));
}

/* A label's value, or NULL: free text may be none. */
static const char *label_value(struct emit_job *j, const char *s)
{
	const char *label = s ? emit_label(&j->arena, s) : NULL;

	return label && strlen(label) <= LABEL_MAX ? label : NULL;
}

/* Free text such as "1.4.0": a label takes letters, digits, "-", "_" and ".", with a letter or digit at both ends. */
static bool is_label(const char *s)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char inner[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const size_t n = strlen(s);

	return n && n <= LABEL_MAX && strspn(s, inner) == n && strchr(ends, s[0]) && strchr(ends, s[n - 1]);
}

json_t *emit_labels(struct emit_job *j, const struct emit_fn *fn)
{
	const char *project = label_value(j, j->p->name.s);
	json_t *o = js_must(json_object());

	/* Google's labels have neither a prefix nor dots */
	if (j->req->kind == EMIT_CLOUDRUN) {
		if (project)
			js_set(o, "project", emit_str(project));
		return o;
	}
	js_set(o, "app.kubernetes.io/name", emit_str(fn->name));
	if (project)
		js_set(o, "app.kubernetes.io/part-of", emit_str(project));
	if (j->p->version.s && is_label(j->p->version.s))
		js_set(o, "app.kubernetes.io/version", emit_str(j->p->version.s));
	return o;
}

json_t *emit_get_probe(const char *path, bool port)
{
	json_t *get = js_must(json_object()), *probe = js_must(json_object());

	js_set(get, "path", emit_str(path));
	if (port)
		js_set(get, "port", emit_str("http"));
	js_set(probe, "httpGet", get);
	return probe;
}

/* Where the value is: on Cloud Run a version of a secret of its own, else a key of the function's secret. */
static json_t *reference(struct emit_job *j, const struct emit_fn *fn, const struct emit_env *e)
{
	const bool manager = j->req->kind == EMIT_CLOUDRUN;
	const char *secret = manager ? emit_secret_name(j, fn, e) : arena_printf(&j->arena, "%s-secrets", fn->name);
	const char *key = manager ? "1" : e->kv->key.s;

	emit_refer(j, fn, e, manager ? "secret %s, version %s" : "secret %s, key %s", secret, key);
	return js_must(json_pack("{s:{s:s, s:s}}", "secretKeyRef", "name", secret, "key", key));
}

json_t *emit_env_list(struct emit_job *j, struct emit_fn *fn, bool expands)
{
	json_t *list = js_must(json_array());

	for (size_t i = 0; i < fn->nenv; i++) {
		const struct emit_env *e = &fn->env[i];
		const char *val = expands ? emit_dollars(&j->arena, e->kv->val.s, "$(") : e->kv->val.s;
		json_t *o = js_must(json_object());

		js_set(o, "name", emit_str(e->kv->key.s));
		if (e->what)
			js_set(o, "valueFrom", reference(j, fn, e));
		else
			js_set(o, "value", emit_str(val));
		js_push(list, o);
	}
	return list;
}

/* Whom it runs as: -1 where the image alone knows. */
static void user_of(const struct package *pk, int64_t *uid, int64_t *gid)
{
	const char *s = pk->user.s;
	const bool ours = !pk->dockerfile.s &&
			  (!pk->base.s || strcmp(pk->base.s, "static") == 0 || strcmp(pk->base.s, "scratch") == 0);
	struct str user = str_from(s ? s : ""), group = str_cut(&user, ':');
	uint64_t n;

	*uid = *gid = ours && !s ? NONROOT : -1;
	if (s && strcmp(s, "nonroot") == 0)
		*uid = *gid = NONROOT;
	if (s && strcmp(s, "root") == 0)
		*uid = *gid = 0;
	if (str_parse_u64(user, &n) == 0 && n <= INT32_MAX)
		*uid = (int64_t)n;
	if (group.len && str_parse_u64(group, &n) == 0 && n <= INT32_MAX)
		*gid = (int64_t)n;
}

json_t *emit_security(struct emit_job *j, const struct emit_fn *fn)
{
	json_t *o = js_must(json_object());
	int64_t uid, gid;

	user_of(&fn->pk, &uid, &gid);
	js_set(o, "allowPrivilegeEscalation", js_must(json_false()));
	js_set(o, "capabilities", js_must(json_pack("{s:[s]}", "drop", "ALL")));
	js_set(o, "readOnlyRootFilesystem", js_must(json_true()));
	if (uid == 0)
		strs_addf(&j->res->warnings, "%s:%u:%u: '%s' runs as root: clusters that are careful refuse it",
			  j->p->file, fn->pk.user.line, fn->pk.user.col, fn->f->name.s);
	else
		js_set(o, "runAsNonRoot", js_must(json_true()));
	if (uid >= 0)
		js_set(o, "runAsUser", js_must(json_integer(uid)));
	if (gid >= 0)
		js_set(o, "runAsGroup", js_must(json_integer(gid)));
	js_set(o, "seccompProfile", js_must(json_pack("{s:s}", "type", "RuntimeDefault")));
	return o;
}

json_t *emit_resources(struct emit_job *j, const struct emit_fn *fn)
{
	const uint64_t cpu = fn->f->cpu ? fn->f->cpu : emit_cpu_share(fn->f->memory);
	const char *memory = emit_memory(&j->arena, fn->f->memory);
	json_t *o = js_must(json_pack("{s:{s:s, s:s}, s:{}}", "requests", "cpu", emit_cpu(&j->arena, cpu), "memory",
				      memory, "limits"));
	json_t *limits = json_object_get(o, "limits");

	/* what waits for a CPU that is idle would only be slower */
	if (fn->f->cpu)
		js_set(limits, "cpu", emit_str(emit_cpu(&j->arena, cpu)));
	js_set(limits, "memory", emit_str(memory));
	return o;
}
