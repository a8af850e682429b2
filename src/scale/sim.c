/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/sim.h"

#include <stdlib.h>

#include "base/mem.h"
#include "os/proc.h"

#define CHECK_EVERY 4096u /* events, between two looks for a signal */
#define NONE	    UINT32_MAX

/**
 * What happens next to an instance: it is ready, or its request is done. One at a time each, so ever as many as those.
 */
struct event {
	uint64_t at;
	uint32_t instance;
};

struct request {
	uint64_t at, busy;
};

struct sim {
	const struct sim_spec *s;
	struct policy *policy;
	struct sim_result *r;
	uint64_t now;
	struct rng service, cold;

	/* instances, by number */
	bool *serving;	       /* else it is idle, or starting */
	uint32_t *free, nfree; /* numbers that nobody has */
	/* those idle, by the time of their last use, as a list in two directions */
	uint32_t *older, *newer, oldest, newest;
	uint32_t idle, busy, starting;
	uint32_t want;

	struct event *heap; /* four to a node: half as deep as two, in as many lines of cache */
	size_t nheap;

	struct request *queue; /* a ring, a power of two */
	size_t first, waiting, room;

	/* since the last answer of the policy */
	uint64_t interval_from;
	struct policy_seen seen;
	struct sim_point point;
	uint64_t next_tick, need;
};

/* ---- events ---- */

static bool before(const struct event *a, const struct event *b)
{
	/* of two at once, the one of the lower number: the order never depends on the heap's */
	return a->at < b->at || (a->at == b->at && a->instance < b->instance);
}

static void heap_push(struct sim *m, uint64_t at, uint32_t instance)
{
	const struct event e = { at, instance };
	size_t i = m->nheap++;

	while (i && before(&e, &m->heap[(i - 1) / 4])) {
		m->heap[i] = m->heap[(i - 1) / 4];
		i = (i - 1) / 4;
	}
	m->heap[i] = e;
}

static struct event heap_pop(struct sim *m)
{
	const struct event top = m->heap[0], last = m->heap[--m->nheap];
	const size_t n = m->nheap;
	size_t i = 0;

	for (;;) {
		const size_t child = i * 4 + 1, end = child + 4 < n ? child + 4 : n;
		size_t least = child;

		if (child >= n)
			break;
		for (size_t c = child + 1; c < end; c++)
			if (before(&m->heap[c], &m->heap[least]))
				least = c;
		if (!before(&m->heap[least], &last))
			break;
		m->heap[i] = m->heap[least];
		i = least;
	}
	m->heap[i] = last;
	return top;
}

/* ---- time ---- */

/* What so many instances did from the event before to the one now. */
static void advance(struct sim *m, uint64_t to)
{
	const uint64_t passed = to - m->now, end = m->s->arrivals->end;
	const uint32_t up = m->idle + m->busy;

	if (m->now < end && to >= end)
		m->r->left = m->waiting;
	m->seen.busy_ns += passed * m->busy;
	m->seen.up_ns += passed * up;
	m->r->busy_ns += (double)(passed * m->busy);
	m->r->up_ns += (double)(passed * up);
	m->r->all_ns += (double)(passed * (up + m->starting));
	m->now = to;
}

static bool measured(const struct sim *m, uint64_t at)
{
	return at >= m->s->arrivals->from;
}

/* ---- instances ---- */

static void idle_add(struct sim *m, uint32_t i)
{
	m->serving[i] = false;
	m->older[i] = m->newest;
	m->newer[i] = NONE;
	if (m->newest != NONE)
		m->newer[m->newest] = i;
	else
		m->oldest = i;
	m->newest = i;
	m->idle++;
}

static uint32_t idle_take(struct sim *m, bool newest)
{
	const uint32_t i = newest ? m->newest : m->oldest;

	if (newest) {
		m->newest = m->older[i];
		if (m->newest != NONE)
			m->newer[m->newest] = NONE;
		else
			m->oldest = NONE;
	} else {
		m->oldest = m->newer[i];
		if (m->oldest != NONE)
			m->older[m->oldest] = NONE;
		else
			m->newest = NONE;
	}
	m->idle--;
	return i;
}

