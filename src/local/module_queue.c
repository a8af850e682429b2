/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the queue, in SQLite. Loaded late. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "local/queue_ops.h"
#include "local/sqlite_file.h"

extern const struct queue_ops queue_file_ops;

enum { INSERT, REMOVE, DELAY, DUE, ALL, READ, NSTATEMENTS };

static const char *const sql[NSTATEMENTS] = {
	[INSERT] = "INSERT INTO event (made, due, attempts, throttled, function, id, trace, traceparent, tracestate,"
		   " payload) VALUES (?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
	[REMOVE] = "DELETE FROM event WHERE seq = ?1",
	[DELAY] = "UPDATE event SET due = ?2, attempts = ?3, throttled = ?4 WHERE seq = ?1",
	[DUE] = "SELECT seq, due FROM event WHERE function = ?1 ORDER BY due, seq",
	[ALL] = "SELECT seq, made FROM event ORDER BY seq",
	[READ] = "SELECT made, due, attempts, throttled, function, id, trace, traceparent, tracestate, payload"
		 " FROM event WHERE seq = ?1",
};

/* The payload last: what is read without it then needs no other page. */
static const char schema[] =
	"CREATE TABLE event (seq INTEGER PRIMARY KEY, made INTEGER NOT NULL, due INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL, throttled INTEGER NOT NULL, function TEXT NOT NULL, id TEXT NOT NULL,"
	" trace TEXT, traceparent TEXT, tracestate TEXT, payload BLOB NOT NULL);"
	"CREATE INDEX event_due ON event (function, due);";

static const struct sqlite_kind kind = {
	.noun = "queue",
	.holds = "events",
	.id = 0x736c7371, /* "slsq" */
	.version = 1,
	.schema = schema,
	.empty = "SELECT NOT EXISTS (SELECT 1 FROM event)",
	.sql = sql,
	.nsql = NSTATEMENTS,
};

struct queue_store {
	struct sqlite_file file;
};

static void close_store(struct queue_store *s)
{
	sqlite_file_close(&s->file);
	free(s);
}

static struct queue_store *open_store(const char *path, struct err *err)
{
	struct queue_store *s = xcalloc(1, sizeof(*s));

	if (sqlite_file_open(&s->file, &kind, path, err) == 0)
		return s;
	free(s);
	return NULL;
}

static int begin(struct queue_store *s, bool durable, struct err *err)
{
	/* a row still borrowed would keep the log from starting over */
	sqlite3_reset(sqlite_file_st(&s->file, READ));
	return sqlite_file_begin(&s->file, durable, err);
}

static int commit(struct queue_store *s, struct err *err)
{
	return sqlite_file_commit(&s->file, err);
}

static void rollback(struct queue_store *s)
{
	sqlite_file_rollback(&s->file);
}

static int insert(struct queue_store *s, const struct queue_row *r, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, INSERT);
	int ret;

	sqlite3_bind_int64(st, 1, r->made);
	sqlite3_bind_int64(st, 2, r->due);
	sqlite_bind(st, 3, r->function);
	sqlite_bind(st, 4, r->id);
	sqlite_bind(st, 5, r->trace);
	sqlite_bind(st, 6, r->traceparent);
	sqlite_bind(st, 7, r->tracestate);
	sqlite_bind_blob(st, 8, r->payload);
	ret = sqlite_file_finish(&s->file, INSERT, "cannot store an event", err);
	sqlite3_clear_bindings(st);
	return ret;
}

static int remove_row(struct queue_store *s, int64_t seq, struct err *err)
{
	sqlite3_bind_int64(sqlite_file_st(&s->file, REMOVE), 1, seq);
	return sqlite_file_finish(&s->file, REMOVE, "cannot remove an event", err);
}

static int delay(struct queue_store *s, const struct queue_row *r, struct err *err)
{
	sqlite3_bind_int64(sqlite_file_st(&s->file, DELAY), 1, r->seq);
	sqlite3_bind_int64(sqlite_file_st(&s->file, DELAY), 2, r->due);
	sqlite3_bind_int64(sqlite_file_st(&s->file, DELAY), 3, r->attempts);
	sqlite3_bind_int64(sqlite_file_st(&s->file, DELAY), 4, r->throttled);
	return sqlite_file_finish(&s->file, DELAY, "cannot put an event back", err);
}

static int count(struct queue_store *s, uint64_t *rows, struct err *err)
{
	int64_t n;

	if (sqlite_file_ask(&s->file, "SELECT count(*) FROM event", &n, NULL, err) < 0)
		return -1;
	*rows = (uint64_t)n;
	return 0;
}

static int walk(struct queue_store *s, int which, queue_each each, void *ctx, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, which);
	int rc;

	errno = 0;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (!each(ctx, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)))
			break;
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sqlite_file_fail(&s->file, "cannot read the queue", err);
	sqlite3_reset(st);
	return rc;
}

static int due(struct queue_store *s, const char *function, queue_each each, void *ctx, struct err *err)
{
	sqlite3_bind_text(sqlite_file_st(&s->file, DUE), 1, function, -1, SQLITE_STATIC);
	return walk(s, DUE, each, ctx, err);
}

static int all(struct queue_store *s, queue_each each, void *ctx, struct err *err)
{
	return walk(s, ALL, each, ctx, err);
}

static int read_row(struct queue_store *s, int64_t seq, struct queue_row *r, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, READ);
	int rc;

	sqlite3_reset(st);
	sqlite3_bind_int64(st, 1, seq);
	errno = 0;
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW) {
		rc == SQLITE_DONE ? sqlite_file_damaged(&s->file, "an event of its index is not there", err)
				  : sqlite_file_fail(&s->file, "cannot read the queue", err);
		sqlite3_reset(st);
		return -1;
	}
	*r = (struct queue_row){
		.seq = seq,
		.made = sqlite3_column_int64(st, 0),
		.due = sqlite3_column_int64(st, 1),
		.attempts = (unsigned)sqlite3_column_int64(st, 2),
		.throttled = (unsigned)sqlite3_column_int64(st, 3),
		.function = sqlite_column(st, 4),
		.id = sqlite_column(st, 5),
		.trace = sqlite_column(st, 6),
		.traceparent = sqlite_column(st, 7),
		.tracestate = sqlite_column(st, 8),
		.payload = sqlite_column(st, 9),
	};
	return 0;
}

const struct queue_ops queue_file_ops = {
	.open = open_store,
	.close = close_store,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.insert = insert,
	.remove = remove_row,
	.delay = delay,
	.count = count,
	.due = due,
	.all = all,
	.read = read_row,
};
