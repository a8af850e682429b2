/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "base/map.h"
#include "test_queue_util.h"

/* ---- kill -9 ---- */

#define IN_FLIGHT 8
#define ROUNDS 24

static int up;			/* the child's lines: "?id" is to be put, "+id" is stored, "!id" is worked on */
static int child_round, child_sent;
static bool child_fails;

static void line(char what, const char *id)
{
	char s[80];
	int n = snprintf(s, sizeof(s), "%c%s\n", what, id);

	if (write(up, s, (size_t)n) != n)
		_exit(1);
}

static void child_put(void);

static void child_stored(struct queue_put *p, const struct err *e)
{
	struct one *o = CONTAINER_OF(p, struct one, put);

	if (e)
		_exit(2);
	line('+', o->id);
	free(o->payload);
	free(o);
	child_put();
}

static void child_put(void)
{
	char id[64], payload[3000];
	struct one *o;

	snprintf(id, sizeof(id), "%d-%d", child_round, child_sent++);
	snprintf(payload, sizeof(payload), "\"%0*d\"", child_sent * 37 % 2900 + 1, child_sent);
	line('?', id);
	o = one("f", id, payload);
	o->put.done = child_stored;
	if (queue_put(queue, &o->put, &err) < 0)
		_exit(3);
}

static void child_deliver(void *ctx, struct queue_event *e)
{
	static const struct queue_answer no = { .status = 200, .payload = { "{}", 2 } };

	(void)ctx;
	line('!', e->id);
	queue_done(queue, e, child_fails ? QUEUE_FAILED : QUEUE_OK, child_fails ? &no : NULL);
}

static _Noreturn void child(void)
{
	if (loop_init(&loop, &err) < 0)
		_exit(4);
	opts.deliver = child_deliver;
	opts.died = NULL;
	queue = queue_open(&loop, &opts, &err);
	if (!queue)
		_exit(5);
	queue_serve(queue, "f", 5);
	for (int i = 0; i < IN_FLIGHT; i++)
		child_put();
	_exit(loop_run(&loop, &err) < 0 ? 6 : 7);
}

static struct map asked, acked, worked;

static void take_line(const char *s, unsigned *acks)
{
	struct map *m = s[0] == '?' ? &asked : s[0] == '+' ? &acked : &worked;

	*acks += s[0] == '+';
	map_put(m, s + 1, m);
}

/* A child is killed when it has told of @kill_at events; what it wrote until then counts. */
static void round_of(int n, unsigned kill_at)
{
	unsigned acks = 0;
	bool killed = false;
	int fds[2], status;
	char s[80];
	FILE *from;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		up = fds[1];
		child_round = n;
		child_sent = 0;
		child();
	}
	close(fds[1]);
	from = fdopen(fds[0], "r");
	for (;;) {
		if (!killed && acks >= kill_at) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (!fgets(s, sizeof(s), from))
			break;
		/* the last one may be cut: then it was not told */
		if (s[strlen(s) - 1] != '\n')
			break;
		s[strlen(s) - 1] = '\0';
		take_line(s, &acks);
	}
	fclose(from);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void kill_all(bool fails)
{
	child_fails = fails;
	/* without these a kill before the queue is made would make none */
	for (int i = 0; i < ROUNDS; i++)
		round_of(i, i % 6 == 5 ? 0 : (unsigned)(i * 13 % 61 + 1));
	assert_true(acked.len > 200);
	open_queue();
	queue_serve(queue, "f", 10);
	while (queue_count(queue)) {
		while (out.len) {
			struct queue_event *e = take();

			map_put(&worked, e->id, &worked);
			queue_done(queue, e, QUEUE_OK, NULL);
		}
		assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
	}
	assert_int_equal(troubles.len, 0);
	/* none is lost, and none comes from nowhere */
	for (size_t i = 0; i < acked.len; i++)
		if (!map_has(&worked, acked.ptr[i].key))
			fail_msg("%s is lost", acked.ptr[i].key);
	for (size_t i = 0; i < worked.len; i++)
		if (!map_has(&asked, worked.ptr[i].key))
			fail_msg("%s was never put", worked.ptr[i].key);
}

