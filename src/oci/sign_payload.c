/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents that are signed: simple signing payloads, and DSSE envelopes around in-toto statements. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "oci/js.h"
#include "oci/sign.h"
#include "os/late.h"

#define SIGNATURES_MAX 64	/* of an envelope */

static int bad(const char *shown, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s", shown, what);
}

void claim_add(struct buf *out, const struct digest *digest, const char *reference, const struct map *annotations)
{
	json_t *optional = annotations && annotations->len ? js_must(json_object()) : json_null(), *j;

	for (size_t i = 0; annotations && i < annotations->len; i++)
		js_set(optional, annotations->ptr[i].key, json_string(annotations->ptr[i].val));
	j = js_must(json_pack("{s:{s:{s:s}, s:{s:s}, s:s}, s:o}", "critical", "identity", "docker-reference", reference,
			      "image", "docker-manifest-digest", digest->s, "type", SIGNATURE_TYPE, "optional",
			      optional));
	js_dump(j, out);
	json_decref(j);
}

static int parse_claim(const char *shown, const json_t *j, struct claim *out, struct err *err)
{
	const json_t *critical = json_object_get(j, "critical");
	const char *type = json_string_value(json_object_get(critical, "type"));
	const char *digest =
		json_string_value(json_object_get(json_object_get(critical, "image"), "docker-manifest-digest"));
	const char *reference =
		json_string_value(json_object_get(json_object_get(critical, "identity"), "docker-reference"));

	if (!type || strcmp(type, SIGNATURE_TYPE) != 0)
		return bad(shown, "its critical.type is not \"" SIGNATURE_TYPE "\"", err);
	if (!digest)
		return bad(shown, "it names no critical.image.docker-manifest-digest", err);
	if (digest_parse(digest, &out->digest, err) < 0)
		return err_wrap(err, "%s: critical.image.docker-manifest-digest", shown);
	if (!reference)
		return bad(shown, "it has no critical.identity.docker-reference", err);
	snprintf(out->reference, sizeof(out->reference), "%s", reference);
	return 0;
}

static int load(const char *shown, struct str text, uint64_t limit, json_t **j, struct err *err)
{
	json_error_t where;

	if (text.len > limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %llu bytes", shown,
			       (unsigned long long)limit);
	*j = json_loadb(text.len ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &where);
	return *j ? 0 : err_set(err, ERR_FORMAT, "%s: is not JSON: %s", shown, where.text);
}

int claim_parse(const char *shown, struct str payload, struct claim *out, struct err *err)
{
	json_t *j;
	int r;

	if (load(shown, payload, PAYLOAD_MAX, &j, err) < 0)
		return -1;
	r = parse_claim(shown, j, out, err);
	json_decref(j);
	return r;
}

/* What DSSE signs: the "pre-authentication encoding" of protocol.md. */
static void add_pae(struct buf *out, const char *type, struct str payload)
{
	buf_addf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.len);
	buf_adds(out, payload);
}

int dsse_seal(const struct crypto_key *k, const char *type, struct str payload, struct buf *out, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf pae = BUF_INIT;
	uint8_t sig[CRYPTO_DER_MAX];

	if (!ops)
		return -1;
	add_pae(&pae, type, payload);
	buf_addf(out, "{\"payload\":\"");
	buf_add_base64(out, payload.ptr, payload.len);
	buf_addf(out, "\",\"payloadType\":\"%s\",\"signatures\":[{\"keyid\":\"\",\"sig\":\"", type);
	buf_add_base64(out, sig, ops->sign(k, pae.ptr, pae.len, sig));
	buf_addz(out, "\"}]}");
	return 0;
}

/* In both alphabets of base64, as DSSE's protocol.md has it ("MUST accept both"). */
static int check_envelope(const struct crypto_key *k, const char *shown, const char *type, const json_t *j,
			  struct buf *payload, struct err *err)
{
	const char *its_type = json_string_value(json_object_get(j, "payloadType"));
	const char *body = json_string_value(json_object_get(j, "payload"));
	const json_t *list = json_object_get(j, "signatures"), *s;
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf data = BUF_INIT, pae = BUF_INIT;
	size_t i;

	if (!ops)
		return -1;
	if (!its_type || strcmp(its_type, type) != 0)
		return err_set(err, ERR_FORMAT, "%s: its payloadType is not %s", shown, type);
	if (!body || base64_decode_either(str_from(body), &data) < 0)
		return bad(shown, "its payload is not base64", err);
	if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > SIGNATURES_MAX)
		return bad(shown, "it needs 1 to 64 signatures", err);
	add_pae(&pae, type, buf_str(&data));
	json_array_foreach(list, i, s) {
		const char *text = json_string_value(json_object_get(s, "sig"));
		CLEAN_BUF struct buf sig = BUF_INIT;

		if (!text || base64_decode_either(str_from(text), &sig) < 0)
			return bad(shown, "a signature is not base64", err);
		if (k && !ops->verify(k, pae.ptr, pae.len, sig.ptr, sig.len))
			continue;
		buf_adds(payload, buf_str(&data));
		return 0;
	}
	return err_set(err, ERR_CHECK, "%s: no signature is by this key", shown);
}

int dsse_open(const struct crypto_key *k, const char *shown, const char *type, struct str envelope, struct buf *payload,
	      struct err *err)
{
	json_t *j;
	int r;

	if (load(shown, envelope, ENVELOPE_MAX, &j, err) < 0)
		return -1;
	r = check_envelope(k, shown, type, j, payload, err);
	json_decref(j);
	return r;
}
