/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_SESSION_H
#define SLSC_DEPLOY_SESSION_H

#include "deploy/aws.h"
#include "deploy/creds.h"
#include "deploy/profiles.h"

/** Who speaks to AWS, and where: what the user says on the command line; borrowed, NULL: not said. */
struct session_opts {
	const char *profile, *region, *endpoint;
	const char *fallback_region; /* slsc.yaml's */
	void (*note)(void *ctx, bool verbose, const char *line);
	void *ctx;
};

struct session {
	struct session_opts opts;
	struct aws aws;
	struct profiles profiles;
	struct aws_creds creds;
	char *region;
};
#define SESSION_INIT                                                                                                   \
	{                                                                                                              \
		.profiles = PROFILES_INIT                                                                              \
	}
#define CLEAN_SESSION __attribute__((cleanup(session_release)))

/** session_init - loads settings, finds the region and the credentials. As profiles_load() and creds_look(). */
int session_init(struct session *s, const struct session_opts *o, struct err *err) MUST_CHECK;
void session_release(struct session *s);
/** session_url - of @service in this region; heap. */
char *session_url(const struct session *s, const char *service);
/** session_send - aws_send(), signed for @c->service; credentials that expire soon are looked for again before. */
int session_send(struct session *s, struct aws_call *c, struct http_resp *resp, struct err *err) MUST_CHECK;
/** session_refused - aws_refused(). */
int session_refused(struct session *s, struct aws_call *c, const struct http_resp *resp, struct err *err);

#endif