static void release_maps(void)
{
	map_release(&asked);
	map_release(&acked);
	map_release(&worked);
}

static void test_kill(void **state)
{
	(void)state;
	kill_all(false);
	release_maps();
}

/* Every attempt fails, once each: an event is in the dead-letter file, or the parent has got it. */
static void test_kill_dead(void **state)
{
	CLEAN_MAP struct map dead = { 0 };
	char *s, *end;
	struct buf b;
	size_t n = 0;

	(void)state;
	opts.retries = 0;
	kill_all(true);
	b = content(dead_path);
	for (s = b.ptr; (end = strchr(s, '\n')); s = end + 1) {
		json_error_t why;
		json_t *j = json_loadb(s, (size_t)(end - s), 0, &why);

		if (!j)
			fail_msg("line %zu: %s", n + 1, why.text);
		map_put(&dead, json_string_value(json_object_get(json_object_get(j, "requestContext"), "requestId")),
			&dead);
		json_decref(j);
		n++;
	}
	/* a kill may have cut the last line; its event was delivered once more, to the parent */
	buf_release(&b);
	assert_true(dead.len > 100);
	strs_sort(&delivered);
	for (size_t i = 0; i < acked.len; i++) {
		CLEAN_FREE char *mine = xasprintf("%s/1", acked.ptr[i].key);
		bool got = map_has(&dead, acked.ptr[i].key);

		for (size_t k = 0; k < delivered.len && !got; k++)
			got = strcmp(delivered.ptr[k], mine) == 0;
		if (!got)
			fail_msg("%s is lost", acked.ptr[i].key);
	}
	release_maps();
}

/* ---- a full disk ---- */

static void write_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A file system of its own size. */
static void small_disk(const char *size)
{
	CLEAN_FREE char *user = xasprintf("%u %u 1\n", (unsigned)getuid(), (unsigned)getuid());
	CLEAN_FREE char *group = xasprintf("%u %u 1\n", (unsigned)getgid(), (unsigned)getgid());

	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			fail_msg("no user namespaces: %s", strerror(errno));
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/uid_map", user);
		write_text("/proc/self/gid_map", group);
	}
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("none", dir, "tmpfs", 0, size) < 0)
		fail_msg("cannot mount a tmpfs: %s", strerror(errno));
}

