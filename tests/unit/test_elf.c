/* SPDX-License-Identifier: Apache-2.0 */
/* Reading real binaries, and the verdict on them. */
#include "test_elf_inputs.h"

#define STRIPPED " -s -O2 -o "

static void verify_ok(const char *path, struct elf_rules rules)
{
	struct err err = ERR_INIT;

	if (elf_verify(path, &rules, &err) < 0)
		fail_msg("%s (%s)", err.msg, err.hint);
}

static void verify_fails(const char *path, struct elf_rules rules, const char *msg, const char *hint)
{
	struct err err = ERR_INIT;

	assert_int_equal(elf_verify(path, &rules, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, ERR_VERIFY);
}

#define X86 .arch = ELF_ARCH_X86_64
#define ARM .arch = ELF_ARCH_ARM64
#define RULES(...) ((struct elf_rules){ __VA_ARGS__ })

#define HINT_GLIBC                                                                                 \
	"-static is missing from the link flags, or glibc was linked instead of musl "             \
	"(--sysroot or a -gnu target does that)"
#define HINT_MUSL                                                                                  \
	"the linker ignored -static (musl-gcc -static-pie does), or it is missing from the link "  \
	"flags"
#define HINT_STRIP "add -s to the link flags, or run strip on it"
#define HINT_PATH                                                                                  \
	"-ffile-prefix-map is missing from the compile flags of what was linked, "                 \
	"or a path is in a -D define"
#define HINT_STACK                                                                                 \
	"-z execstack, a nested function whose address is taken, or an assembly file without "     \
	".note.GNU-stack: add -Wl,-z,noexecstack"

static void good_binaries(void **state)
{
	(void)state;
	sh(MUSL_LLD "hello.c" STRIPPED "musl" MUSL_LIBS);
	verify_ok("musl", RULES(X86));
	sh("musl-gcc -static hello.c" STRIPPED "musl-bfd");
	verify_ok("musl-bfd", RULES(X86));
	sh("gcc -static hello.c" STRIPPED "glibc");
	verify_ok("glibc", RULES(X86));
	sh("gcc -static-pie hello.c" STRIPPED "pie");
	verify_ok("pie", RULES(X86));
	sh("aarch64-linux-gnu-gcc -static hello.c" STRIPPED "arm");
	verify_ok("arm", RULES(ARM));
	sh("aarch64-linux-gnu-gcc -static-pie hello.c" STRIPPED "arm-pie");
	verify_ok("arm-pie", RULES(ARM));
	sh("clang --target=aarch64-linux-gnu -fuse-ld=lld -static hello.c" STRIPPED "arm-lld");
	verify_ok("arm-lld", RULES(ARM));
	sh(BARE_ARM "bare.c" STRIPPED "arm-bare");
	verify_ok("arm-bare", RULES(ARM));
}

static void wrong_machine(void **state)
{
	unsigned char head[64] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2MSB, EV_CURRENT };

	(void)state;
	sh(BARE_X86 "bare.c" STRIPPED "x86");
	sh(BARE_ARM "bare.c" STRIPPED "arm64");
	verify_fails("x86", RULES(ARM), "x86: is x86_64, not arm64",
		     "the compiler or its --target is not for arm64: check the toolchain");
	verify_fails("arm64", RULES(X86), "arm64: is arm64, not x86_64",
		     "the compiler or its --target is not for x86_64: check the toolchain");
	/* bytes that make a 32-bit program, x32 among them: nothing more is looked at */
	sh("cp x86 x32; printf '\\001' | dd of=x32 bs=1 seek=4 conv=notrunc");
	verify_fails("x32", RULES(X86), "x32: is 32-bit x86_64, not x86_64",
		     "the compiler or its --target is not for x86_64: check the toolchain");
	sh("cp x86 riscv; printf '\\363' | dd of=riscv bs=1 seek=18 conv=notrunc");
	verify_fails("riscv", RULES(X86), "riscv: is riscv, not x86_64",
		     "the compiler or its --target is not for x86_64: check the toolchain");
	sh("cp x86 odd; printf '\\115\\001' | dd of=odd bs=1 seek=18 conv=notrunc");
	verify_fails("odd", RULES(X86), "odd: is ELF machine 333, not x86_64",
		     "the compiler or its --target is not for x86_64: check the toolchain");
	sh("cp x86 bsd; printf '\\011' | dd of=bsd bs=1 seek=7 conv=notrunc");
	verify_fails("bsd", RULES(X86), "bsd: is for another system than Linux (OS ABI 9)",
		     "the toolchain's target is another system: give it --target=<arch>-linux-musl");
	head[17] = ET_EXEC;
	head[19] = EM_PPC64;
	put_file("big", head, sizeof(head));
	verify_fails("big", RULES(X86), "big: is big-endian ppc64, not x86_64",
		     "the compiler or its --target is not for x86_64: check the toolchain");
}

