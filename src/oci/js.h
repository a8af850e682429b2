/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_JS_H
#define SLSC_OCI_JS_H

#include <jansson.h>

#include "base/buf.h"

/*
 * Documents that are written with jansson, which refuses what is no UTF-8 and what it cannot allocate: callers have
 * seen to the first, the second aborts.
 */

/** js_must - @j, which is not NULL. */
json_t *js_must(json_t *j);
/** js_set - put @value, which is handed over, under @key. */
void js_set(json_t *object, const char *key, json_t *value);
/** js_push - append @value, which is handed over. */
void js_push(json_t *array, json_t *value);
/** js_dump - append @j to @out, compact, with sorted keys, so that its bytes and digest do not change. */
void js_dump(const json_t *j, struct buf *out);

#endif
