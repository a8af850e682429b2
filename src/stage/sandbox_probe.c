/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox_internal.h"

/*
 * By doing it: a sandbox is made and a program runs in it, for each architecture and backend, in a child, since it has
 * to enter the namespaces that the caller has not.
 */

/* A program that exits with 0: an ELF header, one program header, and exit(0). */
static void write_program(struct buf *b, enum arch arch)
{
	static const unsigned char x86_64[] = { 0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05, 0xcc, 0xcc, 0xcc };
	static const unsigned char arm64[] = { 0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4 };
	enum { HEADERS = 64 + 56, SIZE = HEADERS + sizeof(arm64), BASE = 0x400000 };
	unsigned char elf[SIZE] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	struct {
		unsigned at, bytes;
		uint64_t v;
	} fields[] = {
		{ 16, 2, 2 },			      { 18, 2, arch == ARCH_ARM64 ? 183 : 62 },
		{ 20, 4, 1 },			      { 24, 8, BASE + HEADERS },
		{ 32, 8, 64 },			      { 52, 2, 64 },
		{ 54, 2, 56 },			      { 56, 2, 1 },
		{ 64, 4, 1 },			      { 68, 4, 5 },
		{ 80, 8, BASE },		      { 88, 8, BASE },
		{ 96, 8, SIZE },		      { 104, 8, SIZE },
		{ 112, 8, 4096 },
	};

	_Static_assert(sizeof(x86_64) == sizeof(arm64), "one layout for both");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		for (unsigned j = 0; j < fields[i].bytes; j++)
			elf[fields[i].at + j] = (unsigned char)(fields[i].v >> (8 * j));
	memcpy(elf + HEADERS, arch == ARCH_ARM64 ? arm64 : x86_64, sizeof(arm64));
	buf_add(b, elf, sizeof(elf));
}

/* The directory in which layers will lie, or the nearest there is above it: its file system is what counts. */
static char *scratch_parent(void)
{
	char *dir = dirs_cache();

	while (access(dir, W_OK) < 0 && dir[0] == '/' && dir[1]) {
		char *up = path_dirname(dir);

		free(dir);
		dir = up;
	}
	return dir;
}

struct trial {
	enum sandbox_kind kind;
	enum arch arch;
};

static int try_in(const char *dir, const struct trial *t, struct err *err)
{
	CLEAN_FREE char *lower = path_join(dir, "lower");
	CLEAN_FREE char *upper = path_join(dir, "upper");
	CLEAN_FREE char *work = path_join(dir, "work");
	CLEAN_FREE char *program = path_join(lower, "true");
	CLEAN_BUF struct buf elf = BUF_INIT;
	const char *const lowers[] = { lower }, *const argv[] = { "/true", NULL }, *const env[] = { NULL };
	struct sandbox_run r = { .kind = t->kind, .arch = t->arch, .lowers = lowers, .nlowers = 1, .upper = upper,
				 .work = work, .argv = argv, .env = env, .cwd = "/", .network = true };
	int status = -1;

	write_program(&elf, t->arch);
	if (fs_mkdirs(lower, err) < 0 || fs_mkdirs(upper, err) < 0 || fs_mkdirs(work, err) < 0 ||
	    fs_write_file(program, elf.ptr, elf.len, 0755, err) < 0 || sandbox_run(&r, &status, err) < 0)
		return -1;
	if (status)
		return err_set(err, ERR_TOOL, "a program that does nothing ended with status %d", status);
	return 0;
}

static int try_sandbox(const void *arg, struct err *err)
{
	CLEAN_FREE char *parent = NULL;
	CLEAN_FREE char *dir = NULL;
	struct err ignored;
	int r;

	if (sandbox_enter(err) < 0)
		return -1;
	parent = scratch_parent();
	dir = path_join(parent, ".slsc-tmp.probe.XXXXXX");
	if (!mkdtemp(dir))
		return err_sys(err, "cannot make a directory in %s", parent);
	r = try_in(dir, arg, err);
	if (fs_rmtree(dir, &ignored) < 0 && r == 0) {
		*err = ignored;
		return -1;
	}
	return r;
}

static int try_user_namespace(const void *arg, struct err *err)
{
	(void)arg;
	return geteuid() == 0 ? enter_identity(err) : sandbox_enter(err);
}

static int try_range(const void *arg, struct err *err)
{
	(void)arg;
	if (sandbox_enter(err) < 0)
		return -1;
	if (sandbox_maps_ids())
		return 0;
	err_set(err, ERR_TOOL, "none in /etc/subuid and /etc/subgid, or no newuidmap: all files are yours, and USER "
		"fails");
	return err_hint(err, SANDBOX_RANGE_HINT);
}

/* @try in a child. */
static int in_child(int (*try)(const void *arg, struct err *err), const void *arg, struct err *err)
{
	struct err result = ERR_INIT;
	ssize_t n;
	pid_t pid;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		if (try(arg, &result) == 0)
			result = (struct err)ERR_INIT;
		_exit(write(p[1], &result, sizeof(result)) != (ssize_t)sizeof(result));
	}
	close(p[1]);
	while ((n = read(p[0], &result, sizeof(result))) < 0 && errno == EINTR)
		;
	close(p[0]);
	if (pid < 0)
		return err_sys(err, "cannot fork");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(result))
		return err_set(err, ERR_IO, "the process that tries was killed");
	*err = result;
	return result.code == ERR_NONE ? 0 : -1;
}

static struct sandbox_check *add_check(struct sandbox_check *out, size_t *n, const char *name, bool needed, int r,
				       const char *works, const struct err *err)
{
	struct sandbox_check *c = &out[(*n)++];

	*c = (struct sandbox_check){ .name = name, .ok = r == 0, .needed = needed };
	snprintf(c->detail, sizeof(c->detail), "%.*s", (int)sizeof(c->detail) - 1, r == 0 ? works : err->msg);
	snprintf(c->hint, sizeof(c->hint), "%.*s", (int)sizeof(c->hint) - 1, r == 0 ? "" : err->hint);
	return c;
}

size_t sandbox_probe(struct sandbox_check out[SANDBOX_CHECKS_MAX])
{
	bool root = geteuid() == 0;
	struct trial t = { .kind = SANDBOX_BWRAP, .arch = arch_host() };
	struct err err = ERR_INIT;
	size_t n = 0;
	int r;

	r = in_child(try_user_namespace, NULL, &err);
	add_check(out, &n, "user namespaces", !root, r, root ? "for foreign architectures" : "RUN without root", &err);
	r = in_child(try_range, NULL, &err);
	add_check(out, &n, "range of user ids", false, r, root ? "root has all" : "files may have any owner", &err);
	r = in_child(try_sandbox, &t, &err);
	add_check(out, &n, "RUN", true, r, "overlayfs and bubblewrap", &err);
	t.kind = SANDBOX_OCI;
	r = in_child(try_sandbox, &t, &err);
	add_check(out, &n, "RUN by an OCI runtime", false, r, "crun or runc", &err);
	t.kind = SANDBOX_BWRAP;
	for (int a = 0; a < ARCH_COUNT; a++) {
		t.arch = (enum arch)a;
		if (t.arch == arch_host())
			continue;
		r = in_child(try_sandbox, &t, &err);
		add_check(out, &n, a == ARCH_ARM64 ? "RUN for arm64" : "RUN for x86_64", false, r, arch_qemu(t.arch),
			  &err);
	}
	return n;
}
