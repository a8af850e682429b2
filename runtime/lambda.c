/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: lambda. The loop of the Lambda Runtime API over one raw keep-alive socket: four
 * system calls an invocation (send and receive, twice), no allocation.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* For size whatever the profile says, see core.c. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

#define API "/2018-06-01/runtime/"
/* The service sends a few hundred bytes; client context and identity may take kilobytes. */
#define HEAD_MAX 65536u
#define HOST_MAX 255u
#define ENV_MAX 1024u

static struct sockaddr_in api_addr;
static struct slsc_str api_host; /* "host:port", as the environment has it */
static int sock = -1;
static bool sock_used; /* has answered a request, so it may since have gone stale */

static struct slsc_ctx ctx;

/* Static, so no page of it exists before a byte arrives there. */
static char in_buf[HEAD_MAX + SLSC_LAMBDA_BODY_MAX];
static char out_buf[SLSC_LAMBDA_BODY_MAX];

static volatile sig_atomic_t idle, stopping;

static int fatal(const char *message)
{
	slsc_log(NULL, SLSC_FATAL, message);
	return -1;
}

/* ---- the connection ---- */

/* Dotted decimal, four parts, nothing else; inet_pton() would cost 1 KB more. */
static int ipv4_parse(struct slsc_str s, struct in_addr *addr)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	uint32_t n = 0;

	for (int i = 0; i < 4; i++) {
		const char *dot = memchr(p, '.', (size_t)(end - p));
		uint64_t part;

		if ((i < 3) != (dot != NULL))
			return -1;
		if (!dot)
			dot = end;
		if (slsc_rt_u64((struct slsc_str){p, (size_t)(dot - p)}, &part) || part > 255)
			return -1;
		n = n << 8 | (uint32_t)part;
		p = dot + 1;
	}
	addr->s_addr = htonl(n);
	return 0;
}

/*
 * Look @name up in /etc/hosts. The platform always gives 127.0.0.1; a name occurs only in
 * local set-ups, where the hosts file has it. getaddrinfo() would add 10 KB to a musl
 * binary and cannot be linked statically with glibc. So: no DNS, no IPv6, 64 KiB of the file.
 */
static int hosts_lookup(struct slsc_str name, struct in_addr *addr)
{
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, in_buf, HEAD_MAX);
	const char *p = in_buf, *end = in_buf + (size > 0 ? size : 0);
	struct in_addr line = {0};
	bool first = true, usable = false;

	if (fd >= 0)
		close(fd);
	while (p < end) {
		const char *word = p;

		while (p < end && (unsigned char)*p > ' ' && *p != '#')
			p++;
		if (p > word) {
			struct slsc_str w = {word, (size_t)(p - word)};

			if (first)
				usable = !ipv4_parse(w, &line);
			else if (usable && w.len == name.len && !memcmp(word, name.ptr, w.len)) {
				*addr = line;
				return 0;
			}
			first = false;
		}
		if (p < end && *p == '#') {
			word = memchr(p, '\n', (size_t)(end - p));
			p = word ? word : end;
		}
		if (p < end && *p++ == '\n')
			first = true;
	}
	if (!slsc_str_eq(name, "localhost"))
		return -1;
	addr->s_addr = htonl(INADDR_LOOPBACK);
	return 0;
}

