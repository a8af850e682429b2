/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

/* Documentation/admin-guide/binfmt-misc.rst. Since Linux 6.7 each user namespace has registrations of its own. */

#define HOST_DIR "/proc/sys/fs/binfmt_misc"

/* ELF, 64 bits, little endian, executable or shared (a static-pie is one), and the machine: 20 bytes. */
static const struct {
	const char *name, *magic, *mask;
	const char *machine;	/* e_machine, as binfmt_misc shows it */
} emulators[ARCH_COUNT] = {
	[ARCH_X86_64] = {
		"slsc-x86_64",
		"\\x7f\\x45LF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x3e\\x00",
		"\\xff\\xff\\xff\\xff\\xff\\xfe\\xfe\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff",
		"3e00",
	},
	[ARCH_ARM64] = {
		"slsc-aarch64",
		"\\x7f\\x45LF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00",
		"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff",
		"b700",
	},
};

/* A registration of the machine that needs no file in the image: flag F. */
static bool serves(const char *path, enum arch arch)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;
	const char *flags, *magic;

	if (fs_read(path, 1u << 16, &text, &ignored) < 0 || !starts_with(text.ptr, "enabled"))
		return false;
	flags = strstr(text.ptr, "\nflags: ");
	magic = strstr(text.ptr, "\nmagic 7f454c46");
	if (!flags || !magic || !memchr(flags + 8, 'F', strcspn(flags + 8, "\n")))
		return false;
	magic += strlen("\nmagic ");
	return strcspn(magic, "\n") == 40 && strncmp(magic + 36, emulators[arch].machine, 4) == 0;
}

bool qemu_on_host(enum arch arch)
{
	DIR *d = opendir(HOST_DIR);
	bool found = false;

	for (struct dirent *e; d && !found && (e = readdir(d));) {
		CLEAN_FREE char *path = path_join(HOST_DIR, e->d_name);

		found = e->d_name[0] != '.' && strcmp(e->d_name, "register") != 0 && strcmp(e->d_name, "status") != 0 &&
			serves(path, arch);
	}
	if (d)
		closedir(d);
	return found;
}

static int no_emulation(enum arch arch, const char *why, struct err *err)
{
	err_set(err, ERR_TOOL, "programs for %s cannot run on this machine: %s", arch_oci(arch), why);
	return err_hint(err, "Linux 6.7 or newer, or a registration on the host that has the flag F: "
			"apt-get install qemu-user-static binfmt-support");
}

/* In the instance of our user namespace: others of slsc's sandboxes may share it, and have done the same. */
static int write_registration(int dir, const char *qemu, enum arch arch, struct err *err)
{
	/* P: argv[0] stays; O: also what cannot be read; F: qemu is opened now, so the image needs none */
	CLEAN_FREE char *line = xasprintf("\1%s\1M\1\1%s\1%s\1%s\1POF", emulators[arch].name, emulators[arch].magic,
					  emulators[arch].mask, qemu);
	CLEAN_FD int fd = openat(dir, "register", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "binfmt_misc: register");
	if (write(fd, line, strlen(line)) < 0 && errno != EEXIST)
		return err_sys(err, "binfmt_misc: cannot register %s", qemu);
	return 0;
}

int qemu_register(int work, const char *work_path, enum arch arch, struct err *err)
{
	CLEAN_FREE char *qemu = proc_which(arch_qemu(arch));
	CLEAN_FREE char *on = path_join(work_path, "b");
	CLEAN_FD int dir = -1;

	if (mkdirat(work, "b", 0700) < 0)
		return err_sys(err, "%s", on);
	if (mount("binfmt_misc", on, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		int e = errno;

		if (qemu_on_host(arch))
			return 0;
		if (e == EPERM || e == EINVAL || e == ENODEV)
			return no_emulation(arch, "its kernel has no binfmt_misc in user namespaces", err);
		return no_emulation(arch, strerror(e), err);
	}
	if (!qemu) {
		err_set(err, ERR_TOOL, "'%s' is not found on PATH: a RUN for %s needs it here", arch_qemu(arch),
			arch_oci(arch));
		return err_hint(err, "apt-get install qemu-user-static");
	}
	dir = openat(work, "b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "%s", on);
	return write_registration(dir, qemu, arch, err);
}
