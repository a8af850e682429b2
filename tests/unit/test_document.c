/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archive/codec.h"
#include "base/buf.h"
#include "base/mem.h"
#include "oci/document.h"
#include "oci/image.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG "\"config\":{\"mediaType\":\"" MEDIA_CONFIG "\",\"digest\":\"sha256:" A "\",\"size\":7}"
#define ENTRY(arch, more) \
	"{\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"sha256:" arch "\",\"size\":9,\"platform\":{" more "}}"

static void test_manifest(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_MANIFEST "\",\"artifactType\":\"a/b\"," CONFIG ","
		"\"layers\":[{\"mediaType\":\"" MEDIA_DOCKER_LAYER "\",\"digest\":\"sha256:" B "\","
		"\"size\":9007199254740992,"
		"\"annotations\":{\"k\":\"v\"},\"urls\":[\"x\"]}],"
		"\"subject\":{\"mediaType\":\"m\",\"digest\":\"sha256:" B "\",\"size\":0},"
		"\"annotations\":{\"x\":\"y\"},"
		"\"unknown\":[1,2,{\"a\":null}]}";
	CLEAN_DOCUMENT struct document d;
	struct err err;

	(void)state;
	assert_int_equal(document_parse(&d, "m", NULL, text, strlen(text), &err), 0);
	assert_int_equal(d.kind, DOC_MANIFEST);
	assert_string_equal(d.media_type, MEDIA_MANIFEST);
	assert_string_equal(d.artifact_type, "a/b");
	assert_string_equal(d.config.media_type, MEDIA_CONFIG);
	assert_string_equal(d.config.digest.s, "sha256:" A);
	assert_int_equal(d.config.size, 7);
	assert_int_equal(d.len, 1);
	assert_int_equal(d.ptr[0].size, UINT64_C(9007199254740992));
	assert_int_equal(media_layer_codec(d.ptr[0].media_type), CODEC_GZIP);
	assert_string_equal(doc_kvs_get(&d.ptr[0].annotations, "k"), "v");
	assert_null(d.ptr[0].architecture);
	assert_true(d.has_subject);
	assert_string_equal(d.subject.digest.s, "sha256:" B);
	assert_string_equal(doc_kvs_get(&d.annotations, "x"), "y");
	assert_null(doc_kvs_get(&d.annotations, "z"));
}

/* What the document does not say itself is taken from where it was found, then from its members. */
static void test_kinds(void **state)
{
	static const char manifest[] = "{\"schemaVersion\":2," CONFIG ",\"layers\":null}";
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	struct document d;
	struct err err;

	(void)state;
	assert_int_equal(document_parse(&d, "m", MEDIA_DOCKER_MANIFEST, manifest, strlen(manifest), &err), 0);
	assert_string_equal(d.media_type, MEDIA_DOCKER_MANIFEST);
	assert_int_equal(d.len, 0);
	document_release(&d);
	assert_int_equal(document_parse(&d, "m", "application/json", index, strlen(index), &err), 0);
	assert_string_equal(d.media_type, MEDIA_INDEX);
	assert_int_equal(d.kind, DOC_INDEX);
	document_release(&d);
	assert_int_equal(document_parse(&d, "m", MEDIA_INDEX, manifest, strlen(manifest), &err), -1);
	assert_string_equal(err.msg, "m: its media type says " MEDIA_INDEX ", which it is not");
	assert_int_equal(document_parse(&d, "m", MEDIA_MANIFEST, index, strlen(index), &err), -1);
	assert_string_equal(err.msg, "m: its media type says " MEDIA_MANIFEST ", which it is not");
}

