/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

#define IDS_WANTED 65536u

static bool entered;

static int write_proc(const char *path, const char *text)
{
	CLEAN_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

bool in_user_namespace(void)
{
	struct stat own;

	/* the number of the first one, PROC_USER_INIT_INO of the kernel */
	return stat("/proc/self/ns/user", &own) == 0 && own.st_ino != 0xeffffffd;
}

/* Afterwards it could not be told. */
static void remember_self(void)
{
	free(dirs_self());
}

int enter_private(struct err *err)
{
	remember_self();
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(err, "cannot keep mounts private");
	err_set(err, ERR_TOOL, "cannot keep mounts private: this is a chroot, whose / is no mount point");
	return err_hint(err, "run slsc outside of the chroot, or bind-mount the directory onto itself before chroot");
}

static int no_user_namespace(struct err *err)
{
	int e = errno;

	errno = e;
	err_sys(err, "cannot make a user namespace");
	err->code = ERR_TOOL;
	if (e == ENOSPC || e == EUSERS)
		return err_hint(err, "sysctl user.max_user_namespaces says how many there may be: raise it");
	return err_hint(err, "the kernel or this container forbids it (in a chroot it always does): see sysctl "
			"user.max_user_namespaces, kernel.unprivileged_userns_clone, "
			"kernel.apparmor_restrict_unprivileged_userns");
}

/* The ids of a range for us in /etc/subuid or /etc/subgid; false if there is none. */
struct id_range {
	uint64_t first, count;
};

static bool find_range(const char *file, const char *name, uid_t uid, struct id_range *out)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;
	struct str rest;

	if (fs_read(file, 1u << 20, &text, &ignored) < 0)
		return false;
	rest = buf_str(&text);
	while (rest.len) {
		struct str line = rest, first, count;
		uint64_t id;

		rest = str_cut(&line, '\n');
		first = str_cut(&line, ':');
		count = str_cut(&first, ':');
		if (!(name && str_eqz(line, name)) && (str_parse_u64(line, &id) < 0 || id != uid))
			continue;
		if (str_parse_u64(first, &out->first) < 0 || str_parse_u64(str_trim(count), &out->count) < 0 ||
		    out->count == 0)
			continue;
		if (out->count > IDS_WANTED - 1)
			out->count = IDS_WANTED - 1;
		return true;
	}
	return false;
}

