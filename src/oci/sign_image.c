/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and attestations as manifests beside an image, under the tags sha256-<hex>.sig and .att. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "oci/document.h"
#include "oci/js.h"
#include "oci/sign.h"
#include "os/late.h"

#define PREDICATE_ANNOTATION "predicateType"
#define SIGNATURE_TEXT_MAX 512u	/* base64 of ECDSA's DER; 96 at most on P-256 */

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static bool is_index(const struct descriptor *d)
{
	return strcmp(d->media_type, MEDIA_INDEX) == 0 || strcmp(d->media_type, MEDIA_DOCKER_INDEX) == 0;
}

/* The manifest under @tag, whose layers are signatures or attestations; *@out NULL if there is none. */
static int load_tagged(struct attach *a, const char *tag, json_t **out, struct digest *digest, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };
	json_error_t where;

	*out = NULL;
	if (a->ops->manifest(a, tag, &text, &d, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	*digest = d.digest;
	*out = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
	if (json_is_array(json_object_get(*out, "layers")) &&
	    json_array_size(json_object_get(*out, "layers")) <= ATTACH_MAX)
		return 0;
	json_decref(*out);
	*out = NULL;
	return err_set(err, ERR_FORMAT, "%s:%s: is no manifest with 1 to %u layers", a->shown, tag, ATTACH_MAX);
}

/* cosign gives its manifests an image's config, so that any registry takes them; each layer is a diff_id. */
static void add_config(const json_t *layers, struct buf *out)
{
	json_t *ids = js_must(json_array()), *j;
	const json_t *layer;
	size_t i;

	json_array_foreach(layers, i, layer)
		js_push(ids, json_string(get(layer, "digest") ? get(layer, "digest") : ""));
	j = js_must(json_pack("{s:s, s:s, s:s, s:{}, s:{s:s, s:o}}", "architecture", "", "created",
			      "0001-01-01T00:00:00Z", "os", "", "config", "rootfs", "type", "layers", "diff_ids", ids));
	js_dump(j, out);
	json_decref(j);
}

/* Append a layer to the manifest @was (NULL: a new one; taken over) and store it under @tag. */
static int put_layer(struct attach *a, json_t *was, const char *tag, json_t *layer, struct digest *digest,
		     struct err *err)
{
	json_t *j =
		was ? was
		    : js_must(json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", MEDIA_MANIFEST, "layers"));
	json_t *layers = json_object_get(j, "layers");
	CLEAN_BUF struct buf config = BUF_INIT, text = BUF_INIT;
	struct digest config_digest;
	int r = -1;

	js_push(layers, layer);
	if (json_array_size(layers) > ATTACH_MAX) {
		err_set(err, ERR_LIMIT, "%s:%s: limit exceeded: more than %u layers", a->shown, tag, ATTACH_MAX);
		goto out;
	}
	add_config(layers, &config);
	if (a->ops->put_blob(a, config.ptr, config.len, &config_digest, err) < 0)
		goto out;
	js_set(j, "config",
	       json_pack("{s:s, s:s, s:I}", "mediaType", MEDIA_CONFIG, "digest", config_digest.s, "size",
			 (json_int_t)config.len));
	js_dump(j, &text);
	r = a->ops->put_manifest(a, text.ptr, text.len, NULL, tag, digest, err);
out:
	json_decref(j);
	return r;
}

/* The blob that a descriptor names. */
static int read_layer(struct attach *a, const json_t *layer, uint64_t limit, struct buf *out, struct err *err)
{
	const json_int_t size = json_integer_value(json_object_get(layer, "size"));
	struct digest digest;

	if (digest_parse(get(layer, "digest") ? get(layer, "digest") : "", &digest, err) < 0)
		return -1;
	if (size < 0 || (uint64_t)size > limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s has more than %llu bytes", a->shown, digest.s,
			       (unsigned long long)limit);
	return a->ops->blob(a, &digest, (uint64_t)size, limit, out, err);
}

/* ECDSA never gives the same signature twice: whether there is one by this key already can only be tried. */
static bool signed_already(const struct crypto_ops *ops, const struct crypto_key *k, const json_t *manifest,
			   const struct digest *blob, struct str payload)
{
	const json_t *layer;
	size_t i;

	json_array_foreach(json_object_get(manifest, "layers"), i, layer) {
		const char *digest = get(layer, "digest");
		const char *text = get(json_object_get(layer, "annotations"), SIGNATURE_ANNOTATION);
		CLEAN_BUF struct buf sig = BUF_INIT;

		if (digest && strcmp(digest, blob->s) == 0 && text && strlen(text) <= SIGNATURE_TEXT_MAX &&
		    base64_decode(str_from(text), &sig) == 0 &&
		    ops->verify(k, payload.ptr, payload.len, sig.ptr, sig.len))
			return true;
	}
	return false;
}

static bool attested_already(struct attach *a, const struct crypto_key *k, const json_t *manifest, struct str statement)
{
	const json_t *layer;
	size_t i;

	json_array_foreach(json_object_get(manifest, "layers"), i, layer) {
		CLEAN_BUF struct buf envelope = BUF_INIT, text = BUF_INIT;
		struct err ignored;

		if (read_layer(a, layer, ENVELOPE_MAX, &envelope, &ignored) == 0 &&
		    dsse_open(k, a->shown, PAYLOAD_INTOTO, buf_str(&envelope), &text, &ignored) == 0 &&
		    str_eq(buf_str(&text), statement))
			return true;
	}
	return false;
}

static json_t *layer_json(const char *type, const struct digest *digest, size_t n)
{
	return js_must(json_pack("{s:s, s:s, s:I, s:{}}", "mediaType", type, "digest", digest->s, "size", (json_int_t)n,
				 "annotations"));
}

static int put_signature(struct attach *a, const struct crypto_key *k, const struct sign_request *req,
			 struct signed_image *si, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf payload = BUF_INIT, text = BUF_INIT;
	uint8_t sig[CRYPTO_DER_MAX];
	struct digest blob;
	json_t *was, *layer;

	if (!ops || load_tagged(a, si->tag, &was, &si->manifest, err) < 0)
		return -1;
	claim_add(&payload, &si->digest, req->reference, req->annotations);
	if (a->ops->put_blob(a, payload.ptr, payload.len, &blob, err) < 0) {
		json_decref(was);
		return -1;
	}
	if (signed_already(ops, k, was, &blob, buf_str(&payload))) {
		json_decref(was);
		return 0;
	}
	buf_add_base64(&text, sig, ops->sign(k, payload.ptr, payload.len, sig));
	layer = layer_json(MEDIA_SIMPLESIGNING, &blob, payload.len);
	js_set(json_object_get(layer, "annotations"), SIGNATURE_ANNOTATION, json_string(text.ptr));
	return put_layer(a, was, si->tag, layer, &si->manifest, err);
}

/* What a statement says of its subject and its kind; the strings are of @j. */
static bool names_subject(const json_t *j, const struct digest *digest, const char **predicate)
{
	const json_t *s;
	size_t i;

	*predicate = get(j, "predicateType");
	json_array_foreach(json_object_get(j, "subject"), i, s) {
		const char *hex = get(json_object_get(s, "digest"), "sha256");

		if (hex && strcmp(hex, digest_hex(digest)) == 0)
			return *predicate != NULL;
	}
	return false;
}

/* The statement in the artifact @manifest, as the text it is. */
static int load_statement(struct attach *a, const struct digest *manifest, struct buf *out, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };
	json_t *j;
	int r;

	if (a->ops->manifest(a, manifest->s, &text, &d, err) < 0)
		return -1;
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	r = read_layer(a, json_array_get(json_object_get(j, "layers"), 0), STATEMENT_MAX, out, err);
	json_decref(j);
	return r < 0 ? err_wrap(err, "artifact %s", manifest->s) : 0;
}

static int put_attestation(struct attach *a, const struct crypto_key *k, const struct digest *subject,
			   struct str statement, const char *predicate, struct err *err)
{
	CLEAN_BUF struct buf envelope = BUF_INIT;
	struct digest blob, manifest;
	json_t *was, *layer;
	char tag[80];

	attach_tag(subject, "att", tag);
	if (load_tagged(a, tag, &was, &manifest, err) < 0)
		return -1;
	if (attested_already(a, k, was, statement)) {
		json_decref(was);
		return 0;
	}
	if (dsse_seal(k, PAYLOAD_INTOTO, statement, &envelope, err) < 0) {
		json_decref(was);
		return -1;
	}
	if (a->ops->put_blob(a, envelope.ptr, envelope.len, &blob, err) < 0) {
		json_decref(was);
		return -1;
	}
	layer = layer_json(MEDIA_DSSE, &blob, envelope.len);
	/* cosign looks for this annotation, which attestations leave empty: the envelope holds the signature */
	js_set(json_object_get(layer, "annotations"), SIGNATURE_ANNOTATION, json_string(""));
	js_set(json_object_get(layer, "annotations"), PREDICATE_ANNOTATION, json_string(predicate));
	return put_layer(a, was, tag, layer, &manifest, err);
}

/* Statements that lie beside the image unsigned. */
static int put_attestations(struct attach *a, const struct crypto_key *k, const struct sign_request *req,
			    struct signed_image *si, struct err *err)
{
	CLEAN_FREE struct digest *found = NULL;
	size_t n = 0;

	if (a->ops->referrers(a, &si->digest, MEDIA_INTOTO, &found, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEAN_BUF struct buf text = BUF_INIT;
		const char *predicate;
		json_t *j;
		int r = 0;

		if (load_statement(a, &found[i], &text, err) < 0)
			return -1;
		j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
		if (!names_subject(j, &si->digest, &predicate))
			r = err_set(err, ERR_FORMAT, "%s: the statement in %s is not about %s", a->shown, found[i].s,
				    si->digest.s);
		else if (!req->dry_run)
			r = put_attestation(a, k, &si->digest, buf_str(&text), predicate, err);
		json_decref(j);
		if (r < 0)
			return -1;
		si->statements++;
	}
	return 0;
}

static int sign_one(struct attach *a, const struct crypto_key *k, const struct sign_request *req,
		    const struct digest *digest, struct signed_images *out, struct err *err)
{
	struct signed_image si = { .digest = *digest };

	attach_tag(digest, "sig", si.tag);
	if (put_attestations(a, k, req, &si, err) < 0 || (!req->dry_run && put_signature(a, k, req, &si, err) < 0))
		return -1;
	si.signatures = 1;
	VEC_PUSH(out, si);
	return 0;
}

static int sign_children(struct attach *a, const struct crypto_key *k, const struct sign_request *req,
			 const struct buf *index, struct signed_images *out, struct err *err)
{
	json_t *j = json_loadb(index->ptr, index->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(j, "manifests"), *d;
	size_t i;
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) > ATTACH_MAX)
		r = err_set(err, ERR_FORMAT, "%s: is no index of 1 to %u manifests", a->shown, ATTACH_MAX);
	json_array_foreach(list, i, d) {
		struct digest digest;

		if (r == 0)
			r = digest_parse(get(d, "digest") ? get(d, "digest") : "", &digest, err);
		if (r == 0)
			r = sign_one(a, k, req, &digest, out, err);
	}
	json_decref(j);
	return r;
}

int sign_image(struct attach *a, const struct crypto_key *k, const struct sign_request *req, struct signed_images *out,
	       struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };

	if (a->ops->manifest(a, req->ref, &text, &d, err) < 0 || sign_one(a, k, req, &d.digest, out, err) < 0)
		return -1;
	if (req->recursive && is_index(&d) && sign_children(a, k, req, &text, out, err) < 0)
		return -1;
	return req->dry_run ? 0 : a->ops->commit(a, err);
}

