/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "flow/engine_internal.h"

static json_t *input_of(struct flow_execution *x, struct line *l, struct flow_fault *f)
{
	struct line_data look;

	line_look(&look, x, l, l->input);
	return flow_path_get(x->program, &l->state->input_path, &look.d, NULL, f);
}

/* InputPath, then Parameters. */
static json_t *effective_input(struct flow_execution *x, struct line *l, struct flow_fault *f)
{
	json_t *in = input_of(x, l, f), *v;
	struct line_data look;

	if (!in || !l->state->parameters.json)
		return in;
	line_look(&look, x, l, in);
	v = flow_template_get(x->program, &l->state->parameters, &look.d, f);
	json_decref(in);
	if (v && !within_limit(l, v, NULL, f)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

/* A whole number from its path, or the one that is written; *@out stays if there is neither. */
static int number_of(struct flow_execution *x, struct line *l, const struct flow_number *n, const char *field,
		     json_t *input, uint64_t least, uint64_t most, uint64_t *out, struct flow_fault *f)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct line_data look;
	json_t *v;

	if (n->set)
		*out = n->value;
	if (!n->path.text)
		return 0;
	line_look(&look, x, l, input);
	v = flow_path_get(x->program, &n->path, &look.d, NULL, f);
	if (!v)
		return -1;
	if (json_is_integer(v) && json_integer_value(v) >= (json_int_t)least &&
	    json_integer_value(v) <= (json_int_t)most) {
		*out = (uint64_t)json_integer_value(v);
		json_decref(v);
		return 0;
	}
	flow_value_excerpt(v, 256, &text);
	json_decref(v);
	return flow_fault_set(f, "States.Runtime",
			      "The %s parameter does not reference an integer value from %" PRIu64 " to %" PRIu64
			      ": %s == %s",
			      field, least, most, n->path.text, text.ptr);
}

/* ---- Task ---- */

void state_invoke(struct flow_execution *x, struct line *l, bool again)
{
	struct flow_invoke call = { .task = l->task,
				    .state = l->state,
				    .function = l->function,
				    .qualifier = l->qualifier,
				    .payload = l->payload,
				    .attempt = l->retries,
				    .again = again,
				    .asynchronous = l->asynchronous };

	l->timeout_at = l->timeout ? x->now + l->timeout : FLOW_NEVER;
	l->heartbeat_at = l->heartbeat ? x->now + l->heartbeat : FLOW_NEVER;
	line_timer(x, l, l->heartbeat_at < l->timeout_at ? l->heartbeat_at : l->timeout_at);
	call.deadline = l->timeout_at < x->deadline ? l->timeout_at : x->deadline;
	x->sink->invoke(x->sink->arg, &call);
}

/* What lambda:invoke says in its Parameters: which function, and with what. */
static int invoke_parameters(struct line *l, json_t *effective, struct flow_fault *f)
{
	const json_t *function = json_object_get(effective, "FunctionName"),
		     *qualifier = json_object_get(effective, "Qualifier"),
		     *type = json_object_get(effective, "InvocationType");
	json_t *payload = json_object_get(effective, "Payload");
	char name[65], version[130];

	if (!json_is_string(function))
		return flow_fault_set(f, "States.Runtime", "The parameter FunctionName is no string");
	if (flow_function_name(json_string_value(function), name, version) < 0)
		return flow_fault_set(f, "States.Runtime",
				      "The parameter FunctionName is no function's name or ARN: '%s'",
				      json_string_value(function));
	if (qualifier && !json_is_string(qualifier))
		return flow_fault_set(f, "States.Runtime", "The parameter Qualifier is no string");
	if (type && strcmp(json_is_string(type) ? json_string_value(type) : "", "RequestResponse") != 0) {
		if (!json_is_string(type) || strcmp(json_string_value(type), "Event") != 0)
			return flow_fault_set(f, "States.Runtime",
					      "The parameter InvocationType is neither RequestResponse nor Event");
		l->asynchronous = true;
	}
	l->function = xstrdup(name);
	if (qualifier)
		l->qualifier = xstrdup(json_string_value(qualifier));
	else if (version[0])
		l->qualifier = xstrdup(version);
	l->payload = payload ? json_incref(payload) : flow_value_must(json_object());
	return 0;
}

static int task_begin(struct flow_execution *x, struct line *l, json_t *effective, struct flow_fault *f)
{
	const struct flow_task *t = &l->state->as.task;
	uint64_t timeout = 0, heartbeat = 0;

	if (l->state->unsupported)
		return flow_fault_set(f, "States.Runtime", "The state is not run here: %s", l->state->unsupported);
	if (number_of(x, l, &t->timeout, "TimeoutSecondsPath", l->input, 1, FLOW_SECONDS_MAX, &timeout, f) < 0 ||
	    number_of(x, l, &t->heartbeat, "HeartbeatSecondsPath", l->input, 1, FLOW_SECONDS_MAX, &heartbeat, f) < 0)
		return -1;
	l->asynchronous = false;
	if (t->resource == FLOW_INVOKE) {
		if (invoke_parameters(l, effective, f) < 0)
			return -1;
	} else {
		l->function = xstrdup(t->function);
		l->qualifier = t->qualifier ? xstrdup(t->qualifier) : NULL;
		l->payload = json_incref(effective);
	}
	l->timeout = (int64_t)timeout * 1000;
	l->heartbeat = (int64_t)heartbeat * 1000;
	l->phase = LINE_TASK;
	task_new(x, l);
	emit(x, l,
	     (struct flow_history){ .type = FLOW_H_SCHEDULED,
				    .state = l->state,
				    .data = effective,
				    .resource = t->text,
				    .timeout = timeout,
				    .heartbeat = heartbeat,
				    .attempt = l->retries });
	emit(x, l, (struct flow_history){ .type = FLOW_H_STARTED, .state = l->state });
	state_invoke(x, l, false);
	return 0;
}

/* ---- Wait ---- */

static int wait_until(struct flow_execution *x, struct line *l, json_t *in, int64_t *due, struct flow_fault *f)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct flow_time t = l->state->as.wait.time;
	uint64_t seconds = 0;
	struct line_data look;
	json_t *v;

	if (l->state->as.wait.time_path.text) {
		line_look(&look, x, l, in);
		v = flow_path_get(x->program, &l->state->as.wait.time_path, &look.d, NULL, f);
		if (!v)
			return -1;
		if (!json_is_string(v) || flow_time_parse(json_string_value(v), json_string_length(v), &t) < 0) {
			flow_value_excerpt(v, 256, &text);
			json_decref(v);
			return flow_fault_set(
				f, "States.Runtime",
				"The TimestampPath parameter does not reference a valid ISO-8601 extended "
				"offset date-time format string: %s == %s",
				l->state->as.wait.time_path.text, text.ptr);
		}
		json_decref(v);
	} else if (!l->state->as.wait.has_time) {
		if (number_of(x, l, &l->state->as.wait.seconds, "SecondsPath", in, 0, FLOW_SECONDS_MAX, &seconds, f) <
		    0)
			return -1;
		*due = l->entered_at + (int64_t)seconds * 1000;
		return 0;
	}
	*due = t.sec * 1000 + (int64_t)((t.nsec + 999999) / 1000000);
	return 0;
}

