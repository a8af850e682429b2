/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "flow/read.h"

/* Task: what it calls. */

#define INVOKE "arn:aws:states:::lambda:invoke"

static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/* An ARN cut at its first five colons; part[5] is all that is left. RFC-less: AWS's own form. */
static bool cut_arn(const char *s, struct str part[6])
{
	struct str rest = str_from(s);

	for (int i = 0; i < 5; i++) {
		if (!memchr(rest.ptr, ':', rest.len))
			return false;
		part[i] = rest;
		rest = str_cut(&part[i], ':');
	}
	part[5] = rest;
	return str_eqz(part[0], "arn") && str_starts(part[1], "aws") && part[2].len && part[5].len &&
	       strspn(part[4].ptr, "0123456789") == part[4].len;
}

/* NAME or NAME:QUALIFIER */
static int cut_name(struct str s, char name[65], char qualifier[130])
{
	struct str q = str_cut(&s, ':');

	if (!s.len || s.len > 64 || q.len > 128)
		return -1;
	for (size_t i = 0; i < s.len; i++)
		if (!memchr(word, s.ptr[i], sizeof(word) - 1))
			return -1;
	for (size_t i = 0; i < q.len; i++)
		if (q.ptr[i] != '$' && !memchr(word, q.ptr[i], sizeof(word) - 1))
			return -1;
	if (s.ptr[s.len] == ':' && !q.len)
		return -1;
	memcpy(name, s.ptr, s.len);
	name[s.len] = '\0';
	if (q.len)
		memcpy(qualifier, q.ptr, q.len);
	qualifier[q.len] = '\0';
	return 0;
}

int flow_function_name(const char *s, char name[65], char qualifier[130])
{
	struct str part[6], rest = str_from(s), account;

	if (cut_arn(s, part)) {
		if (!str_eqz(part[2], "lambda") || !str_starts(part[5], "function:"))
			return -1;
		return cut_name((struct str){ part[5].ptr + 9, part[5].len - 9 }, name, qualifier);
	}
	/* 123456789012:function:NAME */
	account = rest;
	rest = str_cut(&account, ':');
	if (account.len == 12 && strspn(account.ptr, "0123456789") == 12 && str_starts(rest, "function:"))
		return cut_name((struct str){ rest.ptr + 9, rest.len - 9 }, name, qualifier);
	return cut_name(str_from(s), name, qualifier);
}

static void not_run(struct flow_state *s, struct flow_at at, const char *why)
{
	if (s->unsupported)
		return;
	s->unsupported = why;
	s->unsupported_at = at;
}

/* Whether the project has it. @strict: it was meant to. */
static void check_known(struct reader *r, const struct trail *t, const struct flow_task *task, bool strict)
{
	CLEAN_FREE const char **names = NULL;
	const struct flow_known *k = r->known;

	if (!k || !k->from)
		return;
	for (size_t i = 0; i < k->nfunctions; i++)
		if (strcmp(k->functions[i], task->function) == 0)
			return;
	if (strict)
		problem(r, t, task->function_at, "%s has no function '%.64s'", k->from, task->function);
	else
		warning(r, t, task->function_at, "%s has no function '%.64s': slsc cannot call it", k->from,
			task->function);
	names = xcalloc(k->nfunctions + 1, sizeof(char *));
	for (size_t i = 0; i < k->nfunctions; i++)
		names[i] = k->functions[i];
	hint_near(r, task->function, names, "it has");
}

static bool set_function(struct reader *r, struct flow_task *task, const char *text, struct flow_at at)
{
	char name[65], qualifier[130];

	if (flow_function_name(text, name, qualifier))
		return false;
	task->function = arena_strdup(r->a, name);
	if (*qualifier)
		task->qualifier = arena_strdup(r->a, qualifier);
	task->function_at = at;
	return true;
}

