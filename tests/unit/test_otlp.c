/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter against tests/e2e/support/otlp_receiver.py, which takes only what the protocol allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/otlp.h"
#include "os/fs.h"
#include "os/net.h"
#include "os/proc.h"

#define NOW 1767323045678000000u

static struct record_origin hello, other;
static struct record record;
static char *line;		/* its text */
static struct buf scratch = BUF_INIT;
static char dir[64];
static char url[64];
static pid_t server;

/* ---- what is told ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf told = BUF_INIT;

static void tell(void *ctx, const char *message)
{
	assert_ptr_equal(ctx, &told);
	pthread_mutex_lock(&lock);
	/* the address is another each time */
	buf_addf(&told, "%s\n", url[0] && starts_with(message, url) ? message + strlen(url) : message);
	pthread_mutex_unlock(&lock);
}

static const char *script(void)
{
	static char path[4096];
	const char *src = getenv("SLSC_SRC");

	snprintf(path, sizeof(path), "%s/tests/e2e/support/otlp_receiver.py", src ? src : ".");
	return path;
}

static void pause_5ms(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/slsc-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	url[0] = '\0';
	buf_reset(&told);
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (server) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	server = 0;
	assert_int_equal(fs_rmtree(dir, &err), 0);
	return 0;
}

/* A receiver with @answers, separated by spaces; ended by tear_down(). */
static void start(const char *answers)
{
	const char *argv[24] = { "python3", script(), dir };
	CLEAN_FREE char *copy = xstrdup(answers), *path = path_join(dir, "port");
	CLEAN_BUF struct buf port = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned n = 3;

	for (char *save, *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
		argv[n++] = s;
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that fails does not come to tear_down() */
		execv("/usr/bin/python3", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (!fs_exists(path)) {
		if (waitpid(server, NULL, WNOHANG) != 0)
			fail_msg("otlp_receiver.py does not start: apt-get install python3");
		pause_5ms();
	}
	assert_int_equal(fs_read(path, 16, &port, &err), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%s", port.ptr);
}

static void read_file(const char *name, struct buf *out)
{
	CLEAN_FREE char *path = path_join(dir, name);
	struct err err = ERR_INIT;

	buf_reset(out);
	if (fs_exists(path))
		assert_int_equal(fs_read(path, 64u << 20, out, &err), 0);
}

static unsigned lines_in(const struct buf *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->ptr[i] == '\n';
	return n;
}

/* Wait until the receiver has had @n requests, and compare them without their last number, the time. */
static void requests_are(unsigned n, const char *want)
{
	CLEAN_BUF struct buf all = BUF_INIT, got = BUF_INIT;

	while (read_file("requests", &all), lines_in(&all) < n)
		pause_5ms();
	for (char *s = all.ptr; *s;) {
		char status[64], path[64];
		unsigned count, ms;
		int used = 0;

		if (sscanf(s, "%63s %63s %u %u%n", status, path, &count, &ms, &used) < 4)
			fail_msg("%s", s);
		buf_addf(&got, "%s %s %u", status, path, count);
		for (s += used; *s != '\n'; s++)
			buf_addc(&got, *s);
		buf_addc(&got, *s++);
	}
	assert_string_equal(got.ptr, want);
}

/* A copy: a test that fails must not keep the lock. */
static char *told_now(void)
{
	char *copy;

	pthread_mutex_lock(&lock);
	copy = xstrdup(told.ptr);
	pthread_mutex_unlock(&lock);
	return copy;
}

static void told_is(const char *want)
{
	CLEAN_FREE char *got = told_now();

	assert_string_equal(got, want);
}

static void checked(const char *signal, const char *name, const char *want)
{
	CLEAN_FREE char *path = path_join(dir, name);
	const char *argv[] = { "python3", script(), "--check", signal, path, NULL };
	CLEAN_BUF struct buf out = BUF_INIT;
	struct proc_opts o = { .out = &out, .errout = &out };
	struct err err = ERR_INIT;
	int status;

	assert_int_equal(proc_run(argv, &o, &status, &err), 0);
	assert_string_equal(out.ptr, want);
}

/* ---- what is exported ---- */

static void put_log(struct otlp *x, const struct record_origin *o, const char *text)
{
	struct record_now now = { .time = NOW };

	free(line);
	line = xstrdup(text);
	record_parse(&record, o, line, strlen(line), &now, &scratch);
	otlp_log(x, o, &record);
}

static struct span span_new(void)
{
	struct span s = { .start = NOW, .end = NOW + 5, .handler_start = NOW + 1, .handler_end = NOW + 4, .cold = true,
			  .init_start = NOW, .init_end = NOW + 1, .parent = { 9 }, .error = "Function.Bad" };

	s.trace = (struct trace){ .trace_id = { 1 }, .span_id = { 2 }, .flags = TRACE_SAMPLED };
	s.init_id[0] = 3;
	s.handler_id[0] = 4;
	return s;
}

/* Quick, and told of everything. */
static struct otlp_opts quick(void)
{
	return (struct otlp_opts){ .delay_ms = 1, .retry_ms = 1, .tell_ms = 1, .tell = tell, .ctx = &told };
}

static struct otlp *open_http(const struct otlp_opts *opts)
{
	struct err err = ERR_INIT;
	struct otlp *x = NULL;

	if (otlp_open_http(&x, url, opts, &err) < 0)
		fail_msg("%s", err.msg);
	return x;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void counts_are(const struct otlp_counts *c, uint64_t sent, uint64_t rejected, uint64_t lost)
{
	assert_int_equal(c->sent[0] + c->sent[1], sent);
	assert_int_equal(c->rejected[0] + c->rejected[1], rejected);
	assert_int_equal(c->dropped[0] + c->dropped[1], lost);
}

/* ---- tests ---- */

static void test_batches(void **state)
{
	struct otlp_opts o = { .batch = 4, .delay_ms = 3600000, .tell = tell, .ctx = &told };
	struct otlp_counts c;
	struct otlp *x;

	(void)state;
	start("200");
	x = open_http(&o);
	/* full ones at once, what is left at the end; neither is too late nor too early */
	for (unsigned i = 0; i < 11; i++)
		put_log(x, i % 2 ? &hello : &other, "{\"level\":\"INFO\",\"message\":\"m\",\"n\":[1,{\"a\":null}]}");
	requests_are(2, "200 /v1/logs 4\n200 /v1/logs 4\n");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 11, 0, 0);
	requests_are(3, "200 /v1/logs 4\n200 /v1/logs 4\n200 /v1/logs 3\n");
	/* one that is old enough */
	o.delay_ms = 1;
	x = open_http(&o);
	put_log(x, &hello, "x");
	requests_are(4, "200 /v1/logs 4\n200 /v1/logs 4\n200 /v1/logs 3\n200 /v1/logs 1\n");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	otlp_close(NULL, 0, NULL);
	told_is("");
}

static void test_both(void **state)
{
	char *const headers[] = { "X-Key: secret", NULL };
	struct otlp_opts o = { .delay_ms = 3600000, .headers = headers };
	CLEAN_BUF struct buf body = BUF_INIT;
	struct span s = span_new();
	struct otlp_counts c;
	struct otlp *x;

	(void)state;
	start("200");
	memcpy(url + strlen(url), "/base//", 8);
	x = open_http(&o);
	put_log(x, &hello, "one");
	put_log(x, &other, "two");
	put_log(x, &hello, "three");
	otlp_span(x, &hello, &s);
	s.init_start = 0;
	otlp_span(x, &other, &s);
	s.trace.flags = 0;
	otlp_span(x, &hello, &s);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	assert_int_equal(c.sent[OTLP_LOGS], 3);
	assert_int_equal(c.sent[OTLP_TRACES], 5);
	requests_are(2, "200 /base/v1/logs 3 secret\n200 /base/v1/traces 5 secret\n");
	/* a resource for each function, with all of its records */
	read_file("logs.jsonl", &body);
	assert_string_equal(
		body.ptr,
		"{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		"{\"stringValue\":\"hello\"}},"
		"{\"key\":\"faas.name\",\"value\":{\"stringValue\":\"hello\"}}]},\"scopeLogs\":[{\"scope\":{\"name\":"
		"\"slsc\","
		"\"version\":\"" SLSC_VERSION "\"},\"logRecords\":[{\"timeUnixNano\":\"1767323045678000000\","
		"\"observedTimeUnixNano\":\"1767323045678000000\",\"body\":{\"stringValue\":\"one\"},\"attributes\":"
		"[{\"key\":"
		"\"log.iostream\",\"value\":{\"stringValue\":\"stdout\"}}]},{\"timeUnixNano\":\"1767323045678000000\","
		"\"observedTimeUnixNano\":\"1767323045678000000\",\"body\":{\"stringValue\":\"three\"},\"attributes\":"
		"[{\"key\":"
		"\"log.iostream\",\"value\":{\"stringValue\":\"stdout\"}}]}]}]},{\"resource\":{\"attributes\":"
		"[{\"key\":"
		"\"service.name\",\"value\":{\"stringValue\":\"other\"}},{\"key\":\"faas.name\",\"value\":"
		"{\"stringValue\":\"other\"}}]},"
		"\"scopeLogs\":[{\"scope\":{\"name\":\"slsc\",\"version\":\"" SLSC_VERSION "\"},\"logRecords\":"
		"[{\"timeUnixNano\":"
		"\"1767323045678000000\",\"observedTimeUnixNano\":\"1767323045678000000\",\"body\":{\"stringValue\":"
		"\"two\"},"
		"\"attributes\":[{\"key\":\"log.iostream\",\"value\":{\"stringValue\":\"stdout\"}}]}]}]}]}\n");
	checked("traces", "traces.jsonl", "5\n");
}

/* What comes from hostile lines is taken, too. */
static void test_hostile(void **state)
{
	static const char *const lines[] = {
		"", "\xff\xfe", "{\"a\":1e999,\"b\":[1e999],\"c\":-0,\"d\":18446744073709551616,\"e\":{\"x\":1,\"x\":"
		"2},\"f\":[{}]}",
		"{\"\\ud800\":\"\\udc00\",\"\\ufffd\":1,\"\":{\"\\u0061\":1},\"\\u0000\":\"\\u0000\",\"log.iostream\":"
		"1}",
		"{\"trace_id\":\"00000000000000000000000000000000\",\"span_id\":\"1111111111111111\"}",
		"{\"severity\":\"WARN\",\"time\":1,\"faas.invocation_id\":\"\xff\\\"\",\"x\":"
		"[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
	};
	struct otlp_opts o = quick();
	struct span s = span_new();
	struct otlp_counts c;
	struct otlp *x;

	(void)state;
	start("200");
	o.delay_ms = 3600000;
	x = open_http(&o);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		put_log(x, &hello, lines[i]);
	s.path = s.message = s.arn = s.request_id = STR("\xff\n\"\x80");
	s.end = 1;
	otlp_span(x, &hello, &s);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	told_is("");
	counts_are(&c, ARRAY_LEN(lines) + 3, 0, 0);
}

static void test_retries(void **state)
{
	struct otlp_opts o = quick();
	struct otlp_counts c;
	struct otlp *x;

	(void)state;
	start("503 429 502 504 close 200");
	x = open_http(&o);
	put_log(x, &hello, "x");
	requests_are(6, "503 /v1/logs 1\n429 /v1/logs 1\n502 /v1/logs 1\n504 /v1/logs 1\nclose /v1/logs 1\n"
			"200 /v1/logs 1\n");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	/* one line for all of an outage, and one when it is over */
	told_is(": POST of v1/logs was answered 503 Service Unavailable; trying again\n: works again\n");
}

static void test_retry_after(void **state)
{
	struct otlp_opts o = quick();
	CLEAN_BUF struct buf all = BUF_INIT;
	struct otlp_counts c;
	struct otlp *x;
	unsigned ms;

	(void)state;
	start("503:1 200");
	x = open_http(&o);
	put_log(x, &hello, "x");
	requests_are(2, "503 /v1/logs 1\n200 /v1/logs 1\n");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	read_file("requests", &all);
	assert_int_equal(sscanf(strchr(all.ptr, '\n'), "\n200 /v1/logs 1 %u", &ms), 1);
	assert_in_range(ms, 1000, 60000);
}

/* A pause is cut short by the end: the other side gets one more chance. */
static void test_flush(void **state)
{
	struct otlp_opts o = quick();
	struct otlp_counts c;
	uint64_t begun;
	struct otlp *x;

	(void)state;
	start("503:600 200");
	x = open_http(&o);
	put_log(x, &hello, "x");
	requests_are(1, "503 /v1/logs 1\n");
	begun = now_ms();
	otlp_close(x, 60000, &c);
	assert_in_range(now_ms() - begun, 0, 30000);
	counts_are(&c, 1, 0, 0);
	requests_are(2, "503 /v1/logs 1\n200 /v1/logs 1\n");
	tear_down(NULL);
	set_up(NULL);
	/* also when it asks for time after the end has begun */
	start("503:600 200");
	o.delay_ms = 3600000;
	x = open_http(&o);
	put_log(x, &hello, "x");
	begun = now_ms();
	otlp_close(x, 60000, &c);
	assert_in_range(now_ms() - begun, 0, 30000);
	counts_are(&c, 1, 0, 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *answer, *told;
	} t[] = {
		{ "400:bad\ndata", ": 1 log record dropped: POST of v1/logs was answered 400 Bad Request: bad data\n" },
		{ "500", ": 1 log record dropped: POST of v1/logs was answered 500 Internal Server Error\n" },
		{ "404", ": 1 log record dropped: POST of v1/logs was answered 404 Not Found\n" },
		{ "302", ": 1 log record dropped: POST of v1/logs was answered 302 Found\n" },
	};
	struct otlp_opts o = quick();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *want = xasprintf("%.3s /v1/logs 1\n", t[i].answer);
		struct otlp_counts c;
		struct otlp *x;

		start(t[i].answer);
		x = open_http(&o);
		put_log(x, &hello, "x");
		otlp_close(x, OTLP_FLUSH_MS, &c);
		counts_are(&c, 0, 0, 1);
		told_is(t[i].told);
		requests_are(1, want);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void test_partial(void **state)
{
	struct otlp_opts o = quick();
	struct otlp_counts c;
	struct span s = span_new();
	struct otlp *x;

	(void)state;
	o.delay_ms = 3600000;
	start("partial:2:too_old");
	x = open_http(&o);
	for (unsigned i = 0; i < 3; i++)
		put_log(x, &hello, "x");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 2, 0);
	told_is(": 2 log records rejected: too_old\n");
	tear_down(NULL);
	set_up(NULL);
	start("partial:0:slow_down");
	x = open_http(&o);
	otlp_span(x, &hello, &s);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 3, 0, 0);
	told_is(": slow_down\n");
	tear_down(NULL);
	set_up(NULL);
	start("partial:9:");
	x = open_http(&o);
	otlp_span(x, &hello, &s);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 0, 3, 0);
	told_is(": 3 spans rejected\n");
	tear_down(NULL);
	set_up(NULL);
	start("garbage");
	x = open_http(&o);
	put_log(x, &hello, "x");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	told_is("");
}

static void test_give_up(void **state)
{
	struct otlp_opts o = quick();
	struct otlp_counts c;
	struct otlp *x;

	(void)state;
	o.give_up_ms = 20;
	start("503");
	x = open_http(&o);
	put_log(x, &hello, "x");
	for (otlp_counts(x, &c); !c.dropped[OTLP_LOGS]; otlp_counts(x, &c))
		pause_5ms();
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 0, 0, 1);
	told_is(": POST of v1/logs was answered 503 Service Unavailable; trying again\n"
		": 1 log record dropped: POST of v1/logs was answered 503 Service Unavailable\n");
}

/* A collector that does not answer costs the memory that was agreed on, and no time. */
static void test_memory(void **state)
{
	struct otlp_opts o = quick();
	struct span s = span_new();
	struct otlp_counts c;
	uint64_t begun;
	struct otlp *x;

	(void)state;
	o.memory = 256u << 10;
	o.tell_ms = 3600000;
	start("hang");
	x = open_http(&o);
	begun = now_ms();
	for (unsigned i = 0; i < 20000; i++)
		put_log(x, &hello, "{\"level\":\"INFO\",\"message\":\"many of these\",\"a\":1,\"b\":2,\"c\":3}");
	otlp_span(x, &hello, &s);
	otlp_counts(x, &c);
	assert_in_range(c.dropped[OTLP_LOGS], 18000, 19999);
	assert_int_equal(c.dropped[OTLP_TRACES], 3);
	otlp_close(x, 100, &c);
	assert_in_range(now_ms() - begun, 100, 30000);
	counts_are(&c, 0, 0, 20003);
	told_is(": 20000 log records and 3 spans dropped: they come faster than they are taken\n");
}

static void test_nobody(void **state)
{
	struct otlp_opts o = quick();
	struct err err = ERR_INIT;
	struct otlp_counts c;
	CLEAN_FREE char *got = NULL;
	struct otlp *x;
	uint16_t port;
	int fd = net_listen_loopback(&port, &err);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	x = open_http(&o);
	o.tell_ms = 3600000;
	put_log(x, &hello, "x");
	otlp_close(x, 100, &c);
	counts_are(&c, 0, 0, 1);
	got = told_now();
	assert_non_null(strstr(got, "Failed to connect to 127.0.0.1 port"));
	assert_non_null(strstr(got, "; trying again\n: 1 log record dropped: Failed to connect"));
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *msg;
	} t[] = {
		{ "ftp://x", "'ftp://x' is not an http or https URL, or names a user" },
		{ "x y", "'x y' is not an http or https URL, or names a user" },
		{ "http://u:p@x", "'http://u:p@x' is not an http or https URL, or names a user" },
		{ "http://x/?a=1", "'http://x/?a=1' has a query" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err err = ERR_INIT;
		struct otlp *x = NULL;

		assert_int_equal(otlp_open_http(&x, t[i].url, NULL, &err), -1);
		assert_string_equal(err.msg, t[i].msg);
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(x);
	}
}

static void test_files(void **state)
{
	CLEAN_FREE char *to = path_join(dir, "a/b"), *logs = path_join(to, "logs.jsonl");
	CLEAN_BUF struct buf all = BUF_INIT;
	struct otlp_opts o = quick();
	struct span s = span_new();
	struct err err = ERR_INIT;
	struct otlp *x = NULL, *y = NULL;
	struct otlp_counts c;

	(void)state;
	assert_int_equal(otlp_open_file(&x, to, &o, &err), 0);
	assert_int_equal(otlp_open_file(&y, to, &o, &err), 0);
	/* two write to the same files */
	for (unsigned i = 0; i < 1000; i++) {
		put_log(x, &hello, "one");
		put_log(y, &other, "{\"two\":2}");
		if (i % 100 == 0)
			otlp_span(x, &hello, &s);
	}
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1030, 0, 0);
	otlp_close(y, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1000, 0, 0);
	checked("logs", "a/b/logs.jsonl", "2000\n");
	checked("traces", "a/b/traces.jsonl", "30\n");
	/* what a killed process has left of a line stays alone */
	assert_int_equal(fs_write_file(logs, "{\"resou", 7, 0644, &err), 0);
	assert_int_equal(otlp_open_file(&x, to, &o, &err), 0);
	put_log(x, &hello, "one");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	read_file("a/b/logs.jsonl", &all);
	assert_int_equal(memcmp(all.ptr, "{\"resou\n{\"resourceLogs\":", 24), 0);
	assert_int_equal(lines_in(&all), 2);
	told_is("");
}

