/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_run.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "event.h"
#include "flow_remote.h"
#include "flow_show.h"
#include "flow_validate.h"
#include "flow/value.h"
#include "local/flows.h"
#include "local/running.h"
#include "local/serve.h"
#include "os/fs.h"
#include "ui.h"

#define AT(member)   offsetof(struct flow_run_ctx, member)
#define SIDE_BY_SIDE 1000u /* of --repeat */

const struct opt flow_run_opts[] = {
	{ OPT_STR, 'i', "input", AT(input), .arg = "INPUT", .complete = COMPLETE_FILE,
	  .help = "what it begins with: a file, - for standard input, or JSON itself (default: {})" },
	{ OPT_STR, .long_name = "name", .offset = AT(name), .arg = "NAME",
	  .help = "of the execution: one that has not ended goes on, one that has is told of (default: a new one)" },
	{ OPT_STR, .long_name = "resume", .offset = AT(resume), .arg = "NAME",
	  .help = "go on with an execution, by the definition that it began with; no FILE is needed" },
	{ OPT_STR, .long_name = "timeout", .offset = AT(timeout), .arg = "TIME",
	  .help = "of the execution, such as 30s; the machine's own counts as well" },
	{ OPT_FLAG, .long_name = "memory", .offset = AT(memory), .help = "keep no journal: a kill loses it" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "build the functions with this profile" },
	{ OPT_GROUP, .help = "Output" },
	{ OPT_FLAG, .long_name = "history", .offset = AT(history),
	  .help = "print each event to stderr as it happens; with --json they are a part of the result" },
	{ OPT_FLAG, .long_name = "tail", .offset = AT(tail), .help = "print what the functions print to stderr" },
	{ OPT_UINT, .long_name = "repeat", .offset = AT(repeat), .arg = "N", .min = 1, .max = 10000000,
	  .help = "run it so many times, up to a thousand at once, and tell how fast that was" },
	{ .type = OPT_END },
};

/* Everything of one run. */
struct session {
	const struct flow_run_ctx *options;
	const struct globals *g;
	struct flow_project fp;
	char *dir; /* whose .slsc has the journal */
	struct loop loop;
	struct web web;
	struct platform platform;
	struct flows flows;
	struct observer observer;
	enum { HAVE_NONE, HAVE_LOOP, HAVE_WEB, HAVE_ALL } have;
	struct build_request request;
	struct build_result built;
	/* what came of it */
	bool wants_events;
	struct flow_spool events; /* --json's */
	double first;		  /* the time of the first event */
	bool started, over, interrupted;
	struct err err;
	int ret;
	/* --repeat */
	struct flow_def *def;
	struct str input;
	uint64_t timeout_ms, left, running, done, states, statuses[FLOW_ABORTED + 1];
};

/* ---- what it is ---- */

/* "flows/checkout.asl.yaml" is checkout. */
char *flow_machine_name(const char *file)
{
	static const char *const ends[] = { ".yaml", ".yml", ".json", ".asl" };
	const char *base = strrchr(file, '/');
	char *name = xstrdup(base ? base + 1 : file);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends_with(name, ends[i]) && strlen(name) > strlen(ends[i]))
			name[strlen(name) - strlen(ends[i])] = '\0';
	if (strlen(name) > FLOWS_NAME_MAX)
		name[FLOWS_NAME_MAX] = '\0';
	for (char *p = name; *p; p++) {
		char one[2] = { *p, '\0' };

		if (!flows_name_ok(one))
			*p = '-';
	}
	if (strcmp(name, "-") == 0) {
		free(name);
		return xstrdup("stdin");
	}
	return name;
}

static int read_file(const char *file, struct buf *text, struct err *err)
{
	char block[16384];
	ssize_t n;

	if (strcmp(file, "-") != 0)
		return fs_read(file, FLOW_BYTES_MAX, text, err);
	while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0) {
		buf_add(text, block, (size_t)n);
		if (text->len > FLOW_BYTES_MAX)
			return err_set(err, ERR_LIMIT,
				       "limit exceeded: standard input: a definition has at most %u "
				       "bytes",
				       FLOW_BYTES_MAX);
	}
	return n < 0 ? err_sys(err, "cannot read standard input") : 0;
}

static struct flow_def *read_def(struct session *s, const char *file, struct err *err)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	CLEAN_FREE char *name = flow_machine_name(file);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct flow_def *d;

	if (read_file(file, &text, err) < 0)
		return NULL;
	d = flow_def_new(&s->flows, name, strcmp(file, "-") == 0 ? "standard input" : file, text.ptr, text.len, false,
			 NULL, &s->fp.known, &found, err);
	if (!d && found.errors > 1 && !err->hint[0])
		err_hint(err, "there is more: `slsc flow validate %.150s`", file);
	return d;
}

