/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_MODULE_H
#define SLSC_BUILD_PACKAGE_MODULE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/project.h"

/* A function as a WebAssembly module: what of it is packaged. */

struct packager;
struct unit;

/**
 * module_in_layout - whether the layout of @fn has its module, too: slsc.yaml or --arch names wasm32, which --arch does
 * not leave out.
 */
bool module_in_layout(const struct packager *pk, const struct function *fn);
/** module_is_named - whether a list of architectures has wasm32. */
bool module_is_named(const struct lstrs *arches);
/**
 * module_locate - u->module; in a dry run NULL for what is still to be built. ERR_NOTFOUND for what is not built;
 * ERR_VERIFY for what is no command of WASI.
 */
int module_locate(const struct packager *pk, struct unit *u, struct err *err) MUST_CHECK;
/** module_read - the bytes of u->module without custom sections: debuggers get these from the build's directory. */
int module_read(const struct unit *u, struct buf *out, struct err *err) MUST_CHECK;

#endif
