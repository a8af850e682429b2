/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/forecast.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scale/forecast_internal.h"
#include "scale/maths.h"

const char *const forecast_name[FORECAST_COUNT + 1] = { "last", "holt-winters", "ar", "lstm", NULL };

/* ---- the last value ---- */

static void *last_make(const struct forecast_spec *s)
{
	(void)s;
	return xcalloc(1, sizeof(double));
}

static void last_add(void *state, double value)
{
	*(double *)state = value;
}

static void last_predict(void *state, double *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = *(double *)state;
}

static const struct forecast_ops last_ops = { last_make, last_add, last_predict, free };

/* ---- Holt and Winters: additive season, trend damped as Gardner and McKenzie (1985) do ---- */

#define LEVEL 0.5
#define TREND 0.1
#define DAMP  0.9
/* With a season the level is what stays of the values without it, and slower. */
#define SEASON_LEVEL 0.2
#define SEASON	     0.3

struct holt {
	double level, trend;
	size_t season, n; /* n: values so far */
	double *part;	  /* what is added to the level at each place of the season */
};

static void *holt_make(const struct forecast_spec *s)
{
	struct holt *h = xcalloc(1, sizeof(*h));

	h->season = s->season < FORECAST_SEASON_MAX ? s->season : FORECAST_SEASON_MAX;
	h->part = xcalloc(h->season + 1, sizeof(*h->part));
	return h;
}

static void holt_free(void *state)
{
	struct holt *h = state;

	free(h->part);
	free(h);
}

static void holt_smooth(struct holt *h, double value, double weight)
{
	const double before = h->level;

	h->level = weight * value + (1 - weight) * (before + DAMP * h->trend);
	h->trend = TREND * (h->level - before) + (1 - TREND) * DAMP * h->trend;
}

/* The first season is over: its mean is the level, the differences from it are what the next one begins with. */
static void holt_begin_season(struct holt *h)
{
	double mean = 0;

	for (size_t i = 0; i < h->season; i++)
		mean += h->part[i] / (double)h->season;
	for (size_t i = 0; i < h->season; i++)
		h->part[i] -= mean;
	h->level = mean;
	h->trend = 0;
}

static void holt_add(void *state, double value)
{
	struct holt *h = state;
	double *part = h->season ? &h->part[h->n % h->season] : NULL;
	const bool first = !h->n++;

	if (part && h->n > h->season) {
		holt_smooth(h, value - *part, SEASON_LEVEL);
		*part = SEASON * (value - h->level) + (1 - SEASON) * *part;
		return;
	}
	/* until then as without a season */
	if (first)
		h->level = value;
	else
		holt_smooth(h, value, LEVEL);
	if (part)
		*part = value;
	if (h->n == h->season)
		holt_begin_season(h);
}

static void holt_predict(void *state, double *out, size_t n)
{
	const struct holt *h = state;
	const bool seasonal = h->season && h->n >= h->season;
	double ahead = 0, damp = DAMP;

	for (size_t i = 0; i < n; i++, damp *= DAMP) {
		ahead += damp * h->trend;
		out[i] = h->level + ahead + (seasonal ? h->part[(h->n + i) % h->season] : 0);
	}
}

static const struct forecast_ops holt_ops = { holt_make, holt_add, holt_predict, holt_free };

/* ---- */

struct forecaster {
	const struct forecast_ops *ops;
	void *state;
	uint64_t n;
	double most; /* of all values */
};

struct forecaster *forecaster_new(const struct forecast_spec *s)
{
	static const struct forecast_ops *const all[FORECAST_COUNT] = { &last_ops, &holt_ops, &forecast_ar,
									&forecast_lstm };
	struct forecaster *f = xcalloc(1, sizeof(*f));

	f->ops = all[s->kind];
	f->state = f->ops->make(s);
	return f;
}

void forecaster_free(struct forecaster *f)
{
	if (!f)
		return;
	f->ops->free(f->state);
	free(f);
}

void forecaster_add(struct forecaster *f, double value)
{
	value = maths_finite(value) && value > 0 ? value : 0;
	f->most = value > f->most ? value : f->most;
	f->n++;
	f->ops->add(f->state, value);
}

void forecaster_predict(struct forecaster *f, double *out, size_t n)
{
	if (f->n)
		f->ops->predict(f->state, out, n);
	for (size_t i = 0; i < n; i++) {
		if (!f->n || !maths_finite(out[i]) || out[i] < 0)
			out[i] = 0;
		/* no way to extrapolate knows of more than twice of what there ever was */
		if (out[i] > 2 * f->most)
			out[i] = 2 * f->most;
	}
}

void forecast_check(const struct forecast_spec *s, const double *v, size_t n, size_t from, size_t steps,
		    struct forecast_error *out)
{
	struct forecaster *f = forecaster_new(s);
	double ahead[FORECAST_STEPS], mae = 0, smape = 0;

	*out = (struct forecast_error){ .n = 0 };
	steps = steps < FORECAST_STEPS ? steps : FORECAST_STEPS;
	for (size_t i = 0; i + 1 < n; i++) {
		const size_t some = n - i - 1 < steps ? n - i - 1 : steps;

		forecaster_add(f, v[i]);
		if (i + some < from)
			continue;
		forecaster_predict(f, ahead, some);
		for (size_t k = 0; k < some; k++) {
			const double p = ahead[k], a = v[i + 1 + k], off = p > a ? p - a : a - p;

			if (i + 1 + k < from)
				continue;
			mae += off;
			smape += p + a > 0 ? 200 * off / (p + a) : 0;
			out->n++;
		}
	}
	if (out->n) {
		out->mae = mae / (double)out->n;
		out->smape = smape / (double)out->n;
	}
	forecaster_free(f);
}
