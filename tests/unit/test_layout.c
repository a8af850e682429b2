/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: rename fsync */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oci/layer.h"
#include "oci/layout.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int fail_rename, fail_fsync, fsyncs;

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	if (fail_rename) {
		errno = fail_rename;
		return -1;
	}
	return __real_rename(from, to);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	fsyncs++;
	if (fail_fsync) {
		errno = fail_fsync;
		return -1;
	}
	return __real_fsync(fd);
}

struct fixture {
	char dir[64];
	char *oci;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test_layout.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->oci = path_join(f->dir, "a/x.oci");
	fail_rename = fail_fsync = fsyncs = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int ret;

	fail_rename = fail_fsync = 0;
	ret = fs_rmtree(f->dir, &err);
	free(f->oci);
	free(f);
	return ret;
}

static char *slurp(const char *dir, const char *name)
{
	CLEAN_FREE char *path = path_join(dir, name);
	struct buf b = BUF_INIT;
	struct err err;

	if (fs_read(path, 1 << 20, &b, &err) < 0) {
		buf_release(&b);
		return xstrdup("(absent)");
	}
	return buf_detach(&b);
}

static void assert_file(const char *dir, const char *name, const char *want)
{
	CLEAN_FREE char *got = slurp(dir, name);

	assert_string_equal(got, want);
}

static size_t blob_count(const struct fixture *f)
{
	CLEAN_FREE char *path = path_join(f->oci, "blobs/sha256");
	CLEAN_STRS struct strs names = { 0 };
	struct err err;

	assert_int_equal(fs_list(path, &names, &err), 0);
	return names.len;
}

static void write_one(const struct fixture *f, const char *blob, const char *index)
{
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	struct digest d;
	struct err err;

	assert_int_equal(layout_open(&l, f->oci, true, &err), 0);
	assert_int_equal(layout_put(&l, blob, strlen(blob), &d, &err), 0);
	assert_int_equal(layout_commit(&l, index, strlen(index), &err), 0);
}

