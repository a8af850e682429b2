/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_LAMBDA_H
#define SLSC_DEPLOY_LAMBDA_H

#include <jansson.h>

#include "config/project.h"
#include "deploy/session.h"

/*
 * Lambda's API (REST and JSON, version 2015-03-31), as far as a function's deployment needs it: shapes as in botocore's
 * service model. A change that is refused because another is under way waits for that one; a change that was cut is
 * made again, which RevisionId makes safe.
 */
#define LAMBDA_WAIT_MS	  600000   /* until a change has come about */
#define LAMBDA_CONFLICTS  30u	   /* refusals of one change by others */
#define LAMBDA_ANSWER_MAX 6291556u /* bytes of an answer: 6 MB and 100 bytes */

/** One function in the cloud; borrowed. */
struct lambda {
	struct session *session;
	const char *name;  /* there */
	const char *shown; /* in messages */
	const struct lkvs *env; /* or NULL: what these hold is in no message, though the service may quote it */
};

/** A request. */
struct lambda_call {
	const char *op; /* for messages */
	const char *method;
	const char *path;   /* "/2015-03-31/functions/f?Qualifier=1", percent-encoded */
	const json_t *body; /* or NULL; or as it is: */
	struct str text;
	bool waits;	      /* a conflict is no refusal: it ends when the change under way has */
	int takes[3];	      /* statuses that are no error; 0: no more */
	char *const *headers; /* beside Content-Type; or NULL */
	bool once;
	unsigned timeout_s;
};
/** lambda_ask - 0 with *@out (may be NULL) the answer's JSON, or NULL without any; 1 for a status in takes; -1. */
int lambda_ask(const struct lambda *l, const struct lambda_call *c, struct http_resp *resp, json_t **out,
	       struct err *err) MUST_CHECK;
/** lambda_path - "/@version/functions/NAME" and @tail, with "?Qualifier=" if there is a @qualifier; heap. */
char *lambda_path(const struct lambda *l, const char *version, const char *tail, const char *qualifier);

/** lambda_get - GetFunction: 1 with its Configuration, Code and Tags; 0: there is none. */
int lambda_get(const struct lambda *l, json_t **out, struct err *err) MUST_CHECK;
/** lambda_config - GetFunctionConfiguration of $LATEST, or of @qualifier; ERR_NOTFOUND. */
int lambda_config(const struct lambda *l, const char *qualifier, json_t **out, struct err *err) MUST_CHECK;
/** lambda_wait - the same, once no change is under way; ERR_NET if the creation failed, or it took too long. */
int lambda_wait(const struct lambda *l, const char *qualifier, json_t **out, struct err *err) MUST_CHECK;
/** lambda_done - the same after a change of ours; ERR_NET also if that failed. */
int lambda_done(const struct lambda *l, const char *qualifier, json_t **out, struct err *err) MUST_CHECK;

/** What came of an invocation. */
struct lambda_result {
	char version[64];		/* that ran; "" if it is not said */
	struct buf payload, error, log; /* error: "Unhandled" and its like; "": none */
};
#define LAMBDA_RESULT_INIT                                                                                             \
	{                                                                                                              \
		.payload = BUF_INIT, .error = BUF_INIT, .log = BUF_INIT                                                \
	}
void lambda_result_release(struct lambda_result *r);
/** lambda_invoke - @event is JSON; @timeout_s: the function's. A function's error is no error of this. */
int lambda_invoke(const struct lambda *l, const char *qualifier, struct str event, unsigned timeout_s,
		  struct lambda_result *r, struct err *err) MUST_CHECK;

void json_clean(json_t **j);
#define CLEAN_JSON __attribute__((cleanup(json_clean)))
/** json_text - a string member, "" if it is not there. */
const char *json_text(const json_t *j, const char *key);

#endif
