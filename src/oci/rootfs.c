/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/rootfs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/rootfs_internal.h"
#include "os/proc.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define AUFS ".wh..wh."		/* what aufs kept for itself: no whiteouts of anything */
#define MAX_HOPS 40		/* the kernel's */
#define THREADS_FROM (1u << 20)	/* bytes of blobs: less is read before a thread has started */
#define MAX_WORK 50000000u	/* nodes that whiteouts look at: a million of them over a million take days */

/* One layer being read. */
struct reading {
	struct rootfs *r;
	const struct rootfs_hooks *hooks;
	uint32_t layer, index;
	bool is_file;			/* the entry at hand: no directory and no whiteout */
	struct buf path, parent;	/* scratch */
	struct err *err;
};

static int fault(const struct reading *rd, enum rootfs_fault what, const char *path, const char *detail)
{
	if (!rd->hooks || !rd->hooks->fault)
		return 0;
	return rd->hooks->fault(rd->hooks->ctx, what, rd->layer, path, detail, rd->err);
}

struct rootfs_node *rootfs_find(const struct rootfs *r, const char *path)
{
	struct rootfs_node *n = *path ? map_get(&r->paths, path) : r->root;

	return n && !n->gone ? n : NULL;
}

const struct rootfs_node *rootfs_each(const struct rootfs *r, size_t *it)
{
	while (*it < r->paths.len) {
		const struct rootfs_node *n = r->paths.ptr[(*it)++].val;

		if (!n->gone)
			return n;
	}
	return NULL;
}

/* How a walk went. */
struct walk {
	struct rootfs_node *node;	/* where it ended; NULL: @path is not there */
	bool climbed;			/* above the root, which a container's kernel forgives */
	bool linked;			/* through a symlink of layer @layer */
	bool loop;
};

/*
 * Lexically resolved path of @path in @out, links followed as far as nodes exist; what is not there is taken as
 * directories to be. Both the unpacker's question (where would this entry land) and the kernel's.
 */
static void walk(const struct rootfs *r, const char *path, bool follow, uint32_t layer, struct buf *out, struct walk *w)
{
	CLEAN_BUF struct buf todo = BUF_INIT, next = BUF_INIT;
	size_t at = 0;
	unsigned hops = 0;

	*w = (struct walk){ .node = r->root };
	buf_reset(out);
	buf_addz(&todo, path);
	while (at < todo.len) {
		const char *comp = todo.ptr + at;
		const size_t len = strcspn(comp, "/"), keep = out->len;
		const char *rest = comp + len + strspn(comp + len, "/");
		struct rootfs_node *n;

		at = (size_t)(rest - todo.ptr);
		if (len == 0 || (len == 1 && *comp == '.'))
			continue;
		if (len == 2 && memcmp(comp, "..", 2) == 0) {
			const char *slash = memrchr(out->ptr, '/', out->len);

			w->climbed = w->climbed || out->len == 0;
			out->len = slash ? (size_t)(slash - out->ptr) : 0;
			out->ptr[out->len ? out->len : 0] = '\0';
			w->node = rootfs_find(r, out->ptr);
			continue;
		}
		if (out->len)
			buf_addc(out, '/');
		buf_add(out, comp, len);
		n = rootfs_find(r, out->ptr);
		if (n && n->type == UNAR_SYMLINK && (*rest || follow)) {
			if (++hops > MAX_HOPS || todo.len > (size_t)MAX_HOPS * ROOTFS_MAX_PATH) {
				w->loop = true;
				w->node = NULL;
				return;
			}
			w->linked = w->linked || n->layer == layer;
			out->len = *n->target == '/' ? 0 : keep;
			out->ptr[out->len] = '\0';
			buf_reset(&next);
			buf_addz(&next, n->target);
			buf_addc(&next, '/');
			buf_addz(&next, rest);
			buf_reset(&todo);
			buf_add(&todo, next.ptr, next.len);
			at = 0;
			w->node = rootfs_find(r, out->ptr);
			continue;
		}
		w->node = n;
	}
}

struct rootfs_node *rootfs_resolve(const struct rootfs *r, const char *path, bool follow)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct walk w;

	if (!r->root)
		return NULL;
	walk(r, path, follow, UINT32_MAX, &out, &w);
	return w.node;
}

