/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_JSONCHECK_H
#define SLSC_LOCAL_JSONCHECK_H

#include <stdbool.h>

#include "base/str.h"

#define JSON_DEPTH 512

/**
 * json_is_valid - whether @s is one JSON value (RFC 8259) with nothing but white space around it, at most JSON_DEPTH
 * deep. An event passes through untouched: to build a tree of 6 MB only to drop it would take longer than the function.
 */
bool json_is_valid(struct str s);

#endif
