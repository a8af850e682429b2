/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_INTRINSIC_H
#define SLSC_FLOW_INTRINSIC_H

#include <jansson.h>

#include "base/arena.h"
#include "flow/jsonpath.h"

/*
 * The intrinsic functions of the States Language: States.Format, StringToJson, JsonToString, Array, ArrayPartition,
 * ArrayContains, ArrayRange, ArrayGetItem, ArrayLength, ArrayUnique, Base64Encode, Base64Decode, Hash, JsonMerge,
 * MathRandom, MathAdd, StringSplit, UUID. An argument is a path, 'text' with \' \{ \} \\ in it, a number, true,
 * false, null or another function.
 */

#define INTRINSIC_BYTES_MAX  10240u /* of an invocation */
#define INTRINSIC_NESTED_MAX 10u    /* functions around one another */
#define INTRINSIC_ARGS_MAX   1000u  /* of one function */
#define INTRINSIC_CHARS_MAX  10000u /* bytes to hash or to encode: the service's limit */
#define INTRINSIC_RANGE_MAX  1000u  /* numbers of States.ArrayRange: the service's limit */

struct intrinsic;

/** intrinsic_compile - as jsonpath_compile(): all of @s has to be one, which is valid UTF-8. */
const struct intrinsic *intrinsic_compile(struct arena *a, struct str s, const char **why, size_t *at);
/**
 * intrinsic_call - a new reference, or NULL with @f States.IntrinsicFailure, States.Runtime for a path that leads
 * nowhere, or States.DataLimitExceeded.
 */
json_t *intrinsic_call(const struct intrinsic *i, const struct flow_data *d, struct flow_fault *f);

/** What stands at the right of a field "name.$". */
struct flow_value {
	const struct jsonpath *path; /* or */
	const struct intrinsic *call;
};
/** flow_value_compile - 0, or -1 with *@why and *@at. */
int flow_value_compile(struct arena *a, struct str s, struct flow_value *out, const char **why, size_t *at) MUST_CHECK;
/** flow_value_get - as intrinsic_call(). @field: its name without ".$", for the message. */
json_t *flow_value_get(const struct flow_value *v, const char *field, const struct flow_data *d, struct flow_fault *f);

#endif
