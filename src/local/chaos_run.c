/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/chaos.h"
#include "local/queue.h"

#define LOOK_NS	    (250 * LOOP_MS)
#define COMMANDS_MS 10000u /* that commands of faults have to end, after all else has */
#define LOOK_LEAST  10u	   /* attempts in the last second, below which none of it says anything */

/* An event, from when it is due until the load has been told what became of it. */
struct chaos_ask {
	struct chaos *chaos;
	struct load_call *call; /* NULL: given up */
	uint64_t number;
	struct queue_put put;
	char id[37];
	struct buf event;
	struct load_answer answer;
	char error[LOAD_ERROR_TEXT];
	bool told;
	struct chaos_ask *next;
};

/* An attempt at it. */
struct attempt {
	struct chaos *chaos;
	struct chaos_ask *ask; /* direct; else NULL */
	struct queue_event *event;
};

static void free_ask(struct chaos *c, struct chaos_ask *a)
{
	c->asks.ptr[a->number - 1] = NULL;
	buf_release(&a->event);
	free(a);
}

static void flush(struct loop_timer *t)
{
	struct chaos *c = CONTAINER_OF(t, struct chaos, flush);
	struct chaos_ask *a = c->told;

	c->told = NULL;
	c->told_last = &c->told;
	while (a) {
		struct chaos_ask *next = a->next;

		if (a->call)
			load_done(a->call, &a->answer);
		free_ask(c, a);
		a = next;
	}
}

/* Not at once: its instance is about to be free, and the next call should find it. */
static void tell(struct chaos_ask *a, enum load_outcome outcome)
{
	struct chaos *c = a->chaos;

	if (a->told)
		return;
	a->told = true;
	a->answer.outcome = outcome;
	a->answer.error = a->error;
	*c->told_last = a;
	c->told_last = &a->next;
	loop_timer_set(&c->solo->loop, &c->flush, 0);
}

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

static void take_answer(struct chaos_ask *a, const struct invocation *inv)
{
	const struct invocation_report *r = &inv->report;

	a->answer = (struct load_answer){ .cold = r->cold,
					  .init = r->init,
					  .duration = r->answer,
					  .cpu = r->cpu == UINT64_MAX ? 0 : r->cpu,
					  .memory = r->memory_peak,
					  .at = inv->answered_at };
	snprintf(a->error, sizeof(a->error), "%s", inv->error_type ? inv->error_type : "");
}

static struct chaos_ask *ask_of(const struct chaos *c, const char *id)
{
	const unsigned long n = strtoul(id, NULL, 16);

	return n && n <= c->asks.len ? c->asks.ptr[n - 1] : NULL;
}

static void finished(struct invocation *inv)
{
	struct attempt *at = inv->ctx;
	struct chaos *c = at->chaos;
	struct chaos_ask *a = at->event && !c->closed ? ask_of(c, inv->id) : at->ask;
	const bool well = inv->outcome == OUTCOME_OK;
	struct queue_answer answer = { .status = inv->outcome == OUTCOME_THROTTLED ? 429 : 200,
				       .function_error = well ? NULL : "Unhandled",
				       .payload = buf_str(&inv->body) };
	enum queue_outcome o = well ? QUEUE_OK : QUEUE_FAILED;

	if (c->closed) {
		free(at);
		return;
	}
	if (inv->outcome != OUTCOME_STOPPED) {
		c->result->attempts++;
		c->result->failed += !well;
		c->result->retried += at->event && at->event->attempt > 1;
		c->window[c->looks % ARRAY_LEN(c->window)].attempts++;
		c->window[c->looks % ARRAY_LEN(c->window)].failed += !well;
	}
	if (a)
		take_answer(a, inv);
	if (at->event) {
		o = inv->outcome == OUTCOME_THROTTLED ? QUEUE_THROTTLED
		    : inv->outcome == OUTCOME_STOPPED ? QUEUE_RETURNED
						      : o;
		queue_done(c->queue, at->event, o, &answer);
	}
	/* of an event that has failed more is told when it has died */
	if (a && (well || !at->event))
		tell(a, outcome_of(inv));
	free(at);
}

