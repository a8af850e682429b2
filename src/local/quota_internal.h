/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_QUOTA_INTERNAL_H
#define SLSC_LOCAL_QUOTA_INTERNAL_H

#include "local/quota.h"

/*
 * RLIMIT_DATA counts what is reserved, as stacks of threads, not what is used: it is above the limit by this much, and
 * quota_check() finds what is really over it.
 */
#define QUOTA_DATA_MORE (128ull << 20)

/** quota_started - its first process runs; @ns: its mount namespace, "" for ours. */
void quota_started(struct quota_group *g, pid_t pid, const char *ns);

/**
 * quota_trees_make - a directory for this process in each hierarchy there is; sets by, trees, at. Returns 0; or errno
 * if memory cannot be limited by cgroups, -1 if there are none.
 */
int quota_trees_make(struct quota *q);
/** quota_tree_remove - end all that is in @name of @parent, and remove it: false if something has not ended yet. */
bool quota_tree_remove(int parent, const char *name);
/** quota_tree_kill - SIGKILL to all that is in the cgroup @dir, which is left open. */
void quota_tree_kill(int dir);
/** quota_pause - a little while, for what was killed to end. */
void quota_pause(void);

/** quota_file_put - write @text to the file @name of @dir. Returns 0, or -1 with errno. */
int quota_file_put(int dir, const char *name, const char *text);
/** quota_file_get - what the file @name of @dir holds, cut off at @cap - 1; NUL-terminated. Returns 0, or -1, errno. */
int quota_file_get(int dir, const char *name, char *text, size_t cap);
/** quota_group_open - the file @name of the group in the hierarchy of @ctrl; -1, errno. */
int quota_group_open(const struct quota_group *g, int ctrl, const char *name, int flags);
int quota_group_put(const struct quota_group *g, int ctrl, const char *name, const char *text);
int quota_group_get(const struct quota_group *g, int ctrl, const char *name, char *text, size_t cap);

/** quota_files_open - what quota_measure() and quota_check() read of the group; quota_files_of: of its process. */
void quota_files_open(struct quota_group *g);
void quota_files_of(struct quota_group *g);
void quota_files_close(struct quota_group *g);
/** quota_stat_value - of the line "@name value" in @text; 0 if there is none. */
uint64_t quota_stat_value(const char *text, const char *name, bool *found);

#endif
