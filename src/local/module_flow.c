/* SPDX-License-Identifier: Apache-2.0 */
/* The file of state machines and their executions, in SQLite. Loaded late. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "local/flow_store.h"
#include "local/sqlite_file.h"

extern const struct flow_store_ops flow_file_ops;

enum {
	DEFINITION_PUT,
	MACHINE_PUT,
	MACHINE_REMOVE,
	EXECUTION_PUT,
	EXECUTION_END,
	EVENT_PUT,
	DEFINITION,
	EXECUTION,
	FIND,
	FIND_ANY,
	MACHINES,
	EXECUTIONS,
	EVENTS,
	EXPIRE_EVENTS,
	EXPIRE,
	EXPIRE_DEFINITIONS,
	NSTATEMENTS
};

/* clang-format off */
#define EXECUTION_COLUMNS "id, revision, machine, name, role, trace, input, output, error, cause, status, started, " \
			  "stopped, engine, seed, deadline"
/* clang-format on */

static const char *const sql[NSTATEMENTS] = {
	[DEFINITION_PUT] = "INSERT OR IGNORE INTO definition (revision, text) VALUES (?1, ?2)",
	[MACHINE_PUT] = "INSERT OR REPLACE INTO machine (name, revision, type, role, made, changed)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[MACHINE_REMOVE] = "DELETE FROM machine WHERE name = ?1",
	[EXECUTION_PUT] = "INSERT INTO execution (id, revision, machine, name, role, trace, input, status, started,"
			  " engine, seed, deadline) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11)",
	[EXECUTION_END] = "UPDATE execution SET status = ?2, stopped = ?3, output = ?4, error = ?5, cause = ?6"
			  " WHERE id = ?1",
	[EVENT_PUT] = "INSERT INTO event (execution, seq, at, body) VALUES (?1, ?2, ?3, ?4)",
	[DEFINITION] = "SELECT text FROM definition WHERE revision = ?1",
	[EXECUTION] = "SELECT " EXECUTION_COLUMNS " FROM execution WHERE id = ?1",
	[FIND] = "SELECT id FROM execution WHERE name = ?2 AND machine = ?1",
	[FIND_ANY] = "SELECT id FROM execution WHERE name = ?2 ORDER BY id DESC LIMIT 1",
	[MACHINES] = "SELECT name, m.revision, type, role, made, changed, text FROM machine m JOIN definition d"
		     " ON d.revision = m.revision ORDER BY name",
	[EXECUTIONS] = "SELECT " EXECUTION_COLUMNS " FROM execution WHERE (?1 = '' OR machine = ?1)"
		       " AND (?2 < 0 OR status = ?2) AND id < ?3 ORDER BY id DESC",
	[EVENTS] = "SELECT execution, seq, at, body FROM event WHERE execution = ?1 ORDER BY seq",
	[EXPIRE_EVENTS] = "DELETE FROM event WHERE execution IN (SELECT id FROM execution WHERE status > 0"
			  " AND stopped < ?1)",
	[EXPIRE] = "DELETE FROM execution WHERE status > 0 AND stopped < ?1",
	[EXPIRE_DEFINITIONS] = "DELETE FROM definition WHERE revision NOT IN (SELECT revision FROM machine)"
			       " AND revision NOT IN (SELECT revision FROM execution)",
};

/* Large columns last: what is read without them then needs no other page. */
static const char schema[] =
	"CREATE TABLE definition (revision INTEGER PRIMARY KEY, text BLOB NOT NULL);"
	"CREATE TABLE machine (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, type TEXT NOT NULL, role TEXT,"
	" made INTEGER NOT NULL, changed INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE execution (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, machine TEXT NOT NULL,"
	" name TEXT NOT NULL, status INTEGER NOT NULL, started INTEGER NOT NULL, stopped INTEGER,"
	" engine INTEGER NOT NULL, seed INTEGER NOT NULL, deadline INTEGER NOT NULL, role TEXT, trace TEXT,"
	" error TEXT, cause TEXT, output BLOB, input BLOB);"
	"CREATE UNIQUE INDEX execution_name ON execution (name, machine);"
	"CREATE INDEX execution_running ON execution (id) WHERE status = 0;"
	"CREATE TABLE event (execution INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,"
	" body BLOB NOT NULL, PRIMARY KEY (execution, seq)) WITHOUT ROWID;";

static const struct sqlite_kind kind = {
	.noun = "journal",
	.holds = "executions",
	.id = 0x736c7366, /* "slsf" */
	.version = 1,
	.schema = schema,
	.empty = "SELECT NOT EXISTS (SELECT 1 FROM execution)",
	.sql = sql,
	.nsql = NSTATEMENTS,
};

struct flow_store {
	struct sqlite_file file;
};

static void close_store(struct flow_store *s)
{
	sqlite_file_close(&s->file);
	free(s);
}

static struct flow_store *open_store(const char *path, int64_t *next, struct err *err)
{
	static const char last[] = "SELECT 1 + max(coalesce((SELECT max(id) FROM execution), 0),"
				   " coalesce((SELECT max(revision) FROM definition), 0))";
	struct flow_store *s = xcalloc(1, sizeof(*s));

