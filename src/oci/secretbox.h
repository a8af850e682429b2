/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_SECRETBOX_H
#define SLSC_OCI_SECRETBOX_H

#include <stdbool.h>

#include "base/buf.h"
#include "oci/crypto.h"

/*
 * NaCl's crypto_secretbox: XSalsa20 and Poly1305 (D. J. Bernstein, "Cryptography in NaCl", 2009; "Extending the Salsa20
 * nonce", 2011). libcrypto has the second only.
 */
#define SECRETBOX_KEY 32
#define SECRETBOX_NONCE 24
#define SECRETBOX_TAG 16

/** salsa20_block - 64 bytes of the key stream of Salsa20/20. */
void salsa20_block(const uint8_t key[32], const uint8_t nonce[8], uint64_t counter, uint8_t out[64]);
/** hsalsa20 - the key that XSalsa20 goes on with. */
void hsalsa20(const uint8_t key[32], const uint8_t nonce[16], uint8_t out[32]);

/** secretbox_seal - append tag and ciphertext of @n bytes. */
void secretbox_seal(const struct crypto_ops *ops, const uint8_t key[SECRETBOX_KEY],
		    const uint8_t nonce[SECRETBOX_NONCE], const void *p, size_t n, struct buf *out);
/** secretbox_open - append the plaintext; false if the key or the box is wrong, with @out as it was. */
bool secretbox_open(const struct crypto_ops *ops, const uint8_t key[SECRETBOX_KEY],
		    const uint8_t nonce[SECRETBOX_NONCE], struct str sealed, struct buf *out);

#endif