static void not_a_program(void **state)
{
	(void)state;
	sh("gcc -c -O2 bare.c -o bare.o");
	verify_fails("bare.o", RULES(X86),
		     "bare.o: is an object file, not a linked program; "
		     "is not stripped: it has a symbol table",
		     "-c or -r is among the link flags");
	sh("clang -fuse-ld=lld -shared -fPIC -nostdlib bare.c -Wl,-e,0" STRIPPED "lib.so");
	verify_ok("lib.so", RULES(X86, .allow_shared = true));
	verify_fails("lib.so", RULES(X86), "lib.so: has no entry point, as a shared library",
		     "-shared is among the link flags, or crt1.o is missing");
	sh(BARE_X86 "bare.c" STRIPPED "core; printf '\\004' | dd of=core bs=1 seek=16 conv=notrunc");
	verify_fails("core", RULES(X86), "core: is not a program (ELF type 4)",
		     "the build command wrote something else to $SLSC_OUT");
	/* e_phnum is 0 */
	sh("cp core none; printf '\\002' | dd of=none bs=1 seek=16 conv=notrunc; "
	   "printf '\\000' | dd of=none bs=1 seek=56 conv=notrunc");
	verify_fails("none", RULES(X86),
		     "none: has no segment that is loaded; "
		     "has no PT_GNU_STACK header, so that its stack may be executable",
		     "the build command wrote something else to $SLSC_OUT");
}

static void dynamic_ones(void **state)
{
	(void)state;
	sh("gcc hello.c" STRIPPED "dyn");
	verify_fails("dyn", RULES(X86),
		     "dyn: has an interpreter /lib64/ld-linux-x86-64.so.2; "
		     "needs shared library libc.so.6", HINT_GLIBC);
	verify_ok("dyn", RULES(X86, .allow_dynamic = true));
	sh("musl-gcc hello.c" STRIPPED "musl-dyn");
	verify_fails("musl-dyn", RULES(X86),
		     "musl-dyn: has an interpreter /lib/ld-musl-x86_64.so.1; "
		     "needs shared library libc.so", HINT_MUSL);
	/* the known trap: it says static, it is not, and it runs where musl's loader is installed */
	sh("musl-gcc -static-pie hello.c" STRIPPED "trap");
	verify_fails("trap", RULES(X86),
		     "trap: has an interpreter /lib/ld-musl-x86_64.so.1; "
		     "needs shared library libc.so", HINT_MUSL);
	sh("echo 'int fancy(void) { return 0; }' >f.c; gcc -shared -fPIC f.c -o libfancy.so");
	sh("echo 'int fancy(void); int main(void) { return fancy(); }' >m.c; "
	   "gcc m.c -L. -lfancy" STRIPPED "fancy");
	verify_fails("fancy", RULES(X86),
		     "fancy: has an interpreter /lib64/ld-linux-x86-64.so.2; "
		     "needs shared libraries libfancy.so, libc.so.6",
		     "link the static archive of libfancy.so with -static, or drop it from libs");
	sh("gcc -shared -fPIC -nostdlib -Wl,-e,fancy f.c" STRIPPED "lib.so; "
	   "gcc -shared -fPIC -nostdlib -Wl,-e,fancy f.c -Wl,--no-as-needed -lc" STRIPPED "needy.so");
	verify_ok("lib.so", RULES(X86));
	verify_fails("needy.so", RULES(X86), "needy.so: needs shared library libc.so.6",
		     "-static is missing from the link flags, or -shared is among them");
	sh("aarch64-linux-gnu-gcc hello.c" STRIPPED "arm-dyn");
	verify_fails("arm-dyn", RULES(ARM),
		     "arm-dyn: has an interpreter /lib/ld-linux-aarch64.so.1; "
		     "needs shared library libc.so.6", HINT_GLIBC);
}

