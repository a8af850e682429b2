/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/fs.h"
#include "stage/sandbox_internal.h"

#define LINKS_MAX 40
#define LAYERS_MAX 480		/* the kernel takes 500 */

/* One step: below @root whatever happens, and no symlink on the way or at the end. */
static int open_real(int root, const char *path, struct err *err)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));

	if (fd < 0 && errno != ENOENT)
		err_sys(err, "/%s", path);
	return fd;
}

/* What is still to be walked: components of @rest in reverse. */
static void push_components(struct strs *todo, const char *path)
{
	size_t first = todo->len;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && !(n == 1 && path[0] == '.'))
			strs_take(todo, xstrndup(path, n));
		path += n + (path[n] == '/');
	}
	for (size_t i = first, j = todo->len; i + 1 < j; i++) {
		char *t = todo->ptr[i];

		todo->ptr[i] = todo->ptr[--j];
		todo->ptr[j] = t;
	}
}

static void pop_component(struct buf *real)
{
	while (real->len && real->ptr[real->len - 1] != '/')
		real->len--;
	if (real->len)
		real->len--;
	real->ptr[real->len] = '\0';
}

/**
 * overlay_resolve - follow @path below @root as chroot(2) would, also where it is not there: *@real is the path it has
 * or would have (heap, no leading slash), *@exists the length of the part that exists, *@mode the type of that part.
 */
int overlay_resolve(int root, const char *path, char **real, size_t *exists, mode_t *mode, struct err *err)
{
	CLEAN_STRS struct strs todo = { 0 };
	CLEAN_BUF struct buf at = BUF_INIT;
	unsigned links = 0;
	bool missing = false;

	*mode = S_IFDIR;
	*exists = 0;
	push_components(&todo, path);
	while (todo.len) {
		CLEAN_FREE char *name = todo.ptr[--todo.len];
		CLEAN_FD int fd = -1;
		char target[4096];
		struct stat st;
		ssize_t n;

		if (strcmp(name, "..") == 0) {
			pop_component(&at);
			missing &= at.len > *exists;
			if (!missing) {
				*exists = at.len;
				*mode = S_IFDIR;
			}
			continue;
		}
		if (!missing && !S_ISDIR(*mode))
			return err_set(err, ERR_NOTFOUND, "%s: /%s is not a directory in the image", path, at.ptr);
		if (at.len)
			buf_addc(&at, '/');
		buf_addz(&at, name);
		if (missing)
			continue;
		fd = open_real(root, at.ptr, err);
		if (fd < 0 && errno != ENOENT)
			return -1;
		if (fd < 0) {
			missing = true;
			continue;
		}
		if (fstat(fd, &st) < 0)
			return err_sys(err, "/%s", at.ptr);
		if (!S_ISLNK(st.st_mode)) {
			*exists = at.len;
			*mode = st.st_mode;
			continue;
		}
		n = readlinkat(fd, "", target, sizeof(target) - 1);
		if (n < 0)
			return err_sys(err, "/%s", at.ptr);
		target[n] = '\0';
		if (++links > LINKS_MAX)
			return err_set(err, ERR_LIMIT, "%s: too many symlinks", path);
		if (target[0] == '/')
			at.len = 0;
		pop_component(&at);
		*exists = at.len;
		push_components(&todo, target);
	}
	*real = buf_detach(&at);
	return 0;
}

/* A stub directory looks as the image's own does: it is what the run sees of it. */
static int copy_look(int root, const char *path, int stubs, struct err *err)
{
	CLEAN_FD int from = open_real(root, path, err);
	CLEAN_FREE char *proc = xasprintf("/proc/self/fd/%d", from);
	const char *to = path[0] ? path : ".";
	CLEAN_FREE char *dest = xasprintf("/proc/self/fd/%d/%s", stubs, path);
	char names[4096], value[4096];
	struct timespec times[2];
	struct stat st;
	ssize_t n;

	if (from < 0)
		return err_sys(err, "/%s", path);
	if (fstat(from, &st) < 0)
		return err_sys(err, "/%s", path);
	/* EINVAL: the owner is nobody here, whom nothing can be given to */
	if ((fchownat(stubs, to, st.st_uid, st.st_gid, 0) < 0 && errno != EINVAL) ||
	    fchmodat(stubs, to, st.st_mode & 07777, 0) < 0)
		return err_sys(err, "cannot make a mount point in a copy of /%s", path);
	n = listxattr(proc, names, sizeof(names));
	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		ssize_t size = getxattr(proc, name, value, sizeof(value));

		/* a security module's own are not ours to set */
		if (size >= 0 && setxattr(dest, name, value, (size_t)size, 0) < 0 && starts_with(name, "user."))
			return err_sys(err, "cannot make a mount point in a copy of /%s", path);
	}
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (utimensat(stubs, to, times, 0) < 0)
		return err_sys(err, "cannot make a mount point in a copy of /%s", path);
	return 0;
}

