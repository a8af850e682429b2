/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/engine_internal.h"

bool within_limit(const struct line *l, const json_t *v, const char *what, struct flow_fault *f)
{
	/* What came in has been looked at. */
	if (v == l->input || flow_value_size(v, FLOW_DATA_MAX) != SIZE_MAX)
		return true;
	flow_fault_set(
		f, "States.DataLimitExceeded",
		"The state/task '%s' returned a result with a size exceeding the maximum number of bytes service "
		"limit.",
		what ? what : l->state->name);
	return false;
}

int state_assign(struct flow_execution *x, struct line *l, const struct flow_template *assign, json_t *input,
		 json_t **out, struct flow_fault *f)
{
	struct line_data look;

	*out = NULL;
	if (!assign->json)
		return 0;
	line_look(&look, x, l, input);
	*out = flow_template_get(x->program, assign, &look.d, f);
	if (*out && !within_limit(l, *out, NULL, f)) {
		json_decref(*out);
		*out = NULL;
	}
	return *out ? 0 : -1;
}

/* ---- a line ends ---- */

static void line_done(struct flow_execution *x, struct line *l)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	struct line *up = l->up;
	bool map;

	if (!up) {
		x->output = json_incref(l->input);
		execution_end(x, FLOW_SUCCEEDED);
		return;
	}
	map = up->state->kind == FLOW_MAP;
	if (map)
		emit(x, l,
		     (struct flow_history){
			     .type = FLOW_H_ITERATION_SUCCEEDED, .state = up->state, .index = l->index });
	up->bytes += flow_value_size(l->input, FLOW_DATA_MAX) + 1;
	if (json_array_set_new(up->results, l->index, json_incref(l->input)) < 0)
		BUG("a JSON list could not be changed");
	up->over++;
	if (up->over == up->parts)
		up->last = l->last;
	line_free(x, l);
	if (up->bytes > FLOW_DATA_MAX) {
		/* All of the results would be more: what is still to come need not be waited for. */
		flow_fault_set(
			&f, "States.DataLimitExceeded",
			"The state/task '%s' returned a result with a size exceeding the maximum number of bytes "
			"service limit.",
			up->state->name);
		state_failed(x, up, &f);
	} else if (up->over == up->parts) {
		emit(x, up,
		     (struct flow_history){ .type = map ? FLOW_H_MAP_SUCCEEDED : FLOW_H_PARALLEL_SUCCEEDED,
					    .state = up->state });
		state_result(x, up, json_incref(up->results));
	} else {
		parts_more(x, up);
	}
}

static void line_failed(struct flow_execution *x, struct line *l, struct flow_fault *f)
{
	struct line *up = l->up;

	line_leave(x, l);
	if (!up) {
		flow_fault_copy(&x->fault, f->error, f->cause);
		execution_end(x, FLOW_FAILED);
		return;
	}
	if (up->state->kind == FLOW_MAP)
		emit(x, l,
		     (struct flow_history){
			     .type = FLOW_H_ITERATION_FAILED, .state = up->state, .fault = f, .index = l->index });
	up->last = l->last;
	line_free(x, l);
	state_failed(x, up, f);
}

/* ---- a state ends ---- */

/* @output and @assigned are taken over. */
static void state_exit(struct flow_execution *x, struct line *l, json_t *output, json_t *assigned,
		       const struct flow_state *next)
{
	emit(x, l, (struct flow_history){ .type = FLOW_H_STATE_EXITED, .state = l->state, .data = output });
	if (assigned) {
		if (!l->variables)
			l->variables = flow_value_must(json_object());
		if (json_object_update(l->variables, assigned) < 0)
			BUG("JSON objects could not be merged");
		json_decref(assigned);
	}
	line_leave(x, l);
	json_decref(l->input);
	l->input = output;
	free(l->used);
	l->used = NULL;
	if (!next) {
		line_done(x, l);
		return;
	}
	l->state = next;
	l->entered = false;
	l->phase = LINE_READY;
	line_queue(x, l);
}

