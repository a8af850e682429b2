/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build_one.h"
#include "cli/out.h"
#include "commands.h"
#include "event.h"
#include "local/bench.h"
#include "local/solo.h"
#include "local/tune_run.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/machine.h"
#include "report_out.h"
#include "tune_events.h"
#include "tune_options.h"

#define FILE_COLUMNS 120

#define AT(member) offsetof(struct tune_ctx, member)

static const char *const formats[] = { "text", "json", "csv", "html", NULL };
static const char *const strategies[] = { "cost", "speed", "balanced", NULL };
static const char *const presets[] = { "guide", NULL };

static const struct opt opts[] = {
	{ OPT_GROUP, .help = "What is tried" },
	{ OPT_LIST, .long_name = "memory", .offset = AT(memory), .arg = "SIZE,...", .help = "sizes of memory" },
	{ OPT_LIST, .long_name = "cpu", .offset = AT(cpu), .arg = "SHARE,...", .help = "shares of a CPU: 50%,100%" },
	{ OPT_LIST, .long_name = "workers", .offset = AT(workers), .arg = "N,...",
	  .help = "values of SLSC_WORKERS, with runtime http" },
	{ OPT_LIST, .long_name = "retention", .offset = AT(retention), .arg = "PERCENT,...",
	  .help = "how much of what the arena would keep for the next call it does keep" },
	{ OPT_LIST, 'p', "profile", AT(profile), .arg = "NAME,...", .complete = COMPLETE_PROFILE,
	  .help = "profiles to build with" },
	{ OPT_MULTI, .long_name = "env", .offset = AT(env), .arg = "NAME=V,...",
	  .help = "values of a variable of the environment" },
	{ OPT_MULTI, 'D', "define", AT(define), .arg = "NAME=V,...", .help = "values of a macro" },
	{ OPT_CHOICE, .long_name = "preset", .offset = AT(preset), .arg = "NAME", .choices = presets,
	  .help = "guide: 4 and 16 workers with retention 100 and 50, and the guide's table of them" },
	{ OPT_GROUP, .help = "The load" },
	{ OPT_UINT, 'r', "rate", AT(rate), .arg = "R", .min = 1, .max = LOAD_RATE_MAX,
	  .help = "R calls a second, whatever the function does (default: 100)" },
	{ OPT_STR, 'd', "duration", AT(duration), .arg = "TIME", .help = "for each setting and repeat (default: 2 s)" },
	{ OPT_STR, .long_name = "warmup", .offset = AT(warmup), .arg = "TIME",
	  .help = "of the same load, before it counts (default: 500 ms)" },
	{ OPT_STR, 'e', "event", AT(event), .arg = "EVENT", .complete = COMPLETE_FILE,
	  .help = "what the function gets: a file, - for standard input, or JSON itself (default: {})" },
	{ OPT_STR, .long_name = "example", .offset = AT(example), .arg = "NAME", .complete = COMPLETE_EXAMPLE,
	  .help = "an example event: s3, sqs, apigw, ..." },
	{ OPT_MULTI, .long_name = "events", .offset = AT(events), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "a file with an event, or with one a line (.jsonl); several in turn" },
	{ OPT_STR, .long_name = "generator", .offset = AT(generator), .arg = "COMMAND",
	  .help = "a shell command that prints events, one a line" },
	{ OPT_GROUP, .help = "How it is measured, and what is best" },
	{ OPT_UINT, .long_name = "repeats", .offset = AT(repeats), .arg = "N", .min = 1, .max = TUNE_REPEATS_MAX,
	  .help = "measure each setting N times, in turn (default: 5)" },
	{ OPT_UINT, .long_name = "cold", .offset = AT(colds), .arg = "N", .min = 1, .max = 1000,
	  .help = "cold starts of each setting and repeat (default: 3)" },
	{ OPT_UINT, .long_name = "seed", .offset = AT(seed), .arg = "N", .min = 1, .max = 1000000000,
	  .help = "decides the order of measuring (default: 1)" },
	{ OPT_FLAG, .long_name = "full", .offset = AT(full),
	  .help = "measure every setting to the end, also where they are more than 16" },
	{ OPT_CHOICE, .long_name = "strategy", .offset = AT(strategy), .arg = "NAME", .choices = strategies,
	  .help = "cost, speed (p99) or balanced (p99 times cost; default)" },
	{ OPT_STR, .long_name = "platform", .offset = AT(platform), .arg = "NAME",
	  .help = "whose prices count (default: lambda)" },
	{ OPT_STR, .long_name = "prices", .offset = AT(prices), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "a table of prices of your own" },
	{ OPT_STR, .long_name = "claims", .offset = AT(claims), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "claims of your own, for --preset (default: share/slsc/guide.yaml)" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_FLAG, .long_name = "apply", .offset = AT(apply), .help = "write the choice into slsc.yaml" },
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "text (default), json, csv or html" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

/* ---- the load ---- */

static int read_events(const struct tune_ctx *c, struct project *p, const struct function *f, const struct tune_def *d,
		       struct tune_events *e, struct err *err)
{
	const int ways = (c->event || c->example) + (c->events.len > 0) + (c->generator != NULL);
	CLEAN_BUF struct buf one = BUF_INIT;

	if (ways > 1)
		return err_set(err, ERR_USAGE, "--event, --events and --generator are all events: one of them");
	if (c->generator || (!ways && d->generator.s))
		return tune_events_generate(e, c->generator ? c->generator : d->generator.s, p->dir, err);
	if (c->events.len)
		return tune_events_files(e, &c->events, err);
	if (!ways && d->events.len) {
		CLEAN_STRS struct strs found = { 0 }, paths = { 0 };

		for (size_t i = 0; i < d->events.len; i++)
			if (project_glob(p, d->events.ptr[i], &found, err) < 0)
				return -1;
		for (size_t i = 0; i < found.len; i++)
			strs_take(&paths, path_join(p->dir, found.ptr[i]));
		return tune_events_files(e, &paths, err);
	}
	if (event_read(c->event, c->example, &one, err) < 0)
		return -1;
	tune_events_one(e, f->runtime == RUNTIME_HTTP && !ways ? STR("") : buf_str(&one));
	return 0;
}

static int choose_function(const struct project *p, const char *name, struct function **f, struct err *err)
{
	if (name || p->nfunctions == 1) {
		*f = project_function(p, name ? name : p->functions[0]->name.s, err);
		return *f ? 0 : -1;
	}
	err_set(err, ERR_USAGE, "%s has %zu functions: say which one to tune", p->file, p->nfunctions);
	return err_hint(err, "slsc tune %.200s", p->nfunctions ? p->functions[0]->name.s : "FUNCTION");
}

/* ---- programs ---- */

struct making {
	struct project *p;
	const struct function *f;
	const struct globals *g;
	bool macros; /* some setting has macros of its own */
	unsigned made;
	bool shown;
};

/*
 * With macros of a setting the function is built beside what slsc.yaml says, in .slsc/tune-<profile>/, whose objects of
 * the runtime serve all settings; the binary is put aside before the next one takes its place.
 */
static const char *own_profile(const struct making *m, const char *name, struct err *err)
{
	struct project *p = m->p;
	const struct profile *from = project_profile(p, name ? name : p->profile.s, err);
	struct profile *to, **all;
	char *own;

	if (!from)
		return NULL;
	own = arena_printf(&p->arena, "tune-%s", from->name);
	for (size_t i = 0; i < p->nprofiles; i++)
		if (strcmp(p->profiles[i]->name, own) == 0)
			return own;
	to = arena_new(&p->arena, struct profile);
	*to = *from;
	to->name = own;
	all = arena_alloc(&p->arena, (p->nprofiles + 1) * sizeof(*all));
	memcpy(all, p->profiles, p->nprofiles * sizeof(*all));
	all[p->nprofiles++] = to;
	p->profiles = all;
	return own;
}

static int on_build(const char *profile, char **path, void *ctx, struct err *err)
{
	struct making *m = ctx;
	const char *name = m->macros ? own_profile(m, profile, err) : profile;
	CLEAN_BUILD struct build_result res = { .len = 0 };
	CLEAN_FREE char *from = NULL, *to = NULL, *dir = path_join(m->p->dir, ".slsc/tune");

	if (m->macros && !name)
		return -1;
	if (m->shown)
		progress_end();
	m->shown = false;
	if (build_one_more(m->p, m->f->name.s, name, m->g, &res, err) < 0)
		return -1;
	if (!m->macros) {
		*path = xstrdup(res.ptr[0].path);
		return 0;
	}
	*path = xasprintf(".slsc/tune/%u", m->made++);
	from = path_join(m->p->dir, res.ptr[0].path);
	to = path_join(m->p->dir, *path);
	if (fs_mkdirs(dir, err) == 0 && fs_copy(from, to, 0755, false, err) == 0)
		return 0;
	clean_free_(path);
	return -1;
}

static void on_progress(size_t done, size_t total, const char *what, void *ctx)
{
	struct making *m = ctx;

	if (!m->shown)
		progress_begin("tuning", (unsigned)total);
	m->shown = true;
	progress_update((unsigned)done, what);
}

/* ---- */

static void say_load(struct tune *t, const struct load_spec *spec, const struct tune_events *e)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	bench_course_text(spec, &b);
	t->load = arena_printf(&t->arena, "%s; %s%s", b.ptr, e->what, e->list.len > 1 ? ", in turn" : "");
}