static void deliver(void *ctx, struct queue_event *e)
{
	struct chaos *c = ctx;
	struct invocation *inv = invocation_new(c->solo->fn);
	struct attempt *at = xcalloc(1, sizeof(*at));

	*at = (struct attempt){ .chaos = c, .event = e };
	snprintf(inv->id, sizeof(inv->id), "%s", e->id);
	inv->event = e->payload;
	buf_init(&e->payload);
	invocation_trace(inv, e->traceparent, e->tracestate, e->trace);
	inv->async = true;
	inv->ctx = at;
	inv->finished = finished;
	platform_invoke(inv);
}

static void died(void *ctx, const struct queue_death *d)
{
	struct chaos_ask *a = ask_of(ctx, d->id);

	if (a)
		tell(a, LOAD_FAILED);
}

static void stored(struct queue_put *p, const struct err *err)
{
	struct chaos_ask *a = CONTAINER_OF(p, struct chaos_ask, put);

	if (!err)
		return;
	snprintf(a->error, sizeof(a->error), "%.90s", err->msg);
	tell(a, LOAD_ERROR);
}

/* ---- the load's target ---- */

static void make_event(const struct fault_plan *p, uint64_t number, struct buf *out)
{
	const char *s = p->load.event.s ? p->load.event.s : "{}";

	for (const char *n; (n = strstr(s, "$N")); s = n + 2) {
		buf_add(out, s, (size_t)(n - s));
		buf_addf(out, "%" PRIu64, number);
	}
	buf_addz(out, s);
}

static void start(struct load_call *call, void *ctx)
{
	struct chaos *c = ctx;
	struct chaos_ask *a = xcalloc(1, sizeof(*a));
	struct err err = ERR_INIT;

	*a = (struct chaos_ask){ .chaos = c, .call = call, .number = c->asks.len + 1, .event = BUF_INIT };
	VEC_PUSH(&c->asks, a);
	call->target = a;
	make_event(c->plan, a->number, &a->event);
	if (c->plan->load.direct) {
		struct invocation *inv = solo_invocation(c->solo, buf_str(&a->event));
		struct attempt *at = xcalloc(1, sizeof(*at));

		*at = (struct attempt){ .chaos = c, .ask = a };
		inv->ctx = at;
		inv->finished = finished;
		platform_invoke(inv);
		return;
	}
	snprintf(a->id, sizeof(a->id), "%08" PRIx64 "-0000-4000-8000-%012" PRIx64, a->number, a->number);
	a->put = (struct queue_put){ .function = str_from(c->solo->fn->name),
				     .id = str_from(a->id),
				     .payload = buf_str(&a->event),
				     .done = stored };
	if (queue_put(c->queue, &a->put, &err) < 0) {
		snprintf(a->error, sizeof(a->error), "%.90s", err.msg);
		tell(a, LOAD_REFUSED);
	}
}

static void cancel(struct load_call *call, void *ctx)
{
	struct chaos_ask *a = call->target;

	(void)ctx;
	a->call = NULL;
}

/* ---- its course ---- */

void chaos_stop_maybe(struct chaos *c)
{
	if (c->load_over && c->time_over)
		loop_stop(&c->solo->loop);
}

static void load_is_over(struct load *l)
{
	struct chaos *c = l->target.ctx;

	c->load_over = true;
	chaos_stop_maybe(c);
}

static void time_is_over(struct loop_timer *t)
{
	struct chaos *c = CONTAINER_OF(t, struct chaos, finish);

	c->time_over = true;
	chaos_faults_end(c);
	chaos_stop_maybe(c);
}

static void abort_run(struct chaos *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void abort_run(struct chaos *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->result->aborted, sizeof(c->result->aborted), fmt, ap);
	va_end(ap);
	chaos_faults_end(c);
	loop_stop(&c->solo->loop);
}

static uint64_t lost_until_now(const struct chaos *c)
{
	uint64_t n = 0;

	for (unsigned o = 0; o < LOAD_OUTCOMES; o++)
		n += o != LOAD_OK && !(c->plan->load.direct && o < LOAD_ABANDONED) ? c->load.result.calls[o] : 0;
	return n;
}

