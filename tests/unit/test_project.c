/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/project.h"
#include "os/fs.h"

#define BAD TEST_DATA "/config/bad"
#define GOOD TEST_DATA "/config/good"

static void slurp(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;

	if (fs_read(path, 1u << 24, out, &err))
		fail_msg("%s", err.msg);
}

static int parse(struct project *p, const char *text, struct err *err)
{
	return project_parse(p, "slsc.yaml", "/nowhere", text, strlen(text), err);
}

static void parse_ok(struct project *p, const char *text)
{
	struct err err = ERR_INIT;

	if (parse(p, text, &err))
		fail_msg("%s\n%s", err.msg, text);
}

/* Calls @each with every file below @dir that ends in .yaml: its path without that end, and its text. */
static size_t each_yaml(const char *dir, void (*each)(const char *stem, const struct buf *text))
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err = ERR_INIT;
	size_t n = 0;

	assert_int_equal(fs_list(dir, &names, &err), 0);
	VEC_EACH(&names, it) {
		CLEAN_FREE char *path = path_join(dir, *it);
		CLEAN_BUF struct buf text = BUF_INIT;

		if (!ends_with(path, ".yaml"))
			continue;
		slurp(path, &text);
		path[strlen(path) - 5] = '\0';
		each(path, &text);
		n++;
	}
	return n;
}

static void expect_error(const char *stem, const struct buf *text)
{
	CLEAN_FREE char *path = xasprintf("%s.expect", stem);
	CLEAN_BUF struct buf want = BUF_INIT;
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	struct project p;

	slurp(path, &want);
	if (project_parse(&p, "slsc.yaml", "/nowhere", text->ptr, text->len, &err) == 0)
		fail_msg("%s.yaml was accepted", stem);
	buf_addf(&got, "error: %s\n", err.msg);
	if (*err.hint)
		buf_addf(&got, "hint: %s\n", err.hint);
	if (err.code != ERR_CONFIG)
		buf_addf(&got, "code: %s\n", err_name(err.code));
	if (strstr(want.ptr, "schema: accepts\n"))
		buf_addz(&got, "schema: accepts\n");
	if (strcmp(got.ptr, want.ptr) != 0)
		fail_msg("%s.yaml\nexpected:\n%sgot:\n%s", stem, want.ptr, got.ptr);
	assert_null(p.dir);
	assert_null(p.arena.head);
}

static void test_bad(void **state)
{
	(void)state;
	assert_true(each_yaml(BAD, expect_error) >= 60);
}

static void expect_show(const char *stem, const struct buf *text)
{
	CLEAN_FREE char *path = xasprintf("%s.show", stem);
	CLEAN_BUF struct buf want = BUF_INIT;
	CLEAN_BUF struct buf got = BUF_INIT;
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	slurp(path, &want);
	if (project_parse(&p, "slsc.yaml", "/nowhere", text->ptr, text->len, &err))
		fail_msg("%s.yaml: %s", stem, err.msg);
	project_show(&p, false, &got);
	if (strcmp(got.ptr, want.ptr) != 0)
		fail_msg("%s.yaml\nexpected:\n%s\ngot:\n%s", stem, want.ptr, got.ptr);
}

static void test_good(void **state)
{
	(void)state;
	assert_true(each_yaml(GOOD, expect_show) >= 6);
}

/* What is shown as YAML and as JSON is slsc.yaml again, and both mean the same. */
static void expect_again(const char *stem, const struct buf *text)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct buf again[2] = { BUF_INIT, BUF_INIT };
	struct err err = ERR_INIT;

	(void)stem;
	assert_int_equal(project_parse(&p, "slsc.yaml", "/nowhere", text->ptr, text->len, &err), 0);
	for (int json = 0; json < 2; json++) {
		CLEAN_PROJECT struct project q = { 0 };
		struct buf b = BUF_INIT;

		project_show(&p, json, &b);
		parse_ok(&q, b.ptr);
		project_show(&q, false, &again[json]);
		buf_release(&b);
	}
	assert_string_equal(again[0].ptr, again[1].ptr);
	buf_release(&again[0]);
	buf_release(&again[1]);
}

static void test_show_is_config(void **state)
{
	(void)state;
	each_yaml(GOOD, expect_again);
}

static void test_show_json(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_BUF struct buf want = BUF_INIT;
	CLEAN_BUF struct buf got = BUF_INIT;
	CLEAN_PROJECT struct project p = { 0 };

	(void)state;
	slurp(GOOD "/full.yaml", &text);
	slurp(GOOD "/full.json", &want);
	parse_ok(&p, text.ptr);
	project_show(&p, true, &got);
	assert_string_equal(got.ptr, want.ptr);
}

