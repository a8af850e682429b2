/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: write fsync pthread_create */
#include "test_tree_util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "archive/zip.h"

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

static size_t disk_left = SIZE_MAX;	/* bytes until write() says ENOSPC */
static bool fsync_fails;
static unsigned threads_left = 100, threads_made;

/* Short writes and interrupted ones all the while: they must not show. */
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	static unsigned turn;

	if (fd <= 2)
		return __real_write(fd, p, n);
	if (++turn % 5 == 0) {
		errno = EINTR;
		return -1;
	}
	if (n > 100000)
		n = 100000;
	if (disk_left != SIZE_MAX) {
		if (!disk_left) {
			errno = ENOSPC;
			return -1;
		}
		if (n > disk_left)
			n = disk_left;
		disk_left -= n;
	}
	return __real_write(fd, p, n);
}

int __wrap_fsync(int fd)
{
	(void)fd;
	errno = EIO;
	return fsync_fails ? -1 : 0;
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	if (!threads_left)
		return EAGAIN;
	threads_left--;
	threads_made++;
	return __real_pthread_create(t, a, f, arg);
}

static uint64_t zip_to(struct tree *t, const char *path, enum zip_level level, int64_t mtime)
{
	struct err e = ERR_INIT;
	struct stat st;
	uint64_t size = 0;

	OK(tree_finish(t, &e));
	OK(zip_write(t, path, level, mtime, &size, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, size);
	return size;
}

static void assert_same(const char *a, const char *b)
{
	CLEAN_BUF struct buf x = BUF_INIT, y = BUF_INIT;

	get_file(a, &x);
	get_file(b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.ptr, y.ptr, x.len);
}

/* After APPNOTE 4.3.7, 4.3.12, 4.3.16; 2001-02-03 04:05:06 UTC; CRC-32 by Python. */
static void exact_bytes(void **state)
{
	static const char want[] =
		"PK\3\4\x14\0\0\0\0\0\xa3\x20\x43\x2a\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0d/"
		"PK\3\4\x0a\0\0\0\0\0\xa3\x20\x43\x2a\x20\x30\x3a\x36\6\0\0\0\6\0\0\0\3\0\0\0d/fhello\n"
		"PK\3\4\x0a\0\0\x08\0\0\xa3\x20\x43\x2a\xee\x46\x52\x06\3\0\0\0\3\0\0\0\2\0\0\0\xc3\xa9"
		"d/f"
		"PK\1\2\x14\3\x14\0\0\0\0\0\xa3\x20\x43\x2a\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\x10\0\xed\x41"
		"\0\0\0\0d/"
		"PK\1\2\x14\3\x0a\0\0\0\0\0\xa3\x20\x43\x2a\x20\x30\x3a\x36\6\0\0\0\6\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0"
		"\xed\x89\x20\0\0\0d/f"
		"PK\1\2\x14\3\x0a\0\0\x08\0\0\xa3\x20\x43\x2a\xee\x46\x52\x06\3\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0"
		"\xff\xa1\x47\0\0\0\xc3\xa9"
		"PK\5\6\0\0\0\0\3\0\3\0\x91\0\0\0\x6a\0\0\0\0\0";
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	OK(tree_add_data(&t, "d/f", "hello\n", 6, 04755, 1, 2, &e));
	OK(tree_add_link(&t, "\xc3\xa9", "d/f", &e));
	zip_to(&t, "exact.zip", ZIP_DEFAULT, 981173106);
	get_file("exact.zip", &b);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.ptr, want, b.len);
	RUN_OK("unzip", "-tq", "exact.zip");
}

