/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: renameat2 fsync symlink */
/* Templates and what becomes of them; what a user sees is in tests/e2e/init.bats. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "build/init.h"
#include "build/template.h"
#include "os/fs.h"

static char root[64];
static int fail_errno, fail_after = -1;	/* the call that fails, counted down */

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_fsync(int fd);
int __real_symlink(const char *target, const char *path);
int __wrap_symlink(const char *target, const char *path);

static bool fails(void)
{
	if (fail_after < 0 || fail_after-- > 0)
		return false;
	errno = fail_errno;
	return true;
}

int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	return fails() ? -1 : __real_renameat2(a, from, b, to, flags);
}

int __wrap_fsync(int fd)
{
	(void)fd;
	return fails() ? -1 : 0;
}

int __wrap_symlink(const char *target, const char *path)
{
	return fails() ? -1 : __real_symlink(target, path);
}

#define YAML(project) project "functions:\n  f:\n    sources: [src/*.c]\n"

static void put(const char *path, const char *text, mode_t mode)
{
	CLEAN_FREE char *dir = path_dirname(path);
	struct err err = ERR_INIT;

	if (fs_mkdirs(dir, &err) < 0 || fs_write_file(path, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.msg);
}

static void assert_file(const char *path, const char *want)
{
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	if (fs_read(path, 1u << 20, &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(got.ptr, want);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/slsc-test-init.XXXXXX");
	fail_after = -1;
	return mkdtemp(root) && chdir(root) == 0 && setenv("TMPDIR", root, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err err;

	(void)state;
	return chdir("/") < 0 || fs_rmtree(root, &err) < 0 ? -1 : 0;
}

static void assert_names(const char *dir, const char *want)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	if (fs_list(dir, &names, &err) < 0)
		fail_msg("%s", err.msg);
	VEC_EACH(&names, n)
		buf_addf(&got, "%s%s", got.len ? " " : "", *n);
	assert_string_equal(got.ptr, want);
}

static void bad(const struct init_opts *o, enum err_code code, const char *msg)
{
	struct init_result r;
	struct err err = ERR_INIT;

	assert_int_equal(init_project(o, &r, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
	assert_null(r.dir);
}

static void good(const struct init_opts *o, size_t created, size_t kept)
{
	CLEAN_INIT_RESULT struct init_result r;
	struct err err = ERR_INIT;

	if (init_project(o, &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.created.len, created);
	assert_int_equal(r.kept.len, kept);
}

static void test_name(void **state)
{
	static const char *const cases[][2] = {
		{ "hello", "hello" },	     { "Hello World", "hello-world" },
		{ "a__b..c", "a-b-c" },	     { "--x--", "x" },
		{ "Gr\xc3\xb6\xc3\x9f" "e", "gr-e" }, { "\xe6\x97\xa5\xe6\x9c\xac", "app" },
		{ "", "app" },		     { "...", "app" },
		{ "123", "123" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEAN_FREE char *got = init_name(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void test_project_line(void **state)
{
	static const struct {
		const char *line, *name, *want;
	} cases[] = {
		{ "project: old\n", "new", "project: new\n" },
		{ "project: old   # why\n", "new", "project: new   # why\n" },
		{ "project: \"o # d\" # why\n", "new", "project: new # why\n" },
		{ "project:   'old'\r\n", "new", "project:   new\r\n" },
		{ "project:\n", "new", "project: new\n" },
		{ "project: old\n", "true", "project: \"true\"\n" },
		{ "project: old\n", "123", "project: \"123\"\n" },
		{ "# project: x\n\nproject: old\n", "new", "# project: x\n\nproject: new\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEAN_TEMPLATE struct template t;
		CLEAN_FREE char *text = xasprintf(YAML("%s"), cases[i].line);
		CLEAN_FREE char *want = xasprintf(YAML("%s"), cases[i].want);
		struct err err = ERR_INIT;

		put("t/slsc.yaml", text, 0644);
		if (template_load(&t, "./t", cases[i].name, NULL, NULL, &err) < 0)
			fail_msg("%s: %s", cases[i].line, err.msg);
		assert_string_equal(t.config.ptr, want);
	}
}

static void test_broken_templates(void **state)
{
	CLEAN_FREE char *fifo = NULL;

	(void)state;
	put("t/slsc.yaml", YAML("project: x\nfoo: 1\n"), 0644);
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_CONFIG,
	    "./t/slsc.yaml:2:1: unknown key 'foo'");
	put("t/slsc.yaml", YAML("\"project\": x\n"), 0644);
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_CONFIG,
	    "./t/slsc.yaml:1:12: the value of 'project' must stand in its line, unindented, to be set");
	put("t/slsc.yaml", YAML("project: x\n"), 0644);
	assert_int_equal(symlink("../up", "t/link"), 0);
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_FORMAT,
	    "./t: link: the symlink leads out of the template");
	unlink("t/link");
	fifo = path_join(root, "t/pipe");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_FORMAT,
	    "./t: pipe is not a file, a directory or a symlink");
	assert_int_equal(mkdir("u", 0755), 0);
	bad(&(struct init_opts){ .dir = "new", .template = "./u" }, ERR_NOTFOUND,
	    "./u: there is no file slsc.yaml in it");
	bad(&(struct init_opts){ .dir = "new", .template = "./v" }, ERR_NOTFOUND,
	    "template './v' does not exist");
	bad(&(struct init_opts){ .dir = "new", .template = "./t/slsc.yaml" }, ERR_NOTFOUND,
	    "template './t/slsc.yaml' is not a directory");
	bad(&(struct init_opts){ .dir = "new", .template = "" }, ERR_NOTFOUND, "unknown template ''");
	bad(&(struct init_opts){ .dir = "new", .name = "A b" }, ERR_USAGE,
	    "'A b' cannot be a project's name");
	assert_names(".", "t u");
}

static void test_limits(void **state)
{
	char path[512] = "t";

	(void)state;
	put("t/slsc.yaml", YAML("project: x\n"), 0644);
	put("t/big", "", 0644);
	assert_int_equal(truncate("t/big", 256l << 20), 0);
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_LIMIT,
	    "./t: limit exceeded: more than 256 MB");
	unlink("t/big");
	for (int i = 0; i < 66; i++) {
		strncat(path, "/d", sizeof(path) - strlen(path) - 1);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	bad(&(struct init_opts){ .dir = "new", .template = "./t" }, ERR_LIMIT,
	    "./t: limit exceeded: more than 64 directories deep");
	assert_names(".", "t");
}

static void make_template(void)
{
	put("t/slsc.yaml", YAML("project: x\n"), 0600);
	put("t/src/a.c", "int a;\n", 0640);
	put("t/run", "#!/bin/sh\n", 0711);
	put("t/.hidden", "", 0644);
	put("t/.git/HEAD", "ref: x\n", 0644);
	put("t/.slsc/x", "x", 0644);
	put("t/dist/x", "x", 0644);
	put("t/src/dist/x", "x", 0644);
	assert_int_equal(symlink("a.c", "t/src/link"), 0);
	assert_int_equal(mkdir("t/void", 0755), 0);
}

static void test_new(void **state)
{
	struct stat st;
	mode_t mask = umask(077);
	char link[16] = "";

	(void)state;
	make_template();
	good(&(struct init_opts){ .dir = "a//b/../c/", .template = "./t" }, 6, 0);
	umask(mask);
	assert_names("a", "c");
	assert_names("a/c", ".hidden run slsc.yaml src void");
	assert_names("a/c/src", "a.c dist link");
	assert_file("a/c/slsc.yaml", YAML("project: c\n"));
	assert_int_equal(readlink("a/c/src/link", link, sizeof(link) - 1), 3);
	assert_string_equal(link, "a.c");
	assert_int_equal(stat("a/c/run", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(stat("a/c/slsc.yaml", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_names(".", "a t");
}

static void test_dry_run(void **state)
{
	(void)state;
	make_template();
	good(&(struct init_opts){ .dir = "a/b", .template = "./t", .dry_run = true }, 6, 0);
	assert_names(".", "t");
}

static void test_force(void **state)
{
	struct init_opts o = { .dir = "p", .template = "./t", .force = true };

	(void)state;
	make_template();
	put("p/mine", "mine\n", 0644);
	put("p/src/a.c", "int a;\n", 0600);
	good(&o, 5, 1);
	assert_names("p", ".hidden mine run slsc.yaml src void");
	good(&o, 0, 6);
	put("p/run", "other\n", 0644);
	unlink("p/src/link");
	put("p/src/link", "int a;\n", 0644);
	unlink("p/.hidden");
	bad(&o, ERR_EXISTS,
	    "'p' has other files where the template has its own: run, src/link");
	assert_names("p", "mine run slsc.yaml src void");
	assert_file("p/run", "other\n");
	unlink("p/run");
	unlink("p/src/link");
	unlink("p/src/dist/x");
	rmdir("p/src/dist");
	rmdir("p/void");
	assert_int_equal(symlink("/", "p/void"), 0);
	put("p/src/dist", "a file", 0644);
	bad(&o, ERR_EXISTS,
	    "'p' has other files where the template has its own: src/dist, void");
	o.force = false;
	bad(&o, ERR_EXISTS, "'p' is not empty");
	assert_names("p", "mine slsc.yaml src void");
}

/* Whatever step fails, all is as it was. */
static void test_failures(void **state)
{
	static const struct {
		const char *dir, *before;
	} cases[] = { { "a/b", "t" }, { "empty", "empty t" }, { "mine", "mine t" } };
	struct init_result r;
	struct err err;

	(void)state;
	make_template();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool done = false;

		if (i == 1)
			assert_int_equal(mkdir("empty", 0755), 0);
		if (i == 2)
			put("mine/src/x", "x", 0644);
		for (int n = 0; !done; n++) {
			struct init_opts o = { .dir = cases[i].dir, .template = "./t", .force = true };

			fail_errno = ENOSPC;
			fail_after = n;
			done = init_project(&o, &r, &err) == 0;
			if (done) {
				assert_true(n >= 5);
				fail_after = -1;
				break;
			}
			assert_int_equal(err.code, ERR_IO);
			assert_int_equal(err.sys, ENOSPC);
			assert_true(starts_with(err.msg, "cannot write "));
			assert_null(strstr(err.msg, ".slsc-tmp."));
			assert_names(".", cases[i].before);
			if (i == 1)
				assert_names("empty", "");
			if (i == 2) {
				assert_names("mine", "src");
				assert_names("mine/src", "x");
			}
		}
		init_result_release(&r);
		assert_int_equal(fs_rmtree(i == 0 ? "a" : cases[i].dir, &err), 0);
	}
}

/* A file system that does not know RENAME_NOREPLACE. */
static void test_old_file_system(void **state)
{
	(void)state;
	put("t/slsc.yaml", YAML("project: x\n"), 0644);
	assert_int_equal(mkdir("p", 0755), 0);
	fail_errno = EINVAL;
	fail_after = 1; /* the first is fsync's */
	good(&(struct init_opts){ .dir = "p", .template = "./t" }, 1, 0);
	assert_int_equal(fail_after, -1);
	assert_names("p", "slsc.yaml");
}

static void test_list(void **state)
{
	CLEAN_TEMPLATE_INFOS struct template_infos all = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (template_list(&all, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(all.len, 12);
	assert_string_equal(all.ptr[0].name, "checkout");
	assert_string_equal(all.ptr[3].name, "hello");
	assert_string_equal(all.ptr[3].description, "A Lambda function in C");
	assert_string_equal(all.ptr[11].name, "upload");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test_setup_teardown(test_project_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_templates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dry_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_file_system, set_up, tear_down),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
