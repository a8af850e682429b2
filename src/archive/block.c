/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/block.h"

#include <stdlib.h>
#include <string.h>

static void give(struct block_writer *w, unsigned v, unsigned bits)
{
	w->hold |= (uint64_t)v << w->have;
	w->have += bits;
	if (w->have >= 32) {
		uint8_t le[4] = { (uint8_t)w->hold, (uint8_t)(w->hold >> 8), (uint8_t)(w->hold >> 16),
				  (uint8_t)(w->hold >> 24) };

		buf_add(&w->out, le, sizeof(le));
		w->hold >>= 32;
		w->have -= 32;
	}
}

void block_align(struct block_writer *w)
{
	for (; w->have; w->have -= w->have < 8 ? w->have : 8, w->hold >>= 8)
		buf_addc(&w->out, (char)w->hold);
}

void block_write_stored(struct block_writer *w, struct str s, bool last)
{
	give(w, last, 3);
	block_align(w);
	give(w, (unsigned)s.len, 16);
	give(w, ~(unsigned)s.len & 0xffffu, 16);
	block_align(w);
	buf_adds(&w->out, s);
}

static int ascending(const void *pa, const void *pb)
{
	const uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return (a > b) - (a < b);
}

/* Code lengths for counts: Huffman's, by two queues of ascending sums, then shortened to @max. */
static void make_lens(const uint32_t *freq, unsigned n, unsigned max, uint8_t *lens)
{
	uint64_t leaf[LITLENS];	/* freq << 16 | symbol, ascending */
	uint32_t node[LITLENS];
	uint16_t parent_leaf[LITLENS], parent_node[LITLENS];
	uint8_t depth[LITLENS];
	unsigned used = 0, l = 0, k = 0, made = 0, count[32] = { 0 };

	memset(lens, 0, n);
	for (unsigned i = 0; i < n; i++)
		if (freq[i])
			leaf[used++] = (uint64_t)freq[i] << 16 | i;
	if (used < 2) {
		/* Two codes, as some decoders want them complete. */
		unsigned s = used ? (unsigned)(leaf[0] & 0xffff) : 0;

		lens[s] = 1;
		lens[s ? 0 : 1] = 1;
		return;
	}
	qsort(leaf, used, sizeof(*leaf), ascending);
	while (made < used - 1) {
		uint32_t sum = 0;

		for (int two = 0; two < 2; two++) {
			if (l < used && (k == made || (uint32_t)(leaf[l] >> 16) <= node[k])) {
				sum += (uint32_t)(leaf[l] >> 16);
				parent_leaf[l++] = (uint16_t)made;
			} else {
				sum += node[k];
				parent_node[k++] = (uint16_t)made;
			}
		}
		node[made++] = sum;
	}
	depth[made - 1] = 0;
	for (unsigned i = made - 1; i-- > 0;)
		depth[i] = (uint8_t)(depth[parent_node[i]] + 1);
	for (unsigned i = 0; i < used; i++) {
		unsigned d = depth[parent_leaf[i]] + 1u;

		count[d > max ? max : d]++;
	}
	/* Kraft's sum in units of 2^-max: move leaves down until it is 1 again. */
	{
		uint32_t total = 0;

		for (unsigned b = 1; b <= max; b++)
			total += count[b] << (max - b);
		while (total > 1u << max) {
			unsigned b = max - 1;

			while (!count[b])
				b--;
			count[b]--;
			count[b + 1] += 2;
			count[max]--;
			total--;
		}
	}
	for (unsigned b = max, i = 0; b >= 1; b--)
		for (unsigned c = count[b]; c; c--)
			lens[leaf[i++] & 0xffff] = (uint8_t)b;
}

/* The header of a dynamic block, 3.2.7: the code lengths as run lengths, and the code for those. */
struct header {
	uint8_t sym[SYMS], extra[SYMS];
	unsigned len;
	unsigned nlit, ndist, npre;
	uint8_t pre[PRES];
	unsigned bits;	/* of all of it, with the block's three */
};

static void add_item(struct header *h, uint32_t *freq, unsigned sym, unsigned extra)
{
	h->sym[h->len] = (uint8_t)sym;
	h->extra[h->len++] = (uint8_t)extra;
	freq[sym]++;
}

/* Which of the symbols for runs are used. */
#define RUN_16 1u
#define RUN_17 2u
#define RUN_18 4u
#define RUNS_ALL (RUN_16 | RUN_17 | RUN_18)

