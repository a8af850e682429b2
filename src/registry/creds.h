/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_CREDS_H
#define SLSC_REGISTRY_CREDS_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Users' credentials where docker and podman keep them. $REGISTRY_AUTH_FILE alone if it is set; else the first of
 *
 *	${DOCKER_CONFIG:-~/.docker}/config.json
 *	${XDG_RUNTIME_DIR:-/run/user/$UID}/containers/auth.json
 *	${XDG_CONFIG_HOME:-~/.config}/containers/auth.json
 *
 * that knows the registry. In a file: credHelpers, credsStore, auths, whose most specific key wins
 * (containers-auth.json(5)). None of it ever gets into a message.
 */
struct creds {
	char *user, *password;	/* heap; NULL: none */
	char *identity_token;	/* heap; an OAuth2 refresh token in place of a password, or NULL */
};
#define CLEAN_CREDS __attribute__((cleanup(creds_release)))
void creds_release(struct creds *c);	/* overwrites them first */

/**
 * creds_find - for @host (with its port) and @repo, or NULL for the whole of it. All NULL if there are none.
 * ERR_FORMAT: a file is damaged; ERR_TOOL: a helper is missing or failed.
 */
int creds_find(const char *host, const char *repo, struct creds *out, struct err *err) MUST_CHECK;
/** creds_parse - creds_find() in the bytes of one such file, without its helpers; @shown is for messages. */
int creds_parse(const char *shown, const void *p, size_t n, const char *host, const char *repo, struct creds *out,
		struct err *err) MUST_CHECK;

/**
 * creds_store - keep @c for @host: in $REGISTRY_AUTH_FILE, else ${DOCKER_CONFIG:-~/.docker}/config.json, mode 0600,
 * replaced atomically, its other members kept; or in the credential helper that file names for @host.
 * *@where: heap, the file or helper, for a message.
 */
int creds_store(const char *host, const struct creds *c, char **where, struct err *err) MUST_CHECK;
/** creds_erase - forget @host there. *@was: whether there was something. */
int creds_erase(const char *host, bool *was, char **where, struct err *err) MUST_CHECK;

#endif
