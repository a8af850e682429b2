/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by pattern. A finding says what was found and where, never the secret. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/secret.h"
#include "os/fs.h"
#include "report/check_internal.h"

static const char *const secret_names[] = {
	".env", ".env.*", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".npmrc", ".netrc", ".pgpass", ".htpasswd",
	".git-credentials", "*.p12", "*.pfx", "*.jks", "*.kdbx",
};
/* by their last two components */
static const char *const secret_paths[] = { ".git/HEAD", ".docker/config.json", ".aws/credentials", ".kube/config",
					    ".config/gcloud" };
static const char *const harmless[] = { ".env.example", ".env.sample", ".env.template", ".env.dist" };

static bool ends_in(const char *path, const char *tail)
{
	const size_t n = strlen(path), t = strlen(tail);

	return n >= t && strcmp(path + n - t, tail) == 0 && (n == t || path[n - t - 1] == '/');
}

void check_secret_name(struct check *c, const char *where, const char *path)
{
	const char *base = path_basename(path);

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (strcmp(base, harmless[i]) == 0)
			return;
	for (size_t i = 0; i < ARRAY_LEN(secret_paths); i++)
		if (ends_in(path, secret_paths[i])) {
			check_add(c, RULE_SECRET_FILE, where, "%s",
				  i ? "credentials of a program" : "a git repository");
			return;
		}
	for (size_t i = 0; i < ARRAY_LEN(secret_names); i++)
		if (fnmatch(secret_names[i], base, FNM_PERIOD) == 0) {
			check_add(c, RULE_SECRET_FILE, where, "files of this name usually hold secrets");
			return;
		}
}

/* "line 3: ", or nothing in a text of one line. */
static const char *line_of(const char *all, const char *end, const char *p, char out[32])
{
	unsigned line = 1;

	out[0] = '\0';
	if (!memchr(all, '\n', (size_t)(end - all)))
		return out;
	for (const char *q = all; q < p; q++)
		line += *q == '\n';
	snprintf(out, 32, "line %u: ", line);
	return out;
}

void check_secret_text(struct check *c, const char *where, const void *bytes, size_t n)
{
	struct secret found[SECRETS_MAX];
	const size_t len = secret_find(bytes, n, found);
	const char *p = bytes;
	char line[32];

	for (size_t i = 0; i < len; i++)
		check_add(c, found[i].key ? RULE_SECRET_KEY : RULE_SECRET_TOKEN, where, "%s%s",
			  line_of(p, p + n, found[i].at, line), found[i].what);
}

void check_secret_env(struct check *c, const char *where, const char *name, const char *value, const char *in)
{
	struct secret found[SECRETS_MAX];
	CLEAN_FREE char *named = NULL;

	if (!*value)
		return;
	named = xasprintf("%s %s", where, name);
	check_secret_text(c, named, value, strlen(value));
	if (secret_is_name(name))
		check_add(c, RULE_SECRET_ENV, where, "%s is set in %s", name, in);
	else if (!secret_find(value, strlen(value), found) && secret_of_env(name, value))
		check_add(c, RULE_SECRET_ENV, where, "%s is set in %s, and is %s", name, in,
			  secret_of_env(name, value));
}
