/* SPDX-License-Identifier: Apache-2.0 */
#include "local/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define CHECKED_MAX (16ll << 20) /* a file up to this size is read whole when it is opened */
#define WAL_MAX	    "16777216"	 /* what is left of it after a large transaction */
#define IDLE_PAGES  256		 /* an empty file that has more is made small again */

enum { BEGIN, COMMIT, OWN }; /* before the kind's statements */

static int damaged(const struct sqlite_kind *k, const char *path, const char *why, struct err *err)
{
	err_set(err, ERR_FORMAT, "%s: the %s is damaged: %s", path, k->noun, why);
	return err_hint(err, "move it away with its -wal: `sqlite3 FILE .recover` may save %s; then run it again",
			k->holds);
}

int sqlite_file_damaged(struct sqlite_file *s, const char *why, struct err *err)
{
	return damaged(s->kind, s->path, why, err);
}

/*
 * What SQLite's last call has met. @what: "cannot store events". sqlite3_system_errno() knows nothing of what fails in
 * a COMMIT, so that we look at errno itself, which was 0 before.
 */
int sqlite_file_fail(struct sqlite_file *s, const char *what, struct err *err)
{
	int code = sqlite3_extended_errcode(s->db), sys = errno;

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		BUG("SQLite has no memory");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(s->kind, s->path, sqlite3_errmsg(s->db), err);
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

/* "cannot open the queue" */
static int fail_to(struct sqlite_file *s, const char *verb, struct err *err)
{
	CLEAN_FREE char *what = NULL;
	int e = errno;

	what = xasprintf("cannot %s the %s", verb, s->kind->noun);
	errno = e;
	return sqlite_file_fail(s, what, err);
}

static int run(struct sqlite_file *s, const char *text, const char *verb, struct err *err)
{
	errno = 0;
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_to(s, verb, err);
}

int sqlite_file_ask(struct sqlite_file *s, const char *text, int64_t *n, struct buf *word, struct err *err)
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
		fail_to(s, "read", err);
	}
	sqlite3_finalize(st);
	return r;
}

