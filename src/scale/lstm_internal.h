/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_LSTM_INTERNAL_H
#define SLSC_SCALE_LSTM_INTERNAL_H

#include "scale/lstm.h"

/*
 * Where weights are in lstm.w: for each gate (input, forget, output, candidate; LSTM_HIDDEN of each) those of the
 * inputs, of the state, and its bias; then for each value ahead those of the state and its bias.
 */
#define LSTM_ROW  (LSTM_INPUTS + LSTM_HIDDEN + 1)
#define LSTM_HEAD (LSTM_GATES * LSTM_ROW)

/** What a window leaves behind, for the way back. */
struct lstm_step {
	double x[LSTM_INPUTS];
	double gate[LSTM_GATES];	/* after their functions */
	double c[LSTM_HIDDEN], tanh_c[LSTM_HIDDEN], h[LSTM_HIDDEN];
};

/**
 * lstm_forward - of scaled values @v[0..LSTM_WINDOW); @step[0] is the state before: zeros. @out[LSTM_AHEAD]: changes.
 */
void lstm_forward(const double *w, const double *v, struct lstm_step step[LSTM_WINDOW + 1], double *out);

#endif