static void test_model(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;
	struct function *f;
	struct package pk;
	struct profile *r;

	(void)state;
	slurp(GOOD "/full.yaml", &text);
	parse_ok(&p, text.ptr);
	assert_string_equal(p.dir, "/nowhere");
	assert_int_equal(p.narches, 2);
	assert_int_equal(p.arches[0], ARCH_ARM64);
	f = project_function(&p, "orders", &err);
	assert_non_null(f);
	assert_int_equal(f->name.line, 8);
	assert_int_equal(f->name.col, 3);
	assert_int_equal(f->sources.ptr[1].line, 9);
	assert_int_equal(f->sources.ptr[1].col, 31);
	assert_int_equal(f->runtime, RUNTIME_HTTP);
	assert_int_equal(f->memory, 1536u << 20);
	assert_int_equal(f->timeout_ms, 2500);
	project_package(&p, f, &pk);
	assert_int_equal(pk.includes.len, 3);
	assert_int_equal(pk.includes.ptr[0].mode, 0644);
	assert_int_equal(pk.includes.ptr[1].mode, 0755);
	assert_int_equal(pk.includes.ptr[2].mode, 0600);
	assert_int_equal(pk.includes.ptr[0].line, 45);
	assert_int_equal(pk.labels.len, 2);
	assert_string_equal(pk.labels.ptr[0].val.s, "orders");
	assert_false(pk.tzdata);
	r = project_profile(&p, "tinier", &err);
	assert_non_null(r);
	assert_string_equal(r->extends, "tiny");
	assert_int_equal(r->flags.len, 2);
	assert_int_equal(p.budgets[0]->start_us, 1500);
	assert_int_equal(p.budgets[0]->efficiency_permille, 995);
	assert_int_equal(p.ntoolchains, 6);
}

static void test_builtin_profiles(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	static const char *const want[][2] = {
		{ "release", "2 lto=0 strip=1 icf=1 assertions=0" }, { "small", "z lto=1 strip=1 icf=1 assertions=0" },
		{ "fast", "3 lto=1 strip=1 icf=1 assertions=0" }, { "debug", "g lto=0 strip=0 icf=0 assertions=1" },
	};

	(void)state;
	parse_ok(&p, "project: a\nfunctions: {a: {sources: [a.c]}}\n");
	assert_int_equal(p.nprofiles, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct profile *r = p.profiles[i];
		char got[128];

		snprintf(got, sizeof(got), "%s lto=%d strip=%d icf=%d assertions=%d", r->optimize, r->lto, r->strip,
			 r->icf, r->assertions);
		assert_string_equal(r->name, want[i][0]);
		assert_string_equal(got, want[i][1]);
		assert_true(r->debug_info && r->gc_sections && r->static_link && !r->pie && !r->stack_protector);
		assert_int_equal(r->line, 0);
	}
}

static void test_lookups(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	parse_ok(&p, "project: a\nfunctions: {hello: {sources: [a.c]}, other: {sources: [b.c]}}\n");
	assert_null(project_function(&p, "helo", &err));
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "unknown function 'helo'");
	assert_string_equal(err.hint, "did you mean 'hello'?");
	assert_null(project_function(&p, "xyzzy", &err));
	assert_string_equal(err.hint, "known: hello, other");
	assert_null(project_profile(&p, "relase", &err));
	assert_string_equal(err.hint, "did you mean 'release'?");
	assert_null(project_toolchain(&p, "gcc", &err));
	assert_string_equal(err.hint, "known: musl, musl-gcc, gnu, zig");
	assert_null(project_dependency(&p, "stb", &err));
	assert_string_equal(err.msg, "unknown dependency 'stb'");
	assert_string_equal(err.hint, "");
	assert_int_equal(arch_parse("aarch64"), ARCH_ARM64);
	assert_int_equal(arch_parse("amd64"), ARCH_X86_64);
	assert_int_equal(arch_parse("riscv64"), -1);
	assert_string_equal(arch_oci(ARCH_X86_64), "amd64");
}

/* ---- files ---- */

static char *scratch(void)
{
	char name[] = "/tmp/slsc-config.XXXXXX";

	if (!mkdtemp(name) || chdir(name) < 0)
		fail_msg("no scratch directory");
	return realpath(name, NULL);
}

static void drop(const char *dir)
{
	struct err err = ERR_INIT;

	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fs_rmtree(dir, &err), 0);
}

static void put(const char *path, const char *text)
{
	CLEAN_FREE char *dir = path_dirname(path);
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	if (fs_write_file(path, text, strlen(text), 0644, &err))
		fail_msg("%s", err.msg);
}

