/* SPDX-License-Identifier: Apache-2.0 */
#include "local/flow_api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "flow/value.h"
#include "local/gateway.h"

#define TARGET	       "AWSStepFunctions."
#define DEFINITION_MAX 1048576u
#define ARN_MAX	       256u
#define ROLE_MAX       256u
#define PAGE	       100u
#define PAGE_MAX       1000u

bool flow_api_is(struct web_req *req)
{
	const char *target = web_header(req, "X-Amz-Target");

	return target && starts_with(target, TARGET);
}

/* ---- answers ---- */

static void left(void *ctx, bool whole)
{
	(void)whole;
	((struct api_call *)ctx)->req = NULL;
}

static const struct gateway_call calls = { .left = left };

static void call_free(struct api_call *c)
{
	json_decref(c->in);
	json_decref(c->list);
	flow_def_unref(c->def);
	flow_stored_release(&c->stored);
	free(c->name);
	free(c->machine);
	free(c);
}

static void answer(struct api_call *c, unsigned status, const struct buf *body)
{
	char id[37];
	struct web_header h[] = { { "Content-Type", "application/x-amz-json-1.0" }, { "x-amzn-RequestId", id } };

	new_uuid(id);
	if (c->req) {
		c->req->ctx = NULL;
		web_answer(c->req, status, h, ARRAY_LEN(h), body->ptr, body->len);
	}
	call_free(c);
}

void api_answer(struct api_call *c, json_t *o)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	flow_value_dump(o, &b);
	json_decref(o);
	answer(c, 200, &b);
}

void api_error(struct api_call *c, unsigned status, const char *type, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT, msg = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&msg, fmt, ap);
	va_end(ap);
	buf_addc(&b, '{');
	member_text(&b, "__type", type);
	member_str(&b, "message", buf_str(&msg));
	buf_addc(&b, '}');
	answer(c, status, &b);
}

json_t *api_time(int64_t ns)
{
	return json_real((double)(ns / 1000000) / 1000.0);
}

/* ---- parameters ---- */

static void not_valid(struct api_call *c, const char *key, const char *constraint)
{
	api_error(c, 400, "ValidationException",
		  "1 validation error detected: Value at '%s' failed to satisfy constraint: %s", key, constraint);
}

bool api_text(struct api_call *c, const char *key, size_t max, bool required, const char **out)
{
	const json_t *v = json_object_get(c->in, key);
	char why[96];

	*out = json_string_value(v);
	if ((!v || json_is_null(v)) && !required)
		return true;
	if (!*out || strlen(*out) != json_string_length(v)) {
		not_valid(c, key, v && !json_is_null(v) ? "Member must be a string" : "Member must not be null");
		return false;
	}
	if (strlen(*out) <= max)
		return true;
	snprintf(why, sizeof(why), "Member must have length less than or equal to %zu", max);
	not_valid(c, key, why);
	return false;
}

bool api_page(struct api_call *c, unsigned *max)
{
	const json_t *v = json_object_get(c->in, "maxResults");
	json_int_t n = json_integer_value(v);

	if (v && !json_is_null(v) && (!json_is_integer(v) || n < 0 || n > (json_int_t)PAGE_MAX)) {
		not_valid(c, "maxResults", "Member must have value between 0 and 1000");
		return false;
	}
	*max = n ? (unsigned)n : PAGE;
	return true;
}

bool api_token(struct api_call *c, int64_t none, int64_t *out)
{
	const char *s;
	uint64_t n;

	*out = none;
	if (!api_text(c, "nextToken", 1024, false, &s))
		return false;
	if (!s)
		return true;
	if (str_parse_u64(str_from(s), &n) == 0 && n <= INT64_MAX) {
		*out = (int64_t)n;
		return true;
	}
	api_error(c, 400, "InvalidToken", "Invalid Token: '%.100s'", s);
	return false;
}

/* What is behind arn:aws:states:REGION:ACCOUNT:KIND: in @arn; NULL: answered. */
static const char *of_arn(struct api_call *c, const char *key, const char *kind, const char **whole)
{
	const struct platform *p = c->flows->platform;
	CLEAN_FREE char *prefix = xasprintf("arn:aws:states:%s:%s:%s:", p->region, p->account, kind);
	const char *arn;

	if (!api_text(c, key, ARN_MAX, true, &arn))
		return NULL;
	*whole = arn;
	if (starts_with(arn, prefix))
		return arn + strlen(prefix);
	if (starts_with(arn, "arn:") && strstr(arn, ":states:"))
		return "";
	api_error(c, 400, "InvalidArn", "Invalid Arn: '%.200s'", arn);
	return NULL;
}

struct flow_def *api_machine(struct api_call *c)
{
	const char *arn, *name = of_arn(c, "stateMachineArn", "stateMachine", &arn);
	struct flow_def *d = name ? flows_find(c->flows, str_from(name)) : NULL;

