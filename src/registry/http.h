/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_HTTP_H
#define SLSC_REGISTRY_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/tar.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * One HTTP exchange at a time and thread: what module_curl.c gives through late_load("curl"), the only user of
 * libcurl. HTTP/1.1 (RFC 9112), http and https alone; redirects are reported, never followed.
 */
#define HTTP_ERROR_BODY (64u << 10)	/* of an answer that no sink gets, so many bytes are kept */
#define HTTP_HEADERS_MAX (256u << 10)	/* bytes of all headers of an answer */

/** How a host is spoken to. All strings are borrowed and may be NULL. */
struct http_tls {
	bool insecure;		/* believe any certificate */
	const char *ca;		/* PEM certificates, trusted beside the system's */
	const char *cert, *key;	/* files: PEM, the client's own */
};

#define HTTP_STALLED_S 60u
#define HTTP_SLOWEST 100u	/* bytes a second */
#define HTTP_ANSWER 5u
/* With http_req.until: until the other end counts as gone, be it not connected, silent, or slow. */
#define HTTP_HURRY_S 5u
#define HTTP_HURRY_SLOWEST (64L << 10)

struct http_req {
	const char *method, *url;
	char *const *headers;	/* NULL-terminated, "Name: value"; or NULL */
	const struct http_tls *tls;
	bool no_proxy;		/* whatever the environment says */
	/*
	 * Over a new connection: where an open one turns out to be dead, libcurl sends the request again by itself,
	 * though the other end may have done what it says.
	 */
	bool fresh;
	/*
	 * The body: @length bytes from @read, asked for in order; after a lost connection @rewind starts over. Neither
	 * sets anything but what it reads from; an error of @read ends the exchange and is what perform() says.
	 */
	bool has_body;
	uint64_t length;
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *err);
	int (*rewind)(void *ctx);
	void *read_ctx;
	/* The body of a 200 or 206; NULL: into http_resp.body. @limit: of either; 0: HTTP_ERROR_BODY. ERR_LIMIT */
	sink_fn sink;
	void *sink_ctx;
	uint64_t limit;
	/*
	 * Seconds with less than HTTP_SLOWEST bytes of body each until the other end counts as gone; 0: HTTP_STALLED_S.
	 * Headers that trickle do not count as bytes. An answer without a @sink has HTTP_ANSWER times as long in all.
	 */
	unsigned stalled_s;
	bool keep_headers;	/* in http_resp.headers */
	const atomic_bool *cancel;	/* or NULL: once true, ends the exchange with ERR_INTR "cancelled" */
	const atomic_llong *until;	/* or NULL: registry_opts.until */
	bool through_signals;		/* a signal does not end it: @cancel alone does */
};

/** A body from memory: read_ctx of buf_reader_read() and buf_reader_rewind(). */
struct buf_reader {
	struct str all;
	size_t done;
};
ssize_t buf_reader_read(void *r, void *p, size_t n, struct err *err);
int buf_reader_rewind(void *r);

struct http_resp {
	int status;		/* 0: there was no answer; known, as the headers are, when @sink is called */
	bool https;
	bool reused;		/* over a connection that was open already */
	/* Headers: the last of that name, "" if absent, without white space around; what is too long is absent. */
	char content_type[256], docker_digest[128], range[64], content_range[96], retry_after[64], oci_subject[128];
	char location[8192], link[4096];
	int64_t content_length;		/* -1: not said */
	struct strs challenges;		/* each WWW-Authenticate; 16 at most */
	struct strs headers;		/* all, with keep_headers: "Name: value" */
	struct buf body;
	/* After -1: the server or the network failed, not what was asked of it: worth another try. */
	bool transient;
	bool stalled;			/* after -1, and transient: nothing came for stalled_s */
	bool not_http;			/* after -1: it does not speak HTTP, or TLS where that was asked for */
};
#define HTTP_RESP_INIT { .body = BUF_INIT, .content_length = -1 }
#define CLEAN_HTTP_RESP __attribute__((cleanup(http_resp_release)))
void http_resp_release(struct http_resp *r);
/** http_resp_header - the value of @name (any case) among http_resp.headers, or ""; borrowed. */
const char *http_resp_header(const struct http_resp *r, const char *name);

/** retry_after_ms - of Retry-After's value (RFC 9110, 10.2.3), which seconds or a date is; -1: neither. */
int64_t retry_after_ms(const char *value, int64_t now_s);

/** Parts of a URL; heap strings of its own. */
struct http_url {
	char *full, *scheme, *host;	/* full: without a fragment; host: lower case, IPv6 in brackets */
	uint16_t port;			/* never 0 */
};
#define HTTP_URL_INIT { .full = NULL }
#define CLEAN_HTTP_URL __attribute__((cleanup(http_url_release)))
void http_url_release(struct http_url *u);
/** http_url_same - scheme, host and port are the same. */
bool http_url_same(const struct http_url *a, const struct http_url *b);

struct http_conn;

struct http_ops {
	struct http_conn *(*conn_new)(void);
	void (*conn_free)(struct http_conn *c);
	/** -1 only if there is no answer, or the body was not received whole; a status of 500 is an answer. */
	int (*perform)(struct http_conn *c, const struct http_req *req, struct http_resp *resp, struct err *err);
	/** @base may be NULL; http and https, no user or password. ERR_FORMAT. */
	int (*url)(const char *base, const char *rel, struct http_url *out, struct err *err);
	/** For a query: %-escaped; heap. */
	char *(*escape)(const char *s);
};

/*
 * Connections of any number of threads: each call takes the one used last, so that few are opened and all are reused.
 */
struct http;
struct http *http_new(struct err *err);		/* NULL with ERR_TOOL */
void http_free(struct http *h);			/* NULL is fine; no call is under way */
const struct http_ops *http_ops(const struct http *h);
int http_perform(struct http *h, const struct http_req *req, struct http_resp *resp, struct err *err) MUST_CHECK;

#endif
