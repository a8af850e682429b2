/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/lstm.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/json_text.h"
#include "os/fs.h"
#include "scale/forecast_internal.h"
#include "scale/lstm_internal.h"
#include "scale/maths.h"

#define FORMAT	   "slsc-scale-lstm"
#define WEIGHT_MAX 1e6
#define SCALE_MAX  1e12

void lstm_forward(const double *w, const double *v, struct lstm_step step[LSTM_WINDOW + 1], double *out)
{
	const double *head = w + LSTM_HEAD;

	memset(&step[0], 0, sizeof(step[0]));
	for (size_t t = 1; t <= LSTM_WINDOW; t++) {
		struct lstm_step *s = &step[t];
		const struct lstm_step *before = &step[t - 1];

		s->x[0] = v[t - 1];
		s->x[1] = t > 1 ? v[t - 1] - v[t - 2] : 0;
		for (size_t g = 0; g < LSTM_GATES; g++) {
			const double *row = w + g * LSTM_ROW;
			double sum = row[LSTM_ROW - 1];

			for (size_t i = 0; i < LSTM_INPUTS; i++)
				sum += row[i] * s->x[i];
			for (size_t i = 0; i < LSTM_HIDDEN; i++)
				sum += row[LSTM_INPUTS + i] * before->h[i];
			s->gate[g] = g < 3 * LSTM_HIDDEN ? maths_sigmoid(sum) : maths_tanh(sum);
		}
		for (size_t i = 0; i < LSTM_HIDDEN; i++) {
			s->c[i] = s->gate[LSTM_HIDDEN + i] * before->c[i] + s->gate[i] * s->gate[3 * LSTM_HIDDEN + i];
			s->tanh_c[i] = maths_tanh(s->c[i]);
			s->h[i] = s->gate[2 * LSTM_HIDDEN + i] * s->tanh_c[i];
		}
	}
	for (size_t k = 0; k < LSTM_AHEAD; k++) {
		const double *row = head + k * (LSTM_HIDDEN + 1);

		out[k] = row[LSTM_HIDDEN];
		for (size_t i = 0; i < LSTM_HIDDEN; i++)
			out[k] += row[i] * step[LSTM_WINDOW].h[i];
	}
}

void lstm_run(const struct lstm *l, const double *v, size_t n, double *out)
{
	struct lstm_step step[LSTM_WINDOW + 1];
	double window[LSTM_WINDOW];

	for (size_t i = 0; i < LSTM_WINDOW; i++) {
		const size_t back = LSTM_WINDOW - 1 - i;

		window[i] = (n ? v[back < n ? n - 1 - back : 0] : 0) / l->scale;
	}
	lstm_forward(l->w, window, step, out);
	for (size_t k = 0; k < LSTM_AHEAD; k++)
		out[k] = (out[k] + window[LSTM_WINDOW - 1]) * l->scale;
}

/* ---- as a forecaster ---- */

struct lstm_state {
	const struct lstm *l;
	double v[LSTM_WINDOW];
	size_t n;
};

static void *state_make(const struct forecast_spec *s)
{
	struct lstm_state *m = xcalloc(1, sizeof(*m));

	m->l = s->lstm;
	return m;
}

static void state_add(void *state, double value)
{
	struct lstm_state *m = state;

	if (m->n == LSTM_WINDOW)
		memmove(m->v, m->v + 1, (LSTM_WINDOW - 1) * sizeof(*m->v));
	else
		m->n++;
	m->v[m->n - 1] = value;
}

static void state_predict(void *state, double *out, size_t n)
{
	const struct lstm_state *m = state;
	double ahead[LSTM_AHEAD];

	lstm_run(m->l, m->v, m->n, ahead);
	for (size_t i = 0; i < n; i++)
		out[i] = ahead[i < LSTM_AHEAD ? i : LSTM_AHEAD - 1];
}

const struct forecast_ops forecast_lstm = { state_make, state_add, state_predict, free };

/* ---- the file ---- */