static void an_empty_tree(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	zip_to(&t, "empty.zip", ZIP_DEFAULT, 0);
	get_file("empty.zip", &b);
	assert_int_equal(b.len, 22);
	assert_memory_equal(b.ptr, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
}

static const char py_list[] = "import sys, zipfile\n"
			      "z = zipfile.ZipFile(sys.argv[1])\n"
			      "assert z.testzip() is None\n"
			      "for i in z.infolist():\n"
			      "    print(i.filename, oct(i.external_attr >> 16), i.create_system, i.compress_type,\n"
			      "          i.file_size,\n"
			      "          '%d-%02d-%02d %02d:%02d:%02d' % i.date_time, len(i.extra), i.flag_bits)\n";

static void read_back(void **state)
{
	static const char *const names[] = { "a.zip", "b.zip", "c.zip", "d.zip" };
	static const enum zip_level levels[] = { ZIP_FAST, ZIP_DEFAULT, ZIP_MAX, ZIP_STORE };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *text = xmalloc(3000000);
	CLEAN_FREE uint8_t *rnd = xmalloc(100000);
	struct err e = ERR_INIT;
	uint64_t sizes[4];

	(void)state;
	fill(text, 3000000, 2);
	noise(rnd, 100000);
	put_file("text", text, 3000000);
	OK(tree_add_file(&t, "bootstrap", "text", 0755, &e));
	OK(tree_add_data(&t, "noise", rnd, 100000, 0600, 0, 0, &e));
	OK(tree_add_data(&t, "none", "", 0, 0644, 0, 0, &e));
	OK(tree_add_data(&t, "one", "1", 1, 0644, 0, 0, &e));
	OK(tree_add_data(&t, "gr\xc3\xbc\xc3\x9f/\xe2\x82\xac", text, 5000, 0644, 0, 0, &e));
	OK(tree_add_link(&t, "link", "bootstrap", &e));
	for (size_t i = 0; i < 4; i++) {
		sizes[i] = zip_to(&t, names[i], levels[i], 1700000001);
		RUN_OK("unzip", "-tq", names[i]);
		RUN_OK("sh", "-c", "rm -rf u && mkdir u && cd u && "
				   "LC_ALL=C.UTF-8 bsdtar xf ../$0 && cmp bootstrap ../text && "
				   "test \"$(readlink link)\" = bootstrap && test -x bootstrap && "
				   "test $(stat -c %s 'gr\xc3\xbc\xc3\x9f/\xe2\x82\xac') = 5000", names[i]);
		RUN_OK("sh", "-c", "unzip -p $0 bootstrap | cmp - text", names[i]);
	}
	assert_true(sizes[0] > sizes[1] && sizes[1] > sizes[2] && sizes[3] > 3105000);
	RUN_IS("bootstrap 0o100755 3 8 3000000 2023-11-14 22:13:20 0 0\n"
	       "gr\xc3\xbc\xc3\x9f/ 0o40755 3 0 0 2023-11-14 22:13:20 0 2048\n"
	       "gr\xc3\xbc\xc3\x9f/\xe2\x82\xac 0o100644 3 8 5000 2023-11-14 22:13:20 0 2048\n"
	       "link 0o120777 3 0 9 2023-11-14 22:13:20 0 0\n"
	       "noise 0o100600 3 0 100000 2023-11-14 22:13:20 0 0\n"
	       "none 0o100644 3 0 0 2023-11-14 22:13:20 0 0\n"
	       "one 0o100644 3 0 1 2023-11-14 22:13:20 0 0",
	       "env", "LC_ALL=C.UTF-8", "python3", "-c", py_list, "b.zip");
}

static void time_is_clamped(void **state)
{
	static const struct {
		int64_t mtime;
		const char *shown;
	} times[] = {
		{ INT64_MIN, "1980-01-01 00:00:00" },  { 315532799, "1980-01-01 00:00:00" },
		{ 315532802, "1980-01-01 00:00:02" },  { 951782400, "2000-02-29 00:00:00" },
		{ 4354819199, "2107-12-31 23:59:58" }, { INT64_MAX, "2107-12-31 23:59:58" },
	};
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	OK(tree_add_data(&t, "f", "", 0, 0644, 0, 0, &e));
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		CLEAN_FREE char *want = xasprintf("f 0o100644 3 0 0 %s 0 0", times[i].shown);

		zip_to(&t, "time.zip", ZIP_STORE, times[i].mtime);
		RUN_IS(want, "python3", "-c", py_list, "time.zip");
	}
}

