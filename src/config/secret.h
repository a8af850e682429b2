/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_SECRET_H
#define SLSC_CONFIG_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* What is a secret by its look: patterns, which miss some and sometimes find what is none. */
struct secret {
	const char *what;	/* "a GitHub token", "a private key" */
	const char *at;		/* within the text */
	bool key;		/* a private key */
};
#define SECRETS_MAX 16u

/** secret_find - those in a text, the first of each kind. Returns how many; 0 of what is no text. */
size_t secret_find(const void *bytes, size_t n, struct secret out[SECRETS_MAX]);

/** secret_is_name - whether a variable of that name holds a secret, and not the way to one ("..._FILE"). */
bool secret_is_name(const char *name);

/**
 * secret_of_env - what a variable of the environment is, by its name or its value: "a GitHub token", "a URL with a
 * password", "an authorization header", "a secret, by its name"; NULL: none.
 */
const char *secret_of_env(const char *name, const char *value);

#endif
