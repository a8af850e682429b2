/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scale/lstm_internal.h"
#include "scale/maths.h"

/* Adam, as its authors have it but for the rate, which falls to nothing by the end. */
#define RATE		0.01
#define BETA1		0.9
#define BETA2		0.999
#define TINY		1e-8
#define CLIP		1.0 /* the greatest length of a gradient */
#define CHECKS		20u /* of what was kept out, in the course of it */
#define WINDOWS_CHECKED 200u

struct trainer {
	double *v;	 /* scaled */
	size_t n, learn; /* values; of these, those that are trained on */
	double *w, *grad, *first, *second, *best;
	struct lstm_step *step;
};

/* The way back through a window: @wrong is the derivative of the loss by each value of @out. */
static void backward(const double *w, const struct lstm_step *step, const double *wrong, double *grad)
{
	const double *head = w + LSTM_HEAD;
	double dh[LSTM_HIDDEN] = { 0 }, dc[LSTM_HIDDEN] = { 0 };

	for (size_t k = 0; k < LSTM_AHEAD; k++) {
		double *to = grad + LSTM_HEAD + k * (LSTM_HIDDEN + 1);
		const double *row = head + k * (LSTM_HIDDEN + 1);

		for (size_t i = 0; i < LSTM_HIDDEN; i++) {
			to[i] += wrong[k] * step[LSTM_WINDOW].h[i];
			dh[i] += wrong[k] * row[i];
		}
		to[LSTM_HIDDEN] += wrong[k];
	}
	for (size_t t = LSTM_WINDOW; t >= 1; t--) {
		const struct lstm_step *s = &step[t], *before = &step[t - 1];
		double dg[LSTM_GATES], dh_before[LSTM_HIDDEN] = { 0 };

		for (size_t i = 0; i < LSTM_HIDDEN; i++) {
			const double in = s->gate[i], forget = s->gate[LSTM_HIDDEN + i];
			const double out = s->gate[2 * LSTM_HIDDEN + i], new = s->gate[3 * LSTM_HIDDEN + i];

			dc[i] += dh[i] * out * (1 - s->tanh_c[i] * s->tanh_c[i]);
			dg[i] = dc[i] * new *in *(1 - in);
			dg[LSTM_HIDDEN + i] = dc[i] * before->c[i] * forget * (1 - forget);
			dg[2 * LSTM_HIDDEN + i] = dh[i] * s->tanh_c[i] * out * (1 - out);
			dg[3 * LSTM_HIDDEN + i] = dc[i] * in * (1 - new *new);
			dc[i] *= forget;
		}
		for (size_t g = 0; g < LSTM_GATES; g++) {
			const double *row = w + g * LSTM_ROW;
			double *to = grad + g * LSTM_ROW;

			for (size_t i = 0; i < LSTM_INPUTS; i++)
				to[i] += dg[g] * s->x[i];
			for (size_t i = 0; i < LSTM_HIDDEN; i++) {
				to[LSTM_INPUTS + i] += dg[g] * before->h[i];
				dh_before[i] += dg[g] * row[LSTM_INPUTS + i];
			}
			to[LSTM_ROW - 1] += dg[g];
		}
		memcpy(dh, dh_before, sizeof(dh));
	}
}

/* The mean squared error of the window that ends at @at; with @grad, what would lessen it is added there. */
static double window(struct trainer *t, size_t at, double *grad, double *naive)
{
	const double *v = t->v + at - LSTM_WINDOW, last = t->v[at - 1];
	double out[LSTM_AHEAD], wrong[LSTM_AHEAD], loss = 0;

	lstm_forward(t->w, v, t->step, out);
	*naive = 0;
	for (size_t k = 0; k < LSTM_AHEAD; k++) {
		const double is = t->v[at + k] - last, off = out[k] - is;

		loss += off * off / LSTM_AHEAD;
		*naive += is * is / LSTM_AHEAD;
		wrong[k] = 2 * off / LSTM_AHEAD / LSTM_BATCH;
	}
	if (grad)
		backward(t->w, t->step, wrong, grad);
	return loss;
}

/* On what was kept out: windows that are evenly spread over it. */
static double check(struct trainer *t, double *naive)
{
	const size_t from = t->learn, to = t->n - LSTM_AHEAD;
	const size_t all = to > from ? to - from + 1 : 1, n = all < WINDOWS_CHECKED ? all : WINDOWS_CHECKED;
	double loss = 0, one;

	*naive = 0;
	for (size_t i = 0; i < n; i++) {
		loss += window(t, from + i * all / n, NULL, &one) / (double)n;
		*naive += one / (double)n;
	}
	return loss;
}

