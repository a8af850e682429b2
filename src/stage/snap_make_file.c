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

#define HOLE ((size_t)64 << 10)

void snap_file_begin(struct snap_make *m, const struct snap_entry *e, const char *path)
{
	m->entry = *e;
	m->file = xstrdup(path);
	m->at = m->end = 0;
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
	return !p[0] && !p[n / 2] && !p[n - 1] && memcmp(p, p + 1, n - 1) == 0;
}

static int put(struct snap_make *m, const char *p, size_t n, struct err *err)
{
	while (n) {
		ssize_t w;

		if (sig_check(err) < 0)
			return -1;
		w = pwrite(m->fd, p, n, (off_t)m->at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return snap_make_failed(m, m->file, err);
		p += w;
		n -= (size_t)w;
		m->at += (uint64_t)w;
		m->end = m->at;
	}
	return 0;
}

int snap_make_data(struct snap_make *m, const void *data, size_t n, struct err *err)
{
	const char *p = data, *from = data;	/* from: what is not written yet */

	while (n) {
		const uint64_t at = m->at + (uint64_t)(p - from);
		size_t k = HOLE - (size_t)(at % HOLE);

		k = k < n ? k : n;
		if (k == HOLE && all_zero(p, k)) {
			if (put(m, from, (size_t)(p - from), err) < 0)
				return -1;
			m->at += k;
			from = p + k;
		}
		p += k;
		n -= k;
	}
	return put(m, from, (size_t)(p - from), err);
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
