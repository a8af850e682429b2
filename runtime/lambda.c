/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: lambda. The loop of the Lambda Runtime API: four system calls an invocation (send and
 * receive, twice), no allocation.
 */
#include "lambda.h"

#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define ENV_MAX 1024u

struct slsc_ctx slsc_rt_ctx;
unsigned slsc_rt_phase = PHASE_IO;
const char *slsc_rt_init_path = "init/error";
char **slsc_rt_environ;
int (*slsc_rt_stream_end)(int rc);
volatile sig_atomic_t slsc_rt_stream_busy, slsc_rt_stream_stop;
void (*slsc_rt_stream_stopped)(void);

/* Requests: the body at its place, the head right before it, so that both are sent in one piece. */
static char out_buf[REQUEST_HEAD_MAX + SLSC_LAMBDA_BODY_MAX];
static char *const out_body = out_buf + REQUEST_HEAD_MAX;

struct slsc_out slsc_rt_answer_out(void)
{
	return (struct slsc_out){out_body, 0, SLSC_LAMBDA_BODY_MAX, false};
}

void slsc_rt_put_head(struct slsc_out *head, const char *method, struct slsc_str id, const char *what)
{
	slsc_puts(head, method);
	slsc_puts(head, " " API);
	if (id.len) {
		slsc_puts(head, "invocation/");
		slsc_put_str(head, id);
	}
	slsc_puts(head, what);
	slsc_puts(head, " HTTP/1.1\r\nHost: ");
	slsc_put_str(head, slsc_rt_api_host);
}

/*
 * The header takes (Runtime|Function)\.[A-Z][a-zA-Z]+ only; the body says what the function
 * said.
 */
void slsc_rt_put_error_type(struct slsc_out *head, const char *type)
{
	const char *name = slsc_rt_after(type, "Function."), *p;

	if (!name)
		name = slsc_rt_after(type, "Runtime.");
	if (!name)
		name = type;
	for (p = name; (unsigned char)((*p | 0x20) - 'a') < 26; p++)
		;
	if (*name < 'A' || *name > 'Z' || p - name < 2 || *p) {
		name = "Error";
		type = name;
	}
	if (name == type)
		slsc_puts(head, "Function.");
	slsc_puts(head, type);
}

void slsc_rt_put_error_body(struct slsc_out *out)
{
	slsc_puts(out, "{\"errorMessage\":");
	slsc_put_json(out, slsc_cstr(slsc_rt_ctx.fail_message));
	slsc_puts(out, ",\"errorType\":");
	slsc_put_json(out, slsc_cstr(slsc_rt_ctx.fail_type));
	slsc_puts(out, ",\"stackTrace\":[]}");
}

int slsc_rt_post(struct slsc_str id, const char *what, const char *error_type, size_t len)
{
	char buf[REQUEST_HEAD_MAX];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct slsc_rt_next next;
	struct slsc_str body;
	enum answer result;

	slsc_rt_put_head(&head, "POST", id, what);
	slsc_puts(&head, "\r\nContent-Type: application/json\r\nContent-Length: ");
	slsc_put_u64(&head, len);
	if (error_type) {
		slsc_puts(&head, "\r\nLambda-Runtime-Function-Error-Type: ");
		slsc_rt_put_error_type(&head, error_type);
	}
	slsc_puts(&head, "\r\n\r\n");
	memcpy(out_body - head.len, buf, head.len);
	if (slsc_rt_api_exchange((struct slsc_str){out_body - head.len, head.len + len}, &next, &body, &result))
		return -1;
	return next.status;
}

int slsc_rt_post_error(struct slsc_str id, const char *what)
{
	struct slsc_out out = slsc_rt_answer_out();

	slsc_rt_put_error_body(&out);
	slsc_rt_log_fail(&slsc_rt_ctx, id.len ? "invocation failed" : "initialisation failed");
	return slsc_rt_post(id, what, slsc_rt_ctx.fail_type, out.len);
}

