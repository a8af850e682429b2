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
#include "oci/image.h"
#include "oci/layout.h"
#include "oci/origin.h"
#include "test_home.h"

#define REF "org.opencontainers.image.ref.name"

static struct digest put(struct layout *l, const char *text)
{
	struct digest d;
	struct err err;

	assert_int_equal(layout_put(l, text, strlen(text), &d, &err), 0);
	return d;
}

/* A manifest with one layer, whose text is its architecture; @more: further members. */
static struct descriptor image(struct layout *l, const char *arch, const char *config_type, const char *more)
{
	CLEAN_FREE char *config = xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\"}", arch);
	struct digest c = put(l, config), layer = put(l, arch);
	CLEAN_FREE char *text = xasprintf(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":["
		"{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]%s}",
		config_type, c.s, strlen(config), layer.s, strlen(arch), more);

	return (struct descriptor){ .media_type = MEDIA_MANIFEST, .digest = put(l, text), .size = strlen(text),
				    .architecture = arch };
}

static struct descriptor index_of(struct layout *l, const struct descriptor *d, size_t n)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	image_index(d, n, NULL, &text);
	return (struct descriptor){ .media_type = MEDIA_INDEX, .digest = put(l, text.ptr), .size = text.len };
}

static void commit(struct layout *l, const struct descriptor *d, size_t n)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err err;

	image_index(d, n, NULL, &text);
	assert_int_equal(layout_commit(l, text.ptr, text.len, &err), 0);
}

static struct origin *open_at(const char *where)
{
	CLEAN_PLACE struct place pl;
	struct origin *o = NULL;
	struct err err = ERR_INIT;

	if (place_parse(&pl, where, &err) < 0 || origin_open(&o, &pl, NULL, &err) < 0)
		fail_msg("%s: %s", where, err.msg);
	return o;
}

/* The architecture of what @arch of @where leads to, by its layer. */
static void leads_to(const char *where, const char *ref, const char *arch, const char *want)
{
	CLEAN_ORIGIN struct origin *o = open_at(where);
	CLEAN_DOCUMENT struct document doc;
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT, layer = BUF_INIT;
	struct doc_descriptor d;
	struct digest got;
	struct err err = ERR_INIT;

	if (origin_manifest(o, ref, arch, &doc, &bytes, &d, &arena, &err) < 0)
		fail_msg("%s: %s", where, err.msg);
	assert_int_equal(digest_of(bytes.ptr, bytes.len, &got, &err), 0);
	assert_string_equal(got.s, d.digest.s);
	assert_int_equal(bytes.len, d.size);
	assert_string_equal(d.media_type, MEDIA_MANIFEST);
	assert_int_equal(origin_bytes(o, &doc.ptr[0], 100, &layer, &err), 0);
	assert_string_equal(layer.ptr, want);
}

