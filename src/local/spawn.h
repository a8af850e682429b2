/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SPAWN_H
#define SLSC_LOCAL_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "local/quota.h"

/*
 * Starts instances. The child shares our memory until it executes its program, and takes over three descriptors only: a
 * start takes the same time whatever slsc holds, 500 instances or 10,000 connections.
 */

/** Three descriptors of low numbers: make it before many others are open. Of one thread. */
struct spawner {
	int null, out, err;
	bool shared;		/* close_range(2) is there */
};
int spawner_init(struct spawner *s, struct err *err) MUST_CHECK;
void spawner_release(struct spawner *s);

/** Whom a process runs as. */
struct spawn_user {
	uint32_t uid, gid;
	uint32_t *groups;	/* besides gid */
	size_t ngroups;
};

struct spawn {
	const char *const *argv;	/* argv[0] without a slash is looked up in PATH of @env, inside @root */
	const char *const *env;		/* all of it, "K=V" */
	const char *cwd;		/* inside @root */
	int out, err;			/* what its stdout and stderr are; they stay the caller's */
	struct quota_group *group;	/* NULL: no limits, and the machine's /tmp */
	int join;			/* a process of @group (its pidfd), whose root and /tmp it shares; 0: none */
	bool guest;			/* with join: what is said of @group's first process stays */
	/*
	 * Absolute directories, without links in their paths, that are to be seen as they are: those below /tmp, at
	 * most 8, also below an own /tmp; and /tmp itself in its place. Others need nothing. NULL-terminated, or NULL.
	 */
	const char *const *keep;
	/*
	 * A directory to be its root, absolute, with @group: read-only, with a /proc, a small /dev and a /tmp, whose
	 * directories are made. /etc/resolv.conf and /etc/hosts are the caller's to put there. NULL: the machine's.
	 */
	const char *root;
	/* A directory that it cannot write to, absolute, inside @root; without own mounts as its mode says. */
	const char *read_only;
	const struct spawn_user *user;	/* NULL: who we are; another one takes root. It owns stdout and stderr */
};

/**
 * spawner_start - start a program, in a session of its own, which ends with this thread: stdin is /dev/null, no other
 * descriptor is open, umask 022, no signal blocked or ignored, no core files, no new privileges. @pid, @pidfd (closed
 * on exec): out, the caller reaps and closes. ERR_TOOL: the program is not there or cannot be executed; ERR_IO.
 */
int spawner_start(struct spawner *s, const struct spawn *o, pid_t *pid, int *pidfd, struct err *err) MUST_CHECK;

#endif