/* ---- the environment ---- */

/*
 * _X_AMZN_TRACE_ID changes with each invocation, and setenv() would allocate each time. So
 * the process gets its own array of variables, whose last slot is ours.
 */
static struct slsc_str export_trace_id(struct slsc_str id)
{
	static const char name[] = "_X_AMZN_TRACE_ID=";
	static char *vars[ENV_MAX + 2], **slot;
	static char value[sizeof(name) + 1024];
	struct slsc_str copy = {value + sizeof(name) - 1, id.len};
	size_t n = 0;

	if (!id.len && !slot)
		return id;
	/* Also when the function has called setenv(), which moves the array. */
	if (!slot || environ != vars) {
		for (char **v = environ; v && *v; v++) {
			if (slsc_rt_after(*v, name))
				continue;
			if (n == ENV_MAX)
				return id;
			vars[n++] = *v;
		}
		slot = &vars[n];
		slot[1] = NULL;
		environ = vars;
	}
	if (!id.len || id.len > sizeof(value) - sizeof(name)) {
		*slot = NULL;
		return (struct slsc_str){NULL, 0};
	}
	memcpy(value, name, sizeof(name) - 1);
	memcpy(value + sizeof(name) - 1, id.ptr, id.len);
	value[sizeof(name) - 1 + id.len] = '\0';
	*slot = value;
	return copy;
}

/* ---- the loop ---- */

static void on_sigterm(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	/* Waiting in recv() for an invocation that may never come: nothing to finish. */
	if (slsc_rt_idle)
		_exit(0);
	slsc_rt_stopping = 1;
}

/* The id goes into a request line, so it is held to what ids consist of. */
static bool id_valid(struct slsc_str id)
{
	for (size_t i = 0; i < id.len; i++) {
		if (id.ptr[i] == '/' || id.ptr[i] == '%' || id.ptr[i] == '#')
			return false;
	}
	return id.len <= ID_MAX && slsc_rt_is_token(id);
}

static int64_t deadline_ms(struct slsc_str s)
{
	const int64_t year_2020 = 1577836800000, year_2100 = 4102444800000;
	uint64_t ms;

	/* A test server may send a constant, which lies in 1970: no deadline then. */
	if (slsc_rt_u64(s, &ms) || (int64_t)ms < year_2020 || (int64_t)ms > year_2100)
		return 0;
	return (int64_t)ms;
}

/* Inlined, like its caller: the handler is two calls away from main(). */
static inline __attribute__((always_inline)) int invoke(slsc_lambda_fn *handler, const struct slsc_rt_next *next,
							 struct slsc_str event, bool too_large)
{
	struct slsc_out out = slsc_rt_answer_out();
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	int rc, status;

	_Static_assert(offsetof(struct slsc_ctx, tenant_id) ==
			       offsetof(struct slsc_rt_next, tenant_id) - offsetof(struct slsc_rt_next, request_id),
		       "the same order");
	memcpy(ctx, &next->request_id, offsetof(struct slsc_ctx, deadline_ms));
	ctx->deadline_ms = deadline_ms(next->deadline);
	slsc_rt_fail_clear(ctx);
	ctx->trace_id = export_trace_id(next->trace_id);

