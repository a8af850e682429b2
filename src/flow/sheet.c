/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/sheet.h"

#include <string.h>

#include "base/mem.h"

/* What is in a sheet: nodes with their text and size, edges with their labels. */

#define LINE	  17.0 /* from one line of text to the next */
#define PAD	  16.0 /* between a node's edge and its text */
#define LEAST	  88.0 /* how wide a node is at least */
#define DOT	  18.0 /* where a machine begins and ends */
#define SELF	  34.0 /* beside a node, for a way back to itself */
#define LABEL_MAX 40u  /* characters of a label */

/* ---- text ---- */

/* The character at *@s, which is valid UTF-8. */
static unsigned next_char(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	const unsigned len = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	unsigned c = len == 1 ? *p : *p & (0x7fu >> len);

	for (unsigned i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*s += len;
	return c;
}

double text_width(const char *s)
{
	double w = 0;

	while (*s) {
		const unsigned c = next_char(&s);

		if (c >= 0x1100)
			w += 14;
		else if (c < 0x80 && strchr("iljI.,:;'|!()[]{} ft", (int)c))
			w += 5;
		else if (c < 0x80 && strchr("mwMW@%", (int)c))
			w += 12.5;
		else
			w += c >= 'A' && c <= 'Z' ? 9.5 : 8.4;
	}
	return w;
}

static size_t chars_of(const char *s)
{
	size_t n = 0;

	while (*s) {
		next_char(&s);
		n++;
	}
	return n;
}

/* @most characters of @s, an ellipsis included; what a line cannot show becomes a blank. */
static char *cut(struct arena *a, const char *s, size_t most)
{
	const bool fits = chars_of(s) <= most;
	const char *end = s;
	char *out;

	for (size_t i = 0; *end && (fits || i < most - 1); i++)
		next_char(&end);
	out = arena_printf(a, "%.*s%s", (int)(end - s), s, fits ? "" : "\xe2\x80\xa6");
	for (char *c = out; *c; c++)
		memset(c, ' ', str_controlz(c));
	return out;
}

/* A name in two lines, broken at a blank if there is one. */
static void wrap(struct arena *a, const char *s, char *line[2])
{
	const char *at = s, *blank = NULL;

	if (chars_of(s) <= SHEET_CHARS) {
		line[0] = cut(a, s, SHEET_CHARS);
		return;
	}
	for (size_t i = 0; i < SHEET_CHARS; i++) {
		if (*at == ' ' && i > SHEET_CHARS / 3)
			blank = at;
		next_char(&at);
	}
	at = blank ? blank : at;
	line[0] = cut(a, arena_str(a, (struct str){ s, (size_t)(at - s) }), SHEET_CHARS);
	line[1] = cut(a, at + (blank != NULL), SHEET_CHARS);
}

static double widest(const struct sheet_node *n)
{
	double w = 0;
	const double lines[] = {
		n->name[0] ? text_width(n->name[0]) * 1.1 : 0, /* it is bold */
		n->name[1] ? text_width(n->name[1]) * 1.1 : 0,
		n->what ? text_width(n->what) * 0.9 : 0, /* these are smaller */
		n->ran ? text_width(n->ran) * 0.9 : 0,
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		w = lines[i] > w ? lines[i] : w;
	return w;
}

/* ---- nodes ---- */

static int make_inner(struct sheet_maker *m, struct sheet_node *n)
{
	const struct flow_state *s = n->state;
	const struct flow_states *const *of = s->as.parallel.branches;
	double x = PAD, tallest = 0;

	n->ninner = s->kind == FLOW_PARALLEL ? s->as.parallel.nbranches : s->kind == FLOW_MAP ? 1 : 0;
	if (!n->ninner)
		return 0;
	if (s->kind == FLOW_MAP)
		of = &s->as.map.processor;
	n->inner = arena_alloc(m->a, n->ninner * sizeof(struct sheet *));
	for (size_t i = 0; i < n->ninner; i++) {
		struct sheet *in = sheet_make(m, of[i]);

		if (!in)
			return -1;
		n->inner[i] = in;
		in->x = x;
		in->y = n->head;
		x += in->w + PAD;
		tallest = in->h > tallest ? in->h : tallest;
	}
	/* a sheet that is less wide than the text above it stands in the middle */
	if (x < n->w) {
		for (size_t i = 0; i < n->ninner; i++)
			n->inner[i]->x += (n->w - x) / 2;
		x = n->w;
	}
	n->w = x;
	n->h = n->head + tallest + PAD;
	return 0;
}

static int make_state(struct sheet_maker *m, struct sheet_node *n)
{
	CLEAN_BUF struct buf what = BUF_INIT, ran = BUF_INIT;

	wrap(m->a, *n->state->name ? n->state->name : " ", n->name);
	flow_state_text(n->state, &what);
	n->what = cut(m->a, what.ptr, SHEET_CHARS + 4);
	if (m->t)
		flow_ran_text(m->t, n->state, &ran);
	if (ran.len)
		n->ran = cut(m->a, ran.ptr, SHEET_CHARS + 4);
	n->w = widest(n) + 2 * PAD + (n->state->kind == FLOW_CHOICE ? PAD : 0);
	n->w = n->w < LEAST ? LEAST : n->w;
	n->head = n->h = LINE * (2 + (n->name[1] != NULL) + (n->ran != NULL)) + PAD;
	return make_inner(m, n);
}

/* ---- edges ---- */

static void add_label(struct buf *b, const struct flow_state *s, const struct flow_exit *e)
{
	buf_addz(b, b->len ? " / " : "");
	if (e->kind == FLOW_EXIT_RULE) {
		flow_rule_text(&s->as.choice.rules[e->index], b);
	} else if (e->kind == FLOW_EXIT_DEFAULT) {
		buf_addz(b, "otherwise");
	} else {
		const struct flow_errors *errors = &s->catch[e->index].errors;

		for (size_t i = 0; i < errors->len; i++)
			buf_addf(b, "%s%s", i ? ", " : "catch ", errors->name[i]);
	}
}

struct ends {
	uint32_t *place; /* of states, by their ids less base */
	unsigned base;
};

static struct sheet_edge *find_edge(struct sheet *s, size_t first, size_t from, size_t to)
{
	for (size_t i = first; i < s->nedges; i++)
		if (s->edge[i].to == to)
			return &s->edge[i];
	s->edge[s->nedges] = (struct sheet_edge){ .from = from, .to = to, .self = from == to, .caught = true };
	return &s->edge[s->nedges++];
}

/* The ways out of a state: those to one state are one edge. */
static void add_edges(struct sheet_maker *m, struct sheet *s, size_t from, const struct ends *ends)
{
	const struct flow_state *of = s->node[from].state;
	const size_t first = s->nedges;
	struct flow_exit e;

	for (size_t i = 0; flow_state_exit(of, i, &e); i++) {
		CLEAN_BUF struct buf label = BUF_INIT;
		struct sheet_edge *edge = find_edge(s, first, from, ends->place[e.to->id - ends->base]);

		if (e.kind == FLOW_EXIT_CATCH && !edge->caught && !edge->title)
			edge->title = arena_strdup(m->a, "next");
		edge->caught &= e.kind == FLOW_EXIT_CATCH;
		edge->times = flow_trace_times(m->t, of, e.to);
		if (edge->title)
			buf_addz(&label, edge->title);
		/* of a thousand rules nobody reads more than the first few */
		if (e.kind == FLOW_EXIT_NEXT || label.len > 1000)
			continue;
		add_label(&label, of, &e);
		edge->title = arena_str(m->a, buf_str(&label));
	}
	for (size_t i = first; i < s->nedges; i++) {
		struct sheet_edge *edge = &s->edge[i];
		struct sheet_node *n = &s->node[from];

		if (edge->title)
			edge->label = cut(m->a, edge->title, edge->self ? LABEL_MAX / 2 : LABEL_MAX);
		if (edge->self)
			n->right = SELF + (edge->label ? text_width(edge->label) * 0.9 : 0);
	}
}

static bool goes_to_end(const struct flow_state *s)
{
	return s->end || s->kind == FLOW_SUCCEED;
}

struct sheet *sheet_make(struct sheet_maker *m, const struct flow_states *of)
{
	const unsigned base = of->state[0]->id, span = of->state[of->len - 1]->id - base + 1;
	struct ends ends = { arena_alloc(m->a, span * sizeof(uint32_t)), base };
	struct sheet *s = arena_new(m->a, struct sheet);
	struct flow_exit e;
	size_t nedges = 1, end = 0;

	s->of = of;
	s->node = arena_alloc(m->a, (of->len + 2) * sizeof(struct sheet_node));
	s->node[s->n++] = (struct sheet_node){ .kind = SHEET_START, .w = DOT, .h = DOT };
	for (size_t i = 0; i < of->len; i++) {
		struct sheet_node *n = &s->node[s->n];

		n->state = of->state[i];
		ends.place[n->state->id - base] = (uint32_t)s->n++;
		if (make_state(m, n))
			return NULL;
		if (goes_to_end(n->state))
			end = of->len + 1;
		nedges += goes_to_end(n->state);
		for (size_t j = 0; flow_state_exit(n->state, j, &e); j++)
			nedges++;
	}
	if (end)
		s->node[s->n++] = (struct sheet_node){ .kind = SHEET_END, .w = DOT, .h = DOT };
	s->edge = arena_alloc(m->a, nedges * sizeof(struct sheet_edge));
	s->edge[s->nedges++] = (struct sheet_edge){ .from = 0,
						    .to = ends.place[of->start->id - base],
						    .times = flow_trace_times(m->t, NULL, of->start) };
	for (size_t i = 1; i <= of->len; i++) {
		add_edges(m, s, i, &ends);
		if (goes_to_end(s->node[i].state))
			s->edge[s->nedges++] = (struct sheet_edge){
				.from = i, .to = end, .times = m->t ? m->t->state[s->node[i].state->id].exited : 0
			};
	}
	return sheet_place(m, s) ? NULL : s;
}
