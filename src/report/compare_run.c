/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/node.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/compare_internal.h"
#include "report/machine.h"
#include "report/start.h"

#define WARM_UP 3u
#define RUNS_ENOUGH 200u	/* a p99 of fewer is one or two of the slowest */
#define MEMORY_EVERY 10u	/* starts of which one is looked into */

bool compare_ends_all(const struct err *err)
{
	return err->code == ERR_INTR || (err->code == ERR_IO && err->sys != 0);
}

const char *compare_reason(struct comparing *c, const struct err *err)
{
	char *text = arena_printf(&c->out->arena, "%s%s%s%s", err->msg, err->hint[0] ? " (" : "", err->hint,
				  err->hint[0] ? ")" : "");

	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return text;
}

void compare_step(struct comparing *c, const char *what, const char *item)
{
	if (c->req->progress)
		c->req->progress(what, c->done, c->steps, item, c->req->ctx);
	c->done++;
}

/* ---- starts ---- */

/** A program in measuring. */
struct runner {
	const struct program *program;
	struct start_target target;
	double *us, *rss, *pss;		/* samples; heap */
	size_t n, nmemory;
	uint64_t allocations;
	bool counted, answered_error;
	const char *failed;		/* or NULL */
	const char *node;		/* of a module: what runs it */
	const char *note;		/* likewise: what else there is to say */
	enum start_cold cold;
};

static void runner_release(struct runner *r)
{
	free(r->us);
	free(r->rss);
	free(r->pss);
}

