/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_DEPLOY_LAMBDA_H
#define SLSC_CMD_DEPLOY_LAMBDA_H

#include <stddef.h>

#include "cli/opt.h"

/* `slsc deploy --platform lambda`: the options, and the run. */
struct lambda_flags {
	const char *aws_profile, *region, *endpoint, *role, *alias, *weight, *s3, *image, *smoke, *profile, *level;
	bool publish, url, no_smoke, no_build;
	const char *arch;	/* set by the caller, likewise image */
};

/* Options of a context with a member @m of that type. */
#define LAMBDA_OPTS(type, m)                                                                                           \
	{ OPT_GROUP, .help = "What it is to be" },                                                                     \
	{ OPT_STR, .long_name = "role", .offset = offsetof(type, m.role), .arg = "ARN",                                \
	  .help = "the IAM role that the function has; needed where it does not exist yet" },                          \
	{ OPT_STR, .long_name = "alias", .offset = offsetof(type, m.alias), .arg = "NAME",                             \
	  .help = "publish a version, and move this alias to it" },                                                    \
	{ OPT_STR, .long_name = "weight", .offset = offsetof(type, m.weight), .arg = "PERCENT",                        \
	  .help = "how many of the alias' calls the new version gets, such as 10% (default: all)" },                   \
	{ OPT_FLAG, .long_name = "publish", .offset = offsetof(type, m.publish),                                       \
	  .help = "publish a version, also without an alias" },                                                        \
	{ OPT_FLAG, .long_name = "url", .offset = offsetof(type, m.url),                                               \
	  .help = "give it a URL: for signed requests, or as deploy.url in slsc.yaml says" },                          \
	{ OPT_STR, .long_name = "s3", .offset = offsetof(type, m.s3), .arg = "BUCKET[/PREFIX]",                        \
	  .help = "upload the zip through this bucket; needed above 50 MB" },                                          \
	{ OPT_GROUP, .help = "How" },                                                                                  \
	{ OPT_STR, .long_name = "smoke", .offset = offsetof(type, m.smoke), .arg = "EVENT", .complete = COMPLETE_FILE, \
	  .help = "the event that a new version is tried with: a file, - or JSON itself (default: {})" },              \
	{ OPT_FLAG, .long_name = "no-smoke", .offset = offsetof(type, m.no_smoke), .help = "do not try it" },          \
	{ OPT_STR, 'p', "profile", offsetof(type, m.profile), .arg = "NAME", .complete = COMPLETE_PROFILE,             \
	  .help = "what it is built with: release (default), small, fast, debug, or one of slsc.yaml" },               \
	{ OPT_CHOICE, .long_name = "level", .offset = offsetof(type, m.level), .arg = "LEVEL",                         \
	  .choices = lambda_levels, .help = "how hard to compress: fast, default or max" },                            \
	{ OPT_FLAG, .long_name = "no-build", .offset = offsetof(type, m.no_build),                                     \
	  .help = "take the binaries as they are; with --emit what is packaged" },                                     \
	{ OPT_GROUP, .help = "The way to AWS" },                                                                       \
	{ OPT_STR, .long_name = "aws-profile", .offset = offsetof(type, m.aws_profile), .arg = "NAME",                 \
	  .help = "the profile of ~/.aws whose credentials and region are used" },                                     \
	{ OPT_STR, .long_name = "region", .offset = offsetof(type, m.region), .arg = "REGION",                         \
	  .help = "default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, deploy.region" },                           \
	{ OPT_STR, .long_name = "endpoint-url", .offset = offsetof(type, m.endpoint), .arg = "URL",                    \
	  .help = "where Lambda is, if not where AWS has it" }

extern const char *const lambda_levels[], *const lambda_arches[];

/** deploy_lambda - functions by their names; none: all that Lambda runs. */
int deploy_lambda(const struct lambda_flags *f, const struct globals *g, int argc, char **argv,
		  struct err *err) MUST_CHECK;

#endif
