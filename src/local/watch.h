/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_WATCH_H
#define SLSC_LOCAL_WATCH_H

#include "base/map.h"
#include "local/loop.h"

/*
 * Tells that something below a directory has changed, by inotify(7), once things have been quiet for a moment. What
 * lies in dist, build, node_modules and in directories that begin with a dot is passed over. Directories that are made
 * later are watched, too; links are not followed.
 */

#define WATCH_DIRS 8192u
#define WATCH_QUIET_NS (50 * LOOP_MS)

struct watch {
	struct loop *loop;
	struct loop_io io;
	struct loop_timer quiet;
	VEC(char *) dirs;		/* by watch descriptor; heap */
	size_t ndirs;
	void (*changed)(struct watch *w);
};

/** watch_start - ERR_IO; ERR_LIMIT past WATCH_DIRS directories, or what the kernel gives one user. */
int watch_start(struct watch *w, struct loop *loop, const char *dir, void (*changed)(struct watch *w),
		struct err *err) MUST_CHECK;
void watch_stop(struct watch *w);

#endif
