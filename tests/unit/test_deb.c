/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "build/apt.h"
#include "build/bases.h"
#include "build/deb.h"
#include "build/deb_layer.h"
#include "build/deb_lock.h"
#include "os/fs.h"

/* ---- packages made here ---- */

/* A ustar entry with its bytes, padded. */
static void put_tar(struct buf *b, const char *path, char type, unsigned mode, const char *target, const char *data,
		    size_t n)
{
	char h[512] = "";
	unsigned sum = 8 * ' ';

	snprintf(h, 100, "%s", path);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 42);
	snprintf(h + 124, 12, "%011o", (unsigned)n);
	snprintf(h + 136, 12, "%011o", 0);
	h[156] = type;
	snprintf(h + 157, 100, "%s", target);
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += i < 148 || i >= 156 ? (unsigned char)h[i] : 0;
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(b, h, sizeof(h));
	buf_add(b, data, n);
	while (b->len % 512)
		buf_addc(b, '\0');
}

static void put_ar(struct buf *b, const char *name, struct str data)
{
	if (!b->len)
		buf_addz(b, "!<arch>\n");
	buf_addf(b, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644u, data.len);
	buf_adds(b, data);
	if (data.len % 2)
		buf_addc(b, '\n');
}

/* A package "x" 1 for all, with the entries of @data and md5sums @sums. */
static void put_deb(struct buf *b, struct buf *data, const char *name, const char *sums)
{
	CLEAN_BUF struct buf control = BUF_INIT;
	CLEAN_FREE char *text = xasprintf("Package: %s\nVersion: 1\nArchitecture: all\nDescription: d", name);

	put_tar(&control, "./control", '0', 0644, "", text, strlen(text));
	put_tar(&control, "./postinst", '0', 0755, "", "#!", 2);
	if (sums)
		put_tar(&control, "./md5sums", '0', 0644, "", sums, strlen(sums));
	for (int i = 0; i < 1024; i++)
		buf_addc(&control, '\0');
	for (int i = 0; i < 1024; i++)
		buf_addc(data, '\0');
	put_ar(b, "debian-binary", STR("2.0\n"));
	put_ar(b, "_own", STR("passed over"));
	put_ar(b, "control.tar", buf_str(&control));
	put_ar(b, "data.tar", buf_str(data));
}

struct bytes {
	struct str rest;
	size_t step;
};
static ssize_t read_bytes(void *ctx, const void **p, struct err *err)
{
	struct bytes *b = ctx;
	size_t n = b->rest.len < b->step ? b->rest.len : b->step;

	(void)err;
	*p = b->rest.ptr;
	b->rest = (struct str){ b->rest.ptr + n, b->rest.len - n };
	return (ssize_t)n;
}

static int unpack(struct deb_tree *t, const struct buf *deb, const char *name, size_t step, struct err *err)
{
	const struct deb_id id = { .name = name, .version = "1", .arch = "all" };
	struct bytes b = { buf_str(deb), step };

	return deb_unpack(t, &id, read_bytes, &b, err);
}

static const struct tree_entry *find(const struct deb_tree *t, const char *path)
{
	const struct tree_entry *e = tree_find(&t->tree, path);

	if (!e)
		fail_msg("%s is not there", path);
	return e;
}

static void assert_data(const struct tree_entry *e, const char *want)
{
	assert_int_equal(e->type, TREE_FILE);
	assert_int_equal(e->size, strlen(want));
	assert_memory_equal(e->data, want, e->size);
}

