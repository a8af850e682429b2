/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/proc.h"

#define BLOCK ((size_t)1 << 20)

static int changed(const struct source *s, struct err *err)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_sys(err, "cannot read %s", s->entry->src);
	err_set(err, ERR_IO, "%s: changed while it was archived: it had %llu bytes and now has %llu", s->entry->src,
		(unsigned long long)s->entry->size, (unsigned long long)st.st_size);
	return err_hint(err, "wait until nothing writes to it, then run it again");
}

/* A link on the way, or the file itself, may have been changed for another since somebody looked at it. */
static bool is_other(const struct tree_entry *e, const struct stat *st)
{
	return e->ino && (st->st_ino != e->ino || st->st_mtim.tv_sec != e->written.tv_sec ||
			  st->st_mtim.tv_nsec != e->written.tv_nsec);
}

static int replaced(const struct source *s, struct err *err)
{
	err_set(err, ERR_IO, "%s: changed while it was archived", s->entry->src);
	return err_hint(err, "wait until nothing writes to it, then run it again");
}

int source_open(struct source *s, const struct tree_entry *e, struct err *err)
{
	struct stat st;

	*s = (struct source){ .entry = e, .fd = -1 };
	if (!e->src)
		return 0;
	/* O_NONBLOCK: should a fifo have taken the file's place, do not wait for its writer. */
	s->fd = open(e->src, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return err_sys(err, "cannot read %s", e->src);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "cannot read %s: no longer a regular file", e->src);
	if ((uint64_t)st.st_size != e->size)
		return changed(s, err);
	if (is_other(e, &st))
		return replaced(s, err);
	posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int source_read(struct source *s, void *p, size_t n, struct err *err)
{
	char *to = p;

	if (n > s->entry->size - s->done)
		BUG("read past the end of %s", s->entry->path);
	if (s->fd < 0) {
		if (n)
			memcpy(to, (const char *)s->entry->data + s->done, n);
		s->done += n;
		return sig_check(err);
	}
	while (n) {
		ssize_t got;

		if (sig_check(err) < 0)
			return -1;
		got = read(s->fd, to, n < BLOCK ? n : BLOCK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read %s", s->entry->src);
		if (got == 0)
			return changed(s, err);
		to += got;
		n -= (size_t)got;
		s->done += (uint64_t)got;
	}
	return 0;
}

int source_end(struct source *s, struct err *err)
{
	struct stat st;

	if (s->fd < 0)
		return 0;
	if (fstat(s->fd, &st) < 0)
		return err_sys(err, "cannot read %s", s->entry->src);
	if ((uint64_t)st.st_size != s->entry->size)
		return changed(s, err);
	return is_other(s->entry, &st) ? replaced(s, err) : 0;
}

void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