/* Into the journal; the same as before is the same revision. */
static int keep_def(struct session *s, struct flow_def *d, struct err *err)
{
	const struct flow_def *there = flows_find(&s->flows, str_from(d->name));

	if (there && strcmp(there->text, d->text) == 0) {
		d->revision = there->revision;
		d->made = there->made;
		d->changed = there->changed;
	}
	return flows_put_now(&s->flows, flow_def_ref(d), err);
}

/* ---- its functions ---- */

static void need(struct session *s, const char *name)
{
	for (size_t i = 0; i < s->request.functions.len; i++)
		if (strcmp(s->request.functions.ptr[i], name) == 0)
			return;
	strs_add(&s->request.functions, name);
}

/* Those that @m names; all, if a state says only at run time which one. */
static bool needs(struct session *s, const struct flow_machine *m)
{
	bool any = false;

	for (size_t i = 0; i < m->nstates; i++) {
		const struct flow_state *st = m->states[i];

		if (st->kind != FLOW_TASK ||
		    (st->as.task.resource != FLOW_FUNCTION && st->as.task.resource != FLOW_INVOKE))
			continue;
		any = true;
		if (st->as.task.function) {
			need(s, st->as.task.function);
			continue;
		}
		for (size_t k = 0; k < s->fp.project.nfunctions; k++)
			if (s->fp.project.functions[k]->runtime == RUNTIME_LAMBDA)
				need(s, s->fp.project.functions[k]->name.s);
	}
	return any;
}

static int serve_functions(struct session *s, const struct flow_machine *m, struct err *err)
{
	struct project *p = &s->fp.project;
	CLEAN_FD int lock = -1;

	if (!needs(s, m))
		return 0;
	if (!s->fp.has) {
		err_set(err, ERR_NOTFOUND, "%s calls functions, and no slsc.yaml is here or above", m->file);
		return err_hint(err, "go to the project, or make one with `slsc init`");
	}
	for (size_t i = 0; i < s->request.functions.len; i++)
		if (!project_function(p, s->request.functions.ptr[i], err))
			return err_wrap(err, "%s", m->file);
	s->request.profile = s->options->profile;
	strs_add(&s->request.arches, arch_name(arch_host()));
	ui_build_request(&s->request, s->g);
	lock = build_lock(p, "slsc flow run", ui_waiting, NULL, err);
	if (lock < 0 || ui_build(p, &s->request, &s->built, err) < 0)
		return -1;
	VEC_EACH(&s->built, b) {
		CLEAN_FREE char *path = path_join(p->dir, b->path);
		struct lfn *fn;

		if (b->function->runtime == RUNTIME_NONE)
			continue;
		if (project_check_served(p, b->function, err) < 0 ||
		    !(fn = serve_function(p, b->function, b->arch, path, err)))
			return -1;
		fn->prewarm = 0;
		platform_add(&s->platform, fn);
	}
	return 0;
}

static void on_line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from,
		    struct str line)
{
	(void)o;
	(void)inv;
	(void)from;
	out_note("%s  " STR_FMT, i->fn->name, STR_ARG(line));
}

/* ---- the platform ---- */

static void again(void *ctx, const struct flow_exec *x, const char *state, const char *function)
{
	(void)ctx;
	out_note("%s: %s: %s had no answer when slsc ended: it is asked once more", x->name, state, function);
}

static void trouble(void *ctx, const struct err *err)
{
	struct session *s = ctx;

	s->err = *err;
	s->ret = -1;
	loop_stop(&s->loop);
}

static int start(struct session *s, struct err *err)
{
	if (loop_init(&s->loop, err) < 0)
		return -1;
	s->have = HAVE_LOOP;
	if (web_start(&s->web, &s->loop, 0, err) < 0)
		return -1;
	s->have = HAVE_WEB;
	if (platform_init(&s->platform, &s->loop, &s->web, err) < 0)
		return -1;
	s->have = HAVE_ALL;
	if (s->options->tail) {
		s->observer.line = on_line;
		platform_observe(&s->platform, &s->observer);
	}
	s->flows.again = again;
	s->flows.trouble = trouble;
	s->flows.ctx = s;
	s->flows.platform = &s->platform;
	return 0;
}

