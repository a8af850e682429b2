/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/syntax.h"

#include "base/arena.h"
#include "flow/intrinsic.h"

static int check_path(const struct jsonpath *p, enum flow_syntax what, const char **why, size_t *at)
{
	if (what == FLOW_PATH)
		return 0;
	*at = 0;
	if (what == FLOW_RESULT && p->root != JSONPATH_INPUT) {
		*why = p->root == JSONPATH_CONTEXT ? "nothing can be put into the context object ($$)"
						   : "a result is put into the input; Assign sets variables";
		return -1;
	}
	if (!p->reference) {
		*why = "it has to name one place: no @ , : ? * nor ..";
		return -1;
	}
	return 0;
}

int flow_syntax_check(const char *s, size_t n, enum flow_syntax what, const char **why, size_t *at)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	const struct str text = { s, n };
	const struct jsonpath *p;
	struct flow_value v;

	if (what == FLOW_VALUE)
		return flow_value_compile(&a, text, &v, why, at);
	p = jsonpath_compile(&a, text, NULL, why, at);
	return p ? check_path(p, what, why, at) : -1;
}
