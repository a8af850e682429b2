/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_SOURCE_H
#define SLSC_ARCHIVE_SOURCE_H

#include <stdint.h>

#include "archive/tree.h"

/**
 * The bytes of a TREE_FILE entry, from the host or from memory. They are read, not mapped: a file that is truncated
 * meanwhile must give a message, and a mapping would give SIGBUS.
 */
struct source {
	const struct tree_entry *entry;	/* borrowed */
	int fd;				/* -1: entry->data */
	uint64_t done;			/* bytes read so far */
};
#define SOURCE_INIT { .fd = -1 }
#define CLEAN_SOURCE __attribute__((cleanup(source_close)))

/** source_open - ERR_IO if the size is no longer the entry's. */
int source_open(struct source *s, const struct tree_entry *e, struct err *err) MUST_CHECK;
/** source_read - exactly @n bytes, no more than are left; ERR_IO if the file has shrunk. Polls sig_check(). */
int source_read(struct source *s, void *p, size_t n, struct err *err) MUST_CHECK;
/** source_end - after the last byte: ERR_IO if the file has grown. */
int source_end(struct source *s, struct err *err) MUST_CHECK;
void source_close(struct source *s);

#endif
