/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/syntax.h"

#include <string.h>

int flow_syntax_check(const char *s, size_t n, enum flow_syntax what, const char **why, size_t *at)
{
	*at = 0;
	if (what == FLOW_VALUE && n && *s != '$') {
		*why = "it begins with neither $ nor the name of a function";
		return strncmp(s, "States.", 7) == 0 ? 0 : -1;
	}
	*why = "it has to begin with $";
	return n && *s == '$' ? 0 : -1;
}