static void start(struct trainer *t, struct rng *r)
{
	for (size_t i = 0; i < LSTM_HEAD; i++)
		t->w[i] = (2 * rng_unit(r) - 1) * 0.25;
	/* to forget nothing is where learning what to forget begins */
	for (size_t g = 0; g < LSTM_GATES; g++)
		t->w[g * LSTM_ROW + LSTM_ROW - 1] = g >= LSTM_HIDDEN && g < 2 * LSTM_HIDDEN ? 1 : 0;
	/* the answer that it begins with is the last value */
	for (size_t i = LSTM_HEAD; i < LSTM_WEIGHTS; i++)
		t->w[i] = 0;
}

static void adam(struct trainer *t, unsigned step, unsigned steps, double power1, double power2)
{
	const double rate = RATE * (1 - (double)step / (double)steps);
	double length = 0, shorten;

	for (size_t i = 0; i < LSTM_WEIGHTS; i++)
		length += t->grad[i] * t->grad[i];
	length = maths_sqrt(length);
	shorten = length > CLIP ? CLIP / length : 1;
	for (size_t i = 0; i < LSTM_WEIGHTS; i++) {
		const double g = t->grad[i] * shorten;

		t->first[i] = BETA1 * t->first[i] + (1 - BETA1) * g;
		t->second[i] = BETA2 * t->second[i] + (1 - BETA2) * g * g;
		t->w[i] -= rate * (t->first[i] / (1 - power1)) / (maths_sqrt(t->second[i] / (1 - power2)) + TINY);
	}
}

static int train(struct trainer *t, const struct lstm_training *how, struct lstm *l)
{
	const size_t windows = t->learn - LSTM_AHEAD - LSTM_WINDOW + 1;
	double power1 = 1, power2 = 1, naive, loss;
	struct rng r;
	int ret;

	rng_seed(&r, how->seed, 5);
	start(t, &r);
	l->loss = check(t, &l->naive);
	memcpy(t->best, t->w, LSTM_WEIGHTS * sizeof(*t->w));
	for (unsigned step = 0; step < how->steps; step++) {
		memset(t->grad, 0, LSTM_WEIGHTS * sizeof(*t->grad));
		for (unsigned i = 0; i < LSTM_BATCH; i++)
			window(t, LSTM_WINDOW + (size_t)((1 - rng_unit(&r)) * (double)windows), t->grad, &naive);
		power1 *= BETA1;
		power2 *= BETA2;
		adam(t, step, how->steps, power1, power2);
		ret = how->progress ? how->progress(step + 1, how->steps, how->ctx) : 0;
		if (ret)
			return ret;
		if ((step + 1) % (how->steps / CHECKS + 1) && step + 1 < how->steps)
			continue;
		loss = check(t, &naive);
		if (loss < l->loss) {
			l->loss = loss;
			memcpy(t->best, t->w, LSTM_WEIGHTS * sizeof(*t->w));
		}
	}
	memcpy(l->w, t->best, sizeof(l->w));
	return 0;
}

int lstm_train(struct lstm *l, const double *v, size_t n, double interval, const struct lstm_training *how)
{
	struct trainer t = { .n = n, .learn = n - n / 5 };
	CLEAN_FREE double *memory = xcalloc(n + 5 * LSTM_WEIGHTS, sizeof(*memory));
	CLEAN_FREE struct lstm_step *step = xcalloc(LSTM_WINDOW + 1, sizeof(*step));

	*l = (struct lstm){ .interval = interval, .scale = 1e-9, .seed = how->seed, .trained = n };
	for (size_t i = 0; i < n; i++)
		l->scale = v[i] > l->scale ? v[i] : l->scale;
	t.v = memory;
	t.w = t.v + n;
	t.grad = t.w + LSTM_WEIGHTS;
	t.first = t.grad + LSTM_WEIGHTS;
	t.second = t.first + LSTM_WEIGHTS;
	t.best = t.second + LSTM_WEIGHTS;
	t.step = step;
	for (size_t i = 0; i < n; i++)
		t.v[i] = v[i] / l->scale;
	return train(&t, how, l);
}
