/* SPDX-License-Identifier: Apache-2.0 */
/* Cut off anywhere, any byte changed: a message, never a crash. The sanitizers are the judges. */
#include "test_elf_inputs.h"
#include "test_elf_try.h"

static int setup(void **state)
{
	if (inputs_setup(state) < 0)
		return -1;
	sh(BARE_X86 "-g1 -Wl,--build-id bare.c -o bare.x86; " BARE_ARM "bare.c -o bare.arm; "
	   "gcc -c -Os bare.c -o bare.o; ar rcs bare.a bare.o; "
	   "echo 'int f(void) { return 0; }' >f.c; gcc -shared -fPIC f.c -nostdlib -o libf.so; "
	   "clang -fuse-ld=lld -nostdlib -pie -s -fPIE bare.c -Wl,--no-as-needed ./libf.so "
	   "-Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2 -o bare.dyn");
	return 0;
}

static const char *const inputs[] = { "bare.x86", "bare.arm", "bare.o", "bare.a", "bare.dyn" };

static void every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		get_file(inputs[i], &b);
		assert_in_range(b.len, 500, 16384);
		for (size_t n = 0; n <= b.len; n++)
			elf_try((const uint8_t *)b.ptr, n, test_dir);
	}
}

static void every_byte(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		get_file(inputs[i], &b);
		for (size_t at = 0; at < b.len; at++) {
			for (size_t k = 0; k < ARRAY_LEN(flips); k++) {
				b.ptr[at] = (char)(b.ptr[at] ^ flips[k]);
				elf_try((const uint8_t *)b.ptr, b.len, test_dir);
				b.ptr[at] = (char)(b.ptr[at] ^ flips[k]);
			}
		}
	}
}

static void set64(struct buf *b, size_t at, uint64_t v)
{
	memcpy(b->ptr + at, &v, sizeof(v));
}

