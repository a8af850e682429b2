/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SQLITE_FILE_H
#define SLSC_LOCAL_SQLITE_FILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A database of slsc's own, of which no commit is lost: a write-ahead log, and a lock that is exclusive from the first
 * access on. A part of the modules that are SQLite's users. Errors name the file: ERR_IO (a full disk is ENOSPC),
 * ERR_FORMAT: damaged, ERR_EXISTS: another program has it open. Out of memory aborts.
 */

struct sqlite_kind {
	const char *noun;  /* "queue": for messages */
	const char *holds; /* "events" */
	int id, version;   /* PRAGMA application_id, user_version */
	const char *schema;
	const char *empty;	/* whether nothing is in it: a SELECT that gives 0 or 1 */
	const char *const *sql; /* statements; their index is their number */
	int nsql;
};

struct sqlite_file {
	const struct sqlite_kind *kind;
	sqlite3 *db;
	char *path;
	bool durable;
	sqlite3_stmt **st; /* sqlite_file_st() */
};

/** sqlite_file_open - or make it, of mode 0600. @f: zeroed; closed again after a failure. */
int sqlite_file_open(struct sqlite_file *f, const struct sqlite_kind *kind, const char *path,
		     struct err *err) MUST_CHECK;
/** sqlite_file_close - what is committed is durable after it. */
void sqlite_file_close(struct sqlite_file *f);

/** sqlite_file_begin - a transaction; @durable: its commit waits until a power cut cannot undo it. */
int sqlite_file_begin(struct sqlite_file *f, bool durable, struct err *err) MUST_CHECK;
int sqlite_file_commit(struct sqlite_file *f, struct err *err) MUST_CHECK;
void sqlite_file_rollback(struct sqlite_file *f);

/** sqlite_file_st - statement @which, prepared. */
sqlite3_stmt *sqlite_file_st(const struct sqlite_file *f, int which);
/** sqlite_file_finish - run statement @which, which gives no rows, to its end. @what: "cannot store an event". */
int sqlite_file_finish(struct sqlite_file *f, int which, const char *what, struct err *err) MUST_CHECK;
/** sqlite_file_ask - a statement that gives one row of one column. */
int sqlite_file_ask(struct sqlite_file *f, const char *text, int64_t *n, struct buf *word, struct err *err) MUST_CHECK;
/** sqlite_file_fail - what SQLite's last call has met; errno was 0 before it. Returns -1. */
int sqlite_file_fail(struct sqlite_file *f, const char *what, struct err *err);
int sqlite_file_damaged(struct sqlite_file *f, const char *why, struct err *err);

/** sqlite_bind - borrowed: the statement is reset before the caller returns. Empty is NULL. */
void sqlite_bind(sqlite3_stmt *st, int n, struct str s);
/** sqlite_bind_blob - likewise, but empty is empty. */
void sqlite_bind_blob(sqlite3_stmt *st, int n, struct str s);
struct str sqlite_column(sqlite3_stmt *st, int n);

#endif