static void fill_up(const char *file)
{
	static const char zeros[4096];
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void test_full_disk(void **state)
{
	CLEAN_FREE char *filler = xasprintf("%s/filler", dir);
	CLEAN_FREE char *full = xasprintf("%s: cannot store an event: No space left on device", path);
	CLEAN_FREE char *full_commit = xasprintf("%s: cannot write the queue: No space left on device", path);
	CLEAN_FREE char *no_room = xasprintf("cannot write the dead-letter file %s: No space left on device",
					     dead_path);
	CLEAN_FREE char *payload = xmalloc(20001);
	static const struct queue_answer no = { .status = 200, .payload = { "{}", 2 } };
	struct buf b;
	char id[16];

	(void)state;
	memset(payload, '1', 20000);
	payload[20000] = '\0';
	small_disk("size=700k");
	opts.retries = 0;
	open_queue();
	for (int i = 0; i < 100 && !refused; i++) {
		unsigned before = stored + refused;

		snprintf(id, sizeof(id), "%d", i);
		put("f", id, payload);
		UNTIL(stored + refused > before);
	}
	assert_true(stored > 5);
	assert_int_equal(refused, 1);
	assert_int_equal(refusal.code, ERR_IO);
	assert_int_equal(refusal.sys, ENOSPC);
	if (strcmp(refusal.msg, full) != 0)
		assert_string_equal(refusal.msg, full_commit);
	assert_string_equal(refusal.hint, "free some space, or write elsewhere, then run it again");
	assert_int_equal(queue_count(queue), stored);
	/* what is there is worked on; it stays until it can be written down what became of it */
	fill_up(filler);
	queue_serve(queue, "f", 2);
	UNTIL(out.len == 2);
	queue_done(queue, take(), QUEUE_FAILED, &no);
	UNTIL(troubles.len);
	assert_string_equal(troubles.ptr[0], no_room);
	b = content(dead_path);
	assert_int_equal(b.len, 0);
	buf_release(&b);
	assert_int_equal(deaths.len, 0);
	/* kill -9 and a start on a full disk: all is there */
	close_queue();
	out.len = 0;
	strs_release(&delivered);
	open_queue();
	assert_int_equal(queue_count(queue), stored);
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(mount("none", dir, "tmpfs", MS_REMOUNT, "size=8m"), 0);
	queue_serve(queue, "f", 100);
	UNTIL(out.len == stored);
	while (out.len > 1)
		queue_done(queue, take(), QUEUE_OK, NULL);
	queue_done(queue, take(), QUEUE_FAILED, &no);
	UNTIL(queue_count(queue) == 0);
	UNTIL(deaths.len == 1);
	put("f", "again", payload);
	UNTIL(out.len);
	assert_string_equal(out.ptr[0]->id, "again");
	close_queue();
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

/* ---- damage ---- */

static struct buf before, before_wal;

static void keep(void)
{
	CLEAN_FREE char *wal = xasprintf("%s-wal", path);

	buf_release(&before);
	buf_release(&before_wal);
	before = content(path);
	before_wal = content(wal);
}

/* It is not opened, and not a byte of it has changed. */
static void refuses(enum err_code code, const char *want, const char *hint)
{
	CLEAN_FREE char *wal = xasprintf("%s-wal", path);
	CLEAN_FREE char *message = xasprintf("%s: %s", path, want);
	CLEAN_BUF struct buf now = BUF_INIT, now_wal = BUF_INIT;

	keep();
	err = (struct err)ERR_INIT;
	assert_null(queue_open(&loop, &opts, &err));
	assert_int_equal(err.code, code);
	if (want[strlen(want) - 1] == ':')
		assert_memory_equal(err.msg, message, strlen(message));
	else
		assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, hint);
	now = content(path);
	now_wal = content(wal);
	assert_int_equal(now.len, before.len);
	assert_memory_equal(now.ptr, before.ptr, before.len);
	assert_int_equal(now_wal.len, before_wal.len);
	assert_memory_equal(now_wal.ptr, before_wal.ptr, before_wal.len);
	buf_release(&before);
	buf_release(&before_wal);
}

static void write_at(const char *file, const void *p, size_t n, off_t at)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void fill(int n, const char *payload)
{
	char id[16];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%d", i);
		put("f", id, payload);
	}
	UNTIL(stored == (unsigned)n);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put_back(const struct buf *b)
{
	assert_int_equal(fs_write_file(path, b->ptr, b->len, 0600, &err), 0);
}

/* Where a leaf page of the index has its first "f": the name of a function. */
static off_t index_entry(const struct buf *b)
{
	for (size_t page = 4096; page < b->len; page += 4096)
		if (b->ptr[page] == 0x0a)
			return (off_t)(page + 4096 - 40 + strcspn(b->ptr + page + 4096 - 40, "f"));
	fail_msg("there is no page of an index");
	return 0;
}

#define DAMAGED "move it away with its -wal: `sqlite3 FILE .recover` may save events; then run it again"

static void test_damaged(void **state)
{
	CLEAN_FREE char *wal = xasprintf("%s-wal", path);
	struct buf good;
	char junk[4096];
	struct stat st;

	(void)state;
	memset(junk, 0xa5, sizeof(junk));
	write_at(path, "no database", 11, 0);
	refuses(ERR_FORMAT, "the queue is damaged: file is not a database", DAMAGED);
	write_at(path, junk, sizeof(junk), 0);
	refuses(ERR_FORMAT, "the queue is damaged: file is not a database", DAMAGED);
	assert_int_equal(unlink(path), 0);
	open_queue();
	fill(300, "\"0123456789012345678901234567890123456789012345678901234567890123456789\"");
	close_queue();
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 10 * 4096);
	good = content(path);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	refuses(ERR_FORMAT, "the queue is damaged: database disk image is malformed", DAMAGED);
	/* a page of rows */
	put_back(&good);
	write_at(path, junk, sizeof(junk), 5 * 4096);
	refuses(ERR_FORMAT, "the queue is damaged:", DAMAGED);
	/* a few bytes of the index, of which a reader would see nothing but an event less */
	put_back(&good);
	write_at(path, "zzz", 3, index_entry(&good));
	refuses(ERR_FORMAT, "the queue is damaged:", DAMAGED);
	/* SQLite would drop the log */
	assert_int_equal(truncate(path, 0), 0);
	write_at(wal, junk, sizeof(junk), 0);
	refuses(ERR_FORMAT, "the queue is damaged: it is empty, and its -wal is not", DAMAGED);
	assert_int_equal(unlink(path), 0);
	refuses(ERR_FORMAT, "the queue is damaged: it is empty, and its -wal is not", DAMAGED);
	assert_int_equal(unlink(wal), 0);
	put_back(&good);
	buf_release(&good);
	open_queue();
	assert_int_equal(queue_count(queue), 300);
}

