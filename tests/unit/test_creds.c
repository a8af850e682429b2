/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, profiles and settings of AWS: who goes first, with real files and a real environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "os/fs.h"

extern char **environ;

static char home[] = "/tmp/test_creds.XXXXXX";

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(home))
		return -1;
	setenv("HOME", home, 1);
	return 0;
}

static int end(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(home, &err);
}

/* Nothing of AWS in the environment, no files, and no instance. */
static int fresh(void **state)
{
	CLEAN_FREE char *dir = path_join(home, ".aws");
	CLEAN_STRS struct strs names = { 0 };
	struct err err;

	(void)state;
	for (char **e = environ; *e; e++)
		if (starts_with(*e, "AWS_"))
			strs_take(&names, xstrndup(*e, strcspn(*e, "=")));
	for (size_t i = 0; i < names.len; i++)
		unsetenv(names.ptr[i]);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	return fs_rmtree(dir, &err) || fs_mkdirs(dir, &err);
}

static void put(const char *name, const char *text)
{
	CLEAN_FREE char *path = xasprintf("%s/.aws/%s", home, name), *dir = path_dirname(path);
	struct err err;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), 0600, &err), 0);
}

/* creds_look() with a profile of the command line, or NULL. */
static int look(const char *named, struct aws_creds *out, struct err *err)
{
	CLEAN_PROFILES struct profiles p = PROFILES_INIT;
	CLEAN_AWS struct aws a = { .http = NULL };
	const struct creds_env e = { .aws = &a, .profiles = &p, .region = "eu-central-1", .named = named };

	if (aws_init(&a, NULL, err) < 0 || profiles_load(&p, named, err) < 0)
		return -1;
	return creds_look(&e, out, err);
}

static void expect(const char *named, const char *id, const char *from)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	CLEAN_FREE char *shown = NULL;
	struct err err = ERR_INIT;
	char *at;

	if (look(named, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.id, id);
	at = strstr(c.from, home);
	shown = at ? xasprintf("%.*s~%s", (int)(at - c.from), c.from, at + strlen(home)) : xstrdup(c.from);
	assert_string_equal(shown, from);
}

static void refuse(const char *named, enum err_code code, const char *msg, const char *hint)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	CLEAN_BUF struct buf want = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(look(named, &c, &err), -1);
	/* '~' stands for the home */
	for (const char *p = msg; *p; p++) {
		if (*p == '~')
			buf_addz(&want, home);
		else
			buf_addc(&want, *p);
	}
	assert_string_equal(err.msg, want.ptr);
	assert_int_equal(err.code, code);
	assert_string_equal(err.hint, hint);
	assert_null(c.id);
}

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = s3cr3t/" id "\n"

static void test_order(void **state)
{
	(void)state;
	put("config",
	    "[default]\n" KEYS(
		    "CONFIG") "[profile p]\nregion = eu-west-1\ncredential_process = echo "
			      "'{\"Version\": 1, \"AccessKeyId\": \"PROCESS\", \"SecretAccessKey\": \"s\"}'\n" KEYS(
				      "NEVER"));
	expect(NULL, "CONFIG", "profile 'default' in ~/.aws/config");
	put("credentials", "[default]\n" KEYS("FILE") "aws_session_token = t\n");
	expect(NULL, "FILE", "profile 'default' in ~/.aws/credentials");
	setenv("AWS_PROFILE", "p", 1);
	expect(NULL, "PROCESS", "profile 'p''s credential_process");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	expect(NULL, "ENV", "the environment");
	/* who names a profile means it */
	expect("default", "FILE", "profile 'default' in ~/.aws/credentials");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	refuse(NULL, ERR_NOTFOUND, "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY", "set both, or neither");
}

static void test_other_files(void **state)
{
	CLEAN_FREE char *path = xasprintf("%s/.aws/else", home);

	(void)state;
	put("else", "\xef\xbb\xbf[default]\r\naws_access_key_id=ELSE\r\naws_secret_access_key = a=b# c ; no\r\n");
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	expect(NULL, "ELSE", "profile 'default' in ~/.aws/else");
	setenv("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/else", 1);
	expect(NULL, "ELSE", "profile 'default' in ~/.aws/else");
}

