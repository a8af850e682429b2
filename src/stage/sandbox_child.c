/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

const char *const proc_readonly[] = {
	"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", NULL,
};
const char *const proc_hidden[] = {
	"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/acpi",
	"/proc/scsi", NULL,
};

static void points_release(struct mount_points *v)
{
	VEC_EACH(v, p) {
		free(p->real);
		clean_fd_(&p->source);
	}
	VEC_FREE(v);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Below /dev the backend mounts by paths: what another mount brings may hold a symlink that leads it to the host. */
static int check_device(const struct sandbox_run *r, size_t at, struct err *err)
{
	const char *path = r->mounts[at].target;

	for (size_t i = 0; is_below(path, "/dev") && i < at; i++)
		if (is_below(path, r->mounts[i].target))
			return err_set(err, ERR_CONFIG, "%s: cannot mount inside of %s, another mount below /dev", path,
				       r->mounts[i].target);
	return 0;
}

/* Sources are opened before the first mount. */
static int add_mount(struct mount_points *v, const struct sandbox_mount *m, struct err *err)
{
	const char *path = m->target;
	struct mount_point p = { .path = path, .mount = m, .source = -1 };
	struct stat st;

	if (is_below(path, "/proc") || is_below(path, "/sys") || strcmp(path, "/dev") == 0)
		return err_set(err, ERR_CONFIG, "%s: cannot mount over what the sandbox has there itself", path);
	/* the backend's */
	if (is_below(path, "/dev"))
		return 0;
	if (m->type != SANDBOX_TMPFS) {
		p.source = open(m->source, O_PATH | O_CLOEXEC);
		if (p.source < 0 || fstat(p.source, &st) < 0)
			return err_sys(err, "cannot mount %s", m->source);
		p.file = !S_ISDIR(st.st_mode);
		if (p.file && m->type == SANDBOX_OVERLAY) {
			close(p.source);
			return err_set(err, ERR_CONFIG, "cannot mount an overlay of %s: not a directory", m->source);
		}
	}
	VEC_PUSH(v, p);
	return 0;
}

static void add_ours(struct mount_points *v, const char *path, bool file, bool optional, int source)
{
	VEC_PUSH(v, ((struct mount_point){ .path = path, .file = file, .optional = optional, .source = source }));
}

/* A small file that is mounted on @path. */
static int add_file(struct mount_points *v, int work, const char *name, const char *path, struct str text,
		    bool optional, struct err *err)
{
	CLEAN_FD int fd = openat(work, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, "cannot make %s", path);
	if (fs_write_all(fd, text.ptr, text.len, path, err) < 0)
		return -1;
	if (fchmod(fd, 0644) < 0)
		return err_sys(err, "cannot make %s", path);
	add_ours(v, path, true, optional, steal_fd(&fd));
	return 0;
}

/* The machine's file, if there is one that can be read. */
static void read_host(const char *path, struct buf *out)
{
	struct err ignored;

	if (fs_read(path, 1u << 20, out, &ignored) < 0)
		buf_reset(out);
}

static int add_names(struct mount_points *v, const struct sandbox_run *r, int work, struct err *err)
{
	CLEAN_BUF struct buf resolv = BUF_INIT, hosts = BUF_INIT;

	if (r->network) {
		read_host("/etc/resolv.conf", &resolv);
		read_host("/etc/hosts", &hosts);
	}
	if (hosts.len && hosts.ptr[hosts.len - 1] != '\n')
		buf_addc(&hosts, '\n');
	buf_addf(&hosts, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", r->hostname);
	if (add_file(v, work, "resolv.conf", "/etc/resolv.conf", buf_str(&resolv), false, err) < 0)
		return -1;
	return add_file(v, work, "hosts", "/etc/hosts", buf_str(&hosts), false, err);
}

/*
 * apt fetches as the user _apt, whom a namespace with one id does not have: there it stays root. The directory tells
 * an image with apt from others.
 */
static int add_apt(struct mount_points *v, int work, struct err *err)
{
	return add_file(v, work, "apt.conf", "/etc/apt/apt.conf.d/zz-slsc-one-id",
			STR("APT::Sandbox::User \"root\";\n"), true, err);
}

static int list_points(struct mount_points *v, const struct sandbox_run *r, int work, bool one_id, struct err *err)
{
	add_ours(v, "/dev", false, false, -1);
	add_ours(v, "/proc", false, false, -1);
	add_ours(v, "/sys", false, false, open("/sys", O_PATH | O_CLOEXEC));
	if (add_names(v, r, work, err) < 0 || (one_id && add_apt(v, work, err) < 0))
		return -1;
	for (size_t i = 0; i < r->nmounts; i++)
		if (check_device(r, i, err) < 0 || add_mount(v, &r->mounts[i], err) < 0)
			return -1;
	return 0;
}

static int open_init(struct err *err)
{
	CLEAN_FREE char *self = dirs_self();
	CLEAN_FREE char *bin = path_dirname(self);
	CLEAN_FREE char *path = xasprintf("%s/../lib/slsc/sandbox-init", bin);
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	err_sys(err, "cannot find a part of slsc: %s", path);
	err->code = ERR_TOOL;
	return err_hint(err, "install slsc again");
}

static int pass_on(int fd, struct err *err)
{
	return fcntl(fd, F_SETFD, 0) < 0 ? err_sys(err, "cannot pass a descriptor on") : 0;
}

/*
 * A user namespace for a binfmt_misc of its own, if this is the machine's own one. Where none can be had (a chroot) the
 * machine may have a registration already.
 */
static int enter_own(enum arch arch, struct err *err)
{
	if (in_user_namespace())
		return 0;
	if (enter_identity(err) == 0 || (err->code == ERR_TOOL && qemu_on_host(arch)))
		return 0;
	return err_wrap(err, "programs for %s cannot run on this machine", arch_oci(arch));
}

static int mount_and_execute(const struct sandbox_run *r, bool one_id, int fd, struct err *err)
{
	struct mount_points points = { 0 };
	struct rootfs_parts p = { .run = r, .disk = -1, .work = -1, .root = -1 };
	CLEAN_FREE char *work = realpath(r->work, NULL);
	CLEAN_FREE char *path = NULL;
	CLEAN_FD int init = open_init(err);
	int ret = -1;

	if (init < 0)
		return -1;
	if (!work)
		return err_sys(err, "%s", r->work);
	p.path = path = path_join(work, "r");
	/* root's own namespace is the machine's, and what is registered there all would see */
	if (r->arch != arch_host() && enter_own(r->arch, err) < 0)
		return -1;
	/* from here on: what was opened in another mount namespace sees no mounts of this one */
	p.disk = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* most of it is small and goes with the namespace: nothing of it need reach a disk, nor be removed */
	if (p.disk < 0 || mount("tmpfs", work, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=0755") < 0 ||
	    (p.work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(err, "%s", r->work);
	if (r->arch != arch_host() && qemu_register(p.work, work, r->arch, err) < 0)
		return -1;
	if (list_points(&points, r, p.work, one_id, err) == 0 && overlay_mount(&p, &points, err) == 0 &&
	    mounts_make(&p, &points, err) == 0 && pass_on(init, err) == 0 &&
	    (chdir("/") == 0 || err_sys(err, "/") == 0))
		ret = r->kind == SANDBOX_OCI ? oci_exec(&p, fd, init, err) : bwrap_exec(&p, fd, init, err);
	points_release(&points);
	clean_fd_(&p.disk);
	clean_fd_(&p.work);
	clean_fd_(&p.root);
	return ret;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
	char block[16384];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		buf_add(out, block, (size_t)n);
		at += n;
		if (out->len > SPEC_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: a sandbox's description of more than %u bytes",
				       SPEC_MAX);
	}
	return n < 0 ? err_sys(err, "cannot read the description of a sandbox") : 0;
}

static int become(int fd, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	struct sandbox_run r;
	bool one_id = false;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, "cannot tie the sandbox to slsc");
	/* what slsc has open is its own */
	if (syscall(SYS_close_range, (unsigned)fd + SANDBOX_FD_COUNT, ~0u, 0) < 0)
		return err_sys(err, "cannot close descriptors");
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	if (read_all(fd + SANDBOX_FD_SPEC, &text, err) < 0 || spec_read(text.ptr, text.len, &a, &r, &one_id, err) < 0)
		return -1;
	if (enter_private(err) < 0)
		return -1;
	return mount_and_execute(&r, one_id, fd, err);
}

int sandbox_child(int fd, struct err *err)
{
	struct sandbox_msg m = { .type = SANDBOX_MSG_ERROR };
	int type = 0;
	socklen_t len = sizeof(type);

	/* It is for sandbox_run() alone, which gives such a socket. */
	if (fd < 3 || getsockopt(fd + SANDBOX_FD_CTL, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET ||
	    fcntl(fd + SANDBOX_FD_OUT, F_GETFD) < 0)
		return err_set(err, ERR_USAGE, "_sandbox is for slsc itself");
	if (become(fd, err) == 0)
		BUG("a sandbox was executed and is still here");
	m.code = (int)err->code;
	m.sys = err->sys;
	snprintf(m.msg, sizeof(m.msg), "%s", err->msg);
	snprintf(m.hint, sizeof(m.hint), "%s", err->hint);
	if (send(fd + SANDBOX_FD_CTL, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		return err_sys(err, "%s", m.msg);
	return -1;
}
