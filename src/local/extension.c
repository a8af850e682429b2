/* SPDX-License-Identifier: Apache-2.0 */
#include "local/extension.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/telemetry.h"
#include "os/fs.h"

const char *extension_state_name(enum extension_state s)
{
	static const char *const names[] = { "Started", "Registered", "Ready", "Running", "InitError", "ExitError",
					     "ShutdownFailed", "Exited", "LaunchError" };

	return names[s];
}

struct extension *extension_add(struct instance *i, const char *name, bool external)
{
	struct extension *e = xcalloc(1, sizeof(*e)), **at = &i->extensions;

	while (*at)
		at = &(*at)->next;
	*at = e;
	e->instance = i;
	e->name = xstrdup(name);
	e->external = external;
	e->pid = -1;
	e->process.fd = e->out.io.fd = -1;
	new_uuid(e->id);
	if (!i->telemetry)
		telemetry_start(i);
	return e;
}

unsigned extensions_count(const struct instance *i)
{
	unsigned n = 0;

	for (const struct extension *e = i->extensions; e; e = e->next)
		n++;
	return n;
}

/* ---- their processes ---- */

static void ended(struct loop_io *io, uint32_t events)
{
	struct extension *e = CONTAINER_OF(io, struct extension, process);
	struct instance *i = e->instance;
	CLEAN_FREE char *how = NULL;
	const char *type;
	int status;

	(void)events;
	if (!instance_reap(&e->pid, io, i->fn->platform->loop, &status))
		return;
	line_reader_stop(&e->out);
	how = exit_words(status);
	if (i->state == INSTANCE_ENDING) {
		e->state = how ? EXTENSION_SHUTDOWN_FAILED : EXTENSION_EXITED;
		instance_left(i);
		return;
	}
	type = e->state == EXTENSION_INIT_ERROR	  ? "Extension.InitError" :
	       e->state == EXTENSION_EXIT_ERROR ? "Extension.ExitError" : "Extension.Crash";
	instance_break(i, OUTCOME_EXIT, type, how ? how : "exit code 0");
}

static void cannot_start(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);
	const char *type = "UnknownError";

	for (struct extension *e = i->extensions; e; e = e->next)
		if (e->state == EXTENSION_LAUNCH_ERROR)
			type = e->error_type;
	instance_break(i, OUTCOME_EXIT, "Extension.LaunchError", type);
}

static bool cannot(struct extension *e, const char *type)
{
	e->state = EXTENSION_LAUNCH_ERROR;
	e->error_type = xstrdup(type);
	e->instance->timer.expired = cannot_start;
	return false;
}

/* An extension is not told what concerns the function alone. */
static void environment(struct instance *i, struct strs *env)
{
	static const char *const without[] = { "LAMBDA_TASK_ROOT=", "LAMBDA_RUNTIME_DIR=", "_HANDLER=",
					       "AWS_LAMBDA_LOG_GROUP_NAME=", "AWS_LAMBDA_LOG_STREAM_NAME=" };
	CLEAN_STRS struct strs all = { 0 };

	instance_environment(i, &all);
	for (size_t n = 0; n < all.len; n++) {
		bool keep = true;

		for (size_t k = 0; k < ARRAY_LEN(without); k++)
			if (starts_with(all.ptr[n], without[k]))
				keep = false;
		if (keep)
			strs_add(env, all.ptr[n]);
	}
}

static bool start(struct instance *i, const char *name)
{
	CLEAN_FREE char *path = path_join(i->fn->extensions, name), *host = NULL;
	struct extension *e = extension_add(i, name, true);
	char *argv[] = { path, NULL };
	CLEAN_STRS struct strs env = { 0 };
	struct err err = ERR_INIT;

	if (extensions_count(i) > EXTENSIONS_MAX)
		return cannot(e, "TooManyExtensions");
	environment(i, &env);
	e->process.ready = ended;
	e->out.from = FROM_EXTENSION;
	if (instance_spawn(i, argv, &env, &e->out, &e->pid, &e->process, &err) == 0)
		return true;
	platform_line(i, FROM_PLATFORM, str_from(err.msg));
	host = xasprintf("%s%s", i->fn->root ? i->fn->root : "", path);
	return cannot(e, access(host, X_OK) < 0 && errno == EACCES ? "PermissionDenied" : "UnknownError");
}

