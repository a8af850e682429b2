/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_SIM_H
#define SLSC_SCALE_SIM_H

#include "base/hist.h"
#include "base/vec.h"
#include "scale/arrivals.h"
#include "scale/spread.h"
#include "scale/policy.h"

/*
 * A platform without a platform: from event to event, so that an hour takes as long as its requests are many. A request
 * is given to the idle instance that was used last; with none, it waits in order. The policy is asked at 0 and at the
 * end of each interval; instances that are too many end when they are idle, the one that was idle for longest first.
 * What a request takes is drawn when it arrives: with one seed all policies get the same requests.
 */

struct sim_spec {
	const struct arrivals *arrivals;
	const struct spread *service, *cold;	/* of a request; from an instance's start until it is ready */
	double cpu;		/* of the time of a request: how much is CPU time. 0 to 1 */
	uint64_t interval;	/* ns */
	uint32_t initial;	/* instances that are ready at 0 */
	uint32_t most;		/* instances, at most; up to POLICY_INSTANCES */
	uint32_t queue;		/* requests that wait, at most: more are refused */
	uint64_t seed;
	void (*progress)(double part, void *ctx);	/* now and then: 0 to 1; may be NULL */
	void *ctx;
};
#define SIM_QUEUE_MAX 10000000u

/** One interval. */
struct sim_point {
	uint32_t arrivals, refused;
	uint32_t up, all, wanted;	/* at its end: ready instances; also starting ones; what the policy said */
	uint32_t queue;			/* most that waited */
	uint64_t slowest;		/* ns: the longest from arrival to answer, of those it began to serve */
};

/** What came of it. Without another word: of the requests that came from arrivals->from on, until their answers. */
struct sim_result {
	uint64_t requests;		/* that arrived */
	uint64_t refused, waited, colds;	/* colds: instances started */
	struct hist latency;		/* ns: of those that were served */
	double wait_ns;			/* the sum of all waits */
	double up_ns, all_ns, busy_ns;	/* from 0 to the last answer: ready; also starting; with a request */
	uint32_t peak;			/* instances at once */
	uint64_t scaled;		/* ns from the step until enough were ready and nobody waited; ARRIVALS_NEVER */
	uint64_t left;			/* requests that waited at arrivals->end */
	uint64_t total;			/* requests, warm-up included */
	VEC(struct sim_point) points;	/* warm-up included */
};

/** sim_run - ERR_INTR, and what the policy says. @r is to be released either way. */
int sim_run(const struct sim_spec *s, struct policy *p, struct sim_result *r, struct err *err) MUST_CHECK;
void sim_result_release(struct sim_result *r);

#endif
