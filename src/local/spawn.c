/* SPDX-License-Identifier: Apache-2.0 */
#include "local/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "local/quota_internal.h"
#include "local/spawn_internal.h"
#include "os/fs.h"

#define STACK 16384

/*
 * clone3(2), which alone starts a child in a cgroup, has no function in glibc: it must not return on the child's stack.
 * Returns the pid or -errno.
 */
static long clone3_call(struct clone_args *args, int (*run)(void *), void *arg)
{
#if defined(__x86_64__)
	register int (*run_)(void *) __asm__("r12") = run;
	register void *arg_ __asm__("r13") = arg;
	long r;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r13, %%rdi\n\t"
			 "callq *%%r12\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(r)
			 : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(run_), "r"(arg_)
			 : "rcx", "r11", "memory", "cc");
	return r;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register int (*run_)(void *) __asm__("x19") = run;
	register void *arg_ __asm__("x20") = arg;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n\t"
			 "brk #1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), "r"(run_), "r"(arg_)
			 : "memory", "cc", "x30");
	return x0;
#else
	(void)args;
	(void)run;
	(void)arg;
	return -ENOSYS;
#endif
}

pid_t spawn_clone(struct spawn_plan *p, int flags, int cgroup, int *pidfd)
{
	_Alignas(16) char stack[STACK];
	int ignored;

	flags |= CLONE_VM | CLONE_VFORK;
	if (pidfd)
		flags |= CLONE_PIDFD;
	if (cgroup >= 0) {
		struct clone_args args = {
			.flags = (uint64_t)(unsigned)flags | (uint64_t)CLONE_INTO_CGROUP,
			.pidfd = (uintptr_t)(pidfd ? pidfd : &ignored),
			.exit_signal = SIGCHLD,
			.stack = (uintptr_t)stack,
			.stack_size = sizeof(stack),
			.cgroup = (unsigned)cgroup,
		};
		long r = clone3_call(&args, spawn_child, p);

		if (r >= 0)
			return (pid_t)r;
		errno = (int)-r;
		/* before Linux 5.7, or kept from us by a container's filter */
		if (errno != ENOSYS && errno != E2BIG && errno != EINVAL && errno != EPERM)
			return -1;
		p->enter = "cgroup.procs";
	}
	return clone(spawn_child, stack + sizeof(stack), flags | SIGCHLD, p, pidfd ? pidfd : &ignored);
}

void spawn_map_ids(struct spawn_plan *p)
{
	snprintf(p->uid_map, sizeof(p->uid_map), "%u %u 1", geteuid(), geteuid());
	snprintf(p->gid_map, sizeof(p->gid_map), "%u %u 1", getegid(), getegid());
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int spawn_probe(int ns_flags)
{
	struct spawn_plan p = { .null = -1, .most_fd = -1, .ns_flags = ns_flags, .tmp = "size=64k,mode=1777" };
	sigset_t all, old;
	pid_t pid;
	int e;

	spawn_map_ids(&p);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = spawn_clone(&p, ns_flags, -1, NULL);
	e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return e;
	reap(pid);
	return p.failed;
}

int spawner_init(struct spawner *s, struct err *err)
{
	*s = (struct spawner){ -1, -1, -1, false };
	s->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->null < 0)
		return err_sys(err, "/dev/null");
	/* 0 to 2 may be closed: there the child would overwrite one with another */
	if (s->null < 3) {
		int low = s->null;

		s->null = fcntl(low, F_DUPFD_CLOEXEC, 3);
		close(low);
	}
	s->out = fcntl(s->null, F_DUPFD_CLOEXEC, 3);
	s->err = fcntl(s->null, F_DUPFD_CLOEXEC, 3);
	if (s->null < 0 || s->out < 0 || s->err < 0) {
		err_sys(err, "cannot start anything");
		spawner_release(s);
		return -1;
	}
	s->shared = syscall(SYS_close_range, ~0u, ~0u, 0) == 0;
	return 0;
}

