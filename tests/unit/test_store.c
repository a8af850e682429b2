/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oci/store.h"
#include "os/fs.h"

static char root[64];
static unsigned fetched;

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_store.XXXXXX");
	fetched = 0;
	return mkdtemp(root) && setenv("SLSC_CACHE_DIR", root, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(root, &err);
}

/* An origin whose blobs are 300,000 bytes of the letter that is their media type; "!" gives other ones. */
#define SIZE 300000u

static char *content(char c)
{
	char *s = xmalloc(SIZE + 1);

	memset(s, c, SIZE);
	s[SIZE] = '\0';
	return s;
}

static int give(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_FREE char *s = content(d->media_type[0]);

	(void)o;
	fetched++;
	for (size_t at = 0; at < SIZE; at += 1000)
		if (sink(ctx, s + at, 1000, err) < 0)
			return -1;
	return d->media_type[1] ? err_set(err, ERR_FORMAT, "other bytes") : 0;
}

static const struct origin_ops ops = { .blob = give };
static struct origin from = { .ops = &ops };

static struct doc_descriptor describe(const char *letter)
{
	CLEAN_FREE char *s = content(letter[0]);
	struct doc_descriptor d = { .media_type = letter, .size = SIZE };
	struct err err;

	assert_int_equal(digest_of(s, SIZE, &d.digest, &err), 0);
	return d;
}

static bool is_whole(int fd, char c)
{
	CLEAN_FREE char *want = content(c), *got = xmalloc(SIZE);

	return pread(fd, got, SIZE, 0) == SIZE && memcmp(got, want, SIZE) == 0;
}

