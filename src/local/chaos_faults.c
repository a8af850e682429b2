/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: how each is put in, and undone. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/chaos.h"
#include "local/extension.h"

static const struct plan_fault *fault_of(const struct chaos *c, const struct firing *f)
{
	return &c->plan->faults.ptr[f->fault];
}

static struct chaos_mark *add_mark(struct chaos *c, const struct firing *f, bool end)
{
	struct chaos_result *r = c->result;

	VEC_PUSH(&r->marks, ((struct chaos_mark){ .at = loop_clock() - c->began,
						  .fault = f->fault,
						  .nth = f->nth,
						  .end = end,
						  .of = c->solo->fn->instances.len }));
	return &r->marks.ptr[r->marks.len - 1];
}

/* ---- instances ---- */

/* All process groups of it; what has left them is not found. */
static void signal_all(const struct instance *i, int sig)
{
	if (i->pid > 0)
		kill(-i->pid, sig);
	for (const struct extension *e = i->extensions; e; e = e->next)
		if (e->pid > 0)
			kill(-e->pid, sig);
}

static size_t stopped_now(const struct chaos *c)
{
	size_t n = 0;

	for (const struct chaos_active *a = c->active; a; a = a->next)
		n += a->stopped.len;
	return n;
}

static bool is_stopped(const struct chaos *c, const struct instance *i)
{
	for (const struct chaos_active *a = c->active; a; a = a->next)
		VEC_EACH(&a->stopped, s)
			if (*s == i)
				return true;
	return false;
}

