/* SPDX-License-Identifier: Apache-2.0 */
#include "local/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/member.h"
#include "os/fs.h"

#define HEAD "{\"version\":\"1.0\",\"timestamp\":\""
#define BLOCK 65536

/* ---- a line ---- */

static bool is_json(struct str s)
{
	const size_t flags = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	json_t *j = json_loadb(s.ptr ? s.ptr : "", s.len, flags, NULL);

	json_decref(j);
	return j != NULL;
}

static void add_payload(struct buf *out, const char *key, struct str s)
{
	if (is_json(s)) {
		size_t from;

		member(out, key);
		from = out->len;
		buf_adds(out, s);
		/* As it is, numbers too; a newline can only stand between tokens. */
		for (char *p = out->ptr + from; p < out->ptr + out->len; p++)
			if (*p == '\n' || *p == '\r')
				*p = ' ';
	} else if (str_is_utf8(s)) {
		member_str(out, key, s);
	} else {
		buf_addf(out, ",\"%sBase64\":\"", key);
		buf_add_base64(out, s.ptr, s.len);
		buf_addc(out, '"');
	}
}

void dead_letter_line(struct buf *out, const struct dead_letter *d)
{
	time_t s = (time_t)(d->now / 1000000000);
	CLEAN_FREE char *arn = xasprintf("%s" STR_FMT ":$LATEST", d->arn, STR_ARG(d->function));
	char when[32];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(out, HEAD "%s.%03dZ\",\"requestContext\":{", when, (int)(d->now / 1000000 % 1000));
	member_str(out, "requestId", d->id);
	member_text(out, "functionArn", arn);
	buf_addf(out, ",\"condition\":\"%s\",\"approximateInvokeCount\":%u}", d->condition, d->attempts);
	add_payload(out, "requestPayload", d->request);
	if (d->status) {
		buf_addf(out, ",\"responseContext\":{\"statusCode\":%d,\"executedVersion\":\"$LATEST\"", d->status);
		if (d->function_error)
			member_text(out, "functionError", d->function_error);
		buf_addc(out, '}');
		add_payload(out, "responsePayload", d->response);
	}
	buf_addz(out, "}\n");
}

/* ---- the file ---- */

static int cannot(const struct dead_letters *l, struct err *err)
{
	return err_sys(err, "cannot write the dead-letter file %s", l->path);
}

/* Where the last line begins that has no end; @size if all have one. */
static int last_line(const struct dead_letters *l, int64_t size, int64_t *begin, struct err *err)
{
	CLEAN_FREE char *block = xmalloc(BLOCK);
	int64_t at = size;

	while (at > 0) {
		int64_t from = at > BLOCK ? at - BLOCK : 0;
		ssize_t n = pread(l->fd, block, (size_t)(at - from), from);
		const char *nl;

		if (n < 0)
			return cannot(l, err);
		nl = n ? memrchr(block, '\n', (size_t)n) : NULL;
		if (nl) {
			*begin = from + (nl - block) + 1;
			return 0;
		}
		at = from;
	}
	*begin = 0;
	return 0;
}

static int mend(struct dead_letters *l, struct err *err)
{
	char head[sizeof(HEAD) - 1];
	int64_t begin;
	size_t n;

	if (last_line(l, l->start, &begin, err) < 0)
		return -1;
	if (begin == l->start)
		return 0;
	n = (size_t)(l->start - begin) < sizeof(head) ? (size_t)(l->start - begin) : sizeof(head);
	if (pread(l->fd, head, n, begin) != (ssize_t)n)
		return cannot(l, err);
	if (memcmp(head, HEAD, n) != 0)
		return fs_write_all(l->fd, "\n", 1, l->path, err);
	/* its event is in the queue still */
	if (ftruncate(l->fd, begin) < 0)
		return cannot(l, err);
	l->start = begin;
	return 0;
}

static int open_file(struct dead_letters *l, struct err *err)
{
	struct stat st;

	l->fd = open(l->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (l->fd < 0 && errno == ENOENT) {
		l->fd = open(l->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
		l->made = true;
	}
	if (l->fd < 0 || flock(l->fd, LOCK_EX) < 0 || fstat(l->fd, &st) < 0)
		return cannot(l, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "cannot write the dead-letter file %s: not a regular file", l->path);
	l->start = st.st_size;
	return mend(l, err);
}

int dead_letters_open(struct dead_letters *l, const char *path, struct err *err)
{
	*l = (struct dead_letters){ .path = path, .fd = -1 };
	if (open_file(l, err) == 0)
		return 0;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	return -1;
}

int dead_letters_add(struct dead_letters *l, struct str line, struct err *err)
{
	CLEAN_FREE char *name = xasprintf("the dead-letter file %s", l->path);

	return fs_write_all(l->fd, line.ptr, line.len, name, err);
}

static int sync_dir(const struct dead_letters *l, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(l->path);
	CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? cannot(l, err) : 0;
}

int dead_letters_commit(struct dead_letters *l, struct err *err)
{
	if (fdatasync(l->fd) < 0)
		cannot(l, err);
	else if (!l->made || sync_dir(l, err) == 0) {
		close(l->fd);
		l->fd = -1;
		return 0;
	}
	dead_letters_abort(l);
	return -1;
}

void dead_letters_abort(struct dead_letters *l)
{
	if (l->fd < 0)
		return;
	/* if this fails, too, the rest of a line is cut off when it is opened the next time */
	(void)!ftruncate(l->fd, l->start);
	close(l->fd);
	l->fd = -1;
}
