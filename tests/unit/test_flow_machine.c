/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "flow/machine.h"
#include "flow/syntax.h"

/* What is wrong with machines is told in tests/e2e/flow_validate.bats; here, what comes of those that are right. */

static void read_ok(struct flow_machine *m, const char *text)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct err err = ERR_INIT;

	if (flow_machine_parse(m, "m", text, strlen(text), NULL, &found, &err) < 0)
		fail_msg("%s", err.msg);
}

static void fails(const char *text, size_t n, enum err_code code, const char *msg)
{
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(flow_machine_parse(&m, "m", text, n, NULL, &found, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void load_corpus(struct flow_machine *m, const char *name)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	CLEAN_FREE char *path = xasprintf("%s/tests/flow/valid/%s", getenv("SLSC_SRC"), name);
	struct err err = ERR_INIT;

	if (flow_machine_load(m, path, NULL, &found, &err) < 0)
		fail_msg("%s", err.msg);
}

static void at(struct flow_at got, unsigned line, unsigned col)
{
	assert_int_equal(got.line, line);
	assert_int_equal(got.col, col);
}

static void test_task(void **state)
{
	CLEAN_FLOW_MACHINE struct flow_machine m;
	const struct flow_state *a, *b, *c;
	struct flow_exit e;

	(void)state;
	load_corpus(&m, "task-every-field.asl.json");
	assert_int_equal(m.nstates, 3);
	a = flow_states_find(m.root, "A");
	b = flow_states_find(m.root, "B");
	c = flow_states_find(m.root, "C");
	assert_ptr_equal(m.root->start, a);
	assert_ptr_equal(m.states[2], c);
	assert_int_equal(c->id, 2);
	assert_ptr_equal(a->in, m.root);
	assert_string_equal(a->path, "States.A");
	at(a->at, 4, 5);
	assert_int_equal(a->kind, FLOW_TASK);
	assert_ptr_equal(a->next, c);
	assert_false(a->end);
	assert_int_equal(a->as.task.resource, FLOW_FUNCTION);
	assert_string_equal(a->as.task.function, "stock");
	assert_string_equal(a->as.task.qualifier, "live");
	at(a->as.task.at, 6, 19);
	assert_null(a->unsupported);
	assert_string_equal(a->input_path.text, "$.order");
	assert_string_equal(a->result_path.text, "$.stock");
	at(a->result_path.at, 10, 21);
	assert_true(a->input_path.id != a->result_path.id && a->input_path.id < m.npaths);
	assert_false(a->parameters.plain);
	assert_int_equal(json_object_size(a->parameters.json), 4);
	assert_int_equal(m.ntemplates, 2);
	assert_true(a->as.task.timeout.set && a->as.task.heartbeat.set);
	assert_int_equal(a->as.task.timeout.value, 30);
	assert_int_equal(a->as.task.heartbeat.value, 10);
	assert_int_equal(a->nretry, 2);
	assert_int_equal(a->retry[0].errors.len, 2);
	assert_string_equal(a->retry[0].errors.name[1], "Busy");
	assert_int_equal(a->retry[0].interval, 2);
	assert_int_equal(a->retry[0].max_attempts, 5);
	assert_true(a->retry[0].backoff == 1.5);
	assert_int_equal(a->retry[0].max_delay, 30);
	assert_int_equal(a->retry[0].jitter, FLOW_JITTER_FULL);
	assert_int_equal(a->retry[1].interval, 1);
	assert_int_equal(a->retry[1].max_attempts, 0);
	assert_true(a->retry[1].backoff == 2);
	assert_int_equal(a->retry[1].max_delay, 0);
	assert_int_equal(a->ncatch, 2);
	assert_ptr_equal(a->catch[0].next, b);
	assert_string_equal(a->catch[0].result_path.text, "$.error");
	assert_null(a->catch[1].result_path.text);
	assert_string_equal(b->as.fail.error.value, "Empty");
	/* the ways out, in the order in which they are tried */
	assert_true(flow_state_exit(a, 0, &e) && e.kind == FLOW_EXIT_NEXT && e.to == c);
	assert_true(flow_state_exit(a, 1, &e) && e.kind == FLOW_EXIT_CATCH && e.to == b && e.index == 0);
	assert_true(flow_state_exit(a, 2, &e) && e.kind == FLOW_EXIT_CATCH && e.to == c && e.index == 1);
	assert_false(flow_state_exit(a, 3, &e));
	assert_false(flow_state_exit(b, 0, &e));
}

static void test_choice(void **state)
{
	CLEAN_FLOW_MACHINE struct flow_machine m;
	const struct flow_rule *rule, *inner;
	const struct flow_state *c;
	struct flow_exit e;

	(void)state;
	read_ok(&m, "{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":["
		    "{\"Not\":{\"Or\":[{\"Variable\":\"$.a\",\"NumericLessThanEqualsPath\":\"$.b\"},"
		    "{\"Variable\":\"$.t\",\"TimestampGreaterThan\":\"1970-01-02T00:00:00.25Z\"}]},\"Next\":\"S\"},"
		    "{\"Variable\":\"$.a\",\"IsNull\":false,\"Next\":\"C\"}],\"Default\":\"S\"},"
		    "\"S\":{\"Type\":\"Succeed\"}}}");
	c = m.root->start;
	assert_int_equal(c->as.choice.nrules, 2);
	rule = &c->as.choice.rules[0];
	assert_int_equal(rule->op, FLOW_NOT);
	assert_int_equal(rule->nrules, 1);
	assert_int_equal(rule->rules[0].op, FLOW_OR);
	inner = rule->rules[0].rules;
	assert_int_equal(inner[0].op, FLOW_LESS_EQUALS);
	assert_int_equal(inner[0].type, FLOW_NUMERIC);
	assert_string_equal(inner[0].name, "NumericLessThanEqualsPath");
	assert_string_equal(inner[0].path.text, "$.b");
	assert_null(inner[0].value);
	assert_int_equal(inner[1].op, FLOW_GREATER);
	assert_int_equal(inner[1].time.sec, 86400);
	assert_int_equal(inner[1].time.nsec, 250000000);
	rule = &c->as.choice.rules[1];
	assert_int_equal(rule->op, FLOW_IS_NULL);
	assert_false(rule->want);
	assert_true(flow_state_exit(c, 1, &e) && e.kind == FLOW_EXIT_RULE && e.to == c && e.index == 1);
	assert_true(flow_state_exit(c, 2, &e) && e.kind == FLOW_EXIT_DEFAULT && e.to == m.root->state[1]);
	assert_false(flow_state_exit(c, 3, &e));
}

static void test_nested(void **state)
{
	CLEAN_FLOW_MACHINE struct flow_machine m;
	const struct flow_state *map, *p, *z;

	(void)state;
	load_corpus(&m, "nested.asl.json");
	assert_int_equal(m.nstates, 4);
	map = m.root->start;
	assert_int_equal(m.root->len, 1);
	assert_ptr_equal(map->as.map.processor->up, map);
	p = map->as.map.processor->start;
	assert_int_equal(p->as.parallel.nbranches, 1);
	assert_ptr_equal(p->as.parallel.branches[0]->up, p);
	z = p->as.parallel.branches[0]->start->as.map.processor->start;
	assert_string_equal(z->path, "States.M.ItemProcessor.States.P.Branches[0].States.N.ItemProcessor.States.Z");
	assert_true(z->end);
	assert_ptr_equal(m.states[z->id], z);
	assert_false(map->as.map.max_concurrency.set);
}

static void test_places(void **state)
{
	CLEAN_FLOW_MACHINE struct flow_machine m;
	struct err err = ERR_INIT;
	const struct flow_state *a;

	(void)state;
	read_ok(&m, "StartAt: a b\nStates:\n  a b:\n    Type: Pass\n    Parameters:\n      x.$: $.x\n"
		    "      y: [1, true, '2']\n    End: true\n");
	a = m.root->start;
	assert_string_equal(a->path, "States.\"a b\"");
	at(flow_place(&m, json_object_get(a->parameters.json, "x.$")), 6, 12);
	at(flow_place(&m, json_object_get(a->parameters.json, "y")), 7, 10);
	at(flow_place(&m, json_array_get(json_object_get(a->parameters.json, "y"), 2)), 7, 20);
	at(flow_place(&m, json_true()), 0, 0);
	at(flow_place(&m, a->parameters.json), a->parameters.at.line, a->parameters.at.col);
	flow_state_err(&m, a, (struct flow_at){ 0, 0 }, &err, "no %d", 3);
	assert_string_equal(err.msg, "m:3:3: States.\"a b\": no 3");
	assert_int_equal(err.code, ERR_FUNCTION);
	flow_state_err(&m, a, a->next_at, &err, "no");
	assert_string_equal(err.msg, "m:8:10: States.\"a b\": no");
}

static void test_names(void **state)
{
	static const struct {
		const char *s, *name, *qualifier;
	} good[] = {
		{ "stock", "stock", "" },
		{ "stock:live", "stock", "live" },
		{ "stock:$LATEST", "stock", "$LATEST" },
		{ "123456789012:function:stock", "stock", "" },
		{ "123456789012:function:stock:7", "stock", "7" },
		{ "arn:aws:lambda:eu-west-1:123456789012:function:s-t_1:7", "s-t_1", "7" },
		{ "arn:aws-us-gov:lambda:eu-west-1:123456789012:function:stock", "stock", "" },
	};
	static const char *const bad[] = {
		"",
		":",
		"stock:",
		"a b",
		"stock:a:b",
		"arn:aws:lambda:x:123456789012:function:",
		"stock/live",
		"arn:aws:s3:x:123456789012:function:stock",
		"arn:aws:lambda:x:123456789012:layer:stock",
		"12345678901234567890123456789012345678901234567890123456789012345",
	};
	char name[65], qualifier[130];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(flow_function_name(good[i].s, name, qualifier), 0);
		assert_string_equal(name, good[i].name);
		assert_string_equal(qualifier, good[i].qualifier);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (flow_function_name(bad[i], name, qualifier) == 0)
			fail_msg("'%s' is taken for '%s'", bad[i], name);
}

static void test_time(void **state)
{
	static const struct {
		const char *s;
		long long sec;
		unsigned nsec;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "1969-12-31T23:59:59.5Z", -1, 500000000 },
		{ "2016-03-14T01:59:00Z", 1457920740, 0 },
		{ "2016-03-14T03:59:00+02:00", 1457920740, 0 },
		{ "2016-03-13T17:59:00-08:00", 1457920740, 0 },
		{ "2000-02-29T12:00:00.123456789012Z", 951825600, 123456789 },
		{ "2016-12-31T23:59:60Z", 1483228800, 0 },
		{ "0000-01-01T00:00:00Z", -62167219200, 0 },
		{ "9999-12-31T23:59:59Z", 253402300799, 0 },
	};
	static const char *const bad[] = {
		"",
		"2016-03-14",
		"2016-03-14T01:59:00",
		"2016-03-14t01:59:00Z",
		"2016-03-14T01:59:00z",
		"2016-03-14 01:59:00Z",
		"2016-03-14T01:59Z",
		"2016-03-14T01:59:00.Z",
		"2016-03-14T01:59:00+0200",
		"2015-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2016-04-31T00:00:00Z",
		"2016-13-01T00:00:00Z",
		"2016-03-14T24:00:00Z",
		"2016-03-14T01:60:00Z",
		"2016-03-14T01:59:61Z",
		"2016-03-14T01:59:00Zx",
		"2016-03-14T01:59:00+24:00",
		"16-03-14T01:59:00Z",
		"-016-03-14T01:59:00Z",
	};
	struct flow_time t, u = { 5, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (flow_time_parse(good[i].s, strlen(good[i].s), &t) < 0)
			fail_msg("'%s' is refused", good[i].s);
		assert_int_equal(t.sec, good[i].sec);
		assert_int_equal(t.nsec, good[i].nsec);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (flow_time_parse(bad[i], strlen(bad[i]), &t) == 0)
			fail_msg("'%s' is accepted", bad[i]);
	assert_true(flow_time_compare((struct flow_time){ 5, 0 }, u) < 0);
	assert_true(flow_time_compare((struct flow_time){ 6, 0 }, u) > 0);
	assert_true(flow_time_compare(u, u) == 0);
}

static void test_json(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{ "{", "m:1:2: the file ends where a name in double quotes should be" },
		{ "{\"a\"", "m:1:5: the file ends where ':' should be" },
		{ "{\"a\":\n\t01}", "m:2:3: a number does not begin with 0" },
		{ "{\"\xc3\xbc\":-}", "m:1:7: a digit should be here, not '}'" },
		{ "{\"a\":1.}", "m:1:8: a digit should be here, not '}'" },
		{ "{\"a\":1e}", "m:1:8: a digit should be here, not '}'" },
		{ "{\"a\":1e999}", "m:1:6: the number is too large" },
		{ "{\"a\":tru}", "m:1:6: a value should be here, not 't'" },
		{ "{\"a\":\"\t\"}", "m:1:7: a control character in a string has to be written as an escape" },
		{ "{\"a\":\"\\u12g4\"}", "m:1:9: four hexadecimal digits have to follow \\u" },
		{ "{\"a\":\"\\u0000\"}", "m:1:13: a NUL character is not allowed in a string" },
		{ "{\"a\":\"\\udc00\"}", "m:1:13: half a surrogate pair is no character" },
		{ "{'a':1}", "m:1:2: a name in double quotes should be here, not '" },
		{ "{\"a\":[1 2]}", "m:1:9: ',' or ']' should be here, not '2'" },
		{ "{\"a\":\"\xff\"}", "m:1:7: invalid UTF-8" },
		{ "", "m:1:1: there is no state machine here: the file is empty" },
		{ "a: .inf\n", "m:1:4: the number .inf has no equal in JSON" },
		{ "a: 0xffffffffffffffffff\n", "m:1:4: the number 0xffffffffffffffffff has no equal in JSON" },
	};
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		fails(bad[i].text, strlen(bad[i].text), ERR_CONFIG, bad[i].msg);
	fails("{\0}", 3, ERR_CONFIG, "m:1:2: a NUL byte is not allowed");
	/* as many values as may be, and one more */
	buf_addz(&b, "{\"a\":[0");
	for (unsigned i = 0; i < FLOW_NODES_MAX; i++)
		buf_addz(&b, ",0");
	fails(b.ptr, b.len, ERR_LIMIT, "m:1:400003: limit exceeded: more than 200000 values");
}

static void test_values(void **state)
{
	CLEAN_FLOW_MACHINE struct flow_machine m, y;
	const json_t *a, *b;

	(void)state;
	read_ok(&m, "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true,\"Result\":"
		    "[\"\\ud83d\\ude00\\u00e9\\n\\/\",-0,12345678901234567890,1.5e3,null,false,{\"\":[]}]}}}");
	a = m.root->start->as.pass.result;
	assert_string_equal(json_string_value(json_array_get(a, 0)), "\xf0\x9f\x98\x80\xc3\xa9\n/");
	assert_true(json_is_integer(json_array_get(a, 1)));
	assert_true(json_is_real(json_array_get(a, 2)));
	assert_true(json_real_value(json_array_get(a, 3)) == 1500);
	read_ok(&y,
		"StartAt: A\nStates:\n  A:\n    Type: Pass\n    End: True\n    Result:\n"
		"      - \"\\U0001F600\xc3\xa9\\n/\"\n"
		"      - 0\n      - 12345678901234567890\n      - 1500.\n      - ~\n      - FALSE\n      - '': []\n");
	b = y.root->start->as.pass.result;
	for (size_t i = 0; i < 7; i++)
		if (i != 2 && !json_equal(json_array_get(a, i), json_array_get(b, i)) && i != 3)
			fail_msg("value %zu is not the same", i);
	assert_true(json_real_value(json_array_get(b, 2)) == json_real_value(json_array_get(a, 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_task),   cmocka_unit_test(test_choice), cmocka_unit_test(test_nested),
		cmocka_unit_test(test_places), cmocka_unit_test(test_names),  cmocka_unit_test(test_time),
		cmocka_unit_test(test_json),   cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
