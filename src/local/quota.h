/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_QUOTA_H
#define SLSC_LOCAL_QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

/*
 * What an instance may use, and what it has used. A cgroup an instance where one can be made: v2, else v1; else
 * resource limits. What this machine does not let us enforce is said once, in quota.lacks.
 *
 * /tmp of an instance is a file system in memory. The kernel counts what is in it as the memory of who wrote it, the
 * cloud does not: so the group's own limit, at which the kernel ends it, is memory and /tmp together, and quota_check()
 * holds memory alone to its limit. With the machine's own /tmp (tmp = 0) the kernel's limit is exact.
 *
 * All calls are of one thread; none waits but quota_init() and quota_release(). Sources: the kernel's
 * Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst.
 */

enum quota_by { QUOTA_CGROUP2, QUOTA_CGROUP1, QUOTA_RLIMITS };

struct quota_limits {
	uint64_t memory;	/* bytes; 0: not limited, and so for all below */
	uint32_t cpu;		/* thousandths of a CPU */
	uint32_t processes;	/* and threads, all in all */
	uint32_t files;		/* open, in each process */
	uint64_t tmp;		/* bytes of an own, empty /tmp; 0: the machine's */
};

/** quota_lambda - as the cloud has it: @memory/1769 MB of a CPU, 1024 processes, 1024 files. All in bytes. */
struct quota_limits quota_lambda(uint64_t memory, uint64_t tmp);

enum { QUOTA_MEMORY, QUOTA_CPU, QUOTA_CPUACCT, QUOTA_PIDS, QUOTA_CTRLS };

/* A released group that may have processes left. */
struct quota_ending {
	unsigned number;
	pid_t pid;
	char ns[32];
};

struct quota {
	enum quota_by by;
	bool cpu, processes, tmp;	/* whether they are enforced; memory is, if only by quota_check() */
	bool daemons;			/* whether quota_kill() finds what has left the process group */
	/* one line: what is not enforced, and why; empty if all is. And what the user could do, or empty */
	char lacks[400], hint[200];
	/* the rest is the module's own */
	struct quota_tree {
		int fd;			/* the directory of this process, whose lock it holds */
		char *path;
	} trees[QUOTA_CTRLS];
	size_t ntrees;
	int at[QUOTA_CTRLS];		/* in trees; -1: none */
	int ns_flags;			/* CLONE_NEW*: what an instance needs for a /tmp of its own */
	unsigned last;			/* the last group's number */
	VEC(struct quota_ending) ending;
	VEC(pid_t) orphans;		/* killed, to be reaped */
};

/**
 * quota_init - find out what can be enforced, by trying. Removes what killed slscs have left, with its processes, for
 * which it waits at most 2 seconds. Without cgroups we become the one whom orphans are handed to
 * (PR_SET_CHILD_SUBREAPER). Never fails.
 */
void quota_init(struct quota *q);
/** quota_release - end whatever is left in groups, waiting for at most 2 seconds, and remove them all. */
void quota_release(struct quota *q);

/** One instance's; embedded, and may be moved. It can be made ahead of its start. */
struct quota_group {
	struct quota *quota;
	struct quota_limits limits;
	unsigned number;	/* its directories are "i<number>"; 0: none */
	pid_t pid;		/* its first process; 0: not started */
	char ns[32];		/* its mount namespace */
	bool over;		/* quota_check() has found it to be over its limit */
	/* the rest is the module's own */
	int cpu, used, peak, status, clear_refs;	/* files that stay open; -1 */
	uint64_t cpu_before;
	uint64_t seen;			/* the most that quota_check() has met */
	uint64_t apart, apart_at;	/* what of its memory does not count, and how much was in use then */
};

/** quota_group_init - make a group with @limits, for spawner_start(). ERR_IO: the limits could not be set. */
int quota_group_init(struct quota *q, struct quota_group *g, const struct quota_limits *limits,
		     struct err *err) MUST_CHECK;
/**
 * quota_first_gone - its first process has been reaped, right now: the process group is ended with it, by quota_reap()
 * if not at once, and its number not used any more, since it may soon be another's. What else is of the group stays.
 */
void quota_first_gone(struct quota_group *g);
/**
 * quota_group_release - end all of its processes and remove it: what has not gone at once by quota_reap(). Call it
 * right after its first process, if there is one, has been reaped, or quota_first_gone() then. Harmless if zeroed.
 */
void quota_group_release(struct quota_group *g);
/** quota_reap - go on with the groups that were released; how many are left: if any, call again in some 10 ms. */
size_t quota_reap(struct quota *q);

/** quota_kill - SIGKILL to all of its processes, whatever they did to get away. They end soon, not at once. */
void quota_kill(struct quota_group *g);
/**
 * quota_check - whether it uses more memory than it may: then it is killed. To be called every 20 ms or so while an
 * invocation runs; takes 1 to 4 µs, below the limit.
 */
bool quota_check(struct quota_group *g);
/** quota_oom - of one that has ended, before its release: was it for its memory? By the kernel or quota_check(). */
bool quota_oom(const struct quota_group *g);

struct quota_usage {
	uint64_t cpu;		/* ns, of all its processes; with QUOTA_RLIMITS of the first alone */
	uint64_t memory;	/* bytes, the most at one time; without /tmp, and files the kernel keeps in memory */
};
/** quota_cpu - CPU time in ns from the start on, as in struct quota_usage. 1 µs. */
uint64_t quota_cpu(const struct quota_group *g);
/** quota_mark - what quota_measure() tells counts from here on. From the start, before the first. 1 to 10 µs. */
void quota_mark(struct quota_group *g);
/**
 * quota_measure - used since quota_mark(). 2 µs with cgroups, 20 more when memory or /tmp have changed by 256 KB; 10
 * with QUOTA_RLIMITS. Of one that has ended, before it is reaped; memory is then 0 with QUOTA_RLIMITS. With cgroups v2
 * before Linux 6.12, which cannot count anew, memory is what the first process has had at most, or all have now.
 */
void quota_measure(struct quota_group *g, struct quota_usage *used);

#endif
