/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to YAML as text: all that is not changed keeps its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/edit.h"

#define MEMORY                                                                                                         \
	{                                                                                                              \
		{ "functions", "f", "memory" }, 3, "256 MB"                                                            \
	}
#define WORKERS                                                                                                        \
	{                                                                                                              \
		{ "functions", "f", "env", "W" }, 4, "4"                                                               \
	}
#define PROFILE                                                                                                        \
	{                                                                                                              \
		{ "profile" }, 1, "fast"                                                                               \
	}

static void edits(const char *before, struct yaml_change c, const char *after)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	size_t changed = 7;

	buf_addz(&text, before);
	if (yaml_edit(&text, "slsc.yaml", &c, 1, &changed, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text.ptr, after);
	assert_int_equal(changed, strcmp(before, after) != 0);
	/* once more changes nothing */
	if (yaml_edit(&text, "slsc.yaml", &c, 1, &changed, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text.ptr, after);
	assert_int_equal(changed, 0);
}

static void test_replace(void **state)
{
	static const struct yaml_change m = MEMORY, w = WORKERS;

	(void)state;
	edits("# top\nfunctions:\n  f:   # the one\n    memory:  128 MB   # for now\n    x: 1\n", m,
	      "# top\nfunctions:\n  f:   # the one\n    memory:  256 MB   # for now\n    x: 1\n");
	edits("functions: {f: {memory: 128 MB, x: 1}, g: {memory: 128 MB}} # both\n", m,
	      "functions: {f: {memory: 256 MB, x: 1}, g: {memory: 128 MB}} # both\n");
	/* quotes stay; characters are not bytes; a CR is not of the value */
	edits("functions:\r\n  f: {ü: \"äöü\", memory: \"128 MB\"}\r\n", m,
	      "functions:\r\n  f: {ü: \"äöü\", memory: \"256 MB\"}\r\n");
	edits("functions:\n  f: {memory: '128 MB'}", m, "functions:\n  f: {memory: '256 MB'}");
	edits("\xef\xbb\xbf"
	      "functions: {f: {memory: 1}}\n",
	      m,
	      "\xef\xbb\xbf"
	      "functions: {f: {memory: 256 MB}}\n");
	edits("functions:\n  f:\n    env:\n      W: |\n        1\n        2\n    # last\n    x: 1\n", w,
	      "functions:\n  f:\n    env:\n      W: 4\n    # last\n    x: 1\n");
	edits("functions:\n  f:\n    env:\n      W: a\n        b\n      X: 1\n", w,
	      "functions:\n  f:\n    env:\n      W: 4\n      X: 1\n");
	edits("functions:\n  f:\n    env:\n      W: \"\" # none\n", w,
	      "functions:\n  f:\n    env:\n      W: \"4\" # none\n");
	edits("functions:\n  f:\n    env:\n      W:\n      X: 1\n", w,
	      "functions:\n  f:\n    env:\n      W: 4\n      X: 1\n");
}

static void test_insert(void **state)
{
	static const struct yaml_change m = MEMORY, w = WORKERS, p = PROFILE;

	(void)state;
	/* behind the last key, and the comment of its line; the next function's comment stays with it */
	edits("functions:\n  f:\n    sources: [a.c] # all\n\n  # the other\n  g:\n    memory: 1 GB\n", m,
	      "functions:\n  f:\n    sources: [a.c] # all\n    memory: 256 MB\n\n  # the other\n  g:\n"
	      "    memory: 1 GB\n");
	edits("functions:\n  f:\n    sources:\n    - a.c\n    - b.c\n", m,
	      "functions:\n  f:\n    sources:\n    - a.c\n    - b.c\n    memory: 256 MB\n");
	/* no newline at the end, then none is added behind */
	edits("functions:\n  f:\n    sources: [a.c]", m, "functions:\n  f:\n    sources: [a.c]\n    memory: 256 MB");
	edits("functions:\r\n  f:\r\n    x: 1\r\n", m, "functions:\r\n  f:\r\n    x: 1\r\n    memory: 256 MB\r\n");
	edits("functions: {f: {sources: [a.c]}}\n", m, "functions: {f: {sources: [a.c], memory: 256 MB}}\n");
	edits("functions:\n  f: {} # soon\n", m, "functions:\n  f: {memory: 256 MB} # soon\n");
	edits("functions:\n  f: {\n    x: 1, # one\n  }\n", m,
	      "functions:\n  f: {\n    x: 1, memory: 256 MB, # one\n  }\n");
	/* below what is missing, too */
	edits("functions:\n  f:\n    x: 1\n", w, "functions:\n  f:\n    x: 1\n    env: {W: 4}\n");
	edits("functions:\n  f:\n    env:\n      A: b\n    x: 1\n", w,
	      "functions:\n  f:\n    env:\n      A: b\n      W: 4\n    x: 1\n");
	edits("functions:\n  f: {x: 1}\n", w, "functions:\n  f: {x: 1, env: {W: 4}}\n");
	edits("functions:\n  f:\n    s: |\n      text\n\n  g: {}\n", m,
	      "functions:\n  f:\n    s: |\n      text\n\n    memory: 256 MB\n  g: {}\n");
	/* of the file itself: behind its first key */
	edits("# a project\nproject: x # of mine\nfunctions: {}\n", p,
	      "# a project\nproject: x # of mine\nprofile: fast\nfunctions: {}\n");
}

static void test_values(void **state)
{
	static const struct {
		const char *value, *text;
	} v[] = {
		{ "", "\"\"" }, { "a b", "a b" }, { "null", "\"null\"" },
		{ "yes", "\"yes\"" }, { "true", "\"true\"" }, { "1.5", "1.5" },
		{ "a: b", "\"a: b\"" }, { "a #b", "\"a #b\"" }, { "a,b", "\"a,b\"" },
		{ "[x]", "\"[x]\"" }, { "-x", "\"-x\"" }, { "a\"b\n", "\"a\\\"b\\n\"" },
		{ "50 %", "50 %" }, { "ü", "\"ü\"" }, { "a ", "\"a \"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		CLEAN_FREE char *after = xasprintf("functions: {f: {env: {W: %s}}}\n", v[i].text);

		edits("functions: {f: {env: {W: 7}}}\n",
		      (struct yaml_change){ { "functions", "f", "env", "W" }, 4, v[i].value }, after);
	}
}

static void test_refused(void **state)
{
	static const struct yaml_change m = MEMORY, w = WORKERS;
	static const struct {
		const char *text;
		const struct yaml_change *c;
		const char *msg;
	} cases[] = {
		{ "a: &m 128 MB\nfunctions:\n  f:\n    memory: *m\n", &m,
		  "slsc.yaml: 'memory' cannot be changed by itself" },
		{ "functions:\n  f: &f\n    memory: 1\n  g: *f\n", &m,
		  "slsc.yaml: 'memory' cannot be changed by itself" },
		{ "functions:\n  f: &f\n    x: 1\n  g: *f\n", &m, "slsc.yaml: 'memory' cannot be changed by itself" },
		{ "functions:\n  f:\n    memory: [1]\n", &m, "slsc.yaml:3:13: 'memory' cannot be put here" },
		{ "functions:\n  f:\n    env: 7\n", &w, "slsc.yaml:3:10: 'W' cannot be put here" },
		{ "", &m, "slsc.yaml:1:1: 'memory' cannot be put here" },
		{ "\rfunctions: {}", &m, "slsc.yaml: lines end neither with LF nor with CR LF" },
		{ "a: \xe2\x80\xa8", &m, "slsc.yaml: lines end neither with LF nor with CR LF" },
		{ "a: [", &m, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct yaml_change two[] = { { { "functions", "f", "z" }, 3, "1" }, *cases[i].c };
		CLEAN_BUF struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		size_t changed;

		buf_addz(&text, cases[i].text);
		assert_int_equal(yaml_edit(&text, "slsc.yaml", &two[1], 1, &changed, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		if (cases[i].msg)
			assert_string_equal(err.msg, cases[i].msg);
		/* all or nothing */
		assert_int_equal(yaml_edit(&text, "slsc.yaml", two, 2, &changed, &err), -1);
		assert_string_equal(text.ptr, cases[i].text);
	}
}

static void test_several(void **state)
{
	static const struct yaml_change c[] = { MEMORY,
						WORKERS,
						PROFILE,
						{ { "functions", "g", "cpu" }, 3, "50 %" },
						{ { "functions", "f", "env", "Z" }, 4, "a b" } };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	size_t changed;

	(void)state;
	buf_addz(&text, "project: x\nprofile: small   # why\nfunctions:\n  # first\n  f:\n    sources: [f.c]\n"
			"    env: {W: 1} # one\n  # second\n  g:\n    sources: [g.c]\n# end\n");
	if (yaml_edit(&text, "slsc.yaml", c, ARRAY_LEN(c), &changed, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(changed, 5);
	assert_string_equal(text.ptr,
			    "project: x\nprofile: fast   # why\nfunctions:\n  # first\n  f:\n    sources: [f.c]\n"
			    "    env: {W: 4, Z: a b} # one\n    memory: 256 MB\n  # second\n  g:\n"
			    "    sources: [g.c]\n    cpu: 50 %\n# end\n");
	if (yaml_edit(&text, "slsc.yaml", c, ARRAY_LEN(c), &changed, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(changed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace), cmocka_unit_test(test_insert),	cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
