/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/help.h"

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	(void)ctx;
	(void)g;
	(void)argc;
	(void)argv;
	(void)err;
	return 0;
}

static const char *const levels[] = { "fast", "max", NULL };
static const char *const formats[] = { "one-long-name", "another-long-name", NULL };
static const struct opt opts[] = {
	{ OPT_LIST, 'a', "arch", .arg = "ARCH", .complete = COMPLETE_ARCH, .help = "only for these" },
	{ OPT_CHOICE, .long_name = "level", .arg = "LEVEL", .choices = levels, .help = "how hard to try" },
	{ OPT_GROUP, .help = "what comes out" },
	{ OPT_CHOICE, .long_name = "format", .arg = "FORMAT", .choices = formats,
	  .help = "first line of the text\nsecond line, it's [here]: done" },
	{ OPT_NOFLAG, .long_name = "strip", .help = "keep the symbols" },
	{ OPT_STR, .long_name = "a-very-long-option-name", .arg = "A-LONG-VALUE", .complete = COMPLETE_FILE,
	  .help = "text that starts on the next line and is so long that it is filled" },
	{ .type = OPT_END },
};
static const struct cmd build = {
	.name = "build",
	.args = "[FUNCTION...]",
	.summary = "Build functions",
	.description = "The first paragraph is long enough that it has to be filled at the\nwidth of the terminal.\n\n"
		       "  verbatim  here\n\nThe last one.",
	.examples = "$ slsc build\n.dot 'n' back\\slash",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.flags = CMD_JSON,
	.run = run,
};
static const struct cmd subs[] = {
	{ .name = "check", .summary = "Check it", .args = "", .run = run },
	{ .name = "show", .summary = "Show it", .args = "", .run = run, .flags = CMD_JSON },
	{ .name = NULL },
};
static const struct cmd config = { .name = "config", .args = "check|show", .summary = "Look into slsc.yaml",
				   .subs = subs };
static const struct cmd hidden = { .name = "_complete", .summary = "secret", .flags = CMD_HIDDEN, .run = run };
static const struct cmd root = {
	.name = "slsc",
	.args = "COMMAND [ARGUMENT...]",
	.summary = "C functions into artifacts",
	.description = "What it is.",
	.examples = "$ slsc build   makes them\n",
	.flags = CMD_JSON,
};
static const struct cmd_entry entries[] = {
	{ "make", &build }, { "look", &config }, { "internal", &hidden }, { NULL, NULL },
};
static const struct cli cli = { &root, entries };

static void test_cmd(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	help_cmd(&b, &build, "slsc build", 60);
	assert_string_equal(b.ptr, "usage: slsc build [OPTION...] [FUNCTION...]\n"
				   "\n"
				   "Build functions\n"
				   "\n"
				   "The first paragraph is long enough that it has to be filled\n"
				   "at the width of the terminal.\n"
				   "\n"
				   "  verbatim  here\n"
				   "\n"
				   "The last one.\n"
				   "\n"
				   "options:\n"
				   "  -a, --arch=ARCH,...            only for these\n"
				   "      --level=fast|max           how hard to try\n"
				   "\n"
				   "what comes out:\n"
				   "      --format=FORMAT            first line of the text\n"
				   "                                 second line, it's [here]:\n"
				   "                                 done\n"
				   "      --no-strip                 keep the symbols\n"
				   "      --a-very-long-option-name=A-LONG-VALUE\n"
				   "                                 text that starts on the\n"
				   "                                 next line and is so long\n"
				   "                                 that it is filled\n"
				   "\n"
				   "everywhere:\n"
				   "      --json                     print results, and an\n"
				   "                                 error, as JSON\n"
				   "  -C, --directory=DIR            run as if started in DIR\n"
				   "  -v, --verbose                  say more; twice for even\n"
				   "                                 more\n"
				   "  -q, --quiet                    only results, warnings and\n"
				   "                                 errors\n"
				   "      --color=auto|always|never  colour in messages\n"
				   "      --progress=auto|always|never\n"
				   "                                 progress of long work\n"
				   "  -h, --help                     show this help\n"
				   "\n"
				   "examples:\n"
				   "  $ slsc build\n"
				   "  .dot 'n' back\\slash\n");
}

static void test_widths(void **state)
{
	(void)state;
	for (int width = -1; width < 200; width += 7) {
		CLEAN_BUF struct buf b = BUF_INIT;
		size_t limit = width < 40 ? 40 : width > 100 ? 100 : (size_t)width;
		struct str rest;

		help_cmd(&b, &build, "slsc build", width);
		rest = buf_str(&b);
		while (rest.len) {
			struct str line = rest;

			rest = str_cut(&line, '\n');
			/* a usage line and a label are never broken */
			assert_true(line.len <= limit || str_starts(line, "usage") ||
				    (str_starts(line, "      --") && !memmem(line.ptr + 8, line.len - 8, " ", 1)));
			assert_false(str_ends(line, " "));
		}
	}
}

