/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/creds.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define DEPTH_MAX   8u	  /* profiles that name each other */
#define PROCESS_MS  60000 /* it may ask the user something */
#define PROCESS_MAX (64u << 10)

/* What ends a header's line would begin another one. */
static int take_keys(struct aws_creds *out, const char *id, const char *secret, const char *token, const char *of,
		     struct err *err)
{
	if (!creds_is_word(id) || (token && !creds_is_word(token)) || strpbrk(secret, "\r\n")) {
		err_set(err, ERR_FORMAT, "the access key of %s has a blank in it, or what is not printable", of);
		return err_hint(err, "it may be a line's end: look at the key, the secret and the session token");
	}
	out->id = xstrdup(id);
	out->secret = xstrdup(secret);
	out->token = token ? xstrdup(token) : NULL;
	return 0;
}

static void say(struct aws_creds *c, char *from, char *renew)
{
	c->from = from;
	c->renew = renew;
}

static int by_environment(struct aws_creds *out, struct err *err)
{
	const char *id = env_get("AWS_ACCESS_KEY_ID"), *secret = env_get("AWS_SECRET_ACCESS_KEY");
	const char *token = env_get("AWS_SESSION_TOKEN") ? env_get("AWS_SESSION_TOKEN") : env_get("AWS_SECURITY_TOKEN");
	const char *expires = env_get("AWS_CREDENTIAL_EXPIRATION");

	if (!id)
		return 0;
	if (!secret) {
		err_set(err, ERR_NOTFOUND, "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY");
		return err_hint(err, "set both, or neither");
	}
	if (take_keys(out, id, secret, token, "the environment", err) < 0)
		return -1;
	if (expires)
		(void)!aws_time(expires, &out->expires);
	say(out, xstrdup("the environment"),
	    xstrdup("set new ones, in AWS_ACCESS_KEY_ID and its like, or unset them for those of ~/.aws"));
	return 1;
}

int creds_by_process(const char *command, const char *from, struct aws_creds *out, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct proc_opts o = { .out = &b, .limit = PROCESS_MAX, .timeout_ms = PROCESS_MS, .die_with_us = true,
			       .own_group = true };
	int status, ret;

	/* does not move, leaving copies */
	buf_reserve(&b, PROCESS_MAX + 1);
	ret = proc_run(argv, &o, &status, err);
	if (ret == 0 && status != 0)
		ret = err_set(err, ERR_TOOL, "it failed with status %d", status);
	if (ret == 0)
		ret = creds_json(buf_str(&b), out, err);
	if (b.len)
		explicit_bzero(b.ptr, b.len);
	if (ret < 0)
		return err_wrap(err, "credential_process of %s", from);
	say(out, xasprintf("%s's credential_process", from), xstrdup("look what is wrong with that program"));
	return 1;
}

/* Access keys of one of the two files. */
static int by_keys(const struct profiles *p, const char *name, bool secrets, struct aws_creds *out, struct err *err)
{
	const char *(*const get)(const struct profiles *, const char *, const char *) =
		secrets ? profiles_secret : profiles_config;
	const char *id = get(p, name, "aws_access_key_id"), *secret = get(p, name, "aws_secret_access_key");
	const char *token = get(p, name, "aws_session_token"), *path = secrets ? p->credentials_path : p->config_path;
	CLEAN_FREE char *from = NULL;

	if (!id)
		return 0;
	if (!secret)
		return err_set(err, ERR_NOTFOUND,
			       "%s: profile '%.100s' has an aws_access_key_id, but no "
			       "aws_secret_access_key",
			       path, name);
	from = xasprintf("profile '%.100s' in %s", name, path);
	if (take_keys(out, id, secret, token, from, err) < 0)
		return -1;
	say(out, steal(&from),
	    xasprintf("get new ones, and write them there: `aws configure --profile %.100s`", name));
	return 1;
}

static int by_profile(const struct creds_env *e, const char *name, unsigned depth, struct aws_creds *out,
		      struct err *err);

/* Whose credentials ask for the role: another profile's, the same one's keys, or credential_source's. */
static int source_of(const struct creds_env *e, const char *name, unsigned depth, struct aws_creds *out,
		     struct err *err)
{
	const char *other = profiles_get(e->profiles, name, "source_profile");
	const char *kind = profiles_get(e->profiles, name, "credential_source");
	int ret;

