/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json_text.h"

json_t *json_text_parse(struct str text, const char *shown, const char *what, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		err_at(err, ERR_FORMAT, shown, why.line > 0 ? (unsigned)why.line : 0,
		       why.column > 0 ? (unsigned)why.column : 0, "%s%s", what, why.text);
	return root;
}