static void test_unpack(void **state)
{
	static const size_t steps[] = { 1u << 20, 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
		CLEAN_BUF struct buf data = BUF_INIT, deb = BUF_INIT;
		struct err err = ERR_INIT;

		put_tar(&data, "./", '5', 0755, "", "", 0);
		put_tar(&data, "./lib/", '5', 0755, "", "", 0);
		put_tar(&data, "./lib/a.so.1", '0', 04755, "", "elf", 3);
		put_tar(&data, "./lib/b.so", '1', 0644, "./lib/a.so.1", "", 0);
		put_tar(&data, "./usr/lib/a.so", '2', 0777, "/lib/a.so.1", "", 0);
		put_tar(&data, "./var/mail/", '5', 02775, "", "", 0);
		put_tar(&data, "./usr/share/doc/x/copyright", '0', 0644, "", "c", 1);
		put_tar(&data, "./usr/share/doc/x/changelog", '0', 0644, "", "c", 1);
		put_tar(&data, "./usr/share/man/man1/x.1", '0', 0644, "", "c", 1);
		put_deb(&deb, &data, "x",
			"00000000000000000000000000000001  lib/a.so.1\n00000000000000000000000000000002  "
			"usr/share/man/man1/x.1\nshort\n");
		assert_int_equal(unpack(&t, &deb, "x", steps[i], &err), 0);
		assert_int_equal(tree_finish(&t.tree, &err), 0);
		assert_data(find(&t, "usr/lib/a.so.1"), "elf");
		assert_int_equal(find(&t, "usr/lib/a.so.1")->mode, 04755);
		assert_int_equal(find(&t, "usr/lib/a.so.1")->gid, 42);
		assert_data(find(&t, "usr/lib/b.so"), "elf");
		assert_int_equal(find(&t, "usr/lib/b.so")->mode, 04755);
		assert_string_equal(find(&t, "usr/lib/a.so")->target, "/lib/a.so.1");
		assert_int_equal(find(&t, "var/mail")->mode, 02775);
		assert_data(find(&t, "usr/share/doc/x/copyright"), "c");
		assert_null(tree_find(&t.tree, "usr/share/doc/x/changelog"));
		assert_null(tree_find(&t.tree, "usr/share/man"));
		assert_null(tree_find(&t.tree, "lib"));
		assert_data(find(&t, "var/lib/dpkg/status.d/x"),
			    "Package: x\nVersion: 1\nArchitecture: all\nDescription: d\n");
		assert_data(find(&t, "var/lib/dpkg/status.d/x.md5sums"),
			    "00000000000000000000000000000001  lib/a.so.1\n");
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *path;
		char type;
		const char *target;
		enum err_code code;
		const char *msg;
	} bad[] = {
		{ "./../x", '0', "", ERR_FORMAT, "package x 1: ../x: a path in an archive may not hold '..'" },
		{ "/x", '0', "", ERR_FORMAT, "package x 1: /x: a path in an archive may not be absolute" },
		{ "./usr/share/man/../../../x", '0', "", ERR_FORMAT,
		  "package x 1: usr/share/man/../../../x: a path in an archive may not hold '..'" },
		{ "./d", '3', "", ERR_FORMAT, "package x 1: d: a device, which no image needs from a package" },
		{ "./d", '6', "", ERR_FORMAT, "package x 1: d: a fifo, which no image needs from a package" },
		{ "./h", '1', "./nothing", ERR_FORMAT,
		  "package x 1: h: a hard link to nothing, which is no file before it" },
		{ "./h", '1', "/etc/shadow", ERR_FORMAT,
		  "package x 1: h: a hard link: /etc/shadow: a path in an archive may not be absolute" },
		{ "./there", '0', "", ERR_EXISTS, "package x 1: there: is there twice, also in package x 1" },
		{ "./there", '5', "", ERR_EXISTS, "package x 1: there: is there twice, also in package x 1" },
		{ "./var/lib/dpkg/status.d/y", '0', "", ERR_FORMAT,
		  "package x 1: var/lib/dpkg/status.d/y: is a place for what slsc knows of packages" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
		CLEAN_BUF struct buf data = BUF_INIT, deb = BUF_INIT;
		struct err err = ERR_INIT;

		put_tar(&data, "./there", '0', 0644, "", "", 0);
		put_tar(&data, bad[i].path, bad[i].type, 0644, bad[i].target, "", 0);
		put_deb(&deb, &data, "x", NULL);
		assert_int_equal(unpack(&t, &deb, "x", 4096, &err), -1);
		assert_string_equal(err.msg, bad[i].msg);
		assert_int_equal(err.code, bad[i].code);
	}
}

/* Cut anywhere, with a member that lies, or of another name: an error, and the package's name in it. */
static void test_broken(void **state)
{
	CLEAN_BUF struct buf data = BUF_INIT, deb = BUF_INIT, twice = BUF_INIT, empty = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put_tar(&data, "./f", '0', 0644, "", "0123456789", 10);
	put_deb(&deb, &data, "x", NULL);
	for (size_t n = 0; n < deb.len - 1024; n += 97) {
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
		struct buf cut = { .ptr = deb.ptr, .len = n };

		assert_int_equal(unpack(&t, &cut, "x", 4096, &err), -1);
		assert_memory_equal(err.msg, "package x 1", 11);
	}
	{
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };

		assert_int_equal(unpack(&t, &deb, "y", 4096, &err), -1);
		assert_int_equal(err.code, ERR_VERIFY);
		assert_string_equal(err.msg, "package y 1: its control file says Package: x, expected y");
	}
	{
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };

		buf_adds(&twice, buf_str(&deb));
		put_ar(&twice, "data.tar", STR("again"));
		assert_int_equal(unpack(&t, &twice, "x", 4096, &err), -1);
		assert_string_equal(err.msg, "package x 1: member data.tar is not expected here");
	}
	{
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };

		put_ar(&empty, "debian-binary", STR("2.0\n"));
		assert_int_equal(unpack(&t, &empty, "x", 4096, &err), -1);
		assert_string_equal(err.msg, "package x 1: no Debian package: control.tar or data.tar is missing");
	}
}

