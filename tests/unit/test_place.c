/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oci/place.h"
#include "os/fs.h"

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static char root[64];

static int setup(void **state)
{
	struct err err;

	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_place.XXXXXX");
	if (!mkdtemp(root) || chdir(root) < 0 || fs_mkdirs("d/x.y", &err) < 0 || fs_mkdirs("d/dir.oci.tar", &err) < 0)
		return -1;
	if (fs_write_file("d/x.y/oci-layout", "", 0, 0644, &err) < 0 ||
	    fs_write_file("d/a.oci.tar", "", 0, 0644, &err) < 0 ||
	    fs_write_file("d/a.docker.tar", "", 0, 0644, &err) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return chdir("/") < 0 ? -1 : fs_rmtree(root, &err);
}

static const struct good {
	const char *text, *shown;
	enum place_kind kind;
	const char *path, *host, *repo, *tag, *digest;
} good[] = {
	{ "oci:a/b", "oci:a/b", PLACE_LAYOUT, .path = "a/b" },
	{ "oci:/a:latest", "oci:/a:latest", PLACE_LAYOUT, .path = "/a", .tag = "latest" },
	{ "oci:a:localhost/x:1", "oci:a:localhost/x:1", PLACE_LAYOUT, .path = "a", .tag = "localhost/x:1" },
	{ "oci:a@sha256:" HEX, "oci:a@sha256:" HEX, PLACE_LAYOUT, .path = "a", .digest = "sha256:" HEX },
	{ "oci:a@b", "oci:a@b", PLACE_LAYOUT, .path = "a@b" },
	{ "oci-archive:x.tar:v1", "oci-archive:x.tar:v1", PLACE_OCI_ARCHIVE, .path = "x.tar", .tag = "v1" },
	{ "docker-archive:x.tar:a/b:c", "docker-archive:x.tar:a/b:c", PLACE_DOCKER_ARCHIVE, .path = "x.tar",
	  .tag = "a/b:c" },
	{ "d/x.y", "oci:d/x.y", PLACE_LAYOUT, .path = "d/x.y" },
	{ "d/x.y:t", "oci:d/x.y:t", PLACE_LAYOUT, .path = "d/x.y", .tag = "t" },
	{ "d/a.oci.tar", "oci-archive:d/a.oci.tar", PLACE_OCI_ARCHIVE, .path = "d/a.oci.tar" },
	{ "d/a.docker.tar", "docker-archive:d/a.docker.tar", PLACE_DOCKER_ARCHIVE, .path = "d/a.docker.tar" },
	{ "localhost/a", "localhost/a", PLACE_REGISTRY, .host = "localhost", .repo = "a" },
	{ "docker://127.0.0.1:5000/a/b-c__d.e:T_1.2-3", "127.0.0.1:5000/a/b-c__d.e:T_1.2-3", PLACE_REGISTRY,
	  .host = "127.0.0.1:5000", .repo = "a/b-c__d.e", .tag = "T_1.2-3" },
	{ "gcr.io/distroless/static@sha256:" HEX, "gcr.io/distroless/static@sha256:" HEX, PLACE_REGISTRY,
	  .host = "gcr.io", .repo = "distroless/static", .digest = "sha256:" HEX },
	{ "gcr.io/d/s:t@sha256:" HEX, "gcr.io/d/s:t@sha256:" HEX, PLACE_REGISTRY, .host = "gcr.io", .repo = "d/s",
	  .tag = "t", .digest = "sha256:" HEX },
	{ "[::1]:5000/a", "[::1]:5000/a", PLACE_REGISTRY, .host = "[::1]:5000", .repo = "a" },
	{ "Host.Example/a---b", "Host.Example/a---b", PLACE_REGISTRY, .host = "Host.Example", .repo = "a---b" },
};

static void same(const char *got, const char *want)
{
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEAN_PLACE struct place pl;
		CLEAN_FREE char *shown = NULL;
		struct err err = ERR_INIT;

		if (place_parse(&pl, good[i].text, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.msg);
		assert_int_equal(pl.kind, good[i].kind);
		same(pl.path, good[i].path);
		same(pl.host, good[i].host);
		same(pl.repo, good[i].repo);
		same(pl.tag, good[i].tag);
		same(pl.digest, good[i].digest);
		shown = place_show(&pl);
		assert_string_equal(shown, good[i].shown);
	}
}

#define NONE "names no registry, and there is no file or directory of that name"
#define PATH "there is no such file or directory"
#define HOST "the registry's host is malformed"
#define REPO \
	"the repository is malformed: lower-case letters and digits, with '.', '_', '-' and '/' between them"
#define TAG "the tag is malformed: at most 128 letters, digits, '_', '.' and '-'"
#define DIGEST "after @ there must be sha256: and 64 lower-case hex digits"

/* what is said after the text */
static const char *const bad[][2] = {
	{ "", NONE },
	{ "alpine:3", NONE },
	{ "library/alpine", NONE },
	{ "d/dir.oci.tar/x:y", PATH },
	{ "/nowhere", PATH },
	{ "./gcr.io/a", PATH },
	{ "../b:1", PATH },
	{ "a.zip", PATH },
	{ "b/a.oci.tar", PATH },
	{ "a.oci", PATH },
	{ "d", "is a directory, but no image layout: it has no file oci-layout" },
	{ "d/x.y/oci-layout", "is a file, but its name does not say that it is an image" },
	{ "oci:", "the path is empty" },
	{ "oci::t", "the path is empty" },
	{ "oci:a:", "the tag is malformed" },
	{ "oci:a:b c", "the tag is malformed" },
	{ "oci:a@sha256:12", DIGEST },
	{ "gcr.io/a@md5:12", DIGEST },
	{ "gcr.io/", REPO },
	{ "gcr.io/A", REPO },
	{ "gcr.io/a//b", REPO },
	{ "gcr.io/a/../b", REPO },
	{ "gcr.io/a___b", REPO },
	{ "gcr.io/a-", REPO },
	{ "gcr.io/a:", TAG },
	{ "gcr.io/a:-b", TAG },
	{ "gcr.io:0/a", HOST },
	{ "gcr.io:65536/a", HOST },
	{ "gcr..io/a", HOST },
	{ "user:pw@gcr.io/a", DIGEST },
	{ "-gcr.io/a", HOST },
	{ "[::1/a.b", HOST },
	{ "https://gcr.io/a", "a registry is named without a scheme" },
	{ "http://localhost:5000/a", "a registry is named without a scheme" },
	{ "docker://alpine", NONE },
};

static void test_bad(void **state)
{
	CLEAN_FREE char *name = NULL;
	struct place pl;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_FREE char *want = xasprintf("'%s': %s", bad[i][0], bad[i][1]);

		assert_int_equal(place_parse(&pl, bad[i][0], &err), -1);
		assert_string_equal(err.msg, want);
		assert_int_equal(err.code, ERR_USAGE);
		assert_true(err.hint[0]);
		assert_null(pl.path);
	}
	name = xasprintf("a.b/%0252d", 0);
	assert_int_equal(place_parse(&pl, name, &err), -1);
	assert_non_null(strstr(err.msg, "longer than 255 bytes"));
	assert_int_equal(place_parse(&pl, "a.b/\xff", &err), -1);
	assert_non_null(strstr(err.msg, "not UTF-8"));
}

static void test_relative(void **state)
{
	CLEAN_PLACE struct place a, b, c;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(place_parse_in(&a, "oci:x:t", "/p", &err), 0);
	assert_string_equal(a.path, "/p/x");
	assert_int_equal(place_parse_in(&b, "oci:/x:t", "/p", &err), 0);
	assert_string_equal(b.path, "/x");
	assert_int_equal(place_parse_in(&c, "x.y:t", "d", &err), 0);
	assert_string_equal(c.path, "d/x.y");
}

static void test_beside(void **state)
{
	static const char *const texts[][2] = {
		{ "r.example:5000/a/b:main", "r.example:5000/a/b:main-stage-x" },
		{ "r.example/a", "r.example/a:latest-stage-x" },
		{ "oci:dir:t", "oci:dir:t-stage-x" },
		{ "oci:dir", "oci:dir:latest-stage-x" },
		{ "r.example/a@sha256:" HEX, NULL },
		{ "not a place", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEAN_FREE char *got = place_beside(texts[i][0], "stage-x");

		same(got, texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_relative),
		cmocka_unit_test(test_beside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