static void stack_and_segments(void **state)
{
	struct err err;
	CLEAN_ELF struct elf_file f = { 0 };
	char msg[128];

	(void)state;
	sh(MUSL_LLD "hello.c -Wl,-z,execstack" STRIPPED "exec" MUSL_LIBS);
	verify_fails("exec", RULES(X86), "exec: has an executable stack", HINT_STACK);
	sh("gcc -static -z execstack hello.c" STRIPPED "exec-bfd");
	verify_fails("exec-bfd", RULES(X86), "exec-bfd: has an executable stack", HINT_STACK);
	sh(BARE_X86 "-Wl,-z,nognustack bare.c" STRIPPED "nostack");
	verify_fails("nostack", RULES(X86),
		     "nostack: has no PT_GNU_STACK header, so that its stack may be executable",
		     "add -Wl,-z,noexecstack to the link flags");
	sh(BARE_ARM "-Wl,-z,nognustack bare.c" STRIPPED "arm-nostack");
	verify_fails("arm-nostack", RULES(ARM),
		     "arm-nostack: has no PT_GNU_STACK header, so that its stack may be executable",
		     "add -Wl,-z,noexecstack to the link flags");

	sh("(cat bare.c; echo 'int data = 1;') >data.c; "
	   "gcc -static -nostdlib -Wl,-N,--build-id=none data.c" STRIPPED "omagic");
	assert_int_equal(elf_open(&f, "omagic", &err), 0);
	assert_true(f.text_rwx);
	snprintf(msg, sizeof(msg),
		 "omagic: has a segment both writable and executable at address 0x%llx",
		 (unsigned long long)f.rwx_addr);
	verify_fails("omagic", RULES(X86), msg,
		     "-Wl,-N (--omagic) or a linker script puts code and data into one segment, "
		     "or an object has a section that is both");
	put_text("rwx.ld", "PHDRS { all PT_LOAD FLAGS(7); stack PT_GNU_STACK FLAGS(6); }\n"
			   "SECTIONS { . = 0x400000; .text : { *(.text*) } :all .data : { *(.data*) } :all\n"
			   "/DISCARD/ : { *(*) } }\n");
	sh("gcc -static -nostdlib -Wl,-T,rwx.ld,--build-id=none data.c" STRIPPED "script");
	verify_fails("script", RULES(X86),
		     "script: has a segment both writable and executable at address 0x400000",
		     "-Wl,-N (--omagic) or a linker script puts code and data into one segment, "
		     "or an object has a section that is both");
}

static void symbols_left(void **state)
{
	(void)state;
	sh(BARE_X86 "bare.c -o syms; " BARE_X86 "-g bare.c -o debug; "
	   "llvm-objcopy --remove-section .symtab --remove-section .strtab debug only-debug");
	verify_fails("syms", RULES(X86), "syms: is not stripped: it has a symbol table", HINT_STRIP);
	verify_fails("debug", RULES(X86),
		     "debug: is not stripped: it has a symbol table and debug sections", HINT_STRIP);
	verify_fails("only-debug", RULES(X86), "only-debug: is not stripped: it has debug sections",
		     HINT_STRIP);
	verify_ok("debug", RULES(X86, .allow_symbols = true));
}

