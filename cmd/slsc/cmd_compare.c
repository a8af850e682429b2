/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "build_stage.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "os/proc.h"
#include "registry/origin.h"
#include "report/budget.h"
#include "report/claims.h"
#include "report/compare_run.h"
#include "report_out.h"
#include "ui.h"

#define RUNS 200u
#define EVENT_MAX (6u << 20)	/* Lambda's own limit */

struct compare_ctx {
	struct strs strategies, arches, bases;
	const char *reference, *event, *request, *format, *output, *preset, *claims, *baseline;
	unsigned runs;
	bool cold, list, check, update;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct compare_ctx, member)

static const char *const arches[] = { "x86_64", "arm64", "amd64", "aarch64", "wasm32", NULL };
static const char *const presets[] = { "guide", NULL };
static const char *const formats[] = { "table", "json", "csv", "markdown", "html", NULL };

static const struct opt opts[] = {
	{ OPT_LIST, 's', "strategies", AT(strategies), .arg = "NAME",
	  .help = "what to compare: names, or all (default: those that need no network)" },
	{ OPT_CHOICE, .long_name = "preset", .offset = AT(preset), .arg = "NAME", .choices = presets,
	  .help = "guide: static against dynamic, single-stage against distroless,\n"
		  "beside what a guide to serverless claims" },
	{ OPT_STR, .long_name = "claims", .offset = AT(claims), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "claims of your own, for --preset (default: share/slsc/guide.yaml)" },
	{ OPT_FLAG, .long_name = "list", .offset = AT(list), .help = "print every strategy there is" },
	{ OPT_LIST, 'a', "arch", AT(arches), .arg = "ARCH", .choices = arches, .complete = COMPLETE_ARCH,
	  .help = "only these architectures: x86_64, arm64, wasm32" },
	{ OPT_STR, 'r', "reference", AT(reference), .arg = "NAME",
	  .help = "the strategy that ratios are to (default: the first)" },
	{ OPT_GROUP, .help = "Starts" },
	{ OPT_UINT, .long_name = "runs", .offset = AT(runs), .arg = "N",
	  .help = "start each program N times (default: 200)", .min = 1, .max = 100000 },
	{ OPT_FLAG, .long_name = "cold", .offset = AT(cold),
	  .help = "take the program out of the page cache before each start" },
	{ OPT_STR, 'e', "event", AT(event), .arg = "FILE|JSON", .complete = COMPLETE_FILE,
	  .help = "the event that a function gets (default: {})" },
	{ OPT_STR, .long_name = "request", .offset = AT(request), .arg = "PATH",
	  .help = "what a function with runtime http is asked for (default: /)" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "table (default), json, csv, markdown or html" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ OPT_GROUP, .help = "Budgets" },
	{ OPT_FLAG, .long_name = "check", .offset = AT(check),
	  .help = "measure what slsc.yaml says, and exit with 3 if a budget is missed" },
	{ OPT_STR, .long_name = "baseline", .offset = AT(baseline), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "with --check: what must not have grown since" },
	{ OPT_FLAG, .long_name = "update-baseline", .offset = AT(update),
	  .help = "write what was measured to the baseline, unless a budget is missed" },
	{ OPT_GROUP, .help = "Images" },
	{ OPT_MULTI, .long_name = "base", .offset = AT(bases), .arg = "NAME=SOURCE",
	  .help = "where the base that is called NAME comes from; repeatable" },
	REGISTRY_OPTS(struct compare_ctx, registry),
	{ .type = OPT_END },
};

static void on_progress(const char *what, unsigned done, unsigned total, const char *item, void *ctx)
{
	const char **now = ctx;

	if (!*now || strcmp(*now, what) != 0) {
		if (*now)
			progress_end();
		progress_begin(what, total);
		*now = what;
	}
	progress_update(done, item);
}

