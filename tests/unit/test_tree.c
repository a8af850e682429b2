/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include <sys/un.h>
#include <sys/socket.h>

static int add(struct tree *t, const char *path, struct err *e)
{
	return tree_add_data(t, path, "x", 1, 0644, 0, 0, e);
}

static void listing(const struct tree *t, struct buf *b)
{
	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *n = &t->ptr[i];

		buf_addf(b, "%c %04o %s%s%s\n", "fdl"[n->type], (unsigned)n->mode, n->path, n->target ? " -> " : "",
			 n->target ? n->target : "");
	}
}

static void sorts_and_adds_parents(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	OK(add(&t, "a/b/c", &e));
	OK(add(&t, "a-b", &e));
	OK(add(&t, "a/b.c", &e));
	OK(tree_add_link(&t, "Z", "a/b", &e));
	OK(add(&t, "\xc3\xa9", &e));
	OK(tree_add_dir(&t, "a/b", 0700, 7, 8, &e));
	OK(tree_add_dir(&t, "a/b", 0700, 7, 8, &e));
	OK(tree_finish(&t, &e));
	listing(&t, &b);
	assert_string_equal(b.ptr, "l 0777 Z -> a/b\n"
				   "d 0755 a\n"
				   "f 0644 a-b\n"
				   "d 0700 a/b\n"
				   "f 0644 a/b.c\n"
				   "f 0644 a/b/c\n"
				   "f 0644 \xc3\xa9\n");
	assert_int_equal(tree_find(&t, "a/b")->gid, 8);
	assert_null(tree_find(&t, "a/"));
	assert_int_equal(tree_total(&t), 4);

	/* A finished tree takes more, and finishing it twice changes nothing. */
	OK(add(&t, "q/r", &e));
	assert_false(t.finished);
	OK(tree_finish(&t, &e));
	OK(tree_finish(&t, &e));
	assert_int_equal(t.len, 9);
	assert_non_null(tree_find(&t, "q"));
}

static void an_empty_tree(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	OK(tree_finish(&t, &e));
	assert_int_equal(t.len, 0);
	assert_null(tree_find(&t, "a"));
}

static void refuses_bad_paths(void **state)
{
	static const struct {
		const char *path, *msg;
	} bad[] = {
		{ "", "a path in an archive may not be empty" },
		{ "/", "/: a path in an archive may not be absolute" },
		{ "/etc/passwd", "/etc/passwd: a path in an archive may not be absolute" },
		{ "a/", "a/: a path in an archive may not end with a slash" },
		{ "a//b", "a//b: a path in an archive may not hold '//'" },
		{ ".", ".: a path in an archive may not hold '.'" },
		{ "./a", "./a: a path in an archive may not hold '.'" },
		{ "a/./b", "a/./b: a path in an archive may not hold '.'" },
		{ "..", "..: a path in an archive may not hold '..'" },
		{ "a/../b", "a/../b: a path in an archive may not hold '..'" },
		{ "a/..", "a/..: a path in an archive may not hold '..'" },
		{ "caf\xe9/\x1b[31m",
		  "caf\\xe9/\\x1b[31m: a path in an archive may not hold bytes that are not UTF-8" },
		{ "\xc0\xaf", "\\xc0\\xaf: a path in an archive may not hold bytes that are not UTF-8" },
		{ "../\x01", "../\\x01: a path in an archive may not hold '..'" },
	};
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		FAILS(add(&t, bad[i].path, &e), ERR_FORMAT, bad[i].msg);
		FAILS(tree_check_path(bad[i].path, &e), ERR_FORMAT, bad[i].msg);
	}
	OK(tree_check_path("a/b", &e));
	assert_int_equal(t.len, 0);
	OK(add(&t, "...", &e));
	OK(add(&t, "..a/b..", &e));
	OK(add(&t, "new\nline", &e));
}