/* The node at @path, whose parent is @parent, made if it was never there. */
static struct rootfs_node *node_at(struct rootfs *r, struct rootfs_node *parent, const char *path, struct err *err)
{
	struct rootfs_node *n = map_get(&r->paths, path);

	if (n)
		return n;
	if (r->paths.len >= r->max_entries) {
		layer_too_many(r->max_entries, err);
		return NULL;
	}
	r->path_bytes += strlen(path);
	if (r->path_bytes > ROOTFS_MAX_PATH_BYTES) {
		layer_too_long(err);
		return NULL;
	}
	n = arena_new(&r->arena, struct rootfs_node);
	map_put(&r->paths, path, n);
	n->number = (uint32_t)(r->paths.len - 1);
	n->path = r->paths.ptr[n->number].key;
	n->parent = parent;
	n->next = parent->child;
	parent->child = n;
	n->gone = true;
	return n;
}

/* Takes away what layers below @layer have at and below @n; what this layer has stays, and so do its parents. */
static int take_away(struct rootfs *r, struct rootfs_node *n, uint32_t layer, bool *left, struct err *err)
{
	bool kept = !n->gone && n->layer >= layer && !n->implied;

	if (++r->work > MAX_WORK)
		return err_set(err, ERR_LIMIT, "limit exceeded: whiteouts of more than %u names", MAX_WORK);
	for (struct rootfs_node *c = n->child; c; c = c->next)
		if (!c->gone && take_away(r, c, layer, &kept, err) < 0)
			return -1;
	if (!kept)
		n->gone = true;
	*left = *left || kept;
	return 0;
}

static int take_children(struct rootfs *r, struct rootfs_node *n, uint32_t layer, struct err *err)
{
	bool ignored = false;

	for (struct rootfs_node *c = n->child; c; c = c->next)
		if (!c->gone && take_away(r, c, layer, &ignored, err) < 0)
			return -1;
	return 0;
}

/* The directory that entries of @path go into; what is missing on the way is implied. NULL with @err. */
static struct rootfs_node *directory(struct reading *rd, char *path)
{
	struct rootfs *r = rd->r;
	struct rootfs_node *at = r->root;

	for (char *p = path; *p;) {
		char *end = p + strcspn(p, "/");
		const char saved = *end;
		struct rootfs_node *n;

		*end = '\0';
		n = node_at(r, at, path, rd->err);
		*end = saved;
		if (!n)
			return NULL;
		if (n->gone || n->type != UNAR_DIR) {
			const struct rootfs_node old = *n;

			*n = (struct rootfs_node){ .path = old.path, .type = UNAR_DIR, .mode = 0755, .layer = rd->layer,
						   .implied = true, .parent = at, .child = old.child, .next = old.next,
						   .number = old.number };
		}
		at = n;
		p = saved ? end + 1 : end;
	}
	return at;
}

/* ".wh.x" in a directory. 1: it was one; 0: it is none. */
static int whiteout(struct reading *rd, const char *shown, const char *dir, const char *base)
{
	struct rootfs *r = rd->r;
	struct rootfs_node *n;
	const char *name = base + strlen(WHITEOUT);
	bool ignored = false;

	if (!starts_with(base, WHITEOUT))
		return 0;
	rd->is_file = false;
	if (strcmp(base, OPAQUE) == 0) {
		n = rootfs_find(r, dir);
		return n && take_children(r, n, rd->layer, rd->err) < 0 ? -1 : 1;
	}
	if (starts_with(base, AUFS))
		return 1;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fault(rd, ROOTFS_WHITEOUT, shown, NULL) < 0 ? -1 : 1;
	buf_reset(&rd->path);
	buf_addf(&rd->path, "%s%s%s", dir, *dir ? "/" : "", name);
	n = rootfs_find(r, rd->path.ptr);
	if (n && rd->hooks && rd->hooks->whiteout)
		rd->hooks->whiteout(rd->hooks->ctx, n, rd->layer);
	return n && take_away(r, n, rd->layer, &ignored, rd->err) < 0 ? -1 : 1;
}

/* Whether a relative link in directory @dir leads above the root by its text alone. */
static bool climbs(const char *dir, const char *target)
{
	size_t depth = *dir ? 1 : 0;

	for (const char *p = dir; *p; p++)
		depth += *p == '/';
	if (*target == '/')
		depth = 0;
	for (const char *p = target; *p;) {
		const size_t len = strcspn(p, "/");

		if (len == 2 && memcmp(p, "..", 2) == 0) {
			if (depth == 0)
				return true;
			depth--;
		} else if (len && !(len == 1 && *p == '.')) {
			depth++;
		}
		p += len + (p[len] == '/');
	}
	return false;
}