/* Directories of @real that exist in the image, then those that do not, then the mount point. */
static int make_stub(int stubs, const char *real, size_t exists, bool file, struct strs *copied,
		     struct err *err)
{
	for (const char *slash = strchr(real, '/');; slash = strchr(slash + 1, '/')) {
		size_t n = slash ? (size_t)(slash - real) : strlen(real);
		CLEAN_FREE char *part = xstrndup(real, n);
		bool last = !slash;
		int fd;

		if (last && file) {
			fd = openat(stubs, part, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
			if (fd < 0)
				return err_sys(err, "cannot make a mount point for /%s", real);
			close(fd);
			return 0;
		}
		if (mkdirat(stubs, part, 0755) == 0 && n <= exists)
			strs_add(copied, part);
		else if (errno != EEXIST && faccessat(stubs, part, F_OK, 0) < 0)
			return err_sys(err, "cannot make a mount point for /%s", real);
		if (last)
			return 0;
	}
}

/* Deepest first: what is made in a directory changes its time. */
static int finish_stubs(int root, int stubs, struct strs *copied, struct err *err)
{
	strs_sort(copied);
	for (size_t i = copied->len; i-- > 0;)
		if (copy_look(root, copied->ptr[i], stubs, err) < 0)
			return -1;
	return copy_look(root, "", stubs, err);
}

/* Whether @p lies in what another point mounts: there it is made later, if at all. */
static bool is_covered(const struct mount_points *points, const struct mount_point *p)
{
	for (const struct mount_point *q = points->ptr; q < p; q++) {
		size_t n = q->real ? strlen(q->real) : 0;

		if (n && strncmp(q->real, p->real, n) == 0 && p->real[n] == '/')
			return true;
	}
	return false;
}

static int resolve_point(int root, struct mount_point *p, struct err *err)
{
	CLEAN_FREE char *real = NULL;
	mode_t mode;

	if (overlay_resolve(root, p->path, &real, &p->exists, &mode, err) < 0)
		return -1;
	if (!real[0])
		return err_set(err, ERR_CONFIG, "%s: cannot mount over the root directory", p->path);
	if (!p->mount && !p->file && strcmp(real, p->path + 1) != 0)
		return err_set(err, ERR_BUILD, "%s is a symlink in the image: it must be a directory", p->path);
	if (real[p->exists] == '\0' && S_ISDIR(mode) == p->file)
		return err_set(err, ERR_BUILD, "cannot mount on %s: it is %s in the image", p->path,
			       S_ISDIR(mode) ? "a directory" : "not a directory");
	if (p->optional && real[p->exists] && strchr(real + p->exists + 1, '/'))
		return 0;
	p->real = steal(&real);
	return 0;
}

static int by_real(const void *a, const void *b)
{
	const struct mount_point *p = a, *q = b;

	if (!p->real || !q->real)
		return !p->real - !q->real;
	return strcmp(p->real, q->real);
}

/* Where all is, parents first, and stubs for what is missing; *@stubs stays -1 if there are none. */
static int place(int root, int disk, int *stubs, struct mount_points *points, struct err *err)
{
	CLEAN_STRS struct strs copied = { 0 };

	VEC_EACH(points, p)
		if (resolve_point(root, p, err) < 0)
			return -1;
	qsort(points->ptr, points->len, sizeof(*points->ptr), by_real);
	VEC_EACH(points, p) {
		if (!p->real || !p->real[p->exists] || is_covered(points, p))
			continue;
		if (*stubs < 0 && (mkdirat(disk, "s", 0755) < 0 ||
				   (*stubs = openat(disk, "s", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
			return err_sys(err, "cannot make mount points");
		if (make_stub(*stubs, p->real, p->exists, p->file, &copied, err) < 0)
			return -1;
	}
	return *stubs >= 0 ? finish_stubs(root, *stubs, &copied, err) : 0;
}

/* Layers by the numbers of their descriptors: neither a page of options nor a comma in a path is in the way. */
static int mount_layers(const int *fds, size_t n, int upper, int work, const char *on, struct err *err)
{
	CLEAN_BUF struct buf options = BUF_INIT;
	CLEAN_FD int here = open(".", O_PATH | O_CLOEXEC);
	int r;

	buf_addz(&options, "userxattr,index=off,lowerdir=");
	for (size_t i = n; i-- > 0;)
		buf_addf(&options, "%d%s", fds[i], i > 0 ? ":" : "");
	if (upper >= 0)
		buf_addf(&options, ",volatile,upperdir=%d,workdir=%d", upper, work);
	if (here < 0 || chdir("/proc/self/fd") < 0)
		return err_sys(err, "/proc/self/fd");
	/* a device of the image opens nothing of the machine, whatever the backend does about it */
	r = mount("overlay", on, "overlay", MS_NOSUID | MS_NODEV | (upper < 0 ? (unsigned long)MS_RDONLY : 0),
		  options.ptr);
	if (r < 0)
		err_sys(err, "cannot mount the layers");
	if (fchdir(here) < 0)
		return err_sys(err, "cannot go back to the working directory");
	return r;
}

static int no_upper(const struct sandbox_run *r, int upper, struct err *err)
{
	struct statfs fs;

	if (fstatfs(upper, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC)
		err_set(err, ERR_TOOL, "%s: lies on overlayfs, which cannot carry another overlay", r->upper);
	else
		err_set(err, ERR_TOOL, "%s: its file system has no extended attributes of users, which overlayfs needs",
			r->upper);
	return err_hint(err, "let SLSC_CACHE_DIR name a directory of ext4, xfs, btrfs or, since Linux 6.6, tmpfs");
}

static int probe_upper(const struct sandbox_run *r, int upper, struct err *err)
{
	struct statfs fs;

	if (fstatfs(upper, &fs) < 0)
		return err_sys(err, "%s", r->upper);
	if (fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return no_upper(r, upper, err);
	if (fsetxattr(upper, "user.slsc", "", 0, 0) < 0)
		return errno == ENOTSUP ? no_upper(r, upper, err) : err_sys(err, "%s", r->upper);
	if (fremovexattr(upper, "user.slsc") < 0)
		return err_sys(err, "%s", r->upper);
	return 0;
}

static int open_layers(const struct sandbox_run *r, int *fds, struct err *err)
{
	for (size_t i = 0; i < r->nlowers; i++) {
		fds[i] = open(r->lowers[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return err_sys(err, "%s", r->lowers[i]);
	}
	return 0;
}

/* fds: an empty directory, the layers, room for the stubs */
static int mount_all(struct rootfs_parts *p, struct mount_points *points, int *fds, struct err *err)
{
	const struct sandbox_run *r = p->run;
	CLEAN_FD int upper = -1, work = -1, stubs = -1, image = -1;
	size_t n = r->nlowers + 1;

	if (mkdirat(p->disk, "o", 0755) < 0 || mkdirat(p->work, "e", 0755) < 0 || mkdirat(p->work, "r", 0755) < 0)
		return err_sys(err, "%s", r->work);
	upper = open(r->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return err_sys(err, "%s", r->upper);
	work = openat(p->disk, "o", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[0] = openat(p->work, "e", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (work < 0 || fds[0] < 0)
		return err_sys(err, "%s", r->work);
	if (open_layers(r, fds + 1, err) < 0 || probe_upper(r, upper, err) < 0)
		return -1;

	/* The image as it is, to see what it lacks. */
	if (r->nlowers && mount_layers(fds, n, -1, -1, p->path, err) < 0)
		return -1;
	image = openat(p->work, r->nlowers ? "r" : "e", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (image < 0)
		return err_sys(err, "%s", p->path);
	/* the upper directory is what the run sees as its root directory */
	if (place(image, p->disk, &stubs, points, err) < 0 || copy_look(image, "", upper, err) < 0)
		return -1;
	close(steal_fd(&image));
	if (r->nlowers && umount2(p->path, MNT_DETACH) < 0)
		return err_sys(err, "cannot unmount %s", p->path);

	fds[n] = stubs;
	if (mount_layers(fds, stubs >= 0 ? n + 1 : n, upper, work, p->path, err) < 0)
		return -1;
	p->root = openat(p->work, "r", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return p->root < 0 ? err_sys(err, "%s", p->path) : 0;
}

int overlay_mount(struct rootfs_parts *p, struct mount_points *points, struct err *err)
{
	const struct sandbox_run *r = p->run;
	CLEAN_FREE int *fds = NULL;
	int ret;

	if (r->nlowers > LAYERS_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: %zu layers, at most %u", r->nlowers, LAYERS_MAX);
	fds = xcalloc(r->nlowers + 2, sizeof(*fds));
	memset(fds, 0xff, (r->nlowers + 2) * sizeof(*fds));
	ret = mount_all(p, points, fds, err);
	for (size_t i = 0; i <= r->nlowers; i++)
		clean_fd_(&fds[i]);
	return ret;
}