/* Take AWS_LAMBDA_RUNTIME_API, "host:port", apart. */
static int api_resolve(void)
{
	const char *env = getenv("AWS_LAMBDA_RUNTIME_API"), *colon;
	struct slsc_str host;
	uint64_t port;

	if (!env)
		return fatal("AWS_LAMBDA_RUNTIME_API is not set: a Lambda function runs under a "
			     "Lambda Runtime API, `slsc local` for one");
	colon = strrchr(env, ':');
	if (!colon || colon == env || strlen(env) > HOST_MAX ||
	    slsc_rt_u64(slsc_cstr(colon + 1), &port) || port < 1 || port > 65535)
		return fatal("AWS_LAMBDA_RUNTIME_API is not host:port");
	/* It becomes a header field, where a line end would start another. */
	for (const char *p = env; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return fatal("AWS_LAMBDA_RUNTIME_API is not host:port");
	}
	host = (struct slsc_str){env, (size_t)(colon - env)};
	api_addr.sin_family = AF_INET;
	api_addr.sin_port = htons((uint16_t)port);
	if (ipv4_parse(host, &api_addr.sin_addr) && hosts_lookup(host, &api_addr.sin_addr))
		return fatal("the host of AWS_LAMBDA_RUNTIME_API is neither an IPv4 address nor in "
			     "/etc/hosts");
	api_host = slsc_cstr(env);
	return 0;
}

static void api_close(void)
{
	if (sock >= 0)
		close(sock);
	sock = -1;
}

static int api_connect(void)
{
	const int one = 1;
	int rc;

	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	sock_used = false;
	/* An answer larger than the socket's buffer must not wait for the peer's ACK. */
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	do {
		rc = connect(sock, (struct sockaddr *)&api_addr, sizeof(api_addr));
	} while (rc && errno == EINTR);
	if (rc && errno != EISCONN) {
		api_close();
		return -1;
	}
	return 0;
}

static int send_all(struct iovec *iov, size_t count)
{
	while (count) {
		/* Not writev(): a peer that is gone must not raise SIGPIPE. */
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (__typeof__(msg.msg_iovlen))count};
		ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);
		size_t done;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (done = (size_t)n; count && done >= iov->iov_len; count--, iov++)
			done -= iov->iov_len;
		if (count) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= done;
		}
	}
	return 0;
}

