/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build_one.h"
#include "cli/out.h"
#include "commands.h"
#include "local/chaos.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/machine.h"
#include "report_out.h"

struct chaos_ctx {
	const char *profile, *format, *output;
	unsigned seed;
};

#define AT(member) offsetof(struct chaos_ctx, member)

static const char *const formats[] = { "text", "json", "html", NULL };

static const struct opt opts[] = {
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "build with this profile" },
	{ OPT_UINT, .long_name = "seed", .offset = AT(seed), .arg = "N", .min = 1, .max = 4000000000u,
	  .help = "in place of the plan's: other faults by chance" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_CHOICE, 'f', "format", AT(format), .arg = "FORMAT", .choices = formats,
	  .help = "text (default), json or html" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

/* The plan's own commands: their output is for who watches, not a result. */
static int run_command(const struct project *p, const struct fault_plan *plan, struct lstr command, int *status,
		       struct err *err)
{
	const char *const argv[] = { "sh", "-c", command.s, NULL };
	CLEAN_STRS struct strs env = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT;
	struct proc_opts o = { .dir = p->dir, .out = &said, .errout = &said, .null_stdin = true, .die_with_us = true,
			       .own_group = true };
	int ret;

	chaos_environment(plan, &env);
	o.env = (const char *const *)strs_argv(&env);
	ret = proc_run(argv, &o, status, err);
	out_raw(said.ptr, said.len);
	return ret;
}

static int choose_function(const struct project *p, const struct fault_plan *plan, struct function **f, struct err *err)
{
	if (!plan->function.s && p->nfunctions != 1) {
		fault_plan_err(plan, 1, 1, err, "%s has %zu functions: the plan has to say which one", p->file,
			       p->nfunctions);
		return err_hint(err, "function: %.200s", p->nfunctions ? p->functions[0]->name.s : "NAME");
	}
	*f = project_function(p, plan->function.s ? plan->function.s : p->functions[0]->name.s, err);
	if (!*f) {
		const struct err inner = *err;

		fault_plan_err(plan, plan->function.line, plan->function.col, err, "%s", inner.msg);
		return err_hint(err, "%s", inner.hint);
	}
	return 0;
}

static enum chaos_format format_of(const struct chaos_ctx *c, const struct globals *g)
{
	for (size_t i = 0; !g->json && c->format && formats[i]; i++)
		if (strcmp(c->format, formats[i]) == 0)
			return (enum chaos_format)i;
	return g->json ? CHAOS_JSON : CHAOS_TEXT;
}

static void on_progress(uint64_t done, uint64_t total)
{
	progress_set_total(total);
	progress_update(done, NULL);
}

static int measure(const struct project *p, const struct built *b, const struct fault_plan *plan,
		   struct chaos_servers *servers, const struct chaos_ctx *c, const struct globals *g, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_FREE char *dot = path_join(p->dir, ".slsc"), *db = path_join(dot, "chaos.db");
	CLEANUP(chaos_result_release)
	struct chaos_result r = {
		.plan = plan,
		.project = p->name.s,
		.function = b->function->name.s,
		.version = SLSC_VERSION,
		.machine = machine_text(&a),
		.check = -1,
	};
	CLEAN_BUF struct buf out = BUF_INIT;
	struct solo s = { .line = NULL };
	struct chaos *state = NULL;
	struct err ended = ERR_INIT;
	int ret = fs_mkdirs(dot, err);

	if (ret == 0)
		ret = solo_start(&s, p, b, err);
	if (ret == 0) {
		progress_begin("chaos", plan->duration);
		ret = chaos_run(plan, &s, db, &r, &state, on_progress, &ended);
		progress_end();
		if (s.platform.quota.lacks[0])
			strs_add(&r.notes, s.platform.quota.lacks);
		if (ret < 0 && ended.code != ERR_INTR)
			*err = ended;
	}
	solo_end(&s);
	if (ret == 0 && plan->check.s && run_command(p, plan, plan->check, &r.check, &ended) < 0) {
		ret = -1;
		*err = ended;
		r.interrupted = ended.code == ERR_INTR;
	}
	chaos_servers_look(servers, &r.notes);
	/* what was found until a signal came is worth being seen */
	if (r.load && (ret == 0 || ended.code == ERR_INTR)) {
		chaos_print(&r, format_of(c, g), &out);
		ret = report_out(c->output, &out, err);
		if (ret == 0 && ended.code == ERR_INTR) {
			*err = ended;
			ret = -1;
		} else if (ret == 0 && !chaos_held(&r)) {
			ret = err_set(err, ERR_CHECK, "%s: the hypothesis failed", r.function);
		}
	}
	chaos_release(state);
	return ret;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct chaos_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_FAULT_PLAN struct fault_plan plan = { .file = NULL };
	CLEAN_BUILD_ONE struct build_one b = BUILD_ONE_INIT;
	CLEAN_CHAOS_SERVERS struct chaos_servers servers = { .n = 0 };
	struct function *f = NULL;
	int status = 0;

	(void)argc;
	if (report_out_check(c->output, err) < 0 || fault_plan_load(&plan, argv[0], err) < 0 ||
	    project_load(&p, NULL, err) < 0 || choose_function(&p, &plan, &f, err) < 0 || solo_check(&p, f, err) < 0 ||
	    chaos_check(&plan, f, err) < 0)
		return -1;
	plan.seed = c->seed ? c->seed : plan.seed;
	if (g->dry_run) {
		CLEAN_BUF struct buf out = BUF_INIT;

		if (format_of(c, g) == CHAOS_HTML)
			return err_set(err, ERR_USAGE, "a schedule is text or JSON, no page");
		chaos_schedule_print(&plan, format_of(c, g), &out);
		return report_out(c->output, &out, err);
	}
	/* locked to its end: what is tried stays what it is, and one run of a project is one */
	if (build_one(&p, f->name.s, c->profile, "slsc chaos", g, &b, err) < 0)
		return -1;
	if (chaos_servers_start(&servers, &plan, p.dir, err) < 0)
		return -1;
	if (plan.before.s && run_command(&p, &plan, plan.before, &status, err) < 0)
		return -1;
	if (status)
		return fault_plan_err(&plan, plan.before.line, plan.before.col, err,
				      "before: the command failed: exit %d", status);
	return measure(&p, b.built, &plan, &servers, c, g, err);
}

static const struct cmd subs[] = {
	{
		.name = "run",
		.args = "PLAN",
		.summary = "Run a plan of faults against a function",
		.description =
			"Builds the plan's function, if it has to be, and runs it on a platform of its own within this "
			"process: the pool, the limits, the queue and its retries are those of slsc local. Events are "
			"sent as the plan says, faults are put in by its schedule, and what was declared to hold is "
			"compared with what was measured.\n\n"
			"The same plan with the same seed has the same faults at the same times, which --dry-run "
			"shows. Which instances they meet is chosen by their numbers, so it is as reproducible as the "
			"pool's course.\n\n"
			"All faults are undone when their time is over, when the plan's abort condition is met, and "
			"when a signal ends the run; when slsc is killed the kernel ends what it had started. The exit "
			"code is 3 if the hypothesis failed, and 130 after a signal. docs/CHAOS.md has the plan's "
			"language.",
		.examples = "$ slsc chaos run plan.yaml\n"
			    "$ slsc chaos run plan.yaml --dry-run\n"
			    "$ slsc chaos run plan.yaml --format html -o chaos.html\n"
			    "$ slsc chaos run plan.yaml --seed 42 --json | jq .findings\n",
		.opts = opts,
		.complete = COMPLETE_FILE,
		.ctx_size = sizeof(struct chaos_ctx),
		.flags = CMD_JSON | CMD_DRY_RUN,
		.run = run,
	},
	{ .name = NULL },
};

const struct cmd cmd_chaos = {
	.name = "chaos",
	.args = "run",
	.summary = "Put faults in, and see whether what has to hold does",
	.description = "A plan says what is called, which faults are put in when, and what has to hold meanwhile.",
	.examples = "$ slsc chaos run plan.yaml\n",
	.subs = subs,
};
