/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys: its patterns against its checks, its schema as JSON, and docs/CONFIG.md in step with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "config/internal.h"
#include "os/fs.h"

static const char *const samples[] = {
	"a", "A", "0", "9z", "_a", "-a", "a-b", "a.b", "a_b", "a b", "a/b", "/a", "/", "a:b", "hello-1", "Hello",
	"\xc3\xbc", "a\xc3\xbc", "root", "nonroot", "roots", "0:0", "65532", "65532:", ":1", "1:2:3", "12345678901",
	"1:x",
	"123456789012345678901234567890123456789012345678901234567890123", "x y",
	"1234567890123456789012345678901234567890123456789012345678901234",
	"12345678901234567890123456789012345678901234567890123456789012345", "a$", "$a", "a=b", "A1", "1A",
	"static", "scratch", "scratchy", "oci:a", "a.b/c", "cc-debian12", "oci:a b",
	"ccache", "ccaches", "none", "redis://a", "redis://", "redis://p@a", "redis://a b",
	"arn:aws:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/a/b", "arn:aws:iam::12345678901:role/a",
	"arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:user/a", "arn:aws:iam::123456789012:role/a b",
	"live", "12", "1a", "v-1_x", "a.b", "my-bucket", "my.bucket/a/b", "my-bucket/", "my-bucket//a", "my-/a",
	"-my", "ab",
	"http://a:1/b|read-only", "http://a|bearer-token=x", "file:/a", "file:a", "grpc://a:1", "ftp://a",
};

static bool matches(const char *pattern, const char *s)
{
	regex_t re;
	bool r;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	r = regexec(&re, s, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}

static void test_checks(void **state)
{
	static const struct {
		const struct check *check;
		bool exact;	/* else the pattern is the part of it that a pattern can say */
	} all[] = {
		{ &check_function_name, true }, { &check_name, true },	  { &check_c_name, true },
		{ &check_env_name, true },	{ &check_label, true },	  { &check_user, true },
		{ &check_absolute, true },	{ &check_debian, true },  { &check_inside, false },
		{ &check_in_tree, false },	{ &check_to, false },	  { &check_git, false },
		{ &check_base, true },		{ &check_launcher, true }, { &check_remote, false },
		{ &check_role, true },		{ &check_alias, true },	  { &check_bucket, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t j = 0; j < ARRAY_LEN(samples); j++) {
			bool pattern = matches(all[i].check->pattern, samples[j]);
			bool code = all[i].check->ok(samples[j]);

			if (all[i].exact ? pattern != code : code && !pattern)
				fail_msg("'%s' as %s: pattern %d, code %d", samples[j], all[i].check->what, pattern,
					 code);
		}
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		bool inside, to;
	} all[] = {
		{ "a", 1, 1 }, { "a/b", 1, 1 }, { ".", 1, 1 }, { "./a", 1, 1 },
		{ "..", 0, 0 }, { "../a", 0, 0 }, { "a/..", 1, 0 }, { "a/../..", 0, 0 },
		{ "a/../b", 1, 0 }, { "/a", 0, 0 }, { "**/..", 0, 0 }, { "*/..", 1, 0 },
		{ "a//b", 1, 1 }, { "a/./../..", 0, 0 }, { "..a", 1, 1 }, { "a..", 1, 1 },
		{ "a/", 1, 1 }, { "...", 1, 1 }, { "**/a/../..", 0, 0 }, { "a/../../a", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (check_inside.ok(all[i].path) != all[i].inside || check_to.ok(all[i].path) != all[i].to)
			fail_msg("%s", all[i].path);
	}
}

static void test_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "3", 3000000 },     { "3 s", 3000000 },   { "0.25", 250000 },	 { "12 ms", 12000 },
		{ "12ms", 12000 },    { "500 us", 500 },    { "1.5 ms", 1500 },	 { "2 min", 120000000 },
		{ "1 h", 3600000000 }, { "1.000001 s", 1000001 }, { "7 \xc2\xb5s", 7 }, { "0", 0 },
	};
	static const char *const bad[] = { "", " 3 s", "3 S", "3 sec", "s", "-1", "1.", ".5", "1.0000001 s", "1e3",
					   "3 s ", "1.2.3", "99999999999999999999", "9999999999999 h" };
	static const struct {
		const char *text;
		mode_t mode;
	} modes[] = { { "0644", 0644 }, { "0o755", 0755 }, { "04755", 04755 }, { "07", 07 } };
	static const char *const bad_modes[] = { "", "0", "644", "755", "0o", "08", "0o8", "077777", "0x1", "0o 7",
						 "+0644" };
	uint64_t v;
	mode_t m;
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (duration_parse(good[i].text, &v))
			fail_msg("%s is refused", good[i].text);
		if (v != good[i].us)
			fail_msg("%s is %llu", good[i].text, (unsigned long long)v);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (duration_parse(bad[i], &v) == 0)
			fail_msg("'%s' is taken", bad[i]);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(parse_mode(modes[i].text, &m), 0);
		assert_int_equal(m, modes[i].mode);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_modes); i++)
		if (parse_mode(bad_modes[i], &m) == 0)
			fail_msg("mode '%s' is taken", bad_modes[i]);
	assert_int_equal(parse_permille("99.5 %", &v), 0);
	assert_int_equal(v, 995);
	assert_int_equal(parse_permille("5%", &v), 0);
	assert_int_equal(v, 50);
	assert_int_equal(parse_permille("99.55 %", &v), -1);
	assert_int_equal(parse_permille("95", &v), -1);
	assert_string_equal(format_us(1500, buf), "1500 us");
	assert_string_equal(format_us(3000000, buf), "3 s");
	assert_string_equal(format_size(128u << 20, buf), "128 MB");
	assert_string_equal(format_size(1025, buf), "1025");
	assert_string_equal(format_permille(995, buf), "99.5 %");
}

