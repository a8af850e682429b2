/* SPDX-License-Identifier: Apache-2.0 */
#include "local/telemetry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/extension.h"
#include "local/sink.h"

#define EARLY_MAX (256u << 10)		/* bytes of what is kept for those who subscribe later */

enum { PLATFORM = 1, FUNCTION = 2, EXTENSION = 4 };
static const char *const type_names[] = { "platform", "function", "extension" };

/* Which of the two APIs has an event. */
enum api { BOTH, TELEMETRY_ONLY, LOGS_ONLY };

struct early {
	unsigned type;
	enum api api;
	char *json;
};

struct subscriber {
	struct subscriber *next;
	char *name;
	bool logs;
	unsigned types;
	struct sink sink;
};

struct telemetry {
	struct subscriber *subscribers;
	VEC(struct early) early;
	size_t early_size;
	bool closed;
};

/* ---- events ---- */

static void add_time(struct buf *b, int64_t ns)
{
	time_t s = (time_t)(ns / 1000000000);
	char text[32];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(b, "\"%s.%03dZ\"", text, (int)(ns / 1000000 % 1000));
}

static void add_ms(struct buf *b, const char *key, uint64_t ns)
{
	buf_addf(b, "\"%s\":%.3f", key, (double)ns / 1e6);
}

static bool is_for(const struct subscriber *s, unsigned type, enum api api)
{
	return (s->types & type) && (api == BOTH || s->logs == (api == LOGS_ONLY));
}

/* @record: JSON. */
static void emit(struct instance *i, unsigned type, enum api api, const char *name, int64_t at, struct str record)
{
	struct telemetry *t = i->telemetry;
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "{\"time\":");
	add_time(&b, at);
	buf_addf(&b, ",\"type\":\"%s\",\"record\":", name);
	buf_adds(&b, record);
	buf_addc(&b, '}');
	for (struct subscriber *s = t->subscribers; s; s = s->next)
		if (is_for(s, type, api))
			sink_add(&s->sink, buf_str(&b));
	if (!t->closed && t->early_size + b.len <= EARLY_MAX) {
		struct early e = { .type = type, .api = api };

		t->early_size += b.len;
		e.json = buf_detach(&b);
		VEC_PUSH(&t->early, e);
	}
}

static void emit_now(struct instance *i, enum api api, const char *name, const struct buf *record)
{
	emit(i, PLATFORM, api, name, wall_clock(), buf_str(record));
}

void telemetry_add_tracing(struct buf *b, const struct invocation *inv)
{
	if (!inv->trace)
		return;
	member_open(b, "tracing", '{');
	member_text(b, "type", "X-Amzn-Trace-Id");
	member_text(b, "value", inv->trace);
	buf_addc(b, '}');
}

static const char *status_of(const struct invocation *inv)
{
	switch (inv->outcome) {
	case OUTCOME_OK:
		return "success";
	case OUTCOME_TIMEOUT:
		return "timeout";
	case OUTCOME_STOPPED:
	case OUTCOME_THROTTLED:
		return "failure";
	default:
		return "error";
	}
}

static void add_status(struct buf *b, const struct invocation *inv)
{
	member_text(b, "status", status_of(inv));
	if (inv->error_type && inv->outcome != OUTCOME_OK)
		member_text(b, "errorType", inv->error_type);
}

static void line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from, struct str text)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)o;
	(void)inv;
	if (!i->telemetry || from == FROM_PLATFORM || (i->telemetry->closed && !i->telemetry->subscribers))
		return;
	buf_add_json(&b, text);
	emit(i, from == FROM_FUNCTION ? FUNCTION : EXTENSION, BOTH, from == FROM_FUNCTION ? "function" : "extension",
	     wall_clock(), buf_str(&b));
}

static void begun(struct observer *o, struct invocation *inv)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)o;
	if (!inv->instance->telemetry)
		return;
	buf_addf(&b, "{\"requestId\":\"%s\",\"version\":\"$LATEST\"", inv->id);
	telemetry_add_tracing(&b, inv);
	buf_addc(&b, '}');
	emit_now(inv->instance, BOTH, "platform.start", &b);
}

static void add_span(struct buf *b, const char *name, const struct invocation *inv, uint64_t from, uint64_t to)
{
	buf_addf(b, "{\"name\":\"%s\",\"start\":", name);
	add_time(b, inv->wall_given + (int64_t)(from - inv->given));
	buf_addc(b, ',');
	add_ms(b, "durationMs", to - from);
	buf_addc(b, '}');
}

