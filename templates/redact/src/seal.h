/* Values made unreadable, by AES-256-GCM. */
#ifndef REDACT_SEAL_H
#define REDACT_SEAL_H

#include <slsc.h>

/** seal_init - take the key of REDACT_KEY: 64 hex digits. Returns 0, or -1 after slsc_fail(). */
int seal_init(struct slsc_ctx *ctx);

/**
 * seal_put - append "enc:v1:" and base64 of nonce (12 bytes), ciphertext and tag (16 bytes), as a JSON string.
 * @name:  of the member, decoded: what is authenticated along, so that no value can be put under another name.
 * @value: JSON text, whatever its kind.
 * Returns 0, or -1 after slsc_fail(): nothing has been written then.
 */
int seal_put(struct slsc_ctx *ctx, struct slsc_out *out, struct slsc_str name, struct slsc_str value);

#endif
