/* SPDX-License-Identifier: Apache-2.0 */
/* What extensions ask: the Extensions API. */
#include "local/extension.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/mem.h"
#include "local/telemetry.h"

#define INVALID_STATE "Extension.InvalidExtensionState"

static struct extension *by_name(struct instance *i, const char *name)
{
	struct extension *e = i->extensions;

	while (e && strcmp(e->name, name) != 0)
		e = e->next;
	return e;
}

static struct extension *by_id(struct instance *i, const char *id)
{
	struct extension *e = i->extensions;

	while (e && strcasecmp(e->id, id) != 0)
		e = e->next;
	return e;
}

static void wrong_state(struct web_req *req, const struct extension *e, enum extension_state to, const char *who)
{
	runtime_api_refuse(req, 403, INVALID_STATE, "State transition from %s to %s failed for extension %s. Error: "
			   "State transition is not allowed", extension_state_name(e->state), extension_state_name(to),
			   who);
}

/* Its list of events; false: answered. */
static bool events(struct web_req *req, bool external, bool *invoke, bool *shutdown)
{
	json_error_t je;
	json_t *root = json_loadb(req->body.ptr, req->body.len, 0, &je), *list, *e;
	bool ok = false;
	size_t n;

	if (!json_is_object(root)) {
		runtime_api_refuse(req, 403, "InvalidRequestFormat", "%s", root ? "an object is expected" : je.text);
		goto out;
	}
	if (json_array_size(json_object_get(root, "configurationKeys"))) {
		runtime_api_refuse(req, 403, "InvalidRequestFormat",
				   "configurationKeys are deprecated; use environment variables instead");
		goto out;
	}
	list = json_object_get(root, "events");
	if (list && !json_is_array(list) && !json_is_null(list)) {
		runtime_api_refuse(req, 403, "InvalidRequestFormat", "events: a list is expected");
		goto out;
	}
	json_array_foreach(list, n, e) {
		const char *name = json_string_value(e);

		if (!name) {
			runtime_api_refuse(req, 403, "InvalidRequestFormat", "events: a list of strings is expected");
			goto out;
		}
		if (strcmp(name, "INVOKE") == 0) {
			*invoke = true;
		} else if (strcmp(name, "SHUTDOWN") == 0 && external) {
			*shutdown = true;
		} else {
			runtime_api_refuse(req, 403, "Extension.InvalidEventType", "%s: %s", name,
					   strcmp(name, "SHUTDOWN") == 0
					   ? "ShutdownEventNotSupportedForInternalExtension" : "ErrorInvalidEventType");
			goto out;
		}
	}
	ok = true;
out:
	json_decref(root);
	return ok;
}

