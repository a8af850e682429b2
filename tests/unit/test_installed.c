/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include "build/installed.h"
#include "test_rootfs_util.h"

#define PLAIN "application/vnd.oci.image.layer.v1.tar"

static void file(struct buf *tar, const char *name, const char *text)
{
	tar_add(tar, '0', name, NULL, 0644, text, strlen(text));
}

/* "name version purl" a line, in the order in which they are found; or "error: ..." */
static void read_all(struct memory_image *im, size_t layers, struct buf *out)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_INSTALLED struct installed in = { .len = 0 };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < layers; i++)
		tar_end(&im->blob[i]);
	memory_image_seal(im, layers, PLAIN);
	if (installed_read(&im->origin, &im->doc, &a, &in, &err) < 0)
		buf_addf(out, "error: %s\n", err.msg);
	else
		VEC_EACH(&in, p)
			buf_addf(out, "%s %s %s\n", p->name, p->version, p->purl);
	memory_image_release(im);
}

static void dpkg_status(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct memory_image im;

	(void)state;
	memory_image_init(&im);
	file(&im.blob[0], "usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
	tar_add(&im.blob[0], '2', "etc/os-release", "../usr/lib/os-release", 0777, NULL, 0);
	file(&im.blob[0], "var/lib/dpkg/status", "Package: old\nVersion: 1\nArchitecture: all\n");
	/* the upper layer's counts */
	file(&im.blob[1], "var/lib/dpkg/status",
	     "Package: bash\nStatus: install ok installed\nVersion: 5.2-1+b1\nArchitecture: amd64\n\n"
	     "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n\n"
	     "Package: tzdata\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2024a\n");
	read_all(&im, 2, &out);
	assert_string_equal(out.ptr, "bash 5.2-1+b1 pkg:deb/debian/bash@5.2-1%2Bb1?arch=amd64&distro=debian-12\n"
				     "tzdata 1:2024a pkg:deb/debian/tzdata@1:2024a?arch=all&distro=debian-12\n");
}

static void distroless(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct memory_image im;

	(void)state;
	memory_image_init(&im);
	file(&im.blob[0], "var/lib/dpkg/status.d/netbase", "Package: netbase\nVersion: 6.4\nArchitecture: all\n");
	file(&im.blob[0], "var/lib/dpkg/status.d/netbase.md5sums", "Package: sums\nVersion: 1\nArchitecture: all\n");
	file(&im.blob[1], "var/lib/dpkg/status.d/removed", "Package: removed\nVersion: 1\nArchitecture: all\n");
	file(&im.blob[2], "var/lib/dpkg/status.d/.wh.removed", "");
	/* another database names the same one */
	file(&im.blob[2], "var/lib/dpkg/status", "Package: netbase\nVersion: 6.4\nArchitecture: all\n");
	read_all(&im, 3, &out);
	assert_string_equal(out.ptr, "netbase 6.4 pkg:deb/debian/netbase@6.4?arch=all\n");
}

static void apk(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct memory_image im;

	(void)state;
	memory_image_init(&im);
	file(&im.blob[0], "etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
	file(&im.blob[0], "usr/lib/apk/db/real",
	     "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nD:so\n\nP:zlib\nV:1.3-r0\nA:x86_64\n");
	/* its bytes are another entry's */
	tar_add(&im.blob[0], '1', "lib/apk/db/installed", "usr/lib/apk/db/real", 0644, NULL, 0);
	read_all(&im, 1, &out);
	assert_string_equal(out.ptr, "musl 1.2.4-r2 pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1\n"
				     "zlib 1.3-r0 pkg:apk/alpine/zlib@1.3-r0?arch=x86_64&distro=alpine-3.19.1\n");
}

static void nothing(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct memory_image im;

	(void)state;
	memory_image_init(&im);
	file(&im.blob[0], "etc/base", "x");
	tar_add(&im.blob[0], '2', "var/lib/dpkg/status", "status", 0777, NULL, 0);
	read_all(&im, 1, &out);
	assert_string_equal(out.ptr, "");
}

static void hostile(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT, big = BUF_INIT;
	struct memory_image im;

	(void)state;
	memory_image_init(&im);
	file(&im.blob[0], "var/lib/dpkg/status", "Package: a\xff\nVersion: 1\nArchitecture: all\n");
	read_all(&im, 1, &out);
	memory_image_init(&im);
	tar_add(&im.blob[0], '0', "var/lib/dpkg/status", NULL, 0644, "Package: a\0b\nVersion: 1\n", 24);
	read_all(&im, 1, &out);
	memory_image_init(&im);
	for (unsigned i = 0; i <= INSTALLED_MAX; i++)
		buf_addf(&big, "Package: p%u\n\n", i);
	tar_add(&im.blob[0], '0', "var/lib/dpkg/status", NULL, 0644, big.ptr, big.len);
	read_all(&im, 1, &out);
	memory_image_init(&im);
	buf_reset(&big);
	for (unsigned i = 0; i <= INSTALLED_MAX_BYTES / 1024; i++)
		buf_addf(&big, "%1024s", "");
	tar_add(&im.blob[0], '0', "var/lib/dpkg/status", NULL, 0644, big.ptr, big.len);
	read_all(&im, 1, &out);
	assert_string_equal(out.ptr, "error: var/lib/dpkg/status: a package's name, version or architecture is no "
				     "UTF-8 text\n"
				     "error: var/lib/dpkg/status: a package's name, version or architecture is no "
				     "UTF-8 text\n"
				     "error: limit exceeded: more than 50000 packages\n"
				     "error: layer 1 (sha256:626b5312476a): limit exceeded: databases of packages of "
				     "more than 64 MB\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dpkg_status), cmocka_unit_test(distroless), cmocka_unit_test(apk),
		cmocka_unit_test(nothing),     cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
