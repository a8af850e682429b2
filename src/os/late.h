/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_LATE_H
#define SLSC_OS_LATE_H

#include "base/err.h"

/**
 * late_load - the operations table of a part that is loaded at its first use.
 *
 * libgit2, libarchive and libcrypto cost 0.5 to 5 ms to map and initialise, so no command pays for the
 * one it does not use: the code that calls them is a module, <prefix>/lib/slsc/<name>.so, which
 * exports one symbol, `slsc_module_<name>`, a struct of function pointers. A program that links the
 * code in (the tests) needs no file.
 * Thread-safe. Returns the table, or NULL with ERR_TOOL.
 */
const void *late_load(const char *name, struct err *err);

#endif
