/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_DEPLOY_INTERNAL_H
#define SLSC_DEPLOY_DEPLOY_INTERNAL_H

#include "deploy/deploy.h"

/* What is there, and what is to be done about it. */
struct plan {
	struct lambda lambda;
	const struct want *want;
	const struct deploy_opts *opts;
	struct deployed *out;
	json_t *function;	     /* GetFunction's; NULL: there is none */
	json_t *config;		     /* of $LATEST; owned */
	json_t *update;		     /* members of the configuration that differ */
	json_t *tags;		     /* to put */
	json_t *untag;		     /* names */
	json_t *alias;		     /* or NULL */
	json_t *url, *policy;	     /* or NULL */
	bool code, configure, retag; /* what differs */
	char *version;		     /* published, with all that is wanted; NULL: there is none yet */
	bool move;		     /* the alias */
	bool reurl;
};

/** note - to whoever shows messages. */
void plan_note(const struct plan *p, bool verbose, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* apply.c */
int apply_create(struct plan *p, struct err *err) MUST_CHECK;
int apply_update(struct plan *p, struct err *err) MUST_CHECK; /* configuration, then code */
int apply_tags(struct plan *p, struct err *err) MUST_CHECK;

/* release.c */
int release_look(struct plan *p, struct err *err) MUST_CHECK; /* alias and versions; adds to the changes */
int release_publish(struct plan *p, struct err *err) MUST_CHECK;
int release_smoke(struct plan *p, struct err *err) MUST_CHECK;
int release_move(struct plan *p, struct err *err) MUST_CHECK;

/* function_url.c */
int url_look(struct plan *p, struct err *err) MUST_CHECK;
int url_apply(struct plan *p, struct err *err) MUST_CHECK;

#endif
