/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_MEMBER_H
#define SLSC_BASE_MEMBER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/vec.h"

/*
 * JSON that is written a member at a time. A comma comes by itself, in front of all but the first of an object or
 * list. Names are written as they are; a name that is NULL: this is an element of a list.
 */

/** member - the name, and the colon; the caller writes the value. */
void member(struct buf *b, const char *name);
/** member_open - an object or a list, by its bracket; the caller closes it. */
void member_open(struct buf *b, const char *name, char bracket);
/** member_str - bytes of any kind as a string, as buf_add_json() has it. */
void member_str(struct buf *b, const char *name, struct str s);
/** member_text - a string; NULL: null. */
void member_text(struct buf *b, const char *name, const char *s);
/** member_some - a string; empty or NULL: null. */
void member_some(struct buf *b, const char *name, const char *s);
void member_bool(struct buf *b, const char *name, bool v);
void member_u64(struct buf *b, const char *name, uint64_t v);
/** member_count - a number; 0: null. */
void member_count(struct buf *b, const char *name, uint64_t v);
/** member_strs - a list of strings; member_list: one that ends with NULL. */
void member_strs(struct buf *b, const char *name, const struct strs *v);
void member_list(struct buf *b, const char *name, const char *const *list);

#endif
