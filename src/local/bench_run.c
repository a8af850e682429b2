/* SPDX-License-Identifier: Apache-2.0 */
#include "local/bench_run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SHOWN_NS (100 * LOOP_MS)
#define ALL_OF_IT 0.9

/* A call, from its begin until the load has been told what came of it. */
struct asked {
	struct bench_run *run;
	struct load_call *call;		/* NULL: given up */
	struct load_answer answer;
	char error[LOAD_ERROR_TEXT];
	struct asked *next;
};

static enum load_outcome outcome_of(const struct invocation *inv)
{
	switch (inv->outcome) {
	case OUTCOME_OK:
		return LOAD_OK;
	case OUTCOME_ERROR:
	case OUTCOME_TOO_LARGE:
		return LOAD_FAILED;
	case OUTCOME_TIMEOUT:
		return LOAD_TIMEOUT;
	case OUTCOME_EXIT:
		return strcmp(inv->error_type, "Runtime.InvalidEntrypoint") == 0 ? LOAD_ERROR : LOAD_CRASHED;
	case OUTCOME_MEMORY:
		return LOAD_CRASHED;
	case OUTCOME_THROTTLED:
		return LOAD_REFUSED;
	case OUTCOME_STOPPED:
	case OUTCOME_CANCELLED:
		break;
	}
	return LOAD_ERROR;
}

/* What the function calls its error says more than what the platform makes of it. */
static void name_error(struct asked *a, const struct invocation *inv)
{
	json_t *root = inv->outcome == OUTCOME_ERROR ? json_loadb(inv->body.ptr, inv->body.len, 0, NULL) : NULL;
	const char *type = json_string_value(json_object_get(root, "errorType"));

	snprintf(a->error, sizeof(a->error), "%s", type ? type : inv->error_type ? inv->error_type : "");
	json_decref(root);
	a->answer.error = a->error;
	a->answer.status = inv->outcome == OUTCOME_THROTTLED ? 429 : inv->call ? (int)inv->status : 0;
}

/* One instance for each cold start, and nothing else on the machine: the next begins when the last one is gone. */
static bool may_flush(const struct bench_run *b)
{
	return b->now != &b->cold_calls || !b->solo->platform.ninstances;
}

static void flush(struct loop_timer *t)
{
	struct bench_run *b = CONTAINER_OF(t, struct bench_run, flush);
	struct asked *a = b->first;

	b->first = NULL;
	b->last = &b->first;
	while (a) {
		struct asked *next = a->next;

		if (a->call)
			load_done(a->call, &a->answer);
		free(a);
		a = next;
	}
}

static void changed(struct observer *o, struct instance *i)
{
	struct bench_run *b = CONTAINER_OF(o, struct bench_run, observer);

	(void)i;
	if (b->first && may_flush(b))
		loop_timer_set(&b->solo->loop, &b->flush, 0);
}

static void finished(struct invocation *inv)
{
	struct asked *a = inv->ctx;
	struct bench_run *b = a->run;
	const struct invocation_report *r = &inv->report;

	a->answer = (struct load_answer){ .outcome = outcome_of(inv), .cold = r->cold, .init = r->init,
					  .duration = r->answer, .cpu = r->cpu == UINT64_MAX ? 0 : r->cpu,
					  .memory = r->memory_peak, .at = inv->answered_at };
	if (inv->outcome != OUTCOME_OK)
		name_error(a, inv);
	a->next = NULL;
	*b->last = a;
	b->last = &a->next;
	/* not at once: its instance is about to be free, and the next call should find it */
	if (may_flush(b))
		loop_timer_set(&b->solo->loop, &b->flush, 0);
}

static size_t drop(struct invocation *inv, const char *p, size_t n)
{
	(void)inv;
	(void)p;
	(void)n;
	return 0;
}

static void start(struct load_call *call, void *ctx)
{
	struct bench_run *b = ctx;
	const struct str event = b->nevents ? b->events[b->sent++ % b->nevents] : b->event;
	struct invocation *inv = solo_invocation(b->solo, event);
	struct asked *a = xcalloc(1, sizeof(*a));

	*a = (struct asked){ .run = b, .call = call };
	call->target = a;
	inv->ctx = a;
	inv->finished = finished;
	/* else it would be kept until it is whole */
	if (inv->call)
		inv->stream_data = drop;
	platform_invoke(inv);
}

