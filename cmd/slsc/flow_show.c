/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "flow/value.h"

/* ---- events ---- */

/* The "...EventDetails" of an event. */
static const json_t *details(const json_t *event)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)event, key, v)
		if (ends_with(key, "EventDetails"))
			return v;
	return NULL;
}

static void add_member(struct buf *out, const json_t *d, const char *key)
{
	const json_t *v = json_object_get(d, key);

	if (json_is_string(v) && *json_string_value(v)) {
		buf_addz(out, "  ");
		out_text(out, json_string_value(v));
	} else if (json_is_integer(v)) {
		buf_addf(out, "  %s %lld", key, (long long)json_integer_value(v));
	}
}

void flow_show_event(const json_t *event, double *first, struct buf *out)
{
	double at = json_number_value(json_object_get(event, "timestamp"));
	const json_t *d = details(event);
	const char *type = json_string_value(json_object_get(event, "type"));

	if (*first == 0)
		*first = at;
	buf_addf(out, "%5lld  %+9.3f s  %s", (long long)json_integer_value(json_object_get(event, "id")), at - *first,
		 type ? type : "");
	add_member(out, d, "name");
	add_member(out, d, "resource");
	add_member(out, d, "index");
	add_member(out, d, "length");
	add_member(out, d, "error");
	buf_addc(out, '\n');
}

void flow_show_listed(const char *machine, const char *name, const char *status, double started, bool json,
		      struct buf *out)
{
	char when[32];
	time_t t = (time_t)started;
	struct tm tm;

	if (json) {
		buf_addc(out, '{');
		member_text(out, "machine", machine);
		member_text(out, "name", name);
		member_text(out, "status", status);
		buf_addf(out, ",\"started\":%.3f}\n", started);
		return;
	}
	gmtime_r(&t, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_addf(out, "%-10s %s  %s  %s\n", status, when, machine, name);
}

/* ---- the end ---- */

static int show_json(const struct flow_shown *s, const struct flow_spool *events, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member_text(&b, "name", s->name);
	member_text(&b, "arn", s->arn);
	member_text(&b, "status", s->status);
	member(&b, "output");
	buf_adds(&b, s->output.len ? s->output : STR("null"));
	member_text(&b, "error", s->error);
	member_text(&b, "cause", s->cause);
	buf_addf(&b, ",\"started\":%.3f,\"stopped\":%.3f,\"run_here\":%s,\"tasks\":%llu,\"again\":%llu", s->started,
		 s->stopped, s->replayed ? "false" : "true", (unsigned long long)s->given,
		 (unsigned long long)s->again);
	member(&b, "events");
	if (out_stdout(b.ptr, b.len, err) < 0 || flow_spool_print(events, err) < 0)
		return -1;
	return out_stdout("}\n", 2, err);
}

int flow_show(const struct flow_shown *s, const struct flow_spool *events, const struct globals *g, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (g->json)
		return show_json(s, events, err);
	if (!s->output.len)
		return 0;
	buf_adds(&b, s->output);
	buf_addc(&b, '\n');
	return out_stdout(b.ptr, b.len, err);
}

int flow_show_failure(const struct flow_shown *s, struct err *err)
{
	json_t *root = s->cause ? json_loads(s->cause, 0, NULL) : NULL;
	const char *message = json_string_value(json_object_get(root, "errorMessage"));
	const char *cause = message ? message : s->cause;

	err_set(err, ERR_FUNCTION, "%s: %s%s%s%s%s", s->name,
		strcmp(s->status, "TIMED_OUT") == 0 ? "its time is up"
		: strcmp(s->status, "ABORTED") == 0 ? "it was stopped"
						    : "the execution failed",
		s->error ? ": " : "", s->error ? s->error : "", cause && *cause ? ": " : "", cause ? cause : "");
	json_decref(root);
	return -1;
}
