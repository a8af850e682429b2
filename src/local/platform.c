/* SPDX-License-Identifier: Apache-2.0 */
#include "local/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/relay.h"
#include "local/scaling.h"
#include "local/telemetry.h"

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
					     "stopped", "cancelled" };

	return names[o];
}

static void out_of_grace(struct loop_timer *t)
{
	struct platform *p = CONTAINER_OF(t, struct platform, grace);

	/* they stay in their lists until the loop goes on */
	VEC_EACH(&p->fns, f)
		VEC_EACH(&(*f)->instances, i) {
			if ((*i)->ndoing)
				instance_break(*i, OUTCOME_STOPPED, "ServiceException", "the platform ends");
			instance_end(*i, "slsc ends", 0);
		}
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
	telemetry_observe(p);
	return 0;
}

void lfn_free(struct lfn *fn)
{
	scaling_free(fn);
	free(fn->name);
	free(fn->arn);
	free(fn->dir);
	free(fn->fallback_file);
	free(fn->fallback_function);
	free(fn->extensions);
	free(fn->root);
	free(fn->user.groups);
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
	relay_stop(p);
	buf_release(&p->scratch);
	loop_timer_stop(p->loop, &p->check);
	loop_timer_stop(p->loop, &p->reap);
	quota_release(&p->quota);
	spawner_release(&p->spawner);
}

void platform_add(struct platform *p, struct lfn *fn)
{
	fn->platform = p;
	pool_init(fn);
	fn->arn = xasprintf("arn:aws:lambda:%s:%s:function:%s", p->region, p->account, fn->name);
	VEC_PUSH(&p->fns, fn);
	pool_prewarm(fn);
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

static void tell_line(struct instance *i, struct invocation *inv, enum line_from from, struct str line)
{
	if (inv)
		invocation_line(inv, line);
	for (struct observer *o = i->fn->platform->observers; o; o = o->next)
		if (o->line)
			o->line(o, i, inv, from, line);
}

void platform_line(struct instance *i, enum line_from from, struct str line)
{
	tell_line(i, i->inv, from, line);
}

void platform_line_of(struct invocation *inv, struct str line)
{
	tell_line(inv->instance, inv, FROM_PLATFORM, line);
}

void platform_tell(const struct lfn *fn, const char *text)
{
	for (struct observer *o = fn->platform->observers; o; o = o->next)
		if (o->told)
			o->told(o, fn, text);
}

void platform_init_event(struct instance *i, enum init_event e)
{
	for (struct observer *o = i->fn->platform->observers; o; o = o->next)
		if (o->init)
			o->init(o, i, e);
}

void platform_changed(struct instance *i)
{
	scaling_changed(i);
	for (struct observer *o = i->fn->platform->observers; o; o = o->next)
		if (o->changed)
			o->changed(o, i);
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
		loop_timer_stop(p->loop, &fn->warm);
		loop_timer_stop(p->loop, &fn->patience);
		scaling_stop(fn);
	}
	if (!p->ninstances) {
		loop_stop(p->loop);
		return;
	}
	loop_timer_set(p->loop, &p->grace, grace_ns);
}
