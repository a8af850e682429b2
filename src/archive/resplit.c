/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/resplit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "archive/block.h"
#include "base/mem.h"

/*
 * The tokens of a window are taken UNIT at a time: each unit is a block at first, and neighbours are united as long as
 * that saves bits, the best pair first. Then each border is moved in finer steps. What a block would take is estimated
 * by its entropy; only when it is written its codes are made.
 */
#define WINDOW ((size_t)512 << 10)
#define UNIT 1024u
#define UNITS (WINDOW / UNIT)
#define STEP 64u

/* A block: tokens from..to-1 and how often each symbol is there (END once). */
struct block {
	size_t from, to;
	uint32_t freq[SYMS];
	uint64_t bits;		/* of header and codes, extra bits not counted */
	uint64_t with_next;	/* the same if united with the next one */
	struct block *prev, *next;
};

/* log2(x) in units of 2^-16, to 2^-11; x > 0 */
#define LOG_BITS 11u
static uint32_t log_table[1u << LOG_BITS];

static void make_log_table(void)
{
	/* Bit by bit: squaring doubles the logarithm. */
	for (uint32_t i = 0; i < 1u << LOG_BITS; i++) {
		uint64_t x = ((uint64_t)(1u << LOG_BITS) + i) << (31 - LOG_BITS);	/* 1 is 2^31 */

		for (unsigned bit = 0; bit < 16; bit++) {
			x = x * x >> 31;
			log_table[i] <<= 1;
			if (x >> 32) {
				log_table[i] |= 1;
				x >>= 1;
			}
		}
	}
}

static uint32_t log2_16(uint32_t x)
{
	unsigned top = 31u - (unsigned)__builtin_clz(x);
	uint32_t m = top > LOG_BITS ? x >> (top - LOG_BITS) : x << (LOG_BITS - top);

	return top << 16 | log_table[m & ((1u << LOG_BITS) - 1)];
}

/* Bits by entropy, and the lengths that such codes might have. */
static uint64_t entropy(const uint32_t *freq, unsigned n, uint8_t *lens)
{
	uint32_t total = 0, log_total;
	uint64_t bits = 0;

	memset(lens, 0, n);
	for (unsigned i = 0; i < n; i++)
		total += freq[i];
	if (!total) {
		lens[0] = lens[1] = 1;
		return 0;
	}
	log_total = log2_16(total);
	for (unsigned i = 0; i < n; i++) {
		uint32_t b, len;

		if (!freq[i])
			continue;
		b = log_total - log2_16(freq[i]);
		len = (b + 32768) >> 16;
		bits += (uint64_t)freq[i] * b;
		lens[i] = (uint8_t)(len < 1 ? 1 : len > MAX_BITS ? MAX_BITS : len);
	}
	return bits >> 16;
}

static uint64_t cost(const uint32_t *freq)
{
	uint8_t ll[LITLENS], dl[DISTS];
	uint64_t bits = entropy(freq, LITLENS, ll) + entropy(freq + LITLENS, DISTS, dl);

	return bits + block_header_bits(ll, dl);
}

static uint64_t cost_two(const uint32_t *a, const uint32_t *b)
{
	uint32_t f[SYMS];

	for (unsigned i = 0; i < SYMS; i++)
		f[i] = a[i] + b[i];
	f[END] = 1;
	return cost(f);
}

static void count(uint32_t *freq, const struct token *t, size_t n)
{
	for (; n; n--, t++) {
		freq[t->litlen]++;
		if (t->litlen > END)
			freq[LITLENS + t->dist]++;
	}
}

/* Bits that uniting @b with the next block saves. */
static int64_t saving(const struct block *b)
{
	return b->next ? (int64_t)(b->bits + b->next->bits) - (int64_t)b->with_next : -1;
}

/* A tournament of savings: node 1 is the largest, node UNITS + i is block i's. */
static void play(int64_t *tree, size_t i, int64_t v)
{
	i += UNITS;
	tree[i] = v;
	for (i /= 2; i; i /= 2)
		tree[i] = tree[2 * i] > tree[2 * i + 1] ? tree[2 * i] : tree[2 * i + 1];
}

