/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_POLICY_H
#define SLSC_SCALE_POLICY_H

#include <stdint.h>

#include "base/err.h"
#include "scale/forecast.h"

/*
 * How many instances there should be. A policy is told, once an interval, what was seen since it was told last; its
 * answer is for the time from then on. It has no clock and knows no chance, so that a simulation and the local
 * platform, seeing the same, do the same.
 */

enum policy_kind {
	POLICY_FIXED,		/* always as many */
	POLICY_CPU,		/* as many as keep the CPU time of each at a target */
	POLICY_FORECAST,	/* as many as the load of the next seconds will need */
	POLICY_COMMAND,		/* what a program of the user says (scale/command.h) */
	POLICY_COUNT,
};
extern const char *const policy_name[POLICY_COUNT + 1];	/* "fixed", "cpu", "forecast", "command", NULL */

struct policy_seen {
	uint64_t now;			/* ns of any clock that does not go back */
	uint64_t interval;		/* ns since the last time */
	uint64_t arrivals, done;	/* requests in the interval */
	uint64_t busy_ns;		/* time that instances had a request, all of them together */
	uint64_t up_ns;			/* time that instances were ready for one or had one */
	uint64_t cpu_ns;		/* CPU time of instances, in units of what an instance may have at most */
	uint32_t queue;			/* requests that wait now */
	uint32_t idle, busy, starting;	/* instances now */
};

struct policy_command;
struct policy_spec {
	enum policy_kind kind;
	uint32_t least, most;		/* instances: the answer is never outside of them. least may be 0 */
	uint64_t cooldown;		/* ns: no fewer than any answer of this time. POLICY_CPU, POLICY_FORECAST */
	uint32_t fixed;			/* POLICY_FIXED */
	double target;			/* POLICY_CPU: 0 to 1 */
	uint64_t period;		/* POLICY_CPU: ns between decisions */
	struct forecast_spec forecast;	/* POLICY_FORECAST */
	uint64_t horizon;		/* POLICY_FORECAST: ns ahead; up to FORECAST_STEPS intervals */
	double headroom;		/* POLICY_FORECAST: times the square root of the load, on top of it */
	struct policy_command *command;	/* POLICY_COMMAND: borrowed */
};
/* What stands in for what a user does not say. */
#define POLICY_COOLDOWN	 60000000000ull
#define POLICY_TARGET	 0.6
#define POLICY_PERIOD	 15000000000ull
#define POLICY_HORIZON	 30000000000ull
#define POLICY_HEADROOM	 2.0
#define POLICY_INSTANCES 100000u	/* the most there can be */

/**
 * policy_needs - instances for @rate requests a second, each of @service_ns: what they keep busy (Little's law) and
 * @headroom times its square root, so that the share of those that wait is the same at any load (Halfin and Whitt
 * 1981). Not rounded.
 */
double policy_needs(double rate, double service_ns, double headroom);

struct policy;
/** policy_new - takes all its memory; @s is copied. */
struct policy *policy_new(const struct policy_spec *s);
void policy_free(struct policy *p);
/** policy_want - with requests that wait, never 0. ERR_FUNCTION: the user's command failed; nothing else fails. */
int policy_want(struct policy *p, const struct policy_seen *seen, uint32_t *want, struct err *err) MUST_CHECK;

#endif