static bool same_dir(const struct rootfs_node *n, const struct unar_entry *e)
{
	return n->type == UNAR_DIR && e->type == UNAR_DIR && n->mode == e->mode && n->uid == e->uid && n->gid == e->gid;
}

/* 1: @n is what the link stands for; 0: it leads nowhere, which was said; -1. */
static int link_source(struct reading *rd, const struct unar_entry *e, const struct rootfs_node **n)
{
	const char *target = e->target ? e->target : "";

	while (starts_with(target, "./"))
		target += 2;
	if (*target && !unar_path_escapes(target))
		*n = rootfs_resolve(rd->r, target, false);
	if (*n && (*n)->type != UNAR_DIR)
		return 1;
	return fault(rd, ROOTFS_HARDLINK, e->path, target) < 0 ? -1 : 0;
}

/* Parents first, as Lambda wants them: the directory's entry has to stand before it in the same layer. */
static int check_parent(struct reading *rd, const struct rootfs_node *dir, const char *shown)
{
	if (!*dir->path || (dir->layer == rd->layer && !dir->implied))
		return 0;
	return fault(rd, ROOTFS_NO_PARENT, shown, dir->path);
}

/* Puts @e at @n, which may stand there already. 0, or -1. */
static int put(struct reading *rd, const struct unar_entry *e, struct rootfs_node *dir, struct rootfs_node *n)
{
	const struct rootfs_node *src = NULL;
	struct rootfs_node *child = n->child, *next = n->next;
	int r;

	if (!n->gone && !n->implied && n->layer == rd->layer && !same_dir(n, e) &&
	    fault(rd, ROOTFS_DUPLICATE, e->path, NULL) < 0)
		return -1;
	if (e->type == UNAR_HARDLINK) {
		r = link_source(rd, e, &src);
		if (r <= 0)
			return r;
		if (src == n)
			return 0;
	}
	if (e->type == UNAR_SYMLINK && climbs(dir->path, e->target) &&
	    fault(rd, ROOTFS_SYMLINK, e->path, e->target) < 0)
		return -1;
	if ((e->type == UNAR_CHAR || e->type == UNAR_BLOCK) && fault(rd, ROOTFS_DEVICE, e->path, NULL) < 0)
		return -1;
	if (!n->gone && n->type == UNAR_DIR && e->type != UNAR_DIR &&
	    take_children(rd->r, n, UINT32_MAX, rd->err) < 0)
		return -1;
	*n = (struct rootfs_node){
		.path = n->path, .parent = dir, .child = child, .next = next, .layer = rd->layer, .type = e->type,
		.mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime = e->mtime,
		.size = e->type == UNAR_FILE ? e->size : 0, .src_layer = rd->layer, .src_index = rd->index,
		.number = n->number, .src_number = n->number,
	};
	if (src) {
		n->type = src->type;
		n->mode = src->mode;
		n->uid = src->uid;
		n->gid = src->gid;
		n->mtime = src->mtime;
		n->size = src->size;
		n->target = src->target;
		n->src_layer = src->src_layer;
		n->src_index = src->src_index;
		n->src_number = src->src_number;
		n->hardlink = true;
	} else if (e->type == UNAR_SYMLINK) {
		rd->r->path_bytes += strlen(e->target);
		if (rd->r->path_bytes > ROOTFS_MAX_PATH_BYTES)
			return layer_too_long(rd->err);
		n->target = arena_strdup(&rd->r->arena, e->target);
	}
	if (n->type != UNAR_DIR && rd->hooks && rd->hooks->placed)
		rd->hooks->placed(rd->hooks->ctx, n);
	return 0;
}

static int hand_over(struct reading *rd, struct unar *unar, const struct rootfs_node *n)
{
	const struct rootfs_hooks *h = rd->hooks;
	const void *p;
	size_t len;
	int r;

	if (!unar || !h || !h->want || !h->want(h->ctx, n) || n->type != UNAR_FILE || n->hardlink)
		return 0;
	while ((r = unar_data(unar, &p, &len, rd->err)) > 0)
		if (len && h->data(h->ctx, n, p, len, rd->err) < 0)
			return -1;
	return r < 0 ? -1 : h->data(h->ctx, n, NULL, 0, rd->err);
}

