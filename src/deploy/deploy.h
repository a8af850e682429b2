/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_DEPLOY_H
#define SLSC_DEPLOY_DEPLOY_H

#include "deploy/lambda.h"
#include "deploy/want.h"

#define DEPLOY_WHOLE 1000u /* permille: all calls */

struct deploy_opts {
	unsigned weight;  /* permille of an alias' calls that the new version gets; DEPLOY_WHOLE: it takes over */
	bool smoke;	  /* a new version is called once before an alias is moved to it */
	struct str event; /* by which; JSON */
	bool dry_run;	  /* only find out what differs */
};

/** What came of it. */
struct deployed {
	struct changes changes; /* none: nothing was to be done */
	bool created, smoked;
	char *arn, *version, *code_sha256; /* version: "$LATEST" or a number */
	uint64_t code_size;
	char *routing; /* the alias: "3", "3, and 4 for 10 %"; NULL: there is no alias */
	char *url;     /* or NULL */
	struct lambda_result smoke;
};
#define DEPLOYED_INIT                                                                                                  \
	{                                                                                                              \
		.smoke = LAMBDA_RESULT_INIT                                                                            \
	}
#define CLEAN_DEPLOYED __attribute__((cleanup(deployed_release)))
void deployed_release(struct deployed *d);

/**
 * deploy_function - compare, and change what differs: configuration, code, tags; then publish, try, and move the alias,
 * in one call; the URL last. What was done stays done after a failure, and the next run goes on from there; the alias
 * is where it was. ERR_FUNCTION: the trial failed; ERR_NET, ERR_NOTFOUND, ERR_USAGE: AWS, or what is asked for.
 */
int deploy_function(struct session *s, const struct want *w, const struct deploy_opts *o, struct deployed *out,
		    struct err *err) MUST_CHECK;

/** s3_upload - the zip of @w, as PREFIX/NAME-SHA256.zip, unless it is there; @key: out, heap. */
int s3_upload(struct session *s, const struct want *w, const char *shown, char **bucket, char **key,
	      struct err *err) MUST_CHECK;

#endif