static void done(struct observer *o, struct invocation *inv)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)o;
	if (!inv->instance->telemetry)
		return;
	buf_addf(&b, "{\"requestId\":\"%s\"", inv->id);
	add_status(&b, inv);
	buf_addz(&b, ",\"metrics\":{");
	add_ms(&b, "durationMs", inv->done_at - inv->given);
	buf_addf(&b, ",\"producedBytes\":%" PRIu64 "}", inv->produced);
	if (inv->answered_at) {
		uint64_t first = inv->first_at ? inv->first_at : inv->answered_at;

		buf_addz(&b, ",\"spans\":[");
		add_span(&b, "responseLatency", inv, inv->given, first);
		buf_addc(&b, ',');
		add_span(&b, "responseDuration", inv, first, inv->answered_at);
		buf_addc(&b, ',');
		add_span(&b, "runtimeOverhead", inv, inv->answered_at, inv->done_at);
		buf_addc(&b, ']');
	}
	telemetry_add_tracing(&b, inv);
	buf_addc(&b, '}');
	emit_now(inv->instance, BOTH, "platform.runtimeDone", &b);
}

static void over(struct observer *o, struct invocation *inv)
{
	const struct invocation_report *r = &inv->report;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)o;
	if (!inv->instance || !inv->instance->telemetry)
		return;
	buf_addf(&b, "{\"requestId\":\"%s\"}", inv->id);
	emit_now(inv->instance, LOGS_ONLY, "platform.end", &b);
	buf_reset(&b);
	buf_addf(&b, "{\"requestId\":\"%s\"", inv->id);
	add_status(&b, inv);
	buf_addz(&b, ",\"metrics\":{");
	add_ms(&b, "durationMs", r->duration);
	buf_addf(&b, ",\"billedDurationMs\":%" PRIu64 ",\"memorySizeMB\":%" PRIu64 ",\"maxMemoryUsedMB\":%" PRIu64,
		 r->billed_ms, inv->fn->memory >> 20, (r->memory_peak + (1u << 20) - 1) >> 20);
	if (r->cold) {
		buf_addc(&b, ',');
		add_ms(&b, "initDurationMs", r->init);
	}
	buf_addc(&b, '}');
	telemetry_add_tracing(&b, inv);
	buf_addc(&b, '}');
	emit_now(inv->instance, BOTH, "platform.report", &b);
}

/* ---- events of its start ---- */

static const char init_is[] = "{\"initializationType\":\"on-demand\",\"phase\":\"init\"";

static void add_init_status(struct buf *b, const struct instance *i, bool good)
{
	const char *type = i->init_error_type ? i->init_error_type : i->end;

	member_text(b, "status",
		    good ? "success" : i->reason && strcmp(i->reason, "timeout") == 0 ? "timeout" : "error");
	if (!good && type)
		member_text(b, "errorType", type);
}

static void tell_extension(struct instance *i, const struct extension *e)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member_text(&b, "name", e->name);
	member_text(&b, "state", extension_state_name(e->state));
	member_open(&b, "events", '[');
	if (e->invoke)
		member_text(&b, NULL, "INVOKE");
	if (e->shutdown)
		member_text(&b, NULL, "SHUTDOWN");
	buf_addc(&b, ']');
	if (e->error_type)
		member_text(&b, "errorType", e->error_type);
	buf_addc(&b, '}');
	emit_now(i, BOTH, "platform.extension", &b);
}

static void close_subscription(struct telemetry *t)
{
	t->closed = true;
	VEC_EACH(&t->early, e)
		free(e->json);
	VEC_FREE(&t->early);
}

static void init(struct observer *o, struct instance *i, enum init_event e)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)o;
	if (!i->telemetry || e == INIT_BEGUN)
		return;
	buf_addz(&b, init_is);
	if (e == INIT_RUNTIME) {
		add_init_status(&b, i, i->asked != 0);
		buf_addc(&b, '}');
		emit_now(i, TELEMETRY_ONLY, "platform.initRuntimeDone", &b);
		return;
	}
	for (struct extension *x = i->extensions; x; x = x->next)
		tell_extension(i, x);
	add_init_status(&b, i, i->ready != 0);
	buf_addz(&b, ",\"metrics\":{");
	add_ms(&b, "durationMs", (i->ready ? i->ready : loop_clock()) - i->born);
	buf_addz(&b, "}}");
	emit_now(i, TELEMETRY_ONLY, "platform.initReport", &b);
	close_subscription(i->telemetry);
}

void telemetry_observe(struct platform *p)
{
	p->telemetry = (struct observer){ .line = line, .init = init, .begun = begun, .done = done, .over = over };
	platform_observe(p, &p->telemetry);
}

void telemetry_start(struct instance *i)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	i->telemetry = xcalloc(1, sizeof(*i->telemetry));
	buf_addz(&b, init_is);
	member_text(&b, "functionName", i->fn->name);
	buf_addf(&b, ",\"functionVersion\":\"$LATEST\",\"instanceId\":\"%s\",\"instanceMaxMemory\":%" PRIu64 "}",
		 i->stream, i->fn->memory);
	emit(i, PLATFORM, TELEMETRY_ONLY, "platform.initStart", i->wall_born, buf_str(&b));
}

