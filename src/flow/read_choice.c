/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "flow/read.h"

/* Choice: a list of rules, each of them a tree. */

static const struct {
	const char *name;
	enum flow_op op;
} boolean_ops[] = { { "And", FLOW_AND }, { "Or", FLOW_OR }, { "Not", FLOW_NOT } },
  is_ops
	  [] = { { "IsPresent", FLOW_IS_PRESENT }, { "IsNull", FLOW_IS_NULL },
		 { "IsString", FLOW_IS_STRING },   { "IsNumeric", FLOW_IS_NUMERIC },
		 { "IsBoolean", FLOW_IS_BOOLEAN }, { "IsTimestamp", FLOW_IS_TIMESTAMP } },
  compare_ops[] = { { "Equals", FLOW_EQUALS },
		    { "LessThan", FLOW_LESS },
		    { "LessThanEquals", FLOW_LESS_EQUALS },
		    { "GreaterThan", FLOW_GREATER },
		    { "GreaterThanEquals", FLOW_GREATER_EQUALS } };

static const char *const type_names[] = {
	[FLOW_STRING] = "String", [FLOW_NUMERIC] = "Numeric", [FLOW_BOOLEAN] = "Boolean", [FLOW_TIMESTAMP] = "Timestamp"
};

/* What an operator's name means. @path: whether its value is a path. */
static bool parse_op(const char *name, struct flow_rule *rule, bool *path)
{
	*path = false;
	for (size_t i = 0; i < ARRAY_LEN(boolean_ops); i++)
		if (strcmp(name, boolean_ops[i].name) == 0) {
			rule->op = boolean_ops[i].op;
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(is_ops); i++)
		if (strcmp(name, is_ops[i].name) == 0) {
			rule->op = is_ops[i].op;
			return true;
		}
	if (strcmp(name, "StringMatches") == 0) {
		rule->op = FLOW_MATCHES;
		rule->type = FLOW_STRING;
		return true;
	}
	for (unsigned type = 0; type < ARRAY_LEN(type_names); type++) {
		const char *rest = name + strlen(type_names[type]);
		size_t len;

		if (!starts_with(name, type_names[type]))
			continue;
		*path = ends_with(rest, "Path");
		len = strlen(rest) - (*path ? 4 : 0);
		for (size_t i = 0; i < ARRAY_LEN(compare_ops); i++)
			if (strlen(compare_ops[i].name) == len && memcmp(rest, compare_ops[i].name, len) == 0 &&
			    (type != FLOW_BOOLEAN || compare_ops[i].op == FLOW_EQUALS)) {
				rule->op = compare_ops[i].op;
				rule->type = (enum flow_type)type;
				return true;
			}
	}
	return false;
}

/* For "did you mean": all of them, made once for each question, which is rare. */
static void hint_op(struct reader *r, const char *word, bool top)
{
	const char *names[64] = { "Variable" };
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_LEN(boolean_ops); i++)
		names[n++] = boolean_ops[i].name;
	for (size_t i = 0; i < ARRAY_LEN(is_ops); i++)
		names[n++] = is_ops[i].name;
	names[n++] = "StringMatches";
	for (size_t type = 0; type < ARRAY_LEN(type_names); type++)
		for (size_t i = 0; i < (type == FLOW_BOOLEAN ? 1 : ARRAY_LEN(compare_ops)); i++) {
			names[n++] = arena_printf(r->a, "%s%s", type_names[type], compare_ops[i].name);
			names[n++] = arena_printf(r->a, "%s%sPath", type_names[type], compare_ops[i].name);
		}
	if (top) {
		names[n++] = "Next";
		names[n++] = "Assign";
	}
	names[n++] = "Comment";
	names[n] = NULL;
	hint_near(r, word, names, "it has");
}

/* A backslash escapes an asterisk or another backslash. */
static bool pattern_is_open(const char *s)
{
	for (; *s; s++)
		if (*s == '\\' && *++s != '*' && *s != '\\')
			return true;
	return false;
}

static void read_literal(struct reader *r, const struct trail *t, const struct doc_node *n, struct flow_rule *rule)
{
	static const enum doc_type wanted[] = { [FLOW_STRING] = DOC_STRING,
						[FLOW_NUMERIC] = DOC_NUMBER,
						[FLOW_BOOLEAN] = DOC_BOOL,
						[FLOW_TIMESTAMP] = DOC_STRING };
	static const char *const words[] = { [FLOW_STRING] = "a string",
					     [FLOW_NUMERIC] = "a number",
					     [FLOW_BOOLEAN] = "true or false",
					     [FLOW_TIMESTAMP] = "a timestamp" };

	rule->value = n->json;
	if (n->type != wanted[rule->type]) {
		problem(r, t, n->at, "has to be %s, not %s", words[rule->type], doc_kind(n));
		return;
	}
	if (rule->op == FLOW_MATCHES && pattern_is_open(doc_text(n))) {
		problem(r, t, n->at, "a backslash in '%.100s' escapes nothing", doc_text(n));
		hint(r, "\\* is an asterisk and \\\\ a backslash; in JSON each backslash is written twice");
	}
	if (rule->type == FLOW_TIMESTAMP &&
	    flow_time_parse(doc_text(n), json_string_length(n->json), &rule->time) < 0) {
		problem(r, t, n->at, "'%.100s' is no timestamp", doc_text(n));
		hint(r, "such as 2016-03-14T01:59:00Z or 2016-03-14T03:59:00.5+02:00 (RFC 3339)");
	}
}

static void read_rule(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in, bool top,
		      struct flow_rule *rule);

