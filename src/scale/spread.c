/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/spread.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "config/project.h"

#define NORMAL_P99 2.3263478740408408 /* standard deviations from the median to the 99th percentile */

static int no_spread(const char *text, const char *what, struct err *err)
{
	err_set(err, ERR_USAGE, "--%s: '%.80s' is no distribution of times up to 1 h", what, text);
	return err_hint(err, "20ms, exp:20ms (a mean), or lognormal:20ms,80ms (a median and a 99th percentile)");
}

static int time_of(struct str s, uint64_t *ns)
{
	char text[64];
	uint64_t us;

	if (s.len >= sizeof(text))
		return -1;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (duration_parse(text, &us) < 0 || us > SPREAD_TIME_MAX / 1000)
		return -1;
	*ns = us * 1000;
	return 0;
}

int spread_parse(const char *text, const char *what, struct spread *d, struct err *err)
{
	struct str rest = str_from(text), first;
	uint64_t median, p99;
	double mean = 0;

	*d = (struct spread){ .kind = SPREAD_FIXED };
	if (starts_with(text, "exp:")) {
		d->kind = SPREAD_EXP;
		rest = str_from(text + strlen("exp:"));
	} else if (starts_with(text, "lognormal:")) {
		d->kind = SPREAD_LOGNORMAL;
		rest = str_from(text + strlen("lognormal:"));
		first = rest;
		rest = str_cut(&first, ',');
		if (time_of(first, &median) < 0 || time_of(rest, &p99) < 0 || !median || p99 < median)
			return no_spread(text, what, err);
		d->mu = maths_log((double)median);
		d->sigma = (maths_log((double)p99) - d->mu) / NORMAL_P99;
		d->mean = maths_exp(d->mu + d->sigma * d->sigma / 2);
		return d->mean <= (double)SPREAD_TIME_MAX ? 0 : no_spread(text, what, err);
	}
	if (time_of(rest, &median) < 0 || (!median && d->kind != SPREAD_FIXED))
		return no_spread(text, what, err);
	mean = (double)median;
	d->mean = mean;
	return 0;
}

void spread_measured(struct spread *d, const uint64_t *from, const uint64_t *to, const double *weight, size_t n)
{
	CLEAN_FREE double *scaled = xcalloc(n + 1, sizeof(*scaled));
	CLEAN_FREE uint32_t *small = xcalloc(n + 1, sizeof(*small)), *large = xcalloc(n + 1, sizeof(*large));
	size_t nsmall = 0, nlarge = 0;
	double sum = 0;

	*d = (struct spread){ .kind = SPREAD_MEASURED, .n = n, .bucket = xcalloc(n + 1, sizeof(*d->bucket)) };
	for (size_t i = 0; i < n; i++)
		sum += weight[i];
	for (size_t i = 0; i < n; i++) {
		d->bucket[i] = (struct spread_bucket){ from[i], to[i], 1, (uint32_t)i };
		d->mean += weight[i] / sum * ((double)from[i] + (double)to[i]) / 2;
		scaled[i] = weight[i] / sum * (double)n;
		if (scaled[i] < 1)
			small[nsmall++] = (uint32_t)i;
		else
			large[nlarge++] = (uint32_t)i;
	}
	while (nsmall && nlarge) {
		const uint32_t s = small[--nsmall], l = large[nlarge - 1];

		d->bucket[s].keep = scaled[s];
		d->bucket[s].alias = l;
		scaled[l] -= 1 - scaled[s];
		if (scaled[l] < 1) {
			nlarge--;
			small[nsmall++] = l;
		}
	}
}

uint64_t spread_draw(const struct spread *d, struct rng *r)
{
	double v;

	switch (d->kind) {
	case SPREAD_EXP:
		v = d->mean * rng_exp(r);
		break;
	case SPREAD_LOGNORMAL:
		v = maths_exp(d->mu + d->sigma * rng_normal(r));
		break;
	case SPREAD_MEASURED: {
		const double x = (1 - rng_unit(r)) * (double)d->n;
		const size_t i = (size_t)x < d->n ? (size_t)x : d->n - 1;
		const struct spread_bucket *b = &d->bucket[x - (double)i < d->bucket[i].keep ? i : d->bucket[i].alias];

		return b->from + (uint64_t)((1 - rng_unit(r)) * (double)(b->to - b->from + 1));
	}
	default:
		return (uint64_t)d->mean;
	}
	return v < (double)SPREAD_TIME_MAX ? (uint64_t)v : SPREAD_TIME_MAX;
}

void spread_release(struct spread *d)
{
	free(d->bucket);
	*d = (struct spread){ .kind = SPREAD_FIXED };
}
