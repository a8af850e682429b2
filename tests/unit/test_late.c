/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: readlink */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/late.h"

/* A part that is linked in. */
extern const int slsc_module_probe;
const int slsc_module_probe = 42;

/* slsc is where the test says. */
static char self[128];

ssize_t __real_readlink(const char *path, char *to, size_t n);
ssize_t __wrap_readlink(const char *path, char *to, size_t n);
ssize_t __wrap_readlink(const char *path, char *to, size_t n)
{
	if (strcmp(path, "/proc/self/exe") != 0 || !self[0])
		return __real_readlink(path, to, n);
	if (strcmp(self, "none") == 0) {
		errno = ENOENT;
		return -1;
	}
	memcpy(to, self, strlen(self));
	return (ssize_t)strlen(self);
}

static void test_linked(void **state)
{
	struct err err = ERR_INIT;
	const int *p = late_load("probe", &err);

	(void)state;
	assert_ptr_equal(p, &slsc_module_probe);
	assert_int_equal(err.code, ERR_NONE);
}

static void fails(const char *name, const char *want)
{
	struct err err = ERR_INIT;

	assert_null(late_load(name, &err));
	assert_int_equal(err.code, ERR_TOOL);
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "install slsc again, with the libraries it depends on");
}

static void test_broken(void **state)
{
	char dir[] = "/tmp/test_late.XXXXXX";
	CLEAN_FREE char *lib = NULL, *junk = NULL, *other = NULL, *msg = NULL;
	struct err err;
	Dl_info info;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(self, sizeof(self), "%s/bin/slsc", dir);
	lib = path_join(dir, "lib/slsc");
	junk = path_join(lib, "junk.so");
	other = path_join(lib, "other.so");
	msg = path_join(dir, "bin");
	assert_int_equal(fs_mkdirs(msg, &err), 0);
	assert_int_equal(fs_mkdirs(lib, &err), 0);
	assert_int_equal(fs_write_file(junk, "junk", 4, 0644, &err), 0);
	assert_true(dladdr((void *)(uintptr_t)_cmocka_run_group_tests, &info) != 0);
	assert_int_equal(symlink(info.dli_fname, other), 0);
	free(msg);
	msg = xasprintf("cannot load the git2 part of slsc: %s/bin/../lib/slsc/git2.so: "
			"cannot open shared object file: No such file or directory", dir);
	fails("git2", msg);
	free(msg);
	msg = xasprintf("cannot load the junk part of slsc: %s/bin/../lib/slsc/junk.so: file too short", dir);
	fails("junk", msg);
	free(msg);
	msg = xasprintf("cannot load the other part of slsc: %s: undefined symbol: slsc_module_other", info.dli_fname);
	fails("other", msg);
	assert_int_equal(fs_rmtree(dir, &err), 0);
	self[0] = '\0';
}

/* slsc asks once: so each case has a process of its own, forked before this one asked. */
static void tells(const char *link, const char *want)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		snprintf(self, sizeof(self), "%s", link);
		_exit(strcmp(dirs_self(), want) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Replaced by an upgrade while it runs; or without /proc. */
static void test_self(void **state)
{
	char path[PATH_MAX];
	ssize_t n = __real_readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)state;
	assert_true(n > 0);
	path[n] = '\0';
	tells("", path);
	tells("none", path);
	tells("/nowhere/bin/slsc (deleted)", "/nowhere/bin/slsc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_linked),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
