/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "registry/auth.h"
#include "registry/challenge.h"

static void check(const char *header, enum challenge_scheme scheme, const char *realm, const char *service,
		  const char *scope)
{
	CLEAN_CHALLENGE struct challenge c = { .scheme = CHALLENGE_NONE };

	assert_int_equal(challenge_parse(&c, str_from(header)), scheme != CHALLENGE_NONE);
	assert_int_equal(c.scheme, scheme);
	assert_string_equal(c.realm ? c.realm : "-", realm);
	assert_string_equal(c.service ? c.service : "-", service);
	assert_string_equal(c.scope ? c.scope : "-", scope);
}

static void challenges(void **state)
{
	(void)state;
	check("Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:x:pull,push\"", CHALLENGE_BEARER,
	      "https://a/token", "s", "repository:x:pull,push");
	check("bearer  REALM = \"a\" , service=s", CHALLENGE_BEARER, "a", "s", "-");
	check("Basic realm=\"a \\\"b\\\" c\"", CHALLENGE_BASIC, "a \"b\" c", "-", "-");
	check("Basic", CHALLENGE_BASIC, "-", "-", "-");
	/* several in one header, Bearer wins wherever it stands */
	check("Basic realm=\"x\", Bearer realm=\"y\",service=\"z\"", CHALLENGE_BEARER, "y", "z", "-");
	check("Bearer realm=\"y\", Basic realm=\"x\"", CHALLENGE_BEARER, "y", "-", "-");
	check("Negotiate, Basic realm=\"x\"", CHALLENGE_BASIC, "x", "-", "-");
	check("Negotiate abc/def==, Basic realm=\"x\"", CHALLENGE_BASIC, "x", "-", "-");
	check("NTLM TlRM, Negotiate a=, ,Bearer realm=\"y\"", CHALLENGE_BEARER, "y", "-", "-");
	check("Digest realm=\"d\", nonce=\"n, Basic realm=1\", Basic realm=\"x\"", CHALLENGE_BASIC, "x", "-", "-");
	/* the first of a name counts */
	check("Bearer realm=\"a\",realm=\"b\"", CHALLENGE_BEARER, "a", "-", "-");
}

static void no_challenges(void **state)
{
	static const char *const bad[] = {
		"", " ", ",", ",,,", "=", "Bearer", "Bearer service=\"s\"", "Negotiate", "Negotiate abc==",
		"Bearer realm=\"never ends", "Bearer realm=\"control\x01\"", "Bearer realm=", "Bearer realm=\"a\\",
		"\"Basic\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_CHALLENGE struct challenge c = { .scheme = CHALLENGE_NONE };

		if (challenge_parse(&c, str_from(bad[i])))
			fail_msg("'%s' holds a challenge", bad[i]);
	}
}

