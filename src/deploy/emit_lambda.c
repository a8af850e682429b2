/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "deploy/emit_internal.h"

const char *emit_alias(const struct emit_fn *fn)
{
	return fn->d.alias.s ? fn->d.alias.s : "live";
}

/* What answers HTTP is of use to nobody without one. */
const char *emit_url(const struct emit_fn *fn)
{
	const char *url = fn->d.url.s ? fn->d.url.s : fn->f->runtime == RUNTIME_HTTP ? "iam" : "none";

	return strcmp(url, "none") == 0 ? NULL : strcmp(url, "iam") == 0 ? "AWS_IAM" : "NONE";
}

const char *emit_log_format(const struct emit_fn *fn)
{
	return fn->d.log_format.s && strcmp(fn->d.log_format.s, "text") == 0 ? "Text" : "JSON";
}

json_t *emit_tags(struct emit_job *j, const struct emit_fn *fn, char *(*text)(struct emit_job *j, const char *s))
{
	json_t *o = js_must(json_object());

	js_set(o, "project", emit_str(j->p->name.s));
	for (size_t i = 0; i < fn->d.tags.len; i++) {
		const char *key = fn->d.tags.ptr[i].key.s, *val = fn->d.tags.ptr[i].val.s;

		js_set(o, text ? text(j, key) : key, emit_str(text ? text(j, val) : val));
	}
	return o;
}
