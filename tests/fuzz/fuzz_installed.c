/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of packages: the first byte says in which file the rest is, and how much of it is os-release. */
#include <stddef.h>
#include <stdint.h>

#include "build/installed.h"
#include "tests/unit/test_rootfs_util.h"

static const char *const files[] = { "var/lib/dpkg/status", "var/lib/dpkg/status.d/x", "lib/apk/db/installed",
				     "usr/lib/apk/db/installed" };

/* Each has a name, is UTF-8, and is there once. */
static void check(const struct installed *in)
{
	if (in->len > INSTALLED_MAX)
		BUG("%zu packages", in->len);
	for (size_t i = 0; i < in->len; i++) {
		const struct installed_package *p = &in->ptr[i];

		if (!*p->name || !str_is_utf8(str_from(p->name)) || !str_is_utf8(str_from(p->version)) ||
		    (!starts_with(p->purl, "pkg:deb/") && !starts_with(p->purl, "pkg:apk/")))
			BUG("package %zu is malformed", i);
		for (const char *c = p->purl; *c; c++)
			if (*c <= ' ' || (unsigned char)*c >= 127)
				BUG("%s is no purl", p->purl);
		for (size_t k = 0; k < i && i < 200; k++)
			if (strcmp(in->ptr[k].purl, p->purl) == 0)
				BUG("%s is there twice", p->purl);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_INSTALLED struct installed in = { .len = 0 };
	struct memory_image im;
	struct err err;
	size_t release;

	if (!size || size > 1 << 20)
		return 0;
	release = (size - 1) * (data[0] / ARRAY_LEN(files)) / 255;
	memory_image_init(&im);
	tar_add(&im.blob[0], '0', "etc/os-release", NULL, 0644, data + 1, release);
	tar_add(&im.blob[0], '0', files[data[0] % ARRAY_LEN(files)], NULL, 0644, data + 1 + release,
		size - 1 - release);
	tar_end(&im.blob[0]);
	memory_image_seal(&im, 1, "application/vnd.oci.image.layer.v1.tar");
	if (installed_read(&im.origin, &im.doc, &a, &in, &err) == 0)
		check(&in);
	memory_image_release(&im);
	return 0;
}