static void fails(const char *where, const char *ref, const char *arch, enum err_code code, const char *msg,
		  const char *hint)
{
	CLEAN_PLACE struct place pl;
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(place_parse(&pl, where, &err), 0);
	if (origin_open(&o, &pl, NULL, &err) == 0)
		assert_int_equal(origin_manifest(o, ref, arch, &doc, NULL, NULL, &arena, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, code);
}

static void test_tags(void **state)
{
	CLEAN_LAYOUT struct layout l;
	struct descriptor d[3];
	struct err err;

	(void)state;
	assert_int_equal(layout_open(&l, "tags", false, &err), 0);
	d[1] = image(&l, "amd64", MEDIA_CONFIG, "");
	d[2] = image(&l, "arm64", MEDIA_CONFIG, "");
	d[0] = index_of(&l, &d[1], 2);
	d[0].ref = "latest";
	d[1].ref = "amd64";
	d[2].ref = "localhost/x:arm64";
	commit(&l, d, 3);

	leads_to("oci:tags", NULL, "amd64", "amd64");
	leads_to("tags", NULL, "arm64", "arm64");
	leads_to("tags:amd64", NULL, NULL, "amd64");
	leads_to("tags:amd64", "localhost/x:arm64", NULL, "arm64");
	leads_to("tags", d[2].digest.s, NULL, "arm64");
	fails("tags:amd46", NULL, NULL, ERR_NOTFOUND, "oci:tags:amd46: has no tag 'amd46'",
	      "did you mean 'amd64'? there are: latest, amd64, localhost/x:arm64");
	fails("tags", "zzzzzz", NULL, ERR_NOTFOUND, "oci:tags: has no tag 'zzzzzz'",
	      "there are: latest, amd64, localhost/x:arm64");
	fails("tags:amd64", NULL, "arm64", ERR_NOTFOUND,
	      "oci:tags:amd64: has no image for arm64: it is for amd64",
	      "take another image, or one that is for arm64 too");
	fails("tags", NULL, "s390x", ERR_NOTFOUND, "oci:tags: has no image for s390x: there are amd64, arm64",
	      "take another image, or build for the architectures that it is for");
	fails("tags", NULL, NULL, ERR_USAGE, "oci:tags: holds 2 images, for amd64, arm64", "say which architecture");
}

static void test_untagged(void **state)
{
	CLEAN_LAYOUT struct layout one, platforms, nested, many;
	CLEAN_FREE char *want = NULL;
	struct descriptor d[3];
	struct digest inner;
	struct err err;

	(void)state;
	/* one image without a platform, as umoci writes it */
	assert_int_equal(layout_open(&one, "one", false, &err), 0);
	d[0] = image(&one, "arm64", MEDIA_DOCKER_CONFIG, "");
	d[0].architecture = NULL;
	commit(&one, d, 1);
	leads_to("one", NULL, NULL, "arm64");
	leads_to("one", NULL, "arm64", "arm64");
	fails("one", "x", NULL, ERR_NOTFOUND, "oci:one: has no tag 'x'", "nothing in it is tagged: leave the tag out");

	/* index.json as the index */
	assert_int_equal(layout_open(&platforms, "platforms", false, &err), 0);
	d[0] = image(&platforms, "arm64", MEDIA_CONFIG, "");
	d[1] = image(&platforms, "amd64", MEDIA_CONFIG, "");
	commit(&platforms, d, 2);
	leads_to("platforms", NULL, "amd64", "amd64");

	/* an index in an index, without platforms */
	assert_int_equal(layout_open(&nested, "nested", false, &err), 0);
	d[0] = image(&nested, "arm64", MEDIA_CONFIG, "");
	d[1] = image(&nested, "amd64", MEDIA_CONFIG, "");
	d[0].architecture = d[1].architecture = NULL;
	d[0] = index_of(&nested, d, 2);
	inner = d[0].digest;
	d[0] = index_of(&nested, d, 1);
	commit(&nested, d, 1);
	leads_to("nested", NULL, "amd64", "amd64");
	want = xasprintf("oci:nested: %s: none of its 2 images is for s390x", inner.s);
	fails("nested", NULL, "s390x", ERR_NOTFOUND, want, "");

	/* which one? */
	assert_int_equal(layout_open(&many, "many", false, &err), 0);
	d[0] = image(&many, "arm64", MEDIA_CONFIG, "");
	d[1] = image(&many, "amd64", MEDIA_CONFIG, "");
	d[0].ref = "a";
	d[1].ref = "b";
	commit(&many, d, 2);
	fails("many", NULL, "amd64", ERR_USAGE, "oci:many: holds 2 images, and which one is not said",
	      "put a tag behind it: a, b");
	commit(&many, d, 0);
	fails("many", NULL, "amd64", ERR_NOTFOUND, "oci:many: holds no image", "");
}

static void write_to(const char *path, const char *text)
{
	struct err err;

	assert_int_equal(fs_write_file(path, text, strlen(text), 0644, &err), 0);
}

static void test_hostile(void **state)
{
	CLEAN_LAYOUT struct layout l;
	CLEAN_BUF struct buf big = BUF_INIT;
	CLEAN_FREE char *blob = NULL, *want = NULL;
	struct descriptor d, deep;
	struct err err;

	(void)state;
	fails("oci:none", NULL, NULL, ERR_NOTFOUND, "oci:none: is no image layout: it has no file oci-layout",
	      "a layout is a directory with oci-layout, index.json and blobs/, such as `slsc package --oci` makes");
	assert_int_equal(layout_open(&l, "bad", false, &err), 0);
	deep = d = image(&l, "amd64", MEDIA_CONFIG, "");
	commit(&l, &d, 1);
	write_to("bad/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
	fails("bad", NULL, NULL, ERR_FORMAT, "oci:bad: oci-layout: does not say imageLayoutVersion 1", "");
	write_to("bad/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");

	/* an artifact is no image */
	d = image(&l, "x", MEDIA_EMPTY, ",\"artifactType\":\"a/b\"");
	commit(&l, &d, 1);
	fails("bad", NULL, "amd64", ERR_FORMAT, "oci:bad: is not an image, but an artifact of type a/b",
	      "name an image");

	/* a chain of indexes */
	for (int i = 0; i < 5; i++)
		deep = index_of(&l, &deep, 1);
	commit(&l, &deep, 1);
	fails("bad", NULL, "amd64", ERR_LIMIT, "oci:bad: limit exceeded: indexes more than 4 deep", "");

	/* other bytes, other sizes, no file, and no regular one */
	d = image(&l, "amd64", MEDIA_CONFIG, "");
	commit(&l, &d, 1);
	blob = xasprintf("bad/blobs/sha256/%s", digest_hex(&d.digest));
	big.len = 0;
	assert_int_equal(fs_read(blob, 4096, &big, &err), 0);
	big.ptr[5]++;
	write_to(blob, big.ptr);
	want = xasprintf("oci:bad: %s has other bytes than its digest says", d.digest.s);
	fails("bad", NULL, NULL, ERR_FORMAT, want, "the image is damaged or was tampered with: get it again");
	big.ptr[5]--;
	buf_addz(&big, "x");
	write_to(blob, big.ptr);
	free(want);
	want = xasprintf("oci:bad: %s has %llu bytes where %llu were named", d.digest.s, (unsigned long long)d.size + 1,
			 (unsigned long long)d.size);
	fails("bad", NULL, NULL, ERR_FORMAT, want, "");
	assert_int_equal(unlink(blob), 0);
	free(want);
	want = xasprintf("oci:bad: %s is missing", d.digest.s);
	fails("bad", NULL, NULL, ERR_NOTFOUND, want, "the image is incomplete: get it again");
	assert_int_equal(mkfifo(blob, 0644), 0);
	free(want);
	want = xasprintf("cannot read %s: not a regular file", blob);
	fails("bad", NULL, NULL, ERR_IO, want, "");

	/* an index.json that is too large to look at, and none */
	buf_reset(&big);
	buf_reserve(&big, DOCUMENT_MAX + 1);
	memset(big.ptr, ' ', DOCUMENT_MAX + 1);
	assert_int_equal(fs_write_file("bad/index.json", big.ptr, DOCUMENT_MAX + 1, 0644, &err), 0);
	fails("bad", NULL, NULL, ERR_LIMIT,
	      "oci:bad: index.json: limit exceeded: 4194305 bytes, the most is 4194304", "");
	write_to("bad/index.json", "{\"schemaVersion\":2,\"manifests\":[{}]}");
	fails("bad", NULL, NULL, ERR_FORMAT, "oci:bad: index.json: manifests[0].digest: is missing", "");
	assert_int_equal(unlink("bad/index.json"), 0);
	fails("bad", NULL, NULL, ERR_NOTFOUND, "oci:bad: index.json: there is none", "");
}

/* A blob whose size is named wrongly gives no more than that. */
static void test_blob(void **state)
{
	CLEAN_LAYOUT struct layout l;
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *path = NULL, *want = NULL, *none = NULL;
	struct doc_descriptor d = { .media_type = "", .size = 5 };
	struct digest other;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(layout_open(&l, "blob", false, &err), 0);
	d.digest = put(&l, "hello");
	commit(&l, NULL, 0);
	o = open_at("blob");
	assert_int_equal(origin_bytes(o, &d, 5, &out, &err), 0);
	assert_string_equal(out.ptr, "hello");
	assert_int_equal(origin_bytes(o, &d, 4, &out, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	path = o->ops->blob_path(o, &d.digest);
	want = xasprintf("blob/blobs/sha256/%s", digest_hex(&d.digest));
	assert_string_equal(path, want);
	assert_int_equal(digest_of("x", 1, &other, &err), 0);
	none = o->ops->blob_path(o, &other);
	assert_null(none);
	for (d.size = 4; d.size < 7; d.size += 2) {
		assert_int_equal(origin_bytes(o, &d, 100, &out, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_int_equal(out.len, 5);
}

static void test_referrers(void **state)
{
	CLEAN_LAYOUT struct layout l;
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_FREE char *subject = NULL, *tag = NULL, *both = NULL;
	struct descriptor d[3], inner;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(layout_open(&l, "ref", false, &err), 0);
	d[0] = image(&l, "amd64", MEDIA_CONFIG, "");
	d[0].ref = "latest";
	subject = xasprintf(",\"subject\":{\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"%s\",\"size\":%llu}",
			    d[0].digest.s, (unsigned long long)d[0].size);
	both = xasprintf("%s,\"artifactType\":\"a/b\",\"annotations\":{\"k\":\"v\"}", subject);
	d[1] = image(&l, "a", MEDIA_EMPTY, both);
	d[1].architecture = NULL;
	inner = image(&l, "b", "c/d", subject);
	inner.architecture = NULL;
	d[2] = index_of(&l, &inner, 1);
	tag = xasprintf("sha256-%s", digest_hex(&d[0].digest));
	d[2].ref = tag;
	commit(&l, d, 3);

	o = open_at("ref:latest");
	assert_int_equal(o->ops->referrers(o, &d[0].digest, &out, &err), 0);
	assert_int_equal(document_parse(&doc, "r", NULL, out.ptr, out.len, &err), 0);
	assert_int_equal(doc.kind, DOC_INDEX);
	assert_int_equal(doc.len, 2);
	assert_string_equal(doc.ptr[0].digest.s, d[1].digest.s);
	assert_string_equal(doc.ptr[0].artifact_type, "a/b");
	assert_string_equal(doc_kvs_get(&doc.ptr[0].annotations, "k"), "v");
	assert_string_equal(doc.ptr[1].digest.s, inner.digest.s);
	assert_string_equal(doc.ptr[1].artifact_type, "c/d");
	assert_int_equal(o->ops->referrers(o, &inner.digest, &out, &err), 0);
	assert_string_equal(out.ptr, "{\"manifests\":[],\"mediaType\":\"" MEDIA_INDEX "\",\"schemaVersion\":2}");
}

static void test_registry(void **state)
{
	CLEAN_PLACE struct place pl;
	struct origin *o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(place_parse(&pl, "a.b/c:d", &err), 0);
	assert_int_equal(origin_open(&o, &pl, NULL, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.msg, "a.b/c: registries cannot be used here");
	assert_null(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_untagged),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_referrers),
		cmocka_unit_test(test_registry),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
