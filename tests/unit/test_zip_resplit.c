/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include <libdeflate.h>
#include <zlib.h>

#include "archive/resplit.h"

/* Back to the plain bytes, by zlib. */
static void assert_plain(const uint8_t *packed, size_t len, const uint8_t *plain, size_t n)
{
	CLEAN_FREE uint8_t *out = xmalloc(n + 1);
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)packed, .avail_in = (uInt)len, .next_out = out,
		       .avail_out = (uInt)n + 1 };

	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, n);
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(out, plain, n);
	inflateEnd(&z);
}

/* Deflate by @level of libdeflate, or by zlib with @strategy if that is 0; then resplit. */
static void once(const uint8_t *p, size_t n, int level, int strategy, size_t *before, size_t *after)
{
	size_t cap = n + n / 100 + 1000;
	CLEAN_FREE uint8_t *out = xmalloc(cap);

	if (level) {
		struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);

		*before = libdeflate_deflate_compress(c, p, n, out, cap);
		libdeflate_free_compressor(c);
	} else {
		z_stream z = { .next_in = (uint8_t *)(uintptr_t)p, .avail_in = (uInt)n, .next_out = out,
			       .avail_out = (uInt)cap };

		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, strategy), Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		*before = z.total_out;
		deflateEnd(&z);
	}
	*after = resplit(out, *before, cap);
	assert_plain(out, *after, p, n);
}

static void comes_back_the_same(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 100, 1000, 40000, 65535, 65536, 300000, 3000000 };
	static const int strategies[] = { Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED };
	CLEAN_FREE uint8_t *p = xmalloc(3000000);
	size_t before, after;

	(void)state;
	for (int kind = 0; kind < 5; kind++) {
		if (kind == 0)
			fill((char *)p, 3000000, 12);
		else if (kind == 1)
			noise(p, 3000000);
		else if (kind == 2)
			memset(p, 0, 3000000);
		else if (kind == 3)
			for (size_t i = 0; i < 3000000; i++)	/* noise, text, noise, ... */
				p[i] = i / 50000 % 2 ? p[i] : (uint8_t)"some text "[i % 10];
		else
			for (size_t i = 0; i < 3000000; i++)	/* Fibonacci-like counts make the longest codes */
				p[i] = (uint8_t)__builtin_clzll(i * 0x9e3779b97f4a7c15u | 1);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			for (int level = 1; level <= 12; level += 5)
				once(p, sizes[i], level, 0, &before, &after);
			for (size_t s = 0; s < ARRAY_LEN(strategies); s++)
				once(p, sizes[i], 0, strategies[s], &before, &after);
		}
		if (kind == 1)
			noise(p, 3000000);
	}
}

/* The program under test is machine code of some size with a few kinds of contents. */
static void shrinks_machine_code(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	size_t before, after;

	(void)state;
	get_file("/proc/self/exe", &b);
	for (int level = 1; level <= 12; level++) {
		once((const uint8_t *)b.ptr, b.len, level, 0, &before, &after);
		assert_true(after < before);
	}
}

/* A few bytes are not worth a header: then the fixed codes stay. */
static void short_streams_do_not_grow(void **state)
{
	char text[200];
	size_t before, after;

	(void)state;
	fill(text, sizeof(text), 13);
	for (size_t n = 0; n < sizeof(text); n++) {
		once((const uint8_t *)text, n, 0, Z_FIXED, &before, &after);
		assert_true(after <= before);
		once((const uint8_t *)text, n, 12, 0, &before, &after);
		assert_true(after <= before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_the_same),
		cmocka_unit_test(shrinks_machine_code),
		cmocka_unit_test(short_streams_do_not_grow),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
