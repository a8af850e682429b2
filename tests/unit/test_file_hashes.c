/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/copy.h"
#include "stage/copy_internal.h"

#define REAL "sha256:559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd" /* of "A" */
#define HEX  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char dir[64];

static int setup(void **state)
{
	struct err err;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/slsc-hashes.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(fs_write_file("a", "A", 1, 0644, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(chdir("/"), 0);
	return fs_rmtree(dir, &err);
}

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What "a" has after a run in which the file of digests was @text. */
static void says(const char *text, const char *want)
{
	struct file_hashes *h;
	struct digest got;
	struct stat st;
	struct err err;

	assert_int_equal(fs_write_file("hashes", text, strlen(text), 0644, &err), 0);
	assert_int_equal(stat("a", &st), 0);
	h = file_hashes_open("hashes");
	assert_int_equal(file_hash(h, "a", &st, &got, &err), 0);
	assert_string_equal(got.s, want);
	file_hashes_free(h);
}

static char *line(uint64_t size, int64_t mtime, int64_t used, const char *hex)
{
	struct stat st;

	assert_int_equal(stat("a", &st), 0);
	return xasprintf("%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %s\n",
			 (uint64_t)st.st_dev, (uint64_t)st.st_ino, size, ns(st.st_mtim) + mtime, ns(st.st_ctim), used,
			 hex);
}

static void test_known(void **state)
{
	const int64_t now = (int64_t)time(NULL);
	CLEAN_FREE char *good = line(1, 0, now, HEX), *size = line(2, 0, now, HEX), *mtime = line(1, 1, now, HEX);
	CLEAN_FREE char *old = line(1, 0, now - 31 * 24 * 3600, HEX), *after = xasprintf("rubbish\n%s", good);
	CLEAN_FREE char *open = xstrndup(good, strlen(good) - 1);

	(void)state;
	says("", REAL);
	says(good, "sha256:" HEX);
	says(after, "sha256:" HEX);
	says(open, "sha256:" HEX);
	says(size, REAL);
	says(mtime, REAL);
	says(old, REAL);
}

static void test_damaged(void **state)
{
	const int64_t now = (int64_t)time(NULL);
	static const char *const hexes[] = { "", "00", HEX "0", HEX " ", HEX "\r" };
	CLEAN_FREE char *good = line(1, 0, now, HEX), *far = line(1, 0, INT64_MAX, HEX), *minus = line(1, 0, -1, HEX);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hexes); i++) {
		CLEAN_FREE char *bad = line(1, 0, now, hexes[i]);

		says(bad, REAL);
	}
	says(far, REAL);
	says(minus, REAL);
	/* cut anywhere */
	for (size_t n = 0; n < strlen(good) - 1; n++) {
		CLEAN_FREE char *cut = xstrndup(good, n);

		says(cut, REAL);
	}
	says("99999999999999999999 1 1 1 1 1 " HEX "\n", REAL);
	says("  1 1 1 1 1 " HEX "\n\n \n", REAL);
}

/* What was read is known to the next run, unless it changed so lately that it may change again and look the same. */
static void test_kept(void **state)
{
	struct file_hashes *h;
	struct digest got;
	struct stat st;
	struct err err;

	(void)state;
	assert_int_equal(stat("a", &st), 0);
	unlink("kept");
	h = file_hashes_open("kept");
	assert_int_equal(file_hash(h, "a", &st, &got, &err), 0);
	file_hashes_save(h);
	file_hashes_free(h);
	assert_false(fs_exists("kept"));

	/* as of an hour ago, whatever the clock says of "a" */
	st.st_mtim.tv_sec -= 3600;
	st.st_ctim.tv_sec -= 3600;
	h = file_hashes_open("kept");
	assert_int_equal(file_hash(h, "a", &st, &got, &err), 0);
	file_hashes_save(h);
	file_hashes_free(h);
	assert_int_equal(fs_write_file("a", "B", 1, 0644, &err), 0);
	h = file_hashes_open("kept");
	assert_int_equal(file_hash(h, "a", &st, &got, &err), 0);
	assert_string_equal(got.s, REAL);
	file_hashes_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
