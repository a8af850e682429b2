/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <sys/syscall.h>

#include <cmocka.h>
#include <jansson.h>

#include "test_queue_util.h"

/* SQLite's and the dead-letter file's wait for the disk passes here. */
static unsigned syncs;
static int sync_error;
int fdatasync(int fd)
{
	__atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
	if (sync_error) {
		errno = sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static const struct queue_answer failed = { .status = 200, .function_error = "Unhandled",
					    .payload = { "{\"errorMessage\":\"no\"}", 21 } };
static const struct queue_answer throttled = { .status = 429, .payload = { "{\"Reason\":\"x\"}", 14 } };

static void test_round(void **state)
{
	struct one *o = one("hello", "id-1", "{\"a\": [1, 2]}");
	struct queue_event *e;
	struct stat st;
	unsigned before;

	(void)state;
	open_queue();
	o->put.trace = STR("Root=1-2-3");
	o->put.tracestate = STR("x=y");
	before = syncs;
	assert_int_equal(queue_put(queue, &o->put, &err), 0);
	UNTIL(stored == 1);
	/* acknowledged: a power cut does not undo it */
	assert_true(syncs > before);
	assert_int_equal(queue_count(queue), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	queue_serve(queue, "hello", 1);
	UNTIL(out.len);
	e = take();
	assert_string_equal(e->function, "hello");
	assert_string_equal(e->id, "id-1");
	assert_string_equal(e->trace, "Root=1-2-3");
	assert_null(e->traceparent);
	assert_string_equal(e->tracestate, "x=y");
	assert_string_equal(e->payload.ptr, "{\"a\": [1, 2]}");
	assert_int_equal(e->attempt, 1);
	assert_true(e->made > 1600000000 * (int64_t)LOOP_S);
	before = syncs;
	queue_done(queue, e, QUEUE_OK, NULL);
	UNTIL(queue_count(queue) == 0);
	/* what is done need not wait */
	assert_int_equal(syncs, before);
	close_queue();
	open_queue();
	assert_int_equal(queue_count(queue), 0);
	assert_false(fs_exists(dead_path));
}

/* The longest due first, no more at once than asked for, and only what is served. */
static void test_bound(void **state)
{
	char id[16];

	(void)state;
	open_queue();
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "a%02d", i);
		put("a", id, "1");
	}
	put("b", "b00", "1");
	UNTIL(stored == 21);
	queue_serve(queue, "a", 3);
	for (int i = 0; i < 20; i++) {
		UNTIL(out.len == (i < 18 ? 3u : 20u - (unsigned)i));
		snprintf(id, sizeof(id), "a%02d", i);
		assert_string_equal(out.ptr[0]->id, id);
		queue_done(queue, take(), QUEUE_OK, NULL);
	}
	UNTIL(queue_count(queue) == 1);
	assert_int_equal(delivered.len, 20);
	queue_serve(queue, "b", 1);
	UNTIL(out.len == 1);
	assert_string_equal(out.ptr[0]->id, "b00");
	/* nothing more of it, what is out stays out */
	queue_serve(queue, "b", 0);
	put("b", "b01", "1");
	put("a", "a20", "1");
	UNTIL(out.len == 2);
	assert_string_equal(out.ptr[1]->id, "a20");
	queue_done(queue, take(), QUEUE_OK, NULL);
	queue_done(queue, take(), QUEUE_OK, NULL);
	UNTIL(queue_count(queue) == 1);
	assert_int_equal(delivered.len, 22);
}

/* Events of 100 bytes, 250 at once: the third makes more than that, so that there is no fourth; of two functions. */
static void test_memory(void **state)
{
	char payload[101], id[16];

	(void)state;
	memset(payload, '1', 100);
	payload[100] = '\0';
	opts.out_bytes = 250;
	open_queue();
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "%d", i);
		put(i % 2 ? "a" : "b", id, payload);
	}
	UNTIL(stored == 10);
	queue_serve(queue, "a", 100);
	queue_serve(queue, "b", 100);
	for (int i = 0; i < 10; i++) {
		UNTIL(out.len == (i < 7 ? 3u : 10u - (unsigned)i));
		/* what was taken away counts until it is done */
		buf_release(&out.ptr[0]->payload);
		queue_done(queue, take(), QUEUE_OK, NULL);
	}
	UNTIL(queue_count(queue) == 0);
	assert_int_equal(delivered.len, 10);
}

