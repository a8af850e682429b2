/* SPDX-License-Identifier: Apache-2.0 */
/* The instances of a function, and what waits for them. */
#include "local/platform.h"

#include "base/mem.h"
#include "local/scaling.h"

#define WARM_NS (100 * LOOP_MS)
#define PATIENCE_NS (2 * LOOP_MS)
#define WARM_MAX_NS (5 * LOOP_S)

/* Instances that had nothing to do for long, oldest first: those used last are at the head of the list. */
static void reap(struct loop_timer *t)
{
	struct lfn *fn = CONTAINER_OF(t, struct lfn, reap);
	uint64_t now = loop_clock(), next = UINT64_MAX;
	unsigned keep = fn->prewarm;

	if (fn->scaling)
		return;
	for (struct instance *i = fn->idle, *after; i; i = after) {
		uint64_t at = i->idle_since + fn->idle_ns;

		after = i->next_idle;
		if (keep) {
			keep--;
			continue;
		}
		if (i->ndoing)
			continue;
		if (at <= now)
			instance_end(i, "nothing to do", 0);
		else if (at < next)
			next = at;
	}
	if (next != UINT64_MAX)
		loop_timer_set(fn->platform->loop, t, next - now);
}

static void not_starting(struct instance *i)
{
	if (i->counted) {
		i->counted = false;
		i->fn->starting--;
	}
}

void pool_unlist(struct instance *i)
{
	if (i->state == INSTANCE_ENDING)
		not_starting(i);
	i->listed = false;
	for (struct instance **at = &i->fn->idle; *at; at = &(*at)->next_idle)
		if (*at == i) {
			*at = i->next_idle;
			i->next_idle = NULL;
			return;
		}
}

/* Instances of today's generation that are in @most or a state before it. */
static unsigned there(const struct lfn *fn, enum instance_state most)
{
	unsigned n = 0;

	VEC_EACH(&fn->instances, i)
		n += (*i)->generation == fn->generation && (*i)->state <= most;
	return n;
}

void pool_ready(struct instance *i)
{
	struct lfn *fn = i->fn;

	not_starting(i);
	fn->failures = 0;
	loop_timer_stop(fn->platform->loop, &i->timer);
	if (i->end || i->generation != fn->generation || fn->platform->stopping) {
		pool_unlist(i);
		if (!i->ndoing)
			instance_end(i, fn->platform->stopping ? "slsc ends" : "a newer build", LOOP_S);
		return;
	}
	if (fn->once && i->served) {
		if (!i->ndoing)
			instance_end(i, "one invocation is all", 0);
		return;
	}
	if (fn->scaling && !i->ndoing && there(fn, INSTANCE_BUSY) > fn->want) {
		pool_unlist(i);
		instance_end(i, "not wanted", 0);
		return;
	}
	if (!i->ndoing) {
		i->state = INSTANCE_IDLE;
		i->idle_since = loop_clock();
	}
	if (!i->listed) {
		i->next_idle = fn->idle;
		fn->idle = i;
		i->listed = true;
	}
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
	fn->waiting--;
	return inv;
}

