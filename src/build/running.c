/* SPDX-License-Identifier: Apache-2.0 */
#include "build/running.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/build.h"
#include "os/fs.h"
#include "os/proc.h"

/*
 * Our end by SIGKILL ends ninja and its compilers, too, but not at once: some remove what they have begun, while the
 * lock is free already. So all of them hold a lock of their own, by a descriptor they inherit, on a file that goes when
 * a build has ended as it should. Where it is still there, the next build waits for the last of them.
 */
static char *running_file(const char *project)
{
	return path_join(project, ".slsc/running");
}

int running_begin(const char *project)
{
	CLEAN_FREE char *path = running_file(project);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

void running_end(const char *project)
{
	CLEAN_FREE char *path = running_file(project);

	unlink(path);
}

#define RUNNING_ENDS_MS 10000	/* a daemon that a user's command has started does not end */
#define RUNNING_POLL_MS 5

static int running_await(const char *project, struct err *err)
{
	const struct timespec pause = { .tv_nsec = RUNNING_POLL_MS * 1000000L };
	CLEAN_FREE char *path = running_file(project);
	CLEAN_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return 0;
	for (unsigned ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0 && ms < RUNNING_ENDS_MS; ms += RUNNING_POLL_MS) {
		if (sig_check(err) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	unlink(path);
	return 0;
}

int build_lock(const struct project *p, const char *who, void (*waiting)(const char *holder, void *ctx),
	       void *ctx, struct err *err)
{
	CLEAN_FREE char *dir = path_join(p->dir, ".slsc");
	CLEAN_FREE char *lock = path_join(dir, "lock");
	CLEAN_FREE char *dist = path_join(p->dir, "dist");
	int fd;

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	fd = fs_lock(lock, who, waiting, ctx, err);
	if (fd < 0)
		return -1;
	if (running_await(p->dir, err) < 0) {
		close(fd);
		return -1;
	}
	fs_tmp_sweep(dir);
	fs_tmp_sweep(dist);
	return fd;
}
