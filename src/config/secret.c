/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define TEXT_PROBE 8000u /* git's own idea of how much tells text from data */

static const char *const env_words[] = { "PASSWORD",	"PASSWD", "PASSPHRASE",	 "SECRET",     "TOKEN",
					 "API_KEY",	"APIKEY", "PRIVATE_KEY", "CREDENTIAL", "ACCESS_KEY" };
/* DB_PASS, MYPASS, PASS; DB_PWD: at the end of a name only. In other names it is the end of another word. */
static const char *const env_lasts[] = { "PASS", "PWD" };
static const char *const other_words[] = { "PWD",     "OLDPWD",	  "COMPASS",  "ENCOMPASS", "BYPASS",  "OVERPASS",
					   "SURPASS", "TRESPASS", "HIGHPASS", "LOWPASS",   "BANDPASS" };
/* what such a variable holds is the way to the secret, not the secret */
static const char *const env_ends[] = { "_FILE", "_PATH", "_DIR", "_URL", "_ARN", "_NAME" };

/* Tokens that say what they are by how they start: so many more characters of [A-Za-z0-9_-] follow. */
static const struct token {
	const char *start;
	unsigned more;
	bool upper; /* only A-Z and 0-9, and no more than these */
	const char *what;
} tokens[] = {
	{ "AKIA", 16, true, "an AWS access key id" },	{ "ASIA", 16, true, "a temporary AWS access key id" },
	{ "ghp_", 36, false, "a GitHub token" },	{ "gho_", 36, false, "a GitHub token" },
	{ "ghs_", 36, false, "a GitHub token" },	{ "ghu_", 36, false, "a GitHub token" },
	{ "github_pat_", 22, false, "a GitHub token" }, { "glpat-", 20, false, "a GitLab token" },
	{ "npm_", 36, false, "an npm token" },		{ "xoxb-", 20, false, "a Slack token" },
	{ "xoxp-", 20, false, "a Slack token" },
};

_Static_assert(ARRAY_LEN(tokens) + 2 <= SECRETS_MAX, "one of each kind");

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

/* So many characters of base64url at @p, of which the first are @start, "." behind them; NULL: there are fewer. */
static const char *jwt_part(const char *p, const char *end, const char *start, unsigned least)
{
	const char *q = p;

	if ((size_t)(end - p) < strlen(start) || memcmp(p, start, strlen(start)) != 0)
		return NULL;
	while (q < end && token_char(*q, false))
		q++;
	return (size_t)(q - p) >= least ? q : NULL;
}

/* A signed JSON Web Token (RFC 7515, 3.1): header and payload are JSON objects, which begin with eyJ or ey, then. */
static const char *find_jwt(const char *p, const char *end)
{
	const char *q, *all = p;

	for (; (p = memmem(p, (size_t)(end - p), "eyJ", 3)) != NULL; p++) {
		if (p > all && (token_char(p[-1], false) || p[-1] == '.'))
			continue;
		q = jwt_part(p, end, "eyJ", 12);
		if (!q || q == end || *q != '.')
			continue;
		q = jwt_part(q + 1, end, "ey", 4);
		if (q && q < end && *q == '.' && jwt_part(q + 1, end, "", 16))
			return p;
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

size_t secret_find(const void *bytes, size_t n, struct secret out[SECRETS_MAX])
{
	const char *p = bytes, *end = p + n, *hit, *what;
	size_t len = 0;

	if (memchr(p, 0, n < TEXT_PROBE ? n : TEXT_PROBE))
		return 0;
	hit = find_key(p, end);
	if (hit)
		out[len++] = (struct secret){ "a private key", hit, true };
	hit = find_auth(p, n, &what);
	if (hit) {
		out[len++] = (struct secret){ what, hit, false };
		return len;
	}
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		const struct token *t = &tokens[i];

		for (hit = p; (hit = memmem(hit, (size_t)(end - hit), t->start, strlen(t->start))) != NULL; hit++)
			if (is_token(t, p, hit, end)) {
				out[len++] = (struct secret){ t->what, hit, false };
				break;
			}
	}
	hit = find_jwt(p, end);
	if (hit)
		out[len++] = (struct secret){ "a JSON Web Token", hit, false };
	return len;
}

static bool ends_as(const char *name, const char *tail)
{
	return strlen(name) >= strlen(tail) && strcasecmp(name + strlen(name) - strlen(tail), tail) == 0;
}

/* Whether the last of a name's words, which '_' keeps apart, ends as a password's does. */
static bool last_word(const char *name)
{
	const char *word = strrchr(name, '_') ? strrchr(name, '_') + 1 : name;

	/* DB_PWD is none of the shell's */
	for (size_t i = 0; i < ARRAY_LEN(other_words); i++)
		if (strcasecmp(word, other_words[i]) == 0 && (word == name || !ends_as(word, "PWD")))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(env_lasts); i++)
		if (ends_as(word, env_lasts[i]))
			return true;
	return false;
}

bool secret_is_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(env_ends); i++)
		if (strlen(name) > strlen(env_ends[i]) && ends_as(name, env_ends[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(env_words); i++)
		if (strcasestr(name, env_words[i]))
			return true;
	return last_word(name);
}

/* AUTH, AUTHORIZATION, HTTP_AUTH_HEADER; not AUTHOR. */
static bool names_login(const char *name)
{
	const char *auth = strcasestr(name, "AUTH");

	return auth && (strncasecmp(auth, "AUTHOR", 6) != 0 || strncasecmp(auth, "AUTHORIZ", 8) == 0);
}

/* "Bearer x" (RFC 6750) and "Basic x": where the name says so all but a word, elsewhere if it is as long as a token. */
static bool is_authorization(const char *name, const char *value)
{
	const size_t least = names_login(name) ? 6 : 20;
	const char *p = strncasecmp(value, "Bearer ", 7) == 0 ? value + 7
			: strncasecmp(value, "Basic ", 6) == 0 ? value + 6 : NULL;
	size_t n;

	if (!p)
		return false;
	p += strspn(p, " ");
	n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
	return n >= least && !p[n + strspn(p + n, " \r\n")];
}

/* scheme://user:password@host: the user's name alone is no secret. */
static bool has_password(const char *url)
{
	const char *at = strstr(url, "://"), *colon;
	size_t n;

	if (!at)
		return false;
	at += strlen("://");
	n = strcspn(at, "/?# \t\n");
	if (!memchr(at, '@', n))
		return false;
	colon = memchr(at, ':', n);
	return colon && colon[1] != '@' && colon < (const char *)memrchr(at, '@', n);
}

const char *secret_of_env(const char *name, const char *value)
{
	struct secret found[SECRETS_MAX];

	if (secret_find(value, strlen(value), found))
		return found[0].what;
	if (has_password(value))
		return "a URL with a password";
	if (is_authorization(name, value))
		return "an authorization header";
	return secret_is_name(name) ? "a secret, by its name" : NULL;
}
