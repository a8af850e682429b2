/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/decode.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "os/proc.h"

#define BLOCK ((size_t)256 * 1024)
#define GZIP_WINDOW (15 + 16)		/* zlib: a gzip header, and no other, in front */
#define ZSTD_WINDOW_LOG 27		/* 128 MiB, what `zstd -d` takes */

struct decoder {
	enum codec codec;
	char *shown;
	unar_read_fn read;
	void *ctx;
	uint64_t limit, total;
	z_stream z;
	ZSTD_DStream *zs;
	ZSTD_inBuffer in;	/* of either codec */
	bool started, inside, ended;	/* within a member or frame */
	uint8_t *out;
};

enum codec codec_sniff(const void *p, size_t n)
{
	if (n >= 2 && memcmp(p, "\x1f\x8b", 2) == 0)
		return CODEC_GZIP;
	return n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ? CODEC_ZSTD : CODEC_NONE;
}

struct decoder *decoder_new(enum codec c, const char *shown, unar_read_fn read, void *ctx, uint64_t limit)
{
	struct decoder *d = xcalloc(1, sizeof(*d));

	*d = (struct decoder){ .codec = c, .shown = xstrdup(shown), .read = read, .ctx = ctx, .limit = limit };
	if (c != CODEC_NONE)
		d->out = xmalloc(BLOCK);
	if (c == CODEC_GZIP && inflateInit2(&d->z, GZIP_WINDOW) != Z_OK)
		BUG("out of memory");
	if (c == CODEC_ZSTD) {
		d->zs = ZSTD_createDStream();
		if (!d->zs)
			BUG("out of memory");
		ZSTD_DCtx_setParameter(d->zs, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	if (d->codec == CODEC_GZIP)
		inflateEnd(&d->z);
	ZSTD_freeDStream(d->zs);
	free(d->out);
	free(d->shown);
	free(d);
}

size_t decoder_left(const struct decoder *d)
{
	return d->in.size - d->in.pos;
}

/* 1: there is input; 0: the source has ended. */
static int fill(struct decoder *d, struct err *err)
{
	const void *p;
	ssize_t n;

	if (d->in.pos < d->in.size)
		return 1;
	n = d->read(d->ctx, &p, err);
	if (n <= 0)
		return (int)n;
	d->in = (ZSTD_inBuffer){ .src = p, .size = (size_t)n };
	return 1;
}

static int malformed(const struct decoder *d, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: malformed %s stream: %s", d->shown, codec_name(d->codec), what);
}

static int step_gzip(struct decoder *d, size_t *made, struct err *err)
{
	int r;

	if (!d->inside && d->started && inflateReset2(&d->z, GZIP_WINDOW) != Z_OK)
		return malformed(d, err, "cannot start its next member");
	d->inside = d->started = true;
	d->z.next_in = (Bytef *)(uintptr_t)((const uint8_t *)d->in.src + d->in.pos);
	d->z.avail_in = (uInt)(d->in.size - d->in.pos);
	d->z.next_out = d->out + *made;
	d->z.avail_out = (uInt)(BLOCK - *made);
	r = inflate(&d->z, Z_NO_FLUSH);
	d->in.pos = d->in.size - d->z.avail_in;
	*made = BLOCK - d->z.avail_out;
	if (r == Z_STREAM_END)
		d->inside = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return malformed(d, err, d->z.msg ? d->z.msg : "it makes no sense");
	return 0;
}

static int step_zstd(struct decoder *d, size_t *made, struct err *err)
{
	ZSTD_outBuffer out = { .dst = d->out, .size = BLOCK, .pos = *made };
	const size_t r = ZSTD_decompressStream(d->zs, &out, &d->in);

	if (ZSTD_isError(r))
		return malformed(d, err, ZSTD_getErrorName(r));
	*made = out.pos;
	d->inside = r != 0;
	return 0;
}

ssize_t decoder_read(void *ctx, const void **p, struct err *err)
{
	struct decoder *d = ctx;
	size_t made = 0;
	int r;

	if (sig_check(err) < 0)
		return -1;
	while (!d->ended && made < BLOCK) {
		const size_t before = made;

		r = fill(d, err);
		if (r < 0)
			return -1;
		/* what a decoder still holds comes out without input, too */
		if (r == 0 && !d->inside) {
			d->ended = true;
			break;
		}
		if (d->codec == CODEC_NONE) {
			*p = (const uint8_t *)d->in.src + d->in.pos;
			made = d->in.size - d->in.pos;
			d->in.pos = d->in.size;
			break;
		}
		if ((d->codec == CODEC_GZIP ? step_gzip(d, &made, err) : step_zstd(d, &made, err)) < 0)
			return -1;
		if (r == 0 && made == before && d->inside)
			return malformed(d, err, "it is cut short");
	}
	d->total += made;
	if (d->total > d->limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %llu bytes uncompressed", d->shown,
			       (unsigned long long)d->limit);
	if (d->codec != CODEC_NONE)
		*p = d->out;
	return (ssize_t)made;
}
