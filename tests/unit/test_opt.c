/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/opt.h"

struct ctx {
	bool force, strip;
	const char *out, *level;
	unsigned jobs;
	struct strs arches, includes, tags;
};

static const char *const levels[] = { "fast", "default", "max", NULL };
static const char *const arches[] = { "x86_64", "arm64", NULL };
static const struct opt opts[] = {
	{ OPT_FLAG, 'f', "force", .offset = offsetof(struct ctx, force), .help = "overwrite" },
	{ OPT_NOFLAG, .long_name = "strip", .offset = offsetof(struct ctx, strip), .help = "keep symbols" },
	{ OPT_GROUP, .help = "output" },
	{ OPT_STR, 'o', "out", .offset = offsetof(struct ctx, out), .arg = "DIR", .help = "where to" },
	{ OPT_CHOICE, .long_name = "level", .offset = offsetof(struct ctx, level), .arg = "LEVEL",
	  .choices = levels, .help = "how hard to try" },
	{ OPT_UINT, 'j', "jobs", .offset = offsetof(struct ctx, jobs), .arg = "N", .help = "at once", .min = 1,
	  .max = 1024 },
	{ OPT_LIST, 'a', "arch", .offset = offsetof(struct ctx, arches), .arg = "ARCH", .choices = arches,
	  .help = "only these" },
	{ OPT_MULTI, 'I', "include", .offset = offsetof(struct ctx, includes), .arg = "FILE", .help = "also this" },
	{ OPT_LIST, .long_name = "tag", .offset = offsetof(struct ctx, tags), .arg = "TAG", .help = "names" },
	{ .type = OPT_END },
};

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	(void)ctx;
	(void)g;
	(void)argc;
	(void)argv;
	(void)err;
	return 0;
}

static struct cmd cmd = {
	.name = "build",
	.args = "[FUNCTION...]",
	.summary = "Build",
	.opts = opts,
	.ctx_size = sizeof(struct ctx),
	.flags = CMD_JSON | CMD_DRY_RUN,
	.run = run,
};

static struct ctx ctx;
static struct globals globals;
static struct err err;
static int npos;
static char **pos;

static void clear(void)
{
	strs_release(&ctx.arches);
	strs_release(&ctx.includes);
	strs_release(&ctx.tags);
	ctx = (struct ctx){ 0 };
	globals = (struct globals){ 0 };
	err = (struct err)ERR_INIT;
}

/* The arguments after "build", up to NULL. */
static int parse_(char **argv)
{
	clear();
	npos = 0;
	while (argv[npos])
		npos++;
	pos = argv;
	return opt_parse(&cmd, "slsc build", &ctx, &globals, &npos, &pos, &err);
}
#define PARSE(...) parse_((char *[]){ "build", __VA_ARGS__, NULL })

#define ASSERT_POS(i, s) assert_string_equal(pos[i], s)
static void fails(int r, const char *msg, const char *hint)
{
	assert_int_equal(r, -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, ERR_USAGE);
}

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--out=a", "-fj", "4", "-Ix"), 0);
	assert_string_equal(ctx.out, "a");
	assert_true(ctx.force);
	assert_int_equal(ctx.jobs, 4);
	assert_string_equal(ctx.includes.ptr[0], "x");
	assert_int_equal(npos, 0);
	assert_null(pos[0]);

	assert_int_equal(PARSE("--out", "b", "-j8", "--level", "max"), 0);
	assert_string_equal(ctx.out, "b");
	assert_int_equal(ctx.jobs, 8);
	assert_string_equal(ctx.level, "max");
	assert_int_equal(npos, 0);

	assert_int_equal(PARSE("--out", "--force"), 0);
	assert_string_equal(ctx.out, "--force");
	assert_false(ctx.force);

	assert_int_equal(PARSE("--out=", "--out=last"), 0);
	assert_string_equal(ctx.out, "last");
}

