/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_BLOCK_H
#define SLSC_ARCHIVE_BLOCK_H

#include "archive/token.h"
#include "base/buf.h"

/* Blocks of a deflate stream, written: RFC 1951, 3.2.3 to 3.2.7. */

struct block_writer {
	struct buf out;
	uint64_t hold;
	unsigned have;	/* bits in hold, less than 32 */
};
#define BLOCK_WRITER_INIT { .out = BUF_INIT }

/**
 * block_write - tokens with the codes that fit them best, dynamic or fixed.
 * @freq: how often each of SYMS symbols is there: literals and lengths (END once), distances.
 */
void block_write(struct block_writer *w, const uint32_t *freq, const struct token *t, size_t n, bool last);
/** block_write_stored - @s as it is; at most 65,535 bytes. */
void block_write_stored(struct block_writer *w, struct str s, bool last);
/** block_align - zeros up to the next byte, and all of it into w->out. */
void block_align(struct block_writer *w);

/** block_header_bits - about the size of a dynamic block's header for such code lengths, LITLENS and DISTS. */
unsigned block_header_bits(const uint8_t *litlen, const uint8_t *dist);

#endif
