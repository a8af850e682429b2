/* SPDX-License-Identifier: Apache-2.0 */
#include "local/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

#define MASK (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW)

static bool passed_over(const char *name)
{
	static const char *const dirs[] = { "dist", "build", "node_modules" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (strcmp(name, dirs[i]) == 0)
			return true;
	return name[0] == '.';
}

static int add(struct watch *w, const char *dir, struct err *err)
{
	int wd = inotify_add_watch(w->io.fd, dir, MASK);
	struct dirent *e;
	DIR *d;

	/* gone again, or no directory */
	if (wd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES))
		return 0;
	if (wd < 0 && errno == ENOSPC) {
		err_set(err, ERR_LIMIT, "limit exceeded: no more directories can be watched for changes");
		return err_hint(err, "raise fs.inotify.max_user_watches (sysctl)");
	}
	if (wd < 0)
		return err_sys(err, "cannot watch %s", dir);
	while (w->dirs.len <= (size_t)wd)
		VEC_PUSH(&w->dirs, NULL);
	if (!w->dirs.ptr[wd] && ++w->ndirs > WATCH_DIRS)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u directories to watch for changes",
			       WATCH_DIRS);
	free(w->dirs.ptr[wd]);
	w->dirs.ptr[wd] = xstrdup(dir);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		if ((e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) && !passed_over(e->d_name)) {
			CLEAN_FREE char *sub = path_join(dir, e->d_name);

			if (strlen(sub) < PATH_MAX && add(w, sub, err) < 0) {
				closedir(d);
				return -1;
			}
		}
	}
	if (d)
		closedir(d);
	return 0;
}

static void quiet(struct loop_timer *t)
{
	struct watch *w = CONTAINER_OF(t, struct watch, quiet);

	w->changed(w);
}

static void ready(struct loop_io *io, uint32_t events)
{
	struct watch *w = CONTAINER_OF(io, struct watch, io);
	char block[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t n;

	(void)events;
	while ((n = read(io->fd, block, sizeof(block))) > 0) {
		for (char *p = block; p < block + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)p;
			const char *dir = e->wd >= 0 && (size_t)e->wd < w->dirs.len ? w->dirs.ptr[e->wd] : NULL;

			p += sizeof(*e) + e->len;
			if (e->mask & IN_IGNORED) {
				if (dir) {
					free(w->dirs.ptr[e->wd]);
					w->dirs.ptr[e->wd] = NULL;
					w->ndirs--;
				}
				continue;
			}
			if (e->len && passed_over(e->name))
				continue;
			if (dir && e->mask & IN_ISDIR && e->mask & (IN_CREATE | IN_MOVED_TO)) {
				CLEAN_FREE char *sub = path_join(dir, e->name);
				struct err err = ERR_INIT;

				/* what cannot be watched is noticed when something else changes */
				if (add(w, sub, &err) < 0)
					any = true;
			}
			/* a file that is made is told of once more, when it is closed */
			any |= !(e->mask & IN_CREATE) || e->mask & IN_ISDIR;
		}
	}
	if (any)
		loop_timer_set(w->loop, &w->quiet, WATCH_QUIET_NS);
}

int watch_start(struct watch *w, struct loop *loop, const char *dir, void (*changed)(struct watch *w), struct err *err)
{
	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->changed = changed;
	w->quiet.expired = quiet;
	w->io.ready = ready;
	w->io.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->io.fd < 0)
		return err_sys(err, "cannot watch for changes");
	if (add(w, dir, err) < 0 || loop_io_add(loop, &w->io, EPOLLIN, err) < 0) {
		watch_stop(w);
		return -1;
	}
	return 0;
}

void watch_stop(struct watch *w)
{
	if (!w->loop)
		return;
	loop_timer_stop(w->loop, &w->quiet);
	loop_io_del(w->loop, &w->io);
	clean_fd_(&w->io.fd);
	for (size_t i = 0; i < w->dirs.len; i++)
		free(w->dirs.ptr[i]);
	VEC_FREE(&w->dirs);
	w->loop = NULL;
}
