/* SPDX-License-Identifier: Apache-2.0 */
#include "local/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define REGION "us-east-1"
#define ACCOUNT "123456789012"
#define CHECK_NS (20 * LOOP_MS)
#define REAP_NS (10 * LOOP_MS)

const char *instance_state_name(enum instance_state s)
{
	static const char *const names[] = { "init", "idle", "busy", "ending" };

	return names[s];
}

const char *outcome_name(enum outcome o)
{
	static const char *const names[] = { "ok", "error", "timeout", "exit", "memory", "too-large", "throttled",
					     "stopped" };

	return names[o];
}

static void out_of_grace(struct loop_timer *t)
{
	struct platform *p = CONTAINER_OF(t, struct platform, grace);

	VEC_EACH(&p->fns, f)
		VEC_EACH(&(*f)->instances, i)
			instance_end(*i, "slsc ends", 0);
}

/* The kernel holds memory and /tmp together to a limit: memory alone is ours to watch. */
static void check(struct loop_timer *t)
{
	struct platform *p = CONTAINER_OF(t, struct platform, check);
	bool busy = false;

	VEC_EACH(&p->fns, f)
		VEC_EACH(&(*f)->instances, i)
			if ((*i)->state == INSTANCE_BUSY) {
				busy = true;
				(void)quota_check(&(*i)->group);
			}
	if (busy)
		loop_timer_set(p->loop, t, CHECK_NS);
}

void platform_checks(struct platform *p)
{
	if (!p->check.place)
		loop_timer_set(p->loop, &p->check, CHECK_NS);
}

static void reap_groups(struct loop_timer *t)
{
	struct platform *p = CONTAINER_OF(t, struct platform, reap);

	if (quota_reap(&p->quota))
		loop_timer_set(p->loop, t, REAP_NS);
}

void platform_reaps(struct platform *p)
{
	if (!p->reap.place)
		loop_timer_set(p->loop, &p->reap, REAP_NS);
}

int platform_init(struct platform *p, struct loop *loop, struct web *web, struct err *err)
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	p->web = web;
	p->region = REGION;
	p->account = ACCOUNT;
	p->grace.expired = out_of_grace;
	p->check.expired = check;
	p->reap.expired = reap_groups;
	quota_init(&p->quota);
	if (spawner_init(&p->spawner, err) < 0)
		return -1;
	buf_init(&p->scratch);
	return 0;
}

void lfn_free(struct lfn *fn)
{
	free(fn->name);
	free(fn->arn);
	free(fn->dir);
	strs_release(&fn->argv);
	strs_release(&fn->env);
	VEC_FREE(&fn->instances);
	free(fn);
}

void platform_release(struct platform *p)
{
	VEC_EACH(&p->fns, f)
		lfn_free(*f);
	VEC_FREE(&p->fns);
	buf_release(&p->scratch);
	loop_timer_stop(p->loop, &p->check);
	loop_timer_stop(p->loop, &p->reap);
	quota_release(&p->quota);
	spawner_release(&p->spawner);
}

/* Instances that had nothing to do for long, oldest first: those used last are at the head of the list. */
static void reap(struct loop_timer *t)
{
	struct lfn *fn = CONTAINER_OF(t, struct lfn, reap);
	uint64_t now = loop_clock(), next = UINT64_MAX;
	unsigned keep = fn->prewarm;

	for (struct instance *i = fn->idle, *after; i; i = after) {
		uint64_t at = i->idle_since + fn->idle_ns;

		after = i->next_idle;
		if (keep) {
			keep--;
			continue;
		}
		if (at <= now)
			instance_end(i, "nothing to do", 0);
		else if (at < next)
			next = at;
	}
	if (next != UINT64_MAX)
		loop_timer_set(fn->platform->loop, t, next - now);
}

void platform_add(struct platform *p, struct lfn *fn)
{
	fn->platform = p;
	fn->last = &fn->first;
	fn->reap.expired = reap;
	fn->arn = xasprintf("arn:aws:lambda:%s:%s:function:%s", p->region, p->account, fn->name);
	VEC_PUSH(&p->fns, fn);
}

struct lfn *platform_find(const struct platform *p, struct str name)
{
	VEC_EACH(&p->fns, f)
		if (str_eqz(name, (*f)->name))
			return *f;
	return NULL;
}

void platform_observe(struct platform *p, struct observer *o)
{
	o->next = p->observers;
	p->observers = o;
}

void platform_line(struct instance *i, struct str line)
{
	if (i->inv)
		invocation_line(i->inv, line);
	for (struct observer *o = i->fn->platform->observers; o; o = o->next)
		if (o->line)
			o->line(o, i, i->inv, line);
}

void platform_changed(struct instance *i)
{
	for (struct observer *o = i->fn->platform->observers; o; o = o->next)
		if (o->changed)
			o->changed(o, i);
}