static const struct refusal {
	const char *text, *msg;
} refusals[] = {
	{ "", "m:1: '[' or '{' expected near end of file" },
	{ "[]", "m: is not a JSON object" },
	{ "{} x", "m:1:4: end of file expected" },
	{ "{\"a\":1,\"a\":2}", "m:1:10: duplicate object key" },
	{ "{\"a\":\"\xff\"}", "m:1:6: unable to decode byte 0xff" },
	{ "{\"a\":\"\\u0000\"}", "m:1:13: \\u0000 is not allowed without JSON_ALLOW_NUL" },
	{ "{\"schemaVersion\":1}", "m: is a manifest of Docker's schema 1, which is not supported" },
	{ "{\"schemaVersion\":\"2\"}", "m: schemaVersion: must be 2" },
	{ "{}", "m: schemaVersion: must be 2" },
	{ "{\"schemaVersion\":2,\"mediaType\":3}", "m: mediaType: must be a string" },
	{ "{\"schemaVersion\":2,\"mediaType\":\"text/html\"}", "m: mediaType: is neither a manifest's nor an index's" },
	{ "{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", "m: is a manifest and an index at once" },
	{ "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", "m: is a manifest and an index at once" },
	{ "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\"," CONFIG "}",
	  "m: its media type says " MEDIA_INDEX ", which it is not" },
	{ "{\"schemaVersion\":2}", "m: config: is missing" },
	{ "{\"schemaVersion\":2,\"config\":[]}", "m: config: must be an object" },
	{ "{\"schemaVersion\":2,\"config\":{}}", "m: config.digest: is missing" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":1}}", "m: config.digest: must be a string" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "a\"}}",
	  "m: config.digest: is not sha256: and 64 lower-case hex digits" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha512:" A "\"}}",
	  "m: config.digest: is not sha256: and 64 lower-case hex digits" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../../../../../../etc/shadow\"}}",
	  "m: config.digest: is not sha256: and 64 lower-case hex digits" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "\"}}", "m: config.size: is missing" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "\",\"size\":1.5}}",
	  "m: config.size: must be an integer" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "\",\"size\":-1}}",
	  "m: config.size: is out of range: 0 to 2^53 bytes" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "\",\"size\":9007199254740993}}",
	  "m: config.size: is out of range: 0 to 2^53 bytes" },
	{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" A "\",\"size\":1,\"mediaType\":{}}}",
	  "m: config.mediaType: must be a string" },
	{ "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", "m: layers: must be an array" },
	{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[4]}", "m: layers[0]: must be an object" },
	{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[" ENTRY(A, "") ",{\"digest\":\"x\"}]}",
	  "m: layers[1].digest: is not sha256: and 64 lower-case hex digits" },
	{ "{\"schemaVersion\":2,\"manifests\":[" ENTRY(A, "\"os\":7") "]}",
	  "m: manifests[0].platform.os: must be a string" },
	{ "{\"schemaVersion\":2,\"manifests\":[" ENTRY(A, "\"variant\":[]") "]}",
	  "m: manifests[0].platform.variant: must be a string" },
	{ "{\"schemaVersion\":2," CONFIG ",\"subject\":1}", "m: subject: must be an object" },
	{ "{\"schemaVersion\":2," CONFIG ",\"subject\":{\"digest\":\"sha256:" A "\"}}", "m: subject.size: is missing" },
	{ "{\"schemaVersion\":2," CONFIG ",\"annotations\":[]}", "m: annotations: must be an object" },
	{ "{\"schemaVersion\":2," CONFIG ",\"annotations\":{\"a\":1}}", "m: annotations: must hold strings only" },
	{ "{\"schemaVersion\":2," CONFIG ",\"artifactType\":1}", "m: artifactType: must be a string" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct document d;
		struct err err = ERR_INIT;

		assert_int_equal(document_parse(&d, "m", NULL, refusals[i].text, strlen(refusals[i].text), &err), -1);
		assert_string_equal(err.msg, refusals[i].msg);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_null(d.arena.head);
	}
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct document d;
	struct err err;

	(void)state;
	/* 10,000 entries */
	buf_addz(&b, "{\"schemaVersion\":2,\"manifests\":[");
	for (int i = 0; i < 10000; i++)
		buf_addf(&b, "%s" ENTRY(A, ""), i ? "," : "");
	buf_addz(&b, "]}");
	assert_int_equal(document_parse(&d, "m", NULL, b.ptr, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "m: limit exceeded: 10000 manifests, the most is 1024");

	/* 100 MB of annotations: not looked at */
	buf_reset(&b);
	buf_addz(&b, "{\"schemaVersion\":2,\"annotations\":{\"a\":\"");
	buf_reserve(&b, 100u << 20);
	memset(b.ptr + b.len, 'x', 100u << 20);
	b.len += 100u << 20;
	assert_int_equal(document_parse(&d, "m", NULL, b.ptr, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "m: limit exceeded: 104857639 bytes, the most is 4194304");

	/* what fits, but would become a hundred times as much in memory */
	buf_reset(&b);
	buf_addz(&b, "{\"a\":[");
	while (b.len < DOCUMENT_MAX - 8)
		buf_addz(&b, "[],");
	buf_addz(&b, "0]}");
	assert_int_equal(document_parse(&d, "m", NULL, b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, "m: limit exceeded: more than 100000 values");

	/* deep; brackets in a string are none */
	buf_reset(&b);
	buf_addz(&b, "{\"\\\"[[[[\":");
	for (int i = 0; i < 64; i++)
		buf_addc(&b, '[');
	assert_int_equal(document_parse(&d, "m", NULL, b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, "m: limit exceeded: JSON more than 64 levels deep");
	assert_int_equal(document_parse(&d, "m", NULL, b.ptr, b.len - 1, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
}

static void test_platform(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"manifests\":["
		ENTRY("1111111111111111111111111111111111111111111111111111111111111111",
		      "\"os\":\"unknown\",\"architecture\":\"unknown\"") ","
		ENTRY("2222222222222222222222222222222222222222222222222222222222222222",
		      "\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"") ","
		ENTRY("3333333333333333333333333333333333333333333333333333333333333333",
		      "\"os\":\"windows\",\"architecture\":\"amd64\"") ","
		ENTRY("4444444444444444444444444444444444444444444444444444444444444444",
		      "\"os\":\"linux\",\"architecture\":\"amd64\"") ","
		ENTRY("5555555555555555555555555555555555555555555555555555555555555555",
		      "\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v1\"") ","
		ENTRY("6666666666666666666666666666666666666666666666666666666666666666",
		      "\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"") ","
		ENTRY("7777777777777777777777777777777777777777777777777777777777777777",
		      "\"architecture\":\"riscv64\"") "]}";
	CLEAN_DOCUMENT struct document d;
	struct err err;

	(void)state;
	assert_int_equal(document_parse(&d, "m", NULL, text, strlen(text), &err), 0);
	assert_int_equal(document_for(&d, "amd64")->digest.s[7], '4');
	assert_int_equal(document_for(&d, "arm64")->digest.s[7], '6');
	assert_null(document_for(&d, "riscv64"));
	assert_null(document_for(&d, "s390x"));
}

static void test_config(void **state)
{
	static const char text[] =
		"{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\","
		"\"created\":\"2024-01-02T03:04:05.6Z\","
		"\"docker_version\":\"20\",\"config\":{\"User\":\"65532\",\"Env\":[\"A=1\",\"B=\",\"A=x=y\"],"
		"\"Entrypoint\":[\"/a\",\"b\"],\"Cmd\":null,\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"m\"},"
		"\"OnBuild\":null,"
		"\"Volumes\":{\"/v\":{}},\"ExposedPorts\":{\"80/tcp\":{}},\"StopSignal\":\"SIGINT\"},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" A "\",\"sha256:" B "\"]},"
		"\"history\":[{\"created\":\"t\",\"created_by\":\"c\",\"comment\":\"m\"},{\"empty_layer\":true}]}";
	CLEAN_DOC_CONFIG struct doc_config c;
	struct err err;

	(void)state;
	assert_int_equal(doc_config_parse(&c, "c", text, strlen(text), &err), 0);
	assert_string_equal(c.architecture, "arm64");
	assert_string_equal(c.os, "linux");
	assert_string_equal(c.variant, "v8");
	assert_string_equal(c.created, "2024-01-02T03:04:05.6Z");
	assert_string_equal(c.user, "65532");
	assert_string_equal(c.workdir, "/w");
	assert_string_equal(c.stop_signal, "SIGINT");
	assert_int_equal(c.env.len, 3);
	assert_string_equal(c.env.ptr[1].key, "B");
	assert_string_equal(c.env.ptr[1].val, "");
	assert_string_equal(c.env.ptr[2].val, "x=y");
	assert_string_equal(c.entrypoint[1], "b");
	assert_null(c.entrypoint[2]);
	assert_null(c.cmd);
	assert_string_equal(c.volumes[0], "/v");
	assert_string_equal(c.ports[0], "80/tcp");
	assert_string_equal(doc_kvs_get(&c.labels, "l"), "m");
	assert_int_equal(c.ndiff_ids, 2);
	assert_string_equal(c.diff_ids[1].s, "sha256:" B);
	assert_int_equal(c.nhistory, 2);
	assert_string_equal(c.history[0].comment, "m");
	assert_false(c.history[0].empty_layer);
	assert_true(c.history[1].empty_layer);
	assert_null(c.history[1].created_by);
}

static const struct refusal config_refusals[] = {
	{ "[]", "c: is not a JSON object" },
	{ "{\"architecture\":1}", "c: architecture: must be a string" },
	{ "{\"os\":{}}", "c: os: must be a string" },
	{ "{\"variant\":[]}", "c: variant: must be a string" },
	{ "{\"created\":0}", "c: created: must be a string" },
	{ "{\"config\":\"x\"}", "c: config: must be an object" },
	{ "{\"config\":{\"User\":0}}", "c: config.User: must be a string" },
	{ "{\"config\":{\"WorkingDir\":0}}", "c: config.WorkingDir: must be a string" },
	{ "{\"config\":{\"StopSignal\":9}}", "c: config.StopSignal: must be a string" },
	{ "{\"config\":{\"Env\":{}}}", "c: config.Env: must be an array" },
	{ "{\"config\":{\"Env\":[1]}}", "c: config.Env: must hold strings only" },
	{ "{\"config\":{\"Env\":[\"A\"]}}", "c: config.Env: must hold NAME=VALUE only" },
	{ "{\"config\":{\"Env\":[\"=A\"]}}", "c: config.Env: must hold NAME=VALUE only" },
	{ "{\"config\":{\"Labels\":[]}}", "c: config.Labels: must be an object" },
	{ "{\"config\":{\"Labels\":{\"a\":null}}}", "c: config.Labels: must hold strings only" },
	{ "{\"config\":{\"Entrypoint\":\"/a\"}}", "c: config.Entrypoint: must be an array" },
	{ "{\"config\":{\"Cmd\":[[]]}}", "c: config.Cmd: must hold strings only" },
	{ "{\"config\":{\"Volumes\":[]}}", "c: config.Volumes: must be an object" },
	{ "{\"config\":{\"ExposedPorts\":1}}", "c: config.ExposedPorts: must be an object" },
	{ "{\"rootfs\":[]}", "c: rootfs: must be an object" },
	{ "{\"rootfs\":{\"type\":\"tar\"}}", "c: rootfs.type: must be layers" },
	{ "{\"rootfs\":{\"diff_ids\":{}}}", "c: rootfs.diff_ids: must be an array" },
	{ "{\"rootfs\":{\"diff_ids\":[\"sha256:\"]}}",
	  "c: rootfs.diff_ids: must hold sha256: and 64 lower-case hex digits only" },
	{ "{\"history\":{}}", "c: history: must be an array" },
	{ "{\"history\":[0]}", "c: history[0]: must be an object" },
	{ "{\"history\":[{},{\"empty_layer\":0}]}", "c: history[1].empty_layer: must be true or false" },
	{ "{\"history\":[{\"created_by\":0}]}", "c: history[0].created_by: must be a string" },
};

static void test_config_refused(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct doc_config c;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(config_refusals); i++) {
		const char *text = config_refusals[i].text;

		assert_int_equal(doc_config_parse(&c, "c", text, strlen(text), &err), -1);
		assert_string_equal(err.msg, config_refusals[i].msg);
		assert_null(c.arena.head);
	}
	buf_addz(&b, "{\"rootfs\":{\"diff_ids\":[");
	for (int i = 0; i < 1025; i++)
		buf_addf(&b, "%s\"sha256:" A "\"", i ? "," : "");
	buf_addz(&b, "]}}");
	assert_int_equal(doc_config_parse(&c, "c", b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, "c: limit exceeded: 1025 diff_ids, the most is 1024");
}

static void test_media(void **state)
{
	(void)state;
	assert_int_equal(media_layer_codec("application/vnd.oci.image.layer.v1.tar"), CODEC_NONE);
	assert_int_equal(media_layer_codec("application/vnd.oci.image.layer.v1.tar+zstd"), CODEC_ZSTD);
	assert_int_equal(media_layer_codec(MEDIA_CONFIG), -1);
	assert_int_equal(media_layer_codec(""), -1);
	assert_true(media_is_index(MEDIA_DOCKER_INDEX));
	assert_false(media_is_index(MEDIA_DOCKER_MANIFEST));
	assert_true(media_is_manifest(MEDIA_DOCKER_MANIFEST));
	assert_false(media_is_manifest(MEDIA_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest), cmocka_unit_test(test_kinds), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_platform), cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_refused), cmocka_unit_test(test_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
