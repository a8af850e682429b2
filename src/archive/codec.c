/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/codec.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "archive/deflate.h"
#include "archive/pool.h"
#include "base/mem.h"

#define FIRST_CAP ((size_t)64 << 10)
#define SMALL ((size_t)256 << 10)	/* a stream no larger starts no threads */

static const struct preset {
	int level;
	size_t chunk;
} presets[][3] = {
	[CODEC_GZIP] = {
		[CODEC_FAST] = { 1, (size_t)1 << 20 },
		/* Smaller than what Go's image tools make, in half their time; 6 would take all of it. */
		[CODEC_DEFAULT] = { 2, (size_t)1 << 20 },
		[CODEC_MAX] = { DEFLATE_MAX, (size_t)4 << 20 },
	},
	[CODEC_ZSTD] = {
		[CODEC_FAST] = { 1, (size_t)4 << 20 },
		[CODEC_DEFAULT] = { 4, (size_t)4 << 20 },
		[CODEC_MAX] = { 19, (size_t)8 << 20 },
	},
};

struct chunk {
	int level;
	uint8_t *in, *out;
	size_t in_len, in_cap, out_len, out_cap;
};

struct codec_enc {
	enum codec codec;
	const struct preset *preset;
	sink_fn sink;
	void *ctx;
	struct pool *pool;
	struct chunk *cur;	/* being filled, or NULL */
	size_t first_cap;
	bool cut;		/* the stream is longer than a chunk */
};

const char *codec_name(enum codec c)
{
	static const char *const names[] = { [CODEC_NONE] = "none", [CODEC_GZIP] = "gzip", [CODEC_ZSTD] = "zstd" };

	return names[c];
}

const char *codec_version(enum codec c)
{
	/* libdeflate does not tell its version at run time. */
	static const char *const versions[] = {
		[CODEC_NONE] = "",
		[CODEC_GZIP] = "libdeflate " LIBDEFLATE_VERSION_STRING,
		[CODEC_ZSTD] = "zstd " ZSTD_VERSION_STRING,
	};

	return versions[c];
}

static void room(struct chunk *c, size_t n)
{
	if (c->out_cap >= n)
		return;
	free(c->out);
	c->out = xmalloc(n);
	c->out_cap = n;
}

#define GZIP_HEAD 10u
#define GZIP_TAIL 8u

/* A member, RFC 1952, 2.3: no flags, no time, XFL as gzip has it, unknown system; CRC-32 and length. */
static void gzip_run(void *job, void **state)
{
	struct chunk *c = job;
	uint8_t xfl = c->level == DEFLATE_MAX ? 2 : c->level == 1 ? 4 : 0;
	uint8_t head[GZIP_HEAD] = { 0x1f, 0x8b, 8, [8] = xfl, [9] = 0xff };
	uint32_t tail[2] = { libdeflate_crc32(0, c->in, c->in_len), (uint32_t)c->in_len };
	size_t bound = deflate_bound(c->in_len);

	room(c, GZIP_HEAD + bound + GZIP_TAIL);
	memcpy(c->out, head, GZIP_HEAD);
	c->out_len = deflate_part(state, c->level, true, c->in, c->in_len, c->out + GZIP_HEAD, bound);
	if (!c->out_len)
		BUG("a chunk outgrew its bound");
	c->out_len += GZIP_HEAD;
	for (unsigned i = 0; i < GZIP_TAIL; i++)
		c->out[c->out_len++] = (uint8_t)(tail[i / 4] >> i % 4 * 8);
}

static void zstd_run(void *job, void **state)
{
	struct chunk *c = job;
	size_t r = 0;

	if (!*state) {
		*state = ZSTD_createCCtx();
		if (!*state)
			BUG("out of memory");
		r = ZSTD_CCtx_setParameter(*state, ZSTD_c_compressionLevel, c->level);
		if (!ZSTD_isError(r))
			r = ZSTD_CCtx_setParameter(*state, ZSTD_c_checksumFlag, 1);
	}
	room(c, ZSTD_compressBound(c->in_len));
	if (!ZSTD_isError(r))
		r = ZSTD_compress2(*state, c->out, c->out_cap, c->in, c->in_len);
	if (ZSTD_isError(r))
		BUG("zstd: %s", ZSTD_getErrorName(r));
	c->out_len = r;
}

