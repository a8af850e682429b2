/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_CHALLENGE_H
#define SLSC_REGISTRY_CHALLENGE_H

#include <stdbool.h>

#include "base/str.h"

/** What a WWW-Authenticate asks for (RFC 9110, 11.6.1; distribution's "Token Authentication Specification"). */
enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_scheme scheme;
	char *realm, *service, *scope;	/* heap; NULL: not said */
};
#define CLEAN_CHALLENGE __attribute__((cleanup(challenge_release)))
void challenge_release(struct challenge *c);

/**
 * challenge_parse - the challenges of one header. @c, which starts zeroed, gets a Bearer with a realm rather than a
 * Basic, the first of equals; others (Negotiate, ...) are passed over, and so is what follows a mistake. Returns
 * whether @c holds one.
 */
bool challenge_parse(struct challenge *c, struct str header);

#endif
