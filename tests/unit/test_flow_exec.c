/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of executions: on the disk before it counts, a failing disk, sharing, going on, expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/flows.h"
#include "os/fs.h"

/* SQLite's wait for the disk passes here. */
static unsigned syncs;
static int sync_error;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
int fdatasync(int fd)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	__atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&sync_error, __ATOMIC_SEQ_CST)) {
		errno = sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

#define PASS "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}"
#define WAIT "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":%u,\"End\":true}}}"

static char *dir, *path;
static struct loop loop;
static struct platform platform;
static struct flows flows;
static unsigned begun, refused, over, trouble;
static struct err last;
static struct flow_there last_there;
static unsigned syncs_then;

static void on_trouble(void *ctx, const struct err *err)
{
	(void)ctx;
	trouble++;
	last = *err;
}

static void on_started(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	(void)x;
	syncs_then = __atomic_load_n(&syncs, __ATOMIC_SEQ_CST);
	begun += !there && !err;
	refused += there || err;
	if (there)
		last_there = *there;
	if (err)
		last = *err;
}

static void on_over(struct flow_exec *x)
{
	(void)x;
	over++;
}

static void open_flows(void)
{
	struct err err = ERR_INIT;

	flows = (struct flows){ .trouble = on_trouble };
	if (flows_open(&flows, &platform, path, "a test", &err) < 0 || flows_load(&flows, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct flow_def *define(const char *name, const char *text)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	struct err err = ERR_INIT;
	struct flow_def *d = flow_def_new(&flows, name, name, text, strlen(text), false, NULL, NULL, &found, &err);

	if (!d || flows_put_now(&flows, d, &err) < 0)
		fail_msg("%s", err.msg);
	return flows_find(&flows, str_from(name));
}

static void start(struct flow_def *d, const char *name)
{
	struct flow_begin b = { .name = name, .input = STR("{}"), .started = on_started, .over = on_over };
	struct err err = ERR_INIT;

	if (flows_start(&flows, d, &b, &err) < 0)
		fail_msg("%s", err.msg);
}

#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		struct err err_ = ERR_INIT;                                                                            \
		while (!(condition))                                                                                   \
			if (loop_once(&loop, UINT64_MAX, &err_) < 0)                                                   \
				fail_msg("%s", err_.msg);                                                              \
	} while (0)

static int set_up(void **state)
{
	struct err err = ERR_INIT;
	char text[] = "/tmp/slsc-flow.XXXXXX";

	(void)state;
	dir = xstrdup(mkdtemp(text));
	path = path_join(dir, "flow.db");
	assert_int_equal(loop_init(&loop, &err), 0);
	platform = (struct platform){ .loop = &loop, .region = "us-east-1", .account = "123456789012" };
	syncs = begun = refused = over = trouble = 0;
	sync_error = 0;
	open_flows();
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	flows_close(&flows);
	/* what the journal has left in the loop frees itself */
	assert_int_equal(loop_once(&loop, 0, &err), 0);
	loop_release(&loop);
	assert_int_equal(fs_rmtree(dir, &err), 0);
	free(dir);
	free(path);
	return 0;
}

static void test_durable(void **state)
{
	struct flow_def *d = define("m", PASS);
	unsigned before = syncs;

	(void)state;
	start(d, "one");
	assert_int_equal(begun, 0);
	UNTIL(over == 1);
	assert_true(syncs_then > before);
	/* its beginning and its end in one transaction */
	assert_int_equal(begun, 1);
	/* the same name once more */
	start(d, "one");
	UNTIL(refused == 1);
	assert_true(last_there.same);
	assert_int_equal(last_there.status, FLOW_SUCCEEDED);
	assert_int_equal(flows.running, 0);
}

static void test_shared(void **state)
{
	struct flow_def *d = define("m", PASS);
	unsigned before = syncs;

	(void)state;
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 1000; i++)
		start(d, NULL);
	pthread_mutex_unlock(&gate);
	UNTIL(over == 1000);
	/* one wait for the disk for the first ones, one for all that came meanwhile, and the log's own */
	assert_true(syncs - before < 10);
	assert_int_equal(flows.running, 0);
}

static void test_failing_disk(void **state)
{
	char text[200];
	struct flow_def *d;

	(void)state;
	snprintf(text, sizeof(text), WAIT, 1);
	d = define("w", text);
	start(d, "one");
	UNTIL(begun == 1);
	__atomic_store_n(&sync_error, EIO, __ATOMIC_SEQ_CST);
	start(d, "two");
	UNTIL(refused == 1);
	assert_non_null(strstr(last.msg, "flow.db: cannot "));
	assert_int_equal(last.sys, EIO);
	/* what runs waits until it is written, and is told of once */
	UNTIL(trouble == 1);
	assert_int_equal(over, 0);
	__atomic_store_n(&sync_error, 0, __ATOMIC_SEQ_CST);
	UNTIL(over == 1);
	assert_int_equal(trouble, 1);
	assert_int_equal(flows.running, 0);
}

static void no_failure(const char *name, const struct err *err)
{
	fail_msg("%s: %s", name, err->msg);
}

static void test_goes_on(void **state)
{
	struct err err = ERR_INIT;
	char text[200];
	struct flows other = { .trouble = NULL };
	size_t n;

	(void)state;
	snprintf(text, sizeof(text), WAIT, 1);
	start(define("w", text), "one");
	snprintf(text, sizeof(text), WAIT, 100000);
	start(define("w", text), "two");
	UNTIL(begun == 2);
	assert_int_equal(flows_open(&other, &platform, path, "another", &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(strstr(err.msg, "is in use by a test, pid "));
	flows_close(&other);
	flows_close(&flows);
	open_flows();
	/* the machine as it was changed; each execution by the definition that it began with */
	assert_int_equal(flows.defs.len, 1);
	assert_int_equal(flows_resume_all(&flows, &n, no_failure, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(flows.running, 2);
	UNTIL(flows.running == 1);
	assert_string_equal(flows.first->name, "two");
	flow_exec_stop(flows.first, "E", NULL);
	UNTIL(flows.running == 0);
	assert_int_equal(flows_resume_all(&flows, &n, no_failure, &err), 0);
	assert_int_equal(n, 0);
}

/* As if it had not ended where it ran: a machine of one Pass state is over as soon as it is begun. */
static int put_running(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	const struct execution_row row = {
		.id = 100,
		.revision = flows.defs.ptr[0]->revision,
		.machine = STR("m"),
		.name = STR("over"),
		.role = STR("arn:aws:iam::123456789012:role/r"),
		.trace = STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
		.input = STR("{}"),
		.engine = FLOW_ENGINE_VERSION,
		.deadline = FLOW_NEVER,
	};

	(void)job;
	return ops->execution_put(s, &row, err);
}

static void test_goes_on_to_its_end(void **state)
{
	struct flow_job job = { .work = put_running, .writes = true };
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	define("m", PASS);
	assert_int_equal(flow_journal_now(flows.journal, &job, &err), 0);
	assert_int_equal(flows_resume_all(&flows, &n, no_failure, &err), 0);
	assert_int_equal(n, 1);
	UNTIL(flows.running == 0);
	assert_int_equal(flows_resume_all(&flows, &n, no_failure, &err), 0);
	assert_int_equal(n, 0);
}

struct asked {
	struct flow_job job;
	int64_t at;
	unsigned rows;
};

static bool count(void *ctx, const struct execution_row *x)
{
	(void)x;
	((struct asked *)ctx)->rows++;
	return true;
}

static int count_all(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct asked *a = CONTAINER_OF(job, struct asked, job);

	if (a->at && ops->expire(s, a->at, err) < 0)
		return -1;
	return ops->executions(s, STR(""), -1, INT64_MAX, count, a, err);
}

static void test_expiry(void **state)
{
	struct asked a = { .job.work = count_all };
	struct err err = ERR_INIT;
	char text[200];

	(void)state;
	snprintf(text, sizeof(text), WAIT, 1000);
	start(define("m", PASS), "ended");
	start(define("w", text), "runs");
	UNTIL(over == 1 && begun == 2);
	a.job.writes = true;
	a.at = wall_clock() - (int64_t)LOOP_S * 1000;
	assert_int_equal(flow_journal_now(flows.journal, &a.job, &err), 0);
	assert_int_equal(a.rows, 2);
	a.rows = 0;
	a.at = wall_clock() + (int64_t)LOOP_S * 1000;
	assert_int_equal(flow_journal_now(flows.journal, &a.job, &err), 0);
	assert_int_equal(a.rows, 1);
}

static int bad_work(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	(void)job;
	(void)ops;
	(void)s;
	return err_set(err, ERR_IO, "no");
}

/* A job that fails alone takes nobody along if it only reads; what is written is written together or not at all. */
static void test_failing_job(void **state)
{
	struct flow_job job = { .work = bad_work };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(flow_journal_now(flows.journal, &job, &err), -1);
	assert_string_equal(err.msg, "no");
	job.writes = true;
	assert_int_equal(flow_journal_now(flows.journal, &job, &err), -1);
	start(define("m", PASS), "after");
	UNTIL(over == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_durable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failing_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_goes_on_to_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failing_job, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
