/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

/*
 * bwrap resolves the paths that it mounts on with the host's root still in reach, so a symlink of the image could lead
 * it out: all that lies inside the image is mounted by us before. /dev, /proc and /sys are seen to be real directories.
 */
static void add_own(struct strs *v)
{
	static const char *const args[] = {
		"--dev", "/dev", "--perms", "1777", "--size", "67108864", "--tmpfs", "/dev/shm", "--proc", "/proc",
	};

	for (size_t i = 0; i < ARRAY_LEN(args); i++)
		strs_add(v, args[i]);
	for (size_t i = 0; proc_readonly[i]; i++) {
		/* bwrap itself sees to the others */
		if (!fs_exists(proc_readonly[i]) || ends_with(proc_readonly[i], "/irq") ||
		    ends_with(proc_readonly[i], "/bus"))
			continue;
		strs_add(v, "--ro-bind");
		strs_add(v, proc_readonly[i]);
		strs_add(v, proc_readonly[i]);
	}
	for (size_t i = 0; proc_hidden[i]; i++) {
		if (!fs_exists(proc_hidden[i]))
			continue;
		if (fs_is_dir(proc_hidden[i])) {
			strs_add(v, "--tmpfs");
			strs_add(v, proc_hidden[i]);
			strs_add(v, "--remount-ro");
		} else {
			strs_add(v, "--ro-bind");
			strs_add(v, "/dev/null");
		}
		strs_add(v, proc_hidden[i]);
	}
}

/* Below /dev, which is bwrap's own: nothing of the image is on the way. */
static void add_devices(struct strs *v, const struct sandbox_run *r)
{
	for (size_t i = 0; i < r->nmounts; i++) {
		const struct sandbox_mount *m = &r->mounts[i];

		if (!starts_with(m->target, "/dev/"))
			continue;
		if (m->type == SANDBOX_TMPFS) {
			strs_add(v, "--perms");
			strs_addf(v, "%o", m->mode < 0 ? 01777 : (unsigned)m->mode);
			if (m->size) {
				strs_add(v, "--size");
				strs_addf(v, "%llu", (unsigned long long)m->size);
			}
			strs_add(v, "--tmpfs");
		} else {
			strs_add(v, m->readonly ? "--ro-bind" : "--dev-bind");
			strs_add(v, m->source);
		}
		strs_add(v, m->target);
	}
}

int bwrap_exec(const struct rootfs_parts *p, int fd, int init, struct err *err)
{
	const struct sandbox_run *r = p->run;
	CLEAN_FREE char *bwrap = proc_which("bwrap");
	CLEAN_STRS struct strs v = { 0 };
	char *const env[] = { NULL };

	if (!bwrap) {
		err_set(err, ERR_TOOL, "'bwrap' is not found on PATH");
		return err_hint(err, "apt-get install bubblewrap");
	}
	strs_add(&v, "bwrap");
	strs_add(&v, "--bind");
	strs_add(&v, p->path);
	strs_add(&v, "/");
	add_own(&v);
	add_devices(&v, r);
	strs_add(&v, "--unshare-pid");
	strs_add(&v, "--unshare-ipc");
	strs_add(&v, "--unshare-uts");
	strs_add(&v, "--unshare-cgroup-try");
	if (!r->network)
		strs_add(&v, "--unshare-net");
	strs_add(&v, "--hostname");
	strs_add(&v, r->hostname);
	/* the init is pid 1: its end is awaited by the kernel until all others inside are gone */
	strs_add(&v, "--as-pid-1");
	strs_add(&v, "--die-with-parent");
	strs_add(&v, "--");
	strs_addf(&v, "/proc/self/fd/%d", init);
	strs_addf(&v, "%d", fd + SANDBOX_FD_CTL);
	strs_addf(&v, "%d", fd + SANDBOX_FD_SPEC);
	strs_addf(&v, "%d", fd + SANDBOX_FD_OUT);
	execve(bwrap, strs_argv(&v), env);
	return err_sys(err, "cannot run %s", bwrap);
}
