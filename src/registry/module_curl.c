/* SPDX-License-Identifier: Apache-2.0 */
/* The only user of libcurl. Loaded late: see os/late.h. Calls back into src/base and src/os only. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/proc.h"
#include "registry/http.h"

extern const struct http_ops slsc_module_curl;

#define CONNECT_S 10L
#define BLOCK (256L << 10)	/* what libcurl reads and sends at a time */
#define POLL_MS 200		/* how soon a cancelled exchange ends */
#define CLOCKS_MS 100		/* less than a second of a stall's */

struct http_conn {
	CURLM *multi;
	CURL *easy;
};

/* One exchange: what the callbacks need. */
struct exchange {
	const struct http_req *req;
	struct http_resp *resp;
	CURL *easy;
	uint64_t got;		/* bytes of the body */
	size_t headers;		/* bytes */
	long stalled_s, whole_s, slowest;	/* limits; whole_s 0: none */
	int64_t begun;			/* milliseconds of the monotonic clock */
	struct err *err;
	bool failed;		/* @err is set by a callback */
	char why[CURL_ERROR_SIZE];
};

/*
 * Never cleaned up: that costs time, and other threads may be inside. libcurl initialises its TLS library whatever the
 * flags say (0.7 ms).
 */
static void start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		BUG("libcurl does not start");
}

static void start_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
}

static struct http_conn *conn_new(void)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	start_once();
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (!c->multi || !c->easy)
		BUG("libcurl has no memory");
	return c;
}

static void conn_free(struct http_conn *c)
{
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	free(c);
}

/* headers */

static bool is_header(struct str *line, const char *name)
{
	struct str head = *line, rest = str_cut(&head, ':');

	if (head.len != strlen(name) || strncasecmp(head.ptr, name, head.len) != 0)
		return false;
	*line = str_trim(rest);
	return true;
}

static void keep(char *to, size_t cap, struct str value)
{
	to[0] = '\0';
	if (value.len >= cap || memchr(value.ptr, '\0', value.len))
		return;
	memcpy(to, value.ptr, value.len);
	to[value.len] = '\0';
}

static void take_header(struct http_resp *r, struct str line)
{
	struct {
		const char *name;
		char *to;
		size_t cap;
	} kept[] = {
		{ "Content-Type", r->content_type, sizeof(r->content_type) },
		{ "Docker-Content-Digest", r->docker_digest, sizeof(r->docker_digest) },
		{ "Range", r->range, sizeof(r->range) },
		{ "Content-Range", r->content_range, sizeof(r->content_range) },
		{ "Retry-After", r->retry_after, sizeof(r->retry_after) },
		{ "OCI-Subject", r->oci_subject, sizeof(r->oci_subject) },
		{ "Location", r->location, sizeof(r->location) },
		{ "Link", r->link, sizeof(r->link) },
	};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (is_header(&line, kept[i].name)) {
			keep(kept[i].to, kept[i].cap, line);
			return;
		}
	}
	if (is_header(&line, "WWW-Authenticate") && r->challenges.len < 16 && line.len < 8192 &&
	    !memchr(line.ptr, '\0', line.len))
		strs_take(&r->challenges, xstrndup(line.ptr, line.len));
	else if (is_header(&line, "Content-Length") && line.len < 19) {
		uint64_t n;

		if (str_parse_u64(line, &n) == 0)
			r->content_length = (int64_t)n;
	}
}

static void forget_headers(struct http_resp *r)
{
	strs_release(&r->challenges);
	strs_release(&r->headers);
	buf_release(&r->body);
	*r = (struct http_resp)HTTP_RESP_INIT;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	struct str line = { p, size * n };

	x->headers += line.len;
	if (x->headers > HTTP_HEADERS_MAX) {
		err_set(x->err, ERR_LIMIT, "limit exceeded: more than %u bytes of headers", HTTP_HEADERS_MAX);
		x->failed = true;
		return 0;
	}
	if (str_starts(line, "HTTP/"))
		forget_headers(x->resp);	/* of a 100 Continue */
	else
		take_header(x->resp, str_trim(line));
	if (x->req->keep_headers && !str_starts(line, "HTTP/"))
		strs_take(&x->resp->headers, xstrndup(p, str_trim(line).len));
	return line.len;
}

