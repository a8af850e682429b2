/* SPDX-License-Identifier: Apache-2.0 */
#include "local/quota_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fs.h"

#define NESTED 8
#define WAIT_MS 2000

static const char *const names[QUOTA_CTRLS] = { "memory", "cpu", "cpuacct", "pids" };

int quota_file_put(int dir, const char *name, const char *text)
{
	CLEAN_FD int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

int quota_file_get(int dir, const char *name, char *text, size_t cap)
{
	CLEAN_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, text, cap - 1);
	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -1 : 0;
}

void quota_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Whether @word is one of @list. */
static bool has_word(struct str list, const char *word, char sep)
{
	while (list.len) {
		struct str one = str_trim(list), rest = str_cut(&one, sep);

		if (str_eqz(str_trim(one), word))
			return true;
		list = rest;
	}
	return false;
}

/* What /proc/self/cgroup says of us in the hierarchy of @ctrl, NULL: v2. */
static struct str own_path(const struct buf *self, const char *ctrl)
{
	struct str rest = buf_str(self);

	while (rest.len) {
		struct str line = rest, id, list, path;

		rest = str_cut(&line, '\n');
		id = line;
		path = str_cut(&id, ':');
		list = path;
		path = str_cut(&list, ':');
		if (ctrl ? has_word(list, ctrl, ',') : str_eqz(id, "0"))
			return path;
	}
	return (struct str){ 0 };
}

struct mounted {
	struct str root, at;
};

/* Where the hierarchy of @ctrl is mounted, NULL: v2; proc_pid_mountinfo(5). */
static bool find_mount(const struct buf *info, const char *ctrl, struct mounted *m)
{
	struct str rest = buf_str(info);

	while (rest.len) {
		struct str line = rest, word[10] = { 0 };
		size_t dash = 0, n = 0;

		rest = str_cut(&line, '\n');
		/* of the optional fields before the dash only the last is kept */
		while (line.len && n < 10) {
			struct str w = line;

			line = str_cut(&w, ' ');
			if (!dash && n > 6)
				n = 6;
			word[n] = w;
			if (!dash && n >= 6 && str_eqz(w, "-"))
				dash = n;
			n++;
		}
		if (!dash || n < dash + 4)
			continue;
		m->root = word[3];
		m->at = word[4];
		if (ctrl ? str_eqz(word[dash + 1], "cgroup") && has_word(word[dash + 3], ctrl, ',') :
			   str_eqz(word[dash + 1], "cgroup2"))
			return true;
	}
	return false;
}

/* The directory of our own cgroup, heap; NULL if it is not to be seen. */
static char *own_dir(const struct mounted *m, struct str path)
{
	struct str below = path;
	CLEAN_FREE char *dir = NULL;

	if (!path.len)
		return NULL;
	if (!str_eqz(m->root, "/")) {
		/* a part of the hierarchy is mounted, as in a container */
		if (path.len < m->root.len || memcmp(path.ptr, m->root.ptr, m->root.len) != 0)
			below = STR("");
		else
			below = (struct str){ path.ptr + m->root.len, path.len - m->root.len };
	}
	dir = xasprintf(STR_FMT STR_FMT, STR_ARG(m->at), STR_ARG(below));
	if (ends_with(dir, "/"))
		dir[strlen(dir) - 1] = '\0';
	return fs_is_dir(dir) ? steal(&dir) : NULL;
}

void quota_tree_kill(int dir)
{
	char text[16384];

	if (quota_file_put(dir, "cgroup.kill", "1") == 0)
		return;
	/* v1, or before Linux 5.14: with no new ones, those that are told are all, but for forks that are under way */
	quota_file_put(dir, "pids.max", "0");
	for (int pass = 0; pass < 2; pass++) {
		CLEAN_FD int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
		size_t left = 0;
		ssize_t n;

		if (fd < 0)
			return;
		while ((n = read(fd, text + left, sizeof(text) - 1 - left)) > 0) {
			char *line = text, *end;

			text[left + (size_t)n] = '\0';
			while ((end = strchr(line, '\n'))) {
				uint64_t pid;

				/* 0: it is in another pid namespace */
				if (str_parse_u64((struct str){ line, (size_t)(end - line) }, &pid) == 0 && pid > 1)
					kill((pid_t)pid, SIGKILL);
				line = end + 1;
			}
			left = strlen(line);
			memmove(text, line, left + 1);
		}
	}
}

