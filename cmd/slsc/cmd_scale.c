/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "os/proc.h"
#include "report_out.h"
#include "scale/bench_file.h"
#include "scale/command.h"
#include "scale/lstm.h"
#include "scale/maths.h"
#include "scale/table.h"
#include "scale/trace.h"
#include "scale_load.h"
#include "scale_train.h"

#define SECOND	       1000000000ull
#define HOUR	       (3600 * SECOND)
#define SERVICE	       "lognormal:20ms,80ms"
#define COLD	       "lognormal:150ms,400ms"
#define MOST	       10000u
#define QUEUE	       1000000u
#define EPISODES       10u    /* loads to train on, at most, */
#define EPISODE_VALUES 20000u /* until there are so many values */
#define MEMORY_MIN     (1ull << 20)
#define MEMORY_MAX     (1ull << 40)

struct simulate_ctx {
	struct scale_load load;
	const char *bench, *service, *cold, *memory;
	struct strs policies, forecasters;
	const char *target, *cooldown, *cpu_period, *horizon, *season, *model, *command, *answer, *prices, *platform,
		*arch;
	const char *goal, *claims, *format, *output;
	unsigned fixed, least, most, queue;
	bool train;
};

#define AT(member) offsetof(struct simulate_ctx, member)

static const char *const formats[] = { "text", "json", "csv", "html", NULL };
static const char *const arches[] = { "x86_64", "arm64", NULL };