static int list(const struct project *p, const struct globals *g, struct err *err)
{
	struct strategies all = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	int ret;

	strategies_all(p, &all);
	if (g->json)
		buf_addc(&b, '[');
	VEC_EACH(&all, s) {
		if (!g->json) {
			buf_addf(&b, "%-16s  %s%s\n", s->name, s->summary, s->by_default ? "" : " (when named)");
			continue;
		}
		member_open(&b, NULL, '{');
		member_bool(&b, "default", s->by_default);
		member_text(&b, "name", s->name);
		member_text(&b, "summary", s->summary);
		buf_addc(&b, '}');
	}
	if (g->json)
		buf_addz(&b, "]\n");
	ret = out_stdout(b.ptr, b.len, err);
	VEC_FREE(&all);
	return ret;
}

static struct function *choose_function(const struct project *p, const char *name, struct err *err)
{
	if (name)
		return project_function(p, name, err);
	if (p->nfunctions == 1)
		return p->functions[0];
	err_set(err, ERR_USAGE, "%s has %zu functions: say which one to compare", p->file, p->nfunctions);
	err_hint(err, "slsc compare %.200s", p->nfunctions ? p->functions[0]->name.s : "FUNCTION");
	return NULL;
}

/* JSON, or the name of a file with it. */
static int read_event(const char *given, struct buf *out, struct err *err)
{
	if (!given)
		return 0;
	if (given[strspn(given, " \t\r\n")] == '{' || given[strspn(given, " \t\r\n")] == '[' || *given == '"') {
		buf_addz(out, given);
		return 0;
	}
	return fs_read(given, EVENT_MAX, out, err) < 0 ? err_wrap(err, "--event") : 0;
}

/* --arch wasm32 is enough, as it is for slsc build. */
static void add_wasm(const struct compare_ctx *c, struct project *p)
{
	bool wanted = false;

	VEC_EACH(&c->arches, w)
		wanted |= arch_parse_any(*w) == ARCH_WASM32;
	for (size_t i = 0; i < p->narches; i++)
		wanted &= p->arches[i] != ARCH_WASM32;
	if (wanted)
		p->arches[p->narches++] = ARCH_WASM32;
}

static size_t choose_arches(const struct compare_ctx *c, const struct project *p, const struct function *f,
			    enum arch out[ARCH_ALL])
{
	size_t n = 0;

	for (size_t i = 0; i < p->narches; i++) {
		const enum arch a = p->arches[i];
		bool wanted = c->arches.len == 0, has = f->arches.len == 0;

		VEC_EACH(&c->arches, w)
			wanted |= arch_parse_any(*w) == (int)a;
		for (size_t k = 0; k < f->arches.len; k++)
			has |= arch_parse_any(f->arches.ptr[k].s) == (int)a;
		if (wanted && has)
			out[n++] = a;
	}
	return n;
}

/* What --output names is written at the end: of several functions it gets all. */
static int print(const struct comparison *cmp, const struct compare_ctx *c, const struct globals *g, struct buf *file,
		 struct err *err)
{
	struct cmp_style style = { .format = CMP_TABLE, .width = tty_width(STDOUT_FILENO) };
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; formats[i]; i++)
		if (c->format && strcmp(c->format, formats[i]) == 0)
			style.format = (enum cmp_format)i;
	if (g->json)
		style.format = CMP_JSON;
	style.color = g->use_color && isatty(STDOUT_FILENO) && !c->output;
	if (c->output)
		style.width = 120;
	compare_print(cmp, &style, c->output ? file : &b);
	return c->output ? 0 : report_out(NULL, &b, err);
}

/* A second reader of the same file would be one more way to say it. */
static int write_baseline(const struct compare_ctx *c, const struct comparison *cmp, struct baseline **base,
			  struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	baseline_update(*base, cmp, &b);
	if (fs_write_file(c->baseline, b.ptr, b.len, 0644, err) < 0)
		return -1;
	baseline_free(base);
	return baseline_load(base, c->baseline, err);
}

/** What all functions of a run share. */
struct job {
	struct compare_ctx *c;
	const struct globals *g;
	struct project *project;
	struct compare_request req;
	struct baseline *base;
	const struct claims *claims; /* with a preset */
	struct buf file; /* what --output is to get */
	size_t failed, rows, missed;
};

