/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build_one.h"
#include "cli/out.h"
#include "commands.h"
#include "event.h"
#include "local/bench_run.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/machine.h"
#include "report/start.h"
#include "report_out.h"

#define COLDS "100"
#define DURATION "10 s"
#define WARMUP "1 s"
#define MEMORY_MIN (128ull << 20)	/* as in slsc.yaml */
#define MEMORY_MAX (10240ull << 20)

struct bench_ctx {
	const char *event, *example, *colds, *duration, *warmup, *memory, *profile, *format, *output;
	unsigned rate, concurrency, requests;
};

#define AT(member) offsetof(struct bench_ctx, member)

static const char *const formats[] = { "text", "json", "html", NULL };

static const struct opt opts[] = {
	{ OPT_STR, 'e', "event", AT(event), .arg = "EVENT", .complete = COMPLETE_FILE,
	  .help = "what the function gets: a file, - for standard input, or JSON itself (default: {})" },
	{ OPT_STR, .long_name = "example", .offset = AT(example), .arg = "NAME", .complete = COMPLETE_EXAMPLE,
	  .help = "an example event: s3, sqs, apigw, ..." },
	{ OPT_STR, .long_name = "memory", .offset = AT(memory), .arg = "SIZE",
	  .help = "give it so much, and the CPU that comes with it (default: what slsc.yaml says)" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "build with this profile" },
	{ OPT_GROUP, .help = "What is measured" },
	{ OPT_STR, .long_name = "cold", .offset = AT(colds), .arg = "N",
	  .help = "N cold starts, one after the other (default: " COLDS "; 0: none)" },
	{ OPT_UINT, 'r', "rate", AT(rate), .arg = "R", .min = 1, .max = LOAD_RATE_MAX,
	  .help = "an open loop: R calls a second, whatever the function does" },
	{ OPT_UINT, 'c', "concurrency", AT(concurrency), .arg = "N", .min = 1, .max = LOAD_CONCURRENCY_MAX,
	  .help = "a closed loop: N callers, each of which waits for its answer (default: 1)" },
	{ OPT_STR, 'd', "duration", AT(duration), .arg = "TIME",
	  .help = "of the load: 10s, 500ms, 2min (default: " DURATION "; 0: no load)" },
	{ OPT_UINT, .long_name = "requests", .offset = AT(requests), .arg = "N", .min = 1, .max = LOAD_REQUESTS_MAX,
	  .help = "end the load after N calls; without --duration however long they take" },
	{ OPT_STR, .long_name = "warmup", .offset = AT(warmup), .arg = "TIME",
	  .help = "of the same load, before it counts (default: " WARMUP ")" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "text (default), json or html" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

/* ---- options ---- */

static int read_time(const char *name, const char *text, uint64_t *ns, struct err *err)
{
	uint64_t us;

	if (duration_parse(text, &us) < 0 || us > LOAD_DURATION_MAX / 1000) {
		err_set(err, ERR_USAGE, "--%s: '%.50s' is no time of at most 24 h", name, text);
		return err_hint(err, "such as 10s, 500ms, 2min");
	}
	*ns = us * 1000;
	return 0;
}

static int read_spec(const struct bench_ctx *c, uint64_t *colds, struct load_spec *spec, struct err *err)
{
	const char *duration = c->duration ? c->duration : c->requests ? "0" : DURATION;

	if (c->rate && c->concurrency) {
		err_set(err, ERR_USAGE, "--rate is an open loop, --concurrency a closed one");
		return err_hint(err, "the open one has as many calls under way as it takes, at most %u",
				LOAD_OPEN_CONCURRENCY);
	}
	if (str_parse_u64(str_from(c->colds ? c->colds : COLDS), colds) < 0 || *colds > LOAD_COLDS_MAX)
		return err_set(err, ERR_USAGE, "--cold: '%.50s' is no number up to %u", c->colds, LOAD_COLDS_MAX);
	*spec = (struct load_spec){ .rate = c->rate, .requests = c->requests,
				    .concurrency = c->rate ? 0 : c->concurrency ? c->concurrency : 1 };
	if (read_time("duration", duration, &spec->duration, err) < 0 ||
	    read_time("warmup", c->warmup ? c->warmup : WARMUP, &spec->warmup, err) < 0)
		return -1;
	if (!*colds && !spec->duration && !spec->requests)
		return err_set(err, ERR_USAGE, "neither a cold start nor a load: there is nothing to measure");
	return 0;
}

static int set_memory(const struct bench_ctx *c, struct function *f, struct err *err)
{
	uint64_t memory;

	if (!c->memory)
		return 0;
	if (str_parse_size(str_from(c->memory), &memory) < 0 || memory < MEMORY_MIN || memory > MEMORY_MAX) {
		err_set(err, ERR_USAGE, "--memory: '%.50s' is not within 128 MB and 10,240 MB", c->memory);
		return err_hint(err, "such as 1769MB, which comes with a whole CPU");
	}
	f->memory = memory;
	return 0;
}

static int choose_function(const struct project *p, const char *name, struct function **f, struct err *err)
{
	if (name || p->nfunctions == 1) {
		*f = project_function(p, name ? name : p->functions[0]->name.s, err);
		return *f ? 0 : -1;
	}
	err_set(err, ERR_USAGE, "%s has %zu functions: say which one to measure", p->file, p->nfunctions);
	return err_hint(err, "slsc bench %.200s", p->nfunctions ? p->functions[0]->name.s : "FUNCTION");
}

/* ---- */

static void on_progress(const char *what, uint64_t done, uint64_t total, void *ctx)
{
	const char **now = ctx;

	if (!*now || strcmp(*now, what) != 0) {
		if (*now)
			progress_end();
		progress_begin(what, total);
		*now = what;
	}
	progress_update(done, NULL);
}

/* Until the first request is served: of the cold starts. What cannot be counted is not known, and no fault. */
static int count_allocations(const struct project *p, const struct built *b, const char *event, struct bench_part *cold,
			     struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, b->path), *debug = b->debug ? path_join(p->dir, b->debug) : NULL;
	const struct start_target t = { .path = path, .shown = b->path, .runtime = b->function->runtime,
					.env = &b->function->env,
					.event = b->function->runtime == RUNTIME_HTTP ? NULL : event, .request = "/",
					.timeout_ms = b->function->timeout_ms };
	bool known = false;
	uint64_t n = 0;

	if (!cold->result || !cold->result->calls[LOAD_OK] || b->arch != arch_host())
		return 0;
	if (start_allocations(&t, debug, &n, &known, err) < 0)
		return err->code == ERR_INTR ? -1 : 0;
	if (known) {
		cold->result->allocs = n;
		cold->result->allocs_of = 1;
	}
	return 0;
}

static void say_what(const struct project *p, const struct built *b, const struct bench_ctx *c, const struct solo *s,
		     struct buf *out)
{
	const uint32_t cpu = lfn_limits(s->fn).cpu;

	buf_addf(out, "%s%s, profile %s, %llu MB, ", arch_name(b->arch), b->arch == arch_host() ? "" : " (under qemu)",
		 c->profile ? c->profile : p->profile.s, (unsigned long long)(b->function->memory >> 20));
	if (s->platform.quota.cpu)
		buf_addf(out, "%u.%u %% of a CPU", cpu / 10, cpu % 10);
	else
		buf_addz(out, "CPU not limited");
}

static int print(const struct bench_result *r, const struct bench_ctx *c, const struct globals *g, struct err *err)
{
	struct bench_style style = { .format = BENCH_TEXT, .width = c->output ? 120 : tty_width(STDOUT_FILENO) };
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; formats[i]; i++)
		if (c->format && strcmp(c->format, formats[i]) == 0)
			style.format = (enum bench_format)i;
	if (g->json)
		style.format = BENCH_JSON;
	style.color = g->use_color && isatty(STDOUT_FILENO) && !c->output;
	bench_print(r, &style, &b);
	return report_out(c->output, &b, err);
}

