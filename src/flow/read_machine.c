/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

/* The states of one machine, branch or processor. */

static void check_name(struct reader *r, const struct trail *t, const char *name, struct flow_at at)
{
	const struct flow_state *other = map_get(&r->names, name);
	size_t chars = 0;

	for (const char *c = name; *c; c++)
		chars += ((unsigned char)*c & 0xc0) != 0x80;
	if (!chars)
		problem(r, t, at, "a state has to have a name");
	if (chars > FLOW_NAME_MAX)
		problem(r, t, at, "a state's name has at most %u characters, not %zu", FLOW_NAME_MAX, chars);
	if (!other)
		return;
	problem(r, t, at, "there is another state '%.100s', at %u:%u", name, other->at.line, other->at.col);
	hint(r, "names are unique in a machine with all its branches");
}

/* All names first: a state may lead to one that comes later. */
static struct flow_state **name_states(struct reader *r, const struct trail *t, const struct doc_node *o,
				       struct scope *in)
{
	struct flow_state **s = arena_alloc(r->a, (o->len + 1) * sizeof(struct flow_state *));

	for (size_t i = 0; i < o->len; i++) {
		s[i] = arena_new(r->a, struct flow_state);
		s[i]->name = o->keys[i];
		s[i]->at = o->key_at[i];
		s[i]->in = in->of;
		s[i]->path = trail_text(r, AT_STATE(t, o->keys[i]));
		check_name(r, AT_STATE(t, o->keys[i]), o->keys[i], o->key_at[i]);
		map_put(&in->states, s[i]->name, s[i]);
		if (!map_has(&r->names, s[i]->name))
			map_put(&r->names, s[i]->name, s[i]);
	}
	return s;
}

static void hint_state(struct reader *r, const struct scope *in, const struct link *l)
{
	const struct flow_state *elsewhere = map_get(&r->names, l->name);
	const char **names;

	if (elsewhere) {
		hint(r, "the one at %u:%u is in another machine: a state leads to its neighbours only",
		     elsewhere->at.line, elsewhere->at.col);
		return;
	}
	if (r->found->full)
		return;
	names = calloc(in->states.len + 1, sizeof(char *));
	if (!names)
		abort();
	for (size_t i = 0; i < in->states.len; i++)
		names[i] = in->states.ptr[i].key;
	hint_near(r, l->name, names, "there are");
	free(names);
}

static void resolve(struct reader *r, struct scope *in)
{
	VEC_EACH(&in->links, l) {
		*l->to = map_get(&in->states, l->name);
		if (*l->to)
			continue;
		in->broken = true;
		flow_problems_add(r->found, false, l->at.line, l->at.col, l->path, "there is no state '%.100s' here",
				  l->name);
		hint_state(r, in, l);
	}
}

struct flow_states *read_states(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *up,
				const struct flow_state *of, size_t index)
{
	struct flow_states *s = arena_new(r->a, struct flow_states);
	struct scope *in = arena_new(r->a, struct scope);
	const struct trail *ts = AT_FIELD(t, "States");
	const struct doc_node *states = doc_get(o, "States", NULL);
	struct flow_state **state;
	const size_t nth = r->scopes.len;

	VEC_PUSH(&r->scopes, in);
	*s = (struct flow_states){ .up = of, .index = index, .at = o->at };
	in->of = s;
	in->up = up;
	field_string(r, t, o, "Comment", &s->comment, NULL);
	if (!doc_get(o, "StartAt", NULL)) {
		problem(r, t, o->at, "'StartAt' is missing");
		hint(r, "it names the first of the states");
		in->broken = true;
	}
	field_next(r, t, o, "StartAt", in, &s->start, &s->start_at);
	if (!states) {
		problem(r, t, o->at, "'States' is missing");
		in->broken = true;
		return s;
	}
	if (!is_object(r, ts, states)) {
		in->broken = true;
		return s;
	}
	if (!states->len) {
		problem(r, ts, states->at, "there has to be a state at least");
		in->broken = true;
		return s;
	}
	state = name_states(r, ts, states, in);
	s->state = (const struct flow_state *const *)state;
	s->len = states->len;
	for (size_t i = 0; i < states->len; i++) {
		state[i]->id = (unsigned)r->states.len;
		VEC_PUSH(&r->states, state[i]);
		read_state(r, AT_STATE(ts, state[i]->name), states->items[i], in, state[i]);
	}
	resolve(r, r->scopes.ptr[nth]);
	return s;
}
