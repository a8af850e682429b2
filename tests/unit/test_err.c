/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

static void test_set(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&e, ERR_TOOL, "'%s' is not found on PATH", "ninja"), -1);
	assert_int_equal(e.code, ERR_TOOL);
	assert_string_equal(e.msg, "'ninja' is not found on PATH");
	assert_int_equal(err_hint(&e, "apt-get install %s", "ninja-build"), -1);
	assert_string_equal(e.hint, "apt-get install ninja-build");
	assert_int_equal(err_wrap(&e, "build of '%s'", "hello"), -1);
	assert_string_equal(e.msg, "build of 'hello': 'ninja' is not found on PATH");
	assert_string_equal(e.hint, "apt-get install ninja-build");
	assert_int_equal(e.code, ERR_TOOL);
	/* a new error takes the hint and the place of the old one away */
	assert_int_equal(err_at(&e, ERR_CONFIG, "slsc.yaml", 12, 5, "unknown key '%s'", "x"), -1);
	assert_string_equal(e.hint, "");
	assert_int_equal(err_set(&e, ERR_IO, "again: %s", e.msg), -1);
	assert_string_equal(e.msg, "again: slsc.yaml:12:5: unknown key 'x'");
	assert_string_equal(e.loc.file, "");
	assert_int_equal(e.loc.line, 0);
	err_hint(&e, "%s", "first");
	err_hint(&e, "%s, then second", e.hint);
	assert_string_equal(e.hint, "first, then second");
}

static void test_at(void **state)
{
	struct err e;

	(void)state;
	err_at(&e, ERR_CONFIG, "slsc.yaml", 12, 5, "bad");
	assert_string_equal(e.msg, "slsc.yaml:12:5: bad");
	assert_string_equal(e.loc.file, "slsc.yaml");
	assert_int_equal(e.loc.line, 12);
	assert_int_equal(e.loc.col, 5);
	err_at(&e, ERR_CONFIG, "slsc.yaml", 12, 0, "bad");
	assert_string_equal(e.msg, "slsc.yaml:12: bad");
	err_at(&e, ERR_CONFIG, e.loc.file, 0, 0, "%s", e.msg);
	assert_string_equal(e.msg, "slsc.yaml: slsc.yaml:12: bad");
}

static void test_sys(void **state)
{
	static const struct {
		int sys;
		enum err_code code;
		const char *msg, *hint;
	} t[] = {
		{ ENOENT, ERR_IO, "cannot read x: No such file or directory", "" },
		{ ENOSPC, ERR_IO, "cannot read x: No space left on device",
		  "free some space, or write elsewhere, then run it again" },
		{ EDQUOT, ERR_IO, "cannot read x: Disk quota exceeded",
		  "free some space, or write elsewhere, then run it again" },
		{ EACCES, ERR_IO, "cannot read x: Permission denied", "check the owner and mode of the directory" },
		{ EROFS, ERR_IO, "cannot read x: Read-only file system",
		  "the file system is mounted read-only: write elsewhere" },
		{ EINTR, ERR_INTR, "interrupted", "" },
		{ 99999, ERR_IO, "cannot read x: Unknown error 99999", "" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		errno = t[i].sys;
		assert_int_equal(err_sys(&e, "cannot read %s", "x"), -1);
		assert_int_equal(e.code, t[i].code);
		assert_int_equal(e.sys, t[i].sys);
		assert_string_equal(e.msg, t[i].msg);
		assert_string_equal(e.hint, t[i].hint);
	}
}

/* At every length what is cut is valid UTF-8, and nothing but the broken character is missing. */
static void test_clip(void **state)
{
	static const char *const chars[] = { "x", "ä", "€", "😀" };
	struct err e;

	(void)state;
	for (size_t c = 0; c < 4; c++)
		for (size_t pad = 0; pad < 5; pad++) {
			char text[2000] = "";
			size_t w = strlen(chars[c]), n = pad;

			memset(text, '.', pad);
			while (n + w < sizeof(text)) {
				memcpy(text + n, chars[c], w);
				n += w;
			}
			text[n] = '\0';
			err_set(&e, ERR_IO, "%s", text);
			assert_true(str_is_utf8(str_from(e.msg)));
			assert_in_range(strlen(e.msg), sizeof(e.msg) - w, sizeof(e.msg) - 1);
			err_hint(&e, "%s", text);
			assert_true(str_is_utf8(str_from(e.hint)));
			assert_in_range(strlen(e.hint), sizeof(e.hint) - w, sizeof(e.hint) - 1);
			err_wrap(&e, "%s", text);
			assert_true(str_is_utf8(str_from(e.msg)));
			assert_non_null(strstr(e.msg, pad ? ": ." : ": "));
			err_at(&e, ERR_CONFIG, text, 1, 2, "%s", text);
			assert_true(str_is_utf8(str_from(e.msg)));
			assert_true(str_is_utf8(str_from(e.loc.file)));
			assert_non_null(strstr(e.msg, ":1:2: "));
			errno = EIO;
			err_sys(&e, "%s", text);
			assert_true(str_is_utf8(str_from(e.msg)));
			assert_true(ends_with(e.msg, ": Input/output error"));
		}
	/* bytes that are no UTF-8 are not made fewer than they are */
	err_set(&e, ERR_IO, "%1100s\x80\x80", "\x80\x80");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void test_codes(void **state)
{
	static const struct {
		enum err_code code;
		const char *name;
		int exit;
	} t[] = {
		{ ERR_NONE, "none", 0 }, { ERR_IO, "io", 1 }, { ERR_USAGE, "usage", 2 },
		{ ERR_CONFIG, "config", 1 }, { ERR_LIMIT, "limit", 1 }, { ERR_FORMAT, "format", 1 },
		{ ERR_ARCHIVE, "archive", 1 }, { ERR_GIT, "git", 1 }, { ERR_TOOL, "tool", 1 },
		{ ERR_BUILD, "build", 1 }, { ERR_VERIFY, "verify", 1 }, { ERR_CHECK, "check", 3 },
		{ ERR_EXISTS, "exists", 1 }, { ERR_NOTFOUND, "notfound", 1 }, { ERR_INTR, "interrupted", 130 },
		{ ERR_NET, "network", 1 }, { ERR_FUNCTION, "function", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct err e = { .code = t[i].code };

		assert_string_equal(err_name(t[i].code), t[i].name);
		assert_int_equal(err_exit_code(&e), t[i].exit);
	}
}

static void test_bug(void **state)
{
	char text[256];
	int p[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(p[1], STDERR_FILENO);
		bug_at("src/x.c", 7, "%d layers", -1);
	}
	close(p[1]);
	while ((n = read(p[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_string_equal(text, "slsc: BUG at src/x.c:7: -1 layers\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),  cmocka_unit_test(test_at),	   cmocka_unit_test(test_sys),
		cmocka_unit_test(test_clip), cmocka_unit_test(test_codes), cmocka_unit_test(test_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
