/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_events.h"

#include <string.h>

#include "base/mem.h"
#include "event.h"
#include "local/client.h"
#include "os/fs.h"
#include "os/proc.h"

void tune_events_release(struct tune_events *e)
{
	VEC_FREE(&e->list);
	arena_release(&e->arena);
	e->what = NULL;
}

static int add(struct tune_events *e, struct str text, const char *where, unsigned line, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (text.len > INVOKE_EVENT_MAX)
		return err_at(err, ERR_LIMIT, where, line, 1, "limit exceeded: an event has at most %u bytes",
			      INVOKE_EVENT_MAX);
	if (e->list.len == TUNE_EVENTS_MAX)
		return err_at(err, ERR_LIMIT, where, line, 1, "limit exceeded: more than %u events", TUNE_EVENTS_MAX);
	buf_adds(&b, text);
	if (event_check(&b, where, line, err) < 0)
		return -1;
	VEC_PUSH(&e->list, ((struct str){ arena_str(&e->arena, text), text.len }));
	return 0;
}

static int add_lines(struct tune_events *e, struct str text, const char *where, struct err *err)
{
	for (unsigned n = 1; text.len; n++) {
		const struct str rest = str_cut(&text, '\n'), line = str_trim(text);

		if (line.len && add(e, line, where, n, err) < 0)
			return -1;
		text = rest;
	}
	return 0;
}

int tune_events_files(struct tune_events *e, const struct strs *paths, struct err *err)
{
	size_t bytes = 0;

	for (size_t i = 0; i < paths->len; i++) {
		const char *path = paths->ptr[i];
		CLEAN_BUF struct buf text = BUF_INIT;
		const bool lines = ends_with(path, ".jsonl") || ends_with(path, ".ndjson");

		if (fs_read(path, TUNE_EVENTS_BYTES, &text, err) < 0)
			return -1;
		bytes += text.len;
		if (bytes > TUNE_EVENTS_BYTES)
			return err_set(err, ERR_LIMIT, "limit exceeded: %s: more than 64 MB of events", path);
		if (lines && add_lines(e, buf_str(&text), path, err) < 0)
			return -1;
		if (!lines && add(e, str_trim(buf_str(&text)), path, 1, err) < 0)
			return -1;
	}
	if (!e->list.len)
		return err_set(err, ERR_FORMAT, "%s: no event in it", paths->len ? paths->ptr[0] : "--events");
	e->what = arena_printf(&e->arena, "%zu event%s of files", e->list.len, e->list.len == 1 ? "" : "s");
	return 0;
}

int tune_events_generate(struct tune_events *e, const char *command, const char *dir, struct err *err)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	CLEAN_BUF struct buf out = BUF_INIT;
	const struct proc_opts opts = { .dir = dir,
					.out = &out,
					.limit = TUNE_EVENTS_BYTES + 1,
					.end_at_limit = true,
					.null_stdin = true,
					.die_with_us = true,
					.own_group = true,
					.timeout_ms = TUNE_GENERATOR_MS };
	int status;

	if (proc_run(argv, &opts, &status, err) < 0)
		return err->code == ERR_INTR ? -1 : err_wrap(err, "the generator");
	if (out.len > TUNE_EVENTS_BYTES)
		return err_set(err, ERR_LIMIT, "limit exceeded: the generator printed more than 64 MB");
	if (status != 0)
		return err_set(err, ERR_FUNCTION, "the generator ended with exit code %d", status);
	if (add_lines(e, buf_str(&out), "generator", err) < 0)
		return -1;
	if (!e->list.len) {
		err_set(err, ERR_FUNCTION, "the generator printed no event");
		return err_hint(err, "JSON, one event a line");
	}
	e->what = arena_printf(&e->arena, "%zu event%s of the generator", e->list.len, e->list.len == 1 ? "" : "s");
	return 0;
}

void tune_events_one(struct tune_events *e, struct str event)
{
	VEC_PUSH(&e->list, ((struct str){ arena_str(&e->arena, event), event.len }));
	e->what = event.len ? "one event" : "GET /";
}
