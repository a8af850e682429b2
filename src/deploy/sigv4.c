/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "oci/crypto.h"
#include "oci/digest.h"
#include "os/late.h"

void secret_wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(steal(s));
}

void secrets_wipe(struct strs *v)
{
	for (size_t i = 0; i < v->len; i++)
		explicit_bzero(v->ptr[i], strlen(v->ptr[i]));
	strs_release(v);
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void sigv4_escape(const char *s, bool slash, struct buf *out)
{
	for (; *s; s++) {
		if (is_unreserved(*s) || (slash && *s == '/'))
			buf_addc(out, *s);
		else
			buf_addf(out, "%%%02X", (unsigned char)*s);
	}
}

/* The path without "." and ".." and empty names (RFC 3986, 5.2.4), then encoded once more; of S3 as it is. */
static void add_path(const struct sigv4 *s, const char *path, struct buf *out)
{
	CLEAN_BUF struct buf clean = BUF_INIT;
	const char *p = path;

	if (s->s3) {
		buf_addz(out, path);
		return;
	}
	while (*p) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0) {
			char *last = strrchr(clean.ptr, '/');

			if (last) {
				*last = '\0';
				clean.len = (size_t)(last - clean.ptr);
			}
		} else if (n && !(n == 1 && *p == '.')) {
			buf_addc(&clean, '/');
			buf_add(&clean, p, n);
		}
		p += n;
	}
	if (!clean.len || path[strlen(path) - 1] == '/')
		buf_addc(&clean, '/');
	sigv4_escape(clean.ptr, true, out);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted by name, then by value: no character of either is less than the '=' replaced by 1 here. */
static int add_query(const char *query, struct buf *out, struct err *err)
{
	CLEAN_STRS struct strs params = { 0 };
	struct str rest = str_from(query);

	while (rest.len) {
		struct str one = rest;
		char *copy;

		rest = str_cut(&one, '&');
		if (!one.len)
			continue;
		if (params.len == SIGV4_QUERY_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: more than %u parameters", SIGV4_QUERY_MAX);
		copy = xasprintf("%.*s%s", (int)one.len, one.ptr, memchr(one.ptr, '=', one.len) ? "" : "=");
		*strchr(copy, '=') = '\1';
		strs_take(&params, copy);
	}
	if (params.len)
		qsort(params.ptr, params.len, sizeof(*params.ptr), by_bytes);
	for (size_t i = 0; i < params.len; i++) {
		*strchr(params.ptr[i], '\1') = '=';
		buf_addf(out, "%s%s", i ? "&" : "", params.ptr[i]);
	}
	return 0;
}

/* One header for the canonical list: the name in lower case, runs of blanks in the value made one. */
static char *canonical_header(const char *line)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *colon = strchr(line, ':'), *p = colon ? colon + 1 : "";
	bool blank = false, begun = false;

	buf_reserve(&b, strlen(line) + 1);
	for (const char *n = line; n < colon; n++)
		buf_addc(&b, (char)(*n >= 'A' && *n <= 'Z' ? *n - 'A' + 'a' : *n));
	buf_addc(&b, ':');
	for (; *p; p++) {
		if (*p == ' ' || *p == '\t') {
			blank = begun;
			continue;
		}
		if (blank)
			buf_addc(&b, ' ');
		blank = false;
		begun = true;
		buf_addc(&b, *p);
	}
	return buf_detach(&b);
}

static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t nx = strcspn(x, ":"), ny = strcspn(y, ":");
	int c = memcmp(x, y, nx < ny ? nx : ny);

	return c ? c : nx < ny ? -1 : nx > ny;
}

static void add_all(char *const *lines, struct strs *out)
{
	for (; lines && *lines; lines++)
		strs_take(out, canonical_header(*lines));
}

int sigv4_canonical(const struct sigv4 *s, const struct sigv4_request *r, char *const *extra, struct buf *out,
		    struct buf *names, struct err *err)
{
	CLEANUP(secrets_wipe) struct strs all = { 0 };
	CLEAN_FREE char *host = xasprintf("Host: %s", r->host);

	add_all((char *const[]){ host, NULL }, &all);
	add_all(r->headers, &all);
	add_all(extra, &all);
	if (all.len > SIGV4_QUERY_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u headers", SIGV4_QUERY_MAX);
	/* few, and of different names: the order among equal ones would be theirs */
	qsort(all.ptr, all.len, sizeof(*all.ptr), by_name);
	buf_addf(out, "%s\n", r->method);
	add_path(s, r->path, out);
	buf_addc(out, '\n');
	if (add_query(r->query, out, err) < 0)
		return -1;
	buf_addc(out, '\n');
	for (size_t i = 0; i < all.len; i++) {
		buf_addf(out, "%s\n", all.ptr[i]);
		buf_addf(names, "%s%.*s", names->len ? ";" : "", (int)strcspn(all.ptr[i], ":"), all.ptr[i]);
	}
	buf_addf(out, "\n%s\n%s", names->ptr, r->body_sha256);
	return 0;
}

static void hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

/* "AWS4" and the secret, then day, region, service and "aws4_request", each by HMAC with what came before. */
static void signing_key(const struct crypto_ops *ops, const struct sigv4 *s, const char *day, uint8_t key[32])
{
	char *first = xasprintf("AWS4%s", s->secret);
	const char *const parts[] = { day, s->region, s->service, "aws4_request" };

	ops->hmac_sha256(first, strlen(first), parts[0], strlen(parts[0]), key);
	secret_wipe(&first);
	for (size_t i = 1; i < ARRAY_LEN(parts); i++)
		ops->hmac_sha256(key, 32, parts[i], strlen(parts[i]), key);
}

static char *authorization(const struct crypto_ops *ops, const struct sigv4 *s, const char *when,
			   const struct digest *canonical, const char *names)
{
	CLEAN_FREE char *day = xstrndup(when, 8);
	CLEAN_FREE char *scope = xasprintf("%s/%s/%s/aws4_request", day, s->region, s->service);
	CLEAN_FREE char *to_sign = xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", when, scope, digest_hex(canonical));
	uint8_t key[CRYPTO_SHA256_LEN], mac[CRYPTO_SHA256_LEN];
	char signature[2 * CRYPTO_SHA256_LEN + 1];

	signing_key(ops, s, day, key);
	ops->hmac_sha256(key, sizeof(key), to_sign, strlen(to_sign), mac);
	ops->wipe(key, sizeof(key));
	hex(mac, sizeof(mac), signature);
	return xasprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", s->id,
			 scope, names, signature);
}

int sigv4_sign(const struct sigv4 *s, const struct sigv4_request *r, struct strs *out, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf canonical = BUF_INIT, names = BUF_INIT;
	const size_t before = out->len;
	struct digest digest;
	const time_t at = (time_t)s->time;
	struct tm tm;
	char when[32];
	int ret;

	if (!ops)
		return -1;
	gmtime_r(&at, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	strs_addf(out, "X-Amz-Date: %s", when);
	if (s->token)
		strs_addf(out, "X-Amz-Security-Token: %s", s->token);
	if (s->s3)
		strs_addf(out, "X-Amz-Content-Sha256: %s", r->body_sha256);
	buf_reserve(&canonical, 8192 + (s->token ? strlen(s->token) : 0));
	ret = sigv4_canonical(s, r, strs_argv(out) + before, &canonical, &names, err);
	if (ret == 0)
		ret = digest_of(canonical.ptr, canonical.len, &digest, err);
	explicit_bzero(canonical.ptr, canonical.len);
	if (ret == 0)
		strs_take(out, authorization(ops, s, when, &digest, names.ptr));
	return ret;
}
