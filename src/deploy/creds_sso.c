/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM Identity Center: `aws sso login` keeps a token in ~/.aws/sso/cache, in a file named after the SHA-1 of the
 * session's name, or of the start URL where a profile has no session; for it the portal gives a role's credentials. A
 * session's token lasts an hour and can be renewed, which changes that file, as with every tool of AWS's.
 */
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "deploy/sigv4.h"
#include "oci/crypto.h"
#include "oci/js.h"
#include "os/fs.h"
#include "os/late.h"

#define TOKEN_FILE_MAX (256u << 10)

static char *cache_file(const struct profiles *p, const char *of, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	uint8_t sum[CRYPTO_SHA1_LEN];
	CLEAN_BUF struct buf b = BUF_INIT;

	if (!ops)
		return NULL;
	ops->sha1(of, strlen(of), sum);
	buf_addf(&b, "%s/.aws/sso/cache/", p->home);
	for (size_t i = 0; i < sizeof(sum); i++)
		buf_addf(&b, "%02x", sum[i]);
	buf_addz(&b, ".json");
	return buf_detach(&b);
}

static int expired(const char *profile, struct err *err)
{
	err_set(err, ERR_NET, "profile '%.100s': the login to its SSO session has expired", profile);
	return err_hint(err, "run `aws sso login --profile %.100s`", profile);
}

static int load_token(const char *path, const char *profile, struct sso_token *t, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	int ret;

	if (!fs_exists(path)) {
		err_set(err, ERR_NOTFOUND, "profile '%.100s': nobody has logged in to its SSO session", profile);
		return err_hint(err, "run `aws sso login --profile %.100s`", profile);
	}
	buf_reserve(&b, TOKEN_FILE_MAX + 1);
	ret = fs_read(path, TOKEN_FILE_MAX, &b, err);
	if (ret == 0 && sso_token_parse(buf_str(&b), t, err) < 0)
		ret = err_wrap(err, "%s", path);
	explicit_bzero(b.ptr, b.len);
	return ret;
}

/* ---- a token that is renewed: CreateToken, IAM Identity Center OIDC API reference ---- */

static void put(json_t *j, const char *key, const char *value)
{
	js_set(j, key, js_must(json_string(value)));
}