static int wait_begin(struct flow_execution *x, struct line *l, json_t *in, struct flow_fault *f)
{
	json_t *assigned;
	int64_t due = 0;

	if (wait_until(x, l, in, &due, f) < 0 || state_assign(x, l, &l->state->assign, in, &assigned, f) < 0)
		return -1;
	if (due <= x->now) {
		state_output(x, l, json_incref(in), assigned, l->state->next);
		return 0;
	}
	l->effective = json_incref(in);
	l->assigned = assigned;
	l->phase = LINE_WAITING;
	line_timer(x, l, due);
	return 0;
}

/* ---- Choice, Fail ---- */

static int choice_begin(struct flow_execution *x, struct line *l, json_t *in, struct flow_fault *f)
{
	const struct flow_rule *rule;
	const struct flow_state *next = l->state->as.choice.otherwise;
	struct line_data look;
	json_t *assigned;

	line_look(&look, x, l, in);
	if (flow_choice_pick(x->program, l->state, &look.d, &rule, f) < 0)
		return -1;
	if (rule)
		next = rule->next;
	if (!next)
		return flow_fault_set(f, "States.NoChoiceMatched", "No choice rule holds, and there is no Default");
	if (state_assign(x, l, rule ? &rule->assign : &l->state->assign, in, &assigned, f) < 0)
		return -1;
	state_output(x, l, json_incref(in), assigned, next);
	return 0;
}