static bool went_well(const struct bench_part *p)
{
	return p->result && p->result->calls[LOAD_OK];
}

static int measure(const struct project *p, const struct built *b, const struct bench_ctx *c, const struct globals *g,
		   struct bench_run *run, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf what = BUF_INIT;
	CLEAN_STRS struct strs notes = { 0 };
	CLEAN_SOLO struct solo s = { .line = NULL };
	struct bench_result result;
	struct err ended = ERR_INIT;
	const char *now = NULL;
	int ret;

	if (solo_start(&s, p, b, err) < 0)
		return -1;
	run->solo = &s;
	run->progress = on_progress;
	run->ctx = &now;
	ret = bench_run(run, &ended);
	if (now)
		progress_end();
	if (ret == 0)
		ret = count_allocations(p, b, run->event.ptr, &run->found_cold, &ended);
	if (ret < 0 && ended.code != ERR_INTR) {
		*err = ended;
		return -1;
	}
	say_what(p, b, c, &s, &what);
	bench_run_notes(run, &notes);
	/* what was measured until the signal came is worth being seen */
	result = (struct bench_result){
		.project = p->name.s, .function = b->function->name.s, .version = SLSC_VERSION, .what = what.ptr,
		.arch = arch_name(b->arch), .memory = b->function->memory,
		.cpu = s.platform.quota.cpu ? quota_lambda(b->function->memory, 0).cpu : 0,
		.machine = machine_text(&a), .cold = run->found_cold, .load = run->found_load, .warnings = notes,
	};
	if (print(&result, c, g, err) < 0)
		return -1;
	if (ret < 0) {
		*err = ended;
		return -1;
	}
	if (!went_well(&run->found_cold) && !went_well(&run->found_load))
		return err_set(err, ERR_FUNCTION, "%s: no call went well", b->function->name.s);
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct bench_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf event = BUF_INIT;
	CLEAN_BUILD_ONE struct build_one b = BUILD_ONE_INIT;
	/* outlives the platform, whose last words it hears */
	CLEANUP(bench_run_release) struct bench_run bench = { .colds = 0 };
	struct function *f = NULL;

	if (report_out_check(c->output, err) < 0 || read_spec(c, &bench.colds, &bench.load, err) < 0 ||
	    event_read(c->event, c->example, &event, err) < 0 ||
	    project_load(&p, NULL, err) < 0 || choose_function(&p, argc ? argv[0] : NULL, &f, err) < 0 ||
	    set_memory(c, f, err) < 0)
		return -1;
	/* locked to its end: what is measured stays what it is */
	if (build_one(&p, f->name.s, c->profile, "slsc bench", g, &b, err) < 0)
		return -1;
	bench.event = f->runtime == RUNTIME_HTTP && !c->event && !c->example ? STR("") : buf_str(&event);
	return measure(&p, b.built, c, g, &bench, err);
}

