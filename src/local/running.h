/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_RUNNING_H
#define SLSC_LOCAL_RUNNING_H

#include <sys/types.h>

#include "base/err.h"

/*
 * How slsc invoke finds the slsc local that runs in a project: <dir>/.slsc/local.json, {"pid": 123, "url":
 * "http://127.0.0.1:9000"}, which is true as long as that process has a lock on <dir>/.slsc/local.lock. The lock ends
 * with the process, whatever ends it.
 */
struct running {
	pid_t pid;
	char *url;		/* heap; without a slash at the end */
};
#define RUNNING_INIT { .url = NULL }
#define CLEAN_RUNNING __attribute__((cleanup(running_release)))
void running_release(struct running *r);

/** running_find - 1 with @r filled; 0: none runs in @dir, or it does not serve yet; ERR_IO, ERR_FORMAT. */
int running_find(const char *dir, struct running *r, struct err *err) MUST_CHECK;

/**
 * running_claim - be the one in @dir: make .slsc, take the lock, remove what a killed one has left. Returns the
 * descriptor that holds the lock. ERR_EXISTS "slsc local runs in DIR already, pid 12, at http://..."; ERR_IO.
 */
int running_claim(const char *dir, struct err *err) MUST_CHECK;
/** running_tell - who has claimed @dir serves at @url from now on. */
int running_tell(const char *dir, const char *url, struct err *err) MUST_CHECK;
/** running_forget - before the descriptor of running_claim() is closed. */
void running_forget(const char *dir);

#endif
