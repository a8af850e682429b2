/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Lambda runtime share. */
#ifndef SLSC_LAMBDA_H
#define SLSC_LAMBDA_H

#include "internal.h"

#include <signal.h>
#include <sys/uio.h>

#define API "/2018-06-01/runtime/"

/** struct slsc_rt_next - the head of an answer of the Runtime API. */
struct slsc_rt_next {
	int status;
	struct slsc_rt_framing framing;
	/* As in struct slsc_ctx, so that they are copied in one piece. */
	struct slsc_str request_id;
	struct slsc_str function_arn;
	struct slsc_str trace_id;
	struct slsc_str client_context;
	struct slsc_str cognito_identity;
	struct slsc_str tenant_id;
	struct slsc_str deadline;
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
/** Largest request id, in bytes. */
#define ID_MAX 256u

/* ---- the connection (lambda_api.c) ------------------------------------------------ */

enum answer { ANSWER_OK, ANSWER_STALE, ANSWER_TOO_LARGE, ANSWER_BROKEN };

/* The last answer of the API; static, so no page of it exists before a byte arrives there. */
extern char slsc_rt_in[HEAD_MAX + SLSC_LAMBDA_BODY_MAX];

/** slsc_rt_idle - waiting for an invocation that may never come. */
extern volatile sig_atomic_t slsc_rt_idle;

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

/** slsc_rt_api_fresh - a connection whose peer has not closed it, for what cannot be sent twice. Returns 0 or -1. */
int slsc_rt_api_fresh(void);

/**
 * slsc_rt_api_sendv - send all of @iov, which is used up.
 * Returns 0; -1 when the connection is gone; 1 when a signal came and @stop was set, with a part sent.
 */
int slsc_rt_api_sendv(struct iovec *iov, size_t count, const volatile sig_atomic_t *stop);

/** slsc_rt_api_answer - receive the answer to what slsc_rt_api_sendv() sent. Returns its status, -1 having said why. */
int slsc_rt_api_answer(void);

/** slsc_rt_api_close - close the connection, which cuts what is under way. */
void slsc_rt_api_close(void);

/* ---- the invocation (lambda.c) ---------------------------------------------------- */

/**
 * enum slsc_rt_phase - who may use the connection. A signal may come at any time, and in a threaded
 * function on any thread: whoever answers for the invocation takes it over by slsc_rt_phase_take().
 */
enum slsc_rt_phase {
	PHASE_IO,      /* the loop's own exchange is under way */
	PHASE_INIT,    /* slsc_init() and the like: an error goes to slsc_rt_init_path */
	PHASE_HANDLER, /* an error goes to the invocation */
	PHASE_FALLBACK,
};

extern unsigned slsc_rt_phase;
extern const char *slsc_rt_init_path;

/** slsc_rt_phase_take - go from @from to @to; false when it was not @from. */
static inline bool slsc_rt_phase_take(unsigned from, unsigned to)
{
	return slsc_rt_cas(&slsc_rt_phase, from, to);
}

/** slsc_rt_ctx - the context of the one invocation that there is. */
extern struct slsc_ctx slsc_rt_ctx;

/** slsc_rt_environ - environ as the kernel gave it, at the top of the main thread's stack. */
extern char **slsc_rt_environ;

/** slsc_rt_answer_out - an empty answer where slsc_rt_post() takes it from. */
struct slsc_out slsc_rt_answer_out(void);

/** slsc_rt_put_head - append method, path and Host; @id absent: no invocation in the path. No line end after it. */
void slsc_rt_put_head(struct slsc_out *head, const char *method, struct slsc_str id, const char *what);

/** slsc_rt_put_error_type - append @type as the header has it: (Runtime|Function)\.[A-Z][a-zA-Z]+. */
void slsc_rt_put_error_type(struct slsc_out *head, const char *type);

/** slsc_rt_put_error_body - append the JSON of the last slsc_fail(). */
void slsc_rt_put_error_body(struct slsc_out *out);

/**
 * slsc_rt_post - post the @len bytes of slsc_rt_answer_out(), with the type of an error when there is one.
 * Returns the status, or -1 having said why.
 */
int slsc_rt_post(struct slsc_str id, const char *what, const char *error_type, size_t len);

/** slsc_rt_post_error - log and post the last slsc_fail(). Returns the status or -1. */
int slsc_rt_post_error(struct slsc_str id, const char *what);

/*
 * Weak: defined by SLSC_FALLBACK(), SLSC_RESTORE() and SLSC_CRASH_REPORT, in functions that use them. Only what these
 * point to is linked.
 */
extern const struct slsc_rt_fallback slsc_rt_fallback __attribute__((weak));
extern const struct slsc_rt_restore slsc_rt_restore __attribute__((weak));
extern void (*const slsc_rt_crash)(void) __attribute__((weak));

/* ---- a stream (lambda_stream.c), NULL and false when none has begun ---------------- */

/** slsc_rt_stream_end - end it: well when @rc is 0, else with the last slsc_fail(). Returns a status or -1. */
extern int (*slsc_rt_stream_end)(int rc);

/** slsc_rt_stream_busy - in the middle of a chunk. slsc_rt_stream_stop - leave it, if need be torn. */
extern volatile sig_atomic_t slsc_rt_stream_busy, slsc_rt_stream_stop;

/** slsc_rt_stream_stopped - what slsc_stream_write() calls when it has seen slsc_rt_stream_stop. */
extern void (*slsc_rt_stream_stopped)(void);

/* ---- signals ---------------------------------------------------------------------- */

/**
 * slsc_rt_signal - sigaction(2), past libc's, which would cost 0.8 KB of musl.
 * @flags: SA_*; during @handler SIGALRM and SIGTERM are blocked.
 */
void slsc_rt_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags);

#endif
