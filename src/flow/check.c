/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "flow/read.h"

/*
 * What leads where: states that nothing leads to, machines that never end, cycles that nothing slows down. Only the
 * states of one machine, branch or processor at a time: none leads out of it. Their numbers here are their places in
 * it.
 */

bool flow_state_exit(const struct flow_state *s, size_t i, struct flow_exit *out)
{
	if (s->kind == FLOW_CHOICE) {
		if (i < s->as.choice.nrules) {
			const struct flow_rule *rule = &s->as.choice.rules[i];

			*out = (struct flow_exit){ FLOW_EXIT_RULE, rule->next, i, rule->next_at };
			return true;
		}
		if (i > s->as.choice.nrules || !s->as.choice.otherwise)
			return false;
		*out = (struct flow_exit){ FLOW_EXIT_DEFAULT, s->as.choice.otherwise, 0, s->as.choice.otherwise_at };
		return true;
	}
	if (s->next) {
		if (!i) {
			*out = (struct flow_exit){ FLOW_EXIT_NEXT, s->next, 0, s->next_at };
			return true;
		}
		i--;
	}
	if (i >= s->ncatch)
		return false;
	*out = (struct flow_exit){ FLOW_EXIT_CATCH, s->catch[i].next, i, s->catch[i].next_at };
	return true;
}

struct graph {
	const struct flow_states *of;
	size_t n;
	uint32_t *first, *to; /* the ways out of state i are to[first[i]] to to[first[i + 1] - 1] */
	uint32_t *back_first, *back;
	bool *reached, *ends;
	uint32_t *queue;
};

static void graph_release(struct graph *g)
{
	free(g->first);
	free(g->to);
	free(g->back_first);
	free(g->back);
	free(g->reached);
	free(g->ends);
	free(g->queue);
}

static bool is_end(const struct flow_state *s)
{
	return s->end || s->kind == FLOW_SUCCEED || s->kind == FLOW_FAIL;
}

/* Ids grow in the file's order, but those of branches lie between: an array from the first id on finds the place. */
static void graph_make(struct graph *g, const struct flow_states *of)
{
	const unsigned base = of->state[0]->id, span = of->state[of->len - 1]->id - base + 1;
	CLEAN_FREE uint32_t *place = xcalloc(span, sizeof(uint32_t));
	struct flow_exit e;
	uint32_t n = 0;

	*g = (struct graph){ .of = of, .n = of->len };
	g->first = xcalloc(g->n + 1, sizeof(uint32_t));
	g->back_first = xcalloc(g->n + 2, sizeof(uint32_t));
	g->reached = xcalloc(g->n, sizeof(bool));
	g->ends = xcalloc(g->n, sizeof(bool));
	g->queue = xcalloc(g->n, sizeof(uint32_t));
	for (size_t i = 0; i < g->n; i++) {
		place[of->state[i]->id - base] = (uint32_t)i;
		for (size_t j = 0; flow_state_exit(of->state[i], j, &e); j++)
			n++;
	}
	g->to = xcalloc(n + 1u, sizeof(uint32_t));
	g->back = xcalloc(n + 1u, sizeof(uint32_t));
	n = 0;
	for (size_t i = 0; i < g->n; i++) {
		g->first[i] = n;
		for (size_t j = 0; flow_state_exit(of->state[i], j, &e); j++) {
			g->to[n] = place[e.to->id - base];
			g->back_first[g->to[n++] + 2]++;
		}
	}
	g->first[g->n] = n;
	for (size_t i = 2; i < g->n + 2; i++)
		g->back_first[i] += g->back_first[i - 1];
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t j = g->first[i]; j < g->first[i + 1]; j++)
			g->back[g->back_first[g->to[j] + 1]++] = i;
}

/* From where is in the queue, @len of them, on: marks what is met. */
static void walk(const struct graph *g, const uint32_t *first, const uint32_t *to, bool *met, size_t len)
{
	for (size_t i = 0; i < len; i++)
		for (uint32_t j = first[g->queue[i]]; j < first[g->queue[i] + 1]; j++)
			if (!met[to[j]]) {
				met[to[j]] = true;
				g->queue[len++] = to[j];
			}
}

