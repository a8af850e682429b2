/* SPDX-License-Identifier: Apache-2.0 */
#include "local/spawn_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/*
 * The child of spawner_start(), in the parent's memory: system calls only, by syscall(), which no sanitizer looks into;
 * and no checks of a stack that the parent knows nothing of.
 */
#define CHILD __attribute__((no_sanitize("address", "undefined"), no_stack_protector))
#define DEVICES 5

static const char *const devices[DEVICES] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom" };

CHILD static void fail(struct spawn_plan *p, const char *what)
{
	p->failed = errno ? errno : ECHILD;
	p->what = what;
	syscall(SYS_exit_group, 127);
	__builtin_unreachable();
}

CHILD static size_t length(const char *s)
{
	size_t n = 0;

	/* not strlen(): a sanitizer's would look at it */
	while (*(const volatile char *)(s + n))
		n++;
	return n;
}

CHILD static bool put(int dir, const char *path, const char *text)
{
	long fd = syscall(SYS_openat, dir, path, O_WRONLY | O_CLOEXEC, 0);
	long n, len = (long)length(text);

	if (fd < 0)
		return false;
	n = syscall(SYS_write, fd, text, len);
	syscall(SYS_close, fd);
	return n == len;
}

CHILD static void enter_group(struct spawn_plan *p)
{
	char path[64];

	for (size_t i = 0; p->enter && i < p->ntrees; i++) {
		size_t n = 0;

		for (const char *s = p->group; *s; s++)
			path[n++] = *s;
		path[n++] = '/';
		for (const char *s = p->enter; *s; s++)
			path[n++] = *s;
		path[n] = '\0';
		if (!put(p->trees[i], path, "0"))
			fail(p, "put it into its cgroup");
	}
}

CHILD static void enter_namespaces(struct spawn_plan *p)
{
	long n;

	if (!p->ns_flags)
		return;
	if (p->ns_flags & CLONE_NEWUSER) {
		if (!put(AT_FDCWD, "/proc/self/setgroups", "deny") ||
		    !put(AT_FDCWD, "/proc/self/uid_map", p->uid_map) ||
		    !put(AT_FDCWD, "/proc/self/gid_map", p->gid_map))
			fail(p, "map its user");
	} else if (syscall(SYS_mount, "", "/", "", MS_REC | MS_SLAVE, NULL) < 0) {
		/* what is mounted here must not appear there; what is unmounted there must vanish here */
		fail(p, "give it mounts of its own");
	}
	n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/mnt", p->ns, sizeof(p->ns) - 1);
	p->ns[n > 0 ? n : 0] = '\0';
}

CHILD static void make_dirs(char *path)
{
	for (char *s = path + 1; *s; s++) {
		if (*s == '/') {
			*s = '\0';
			syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
			*s = '/';
		}
	}
	syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
}