static void zstd_free(void *state)
{
	ZSTD_freeCCtx(state);
}

static void chunk_release(void *job)
{
	struct chunk *c = job;

	free(c->in);
	free(c->out);
}

static const struct pool_ops ops[] = {
	[CODEC_GZIP] = { sizeof(struct chunk), gzip_run, chunk_release, deflate_free },
	[CODEC_ZSTD] = { sizeof(struct chunk), zstd_run, chunk_release, zstd_free },
};

struct codec_enc *codec_enc_new(enum codec c, enum codec_level level, sink_fn sink, void *ctx)
{
	struct codec_enc *e = xcalloc(1, sizeof(*e));

	e->codec = c;
	e->sink = sink;
	e->ctx = ctx;
	if (c == CODEC_NONE)
		return e;
	e->preset = &presets[c][level];
	e->first_cap = FIRST_CAP;
	e->pool = pool_new(&ops[c]);
	return e;
}

void codec_enc_hint(struct codec_enc *e, uint64_t total)
{
	if (e->codec != CODEC_NONE)
		e->first_cap = total < e->preset->chunk ? (size_t)total : e->preset->chunk;
}

/* Take the oldest chunk back and hand it on. */
static int emit(struct codec_enc *e, struct err *err)
{
	const struct chunk *c = pool_take(e->pool, err);

	if (!c || e->sink(e->ctx, c->out, c->out_len, err) < 0)
		return -1;
	pool_done(e->pool);
	return 0;
}

static int next_chunk(struct codec_enc *e, struct err *err)
{
	while (!(e->cur = pool_slot(e->pool)))
		if (emit(e, err) < 0)
			return -1;
	e->cur->level = e->preset->level;
	e->cur->in_len = 0;
	return 0;
}

/* Room for another byte in the current chunk, which is not full. */
static void grow(struct codec_enc *e, struct chunk *c)
{
	size_t cap = e->cut ? e->preset->chunk : c->in_cap ? c->in_cap * 2 : e->first_cap ? e->first_cap : 1;

	if (c->in_len < c->in_cap)
		return;
	c->in_cap = cap < e->preset->chunk ? cap : e->preset->chunk;
	c->in = xrealloc(c->in, c->in_cap);
}

int codec_enc_write(struct codec_enc *e, const void *p, size_t n, struct err *err)
{
	const uint8_t *from = p;

	if (e->codec == CODEC_NONE)
		return e->sink(e->ctx, p, n, err);
	while (n) {
		size_t take;

		/* A full chunk is let go only when more comes: the last one is never empty. */
		if (e->cur && e->cur->in_len == e->preset->chunk) {
			e->cut = true;
			pool_submit(e->pool, false);
			e->cur = NULL;
		}
		if (!e->cur && next_chunk(e, err) < 0)
			return -1;
		grow(e, e->cur);
		take = e->cur->in_cap - e->cur->in_len < n ? e->cur->in_cap - e->cur->in_len : n;
		memcpy(e->cur->in + e->cur->in_len, from, take);
		e->cur->in_len += take;
		from += take;
		n -= take;
	}
	return 0;
}

int codec_enc_finish(struct codec_enc *e, struct err *err)
{
	if (e->codec == CODEC_NONE)
		return 0;
	if (!e->cur && next_chunk(e, err) < 0)
		return -1;
	pool_submit(e->pool, !e->cut && e->cur->in_len <= SMALL);
	e->cur = NULL;
	while (!pool_empty(e->pool))
		if (emit(e, err) < 0)
			return -1;
	return 0;
}

void codec_enc_free(struct codec_enc *e)
{
	if (!e)
		return;
	pool_free(e->pool);
	free(e);
}