static void test_root_and_subs(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	help_root(&b, &cli, 80);
	assert_string_equal(b.ptr, "usage: slsc [OPTION...] COMMAND [ARGUMENT...]\n"
				   "\n"
				   "What it is.\n"
				   "\n"
				   "the main job:\n"
				   "  $ slsc build   makes them\n"
				   "\n"
				   "make:\n"
				   "  build   Build functions\n"
				   "\n"
				   "look:\n"
				   "  config  Look into slsc.yaml\n"
				   "\n"
				   "'slsc COMMAND --help' says more about one of them.\n");
	buf_reset(&b);
	help_cmd(&b, &config, "slsc config", 80);
	assert_non_null(strstr(b.ptr, "usage: slsc config [OPTION...] check|show\n\nLook into slsc.yaml\n\ncommands:\n"
				      "  check  Check it\n  show   Show it\n"));
}

static void test_unknown(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(cli_unknown(&cli, "biuld", &err), -1);
	assert_string_equal(err.msg, "unknown command 'biuld'");
	assert_string_equal(err.hint, "did you mean 'build'?");
	assert_int_equal(cli_unknown(&cli, "_complet", &err), -1);
	assert_string_equal(err.hint, "'slsc --help' lists the commands");
	assert_int_equal(cmd_unknown_sub(&config, "slsc config", "chekc", &err), -1);
	assert_string_equal(err.msg, "slsc config: 'chekc' is not one of check, show");
	assert_string_equal(err.hint, "did you mean 'check'?");
	assert_int_equal(cmd_unknown_sub(&config, "slsc config", NULL, &err), -1);
	assert_string_equal(err.msg, "slsc config: say which: check, show");
	assert_int_equal(err.code, ERR_USAGE);
	assert_ptr_equal(cli_find(&cli, "_complete"), &hidden);
	assert_null(cli_find(&cli, "nothing"));
}

static void test_man(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	man_cmd(&b, &build);
	assert_non_null(strstr(b.ptr, ".TH SLSC\\-BUILD 1 \"\" \"slsc " SLSC_VERSION "\" \"slsc manual\"\n"
				      ".SH NAME\nslsc\\-build \\- Build functions\n"));
	assert_non_null(strstr(b.ptr, "has to be filled at the\nwidth of the terminal.\n.PP\n.EX\n  verbatim  here\n"
				      ".EE\n.PP\nThe last one.\n"));
	assert_non_null(strstr(b.ptr, ".TP\n\\fB\\-a\\fR, \\fB\\-\\-arch\\fR=\\fIARCH,...\\fR\nonly for these\n"));
	assert_non_null(strstr(b.ptr, ".SS what comes out\n"));
	assert_non_null(strstr(b.ptr, "first line of the text\n.br\nsecond line, it\\(aqs [here]: done\n"));
	assert_non_null(strstr(b.ptr, ".EX\n$ slsc build\n\\&.dot \\(aqn\\(aq back\\eslash\n.EE\n"));
	buf_reset(&b);
	man_cmd(&b, &config);
	assert_non_null(strstr(b.ptr, ".SH COMMANDS\n.SS slsc config check\n.B slsc config check\n"));
	assert_non_null(strstr(b.ptr, "\\-\\-json"));
	buf_reset(&b);
	man_root(&b, &cli);
	assert_non_null(strstr(b.ptr, ".TP\n.BR slsc\\-build (1)\nBuild functions.\n"));
	assert_null(strstr(b.ptr, "_complete"));
}

static void test_completions(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	complete_bash(&b, &cli);
	assert_non_null(strstr(b.ptr, "-a|--arch) _slsc_list; _slsc_names arches; return ;;\n"));
	assert_non_null(strstr(b.ptr, "--level) _slsc_words fast max; return ;;\n"));
	assert_non_null(strstr(b.ptr, "--a-very-long-option-name) _slsc_files -f; return ;;\n"));
	assert_non_null(strstr(b.ptr, "\t'config show')\n"));
	assert_null(strstr(b.ptr, "secret"));
	buf_reset(&b);
	complete_zsh(&b, &cli);
	assert_non_null(strstr(b.ptr, "'*--arch=[only for these]:ARCH:_sequence _slsc_name_arches' \\\n"));
	assert_non_null(strstr(b.ptr, "'--format=[first line of the text]:FORMAT:(one-long-name another-long-name)'"));
	assert_null(strstr(b.ptr, "secret"));
	buf_reset(&b);
	complete_fish(&b, &cli);
	assert_non_null(strstr(b.ptr, "complete -c slsc -n '__slsc_in build' -s a -l arch -x "
				      "-a '(__fish_append , (__slsc_names arches))' -d 'only for these'\n"));
	assert_non_null(strstr(b.ptr, "complete -c slsc -n '__slsc_is config' -a check -d 'Check it'\n"));
	assert_null(strstr(b.ptr, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmd),  cmocka_unit_test(test_widths),
		cmocka_unit_test(test_root_and_subs), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_man),  cmocka_unit_test(test_completions),
	};

	opt_bug_check(&build);
	opt_bug_check(&config);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