const struct cmd cmd_bench = {
	.name = "bench",
	.args = "[FUNCTION]",
	.summary = "Measure a function: cold starts, and latency under load",
	.description =
		"Builds a function, if it has to be, and measures it on a platform of its own within this process, "
		"with the limits and the environment that slsc local would give it: first cold starts, each call on "
		"a fresh instance, from when it is made until its answer is there; then a load on instances that "
		"stay. A plain `slsc bench` takes some 12 seconds.\n\n"
		"In a closed loop (--concurrency) a caller waits for its answer before it asks again, and so does "
		"not ask while the function is slow; `corrected` fills in what it left out. In an open loop "
		"(--rate) calls are made at their times, and a latency counts from when its call was due. Both "
		"loops start instances as they need them, up to the function's concurrency.\n\n"
		"Memory decides the CPU share, as on Lambda: 128 MB is 7 % of a CPU, 1769 MB a whole one. Where "
		"cgroups are not to be had, neither is limited, and the result says so.\n\n"
		"Latency is from the call to its answer, over the Runtime API, without a network in between; with "
		"runtime http a call is GET /, or POST / with the event; `function` is from when an instance was "
		"given the event to its answer. Allocations are those of a cold start, counted in one more start, "
		"where debug symbols tell.\n\n"
		"Calls that fail are counted by how they did: failed (the function says so, or a status of 500 and "
		"more), timeout, crashed, refused (all instances busy), error (it cannot be started), abandoned and "
		"unsent (no answer, or no room to ask, up to the end). The exit code is 1 only if no call went "
		"well. A signal ends it early: what was measured by then is printed, and the exit code is 130.",
	.examples = "$ slsc bench hello\n"
		    "$ slsc bench hello --rate 500 --duration 30s --memory 1769MB\n"
		    "$ slsc bench hello --cold 0 --concurrency 10 --requests 10000 --example apigw\n"
		    "$ slsc bench hello --format html -o bench.html\n"
		    "$ slsc bench hello --json | jq .load.latency.all.p99\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct bench_ctx),
	.flags = CMD_JSON,
	.run = run,
};
