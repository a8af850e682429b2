/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_AUTH_H
#define SLSC_REGISTRY_AUTH_H

#include <pthread.h>
#include <stdbool.h>

#include "base/vec.h"
#include "registry/creds.h"
#include "registry/http.h"

/*
 * What proves to one registry who we are: nothing until it asks (401), then Basic, or a Bearer token fetched from the
 * service it names (distribution-spec leaves both to distribution's token specification). Any number of threads; the
 * first that meets a 401 fetches for all.
 */
struct auth {
	struct http *http;		/* borrowed, as the strings are */
	const struct http_tls *tls;
	const char *host, *repo;	/* repo NULL: none */
	struct strs scopes;		/* "repository:<repo>:pull,push": asked for at once */
	bool no_proxy, insecure;
	const struct creds *given;	/* in place of the user's files; or NULL */
	const atomic_llong *until;	/* registry_opts.until, or NULL */
	pthread_mutex_t lock;
	struct creds creds;
	bool looked;			/* for creds */
	char *header;			/* "Authorization: ..."; NULL: nothing yet */
	unsigned generation;		/* of header */
};
void auth_init(struct auth *a);		/* after the members above the lock are set */
void auth_release(struct auth *a);

/** auth_header - what to send now; heap or NULL. @generation: for auth_answer(). */
char *auth_header(struct auth *a, unsigned *generation);
/**
 * auth_answer - answer a 401 to what was sent with @generation. @url: where it came from. After 0 the request is worth
 * another try. ERR_NET: there is nothing to answer with, or the token's service refuses.
 */
int auth_answer(struct auth *a, unsigned generation, const char *url, const struct strs *challenges,
		struct err *err) MUST_CHECK;
/** auth_known - whether the user has given credentials for this registry. */
bool auth_known(struct auth *a);

/** auth_token_parse - the token in the answer of a token's service; heap. Bounded, no control characters. ERR_FORMAT */
int auth_token_parse(const void *p, size_t n, char **token, struct err *err) MUST_CHECK;

/** host_is_loopback - "localhost", "*.localhost", "127.x.y.z", "[::1]", each with or without a port. */
bool host_is_loopback(const char *host);

#endif
