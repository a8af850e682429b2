/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/out.h"

#define CLEAR "\r\033[K"

/* stderr into a pipe or a terminal of 30 columns, from begin() to what end() returns. */
static int saved, reader;
static char got[65536];

static void begin(bool tty)
{
	int p[2];

	fflush(stderr);
	saved = dup(2);
	if (tty) {
		struct winsize ws = { .ws_col = 30, .ws_row = 10 };

		assert_int_equal(openpty(&p[0], &p[1], NULL, NULL, &ws), 0);
	} else {
		assert_int_equal(pipe(p), 0);
	}
	dup2(p[1], 2);
	close(p[1]);
	reader = p[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
}

static const char *end(void)
{
	size_t n = 0;
	ssize_t r;

	while (n < sizeof(got) - 1 && (r = read(reader, got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)r;
	got[n] = '\0';
	dup2(saved, 2);
	close(saved);
	close(reader);
	return got;
}

static void init(struct globals g)
{
	out_init(&g);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void test_messages(void **state)
{
	struct err err;

	(void)state;
	begin(false);
	init((struct globals){ 0 });
	err_at(&err, ERR_CONFIG, "slsc.yaml", 12, 5, "unknown key '%s'", "optimise");
	err_hint(&err, "did you mean 'optimize'?");
	out_error(&err);
	out_warn("zstd layers are new to %s", "Lambda");
	out_note("note %d", 1);
	out_verbose("hidden");
	out_raw("raw\033[31m\n", 9);
	/* a file's name cannot pass for a hint of ours */
	err_set(&err, ERR_IO, "cannot read x\nhint: run it as root\r");
	err_hint(&err, "look at 'a\nb'");
	out_error(&err);
	out_warn("'a\nwarning: b'");
	out_note("escape \033[2J, tab \t, del \x7f, caf\xc3\xa9");
	out_warn("a \xe2\x80\xaetxt.exe\xe2\x81\xa9");
	assert_string_equal(end(), "error: slsc.yaml:12:5: unknown key 'optimise'\n"
				   "hint: did you mean 'optimize'?\n"
				   "warning: zstd layers are new to Lambda\n"
				   "note 1\n"
				   "raw\033[31m\n"
				   "error: cannot read x?hint: run it as root?\n"
				   "hint: look at 'a?b'\n"
				   "warning: 'a?warning: b'\n"
				   "escape ?[2J, tab \t, del ?, caf\xc3\xa9\n"
				   "warning: a ?txt.exe?\n");
}

static void test_quiet_verbose(void **state)
{
	(void)state;
	begin(false);
	init((struct globals){ .quiet = true });
	out_note("no");
	out_warn("yes");
	progress_begin("building", 2);
	progress_end();
	init((struct globals){ .verbose = 1 });
	out_verbose("more");
	assert_string_equal(end(), "warning: yes\nmore\n");
}

static void test_color(void **state)
{
	struct err err;
	struct globals g = { .color = "always" };

	(void)state;
	err_set(&err, ERR_IO, "x");
	err_hint(&err, "y");
	begin(false);
	out_init(&g);
	assert_true(g.use_color);
	out_error(&err);
	out_warn("z");
	assert_string_equal(end(), "\033[1;31merror:\033[m x\n\033[36mhint:\033[m y\n\033[1;33mwarning:\033[m z\n");

	begin(true);
	setenv("TERM", "xterm", 1);
	g = (struct globals){ 0 };
	out_init(&g);
	assert_true(g.use_color && g.use_progress);
	g.quiet = true;
	out_init(&g);
	assert_true(g.use_color && !g.use_progress);
	setenv("NO_COLOR", "1", 1);
	out_init(&g);
	assert_false(g.use_color);
	g.color = "always";
	out_init(&g);
	assert_true(g.use_color);
	setenv("NO_COLOR", "", 1);
	g = (struct globals){ .color = "auto", .progress = "auto" };
	out_init(&g);
	assert_true(g.use_color && g.use_progress);
	g = (struct globals){ .color = "never", .progress = "never" };
	out_init(&g);
	assert_true(!g.use_color && !g.use_progress);
	setenv("TERM", "dumb", 1);
	g = (struct globals){ 0 };
	out_init(&g);
	assert_true(!g.use_color && !g.use_progress);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	end();
}

static void test_json(void **state)
{
	struct err err;

	(void)state;
	begin(false);
	init((struct globals){ .json = true, .color = "always" });
	err_at(&err, ERR_CONFIG, "a\"b.yaml", 3, 0, "bad \xff");
	out_error(&err);
	err_set(&err, ERR_NOTFOUND, "no such thing");
	err_hint(&err, "look elsewhere");
	out_error(&err);
	assert_string_equal(end(),
			    "{\"error\":{\"code\":\"config\",\"message\":\"a\\\"b.yaml:3: bad \xef\xbf\xbd\","
			    "\"hint\":null,\"file\":\"a\\\"b.yaml\",\"line\":3,\"column\":null}}\n"
			    "{\"error\":{\"code\":\"notfound\",\"message\":\"no such thing\","
			    "\"hint\":\"look elsewhere\",\"file\":null,\"line\":null,\"column\":null}}\n");
}

static void test_progress_plain(void **state)
{
	(void)state;
	begin(false);
	init((struct globals){ 0 });
	progress_begin("quick", 3);
	progress_update(1, "a");
	progress_end();
	progress_begin("fetching musl for arm64", 3);
	progress_update(1, "a");
	pause_ms(510);
	progress_update(2, "b");
	progress_update(3, "c");
	progress_end();
	init((struct globals){ .progress = "never" });
	progress_begin("silent", 3);
	progress_end();
	assert_string_equal(end(), "fetching musl for arm64\n");
}

static void test_progress_line(void **state)
{
	(void)state;
	begin(true);
	init((struct globals){ 0 });
	progress_begin("building", 12);
	progress_update(1, "too soon");
	out_note("a message");
	pause_ms(110);
	progress_update(2, "hello");
	progress_end();
	progress_end();
	/* the terminal turns \n into \r\n; a message carries what is current */
	assert_string_equal(end(), CLEAR "building 0/12" CLEAR "a message\r\n" CLEAR "building 1/12 too soon"
				   CLEAR "building 2/12 hello" CLEAR);
}

static void test_progress_truncates(void **state)
{
	(void)state;
	begin(true);
	init((struct globals){ 0 });
	progress_begin("packing", 0);
	pause_ms(110);
	/* 29 columns: wide characters count two, and none is cut in half */
	progress_update(7, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
			   "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac");
	pause_ms(110);
	progress_update(8, "bad \xff\x1b[2J end");
	progress_set_total(9);
	progress_end();
	assert_string_equal(end(), CLEAR "packing" CLEAR
				   "packing 7 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac"
				   "\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" CLEAR
				   "packing 8 bad ??[2J end" CLEAR);
}

static void test_progress_rate(void **state)
{
	struct timespec a, b;
	size_t draws = 0;
	int64_t ms;

	(void)state;
	begin(true);
	init((struct globals){ 0 });
	clock_gettime(CLOCK_MONOTONIC, &a);
	progress_begin("x", 5000);
	for (uint64_t i = 0; i < 5000; i++) {
		progress_update(i, NULL);
		if (i % 25 == 0)
			pause_ms(1);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	progress_end();
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	for (const char *p = end(); (p = strstr(p, CLEAR "x ")); p++)
		draws++;
	assert_true(draws >= 2 && draws <= (size_t)(ms / 100) + 1);
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 100; i++) {
		out_note("%s", (const char *)arg);
		progress_update((uint64_t)i, arg);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static const char *const lines[] = { "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc" };
	pthread_t t[3];
	char *rest = got, *l;
	size_t n = 0;

	(void)state;
	begin(false);
	init((struct globals){ .progress = "always" });
	for (size_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, chatter, (void *)(uintptr_t)lines[i]);
	for (size_t i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	end();
	for (; (l = strsep(&rest, "\n")) && rest; n++)
		assert_true(strcmp(l, lines[0]) == 0 || strcmp(l, lines[1]) == 0 || strcmp(l, lines[2]) == 0);
	assert_int_equal(n, 300);
}

static void test_stdout(void **state)
{
	int keep = dup(1), p[2], full = open("/dev/full", O_WRONLY);
	struct err err = ERR_INIT;
	char line[16];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	dup2(p[1], 1);
	close(p[1]);
	assert_int_equal(out_stdout("result\n", 7, &err), 0);
	assert_int_equal(read(p[0], line, sizeof(line)), 7);
	assert_false(out_pipe_broken());
	close(p[0]);
	assert_int_equal(out_stdout("result\n", 7, &err), -1);
	assert_true(out_pipe_broken());
	dup2(full, 1);
	close(full);
	assert_int_equal(out_stdout("result\n", 7, &err), -1);
	assert_string_equal(err.msg, "cannot write standard output: No space left on device");
	assert_int_equal(out_close_stdout(&err), 0);
	assert_int_equal(out_close_stdout(&err), 0);
	dup2(keep, 1);
	close(keep);
}

/* Nobody reads: who has something to say goes on, and is told of once there is room. */
static void test_detached(void **state)
{
	static char line[1000];
	struct err err;
	char *more;
	size_t n = 0;
	ssize_t r;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	begin(false);
	init((struct globals){ 0 });
	assert_int_equal(out_detach(&err), 0);
	out_note("first");
	for (int i = 0; i < 5000; i++)
		out_note("%s", line);
	fcntl(reader, F_SETFL, 0);
	assert_int_equal(read(reader, got, 6), 6);
	assert_memory_equal(got, "first\n", 6);
	/* a pipe's and ours: not all of the 5 MB */
	more = calloc(1, 8 << 20);
	while (!strstr(more + (n > 70000 ? n - 70000 : 0), "took them\n") && (r = read(reader, more + n, 65536)) > 0)
		n += (size_t)r;
	assert_in_range(n, OUT_WAITING - 2000, OUT_WAITING + 100000);
	r = strtol(strstr(more, "warning: ") + 9, NULL, 10);
	assert_in_range(r, 3800, 3999);
	assert_non_null(strstr(more, " lines were left out: nobody took them\n"));
	assert_int_equal((size_t)r + (size_t)(strstr(more, "warning") - more) / 1000, 5000);
	out_note("last");
	out_attach(60000);
	fcntl(reader, F_SETFL, O_NONBLOCK);
	out_note("here again");
	assert_string_equal(end(), "last\nhere again\n");
	free(more);
}

/* Who never reads does not keep the process from its end. */
static void test_detached_for_good(void **state)
{
	static char line[1000];
	struct err err;
	int status;
	pid_t pid;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	begin(false);
	init((struct globals){ 0 });
	pid = fork();
	if (pid == 0) {
		if (out_detach(&err) < 0)
			_exit(1);
		for (int i = 0; i < 300; i++)
			out_note("%s", line);
		out_attach(10);
		out_note("%s", line);
		_exit(42);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 42 << 8);
	(void)end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),	 cmocka_unit_test(test_quiet_verbose),
		cmocka_unit_test(test_color),		 cmocka_unit_test(test_json),
		cmocka_unit_test(test_progress_plain),	 cmocka_unit_test(test_progress_line),
		cmocka_unit_test(test_progress_truncates), cmocka_unit_test(test_progress_rate),
		cmocka_unit_test(test_threads),		 cmocka_unit_test(test_stdout),
		cmocka_unit_test(test_detached),	 cmocka_unit_test(test_detached_for_good),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
