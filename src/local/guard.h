/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_GUARD_H
#define SLSC_LOCAL_GUARD_H

#include "local/gateway.h"

/*
 * What stands before a function's URL: a limit of the rate (429), a circuit breaker (local/breaker.h), and what is
 * answered while that is open: a file, another function, or 503. The Invoke API is as the cloud's, and has none of it.
 */
struct guard_pass {
	struct lfn *fn;			/* who is to be called: the function, or who stands in for it */
	struct breaker_call call;
	bool counts;			/* the outcome is the breaker's to know */
	unsigned status;		/* of the answer; 0: as the function says */
};

/** guard_admit - whether @req may go to @fn, and how; false: it has been answered. */
bool guard_admit(struct web_req *req, struct lfn *fn, struct guard_pass *pass);
/** guard_done - what became of it. */
void guard_done(struct guard_pass *pass, enum outcome o);
/** guard_retry - whether a call that met the end of an instance may be made once more, as far as @method permits it. */
bool guard_retry(struct lfn *fn, const char *method, enum outcome o);

#endif
