/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: http. An HTTP/1.1 server on 0.0.0.0:$PORT: one thread, epoll, no allocation but
 * whole mappings.
 *
 * A connection owns memory only while it holds half a request or half an answer. A request
 * that arrives in one piece is parsed, handled and answered out of buffers that all
 * connections share, so an idle connection costs its struct and the kernel's socket.
 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* For size whatever the profile says, see core.c. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

#define CONNS_MAX 16384u
#define LINE_MAX_BYTES 8192u /* of the request line: 414 beyond */
#define FIELDS_BYTES 8192u   /* of a response's own fields */
#define SCRATCH 65536u
#define PRIVATE_MIN 16384u
/* All halves of requests and answers together; beyond, 503. */
#define PRIVATE_TOTAL (256u << 20)

/* Milliseconds. */
#define IDLE_MS 75000
#define HEAD_MS 10000
#define BODY_MS 60000
#define WRITE_MS 30000
#define LINGER_MS 2000
#define DRAIN_MS 9000 /* Cloud Run and Knative kill after 10 s */

enum conn_state {
	CONN_HEAD, /* waiting for a request, or in its head */
	CONN_BODY,
	CONN_LINGER, /* answered and half-closed: what still comes is thrown away */
};

/* Bytes in a private mapping. */
struct region {
	char *ptr;
	size_t cap;
	size_t len;
};

struct conn {
	int fd; /* -1: free */
	enum conn_state state;
	bool close;  /* after the answer that is being written */
	bool chunked;
	struct region in;  /* from the first byte of the current request */
	struct region out; /* what the socket did not take */
	size_t out_pos;
	size_t scan; /* where the search for the head's end goes on */
	size_t head_len;
	size_t body_len; /* decoded so far when chunked, else the whole */
	struct slsc_rt_chunked chunks;
	int64_t deadline; /* CLOCK_MONOTONIC ms */
	struct conn *next_free;
};

static struct conn conns[CONNS_MAX];
static struct conn *free_conns;
static size_t conns_high, conns_open;
static size_t private_total;
static int epfd = -1, listener = -1;
static bool listening; /* the listener is in the epoll set */
static int64_t now_ms;
static int64_t timeout_ms; /* SLSC_HTTP_TIMEOUT_MS, 0: the defaults above */
static volatile sig_atomic_t stopping;

static slsc_http_fn *http_handler;
static struct slsc_ctx ctx;
static struct slsc_request req;
static struct slsc_field req_fields[SLSC_HTTP_FIELDS_MAX];
static struct slsc_rt_framing req_framing;
static char scratch[SCRATCH];
static char res_fields[FIELDS_BYTES];
static char res_body[SLSC_HTTP_BODY_MAX];

/* ---- requests ---- */

/* Split the target into path and query. Returns 0 or a status. */
static int parse_target(struct slsc_str target, struct slsc_request *r)
{
	const char *p = target.ptr, *end = target.ptr + target.len, *mark;

	for (const char *c = p; c < end; c++) {
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '#')
			return 400;
	}
	if (slsc_str_eq(r->method, "CONNECT"))
		return 501;
	if (target.len > 7 && slsc_rt_ieq((struct slsc_str){p, 7}, "http://")) {
		/* The absolute form, which a proxy sends: what counts is the path. */
		p += 7;
		if (p == end || *p == '/' || *p == '?')
			return 400;
		while (p < end && *p != '/' && *p != '?')
			p++;
		if (p == end || *p == '?')
			return 400;
	} else if (*p != '/' &&
		   !(slsc_str_eq(r->method, "OPTIONS") && slsc_str_eq(target, "*"))) {
		return 400;
	}
	mark = memchr(p, '?', (size_t)(end - p));
	r->path = (struct slsc_str){p, (size_t)((mark ? mark : end) - p)};
	r->query = (struct slsc_str){NULL, 0};
	if (mark)
		r->query = (struct slsc_str){mark + 1, (size_t)(end - mark - 1)};
	return 0;
}

