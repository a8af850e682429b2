/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include "archive/zip.h"
#include "archive/zipdir.h"

/* a zip of d/, d/f ("hello\n" 64 times) and a link, as slsc writes it */
static void make(const char *path, struct buf *bytes)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err e = ERR_INIT;

	for (int i = 0; i < 64; i++)
		buf_addz(&text, "hello\n");
	OK(tree_add_data(&t, "d/f", text.ptr, text.len, 0755, 0, 0, &e));
	OK(tree_add_link(&t, "l", "d/f", &e));
	OK(tree_finish(&t, &e));
	OK(zip_write(&t, path, ZIP_DEFAULT, 0, NULL, &e));
	get_file(path, bytes);
}

static void our_own(void **state)
{
	CLEAN_BUF struct buf bytes = BUF_INIT, out = BUF_INIT;
	CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
	struct err e = ERR_INIT;

	(void)state;
	make("own.zip", &bytes);
	OK(zipdir_open(&z, "own.zip", &e));
	assert_int_equal(z.len, 3);
	assert_int_equal(z.prefix, 0);
	assert_string_equal(z.ptr[0].name, "d/");
	assert_int_equal(zipdir_mode(&z.ptr[0]), S_IFDIR | 0755);
	assert_string_equal(z.ptr[1].name, "d/f");
	assert_int_equal(zipdir_mode(&z.ptr[1]), S_IFREG | 0755);
	assert_int_equal(z.ptr[1].method, 8);
	assert_int_equal(z.ptr[1].size, 384);
	assert_null(z.ptr[1].damage);
	assert_int_equal(zipdir_mode(&z.ptr[2]), S_IFLNK | 0777);
	OK(zipdir_read(&z, &z.ptr[1], 384, &out, &e));
	assert_int_equal(out.len, 384);
	assert_memory_equal(out.ptr + 378, "hello\n", 7);
	FAILS(zipdir_read(&z, &z.ptr[1], 383, &out, &e), ERR_LIMIT,
	      "own.zip: limit exceeded: d/f has 384 bytes, the most is 383");
	buf_reset(&out);
	OK(zipdir_read(&z, &z.ptr[2], 100, &out, &e));
	assert_string_equal(out.ptr, "d/f");
}

/* A comment behind the end, that holds an end record of its own; a program before the start. */
static void between_other_bytes(void **state)
{
	CLEAN_BUF struct buf bytes = BUF_INIT, all = BUF_INIT, out = BUF_INIT;
	CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
	struct err e = ERR_INIT;

	(void)state;
	make("c.zip", &bytes);
	buf_addz(&all, "#!/bin/sh\n");
	buf_add(&all, bytes.ptr, bytes.len);
	buf_add(&all, "PK\5\6 and more", 13);
	all.ptr[all.len - 13 - 2] = 13;
	OK(zipdir_parse(&z, "c.zip", all.ptr, all.len, &e));
	assert_int_equal(z.len, 3);
	assert_int_equal(z.prefix, 10);
	OK(zipdir_read(&z, &z.ptr[1], 1000, &out, &e));
	assert_int_equal(out.len, 384);
}

static void zip64(void **state)
{
	static const char code[] = "import struct\n"
		"name=b'big'\n"
		"local=b'PK\\3\\4'+struct.pack('<HHHHHIIIHH',45,0,0,0,0,0,0xffffffff,0xffffffff,3,20)+name+"
		"struct.pack('<HHQQ',1,16,0,0)\n"
		"rec=b'PK\\1\\2'+bytes([45,3])+struct.pack('<HHHHHIIIHHHHHII',45,0,0,0,0,0,0xffffffff,0xffffffff,3,28,"
		"0,0,0,0o100644<<16,0xffffffff)+name+struct.pack('<HHQQQ',1,24,0,0,0)\n"
		"end64=b'PK\\6\\6'+struct.pack('<QHHIIQQQQ',44,45,45,0,0,1,1,len(rec),len(local))\n"
		"loc=b'PK\\6\\7'+struct.pack('<IQI',0,len(local)+len(rec),1)\n"
		"end=b'PK\\5\\6'+struct.pack('<HHHHIIH',0,0,0xffff,0xffff,0xffffffff,0xffffffff,0)\n"
		"open('z64.zip','wb').write(local+rec+end64+loc+end)\n";
	CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
	CLEAN_BUF struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	RUN_OK("python3", "-c", code);
	OK(zipdir_open(&z, "z64.zip", &e));
	assert_int_equal(z.len, 1);
	assert_string_equal(z.ptr[0].name, "big");
	assert_int_equal(z.ptr[0].size, 0);
	assert_int_equal(z.ptr[0].header, 0);
	assert_null(z.ptr[0].damage);
	OK(zipdir_read(&z, &z.ptr[0], 10, &out, &e));
}

