/* SPDX-License-Identifier: Apache-2.0 */
/* slsc flow run and history by the slsc local that runs in the project. */
#include "flow_remote.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/vec.h"
#include "cli/out.h"
#include "flow_show.h"
#include "flow/value.h"
#include "local/flow_client.h"
#include "os/proc.h"

#define ROLE	 "arn:aws:iam::123456789012:role/slsc"
#define MACHINE	 "arn:aws:states:us-east-1:123456789012:stateMachine:"
#define FIRST_MS 5
#define LAST_MS	 200

struct remote {
	struct http *http;
	const char *url;
	const struct globals *g;
};

static json_t *call(struct remote *r, const char *op, json_t *request, struct flow_refusal *no, struct err *err)
{
	json_t *answer = flow_call(r->http, r->url, op, request, no, err);

	json_decref(request);
	return answer;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* The machine as FILE has it now. */
static int define(struct remote *r, const struct flow_project *fp, const char *file, char **arn, struct err *err)
{
	CLEAN_FREE char *name = flow_machine_name(file), *text = NULL;
	struct flow_refusal no = { .type = "" };
	CLEAN_FLOW_MACHINE struct flow_machine m = { .file = NULL };
	json_t *answer;

	if (flow_open(&m, file, &fp->known, false, err) < 0)
		return -1;
	text = json_dumps(m.definition, JSON_COMPACT | JSON_ENCODE_ANY);
	answer = call(r, "CreateStateMachine",
		      json_pack("{s:s, s:s, s:s}", "name", name, "definition", text, "roleArn", ROLE), &no, err);
	if (!answer && strcmp(no.type, "StateMachineAlreadyExists") == 0) {
		*arn = xasprintf(MACHINE "%s", name);
		answer = call(r, "UpdateStateMachine",
			      json_pack("{s:s, s:s}", "stateMachineArn", *arn, "definition", text), NULL, err);
	} else if (answer && text_of(answer, "stateMachineArn")) {
		*arn = xstrdup(text_of(answer, "stateMachineArn"));
	}
	json_decref(answer);
	if (answer && !*arn)
		return err_set(err, ERR_FORMAT, "%s: the answer of CreateStateMachine has no ARN", r->url);
	return answer ? 0 : -1;
}

/* Each page of what @op lists in @key; @request is taken over. */
static int each_page(struct remote *r, const char *op, json_t *request, const char *key,
		     int (*take)(json_t *list, void *ctx, struct err *err), void *ctx, struct err *err)
{
	json_t *page, *token;
	int ret;

	json_object_set_new(request, "maxResults", json_integer(1000));
	do {
		page = call(r, op, json_incref(request), NULL, err);
		ret = page ? take(json_object_get(page, key), ctx, err) : -1;
		token = json_incref(json_object_get(page, "nextToken"));
		json_decref(page);
		if (token)
			json_object_set_new(request, "nextToken", token);
	} while (ret == 0 && token);
	json_decref(request);
	return ret;
}

static int take_all(json_t *list, void *ctx, struct err *err)
{
	(void)err;
	json_array_extend(ctx, list);
	return 0;
}

/* All of them. NULL: an error. */
static json_t *all_of(struct remote *r, const char *op, json_t *request, const char *key, struct err *err)
{
	json_t *all = json_array();

	if (each_page(r, op, request, key, take_all, all, err) == 0)
		return all;
	json_decref(all);
	return NULL;
}

static json_t *machines_of(struct remote *r, struct err *err)
{
	return all_of(r, "ListStateMachines", json_object(), "stateMachines", err);
}

/* The ARN of an execution by its name alone: of several machines' the last that began, as in the journal. */
static int find(struct remote *r, const char *name, char **arn, struct err *err)
{
	json_t *machines = machines_of(r, err), *m;
	double last = -1;
	size_t i;

	json_array_foreach(machines, i, m) {
		const char *machine = text_of(m, "name");
		CLEAN_FREE char *at = xasprintf("arn:aws:states:us-east-1:123456789012:execution:%s:%s",
						machine ? machine : "", name);
		struct flow_refusal no = { .type = "" };
		json_t *x = call(r, "DescribeExecution", json_pack("{s:s}", "executionArn", at), &no, err);
		double began = json_number_value(json_object_get(x, "startDate"));

		json_decref(x);
		if (x && began > last) {
			last = began;
			free(*arn);
			*arn = steal(&at);
		} else if (!x && strcmp(no.type, "ExecutionDoesNotExist") != 0) {
			json_decref(machines);
			return -1;
		}
	}
	json_decref(machines);
	if (!machines)
		return -1;
	if (*arn) {
		*err = (struct err)ERR_INIT;
		return 0;
	}
	err_set(err, ERR_NOTFOUND, "%s: the slsc local that runs here has no execution of that name", name);
	return err_hint(err, "`slsc flow history --list` shows those that it has");
}

/* What becomes of events: there may be a million of them. */
struct showing {
	struct flow_spool *spool; /* for JSON at the end; or NULL */
	int (*print)(const char *p, size_t n, struct err *err);
	bool json, any;
	double first;
};

static int take_events(json_t *list, void *ctx, struct err *err)
{
	struct showing *s = ctx;
	CLEAN_BUF struct buf b = BUF_INIT;
	json_t *event;
	size_t i;

	json_array_foreach(list, i, event) {
		if (s->spool && flow_spool_add(s->spool, event, err) < 0)
			return -1;
		if (s->spool)
			continue;
		if (!s->json) {
			flow_show_event(event, &s->first, &b);
			continue;
		}
		buf_addz(&b, s->any ? "," : "{\"events\":[");
		flow_value_dump(event, &b);
		s->any = true;
	}
	return s->spool ? 0 : s->print(b.ptr, b.len, err);
}

static int show_events(struct remote *r, const char *arn, struct showing *s, struct err *err)
{
	return each_page(r, "GetExecutionHistory", json_pack("{s:s}", "executionArn", arn), "events", take_events, s,
			 err);
}

static int to_stderr(const char *p, size_t n, struct err *err)
{
	(void)err;
	out_raw(p, n);
	return 0;
}

static int wait_for(struct remote *r, const char *arn, json_t **out, struct err *err)
{
	unsigned ms = FIRST_MS;

	for (;;) {
		const struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ms * 1000000 };
		json_t *x = call(r, "DescribeExecution", json_pack("{s:s}", "executionArn", arn), NULL, err);
		const char *status = text_of(x, "status");

		if (!x)
			return -1;
		if (status && strcmp(status, "RUNNING") != 0) {
			*out = x;
			return 0;
		}
		json_decref(x);
		nanosleep(&t, NULL);
		if (sig_check(err) < 0)
			return err_hint(err,
					"slsc local goes on with it; to wait for it: slsc flow run --resume %.100s",
					strrchr(arn, ':') + 1);
		ms = ms * 2 < LAST_MS ? ms * 2 : LAST_MS;
	}
}