int slsc_rt_request_parse(const char *head, size_t len, struct slsc_request *r,
			  struct slsc_field *fields, struct slsc_rt_framing *framing,
			  bool *expect_continue)
{
	const char *end = head + len, *nl = memchr(head, '\n', len), *p, *sp, *version;
	unsigned hosts = 0;
	struct slsc_field f;
	bool http10;
	int rc;

	memset(r, 0, sizeof(*r));
	memset(framing, 0, sizeof(*framing));
	*expect_continue = false;
	r->fields = fields;
	/* METHOD SP target SP HTTP/1.x CR LF, and nothing more lenient. */
	if (!nl || nl - head < 2 || nl[-1] != '\r')
		return 400;
	if (nl - head > (ssize_t)LINE_MAX_BYTES)
		return 414;
	p = nl + 1;
	sp = memchr(head, ' ', (size_t)(nl - head));
	if (!sp)
		return 400;
	r->method = (struct slsc_str){head, (size_t)(sp - head)};
	version = memchr(sp + 1, ' ', (size_t)(nl - sp - 1));
	if (!version || version == sp + 1 || !slsc_rt_is_token(r->method))
		return 400;
	if (nl - version != 10 || memcmp(version + 1, "HTTP/", 5) != 0 || version[7] != '.')
		return 400;
	if (version[6] != '1' || (version[8] != '0' && version[8] != '1'))
		return version[6] >= '0' && version[6] <= '9' ? 505 : 400;
	http10 = version[8] == '0';
	rc = parse_target((struct slsc_str){sp + 1, (size_t)(version - sp - 1)}, r);
	if (rc)
		return rc;
	while ((rc = slsc_rt_field_next(&p, end, &f)) > 0) {
		if (r->field_count == SLSC_HTTP_FIELDS_MAX)
			return 431;
		fields[r->field_count++] = f;
		if (slsc_rt_framing_field(framing, &f))
			return 400;
		if (slsc_rt_ieq(f.name, "host"))
			hosts++;
		if (slsc_rt_ieq(f.name, "expect")) {
			if (!slsc_rt_ieq(f.value, "100-continue"))
				return 417;
			*expect_continue = !http10;
		}
	}
	if (rc < 0 || hosts > 1 || (!hosts && !http10) || (http10 && framing->chunked))
		return 400;
	if (http10 && !framing->keep_alive)
		framing->close = true;
	return 0;
}

