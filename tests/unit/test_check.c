/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/secret.h"
#include "os/fs.h"
#include "report/check_diff.h"
#include "report/check_entry.h"
#include "report/check_internal.h"

static void rules_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct check_rule *r = &check_rules[i];
		bool on = false;

		assert_non_null(r->id);
		assert_int_equal(strspn(r->id, "abcdefghijklmnopqrstuvwxyz-"), strlen(r->id));
		assert_ptr_equal(check_rule_find(r->id), r);
		/* no full stop, but perhaps the name of two */
		assert_true(strlen(r->summary) > 5 && (!ends_with(r->summary, ".") || ends_with(r->summary, " ..")));
		assert_true(strlen(r->remedy) > 5 && (!ends_with(r->remedy, ".") || ends_with(r->remedy, " ..")));
		for (size_t p = 0; p < CHECK_PLATFORMS; p++)
			on = on || r->severity[p] != CHECK_OFF;
		assert_true(on);
	}
	assert_null(check_rule_find("nothing"));
}

/* docs/CHECK.md has a row for each rule, and none for any other. */
static void rules_are_documented(void **state)
{
	const char *src = getenv("SLSC_SRC");
	CLEAN_FREE char *path = NULL;
	CLEAN_BUF struct buf doc = BUF_INIT;
	struct err err;
	size_t rows = 0;

	(void)state;
	assert_non_null(src);
	path = path_join(src, "docs/CHECK.md");
	assert_int_equal(fs_read(path, 1u << 20, &doc, &err), 0);
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct check_rule *r = &check_rules[i];
		const char *lambda = check_severity_name(r->severity[CHECK_LAMBDA]);
		const char *knative = check_severity_name(r->severity[CHECK_KNATIVE]);
		const char *generic = check_severity_name(r->severity[CHECK_GENERIC]);
		CLEAN_FREE char *row = xasprintf("\n| `%s` | %s | %s | %s | %s | %s |\n", r->id, lambda, knative,
						 generic, r->summary, r->remedy);

		if (!strstr(doc.ptr, row))
			fail_msg("docs/CHECK.md lacks:%s", row);
	}
	for (const char *p = doc.ptr; (p = strstr(p, "\n| `")) != NULL; p++)
		rows++;
	assert_int_equal(rows, RULE_COUNT);
}

static void findings_are_counted_and_cut(void **state)
{
	static const char *const ids[] = { "zip-name" };
	CLEAN_CHECK struct check c = { .ignore = NULL };
	CLEAN_STRS struct strs ignore = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;

	(void)state;
	check_start(&c, "a.zip", CHECK_GENERIC);
	for (int i = 0; i < 12; i++)
		check_add(&c, RULE_ZIP_DUPLICATE, "x", "is there %d times", i);
	check_add(&c, RULE_ZIP_READABLE, "x", "is off here");
	check_add(&c, RULE_FILE_SETUID, NULL, "a warning");
	strs_add(&ignore, ids[0]);
	c.ignore = &ignore;
	check_add(&c, RULE_ZIP_NAME, "x", "is ignored");
	assert_int_equal(c.findings.len, CHECK_PER_RULE + 1);
	assert_int_equal(c.count[CHECK_ERROR], 12);
	assert_int_equal(c.count[CHECK_WARNING], 1);
	check_report(&c, false, &out);
	assert_true(starts_with(out.ptr, "error: a.zip: x: is there 0 times [zip-duplicate]\n  keep one: "));
	assert_non_null(strstr(out.ptr, "\nwarning: a.zip: a warning [file-setuid]\n"));
	assert_true(ends_with(out.ptr, "\nand 2 more of the same kinds\n1 artifact: 12 errors, 1 warning, 0 notes\n"));
}

