/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_WORKERS_H
#define SLSC_BUILD_PACKAGE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* PACKAGE_WORKERS: <function>.workers/, whole or absent. */

struct function;
struct packager;
struct unit;

/** workers_wants - whether the request makes a Worker of @fn: it compiles, and has wasm32 or says nothing of arches. */
bool workers_wants(const struct packager *pk, const struct function *fn);
/** workers_check - ERR_CONFIG, located, for a module that imports what a Worker does not give. */
int workers_check(const struct packager *pk, const struct unit *u, struct err *err) MUST_CHECK;
/** package_workers - @u's directory, if a Worker is made of it. */
int package_workers(struct packager *pk, struct unit *u, struct err *err) MUST_CHECK;
/** workers_are - whether the directory still is what a list says of it. */
bool workers_are(const char *dir, const char *sha256, uint64_t size);

#endif
