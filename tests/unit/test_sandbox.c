/* SPDX-License-Identifier: Apache-2.0 */
/* The description of a sandbox, and how paths are found in an image; tests/e2e/sandbox.bats has the sandbox itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"
#include "stage/sandbox_internal.h"

static const struct sandbox_mount mounts[] = {
	{ .type = SANDBOX_TMPFS, .target = "/t", .size = 4096, .mode = 0700 },
	{ .type = SANDBOX_OVERLAY, .source = "/s", .target = "/o", .mode = -1 },
	{ .type = SANDBOX_BIND, .source = "/s", .target = "/b", .readonly = true, .mode = -1 },
};
static const char *const argv[] = { "sh", "-c", "", "\xff\n", NULL }, *const env[] = { "A=b", "C=", NULL };
static const char *const lowers[] = { "/l 1", "/l,2:" };
static const uint32_t groups[] = { 7, 4294967295u };

static void test_spec(void **state)
{
	struct sandbox_run in = {
		.kind = SANDBOX_OCI, .arch = ARCH_ARM64, .lowers = lowers, .nlowers = 2, .upper = "/u", .work = "/w",
		.argv = argv, .env = env, .cwd = "/c", .uid = 4294967294u, .gid = 5, .groups = groups, .ngroups = 2,
		.network = true, .mounts = mounts, .nmounts = 3,
	};
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct sandbox_run out;
	struct err err = ERR_INIT;
	bool one_id = false;

	(void)state;
	spec_write(&in, true, &text);
	assert_int_equal(spec_read(text.ptr, text.len, &a, &out, &one_id, &err), 0);
	assert_true(one_id);
	assert_int_equal(out.kind, SANDBOX_OCI);
	assert_int_equal(out.arch, ARCH_ARM64);
	assert_int_equal(out.nlowers, 2);
	assert_string_equal(out.lowers[1], "/l,2:");
	assert_string_equal(out.upper, "/u");
	assert_string_equal(out.work, "/w");
	for (size_t i = 0; argv[i]; i++)
		assert_string_equal(out.argv[i], argv[i]);
	assert_null(out.argv[4]);
	assert_string_equal(out.env[1], "C=");
	assert_null(out.env[2]);
	assert_string_equal(out.cwd, "/c");
	assert_string_equal(out.hostname, "buildkitsandbox");
	assert_int_equal(out.uid, 4294967294u);
	assert_int_equal(out.gid, 5);
	assert_int_equal(out.ngroups, 2);
	assert_int_equal(out.groups[1], 4294967295u);
	assert_true(out.network);
	assert_int_equal(out.nmounts, 3);
	assert_int_equal(out.mounts[0].type, SANDBOX_TMPFS);
	assert_int_equal(out.mounts[0].size, 4096);
	assert_int_equal(out.mounts[0].mode, 0700);
	assert_null(out.mounts[0].source);
	assert_int_equal(out.mounts[1].type, SANDBOX_OVERLAY);
	assert_int_equal(out.mounts[1].mode, -1);
	assert_false(out.mounts[1].readonly);
	assert_int_equal(out.mounts[2].type, SANDBOX_BIND);
	assert_string_equal(out.mounts[2].source, "/s");
	assert_string_equal(out.mounts[2].target, "/b");
	assert_true(out.mounts[2].readonly);
}

/* Also cut anywhere: an error or a shorter list, never a read outside of it. */
static void test_spec_malformed(void **state)
{
#define WHOLE "ush\0" "u/u\0" "w/w\0" "c/\0" "hx\0" "Ash\0"
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
#define CASE(s) { s, sizeof(s) }
		CASE(""), CASE("\0"), CASE("Ash"), CASE("u/u\0w/w\0c/\0hx"), CASE(WHOLE "\0"), CASE(WHOLE "q1"),
		CASE(WHOLE "k2"), CASE(WHOLE "r2"), CASE(WHOLE "U4294967296"), CASE(WHOLE "G-1"), CASE(WHOLE "g"),
		CASE(WHOLE "n"), CASE(WHOLE "m3"), CASE(WHOLE "t/x"), CASE(WHOLE "m0\0s/s"), CASE(WHOLE "m0\0t/t"),
		CASE(WHOLE "m1\0tx"), CASE(WHOLE "R1"),
	};
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct sandbox_run out;
	struct err err = ERR_INIT;
	bool one_id;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_FREE char *exact = xmalloc(bad[i].len);

		memcpy(exact, bad[i].text, bad[i].len);
		assert_int_equal(spec_read(exact, bad[i].len, &a, &out, &one_id, &err), -1);
		assert_string_equal(err.msg, "malformed description of a sandbox");
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_int_equal(spec_read("u/u", 3, &a, &out, &one_id, &err), -1);
	assert_int_equal(spec_read("", 0, &a, &out, &one_id, &err), -1);
	assert_int_equal(spec_read(WHOLE, sizeof(WHOLE) - 1, &a, &out, &one_id, &err), 0);
}

static void resolves(int root, const char *path, const char *want, size_t exists, mode_t type)
{
	CLEAN_FREE char *real = NULL;
	struct err err = ERR_INIT;
	size_t n;
	mode_t mode;

	assert_int_equal(overlay_resolve(root, path, &real, &n, &mode, &err), 0);
	assert_string_equal(real, want);
	assert_int_equal(n, exists);
	assert_int_equal(mode & S_IFMT, type);
}

static void test_resolve(void **state)
{
	char dir[] = "/tmp/slsc-test.XXXXXX";
	CLEAN_FD int root = -1;
	char *real = NULL;
	struct err err = ERR_INIT;
	size_t n;
	mode_t mode;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "d", 0755), 0);
	assert_int_equal(mkdirat(root, "d/e", 0755), 0);
	close(openat(root, "d/f", O_CREAT | O_WRONLY, 0644));
	assert_int_equal(symlinkat("/d/e", root, "abs"), 0);
	assert_int_equal(symlinkat("../../../d", root, "d/e/up"), 0);
	assert_int_equal(symlinkat("/gone/x", root, "dangling"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);

	resolves(root, "/", "", 0, S_IFDIR);
	resolves(root, "/d/e", "d/e", 3, S_IFDIR);
	resolves(root, "//d/./f", "d/f", 3, S_IFREG);
	resolves(root, "/abs", "d/e", 3, S_IFDIR);
	resolves(root, "/abs/up/f", "d/f", 3, S_IFREG);
	resolves(root, "/abs/up/new/x", "d/new/x", 1, S_IFDIR);
	resolves(root, "/dangling/y", "gone/x/y", 0, S_IFDIR);
	resolves(root, "/d/../../..", "", 0, S_IFDIR);
	resolves(root, "/new/../d/f", "d/f", 3, S_IFREG);
	resolves(root, "/../etc", "etc", 0, S_IFDIR);

	assert_int_equal(overlay_resolve(root, "/loop", &real, &n, &mode, &err), -1);
	assert_string_equal(err.msg, "/loop: too many symlinks");
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(overlay_resolve(root, "/d/f/x", &real, &n, &mode, &err), -1);
	assert_string_equal(err.msg, "/d/f/x: /d/f is not a directory in the image");
	assert_int_equal(fs_rmtree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_spec_malformed),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