static uint32_t there(const struct sim *m)
{
	return m->idle + m->busy + m->starting;
}

static void start(struct sim *m)
{
	const uint32_t i = m->free[--m->nfree];

	m->serving[i] = false;
	m->starting++;
	m->r->colds += measured(m, m->now);
	if (there(m) > m->r->peak && measured(m, m->now))
		m->r->peak = there(m);
	heap_push(m, m->now + spread_draw(m->s->cold, &m->cold), i);
}

/* As many as the policy wants; those that are at work or starting end when they would be idle. */
static void adjust(struct sim *m)
{
	while (there(m) < m->want)
		start(m);
	while (there(m) > m->want && m->idle)
		m->free[m->nfree++] = idle_take(m, false);
}

/* ---- requests ---- */

static void serve(struct sim *m, uint32_t i, struct request q)
{
	const uint64_t wait = m->now - q.at;

	m->serving[i] = true;
	m->busy++;
	heap_push(m, m->now + q.busy, i);
	if (wait + q.busy > m->point.slowest)
		m->point.slowest = wait + q.busy;
	if (!measured(m, q.at))
		return;
	hist_record(&m->r->latency, wait + q.busy);
	m->r->wait_ns += (double)wait;
	m->r->waited += wait > 0;
}

static void queue_grow(struct sim *m)
{
	const size_t room = m->room ? m->room * 2 : 1024;
	struct request *q = xcalloc(room, sizeof(*q));

	for (size_t i = 0; i < m->waiting; i++)
		q[i] = m->queue[(m->first + i) & (m->room - 1)];
	free(m->queue);
	m->queue = q;
	m->room = room;
	m->first = 0;
}

static void arrive(struct sim *m, uint64_t busy)
{
	const struct request q = { m->now, busy ? busy : spread_draw(m->s->service, &m->service) };
	const bool counts = measured(m, m->now);

	m->seen.arrivals++;
	m->point.arrivals++;
	m->r->total++;
	m->r->requests += counts;
	if (m->idle) {
		serve(m, idle_take(m, true), q);
		return;
	}
	if (m->waiting == m->s->queue) {
		m->point.refused++;
		m->r->refused += counts;
		return;
	}
	if (m->waiting == m->room)
		queue_grow(m);
	m->queue[(m->first + m->waiting++) & (m->room - 1)] = q;
	if (m->waiting > m->point.queue)
		m->point.queue = (uint32_t)m->waiting;
}

/* An instance that can take a request: one that waits, or none; or it is one too many. */
static void ready(struct sim *m, uint32_t i)
{
	if (m->waiting && there(m) < m->want) {
		const struct request q = m->queue[m->first];

		m->first = (m->first + 1) & (m->room - 1);
		m->waiting--;
		serve(m, i, q);
	} else if (there(m) < m->want) {
		idle_add(m, i);
	} else {
		m->free[m->nfree++] = i;
	}
}

static void happen(struct sim *m, struct event e)
{
	/* it is counted again by ready(), if it stays */
	if (m->serving[e.instance]) {
		m->busy--;
		m->seen.done++;
	} else {
		m->starting--;
	}
	ready(m, e.instance);
}

static void check_scaled(struct sim *m)
{
	if (m->r->scaled == ARRIVALS_NEVER && m->now >= m->s->arrivals->step && !m->waiting &&
	    m->idle + m->busy >= m->need)
		m->r->scaled = m->now - m->s->arrivals->step;
}

/* ---- the policy ---- */

