/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/token.h"

#include <string.h>

#include "base/err.h"

const uint8_t len_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4,
				5, 5, 5, 5, 0 };
const uint8_t dist_extra[30] = { 0, 0, 0, 0, 1, 1, 2, 2,	 3,  3,	 4,  4,	 5,  5,	 6,
				 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };
const uint8_t run_bits[3] = { 2, 3, 7 };
const uint8_t pre_order[PRES] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };


void token_reader_init(struct token_reader *r, const uint8_t *p, size_t n)
{
	r->p = p;
	r->n = n;
	r->at = 0;
	r->hold = r->have = 0;
	r->in_block = r->last = false;
}

static void refill(struct token_reader *r)
{
	while (r->have <= 56) {
		r->hold |= (uint64_t)(r->at < r->n ? r->p[r->at] : 0) << r->have;
		r->at++;
		r->have += 8;
	}
}

static unsigned take(struct token_reader *r, unsigned bits)
{
	unsigned v = (unsigned)(r->hold & ((UINT64_C(1) << bits) - 1));

	r->hold >>= bits;
	r->have -= bits;
	return v;
}

void token_codes(const uint8_t *lens, size_t n, uint16_t *codes)
{
	unsigned count[MAX_BITS + 1] = { 0 }, next[MAX_BITS + 1] = { 0 };

	for (size_t i = 0; i < n; i++)
		count[lens[i]]++;
	count[0] = 0;
	for (unsigned b = 1; b <= MAX_BITS; b++)
		next[b] = (next[b - 1] + count[b - 1]) << 1;
	for (size_t i = 0; i < n; i++) {
		unsigned code = next[lens[i]]++, rev = 0;

		for (unsigned b = 0; b < lens[i]; b++)
			rev |= (code >> b & 1) << (lens[i] - 1u - b);
		codes[i] = (uint16_t)rev;
	}
}

/* Decoding by a table of all that the next @bits may be: symbol << 4 | length. */
static void make_table(const uint8_t *lens, size_t n, unsigned bits, uint16_t *table)
{
	uint16_t codes[ALL_LITLENS];

	token_codes(lens, n, codes);
	memset(table, 0, sizeof(*table) << bits);
	for (size_t i = 0; i < n; i++)
		if (lens[i])
			for (unsigned c = codes[i]; c < 1u << bits; c += 1u << lens[i])
				table[c] = (uint16_t)(i << 4 | lens[i]);
}

static unsigned symbol(struct token_reader *r, const uint16_t *table, unsigned bits)
{
	uint16_t e = table[r->hold & ((1u << bits) - 1)];

	if (!(e & 15))
		BUG("not a deflate stream");
	take(r, e & 15u);
	return e >> 4;
}

static void read_lens(struct token_reader *r, uint8_t *litlen, uint8_t *dist)
{
	uint8_t pre[PRES] = { 0 }, lens[ALL_LITLENS + ALL_DISTS] = { 0 };
	uint16_t table[1 << PRE_BITS];
	unsigned nlit, ndist, npre, n = 0;

	nlit = take(r, 5) + 257;
	ndist = take(r, 5) + 1;
	npre = take(r, 4) + 4;
	for (unsigned i = 0; i < npre; i++) {
		refill(r);
		pre[pre_order[i]] = (uint8_t)take(r, 3);
	}
	make_table(pre, PRES, PRE_BITS, table);
	while (n < nlit + ndist) {
		unsigned s, count = 1, v = 0;

		refill(r);
		s = symbol(r, table, PRE_BITS);
		if (s < 16) {
			v = s;
		} else if (s == 16) {
			v = n ? lens[n - 1] : 0;
			count = take(r, 2) + 3;
		} else {
			count = s == 17 ? take(r, 3) + 3 : take(r, 7) + 11;
		}
		if (count > nlit + ndist - n)
			BUG("not a deflate stream");
		while (count--)
			lens[n++] = (uint8_t)v;
	}
	memset(litlen, 0, ALL_LITLENS);
	memset(dist, 0, ALL_DISTS);
	memcpy(litlen, lens, nlit);
	memcpy(dist, lens + nlit, ndist);
}

void token_fixed(uint8_t *litlen, uint8_t *dist)
{
	for (unsigned i = 0; i < ALL_LITLENS; i++)
		litlen[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	memset(dist, 5, ALL_DISTS);
}

bool token_open(struct token_reader *r)
{
	uint8_t ll[ALL_LITLENS], dl[ALL_DISTS];
	unsigned type;

	refill(r);
	r->last = take(r, 1);
	type = take(r, 2);
	if (type == 0)
		return false;
	if (type == 1)
		token_fixed(ll, dl);
	else
		read_lens(r, ll, dl);
	make_table(ll, ALL_LITLENS, MAX_BITS, r->lit);
	make_table(dl, ALL_DISTS, MAX_BITS, r->dist);
	r->in_block = true;
	return true;
}

size_t token_read(struct token_reader *r, struct token *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		struct token t = { 0 };
		unsigned s;

		refill(r);
		s = symbol(r, r->lit, MAX_BITS);
		if (s == END) {
			r->in_block = false;
			break;
		}
		if (s >= LITLENS)
			BUG("not a deflate stream");
		t.litlen = (uint16_t)s;
		if (s > END) {
			t.len_bits = (uint8_t)take(r, len_extra[s - 257]);
			t.dist = (uint8_t)symbol(r, r->dist, MAX_BITS);
			if (t.dist >= DISTS)
				BUG("not a deflate stream");
			t.dist_bits = (uint16_t)take(r, dist_extra[t.dist]);
		}
		out[n++] = t;
	}
	if (r->at - r->have / 8 > r->n)
		BUG("not a whole deflate stream");
	return n;
}

struct str token_stored(struct token_reader *r)
{
	struct str s;

	take(r, r->have & 7);
	refill(r);
	s.len = take(r, 16);
	take(r, 16);
	/* What is held are whole bytes: go back to them. */
	r->at -= r->have / 8;
	r->hold = r->have = 0;
	if (r->at > r->n || s.len > r->n - r->at)
		BUG("not a whole deflate stream");
	s.ptr = (const char *)r->p + r->at;
	r->at += s.len;
	return s;
}

size_t token_used(const struct token_reader *r)
{
	return r->at - (r->have + 7) / 8;
}
