/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_JSON_TEXT_H
#define SLSC_CONFIG_JSON_TEXT_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/**
 * json_text_parse - @text, whose objects have each member once. NULL: ERR_FORMAT tells where in the file @shown it is
 * no JSON, and behind @what ("", "no JSON: ") the reason in jansson's words.
 */
json_t *json_text_parse(struct str text, const char *shown, const char *what, struct err *err) MUST_CHECK;

#endif
