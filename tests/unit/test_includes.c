/* SPDX-License-Identifier: Apache-2.0 */
/* The names of files in C and assembler sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "build/includes.h"

/*
 * "3:q a.h" for each name: line, kind (capital: #include_next), name; then "?2" if line 2 names what is not known,
 * and "!2" if no compiler's list has it either. */
static void check(const char *text, size_t n, const char *want)
{
	static const char kinds[] = "qabde";
	CLEAN_INCLUDES struct include_refs refs = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	includes_scan(text, n, &refs);
	for (size_t i = 0; i < refs.len; i++)
		buf_addf(&b, "%s%u:%c %s", b.len ? ", " : "", refs.ptr[i].line,
			 refs.ptr[i].next ? kinds[refs.ptr[i].kind] - 32 : kinds[refs.ptr[i].kind], refs.ptr[i].name);
	if (refs.unknown)
		buf_addf(&b, "%s?%u", b.len ? " " : "", refs.unknown);
	if (refs.hidden)
		buf_addf(&b, "!%u", refs.hidden);
	assert_string_equal(b.ptr, want);
}

#define CHECK(text, want) check("" text, sizeof(text) - 1, want)

static void test_directives(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK("#include \"a.h\"\n#include <b/c.h>\n", "1:q a.h, 2:a b/c.h");
	CHECK("\t# \tinclude\"a b.h\"", "1:q a b.h");
	CHECK("#include_next <a.h>\n#import \"b.h\"\n", "1:A a.h, 2:q b.h");
	CHECK("%:include \"a.h\"\n", "1:q a.h");
	CHECK("#if 0\n#include \"a.h\"\n#endif\n", "2:q a.h");
	CHECK("#embed \"x.bin\" limit(3)\n#embed <y.bin>\n", "1:e x.bin, 2:e y.bin");
	CHECK("x #include \"a.h\"\n#included \"a.h\"\n#define include \"a.h\"\n#line 3 \"x.c\"\n", "");
	CHECK("#include \"a.h\"\r\n#include <b.h>\r\n", "1:q a.h, 2:a b.h");
	CHECK("#include \"..\\x.h\"\n", "1:q ..\\x.h");
}

static void test_comments(void **state)
{
	(void)state;
	CHECK("/* #include \"a.h\" */\n// #include \"b.h\"\n", "");
	CHECK("/* \n */ # /* x */ include /* \n */ \"a.h\" // \"\n#include <b.h>\n", "3:q a.h, 4:a b.h");
	CHECK("/*/ #include \"a.h\" /*/\n#include \"b.h\"\n", "2:q b.h");
	CHECK("// x \\\n#include \"a.h\"\n#include \"b.h\"\n", "3:q b.h");
	CHECK("char *s = \"/*\";\n#include \"a.h\"\n/* */\n", "2:q a.h");
	CHECK("int c = '\"'; /* \"\n#include \"a.h\" */\n#include \"b.h\"\n", "3:q b.h");
	CHECK("#error don't /* do\n#include \"a.h\"\n", "2:q a.h");
	CHECK("char *s = \"a\\\"/*\";\n#include \"a.h\"\n", "2:q a.h");
	CHECK("#include <a/*b.h>\n#include \"c//d.h\"\n", "1:a a/*b.h, 2:q c//d.h");
}

static void test_spliced_lines(void **state)
{
	(void)state;
	CHECK("#inc\\\nlude \"a\\\n.h\"\n", "3:q a.h");
	CHECK("#\\\ninclude \\\n  <a.h>\n", "3:a a.h");
	CHECK("#include \\  \n\"a.h\"\n", "2:q a.h");
	CHECK("/\\\n* #include \"a.h\" *\\\n/\n#include \"b.h\"\n", "4:q b.h");
}

static void test_unknown(void **state)
{
	(void)state;
	CHECK("int x;\n#include CONFIG\n#include \"a.h\"\n", "3:q a.h ?2");
	CHECK("#include\n", "?1");
	CHECK("#include \"a.h\n#include <b.h>\n", "2:a b.h ?1");
	CHECK("#include \"\"\n", "?1");
	CHECK("#include \"a\0b\"\n", "?1");
	CHECK("?\?=include \"a.h\"\n", "?1");
	CHECK("x = R\"(a \" /* )\";\n#include \"a.h\"\n", "?1!1");
	CHECK("#include X\n#embed Y\n", "?1!2");
	CHECK("x = R \"(a\";\n#include \"a.h\"\n", "2:q a.h");
	CHECK("x = u8\"(a\";\n#include \"a.h\"\n", "2:q a.h");
}

static void test_has_include(void **state)
{
	(void)state;
	CHECK("#if __has_include(\"a.h\") || __has_include ( <b.h> )\n", "1:q a.h, 1:a b.h");
	CHECK("#if defined(__has_include) && defined __has_include\n#ifdef __has_include\n", "");
	CHECK("#if __has_include(X)\n", "?1");
	CHECK("#if __has_include_next(<a.h>) || __has_embed(\"x\")\n", "1:A a.h, 1:e x");
}

static void test_assembler(void **state)
{
	(void)state;
	CHECK("asm(\".incbin \\\"x.bin\\\"\\n\");\n", "1:d x.bin");
	CHECK("asm(\"d:\\n\\t.incbin\\t\\\"x.bin\\\"\\n.include \\\"m.inc\\\"\");\n", "1:d x.bin, 1:b m.inc");
	CHECK("#define BIN(f) asm(\".incbin \\\"\" f \"\\\"\\n\")\n", "?1!1");
	CHECK("asm(\".include \" NAME);\n", "?1!1");
	CHECK(".incbin \"x.bin\", 4\n.include \"m.inc\"\n", "1:d x.bin, 2:b m.inc");
	CHECK("\t.incbin FILE\n", "?1!1");
	/* the assembler does not tell capitals from small letters */
	CHECK("a: .INCBIN \"x.bin\"\n.Include \"m.inc\"\n", "1:d x.bin, 2:b m.inc");
	CHECK("asm(\"d:\\n.IncBin \\\"x.bin\\\"\\n.INCLUDE \\\"m.inc\\\"\");\n", "1:d x.bin, 1:b m.inc");
	/* members, and texts for people */
	CHECK("a.include = b->c.include; (x).include(1); struct s t = { .include = 1 };\n", "");
	CHECK("puts(\".include files are read\"); puts(\"x.include\"); puts(\".included \");\n", "");
	CHECK("# a comment of the assembler's: it's \"x\n.include \"m.inc\"\n", "2:b m.inc");
}

static void test_limits(void **state)
{
	CLEAN_INCLUDES struct include_refs refs = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < INCLUDES_MAX + 2; i++)
		buf_addz(&b, "#include \"a.h\"\n");
	includes_scan(b.ptr, b.len, &refs);
	assert_int_equal(refs.len, INCLUDES_MAX);
	assert_int_equal(refs.unknown, INCLUDES_MAX);
	assert_int_equal(refs.hidden, INCLUDES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directives),    cmocka_unit_test(test_comments),
		cmocka_unit_test(test_spliced_lines), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_has_include),   cmocka_unit_test(test_assembler),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
