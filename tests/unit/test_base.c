/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oci/base.h"

static char root[64];

static void put_file(const char *name, const char *text)
{
	CLEAN_FREE char *path = path_join(root, name);
	CLEAN_FREE char *dir = path_dirname(path);
	struct err err;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), 0600, &err), 0);
}

static int make(const char *to, struct err *err)
{
	CLEAN_FREE char *dir = path_join(root, to);
	CLEAN_FREE char *certs = path_join(root, "certs");
	CLEAN_FREE char *zones = path_join(root, "zones");

	return base_make(dir,
			 &(struct base_sources){ .certs = certs, .zoneinfo = zones, .certs_version = "certs 1",
						 .zoneinfo_version = "zones 2" },
			 err);
}

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_base.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put_file("certs/b.crt", "B\n");
	put_file("certs/a.crt", "A");
	put_file("certs/readme", "no");
	put_file("zones/UTC", "TZif");
	put_file("zones/Europe/Berlin", "TZif Berlin");
	put_file("zones/posix/UTC", "left out");
	put_file("zones/localtime", "left out");
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(root, &err);
}

/* name, then where in a tar header its type, mode and owner stand (POSIX pax) */
static const char *find(const struct buf *tar, const char *name)
{
	for (size_t i = 0; i + 512 <= tar->len; i += 512)
		if (strcmp(tar->ptr + i, name) == 0 && memcmp(tar->ptr + i + 257, "ustar", 6) == 0)
			return tar->ptr + i;
	return NULL;
}

static void test_make(void **state)
{
	CLEAN_FREE char *dir = path_join(root, "out");
	CLEAN_FREE char *tar = path_join(root, "out/static.tar");
	CLEAN_FREE char *zones = path_join(root, "out/tzdata.tar");
	CLEAN_BUF struct buf t = BUF_INIT, z = BUF_INIT;
	CLEAN_BASE struct base_set b = { .n = 0 };
	CLEAN_STRS struct strs names = { 0 };
	const char *h;
	struct err err;

	(void)state;
	umask(0077);
	assert_int_equal(make("out", &err), 0);
	umask(0022);
	assert_int_equal(base_load(&b, dir, &err), 0);
	assert_int_equal(b.n, 2);
	assert_string_equal(b.layer[0].name, "static");
	assert_string_equal(b.layer[0].created_by, "slsc base static (certs 1)");
	assert_string_equal(b.layer[0].blob[CODEC_NONE].digest.s, b.layer[0].diff_id.s);
	assert_string_equal(b.layer[1].created_by, "slsc base tzdata (zones 2)");

	assert_int_equal(fs_read(tar, 1 << 20, &t, &err), 0);
	h = find(&t, "etc/ssl/certs/ca-certificates.crt");
	assert_non_null(h);
	assert_memory_equal(h + 512, "A\nB\n\0", 5);
	h = find(&t, "home/nonroot/");
	assert_non_null(h);
	assert_memory_equal(h + 100, "0000700\0" "0177774\0" "0177774\0", 24);
	h = find(&t, "tmp/");
	assert_non_null(h);
	assert_memory_equal(h + 100, "0001777\0" "0000000\0" "0000000\0", 24);
	h = find(&t, "etc/passwd");
	assert_non_null(h);
	assert_memory_equal(h + 100, "0000644\0", 8);
	assert_non_null(find(&t, "etc/ssl/"));

	assert_int_equal(fs_read(zones, 1 << 20, &z, &err), 0);
	assert_non_null(find(&z, "usr/share/zoneinfo/Europe/Berlin"));
	assert_null(find(&z, "usr/share/zoneinfo/posix/UTC"));
	assert_null(find(&z, "usr/share/zoneinfo/localtime"));

	/* nothing else is left there */
	assert_int_equal(fs_list(dir, &names, &err), 0);
	assert_int_equal(names.len, 7);
}

static void test_same_bytes(void **state)
{
	CLEAN_FREE char *one = path_join(root, "one/base.json");
	CLEAN_FREE char *two = path_join(root, "two/base.json");
	CLEAN_BUF struct buf a = BUF_INIT, b = BUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(make("one", &err), 0);
	put_file("certs/a.crt", "A");
	assert_int_equal(make("two", &err), 0);
	assert_int_equal(fs_read(one, 1 << 20, &a, &err), 0);
	assert_int_equal(fs_read(two, 1 << 20, &b, &err), 0);
	assert_string_equal(a.ptr, b.ptr);
}

static void test_put(void **state)
{
	CLEAN_FREE char *dir = path_join(root, "put");
	CLEAN_FREE char *oci = path_join(root, "x.oci");
	CLEAN_FREE char *gz = path_join(root, "put/static.tar.gz");
	CLEAN_FREE char *want =
		xasprintf("%s: is damaged: its digest is not the one in base.json", gz);
	CLEAN_BASE struct base_set b = { .n = 0 };
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	struct image_layer out;
	struct err err;

	(void)state;
	assert_int_equal(make("put", &err), 0);
	assert_int_equal(base_load(&b, dir, &err), 0);
	assert_int_equal(layout_open(&l, oci, false, &err), 0);
	assert_int_equal(base_put(&b, dir, "tzdata", CODEC_ZSTD, &l, &out, &err), 0);
	assert_string_equal(out.diff_id.s, b.layer[1].diff_id.s);
	assert_int_equal(out.size, b.layer[1].blob[CODEC_ZSTD].size);
	assert_int_equal(out.codec, CODEC_ZSTD);
	assert_true(map_has(&l.keep, digest_hex(&out.digest)));
	assert_int_equal(base_put(&b, dir, "nothing", CODEC_GZIP, &l, &out, &err), -1);

	put_file("put/static.tar.gz", "tampered");
	assert_int_equal(base_put(&b, dir, "static", CODEC_GZIP, &l, &out, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "install slsc again");
}

static void test_missing(void **state)
{
	struct base_set b;
	struct err err;

	(void)state;
	assert_int_equal(base_load(&b, "/nonexistent", &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "/nonexistent/base.json: the built-in image bases are missing");
	assert_string_equal(err.hint, "install slsc again, or use base: scratch");
}

static void test_parse_bad(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "", "b:1:0: '[' or '{' expected near end of file" },
		{ "[]", "b: needs a list of at most 2 layers" },
		{ "{\"layers\":[{},{},{}]}", "b: needs a list of at most 2 layers" },
		{ "{\"layers\":[{}]}", "b: a layer needs name, created_by and diff_id" },
		{ "{\"layers\":[{\"name\":\"../x\",\"created_by\":\"\",\"diff_id\":\"\"}]}",
		  "b: a layer needs name, created_by and diff_id" },
		{ "{\"layers\":[{\"name\":\"x\",\"created_by\":\"\",\"diff_id\":\"q\"}]}",
		  "b: 'q' is not a digest: sha256: and 64 lower-case hex digits" },
	};
	struct base_set b;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(base_parse(&b, "b", cases[i].text, strlen(cases[i].text), &err), -1);
		if (i)
			assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.hint, "install slsc again");
	}
}

static void test_no_certificates(void **state)
{
	CLEAN_FREE char *certs = path_join(root, "certs");
	CLEAN_FREE char *want = xasprintf("%s: no certificates", certs);
	struct err err;

	(void)state;
	assert_int_equal(fs_rmtree(certs, &err), 0);
	assert_int_equal(fs_mkdirs(certs, &err), 0);
	assert_int_equal(make("none", &err), -1);
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "apt-get install ca-certificates");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),	   cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_put),
		cmocka_unit_test(test_missing),	   cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_no_certificates),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
