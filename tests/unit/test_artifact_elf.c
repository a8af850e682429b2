/* SPDX-License-Identifier: Apache-2.0 */
/* A program as an artifact: what is said of it, and whose its bytes are. */
#include "test_elf_inputs.h"

#include "report/artifact_elf.h"

static const char main_c[] = "#include <stdio.h>\n"
			     "int table[100] = { 1 };\n"
			     "int main(int argc, char **argv)\n"
			     "{\n"
			     "\tputs(argv[table[argc]]);\n"
			     "\treturn 0;\n"
			     "}\n";

static int setup(void **state)
{
	if (inputs_setup(state) < 0)
		return -1;
	put_text("main.c", main_c);
	put_text("bare_main.c", "int extra[10] = { 5 };\nint more(int x) { return extra[x]; }\n");
	sh(MUSL_LLD "-g -O1 main.c -Wl,--build-id -Wl,-Map=prog.map" MUSL_LIBS "-o prog.full && "
	   "objcopy --only-keep-debug prog.full prog.debug && "
	   "objcopy --strip-all --add-gnu-debuglink=prog.debug prog.full prog && rm prog.full");
	return 0;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

/* As artifact_open() leaves it before it comes to the program. */
static void begin(struct artifact *a, const char *shown, const char *program)
{
	*a = (struct artifact)ARTIFACT_INIT;
	a->shown = shown;
	a->program = program;
}

static void end(struct artifact *a)
{
	strs_release(&a->needed);
	arena_release(&a->arena);
}

static void sums(const struct size_node *n)
{
	uint64_t below = n->own;

	for (const struct size_node *c = n->child; c; c = c->next) {
		below += c->bytes;
		sums(c);
	}
	assert_int_equal(below, n->bytes);
}

static void view(const char *path, const char *debug, enum artifact_view v, struct size_tree *t)
{
	struct artifact a;
	struct err err;

	begin(&a, path, NULL);
	if (artifact_elf_view(&a, path, debug, v, t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t->root->kind, "binary");
	assert_string_equal(t->root->name, path);
	assert_int_equal(t->root->bytes, file_size(path));
	sums(t->root);
	end(&a);
}

static uint64_t at(const struct size_tree *t, const char *kind, const char *name, const char *kind2, const char *name2)
{
	const struct size_node *n = size_find(t, t->root, kind, name);

	if (n && kind2)
		n = size_find(t, n, kind2, name2);
	return n ? n->bytes : 0;
}

static void test_open(void **state)
{
	struct artifact a;
	struct err err;

	(void)state;
	begin(&a, "prog", NULL);
	if (artifact_elf_open(&a, "prog", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(a.has_program);
	assert_true(a.stripped);
	assert_string_equal(a.arch, "x86_64");
	assert_string_equal(a.linkage, "static");
	assert_int_equal(a.size, file_size("prog"));
	assert_int_equal(a.files, 1);
	assert_int_equal(a.needed.len, 0);
	assert_null(a.verdict);
	end(&a);

	sh("aarch64-linux-gnu-gcc main.c -o dyn");
	begin(&a, "dyn", NULL);
	if (artifact_elf_open(&a, "dyn", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(a.arch, "arm64");
	assert_string_equal(a.linkage, "dynamic");
	assert_false(a.stripped);
	assert_int_equal(a.needed.len, 1);
	assert_string_equal(a.needed.ptr[0], "libc.so.6");
	assert_string_equal(a.verdict, "has an interpreter /lib/ld-linux-aarch64.so.1; needs shared library libc.so.6; "
				       "is not stripped: it has a symbol table");
	end(&a);

	sh("gcc -static-pie -s main.c -o pie");
	begin(&a, "pie", NULL);
	if (artifact_elf_open(&a, "pie", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(a.linkage, "static-pie");
	assert_null(a.verdict);
	end(&a);
}

/* A copy out of a zip has a name that nobody knows. */
static void test_names(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_BUF struct buf file = BUF_INIT;
	struct artifact a;
	struct err err;

	(void)state;
	put_text("copy", "no program");
	begin(&a, "dist/hello.zip", "bootstrap");
	assert_int_equal(artifact_elf_open(&a, "copy", NULL, &err), -1);
	assert_string_equal(err.msg, "dist/hello.zip: bootstrap: not an ELF file");
	assert_int_equal(err.code, ERR_FORMAT);
	assert_int_equal(a.size, 0);
	assert_int_equal(artifact_elf_view(&a, "copy", NULL, VIEW_SYMBOLS, &t, &err), -1);
	assert_string_equal(err.msg, "dist/hello.zip: bootstrap: not an ELF file");
	/* and yet its bytes are told of */
	assert_int_equal(t.root->bytes, 10);
	assert_int_equal(at(&t, "other", "[no section]", NULL, NULL), 10);
	end(&a);
	size_tree_release(&t);

	get_file("prog.debug", &file);
	put_file("short", file.ptr, file.len - 40);
	begin(&a, "short", NULL);
	assert_int_equal(artifact_elf_open(&a, "short", NULL, &err), -1);
	assert_int_equal(a.size, file.len - 40);
	assert_int_equal(artifact_elf_view(&a, "short", NULL, VIEW_SECTIONS, &t, &err), -1);
	assert_non_null(strstr(err.msg, "short: section headers at offset 0x"));
	assert_int_equal(t.root->bytes, file.len - 40);
	assert_int_equal(at(&t, "other", "[ELF header]", NULL, NULL), 64);
	end(&a);
}

static void test_sections(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;

	(void)state;
	view("prog", NULL, VIEW_SECTIONS, &t);
	assert_int_equal(at(&t, "other", "[ELF header]", NULL, NULL), 64);
	assert_true(at(&t, "section", ".text", NULL, NULL) > 500);
	assert_int_equal(at(&t, "section", ".bss", NULL, NULL), 0);
}

static void test_symbols(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	const struct size_node *n;

	(void)state;
	view("prog", NULL, VIEW_SYMBOLS, &t);
	assert_int_equal(at(&t, "section", ".data", "symbol", "table"), 400);
	assert_true(at(&t, "section", ".text", "symbol", "main") > 20);
	assert_true(at(&t, "section", ".text", "other", "[no symbol]") > 0);
	/* without symbols, no list of one */
	n = size_find(&t, t.root, "section", ".shstrtab");
	assert_non_null(n);
	assert_null(n->child);
	assert_int_equal(n->own, n->bytes);
}

/* From the linker's map, where neither a symbol nor debug information says anything. */
static void test_sources(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;

	(void)state;
	view("prog", NULL, VIEW_SOURCES, &t);
	assert_int_equal(at(&t, "unit", "main.c", "symbol", "table"), 400);
	assert_true(at(&t, "unit", "main.c", "symbol", "main") > 20);
	assert_true(at(&t, "object", "libc.a(puts.lo)", "symbol", "puts") > 20);
	assert_true(at(&t, "section", ".shstrtab", NULL, NULL) > 0);
	size_tree_release(&t);

	sh("gcc -c -O1 bare_main.c -o bare_main.o && " MUSL_LLD "-g -O1 main.c $PWD/bare_main.o "
	   "-Wl,-Map=mixed.map" MUSL_LIBS "-o mixed");
	view("mixed", NULL, VIEW_SOURCES, &t);
	assert_int_equal(at(&t, "object", "bare_main.o", "symbol", "extra"), 40);
	assert_true(at(&t, "object", "bare_main.o", "section", ".eh_frame") > 10);
	size_tree_release(&t);
	sh("rm mixed.map");
	view("mixed", NULL, VIEW_SOURCES, &t);
	assert_int_equal(at(&t, "object", "bare_main.o", NULL, NULL), 0);
	assert_int_equal(at(&t, "other", "[no debug information]", "symbol", "extra"), 40);
}

/* dist/prog.zip is made of what lies in .slsc; another build's debug file does not count. */
static void test_project(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	struct artifact a;
	struct err err;

	(void)state;
	sh("mkdir -p app/.slsc/debug/x86_64 app/.slsc/release/x86_64/.obj app/dist elsewhere && "
	   "cp /bin/true app/.slsc/debug/x86_64/prog.debug && cp prog.debug prog.map app/.slsc/release/x86_64/ && "
	   "cp prog elsewhere/copy && touch app/dist/prog.zip");
	begin(&a, "app/dist/prog.zip", "bootstrap");
	if (artifact_elf_view(&a, "elsewhere/copy", NULL, VIEW_SOURCES, &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.root->name, "bootstrap");
	assert_int_equal(t.root->bytes, file_size("prog"));
	assert_int_equal(at(&t, "unit", "main.c", "symbol", "table"), 400);
	end(&a);
	size_tree_release(&t);

	sh("rm app/.slsc/release/x86_64/prog.debug");
	begin(&a, "app/dist/prog.zip", "bootstrap");
	assert_int_equal(artifact_elf_view(&a, "elsewhere/copy", NULL, VIEW_SOURCES, &t, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg,
			    "app/dist/prog.zip: bootstrap: has no debug information, and no debug file is there");
	assert_string_equal(err.hint, "build with -g");
	assert_int_equal(t.root->bytes, file_size("prog"));
	end(&a);
	size_tree_release(&t);

	begin(&a, "elsewhere/copy", NULL);
	assert_int_equal(artifact_elf_view(&a, "elsewhere/copy", "dyn", VIEW_SYMBOLS, &t, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	assert_string_equal(err.msg,
			    "dyn: is the debug file of another build than elsewhere/copy: the build-ids differ");
	assert_null(t.root);
	assert_int_equal(artifact_elf_view(&a, "elsewhere/copy", "gone", VIEW_SYMBOLS, &t, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	if (artifact_elf_view(&a, "elsewhere/copy", "prog.debug", VIEW_SYMBOLS, &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(at(&t, "section", ".data", "symbol", "table"), 400);
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_symbols), cmocka_unit_test(test_sources), cmocka_unit_test(test_project),
	};

	return cmocka_run_group_tests(tests, setup, inputs_teardown);
}
