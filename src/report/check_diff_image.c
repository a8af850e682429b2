/* SPDX-License-Identifier: Apache-2.0 */
/* The first difference of two images: layers before configs, since a config differs wherever a layer does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/layer_read.h"
#include "oci/rootfs.h"
#include "report/check_diff.h"
#include "report/check_image.h"

#define MAX_FILE (UINT64_C(256) << 20)	/* of a file in a layer that is compared in memory */
#define REF_NAME "org.opencontainers.image.ref.name"

/* The two artifacts, the same way down in each. */
struct pair {
	struct origin *o[2];
	struct buf *what;
	struct err *err;
};

/* A document with its bytes. */
struct side {
	struct document doc;
	struct buf bytes;
	struct arena arena;
	struct doc_descriptor d;
};

static void side_release(struct side *s)
{
	document_release(&s->doc);
	buf_release(&s->bytes);
	arena_release(&s->arena);
}

static int differs(struct pair *p, const char *name, const char *field, const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return 0;
	buf_addf(p->what, "%s: %s is %s, then %s", name, field, a, b);
	return 1;
}

static int differ_u64(struct pair *p, const char *name, const char *field, const char *fmt, uint64_t a, uint64_t b)
{
	char x[32], y[32];

	snprintf(x, sizeof(x), *fmt == 'o' ? "0%llo" : "%llu", (unsigned long long)a);
	snprintf(y, sizeof(y), *fmt == 'o' ? "0%llo" : "%llu", (unsigned long long)b);
	return differs(p, name, field, x, y);
}

/* All bytes of the entry that is being read. 1: more than we compare in memory. */
static int whole_entry(struct unar *u, const struct unar_entry *e, struct buf *out, struct err *err)
{
	const void *p;
	size_t n;
	int r;

	if (e->size > MAX_FILE)
		return 1;
	while ((r = unar_data(u, &p, &n, err)) > 0)
		buf_add(out, p, n);
	return r;
}

static int entries_differ(struct pair *p, struct layer_reader lr[2], const struct unar_entry e[2], const char *name)
{
	CLEAN_BUF struct buf x = BUF_INIT, y = BUF_INIT;
	int r;

	if (differs(p, name, "the entry", e[0].path, e[1].path) ||
	    differ_u64(p, name, "type", "u", e[0].type, e[1].type) ||
	    differ_u64(p, name, "mode", "o", e[0].mode, e[1].mode) ||
	    differ_u64(p, name, "uid", "u", e[0].uid, e[1].uid) ||
	    differ_u64(p, name, "gid", "u", e[0].gid, e[1].gid) ||
	    differ_u64(p, name, "mtime", "u", (uint64_t)e[0].mtime, (uint64_t)e[1].mtime) ||
	    (e[0].target && e[1].target && differs(p, name, "target", e[0].target, e[1].target)))
		return 1;
	if (e[0].type != UNAR_FILE)
		return 0;
	r = whole_entry(lr[0].unar, &e[0], &x, p->err);
	if (r == 0)
		r = whole_entry(lr[1].unar, &e[1], &y, p->err);
	if (r)
		return r < 0 ? -1 : differ_u64(p, name, "size", "u", e[0].size, e[1].size);
	return diff_bytes(name, x.ptr, x.len, y.ptr, y.len, p->what, p->err);
}

static int walk_layers(struct pair *p, struct layer_reader lr[2], const char *name)
{
	struct unar_entry e[2];
	int more[2], r;

	for (;;) {
		CLEAN_FREE char *where = NULL;

		for (size_t i = 0; i < 2; i++) {
			more[i] = unar_next(lr[i].unar, &e[i], p->err);
			if (more[i] < 0)
				return -1;
		}
		if (!more[0] && !more[1])
			return 0;
		if (more[0] != more[1]) {
			buf_addf(p->what, "%s: %s is in one only", name, more[0] ? e[0].path : e[1].path);
			return 1;
		}
		where = xasprintf("%s: %s", name, e[0].path);
		r = entries_differ(p, lr, e, where);
		if (r)
			return r;
	}
}

static int diff_layer(struct pair *p, const struct doc_descriptor *a, const struct doc_descriptor *b, const char *name)
{
	struct layer_reader lr[2] = { { .piece = PIECE_INIT }, { .piece = PIECE_INIT } };
	const struct doc_descriptor *d[2] = { a, b };
	struct digest id[2];
	int r = 0;

	if (strcmp(a->digest.s, b->digest.s) == 0)
		return 0;
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = layer_reader_open(&lr[i], p->o[i], d[i], name, ROOTFS_MAX_BYTES, p->err);
	if (r == 0)
		r = walk_layers(p, lr, name);
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = layer_reader_end(&lr[i], &id[i], p->err);
	if (r == 0) {
		buf_addf(p->what, "%s: the same entries, %s otherwise", name,
			 strcmp(id[0].s, id[1].s) == 0 ? "compressed" : "written");
		r = 1;
	}
	layer_reader_close(&lr[0]);
	layer_reader_close(&lr[1]);
	return r;
}

