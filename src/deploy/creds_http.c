/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that a machine gives what runs on it: containers ("Container credential provider", AWS SDKs and tools
 * reference) and instances (IMDSv2: "Use the Instance Metadata Service", EC2 user guide).
 */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "deploy/creds.h"
#include "deploy/sigv4.h"
#include "os/fs.h"
#include "registry/auth.h"

#define CONTAINER      "http://169.254.170.2"
#define INSTANCE_V4    "http://169.254.169.254"
#define INSTANCE_V6    "http://[fd00:ec2::254]"
#define CONTAINER_MS   5000
#define INSTANCE_MS    1000 /* where there is none, this is what it costs to find out */
#define TOKEN_FILE_MAX (64u << 10)
#define TOKEN_HEADER   "Authorization: "
#define SESSION_HEADER "X-aws-ec2-metadata-token: "

static int get(const struct creds_env *e, const struct aws_call *c, struct http_resp *resp, struct err *err)
{
	if (aws_send(e->aws, c, resp, err) < 0)
		return -1;
	return resp->status == 200 ? 0 : aws_refused(c, resp, err);
}

/* ---- containers ---- */

/* Whom a token may be sent in the clear: this machine, and the addresses that ECS and EKS have for this. */
static bool is_near(const struct http_url *u)
{
	return strcmp(u->scheme, "https") == 0 || host_is_loopback(u->host) || strcmp(u->host, "169.254.170.2") == 0 ||
	       strcmp(u->host, "169.254.170.23") == 0 || strcmp(u->host, "[fd00:ec2::23]") == 0;
}

static int container_token(char **header, struct err *err)
{
	const char *path = env_get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = env_get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	CLEAN_BUF struct buf b = BUF_INIT;
	struct str s;

	if (!path && !token)
		return 0;
	buf_reserve(&b, TOKEN_FILE_MAX + 1);
	if (!path)
		buf_add(&b, token, strnlen(token, TOKEN_FILE_MAX));
	else if (fs_read(path, TOKEN_FILE_MAX, &b, err) < 0)
		return err_wrap(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	s = str_trim(buf_str(&b));
	if (memchr(s.ptr, '\n', s.len) || memchr(s.ptr, '\r', s.len) || memchr(s.ptr, '\0', s.len))
		return err_set(err, ERR_FORMAT, "the container's authorization token has more than one line");
	*header = xasprintf(TOKEN_HEADER "%.*s", (int)s.len, s.ptr);
	explicit_bzero(b.ptr, b.len);
	return 0;
}

/* No copy of them is left in memory. */
static int get_creds(const struct creds_env *e, const struct aws_call *c, struct aws_creds *out, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	int ret = get(e, c, &resp, err);

	if (ret == 0 && creds_json(buf_str(&resp.body), out, err) < 0)
		ret = err_wrap(err, "%s", c->what);
	explicit_bzero(resp.body.ptr, resp.body.len);
	return ret;
}

int creds_by_container(const struct creds_env *e, struct aws_creds *out, struct err *err)
{
	const char *relative = env_get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env_get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	CLEAN_FREE char *url = relative ? xasprintf(CONTAINER "%s", relative) : full ? xstrdup(full) : NULL;
	CLEANUP(secret_wipe) char *header = NULL;
	CLEAN_HTTP_URL struct http_url u = HTTP_URL_INIT;
	struct aws_call c = { .what = "the container's credentials", .method = "GET", .hurry_ms = CONTAINER_MS };

	if (!url)
		return 0;
	/* not shown: it may hold a password */
	if (http_ops(e->aws->http)->url(NULL, url, &u, err) < 0)
		return err_set(err, ERR_USAGE,
			       "AWS_CONTAINER_CREDENTIALS_%s_URI is no http or https URL, or names a user",
			       relative ? "RELATIVE" : "FULL");
	if (!is_near(&u)) {
		err_set(err, ERR_USAGE,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI: '%.200s' is neither https nor on this machine", url);
		return err_hint(err, "a token would go through the network in the clear");
	}
	if (container_token(&header, err) < 0)
		return -1;
	c.url = url;
	c.headers = (char *const[]){ header, NULL };
	c.hide = (const char *const[]){ header ? header + strlen(TOKEN_HEADER) : NULL, NULL };
	if (get_creds(e, &c, out, err) < 0)
		return -1;
	out->from = xstrdup("the container");
	out->renew = xstrdup("its agent should have new ones: is it well?");
	return 1;
}

/* ---- instances ---- */

static int instance_token(const struct creds_env *e, const char *base, char **header, struct err *err)
{
	CLEAN_FREE char *url = xasprintf("%s/latest/api/token", base);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct aws_call c = { .what = "the instance's metadata",
			      .method = "PUT",
			      .url = url,
			      .hurry_ms = INSTANCE_MS,
			      .headers = (char *const[]){ "X-aws-ec2-metadata-token-ttl-seconds: 21600", NULL } };
	struct str s;

	if (get(e, &c, &resp, err) < 0)
		return -1;
	s = str_trim(buf_str(&resp.body));
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] >= 0x7f)
			s.len = 0;
	if (!s.len || s.len > 4096)
		return err_set(err, ERR_FORMAT, "%s: its answer is no token", c.what);
	*header = xasprintf(SESSION_HEADER "%.*s", (int)s.len, s.ptr);
	explicit_bzero(resp.body.ptr, resp.body.len);
	return 0;
}