static void check_reached(struct reader *r, const struct graph *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->of->state[i] == g->of->start) {
			g->reached[i] = true;
			g->queue[0] = (uint32_t)i;
			walk(g, g->first, g->to, g->reached, 1);
		}
	for (size_t i = 0; i < g->n; i++) {
		const struct flow_state *s = g->of->state[i];

		if (g->reached[i])
			continue;
		flow_problems_add(r->found, false, s->at.line, s->at.col, s->path,
				  "nothing leads to this state: it is never run");
		flow_problems_hint(r->found, "lead there by Next, Choices, Default or Catch, or remove it");
	}
}

/* @endless: a cycle that never ends has been told. */
static void check_ends(struct reader *r, const struct scope *in, const struct graph *g, bool endless)
{
	size_t len = 0;

	for (size_t i = 0; i < g->n; i++)
		if (is_end(g->of->state[i])) {
			g->ends[i] = true;
			g->queue[len++] = (uint32_t)i;
		}
	if (!len) {
		const struct flow_states *of = in->of;

		flow_problems_add(r->found, false, of->start_at.line, of->start_at.col, of->up ? of->up->path : "",
				  "%s never ends: it has no last state",
				  !of->up		     ? "the machine"
				  : of->up->kind == FLOW_MAP ? "what the map runs"
							     : "this branch");
		flow_problems_hint(r->found, "say \"End\": true in a state, or add one of type Succeed or Fail");
		return;
	}
	if (endless)
		return;
	walk(g, g->back_first, g->back, g->ends, len);
	for (size_t i = 0; i < g->n; i++) {
		const struct flow_state *s = g->of->state[i];

		/* one is enough: all states behind it are in the same plight */
		if (!g->reached[i] || g->ends[i])
			continue;
		flow_problems_add(r->found, true, s->at.line, s->at.col, s->path,
				  "from here on no last state can be reached: an execution runs until it is stopped");
		return;
	}
}

/* ---- cycles without a pause ---- */

static bool pauses(const struct flow_state *s);

static bool any_pauses(const struct flow_states *in)
{
	for (size_t i = 0; i < in->len; i++)
		if (pauses(in->state[i]))
			return true;
	return false;
}

/* Whether time passes in it, or work is done outside. As deep as the file is nested. */
static bool pauses(const struct flow_state *s)
{
	switch (s->kind) {
	case FLOW_TASK:
	case FLOW_WAIT:
		return true;
	case FLOW_MAP:
		return s->as.map.processor && any_pauses(s->as.map.processor);
	case FLOW_PARALLEL:
		for (size_t i = 0; i < s->as.parallel.nbranches; i++)
			if (any_pauses(s->as.parallel.branches[i]))
				return true;
		return false;
	default:
		return false;
	}
}

struct tarjan {
	const struct graph *g;
	bool *out;					  /* pauses: not looked at */
	uint32_t *low, *num, *next, *stack, *calls, *set; /* set: which cycle a state is in, from 1 on; 0: none */
	uint32_t nstack, ncalls, count, nsets;
};

/* The states above @v on the stack are a set of which each leads to each other. */
static void take_set(struct tarjan *t, uint32_t v)
{
	const struct graph *g = t->g;
	bool cycle = t->stack[t->nstack - 1] != v;
	uint32_t w;

	for (uint32_t j = g->first[v]; j < g->first[v + 1]; j++)
		cycle |= g->to[j] == v;
	if (cycle)
		t->nsets++;
	do {
		w = t->stack[--t->nstack];
		t->low[w] = UINT32_MAX;
		t->set[w] = cycle ? t->nsets : 0;
	} while (w != v);
}

/* Tarjan's strongly connected components, without recursion: a file may have 20,000 states in a row. */
static void find_sets(struct tarjan *t, uint32_t from)
{
	const struct graph *g = t->g;

	t->calls[t->ncalls++] = from;
	while (t->ncalls) {
		const uint32_t v = t->calls[t->ncalls - 1];

		if (!t->num[v]) {
			t->num[v] = t->low[v] = ++t->count;
			t->stack[t->nstack++] = v;
			t->next[v] = g->first[v];
		}
		while (t->next[v] < g->first[v + 1]) {
			const uint32_t w = g->to[t->next[v]];

			if (t->out[w]) {
				t->next[v]++;
				continue;
			}
			if (!t->num[w])
				break;
			t->next[v]++;
			/* UINT32_MAX: it belongs to a set already */
			if (t->low[w] < t->low[v])
				t->low[v] = t->low[w];
		}
		if (t->next[v] < g->first[v + 1]) {
			t->calls[t->ncalls++] = g->to[t->next[v]];
			continue;
		}
		t->ncalls--;
		if (t->low[v] == t->num[v])
			take_set(t, v);
	}
}

