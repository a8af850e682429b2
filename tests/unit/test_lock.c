/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/lock.h"
#include "os/fs.h"

#define HEADER \
	"# Written by slsc: what names stood for when they were locked. Keep it under version control.\n" \
	"version: 1\n"

static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_lock.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/slsc.lock", dir);
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(dir, &err);
}

static void put(const char *text)
{
	struct err err;

	assert_int_equal(fs_write_file(path, text, strlen(text), 0644, &err), 0);
}

static void section(const char *name, const char *body, const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (lock_write(path, name, str_from(body), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fs_read(path, 65536, &b, &err), 0);
	assert_string_equal(b.ptr, want);
}

static void test_sections(void **state)
{
	struct yaml_doc doc;
	struct err err;

	(void)state;
	section("dependencies", "  a:\n    git: x\n", HEADER "dependencies:\n  a:\n    git: x\n");
	section("base", "  \"b:c\":\n    digest: d\n",
		HEADER "base:\n  \"b:c\":\n    digest: d\ndependencies:\n  a:\n    git: x\n");
	section("dependencies", "  z: {}\n", HEADER "base:\n  \"b:c\":\n    digest: d\ndependencies:\n  z: {}\n");
	assert_int_equal(lock_read(&doc, path, &err), 0);
	assert_string_equal(lock_scalar(ynode_get(lock_section(&doc, "base"), "b:c"), "digest"), "d");
	assert_null(lock_section(&doc, "version"));
	assert_null(lock_section(&doc, "packages"));
	yaml_release(&doc);
	section("base", "", HEADER "dependencies:\n  z: {}\n");
}

/* What another slsc has written there stays, comments and all; so does a file whose last line is not ended. */
static void test_unknown(void **state)
{
	(void)state;
	put("version: 1\nzoo:\n  # why\n  - [1,  2]\nbase: {a: b}");
	section("dependencies", "  a: {}\n",
		HEADER "base: {a: b}\ndependencies:\n  a: {}\nzoo:\n  # why\n  - [1,  2]\n");
	put("zoo: 1\nversion: 1\n");
	section("base", "  a: b\n", HEADER "base:\n  a: b\nzoo: 1\n");
}

static void test_bad(void **state)
{
	struct err err;

	(void)state;
	put("{version: 1, base: {}}\n");
	assert_int_equal(lock_write(path, "base", STR("  a: b\n"), &err), -1);
	assert_string_equal(err.msg, "slsc.lock:1:2: 'version' does not begin a line");
	put("version: 2\nbase: {}\n");
	assert_int_equal(lock_write(path, "base", STR("  a: b\n"), &err), -1);
	assert_string_equal(err.msg, "slsc.lock:1:1: version 2 is not known");
	put("version: 1\n\tbase: {}\n");
	assert_int_equal(lock_write(path, "base", STR("  a: b\n"), &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_sections), TEST(test_unknown), TEST(test_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
