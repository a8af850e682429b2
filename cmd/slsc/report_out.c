/* SPDX-License-Identifier: Apache-2.0 */
#include "report_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "os/fs.h"

enum place { PLACE_FILE, PLACE_DEVICE, PLACE_STDOUT };

/* A rename onto /dev/null would leave a file there, for everybody. */
static int place_of(const char *path, enum place *place, struct err *err)
{
	struct stat st, out;

	*place = PLACE_FILE;
	if (!path) {
		*place = PLACE_STDOUT;
		return 0;
	}
	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return err_sys(err, "cannot write %s", path);
	}
	if (fstat(STDOUT_FILENO, &out) == 0 && st.st_dev == out.st_dev && st.st_ino == out.st_ino)
		*place = PLACE_STDOUT;
	else if (!S_ISREG(st.st_mode))
		*place = PLACE_DEVICE;
	return 0;
}

/* What a link leads to is written, not the link. */
static char *file_of(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : xstrdup(path);
}

int report_out_check(const char *path, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	CLEAN_FREE char *file = NULL;
	enum place place;

	if (place_of(path, &place, err) < 0)
		return -1;
	if (place == PLACE_STDOUT)
		return 0;
	if (place == PLACE_DEVICE)
		return access(path, W_OK) == 0 ? 0 : err_sys(err, "cannot write %s", path);
	file = file_of(path);
	return fs_tmp_open(&t, file, 0644, err);
}

int report_out(const char *path, const struct buf *b, struct err *err)
{
	CLEAN_FREE char *file = NULL;
	CLEAN_FD int fd = -1;
	enum place place;

	if (place_of(path, &place, err) < 0)
		return -1;
	if (place == PLACE_STDOUT)
		return out_stdout(b->ptr, b->len, err);
	if (place == PLACE_FILE) {
		file = file_of(path);
		return fs_write_file(file, b->ptr, b->len, 0644, err);
	}
	fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot write %s", path);
	return fs_write_all(fd, b->ptr, b->len, path, err);
}
