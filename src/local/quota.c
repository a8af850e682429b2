/* SPDX-License-Identifier: Apache-2.0 */
#include "local/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "local/quota_internal.h"
#include "local/spawn_internal.h"
#include "os/fs.h"

#define WAIT_MS 2000
/* A share of CPU time is dealt out each 20 ms, as in the cloud, or 100 where it would be below 1 ms, the least; µs. */
#define PERIOD 20000u
#define LONG_PERIOD 100000u
#define LEAST_SLICE 1000u

struct quota_limits quota_lambda(uint64_t memory, uint64_t tmp)
{
	uint64_t cpu = memory * 1000 / (1769ull << 20);

	return (struct quota_limits){
		.memory = memory,
		.cpu = cpu < 1 ? 1 : (uint32_t)cpu,
		.processes = 1024,
		.files = 1024,
		.tmp = tmp,
	};
}

/* From Linux 5.14 on processes are counted for each user namespace by itself. */
static bool counts_by_namespace(void)
{
	struct utsname u;
	char *end;
	unsigned long major, minor = 0;

	if (uname(&u) < 0)
		return false;
	major = strtoul(u.release, &end, 10);
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return major > 5 || (major == 5 && minor >= 14);
}

static bool lists_children(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	return access(path, R_OK) == 0;
}

/* What is not enforced, as one line. @cgroup, @ns: errno of what was tried; -1: there is no such thing. */
static void say_lacks(struct quota *q, int cgroup, int ns)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *why = cgroup < 0 ? "there are no cgroups" : "no cgroup can be made";

	if (q->by == QUOTA_RLIMITS)
		buf_addf(&b, "memory is only looked at now and then, CPU%s not limited",
			 q->processes ? " is" : " and processes are");
	else if (!q->cpu || !q->processes)
		buf_addf(&b, "%s not limited",
			 q->cpu ? "processes are" : q->processes ? "CPU is" : "CPU and processes are");
	if (b.len && q->by != QUOTA_RLIMITS)
		buf_addz(&b, ": there is no such cgroup");
	else if (b.len)
		buf_addf(&b, ": %s", why);
	if (b.len && q->by == QUOTA_RLIMITS && cgroup > 0)
		buf_addf(&b, " (%s)", strerror(cgroup));
	if (!q->tmp)
		buf_addf(&b, "%s/tmp is the machine's own%s: no mounts can be made (%s)", b.len ? "; " : "",
			 q->daemons ? "" : ", and what leaves its process group is not ended",
			 ns == ENOSPC ? "user namespaces are off, or used up" : strerror(ns));
	else if (!q->daemons)
		buf_addf(&b, "; what leaves its process group is not ended: no list of children in /proc");
	snprintf(q->lacks, sizeof(q->lacks), "%s", b.ptr);
	if (q->by == QUOTA_RLIMITS && geteuid() != 0)
		snprintf(q->hint, sizeof(q->hint), "%s", access("/run/systemd/system", F_OK) == 0 ?
			 "systemd-run --user --scope -p Delegate=yes slsc local: with cgroups of its own" :
			 "as root it can make cgroups");
}

void quota_init(struct quota *q)
{
	int cgroup, ns;

	memset(q, 0, sizeof(*q));
	cgroup = quota_trees_make(q);
	q->ns_flags = CLONE_NEWNS;
	ns = spawn_probe(q->ns_flags);
	if (ns) {
		q->ns_flags = CLONE_NEWUSER | CLONE_NEWNS;
		ns = spawn_probe(q->ns_flags);
	}
	if (ns)
		q->ns_flags = 0;
	q->tmp = ns == 0;
	q->cpu = q->at[QUOTA_CPU] >= 0;
	if (q->by == QUOTA_RLIMITS) {
		/* root's are not counted */
		q->processes = q->ns_flags & CLONE_NEWUSER && geteuid() != 0 && counts_by_namespace();
		q->daemons = q->tmp && lists_children() && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
	} else {
		q->processes = q->at[QUOTA_PIDS] >= 0;
		q->daemons = true;
	}
	say_lacks(q, cgroup, ns);
}

void quota_release(struct quota *q)
{
	for (int ms = 0; quota_reap(q) && ms < WAIT_MS; ms++)
		quota_pause();
	for (size_t i = 0; i < q->ntrees; i++) {
		struct quota_tree *t = &q->trees[i];
		CLEAN_FREE char *dir = path_dirname(t->path);
		CLEAN_FD int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (int ms = 0; !quota_tree_remove(parent, path_basename(t->path)) && ms < WAIT_MS; ms++)
			quota_pause();
		clean_fd_(&t->fd);
		clean_free_(&t->path);
	}
	q->ntrees = 0;
	VEC_FREE(&q->ending);
	VEC_FREE(&q->orphans);
}

