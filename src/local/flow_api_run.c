/* SPDX-License-Identifier: Apache-2.0 */
/* The API of executions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/value.h"
#include "local/flow_api.h"

static void broken(struct api_call *c, const struct err *err)
{
	api_error(c, 500, "InternalServerError", "%s", err->msg);
}

static void set_text(json_t *o, const char *key, struct str s)
{
	json_object_set_new(o, key, flow_value_must(json_stringn(s.ptr, s.len)));
}

/* ---- StartExecution ---- */

static void started(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	struct api_call *c = x->begin.ctx;

	if (err) {
		broken(c, err);
		return;
	}
	/* the same again is the same one, as long as it is running */
	if (there && (!there->same || there->status != FLOW_RUNNING)) {
		api_error(c, 400, "ExecutionAlreadyExists", "Execution Already Exists: '%s'", x->arn);
		return;
	}
	api_answer(c, json_pack("{s:s, s:o}", "executionArn", x->arn, "startDate",
				api_time(there ? there->started : x->started)));
}

/* ---- StartSyncExecution ---- */

static void answer_sync(struct api_call *c, const struct flow_exec *x)
{
	const enum flow_status status = flow_execution_status(x->engine);
	const struct flow_fault *fault = flow_execution_fault(x->engine);
	const int64_t stopped = flow_execution_ended(x->engine) * 1000000;
	const int64_t ms = (stopped - x->started) / 1000000;
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "executionArn", x->arn, "stateMachineArn", x->def->arn,
			      "name", x->name, "startDate", api_time(x->started), "stopDate", api_time(stopped),
			      "status", status == FLOW_ABORTED ? "FAILED" : flow_status_name[status]);

	set_text(o, "input", buf_str(&x->input));
	json_object_set_new(o, "inputDetails", json_pack("{s:b}", "included", 1));
	if (status == FLOW_SUCCEEDED) {
		set_text(o, "output", buf_str(&x->output));
		json_object_set_new(o, "outputDetails", json_pack("{s:b}", "included", 1));
	} else {
		if (fault->error)
			set_text(o, "error", str_from(fault->error));
		if (fault->cause)
			set_text(o, "cause", str_from(fault->cause));
	}
	json_object_set_new(o, "billingDetails",
			    json_pack("{s:i, s:I}", "billedMemoryUsedInMB", 64, "billedDurationInMilliseconds",
				      (json_int_t)((ms + 99) / 100 * 100)));
	api_answer(c, o);
}

static void sync_over(struct flow_waiter *w, const struct flow_exec *x)
{
	struct api_call *c = CONTAINER_OF(w, struct api_call, waiter);

	if (x)
		answer_sync(c, x);
	else
		api_error(c, 503, "ServiceUnavailable", "the platform ends");
}

static void sync_started(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	struct api_call *c = x->begin.ctx;

	(void)there;
	(void)err;
	flow_exec_wait(x, &c->waiter);
}

void api_start_execution(struct api_call *c, bool sync)
{
	const char *name, *input, *header;
	struct flow_begin b = { .ctx = c };
	struct err err = ERR_INIT;
	struct flow_def *d = api_machine(c);

	if (!d || !api_text(c, "name", FLOWS_NAME_MAX, false, &name) ||
	    !api_text(c, "input", FLOW_DATA_MAX, false, &input) || !api_text(c, "traceHeader", 256, false, &header))
		return;
	if (name && !flows_name_ok(name)) {
		api_error(c, 400, "InvalidName", "Invalid Name: '%s'", name);
		return;
	}
	if (sync && !d->express) {
		api_error(c, 400, "StateMachineTypeNotSupported",
			  "This operation is not supported by this type of state machine");
		return;
	}
	b.name = name;
	b.input = str_from(input ? input : "{}");
	b.traceparent = c->req ? web_header(c->req, "traceparent") : NULL;
	b.xray = header ? header : web_header(c->req, "X-Amzn-Trace-Id");
	b.started = sync ? sync_started : started;
	c->waiter.over = sync_over;
	if (flows_start(c->flows, d, &b, &err) == 0)
		return;
	if (err.code == ERR_FORMAT)
		api_error(c, 400, "InvalidExecutionInput", "Invalid State Machine Execution Input: '%s'", err.msg);
	else
		api_error(c, 400, "ExecutionLimitExceeded", "%s", err.msg);
}

/* ---- what the journal has ---- */