/* A way from @v through its set back to @v, as "A, B, C". */
static void say_cycle(const struct tarjan *t, uint32_t v, struct buf *out)
{
	const struct graph *g = t->g;
	CLEAN_FREE uint32_t *from = xcalloc(g->n, sizeof(uint32_t));
	CLEAN_FREE bool *met = xcalloc(g->n, sizeof(bool));
	uint32_t len = 1, n = 0, w = v;

	/* backwards, so that each state knows the next on the way to @v */
	g->queue[0] = v;
	for (uint32_t i = 0; i < len; i++)
		for (uint32_t j = g->back_first[g->queue[i]]; j < g->back_first[g->queue[i] + 1]; j++) {
			const uint32_t b = g->back[j];

			if (met[b] || t->set[b] != t->set[v])
				continue;
			met[b] = true;
			from[b] = g->queue[i];
			if (b != v)
				g->queue[len++] = b;
		}
	do {
		if (n++ == 6) {
			buf_addz(out, ", ...");
			return;
		}
		buf_addf(out, "%s%.80s", n > 1 ? ", " : "", g->of->state[w]->name);
		w = from[w];
	} while (w != v);
}

/* Whether an execution may leave the set of @v. */
static bool has_exit(const struct tarjan *t, uint32_t set)
{
	const struct graph *g = t->g;

	for (uint32_t v = 0; v < g->n; v++) {
		const struct flow_state *s = g->of->state[v];

		if (t->set[v] != set)
			continue;
		if (is_end(s) || (s->kind == FLOW_CHOICE && !s->as.choice.otherwise))
			return true;
		for (uint32_t j = g->first[v]; j < g->first[v + 1]; j++)
			if (t->set[g->to[j]] != set)
				return true;
	}
	return false;
}

/* Returns whether it is an error. */
static bool tell_cycle(struct reader *r, const struct tarjan *t, uint32_t v)
{
	const struct flow_state *s = t->g->of->state[v];
	const bool leaves = has_exit(t, t->set[v]);
	CLEAN_BUF struct buf names = BUF_INIT;

	say_cycle(t, v, &names);
	flow_problems_add(r->found, leaves, s->at.line, s->at.col, s->path,
			  leaves ? "the cycle %s has neither a Task nor a Wait state: it goes round as fast as it can"
				 : "the cycle %s has neither a Task nor a Wait state, and no way out",
			  names.ptr);
	flow_problems_hint(r->found, leaves ? "put a Wait state into it"
					    : "let a Choice state lead out of it, and put a Wait state into it");
	return !leaves;
}

/* Returns whether there is one that never ends. */
static bool check_cycles(struct reader *r, const struct graph *g)
{
	const size_t n = g->n;
	struct tarjan t = { .g = g };
	bool endless = false;
	CLEAN_FREE bool *out = xcalloc(n, sizeof(bool)), *told = NULL;
	CLEAN_FREE uint32_t *words = xcalloc(n * 6, sizeof(uint32_t));

	t.out = out;
	t.low = words;
	t.num = words + n;
	t.next = words + 2 * n;
	t.stack = words + 3 * n;
	t.calls = words + 4 * n;
	t.set = words + 5 * n;
	for (size_t i = 0; i < n; i++)
		out[i] = pauses(g->of->state[i]);
	for (uint32_t i = 0; i < n; i++)
		if (!out[i] && !t.num[i])
			find_sets(&t, i);
	told = xcalloc(t.nsets + 1u, sizeof(bool));
	/* each of them costs a walk over all states: the first of many will do */
	for (uint32_t i = 0, most = 100; i < n && most; i++) {
		if (!t.set[i] || told[t.set[i]] || !g->reached[i])
			continue;
		told[t.set[i]] = true;
		endless |= tell_cycle(r, &t, i);
		most--;
	}
	return endless;
}

void check_graph(struct reader *r, const struct scope *s)
{
	struct graph g;

	graph_make(&g, s->of);
	check_reached(r, &g);
	check_ends(r, s, &g, check_cycles(r, &g));
	graph_release(&g);
}