static void say_prices(struct tune *t, const struct prices *p, const struct price *price)
{
	t->currency = arena_strdup(&t->arena, p->currency);
	t->prices = arena_printf(&t->arena, "%s %s%s%s, %s of %s", price->platform, price->arch,
				 price->region ? ", " : "", price->region ? price->region : "", p->currency, p->date);
}

static int print(const struct tune *t, const struct tune_ctx *c, const struct globals *g, struct err *err)
{
	enum tune_format format = g->json ? TUNE_JSON : TUNE_TEXT;
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; !g->json && formats[i]; i++)
		if (c->format && strcmp(c->format, formats[i]) == 0)
			format = (enum tune_format)i;
	tune_print(t, format, g->use_color && isatty(STDOUT_FILENO) && !c->output,
		   c->output ? FILE_COLUMNS : tty_width(STDOUT_FILENO), &b);
	return report_out(c->output, &b, err);
}

/* With none that can be chosen there is one reason, or there are several. */
static int nothing(const struct tune *t, struct err *err)
{
	const char *why = t->row[0].failed;

	for (size_t i = 1; i < t->nrows; i++)
		if (!why || !t->row[i].failed || strcmp(why, t->row[i].failed) != 0)
			return err_set(err, ERR_FUNCTION, "%s: no setting can be chosen", t->function);
	if (!why)
		return err_set(err, ERR_FUNCTION, "%s: no setting can be chosen", t->function);
	err_set(err, ERR_FUNCTION, "%s: %s, whatever the setting", t->function, why);
	return err_hint(err, "slsc invoke %.100s shows what it says", t->function);
}