/* Entries larger than 64 MiB go through the pool in parts: shrinking, not shrinking, stored. */
static void large_entries(void **state)
{
	const size_t n = ((size_t)64 << 20) + 12345;
	CLEAN_FREE char *text = xmalloc(n);
	CLEAN_TREE struct tree t = TREE_INIT, incompressible = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	fill(text, n, 3);
	put_file("large", text, n);
	OK(tree_add_data(&t, "before", text, 10000, 0644, 0, 0, &e));
	OK(tree_add_file(&t, "large", "large", 0644, &e));
	OK(tree_add_data(&t, "then", text, 10000, 0644, 0, 0, &e));
	zip_to(&t, "large.zip", ZIP_FAST, 0);
	RUN_OK("unzip", "-tq", "large.zip");
	RUN_OK("sh", "-c", "unzip -p large.zip large | cmp - large && bsdtar xOf large.zip large | cmp - large");
	threads_left = 0;
	zip_to(&t, "alone.zip", ZIP_FAST, 0);
	threads_left = 1;
	zip_to(&t, "single.zip", ZIP_FAST, 0);
	threads_left = 100;
	assert_same("large.zip", "alone.zip");
	assert_same("large.zip", "single.zip");

	zip_to(&t, "stored.zip", ZIP_STORE, 0);
	RUN_OK("sh", "-c", "unzip -tq stored.zip && unzip -p stored.zip large | cmp - large");

	noise((uint8_t *)text, n);
	put_file("large", text, n);
	OK(tree_add_file(&incompressible, "large", "large", 0644, &e));
	OK(tree_add_data(&incompressible, "then", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 30, 0644, 0, 0, &e));
	assert_int_equal(zip_to(&incompressible, "noise.zip", ZIP_FAST, 0), n + 2 * (30 + 46) + 2 * 9 + 30 + 22);
	RUN_IS("large 0o100644 3 0 67121209 1980-01-01 00:00:00 0 0\nthen 0o100644 3 0 30 1980-01-01 00:00:00 0 0",
	       "python3", "-c", py_list, "noise.zip");
	RUN_OK("sh", "-c", "unzip -p noise.zip large | cmp - large");
	unlink("large");
}

static void many_entries_need_zip64(void **state)
{
	static const unsigned counts[] = { 65534, 65535, 70000 };
	struct err e = ERR_INIT;
	char path[32];

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		CLEAN_TREE struct tree t = TREE_INIT;
		CLEAN_BUF struct buf b = BUF_INIT;
		CLEAN_FREE char *want = xasprintf("%u %u", counts[c], counts[c] - 1);

		for (unsigned i = 0; i < counts[c]; i++) {
			snprintf(path, sizeof(path), "%05u", i);
			OK(tree_add_data(&t, path, path, 0, 0644, 0, 0, &e));
		}
		zip_to(&t, "many.zip", ZIP_DEFAULT, 0);
		get_file("many.zip", &b);
		assert_int_equal(b.len, (size_t)counts[c] * (30 + 46 + 10) + 22 + (c ? 76 : 0));
		RUN_IS(want, "python3", "-c",
		       "import zipfile; n = zipfile.ZipFile('many.zip').namelist(); print(len(n), int(n[-1]))");
		RUN_IS(want, "sh", "-c", "bsdtar tf many.zip > l && echo $(wc -l < l) $(tail -n 1 l)");
	}
}

static void bytes_do_not_depend_on_threads(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *text = xmalloc(400000);
	struct err e = ERR_INIT;
	char name[16];

	(void)state;
	fill(text, 400000, 4);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "d%u/f", i);
		OK(tree_add_data(&t, name, text + i * 1000, i % 7 * 20000, 0644, 0, 0, &e));
	}
	threads_made = 0;
	zip_to(&t, "two.zip", ZIP_DEFAULT, 0);
	assert_int_equal(threads_made, 2);
	threads_left = 0;
	zip_to(&t, "none.zip", ZIP_DEFAULT, 0);
	threads_left = 100;
	assert_same("two.zip", "none.zip");
	RUN_OK("unzip", "-tq", "two.zip");
}

static void small_trees_start_no_thread(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *text = xmalloc(256 << 10);
	struct err e = ERR_INIT;

	(void)state;
	fill(text, 256 << 10, 4);
	OK(tree_add_data(&t, "f", text, 256 << 10, 0644, 0, 0, &e));
	threads_made = 0;
	zip_to(&t, "small.zip", ZIP_DEFAULT, 0);
	assert_int_equal(threads_made, 0);
}

static void mode_follows_the_umask(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct stat st;
	mode_t mask = umask(022);

	(void)state;
	umask(mask);
	zip_to(&t, "mode.zip", ZIP_DEFAULT, 0);
	assert_int_equal(stat("mode.zip", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644 & ~mask);
}

/* The directory holds @path with its old contents, and nothing else. */
static void assert_old(const char *dir, const char *path)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	OK(fs_list(dir, &names, &e));
	assert_int_equal(names.len, 1);
	get_file(path, &b);
	assert_string_equal(b.ptr, "old");
}

