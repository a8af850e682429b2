/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "flow/read.h"

/* One state: which fields its kind has, and what they say. */

const char *const flow_kind_name[] = {
	[FLOW_TASK] = "Task",	    [FLOW_PASS] = "Pass",	  [FLOW_CHOICE] = "Choice",
	[FLOW_WAIT] = "Wait",	    [FLOW_PARALLEL] = "Parallel", [FLOW_MAP] = "Map",
	[FLOW_SUCCEED] = "Succeed", [FLOW_FAIL] = "Fail",	  NULL,
};

enum {
	TASK = 1 << FLOW_TASK,
	PASS = 1 << FLOW_PASS,
	CHOICE = 1 << FLOW_CHOICE,
	WAIT = 1 << FLOW_WAIT,
	PARALLEL = 1 << FLOW_PARALLEL,
	MAP = 1 << FLOW_MAP,
	SUCCEED = 1 << FLOW_SUCCEED,
	FAIL = 1 << FLOW_FAIL,
	ALL = (1 << FLOW_KINDS) - 1,
	WORK = TASK | PARALLEL | MAP,
	GO_ON = WORK | PASS | WAIT,
};

/* The table of the specification, and below it the fields of each kind. */
static const struct field {
	const char *name;
	unsigned kinds; /* 0: of JSONata */
} fields[] = {
	{ "Type", ALL },
	{ "Comment", ALL },
	{ "QueryLanguage", ALL },
	{ "InputPath", ALL & ~FAIL },
	{ "OutputPath", ALL & ~FAIL },
	{ "Assign", ALL & ~FAIL & ~SUCCEED },
	{ "Next", GO_ON },
	{ "End", GO_ON },
	{ "ResultPath", WORK | PASS },
	{ "Parameters", WORK | PASS },
	{ "ResultSelector", WORK },
	{ "Retry", WORK },
	{ "Catch", WORK },
	{ "Result", PASS },
	{ "Resource", TASK },
	{ "TimeoutSeconds", TASK },
	{ "TimeoutSecondsPath", TASK },
	{ "HeartbeatSeconds", TASK },
	{ "HeartbeatSecondsPath", TASK },
	{ "Credentials", TASK },
	{ "Choices", CHOICE },
	{ "Default", CHOICE },
	{ "Seconds", WAIT },
	{ "SecondsPath", WAIT },
	{ "Timestamp", WAIT },
	{ "TimestampPath", WAIT },
	{ "Branches", PARALLEL },
	{ "ItemProcessor", MAP },
	{ "Iterator", MAP },
	{ "ItemsPath", MAP },
	{ "ItemSelector", MAP },
	{ "MaxConcurrency", MAP },
	{ "MaxConcurrencyPath", MAP },
	{ "ItemReader", MAP },
	{ "ItemBatcher", MAP },
	{ "ResultWriter", MAP },
	{ "Label", MAP },
	{ "ToleratedFailureCount", MAP },
	{ "ToleratedFailureCountPath", MAP },
	{ "ToleratedFailurePercentage", MAP },
	{ "ToleratedFailurePercentagePath", MAP },
	{ "Error", FAIL },
	{ "ErrorPath", FAIL },
	{ "Cause", FAIL },
	{ "CausePath", FAIL },
	{ "Arguments", 0 },
	{ "Output", 0 },
	{ "Items", 0 },
};

static void check_fields(struct reader *r, const struct trail *t, const struct doc_node *o, const struct flow_state *s)
{
	const char *kind = flow_kind_name[s->kind], *mine[ARRAY_LEN(fields) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].kinds & 1u << s->kind)
			mine[n++] = fields[i].name;
	mine[n] = NULL;
	for (size_t i = 0; i < o->len; i++) {
		const struct field *f = fields;

		while (f < fields + ARRAY_LEN(fields) && strcmp(f->name, o->keys[i]) != 0)
			f++;
		if (f < fields + ARRAY_LEN(fields) && f->kinds & 1u << s->kind)
			continue;
		problem(r, t, o->key_at[i], "a %s state has no field '%.80s'", kind, o->keys[i]);
		if (f == fields + ARRAY_LEN(fields))
			hint_near(r, o->keys[i], mine, "it has");
		else if (!f->kinds)
			hint(r,
			     "it is of JSONata, which slsc does not run: Parameters, ResultSelector and the paths do "
			     "this work in JSONPath");
		else if (s->kind == FLOW_CHOICE && f->kinds == GO_ON)
			hint(r, "each of its Choices says where to go on, and Default does if none holds");
		else if ((s->kind == FLOW_SUCCEED || s->kind == FLOW_FAIL) && f->kinds == GO_ON)
			hint(r, "a %s state is always the last", kind);
	}
}

