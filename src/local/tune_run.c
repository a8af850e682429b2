/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tune_run.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/bench_run.h"
#include "os/fs.h"

/* A program that was built for one or more settings. */
struct program {
	char *key;  /* what it was built with */
	char *path; /* relative to the project's directory; NULL: it failed */
	const char *failed;
};

struct sweep {
	const struct tune_run *r;
	VEC(struct program) programs;
	struct function was;
	size_t done, total;
};

void tune_look(struct tune_machine *m, struct quota *q)
{
	const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	cpu_set_t set;

	CPU_ZERO(&set);
	quota_init(q);
	*m = (struct tune_machine){
		.memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0,
		.cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1,
		.cpu_limited = q->cpu,
		.lacks = q->lacks,
		.hint = q->hint,
	};
}

/* ---- programs ---- */

static void program_key(const struct sweep *s, size_t row, struct buf *out)
{
	const struct tune *t = s->r->tune;

	for (size_t i = 0; i < t->naxes; i++) {
		const enum tune_kind k = t->axis[i].kind;

		if (k == TUNE_PROFILE || k == TUNE_RETENTION || k == TUNE_DEFINE)
			buf_addf(out, "%zu=%s\n", i, tune_value_of(t, row, i)->text);
	}
}

/* The function is as the setting has it. */
static int program_of(struct sweep *s, size_t row, const char *profile, struct program **out, struct err *err)
{
	CLEAN_BUF struct buf key = BUF_INIT;
	struct program p = { .path = NULL };

	program_key(s, row, &key);
	VEC_EACH(&s->programs, at)
		if (strcmp(at->key, key.ptr) == 0) {
			*out = at;
			return 0;
		}
	if (s->r->build(profile, &p.path, s->r->ctx, err) < 0) {
		if (err->code == ERR_INTR)
			return -1;
		p.failed = arena_printf(&s->r->tune->arena, "not built: %s", err->msg);
		*err = (struct err)ERR_INIT;
	}
	p.key = buf_detach(&key);
	VEC_PUSH(&s->programs, p);
	*out = &s->programs.ptr[s->programs.len - 1];
	return 0;
}

/* ---- one sample ---- */

static double cold_median(const struct load_result *r)
{
	return r && r->cold.n ? (double)hist_percentile(&r->cold, 50) : 0;
}

/* What went wrong most often, in a word. */
static const char *reason(const struct load_result *r)
{
	const struct load_error *most = NULL;

	for (size_t i = 0; i < r->nerrors; i++)
		if (!most || r->errors[i].n > most->n)
			most = &r->errors[i];
	return most && most->text[0] ? most->text : "no answer";
}

static void take_sample(const struct sweep *s, const struct bench_run *b, struct tune_row *row)
{
	const struct load_result *l = b->found_load.result, *c = b->found_cold.result;
	const double billed = tune_billed(&l->duration);
	struct tune_sample to = { .calls = load_result_calls(l),
				  .failed = load_result_calls(l) - l->calls[LOAD_OK],
				  .pause = (double)l->pause,
				  .cpu = hist_mean(&l->cpu),
				  .cold = cold_median(c),
				  .memory = l->memory };
	CLEAN_HIST struct hist all;

	load_result_all(l, &all);
	to.p50 = (double)hist_percentile(&all, 50);
	to.p99 = (double)hist_percentile(&all, 99);
	to.pause_mean = l->pauses ? (double)l->pause_sum / (double)l->pauses : 0;
	to.cost = tune_cost(s->r->price, billed, s->r->function->memory);
	if (c && c->memory > to.memory)
		to.memory = c->memory;
	VEC_PUSH(&row->samples, to);
}

/* One platform, one run of the benchmark on it. */
static int measure(const struct sweep *s, const struct program *p, struct bench_run *b, struct err *err)
{
	const struct built built = { .function = s->r->function, .arch = s->r->arch, .path = p->path };
	CLEAN_SOLO struct solo solo = { .line = NULL };

	if (solo_start(&solo, s->r->project, &built, err) < 0)
		return -1;
	b->solo = &solo;
	b->events = s->r->events;
	b->nevents = s->r->nevents;
	return bench_run(b, err);
}

/* A first call, before time is spent on a setting with which there is no second. */
static int try_it(const struct sweep *s, const struct program *p, struct tune_row *row, struct err *err)
{
	CLEANUP(bench_run_release) struct bench_run b = { .colds = 1 };
	const struct load_result *r;

	if (measure(s, p, &b, err) < 0)
		return -1;
	r = b.found_cold.result;
	if (!r->calls[LOAD_OK] && !r->calls[LOAD_FAILED])
		row->failed =
			arena_printf(&s->r->tune->arena, "%s: %s",
				     r->init.n ? "its first call does not end well" : "never gets ready", reason(r));
	else if (!r->calls[LOAD_OK])
		row->failed = arena_printf(&s->r->tune->arena, "its first call fails: %s", reason(r));
	return 0;
}

static int one_sample(struct sweep *s, size_t i, struct err *err)
{
	struct tune_row *row = &s->r->tune->row[i];
	CLEANUP(bench_run_release) struct bench_run b = { .colds = s->r->colds, .load = s->r->load };
	const char *profile;
	struct program *p;

	*s->r->function = s->was;
	tune_set(s->r->tune, i, s->r->function, &profile);
	if (program_of(s, i, profile, &p, err) < 0)
		return -1;
	row->failed = p->failed;
	if (!row->failed && !row->samples.len && try_it(s, p, row, err) < 0)
		return -1;
	if (row->failed)
		return 0;
	if (measure(s, p, &b, err) < 0)
		return -1;
	if (b.found_load.result->calls[LOAD_OK])
		take_sample(s, &b, row);
	else
		row->failed = arena_printf(&s->r->tune->arena, "no call went well: %s", reason(b.found_load.result));
	return 0;
}

static int all_samples(struct sweep *s, struct err *err)
{
	struct tune *t = s->r->tune;
	CLEAN_FREE size_t *order = xcalloc(t->nrows, sizeof(*order));

	for (size_t repeat = 0; repeat < t->repeats; repeat++) {
		const size_t n = tune_round(t, repeat, order);

		for (size_t i = 0; i < n; i++) {
			CLEAN_BUF struct buf what = BUF_INIT;

			tune_row_text(t, order[i], &what);
			if (s->r->progress)
				s->r->progress(s->done, s->total, what.ptr, s->r->ctx);
			if (one_sample(s, order[i], err) < 0)
				return -1;
			s->done++;
		}
		/* who has been measured to the end is not dropped any more */
		if (repeat + 1 < t->repeats)
			tune_halve(t, repeat + 1);
	}
	return 0;
}

int tune_run(const struct tune_run *r, struct err *err)
{
	struct sweep s = { .r = r, .was = *r->function, .total = tune_measurements(r->tune) };
	int ret = all_samples(&s, err);

	*r->function = s.was;
	VEC_EACH(&s.programs, p) {
		free(p->key);
		free(p->path);
	}
	VEC_FREE(&s.programs);
	tune_judge(r->tune);
	return ret;
}