static void build_paths(void **state)
{
	const char *const bad[] = { "/home/u/proj", "/opt/src/", "/x", NULL };
	struct err err;
	CLEAN_ELF struct elf_file f = { 0 };
	struct elf_sections sections = { 0 };
	CLEAN_BUF struct buf bytes = BUF_INIT;
	char msg[512];
	uint64_t off = 0;
	const char *hit;

	(void)state;
	/* near misses: another directory, a path that goes on, one inside of another, one part only */
	sh("(cat bare.c; echo 'const char *volatile s[] = { \"/home/u/project/a.c\", \"/home/u\", "
	   "\"/srv/home/u/proj/a.c\", \"/x\", \"/x/y\", \"/home/u/proj.c\", \"/opt/srcs\" };') >near.c; "
	   BARE_X86 "near.c" STRIPPED "near");
	verify_ok("near", RULES(X86, .bad_paths = bad));

	sh("(cat bare.c; echo 'const volatile char s[] = \"\\0-I/opt/src\\0gcc /opt/src/a.c\\0"
	   "/home/u/proj/lib/a.c:12\";') >paths.c; " BARE_X86 "paths.c" STRIPPED "paths");
	get_file("paths", &bytes);
	hit = memmem(bytes.ptr, bytes.len, "-I/opt/src", 10);
	assert_non_null(hit);
	assert_int_equal(elf_open(&f, "paths", &err), 0);
	assert_int_equal(elf_sections(&f, &sections, &err), 0);
	off = (uint64_t)(hit - bytes.ptr) + 2;
	VEC_EACH(&sections, s)
		if (off >= s->offset && off - s->offset < s->size)
			assert_string_equal(s->name, ".rodata");
	VEC_FREE(&sections);
	snprintf(msg, sizeof(msg),
		 "paths: holds the build path '-I/opt/src' in .rodata at file offset 0x%llx and 2 more",
		 (unsigned long long)off);
	verify_fails("paths", RULES(X86, .bad_paths = bad), msg, HINT_PATH);

	/* what the section before it ends with is no part of a path: here a build-id */
	sh("(cat bare.c; echo '__asm__(\".section .rodata.p,\\\"a\\\"; .asciz \\\"/home/u/proj/b.c\\\"; .text\");') "
	   ">id.c; " BARE_X86 "id.c -Wl,--build-id=0x0000002f414243" STRIPPED "id");
	bytes.len = 0;
	get_file("id", &bytes);
	hit = memmem(bytes.ptr, bytes.len, "/ABC/home/u/proj/b.c", 20);
	assert_non_null(hit);
	snprintf(msg, sizeof(msg), "id: holds the build path '/home/u/proj/b.c' in .rodata at file offset 0x%llx",
		 (unsigned long long)(hit + 4 - bytes.ptr));
	verify_fails("id", RULES(X86, .bad_paths = bad), msg, HINT_PATH);

	/* a long string is clipped, at both ends */
	sh("(cat bare.c; printf 'const char *volatile s = \"%%070d/home/u/proj/%%0200d\";' 0 0) >long.c; "
	   BARE_X86 "long.c" STRIPPED "long");
	bytes.len = 0;
	get_file("long", &bytes);
	hit = memmem(bytes.ptr, bytes.len, "/home/u/proj", 12);
	assert_non_null(hit);
	snprintf(msg, sizeof(msg),
		 "long: holds the build path '%060d/home/u/proj/%047d'... in .rodata at file offset 0x%llx", 0,
		 0, (unsigned long long)(hit - bytes.ptr));
	verify_fails("long", RULES(X86, .bad_paths = bad), msg, HINT_PATH);

	/* the real thing: __FILE__, with the compiler's option and without */
	{
		const char *const here[] = { test_dir, NULL };
		CLEAN_BUF struct buf cmd = BUF_INIT;
		struct elf_rules rules = RULES(X86, .bad_paths = here);
		struct err verdict = ERR_INIT;

		sh("sed 's/\"hello\"/__FILE__/' hello.c >file.c; "
		   "gcc -static %s/file.c" STRIPPED "file; "
		   "gcc -static -ffile-prefix-map=%s/= %s/file.c" STRIPPED "mapped",
		   test_dir, test_dir, test_dir);
		verify_ok("mapped", rules);
		assert_int_equal(elf_verify("file", &rules, &verdict), -1);
		buf_addf(&cmd, "file: holds the build path '%s/file.c' in .rodata at file offset 0x",
			 test_dir);
		assert_memory_equal(verdict.msg, cmd.ptr, cmd.len);
		/* in the bytes of no section */
		sh("cp musl tail 2>/dev/null || " MUSL_LLD "hello.c" STRIPPED "tail" MUSL_LIBS
		   "; printf '%s/x' >>tail", test_dir);
		assert_int_equal(elf_verify("tail", &rules, &verdict), -1);
		buf_reset(&cmd);
		buf_addf(&cmd, "tail: holds the build path '%s/x' in no section at file offset 0x", test_dir);
		assert_memory_equal(verdict.msg, cmd.ptr, cmd.len);
	}
}

static void all_at_once(void **state)
{
	(void)state;
	sh("gcc -z execstack hello.c -o all");
	verify_fails("all", RULES(ARM),
		     "all: is x86_64, not arm64; has an interpreter /lib64/ld-linux-x86-64.so.2; "
		     "needs shared library libc.so.6; has an executable stack; "
		     "is not stripped: it has a symbol table",
		     "the compiler or its --target is not for arm64: check the toolchain");
}

