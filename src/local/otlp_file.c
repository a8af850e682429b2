/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/otlp_internal.h"
#include "os/fs.h"

struct files {
	struct otlp_sink sink;
	int fd[OTLP_SIGNALS];
	char *path[OTLP_SIGNALS];
};

static void files_free(struct otlp_sink *s)
{
	struct files *f = CONTAINER_OF(s, struct files, sink);

	for (int i = 0; i < OTLP_SIGNALS; i++) {
		clean_fd_(&f->fd[i]);
		free(f->path[i]);
	}
	free(s->shown);
	free(f);
}

/* What a killed process has left of a line ends before ours begins. */
static int end_torn_line(int fd, off_t size, const char *path, struct err *err)
{
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return err_sys(err, "cannot read %s", path);
	return last == '\n' ? 0 : fs_write_all(fd, "\n", 1, path, err);
}

static int append(int fd, struct str body, const char *path, struct err *err)
{
	struct stat st;

	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "cannot lock %s", path);
	if (fstat(fd, &st) < 0) {
		err_sys(err, "cannot write %s", path);
	} else if (end_torn_line(fd, st.st_size, path, err) == 0 &&
		   fs_write_all(fd, body.ptr, body.len, path, err) == 0) {
		flock(fd, LOCK_UN);
		return 0;
	} else if (ftruncate(fd, st.st_size) < 0) {
		/* a part of a line stays: whoever appends next ends it */
	}
	flock(fd, LOCK_UN);
	return -1;
}

static int files_send(struct otlp_sink *s, enum otlp_signal signal, struct str body, const atomic_bool *cancel,
		      struct otlp_result *res, struct err *err)
{
	struct files *f = CONTAINER_OF(s, struct files, sink);

	(void)cancel;
	res->again = false;
	return append(f->fd[signal], body, f->path[signal], err);
}

static struct files *files_new(const char *shown)
{
	struct files *f = xcalloc(1, sizeof(*f));

	f->sink = (struct otlp_sink){ .shown = xstrdup(shown), .send = files_send, .free = files_free };
	for (int i = 0; i < OTLP_SIGNALS; i++)
		f->fd[i] = -1;
	return f;
}

static int open_one(struct files *f, enum otlp_signal signal, char *path, struct err *err)
{
	struct stat st;
	int fd;

	f->path[signal] = path;
	/* a FIFO without a reader must not hold anybody up */
	fd = f->fd[signal] = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "cannot write %s: not a regular file", path);
	return 0;
}

int otlp_open_file(struct otlp **out, const char *dir, const struct otlp_opts *opts, struct err *err)
{
	struct files *f = files_new(dir);

	if (fs_mkdirs(dir, err) == 0 && open_one(f, OTLP_LOGS, path_join(dir, "logs.jsonl"), err) == 0 &&
	    open_one(f, OTLP_TRACES, path_join(dir, "traces.jsonl"), err) == 0)
		return otlp_start(out, &f->sink, opts, err);
	files_free(&f->sink);
	return -1;
}

int otlp_open_lines(struct otlp **out, const char *path, const struct otlp_opts *opts, struct err *err)
{
	struct files *f = files_new(path);

	f->sink.lines = true;
	if (open_one(f, OTLP_LOGS, xstrdup(path), err) == 0)
		return otlp_start(out, &f->sink, opts, err);
	files_free(&f->sink);
	return -1;
}
