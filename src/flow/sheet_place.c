/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/sheet.h"

/*
 * The layers of a sheet, the order in each of them, and places. What leads upwards is turned round while this is done.
 * An edge that passes layers gets a node in each of them, a bend; the label of an edge is the first of its bends, so
 * that it has room like any other node.
 */

#define GAP_X	 24.0 /* between nodes of a layer */
#define GAP_BEND 12.0 /* beside a bend */
#define GAP_Y	 30.0 /* between layers */
#define MARGIN	 10.0
#define LABEL_H	 16.0
#define SWEEPS	 8

struct segment {
	uint32_t from, to; /* nodes of neighbouring layers */
};

struct placer {
	struct sheet *s;
	unsigned nlayers;
	struct segment *seg;
	size_t nseg;
	uint32_t *down_first, *down; /* the nodes below node i: down[down_first[i]] ... */
	uint32_t *up_first, *up;
	uint32_t *first, *order; /* nodes by their layers: order[first[layer]] ... */
	uint32_t *place;	 /* which one of its layer a node is */
	double *weight, *at;	 /* scratch, as many as there are nodes */
};

/* ---- layers ---- */

/* What leads back to where the search is just now is turned round: depth first, without recursion. */
static void turn_cycles(struct sheet *s)
{
	CLEAN_FREE uint32_t *first = xcalloc(s->n + 2, sizeof(uint32_t)), *edges = xcalloc(s->nedges, sizeof(uint32_t));
	CLEAN_FREE uint32_t *stack = xcalloc(s->n, sizeof(uint32_t)), *next = xcalloc(s->n, sizeof(uint32_t));
	CLEAN_FREE unsigned char *state = xcalloc(s->n, 1); /* 0 not met, 1 on the stack, 2 done */
	size_t depth = 1;

	for (size_t i = 0; i < s->nedges; i++)
		first[s->edge[i].from + 2]++;
	for (size_t i = 2; i < s->n + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < s->nedges; i++)
		edges[first[s->edge[i].from + 1]++] = (uint32_t)i;
	state[0] = 1;
	next[0] = first[0];
	while (depth) {
		const uint32_t v = stack[depth - 1];
		struct sheet_edge *e;

		if (next[v] == first[v + 1]) {
			state[v] = 2;
			depth--;
			continue;
		}
		e = &s->edge[edges[next[v]++]];
		if (e->self)
			continue;
		if (state[e->to] == 1) {
			e->up = true;
		} else if (!state[e->to]) {
			state[e->to] = 1;
			next[e->to] = first[e->to];
			stack[depth++] = (uint32_t)e->to;
		}
	}
	for (size_t i = 0; i < s->nedges; i++)
		if (s->edge[i].up) {
			const size_t from = s->edge[i].from;

			s->edge[i].from = s->edge[i].to;
			s->edge[i].to = from;
		}
}

/* As far from the beginning as the longest way; an edge with a label is two layers long. */
static void set_layers(struct sheet *s)
{
	CLEAN_FREE uint32_t *first = xcalloc(s->n + 2, sizeof(uint32_t)), *edges = xcalloc(s->nedges, sizeof(uint32_t));
	CLEAN_FREE uint32_t *waits = xcalloc(s->n, sizeof(uint32_t)), *queue = xcalloc(s->n, sizeof(uint32_t));
	size_t len = 0;

	for (size_t i = 0; i < s->nedges; i++) {
		first[s->edge[i].from + 2]++;
		if (!s->edge[i].self)
			waits[s->edge[i].to]++;
	}
	for (size_t i = 2; i < s->n + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < s->nedges; i++)
		edges[first[s->edge[i].from + 1]++] = (uint32_t)i;
	for (size_t i = 0; i < s->n; i++)
		if (!waits[i])
			queue[len++] = (uint32_t)i;
	for (size_t i = 0; i < len; i++)
		for (uint32_t j = first[queue[i]]; j < first[queue[i] + 1]; j++) {
			const struct sheet_edge *e = &s->edge[edges[j]];
			const unsigned layer = s->node[e->from].layer + (e->label ? 2 : 1);

			if (e->self)
				continue;
			if (s->node[e->to].layer < layer)
				s->node[e->to].layer = layer;
			if (!--waits[e->to])
				queue[len++] = (uint32_t)e->to;
		}
}