/* More bytes at the end of in_buf. Returns how many, 0 at the end of the stream, -1. */
static ssize_t recv_more(size_t at)
{
	ssize_t n;

	if (at >= sizeof(in_buf))
		return -1;
	do {
		n = recv(sock, in_buf + at, sizeof(in_buf) - at, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* ---- answers of the API ---- */

int slsc_rt_next_parse(const char *head, size_t len, struct slsc_rt_next *next)
{
	/* Names inside the table, not pointers to them: no relocation, no padding to speak of. */
	static const struct {
		char name[36];
		unsigned char offset;
	} fields[] = {
		{"lambda-runtime-aws-request-id", offsetof(struct slsc_rt_next, request_id)},
		{"lambda-runtime-deadline-ms", offsetof(struct slsc_rt_next, deadline)},
		{"lambda-runtime-invoked-function-arn", offsetof(struct slsc_rt_next, function_arn)},
		{"lambda-runtime-trace-id", offsetof(struct slsc_rt_next, trace_id)},
		{"lambda-runtime-client-context", offsetof(struct slsc_rt_next, client_context)},
		{"lambda-runtime-cognito-identity", offsetof(struct slsc_rt_next, cognito_identity)},
		{"lambda-runtime-aws-tenant-id", offsetof(struct slsc_rt_next, tenant_id)},
	};
	const char *end = head + len, *p = memchr(head, '\n', len);
	struct slsc_field f;
	uint64_t status;
	int rc;

	memset(next, 0, sizeof(*next));
	if (!p || p - head < 13 || memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ')
		return -1;
	if (slsc_rt_u64((struct slsc_str){head + 9, 3}, &status) || status < 100 ||
	    (head[12] != ' ' && head[12] != '\r'))
		return -1;
	next->status = (int)status;
	p++;
	while ((rc = slsc_rt_field_next(&p, end, &f)) > 0) {
		if (slsc_rt_framing_field(&next->framing, &f))
			return -1;
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			if (slsc_rt_ieq(f.name, fields[i].name))
				*(struct slsc_str *)((char *)next + fields[i].offset) = f.value;
		}
	}
	/* HTTP/1.0 closes unless it says otherwise. */
	if (head[7] == '0' && !next->framing.keep_alive)
		next->framing.close = true;
	return rc;
}

enum answer { ANSWER_OK, ANSWER_STALE, ANSWER_TOO_LARGE, ANSWER_BROKEN };

/*
 * Receive one answer into in_buf. ANSWER_STALE: the connection ended before its first byte.
 * ANSWER_TOO_LARGE: the head is complete, the body would not fit.
 */
static enum answer recv_answer(struct slsc_rt_next *next, struct slsc_str *body)
{
	struct slsc_rt_chunked chunked = {0};
	size_t len = 0, scan = 0, body_len = 0, used;
	ssize_t head, n;
	int rc = 0;

	*body = (struct slsc_str){NULL, 0};
	do {
		while (!(head = slsc_rt_head_end(in_buf, len, &scan)) && len < HEAD_MAX) {
			n = recv_more(len);
			if (n <= 0)
				return len ? ANSWER_BROKEN : ANSWER_STALE;
			idle = 0;
			len += (size_t)n;
		}
		if (head <= 0 || (size_t)head > HEAD_MAX ||
		    slsc_rt_next_parse(in_buf, (size_t)head, next))
			return ANSWER_BROKEN;
		if (next->status < 200) {
			/* An interim answer: the real one follows. */
			len -= (size_t)head;
			memmove(in_buf, in_buf + head, len);
			scan = 0;
		}
	} while (next->status < 200);

	body->ptr = in_buf + head;
	if (next->framing.has_length && next->framing.length > SLSC_LAMBDA_BODY_MAX)
		return ANSWER_TOO_LARGE;
	if (next->status == 204 || next->status == 304)
		rc = 1;
	else if (next->framing.chunked)
		rc = slsc_rt_chunked_step(&chunked, in_buf + head, &body_len, SLSC_LAMBDA_BODY_MAX,
					  in_buf + head, len - (size_t)head, &used);
	else
		body_len = len - (size_t)head;
	while (rc == 0 && !(next->framing.has_length && body_len >= next->framing.length)) {
		size_t at = (size_t)head + body_len;

		n = recv_more(at);
		if (n < 0)
			return at == sizeof(in_buf) ? ANSWER_TOO_LARGE : ANSWER_BROKEN;
		if (n == 0) {
			/* Without a length the end of the stream is the end of the body. */
			if (next->framing.has_length || next->framing.chunked)
				return ANSWER_BROKEN;
			next->framing.close = true;
			break;
		}
		if (next->framing.chunked)
			rc = slsc_rt_chunked_step(&chunked, in_buf + head, &body_len,
						  SLSC_LAMBDA_BODY_MAX, in_buf + at, (size_t)n,
						  &used);
		else
			body_len += (size_t)n;
	}
	if (rc < 0)
		return rc == -413 ? ANSWER_TOO_LARGE : ANSWER_BROKEN;
	if (next->framing.has_length)
		body_len = (size_t)next->framing.length;
	body->len = body_len;
	sock_used = true;
	return ANSWER_OK;
}

/*
 * One request and its answer. A kept connection may have been closed by the peer in the
 * meantime; that shows as an end before the first byte, and is tried once more on a new one.
 */
static int exchange(struct slsc_str head, struct slsc_str payload, struct slsc_rt_next *next,
		    struct slsc_str *body, enum answer *result)
{
	for (;;) {
		struct iovec iov[] = {
			{(void *)(uintptr_t)head.ptr, head.len},
			{(void *)(uintptr_t)payload.ptr, payload.len},
		};
		bool kept = sock >= 0 && sock_used;

		if (sock < 0 && api_connect())
			return fatal("cannot connect to the Runtime API");
		/* After a failed send there may still be an answer that says why (413). */
		(void)send_all(iov, payload.len ? 2 : 1);
		*result = recv_answer(next, body);
		if (*result != ANSWER_OK || next->framing.close)
			api_close();
		if (*result == ANSWER_STALE && kept && !stopping)
			continue;
		if (*result == ANSWER_STALE || *result == ANSWER_BROKEN)
			return fatal(*result == ANSWER_STALE
					     ? "the Runtime API closed the connection"
					     : "the Runtime API's answer is broken or incomplete");
		if (next->status == 500)
			return fatal("the Runtime API answered 500");
		return 0;
	}
}

static void put_head_end(struct slsc_out *head, size_t length)
{
	slsc_puts(head, " HTTP/1.1\r\nHost: ");
	slsc_put_str(head, api_host);
	if (length != SIZE_MAX) {
		slsc_puts(head, "\r\nContent-Type: application/json\r\nContent-Length: ");
		slsc_put_u64(head, length);
	}
}

static int post(struct slsc_str id, const char *what, const char *error_type,
		struct slsc_str payload)
{
	char buf[1024];
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
	put_head_end(&head, payload.len);
	if (error_type) {
		slsc_puts(&head, "\r\nLambda-Runtime-Function-Error-Type: ");
		slsc_puts(&head, error_type);
	}
	slsc_puts(&head, "\r\n\r\n");
	if (exchange((struct slsc_str){head.ptr, head.len}, payload, &next, &body, &result))
		return -1;
	return next.status;
}

/* ---- errors of the function ---- */

/*
 * The header takes (Runtime|Function)\.[A-Z][a-zA-Z]+ only; the body says what the function
 * said.
 */
static const char *error_header(const char *type, char out[80])
{
	const char *p = type;

	if (strncmp(p, "Function.", 9) == 0)
		p += 9;
	else if (strncmp(p, "Runtime.", 8) == 0)
		p += 8;
	memcpy(out, "Function.", 10);
	if (p != type)
		out[0] = '\0';
	if (*p < 'A' || *p > 'Z' || !p[1] ||
	    p[strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")])
		return "Function.Error";
	memcpy(out + strlen(out), type, strlen(type) + 1);
	return out;
}

static int post_error(struct slsc_str id, const char *what)
{
	struct slsc_out out = {out_buf, 0, sizeof(out_buf), false};
	char header[80];

	slsc_puts(&out, "{\"errorMessage\":");
	slsc_put_json(&out, slsc_cstr(ctx.fail_message));
	slsc_puts(&out, ",\"errorType\":");
	slsc_put_json(&out, slsc_cstr(ctx.fail_type));
	slsc_puts(&out, ",\"stackTrace\":[]}");
	slsc_rt_log_fail(&ctx, id.len ? "invocation failed" : "initialisation failed");
	return post(id, what, error_header(ctx.fail_type, header),
		    (struct slsc_str){out.ptr, out.len});
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
			if (strncmp(*v, name, sizeof(name) - 1) == 0)
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
	if (idle)
		_exit(0);
	stopping = 1;
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
	struct slsc_out out = {out_buf, 0, sizeof(out_buf), false};
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
		status = post(ctx.request_id, "/response", NULL,
			      (struct slsc_str){out.ptr, out.len});
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
	slsc_rt_trim(in_buf, event.len + HEAD_MAX);
	slsc_rt_trim(out_buf, out.len);
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
		idle = 1;
		if (stopping)
			return 0;
		if (exchange((struct slsc_str){head.ptr, head.len}, (struct slsc_str){NULL, 0},
			     &next, &event, &result))
			return -1;
		if (next.status != 200)
			return fatal("the Runtime API refused to give an invocation");
		if (!id_valid(next.request_id))
			return fatal("the Runtime API sent no valid request id");
		if (invoke(handler, &next, event, result == ANSWER_TOO_LARGE))
			return -1;
	}
}

/* Weak: most functions have nothing to do at the start. */
__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

int slsc_lambda_main(slsc_lambda_fn *handler)
{
	struct sigaction sa = {.sa_handler = on_sigterm};

	sigaction(SIGTERM, &sa, NULL);
	if (api_resolve())
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

#ifdef __clang__
#pragma clang attribute pop
#endif
