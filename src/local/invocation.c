/* SPDX-License-Identifier: Apache-2.0 */
#include "local/platform.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/relay.h"
#include "local/extension.h"
#include "local/scaling.h"

int64_t wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void new_uuid(char id[37])
{
	static uint8_t pool[1024];
	static size_t left;
	uint8_t *b;

	if (left < 16) {
		if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
			BUG("getrandom: no random numbers");
		left = sizeof(pool);
	}
	left -= 16;
	b = pool + left;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0, at = 0; i < 16; i++) {
		static const char hex[] = "0123456789abcdef";

		if (i == 4 || i == 6 || i == 8 || i == 10)
			id[at++] = '-';
		id[at++] = hex[b[i] >> 4];
		id[at++] = hex[b[i] & 15];
	}
	id[36] = '\0';
}

struct invocation *invocation_new(struct lfn *fn)
{
	struct invocation *inv = xcalloc(1, sizeof(*inv));

	new_uuid(inv->id);
	inv->fn = fn;
	inv->wall_made = wall_clock();
	buf_init(&inv->event);
	buf_init(&inv->body);
	buf_init(&inv->lines);
	return inv;
}

void invocation_trace(struct invocation *inv, const char *parent, const char *state, const char *xray)
{
	struct trace_ids *ids = &inv->fn->platform->ids;
	struct trace on, *t = &inv->trace_of;
	char w3c[TRACE_PARENT_SIZE], aws[TRACE_XRAY_SIZE];
	bool theirs = trace_begin(ids, parent ? str_from(parent) : STR(""), xray ? str_from(xray) : STR(""),
				  (uint64_t)(inv->wall_made / 1000000000), t);

	memcpy(inv->parent, t->span_id, sizeof(inv->parent));
	trace_new_span(ids, t->span_id);
	trace_new_span(ids, inv->handler_id);
	on = *t;
	memcpy(on.span_id, inv->handler_id, sizeof(on.span_id));
	trace_format_parent(&on, w3c);
	trace_format_xray(&on, aws);
	inv->traceparent = xstrdup(w3c);
	inv->trace = xstrdup(aws);
	if (theirs && state && trace_state_ok(str_from(state)))
		inv->tracestate = xstrdup(state);
}

void invocation_free(struct invocation *inv)
{
	buf_release(&inv->event);
	buf_release(&inv->body);
	buf_release(&inv->lines);
	free(inv->client_context);
	free(inv->cognito_identity);
	free(inv->trace);
	free(inv->traceparent);
	free(inv->tracestate);
	free(inv->content_type);
	free(inv->error_type);
	free(inv->trailer_error);
	free(inv->method);
	free(inv->path);
	free(inv->request);
	relay_free(inv->call);
	free(inv);
}

/* ---- its log ---- */

void log_tail_add(struct buf *log, struct str line)
{
	buf_adds(log, line);
	buf_addc(log, '\n');
	if (log->len > 2 * TAIL_MAX) {
		memmove(log->ptr, log->ptr + log->len - TAIL_MAX, TAIL_MAX + 1);
		log->len = TAIL_MAX;
	}
}

void invocation_line(struct invocation *inv, struct str line)
{
	if (inv->tail)
		log_tail_add(&inv->lines, line);
}

/* What the platform itself says: START, END, REPORT. */
static void say(struct invocation *inv, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct invocation *inv, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	platform_line_of(inv, buf_str(&b));
}

void invocation_drained(struct invocation *inv)
{
	struct web_req *req = inv->instance ? inv->instance->stalled : NULL;

	if (!req)
		return;
	inv->instance->stalled = NULL;
	web_more(req);
}

/* ---- its course ---- */

static void timed_out(struct loop_timer *t)
{
	struct invocation *inv = CONTAINER_OF(t, struct invocation, deadline);
	struct instance *i = inv->instance;

	line_reader_drain(&i->out);
	say(inv, "%s Task timed out after %" PRIu64 ".%02" PRIu64 " seconds", inv->id, inv->allowed_ms / 1000,
	    inv->allowed_ms % 1000 / 10);
	invocation_fail(inv, OUTCOME_TIMEOUT, "Sandbox.Timedout",
			"RequestId: %s Error: Task timed out after %" PRIu64 ".%02" PRIu64 " seconds", inv->id,
			inv->allowed_ms / 1000, inv->allowed_ms % 1000 / 10);
	if (inv->call) {
		relay_timed_out(inv);
		return;
	}
	/* what its instance takes to end is no part of it */
	invocation_over(inv);
	i->broken = true;
	i->reason = "timeout";
	instance_end(i, "timeout", 0);
}

/* What is left to its caller; at least 1 ms, so that its instance gets to know. */
static void allow(struct invocation *inv)
{
	uint64_t left = inv->until > inv->given ? (inv->until - inv->given) / LOOP_MS : 0;

	inv->limited = inv->until && left < inv->fn->timeout_ms;
	inv->allowed_ms = !inv->limited ? inv->fn->timeout_ms : left ? left : 1;
}