static int conclude(struct tune *t, const struct tune_ctx *c, const struct globals *g, const struct project *p,
		    const struct function *f, struct err *err)
{
	CLEAN_STRS struct strs told = { 0 };

	if (print(t, c, g, err) < 0)
		return -1;
	if (t->chosen == TUNE_NONE)
		return nothing(t, err);
	if (c->apply && tune_apply(t, p, f, &told, err) < 0)
		return -1;
	for (size_t i = 0; i < told.len; i++)
		out_note("%s", told.ptr[i]);
	return 0;
}

static int sweep(struct tune *t, struct tune_ctx *c, const struct globals *g, struct project *p, struct function *f,
		 const struct tune_def *d, const struct tune_events *e, struct err *err)
{
	CLEAN_BUILD_ONE struct build_one b = BUILD_ONE_INIT;
	CLEAN_PRICES struct prices prices = { .file = NULL };
	const struct price *price;
	struct making m = { .p = p, .f = f, .g = g };
	struct tune_run r = { .tune = t,
			      .project = p,
			      .function = f,
			      .events = e->list.ptr,
			      .nevents = e->list.len,
			      .load = { .rate = (uint32_t)d->rate,
					.duration = d->duration_ms * LOOP_MS,
					.warmup = d->warmup_ms * LOOP_MS },
			      .colds = d->cold,
			      .build = on_build,
			      .progress = on_progress,
			      .ctx = &m };
	struct err ended = ERR_INIT;
	int ret;

	if (prices_load(c->prices, &prices, err) < 0 || prices_find(&prices, d->platform.s, NULL, &price, err) < 0)
		return -1;
	for (size_t i = 0; i < t->naxes; i++)
		m.macros |= t->axis[i].kind == TUNE_RETENTION || t->axis[i].kind == TUNE_DEFINE;
	/* locked to its end: what is measured stays what it is */
	if (build_one(p, f->name.s, NULL, "slsc tune", g, &b, err) < 0)
		return -1;
	r.arch = b.built->arch;
	if (prices_find(&prices, d->platform.s, arch_name(r.arch), &price, err) < 0)
		return -1;
	r.price = price;
	say_load(t, &r.load, e);
	say_prices(t, &prices, price);
	ret = tune_run(&r, &ended);
	if (m.shown)
		progress_end();
	if (ret < 0 && ended.code != ERR_INTR) {
		*err = ended;
		return -1;
	}
	if (ret < 0) {
		/* what was measured until the signal came is worth being seen, but not to be written down */
		if (print(t, c, g, err) < 0)
			return -1;
		*err = ended;
		return -1;
	}
	return conclude(t, c, g, p, f, err);
}