static DIR *list(const struct lfn *fn)
{
	CLEAN_FREE char *path = NULL;

	if (!fn->extensions)
		return NULL;
	path = fn->root ? xasprintf("%s/%s", fn->root, fn->extensions) : xstrdup(fn->extensions);
	return opendir(path);
}

bool extensions_start(struct instance *i)
{
	CLEAN_STRS struct strs names = { 0 };
	DIR *dir = i->fn->runtime == RUNTIME_LAMBDA ? list(i->fn) : NULL;
	bool all = true;

	if (!dir)
		return true;
	for (struct dirent *d; (d = readdir(dir));) {
		struct stat st;

		if (fstatat(dirfd(dir), d->d_name, &st, 0) == 0 && !S_ISDIR(st.st_mode))
			strs_add(&names, d->d_name);
	}
	closedir(dir);
	strs_sort(&names);
	for (size_t n = 0; n < names.len && all; n++)
		all = start(i, names.ptr[n]);
	return all;
}

bool extensions_running(const struct instance *i)
{
	for (const struct extension *e = i->extensions; e; e = e->next)
		if (e->pid > 0)
			return true;
	return false;
}

void extensions_kill(struct instance *i)
{
	for (struct extension *e = i->extensions; e; e = e->next)
		if (e->pid > 0)
			kill(-e->pid, SIGKILL);
}

void extensions_free(struct instance *i)
{
	for (struct extension *e = i->extensions, *after; e; e = after) {
		after = e->next;
		line_reader_stop(&e->out);
		free(e->name);
		free(e->error_type);
		free(e);
	}
	i->extensions = NULL;
}

/* ---- events ---- */

static void tell(struct extension *e, bool is_invoke, const char *json)
{
	char id[37];
	struct web_header h[] = { { "Content-Type", "application/json" },
				  { is_invoke ? "Lambda-Extension-Event-Identifier" : NULL, id } };

	new_uuid(id);
	e->state = EXTENSION_RUNNING;
	web_answer(e->waiting, 200, h, ARRAY_LEN(h), json, strlen(json));
	e->waiting = NULL;
}

static void tell_invoke(struct extension *e)
{
	struct invocation *inv = e->instance->inv;
	CLEAN_BUF struct buf b = BUF_INIT;

	e->owed_invoke = false;
	buf_addf(&b, "{\"eventType\":\"INVOKE\",\"deadlineMs\":%" PRId64 ",\"requestId\":\"%s\"",
		 inv->wall_given / 1000000 + (int64_t)inv->allowed_ms, inv->id);
	member_text(&b, "invokedFunctionArn", inv->fn->arn);
	telemetry_add_tracing(&b, inv);
	buf_addc(&b, '}');
	tell(e, true, b.ptr);
}

static void tell_shutdown(struct extension *e)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	e->owed_shutdown = false;
	buf_addf(&b, "{\"eventType\":\"SHUTDOWN\",\"deadlineMs\":%" PRId64 ",\"shutdownReason\":\"%s\"}",
		 e->instance->end_wall_ms, e->instance->reason ? e->instance->reason : "spindown");
	tell(e, false, b.ptr);
}

void extension_serve(struct extension *e)
{
	if (!e->waiting)
		return;
	if (e->owed_shutdown)
		tell_shutdown(e);
	else if (e->owed_invoke && e->instance->inv)
		tell_invoke(e);
}

bool extensions_ready(const struct instance *i)
{
	for (const struct extension *e = i->extensions; e; e = e->next)
		if (e->state != EXTENSION_READY || e->owed_invoke)
			return false;
	return true;
}

void extensions_invoke(struct instance *i)
{
	for (struct extension *e = i->extensions; e; e = e->next) {
		e->owed_invoke = e->invoke;
		extension_serve(e);
	}
}

void extensions_shutdown(struct instance *i, int64_t deadline_ms)
{
	i->end_wall_ms = deadline_ms;
	for (struct extension *e = i->extensions; e; e = e->next) {
		e->owed_invoke = false;
		if (e->pid <= 0)
			continue;
		e->owed_shutdown = e->shutdown;
		if (e->shutdown)
			extension_serve(e);
		else
			kill(-e->pid, SIGKILL);
	}
}