static void loopback(void **state)
{
	static const char *const yes[] = {
		"localhost", "localhost:5000", "LOCALHOST", "a.localhost:1",
		"127.0.0.1", "127.9.8.7:65535", "[::1]", "[::1]:5000",
	};
	static const char *const no[] = {
		"localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "0.0.0.0", "[::2]", "[::1].example.com",
		"notlocalhost", "127.0.0.1@example.com", "", "127.1", "[::1", ".localhost.", "example.com:127",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (!host_is_loopback(yes[i]))
			fail_msg("%s is not taken for this machine", yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (host_is_loopback(no[i]))
			fail_msg("%s is taken for this machine", no[i]);
}

static void tokens(void **state)
{
	static const struct {
		const char *text, *token;
	} cases[] = {
		{ "{\"token\":\"abc\"}", "abc" },
		{ "{\"access_token\":\"def\",\"expires_in\":60}", "def" },
		{ "{\"token\":\"\",\"access_token\":\"def\"}", "def" },
		{ "{\"token\":\"a b\"}", NULL },
		{ "{\"token\":\"a\\r\\nX: 1\"}", NULL },
		{ "{\"token\":\"\\u00e9\"}", NULL },
		{ "{\"token\":7}", NULL },
		{ "{}", NULL },
		{ "[]", NULL },
		{ "", NULL },
		{ "<html>", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		CLEAN_FREE char *token = NULL;
		int ret = auth_token_parse(cases[i].text, strlen(cases[i].text), &token, &err);

		assert_int_equal(ret, cases[i].token ? 0 : -1);
		if (cases[i].token) {
			assert_string_equal(token, cases[i].token);
		} else {
			assert_null(token);
			assert_string_equal(err.msg, "its answer holds no token");
		}
	}
}

static void token_limit(void **state)
{
	struct err err = ERR_INIT;
	CLEAN_FREE char *word = xmalloc(70001), *text = NULL, *token = NULL;

	(void)state;
	memset(word, 'a', 70000);
	word[70000] = '\0';
	text = xasprintf("{\"token\":\"%s\"}", word);
	assert_int_equal(auth_token_parse(text, strlen(text), &token, &err), -1);
	word[60000] = '\0';
	free(text);
	text = xasprintf("{\"token\":\"%s\"}", word);
	assert_int_equal(auth_token_parse(text, strlen(text), &token, &err), 0);
}

/* files of credentials */

static void find(const char *file, const char *host, const char *repo, const char *user, const char *password,
		 const char *identity)
{
	CLEAN_CREDS struct creds c = { .user = NULL };
	struct err err = ERR_INIT;

	if (creds_parse("f.json", file, strlen(file), host, repo, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.user ? c.user : "-", user);
	assert_string_equal(c.password ? c.password : "-", password);
	assert_string_equal(c.identity_token ? c.identity_token : "-", identity);
}

static void files(void **state)
{
	/* YTpi: a:b, Yzpk: c:d, ZTpmOmc=: e:f:g, OnA=: :p */
	const char *f = "{\"auths\":{\"h.example\":{\"auth\":\"YTpi\"},\"h.example/team\":{\"auth\":\"Yzpk\"},"
			"\"h.example/team/app\":{\"auth\":\"ZTpmOmc=\"},\"empty.example\":{},"
			"\"https://old.example/v1/\":{\"auth\":\"YTpi\"},"
			"\"wrapped.example\":{\"auth\":\"ZTpm\\r\\nOmc=\\n\"},"
			"\"plain.example:5000\":{\"username\":\"u\",\"password\":\"p\"},"
			"\"id.example\":{\"auth\":\"YTpi\",\"identitytoken\":\"t\"},"
			"\"https://index.docker.io/v1/\":{\"auth\":\"Yzpk\"}}}";

	(void)state;
	find(f, "h.example", NULL, "a", "b", "-");
	find(f, "h.example", "other", "a", "b", "-");
	find(f, "h.example", "team", "c", "d", "-");
	find(f, "h.example", "team/x", "c", "d", "-");
	find(f, "h.example", "team/app", "e", "f:g", "-");
	find(f, "h.example", "team/app/y", "e", "f:g", "-");
	/* a part of a name is not the name */
	find(f, "h.example", "team/application", "c", "d", "-");
	find(f, "h.example", "teams", "a", "b", "-");
	find(f, "h.example:443", "team", "-", "-", "-");
	find(f, "h.exampl", NULL, "-", "-", "-");
	find(f, "x.h.example", NULL, "-", "-", "-");
	find(f, "empty.example", "x", "-", "-", "-");
	find(f, "old.example", "x", "a", "b", "-");
	find(f, "wrapped.example", "x", "e", "f:g", "-");
	find(f, "plain.example:5000", "x", "u", "p", "-");
	find(f, "id.example", "x", "a", "b", "t");
	find(f, "docker.io", "library/x", "c", "d", "-");
	find(f, "registry-1.docker.io", "library/x", "c", "d", "-");
	find("{}", "h.example", NULL, "-", "-", "-");
	find("{\"auths\":[]}", "h.example", NULL, "-", "-", "-");
	find("{\"auths\":{\"h\":\"x\"}}", "h", NULL, "-", "-", "-");
}

#define BAD_AUTH "f.json: auths: 'h': 'auth' is not user:password in base64"

static void damaged_files(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "[]", "f.json: not a JSON object" },
		{ "{\n\"auths\":\n{\"secret\"", "f.json:3: not a JSON object" },
		{ "", "f.json:1: not a JSON object" },
		{ "{\"auths\":{\"h\":{\"auth\":\"secret!\"}}}", BAD_AUTH },
		{ "{\"auths\":{\"h\":{\"auth\":\"YWI=\"}}}", BAD_AUTH },
		{ "{\"auths\":{\"h\":{\"auth\":\"YQA6Yg==\"}}}", BAD_AUTH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_CREDS struct creds c = { .user = NULL };
		struct err err = ERR_INIT;

		assert_int_equal(creds_parse("f.json", cases[i].text, strlen(cases[i].text), "h", NULL, &c, &err), -1);
		assert_string_equal(err.msg, cases[i].msg);
		assert_null(strstr(err.hint, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges), cmocka_unit_test(no_challenges), cmocka_unit_test(loopback),
		cmocka_unit_test(tokens),     cmocka_unit_test(token_limit),   cmocka_unit_test(files),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