static void test_file_full(void **state)
{
	CLEAN_FREE char *want = xasprintf("%s: 1 log record dropped: cannot write %s/logs.jsonl: File too large\n", dir,
					  dir);
	CLEAN_FREE char *longer = xmalloc(9000);
	struct rlimit before, small;
	struct otlp_opts o = quick();
	struct err err = ERR_INIT;
	struct otlp_counts c;
	struct otlp *x = NULL;

	(void)state;
	memset(longer, 'x', 9000);
	longer[8999] = '\0';
	o.delay_ms = 3600000;
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){ .rlim_cur = 8000, .rlim_max = before.rlim_max };
	assert_int_equal(otlp_open_file(&x, dir, &o, &err), 0);
	put_log(x, &hello, "fits");
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	assert_int_equal(otlp_open_file(&x, dir, &o, &err), 0);
	put_log(x, &hello, longer);
	setrlimit(RLIMIT_FSIZE, &small);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	setrlimit(RLIMIT_FSIZE, &before);
	counts_are(&c, 0, 0, 1);
	/* the part that was written is gone again */
	checked("logs", "logs.jsonl", "1\n");
	told_is(want);
}

static void test_lines(void **state)
{
	CLEAN_FREE char *path = path_join(dir, "records.jsonl"), *fifo = path_join(dir, "fifo");
	CLEAN_FREE char *absent = path_join(dir, "no/records.jsonl");
	CLEAN_BUF struct buf all = BUF_INIT, want = BUF_INIT;
	struct otlp_opts o = quick();
	struct span s = span_new();
	struct err err = ERR_INIT;
	struct otlp *x = NULL;
	struct otlp_counts c;

	(void)state;
	assert_int_equal(otlp_open_lines(&x, path, &o, &err), 0);
	put_log(x, &hello, "one");
	record_add_line(&record, &hello, &want);
	put_log(x, &other, "{\"two\":2}");
	record_add_line(&record, &other, &want);
	otlp_span(x, &hello, &s);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 2, 0, 0);
	read_file("records.jsonl", &all);
	assert_string_equal(all.ptr, want.ptr);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(otlp_open_lines(&x, fifo, &o, &err), -1);
	assert_string_equal(err.msg + strlen("cannot write ") + strlen(fifo), ": not a regular file");
	assert_int_equal(otlp_open_lines(&x, absent, &o, &err), -1);
	assert_string_equal(err.msg + strlen("cannot open ") + strlen(absent), ": No such file or directory");
	assert_int_equal(otlp_open_file(&x, fifo, &o, &err), -1);
}