static void test_find(void **state)
{
	CLEAN_FREE char *dir = scratch();
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(project_load(&p, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "no slsc.yaml in '.' or any directory above it");
	assert_string_equal(err.hint, "run 'slsc init' to begin a project");
	put("slsc.yml", "project: a\n");
	assert_int_equal(project_load(&p, NULL, &err), -1);
	assert_string_equal(err.hint, "rename slsc.yml to slsc.yaml");
	assert_int_equal(project_load(&p, "absent", &err), -1);
	assert_string_equal(err.msg, "absent: No such file or directory");

	put("slsc.yaml", "project: a\nfunctions: {a: {sources: [a.c]}}\n");
	put("x/y/z", "");
	assert_int_equal(project_load(&p, NULL, &err), 0);
	assert_string_equal(p.file, "slsc.yaml");
	assert_string_equal(p.dir, dir);
	project_release(&p);
	assert_int_equal(project_load(&p, "x/y", &err), 0);
	assert_string_equal(p.file, "x/y/../../slsc.yaml");
	assert_string_equal(p.dir, dir);
	project_release(&p);
	assert_int_equal(chdir("x/y"), 0);
	assert_int_equal(project_load(&p, NULL, &err), 0);
	assert_string_equal(p.file, "../../slsc.yaml");
	assert_string_equal(p.dir, dir);
	drop(dir);
}

static void test_large_file(void **state)
{
	CLEAN_FREE char *dir = scratch();
	struct err err = ERR_INIT;
	struct project p;

	(void)state;
	put("slsc.yaml", "");
	assert_int_equal(truncate("slsc.yaml", 104857600), 0);
	assert_int_equal(project_load(&p, NULL, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "slsc.yaml: limit exceeded: 104857600 bytes, the limit is 1 MB");
	assert_int_equal(unlink("slsc.yaml"), 0);
	assert_int_equal(mkdir("slsc.yaml", 0755), 0);
	assert_int_equal(project_load(&p, NULL, &err), -1);
	assert_string_equal(err.msg, "slsc.yaml: not a regular file");
	assert_int_equal(rmdir("slsc.yaml"), 0);
	assert_int_equal(mkfifo("slsc.yaml", 0644), 0);
	assert_int_equal(project_load(&p, NULL, &err), -1);
	assert_string_equal(err.msg, "slsc.yaml: not a regular file");
	drop(dir);
}

#define RELATIVE "it is relative to slsc.yaml's directory; '**' stands for any number of directories"

/* Of the first function, as the plan and `config check` do. */
static int check_files(struct project *p, struct err *err)
{
	const struct function *f = p->functions[0];
	CLEAN_STRS struct strs files = { 0 };

	if (project_check_includes(p, f, true, err) < 0 || project_glob(p, f->sources.ptr[0], &files, err) < 0 ||
	    project_check_libs(p, f, true, err) < 0)
		return -1;
	return project_check_packages(p, err);
}

static void check_fails(const char *text, const char *msg, const char *hint)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	put("slsc.yaml", text);
	assert_int_equal(project_load(&p, NULL, &err), 0);
	assert_int_equal(check_files(&p, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void test_files(void **state)
{
	CLEAN_FREE char *dir = scratch();
	CLEAN_STRS struct strs files = { 0 };
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	put("src/hello.c", "");
	put("src/b/other.c", "");
	check_fails("project: a\nfunctions:\n  a: {sources: [src/helo.c]}\n",
		    "slsc.yaml:3:17: no file matches 'src/helo.c'", "did you mean 'src/hello.c'?");
	check_fails("project: a\nfunctions:\n  a: {sources: [\"src/*.cc\"]}\n",
		    "slsc.yaml:3:17: no file matches 'src/*.cc'", RELATIVE);
	check_fails("project: a\nfunctions:\n  a: {sources: [sr/hello.c]}\n",
		    "slsc.yaml:3:17: no file matches 'sr/hello.c'", RELATIVE);
	check_fails("project: a\nfunctions:\n  a:\n    sources: [src/hello.c]\n    includes: [scr]\n",
		    "slsc.yaml:5:16: no such include directory: 'scr'", "did you mean 'src'?");
	check_fails("project: a\nfunctions:\n  a:\n    sources: [src/hello.c]\n    includes: [/nonexistent/x]\n",
		    "slsc.yaml:5:16: no such include directory: '/nonexistent/x'",
		    "install the package that holds it, or name a directory of the project");
	check_fails("project: a\nfunctions:\n  a:\n    sources: [src/hello.c]\n    libs: [m, src/helo.a]\n",
		    "slsc.yaml:5:15: no such file: 'src/helo.a'", "did you mean 'src/hello.c'?");
	check_fails("project: a\nfunctions:\n  a:\n    sources: [src/hello.c]\n    libs: [src/b]\n",
		    "slsc.yaml:5:12: 'src/b' is a directory", "name the .a file in it");
	check_fails("project: a\nfunctions: {a: {sources: [src/hello.c]}}\npackage:\n  zip: {include: [{from: x}]}\n",
		    "slsc.yaml:4:26: no file matches 'x'", RELATIVE);
	put("slsc.yaml", "project: a\nfunctions:\n  a: {sources: [src/**/*.c], includes: [src, /usr/include]}\n");
	assert_int_equal(project_load(&p, NULL, &err), 0);
	assert_int_equal(check_files(&p, &err), 0);
	assert_int_equal(project_glob(&p, p.functions[0]->sources.ptr[0], &files, &err), 0);
	assert_int_equal(files.len, 2);
	assert_string_equal(files.ptr[0], "src/b/other.c");
	drop(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),	       cmocka_unit_test(test_good),
		cmocka_unit_test(test_show_is_config), cmocka_unit_test(test_show_json),
		cmocka_unit_test(test_model),	       cmocka_unit_test(test_builtin_profiles),
		cmocka_unit_test(test_lookups),	       cmocka_unit_test(test_find),
		cmocka_unit_test(test_large_file),     cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
