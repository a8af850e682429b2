/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in JSON and XML: from programs, files and services that may be anybody's. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "deploy/sigv4.h"

#define CREDS_MAX (256u << 10) /* bytes of an answer */
#define TOKEN_MAX (64u << 10)

bool creds_is_word(const char *s)
{
	if (!s || !*s || strlen(s) > TOKEN_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static int take(const char *id, const char *secret, const char *token, struct aws_creds *out, struct err *err)
{
	if (!creds_is_word(id) || !creds_is_word(secret) || (token && *token && !creds_is_word(token)))
		return err_set(err, ERR_FORMAT, "it holds no access key and secret");
	out->id = xstrdup(id);
	out->secret = xstrdup(secret);
	out->token = token && *token ? xstrdup(token) : NULL;
	return 0;
}

static const char *string_at(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static json_t *parse(struct str text, struct err *err)
{
	json_t *j = text.len && text.len <= CREDS_MAX ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;

	/* jansson's words may quote what is in it */
	if (!json_is_object(j)) {
		json_decref(j);
		err_set(err, ERR_FORMAT, "it is not a JSON object");
		return NULL;
	}
	return j;
}

void json_forget(json_t *j)
{
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v) {
		if (json_is_string(v))
			explicit_bzero((char *)(uintptr_t)json_string_value(v), json_string_length(v));
		else if (json_is_object(v))
			json_forget(json_incref(v));
	}
	json_decref(j);
}

int creds_json(struct str text, struct aws_creds *out, struct err *err)
{
	json_t *j = parse(text, err);
	const char *token, *expires;
	int ret;

	if (!j)
		return -1;
	token = string_at(j, "Token") ? string_at(j, "Token") : string_at(j, "SessionToken");
	expires = string_at(j, "Expiration");
	ret = take(string_at(j, "AccessKeyId"), string_at(j, "SecretAccessKey"), token, out, err);
	if (ret == 0 && expires && aws_time(expires, &out->expires) < 0) {
		aws_creds_release(out);
		ret = err_set(err, ERR_FORMAT, "its Expiration is no time");
	}
	json_forget(j);
	return ret;
}

int creds_sts(struct str text, struct aws_creds *out, struct err *err)
{
	CLEAN_BUF struct buf id = BUF_INIT, secret = BUF_INIT, token = BUF_INIT, expires = BUF_INIT;
	int ret = -1;

	/* none of them moves, leaving copies */
	buf_reserve(&secret, 256);
	buf_reserve(&token, text.len <= CREDS_MAX ? text.len : 0);
	if (text.len > CREDS_MAX || !xml_text(text, "AccessKeyId", &id) || !xml_text(text, "SecretAccessKey", &secret))
		err_set(err, ERR_FORMAT, "the answer holds no credentials");
	else if (xml_text(text, "SessionToken", &token), xml_text(text, "Expiration", &expires),
		 expires.len && aws_time(expires.ptr, &out->expires) < 0)
		err_set(err, ERR_FORMAT, "the answer's Expiration is no time");
	else
		ret = take(id.ptr, secret.ptr, token.ptr, out, err);
	explicit_bzero(secret.ptr, secret.len);
	explicit_bzero(token.ptr, token.len);
	if (ret < 0)
		aws_creds_release(out);
	return ret;
}

void sso_token_release(struct sso_token *t)
{
	secret_wipe(&t->token);
	secret_wipe(&t->refresh);
	secret_wipe(&t->client_secret);
	free(t->client);
	free(t->region);
	*t = (struct sso_token){ .token = NULL };
}

/* What aws keeps beside the token of a session, and not beside that of a start URL. */
static void take_renewal(const json_t *j, struct sso_token *out)
{
	const char *refresh = string_at(j, "refreshToken"), *client = string_at(j, "clientId");
	const char *secret = string_at(j, "clientSecret"), *expires = string_at(j, "registrationExpiresAt");

	if (!refresh || !client || !secret || !expires || aws_time(expires, &out->client_expires) < 0)
		return;
	out->refresh = xstrdup(refresh);
	out->client = xstrdup(client);
	out->client_secret = xstrdup(secret);
}

int sso_token_parse(struct str text, struct sso_token *out, struct err *err)
{
	json_t *j = parse(text, err);
	const char *token, *expires;
	int ret = 0;

	if (!j)
		return -1;
	token = string_at(j, "accessToken");
	expires = string_at(j, "expiresAt");
	if (!creds_is_word(token) || !expires || aws_time(expires, &out->expires) < 0) {
		ret = err_set(err, ERR_FORMAT, "it holds no token with a time");
	} else {
		out->token = xstrdup(token);
		out->region = string_at(j, "region") ? xstrdup(string_at(j, "region")) : NULL;
		take_renewal(j, out);
	}
	json_forget(j);
	return ret;
}

int sso_creds_parse(struct str text, struct aws_creds *out, struct err *err)
{
	json_t *j = parse(text, err), *r;
	int ret;

	if (!j)
		return -1;
	r = json_object_get(j, "roleCredentials");
	ret = take(string_at(r, "accessKeyId"), string_at(r, "secretAccessKey"), string_at(r, "sessionToken"), out,
		   err);
	if (ret == 0)
		out->expires = json_integer_value(json_object_get(r, "expiration")) / 1000;
	json_forget(j);
	return ret;
}