static void look(struct loop_timer *t)
{
	struct chaos *c = CONTAINER_OF(t, struct chaos, look);
	const struct plan_limits *most = &c->plan->abort;
	const struct load_result *r = &c->load.result;
	uint64_t attempts = 0, failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(c->window); i++) {
		attempts += c->window[i].attempts;
		failed += c->window[i].failed;
	}
	c->looks++;
	memset(&c->window[c->looks % ARRAY_LEN(c->window)], 0, sizeof(c->window[0]));
	if (c->progress) {
		const uint64_t ms = (loop_clock() - c->began) / LOOP_MS;

		c->progress(ms < c->plan->duration ? ms : c->plan->duration, c->plan->duration);
	}
	loop_timer_set(&c->solo->loop, t, LOOK_NS);
	if (most->error_rate != PLAN_UNSET && attempts >= LOOK_LEAST && failed * 1000 > most->error_rate * attempts)
		abort_run(c, "%" PRIu64 " of %" PRIu64 " attempts failed within a second", failed, attempts);
	else if (most->lost != PLAN_UNSET && lost_until_now(c) > most->lost)
		abort_run(c, "%" PRIu64 " events were lost", lost_until_now(c));
	else if (most->p99 != PLAN_UNSET && r->seconds.len > 1 &&
		 r->seconds.ptr[r->seconds.len - 2].p99 > most->p99 * LOOP_MS)
		abort_run(c, "p99 of a second was %.1f ms", (double)r->seconds.ptr[r->seconds.len - 2].p99 / 1e6);
}

static void remove_queue(const char *db)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".lock" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		CLEAN_FREE char *path = xasprintf("%s%s", db, ends[i]);

		unlink(path);
	}
}

static int open_queue(struct chaos *c, const char *db, struct err *err)
{
	struct queue_opts o = QUEUE_OPTS_INIT;

	/* what a run that was killed has left is nobody's any more */
	remove_queue(db);
	o.path = db;
	o.retries = (unsigned)c->plan->load.retries;
	o.retry_ns = c->plan->load.retry * LOOP_MS;
	o.deliver = deliver;
	o.died = died;
	o.ctx = c;
	c->queue = queue_open(&c->solo->loop, &o, err);
	if (!c->queue)
		return -1;
	queue_serve(c->queue, c->solo->fn->name, c->solo->fn->concurrency);
	return 0;
}

static int run(struct chaos *c, struct err *err)
{
	const struct fault_plan *p = c->plan;
	const struct load_target target = { .start = start, .cancel = cancel, .ctx = c };
	const struct load_spec spec = { .rate = (uint32_t)p->load.rate,
					.duration = p->duration * LOOP_MS,
					.concurrency = (uint32_t)p->load.callers,
					.requests = p->load.requests ? p->load.requests : PLAN_CALLS_MAX,
					.drain = p->drain * LOOP_MS };
	struct loop *loop = &c->solo->loop;
	char most[32];
	int ret;

	load_init(&c->load, &spec, &target);
	c->loading = true;
	c->result->load = &c->load.result;
	c->began = loop_clock();
	if (load_start(&c->load, loop, load_is_over, err) < 0)
		return -1;
	loop_timer_set(loop, &c->finish, p->duration * LOOP_MS);
	loop_timer_set(loop, &c->look, LOOK_NS);
	chaos_faults_fire(c);
	ret = loop_run(loop, err);
	chaos_faults_end(c);
	loop_timer_stop(loop, &c->finish);
	loop_timer_stop(loop, &c->look);
	loop_timer_stop(loop, &c->flush);
	load_stop(&c->load);
	if (!p->load.requests && load_result_calls(&c->load.result) >= PLAN_CALLS_MAX)
		strs_addf(&c->result->notes, "the load ended with %s events, the most",
			  str_human_count(PLAN_CALLS_MAX, most, sizeof(most)));
	return ret;
}