static void make_header(struct header *h, const uint8_t *ll, const uint8_t *dl, unsigned use)
{
	uint8_t lens[SYMS];
	uint32_t freq[PRES] = { 0 };
	unsigned n;

	h->len = 0;
	for (h->nlit = LITLENS; h->nlit > 257 && !ll[h->nlit - 1];)
		h->nlit--;
	for (h->ndist = DISTS; h->ndist > 1 && !dl[h->ndist - 1];)
		h->ndist--;
	n = h->nlit + h->ndist;
	memcpy(lens, ll, h->nlit);
	memcpy(lens + h->nlit, dl, h->ndist);
	for (unsigned i = 0; i < n;) {
		unsigned v = lens[i], run = 1;

		while (i + run < n && lens[i + run] == v)
			run++;
		i += run;
		if (!v) {
			while (run >= 11 && use & RUN_18) {
				unsigned k = run < 138 ? run : 138;

				add_item(h, freq, 18, k - 11);
				run -= k;
			}
			while (run >= 3 && use & RUN_17) {
				unsigned k = run < 10 ? run : 10;

				add_item(h, freq, 17, k - 3);
				run -= k;
			}
		} else if (run >= 4 && use & RUN_16) {
			add_item(h, freq, v, 0);
			run--;
			while (run >= 3) {
				unsigned k = run < 6 ? run : 6;

				/* 7 and 8 are better as 4 + 3 and 4 + 4 than as 6 and singles */
				if (run == 7 || run == 8)
					k = 4;
				add_item(h, freq, 16, k - 3);
				run -= k;
			}
		}
		while (run--)
			add_item(h, freq, v, 0);
	}
	make_lens(freq, PRES, PRE_BITS, h->pre);
	for (h->npre = PRES; h->npre > 4 && !h->pre[pre_order[h->npre - 1]];)
		h->npre--;
	h->bits = 3 + 5 + 5 + 4 + 3 * h->npre;
	for (unsigned s = 0; s < PRES; s++)
		h->bits += freq[s] * (h->pre[s] + (s >= 16 ? run_bits[s - 16] : 0u));
}

static void best_header(struct header *best, const uint8_t *ll, const uint8_t *dl)
{
	static const uint8_t ways[] = { RUNS_ALL, RUN_17 | RUN_18, RUN_16 | RUN_18, RUN_16 | RUN_17, RUN_18, RUN_17 };
	struct header h;

	best->bits = UINT32_MAX;
	for (size_t i = 0; i < sizeof(ways); i++) {
		make_header(&h, ll, dl, ways[i]);
		if (h.bits < best->bits)
			*best = h;
	}
}

unsigned block_header_bits(const uint8_t *litlen, const uint8_t *dist)
{
	struct header h;

	make_header(&h, litlen, dist, RUNS_ALL);
	return h.bits;
}

static uint64_t code_bits(const uint32_t *freq, const uint8_t *ll, const uint8_t *dl)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < LITLENS; i++)
		bits += (uint64_t)freq[i] * ll[i];
	for (unsigned i = 0; i < DISTS; i++)
		bits += (uint64_t)freq[LITLENS + i] * dl[i];
	return bits;
}

static void write_header(struct block_writer *w, const struct header *h)
{
	uint16_t codes[PRES];

	token_codes(h->pre, PRES, codes);
	give(w, h->nlit - 257, 5);
	give(w, h->ndist - 1, 5);
	give(w, h->npre - 4, 4);
	for (unsigned i = 0; i < h->npre; i++)
		give(w, h->pre[pre_order[i]], 3);
	for (unsigned i = 0; i < h->len; i++) {
		give(w, codes[h->sym[i]], h->pre[h->sym[i]]);
		if (h->sym[i] >= 16)
			give(w, h->extra[i], run_bits[h->sym[i] - 16]);
	}
}

void block_write(struct block_writer *w, const uint32_t *freq, const struct token *t, size_t n, bool last)
{
	uint8_t ll[ALL_LITLENS], dl[ALL_DISTS], fixed_ll[ALL_LITLENS], fixed_dl[ALL_DISTS];
	uint16_t lc[ALL_LITLENS], dc[ALL_DISTS];
	struct header h;

	make_lens(freq, LITLENS, MAX_BITS, ll);
	make_lens(freq + LITLENS, DISTS, MAX_BITS, dl);
	best_header(&h, ll, dl);
	token_fixed(fixed_ll, fixed_dl);
	if (3 + code_bits(freq, fixed_ll, fixed_dl) <= h.bits + code_bits(freq, ll, dl)) {
		give(w, (unsigned)last | 1u << 1, 3);
		token_codes(fixed_ll, ALL_LITLENS, lc);
		token_codes(fixed_dl, ALL_DISTS, dc);
		memcpy(ll, fixed_ll, LITLENS);
		memcpy(dl, fixed_dl, DISTS);
	} else {
		give(w, (unsigned)last | 2u << 1, 3);
		write_header(w, &h);
		token_codes(ll, LITLENS, lc);
		token_codes(dl, DISTS, dc);
	}
	for (size_t i = 0; i < n; i++) {
		give(w, lc[t[i].litlen], ll[t[i].litlen]);
		if (t[i].litlen > END) {
			give(w, t[i].len_bits, len_extra[t[i].litlen - 257]);
			give(w, dc[t[i].dist], dl[t[i].dist]);
			give(w, t[i].dist_bits, dist_extra[t[i].dist]);
		}
	}
	give(w, lc[END], ll[END]);
}
