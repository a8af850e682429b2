/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include "archive/tar.h"

static int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void tar_to(struct tree *t, const char *path, int64_t mtime)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	OK(tree_finish(t, &e));
	OK(tar_write(t, mtime, to_buf, &b, &e));
	assert_int_equal(b.len, tar_size(t));
	put_file(path, b.ptr, b.len);
}

/* Field by field after POSIX.1-2017; the checksums were added up apart from this code. */
static void exact_bytes(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char want[5 * 512] = { 0 };

	(void)state;
	OK(tree_add_data(&t, "bin/hi", "hello\n", 6, 04755, 65532, 5, &e));
	OK(tree_finish(&t, &e));
	OK(tar_write(&t, 315532800, to_buf, &b, &e));
	memcpy(want, "bin/", 4);
	memcpy(want + 100, "0000755\0" "0000000\0" "0000000\0" "00000000000\0" "02263523000\0" "010004\0 5", 57);
	memcpy(want + 257, "ustar\0" "00", 8);
	memcpy(want + 329, "0000000\0" "0000000", 15);
	memcpy(want + 512, "bin/hi", 6);
	memcpy(want + 612, "0004755\0" "0177774\0" "0000005\0" "00000000006\0" "02263523000\0" "010400\0 0", 57);
	memcpy(want + 769, "ustar\0" "00", 8);
	memcpy(want + 841, "0000000\0" "0000000", 15);
	memcpy(want + 1024, "hello\n", 6);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.ptr, want, sizeof(want));
}

static void an_empty_tree(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	static const char zeros[1024];

	(void)state;
	OK(tree_finish(&t, &e));
	OK(tar_write(&t, 0, to_buf, &b, &e));
	assert_int_equal(b.len, 1024);
	assert_memory_equal(b.ptr, zeros, 1024);
	assert_int_equal(tar_size(&t), 1024);
}

static const char py_list[] = "import sys, tarfile, hashlib\n"
			      "for m in tarfile.open(sys.argv[1]):\n"
			      "    print(m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, int(m.mtime),\n"
			      "          len(m.name), m.name[-8:], len(m.linkname), sorted(m.pax_headers))\n";

/* Every way to store a name, and its neighbours in length. */
static void names(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	char n[600];
	static const struct {
		size_t dir, base;
	} splits[] = { { 0, 100 }, { 0, 101 }, { 155, 100 }, { 155, 101 }, { 156, 100 }, { 2, 98 }, { 150, 50 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
		size_t d = splits[i].dir, len = d + (d > 0) + splits[i].base;

		memset(n, 'a' + (int)i, len);
		if (d)
			n[d] = '/';
		n[len] = '\0';
		OK(tree_add_data(&t, n, "1", 1, 0644, 0, 0, &e));
	}
	OK(tree_add_data(&t, "z/gr\xc3\xbc\xc3\x9f", "1", 1, 0644, 0, 0, &e));
	memset(n, 't', 101);
	n[101] = '\0';
	OK(tree_add_link(&t, "z/l101", n, &e));
	n[100] = '\0';
	OK(tree_add_link(&t, "z/l100", n, &e));
	OK(tree_add_link(&t, "z/lutf", "\xe2\x82\xac", &e));
	OK(tree_add_data(&t, "z/owner", "1", 1, 0600, 2097151, 2097152, &e));
	OK(tree_add_dir(&t, "z/own", 0700, 4294967295u, 0, &e));
	tar_to(&t, "names.tar", 1);
	RUN_IS("0 0o644 0 0 1 1 100 aaaaaaaa 0 []\n"
	       "0 0o644 0 0 1 1 101 bbbbbbbb 0 ['path']\n"
	       "5 0o755 0 0 0 1 155 cccccccc 0 ['path']\n"
	       "0 0o644 0 0 1 1 256 cccccccc 0 []\n"
	       "5 0o755 0 0 0 1 155 dddddddd 0 ['path']\n"
	       "0 0o644 0 0 1 1 257 dddddddd 0 ['path']\n"
	       "5 0o755 0 0 0 1 156 eeeeeeee 0 ['path']\n"
	       "0 0o644 0 0 1 1 257 eeeeeeee 0 ['path']\n"
	       "5 0o755 0 0 0 1 2 ff 0 []\n"
	       "0 0o644 0 0 1 1 101 ffffffff 0 []\n"
	       "5 0o755 0 0 0 1 150 gggggggg 0 ['path']\n"
	       "0 0o644 0 0 1 1 201 gggggggg 0 []\n"
	       "5 0o755 0 0 0 1 1 z 0 []\n"
	       "0 0o644 0 0 1 1 6 z/gr\xc3\xbc\xc3\x9f 0 ['path']\n"
	       "2 0o777 0 0 0 1 6 z/l100 100 []\n"
	       "2 0o777 0 0 0 1 6 z/l101 101 ['linkpath']\n"
	       "2 0o777 0 0 0 1 6 z/lutf 1 ['linkpath']\n"
	       "5 0o700 4294967295 0 0 1 5 z/own 0 ['uid']\n"
	       "0 0o600 2097151 2097152 1 1 7 z/owner 0 ['gid']",
	       "env", "LC_ALL=C.UTF-8", "python3", "-c", py_list, "names.tar");
	RUN_IS("19", "sh", "-c", "LC_ALL=C.UTF-8 bsdtar tf names.tar | wc -l");
	RUN_IS("z/gr\xc3\xbc\xc3\x9f\nz/lutf -> \xe2\x82\xac", "sh", "-c",
	       "LC_ALL=C.UTF-8 bsdtar tvf names.tar | sed -n 's/.* \\(z.gr.*\\|z.lutf.*\\)/\\1/p'");
	RUN_IS("19 z/gr\xc3\xbc\xc3\x9f", "sh", "-c",
	       "LC_ALL=C.UTF-8 tar --quoting-style=literal -tf names.tar > l && echo $(wc -l <l) $(grep z/gr l)");
	/* GNU tar unpacks what was packed. */
	RUN_OK("sh", "-c", "mkdir un && cd un && LC_ALL=C.UTF-8 tar --no-same-owner -xf ../names.tar && "
			   "test -f 'z/gr\xc3\xbc\xc3\x9f' && "
			   "test \"$(readlink z/lutf)\" = '\xe2\x82\xac' && chmod -R u+rwx .");
}

static void mtime_is_clamped(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)state;
	OK(tree_add_dir(&t, "d", 0755, 0, 0, &e));
	tar_to(&t, "early.tar", -5);
	RUN_IS("5 0o755 0 0 0 0 1 d 0 []", "python3", "-c", py_list, "early.tar");
	tar_to(&t, "late.tar", INT64_MAX);
	RUN_IS("5 0o755 0 0 0 8589934591 1 d 0 []", "python3", "-c", py_list, "late.tar");
}

