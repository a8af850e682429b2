/* SPDX-License-Identifier: Apache-2.0 */
#include "scale_load.h"

#include <string.h>

#include "config/project.h"
#include "scale/trace.h"

#define SECOND	   1000000000ull
#define DURATION   "5min"
#define BEFORE	   "1min"
#define RATE	   3000u
#define WEEKS	   (8 * 7 * 86400 * SECOND)
#define POINTS_MAX 2000000u /* intervals of a simulation */

int scale_load_time(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ns, struct err *err)
{
	CLEAN_BUF struct buf from = BUF_INIT, to = BUF_INIT;
	uint64_t us;

	if (duration_parse(text, &us) == 0 && us <= most / 1000 && us * 1000 >= least) {
		*ns = us * 1000;
		return 0;
	}
	scale_load_text(least, &from);
	scale_load_text(most, &to);
	err_set(err, ERR_USAGE, "--%s: '%.50s' is no time from %s to %s", name, text, from.ptr, to.ptr);
	return err_hint(err, "such as 10s, 500ms, 5min");
}

void scale_load_text(uint64_t ns, struct buf *out)
{
	if (ns && ns % (3600 * SECOND) == 0)
		buf_addf(out, "%llu h", (unsigned long long)(ns / (3600 * SECOND)));
	else if (ns && ns % (60 * SECOND) == 0)
		buf_addf(out, "%llu min", (unsigned long long)(ns / (60 * SECOND)));
	else if (ns % SECOND == 0)
		buf_addf(out, "%llu s", (unsigned long long)(ns / SECOND));
	else if (ns > SECOND)
		buf_addf(out, "%.6g s", (double)ns / (double)SECOND);
	else if (ns >= SECOND / 1000)
		buf_addf(out, "%.6g ms", (double)ns / 1e6);
	else
		buf_addf(out, "%.6g µs", (double)ns / 1e3);
}

static enum pattern pattern_of(const char *name)
{
	for (int i = 0; name && pattern_name[i]; i++)
		if (strcmp(name, pattern_name[i]) == 0)
			return (enum pattern)i;
	return PATTERN_STEP;
}

static void add_rate(struct buf *out, double rate)
{
	char text[32];

	buf_addz(out, str_human_count((uint64_t)(rate + 0.5), text, sizeof(text)));
}

static void say_pattern(const struct pattern_spec *s, struct buf *what)
{
	buf_addf(what, "%s: ", pattern_name[s->kind]);
	add_rate(what, s->base);
	if (s->before) {
		buf_addz(what, " requests a second for ");
		scale_load_text(s->before, what);
		buf_addz(what, ", then ");
	} else {
		buf_addz(what, s->kind == PATTERN_STEP ? " requests a second before, " : " requests a second, ");
	}
	buf_addz(what, s->kind == PATTERN_BURST ? "with bursts of " : s->kind == PATTERN_STEP ? "" : "up to ");
	add_rate(what, s->rate);
	buf_addz(what, s->before ? " for " : " requests a second for ");
	scale_load_text(s->duration, what);
}

static int make_pattern(const struct scale_load *l, struct arrivals *a, struct buf *what, struct err *err)
{
	struct pattern_spec s = { .kind = pattern_of(l->pattern),
				  .rate = l->rate ? l->rate : RATE,
				  .seed = scale_load_seed(l) };
	uint64_t base;

	s.base = s.rate / 10;
	if (l->base && (str_parse_u64(str_from(l->base), &base) < 0 || base > ARRIVALS_RATE_MAX))
		return err_set(err, ERR_USAGE, "--base: '%.50s' is no number up to %u", l->base, ARRIVALS_RATE_MAX);
	if (l->base)
		s.base = (double)base;
	if (l->only || l->format) {
		err_set(err, ERR_USAGE, "--%s is for a --trace", l->only ? "only" : "trace-format");
		return -1;
	}
	if (scale_load_time("duration", l->duration ? l->duration : DURATION, SECOND, WEEKS, &s.duration, err) < 0 ||
	    scale_load_time("before", l->before ? l->before : BEFORE, 0, WEEKS, &s.before, err) < 0 ||
	    (l->period && scale_load_time("period", l->period, SECOND, WEEKS, &s.period, err) < 0))
		return -1;
	if (l->period && s.kind != PATTERN_DIURNAL)
		return err_set(err, ERR_USAGE, "--period is for --load diurnal");
	say_pattern(&s, what);
	return arrivals_make(a, &s, err);
}

static int read_trace(const struct scale_load *l, struct arrivals *a, struct buf *what, struct err *err)
{
	enum trace_format format = TRACE_AUTO;
	char text[32];

	if (l->pattern || l->rate || l->base || l->duration || l->before || l->period)
		return err_set(err, ERR_USAGE, "--trace says when requests come: no other option can");
	for (int i = 0; l->format && trace_format_name[i]; i++)
		if (strcmp(l->format, trace_format_name[i]) == 0)
			format = (enum trace_format)i;
	if (trace_read(l->trace, format, l->only, a, err) < 0)
		return -1;
	buf_addf(what, "%s%s%s: %s requests in ", l->trace, l->only ? ", " : "", l->only ? l->only : "",
		 str_human_count((uint64_t)arrivals_expected(a), text, sizeof(text)));
	scale_load_text(a->end, what);
	buf_addf(what, ", at most %s a second", str_human_count((uint64_t)(a->peak + 0.5), text, sizeof(text)));
	return 0;
}

int scale_load_make(const struct scale_load *l, struct arrivals *a, struct buf *what, struct err *err)
{
	return l->trace ? read_trace(l, a, what, err) : make_pattern(l, a, what, err);
}

int scale_load_interval(const struct scale_load *l, const struct arrivals *a, uint64_t *ns, struct err *err)
{
	if (scale_load_time("interval", l->interval ? l->interval : "1s", SCALE_INTERVAL_MIN, SCALE_INTERVAL_MAX, ns,
			    err) < 0)
		return -1;
	if (a->end / *ns > POINTS_MAX) {
		err_set(err, ERR_USAGE, "more than %u intervals in the time of the load", POINTS_MAX);
		return err_hint(err, "a longer --interval");
	}
	return 0;
}

uint64_t scale_load_seed(const struct scale_load *l)
{
	return l->seed ? l->seed : 1;
}
