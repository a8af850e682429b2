/* SPDX-License-Identifier: Apache-2.0 */
/* What the assembler has read, in a compiler's list for make. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/build.h"
#include "os/fs.h"

static void put(const char *name, const char *text)
{
	struct err err;

	assert_int_equal(fs_write_file(name, text, strlen(text), 0644, &err), 0);
}

/* @list before, NULL for none; and after. */
static void check(const char *list, const char *want)
{
	char *flags[] = { (char[]){ "-I" }, (char[]){ "inc" }, (char[]){ "@flags" }, (char[]){ "@none" } };
	CLEAN_BUF struct buf got = BUF_INIT;
	struct err err;

	unlink("x.d");
	if (list)
		put("x.d", list);
	if (build_list("x.d", "x.s", flags, ARRAY_LEN(flags), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fs_read("x.d", 1 << 20, &got, &err), 0);
	assert_string_equal(got.ptr, want);
}

static void test_list(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fs_mkdirs("inc", &err), 0);
	put("flags", "-DX");
	put("x.s", ".INCBIN \"b$ #.bin\"\n.include \"m.inc\"\n");
	put("inc/m.inc", ".incbin \"x.s\"\n.include \"m.inc\"\n.incbin NAME\n");
	put("b$ #.bin", ".incbin \"flags\"");
	put("a b.h", "asm(\".incbin \\\"inc/m.inc\\\"\");");
	/* of a .s there is none */
	check(NULL, "list: x.s \\\n  b$$\\ \\#.bin \\\n  inc/m.inc \\\n  x.s \\\n  inc/m.inc \\\n  flags\n");
	check("o/x.o: \\\n  a\\ b.h \\\n gone.h\n", "o/x.o: \\\n  a\\ b.h \\\n gone.h \\\n  inc/m.inc \\\n  flags\n");
	/* -MP */
	check("o.o: a\\ b.h\n\na\\ b.h:\n", "o.o: a\\ b.h \\\n  inc/m.inc \\\n  flags\n\na\\ b.h:\n");
	check("o.o:", "o.o: \\\n  flags");
	check("o.o: /usr/include/x.h .slsc/in/slsc/x.c\n", "o.o: /usr/include/x.h .slsc/in/slsc/x.c \\\n  flags\n");
	/* no list at all: ninja says what is wrong with it */
	check("", "");
	check("a b c\\", "a b c\\");
}

int main(void)
{
	char dir[] = "/tmp/slsc-test-XXXXXX";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
	};
	struct err err;
	int r;

	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	return chdir("/") < 0 || fs_rmtree(dir, &err) < 0 ? 1 : r;
}