static void test_positionals(void **state)
{
	(void)state;
	assert_int_equal(PARSE("one", "-f", "two", "--out", "d", "three"), 0);
	assert_int_equal(npos, 3);
	ASSERT_POS(0, "one");
	ASSERT_POS(1, "two");
	ASSERT_POS(2, "three");
	assert_null(pos[3]);
	assert_true(ctx.force);

	assert_int_equal(PARSE("one", "--", "-f", "--bogus", "--"), 0);
	assert_int_equal(npos, 4);
	ASSERT_POS(1, "-f");
	ASSERT_POS(2, "--bogus");
	ASSERT_POS(3, "--");
	assert_false(ctx.force);

	/* "-" is a file, and the environment changes nothing */
	setenv("POSIXLY_CORRECT", "1", 1);
	assert_int_equal(PARSE("-", "-f"), 0);
	unsetenv("POSIXLY_CORRECT");
	assert_int_equal(npos, 1);
	ASSERT_POS(0, "-");
	assert_true(ctx.force);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(PARSE("x"), 0);
	assert_true(ctx.strip);
	assert_int_equal(PARSE("--no-strip"), 0);
	assert_false(ctx.strip);
	assert_int_equal(PARSE("-vv", "-q", "-v", "-C", "dir", "--json", "-n", "--color=never"), 0);
	assert_int_equal(globals.verbose, 3);
	assert_true(globals.quiet && globals.json && globals.dry_run);
	assert_string_equal(globals.dir, "dir");
	assert_string_equal(globals.color, "never");
	fails(PARSE("--strip"), "unknown option '--strip'", "'slsc build --help' lists the options");
	fails(PARSE("--force=yes"), "--force takes no value", "");
	fails(PARSE("--explain"), "unknown option '--explain'", "'slsc build --help' lists the options");
}

static void test_unknown(void **state)
{
	(void)state;
	fails(PARSE("--arhc=x"), "unknown option '--arhc'", "did you mean '--arch'?");
	fails(PARSE("--no-stirp"), "unknown option '--no-stirp'", "did you mean '--no-strip'?");
	fails(PARSE("-fz"), "unknown option '-z'", "'slsc build --help' lists the options");
	fails(PARSE("-\xc3\xa9"), "unknown option '-\\xc3'", "'slsc build --help' lists the options");
	/* getopt_long would take each of these beginnings */
	fails(PARSE("--forc"), "unknown option '--forc'", "did you mean '--force'?");
	fails(PARSE("--lev=max"), "unknown option '--lev'", "did you mean '--level'?");
	fails(PARSE("--lev", "max"), "unknown option '--lev'", "did you mean '--level'?");
	fails(PARSE("--lev"), "unknown option '--lev'", "did you mean '--level'?");
	fails(PARSE("--forc=1"), "unknown option '--forc'", "did you mean '--force'?");
	fails(PARSE("--qqqqqqqq"), "unknown option '--qqqqqqqq'", "'slsc build --help' lists the options");
	fails(PARSE("--="), "unknown option '--'", "'slsc build --help' lists the options");
}

static void test_values(void **state)
{
	(void)state;
	fails(PARSE("--level=fas"), "--level: 'fas' is not one of fast, default, max", "did you mean 'fast'?");
	fails(PARSE("--level", "9"), "--level: '9' is not one of fast, default, max", "");
	fails(PARSE("--out"), "--out needs a value", "write --out=DIR");
	fails(PARSE("-o"), "--out needs a value", "write --out=DIR");
	fails(PARSE("-j0"), "--jobs: 0 is not between 1 and 1024", "");
	fails(PARSE("-j", "1025"), "--jobs: 1025 is not between 1 and 1024", "");
	fails(PARSE("-j-1"), "--jobs: '-1' is not a whole number", "");
	fails(PARSE("-j4x"), "--jobs: '4x' is not a whole number", "");
	fails(PARSE("-j", ""), "--jobs: '' is not a whole number", "");
	fails(PARSE("-j99999999999999999999999"), "--jobs: '99999999999999999999999' is not a whole number", "");
	fails(PARSE("--color=Always"), "--color: 'Always' is not one of auto, always, never", "did you mean 'always'?");
}

