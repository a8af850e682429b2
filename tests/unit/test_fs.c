/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: write read */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "test_home.h"

static int write_errno, write_times, read_errno;
static size_t write_most;

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (write_errno && write_times-- == 0) {
		errno = write_errno;
		write_errno = 0;
		return -1;
	}
	return __real_write(fd, p, write_most && n > write_most ? write_most : n);
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n)
{
	if (read_errno) {
		errno = read_errno;
		read_errno = 0;
		return -1;
	}
	return __real_read(fd, p, n);
}

/* In a child a failed assertion would leave by way of cmocka: there a number says which check it was. */
#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                                     \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

/* Run @fn in a child, which has no rights of root; what it returns is 0 for success. */
static void in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(99);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_dirs(const char *path)
{
	struct err err;

	assert_int_equal(fs_mkdirs(path, &err), 0);
}

static void test_read(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;

	(void)state;
	put("f", "12345");
	buf_addz(&b, "x");
	assert_int_equal(fs_read("f", 5, &b, &err), 0);
	assert_string_equal(b.ptr, "x12345");
	assert_int_equal(fs_read("f", 4, &b, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "f: limit exceeded: 5 bytes, the most is 4");
	assert_string_equal(b.ptr, "x12345");
	/* a file that says 0 bytes and has more */
	assert_int_equal(fs_read("/proc/self/status", 10, &b, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "/proc/self/status: limit exceeded: the most is 10 bytes");
	assert_int_equal(b.len, 6);
	assert_string_equal(b.ptr, "x12345");
	assert_int_equal(fs_read("/proc/self/status", 1 << 20, &b, &err), 0);
	assert_int_equal(b.len, strlen(b.ptr));
	assert_true(b.len > 100);
	assert_int_equal(fs_read("none", 5, &b, &err), -1);
	assert_string_equal(err.msg, "cannot read none: No such file or directory");
	assert_int_equal(err.sys, ENOENT);
	buf_reset(&b);
	read_errno = EINTR;
	assert_int_equal(fs_read("f", 5, &b, &err), 0);
	assert_string_equal(b.ptr, "12345");
	read_errno = EIO;
	assert_int_equal(fs_read("f", 5, &b, &err), -1);
	assert_string_equal(err.msg, "cannot read f: Input/output error");
	assert_string_equal(b.ptr, "12345");
	put("empty", "");
	buf_release(&b);
	assert_int_equal(fs_read("empty", 0, &b, &err), 0);
	assert_string_equal(b.ptr, "");
}

static void test_map(void **state)
{
	struct fs_map m;
	struct err err;

	(void)state;
	put("f", "12345");
	put("empty", "");
	assert_int_equal(fs_map_open(&m, "f", 5, &err), 0);
	assert_int_equal(m.len, 5);
	assert_memory_equal(m.ptr, "12345", 5);
	assert_int_equal(m.st.st_size, 5);
	fs_map_close(&m);
	assert_int_equal(m.len, 0);
	fs_map_close(&m);
	assert_int_equal(fs_map_open(&m, "empty", 0, &err), 0);
	assert_string_equal((const char *)m.ptr, "");
	fs_map_close(&m);
	assert_int_equal(fs_map_open(&m, "f", 4, &err), -1);
	assert_string_equal(err.msg, "f: limit exceeded: 5 bytes, the most is 4");
	fs_map_close(&m);
	assert_int_equal(fs_map_open(&m, "none", 4, &err), -1);
	assert_string_equal(err.msg, "cannot read none: No such file or directory");
}

/* None of these may wait for somebody at the other end. */
static void test_not_regular(void **state)
{
	static const char *const names[] = { "fifo", "socket", "dir", "/dev/null", "/dev/tty", "link" };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("fifo", "link"), 0);
	assert_int_equal(mkdir("dir", 0777), 0);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;
		CLEAN_FREE char *want = xasprintf("cannot read %s: not a regular file", names[i]);
		struct fs_map m;
		struct err err;

		assert_int_equal(fs_read(names[i], 10, &b, &err), -1);
		assert_int_equal(err.code, ERR_IO);
		assert_string_equal(err.msg, want);
		assert_int_equal(fs_map_open(&m, names[i], 10, &err), -1);
		assert_string_equal(err.msg, want);
		assert_int_equal(fs_copy(names[i], "to", 0644, false, &err), -1);
		assert_string_equal(err.msg, want);
		assert_false(fs_exists("to"));
	}
	close(s);
}