static void test_foreign(void **state)
{
	CLEAN_FREE char *made_dir = xasprintf("%s/d", dir);
	CLEAN_FREE char *want = xasprintf("cannot open the queue %s: Is a directory", made_dir);
	int fds[2], status;
	char c;
	pid_t pid;

	(void)state;
	sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	refuses(ERR_FORMAT, "a database of another program, not a queue of slsc", "name another file for the queue");
	assert_int_equal(unlink(path), 0);
	open_queue();
	fill(1, "1");
	close_queue();
	sql("PRAGMA user_version = 9");
	refuses(ERR_FORMAT, "a queue of version 9; this slsc knows version 1",
		"use the slsc that wrote it, or name another file for the queue");
	sql("PRAGMA user_version = 1");
	/* someone looks at it */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		sqlite3 *db;

		if (sqlite3_open(path, &db) != SQLITE_OK ||
		    sqlite3_exec(db, "BEGIN; SELECT * FROM event", NULL, NULL, NULL) != SQLITE_OK ||
		    write(fds[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	err = (struct err)ERR_INIT;
	assert_null(queue_open(&loop, &opts, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(strstr(err.msg, "another program has it open"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
	open_queue();
	assert_int_equal(queue_count(queue), 1);
	close_queue();
	assert_int_equal(mkdir(made_dir, 0700), 0);
	opts.path = made_dir;
	assert_null(queue_open(&loop, &opts, &err));
	assert_string_equal(err.msg, want);
}

/* A file too large to be read whole when it is opened: what is before the damage comes, then a line of trouble. */
static void test_damaged_later(void **state)
{
	CLEAN_FREE char *payload = xmalloc(1000001);
	CLEAN_FREE char *want = xasprintf("%s: the queue is damaged: database disk image is malformed", path);
	char junk[4096];

	(void)state;
	memset(payload, '1', 1000000);
	payload[1000000] = '\0';
	memset(junk, 0xff, sizeof(junk));
	open_queue();
	fill(20, payload);
	close_queue();
	write_at(path, junk, sizeof(junk), 2500 * 4096);
	open_queue();
	queue_serve(queue, "f", 20);
	UNTIL(troubles.len);
	assert_string_equal(troubles.ptr[0], want);
	assert_true(out.len > 5 && out.len < 20);
	while (out.len)
		queue_done(queue, take(), QUEUE_OK, NULL);
	put("g", "g", "1");
	UNTIL(stored == 21);
	queue_serve(queue, "g", 1);
	assert_int_equal(troubles.len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_later, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