/* ---- verification ---- */

/* Why a signature does not count. Of several, the last in this order is what the user is told. */
enum verdict { NONE, OTHER_KEY, OTHER_IMAGE, DAMAGED, GOOD };

/* What is wrong with what was stored is a check not met; that it cannot be read is not. */
static bool is_content(const struct err *err)
{
	return err->code == ERR_FORMAT || err->code == ERR_LIMIT || err->code == ERR_NOTFOUND || err->code == ERR_CHECK;
}

static int check_signature(struct attach *a, const struct crypto_key *k, const json_t *layer, struct signed_image *si,
			   enum verdict *v, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	const char *text = get(json_object_get(layer, "annotations"), SIGNATURE_ANNOTATION);
	CLEAN_BUF struct buf payload = BUF_INIT, sig = BUF_INIT;
	struct claim claim;

	if (!ops)
		return -1;
	*v = DAMAGED;
	if (!text || strlen(text) > SIGNATURE_TEXT_MAX || base64_decode(str_from(text), &sig) < 0)
		return 0;
	if (read_layer(a, layer, PAYLOAD_MAX, &payload, err) < 0)
		return is_content(err) ? 0 : -1;
	*v = OTHER_KEY;
	if (!ops->verify(k, payload.ptr, payload.len, sig.ptr, sig.len))
		return 0;
	*v = DAMAGED;
	if (claim_parse(a->shown, buf_str(&payload), &claim, err) < 0)
		return is_content(err) ? 0 : -1;
	*v = OTHER_IMAGE;
	if (strcmp(claim.digest.s, si->digest.s) != 0)
		return 0;
	*v = GOOD;
	if (!si->signatures++)
		snprintf(si->reference, sizeof(si->reference), "%s", claim.reference);
	return 0;
}