CHILD static bool attach(long tree, const char *path)
{
	return syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

CHILD static void make_tmp(struct spawn_plan *p)
{
	long kept[SPAWN_KEEP_MAX];

	if (!p->tmp[0])
		return;
	for (size_t i = 0; i < p->nkeep; i++) {
		kept[i] = syscall(SYS_open_tree, AT_FDCWD, p->keep[i],
				  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (kept[i] < 0)
			fail(p, "keep a directory in /tmp");
	}
	if (syscall(SYS_mount, "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, p->tmp) < 0)
		fail(p, "mount its /tmp");
	for (size_t i = 0; i < p->nkeep; i++) {
		make_dirs(p->keep[i]);
		if (!attach(kept[i], p->keep[i]))
			fail(p, "keep a directory in /tmp");
		syscall(SYS_close, kept[i]);
	}
}

/* In place of ours: what a container has, as far as a function is meant to see it. */
CHILD static void make_dev(struct spawn_plan *p, const long nodes[DEVICES])
{
	static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },
						{ "/proc/self/fd/0", "/dev/stdin" },
						{ "/proc/self/fd/1", "/dev/stdout" },
						{ "/proc/self/fd/2", "/dev/stderr" } };

	syscall(SYS_mkdirat, AT_FDCWD, "/dev", 0755);
	if (syscall(SYS_mount, "tmpfs", "/dev", "tmpfs", MS_NOSUID, "size=64k,mode=755") < 0)
		fail(p, "mount its /dev");
	for (size_t i = 0; i < DEVICES; i++) {
		long fd = syscall(SYS_openat, AT_FDCWD, devices[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

		if (fd < 0 || !attach(nodes[i], devices[i]))
			fail(p, "make its /dev");
		syscall(SYS_close, fd);
		syscall(SYS_close, nodes[i]);
	}
	for (size_t i = 0; i < 4; i++)
		if (syscall(SYS_symlinkat, links[i][0], AT_FDCWD, links[i][1]) < 0)
			fail(p, "make its /dev");
}

CHILD static void enter_root(struct spawn_plan *p)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	long proc, nodes[DEVICES];

	proc = syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (proc < 0)
		fail(p, "take /proc along");
	for (size_t i = 0; i < DEVICES; i++) {
		nodes[i] = syscall(SYS_open_tree, AT_FDCWD, devices[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (nodes[i] < 0)
			fail(p, "take /dev along");
	}
	/* pivot_root(2): the old root is then on top of the new one, and goes by its unmounting */
	if (syscall(SYS_mount, p->root, p->root, "", MS_BIND | MS_REC, NULL) < 0 || syscall(SYS_chdir, p->root) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || syscall(SYS_umount2, ".", MNT_DETACH) < 0 ||
	    syscall(SYS_chdir, "/") < 0)
		fail(p, "enter its root directory");
	syscall(SYS_mkdirat, AT_FDCWD, "/proc", 0755);
	if (!attach(proc, "/proc"))
		fail(p, "mount its /proc");
	make_dev(p, nodes);
	syscall(SYS_mkdirat, AT_FDCWD, "/tmp", 01777);
	make_tmp(p);
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &ro, sizeof(ro)) < 0)
		fail(p, "make its root read-only");
}

/* Who joins an instance finds it so. */
CHILD static void protect(struct spawn_plan *p)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	if (!p->read_only || !p->ns_flags)
		return;
	if (syscall(SYS_mount, p->read_only, p->read_only, "", MS_BIND, NULL) < 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, p->read_only, 0, &ro, sizeof(ro)) < 0)
		fail(p, "make its directory read-only");
}

/* The pipes are its own, too: it may open /dev/stdout. */
CHILD static void become(struct spawn_plan *p)
{
	const struct spawn_user *u = p->user;

	if (!u)
		return;
	syscall(SYS_fchown, 1, u->uid, u->gid);
	syscall(SYS_fchown, 2, u->uid, u->gid);
	if (syscall(SYS_setgroups, u->ngroups, u->groups) < 0 || syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0 ||
	    syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		fail(p, "become its user");
}

CHILD static void limit(struct spawn_plan *p, int resource, uint64_t most, const char *what)
{
	struct rlimit was, r = { most, most };

	if (syscall(SYS_prlimit64, 0, resource, NULL, &was) < 0)
		fail(p, what);
	/* never up: that takes rights */
	if (was.rlim_max < most)
		r.rlim_cur = r.rlim_max = was.rlim_max;
	if (syscall(SYS_prlimit64, 0, resource, &r, NULL) < 0)
		fail(p, what);
}

CHILD static void limits(struct spawn_plan *p)
{
	limit(p, RLIMIT_CORE, 0, "forbid core files");
	if (p->rlimit_files)
		limit(p, RLIMIT_NOFILE, p->rlimit_files, "limit its open files");
	if (p->rlimit_data)
		limit(p, RLIMIT_DATA, p->rlimit_data, "limit its memory");
	if (p->rlimit_nproc)
		limit(p, RLIMIT_NPROC, p->rlimit_nproc, "limit its processes");
}

/* As the kernel has it, which is not glibc's; all zero is the default. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

CHILD static void signals(void)
{
	struct kernel_sigaction by_default = { .handler = NULL };
	uint64_t none = 0;

	for (int i = 1; i <= 64; i++)
		syscall(SYS_rt_sigaction, i, &by_default, NULL, sizeof(by_default.mask));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

CHILD static void descriptors(struct spawn_plan *p)
{
	if (syscall(SYS_dup3, p->null, 0, 0) < 0 || syscall(SYS_dup3, p->out, 1, 0) < 0 ||
	    syscall(SYS_dup3, p->err, 2, 0) < 0)
		fail(p, "give it its stdout and stderr");
	if (syscall(SYS_close_range, 3, ~0u, 0) < 0) {
		struct rlimit r;

		if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &r) < 0)
			fail(p, "close what is not its own");
		for (uint64_t fd = 3; fd < r.rlim_cur; fd++)
			syscall(SYS_close, fd);
	}
}

CHILD static void execute(struct spawn_plan *p)
{
	int e = ENOENT;

	for (char *const *path = p->paths; *path; path++) {
		syscall(SYS_execve, *path, p->argv, p->env);
		/* as execvp(3): look on, and tell of one that was there */
		if (errno == EACCES)
			e = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR) {
			e = errno;
			break;
		}
	}
	errno = e;
	fail(p, NULL);
}

CHILD int spawn_child(void *plan)
{
	struct spawn_plan *p = plan;

	enter_group(p);
	if (p->join_flags && syscall(SYS_setns, p->join, p->join_flags) < 0)
		fail(p, "enter the namespaces of its instance");
	if (p->most_fd >= 0 && syscall(SYS_close_range, p->most_fd + 1, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		fail(p, "close what is not its own");
	enter_namespaces(p);
	if (p->root && !p->join_flags)
		enter_root(p);
	else
		make_tmp(p);
	protect(p);
	if (p->null < 0)
		syscall(SYS_exit_group, 0);
	syscall(SYS_umask, 022);
	if (syscall(SYS_setsid) < 0)
		fail(p, "begin a session");
	if (p->cwd && syscall(SYS_chdir, p->cwd) < 0)
		fail(p, "enter its directory");
	descriptors(p);
	limits(p);
	signals();
	become(p);
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(p, "forbid new privileges");
	/* last: a change of credentials takes it back */
	if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || syscall(SYS_getppid) != p->parent) {
		errno = ECHILD;
		fail(p, "tie it to slsc");
	}
	execute(p);
	return 127;
}
