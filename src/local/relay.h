/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_RELAY_H
#define SLSC_LOCAL_RELAY_H

#include "local/upstream.h"
#include "local/guard.h"

/*
 * Functions that speak HTTP: a request of the gateway is passed on to an instance's $PORT, and its answer back, as it
 * comes. Each is an invocation. The contract is Cloud Run's and Knative's: an instance serves lfn.parallel requests at
 * once, and counts as ready when its port answers. A request of which an instance that has ended saw nothing is given
 * to another; one that was sent is not sent again.
 *
 * What a caller is told for the function: 502 when it closes the connection or sends no HTTP, 503 when no instance can
 * be had, 504 at the timeout. The body is {"errorType":..., "errorMessage":...}, as Lambda's errors have it.
 */

#define RELAY_BODY_MAX (32ull << 20)	/* of a request, as Cloud Run takes it */

struct relay {
	struct upstream upstream;
};

/** relay_begin - of a request whose headers are there: what its body may have. */
void relay_begin(struct web_req *req);
/** relay_request - pass @req, whole, on to @pass->fn; @rest: the path from the "/" after its name on. */
void relay_request(struct web_req *req, const struct guard_pass *pass, struct str rest);

/**
 * relay_invocation - a request that comes from nobody at the gateway: @method, @target ("/items?id=7"), with @body JSON
 * if there is any. The caller sets ctx, finished and, if it wants the answer as it comes, stream_data; then invokes it.
 * An answer of 500 and more is OUTCOME_ERROR without a type; collected, it has at most STREAM_MAX bytes.
 */
struct invocation *relay_invocation(struct lfn *fn, const char *method, const char *target, struct str body);

/* ---- what instance.c and invocation.c call, of functions that speak HTTP ---- */

/** relay_port - a port for @i that nobody has. Loads libcurl. ERR_IO, ERR_TOOL. */
int relay_port(struct instance *i, struct err *err) MUST_CHECK;
/** relay_probe - see whether @i listens, again and again: then it is ready. Not @init: whether it still does. */
void relay_probe(struct instance *i, bool init);
/** relay_forget - no more of that. Harmless if nothing is looked for. */
void relay_forget(struct instance *i);
/** relay_give - @i has @inv from now on. */
void relay_give(struct instance *i, struct invocation *inv);
/** relay_timed_out - @inv is answered; @i takes nothing more, and is ended after what else it does. */
void relay_timed_out(struct invocation *inv);
/**
 * relay_broken - @i cannot go on: what it does fails. If its process has ended, what that has sent is still read, and
 * only answers that are not whole fail; instance_left() is called after the last one.
 */
void relay_broken(struct instance *i, enum outcome o, const char *type, const char *why);
/** relay_free - of an invocation that ends; NULL is harmless. */
void relay_free(struct relay_call *call);
/** relay_stop - after all instances are gone. */
void relay_stop(struct platform *p);

/* ---- between its own files ---- */

/** relay_listens - @i still does, though it has closed a connection. */
void relay_listens(struct instance *i);

#endif