/* The file again, with what is new in it: the old refresh token may be worth nothing any more. */
static int keep_token(const char *path, const json_t *answer, int64_t until, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEANUP(secret_wipe) char *text = NULL;
	const char *refresh = json_string_value(json_object_get(answer, "refreshToken"));
	const time_t at = (time_t)until;
	struct tm tm;
	char when[32];
	json_t *j;
	int ret;

	buf_reserve(&b, TOKEN_FILE_MAX + 1);
	if (fs_read(path, TOKEN_FILE_MAX, &b, err) < 0)
		return -1;
	j = json_loadb(b.ptr, b.len, 0, NULL);
	explicit_bzero(b.ptr, b.len);
	if (!json_is_object(j)) {
		json_decref(j);
		return err_set(err, ERR_FORMAT, "%s: it is not a JSON object", path);
	}
	gmtime_r(&at, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(j, "accessToken", json_string_value(json_object_get(answer, "accessToken")));
	put(j, "expiresAt", when);
	if (refresh)
		put(j, "refreshToken", refresh);
	text = json_dumps(j, JSON_PRESERVE_ORDER);
	ret = fs_write_file(path, text, strlen(text), 0600, err);
	json_forget(j);
	return ret;
}

static int renew(const struct creds_env *e, const char *profile, const char *region, const char *path,
		 struct sso_token *t, struct err *err)
{
	CLEAN_FREE char *base = profiles_url(e->profiles, NULL, "sso_oidc", region);
	CLEAN_FREE char *url = xasprintf("%s/token", base);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	char type[] = "Content-Type: application/json";
	char *const headers[] = { type, NULL };
	const char *const hide[] = { t->refresh, t->client_secret, NULL };
	struct aws_call c = {
		.what = "CreateToken", .method = "POST", .url = url, .headers = headers, .hide = hide
	};
	CLEANUP(secret_wipe) char *body = NULL;
	json_t *j = js_must(json_object());
	int64_t seconds;
	const char *token;
	int ret;

	put(j, "clientId", t->client);
	put(j, "clientSecret", t->client_secret);
	put(j, "grantType", "refresh_token");
	put(j, "refreshToken", t->refresh);
	body = json_dumps(j, JSON_COMPACT);
	json_forget(j);
	c.body = str_from(body);
	if (aws_send(e->aws, &c, &resp, err) < 0)
		return -1;
	if (resp.status != 200)
		return resp.status < 500 ? expired(profile, err) : aws_refused(&c, &resp, err);
	j = json_loadb(resp.body.ptr, resp.body.len, 0, NULL);
	explicit_bzero(resp.body.ptr, resp.body.len);
	token = json_string_value(json_object_get(j, "accessToken"));
	seconds = json_integer_value(json_object_get(j, "expiresIn"));
	if (!token || !*token || strpbrk(token, "\r\n") || seconds <= 0 || seconds > 366 * 86400) {
		json_forget(j);
		return err_set(err, ERR_FORMAT, "CreateToken: the answer holds no token");
	}
	t->expires = (int64_t)time(NULL) + seconds;
	secret_wipe(&t->token);
	t->token = xstrdup(token);
	ret = keep_token(path, j, t->expires, err);
	json_forget(j);
	return ret;
}

static int fresh_token(const struct creds_env *e, const char *profile, const char *region, const char *path,
		       struct sso_token *t, struct err *err)
{
	const int64_t now = (int64_t)time(NULL);

	if (t->expires > now + (int64_t)CREDS_SOON_S)
		return 0;
	if (!t->refresh || t->client_expires <= now)
		return expired(profile, err);
	return renew(e, profile, region, path, t, err);
}

static int ask_portal(const struct creds_env *e, const char *profile, const char *region, const struct sso_token *t,
		      struct aws_creds *out, struct err *err)
{
	const char *account = profiles_get(e->profiles, profile, "sso_account_id");
	const char *role = profiles_get(e->profiles, profile, "sso_role_name");
	CLEAN_FREE char *base = profiles_url(e->profiles, NULL, "sso", region);
	CLEAN_FREE char *what = xasprintf("GetRoleCredentials of %.100s, profile '%.100s'", role, profile);
	CLEANUP(secret_wipe) char *header = xasprintf("x-amz-sso_bearer_token: %s", t->token);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_BUF struct buf url = BUF_INIT;
	struct aws_call c = { .what = what,
			      .method = "GET",
			      .headers = (char *const[]){ header, NULL },
			      .hide = (const char *const[]){ t->token, NULL } };
	int ret;

	buf_addf(&url, "%s/federation/credentials?role_name=", base);
	sigv4_escape(role, false, &url);
	buf_addz(&url, "&account_id=");
	sigv4_escape(account, false, &url);
	c.url = url.ptr;
	ret = aws_send(e->aws, &c, &resp, err);
	if (ret == 0 && resp.status == 401) {
		ret = expired(profile, err);
	} else if (ret == 0 && resp.status != 200) {
		ret = aws_refused(&c, &resp, err);
	} else if (ret == 0 && sso_creds_parse(buf_str(&resp.body), out, err) < 0) {
		ret = err_wrap(err, "%s", what);
	}
	explicit_bzero(resp.body.ptr, resp.body.len);
	return ret;
}

int creds_by_sso(const struct creds_env *e, const char *profile, struct aws_creds *out, struct err *err)
{
	const struct profiles *p = e->profiles;
	const char *session = profiles_get(p, profile, "sso_session"), *url = profiles_get(p, profile, "sso_start_url");
	const char *region = profiles_get(p, profile, "sso_region");
	CLEANUP(sso_token_release) struct sso_token t = { .token = NULL };
	CLEAN_FREE char *section = NULL, *path = NULL;

	if (!session && !url)
		return 0;
	/* a session without an account is for other things */
	if (!profiles_get(p, profile, "sso_account_id") || !profiles_get(p, profile, "sso_role_name"))
		return 0;
	if (session) {
		section = xasprintf("sso-session %s", session);
		if (!ini_has(&p->config, section))
			return err_set(err, ERR_NOTFOUND,
				       "%s: there is no [sso-session %.100s], which profile '%.100s' "
				       "names",
				       p->config_path, session, profile);
		region = ini_get(&p->config, section, "sso_region");
	}
	path = cache_file(p, session ? session : url, err);
	if (!path || load_token(path, profile, &t, err) < 0)
		return -1;
	region = region && *region ? region : t.region;
	if (!region)
		return err_set(err, ERR_NOTFOUND, "%s: profile '%.100s': no sso_region is known", p->config_path,
			       profile);
	/* the login's token goes there */
	if (!region_is_name(region))
		return err_set(err, ERR_FORMAT, "%s: profile '%.100s': sso_region: '%.60s' is no region",
			       p->config_path, profile, region);
	if (fresh_token(e, profile, region, path, &t, err) < 0 || ask_portal(e, profile, region, &t, out, err) < 0)
		return -1;
	out->from = xasprintf("profile '%.100s', by SSO", profile);
	out->renew = xasprintf("run `aws sso login --profile %.100s`", profile);
	return 1;
}
