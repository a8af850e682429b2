/* SPDX-License-Identifier: Apache-2.0 */
#include "local/observe.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/record.h"
#include "local/span.h"

static void make_origin(struct record_origin *origin, const struct lfn *fn, const struct instance *i)
{
	record_origin_init(origin, &(struct record_origin_spec){
		.function = fn->name, .version = "$LATEST", .region = fn->platform->region,
		.instance = i ? i->stream : NULL, .memory = fn->memory });
}

static const struct record_origin *origin_of(struct instance *i)
{
	if (!i->origin) {
		i->origin = xcalloc(1, sizeof(*i->origin));
		make_origin(i->origin, i->fn, i);
	}
	return i->origin;
}

static void line(struct observer *obs, struct instance *i, struct invocation *inv, enum line_from from, struct str text)
{
	struct observe *o = CONTAINER_OF(obs, struct observe, observer);
	const struct record_origin *origin;
	struct trace handler;
	struct record_now now = { .time = (uint64_t)wall_clock(), .stream = RECORD_STDOUT };
	struct record r;

	/* what the platform itself says is in the spans */
	if (from == FROM_PLATFORM)
		return;
	if (inv) {
		handler = inv->trace_of;
		memcpy(handler.span_id, inv->handler_id, sizeof(handler.span_id));
		now.trace = &handler;
		now.request_id = str_from(inv->id);
	}
	origin = origin_of(i);
	/* it may be changed in place */
	buf_reset(&o->line);
	buf_adds(&o->line, text);
	record_parse(&r, origin, o->line.ptr, o->line.len, &now, &o->scratch);
	for (size_t n = 0; n < o->n; n++)
		otlp_log(o->to[n], origin, &r);
}

static void over(struct observer *obs, struct invocation *inv)
{
	struct observe *o = CONTAINER_OF(obs, struct observe, observer);
	struct instance *i = inv->instance;
	struct record_origin none;
	const struct record_origin *origin = i ? origin_of(i) : &none;
	struct span s = {
		.trace = inv->trace_of, .start = (uint64_t)inv->wall_made, .trigger = inv->trigger,
		.request_id = str_from(inv->id), .arn = str_from(inv->fn->arn), .cold = inv->report.cold,
		.method = inv->method ? str_from(inv->method) : STR(""),
		.path = inv->path ? str_from(inv->path) : STR(""),
		.status = (int)inv->status, .billed_ms = inv->report.billed_ms, .memory_peak = inv->report.memory_peak,
		.cpu_ns = inv->report.cpu,
	};
	uint64_t now = (uint64_t)wall_clock(), clock = loop_clock();

	/* what was measured by the one clock, told by the other */
	s.end = inv->answered_at ? now - (clock - inv->answered_at) : now;
	memcpy(s.parent, inv->parent, sizeof(s.parent));
	memcpy(s.handler_id, inv->handler_id, sizeof(s.handler_id));
	trace_new_span(&inv->fn->platform->ids, s.init_id);
	if (inv->tracestate)
		s.state = str_from(inv->tracestate);
	if (inv->is_given) {
		s.handler_start = (uint64_t)inv->wall_given;
		s.handler_end = s.end;
	}
	if (i && inv->report.cold && inv->report.init) {
		s.init_start = (uint64_t)i->wall_born;
		s.init_end = s.init_start + inv->report.init;
	}
	if (inv->outcome != OUTCOME_OK) {
		s.error = inv->error_type ? inv->error_type : outcome_name(inv->outcome);
		s.message = buf_str(&inv->body);
		if (s.message.len > SPAN_MESSAGE_MAX)
			s.message.len = SPAN_MESSAGE_MAX;
	}
	if (!i)
		make_origin(&none, inv->fn, NULL);
	for (size_t n = 0; n < o->n; n++)
		otlp_span(o->to[n], origin, &s);
	if (!i)
		record_origin_release(&none);
}

void observe_execution(struct observe *o, const struct flow_exec *x)
{
	const struct flow_fault *fault = flow_execution_fault(x->engine);
	struct span s = {
		.start = (uint64_t)x->started, .end = (uint64_t)flow_execution_ended(x->engine) * 1000000,
		.machine = str_from(x->def->arn), .execution = str_from(x->arn),
	};
	struct record_origin origin;

	if (!o->n || !trace_parse_parent(str_from(x->traceparent), &s.trace))
		return;
	memcpy(s.parent, x->caller, sizeof(s.parent));
	if (flow_execution_status(x->engine) != FLOW_SUCCEEDED) {
		s.error = fault->error ? fault->error : flow_status_name[flow_execution_status(x->engine)];
		s.message = fault->cause ? str_from(fault->cause) : STR("");
		if (s.message.len > SPAN_MESSAGE_MAX)
			s.message.len = SPAN_MESSAGE_MAX;
	}
	record_origin_init(&origin, &(struct record_origin_spec){
		.function = x->def->name, .region = x->flows->platform->region });
	for (size_t n = 0; n < o->n; n++)
		otlp_span(o->to[n], &origin, &s);
	record_origin_release(&origin);
}

int observe_start(struct observe *o, struct platform *p, const struct observe_opts *opts, struct err *err)
{
	struct otlp_opts x = { .headers = opts->headers, .tell = opts->tell };

	memset(o, 0, sizeof(*o));
	buf_init(&o->scratch);
	buf_init(&o->line);
	if (opts->url && otlp_open_http(&o->to[o->n++], opts->url, &x, err) < 0)
		goto fail;
	if (opts->dir && otlp_open_file(&o->to[o->n++], opts->dir, &x, err) < 0)
		goto fail;
	if (opts->lines && otlp_open_lines(&o->to[o->n++], opts->lines, &x, err) < 0)
		goto fail;
	if (!o->n)
		return 0;
	o->observer.line = line;
	o->observer.over = over;
	platform_observe(p, &o->observer);
	return 0;
fail:
	o->n--;
	observe_stop(o);
	return -1;
}

void observe_stop(struct observe *o)
{
	while (o->n)
		otlp_close(o->to[--o->n], OTLP_FLUSH_MS, NULL);
	buf_release(&o->scratch);
	buf_release(&o->line);
}
