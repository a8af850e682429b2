/* SPDX-License-Identifier: Apache-2.0 */
#include "local/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

#define NETWORK_MAX (1u << 20)	/* bytes of resolv.conf, or hosts */

void unpacking_release(struct unpacking *u)
{
	struct err ignored;

	if (u->part && fs_rmtree(u->part, &ignored) < 0)
		ignored.code = ERR_NONE;
	free(u->part);
	free(u->dir);
	clean_fd_(&u->lock);
	*u = (struct unpacking)UNPACKING_INIT;
}

int unpacked_hold(struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *held = path_join(cache, "local/held");

	return kept_hold(held, err);
}

int unpacked_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *home = path_join(cache, "local"), *held = path_join(home, "held");
	CLEAN_FREE char *trash = path_join(home, "gone");
	const char *const dirs[] = { home };
	CLEAN_FD int fd = -1;

	*out = (struct kept_pruned){ .bytes = 0 };
	if (!fs_is_dir(home))
		return 0;
	fd = kept_claim(held, out, err);
	if (fd < 0)
		return out->busy ? 0 : -1;
	/* of one that was killed */
	if (!dry_run && fs_rmtree(trash, err) < 0)
		return -1;
	if (kept_prune(dirs, ARRAY_LEN(dirs), trash, keep, dry_run, out, err) < 0)
		return -1;
	return dry_run ? 0 : fs_rmtree(trash, err);
}

int unpacking_begin(struct unpacking *u, const struct digest *digest, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache(), *home = path_join(cache, "local"), *lock = path_join(home, "lock");
	CLEAN_FREE char *part = NULL;

	u->dir = path_join(home, digest_hex(digest));
	if (fs_is_dir(u->dir))
		return 1;
	if (fs_mkdirs(home, err) < 0)
		return -1;
	u->lock = fs_lock(lock, "slsc local", NULL, NULL, err);
	if (u->lock < 0)
		return -1;
	/* made by who had the lock; else what a killed one has left is of no use */
	if (fs_is_dir(u->dir))
		return 1;
	part = xasprintf("%s.part", u->dir);
	if (fs_rmtree(part, err) < 0)
		return -1;
	if (mkdir(part, 0700) < 0)
		return err_sys(err, "%s", part);
	u->part = steal(&part);
	return 0;
}

int unpacking_end(struct unpacking *u, const char *from, struct err *err)
{
	CLEAN_FD int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* nobody looks at its bytes again: they have to be there after a power cut if its name is */
	if (fd < 0 || syncfs(fd) < 0 || rename(from, u->dir) < 0)
		return err_sys(err, "%s", u->dir);
	return 0;
}

/* ---- what is below a root ---- */

static int open_in(int root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
}

/* The directory, open; -1 with @err. */
static int open_dir(const char *root, const char *path, struct err *err)
{
	CLEAN_FD int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at = -1;

	if (top < 0)
		return err_sys(err, "%s", root);
	at = open_in(top, "");
	for (const char *p = path + strspn(path, "/"); at >= 0 && *p; p += strspn(p, "/")) {
		const char *end = p + strcspn(p, "/");
		CLEAN_FREE char *prefix = xstrndup(path, (size_t)(end - path)), *name = xstrndup(p, (size_t)(end - p));
		int next = open_in(top, prefix);

		/* of a link that leads nowhere this is EEXIST, and told of */
		if (next < 0 && errno == ENOENT && mkdirat(at, name, 0755) == 0)
			next = open_in(top, prefix);
		clean_fd_(&at);
		at = next;
		p = end;
	}
	if (at < 0)
		return err_sys(err, "/%s of the image", path + strspn(path, "/"));
	return steal_fd(&at);
}

int root_dir(const char *root, const char *path, struct err *err)
{
	CLEAN_FD int fd = open_dir(root, path, err);

	return fd < 0 ? -1 : 0;
}

static bool same(int dir, const char *name, const struct buf *want)
{
	CLEAN_FD int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEAN_FREE char *have = xmalloc(want->len + 1);

	return fd >= 0 && read(fd, have, want->len + 1) == (ssize_t)want->len &&
	       (!want->len || memcmp(have, want->ptr, want->len) == 0);
}

/* What is there, a link perhaps, is replaced as a whole: instances may be reading it. */
static int put_network(int etc, const char *name, struct err *err)
{
	CLEAN_FREE char *from = path_join("/etc", name), *tmp = xasprintf(".slsc-tmp.%s", name);
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FD int fd = -1;

	if (!fs_exists(from) || fs_read(from, NETWORK_MAX, &text, err) < 0)
		return fs_exists(from) ? -1 : 0;
	if (same(etc, name, &text))
		return 0;
	unlinkat(etc, tmp, 0);
	fd = openat(etc, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "/etc/%s of the image", name);
	if (fs_write_all(fd, text.ptr, text.len, name, err) < 0) {
		unlinkat(etc, tmp, 0);
		return -1;
	}
	if (fchmod(fd, 0644) < 0 || renameat(etc, tmp, etc, name) < 0) {
		err_sys(err, "/etc/%s of the image", name);
		unlinkat(etc, tmp, 0);
		return -1;
	}
	return 0;
}

int root_network(const char *root, struct err *err)
{
	CLEAN_FREE char *above = path_dirname(root), *lock_path = path_join(above, "lock");
	CLEAN_FD int lock = fs_lock(lock_path, "slsc local", NULL, NULL, err), etc = -1;

	if (lock < 0)
		return -1;
	etc = open_dir(root, "etc", err);
	if (etc < 0 || put_network(etc, "resolv.conf", err) < 0 || put_network(etc, "hosts", err) < 0)
		return -1;
	return 0;
}