static char *dead_line(const char *rest)
{
	struct buf b = content(dead_path);

	/* but for the time: "2026-01-31T12:34:56.789Z" */
	assert_true(b.len > 55);
	assert_memory_equal(b.ptr, "{\"version\":\"1.0\",\"timestamp\":\"20", 32);
	assert_int_equal(b.ptr[53], 'Z');
	assert_string_equal(b.ptr + 54, rest);
	return b.ptr;
}

static void test_retries(void **state)
{
	(void)state;
	open_queue();
	queue_serve(queue, "f", 4);
	put("f", "r-1", "{\"n\": 1.50}");
	for (unsigned i = 1; i <= 3; i++) {
		UNTIL(out.len);
		assert_int_equal(out.ptr[0]->attempt, i);
		assert_string_equal(out.ptr[0]->payload.ptr, "{\"n\": 1.50}");
		assert_int_equal(deaths.len, 0);
		queue_done(queue, take(), QUEUE_FAILED, &failed);
	}
	UNTIL(deaths.len);
	assert_string_equal(deaths.ptr[0], "f/r-1/RetriesExhausted/3");
	assert_int_equal(queue_count(queue), 0);
	free(dead_line("\",\"requestContext\":{\"requestId\":\"r-1\",\"functionArn\":\"arn:aws:lambda:us-east-1:"
		       "012345678912:function:f:$LATEST\",\"condition\":\"RetriesExhausted\","
		       "\"approximateInvokeCount\":3},\"requestPayload\":{\"n\": 1.50},\"responseContext\":{"
		       "\"statusCode\":200,\"executedVersion\":\"$LATEST\",\"functionError\":\"Unhandled\"},"
		       "\"responsePayload\":{\"errorMessage\":\"no\"}}\n"));
	assert_int_equal(troubles.len, 0);
}

static void test_no_dead_file(void **state)
{
	(void)state;
	opts.dead = NULL;
	opts.retries = 0;
	open_queue();
	queue_serve(queue, "f", 4);
	put("f", "r-1", "1");
	UNTIL(out.len);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	UNTIL(deaths.len);
	assert_string_equal(deaths.ptr[0], "f/r-1/RetriesExhausted/1");
	assert_int_equal(queue_count(queue), 0);
}

static void test_throttled(void **state)
{
	uint64_t begun = loop_clock();

	(void)state;
	open_queue();
	queue_serve(queue, "f", 4);
	put("f", "t-1", "1");
	for (int i = 0; i < 4; i++) {
		UNTIL(out.len);
		assert_int_equal(out.ptr[0]->attempt, 1);
		queue_done(queue, take(), QUEUE_THROTTLED, &throttled);
	}
	UNTIL(out.len);
	/* at least 1 + 2 + 4 + 8 */
	assert_true(loop_clock() - begun >= 15 * LOOP_MS);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	UNTIL(out.len);
	assert_int_equal(out.ptr[0]->attempt, 2);
	/* given back untouched: there it is again */
	queue_done(queue, take(), QUEUE_RETURNED, NULL);
	UNTIL(out.len);
	assert_int_equal(out.ptr[0]->attempt, 2);
	queue_done(queue, take(), QUEUE_OK, NULL);
	UNTIL(queue_count(queue) == 0);
	assert_int_equal(deaths.len, 0);
}

static void test_delays(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t d = queue_retry_delay(1000, 2, i * 2654435761u);

		least = d < least ? d : least;
		most = d > most ? d : most;
	}
	/* the whole of it is used */
	assert_true(least < 50 && most > 1950 && most <= 2000);
	assert_int_equal(queue_retry_delay(1000, 1, 1000), 1000);
	assert_int_equal(queue_retry_delay(1000, 1, 1001), 0);
	assert_int_equal(queue_retry_delay(1000, 2, 2000), 2000);
	assert_int_equal(queue_retry_delay(0, 2, 2000), 0);
	assert_int_equal(queue_throttle_delay(1000, 300000, 1, 0), 2000);
	assert_int_equal(queue_throttle_delay(1000, 300000, 1, 1000), 1000);
	assert_int_equal(queue_throttle_delay(1000, 300000, 1, 1001), 2000);
	assert_int_equal(queue_throttle_delay(1000, 300000, 4, 0), 16000);
	assert_int_equal(queue_throttle_delay(1000, 300000, 4000000000u, 0), 300000);
	assert_int_equal(queue_throttle_delay(1000, 300000, 4000000000u, 150000), 150000);
}

