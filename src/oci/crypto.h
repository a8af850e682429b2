/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_CRYPTO_H
#define SLSC_OCI_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256_LEN 32
#define CRYPTO_SHA1_LEN 20
#define CRYPTO_HASH_MAX 64
#define CRYPTO_DER_MAX 512	/* bytes of a P-256 key or signature in DER; a PKCS#8 key has 138 */
#define CRYPTO_PEM_MAX 1024

/** An ECDSA key on P-256 (FIPS 186-4), private or public. */
struct crypto_key;

/** What module_crypto.c gives through late_load("crypto"). void functions do not fail: out of memory aborts. */
struct crypto_ops {
	void *(*sha256_new)(void);
	void (*sha256_update)(void *ctx, const void *p, size_t n);
	/** sha256_final - the digest; @ctx can only be freed afterwards. */
	void (*sha256_final)(void *ctx, uint8_t out[CRYPTO_SHA256_LEN]);
	void (*sha256_free)(void *ctx);
	/** sha1 - for formats that demand it (SPDX 2.3, 8.4), never for trust. */
	void (*sha1)(const void *p, size_t n, uint8_t out[CRYPTO_SHA1_LEN]);
	/** hash - by OpenSSL's name of a digest, for data that asks for one by name. Its bytes; 0: it is not known. */
	size_t (*hash)(const char *name, const void *p, size_t n, uint8_t out[CRYPTO_HASH_MAX]);


	void (*random)(void *p, size_t n);
	/** scrypt - RFC 7914; the caller has bounded the parameters. False: not enough memory. */
	bool (*scrypt)(const char *password, size_t n, const uint8_t *salt, size_t salt_len, uint64_t cost_n,
		       uint64_t cost_r, uint64_t cost_p, uint8_t *out, size_t out_len);
	/** poly1305 - RFC 8439, 2.5. */
	void (*poly1305)(const uint8_t key[32], const void *p, size_t n, uint8_t out[16]);
	bool (*equal)(const void *a, const void *b, size_t n);	/* in constant time */
	void (*wipe)(void *p, size_t n);

	struct crypto_key *(*key_generate)(void);
	/* NULL: no such key, or not on P-256. Private keys are PKCS#8 or SEC 1, unencrypted. */
	struct crypto_key *(*key_private_der)(const void *p, size_t n);
	struct crypto_key *(*key_private_pem)(const void *p, size_t n);
	struct crypto_key *(*key_public_pem)(const void *p, size_t n);
	/* bytes written: PKCS#8; SubjectPublicKeyInfo, with its "-----BEGIN PUBLIC KEY-----" */
	size_t (*key_der)(const struct crypto_key *k, uint8_t out[CRYPTO_DER_MAX]);
	size_t (*key_public)(const struct crypto_key *k, char out[CRYPTO_PEM_MAX]);
	/** sign - ECDSA over SHA-256, DER (X9.62); randomised, so no two are alike. Returns its length. */
	size_t (*sign)(const struct crypto_key *k, const void *p, size_t n, uint8_t out[CRYPTO_DER_MAX]);
	bool (*verify)(const struct crypto_key *k, const void *p, size_t n, const void *sig, size_t sig_len);
	void (*key_free)(struct crypto_key *k);		/* NULL is fine */
};

#endif
