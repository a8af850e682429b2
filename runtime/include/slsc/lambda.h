/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/lambda.h - what only the Lambda runtime has: streamed answers, the fallback answer, SnapStart
 * hooks; and crash reports. slsc.h includes this. What is not used is not linked. In HTTP mode streams
 * fail, and fallback and hooks are not called.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_LAMBDA_PARTS_H
#define SLSC_LAMBDA_PARTS_H

#ifdef __cplusplus
extern "C" {
#endif

/** Largest streamed answer, in bytes: 200 MiB, the service's own limit. */
#define SLSC_STREAM_MAX (200u << 20)

/* ---- streamed answers ------------------------------------------------------------- */

/*
 * A handler that calls slsc_stream_begin() or slsc_stream_http() answers by slsc_stream_write()
 * instead of @out, which is then ignored. The function's invoke mode must be RESPONSE_STREAM. When
 * the handler returns 0 the stream ends well; when it fails, or crashes, the error follows as the
 * trailers Lambda-Runtime-Function-Error-Type and -Error-Body.
 */

/**
 * slsc_stream_begin - answer by a stream.
 * @content_type: NUL-terminated; NULL means application/octet-stream.
 * Returns 0, or -1 after slsc_fail(): begun before, a bad content type, or the Runtime API is gone.
 */
int slsc_stream_begin(struct slsc_ctx *ctx, const char *content_type);

/**
 * slsc_stream_http - the same for a function URL: the HTTP-integration response, whose prelude tells
 * status and header fields; what is written after it is the body.
 * @status:  200 to 599.
 * @fields:  header fields; a Set-Cookie goes into the prelude's "cookies". Names must be tokens, and
 *           values are escaped. The prelude holds 16 KiB.
 * Returns 0, or -1 after slsc_fail().
 */
int slsc_stream_http(struct slsc_ctx *ctx, int status, const struct slsc_field *fields, size_t count);

/**
 * slsc_stream_write - send @len bytes now: one chunk, one system call, no copy. Blocks as long as
 * the peer does not take them.
 * Returns 0, or -1 after slsc_fail(): no stream begun, more than SLSC_STREAM_MAX, the peer is gone,
 * or the deadline's margin has come.
 */
int slsc_stream_write(struct slsc_ctx *ctx, const void *ptr, size_t len);

/* ---- the fallback answer ---------------------------------------------------------- */

/**
 * slsc_fallback_fn - write the answer that is better than none.
 * @ctx: the invocation's; slsc_fail() makes the fallback an error.
 * @out: empty, whatever the handler has written.
 * Returns 0, or non-zero after slsc_fail().
 *
 * It runs in a signal handler, in the middle of whatever the handler does: it may call slsc_put*(),
 * slsc_json_*() on text of its own, slsc_log(), slsc_fail(), and what signal-safety(7) lists; neither
 * malloc nor stdio nor slsc_alloc().
 */
typedef int slsc_fallback_fn(struct slsc_ctx *ctx, struct slsc_out *out);

/**
 * SLSC_FALLBACK - when a handler has not returned @margin_ms before the deadline, @fn answers in its
 * place. Once in a function, at file scope.
 *
 * After the answer the process runs itself anew (execve of its own image, same pid): the abandoned
 * handler may hold locks or half-done state, and a start takes less than a millisecond. Memory,
 * threads and open files do not live on; slsc_init() runs again. A stream that has begun ends with
 * the error Function.DeadlineExceeded instead.
 *
 * Costs one system call an invocation. Uses SIGALRM and ITIMER_REAL: the function must leave both
 * alone. Invocations without a deadline have no fallback.
 */
#define SLSC_FALLBACK(fn, margin_ms)                                                                   \
	SLSC_C_LINKAGE const struct slsc_rt_fallback slsc_rt_fallback = {slsc_rt_deadline_arm, (fn), (margin_ms)}

/** struct slsc_rt_fallback - what SLSC_FALLBACK() tells the loop. */
struct slsc_rt_fallback {
	void (*arm)(struct slsc_ctx *ctx);
	slsc_fallback_fn *fn;
	int64_t margin_ms;
};

void slsc_rt_deadline_arm(struct slsc_ctx *ctx);

/* ---- crashes ---------------------------------------------------------------------- */

/**
 * SLSC_CRASH_REPORT; - at file scope: report what kills the function.
 *
 * SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are then posted as the error Runtime.Crash (of the
 * invocation, of the start, or as the trailers of a stream) before the process dies of the same signal:
 *
 *	SIGSEGV at address 0x10, called from 0x2026a1 0x202b17 0x203f52
 *
 * The addresses are where the crash was and what on the stack looks like return addresses, 16 at most,
 * for `addr2line -fe` with the function's .debug file. Runs on a stack of its own, so an overflow
 * of the stack is reported, too; a crash on another thread has that thread's stack only. In HTTP mode
 * it is a log line. Costs 0.9 KB, and six system calls at the start. Without it the platform tells of
 * the signal, no more.
 */
#define SLSC_CRASH_REPORT SLSC_C_LINKAGE void (*const slsc_rt_crash)(void) = slsc_rt_crash_install

void slsc_rt_crash_install(void);

/* ---- SnapStart -------------------------------------------------------------------- */

/**
 * slsc_hook_fn - runs around a snapshot.
 * Returns 0, or non-zero after slsc_fail(): told to the platform, and the process exits with status 1.
 */
typedef int slsc_hook_fn(struct slsc_ctx *ctx);

/**
 * SLSC_RESTORE - hooks for AWS_LAMBDA_INITIALIZATION_TYPE=snap-start; without it they are not called.
 * Once in a function, at file scope.
 * @before: after slsc_init(), before the snapshot is taken: close connections. NULL: nothing to do.
 *          A failure is an init error.
 * @after:  after a restore, before the first invocation: seed random numbers anew, connect. A failure
 *          is a restore error.
 */
#define SLSC_RESTORE(before, after) \
	SLSC_C_LINKAGE const struct slsc_rt_restore slsc_rt_restore = {slsc_rt_restore_run, (before), (after)}

/** struct slsc_rt_restore - what SLSC_RESTORE() tells the loop. */
struct slsc_rt_restore {
	int (*run)(struct slsc_ctx *ctx);
	slsc_hook_fn *before;
	slsc_hook_fn *after;
};

int slsc_rt_restore_run(struct slsc_ctx *ctx);

#ifdef __cplusplus
#define SLSC_C_LINKAGE extern "C"
}
#else
#define SLSC_C_LINKAGE
#endif

/* In a module for WASI they would be dropped by the linker without a word. */
#ifdef __wasi__
#undef SLSC_FALLBACK
#undef SLSC_CRASH_REPORT
#undef SLSC_RESTORE
#define SLSC_FALLBACK(fn, margin_ms) _Static_assert(0, "SLSC_FALLBACK needs signals, which wasm32 does not have")
#define SLSC_CRASH_REPORT	     _Static_assert(0, "SLSC_CRASH_REPORT needs signals, which wasm32 does not have")
#define SLSC_RESTORE(before, after)  _Static_assert(0, "SLSC_RESTORE is for snapshots of a process, not for wasm32")
#endif

#endif