void invocation_begin(struct invocation *inv, struct instance *i)
{
	struct platform *p = inv->fn->platform;

	inv->instance = i;
	inv->given = loop_clock();
	inv->wall_given = wall_clock();
	allow(inv);
	inv->is_given = true;
	inv->report.cold = i->served == 0;
	inv->report.init = inv->report.cold ? i->ready - i->born : 0;
	inv->next = i->doing;
	i->doing = inv;
	i->inv = i->ndoing++ ? NULL : inv;
	for (struct invocation *other = i->ndoing > 1 ? inv : NULL; other; other = other->next)
		other->shared = true;
	i->answered = false;
	i->held = HELD_NOT;
	i->served++;
	i->state = INSTANCE_BUSY;
	quota_mark(&i->group);
	platform_checks(p);
	inv->deadline.expired = timed_out;
	loop_timer_set(p->loop, &inv->deadline, inv->allowed_ms * LOOP_MS);
	if (inv->call) {
		relay_give(i, inv);
	} else {
		runtime_api_give(i);
		say(inv, "START RequestId: %s Version: $LATEST", inv->id);
	}
	for (struct observer *o = p->observers; o; o = o->next)
		if (o->begun)
			o->begun(o, inv);
	extensions_invoke(i);
	platform_changed(i);
}

static void leave(struct invocation *inv)
{
	struct instance *i = inv->instance;

	for (struct invocation **at = &i->doing; *at; at = &(*at)->next)
		if (*at == inv) {
			*at = inv->next;
			break;
		}
	inv->next = NULL;
	i->ndoing--;
	i->inv = i->ndoing == 1 ? i->doing : NULL;
}

void invocation_back(struct invocation *inv)
{
	struct lfn *fn = inv->fn;

	loop_timer_stop(fn->platform->loop, &inv->deadline);
	leave(inv);
	inv->instance = NULL;
	inv->is_given = inv->shared = false;
	inv->next = fn->first;
	fn->first = inv;
	fn->waiting++;
	if (!inv->next)
		fn->last = &inv->next;
}

void invocation_done(struct invocation *inv)
{
	if (inv->done_at)
		return;
	inv->done_at = loop_clock();
	line_reader_drain(&inv->instance->out);
	for (struct observer *o = inv->fn->platform->observers; o; o = o->next)
		if (o->done)
			o->done(o, inv);
}

void invocation_answer(struct invocation *inv)
{
	if (inv->is_answered)
		return;
	inv->is_answered = true;
	/* a caller who asks again at once is not throttled for what its instance has yet to do */
	inv->fn->active--;
	inv->answered_at = loop_clock();
	if (!inv->tail && inv->answered)
		inv->answered(inv);
}

void invocation_fail(struct invocation *inv, enum outcome o, const char *type, const char *fmt, ...)
{
	CLEAN_BUF struct buf msg = BUF_INIT;
	va_list ap;

	if (inv->is_answered)
		return;
	va_start(ap, fmt);
	buf_vaddf(&msg, fmt, ap);
	va_end(ap);
	inv->outcome = o;
	buf_reset(&inv->body);
	buf_addc(&inv->body, '{');
	member_text(&inv->body, "errorType", type);
	member_str(&inv->body, "errorMessage", buf_str(&msg));
	buf_addc(&inv->body, '}');
	free(inv->error_type);
	inv->error_type = xstrdup(type);
	invocation_answer(inv);
}

void invocation_broken(struct invocation *inv, enum outcome o, const char *type, const char *why)
{
	say(inv, "RequestId: %s Error: %s", inv->id, why);
	invocation_fail(inv, o, type, "RequestId: %s Error: %s", inv->id, why);
}

static void report(struct invocation *inv)
{
	struct instance *i = inv->instance;
	struct invocation_report *r = &inv->report;
	uint64_t now = loop_clock();
	CLEAN_BUF struct buf b = BUF_INIT;

	r->duration = now - inv->given;
	r->answer = (inv->is_answered ? inv->answered_at : now) - inv->given;
	/* of one that has ended it was taken before */
	if (i->pid > 0)
		quota_measure(&i->group, &i->used);
	r->cpu = inv->shared ? UINT64_MAX : i->used.cpu;
	r->memory_peak = i->used.memory;
	r->billed_ms = (r->duration + r->init + LOOP_MS - 1) / LOOP_MS;
	if (!inv->call)
		say(inv, "END RequestId: %s", inv->id);
	buf_addf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %" PRIu64 " ms\tMemory Size: %" PRIu64
		 " MB\tMax Memory Used: %.1f MB", inv->id, (double)r->duration / 1e6, r->billed_ms,
		 inv->fn->memory >> 20, (double)r->memory_peak / 1048576);
	if (r->cold)
		buf_addf(&b, "\tInit Duration: %.2f ms", (double)r->init / 1e6);
	if (r->cpu != UINT64_MAX)
		buf_addf(&b, "\tCPU: %.2f ms", (double)r->cpu / 1e6);
	if (inv->trace)
		buf_addf(&b, "\tXRAY TraceId: %s", inv->trace);
	if (inv->outcome != OUTCOME_OK)
		buf_addf(&b, "\tStatus: %s", outcome_name(inv->outcome));
	if (inv->request)
		buf_addf(&b, "\tRequest: %s\tAnswer: %u", inv->request, inv->status);
	platform_line_of(inv, buf_str(&b));
}

void invocation_over(struct invocation *inv)
{
	struct instance *i = inv->instance;
	struct platform *p = inv->fn->platform;

	loop_timer_stop(p->loop, &inv->deadline);
	if (i) {
		invocation_done(inv);
		report(inv);
		scaling_done_one(inv->fn);
	}
	for (struct observer *o = p->observers; o; o = o->next)
		if (o->over)
			o->over(o, inv);
	if (i)
		leave(inv);
	/* whatever became of it, its caller is told */
	if (!inv->is_answered)
		invocation_fail(inv, OUTCOME_EXIT, "Runtime.ExitError", "RequestId: %s Error: there is no answer",
				inv->id);
	if (inv->tail && inv->answered)
		inv->answered(inv);
	if (inv->finished)
		inv->finished(inv);
	invocation_free(inv);
}
