/* SPDX-License-Identifier: Apache-2.0 */
/* What a ninja that says this and that is taken for; each is a script that stands first on PATH. */
#include "build/idle.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"

static char dir[] = "/tmp/test_idle.XXXXXX";

static void put(const char *name, const char *text, mode_t mode)
{
	CLEAN_FREE char *path = path_join(dir, name);
	struct err err = ERR_INIT;

	if (fs_write_file(path, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.msg);
}

static void write_script(const char *body)
{
	CLEAN_FREE char *text = xasprintf("#!/bin/sh\n%s\n", body);

	put("ninja", text, 0755);
}

static int setup(void **state)
{
	CLEAN_FREE char *path = xasprintf("%s:%s", mkdtemp(dir), getenv("PATH"));
	CLEAN_FREE char *sub = path_join(dir, ".slsc");
	struct err err = ERR_INIT;

	(void)state;
	setenv("PATH", path, 1);
	if (fs_mkdirs(sub, &err) < 0)
		return -1;
	put(".slsc/build.ninja", "", 0644);
	return 0;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return fs_rmtree(dir, &err);
}

static bool says(const char *script)
{
	struct idle i = IDLE_INIT;
	bool r;

	write_script(script);
	idle_ask(&i, dir);
	r = idle_says(&i);
	idle_release(&i);
	assert_int_equal(i.pid, 0);
	assert_int_equal(i.fd, -1);
	return r;
}

static void test_says(void **state)
{
	(void)state;
	assert_true(says("[ \"$*\" = '-n -f .slsc/build.ninja' ] && echo 'ninja: no work to do.'"));
	assert_true(says("printf 'ninja: no '; printf 'work to do.\\n'"));
	/* whatever else it says, to either output, the build finds out */
	assert_false(says("echo 'ninja: no work to do.'; echo"));
	assert_false(says("echo 'ninja: warning: x' >&2; echo 'ninja: no work to do.'"));
	assert_false(says("echo 'ninja: no work to do.'; exit 1"));
	assert_false(says("printf 'ninja: no work to do.'"));
	assert_false(says("echo '[1/2] cc'"));
	assert_false(says(":"));
	assert_false(says("kill -9 $$"));
}

static void test_is_ended(void **state)
{
	struct idle i = IDLE_INIT;
	pid_t pid;

	(void)state;
	/* more than a pipe holds, and then it would never end */
	write_script("yes '[1/2] cc'");
	idle_ask(&i, dir);
	pid = i.pid;
	assert_true(pid > 0);
	assert_false(idle_says(&i));
	idle_release(&i);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_is_not_asked(void **state)
{
	CLEAN_FREE char *none = path_join(dir, ".slsc");
	struct idle i = IDLE_INIT;

	(void)state;
	idle_ask(&i, none); /* has no build.ninja */
	assert_int_equal(i.pid, 0);
	assert_false(idle_says(&i));
	setenv("PATH", none, 1); /* has no ninja */
	idle_ask(&i, dir);
	assert_int_equal(i.pid, 0);
	assert_false(idle_says(&i));
	idle_release(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says),
		cmocka_unit_test(test_is_ended),
		cmocka_unit_test(test_is_not_asked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
