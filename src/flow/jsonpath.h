/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_JSONPATH_H
#define SLSC_FLOW_JSONPATH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "flow/value.h"

/*
 * JSONPath as the States Language takes it: Jayway's. $ is the state's input, $$ the context object, $name a
 * variable.
 * Steps: .name ['name'] ["name"] ['a','b'] [0] [-1] [0,2] [1:3] [:2] [-2:] .* [*] ..name ..* ..[0] [?(filter)], and
 * .length() at the end. A filter compares @ and $ paths and literals by == != < <= > >= in nin, joined by && || ! (
 * ); a path alone asks whether it is there. Names without quotes are whatever has no white space and none of . [ ] (
 * ) ' " , * ? in them.
 *
 * A path is definite if it names a single place; its value is what is there. What is not has a list of what it
 * matches, which may be empty.
 */

#define JSONPATH_BYTES_MAX 8192u
#define JSONPATH_STEPS_MAX 256u
#define JSONPATH_WORK_MAX  1000000u /* values looked at: two ".." of a deep value could look at their square */

enum jsonpath_root { JSONPATH_INPUT, JSONPATH_CONTEXT, JSONPATH_VARIABLE, JSONPATH_ITEM /* @, in a filter */ };

struct jsonpath_step;
struct jsonpath {
	enum jsonpath_root root;
	const char *variable; /* its name */
	const char *text;     /* as written */
	bool definite;
	bool reference; /* names and indexes alone: may say where a result goes (".a", "['a']", "[0]"; no @ , : ? *) */
	bool length;	/* ends in .length() */
	struct jsonpath_step *step;
	size_t nsteps;
};

/**
 * jsonpath_compile - read a path.
 * @s:   valid UTF-8.
 * @end: out, where it ends: at a comma, a closing parenthesis or white space. NULL: all of @s has to be one.
 * Returns it, living in @a, or NULL with *@why, static text, and *@at, the byte of @s it is about.
 */
const struct jsonpath *jsonpath_compile(struct arena *a, struct str s, size_t *end, const char **why, size_t *at);

/**
 * jsonpath_get - a new reference; NULL with @f States.Runtime: there is no such place, or it is too much work. The
 * cause is "Invalid path 'PATH': what is wrong". With @absent, which may be NULL, *@absent tells the first of both.
 */
json_t *jsonpath_get(const struct jsonpath *p, const struct flow_data *d, bool *absent, struct flow_fault *f);

/**
 * jsonpath_put - what @input is with @value, which is borrowed, at @p, a reference path below $. Objects that are not
 * there are made; everything beside the path is shared with @input. A new reference; NULL: something on the way is no
 * object, or no list that long.
 */
json_t *jsonpath_put(const struct jsonpath *p, json_t *input, json_t *value);

#endif
