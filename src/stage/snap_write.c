/* SPDX-License-Identifier: Apache-2.0 */
/* A tree as a directory. */
#include <stdlib.h>

#include "archive/source.h"
#include "base/mem.h"
#include "os/fs.h"
#include "stage/snap_make.h"

#define BLOCK ((size_t)256 << 10)

static int contents(struct snap_make *m, const struct tree_entry *t, char *block, struct err *err)
{
	CLEAN_SOURCE struct source s = SOURCE_INIT;

	if (source_open(&s, t, err) < 0)
		return -1;
	while (s.done < t->size) {
		const uint64_t left = t->size - s.done;
		const size_t n = left < BLOCK ? (size_t)left : BLOCK;

		if (source_read(&s, block, n, err) < 0 || snap_make_data(m, block, n, err) < 0)
			return -1;
	}
	return source_end(&s, err) < 0 ? -1 : snap_make_end(m, err);
}

static int64_t clamped(int64_t t)
{
	const int64_t most = (INT64_C(1) << 33) - 1;	/* as tar_write() has it */

	return t < 0 ? 0 : t > most ? most : t;
}

static int add(struct snap_make *m, const struct tree_entry *t, int64_t mtime, char *block, struct err *err)
{
	static const mode_t types[] = {
		[TREE_FILE] = S_IFREG, [TREE_DIR] = S_IFDIR,   [TREE_LINK] = S_IFLNK, [TREE_HARDLINK] = S_IFREG,
		[TREE_CHAR] = S_IFCHR, [TREE_BLOCK] = S_IFBLK, [TREE_FIFO] = S_IFIFO,
	};
	const struct snap_entry e = {
		.path = t->path, .mode = types[t->type] | t->mode, .hardlink = t->type == TREE_HARDLINK,
		.target = t->target, .uid = t->uid, .gid = t->gid, .mtime = clamped(t->timed ? t->mtime : mtime),
		.rdev = t->rdev, .xattrs = t->xattrs, .nxattrs = t->nxattrs,
	};
	const int r = snap_make_add(m, &e, err);

	return r <= 0 ? r : contents(m, t, block, err);
}

int snap_write(const char *dir, const struct tree *tree, int64_t mtime, struct err *err)
{
	CLEAN_FREE char *block = NULL, *above = path_dirname(dir);
	struct snap_make *m;

	if (!tree->finished)
		BUG("snap_write() before tree_finish()");
	if (fs_is_dir(dir))
		return 0;
	if (fs_mkdirs(above, err) < 0)
		return -1;
	m = snap_make_new(dir, dir, err);
	if (!m)
		return -1;
	block = xmalloc(BLOCK);
	for (size_t i = 0; i < tree->len; i++)
		if (add(m, &tree->ptr[i], mtime, block, err) < 0) {
			snap_make_abort(m);
			return -1;
		}
	return snap_make_commit(m, err);
}