static void a_full_disk(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *text = xmalloc(700000);
	struct err e = ERR_INIT;
	uint64_t size = 77;

	(void)state;
	mkdir("full", 0755);
	fill(text, 700000, 5);
	OK(tree_add_data(&t, "f", text, 700000, 0644, 0, 0, &e));
	OK(tree_add_data(&t, "g", text, 700, 0644, 0, 0, &e));
	OK(tree_finish(&t, &e));
	put_file("full/x.zip", "old", 3);
	for (size_t room = 0; room < 250000; room = room * 5 + 1) {
		disk_left = room;
		FAILS(zip_write(&t, "full/x.zip", ZIP_DEFAULT, 0, &size, &e), ERR_IO,
		      "cannot write full/x.zip: No space left on device");
		disk_left = SIZE_MAX;
		assert_int_equal(e.sys, ENOSPC);
		assert_old("full", "full/x.zip");
	}
	fsync_fails = true;
	FAILS(zip_write(&t, "full/x.zip", ZIP_DEFAULT, 0, &size, &e), ERR_IO,
	      "cannot write full/x.zip: Input/output error");
	fsync_fails = false;
	assert_old("full", "full/x.zip");
	assert_int_equal(size, 77);
	FAILS(zip_write(&t, "gone/x.zip", ZIP_DEFAULT, 0, &size, &e), ERR_IO,
	      "cannot write gone/x.zip: No such file or directory");
}

static void sources_that_change(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	mkdir("chg", 0755);
	put_file("chg/x.zip", "old", 3);
	put_file("src", "1234", 4);
	OK(tree_add_file(&t, "f", "src", 0644, &e));
	OK(tree_finish(&t, &e));
	put_file("src", "123", 3);
	FAILS(zip_write(&t, "chg/x.zip", ZIP_DEFAULT, 0, NULL, &e), ERR_IO,
	      "src: changed while it was archived: it had 4 bytes and now has 3");
	put_file("src", "12345", 5);
	FAILS(zip_write(&t, "chg/x.zip", ZIP_DEFAULT, 0, NULL, &e), ERR_IO,
	      "src: changed while it was archived: it had 4 bytes and now has 5");
	unlink("src");
	FAILS(zip_write(&t, "chg/x.zip", ZIP_DEFAULT, 0, NULL, &e), ERR_IO,
	      "cannot read src: No such file or directory");
	assert_old("chg", "chg/x.zip");
}

/* One entry that libdeflate needs seconds for: the signal is heard all the same. In a child, as it stays heard. */
static void an_interrupt(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	const size_t n = (size_t)40 << 20;
	CLEAN_FREE char *text = xmalloc(n);
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
	mkdir("intr", 0755);
	put_file("intr/x.zip", "old", 3);
	fill(text, n, 6);
	OK(tree_add_data(&t, "f", text, n, 0644, 0, 0, &e));
	OK(tree_finish(&t, &e));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct timespec a, b;
		pthread_t thread;
		bool ok;

		sig_install();
		if (__real_pthread_create(&thread, NULL, interrupt, NULL) != 0)
			_exit(1);
		clock_gettime(CLOCK_MONOTONIC, &a);
		ok = zip_write(&t, "intr/x.zip", ZIP_MAX, 0, NULL, &e) < 0 && e.code == ERR_INTR;
		clock_gettime(CLOCK_MONOTONIC, &b);
		pthread_join(thread, NULL);
		/* It would take ten times as long to the end. */
		_exit(ok && strcmp(e.msg, "interrupted") == 0 && b.tv_sec - a.tv_sec < 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_old("intr", "intr/x.zip");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_bytes),
		cmocka_unit_test(an_empty_tree),
		cmocka_unit_test(read_back),
		cmocka_unit_test(time_is_clamped),
		cmocka_unit_test(large_entries),
		cmocka_unit_test(many_entries_need_zip64),
		cmocka_unit_test(bytes_do_not_depend_on_threads),
		cmocka_unit_test(small_trees_start_no_thread),
		cmocka_unit_test(mode_follows_the_umask),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(sources_that_change),
		cmocka_unit_test(an_interrupt),
	};

	sig_install();
	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