static void users(void **state)
{
	static const struct {
		const char *text;
		int64_t uid, gid;
		bool named;
	} rows[] = {
		{ NULL, 0, -1, false },		   { "", 0, -1, false },     { "root", 0, -1, false },
		{ "0:0", 0, 0, false },		   { "65532", 65532, -1, false }, { "1:2", 1, 2, false },
		{ "app", -1, -1, true },	   { "app:5", -1, 5, true }, { "1:staff", 1, -1, false },
		{ "99999999999", -1, -1, true },   { ":5", 0, 5, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct check_user u = check_user_parse(rows[i].text);

		assert_int_equal(u.uid, rows[i].uid);
		assert_int_equal(u.gid, rows[i].gid);
		assert_int_equal(u.named, rows[i].named);
	}
}

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVkIGJ5IG5vYm9keQ"

/* Text -> the ids of what is found in it. */
static void secrets(void **state)
{
	static const struct {
		const char *text, *ids;
	} rows[] = {
		{ "", "" },
		{ "-----BEGIN PRIVATE KEY-----\nx", "secret-private-key " },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\r\nx", "secret-private-key " },
		{ "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx", "secret-private-key " },
		{ "{\"key\": \"-----BEGIN RSA PRIVATE KEY-----\\nMII\"}", "secret-private-key " },
		{ "if line == '-----BEGIN RSA PRIVATE KEY-----':", "" },
		{ "-----BEGIN CERTIFICATE-----\nx", "" },
		{ "-----BEGIN PUBLIC KEY-----\n-----BEGIN PRIVATE KEY-----\n", "secret-private-key " },
		{ "-----BEGIN ", "" },
		{ "AKIAABCDEFGHIJKLMNOP", "secret-token " },
		{ "ASIAABCDEFGHIJKLMNOP\n", "secret-token " },
		{ "AKIAABCDEFGHIJKLMNO", "" },
		{ "AKIAABCDEFGHIJKLMNOPQ", "" },
		{ "XAKIAABCDEFGHIJKLMNOP", "" },
		{ "AKIAABCDEFGHI-AKIAABCDEFGHIJKLMNOP", "" },
		{ "AKIAIOSFODNN7EXAMPLE", "" },
		{ "glpat-abcdefghij0123456789", "secret-token " },
		{ "ghp_short", "" },
		{ "x=" JWT "\n", "secret-token " },
		{ "x." JWT, "" },
		{ "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", "" },
		{ "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", "" },
		{ "eyJhbGciOiJIUzI1NiJ9", "" },
		{ "eyJ eyJ.eyJ.eyJ", "" },
		{ "//r/:_authToken=${NPM_TOKEN}", "" },
		{ "//r/:_authToken=abc", "secret-token " },
		{ "{\"auths\":{}}", "" },
		{ "{\"auths\":{\"r\":{\"auth\":\"\"}}}", "" },
		{ "{\"auths\":{\"r\":{\"auth\":\"YTpiY2Q=\"}}}", "secret-token " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_CHECK struct check c = { .ignore = NULL };
		CLEAN_BUF struct buf ids = BUF_INIT;
		const size_t n = strlen(rows[i].text);
		/* exactly as long as it is, for the sanitizer to see */
		CLEAN_FREE char *copy = xmalloc(n ? n : 1);

		memcpy(copy, rows[i].text, n);
		check_start(&c, "x", CHECK_GENERIC);
		check_secret_text(&c, "f", copy, n);
		VEC_EACH(&c.findings, f)
			buf_addf(&ids, "%s ", f->rule->id);
		if (strcmp(ids.ptr, rows[i].ids) != 0)
			fail_msg("%s: %s", rows[i].text, ids.ptr);
	}
}

static void variables(void **state)
{
	static const char *const names[] = {
		"DB_PASSWORD", "db_password", "DB_PWD", "DbPwd", "MYSQL_PWD", "PASSPHRASE", "GPG_PASSPHRASE", "MYPASS",
		"DB_PASS", "PASS", "smtp_pass", "API_KEY", "TOKEN",
	};
	static const char *const plain[] = {
		"PWD", "OLDPWD", "COMPASS", "MY_COMPASS", "BYPASS", "CACHE_BYPASS", "AUTHOR", "AUTH", "PASSENGER",
		"PASSENGER_APP_ENV", "PASS_THROUGH", "PASSES", "RENDER_PASSES", "PASSIVE", "PASSPORT", "OAUTH_URL",
		"AUTH_URL", "TRESPASS", "LOWPASS", "PASSWORD_FILE", "DB_PASS_FILE", "PWD_LEN", "",
	};
	static const struct {
		const char *name, *value, *what;
	} rows[] = {
		{ "AUTH", "Bearer hunter2", "an authorization header" },
		{ "HTTP_AUTHORIZATION", "basic YTpi\n", NULL },
		{ "HTTP_AUTHORIZATION", "basic dXNlcjpwYXNz\n", "an authorization header" },
		{ "HEADER", "Bearer 0123456789abcdef0123", "an authorization header" },
		{ "HEADER", "Bearer authentication", NULL },
		{ "AUTH", "Bearer", NULL },
		{ "AUTH", "Bearer token", NULL },
		{ "AUTH", "Bearer ${TOKEN_OF_THE_DAY}", NULL },
		{ "AUTHOR", "Basic Instincts", NULL },
		{ "X", JWT, "a JSON Web Token" },
		{ "AUTH", "Bearer " JWT, "a JSON Web Token" },
		{ "X", "eyJhbGciOiJIUzI1NiJ9", NULL },
		{ "X", "postgres://u:p@h/d", "a URL with a password" },
		{ "OAUTH_URL", "https://example.com/auth?token=", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!secret_of_env(names[i], "x"))
			fail_msg("%s is a secret", names[i]);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (secret_of_env(plain[i], "x"))
			fail_msg("%s is no secret", plain[i]);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *what = secret_of_env(rows[i].name, rows[i].value);

		if (what ? !rows[i].what || strcmp(what, rows[i].what) != 0 : rows[i].what != NULL)
			fail_msg("%s=%s: %s", rows[i].name, rows[i].value, what ? what : "none");
	}
}

/* A Worker's configuration -> "where: message" of what is found; each cut of it is looked at, too. */
static void workers(void **state)
{
	static const struct {
		const char *name, *text, *found;
	} rows[] = {
		{ "wrangler.toml", "name = \"f\"\nTOKEN = \"x\"\n[vars]\n\"DB_PASSWORD\" = \"hunter2\"\n"
				   "\"PATH\" = \"/a\"\nAPI_KEY='x'\n\"TOKEN\" = \"\"\n[[routes]]\nSECRET = \"x\"\n",
		  "wrangler.toml: DB_PASSWORD is set in the Worker\nwrangler.toml: API_KEY is set in the Worker\n" },
		{ "wrangler.toml", "[env.test.vars]\nK = \"\\\"AKIAABCDEFGHIJKLMNOP\\\"\" # mine\n",
		  "wrangler.toml K: an AWS access key id\n" },
		{ "wrangler.toml", "[vars]\nDB = \"redis://u:p@h\"\n",
		  "wrangler.toml: DB is set in the Worker, and is a URL with a password\n" },
		{ "config.capnp", "  bindings = [\n    (name = \"DB_PASSWORD\", text = \"hunter2\"),\n"
				  "    (name = \"A\", text = \"b\"),\n"
				  "    (name = \"TOKEN.wasm\", wasm = embed \"x\"),\n",
		  "config.capnp: DB_PASSWORD is set in the Worker\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 0; n <= strlen(rows[i].text); n++) {
			CLEAN_CHECK struct check c = { .ignore = NULL };
			CLEAN_BUF struct buf found = BUF_INIT;
			CLEAN_FREE char *copy = xstrndup(rows[i].text, n);

			check_start(&c, "x", CHECK_GENERIC);
			check_worker_text(&c, rows[i].name, copy);
			VEC_EACH(&c.findings, f)
				buf_addf(&found, "%s: %s\n", f->where, f->message);
			assert_true(starts_with(rows[i].found, found.len ? found.ptr : ""));
			if (!rows[i].text[n])
				assert_string_equal(found.ptr, rows[i].found);
		}
}

static void differences(void **state)
{
	static const struct {
		const char *a, *b, *what;
	} rows[] = {
		{ "{\"a\":1}", "{\"a\":1}", "" },
		{ "{\"a\":1}", "{\"a\":2}", "c: a is 1, then 2" },
		{ "{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}", "{\"a\":{\"b\":[1,{\"c\":\"y\"}]}}",
		  "c: a.b[1].c is \"x\", then \"y\"" },
		{ "{\"a\":[1]}", "{\"a\":[1,2]}", "c: a is [1], then [1,2]" },
		{ "{}", "{\"a\":null}", "c: a is nothing, then null" },
		{ "{\"a\":1}", "{\"a\": 1}", "c: offset 0x5" },
		{ "[1]", "{", "c: offset 0x0" },
	};
	CLEAN_BUF struct buf what = BUF_INIT;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&what);
		assert_int_equal(diff_json("c", rows[i].a, strlen(rows[i].a), rows[i].b, strlen(rows[i].b), &what),
				 *rows[i].what != '\0');
		assert_string_equal(what.ptr, rows[i].what);
	}
	buf_reset(&what);
	assert_int_equal(diff_bytes("f", "abc", 3, "abd", 3, &what, &err), 1);
	assert_string_equal(what.ptr, "f: offset 0x2");
	buf_reset(&what);
	assert_int_equal(diff_bytes("f", "abc", 3, "abcd", 4, &what, &err), 1);
	assert_string_equal(what.ptr, "f: offset 0x3; 3 bytes, then 4");
	buf_reset(&what);
	assert_int_equal(diff_bytes("f", "\177ELF is none", 12, "\177ELF is NONE", 12, &what, &err), 1);
	assert_string_equal(what.ptr, "f: offset 0x8");
	assert_int_equal(diff_bytes("f", "abc", 3, "abc", 3, &what, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_whole), cmocka_unit_test(rules_are_documented),
		cmocka_unit_test(findings_are_counted_and_cut), cmocka_unit_test(users),
		cmocka_unit_test(secrets), cmocka_unit_test(workers), cmocka_unit_test(variables),
		cmocka_unit_test(differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
