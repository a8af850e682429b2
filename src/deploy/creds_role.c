/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: AssumeRole and AssumeRoleWithWebIdentity (AWS Security Token Service API reference). */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "deploy/sigv4.h"
#include "os/fs.h"
#include "os/secret.h"

#define TOKEN_FILE_MAX (64u << 10)
#define STS_REGION     "us-east-1" /* where no region is known */

static void add_field(struct buf *form, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(form, "&%s=", name);
	sigv4_escape(value, false, form);
}

/* @hide: a secret in the form, or NULL */
static int ask_sts(const struct creds_env *e, const char *what, const struct aws_creds *source, const struct buf *form,
		   const char *hide, struct aws_creds *out, struct err *err)
{
	const char *region = e->region ? e->region : STS_REGION;
	CLEAN_FREE char *base = profiles_url(e->profiles, NULL, "sts", region);
	CLEAN_FREE char *url = xasprintf("%s/", base);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	const struct aws_call c = {
		.what = what,
		.service = "sts",
		.region = region,
		.creds = source,
		.method = "POST",
		.url = url,
		.headers =
			(char *const[]){ (char[]){ "Content-Type: application/x-www-form-urlencoded; charset=utf-8" },
					 NULL },
		.hide = (const char *const[]){ hide, NULL },
		.body = buf_str(form),
	};
	int ret = aws_send(e->aws, &c, &resp, err);

	if (ret == 0 && resp.status != 200)
		ret = aws_refused(&c, &resp, err);
	else if (ret == 0 && creds_sts(buf_str(&resp.body), out, err) < 0)
		ret = err_wrap(err, "%s", what);
	explicit_bzero(resp.body.ptr, resp.body.len);
	return ret;
}

/* A code of six digits from a device that only the user has. */
static int ask_code(const char *serial, struct buf *form, struct err *err)
{
	CLEAN_FREE char *prompt = xasprintf("code of %s: ", serial);
	CLEAN_BUF struct buf code = BUF_INIT;

	if (secret_tty(prompt, &code, err) < 0) {
		err_wrap(err, "%s", serial);
		return err_hint(err, "run `aws sts get-session-token` where there is one, or slsc on a terminal");
	}
	add_field(form, "SerialNumber", serial);
	add_field(form, "TokenCode", code.ptr);
	explicit_bzero(code.ptr, code.len);
	return 0;
}

static char *session_name(const char *said)
{
	return said ? xstrdup(said) : xasprintf("slsc-%lld", (long long)time(NULL));
}

int creds_by_role(const struct creds_env *e, const char *profile, const struct aws_creds *source, struct aws_creds *out,
		  struct err *err)
{
	const struct profiles *p = e->profiles;
	const char *role = profiles_get(p, profile, "role_arn"), *serial = profiles_get(p, profile, "mfa_serial");
	CLEAN_FREE char *session = session_name(profiles_get(p, profile, "role_session_name"));
	CLEAN_FREE char *what = xasprintf("AssumeRole of %.200s, profile '%.100s'", role, profile);
	CLEAN_BUF struct buf form = BUF_INIT;

	buf_addz(&form, "Action=AssumeRole&Version=2011-06-15");
	add_field(&form, "RoleArn", role);
	add_field(&form, "RoleSessionName", session);
	add_field(&form, "DurationSeconds", profiles_get(p, profile, "duration_seconds"));
	add_field(&form, "ExternalId", profiles_get(p, profile, "external_id"));
	if (serial && ask_code(serial, &form, err) < 0)
		return -1;
	if (ask_sts(e, what, source, &form, NULL, out, err) < 0)
		return -1;
	out->from = xasprintf("role %.200s, profile '%.100s'", role, profile);
	out->renew = xstrdup("run slsc again");
	return 1;
}

int creds_by_web_identity(const struct creds_env *e, const char *profile, struct aws_creds *out, struct err *err)
{
	const struct profiles *p = e->profiles;
	const char *file =
		profile ? profiles_get(p, profile, "web_identity_token_file") : env_get("AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *role = profile ? profiles_get(p, profile, "role_arn") : env_get("AWS_ROLE_ARN");
	const char *said = profile ? profiles_get(p, profile, "role_session_name") : env_get("AWS_ROLE_SESSION_NAME");
	CLEAN_FREE char *session = NULL, *what = NULL, *text = NULL;
	CLEAN_BUF struct buf form = BUF_INIT, token = BUF_INIT;
	int ret;

	if (!file)
		return 0;
	if (!role) {
		err_set(err, ERR_NOTFOUND, "%s: there is a web identity's token, but no role for it", file);
		return err_hint(err, "set %s", profile ? "role_arn beside web_identity_token_file" : "AWS_ROLE_ARN");
	}
	session = session_name(said);
	what = xasprintf("AssumeRoleWithWebIdentity of %.200s", role);
	buf_reserve(&token, TOKEN_FILE_MAX + 1);
	if (fs_read(file, TOKEN_FILE_MAX, &token, err) < 0)
		return err_wrap(err, "%s", what);
	text = xstrndup(str_trim(buf_str(&token)).ptr, str_trim(buf_str(&token)).len);
	buf_reserve(&form, 4 * TOKEN_FILE_MAX);
	buf_addz(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
	add_field(&form, "RoleArn", role);
	add_field(&form, "RoleSessionName", session);
	add_field(&form, "WebIdentityToken", text);
	ret = ask_sts(e, what, NULL, &form, text, out, err);
	explicit_bzero(token.ptr, token.len);
	explicit_bzero(text, strlen(text));
	explicit_bzero(form.ptr, form.len);
	if (ret < 0)
		return -1;
	out->from = xasprintf("role %.200s, by web identity", role);
	out->renew = xasprintf("%.150s should have a new token: who writes it?", file);
	return 1;
}