/* What this machine does not let us do, and must not be taken for done. */
static int check_machine(const struct fault_plan *p, const struct quota *q, struct err *err)
{
	for (size_t i = 0; i < p->faults.len; i++) {
		const struct plan_fault *f = &p->faults.ptr[i];
		const bool memory = f->kind == FAULT_MEMORY && q->by == QUOTA_RLIMITS;

		if (!memory && !(f->kind == FAULT_TMP_FULL && !q->tmp))
			continue;
		fault_plan_err(p, f->line, f->col, err, "faults: '%s' needs %s here", fault_name[f->kind],
			       memory ? "cgroups, and none can be made"
				      : "an own /tmp of instances, and there is none");
		return err_hint(err, "%s", q->hint);
	}
	return 0;
}

int chaos_run(const struct fault_plan *p, struct solo *s, const char *db, struct chaos_result *r, struct chaos **state,
	      void (*progress)(uint64_t done, uint64_t total), struct err *err)
{
	struct chaos *c = xcalloc(1, sizeof(*c));
	int ret;

	*state = c;
	*c = (struct chaos){ .plan = p,
			     .solo = s,
			     .result = r,
			     .progress = progress,
			     .finish.expired = time_is_over,
			     .look.expired = look,
			     .flush.expired = flush };
	c->told_last = &c->told;
	r->plan = p;
	if (p->limits.concurrency)
		s->fn->concurrency = (unsigned)p->limits.concurrency;
	if (p->limits.tmp)
		s->fn->tmp = p->limits.tmp;
	fault_plan_schedule(p, &c->schedule);
	ret = check_machine(p, &s->platform.quota, err);
	if (ret == 0)
		ret = chaos_faults_init(c, err);
	if (ret == 0 && !p->load.direct)
		ret = open_queue(c, db, err);
	if (ret == 0)
		ret = run(c, err);
	r->interrupted = ret < 0 && err->code == ERR_INTR;
	chaos_commands_end(c, COMMANDS_MS, r->interrupted);
	r->instances = s->fn->count;
	/* from here on nobody is told anything */
	c->closed = true;
	s->fn->faults = NULL;
	if (c->queue) {
		queue_close(c->queue);
		remove_queue(db);
	}
	c->queue = NULL;
	for (size_t i = 0; i < c->nproxies; i++)
		chaos_proxy_stop(&c->proxies[i]);
	return ret;
}

void chaos_release(struct chaos *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->asks.len; i++)
		if (c->asks.ptr[i])
			free_ask(c, c->asks.ptr[i]);
	VEC_FREE(&c->asks);
	strs_release(&c->env);
	if (c->loading)
		load_release(&c->load);
	schedule_release(&c->schedule);
	free(c);
}

/* ---- */

static int check_event(const struct fault_plan *p, struct err *err)
{
	CLEAN_BUF struct buf event = BUF_INIT;
	json_error_t why;
	json_t *root;

	make_event(p, 1, &event);
	root = json_loadb(event.ptr, event.len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
	json_decref(root);
	if (root)
		return 0;
	fault_plan_err(p, p->load.event.line, p->load.event.col, err, "event of load: it is no JSON: %s", why.text);
	return err_hint(err, "in single quotes: event: '{\"file\": \"$N\"}'");
}

int chaos_check(const struct fault_plan *p, const struct function *f, struct err *err)
{
	if (check_event(p, err) < 0)
		return -1;
	if (f->runtime == RUNTIME_LAMBDA)
		return 0;
	if (!p->load.direct) {
		fault_plan_err(p, 1, 1, err, "load: '%s' speaks HTTP and takes no events from a queue", f->name.s);
		return err_hint(err, "call: direct");
	}
	for (size_t i = 0; i < p->faults.len; i++) {
		const struct plan_fault *fault = &p->faults.ptr[i];

		if (fault->kind >= FAULT_SLOW_START && fault->kind <= FAULT_CLOCK)
			return fault_plan_err(p, fault->line, fault->col, err,
					      "faults: '%s' is put in by the Runtime API, and "
					      "'%s' speaks HTTP",
					      fault_name[fault->kind], f->name.s);
	}
	return 0;
}
