/* SPDX-License-Identifier: Apache-2.0 */
/* A tar put together entry by entry, and an image of such layers in memory: for tests and the fuzzer of rootfs.h. */
#ifndef TEST_ROOTFS_UTIL_H
#define TEST_ROOTFS_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/image.h"
#include "oci/origin_internal.h"
#include "oci/rootfs.h"

/** tar_add - a header and @n bytes. @type: '0' file, '1' hard link, '2' symlink, '3' device, '5' directory, 'x' pax. */
static inline void tar_add(struct buf *tar, char type, const char *name, const char *link, unsigned mode,
			   const void *data, size_t n)
{
	static const char zeros[512];
	char h[512] = { 0 };
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	snprintf(h + 124, 12, "%011zo", n);
	snprintf(h + 136, 12, "%011o", 0u);
	memset(h + 148, ' ', 8);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link ? link : "");
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(tar, h, sizeof(h));
	if (n)
		buf_add(tar, data, n);
	buf_add(tar, zeros, (512 - n % 512) % 512);
}

static inline void tar_end(struct buf *tar)
{
	static const char zeros[1024];

	buf_add(tar, zeros, sizeof(zeros));
}

#define MEMORY_LAYERS 4u

/** An image whose blobs are in memory: they are spooled, as a registry's are. */
struct memory_image {
	struct origin origin;
	struct buf blob[MEMORY_LAYERS];
	struct doc_descriptor d[MEMORY_LAYERS];
	struct document doc;
};

static inline int memory_blob(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx,
			      struct err *err)
{
	const struct memory_image *im = CONTAINER_OF(o, struct memory_image, origin);

	struct checked c;
	int ret;

	for (size_t i = 0; i < im->doc.len; i++) {
		if (d != &im->d[i])
			continue;
		ret = checked_begin(&c, d, "memory", sink, ctx, err);
		if (ret == 0)
			ret = checked_write(&c, im->blob[i].ptr, im->blob[i].len, err);
		if (ret == 0)
			ret = checked_end(&c, err);
		checked_abort(&c);
		return ret;
	}
	return err_set(err, ERR_NOTFOUND, "no such blob");
}

static inline void memory_image_init(struct memory_image *im)
{
	static const struct origin_ops ops = { .blob = memory_blob };

	*im = (struct memory_image){ .origin = { .ops = &ops, .shown = NULL } };
	im->doc.ptr = im->d;
	for (size_t i = 0; i < MEMORY_LAYERS; i++)
		buf_init(&im->blob[i]);
}

/** memory_image_seal - the first @n blobs are its layers, of @media_type. */
static inline void memory_image_seal(struct memory_image *im, size_t n, const char *media_type)
{
	struct err err;

	im->doc.len = n;
	for (size_t i = 0; i < n; i++) {
		im->d[i] = (struct doc_descriptor){ .media_type = media_type, .size = im->blob[i].len };
		if (digest_of(im->blob[i].ptr, im->blob[i].len, &im->d[i].digest, &err) < 0)
			abort();
	}
}

static inline void memory_image_release(struct memory_image *im)
{
	for (size_t i = 0; i < MEMORY_LAYERS; i++)
		buf_release(&im->blob[i]);
}

#endif