static int check_arguments(const struct compare_ctx *c, struct err *err)
{
	if (c->request && *c->request != '/')
		return err_set(err, ERR_USAGE, "--request: '%.100s' does not begin with a slash", c->request);
	if (c->preset && (c->strategies.len || c->check))
		return err_set(err, ERR_USAGE, "--preset names the strategies: leave out --%s",
			       c->check ? "check" : "strategies");
	if (c->claims && !c->preset)
		return err_set(err, ERR_USAGE, "--claims goes with --preset");
	if (c->check && c->strategies.len)
		return err_set(err, ERR_USAGE, "--check measures what slsc.yaml says: leave out --strategies");
	if ((c->baseline || c->update) && !c->check)
		return err_set(err, ERR_USAGE, "--%s goes with --check", c->baseline ? "baseline" : "update-baseline");
	if (c->update && !c->baseline)
		return err_set(err, ERR_USAGE, "--update-baseline: say which file by --baseline");
	return 0;
}

static int check_reference(const struct strategies *chosen, const char *name, struct err *err)
{
	VEC_EACH(chosen, s)
		if (!name || strcmp(s->name, name) == 0)
			return 0;
	return err_set(err, ERR_USAGE, "--reference: '%.100s' is none of what is compared", name);
}

static int compare_one(struct job *j, struct function *f, struct err *err)
{
	CLEAN_COMPARISON struct comparison cmp = { .rows = NULL };
	struct compare_request req = j->req;
	enum arch which[ARCH_ALL];
	const char *now = NULL;
	int ret;

	req.function = f;
	req.arches = which;
	req.narches = choose_arches(j->c, j->project, f, which);
	req.ctx = &now;
	if (!req.narches)
		return err_set(err, ERR_USAGE, "function '%s' is built for no such architecture", f->name.s);
	ret = compare_run(&req, &cmp, err);
	if (now)
		progress_end();
	if (ret < 0)
		return -1;
	if (j->c->preset)
		compare_guide(&cmp, j->claims);
	if (j->c->check)
		j->missed += budget_check(&cmp, j->project, j->c->update ? NULL : j->base);
	j->failed += compare_failed(&cmp);
	j->rows += cmp.nrows;
	for (size_t i = 0; i < cmp.warnings.len; i++)
		out_warn("%s", cmp.warnings.ptr[i]);
	if (print(&cmp, j->c, j->g, &j->file, err) < 0)
		return -1;
	return j->c->update && !cmp.nmissed && !compare_failed(&cmp) ? write_baseline(j->c, &cmp, &j->base, err) : 0;
}

static int compare_all(struct job *j, const char *name, struct err *err)
{
	struct function *f;

	if (!name && j->c->check && j->project->nfunctions > 1 && j->c->format && !j->g->json &&
	    strcmp(j->c->format, "html") == 0) {
		err_set(err, ERR_USAGE, "--format html: a page is of one function, and %s has %zu", j->project->file,
			j->project->nfunctions);
		return err_hint(err, "slsc compare %.200s --check --format html", j->project->functions[0]->name.s);
	}
	if (name || !j->c->check) {
		f = choose_function(j->project, name, err);
		return f ? compare_one(j, f, err) : -1;
	}
	for (size_t i = 0; i < j->project->nfunctions; i++)
		if (compare_one(j, j->project->functions[i], err) < 0)
			return -1;
	return 0;
}

