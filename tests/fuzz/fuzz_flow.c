/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz definitions of state machines. What is refused is refused with its place, in clean UTF-8, and the first error is
 * the one that is returned; of what is accepted each name is resolved, each place known, and each state drawn.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "flow/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	if (!str_is_utf8(str_from(s)))
		BUG("a message that is not UTF-8");
}

static void check_problems(const struct flow_problems *found, const struct err *err)
{
	const struct flow_problem *first = NULL;
	unsigned line = 0, col = 0;

	for (size_t i = 0; i < found->len; i++) {
		const struct flow_problem *p = &found->ptr[i];
		struct err e;

		if (!p->line || !p->col)
			BUG("a problem without a place: %s", p->msg);
		if (err->code != ERR_NONE && (p->line < line || (p->line == line && p->col < col)) && first)
			BUG("out of order");
		line = p->line;
		col = p->col;
		flow_problem_err(p, "f", &e);
		check_text(e.msg);
		check_text(e.hint);
		if (!first && !p->warning)
			first = p;
	}
	if (found->len > FLOW_PROBLEMS_MAX || found->len > found->errors + found->warnings)
		BUG("%zu problems", found->len);
}

static void check_states(const struct flow_machine *m, const struct flow_states *in)
{
	if (!in->start || in->start->in != in || !in->len)
		BUG("no first state");
	for (size_t i = 0; i < in->len; i++) {
		const struct flow_state *s = in->state[i];
		struct flow_exit e;

		if (s->in != in || m->states[s->id] != s || !s->at.line)
			BUG("state %s is out of place", s->name);
		for (size_t j = 0; flow_state_exit(s, j, &e); j++)
			if (!e.to || e.to->in != in || !e.at.line)
				BUG("%s leads out of its machine", s->name);
		if (s->parameters.json && !flow_place(m, s->parameters.json).line)
			BUG("no place of the parameters of %s", s->name);
		if (s->kind == FLOW_MAP)
			check_states(m, s->as.map.processor);
		for (size_t j = 0; s->kind == FLOW_PARALLEL && j < s->as.parallel.nbranches; j++)
			check_states(m, s->as.parallel.branches[j]);
	}
}

/* Each state is in the drawing, and nothing in it that XML cannot hold. */
static void check_drawing(const struct flow_machine *m)
{
	CLEAN_BUF struct buf svg = BUF_INIT, mermaid = BUF_INIT;
	struct err err = ERR_INIT;
	size_t states = 0;

	flow_graph_mermaid(m, NULL, &mermaid);
	check_text(mermaid.ptr);
	if (flow_graph_svg(m, NULL, &svg, &err) < 0) {
		if (err.code != ERR_LIMIT)
			BUG("%s", err.msg);
		return;
	}
	for (const char *s = svg.ptr; (s = strstr(s, "<g class=\"state ")); s++)
		states++;
	if (states != m->nstates)
		BUG("%zu states are drawn of %zu", states, m->nstates);
	check_text(svg.ptr);
	for (size_t i = 0; i < svg.len; i++)
		if ((unsigned char)svg.ptr[i] < ' ' && svg.ptr[i] != '\n')
			BUG("a control character in the drawing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const functions[] = { "stock", "mail" };
	static const struct flow_known known = { functions, 2, "slsc.yaml" };
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct err err = ERR_INIT;
	const int r = flow_machine_parse(&m, "f", (const char *)data, size, size % 2 ? &known : NULL, &found, &err);

	if (r < 0) {
		check_text(err.msg);
		check_text(err.hint);
		if (err.msg[0] != 'f' || err.msg[1] != ':')
			BUG("no file in '%s'", err.msg);
	} else {
		if (found.errors)
			BUG("accepted with %zu errors", found.errors);
		check_states(&m, m.root);
		check_drawing(&m);
	}
	check_problems(&found, &err);
	return 0;
}
