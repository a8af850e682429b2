/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the queue: all that calls SQLite. Loaded late. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "local/queue_ops.h"

extern const struct queue_ops slsc_module_sqlite;

#define OURS 0x736c7371		/* "slsq": PRAGMA application_id */
#define VERSION 1
#define CHECKED_MAX (16ll << 20)	/* a file up to this size is read whole when it is opened */
#define WAL_MAX "16777216"		/* what is left of it after a large transaction */
#define IDLE_PAGES 256		/* an empty file that has more is made small again */

enum { BEGIN, COMMIT, INSERT, REMOVE, DELAY, DUE, ALL, READ, NSTATEMENTS };

static const char *const sql[NSTATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
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

struct queue_store {
	sqlite3 *db;
	char *path;
	bool durable;
	sqlite3_stmt *st[NSTATEMENTS];
};

static int damaged(const char *path, const char *why, struct err *err)
{
	err_set(err, ERR_FORMAT, "%s: the queue is damaged: %s", path, why);
	return err_hint(err, "move it away with its -wal: `sqlite3 FILE .recover` may save events; then run it again");
}

/*
 * What SQLite's last call has met. @what: "cannot store events". sqlite3_system_errno() knows nothing of what fails in
 * a COMMIT, so that we look at errno itself, which was 0 before.
 */
static int fail(struct queue_store *s, const char *what, struct err *err)
{
	int code = sqlite3_extended_errcode(s->db), sys = errno;

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		BUG("SQLite has no memory");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(s->path, sqlite3_errmsg(s->db), err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		err_set(err, ERR_EXISTS, "%s: %s: another program has it open", s->path, what);
		return err_hint(err, "is sqlite3 or a backup at work on it? End it, then run it again");
	case SQLITE_FULL:
		sys = ENOSPC;
		break;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		break;
	default:
		sys = 0;
	}
	if (!sys)
		return err_set(err, ERR_IO, "%s: %s: %s", s->path, what, sqlite3_errmsg(s->db));
	errno = sys;
	return err_sys(err, "%s: %s", s->path, what);
}

static int run(struct queue_store *s, const char *text, const char *what, struct err *err)
{
	errno = 0;
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, what, err);
}

/* A statement that gives one row of one column. */
static int ask(struct queue_store *s, const char *text, int64_t *n, struct buf *word, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = -1;

	errno = 0;
	if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		if (n)
			*n = sqlite3_column_int64(st, 0);
		if (word && sqlite3_column_text(st, 0))
			buf_addz(word, (const char *)sqlite3_column_text(st, 0));
		r = 0;
	} else {
		fail(s, "cannot read the queue", err);
	}
	sqlite3_finalize(st);
	return r;
}