static int tick(struct sim *m, struct err *err)
{
	struct policy_seen *s = &m->seen;

	s->now = m->now;
	s->interval = m->now - m->interval_from;
	s->cpu_ns = (uint64_t)((double)s->busy_ns * m->s->cpu);
	s->queue = (uint32_t)m->waiting;
	s->idle = m->idle;
	s->busy = m->busy;
	s->starting = m->starting;
	if (policy_want(m->policy, s, &m->want, err) < 0)
		return -1;
	m->want = m->want < m->s->most ? m->want : m->s->most;
	if (s->interval && m->interval_from < m->s->arrivals->end) {
		m->point.up = m->idle + m->busy;
		m->point.all = there(m);
		m->point.wanted = m->want;
		VEC_PUSH(&m->r->points, m->point);
	}
	*s = (struct policy_seen){ .now = 0 };
	m->point = (struct sim_point){ .queue = (uint32_t)m->waiting };
	m->interval_from = m->now;
	m->next_tick = m->now + m->s->interval;
	adjust(m);
	return 0;
}

/* ---- */

static void begin(struct sim *m)
{
	const struct sim_spec *s = m->s;
	const struct arrivals *a = s->arrivals;
	const double need = a->after * s->service->mean / 1e9;

	m->serving = xcalloc(s->most + 1, sizeof(*m->serving));
	m->free = xcalloc(s->most + 1, sizeof(*m->free));
	m->older = xcalloc(s->most + 1, sizeof(*m->older));
	m->newer = xcalloc(s->most + 1, sizeof(*m->newer));
	m->heap = xcalloc(s->most + 1, sizeof(*m->heap));
	m->oldest = m->newest = NONE;
	for (uint32_t i = 0; i < s->most; i++)
		m->free[m->nfree++] = s->most - 1 - i;
	rng_seed(&m->service, s->seed, 3);
	rng_seed(&m->cold, s->seed, 4);
	m->need = (uint64_t)need + ((double)(uint64_t)need < need);
	m->want = s->initial < s->most ? s->initial : s->most;
	for (uint32_t i = 0; i < m->want; i++)
		idle_add(m, m->free[--m->nfree]);
	m->r->peak = a->from ? 0 : there(m);
}

static int run(struct sim *m, struct err *err)
{
	struct arrivals_cursor c;
	uint64_t busy, next, events = 0;

	arrivals_begin(&c, m->s->arrivals, m->s->seed);
	next = arrivals_next(&c, &busy);
	if (tick(m, err) < 0)
		return -1;
	/* until the last answer, which may be after the last arrival */
	while (next != ARRIVALS_NEVER || m->waiting || m->busy || m->now < m->s->arrivals->end) {
		const uint64_t soon = m->nheap ? m->heap[0].at : ARRIVALS_NEVER;

		if (++events % CHECK_EVERY == 0) {
			if (sig_check(err) < 0)
				return -1;
			if (m->s->progress)
				m->s->progress((double)m->now / (double)m->s->arrivals->end, m->s->ctx);
		}
		if (m->next_tick <= soon && m->next_tick <= next) {
			advance(m, m->next_tick);
			if (tick(m, err) < 0)
				return -1;
		} else if (soon <= next) {
			advance(m, soon);
			happen(m, heap_pop(m));
		} else {
			advance(m, next);
			arrive(m, busy);
			next = arrivals_next(&c, &busy);
		}
		if (there(m) > m->r->peak && measured(m, m->now))
			m->r->peak = there(m);
		check_scaled(m);
	}
	return 0;
}

int sim_run(const struct sim_spec *s, struct policy *p, struct sim_result *r, struct err *err)
{
	struct sim m = { .s = s, .policy = p, .r = r };
	int ret;

	*r = (struct sim_result){ .scaled = ARRIVALS_NEVER };
	hist_init(&r->latency);
	begin(&m);
	ret = run(&m, err);
	free(m.serving);
	free(m.free);
	free(m.older);
	free(m.newer);
	free(m.heap);
	free(m.queue);
	return ret;
}

void sim_result_release(struct sim_result *r)
{
	if (r->latency.count)
		hist_release(&r->latency);
	VEC_FREE(&r->points);
}
