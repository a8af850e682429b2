/* SPDX-License-Identifier: Apache-2.0 */
/* The Runtime API over one raw keep-alive socket: two system calls a request, no allocation. */
#include "lambda.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

char slsc_rt_in[HEAD_MAX + SLSC_LAMBDA_BODY_MAX];
struct slsc_str slsc_rt_api_host;
volatile sig_atomic_t slsc_rt_idle;

static struct sockaddr_in api_addr;
static int sock = -1;
static bool sock_used; /* has answered a request, so it may since have gone stale */

int slsc_rt_fatal(const char *message)
{
	slsc_log(NULL, SLSC_FATAL, message);
	return -1;
}

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
 *
 * Here and below syscall(): musl's open() and socket() care for kernels without O_CLOEXEC, and its
 * other wrappers for the cancellation of threads, at 0.7 KB in all.
 */
static int hosts_lookup(struct slsc_str name, struct in_addr *addr)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/etc/hosts", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : syscall(SYS_read, fd, slsc_rt_in, HEAD_MAX);
	const char *p = slsc_rt_in, *end = slsc_rt_in + (size > 0 ? size : 0);
	struct in_addr line = {0};
	bool first = true, usable = false;

	if (fd >= 0)
		syscall(SYS_close, fd);
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
int slsc_rt_api_resolve(void)
{
	const char *env = slsc_rt_env("AWS_LAMBDA_RUNTIME_API"), *colon = NULL;
	struct slsc_str host;
	uint64_t port;

	if (!env)
		return slsc_rt_fatal("AWS_LAMBDA_RUNTIME_API is not set: a Lambda function runs under a "
			     "Lambda Runtime API, `slsc local` for one");
	for (const char *p = env; *p; p++) {
		if (*p == ':')
			colon = p;
	}
	if (!colon || colon == env || strlen(env) > HOST_MAX ||
	    slsc_rt_u64(slsc_cstr(colon + 1), &port) || port < 1 || port > 65535)
		return slsc_rt_fatal("AWS_LAMBDA_RUNTIME_API is not host:port");
	/* It becomes a header field, where a line end would start another. */
	for (const char *p = env; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return slsc_rt_fatal("AWS_LAMBDA_RUNTIME_API is not host:port");
	}
	host = (struct slsc_str){env, (size_t)(colon - env)};
	api_addr.sin_family = AF_INET;
	api_addr.sin_port = htons((uint16_t)port);
	if (ipv4_parse(host, &api_addr.sin_addr) && hosts_lookup(host, &api_addr.sin_addr))
		return slsc_rt_fatal("the host of AWS_LAMBDA_RUNTIME_API is neither an IPv4 address nor in "
			     "/etc/hosts");
	slsc_rt_api_host = slsc_cstr(env);
	return 0;
}

void slsc_rt_api_close(void)
{
	if (sock >= 0)
		syscall(SYS_close, sock);
	sock = -1;
}