/* ---- bends ---- */

static int add_bends(struct sheet_maker *m, struct placer *p)
{
	struct sheet *s = p->s;
	struct sheet_node *node;
	size_t bends = 0, n = s->n;

	for (size_t i = 0; i < s->nedges; i++)
		if (!s->edge[i].self)
			bends += s->node[s->edge[i].to].layer - s->node[s->edge[i].from].layer - 1;
	m->bends += bends;
	if (m->bends > FLOW_GRAPH_BENDS) {
		err_set(m->err, ERR_LIMIT, "limit exceeded: the edges of the drawing have more than %u bends",
			FLOW_GRAPH_BENDS);
		return err_hint(m->err, "--mermaid has no limit");
	}
	node = arena_alloc(m->a, (n + bends) * sizeof(struct sheet_node));
	memcpy(node, s->node, n * sizeof(struct sheet_node));
	s->node = node;
	for (size_t i = 0; i < s->nedges; i++) {
		struct sheet_edge *e = &s->edge[i];

		if (e->self)
			continue;
		e->bend = s->n;
		e->nbends = node[e->to].layer - node[e->from].layer - 1;
		e->at = !e->label ? e->nbends : e->up ? e->nbends - 1 : 0;
		for (size_t j = 0; j < e->nbends; j++) {
			struct sheet_node *b = &node[s->n++];

			b->kind = SHEET_BEND;
			b->layer = node[e->from].layer + (unsigned)j + 1;
			if (j == e->at) {
				b->w = text_width(e->label) * 0.9 + 8;
				b->h = LABEL_H;
			}
		}
	}
	return 0;
}

static void add_segments(struct placer *p)
{
	struct sheet *s = p->s;

	p->seg = xcalloc(s->n + s->nedges, sizeof(struct segment));
	for (size_t i = 0; i < s->nedges; i++) {
		const struct sheet_edge *e = &s->edge[i];
		uint32_t from = (uint32_t)e->from;

		if (e->self)
			continue;
		for (size_t j = 0; j < e->nbends; j++) {
			p->seg[p->nseg++] = (struct segment){ from, (uint32_t)(e->bend + j) };
			from = (uint32_t)(e->bend + j);
		}
		p->seg[p->nseg++] = (struct segment){ from, (uint32_t)e->to };
	}
	p->down_first = xcalloc(s->n + 2, sizeof(uint32_t));
	p->up_first = xcalloc(s->n + 2, sizeof(uint32_t));
	p->down = xcalloc(p->nseg + 1, sizeof(uint32_t));
	p->up = xcalloc(p->nseg + 1, sizeof(uint32_t));
	for (size_t i = 0; i < p->nseg; i++) {
		p->down_first[p->seg[i].from + 2]++;
		p->up_first[p->seg[i].to + 2]++;
	}
	for (size_t i = 2; i < s->n + 2; i++) {
		p->down_first[i] += p->down_first[i - 1];
		p->up_first[i] += p->up_first[i - 1];
	}
	for (size_t i = 0; i < p->nseg; i++) {
		p->down[p->down_first[p->seg[i].from + 1]++] = p->seg[i].to;
		p->up[p->up_first[p->seg[i].to + 1]++] = p->seg[i].from;
	}
}

/* ---- the order in the layers ---- */