void telemetry_flush(struct instance *i)
{
	for (struct subscriber *s = i->telemetry ? i->telemetry->subscribers : NULL; s; s = s->next)
		sink_flush(&s->sink);
}

static void subscriber_free(struct subscriber *s)
{
	sink_release(&s->sink);
	free(s->name);
	free(s);
}

void telemetry_free(struct instance *i)
{
	struct telemetry *t = i->telemetry;

	if (!t)
		return;
	for (struct subscriber *s = t->subscribers, *after; s; s = after) {
		after = s->next;
		subscriber_free(s);
	}
	close_subscription(t);
	free(t);
	i->telemetry = NULL;
}

/* ---- a subscription ---- */

static void tell_dropped(struct sink *sink, uint64_t records, uint64_t bytes, struct buf *b)
{
	(void)sink;
	buf_addz(b, "{\"time\":");
	add_time(b, wall_clock());
	buf_addf(b, ",\"type\":\"platform.logsDropped\",\"record\":{\"droppedBytes\":%" PRIu64
		 ",\"droppedRecords\":%" PRIu64 ",\"reason\":\"Some logs were dropped because the downstream consumer "
		 "is slower than the logs production rate\"}}", bytes, records);
}

static void complain(struct buf *why, const char *what)
{
	if (why->len)
		buf_addz(why, "; ");
	buf_addz(why, what);
}

/* "http://sandbox.localdomain:8080/path": its head; its port into @s. */
static void read_uri(const json_t *destination, struct sink *s, struct buf *why)
{
	static const char *const hosts[] = { "sandbox.localdomain", "sandbox", "localhost", "127.0.0.1" };
	const char *uri = json_string_value(json_object_get(destination, "URI"));
	const char *method = json_string_value(json_object_get(destination, "method"));
	const char *host = uri && strncasecmp(uri, "http://", 7) == 0 ? uri + 7 : NULL, *port, *path;
	bool known = false;
	size_t n;

	if (!host) {
		complain(why, uri ? "destination.URI must begin with http://" : "destination.URI is not provided");
		return;
	}
	n = strcspn(host, ":/?#");
	for (size_t k = 0; k < ARRAY_LEN(hosts); k++)
		if (strlen(hosts[k]) == n && strncasecmp(hosts[k], host, n) == 0)
			known = true;
	for (const char *p = host; *p; p++)
		if (*p <= ' ' || *p > '~')
			known = false;
	if (!known) {
		complain(why, "destination.URI host must be sandbox.localdomain");
		return;
	}
	port = host[n] == ':' ? host + n + 1 : "";
	s->port = (uint16_t)strtoul(port, NULL, 10);
	if (!*port || strspn(port, "0123456789") > 5 || strtoul(port, NULL, 10) - 1 >= 65535) {
		complain(why, "URI port is not provided");
		return;
	}
	path = port + strspn(port, "0123456789");
	if (*path && *path != '/') {
		complain(why, "destination.URI is not valid");
		return;
	}
	s->head = xasprintf("%s %s HTTP/1.1\r\nHost: %.*s:%u\r\nContent-Type: application/json\r\n"
			    "Connection: close\r\n", method && strcmp(method, "PUT") == 0 ? "PUT" : "POST",
			    *path ? path : "/", (int)n, host, s->port);
}

static void read_destination(const json_t *destination, struct sink *s, struct buf *why)
{
	const char *protocol = json_string_value(json_object_get(destination, "protocol"));
	json_int_t port = json_integer_value(json_object_get(destination, "port"));

	if (!json_is_object(destination)) {
		complain(why, "destination is not provided");
	} else if (protocol && strcmp(protocol, "HTTP") == 0) {
		read_uri(destination, s, why);
	} else if (protocol && strcmp(protocol, "TCP") == 0) {
		s->port = (uint16_t)port;
		if (port < 1 || port > 65535)
			complain(why, "destination.port is not provided");
	} else {
		complain(why, "destination.protocol must be HTTP or TCP");
	}
}

static uint64_t read_bound(const json_t *from, const char *key, uint64_t normal, uint64_t min, uint64_t max,
			   struct buf *why)
{
	const json_t *v = json_object_get(from, key);
	CLEAN_FREE char *text = NULL;

	if (!v)
		return normal;
	if (json_is_integer(v) && json_integer_value(v) >= (json_int_t)min && json_integer_value(v) <= (json_int_t)max)
		return (uint64_t)json_integer_value(v);
	text = xasprintf("buffering.%s must be from %" PRIu64 " to %" PRIu64, key, min, max);
	complain(why, text);
	return normal;
}

