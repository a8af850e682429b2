/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/aws.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "deploy/profiles.h"
#include "deploy/sigv4.h"
#include "oci/digest.h"
#include "os/fs.h"
#include "os/proc.h"
#include "registry/auth.h"

#define CA_MAX (8u << 20)

void aws_creds_release(struct aws_creds *c)
{
	secret_wipe(&c->id);
	secret_wipe(&c->secret);
	secret_wipe(&c->token);
	free(c->from);
	free(c->renew);
	*c = (struct aws_creds){ .id = NULL };
}

int aws_init(struct aws *a, const char *ca_bundle, struct err *err)
{
	const char *bundle = env_get("AWS_CA_BUNDLE"), *tries = env_get("AWS_MAX_ATTEMPTS");
	CLEAN_BUF struct buf pem = BUF_INIT;
	uint64_t n = AWS_TRIES;

	if (tries && (str_parse_u64(str_from(tries), &n) < 0 || n < 1 || n > 100))
		return err_set(err, ERR_USAGE, "AWS_MAX_ATTEMPTS: '%.20s' is no number from 1 to 100", tries);
	a->tries = (unsigned)n;
	bundle = bundle ? bundle : ca_bundle;
	if (bundle && fs_read(bundle, CA_MAX, &pem, err) < 0)
		return err_wrap(err, "AWS_CA_BUNDLE");
	if (pem.len)
		a->ca = buf_detach(&pem);
	a->tls.ca = a->ca;
	a->http = http_new(err);
	return a->http ? 0 : -1;
}

void aws_release(struct aws *a)
{
	http_free(a->http);
	free(a->ca);
	*a = (struct aws){ .http = NULL };
}

/* ---- pauses ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t aws_jitter(int64_t ms)
{
	uint16_t part = 0;

	(void)!getrandom(&part, sizeof(part), GRND_NONBLOCK);
	return ms / 2 + ms * part / (2 * UINT16_MAX);
}

int aws_pause(int64_t ms, struct err *err)
{
	const int64_t end = now_ms() + ms;

	for (;;) {
		struct pollfd p = { .fd = sig_fd(), .events = POLLIN };
		int64_t left = end - now_ms();

		if (sig_check(err) < 0)
			return -1;
		if (left <= 0)
			return 0;
		(void)poll(&p, 1, left < 1000 ? (int)left : 1000);
	}
}

static void note(struct aws *a, bool verbose, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void note(struct aws *a, bool verbose, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	if (!a->note)
		return;
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	a->note(a->ctx, verbose, b.ptr);
}

/* ---- one exchange ---- */

#define ENDPOINTS "look at --endpoint-url, AWS_ENDPOINT_URL and its like, and endpoint_url in ~/.aws/config"

/* A URL's parts as they are sent. */
struct target {
	char *host, *path;
	const char *query;
};

static void target_release(struct target *t)
{
	free(t->host);
	free(t->path);
}

/* The URL is not shown: what is wrong with it may be that a password is in it. */
static int target_of(const struct aws_call *c, struct target *t, struct err *err)
{
	const char *url = c->url;
	const bool tls = starts_with(url, "https://");
	const char *host = url + (tls ? strlen("https://") : strlen("http://")), *end, *query;

	if (!tls && !starts_with(url, "http://")) {
		err_set(err, ERR_USAGE, "%s: its endpoint is no http or https URL", c->what);
		return err_hint(err, ENDPOINTS);
	}
	end = host + strcspn(host, "/?");
	if (memchr(host, '@', (size_t)(end - host))) {
		err_set(err, ERR_USAGE, "%s: its endpoint names a user: requests are signed in place of that", c->what);
		return err_hint(err, ENDPOINTS);
	}
	t->host = xstrndup(host, (size_t)(end - host));
	if (ends_with(t->host, tls ? ":443" : ":80"))
		t->host[strlen(t->host) - strlen(tls ? ":443" : ":80")] = '\0';
	query = strchr(end, '?');
	t->query = query ? query + 1 : "";
	t->path = *end == '/' ? xstrndup(end, query ? (size_t)(query - end) : strlen(end)) : xstrdup("/");
	return 0;
}

struct file_reader {
	int fd;
	const char *path;
	uint64_t done;
};

static ssize_t file_read(void *ctx, void *p, size_t n, struct err *err)
{
	struct file_reader *r = ctx;
	ssize_t got = pread(r->fd, p, n, (off_t)r->done);

	if (got < 0)
		return err_sys(err, "%s", r->path);
	r->done += (uint64_t)got;
	return got;
}

static int file_rewind(void *ctx)
{
	((struct file_reader *)ctx)->done = 0;
	return 0;
}

static int sign(const struct aws *a, const struct aws_call *c, const struct target *t, const char *sha256,
		struct strs *headers, struct err *err)
{
	const struct sigv4 s = { .id = c->creds->id,
				 .secret = c->creds->secret,
				 .token = c->creds->token,
				 .region = c->region,
				 .service = c->service,
				 .s3 = c->s3,
				 .time = (int64_t)time(NULL) + a->skew_s };
	const struct sigv4_request r = { .method = c->method,
					 .host = t->host,
					 .path = t->path,
					 .query = t->query,
					 .headers = c->headers,
					 .body_sha256 = sha256 };

	return sigv4_sign(&s, &r, headers, err);
}