static struct instance *by_number(const struct lfn *fn, uint64_t number)
{
	VEC_EACH(&fn->instances, i)
		if ((*i)->number == number)
			return *i;
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The seed chooses among numbers, so that it does not matter in which order the pool has them. */
static size_t choose(struct chaos *c, const struct firing *f, struct instance **out)
{
	const struct plan_fault *fault = fault_of(c, f);
	const struct lfn *fn = c->solo->fn;
	CLEAN_FREE uint64_t *numbers = xcalloc(fn->instances.len + 1, sizeof(*numbers));
	size_t n = 0, chosen;

	VEC_EACH(&fn->instances, i)
		if ((*i)->state != INSTANCE_ENDING && (*i)->pid > 0 && !is_stopped(c, *i) &&
		    (!fault->busy || (*i)->state == INSTANCE_BUSY))
			numbers[n++] = (*i)->number;
	qsort(numbers, n, sizeof(*numbers), ascending);
	chosen = fault_plan_pick(numbers, n, fault->share, fault_plan_room(c->plan, fn->instances.len, stopped_now(c)),
				 f->seed);
	qsort(numbers, chosen, sizeof(*numbers), ascending);
	for (size_t k = 0; k < chosen; k++)
		out[k] = by_number(fn, numbers[k]);
	return chosen;
}

/* ---- what lasts ---- */

static void end_active(struct chaos *c, struct chaos_active *a)
{
	for (struct chaos_active **at = &c->active; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	loop_timer_stop(&c->solo->loop, &a->end);
	VEC_EACH(&a->stopped, i)
		signal_all(*i, SIGCONT);
	add_mark(c, a->firing, true)->hits = a->hits;
	VEC_FREE(&a->stopped);
	free(a);
}

static void ended(struct loop_timer *t)
{
	struct chaos_active *a = CONTAINER_OF(t, struct chaos_active, end);

	end_active(a->chaos, a);
}

static struct chaos_active *begin_active(struct chaos *c, const struct firing *f)
{
	const struct plan_fault *fault = fault_of(c, f);
	const uint64_t left = c->plan->duration - f->at;
	struct chaos_active *a = xcalloc(1, sizeof(*a));

	*a = (struct chaos_active){ .chaos = c, .firing = f, .next = c->active, .end.expired = ended };
	c->active = a;
	/* what lasts to the end is undone by that */
	if (fault->lasts < left)
		loop_timer_set(&c->solo->loop, &a->end, fault->lasts * LOOP_MS);
	return a;
}

/* ---- putting them in ---- */

static void fire_on_instances(struct chaos *c, const struct firing *f)
{
	const struct lfn *fn = c->solo->fn;
	CLEAN_FREE struct instance **chosen = xcalloc(fn->instances.len + 1, sizeof(struct instance *));
	const size_t n = choose(c, f, chosen);
	struct chaos_mark *m = add_mark(c, f, false);
	struct chaos_active *a = NULL;

	for (size_t k = 0; k < n; k++)
		VEC_PUSH(&m->instances, chosen[k]->number);
	m->hits = n;
	if (fault_of(c, f)->kind == FAULT_FREEZE && n)
		a = begin_active(c, f);
	for (size_t k = 0; k < n; k++) {
		if (!a) {
			instance_kill(chosen[k]);
			continue;
		}
		signal_all(chosen[k], SIGSTOP);
		VEC_PUSH(&a->stopped, chosen[k]);
		a->hits++;
	}
}

void chaos_faults_fire(struct chaos *c)
{
	const uint64_t now = (loop_clock() - c->began) / LOOP_MS;

	for (; c->next < c->schedule.len && c->schedule.ptr[c->next].at <= now; c->next++) {
		const struct firing *f = &c->schedule.ptr[c->next];
		const unsigned kind = fault_of(c, f)->kind;

		if (kind == FAULT_KILL || kind == FAULT_FREEZE) {
			fire_on_instances(c, f);
		} else {
			begin_active(c, f);
			add_mark(c, f, false);
		}
	}
	if (c->next < c->schedule.len)
		loop_timer_set(&c->solo->loop, &c->fire, (c->schedule.ptr[c->next].at - now) * LOOP_MS);
}

/* ---- what is held in the Runtime API ---- */

static void let_go(struct chaos_held *h, bool go_on)
{
	struct chaos *c = h->chaos;
	struct instance *i = h->instance;

	for (struct chaos_held **at = &c->held; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			break;
		}
	loop_timer_stop(&c->solo->loop, &h->end);
	if (go_on && h->error && i->inv && !i->answered) {
		invocation_fail(i->inv, OUTCOME_ERROR, h->error, "put in by the plan");
		i->answered = true;
	}
	free(h);
	if (go_on)
		instance_let_go(i);
}

static void held_long_enough(struct loop_timer *t)
{
	let_go(CONTAINER_OF(t, struct chaos_held, end), true);
}

static void hold(struct chaos *c, struct instance *i, uint64_t ms, const char *error)
{
	struct chaos_held *h = xcalloc(1, sizeof(*h));

	*h = (struct chaos_held){
		.chaos = c, .next = c->held, .instance = i, .error = error, .end.expired = held_long_enough
	};
	c->held = h;
	loop_timer_set(&c->solo->loop, &h->end, ms * LOOP_MS);
}

/* What goes on of @kind and chooses number @n; its share is bounded by the blast radius. */
static struct chaos_active *meets(struct chaos *c, enum fault_kind kind, uint64_t n)
{
	for (struct chaos_active *a = c->active; a; a = a->next) {
		const struct plan_fault *f = fault_of(c, a->firing);
		const uint64_t share = f->share < c->plan->blast_radius ? f->share : c->plan->blast_radius;

		if (f->kind == kind && fault_plan_hits(a->firing->seed, n, share)) {
			a->hits++;
			return a;
		}
	}
	return NULL;
}

static bool hold_ready(struct faults *f, struct instance *i)
{
	struct chaos *c = CONTAINER_OF(f, struct chaos, faults);
	struct chaos_active *a = meets(c, FAULT_SLOW_START, ++c->readied);

	if (a)
		hold(c, i, fault_of(c, a->firing)->delay, NULL);
	return a != NULL;
}

static bool hold_event(struct faults *f, struct instance *i)
{
	struct chaos *c = CONTAINER_OF(f, struct chaos, faults);
	const uint64_t n = ++c->given;
	struct chaos_active *late = meets(c, FAULT_LATENCY, n), *wrong = meets(c, FAULT_ERROR, n);
	const char *error = wrong ? fault_of(c, wrong->firing)->error.s : NULL;

	if (late || wrong)
		hold(c, i, late ? fault_of(c, late->firing)->delay : 0,
		     wrong ? error ? error : "Chaos.Injected" : NULL);
	return late || wrong;
}

static int64_t clock_shift(struct faults *f, const struct instance *i)
{
	struct chaos *c = CONTAINER_OF(f, struct chaos, faults);
	struct chaos_active *a = meets(c, FAULT_CLOCK, c->given);

	(void)i;
	return a ? fault_of(c, a->firing)->shift_ms : 0;
}

/* It is about to be gone: nobody keeps it. */
static void changed(struct observer *o, struct instance *i)
{
	struct chaos *c = CONTAINER_OF(o, struct chaos, observer);

	if (i->state != INSTANCE_ENDING)
		return;
	for (struct chaos_held *h = c->held, *next; h; h = next) {
		next = h->next;
		if (h->instance == i)
			let_go(h, false);
	}
	for (struct chaos_active *a = c->active; a; a = a->next)
		for (size_t k = 0; k < a->stopped.len; k++)
			if (a->stopped.ptr[k] == i)
				a->stopped.ptr[k--] = a->stopped.ptr[--a->stopped.len];
}

static void fire(struct loop_timer *t)
{
	chaos_faults_fire(CONTAINER_OF(t, struct chaos, fire));
}

void chaos_faults_init(struct chaos *c)
{
	c->fire.expired = fire;
	c->faults = (struct faults){ .hold_ready = hold_ready, .hold_event = hold_event, .clock_shift = clock_shift };
	c->observer.changed = changed;
	c->solo->fn->faults = &c->faults;
	platform_observe(&c->solo->platform, &c->observer);
}

void chaos_faults_end(struct chaos *c)
{
	loop_timer_stop(&c->solo->loop, &c->fire);
	while (c->active)
		end_active(c, c->active);
	/* each goes on as if its time had come */
	while (c->held)
		let_go(c->held, true);
}
