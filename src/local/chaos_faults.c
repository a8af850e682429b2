/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: how each is put in, and undone. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/chaos.h"
#include "local/extension.h"

#define NOTES_MAX 20u

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

static size_t met_now(const struct chaos *c)
{
	size_t n = 0;

	for (const struct chaos_active *a = c->active; a; a = a->next)
		n += a->met.len;
	return n;
}

static bool is_met(const struct chaos *c, const struct instance *i)
{
	for (const struct chaos_active *a = c->active; a; a = a->next)
		VEC_EACH(&a->met, m)
			if (m->instance == i)
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
		if ((*i)->state != INSTANCE_ENDING && (*i)->pid > 0 && !is_met(c, *i) &&
		    (!fault->busy || (*i)->state == INSTANCE_BUSY))
			numbers[n++] = (*i)->number;
	qsort(numbers, n, sizeof(*numbers), ascending);
	chosen = fault_plan_pick(numbers, n, fault->share, fault_plan_room(c->plan, fn->instances.len, met_now(c)),
				 f->seed);
	qsort(numbers, chosen, sizeof(*numbers), ascending);
	for (size_t k = 0; k < chosen; k++)
		out[k] = by_number(fn, numbers[k]);
	return chosen;
}

/* ---- what lasts ---- */

static bool on_instances(unsigned kind)
{
	return kind == FAULT_KILL || kind == FAULT_FREEZE || (kind >= FAULT_CPU && kind <= FAULT_TMP_FULL);
}

static void end_met(struct chaos_met *m)
{
	if (m->pid)
		chaos_helper_end(m);
	else
		signal_all(m->instance, SIGCONT);
}

/* Oldest first: the list has the newest first. */
static void add_credentials(const struct chaos *c, const struct chaos_active *a, struct strs *env)
{
	const struct plan_fault *f = a ? fault_of(c, a->firing) : NULL;

	if (!a)
		return;
	add_credentials(c, a->next, env);
	for (size_t i = 0; f->kind == FAULT_CREDENTIALS && i < f->env.len; i++)
		strs_addf(env, "%s=%s", f->env.ptr[i].key.s, f->env.ptr[i].val.s);
}

/* What goes on now, over what there was at first. Later instances get it; who runs keeps what it was started with. */
static void set_credentials(struct chaos *c)
{
	struct strs *env = &c->solo->fn->env;

	strs_release(env);
	VEC_EACH(&c->env, e)
		strs_add(env, *e);
	add_credentials(c, c->active, env);
}

