/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_FLOW_API_H
#define SLSC_LOCAL_FLOW_API_H

#include "local/flows.h"
#include "local/web.h"

/*
 * The API of AWS Step Functions (2016-11-23, JSON 1.0), as its SDKs and the AWS CLI call it: POST / with X-Amz-Target
 * AWSStepFunctions.OPERATION. Shapes, limits and errors by the service's model; signatures are not looked at.
 */

/** flow_api_is - whether @req is for it. */
bool flow_api_is(struct web_req *req);
/** flow_api - answers, now or later. */
void flow_api(struct flows *f, struct web_req *req);

/* ---- between its own files ---- */

/** A call under way. */
struct api_call {
	struct flows *flows;
	struct web_req *req; /* NULL: the caller has gone */
	json_t *in;	     /* an object */
	/* of some operations */
	struct flow_job job;
	struct flow_waiter waiter;
	struct flow_define define;
	struct flow_def *def; /* a reference */
	char *name, *machine;
	struct flow_stored stored;
	json_t *list;
	int64_t before;
	unsigned max;
	int status;
	bool found, sync, update;
};

void api_answer(struct api_call *c, json_t *answer); /* both are gone after this */
/** api_error - {"__type": @type, "message": ...}; @c is gone after this. */
void api_error(struct api_call *c, unsigned status, const char *type, const char *fmt, ...) PRINTF_LIKE(4, 5);
/** api_text - a member that is a string, of @max characters at most; NULL: answered, if it was @required, or absent. */
bool api_text(struct api_call *c, const char *key, size_t max, bool required, const char **out);
/** api_page - maxResults (@most at most, 0: 100) and whether it is right. */
bool api_page(struct api_call *c, unsigned *max);
/** api_token - nextToken, a number of ours; @none without one. */
bool api_token(struct api_call *c, int64_t none, int64_t *out);
/** api_time - ns since the epoch as the service sends it. */
json_t *api_time(int64_t ns);
/** api_execution - the names in executionArn; false: answered. Heap. */
bool api_execution(struct api_call *c, char **machine, char **name);

void api_start_execution(struct api_call *c, bool sync);
void api_describe_execution(struct api_call *c);
void api_list_executions(struct api_call *c);
void api_history(struct api_call *c);
void api_stop_execution(struct api_call *c);
/** api_machine - what stateMachineArn names; NULL: answered. */
struct flow_def *api_machine(struct api_call *c);

#endif