static int denied(void)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct strs names = { 0 };
	struct err err;

	CHECK(fs_read("secret", 10, &b, &err) == -1 && err.code == ERR_IO);
	CHECK(strcmp(err.msg, "cannot read secret: Permission denied") == 0);
	CHECK(strcmp(err.hint, "check the owner and mode of the file and of the directories above it") == 0);
	CHECK(fs_mkdirs("closed/a/b", &err) == -1);
	CHECK(strcmp(err.msg, "cannot create directory closed/a: Permission denied") == 0);
	CHECK(fs_list("dark", &names, &err) == -1);
	CHECK(strcmp(err.msg, "cannot list dark: Permission denied") == 0);
	CHECK(fs_lock("closed/lock", "slsc build", NULL, NULL, &err) == -1);
	CHECK(strcmp(err.msg, "cannot lock closed/lock: Permission denied") == 0);
	CHECK(strcmp(err.hint, "check the owner and mode of the directory") == 0);
	CHECK(fs_rmtree("tree", &err) == -1);
	CHECK(strcmp(err.msg, "cannot remove tree/ro/file: Permission denied") == 0);
	CHECK(fs_rmtree("tree2", &err) == -1);
	CHECK(strcmp(err.msg, "cannot remove tree2/dark: Permission denied") == 0);
	CHECK(fs_write_file("closed/x", "", 0, 0644, &err) == -1);
	CHECK(strcmp(err.msg, "cannot write closed/x: Permission denied") == 0);
	return 0;
}

static void test_denied(void **state)
{
	(void)state;
	put("secret", "x");
	make_dirs("closed");
	make_dirs("dark");
	make_dirs("tree/ro");
	make_dirs("tree2/dark");
	put("tree/ro/file", "x");
	put("tree2/dark/file", "x");
	assert_int_equal(chmod("secret", 0), 0);
	assert_int_equal(chmod("closed", 0555), 0);
	assert_int_equal(chmod("dark", 0), 0);
	assert_int_equal(chmod("tree2/dark", 0), 0);
	assert_int_equal(chmod("tree/ro", 0555), 0);
	in_child(denied);
	assert_int_equal(chmod("closed", 0755), 0);
	assert_int_equal(chmod("dark", 0755), 0);
	assert_int_equal(chmod("tree2/dark", 0755), 0);
	assert_int_equal(chmod("tree/ro", 0755), 0);
}

static void test_mkdirs(void **state)
{
	struct err err;

	(void)state;
	make_dirs("a/b//c/");
	make_dirs("a/b/c");
	assert_true(fs_is_dir("a/b/c"));
	put("f", "");
	assert_int_equal(fs_mkdirs("f", &err), -1);
	assert_string_equal(err.msg, "cannot create directory f: Not a directory");
	assert_int_equal(fs_mkdirs("f/g/h", &err), -1);
	assert_string_equal(err.msg, "cannot create directory f/g: Not a directory");
	assert_int_equal(fs_mkdirs("", &err), -1);
	assert_string_equal(err.msg, "cannot create directory : No such file or directory");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(fs_mkdirs("dangling", &err), -1);
	make_dirs("/");
	assert_int_equal(symlink("a", "link"), 0);
	make_dirs("link/d");
	assert_true(fs_is_dir("a/d"));
	assert_false(fs_exists("dangling"));
}

/* Deeper than descriptors or a path reach. */
static void make_deep(const char *name, int depth)
{
	int at = AT_FDCWD;

	for (int i = 0; i < depth; i++) {
		int fd;

		assert_int_equal(mkdirat(at, i ? "d" : name, 0755), 0);
		fd = openat(at, i ? "d" : name, O_RDONLY | O_DIRECTORY);
		assert_true(fd >= 0);
		if (at >= 0)
			close(at);
		at = fd;
	}
	close(at);
}