static void test_write(void **state)
{
	const struct fixture *f = *state;

	write_one(f, "abc", "{1}");
	assert_file(f->oci, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	assert_file(f->oci, "index.json", "{1}");
	assert_file(f->oci, "blobs/sha256/" ABC, "abc");
	/* index.json, its blob, oci-layout */
	assert_int_equal(fsyncs, 3);
	/* the old blob goes once the new index is there */
	write_one(f, "def", "{2}");
	assert_file(f->oci, "index.json", "{2}");
	assert_file(f->oci, "blobs/sha256/" ABC, "(absent)");
	assert_int_equal(blob_count(f), 1);
}

static void test_kept_and_repaired(void **state)
{
	const struct fixture *f = *state;
	CLEAN_FREE char *blob = path_join(f->oci, "blobs/sha256/" ABC);
	struct stat a, b;
	struct err err;

	write_one(f, "abc", "{1}");
	assert_int_equal(stat(blob, &a), 0);
	write_one(f, "abc", "{1}");
	assert_int_equal(stat(blob, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	/* other bytes of the same length under its name */
	assert_int_equal(fs_write_file(blob, "abd", 3, 0644, &err), 0);
	write_one(f, "abc", "{1}");
	assert_file(f->oci, "blobs/sha256/" ABC, "abc");
}

static void test_stream(void **state)
{
	const struct fixture *f = *state;
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	struct blob b;
	struct digest d;
	struct err err;
	uint64_t size = 0;

	assert_int_equal(layout_open(&l, f->oci, false, &err), 0);
	assert_int_equal(blob_begin(&b, &l, &err), 0);
	assert_int_equal(blob_write(&b, "a", 1, &err), 0);
	assert_int_equal(blob_write(&b, "bc", 2, &err), 0);
	assert_int_equal(blob_end(&b, &d, &size, &err), 0);
	assert_string_equal(digest_hex(&d), ABC);
	assert_int_equal(size, 3);
	assert_file(f->oci, "blobs/sha256/" ABC, "abc");
	assert_int_equal(blob_begin(&b, &l, &err), 0);
	blob_abort(&b);
	blob_abort(&b);
	assert_int_equal(blob_count(f), 1);
}

/* Without a commit a new layout goes away whole, an old one stays as it was. */
static void test_abandoned(void **state)
{
	const struct fixture *f = *state;
	struct layout l;
	struct digest d;
	struct err err;

	assert_int_equal(layout_open(&l, f->oci, true, &err), 0);
	assert_int_equal(layout_put(&l, "def", 3, &d, &err), 0);
	layout_release(&l);
	assert_false(fs_exists(f->oci));

	write_one(f, "abc", "{1}");
	assert_int_equal(layout_open(&l, f->oci, true, &err), 0);
	assert_int_equal(layout_put(&l, "abc", 3, &d, &err), 0);
	assert_int_equal(layout_put(&l, "def", 3, &d, &err), 0);
	assert_int_equal(blob_count(f), 2);
	layout_release(&l);
	assert_int_equal(blob_count(f), 1);
	assert_file(f->oci, "index.json", "{1}");
	assert_file(f->oci, "blobs/sha256/" ABC, "abc");
}

static void test_disk_fails(void **state)
{
	const struct fixture *f = *state;
	struct layout l;
	struct digest d;
	struct err err;

	write_one(f, "abc", "{1}");
	assert_int_equal(layout_open(&l, f->oci, true, &err), 0);
	assert_int_equal(layout_put(&l, "def", 3, &d, &err), 0);
	fail_fsync = EIO;
	assert_int_equal(layout_commit(&l, "{2}", 3, &err), -1);
	assert_int_equal(err.sys, EIO);
	fail_fsync = 0;
	layout_release(&l);
	assert_file(f->oci, "index.json", "{1}");
	assert_int_equal(blob_count(f), 1);

	assert_int_equal(layout_open(&l, f->oci, true, &err), 0);
	assert_int_equal(layout_put(&l, "def", 3, &d, &err), 0);
	fail_rename = ENOSPC;
	assert_int_equal(layout_commit(&l, "{2}", 3, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err.hint, "free some space, or write elsewhere, then run it again");
	fail_rename = 0;
	layout_release(&l);
	assert_file(f->oci, "index.json", "{1}");
	assert_int_equal(blob_count(f), 1);
}

static void test_in_the_way(void **state)
{
	const struct fixture *f = *state;
	CLEAN_FREE char *path = path_join(f->dir, "file");
	CLEAN_FREE char *want = xasprintf("%s is in the way: it is not a directory", path);
	struct layout l;
	struct err err;

	assert_int_equal(fs_write_file(path, "x", 1, 0644, &err), 0);
	assert_int_equal(layout_open(&l, path, true, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_string_equal(err.msg, want);
}

/* The diff_id is of the tar, whatever the compression; equal trees are equal blobs. */
static void test_layer(void **state)
{
	const struct fixture *f = *state;
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	struct image_layer none, gzip, zstd, again;
	char big[100000];
	struct err err;

	memset(big, 'x', sizeof(big));
	assert_int_equal(tree_add_data(&t, "var/task/big", big, sizeof(big), 0644, 0, 0, &err), 0);
	assert_int_equal(tree_finish(&t, &err), 0);
	assert_int_equal(layout_open(&l, f->oci, false, &err), 0);
	assert_int_equal(layer_write(&l, &t, 315532800, CODEC_NONE, CODEC_DEFAULT, &none, &err), 0);
	assert_int_equal(layer_write(&l, &t, 315532800, CODEC_GZIP, CODEC_DEFAULT, &gzip, &err), 0);
	assert_int_equal(layer_write(&l, &t, 315532800, CODEC_ZSTD, CODEC_DEFAULT, &zstd, &err), 0);
	assert_int_equal(layer_write(&l, &t, 315532800, CODEC_GZIP, CODEC_DEFAULT, &again, &err), 0);
	assert_string_equal(none.digest.s, none.diff_id.s);
	assert_string_equal(none.diff_id.s, gzip.diff_id.s);
	assert_string_equal(none.diff_id.s, zstd.diff_id.s);
	assert_string_equal(gzip.digest.s, again.digest.s);
	assert_string_not_equal(gzip.digest.s, zstd.digest.s);
	assert_int_equal(none.size, none.tar_size);
	assert_int_equal(gzip.tar_size, tar_size(&t));
	assert_true(gzip.size < 1000 && zstd.size < 1000);
	assert_int_equal(blob_count(f), 3);
	assert_string_equal(layer_media_type(CODEC_NONE), "application/vnd.oci.image.layer.v1.tar");
	assert_string_equal(layer_media_type(CODEC_GZIP), "application/vnd.oci.image.layer.v1.tar+gzip");
	assert_string_equal(layer_media_type(CODEC_ZSTD), "application/vnd.oci.image.layer.v1.tar+zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_and_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandoned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
