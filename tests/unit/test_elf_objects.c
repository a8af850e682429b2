/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions do these objects and archives define? */
#include "test_elf_inputs.h"

static int defined(struct strs *names, bool *bitcode, struct err *err, enum elf_arch arch, size_t n, ...)
{
	const char *paths[8];
	va_list ap;

	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		paths[i] = va_arg(ap, const char *);
	va_end(ap);
	return elf_defined_functions(paths, n, arch, names, bitcode, err);
}

static void names_are(const struct strs *names, const char *want)
{
	CLEAN_BUF struct buf got = BUF_INIT;

	for (size_t i = 0; i < names->len; i++)
		buf_addf(&got, "%s%s", i ? " " : "", names->ptr[i]);
	assert_string_equal(got.ptr, want);
}

static int setup(void **state)
{
	if (inputs_setup(state) < 0)
		return -1;
	put_text("a.c", "extern int elsewhere(int);\n"
			"int data = 1;\n"
			"static __attribute__((noinline)) int local(int x) { return x * data; }\n"
			"int handler(int x) { return elsewhere(local(x)); }\n"
			"__attribute__((weak)) int hook(int x) { return x; }\n");
	put_text("b.c", "int another(void) { return 2; }\n"
			"__attribute__((weak)) int hook(int x) { return x + 1; }\n"
			"static int impl(void) { return 3; }\n"
			"static int (*choose(void))(void) { return impl; }\n"
			"int chosen(void) __attribute__((ifunc(\"choose\")));\n");
	sh("gcc -c a.c && gcc -c b.c && ar rcs lib.a a.o b.o && "
	   "cp b.o a_name_too_long_for_the_header_of_a_member.o && "
	   "ar rcs long.a a_name_too_long_for_the_header_of_a_member.o && "
	   "aarch64-linux-gnu-gcc -c a.c -o arm.o && ar rcs mixed.a b.o arm.o && "
	   "clang -flto -c a.c -o bc.o && gcc -flto -c a.c -o lto.o && ar rcs bc.a bc.o && ar rcs empty.a");
	return 0;
}

static void objects(void **state)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err;
	bool bitcode = true;

	(void)state;
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 2, "b.o", "a.o"), 0);
	names_are(&names, "another chosen handler hook");
	assert_false(bitcode);
	/* more of them, once each */
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_ARM64, 1, "arm.o"), 0);
	names_are(&names, "another chosen handler hook");
}

static void archives(void **state)
{
	CLEAN_STRS struct strs names = { 0 }, more = { 0 }, libc = { 0 };
	struct err err;
	bool bitcode, puts_there = false;

	(void)state;
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 2, "lib.a", "empty.a"), 0);
	names_are(&names, "another chosen handler hook");
	assert_int_equal(defined(&more, &bitcode, &err, ELF_ARCH_X86_64, 1, "long.a"), 0);
	names_are(&more, "another chosen hook");
	assert_int_equal(defined(&libc, &bitcode, &err, ELF_ARCH_X86_64, 1,
				 "/usr/lib/x86_64-linux-musl/libc.a"), 0);
	assert_true(libc.len > 1000);
	VEC_EACH(&libc, name)
		puts_there |= strcmp(*name, "puts") == 0;
	assert_true(puts_there);
}

static void bitcode_is_passed_over(void **state)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err;
	bool bitcode = false;

	(void)state;
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 2, "bc.o", "b.o"), 0);
	names_are(&names, "another chosen hook");
	assert_true(bitcode);
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, "b.o"), 0);
	assert_false(bitcode);
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, "bc.a"), 0);
	assert_true(bitcode);
	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, "lto.o"), 0);
	assert_true(bitcode);
	names_are(&names, "another chosen hook");
}

static void fails(const char *path, enum err_code code, const char *msg, const char *hint)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err = ERR_INIT;
	bool bitcode;

	assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, path), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, code);
}

static void refused(void **state)
{
	(void)state;
	fails("arm.o", ERR_VERIFY, "arm.o: is arm64, not x86_64", "");
	fails("mixed.a", ERR_VERIFY, "mixed.a(arm.o): is arm64, not x86_64", "");
	fails("absent.o", ERR_IO, "cannot read absent.o: No such file or directory", "");
	fails("a.c", ERR_FORMAT, "a.c: not an ELF file", "");
	sh("ar rcs notes.a a.c; ar --thin -rcs thin.a a.o; head -c 1000 lib.a >cut.a");
	fails("notes.a", ERR_FORMAT, "notes.a(a.c): not an ELF file", "");
	fails("thin.a", ERR_FORMAT, "thin.a: is a thin archive, which holds no objects",
	      "make it without ar's T or --thin");
	sh("cp lib.a junk.a; printf 'this is no header of a member at all, but it is long enough to be' >>junk.a");
	{
		struct stat st;
		char msg[96];

		assert_int_equal(stat("lib.a", &st), 0);
		snprintf(msg, sizeof(msg), "junk.a: malformed archive at offset 0x%llx",
			 (unsigned long long)st.st_size);
		fails("junk.a", ERR_FORMAT, msg, "");
	}
	sh("head -c 100 a.o >cut.o");
	{
		CLEAN_STRS struct strs names = { 0 };
		struct err err = ERR_INIT;
		bool bitcode;

		assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, "cut.o"), -1);
		assert_memory_equal(err.msg, "cut.o: section headers at offset 0x", 35);
		assert_non_null(strstr(err.msg, "reach past the end of the file (100 bytes)"));
		assert_int_equal(defined(&names, &bitcode, &err, ELF_ARCH_X86_64, 1, "cut.a"), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),
		cmocka_unit_test(archives),
		cmocka_unit_test(bitcode_is_passed_over),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, inputs_teardown);
}
