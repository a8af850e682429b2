/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: lambda. The loop of the Lambda Runtime API: four system calls an invocation (send and
 * receive, twice), no allocation.
 */
#include "lambda.h"

#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define API "/2018-06-01/runtime/"
#define ENV_MAX 1024u

static struct slsc_ctx ctx;

/* Requests: the body at its place, the head right before it, so that both are sent in one piece. */
static char out_buf[REQUEST_HEAD_MAX + SLSC_LAMBDA_BODY_MAX];
static char *const out_body = out_buf + REQUEST_HEAD_MAX;

static void put_head_end(struct slsc_out *head, size_t length)
{
	slsc_puts(head, " HTTP/1.1\r\nHost: ");
	slsc_put_str(head, slsc_rt_api_host);
	if (length != SIZE_MAX) {
		slsc_puts(head, "\r\nContent-Type: application/json\r\nContent-Length: ");
		slsc_put_u64(head, length);
	}
}

/*
 * The header takes (Runtime|Function)\.[A-Z][a-zA-Z]+ only; the body says what the function
 * said.
 */
static void put_error_type(struct slsc_out *head, const char *type)
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

/* Post the @len bytes at out_body, with the type of an error when there is one. Returns the status or -1. */
static int post(struct slsc_str id, const char *what, const char *error_type, size_t len)
{
	char buf[REQUEST_HEAD_MAX];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct slsc_rt_next next;
	struct slsc_str body;
	enum answer result;

	slsc_puts(&head, "POST " API);
	if (id.len) {
		slsc_puts(&head, "invocation/");
		slsc_put_str(&head, id);
	}
	slsc_puts(&head, what);
	put_head_end(&head, len);
	if (error_type) {
		slsc_puts(&head, "\r\nLambda-Runtime-Function-Error-Type: ");
		put_error_type(&head, error_type);
	}
	slsc_puts(&head, "\r\n\r\n");
	memcpy(out_body - head.len, buf, head.len);
	if (slsc_rt_api_exchange((struct slsc_str){out_body - head.len, head.len + len}, &next, &body, &result))
		return -1;
	return next.status;
}

static int post_error(struct slsc_str id, const char *what)
{
	struct slsc_out out = {out_body, 0, SLSC_LAMBDA_BODY_MAX, false};

	slsc_puts(&out, "{\"errorMessage\":");
	slsc_put_json(&out, slsc_cstr(ctx.fail_message));
	slsc_puts(&out, ",\"errorType\":");
	slsc_put_json(&out, slsc_cstr(ctx.fail_type));
	slsc_puts(&out, ",\"stackTrace\":[]}");
	slsc_rt_log_fail(&ctx, id.len ? "invocation failed" : "initialisation failed");
	return post(id, what, ctx.fail_type, out.len);
}

/* ---- the environment ---- */

/*
 * _X_AMZN_TRACE_ID changes with each invocation, and setenv() would allocate each time. So
 * the process gets its own array of variables, whose last slot is ours.
 */
static void export_trace_id(struct slsc_str id)
{
	static const char name[] = "_X_AMZN_TRACE_ID=";
	static char *vars[ENV_MAX + 2], **slot;
	static char value[sizeof(name) + 1024];
	size_t n = 0;

	if (!id.len && !slot)
		return;
	/* Also when the function has called setenv(), which moves the array. */
	if (!slot || environ != vars) {
		for (char **v = environ; v && *v; v++) {
			if (slsc_rt_after(*v, name))
				continue;
			if (n == ENV_MAX)
				return;
			vars[n++] = *v;
		}
		slot = &vars[n];
		slot[1] = NULL;
		environ = vars;
	}
	if (!id.len || id.len > sizeof(value) - sizeof(name)) {
		*slot = NULL;
		return;
	}
	memcpy(value, name, sizeof(name) - 1);
	memcpy(value + sizeof(name) - 1, id.ptr, id.len);
	value[sizeof(name) - 1 + id.len] = '\0';
	*slot = value;
}

/* ---- the loop ---- */