	if (sqlite_file_open(&s->file, &kind, path, err) == 0) {
		if (sqlite_file_ask(&s->file, last, next, NULL, err) == 0)
			return s;
		sqlite_file_close(&s->file);
	}
	free(s);
	return NULL;
}

static int begin(struct flow_store *s, struct err *err)
{
	/* a row still borrowed would keep the log from starting over */
	sqlite3_reset(sqlite_file_st(&s->file, DEFINITION));
	sqlite3_reset(sqlite_file_st(&s->file, EXECUTION));
	return sqlite_file_begin(&s->file, true, err);
}

static int commit(struct flow_store *s, struct err *err)
{
	return sqlite_file_commit(&s->file, err);
}

static void rollback(struct flow_store *s)
{
	sqlite_file_rollback(&s->file);
}

/* ---- writing ---- */

static int machine_put(struct flow_store *s, const struct machine_row *m, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, DEFINITION_PUT);

	sqlite3_bind_int64(st, 1, m->revision);
	sqlite_bind_blob(st, 2, m->definition);
	if (sqlite_file_finish(&s->file, DEFINITION_PUT, "cannot store a definition", err) < 0)
		return -1;
	st = sqlite_file_st(&s->file, MACHINE_PUT);
	sqlite_bind(st, 1, m->name);
	sqlite3_bind_int64(st, 2, m->revision);
	sqlite_bind(st, 3, m->type);
	sqlite_bind(st, 4, m->role);
	sqlite3_bind_int64(st, 5, m->made);
	sqlite3_bind_int64(st, 6, m->changed);
	return sqlite_file_finish(&s->file, MACHINE_PUT, "cannot store a state machine", err);
}

static int machine_remove(struct flow_store *s, struct str name, struct err *err)
{
	sqlite_bind(sqlite_file_st(&s->file, MACHINE_REMOVE), 1, name);
	return sqlite_file_finish(&s->file, MACHINE_REMOVE, "cannot remove a state machine", err);
}

static int execution_put(struct flow_store *s, const struct execution_row *x, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, EXECUTION_PUT);

	sqlite3_bind_int64(st, 1, x->id);
	sqlite3_bind_int64(st, 2, x->revision);
	sqlite_bind(st, 3, x->machine);
	sqlite_bind(st, 4, x->name);
	sqlite_bind(st, 5, x->role);
	sqlite_bind(st, 6, x->trace);
	sqlite_bind_blob(st, 7, x->input);
	sqlite3_bind_int64(st, 8, x->started);
	sqlite3_bind_int64(st, 9, x->engine);
	sqlite3_bind_int64(st, 10, x->seed);
	sqlite3_bind_int64(st, 11, x->deadline);
	return sqlite_file_finish(&s->file, EXECUTION_PUT, "cannot store an execution", err);
}

static void bind_maybe(sqlite3_stmt *st, int n, bool has, struct str s)
{
	if (has)
		sqlite_bind_blob(st, n, s);
	else
		sqlite3_bind_null(st, n);
}

static int execution_end(struct flow_store *s, const struct execution_row *x, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, EXECUTION_END);

	sqlite3_bind_int64(st, 1, x->id);
	sqlite3_bind_int(st, 2, x->status);
	sqlite3_bind_int64(st, 3, x->stopped);
	bind_maybe(st, 4, x->has_output, x->output);
	bind_maybe(st, 5, x->has_error, x->error);
	bind_maybe(st, 6, x->has_cause, x->cause);
	return sqlite_file_finish(&s->file, EXECUTION_END, "cannot store the end of an execution", err);
}

static int event_put(struct flow_store *s, const struct event_row *e, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, EVENT_PUT);

	sqlite3_bind_int64(st, 1, e->execution);
	sqlite3_bind_int64(st, 2, e->seq);
	sqlite3_bind_int64(st, 3, e->at);
	sqlite_bind_blob(st, 4, e->body);
	return sqlite_file_finish(&s->file, EVENT_PUT, "cannot store an event", err);
}

static int expire(struct flow_store *s, int64_t at, struct err *err)
{
	sqlite3_bind_int64(sqlite_file_st(&s->file, EXPIRE_EVENTS), 1, at);
	sqlite3_bind_int64(sqlite_file_st(&s->file, EXPIRE), 1, at);
	if (sqlite_file_finish(&s->file, EXPIRE_EVENTS, "cannot forget old executions", err) < 0 ||
	    sqlite_file_finish(&s->file, EXPIRE, "cannot forget old executions", err) < 0)
		return -1;
	return sqlite_file_finish(&s->file, EXPIRE_DEFINITIONS, "cannot forget old definitions", err);
}

/* ---- reading ---- */

/* The next row of a statement whose values are bound: 1, 0 at its end, which resets it. */
static int step(struct flow_store *s, int which, struct err *err)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, which);
	int rc, ret = 0;

	errno = 0;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		ret = sqlite_file_fail(&s->file, "cannot read the journal", err);
	sqlite3_reset(st);
	return ret;
}