static int find_stored(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);
	struct execution_row row;
	int64_t id;
	int r = ops->find(s, str_from(c->machine), str_from(c->name), &id, err);

	if (r > 0 && c->update)
		r = flow_stored_read(&c->stored, ops, s, id, err);
	else if (r > 0 && (r = ops->execution(s, id, &row, err)) > 0)
		flow_stored_take(&c->stored, &row);
	c->found = r > 0;
	return r < 0 ? -1 : 0;
}

/* Read executionArn's; @events: its definition and events, too. */
static void read_stored(struct api_call *c, bool events, void (*done)(struct flow_job *job, const struct err *err))
{
	if (!api_execution(c, &c->machine, &c->name))
		return;
	c->update = events;
	c->job = (struct flow_job){ .work = find_stored, .done = done };
	flow_journal_do(c->flows->journal, &c->job);
}

/* Whether there is one; else it is answered. */
static bool there(struct api_call *c, const struct err *err)
{
	CLEAN_FREE char *arn = NULL;

	if (!err && c->found)
		return true;
	if (err) {
		broken(c, err);
		return false;
	}
	arn = flow_exec_arn(c->flows->platform, c->machine, c->name);
	api_error(c, 400, "ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn);
	return false;
}

static json_t *listed(const struct platform *p, const struct flow_stored *s)
{
	CLEAN_FREE char *arn = flow_exec_arn(p, s->machine, s->name);
	json_t *o =
		json_pack("{s:s, s:o, s:s, s:s, s:o}", "executionArn", arn, "stateMachineArn",
			  json_sprintf("arn:aws:states:%s:%s:stateMachine:%s", p->region, p->account, s->machine),
			  "name", s->name, "status", flow_status_name[s->status], "startDate", api_time(s->started));

	if (s->status != FLOW_RUNNING)
		json_object_set_new(o, "stopDate", api_time(s->stopped));
	return o;
}

static void described(struct flow_job *job, const struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);
	const struct flow_stored *s = &c->stored;
	struct trace t;
	char xray[TRACE_XRAY_SIZE];
	json_t *o;

	if (!there(c, err))
		return;
	o = listed(c->flows->platform, s);
	set_text(o, "input", buf_str(&s->input));
	json_object_set_new(o, "inputDetails", json_pack("{s:b}", "included", 1));
	if (s->has_output) {
		set_text(o, "output", buf_str(&s->output));
		json_object_set_new(o, "outputDetails", json_pack("{s:b}", "included", 1));
	}
	if (s->has_error)
		set_text(o, "error", buf_str(&s->error));
	if (s->has_cause)
		set_text(o, "cause", buf_str(&s->cause));
	if (trace_parse_parent(str_from(s->trace), &t)) {
		trace_format_xray(&t, xray);
		json_object_set_new(o, "traceHeader", json_string(xray));
	}
	json_object_set_new(o, "redriveCount", json_integer(0));
	json_object_set_new(o, "redriveStatus", json_string("NOT_REDRIVABLE"));
	api_answer(c, o);
}

void api_describe_execution(struct api_call *c)
{
	read_stored(c, false, described);
}

/* ---- ListExecutions ---- */

static bool list_one(void *ctx, const struct execution_row *x)
{
	struct api_call *c = ctx;
	struct flow_stored s = { .id = 0 };

	if (json_array_size(c->list) == c->max) {
		c->found = true;
		return false;
	}
	flow_stored_take(&s, x);
	json_array_append_new(c->list, listed(c->flows->platform, &s));
	c->before = s.id;
	flow_stored_release(&s);
	return true;
}

static int list_all(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);

	json_array_clear(c->list);
	return ops->executions(s, str_from(c->machine), c->status, c->before, list_one, c, err);
}

static void list_done(struct flow_job *job, const struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);
	json_t *o;

	if (err) {
		broken(c, err);
		return;
	}
	o = json_pack("{s:O}", "executions", c->list);
	if (c->found)
		json_object_set_new(o, "nextToken", json_sprintf("%" PRId64, c->before));
	api_answer(c, o);
}