/* Too old before it was ever tried, of a function that nobody serves; and when its retry would come too late. */
static void test_age(void **state)
{
	(void)state;
	opts.age_ns = 50 * LOOP_MS;
	open_queue();
	put("nobody", "old-1", "\"\xff\"");
	UNTIL(deaths.len);
	assert_string_equal(deaths.ptr[0], "nobody/old-1/EventAgeExceeded/0");
	free(dead_line("\",\"requestContext\":{\"requestId\":\"old-1\",\"functionArn\":\"arn:aws:lambda:us-east-1:"
		       "012345678912:function:nobody:$LATEST\",\"condition\":\"EventAgeExceeded\","
		       "\"approximateInvokeCount\":0},\"requestPayloadBase64\":\"Iv8i\"}\n"));
	assert_int_equal(unlink(dead_path), 0);
	close_queue();
	opts.age_ns = LOOP_S * 1000;
	opts.throttle_ns = opts.throttle_max_ns = LOOP_S * 2000;
	open_queue();
	queue_serve(queue, "f", 1);
	put("f", "old-2", "2");
	UNTIL(out.len);
	queue_done(queue, take(), QUEUE_THROTTLED, &throttled);
	UNTIL(deaths.len == 2);
	assert_string_equal(deaths.ptr[1], "f/old-2/EventAgeExceeded/0");
	free(dead_line("\",\"requestContext\":{\"requestId\":\"old-2\",\"functionArn\":\"arn:aws:lambda:us-east-1:"
		       "012345678912:function:f:$LATEST\",\"condition\":\"EventAgeExceeded\","
		       "\"approximateInvokeCount\":0},\"requestPayload\":2,\"responseContext\":{"
		       "\"statusCode\":429,\"executedVersion\":\"$LATEST\"},\"responsePayload\":"
		       "{\"Reason\":\"x\"}}\n"));
	assert_int_equal(queue_count(queue), 0);
}

/* Served after a long time: many at once, none of which is delivered. */
static void test_age_backlog(void **state)
{
	char id[16];

	(void)state;
	open_queue();
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "%d", i);
		put("f", id, "1");
	}
	UNTIL(stored == 200);
	close_queue();
	opts.age_ns = 1;
	open_queue();
	queue_serve(queue, "f", 10);
	UNTIL(deaths.len == 200);
	assert_int_equal(delivered.len, 0);
	assert_int_equal(queue_count(queue), 0);
}

static void test_restart(void **state)
{
	(void)state;
	opts.retry_ns = LOOP_MS * 10;
	open_queue();
	put("f", "1", "1");
	put("f", "2", "2");
	put("f", "3", "3");
	UNTIL(stored == 3);
	queue_serve(queue, "f", 2);
	UNTIL(out.len == 2);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	/* 2 is being worked on, 1 and 3 wait; and these two are put while it ends */
	put("f", "4", "4");
	put("f", "5", "5");
	close_queue();
	assert_int_equal(stored, 5);
	assert_int_equal(refused, 0);
	out.len = 0;
	strs_release(&delivered);
	open_queue();
	assert_int_equal(queue_count(queue), 5);
	queue_serve(queue, "f", 100);
	UNTIL(out.len == 5);
	strs_sort(&delivered);
	for (unsigned i = 0; i < 5; i++) {
		char want[16];

		snprintf(want, sizeof(want), "%u/%u", i + 1, i ? 1 : 2);
		assert_string_equal(delivered.ptr[i], want);
	}
}

/* What was put and done just before the end is written down before it. */
static void test_close(void **state)
{
	char id[16];

	(void)state;
	open_queue();
	queue_serve(queue, "g", 1);
	put("g", "g", "1");
	UNTIL(out.len);
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "%d", i);
		put("f", id, "1");
	}
	queue_done(queue, take(), QUEUE_OK, NULL);
	close_queue();
	assert_int_equal(stored, 51);
	assert_int_equal(refused, 0);
	open_queue();
	assert_int_equal(queue_count(queue), 50);
}