/* ---- the pool ---- */

static void not_starting(struct instance *i)
{
	if (i->counted) {
		i->counted = false;
		i->fn->starting--;
	}
}

void pool_unlist(struct instance *i)
{
	for (struct instance **at = &i->fn->idle; *at; at = &(*at)->next_idle)
		if (*at == i) {
			*at = i->next_idle;
			i->next_idle = NULL;
			return;
		}
}

void pool_ready(struct instance *i)
{
	struct lfn *fn = i->fn;

	not_starting(i);
	loop_timer_stop(fn->platform->loop, &i->timer);
	if (i->generation != fn->generation || fn->platform->stopping) {
		instance_end(i, fn->platform->stopping ? "slsc ends" : "a newer build", LOOP_S);
		return;
	}
	i->state = INSTANCE_IDLE;
	i->idle_since = loop_clock();
	i->next_idle = fn->idle;
	fn->idle = i;
	platform_changed(i);
	if (!fn->reap.place && fn->idle_ns)
		loop_timer_set(fn->platform->loop, &fn->reap, fn->idle_ns);
	pool_dispatch(fn);
}

void pool_forget(struct instance *i)
{
	struct lfn *fn = i->fn;

	not_starting(i);
	pool_unlist(i);
	for (size_t n = 0; n < fn->instances.len; n++)
		if (fn->instances.ptr[n] == i) {
			fn->instances.ptr[n] = fn->instances.ptr[--fn->instances.len];
			fn->platform->ninstances--;
			return;
		}
}

static struct invocation *take_first(struct lfn *fn)
{
	struct invocation *inv = fn->first;

	if (!inv)
		return NULL;
	fn->first = inv->next;
	if (!fn->first)
		fn->last = &fn->first;
	inv->next = NULL;
	return inv;
}

void pool_fail_first(struct lfn *fn, enum outcome o, const char *type, const char *why)
{
	struct invocation *inv = take_first(fn);

	if (!inv)
		return;
	invocation_fail(inv, o, type, "%s", why);
	invocation_over(inv);
}

void pool_error_first(struct lfn *fn, const char *type, const char *body)
{
	struct invocation *inv = take_first(fn);

	if (!inv)
		return;
	inv->outcome = OUTCOME_ERROR;
	inv->error_type = xstrdup(type);
	buf_addz(&inv->body, body);
	invocation_answer(inv);
	invocation_over(inv);
}

void pool_dispatch(struct lfn *fn)
{
	size_t waiting = 0;

	while (fn->first && fn->idle) {
		struct instance *i = fn->idle;
		struct invocation *inv = take_first(fn);

		fn->idle = i->next_idle;
		i->next_idle = NULL;
		invocation_begin(inv, i);
	}
	for (struct invocation *inv = fn->first; inv; inv = inv->next)
		waiting++;
	while (waiting > fn->starting && fn->instances.len < fn->concurrency) {
		struct err err = ERR_INIT;

		if (!instance_start(fn, &err)) {
			pool_fail_first(fn, OUTCOME_EXIT, "Runtime.InvalidEntrypoint", err.msg);
			waiting--;
		}
	}
}

void pool_renew(struct lfn *fn)
{
	fn->generation++;
	while (fn->idle)
		instance_end(fn->idle, "a newer build", LOOP_S);
	VEC_EACH(&fn->instances, i)
		not_starting(*i);
	pool_dispatch(fn);
}

void platform_invoke(struct invocation *inv)
{
	struct lfn *fn = inv->fn;

	inv->made = loop_clock();
	fn->active++;
	if (fn->platform->stopping || fn->active > fn->concurrency) {
		invocation_fail(inv, fn->platform->stopping ? OUTCOME_STOPPED : OUTCOME_THROTTLED,
				"TooManyRequestsException", "Rate Exceeded.");
		invocation_over(inv);
		return;
	}
	*fn->last = inv;
	fn->last = &inv->next;
	pool_dispatch(fn);
}

void platform_stop(struct platform *p, uint64_t grace_ns)
{
	p->stopping = true;
	VEC_EACH(&p->fns, f) {
		struct lfn *fn = *f;

		while (fn->first)
			pool_fail_first(fn, OUTCOME_STOPPED, "ServiceException", "the platform ends");
		/* the list changes as they end, but none is freed before the loop goes on */
		for (size_t n = fn->instances.len; n-- > 0;)
			if (fn->instances.ptr[n]->state != INSTANCE_BUSY)
				instance_end(fn->instances.ptr[n], "slsc ends", LOOP_S);
		loop_timer_stop(p->loop, &fn->reap);
	}
	if (!p->ninstances) {
		loop_stop(p->loop);
		return;
	}
	loop_timer_set(p->loop, &p->grace, grace_ns);
}
