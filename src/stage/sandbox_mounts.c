/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fs.h"
#include "stage/sandbox_internal.h"

/* The mount calls by descriptors: no path that an image or a user may have bent is walked twice. */

static int attach(int mnt, int on, const char *shown, struct err *err)
{
	if (syscall(SYS_move_mount, mnt, "", on, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "cannot mount on %s", shown);
	return 0;
}

static int clone_mount(int source, int flags, bool readonly, const char *shown, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	CLEAN_FD int mnt = (int)syscall(SYS_open_tree, source, "",
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (unsigned)flags);

	if (mnt < 0)
		return err_sys(err, "cannot mount %s", shown);
	attr.attr_set |= readonly ? MOUNT_ATTR_RDONLY : 0;
	if (syscall(SYS_mount_setattr, mnt, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0)
		return err_sys(err, "cannot mount %s%s", shown, readonly ? " read-only" : "");
	return steal_fd(&mnt);
}

static int make_tmpfs(const struct sandbox_mount *m, struct err *err)
{
	CLEAN_FD int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	char mode[16], size[32];
	int mnt;

	snprintf(mode, sizeof(mode), "%o", m->mode < 0 ? 01777 : (unsigned)m->mode);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
	    (m->size && syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", size, 0) < 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, "cannot make a tmpfs for %s", m->target);
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (m->readonly ? MOUNT_ATTR_RDONLY : 0));
	return mnt < 0 ? err_sys(err, "cannot make a tmpfs for %s", m->target) : mnt;
}

/* @source below what the run writes to it, which is lost. Returns the mount. */
static int make_overlay(struct rootfs_parts *p, const struct mount_point *mp, size_t index, struct err *err)
{
	CLEAN_FREE char *dir = xasprintf("m%zu", index);
	CLEAN_FREE char *upper = xasprintf("m%zu/u", index);
	CLEAN_FREE char *work = xasprintf("m%zu/w", index);
	CLEAN_FD int fs = -1, u = -1, w = -1;
	char path[4][64];
	struct stat st;
	int mnt;

	if (mkdirat(p->disk, dir, 0755) < 0 || mkdirat(p->disk, upper, 0755) < 0 || mkdirat(p->disk, work, 0755) < 0)
		return err_sys(err, "%s/%s", p->run->work, work);
	u = openat(p->disk, upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w = openat(p->disk, work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u < 0 || w < 0)
		return err_sys(err, "%s/%s", p->run->work, dir);
	/* its root is the upper directory's; EINVAL: the owner is nobody here */
	if (fstat(mp->source, &st) < 0 || (fchown(u, st.st_uid, st.st_gid) < 0 && errno != EINVAL) ||
	    fchmod(u, st.st_mode & 07777) < 0)
		return err_sys(err, "%s/%s", p->run->work, upper);
	snprintf(path[0], sizeof(path[0]), "/proc/self/fd/%d", mp->source);
	snprintf(path[1], sizeof(path[1]), "/proc/self/fd/%d", u);
	snprintf(path[2], sizeof(path[2]), "/proc/self/fd/%d", w);
	fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "lowerdir", path[0], 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "upperdir", path[1], 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "workdir", path[2], 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, "cannot mount an overlay of %s", mp->mount->source);
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return mnt < 0 ? err_sys(err, "cannot mount an overlay of %s", mp->mount->source) : mnt;
}

static int open_at_root(int root, const char *real)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, root, real, &how, sizeof(how));
}

/*
 * A sysfs shows the network of whoever mounts it: without one it has to be of a network namespace that is as empty as
 * that which the run gets. -1: not allowed here; the machine's then lists its interfaces, which cannot be reached.
 */
static int fresh_sys(void)
{
	CLEAN_FD int fs = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fs = (int)syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/*
 * Without what is mounted below, cgroups and the like, where that may be left out: in a user namespace it may not.
 */
static int mount_sys(struct rootfs_parts *p, int source, int on, struct err *err)
{
	/* what tells of the host, or is its to set; Docker hides the firmware, too */
	static const char *const hidden[] = { "sys/firmware", "sys/fs", "sys/kernel" };
	static const struct sandbox_mount nothing = { .type = SANDBOX_TMPFS, .target = "/sys", .readonly = true,
						      .mode = 0755 };
	CLEAN_FD int mnt = p->run->network ? -1 : fresh_sys();

	if (mnt < 0)
		mnt = clone_mount(source, 0, true, "/sys", err);
	if (mnt < 0)
		mnt = clone_mount(source, AT_RECURSIVE, true, "/sys", err);
	if (mnt < 0 || attach(mnt, on, "/sys", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		CLEAN_FD int dir = open_at_root(p->root, hidden[i]);
		CLEAN_FD int over = -1;

		if (dir < 0)
			continue;
		over = make_tmpfs(&nothing, err);
		if (over < 0 || attach(over, dir, hidden[i], err) < 0)
			return -1;
	}
	return 0;
}

/*
 * What lies in another mount has no stub: it is made there, as Docker does in a cache. In one that is read-only it must
 * be there.
 */
static int make_inside(int root, const struct mount_point *mp, struct err *err)
{
	for (const char *slash = strchr(mp->real, '/');; slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *part = slash ? xstrndup(mp->real, (size_t)(slash - mp->real)) : xstrdup(mp->real);
		CLEAN_FREE char *parent = path_dirname(part);
		CLEAN_FD int dir = -1, made = -1;
		CLEAN_FD int fd = open_at_root(root, part);

		if (fd < 0 && errno == ENOENT) {
			dir = open_at_root(root, parent);
			if (dir < 0)
				return err_sys(err, "cannot mount on %s", mp->path);
			if (!slash && mp->file) {
				made = openat(dir, path_basename(part), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
				if (made < 0)
					return err_sys(err, "cannot make the mount point %s", mp->path);
			} else if (mkdirat(dir, path_basename(part), 0755) < 0) {
				return err_sys(err, "cannot make the mount point %s", mp->path);
			}
		} else if (fd < 0) {
			return err_sys(err, "cannot mount on %s", mp->path);
		}
		if (!slash)
			return 0;
	}
}

static int mount_point_make(struct rootfs_parts *p, const struct mount_point *mp, size_t index, struct err *err)
{
	const struct sandbox_mount *m = mp->mount;
	CLEAN_FD int on = open_at_root(p->root, mp->real);
	CLEAN_FD int mnt = -1;

	if (on < 0 && errno == ENOENT) {
		if (make_inside(p->root, mp, err) < 0)
			return -1;
		on = open_at_root(p->root, mp->real);
	}
	if (on < 0)
		return err_sys(err, "cannot mount on %s", mp->path);
	if (strcmp(mp->path, "/sys") == 0)
		return mount_sys(p, mp->source, on, err);
	if (!m)
		mnt = clone_mount(mp->source, AT_RECURSIVE, true, mp->path, err);
	else if (m->type == SANDBOX_BIND)
		mnt = clone_mount(mp->source, AT_RECURSIVE, m->readonly, m->source, err);
	else if (m->type == SANDBOX_TMPFS)
		mnt = make_tmpfs(m, err);
	else
		mnt = make_overlay(p, mp, index, err);
	return mnt < 0 ? -1 : attach(mnt, on, mp->path, err);
}

int mounts_make(struct rootfs_parts *p, struct mount_points *points, struct err *err)
{
	for (size_t i = 0; i < points->len; i++) {
		const struct mount_point *mp = &points->ptr[i];

		/* /proc and /dev are the backend's */
		if (mp->real && (mp->mount || mp->source >= 0) && mount_point_make(p, mp, i, err) < 0)
			return -1;
	}
	return 0;
}
