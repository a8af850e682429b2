/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/client_internal.h"

#define PROGRESS (1u << 20)	/* so many bytes more, and the tries are counted anew */

int client_blob_head(struct client *c, const struct digest *digest, bool *found, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = xasprintf("blobs/%s", digest->s), *what = xasprintf("HEAD of blob %s", digest->s);
	struct call call = { .method = "HEAD", .url = url, .what = what };
	int ret = client_call(c, &call, &resp, err);

	free(call.final_url);
	if (ret < 0)
		return -1;
	*found = resp.status == 200;
	if (!*found && resp.status != 404)
		return client_refused(c, &call, &resp, err);
	return 0;
}

/* A blob on its way in. */
struct incoming {
	sink_fn sink;
	void *ctx;
	const struct http_resp *resp;
	struct digest_ctx *md;
	uint64_t size, got;
	uint64_t from;		/* where this answer was asked to begin */
	uint64_t skip;		/* bytes of this answer that we have already */
	bool begun;		/* this answer has been looked at */
};

static int begin(struct incoming *in, struct err *err)
{
	uint64_t from;

	in->begun = true;
	in->skip = 0;
	if (in->resp->status == 206) {
		if (sscanf(in->resp->content_range, "bytes %" SCNu64 "-", &from) != 1 || from != in->from)
			return err_set(err, ERR_FORMAT,
				       "asked for the bytes from %" PRIu64 " on, the registry sends '%.80s'", in->from,
				       in->resp->content_range);
	} else {
		in->skip = in->from;
	}
	return 0;
}

static int take(void *ctx, const void *p, size_t n, struct err *err)
{
	struct incoming *in = ctx;
	const char *b = p;
	size_t old;

	if (!in->begun && begin(in, err) < 0)
		return -1;
	old = in->skip < n ? (size_t)in->skip : n;
	in->skip -= old;
	b += old;
	n -= old;
	if (n == 0)
		return 0;
	if (n > in->size - in->got)
		return err_set(err, ERR_FORMAT,
			       "the registry sends more than the %" PRIu64 " bytes that its manifest says", in->size);
	digest_update(in->md, b, n);
	in->got += n;
	return in->sink(in->ctx, b, n, err);
}

static int receive(struct client *c, struct call *call, struct incoming *in, struct err *err)
{
	char range[64];

	for (;;) {
		CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
		int ret;

		in->resp = &resp;
		in->from = in->got;
		in->begun = false;
		snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", in->got);
		call->header[0] = in->got ? range : NULL;
		ret = client_call(c, call, &resp, err);
		free(steal(&call->final_url));
		if (ret < 0) {
			if (in->got - in->from >= PROGRESS)
				call->tries = 0;
			if (!resp.transient || resp.status == 0 || client_pause(c, call, &resp, err) < 0)
				return -1;
			continue;
		}
		if (resp.status != 200 && resp.status != 206)
			return client_refused(c, call, &resp, err);
		return 0;
	}
}

int client_blob_get(struct client *c, const struct digest *digest, uint64_t size, sink_fn sink, void *ctx,
		    struct err *err)
{
	CLEAN_FREE char *url = xasprintf("blobs/%s", digest->s), *what = xasprintf("GET of blob %s", digest->s);
	struct incoming in = { .sink = sink, .ctx = ctx, .size = size, .md = digest_new(err) };
	struct call call = { .method = "GET", .url = url, .what = what, .sink = take, .sink_ctx = &in,
			     .limit = UINT64_MAX };
	struct digest got;

	if (!in.md)
		return -1;
	if (receive(c, &call, &in, err) < 0) {
		digest_free(in.md);
		return -1;
	}
	digest_final(in.md, &got);
	if (in.got != size)
		return err_set(err, ERR_FORMAT,
			       "%s: %s: the registry sent %" PRIu64 " bytes, the manifest says %" PRIu64, c->shown,
			       what, in.got, size);
	if (strcmp(got.s, digest->s) != 0)
		return err_set(err, ERR_FORMAT, "%s: %s: the registry sent other bytes: they have the digest %s",
			       c->shown, what, got.s);
	return 0;
}
