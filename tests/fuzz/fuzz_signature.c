/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is signed and how it is stored: payloads, DSSE envelopes, and manifests of signatures and attestations as
 * somebody else has left them beside an image. Before the input's first NUL is a manifest, after it the blob that any
 * of its descriptors names; without a NUL both are the same.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/sign.h"
#include "os/late.h"

#define IMAGE "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static struct str manifest, blob;

static int give_manifest(struct attach *a, const char *ref, struct buf *out, struct descriptor *d, struct err *err)
{
	(void)a;
	*d = (struct descriptor){ .media_type = ref ? MEDIA_MANIFEST : MEDIA_INDEX, .size = manifest.len };
	buf_adds(out, manifest);
	return digest_parse(IMAGE, &d->digest, err);
}

static int give_blob(struct attach *a, const struct digest *digest, uint64_t size, uint64_t limit, struct buf *out,
		     struct err *err)
{
	(void)a;
	(void)digest;
	(void)size;
	if (blob.len > limit)
		return err_set(err, ERR_LIMIT, "limit exceeded");
	buf_adds(out, blob);
	return 0;
}

static int take_blob(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err)
{
	(void)a;
	return digest_of(p, n, digest, err);
}

/* A signature's manifest has a config and layers, whatever was there before; a copy is what it is. */
static int take_manifest(struct attach *a, const void *p, size_t n, const char *artifact_type, const char *tag,
			 struct digest *digest, struct err *err)
{
	json_t *j;

	if (n == manifest.len && memcmp(p, manifest.ptr, n) == 0)
		return take_blob(a, p, n, digest, err);
	j = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	if (artifact_type || !attach_is_tag(tag) || !json_array_size(json_object_get(j, "layers")) ||
	    !json_is_string(json_object_get(json_object_get(j, "config"), "digest")))
		abort();
	json_decref(j);
	return take_blob(a, p, n, digest, err);
}

static int give_referrers(struct attach *a, const struct digest *subject, const char *artifact_type,
			  struct digest **out, size_t *n, struct err *err)
{
	(void)a;
	(void)artifact_type;
	(void)err;
	*out = xcalloc(1, sizeof(**out));
	**out = *subject;
	*n = blob.len ? 1 : 0;
	return 0;
}

static int commit(struct attach *a, struct err *err)
{
	(void)a;
	(void)err;
	return 0;
}

static void sign_and_verify(const struct crypto_key *k)
{
	static const struct attach_ops ops = { .manifest = give_manifest, .blob = give_blob, .put_blob = take_blob,
					       .put_manifest = take_manifest, .put_child = take_blob,
					       .referrers = give_referrers, .commit = commit };
	struct attach a = { .ops = &ops, .shown = (char[]){ "fuzz" } };
	const struct sign_request req = { .reference = "r", .recursive = true };
	struct signed_images done = { .len = 0 };
	struct signed_image one;
	unsigned n;
	struct err err;

	/* nobody but this program has the key */
	if (verify_image(&a, k, NULL, true, &one, &err) == 0)
		abort();
	if (sign_image(&a, k, &req, &done, &err) == 0 && !done.len)
		abort();
	signed_images_release(&done);
	if (attach_copy(&a, &a, &(struct digest){ .s = IMAGE }, &n, &err) == 0 && n < 2)
		abort();
}

static void documents(const struct crypto_key *k)
{
	CLEAN_BUF struct buf any = BUF_INIT, text = BUF_INIT, envelope = BUF_INIT;
	struct claim claim;
	struct err err;

	if (claim_parse("claim", blob, &claim, &err) == 0 && strlen(claim.reference) >= sizeof(claim.reference))
		abort();
	if (dsse_open(k, "envelope", PAYLOAD_INTOTO, blob, &any, &err) == 0 || any.len)
		abort();
	if (dsse_open(NULL, "envelope", PAYLOAD_INTOTO, blob, &any, &err) < 0 && any.len)
		abort();
	if (dsse_seal(k, PAYLOAD_INTOTO, blob, &envelope, &err) < 0 ||
	    dsse_open(k, "envelope", PAYLOAD_INTOTO, buf_str(&envelope), &text, &err) < 0 ||
	    !str_eq(buf_str(&text), blob))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto_key *k;
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	const char *text = (const char *)data;
	struct err err;

	if (!k) {
		const struct crypto_ops *ops = late_load("crypto", &err);

		if (!ops)
			abort();
		k = ops->key_generate();
	}
	manifest = blob = (struct str){ text, size };
	if (nul) {
		manifest.len = (size_t)(nul - data);
		blob = (struct str){ text + manifest.len + 1, size - manifest.len - 1 };
	}
	sign_and_verify(k);
	documents(k);
	return 0;
}
