/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting: what still runs, what a debugger finds, and how many bytes it takes. */
#include "test_elf_inputs.h"

static void split(const char *name)
{
	CLEAN_FREE char *out = xasprintf("%s.out", name), *debug = xasprintf("%s.debug", name);
	struct err err;

	if (elf_split_debug(name, out, debug, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Table-less, bit by bit: nothing in common with the code under test. */
static uint32_t crc32_slow(const char *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned char)p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* The stripped file: loaded bytes and program headers as they were, a link to the debug file. */
static void check_bytes(const char *name)
{
	CLEAN_FREE char *out = xasprintf("%s.out", name), *debug = xasprintf("%s.debug", name);
	CLEAN_BUF struct buf was = BUF_INIT, is = BUF_INIT, dbg = BUF_INIT;
	CLEAN_ELF struct elf_file f = { 0 };
	struct elf_sections sections = { 0 };
	Elf64_Ehdr eh;
	struct stat st;
	struct err err;
	uint32_t crc = 0;

	get_file(name, &was);
	get_file(out, &is);
	get_file(debug, &dbg);
	memcpy(&eh, was.ptr, sizeof(eh));
	assert_memory_equal(was.ptr, is.ptr, offsetof(Elf64_Ehdr, e_shoff));
	for (int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, was.ptr + eh.e_phoff + (size_t)i * sizeof(ph), sizeof(ph));
		assert_memory_equal(&ph, is.ptr + eh.e_phoff + (size_t)i * sizeof(ph), sizeof(ph));
		if (ph.p_offset == 0)
			ph.p_offset = sizeof(eh), ph.p_filesz -= ph.p_filesz ? sizeof(eh) : 0;
		assert_true(ph.p_offset + ph.p_filesz <= is.len);
		assert_memory_equal(was.ptr + ph.p_offset, is.ptr + ph.p_offset, ph.p_filesz);
	}
	assert_int_equal(elf_open(&f, out, &err), 0);
	assert_false(f.has_symtab || f.has_debug);
	assert_int_equal(elf_sections(&f, &sections, &err), 0);
	VEC_EACH(&sections, s) {
		if (strcmp(s->name, ".gnu_debuglink") == 0) {
			assert_string_equal(is.ptr + s->offset, debug);
			assert_int_equal(s->size, ((strlen(debug) + 4) & ~(size_t)3) + 4);
			memcpy(&crc, is.ptr + s->offset + s->size - 4, 4);
		} else {
			assert_true((s->flags & SHF_ALLOC) || strcmp(s->name, ".shstrtab") == 0);
		}
	}
	VEC_FREE(&sections);
	assert_int_equal(crc, crc32_slow(dbg.ptr, dbg.len));
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(stat(debug, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
}

/* eu-unstrip joins the two files: the symbols and debug sections must be those of the input. */
static void check_joined(const char *name)
{
	sh("eu-unstrip %s.out %s.debug -o joined && nm joined >joined.nm && nm %s >input.nm && "
	   "cmp joined.nm input.nm && "
	   "for s in .debug_info .debug_line .symtab .comment; do "
	   "llvm-objcopy --dump-section $s=a.bin %s /dev/null 2>/dev/null || continue; "
	   "llvm-objcopy --dump-section $s=b.bin %s.debug /dev/null && "
	   "{ test $s = .symtab || cmp a.bin b.bin; } || exit 1; done",
	   name, name, name, name, name);
}

/* No larger than what llvm-strip -s leaves, plus the link's 12-byte minimum, its header and name. */
static void check_size(const char *name, const char *strip)
{
	struct stat mine, theirs;
	char path[128];
	size_t link = ((strlen(name) + strlen(".debug") + 4) & ~(size_t)3) + 4;

	sh("%s -s %s -o stripped", strip, name);
	snprintf(path, sizeof(path), "%s.out", name);
	assert_int_equal(stat(path, &mine), 0);
	assert_int_equal(stat("stripped", &theirs), 0);
	link += sizeof(Elf64_Shdr) + sizeof(".gnu_debuglink");
	/* both tables are aligned to eight */
	assert_true(mine.st_size <= theirs.st_size + (off_t)((link + 7) & ~(size_t)7));
}

static void check_gdb(const char *name)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *cmd = xasprintf("gdb -nx -batch -ex 'info line main' %s.out", name);

	assert_int_equal(sh_status(cmd, &out), 0);
	if (!strstr(out.ptr, "of \"hello.c\" starts at address"))
		fail_msg("%s: %s", name, out.ptr);
}

static void check_runs(const char *run, const char *name)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *cmd = xasprintf("%s ./%s.out", run, name);

	assert_int_equal(sh_status(cmd, &out), 0);
	assert_string_equal(out.ptr, "hello\n");
}

/* readelf has an opinion on every header, and says it on stderr. */
static void check_readelf(const char *name)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *cmd = xasprintf("{ readelf -lSnW %s.out; readelf -lSnW %s.debug; } 2>&1 "
					 ">/dev/null | grep -v 'find program interpreter name'", name, name);

	sh_status(cmd, &out);
	assert_string_equal(out.ptr, "");
}

static void each_linker(void **state)
{
	static const struct {
		const char *name, *cmd, *run;
		const char *strip; /* which can read it: llvm's cannot read bfd's static glibc */
		bool joins;	   /* eu-unstrip cannot join static-pie, whoever split it */
	} all[] = {
		{ "lld-musl", MUSL_LLD "-g hello.c -o lld-musl" MUSL_LIBS, "", "llvm-strip", true },
		{ "lld-id", MUSL_LLD "-g -Wl,--build-id hello.c -o lld-id" MUSL_LIBS, "", "llvm-strip", true },
		{ "bfd-musl", "musl-gcc -static -g hello.c -o bfd-musl", "", "llvm-strip", true },
		{ "bfd-glibc", "gcc -static -g hello.c -o bfd-glibc", "", "strip", true },
		{ "bfd-pie", "gcc -static-pie -g hello.c -o bfd-pie", "", "llvm-strip", false },
		{ "bfd-dyn", "gcc -g hello.c -o bfd-dyn", "", "llvm-strip", true },
		{ "lld-glibc", "clang -fuse-ld=lld -static -g hello.c -o lld-glibc", "", "llvm-strip", true },
		{ "arm-bfd", "aarch64-linux-gnu-gcc -static -g hello.c -o arm-bfd", "qemu-aarch64-static",
		  "aarch64-linux-gnu-strip", true },
		{ "arm-lld", "clang --target=aarch64-linux-gnu -fuse-ld=lld -static -g hello.c -o arm-lld",
		  "qemu-aarch64-static", "llvm-strip", true },
		{ "arm-pie", "aarch64-linux-gnu-gcc -static-pie -g hello.c -o arm-pie", "qemu-aarch64-static",
		  "llvm-strip", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		sh("%s", all[i].cmd);
		split(all[i].name);
		check_bytes(all[i].name);
		check_readelf(all[i].name);
		if (all[i].joins)
			check_joined(all[i].name);
		check_size(all[i].name, all[i].strip);
		if (!*all[i].run)
			check_gdb(all[i].name);
		check_runs(all[i].run, all[i].name);
	}
}

/* gdb finds it by build-id too, when the file has another name. */
static void by_build_id(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;

	(void)state;
	sh(MUSL_LLD "-g -Wl,--build-id=0x0123456789abcdef hello.c -o id" MUSL_LIBS);
	split("id");
	sh("mkdir -p lib/.build-id/01 && mv id.debug lib/.build-id/01/23456789abcdef.debug");
	assert_int_equal(sh_status("gdb -nx -batch -iex \"set debug-file-directory $PWD/lib\" "
				   "-ex 'info line main' id.out", &out), 0);
	assert_non_null(strstr(out.ptr, "of \"hello.c\" starts at address"));
	buf_reset(&out);
	assert_int_equal(sh_status("eu-unstrip -n -e id.out; "
				   "readelf -n lib/.build-id/01/23456789abcdef.debug", &out), 0);
	assert_non_null(strstr(out.ptr, "0123456789abcdef@"));
	assert_non_null(strstr(out.ptr, "Build ID: 0123456789abcdef"));
}

static void same_bytes(void **state)
{
	struct err err;

	(void)state;
	sh("mkdir -p one two; " MUSL_LLD "-g hello.c -o one/x" MUSL_LIBS "; cp one/x two/y");
	assert_int_equal(elf_split_debug("one/x", "one/out", "one/x.debug", &err), 0);
	assert_int_equal(elf_split_debug("two/y", "two/out", "two/x.debug", &err), 0);
	sh("cmp one/out two/out && cmp one/x.debug two/x.debug");
	/* onto itself, then once more: nothing is left to take away */
	assert_int_equal(elf_split_debug("one/x", "one/x", NULL, &err), 0);
	assert_int_equal(elf_split_debug("one/x", "one/again", NULL, &err), 0);
	sh("cmp one/x one/again && ./one/x | grep -qx hello && ! readelf -SW one/x | grep debuglink");
	/* no debug file wanted: no link, which makes it no larger */
	sh("test $(stat -c %%s one/x) -lt $(stat -c %%s one/out) && test -z \"$(ls -A one | grep tmp)\"");
}

static void fails(const char *in, const char *out, const char *debug, enum err_code code,
		  const char *msg)
{
	struct err err = ERR_INIT;

	assert_int_equal(elf_split_debug(in, out, debug, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void refused(void **state)
{
	static const Elf64_Ehdr other = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 } };

	(void)state;
	sh("gcc -c bare.c -o bare.o; " BARE_X86 "-g bare.c -o bare; echo old >kept; mkdir -p dir");
	put_file("other", &other, sizeof(other));
	fails("bare.o", "kept", "kept.debug", ERR_FORMAT, "bare.o: is not a linked program");
	fails("other", "kept", "kept.debug", ERR_FORMAT,
	      "other: is not a 64-bit little-endian ELF file");
	fails("hello.c", "kept", "kept.debug", ERR_FORMAT, "hello.c: not an ELF file");
	fails("bare", "absent/x", NULL, ERR_IO, "cannot write absent/x: No such file or directory");
	fails("bare", "kept", "absent/x", ERR_IO, "cannot write absent/x: No such file or directory");
	fails("bare", "dir", NULL, ERR_IO, "cannot write dir: Is a directory");
	/* what was there is there still, and nothing else */
	sh("grep -qx old kept && ! test -e kept.debug && ! ls -A | grep -q slsc-tmp");
	/* sections that all claim the same bytes must not make a debug file of any size */
	sh("cp bare overlap && size=$(stat -c %%s bare) && "
	   "off=$(readelf -h bare | sed -n 's/.*Start of section headers: *\\([0-9]*\\).*/\\1/p') && "
	   "n=$(readelf -SW bare | grep -c '\\.debug_') && "
	   "first=$(readelf -SW bare | sed -n 's/^ *\\[ *\\([0-9]*\\)\\] \\.debug_.*/\\1/p' | head -1) && "
	   "i=$first; while test $i -lt $((first + n)); do "
	   "printf '\\000\\000' | dd of=overlap bs=1 seek=$((off + i * 64 + 24)) conv=notrunc && "
	   "printf \"\\\\$(printf %%o $((size & 255)))\\\\$(printf %%o $((size >> 8)))\" | "
	   "dd of=overlap bs=1 seek=$((off + i * 64 + 32)) conv=notrunc; i=$((i + 1)); done");
	{
		struct err err;

		assert_int_equal(elf_split_debug("overlap", "o.out", "o.debug", &err), -1);
		assert_memory_equal(err.msg, "overlap: its sections overlap at .", 34);
		sh("! test -e o.out && ! test -e o.debug");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_linker),
		cmocka_unit_test(by_build_id),
		cmocka_unit_test(same_bytes),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, inputs_setup, inputs_teardown);
}