static bool is_version(const char *v, bool logs)
{
	static const char *const versions[] = { "2020-08-15", "2021-03-18", "2022-07-01", "2022-12-13", "2025-01-29" };

	for (size_t n = logs ? 0 : 2; v && n < (logs ? 2 : ARRAY_LEN(versions)); n++)
		if (strcmp(v, versions[n]) == 0)
			return true;
	return false;
}

static void read_request(const json_t *root, struct subscriber *s, struct buf *why)
{
	const json_t *buffering = json_object_get(root, "buffering"), *types = json_object_get(root, "types"), *e;
	const char *version = json_string_value(json_object_get(root, "schemaVersion"));
	size_t n;

	/* the first version of the Logs API asked for none */
	if (!is_version(version, s->logs) && (!s->logs || version))
		complain(why, version ? "schemaVersion is not known" : "schemaVersion is not provided");
	if (!json_array_size(types))
		complain(why, "types should not be empty");
	json_array_foreach(types, n, e) {
		unsigned type = 0;

		for (size_t k = 0; k < ARRAY_LEN(type_names); k++)
			if (json_is_string(e) && strcmp(json_string_value(e), type_names[k]) == 0)
				type = 1u << k;
		if (!type)
			complain(why, "types must be of platform, function, extension");
		s->types |= type;
	}
	if (buffering && !json_is_object(buffering))
		complain(why, "buffering must be an object");
	s->sink.max_items = (size_t)read_bound(buffering, "maxItems", s->logs ? 10000 : 1000, 1000, 10000, why);
	s->sink.max_bytes = (size_t)read_bound(buffering, "maxBytes", 262144, 262144, 1048576, why);
	s->sink.timeout_ns = read_bound(buffering, "timeoutMs", 1000, 25, 30000, why) * LOOP_MS;
	read_destination(json_object_get(root, "destination"), &s->sink, why);
}

/* A second subscription takes the place of the first. */
static void replace(struct telemetry *t, struct subscriber *s)
{
	struct subscriber **at = &t->subscribers;

	for (; *at; at = &(*at)->next)
		if (strcmp((*at)->name, s->name) == 0) {
			struct subscriber *old = *at;

			*at = old->next;
			subscriber_free(old);
			break;
		}
	s->next = t->subscribers;
	t->subscribers = s;
}

static void tell_subscribed(struct instance *i, const struct subscriber *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member_text(&b, "name", s->name);
	member_text(&b, "state", "Subscribed");
	member_open(&b, "types", '[');
	for (size_t k = 0; k < ARRAY_LEN(type_names); k++)
		if (s->types & 1u << k)
			member_text(&b, NULL, type_names[k]);
	buf_addz(&b, "]}");
	emit_now(i, s->logs ? LOGS_ONLY : TELEMETRY_ONLY,
		 s->logs ? "platform.logsSubscription" : "platform.telemetrySubscription", &b);
}

void telemetry_subscribe(struct web_req *req, struct instance *i, const char *name, bool logs)
{
	static const struct web_header json = { "Content-Type", "application/json" };
	struct telemetry *t = i->telemetry;
	struct subscriber *s;
	CLEAN_BUF struct buf why = BUF_INIT, b = BUF_INIT;
	json_error_t je;
	json_t *root;

	if (t->closed || i->state != INSTANCE_INIT) {
		runtime_api_refuse(req, 403, logs ? "Logs.SubscriptionClosed" : "Telemetry.SubscriptionClosed", "%s",
				   logs ? "Logs API subscription is closed already"
					: "Telemetry API subscription is closed");
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	s->logs = logs;
	s->sink.loop = i->fn->platform->loop;
	sink_init(&s->sink);
	root = json_loadb(req->body.ptr, req->body.len, 0, &je);
	if (json_is_object(root))
		read_request(root, s, &why);
	else
		complain(&why, root ? "an object is expected" : je.text);
	json_decref(root);
	for (struct subscriber *x = t->subscribers; x; x = x->next)
		if (x->logs != logs && strcmp(x->name, name) == 0)
			complain(&why, logs ? "it has subscribed to the Telemetry API"
					    : "it has subscribed to the Logs API");
	if (why.len) {
		subscriber_free(s);
		buf_addz(&b, "{\"errorType\":\"ValidationError\"");
		member_str(&b, "errorMessage", buf_str(&why));
		buf_addz(&b, "}\n");
		web_answer(req, 400, &json, 1, b.ptr, b.len);
		return;
	}
	if (s->types & PLATFORM)
		s->sink.tell = tell_dropped;
	replace(t, s);
	VEC_EACH(&t->early, e)
		if (is_for(s, e->type, e->api))
			sink_add(&s->sink, (struct str){ e->json, strlen(e->json) });
	web_answer(req, 200, &json, 1, "\"OK\"", 4);
	tell_subscribed(i, s);
}
