/* SPDX-License-Identifier: Apache-2.0 */
/* An image's config: image-spec config.md, and Docker's, which has more members but none of another type. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/document_internal.h"

#define MAX_HISTORY 4096u

/* {"8080/tcp": {}, ...}: a set, as Go writes it. */
static int read_set(const struct doc_reader *r, const json_t *j, const char *key, const char ***out)
{
	const json_t *o;
	const char **v;
	json_t *m;
	size_t n = 0;

	*out = NULL;
	if (doc_object(r, j, key, &o) < 0)
		return -1;
	if (!o)
		return 0;
	v = arena_alloc(r->arena, (json_object_size(o) + 1) * sizeof(*v));
	m = (json_t *)(uintptr_t)o;	/* its iterators take no const */
	for (void *it = json_object_iter(m); it; it = json_object_iter_next(m, it))
		v[n++] = arena_strdup(r->arena, json_object_iter_key(it));
	*out = v;
	return 0;
}

static int read_env(const struct doc_reader *r, const json_t *j, struct doc_kvs *out)
{
	const char **list;
	size_t n = 0;

	if (doc_strings(r, j, "Env", &list) < 0)
		return -1;
	while (list && list[n])
		n++;
	out->ptr = arena_alloc(r->arena, n * sizeof(*out->ptr));
	for (size_t i = 0; i < n; i++) {
		const char *eq = strchr(list[i], '=');

		if (!eq || eq == list[i])
			return doc_bad(r, "Env", "must hold NAME=VALUE only");
		out->ptr[out->len++] = (struct doc_kv){
			.key = arena_str(r->arena, (struct str){ list[i], (size_t)(eq - list[i]) }), .val = eq + 1 };
	}
	return 0;
}

static int read_run(struct doc_reader *r, const json_t *j, struct doc_config *c)
{
	const json_t *run;
	int ret;

	if (doc_object(r, j, "config", &run) < 0)
		return -1;
	if (!run)
		return 0;
	doc_where(r, "", "config", -1);
	ret = doc_string(r, run, "User", &c->user) < 0 || doc_string(r, run, "WorkingDir", &c->workdir) < 0 ||
	      doc_string(r, run, "StopSignal", &c->stop_signal) < 0 || read_env(r, run, &c->env) < 0 ||
	      doc_map(r, run, "Labels", &c->labels) < 0 || doc_strings(r, run, "Entrypoint", &c->entrypoint) < 0 ||
	      doc_strings(r, run, "Cmd", &c->cmd) < 0 || read_set(r, run, "Volumes", &c->volumes) < 0 ||
	      read_set(r, run, "ExposedPorts", &c->ports) < 0;
	r->where[0] = '\0';
	return ret ? -1 : 0;
}

static int read_rootfs(struct doc_reader *r, const json_t *j, struct doc_config *c)
{
	const json_t *rootfs;
	const char *type, **ids;
	struct err ignored;

	if (doc_object(r, j, "rootfs", &rootfs) < 0)
		return -1;
	if (!rootfs)
		return 0;
	doc_where(r, "", "rootfs", -1);
	if (doc_string(r, rootfs, "type", &type) < 0)
		return -1;
	if (type && strcmp(type, "layers") != 0)
		return doc_bad(r, "type", "must be layers");
	if (doc_strings(r, rootfs, "diff_ids", &ids) < 0)
		return -1;
	while (ids && ids[c->ndiff_ids])
		c->ndiff_ids++;
	if (c->ndiff_ids > DOCUMENT_MAX_ENTRIES)
		return err_set(r->err, ERR_LIMIT, "%s: limit exceeded: %zu diff_ids, the most is %u", r->shown,
			       c->ndiff_ids, DOCUMENT_MAX_ENTRIES);
	c->diff_ids = arena_alloc(r->arena, c->ndiff_ids * sizeof(*c->diff_ids));
	for (size_t i = 0; i < c->ndiff_ids; i++)
		if (digest_parse(ids[i], &c->diff_ids[i], &ignored) < 0)
			return doc_bad(r, "diff_ids", "must hold sha256: and 64 lower-case hex digits only");
	r->where[0] = '\0';
	return 0;
}

static int read_history(struct doc_reader *r, const json_t *j, struct doc_config *c)
{
	const json_t *list;

	if (doc_array(r, j, "history", &list) < 0)
		return -1;
	if (json_array_size(list) > MAX_HISTORY)
		return err_set(r->err, ERR_LIMIT, "%s: limit exceeded: %zu entries of history, the most is %u",
			       r->shown, json_array_size(list), MAX_HISTORY);
	c->history = arena_alloc(r->arena, json_array_size(list) * sizeof(*c->history));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i), *empty = json_object_get(o, "empty_layer");
		struct doc_history *h = &c->history[c->nhistory++];

		doc_where(r, "", "history", (long)i);
		if (!json_is_object(o)) {
			r->where[strlen(r->where) - 1] = '\0';
			return doc_bad(r, "", "must be an object");
		}
		if (empty && !json_is_boolean(empty) && !json_is_null(empty))
			return doc_bad(r, "empty_layer", "must be true or false");
		h->empty_layer = json_is_true(empty);
		if (doc_string(r, o, "created", &h->created) < 0 ||
		    doc_string(r, o, "created_by", &h->created_by) < 0 ||
		    doc_string(r, o, "comment", &h->comment) < 0)
			return -1;
	}
	r->where[0] = '\0';
	return 0;
}

int doc_config_parse(struct doc_config *c, const char *shown, const void *p, size_t n, struct err *err)
{
	struct doc_reader r = { .arena = &c->arena, .shown = shown, .err = err };
	json_t *j;
	int ret;

	*c = (struct doc_config){ .architecture = NULL };
	j = doc_load(shown, p, n, err);
	if (!j)
		return -1;
	ret = doc_string(&r, j, "architecture", &c->architecture) < 0 || doc_string(&r, j, "os", &c->os) < 0 ||
	      doc_string(&r, j, "variant", &c->variant) < 0 || doc_string(&r, j, "created", &c->created) < 0 ||
	      read_run(&r, j, c) < 0 || read_rootfs(&r, j, c) < 0 || read_history(&r, j, c) < 0;
	json_decref(j);
	if (ret)
		doc_config_release(c);
	return ret ? -1 : 0;
}

void doc_config_release(struct doc_config *c)
{
	arena_release(&c->arena);
	*c = (struct doc_config){ .architecture = NULL };
}
