/* SPDX-License-Identifier: Apache-2.0 */
/* By the central directory, as Lambda does. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "archive/zipdir.h"
#include "base/mem.h"
#include "local/unpack.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/snap_place.h"

#define TARGET_MAX 4095u	/* bytes of a symlink's */

static int refuse(const char *shown, const char *path, const char *what, struct err *err)
{
	CLEAN_FREE char *text = tree_shown(path);

	return err_set(err, ERR_FORMAT, "%s: %s: %s", shown, text, what);
}

static unsigned le16(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

/* APPNOTE 4.4.6: whoever made it, where we are it is UTC. */
static int64_t time_of(const struct zipdir *z, const struct zipdir_entry *e)
{
	const uint8_t *record = z->bytes + e->record;
	unsigned t = le16(record + 12), d = le16(record + 14);
	struct tm tm = { .tm_year = (int)(d >> 9) + 80, .tm_mon = (int)(d >> 5 & 15) - 1, .tm_mday = (int)(d & 31),
			 .tm_hour = (int)(t >> 11), .tm_min = (int)(t >> 5 & 63), .tm_sec = (int)(t & 31) * 2 };

	return timegm(&tm);
}

/* Whoever packed it: here it is ours, and a mode that shuts us out is of no use to anybody. */
static int describe(const struct zipdir *z, const struct zipdir_entry *e, const char *path, struct unar_entry *out,
		    struct err *err)
{
	mode_t mode = zipdir_mode(e);
	const bool dir = ends_with(e->name, "/");

	if (*path == '/')
		return refuse(z->shown, path, "an absolute path", err);
	if (e->has_nul)
		return refuse(z->shown, path, "a name that goes on behind a NUL", err);
	/* of who says no type it is a file's or directory's; DOS says no mode at all */
	if (!mode)
		mode = dir ? 0755 : 0644;
	if (!(mode & S_IFMT))
		mode |= dir ? S_IFDIR : S_IFREG;
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return refuse(z->shown, path, "is neither a file nor a directory nor a symlink", err);
	*out = (struct unar_entry){
		.path = path, .type = S_ISDIR(mode) || dir ? UNAR_DIR : S_ISLNK(mode) ? UNAR_SYMLINK : UNAR_FILE,
		.mode = (mode & 0777) | (S_ISDIR(mode) || dir ? 0700 : 0400), .uid = geteuid(), .gid = getegid(),
		.mtime = time_of(z, e), .size = e->size,
	};
	return 0;
}

static int put_entry(struct placer *p, const struct zipdir *z, const struct zipdir_entry *e, struct strs *links,
		     struct err *err)
{
	CLEAN_BUF struct buf bytes = BUF_INIT;
	const char *from = e->name;
	CLEAN_FREE char *path = NULL;
	struct unar_entry u;
	size_t n;
	int fd;

	while (starts_with(from, "./"))
		from += 2;
	for (n = strlen(from); n > 1 && from[n - 1] == '/';)
		n--;
	path = xstrndup(from, n);
	if (sig_check(err) < 0 || describe(z, e, path, &u, err) < 0)
		return -1;
	if (u.type != UNAR_DIR &&
	    zipdir_read(z, e, u.type == UNAR_SYMLINK ? TARGET_MAX : UNPACK_ZIP_MAX, &bytes, err) < 0)
		return -1;
	if (u.type == UNAR_SYMLINK) {
		u.target = bytes.len ? bytes.ptr : "";
		strs_add(links, path);
	}
	if (placer_put(p, &u, &fd, err) < 0)
		return -1;
	if (fd >= 0 && bytes.len && placer_write(p, fd, bytes.ptr, bytes.len, err) < 0) {
		close(fd);
		return -1;
	}
	return fd >= 0 ? placer_file_end(p, &u, fd, bytes.len, err) : 0;
}

/* Where they lead is known when all is there. The function runs without a root of its own: the kernel is asked. */
static int check_links(const struct placer *p, const struct strs *links, struct err *err)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

	for (size_t i = 0; i < links->len; i++) {
		CLEAN_FD int fd = (int)syscall(SYS_openat2, p->root, links->ptr[i], &how, sizeof(how));

		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return refuse(p->shown, links->ptr[i], errno == ELOOP ? "a symlink that goes round in circles" :
				      "a symlink that leads out of the zip", err);
	}
	return 0;
}

static int unpack(const struct zipdir *z, const char *dir, struct err *err)
{
	CLEANUP(placer_close) struct placer p = { .root = -1, .parent = -1 };
	CLEAN_STRS struct strs links = { 0 };
	uint64_t total = 0;

	for (size_t i = 0; i < z->len; i++) {
		total += z->ptr[i].size;
		if (z->ptr[i].size > UNPACK_ZIP_MAX || total > UNPACK_ZIP_MAX)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: it holds more than %llu bytes (250 MB)",
				       z->shown, (unsigned long long)UNPACK_ZIP_MAX);
	}
	if (placer_open(&p, dir, z->shown, false, err) < 0)
		return -1;
	for (size_t i = 0; i < z->len; i++)
		if (put_entry(&p, z, &z->ptr[i], &links, err) < 0)
			return -1;
	if (check_links(&p, &links, err) < 0 || placer_finish(&p, err) < 0)
		return -1;
	return fchmod(p.root, 0755) < 0 ? err_sys(err, "%s", dir) : 0;
}

int unpack_zip(const char *path, char **dir, struct err *err)
{
	CLEAN_UNPACKING struct unpacking u = UNPACKING_INIT;
	CLEAN_ZIPDIR struct zipdir z = { .arena = ARENA_INIT };
	struct digest digest;
	int there;

	if (zipdir_open(&z, path, err) < 0 || digest_of(z.map.ptr, z.map.len, &digest, err) < 0)
		return -1;
	there = unpacking_begin(&u, &digest, err);
	if (there < 0 || (!there && (unpack(&z, u.part, err) < 0 || unpacking_end(&u, u.part, err) < 0)))
		return -1;
	*dir = steal(&u.dir);
	return 0;
}
