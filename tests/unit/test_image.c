/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oci/image.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct image_layer layer = {
	.digest = { "sha256:" HEX_A }, .diff_id = { "sha256:" HEX_B }, .size = 100, .tar_size = 2048,
	.codec = CODEC_GZIP, .created_by = "slsc package \"x\"",
};
static const struct descriptor config = { .media_type = MEDIA_CONFIG, .digest = { "sha256:" HEX_B }, .size = 7 };

static void fill(struct image *im)
{
	*im = (struct image){ .architecture = "arm64", .created = 315532800, .user = "65532:65532", .workdir = "/",
			      .layers = &layer, .nlayers = 1 };
	map_put(&im->env, "PATH", (void *)"/bin");
	map_put(&im->env, "B", (void *)"");
	strs_add(&im->entrypoint, "/var/task/bootstrap");
	strs_add(&im->entrypoint, "--größe");
	map_put(&im->labels, "z", (void *)"1");
	map_put(&im->labels, "a", (void *)"2");
	map_put(&im->annotations, "k", (void *)"v");
}

static void test_config(void **state)
{
	struct image im;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	fill(&im);
	image_config(&im, &b);
	assert_string_equal(
		b.ptr,
		"{\"architecture\":\"arm64\",\"config\":{\"Entrypoint\":[\"/var/task/bootstrap\",\"--größe\"],"
		"\"Env\":[\"PATH=/bin\",\"B=\"],\"Labels\":{\"a\":\"2\",\"z\":\"1\"},\"User\":\"65532:65532\","
		"\"WorkingDir\":\"/\"},\"created\":\"1980-01-01T00:00:00Z\","
		"\"history\":[{\"created\":\"1980-01-01T00:00:00Z\",\"created_by\":\"slsc package \\\"x\\\"\"}],"
		"\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:" HEX_B "\"],\"type\":\"layers\"}}");
	image_release(&im);
}

static void test_manifest(void **state)
{
	struct image im;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	fill(&im);
	image_manifest(&im, &config, &b);
	assert_string_equal(
		b.ptr,
		"{\"annotations\":{\"k\":\"v\"},\"config\":{\"digest\":\"sha256:" HEX_B
		"\",\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":7},"
		"\"layers\":[{\"digest\":\"sha256:" HEX_A
		"\",\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"size\":100}],"
		"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}");
	image_release(&im);
}

static void test_index(void **state)
{
	const struct descriptor d = { .media_type = MEDIA_MANIFEST, .digest = { "sha256:" HEX_A }, .size = 9,
				      .architecture = "amd64", .ref = "latest" };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	image_index(&d, 1, NULL, &b);
	assert_string_equal(
		b.ptr,
		"{\"manifests\":[{\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"},"
		"\"digest\":\"sha256:" HEX_A "\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},\"size\":9}],"
		"\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}");
}

static void test_docker(void **state)
{
	struct image im;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	fill(&im);
	docker_manifest(&im, &config, "p/x:arm64", &b);
	assert_string_equal(b.ptr, "[{\"Config\":\"" HEX_B ".json\",\"Layers\":[\"" HEX_A
				   ".tar\"],\"RepoTags\":[\"p/x:arm64\"]}]");
	image_release(&im);
}

static void test_time(void **state)
{
	const struct {
		int64_t t;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782399, "2000-02-28T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
		{ INT64_MIN, "0001-01-01T00:00:00Z" },
	};
	char got[24];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		image_time(cases[i].t, got);
		assert_string_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config), cmocka_unit_test(test_manifest), cmocka_unit_test(test_index),
		cmocka_unit_test(test_docker), cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
