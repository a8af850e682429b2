/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_CLIENT_H
#define SLSC_REGISTRY_CLIENT_H

#include "oci/document.h"
#include "registry/creds.h"
#include "registry/http.h"

/*
 * One repository of a registry, by the OCI distribution-spec v1.1. Any number of threads may use a client at once.
 * What fails on the way (429, 5xx, lost connections) is tried CLIENT_TRIES times, with growing pauses or as
 * Retry-After says. Redirects are followed, 5 at most, and credentials go to no other host with them. What a registry
 * says in words is cleaned and cut before it gets into a message.
 */
#define CLIENT_TRIES 5
#define CLIENT_RETRY_AFTER_MAX 60	/* seconds */
#define CLIENT_CHUNK (32u << 20)	/* bytes: larger blobs are sent in pieces, and go on after a lost connection */

/** What the user says about the way to registries; strings are borrowed, NULL: not said. */
struct registry_opts {
	bool insecure;			/* plain http if https is not there, and any certificate */
	const char *ca_file;		/* PEM, believed beside the system's */
	const char *cert_file, *key_file;	/* the client's own; the key may be in cert_file */
	const struct creds *creds;	/* instead of what the user's files hold */
	/*
	 * Milliseconds of the monotonic clock: what is not over then ends with ERR_NET, and nothing is tried twice.
	 * NULL: it takes as long as it takes. See registry/hurry.h.
	 */
	const atomic_llong *until;
};

struct client_spec {
	const char *host, *repo;	/* repo NULL: only client_ping() */
	bool push;
	const char *mount_from;		/* another repository of that registry to mount blobs from, or NULL */
	const atomic_bool *cancel;	/* or NULL */
	unsigned stalled_s;		/* as http_req's; 0: its default */
};

struct client;
/** client_open - contacts nobody. ERR_TOOL, ERR_IO (a certificate cannot be read). */
int client_open(struct client **out, const struct client_spec *spec, const struct registry_opts *o,
		struct err *err) MUST_CHECK;
void client_free(struct client *c);	/* NULL is fine */
const char *client_shown(const struct client *c);	/* "host/repo" */

/** client_ping - whether it is a registry and lets us in: GET /v2/. */
int client_ping(struct client *c, struct err *err) MUST_CHECK;
/** client_is_logged_in - whether the registry has asked who we are, and was answered. */
bool client_is_logged_in(struct client *c);

/*
 * Manifests; @ref is a tag or "sha256:...".
 */
/** client_manifest_head - @found: whether there is one. @digest as the registry says. */
int client_manifest_head(struct client *c, const char *ref, bool *found, struct digest *digest,
			 struct err *err) MUST_CHECK;
/**
 * client_manifest_get - its bytes, DOCUMENT_MAX at most, checked against a @ref that is a digest and against what the
 * registry says of them. @media_type: heap, from Content-Type. ERR_NOTFOUND, ERR_FORMAT, ERR_LIMIT.
 */
int client_manifest_get(struct client *c, const char *ref, struct buf *out, char **media_type, struct digest *digest,
			struct err *err) MUST_CHECK;
/** client_manifest_put - after all it refers to. @digest: of the bytes. */
int client_manifest_put(struct client *c, const char *ref, const char *media_type, const void *p, size_t n,
			const struct digest *digest, struct err *err) MUST_CHECK;
/** client_referrers - an index of what refers to @subject: by the API, else by the tag sha256-<hex>. */
int client_referrers(struct client *c, const struct digest *subject, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Blobs
 */
int client_blob_head(struct client *c, const struct digest *digest, bool *found, struct err *err) MUST_CHECK;
/** client_blob_get - as origin_ops.blob. After a broken body it goes on where that ended. @sink may see no restart. */
int client_blob_get(struct client *c, const struct digest *digest, uint64_t size, sink_fn sink, void *ctx,
		    struct err *err) MUST_CHECK;

/** What to upload: a file, or memory. */
struct blob_in {
	struct digest digest;
	uint64_t size;
	const void *mem;		/* NULL: @fd */
	int fd;				/* read with pread() from its start */
	const char *shown;		/* where it is from, for messages */
	void (*sent)(uint64_t bytes, void *ctx);	/* more bytes are on their way; may be NULL; from any thread */
	void *ctx;
};
enum blob_put { BLOB_THERE, BLOB_MOUNTED, BLOB_SENT };
/** client_blob_find - HEAD, or a mount: whether it is there now; BLOB_SENT: it must be sent. */
int client_blob_find(struct client *c, const struct digest *digest, enum blob_put *how, struct err *err) MUST_CHECK;
/**
 * client_blob_send - an upload. The bytes are checked as they pass: with other bytes than @digest says it is not
 * finished, ERR_FORMAT.
 */
int client_blob_send(struct client *c, const struct blob_in *in, struct err *err) MUST_CHECK;
/** client_blob_put_bytes - from memory, if it is not there. */
int client_blob_put_bytes(struct client *c, const void *p, size_t n, struct digest *digest,
			  struct err *err) MUST_CHECK;

/** client_status_name - "Not Found"; "" if it is none of the usual. Static storage. */
const char *client_status_name(int status);
/**
 * client_error_words - what the body of an error says: {"errors":[{"code","message"}]} as "CODE: message", cleaned of
 * control characters and bounded; "" if it is something else.
 */
void client_error_words(const void *p, size_t n, struct buf *out);

#endif
