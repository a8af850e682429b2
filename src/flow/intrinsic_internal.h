/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_INTRINSIC_INTERNAL_H
#define SLSC_FLOW_INTRINSIC_INTERNAL_H

#include "flow/intrinsic.h"

enum argument_kind { ARG_PATH, ARG_CALL, ARG_TEXT, ARG_INTEGER, ARG_REAL, ARG_TRUE, ARG_FALSE, ARG_NULL };

struct argument {
	enum argument_kind kind;
	const struct jsonpath *path;
	const struct intrinsic *call;
	struct str text; /* without escapes; NUL-terminated */
	struct str raw;	 /* with them: \{ and {} are two things to States.Format */
	json_int_t integer;
	double real;
};

/** A function's name, how many arguments it takes, and what it does; borrowed values in, a new reference out. */
struct intrinsic_kind {
	const char *name;
	size_t min, max;
	json_t *(*run)(const struct intrinsic *i, json_t *const *v, const struct flow_data *d, struct flow_fault *f);
};
extern const struct intrinsic_kind intrinsic_kinds[];
extern const size_t intrinsic_nkinds;

struct intrinsic {
	const struct intrinsic_kind *kind;
	const char *text; /* as written */
	struct argument *arg;
	size_t nargs;
};

#endif
