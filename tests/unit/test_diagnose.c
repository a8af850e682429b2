/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "build/diagnose.h"

/* Two functions as planned, one with a blank in a source's name, one by a command of its own; and a dependency. */
struct fixture {
	struct project p;
	struct graph g;
	struct target targets[2];
	struct toolchain tc;
	struct dep_tree tree;
	struct dep_trees deps;
};

static int setup(void **state)
{
	static const char yaml[] = "project: t\ndependencies: {z.lib: {git: 'file:///z', ref: v1}}\nfunctions:\n"
				   "  one: {sources: [etc/passwd], runtime: none, libs: [nosuch]}\n"
				   "  two: {runtime: none, build: {command: make}}\n";
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	if (project_parse(&f->p, "slsc.yaml", "/", yaml, sizeof(yaml) - 1, &err) < 0)
		fail_msg("%s", err.msg);
	f->tc = (struct toolchain){ .name = "musl", .libdirs = { "/nonexistent/lib" } };
	for (int i = 0; i < 2; i++)
		f->targets[i] = (struct target){ .fn = f->p.functions[i], .arch = ARCH_ARM64, .tc = &f->tc,
						 .out = i ? ".slsc/release/arm64/two" : ".slsc/release/arm64/one" };
	strs_add(&f->targets[0].sources, "a b.c");
	strs_add(&f->targets[0].objects, ".slsc/release/arm64/.obj/musl/one/a b.c.o");
	f->tree = (struct dep_tree){ .dep = f->p.dependencies[0] };
	f->deps = (struct dep_trees){ &f->tree, 1, 1 };
	f->g = (struct graph){ .p = &f->p, .targets = f->targets, .ntargets = 2, .deps = &f->deps };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strs_release(&f->targets[0].sources);
	strs_release(&f->targets[0].objects);
	project_release(&f->p);
	free(f);
	return 0;
}

static void says(const struct fixture *f, const char *outputs, const char *verdict, enum err_code code, const char *msg,
		 const char *hint)
{
	struct err err = ERR_INIT;

	/* a library without an archive is all there is to say */
	assert_int_equal(diagnose(&f->g, outputs, verdict, "", &err), strstr(msg, "no static archive") != NULL);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, code);
}

static void test_compiles(void **state)
{
	says(*state, ".slsc/release/arm64/.obj/musl/one/a b.c.o ", "", ERR_BUILD,
	     "a b.c did not compile (function 'one', arm64)", "");
	says(*state, ".slsc/release/arm64/.obj/musl/.runtime/core.o ", "", ERR_BUILD,
	     "core.c of slsc's own runtime did not compile", "");
	says(*state, ".slsc/release/arm64/.obj/musl/.dep/z.lib-0123456789ab/src/z-1.c.o ", "", ERR_BUILD,
	     "slsc.yaml:2:16: src/z-1.c of dependency 'z.lib' did not compile", "");
}

static void test_links(void **state)
{
	says(*state, ".slsc/release/arm64/one .slsc/release/arm64/one.debug ", "", ERR_BUILD,
	     "slsc.yaml:4:54: library 'nosuch' has no static archive for arm64 "
	     "(libnosuch.a is not in /nonexistent/lib)",
	     "give its path (libs: [lib/arm64/libnosuch.a]) or its source as a dependency");
	says(*state, ".slsc/release/arm64/two ", "", ERR_BUILD,
	     "slsc.yaml:5:41: the build command of 'two' failed for arm64", "");
}

static void test_refusals(void **state)
{
	static const char verdict[] =
		"{\"error\":{\"code\":\"verify\",\"message\":\"one: is i386, not arm64\",\"hint\":"
		"\"check the toolchain\",\"file\":null,\"line\":null,\"column\":null}}";

	says(*state, ".slsc/release/arm64/one ", verdict, ERR_VERIFY, "one: is i386, not arm64", "check the toolchain");
	says(*state, ".slsc/release/arm64/two ", verdict, ERR_VERIFY,
	     "slsc.yaml:5:41: the build command of 'two' failed for arm64: one: is i386, not arm64",
	     "check the toolchain");
	says(*state, ".slsc/release/arm64/one ", "{\"error\":{", ERR_BUILD, ".slsc/release/arm64/one: _finish failed",
	     "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_compiles), TEST(test_links), TEST(test_refusals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