/* Without its directory a zip is what its local headers say, up to where it ends. */
static void locals(void **state)
{
	CLEAN_BUF struct buf bytes = BUF_INIT, out = BUF_INIT, streamed = BUF_INIT;
	CLEAN_ZIPDIR struct zipdir whole = { .shown = NULL }, z = { .shown = NULL };
	const struct zipdir_entry *cut, *last;
	struct err e = ERR_INIT;

	(void)state;
	make("locals.zip", &bytes);
	OK(zipdir_parse(&whole, "w.zip", bytes.ptr, bytes.len, &e));
	cut = &whole.ptr[1];
	zipdir_locals(&z, "z.zip", bytes.ptr, bytes.len);
	assert_int_equal(z.len, whole.len);
	for (size_t i = 0; i < z.len; i++) {
		assert_string_equal(z.ptr[i].name, whole.ptr[i].name);
		assert_int_equal(z.ptr[i].data, whole.ptr[i].data);
		assert_int_equal(z.ptr[i].packed, whole.ptr[i].packed);
		assert_int_equal(z.ptr[i].size, whole.ptr[i].size);
		assert_null(z.ptr[i].damage);
	}
	OK(zipdir_read(&z, &z.ptr[1], 384, &out, &e));
	assert_int_equal(out.len, 384);
	zipdir_release(&z);
	/* within the second one's bytes, then within its header */
	zipdir_locals(&z, "z.zip", bytes.ptr, (size_t)(cut->data + cut->packed - 1));
	assert_int_equal(z.len, 2);
	last = &z.ptr[1];
	assert_int_equal(last->packed, cut->packed - 1);
	FAILS(zipdir_read(&z, last, 384, &out, &e), ERR_FORMAT, "z.zip: d/f is cut short");
	zipdir_release(&z);
	zipdir_locals(&z, "z.zip", bytes.ptr, (size_t)(cut->data - 1));
	assert_int_equal(z.len, 1);
	zipdir_release(&z);
	/* where the next one begins is said behind the bytes of one whose length is not said before them */
	buf_add(&streamed, bytes.ptr, bytes.len);
	streamed.ptr[cut->header + 6] |= 8;
	zipdir_locals(&z, "z.zip", streamed.ptr, streamed.len);
	assert_int_equal(z.len, 1);
	zipdir_release(&z);
	zipdir_locals(&z, "z.zip", "", 0);
	assert_int_equal(z.len, 0);
}

/* @at from the end record's start */
static void with(const struct buf *good, size_t at, const char *bytes, size_t n, enum err_code code, const char *msg)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct zipdir z;
	struct err e = ERR_INIT;

	buf_add(&b, good->ptr, good->len);
	memcpy(b.ptr + b.len - 22 + at, bytes, n);
	FAILS(zipdir_parse(&z, "x.zip", b.ptr, b.len, &e), code, msg);
}

static void hostile_ends(void **state)
{
	CLEAN_BUF struct buf good = BUF_INIT;
	struct zipdir z;
	struct err e = ERR_INIT;

	(void)state;
	make("good.zip", &good);
	FAILS(zipdir_parse(&z, "x.zip", "", 0, &e), ERR_FORMAT, "x.zip: not a zip file: it has no end record");
	FAILS(zipdir_parse(&z, "x.zip", good.ptr, good.len - 1, &e), ERR_FORMAT,
	      "x.zip: not a zip file: it has no end record");
	with(&good, 4, "\1", 1, ERR_FORMAT, "x.zip: a part of a zip in several files at offset 256");
	with(&good, 12, "\xff\xff\xff\x7f", 4, ERR_FORMAT,
	     "x.zip: an end record whose directory lies outside of the file, at offset 256");
	with(&good, 16, "\xff\xff\xff\x7f", 4, ERR_FORMAT,
	     "x.zip: an end record whose directory lies outside of the file, at offset 256");
	with(&good, 10, "\xff\xff", 2, ERR_FORMAT,
	     "x.zip: an end record with more entries than its directory has room for, at offset 256");
	with(&good, 10, "\2", 1, ERR_FORMAT, "x.zip: bytes behind the directory's last record at offset 209");
}

/* Each byte of a good zip set to each of a few values: nothing may break, and what is read is right or refused. */
static void every_byte(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	CLEAN_BUF struct buf good = BUF_INIT;
	size_t refused = 0, read = 0;

	(void)state;
	make("good.zip", &good);
	for (size_t i = 0; i < good.len; i++)
		for (size_t k = 0; k < sizeof(values); k++) {
			CLEAN_FREE char *copy = xmalloc(good.len);
			CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
			struct err e = ERR_INIT;

			memcpy(copy, good.ptr, good.len);
			copy[i] = (char)values[k];
			if (zipdir_parse(&z, "x.zip", copy, good.len, &e) < 0) {
				refused++;
				continue;
			}
			for (size_t n = 0; n < z.len; n++) {
				CLEAN_BUF struct buf out = BUF_INIT;

				if (zipdir_read(&z, &z.ptr[n], 1u << 20, &out, &e) == 0) {
					assert_int_equal(out.len, z.ptr[n].size);
					read++;
				}
			}
		}
	assert_true(refused > 100);
	assert_true(read > good.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own), cmocka_unit_test(between_other_bytes), cmocka_unit_test(zip64),
		cmocka_unit_test(locals),  cmocka_unit_test(hostile_ends),	  cmocka_unit_test(every_byte),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