static int exchange(struct aws *a, const struct aws_call *c, const char *sha256, int fd, struct http_resp *resp,
		    struct err *err)
{
	CLEANUP(secrets_wipe) struct strs headers = { 0 };
	CLEANUP(target_release) struct target t = { .host = NULL };
	struct buf_reader memory = { .all = c->body };
	struct file_reader file = { .fd = fd, .path = c->file ? c->file->path : NULL };
	const bool has_body = c->file || c->body.len || strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0;
	atomic_llong until = now_ms() + c->hurry_ms;
	struct http_req q = {
		.method = c->method,
		.url = c->url,
		.tls = &a->tls,
		.has_body = has_body,
		.length = c->file ? c->file->size : c->body.len,
		.read = c->file ? file_read : buf_reader_read,
		.rewind = c->file ? file_rewind : buf_reader_rewind,
		.read_ctx = c->file ? (void *)&file : &memory,
		.limit = AWS_ANSWER_MAX,
		.stalled_s = c->timeout_s,
		.keep_headers = true,
		.fresh = c->once,
		.until = c->hurry_ms ? &until : NULL,
	};

	http_resp_release(resp);
	if (target_of(c, &t, err) < 0 || (c->creds && sign(a, c, &t, sha256, &headers, err) < 0))
		return -1;
	q.no_proxy = c->hurry_ms || host_is_loopback(t.host);
	for (char *const *h = c->headers; h && *h; h++)
		strs_add(&headers, *h);
	q.headers = strs_argv(&headers);
	if (http_perform(a->http, &q, resp, err) == 0)
		return 0;
	if (starts_with(err->hint, "name its certificate authority"))
		err_hint(err, "name its certificate authority in AWS_CA_BUNDLE");
	return err_wrap(err, "%s", c->what);
}

/* Whether this machine's clock is what was wrong: then the server's is taken from here on. */
static bool learn_time(struct aws *a, const struct aws_call *c, const struct http_resp *resp)
{
	const int64_t here = (int64_t)time(NULL), there = retry_after_ms(http_resp_header(resp, "Date"), 0) / 1000;
	const int64_t off = there - here;

	if (!c->creds || a->skewed || (resp->status != 400 && resp->status != 403) || there <= 0 ||
	    (off < AWS_SKEW_S && off > -AWS_SKEW_S) ||
	    !aws_error_is(resp, "RequestExpired|RequestTimeTooSkewed|RequestInTheFuture|InvalidSignatureException|"
				"SignatureDoesNotMatch|AuthFailure"))
		return false;
	a->skewed = true;
	a->skew_s = off;
	note(a, false, "this machine's clock is %lld s %s: requests are signed with the server's time",
	     (long long)(off < 0 ? -off : off), off < 0 ? "ahead" : "behind");
	return true;
}

static bool is_transient(const struct http_resp *resp)
{
	return resp->status == 429 || resp->status == 500 || (resp->status >= 502 && resp->status <= 504) ||
	       (resp->status == 400 && aws_error_is(resp, "ThrottlingException|Throttling|RequestLimitExceeded|"
							  "RequestThrottled|PriorRequestNotComplete"));
}

/* 0: try again; -1: enough, or a signal, which is @err then. */
static int before_next(struct aws *a, const struct aws_call *c, unsigned tried, const struct http_resp *resp,
		       const char *why, bool *stop, struct err *err)
{
	int64_t ms = (int64_t)AWS_PAUSE_MS << (tried < 16 ? tried - 1 : 15);
	int64_t wish = retry_after_ms(resp->retry_after, (int64_t)time(NULL));

	*stop = tried >= a->tries || c->hurry_ms || wish > AWS_RETRY_AFTER_MAX_MS;
	if (*stop)
		return 0;
	ms = aws_jitter(ms < AWS_PAUSE_MAX_MS ? ms : AWS_PAUSE_MAX_MS);
	note(a, true, "%s: trying again", why);
	return aws_pause(wish > ms ? wish : ms, err);
}

static int send(struct aws *a, const struct aws_call *c, const char *sha256, int fd, struct http_resp *resp,
		struct err *err)
{
	for (unsigned tried = 1;; tried++) {
		CLEAN_FREE char *why = NULL;
		struct err signal = ERR_INIT;
		bool stop, cut = exchange(a, c, sha256, fd, resp, err) < 0;

		if (cut && (!resp->transient || c->once))
			return -1;
		if (!cut && learn_time(a, c, resp))
			continue;
		if (!cut && !is_transient(resp))
			return 0;
		why = cut ? xstrdup(err->msg) : xasprintf("%s: %d", c->what, resp->status);
		if (before_next(a, c, tried, resp, why, &stop, &signal) < 0) {
			*err = signal;
			return -1;
		}
		if (stop)
			return cut ? -1 : 0;
	}
}

int aws_send(struct aws *a, const struct aws_call *c, struct http_resp *resp, struct err *err)
{
	CLEAN_FD int fd = -1;
	struct digest d;

	if (c->file) {
		fd = open(c->file->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "%s", c->file->path);
		return send(a, c, c->body_sha256, fd, resp, err);
	}
	if (!c->creds || c->body_sha256)
		return send(a, c, c->body_sha256, fd, resp, err);
	if (digest_of(c->body.len ? c->body.ptr : "", c->body.len, &d, err) < 0)
		return -1;
	return send(a, c, digest_hex(&d), fd, resp, err);
}
