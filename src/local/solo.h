/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SOLO_H
#define SLSC_LOCAL_SOLO_H

#include "build/build.h"
#include "local/client.h"
#include "local/platform.h"

/*
 * A platform for one function, within this process and for its own use: it listens to no callers, watches no files and
 * starts nothing ahead. Instances, limits and reports are those of slsc local.
 */
struct solo {
	struct loop loop;
	struct web web;
	struct platform platform;
	struct lfn *fn;
	/* what is printed by anybody, also before the first invocation; NULL: it is not wanted */
	void (*line)(struct solo *s, enum line_from from, struct str line);
	void *ctx;			/* of who has set line */
	/* its own */
	struct observer observer;
	enum { SOLO_NONE, SOLO_LOOP, SOLO_WEB, SOLO_ALL } have;
};
#define CLEAN_SOLO __attribute__((cleanup(solo_end)))

/** solo_check - whether @f can be served so; ERR_CONFIG located: its runtime is none. */
int solo_check(const struct project *p, const struct function *f, struct err *err) MUST_CHECK;
/**
 * solo_start - @s: zeroed, but for line and ctx; it stays in place. @b: what was built of @p, borrowed for as long as
 * @s; of a function that solo_check() takes. ERR_TOOL, ERR_IO. solo_end() also after a failure.
 */
int solo_start(struct solo *s, const struct project *p, const struct built *b, struct err *err) MUST_CHECK;
/** solo_end - ends all its instances. Harmless if zeroed. */
void solo_end(struct solo *s);

/** solo_invocation - a new one for its function: with @event; of HTTP POST / with that as its body, GET / if empty. */
struct invocation *solo_invocation(struct solo *s, struct str event);

/**
 * solo_invoke - invoke() of local/client.h for who has the platform at hand. Of @req url, function, type and tail mean
 * nothing here, and @r->log stays empty: see solo.line. *@report: out. ERR_INTR, ERR_IO; what @req->sink says.
 */
int solo_invoke(struct solo *s, const struct invoke_request *req, struct invoke_result *r,
		struct invocation_report *report, struct err *err) MUST_CHECK;

#endif
