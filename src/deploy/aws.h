/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_AWS_H
#define SLSC_DEPLOY_AWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "registry/http.h"

/*
 * Requests to AWS's services: signed, sent, and sent once more where that helps: after 429 and 5xx, a throttling error,
 * and where the connection was cut; with the server's time where this machine's clock is off. Never after another 400
 * or 403. No secret gets into a message.
 */

/** Credentials; heap strings, wiped at the end. */
struct aws_creds {
	char *id, *secret, *token; /* token NULL: lasting ones */
	int64_t expires;	   /* seconds since the Unix epoch; 0: not known */
	char *from;		   /* for messages: "the environment", "profile 'x'", ... */
	char *renew;		   /* what to do when they have expired: "run `aws sso login`" */
};
#define CLEAN_AWS_CREDS __attribute__((cleanup(aws_creds_release)))
void aws_creds_release(struct aws_creds *c);

#define AWS_TRIES	       6u  /* of one request; AWS_MAX_ATTEMPTS sets another number */
#define AWS_PAUSE_MS	       100 /* before the second; then twice as long each time */
#define AWS_PAUSE_MAX_MS       5000
#define AWS_RETRY_AFTER_MAX_MS 30000	  /* of what a server asks for */
#define AWS_SKEW_S	       240	  /* a clock that is off by less is right enough: AWS takes 5 minutes */
#define AWS_ANSWER_MAX	       (8u << 20) /* bytes of an answer */

struct aws {
	struct http *http;
	struct http_tls tls;
	char *ca; /* owned; what tls.ca is */
	unsigned tries;
	int64_t skew_s;						 /* what is added to this machine's clock */
	bool skewed;						 /* the server's time is taken already */
	void (*note)(void *ctx, bool verbose, const char *line); /* may be NULL */
	void *ctx;
};
/** aws_init - ERR_IO for AWS_CA_BUNDLE's file (or @ca_bundle), ERR_USAGE for AWS_MAX_ATTEMPTS; ERR_TOOL. */
int aws_init(struct aws *a, const char *ca_bundle, struct err *err) MUST_CHECK;
void aws_release(struct aws *a);
#define CLEAN_AWS __attribute__((cleanup(aws_release)))

/** A file as a body. */
struct aws_file {
	const char *path;
	uint64_t size;
};

/** One request; all borrowed. */
struct aws_call {
	const char *what;	       /* "hello: GetFunction": begins each message */
	const char *service, *region;  /* of the signature */
	const struct aws_creds *creds; /* NULL: not signed */
	const char *method, *url;      /* percent-encoded */
	char *const *headers;	       /* NULL-terminated, "Name: value"; or NULL */
	const char *const *hide;       /* NULL-terminated: what no message shows, beside the credentials; or NULL */
	struct str body;
	const struct aws_file *file; /* in its place; body_sha256 is given then */
	const char *body_sha256;     /* or NULL: it is computed */
	bool s3;
	bool once;	    /* not sent again when the connection was cut: it may have been done */
	unsigned timeout_s; /* until an answer begins; 0: HTTP_STALLED_S */
	unsigned hurry_ms;  /* one try within so long, past any proxy, for a service of this machine */
};

/**
 * aws_send - @resp has a status of any kind afterwards, and its headers. -1: no answer, with @err; after a last try
 * that was answered with 429 or 5xx it returns 0, as with any other status.
 */
int aws_send(struct aws *a, const struct aws_call *c, struct http_resp *resp, struct err *err) MUST_CHECK;

/** aws_error - the code ("ResourceNotFoundException") and the message of a refusal, JSON or XML; "" if it has none. */
void aws_error(const struct http_resp *resp, struct buf *code, struct buf *message);
/** aws_error_is - whether the refusal's code is one of @codes, separated by '|'. */
bool aws_error_is(const struct http_resp *resp, const char *codes);
/**
 * aws_refused - the error that an answer is: "WHAT: 400 CODE: message", or of expired credentials; stars in place of
 * secrets that the service quotes, and of aws_call.hide. Returns -1.
 */
int aws_refused(const struct aws_call *c, const struct http_resp *resp, struct err *err);

/** xml_text - append what the first <@name> holds, its entities resolved; false if there is none, or has elements. */
bool xml_text(struct str xml, const char *name, struct buf *out);
/** aws_time - of "2026-01-02T03:04:05Z" (also with fractions, "+00:00", "UTC"); 0 or -1. */
int aws_time(const char *s, int64_t *at) MUST_CHECK;
/** aws_pause - ERR_INTR after a signal. */
int aws_pause(int64_t ms, struct err *err) MUST_CHECK;
/** aws_jitter - @ms or less, half of it at random. */
int64_t aws_jitter(int64_t ms);

#endif
