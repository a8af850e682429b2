/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes and attributes of the files of a layer's directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"
#include "stage/snap_make.h"

#define HOLE ((size_t)64 << 10)		/* the shortest one worth a seek */
#define PAGE ((size_t)4 << 10)

void snap_file_begin(struct snap_make *m, const struct snap_entry *e, const char *path)
{
	m->entry = *e;
	m->file = xstrdup(path);
	m->at = m->end = m->zeros = 0;
}

void snap_file_close(struct snap_make *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	free(steal(&m->file));
}

static bool all_zero(const char *p, size_t n)
{
	return !p[0] && !p[n - 1] && memcmp(p, p + 1, n - 1) == 0;
}

static int put(struct snap_make *m, const char *p, size_t n, uint64_t at, struct err *err)
{
	while (n) {
		ssize_t w;

		if (sig_check(err) < 0)
			return -1;
		w = pwrite(m->fd, p, n, (off_t)at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return snap_make_failed(m, m->file, err);
		p += w;
		n -= (size_t)w;
		at += (uint64_t)w;
		m->end = at;
	}
	return 0;
}

/* Bytes after the zeros that were kept back: too few of those are no hole. */
static int put_after(struct snap_make *m, const char *p, size_t n, struct err *err)
{
	static const char zeros[HOLE];

	if (!n)
		return 0;
	if (m->zeros && m->zeros < HOLE && put(m, zeros, (size_t)m->zeros, m->at - m->zeros, err) < 0)
		return -1;
	m->zeros = 0;
	if (put(m, p, n, m->at, err) < 0)
		return -1;
	m->at += n;
	return 0;
}

/* How many zeros there are from @at of the file on, in whole pages of it; a page may be cut by the block's ends. */
static size_t zero_run(const char *p, size_t n, uint64_t at)
{
	size_t run = 0;

	while (run < n) {
		size_t k = PAGE - (size_t)((at + run) % PAGE);

		k = k < n - run ? k : n - run;
		if (!all_zero(p + run, k))
			break;
		run += k;
	}
	return run;
}

int snap_make_data(struct snap_make *m, const void *data, size_t n, struct err *err)
{
	const char *p = data;
	size_t from = 0, i = 0;		/* from: what is not written yet */

	while (i < n) {
		const uint64_t at = m->at + (i - from);
		const size_t run = zero_run(p + i, n - i, at);
		size_t k = PAGE - (size_t)(at % PAGE);

		/* a short run amid others is as any bytes; at an end it may go on in the next block */
		if (run && (i == 0 || i + run == n || run >= HOLE)) {
			if (put_after(m, p + from, i - from, err) < 0)
				return -1;
			m->zeros += run;
			m->at += run;
			i += run;
			from = i;
			continue;
		}
		k = run ? run : k;
		i += k < n - i ? k : n - i;
	}
	return put_after(m, p + from, n - from, err);
}

int snap_make_end(struct snap_make *m, struct err *err)
{
	const struct timespec times[2] = { { m->entry.mtime, 0 }, { m->entry.mtime, 0 } };
	const mode_t mode = S_ISREG(m->entry.mode) ? m->entry.mode & 07777 : 0600;
	int r = 0;

	/* a hole at the end */
	if (m->end < m->at && ftruncate(m->fd, (off_t)m->at) < 0)
		r = snap_make_failed(m, m->file, err);
	if (r == 0)
		r = snap_set_attrs(m, m->fd, &m->entry, m->file, err);
	/* last: a change of the owner takes setuid away */
	if (r == 0 && (fchmod(m->fd, mode) < 0 || futimens(m->fd, times) < 0))
		r = snap_make_failed(m, m->file, err);
	snap_file_close(m);
	return r;
}

/* What it really is, where we may not make it so. */
static int set_owner_text(int fd, const struct snap_entry *e)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%u:%u", e->uid, e->gid);

	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		n += snprintf(text + n, sizeof(text) - (size_t)n, ":%o:%u:%u", (unsigned)e->mode, major(e->rdev),
			      minor(e->rdev));
	return fsetxattr(fd, SNAP_OWNER, text, (size_t)n, 0);
}

static int set_owner(struct snap_make *m, int fd, const struct snap_entry *e, const char *path, struct err *err)
{
	const bool own = e->uid == m->uid && e->gid == m->gid, stands_for = S_ISCHR(e->mode) || S_ISBLK(e->mode);

	if (!stands_for && (own || fchown(fd, e->uid, e->gid) == 0))
		return 0;
	if (!stands_for && errno != EINVAL && errno != EPERM)
		return snap_make_failed(m, path, err);
	return set_owner_text(fd, e) < 0 ? snap_make_failed(m, path, err) : 0;
}

int snap_set_attrs(struct snap_make *m, int fd, const struct snap_entry *e, const char *path, struct err *err)
{
	if (set_owner(m, fd, e, path, err) < 0)
		return -1;
	for (size_t i = 0; i < e->nxattrs; i++) {
		const struct xattr *x = &e->xattrs[i];

		if (!snap_xattr_kept(x->name) || fsetxattr(fd, x->name, x->value, x->size, 0) == 0)
			continue;
		/* as far as we may and the file system can */
		if (errno != EPERM && errno != ENOTSUP && errno != EINVAL)
			return snap_make_failed(m, path, err);
	}
	return 0;
}
