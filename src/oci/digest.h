/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_DIGEST_H
#define SLSC_OCI_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/** "sha256:" + 64 hex digits + NUL. */
#define DIGEST_LEN 72

struct digest {
	char s[DIGEST_LEN];
};

/** A running SHA-256 (OpenSSL EVP, loaded at first use). */
struct digest_ctx;
struct digest_ctx *digest_new(struct err *err);		/* NULL with ERR_TOOL */
void digest_update(struct digest_ctx *d, const void *p, size_t n);
void digest_final(struct digest_ctx *d, struct digest *out);	/* and frees */
void digest_free(struct digest_ctx *d);

int digest_of(const void *p, size_t n, struct digest *out, struct err *err) MUST_CHECK;
/**
 * digest_named - of States.Hash: "MD5", "SHA-1", "SHA-256", "SHA-384" or "SHA-512". Its bytes; 0: it is none of
 * these, or libcrypto cannot be loaded.
 */
size_t digest_named(const char *algorithm, const void *p, size_t n, uint8_t out[64]);
/** digest_file - of the bytes of a file, read in blocks; @size (may be NULL) gets their number. ERR_IO, ERR_INTR. */
int digest_file(const char *path, struct digest *out, uint64_t *size, struct err *err) MUST_CHECK;
/** digest_hex - the 64 hex digits; borrowed. */
const char *digest_hex(const struct digest *d);
/** digest_parse - "sha256:<64 lowercase hex>"; ERR_FORMAT else (OCI image-spec, descriptor.md). */
int digest_parse(const char *s, struct digest *out, struct err *err) MUST_CHECK;

#endif
