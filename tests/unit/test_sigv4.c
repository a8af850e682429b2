/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of AWS's Signature Version 4 test suite, and S3's own examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deploy/sigv4.h"
#include "oci/crypto.h"
#include "oci/digest.h"
#include "os/late.h"

#define SUITE_TIME 1440938160 /* 2015-08-30T12:36:00Z */
#define S3_TIME	   1369353600 /* 2013-05-24T00:00:00Z */
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define FORM	   "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

static const struct sigv4 suite = { .id = "AKIDEXAMPLE",
				    .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
				    .region = "us-east-1",
				    .service = "service",
				    .time = SUITE_TIME };

struct vector {
	const char *name, *method, *path, *query;
	const char *headers[4];
	const char *sha256, *names, *signature;
};

static const struct vector vectors[] = {
	{ "get-vanilla",
	  "GET",
	  "/",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-query-order-key-case",
	  "GET",
	  "/",
	  "Param2=value2&Param1=value1",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-vanilla-query-order-value",
	  "GET",
	  "/",
	  "Param1=value2&Param1=value1",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694" },
	{ "get-vanilla-query-order-encoded",
	  "GET",
	  "/",
	  "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
	{ "get-vanilla-empty-query-key",
	  "GET",
	  "/",
	  "Param1=value1",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query-unreserved",
	  "GET",
	  "/",
	  UNRESERVED "=" UNRESERVED,
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
	{ "get-vanilla-utf8-query",
	  "GET",
	  "/",
	  "%E1%88%B4=bar",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "get-unreserved",
	  "GET",
	  "/" UNRESERVED,
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-header-value-trim",
	  "GET",
	  "/",
	  "",
	  { "My-Header1: value1", "My-Header2: \"a   b   c\"" },
	  SIGV4_EMPTY,
	  "host;my-header1;my-header2;x-amz-date",
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "post-vanilla",
	  "POST",
	  "/",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-vanilla-query",
	  "POST",
	  "/",
	  "Param1=value1",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-header-key-sort",
	  "POST",
	  "/",
	  "",
	  { "My-Header1: value1" },
	  SIGV4_EMPTY,
	  "host;my-header1;x-amz-date",
	  "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-x-www-form-urlencoded",
	  "POST",
	  "/",
	  "",
	  { "Content-Type: application/x-www-form-urlencoded" },
	  FORM,
	  "content-type;host;x-amz-date",
	  "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
	/* normalize-path: what is left is "/", or "/foo" */
	{ "get-relative",
	  "GET",
	  "/example/..",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative",
	  "GET",
	  "/example1/example2/../..",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash",
	  "GET",
	  "//",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-dot-slash",
	  "GET",
	  "/./",
	  "",
	  { NULL },
	  SIGV4_EMPTY,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
};

static void test_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct sigv4_request r = { .method = v->method,
					   .host = "example.amazonaws.com",
					   .path = v->path,
					   .query = v->query,
					   .headers = (char *const *)(uintptr_t)v->headers,
					   .body_sha256 = v->sha256 };
		CLEAN_STRS struct strs out = { 0 };
		CLEAN_FREE char *want = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(sigv4_sign(&suite, &r, &out, &err), 0);
		want = xasprintf("Authorization: AWS4-HMAC-SHA256 "
				 "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, "
				 "Signature=%s",
				 v->names, v->signature);
		assert_int_equal(out.len, 2);
		assert_string_equal(out.ptr[0], "X-Amz-Date: 20150830T123600Z");
		if (strcmp(out.ptr[1], want) != 0)
			fail_msg("%s:\n%s\n%s", v->name, out.ptr[1], want);
	}
}

/* get-vanilla-with-session-token, its canonical request. */
static void test_token(void **state)
{
	struct sigv4 s = suite;
	struct sigv4_request r = {
		.method = "GET", .host = "example.amazonaws.com", .path = "/", .query = "", .body_sha256 = SIGV4_EMPTY
	};
	CLEAN_STRS struct strs out = { 0 };
	CLEAN_BUF struct buf canonical = BUF_INIT, names = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
	assert_int_equal(sigv4_sign(&s, &r, &out, &err), 0);
	assert_int_equal(out.len, 3);
	assert_string_equal(out.ptr[1], "X-Amz-Security-Token: "
					"6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267");
	free(out.ptr[2]);
	out.ptr[2] = NULL;
	out.len = 2;
	assert_int_equal(sigv4_canonical(&s, &r, out.ptr, &canonical, &names, &err), 0);
	assert_string_equal(canonical.ptr, "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n"
					   "x-amz-security-token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b"
					   "73ebf194267\n\nhost;x-amz-date;x-amz-security-token\n" SIGV4_EMPTY);
}

/* "Signature calculations for the authorization header", Amazon S3 API reference: GET and PUT object. */
static void test_s3(void **state)
{
	const struct sigv4 s = { .id = "AKIAIOSFODNN7EXAMPLE",
				 .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
				 .region = "us-east-1",
				 .service = "s3",
				 .time = S3_TIME,
				 .s3 = true };
	static const char *const range[] = { "Range: bytes=0-9", NULL };
	static const char *const put[] = { "Date: Fri, 24 May 2013 00:00:00 GMT",
					   "x-amz-storage-class: REDUCED_REDUNDANCY", NULL };
	struct sigv4_request get = { .method = "GET",
				     .host = "examplebucket.s3.amazonaws.com",
				     .path = "/test.txt",
				     .query = "",
				     .headers = (char *const *)(uintptr_t)range,
				     .body_sha256 = SIGV4_EMPTY };
	struct sigv4_request store = { .method = "PUT",
				       .host = "examplebucket.s3.amazonaws.com",
				       .path = "/test%24file.text",
				       .query = "",
				       .headers = (char *const *)(uintptr_t)put };
	CLEAN_STRS struct strs a = { 0 }, b = { 0 };
	struct digest d;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sigv4_sign(&s, &get, &a, &err), 0);
	assert_string_equal(a.ptr[1], "X-Amz-Content-Sha256: " SIGV4_EMPTY);
	assert_string_equal(a.ptr[2], "Authorization: AWS4-HMAC-SHA256 "
				      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
				      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
				      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	assert_int_equal(digest_of("Welcome to Amazon S3.", 21, &d, &err), 0);
	store.body_sha256 = digest_hex(&d);
	assert_int_equal(sigv4_sign(&s, &store, &b, &err), 0);
	assert_string_equal(b.ptr[2], "Authorization: AWS4-HMAC-SHA256 "
				      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
				      "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
				      "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

/* A path that is encoded is encoded once more, but of S3. */
static void test_paths(void **state)
{
	static const struct {
		const char *path, *want;
		bool s3;
	} all[] = {
		{ "/2017-03-31/tags/arn%3Aaws%3Alambda", "/2017-03-31/tags/arn%253Aaws%253Alambda", false },
		{ "/a//b/./c/", "/a/b/c/", false },
		{ "/a//b/./c/", "/a//b/./c/", true },
		{ "/%E1%88%B4", "/%E1%88%B4", true },
		{ "/../..", "/", false },
		{ "/a/../b", "/b", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct sigv4 s = suite;
		struct sigv4_request r = {
			.method = "GET", .host = "h", .path = all[i].path, .query = "", .body_sha256 = SIGV4_EMPTY
		};
		CLEAN_BUF struct buf b = BUF_INIT, names = BUF_INIT;
		CLEAN_FREE char *want = xasprintf("GET\n%s\n\nhost:h\n\nhost\n" SIGV4_EMPTY, all[i].want);
		struct err err = ERR_INIT;

		s.s3 = all[i].s3;
		assert_int_equal(sigv4_canonical(&s, &r, NULL, &b, &names, &err), 0);
		assert_string_equal(b.ptr, want);
	}
}

static void test_escape(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	sigv4_escape("a/b c+\xc3\xbc~", true, &b);
	assert_string_equal(b.ptr, "a/b%20c%2B%C3%BC~");
	buf_reset(&b);
	sigv4_escape("a/b", false, &b);
	assert_string_equal(b.ptr, "a%2Fb");
}

/* RFC 4231, 4.2, 4.3 and 4.7. */
static void test_hmac(void **state)
{
	const struct crypto_ops *ops;
	struct err err = ERR_INIT;
	uint8_t key[131], out[32];
	static const uint8_t one[] = { 0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53 };
	static const uint8_t two[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e };
	static const uint8_t six[] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f };

	(void)state;
	ops = late_load("crypto", &err);
	assert_non_null(ops);
	memset(key, 0x0b, 20);
	ops->hmac_sha256(key, 20, "Hi There", 8, out);
	assert_memory_equal(out, one, sizeof(one));
	ops->hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_memory_equal(out, two, sizeof(two));
	memset(key, 0xaa, sizeof(key));
	ops->hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	assert_memory_equal(out, six, sizeof(six));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite), cmocka_unit_test(test_token),  cmocka_unit_test(test_s3),
		cmocka_unit_test(test_paths), cmocka_unit_test(test_escape), cmocka_unit_test(test_hmac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