void pool_cancel(struct invocation *inv)
{
	struct lfn *fn = inv->fn;

	for (struct invocation **at = &fn->first; *at; at = &(*at)->next) {
		if (*at != inv)
			continue;
		*at = inv->next;
		if (!*at)
			fn->last = at;
		fn->waiting--;
		inv->outcome = OUTCOME_CANCELLED;
		invocation_answer(inv);
		invocation_over(inv);
		return;
	}
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

/* Instances whose answer is out and who will ask for more at once, as a rule: sooner than a new one would. */
static size_t finishing(const struct lfn *fn)
{
	size_t n = 0;

	for (size_t k = 0; k < fn->instances.len; k++) {
		const struct instance *i = fn->instances.ptr[k];

		n += i->state == INSTANCE_BUSY && i->answered && i->generation == fn->generation;
	}
	return n;
}

static void dispatch(struct lfn *fn, bool wait);

static void waited(struct loop_timer *t)
{
	dispatch(CONTAINER_OF(t, struct lfn, patience), false);
}

void pool_dispatch(struct lfn *fn)
{
	dispatch(fn, true);
}

static void dispatch(struct lfn *fn, bool wait)
{
	size_t waiting, soon;

	while (fn->first && fn->idle) {
		struct instance *i = fn->idle;
		struct invocation *inv = take_first(fn);

		if (i->ndoing + 1 >= fn->parallel)
			pool_unlist(i);
		invocation_begin(inv, i);
		pool_prewarm(fn);
	}
	waiting = fn->waiting;
	/* with a policy they wait: it says how many instances there are */
	if (fn->scaling || waiting <= (size_t)fn->starting * fn->parallel)
		return;
	soon = wait ? finishing(fn) : 0;
	if (soon && !fn->patience.place)
		loop_timer_set(fn->platform->loop, &fn->patience, PATIENCE_NS);
	while (waiting > (size_t)fn->starting * fn->parallel + soon && fn->instances.len < fn->concurrency) {
		struct err err = ERR_INIT;

		if (!instance_start(fn, &err)) {
			pool_fail_first(fn, OUTCOME_EXIT, "Runtime.InvalidEntrypoint", err.msg);
			waiting--;
		}
	}
}

unsigned pool_meant(const struct lfn *fn)
{
	if (!fn->scaling)
		return fn->parallel;
	/* none was started for one of them: if there are others that do well, these will serve all */
	VEC_EACH(&fn->instances, i)
		if ((*i)->ready && (*i)->generation == fn->generation && (*i)->state != INSTANCE_ENDING)
			return 0;
	return fn->waiting;
}

/* What waits for a policy's instances waits in vain when there are none. */
static void start_failed(struct lfn *fn, const struct err *err)
{
	fn->failures++;
	while (fn->scaling && fn->first && !there(fn, INSTANCE_BUSY))
		pool_fail_first(fn, OUTCOME_EXIT, "Runtime.InvalidEntrypoint", err->msg);
	pool_prewarm(fn);
}

void pool_prewarm(struct lfn *fn)
{
	const unsigned least = fn->scaling ? fn->want : fn->prewarm;
	unsigned ready;

	if (!least || fn->platform->stopping)
		return;
	ready = there(fn, fn->scaling ? INSTANCE_BUSY : INSTANCE_IDLE);
	if (ready >= least || fn->instances.len >= fn->concurrency || fn->warm.place)
		return;
	if (fn->failures) {
		uint64_t ns = WARM_NS << (fn->failures < 7 ? fn->failures : 7);

		loop_timer_set(fn->platform->loop, &fn->warm, ns < WARM_MAX_NS ? ns : WARM_MAX_NS);
		return;
	}
	for (; ready < least && fn->instances.len < fn->concurrency; ready++) {
		struct err err = ERR_INIT;

		if (!instance_start(fn, &err)) {
			start_failed(fn, &err);
			return;
		}
	}
}

static void warm(struct loop_timer *t)
{
	struct lfn *fn = CONTAINER_OF(t, struct lfn, warm);
	struct err err = ERR_INIT;

	if (!instance_start(fn, &err))
		start_failed(fn, &err);
}

void pool_scale(struct lfn *fn)
{
	unsigned n = there(fn, INSTANCE_BUSY);

	while (n > fn->want) {
		struct instance *longest = NULL;

		for (struct instance *i = fn->idle; i; i = i->next_idle)
			if (!i->ndoing)
				longest = i;
		if (!longest)
			return;
		instance_end(longest, "not wanted", 0);
		n--;
	}
	pool_prewarm(fn);
}

void pool_init(struct lfn *fn)
{
	fn->last = &fn->first;
	fn->reap.expired = reap;
	fn->warm.expired = warm;
	fn->patience.expired = waited;
}

void pool_renew(struct lfn *fn)
{
	fn->failures = 0;
	fn->generation++;
	while (fn->idle) {
		struct instance *i = fn->idle;

		pool_unlist(i);
		if (!i->ndoing)
			instance_end(i, "a newer build", LOOP_S);
	}
	VEC_EACH(&fn->instances, i)
		not_starting(*i);
	pool_dispatch(fn);
	pool_prewarm(fn);
}

/* With @inv, which is counted in active already. */
static bool too_many(const struct lfn *fn)
{
	if (fn->scaling)
		return !fn->idle && fn->waiting >= fn->queue;
	return fn->active > fn->concurrency * fn->parallel;
}

void platform_invoke(struct invocation *inv)
{
	struct lfn *fn = inv->fn;

	inv->made = loop_clock();
	if (!inv->trace)
		invocation_trace(inv, NULL, NULL, NULL);
	fn->active++;
	scaling_arrived(fn);
	/* an event that was stored before the function was changed */
	if (fn->runtime == RUNTIME_HTTP && !inv->call) {
		invocation_fail(inv, OUTCOME_ERROR, "Runtime.InvalidEvent", "%s speaks HTTP and takes no events",
				fn->name);
		invocation_over(inv);
		return;
	}
	if (fn->platform->stopping || too_many(fn)) {
		invocation_fail(inv, fn->platform->stopping ? OUTCOME_STOPPED : OUTCOME_THROTTLED,
				"TooManyRequestsException", "Rate Exceeded.");
		invocation_over(inv);
		return;
	}
	*fn->last = inv;
	fn->last = &inv->next;
	fn->waiting++;
	pool_dispatch(fn);
}
