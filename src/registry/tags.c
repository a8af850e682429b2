/* SPDX-License-Identifier: Apache-2.0 */
/* What a repository has in place of the tag that it lacks. */
#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"
#include "oci/attach.h"
#include "oci/place.h"
#include "registry/client_internal.h"

#define TAGS_LIMIT (256u << 10)

/* Images' tags alone, and no foreign bytes that a message cannot show. */
static void read_tags(const struct buf *body, struct strs *out)
{
	json_t *j = json_loadb(body->ptr, body->len, JSON_REJECT_DUPLICATES, NULL), *t;
	size_t i;

	json_array_foreach(json_object_get(j, "tags"), i, t) {
		const char *tag = json_string_value(t);

		if (tag && place_ref_is_valid(tag) && !attach_is_tag(tag))
			strs_add(out, tag);
	}
	json_decref(j);
}

void client_hint_tags(struct client *c, const char *ref, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_STRS struct strs tags = { 0 };
	CLEAN_BUF struct buf list = BUF_INIT;
	/* one try: it is only for a hint */
	struct call call = { .method = "GET", .url = "tags/list?n=100", .what = "GET of the tags", .limit = TAGS_LIMIT,
			     .tries = CLIENT_TRIES - 1 };
	const char *near;
	struct err ignored;
	int ret = client_call(c, &call, &resp, &ignored);

	free(call.final_url);
	if (ret < 0)
		return;
	if (resp.status == 404) {
		err_hint(err, "%s has no repository '%.120s', or does not show it to you", c->host, c->repo);
		return;
	}
	if (resp.status == 200)
		read_tags(&resp.body, &tags);
	if (!tags.len)
		return;
	near = str_closest(ref, (const char *const *)tags.ptr, tags.len);
	for (size_t i = 0; i < tags.len && list.len < 160; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", tags.ptr[i]);
	if (near)
		err_hint(err, "did you mean '%s'? there are: %s", near, list.ptr);
	else
		err_hint(err, "there are: %s", list.ptr);
}
