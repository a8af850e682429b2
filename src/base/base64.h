/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_BASE64_H
#define SLSC_BASE_BASE64_H

#include "base/buf.h"

/** buf_add_base64 - RFC 4648, 4: padded, on one line. */
void buf_add_base64(struct buf *b, const void *p, size_t n);
/**
 * base64_decode - append to @out what @s stands for: the one form that buf_add_base64() writes, no white space. Returns
 * 0, or -1 with @out as it was. The caller has bounded s.len.
 */
int base64_decode(struct str s, struct buf *out) __attribute__((warn_unused_result));
/** base64_decode_either - the same, or in the alphabet for URLs (RFC 4648, 5), padded. */
int base64_decode_either(struct str s, struct buf *out) __attribute__((warn_unused_result));

#endif
