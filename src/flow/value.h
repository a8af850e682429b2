/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_VALUE_H
#define SLSC_FLOW_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "flow/fault.h"

/*
 * JSON values as executions hand them on: shared by reference and never changed once they are made. Whoever wants
 * another one makes it, with shallow copies along the way.
 */

#define FLOW_DATA_MAX 262144u /* bytes of a state's input or output as compact JSON in UTF-8: the service's limit */
#define FLOW_NEST_MAX 512u    /* levels: what walks a value calls itself */

/**
 * flow_value_size - the bytes that flow_value_dump() would write. Stops where it is clear that there are more than
 * @max:
 * then, and for more than FLOW_NEST_MAX levels, it returns SIZE_MAX.
 */
size_t flow_value_size(const json_t *v, size_t max);
/** flow_value_dump - append @v as compact JSON in its own order. Levels as in flow_value_size(). */
void flow_value_dump(const json_t *v, struct buf *out);
/** flow_value_excerpt - the same, cut off behind @max bytes, with "..." behind them. For messages. */
void flow_value_excerpt(const json_t *v, size_t max, struct buf *out);
/**
 * flow_value_parse - a new reference; NULL: it is no JSON, or too deep. Of two members of one name the later one
 * counts.
 * @why: of JSON_ERROR_TEXT_LENGTH.
 */
json_t *flow_value_parse(const char *s, size_t n, char why[JSON_ERROR_TEXT_LENGTH]);
/** flow_value_must - @v, which is not NULL: jansson refuses only what is no UTF-8, and callers have seen to that. */
json_t *flow_value_must(json_t *v);
/** flow_value_text - @s as a string; what is no UTF-8 becomes U+FFFD, as it does in a journal. A new reference. */
json_t *flow_value_text(const char *s);
/** flow_value_set - put @v, which is handed over, under @key. */
void flow_value_set(json_t *object, const char *key, json_t *v);
void flow_value_push(json_t *array, json_t *v);
/** flow_value_equal - as JSON values: 1 and 1.0 are one number; the order of keys does not count. */
bool flow_value_equal(const json_t *a, const json_t *b);

/** What a path, a template or an intrinsic may look at. */
struct flow_data {
	json_t *input;		       /* $; borrowed */
	json_t *(*context)(void *arg); /* $$, borrowed; asked when it is wanted. NULL: there is none */
	json_t *(*variable)(void *arg,
			    const char *name); /* $name, borrowed; NULL: not assigned. NULL: there are none */
	void *arg;
	/*
	 * bytes of States.Hash; 0: @algorithm is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512. NULL: no hash is
	 * known
	 */
	size_t (*hash)(const char *algorithm, const void *p, size_t n, uint8_t out[64]);
	uint64_t *random; /* a state of flow_random(): what is drawn is the same whenever an execution is replayed */
};

/**
 * flow_random - the next of a sequence of 64 bits, uniform; for what has to be unlike, not for what has to be secret.
 */
uint64_t flow_random(uint64_t *state);
/** flow_random_below - 0 to @n - 1, uniform; 0 if @n is 0. */
uint64_t flow_random_below(uint64_t *state, uint64_t n);

#endif
