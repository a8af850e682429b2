/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by pattern. A finding says what was found and where, never the secret. */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "os/fs.h"
#include "report/check_internal.h"

#define TEXT_PROBE 8000u	/* git's own idea of how much tells text from data */

static const char *const secret_names[] = {
	".env", ".env.*", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".npmrc", ".netrc", ".pgpass", ".htpasswd",
	".git-credentials", "*.p12", "*.pfx", "*.jks", "*.kdbx",
};
/* by their last two components */
static const char *const secret_paths[] = { ".git/HEAD", ".docker/config.json", ".aws/credentials", ".kube/config",
					    ".config/gcloud" };
static const char *const harmless[] = { ".env.example", ".env.sample", ".env.template", ".env.dist" };
static const char *const env_words[] = { "PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY",
					 "CREDENTIAL", "ACCESS_KEY" };
/* what such a variable holds is the way to the secret, not the secret */
static const char *const env_ends[] = { "_FILE", "_PATH", "_DIR", "_URL", "_ARN", "_NAME" };

/* Tokens that say what they are by how they start: so many more characters of [A-Za-z0-9_-] follow. */
static const struct token {
	const char *start;
	unsigned more;
	bool upper;		/* only A-Z and 0-9, and no more than these */
	const char *what;
} tokens[] = {
	{ "AKIA", 16, true, "an AWS access key id" },
	{ "ASIA", 16, true, "a temporary AWS access key id" },
	{ "ghp_", 36, false, "a GitHub token" },
	{ "gho_", 36, false, "a GitHub token" },
	{ "ghs_", 36, false, "a GitHub token" },
	{ "ghu_", 36, false, "a GitHub token" },
	{ "github_pat_", 22, false, "a GitHub token" },
	{ "glpat-", 20, false, "a GitLab token" },
	{ "npm_", 36, false, "an npm token" },
	{ "xoxb-", 20, false, "a Slack token" },
	{ "xoxp-", 20, false, "a Slack token" },
};

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

static bool token_char(char ch, bool upper)
{
	return upper ? isupper((unsigned char)ch) || isdigit((unsigned char)ch)
		     : isalnum((unsigned char)ch) || ch == '_' || ch == '-';
}

static bool is_token(const struct token *t, const char *all, const char *p, const char *end)
{
	const char *q = p + strlen(t->start);
	unsigned n = 0;

	if (p > all && token_char(p[-1], false))
		return false;
	while (q + n < end && token_char(q[n], t->upper))
		n++;
	/* the vendor's documentation uses ...EXAMPLE */
	if (n >= 7 && memcmp(q + n - 7, "EXAMPLE", 7) == 0)
		return false;
	return t->upper ? n == t->more && (q + n == end || !token_char(q[n], false)) : n >= t->more;
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

/* "-----BEGIN ... PRIVATE KEY-----" and a line's end, which a program that looks for keys does not have there. */
static const char *find_key(const char *p, const char *end)
{
	static const char begin[] = "-----BEGIN ";

	while ((p = memmem(p, (size_t)(end - p), begin, sizeof(begin) - 1)) != NULL) {
		const char *label = p + sizeof(begin) - 1;
		const size_t room = (size_t)(end - label) < 40 ? (size_t)(end - label) : 40;
		const char *dashes = memmem(label, room, "-----", 5);

		if (dashes && memmem(label, (size_t)(dashes - label), "PRIVATE KEY", 11) && dashes + 5 < end &&
		    strchr("\r\n\\", dashes[5]))
			return p;
		p = label;
	}
	return NULL;
}

/* docker's and npm's configuration: a secret without a form of its own. */
static const char *find_auth(const char *p, size_t n, const char **what)
{
	const char *auths = memmem(p, n, "\"auths\"", 7);
	const char *auth = auths ? memmem(auths, n - (size_t)(auths - p), "\"auth\"", 6) : NULL;
	const char *npm = memmem(p, n, ":_authToken=", 12);

	if (auth) {
		const char *q = auth + 6, *end = p + n;

		while (q < end && (isspace((unsigned char)*q) || *q == ':'))
			q++;
		if (end - q > 8 && *q == '"' && isalnum((unsigned char)q[1])) {
			*what = "the password of a registry, as docker keeps it";
			return auth;
		}
	}
	if (npm && npm + 12 < p + n && isalnum((unsigned char)npm[12])) {
		*what = "an npm token";
		return npm;
	}
	return NULL;
}

void check_secret_text(struct check *c, const char *where, const void *bytes, size_t n)
{
	const char *p = bytes, *end = p + n, *hit, *what;
	char line[32];

	if (memchr(p, 0, n < TEXT_PROBE ? n : TEXT_PROBE))
		return;
	hit = find_key(p, end);
	if (hit)
		check_add(c, RULE_SECRET_KEY, where, "%sa private key", line_of(p, end, hit, line));
	hit = find_auth(p, n, &what);
	if (hit) {
		check_add(c, RULE_SECRET_TOKEN, where, "%s%s", line_of(p, end, hit, line), what);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		const struct token *t = &tokens[i];

		for (hit = p; (hit = memmem(hit, (size_t)(end - hit), t->start, strlen(t->start))) != NULL; hit++)
			if (is_token(t, p, hit, end)) {
				check_add(c, RULE_SECRET_TOKEN, where, "%s%s", line_of(p, end, hit, line), t->what);
				break;
			}
	}
}

void check_secret_env(struct check *c, const char *where, const char *name, const char *value)
{
	CLEAN_FREE char *named = NULL;

	if (!*value)
		return;
	named = xasprintf("%s %s", where, name);
	check_secret_text(c, named, value, strlen(value));
	for (size_t i = 0; i < ARRAY_LEN(env_ends); i++)
		if (strlen(name) > strlen(env_ends[i]) &&
		    strcasecmp(name + strlen(name) - strlen(env_ends[i]), env_ends[i]) == 0)
			return;
	for (size_t i = 0; i < ARRAY_LEN(env_words); i++)
		if (strcasestr(name, env_words[i])) {
			check_add(c, RULE_SECRET_ENV, where, "%s is set in the image", name);
			return;
		}
}