static void test_rmtree(void **state)
{
	struct err err;

	(void)state;
	make_dirs("keep/in");
	put("keep/in/file", "x");
	make_dirs("t/a/b");
	put("t/a/b/f", "x");
	assert_int_equal(symlink("../../keep", "t/a/link"), 0);
	assert_int_equal(symlink("/nowhere", "t/dangling"), 0);
	assert_int_equal(mkfifo("t/fifo", 0600), 0);
	assert_int_equal(fs_rmtree("t", &err), 0);
	assert_false(fs_exists("t"));
	assert_true(fs_exists("keep/in/file"));
	assert_int_equal(symlink("keep", "link"), 0);
	assert_int_equal(fs_rmtree("link", &err), 0);
	assert_true(fs_exists("keep/in/file"));
	assert_int_equal(symlink("keep", "link"), 0);
	assert_int_equal(fs_rmtree("link/", &err), -1);
	assert_string_equal(err.msg, "cannot remove link/: Not a directory");
	assert_true(fs_exists("keep/in/file"));
	assert_int_equal(fs_rmtree("none", &err), 0);
	assert_int_equal(fs_rmtree("none/at/all", &err), 0);
	assert_int_equal(fs_rmtree("keep/in/file/x", &err), -1);
	assert_string_equal(err.msg, "cannot remove keep/in/file/x: Not a directory");
	make_deep("deep", 2000);
	assert_int_equal(fs_rmtree("deep", &err), 0);
	assert_false(fs_exists("deep"));
}

static void test_list(void **state)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err;

	(void)state;
	make_dirs("d/b");
	put("d/a", "");
	put("d/.h", "");
	put("d/\xff", "");
	assert_int_equal(fs_list("d", &names, &err), 0);
	assert_int_equal(names.len, 4);
	assert_string_equal(names.ptr[0], ".h");
	assert_string_equal(names.ptr[1], "a");
	assert_string_equal(names.ptr[2], "b");
	assert_string_equal(names.ptr[3], "\xff");
	assert_int_equal(fs_list("d/a", &names, &err), -1);
	assert_string_equal(err.msg, "cannot list d/a: Not a directory");
}

static void test_write_all(void **state)
{
	static const struct {
		int e, times;
		const char *msg;
	} t[] = { { ENOSPC, 0, "cannot write x: No space left on device" },
		  { EIO, 2, "cannot write x: Input/output error" } };
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FD int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err err;

	(void)state;
	write_most = 3;
	write_errno = EINTR;
	write_times = 1;
	assert_int_equal(fs_write_all(fd, "0123456789", 10, "x", &err), 0);
	assert_int_equal(fs_write_all(fd, NULL, 0, "x", &err), 0);
	assert_int_equal(fs_read("f", 100, &b, &err), 0);
	assert_string_equal(b.ptr, "0123456789");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		write_errno = t[i].e;
		write_times = t[i].times;
		assert_int_equal(fs_write_all(fd, "0123456789", 10, "x", &err), -1);
		assert_string_equal(err.msg, t[i].msg);
		assert_int_equal(err.code, ERR_IO);
		assert_int_equal(err.sys, t[i].e);
	}
	write_most = 0;
}

static int told;
static char told_line[300];

static void tell(const char *holder, void *ctx)
{
	int *fd = ctx;

	told++;
	snprintf(told_line, sizeof(told_line), "%s", holder);
	if (fd && write(*fd, "w", 1) != 1)
		abort();
}

static void is_in_file(const char *path, const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;

	assert_int_equal(fs_read(path, 1000, &b, &err), 0);
	assert_string_equal(b.ptr, want);
}

