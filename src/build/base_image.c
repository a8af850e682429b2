/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_image.h"

#include <string.h>

#include "base/mem.h"
#include "os/fs.h"

#define EPOCH_1980 315532800

static int make_arch(struct debian *d, enum arch arch, enum codec codec, struct layout *l, struct base_set *set,
		     struct base_image_arch *out, struct err *err)
{
	const struct base_variant *v = &d->want->variant;
	CLEAN_FREE char *share = dirs_share(), *built_in = path_join(share, "base");
	CLEANUP(image_release) struct image im = { .architecture = arch_oci(arch), .created = EPOCH_1980,
						   .user = v->nonroot ? "65532:65532" : NULL,
						   .workdir = v->nonroot ? "/home/nonroot" : "/" };
	struct debian_layers layers = { 0 };
	int ret = debian_layers(d, arch, codec, l, set, built_in, &layers, err);

	im.layers = layers.ptr;
	im.nlayers = layers.len;
	debian_env(d->want, &im.env);
	if (v->debug)
		strs_add(&im.entrypoint, "/busybox/sh");
	*out = (struct base_image_arch){ .arch = arch, .nlayers = layers.len };
	if (ret == 0)
		ret = image_write(l, &im, &out->manifest, NULL, err);
	out->manifest.ref = arch_oci(arch);
	out->size = out->manifest.size;
	VEC_EACH(&layers, layer)
		out->size += layer->size;
	VEC_FREE(&layers);
	return ret;
}

int base_image(struct debian *d, const enum arch *arches, size_t narches, enum codec codec, const char *dir,
	       struct base_image *out, struct err *err)
{
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	CLEAN_BASE struct base_set set = { .n = 0 };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor all[ARCH_COUNT + 1], bare[ARCH_COUNT];

	*out = (struct base_image){ .len = 0 };
	if (layout_open(&l, dir, true, err) < 0)
		return -1;
	for (size_t i = 0; i < narches; i++) {
		if (make_arch(d, arches[i], codec, &l, &set, &out->image[i], err) < 0)
			return err_wrap(err, "base for %s", arch_name(arches[i]));
		out->len++;
		all[i + 1] = bare[i] = out->image[i].manifest;
		bare[i].ref = NULL;
	}
	image_index(bare, narches, NULL, &text);
	all[0] = (struct descriptor){ .media_type = MEDIA_INDEX, .size = text.len, .ref = "latest" };
	if (layout_put(&l, text.ptr, text.len, &all[0].digest, err) < 0)
		return -1;
	out->digest = all[0].digest;
	buf_reset(&text);
	image_index(all, narches + 1, NULL, &text);
	return layout_commit(&l, text.ptr, text.len, err);
}