/* @c: with its headers; the URL is @dir's for this. */
static int instance_role(const struct creds_env *e, const char *dir, struct aws_call *c, char **role, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct str line;

	c->url = dir;
	if (aws_send(e->aws, c, &resp, err) < 0)
		return -1;
	/* it has no role */
	if (resp.status == 404)
		return 0;
	if (resp.status != 200)
		return aws_refused(c, &resp, err);
	line = buf_str(&resp.body);
	(void)str_cut(&line, '\n');
	line = str_trim(line);
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] <= ' ' || (unsigned char)line.ptr[i] >= 0x7f || strchr("/?#%", line.ptr[i]))
			return err_set(err, ERR_FORMAT, "%s: its answer is no role's name", c->what);
	if (line.len)
		*role = xstrndup(line.ptr, line.len);
	return 0;
}

int creds_by_instance(const struct creds_env *e, struct aws_creds *out, struct err *err)
{
	const char *off = env_get("AWS_EC2_METADATA_DISABLED"), *named = env_get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = env_get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	const char *base = named ? named : mode && strcasecmp(mode, "ipv6") == 0 ? INSTANCE_V6 : INSTANCE_V4;
	CLEAN_FREE char *root = xstrndup(base, strlen(base) - (ends_with(base, "/") ? 1 : 0));
	CLEAN_FREE char *dir = xasprintf("%s/latest/meta-data/iam/security-credentials/", root);
	CLEAN_FREE char *role = NULL, *url = NULL;
	CLEANUP(secret_wipe) char *header = NULL;
	struct aws_call c = { .what = "the instance's metadata", .method = "GET", .hurry_ms = INSTANCE_MS };
	struct err away = ERR_INIT;

	if (off && strcasecmp(off, "true") == 0)
		return 0;
	/* most machines are no instances: that is no error, unless somebody says where it is */
	if (instance_token(e, root, &header, &away) < 0) {
		if (!named && away.code != ERR_INTR)
			return 0;
		*err = away;
		return -1;
	}
	c.headers = (char *const[]){ header, NULL };
	c.hide = (const char *const[]){ header + strlen(SESSION_HEADER), NULL };
	if (instance_role(e, dir, &c, &role, err) < 0)
		return -1;
	if (!role)
		return 0;
	url = xasprintf("%s%s", dir, role);
	c.url = url;
	if (get_creds(e, &c, out, err) < 0)
		return -1;
	out->from = xasprintf("the instance's role '%.100s'", role);
	out->renew = xstrdup("the instance should have new ones: is its role still attached?");
	return 1;
}
