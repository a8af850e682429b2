/* SPDX-License-Identifier: Apache-2.0 */
#include "local/quota_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* A change of memory below which the kernel is not asked anew what it consists of. */
#define APART_STEP (256u << 10)

static bool is_v2(const struct quota_group *g)
{
	return g->quota->by == QUOTA_CGROUP2;
}

static bool in_cgroup(const struct quota_group *g)
{
	return g->quota->by != QUOTA_RLIMITS;
}

/* The file from its start; "" if it cannot be read. */
static const char *reread(int fd, char *text, size_t cap)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, cap - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static uint64_t leading_number(const char *s)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

static uint64_t read_number(int fd)
{
	char text[32];

	return leading_number(reread(fd, text, sizeof(text)));
}

uint64_t quota_stat_value(const char *text, const char *name, bool *found)
{
	size_t len = strlen(name);

	if (found)
		*found = false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, name, len) == 0 && strchr(" :\t", line[len]) && line[len]) {
			if (found)
				*found = true;
			return leading_number(line + len + strspn(line + len, " :\t"));
		}
	}
	return 0;
}

static int proc_open(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

void quota_files_open(struct quota_group *g)
{
	if (!in_cgroup(g))
		return;
	g->cpu = quota_group_open(g, QUOTA_CPUACCT, is_v2(g) ? "cpu.stat" : "cpuacct.usage", O_RDONLY);
	g->used = quota_group_open(g, QUOTA_MEMORY, is_v2(g) ? "memory.current" : "memory.usage_in_bytes", O_RDONLY);
	/* what is written to it starts it anew: in v2 from Linux 6.12 on, for this descriptor alone */
	g->peak = quota_group_open(g, QUOTA_MEMORY, is_v2(g) ? "memory.peak" : "memory.max_usage_in_bytes", O_RDWR);
	if (g->peak >= 0 && pwrite(g->peak, "0", 1, 0) < 0)
		clean_fd_(&g->peak);
}

void quota_files_of(struct quota_group *g)
{
	if (in_cgroup(g) && g->peak >= 0)
		return;
	if (!in_cgroup(g))
		g->used = proc_open(g->pid, "statm", O_RDONLY);
	g->status = proc_open(g->pid, "status", O_RDONLY);
	g->clear_refs = proc_open(g->pid, "clear_refs", O_WRONLY);
}

void quota_files_close(struct quota_group *g)
{
	clean_fd_(&g->cpu);
	clean_fd_(&g->used);
	clean_fd_(&g->peak);
	clean_fd_(&g->status);
	clean_fd_(&g->clear_refs);
}

uint64_t quota_cpu(const struct quota_group *g)
{
	char text[256];
	struct timespec t;

	if (g->cpu >= 0 && !is_v2(g))
		return read_number(g->cpu);
	if (g->cpu >= 0)
		return quota_stat_value(reread(g->cpu, text, sizeof(text)), "usage_usec", NULL) * 1000;
	/* clock_getcpuclockid(3), without its call to see whether there is such a process */
	if (g->pid && clock_gettime((clockid_t)(~(unsigned)g->pid << 3 | 2), &t) == 0)
		return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	return 0;
}

/* Without cgroups: anonymous memory of the first process. */
static uint64_t resident(const struct quota_group *g)
{
	char text[128];
	const char *s = reread(g->used, text, sizeof(text));
	uint64_t all, shared;

	/* size resident shared ..., in pages */
	s += strcspn(s, " ");
	s += strspn(s, " ");
	all = leading_number(s);
	s += strcspn(s, " ");
	s += strspn(s, " ");
	shared = leading_number(s);
	return (all > shared ? all - shared : 0) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Bytes in its own /tmp. */
static uint64_t tmp_used(const struct quota_group *g, uint64_t shmem)
{
	char path[64];
	struct statfs s;

	if (!g->limits.tmp || !g->quota->tmp)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/root/tmp", (int)g->pid);
	if (g->pid && statfs(path, &s) == 0 && s.f_blocks * (uint64_t)s.f_bsize <= g->limits.tmp + 65536)
		return (uint64_t)(s.f_blocks - s.f_bfree) * (uint64_t)s.f_bsize;
	return shmem < g->limits.tmp ? shmem : g->limits.tmp;
}

/* What the kernel counts as its memory and is none of its own: files it keeps in case, and its /tmp. */
static uint64_t apart(struct quota_group *g, uint64_t used)
{
	char text[8192];

	if (quota_group_get(g, QUOTA_MEMORY, "memory.stat", text, sizeof(text)) < 0)
		return 0;
	g->apart_at = used;
	g->apart = quota_stat_value(text, "inactive_file", NULL) + quota_stat_value(text, "active_file", NULL) +
		   tmp_used(g, quota_stat_value(text, "shmem", NULL));
	return g->apart;
}

bool quota_check(struct quota_group *g)
{
	uint64_t used, most = g->limits.memory;

	if (!most || !g->pid || g->over)
		return g->over;
	used = in_cgroup(g) ? read_number(g->used) : resident(g);
	if (used > g->seen)
		g->seen = used;
	if (used <= most)
		return false;
	if (in_cgroup(g)) {
		uint64_t not_its = apart(g, used);

		if (used <= not_its || used - not_its <= most)
			return false;
	}
	g->over = true;
	quota_kill(g);
	return true;
}

bool quota_oom(const struct quota_group *g)
{
	char text[1024];
	bool found;
	uint64_t kills;

	if (g->over)
		return true;
	if (!in_cgroup(g) || quota_group_get(g, QUOTA_MEMORY, is_v2(g) ? "memory.events" : "memory.oom_control", text,
					     sizeof(text)) < 0)
		return false;
	kills = quota_stat_value(text, "oom_kill", &found);
	if (found)
		return kills > 0;
	/* before Linux 4.13 */
	return quota_group_get(g, QUOTA_MEMORY, "memory.failcnt", text, sizeof(text)) == 0 && leading_number(text) > 0;
}

void quota_mark(struct quota_group *g)
{
	if (!g->quota)
		return;
	g->seen = 0;
	/* what cannot be started anew counts from the start on */
	if (g->peak >= 0 && pwrite(g->peak, "0", 1, 0) < 0)
		clean_fd_(&g->peak);
	if (g->clear_refs >= 0 && pwrite(g->clear_refs, "5", 1, 0) < 0)
		clean_fd_(&g->clear_refs);
	g->cpu_before = quota_cpu(g);
}

void quota_measure(struct quota_group *g, struct quota_usage *used)
{
	uint64_t cpu = quota_cpu(g), most, not_its = g->apart;
	char text[2048];

	used->cpu = cpu > g->cpu_before ? cpu - g->cpu_before : 0;
	used->memory = 0;
	if (g->status >= 0)
		used->memory = quota_stat_value(reread(g->status, text, sizeof(text)), "VmHWM", NULL) << 10;
	if (!in_cgroup(g)) {
		/* of one that has ended there is only what was seen before */
		if (!used->memory)
			used->memory = g->seen;
		return;
	}
	most = read_number(g->peak >= 0 ? g->peak : g->used);
	if (most < g->seen)
		most = g->seen;
	if (most > g->apart_at + APART_STEP || g->apart_at > most + APART_STEP)
		not_its = apart(g, most);
	if (most > not_its && most - not_its > used->memory)
		used->memory = most - not_its;
}
