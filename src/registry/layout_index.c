/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/image.h"
#include "registry/transfer_internal.h"

#define REF_NAME "org.opencontainers.image.ref.name"

static void must(int ret)
{
	if (ret < 0)
		BUG("jansson: out of memory");
}

static json_t *descriptor(const struct plan_node *root, const char *tag)
{
	const struct doc_descriptor *d = &root->d;
	json_t *j = json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType", root->doc.media_type, "digest", d->digest.s,
			      "size", (json_int_t)root->bytes.len, "annotations", REF_NAME, tag);

	if (!j)
		BUG("jansson: out of memory");
	if (d->architecture && d->os) {
		json_t *p = json_pack("{s:s, s:s}", "architecture", d->architecture, "os", d->os);

		if (p && d->variant)
			must(json_object_set_new(p, "variant", json_string(d->variant)));
		must(json_object_set_new(j, "platform", p));
	}
	return j;
}

static json_t *parse(const struct buf *old, const char *shown, struct err *err)
{
	json_t *j;

	if (!old->len)
		return json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", MEDIA_INDEX, "manifests");
	j = json_loadb(old->ptr, old->len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_array(json_object_get(j, "manifests")))
		return j;
	json_decref(j);
	err_set(err, ERR_FORMAT, "%s: it is not an index", shown);
	return NULL;
}

int layout_index_add(const struct buf *old, const char *shown, const struct plan_node *root, const char *tag,
		     struct buf *out, struct err *err)
{
	json_t *j = parse(old, shown, err), *list = json_object_get(j, "manifests");
	size_t at = SIZE_MAX;
	char *text;

	if (!j)
		return -1;
	for (size_t i = json_array_size(list); i-- > 0;) {
		json_t *entry = json_array_get(list, i);
		const char *name =
			json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));

		if (!name || strcmp(name, tag) != 0)
			continue;
		must(json_array_remove(list, i));
		at = i;
	}
	/* in the place of the one before, so that the same again is the same bytes */
	if (at == SIZE_MAX)
		at = json_array_size(list);
	must(json_array_insert_new(list, at, descriptor(root, tag)));
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(j);
	if (!text)
		BUG("jansson: out of memory");
	buf_addz(out, text);
	free(text);
	return 0;
}
