/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/want.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "build/package.h"
#include "deploy/lambda.h"
#include "oci/js.h"

#define RUNTIME "provided.al2023" /* what runs a `bootstrap` */
#define HANDLER "bootstrap"	  /* nobody reads it, but there has to be one */

static json_t *text(const char *s)
{
	return js_must(json_string(s));
}

static json_t *pairs(struct lkvs v)
{
	json_t *j = js_must(json_object());

	for (size_t i = 0; i < v.len; i++)
		js_set(j, v.ptr[i].key.s, text(v.ptr[i].val.s));
	return j;
}

static json_t *within(const char *key, json_t *value)
{
	json_t *j = js_must(json_object());

	js_set(j, key, value);
	return j;
}

static void make_config(struct want *w, const struct function *f, const struct deploy_def *d)
{
	json_t *c = w->config = js_must(json_object());

	if (!w->image) {
		js_set(c, "Runtime", text(RUNTIME));
		js_set(c, "Handler", text(HANDLER));
	}
	if (w->role)
		js_set(c, "Role", text(w->role));
	if (d->description.s)
		js_set(c, "Description", text(d->description.s));
	js_set(c, "MemorySize", js_must(json_integer((json_int_t)(f->memory >> 20))));
	js_set(c, "Timeout", js_must(json_integer((json_int_t)((f->timeout_ms + 999) / 1000))));
	js_set(c, "EphemeralStorage", within("Size", js_must(json_integer((json_int_t)(f->storage >> 20)))));
	js_set(c, "Environment", within("Variables", pairs(f->env)));
	if (d->layers.len) {
		json_t *list = js_must(json_array());

		for (size_t i = 0; i < d->layers.len; i++)
			js_push(list, text(d->layers.ptr[i].s));
		js_set(c, "Layers", list);
	}
	if (d->log_format.s)
		js_set(c, "LoggingConfig",
		       within("LogFormat", text(strcmp(d->log_format.s, "json") == 0 ? "JSON" : "Text")));
}

/* The command line's word, else slsc.yaml's, else the first machine of the function's, else of the project's. */
static const char *arch_of(const struct project *p, const struct function *f, const char *option, struct lstr said)
{
	for (size_t i = 0; !option && !said.s && i < f->arches.len; i++)
		if (arch_parse(f->arches.ptr[i].s) >= 0)
			return arch_name((enum arch)arch_parse(f->arches.ptr[i].s));
	for (size_t i = 0; !option && !said.s && !f->arches.len && i < p->narches; i++)
		if (p->arches[i] != ARCH_WASM32)
			return arch_name(p->arches[i]);
	option = option ? option : said.s;
	return option && arch_parse(option) >= 0 ? arch_name((enum arch)arch_parse(option)) : NULL;
}

static enum want_url url_of(const struct deploy_def *d, bool option)
{
	if (d->url.s && strcmp(d->url.s, "public") == 0)
		return URL_PUBLIC;
	if (option || (d->url.s && strcmp(d->url.s, "iam") == 0))
		return URL_IAM;
	return d->url.s ? URL_NONE : URL_UNSAID;
}

static const char *either(const char *option, struct lstr said)
{
	return option ? option : said.s;
}

int want_init(struct want *w, struct project *p, const struct function *f, const struct want_opts *o, struct err *err)
{
	struct deploy_def d;

	project_deploy(p, f, &d);
	*w = (struct want){
		.function = f,
		.name = d.name.s ? d.name.s : f->name.s,
		.arch = arch_of(p, f, o->arch, d.arch),
		.role = either(o->role, d.role),
		.alias = either(o->alias, d.alias),
		.s3 = either(o->s3, d.s3),
		.image = either(o->image, d.image),
		.smoke = d.smoke,
		.url = url_of(&d, o->url),
	};
	w->publish = o->publish || w->alias;
	if (!w->arch) {
		project_err(p, ERR_CONFIG, f->name, err, "'%s' is built for wasm32 alone, which Lambda does not run",
			    f->name.s);
		return err_hint(err, "add x86_64 or arm64 to arches");
	}
	make_config(w, f, &d);
	if (d.tags.len)
		w->tags = pairs(d.tags);
	return 0;
}