/* newuidmap PID 0 UID 1 1 FIRST COUNT */
static int map_by(const char *tool, pid_t pid, uint64_t id, const struct id_range *r, struct err *err)
{
	CLEAN_BUF struct buf said = BUF_INIT;
	CLEAN_STRS struct strs v = { 0 };
	struct proc_opts o = { .out = &said, .errout = &said, .null_stdin = true };
	int status;

	strs_add(&v, tool);
	strs_addf(&v, "%d", (int)pid);
	strs_add(&v, "0");
	strs_addf(&v, "%llu", (unsigned long long)id);
	strs_add(&v, "1");
	strs_add(&v, "1");
	strs_addf(&v, "%llu", (unsigned long long)r->first);
	strs_addf(&v, "%llu", (unsigned long long)r->count);
	if (proc_run((const char *const *)strs_argv(&v), &o, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	err_set(err, ERR_TOOL, "%s cannot map the range of ids: " STR_FMT, tool, STR_ARG(str_trim(buf_str(&said))));
	return err_hint(err, "it must be setuid root or have the file capability (package uidmap)");
}

struct mapping {
	uid_t uid;
	gid_t gid;
	bool ranges, identity;
	struct id_range uids, gids;
};

/* From outside of the namespace that @pid has just made. */
static int map_from_outside(const struct mapping *m, pid_t pid, struct err *err)
{
	static const char *const files[] = { "uid_map", "gid_map" };

	if (m->ranges)
		return map_by("newuidmap", pid, m->uid, &m->uids, err) < 0 ||
		       map_by("newgidmap", pid, m->gid, &m->gids, err) < 0 ? -1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEAN_FREE char *own = xasprintf("/proc/self/%s", files[i]);
		CLEAN_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, files[i]);
		CLEAN_BUF struct buf now = BUF_INIT, same = BUF_INIT;
		unsigned long long from, to, n;
		char *save = NULL;

		/* all that there is here, as itself */
		if (fs_read(own, 1u << 16, &now, err) < 0)
			return -1;
		for (char *l = strtok_r(now.ptr, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			if (sscanf(l, "%llu %llu %llu", &from, &to, &n) == 3)
				buf_addf(&same, "%llu %llu %llu\n", from, from, n);
		if (write_proc(path, same.ptr) < 0)
			return err_sys(err, "cannot map the ids: %s", path);
	}
	return 0;
}

/*
 * What needs rights in the namespace we leave is done by a child that stays there. It waits until we are in, maps, and
 * tells.
 */
static int unshare_mapped(const struct mapping *m, struct err *err)
{
	int go[2], told[2];
	pid_t us = getpid(), pid;
	struct err result = ERR_INIT;
	ssize_t n;
	char c = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	if (pipe2(told, O_CLOEXEC) < 0) {
		err_sys(err, "cannot make a pipe");
		close(go[0]);
		close(go[1]);
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(0);
		if (map_from_outside(m, us, &result) == 0)
			result.code = ERR_NONE;
		(void)!write(told[1], &result, sizeof(result));
		_exit(0);
	}
	close(go[0]);
	close(told[1]);
	if (pid < 0) {
		err_sys(err, "cannot fork");
	} else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		no_user_namespace(err);
		pid = -pid;
	} else if (write(go[1], &c, 1) != 1) {
		err_sys(err, "cannot map the ids");
		pid = -pid;
	}
	close(go[1]);
	while (pid > 0 && (n = read(told[0], &result, sizeof(result))) != (ssize_t)sizeof(result)) {
		if (n < 0 && errno == EINTR)
			continue;
		err_set(&result, ERR_IO, "cannot map the ids: the process that does so was killed");
		break;
	}
	close(told[0]);
	while (pid && waitpid(pid < 0 ? -pid : pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		return -1;
	if (result.code != ERR_NONE) {
		*err = result;
		return -1;
	}
	return 0;
}

static int unshare_one_id(const struct mapping *m, struct err *err)
{
	CLEAN_FREE char *uids = xasprintf("0 %u 1\n", m->uid);
	CLEAN_FREE char *gids = xasprintf("0 %u 1\n", m->gid);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return no_user_namespace(err);
	if (write_proc("/proc/self/setgroups", "deny") < 0 || write_proc("/proc/self/uid_map", uids) < 0 ||
	    write_proc("/proc/self/gid_map", gids) < 0) {
		err_sys(err, "cannot map the user id");
		err->code = ERR_TOOL;
		return err_hint(err, "a security module forbids it: see "
				"sysctl kernel.apparmor_restrict_unprivileged_userns");
	}
	return 0;
}

static int keep_mounts(struct err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot keep mounts private");
	return 0;
}

int enter_identity(struct err *err)
{
	struct mapping m = { .identity = true };

	remember_self();
	if (unshare_mapped(&m, err) < 0)
		return -1;
	return keep_mounts(err);
}

int sandbox_enter(struct err *err)
{
	struct mapping m = { .uid = geteuid(), .gid = getegid() };

	if (entered)
		return 0;
	remember_self();
	if (m.uid == 0) {
		/* root that may not mount, as in most containers, may still do so in a namespace of its own */
		if (enter_private(err) < 0 && (err->sys != EPERM || enter_identity(err) < 0))
			return -1;
	} else {
		struct passwd *pw = getpwuid(m.uid);
		const char *name = pw ? pw->pw_name : NULL;
		CLEAN_FREE char *newuidmap = proc_which("newuidmap");
		CLEAN_FREE char *newgidmap = proc_which("newgidmap");

		m.ranges = newuidmap && newgidmap && find_range("/etc/subuid", name, m.uid, &m.uids) &&
			   find_range("/etc/subgid", name, m.uid, &m.gids);
		if ((m.ranges ? unshare_mapped(&m, err) : unshare_one_id(&m, err)) < 0 || keep_mounts(err) < 0)
			return -1;
	}
	entered = true;
	return 0;
}

bool sandbox_maps_ids(void)
{
	CLEAN_BUF struct buf map = BUF_INIT;
	struct err ignored;
	unsigned long long from, to, n;

	if (fs_read("/proc/self/uid_map", 1u << 16, &map, &ignored) < 0)
		return true;
	/* one line that maps one id: all others are nobody's */
	return sscanf(map.ptr, "%llu %llu %llu", &from, &to, &n) != 3 || n > 1 ||
	       strchr(map.ptr, '\n') + 1 < map.ptr + map.len;
}