/* Sizes that the header alone claims do not reach malloc(). */
static void test_bomb(void **state)
{
	CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
	CLEAN_BUF struct buf data = BUF_INIT, deb = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned sum = 0;
	char text[8];

	(void)state;
	put_tar(&data, "./big", '0', 0644, "", "", 0);
	memcpy(data.ptr + 124, "04000000001", 11);
	memset(data.ptr + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)data.ptr[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(data.ptr + 148, text, 7);
	put_deb(&deb, &data, "x", NULL);
	assert_int_equal(unpack(&t, &deb, "x", 4096, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "package x 1: big: limit exceeded: files of more than 512.0 MB");
}

static void test_certificates(void **state)
{
	CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
	CLEAN_BUF struct buf data = BUF_INIT, deb = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put_tar(&data, "./usr/share/ca-certificates/mozilla/b.crt", '0', 0644, "", "B", 1);
	put_tar(&data, "./usr/share/ca-certificates/mozilla/a.crt", '0', 0644, "", "A\n", 2);
	put_tar(&data, "./usr/sbin/update-ca-certificates", '0', 0755, "", "#!", 2);
	put_deb(&deb, &data, "ca-certificates", NULL);
	assert_int_equal(unpack(&t, &deb, "ca-certificates", 4096, &err), 0);
	assert_int_equal(tree_finish(&t.tree, &err), 0);
	assert_data(find(&t, "etc/ssl/certs/ca-certificates.crt"), "A\nB\n");
	assert_null(tree_find(&t.tree, "usr"));
}

static void test_paths(void **state)
{
	static const char *const cases[][2] = {
		{ "bin", "usr/bin" }, { "lib64/ld.so", "usr/lib64/ld.so" }, { "library/x", "library/x" },
		{ "usr/share/doc", NULL }, { "usr/share/doc/x", "usr/share/doc/x" },
		{ "usr/share/doc/x/copyright", "usr/share/doc/x/copyright" }, { "usr/share/doc/x/copyright.gz", NULL },
		{ "usr/share/doc/x/y/copyright", NULL }, { "usr/share/mango", "usr/share/mango" },
		{ "usr/share/info/dir", NULL }, { "usr/share/locale", NULL }, { "etc/bin", "etc/bin" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *to = deb_path(cases[i][0]);

		if (cases[i][1])
			assert_string_equal(to, cases[i][1]);
		else
			assert_null(to);
	}
}

/* ---- what layers have ---- */

static int add(struct deb_paths *p, const char *who, const char *file, const char *link, const char *dir,
	       struct err *err)
{
	CLEAN_STRS struct strs files = { 0 }, links = { 0 }, dirs = { 0 };

	if (file)
		strs_add(&files, file);
	if (link)
		strs_add(&links, link);
	if (dir)
		strs_add(&dirs, dir);
	return deb_paths_add(p, who, &files, &links, &dirs, err);
}

static void test_clashes(void **state)
{
	CLEANUP(deb_paths_release) struct deb_paths p = { .files = { 0 } };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(add(&p, "package a", "etc/f", "etc/l", "etc", &err), 0);
	assert_int_equal(add(&p, "package b", "etc/g", NULL, "etc", &err), 0);
	assert_int_equal(add(&p, "package c", "etc/f", NULL, "etc", &err), -1);
	assert_string_equal(err.msg, "etc/f: package c has the same path as package a");
	assert_int_equal(add(&p, "package c", NULL, NULL, "etc/l", &err), -1);
	assert_string_equal(err.msg, "etc/l: package c has files below what is no directory in package a");
	assert_int_equal(add(&p, "package c", NULL, "etc", NULL, &err), -1);
	assert_string_equal(err.msg, "etc: package c has a symlink at a path of package b");
}

/* ---- apt's texts ---- */

static void test_fields(void **state)
{
	struct str rest = STR("\n\nPackage: a\nDescription: x\n Version: 9\nversion: 1\n\n \nPackage: b\n"), s;
	char out[24];

	(void)state;
	assert_int_equal(apt_stanza_next(&rest, &s), 1);
	assert_true(str_eqz(apt_field(s, "Package"), "a"));
	assert_true(str_eqz(apt_field(s, "Version"), "1"));
	assert_true(str_eqz(apt_field(s, "Ver"), ""));
	assert_true(apt_date(STR("Sat, 11 Jul 2026 10:16:37 UTC"), out));
	assert_string_equal(out, "2026-07-11T10:16:37Z");
	assert_false(apt_date(STR("Sat, 11 Jul 2026 10:16:37 +0200"), out));
	assert_false(apt_date(STR("yesterday"), out));
	assert_true(apt_snapshot(STR("http://mirror/archive/debian/20260711T000000Z/"), out));
	assert_string_equal(out, "20260711T000000Z");
	assert_false(apt_snapshot(STR("http://mirror/debian/2026071xT000000Z"), out));
	assert_true(apt_check_name("libstdc++6") && apt_check_name("0ad"));
	assert_false(apt_check_name("-o") || apt_check_name("a") || apt_check_name("Foo") || apt_check_name("a=1"));
}

/* ---- slsc.lock and the named bases ---- */

static void test_lock(void **state)
{
	char path[] = "/tmp/slsc-lock.XXXXXX";
	CLEAN_FREE char *file = NULL;
	CLEAN_DEB_LOCK struct deb_lock a = { .len = 0 }, b = { .len = 0 };
	CLEAN_BUF struct buf once = BUF_INIT, twice = BUF_INIT;
	struct apt_package p = { .name = "libc6", .version = "1:2~3+b", .arch = "arm64", .suite = "bookworm",
				 .date = "", .snapshot = "20260711T000000Z", .path = "pool/l/libc6.deb", .size = 7 };
	struct deb_set *s;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(path));
	file = path_join(path, "slsc.lock");
	assert_int_equal(digest_of("x", 1, &p.sha256, &err), 0);
	deb_lock_add(&a, "z");
	s = deb_lock_add(&a, "a + b");
	s->request = "a b";
	s->has[ARCH_ARM64] = s->has[ARCH_X86_64] = true;
	VEC_PUSH(&s->arch[ARCH_ARM64], p);
	assert_int_equal(deb_lock_write(&a, file, &err), 0);
	assert_int_equal(fs_read(file, 65536, &once, &err), 0);
	assert_int_equal(deb_lock_read(&b, file, &err), 0);
	assert_int_equal(b.len, 2);
	assert_ptr_equal(deb_lock_find(&b, "a + b"), &b.ptr[0]);
	assert_true(b.ptr[0].has[ARCH_X86_64] && !b.ptr[0].arch[ARCH_X86_64].len && !b.ptr[1].has[ARCH_ARM64]);
	assert_string_equal(b.ptr[0].arch[ARCH_ARM64].ptr[0].snapshot, "20260711T000000Z");
	assert_int_equal(deb_lock_write(&b, file, &err), 0);
	assert_int_equal(fs_read(file, 65536, &twice, &err), 0);
	assert_string_equal(once.ptr, twice.ptr);
	assert_int_equal(fs_rmtree(path, &err), 0);
}

static void test_bases(void **state)
{
	CLEAN_FREE char *dir = xasprintf("%s/bases", getenv("SLSC_SRC"));
	CLEAN_BASES struct bases b = { .len = 0 };
	struct base_variant v;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(bases_load(&b, dir, &err), 0);
	assert_int_equal(b.len, 5);
	assert_true(b.skip.len > 10 && b.applets.len > 100);
	assert_int_equal(bases_parse(&b, "cc-debian12:debug-nonroot", &v, &err), 1);
	assert_true(v.debug && v.nonroot && v.base->root == BASE_ROOT_USERS && v.base->packages.len == 10);
	assert_int_equal(bases_parse(&b, "static", &v, &err), 1);
	assert_false(v.debug || v.nonroot || v.base->root != BASE_ROOT_STATIC);
	assert_int_equal(bases_parse(&b, "oci:static", &v, &err), 0);
	assert_int_equal(bases_parse(&b, "static:", &v, &err), -1);
	/* nothing that a base asks for is skipped */
	VEC_EACH(&b, nb)
		VEC_EACH(&nb->packages, p)
			VEC_EACH(&b.skip, s)
				assert_string_not_equal(*p, *s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unpack),	cmocka_unit_test(test_refused),
		cmocka_unit_test(test_broken),	cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_paths),	cmocka_unit_test(test_clashes),
		cmocka_unit_test(test_fields),	cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_lock),	cmocka_unit_test(test_bases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