static void unite_all(struct block *b, size_t n)
{
	int64_t tree[2 * UNITS];

	for (size_t i = 0; i < 2 * UNITS; i++)
		tree[i] = -1;
	for (size_t i = 0; i < n; i++)
		play(tree, i, saving(&b[i]));
	while (tree[1] >= 0) {
		size_t i = 1;
		struct block *x, *y;

		while (i < UNITS)
			i = tree[2 * i] == tree[i] ? 2 * i : 2 * i + 1;
		x = &b[i - UNITS];
		y = x->next;
		for (unsigned s = 0; s < SYMS; s++)
			x->freq[s] += y->freq[s];
		x->freq[END] = 1;
		x->to = y->to;
		x->bits = x->with_next;
		x->next = y->next;
		play(tree, (size_t)(y - b), -1);
		if (x->next) {
			x->next->prev = x;
			x->with_next = cost_two(x->freq, x->next->freq);
		}
		play(tree, (size_t)(x - b), saving(x));
		if (x->prev) {
			x->prev->with_next = cost_two(x->prev->freq, x->freq);
			play(tree, (size_t)(x->prev - b), saving(x->prev));
		}
	}
}

/* Move @step tokens over the border between @x and the next block, if that saves bits. */
static bool move_border(struct block *x, const struct token *t, size_t step, bool back)
{
	struct block *y = x->next, *from = back ? x : y, *to = back ? y : x;
	uint32_t moved[SYMS] = { 0 }, less[SYMS], more[SYMS];
	uint64_t bits_less, bits_more;

	if (from->to - from->from <= step)
		return false;
	count(moved, t + (back ? x->to - step : x->to), step);
	for (unsigned s = 0; s < SYMS; s++) {
		less[s] = from->freq[s] - moved[s];
		more[s] = to->freq[s] + moved[s];
	}
	bits_less = cost(less);
	bits_more = cost(more);
	if (bits_less + bits_more >= x->bits + y->bits)
		return false;
	memcpy(from->freq, less, sizeof(less));
	memcpy(to->freq, more, sizeof(more));
	from->bits = bits_less;
	to->bits = bits_more;
	x->to = y->from = back ? x->to - step : x->to + step;
	return true;
}

static void refine(struct block *x, const struct token *t)
{
	for (size_t step = UNIT / 2; step >= STEP; step /= 2)
		for (int back = 0; back < 2; back++)
			while (move_border(x, t, step, back))
				;
}

static void write_window(struct block_writer *w, struct block *b, const struct token *t, size_t n, bool last)
{
	size_t units = n ? (n + UNIT - 1) / UNIT : 1;	/* an empty stream has a block too */

	memset(b, 0, units * sizeof(*b));
	for (size_t i = 0; i < units; i++) {
		b[i].from = i * UNIT;
		b[i].to = n - b[i].from < UNIT ? n : b[i].from + UNIT;
		count(b[i].freq, t + b[i].from, b[i].to - b[i].from);
		b[i].freq[END] = 1;
		b[i].bits = cost(b[i].freq);
		b[i].prev = i ? &b[i - 1] : NULL;
		b[i].next = i + 1 < units ? &b[i + 1] : NULL;
	}
	for (size_t i = 0; i + 1 < units; i++)
		b[i].with_next = cost_two(b[i].freq, b[i + 1].freq);
	unite_all(b, units);
	for (int round = 0; round < 2; round++)
		for (struct block *x = b; x->next; x = x->next)
			refine(x, t);
	for (struct block *x = b; x; x = x->next)
		block_write(w, x->freq, t + x->from, x->to - x->from, last && !x->next);
}

size_t resplit(uint8_t *data, size_t n, size_t cap)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CLEAN_FREE struct token_reader *r = xmalloc(sizeof(*r));
	CLEAN_FREE struct token *t = xmalloc(WINDOW * sizeof(*t));
	CLEAN_FREE struct block *b = xmalloc(UNITS * sizeof(*b));
	struct block_writer w = BLOCK_WRITER_INIT;
	size_t done = 0, fill = 0;
	bool stored = false;

	pthread_once(&once, make_log_table);
	token_reader_init(r, data, n);
	do {
		size_t used;

		while (fill < WINDOW && !stored && (r->in_block || !r->last)) {
			if (r->in_block)
				fill += token_read(r, t + fill, WINDOW - fill);
			else
				stored = !token_open(r);
		}
		if (fill || !stored)
			write_window(&w, b, t, fill, !stored && r->last && !r->in_block);
		if (stored)
			block_write_stored(&w, token_stored(r), r->last);
		fill = 0;
		stored = false;
		/* The new stream takes the place of the old one as far as that has been read. */
		used = token_used(r);
		if (w.out.len && r->at <= n) {
			size_t m = used - done < w.out.len ? used - done : w.out.len;

			memcpy(data + done, w.out.ptr, m);
			memmove(w.out.ptr, w.out.ptr + m, w.out.len - m);
			w.out.len -= m;
			done += m;
		}
	} while (r->in_block || !r->last);
	block_align(&w);
	if (w.out.len > cap - done) {
		done = 0;
	} else {
		memcpy(data + done, w.out.ptr, w.out.len);
		done += w.out.len;
	}
	buf_release(&w.out);
	return done;
}