static void read_end(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		     struct flow_state *s)
{
	static const char *const both[] = { "Next", "End", NULL };
	const struct doc_node *end = doc_get(o, "End", NULL);

	if (!field_alone(r, t, o, both)) {
		problem(r, t, s->at, "neither 'Next' nor 'End' is there");
		hint(r, "name the state that follows, or say \"End\": true");
		in->broken = true;
		return;
	}
	field_next(r, t, o, "Next", in, &s->next, &s->next_at);
	if (!end)
		return;
	s->next_at = end->at;
	if (end->type == DOC_BOOL && json_is_true(end->json)) {
		s->end = true;
		return;
	}
	in->broken = true;
	problem(r, AT_FIELD(t, "End"), end->at, "has to be true, not %s",
		end->type == DOC_BOOL ? "false" : doc_kind(end));
	if (end->type == DOC_BOOL)
		hint(r, "leave it out, and name the state that follows in 'Next'");
	else if (end->bool11)
		hint(r, "in YAML 1.2 '%s' is a string", doc_text(end));
}

static void read_wait(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	static const char *const all[] = { "Seconds", "SecondsPath", "Timestamp", "TimestampPath", NULL };
	struct flow_at at;

	if (!field_alone(r, t, o, all)) {
		problem(r, t, s->at, "how long it waits is missing");
		hint(r, "one of Seconds, SecondsPath, Timestamp and TimestampPath says it");
		return;
	}
	if (field_count(r, t, o, "Seconds", 0, FLOW_SECONDS_MAX, &s->as.wait.seconds.value, &at)) {
		s->as.wait.seconds.set = true;
		s->as.wait.seconds.at = s->as.wait.at = at;
	}
	if (field_path(r, t, o, "SecondsPath", FLOW_REFERENCE, false, &s->as.wait.seconds.path))
		s->as.wait.seconds.at = s->as.wait.at = s->as.wait.seconds.path.at;
	if (field_path(r, t, o, "TimestampPath", FLOW_REFERENCE, false, &s->as.wait.time_path))
		s->as.wait.at = s->as.wait.time_path.at;
	if (!field_string(r, t, o, "Timestamp", &s->as.wait.time_text, &at))
		return;
	s->as.wait.has_time = true;
	s->as.wait.at = at;
	if (flow_time_parse(s->as.wait.time_text, strlen(s->as.wait.time_text), &s->as.wait.time) == 0)
		return;
	problem(r, AT_FIELD(t, "Timestamp"), at, "'%.100s' is no timestamp", s->as.wait.time_text);
	hint(r, "such as 2016-03-14T01:59:00Z or 2016-03-14T03:59:00.5+02:00 (RFC 3339)");
}

static void read_parallel(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
			  struct flow_state *s)
{
	static const char *const known[] = { "StartAt", "States", "Comment", NULL };
	const struct doc_node *n = doc_get(o, "Branches", NULL);
	const struct flow_states **branches;

	if (!n) {
		problem(r, t, s->at, "'Branches' is missing");
		return;
	}
	t = AT_FIELD(t, "Branches");
	if (!is_list(r, t, n))
		return;
	if (!n->len) {
		problem(r, t, n->at, "there has to be a branch at least");
		return;
	}
	branches = arena_alloc(r->a, n->len * sizeof(struct flow_states *));
	for (size_t i = 0; i < n->len; i++) {
		if (!is_object(r, AT_INDEX(t, i), n->items[i]))
			return;
		fields_known(r, AT_INDEX(t, i), n->items[i], known, "a branch");
		branches[i] = read_states(r, AT_INDEX(t, i), n->items[i], in, s, i);
	}
	s->as.parallel.branches = branches;
	s->as.parallel.nbranches = n->len;
}