static int diff_manifest(struct pair *p, const struct side s[2], const char *name)
{
	CLEAN_BUF struct buf x = BUF_INIT, y = BUF_INIT;
	CLEAN_FREE char *config = xasprintf("%s: config", name), *manifest = xasprintf("%s: manifest", name);
	int r = 0;

	for (size_t i = 0; i < s[0].doc.len && i < s[1].doc.len && r == 0; i++) {
		CLEAN_FREE char *layer = xasprintf("%s: layer %zu", name, i + 1);

		r = diff_layer(p, &s[0].doc.ptr[i], &s[1].doc.ptr[i], layer);
	}
	if (r)
		return r;
	if (origin_bytes(p->o[0], &s[0].doc.config, DOCUMENT_MAX, &x, p->err) < 0 ||
	    origin_bytes(p->o[1], &s[1].doc.config, DOCUMENT_MAX, &y, p->err) < 0)
		return -1;
	if (diff_json(config, x.ptr, x.len, y.ptr, y.len, p->what))
		return 1;
	return diff_json(manifest, s[0].bytes.ptr, s[0].bytes.len, s[1].bytes.ptr, s[1].bytes.len, p->what);
}

static int get(struct pair *p, size_t i, const char *ref, struct side *s)
{
	if (p->o[i]->ops->manifest(p->o[i], ref, &s->bytes, &s->d, &s->arena, p->err) < 0)
		return -1;
	return document_parse(&s->doc, ref ? ref : "manifest", s->d.media_type, s->bytes.ptr, s->bytes.len, p->err);
}

static int diff_list(struct pair *p, const struct side s[2], const char *name, unsigned depth);

static int diff_ref(struct pair *p, const char *a, const char *b, const char *name, unsigned depth)
{
	struct side s[2] = { { .bytes = BUF_INIT }, { .bytes = BUF_INIT } };
	int r = get(p, 0, a, &s[0]) < 0 || get(p, 1, b, &s[1]) < 0 ? -1 : 0;

	if (r == 0 && s[0].doc.kind != s[1].doc.kind)
		r = differs(p, name, "media type", s[0].doc.media_type, s[1].doc.media_type);
	else if (r == 0)
		r = s[0].doc.kind == DOC_INDEX ? diff_list(p, s, name, depth) : diff_manifest(p, s, name);
	side_release(&s[0]);
	side_release(&s[1]);
	return r;
}

/* Manifests by their place in the list; then what the list itself says. */
static int diff_list(struct pair *p, const struct side s[2], const char *name, unsigned depth)
{
	int r = 0;

	for (size_t i = 0; i < s[0].doc.len && i < s[1].doc.len && r == 0 && depth < 3; i++) {
		const struct doc_descriptor *a = &s[0].doc.ptr[i], *b = &s[1].doc.ptr[i];
		const char *ref = doc_kvs_get(&a->annotations, REF_NAME);
		CLEAN_FREE char *child = ref && !*name ? xstrdup(ref)
						       : xasprintf("%s%s%s", name, *name ? ": " : "",
								   a->architecture ? a->architecture : "manifest");

		if (strcmp(a->digest.s, b->digest.s) != 0)
			r = diff_ref(p, a->digest.s, b->digest.s, child, depth + 1);
	}
	if (r)
		return r;
	return diff_json(*name ? name : "index.json", s[0].bytes.ptr, s[0].bytes.len, s[1].bytes.ptr, s[1].bytes.len,
			 p->what);
}

int diff_image(const char *kind, const char *a, const char *b, struct buf *what, struct err *err)
{
	struct pair p = { .what = what, .err = err };
	struct side s[2] = { { .bytes = BUF_INIT }, { .bytes = BUF_INIT } };
	struct place pl[2] = { { .path = NULL }, { .path = NULL } };
	const char *path[2] = { a, b };
	int r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++) {
		CLEAN_FREE char *text = xasprintf("%s:%s", kind, path[i]);

		r = place_parse(&pl[i], text, err) < 0 || origin_open(&p.o[i], &pl[i], NULL, err) < 0 ? -1 : 0;
		if (r == 0 && pl[i].kind != PLACE_DOCKER_ARCHIVE)
			r = check_layout_index(&pl[i], &s[i].bytes, &s[i].doc, err);
	}
	if (r == 0)
		r = pl[0].kind == PLACE_DOCKER_ARCHIVE ? diff_ref(&p, NULL, NULL, "image", 0) : diff_list(&p, s, "", 0);
	for (size_t i = 0; i < 2; i++) {
		side_release(&s[i]);
		place_release(&pl[i]);
		origin_free(&p.o[i]);
	}
	return r;
}