static int check_attestation(struct attach *a, const struct crypto_key *k, const json_t *layer, struct signed_image *si,
			     enum verdict *v, struct err *err)
{
	CLEAN_BUF struct buf envelope = BUF_INIT, text = BUF_INIT;
	const char *predicate;
	json_t *j;

	*v = DAMAGED;
	if (read_layer(a, layer, ENVELOPE_MAX, &envelope, err) < 0)
		return is_content(err) ? 0 : -1;
	if (dsse_open(k, a->shown, PAYLOAD_INTOTO, buf_str(&envelope), &text, err) < 0) {
		*v = err->code == ERR_CHECK ? OTHER_KEY : DAMAGED;
		return is_content(err) ? 0 : -1;
	}
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	*v = names_subject(j, &si->digest, &predicate) ? GOOD : OTHER_IMAGE;
	json_decref(j);
	if (*v == GOOD)
		si->statements++;
	return 0;
}

static int why(const struct attach *a, const char *what, const struct digest *digest, enum verdict v, struct err *err)
{
	static const char *const text[] = {
		[NONE] = "there is none",
		[OTHER_KEY] = "there is one, but not by this key, or what was signed has been changed",
		[OTHER_IMAGE] = "there is one by this key, but it is about another image",
		[DAMAGED] = "there is one, but it is damaged",
	};

	err_set(err, ERR_CHECK, "%s: no good %s of %s: %s", a->shown, what, digest->s, text[v]);
	return v == NONE ? err_hint(err, "sign it with slsc sign") : -1;
}

