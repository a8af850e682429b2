/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: free */
/* Base64, NaCl's secretbox, keys and what they sign: against published vectors, and against what is malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "oci/secretbox.h"
#include "oci/sign.h"
#include "os/fs.h"
#include "os/late.h"

static const struct crypto_ops *ops(void)
{
	struct err err;
	const struct crypto_ops *o = late_load("crypto", &err);

	assert_non_null(o);
	return o;
}

static void hex(const char *s, uint8_t *out, size_t n)
{
	assert_int_equal(strlen(s), 2 * n);
	for (size_t i = 0; i < n; i++) {
		const char two[] = { s[2 * i], s[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

static void base64(void **state)
{
	/* RFC 4648, 10 */
	static const char *const pairs[][2] = { { "", "" },	      { "f", "Zg==" },	      { "fo", "Zm8=" },
						{ "foo", "Zm9v" },    { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" } };
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Z===", "====",
					   "Zg==Zg==", "Zm-v", "Zm9v ", "=Zg=", "Z=g=" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEAN_BUF struct buf b = BUF_INIT, back = BUF_INIT;

		buf_add_base64(&b, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(b.ptr, pairs[i][1]);
		assert_int_equal(base64_decode(buf_str(&b), &back), 0);
		assert_string_equal(back.ptr, pairs[i][0]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		buf_addz(&b, "was");
		assert_int_equal(base64_decode(str_from(bad[i]), &b), -1);
		assert_string_equal(b.ptr, "was");
	}
	/* RFC 4648, 5: the other alphabet, but not both in one text */
	CLEAN_BUF struct buf one = BUF_INIT, either = BUF_INIT;

	assert_int_equal(base64_decode(STR("+/+/AA=="), &one), 0);
	assert_int_equal(base64_decode_either(STR("-_-_AA=="), &either), 0);
	assert_true(str_eq(buf_str(&one), buf_str(&either)));
	assert_int_equal(base64_decode_either(STR("+/+/AA=="), &either), 0);
	assert_int_equal(either.len, 8);
	assert_int_equal(base64_decode_either(STR("-/-_AA=="), &either), -1);
	assert_int_equal(base64_decode_either(STR("-_-_AA="), &either), -1);
	assert_int_equal(either.len, 8);
}

/* "Cryptography in NaCl", sections 8 and 10: the steps from a shared secret to a box. */
static void secretbox_vectors(void **state)
{
	static const char plain[] =
		"be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6"
		"1296cdc3c01"
		"233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde04897"
		"7eb48f59ffd"
		"4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
	static const char sealed[] =
		"f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a11"
		"86ac0dfc17c"
		"98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224"
		"368517acfea"
		"bd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";
	CLEAN_BUF struct buf box = BUF_INIT, back = BUF_INIT;
	uint8_t shared[32], zero[16] = { 0 }, key[32], want[32], nonce[24], m[131], c[147];

	(void)state;
	hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", shared, 32);
	hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389", want, 32);
	hsalsa20(shared, zero, key);
	assert_memory_equal(key, want, 32);
	hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37", nonce, 24);
	hex(plain, m, sizeof(m));
	hex(sealed, c, sizeof(c));
	secretbox_seal(ops(), key, nonce, m, sizeof(m), &box);
	assert_int_equal(box.len, sizeof(c));
	assert_memory_equal(box.ptr, c, sizeof(c));
	assert_true(secretbox_open(ops(), key, nonce, buf_str(&box), &back));
	assert_int_equal(back.len, sizeof(m));
	assert_memory_equal(back.ptr, m, sizeof(m));
	/* each bit of tag and ciphertext counts */
	for (size_t i = 0; i < box.len; i++) {
		box.ptr[i] = (char)(box.ptr[i] ^ 1);
		assert_false(secretbox_open(ops(), key, nonce, buf_str(&box), &back));
		box.ptr[i] = (char)(box.ptr[i] ^ 1);
	}
	assert_int_equal(back.len, sizeof(m));
	assert_false(secretbox_open(ops(), key, nonce, (struct str){ box.ptr, 15 }, &back));
}

static int give(struct buf *out, void *ctx, struct err *err)
{
	(void)err;
	buf_addz(out, ctx);
	return 0;
}

static int never(struct buf *out, void *ctx, struct err *err)
{
	(void)out;
	(void)ctx;
	return err_set(err, ERR_IO, "asked");
}

/* A reader that breaks off in the middle of a password, and what its memory holds when it is let go. */
static const char *given;
static bool freed_clean;

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
	static const char zeros[4];

	if (p && p == given) {
		freed_clean = memcmp(p, zeros, sizeof(zeros)) == 0;
		given = NULL;
	}
	__real_free(p);
}

static int breaks_off(struct buf *out, void *ctx, struct err *err)
{
	(void)ctx;
	buf_addz(out, "secr");
	given = out->ptr;
	return err_set(err, ERR_IO, "broke off");
}

static void password_wiped(void **state)
{
	CLEAN_BUF struct buf key = BUF_INIT, pub = BUF_INIT;
	CLEAN_KEY struct crypto_key *k = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(key_generate(STR("word"), &key, &pub, &err), 0);
	assert_int_equal(key_parse("k", buf_str(&key), breaks_off, NULL, &k, &err), -1);
	assert_string_equal(err.msg, "broke off");
	assert_null(given);
	assert_true(freed_clean);
}

static void wrap(const char *json, struct buf *pem)
{
	buf_addz(pem, "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
	buf_add_base64(pem, json, strlen(json));
	buf_addz(pem, "\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
}

static void expect_key(const char *text, const char *word, const char *want)
{
	CLEAN_KEY struct crypto_key *k = NULL;
	struct err err = ERR_INIT;
	CLEAN_FREE char *got = NULL;
	int r = key_parse("k", str_from(text), word ? give : never, (void *)(uintptr_t)word, &k, &err);

	if (r == 0) {
		assert_non_null(k);
		assert_string_equal("ok", want);
		return;
	}
	assert_null(k);
	got = xasprintf("%s: %s", err_name(err.code), err.msg);
	assert_string_equal(got, want);
}

static void round_trip(void **state)
{
	CLEAN_BUF struct buf key = BUF_INIT, pub = BUF_INIT;
	CLEAN_KEY struct crypto_key *k = NULL, *other = NULL, *p = NULL;
	struct err err = ERR_INIT;
	uint8_t sig[CRYPTO_DER_MAX];
	size_t n;

	(void)state;
	assert_int_equal(key_generate(STR("word"), &key, &pub, &err), 0);
	assert_true(str_starts(buf_str(&key), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
	expect_key(key.ptr, "word", "ok");
	expect_key(key.ptr, "Word", "verify: k: wrong password");
	expect_key(key.ptr, "", "verify: k: wrong password");
	expect_key(key.ptr, NULL, "io: asked");
	expect_key(pub.ptr, NULL, "format: k: is a public key: signing needs the private one");
	assert_int_equal(key_parse("k", buf_str(&key), give, (void *)(uintptr_t)"word", &k, &err), 0);
	p = ops()->key_public_pem(pub.ptr, pub.len);
	other = ops()->key_generate();
	assert_non_null(p);
	n = ops()->sign(k, "text", 4, sig);
	assert_true(ops()->verify(p, "text", 4, sig, n));
	assert_false(ops()->verify(p, "texT", 4, sig, n));
	assert_false(ops()->verify(other, "text", 4, sig, n));
	assert_false(ops()->verify(p, "text", 4, sig, n - 1));
	assert_false(ops()->verify(p, "text", 4, "", 0));
}

static void hostile_keys(void **state)
{
#define KDF "\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8,\"p\":1},\"salt\":\"AAAA\"}"
#define CIPHER "\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"
	static const char *const bad[][2] = {
		{ "", "format: k: the encrypted key is not JSON" },
		{ "[]", "format: k: the encrypted key's kdf is not scrypt" },
		{ "{\"kdf\":{\"name\":\"argon2\"}}", "format: k: the encrypted key's kdf is not scrypt" },
		{ "{\"kdf\":1,\"kdf\":2}", "format: k: the encrypted key is not JSON" },
		{ "{" KDF ",\"cipher\":{\"name\":\"aes\"}}",
		  "format: k: the encrypted key's cipher is not nacl/secretbox" },
		{ "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":1073741824,\"r\":8,\"p\":1},\"salt\":\"AAAA"
		"\"}," CIPHER "}",
		  "format: k: the encrypted key's scrypt parameters are not N 32768, 65536 or 131072, r 8, p 1" },
		{ "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8000,\"p\":1},\"salt\":\"AAAA"
		"\"}," CIPHER "}",
		  "format: k: the encrypted key's scrypt parameters are not N 32768, 65536 or 131072, r 8, p 1" },
		{ "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":-1,\"r\":8,\"p\":1},\"salt\":\"AAAA\"}," CIPHER "}",
		  "format: k: the encrypted key's scrypt parameters are not N 32768, 65536 or 131072, r 8, p 1" },
		{ "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8,\"p\":1},\"salt\":\"A\"}," CIPHER "}",
		  "format: k: the encrypted key's salt is malformed" },
		{ "{" KDF ",\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"AAAA\"}}",
		  "format: k: the encrypted key's nonce is malformed" },
		{ "{" KDF "," CIPHER ",\"ciphertext\":\"*\"}",
		"format: k: the encrypted key's ciphertext is malformed" },
		{ "{" KDF "," CIPHER ",\"ciphertext\":\"\"}", "verify: k: wrong password" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_BUF struct buf pem = BUF_INIT;

		wrap(bad[i][0], &pem);
		expect_key(pem.ptr, "x", bad[i][1]);
	}
	expect_key("", NULL, "format: k: holds no private key");
	expect_key("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", NULL, "format: k: holds no private key");
	expect_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL,
		   "format: k: is no ECDSA key on P-256");
	expect_key("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n*\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
		NULL,
		   "format: k: the encrypted key is not base64");
}

/* cosign's own key and signature: tests/unit/data/sign/README.md says how they were made. */
static void of_cosign(void **state)
{
	CLEAN_KEY struct crypto_key *k = NULL, *pub = NULL;
	CLEAN_BUF struct buf payload = BUF_INIT, text = BUF_INIT, sig = BUF_INIT;
	struct err err = ERR_INIT;
	struct claim claim;
	char pem[CRYPTO_PEM_MAX];

	(void)state;
	assert_int_equal(key_load(TEST_DATA "/sign/cosign.key", give, (void *)(uintptr_t)"test", &k, &err), 0);
	assert_int_equal(key_load_public(TEST_DATA "/sign/cosign.pub", &pub, &err), 0);
	assert_int_equal(fs_read(TEST_DATA "/sign/payload.json", PAYLOAD_MAX, &payload, &err), 0);
	assert_int_equal(fs_read(TEST_DATA "/sign/signature", PAYLOAD_MAX, &text, &err), 0);
	assert_int_equal(base64_decode(str_trim(buf_str(&text)), &sig), 0);
	assert_true(ops()->verify(pub, payload.ptr, payload.len, sig.ptr, sig.len));
	assert_true(ops()->verify(k, payload.ptr, payload.len, sig.ptr, sig.len));
	assert_int_equal(claim_parse("p", buf_str(&payload), &claim, &err), 0);
	buf_reset(&text);
	claim_add(&text, &claim.digest, claim.reference, NULL);
	/* the very bytes that cosign signs */
	assert_string_equal(text.ptr, payload.ptr);
	ops()->key_public(k, pem);
	buf_reset(&text);
	assert_int_equal(fs_read(TEST_DATA "/sign/cosign.pub", PAYLOAD_MAX, &text, &err), 0);
	assert_string_equal(text.ptr, pem);
}

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void claims(void **state)
{
#define CLAIM(type, digest, identity)                                                                                  \
	"{\"critical\":{\"identity\":" identity ",\"image\":{\"docker-manifest-digest\":\"" digest    \
	"\"},\"type\":\"" type   \
	"\"},\"optional\":null}"
	static const char *const bad[][2] = {
		{ "", "format: p: is not JSON: '[' or '{' expected near end of file" },
		{ "{}", "format: p: its critical.type is not \"" SIGNATURE_TYPE "\"" },
		{ "{\"critical\":null}", "format: p: its critical.type is not \"" SIGNATURE_TYPE "\"" },
		{ CLAIM("atomic container signature", "sha256:" HEX, "{\"docker-reference\":\"\"}"),
		  "format: p: its critical.type is not \"" SIGNATURE_TYPE "\"" },
		{ CLAIM(SIGNATURE_TYPE, "md5:1", "{\"docker-reference\":\"\"}"),
		  "format: p: critical.image.docker-manifest-digest: 'md5:1' is not a digest: sha256: and 64 "
		  "lower-case hex "
		  "digits" },
		{ CLAIM(SIGNATURE_TYPE, "sha256:" HEX, "{}"),
		  "format: p: it has no critical.identity.docker-reference" },
		{ "{\"critical\":{\"type\":\"" SIGNATURE_TYPE "\"}}",
		  "format: p: it names no critical.image.docker-manifest-digest" },
	};
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_MAP struct map notes = { 0 };
	struct digest d;
	struct err err = ERR_INIT;
	struct claim claim;

	(void)state;
	assert_int_equal(digest_parse("sha256:" HEX, &d, &err), 0);
	map_put(&notes, "who", (void *)(uintptr_t)"me");
	claim_add(&b, &d, "example.com/a", &notes);
	assert_string_equal(b.ptr, "{\"critical\":{\"identity\":{\"docker-reference\":\"example.com/a\"},\"image\":"
				   "{\"docker-manifest-digest\":\"sha256:" HEX "\"},\"type\":\"" SIGNATURE_TYPE
				   "\"},\"optional\":{\"who\":\"me\"}}");
	assert_int_equal(claim_parse("p", buf_str(&b), &claim, &err), 0);
	assert_string_equal(claim.digest.s, "sha256:" HEX);
	assert_string_equal(claim.reference, "example.com/a");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_FREE char *got = NULL;

		assert_int_equal(claim_parse("p", str_from(bad[i][0]), &claim, &err), -1);
		got = xasprintf("%s: %s", err_name(err.code), err.msg);
		assert_string_equal(got, bad[i][1]);
	}
	buf_reset(&b);
	for (size_t i = 0; i <= PAYLOAD_MAX; i++)
		buf_addc(&b, ' ');
	assert_int_equal(claim_parse("p", buf_str(&b), &claim, &err), -1);
	assert_string_equal(err.msg, "p: limit exceeded: more than 65536 bytes");
}

static void envelopes(void **state)
{
	CLEAN_KEY struct crypto_key *k = ops()->key_generate(), *other = ops()->key_generate();
	CLEAN_BUF struct buf b = BUF_INIT, out = BUF_INIT, pae = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(dsse_seal(k, PAYLOAD_INTOTO, STR("{\"a\":1}"), &b, &err), 0);
	assert_true(str_starts(buf_str(&b),
		"{\"payload\":\"eyJhIjoxfQ==\",\"payloadType\":\"application/vnd.in-toto+json\","
					    "\"signatures\":[{\"keyid\":\"\",\"sig\":\""));
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO, buf_str(&b), &out, &err), 0);
	assert_string_equal(out.ptr, "{\"a\":1}");
	assert_int_equal(dsse_open(other, "e", PAYLOAD_INTOTO, buf_str(&b), &out, &err), -1);
	assert_int_equal(err.code, ERR_CHECK);
	assert_string_equal(err.msg, "e: no signature is by this key");
	assert_string_equal(out.ptr, "{\"a\":1}");
	assert_int_equal(dsse_open(k, "e", "text/plain", buf_str(&b), &out, &err), -1);
	assert_string_equal(err.msg, "e: its payloadType is not text/plain");
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO,
		STR("{\"payloadType\":\"" PAYLOAD_INTOTO "\",\"payload\":\"*\"}"),
				   &out, &err),
			 -1);
	assert_string_equal(err.msg, "e: its payload is not base64");
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO,
				   STR("{\"payloadType\":\"" PAYLOAD_INTOTO "\",\"payload\":\"\","
				       "\"signatures\":[]}"), &out,
				   &err),
			 -1);
	assert_string_equal(err.msg, "e: it needs 1 to 64 signatures");
	/* a signature of the payload itself, without DSSE's encoding of its type, is none */
	uint8_t sig[CRYPTO_DER_MAX];
	size_t n = ops()->sign(k, "{\"a\":1}", 7, sig);

	buf_addz(&pae, "{\"payloadType\":\"" PAYLOAD_INTOTO "\",\"payload\":\"eyJhIjoxfQ==\","
		       "\"signatures\":[{\"sig\":\"");
	buf_add_base64(&pae, sig, n);
	buf_addz(&pae, "\"}]}");
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO, buf_str(&pae), &out, &err), -1);
	assert_string_equal(err.msg, "e: no signature is by this key");
	assert_int_equal(dsse_open(NULL, "e", PAYLOAD_INTOTO, buf_str(&pae), &out, &err), 0);
}

