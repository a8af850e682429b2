/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLI_OUT_WRITER_H
#define SLSC_CLI_OUT_WRITER_H

#include <stdbool.h>
#include <stddef.h>

/* The thread behind out_detach(); cli/out.c's own. */

/** out_write - to stderr, now. */
void out_write(const char *p, size_t n);
/** out_writer_put - false: there is no such thread, write it yourself. Thread-safe; never waits for a reader. */
bool out_writer_put(const char *p, size_t n);

#endif
