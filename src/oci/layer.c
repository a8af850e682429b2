/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/layer.h"

#include "archive/tar.h"

const char *layer_media_type(enum codec c)
{
	switch (c) {
	case CODEC_NONE:
		return "application/vnd.oci.image.layer.v1.tar";
	case CODEC_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case CODEC_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	}
	BUG("no such codec: %d", (int)c);
}

struct tee {
	struct digest_ctx *md;
	struct codec_enc *enc;
};

/*
 * The tar is hashed here, on the thread that reads the files, while the codec's threads compress: on two cores a
 * third thread for the hash would only take turns with them.
 */
static int tee(void *ctx, const void *p, size_t n, struct err *err)
{
	struct tee *t = ctx;

	digest_update(t->md, p, n);
	return codec_enc_write(t->enc, p, n, err);
}

int layer_write(struct layout *l, const struct tree *tree, int64_t mtime, enum codec codec, enum codec_level level,
		struct image_layer *out, struct err *err)
{
	struct blob blob;
	struct tee t;
	int ret = -1;

	*out = (struct image_layer){ .codec = codec, .tar_size = tar_size(tree) };
	if (blob_begin(&blob, l, err) < 0)
		return -1;
	t = (struct tee){ .md = digest_new(err) };
	if (!t.md)
		goto out;
	t.enc = codec_enc_new(codec, level, blob_write, &blob);
	codec_enc_hint(t.enc, out->tar_size);
	if (tar_write(tree, mtime, tee, &t, err) < 0 || codec_enc_finish(t.enc, err) < 0)
		goto out;
	digest_final(t.md, &out->diff_id);
	t.md = NULL;
	ret = blob_end(&blob, &out->digest, &out->size, err);
out:
	codec_enc_free(t.enc);
	digest_free(t.md);
	blob_abort(&blob);
	return ret;
}
