/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/forecast.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "os/proc.h"
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
#define SEASON	     0.3  /* of a place in it, each time it comes */
#define PLACES	     256u /* of a season, at most, with straight lines between: one value is mostly chance */

struct holt {
	double level, trend;
	size_t season, n; /* n: values so far */
	size_t places;
	double *part; /* what is added to the level at each place of the season */
};

static void *holt_make(const struct forecast_spec *s)
{
	struct holt *h = xcalloc(1, sizeof(*h));

	h->season = s->season < FORECAST_SEASON_MAX ? s->season : FORECAST_SEASON_MAX;
	h->places = h->season < PLACES ? h->season : PLACES;
	h->part = xcalloc(h->places + 1, sizeof(*h->part));
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

static size_t place_of(const struct holt *h, size_t n)
{
	return n % h->season * h->places / h->season;
}

/* One value by how many there are of its place in a season: not all places have as many. */
static double share_of(const struct holt *h, size_t n)
{
	const size_t i = place_of(h, n), up = h->places - 1;
	const size_t from = (i * h->season + up) / h->places, to = ((i + 1) * h->season + up) / h->places;

	return 1 / (double)(to - from);
}

/* What the season adds to value @n: a place's own in its middle. */
static double season_at(const struct holt *h, size_t n)
{
	const double each = (double)h->places / (double)h->season;
	const double x = ((double)(n % h->season) + 0.5) * each - 0.5 + (double)h->places;
	const size_t i = (size_t)x;
	const double next = x - (double)i;

	return h->part[i % h->places] * (1 - next) + h->part[(i + 1) % h->places] * next;
}

/* The first season is over: its mean is the level, the differences from it are what the next one begins with. */
static void holt_begin_season(struct holt *h)
{
	double mean = 0;

	for (size_t i = 0; i < h->places; i++)
		mean += h->part[i] / (double)h->places;
	for (size_t i = 0; i < h->places; i++)
		h->part[i] -= mean;
	h->level = mean;
	h->trend = 0;
}

static void holt_add(void *state, double value)
{
	struct holt *h = state;
	const size_t n = h->n++;

	if (h->season && n >= h->season) {
		const double before = season_at(h, n);

		holt_smooth(h, value - before, SEASON_LEVEL);
		h->part[place_of(h, n)] += SEASON * share_of(h, n) * (value - h->level - before);
		return;
	}
	/* until then as without a season */
	if (!n)
		h->level = value;
	else
		holt_smooth(h, value, LEVEL);
	if (h->season)
		h->part[place_of(h, n)] += value * share_of(h, n);
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
		out[i] = h->level + ahead + (seasonal ? season_at(h, h->n + i) : 0);
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

int forecast_check(const struct forecast_spec *s, const double *v, size_t n, size_t from, size_t steps,
		   struct forecast_error *out, struct err *err)
{
	struct forecaster *f = forecaster_new(s);
	double ahead[FORECAST_STEPS], mae = 0, smape = 0;

	*out = (struct forecast_error){ .n = 0 };
	steps = steps < FORECAST_STEPS ? steps : FORECAST_STEPS;
	for (size_t i = 0; i + 1 < n; i++) {
		const size_t some = n - i - 1 < steps ? n - i - 1 : steps;

		if (i % 1024 == 0 && sig_check(err) < 0) {
			forecaster_free(f);
			return -1;
		}
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
	return 0;
}
