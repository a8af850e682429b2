/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_FLOW_CLIENT_H
#define SLSC_LOCAL_FLOW_CLIENT_H

#include <jansson.h>

#include "registry/http.h"

/*
 * The Step Functions API from the caller's side, without signatures: for slsc local.
 */

/** What an operation was refused with. */
struct flow_refusal {
	char type[64]; /* "ExecutionAlreadyExists"; "": it was not */
};

/**
 * flow_call - @op ("StartExecution") of the platform at @url. Returns its answer, to be released, or NULL with @err:
 * ERR_NET, and @no, unless NULL, filled if it was refused; ERR_FORMAT, ERR_INTR.
 */
json_t *flow_call(struct http *h, const char *url, const char *op, const json_t *request, struct flow_refusal *no,
		  struct err *err) MUST_CHECK;

#endif