static void test_none(void **state)
{
	(void)state;
	refuse(NULL, ERR_NOTFOUND,
	       "there are no AWS credentials: not in the environment, ~/.aws/credentials or "
	       "~/.aws/config, and neither of a container nor of an instance",
	       "run `aws configure` or `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	put("config", "[profile production]\nregion = eu-west-1\n");
	refuse("producton", ERR_NOTFOUND, "there is no profile 'producton' in ~/.aws/config or ~/.aws/credentials",
	       "did you mean 'production'?");
	refuse("production", ERR_NOTFOUND, "profile 'production' has no credentials",
	       "run `aws configure` or `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

static void test_process(void **state)
{
	(void)state;
	put("config", "[default]\ncredential_process = echo oops\n[profile fails]\ncredential_process = exit 3\n"
		      "[profile old]\ncredential_process = echo '{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\","
		      "\"Expiration\":\"2020-01-01T00:00:00Z\"}'\n");
	refuse(NULL, ERR_FORMAT, "credential_process of profile 'default': it is not a JSON object", "");
	refuse("fails", ERR_TOOL, "credential_process of profile 'fails': it failed with status 3", "");
	refuse("old", ERR_NET, "the credentials of profile 'old''s credential_process have expired",
	       "look what is wrong with that program");
}

static void test_sources(void **state)
{
	(void)state;
	put("config", "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = b\n"
		      "[profile b]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = a\n"
		      "[profile c]\nrole_arn = arn:aws:iam::123456789012:role/c\n"
		      "[profile d]\nrole_arn = arn:aws:iam::123456789012:role/d\nsource_profile = gone\n"
		      "[profile e]\nrole_arn = arn:aws:iam::123456789012:role/e\ncredential_source = Moon\n"
		      "[profile f]\nrole_arn = arn:aws:iam::123456789012:role/f\ncredential_source = Environment\n");
	refuse("a", ERR_FORMAT, "profile 'a': limit exceeded: 8 profiles that name each other by source_profile", "");
	refuse("c", ERR_NOTFOUND, "profile 'c' has a role_arn, but nobody who may take that role",
	       "name a profile in source_profile, or Environment, EcsContainer or Ec2InstanceMetadata in "
	       "credential_source");
	refuse("d", ERR_NOTFOUND, "profile 'd': there is no profile 'gone', which source_profile names", "");
	refuse("e", ERR_FORMAT,
	       "profile 'e': credential_source is 'Moon', not Environment, EcsContainer or "
	       "Ec2InstanceMetadata",
	       "");
	refuse("f", ERR_NOTFOUND, "profile 'f': credential_source 'Environment' has no credentials", "");
}

/* SHA-1 of "corp" and of "https://old.awsapps.com/start" */
#define SSO_CORP "ee0bfd2552fbd840c02cc48b6e823320543c450f"
#define SSO_OLD	 "33d5ca4bf3b1a62edb96b47f7c203034a43ac435"

static void test_sso(void **state)
{
	(void)state;
	put("config", "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n"
		      "[profile s]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Deploy\n"
		      "[profile old]\nsso_start_url = https://old.awsapps.com/start\nsso_region = eu-west-1\n"
		      "sso_account_id = 123456789012\nsso_role_name = Deploy\n"
		      "[profile gone]\nsso_session = away\nsso_account_id = 1\nsso_role_name = r\n");
	refuse("s", ERR_NOTFOUND, "profile 's': nobody has logged in to its SSO session",
	       "run `aws sso login --profile s`");
	refuse("gone", ERR_NOTFOUND, "~/.aws/config: there is no [sso-session away], which profile 'gone' names", "");
	put("sso/cache/" SSO_CORP ".json", "{\"accessToken\":\"t\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}");
	refuse("s", ERR_NET, "profile 's': the login to its SSO session has expired",
	       "run `aws sso login --profile s`");
	put("sso/cache/" SSO_CORP ".json", "{\"accessToken\":\"t\"}");
	refuse("s", ERR_FORMAT, "~/.aws/sso/cache/" SSO_CORP ".json: it holds no token with a time", "");
	put("sso/cache/" SSO_OLD ".json", "{\"accessToken\":\"t\",\"expiresAt\":\"2020-01-01T00:00:00UTC\"}");
	refuse("old", ERR_NET, "profile 'old': the login to its SSO session has expired",
	       "run `aws sso login --profile old`");
}

static void test_ini_errors(void **state)
{
	static const struct {
		const char *text, *msg;
	} all[] = {
		{ "[default]\nAKIASECRET\n", "f:2: expected a name, '=' and a value" },
		{ "a = b\n", "f:1: expected a section such as [default] first" },
		{ "[default\na = b\n", "f:1: the section's name has no end" },
		{ "[]\n", "f:1: the section's name has no end" },
		{ "[a] b\n", "f:1: the section's name has no end" },
		{ "[a]\n  b = c\n", "f:2: this line is indented, but belongs to none" },
		{ "[a]\n= c\n", "f:2: expected a name, '=' and a value" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEAN_INI struct ini ini = INI_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(ini_parse(&ini, "f", str_from(all[i].text), &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.msg, all[i].msg);
	}
}

static void test_ini(void **state)
{
	CLEAN_INI struct ini ini = INI_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ini_parse(&ini, "f",
				   STR("# c\n; c\n[ profile\t \"a b\" ] # c\nKey = v#1 #c\nempty =\nkey = w ;c\n"
				       "s3 =\n  lambda = x\n\ts3 = y = z\n[profile a b]\nlast = 1"),
				   &err),
			 0);
	assert_true(ini_has(&ini, "profile a b"));
	assert_false(ini_has(&ini, "profile a"));
	assert_string_equal(ini_get(&ini, "profile a b", "KEY"), "w");
	assert_string_equal(ini_get(&ini, "profile a b", "empty"), "");
	assert_string_equal(ini_get(&ini, "profile a b", "last"), "1");
	assert_null(ini_get(&ini, "profile a b", "lambda"));
	assert_string_equal(ini_nested(&ini, "profile a b", "s3", "lambda"), "x");
	assert_string_equal(ini_nested(&ini, "profile a b", "s3", "s3"), "y = z");
	assert_null(ini_nested(&ini, "profile a b", "key", "s3"));
}

static void endpoint(const char *option, const char *service, const char *region, const char *want)
{
	CLEAN_PROFILES struct profiles p = PROFILES_INIT;
	CLEAN_FREE char *url = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(profiles_load(&p, NULL, &err), 0);
	url = profiles_url(&p, option, service, region);
	assert_string_equal(url, want);
}

static void test_settings(void **state)
{
	CLEAN_PROFILES struct profiles p = PROFILES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	endpoint(NULL, "lambda", "eu-west-1", "https://lambda.eu-west-1.amazonaws.com");
	endpoint(NULL, "sso", "eu-west-1", "https://portal.sso.eu-west-1.amazonaws.com");
	endpoint(NULL, "sts", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn");
	setenv("AWS_USE_FIPS_ENDPOINT", "true", 1);
	endpoint(NULL, "lambda", "us-gov-west-1", "https://lambda-fips.us-gov-west-1.amazonaws.com");
	setenv("AWS_USE_DUALSTACK_ENDPOINT", "true", 1);
	endpoint(NULL, "lambda", "us-east-1", "https://lambda-fips.us-east-1.api.aws");
	endpoint(NULL, "s3", "us-east-1", "https://s3-fips.dualstack.us-east-1.amazonaws.com");
	unsetenv("AWS_USE_FIPS_ENDPOINT");
	unsetenv("AWS_USE_DUALSTACK_ENDPOINT");
	put("config", "[default]\nregion = eu-west-3\nendpoint_url = http://all\nservices = mine\n"
		      "[services mine]\nlambda =\n  endpoint_url = http://lambda/\n");
	endpoint(NULL, "s3", "eu-west-1", "http://all");
	endpoint(NULL, "lambda", "eu-west-1", "http://lambda");
	setenv("AWS_ENDPOINT_URL", "http://env", 1);
	endpoint(NULL, "lambda", "eu-west-1", "http://env");
	setenv("AWS_ENDPOINT_URL_LAMBDA", "http://env-lambda", 1);
	endpoint(NULL, "lambda", "eu-west-1", "http://env-lambda");
	endpoint("http://option/", "lambda", "eu-west-1", "http://option");
	setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
	endpoint(NULL, "lambda", "eu-west-1", "https://lambda.eu-west-1.amazonaws.com");

	assert_int_equal(profiles_load(&p, NULL, &err), 0);
	assert_string_equal(profiles_region(&p, NULL, "eu-west-4"), "eu-west-3");
	setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
	assert_string_equal(profiles_region(&p, NULL, NULL), "eu-west-2");
	setenv("AWS_REGION", "eu-west-1", 1);
	assert_string_equal(profiles_region(&p, NULL, NULL), "eu-west-1");
	assert_string_equal(profiles_region(&p, "us-east-1", NULL), "us-east-1");
}

static void test_answers(void **state)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int64_t at;

	(void)state;
	assert_int_equal(
		creds_sts(STR("<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>b/&#43;c</SecretAccessKey>"
			      "<SessionToken>t&amp;u==</SessionToken><Expiration>2030-01-02T03:04:05.678Z</Expiration>"
			      "</Credentials></R>"),
			  &c, &err),
		0);
	assert_string_equal(c.secret, "b/+c");
	assert_string_equal(c.token, "t&u==");
	assert_int_equal(c.expires, 1893553445);
	assert_int_equal(creds_sts(STR("<R><AccessKeyId>A</AccessKeyId></R>"), &c, &err), -1);
	assert_string_equal(err.msg, "the answer holds no credentials");
	/* a line break in a token would be a header of its own */
	assert_int_equal(
		creds_json(STR("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\",\"Token\":\"t\\nX-Y: z\"}"), &c, &err),
		-1);
	assert_string_equal(err.msg, "it holds no access key and secret");
	assert_false(xml_text(STR("<a><b>c</b></a>"), "a", &b));
	assert_false(xml_text(STR("<a>c"), "a", &b));
	assert_int_equal(aws_time("2026-01-02T03:04:05+00:00", &at), 0);
	assert_int_equal(aws_time("2026-01-02T03:04:05+01:00", &at), -1);
	assert_int_equal(aws_time("yesterday", &at), -1);
}

int main(void)
{
#define FRESH(t) cmocka_unit_test_setup(t, fresh)
	const struct CMUnitTest tests[] = {
		FRESH(test_order),
		FRESH(test_other_files),
		FRESH(test_none),
		FRESH(test_process),
		FRESH(test_sources),
		FRESH(test_sso),
		FRESH(test_settings),
		cmocka_unit_test(test_ini),
		cmocka_unit_test(test_ini_errors),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, start, end);
}
