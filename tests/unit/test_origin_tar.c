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

#include "archive/codec.h"
#include "archive/tar.h"
#include "base/mem.h"
#include "oci/export.h"
#include "oci/image.h"
#include "oci/layout.h"
#include "oci/origin.h"
#include "test_home.h"

static int sink(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static struct digest digest(const char *text)
{
	struct digest d;
	struct err err;

	assert_int_equal(digest_of(text, strlen(text), &d, &err), 0);
	return d;
}

static void add(struct tree *t, const char *name, const char *text)
{
	struct err err;

	assert_int_equal(tree_add_data(t, name, text, strlen(text), 0644, 0, 0, &err), 0);
}

/* @t as the file @path, compressed by @codec. */
static void write_tar(struct tree *t, const char *path, enum codec codec)
{
	CLEAN_BUF struct buf tar = BUF_INIT, out = BUF_INIT;
	struct codec_enc *e = codec_enc_new(codec, CODEC_FAST, sink, &out);
	struct err err;

	assert_int_equal(tree_finish(t, &err), 0);
	assert_int_equal(tar_write(t, 0, sink, &tar, &err), 0);
	assert_int_equal(codec_enc_write(e, tar.ptr, tar.len, &err), 0);
	assert_int_equal(codec_enc_finish(e, &err), 0);
	codec_enc_free(e);
	assert_int_equal(fs_write_file(path, out.ptr, out.len, 0644, &err), 0);
}

/* The layers' texts, separated by a space, of what @where is for amd64. */
static void layers(const char *where, const char *want)
{
	CLEAN_PLACE struct place pl;
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct doc_descriptor d;
	struct err err = ERR_INIT;

	if (place_parse(&pl, where, &err) < 0 || origin_open(&o, &pl, NULL, &err) < 0 ||
	    origin_manifest(o, NULL, "amd64", &doc, NULL, &d, &arena, &err) < 0) {
		assert_string_equal(err.msg, want);
		return;
	}
	for (size_t i = 0; i < doc.len; i++) {
		if (i)
			buf_addc(&out, ' ');
		if (origin_bytes(o, &doc.ptr[i], 100, &out, &err) < 0) {
			assert_string_equal(err.msg, want);
			return;
		}
	}
	assert_string_equal(out.ptr, want);
	assert_null(o->ops->blob_path(o, &d.digest));
	assert_int_equal(o->ops->referrers(o, &d.digest, &out, &err), 0);
	document_release(&doc);
	assert_int_equal(document_parse(&doc, "r", NULL, out.ptr, out.len, &err), 0);
	document_release(&doc);
}

#define CONFIG_OF(a, b)                                                             \
	xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":"          \
		  "{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}", digest(a).s, \
		  digest(b).s)

static void test_oci(void **state)
{
	CLEAN_LAYOUT struct layout l;
	CLEAN_TREE struct tree t = TREE_INIT, empty = TREE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *config = CONFIG_OF("one", "two");
	struct image_layer two[2] = { { .size = 3 }, { .size = 3 } };
	const struct image im = { .architecture = "amd64", .layers = two, .nlayers = 2 };
	struct descriptor m = { .media_type = MEDIA_MANIFEST, .architecture = "amd64" };
	struct descriptor c = { .media_type = MEDIA_CONFIG, .size = strlen(config) };
	struct export e = { .path = "x.oci.tar" };
	struct err err;

	(void)state;
	assert_int_equal(layout_open(&l, "l", false, &err), 0);
	assert_int_equal(layout_put(&l, "one", 3, &two[0].digest, &err), 0);
	assert_int_equal(layout_put(&l, "two", 3, &two[1].digest, &err), 0);
	assert_int_equal(layout_put(&l, config, strlen(config), &c.digest, &err), 0);
	image_manifest(&im, &c, &text);
	m.size = text.len;
	assert_int_equal(layout_put(&l, text.ptr, text.len, &m.digest, &err), 0);
	buf_reset(&text);
	image_index(&m, 1, NULL, &text);
	assert_int_equal(export_oci(&l, &text, &e, &err), 0);
	assert_int_equal(layout_commit(&l, text.ptr, text.len, &err), 0);
	layers("x.oci.tar", "one two");
	layers("oci-archive:x.oci.tar", "one two");
	/* compressed: unpacked first */
	assert_int_equal(tree_add_host(&t, "", "l", 0644, &err), 0);
	write_tar(&t, "x.tar.gz", CODEC_GZIP);
	layers("oci-archive:x.tar.gz", "one two");
	write_tar(&t, "x.tar.zst", CODEC_ZSTD);
	layers("oci-archive:x.tar.zst", "one two");

	layers("oci-archive:none", "none: there is no such file");
	add(&empty, "a", "b");
	write_tar(&empty, "no.tar", CODEC_NONE);
	layers("oci-archive:no.tar", "oci-archive:no.tar: is no image layout: it has no file oci-layout");
	layers("docker-archive:no.tar",
	       "docker-archive:no.tar: is no archive of docker save: it has no manifest.json");
	assert_int_equal(fs_write_file("cut.tar", "abc", 3, 0644, &err), 0);
	layers("oci-archive:cut.tar", "cut.tar: Unrecognized archive format");
}