void spawner_release(struct spawner *s)
{
	clean_fd_(&s->null);
	clean_fd_(&s->out);
	clean_fd_(&s->err);
}

/* Where the program may be. */
static void find_paths(const struct spawn *o, struct strs *paths)
{
	struct str rest = STR("/usr/local/bin:/usr/bin:/bin");

	if (strchr(o->argv[0], '/')) {
		strs_add(paths, o->argv[0]);
		return;
	}
	for (const char *const *e = o->env; *e; e++)
		if (starts_with(*e, "PATH="))
			rest = str_from(*e + 5);
	while (rest.len) {
		struct str dir = rest;

		rest = str_cut(&dir, ':');
		if (str_starts(dir, "/"))
			strs_addf(paths, STR_FMT "/%s", STR_ARG(dir), o->argv[0]);
	}
}

/* Those of @keep that an own /tmp would hide, as copies. 1: that is all of /tmp. */
static int find_kept(const struct spawn *o, struct strs *kept, struct err *err)
{
	for (const char *const *k = o->keep; k && *k; k++) {
		CLEAN_FREE char *path = path_clean(*k);
		bool twice = false;

		if (strcmp(path, "/tmp") == 0)
			return 1;
		if (!starts_with(path, "/tmp/"))
			continue;
		for (size_t i = 0; i < kept->len; i++)
			twice = twice || strcmp(kept->ptr[i], path) == 0;
		if (!twice)
			strs_take(kept, steal(&path));
		if (kept->len > SPAWN_KEEP_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: more than %d directories in /tmp",
				       SPAWN_KEEP_MAX);
	}
	/* parents first: what is below one of them is there already, and is mounted once more to no harm */
	strs_sort(kept);
	return 0;
}

static int plan_group(struct spawn_plan *p, const struct spawn *o, struct strs *kept, struct err *err)
{
	struct quota_group *g = o->group;
	const struct quota *q = g->quota;
	const struct quota_limits *l = &g->limits;
	bool rlimits = q->by == QUOTA_RLIMITS;
	int whole_tmp = 0;

	p->ns_flags = rlimits || l->tmp || o->root ? q->ns_flags : 0;
	p->rlimit_files = l->files;
	if (rlimits && l->memory)
		p->rlimit_data = l->memory + QUOTA_DATA_MORE;
	if (rlimits && q->processes)
		p->rlimit_nproc = l->processes;
	if (!o->root) {
		whole_tmp = find_kept(o, kept, err);
		if (whole_tmp < 0)
			return -1;
	}
	if (l->tmp && p->ns_flags && !whole_tmp) {
		snprintf(p->tmp, sizeof(p->tmp), "size=%" PRIu64 ",mode=1777", l->tmp);
		for (; p->nkeep < kept->len; p->nkeep++)
			p->keep[p->nkeep] = kept->ptr[p->nkeep];
	}
	if (o->join) {
		p->join = o->join;
		p->join_flags = p->ns_flags;
		p->ns_flags = 0;
		p->tmp[0] = '\0';
		p->nkeep = 0;
		memcpy(p->ns, g->ns, sizeof(p->ns));
	}
	snprintf(p->group, sizeof(p->group), "i%u", g->number);
	for (size_t i = 0; i < q->ntrees; i++)
		p->trees[i] = q->trees[i].fd;
	p->ntrees = q->ntrees;
	if (q->by == QUOTA_CGROUP1)
		p->enter = "tasks";
	return 0;
}

