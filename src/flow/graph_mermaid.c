/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "flow/graph.h"

/*
 * A Mermaid flowchart: it has ids of its own, and text in quotes. Mermaid's state diagrams cannot name a state as one
 * likes.
 */

struct mermaid {
	const struct flow_trace *t;
	struct buf *out;
	size_t edges;	 /* so far: linkStyle names them by number */
	struct buf took; /* those that were taken: "0,3" */
};

/* Text in double quotes: what has a meaning there is written as Mermaid's entities, no line is broken or turned. */
static void add_text(struct buf *b, const char *s, size_t most)
{
	size_t n = 0;

	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;
		const size_t control = str_controlz(s);

		if ((c & 0xc0) != 0x80 && n++ == most) {
			buf_addz(b, "\xe2\x80\xa6");
			return;
		}
		if (control) {
			buf_addc(b, ' ');
			s += control - 1;
		} else if (strchr("\"#<>&`\\|;{}[]()", c)) {
			buf_addf(b, "#%d;", c);
		} else {
			buf_addc(b, (char)c);
		}
	}
}

static void indent(struct mermaid *m, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_addz(m->out, "  ");
}

static void add_label(struct mermaid *m, const struct flow_state *s)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addz(m->out, "\"");
	add_text(m->out, s->name, 80);
	flow_state_text(s, &text);
	buf_addz(m->out, "<br/>");
	add_text(m->out, text.ptr, 60);
	buf_reset(&text);
	if (m->t)
		flow_ran_text(m->t, s, &text);
	if (text.len) {
		buf_addz(m->out, "<br/>");
		add_text(m->out, text.ptr, 60);
	}
	buf_addz(m->out, "\"");
}

static void add_states(struct mermaid *m, const struct flow_states *in, unsigned depth);

static void add_branch(struct mermaid *m, const struct flow_states *in, const struct flow_state *s, size_t i,
		       unsigned depth)
{
	indent(m, depth);
	buf_addf(m->out, "subgraph s%ub%zu[\"", s->id, i);
	if (s->kind == FLOW_MAP)
		buf_addz(m->out, "each item");
	else
		buf_addf(m->out, "branch %zu", i + 1);
	buf_addz(m->out, "\"]\n");
	add_states(m, in, depth + 1);
	indent(m, depth);
	buf_addz(m->out, "end\n");
}

static void add_state(struct mermaid *m, const struct flow_state *s, unsigned depth)
{
	static const char *const open[FLOW_KINDS] = { "[", "[", "{{", "([", "[", "[", "([", "([" };
	static const char *const close[FLOW_KINDS] = { "]", "]", "}}", "])", "]", "]", "])", "])" };
	static const char *const ran[] = { "", "done", "failed", "stopped" };
	const bool inside = s->kind == FLOW_PARALLEL || s->kind == FLOW_MAP;

	indent(m, depth);
	buf_addf(m->out, inside ? "subgraph s%u[" : "s%u%s", s->id, open[s->kind]);
	add_label(m, s);
	buf_addz(m->out, inside ? "]" : close[s->kind]);
	if (!inside && m->t && flow_state_ran(m->t, s) != FLOW_RAN_NOT)
		buf_addf(m->out, ":::%s", ran[flow_state_ran(m->t, s)]);
	buf_addc(m->out, '\n');
	if (!inside)
		return;
	for (size_t i = 0; s->kind == FLOW_PARALLEL && i < s->as.parallel.nbranches; i++)
		add_branch(m, s->as.parallel.branches[i], s, i, depth + 1);
	if (s->kind == FLOW_MAP)
		add_branch(m, s->as.map.processor, s, 0, depth + 1);
	indent(m, depth);
	buf_addz(m->out, "end\n");
	if (m->t && flow_state_ran(m->t, s) != FLOW_RAN_NOT) {
		indent(m, depth);
		buf_addf(m->out, "class s%u %s\n", s->id, ran[flow_state_ran(m->t, s)]);
	}
}

static void took(struct mermaid *m, uint64_t times)
{
	if (times)
		buf_addf(&m->took, "%s%zu", m->took.len ? "," : "", m->edges);
	m->edges++;
}

static void add_exit(struct mermaid *m, const struct flow_state *s, const struct flow_exit *e)
{
	const struct flow_trace_way *way = flow_trace_way(m->t, s, e->to);
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addf(m->out, "s%u %s", s->id, e->kind == FLOW_EXIT_CATCH ? "-.->" : "-->");
	if (e->kind == FLOW_EXIT_RULE) {
		flow_rule_text(&s->as.choice.rules[e->index], &text);
	} else if (e->kind == FLOW_EXIT_DEFAULT) {
		buf_addz(&text, "otherwise");
	} else if (e->kind == FLOW_EXIT_CATCH) {
		const struct flow_errors *errors = &s->catch[e->index].errors;

		for (size_t i = 0; i < errors->len && text.len < 200; i++)
			buf_addf(&text, "%s%s", i ? ", " : "catch ", errors->name[i]);
	}
	if (text.len) {
		buf_addz(m->out, "|\"");
		add_text(m->out, text.ptr, 60);
		buf_addz(m->out, "\"|");
	}
	buf_addf(m->out, " s%u\n", e->to->id);
	took(m, !way ? 0 : e->kind == FLOW_EXIT_CATCH ? way->caught : way->times - way->caught);
}

static void add_states(struct mermaid *m, const struct flow_states *in, unsigned depth)
{
	struct flow_exit e;
	bool ends = false;

	/* the machine and each branch have their own beginning, called after the state that it leads to */
	indent(m, depth);
	buf_addf(m->out, "b%u(( )) --> s%u\n", in->start->id, in->start->id);
	took(m, flow_trace_times(m->t, NULL, in->start));
	for (size_t i = 0; i < in->len; i++)
		add_state(m, in->state[i], depth);
	for (size_t i = 0; i < in->len; i++) {
		const struct flow_state *s = in->state[i];

		for (size_t j = 0; flow_state_exit(s, j, &e); j++) {
			indent(m, depth);
			add_exit(m, s, &e);
		}
		if (!s->end && s->kind != FLOW_SUCCEED)
			continue;
		indent(m, depth);
		buf_addf(m->out, "s%u --> e%u%s\n", s->id, in->start->id, ends ? "" : "((( )))");
		took(m, m->t ? m->t->state[s->id].exited : 0);
		ends = true;
	}
}

void flow_graph_mermaid(const struct flow_machine *m, const struct flow_trace *t, struct buf *out)
{
	struct mermaid w = { .t = t, .out = out };

	buf_init(&w.took);
	buf_addz(out, "flowchart TD\n");
	add_states(&w, m->root, 1);
	if (t) {
		buf_addz(out, "  classDef done stroke:#1a7f37,stroke-width:2.5px\n"
			      "  classDef failed stroke:#b3261e,stroke-width:2.5px\n"
			      "  classDef stopped stroke:#855000,stroke-width:2.5px\n");
		if (w.took.len)
			buf_addf(out, "  linkStyle %s stroke:#1a7f37,stroke-width:2.5px\n", w.took.ptr);
	}
	buf_release(&w.took);
}
