/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_EDIT_H
#define SLSC_CONFIG_EDIT_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Changes to a YAML file as text: what is not changed keeps every byte, comments and blanks included. A scalar is
 * replaced where it stands, in its quotes if it has some; a key that is missing is put behind the last one of its
 * mapping, or behind the file's first.
 */

/** A scalar to be: @path, @n keys from the root on, @value. */
struct yaml_change {
	const char *path[4];
	size_t n;
	const char *value;
};

/**
 * yaml_edit - make @changes in @text, which stays as it was after a failure. @shown: for messages. ERR_CONFIG: it is no
 * YAML, or a change would change something else, too (an anchor that others refer to). *@changed: how many were not so
 * already.
 */
int yaml_edit(struct buf *text, const char *shown, const struct yaml_change *changes, size_t n, size_t *changed,
	      struct err *err) MUST_CHECK;

#endif
