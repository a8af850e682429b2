/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/err.h"
#include "oci/crypto.h"

extern const struct crypto_ops slsc_module_crypto;

/*
 * openssl.cnf is read at the first use otherwise: 0.6 ms, and a host's settings would
 * decide which implementation computes our digests.
 */
static void init(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
}

static void *sha256_new(void)
{
	EVP_MD_CTX *ctx;

	init();
	ctx = EVP_MD_CTX_new();
	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		BUG("libcrypto has no SHA-256");
	return ctx;
}

static void sha256_update(void *ctx, const void *p, size_t n)
{
	if (!EVP_DigestUpdate(ctx, p, n))
		BUG("EVP_DigestUpdate failed");
}

static void sha256_final(void *ctx, uint8_t out[CRYPTO_SHA256_LEN])
{
	if (!EVP_DigestFinal_ex(ctx, out, NULL))
		BUG("EVP_DigestFinal_ex failed");
}

static void sha256_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void sha1(const void *p, size_t n, uint8_t out[CRYPTO_SHA1_LEN])
{
	init();
	if (!EVP_Digest(p, n, out, NULL, EVP_sha1(), NULL))
		BUG("libcrypto has no SHA-1");
}

static size_t hash(const char *name, const void *p, size_t n, uint8_t out[CRYPTO_HASH_MAX])
{
	const EVP_MD *md;

	init();
	md = EVP_get_digestbyname(name);
	if (!md || EVP_MD_get_size(md) > CRYPTO_HASH_MAX || !EVP_Digest(p, n, out, NULL, md, NULL))
		return 0;
	return (size_t)EVP_MD_get_size(md);
}

static void hmac_sha256(const void *key, size_t key_len, const void *p, size_t n, uint8_t out[CRYPTO_SHA256_LEN])
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	unsigned len = 0;

	init();
	if (key_len > INT_MAX || !HMAC(EVP_sha256(), key, (int)key_len, p, n, mac, &len) || len != sizeof(mac))
		BUG("libcrypto has no HMAC");
	memcpy(out, mac, sizeof(mac));
	OPENSSL_cleanse(mac, sizeof(mac));
}

static void fill_random(void *p, size_t n)
{
	init();
	if (n > INT_MAX || RAND_bytes(p, (int)n) != 1)
		BUG("libcrypto has no random numbers");
}

static bool scrypt(const char *password, size_t n, const uint8_t *salt, size_t salt_len, uint64_t cost_n,
		   uint64_t cost_r, uint64_t cost_p, uint8_t *out, size_t out_len)
{
	/* V and B of RFC 7914, 5 and 6, and some blocks on top */
	const uint64_t memory = 128 * cost_r * (cost_n + cost_p + 4);

	init();
	return EVP_PBE_scrypt(password, n, salt, salt_len, cost_n, cost_r, cost_p, memory, out, out_len) == 1;
}

static void poly1305(const uint8_t key[32], const void *p, size_t n, uint8_t out[16])
{
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
	size_t len;

	init();
	mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	ctx = EVP_MAC_CTX_new(mac);
	if (!ctx || !EVP_MAC_init(ctx, key, 32, NULL) || !EVP_MAC_update(ctx, p, n) ||
	    !EVP_MAC_final(ctx, out, &len, 16))
		BUG("libcrypto has no Poly1305");
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

static bool equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

/* A struct crypto_key is an EVP_PKEY under another name. */
static EVP_PKEY *pkey(const struct crypto_key *k)
{
	return (EVP_PKEY *)(uintptr_t)k;
}

static struct crypto_key *only_p256(EVP_PKEY *k)
{
	char group[32];

	if (k && (!EVP_PKEY_is_a(k, "EC") ||
		  !EVP_PKEY_get_utf8_string_param(k, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) ||
		  strcmp(group, "prime256v1") != 0)) {
		EVP_PKEY_free(k);
		k = NULL;
	}
	return (struct crypto_key *)k;
}

static struct crypto_key *key_generate(void)
{
	EVP_PKEY *k;

	init();
	k = EVP_EC_gen("P-256");
	if (!k)
		BUG("libcrypto has no P-256");
	return (struct crypto_key *)k;
}

static struct crypto_key *key_private_der(const void *p, size_t n)
{
	const unsigned char *at = p;

	init();
	return only_p256(n > LONG_MAX ? NULL : d2i_AutoPrivateKey(NULL, &at, (long)n));
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *u)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)u;
	return -1;
}

static struct crypto_key *from_pem(const void *p, size_t n,
				   EVP_PKEY *(*read)(BIO *, EVP_PKEY **, pem_password_cb *, void *))
{
	BIO *bio;
	EVP_PKEY *k;

	init();
	bio = n > INT_MAX ? NULL : BIO_new_mem_buf(p, (int)n);
	if (!bio)
		return NULL;
	k = read(bio, NULL, no_password, NULL);
	BIO_free(bio);
	return only_p256(k);
}

static struct crypto_key *key_private_pem(const void *p, size_t n)
{
	return from_pem(p, n, PEM_read_bio_PrivateKey);
}

static struct crypto_key *key_public_pem(const void *p, size_t n)
{
	return from_pem(p, n, PEM_read_bio_PUBKEY);
}

static size_t key_der(const struct crypto_key *k, uint8_t out[CRYPTO_DER_MAX])
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey(k));
	unsigned char *at = out;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;

	if (n <= 0 || n > CRYPTO_DER_MAX || i2d_PKCS8_PRIV_KEY_INFO(info, &at) != n)
		BUG("cannot encode a private key");
	PKCS8_PRIV_KEY_INFO_free(info);
	return (size_t)n;
}

static size_t key_public(const struct crypto_key *k, char out[CRYPTO_PEM_MAX])
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (!bio || !PEM_write_bio_PUBKEY(bio, pkey(k)))
		BUG("cannot encode a public key");
	n = BIO_get_mem_data(bio, &p);
	if (n <= 0 || n >= CRYPTO_PEM_MAX)
		BUG("a public key of %ld bytes", n);
	memcpy(out, p, (size_t)n);
	out[n] = '\0';
	BIO_free(bio);
	return (size_t)n;
}

static size_t sign(const struct crypto_key *k, const void *p, size_t n, uint8_t out[CRYPTO_DER_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = CRYPTO_DER_MAX;

	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey(k)) != 1 ||
	    EVP_DigestSign(ctx, out, &len, p, n) != 1)
		BUG("libcrypto cannot sign");
	EVP_MD_CTX_free(ctx);
	return len;
}

static bool verify(const struct crypto_key *k, const void *p, size_t n, const void *sig, size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey(k)) != 1)
		BUG("libcrypto cannot verify");
	good = EVP_DigestVerify(ctx, sig, sig_len, p, n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static void key_free(struct crypto_key *k)
{
	EVP_PKEY_free(pkey(k));
}

const struct crypto_ops slsc_module_crypto = {
	.sha256_new = sha256_new,
	.sha256_update = sha256_update,
	.sha256_final = sha256_final,
	.sha256_free = sha256_free,
	.sha1 = sha1,
	.hash = hash,
	.hmac_sha256 = hmac_sha256,
	.random = fill_random,
	.scrypt = scrypt,
	.poly1305 = poly1305,
	.equal = equal,
	.wipe = OPENSSL_cleanse,
	.key_generate = key_generate,
	.key_private_der = key_private_der,
	.key_private_pem = key_private_pem,
	.key_public_pem = key_public_pem,
	.key_der = key_der,
	.key_public = key_public,
	.sign = sign,
	.verify = verify,
	.key_free = key_free,
};
