/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_FAULT_H
#define SLSC_FLOW_FAULT_H

#include <jansson.h>

#include "base/err.h"

/* An error of an execution: data that a machine's Retry and Catch look at, not an error of ours. */

#define FLOW_ERROR_MAX 256u   /* bytes of a name, as in the service's API */
#define FLOW_CAUSE_MAX 32768u /* bytes of a cause: what is more is cut off */

struct flow_fault {
	char *error; /* "States.Runtime", "Error", ...; heap; NULL: none */
	char *cause; /* heap; NULL: none */
};
#define FLOW_FAULT_INIT                                                                                                \
	{                                                                                                              \
		NULL, NULL                                                                                             \
	}
#define CLEAN_FAULT __attribute__((cleanup(flow_fault_release)))

void flow_fault_release(struct flow_fault *f); /* usable again afterwards */
/** flow_fault_set - replaces what was there. Returns -1. */
int flow_fault_set(struct flow_fault *f, const char *error, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** flow_fault_copy - copies of both; either may be NULL. Returns -1. */
int flow_fault_copy(struct flow_fault *f, const char *error, const char *cause);
/** flow_fault_json - {"Error":...,"Cause":...}, what Catch gives to the next state. A new reference. */
json_t *flow_fault_json(const struct flow_fault *f);

#endif
