/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "flow/read.h"

/* Retry and Catch. */

/* Appendix A, and what the service adds. */
static const char *const known_errors[] = {
	"States.ALL",
	"States.DataLimitExceeded",
	"States.ExceedToleratedFailureThreshold",
	"States.HeartbeatTimeout",
	"States.Http.Socket",
	"States.IntrinsicFailure",
	"States.ItemReaderFailed",
	"States.NoChoiceMatched",
	"States.ParameterPathFailure",
	"States.Permissions",
	"States.QueryEvaluationError",
	"States.ResultPathMatchFailure",
	"States.ResultWriterFailed",
	"States.Runtime",
	"States.TaskFailed",
	"States.Timeout",
	"States.BranchFailed",
	NULL,
};

static void check_error_name(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	const char *name = doc_text(n);

	if (!*name) {
		problem(r, t, n->at, "an error's name is not empty");
		return;
	}
	if (strncmp(name, "States.", 7) != 0)
		return;
	for (size_t i = 0; known_errors[i]; i++)
		if (strcmp(name, known_errors[i]) == 0)
			return;
	warning(r, t, n->at, "no error is called '%.80s'", name);
	hint_near(r, name, known_errors, "of the language's own there are");
}

static void read_error_names(struct reader *r, const struct trail *t, const struct doc_node *o, bool last,
			     struct flow_errors *out)
{
	const struct doc_node *n = doc_get(o, "ErrorEquals", NULL);
	const char **names;

	if (!n) {
		problem(r, t, o->at, "'ErrorEquals' is missing");
		hint(r, "a list of names of errors, or [\"States.ALL\"]");
		return;
	}
	t = AT_FIELD(t, "ErrorEquals");
	if (!is_list(r, t, n))
		return;
	if (!n->len) {
		problem(r, t, n->at, "there has to be a name at least");
		hint(r, "[\"States.ALL\"] stands for each error");
		return;
	}
	names = arena_alloc(r->a, n->len * sizeof(char *));
	for (size_t i = 0; i < n->len; i++) {
		if (!is_string(r, AT_INDEX(t, i), n->items[i]))
			return;
		names[i] = doc_text(n->items[i]);
		check_error_name(r, AT_INDEX(t, i), n->items[i]);
		if (strcmp(names[i], "States.ALL") != 0)
			continue;
		if (n->len > 1)
			problem(r, AT_INDEX(t, i), n->items[i]->at, "States.ALL has to be alone in its list");
		else if (!last)
			problem(r, AT_INDEX(t, i), n->items[i]->at,
				"States.ALL has to come last: nothing behind it is ever looked at");
	}
	*out = (struct flow_errors){ names, n->len };
}

static void read_backoff(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_retry *out)
{
	const struct doc_node *n = doc_get(o, "BackoffRate", NULL);

	if (!n)
		return;
	t = AT_FIELD(t, "BackoffRate");
	if (n->type != DOC_NUMBER)
		problem(r, t, n->at, "has to be a number, not %s", doc_kind(n));
	else if (json_number_value(n->json) < 1)
		problem(r, t, n->at, "has to be 1 or more, not %g", json_number_value(n->json));
	else
		out->backoff = json_number_value(n->json);
}

static void read_jitter(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_retry *out)
{
	static const char *const names[] = { "NONE", "FULL", NULL };
	const char *s;
	struct flow_at at;

	if (!field_string(r, t, o, "JitterStrategy", &s, &at))
		return;
	if (strcmp(s, "FULL") == 0) {
		out->jitter = FLOW_JITTER_FULL;
	} else if (strcmp(s, "NONE") != 0) {
		problem(r, AT_FIELD(t, "JitterStrategy"), at, "'%.40s' is no way of jitter", s);
		hint_near(r, s, names, "there are");
	}
}

static void read_retry(struct reader *r, const struct trail *t, const struct doc_node *list, struct flow_state *s)
{
	static const char *const known[] = { "ErrorEquals",	"IntervalSeconds", "MaxAttempts", "BackoffRate",
					     "MaxDelaySeconds", "JitterStrategy",  "Comment",	  NULL };
	struct flow_retry *retry = arena_alloc(r->a, (list->len + 1) * sizeof(struct flow_retry));

	for (size_t i = 0; i < list->len; i++) {
		const struct doc_node *o = list->items[i];
		const struct trail *ti = AT_INDEX(t, i);
		struct flow_retry *e = &retry[i];
		struct flow_at at = o->at;

		*e = (struct flow_retry){ .interval = 1, .max_attempts = 3, .backoff = 2, .at = o->at };
		if (!is_object(r, ti, o))
			continue;
		fields_known(r, ti, o, known, "a retrier");
		read_error_names(r, ti, o, i + 1 == list->len, &e->errors);
		field_count(r, ti, o, "IntervalSeconds", 1, FLOW_SECONDS_MAX, &e->interval, NULL);
		field_count(r, ti, o, "MaxAttempts", 0, FLOW_SECONDS_MAX, &e->max_attempts, NULL);
		read_backoff(r, ti, o, e);
		read_jitter(r, ti, o, e);
		if (field_count(r, ti, o, "MaxDelaySeconds", 1, FLOW_DELAY_MAX, &e->max_delay, &at) &&
		    e->max_delay <= e->interval && doc_get(o, "IntervalSeconds", NULL)) {
			problem(r, AT_FIELD(ti, "MaxDelaySeconds"), at,
				"has to be more than IntervalSeconds, which is %llu", (unsigned long long)e->interval);
		}
	}
	s->retry = retry;
	s->nretry = list->len;
}

static void read_catch(struct reader *r, const struct trail *t, const struct doc_node *list, struct scope *in,
		       struct flow_state *s)
{
	static const char *const known[] = { "ErrorEquals", "Next", "ResultPath", "Assign", "Comment", NULL };
	struct flow_catch *catch = arena_alloc(r->a, (list->len + 1) * sizeof(struct flow_catch));

	for (size_t i = 0; i < list->len; i++) {
		const struct doc_node *o = list->items[i];
		const struct trail *ti = AT_INDEX(t, i);

		catch[i].at = o->at;
		if (!is_object(r, ti, o)) {
			in->broken = true;
			continue;
		}
		fields_known(r, ti, o, known, "a catcher");
		read_error_names(r, ti, o, i + 1 == list->len, &catch[i].errors);
		if (!doc_get(o, "Next", NULL)) {
			problem(r, ti, o->at, "'Next' is missing");
			in->broken = true;
		}
		field_next(r, ti, o, "Next", in, &catch[i].next, &catch[i].next_at);
		field_path(r, ti, o, "ResultPath", FLOW_RESULT, true, &catch[i].result_path);
		field_assign(r, ti, o, in, &catch[i].assign);
	}
	s->catch = catch;
	s->ncatch = list->len;
}

void read_errors(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		 struct flow_state *s)
{
	const struct doc_node *retry = doc_get(o, "Retry", NULL), *catch = doc_get(o, "Catch", NULL);

	if (retry && is_list(r, AT_FIELD(t, "Retry"), retry))
		read_retry(r, AT_FIELD(t, "Retry"), retry, s);
	if (!catch)
		return;
	if (is_list(r, AT_FIELD(t, "Catch"), catch))
		read_catch(r, AT_FIELD(t, "Catch"), catch, in, s);
	else
		in->broken = true;
}
