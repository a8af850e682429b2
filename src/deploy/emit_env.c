/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: which are secrets, and what the platforms would read into their values. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "config/secret.h"
#include "deploy/emit_internal.h"

static bool listed(const struct strs *names, const char *s)
{
	for (size_t i = 0; names && i < names->len; i++)
		if (strcmp(names->ptr[i], s) == 0)
			return true;
	return false;
}

static const char *secret_of(const struct emit_job *j, const struct lkv *e)
{
	if (listed(j->req->plain, e->key.s))
		return NULL;
	return listed(j->req->secrets, e->key.s) ? "a secret, by --secret" : secret_of_env(e->key.s, e->val.s);
}

static int refuse(struct emit_job *j, struct lstr at, const char *what, const char *hint, struct err *err)
{
	project_err(j->p, ERR_CONFIG, at, err, "%s: %s", at.s, what);
	return err_hint(err, "%s", hint);
}

/* Names that the platform has for itself. */
static int check_name(struct emit_job *j, const struct emit_fn *fn, const struct lkv *e, struct err *err)
{
	static const char *const knative[] = { "PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION", NULL };
	const char *name = e->key.s;
	const enum emit_kind k = j->req->kind;

	if (emit_is_lambda(k) && (!isalpha((unsigned char)name[0]) || !name[1]))
		return refuse(j, e->key, "Lambda takes no such name", "begin with a letter, and write two at least",
			      err);
	for (size_t i = 0; (k == EMIT_KNATIVE || k == EMIT_CLOUDRUN) && knative[i]; i++)
		if (strcmp(knative[i], name) == 0)
			return refuse(j, e->key, "the platform sets it", "take it out of env, or choose another name",
				      err);
	if (k == EMIT_CLOUDRUN && (starts_with(name, "CLOUD_RUN_") || starts_with(name, "X_GOOGLE_")))
		return refuse(j, e->key, "Cloud Run has such names for itself", "choose another name", err);
	/* the files say 8080: OpenFaaS calls no other port */
	if (strcmp(name, "PORT") == 0 && fn->f->runtime == RUNTIME_HTTP && !emit_is_lambda(k) &&
	    strcmp(e->val.s, "8080") != 0)
		return refuse(j, e->key, "the port is 8080 in the files", "take it out of env", err);
	return 0;
}

/* What a platform would read into a value, and has no way to write as it is. */
static int check_value(struct emit_job *j, const struct lkv *e, struct err *err)
{
	const struct lstr at = { e->key.s, e->val.line, e->val.col };

	if (j->req->kind == EMIT_SAM && strstr(e->val.s, EMIT_RESOLVE))
		return refuse(j, at, "CloudFormation would resolve what begins with " EMIT_RESOLVE,
			      "--secret makes a parameter of the variable", err);
	if (j->req->kind == EMIT_OPENFAAS && (strstr(e->val.s, "$(") || strstr(e->val.s, "$$")))
		return refuse(j, at, "OpenFaaS reads $( and $$ in one way on Kubernetes, in another elsewhere",
			      "let the function read such a value from a file", err);
	return 0;
}

static int read_env(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	const struct lkvs *env = &fn->f->env;

	fn->env = arena_alloc(&j->arena, (env->len + 1) * sizeof(*fn->env));
	for (size_t i = 0; i < env->len; i++) {
		const struct lkv *e = &env->ptr[i];
		const struct emit_env found = { .kv = e, .what = secret_of(j, e) };

		if (check_name(j, fn, e, err) < 0 || (!found.what && check_value(j, e, err) < 0))
			return -1;
		fn->env[fn->nenv++] = found;
		/* package puts all of env into an image's config */
		if (found.what && fn->image && *e->val.s)
			strs_addf(&j->res->warnings,
				  "%s:%u:%u: %s is %s, and its value is in the image, too: leave it "
				  "empty in slsc.yaml, and package again",
				  j->p->file, e->key.line, e->key.col, e->key.s, found.what);
	}
	return 0;
}

static int check_given(const struct emit_job *j, const struct strs *names, const char *option, struct err *err)
{
	for (size_t i = 0; names && i < names->len; i++) {
		bool found = false;

		for (size_t f = 0; f < j->nfns && !found; f++)
			for (size_t k = 0; k < j->fns[f].nenv; k++)
				found |= strcmp(j->fns[f].env[k].kv->key.s, names->ptr[i]) == 0;
		if (found)
			continue;
		err_set(err, ERR_USAGE, "%s %s: no function has such a variable in its env", option, names->ptr[i]);
		return err_hint(err, "write env: {%s: \"\"} in slsc.yaml", names->ptr[i]);
	}
	return 0;
}

int emit_envs(struct emit_job *j, struct err *err)
{
	for (size_t i = 0; i < j->nfns; i++)
		if (read_env(j, &j->fns[i], err) < 0)
			return -1;
	if (check_given(j, j->req->secrets, "--secret", err) < 0)
		return -1;
	return check_given(j, j->req->plain, "--plain", err);
}

void emit_refer(struct emit_job *j, const struct emit_fn *fn, const struct emit_env *e, const char *fmt, ...)
{
	CLEAN_BUF struct buf ref = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&ref, fmt, ap);
	va_end(ap);
	VEC_PUSH(&j->res->secrets,
		 ((struct emit_secret){ .function = fn->f, .env = e->kv, .what = e->what, .ref = buf_detach(&ref) }));
}

char *emit_dollars(struct arena *a, const char *s, const char *before)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (; *s; s++) {
		if (*s == '$' && s[1] && strchr(before, s[1]))
			buf_addc(&b, '$');
		buf_addc(&b, *s);
	}
	return arena_strdup(a, b.ptr);
}

int emit_take_secrets(struct emit_job *j, const struct emit_fn *fn, struct err *err)
{
	for (size_t i = 0; i < fn->nenv; i++) {
		const struct emit_env *e = &fn->env[i];

		if (e->what && emit_take(j, arena_printf(&j->arena, "secret %s", emit_secret_name(j, fn, e)),
					 e->kv->key, "called", err) < 0)
			return -1;
	}
	return 0;
}

char *emit_secret_name(struct emit_job *j, const struct emit_fn *fn, const struct emit_env *e)
{
	return emit_label(&j->arena, arena_printf(&j->arena, "%s-%s", fn->name, e->kv->key.s));
}