static void end_active(struct chaos *c, struct chaos_active *a)
{
	const struct plan_fault *f = fault_of(c, a->firing);

	for (struct chaos_active **at = &c->active; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	loop_timer_stop(&c->solo->loop, &a->end);
	VEC_EACH(&a->met, m)
		end_met(m);
	if (f->kind == FAULT_CREDENTIALS)
		set_credentials(c);
	if (f->kind == FAULT_COMMAND && f->undo.s)
		chaos_command_start(c, f->undo.s, true);
	add_mark(c, a->firing, true)->hits = a->hits;
	VEC_FREE(&a->met);
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

static void note(struct chaos *c, const char *text)
{
	for (size_t i = 0; i < c->result->notes.len; i++)
		if (strcmp(c->result->notes.ptr[i], text) == 0)
			return;
	if (c->result->notes.len < NOTES_MAX)
		strs_add(&c->result->notes, text);
}

/* false: it could not be, and the reader is told. */
static bool meet(struct chaos *c, const struct plan_fault *f, struct instance *i, struct chaos_met *out)
{
	const uint64_t bytes = c->solo->fn->memory / 1000 * f->level;
	struct err err = ERR_INIT;
	int ret = 0;

	*out = (struct chaos_met){ .instance = i };
	switch (f->kind) {
	case FAULT_KILL:
		instance_kill(i);
		break;
	case FAULT_FREEZE:
		signal_all(i, SIGSTOP);
		break;
	case FAULT_CPU:
		ret = chaos_helper_start(i, "cpu", 0, out, &err);
		break;
	case FAULT_MEMORY:
		ret = chaos_helper_start(i, "memory", bytes, out, &err);
		break;
	default:
		ret = chaos_helper_start(i, "tmp", 0, out, &err);
		break;
	}
	if (ret < 0)
		note(c, err.msg);
	return ret == 0;
}

static void fire_on_instances(struct chaos *c, const struct firing *f)
{
	const struct plan_fault *fault = fault_of(c, f);
	const struct lfn *fn = c->solo->fn;
	CLEAN_FREE struct instance **chosen = xcalloc(fn->instances.len + 1, sizeof(struct instance *));
	const size_t n = choose(c, f, chosen), mark = c->result->marks.len;
	struct chaos_active *a = fault->kind == FAULT_KILL || !n ? NULL : begin_active(c, f);

	add_mark(c, f, false);
	for (size_t k = 0; k < n; k++) {
		struct chaos_mark *m = &c->result->marks.ptr[mark];
		struct chaos_met met;

		VEC_PUSH(&m->instances, chosen[k]->number);
		m->hits++;
		if (!meet(c, fault, chosen[k], &met) || !a)
			continue;
		VEC_PUSH(&a->met, met);
		a->hits++;
	}
}

static void fire_one(struct chaos *c, const struct firing *f)
{
	const struct plan_fault *fault = fault_of(c, f);

	if (on_instances(fault->kind)) {
		fire_on_instances(c, f);
		return;
	}
	begin_active(c, f);
	add_mark(c, f, false);
	if (fault->kind == FAULT_CREDENTIALS)
		set_credentials(c);
	if (fault->kind == FAULT_COMMAND)
		chaos_command_start(c, fault->command.s, false);
	if (fault->kind == FAULT_NET_RESET)
		chaos_proxy_look(&c->proxies[fault->proxy_at]);
}

/* What is to be over by then is, before another begins: so it meets the same ones, whichever timer is first. */
static void end_until(struct chaos *c, uint64_t at)
{
	for (struct chaos_active *a = c->active, *next; a; a = next) {
		const uint64_t lasts = fault_of(c, a->firing)->lasts;

		next = a->next;
		if (lasts != PLAN_UNSET && a->firing->at + lasts <= at)
			end_active(c, a);
	}
}

void chaos_faults_fire(struct chaos *c)
{
	const uint64_t now = (loop_clock() - c->began) / LOOP_MS;

	for (; c->next < c->schedule.len && c->schedule.ptr[c->next].at <= now; c->next++) {
		end_until(c, c->schedule.ptr[c->next].at);
		fire_one(c, &c->schedule.ptr[c->next]);
	}
	if (c->next < c->schedule.len)
		loop_timer_set(&c->solo->loop, &c->fire, (c->schedule.ptr[c->next].at - now) * LOOP_MS);
}

/* ---- connections ---- */

static void ask_net(struct chaos_proxy *p, uint64_t n, bool first, struct chaos_net *out)
{
	struct chaos *c = p->ctx;

	for (struct chaos_active *a = c->active; a; a = a->next) {
		const struct plan_fault *f = fault_of(c, a->firing);
		const uint64_t share = f->share < c->plan->blast_radius ? f->share : c->plan->blast_radius;

		if (f->kind < FAULT_NET_RESET || f->kind > FAULT_NET_THROTTLE || f->proxy_at != p->place ||
		    !fault_plan_hits(a->firing->seed, n, share))
			continue;
		a->hits += first;
		if (f->kind == FAULT_NET_RESET)
			out->reset = true;
		else if (f->kind == FAULT_NET_DELAY)
			out->delay += f->delay * LOOP_MS;
		else if (f->kind == FAULT_NET_CUT)
			out->cut = out->cut && out->cut < f->bytes ? out->cut : f->bytes;
		else
			out->rate = out->rate && out->rate < f->bytes ? out->rate : f->bytes;
	}
}

/* What a variable is, around the address. */
static void set_address(struct lfn *fn, const struct plan_proxy *p, uint16_t port)
{
	const char *s = p->value.s ? p->value.s : "$ADDRESS", *at = strstr(s, "$ADDRESS");

	if (at)
		strs_addf(&fn->env, "%s=%.*s127.0.0.1:%u%s", p->env.s, (int)(at - s), s, port, at + 8);
	else
		strs_addf(&fn->env, "%s=%s", p->env.s, s);
}

static int start_proxies(struct chaos *c, struct err *err)
{
	for (unsigned i = 0; i < c->plan->proxies.len; i++) {
		struct chaos_proxy *p = &c->proxies[c->nproxies++];
		const struct plan_proxy *as = &c->plan->proxies.ptr[i];

		*p = (struct chaos_proxy){ .ask = ask_net, .ctx = c, .place = i };
		if (chaos_proxy_start(p, &c->solo->loop, as->to.s, err) < 0) {
			const struct err inner = *err;

			return fault_plan_err(c->plan, as->to.line, as->to.col, err, "proxies.to: %s", inner.msg);
		}
		set_address(c->solo->fn, as, p->port);
	}
	VEC_EACH(&c->solo->fn->env, e)
		strs_add(&c->env, *e);
	return 0;
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
		for (size_t k = 0; k < a->met.len; k++)
			if (a->met.ptr[k].instance == i) {
				/* one that is stopped can be ended as it is */
				if (a->met.ptr[k].pid)
					chaos_helper_end(&a->met.ptr[k]);
				a->met.ptr[k--] = a->met.ptr[--a->met.len];
			}
}

static void fire(struct loop_timer *t)
{
	chaos_faults_fire(CONTAINER_OF(t, struct chaos, fire));
}

int chaos_faults_init(struct chaos *c, struct err *err)
{
	c->fire.expired = fire;
	c->faults = (struct faults){ .hold_ready = hold_ready, .hold_event = hold_event, .clock_shift = clock_shift };
	c->observer.changed = changed;
	c->solo->fn->faults = &c->faults;
	platform_observe(&c->solo->platform, &c->observer);
	return start_proxies(c, err);
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