static void test_limits(void **state)
{
	CLEAN_FREE char *large = xmalloc(QUEUE_PAYLOAD_MAX + 2);
	CLEAN_FREE char *full = xasprintf("limit exceeded: the queue %s holds 3 events", path);
	struct stat st;
	struct one *o;

	(void)state;
	memset(large, '1', QUEUE_PAYLOAD_MAX + 1);
	large[QUEUE_PAYLOAD_MAX + 1] = '\0';
	opts.rows_max = 3;
	open_queue();
	o = one("f", "1", large);
	assert_int_equal(queue_put(queue, &o->put, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "limit exceeded: an asynchronous event of 1048577 bytes, of 1048576 at most");
	/* the rest in flight, or in the file: it counts */
	o->put.payload.len--;
	assert_int_equal(queue_put(queue, &o->put, &err), 0);
	put("f", "2", "1");
	put("f", "3", "1");
	for (int i = 0; i < 2; i++) {
		o = one("f", "4", "1");
		assert_int_equal(queue_put(queue, &o->put, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		assert_string_equal(err.msg, full);
		on_done(&o->put, &err);
		UNTIL(stored == 3);
	}
	queue_serve(queue, "f", 1);
	UNTIL(out.len);
	assert_int_equal(out.ptr[0]->payload.len, QUEUE_PAYLOAD_MAX);
	queue_done(queue, take(), QUEUE_OK, NULL);
	UNTIL(queue_count(queue) == 2);
	put("f", "4", "1");
	UNTIL(stored == 4);
	queue_serve(queue, "f", 10);
	while (queue_count(queue)) {
		UNTIL(out.len || !queue_count(queue));
		while (out.len)
			queue_done(queue, take(), QUEUE_OK, NULL);
		assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
	}
	close_queue();
	/* a megabyte has gone through it */
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 65536);
}

/* The disk fails when it is to say that it has it: nobody is told that it is stored, and it is not. */
static void test_sync_fails(void **state)
{
	CLEAN_FREE char *want = xasprintf("%s: cannot write the queue: Input/output error", path);

	(void)state;
	open_queue();
	sync_error = EIO;
	put("f", "1", "1");
	put("f", "2", "1");
	UNTIL(refused == 2);
	sync_error = 0;
	assert_int_equal(refusal.code, ERR_IO);
	assert_int_equal(refusal.sys, EIO);
	assert_string_equal(refusal.msg, want);
	assert_int_equal(queue_count(queue), 0);
	put("f", "3", "1");
	UNTIL(stored == 1);
	queue_serve(queue, "f", 10);
	UNTIL(out.len);
	assert_string_equal(out.ptr[0]->id, "3");
	close_queue();
	out.len = 0;
	open_queue();
	assert_int_equal(queue_count(queue), 1);
}

/* No dead-letter file can be had: the event stays, and is there when it can; one line of trouble. */
static void test_dead_file_fails(void **state)
{
	CLEAN_FREE char *sub = xasprintf("%s/sub", dir);
	CLEAN_FREE char *file = xasprintf("%s/dead.jsonl", sub);
	CLEAN_FREE char *want = xasprintf("cannot write the dead-letter file %s: No such file or directory", file);

	(void)state;
	opts.dead = file;
	opts.retries = 0;
	open_queue();
	queue_serve(queue, "f", 2);
	put("f", "1", "1");
	put("f", "2", "1");
	UNTIL(out.len == 2);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	UNTIL(troubles.len);
	assert_string_equal(troubles.ptr[0], want);
	/* others go on */
	queue_done(queue, take(), QUEUE_OK, NULL);
	put("f", "3", "1");
	UNTIL(stored == 3 && out.len == 1 && queue_count(queue) == 2);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	close_queue();
	assert_int_equal(deaths.len, 0);
	assert_int_equal(troubles.len, 1);
	open_queue();
	assert_int_equal(queue_count(queue), 2);
	queue_serve(queue, "f", 2);
	UNTIL(out.len == 2);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	UNTIL(troubles.len == 2);
	assert_int_equal(mkdir(sub, 0700), 0);
	queue_done(queue, take(), QUEUE_FAILED, &failed);
	UNTIL(deaths.len == 2);
	assert_int_equal(troubles.len, 2);
	assert_int_equal(queue_count(queue), 0);
}

/* Two at one file: in this process and from another. */
static void test_second(void **state)
{
	CLEAN_FREE char *want = xasprintf("the queue %s is in use by slsc local, pid %ld", path, (long)getpid());
	int status;
	pid_t pid;

	(void)state;
	open_queue();
	put("f", "1", "1");
	UNTIL(stored == 1);
	assert_null(queue_open(&loop, &opts, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "end that one, or name another file for the queue");
	pid = fork();
	if (pid == 0)
		_exit(!queue_open(&loop, &opts, &err) && strcmp(err.msg, want) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	queue_serve(queue, "f", 1);
	UNTIL(out.len);
	close_queue();
	out.len = 0;
	open_queue();
	assert_int_equal(queue_count(queue), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_dead_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_throttled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age_backlog, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_file_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
