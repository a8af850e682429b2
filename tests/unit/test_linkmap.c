/* SPDX-License-Identifier: Apache-2.0 */
/* Link maps of ld.lld and GNU ld, as those write them, and what no linker writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "build/linkmap.h"
#include "os/fs.h"

#define LLD "             VMA              LMA     Size Align Out     In      Symbol\n"
#define GNU "Linker script and memory map\n"

/* "path members" of each input, one a line */
static char *parse(const char *text, size_t n)
{
	CLEAN_INPUTS struct link_inputs in = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (linkmap_parse("m", text, n, &in, &err) < 0) {
		assert_null(in.ptr);
		buf_addf(&b, "%s: %s", err_name(err.code), err.msg);
		return buf_detach(&b);
	}
	for (size_t i = 0; i < in.len; i++)
		buf_addf(&b, "%s %u\n", in.ptr[i].path, in.ptr[i].members);
	return buf_detach(&b);
}

static void expect(const char *text, const char *want)
{
	char *got = parse(text, strlen(text));

	assert_string_equal(got, want);
	free(got);
}

static void lld(void **state)
{
	(void)state;
	expect(LLD "          2007e0           2007e0       11    16         <internal>:(.rodata)\n"
		   "          2007d0           2007d0       10     8         obj/a.o:(.rodata)\n"
		   "          2007d0           2007d0       10     8                 sym:(x)\n"
		   "          200800           200800       50    16         /usr/lib/libc.a(puts.lo):(.text.puts)\n"
		   "          200850           200850       50    16         /usr/lib/libc.a(puts.lo):(.text.other)\n"
		   "          200900           200900        8    16         /usr/lib/libc.a(exit.lo):(.text)\n"
		   "          200900           200900        0    16         /usr/lib/libnone.a(x.o):(.text)\n"
		   "               0                0        8    16         /usr/lib/libdebug.a(x.o):(.debug_info)\n"
		   "          200a00           200a00        8    16         a (b)/lib(c).a(d.o):(.text)\n",
	       "/usr/lib/libc.a 2\na (b)/lib(c).a 1\nobj/a.o 0\n");
}

static void gnu(void **state)
{
	(void)state;
	expect("Archive member included to satisfy reference by file (symbol)\n\n/usr/lib/libno.a(no.o)\n"
	       "Discarded input sections\n\n .text 0x0000000000000000 0x10 /usr/lib/libgone.a(x.o)\n"
	       GNU "\nLOAD /usr/lib/libloaded.a\n"
	       ".text           0x0000000000401000      0x123\n"
	       " *(.text.unlikely .text.*_unlikely)\n"
	       " .text          0x0000000000401000       0x20 a.o\n"
	       "                0x0000000000401000                main\n"
	       " .text.a_long_name_indeed\n"
	       "                0x0000000000401020       0x51 /usr/lib/libc.a(puts.o)\n"
	       "                                         0x55 (size before relaxing)\n"
	       " .text          0x0000000000401080        0x0 /usr/lib/libempty.a(x.o)\n"
	       " .comment       0x0000000000000000       0x27 /usr/lib/libcomment.a(x.o)\n"
	       " *fill*         0x0000000000401071        0xf \n"
	       " .text          0x0000000000401090        0x1 /usr/lib/with blank.a(x.o)\n",
	       "/usr/lib/libc.a 1\n/usr/lib/with blank.a 1\na.o 0\n");
}

/* Where what was linked is; the linker's own is nobody's. */
static void ranges(void **state)
{
	static const char text[] =
		LLD "          2007e0           2007e0       11    16         <internal>:(.rodata)\n"
		    "          2007d0           2007d0       10     8         obj/a.o:(.rodata)\n"
		    "          200800           200800      a50    16         /usr/lib/libc.a(puts.lo):(.text.puts)\n"
		    "               0                0        8    16         obj/a.o:(.debug_info)\n"
		    "ffffffffffffff00 ffffffffffffff00       10    16         obj/a.o:(.text)\n";
	CLEAN_RANGES struct link_ranges r = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(linkmap_parse_ranges("m", text, strlen(text), &r, &err), 0);
	assert_int_equal(r.len, 3);
	assert_int_equal(r.ptr[0].addr, 0x2007d0);
	assert_int_equal(r.ptr[0].size, 0x10);
	assert_string_equal(r.ptr[0].input, "obj/a.o");
	assert_int_equal(r.ptr[1].addr, 0x200800);
	assert_int_equal(r.ptr[1].size, 0xa50);
	assert_string_equal(r.ptr[1].input, "/usr/lib/libc.a(puts.lo)");
	assert_true(r.ptr[2].addr == UINT64_C(0xffffffffffffff00));
	link_ranges_release(&r);
	assert_int_equal(linkmap_parse_ranges("m", "hello\n", 6, &r, &err), -1);
	assert_string_equal(err.msg, "m: is no link map of ld.lld or GNU ld");
	assert_int_equal(r.len, 0);
}

static void hostile(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	char *got;

	(void)state;
	expect("", "format: m: is no link map of ld.lld or GNU ld");
	expect("hello\n", "format: m: is no link map of ld.lld or GNU ld");
	expect(LLD, "");
	expect(LLD "          200a00           200a00        8    16         :(.text)\n", "");
	expect(LLD "          200a00           200a00        8    16         )\n", "");
	expect(LLD "          200a00           200a00        8    16         a.o:(", "");
	expect(LLD "          200a00           200a00", "");
	expect(LLD "11111111111111111 1 1 1         a.o:(.text)", "");
	expect(GNU " ", "");
	expect(GNU " .text 0x", "");
	expect(GNU " .text 0x1 0x1", "");
	expect(GNU " .text 0x1 0x1 ", "");
	expect(GNU " .text 0x1 0x1 )", ") 0\n");
	buf_addz(&b, LLD "          200a00           200a00        8    16         ");
	for (int i = 0; i < 5000; i++)
		buf_addc(&b, 'a');
	buf_addz(&b, ":(.text)\n");
	expect(b.ptr, "limit: m: limit exceeded: a path of more than 4096 bytes");
	buf_reset(&b);
	buf_addz(&b, LLD);
	for (unsigned i = 0; i <= LINKMAP_INPUTS_MAX; i++)
		buf_addf(&b, "          200a00           200a00        8    16         l.a(%u.o):(.text)\n", i);
	expect(b.ptr, "limit: m: limit exceeded: more than 65536 inputs");
	got = parse("\0\0\0", 3);
	assert_string_equal(got, "format: m: is no link map of ld.lld or GNU ld");
	free(got);
	buf_reset(&b);
	buf_addz(&b, LLD "          200a00           200a00        8    16         a");
	buf_addc(&b, '\0');
	buf_addz(&b, "b.o:(.text)\n");
	got = parse(b.ptr, b.len);
	assert_string_equal(got, "format: m: a path has a NUL in it");
	free(got);
}

/* Members of many archives, mixed: each archive once, all members counted. */
static void mixed(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, want = BUF_INIT;

	(void)state;
	buf_addz(&b, LLD);
	for (unsigned m = 0; m < 3; m++)
		for (unsigned i = 0; i < 50; i++)
			buf_addf(&b, "          200a00           200a00        8    16         %02u.a(%u.o):(.text)\n",
				 i, m);
	for (unsigned i = 0; i < 50; i++)
		buf_addf(&want, "%02u.a 3\n", i);
	expect(b.ptr, want.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lld),
		cmocka_unit_test(gnu),
		cmocka_unit_test(ranges),
		cmocka_unit_test(hostile),
		cmocka_unit_test(mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
