/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: write fsync rename linkat fchmod access copy_file_range */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "test_home.h"

/*
 * Each call that changes something is a step. One step can be made to fail; or the process is killed before it, or
 * right after it. Unnamed files can be had or not.
 */
static const char *fail_call;
static int fail_errno, steps, kill_at = -1;
static bool named, no_fast_copy;

static bool step(const char *name)
{
	if (steps++ == kill_at)
		raise(SIGKILL);
	if (fail_call && strcmp(fail_call, name) == 0) {
		errno = fail_errno;
		return false;
	}
	return true;
}

static int after(int r)
{
	int e = errno;

	if (steps++ == kill_at)
		raise(SIGKILL);
	errno = e;
	return r;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	return step("write") ? __real_write(fd, p, n > 100 ? n / 2 : n) : -1;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	int r = step("fsync") ? __real_fsync(fd) : -1;

	if (r < 0 && errno == EINTR)
		fail_call = NULL;
	return r;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	return step("rename") ? after(__real_rename(from, to)) : -1;
}

int __real_linkat(int a, const char *from, int b, const char *to, int flags);
int __wrap_linkat(int a, const char *from, int b, const char *to, int flags);
int __wrap_linkat(int a, const char *from, int b, const char *to, int flags)
{
	return step("linkat") ? after(__real_linkat(a, from, b, to, flags)) : -1;
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
	return step("fchmod") ? __real_fchmod(fd, mode) : -1;
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	if (named && strcmp(path, "/proc/self/fd") == 0) {
		errno = ENOENT;
		return -1;
	}
	return __real_access(path, mode);
}

ssize_t __real_copy_file_range(int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags)
{
	if (no_fast_copy) {
		errno = EXDEV;
		return -1;
	}
	return __real_copy_file_range(in, a, out, b, n, flags);
}

static void is_in_file(const char *path, const char *want, mode_t mode)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;
	struct stat st;

	assert_int_equal(fs_read(path, 1 << 20, &b, &err), 0);
	assert_string_equal(b.ptr, want);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* The names in the directory, one after the other. */
static void only(const char *want)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;

	assert_int_equal(fs_list(".", &names, &err), 0);
	for (size_t i = 0; i < names.len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", names.ptr[i]);
	assert_string_equal(b.ptr, want);
}

static void test_whole(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct err err;
	struct stat st;

	(void)state;
	for (int i = 0; i < 8; i++) {
		mode_t old = umask(masks[i / 2]);

		named = i % 2;
		assert_int_equal(fs_write_file("f", "one", 3, 0644, &err), 0);
		is_in_file("f", "one", 0644);
		assert_int_equal(fs_write_file("f", "two", 3, 0755, &err), 0);
		is_in_file("f", "two", 0755);
		assert_int_equal(fs_write_file("./f", NULL, 0, 0600, &err), 0);
		is_in_file("f", "", 0600);
		only("f");
		assert_int_equal(unlink("f"), 0);
		umask(old);
	}
	named = false;
	/* a link is replaced, what it names stays */
	assert_int_equal(fs_write_file("target", "t", 1, 0644, &err), 0);
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(fs_write_file("link", "new", 3, 0644, &err), 0);
	is_in_file("target", "t", 0644);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_failures(void **state)
{
	static const struct {
		const char *call;
		int e;
		const char *msg;
	} t[] = {
		{ "write", ENOSPC, "cannot write f: No space left on device" },
		{ "write", EIO, "cannot write f: Input/output error" },
		{ "fchmod", EPERM, "cannot write f: Operation not permitted" },
		{ "fsync", EIO, "cannot write f: Input/output error" },
		{ "fsync", ENOSPC, "cannot write f: No space left on device" },
		{ "rename", EACCES, "cannot write f: Permission denied" },
		{ "rename", ENOSPC, "cannot write f: No space left on device" },
		{ "linkat", ENOSPC, "cannot write f: No space left on device" },
		{ "linkat", EIO, "cannot write f: Input/output error" },
	};
	struct err err;

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool exists = i & 1;

		named = i & 2;
		for (size_t j = 0; j < ARRAY_LEN(t); j++) {
			/* named files are not linked, new unnamed ones not renamed */
			if ((named && strcmp(t[j].call, "linkat") == 0) ||
			    (!named && !exists && strcmp(t[j].call, "rename") == 0))
				continue;
			if (exists)
				assert_int_equal(fs_write_file("f", "old", 3, 0644, &err), 0);
			fail_call = t[j].call;
			fail_errno = t[j].e;
			assert_int_equal(fs_write_file("f", "new", 3, 0644, &err), -1);
			fail_call = NULL;
			assert_string_equal(err.msg, t[j].msg);
			assert_int_equal(err.sys, t[j].e);
			only(exists ? "f" : "");
			if (exists) {
				is_in_file("f", "old", 0644);
				assert_int_equal(unlink("f"), 0);
			}
		}
		/* an interrupted fsync is done again */
		fail_call = "fsync";
		fail_errno = EINTR;
		assert_int_equal(fs_write_file("f", "new", 3, 0644, &err), 0);
		assert_null(fail_call);
		assert_int_equal(unlink("f"), 0);
		assert_int_equal(fs_write_file("no/f", "", 0, 0644, &err), -1);
		assert_string_equal(err.msg, "cannot write no/f: No such file or directory");
		assert_int_equal(mkdir("d", 0777), 0);
		assert_int_equal(fs_write_file("d", "", 0, 0644, &err), -1);
		assert_string_equal(err.msg, "cannot write d: Is a directory");
		only("d");
		assert_int_equal(rmdir("d"), 0);
	}
	named = false;
}