static bool remove_within(int parent, const char *name, int depth)
{
	CLEAN_FD int dir = -1;
	DIR *list;
	struct dirent *d;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || depth == NESTED)
		return false;
	quota_tree_kill(dir);
	list = fdopendir(dup(dir));
	while (list && (d = readdir(list)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			remove_within(dir, d->d_name, depth + 1);
	if (list)
		closedir(list);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

bool quota_tree_remove(int parent, const char *name)
{
	return remove_within(parent, name, 0);
}

/* What a slsc that is no more has left in @dir: its lock went with it. */
static void sweep(const char *dir)
{
	CLEAN_FD int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_STRS struct strs list = { 0 };
	struct err ignored;
	int ms = 0;

	if (parent < 0 || fs_list(dir, &list, &ignored) < 0)
		return;
	for (size_t i = 0; i < list.len; i++) {
		CLEAN_FD int fd = -1;
		uint64_t pid;

		if (!starts_with(list.ptr[i], "slsc-") || str_parse_u64(str_from(list.ptr[i] + 5), &pid) < 0 ||
		    pid > INT32_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		fd = openat(parent, list.ptr[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		while (!quota_tree_remove(parent, list.ptr[i]) && ms++ < WAIT_MS)
			quota_pause();
	}
}

/* Our directory in @dir. Returns 0 or errno. */
static int make_tree(struct quota *q, const char *dir)
{
	CLEAN_FREE char *path = xasprintf("%s/slsc-%d", dir, (int)getpid());
	int fd;

	sweep(dir);
	if (mkdir(path, 0755) < 0) {
		CLEAN_FD int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* an earlier process of our number, or ourselves with another struct quota */
		if (errno != EEXIST || !quota_tree_remove(parent, path_basename(path)) || mkdir(path, 0755) < 0)
			return errno;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int e = errno;

		clean_fd_(&fd);
		rmdir(path);
		return e;
	}
	q->trees[q->ntrees++] = (struct quota_tree){ .fd = fd, .path = steal(&path) };
	return 0;
}

/* Which of ours a file of @dir lists, as bits. */
static unsigned controllers(int dir, const char *name)
{
	char text[1024];
	unsigned set = 0;

	if (quota_file_get(dir, name, text, sizeof(text)) < 0)
		return 0;
	for (unsigned i = 0; i < QUOTA_CTRLS; i++)
		if (has_word(str_from(text), names[i], ' '))
			set |= 1u << i;
	return set;
}

/* Children of @dir are to have our controllers. Returns those they have. */
static unsigned enable(int dir, int *e)
{
	unsigned wanted = controllers(dir, "cgroup.controllers"), have = controllers(dir, "cgroup.subtree_control");

	for (unsigned i = 0; i < QUOTA_CTRLS; i++) {
		char text[16];

		if (!(wanted & ~have & 1u << i))
			continue;
		snprintf(text, sizeof(text), "+%s", names[i]);
		if (quota_file_put(dir, "cgroup.subtree_control", text) == 0)
			have |= 1u << i;
		else
			*e = errno;
	}
	return have;
}

#define NEEDED (1u << QUOTA_MEMORY)

/*
 * Processes are in leaves only, so the first directory above us whose children can have controllers: it is ours if we
 * are root, or if it was delegated to us. We must also be allowed to move processes below it.
 */
static int make_v2(struct quota *q, const struct buf *info, const struct buf *self)
{
	struct mounted m;
	CLEAN_FREE char *dir = NULL;
	int e = -1;

	if (!find_mount(info, NULL, &m))
		return -1;
	dir = own_dir(&m, own_path(self, NULL));
	for (; dir && strlen(dir) >= m.at.len; *strrchr(dir, '/') = '\0') {
		CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		unsigned have;

		if (fd < 0)
			return errno;
		if (!(controllers(fd, "cgroup.controllers") & NEEDED))
			continue;
		if (faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0) {
			e = errno;
			continue;
		}
		if (!(enable(fd, &e) & NEEDED))
			continue;
		e = make_tree(q, dir);
		if (e)
			continue;
		have = enable(q->trees[0].fd, &e);
		/* the time used is told without any controller */
		have |= 1u << QUOTA_CPUACCT;
		for (int i = 0; i < QUOTA_CTRLS; i++)
			q->at[i] = have & 1u << i ? 0 : -1;
		if (have & NEEDED)
			return 0;
		rmdir(q->trees[0].path);
		clean_fd_(&q->trees[0].fd);
		clean_free_(&q->trees[0].path);
		q->ntrees = 0;
	}
	return e;
}

static int make_v1(struct quota *q, const struct buf *info, const struct buf *self)
{
	struct str at[QUOTA_CTRLS];	/* of each tree */

	for (int i = 0; i < QUOTA_CTRLS; i++) {
		struct mounted m;
		CLEAN_FREE char *dir = NULL;
		int e = -1;

		q->at[i] = -1;
		if (find_mount(info, names[i], &m))
			dir = own_dir(&m, own_path(self, names[i]));
		for (size_t t = 0; dir && t < q->ntrees; t++)
			if (str_eq(at[t], m.at))
				q->at[i] = (int)t;
		if (q->at[i] >= 0)
			continue;
		if (dir)
			e = make_tree(q, dir);
		if (e == 0) {
			q->at[i] = (int)q->ntrees - 1;
			at[q->at[i]] = m.at;
		} else if (i == QUOTA_MEMORY) {
			return e;
		}
	}
	return 0;
}

int quota_trees_make(struct quota *q)
{
	CLEAN_BUF struct buf info = BUF_INIT, self = BUF_INIT;
	struct err ignored;
	int e, e2;

	q->ntrees = 0;
	q->by = QUOTA_RLIMITS;
	if (fs_read("/proc/self/mountinfo", 4u << 20, &info, &ignored) < 0 ||
	    fs_read("/proc/self/cgroup", 1u << 20, &self, &ignored) < 0)
		return -1;
	e2 = make_v2(q, &info, &self);
	if (e2 == 0) {
		q->by = QUOTA_CGROUP2;
		return 0;
	}
	e = make_v1(q, &info, &self);
	if (e == 0) {
		q->by = QUOTA_CGROUP1;
		return 0;
	}
	for (int i = 0; i < QUOTA_CTRLS; i++)
		q->at[i] = -1;
	return e > 0 ? e : e2;
}