static int api_connect(void)
{
	const int one = 1;
	int rc;

	sock = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	sock_used = false;
	/* An answer larger than the socket's buffer must not wait for the peer's ACK. */
	syscall(SYS_setsockopt, sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	do {
		rc = (int)syscall(SYS_connect, sock, &api_addr, sizeof(api_addr));
	} while (rc && errno == EINTR);
	if (rc && errno != EISCONN) {
		slsc_rt_api_close();
		return -1;
	}
	return 0;
}

static int send_all(struct slsc_str s)
{
	while (s.len) {
		/* Not write(): a peer that is gone must not raise SIGPIPE. */
		ssize_t n = syscall(SYS_sendto, sock, s.ptr, s.len, MSG_NOSIGNAL, NULL, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return 0;
}

/* More bytes at the end of in_buf. Returns how many, 0 at the end of the stream, -1. */
static ssize_t recv_more(size_t at)
{
	ssize_t n;

	if (at >= sizeof(slsc_rt_in))
		return -1;
	do {
		n = syscall(SYS_recvfrom, sock, slsc_rt_in + at, sizeof(slsc_rt_in) - at, 0, NULL, NULL);
	} while (n < 0 && errno == EINTR);
	return n;
}

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
		while (!(head = slsc_rt_head_end(slsc_rt_in, len, &scan)) && len < HEAD_MAX) {
			n = recv_more(len);
			if (n <= 0)
				return len ? ANSWER_BROKEN : ANSWER_STALE;
			slsc_rt_idle = 0;
			len += (size_t)n;
		}
		if (head <= 0 || (size_t)head > HEAD_MAX ||
		    slsc_rt_next_parse(slsc_rt_in, (size_t)head, next))
			return ANSWER_BROKEN;
		if (next->status < 200) {
			/* An interim answer: the real one follows. */
			len -= (size_t)head;
			memmove(slsc_rt_in, slsc_rt_in + head, len);
			scan = 0;
		}
	} while (next->status < 200);

	body->ptr = slsc_rt_in + head;
	if (next->framing.has_length && next->framing.length > SLSC_LAMBDA_BODY_MAX)
		return ANSWER_TOO_LARGE;
	if (next->status == 204 || next->status == 304)
		rc = 1;
	else if (next->framing.chunked)
		rc = slsc_rt_chunked_step(&chunked, slsc_rt_in + head, &body_len, SLSC_LAMBDA_BODY_MAX,
					  slsc_rt_in + head, len - (size_t)head, &used);
	else
		body_len = len - (size_t)head;
	while (rc == 0 && !(next->framing.has_length && body_len >= next->framing.length)) {
		size_t at = (size_t)head + body_len;

		n = recv_more(at);
		if (n < 0)
			return at == sizeof(slsc_rt_in) ? ANSWER_TOO_LARGE : ANSWER_BROKEN;
		if (n == 0) {
			/* Without a length the end of the stream is the end of the body. */
			if (next->framing.has_length || next->framing.chunked)
				return ANSWER_BROKEN;
			next->framing.close = true;
			break;
		}
		if (next->framing.chunked)
			rc = slsc_rt_chunked_step(&chunked, slsc_rt_in + head, &body_len,
						  SLSC_LAMBDA_BODY_MAX, slsc_rt_in + at, (size_t)n,
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

int slsc_rt_api_exchange(struct slsc_str request, struct slsc_rt_next *next, struct slsc_str *body,
			 enum answer *result)
{
	for (;;) {
		bool kept = sock >= 0 && sock_used;

		if (sock < 0 && api_connect())
			return slsc_rt_fatal("cannot connect to the Runtime API");
		/* After a failed send there may still be an answer that says why (413). */
		(void)send_all(request);
		*result = recv_answer(next, body);
		if (*result != ANSWER_OK || next->framing.close)
			slsc_rt_api_close();
		if (*result == ANSWER_STALE && kept && !slsc_rt_stopping)
			continue;
		if (*result == ANSWER_STALE || *result == ANSWER_BROKEN)
			return slsc_rt_fatal(*result == ANSWER_STALE
					     ? "the Runtime API closed the connection"
					     : "the Runtime API's answer is broken or incomplete");
		if (next->status == 500)
			return slsc_rt_fatal("the Runtime API answered 500");
		return 0;
	}
}

int slsc_rt_api_fresh(void)
{
	char byte;

	/* Between two requests nothing is to be read: either the end of the stream, or what nobody asked for. */
	if (sock >= 0 && (recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN))
		slsc_rt_api_close();
	if (sock < 0 && api_connect())
		return slsc_rt_fatal("cannot connect to the Runtime API");
	return 0;
}

int slsc_rt_api_sendv(struct iovec *iov, size_t count, const volatile sig_atomic_t *stop)
{
	while (count) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (__typeof__(msg.msg_iovlen))count};
		ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n < 0)
			n = 0;
		while (count && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
			if (stop && *stop)
				return 1;
		}
	}
	return 0;
}

int slsc_rt_api_answer(void)
{
	struct slsc_rt_next next;
	struct slsc_str body;
	enum answer result = recv_answer(&next, &body);

	if (result != ANSWER_OK || next.framing.close)
		slsc_rt_api_close();
	if (result != ANSWER_OK)
		return slsc_rt_fatal("the Runtime API closed the connection on a stream");
	if (next.status == 500)
		return slsc_rt_fatal("the Runtime API answered 500");
	return next.status;
}

RT_FOR_SIZE_END