/* Stops where the size is known, so that nobody has to write 8 GiB. */
static int first_blocks(void *ctx, const void *p, size_t n, struct err *err)
{
	struct buf *b = ctx;

	if (b->len >= 2048)
		return err_set(err, ERR_IO, "enough");
	buf_add(b, p, n < 2048 - b->len ? n : 2048 - b->len);
	return 0;
}

static void sizes_past_8_gib(void **state)
{
	struct err e = ERR_INIT;
	static const uint64_t sizes[] = { (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33 };

	(void)state;
	put_file("big", "", 0);
	for (size_t i = 0; i < 2; i++) {
		CLEAN_TREE struct tree t = TREE_INIT;
		CLEAN_BUF struct buf b = BUF_INIT;

		assert_int_equal(truncate("big", (off_t)sizes[i]), 0);
		OK(tree_add_file(&t, "big", "big", 0644, &e));
		OK(tree_finish(&t, &e));
		FAILS(tar_write(&t, 0, first_blocks, &b, &e), ERR_IO, "enough");
		if (i == 0) {
			assert_string_equal(b.ptr + 124, "77777777777");
			assert_int_equal(tar_size(&t), 512 + sizes[0] + 1 + 1024);
		} else {
			assert_int_equal(b.ptr[156], 'x');
			assert_string_equal(b.ptr + 512, "19 size=8589934592\n");
			assert_string_equal(b.ptr + 1024 + 124, "00000000000");
			assert_int_equal(tar_size(&t), 3 * 512 + sizes[1] + 1024);
		}
	}
	unlink("big");
}

/* The sources change after they have been added, or while they are read. */
static int chop(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)p;
	(void)err;
	if (n > 1024)
		assert_int_equal(truncate("f", *(off_t *)ctx), 0);
	return 0;
}

static void sources_that_change(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FREE char *data = xcalloc(1, 1000000);
	struct err e = ERR_INIT;
	off_t size;

	(void)state;
	put_file("f", data, 1000000);
	OK(tree_add_file(&t, "f", "f", 0644, &e));
	OK(tree_finish(&t, &e));
	put_file("f", data, 999999);
	FAILS(tar_write(&t, 0, to_buf, &b, &e), ERR_IO,
	      "f: changed while it was archived: it had 1000000 bytes and now has 999999");
	assert_string_equal(e.hint, "wait until nothing writes to it, then run it again");
	for (int grow = 0; grow < 2; grow++) {
		put_file("f", data, 1000000);
		size = grow ? 1000001 : 300000;
		FAILS(tar_write(&t, 0, chop, &size, &e), ERR_IO,
		      grow ? "f: changed while it was archived: it had 1000000 bytes and now has 1000001" :
			     "f: changed while it was archived: it had 1000000 bytes and now has 300000");
	}
	unlink("f");
	FAILS(tar_write(&t, 0, to_buf, &b, &e), ERR_IO, "cannot read f: No such file or directory");
	assert_int_equal(mkfifo("f", 0644), 0);
	FAILS(tar_write(&t, 0, to_buf, &b, &e), ERR_IO, "cannot read f: no longer a regular file");
}

static void contents_come_back(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *data = xmalloc(3000001);
	struct err e = ERR_INIT;
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 262144, 262145, 3000001 };
	char name[32];

	(void)state;
	fill(data, 3000001, 1);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		snprintf(name, sizeof(name), "in%zu", i);
		put_file(name, data, sizes[i]);
		OK(tree_add_file(&t, name, name, 0644, &e));
	}
	tar_to(&t, "all.tar", 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		snprintf(name, sizeof(name), "in%zu", i);
		RUN_OK("sh", "-c", "tar xOf all.tar \"$0\" | cmp - \"$0\" && bsdtar xOf all.tar \"$0\" | cmp - \"$0\"",
		       name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_bytes),	      cmocka_unit_test(an_empty_tree),
		cmocka_unit_test(names),	      cmocka_unit_test(mtime_is_clamped),
		cmocka_unit_test(sizes_past_8_gib),   cmocka_unit_test(sources_that_change),
		cmocka_unit_test(contents_come_back),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