static int choose(struct compare_ctx *c, const struct project *p, struct strategies *chosen, struct err *err)
{
	if (c->check && !p->nbudgets && !c->baseline) {
		err_set(err, ERR_USAGE, "%s has no budgets to check", p->file);
		return err_hint(err, "write them, such as budgets: {%.100s: {zip: 16 KB}}",
				p->nfunctions ? p->functions[0]->name.s : "hello");
	}
	if (c->check)
		strs_add(&c->strategies, STRATEGY_PROJECT);
	for (size_t i = 0; c->preset && compare_guide_strategies[i]; i++)
		strs_add(&c->strategies, compare_guide_strategies[i]);
	if (strategies_choose(p, &c->strategies, chosen, err) < 0)
		return -1;
	return check_reference(chosen, c->reference, err);
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct compare_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf event = BUF_INIT;
	CLEAN_FD int lock = -1;
	struct strategies chosen = { 0 };
	const struct registry_opts registry = registry_opts_of(&c->registry);
	struct registry_env env = { .opts = &registry };
	const struct origin_env origins = { .registry = registry_open, .ctx = &env };
	/* what the tools of a Dockerfile say is for who builds it, and told in full if it fails */
	struct globals calm = *g;
	struct stage_source source = { .origins = &origins, .registry = &registry, .globals = &calm };
	const struct stage_flags flags = { .registry = c->registry, .bases = c->bases };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	CLEAN_CLAIMS struct claims claims = { .len = 0 };
	struct job j = { .c = c, .g = g, .project = &p, .claims = &claims, .file = BUF_INIT };
	int ret = -1;

	j.req = (struct compare_request){
		.project = &p, .strategies = &chosen, .reference = c->reference, .runs = c->runs ? c->runs : RUNS,
		.cold = c->cold, .request = c->request, .base_sources = &c->bases, .origins = &origins,
		.stage = package_by_stage, .stage_ctx = &source, .progress = on_progress, .output = ui_output,
	};
	calm.quiet |= g->verbose == 0;
	if (check_arguments(c, err) < 0 || report_out_check(c->output, err) < 0 || project_load(&p, NULL, err) < 0)
		return -1;
	if (c->list)
		return list(&p, g, err);
	add_wasm(c, &p);
	if ((c->preset && claims_load(c->claims, &claims, err) < 0) || read_event(c->event, &event, err) < 0 ||
	    (c->baseline && (!c->update || fs_exists(c->baseline)) && baseline_load(&j.base, c->baseline, err) < 0))
		return -1;
	j.req.event = event.len ? event.ptr : NULL;
	toolchain_stages_init(&stages, &flags, 0, &calm, true);
	p.stages = &stages.keepers.stages;
	if (choose(c, &p, &chosen, err) == 0 &&
	    (lock = build_lock(&p, "slsc compare", ui_waiting, NULL, err)) >= 0)
		ret = compare_all(&j, argc ? argv[0] : NULL, err);
	if (ret == 0 && c->output)
		ret = report_out(c->output, &j.file, err);
	buf_release(&j.file);
	VEC_FREE(&chosen);
	baseline_free(&j.base);
	if (ret < 0)
		return -1;
	if (j.failed)
		return err_set(err, ERR_BUILD, "%zu of %zu row%s failed", j.failed, j.rows, j.rows == 1 ? "" : "s");
	if (j.missed)
		return err_set(err, ERR_CHECK, "%zu budget%s missed", j.missed, j.missed == 1 ? " was" : "s were");
	return 0;
}

static void release(void *ctx)
{
	struct compare_ctx *c = ctx;

	strs_release(&c->strategies);
	strs_release(&c->arches);
	strs_release(&c->bases);
}

const struct cmd cmd_compare = {
	.name = "compare",
	.args = "[FUNCTION]",
	.summary = "Measure one function under several strategies, side by side",
	.description =
		"Builds, packages and starts a function under each strategy, and prints one table: sizes, layers, "
		"times of the build and of packaging, the start from spawn to the first request served, memory then, "
		"and calls of the allocator until then. Less is better in every column; the best is marked.\n\n"
		"Each start is a fresh process. Programs take turns in an order that is drawn anew for each round, so "
		"that what else the machine does hits all alike. The first three of each do not count. Where the 95 % "
		"bootstrap interval of the ratio of two medians holds 1, they are told to be the same.\n\n"
		"A program of another architecture runs under qemu: its times are marked, and in no race with others. "
		"So are those of wasm32, which Node runs: a start is then node's and the module's together, until it "
		"has exited with the answer; what a new instance takes in a node that runs is told below the table.",
	.examples = "$ slsc compare\n"
		    "$ slsc compare hello --strategies static-musl,dynamic-glibc --reference dynamic-glibc\n"
		    "$ slsc compare --arch x86_64 --runs 1000 --format html -o dist/compare.html\n"
		    "$ slsc compare --list\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct compare_ctx),
	.flags = CMD_JSON,
	.run = run,
	.release = release,
};
