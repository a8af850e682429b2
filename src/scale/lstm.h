/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_LSTM_H
#define SLSC_SCALE_LSTM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A small network that forecasts a load: one layer of long short-term memory (Hochreiter and Schmidhuber 1997, with
 * Gers' forget gate), that reads the last LSTM_WINDOW values and tells for the next LSTM_AHEAD how far they will be
 * from the last one. Values are divided by a scale, which is the greatest of those it was trained on. Training is by
 * Adam (Kingma and Ba 2015) on windows drawn at random; the last fifth of the history is kept out of it, and decides
 * which weights stay.
 *
 * All of it is plain sums in one order (scale/maths.h): the same history and seed give the same bytes on each machine.
 */
#define LSTM_INPUTS  2u	 /* the value; its change */
#define LSTM_HIDDEN  12u
#define LSTM_WINDOW  60u /* intervals */
#define LSTM_AHEAD   30u
#define LSTM_GATES   (4u * LSTM_HIDDEN)
#define LSTM_WEIGHTS (LSTM_GATES * (LSTM_INPUTS + LSTM_HIDDEN + 1) + LSTM_AHEAD * (LSTM_HIDDEN + 1))
#define LSTM_VERSION 1

struct lstm {
	double interval;	/* s, of a value */
	double scale;
	uint64_t seed, trained;	/* on so many values */
	double loss, naive;	/* mean squared error on what was kept out: its own, the last value's; scaled */
	double w[LSTM_WEIGHTS];
};

struct lstm_training {
	uint64_t seed;
	unsigned steps;		/* of Adam, each on LSTM_BATCH windows */
	/* called after each step; may be NULL. Other than 0 ends it: lstm_train() returns that */
	int (*progress)(unsigned done, unsigned steps, void *ctx);
	void *ctx;
};
#define LSTM_BATCH 16u
#define LSTM_STEPS 600u
#define LSTM_LEAST 300u	/* values, from which training makes sense */

/** lstm_train - on @v[0..n), n >= LSTM_LEAST, each of @interval seconds. Returns 0, or what progress() returned. */
int lstm_train(struct lstm *l, const double *v, size_t n, double interval, const struct lstm_training *t);
/**
 * lstm_run - from the last @n values, oldest first, those before the first being equal to it, into @out[LSTM_AHEAD].
 */
void lstm_run(const struct lstm *l, const double *v, size_t n, double *out);

/** lstm_write - as JSON, of one version: the same weights are the same bytes. */
void lstm_write(const struct lstm *l, struct buf *out);
#define LSTM_FILE_MAX (1u << 20)
/** lstm_parse - ERR_FORMAT: no such file, another version, another shape, a weight that is no finite number. */
int lstm_parse(struct str text, const char *shown, struct lstm *l, struct err *err) MUST_CHECK;
int lstm_read(const char *path, struct lstm *l, struct err *err) MUST_CHECK;

#endif
