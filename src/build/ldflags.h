/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_LDFLAGS_H
#define SLSC_BUILD_LDFLAGS_H

#include <stdbool.h>

#include "base/vec.h"
#include "config/project.h"

/* What a link reads by its flags: GNU ld's, ld.lld's and wasm-ld's options, with -Wl, or -Xlinker before them. */

/** ldflags_is_linked - whether @word is an object or archive. */
bool ldflags_is_linked(const char *word);
/** ldflags_known - whether nothing else is read. What is not known to be harmless may read. */
bool ldflags_known(const struct lstrs *words);
/** ldflags_files - all that may be the name of a file that is read; what is no file is among them, too. */
void ldflags_files(const struct lstrs *words, struct strs *out);

#endif