static void test_lists(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-a", "arm64,x86_64", "--arch=arm64", "-I", "a,b", "-I", "c", "--tag=v1"), 0);
	assert_int_equal(ctx.arches.len, 3);
	assert_string_equal(ctx.arches.ptr[0], "arm64");
	assert_string_equal(ctx.arches.ptr[1], "x86_64");
	assert_string_equal(ctx.arches.ptr[2], "arm64");
	assert_int_equal(ctx.includes.len, 2);
	assert_string_equal(ctx.includes.ptr[0], "a,b");
	assert_int_equal(ctx.tags.len, 1);
	fails(PARSE("-a", "arm64,arm46"), "--arch: 'arm46' is not one of x86_64, arm64", "did you mean 'arm64'?");
	fails(PARSE("--tag=a,,b"), "--tag: empty item in 'a,,b'", "");
	fails(PARSE("--tag=a,"), "--tag: empty item in 'a,'", "");
	fails(PARSE("--tag="), "--tag: empty item in ''", "");
}

static void test_help_stops(void **state)
{
	(void)state;
	assert_int_equal(PARSE("x", "-h", "--bogus"), 0);
	assert_true(globals.help);
	fails(PARSE("--bogus", "-h"), "unknown option '--bogus'", "'slsc build --help' lists the options");
}

static void test_counts(void **state)
{
	(void)state;
	cmd.args = "";
	assert_int_equal(PARSE("-f"), 0);
	fails(PARSE("x"), "slsc build: unexpected argument 'x'", "'slsc build --help' shows what it takes");
	cmd.args = NULL;
	fails(PARSE("x"), "slsc build: unexpected argument 'x'", "'slsc build --help' shows what it takes");
	cmd.args = "SRC [DIR]";
	fails(PARSE("-f"), "slsc build: missing argument SRC", "usage: slsc build SRC [DIR]");
	assert_int_equal(PARSE("a"), 0);
	assert_int_equal(PARSE("a", "b"), 0);
	fails(PARSE("a", "b", "c"), "slsc build: unexpected argument 'c'", "'slsc build --help' shows what it takes");
	cmd.args = "SRC FILE...";
	fails(PARSE("a"), "slsc build: missing argument FILE...", "usage: slsc build SRC FILE...");
	assert_int_equal(PARSE("a", "b", "c", "d"), 0);
	cmd.args = "[FUNCTION...]";
}

static void test_before_a_command(void **state)
{
	struct cmd top = { .name = "slsc", .flags = CMD_JSON | CMD_EXPLAIN | CMD_DRY_RUN };
	char *argv[] = { "slsc", "-v", "--json", "-C", "d", "build", "-f", "x", NULL };
	char **rest = argv;
	int n = 8;

	(void)state;
	clear();
	assert_int_equal(opt_parse(&top, "slsc", NULL, &globals, &n, &rest, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(rest[0], "build");
	assert_string_equal(rest[1], "-f");
	assert_int_equal(globals.verbose, 1);
	assert_int_equal(opt_flags_check(&cmd, "slsc build", &globals, &err), 0);
	globals.explain = true;
	fails(opt_flags_check(&cmd, "slsc build", &globals, &err), "slsc build takes no --explain",
	      "'slsc build --help' lists the options");

	argv[1] = NULL;
	n = 1;
	rest = argv;
	assert_int_equal(opt_parse(&top, "slsc", NULL, &globals, &n, &rest, &err), 0);
	assert_int_equal(n, 0);
}

static void test_no_argv(void **state)
{
	char *argv[] = { NULL };
	char **rest = argv;
	struct cmd top = { .name = "slsc" };
	int n = 0;

	(void)state;
	clear();
	assert_int_equal(opt_parse(&top, "slsc", NULL, &globals, &n, &rest, &err), 0);
	assert_int_equal(n, 0);
}

static int teardown(void **state)
{
	(void)state;
	clear();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	  cmocka_unit_test(test_positionals),
		cmocka_unit_test(test_flags),	  cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_values),	  cmocka_unit_test(test_lists),
		cmocka_unit_test(test_help_stops), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_before_a_command), cmocka_unit_test(test_no_argv),
	};

	opt_bug_check(&cmd);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