static int text_of(struct flow_execution *x, struct line *l, const struct flow_text *t, const char *field, json_t *in,
		   char **out, struct flow_fault *f)
{
	struct line_data look;
	json_t *v;

	*out = t->value ? xstrdup(t->value) : NULL;
	if (!t->path.text)
		return 0;
	line_look(&look, x, l, in);
	v = flow_path_get(x->program, &t->path, &look.d, NULL, f);
	if (!v)
		return -1;
	if (!json_is_string(v)) {
		json_decref(v);
		return flow_fault_set(f, "States.Runtime", "The %s parameter does not reference a string: %s", field,
				      t->path.text);
	}
	*out = xstrdup(json_string_value(v));
	json_decref(v);
	return 0;
}

static int fail_begin(struct flow_execution *x, struct line *l, json_t *in, struct flow_fault *f)
{
	CLEAN_FREE char *error = NULL, *cause = NULL;
	CLEAN_FAULT struct flow_fault said = FLOW_FAULT_INIT;

	if (text_of(x, l, &l->state->as.fail.error, "ErrorPath", in, &error, f) < 0 ||
	    text_of(x, l, &l->state->as.fail.cause, "CausePath", in, &cause, f) < 0)
		return -1;
	flow_fault_copy(&said, error, cause);
	state_failed(x, l, &said);
	return 0;
}

/* ---- Parallel, Map ---- */

static void parts_init(struct line *l, size_t parts, size_t limit)
{
	l->phase = LINE_INSIDE;
	l->parts = parts;
	l->limit = limit;
	l->results = flow_value_must(json_array());
	for (size_t i = 0; i < parts; i++)
		flow_value_push(l->results, json_null());
}

static void parallel_begin(struct flow_execution *x, struct line *l, json_t *effective)
{
	parts_init(l, l->state->as.parallel.nbranches, SIZE_MAX);
	l->effective = json_incref(effective);
	emit(x, l, (struct flow_history){ .type = FLOW_H_PARALLEL_STARTED, .state = l->state });
	parts_more(x, l);
}

