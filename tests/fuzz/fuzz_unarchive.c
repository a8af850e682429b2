/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign archives: each input as a tar, an ar and a zip. */
#include <locale.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/tree.h"
#include "archive/unarchive.h"
#include "base/mem.h"

struct input {
	const uint8_t *p;
	size_t n;
};

static ssize_t take(void *ctx, const void **p, struct err *err)
{
	struct input *in = ctx;
	size_t n = in->n;

	(void)err;
	*p = in->p;
	in->p += n;
	in->n = 0;
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unar_limits limits = { .bytes = 4u << 20, .entries = 1000 };

	setlocale(LC_CTYPE, "C.UTF-8");
	for (int format = UNAR_TAR; format <= UNAR_ZIP; format++) {
		struct input in = { data, size };
		struct unar_entry e;
		struct err err;
		uint64_t total = 0;
		const void *p;
		size_t n;
		struct unar *u = unar_open((enum unar_format)format, "archive", take, &in, &limits, &err);

		while (u && unar_next(u, &e, &err) > 0) {
			unar_path_escapes(e.path);
			while (unar_data(u, &p, &n, &err) > 0)
				total += n;
		}
		if (total > limits.bytes)
			BUG("more than the limit");
		unar_free(u);
	}
	return 0;
}
