/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the bytes of a program are: they add up, and readelf and nm say the same. */
#include "test_elf_inputs.h"
#include "test_elf_bytes_try.h"

#include "base/str.h"

static const char two_c[] = "#include <stdio.h>\n"
			    "extern int table[100];\n"
			    "int work(int);\n"
			    "static const char words[300] = \"words\";\n"
			    "int main(int argc, char **argv)\n"
			    "{\n"
			    "\tprintf(\"%s %d\\n\", words + argc, work(argc) + table[argc]);\n"
			    "\treturn argv[0] == 0;\n"
			    "}\n";
static const char work_c[] = "int table[100] = { 1, 2, 3 };\n"
			     "__thread int mine[50] = { 1 };\n"
			     "__attribute__((noinline)) static int inner(int x)\n"
			     "{\n"
			     "\tstatic volatile int calls[40] = { 7 };\n"
			     "\treturn calls[x % 40]++ * x + mine[x % 50]++;\n"
			     "}\n"
			     "__attribute__((noinline)) int work(int x)\n"
			     "{\n"
			     "\treturn inner(x + 1) + inner(x);\n"
			     "}\n";

static int setup(void **state)
{
	if (inputs_setup(state) < 0)
		return -1;
	sh("mkdir lib");
	put_text("two.c", two_c);
	put_text("lib/work.c", work_c);
	return 0;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

/* Everything of @path, by way of @debug; checked to add up on the way. */
static void read_all(struct elf_bytes *b, const char *path, const char *debug, bool units)
{
	struct err err;

	if (elf_bytes_open(b, path, &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(b, file_size(path));
	if (elf_bytes_symbols(b, debug, &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(b, file_size(path));
	if (units && elf_bytes_units(b, debug, &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(b, file_size(path));
}

/* Bytes of what has all of the given names; NULL: any; "": none. */
static uint64_t bytes_of(const struct elf_bytes *b, const char *section, const char *symbol, const char *unit)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		const struct elf_piece *p = &b->ptr[i];

		if ((!section || strcmp(p->section, section) == 0) &&
		    (!symbol || strcmp(p->symbol ? p->symbol : "", symbol) == 0) &&
		    (!unit || strcmp(p->unit ? p->unit : "", unit) == 0))
			n += p->size;
	}
	return n;
}

static void assert_bytes(uint64_t is, uint64_t want, const char *what)
{
	if (is != want)
		fail_msg("%s: %llu bytes, not %llu", what, (unsigned long long)is, (unsigned long long)want);
}

/* ---- sections ---- */

static void sections_of(const char *path)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_BUF struct buf cmd = BUF_INIT, out = BUF_INIT;
	struct str rest;
	struct err err;
	size_t n = 0;

	if (elf_bytes_open(&b, path, &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(&b, file_size(path));
	buf_addf(&cmd, "LC_ALL=C readelf -SW %s | sed -n 's/^ *\\[ *[0-9]*\\] *//p' | "
		 "awk '$2 != \"NOBITS\" && $2 != \"NULL\" && NF > 6 { print $1, $5 }'", path);
	assert_int_equal(sh_status(cmd.ptr, &out), 0);
	rest = buf_str(&out);
	while (rest.len) {
		char line[256], name[200];
		unsigned long long size;
		struct str l = rest;

		rest = str_cut(&l, '\n');
		snprintf(line, sizeof(line), STR_FMT, STR_ARG(l));
		assert_int_equal(sscanf(line, "%199s %llx", name, &size), 2);
		assert_bytes(bytes_of(&b, name, NULL, NULL), size, name);
		n++;
	}
	assert_in_range(n, 5, 64);
	assert_bytes(bytes_of(&b, "[ELF header]", NULL, NULL), 64, "ELF header");
	assert_in_range(bytes_of(&b, "[program headers]", NULL, NULL), 56, 56 * 20);
	assert_bytes(bytes_of(&b, "[section headers]", NULL, NULL) % 64, 0, "section headers");
	assert_bytes(bytes_of(&b, "[no section]", NULL, NULL), 0, "no section");
}

#define SOURCES " two.c lib/work.c -O1 "

static void test_sections(void **state)
{
	static const struct {
		const char *name, *cmd;
	} all[] = {
		{ "dynamic", "gcc" SOURCES "-o dynamic" },
		{ "stripped", "gcc" SOURCES "-s -o stripped" },
		{ "static", "gcc -g -static" SOURCES "-o static" },
		{ "pie", "gcc -static-pie -s" SOURCES "-o pie" },
		{ "lld", "clang -g -fuse-ld=lld" SOURCES "-o lld" },
		{ "musl", MUSL_LLD "-g" SOURCES MUSL_LIBS "-o musl" },
		{ "arm", "aarch64-linux-gnu-gcc -g -static" SOURCES "-o arm" },
		{ "arm-dynamic", "aarch64-linux-gnu-gcc" SOURCES "-s -o arm-dynamic" },
		{ "arm-lld", BARE_ARM "-g bare.c -o arm-lld" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		sh("%s", all[i].cmd);
		sections_of(all[i].name);
	}
}

/* Bytes after all sections are nobody's, unless they are zeros; sections cut off leave what segments say. */
static void test_gaps(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_ELF_BYTES struct elf_bytes cut = ELF_BYTES_INIT;
	CLEAN_BUF struct buf file = BUF_INIT;
	struct err err = ERR_INIT;
	char msg[256];

	(void)state;
	sh(BARE_X86 "bare.c -s -o tail; printf 'more than zeros' >>tail");
	if (elf_bytes_open(&b, "tail", &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(&b, file_size("tail"));
	assert_bytes(bytes_of(&b, "[no section]", NULL, NULL), 15, "no section");
	get_file("tail", &file);
	file.len -= 16;
	put_file("cut", file.ptr, file.len);
	assert_int_equal(elf_bytes_open(&cut, "cut", &err), -1);
	snprintf(msg, sizeof(msg), "cut: section headers at offset 0x%zx ", file.len - (size_t)64 * 4 + 1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.msg, "cut: section headers at offset 0x"));
	assert_non_null(strstr(err.msg, "reach past the end of the file"));
	bytes_add_up(&cut, file.len);
	assert_bytes(bytes_of(&cut, "[ELF header]", NULL, NULL), 64, "ELF header");
	assert_true(bytes_of(&cut, ".text", NULL, NULL) + bytes_of(&cut, "[unnamed section]", NULL, NULL) > 0);
	/* a program has no need for section headers */
	elf_bytes_release(&cut);
	memset(file.ptr + 40, 0, 8);
	memset(file.ptr + 58, 0, 6);
	put_file("cut", file.ptr, file.len);
	if (elf_bytes_open(&cut, "cut", &err) < 0)
		fail_msg("%s", err.msg);
	bytes_add_up(&cut, file.len);
	assert_true(bytes_of(&cut, "[segment 1]", NULL, NULL) + bytes_of(&cut, "[segment 2]", NULL, NULL) > 0);
}

/* ---- symbols ---- */

struct nm_line {
	unsigned long long addr, size;
	char name[200];
	bool alone;	/* no other symbol has one of its bytes */
};
struct nm_lines { struct nm_line *ptr; size_t len, cap; };

static int by_addr(const void *va, const void *vb)
{
	const struct nm_line *a = va, *b = vb;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* What `nm -S` says of all that has bytes in the file; V may be data or not. */
static void run_nm(const char *path, struct nm_lines *out)
{
	CLEAN_BUF struct buf cmd = BUF_INIT, text = BUF_INIT;
	unsigned long long end = 0;
	struct str rest;

	buf_addf(&cmd, "LC_ALL=C nm -S --defined-only --special-syms %s | "
		 "awk 'NF == 4 && $3 !~ /[aAbBNvV]/ { print $1, $2, $4 }'", path);
	assert_int_equal(sh_status(cmd.ptr, &text), 0);
	rest = buf_str(&text);
	while (rest.len) {
		char line[300];
		struct nm_line l = { .alone = true };
		struct str s = rest;

		rest = str_cut(&s, '\n');
		snprintf(line, sizeof(line), STR_FMT, STR_ARG(s));
		assert_int_equal(sscanf(line, "%llx %llx %199s", &l.addr, &l.size, l.name), 3);
		VEC_PUSH(out, l);
	}
	qsort(out->ptr, out->len, sizeof(*out->ptr), by_addr);
	for (size_t i = 0; i < out->len; i++) {
		struct nm_line *l = &out->ptr[i];

		if (i && l->addr < end)
			l->alone = false;
		for (size_t k = i + 1; k < out->len && out->ptr[k].addr < l->addr + l->size; k++)
			l->alone = out->ptr[k].alone = false;
		end = end > l->addr + l->size ? end : l->addr + l->size;
	}
}

/* Every symbol that shares no byte with another has as many as nm says, and all together have what they cover. */
static void symbols_of(const char *path, const char *debug, size_t least)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	struct nm_lines nm = { 0 };
	size_t alone = 0;

	read_all(&b, path, debug, false);
	run_nm(debug ? debug : path, &nm);
	for (size_t i = 0; i < nm.len; i++) {
		unsigned long long want = 0;

		for (size_t k = 0; k < nm.len; k++)
			if (strcmp(nm.ptr[k].name, nm.ptr[i].name) == 0)
				want = want == 1 || !nm.ptr[k].alone ? 1 : want + nm.ptr[k].size;
		if (want <= 1)
			continue;
		assert_bytes(bytes_of(&b, NULL, nm.ptr[i].name, NULL), want, nm.ptr[i].name);
		alone++;
	}
	if (alone < least)
		fail_msg("%s: only %zu symbols of %zu could be compared", path, alone, nm.len);
	VEC_FREE(&nm);
}

static void test_symbols(void **state)
{
	(void)state;
	symbols_of("dynamic", NULL, 8);
	symbols_of("static", NULL, 700);
	symbols_of("lld", NULL, 8);
	symbols_of("musl", NULL, 30);
	symbols_of("arm", NULL, 600);
	sh("objcopy --only-keep-debug static static.debug; "
	   "objcopy --strip-all --add-gnu-debuglink=static.debug static static.s");
	symbols_of("static.s", "static.debug", 700);
}

static const char alias_s[] = ".globl strong, other, _start, label\n.weak weak\n"
			      ".type strong, @function\n.type other, @function\n.type weak, @function\n"
			      ".type local, @function\n.type whole, @function\n.type part, @function\n"
			      ".type bare, @function\n"
			      "local:\nweak:\nstrong:\nother: .skip 16, 0x90\n"
			      ".size local, 16\n.size weak, 16\n.size strong, 16\n.size other, 16\n"
			      "whole: .skip 8, 0x90\npart: .skip 8, 0x90\n.size whole, 16\n.size part, 24\n"
			      ".skip 20, 0x90\n"
			      "bare: .skip 4, 0x90\nmark: .skip 2, 0x90\nlabel: .skip 6, 0x90\n"
			      "_start: nop\n.size _start, 1\n"
			      ".section .note.GNU-stack,\"\",@progbits\n";

static void test_rules(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;

	(void)state;
	put_text("alias.s", alias_s);
	sh("gcc -nostdlib -static alias.s -o alias");
	read_all(&b, "alias", NULL, false);
	assert_bytes(bytes_of(&b, ".text", "weak", NULL) + bytes_of(&b, ".text", "local", NULL), 0, "weak and local");
	assert_bytes(bytes_of(&b, ".text", "strong", NULL) + bytes_of(&b, ".text", "other", NULL), 16, "global");
	assert_bytes(bytes_of(&b, ".text", "whole", NULL), 16, "whole");
	assert_bytes(bytes_of(&b, ".text", "part", NULL), 16, "part, less what is in whole");
	assert_bytes(bytes_of(&b, ".text", "bare", NULL), 6, "a function without a size");
	assert_bytes(bytes_of(&b, ".text", "label", NULL), 6, "a label that is global");
	assert_bytes(bytes_of(&b, ".text", "mark", NULL), 0, "a local label");
	assert_bytes(bytes_of(&b, ".text", "", NULL), 4, "nobody's");
	assert_bytes(bytes_of(&b, ".text", "_start", NULL), 1, "_start");
}

static void plt_of(const char *cmd, const char *path, const char *symbol, uint64_t size)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;

	sh("%s -o %s", cmd, path);
	read_all(&b, path, NULL, false);
	assert_bytes(bytes_of(&b, NULL, symbol, NULL), size, path);
}

static void test_plt(void **state)
{
	(void)state;
	put_text("plt.c", "#include <stdio.h>\n#include <stdlib.h>\n"
			  "int main(int c, char **v) { puts(getenv(v[c - 1])); return rand(); }\n");
	plt_of("gcc -O1 plt.c", "plt", "getenv@plt", 16);
	plt_of("gcc -O1 plt.c -fcf-protection=full -Wl,-z,ibtplt", "plt.ibt", "puts@plt", 16);
	plt_of("gcc -O1 plt.c -Wl,-z,now", "plt.now", "__cxa_finalize@plt", 8);
	plt_of("clang -O1 -fuse-ld=lld plt.c", "plt.lld", "getenv@plt", 16);
	plt_of("aarch64-linux-gnu-gcc -O1 plt.c", "plt.arm", "getenv@plt", 16);
	plt_of("aarch64-linux-gnu-gcc -O1 plt.c -no-pie -mbranch-protection=standard -Wl,-z,force-bti", "plt.bti",
	       "rand@plt", 24);
	plt_of("gcc -static plt.c", "plt.static", "strlen@plt", 8);
}

/* An object file's symbols are known by their sections. */
static void test_object(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	struct err err;

	(void)state;
	sh("gcc -O1 -g -c lib/work.c -o work.o");
	read_all(&b, "work.o", NULL, false);
	assert_bytes(bytes_of(&b, ".data", "table", NULL), 400, "table");
	assert_int_equal(elf_bytes_units(&b, NULL, &err), -1);
	assert_string_equal(err.msg, "work.o: is an object file: its addresses are not known before it is linked");
}

/* ---- sources ---- */

static void sources_of(const char *cc, const char *flags, const char *binutils)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_FREE char *what = xasprintf("%s %s", cc, flags);

	sh("%s %s" SOURCES "-o src && cp src src.full && %sobjcopy --only-keep-debug src src.dbg && "
	   "%sstrip src", cc, flags, binutils, binutils);
	for (int split = 0; split < 2; split++) {
		read_all(&b, split ? "src" : "src.full", split ? "src.dbg" : NULL, true);
		assert_bytes(bytes_of(&b, ".data", "table", "lib/work.c"), 400, what);
		/* on arm64 gcc does not say where a thread's own variable is */
		assert_bytes(bytes_of(&b, ".tdata", "mine", *binutils ? "" : "lib/work.c"), 200, what);
		assert_bytes(bytes_of(&b, ".rodata", "words", "two.c"), 300, what);
		/* a variable of a function, "calls.0" or "inner.calls" */
		assert_bytes(bytes_of(&b, ".data", NULL, "lib/work.c"), 400 + 160, what);
		assert_true(bytes_of(&b, ".text", "main", "two.c") > 20);
		assert_true(bytes_of(&b, ".text", "inner", "lib/work.c") > 10);
		assert_bytes(bytes_of(&b, ".text", "work", NULL), bytes_of(&b, ".text", "work", "lib/work.c"), what);
		assert_bytes(bytes_of(&b, ".text", "_start", "two.c"), 0, what);
		elf_bytes_release(&b);
	}
}

static void test_sources(void **state)
{
	(void)state;
	sources_of("gcc", "-gdwarf-4", "");
	sources_of("gcc", "-gdwarf-5", "");
	sources_of("gcc", "-gdwarf-5 -gz=zlib -static", "");
	sources_of("gcc", "-gdwarf-4 -gz=zlib-gnu -ffunction-sections -fdata-sections -Wl,--gc-sections", "");
	sources_of("clang", "-gdwarf-4 -fuse-ld=lld", "");
	sources_of("clang", "-gdwarf-5 -fuse-ld=lld -gz", "");
	sources_of("clang", "-gdwarf-5 -fuse-ld=lld -ffunction-sections -fdata-sections", "");
	sources_of("aarch64-linux-gnu-gcc", "-gdwarf-5 -static", "aarch64-linux-gnu-");
}

/* Link-time optimisation puts all code into one unit; entries say where it came from. */
static void test_lto(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;

	(void)state;
	sh("gcc -g -flto" SOURCES "-o lto");
	read_all(&b, "lto", NULL, true);
	assert_true(bytes_of(&b, ".text", "main", "two.c") > 20);
	assert_true(bytes_of(&b, ".text", NULL, "lib/work.c") > 20);
	elf_bytes_release(&b);
	sh("clang -g -flto -fuse-ld=lld" SOURCES "-o lto");
	read_all(&b, "lto", NULL, true);
	assert_true(bytes_of(&b, ".text", "main", "two.c") > 20);
	assert_true(bytes_of(&b, ".text", "work", "lib/work.c") > 20);
}

/* Two sources of one name are two. */
static void test_same_name(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_FREE char *x = NULL, *y = NULL;
	char cwd[256];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	sh("mkdir -p x y && echo 'int x[10] = { 1 };' >x/u.c && echo 'int y[20] = { 1 };' >y/u.c && "
	   "(cd x && gcc -g -c u.c) && (cd y && gcc -g -c u.c) && gcc hello.c x/u.o y/u.o -o same");
	read_all(&b, "same", NULL, true);
	x = xasprintf("%s/x/u.c", cwd);
	y = xasprintf("%s/y/u.c", cwd);
	assert_bytes(bytes_of(&b, ".data", "x", x), 40, x);
	assert_bytes(bytes_of(&b, ".data", "y", y), 80, y);
}

/* What the linker's map says, where the debug information does not. */
static void test_objects(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	struct elf_owner owners[8];
	uint64_t data = 0, text = 0;
	struct err err;
	size_t n = 0;

	(void)state;
	sh("gcc -g -c -O1 two.c -o two.o; gcc -c -O1 lib/work.c -o work.o; gcc -static two.o work.o -o objects");
	read_all(&b, "objects", NULL, true);
	assert_bytes(bytes_of(&b, ".data", "table", ""), 400, "table");
	{
		CLEAN_ELF struct elf_file f = { .path = NULL };
		struct elf_symbols syms = { 0 };

		if (elf_open(&f, "objects", &err) < 0 || elf_symbols(&f, &syms, &err) < 0)
			fail_msg("%s", err.msg);
		VEC_EACH(&syms, s) {
			if (strcmp(s->name, "table") == 0)
				owners[n++] = (struct elf_owner){ data = s->value, 400, "work.o" };
			if (strcmp(s->name, "main") == 0)
				owners[n++] = (struct elf_owner){ text = s->value, s->size, "two.o" };
			if (strcmp(s->name, "_IO_stdin_used") == 0)
				owners[n++] = (struct elf_owner){ s->value, 4, "two.o" };
		}
		VEC_FREE(&syms);
	}
	assert_int_equal(n, 3);
	assert_true(data && text);
	elf_bytes_objects(&b, owners, n);
	bytes_add_up(&b, file_size("objects"));
	for (size_t i = 0; i < b.len; i++) {
		const struct elf_piece *p = &b.ptr[i];

		if (p->symbol && strcmp(p->symbol, "table") == 0) {
			assert_string_equal(p->object, "work.o");
			assert_null(p->unit);
		}
	}
	assert_bytes(bytes_of(&b, ".text", "main", "two.c"), bytes_of(&b, ".text", "main", NULL), "main");
	/* of the same object as main, and so of the same source */
	assert_bytes(bytes_of(&b, NULL, "_IO_stdin_used", "two.c"), 4, "_IO_stdin_used");
}

/* ---- the debug file ---- */

static void find(const char *path, const char *const *dirs, const char *want)
{
	CLEAN_FREE char *found = NULL;
	struct err err;

	if (elf_debug_find(path, dirs, &found, &err) < 0)
		fail_msg("%s", err.msg);
	if (want)
		assert_non_null(found);
	if (want)
		assert_string_equal(found, want);
	else
		assert_null(found);
}

static void test_find(void **state)
{
	static const char *const dirs[] = { "nowhere", "away", NULL };
	CLEAN_FREE char *id_path = NULL;
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;
	char id[130] = "";

	(void)state;
	/* hello.c of two builds */
	sh("gcc -g hello.c -Wl,--build-id -o prog && elf=prog && objcopy --only-keep-debug $elf prog.debug && "
	   "objcopy --strip-all --add-gnu-debuglink=prog.debug $elf prog.s && gcc -g -O2 two.c lib/work.c -o other");
	find("prog.s", NULL, "prog.debug");
	sh("mkdir -p .debug away && mv prog.debug .debug/");
	find("prog.s", NULL, "./.debug/prog.debug");
	sh("mv .debug/prog.debug away/");
	find("prog.s", NULL, NULL);
	find("prog.s", dirs, "away/prog.debug");
	/* a file of that name of another build does not count */
	sh("cp other prog.debug");
	find("prog.s", NULL, NULL);
	find("prog.s", dirs, "away/prog.debug");
	sh("cp away/prog.debug prog.s.debug");
	find("prog.s", NULL, "prog.s.debug");
	assert_int_equal(elf_open(&f, "prog", &err), 0);
	for (size_t i = 0; i < f.build_id_len; i++)
		snprintf(id + 2 * i, 3, "%02x", f.build_id[i]);
	elf_close(&f);
	sh("rm prog.s.debug; mkdir -p .build-id/%.2s && cp away/prog.debug .build-id/%.2s/%s.debug", id, id, id + 2);
	id_path = xasprintf("./.build-id/%.2s/%s.debug", id, id + 2);
	find("prog.s", NULL, id_path);
	/* without a build-id the checksum is what counts */
	sh("rm -r .build-id; gcc -g hello.c -Wl,--build-id=none -o noid && "
	   "objcopy --only-keep-debug noid noid.debug && "
	   "objcopy --strip-all --add-gnu-debuglink=noid.debug noid noid.s");
	find("noid.s", NULL, "noid.debug");
	sh("printf x >>noid.debug");
	find("noid.s", NULL, NULL);

	assert_int_equal(elf_debug_check("prog.s", "away/prog.debug", &err), 0);
	assert_int_equal(elf_debug_check("prog.s", "gone.debug", &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "gone.debug: there is no such debug file");
	assert_int_equal(elf_debug_check("prog.s", "other", &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	assert_string_equal(err.msg, "other: is the debug file of another build than prog.s: the build-ids differ");
}

/* Cut off anywhere, any byte changed: all of the file is still somebody's. The sanitizers are the judges, too. */
static void test_hostile(void **state)
{
	static const char *const flags[] = { "-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gz" };

	(void)state;
	put_text("small.c", "int table[3] = { 1 };\nint f(int x) { static int n; return n++ + table[x]; }\n"
			    "void _start(void) { f(1); for (;;); }\n");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		sh(BARE_X86 "%s small.c -o small", flags[i]);
		get_file("small", &b);
		assert_in_range(b.len, 1000, 6000);
		for (size_t n = 0; n <= b.len; n++)
			bytes_try((const uint8_t *)b.ptr, n);
		for (size_t at = 0; at < b.len; at++) {
			const char was = b.ptr[at];

			for (size_t k = 0; k < 2; k++) {
				b.ptr[at] = k ? (char)(was ^ 0x81) : (char)0xff;
				bytes_try((const uint8_t *)b.ptr, b.len);
			}
			b.ptr[at] = was;
		}
	}
}

/* What is wrong is told with its place, and what came before it counts. */
static void test_damaged(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_BUF struct buf file = BUF_INIT;
	struct elf_sections all = { 0 };
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;
	uint64_t info = 0, size = 0;
	uint32_t first;
	char msg[200];

	(void)state;
	sh("clang -g -gdwarf-4 -fuse-ld=lld" SOURCES "-o damaged");
	assert_int_equal(elf_open(&f, "damaged", &err), 0);
	assert_int_equal(elf_sections(&f, &all, &err), 0);
	VEC_EACH(&all, s) {
		if (strcmp(s->name, ".debug_info") == 0) {
			info = s->offset;
			size = s->size;
		}
	}
	VEC_FREE(&all);
	elf_close(&f);
	get_file("damaged", &file);
	/* the second unit's version */
	memcpy(&first, file.ptr + info, sizeof(first));
	assert_true(first + 4 + 6 < size);
	memset(file.ptr + info + 4 + first + 4, 0x77, 2);
	put_file("damaged", file.ptr, file.len);
	if (elf_bytes_open(&b, "damaged", &err) < 0 || elf_bytes_symbols(&b, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(elf_bytes_units(&b, NULL, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	snprintf(msg, sizeof(msg), "damaged: unit at offset 0x%x of .debug_info: ", first + 4);
	assert_memory_equal(err.msg, msg, strlen(msg));
	bytes_add_up(&b, file.len);
	assert_true(bytes_of(&b, ".text", "main", "two.c") > 20);
	assert_bytes(bytes_of(&b, ".text", "work", "lib/work.c"), 0, "what comes after it");
}

/* Not what it says that it has uncompressed is allocated. */
static void test_bomb(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_BUF struct buf file = BUF_INIT;
	struct elf_sections all = { 0 };
	struct elf_file f = { 0 };
	struct err err = ERR_INIT;
	uint64_t at = 0, huge = UINT64_C(3) << 30;
	uint32_t type = 2;
	char msg[200];

	(void)state;
	sh("clang -g -gz -fuse-ld=lld" SOURCES "-o bomb");
	assert_int_equal(elf_open(&f, "bomb", &err), 0);
	assert_int_equal(elf_sections(&f, &all, &err), 0);
	VEC_EACH(&all, s)
		if (strcmp(s->name, ".debug_info") == 0)
			at = s->offset;
	VEC_FREE(&all);
	elf_close(&f);
	get_file("bomb", &file);
	memcpy(file.ptr + at, &type, sizeof(type));
	put_file("bomb", file.ptr, file.len);
	if (elf_bytes_open(&b, "bomb", &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(elf_bytes_units(&b, NULL, &err), -1);
	snprintf(msg, sizeof(msg), "bomb: section .debug_info at offset 0x%llx is compressed in another way than zlib "
		 "(type 2)", (unsigned long long)at);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, ERR_FORMAT);
	elf_bytes_release(&b);

	type = 1;
	memcpy(file.ptr + at, &type, sizeof(type));
	memcpy(file.ptr + at + 8, &huge, sizeof(huge));
	put_file("bomb", file.ptr, file.len);
	if (elf_bytes_open(&b, "bomb", &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(elf_bytes_units(&b, NULL, &err), -1);
	snprintf(msg, sizeof(msg), "bomb: limit exceeded: debug sections of more than 2147483648 bytes (.debug_info at "
		 "offset 0x%llx)", (unsigned long long)at);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void test_nothing(void **state)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sh("gcc -static -s hello.c -o bald");
	if (elf_bytes_open(&b, "bald", &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(elf_bytes_symbols(&b, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "bald: has no symbols, and no debug file is there");
	assert_int_equal(elf_bytes_units(&b, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "bald: has no debug information, and no debug file is there");
	bytes_add_up(&b, file_size("bald"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections), cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_symbols),	 cmocka_unit_test(test_rules),
		cmocka_unit_test(test_plt),	 cmocka_unit_test(test_object),
		cmocka_unit_test(test_sources),	 cmocka_unit_test(test_lto),
		cmocka_unit_test(test_same_name), cmocka_unit_test(test_objects),
		cmocka_unit_test(test_find),	 cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_hostile),	 cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, setup, inputs_teardown);
}