	if (!other && !kind) {
		err_set(err, ERR_NOTFOUND, "profile '%.100s' has a role_arn, but nobody who may take that role", name);
		return err_hint(err, "name a profile in source_profile, or Environment, EcsContainer or "
				     "Ec2InstanceMetadata in credential_source");
	}
	if (kind) {
		if (strcmp(kind, "Environment") == 0)
			ret = by_environment(out, err);
		else if (strcmp(kind, "EcsContainer") == 0)
			ret = creds_by_container(e, out, err);
		else if (strcmp(kind, "Ec2InstanceMetadata") == 0)
			ret = creds_by_instance(e, out, err);
		else
			return err_set(err, ERR_FORMAT,
				       "profile '%.100s': credential_source is '%.40s', not Environment, "
				       "EcsContainer or Ec2InstanceMetadata",
				       name, kind);
	} else if (strcmp(other, name) == 0) {
		ret = by_keys(e->profiles, name, true, out, err);
		ret = ret ? ret : by_keys(e->profiles, name, false, out, err);
	} else {
		if (!profiles_has(e->profiles, other))
			return err_set(err, ERR_NOTFOUND,
				       "profile '%.100s': there is no profile '%.100s', which "
				       "source_profile names",
				       name, other);
		ret = by_profile(e, other, depth + 1, out, err);
	}
	if (ret == 0)
		ret = err_set(err, ERR_NOTFOUND, "profile '%.100s': %s '%.100s' has no credentials", name,
			      kind ? "credential_source" : "source_profile", kind ? kind : other);
	return ret;
}

static int by_role(const struct creds_env *e, const char *name, unsigned depth, struct aws_creds *out, struct err *err)
{
	CLEAN_AWS_CREDS struct aws_creds source = { .id = NULL };

	if (!profiles_get(e->profiles, name, "role_arn") || profiles_get(e->profiles, name, "web_identity_token_file"))
		return 0;
	if (depth >= DEPTH_MAX)
		return err_set(err, ERR_FORMAT,
			       "profile '%.100s': limit exceeded: %u profiles that name each other by "
			       "source_profile",
			       e->profiles->name, DEPTH_MAX);
	if (source_of(e, name, depth, &source, err) < 0)
		return -1;
	return creds_by_role(e, name, &source, out, err);
}

static int by_profile(const struct creds_env *e, const char *name, unsigned depth, struct aws_creds *out,
		      struct err *err)
{
	const char *command;
	CLEAN_FREE char *from = NULL;
	int ret = by_role(e, name, depth, out, err);

	if (ret == 0 && depth == 0 && !e->named)
		ret = creds_by_web_identity(e, NULL, out, err);
	if (ret == 0)
		ret = creds_by_web_identity(e, name, out, err);
	if (ret == 0)
		ret = creds_by_sso(e, name, out, err);
	if (ret == 0)
		ret = by_keys(e->profiles, name, true, out, err);
	command = profiles_get(e->profiles, name, "credential_process");
	if (ret == 0 && command) {
		from = xasprintf("profile '%.100s'", name);
		ret = creds_by_process(command, from, out, err);
	}
	if (ret == 0)
		ret = by_keys(e->profiles, name, false, out, err);
	return ret;
}

static int check_age(struct aws_creds *c, struct err *err)
{
	const int64_t now = (int64_t)time(NULL);

	if (!c->expires || c->expires > now + (int64_t)CREDS_SOON_S)
		return 0;
	err_set(err, ERR_NET, "the credentials of %s have expired", c->from);
	err_hint(err, "%s", c->renew ? c->renew : "get new ones");
	aws_creds_release(c);
	return -1;
}

int creds_look(const struct creds_env *e, struct aws_creds *out, struct err *err)
{
	int ret = e->named ? 0 : by_environment(out, err);

	if (ret == 0)
		ret = by_profile(e, e->profiles->name, 0, out, err);
	/* a profile may be there for its region alone */
	if (ret == 0)
		ret = creds_by_container(e, out, err);
	if (ret == 0)
		ret = creds_by_instance(e, out, err);
	if (ret < 0)
		return -1;
	if (ret > 0)
		return check_age(out, err);
	if (e->profiles->named)
		err_set(err, ERR_NOTFOUND, "profile '%.100s' has no credentials", e->profiles->name);
	else
		err_set(err, ERR_NOTFOUND,
			"there are no AWS credentials: not in the environment, %s or %s, and neither "
			"of a container nor of an instance",
			e->profiles->credentials_path, e->profiles->config_path);
	return err_hint(err, "run `aws configure` or `aws sso login`, or set AWS_ACCESS_KEY_ID and "
			     "AWS_SECRET_ACCESS_KEY");
}