#define IMAGE(name, config, l)  "{\"Config\":\"" config "\",\"RepoTags\":[\"" name "\"],\"Layers\":[" l "]}"

static void test_docker(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *config = CONFIG_OF("one", "two"), *other = CONFIG_OF("two", "two");
	struct err err;

	(void)state;
	add(&t, "c.json", config);
	add(&t, "d.json", other);
	add(&t, "1/layer.tar", "one");
	add(&t, "2/layer.tar", "two");
	/* as old versions of docker save wrote a layer that an earlier image has */
	assert_int_equal(tree_add_link(&t, "3/layer.tar", "../2/layer.tar", &err), 0);
	assert_int_equal(tree_add_link(&t, "4", "3/layer.tar", &err), 0);
	assert_int_equal(tree_add_link(&t, "loop", "loop", &err), 0);
	assert_int_equal(tree_add_link(&t, "out", "../../etc/passwd", &err), 0);
	add(&t, "manifest.json",
	    "[" IMAGE("a/b:latest", "c.json", "\"1/layer.tar\",\"4\"") ","
	    IMAGE("swapped:1", "c.json", "\"2/layer.tar\",\"1/layer.tar\"") ","
	    IMAGE("two:1", "d.json", "\"3/layer.tar\",\"2/layer.tar\"") ","
	    IMAGE("less:1", "d.json", "\"3/layer.tar\"") "," IMAGE("loop:1", "d.json", "\"loop\",\"4\"") ","
	    IMAGE("out:1", "d.json", "\"4\",\"out\"") "," IMAGE("none:1", "none", "\"4\",\"4\"") "]");
	write_tar(&t, "d.docker.tar", CODEC_NONE);
	layers("d.docker.tar:a/b:latest", "one two");
	layers("docker-archive:d.docker.tar:a/b", "one two");
	layers("d.docker.tar:two:1", "two two");
	layers("d.docker.tar", "docker-archive:d.docker.tar: holds 7 images, and which one is not said");
	layers("d.docker.tar:two:2", "docker-archive:d.docker.tar:two:2: has no tag 'two:2'");
	{
		CLEAN_FREE char *want = xasprintf("docker-archive:d.docker.tar:swapped:1: %s has other bytes than its "
						  "digest says", digest("one").s);

		layers("d.docker.tar:swapped:1", want);
	}
	layers("d.docker.tar:less:1",
	       "docker-archive:d.docker.tar:less:1: manifest.json: has another number of layers than the config");
	layers("d.docker.tar:loop:1", "d.docker.tar: has no file loop");
	layers("d.docker.tar:out:1", "d.docker.tar: has no file out");
	layers("d.docker.tar:none:1", "d.docker.tar: has no file none");
	write_tar(&t, "d.tar.gz", CODEC_GZIP);
	layers("docker-archive:d.tar.gz:two:1", "two two");
}

static void test_docker_bad(void **state)
{
	static const char *const bad[][2] = {
		{ "{}", "is not a JSON list of images" },
		{ "[", "is not a JSON list of images" },
		{ "[]", "names no image" },
		{ "[1]", "must hold objects" },
		{ "[{}]", "an image needs a Config and Layers" },
		{ "[{\"Config\":\"c\",\"Layers\":{}}]", "an image needs a Config and Layers" },
		{ "[{\"Config\":\"c\",\"Layers\":[3, 4]}]", "Layers must hold strings only" },
		{ "[{\"RepoTags\":[1]}]", "RepoTags must hold strings only" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_TREE struct tree t = TREE_INIT;
		CLEAN_FREE char *config = CONFIG_OF("1", "2");
		CLEAN_FREE char *want = xasprintf("docker-archive:bad.tar: manifest.json: %s", bad[i][1]);

		add(&t, "manifest.json", bad[i][0]);
		add(&t, "c", config);
		write_tar(&t, "bad.tar", CODEC_NONE);
		layers("docker-archive:bad.tar", want);
	}
}

/* gzip layers in a docker archive: the digest is computed, the media type says gzip. */
static void test_docker_gzip(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *config = CONFIG_OF("\x1f\x8b" "a", "b");
	CLEAN_PLACE struct place pl;
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	struct err err;

	(void)state;
	add(&t, "c", config);
	add(&t, "g", "\x1f\x8b" "x");
	add(&t, "b", "b");
	add(&t, "manifest.json", "[" IMAGE("g:1", "c", "\"g\",\"b\"") "]");
	write_tar(&t, "g.docker.tar", CODEC_NONE);
	layers("g.docker.tar", "\x1f\x8b" "x b");
	assert_int_equal(place_parse(&pl, "g.docker.tar", &err), 0);
	assert_int_equal(origin_open(&o, &pl, NULL, &err), 0);
	assert_int_equal(origin_manifest(o, NULL, NULL, &doc, NULL, NULL, &arena, &err), 0);
	assert_int_equal(media_layer_codec(doc.ptr[0].media_type), CODEC_GZIP);
	assert_int_equal(media_layer_codec(doc.ptr[1].media_type), CODEC_NONE);
	assert_string_equal(doc.config.media_type, MEDIA_CONFIG);
	document_release(&doc);
	assert_int_equal(origin_manifest(o, digest("x").s, NULL, &doc, NULL, NULL, &arena, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oci),
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_docker_bad),
		cmocka_unit_test(test_docker_gzip),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