/* The end of `slsc local` is a signal: what is there is sent all the same. It stays told, so this is the last test. */
static void test_signal(void **state)
{
	struct otlp_opts o = quick();
	struct otlp_counts c;
	struct err err = ERR_INIT;
	struct otlp *x;

	(void)state;
	start("200");
	sig_install();
	o.delay_ms = 3600000;
	x = open_http(&o);
	put_log(x, &hello, "x");
	raise(SIGTERM);
	assert_int_equal(sig_check(&err), -1);
	otlp_close(x, OTLP_FLUSH_MS, &c);
	counts_are(&c, 1, 0, 0);
	told_is("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(test_batches), TEST(test_both), TEST(test_hostile), TEST(test_retries), TEST(test_retry_after),
		TEST(test_flush), TEST(test_refused), TEST(test_partial), TEST(test_give_up), TEST(test_memory),
		TEST(test_nobody), TEST(test_urls), TEST(test_files), TEST(test_file_full), TEST(test_lines),
		TEST(test_signal),
	};
	const struct record_origin_spec a = { .function = "hello" }, b = { .function = "other" };
	int failed;

	record_origin_init(&hello, &a);
	record_origin_init(&other, &b);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	record_origin_release(&hello);
	record_origin_release(&other);
	buf_release(&scratch);
	buf_release(&told);
	free(line);
	return failed;
}
