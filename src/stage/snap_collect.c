/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/snap_collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void snap_collect_release(struct snap_collect *c)
{
	map_release(&c->links);
}

void snap_inode(const struct stat *st, char key[SNAP_INODE_MAX])
{
	snprintf(key, SNAP_INODE_MAX, "%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

static int add_symlink(struct snap_collect *c, const char *path, const char *host, struct err *err)
{
	char text[TREE_MAX_PATH + 2];
	const ssize_t n = readlink(host, text, sizeof(text) - 1);

	if (n < 0)
		return err_sys(err, "cannot read %s", host);
	text[n] = '\0';
	return tree_add_link(c->out, path, text, err);
}

static int add(struct snap_collect *c, const char *path, const char *host, const struct stat *st, struct err *err)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return tree_add_dir(c->out, path, st->st_mode, 0, 0, err);
	case S_IFLNK:
		return add_symlink(c, path, host, err);
	case S_IFCHR:
		return tree_add_node(c->out, path, TREE_CHAR, st->st_rdev, st->st_mode, err);
	case S_IFBLK:
		return tree_add_node(c->out, path, TREE_BLOCK, st->st_rdev, st->st_mode, err);
	case S_IFIFO:
		return tree_add_node(c->out, path, TREE_FIFO, 0, st->st_mode, err);
	default:
		return tree_add_sized(c->out, path, host, (uint64_t)st->st_size, st->st_mode, err);
	}
}

int snap_collect(struct snap_collect *c, const char *path, const char *host, const struct stat *lies,
		 const struct snap_attrs *attrs, struct err *err)
{
	struct stat st = *lies;
	char key[SNAP_INODE_MAX];

	if (S_ISSOCK(st.st_mode))
		return 0;
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
		const char *first;

		snap_inode(&st, key);
		first = map_get(&c->links, key);
		if (first)
			return tree_add_hardlink(c->out, path, first, err);
	}
	snap_owner_to_stat(attrs, &st);
	if (add(c, path, host, &st, err) < 0)
		return -1;
	tree_set_owner(c->out, st.st_uid, st.st_gid);
	tree_set_mtime(c->out, st.st_mtim.tv_sec < c->epoch ? st.st_mtim.tv_sec : c->epoch);
	if (attrs->len && tree_set_xattrs(c->out, attrs->ptr, attrs->len, err) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		map_put(&c->links, key, (void *)(uintptr_t)c->out->ptr[c->out->len - 1].path);
	return 0;
}
