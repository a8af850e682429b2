/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_JSONPATH_INTERNAL_H
#define SLSC_FLOW_JSONPATH_INTERNAL_H

#include "flow/jsonpath.h"

enum step_kind { STEP_NAME, STEP_NAMES, STEP_INDEX, STEP_INDEXES, STEP_SLICE, STEP_ALL, STEP_DEEP, STEP_FILTER };

struct jsonpath_step {
	enum step_kind kind;
	const char **name; /* STEP_NAME, STEP_NAMES */
	long *index;	   /* STEP_INDEX, STEP_INDEXES */
	size_t n;	   /* of either */
	long from, to;	   /* STEP_SLICE */
	bool has_from, has_to;
	const struct filter *filter;
};

enum filter_op {
	FILTER_OR,
	FILTER_AND,
	FILTER_NOT,
	FILTER_EXISTS,
	FILTER_EQ,
	FILTER_NE,
	FILTER_LT,
	FILTER_LE,
	FILTER_GT,
	FILTER_GE,
	FILTER_IN,
	FILTER_NIN,
};

/** A side of a comparison: a path, or a literal. */
struct operand {
	const struct jsonpath *path; /* NULL: a literal */
	json_type type;
	const char *text; /* JSON_STRING */
	size_t len;
	double number;	      /* JSON_REAL: every number */
	struct operand *item; /* JSON_ARRAY */
	size_t nitems;
};

struct filter {
	enum filter_op op;
	const struct filter *left, *right; /* FILTER_OR, FILTER_AND; FILTER_NOT: left */
	struct operand a, b;
};

/** filter_holds - whether @item passes. @budget: of JSONPATH_WORK_MAX, what is left. */
bool filter_holds(const struct filter *f, json_t *item, json_t *root, size_t *budget);

#endif