static int failed(const struct spawn_plan *p, const struct spawn *o, struct err *err)
{
	const char *name = o->argv[0];

	errno = p->failed;
	if (p->what) {
		err_sys(err, "cannot start %s: cannot %s", name, p->what);
		/* it is about files, and this need not be */
		err->hint[0] = '\0';
		return -1;
	}
	if (p->failed == EACCES) {
		err_set(err, ERR_TOOL, "cannot start %s: %s", name, strerror(p->failed));
		return err_hint(err, "make it executable");
	}
	if (p->failed == ENOEXEC) {
		err_set(err, ERR_TOOL, "cannot start %s: it is no program of this machine", name);
		return err_hint(err, "a script begins with #! and its interpreter");
	}
	if (p->failed != ENOENT)
		return err_sys(err, "cannot start %s", name);
	if (!strchr(name, '/'))
		return err_set(err, ERR_TOOL, "'%s' is not found on PATH", name);
	if (!o->root && fs_exists(name))
		return err_set(err, ERR_TOOL, "cannot start %s: the interpreter it names does not exist", name);
	return err_set(err, ERR_TOOL, "cannot start %s: no such file", name);
}

static int start(struct spawner *s, struct spawn_plan *p, int cgroup, pid_t *pid, int *pidfd)
{
	int flags = p->ns_flags | (s->shared ? CLONE_FILES : 0);
	sigset_t all, old;
	pid_t r = -1;
	int e, dumpable;

	/* Whatever else is open, only what is below these is copied. */
	if (dup3(p->out, s->out, O_CLOEXEC) >= 0 && dup3(p->err, s->err, O_CLOEXEC) >= 0) {
		p->null = s->null;
		p->out = s->out;
		p->err = s->err;
		p->most_fd = s->null > s->out ? s->null : s->out;
		if (p->most_fd < s->err)
			p->most_fd = s->err;
		if (!s->shared)
			p->most_fd = -1;
		dumpable = p->user ? prctl(PR_GET_DUMPABLE) : 0;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		r = spawn_clone(p, flags, cgroup, pidfd);
		e = errno;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		/* a change of user took it away, so that no process of that user looks into what is shared */
		if (p->user)
			prctl(PR_SET_DUMPABLE, dumpable);
		errno = e;
	}
	e = errno;
	/* not to hold the pipes open */
	dup3(s->null, s->out, O_CLOEXEC);
	dup3(s->null, s->err, O_CLOEXEC);
	errno = e;
	*pid = r;
	return r < 0 ? -1 : 0;
}

int spawner_start(struct spawner *s, const struct spawn *o, pid_t *pid, int *pidfd, struct err *err)
{
	struct spawn_plan p = {
		.argv = (char *const *)(uintptr_t)o->argv, .env = (char *const *)(uintptr_t)o->env,
		.cwd = o->cwd, .root = o->root, .read_only = o->read_only, .user = o->user,
		.out = o->out, .err = o->err, .parent = getpid(),
	};
	CLEAN_STRS struct strs paths = { 0 }, kept = { 0 };
	CLEAN_FD int cgroup = -1, fd = -1;
	pid_t child;

	find_paths(o, &paths);
	p.paths = strs_argv(&paths);
	if (o->group && plan_group(&p, o, &kept, err) < 0)
		return -1;
	if (o->root && !p.ns_flags && !p.join_flags) {
		err_set(err, ERR_IO, "cannot start %s: no mounts of its own can be made for %s", o->argv[0], o->root);
		return err_hint(err, "start slsc as root, or allow user namespaces");
	}
	if (p.ns_flags & CLONE_NEWUSER)
		spawn_map_ids(&p);
	if (o->group && o->group->quota->by == QUOTA_CGROUP2) {
		cgroup = openat(p.trees[0], p.group, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cgroup < 0)
			return err_sys(err, "cannot start %s: its cgroup", o->argv[0]);
	}
	if (start(s, &p, cgroup, &child, &fd) < 0)
		return err_sys(err, "cannot start %s", o->argv[0]);
	if (p.failed) {
		reap(child);
		return failed(&p, o, err);
	}
	*pid = child;
	*pidfd = steal_fd(&fd);
	if (o->group && !o->guest)
		quota_started(o->group, child, p.ns);
	return 0;
}
