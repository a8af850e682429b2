/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_CREDS_H
#define SLSC_DEPLOY_CREDS_H

#include <jansson.h>

#include "deploy/aws.h"
#include "deploy/profiles.h"

/*
 * Credentials where AWS's own tools find them, in botocore's order:
 *
 *	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (not if a profile is named on the command line)
 *	the profile: role_arn with source_profile or credential_source (STS)
 *	AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile's (STS)
 *	the profile: sso_session, or sso_start_url (the token that `aws sso login` keeps in ~/.aws/sso/cache)
 *	the profile: access keys in the file of credentials, credential_process, access keys in the file of settings
 *	AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *	the instance's metadata (IMDSv2), unless AWS_EC2_METADATA_DISABLED is true
 *
 * Nothing of it is written anywhere, but for a login's token that is renewed, in the place where it was.
 */
struct creds_env {
	struct aws *aws;
	const struct profiles *profiles;
	const char *region; /* of STS; may be NULL until that is needed */
	bool named;	    /* on the command line */
};

/**
 * creds_look - ERR_NOTFOUND: there are none; ERR_NET: they have expired, or a service refused; ERR_FORMAT, ERR_TOOL.
 * @out is empty after a failure.
 */
int creds_look(const struct creds_env *e, struct aws_creds *out, struct err *err) MUST_CHECK;

#define CREDS_SOON_S 60 /* what expires within so many seconds is not used */

/* ---- the parts: each returns 1 (found), 0 (not asked for) or -1 with @err ---- */

int creds_by_process(const char *command, const char *from, struct aws_creds *out, struct err *err);
int creds_by_sso(const struct creds_env *e, const char *profile, struct aws_creds *out, struct err *err);
int creds_by_container(const struct creds_env *e, struct aws_creds *out, struct err *err);
int creds_by_instance(const struct creds_env *e, struct aws_creds *out, struct err *err);
/** creds_by_role - AssumeRole as @profile says, with @source. */
int creds_by_role(const struct creds_env *e, const char *profile, const struct aws_creds *source, struct aws_creds *out,
		  struct err *err);
/** creds_by_web_identity - @profile: NULL: as the environment says. */
int creds_by_web_identity(const struct creds_env *e, const char *profile, struct aws_creds *out, struct err *err);

/* ---- what is parsed, for tests and the fuzz target ---- */

/** creds_is_word - printable ASCII without blanks, as keys and tokens are: it goes into a header. */
bool creds_is_word(const char *s);
/** creds_json - {"AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration"}; ERR_FORMAT. */
int creds_json(struct str text, struct aws_creds *out, struct err *err) MUST_CHECK;
/** creds_sts - the XML of AssumeRole's answer and its like. */
int creds_sts(struct str text, struct aws_creds *out, struct err *err) MUST_CHECK;
/** json_forget - json_decref() of an object, whose strings are wiped before: jansson frees them as they are. */
void json_forget(json_t *j);
/** The token that `aws sso login` keeps. */
struct sso_token {
	char *token, *region;
	int64_t expires;
	char *refresh, *client, *client_secret; /* for a new one; NULL: it cannot be renewed */
	int64_t client_expires;
};
void sso_token_release(struct sso_token *t);
int sso_token_parse(struct str text, struct sso_token *out, struct err *err) MUST_CHECK;
/** sso_creds_parse - {"roleCredentials": {...}}. */
int sso_creds_parse(struct str text, struct aws_creds *out, struct err *err) MUST_CHECK;

#endif