void state_output(struct flow_execution *x, struct line *l, json_t *output, json_t *assigned,
		  const struct flow_state *next)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	struct line_data look;
	json_t *out;

	line_look(&look, x, l, output);
	out = flow_path_get(x->program, &l->state->output_path, &look.d, NULL, &f);
	json_decref(output);
	if (out && within_limit(l, out, NULL, &f)) {
		state_exit(x, l, out, assigned, next);
		return;
	}
	json_decref(out);
	json_decref(assigned);
	state_wrong(x, l, &f);
}

/* Where ResultPath puts @result; NULL with @f. */
static json_t *result_put(struct flow_execution *x, struct line *l, const struct flow_path *p, json_t *result,
			  struct flow_fault *f)
{
	CLEAN_BUF struct buf in = BUF_INIT;
	json_t *v;

	if (p->null)
		return json_incref(l->input);
	if (!p->text)
		return json_incref(result);
	v = jsonpath_put(x->program->path[p->id].path, l->input, result);
	if (v)
		return v;
	flow_value_excerpt(l->input, 2048, &in);
	flow_fault_set(f, "States.ResultPathMatchFailure", "Unable to apply ResultPath '%s' to the input '%s'", p->text,
		       in.ptr);
	return NULL;
}

void state_result(struct flow_execution *x, struct line *l, json_t *result)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	json_t *selected = json_incref(result), *assigned = NULL, *output = NULL;
	struct line_data look;

	if (l->state->result_selector.json) {
		line_look(&look, x, l, result);
		json_decref(selected);
		selected = flow_template_get(x->program, &l->state->result_selector, &look.d, &f);
	}
	json_decref(result);
	if (selected && within_limit(l, selected, NULL, &f) &&
	    state_assign(x, l, &l->state->assign, selected, &assigned, &f) == 0)
		output = result_put(x, l, &l->state->result_path, selected, &f);
	json_decref(selected);
	if (output && output != l->input && !within_limit(l, output, NULL, &f)) {
		json_decref(output);
		output = NULL;
	}
	if (output) {
		state_output(x, l, output, assigned, l->state->next);
		return;
	}
	json_decref(assigned);
	state_wrong(x, l, &f);
}

/* ---- errors ---- */

static bool is(const char *error, const char *name)
{
	return error && strcmp(error, name) == 0;
}

static bool matches(const struct flow_errors *e, const char *error, bool branch)
{
	/* What is wrong with the machine itself, or with the size of its data, is no error of a task. */
	bool terminal = is(error, "States.DataLimitExceeded");

	for (size_t i = 0; i < e->len; i++) {
		const char *name = e->name[i];

		if (is(error, name))
			return true;
		if (!strcmp(name, "States.ALL") && !terminal)
			return true;
		if (!strcmp(name, "States.TaskFailed") && !terminal && !is(error, "States.Timeout"))
			return true;
		if (!strcmp(name, "States.Timeout") && is(error, "States.HeartbeatTimeout"))
			return true;
		if (!strcmp(name, "States.BranchFailed") && branch && !terminal)
			return true;
	}
	return false;
}

/* x to the n by squaring: libm is not linked for it. */
static double power(double x, uint64_t n)
{
	double y = 1;

	for (; n; n >>= 1, x *= x)
		if (n & 1)
			y *= x;
	return y;
}

static int64_t retry_delay(struct flow_execution *x, const struct flow_retry *r, uint64_t used)
{
	double most = (double)(r->max_delay ? r->max_delay : FLOW_DELAY_MAX),
	       seconds = (double)r->interval * power(r->backoff, used);
	int64_t ms = (int64_t)((seconds < most ? seconds : most) * 1000);

	if (r->jitter == FLOW_JITTER_FULL)
		ms = (int64_t)flow_random_below(&x->random, (uint64_t)ms + 1);
	return ms;
}

