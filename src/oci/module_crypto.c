/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "oci/crypto.h"

extern const struct crypto_ops slsc_module_crypto;

static void *sha256_new(void)
{
	EVP_MD_CTX *ctx;

	/*
	 * openssl.cnf is read at the first use otherwise: 0.6 ms, and a host's settings would
	 * decide which implementation computes our digests.
	 */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
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

const struct crypto_ops slsc_module_crypto = {
	.sha256_new = sha256_new,
	.sha256_update = sha256_update,
	.sha256_final = sha256_final,
	.sha256_free = sha256_free,
};