/* At first as a walk from the beginning meets them. */
static void first_order(struct placer *p)
{
	struct sheet *s = p->s;
	CLEAN_FREE bool *met = xcalloc(s->n, sizeof(bool));
	CLEAN_FREE uint32_t *stack = xcalloc(s->n + p->nseg, sizeof(uint32_t)), *fill = NULL;
	size_t depth = 1;

	for (size_t i = 0; i < s->n; i++)
		if (s->node[i].layer >= p->nlayers)
			p->nlayers = s->node[i].layer + 1;
	p->first = xcalloc(p->nlayers + 1u, sizeof(uint32_t));
	fill = xcalloc(p->nlayers + 1u, sizeof(uint32_t));
	p->order = xcalloc(s->n, sizeof(uint32_t));
	p->place = xcalloc(s->n, sizeof(uint32_t));
	for (size_t i = 0; i < s->n; i++)
		p->first[s->node[i].layer + 1]++;
	for (unsigned i = 1; i <= p->nlayers; i++)
		p->first[i] += p->first[i - 1];
	while (depth) {
		const uint32_t v = stack[--depth];
		const unsigned layer = s->node[v].layer;

		if (met[v])
			continue;
		met[v] = true;
		p->place[v] = fill[layer];
		p->order[p->first[layer] + fill[layer]++] = v;
		for (uint32_t j = p->down_first[v + 1]; j-- > p->down_first[v];)
			stack[depth++] = p->down[j];
	}
}

/* How many pairs of edges between two layers cross each other: inversions, counted in a binary indexed tree. */
static uint64_t crossings(const struct placer *p, unsigned layer, uint32_t *tree)
{
	const uint32_t below = p->first[layer + 2] - p->first[layer + 1];
	uint64_t n = 0, seen = 0;

	memset(tree, 0, (below + 1) * sizeof(uint32_t));
	for (uint32_t i = p->first[layer]; i < p->first[layer + 1]; i++) {
		const uint32_t v = p->order[i];

		for (uint32_t j = p->down_first[v]; j < p->down_first[v + 1]; j++) {
			n += seen;
			for (uint32_t k = p->place[p->down[j]] + 1; k; k &= k - 1)
				n -= tree[k];
		}
		for (uint32_t j = p->down_first[v]; j < p->down_first[v + 1]; j++, seen++)
			for (uint32_t k = p->place[p->down[j]] + 1; k <= below; k += k & -k)
				tree[k]++;
	}
	return n;
}

static uint64_t all_crossings(const struct placer *p, uint32_t *tree)
{
	uint64_t n = 0;

	for (unsigned i = 0; i + 1 < p->nlayers; i++)
		n += crossings(p, i, tree);
	return n;
}

struct keyed {
	double key;
	uint32_t node, place;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

/* A layer by the mean places of its neighbours above or below; who has none stays about where it is. */
static void sort_layer(struct placer *p, unsigned layer, const uint32_t *first, const uint32_t *next, struct keyed *k)
{
	const uint32_t n = p->first[layer + 1] - p->first[layer];

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t v = p->order[p->first[layer] + i], many = first[v + 1] - first[v];
		double sum = 0;

		for (uint32_t j = first[v]; j < first[v + 1]; j++)
			sum += p->place[next[j]];
		k[i] = (struct keyed){ many ? sum / many : i, v, i };
	}
	qsort(k, n, sizeof(*k), by_key);
	for (uint32_t i = 0; i < n; i++) {
		p->order[p->first[layer] + i] = k[i].node;
		p->place[k[i].node] = i;
	}
}

