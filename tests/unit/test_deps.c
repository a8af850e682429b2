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
#include "build/deps.h"
#include "os/fs.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define LOCKED(commit)                                                                                             \
	"version: 1\ndependencies:\n  z:\n    git: \"file:///nonexistent/z\"\n    ref: \"v1\"\n    commit: " commit \
	"\n"

/* A project with one dependency, and a cache. */
struct fixture {
	char dir[64];
	struct project p;
	struct dep_trees out;
	struct err err;
};

static int setup(void **state)
{
	static const char yaml[] = "project: t\ndependencies: {z: {git: 'file:///nonexistent/z', ref: v1}}\n"
				   "functions: {f: {sources: [a.c], dependencies: [z]}}\n";
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/slsc-deps.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	setenv("SLSC_CACHE_DIR", f->dir, 1);
	assert_int_equal(project_parse(&f->p, "slsc.yaml", f->dir, yaml, sizeof(yaml) - 1, &f->err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int r = fs_rmtree(f->dir, &err);

	project_release(&f->p);
	VEC_FREE(&f->out);
	free(f);
	return r;
}

static int resolve(struct fixture *f, const char *lock, bool dry_run)
{
	CLEAN_FREE char *path = path_join(f->dir, "slsc.lock");

	f->err = (struct err)ERR_INIT;
	f->out.len = 0;
	if (lock)
		assert_int_equal(fs_write_file(path, lock, strlen(lock), 0644, &f->err), 0);
	return deps_resolve(&f->p, dry_run, NULL, &f->out, &f->err);
}

static void test_in_the_cache(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *tree = path_join(f->dir, "git/" COMMIT);

	assert_int_equal(fs_mkdirs(tree, &f->err), 0);
	assert_int_equal(resolve(f, LOCKED(COMMIT), false), 0);
	assert_int_equal(f->out.len, 1);
	assert_string_equal(f->out.ptr[0].commit, COMMIT);
	assert_string_equal(f->out.ptr[0].dir, tree);
}

#define RESTORE "restore it from version control, or delete it to lock the dependencies anew"

static void test_bad_locks(void **state)
{
	static const struct {
		const char *lock, *msg, *hint;
	} bad[] = {
		{ "version: 2\n", "slsc.lock:1:1: version 2 is not known",
		  "it was written by a newer slsc; update slsc" },
		{ "dependencies: {}\n", "slsc.lock:1:1: version (none) is not known",
		  "it was written by a newer slsc; update slsc" },
		{ "- a\n", "slsc.lock:1:1: not a lock file", RESTORE },
		{ "", "slsc.lock:1:1: not a lock file", RESTORE },
		{ "version: [\n", "slsc.lock:2:1: did not find expected node content while parsing a flow node",
		  RESTORE },
		{ LOCKED("main"), "slsc.lock:6:13: dependency 'z' has no valid commit id",
		  "restore slsc.lock, or remove the entry to lock 'v1' anew" },
		{ LOCKED("0123456789abcdef"), "slsc.lock:6:13: dependency 'z' has no valid commit id",
		  "restore slsc.lock, or remove the entry to lock 'v1' anew" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(resolve(f, bad[i].lock, false), -1);
		assert_int_equal(f->err.code, ERR_CONFIG);
		assert_string_equal(f->err.msg, bad[i].msg);
		assert_string_equal(f->err.hint, bad[i].hint);
	}
	assert_int_equal(resolve(f, "version: [1\n", false), -1);
	assert_true(starts_with(f->err.msg, "slsc.lock:"));
}

static void test_dry_run_fetches_nothing(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *cache = path_join(f->dir, "git");

	assert_int_equal(resolve(f, NULL, true), -1);
	assert_int_equal(f->err.code, ERR_NOTFOUND);
	assert_string_equal(f->err.msg, "slsc.yaml:2:16: dependency 'z' is not fetched yet");
	assert_int_equal(resolve(f, LOCKED(COMMIT), true), -1);
	assert_string_equal(f->err.msg, "slsc.yaml:2:16: dependency 'z' is not fetched yet");
	assert_false(fs_exists(cache));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_the_cache),
		TEST(test_bad_locks),
		TEST(test_dry_run_fetches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