/* DSSE's protocol.md: either alphabet of base64 may be used, and both are taken. */
static void url_safe_envelope(void **state)
{
	static const char payload[] = "{\"\xfb\xff\xbe\xff\xff\xff>>\"}";
	CLEAN_KEY struct crypto_key *k = ops()->key_generate();
	CLEAN_BUF struct buf b = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned changed = 0;
	bool value = false;

	(void)state;
	assert_int_equal(dsse_seal(k, PAYLOAD_INTOTO, str_from(payload), &b, &err), 0);
	for (char *p = b.ptr, *type = strstr(b.ptr, "payloadType"), *sig = strstr(b.ptr, "\"sig\""); *p; p++) {
		value = p < type || p > sig;
		if (value && (*p == '+' || *p == '/')) {
			*p = *p == '+' ? '-' : '_';
			changed++;
		}
	}
	assert_true(changed >= 4);
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO, buf_str(&b), &out, &err), 0);
	assert_string_equal(out.ptr, payload);
}

/* Base64 is a third longer: the largest statement that can be sealed can be opened. */
static void large_envelope(void **state)
{
	CLEAN_KEY struct crypto_key *k = ops()->key_generate();
	CLEAN_BUF struct buf text = BUF_INIT, b = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_reserve(&text, STATEMENT_MAX);
	while (text.len < STATEMENT_MAX)
		buf_addc(&text, 'x');
	assert_int_equal(dsse_seal(k, PAYLOAD_INTOTO, buf_str(&text), &b, &err), 0);
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO, buf_str(&b), &out, &err), 0);
	assert_true(str_eq(buf_str(&out), buf_str(&text)));
	while (b.len <= ENVELOPE_MAX)
		buf_addc(&b, ' ');
	assert_int_equal(dsse_open(k, "e", PAYLOAD_INTOTO, buf_str(&b), &out, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_envelope),
		cmocka_unit_test(base64),	cmocka_unit_test(secretbox_vectors), cmocka_unit_test(round_trip),
		cmocka_unit_test(hostile_keys), cmocka_unit_test(of_cosign), cmocka_unit_test(claims),
		cmocka_unit_test(envelopes), cmocka_unit_test(url_safe_envelope),
		cmocka_unit_test(password_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
