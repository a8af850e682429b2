/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the Lambda runtime share. */
#ifndef SLSC_LAMBDA_H
#define SLSC_LAMBDA_H

#include "internal.h"

#include <signal.h>

/** struct slsc_rt_next - the head of an answer of the Runtime API. */
struct slsc_rt_next {
	int status;
	struct slsc_rt_framing framing;
	struct slsc_str request_id;
	struct slsc_str deadline;
	struct slsc_str function_arn;
	struct slsc_str trace_id;
	struct slsc_str client_context;
	struct slsc_str cognito_identity;
	struct slsc_str tenant_id;
};

/** slsc_rt_next_parse - parse a complete response head. Returns 0, or -1 when malformed. */
int slsc_rt_next_parse(const char *head, size_t len, struct slsc_rt_next *next);

/** Largest head of a request or an answer: the service's are a few hundred bytes, but client
 * context and identity may take kilobytes. */
#define HEAD_MAX 65536u
/** Largest AWS_LAMBDA_RUNTIME_API. */
#define HOST_MAX 255u
/** Room for the head of a request, which is sent in one piece with what follows it. */
#define REQUEST_HEAD_MAX 1024u

enum answer { ANSWER_OK, ANSWER_STALE, ANSWER_TOO_LARGE, ANSWER_BROKEN };

/* The last answer of the API; static, so no page of it exists before a byte arrives there. */
extern char slsc_rt_in[HEAD_MAX + SLSC_LAMBDA_BODY_MAX];

/** slsc_rt_idle - waiting for an invocation that may never come; slsc_rt_stopping - SIGTERM was seen. */
extern volatile sig_atomic_t slsc_rt_idle, slsc_rt_stopping;

/** slsc_rt_fatal - log @message at level FATAL. Returns -1. */
int slsc_rt_fatal(const char *message);

/** slsc_rt_api_resolve - take AWS_LAMBDA_RUNTIME_API apart. Returns 0, or -1 having said why. */
int slsc_rt_api_resolve(void);

/** slsc_rt_api_host - "host:port", as the environment has it. */
extern struct slsc_str slsc_rt_api_host;

/**
 * slsc_rt_api_exchange - one request and its answer.
 * @request: head and body.
 * @next:    out; slices of slsc_rt_in.
 * @body:    out; in slsc_rt_in.
 * @result:  out; ANSWER_OK, or ANSWER_TOO_LARGE: the head is complete, the body would not fit.
 * Returns 0, or -1 having said why: no connection, no answer, an answer that is broken or 500.
 *
 * A kept connection may have been closed by the peer in the meantime; that shows as an end
 * before the first byte, and is tried once more on a new one.
 */
int slsc_rt_api_exchange(struct slsc_str request, struct slsc_rt_next *next, struct slsc_str *body,
			 enum answer *result);

#endif
