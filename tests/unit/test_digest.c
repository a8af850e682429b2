/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/digest.h"
#include "os/fs.h"

/* FIPS 180-4 and its examples. */
#define SHA_EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_MILLION_A "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void test_of(void **state)
{
	struct digest d;
	struct err err;

	(void)state;
	assert_int_equal(digest_of("", 0, &d, &err), 0);
	assert_string_equal(d.s, SHA_EMPTY);
	assert_int_equal(digest_of("abc", 3, &d, &err), 0);
	assert_string_equal(d.s, SHA_ABC);
	assert_string_equal(digest_hex(&d), &SHA_ABC[7]);
}

static void test_parts(void **state)
{
	struct err err;
	struct digest_ctx *ctx = digest_new(&err);
	struct digest d;
	char block[997];

	(void)state;
	assert_non_null(ctx);
	memset(block, 'a', sizeof(block));
	for (size_t left = 1000000; left;) {
		size_t n = left < sizeof(block) ? left : sizeof(block);

		digest_update(ctx, block, n);
		left -= n;
	}
	digest_final(ctx, &d);
	assert_string_equal(d.s, SHA_MILLION_A);
	digest_free(digest_new(&err));
	digest_free(NULL);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_digest.XXXXXX";
	int fd = mkstemp(path);
	struct digest d;
	struct err err;
	uint64_t size = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	assert_int_equal(digest_file(path, &d, &size, &err), 0);
	assert_string_equal(d.s, SHA_ABC);
	assert_int_equal(size, 3);
	unlink(path);
	assert_int_equal(digest_file("/nonexistent/x", &d, &size, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "/nonexistent/x: No such file or directory");
	assert_int_equal(digest_file("/tmp", &d, NULL, &err), -1);
	assert_string_equal(err.msg, "/tmp: Is a directory");
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
		"", "sha256:", "sha256:abc", "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
		"sha256:../../../../../../../../../../../../../../../../../../etc/passwd0000",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	struct digest d;
	struct err err;

	(void)state;
	assert_int_equal(digest_parse(SHA_ABC, &d, &err), 0);
	assert_string_equal(d.s, SHA_ABC);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(digest_parse(bad[i], &d, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_int_equal(digest_parse("x", &d, &err), -1);
	assert_string_equal(err.msg, "'x' is not a digest: sha256: and 64 lower-case hex digits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