static const struct opt simulate_opts[] = {
	SCALE_LOAD_OPTS,
	{ OPT_GROUP, .help = "The function" },
	{ OPT_STR, 'b', "bench", AT(bench), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "service time, cold start and memory as slsc bench --json has measured them" },
	{ OPT_STR, .long_name = "service", .offset = AT(service), .arg = "DIST",
	  .help = "how long a request takes: 20ms, exp:20ms (a mean), or\n"
		  "lognormal:20ms,80ms (a median and a 99th percentile)" },
	{ OPT_STR, .long_name = "cold", .offset = AT(cold), .arg = "DIST",
	  .help = "how long it takes until an instance is ready, in the same words" },
	{ OPT_STR, 'm', "memory", AT(memory), .arg = "SIZE",
	  .help = "that an instance is configured to have (default: --bench's, or 128MB)" },
	{ OPT_GROUP, .help = "The policies" },
	{ OPT_LIST, 'p', "policy", AT(policies), .arg = "NAME", .choices = policy_name,
	  .help = "fixed, cpu, forecast or command (default: all; command only with --command)" },
	{ OPT_LIST, .long_name = "forecaster", .offset = AT(forecasters), .arg = "NAME", .choices = forecast_name,
	  .help = "last, holt-winters, ar or lstm (default: all)" },
	{ OPT_UINT, .long_name = "fixed", .offset = AT(fixed), .arg = "N", .min = 1, .max = POLICY_INSTANCES,
	  .help = "instances of policy fixed (default: what the peak needs)" },
	{ OPT_UINT, .long_name = "min", .offset = AT(least), .arg = "N", .min = 1, .max = POLICY_INSTANCES,
	  .help = "never fewer instances (default: 1)" },
	{ OPT_UINT, .long_name = "max", .offset = AT(most), .arg = "N", .min = 1, .max = POLICY_INSTANCES,
	  .help = "never more instances (default: 10000)" },
	{ OPT_UINT, .long_name = "queue", .offset = AT(queue), .arg = "N", .min = 1, .max = SIM_QUEUE_MAX,
	  .help = "requests that may wait: more are refused (default: 1000000)" },
	{ OPT_STR, .long_name = "target", .offset = AT(target), .arg = "PERCENT",
	  .help = "policy cpu: of its CPU that an instance is to use (default: 60%)" },
	{ OPT_STR, .long_name = "cpu-period", .offset = AT(cpu_period), .arg = "TIME",
	  .help = "policy cpu: how often it decides (default: 15s)" },
	{ OPT_STR, .long_name = "cooldown", .offset = AT(cooldown), .arg = "TIME",
	  .help = "how long an instance is kept that was wanted last (default: 1min)" },
	{ OPT_STR, .long_name = "horizon", .offset = AT(horizon), .arg = "TIME",
	  .help = "policy forecast: how far ahead it looks (default: 30s)" },
	{ OPT_STR, .long_name = "season", .offset = AT(season), .arg = "TIME",
	  .help = "after which the load repeats itself, for holt-winters (default: never)" },
	{ OPT_STR, .long_name = "model", .offset = AT(model), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "for lstm: what slsc scale train has made" },
	{ OPT_FLAG, .long_name = "train", .offset = AT(train),
	  .help = "for lstm: train it first, on such loads of other seeds" },
	{ OPT_STR, .long_name = "command", .offset = AT(command), .arg = "COMMAND",
	  .help = "a policy of one's own: a program that answers lines of JSON" },
	{ OPT_STR, .long_name = "answer-within", .offset = AT(answer), .arg = "TIME",
	  .help = "how long its answer may take (default: 5s)" },
	{ OPT_GROUP, .help = "The price" },
	{ OPT_STR, .long_name = "prices", .offset = AT(prices), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "a table of prices (default: share/slsc/prices.yaml)" },
	{ OPT_STR, .long_name = "platform", .offset = AT(platform), .arg = "NAME",
	  .help = "whose prices (default: lambda)" },
	{ OPT_CHOICE, 'a', "arch", AT(arch), .arg = "ARCH", .choices = arches,
	  .help = "x86_64 or arm64 (default: --bench's, or x86_64)" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_STR, .long_name = "goal", .offset = AT(goal), .arg = "TIME",
	  .help = "p99 to be kept: the cheapest policy that does wins; none is exit code 3" },
	{ OPT_STR, .long_name = "claims", .offset = AT(claims), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "what others claim of these policies, shown beside (default: share/slsc/guide.yaml)" },
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "text (default), json, csv or html" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

/** What a simulation is made of, for as long as it lasts. */
struct parts {
	struct arrivals arrivals;
	struct bench_file bench;
	struct spread service, cold;
	struct prices prices;
	struct claims claims;
	struct lstm *lstm; /* heap, or NULL */
	struct policy_command *command;
	struct buf load, service_text, cold_text;
	struct table table;
	unsigned episodes; /* loads that the network was trained on */
};
#define PARTS_INIT                                                                                                     \
	{                                                                                                              \
		.load = BUF_INIT, .service_text = BUF_INIT, .cold_text = BUF_INIT                                      \
	}

static void parts_release(struct parts *p)
{
	table_release(&p->table);
	arrivals_release(&p->arrivals);
	bench_file_release(&p->bench);
	spread_release(&p->service);
	spread_release(&p->cold);
	prices_release(&p->prices);
	claims_release(&p->claims);
	free(p->lstm);
	policy_command_end(p->command);
	buf_release(&p->load);
	buf_release(&p->service_text);
	buf_release(&p->cold_text);
}

/* ---- the function ---- */

static void say_spread(const char *text, const struct spread *d, struct buf *out)
{
	char mean[32];

	buf_addf(out, "%s, mean %s", text, str_human_ns(d->mean, mean, sizeof(mean)));
}

static int read_function(const struct simulate_ctx *c, struct parts *p, struct err *err)
{
	const bool cold_measured = c->bench && !c->cold;
	struct table *t = &p->table;

	t->sim.cpu = 1;
	/* what was measured or is said of this function counts more than what others took */
	if (c->bench || c->service)
		arrivals_forget_busy(&p->arrivals);
	if (c->bench) {
		if (bench_file_read(c->bench, &p->bench, err) < 0)
			return -1;
		t->measured = p->bench.memory;
		if (!c->service)
			t->sim.cpu = p->bench.cpu;
	}
	if (!c->bench || c->service) {
		if (spread_parse(c->service ? c->service : SERVICE, "service", &p->service, err) < 0)
			return -1;
		say_spread(c->service ? c->service : SERVICE " (assumed)", &p->service, &p->service_text);
		t->sim.service = &p->service;
		if (p->arrivals.busy > 0) {
			char mean[32];

			buf_reset(&p->service_text);
			buf_addf(&p->service_text, "as the trace has it, mean %s",
				 str_human_ns(p->arrivals.busy, mean, sizeof(mean)));
		}
	} else {
		buf_addf(&p->service_text, "of %.60s ", p->bench.function ? p->bench.function : "the function");
		say_spread("as measured", &p->bench.service, &p->service_text);
		t->sim.service = &p->bench.service;
	}
	if (cold_measured && p->bench.cold.n) {
		say_spread("as measured", &p->bench.cold, &p->cold_text);
		t->sim.cold = &p->bench.cold;
	} else {
		if (spread_parse(c->cold ? c->cold : COLD, "cold", &p->cold, err) < 0)
			return -1;
		say_spread(c->cold ? c->cold : COLD " (assumed)", &p->cold, &p->cold_text);
		t->sim.cold = &p->cold;
	}
	if (t->sim.service->mean <= 0)
		return err_set(err, ERR_USAGE, "--service: a request takes some time");
	t->memory = p->bench.limit >= MEMORY_MIN && p->bench.limit <= MEMORY_MAX ? p->bench.limit : 128ull << 20;
	if (c->memory &&
	    (str_parse_size(str_from(c->memory), &t->memory) < 0 || t->memory < MEMORY_MIN || t->memory > MEMORY_MAX)) {
		err_set(err, ERR_USAGE, "--memory: '%.50s' is no size from 1 MB to 1 TB", c->memory);
		return err_hint(err, "such as 128MB or 1.5GB");
	}
	return 0;
}

/* ---- the policies ---- */

static bool among(const struct strs *names, const char *name)
{
	for (size_t i = 0; i < names->len; i++)
		if (strcmp(names->ptr[i], name) == 0)
			return true;
	return false;
}

/* What would do nothing is not to be taken for something that has been tried. */
static int check_options(const struct simulate_ctx *c, struct err *err)
{
	const struct {
		const char *name;
		bool given;
		enum policy_kind policy;
		int forecaster; /* -1: any */
	} of[] = {
		{ "fixed", c->fixed, POLICY_FIXED, -1 },
		{ "target", c->target, POLICY_CPU, -1 },
		{ "cpu-period", c->cpu_period, POLICY_CPU, -1 },
		{ "forecaster", c->forecasters.len, POLICY_FORECAST, -1 },
		{ "horizon", c->horizon, POLICY_FORECAST, -1 },
		{ "season", c->season, POLICY_FORECAST, FORECAST_HOLT_WINTERS },
		{ "model", c->model, POLICY_FORECAST, FORECAST_LSTM },
		{ "train", c->train, POLICY_FORECAST, FORECAST_LSTM },
		{ "command", c->command, POLICY_COMMAND, -1 },
		{ "answer-within", c->answer, POLICY_COMMAND, -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(of); i++) {
		if (!of[i].given)
			continue;
		if (c->policies.len && !among(&c->policies, policy_name[of[i].policy]))
			return err_set(err, ERR_USAGE, "--%s is for policy %s", of[i].name, policy_name[of[i].policy]);
		if (of[i].forecaster >= 0 && c->forecasters.len &&
		    !among(&c->forecasters, forecast_name[of[i].forecaster]))
			return err_set(err, ERR_USAGE, "--%s is for forecaster %s", of[i].name,
				       forecast_name[of[i].forecaster]);
	}
	if (c->cooldown && c->policies.len && !among(&c->policies, policy_name[POLICY_CPU]) &&
	    !among(&c->policies, policy_name[POLICY_FORECAST]))
		return err_set(err, ERR_USAGE, "--cooldown is for policies cpu and forecast");
	if (c->answer && !c->command)
		return err_set(err, ERR_USAGE, "--answer-within is for a --command");
	if (c->fixed && c->most && c->fixed > c->most)
		return err_set(err, ERR_USAGE, "--fixed is more than --max");
	if (c->fixed && c->fixed < c->least)
		return err_set(err, ERR_USAGE, "--fixed is less than --min");
	return 0;
}

static uint32_t needs(const struct parts *p, double rate)
{
	const double each = p->arrivals.busy > 0 ? p->arrivals.busy : p->table.sim.service->mean;
	const double n = policy_needs(rate, each, POLICY_HEADROOM);

	return n < POLICY_INSTANCES - 1 ? (uint32_t)n + 1 : POLICY_INSTANCES;
}

static double first_rate(const struct arrivals *a)
{
	size_t n = 0;

	if (a->nbins)
		return a->exact ? a->bin[0] * (double)SECOND / (double)a->width : a->bin[0];
	while (n < a->n && a->each[n].at < SECOND)
		n++;
	return (double)n;
}

static int read_percent(const char *text, double *part, struct err *err)
{
	CLEAN_FREE char *digits = xstrdup(text);
	const size_t n = strlen(digits);
	uint64_t v;

	if (n && digits[n - 1] == '%')
		digits[n - 1] = '\0';
	if (str_parse_u64(str_from(digits), &v) < 0 || v < 1 || v > 100) {
		err_set(err, ERR_USAGE, "--target: '%.50s' is no percentage from 1 to 100", text);
		return err_hint(err, "such as 60%%");
	}
	*part = (double)v / 100;
	return 0;
}

static int read_policy(const struct simulate_ctx *c, const struct parts *p, struct policy_spec *s, struct err *err)
{
	const uint64_t interval = p->table.sim.interval;
	uint64_t season;

	*s = (struct policy_spec){ .least = c->least ? c->least : 1,
				   .most = p->table.sim.most,
				   .target = POLICY_TARGET,
				   .cooldown = POLICY_COOLDOWN,
				   .period = POLICY_PERIOD,
				   .horizon = POLICY_HORIZON,
				   .headroom = POLICY_HEADROOM };
	if (s->least > s->most)
		return err_set(err, ERR_USAGE, "--min is more than --max");
	if ((c->target && read_percent(c->target, &s->target, err) < 0) ||
	    (c->cooldown && scale_load_time("cooldown", c->cooldown, 0, 24 * HOUR, &s->cooldown, err) < 0) ||
	    (c->cpu_period &&
	     scale_load_time("cpu-period", c->cpu_period, SCALE_INTERVAL_MIN, HOUR, &s->period, err) < 0) ||
	    (c->horizon &&
	     scale_load_time("horizon", c->horizon, interval, interval * FORECAST_STEPS, &s->horizon, err) < 0))
		return -1;
	if (c->season) {
		if (scale_load_time("season", c->season, 2 * interval, interval * FORECAST_SEASON_MAX, &season, err) <
		    0)
			return -1;
		s->forecast.season = (size_t)(season / interval);
	}
	return 0;
}

/* The load as it may be at other times: the same pattern, and other chance. */
static int train_model(const struct simulate_ctx *c, struct parts *p, struct err *err)
{
	const uint64_t interval = p->table.sim.interval;
	VEC(double) all = { 0 };
	struct scale_load other = c->load;
	int ret = 0;

	for (p->episodes = 0; ret == 0 && p->episodes < EPISODES && all.len < EPISODE_VALUES; p->episodes++) {
		CLEAN_BUF struct buf ignored = BUF_INIT;
		CLEAN_ARRIVALS struct arrivals a = { .n = 0 };
		CLEAN_FREE double *v = NULL;
		size_t n = 0;

		other.seed = (unsigned)scale_load_seed(&c->load) + 1 + p->episodes;
		ret = scale_load_make(&other, &a, &ignored, err);
		if (ret == 0) {
			v = scale_history(&a, interval, scale_load_seed(&other), &n, err);
			ret = v ? 0 : -1;
		}
		for (size_t i = 0; ret == 0 && i < n; i++)
			VEC_PUSH(&all, v[i]);
	}
	p->lstm = xcalloc(1, sizeof(*p->lstm));
	if (ret == 0)
		ret = scale_train_on(p->lstm, all.ptr, all.len, interval, scale_load_seed(&c->load), LSTM_STEPS, err);
	VEC_FREE(&all);
	return ret;
}

static int read_model(const struct simulate_ctx *c, struct parts *p, struct err *err)
{
	const double interval = (double)p->table.sim.interval / (double)SECOND;

	if (c->train && (c->model || c->load.trace)) {
		err_set(err, ERR_USAGE, "--train is for a pattern, without a --model");
		return err_hint(err, "slsc scale train learns from the history before a trace");
	}
	if (c->train)
		return train_model(c, p, err);
	if (!c->model) {
		if (!among(&c->forecasters, "lstm"))
			return 0;
		err_set(err, ERR_USAGE, "--forecaster lstm needs a --model, or --train");
		return err_hint(err, "slsc scale train makes a model of your own history");
	}
	p->lstm = xcalloc(1, sizeof(*p->lstm));
	if (lstm_read(c->model, p->lstm, err) < 0)
		return -1;
	if (p->lstm->interval > interval * 1.000001 || p->lstm->interval < interval * 0.999999) {
		err_set(err, ERR_USAGE, "%s was trained for intervals of %.6g s, and the policy looks each %.6g s",
			c->model, p->lstm->interval, interval);
		return err_hint(err, "--interval says how often");
	}
	return 0;
}

static void add_forecasts(const struct simulate_ctx *c, struct parts *p, struct policy_spec s)
{
	for (int i = 0; i < FORECAST_COUNT; i++) {
		char name[32];

		if ((c->forecasters.len && !among(&c->forecasters, forecast_name[i])) ||
		    (i == FORECAST_LSTM && !p->lstm))
			continue;
		s.kind = POLICY_FORECAST;
		s.forecast.kind = (enum forecast_kind)i;
		s.forecast.lstm = p->lstm;
		snprintf(name, sizeof(name), "forecast %s", forecast_name[i]);
		table_add(&p->table, name, &s);
	}
}

static int add_policies(const struct simulate_ctx *c, struct parts *p, struct err *err)
{
	const bool all = !c->policies.len;
	const uint32_t peak = needs(p, p->arrivals.peak);
	struct table *t = &p->table;
	uint64_t answer = POLICY_ANSWER_TIME;
	struct policy_spec s;

	if (read_policy(c, p, &s, err) < 0 || read_model(c, p, err) < 0)
		return -1;
	t->sim.initial = needs(p, first_rate(&p->arrivals));
	t->sim.initial = t->sim.initial < s.least ? s.least : t->sim.initial;
	if (all || among(&c->policies, "fixed")) {
		s.kind = POLICY_FIXED;
		s.fixed = c->fixed ? c->fixed : peak < s.most ? peak : s.most;
		table_add(t, "fixed", &s);
		if (!c->fixed)
			strs_addf(&t->notes, "fixed: %u instances, what the peak needs: somebody knew it beforehand",
				  s.fixed);
	}
	if (all || among(&c->policies, "cpu")) {
		s.kind = POLICY_CPU;
		table_add(t, "cpu", &s);
	}
	if (all || among(&c->policies, "forecast"))
		add_forecasts(c, p, s);
	if (among(&c->policies, "command") && !c->command)
		return err_set(err, ERR_USAGE, "--policy command needs a --command");
	if (!c->command || (!all && !among(&c->policies, "command")))
		return 0;
	if (c->answer && scale_load_time("answer-within", c->answer, SECOND / 1000, HOUR, &answer, err) < 0)
		return -1;
	p->command = policy_command_start(c->command, answer, err);
	s.kind = POLICY_COMMAND;
	s.command = p->command;
	table_add(t, "command", &s);
	return p->command ? 0 : -1;
}

/* ---- */

static int read_price(const struct simulate_ctx *c, struct parts *p, struct err *err)
{
	struct table *t = &p->table;
	/* what no platform charges for by itself, such as wasm32, runs on x86_64 */
	const char *arch = c->arch ? c->arch : strcmp(p->bench.arch, "arm64") == 0 ? "arm64" : "x86_64";

	if (prices_load(c->prices, &p->prices, err) < 0 ||
	    prices_find(&p->prices, c->platform ? c->platform : "lambda", arch, &t->price, err) < 0 ||
	    claims_load(c->claims, &p->claims, err) < 0)
		return -1;
	t->prices = &p->prices;
	t->claims = &p->claims;
	return 0;
}

static void add_notes(const struct simulate_ctx *c, struct parts *p)
{
	struct table *t = &p->table;
	char memory[32], cost[64];
	const double gb = (double)t->memory / 1073741824.0;
	const double demand =
		price_demand(t->price, (double)t->row[0].r.total, t->row[0].r.busy_ns / (double)SECOND * gb);

	if (!c->bench)
		strs_addf(&t->notes, "nothing here was measured: --bench takes what slsc bench --json has");
	if (c->model)
		strs_addf(&t->notes,
			  "lstm: trained on %llu values; of what it was not shown, its error was %.0f %% of that "
			  "of the last value",
			  (unsigned long long)p->lstm->trained,
			  p->lstm->naive > 0 ? 100 * maths_sqrt(p->lstm->loss / p->lstm->naive) : 100);
	else if (c->train)
		strs_addf(&t->notes,
			  "lstm: trained on %u such loads of other seeds, %llu values: a load like this is nothing "
			  "new to it",
			  p->episodes, (unsigned long long)p->lstm->trained);
	else if (!c->policies.len && !c->forecasters.len)
		strs_addf(&t->notes, "lstm is left out: it needs a --model, which slsc scale train makes, or --train");
	strs_addf(&t->notes, "memory: %s of an instance, at the peak of instances",
		  t->measured ? "what was measured" : "what is configured");
	strs_addf(&t->notes,
		  "cost: of %s, for all of the time, instances of %s that are kept, by %s's prices (%s%s%s) of %s; "
		  "charged by their time alone, the requests of %s would be %s",
		  c->load.trace ? "the trace" : "the load", str_human_size(t->memory, memory, sizeof(memory)),
		  t->price->platform, t->price->arch, t->price->region ? ", " : "",
		  t->price->region ? t->price->region : "", t->prices->date, t->row[0].name,
		  table_cost_text(t, demand, cost, sizeof(cost)));
}

static int print(const struct simulate_ctx *c, const struct globals *g, const struct table *t, struct err *err)
{
	const struct table_style style = { .width = c->output ? 120 : tty_width(STDOUT_FILENO),
					   .color = g->use_color && isatty(STDOUT_FILENO) && !c->output };
	const char *format = g->json ? "json" : c->format ? c->format : "text";
	CLEAN_BUF struct buf b = BUF_INIT;

	if (strcmp(format, "json") == 0)
		table_print_json(t, &b);
	else if (strcmp(format, "csv") == 0)
		table_print_csv(t, &b);
	else if (strcmp(format, "html") == 0)
		table_print_html(t, &b);
	else
		table_print(t, &style, &b);
	return report_out(c->output, &b, err);
}

#define PARTS 100u /* of a row's progress */

struct progress {
	uint64_t row, part;
};

/* Rows follow each other: a part that is less than the one before is of the next. */
static void on_progress(double part, void *ctx)
{
	struct progress *p = ctx;
	const uint64_t now = part < 1 ? (uint64_t)(part * PARTS) : PARTS;

	p->row += now < p->part;
	p->part = now;
	progress_update(p->row * PARTS + now, NULL);
}

static int simulate(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct simulate_ctx *c = ctx;
	CLEANUP(parts_release) struct parts p = PARTS_INIT;
	struct progress progress = { 0, 0 };
	struct table *t = &p.table;
	int ret;

	(void)argc;
	(void)argv;
	t->sim.most = c->most ? c->most : MOST;
	t->sim.queue = c->queue ? c->queue : QUEUE;
	t->sim.seed = scale_load_seed(&c->load);
	t->version = SLSC_VERSION;
	if (check_options(c, err) < 0 || report_out_check(c->output, err) < 0 ||
	    (c->goal && scale_load_time("goal", c->goal, 1000, HOUR, &t->goal, err) < 0) ||
	    scale_load_make(&c->load, &p.arrivals, &p.load, err) < 0 ||
	    scale_load_interval(&c->load, &p.arrivals, &t->sim.interval, err) < 0 || read_function(c, &p, err) < 0 ||
	    read_price(c, &p, err) < 0 || add_policies(c, &p, err) < 0)
		return -1;
	t->sim.arrivals = &p.arrivals;
	t->load = p.load.ptr;
	t->service = p.service_text.ptr;
	t->cold = p.cold_text.ptr;
	t->sim.progress = on_progress;
	t->sim.ctx = &progress;
	progress_begin("simulating", t->n * PARTS);
	ret = table_run(t, err);
	progress_end();
	if (ret < 0)
		return -1;
	add_notes(c, &p);
	if (print(c, g, t, err) < 0)
		return -1;
	if (t->goal && !table_winner(t))
		return err_set(err, ERR_CHECK, "no policy keeps p99 within %s", c->goal);
	return 0;
}

static void simulate_release(void *ctx)
{
	struct simulate_ctx *c = ctx;

	strs_release(&c->policies);
	strs_release(&c->forecasters);
}

static const struct cmd subs[] = {
	{
		.name = "simulate",
		.args = "",
		.summary = "Try policies of scaling on a load that is made up or was recorded",
		.description =
			"Simulates one load with each policy, from event to event, and prints what each of them "
			"needs and "
			"costs, and which one wins at what.\n\n"
			"A policy says, each --interval, how many instances there should be. `fixed` always says "
			"the same; "
			"`cpu` keeps the CPU time of each at a target, as Kubernetes' autoscaler does; `forecast` "
			"predicts "
			"the requests of the next seconds, from those that came, and has the instances that will serve "
			"them; --command is a program of one's own, which gets a line of JSON for each interval, "
			"and answers "
			"with {\"want\":12}. A request that finds no idle instance waits for one.\n\n"
			"Service time, cold start and memory are those of --bench, a file of slsc bench --json, or are "
			"given by options. The same --seed gives the same bytes, on each machine.\n\n"
			"scale-out is the time from a step until as many instances are ready as it keeps busy, and "
			"nobody "
			"waits. MAE and sMAPE are the errors of all forecasts of requests a second, up to "
			"--horizon ahead.",
		.examples = "$ slsc scale simulate --train\n"
			    "$ slsc bench hello --json >b.json; slsc scale simulate --bench b.json --goal 50ms\n"
			    "$ slsc scale simulate --load diurnal --duration 24h --rate 500 --season 1h\n"
			    "$ slsc scale simulate --trace requests.csv --model load.json --format html -o scale.html\n"
			    "$ slsc scale simulate --command 'python3 policy.py' --policy fixed,command\n",
		.opts = simulate_opts,
		.ctx_size = sizeof(struct simulate_ctx),
		.flags = CMD_JSON,
		.run = simulate,
		.release = simulate_release,
	},
	{
		.name = "train",
		.args = "",
		.summary = "Train a small network to forecast a load, on its history",
		.description =
			"Trains the network of --forecaster lstm on requests that came before, as --trace has "
			"them, and writes "
			"its weights to a file, for slsc scale simulate --model. The last fifth of the history is "
			"not shown to "
			"it: on that its error is measured, beside that of the forecast that nothing changes, and "
			"the weights "
			"that did best are kept.\n\n"
			"The same history, --steps and --seed give the same bytes, on each machine.",
		.examples = "$ slsc scale train --trace history.csv -o load.json\n"
			    "$ slsc scale train --load diurnal --duration 24h --rate 500 --period 1h\n",
		.opts = scale_train_opts,
		.ctx_size = sizeof(struct scale_train_ctx),
		.flags = CMD_JSON | CMD_DRY_RUN,
		.run = scale_train,
	},
	{ .name = NULL },
};

const struct cmd cmd_scale = {
	.name = "scale",
	.args = "simulate|train",
	.summary = "How many instances a load needs: policies of scaling, tried beforehand",
	.description =
		"Policies that decide how many instances of a function there are, simulated with what slsc bench "
		"has measured.",
	.examples = "$ slsc scale simulate --bench b.json\n"
		    "$ slsc scale train --trace history.csv -o load.json\n",
	.subs = subs,
};
