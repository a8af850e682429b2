/* SPDX-License-Identifier: Apache-2.0 */
/* For tests/runtime/test_proxy.py: an HTTP function that takes an object of a pool, and can be profiled. */
#include <slsc.h>

slsc_http_fn handler;

struct box {
	char bytes[100];
};

SLSC_POOL(struct box, boxes, 2, NULL);
SLSC_HEAP_PROFILE;

int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	(void)slsc_heap_profile_start();
	return 0;
}

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	struct box *box = slsc_pool_get(boxes);

	(void)ctx;
	(void)req;
	if (!box)
		return -1;
	slsc_puts(&res->body, "ok");
	return slsc_pool_put(boxes, box);
}