struct slsc_str slsc_request_field(const struct slsc_request *r, const char *name)
{
	for (size_t i = 0; i < r->field_count; i++) {
		struct slsc_str n = r->fields[i].name;
		size_t j = 0;

		/* Either may be in any case. */
		while (j < n.len && name[j] && ((n.ptr[j] ^ name[j]) & ~0x20) == 0 &&
		       (n.ptr[j] == name[j] ||
			((name[j] | 0x20) >= 'a' && (name[j] | 0x20) <= 'z')))
			j++;
		if (j == n.len && !name[j])
			return r->fields[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

struct slsc_str slsc_request_param(const struct slsc_request *r, const char *name)
{
	for (size_t i = 0; i < r->param_count; i++) {
		if (slsc_str_eq(r->params[i].name, name))
			return r->params[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode @s. An encoded NUL is refused: it would end a C string early. */
static int decode(struct slsc_str s, bool plus, struct slsc_str *out)
{
	char *dst, *d;

	if (!memchr(s.ptr, '%', s.len) && !(plus && memchr(s.ptr, '+', s.len))) {
		*out = s;
		return 0;
	}
	dst = d = slsc_alloc(&ctx, s.len);
	if (!dst)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '%') {
			int hi = s.len - i > 2 ? hex_digit(s.ptr[i + 1]) : -1;
			int lo = s.len - i > 2 ? hex_digit(s.ptr[i + 2]) : -1;

			if (hi < 0 || lo < 0 || hi + lo == 0)
				return -1;
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		*d++ = c;
	}
	*out = (struct slsc_str){dst, (size_t)(d - dst)};
	return 0;
}

int slsc_request_query(struct slsc_ctx *c, const struct slsc_request *r, const char *name,
		       struct slsc_str *value)
{
	const char *p = r->query.ptr, *end = r->query.ptr ? p + r->query.len : p;

	(void)c;
	*value = (struct slsc_str){NULL, 0};
	while (p < end) {
		const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
		const char *eq = memchr(p, '=', (size_t)(stop - p));
		struct slsc_str key = {p, (size_t)((eq ? eq : stop) - p)};

		if (decode(key, true, &key))
			return -1;
		if (slsc_str_eq(key, name)) {
			if (!eq)
				*value = (struct slsc_str){stop, 0};
			else if (decode((struct slsc_str){eq + 1, (size_t)(stop - eq - 1)}, true,
					value))
				return -1;
			return 1;
		}
		p = amp ? amp + 1 : end;
	}
	return 0;
}

/* ---- routes ---- */

/* Returns 1 with @r's parameters set, 0, or -1 when a parameter cannot be decoded. */
static int route_match(const char *pattern, struct slsc_request *r)
{
	const char *p = r->path.ptr, *end = p + r->path.len;

	r->param_count = 0;
	while (*pattern) {
		const char *close = *pattern == '{' ? strchr(pattern, '}') : NULL, *seg = p;
		struct slsc_param *param;

		if (!close) {
			if (p == end || *p++ != *pattern++)
				return 0;
			continue;
		}
		while (p < end && *p != '/')
			p++;
		if (p == seg || r->param_count == SLSC_PARAMS_MAX)
			return 0;
		param = &r->params[r->param_count++];
		param->name = (struct slsc_str){pattern + 1, (size_t)(close - pattern - 1)};
		param->value = (struct slsc_str){seg, (size_t)(p - seg)};
		pattern = close + 1;
	}
	if (p != end)
		return 0;
	for (size_t i = 0; i < r->param_count; i++) {
		if (decode(r->params[i].value, false, &r->params[i].value))
			return -1;
	}
	return 1;
}

int slsc_route(struct slsc_ctx *c, const struct slsc_request *request, struct slsc_response *res,
	       const struct slsc_route *routes, size_t count)
{
	struct slsc_request r = *request;
	char buf[256];
	struct slsc_out allow = {buf, 0, sizeof(buf), false};

	for (size_t i = 0; i < count; i++) {
		int rc = route_match(routes[i].pattern, &r);

		if (rc < 0)
			return slsc_response_error(res, 400, "bad percent-encoding in the path");
		if (!rc)
			continue;
		if (slsc_str_eq(r.method, routes[i].method) ||
		    (slsc_str_eq(r.method, "HEAD") && strcmp(routes[i].method, "GET") == 0))
			return routes[i].handler(c, &r, res);
		if (allow.len)
			slsc_puts(&allow, ", ");
		slsc_puts(&allow, routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			slsc_puts(&allow, ", HEAD");
	}
	if (!allow.len)
		return slsc_response_error(res, 404, "not found");
	if (slsc_response_field(res, "Allow", (struct slsc_str){allow.ptr, allow.len}))
		return -1;
	return slsc_response_error(res, 405, "method not allowed");
}

/* ---- responses ---- */

int slsc_response_field(struct slsc_response *res, const char *name, struct slsc_str value)
{
	static const char reserved[][18] = {"connection", "content-length", "date",
					    "transfer-encoding"};
	struct slsc_str n = slsc_cstr(name);

	if (!slsc_rt_is_token(n) || n.len + value.len + 4 > res->fields.cap - res->fields.len)
		return -1;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (slsc_rt_ieq(n, reserved[i]))
			return -1;
	}
	for (size_t i = 0; i < value.len; i++) {
		unsigned char ch = (unsigned char)value.ptr[i];

		if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
			return -1;
	}
	slsc_put_str(&res->fields, n);
	slsc_puts(&res->fields, ": ");
	slsc_put_str(&res->fields, value);
	slsc_puts(&res->fields, "\r\n");
	return 0;
}

int slsc_response_error(struct slsc_response *res, int status, const char *message)
{
	res->status = status;
	res->body.len = 0;
	res->body.full = false;
	slsc_puts(&res->body, "{\"message\":");
	slsc_put_json(&res->body, slsc_cstr(message));
	slsc_puts(&res->body, "}\n");
	/* Room for this is left over by FIELDS_BYTES' users in all but contrived cases. */
	(void)slsc_response_field(res, "Content-Type", SLSC_STR("application/json"));
	return 0;
}

static const char *reason(int status)
{
	static const struct {
		short status;
		char text[30];
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Big"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	/* A reason may be empty (RFC 9112, 4). */
	return "";
}

static void put_date(struct slsc_out *head)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	/* "Sun, 06 Nov 1994 08:49:37 GMT", written once a second. */
	static char text[29];
	static int64_t at = -1;
	struct slsc_out o = {text, 0, sizeof(text), false};
	struct timespec ts;
	int t[7];

	clock_gettime(CLOCK_REALTIME, &ts);
	if ((int64_t)ts.tv_sec != at) {
		at = ts.tv_sec;
		slsc_rt_civil(at, t);
		slsc_put(&o, days + 3 * t[6], 3);
		slsc_puts(&o, ", ");
		slsc_rt_put_padded(&o, t[2], 2);
		slsc_puts(&o, " ");
		slsc_put(&o, months + 3 * (t[1] - 1), 3);
		slsc_puts(&o, " ");
		slsc_rt_put_padded(&o, t[0], 4);
		for (int i = 3; i < 6; i++) {
			slsc_puts(&o, i == 3 ? " " : ":");
			slsc_rt_put_padded(&o, t[i], 2);
		}
		slsc_puts(&o, " GMT");
	}
	slsc_put(head, text, sizeof(text));
}

/* ---- connections ---- */

static void update_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void deadline_in(struct conn *c, int64_t ms)
{
	c->deadline = now_ms + (timeout_ms && timeout_ms < ms ? timeout_ms : ms);
}

static void region_release(struct region *r)
{
	if (r->ptr) {
		munmap(r->ptr, r->cap);
		private_total -= r->cap;
	}
	*r = (struct region){NULL, 0, 0};
}

/* Make room for @need bytes in all, keeping what is there. Returns 0 or -1. */
static int region_grow(struct region *r, size_t need)
{
	size_t cap = r->cap ? r->cap : PRIVATE_MIN;
	char *p;

	if (need <= r->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	if (cap - r->cap > PRIVATE_TOTAL - private_total)
		return -1;
	if (r->ptr)
		p = mremap(r->ptr, r->cap, cap, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	private_total += cap - r->cap;
	r->ptr = p;
	r->cap = cap;
	return 0;
}

static void watch(int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = ptr}};

	/* Out of kernel memory for a watch: the timeout takes the connection away. */
	(void)epoll_ctl(epfd, op, fd, &ev);
}

static void listen_resume(void)
{
	if (!listening && listener >= 0) {
		watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
		listening = true;
	}
}

static void conn_close(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	region_release(&c->in);
	region_release(&c->out);
	c->next_free = free_conns;
	free_conns = c;
	conns_open--;
	listen_resume();
}

/*
 * Closing a socket with unread input resets the connection, and the reset may overtake the
 * answer. So only our half is closed, and the rest is read away for a while.
 */
static void conn_linger(struct conn *c)
{
	region_release(&c->in);
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	deadline_in(c, LINGER_MS);
}

static void conn_next(struct conn *c)
{
	c->state = CONN_HEAD;
	c->scan = 0;
	deadline_in(c, IDLE_MS);
}

/* Send what is pending. Returns 0 when all is gone, 1 when some is left, -1 when closed. */
static int conn_flush(struct conn *c)
{
	while (c->out_pos < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->out_pos, c->out.len - c->out_pos,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0) {
			conn_close(c);
			return -1;
		}
		c->out_pos += (size_t)n;
		deadline_in(c, WRITE_MS);
	}
	region_release(&c->out);
	watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
	return 0;
}

/* Send head and body; what the socket does not take is kept. Returns 0, or -1 when closed. */
static int conn_send(struct conn *c, struct slsc_str head, struct slsc_str body)
{
	struct iovec iov[] = {
		{(void *)(uintptr_t)head.ptr, head.len},
		{(void *)(uintptr_t)body.ptr, body.len},
	};
	struct msghdr msg = {.msg_iov = iov};
	size_t sent;
	ssize_t n;

	msg.msg_iovlen = body.len ? 2 : 1;
	do {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN) {
		conn_close(c);
		return -1;
	}
	sent = n < 0 ? 0 : (size_t)n;
	if (sent == head.len + body.len)
		return 0;
	if (region_grow(&c->out, head.len + body.len - sent)) {
		conn_close(c);
		return -1;
	}
	c->out.len = 0;
	c->out_pos = 0;
	if (sent < head.len) {
		memcpy(c->out.ptr, head.ptr + sent, head.len - sent);
		c->out.len = head.len - sent;
		sent = 0;
	} else {
		sent -= head.len;
	}
	memcpy(c->out.ptr + c->out.len, body.ptr + sent, body.len - sent);
	c->out.len += body.len - sent;
	deadline_in(c, WRITE_MS);
	watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
	return 0;
}

/* Send @res. Returns 0, or -1 when the connection is gone. */
static int conn_respond(struct conn *c, struct slsc_response *res, bool head_only)
{
	char buf[FIELDS_BYTES + 512];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct slsc_str body = {res->body.ptr, res->body.len};

	slsc_puts(&head, "HTTP/1.1 ");
	slsc_put_u64(&head, (uint64_t)res->status);
	slsc_puts(&head, " ");
	slsc_puts(&head, reason(res->status));
	slsc_puts(&head, "\r\nDate: ");
	put_date(&head);
	if (res->status == 204 || res->status == 304) {
		body.len = 0;
	} else {
		slsc_puts(&head, "\r\nContent-Length: ");
		slsc_put_u64(&head, body.len);
	}
	slsc_puts(&head, c->close ? "\r\nConnection: close\r\n" : "\r\nConnection: keep-alive\r\n");
	slsc_put(&head, res->fields.ptr, res->fields.len);
	slsc_puts(&head, "\r\n");
	if (head_only)
		body.len = 0;
	if (conn_send(c, (struct slsc_str){head.ptr, head.len}, body))
		return -1;
	if (c->close && !c->out.ptr)
		conn_linger(c);
	return 0;
}

static void response_init(struct slsc_response *res)
{
	res->status = 200;
	res->body = (struct slsc_out){res_body, 0, sizeof(res_body), false};
	res->fields = (struct slsc_out){res_fields, 0, sizeof(res_fields), false};
}

/* Refuse the request and the connection with it: where the next one starts is unknown. */
static int conn_refuse(struct conn *c, int status)
{
	struct slsc_response res;

	response_init(&res);
	slsc_response_error(&res, status, reason(status));
	c->close = true;
	return conn_respond(c, &res, false);
}

static int conn_handle(struct conn *c)
{
	struct slsc_response res;
	bool head_only = slsc_str_eq(req.method, "HEAD");
	int rc;

	response_init(&res);
	memset(&ctx, 0, offsetof(struct slsc_ctx, fail_type));
	slsc_rt_fail_clear(&ctx);
	ctx.request_id = slsc_request_field(&req, "X-Request-Id");
	ctx.trace_id = slsc_request_field(&req, "X-Amzn-Trace-Id");
	c->close = req_framing.close || stopping;

	if (slsc_str_eq(req.path, "/_/health") &&
	    (head_only || slsc_str_eq(req.method, "GET"))) {
		slsc_puts(&res.body, "ok\n");
	} else {
		rc = http_handler(&ctx, &req, &res);
		if (!rc && res.body.full)
			rc = slsc_fail(&ctx, "ResponseSizeTooLarge",
				       "the response is larger than 33554432 bytes");
		if (!rc && (res.status < 200 || res.status > 599))
			rc = slsc_fail(&ctx, "InvalidStatus", "the status is not 200 to 599");
		if (rc) {
			slsc_rt_log_fail(&ctx, "request failed");
			/* The reason is for the log, not for a stranger. */
			response_init(&res);
			slsc_response_error(&res, 500, reason(500));
		}
	}
	rc = conn_respond(c, &res, head_only);
	slsc_rt_arena_reset();
	slsc_rt_trim(res_body, res.body.len);
	return rc;
}

/*
 * Take one step with the @*len bytes at @buf. Returns the length of a request that has been
 * answered, 0 when more is needed, -1 when the connection takes no more requests. A chunked
 * body is decoded in place, which makes @*len smaller.
 */
static ssize_t conn_step(struct conn *c, char *buf, size_t *len)
{
	bool parsed = false, expect = false;
	size_t used, at;
	ssize_t head;
	int rc;

	if (c->state == CONN_HEAD) {
		/* A line end before a request line is to be ignored (RFC 9112, 2.2). */
		if (!c->scan && buf[0] == '\r') {
			if (*len < 2)
				return 0;
			if (buf[1] == '\n')
				return 2;
		}
		head = slsc_rt_head_end(buf, *len, &c->scan);
		if (head < 0)
			return conn_refuse(c, 400), -1;
		if ((head ? (size_t)head : *len) > SLSC_HTTP_HEAD_MAX ||
		    (!head && *len > LINE_MAX_BYTES && !memchr(buf, '\n', LINE_MAX_BYTES)))
			return conn_refuse(c, memchr(buf, '\n', LINE_MAX_BYTES) ? 431 : 414), -1;
		if (!head)
			return 0;
		rc = slsc_rt_request_parse(buf, (size_t)head, &req, req_fields, &req_framing,
					   &expect);
		if (rc)
			return conn_refuse(c, rc), -1;
		if (req_framing.length > SLSC_HTTP_BODY_MAX)
			return conn_refuse(c, 413), -1;
		parsed = true;
		c->head_len = (size_t)head;
		c->chunked = req_framing.chunked;
		c->body_len = (size_t)req_framing.length;
		memset(&c->chunks, 0, sizeof(c->chunks));
		c->state = CONN_BODY;
		if (c->chunked || c->body_len)
			deadline_in(c, BODY_MS);
		if (expect && *len == c->head_len && (c->chunked || c->body_len)) {
			static const char cont[] = "HTTP/1.1 100 Continue\r\n\r\n";

			if (send(c->fd, cont, sizeof(cont) - 1, MSG_NOSIGNAL) !=
			    (ssize_t)sizeof(cont) - 1)
				return conn_close(c), -1;
		}
	}
	if (c->chunked) {
		at = c->head_len + c->body_len;
		rc = slsc_rt_chunked_step(&c->chunks, buf + c->head_len, &c->body_len,
					  SLSC_HTTP_BODY_MAX, buf + at, *len - at, &used);
		if (rc < 0)
			return conn_refuse(c, -rc), -1;
		/* What follows the body moves up to its decoded end. */
		memmove(buf + c->head_len + c->body_len, buf + at + used, *len - at - used);
		*len -= at + used - c->head_len - c->body_len;
		if (!rc)
			return 0;
	} else if (*len - c->head_len < c->body_len) {
		return 0;
	}
	/* The buffer may have moved since the head was parsed. */
	if (!parsed)
		(void)slsc_rt_request_parse(buf, c->head_len, &req, req_fields, &req_framing,
					    &expect);
	req.body = (struct slsc_str){buf + c->head_len, c->body_len};
	used = c->head_len + c->body_len;
	if (conn_handle(c) || c->close)
		return -1;
	conn_next(c);
	if (c->out.ptr)
		deadline_in(c, WRITE_MS);
	return (ssize_t)used;
}

/*
 * Handle every whole request among the @len bytes at @buf, which is the private buffer or
 * the shared one; keep what is left over.
 */
static void conn_process(struct conn *c, char *buf, size_t len)
{
	size_t pos = 0;

	/* An answer that is not gone yet holds the next request back. */
	while (pos < len && !c->out.ptr) {
		size_t left = len - pos;
		ssize_t n = conn_step(c, buf + pos, &left);

		if (n < 0)
			return;
		len = pos + left;
		if (n == 0)
			break;
		pos += (size_t)n;
	}
	len -= pos;
	if (!len) {
		region_release(&c->in);
		return;
	}
	if (c->state == CONN_HEAD && !c->out.ptr && pos)
		deadline_in(c, HEAD_MS);
	if (buf != c->in.ptr) {
		if (region_grow(&c->in, len)) {
			conn_refuse(c, 503);
			return;
		}
		memcpy(c->in.ptr, buf + pos, len);
	} else if (pos) {
		memmove(buf, buf + pos, len);
	}
	c->in.len = len;
}

static void conn_readable(struct conn *c)
{
	char *buf = scratch;
	size_t cap = sizeof(scratch), len = c->in.len;
	ssize_t n;

	if (c->in.ptr && c->state != CONN_LINGER) {
		if (c->in.len == c->in.cap && region_grow(&c->in, c->in.cap + 1)) {
			conn_refuse(c, 503);
			return;
		}
		buf = c->in.ptr;
		cap = c->in.cap;
	}
	do {
		n = recv(c->fd, buf + len, cap - len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		if (stopping && c->state == CONN_HEAD && !c->in.ptr)
			conn_close(c);
		return;
	}
	if (n <= 0) {
		conn_close(c);
		return;
	}
	if (c->state == CONN_LINGER)
		return;
	if (!c->in.ptr && c->state == CONN_HEAD)
		deadline_in(c, HEAD_MS);
	conn_process(c, buf, len + (size_t)n);
}

static void conn_writable(struct conn *c)
{
	if (conn_flush(c))
		return;
	if (c->close) {
		conn_linger(c);
		return;
	}
	deadline_in(c, c->in.ptr ? HEAD_MS : IDLE_MS);
	if (c->in.ptr)
		conn_process(c, c->in.ptr, c->in.len);
	else if (stopping)
		conn_close(c);
}

static void conn_expired(struct conn *c)
{
	/* 408 only to who has begun a request and waits for us, not the other way round. */
	if (c->state == CONN_LINGER || c->out.ptr || !c->in.ptr)
		conn_close(c);
	else
		conn_refuse(c, 408);
}

static void accept_all(void)
{
	for (;;) {
		struct conn *c = free_conns;
		int fd;

		if (!c && conns_high < CONNS_MAX)
			c = &conns[conns_high];
		fd = c ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
		if (fd < 0) {
			if (c && errno == EAGAIN)
				return;
			if (c && (errno == EINTR || errno == ECONNABORTED))
				continue;
			/* Out of descriptors or slots: wait until a connection closes. */
			if (listening)
				watch(EPOLL_CTL_DEL, listener, 0, NULL);
			listening = false;
			if (!conns_open)
				listen_resume();
			return;
		}
		if (c == free_conns)
			free_conns = c->next_free;
		else
			conns_high++;
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		conns_open++;
		conn_next(c);
		watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
	}
}

/* ---- the loop ---- */

static int http_listen(void)
{
	const char *env = getenv("PORT");
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t addr_len = sizeof(addr);
	const int one = 1;
	uint64_t port = 8080;
	char line[64];
	struct slsc_out out = {line, 0, sizeof(line) - 1, false};

	if (env && (slsc_rt_u64(slsc_cstr(env), &port) || port > 65535)) {
		slsc_log(NULL, SLSC_FATAL, "PORT is not a number from 0 to 65535");
		return -1;
	}
	addr.sin_port = htons((uint16_t)port);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		goto fail;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Connections inherit it: an answer is one write and must not wait for an ACK. */
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 4096) ||
	    getsockname(listener, (struct sockaddr *)&addr, &addr_len))
		goto fail;
	slsc_puts(&out, "listening on 0.0.0.0:");
	slsc_put_u64(&out, ntohs(addr.sin_port));
	line[out.len] = '\0';
	slsc_log(NULL, SLSC_INFO, line);
	return 0;
fail:
	slsc_log(NULL, SLSC_FATAL, errno == EADDRINUSE ? "cannot listen on PORT: it is in use"
						       : "cannot listen on PORT");
	return -1;
}

static void on_stop(int sig)
{
	(void)sig;
	stopping = 1;
}

/* Returns ms until the next deadline, -1 when there is none; closes what has expired. */
static int sweep(void)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < conns_high && conns_open; i++) {
		struct conn *c = &conns[i];

		if (c->fd >= 0 && c->deadline <= now_ms)
			conn_expired(c);
		if (c->fd >= 0 && c->deadline < next)
			next = c->deadline;
	}
	if (next == INT64_MAX)
		return -1;
	next -= now_ms;
	return next < 0 ? 0 : next > 60000 ? 60000 : (int)next;
}

/* No new connections; those that wait for a request are closed, unless one has arrived. */
static void stop(void)
{
	accept_all();
	close(listener);
	listener = -1;
	for (size_t i = 0; i < conns_high; i++) {
		struct conn *c = &conns[i];

		if (c->fd >= 0 && c->state == CONN_HEAD && !c->in.ptr && !c->out.ptr)
			conn_readable(c);
	}
}

__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

int slsc_http_main(slsc_http_fn *handler)
{
	struct sigaction sa = {.sa_handler = on_stop};
	struct epoll_event events[64];
	int64_t sweep_at = 0, drain_until = INT64_MAX;
	const char *env = getenv("SLSC_HTTP_TIMEOUT_MS");
	uint64_t ms;
	sigset_t block, wait;

	http_handler = handler;
	if (env && !slsc_rt_u64(slsc_cstr(env), &ms))
		timeout_ms = (int64_t)ms;
	/* Only epoll_pwait() lets the signals in, so none falls between a check and a wait. */
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &wait);
	sigdelset(&wait, SIGTERM);
	sigdelset(&wait, SIGINT);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (slsc_init) {
		slsc_rt_fail_clear(&ctx);
		if (slsc_init(&ctx)) {
			slsc_rt_log_fail(&ctx, "initialisation failed");
			return 1;
		}
		slsc_rt_arena_reset();
	}
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0 || http_listen())
		return 1;
	listen_resume();
	update_clock();
	while (!stopping || (conns_open && now_ms < drain_until)) {
		int timeout = -1, n;

		if (conns_open) {
			/* A look at every connection, so no more often than it can matter. */
			if (now_ms >= sweep_at) {
				timeout = sweep();
				sweep_at = now_ms + (timeout < 0 ? 0 : timeout < 1000 ? timeout : 1000);
			}
			timeout = conns_open ? (int)(sweep_at - now_ms) : -1;
		}
		if (stopping && !conns_open)
			break;
		n = epoll_pwait(epfd, events, 64, timeout, &wait);
		update_clock();
		if (stopping && listener >= 0) {
			drain_until = now_ms + DRAIN_MS;
			stop();
			/* What epoll said may be about connections that are closed now. */
			continue;
		}
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!c)
				accept_all();
			else if (c->out.ptr)
				conn_writable(c);
			else
				conn_readable(c);
		}
	}
	return 0;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
