/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP function that needs something, which fails to be made FAILS times: for test_proxy.py and e2e/warm.bats. */
#include <slsc.h>

#include <stdlib.h>

slsc_http_fn handler;

SLSC_PREHEAT;

struct needed {
	int made;
};

static int tries;

static int make(struct slsc_ctx *ctx, struct needed *n)
{
	const char *fails = getenv("FAILS");

	if (tries++ < (fails ? (int)strtol(fails, NULL, 10) : 0))
		return slsc_fail(ctx, "NotYet", "the database is not up");
	n->made = 1;
	return 0;
}

SLSC_LAZY(struct needed, needed, make);

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	(void)req;
	if (!needed(ctx))
		return -1;
	slsc_put_i64(&res->body, tries);
	return 0;
}