/* bodies */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	uint64_t limit = x->req->limit ? x->req->limit : HTTP_ERROR_BODY;
	long status = 0;

	n *= size;
	if (n == 0)
		return 0;
	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	x->resp->status = (int)status;
	if (status != 200 && status != 206) {
		/* An error's words: what is too long is cut, and an endless one is ended. */
		size_t room = HTTP_ERROR_BODY - x->resp->body.len;

		buf_add(&x->resp->body, p, n < room ? n : room);
		if (n > room && x->got > 16 * (uint64_t)HTTP_ERROR_BODY)
			goto too_long;
		x->got += n;
		return n;
	}
	x->got += n;
	if (x->got > limit)
		goto too_long;
	if (!x->req->sink) {
		buf_add(&x->resp->body, p, n);
		return n;
	}
	if (x->req->sink(x->req->sink_ctx, p, n, x->err) == 0)
		return n;
	x->failed = true;
	return 0;
too_long:
	err_set(x->err, ERR_LIMIT, "limit exceeded: the answer has more than %llu bytes", (unsigned long long)limit);
	x->failed = true;
	return 0;
}

static size_t on_read(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	ssize_t got = x->req->read(x->req->read_ctx, p, size * n, x->err);

	if (got >= 0)
		return (size_t)got;
	x->failed = true;
	return CURL_READFUNC_ABORT;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct exchange *x = ctx;

	if (offset != 0 || origin != SEEK_SET || x->req->rewind(x->req->read_ctx) < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	return CURL_SEEKFUNC_OK;
}

/* the exchange */

static void set_tls(CURL *e, const struct http_tls *t)
{
	const char *bundle = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

	/* These two are OpenSSL's own names; libcurl leaves them to its command. */
	if (bundle && *bundle)
		curl_easy_setopt(e, CURLOPT_CAINFO, bundle);
	if (dir && *dir)
		curl_easy_setopt(e, CURLOPT_CAPATH, dir);
	if (t->insecure) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (t->ca) {
		struct curl_blob pem = { .data = (void *)(uintptr_t)t->ca, .len = strlen(t->ca),
					 .flags = CURL_BLOB_COPY };

		curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &pem);
	}
	if (t->cert)
		curl_easy_setopt(e, CURLOPT_SSLCERT, t->cert);
	if (t->key)
		curl_easy_setopt(e, CURLOPT_SSLKEY, t->key);
}

static struct curl_slist *set_headers(CURL *e, const struct http_req *req)
{
	/* Without an Expect, which costs a round trip; an empty value takes a header of libcurl's own away. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	list = curl_slist_append(list, "User-Agent: slsc/" SLSC_VERSION);
	for (size_t i = 0; req->headers && req->headers[i]; i++)
		list = curl_slist_append(list, req->headers[i]);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, list);
	return list;
}

static void set_up(struct exchange *x)
{
	const struct http_req *req = x->req;
	CURL *e = x->easy;

	x->stalled_s = (long)(req->stalled_s ? req->stalled_s : req->until ? HTTP_HURRY_S : HTTP_STALLED_S);
	x->slowest = req->until ? HTTP_HURRY_SLOWEST : HTTP_SLOWEST;
	/* Blobs take as long as they take; an upload's answer waits for what the registry does with it. */
	x->whole_s = req->sink || req->has_body ? 0 : x->stalled_s * (long)HTTP_ANSWER;
	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, req->url);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, req->until ? (long)HTTP_HURRY_S : CONNECT_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, x->slowest);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, x->stalled_s);
	curl_easy_setopt(e, CURLOPT_TIMEOUT, x->whole_s);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, BLOCK);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	if (req->no_proxy)
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	if (req->fresh)
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	set_tls(e, req->tls);
	if (strcmp(req->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (req->has_body) {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, BLOCK);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->length);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(e, CURLOPT_READDATA, x);
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* libcurl has one code for all limits, and words of its own for each: "Operation too slow. Less than ..." */
static int timed_out(struct exchange *x, const char *why)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (!connected) {
		x->resp->transient = true;
		return err_set(x->err, ERR_NET, "%s", why);
	}
	/* libcurl's own total is that of the last byte; its clock is another one, and a little slower or faster */
	if (x->whole_s && now_ms() - x->begun >= (int64_t)x->whole_s * 1000 - CLOCKS_MS)
		return err_set(x->err, ERR_NET, "its answer is not complete after %ld s", x->whole_s);
	x->resp->transient = x->resp->stalled = true;
	return err_set(x->err, ERR_NET, "it stalls: less than %ld bytes a second for %ld s", x->slowest,
		       x->stalled_s);
}