/* The Parameters of lambda:invoke, which are Lambda's own (Invoke). */
static void read_invoke(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	static const char *const known[] = { "FunctionName", "Payload", "InvocationType", "Qualifier", "ClientContext",
					     "LogType",	     NULL };
	const struct doc_node *p = doc_get(o, "Parameters", NULL), *name;
	struct flow_task *task = &s->as.task;

	if (!p) {
		problem(r, t, task->at, "lambda:invoke needs 'Parameters'");
		hint(r, "\"Parameters\": { \"FunctionName\": \"...\", \"Payload.$\": \"$\" }");
		return;
	}
	if (p->type != DOC_OBJECT)
		return;
	t = AT_FIELD(t, "Parameters");
	for (size_t i = 0; i < p->len; i++) {
		char key[32];
		size_t j = 0, len = strlen(p->keys[i]);

		if (len > 2 && ends_with(p->keys[i], ".$"))
			len -= 2;
		while (known[j] && (strlen(known[j]) != len || memcmp(known[j], p->keys[i], len) != 0))
			j++;
		if (known[j])
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)(len < 31 ? len : 31), p->keys[i]);
		problem(r, t, p->key_at[i], "lambda:invoke has no parameter '%.80s'", p->keys[i]);
		hint_near(r, key, known, "it has");
	}
	if (doc_get(p, "FunctionName.$", NULL))
		return;
	name = doc_get(p, "FunctionName", NULL);
	if (!name) {
		problem(r, t, p->at, "'FunctionName' is missing");
		return;
	}
	t = AT_FIELD(t, "FunctionName");
	if (!is_string(r, t, name))
		return;
	if (strstr(doc_text(name), "${")) {
		not_run(s, name->at, "a deployment would fill in what stands in ${...}");
		return;
	}
	if (!set_function(r, task, doc_text(name), name->at)) {
		problem(r, t, name->at, "'%.200s' is neither a function's name nor its ARN", doc_text(name));
		return;
	}
	check_known(r, t, task, strchr(doc_text(name), ':') == NULL);
}

static void read_resource(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	const struct trail *tr = AT_FIELD(t, "Resource");
	struct flow_task *task = &s->as.task;
	const char *text = task->text;
	struct str part[6];

	if (strcmp(text, INVOKE) == 0 || strcmp(text, INVOKE ".waitForTaskToken") == 0) {
		task->resource = FLOW_INVOKE;
		task->wait_for_token = strcmp(text, INVOKE) != 0;
		if (task->wait_for_token)
			not_run(s, task->at, "slsc has no task tokens");
		read_invoke(r, t, o, s);
		return;
	}
	if (strncmp(text, "${", 2) == 0 && strchr(text, '}')) {
		task->resource = FLOW_SERVICE;
		not_run(s, task->at, "a deployment would fill in what stands in ${...}");
		return;
	}
	if (cut_arn(text, part)) {
		if (str_eqz(part[2], "lambda") && str_starts(part[5], "function:")) {
			task->resource = FLOW_FUNCTION;
			if (set_function(r, task, text, task->at))
				check_known(r, tr, task, false);
			else
				problem(r, tr, task->at, "'%.200s' is no function's ARN", text);
			return;
		}
		task->resource =
			str_eqz(part[2], "states") && str_starts(part[5], "activity:") ? FLOW_ACTIVITY : FLOW_SERVICE;
		not_run(s, task->at,
			task->resource == FLOW_ACTIVITY ? "slsc has no activities" : "slsc calls functions only");
		return;
	}
	if (set_function(r, task, text, task->at)) {
		task->resource = FLOW_FUNCTION;
		check_known(r, tr, task, true);
		return;
	}
	problem(r, tr, task->at, "'%.200s' is neither a function's name nor an ARN", text);
	hint(r, "a function of slsc.yaml, arn:aws:lambda:REGION:ACCOUNT:function:NAME, or " INVOKE);
}

void read_task(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	struct flow_task *task = &s->as.task;
	const struct doc_node *credentials = doc_get(o, "Credentials", NULL);

	if (!doc_get(o, "Resource", NULL)) {
		problem(r, t, s->at, "'Resource' is missing");
		hint(r, "a function of slsc.yaml, or an ARN");
	} else if (field_string(r, t, o, "Resource", &task->text, &task->at)) {
		read_resource(r, t, o, s);
		if (s->unsupported)
			warning(r, AT_FIELD(t, "Resource"), s->unsupported_at, "slsc does not run this: %s",
				s->unsupported);
	}
	if (credentials)
		is_object(r, AT_FIELD(t, "Credentials"), credentials);
	field_number(r, t, o, "TimeoutSeconds", 1, FLOW_SECONDS_MAX, &task->timeout);
	field_number(r, t, o, "HeartbeatSeconds", 1, FLOW_SECONDS_MAX, &task->heartbeat);
	if (task->timeout.set && task->heartbeat.set && task->heartbeat.value >= task->timeout.value)
		problem(r, AT_FIELD(t, "HeartbeatSeconds"), task->heartbeat.at,
			"has to be less than TimeoutSeconds, which is %llu", (unsigned long long)task->timeout.value);
}
