/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/package_internal.h"
#include "os/fs.h"

static char root[64];

static void put_file(const char *name, const char *text, mode_t mode)
{
	CLEAN_FREE char *path = path_join(root, name);
	CLEAN_FREE char *dir = path_dirname(path);
	struct err err;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), mode, &err), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_package.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put_file("assets/a.txt", "a", 0600);
	put_file("assets/img/b.png", "b", 0644);
	put_file("assets/img/deep/c.png", "c", 0644);
	put_file("run.sh", "#!/bin/sh\n", 0755);
	put_file("bin", "ELF", 0755);
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(root, &err);
}

/* One include resolved, as "path mode size" lines of the tree. */
static int placed(const char *from, const char *to, mode_t mode, struct buf *out, struct err *err)
{
	CLEANUP(placed_release) struct placed_list files = { 0 };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *bin = path_join(root, "bin");
	struct include inc = { .from = { from, 3, 9 }, .to = { to, 3, 20 }, .mode = mode };
	const struct includes incs = { &inc, 1 };
	CLEAN_FREE char *out_dir = path_join(root, "out");
	struct project p = { .dir = root, .file = (char *)"slsc.yaml" };

	if (!to)
		inc.to = (struct lstr){ 0 };
	if (placed_resolve(&p, &incs, out_dir, &files, err) < 0 || placed_tree(&p, &files, bin, "", &t, err) < 0)
		return -1;
	for (size_t i = 0; i < t.len; i++)
		buf_addf(out, "%s%s %o\n", t.ptr[i].path, t.ptr[i].type == TREE_DIR ? "/" : "",
			 (unsigned)t.ptr[i].mode);
	return 0;
}

static void assert_placed(const char *from, const char *to, mode_t mode, const char *want)
{
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err;

	assert_int_equal(placed(from, to, mode, &got, &err), 0);
	assert_string_equal(got.ptr, want);
}

static void test_includes(void **state)
{
	(void)state;
	assert_placed("run.sh", NULL, 0, "bootstrap 755\nrun.sh 755\n");
	assert_placed("run.sh", "start", 0640, "bootstrap 755\nstart 640\n");
	assert_placed("run.sh", "lib/", 0, "bootstrap 755\nlib/ 755\nlib/run.sh 755\n");
	assert_placed("assets/*.txt", NULL, 0, "assets/ 755\nassets/a.txt 644\nbootstrap 755\n");
	/* what stands before the magic goes, what the magic matched stays */
	assert_placed("assets/img/*.png", "x/", 0, "bootstrap 755\nx/ 755\nx/b.png 644\n");
	assert_placed("assets/img/**/*.png", "x/", 0,
		      "bootstrap 755\nx/ 755\nx/b.png 644\nx/deep/ 755\nx/deep/c.png 644\n");
	/* a directory comes whole; as another name, its content does */
	assert_placed("assets/img", NULL, 0,
		      "assets/ 755\nassets/img/ 755\nassets/img/b.png 644\nassets/img/deep/ 755\n"
		      "assets/img/deep/c.png 644\nbootstrap 755\n");
	assert_placed("assets/img", "i", 0,
		      "bootstrap 755\ni/ 755\ni/b.png 644\ni/deep/ 755\ni/deep/c.png 644\n");
	/* nothing comes twice, though ** matches a directory and what is in it */
	assert_placed("assets/**", "y/", 0,
		      "bootstrap 755\ny/ 755\ny/a.txt 644\ny/img/ 755\ny/img/b.png 644\ny/img/deep/ 755\n"
		      "y/img/deep/c.png 644\n");
}

static void assert_refused(const char *from, const char *to, const char *msg, const char *hint)
{
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err;

	assert_int_equal(placed(from, to, 0, &got, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void test_includes_refused(void **state)
{
	(void)state;
	assert_refused("assets/img/**/*.png", "one.png",
		       "slsc.yaml:3:20: 'one.png' names one file, but 'assets/img/**/*.png' matches 2",
		       "write 'one.png/' to put them into a directory");
	assert_refused("run.sh", "../x", "slsc.yaml:3:20: '../x' would land outside the package",
		       "'to' is relative to the package's root, without '..'");
	assert_refused("run.sh", "/etc/x", "slsc.yaml:3:20: '/etc/x' would land outside the package",
		       "'to' is relative to the package's root, without '..'");
}

static bool all_there(const struct listed *e, void *ctx)
{
	(void)ctx;
	return strcmp(e->path, "gone.zip") != 0;
}

static void test_list(void **state)
{
	struct packaged a = { .path = (char *)"out/hello-arm64.zip", .name = "hello-arm64.zip", .kind = PACKAGE_ZIP,
			      .function = "hello", .arch = ARCH_ARM64, .size = 10, .unpacked = 20 };
	struct package_result res = { .ptr = &a, .len = 1, .profile = "release", .revision = (char *)"abc-dirty" };
	const struct str old = STR("{\"artifacts\":[{\"path\":\"z.zip\",\"kept\":1},{\"path\":\"gone.zip\"},"
				   "{\"path\":\"hello-arm64.zip\",\"old\":1},{\"path\":\"z.zip\",\"twice\":1},{},3,"
				   "{\"path\":7}],\"x\":1}");
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	memset(a.digest.s, 'a', DIGEST_LEN - 1);
	package_list(&res, old, all_there, NULL, &b);
	assert_string_equal(b.ptr, "{\n"
				   "  \"artifacts\": [\n"
				   "    {\n"
				   "      \"arch\": \"arm64\",\n"
				   "      \"function\": \"hello\",\n"
				   "      \"kind\": \"zip\",\n"
				   "      \"path\": \"hello-arm64.zip\",\n"
				   "      \"profile\": \"release\",\n"
				   "      \"revision\": \"abc-dirty\",\n"
				   "      \"sha256\": \"" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n"
				   "      \"size\": 10,\n"
				   "      \"unpacked\": 20\n"
				   "    },\n"
				   "    {\n"
				   "      \"kept\": 1,\n"
				   "      \"path\": \"z.zip\"\n"
				   "    }\n"
				   "  ],\n"
				   "  \"version\": 1\n"
				   "}\n");
	buf_reset(&b);
	package_list(&(struct package_result){ .len = 0 }, STR("not JSON"), all_there, NULL, &b);
	assert_string_equal(b.ptr, "{\n  \"artifacts\": [],\n  \"version\": 1\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_includes_refused),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