static void set_order(struct placer *p)
{
	const size_t n = p->s->n;
	CLEAN_FREE struct keyed *k = xcalloc(n, sizeof(struct keyed));
	CLEAN_FREE uint32_t *tree = xcalloc(n + 1, sizeof(uint32_t)), *best = xcalloc(n, sizeof(uint32_t));
	uint64_t least;

	first_order(p);
	least = all_crossings(p, tree);
	memcpy(best, p->order, n * sizeof(uint32_t));
	for (int i = 0; i < SWEEPS && least; i++) {
		uint64_t now;

		for (unsigned layer = 1; i % 2 == 0 && layer < p->nlayers; layer++)
			sort_layer(p, layer, p->up_first, p->up, k);
		for (unsigned layer = p->nlayers - 1; i % 2 && layer-- > 0;)
			sort_layer(p, layer, p->down_first, p->down, k);
		now = all_crossings(p, tree);
		if (now >= least)
			continue;
		least = now;
		memcpy(best, p->order, n * sizeof(uint32_t));
	}
	memcpy(p->order, best, n * sizeof(uint32_t));
	for (unsigned layer = 0; layer < p->nlayers; layer++)
		for (uint32_t i = p->first[layer]; i < p->first[layer + 1]; i++)
			p->place[p->order[i]] = i - p->first[layer];
}

/* ---- places ---- */

static double apart(const struct sheet_node *l, const struct sheet_node *r)
{
	const bool bend = l->kind == SHEET_BEND || r->kind == SHEET_BEND;

	return l->w / 2 + l->right + r->w / 2 + (bend ? GAP_BEND : GAP_X);
}

/*
 * Each node of a layer as near to where it wants to be as the others let it: least squares under the order, which is
 * what pooling adjacent violators gives (Ayer et al., Ann. Math. Stat. 26, 1955).
 */
static void settle(struct placer *p, unsigned layer)
{
	struct sheet_node *node = p->s->node;
	const uint32_t *order = p->order + p->first[layer];
	const uint32_t n = p->first[layer + 1] - p->first[layer];
	uint32_t blocks = 0, *size = xcalloc(n, sizeof(uint32_t)), i = 0;
	double offset = 0;

	for (uint32_t j = 0; j < n; j++) {
		const double w = node[order[j]].kind == SHEET_BEND ? 4 : 1;

		if (j)
			offset += apart(&node[order[j - 1]], &node[order[j]]);
		p->at[blocks] = node[order[j]].center - offset;
		p->weight[blocks] = w;
		size[blocks++] = 1;
		while (blocks > 1 && p->at[blocks - 2] > p->at[blocks - 1]) {
			const double sum = p->weight[blocks - 2] + p->weight[blocks - 1];

			p->at[blocks - 2] = (p->at[blocks - 2] * p->weight[blocks - 2] +
					     p->at[blocks - 1] * p->weight[blocks - 1]) /
					    sum;
			p->weight[blocks - 2] = sum;
			size[blocks - 2] += size[blocks - 1];
			blocks--;
		}
	}
	offset = 0;
	for (uint32_t b = 0; b < blocks; b++)
		for (uint32_t j = 0; j < size[b]; j++, i++) {
			if (i)
				offset += apart(&node[order[i - 1]], &node[order[i]]);
			node[order[i]].center = p->at[b] + offset;
		}
	free(size);
}

static void wish(struct placer *p, unsigned layer, const uint32_t *first, const uint32_t *next)
{
	struct sheet_node *node = p->s->node;

	for (uint32_t i = p->first[layer]; i < p->first[layer + 1]; i++) {
		const uint32_t v = p->order[i], many = first[v + 1] - first[v];
		double sum = 0;

		for (uint32_t j = first[v]; j < first[v + 1]; j++)
			sum += node[next[j]].center;
		if (many)
			node[v].center = sum / many;
	}
	settle(p, layer);
}