static bool wants(const char *features, const char *what)
{
	size_t len = strlen(what);

	for (const char *p = features; p && *p;) {
		size_t n;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n == len && memcmp(p, what, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static void answer_register(struct web_req *req, const struct extension *e)
{
	struct lfn *fn = e->instance->fn;
	struct web_header h[] = { { "Content-Type", "application/json" }, { "Lambda-Extension-Identifier", e->id } };
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	if (wants(web_header(req, "Lambda-Extension-Accept-Feature"), "accountId"))
		buf_addf(&b, "\"accountId\":\"%s\",", fn->platform->account);
	buf_addz(&b, "\"functionName\":");
	buf_add_json(&b, str_from(fn->name));
	buf_addz(&b, ",\"functionVersion\":\"$LATEST\",\"handler\":\"bootstrap\"}\n");
	web_answer(req, 200, h, ARRAY_LEN(h), b.ptr, b.len);
}

static bool all_registered(const struct instance *i)
{
	for (const struct extension *e = i->extensions; e; e = e->next)
		if (e->external && e->state == EXTENSION_STARTED)
			return false;
	return true;
}

static void enroll(struct web_req *req, struct instance *i)
{
	const char *name = web_header(req, "Lambda-Extension-Name");
	struct extension *e;
	bool invoke = false, shutdown = false;

	if (!name || !*name) {
		runtime_api_refuse(req, 403, "Extension.InvalidExtensionName", "Empty extension name");
		return;
	}
	e = by_name(i, name);
	if (!events(req, e && e->external, &invoke, &shutdown))
		return;
	if (e && e->external && e->state != EXTENSION_STARTED) {
		wrong_state(req, e, EXTENSION_REGISTERED, name);
		return;
	}
	if (!e || !e->external) {
		if (i->asked || i->state != INSTANCE_INIT) {
			runtime_api_refuse(req, 403, "Extension.RegistrationClosed",
					   "Extension registration closed already");
			return;
		}
		if (extensions_count(i) >= EXTENSIONS_MAX) {
			runtime_api_refuse(req, 403, "Extension.TooManyExtensions", "Extension limit (%d) reached",
					   EXTENSIONS_MAX);
			return;
		}
		if (e) {
			runtime_api_refuse(req, 403, INVALID_STATE, "Extension with this name already registered");
			return;
		}
		e = extension_add(i, name, false);
	}
	e->state = EXTENSION_REGISTERED;
	e->invoke = invoke;
	e->shutdown = shutdown;
	answer_register(req, e);
	if (e->external && i->pid <= 0 && i->state == INSTANCE_INIT && all_registered(i))
		instance_runtime(i);
}

static void next(struct web_req *req, struct extension *e)
{
	if (e->state != EXTENSION_REGISTERED && e->state != EXTENSION_RUNNING) {
		wrong_state(req, e, EXTENSION_READY, e->id);
		return;
	}
	e->state = EXTENSION_READY;
	e->waiting = req;
	extension_serve(e);
	if (e->waiting)
		instance_proceed(e->instance);
}

static void error(struct web_req *req, struct extension *e, bool init)
{
	const char *type = web_header(req, "Lambda-Extension-Function-Error-Type");
	enum extension_state to = init ? EXTENSION_INIT_ERROR : EXTENSION_EXIT_ERROR;

	if (!type || !*type) {
		runtime_api_refuse(req, 403, "Extension.MissingHeader",
				   "Lambda-Extension-Function-Error-Type not found");
		return;
	}
	if (e->state != to && e->state != EXTENSION_REGISTERED &&
	    (init || (e->state != EXTENSION_READY && e->state != EXTENSION_RUNNING))) {
		wrong_state(req, e, to, e->id);
		return;
	}
	if (e->state != to) {
		e->state = to;
		free(e->error_type);
		e->error_type = xstrdup(type);
	}
	runtime_api_ok(req);
	/* an external one ends by itself, as it should, or the deadline comes */
	if (!e->external)
		instance_break(e->instance, OUTCOME_EXIT, init ? "Extension.InitError" : "Extension.ExitError",
			       e->error_type);
}

static bool is_uuid(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF-");

	if (n != 36 || s[n])
		return false;
	for (n = 0; n < 36; n++)
		if ((s[n] == '-') != (n == 8 || n == 13 || n == 18 || n == 23))
			return false;
	return true;
}

/* Who asks; NULL: answered. */
static struct extension *who(struct web_req *req, struct instance *i)
{
	const char *id = web_header(req, "Lambda-Extension-Identifier");
	struct extension *e;

	if (!id || !*id) {
		runtime_api_refuse(req, 403, "Extension.MissingExtensionIdentifier",
				   "Missing Lambda-Extension-Identifier header");
		return NULL;
	}
	if (!is_uuid(id)) {
		runtime_api_refuse(req, 403, "Extension.InvalidExtensionIdentifier",
				   "Invalid Lambda-Extension-Identifier");
		return NULL;
	}
	e = by_id(i, id);
	if (!e)
		runtime_api_refuse(req, 403, "Extension.UnknownExtensionIdentifier", "Unknown extension %s", id);
	return e;
}

bool extension_request(struct web_req *req, struct instance *i)
{
	static const struct {
		const char *method, *path;
		enum { REGISTER, NEXT, INIT_ERROR, EXIT_ERROR, TELEMETRY, LOGS } what;
	} paths[] = {
		{ "POST", "/2020-01-01/extension/register", REGISTER },
		{ "GET", "/2020-01-01/extension/event/next", NEXT },
		{ "POST", "/2020-01-01/extension/init/error", INIT_ERROR },
		{ "POST", "/2020-01-01/extension/exit/error", EXIT_ERROR },
		{ "PUT", "/2022-07-01/telemetry", TELEMETRY },
		{ "PUT", "/2022-07-01/telemetry/", TELEMETRY },
		{ "PUT", "/2020-08-15/logs", LOGS },
		{ "PUT", "/2020-08-15/logs/", LOGS },
	};
	struct extension *e;

	for (size_t n = 0; n < ARRAY_LEN(paths); n++) {
		if (!str_eqz(req->path, paths[n].path))
			continue;
		if (strcmp(req->method, paths[n].method) != 0) {
			runtime_api_no_method(req, paths[n].method);
			return true;
		}
		if (paths[n].what == REGISTER) {
			enroll(req, i);
			return true;
		}
		e = who(req, i);
		if (!e)
			return true;
		if (paths[n].what == NEXT)
			next(req, e);
		else if (paths[n].what == INIT_ERROR || paths[n].what == EXIT_ERROR)
			error(req, e, paths[n].what == INIT_ERROR);
		else
			telemetry_subscribe(req, i, e->name, paths[n].what == LOGS);
		return true;
	}
	return false;
}

bool extension_hangup(struct web_req *req, struct instance *i)
{
	for (struct extension *e = i->extensions; e; e = e->next)
		if (e->waiting == req) {
			/* it may ask again */
			e->waiting = NULL;
			if (e->state == EXTENSION_READY)
				e->state = i->ready ? EXTENSION_RUNNING : EXTENSION_REGISTERED;
			return true;
		}
	return false;
}
