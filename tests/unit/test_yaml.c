/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/yaml.h"

static int parse(struct yaml_doc *d, const char *text, struct err *err)
{
	return yaml_parse(d, "f.yaml", text, strlen(text), err);
}

static void fails(const char *text, enum err_code code, const char *msg)
{
	struct err err = ERR_INIT;
	struct yaml_doc d;

	if (parse(&d, text, &err) == 0)
		fail_msg("accepted: %s", text);
	yaml_release(&d);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void test_tree(void **state)
{
	struct err err = ERR_INIT;
	struct yaml_doc d;
	const struct ynode *n;

	(void)state;
	assert_int_equal(parse(&d, "a: 1\nb:\n  - x\n  - 'y'\n\xc3\xbc: {k: \xc3\xa9, l: }\n", &err), 0);
	assert_int_equal(d.root->type, YNODE_MAP);
	assert_int_equal(d.root->len, 3);
	n = ynode_get(d.root, "b");
	assert_int_equal(n->type, YNODE_SEQ);
	assert_int_equal(n->line, 3);
	assert_int_equal(n->col, 3);
	assert_true(n->items[0]->plain);
	assert_false(n->items[1]->plain);
	assert_int_equal(n->items[1]->line, 4);
	assert_int_equal(n->items[1]->col, 5);
	n = ynode_get(ynode_get(d.root, "\xc3\xbc"), "l");
	assert_string_equal(n->scalar, "");
	/* columns are characters, not bytes */
	assert_int_equal(d.root->keys[2]->line, 5);
	assert_int_equal(ynode_get(d.root, "\xc3\xbc")->keys[1]->col, 11);
	assert_null(ynode_get(d.root, "c"));
	assert_null(ynode_get(n, "c"));
	assert_null(ynode_get(NULL, "c"));
	yaml_release(&d);
}

static void test_kinds(void **state)
{
	static const char *const want[][2] = {
		{ "x", "a string" }, { "'1'", "a string" }, { "1", "a number" },
		{ "-1.5e3", "a number" }, { "0x1f", "a number" }, { "0o17", "a number" },
		{ ".5", "a number" }, { ".inf", "a number" }, { "1.", "a number" },
		{ ".", "a string" }, { "1e", "a string" }, { "1_000", "a string" },
		{ "true", "a boolean" }, { "True", "a string" }, { "yes", "a string" },
		{ "~", "nothing" }, { "null", "nothing" }, { "[]", "a list" },
		{ "{}", "a mapping" }, { "+", "a string" }, { "0x", "a string" },
		{ "0o8", "a string" }, { "1.2.3", "a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct err err = ERR_INIT;
		struct yaml_doc d;

		if (parse(&d, want[i][0], &err))
			fail_msg("%s: %s", want[i][0], err.msg);
		if (strcmp(ynode_kind(d.root), want[i][1]) != 0)
			fail_msg("%s is %s, not %s", want[i][0], ynode_kind(d.root), want[i][1]);
		yaml_release(&d);
	}
}

static void test_empty(void **state)
{
	static const char *const empty[] = { "", "# comment\n", "\xef\xbb\xbf", "\n\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		struct err err = ERR_INIT;
		struct yaml_doc d;

		assert_int_equal(parse(&d, empty[i], &err), 0);
		assert_null(d.root);
		yaml_release(&d);
	}
}

static void test_aliases(void **state)
{
	struct err err = ERR_INIT;
	struct yaml_doc d;

	(void)state;
	assert_int_equal(parse(&d, "a: &x [1]\nb: *x\nc: &x 2\nd: *x\n", &err), 0);
	assert_ptr_equal(d.root->items[0], d.root->items[1]);
	assert_string_equal(d.root->items[3]->scalar, "2");
	yaml_release(&d);
	fails("a: &x {b: {c: *x}}\n", ERR_CONFIG, "f.yaml:1:15: alias 'x' contains itself: its anchor is at 1:4");
	fails("- *x\n", ERR_CONFIG, "f.yaml:1:3: alias 'x' has no anchor before it");
	fails("&x a: 1\n*x : 2\n", ERR_CONFIG, "f.yaml:1:1: duplicate key 'a', first at 1:1");
	fails("- &x [a]\n- {*x : 2}\n", ERR_CONFIG, "f.yaml:1:3: a list cannot be a key");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct yaml_doc d;

	(void)state;
	buf_addz(&b, "[");
	for (unsigned i = 0; i < YAML_MAX_NODES; i++)
		buf_addz(&b, "a,");
	buf_addz(&b, "]");
	fails(b.ptr, ERR_LIMIT, "f.yaml:1:200000: limit exceeded: more than 100000 nodes");
	buf_reset(&b);
	for (unsigned i = 0; i < YAML_MAX_DEPTH; i++)
		buf_addc(&b, '[');
	for (unsigned i = 0; i < YAML_MAX_DEPTH; i++)
		buf_addc(&b, ']');
	assert_int_equal(parse(&d, b.ptr, &err), 0);
	yaml_release(&d);
	/* the scanner itself has to survive depth that the tree refuses */
	buf_reset(&b);
	for (unsigned i = 0; i < 500000; i++)
		buf_addc(&b, '[');
	fails(b.ptr, ERR_LIMIT, "f.yaml:1:65: limit exceeded: nested more than 64 deep");
	buf_reset(&b);
	for (unsigned i = 0; i <= YAML_MAX_BYTES; i++)
		buf_addc(&b, ' ');
	fails(b.ptr, ERR_LIMIT, "f.yaml: limit exceeded: 1048577 bytes, the limit is 1 MB");
	/* many keys are compared in less than quadratic time */
	buf_reset(&b);
	for (unsigned i = 0; i < 49000; i++)
		buf_addf(&b, "k%u: 1\n", i);
	buf_addz(&b, "k48999: 2\n");
	fails(b.ptr, ERR_CONFIG, "f.yaml:49001:1: duplicate key 'k48999', first at 49000:1");
}

static void test_load(void **state)
{
	struct err err = ERR_INIT;
	struct yaml_doc d;

	(void)state;
	assert_int_equal(yaml_load(&d, "/nonexistent/f.yaml", "f.yaml", &err), -1);
	assert_string_equal(err.msg, "f.yaml: No such file or directory");
	assert_int_equal(err.code, ERR_IO);
	yaml_release(&d);
	assert_int_equal(yaml_load(&d, TEST_DATA "/config/good/full.yaml", "full.yaml", &err), 0);
	assert_string_equal(d.file, "full.yaml");
	assert_string_equal(ynode_get(d.root, "project")->scalar, "shop");
	yaml_release(&d);
}

static void test_messages(void **state)
{
	(void)state;
	/* no control character of a file reaches the terminal, and no name its full length */
	fails("\"a\\x1b[2J\": 1\n\"a\\x1b[2J\": 2\n", ERR_CONFIG,
	      "f.yaml:2:1: duplicate key 'a?[2J', first at 1:1");
	fails("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xbcxxxxx: 1\n"
	      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xbcxxxxx: 1\n",
	      ERR_CONFIG,
	      "f.yaml:2:1: duplicate key 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...', first at 1:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	cmocka_unit_test(test_kinds),  cmocka_unit_test(test_empty),
		cmocka_unit_test(test_aliases), cmocka_unit_test(test_limits), cmocka_unit_test(test_load),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