/* Names in the store that are not blobs. */
static size_t leftovers(void)
{
	CLEAN_FREE char *dir = path_join(root, "blobs/sha256");
	CLEAN_STRS struct strs names = { 0 };
	struct err err;
	size_t n = 0;

	assert_int_equal(fs_list(dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++)
		n += strlen(names.ptr[i]) != 64;
	return n;
}

static void test_fetch(void **state)
{
	const struct doc_descriptor a = describe("a"), bad = describe("b!");
	CLEAN_FREE char *path = NULL, *want = store_path(&a.digest), *none = NULL;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_false(store_has(&a.digest, SIZE));
	assert_int_equal(store_open(NULL, &a, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(store_fetch(&from, &a, &path, &err), 0);
	assert_string_equal(path, want);
	assert_true(store_has(&a.digest, SIZE));
	assert_false(store_has(&a.digest, SIZE - 1));
	fd = store_open(NULL, &a, &err);
	assert_true(is_whole(fd, 'a'));
	close(fd);
	assert_int_equal(fetched, 1);
	/* one that is not what it should be gets no name */
	assert_int_equal(store_fetch(&from, &bad, &none, &err), -1);
	assert_string_equal(err.msg, "other bytes");
	assert_null(none);
	assert_false(store_has(&bad.digest, SIZE));
	/* one that a crash of the machine cut short is fetched again */
	assert_int_equal(truncate(path, 5), 0);
	fd = store_open(&from, &a, &err);
	assert_true(is_whole(fd, 'a'));
	close(fd);
	assert_int_equal(leftovers(), 0);
}

static void test_put_and_take(void **state)
{
	CLEAN_FREE char *src = path_join(root, "src");
	struct digest d, e;
	struct err err;

	(void)state;
	assert_int_equal(store_put("hello", 5, &d, &err), 0);
	assert_true(store_has(&d, 5));
	assert_int_equal(store_put("hello", 5, &d, &err), 0);
	assert_int_equal(fs_write_file(src, "world", 5, 0600, &err), 0);
	assert_int_equal(digest_of("world", 5, &e, &err), 0);
	assert_int_equal(store_take(src, &e, 5, &err), 0);
	assert_int_equal(store_take(src, &e, 5, &err), 0);
	assert_true(store_has(&e, 5));
	/* a copy: what happens to the source is not its affair */
	assert_int_equal(fs_write_file(src, "other", 5, 0600, &err), 0);
	assert_true(store_has(&e, 5));
}

static void age(const struct digest *d, time_t seconds)
{
	CLEAN_FREE char *path = store_path(d);
	const struct timespec t[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void spoil(const char *path, time_t mtime)
{
	const struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };
	const int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void set_mtime(const char *path, time_t mtime)
{
	const struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A blob of the bytes "aaaa", last written long ago. */
static void put_aaaa(const char *path)
{
	struct err err;

	assert_int_equal(fs_write_file(path, "aaaa", 4, 0644, &err), 0);
	set_mtime(path, 1000);
}

static void test_verified(void **state)
{
	CLEAN_FREE char *path = NULL, *known = NULL, *other = path_join(root, "link");
	struct digest d;
	struct err err;
	struct stat st;

	(void)state;
	assert_int_equal(store_put("aaaa", 4, &d, &err), 0);
	path = store_path(&d);
	known = store_record_path(digest_hex(&d));
	/* just written: it is good, but not remembered */
	assert_true(store_verified(&d, 4));
	assert_false(fs_exists(known));
	set_mtime(path, 1000);
	assert_false(store_verified(&d, 5));
	assert_false(fs_exists(known));
	assert_true(store_verified(&d, 4));
	assert_true(fs_exists(known));
	/* the record is what is believed: these bytes have the stat data of those that were hashed */
	assert_int_equal(link(path, other), 0);
	spoil(other, 1000);
	set_mtime(known, 2000);
	assert_true(store_verified(&d, 4));
	/* the blob's own mtime stays: the use is the record's */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	assert_int_equal(stat(known, &st), 0);
	assert_true(st.st_mtim.tv_sec > 2000);
	/* a damaged record: hashed, and what is bad goes, with its record */
	assert_int_equal(fs_write_file(known, "1 2 3\n", 6, 0644, &err), 0);
	assert_false(store_verified(&d, 4));
	assert_false(fs_exists(path));
	assert_false(fs_exists(known));
	assert_false(store_verified(&d, 4));
}

static void test_verified_changes(void **state)
{
	CLEAN_FREE char *path = NULL, *known = NULL, *other = path_join(root, "link");
	struct digest d;
	struct err err;

	(void)state;
	assert_int_equal(store_put("aaaa", 4, &d, &err), 0);
	path = store_path(&d);
	known = store_record_path(digest_hex(&d));
	/* another mtime */
	put_aaaa(path);
	assert_true(store_verified(&d, 4));
	spoil(path, 1001);
	assert_false(store_verified(&d, 4));
	/* another mtime of the same bytes: they are good, and remembered anew */
	put_aaaa(path);
	assert_true(store_verified(&d, 4));
	set_mtime(path, 1001);
	assert_true(store_verified(&d, 4));
	spoil(path, 1001);
	assert_true(store_verified(&d, 4));
	/* no record */
	assert_int_equal(unlink(known), 0);
	assert_false(store_verified(&d, 4));
	/* another inode */
	put_aaaa(path);
	assert_true(store_verified(&d, 4));
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(fs_write_file(path, "bbbb", 4, 0644, &err), 0);
	set_mtime(path, 1000);
	assert_false(store_verified(&d, 4));
	/* another size, that of the record */
	put_aaaa(path);
	assert_true(store_verified(&d, 4));
	assert_int_equal(truncate(path, 3), 0);
	set_mtime(path, 1000);
	assert_false(store_verified(&d, 4));
	/* no file */
	put_aaaa(path);
	assert_true(store_verified(&d, 4));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_false(store_verified(&d, 4));
}

/* The use is the record's, and it goes with its blob. */
static void test_verified_prune(void **state)
{
	CLEAN_FREE char *path = NULL, *known = NULL, *newer = NULL;
	struct digest d, e;
	struct err err;
	struct kept_pruned out;

	(void)state;
	assert_int_equal(store_put("aaaa", 4, &d, &err), 0);
	assert_int_equal(store_put("bbbb", 4, &e, &err), 0);
	path = store_path(&d);
	known = store_record_path(digest_hex(&d));
	newer = store_path(&e);
	set_mtime(path, 1000);
	set_mtime(newer, 2000);
	assert_true(store_verified(&d, 4));
	assert_int_equal(store_prune(4, false, &out, &err), 0);
	assert_int_equal(out.removed, 1);
	assert_false(fs_exists(newer));
	assert_true(fs_exists(path));
	assert_true(fs_exists(known));
	/* the blob's own is the later one */
	assert_int_equal(store_put("bbbb", 4, &e, &err), 0);
	set_mtime(known, 1000);
	set_mtime(path, 3000);
	set_mtime(newer, 2000);
	assert_int_equal(store_prune(4, false, &out, &err), 0);
	assert_false(fs_exists(newer));
	assert_true(fs_exists(path));
	assert_int_equal(store_prune(0, true, &out, &err), 0);
	assert_true(fs_exists(known));
	assert_int_equal(store_prune(0, false, &out, &err), 0);
	assert_int_equal(out.bytes, 4);
	assert_false(fs_exists(path));
	assert_false(fs_exists(known));
}

static void test_prune(void **state)
{
	struct doc_descriptor d[3] = { describe("a"), describe("b"), describe("c") };
	CLEAN_FREE char *old = path_join(root, "blobs/sha256/.slsc-tmp.1.0");
	CLEAN_FREE char *live = path_join(root, "blobs/sha256/.slsc-tmp.1.1");
	const struct timespec day[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct kept_pruned out;
	struct err err;
	int fd;

	(void)state;
	assert_int_equal(store_prune(0, false, &out, &err), 0);
	assert_int_equal(out.removed, 0);
	for (int i = 0; i < 3; i++) {
		CLEAN_FREE char *path = NULL;

		assert_int_equal(store_fetch(&from, &d[i], &path, &err), 0);
		age(&d[i].digest, 1000 + i);
	}
	fd = store_open(NULL, &d[0], &err);	/* used: now it is the newest */
	assert_int_equal(fs_write_file(old, "x", 1, 0600, &err), 0);
	assert_int_equal(fs_write_file(live, "x", 1, 0600, &err), 0);
	assert_int_equal(utimensat(AT_FDCWD, old, day, 0), 0);

	assert_int_equal(store_prune(SIZE, true, &out, &err), 0);
	assert_int_equal(out.removed, 2);
	assert_int_equal(out.bytes, 2 * SIZE);
	assert_true(store_has(&d[1].digest, SIZE));
	age(&d[1].digest, 1001);
	assert_true(fs_exists(old));

	assert_int_equal(store_prune(2 * SIZE, false, &out, &err), 0);
	assert_int_equal(out.removed, 1);
	assert_false(store_has(&d[1].digest, SIZE));
	assert_true(store_has(&d[2].digest, SIZE));
	assert_false(fs_exists(old));
	assert_true(fs_exists(live));

	/* who has it open keeps it; who wants it anew gets it anew */
	assert_int_equal(store_prune(0, false, &out, &err), 0);
	assert_int_equal(out.removed, 2);
	assert_true(is_whole(fd, 'a'));
	close(fd);
	fd = store_open(&from, &d[0], &err);
	assert_true(is_whole(fd, 'a'));
	close(fd);
}

static void test_info(void **state)
{
	CLEANUP(store_info_release) struct store_info info;
	CLEAN_FREE char *dir = path_join(root, "git/x/y"), *file = path_join(dir, "f"), *link = path_join(dir, "l");
	struct digest d;
	struct err err;

	(void)state;
	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(file, "1234567", 7, 0644, &err), 0);
	assert_int_equal(symlink("/", link), 0);	/* not followed */
	assert_int_equal(store_put("hello", 5, &d, &err), 0);
	assert_int_equal(store_info(&info, &err), 0);
	assert_string_equal(info.dir, root);
	assert_int_equal(info.n, 2);
	assert_string_equal(info.part[0].name, "blobs");
	assert_int_equal(info.part[0].bytes, 5);
	assert_int_equal(info.part[0].files, 1);
	assert_string_equal(info.part[1].name, "git");
	assert_int_equal(info.part[1].bytes, 8);
	assert_int_equal(info.bytes, 13);
}

/* What the store has is asked for neither by tag nor by digest again, and damage there is found. */
static const char index_text[] = "{\"schemaVersion\":2,\"manifests\":[]}";
static unsigned asked;

static int give_manifest(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *d,
			 struct arena *arena, struct err *err)
{
	(void)o;
	(void)arena;
	(void)ref;
	asked++;
	buf_addz(out, index_text);
	*d = (struct doc_descriptor){ .media_type = "x", .size = out->len };
	return digest_of(out->ptr, out->len, &d->digest, err);
}

static void free_none(struct origin *o)
{
	(void)o;
}

static void test_stored_origin(void **state)
{
	static const struct origin_ops all = { .manifest = give_manifest, .blob = give, .free = free_none };
	struct origin other = { .ops = &all, .shown = "there" };
	CLEAN_ORIGIN struct origin *o = origin_stored(&other);
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = NULL;
	struct doc_descriptor d, a = describe("a");
	struct digest digest;
	struct err err = ERR_INIT;

	(void)state;
	asked = 0;
	assert_int_equal(o->ops->manifest(o, "tag", &text, &d, &arena, &err), 0);
	assert_string_equal(text.ptr, index_text);
	assert_int_equal(asked, 1);
	digest = d.digest;
	assert_int_equal(o->ops->manifest(o, digest.s, &text, &d, &arena, &err), 0);
	assert_string_equal(text.ptr, index_text);
	assert_string_equal(d.media_type, "application/vnd.oci.image.index.v1+json");
	assert_int_equal(d.size, strlen(index_text));
	assert_int_equal(asked, 1);
	for (int i = 0; i < 3; i++) {
		buf_reset(&text);
		assert_int_equal(origin_bytes(o, &a, SIZE, &text, &err), 0);
		assert_int_equal(text.len, SIZE);
	}
	assert_int_equal(fetched, 1);
	path = o->ops->blob_path(o, &a.digest);
	buf_reset(&text);
	buf_adds(&text, STR("x"));
	assert_int_equal(fs_read(path, SIZE, &text, &err), 0);
	assert_int_equal(fs_write_file(path, text.ptr, SIZE, 0644, &err), 0);
	/* a damaged blob is fetched again */
	assert_int_equal(origin_bytes(o, &a, SIZE, &text, &err), 0);
	assert_int_equal(fetched, 2);
	/* a damaged document is as good as none */
	free(path);
	path = store_path(&digest);
	assert_int_equal(fs_write_file(path, "{}", 2, 0644, &err), 0);
	assert_int_equal(o->ops->manifest(o, digest.s, &text, &d, &arena, &err), 0);
	assert_string_equal(text.ptr, index_text);
	assert_int_equal(asked, 2);
}

/* One process of many: fetches, opens and looks at all blobs over and over; then the child's exit status. */
static void work(const struct doc_descriptor *d, size_t n, unsigned rounds)
{
	struct err err = ERR_INIT;

	for (unsigned r = 0; r < rounds; r++)
		for (size_t i = 0; i < n; i++) {
			int fd = store_open(&from, &d[(i + r) % n], &err);

			if (fd < 0 || !is_whole(fd, d[(i + r) % n].media_type[0])) {
				fprintf(stderr, "%s\n", err.msg);
				_exit(1);
			}
			close(fd);
		}
	_exit(0);
}

static void prune_all(void)
{
	struct err err = ERR_INIT;
	struct kept_pruned out;

	for (int i = 0; i < 300; i++)
		if (store_prune(0, false, &out, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(1);
		}
	_exit(0);
}

/* While another process uses the store, what it may be about to open by its name stays. */
static void test_prune_busy(void **state)
{
	struct doc_descriptor d[2] = { describe("a"), describe("b") };
	struct kept_pruned out;
	int ready[2], go[2];
	struct err err;
	pid_t pid;
	char c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		CLEAN_FREE char *path = NULL;

		assert_int_equal(store_fetch(&from, &d[i], &path, &err), 0);
	}
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	/* let go of what this process holds, or the child had it, too */
	assert_int_equal(store_prune(UINT64_MAX, true, &out, &err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		CLEAN_FREE char *path = NULL;

		close(go[1]);
		_exit(store_fetch(&from, &d[0], &path, &err) < 0 || write(ready[1], "x", 1) != 1 ||
		      read(go[0], &c, 1) != 0 || !fs_exists(path));
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	age(&d[1].digest, 1000);
	assert_int_equal(store_prune(0, false, &out, &err), 0);
	assert_true(out.busy);
	assert_int_equal(out.removed, 1);
	assert_false(store_has(&d[1].digest, SIZE));
	/* nothing stays for its sake that need not go anyway */
	assert_int_equal(store_prune(SIZE, false, &out, &err), 0);
	assert_false(out.busy);
	close(go[1]);
	assert_int_equal(waitpid(pid, &ready[0], 0), pid);
	assert_int_equal(ready[0], 0);
	assert_int_equal(store_prune(0, false, &out, &err), 0);
	assert_false(out.busy);
	assert_int_equal(out.removed, 1);
}

static void test_parallel(void **state)
{
	const struct doc_descriptor d[4] = { describe("a"), describe("b"), describe("c"), describe("d") };
	pid_t pid[8];
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0 && i == 7)
			prune_all();
		if (pid[i] == 0)
			work(d, ARRAY_LEN(d), i == 0 ? 1000000 : 20);
	}
	/* one ends with all the others at work, wherever it stands */
	for (size_t i = 1; i < ARRAY_LEN(pid); i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
		if (i == 3)
			assert_int_equal(kill(pid[0], SIGKILL), 0);
	}
	assert_int_equal(waitpid(pid[0], &status, 0), pid[0]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (size_t i = 0; i < ARRAY_LEN(d); i++) {
		struct err err;
		int fd = store_open(&from, &d[i], &err);

		assert_true(is_whole(fd, d[i].media_type[0]));
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_fetch),
					    TEST(test_put_and_take),
					    TEST(test_verified),
					    TEST(test_verified_changes),
					    TEST(test_verified_prune),
					    TEST(test_prune),
					    TEST(test_info),
					    TEST(test_stored_origin),
					    TEST(test_prune_busy),
					    TEST(test_parallel) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