typedef int (*check_fn)(struct attach *a, const struct crypto_key *k, const json_t *layer, struct signed_image *si,
			enum verdict *v, struct err *err);

/* Each layer of @type in the manifest under the tag with @suffix; ERR_CHECK if none is good. */
static int check_all(struct attach *a, const struct crypto_key *k, const char *suffix, const char *type,
		     const char *what, check_fn check, struct signed_image *si, struct err *err)
{
	enum verdict best = NONE;
	struct digest manifest;
	char tag[80];
	const json_t *layer;
	json_t *j;
	size_t i;
	int r = 0;

	attach_tag(&si->digest, suffix, tag);
	if (load_tagged(a, tag, &j, &manifest, err) < 0) {
		if (!is_content(err))
			return -1;
		return why(a, what, &si->digest, DAMAGED, err);
	}
	if (check == check_signature && j) {
		si->manifest = manifest;
		snprintf(si->tag, sizeof(si->tag), "%s", tag);
	}
	json_array_foreach(json_object_get(j, "layers"), i, layer) {
		enum verdict v = NONE;

		if (r < 0 || !get(layer, "mediaType") || strcmp(get(layer, "mediaType"), type) != 0)
			continue;
		r = check(a, k, layer, si, &v, err);
		best = v > best ? v : best;
	}
	json_decref(j);
	if (r < 0)
		return -1;
	return best == GOOD ? 0 : why(a, what, &si->digest, best, err);
}

/* Provenance is about one architecture's image: who asks an index for it is told which those are. */
static int ask_for_image(const struct attach *a, const struct buf *text, const struct descriptor *d, struct err *err)
{
	CLEAN_BUF struct buf images = BUF_INIT;
	CLEAN_DOCUMENT struct document index;
	size_t n = 0;

	if (document_parse(&index, a->shown, d->media_type, text->ptr, text->len, err) < 0)
		return -1;
	for (size_t i = 0; i < index.len; i++) {
		const struct doc_descriptor *m = &index.ptr[i];

		/* the hint has room for two digests, and whoever signs attestations here makes no more */
		if (!m->architecture || strcmp(m->architecture, "unknown") == 0 || n++ >= 2)
			continue;
		buf_addf(&images, "%s%.16s %s", n > 1 ? ", " : "", m->architecture, m->digest.s);
	}
	err_set(err, ERR_CHECK, "%s: no good attestation of %s: it is an index, and only its images have some",
		a->shown, d->digest.s);
	return n ? err_hint(err, "ask for one of its images: %s%s", images.ptr, n > 2 ? ", ..." : "") : -1;
}

int verify_image(struct attach *a, const struct crypto_key *k, const char *ref, bool statements,
		 struct signed_image *out, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor d = { .media_type = "" };

	*out = (struct signed_image){ .signatures = 0 };
	if (a->ops->manifest(a, ref, &text, &d, err) < 0)
		return -1;
	out->digest = d.digest;
	if (check_all(a, k, "sig", MEDIA_SIMPLESIGNING, "signature", check_signature, out, err) < 0)
		return -1;
	if (!statements || check_all(a, k, "att", MEDIA_DSSE, "attestation", check_attestation, out, err) == 0)
		return 0;
	/* only why() hints, and only where there is none: one that is there and bad is told as that */
	if (err->code != ERR_CHECK || !err->hint[0] || !media_is_index(d.media_type))
		return -1;
	return ask_for_image(a, &text, &d, err);
}

void signed_images_release(struct signed_images *l)
{
	VEC_FREE(l);
}