/* 17 digits are a double; a decimal point whatever the locale, since main() leaves LC_NUMERIC alone. */
void lstm_write(const struct lstm *l, struct buf *out)
{
	buf_addf(out,
		 "{\"format\":\"" FORMAT "\",\"version\":%d,\"inputs\":%u,\"hidden\":%u,\"window\":%u,\"ahead\":%u,\n",
		 LSTM_VERSION, LSTM_INPUTS, LSTM_HIDDEN, LSTM_WINDOW, LSTM_AHEAD);
	buf_addf(out,
		 "\"interval\":%.17g,\"scale\":%.17g,\"seed\":%" PRIu64 ",\"trained\":%" PRIu64 ",\"loss\":%.17g,"
		 "\"naive\":%.17g,\n\"weights\":[",
		 l->interval, l->scale, l->seed, l->trained, l->loss, l->naive);
	for (size_t i = 0; i < LSTM_WEIGHTS; i++)
		buf_addf(out, "%s%.17g", !i ? "\n" : i % 4 ? "," : ",\n", l->w[i]);
	buf_addz(out, "]}\n");
}

static int no_model(const char *shown, struct err *err, const char *what)
{
	err_set(err, ERR_FORMAT, "%s: %s", shown, what);
	return err_hint(err, "slsc scale train makes such a file");
}

static bool number(const json_t *root, const char *name, double least, double most, double *out)
{
	const json_t *v = json_object_get(root, name);

	*out = json_is_number(v) ? json_number_value(v) : -1;
	return json_is_number(v) && maths_finite(*out) && *out >= least && *out <= most;
}

static int read_model(const json_t *root, const char *shown, struct lstm *l, struct err *err)
{
	static const struct {
		const char *name;
		json_int_t is;
	} shape[] = {
		{ "inputs", LSTM_INPUTS }, { "hidden", LSTM_HIDDEN }, { "window", LSTM_WINDOW }, { "ahead", LSTM_AHEAD }
	};
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *version = json_object_get(root, "version"), *w = json_object_get(root, "weights");

	if (!format || strcmp(format, FORMAT) != 0)
		return no_model(shown, err, "is no model of slsc scale train");
	if (!json_is_integer(version) || json_integer_value(version) != LSTM_VERSION)
		return no_model(shown, err, "is of another version of slsc: this one reads version 1");
	for (size_t i = 0; i < ARRAY_LEN(shape); i++)
		if (json_integer_value(json_object_get(root, shape[i].name)) != shape[i].is)
			return no_model(shown, err, "is a network of another shape");
	if (!number(root, "interval", 1e-3, 3600, &l->interval) || !number(root, "scale", 1e-9, SCALE_MAX, &l->scale) ||
	    !number(root, "loss", 0, 1e300, &l->loss) || !number(root, "naive", 0, 1e300, &l->naive))
		return no_model(shown, err, "lacks a number, or has one that cannot be");
	if (json_array_size(w) != LSTM_WEIGHTS)
		return no_model(shown, err, "has not as many weights as its shape needs");
	for (size_t i = 0; i < LSTM_WEIGHTS; i++) {
		const json_t *v = json_array_get(w, i);

		l->w[i] = json_number_value(v);
		if (!json_is_number(v) || !maths_finite(l->w[i]) || l->w[i] > WEIGHT_MAX || l->w[i] < -WEIGHT_MAX)
			return no_model(shown, err, "has a weight that is no number within 1,000,000");
	}
	l->seed = (uint64_t)json_integer_value(json_object_get(root, "seed"));
	l->trained = (uint64_t)json_integer_value(json_object_get(root, "trained"));
	return 0;
}

int lstm_parse(struct str text, const char *shown, struct lstm *l, struct err *err)
{
	json_t *root = json_text_parse(text, shown, "no JSON: ", err);
	int ret;

	*l = (struct lstm){ .scale = 1 };
	if (!root)
		return -1;
	ret = read_model(root, shown, l, err);
	json_decref(root);
	return ret;
}

int lstm_read(const char *path, struct lstm *l, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (fs_read(path, LSTM_FILE_MAX, &b, err) < 0)
		return -1;
	return lstm_parse(buf_str(&b), path, l, err);
}