/* @unar: gives its bytes; NULL: they have passed. */
static int entry(struct reading *rd, struct unar *unar, const struct unar_entry *e)
{
	struct rootfs *r = rd->r;
	const char *slash = strrchr(e->path, '/'), *base = slash ? slash + 1 : e->path;
	CLEAN_FREE char *lexical = xstrndup(e->path, slash ? (size_t)(slash - e->path) : 0);
	struct rootfs_node *dir, *n;
	struct walk w;
	int ret;

	if (strlen(e->path) > ROOTFS_MAX_PATH)
		return err_set(rd->err, ERR_LIMIT, "limit exceeded: a name of %zu bytes", strlen(e->path));
	if (unar_path_escapes(e->path))
		return fault(rd, starts_with(base, WHITEOUT) ? ROOTFS_WHITEOUT : ROOTFS_BAD_NAME, e->path, NULL);
	if (!*e->path || strcmp(e->path, ".") == 0) {
		if (e->type == UNAR_DIR) {
			r->root->mode = e->mode;
			r->root->uid = e->uid;
			r->root->gid = e->gid;
			r->root->implied = false;
		}
		return 0;
	}
	walk(r, lexical, true, rd->layer, &rd->parent, &w);
	if (w.loop || w.climbed || w.linked) {
		if (fault(rd, ROOTFS_THROUGH, e->path, NULL) < 0)
			return -1;
		/* where it would land is nobody's wish */
		return 0;
	}
	ret = whiteout(rd, e->path, rd->parent.ptr, base);
	if (ret)
		return ret < 0 ? -1 : 0;
	dir = directory(rd, rd->parent.ptr);
	if (!dir || check_parent(rd, dir, e->path) < 0)
		return -1;
	buf_reset(&rd->path);
	buf_addf(&rd->path, "%s%s%s", dir->path, *dir->path ? "/" : "", base);
	n = node_at(r, dir, rd->path.ptr, rd->err);
	if (!n || put(rd, e, dir, n) < 0)
		return -1;
	return n->gone ? 0 : hand_over(rd, unar, n);
}

static int put_entry(struct reading *rd, struct rootfs_layer *l, struct unar *unar, const struct unar_entry *e)
{
	int ret;

	rd->is_file = e->type != UNAR_DIR;
	ret = entry(rd, unar, e);
	l->files += rd->is_file;
	l->file_bytes += rd->is_file && e->type == UNAR_FILE ? e->size : 0;
	return ret;
}

/* Of a media type that is none of a layer's the caller knows more. */
static int check_codec(const struct reading *rd, const struct rootfs_layer *l)
{
	const int said = media_layer_codec(rd->r->manifest->ptr[rd->layer].media_type);

	return said >= 0 && said != (int)l->codec ? fault(rd, ROOTFS_CODEC, NULL, codec_name(l->codec)) : 0;
}

static int read_layer(struct reading *rd, struct layer_reader *lr, struct rootfs_layer *l)
{
	struct unar_entry e;
	int ret;

	l->codec = lr->codec;
	if (check_codec(rd, l) < 0)
		return -1;
	while ((ret = layer_read_entry(lr, rd->hooks, rd->layer, l, rd->r->max_entries, &e, rd->err)) > 0) {
		rd->index = (uint32_t)l->entries - 1;
		if (put_entry(rd, l, lr->unar, &e) < 0) {
			ret = -1;
			break;
		}
	}
	return layer_read_end(lr, ret, l, rd->err);
}

static int read_here(struct reading *rd, struct rootfs_layer *l, const char *name, uint64_t used)
{
	const struct rootfs *r = rd->r;
	CLEAN_LAYER_READER struct layer_reader lr = { .piece = PIECE_INIT };

	if (layer_reader_open(&lr, r->origin, &r->manifest->ptr[rd->layer], name, r->max_bytes - used, rd->err) < 0)
		return layer_read_end(&lr, -1, l, rd->err);
	return read_layer(rd, &lr, l);
}