static int fail(struct exchange *x, CURLcode code)
{
	const char *why = x->why[0] ? x->why : curl_easy_strerror(code);
	struct http_resp *r = x->resp;

	if (x->failed)
		return -1;
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		err_set(x->err, ERR_NET, "its certificate is not trusted: %s", why);
		err_hint(x->err, "name its certificate authority with --ca-file, or in SSL_CERT_FILE");
		return -1;
	case CURLE_SSL_CERTPROBLEM:
		return err_set(x->err, ERR_NET, "the client certificate cannot be used: %s", why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		r->not_http = true;
		return err_set(x->err, ERR_NET, "%s", why);
	case CURLE_COULDNT_CONNECT:
		r->transient = true;
		err_set(x->err, ERR_NET, "%s", why);
		return err_hint(x->err, "does it run there, and is the port right?");
	case CURLE_COULDNT_RESOLVE_HOST:
		r->transient = true;
		err_set(x->err, ERR_NET, "%s", why);
		return err_hint(x->err, "is the name right, and is there a network?");
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
		r->transient = true;
		return err_set(x->err, ERR_NET, "%s", why);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(x, why);
	case CURLE_GOT_NOTHING:
		r->transient = r->not_http = true;
		return err_set(x->err, ERR_NET, "it closed the connection without an answer");
	default:
		return err_set(x->err, ERR_NET, "%s", why);
	}
}

static int run(struct http_conn *c, struct exchange *x)
{
	int running = 1, left;
	const CURLMsg *m;

	while (running) {
		struct curl_waitfd stop = { .fd = x->req->through_signals ? -1 : sig_fd(), .events = CURL_WAIT_POLLIN };

		if (!x->req->through_signals && sig_check(x->err) < 0)
			return -1;
		if (x->req->cancel && atomic_load(x->req->cancel))
			return err_set(x->err, ERR_INTR, "cancelled");
		if (x->req->until && now_ms() >= atomic_load(x->req->until))
			return err_set(x->err, ERR_NET, "it takes too long");
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			return err_set(x->err, ERR_NET, "libcurl failed");
		if (running)
			curl_multi_poll(c->multi, &stop, stop.fd >= 0 ? 1 : 0, POLL_MS, NULL);
	}
	while ((m = curl_multi_info_read(c->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE && m->data.result != CURLE_OK)
			return fail(x, m->data.result);
	return 0;
}

static int perform(struct http_conn *c, const struct http_req *req, struct http_resp *resp, struct err *err)
{
	struct exchange x = { .req = req, .resp = resp, .easy = c->easy, .err = err };
	struct curl_slist *headers;
	long status = 0, connects = 0;
	int ret;

	set_up(&x);
	x.begun = now_ms();
	headers = set_headers(c->easy, req);
	curl_multi_add_handle(c->multi, c->easy);
	ret = run(c, &x);
	curl_multi_remove_handle(c->multi, c->easy);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_slist_free_all(headers);
	resp->status = (int)status;
	resp->https = strncasecmp(req->url, "https:", 6) == 0;
	resp->reused = connects == 0;
	return ret;
}

/* URLs */

static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
	char *s = NULL, *copy = NULL;

	if (curl_url_get(u, what, &s, flags) == CURLUE_OK && s)
		copy = xstrdup(s);
	curl_free(s);
	return copy;
}

static int url_parts(CURLU *u, struct http_url *out)
{
	CLEAN_FREE char *port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	CLEAN_FREE char *user = part(u, CURLUPART_USER, 0), *password = part(u, CURLUPART_PASSWORD, 0);
	uint64_t n;

	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	out->full = part(u, CURLUPART_URL, 0);
	out->scheme = part(u, CURLUPART_SCHEME, 0);
	out->host = part(u, CURLUPART_HOST, 0);
	if (user || password || !out->full || !out->scheme || !out->host || !port ||
	    str_parse_u64(str_from(port), &n) < 0 || n == 0 || n > UINT16_MAX ||
	    (strcmp(out->scheme, "http") != 0 && strcmp(out->scheme, "https") != 0))
		return -1;
	for (char *p = out->host; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	out->port = (uint16_t)n;
	return 0;
}

static int url(const char *base, const char *rel, struct http_url *out, struct err *err)
{
	CURLU *u = curl_url();
	bool ok;

	if (!u)
		BUG("libcurl has no memory");
	ok = (!base || curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK) &&
	     curl_url_set(u, CURLUPART_URL, rel, 0) == CURLUE_OK && url_parts(u, out) == 0;
	curl_url_cleanup(u);
	if (ok)
		return 0;
	free(out->full);
	free(out->scheme);
	free(out->host);
	*out = (struct http_url)HTTP_URL_INIT;
	return err_set(err, ERR_FORMAT, "'%.200s' is not an http or https URL, or names a user", rel);
}

static char *escape(const char *s)
{
	char *e = curl_easy_escape(NULL, s, 0), *copy = xstrdup(e ? e : "");

	curl_free(e);
	return copy;
}

const struct http_ops slsc_module_curl = {
	.conn_new = conn_new,
	.conn_free = conn_free,
	.perform = perform,
	.url = url,
	.escape = escape,
};
