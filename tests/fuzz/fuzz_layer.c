/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of an image, merged: the first byte of an input says where it is cut into two. */
#include <locale.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/test_rootfs_util.h"

static bool want(void *ctx, const struct rootfs_node *n)
{
	(void)ctx;
	return n->size < 4096;
}

static int data_of(void *ctx, const struct rootfs_node *n, const void *p, size_t len, struct err *err)
{
	(void)ctx;
	(void)n;
	(void)p;
	(void)len;
	(void)err;
	return 0;
}

static int take(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	(void)p;
	*(size_t *)ctx += n;
	return 0;
}

/* Whatever was read: paths lead nowhere outside, parents are directories that are there. */
static void check(const struct rootfs *r)
{
	const struct rootfs_node *n;
	struct err err;
	size_t it = 0, bytes = 0, files = 0;

	while ((n = rootfs_each(r, &it))) {
		if (unar_path_escapes(n->path) || !*n->path || n->parent->gone || n->parent->type != UNAR_DIR)
			BUG("%s is out of place", n->path);
		if (rootfs_find(r, n->path) != n)
			BUG("%s is not found", n->path);
		rootfs_resolve(r, n->path, true);
		if (n->type == UNAR_FILE && files++ < 4 && n->size < 65536 &&
		    rootfs_file(r, n, take, &bytes, &err) == 0 && bytes > (1u << 24))
			BUG("%s is larger than all", n->path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rootfs_hooks hooks = { .want = want, .data = data_of };
	const struct rootfs_limits limits = { .bytes = 1u << 22, .entries = 500 };
	const size_t cut = size ? (size - 1) * data[0] / 255 : 0;
	struct memory_image im;
	struct rootfs r;
	struct err err;

	/* names in pax headers are UTF-8 */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (!size)
		return 0;
	memory_image_init(&im);
	buf_add(&im.blob[0], data + 1, cut);
	buf_add(&im.blob[1], data + 1 + cut, size - 1 - cut);
	memory_image_seal(&im, 2, "application/vnd.oci.image.layer.v1.tar");
	if (rootfs_read(&r, &im.origin, &im.doc, NULL, &limits, &hooks, &err) == 0)
		check(&r);
	rootfs_release(&r);
	memory_image_release(&im);
	return 0;
}