static void on_sigterm(int sig)
{
	(void)sig;
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
	return id.len <= 256 && slsc_rt_is_token(id);
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

static int invoke(slsc_lambda_fn *handler, const struct slsc_rt_next *next, struct slsc_str event,
		  bool too_large)
{
	struct slsc_out out = {out_body, 0, SLSC_LAMBDA_BODY_MAX, false};
	int rc, status;

	ctx.request_id = next->request_id;
	ctx.function_arn = next->function_arn;
	ctx.trace_id = next->trace_id;
	ctx.client_context = next->client_context;
	ctx.cognito_identity = next->cognito_identity;
	ctx.tenant_id = next->tenant_id;
	ctx.deadline_ms = deadline_ms(next->deadline);
	slsc_rt_fail_clear(&ctx);
	export_trace_id(next->trace_id);

	if (too_large)
		rc = slsc_fail(&ctx, "Runtime.EventSizeTooLarge",
			       "the event is larger than 6291556 bytes");
	else
		rc = handler(&ctx, event, &out);
	if (!rc && out.full)
		rc = slsc_fail(&ctx, "Function.ResponseSizeTooLarge",
			       "Response payload size exceeded maximum allowed payload size "
			       "(6291556 bytes).");
	/*
	 * The answer to the POST is read into in_buf, over the event and the strings of the
	 * context, so what is needed of them after the first exchange is copied.
	 */
	char id[256];
	memcpy(id, next->request_id.ptr, next->request_id.len);
	ctx.request_id.ptr = id;
	if (rc) {
		status = post_error(ctx.request_id, "/error");
	} else {
		status = post(ctx.request_id, "/response", NULL, out.len);
		if (status == 413) {
			slsc_fail(&ctx, "Function.ResponseSizeTooLarge",
				  "the Runtime API found the response too large");
			status = post_error(ctx.request_id, "/error");
		}
	}
	if (status >= 300)
		slsc_log(&ctx, SLSC_ERROR, "the Runtime API did not accept the answer");
	/* After the exchange: an allocation may have been part of the answer. */
	slsc_rt_arena_reset();
	slsc_rt_trim(slsc_rt_in, event.len + HEAD_MAX);
	slsc_rt_trim(out_body, out.len);
	ctx.request_id = (struct slsc_str){NULL, 0};
	return status < 0 ? -1 : 0;
}

static int loop(slsc_lambda_fn *handler)
{
	static char head_buf[64 + HOST_MAX];
	struct slsc_out head = {head_buf, 0, sizeof(head_buf), false};
	struct slsc_rt_next next;
	struct slsc_str event = {NULL, 0};
	enum answer result;

	/* Prebuilt: the same bytes each time. */
	slsc_puts(&head, "GET " API "invocation/next");
	put_head_end(&head, SIZE_MAX);
	slsc_puts(&head, "\r\n\r\n");
	for (;;) {
		slsc_rt_idle = 1;
		if (slsc_rt_stopping)
			return 0;
		if (slsc_rt_api_exchange((struct slsc_str){head.ptr, head.len}, &next, &event, &result))
			return -1;
		if (next.status != 200)
			return slsc_rt_fatal("the Runtime API refused to give an invocation");
		if (!id_valid(next.request_id))
			return slsc_rt_fatal("the Runtime API sent no valid request id");
		if (invoke(handler, &next, event, result == ANSWER_TOO_LARGE))
			return -1;
	}
}

/* Weak: most functions have nothing to do at the start. */
__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

int slsc_lambda_main(slsc_lambda_fn *handler)
{
	/* Static: all but the handler is zero, and a constant to copy from would be 152 bytes. */
	static struct sigaction sa;

	sa.sa_handler = on_sigterm;
	sigaction(SIGTERM, &sa, NULL);
	if (slsc_rt_api_resolve())
		return 1;
	if (slsc_init) {
		slsc_rt_fail_clear(&ctx);
		if (slsc_init(&ctx)) {
			(void)post_error((struct slsc_str){NULL, 0}, "init/error");
			return 1;
		}
		slsc_rt_arena_reset();
	}
	return loop(handler) ? 1 : 0;
}

RT_FOR_SIZE_END
