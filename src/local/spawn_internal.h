/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SPAWN_INTERNAL_H
#define SLSC_LOCAL_SPAWN_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "local/spawn.h"

#define SPAWN_KEEP_MAX 8

/*
 * What the child is to do, all worked out before: it shares our memory, so it calls nothing but the kernel, and its
 * last word is what it leaves here.
 */
struct spawn_plan {
	char *const *argv, *const *env;
	char *const *paths;		/* to execute, the first that is there */
	const char *cwd, *root, *read_only;
	const struct spawn_user *user;
	int null, out, err;		/* the first two above 2; -1 null: only try the namespaces */
	int most_fd;			/* of these three; -1: descriptors are not shared */
	pid_t parent;
	int ns_flags;			/* CLONE_NEW* */
	int join, join_flags;		/* a pidfd, and its namespaces to enter in place of own ones; 0: none */
	char uid_map[40], gid_map[40];	/* for CLONE_NEWUSER */
	const char *enter;		/* a file of the group's directory to write "0" to; NULL: none */
	char group[16];			/* that directory, in each of */
	int trees[4];
	size_t ntrees;
	char tmp[64];			/* options of its /tmp; empty: none */
	char *keep[SPAWN_KEEP_MAX];	/* below /tmp; the child writes to them, and sets back */
	size_t nkeep;
	uint64_t rlimit_data, rlimit_nproc, rlimit_files;	/* 0: as it is */

	/* out */
	int failed;			/* errno */
	const char *what;		/* could not be done; NULL: to execute */
	char ns[32];
};

/** spawn_child - does not return. Must be called on a stack of its own, all signals blocked. */
int spawn_child(void *plan);
/** spawn_clone - *@pidfd may be NULL. @cgroup: an open directory of cgroup v2, or -1. Returns the pid, or -1, errno. */
pid_t spawn_clone(struct spawn_plan *p, int flags, int cgroup, int *pidfd);
/** spawn_map_ids - fill the maps in: us as we are. */
void spawn_map_ids(struct spawn_plan *p);
/** spawn_probe - whether a child can have a /tmp with @ns_flags: 0, or errno. */
int spawn_probe(int ns_flags);

#endif
