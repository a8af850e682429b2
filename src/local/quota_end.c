/* SPDX-License-Identifier: Apache-2.0 */
#include "local/quota_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

/* Whether a child of ours is in the mount namespace @ns. */
static bool is_in(pid_t pid, const char *ns)
{
	char link[64], its[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/ns/mnt", (int)pid);
	n = readlink(link, its, sizeof(its) - 1);
	its[n > 0 ? n : 0] = '\0';
	return n > 0 && strcmp(its, ns) == 0;
}

/* What a file in /proc holds, also after a signal has come, when fs_read() has ERR_INTR. */
static void read_whole(const char *path, struct buf *out)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && n > 0) {
		buf_reserve(out, 4096);
		n = read(fd, out->ptr + out->len, 4095);
		out->len += n > 0 ? (size_t)n : 0;
		out->ptr[out->len] = '\0';
	}
}

/* Children of ours that are in the mount namespace @ns: orphans of what ran there. Returns how many were killed. */
static size_t kill_orphans(struct quota *q, pid_t first, const char *ns)
{
	DIR *tasks = q->daemons && ns[0] ? opendir("/proc/self/task") : NULL;
	size_t killed = 0;

	for (struct dirent *d; tasks && (d = readdir(tasks));) {
		CLEAN_BUF struct buf list = BUF_INIT;
		CLEAN_FREE char *path = xasprintf("/proc/self/task/%s/children", d->d_name);
		struct str rest;

		if (d->d_name[0] != '.')
			read_whole(path, &list);
		rest = buf_str(&list);
		while (rest.len) {
			struct str word = rest;
			uint64_t pid;

			rest = str_cut(&word, ' ');
			if (str_parse_u64(word, &pid) < 0 || (pid_t)pid == first || !is_in((pid_t)pid, ns))
				continue;
			if (kill((pid_t)pid, SIGKILL) == 0) {
				VEC_PUSH(&q->orphans, (pid_t)pid);
				killed++;
			}
		}
	}
	if (tasks)
		closedir(tasks);
	return killed;
}

static void kill_all(struct quota *q, unsigned number, pid_t pid, const char *ns)
{
	CLEAN_FD int dir = -1;
	char name[16];
	int at;

	if (q->by == QUOTA_RLIMITS) {
		if (pid)
			kill(-pid, SIGKILL);
		kill_orphans(q, pid, ns);
		return;
	}
	/* all hierarchies hold the same processes, and that of pids can end their forking */
	at = q->at[q->at[QUOTA_PIDS] >= 0 ? QUOTA_PIDS : QUOTA_MEMORY];
	snprintf(name, sizeof(name), "i%u", number);
	dir = openat(q->trees[at].fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		quota_tree_kill(dir);
}

void quota_kill(struct quota_group *g)
{
	if (g->quota && g->number)
		kill_all(g->quota, g->number, g->pid, g->ns);
}

static bool remove_group(struct quota *q, unsigned number)
{
	char name[16];
	bool gone = true;

	snprintf(name, sizeof(name), "i%u", number);
	for (size_t i = 0; i < q->ntrees; i++) {
		if (unlinkat(q->trees[i].fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (gone)
			kill_all(q, number, 0, "");
		gone = false;
		/* it may have made groups of its own in it */
		quota_tree_remove(q->trees[i].fd, name);
	}
	return gone;
}

/* Whether nothing is left of it. */
static bool end(struct quota *q, struct quota_ending *e)
{
	if (q->by != QUOTA_RLIMITS)
		return remove_group(q, e->number);
	if (e->pid) {
		siginfo_t ended;
		bool more = true;

		/* those of its group whose parent is gone are ours to reap */
		while (more) {
			ended.si_pid = 0;
			more = waitid(P_PGID, (id_t)e->pid, &ended, WEXITED | WNOHANG) == 0 && ended.si_pid;
		}
		/* ESRCH: nobody has the number any more, so that it is another's from here on */
		if (kill(-e->pid, SIGKILL) < 0 && errno == ESRCH)
			e->pid = 0;
	}
	return kill_orphans(q, e->pid, e->ns) == 0 && !e->pid;
}

void quota_first_gone(struct quota_group *g)
{
	struct quota_ending e = { .number = g->number, .pid = g->pid };

	if (!g->quota || g->quota->by != QUOTA_RLIMITS || !g->pid)
		return;
	if (!end(g->quota, &e))
		VEC_PUSH(&g->quota->ending, e);
	g->pid = 0;
}

void quota_group_release(struct quota_group *g)
{
	struct quota_ending e = { .number = g->number, .pid = g->pid };

	if (!g->quota || !g->number)
		return;
	quota_files_close(g);
	memcpy(e.ns, g->ns, sizeof(e.ns));
	if (!end(g->quota, &e))
		VEC_PUSH(&g->quota->ending, e);
	g->number = 0;
	g->pid = 0;
}

size_t quota_reap(struct quota *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->ending.len; i++)
		if (!end(q, &q->ending.ptr[i]))
			q->ending.ptr[n++] = q->ending.ptr[i];
	q->ending.len = n;
	n = 0;
	for (size_t i = 0; i < q->orphans.len; i++)
		if (waitpid(q->orphans.ptr[i], NULL, WNOHANG) == 0)
			q->orphans.ptr[n++] = q->orphans.ptr[i];
	q->orphans.len = n;
	return q->ending.len + q->orphans.len;
}