/* What was read before is not needed any more. */
static sqlite3_stmt *again(struct flow_store *s, int which)
{
	sqlite3_stmt *st = sqlite_file_st(&s->file, which);

	sqlite3_reset(st);
	return st;
}

static void take_execution(sqlite3_stmt *st, struct execution_row *x)
{
	*x = (struct execution_row){
		.id = sqlite3_column_int64(st, 0),
		.revision = sqlite3_column_int64(st, 1),
		.machine = sqlite_column(st, 2),
		.name = sqlite_column(st, 3),
		.role = sqlite_column(st, 4),
		.trace = sqlite_column(st, 5),
		.input = sqlite_column(st, 6),
		.output = sqlite_column(st, 7),
		.error = sqlite_column(st, 8),
		.cause = sqlite_column(st, 9),
		.has_output = sqlite3_column_type(st, 7) != SQLITE_NULL,
		.has_error = sqlite3_column_type(st, 8) != SQLITE_NULL,
		.has_cause = sqlite3_column_type(st, 9) != SQLITE_NULL,
		.status = sqlite3_column_int(st, 10),
		.started = sqlite3_column_int64(st, 11),
		.stopped = sqlite3_column_int64(st, 12),
		.engine = (unsigned)sqlite3_column_int64(st, 13),
		.seed = sqlite3_column_int64(st, 14),
		.deadline = sqlite3_column_int64(st, 15),
	};
}

static int definition(struct flow_store *s, int64_t revision, struct str *text, struct err *err)
{
	sqlite3_stmt *st = again(s, DEFINITION);
	int r;

	sqlite3_bind_int64(st, 1, revision);
	r = step(s, DEFINITION, err);
	if (r > 0)
		*text = sqlite_column(st, 0);
	return r;
}

static int execution(struct flow_store *s, int64_t id, struct execution_row *x, struct err *err)
{
	sqlite3_stmt *st = again(s, EXECUTION);
	int r;

	sqlite3_bind_int64(st, 1, id);
	r = step(s, EXECUTION, err);
	if (r > 0)
		take_execution(st, x);
	return r;
}

static int find(struct flow_store *s, struct str machine, struct str name, int64_t *id, struct err *err)
{
	const int which = machine.len ? FIND : FIND_ANY;
	sqlite3_stmt *st = again(s, which);
	int r;

	if (machine.len)
		sqlite_bind(st, 1, machine);
	sqlite_bind(st, 2, name);
	r = step(s, which, err);
	if (r > 0)
		*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return r;
}

static int machines(struct flow_store *s, bool (*each)(void *ctx, const struct machine_row *m), void *ctx,
		    struct err *err)
{
	sqlite3_stmt *st = again(s, MACHINES);
	int r;

	while ((r = step(s, MACHINES, err)) > 0) {
		struct machine_row m = {
			.name = sqlite_column(st, 0),
			.revision = sqlite3_column_int64(st, 1),
			.type = sqlite_column(st, 2),
			.role = sqlite_column(st, 3),
			.made = sqlite3_column_int64(st, 4),
			.changed = sqlite3_column_int64(st, 5),
			.definition = sqlite_column(st, 6),
		};

		if (!each(ctx, &m))
			break;
	}
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

static int executions(struct flow_store *s, struct str machine, int status, int64_t before,
		      bool (*each)(void *ctx, const struct execution_row *x), void *ctx, struct err *err)
{
	sqlite3_stmt *st = again(s, EXECUTIONS);
	struct execution_row x;
	int r;

	sqlite3_bind_text64(st, 1, machine.len ? machine.ptr : "", machine.len, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int(st, 2, status);
	sqlite3_bind_int64(st, 3, before);
	while ((r = step(s, EXECUTIONS, err)) > 0) {
		take_execution(st, &x);
		if (!each(ctx, &x))
			break;
	}
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

static int events(struct flow_store *s, int64_t id, bool (*each)(void *ctx, const struct event_row *e), void *ctx,
		  struct err *err)
{
	sqlite3_stmt *st = again(s, EVENTS);
	int r;

	sqlite3_bind_int64(st, 1, id);
	while ((r = step(s, EVENTS, err)) > 0) {
		struct event_row e = {
			.execution = sqlite3_column_int64(st, 0),
			.seq = sqlite3_column_int64(st, 1),
			.at = sqlite3_column_int64(st, 2),
			.body = sqlite_column(st, 3),
		};

		if (!each(ctx, &e))
			break;
	}
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

const struct flow_store_ops flow_file_ops = {
	.open = open_store,
	.close = close_store,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.machine_put = machine_put,
	.machine_remove = machine_remove,
	.execution_put = execution_put,
	.execution_end = execution_end,
	.event_put = event_put,
	.definition = definition,
	.execution = execution,
	.find = find,
	.machines = machines,
	.executions = executions,
	.events = events,
	.expire = expire,
};