static void set_x(struct placer *p)
{
	struct sheet *s = p->s;
	double left = 0, right = 0;

	p->at = xcalloc(s->n, sizeof(double));
	p->weight = xcalloc(s->n, sizeof(double));
	for (unsigned layer = 0; layer < p->nlayers; layer++)
		settle(p, layer);
	for (int i = 0; i < SWEEPS; i++) {
		for (unsigned layer = 1; layer < p->nlayers; layer++)
			wish(p, layer, p->up_first, p->up);
		for (unsigned layer = p->nlayers - 1; layer-- > 0;)
			wish(p, layer, p->down_first, p->down);
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct sheet_node *n = &s->node[i];

		if (!i || n->center - n->w / 2 < left)
			left = n->center - n->w / 2;
		if (!i || n->center + n->w / 2 + n->right > right)
			right = n->center + n->w / 2 + n->right;
	}
	for (size_t i = 0; i < s->n; i++) {
		s->node[i].center += MARGIN - left;
		s->node[i].x = s->node[i].center - s->node[i].w / 2;
	}
	s->w = right - left + 2 * MARGIN;
}

static void set_y(struct placer *p)
{
	struct sheet *s = p->s;
	double y = MARGIN;

	for (unsigned layer = 0; layer < p->nlayers; layer++) {
		double tall = 0;

		for (uint32_t i = p->first[layer]; i < p->first[layer + 1]; i++)
			if (s->node[p->order[i]].h > tall)
				tall = s->node[p->order[i]].h;
		for (uint32_t i = p->first[layer]; i < p->first[layer + 1]; i++) {
			struct sheet_node *n = &s->node[p->order[i]];

			/* a bend is as tall as its layer: the edge goes straight through */
			if (n->kind == SHEET_BEND && n->h < tall)
				n->h = tall;
			n->y = y + (tall - n->h) / 2;
		}
		y += tall + GAP_Y;
	}
	s->h = y - GAP_Y + MARGIN;
}

/* ---- where edges meet nodes ---- */

struct port {
	double key;
	double *x;
	size_t edge;
};

static int by_port(const void *a, const void *b)
{
	const struct port *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->edge < y->edge ? -1 : 1;
}

static void spread(const struct sheet_node *n, struct port *port, size_t len)
{
	const double room = n->kind == SHEET_STATE ? n->w - 24 : 0;
	double step = len > 1 ? room / (double)(len - 1) : 0;

	step = step > 26 ? 26 : step;
	qsort(port, len, sizeof(*port), by_port);
	for (size_t i = 0; i < len; i++)
		*port[i].x = n->center + ((double)i - (double)(len - 1) / 2) * step;
}

/* Edges at one side of a node stand side by side, in the order of where they come from. */
static void set_ports(struct placer *p, bool below)
{
	struct sheet *s = p->s;
	CLEAN_FREE uint32_t *first = xcalloc(s->n + 2, sizeof(uint32_t));
	CLEAN_FREE struct port *port = xcalloc(s->nedges, sizeof(struct port));

	for (size_t i = 0; i < s->nedges; i++)
		if (!s->edge[i].self)
			first[(below ? s->edge[i].from : s->edge[i].to) + 2]++;
	for (size_t i = 2; i < s->n + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < s->nedges; i++) {
		struct sheet_edge *e = &s->edge[i];
		const size_t node = below ? e->from : e->to;
		const size_t other = e->nbends ? e->bend + (below ? 0 : e->nbends - 1) : below ? e->to : e->from;

		if (!e->self)
			port[first[node + 1]++] = (struct port){ s->node[other].center, below ? &e->x0 : &e->x1, i };
	}
	for (size_t i = 0; i < s->n; i++)
		spread(&s->node[i], port + first[i], first[i + 1] - first[i]);
}

static void placer_release(struct placer *p)
{
	free(p->seg);
	free(p->down_first);
	free(p->down);
	free(p->up_first);
	free(p->up);
	free(p->first);
	free(p->order);
	free(p->place);
	free(p->weight);
	free(p->at);
}

int sheet_place(struct sheet_maker *m, struct sheet *s)
{
	CLEANUP(placer_release) struct placer p = { .s = s };

	turn_cycles(s);
	set_layers(s);
	if (add_bends(m, &p))
		return -1;
	add_segments(&p);
	set_order(&p);
	set_x(&p);
	set_y(&p);
	set_ports(&p, true);
	set_ports(&p, false);
	return 0;
}
