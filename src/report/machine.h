/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_MACHINE_H
#define SLSC_REPORT_MACHINE_H

#include "base/arena.h"

/** machine_text - what is measured on, "" if unknown; in @a: "Linux 6.1.0, x86_64, 2 × Intel(R) Xeon(R) ...". */
const char *machine_text(struct arena *a);

#endif
