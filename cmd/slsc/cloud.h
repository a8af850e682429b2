/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLOUD_H
#define SLSC_CLOUD_H

#include "cli/opt.h"
#include "config/project.h"
#include "deploy/session.h"

/* A function where it is deployed, for the commands that speak to it there: which one, in which region, as whom. */

struct cloud_flags {
	const char *region, *profile, *endpoint;
};

/* Options of a context with a member @m of that type. */
#define CLOUD_OPTS(type, m)                                                                                           \
	{ OPT_GROUP, .help = "The way to AWS" },                                                                       \
	{ OPT_STR, .long_name = "aws-profile", .offset = offsetof(type, m.profile), .arg = "NAME",                     \
	  .help = "the profile of ~/.aws whose credentials and region are used" },                                     \
	{ OPT_STR, .long_name = "region", .offset = offsetof(type, m.region), .arg = "REGION",                         \
	  .help = "default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, deploy.region" },                           \
	{ OPT_STR, .long_name = "endpoint-url", .offset = offsetof(type, m.endpoint), .arg = "URL",                    \
	  .help = "where the service is, if not where AWS has it" }

struct cloud {
	struct project project;
	bool has_project;
	const char *called;		/* as the user calls it; borrowed */
	char *name, *qualifier;		/* as it is called there, or its ARN; qualifier NULL: not said */
	char *arn_region;
	struct session session;
};
#define CLOUD_INIT { .session = SESSION_INIT }
#define CLEAN_CLOUD __attribute__((cleanup(cloud_release)))
void cloud_release(struct cloud *r);

/**
 * cloud_open - @function: of slsc.yaml, or any that is there; NAME, NAME:QUALIFIER or an ARN; NULL: the project's only
 * one. @command is for hints: "slsc logs --remote". Credentials are looked up, no service is asked otherwise.
 */
int cloud_open(struct cloud *r, const struct cloud_flags *f, const char *function, const char *command,
		struct err *err) MUST_CHECK;
/** cloud_url - "URL/2015-03-31/functions/NAME/WHAT", with the qualifier if there is one; heap. */
char *cloud_url(const struct cloud *r, const char *what);

#endif