/* xorshift: which program is next is no pattern that something else on the machine may share. */
static uint32_t draw(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void shuffle(size_t *order, size_t n, uint32_t *state)
{
	for (size_t i = n; i > 1; i--) {
		const size_t k = draw(state) % i, t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
}

static int run_once(struct comparing *c, struct runner *r, bool record, struct err *err)
{
	const bool memory = record && r->n % MEMORY_EVERY == 0;
	struct start_sample s;

	if (c->req->cold && start_evict(r->program->path, &r->cold, err) < 0)
		return -1;
	if (r->node) {
		double us;

		if (compare_start_module(c, r->node, r->program, &us, &r->answered_error, err) < 0)
			return -1;
		if (record)
			r->us[r->n++] = us;
		return 0;
	}
	if (start_once(&r->target, memory, &s, err) < 0)
		return -1;
	r->answered_error |= s.answered_error;
	if (!record)
		return 0;
	r->us[r->n++] = (double)s.ns / 1000;
	if (s.rss) {
		r->rss[r->nmemory] = (double)s.rss;
		r->pss[r->nmemory++] = (double)s.pss;
	}
	return 0;
}

static int round_of(struct comparing *c, struct runner *all, size_t n, size_t *order, bool record, uint32_t *state,
		    struct err *err)
{
	shuffle(order, n, state);
	for (size_t i = 0; i < n; i++) {
		struct runner *r = &all[order[i]];

		if (r->failed || (r->program->arch == ARCH_WASM32 && !r->node))
			continue;
		if (run_once(c, r, record, err) < 0) {
			if (compare_ends_all(err))
				return -1;
			r->failed = compare_reason(c, err);
		}
	}
	return 0;
}

static void begin_runner(struct comparing *c, struct runner *r, const struct program *p, char **qemu, char **node)
{
	const struct compare_request *req = c->req;

	r->program = p;
	r->target = (struct start_target){
		.path = p->path, .runtime = req->function->runtime, .env = &req->function->env, .event = req->event,
		.request = req->request, .timeout_ms = req->function->timeout_ms,
		.shown = arena_printf(&c->out->arena, "%s for %s", p->build, arch_name(p->arch)),
	};
	r->us = xcalloc(req->runs, sizeof(*r->us));
	r->rss = xcalloc(req->runs, sizeof(*r->rss));
	r->pss = xcalloc(req->runs, sizeof(*r->pss));
	if (p->arch == ARCH_WASM32) {
		struct err why;

		if (!*node)
			*node = node_find(&why);
		r->node = *node;
		r->note = *node ? NULL : arena_printf(&c->out->arena, "no start: %s (%s)", why.msg, why.hint);
		return;
	}
	if (p->arch == arch_host())
		return;
	if (!*qemu)
		*qemu = proc_which(arch_qemu(p->arch));
	r->target.qemu = *qemu;
	if (!*qemu)
		r->failed = arena_printf(&c->out->arena, "'%s' is not found on PATH (apt-get install qemu-user-static)",
					 arch_qemu(p->arch));
}

static int measure(struct comparing *c, struct runner *all, size_t n, struct err *err)
{
	CLEAN_FREE size_t *order = xcalloc(n + 1, sizeof(*order));
	uint32_t state = 2463534242u;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (unsigned i = 0; i < WARM_UP; i++)
		if (round_of(c, all, n, order, false, &state, err) < 0)
			return -1;
	for (unsigned i = 0; i < c->req->runs; i++) {
		compare_step(c, "measuring", NULL);
		if (round_of(c, all, n, order, true, &state, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		struct runner *r = &all[i];

		if (r->node && !r->failed && compare_warm_module(c, r->node, r->program, &r->note, err) < 0) {
			if (compare_ends_all(err))
				return -1;
			r->failed = compare_reason(c, err);
		}
		if (r->failed || r->target.qemu || r->target.runtime == RUNTIME_NONE || r->program->arch == ARCH_WASM32)
			continue;
		if (start_allocations(&r->target, r->program->debug, &r->allocations, &r->counted, err) < 0 &&
		    compare_ends_all(err))
			return -1;
	}
	return 0;
}

/* ---- rows ---- */

static void take_starts(struct comparing *c, struct cmp_row *row, const struct runner *r)
{
	struct stats memory;

	row->emulated = r->target.qemu || row->arch == ARCH_WASM32;
	if (r->failed && !row->failed)
		row->failed = r->failed;
	row->note = r->note;
	if (r->answered_error)
		row->note = r->note ? arena_printf(&c->out->arena, "answers with an error; %s", r->note) :
				      "answers with an error: its time is that of the error";
	if (r->n) {
		row->samples = arena_copy(&c->out->arena, r->us, r->n * sizeof(double));
		row->nsamples = r->n;
		stats_of(r->us, r->n, &row->start);
		row->value[COL_START] = row->start.p50;
		row->value[COL_START_P99] = row->start.p99;
	}
	if (r->nmemory) {
		stats_of(r->rss, r->nmemory, &memory);
		row->value[COL_RSS] = memory.p50;
		stats_of(r->pss, r->nmemory, &memory);
		row->value[COL_PSS] = memory.p50;
	}
	if (r->counted)
		row->value[COL_ALLOCS] = (double)r->allocations;
}

/* Times of an emulated program are in no race with others. */
static bool may_win(const struct cmp_row *row, enum cmp_col col)
{
	return !isnan(row->value[col]) && (!row->emulated || (col != COL_START && col != COL_START_P99));
}

static void rank(struct comparison *out)
{
	for (enum cmp_col col = 0; col < COL_COUNT; col++)
		for (enum arch arch = 0; arch < ARCH_ALL; arch++) {
			double least = INFINITY, most = -INFINITY;

			for (size_t i = 0; i < out->nrows; i++) {
				const struct cmp_row *r = &out->rows[i];

				if (r->arch != arch || !may_win(r, col))
					continue;
				least = r->value[col] < least ? r->value[col] : least;
				most = r->value[col] > most ? r->value[col] : most;
			}
			/* where all are alike there is no best */
			for (size_t i = 0; i < out->nrows && most > least; i++)
				if (out->rows[i].arch == arch)
					out->rows[i].best[col] = may_win(&out->rows[i], col) &&
								 out->rows[i].value[col] <= least;
		}
}

static void refer(struct comparing *c)
{
	const struct compare_request *req = c->req;
	struct comparison *out = c->out;
	size_t ref = 0;

	for (size_t i = 0; req->reference && i < req->strategies->len; i++)
		if (strcmp(req->strategies->ptr[i].name, req->reference) == 0)
			ref = i;
	for (size_t i = 0; i < out->nrows; i++) {
		struct cmp_row *row = &out->rows[i];
		const struct cmp_row *to = row;

		row->reference = CMP_NO_ROW;
		for (size_t k = 0; k < out->nrows; k++)
			if (c->strategy_of[k] == ref && out->rows[k].arch == row->arch) {
				row->reference = k;
				to = &out->rows[k];
			}
		if (row != to && row->samples && to->samples)
			row->start_differs = stats_differ(to->samples, to->nsamples, row->samples, row->nsamples,
							  NULL, NULL);
		row->same_binary = CMP_NO_ROW;
		for (size_t k = 0; k < i && row->same_binary == CMP_NO_ROW; k++)
			if (c->program_of[k] == c->program_of[i])
				row->same_binary = k;
	}
}

static void make_rows(struct comparing *c)
{
	const struct compare_request *req = c->req;
	struct comparison *out = c->out;

	out->project = arena_strdup(&out->arena, req->project->name.s);
	out->function = arena_strdup(&out->arena, req->function->name.s);
	out->version = SLSC_VERSION;
	out->machine = machine_text(&out->arena);
	out->runs = req->runs;
	if (req->runs < RUNS_ENOUGH)
		strs_addf(&out->warnings, "%u start%s of each program say little: %u are enough for p99", req->runs,
			  req->runs == 1 ? "" : "s", RUNS_ENOUGH);
	out->rows = arena_alloc(&out->arena, (req->strategies->len * req->narches + 1) * sizeof(*out->rows));
	for (size_t i = 0; i < req->strategies->len * req->narches; i++) {
		struct cmp_row *row = &out->rows[out->nrows];
		const struct strategy *s = &req->strategies->ptr[i / req->narches];
		const enum arch arch = req->arches[i % req->narches];

		if (!compare_applies(s, arch))
			continue;
		c->strategy_of[out->nrows++] = i / req->narches;
		row->strategy = arena_strdup(&out->arena, s->name);
		row->summary = arena_strdup(&out->arena, s->summary);
		row->arch = arch;
		row->emulated = row->arch != arch_host();
		for (size_t k = 0; k < COL_COUNT; k++)
			row->value[k] = NAN;
		row->same_binary = row->reference = CMP_NO_ROW;
	}
}

static void one_table(struct comparison *out)
{
	static const enum cmp_col cols[] = { COL_BINARY, COL_ZIP,   COL_IMAGE, COL_UNPACKED,  COL_LAYERS,
					     COL_FILES,	 COL_BUILD, COL_PACKAGE, COL_START, COL_START_P99,
					     COL_RSS,	 COL_PSS,   COL_ALLOCS };
	size_t *rows = arena_alloc(&out->arena, (out->nrows + 1) * sizeof(*rows));

	for (size_t i = 0; i < out->nrows; i++)
		rows[i] = i;
	out->tables = arena_new(&out->arena, struct cmp_table);
	out->ntables = 1;
	out->tables[0] = (struct cmp_table){ .title = out->function, .rows = rows, .nrows = out->nrows, .cols = cols,
					     .ncols = ARRAY_LEN(cols) };
}

static void tell_cold(struct comparing *c, const struct runner *all, size_t n)
{
	const char *text = "the program's pages were dropped before each start; those of shared libraries and the "
			   "kernel's own caches stay";

	for (size_t i = 0; i < n; i++)
		if (!all[i].failed && all[i].cold != START_COLD)
			text = all[i].cold == START_WARM_IN_USE
				       ? "not cold: the file system keeps the program in memory"
				       : "the program's pages were to be dropped before each start; whether they were "
					 "cannot be seen here";
	if (c->req->cold)
		c->out->cold = text;
}

static int measure_all(struct comparing *c, struct err *err)
{
	CLEAN_FREE struct runner *all = xcalloc(c->programs.len + 1, sizeof(*all));
	CLEAN_FREE char *qemu = NULL, *node = NULL;
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < c->programs.len; i++)
		if (c->programs.ptr[i].path)
			begin_runner(c, &all[n++], &c->programs.ptr[i], &qemu, &node);
	ret = measure(c, all, n, err);
	for (size_t i = 0; ret == 0 && i < c->out->nrows; i++)
		for (size_t k = 0; k < n; k++)
			if (all[k].program == &c->programs.ptr[c->program_of[i]])
				take_starts(c, &c->out->rows[i], &all[k]);
	tell_cold(c, all, n);
	for (size_t k = 0; k < n; k++)
		runner_release(&all[k]);
	return ret;
}

int compare_run(const struct compare_request *req, struct comparison *out, struct err *err)
{
	struct comparing c = { .req = req, .out = out, .was = *req->function };
	const size_t most = req->strategies->len * req->narches + 1;
	CLEAN_FREE size_t *program_of = xcalloc(most, sizeof(*program_of));
	CLEAN_FREE size_t *strategy_of = xcalloc(most, sizeof(*strategy_of));
	int ret;

	*out = (struct comparison){ .runs = req->runs };
	c.program_of = program_of;
	c.strategy_of = strategy_of;
	make_rows(&c);
	c.steps = (unsigned)out->nrows * 2 + req->runs;
	ret = compare_make(&c, err) < 0 || measure_all(&c, err) < 0 ? -1 : 0;
	*req->function = c.was;
	if (ret == 0) {
		rank(out);
		refer(&c);
		one_table(out);
	}
	for (size_t i = 0; i < c.programs.len; i++) {
		free(c.programs.ptr[i].path);
		free(c.programs.ptr[i].debug);
	}
	VEC_FREE(&c.programs);
	return ret;
}

size_t compare_failed(const struct comparison *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nrows; i++)
		n += c->rows[i].failed != NULL;
	return n;
}

void comparison_release(struct comparison *c)
{
	strs_release(&c->warnings);
	VEC_EACH(&c->trees, t)
		size_tree_release(*t);
	VEC_FREE(&c->trees);
	arena_release(&c->arena);
	*c = (struct comparison){ .rows = NULL };
}