static int show(struct remote *r, const struct flow_run_ctx *c, const char *arn, const json_t *x, struct err *err)
{
	CLEAN_FLOW_SPOOL struct flow_spool events = FLOW_SPOOL_INIT;
	struct showing showing = { .spool = r->g->json ? &events : NULL, .print = to_stderr };
	struct flow_shown shown = {
		.name = text_of(x, "name"),
		.arn = arn,
		.status = text_of(x, "status"),
		.output = str_from(text_of(x, "output") ? text_of(x, "output") : ""),
		.error = text_of(x, "error"),
		.cause = text_of(x, "cause"),
		.started = json_number_value(json_object_get(x, "startDate")),
		.stopped = json_number_value(json_object_get(x, "stopDate")),
		.replayed = true,
	};
	int ret;

	if ((c->history || r->g->json) && show_events(r, arn, &showing, err) < 0)
		return -1;
	ret = flow_show(&shown, &events, r->g, err);
	if (ret == 0 && strcmp(shown.status, "SUCCEEDED") != 0)
		ret = flow_show_failure(&shown, err);
	return ret;
}

static int begin(struct remote *r, const struct flow_run_ctx *c, const char *machine, const struct buf *input,
		 char **arn, struct err *err)
{
	struct flow_refusal no = { .type = "" };
	json_t *request = json_pack("{s:s, s:s}", "stateMachineArn", machine, "input", input->ptr), *answer;
	const char *name = strrchr(machine, ':') + 1;

	if (!request)
		return err_set(err, ERR_FORMAT, "the input is no UTF-8");
	if (c->name)
		json_object_set_new(request, "name", json_string(c->name));
	answer = call(r, "StartExecution", request, &no, err);
	if (answer && text_of(answer, "executionArn"))
		*arn = xstrdup(text_of(answer, "executionArn"));
	json_decref(answer);
	if (answer)
		return *arn ? 0 : err_set(err, ERR_FORMAT, "%s: the answer of StartExecution has no ARN", r->url);
	if (strcmp(no.type, "ExecutionAlreadyExists") != 0)
		return -1;
	/* one that has ended is told of, if it was given the same */
	*arn = xasprintf("arn:aws:states:us-east-1:123456789012:execution:%s:%s", name, c->name);
	answer = call(r, "DescribeExecution", json_pack("{s:s}", "executionArn", *arn), NULL, err);
	if (!answer)
		return -1;
	if (!text_of(answer, "input") || strcmp(text_of(answer, "input"), input->ptr) != 0) {
		json_decref(answer);
		err_set(err, ERR_EXISTS, "%s: an execution of that name was given another input", c->name);
		return err_hint(err, "choose another name; `slsc flow history %.150s` tells of it", c->name);
	}
	json_decref(answer);
	out_note("%s had ended before: nothing was run", c->name);
	return 0;
}

