/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image as one directory: its layers are read once, in order, their files put aside under numbers; then what is left
 * of them after all whiteouts is linked into a tree, directory by directory. No name of the image is ever looked up on
 * the disk, so that no link of it can lead anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/unpack.h"
#include "oci/rootfs.h"
#include "os/fs.h"

#define MAX_DEPTH 200u		/* as src/stage/snap_place.h */
#define KEY_MAX 24

struct image_unpacker {
	const char *shown;
	int files;		/* where files are put aside */
	int fd;			/* the one at hand; -1 */
	bool root;		/* we may give files away */
};

static char *key_of(const struct rootfs_node *n, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "%u.%u", n->src_layer, n->src_index);
	return key;
}

static int node_err(const struct image_unpacker *u, const char *path, struct err *err)
{
	const int sys = errno;
	CLEAN_FREE char *text = tree_shown(path);

	errno = sys;
	return err_sys(err, "%s: %s", u->shown, text);
}

/* What others do without, or mend. */
static int fault(void *ctx, enum rootfs_fault what, size_t layer, const char *path, const char *detail, struct err *err)
{
	static const char *const words[] = {
		[ROOTFS_BAD_NAME] = "leads out of the image",
		[ROOTFS_HARDLINK] = "is a hard link to nothing in the image:",
		[ROOTFS_THROUGH] = "is below a symlink of its own layer, or of one that leads out of the image",
		[ROOTFS_WHITEOUT] = "takes away what is outside of the image",
		[ROOTFS_DIFF_ID] = "its bytes are not those that the config names, but",
	};
	CLEAN_FREE char *text = tree_shown(path ? path : "");

	(void)ctx;
	(void)layer;
	if (what >= ARRAY_LEN(words) || !words[what])
		return 0;
	return err_set(err, ERR_FORMAT, "%s%s%s%s%s", text, path ? ": " : "", words[what], detail ? " " : "",
		       detail ? detail : "");
}

static bool want(void *ctx, const struct rootfs_node *n)
{
	(void)ctx;
	return n->type == UNAR_FILE;
}

/* No instance may get more rights than it starts with: those bits would tell users of this machine something else. */
static int finish(const struct image_unpacker *u, int fd, const struct rootfs_node *n, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = n->mtime }, { .tv_sec = n->mtime } };
	mode_t mode = n->mode & (n->type == UNAR_DIR ? 01777 : 0777);

	if (u->root ? fchown(fd, n->uid, n->gid) < 0 : false)
		return node_err(u, n->path, err);
	/* without rights of our own over them, what shuts us out cannot even be removed */
	if (!u->root)
		mode |= n->type == UNAR_DIR ? 0700 : 0400;
	if (fchmod(fd, mode) < 0)
		return node_err(u, n->path, err);
	futimens(fd, t);
	return 0;
}

static int data(void *ctx, const struct rootfs_node *n, const void *p, size_t len, struct err *err)
{
	struct image_unpacker *u = ctx;
	char key[KEY_MAX];
	int ret;

	if (u->fd < 0)
		u->fd = openat(u->files, key_of(n, key), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->fd < 0)
		return node_err(u, n->path, err);
	if (len)
		return fs_write_all(u->fd, p, len, u->shown, err);
	ret = finish(u, u->fd, n, err);
	clean_fd_(&u->fd);
	u->fd = -1;
	return ret;
}

static int place(const struct image_unpacker *u, const struct rootfs_node *n, int dir, unsigned depth, struct err *err);

static int place_children(const struct image_unpacker *u, const struct rootfs_node *n, int fd, unsigned depth,
			  struct err *err)
{
	if (depth > MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: %s: limit exceeded: a path of more than %u names", u->shown,
			       n->path, MAX_DEPTH);
	for (const struct rootfs_node *c = n->child; c; c = c->next)
		if (!c->gone && place(u, c, fd, depth + 1, err) < 0)
			return -1;
	return finish(u, fd, n, err);
}

static int place(const struct image_unpacker *u, const struct rootfs_node *n, int dir, unsigned depth, struct err *err)
{
	const char *name = path_basename(n->path);
	CLEAN_FD int fd = -1;
	char key[KEY_MAX];

	switch (n->type) {
	case UNAR_DIR:
		if (mkdirat(dir, name, 0700) < 0)
			return node_err(u, n->path, err);
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? node_err(u, n->path, err) : place_children(u, n, fd, depth, err);
	case UNAR_SYMLINK:
		if (symlinkat(n->target, dir, name) < 0)
			return node_err(u, n->path, err);
		return u->root && fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0 ?
		       node_err(u, n->path, err) : 0;
	case UNAR_FILE:
		return linkat(u->files, key_of(n, key), dir, name, 0) < 0 ? node_err(u, n->path, err) : 0;
	default:
		/* devices are the platform's own, and a pipe would have nobody at its other end */
		return 0;
	}
}

static int unpack(struct image_unpacker *u, struct origin *o, const struct document *manifest,
		  const struct doc_config *config, int root, struct err *err)
{
	const struct rootfs_hooks hooks = { .fault = fault, .want = want, .data = data, .ctx = u };
	CLEAN_ROOTFS struct rootfs r = { .nlayers = 0 };

	if (rootfs_read(&r, o, manifest, config, NULL, &hooks, err) < 0)
		return starts_with(err->msg, u->shown) ? -1 : err_wrap(err, "%s", u->shown);
	return place_children(u, r.root, root, 0, err);
}

int unpack_image(struct origin *o, const struct document *manifest, const struct doc_config *config,
		 const struct digest *digest, char **dir, struct err *err)
{
	CLEAN_UNPACKING struct unpacking part = UNPACKING_INIT;
	CLEAN_FD int files_fd = -1, root_fd = -1;
	struct image_unpacker u = { .shown = o->shown, .fd = -1, .root = geteuid() == 0 };
	int there = unpacking_begin(&part, digest, err);

	if (there < 0)
		return -1;
	if (!there) {
		CLEAN_FREE char *files = path_join(part.part, "files"), *root = path_join(part.part, "root");
		int ret;

		if (mkdir(files, 0700) < 0 || mkdir(root, 0700) < 0)
			return err_sys(err, "%s", part.part);
		u.files = files_fd = open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (files_fd < 0 || root_fd < 0)
			return err_sys(err, "%s", part.part);
		ret = unpack(&u, o, manifest, config, root_fd, err);
		clean_fd_(&u.fd);
		if (ret < 0 || unpacking_end(&part, root, err) < 0)
			return -1;
	}
	*dir = steal(&part.dir);
	return 0;
}
