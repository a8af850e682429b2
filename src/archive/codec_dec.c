/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "archive/codec.h"
#include "base/mem.h"
#include "os/proc.h"

#define OUT (256u * 1024)

struct codec_dec {
	enum codec codec;
	const char *shown;
	uint64_t left;		/* bytes that may still come out */
	sink_fn sink;
	void *ctx;
	z_stream z;
	ZSTD_DStream *zstd;
	bool whole;		/* at the end of a member or frame */
	char *out;
};

struct codec_dec *codec_dec_new(enum codec c, const char *shown, uint64_t limit, sink_fn sink, void *ctx)
{
	struct codec_dec *d = xcalloc(1, sizeof(*d));

	*d = (struct codec_dec){ .codec = c, .shown = shown, .left = limit, .sink = sink, .ctx = ctx };
	d->out = xmalloc(OUT);
	/* 16: a gzip header and trailer */
	if (c == CODEC_GZIP && inflateInit2(&d->z, 16 + MAX_WBITS) != Z_OK)
		BUG("zlib: out of memory");
	if (c == CODEC_ZSTD)
		d->zstd = ZSTD_createDStream();
	if (c == CODEC_ZSTD && !d->zstd)
		BUG("zstd: out of memory");
	d->whole = c == CODEC_NONE;
	return d;
}

static int pass(struct codec_dec *d, const void *p, size_t n, struct err *err)
{
	if (n > d->left)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: it unpacks to more bytes than may be", d->shown);
	d->left -= n;
	return n ? d->sink(d->ctx, p, n, err) : 0;
}

static int bad(const struct codec_dec *d, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: damaged %s: %s", d->shown, codec_name(d->codec), what);
}

/* One step: takes some of the input, gives some of the output. */
static int step_gzip(struct codec_dec *d, const char **p, size_t *n, size_t *made, struct err *err)
{
	const uInt in = *n < OUT ? (uInt)*n : OUT;
	int ret;

	if (d->whole && inflateReset(&d->z) != Z_OK)
		BUG("inflateReset");
	d->z.next_in = (Bytef *)(uintptr_t)*p;
	d->z.avail_in = in;
	d->z.next_out = (Bytef *)d->out;
	d->z.avail_out = OUT;
	ret = inflate(&d->z, Z_NO_FLUSH);
	if (ret != Z_OK && ret != Z_STREAM_END && ret != Z_BUF_ERROR)
		return bad(d, d->z.msg ? d->z.msg : "not a gzip member", err);
	d->whole = ret == Z_STREAM_END;
	*p += in - d->z.avail_in;
	*n -= in - d->z.avail_in;
	*made = OUT - d->z.avail_out;
	return 0;
}

static int step_zstd(struct codec_dec *d, const char **p, size_t *n, size_t *made, struct err *err)
{
	ZSTD_inBuffer in = { *p, *n, 0 };
	ZSTD_outBuffer out = { d->out, OUT, 0 };
	const size_t ret = ZSTD_decompressStream(d->zstd, &out, &in);

	if (ZSTD_isError(ret))
		return bad(d, ZSTD_getErrorName(ret), err);
	d->whole = ret == 0;
	*p += in.pos;
	*n -= in.pos;
	*made = out.pos;
	return 0;
}

int codec_dec_write(void *ctx, const void *data, size_t n, struct err *err)
{
	struct codec_dec *d = ctx;
	const char *p = data;
	size_t made = 0;

	if (d->codec == CODEC_NONE)
		return pass(d, data, n, err);
	/* a full output may have more behind it */
	while (n || made == OUT) {
		if (sig_check(err) < 0)
			return -1;
		if (!n && d->whole)
			break;
		if ((d->codec == CODEC_GZIP ? step_gzip : step_zstd)(d, &p, &n, &made, err) < 0 ||
		    pass(d, d->out, made, err) < 0)
			return -1;
	}
	return 0;
}

int codec_dec_finish(struct codec_dec *d, struct err *err)
{
	return d->whole ? 0 : bad(d, "it ends too early", err);
}

void codec_dec_free(struct codec_dec *d)
{
	if (!d)
		return;
	if (d->codec == CODEC_GZIP)
		inflateEnd(&d->z);
	ZSTD_freeDStream(d->zstd);
	free(d->out);
	free(d);
}