	if (too_large) {
		rc = slsc_fail(ctx, "Runtime.EventSizeTooLarge", "the event is larger than 6291556 bytes");
	} else if (slsc_rt_preheat && (rc = slsc_rt_preheat(ctx, event, NULL, &out))) {
		rc = rc < 0;
	} else {
		__atomic_store_n(&slsc_rt_phase, PHASE_HANDLER, __ATOMIC_SEQ_CST);
		if (&slsc_rt_fallback)
			slsc_rt_fallback.arm(ctx);
		rc = handler(ctx, event, &out);
		/* On another thread a signal handler is answering; after that the process goes. */
		while (!slsc_rt_phase_take(PHASE_HANDLER, PHASE_IO))
			;
	}
	if (!rc && out.full)
		rc = slsc_fail(ctx, "Function.ResponseSizeTooLarge",
			       "Response payload size exceeded maximum allowed payload size "
			       "(6291556 bytes).");
	/*
	 * The answer to the POST is read into slsc_rt_in, over the event and the strings of the
	 * context, so what is needed of them after the first exchange is copied.
	 */
	static char id[ID_MAX];
	memcpy(id, next->request_id.ptr, next->request_id.len);
	ctx->request_id.ptr = id;
	if (slsc_rt_stream_end) {
		status = slsc_rt_stream_end(rc);
	} else if (rc) {
		status = slsc_rt_post_error(ctx->request_id, "/error");
	} else {
		status = slsc_rt_post(ctx->request_id, "/response", NULL, out.len);
		if (status == 413) {
			slsc_fail(ctx, "Function.ResponseSizeTooLarge",
				  "the Runtime API found the response too large");
			status = slsc_rt_post_error(ctx->request_id, "/error");
		}
	}
	if (status >= 300)
		slsc_log(ctx, SLSC_ERROR, "the Runtime API did not accept the answer");
	/* After the exchange: an allocation may have been part of the answer. */
	slsc_rt_arena_reset();
	slsc_rt_trim(slsc_rt_in, event.len + HEAD_MAX);
	slsc_rt_trim(out_body, out.len);
	ctx->request_id = (struct slsc_str){NULL, 0};
	return status < 0 ? -1 : 0;
}

static inline __attribute__((always_inline)) int loop(slsc_lambda_fn *handler)
{
	static char head_buf[64 + HOST_MAX];
	struct slsc_out head = {head_buf, 0, sizeof(head_buf), false};
	struct slsc_rt_next next;
	struct slsc_str event = {NULL, 0};
	enum answer result;

	/* Prebuilt: the same bytes each time. */
	slsc_rt_put_head(&head, "GET", event, "invocation/next");
	slsc_puts(&head, "\r\n\r\n");
	for (;;) {
		slsc_rt_idle = 1;
		if (slsc_rt_stopping)
			return 0;
		if (slsc_rt_api_exchange((struct slsc_str){head.ptr, head.len}, &next, &event, &result))
			return 1;
		if (next.status != 200)
			return -slsc_rt_fatal("the Runtime API refused to give an invocation");
		if (!id_valid(next.request_id))
			return -slsc_rt_fatal("the Runtime API sent no valid request id");
		if (invoke(handler, &next, event, result == ANSWER_TOO_LARGE))
			return 1;
	}
}

/* Weak: most functions have nothing to do at the start. */
__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

/* What comes before the first invocation. Returns 0, or -1 with the platform told. */
static int start(void)
{
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	int rc = 0;

	slsc_rt_fail_clear(ctx);
	slsc_rt_phase = PHASE_INIT;
	if (__start_slsc_lazy)
		rc = __start_slsc_lazy->all->start(ctx);
	else if (slsc_init)
		rc = slsc_init(ctx);
	if (!slsc_rt_phase_take(PHASE_INIT, PHASE_IO))
		return -1;
	if (rc)
		(void)slsc_rt_post_error((struct slsc_str){NULL, 0}, slsc_rt_init_path);
	else if (&slsc_rt_restore)
		rc = slsc_rt_restore.run(ctx);
	slsc_rt_arena_reset();
	return rc;
}

int slsc_lambda_main(slsc_lambda_fn *handler)
{
	slsc_rt_environ = environ;
	slsc_rt_signal(SIGTERM, on_sigterm, SA_SIGINFO);
	if (&slsc_rt_crash)
		slsc_rt_crash();
	if (slsc_rt_api_resolve() || start())
		return 1;
	return loop(handler);
}

RT_FOR_SIZE_END
