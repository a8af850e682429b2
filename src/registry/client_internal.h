/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_CLIENT_INTERNAL_H
#define SLSC_REGISTRY_CLIENT_INTERNAL_H

#include <pthread.h>

#include "registry/auth.h"
#include "registry/client.h"

struct client {
	char *host, *repo;		/* repo NULL: none */
	char *shown;
	char *mount_from;
	const atomic_bool *cancel;
	unsigned stalled_s;
	const atomic_llong *until;
	struct http *http;
	struct http_tls tls;
	char *ca, *cert, *key;		/* what tls points to */
	bool loopback;
	struct auth auth;
	pthread_mutex_t lock;
	char *base;			/* "https://host/v2/"; NULL: not known yet */
	struct http_url base_url;
};

/** One request of a client and what may happen on its way. */
struct call {
	const char *method;
	const char *url;		/* absolute, or what follows /v2/<repo>/ */
	const char *what;		/* for messages: "GET of manifest v1" */
	const char *header[4];		/* NULL-terminated */
	bool has_body;
	uint64_t length;
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *err);
	int (*rewind)(void *ctx);
	void *read_ctx;
	sink_fn sink;
	void *sink_ctx;
	uint64_t limit;
	/* A failure is the caller's to try again: of a body that is on its way, of an upload's step. */
	bool once;
	unsigned tries;			/* in and out: failures so far */
	char *final_url;		/* out, heap: after redirects; the caller frees */
};

/**
 * client_call - 0: there is an answer, whatever its status but 401, 3xx (followed), or what is worth another try;
 * these are dealt with. -1 with resp->transient (only if call->once or bytes reached the sink): may be tried again.
 */
int client_call(struct client *c, struct call *call, struct http_resp *resp, struct err *err) MUST_CHECK;
/** client_refused - the error for an answer that is none of those hoped for. Returns -1. */
int client_refused(const struct client *c, const struct call *call, const struct http_resp *resp, struct err *err);
/** client_is_transient - of a status: 408, 429, 500, 502, 503, 504. */
bool client_is_transient(int status);
/**
 * client_pause - before the next try: @call->tries failures so far. -1: that was the last (@err as it was), or
 * ERR_INTR. What stalled is tried once more, and not five times a minute each.
 */
int client_pause(struct client *c, struct call *call, const struct http_resp *resp, struct err *err) MUST_CHECK;

/** client_hint_tags - as @err's hint, what tags there are in place of @ref, if the registry says so. */
void client_hint_tags(struct client *c, const char *ref, struct err *err);

/** client_base - find out how the registry is spoken to, once: c->base. */
int client_base(struct client *c, struct err *err) MUST_CHECK;
/** client_tls - c->tls for c->host from @o and the certs.d directories. */
int client_tls(struct client *c, const struct registry_opts *o, struct err *err) MUST_CHECK;

/** range_end - one past the last byte of "0-<last>", "bytes=0-<last>"; -1: it is neither. */
int64_t range_end(const char *value);

#endif
