/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "flow/graph.h"

/* What a drawing says of a state or a rule, in a few words. */

static void add_literal(const struct flow_rule *rule, struct buf *out)
{
	char number[32];

	if (json_is_string(rule->value)) {
		buf_addf(out, "'%s'", json_string_value(rule->value));
	} else if (json_is_number(rule->value)) {
		snprintf(number, sizeof(number), "%.15g", json_number_value(rule->value));
		buf_addz(out, number);
	} else {
		buf_addz(out, json_is_true(rule->value) ? "true" : "false");
	}
}

static void add_test(const struct flow_rule *rule, struct buf *out)
{
	static const char *const is[] = {
		[FLOW_IS_PRESENT] = "present",	[FLOW_IS_NULL] = "null",       [FLOW_IS_STRING] = "a string",
		[FLOW_IS_NUMERIC] = "a number", [FLOW_IS_BOOLEAN] = "boolean", [FLOW_IS_TIMESTAMP] = "a timestamp",
	};
	static const char *const ops[] = {
		[FLOW_EQUALS] = "=",
		[FLOW_LESS] = "<",
		[FLOW_LESS_EQUALS] = "\xe2\x89\xa4",
		[FLOW_GREATER] = ">",
		[FLOW_GREATER_EQUALS] = "\xe2\x89\xa5",
		[FLOW_MATCHES] = "like",
	};

	buf_addz(out, rule->variable.text);
	if (rule->op < FLOW_EQUALS) {
		buf_addf(out, " is %s%s", rule->want ? "" : "not ", is[rule->op]);
		return;
	}
	buf_addf(out, " %s ", ops[rule->op]);
	if (rule->path.text)
		buf_addz(out, rule->path.text);
	else
		add_literal(rule, out);
}

/* As deep as the file is nested. */
static void add_rule(const struct flow_rule *rule, bool inside, struct buf *out)
{
	if (rule->op > FLOW_NOT) {
		add_test(rule, out);
		return;
	}
	if (rule->op == FLOW_NOT) {
		buf_addz(out, "not ");
		add_rule(rule->rules, true, out);
		return;
	}
	inside &= rule->nrules > 1;
	buf_addz(out, inside ? "(" : "");
	for (size_t i = 0; i < rule->nrules; i++) {
		if (i)
			buf_addz(out, rule->op == FLOW_AND ? " and " : " or ");
		add_rule(&rule->rules[i], true, out);
	}
	buf_addz(out, inside ? ")" : "");
}

void flow_rule_text(const struct flow_rule *rule, struct buf *out)
{
	add_rule(rule, false, out);
}

void flow_state_text(const struct flow_state *s, struct buf *out)
{
	buf_addz(out, flow_kind_name[s->kind]);
	switch (s->kind) {
	case FLOW_TASK:
		if (s->as.task.function)
			buf_addf(out, ": %s", s->as.task.function);
		else if (s->as.task.resource != FLOW_INVOKE)
			buf_addf(out, ": %s", s->as.task.text);
		break;
	case FLOW_WAIT:
		if (s->as.wait.has_time)
			buf_addf(out, ": until %s", s->as.wait.time_text);
		else if (s->as.wait.time_path.text)
			buf_addf(out, ": until %s", s->as.wait.time_path.text);
		else if (s->as.wait.seconds.set)
			buf_addf(out, ": %" PRIu64 " s", s->as.wait.seconds.value);
		else
			buf_addf(out, ": %s s", s->as.wait.seconds.path.text);
		break;
	case FLOW_MAP:
		buf_addf(out, ": %s", s->as.map.items_path.text ? s->as.map.items_path.text : "$");
		if (s->as.map.max_concurrency.set && s->as.map.max_concurrency.value)
			buf_addf(out, ", %" PRIu64 " at a time", s->as.map.max_concurrency.value);
		break;
	case FLOW_FAIL:
		if (s->as.fail.error.value)
			buf_addf(out, ": %s", s->as.fail.error.value);
		else if (s->as.fail.error.path.text)
			buf_addf(out, ": %s", s->as.fail.error.path.text);
		break;
	default:
		break;
	}
}

enum flow_ran flow_state_ran(const struct flow_trace *t, const struct flow_state *s)
{
	const struct flow_trace_state *of = t ? &t->state[s->id] : NULL;

	if (!of || !of->entered)
		return FLOW_RAN_NOT;
	if (s->kind == FLOW_FAIL)
		return FLOW_RAN_FAILED;
	if (of->exited >= of->entered)
		return FLOW_RAN_DONE;
	return strcmp(t->status, "FAILED") == 0 || strcmp(t->status, "TIMED_OUT") == 0 ? FLOW_RAN_FAILED
										       : FLOW_RAN_STOPPED;
}

void flow_ran_text(const struct flow_trace *t, const struct flow_state *s, struct buf *out)
{
	const struct flow_trace_state *of = &t->state[s->id];
	char time[32];

	if (!of->entered)
		return;
	if (of->entered > 1)
		buf_addf(out, "%" PRIu64 " times, ", of->entered);
	if (of->ns >= 1000000)
		buf_addz(out, str_human_ns((double)of->ns, time, sizeof(time)));
	else
		buf_addz(out, of->exited || s->kind == FLOW_FAIL ? "< 1 ms" : "not left");
	if (of->failed)
		buf_addf(out, ", %" PRIu64 " failed", of->failed);
}
