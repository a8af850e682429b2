/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's blob as a directory: one thread decompresses and hashes, the other writes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/layer_read.h"
#include "oci/rootfs.h"
#include "os/fs.h"
#include "stage/snap_make.h"

static const mode_t types[] = {
	[UNAR_FILE] = S_IFREG, [UNAR_DIR] = S_IFDIR,   [UNAR_SYMLINK] = S_IFLNK, [UNAR_HARDLINK] = S_IFREG,
	[UNAR_CHAR] = S_IFCHR, [UNAR_BLOCK] = S_IFBLK, [UNAR_FIFO] = S_IFIFO,	 [UNAR_SOCKET] = S_IFSOCK,
};

static int add(struct snap_make *m, struct unar *unar, const struct unar_entry *u, struct err *err)
{
	const struct snap_entry e = {
		.path = u->path, .mode = types[u->type] | u->mode, .hardlink = u->type == UNAR_HARDLINK,
		.target = u->target, .uid = u->uid, .gid = u->gid, .mtime = u->mtime, .rdev = u->rdev,
		.xattrs = u->xattrs, .nxattrs = u->nxattrs,
	};
	const void *p;
	size_t n;
	int r = snap_make_add(m, &e, err);

	if (r <= 0)
		return r;
	while ((r = unar_data(unar, &p, &n, err)) > 0)
		if (snap_make_data(m, p, n, err) < 0)
			return -1;
	return r < 0 ? -1 : snap_make_end(m, err);
}

static int read_all(struct snap_make *m, struct layer_reader *lr, const struct digest *diff_id, struct err *err)
{
	struct unar_entry e;
	struct digest got;
	int r;

	while ((r = unar_next(lr->unar, &e, err)) > 0)
		if (add(m, lr->unar, &e, err) < 0)
			return -1;
	if (r < 0 || layer_reader_end(lr, &got, err) < 0)
		return -1;
	if (diff_id && strcmp(diff_id->s, got.s) != 0)
		return err_set(err, ERR_FORMAT, "%s: its tar is %s, not %s, which the config says", m->shown, got.s,
			       diff_id->s);
	return 0;
}

int snap_unpack(const char *dir, struct origin *o, const struct doc_descriptor *d, const struct digest *diff_id,
		struct err *err)
{
	CLEAN_LAYER_READER struct layer_reader lr = { .fd = -1 };
	CLEAN_FREE char *shown = xasprintf("layer %.19s", d->digest.s), *above = path_dirname(dir);
	struct snap_make *m;

	if (fs_is_dir(dir))
		return 0;
	if (fs_mkdirs(above, err) < 0 || layer_reader_open_ahead(&lr, o, d, shown, ROOTFS_MAX_BYTES, err) < 0)
		return -1;
	m = snap_make_new(dir, shown, err);
	if (!m)
		return -1;
	if (read_all(m, &lr, diff_id, err) == 0)
		return snap_make_commit(m, err);
	snap_make_abort(m);
	return -1;
}