void api_list_executions(struct api_call *c)
{
	const struct flow_def *d = api_machine(c);
	const char *status;

	if (!d || !api_text(c, "statusFilter", 20, false, &status) || !api_page(c, &c->max) ||
	    !api_token(c, INT64_MAX, &c->before))
		return;
	if (d->express) {
		api_error(c, 400, "StateMachineTypeNotSupported",
			  "This operation is not supported by this type of state machine");
		return;
	}
	c->status = -1;
	for (int i = FLOW_RUNNING; status && i <= FLOW_ABORTED; i++)
		if (strcmp(status, flow_status_name[i]) == 0)
			c->status = i;
	if (status && c->status < 0 && strcmp(status, "PENDING_REDRIVE") != 0) {
		api_error(c, 400, "ValidationException",
			  "1 validation error detected: Value at 'statusFilter' failed to satisfy constraint: "
			  "Member must satisfy enum value set: [RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, "
			  "PENDING_REDRIVE]");
		return;
	}
	c->list = json_array();
	c->machine = xstrdup(d->name);
	/* nothing is ever redriven */
	if (status && c->status < 0)
		c->before = 0;
	c->job = (struct flow_job){ .work = list_all, .done = list_done };
	flow_journal_do(c->flows->journal, &c->job);
}

/* ---- GetExecutionHistory ---- */

/* includeExecutionData: false */
static void without_data(json_t *event)
{
	const char *key;
	json_t *v;

	json_object_foreach(event, key, v) {
		if (!ends_with(key, "EventDetails"))
			continue;
		json_object_del(v, "input");
		json_object_del(v, "output");
		json_object_del(v, "parameters");
	}
}

/* Events of a page; those around it are counted alone, as there may be a million, each with its data. */
struct page {
	json_t *events;
	size_t n, from, to;
	bool bare;
};

static void add(void *ctx, const struct flow_history *h)
{
	struct page *p = ctx;
	const size_t at = p->n++;
	json_t *event;

	if (at < p->from || at >= p->to)
		return;
	event = flow_history_json(h);
	if (p->bare)
		without_data(event);
	json_array_append_new(p->events, event);
}

static json_t *reversed(json_t *list)
{
	json_t *out = json_array();

	for (size_t i = json_array_size(list); i-- > 0;)
		json_array_append(out, json_array_get(list, i));
	json_decref(list);
	return out;
}

static void history_read(struct flow_job *job, const struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);
	const bool reverse = json_is_true(json_object_get(c->in, "reverseOrder"));
	const size_t before = (size_t)c->before, next = before + c->max;
	struct page p = { .bare = json_is_false(json_object_get(c->in, "includeExecutionData")) };
	struct err own = ERR_INIT;
	json_t *o;
	int ret = 0;

	if (!there(c, err))
		return;
	p.events = json_array();
	/* from the end on: how many there are has to be known first */
	if (reverse)
		ret = flows_replay(c->flows, &c->stored, add, &p, &own);
	p.from = !reverse ? before : p.n > next ? p.n - next : 0;
	p.to = !reverse ? next : p.n > before ? p.n - before : 0;
	p.n = 0;
	if (ret == 0)
		ret = flows_replay(c->flows, &c->stored, add, &p, &own);
	if (ret < 0) {
		json_decref(p.events);
		broken(c, &own);
		return;
	}
	o = json_pack("{s:o}", "events", reverse ? reversed(p.events) : p.events);
	if (next < p.n)
		json_object_set_new(o, "nextToken", json_sprintf("%zu", next));
	api_answer(c, o);
}

void api_history(struct api_call *c)
{
	if (api_page(c, &c->max) && api_token(c, 0, &c->before))
		read_stored(c, true, history_read);
}

/* ---- StopExecution ---- */

static void stopped(struct flow_waiter *w, const struct flow_exec *x)
{
	struct api_call *c = CONTAINER_OF(w, struct api_call, waiter);

	if (x)
		api_answer(c, json_pack("{s:o}", "stopDate", api_time(flow_execution_ended(x->engine) * 1000000)));
	else
		api_error(c, 503, "ServiceUnavailable", "the platform ends");
}

static void stopped_before(struct flow_job *job, const struct err *err)
{
	struct api_call *c = CONTAINER_OF(job, struct api_call, job);

	if (there(c, err))
		api_answer(c, json_pack("{s:o}", "stopDate", api_time(c->stored.stopped)));
}

void api_stop_execution(struct api_call *c)
{
	const char *error, *cause, *arn;
	struct flow_exec *x;

	if (!api_text(c, "error", 256, false, &error) || !api_text(c, "cause", 32768, false, &cause) ||
	    !api_text(c, "executionArn", 256, true, &arn))
		return;
	x = flows_running(c->flows, str_from(arn));
	if (!x) {
		read_stored(c, false, stopped_before);
		return;
	}
	c->waiter.over = stopped;
	flow_exec_wait(x, &c->waiter);
	flow_exec_stop(x, error, cause);
}