void sqlite_file_close(struct sqlite_file *s)
{
	struct err ignored;
	int64_t pages = 0, empty = 0;

	/* Nothing is free in a file that holds something: SQLite uses its pages again. */
	if (s->st && s->st[OWN + s->kind->nsql - 1] &&
	    sqlite_file_ask(s, "PRAGMA page_count", &pages, NULL, &ignored) == 0 && pages > IDLE_PAGES &&
	    sqlite_file_ask(s, s->kind->empty, &empty, NULL, &ignored) == 0 && empty)
		(void)sqlite3_exec(s->db, "VACUUM", NULL, NULL, NULL);
	for (int i = 0; s->st && i < OWN + s->kind->nsql; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	free(s->st);
	free(s->path);
	*s = (struct sqlite_file){ .db = NULL };
}

/*
 * SQLite takes a file of no bytes for a new one and drops the log beside it, which may hold events. We never leave such
 * a pair: the file is whole before its log has anything.
 */
static int check_pair(const struct sqlite_kind *k, const char *path, struct err *err)
{
	CLEAN_FREE char *wal = xasprintf("%s-wal", path);
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st, log;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open the %s %s", k->noun, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "cannot open the %s %s: not a regular file", k->noun, path);
	if (st.st_size == 0 && stat(wal, &log) == 0 && log.st_size > 0)
		return damaged(k, path, "it is empty, and its -wal is not", err);
	return 0;
}

static int check_ours(struct sqlite_file *s, bool *fresh, struct err *err)
{
	int64_t pages, id, version;

	/* the first read takes the lock, too */
	if (sqlite_file_ask(s, "SELECT count(*) FROM sqlite_schema", &pages, NULL, err) < 0 ||
	    sqlite_file_ask(s, "PRAGMA application_id", &id, NULL, err) < 0 ||
	    sqlite_file_ask(s, "PRAGMA user_version", &version, NULL, err) < 0)
		return -1;
	*fresh = pages == 0 && id == 0 && version == 0;
	if (*fresh)
		return 0;
	if (id != s->kind->id) {
		err_set(err, ERR_FORMAT, "%s: a database of another program, not a %s of slsc", s->path, s->kind->noun);
		return err_hint(err, "name another file for the %s", s->kind->noun);
	}
	if (version != s->kind->version) {
		err_set(err, ERR_FORMAT, "%s: a %s of version %lld; this slsc knows version %d", s->path, s->kind->noun,
			(long long)version, s->kind->version);
		return err_hint(err, "use the slsc that wrote it, or name another file for the %s", s->kind->noun);
	}
	return 0;
}

static int check_whole(struct sqlite_file *s, struct err *err)
{
	CLEAN_BUF struct buf word = BUF_INIT;
	int64_t pages;

	if (sqlite_file_ask(s, "PRAGMA page_count", &pages, NULL, err) < 0)
		return -1;
	if (pages * 4096 > CHECKED_MAX)
		return 0;
	if (sqlite_file_ask(s, "PRAGMA integrity_check(1)", NULL, &word, err) < 0)
		return -1;
	return str_eqz(buf_str(&word), "ok") ? 0 : damaged(s->kind, s->path, word.ptr, err);
}

static int prepare(struct sqlite_file *s, struct err *err)
{
	s->st = xcalloc((size_t)(OWN + s->kind->nsql), sizeof(*s->st));
	for (int i = 0; i < OWN + s->kind->nsql; i++) {
		const char *text = i == BEGIN ? "BEGIN IMMEDIATE" : i == COMMIT ? "COMMIT" : s->kind->sql[i - OWN];

		errno = 0;
		if (sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return fail_to(s, "open", err);
	}
	return 0;
}

static int set_up(struct sqlite_file *s, struct err *err)
{
	CLEAN_BUF struct buf mode = BUF_INIT;
	CLEAN_FREE char *make = xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d;"
					  "COMMIT",
					  s->kind->schema, s->kind->id, s->kind->version);
	bool fresh;

	/*
	 * Exclusive: held from the first access on, so that nobody's reading or backup makes a commit fail, and without
	 * the shared memory that others would need. Deleted events are not overwritten with zeros, as Debian would.
	 */
	if (run(s,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = OFF; PRAGMA auto_vacuum = NONE;"
		"PRAGMA journal_size_limit = " WAL_MAX,
		"open", err) < 0 ||
	    check_ours(s, &fresh, err) < 0 || (!fresh && check_whole(s, err) < 0) ||
	    sqlite_file_ask(s, "PRAGMA journal_mode = WAL", NULL, &mode, err) < 0)
		return -1;
	if (!str_eqz(buf_str(&mode), "wal"))
		return err_set(err, ERR_IO, "%s: the file system cannot keep a write-ahead log", s->path);
	if (run(s, "PRAGMA synchronous = FULL", "open", err) < 0 || (fresh && run(s, make, "make", err) < 0))
		return -1;
	s->durable = true;
	return prepare(s, err);
}

int sqlite_file_open(struct sqlite_file *s, const struct sqlite_kind *kind, const char *path, struct err *err)
{
	/* "file:..." would be a URI to some builds of SQLite */
	CLEAN_FREE char *name = xasprintf("%s%s", path[0] == '/' ? "" : "./", path);

	if (check_pair(kind, path, err) < 0)
		return -1;
	s->kind = kind;
	s->path = xstrdup(path);
	errno = 0;
	if (sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) !=
	    SQLITE_OK) {
		if (!s->db)
			BUG("SQLite has no memory");
		fail_to(s, "open", err);
	} else if (set_up(s, err) == 0) {
		return 0;
	}
	sqlite_file_close(s);
	return -1;
}

/* ---- statements ---- */

static int finish(struct sqlite_file *s, sqlite3_stmt *st, const char *what, struct err *err)
{
	int r;

	errno = 0;
	if (sqlite3_step(st) == SQLITE_DONE)
		r = 0;
	else
		r = what ? sqlite_file_fail(s, what, err) : fail_to(s, "write", err);
	sqlite3_reset(st);
	return r;
}

int sqlite_file_finish(struct sqlite_file *s, int which, const char *what, struct err *err)
{
	return finish(s, s->st[OWN + which], what, err);
}

sqlite3_stmt *sqlite_file_st(const struct sqlite_file *s, int which)
{
	return s->st[OWN + which];
}

int sqlite_file_begin(struct sqlite_file *s, bool durable, struct err *err)
{
	if (durable != s->durable) {
		if (run(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", "write", err) < 0)
			return -1;
		s->durable = durable;
	}
	return finish(s, s->st[BEGIN], NULL, err);
}

int sqlite_file_commit(struct sqlite_file *s, struct err *err)
{
	return finish(s, s->st[COMMIT], NULL, err);
}

void sqlite_file_rollback(struct sqlite_file *s)
{
	/* some errors have done so */
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

void sqlite_bind(sqlite3_stmt *st, int n, struct str s)
{
	if (s.len)
		sqlite3_bind_text64(st, n, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(st, n);
}

void sqlite_bind_blob(sqlite3_stmt *st, int n, struct str s)
{
	sqlite3_bind_blob64(st, n, s.len ? s.ptr : "", s.len, SQLITE_STATIC);
}

struct str sqlite_column(sqlite3_stmt *st, int n)
{
	const void *p = sqlite3_column_blob(st, n);

	return (struct str){ p, p ? (size_t)sqlite3_column_bytes(st, n) : 0 };
}