	if (name && !d)
		api_error(c, 400, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%.256s'", arn);
	return d;
}

bool api_execution(struct api_call *c, char **machine, char **name)
{
	const char *arn, *rest = of_arn(c, "executionArn", "execution", &arn), *colon;

	if (!rest)
		return false;
	colon = strchr(rest, ':');
	if (colon && colon > rest && colon[1]) {
		*machine = xstrndup(rest, (size_t)(colon - rest));
		*name = xstrdup(colon + 1);
		return true;
	}
	api_error(c, 400, "ExecutionDoesNotExist", "Execution Does Not Exist: '%.256s'", arn);
	return false;
}

/* ---- machines ---- */

static json_t *listed(const struct flow_def *d)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "stateMachineArn", d->arn, "name", d->name, "type",
			 d->express ? "EXPRESS" : "STANDARD", "creationDate", api_time(d->made));
}

static void defined(struct flow_define *define, const struct err *err)
{
	struct api_call *c = CONTAINER_OF(define, struct api_call, define);

	if (err) {
		api_error(c, 500, "InternalServerError", "%s", err->msg);
		return;
	}
	if (!c->def)
		api_answer(c, json_object());
	else if (c->update)
		api_answer(c, json_pack("{s:o, s:o}", "updateDate", api_time(c->def->changed), "revisionId",
					json_sprintf("%lld", (long long)c->def->changed)));
	else
		api_answer(c, json_pack("{s:s, s:o}", "stateMachineArn", c->def->arn, "creationDate",
					api_time(c->def->made)));
}

static void put(struct api_call *c)
{
	c->define.def = c->def;
	c->define.name = c->name;
	c->define.done = defined;
	flows_put(c->flows, &c->define);
}

/* A definition that came by the API; NULL: answered. */
static struct flow_def *read_definition(struct api_call *c, const char *name, const char *text, bool express,
					const char *role)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	struct err err = ERR_INIT;
	struct flow_def *d = flow_def_new(c->flows, name, name, text, strlen(text), express, role, NULL, &found, &err);

	if (!d)
		api_error(c, 400, "InvalidDefinition", "Invalid State Machine Definition: '%s'", err.msg);
	return d;
}

static bool read_type(struct api_call *c, bool *express)
{
	const char *type;

	if (!api_text(c, "type", 16, false, &type))
		return false;
	*express = type && strcmp(type, "EXPRESS") == 0;
	if (!type || *express || strcmp(type, "STANDARD") == 0)
		return true;
	not_valid(c, "type", "Member must satisfy enum value set: [STANDARD, EXPRESS]");
	return false;
}

static void create(struct api_call *c)
{
	const char *name, *text, *role;
	struct flow_def *there, *d;
	bool express;

	if (!api_text(c, "name", FLOWS_NAME_MAX, true, &name) ||
	    !api_text(c, "definition", DEFINITION_MAX, true, &text) || !api_text(c, "roleArn", ROLE_MAX, true, &role) ||
	    !read_type(c, &express))
		return;
	if (!flows_name_ok(name)) {
		api_error(c, 400, "InvalidName", "Invalid Name: '%s'", name);
		return;
	}
	if (!starts_with(role, "arn:")) {
		api_error(c, 400, "InvalidArn", "Invalid Role Arn: '%s'", role);
		return;
	}
	there = flows_find(c->flows, str_from(name));
	if (there && (there->express != express || strcmp(there->text, text) != 0 || strcmp(there->role, role) != 0)) {
		api_error(c, 400, "StateMachineAlreadyExists", "State Machine Already Exists: '%s'", there->arn);
		return;
	}
	if (there) {
		api_answer(c, json_pack("{s:s, s:o}", "stateMachineArn", there->arn, "creationDate",
					api_time(there->made)));
		return;
	}
	/* without one, the call is over */
	d = read_definition(c, name, text, express, role);
	if (!d)
		return;
	c->def = d;
	put(c);
}

static void update(struct api_call *c)
{
	struct flow_def *was = api_machine(c), *d;
	const char *text, *role;

	if (!was || !api_text(c, "definition", DEFINITION_MAX, false, &text) ||
	    !api_text(c, "roleArn", ROLE_MAX, false, &role))
		return;
	if (!text && !role) {
		api_error(c, 400, "MissingRequiredParameter",
			  "Either the definition, the role ARN, the LoggingConfiguration, or the "
			  "TracingConfiguration must be specified");
		return;
	}
	if (role && !starts_with(role, "arn:")) {
		api_error(c, 400, "InvalidArn", "Invalid Role Arn: '%s'", role);
		return;
	}
	d = read_definition(c, was->name, text ? text : was->text, was->express, role ? role : was->role);
	if (!d)
		return;
	c->def = d;
	c->def->made = was->made;
	c->update = true;
	put(c);
}

