/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "build/graph.h"
#include "os/fs.h"

/* A project in a directory of its own, with a toolchain that does not depend on what is installed. */
struct fixture {
	char dir[64];
	struct project p;
	struct graph g;
	struct dep_trees deps;
	struct err err;
};

#define TOOLCHAIN "toolchain: t\ntoolchains: {t: {extends: gnu, cc: /bin/true}}\narches: [x86_64]\n"

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	CLEAN_FREE char *path = path_join(f->dir, name);
	CLEAN_FREE char *parent = path_dirname(path);
	struct err err;

	assert_int_equal(fs_mkdirs(parent, &err), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), 0644, &err), 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/slsc-graph.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int r = fs_rmtree(f->dir, &err);

	graph_release(&f->g);
	project_release(&f->p);
	VEC_FREE(&f->deps);
	free(f);
	return r;
}

static int plan(struct fixture *f, const char *text, const char *profile)
{
	struct profile *pr;
	int r;

	graph_release(&f->g);
	project_release(&f->p);
	f->g = (struct graph){ 0 };
	f->err = (struct err)ERR_INIT;
	if (project_parse(&f->p, "slsc.yaml", f->dir, text, strlen(text), &f->err) < 0)
		fail_msg("%s", f->err.msg);
	for (size_t i = 0; i < f->deps.len; i++)
		f->deps.ptr[i].dep = f->p.dependencies[i];
	pr = project_profile(&f->p, profile ? profile : f->p.profile.s, &f->err);
	assert_non_null(pr);
	r = graph_plan(&f->g, &f->p, pr, &f->deps, &f->err);
	for (size_t i = 0; i < f->g.ntoolchains; i++) {
		f->g.toolchains[i]->nmissing = 0;
		f->g.toolchains[i]->id = "ID";
	}
	return r;
}

static void replace(struct buf *b, const char *from, const char *to)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	char *at, *rest = b->ptr;

	for (; (at = strstr(rest, from)); rest = at + strlen(from)) {
		buf_add(&out, rest, (size_t)(at - rest));
		buf_addz(&out, to);
	}
	buf_addz(&out, rest);
	buf_reset(b);
	buf_adds(b, buf_str(&out));
}

