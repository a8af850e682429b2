/* SPDX-License-Identifier: Apache-2.0 */
#include "local/running.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

#define TELL_MAX 4096u

static char *file_of(const char *dir, const char *name)
{
	CLEAN_FREE char *own = path_join(dir, ".slsc");

	return path_join(own, name);
}

void running_release(struct running *r)
{
	free(r->url);
	*r = (struct running)RUNNING_INIT;
}

/* A lock of the open file: to ask for it takes nothing, so that two who ask are not in each other's way. */
static int locked(const char *dir, struct err *err)
{
	CLEAN_FREE char *path = file_of(dir, "local.lock");
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &l) < 0)
		return err_sys(err, "cannot ask for the lock %s", path);
	return l.l_type != F_UNLCK;
}

static int parse(const char *path, const struct buf *text, struct running *r, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(text->ptr, text->len, 0, &why);
	const char *url = json_string_value(json_object_get(root, "url"));
	json_int_t pid = json_integer_value(json_object_get(root, "pid"));
	int ret = 0;

	if (!url || !starts_with(url, "http://") || pid <= 1 || pid > INT32_MAX) {
		err_at(err, ERR_FORMAT, path, 0, 0, "does not tell where slsc local serves");
		ret = err_hint(err, "start slsc local again, or name it with --url");
	} else {
		r->pid = (pid_t)pid;
		r->url = xstrdup(url);
	}
	json_decref(root);
	return ret;
}

int running_find(const char *dir, struct running *r, struct err *err)
{
	CLEAN_FREE char *path = file_of(dir, "local.json");
	CLEAN_BUF struct buf text = BUF_INIT;
	int held = locked(dir, err);

	if (held <= 0)
		return held;
	if (fs_read(path, TELL_MAX, &text, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (parse(path, &text, r, err) < 0)
		return -1;
	if (kill(r->pid, 0) == 0 || errno == EPERM)
		return 1;
	running_release(r);
	return 0;
}

int running_claim(const char *dir, struct err *err)
{
	CLEAN_FREE char *own = path_join(dir, ".slsc"), *path = path_join(own, "local.lock");
	CLEAN_RUNNING struct running other = RUNNING_INIT;
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct err ignored = ERR_INIT;
	CLEAN_FD int fd = -1;

	if (fs_mkdirs(own, err) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
	if (fd < 0)
		return err_sys(err, "cannot lock %s", path);
	if (fcntl(fd, F_OFD_SETLK, &l) == 0) {
		running_forget(dir);
		return steal_fd(&fd);
	}
	if (errno != EAGAIN && errno != EACCES)
		return err_sys(err, "cannot lock %s", path);
	if (running_find(dir, &other, &ignored) != 1)
		return err_set(err, ERR_EXISTS, "slsc local runs in %s already", dir);
	err_set(err, ERR_EXISTS, "slsc local runs in %s already, pid %d, at %s", dir, (int)other.pid, other.url);
	return err_hint(err, "invoke functions there, or end it first");
}

int running_tell(const char *dir, const char *url, struct err *err)
{
	CLEAN_FREE char *path = file_of(dir, "local.json");
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addf(&text, "{\"pid\":%d,\"url\":", (int)getpid());
	buf_add_json(&text, str_from(url));
	buf_addz(&text, "}\n");
	return fs_write_lazy(path, buf_str(&text), 0644, err);
}

void running_forget(const char *dir)
{
	CLEAN_FREE char *path = file_of(dir, "local.json");

	unlink(path);
}
