/* SPDX-License-Identifier: Apache-2.0 */
/* Launchers: URLs of what they share by, and what they write of a build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/launcher.h"

static const struct {
	const char *text, *host, *port, *path, *shown;
	bool login;
} urls[] = {
	{ "redis://a", "a", "6379", "", "redis://a", false },
	{ "redis://a.b:1/2", "a.b", "1", "/2", "redis://a.b:1/2", false },
	{ "redis://p4ss@a:1|connect-timeout=5", "a", "1", "", "redis://a:1", true },
	{ "redis://u:p@ss@a", "a", "6379", "", "redis://a", true },
	{ "http://[::1]:81/x/y/", "::1", "81", "/x/y", "http://[::1]:81/x/y", false },
	{ "http://u:p@a/x|bearer-token=t", "a", "80", "/x", "http://a/x", true },
	{ "memcached://a", "a", "11211", "", "memcached://a", false },
	{ "grpc://a:8980", "a", "8980", "", "grpc://a:8980", false },
	{ "redis+unix:/run/r.sock?db=1", NULL, "/run/r.sock", NULL, "redis+unix:/run/r.sock", false },
	{ "redis+unix://p@localhost/run/r.sock", NULL, "/run/r.sock", NULL, "redis+unix:/run/r.sock", true },
	{ "file:/a/b|umask=002", NULL, NULL, NULL, "file:/a/b", false },
};

static void assert_text(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_ptr_equal(a, b);
}

static void test_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		CLEAN_LAUNCHER_URL struct launcher_url u = { .host = NULL };
		struct err err = ERR_INIT;

		if (launcher_url_parse(&u, urls[i].text, &err) < 0)
			fail_msg("%s: %s", urls[i].text, err.msg);
		assert_text(u.host, urls[i].host);
		assert_text(u.port, urls[i].port);
		assert_text(u.path, urls[i].path);
		assert_text(u.shown, urls[i].shown);
		assert_int_equal(u.login, urls[i].login);
	}
}

static void test_bad_urls(void **state)
{
	static const char *const bad[][2] = {
		{ "", "no scheme" },
		{ "ftp://a", "no scheme that is known" },
		{ "a-scheme-that-is-longer-than-any://a", "no scheme" },
		{ "redis:a", "no '//' after the scheme" },
		{ "redis://[::1", "no ']' after the address" },
		{ "redis://", "no host" },
		{ "redis://p@", "no host" },
		{ "redis://a:0", "no port between 1 and 65535" },
		{ "redis://a:65536", "no port between 1 and 65535" },
		{ "redis://a:b", "no port between 1 and 65535" },
		{ "http://[::1]80", "no port after ']'" },
		{ "redis://secret/word@a", "an '@' after the host: in a password '/' is written %2F" },
		{ "redis://a b", "a blank or a control character in it" },
		{ "redis+unix:", "no path of a socket" },
		{ "file:", "no path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct launcher_url u;
		struct err err = ERR_INIT;

		assert_int_equal(launcher_url_parse(&u, bad[i][0], &err), -1);
		assert_string_equal(err.msg, bad[i][1]);
		assert_null(u.host);
	}
}

static struct launcher_sum sum_of(const char *name, const char *text)
{
	struct launcher_sum sum = { 0 };

	launcher_sum_log(name, str_from(text), &sum);
	return sum;
}

static void test_ccache(void **state)
{
	struct launcher_sum s = sum_of("ccache", "# a.c\ndirect_cache_miss\npreprocessed_cache_miss\ncache_miss\n"
						 "# b.c\nlocal_storage_miss\nremote_storage_hit\ndirect_cache_hit\n"
						 "# c.c\nlocal_storage_hit\npreprocessed_cache_hit\n"
						 "# d.c\nremote_storage_error\nremote_storage_timeout\ncache_miss\n"
						 "# e.c\ncache_miss\nremote_storage_hit\n");

	(void)state;
	assert_int_equal(s.compiles, 5);
	assert_int_equal(s.hits, 2);
	assert_int_equal(s.remote_hits, 1);
	assert_int_equal(s.remote_failed, 2);	/* d.c; what came for e.c was none */
	s = sum_of("ccache", "direct_cache_hit");	/* cut off in its first line */
	assert_int_equal(s.hits, 1);
	s = sum_of("nobody", "direct_cache_hit");
	assert_int_equal(s.hits, 0);
}

static void test_distcc(void **state)
{
	struct launcher_sum s = sum_of("distcc",
		"distcc[1] exec on 10.0.0.1/2: clang\ndistcc[2] exec on 10.0.0.2/2: clang\n"
		"distcc[2] compile b.c on 10.0.0.2/2 completed ok\ndistcc[1] exec on 10.0.0.2/2: clang\n"
		"distcc[1] compile a.c on 10.0.0.2/2 completed ok\ndistcc[3] exec on 10.0.0.1: clang\n"
		"distcc[3] (dcc_build_somewhere) Warning: failed to distribute, running locally instead\n"
		"distcc[3] exec on localhost: clang\ndistcc[3] compile c.c on localhost completed ok\n");

	(void)state;
	assert_int_equal(s.compiles, 3);
	assert_int_equal(s.elsewhere, 2);
	assert_int_equal(s.moved, 1);
	assert_int_equal(s.fell_back, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_ccache),
		cmocka_unit_test(test_distcc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