int quota_group_open(const struct quota_group *g, int ctrl, const char *name, int flags)
{
	char path[96];
	int at = g->quota->at[ctrl];

	if (at < 0) {
		errno = ENOENT;
		return -1;
	}
	snprintf(path, sizeof(path), "i%u/%s", g->number, name);
	return openat(g->quota->trees[at].fd, path, flags | O_CLOEXEC);
}

int quota_group_put(const struct quota_group *g, int ctrl, const char *name, const char *text)
{
	CLEAN_FD int fd = quota_group_open(g, ctrl, name, O_WRONLY);

	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

int quota_group_get(const struct quota_group *g, int ctrl, const char *name, char *text, size_t cap)
{
	CLEAN_FD int fd = quota_group_open(g, ctrl, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, cap - 1);

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -1 : 0;
}

static int limit_memory(const struct quota_group *g)
{
	const struct quota_limits *l = &g->limits;
	bool v2 = g->quota->by == QUOTA_CGROUP2;
	char text[32];

	if (!l->memory)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, l->memory + (g->quota->tmp ? l->tmp : 0));
	if (quota_group_put(g, QUOTA_MEMORY, v2 ? "memory.max" : "memory.limit_in_bytes", text) < 0)
		return -1;
	/* no swap, as far as this kernel accounts for it */
	if (v2) {
		if (quota_group_put(g, QUOTA_MEMORY, "memory.swap.max", "0") < 0 && errno != ENOENT)
			return -1;
		if (quota_group_put(g, QUOTA_MEMORY, "memory.oom.group", "1") < 0 && errno != ENOENT)
			return -1;
	} else if (quota_group_put(g, QUOTA_MEMORY, "memory.memsw.limit_in_bytes", text) < 0) {
		if (errno != ENOENT)
			return -1;
		if (quota_group_put(g, QUOTA_MEMORY, "memory.swappiness", "0") < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

static int limit_cpu(const struct quota_group *g)
{
	uint64_t period = PERIOD, slice = g->limits.cpu * (uint64_t)PERIOD / 1000;
	char text[64];

	if (!g->limits.cpu || !g->quota->cpu)
		return 0;
	if (slice < LEAST_SLICE) {
		period = LONG_PERIOD;
		slice = g->limits.cpu * (uint64_t)LONG_PERIOD / 1000;
		slice = slice < LEAST_SLICE ? LEAST_SLICE : slice;
	}
	if (g->quota->by == QUOTA_CGROUP2) {
		snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, slice, period);
		return quota_group_put(g, QUOTA_CPU, "cpu.max", text);
	}
	snprintf(text, sizeof(text), "%" PRIu64, period);
	if (quota_group_put(g, QUOTA_CPU, "cpu.cfs_period_us", text) < 0)
		return -1;
	snprintf(text, sizeof(text), "%" PRIu64, slice);
	/* EINVAL: what is above it has less, and so it holds, too */
	if (quota_group_put(g, QUOTA_CPU, "cpu.cfs_quota_us", text) < 0 && errno != EINVAL)
		return -1;
	return 0;
}

static int limit_processes(const struct quota_group *g)
{
	char text[32];

	if (!g->limits.processes || g->quota->at[QUOTA_PIDS] < 0)
		return 0;
	snprintf(text, sizeof(text), "%u", g->limits.processes);
	return quota_group_put(g, QUOTA_PIDS, "pids.max", text);
}

int quota_group_init(struct quota *q, struct quota_group *g, const struct quota_limits *limits, struct err *err)
{
	*g = (struct quota_group){
		.quota = q, .limits = *limits, .number = ++q->last, .cpu = -1, .used = -1, .peak = -1,
		.status = -1, .clear_refs = -1,
	};
	for (size_t i = 0; i < q->ntrees; i++) {
		char name[16];

		snprintf(name, sizeof(name), "i%u", g->number);
		if (mkdirat(q->trees[i].fd, name, 0755) < 0) {
			err_sys(err, "%s/%s", q->trees[i].path, name);
			quota_group_release(g);
			return -1;
		}
	}
	if (q->ntrees) {
		const char *what = limit_memory(g) < 0	  ? "memory" :
				   limit_cpu(g) < 0	  ? "CPU" :
				   limit_processes(g) < 0 ? "processes" :
							    NULL;

		if (what) {
			err_sys(err, "cannot limit %s in %s/i%u", what, q->trees[0].path, g->number);
			quota_group_release(g);
			return -1;
		}
	}
	quota_files_open(g);
	return 0;
}

void quota_started(struct quota_group *g, pid_t pid, const char *ns)
{
	g->pid = pid;
	snprintf(g->ns, sizeof(g->ns), "%s", ns);
	quota_files_of(g);
}