static void refuses_long_names(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	char path[TREE_MAX_PATH + 2];

	(void)state;
	memset(path, 'n', sizeof(path));
	path[256] = '\0';
	FAILS(add(&t, path, &e), ERR_LIMIT,
	      "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	      "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	      "...: limit exceeded: a name of 256 bytes, the most is 255");
	path[255] = '\0';
	OK(add(&t, path, &e));
	memset(path, 'n', sizeof(path));
	for (size_t i = 1; i < sizeof(path); i += 2)
		path[i] = '/';
	path[TREE_MAX_PATH + 1] = '\0';
	path[TREE_MAX_PATH] = 'n';
	assert_int_equal(add(&t, path, &e), -1);
	assert_non_null(strstr(e.msg, "...: limit exceeded: a path of 4096 bytes, the most is 4095"));
	path[TREE_MAX_PATH] = '\0';
	OK(add(&t, path, &e));
	OK(tree_finish(&t, &e));
	assert_int_equal(t.len, 1 + 2048);
}

static void refuses_bad_targets(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	char text[TREE_MAX_PATH + 2];

	(void)state;
	FAILS(tree_add_link(&t, "l", "", &e), ERR_FORMAT, "l: a symlink's target may not be empty");
	FAILS(tree_add_link(&t, "l", "\xff", &e), ERR_FORMAT,
	      "l: a symlink's target may not hold bytes that are not UTF-8: \\xff");
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	FAILS(tree_add_link(&t, "l", text, &e), ERR_LIMIT,
	      "l: limit exceeded: a symlink's target of 4096 bytes, the most is 4095");
	OK(tree_add_link(&t, "l", "../../anywhere", &e));
}

static void refuses_clashes(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		CLEAN_TREE struct tree t = TREE_INIT;

		t.origin = turn ? "slsc.yaml:20:9" : "slsc.yaml:9:5";
		OK(add(&t, "bin/x", &e));
		t.origin = turn ? "slsc.yaml:9:5" : "slsc.yaml:20:9";
		OK(add(&t, "bin/x", &e));
		FAILS(tree_finish(&t, &e), ERR_EXISTS,
		      turn ? "bin/x: added twice to the archive: by slsc.yaml:20:9 and by slsc.yaml:9:5" :
			     "bin/x: added twice to the archive: by slsc.yaml:9:5 and by slsc.yaml:20:9");
	}
	{
		CLEAN_TREE struct tree t = TREE_INIT;

		put_file("host", "1", 1);
		OK(tree_add_file(&t, "d", "host", 0644, &e));
		OK(tree_add_dir(&t, "d", 0755, 0, 0, &e));
		FAILS(tree_finish(&t, &e), ERR_EXISTS, "d: added twice to the archive: by host and by slsc itself");
	}
	{
		CLEAN_TREE struct tree t = TREE_INIT;

		OK(tree_add_dir(&t, "d", 0755, 0, 0, &e));
		t.origin = "slsc.yaml:3:1";
		OK(tree_add_dir(&t, "d", 01777, 0, 5, &e));
		FAILS(tree_finish(&t, &e), ERR_EXISTS,
		      "d: added twice to the archive with different attributes: "
		      "0755 0:0 by slsc itself and 1777 0:5 by slsc.yaml:3:1");
	}
	{
		CLEAN_TREE struct tree t = TREE_INIT;

		OK(add(&t, "a/b/c/d", &e));
		OK(add(&t, "a/b", &e));
		OK(add(&t, "a/b.c", &e));
		FAILS(tree_finish(&t, &e), ERR_EXISTS,
		      "a/b/c/d: cannot be below a/b, which is a file in the archive: "
		      "by slsc itself and by slsc itself");
	}
	{
		CLEAN_TREE struct tree t = TREE_INIT;

		OK(add(&t, "lib/x", &e));
		t.origin = "slsc.yaml:7:2";
		OK(tree_add_link(&t, "lib", "/usr/lib", &e));
		FAILS(tree_finish(&t, &e), ERR_EXISTS,
		      "lib/x: cannot be below lib, which is a symlink in the archive: "
		      "by slsc itself and by slsc.yaml:7:2");
	}
}

