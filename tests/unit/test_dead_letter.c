/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: fdatasync */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "local/dead_letter.h"
#include "os/fs.h"

static char dir[64], path[96];
static struct err err;

static int sync_error;
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	errno = sync_error;
	return sync_error ? -1 : __real_fdatasync(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_dead.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/dead.jsonl", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(dir, &err);
}

static void is_line(struct str request, int status, struct str response, const char *want)
{
	static const char head[] = "{\"version\":\"1.0\",\"timestamp\":\"2026-01-31T23:59:59.007Z\","
				   "\"requestContext\":{\"requestId\":\"i\",\"functionArn\":\"arn:f:$LATEST\","
				   "\"condition\":\"RetriesExhausted\",\"approximateInvokeCount\":3}";
	CLEAN_FREE char *whole = xasprintf("%s%s}\n", head, want);
	CLEAN_BUF struct buf b = BUF_INIT;
	struct dead_letter d = { .now = 1769903999007999999, .id = STR("i"), .function = STR("f"), .arn = "arn:",
				 .condition = "RetriesExhausted", .attempts = 3, .request = request,
				 .status = status, .response = response };
	json_t *j;

	dead_letter_line(&b, &d);
	assert_string_equal(b.ptr, whole);
	j = json_loads(b.ptr, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(j);
	json_decref(j);
}

static void test_line(void **state)
{
	(void)state;
	/* as it is, but on one line; numbers too large for others stay what they are */
	is_line(STR("{\n \"a\":\r\n [1.0, 123456789012345678901234567890, \"\xc3\xa4\\n\"]\n}"), 0, STR(""),
		",\"requestPayload\":{  \"a\":   [1.0, 123456789012345678901234567890, \"\xc3\xa4\\n\"] }");
	is_line(STR("3"), 200, STR("null"),
		",\"requestPayload\":3,\"responseContext\":{\"statusCode\":200,\"executedVersion\":\"$LATEST\"},"
		"\"responsePayload\":null");
	/* no JSON: a string; what a string cannot hold, in base64 */
	is_line(STR("a=\"b\"\n"), 500, STR("\xff"),
		",\"requestPayload\":\"a=\\\"b\\\"\\n\",\"responseContext\":{\"statusCode\":500,"
		"\"executedVersion\":\"$LATEST\"},\"responsePayloadBase64\":\"/w==\"");
	is_line(STR(""), 0, STR(""), ",\"requestPayload\":\"\"");
}

static void add(const char *line)
{
	struct dead_letters l = DEAD_LETTERS_INIT;

	if (dead_letters_open(&l, path, &err) < 0 || dead_letters_add(&l, str_from(line), &err) < 0 ||
	    dead_letters_commit(&l, &err) < 0)
		fail_msg("%s", err.msg);
}

static void is_in(const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	assert_int_equal(fs_read(path, 1 << 20, &b, &err), 0);
	assert_string_equal(b.ptr, want);
}

static void put(const char *text)
{
	assert_int_equal(fs_write_file(path, text, strlen(text), 0600, &err), 0);
}

static void test_file(void **state)
{
	CLEAN_FREE char *long_line = xmalloc(200001);
	CLEAN_FREE char *want = NULL;
	struct dead_letters l = DEAD_LETTERS_INIT;
	struct stat st;

	(void)state;
	add("1\n");
	add("2\n");
	is_in("1\n2\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* a line of ours that was cut short, after a few bytes or many */
	put("1\n{\"vers");
	add("2\n");
	is_in("1\n2\n");
	memset(long_line, 'x', 200000);
	long_line[200000] = '\0';
	memcpy(long_line, "{\"version\":\"1.0\",\"timestamp\":\"20", 32);
	want = xasprintf("1\n%s", long_line);
	put(want);
	add("2\n");
	is_in("1\n2\n");
	put(long_line);
	add("2\n");
	is_in("2\n");
	/* someone else's is not ours to cut */
	put("mine");
	add("2\n");
	is_in("mine\n2\n");
	/* taken back */
	assert_int_equal(dead_letters_open(&l, path, &err), 0);
	assert_int_equal(dead_letters_add(&l, STR("3\n4\n"), &err), 0);
	dead_letters_abort(&l);
	dead_letters_abort(&l);
	is_in("mine\n2\n");
}

static void test_failures(void **state)
{
	CLEAN_FREE char *want = xasprintf("cannot write the dead-letter file %s: Input/output error", path);
	CLEAN_FREE char *is_dir = xasprintf("cannot write the dead-letter file %s: Is a directory", dir);
	CLEAN_FREE char *fifo = xasprintf("cannot write the dead-letter file %s: not a regular file", path);
	struct dead_letters l = DEAD_LETTERS_INIT;

	(void)state;
	put("1\n");
	assert_int_equal(dead_letters_open(&l, path, &err), 0);
	assert_int_equal(dead_letters_add(&l, STR("2\n"), &err), 0);
	sync_error = EIO;
	assert_int_equal(dead_letters_commit(&l, &err), -1);
	sync_error = 0;
	assert_string_equal(err.msg, want);
	is_in("1\n");
	assert_int_equal(dead_letters_open(&l, dir, &err), -1);
	assert_string_equal(err.msg, is_dir);
	assert_int_equal(l.fd, -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(dead_letters_open(&l, path, &err), -1);
	assert_string_equal(err.msg, fifo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
