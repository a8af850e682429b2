/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_SYNTAX_H
#define SLSC_FLOW_SYNTAX_H

#include <stddef.h>

#include "base/err.h"

/* The parts of the language that are text: whether they are well-formed. To evaluate them is another matter. */

enum flow_syntax {
	FLOW_PATH,	/* a JSONPath that begins with $, $$ or $variable */
	FLOW_REFERENCE, /* one that names a single place: no @ , : ? * nor .. */
	FLOW_RESULT,	/* a reference path into the state's input: ResultPath, so neither $$ nor $variable */
	FLOW_VALUE,	/* of a field "name.$": a path or an intrinsic function */
};

/**
 * flow_syntax_check - whether @s is one. Returns 0, or -1 with *@why, static text such as "it has to begin with $", and
 * *@at, the byte of @s it is about.
 */
int flow_syntax_check(const char *s, size_t n, enum flow_syntax what, const char **why, size_t *at) MUST_CHECK;

#endif