static void reads_the_host(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	mkdir("h", 0700);
	mkdir("h/.hidden", 0777);
	put_file("h/.hidden/f", "1", 1);
	put_file("h/run", "22", 2);
	chmod("h/run", 0700);
	put_file("h/secret", "333", 3);
	chmod("h/secret", 0600);
	assert_int_equal(symlink("run", "h/link"), 0);
	assert_int_equal(symlink("/nowhere", "h/dangling"), 0);
	OK(tree_add_host(&t, "x", "h", 0, &e));
	OK(tree_add_host(&t, "", "h/.hidden", 0600, &e));
	OK(tree_add_host(&t, "one", "h/run", 0444, &e));
	OK(tree_finish(&t, &e));
	listing(&t, &b);
	assert_string_equal(b.ptr, "f 0600 f\n"
				   "f 0444 one\n"
				   "d 0755 x\n"
				   "d 0755 x/.hidden\n"
				   "f 0644 x/.hidden/f\n"
				   "l 0777 x/dangling -> /nowhere\n"
				   "l 0777 x/link -> run\n"
				   "f 0755 x/run\n"
				   "f 0644 x/secret\n");
	assert_int_equal(tree_total(&t), 9);
}

static void refuses_what_is_no_file(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "odd/sock" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	mkdir("odd", 0755);
	assert_int_equal(mkfifo("odd/fifo", 0644), 0);
	FAILS(tree_add_host(&t, "x", "odd", 0, &e), ERR_FORMAT,
	      "cannot archive odd/fifo: it is no file, directory or symlink");
	unlink("odd/fifo");
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	close(s);
	FAILS(tree_add_host(&t, "x", "odd", 0, &e), ERR_FORMAT,
	      "cannot archive odd/sock: it is no file, directory or symlink");
	FAILS(tree_add_file(&t, "x", "/dev/null", 0644, &e), ERR_FORMAT,
	      "cannot archive /dev/null: it is no file, directory or symlink");
	FAILS(tree_add_file(&t, "x", "odd", 0644, &e), ERR_FORMAT, "cannot archive odd as a file: it is a directory");
	FAILS(tree_add_file(&t, "x", "odd/none", 0644, &e), ERR_IO, "cannot read odd/none: No such file or directory");
	FAILS(tree_add_host(&t, "x", "odd/none", 0, &e), ERR_IO, "cannot read odd/none: No such file or directory");
	mkdir("latin", 0755);
	put_file("latin/caf\xe9", "", 0);
	FAILS(tree_add_host(&t, "y", "latin", 0, &e), ERR_FORMAT,
	      "y/caf\\xe9: a path in an archive may not hold bytes that are not UTF-8");
	put_file("huge", "", 0);
	assert_int_equal(truncate("huge", ((off_t)1 << 40) + 1), 0);
	FAILS(tree_add_file(&t, "x", "huge", 0644, &e), ERR_LIMIT,
	      "huge: limit exceeded: 1099511627777 bytes, the most is 1099511627776");
}

static void refuses_a_million_and_one(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	char path[32];

	(void)state;
	for (unsigned i = 0; i < TREE_MAX_ENTRIES; i++) {
		snprintf(path, sizeof(path), "%u", i);
		OK(tree_add_dir(&t, path, 0755, 0, 0, &e));
	}
	FAILS(tree_add_dir(&t, "more", 0755, 0, 0, &e), ERR_LIMIT, "more: limit exceeded: the most is 1000000 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_and_adds_parents),  cmocka_unit_test(an_empty_tree),
		cmocka_unit_test(refuses_bad_paths),	   cmocka_unit_test(refuses_long_names),
		cmocka_unit_test(refuses_bad_targets),	   cmocka_unit_test(refuses_clashes),
		cmocka_unit_test(reads_the_host),	   cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(refuses_a_million_and_one),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