static const struct flow_rule *read_list(struct reader *r, const struct trail *t, const struct doc_node *n,
					 struct scope *in, bool top, size_t *count)
{
	struct flow_rule *rules = arena_alloc(r->a, n->len * sizeof(*rules));

	if (!n->len)
		problem(r, t, n->at, "there has to be a rule at least");
	for (size_t i = 0; i < n->len; i++)
		read_rule(r, AT_INDEX(t, i), n->items[i], in, top, &rules[i]);
	*count = n->len;
	return rules;
}

static void read_rules(struct reader *r, const struct trail *t, const struct doc_node *n, struct scope *in,
		       struct flow_rule *rule)
{
	if (rule->op == FLOW_NOT) {
		struct flow_rule *rules = arena_new(r->a, struct flow_rule);

		read_rule(r, t, n, in, false, rules);
		rule->rules = rules;
		rule->nrules = 1;
	} else if (is_list(r, t, n)) {
		rule->rules = read_list(r, t, n, in, false, &rule->nrules);
	}
}

static void read_test(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_rule *rule,
		      bool path)
{
	const struct doc_node *n = doc_get(o, rule->name, NULL);

	if (!doc_get(o, "Variable", NULL)) {
		problem(r, t, o->at, "'Variable' is missing");
		hint(r, "it is the path to what %s looks at", rule->name);
	}
	field_path(r, t, o, "Variable", FLOW_PATH, false, &rule->variable);
	if (path) {
		field_path(r, t, o, rule->name, FLOW_PATH, false, &rule->path);
	} else if (rule->op < FLOW_EQUALS) {
		if (n->type != DOC_BOOL)
			problem(r, AT_FIELD(t, rule->name), n->at, "has to be true or false, not %s", doc_kind(n));
		rule->want = json_is_true(n->json);
	} else {
		read_literal(r, AT_FIELD(t, rule->name), n, rule);
	}
}

/* The one operator of @o, into @rule; what else is in @o is looked at, too. */
static bool find_op(struct reader *r, const struct trail *t, const struct doc_node *o, bool top, struct flow_rule *rule,
		    bool *path, bool *unknown)
{
	struct flow_rule other;
	bool other_path;

	for (size_t i = 0; i < o->len; i++) {
		const char *key = o->keys[i];

		if (parse_op(key, &other, &other_path)) {
			if (rule->name) {
				problem(r, t, o->key_at[i], "'%s' and '%s' exclude each other: a rule has one operator",
					rule->name, key);
				hint(r, "And and Or put rules together");
				continue;
			}
			parse_op(key, rule, path);
			rule->name = key;
			rule->value_at = o->items[i]->at;
		} else if (strcmp(key, "Next") == 0 || strcmp(key, "Assign") == 0) {
			if (!top)
				problem(r, t, o->key_at[i], "a rule within a rule has no '%s'", key);
		} else if (strcmp(key, "Condition") == 0) {
			problem(r, t, o->key_at[i], "a rule has no field 'Condition'");
			hint(r, "it is of JSONata, which slsc does not run");
			*unknown = true;
		} else if (strcmp(key, "Variable") != 0 && strcmp(key, "Comment") != 0) {
			problem(r, t, o->key_at[i], "a rule has no field '%.80s'", key);
			hint_op(r, key, top);
			*unknown = true;
		}
	}
	return rule->name != NULL;
}

static void read_rule(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in, bool top,
		      struct flow_rule *rule)
{
	struct flow_at at;
	bool path = false, unknown = false;

	*rule = (struct flow_rule){ .at = o->at };
	if (!is_object(r, t, o)) {
		in->broken |= top;
		return;
	}
	field_string(r, t, o, "Comment", &rule->comment, NULL);
	if (top) {
		if (!doc_get(o, "Next", NULL)) {
			problem(r, t, o->at, "'Next' is missing");
			in->broken = true;
		}
		field_next(r, t, o, "Next", in, &rule->next, &rule->next_at);
		field_assign(r, t, o, in, &rule->assign);
	}
	if (!find_op(r, t, o, top, rule, &path, &unknown)) {
		/* what is there is perhaps its name, misspelt */
		if (unknown)
			return;
		problem(r, t, o->at, "there is no operator");
		hint(r, "such as \"StringEquals\": \"a\", \"IsPresent\": true, or And, Or and Not");
		return;
	}
	if (rule->op > FLOW_NOT) {
		read_test(r, t, o, rule, path);
		return;
	}
	if (doc_get(o, "Variable", &at))
		problem(r, t, at, "'%s' has no 'Variable': each of its rules has its own", rule->name);
	read_rules(r, AT_FIELD(t, rule->name), doc_get(o, rule->name, NULL), in, rule);
}

void read_choice(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		 struct flow_state *s)
{
	const struct doc_node *n = doc_get(o, "Choices", NULL);

	field_next(r, t, o, "Default", in, &s->as.choice.otherwise, &s->as.choice.otherwise_at);
	if (!n) {
		problem(r, t, s->at, "'Choices' is missing");
		in->broken = true;
		return;
	}
	s->as.choice.choices_at = n->at;
	if (!doc_get(o, "Default", NULL)) {
		warning(r, t, s->at, "there is no 'Default': if no rule holds, the execution fails");
		hint(r, "name a state in 'Default'; the error would be States.NoChoiceMatched");
	}
	t = AT_FIELD(t, "Choices");
	if (!is_list(r, t, n)) {
		in->broken = true;
		return;
	}
	s->as.choice.rules = read_list(r, t, n, in, true, &s->as.choice.nrules);
}
