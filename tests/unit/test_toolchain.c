/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "build/toolchain.h"

static void parse(struct project *p, const char *text)
{
	struct err err = ERR_INIT;

	if (project_parse(p, "slsc.yaml", "/p", text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
}

static const char head[] = "project: t\nfunctions: {f: {sources: [a.c]}}\n";

static void flags_are(const char *profile, bool clang, const char *cflags, const char *ldflags)
{
	struct toolchain tc = { .name = "t", .kind = clang ? TC_MUSL : TC_GNU, .clang = clang, .lld = clang };
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf c = BUF_INIT, ld = BUF_INIT;
	struct err err = ERR_INIT;
	struct profile *pr;

	parse(&p, "project: t\nfunctions: {f: {sources: [a.c]}}\n"
		  "profiles:\n"
		  "  quoted:\n"
		  "    extends: debug\n"
		  "    lto: true\n"
		  "    optimize: s\n"
		  "    flags: ['-DX=a b', -Wall]\n"
		  "    ldflags: [\"-Wl,-u,it's\"]\n"
		  "    defines: {A: '\"q\"'}\n"
		  "  hard: {extends: release, pie: true, stack_protector: true}\n");
	pr = project_profile(&p, profile, &err);
	assert_non_null(pr);
	profile_cflags(&tc, pr, &c);
	profile_ldflags(&tc, pr, &ld);
	assert_string_equal(c.ptr, cflags);
	assert_string_equal(ld.ptr, ldflags);
}

static void test_flags(void **state)
{
	(void)state;
	flags_are("release", true,
		  "-O2 -g -ffunction-sections -fdata-sections -fno-stack-protector -fno-pie "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections -Wl,--icf=safe "
		  "-Wl,-O2");
	flags_are("release", false,
		  "-O2 -g -ffunction-sections -fdata-sections -fno-stack-protector -fno-pie "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections");
	flags_are("hard", true,
		  "-O2 -g -ffunction-sections -fdata-sections -fstack-protector-strong -fPIE "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections -Wl,--icf=safe "
		  "-Wl,-O2");
}

static void test_user_text_is_quoted(void **state)
{
	(void)state;
	flags_are("quoted", true,
		  "-Os -g -ffunction-sections -fdata-sections -flto -fno-stack-protector -fno-pie "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables '-DA=\"q\"' '-DX=a b' -Wall",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -flto -O2 -Wl,--gc-sections "
		  "-Wl,-O2 '-Wl,-u,it'\\''s'");
}

/* A toolchain whose parts are surely absent. */
static void test_missing(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct toolchain tc;
	char *path = xstrdup(getenv("PATH"));

	(void)state;
	parse(&p, head);
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(toolchain_resolve(&a, &p, NULL, "musl", arch_host(), &tc, &err), 0);
	assert_true(tc.nmissing >= 2);
	assert_string_equal(tc.missing[0].what, "clang");
	assert_string_equal(tc.missing[1].what, "ld.lld");
	tc.nmissing = 2;
	assert_string_equal(toolchain_install_command(&a, &tc), "apt-get install clang lld");
	assert_int_equal(toolchain_require(&tc, &err), -1);
	assert_int_equal(err.code, ERR_TOOL);
	assert_string_equal(err.hint, "apt-get install clang lld");
	assert_int_equal(toolchain_resolve(&a, &p, NULL, "gnu", ARCH_ARM64, &tc, &err), 0);
	assert_string_equal(tc.missing[0].package, arch_host() == ARCH_ARM64 ? "gcc" : "gcc-aarch64-linux-gnu");
	assert_int_equal(toolchain_resolve(&a, &p, NULL, "zig", ARCH_ARM64, &tc, &err), 0);
	assert_int_equal(toolchain_require(&tc, &err), -1);
	assert_string_equal(err.msg, "toolchain 'zig' for arm64 lacks zig cc");
	assert_string_equal(err.hint, "put it on PATH, or choose another toolchain in slsc.yaml");
	setenv("PATH", path, 1);
	free(path);
}

static void test_sysroot_is_the_last_resort(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct toolchain tc = { .name = "musl", .arch = ARCH_ARM64 };

	(void)state;
	tc.missing[0] = (struct tc_missing){ "ld.lld", "lld", false };
	tc.missing[1] = (struct tc_missing){ "musl's headers and libc.a for arm64", NULL, true };
	tc.nmissing = 2;
	assert_string_equal(toolchain_install_command(&a, &tc), "apt-get install lld && slsc doctor");
	tc.missing[0] = tc.missing[1];
	tc.nmissing = 1;
	assert_string_equal(toolchain_install_command(&a, &tc), "slsc doctor");
	tc.nmissing = 0;
	assert_string_equal(toolchain_install_command(&a, &tc), "");
}

static void test_users_own(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct toolchain tc;

	(void)state;
	parse(&p, "project: t\nfunctions: {f: {sources: [a.c]}}\n"
		  "toolchains:\n"
		  "  outer: {extends: inner, cflags: ['-DO=a b'], arches: {arm64: {cc: my-arm-cc, cflags: [-mfix]}}}\n"
		  "  inner: {extends: gnu, cc: my-cc, ar: my-ar, ldflags: [-Lx]}\n");
	assert_int_equal(toolchain_resolve(&a, &p, NULL, "outer", ARCH_X86_64, &tc, &err), 0);
	assert_int_equal(tc.kind, TC_GNU);
	assert_string_equal(tc.cc, "my-cc");
	assert_string_equal(tc.ar, "my-ar");
	assert_string_equal(tc.cflags, "'-DO=a b'");
	assert_string_equal(tc.link_pre, "-static -no-pie -Wl,-z,max-page-size=4096 -Lx");
	assert_string_equal(tc.missing[0].what, "my-cc");
	assert_int_equal(toolchain_resolve(&a, &p, NULL, "outer", ARCH_ARM64, &tc, &err), 0);
	assert_string_equal(tc.cc, "my-arm-cc");
	assert_string_equal(tc.cflags, "'-DO=a b' -mfix");
}

static void test_unknown(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct toolchain tc;

	(void)state;
	assert_int_equal(toolchain_resolve(&a, NULL, NULL, "tcc", ARCH_ARM64, &tc, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "unknown toolchain 'tcc'");
	assert_string_equal(err.hint, "built in: musl, musl-gcc, gnu, zig");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),	     cmocka_unit_test(test_user_text_is_quoted),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_sysroot_is_the_last_resort),
		cmocka_unit_test(test_users_own),    cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