static void says(const struct buf *b, enum err_code code, const char *msg)
{
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;

	put_file("crafted", b->ptr, b->len);
	assert_int_equal(elf_open(&f, "crafted", &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

/* A header, one program header, one section: each lie has a message with its place. */
static void crafted(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56, .e_phnum = 1,
		.e_shoff = 120, .e_shentsize = 64, .e_shnum = 2, .e_shstrndx = 1,
	};
	Elf64_Phdr ph = { .p_type = PT_LOAD, .p_filesz = 248, .p_memsz = 248, .p_flags = PF_R };
	Elf64_Shdr sh[2] = { { 0 }, { .sh_type = SHT_STRTAB, .sh_offset = 0, .sh_size = 1 } };
	const size_t p_type = 64, p_offset = 72, p_filesz = 96, p_memsz = 104, shdr1 = 184;
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	eh.e_ident[15] = 0;
	buf_add(&b, &eh, sizeof(eh));
	buf_add(&b, &ph, sizeof(ph));
	buf_add(&b, sh, sizeof(sh));
	sh[1].sh_offset = 60;
	set64(&b, shdr1 + 24, 15); /* the string table is the NUL at the end of e_ident */
	put_file("crafted", b.ptr, b.len);
	if (elf_open(&f, "crafted", &err) < 0)
		fail_msg("%s", err.msg);
	elf_close(&f);

	set64(&b, p_filesz, 249);
	says(&b, ERR_FORMAT, "crafted: segment 0 at offset 0x0 (249 bytes) reaches past the end of the file "
			     "(248 bytes)");
	set64(&b, p_offset, UINT64_MAX);
	says(&b, ERR_FORMAT, "crafted: segment 0 at offset 0xffffffffffffffff (249 bytes) reaches past the "
			     "end of the file (248 bytes)");
	set64(&b, p_offset, 0);
	set64(&b, p_filesz, 0);
	b.ptr[p_type] = PT_INTERP;
	set64(&b, p_filesz, 4);
	says(&b, ERR_FORMAT, "crafted: the interpreter's name at offset 0x0 is malformed");
	b.ptr[p_type] = PT_LOAD;
	set64(&b, p_filesz, 248);
	set64(&b, p_memsz, UINT64_MAX);
	put_file("crafted", b.ptr, b.len);
	assert_int_equal(elf_open(&f, "crafted", &err), 0); /* one cannot overflow alone */
	elf_close(&f);

	set64(&b, shdr1 + 32, 500);
	says(&b, ERR_FORMAT, "crafted: section 1 has no name (0x0 in section 1)");
	set64(&b, shdr1 + 32, 1);
	b.ptr[56] = 0x57; /* e_phnum: 0x..., one more than can be loaded */
	b.ptr[57] = 0x04;
	says(&b, ERR_FORMAT, "crafted: program headers at offset 0x40 (62216 bytes) reach past the end of "
			     "the file (248 bytes)");
	b.ptr[57] = 0x05;
	says(&b, ERR_LIMIT, "crafted: limit exceeded: 1367 program headers, at most 1170");
	b.ptr[56] = 1;
	b.ptr[57] = 0;
	b.ptr[54] = 32;
	says(&b, ERR_FORMAT, "crafted: program headers of 32 bytes, not 56");
	b.ptr[54] = 56;
	b.ptr[58] = 40;
	says(&b, ERR_FORMAT, "crafted: section headers of 40 bytes, not 64");
	b.ptr[58] = 64;
	set64(&b, 40, 200);
	says(&b, ERR_FORMAT, "crafted: section headers at offset 0xc8 (128 bytes) reach past the end of the "
			     "file (248 bytes)");
	/* the number of sections is in section 0 when it does not fit */
	set64(&b, 40, 120);
	b.ptr[60] = 0;
	set64(&b, 120 + 32, UINT64_C(1) << 40);
	says(&b, ERR_LIMIT, "crafted: limit exceeded: 1099511627776 sections, at most 1048576");
	set64(&b, 120 + 32, 3);
	says(&b, ERR_FORMAT, "crafted: section headers at offset 0x78 (192 bytes) reach past the end of the "
			     "file (248 bytes)");
	b.ptr[6] = 2;
	says(&b, ERR_FORMAT, "crafted: unknown ELF class, byte order or version (2, 1, 2)");
	b.ptr[6] = 1;
	b.len = 60;
	says(&b, ERR_FORMAT, "crafted: its ELF header is cut off after 60 bytes");
}

/* A needed library's name that is nowhere, and a dynamic segment without an end. */
static void dynamic_lies(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct elf_file f = { 0 };
	struct err err;
	Elf64_Ehdr eh;
	Elf64_Phdr ph = { 0 };
	Elf64_Dyn dyn;
	size_t at = 0;
	char msg[256];

	(void)state;
	get_file("bare.dyn", &b);
	memcpy(&eh, b.ptr, sizeof(eh));
	for (int i = 0; i < eh.e_phnum && ph.p_type != PT_DYNAMIC; i++)
		memcpy(&ph, b.ptr + eh.e_phoff + (size_t)i * sizeof(ph), sizeof(ph));
	assert_int_equal(ph.p_type, PT_DYNAMIC);
	for (at = ph.p_offset; memcpy(&dyn, b.ptr + at, sizeof(dyn)), dyn.d_tag != DT_NEEDED;)
		at += sizeof(dyn);
	set64(&b, at + 8, UINT64_MAX);
	put_file("crafted", b.ptr, b.len);
	assert_int_equal(elf_open(&f, "crafted", &err), -1);
	assert_memory_equal(err.msg,
			    "crafted: a needed library's name (0xffffffffffffffff in the strings at address 0x",
			    80);
	assert_int_equal(err.code, ERR_FORMAT);

	/* names by way of a segment that is not there: the dynamic one comes before it in the table */
	set64(&b, at + 8, 1);
	for (int i = 0; i < eh.e_phnum; i++) {
		size_t to = eh.e_phoff + (size_t)i * sizeof(ph);
		Elf64_Phdr lie = { .p_type = PT_LOAD, .p_offset = UINT64_C(1) << 40, .p_filesz = UINT64_C(1) << 50 };

		if (i == 0)
			memcpy(b.ptr + to, &ph, sizeof(ph));
		else
			memcpy(b.ptr + to, &lie, sizeof(lie));
	}
	snprintf(msg, sizeof(msg),
		 "crafted: segment 1 at offset 0x10000000000 (1125899906842624 bytes) reaches past the "
		 "end of the file (%zu bytes)",
		 b.len);
	says(&b, ERR_FORMAT, msg);

	b.len = 0;
	get_file("bare.dyn", &b);
	ph.p_offset = b.len;
	ph.p_filesz = 5000 * sizeof(dyn);
	for (int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr *p = (void *)(b.ptr + eh.e_phoff + (size_t)i * sizeof(ph));
		Elf64_Phdr copy;

		memcpy(&copy, p, sizeof(copy));
		if (copy.p_type == PT_DYNAMIC)
			memcpy(p, &ph, sizeof(ph));
	}
	for (int i = 0; i < 5000; i++)
		buf_add(&b, &(Elf64_Dyn){ .d_tag = DT_DEBUG }, sizeof(dyn));
	says(&b, ERR_LIMIT, "crafted: limit exceeded: dynamic segment of more than 4096 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(crafted),
		cmocka_unit_test(dynamic_lies),
	};

	return cmocka_run_group_tests(tests, setup, inputs_teardown);
}
