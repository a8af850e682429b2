/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_INVOKE_REMOTE_H
#define SLSC_INVOKE_REMOTE_H

#include "local/client.h"
#include "cloud.h"

/**
 * invoke_remote - Lambda's Invoke, signed: @req's event to the function of @r, answered in one piece; its url, function
 * and stream are not looked at. That the function fails is a result. An event that may have been taken is not sent
 * again.
 */
int invoke_remote(struct cloud *r, const struct invoke_request *req, struct invoke_result *result,
		  struct err *err) MUST_CHECK;

#endif
