/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/member.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

/*
 * The other backend: crun or runc, given a bundle (OCI runtime-spec, config.md and config-linux.md). The init is the
 * same, so what a RUN starts with is, too; the runtime makes the namespaces, /dev and /proc.
 */

static void add_process(struct buf *b, int fd, int init)
{
	/* what the init keeps; it takes the rest itself, but cannot bring what it was not given */
	static const char *const caps[] = {
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
		"CAP_AUDIT_WRITE", NULL,
	};

	buf_addf(b, "\"process\":{\"args\":[\"/proc/self/fd/%d\",\"%d\",\"%d\",\"%d\"]", init,
		 fd + SANDBOX_FD_CTL, fd + SANDBOX_FD_SPEC, fd + SANDBOX_FD_OUT);
	buf_addz(b, ",\"capabilities\":{\"ambient\":[]");
	member_list(b, "bounding", caps);
	member_list(b, "effective", caps);
	member_list(b, "permitted", caps);
	buf_addz(b, "},\"cwd\":\"/\",\"env\":[],\"noNewPrivileges\":true,\"terminal\":false,"
		    "\"user\":{\"gid\":0,\"uid\":0}}");
}

static void add_mount(struct buf *b, const char *target, const char *type, const char *source)
{
	buf_addz(b, ",{\"destination\":");
	buf_add_json(b, str_from(target));
	buf_addz(b, ",\"source\":");
	buf_add_json(b, str_from(source));
	buf_addf(b, ",\"type\":\"%s\",\"options\":[", type);
}

/* @tty: crun would make it by mknod(2), which a user namespace forbids; runc trips over such a mount. */
static void add_mounts(struct buf *b, const struct sandbox_run *r, bool tty)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
					       "/dev/tty" };

	buf_addz(b, "\"mounts\":[{\"destination\":\"/proc\",\"source\":\"proc\",\"type\":\"proc\","
		    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}");
	/*
	 * Without nodev whoever is root inside could make himself the machine's disk there. The devices that shall work
	 * are mounts, which the runtime then does not make.
	 */
	add_mount(b, "/dev", "tmpfs", "tmpfs");
	buf_addz(b, "\"nosuid\",\"nodev\",\"mode=755\",\"size=65536k\"]}");
	for (size_t i = 0; i < ARRAY_LEN(devices) - !tty; i++) {
		add_mount(b, devices[i], "none", devices[i]);
		buf_addz(b, "\"bind\",\"nosuid\",\"noexec\"]}");
	}
	add_mount(b, "/dev/pts", "devpts", "devpts");
	buf_addz(b, "\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]}");
	add_mount(b, "/dev/shm", "tmpfs", "shm");
	buf_addz(b, "\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]}");
	for (size_t i = 0; i < r->nmounts; i++) {
		const struct sandbox_mount *m = &r->mounts[i];

		if (!starts_with(m->target, "/dev/"))
			continue;
		if (m->type == SANDBOX_TMPFS) {
			add_mount(b, m->target, "tmpfs", "tmpfs");
			buf_addf(b, "\"nosuid\",\"nodev\",\"mode=%o\"", m->mode < 0 ? 01777 : (unsigned)m->mode);
			if (m->size)
				buf_addf(b, ",\"size=%llu\"", (unsigned long long)m->size);
			buf_addz(b, "]}");
		} else {
			add_mount(b, m->target, "none", m->source);
			buf_addf(b, "\"rbind\"%s]}", m->readonly ? ",\"ro\"" : "");
		}
	}
	buf_addc(b, ']');
}

static void add_linux(struct buf *b, const struct sandbox_run *r)
{
	static const char *const namespaces[] = { "mount", "pid", "ipc", "uts" };

	buf_addz(b, "\"linux\":{\"namespaces\":[");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		buf_addf(b, "%s{\"type\":\"%s\"}", i ? "," : "", namespaces[i]);
	if (!r->network)
		buf_addz(b, ",{\"type\":\"network\"}");
	buf_addc(b, ']');
	member_list(b, "maskedPaths", proc_hidden);
	member_list(b, "readonlyPaths", proc_readonly);
	buf_addc(b, '}');
}

static int write_bundle(const struct rootfs_parts *p, int fd, int init, bool tty, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FD int out = -1;

	buf_addz(&b, "{\"ociVersion\":\"1.0.2\",\"hostname\":");
	buf_add_json(&b, str_from(p->run->hostname));
	buf_addz(&b, ",\"root\":{\"path\":");
	buf_add_json(&b, str_from(p->path));
	buf_addz(&b, "},");
	add_process(&b, fd, init);
	buf_addc(&b, ',');
	add_mounts(&b, p->run, tty);
	buf_addc(&b, ',');
	add_linux(&b, p->run);
	buf_addz(&b, "}\n");
	out = openat(p->work, "config.json", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(err, "%s/config.json", p->run->work);
	return fs_write_all(out, b.ptr, b.len, "config.json", err);
}

/* cgroups of both versions at once, which crun refuses, whatever it is to do with them. */
static bool has_hybrid_cgroups(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static char *find_runtime(void)
{
	static const char *const names[] = { "crun", "runc", "crun" };
	char *path = NULL;

	for (size_t i = has_hybrid_cgroups(); !path && i < ARRAY_LEN(names); i++)
		path = proc_which(names[i]);
	return path;
}

int oci_exec(const struct rootfs_parts *p, int fd, int init, struct err *err)
{
	CLEAN_FREE char *runtime = find_runtime();
	CLEAN_FREE char *work = path_dirname(p->path);
	CLEAN_FREE char *path = xasprintf("PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	CLEAN_STRS struct strs v = { 0 };
	char *const env[] = { path, NULL };
	int passed = fd + SANDBOX_FD_COUNT;

	if (!runtime) {
		err_set(err, ERR_TOOL, "neither 'crun' nor 'runc' is found on PATH");
		return err_hint(err, "apt-get install crun");
	}
	/* a runtime passes on a number of descriptors from 3 on */
	if (fd != 3)
		return err_set(err, ERR_USAGE, "_sandbox is for slsc itself");
	if (dup2(init, passed) < 0)
		return err_sys(err, "cannot pass a descriptor on");
	if (write_bundle(p, fd, passed, ends_with(runtime, "/crun"), err) < 0)
		return -1;
	/* killed, a runtime would leave its cgroups; at the end of our socket the init goes, and it tidies up */
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return err_sys(err, "cannot untie the runtime from slsc");
	strs_add(&v, path_basename(runtime));
	strs_add(&v, "--root");
	strs_addf(&v, "%s/state", work);
	/* nothing is limited here */
	if (ends_with(runtime, "/crun"))
		strs_add(&v, "--cgroup-manager=disabled");
	else if (in_user_namespace())
		/* cgroups are beyond our rights, also if we look like root */
		strs_add(&v, "--rootless=true");
	strs_add(&v, "run");
	strs_add(&v, "--bundle");
	strs_add(&v, work);
	strs_add(&v, "--preserve-fds");
	strs_addf(&v, "%d", SANDBOX_FD_COUNT + 1);
	strs_addf(&v, "slsc-%d", (int)getpid());
	execve(runtime, strs_argv(&v), env);
	return err_sys(err, "cannot run %s", runtime);
}