static json_t *item_input(struct flow_execution *x, struct line *l, size_t index, json_t *item, struct flow_fault *f)
{
	struct line_data look;
	json_t *v;

	if (!l->state->parameters.json)
		return json_incref(item);
	line_context_changed(l);
	line_look(&look, x, l, l->effective);
	look.item = item;
	look.index = index;
	v = flow_template_get(x->program, &l->state->parameters, &look.d, f);
	line_context_changed(l);
	if (v && !within_limit(l, v, NULL, f)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

static void iteration_new(struct flow_execution *x, struct line *l, json_t *item, json_t *input)
{
	struct line *below = line_new(x, l, l->begun, l->state->as.map.processor->start, input);

	below->item = json_incref(item);
	below->last = l->last;
	emit(x, below, (struct flow_history){ .type = FLOW_H_ITERATION_STARTED, .state = l->state, .index = l->begun });
}

void parts_more(struct flow_execution *x, struct line *l)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;

	for (; l->begun < l->parts && l->begun - l->over < l->limit; l->begun++) {
		json_t *item = json_array_get(l->items, l->begun), *input;

		/* One has to be under way: it is who begins the next. */
		if (x->lines >= FLOW_LINES_MAX && l->begun > l->over)
			return;
		if (l->state->kind == FLOW_PARALLEL) {
			line_new(x, l, l->begun, l->state->as.parallel.branches[l->begun]->start,
				 json_incref(l->effective))
				->last = l->last;
			continue;
		}
		input = item_input(x, l, l->begun, item, &f);
		if (!input) {
			state_wrong(x, l, &f);
			return;
		}
		iteration_new(x, l, item, input);
	}
}

static int map_begin(struct flow_execution *x, struct line *l, json_t *in, struct flow_fault *f)
{
	uint64_t limit = 0;
	struct line_data look;

	if (l->state->unsupported)
		return flow_fault_set(f, "States.Runtime", "The state is not run here: %s", l->state->unsupported);
	if (number_of(x, l, &l->state->as.map.max_concurrency, "MaxConcurrencyPath", in, 0, UINT32_MAX, &limit, f) < 0)
		return -1;
	line_look(&look, x, l, in);
	l->items = flow_path_get(x->program, &l->state->as.map.items_path, &look.d, NULL, f);
	if (!l->items)
		return -1;
	if (!json_is_array(l->items))
		return flow_fault_set(f, "States.Runtime", "Reference path \"%s\" must point to array.",
				      l->state->as.map.items_path.text ? l->state->as.map.items_path.text : "$");
	parts_init(l, json_array_size(l->items), limit ? limit : FLOW_MAP_RUNNING);
	l->effective = json_incref(in);
	emit(x, l, (struct flow_history){ .type = FLOW_H_MAP_STARTED, .state = l->state, .index = l->parts });
	if (!l->parts) {
		json_t *results = json_incref(l->results);

		emit(x, l, (struct flow_history){ .type = FLOW_H_MAP_SUCCEEDED, .state = l->state });
		state_result(x, l, results);
		return 0;
	}
	parts_more(x, l);
	return 0;
}

/* ---- all of them ---- */

static void enter(struct flow_execution *x, struct line *l)
{
	l->entered = true;
	l->entered_at = x->now;
	l->retries = 0;
	if (l->used)
		memset(l->used, 0, l->state->nretry * sizeof(*l->used));
	x->steps++;
	emit(x, l, (struct flow_history){ .type = FLOW_H_STATE_ENTERED, .state = l->state, .data = l->input });
	l->entered_id = l->last;
}

void state_begin(struct flow_execution *x, struct line *l)
{
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	const struct flow_state *s = l->state;
	json_t *in;
	int rc = 0;

	if (!l->entered)
		enter(x, l);
	/* A Map's parameters are its ItemSelector: for each item. */
	in = s->kind == FLOW_PASS || s->kind == FLOW_TASK || s->kind == FLOW_PARALLEL ? effective_input(x, l, &f)
										      : input_of(x, l, &f);
	if (!in) {
		state_wrong(x, l, &f);
		return;
	}
	switch (s->kind) {
	case FLOW_PASS:
		state_result(x, l, json_incref(s->as.pass.result ? (json_t *)(uintptr_t)s->as.pass.result : in));
		break;
	case FLOW_TASK:
		rc = task_begin(x, l, in, &f);
		break;
	case FLOW_CHOICE:
		rc = choice_begin(x, l, in, &f);
		break;
	case FLOW_WAIT:
		rc = wait_begin(x, l, in, &f);
		break;
	case FLOW_PARALLEL:
		parallel_begin(x, l, in);
		break;
	case FLOW_MAP:
		rc = map_begin(x, l, in, &f);
		break;
	case FLOW_SUCCEED:
		state_output(x, l, json_incref(in), NULL, NULL);
		break;
	case FLOW_FAIL:
		rc = fail_begin(x, l, in, &f);
		break;
	case FLOW_KINDS:
		break;
	}
	json_decref(in);
	if (rc < 0)
		state_wrong(x, l, &f);
}
