/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/js.h"

#include <stdlib.h>

#include "base/err.h"

json_t *js_must(json_t *j)
{
	if (!j)
		BUG("jansson: out of memory, or a string that is not UTF-8");
	return j;
}

void js_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, js_must(value)) < 0)
		BUG("jansson: cannot set '%s'", key);
}

void js_push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, js_must(value)) < 0)
		BUG("jansson: cannot append");
}

void js_dump(const json_t *j, struct buf *out)
{
	char *text = j ? json_dumps(j, JSON_SORT_KEYS | JSON_COMPACT) : NULL;

	if (!text)
		BUG("jansson: out of memory, or a string that is not UTF-8");
	buf_addz(out, text);
	free(text);
}