static bool retried(struct flow_execution *x, struct line *l, const char *error, bool branch)
{
	const struct flow_state *s = l->state;

	for (size_t i = 0; i < s->nretry; i++) {
		const struct flow_retry *r = &s->retry[i];

		if (!matches(&r->errors, error, branch))
			continue;
		if (!l->used)
			l->used = xcalloc(s->nretry, sizeof(*l->used));
		if (l->used[i] >= r->max_attempts)
			return false;
		line_leave(x, l);
		l->phase = LINE_RETRYING;
		line_timer(x, l, x->now + retry_delay(x, r, l->used[i]++));
		l->retries++;
		return true;
	}
	return false;
}

static bool caught(struct flow_execution *x, struct line *l, const struct flow_fault *f, bool branch,
		   struct flow_fault *wrong)
{
	const struct flow_state *s = l->state;

	for (size_t i = 0; i < s->ncatch; i++) {
		const struct flow_catch *c = &s->catch[i];
		json_t *error, *output = NULL, *assigned = NULL;

		if (!matches(&c->errors, f->error, branch))
			continue;
		error = flow_fault_json(f);
		if (state_assign(x, l, &c->assign, error, &assigned, wrong) == 0)
			output = result_put(x, l, &c->result_path, error, wrong);
		json_decref(error);
		if (output && within_limit(l, output, NULL, wrong)) {
			state_exit(x, l, output, assigned, c->next);
			return true;
		}
		json_decref(output);
		json_decref(assigned);
		return false;
	}
	return false;
}

/* Those at work for a Parallel or a Map are told to stop. */
static void inside_abort(struct flow_execution *x, struct line *l, const struct flow_fault *f)
{
	bool map = l->state->kind == FLOW_MAP;

	while (l->down) {
		struct line *below = l->down;

		lines_abort(x, below, true);
		if (map)
			emit(x, below,
			     (struct flow_history){
				     .type = FLOW_H_ITERATION_ABORTED, .state = l->state, .index = below->index });
		line_free(x, below);
	}
	emit(x, l,
	     (struct flow_history){
		     .type = map ? FLOW_H_MAP_FAILED : FLOW_H_PARALLEL_FAILED, .state = l->state, .fault = f });
}

void state_failed(struct flow_execution *x, struct line *l, struct flow_fault *f)
{
	/* The caller's may be the line's own, which goes away. */
	struct flow_fault mine = *f;
	CLEAN_FAULT struct flow_fault wrong = FLOW_FAULT_INIT;
	bool branch = l->phase == LINE_INSIDE && l->state->kind == FLOW_PARALLEL;
	bool runtime = is(mine.error, "States.Runtime");
	/* An error that goes up through what is around it is still that of where it came from. */
	const struct flow_state *where = x->where ? x->where : l->state;

	*f = (struct flow_fault)FLOW_FAULT_INIT;
	if (l->phase == LINE_INSIDE)
		inside_abort(x, l, &mine);
	line_leave(x, l);
	x->where = NULL;
	if (runtime || (!retried(x, l, mine.error, branch) && !caught(x, l, &mine, branch, &wrong))) {
		x->where = where;
		line_failed(x, l, wrong.error ? &wrong : &mine);
	}
	flow_fault_release(&mine);
}

void state_wrong(struct flow_execution *x, struct line *l, struct flow_fault *f)
{
	if (!is(f->error, "States.DataLimitExceeded")) {
		char *cause = f->cause, *error = f->error;

		*f = (struct flow_fault)FLOW_FAULT_INIT;
		flow_fault_set(f, error,
			       "An error occurred while executing the state '%s' (entered at the event id #%" PRIu64
			       "). %s",
			       l->state->name, l->entered_id, cause);
		free(error);
		free(cause);
	}
	state_failed(x, l, f);
}