static int open_journal(struct session *s, struct err *err)
{
	CLEAN_FREE char *dot = path_join(s->dir, ".slsc"), *path = path_join(dot, "flow.db");

	if (!s->options->memory && fs_mkdirs(dot, err) < 0)
		return -1;
	if (flows_open(&s->flows, &s->platform, s->options->memory ? NULL : path, "slsc flow run", err) < 0)
		return -1;
	return flows_load(&s->flows, err);
}

static void stop(struct session *s)
{
	struct err ignored = ERR_INIT;

	if (s->have == HAVE_ALL) {
		flows_close(&s->flows);
		platform_stop(&s->platform, 0);
		while (s->platform.ninstances)
			if (loop_run(&s->loop, &ignored) < 0 && ignored.code != ERR_INTR)
				break;
	}
	if (s->have >= HAVE_WEB)
		web_stop(&s->web);
	if (s->have == HAVE_ALL)
		platform_release(&s->platform);
	if (s->have >= HAVE_LOOP)
		loop_release(&s->loop);
	strs_release(&s->request.functions);
	strs_release(&s->request.arches);
	build_result_release(&s->built);
	flow_def_unref(s->def);
	flow_project_release(&s->fp);
	flow_spool_release(&s->events);
	free(s->dir);
}

/* ---- one execution ---- */

static void add_event(struct session *s, const struct flow_history *h)
{
	json_t *e;

	if (s->ret < 0)
		return;
	e = flow_history_json(h);
	if (!s->g->json) {
		CLEAN_BUF struct buf line = BUF_INIT;

		flow_show_event(e, &s->first, &line);
		out_raw(line.ptr, line.len);
	} else if (flow_spool_add(&s->events, e, &s->err) < 0) {
		s->ret = -1;
		loop_stop(&s->loop);
	}
	json_decref(e);
}

static void on_history(struct flow_exec *x, const struct flow_history *h)
{
	add_event(x->begin.ctx, h);
}

static void on_replayed(void *ctx, const struct flow_history *h)
{
	add_event(ctx, h);
}

static void finish(struct session *s, const struct flow_shown *shown)
{
	s->over = true;
	if (s->ret == 0)
		s->ret = flow_show(shown, &s->events, s->g, &s->err);
	if (s->ret == 0 && strcmp(shown->status, "SUCCEEDED") != 0)
		s->ret = flow_show_failure(shown, &s->err);
	loop_stop(&s->loop);
}

static void on_over(struct flow_exec *x)
{
	const struct flow_fault *fault = flow_execution_fault(x->engine);
	struct flow_shown shown = {
		.name = x->name,
		.arn = x->arn,
		.status = flow_status_name[flow_execution_status(x->engine)],
		.output = buf_str(&x->output),
		.error = fault ? fault->error : NULL,
		.cause = fault ? fault->cause : NULL,
		.started = (double)x->started / 1e9,
		.stopped = (double)flow_execution_ended(x->engine) / 1e3,
		.given = x->given,
		.again = x->again,
	};

	finish(x->begin.ctx, &shown);
}

static void on_started(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	struct session *s = x->begin.ctx;

	s->started = !there && !err;
	if (s->started)
		return;
	s->ret = err ? -1 : err_set(&s->err, ERR_EXISTS, "%s: an execution of that name is there", x->name);
	if (err)
		s->err = *err;
	loop_stop(&s->loop);
}

/* Something by that name is in the journal. */
struct lookup {
	struct flow_job job;
	const char *machine, *name;
	struct flow_stored stored;
	bool found;
};

static int look_up(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *st, struct err *err)
{
	struct lookup *l = CONTAINER_OF(job, struct lookup, job);
	int64_t id;
	int r = ops->find(st, str_from(l->machine), str_from(l->name), &id, err);

	if (r > 0)
		r = flow_stored_read(&l->stored, ops, st, id, err);
	l->found = r > 0;
	return r < 0 ? -1 : 0;
}

static int tell_of(struct session *s, const struct flow_stored *st, struct err *err)
{
	CLEAN_FREE char *arn = flow_exec_arn(&s->platform, st->machine, st->name);
	struct flow_shown shown = {
		.name = st->name,
		.arn = arn,
		.status = flow_status_name[st->status],
		.output = buf_str(&st->output),
		.error = st->has_error ? st->error.ptr : NULL,
		.cause = st->has_cause ? st->cause.ptr : NULL,
		.started = (double)st->started / 1e9,
		.stopped = (double)st->stopped / 1e9,
		.replayed = true,
	};

	if (s->wants_events && flows_replay(&s->flows, st, on_replayed, s, err) < 0)
		return -1;
	out_note("%s had ended before: nothing was run", st->name);
	finish(s, &shown);
	*err = s->err;
	return s->ret;
}