static void what_a_reader_sees(void **state)
{
	static const uint8_t id[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct elf_sections sections = { 0 };
	struct elf_symbols symbols = { 0 };
	struct elf_file f = { 0 };
	struct err err;
	bool text = false, start = false;

	(void)state;
	sh(BARE_X86 "-g -Wl,--build-id=0x0123456789abcdef bare.c -o seen");
	assert_int_equal(elf_open(&f, "seen", &err), 0);
	assert_string_equal(f.path, "seen");
	assert_int_equal(f.arch, ELF_ARCH_X86_64);
	assert_int_equal(f.machine, EM_X86_64);
	assert_int_equal(f.type, ET_EXEC);
	assert_true(f.is_64 && f.is_little && f.has_gnu_stack && f.has_symtab && f.has_debug);
	assert_false(f.has_interp || f.has_dynamic || f.text_rwx || f.exec_stack);
	assert_int_equal(f.build_id_len, sizeof(id));
	assert_memory_equal(f.build_id, id, sizeof(id));
	assert_true(f.load_file_bytes > 0 && f.load_file_bytes <= f.load_mem_bytes);
	assert_int_equal(elf_sections(&f, &sections, &err), 0);
	VEC_EACH(&sections, s)
		text |= strcmp(s->name, ".text") == 0 && s->type == SHT_PROGBITS &&
			s->flags == (SHF_ALLOC | SHF_EXECINSTR) && f.entry >= s->addr &&
			f.entry < s->addr + s->size;
	assert_true(text);
	assert_int_equal(elf_symbols(&f, &symbols, &err), 0);
	VEC_EACH(&symbols, s)
		start |= strcmp(s->name, "_start") == 0 && s->value == f.entry && s->defined &&
			 s->type == STT_FUNC && s->bind == STB_GLOBAL && s->size > 0;
	assert_true(start);
	VEC_FREE(&sections);
	VEC_FREE(&symbols);
	elf_close(&f);

	/* .dynsym when there is no .symtab */
	sh("gcc -Wl,-z,relro,-z,now hello.c" STRIPPED "dyn");
	assert_int_equal(elf_open(&f, "dyn", &err), 0);
	assert_true(f.has_interp && f.has_dynamic && f.has_relro && !f.has_symtab);
	assert_string_equal(f.interp, "/lib64/ld-linux-x86-64.so.2");
	assert_int_equal(f.needed.len, 1);
	assert_string_equal(f.needed.ptr[0], "libc.so.6");
	assert_int_equal(elf_symbols(&f, &symbols, &err), 0);
	start = false;
	VEC_EACH(&symbols, s)
		start |= strcmp(s->name, "puts") == 0 && !s->defined;
	assert_true(start);
	VEC_FREE(&symbols);
	elf_close(&f);

	assert_string_equal(elf_arch_name(ELF_ARCH_X86_64), "x86_64");
	assert_string_equal(elf_arch_name(ELF_ARCH_ARM64), "arm64");
	assert_string_equal(elf_arch_name(ELF_ARCH_UNKNOWN), "unknown");
}

static void open_fails(const char *path, enum err_code code, const char *msg)
{
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(elf_open(&f, path, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void not_elf(void **state)
{
	(void)state;
	put_text("empty", "");
	put_text("text", "#!/bin/sh\n");
	put_text("stub", "\177ELF");
	open_fails("absent", ERR_IO, "cannot read absent: No such file or directory");
	open_fails(".", ERR_IO, "cannot read .: not a regular file");
	open_fails("empty", ERR_FORMAT, "empty: not an ELF file: it is empty");
	open_fails("text", ERR_FORMAT, "text: not an ELF file");
	open_fails("stub", ERR_FORMAT, "stub: its ELF header is cut off after 4 bytes");
	sh("truncate -s 4294967297 large");
	open_fails("large", ERR_LIMIT,
		   "large: limit exceeded: 4294967297 bytes, the most is 4294967296");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_binaries),      cmocka_unit_test(wrong_machine),
		cmocka_unit_test(not_a_program),      cmocka_unit_test(dynamic_ones),
		cmocka_unit_test(stack_and_segments), cmocka_unit_test(symbols_left),
		cmocka_unit_test(build_paths),	      cmocka_unit_test(all_at_once),
		cmocka_unit_test(what_a_reader_sees), cmocka_unit_test(not_elf),
	};

	return cmocka_run_group_tests(tests, inputs_setup, inputs_teardown);
}
