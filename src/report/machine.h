/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_MACHINE_H
#define SLSC_REPORT_MACHINE_H

#include "base/arena.h"

/** machine_text - what something was measured on: "Linux 6.1.0, x86_64, 2 × Intel(R) Xeon(R) ..."; in @a, "" if unknown. */
const char *machine_text(struct arena *a);

#endif
