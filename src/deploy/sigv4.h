/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_SIGV4_H
#define SLSC_DEPLOY_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * AWS Signature Version 4 ("Signing AWS API requests", IAM user guide): a request's method, path, query, headers and
 * the digest of its body, signed with a key that is made of the secret, the day, the region and the service.
 */
struct sigv4 {
	const char *id, *secret;
	const char *token; /* of temporary credentials; NULL: none */
	const char *region, *service;
	int64_t time; /* seconds since the Unix epoch, UTC */
	bool s3;      /* the path counts as it is sent, and the body's digest is a header, too */
};

/** What is signed; all borrowed. */
struct sigv4_request {
	const char *method;
	const char *host;	 /* as the header has it: with the port, unless that is the scheme's own */
	const char *path;	 /* as it is sent: percent-encoded, "/" at least */
	const char *query;	 /* likewise, without '?'; "" if there is none */
	char *const *headers;	 /* NULL-terminated, "Name: value"; all of them are signed; or NULL */
	const char *body_sha256; /* 64 hex digits */
};

#define SIGV4_EMPTY	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SIGV4_QUERY_MAX 64u /* parameters; headers likewise */

/**
 * sigv4_sign - append to @out what the request needs beside its own headers: X-Amz-Date, X-Amz-Security-Token,
 * X-Amz-Content-Sha256 and Authorization, each "Name: value". The caller wipes them. ERR_TOOL; ERR_LIMIT.
 */
int sigv4_sign(const struct sigv4 *s, const struct sigv4_request *r, struct strs *out, struct err *err) MUST_CHECK;

/** sigv4_canonical - the canonical request, for the test: @headers are all there are but Host, in @extra as in @r. */
int sigv4_canonical(const struct sigv4 *s, const struct sigv4_request *r, char *const *extra, struct buf *out,
		    struct buf *names, struct err *err) MUST_CHECK;

/** sigv4_escape - append @s percent-encoded (RFC 3986's unreserved characters stay); @slash: '/' stays, too. */
void sigv4_escape(const char *s, bool slash, struct buf *out);

/** secret_wipe - clears a heap string and frees it; NULL is fine. */
void secret_wipe(char **s);
/** secrets_wipe - the same of a list. */
void secrets_wipe(struct strs *v);

#endif
