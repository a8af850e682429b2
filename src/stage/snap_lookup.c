/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in a stack of layers, as a process of the container would walk them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/fs.h"
#include "stage/snapshot_internal.h"

#define MAX_HOPS 40u		/* the kernel's, of symlinks on the way */

void snap_node_release(struct snap_node *n)
{
	free(n->target);
	free(n->host);
	*n = (struct snap_node){ .target = NULL };
}

static char *read_target(const char *host, struct err *err)
{
	char text[TREE_MAX_PATH + 2];
	const ssize_t n = readlink(host, text, sizeof(text));

	if (n < 0) {
		err_sys(err, "cannot read %s", host);
		return NULL;
	}
	if ((size_t)n > TREE_MAX_PATH) {
		err_set(err, ERR_LIMIT, "%s: limit exceeded: a symlink's target of more than %u bytes", host,
			TREE_MAX_PATH);
		return NULL;
	}
	return xstrndup(text, (size_t)n);
}

static int node_of(const struct snap_stack *s, const struct snap_at *a, struct snap_node *out, struct err *err)
{
	CLEAN_FREE char *host = snap_host(s, a), *target = NULL;
	struct stat st = a->st;

	snap_owner_apply(host, &st);
	if (S_ISLNK(st.st_mode)) {
		target = read_target(host, err);
		if (!target)
			return -1;
	}
	*out = (struct snap_node){ .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid,
				   .size = (uint64_t)st.st_size, .rdev = st.st_rdev, .mtime = st.st_mtim.tv_sec,
				   .target = steal(&target), .host = steal(&host), .layer = a->layers[0] };
	return 1;
}

/* A walk: the directories from the root to where it is. */
struct walk {
	const struct snap_stack *stack;
	struct {
		struct snap_at *ptr;
		size_t len, cap;
	} way;
	struct buf todo;
	size_t at;		/* in todo */
	unsigned hops;
	struct buf gone;	/* what is not there, below the last of way */
};

static void up(struct walk *w)
{
	snap_at_release(&w->way.ptr[--w->way.len]);
}

/* A component that nothing is there for: by its text alone. */
static void step_nowhere(struct walk *w, const char *name)
{
	if (strcmp(name, "..") != 0) {
		buf_addf(&w->gone, "%s%s", w->gone.len ? "/" : "", name);
	} else if (w->gone.len) {
		const char *slash = memrchr(w->gone.ptr, '/', w->gone.len);

		w->gone.len = slash ? (size_t)(slash - w->gone.ptr) : 0;
		w->gone.ptr[w->gone.len] = '\0';
	} else if (w->way.len > 1) {
		up(w);
	}
}

/* What is left to walk becomes the target of the link @a and then what is left. */
static int follow_link(struct walk *w, const struct snap_at *a, struct err *err)
{
	CLEAN_FREE char *host = snap_host(w->stack, a), *target = read_target(host, err);
	CLEAN_BUF struct buf next = BUF_INIT;

	if (!target)
		return -1;
	if (++w->hops > MAX_HOPS) {
		CLEAN_FREE char *shown = tree_shown(a->path);

		return err_set(err, ERR_LIMIT, "/%s: limit exceeded: more than %u symlinks on the way", shown,
			       MAX_HOPS);
	}
	buf_addf(&next, "%s/%s", target, w->todo.ptr + w->at);
	buf_reset(&w->todo);
	buf_adds(&w->todo, buf_str(&next));
	w->at = 0;
	while (*target == '/' && w->way.len > 1)
		up(w);
	return 0;
}

static int step(struct walk *w, const char *name, bool follow, bool *lost, struct err *err)
{
	const struct snap_at *here = w->way.len ? &w->way.ptr[w->way.len - 1] : NULL;
	struct snap_at next;
	int r;

	if (*lost || !S_ISDIR(here->st.st_mode)) {
		*lost = true;
		step_nowhere(w, name);
		return 0;
	}
	if (strcmp(name, "..") == 0) {
		if (w->way.len > 1)
			up(w);
		return 0;
	}
	r = snap_step(w->stack, here, name, &next, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		*lost = true;
		step_nowhere(w, name);
		return 0;
	}
	if (S_ISLNK(next.st.st_mode) && (follow || w->todo.ptr[w->at])) {
		r = follow_link(w, &next, err);
		snap_at_release(&next);
		return r;
	}
	VEC_PUSH(&w->way, next);
	return 0;
}

/* 1, 0, -1; the walk is the caller's to release, also after a failure. */
static int walk(struct walk *w, const char *path, bool follow, struct err *err)
{
	struct snap_at root;
	bool lost;
	int r = snap_root(w->stack, &root, err);

	if (r < 0)
		return r;
	if (r > 0)
		VEC_PUSH(&w->way, root);
	lost = r == 0;
	buf_addz(&w->todo, path);
	while (w->at < w->todo.len) {
		const char *begin = w->todo.ptr + w->at;
		const size_t len = strcspn(begin, "/");
		CLEAN_FREE char *name = xstrndup(begin, len);

		w->at += len + strspn(begin + len, "/");
		if (!len || strcmp(name, ".") == 0)
			continue;
		if (step(w, name, follow, &lost, err) < 0)
			return -1;
	}
	return !lost;
}

static void walk_release(struct walk *w)
{
	while (w->way.len)
		up(w);
	VEC_FREE(&w->way);
	buf_release(&w->todo);
	buf_release(&w->gone);
}

int snap_lookup(const struct snap_stack *s, const char *path, bool follow, struct snap_node *out, char **real,
		struct err *err)
{
	struct walk w = { .stack = s, .todo = BUF_INIT, .gone = BUF_INIT };
	int r = walk(&w, path, follow, err);

	*out = (struct snap_node){ .target = NULL };
	if (r > 0)
		r = node_of(s, &w.way.ptr[w.way.len - 1], out, err);
	if (real)
		*real = r < 0 ? NULL : path_join(w.way.len ? w.way.ptr[w.way.len - 1].path : "", w.gone.ptr);
	walk_release(&w);
	return r;
}

int snap_list(const struct snap_stack *s, const char *path, struct strs *names, struct err *err)
{
	struct walk w = { .stack = s, .todo = BUF_INIT, .gone = BUF_INIT };
	int r = walk(&w, path, true, err);

	if (r > 0 && S_ISDIR(w.way.ptr[w.way.len - 1].st.st_mode)) {
		r = snap_names(s, &w.way.ptr[w.way.len - 1], names, err);
	} else if (r >= 0 && (*path || s->n)) {
		CLEAN_FREE char *shown = tree_shown(path);

		r = err_set(err, ERR_NOTFOUND, "/%s: there is no such directory in the image", shown);
	}
	walk_release(&w);
	return r;
}
