/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP benchmark asks for: a short text, an echo without a copy, and $BENCH_FILE. */
#define _GNU_SOURCE /* O_CLOEXEC */
#include <slsc.h>

#include <fcntl.h>
#include <stdlib.h>

slsc_http_fn handler;

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	const char *path;

	if (slsc_str_eq(req->path, "/echo"))
		return slsc_response_piece(res, req->body);
	if (slsc_str_eq(req->path, "/file")) {
		path = getenv("BENCH_FILE");
		if (!path || slsc_response_file(res, open(path, O_RDONLY | O_CLOEXEC), 0, UINT64_MAX))
			return slsc_fail(ctx, "NoFile", "BENCH_FILE cannot be sent");
		return slsc_response_field(res, "Content-Type", SLSC_STR("application/octet-stream"));
	}
	slsc_puts(&res->body, "Hello, world!\n");
	return slsc_response_field(res, "Content-Type", SLSC_STR("text/plain"));
}