static int wait_for_end(struct session *s, const char *name, struct err *err)
{
	int ret = 0;

	if (!s->over && s->ret == 0)
		ret = loop_run(&s->loop, err);
	if (ret < 0 && err->code == ERR_INTR && !s->over && !s->options->memory)
		return err_hint(err, "it goes on with: slsc flow run --resume %.200s", name);
	if (ret < 0)
		return -1;
	if (s->ret < 0)
		*err = s->err;
	return s->ret;
}

static int run_stored(struct session *s, struct lookup *l, const struct flow_begin *b, bool same, struct err *err)
{
	struct flow_begin again_b = *b;

	if (!same) {
		err_set(err, ERR_EXISTS, "%s: an execution of that name was given another input", l->name);
		return err_hint(err, "choose another name; `slsc flow history %.150s` tells of it", l->name);
	}
	if (l->stored.status != FLOW_RUNNING)
		return tell_of(s, &l->stored, err);
	s->first = (double)l->stored.started / 1e9;
	if (s->g->json && flows_replay(&s->flows, &l->stored, on_replayed, s, err) < 0)
		return -1;
	if (s->def && (l->stored.definition_len != strlen(s->def->text) ||
		       memcmp(l->stored.definition, s->def->text, l->stored.definition_len) != 0))
		out_note("%s goes on by the definition that it began with: %s has changed since", l->name,
			 s->def->machine.file);
	if (flows_resume(&s->flows, &l->stored, &again_b, err) < 0)
		return -1;
	return wait_for_end(s, l->name, err);
}

int flow_input_read(const struct flow_run_ctx *c, struct buf *out, struct err *err)
{
	if (c->input)
		return event_read_input("--input", c->input, out, err);
	buf_addz(out, "{}");
	return 0;
}

static int read_timeout(const struct flow_run_ctx *c, uint64_t *ms, struct err *err)
{
	uint64_t us;

	*ms = 0;
	if (!c->timeout)
		return 0;
	if (duration_parse(c->timeout, &us) < 0 || us < 1000)
		return err_set(err, ERR_USAGE, "--timeout: '%.50s' is no time, such as 30s or 500ms", c->timeout);
	*ms = us / 1000;
	return 0;
}

/* ---- many ---- */

static void one_over(struct flow_exec *x)
{
	struct session *s = x->begin.ctx;

	s->statuses[flow_execution_status(x->engine)]++;
	s->states += flow_execution_steps(x->engine);
	s->running--;
	s->done++;
}

static void one_started(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	struct session *s = x->begin.ctx;

	if (!there && !err)
		return;
	s->ret = err ? -1 : err_set(&s->err, ERR_EXISTS, "%s is there", x->name);
	if (err)
		s->err = *err;
	s->left = 0;
	s->running--;
}

static void start_more(struct session *s)
{
	struct flow_begin b = {
		.input = s->input, .timeout_ms = s->timeout_ms, .started = one_started, .over = one_over, .ctx = s
	};

	while (s->left && s->running < SIDE_BY_SIDE && s->ret == 0) {
		s->left--;
		s->running++;
		if (flows_start(&s->flows, s->def, &b, &s->err) < 0)
			s->ret = -1;
	}
}

static int run_many(struct session *s, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	uint64_t began = loop_clock();
	double seconds;

	s->left = s->options->repeat;
	while (s->ret == 0 && (s->left || s->running)) {
		start_more(s);
		if (s->ret == 0 && s->running && loop_once(&s->loop, UINT64_MAX, err) < 0)
			return -1;
	}
	if (s->ret < 0) {
		*err = s->err;
		return -1;
	}
	seconds = (double)(loop_clock() - began) / 1e9;
	if (s->g->json)
		buf_addf(&b,
			 "{\"executions\":%" PRIu64 ",\"succeeded\":%" PRIu64 ",\"states\":%" PRIu64
			 ",\"seconds\":%.6f}\n",
			 s->done, s->statuses[FLOW_SUCCEEDED], s->states, seconds);
	else
		buf_addf(&b,
			 "%" PRIu64 " executions, %" PRIu64 " succeeded, %" PRIu64 " states in %.3f s: %.0f states a "
			 "second\n",
			 s->done, s->statuses[FLOW_SUCCEEDED], s->states, seconds, (double)s->states / seconds);
	if (out_stdout(b.ptr, b.len, err) < 0)
		return -1;
	return s->statuses[FLOW_SUCCEEDED] == s->done
		       ? 0
		       : err_set(err, ERR_FUNCTION, "%" PRIu64 " of %" PRIu64 " executions did not succeed",
				 s->done - s->statuses[FLOW_SUCCEEDED], s->done);
}

