/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/secretbox.h"

#include <string.h>

static uint32_t load(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

/* The constants "expand 32-byte k" on the diagonal, key and input around it (the Salsa20 specification, section 8). */
static void start(uint32_t x[16], const uint8_t key[32], const uint8_t in[16])
{
	static const uint8_t sigma[] = "expand 32-byte k";

	for (int i = 0; i < 4; i++) {
		x[5 * i] = load(sigma + 4 * i);
		x[1 + i] = load(key + 4 * i);
		x[6 + i] = load(in + 4 * i);
		x[11 + i] = load(key + 16 + 4 * i);
	}
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*b ^= rotate(*a + *d, 7);
	*c ^= rotate(*b + *a, 9);
	*d ^= rotate(*c + *b, 13);
	*a ^= rotate(*d + *c, 18);
}

static void rounds(uint32_t x[16])
{
	for (int i = 0; i < 10; i++) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[5], &x[9], &x[13], &x[1]);
		quarter(&x[10], &x[14], &x[2], &x[6]);
		quarter(&x[15], &x[3], &x[7], &x[11]);
		quarter(&x[0], &x[1], &x[2], &x[3]);
		quarter(&x[5], &x[6], &x[7], &x[4]);
		quarter(&x[10], &x[11], &x[8], &x[9]);
		quarter(&x[15], &x[12], &x[13], &x[14]);
	}
}

void salsa20_block(const uint8_t key[32], const uint8_t nonce[8], uint64_t counter, uint8_t out[64])
{
	uint32_t x[16], was[16];
	uint8_t in[16];

	memcpy(in, nonce, 8);
	store(in + 8, (uint32_t)counter);
	store(in + 12, (uint32_t)(counter >> 32));
	start(x, key, in);
	memcpy(was, x, sizeof(x));
	rounds(x);
	for (int i = 0; i < 16; i++)
		store(out + 4 * i, x[i] + was[i]);
}

void hsalsa20(const uint8_t key[32], const uint8_t nonce[16], uint8_t out[32])
{
	uint32_t x[16];

	start(x, key, nonce);
	rounds(x);
	for (int i = 0; i < 4; i++) {
		store(out + 4 * i, x[5 * i]);
		store(out + 16 + 4 * i, x[6 + i]);
	}
}

/* The first 32 bytes of the key stream are Poly1305's key, the message is enciphered by what follows. */
struct box {
	const struct crypto_ops *ops;
	uint8_t key[32], block[64];
	const uint8_t *nonce;
};

static void box_begin(struct box *b, const struct crypto_ops *ops, const uint8_t *key, const uint8_t *nonce)
{
	*b = (struct box){ .ops = ops, .nonce = nonce + 16 };
	hsalsa20(key, nonce, b->key);
	salsa20_block(b->key, b->nonce, 0, b->block);
}

static void box_cipher(struct box *b, const uint8_t *in, size_t n, struct buf *out)
{
	uint8_t block[64];

	memcpy(block, b->block, sizeof(block));
	for (size_t i = 0; i < n; i++) {
		const size_t at = (i + 32) % 64;

		if (at == 0)
			salsa20_block(b->key, b->nonce, (i + 32) / 64, block);
		buf_addc(out, (char)(in[i] ^ block[at]));
	}
	b->ops->wipe(block, sizeof(block));
}

static void box_end(struct box *b)
{
	const struct crypto_ops *ops = b->ops;

	ops->wipe(b, sizeof(*b));
}

void secretbox_seal(const struct crypto_ops *ops, const uint8_t key[SECRETBOX_KEY],
		    const uint8_t nonce[SECRETBOX_NONCE], const void *p, size_t n, struct buf *out)
{
	const size_t tag_at = out->len;
	uint8_t tag[SECRETBOX_TAG] = { 0 };
	struct box b;

	box_begin(&b, ops, key, nonce);
	buf_add(out, tag, sizeof(tag));
	box_cipher(&b, p, n, out);
	ops->poly1305(b.block, out->ptr + tag_at + sizeof(tag), n, tag);
	memcpy(out->ptr + tag_at, tag, sizeof(tag));
	box_end(&b);
}

bool secretbox_open(const struct crypto_ops *ops, const uint8_t key[SECRETBOX_KEY],
		    const uint8_t nonce[SECRETBOX_NONCE], struct str sealed, struct buf *out)
{
	uint8_t tag[SECRETBOX_TAG];
	struct box b;
	bool good;

	if (sealed.len < sizeof(tag))
		return false;
	box_begin(&b, ops, key, nonce);
	ops->poly1305(b.block, sealed.ptr + sizeof(tag), sealed.len - sizeof(tag), tag);
	good = ops->equal(tag, sealed.ptr, sizeof(tag));
	if (good)
		box_cipher(&b, (const uint8_t *)sealed.ptr + sizeof(tag), sealed.len - sizeof(tag), out);
	box_end(&b);
	return good;
}
