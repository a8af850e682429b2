/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM Identity Center: `aws sso login` keeps a token in ~/.aws/sso/cache, in a file named after the SHA-1 of the
 * session's name, or of the start URL where a profile has no session; for it the portal gives a role's credentials.
 */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "deploy/sigv4.h"
#include "oci/crypto.h"
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
	if (ret < 0 || t->expires > (int64_t)time(NULL))
		return ret;
	err_set(err, ERR_NET, "profile '%.100s': the login to its SSO session has expired", profile);
	return err_hint(err, "run `aws sso login --profile %.100s`", profile);
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
	struct aws_call c = { .what = what, .method = "GET", .headers = (char *const[]){ header, NULL } };
	int ret;

	buf_addf(&url, "%s/federation/credentials?role_name=", base);
	sigv4_escape(role, false, &url);
	buf_addz(&url, "&account_id=");
	sigv4_escape(account, false, &url);
	c.url = url.ptr;
	ret = aws_send(e->aws, &c, &resp, err);
	if (ret == 0 && resp.status == 401) {
		err_set(err, ERR_NET, "profile '%.100s': the login to its SSO session has expired", profile);
		ret = err_hint(err, "run `aws sso login --profile %.100s`", profile);
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
	if (ask_portal(e, profile, region, &t, out, err) < 0)
		return -1;
	out->from = xasprintf("profile '%.100s', by SSO", profile);
	out->renew = xasprintf("run `aws sso login --profile %.100s`", profile);
	return 1;
}