static void assert_golden(struct fixture *f, struct buf *b, const char *name)
{
	CLEAN_FREE char *path = xasprintf(TEST_DATA "/graph/%s", name);
	CLEAN_BUF struct buf want = BUF_INIT;

	CLEAN_FREE char *share = xstrndup(strstr(b->ptr, "share = ") ? strstr(b->ptr, "share = ") : "share = ", 8 + 16);

	/* where it lies, in a word */
	replace(b, share, "share = @SHARE@");
	replace(b, f->g.share, "@SHARE@");
	replace(b, f->dir, "@DIR@");
	replace(b, "# " SLSC_VERSION " ", "# @VERSION@ ");
	if (getenv("SLSC_WRITE_GOLDEN"))
		assert_int_equal(fs_write_file(path, b->ptr, b->len, 0644, &f->err), 0);
	if (fs_read(path, 1 << 20, &want, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	assert_string_equal(b->ptr, want.ptr);
}

static void add_dep(struct fixture *f, const char *dir)
{
	struct dep_tree t = { .commit = "0123456789abcdef0123456789abcdef01234567", .dir = dir };

	VEC_PUSH(&f->deps, t);
}

static const char two[] = "project: t\n" TOOLCHAIN
	"dependencies:\n"
	"  z.lib: {git: 'file:///z', ref: v1, sources: ['*.c'], includes: [inc], defines: {Z: '1'}}\n"
	"functions:\n"
	"  one:\n"
	"    sources: ['src/*.c', src/x.o]\n"
	"    includes: ['in c']\n"
	"    defines: {A: '\"q $x\"', B: \"it's\"}\n"
	"    flags: ['-DX=a b']\n"
	"    libs: [m, lib/y.a]\n"
	"    ldflags: ['-Wl,-u,a$b']\n"
	"    dependencies: [z.lib]\n"
	"    runtime: none\n"
	"  two:\n"
	"    runtime: none\n"
	"    build: {command: 'make', inputs: ['src/*.c']}\n";

static void two_functions(struct fixture *f)
{
	static char dir[80];

	snprintf(dir, sizeof(dir), "%s/dep", f->dir);
	add_dep(f, dir);
	write_file(f, "src/a.c", "");
	write_file(f, "src/b c$d:e.c", "");
	write_file(f, "src/x.o", "");
	write_file(f, "in c/h.h", "");
	write_file(f, "lib/y.a", "");
	write_file(f, "dep/inc/z.h", "");
	write_file(f, "dep/z.c", "");
	if (plan(f, two, NULL) < 0)
		fail_msg("%s", f->err.msg);
}

static void test_ninja(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT;

	two_functions(f);
	graph_ninja(&f->g, &b);
	assert_golden(f, &b, "build.ninja");
}

static void test_command(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT, w = BUF_INIT;

	two_functions(f);
	graph_command(&f->g, &f->g.targets[1], &b);
	assert_golden(f, &b, "command.txt");
	graph_wrapper(&f->g, f->g.targets[1].tc, false, &w);
	assert_golden(f, &w, "slsc-cc.txt");
}

static void test_compdb_is_json(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT;
	json_error_t why;
	json_t *db;

	two_functions(f);
	graph_compdb(&f->g, &b);
	db = json_loads(b.ptr, 0, &why);
	if (!db)
		fail_msg("%s: %s", why.text, b.ptr);
	assert_int_equal(json_array_size(db), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *e = json_array_get(db, i);

		assert_string_equal(json_string_value(json_object_get(e, "directory")), f->dir);
		assert_string_equal(json_string_value(json_object_get(e, "file")), i ? "src/b c$d:e.c" : "src/a.c");
		assert_non_null(strstr(json_string_value(json_object_get(e, "command")),
				       "'-DA=\"q $x\"' '-DB=it'\\''s' '-Iin c'"));
	}
	json_decref(db);
}

/* Of a clang from before 17, which splits a map at its first '=': where a function's own command compiles. */
static void test_equals_sign_in_the_directory(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT;

	two_functions(f);
	f->g.toolchains[0]->clang = true;
	free(f->p.dir);
	f->p.dir = xstrdup("/a=b/c");
	graph_wrapper(&f->g, f->g.toolchains[0], false, &b);
	assert_null(strstr(b.ptr, "-ffile-prefix-map=/a=b"));
	assert_non_null(strstr(b.ptr, " -ffile-compilation-dir=. "));
	buf_reset(&b);
	f->g.toolchains[0]->clang = false;
	graph_wrapper(&f->g, f->g.toolchains[0], false, &b);
	assert_non_null(strstr(b.ptr, " -ffile-prefix-map=/a=b/c=. "));
}

/* No path of this machine is in a compile's arguments, unless slsc.yaml has put it there. */
static void test_nameless(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FREE char *link = path_join(f->dir, ".slsc/in/dep/z.lib");
	bool changed = false;
	struct err err;

	two_functions(f);
	graph_ninja(&f->g, &b);
	assert_null(strstr(b.ptr, f->dir));
	assert_null(strstr(b.ptr, f->g.share));
	f->g.toolchains[0]->clang = true;
	buf_reset(&b);
	graph_ninja(&f->g, &b);
	assert_null(strstr(b.ptr, f->dir));
	assert_null(strstr(b.ptr, "/proc/self/cwd"));
	assert_non_null(strstr(b.ptr, " -ffile-compilation-dir=. "));
	/* links are made, and follow what moves */
	assert_int_equal(graph_links(&f->g, &changed, &err), 0);
	assert_true(changed);
	assert_true(fs_is_dir(link));
	changed = false;
	assert_int_equal(graph_links(&f->g, &changed, &err), 0);
	assert_false(changed);
	unlink(link);
	assert_int_equal(symlink("/nonexistent", link), 0);
	assert_int_equal(graph_links(&f->g, &changed, &err), 0);
	assert_true(changed);
	assert_true(fs_is_dir(link));
}

/* One's flags are not another's, whatever they are called. */
static void test_names_do_not_clash(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf b = BUF_INIT;

	write_file(f, "a.c", "");
	assert_int_equal(plan(f, "project: t\n" TOOLCHAIN
			      "functions:\n"
			      "  runtime: {sources: [a.c], runtime: none, flags: [-DMINE]}\n"
			      "  flags: {sources: [a.c], handler: h}\n", NULL), 0);
	graph_ninja(&f->g, &b);
	assert_non_null(strstr(b.ptr, "\nf_runtime = -DMINE\n"));
	assert_non_null(strstr(b.ptr, "\nruntime_flags = -I"));
	assert_non_null(strstr(b.ptr, "\n  f = ${runtime_flags} -DSLSC_HANDLER_SYMBOL=h\n"));
}

static void test_inputs_that_go_are_seen(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf before = BUF_INIT, after = BUF_INIT;
	CLEAN_FREE char *gone = NULL;

	two_functions(f);
	graph_ninja(&f->g, &before);
	gone = path_join(f->dir, "src/a.c");
	assert_int_equal(unlink(gone), 0);
	assert_int_equal(plan(f, two, NULL), 0);
	graph_ninja(&f->g, &after);
	assert_string_not_equal(strstr(before.ptr, "  inputs = "), strstr(after.ptr, "  inputs = "));
}

static void refuses(struct fixture *f, const char *text, const char *profile, const char *msg)
{
	assert_int_equal(plan(f, text, profile), -1);
	assert_int_equal(f->err.code, ERR_CONFIG);
	assert_string_equal(f->err.msg, msg);
}

static void test_refuses_what_ninja_cannot_write(void **state)
{
	static const char all[] = "project: t\n" TOOLCHAIN "functions: {f: {sources: ['*.c'], runtime: none}}\n";
	struct fixture *f = *state;
	static const struct {
		const char *name, *msg;
	} names[] = {
		{ "a|b.c", "slsc.yaml:5:27: 'a|b.c': '|' cannot be in the name of a source" },
		{ "it's.c", "slsc.yaml:5:27: 'it's.c': ''' cannot be in the name of a source" },
		{ "a\nb.c", "slsc.yaml:5:27: 'a\nb.c': a control character cannot be in the name of a source" },
		{ "-a.c", "slsc.yaml:5:27: '-a.c': a '-' at its start cannot be in the name of a source" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_FREE char *path = path_join(f->dir, names[i].name);

		write_file(f, names[i].name, "");
		refuses(f, all, NULL, names[i].msg);
		assert_int_equal(unlink(path), 0);
	}
	write_file(f, "a.c", "");
	refuses(f, "project: t\n" TOOLCHAIN "functions: {f: {sources: [a.c], defines: {X: \"a\\nb\"}}}\n", NULL,
		"slsc.yaml:5:46: the value of macro 'X' holds a line break");
	refuses(f, "project: t\n" TOOLCHAIN "profiles: {lock: {extends: release}}\n"
		   "functions: {f: {sources: [a.c]}}\n", "lock",
		"slsc.yaml:5:12: a profile cannot be called 'lock': .slsc has that name for another thing");
}

static void test_sources_are_sorted_and_once(void **state)
{
	struct fixture *f = *state;

	write_file(f, "b.c", "");
	write_file(f, "a.c", "");
	assert_int_equal(plan(f, "project: t\n" TOOLCHAIN
			      "functions: {f: {sources: [b.c, '*.c', a.c], runtime: none}}\n", NULL), 0);
	assert_int_equal(f->g.targets[0].sources.len, 2);
	assert_string_equal(f->g.targets[0].sources.ptr[0], "a.c");
	assert_string_equal(f->g.targets[0].objects.ptr[1], ".slsc/release/x86_64/.obj/t/f/b.c.o");
	assert_string_equal(f->g.targets[0].full, ".slsc/link/x86_64/f");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ninja),
		TEST(test_command),
		TEST(test_compdb_is_json),
		TEST(test_equals_sign_in_the_directory),
		TEST(test_nameless),
		TEST(test_names_do_not_clash),
		TEST(test_inputs_that_go_are_seen),
		TEST(test_refuses_what_ninja_cannot_write),
		TEST(test_sources_are_sorted_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