static int put_list(struct reading *rd, struct rootfs_layer *l, const struct layer_list *list)
{
	const struct digest digest = l->digest;

	*l = list->layer;
	l->digest = digest;
	if (list->layer.entries && check_codec(rd, l) < 0)
		return -1;
	for (size_t i = 0; i < list->len; i++) {
		rd->index = (uint32_t)i;
		if (put_entry(rd, l, NULL, &list->ptr[i]) < 0)
			return -1;
	}
	if (list->ret < 0)
		*rd->err = list->err;
	return list->ret;
}

static bool worth_threads(const struct reading *rd)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < rd->r->manifest->len; i++)
		sum += rd->r->manifest->ptr[i].size < THREADS_FROM ? rd->r->manifest->ptr[i].size : THREADS_FROM;
	return sum >= THREADS_FROM && (!rd->hooks || !rd->hooks->want);
}

static int read_all(struct reading *rd, struct layer_lists *lists, const struct doc_config *config)
{
	struct rootfs *r = rd->r;
	uint64_t used = 0;

	for (size_t i = 0; i < r->manifest->len; i++) {
		CLEAN_FREE char *name = layer_name(r->manifest, i);
		struct rootfs_layer *l = &r->layers[i];
		int ret;

		rd->layer = (uint32_t)i;
		l->digest = r->manifest->ptr[i].digest;
		r->nlayers = i + 1;
		ret = lists ? put_list(rd, l, layer_lists_get(lists, i)) : read_here(rd, l, name, used);
		if (lists)
			layer_lists_drop(lists, i);
		if (ret == 0 && config && i < config->ndiff_ids && strcmp(config->diff_ids[i].s, l->diff_id.s) != 0)
			ret = fault(rd, ROOTFS_DIFF_ID, NULL, l->diff_id.s);
		if (ret == 0 && l->tar_size > r->max_bytes - used)
			ret = err_set(rd->err, ERR_LIMIT, "limit exceeded: more than %llu bytes uncompressed",
				      (unsigned long long)r->max_bytes);
		if (ret < 0)
			return strstr(rd->err->msg, name) ? -1 : err_wrap(rd->err, "%s", name);
		used += l->tar_size;
	}
	return 0;
}

int rootfs_read(struct rootfs *r, struct origin *o, const struct document *manifest, const struct doc_config *config,
		const struct rootfs_limits *limits, const struct rootfs_hooks *hooks, struct err *err)
{
	struct reading rd = { .r = r, .hooks = hooks, .path = BUF_INIT, .parent = BUF_INIT, .err = err };
	struct layer_lists *lists;
	int ret;

	*r = (struct rootfs){ .manifest = manifest, .origin = o,
			      .max_bytes = limits && limits->bytes ? limits->bytes : ROOTFS_MAX_BYTES,
			      .max_entries = limits && limits->entries ? limits->entries : ROOTFS_MAX_ENTRIES };
	r->layers = arena_alloc(&r->arena, (manifest->len + 1) * sizeof(*r->layers));
	r->root = arena_new(&r->arena, struct rootfs_node);
	*r->root = (struct rootfs_node){ .path = "", .type = UNAR_DIR, .mode = 0755, .implied = true };
	lists = worth_threads(&rd) ? layer_lists_new(r, hooks) : NULL;
	ret = read_all(&rd, lists, config);
	layer_lists_free(lists);
	buf_release(&rd.path);
	buf_release(&rd.parent);
	return ret;
}

void rootfs_release(struct rootfs *r)
{
	map_release(&r->paths);
	arena_release(&r->arena);
	*r = (struct rootfs){ .nlayers = 0 };
}

int rootfs_file(const struct rootfs *r, const struct rootfs_node *node, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_LAYER_READER struct layer_reader lr = { .piece = PIECE_INIT };
	CLEAN_FREE char *name = layer_name(r->manifest, node->src_layer);
	struct unar_entry e;
	const void *p;
	size_t n;
	int ret = 1;

	if (layer_reader_open(&lr, r->origin, &r->manifest->ptr[node->src_layer], name, r->max_bytes, err) < 0)
		return -1;
	for (uint32_t i = 0; i <= node->src_index && ret > 0; i++)
		ret = unar_next(lr.unar, &e, err);
	if (ret == 0)
		return err_set(err, ERR_FORMAT, "%s: has changed while it was read", name);
	while (ret > 0 && (ret = unar_data(lr.unar, &p, &n, err)) > 0)
		if (sink(ctx, p, n, err) < 0)
			return -1;
	return ret;
}
