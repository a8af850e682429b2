/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_CRYPTO_H
#define SLSC_OCI_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256_LEN 32

/** What module_crypto.c gives through late_load("crypto"). Nothing here fails: out of memory aborts. */
struct crypto_ops {
	void *(*sha256_new)(void);
	void (*sha256_update)(void *ctx, const void *p, size_t n);
	/** sha256_final - the digest; @ctx can only be freed afterwards. */
	void (*sha256_final)(void *ctx, uint8_t out[CRYPTO_SHA256_LEN]);
	void (*sha256_free)(void *ctx);
};

#endif