/* Error and Cause: of the intrinsics only some make a text of something. */
static void read_text(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name,
		      const char *path, struct flow_text *out)
{
	static const char *const allowed[] = { "States.Format",	      "States.JsonToString",
					       "States.ArrayGetItem", "States.Base64Encode",
					       "States.Base64Decode", "States.Hash",
					       "States.UUID",	      NULL };
	const char *const both[] = { name, path, NULL };
	size_t len;

	field_alone(r, t, o, both);
	field_string(r, t, o, name, &out->value, &out->at);
	if (!field_path(r, t, o, path, FLOW_VALUE, false, &out->path))
		return;
	out->at = out->path.at;
	if (*out->path.text == '$')
		return;
	len = strcspn(out->path.text, "(");
	for (size_t i = 0; allowed[i]; i++)
		if (strlen(allowed[i]) == len && memcmp(allowed[i], out->path.text, len) == 0)
			return;
	problem(r, AT_FIELD(t, path), out->at, "%.*s is not allowed here: its value is no text", (int)len,
		out->path.text);
	hint_near(r, "", allowed, "allowed are");
}

static int read_kind(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	const char *type;
	struct flow_at at;

	if (!doc_get(o, "Type", NULL)) {
		problem(r, t, s->at, "'Type' is missing");
		hint(r, "Task, Pass, Choice, Wait, Parallel, Map, Succeed or Fail");
		return -1;
	}
	if (!field_string(r, t, o, "Type", &type, &at))
		return -1;
	for (int i = 0; i < FLOW_KINDS; i++)
		if (strcmp(type, flow_kind_name[i]) == 0) {
			s->kind = (enum flow_kind)i;
			return 0;
		}
	problem(r, AT_FIELD(t, "Type"), at, "there is no state of type '%.80s'", type);
	hint_near(r, type, flow_kind_name, "there are");
	return -1;
}

static bool is_jsonpath(struct reader *r, const struct trail *t, const struct doc_node *o)
{
	const char *language;
	struct flow_at at;

	if (!field_string(r, t, o, "QueryLanguage", &language, &at) || strcmp(language, "JSONPath") == 0)
		return true;
	problem(r, AT_FIELD(t, "QueryLanguage"), at, "'%.80s' is not supported", language);
	hint(r, "slsc runs JSONPath machines only");
	return false;
}

void read_state(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		struct flow_state *s)
{
	if (!is_object(r, t, o) || !is_jsonpath(r, t, o) || read_kind(r, t, o, s)) {
		in->broken = true;
		return;
	}
	check_fields(r, t, o, s);
	field_string(r, t, o, "Comment", &s->comment, NULL);
	if (1u << s->kind & GO_ON)
		read_end(r, t, o, in, s);
	if (s->kind != FLOW_FAIL) {
		field_path(r, t, o, "InputPath", FLOW_PATH, true, &s->input_path);
		field_path(r, t, o, "OutputPath", FLOW_PATH, true, &s->output_path);
	}
	if (s->kind != FLOW_FAIL && s->kind != FLOW_SUCCEED)
		field_assign(r, t, o, in, &s->assign);
	if (1u << s->kind & (WORK | PASS)) {
		field_path(r, t, o, "ResultPath", FLOW_RESULT, true, &s->result_path);
		if (s->kind != FLOW_MAP || !doc_get(o, "ItemSelector", NULL))
			field_template(r, t, o, "Parameters", &s->parameters);
	}
	if (1u << s->kind & WORK) {
		field_template(r, t, o, "ResultSelector", &s->result_selector);
		read_errors(r, t, o, in, s);
	}
	switch (s->kind) {
	case FLOW_TASK:
		read_task(r, t, o, s);
		break;
	case FLOW_PASS: {
		const struct doc_node *result = doc_get(o, "Result", NULL);

		if (result) {
			s->as.pass.result = result->json;
			s->as.pass.at = result->at;
		}
		break;
	}
	case FLOW_CHOICE:
		read_choice(r, t, o, in, s);
		break;
	case FLOW_WAIT:
		read_wait(r, t, o, s);
		break;
	case FLOW_PARALLEL:
		read_parallel(r, t, o, in, s);
		break;
	case FLOW_MAP:
		read_map(r, t, o, in, s);
		break;
	case FLOW_FAIL:
		read_text(r, t, o, "Error", "ErrorPath", &s->as.fail.error);
		read_text(r, t, o, "Cause", "CausePath", &s->as.fail.cause);
		break;
	default:
		break;
	}
}
