/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

static int look(struct session *s, struct err *err)
{
	const struct creds_env e = {
		.aws = &s->aws, .profiles = &s->profiles, .region = s->region, .named = s->opts.profile
	};

	return creds_look(&e, &s->creds, err);
}

int session_init(struct session *s, const struct session_opts *o, struct err *err)
{
	const char *region;

	s->opts = *o;
	s->aws.note = o->note;
	s->aws.ctx = o->ctx;
	if (profiles_load(&s->profiles, o->profile, err) < 0 ||
	    aws_init(&s->aws, profiles_get(&s->profiles, NULL, "ca_bundle"), err) < 0)
		return -1;
	region = profiles_region(&s->profiles, o->region, o->fallback_region);
	if (!region) {
		err_set(err, ERR_USAGE, "no region is known");
		return err_hint(err, "name it: --region, AWS_REGION, region in %.120s, or deploy.region in slsc.yaml",
				s->profiles.config_path);
	}
	if (!region_is_name(region))
		return err_set(err, ERR_USAGE, "'%.60s' is no region", region);
	s->region = xstrdup(region);
	return look(s, err);
}

void session_release(struct session *s)
{
	aws_creds_release(&s->creds);
	profiles_release(&s->profiles);
	aws_release(&s->aws);
	free(steal(&s->region));
}

char *session_url(const struct session *s, const char *service)
{
	const char *option = strcmp(service, "lambda") == 0 || strcmp(service, "logs") == 0 ? s->opts.endpoint : NULL;

	/* settings have another name for it than hosts */
	if (strcmp(service, "logs") == 0)
		option = profiles_endpoint(&s->profiles, option, "cloudwatch_logs");
	return profiles_url(&s->profiles, option, service, s->region);
}

int session_send(struct session *s, struct aws_call *c, struct http_resp *resp, struct err *err)
{
	if (s->creds.expires && s->creds.expires <= (int64_t)time(NULL) + CREDS_SOON_S) {
		aws_creds_release(&s->creds);
		if (look(s, err) < 0)
			return -1;
	}
	c->creds = &s->creds;
	c->region = s->region;
	return aws_send(&s->aws, c, resp, err);
}

int session_refused(struct session *s, struct aws_call *c, const struct http_resp *resp, struct err *err)
{
	c->creds = &s->creds;
	return aws_refused(c, resp, err);
}
