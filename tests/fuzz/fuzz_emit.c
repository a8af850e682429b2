/* SPDX-License-Identifier: Apache-2.0 */
/* Files of any project: they are YAML, and each variable arrives byte by byte, or is a reference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/secret.h"
#include "config/yaml.h"
#include "deploy/emit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ynode *at(const struct ynode *n, const char *key)
{
	n = ynode_get(n, key);
	if (!n)
		BUG("no '%s'", key);
	return n;
}

/* As the kubelet has it where no name is known: "$$" is "$". */
static void expand(const char *s, struct buf *out)
{
	for (; *s; s++) {
		s += s[0] == '$' && s[1] == '$';
		buf_addc(out, *s);
	}
}

static void check_env(const struct function *f, const struct ynode *container, bool expands)
{
	const struct ynode *env = ynode_get(container, "env");

	if (f->env.len != (env ? env->len : 0))
		BUG("%zu variables of %zu", env ? env->len : 0, f->env.len);
	for (size_t i = 0; i < f->env.len; i++) {
		const char *name = f->env.ptr[i].key.s, *val = f->env.ptr[i].val.s;
		const struct ynode *got = ynode_get(env->items[i], "value");
		CLEAN_BUF struct buf text = BUF_INIT;

		if (!got != (secret_of_env(name, val) != NULL))
			BUG("%s is a reference, or is none", name);
		if (!got)
			continue;
		if (expands)
			expand(got->scalar, &text);
		else
			buf_addz(&text, got->scalar);
		if (got->plain && strcmp(got->scalar, "null") == 0)
			BUG("null is no string");
		if (strcmp(text.ptr, val) != 0)
			BUG("%s: '%s' became '%s'", name, val, text.ptr);
	}
}

/* What faas-cli makes of the text. */
static void substitute(const struct buf *text, struct buf *out)
{
	for (const char *p = text->ptr; *p; p++) {
		if (p[0] == '$' && p[1] == '{')
			BUG("would be substituted: %.20s", p);
		p += (p[0] == '$' && p[1] == '$') || (p[0] == '\\' && (p[1] == '\\' || p[1] == '/'));
		buf_addc(out, *p);
	}
}

static void check_file(const struct emit_request *req, const struct emit_result *res, size_t i)
{
	const struct buf *text = &res->files.ptr[i].text;
	const char *end = strstr(text->ptr, "\n---\n");
	size_t n = end ? (size_t)(end - text->ptr) : text->len;
	CLEAN_BUF struct buf read = BUF_INIT;
	struct err err = ERR_INIT;
	struct yaml_doc d;

	if (req->kind == EMIT_TERRAFORM)
		return;
	if (req->kind == EMIT_OPENFAAS) {
		substitute(text, &read);
		n = read.len;
	}
	if (yaml_parse(&d, "emitted", req->kind == EMIT_OPENFAAS ? read.ptr : text->ptr, n, &err) < 0) {
		if (err.code != ERR_LIMIT)
			BUG("%s\n%s", err.msg, text->ptr);
		return;
	}
	if (req->kind == EMIT_KNATIVE || req->kind == EMIT_CLOUDRUN || req->kind == EMIT_KUBERNETES) {
		const struct ynode *spec = at(at(at(d.root, "spec"), "template"), "spec");

		check_env(res->pins.ptr[i].function, at(spec, "containers")->items[0], req->kind != EMIT_CLOUDRUN);
	}
	yaml_release(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	if (project_parse(&p, "slsc.yaml", "/p", (const char *)data, size, &err) < 0)
		return 0;
	for (int k = 0; k < EMIT_KINDS; k++) {
		CLEAN_EMIT struct emit_result res = { .files.len = 0 };
		CLEAN_STRS struct strs mine = { 0 };
		const struct emit_request req = { .project = &p, .kind = (enum emit_kind)k, .images = &mine,
						  .from = "/p" };

		/* an image of a function that is left out would be one too many */
		for (size_t i = 0; i < p.nfunctions; i++)
			if (k == EMIT_SAM || k == EMIT_TERRAFORM || p.functions[i]->runtime == RUNTIME_HTTP)
				strs_addf(&mine, "%s=r.example.com/x@sha256:%064d", p.functions[i]->name.s, 7);
		if (emit_run(&req, &res, &err) < 0)
			continue;
		for (size_t i = 0; i < res.files.len; i++)
			check_file(&req, &res, i);
	}
	return 0;
}
