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
#include "build/toolchain.h"
#include "os/fs.h"

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
		  "-O2 -g -gdwarf-4 -ffunction-sections -fdata-sections -fno-stack-protector -fno-pie "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections -Wl,--icf=safe "
		  "-Wl,-O2");
	flags_are("release", false,
		  "-O2 -g -gno-record-gcc-switches -ffunction-sections -fdata-sections -fno-stack-protector -fno-pie "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections");
	flags_are("hard", true,
		  "-O2 -g -gdwarf-4 -ffunction-sections -fdata-sections -fstack-protector-strong -fPIE "
		  "-fno-asynchronous-unwind-tables -fno-unwind-tables -DNDEBUG",
		  "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--gc-sections -Wl,--icf=safe "
		  "-Wl,-O2");
}

static void test_user_text_is_quoted(void **state)
{
	(void)state;
	flags_are("quoted", true,
		  "-Os -g -gdwarf-4 -ffunction-sections -fdata-sections -flto -fno-stack-protector -fno-pie "
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

/* ---- in a stage: a tree in a directory of its own ---- */

static char tree[64];

static char *tree_find(const struct root *r, const char *path, char **real)
{
	CLEAN_FREE char *at = xasprintf("%s%s", tree, path);

	(void)r;
	if (real)
		*real = fs_exists(at) ? xstrdup(path) : NULL;
	return fs_exists(at) ? steal(&at) : NULL;
}

static int tree_list(const struct root *r, const char *dir, struct strs *names, struct err *err)
{
	CLEAN_FREE char *at = xasprintf("%s%s", tree, dir);

	(void)r;
	return fs_list(at, names, err);
}

static void put(const char *path)
{
	CLEAN_FREE char *at = xasprintf("%s/%s", tree, path), *dir = path_dirname(at);
	struct err err;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(at, "x", 1, 0755, &err), 0);
}

static void drop(const char *path)
{
	CLEAN_FREE char *at = xasprintf("%s/%s", tree, path);
	struct err err;

	assert_int_equal(fs_rmtree(at, &err), 0);
}

static void put_musl(void)
{
	put("usr/lib/x86_64-linux-musl/libc.a");
	put("usr/include/x86_64-linux-musl/stdio.h");
	put("usr/lib/gcc/x86_64-linux-gnu/12/libgcc.a");
	put("usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h");
}

static void finds(struct arena *a, const struct build_stage *s, enum tc_kind kind, unsigned nmissing)
{
	struct err err = ERR_INIT;
	struct toolchain tc;

	assert_int_equal(toolchain_detect(a, s, ARCH_X86_64, &tc, &err), 0);
	assert_int_equal(tc.kind, kind);
	assert_int_equal(tc.nmissing, nmissing);
	assert_ptr_equal(tc.stage, s);
	assert_string_equal(tc.name, "stage.cc");
	assert_string_equal(tc.run, "\"$SLSC_IN_STAGE\" 0123456789abcdef/cc ");
}

static void test_in_a_stage(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	const struct build_stage s = { .root = { "/opt/bin:/usr/bin", tree_find, tree_list },
				       .stage = { "cc", 3, 20 }, .file = "slsc.yaml", .dockerfile = "Dockerfile",
				       .digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };
	const char *gcc = arch_host() == ARCH_X86_64 ? "usr/bin/gcc" : "usr/bin/x86_64-linux-gnu-gcc";
	struct build_stage other = s;
	struct err err = ERR_INIT;
	struct toolchain tc;
	CLEAN_FREE char *cache = NULL;

	(void)state;
	snprintf(tree, sizeof(tree), "/tmp/slsc-stage.XXXXXX");
	assert_non_null(mkdtemp(tree));
	cache = xasprintf("%s/cache", tree);
	setenv("SLSC_CACHE_DIR", cache, 1);

	put("etc/os-release");
	assert_int_equal(toolchain_detect(&a, &s, ARCH_X86_64, &tc, &err), 0);
	assert_int_equal(toolchain_require(&tc, &err), -1);
	assert_string_equal(err.msg,
			    "slsc.yaml:3:20: stage 'cc' of Dockerfile has no toolchain for x86_64: "
			    "musl lacks clang, ld.lld");
	assert_int_equal(err.loc.line, 3);
	assert_int_equal(err.loc.col, 20);

	put(gcc);
	put("usr/lib/x86_64-linux-gnu/libc.a");
	/* gcc would do with musl from the user cache, too, and that is what is tried on this machine */
	finds(&a, &s, TC_MUSL_GCC, 1);
	put_musl();
	finds(&a, &s, TC_MUSL_GCC, 0);
	put("opt/bin/clang");
	put("usr/bin/ld.lld");
	finds(&a, &s, TC_MUSL, 0);
	assert_int_equal(toolchain_detect(&a, &s, ARCH_X86_64, &tc, &err), 0);
	assert_string_equal(tc.shown, "musl in stage cc of Dockerfile");
	assert_non_null(strstr(tc.cflags, "-isystem /usr/include/x86_64-linux-musl"));
	assert_non_null(strstr(tc.cflags_outside, tree));
	/* whatever lies in this machine's own directories of these names */
	drop("usr/lib/x86_64-linux-musl");
	finds(&a, &s, TC_MUSL, 1);
	other.dockerfile = "other/Dockerfile";
	assert_int_equal(toolchain_detect(&a, &other, ARCH_X86_64, &tc, &err), 0);
	assert_string_equal(tc.name, "stage.cc.95aa5b4c");

	assert_int_equal(fs_rmtree(tree, &err), 0);
	unsetenv("SLSC_CACHE_DIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),	     cmocka_unit_test(test_user_text_is_quoted),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_sysroot_is_the_last_resort),
		cmocka_unit_test(test_users_own),    cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_in_a_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