void want_zip(struct want *w, const char *path, uint64_t size, const char *sha256)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	uint8_t raw[32];

	for (size_t i = 0; i < sizeof(raw); i++) {
		const char pair[] = { sha256[2 * i], sha256[2 * i + 1], '\0' };

		raw[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	buf_add_base64(&b, raw, sizeof(raw));
	w->zip = xstrdup(path);
	w->zip_size = size;
	memcpy(w->zip_hex, sha256, 64);
	w->zip_sha256 = buf_detach(&b);
}

void want_release(struct want *w)
{
	json_decref(w->config);
	json_decref(w->tags);
	free(w->zip);
	free(w->zip_sha256);
	*w = (struct want){ .function = NULL };
}

/* ---- what differs ---- */

void changes_release(struct changes *c)
{
	VEC_EACH(c, x) {
		free(x->field);
		free(x->from);
		free(x->to);
	}
	VEC_FREE(c);
}

static struct change *add(struct changes *c, char *field)
{
	VEC_PUSH(c, (struct change){ .field = field });
	return &c->ptr[c->len - 1];
}

void changes_add(struct changes *c, const char *field, const char *from, const char *to)
{
	struct change *x = add(c, xstrdup(field));

	x->from = from ? xstrdup(from) : NULL;
	x->to = to ? xstrdup(to) : NULL;
}

/* As it is sent, of what is answered; @j is the answer. Never NULL. */
static json_t *normal(const char *key, const json_t *j)
{
	json_t *v = json_object_get(j, key);

	if (strcmp(key, "Environment") == 0) {
		json_t *vars = json_object_get(v, "Variables");

		return within("Variables", vars ? json_incref(vars) : js_must(json_object()));
	}
	if (strcmp(key, "LoggingConfig") == 0)
		return within("LogFormat", text(v ? json_text(v, "LogFormat") : "Text"));
	if (strcmp(key, "EphemeralStorage") == 0)
		return v ? json_incref(v) : within("Size", js_must(json_integer(512)));
	if (strcmp(key, "Layers") == 0) {
		json_t *list = js_must(json_array()), *layer;
		size_t i;

		json_array_foreach(v, i, layer)
			js_push(list, text(json_text(layer, "Arn")));
		return list;
	}
	return v ? json_incref(v) : text("");
}

static char *shown(const json_t *v)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const json_t *one;
	const char *key;
	size_t i;

	if (json_is_string(v))
		return xstrdup(json_string_value(v));
	if (json_is_integer(v))
		return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
	/* objects of one member */
	json_object_foreach((json_t *)(uintptr_t)v, key, one)
		return shown(one);
	json_array_foreach(v, i, one)
		buf_addf(&b, "%s%s", i ? " " : "", json_is_string(one) ? json_string_value(one) : "?");
	return buf_detach(&b);
}

static void add_variables(struct changes *out, const json_t *was, const json_t *to)
{
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(to, "Variables"), key, v) {
		json_t *old = json_object_get(json_object_get(was, "Variables"), key);
		struct change *x;

		if (json_equal(old, v))
			continue;
		x = add(out, xasprintf("Environment.%s", key));
		x->hidden = true;
		x->from = old ? xstrdup("(set)") : NULL;
		x->to = xstrdup(old ? "(another value)" : "(set)");
	}
	json_object_foreach(json_object_get(was, "Variables"), key, v) {
		struct change *x;

		if (json_object_get(json_object_get(to, "Variables"), key))
			continue;
		x = add(out, xasprintf("Environment.%s", key));
		x->hidden = true;
		x->from = xstrdup("(set)");
	}
}

bool want_differs(const struct want *w, const json_t *config, struct changes *out, json_t *update)
{
	static const char *const order[] = { "Runtime",		 "Handler",	"Role",
					     "Description",	 "MemorySize",	"Timeout",
					     "EphemeralStorage", "Environment", "Layers",
					     "LoggingConfig" };
	bool differs = false;

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		json_t *to = json_object_get(w->config, order[i]);
		CLEAN_JSON json_t *was = to ? normal(order[i], config) : NULL;

		if (!to || json_equal(was, to))
			continue;
		differs = true;
		if (update)
			json_object_set(update, order[i], to);
		if (out && strcmp(order[i], "Environment") == 0) {
			add_variables(out, was, to);
		} else if (out) {
			CLEAN_FREE char *a = shown(was), *b = shown(to);

			changes_add(out, order[i], *a ? a : NULL, *b ? b : NULL);
		}
	}
	return differs;
}

/* By a digest it is known whether it is the one. What a tag stands for AWS finds out, each time it is named. */
static bool image_differs(const struct want *w, const json_t *config, const json_t *code)
{
	const char *digest = strstr(w->image, "@sha256:");

	return !digest || (strcmp(json_text(config, "CodeSha256"), digest + strlen("@sha256:")) != 0 &&
			   !ends_with(json_text(code, "ResolvedImageUri"), digest));
}

bool want_code_differs(const struct want *w, const json_t *config, const json_t *code, struct changes *out)
{
	const char *arch = json_string_value(json_array_get(json_object_get(config, "Architectures"), 0));
	const char *have = json_text(config, "CodeSha256"), *image = json_text(code, "ImageUri");
	bool differs = false;

	arch = arch ? arch : "x86_64";
	if (strcmp(arch, w->arch) != 0) {
		differs = true;
		if (out)
			changes_add(out, "Architectures", arch, w->arch);
	}
	if (w->image ? image_differs(w, config, code) : strcmp(have, w->zip_sha256) != 0) {
		differs = true;
		if (out)
			changes_add(out, "Code",
				    w->image && *image ? image
				    : *have	       ? have
						       : NULL,
				    w->image ? w->image : w->zip_sha256);
	}
	return differs;
}

bool want_tags_differ(const struct want *w, const json_t *tags, struct changes *out, json_t *set, json_t *unset)
{
	bool differs = false;
	const char *key;
	json_t *v;

	if (!w->tags)
		return false;
	json_object_foreach(w->tags, key, v) {
		CLEAN_FREE char *field = xasprintf("Tags.%s", key);
		const char *was = json_string_value(json_object_get(tags, key));

		if (was && strcmp(was, json_string_value(v)) == 0)
			continue;
		differs = true;
		json_object_set(set, key, v);
		changes_add(out, field, was, json_string_value(v));
	}
	json_object_foreach((json_t *)(uintptr_t)tags, key, v) {
		CLEAN_FREE char *field = xasprintf("Tags.%s", key);

		/* AWS's own cannot be removed */
		if (json_object_get(w->tags, key) || starts_with(key, "aws:"))
			continue;
		differs = true;
		js_push(unset, text(key));
		changes_add(out, field, json_string_value(v), NULL);
	}
	return differs;
}