/* ---- */

static int here(struct session *s, const char *file, struct err *err)
{
	const struct flow_run_ctx *c = s->options;
	CLEAN_BUF struct buf input = BUF_INIT;
	const char *name = c->resume ? c->resume : c->name;
	struct flow_begin b = { .name = c->name, .started = on_started, .over = on_over, .ctx = s };
	struct lookup l = { .job.work = look_up, .name = name, .machine = "" };
	bool same = true;
	int ret;

	if (read_timeout(c, &b.timeout_ms, err) < 0 || flow_input_read(c, &input, err) < 0 || start(s, err) < 0)
		return -1;
	s->wants_events = c->history || s->g->json;
	if (s->wants_events)
		b.history = on_history;
	if ((file && !(s->def = read_def(s, file, err))) || open_journal(s, err) < 0 ||
	    (s->def && keep_def(s, s->def, err) < 0))
		return -1;
	if (s->def)
		l.machine = s->def->name;
	if (name && s->flows.journal && flow_journal_now(s->flows.journal, &l.job, err) < 0)
		return -1;
	if (c->resume && !l.found) {
		err_set(err, ERR_NOTFOUND, "%s: the journal has no execution of that name", c->resume);
		return err_hint(err, "`slsc flow history --list` shows those that it has");
	}
	b.input = buf_str(&input);
	if (l.found) {
		struct flow_machine m;
		CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };

		same = c->resume || str_eq(buf_str(&l.stored.input), b.input);
		ret = flow_machine_parse(&m, l.stored.machine, l.stored.definition, l.stored.definition_len, NULL,
					 &found, err);
		if (ret == 0 && same && l.stored.status == FLOW_RUNNING)
			ret = serve_functions(s, &m, err);
		flow_machine_release(&m);
		if (ret == 0)
			ret = run_stored(s, &l, &b, same, err);
		flow_stored_release(&l.stored);
		return ret;
	}
	if (serve_functions(s, &s->def->machine, err) < 0)
		return -1;
	if (c->repeat) {
		s->input = b.input;
		s->timeout_ms = b.timeout_ms;
		return run_many(s, err);
	}
	if (flows_start(&s->flows, s->def, &b, err) < 0)
		return -1;
	/* its name may be a new one: who has to go on needs it */
	if (!s->over && s->flows.first)
		out_verbose("%s", s->flows.first->arn);
	return wait_for_end(s, s->flows.first ? s->flows.first->name : "", err);
}

static int check(const struct flow_run_ctx *c, int argc, char **argv, struct err *err)
{
	if (c->resume && (argc || c->name || c->input || c->memory || c->timeout))
		return err_set(err, ERR_USAGE,
			       "--resume goes on with what there is: it takes neither FILE, --name, "
			       "--input, --timeout nor --memory");
	if (!c->resume && !argc) {
		err_set(err, ERR_USAGE, "which state machine is to be run?");
		return err_hint(err, "slsc flow run FILE");
	}
	if (argc && strcmp(argv[0], "-") == 0 && c->input && strcmp(c->input, "-") == 0) {
		err_set(err, ERR_USAGE, "FILE and --input cannot both be standard input");
		return err_hint(err, "name a file for one of them, or write the input as JSON");
	}
	if (c->repeat && (c->name || c->resume || c->history))
		return err_set(err, ERR_USAGE, "--repeat runs many: they have neither one name nor one history");
	if (c->name && !flows_name_ok(c->name))
		return err_set(err, ERR_USAGE, "--name: '%.100s' is no name: 1 to %u of a-z, A-Z, 0-9, -, _ and .",
			       c->name, FLOWS_NAME_MAX);
	return 0;
}

int flow_run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct flow_run_ctx *c = ctx;
	CLEANUP(stop) struct session s = { .options = c, .g = g, .events = FLOW_SPOOL_INIT };
	CLEAN_RUNNING struct running other = RUNNING_INIT;
	char where[4096];
	int found = 0;

	if (check(c, argc, argv, err) < 0 || flow_project_open(&s.fp, err) < 0)
		return -1;
	if (s.fp.has)
		s.dir = xstrdup(s.fp.project.dir);
	else if (getcwd(where, sizeof(where)))
		s.dir = xstrdup(where);
	else
		return err_sys(err, "cannot tell the current directory");
	if (!c->memory && !c->repeat)
		found = running_find(s.dir, &other, err);
	if (found < 0)
		return -1;
	return found ? flow_run_remote(c, g, &s.fp, other.url, argc ? argv[0] : NULL, err)
		     : here(&s, argc ? argv[0] : NULL, err);
}