/* Killed at each step: the old file or the new one, and a sweep leaves nothing else. */
static void test_killed(void **state)
{
	struct err err;

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool exists = i & 1, done = false;
		int news = 0, kills;

		for (kills = 0; !done; kills++) {
			CLEAN_BUF struct buf b = BUF_INIT;
			int status;
			pid_t pid;

			named = i & 2;
			if (exists)
				assert_int_equal(fs_write_file("f", "old", 3, 0644, &err), 0);
			pid = fork();
			if (pid == 0) {
				steps = 0;
				kill_at = kills;
				_exit(fs_write_file("f", "new", 3, 0755, &err) < 0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			done = WIFEXITED(status);
			assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
			fs_tmp_sweep(".");
			if (exists || fs_exists("f")) {
				only("f");
				assert_int_equal(fs_read("f", 10, &b, &err), 0);
				if (strcmp(b.ptr, "new") == 0)
					news++;
				else
					assert_string_equal(b.ptr, exists ? "old" : "new");
				assert_int_equal(unlink("f"), 0);
			} else {
				only("");
			}
		}
		assert_true(kills > 4);
		/* once after the last step, once without a kill */
		assert_int_equal(news, 2);
	}
	named = false;
}

/* Another process of this number, of another day or another container, has taken the next names. */
static void test_taken(void **state)
{
	struct err err;
	CLEAN_STRS struct strs names = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		unsigned n = 0;
		struct fs_tmp t;

		/* which number comes next? */
		named = true;
		assert_int_equal(fs_tmp_open(&t, "f", 0644, &err), 0);
		assert_int_equal(sscanf(strrchr(t.tmp, '.'), ".%u", &n), 1);
		fs_tmp_abort(&t);
		named = i;
		for (unsigned j = 1; j < 4; j++) {
			char name[64];
			int fd;

			snprintf(name, sizeof(name), ".slsc-tmp.%ld.%u", (long)getpid(), n + j);
			fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
			assert_true(fd >= 0);
			close(fd);
		}
		assert_int_equal(fs_write_file("f", "old", 3, 0644, &err), 0);
		assert_int_equal(fs_write_file("f", "new", 3, 0644, &err), 0);
		is_in_file("f", "new", 0644);
		strs_release(&names);
		assert_int_equal(fs_list(".", &names, &err), 0);
		assert_int_equal(names.len, 4);
		fs_tmp_sweep(".");
		only("f");
	}
	named = false;
	assert_int_equal(mkdir(".slsc-tmp.1.1", 0700), 0);
	assert_int_equal(symlink("f", ".slsc-tmp.1.1/link"), 0);
	fs_tmp_sweep(".");
	fs_tmp_sweep("none");
	only("f");
}

static void test_if_changed(void **state)
{
	struct err err;
	struct stat a, b;
	bool changed;

	(void)state;
	assert_int_equal(fs_write_if_changed("f", STR("one"), 0644, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(stat("f", &a), 0);
	assert_int_equal(fs_write_if_changed("f", STR("one"), 0644, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(stat("f", &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
	assert_int_equal(fs_write_if_changed("f", STR("two"), 0644, NULL, &err), 0);
	is_in_file("f", "two", 0644);
	assert_int_equal(fs_write_if_changed("f", STR("tw"), 0644, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(fs_write_if_changed("f", (struct str){ NULL, 0 }, 0644, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(fs_write_if_changed("f", (struct str){ NULL, 0 }, 0644, &changed, &err), 0);
	assert_false(changed);
	is_in_file("f", "", 0644);
}

static void test_lazy(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fs_write_lazy("l", STR("one"), 0640, &err), 0);
	is_in_file("l", "one", 0640);
	assert_int_equal(fs_write_lazy("l", (struct str){ NULL, 0 }, 0644, &err), 0);
	is_in_file("l", "", 0644);
	assert_int_equal(fs_write_lazy("none/l", STR("one"), 0644, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(fs_exists("none"), 0);
}

static void test_copy(void **state)
{
	CLEAN_BUF struct buf version = BUF_INIT;
	static char text[300001];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 4; i++) {
		no_fast_copy = i & 1;
		named = i & 2;
		assert_int_equal(fs_write_file("from", text, sizeof(text) - 1, 0600, &err), 0);
		assert_int_equal(fs_copy("from", "to", 0755, true, &err), 0);
		is_in_file("to", text, 0755);
		assert_int_equal(fs_copy("from", "from", 0644, false, &err), 0);
		is_in_file("from", text, 0644);
		assert_int_equal(fs_write_file("empty", "", 0, 0600, &err), 0);
		assert_int_equal(fs_copy("empty", "to", 0644, false, &err), 0);
		is_in_file("to", "", 0644);
		assert_int_equal(fs_copy("none", "to", 0644, false, &err), -1);
		assert_string_equal(err.msg, "cannot read none: No such file or directory");
		assert_int_equal(fs_copy("from", "no/to", 0644, false, &err), -1);
		assert_string_equal(err.msg, "cannot write no/to: No such file or directory");
		if (no_fast_copy) {
			fail_call = "write";
			fail_errno = ENOSPC;
			assert_int_equal(fs_copy("from", "to", 0644, false, &err), -1);
			assert_string_equal(err.msg, "cannot write to: No space left on device");
			fail_call = NULL;
		}
		only("empty from to");
		is_in_file("to", "", 0644);
	}
	named = no_fast_copy = false;
	/* a file that says 0 bytes and has more */
	assert_int_equal(fs_read("/proc/version", 1 << 20, &version, &err), 0);
	assert_int_equal(fs_copy("/proc/version", "version", 0644, false, &err), 0);
	is_in_file("version", version.ptr, 0644);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole), TEST(failures), TEST(killed), TEST(taken), TEST(if_changed), TEST(lazy), TEST(copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