static void delete (struct api_call *c)
{
	const char *arn, *name = of_arn(c, "stateMachineArn", "stateMachine", &arn);

	if (!name)
		return;
	if (!flows_find(c->flows, str_from(name))) {
		api_answer(c, json_object());
		return;
	}
	c->name = xstrdup(name);
	put(c);
}

static void describe(struct api_call *c)
{
	const struct flow_def *d = api_machine(c);
	CLEAN_BUF struct buf text = BUF_INIT;
	json_t *o;

	if (!d)
		return;
	/* what was written as YAML is JSON to who asks */
	if (d->text[strspn(d->text, " \t\r\n")] == '{')
		buf_addz(&text, d->text);
	else
		flow_value_dump(d->machine.definition, &text);
	o = listed(d);
	json_object_set_new(o, "status", json_string("ACTIVE"));
	json_object_set_new(o, "definition", json_stringn(text.ptr, text.len));
	json_object_set_new(o, "roleArn", json_string(d->role));
	json_object_set_new(o, "loggingConfiguration",
			    json_pack("{s:s, s:b}", "level", "OFF", "includeExecutionData", 0));
	json_object_set_new(o, "tracingConfiguration", json_pack("{s:b}", "enabled", 1));
	if (d->changed != d->made)
		json_object_set_new(o, "revisionId", json_sprintf("%lld", (long long)d->changed));
	api_answer(c, o);
}

static void list(struct api_call *c)
{
	json_t *all = json_array(), *o;
	unsigned max;
	int64_t at;

	if (!api_page(c, &max) || !api_token(c, 0, &at)) {
		json_decref(all);
		return;
	}
	for (; (size_t)at < c->flows->defs.len && json_array_size(all) < max; at++)
		json_array_append_new(all, listed(c->flows->defs.ptr[at]));
	o = json_pack("{s:o}", "stateMachines", all);
	if ((size_t)at < c->flows->defs.len)
		json_object_set_new(o, "nextToken", json_sprintf("%lld", (long long)at));
	api_answer(c, o);
}

static void validate(struct api_call *c)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	struct flow_machine m;
	struct err err = ERR_INIT;
	json_t *all = json_array();
	const char *text;
	bool ok;

	if (!api_text(c, "definition", DEFINITION_MAX, true, &text)) {
		json_decref(all);
		return;
	}
	ok = flow_machine_parse(&m, "definition", text, strlen(text), NULL, &found, &err) == 0;
	flow_machine_release(&m);
	for (size_t i = 0; i < found.len && i < PAGE; i++) {
		const struct flow_problem *p = &found.ptr[i];

		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:s, s:o}", "severity", p->warning ? "WARNING" : "ERROR",
						"code", "SCHEMA_VALIDATION_FAILED", "message", p->msg, "location",
						json_sprintf("%u:%u %s", p->line, p->col, p->path)));
	}
	api_answer(c, json_pack("{s:s, s:o, s:b}", "result", ok ? "OK" : "FAIL", "diagnostics", all, "truncated",
				found.len > PAGE));
}

/* ---- which one ---- */

static void start(struct api_call *c)
{
	api_start_execution(c, false);
}

static void start_sync(struct api_call *c)
{
	api_start_execution(c, true);
}

static const struct operation {
	const char *name;
	void (*run)(struct api_call *c);
} operations[] = {
	{ "CreateStateMachine", create },
	{ "UpdateStateMachine", update },
	{ "DeleteStateMachine", delete },
	{ "DescribeStateMachine", describe },
	{ "ListStateMachines", list },
	{ "ValidateStateMachineDefinition", validate },
	{ "StartExecution", start },
	{ "StartSyncExecution", start_sync },
	{ "DescribeExecution", api_describe_execution },
	{ "ListExecutions", api_list_executions },
	{ "GetExecutionHistory", api_history },
	{ "StopExecution", api_stop_execution },
};

void flow_api(struct flows *f, struct web_req *req)
{
	const char *op = web_header(req, "X-Amz-Target") + strlen(TARGET);
	struct api_call *c = xcalloc(1, sizeof(*c));
	json_error_t why;

	c->flows = f;
	c->req = req;
	req->ctx = c;
	req->calls = &calls;
	if (strcmp(req->method, "POST") != 0) {
		api_error(c, 405, "UnknownOperationException", "an operation is a POST");
		return;
	}
	c->in = json_loadb(req->body.ptr, req->body.len, JSON_ALLOW_NUL, &why);
	if (!json_is_object(c->in)) {
		api_error(c, 400, "SerializationException", "the request is no JSON object%s%s", c->in ? "" : ": ",
			  c->in ? "" : why.text);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		if (strcmp(op, operations[i].name) == 0) {
			operations[i].run(c);
			return;
		}
	api_error(c, 400, "UnknownOperationException", "'%.100s' is no operation that slsc local has", op);
}