static void cancel(struct load_call *call, void *ctx)
{
	struct asked *a = call->target;

	(void)ctx;
	a->call = NULL;
}

/* ---- its two parts ---- */

static void show(struct loop_timer *t)
{
	struct bench_run *b = CONTAINER_OF(t, struct bench_run, shown);
	const struct load *l = b->now;
	const struct load_spec *s = &l->spec;
	const uint64_t since = loop_clock() - l->begun, all = s->warmup + s->duration;

	if (l == &b->cold_calls || !s->duration)
		b->progress(l == &b->cold_calls ? "cold starts" : "calls", load_result_calls(&l->result), s->requests,
			    b->ctx);
	else
		b->progress("load", (since < all ? since : all) / LOOP_MS, all / LOOP_MS, b->ctx);
	loop_timer_set(&b->solo->loop, t, SHOWN_NS);
}

static void over(struct load *l)
{
	struct bench_run *b = l->target.ctx;

	loop_stop(&b->solo->loop);
}

static int run_part(struct bench_run *b, struct load *l, struct load_spec spec, struct bench_part *found,
		    struct err *err)
{
	const struct load_target target = { .start = start, .cancel = cancel, .ctx = b };
	struct loop *loop = &b->solo->loop;
	int ret;

	/* each call has an end of its own, by its timeout */
	spec.drain = INIT_NS + b->solo->fn->timeout_ms * LOOP_MS + LOAD_DRAIN;
	b->now = l;
	load_init(l, &spec, &target);
	*found = (struct bench_part){ .spec = l->spec, .result = &l->result };
	if (load_start(l, loop, over, err) < 0)
		return -1;
	if (b->progress)
		loop_timer_set(loop, &b->shown, SHOWN_NS);
	ret = loop_run(loop, err);
	loop_timer_stop(loop, &b->shown);
	load_stop(l);
	/* no caller waits for a cold start and then asks again: there is no call that was left out */
	if (l == &b->cold_calls) {
		hist_reset(&l->result.corrected);
		l->result.expected = 0;
	}
	return ret;
}

int bench_run(struct bench_run *b, struct err *err)
{
	struct lfn *fn = b->solo->fn;
	const struct load_spec cold = { .concurrency = 1, .requests = b->colds };

	b->last = &b->first;
	b->shown.expired = show;
	b->flush.expired = flush;
	b->observer.changed = changed;
	platform_observe(&b->solo->platform, &b->observer);
	fn->once = true;
	if (b->colds && run_part(b, &b->cold_calls, cold, &b->found_cold, err) < 0)
		return -1;
	fn->once = false;
	if (b->load.duration || b->load.requests)
		return run_part(b, &b->load_calls, b->load, &b->found_load, err);
	return 0;
}

void bench_run_notes(const struct bench_run *b, struct strs *out)
{
	const struct platform *p = &b->solo->platform;
	const struct lfn *fn = b->solo->fn;
	const uint32_t share = lfn_limits(fn).cpu;
	const struct load_result *r = b->found_load.result;
	const double had = r ? (double)r->elapsed * (double)fn->instances.len * share / 1000 : 0;

	if (p->quota.lacks[0])
		strs_add(out, p->quota.lacks);
	if (b->load.concurrency > fn->concurrency * fn->parallel)
		strs_addf(out, "it takes %u call%s at once, by its concurrency: of %u callers some are refused",
			  fn->concurrency * fn->parallel, fn->concurrency * fn->parallel == 1 ? "" : "s",
			  b->load.concurrency);
	/* within the first slice nobody is slowed down */
	if (r && r->elapsed >= LOOP_S && p->quota.cpu && share < 1000 && fn->instances.len &&
	    r->cpu.sum > had * ALL_OF_IT)
		strs_addf(out, "its instances used all the CPU that they get for %llu MB, %u.%u %% of one each: more "
			       "memory makes it faster",
			  (unsigned long long)(fn->memory >> 20), share / 10, share % 10);
}

void bench_run_release(struct bench_run *b)
{
	for (struct asked *a = b->first, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	b->first = NULL;
	if (b->found_cold.result)
		load_release(&b->cold_calls);
	if (b->found_load.result)
		load_release(&b->load_calls);
	b->found_cold.result = b->found_load.result = NULL;
}
