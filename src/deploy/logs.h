/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_LOGS_H
#define SLSC_DEPLOY_LOGS_H

#include "base/map.h"
#include "deploy/session.h"

/*
 * What functions have logged: CloudWatch Logs' FilterLogEvents (API reference, 2014-03-28; JSON 1.1). A group's streams
 * are read as one, in pages. An event may come late, with a time of before: who reads on asks for the last
 * LOGS_LOOK_BACK_MS once more, and an event that has been told already is known by its id.
 */
#define LOGS_LOOK_BACK_MS 30000
#define LOGS_SEEN_MAX 200000u	/* ids that are remembered; half of them go when it is more */
#define LOGS_PAGE 10000u	/* events in an answer, at most */

/** All borrowed from the answer. */
struct log_event {
	int64_t at_ms;		/* since the Unix epoch */
	struct str id, stream, message;
};
/** log_event_fn - -1 with @err ends the reading. */
typedef int (*log_event_fn)(void *ctx, const struct log_event *e, struct err *err);

struct logs {
	struct session *session;	/* all borrowed, up to seen */
	const char *what;		/* of messages: "hello" */
	const char *group, *filter;	/* filter NULL: all */
	log_event_fn event;
	void *ctx;
	int64_t from_ms;		/* the next read begins here */
	struct map seen;
	uint64_t told;			/* events */
	bool missing;			/* after -1: there is no such group */
	bool transient;			/* after -1: worth another try */
};
void logs_release(struct logs *l);
#define CLEAN_LOGS __attribute__((cleanup(logs_release)))

/**
 * logs_read - tell of all events from from_ms on that were not told before, and move from_ms on.
 * ERR_NOTFOUND, ERR_NET, ERR_FORMAT, ERR_INTR; what the callback says.
 */
int logs_read(struct logs *l, struct err *err) MUST_CHECK;

/** logs_parse - an answer's events; @next: the token of the page after it, "" if it is the last. ERR_FORMAT. */
int logs_parse(struct str body, log_event_fn event, void *ctx, struct buf *next, struct err *err) MUST_CHECK;

/** logs_version - of a stream's name "2026/01/02/[7]0123abc": "7"; empty if it does not say. */
struct str logs_version(struct str stream);

#endif
