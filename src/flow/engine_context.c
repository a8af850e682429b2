/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "flow/engine_internal.h"

/* "2026-01-31T12:00:00.123Z" */
static json_t *time_text(int64_t ms)
{
	time_t sec = (time_t)(ms / 1000);
	char text[40];
	struct tm tm;

	if (!gmtime_r(&sec, &tm))
		return json_string("");
	return json_sprintf("%.*s.%03dZ", (int)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm), text,
			    (int)(ms % 1000));
}

static json_t *execution_part(struct flow_execution *x)
{
	json_t *o = flow_value_must(json_object());

	flow_value_set(o, "Id", json_string(x->id));
	flow_value_set(o, "Input", json_incref(x->input));
	flow_value_set(o, "Name", json_string(x->name));
	flow_value_set(o, "RoleArn", json_string(x->role));
	flow_value_set(o, "StartTime", time_text(x->started));
	return o;
}

static json_t *machine_part(struct flow_execution *x)
{
	json_t *o = flow_value_must(json_object());

	flow_value_set(o, "Id", json_string(x->machine_id));
	flow_value_set(o, "Name", json_string(x->machine_name));
	return o;
}

static json_t *map_part(size_t index, json_t *value)
{
	json_t *item = flow_value_must(json_object()), *map = flow_value_must(json_object());

	flow_value_set(item, "Index", json_integer((json_int_t)index));
	flow_value_set(item, "Value", json_incref(value));
	flow_value_set(map, "Item", item);
	return map;
}

static json_t *context(void *arg)
{
	struct line_data *look = arg;
	struct flow_execution *x = look->x;
	struct line *l = look->l, *map;
	json_t *state;

	if (l->context)
		return l->context;
	if (!x->context_execution) {
		x->context_execution = execution_part(x);
		x->context_machine = machine_part(x);
	}
	l->context = flow_value_must(json_object());
	flow_value_set(l->context, "Execution", json_incref(x->context_execution));
	state = flow_value_must(json_object());
	flow_value_set(state, "EnteredTime", time_text(l->entered_at));
	flow_value_set(state, "Name", json_string(l->state->name));
	flow_value_set(state, "RetryCount", json_integer((json_int_t)l->retries));
	flow_value_set(l->context, "State", state);
	flow_value_set(l->context, "StateMachine", json_incref(x->context_machine));
	for (map = l; map && !map->item;)
		map = map->up;
	if (look->item)
		flow_value_set(l->context, "Map", map_part(look->index, look->item));
	else if (map)
		flow_value_set(l->context, "Map", map_part(map->index, map->item));
	return l->context;
}

static json_t *variable(void *arg, const char *name)
{
	const struct line_data *look = arg;

	for (const struct line *l = look->l; l; l = l->up) {
		json_t *v = l->variables ? json_object_get(l->variables, name) : NULL;

		if (v)
			return v;
	}
	return NULL;
}

void line_look(struct line_data *out, struct flow_execution *x, struct line *l, json_t *input)
{
	*out = (struct line_data){ .x = x, .l = l };
	out->d = (struct flow_data){ .input = input,
				     .context = context,
				     .variable = variable,
				     .arg = out,
				     .hash = x->sink ? x->sink->hash : NULL,
				     .random = &x->random };
}

void line_context_changed(struct line *l)
{
	json_decref(l->context);
	l->context = NULL;
}
