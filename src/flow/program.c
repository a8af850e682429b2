/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/engine_internal.h"

static int compile_path(struct flow_program *pr, const struct flow_path *p, struct err *err)
{
	const char *why;
	size_t at;

	if (!p->text)
		return 0;
	if (flow_value_compile(&pr->arena, str_from(p->text), &pr->path[p->id], &why, &at) == 0)
		return 0;
	return err_at(err, ERR_CONFIG, pr->machine->file, p->at.line, p->at.col, "'%s': %s", p->text, why);
}

static int compile_template(struct flow_program *pr, const struct flow_template *t, struct err *err)
{
	const json_t *bad = NULL;
	const char *why;
	struct flow_at at;
	size_t byte;

	if (!t->json)
		return 0;
	pr->template[t->id] = template_compile(&pr->arena, t->json, &bad, &why, &byte);
	if (pr->template[t->id])
		return 0;
	at = flow_place(pr->machine, bad);
	return err_at(err, ERR_CONFIG, pr->machine->file, at.line, at.col, "'%s': %s", json_string_value(bad), why);
}

static int compile_rule(struct flow_program *pr, const struct flow_rule *r, struct err *err)
{
	for (size_t i = 0; i < r->nrules; i++)
		if (compile_rule(pr, &r->rules[i], err) < 0)
			return -1;
	return compile_path(pr, &r->variable, err) < 0 || compile_path(pr, &r->path, err) < 0 ||
			       compile_template(pr, &r->assign, err) < 0
		       ? -1
		       : 0;
}

static int compile_kind(struct flow_program *pr, const struct flow_state *s, struct err *err)
{
	switch (s->kind) {
	case FLOW_TASK:
		return compile_path(pr, &s->as.task.timeout.path, err) < 0 ||
				       compile_path(pr, &s->as.task.heartbeat.path, err) < 0
			       ? -1
			       : 0;
	case FLOW_CHOICE:
		for (size_t i = 0; i < s->as.choice.nrules; i++)
			if (compile_rule(pr, &s->as.choice.rules[i], err) < 0)
				return -1;
		return 0;
	case FLOW_WAIT:
		return compile_path(pr, &s->as.wait.seconds.path, err) < 0 ||
				       compile_path(pr, &s->as.wait.time_path, err) < 0
			       ? -1
			       : 0;
	case FLOW_MAP:
		return compile_path(pr, &s->as.map.items_path, err) < 0 ||
				       compile_path(pr, &s->as.map.max_concurrency.path, err) < 0
			       ? -1
			       : 0;
	case FLOW_FAIL:
		return compile_path(pr, &s->as.fail.error.path, err) < 0 ||
				       compile_path(pr, &s->as.fail.cause.path, err) < 0
			       ? -1
			       : 0;
	default:
		return 0;
	}
}

static int compile_state(struct flow_program *pr, const struct flow_state *s, struct err *err)
{
	if (compile_path(pr, &s->input_path, err) < 0 || compile_path(pr, &s->output_path, err) < 0 ||
	    compile_path(pr, &s->result_path, err) < 0 || compile_template(pr, &s->parameters, err) < 0 ||
	    compile_template(pr, &s->result_selector, err) < 0 || compile_template(pr, &s->assign, err) < 0)
		return -1;
	for (size_t i = 0; i < s->ncatch; i++)
		if (compile_path(pr, &s->catch[i].result_path, err) < 0 ||
		    compile_template(pr, &s->catch[i].assign, err) < 0)
			return -1;
	return compile_kind(pr, s, err);
}

struct flow_program *flow_program_new(const struct flow_machine *m, struct err *err)
{
	struct flow_program *pr = xcalloc(1, sizeof(*pr));

	pr->machine = m;
	pr->path = xcalloc(m->npaths + 1, sizeof(*pr->path));
	pr->template = xcalloc(m->ntemplates + 1, sizeof(*pr->template));
	for (size_t i = 0; i < m->nstates; i++) {
		if (compile_state(pr, m->states[i], err) < 0) {
			flow_program_free(pr);
			return NULL;
		}
	}
	return pr;
}

void flow_program_free(struct flow_program *pr)
{
	if (!pr)
		return;
	arena_release(&pr->arena);
	free(pr->path);
	free(pr->template);
	free(pr);
}

const struct flow_machine *flow_program_machine(const struct flow_program *pr)
{
	return pr->machine;
}

json_t *flow_path_get(const struct flow_program *pr, const struct flow_path *p, const struct flow_data *d, bool *absent,
		      struct flow_fault *f)
{
	const struct flow_value *v;

	if (p->null)
		return flow_value_must(json_object());
	if (!p->text)
		return json_incref(d->input);
	v = &pr->path[p->id];
	return v->path ? jsonpath_get(v->path, d, absent, f) : intrinsic_call(v->call, d, f);
}

json_t *flow_template_get(const struct flow_program *pr, const struct flow_template *t, const struct flow_data *d,
			  struct flow_fault *f)
{
	return t->json ? template_fill(pr->template[t->id], d, f) : json_incref(d->input);
}
