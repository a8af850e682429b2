/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/policy.h"

#include <stdlib.h>

#include "base/mem.h"
#include "scale/command.h"
#include "scale/maths.h"

#define SECOND	  1000000000.0
#define TOLERANCE 0.1 /* of the target: within it nothing is changed, as Kubernetes' autoscaler does */
#define RECENT	  0.2 /* the weight of the last interval in what a request takes */
#define DRAIN	  5.0 /* s, in which what waits shall be served on top of the load */
#define SLOTS	  64u /* of the cooldown: each keeps the greatest answer of its part of the time */

const char *const policy_name[POLICY_COUNT + 1] = { "fixed", "cpu", "forecast", "command", NULL };

struct policy {
	struct policy_spec s;
	struct {
		uint64_t slot; /* the number of the time, 1 and more */
		double want;
	} recent[SLOTS];
	uint64_t since, up_ns, cpu_ns; /* POLICY_CPU: what the period brought */
	double decided;
	int begun;
	struct forecaster *forecaster;
	double each; /* ns a request; 0: not known yet */
};

struct policy *policy_new(const struct policy_spec *s)
{
	struct policy *p = xcalloc(1, sizeof(*p));

	p->s = *s;
	if (s->kind == POLICY_FORECAST)
		p->forecaster = forecaster_new(&s->forecast);
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	forecaster_free(p->forecaster);
	free(p);
}

/* The greatest answer of the cooldown's time. Up is at once, down is late. */
static double hold(struct policy *p, uint64_t now, double want)
{
	const uint64_t each = p->s.cooldown / (SLOTS - 1), slot = (each ? now / each : 0) + 1;
	double most = want;

	if (!each)
		return want;
	if (p->recent[slot % SLOTS].slot != slot) {
		p->recent[slot % SLOTS].slot = slot;
		p->recent[slot % SLOTS].want = want;
	} else if (p->recent[slot % SLOTS].want < want) {
		p->recent[slot % SLOTS].want = want;
	}
	for (size_t i = 0; i < SLOTS; i++)
		if (p->recent[i].slot + SLOTS > slot && p->recent[i].want > most)
			most = p->recent[i].want;
	return most;
}

/*
 * Kubernetes' rule: as many times more instances as the target is exceeded. Of those that are starting nothing was
 * measured: they are taken to use nothing when more are wanted, and to be on target when fewer are, so that neither
 * they are asked for twice nor ended before they have begun.
 */
static double by_cpu(struct policy *p, const struct policy_seen *s)
{
	const double there = (double)s->idle + s->busy + s->starting;
	double use, wants;

	p->since += s->interval;
	p->up_ns += s->up_ns;
	p->cpu_ns += s->cpu_ns;
	if (!p->begun)
		p->decided = there;
	p->begun = 1;
	if (!p->since || p->since < p->s.period)
		return p->decided;
	use = p->up_ns ? (double)p->cpu_ns / (double)p->up_ns : p->s.target;
	wants = (double)p->cpu_ns / (double)p->since / p->s.target;
	p->since = p->up_ns = p->cpu_ns = 0;
	p->decided = there;
	if (use > p->s.target * (1 + TOLERANCE) && wants > there)
		p->decided = wants;
	if (use < p->s.target * (1 - TOLERANCE) && wants + s->starting < there)
		p->decided = wants + s->starting;
	return p->decided;
}

double policy_needs(double rate, double service_ns, double headroom)
{
	const double load = rate * service_ns / SECOND;

	return load + headroom * maths_sqrt(load);
}

static double by_forecast(struct policy *p, const struct policy_seen *s)
{
	const double seconds = (double)s->interval / SECOND;
	double ahead[FORECAST_STEPS], most = 0;
	size_t n;

	if (!s->interval)
		return (double)s->idle + s->busy + s->starting;
	n = (size_t)((p->s.horizon + s->interval - 1) / s->interval);
	n = n < 1 ? 1 : n > FORECAST_STEPS ? FORECAST_STEPS : n;
	if (s->done) {
		const double each = (double)s->busy_ns / (double)s->done;

		p->each = p->each > 0 ? p->each + RECENT * (each - p->each) : each;
	}
	forecaster_add(p->forecaster, (double)s->arrivals / seconds);
	/* nothing was ever served: what is there and what waits is all that is known */
	if (p->each <= 0)
		return (double)s->busy + s->queue;
	forecaster_predict(p->forecaster, ahead, n);
	for (size_t i = 0; i < n; i++)
		most = ahead[i] > most ? ahead[i] : most;
	return policy_needs(most + s->queue / DRAIN, p->each, p->s.headroom);
}

int policy_want(struct policy *p, const struct policy_seen *s, uint32_t *want, struct err *err)
{
	double v = 0;

	switch (p->s.kind) {
	case POLICY_CPU:
		v = hold(p, s->now, by_cpu(p, s));
		break;
	case POLICY_FORECAST:
		v = hold(p, s->now, by_forecast(p, s));
		break;
	case POLICY_COMMAND: {
		uint32_t said;

		if (policy_command_ask(p->s.command, s, &said, err) < 0)
			return -1;
		/* its word alone counts */
		v = said;
		break;
	}
	default:
		v = p->s.fixed;
	}
	v = v < p->s.most ? v : p->s.most;
	/* up to the next whole one, but for what is rounding's fault */
	*want = (uint32_t)v;
	*want += v - *want > 1e-9;
	if (*want < p->s.least)
		*want = p->s.least;
	if (!*want && s->queue && p->s.most)
		*want = 1;
	return 0;
}