static void test_schema_is_json(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	json_error_t error;
	json_t *root;

	(void)state;
	schema_json(&b);
	root = json_loads(b.ptr, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s at %d", error.text, error.position);
	assert_string_equal(json_string_value(json_object_get(root, "$schema")),
			    "http://json-schema.org/draft-07/schema#");
	json_decref(root);
}

static const char *type_text(const struct key *k, struct buf *out)
{
	const struct key choice = { .type = KEY_CHOICE, .choices = k->choices };
	char buf[256];

	switch (k->type) {
	case KEY_STRS:
		buf_addf(out, "list of %s", k->choices ? key_expects(&choice, buf, sizeof(buf)) : "strings");
		return out->ptr;
	case KEY_NAMED:
		buf_addf(out, "name: [%s](#%s)", k->sub->what, k->sub->what);
		return out->ptr;
	case KEY_OBJECT:
	case KEY_OBJECTS:
		buf_addz(out, k->type == KEY_OBJECT ? "mapping" : "list of mappings");
		return out->ptr;
	default:
		buf_addz(out, key_expects(k, buf, sizeof(buf)));
		return out->ptr;
	}
}

/* The table of one mapping, as docs/CONFIG.md has to hold it; then those of the mappings below it. */
static void check_docs(const struct keys *set, const char *path, const char *docs)
{
	CLEAN_BUF struct buf table = BUF_INIT;

	buf_addz(&table, "| key | what it is | default | |\n|---|---|---|---|\n");
	for (size_t i = 0; i < set->len; i++) {
		const struct key *k = &set->key[i];
		CLEAN_BUF struct buf type = BUF_INIT;
		bool code = k->def && !strchr(k->def, ' ');

		buf_addf(&table, "| `%s` | %s | %s%s%s | %s |\n", k->name, type_text(k, &type), code ? "`" : "",
			 k->def ? k->def : k->flags & KEY_REQUIRED ? "required" : "", code ? "`" : "", k->doc);
	}
	if (!strstr(docs, table.ptr))
		fail_msg("docs/CONFIG.md lacks the table of %s:\n%s", path, table.ptr);
	for (size_t i = 0; i < set->len; i++)
		if (set->key[i].sub) {
			CLEAN_FREE char *below = xasprintf("%s.%s", path, set->key[i].name);

			check_docs(set->key[i].sub, below, docs);
		}
}

static void test_docs(void **state)
{
	CLEAN_BUF struct buf docs = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	if (fs_read(TEST_DATA "/../../../docs/CONFIG.md", 1u << 20, &docs, &err))
		fail_msg("%s", err.msg);
	check_docs(&keys_root, "slsc.yaml", docs.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),	       cmocka_unit_test(test_paths), cmocka_unit_test(test_units),
		cmocka_unit_test(test_schema_is_json), cmocka_unit_test(test_docs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