/* Two processes; the second waits and is told who holds the lock. */
static void test_lock(void **state)
{
	CLEAN_FREE char *first = NULL, *mine = xasprintf("slsc package, pid %ld\n", (long)getpid());
	int up[2], down[2], fd, status;
	struct err err;
	char c;
	pid_t pid;

	(void)state;
	told = 0;
	assert_int_equal(pipe2(up, O_CLOEXEC) | pipe2(down, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (fs_lock("lock", "slsc build", NULL, NULL, &err) < 0 || write(up[1], "l", 1) != 1)
			_exit(1);
		/* until the other one waits */
		_exit(read(down[0], &c, 1) == 1 ? 0 : 1);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	first = xasprintf("slsc build, pid %ld", (long)pid);
	assert_int_equal(fs_lock_try("lock", "slsc local", &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_string_equal(err.msg, first);
	fd = fs_lock("lock", "slsc package", tell, &down[1], &err);
	assert_true(fd >= 0);
	assert_int_equal(told, 1);
	assert_string_equal(told_line, first);
	is_in_file("lock", mine);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fs_lock_try("none/lock", "slsc local", &err), -1);
	assert_string_equal(err.msg, "cannot lock none/lock: No such file or directory");
	close(fd);
	fd = fs_lock_try("lock", "slsc local", &err);
	assert_true(fd >= 0);
	close(fd);
	/* it is free, whatever stands in it */
	fd = fs_lock("lock", "slsc package", tell, NULL, &err);
	assert_true(fd >= 0);
	assert_int_equal(told, 1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
}

/* A long line of a killed holder, then a shorter one. */
static void test_lock_stale(void **state)
{
	CLEAN_FREE char *mine = xasprintf("b, pid %ld\n", (long)getpid());
	int status, fd;
	struct err err;
	char who[400];
	pid_t pid;

	(void)state;
	told = 0;
	memset(who, 'w', sizeof(who));
	who[sizeof(who) - 1] = '\0';
	pid = fork();
	if (pid == 0) {
		if (fs_lock("lock", who, NULL, NULL, &err) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fd = fs_lock("lock", "b", tell, NULL, &err);
	assert_true(fd >= 0);
	assert_int_equal(told, 0);
	is_in_file("lock", mine);
	close(fd);
	assert_int_equal(mkdir("dir", 0777), 0);
	assert_int_equal(fs_lock("dir", "b", NULL, NULL, &err), -1);
	assert_string_equal(err.msg, "cannot lock dir: Is a directory");
	assert_int_equal(fs_lock("none/lock", "b", NULL, NULL, &err), -1);
	assert_string_equal(err.msg, "cannot lock none/lock: No such file or directory");
	write_errno = ENOSPC;
	write_times = 0;
	assert_int_equal(fs_lock("lock", "b", NULL, NULL, &err), -1);
	assert_string_equal(err.msg, "cannot write lock: No space left on device");
}

/* The file is removed and made again while one waits: that one must not take the old one for the lock. */
static void test_lock_removed(void **state)
{
	atomic_int *released = mmap(NULL, sizeof(*released), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int up[2], first, second, status;
	struct err err;
	char c;
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(released, MAP_FAILED);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	first = fs_lock("lock", "a", NULL, NULL, &err);
	assert_true(first >= 0);
	pid = fork();
	if (pid == 0) {
		close(first);
		_exit(fs_lock("lock", "b", tell, &up[1], &err) >= 0 && atomic_load(released) ? 0 : 1);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(unlink("lock"), 0);
	second = fs_lock("lock", "a", NULL, NULL, &err);
	assert_true(second >= 0);
	close(first);
	atomic_store(released, 1);
	close(second);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(up[0]);
	close(up[1]);
	munmap(released, sizeof(*released));
}

/* While it waits, a timer interrupts it. */
static int interrupted(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGINT };
	struct itimerspec every = { { 0, 5000000 }, { 0, 5000000 } };
	struct err err;
	timer_t timer;

	sig_install();
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0 && timer_settime(timer, 0, &every, NULL) == 0);
	CHECK(fs_lock("lock", "b", NULL, NULL, &err) == -1 && err.code == ERR_INTR);
	CHECK(strcmp(err.msg, "interrupted") == 0);
	CHECK(err_exit_code(&err) == 130);
	return 0;
}

static void test_lock_interrupted(void **state)
{
	struct err err;
	int fd = fs_lock("lock", "a", NULL, NULL, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(chmod("lock", 0666), 0);
	in_child(interrupted);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read),	  TEST(map),	    TEST(not_regular), TEST(denied),	    TEST(mkdirs),
		TEST(rmtree), TEST(list), TEST(write_all), TEST(lock), TEST(lock_stale),
		TEST(lock_removed), TEST(lock_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
