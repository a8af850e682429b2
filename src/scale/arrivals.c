/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/arrivals.h"

#include <stdlib.h>

#include "base/mem.h"

#define SECOND	  1000000000ull
#define BURST_ON  10.0 /* s: how long a burst lasts, and the quiet after it, on average */
#define BURST_OFF 50.0

const char *const pattern_name[PATTERN_COUNT + 1] = { "step", "ramp", "diurnal", "burst", NULL };

/* ---- patterns ---- */

static double burst_rate(struct rng *r, const struct pattern_spec *s, double t, double *until, bool *on)
{
	while (t >= *until) {
		*on = !*on;
		*until += (*on ? BURST_ON : BURST_OFF) * rng_exp(r);
	}
	return *on ? s->rate : s->base;
}

/* A rate for each second: a load that changes faster than that is none that a policy could follow. */
static void fill(struct arrivals *a, const struct pattern_spec *s)
{
	const double duration = (double)s->duration / (double)SECOND;
	const double period = s->period ? (double)s->period / (double)SECOND : duration;
	double until = 0;
	bool on = true;
	struct rng r;

	rng_seed(&r, s->seed, 1);
	for (size_t i = 0; i < a->nbins; i++) {
		const double t = ((double)i * (double)a->width - (double)s->before) / (double)SECOND;

		a->bin[i] = s->base;
		if (t < 0)
			continue;
		switch (s->kind) {
		case PATTERN_RAMP:
			a->bin[i] = s->base + (s->rate - s->base) * (t + 0.5) / duration;
			break;
		case PATTERN_DIURNAL:
			/* begins where it is lowest */
			a->bin[i] = s->base + (s->rate - s->base) * (1 + maths_sin_turn(t / period - 0.25)) / 2;
			break;
		case PATTERN_BURST:
			a->bin[i] = burst_rate(&r, s, t, &until, &on);
			break;
		default:
			a->bin[i] = s->rate;
		}
		a->bin[i] = a->bin[i] < 0 ? 0 : a->bin[i];
	}
}

int arrivals_make(struct arrivals *a, const struct pattern_spec *s, struct err *err)
{
	const uint64_t end = s->before + s->duration;

	*a = (struct arrivals){ .width = SECOND, .end = end, .from = s->before, .step = ARRIVALS_NEVER };
	if (!s->duration || end / SECOND + 1 > ARRIVALS_BINS_MAX)
		return err_set(err, ERR_USAGE, "a load of %llu s: not within 1 s and %u s",
			       (unsigned long long)(end / SECOND), ARRIVALS_BINS_MAX - 1);
	a->nbins = (size_t)((end + SECOND - 1) / SECOND);
	a->bin = xcalloc(a->nbins, sizeof(*a->bin));
	fill(a, s);
	for (size_t i = 0; i < a->nbins; i++)
		a->peak = a->bin[i] > a->peak ? a->bin[i] : a->peak;
	if (s->kind == PATTERN_STEP) {
		a->step = s->before;
		a->after = s->rate;
	}
	if (arrivals_expected(a) > (double)ARRIVALS_MAX) {
		arrivals_release(a);
		err_set(err, ERR_USAGE, "more than %llu requests", (unsigned long long)ARRIVALS_MAX);
		return err_hint(err, "a lower --rate, or a shorter --duration");
	}
	return 0;
}

/* ---- */

void arrivals_finish(struct arrivals *a)
{
	a->step = ARRIVALS_NEVER;
	a->peak = a->busy = 0;
	if (!a->n) {
		a->end = a->width * a->nbins;
		for (size_t i = 0; i < a->nbins; i++) {
			const double rate = a->bin[i] * (double)SECOND / (double)a->width;

			a->peak = rate > a->peak ? rate : a->peak;
		}
		return;
	}
	a->end = (a->each[a->n - 1].at / SECOND + 1) * SECOND;
	for (size_t i = 0, first = 0; i < a->n; i++) {
		while (a->each[i].at - a->each[first].at >= SECOND)
			first++;
		if ((double)(i - first + 1) > a->peak)
			a->peak = (double)(i - first + 1);
		a->busy += (double)a->each[i].busy / (double)a->n;
	}
}

void arrivals_forget_busy(struct arrivals *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->each[i].busy = 0;
	a->busy = 0;
}

void arrivals_release(struct arrivals *a)
{
	free(a->bin);
	free(a->each);
	*a = (struct arrivals){ .n = 0 };
}

double arrivals_expected(const struct arrivals *a)
{
	double sum = 0;

	if (a->n)
		return (double)a->n;
	for (size_t i = 0; i < a->nbins; i++) {
		const uint64_t from = a->width * i, to = from + a->width < a->end ? from + a->width : a->end;

		sum += a->exact ? a->bin[i] : a->bin[i] * (double)(to - from) / (double)SECOND;
	}
	return sum;
}

void arrivals_begin(struct arrivals_cursor *c, const struct arrivals *a, uint64_t seed)
{
	*c = (struct arrivals_cursor){ .a = a };
	rng_seed(&c->rng, seed, 2);
}

static uint64_t bin_end(const struct arrivals *a, size_t i)
{
	const uint64_t to = a->width * (i + 1);

	return to < a->end ? to : a->end;
}

/* A Poisson process has no memory: at the border of two bins it begins anew. */
static uint64_t next_poisson(struct arrivals_cursor *c)
{
	const struct arrivals *a = c->a;

	for (; c->i < a->nbins; c->i++) {
		const uint64_t from = a->width * c->i, to = bin_end(a, c->i);
		double gap;

		c->now = c->now < from ? from : c->now;
		if (a->bin[c->i] <= 0)
			continue;
		gap = rng_exp(&c->rng) * (double)SECOND / a->bin[c->i];
		if (gap < (double)(to - c->now)) {
			c->now += (uint64_t)gap;
			return c->now;
		}
		c->now = to;
	}
	return ARRIVALS_NEVER;
}

/* @left of them evenly spread at random: the least of k is that far from the start of what is left as 1 - U^(1/k). */
static uint64_t next_exact(struct arrivals_cursor *c)
{
	const struct arrivals *a = c->a;

	for (; c->i < a->nbins; c->i++, c->open = false) {
		const uint64_t to = bin_end(a, c->i);

		if (!c->open) {
			c->open = true;
			c->left = a->bin[c->i];
			c->now = a->width * c->i;
		}
		if (c->left < 1)
			continue;
		c->now += (uint64_t)((double)(to - 1 - c->now) * (1 - maths_exp(-rng_exp(&c->rng) / c->left)));
		c->left--;
		return c->now;
	}
	return ARRIVALS_NEVER;
}

uint64_t arrivals_next(struct arrivals_cursor *c, uint64_t *busy)
{
	const struct arrivals *a = c->a;

	*busy = 0;
	if (!a->n)
		return a->exact ? next_exact(c) : next_poisson(c);
	if (c->i == a->n)
		return ARRIVALS_NEVER;
	*busy = a->each[c->i].busy;
	return a->each[c->i++].at;
}