/* What is measured for minutes is to be written down at their end. */
static int check_apply(const struct project *p, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, "slsc.yaml");

	return report_out_check(path, err) < 0 ? err_wrap(err, "--apply") : 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct tune_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_TUNE_EVENTS struct tune_events events = { .what = NULL };
	CLEAN_CLAIMS struct claims claims = { .len = 0 };
	CLEAN_TUNE struct tune t = { .version = SLSC_VERSION,
				     .seed = c->seed ? c->seed : 1,
				     .guide = c->preset != NULL,
				     .claims = &claims };
	struct tune_machine machine;
	struct function *f = NULL;
	struct tune_def def;
	struct quota quota;
	int ret;

	if (c->claims && !c->preset)
		return err_set(err, ERR_USAGE, "--claims goes with --preset");
	if (report_out_check(c->output, err) < 0 || (c->preset && claims_load(c->claims, &claims, err) < 0) ||
	    project_load(&p, NULL, err) < 0 || choose_function(&p, argc ? argv[0] : NULL, &f, err) < 0 ||
	    solo_check(&p, f, err) < 0 || (c->apply && check_apply(&p, err) < 0))
		return -1;
	def = f->tune;
	if (tune_options(c, &p, &def, err) < 0)
		return -1;
	tune_look(&machine, &quota);
	ret = tune_axes(&t, &p, f, &def, &machine, err);
	if (ret == 0 && quota.lacks[0])
		strs_add(&t.notes, quota.lacks);
	quota_release(&quota);
	if (ret < 0 || read_events(c, &p, f, &def, &events, err) < 0)
		return -1;
	for (size_t i = 0; tune_strategy_name[i]; i++)
		if (strcmp(def.strategy.s, tune_strategy_name[i]) == 0)
			t.strategy = (enum tune_strategy)i;
	t.project = p.name.s;
	t.function = f->name.s;
	t.machine = machine_text(&t.arena);
	t.repeats = def.repeats;
	t.halving = !c->full && t.nrows > TUNE_FULL;
	return sweep(&t, c, g, &p, f, &def, &events, err);
}

static void release(void *ctx)
{
	struct tune_ctx *c = ctx;
	struct strs *all[] = { &c->memory,  &c->cpu, &c->workers, &c->retention,
			       &c->profile, &c->env, &c->define,  &c->events };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		strs_release(all[i]);
}

const struct cmd cmd_tune = {
	.name = "tune",
	.args = "[FUNCTION]",
	.summary = "Find the settings of a function: latency against cost",
	.description =
		"Measures a function with each setting, which is one value of each list: memory, CPU share, "
		"SLSC_WORKERS, arena retention, profile, variables and macros, as the command line or `tune:` in "
		"slsc.yaml list them; without any, memory from 128 MB to 1769 MB. Each on a platform of its own "
		"within this process, with the limits that slsc local has, under one load: an open loop, whose "
		"calls are made at their times and whose latency counts from then.\n\n"
		"Every setting is measured several times, in turn and each time in another order, so that what "
		"changes with time meets all of them. For each: p50, p99 and its spread over the repeats, the "
		"longest pause (a time in which calls were due and none was answered), peak memory, CPU, cold "
		"start, and what a million calls cost by a table of prices, which --prices replaces.\n\n"
		"Up to 16 settings are all measured to the end. Of more, the worse half by the strategy is "
		"dropped after each repeat until 8 are left, and the result says so.\n\n"
		"Two settings differ if chance alone would set their repeats apart so far in less than 5 % of "
		"cases (Wilcoxon's rank sum test), for which four repeats are the least. The best by the strategy "
		"is chosen; of those that do not differ from it in that, the better one in the other respect. A "
		"setting of which more than 1 % of the calls fail is not chosen.\n\n"
		"--apply writes the choice into slsc.yaml, and leaves comments and all else as they are. The exit "
		"code is 1 if no setting can be chosen. A signal ends it early: what was measured by then is "
		"printed, and the exit code is 130.",
	.examples = "$ slsc tune hello\n"
		    "$ slsc tune hello --memory 128MB,256MB,512MB --strategy cost --apply\n"
		    "$ slsc tune site --workers 1,2,4 --env CACHE=100,1000 --rate 500 --events 'orders.jsonl'\n"
		    "$ slsc tune site --preset guide --format html -o tune.html\n"
		    "$ slsc tune hello --json | jq '.settings[.chosen].values'\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct tune_ctx),
	.flags = CMD_JSON,
	.run = run,
	.release = release,
};
