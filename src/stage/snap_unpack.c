/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as directories: of a blob, or of a tree. Of a blob one thread decompresses and hashes, and another writes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/source.h"
#include "base/mem.h"
#include "oci/layer_read.h"
#include "oci/rootfs.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/snap_internal.h"
#include "stage/snap_place.h"

#define READ_BLOCK ((size_t)256 << 10)

/** A directory that gets its name when it is whole. */
struct growing {
	const char *dir;
	char *tmp;
};

static void growing_release(struct growing *g)
{
	struct err ignored;

	if (g->tmp && fs_rmtree(g->tmp, &ignored) < 0)
		ignored.code = ERR_NONE;
	free(g->tmp);
}

/* Unique among processes and threads: the address of what lives while it grows. */
static int grow(struct growing *g, const char *dir, struct err *err)
{
	CLEAN_FREE char *above = path_dirname(dir);
	struct err ignored;

	if (fs_mkdirs(above, err) < 0)
		return -1;
	g->dir = dir;
	g->tmp = xasprintf("%s.tmp.%d.%zx", dir, (int)getpid(), (size_t)(uintptr_t)g);
	if (fs_rmtree(g->tmp, &ignored) < 0)
		ignored.code = ERR_NONE;
	if (mkdir(g->tmp, 0755) < 0 || chmod(g->tmp, 0755) < 0)
		return err_sys(err, "%s", g->tmp);
	return 0;
}

/* Somebody else may have made the same meanwhile: what is there is whole. */
static int grown(struct growing *g, struct err *err)
{
	if (rename(g->tmp, g->dir) == 0) {
		free(g->tmp);
		g->tmp = NULL;
		return 0;
	}
	if (errno == EEXIST || errno == ENOTEMPTY)
		return 0;
	return err_sys(err, "%s", g->dir);
}

static int unpack_all(struct placer *p, struct layer_reader *r, struct err *err)
{
	struct unar_entry e;
	int ret, fd;

	while ((ret = unar_next(r->unar, &e, err)) > 0)
		if (placer_put(p, &e, &fd, err) < 0 || (fd >= 0 && placer_file(p, r->unar, &e, fd, err) < 0))
			return -1;
	return ret < 0 ? -1 : placer_finish(p, err);
}

int snap_unpack(const char *dir, struct origin *o, const struct doc_descriptor *d, const struct digest *diff_id,
		struct err *err)
{
	CLEAN_FREE char *shown = xasprintf("layer %.19s", d->digest.s);
	CLEANUP(growing_release) struct growing g = { .tmp = NULL };
	CLEANUP(placer_close) struct placer p = { .root = -1, .parent = -1 };
	CLEAN_LAYER_READER struct layer_reader r = { .piece = PIECE_INIT };
	struct digest got;

	if (fs_is_dir(dir))
		return 0;
	if (grow(&g, dir, err) < 0 || placer_open(&p, g.tmp, shown, true, err) < 0 ||
	    layer_reader_open_ahead(&r, o, d, shown, ROOTFS_MAX_BYTES, err) < 0 || unpack_all(&p, &r, err) < 0 ||
	    layer_reader_end(&r, &got, err) < 0)
		return -1;
	if (diff_id && strcmp(diff_id->s, got.s) != 0)
		return err_set(err, ERR_FORMAT, "%s: unpacks to %s, but its image says %s", shown, got.s, diff_id->s);
	return grown(&g, err);
}

/* ---- trees ---- */

static enum unar_type type_of(enum tree_type t)
{
	static const enum unar_type types[] = {
		[TREE_FILE] = UNAR_FILE,	 [TREE_DIR] = UNAR_DIR,	  [TREE_LINK] = UNAR_SYMLINK,
		[TREE_HARDLINK] = UNAR_HARDLINK, [TREE_CHAR] = UNAR_CHAR, [TREE_BLOCK] = UNAR_BLOCK,
		[TREE_FIFO] = UNAR_FIFO
	};

	return types[t];
}

static int write_file(struct placer *p, const struct tree_entry *e, int fd, char *block, struct err *err)
{
	CLEAN_SOURCE struct source s = SOURCE_INIT;

	if (source_open(&s, e, err) < 0)
		return -1;
	while (s.done < e->size) {
		const uint64_t left = e->size - s.done;
		const size_t n = left < READ_BLOCK ? (size_t)left : READ_BLOCK;

		if (source_read(&s, block, n, err) < 0 || placer_write(p, fd, block, n, err) < 0)
			return -1;
	}
	return source_end(&s, err);
}

int snap_write(const char *dir, const struct tree *tree, int64_t mtime, struct err *err)
{
	CLEANUP(growing_release) struct growing g = { .tmp = NULL };
	CLEANUP(placer_close) struct placer p = { .root = -1, .parent = -1 };
	CLEAN_FREE char *block = xmalloc(READ_BLOCK);

	if (!tree->finished)
		BUG("snap_write() before tree_finish()");
	if (fs_is_dir(dir))
		return 0;
	if (grow(&g, dir, err) < 0 || placer_open(&p, g.tmp, dir, true, err) < 0)
		return -1;
	for (const struct tree_entry *t = tree->ptr; t < tree->ptr + tree->len; t++) {
		const struct unar_entry e = {
			.path = t->path,
			.type = type_of(t->type),
			.mode = t->mode,
			.uid = t->uid,
			.gid = t->gid,
			.mtime = tree->timed ? t->mtime : mtime,
			.size = t->size,
			.target = t->target,
			.major = t->major,
			.minor = t->minor,
			.xattrs = t->xattrs,
			.nxattrs = t->nxattrs,
		};
		int fd;

		if (sig_check(err) < 0 || placer_put(&p, &e, &fd, err) < 0)
			return -1;
		if (fd >= 0 && t->size && write_file(&p, t, fd, block, err) < 0) {
			close(fd);
			return -1;
		}
		if (fd >= 0 && placer_file_end(&p, &e, fd, t->size, err) < 0)
			return -1;
	}
	return placer_finish(&p, err) < 0 ? -1 : grown(&g, err);
}
