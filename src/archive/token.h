/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_TOKEN_H
#define SLSC_ARCHIVE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Deflate's literals and matches, and the reading of them from a stream that we have made: RFC 1951, 3.2. */

#define LITLENS 286u
#define DISTS 30u
#define SYMS (LITLENS + DISTS)
#define ALL_LITLENS 288u	/* with those that have a code but no meaning */
#define ALL_DISTS 32u
#define PRES 19u		/* the code for code lengths */
#define END 256u
#define MAX_BITS 15u
#define PRE_BITS 7u

/* Extra bits of lengths (symbol - 257), distances and runs of code lengths (symbol - 16); the order of 3.2.7. */
extern const uint8_t len_extra[29], dist_extra[30], run_bits[3], pre_order[PRES];

/* A literal: litlen < 256. A match: the length's symbol, the distance's symbol, and their extra bits. */
struct token {
	uint16_t litlen;
	uint8_t dist;
	uint8_t len_bits;
	uint16_t dist_bits;
};

struct token_reader {
	const uint8_t *p;	/* borrowed: n bytes */
	size_t n, at;
	uint64_t hold;		/* read ahead: the bits before p[at], least significant first */
	unsigned have;
	bool in_block, last;	/* last: this or the last block read is the stream's last */
	uint16_t lit[1 << MAX_BITS], dist[1 << MAX_BITS];
};

void token_reader_init(struct token_reader *r, const uint8_t *p, size_t n);
/** token_used - the bytes that will not be looked at again. */
size_t token_used(const struct token_reader *r);
/** token_open - begin a block; false if it is a stored one, which has no tokens: token_stored() is next. */
bool token_open(struct token_reader *r);
/** token_read - up to @max tokens of the block, to its end at most; then in_block is false. */
size_t token_read(struct token_reader *r, struct token *out, size_t max);
/** token_stored - the bytes of a stored block; borrowed from the stream. */
struct str token_stored(struct token_reader *r);

/** token_codes - canonical codes, their bits reversed as deflate sends them; 3.2.2. */
void token_codes(const uint8_t *lens, size_t n, uint16_t *codes);
/** token_fixed - the lengths of the fixed codes, 3.2.6: ALL_LITLENS and ALL_DISTS of them. */
void token_fixed(uint8_t *litlen, uint8_t *dist);

#endif