static void close_store(struct queue_store *s)
{
	struct err ignored;
	int64_t pages = 0, rows = 1;

	/* Nothing is free in a file that holds something: SQLite uses its pages again. */
	if (s->st[READ] && ask(s, "PRAGMA page_count", &pages, NULL, &ignored) == 0 && pages > IDLE_PAGES &&
	    ask(s, "SELECT EXISTS (SELECT 1 FROM event)", &rows, NULL, &ignored) == 0 && rows == 0)
		(void)sqlite3_exec(s->db, "VACUUM", NULL, NULL, NULL);
	for (int i = 0; i < NSTATEMENTS; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

/*
 * SQLite takes a file of no bytes for a new one and drops the log beside it, which may hold events. We never leave such
 * a pair: the file is whole before its log has anything.
 */
static int check_pair(const char *path, struct err *err)
{
	CLEAN_FREE char *wal = xasprintf("%s-wal", path);
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st, log;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open the queue %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "cannot open the queue %s: not a regular file", path);
	if (st.st_size == 0 && stat(wal, &log) == 0 && log.st_size > 0)
		return damaged(path, "it is empty, and its -wal is not", err);
	return 0;
}

static int check_ours(struct queue_store *s, bool *fresh, struct err *err)
{
	int64_t pages, id, version;

	/* the first read takes the lock, too */
	if (ask(s, "SELECT count(*) FROM sqlite_schema", &pages, NULL, err) < 0 ||
	    ask(s, "PRAGMA application_id", &id, NULL, err) < 0 ||
	    ask(s, "PRAGMA user_version", &version, NULL, err) < 0)
		return -1;
	*fresh = pages == 0 && id == 0 && version == 0;
	if (*fresh)
		return 0;
	if (id != OURS) {
		err_set(err, ERR_FORMAT, "%s: a database of another program, not a queue of slsc", s->path);
		return err_hint(err, "name another file for the queue");
	}
	if (version != VERSION) {
		err_set(err, ERR_FORMAT, "%s: a queue of version %lld; this slsc knows version %d", s->path,
			(long long)version, VERSION);
		return err_hint(err, "use the slsc that wrote it, or name another file for the queue");
	}
	return 0;
}

static int check_whole(struct queue_store *s, struct err *err)
{
	CLEAN_BUF struct buf word = BUF_INIT;
	int64_t pages;

	if (ask(s, "PRAGMA page_count", &pages, NULL, err) < 0)
		return -1;
	if (pages * 4096 > CHECKED_MAX)
		return 0;
	if (ask(s, "PRAGMA integrity_check(1)", NULL, &word, err) < 0)
		return -1;
	return str_eqz(buf_str(&word), "ok") ? 0 : damaged(s->path, word.ptr, err);
}

static int set_up(struct queue_store *s, struct err *err)
{
	CLEAN_BUF struct buf mode = BUF_INIT;
	CLEAN_FREE char *make = xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d;"
					  "COMMIT", schema, OURS, VERSION);
	bool fresh;

	/*
	 * Exclusive: held from the first access on, so that nobody's reading or backup makes a commit fail, and without
	 * the shared memory that others would need. Deleted events are not overwritten with zeros, as Debian would.
	 */
	if (run(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = OFF; PRAGMA auto_vacuum = NONE;"
		   "PRAGMA journal_size_limit = " WAL_MAX, "cannot open the queue", err) < 0 ||
	    check_ours(s, &fresh, err) < 0 || (!fresh && check_whole(s, err) < 0) ||
	    ask(s, "PRAGMA journal_mode = WAL", NULL, &mode, err) < 0)
		return -1;
	if (!str_eqz(buf_str(&mode), "wal"))
		return err_set(err, ERR_IO, "%s: the file system cannot keep a write-ahead log", s->path);
	if (run(s, "PRAGMA synchronous = FULL", "cannot open the queue", err) < 0 ||
	    (fresh && run(s, make, "cannot make the queue", err) < 0))
		return -1;
	s->durable = true;
	for (int i = 0; i < NSTATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return fail(s, "cannot open the queue", err);
	return 0;
}

static struct queue_store *open_store(const char *path, struct err *err)
{
	/* "file:..." would be a URI to some builds of SQLite */
	CLEAN_FREE char *name = xasprintf("%s%s", path[0] == '/' ? "" : "./", path);
	struct queue_store *s;

	if (check_pair(path, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	errno = 0;
	if (sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) !=
	    SQLITE_OK) {
		if (!s->db)
			BUG("SQLite has no memory");
		fail(s, "cannot open the queue", err);
	} else if (set_up(s, err) == 0) {
		return s;
	}
	close_store(s);
	return NULL;
}

/* ---- statements ---- */

/* Run it to its end; it gives no rows. */
static int finish(struct queue_store *s, int which, const char *what, struct err *err)
{
	int r;

	errno = 0;
	r = sqlite3_step(s->st[which]) == SQLITE_DONE ? 0 : fail(s, what, err);
	sqlite3_reset(s->st[which]);
	return r;
}

static int begin(struct queue_store *s, bool durable, struct err *err)
{
	/* a row still borrowed would keep the log from starting over */
	sqlite3_reset(s->st[READ]);
	if (durable != s->durable) {
		if (run(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
			"cannot write the queue", err) < 0)
			return -1;
		s->durable = durable;
	}
	return finish(s, BEGIN, "cannot write the queue", err);
}

static int commit(struct queue_store *s, struct err *err)
{
	return finish(s, COMMIT, "cannot write the queue", err);
}

static void rollback(struct queue_store *s)
{
	/* some errors have done so */
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Borrowed: the statement is reset before the caller returns. Empty is NULL. */
static void bind(sqlite3_stmt *st, int n, struct str s)
{
	if (s.len)
		sqlite3_bind_text64(st, n, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int insert(struct queue_store *s, const struct queue_row *r, struct err *err)
{
	sqlite3_stmt *st = s->st[INSERT];
	int ret;

	sqlite3_bind_int64(st, 1, r->made);
	sqlite3_bind_int64(st, 2, r->due);
	bind(st, 3, r->function);
	bind(st, 4, r->id);
	bind(st, 5, r->trace);
	bind(st, 6, r->traceparent);
	bind(st, 7, r->tracestate);
	sqlite3_bind_blob64(st, 8, r->payload.len ? r->payload.ptr : "", r->payload.len, SQLITE_STATIC);
	ret = finish(s, INSERT, "cannot store an event", err);
	sqlite3_clear_bindings(st);
	return ret;
}

static int remove_row(struct queue_store *s, int64_t seq, struct err *err)
{
	sqlite3_bind_int64(s->st[REMOVE], 1, seq);
	return finish(s, REMOVE, "cannot remove an event", err);
}

static int delay(struct queue_store *s, const struct queue_row *r, struct err *err)
{
	sqlite3_bind_int64(s->st[DELAY], 1, r->seq);
	sqlite3_bind_int64(s->st[DELAY], 2, r->due);
	sqlite3_bind_int64(s->st[DELAY], 3, r->attempts);
	sqlite3_bind_int64(s->st[DELAY], 4, r->throttled);
	return finish(s, DELAY, "cannot put an event back", err);
}

static int count(struct queue_store *s, uint64_t *rows, struct err *err)
{
	int64_t n;

	if (ask(s, "SELECT count(*) FROM event", &n, NULL, err) < 0)
		return -1;
	*rows = (uint64_t)n;
	return 0;
}

static int walk(struct queue_store *s, int which, queue_each each, void *ctx, struct err *err)
{
	sqlite3_stmt *st = s->st[which];
	int rc;

	errno = 0;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (!each(ctx, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)))
			break;
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(s, "cannot read the queue", err);
	sqlite3_reset(st);
	return rc;
}

static int due(struct queue_store *s, const char *function, queue_each each, void *ctx, struct err *err)
{
	sqlite3_bind_text(s->st[DUE], 1, function, -1, SQLITE_STATIC);
	return walk(s, DUE, each, ctx, err);
}

static int all(struct queue_store *s, queue_each each, void *ctx, struct err *err)
{
	return walk(s, ALL, each, ctx, err);
}

static struct str column(sqlite3_stmt *st, int n)
{
	const void *p = sqlite3_column_blob(st, n);

	return (struct str){ p, p ? (size_t)sqlite3_column_bytes(st, n) : 0 };
}

static int read_row(struct queue_store *s, int64_t seq, struct queue_row *r, struct err *err)
{
	sqlite3_stmt *st = s->st[READ];
	int rc;

	sqlite3_reset(st);
	sqlite3_bind_int64(st, 1, seq);
	errno = 0;
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW) {
		rc == SQLITE_DONE ? damaged(s->path, "an event of its index is not there", err)
				  : fail(s, "cannot read the queue", err);
		sqlite3_reset(st);
		return -1;
	}
	*r = (struct queue_row){
		.seq = seq,
		.made = sqlite3_column_int64(st, 0),
		.due = sqlite3_column_int64(st, 1),
		.attempts = (unsigned)sqlite3_column_int64(st, 2),
		.throttled = (unsigned)sqlite3_column_int64(st, 3),
		.function = column(st, 4),
		.id = column(st, 5),
		.trace = column(st, 6),
		.traceparent = column(st, 7),
		.tracestate = column(st, 8),
		.payload = column(st, 9),
	};
	return 0;
}

const struct queue_ops slsc_module_sqlite = {
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
