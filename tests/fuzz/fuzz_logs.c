/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of FilterLogEvents. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/logs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *ctx, const struct log_event *e, struct err *err)
{
	size_t *n = ctx;
	struct str version = logs_version(e->stream);

	if (!e->id.ptr || !e->message.ptr || version.len > e->stream.len ||
	    (version.len && memchr(version.ptr, ']', version.len)))
		abort();
	return ++*n < 1000 ? 0 : err_set(err, ERR_LIMIT, "enough");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf next = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 0;

	if (logs_parse((struct str){ (const char *)data, size }, take, &n, &next, &err) < 0 && !err.msg[0])
		abort();
	return 0;
}