int flow_run_remote(const struct flow_run_ctx *c, const struct globals *g, const struct flow_project *fp,
		    const char *url, const char *file, struct err *err)
{
	struct remote r = { .url = url, .g = g };
	CLEAN_FREE char *machine = NULL, *arn = NULL;
	CLEAN_BUF struct buf input = BUF_INIT;
	json_t *x = NULL;
	int ret = -1;

	if (c->timeout || c->tail || c->profile)
		return err_set(err, ERR_USAGE, "slsc local runs here, and runs it: --%s is for a run without it",
			       c->timeout ? "timeout"
			       : c->tail  ? "tail"
					  : "profile");
	r.http = http_new(err);
	if (!r.http)
		return -1;
	if (c->resume) {
		if (find(&r, c->resume, &arn, err) < 0)
			goto out;
	} else if (flow_input_read(c, &input, err) < 0 || define(&r, fp, file, &machine, err) < 0 ||
		   begin(&r, c, machine, &input, &arn, err) < 0) {
		goto out;
	}
	if (wait_for(&r, arn, &x, err) < 0)
		goto out;
	ret = show(&r, c, arn, x, err);
	json_decref(x);
out:
	http_free(r.http);
	return ret;
}

/* ---- history ---- */

/* The last that began first, as in the journal. */
static int later(const void *a, const void *b)
{
	const double x = json_number_value(json_object_get(*(json_t *const *)a, "startDate"));
	const double y = json_number_value(json_object_get(*(json_t *const *)b, "startDate"));

	return (x < y) - (x > y);
}

static int list(struct remote *r, struct buf *out, struct err *err)
{
	VEC(json_t *) all = { .len = 0 };
	json_t *machines = machines_of(r, err), *m, *page, *x;
	int ret = machines ? 0 : -1;
	size_t i, k;

	json_array_foreach(machines, i, m) {
		const char *type = text_of(m, "type");

		/* nothing is kept of those of type EXPRESS */
		if (ret < 0 || (type && strcmp(type, "EXPRESS") == 0))
			continue;
		page = all_of(r, "ListExecutions", json_pack("{s:s}", "stateMachineArn", text_of(m, "stateMachineArn")),
			      "executions", err);
		if (!page) {
			ret = -1;
			continue;
		}
		json_array_foreach(page, k, x) {
			json_object_set(x, "machine", json_object_get(m, "name"));
			VEC_PUSH(&all, json_incref(x));
		}
		json_decref(page);
	}
	if (all.len)
		qsort(all.ptr, all.len, sizeof(all.ptr[0]), later);
	VEC_EACH(&all, at) {
		flow_show_listed(text_of(*at, "machine"), text_of(*at, "name"), text_of(*at, "status"),
				 json_number_value(json_object_get(*at, "startDate")), r->g->json, out);
		json_decref(*at);
	}
	VEC_FREE(&all);
	json_decref(machines);
	return ret;
}

int flow_history_remote(const struct flow_history_ctx *c, const struct globals *g, const char *url, const char *name,
			struct err *err)
{
	struct remote r = { .url = url, .g = g };
	CLEAN_FREE char *arn = NULL;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct showing showing = { .print = out_stdout, .json = g->json };
	int ret = -1;

	r.http = http_new(err);
	if (!r.http)
		return -1;
	if (c->list)
		ret = list(&r, &out, err);
	else if (find(&r, name, &arn, err) == 0)
		ret = show_events(&r, arn, &showing, err);
	if (ret == 0 && !c->list && g->json)
		buf_addz(&out, showing.any ? "]}\n" : "{\"events\":[]}\n");
	http_free(r.http);
	return ret < 0 ? -1 : out_stdout(out.ptr, out.len, err);
}
