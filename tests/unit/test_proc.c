/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: pidfd_open */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "test_home.h"

static bool no_pidfd;

int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	if (no_pidfd) {
		errno = ENOSYS;
		return -1;
	}
	return __real_pidfd_open(pid, flags);
}

#define SH(text) ((const char *const[]){ "sh", "-c", text, NULL })

static void put(const char *path, const char *text, mode_t mode)
{
	struct err err;

	assert_int_equal(fs_write_file(path, text, strlen(text), mode, &err), 0);
}

static int runs(const char *text, const struct proc_opts *o)
{
	struct err err;
	int status = -1;

	if (proc_run(SH(text), o, &status, &err) < 0)
		fail_msg("%s", err.msg);
	return status;
}

static void test_status(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		no_pidfd = i;
		assert_int_equal(runs("exit 0", NULL), 0);
		assert_int_equal(runs("exit 3", NULL), 3);
		assert_int_equal(runs("kill -9 $$", NULL), 137);
		assert_int_equal(runs("kill -PIPE $$", NULL), 141);
	}
	no_pidfd = false;
}

static void fails(const char *name, const char *dir, enum err_code code, const char *msg, const char *hint)
{
	struct proc_opts o = { .dir = dir };
	struct err err;
	int status = 42;

	assert_int_equal(proc_run((const char *const[]){ name, NULL }, &o, &status, &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(status, 42);
}

static void test_not_started(void **state)
{
	(void)state;
	put("script", "#!/no/such/shell\n", 0755);
	put("plain", "x", 0644);
	put("junk", "\x7f" "ELF junk", 0755);
	fails("slsc-none", NULL, ERR_TOOL, "'slsc-none' is not found on PATH", "");
	fails("./none", NULL, ERR_TOOL, "cannot run ./none: no such file", "");
	fails("true", "nodir", ERR_IO, "cannot run true in nodir: No such file or directory", "");
	fails("true", "plain", ERR_IO, "cannot run true in plain: Not a directory", "");
	fails("./script", NULL, ERR_TOOL, "cannot run ./script: the interpreter it names does not exist", "");
	fails("./plain", NULL, ERR_IO, "cannot run ./plain: Permission denied", "make it executable");
	fails("./junk", NULL, ERR_IO, "cannot run ./junk: Exec format error", "");
}

static void test_collect(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT, errout = BUF_INIT;
	struct proc_opts o = { .out = &out, .errout = &errout };

	(void)state;
	for (int i = 0; i < 2; i++) {
		no_pidfd = i;
		o = (struct proc_opts){ .out = &out, .errout = &errout };
		assert_int_equal(runs("echo a; echo b >&2; exit 7", &o), 7);
		assert_string_equal(out.ptr, "a\n");
		assert_string_equal(errout.ptr, "b\n");
		buf_reset(&out);
		buf_reset(&errout);
		o.out = NULL;
		assert_int_equal(runs("echo c >&2", &o), 0);
		assert_string_equal(errout.ptr, "c\n");
		buf_reset(&errout);
		o.out = o.errout = &out;
		assert_int_equal(runs("echo a; echo b >&2; echo c", &o), 0);
		assert_string_equal(out.ptr, "a\nb\nc\n");
		buf_reset(&out);
		/* much more than a pipe holds, on both, and what is over the limit is dropped but read */
		o = (struct proc_opts){ .out = &out, .errout = &errout };
		assert_int_equal(runs("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; echo end", &o), 0);
		assert_int_equal(out.len, 1 << 20);
		assert_int_equal(errout.len, 1 << 20);
		buf_reset(&out);
		buf_reset(&errout);
		o.limit = 3;
		buf_addz(&out, "x");
		assert_int_equal(runs("echo 12345", &o), 0);
		assert_string_equal(out.ptr, "x12");
		buf_reset(&out);
	}
	no_pidfd = false;
}

static void add_line(const char *line, size_t len, void *ctx)
{
	assert_int_equal(strlen(line), len);
	buf_addf(ctx, "[%s]", line);
}

static void test_lines(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct proc_opts o = { .line = add_line, .ctx = &b };

	(void)state;
	assert_int_equal(runs("echo one; echo; echo two >&2; printf three", &o), 0);
	assert_string_equal(b.ptr, "[one][][two][three]");
	buf_reset(&b);
	o.limit = 4;
	assert_int_equal(runs("printf 123; printf 45; sleep 0; printf 6; echo; echo ab", &o), 0);
	assert_string_equal(b.ptr, "[1234][ab]");
	buf_reset(&b);
	assert_int_equal(runs(":", &o), 0);
	assert_string_equal(b.ptr, "");
}

static void test_surroundings(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct proc_opts o = { .out = &b, .null_stdin = true, .dir = "d",
			       .env = (const char *const[]){ "SLSC_A=new", "SLSC_B=2", NULL } };
	int in[2], old = dup(0);

	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	setenv("SLSC_A", "old", 1);
	setenv("SLSC_AB", "other", 1);
	/* an input that never ends */
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	dup2(in[0], 0);
	assert_int_equal(runs("cat; echo $SLSC_A $SLSC_B $SLSC_AB ${PWD##*/}; env | grep -c '^SLSC_A='", &o), 0);
	assert_string_equal(b.ptr, "new 2 other d\n1\n");
	dup2(old, 0);
	close(old);
	close(in[0]);
	close(in[1]);
	buf_reset(&b);
	/* SIGPIPE, which we ignore, ends the child; and it has no descriptors but the three */
	o = (struct proc_opts){ .out = &b, .errout = &b };
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(runs("kill -PIPE $$; echo alive", &o), 141);
	signal(SIGPIPE, SIG_DFL);
	assert_string_equal(b.ptr, "");
}

static size_t count_fds(void)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err;

	assert_int_equal(fs_list("/proc/self/fd", &names, &err), 0);
	return names.len;
}

static void test_descriptors(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, e = BUF_INIT;
	struct proc_opts o = { .out = &b, .errout = &e };
	size_t before = count_fds();
	const char *const list[] = { "/bin/sh", "-c", "exec 2>&1; for f in 3 4 5 6 7 8 9; do "
				     "if true <&$f; then echo open $f; fi; done 2>/dev/null", NULL };
	int keep[10], n = 0, status;
	struct err err;

	(void)state;
	/* those that the test's own runner has left open are not ours: take them away from the child */
	for (int fd = 3; fd < 10; fd++)
		if (fcntl(fd, F_GETFD) == 0) {
			keep[n++] = fd;
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		}
	assert_int_equal(proc_run(list, &o, &status, &err), 0);
	assert_string_equal(b.ptr, "");
	while (n--)
		fcntl(keep[n], F_SETFD, 0);
	for (int i = 0; i < 50; i++)
		fails("slsc-none", NULL, ERR_TOOL, "'slsc-none' is not found on PATH", "");
	assert_int_equal(count_fds(), before);
}

/* No pipe to watch, closed pipes, or ones that a child of the child keeps open. */
static void test_timeout(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct proc_opts o = { .timeout_ms = 50 };
	struct err err;
	int status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		no_pidfd = i;
		o = (struct proc_opts){ .timeout_ms = 50 };
		assert_int_equal(proc_run(SH("exec sleep 1000"), &o, &status, &err), -1);
		assert_int_equal(err.code, ERR_BUILD);
		assert_string_equal(err.msg, "sh timed out after 0.050 s");
		o.out = &b;
		assert_int_equal(proc_run(SH("echo a; exec sleep 1000 >&-"), &o, &status, &err), -1);
		assert_string_equal(err.msg, "sh timed out after 0.050 s");
		assert_int_equal(proc_run(SH("exec sleep 1000"), &o, &status, &err), -1);
		assert_string_equal(err.msg, "sh timed out after 0.050 s");
		o.timeout_ms = 4000000000u;
		assert_int_equal(runs("exit 4", &o), 4);
	}
	no_pidfd = false;
}

static void test_orphan(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct proc_opts o = { .out = &b };
	int fd;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(runs("cat fifo & echo x", &o), 0);
	assert_string_equal(b.ptr, "x\n");
	/* it has been there all the while */
	fd = open("fifo", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
}

/*
 * In a child of its own with its own signals: @fn's number says which check has failed. What it runs finds in $PPID
 * whom to send a signal.
 */
static void in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sig_install();
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool interrupts(const char *text, const struct proc_opts *o)
{
	struct err err;
	int status;

	return proc_run(SH(text), o, &status, &err) == -1 && err.code == ERR_INTR &&
	       strcmp(err.msg, "interrupted") == 0 && err_exit_code(&err) == 130;
}

/* The child is sent it and awaited; it says so in a file. */
static int passes_on(void)
{
	return interrupts("trap 'echo INT >got; exit 5' INT; kill -INT $PPID; while :; do :; done", NULL) &&
	       sig_number() == SIGINT && sig_count() == 1 ? 0 : 1;
}

static int passes_on_term_with_pipes(void)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	return interrupts("trap 'echo TERM >got; echo late; exit 5' TERM; echo ready; kill -TERM $PPID;"
			  "while :; do :; done",
			  &(struct proc_opts){ .out = &b }) &&
	       strcmp(b.ptr, "ready\nlate\n") == 0 && sig_number() == SIGTERM ? 0 : 1;
}

static int passes_on_each(void)
{
	return interrupts("trap 'kill -HUP $PPID' INT; trap 'echo HUP >got; exit 0' HUP; kill -INT $PPID;"
			  "while :; do :; done", NULL) &&
	       sig_number() == SIGHUP && sig_count() == 2 ? 0 : 1;
}

static int starts_nothing(void)
{
	struct pollfd p = { .fd = sig_fd(), .events = POLLIN };
	struct err err;

	if (sig_check(&err) != 0 || sig_number() != 0 || poll(&p, 1, 0) != 0)
		return 1;
	raise(SIGINT);
	if (sig_check(&err) != -1 || poll(&p, 1, 0) != 1)
		return 2;
	return interrupts("echo no >got", NULL) && !fs_exists("got") ? 0 : 3;
}

static void got(const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;

	assert_int_equal(fs_read("got", 100, &b, &err), 0);
	assert_string_equal(b.ptr, want);
	assert_int_equal(unlink("got"), 0);
}

static void test_signals(void **state)
{
	(void)state;
	in_child(starts_nothing);
	for (int i = 0; i < 2; i++) {
		no_pidfd = i;
		in_child(passes_on);
		got("INT\n");
		in_child(passes_on_term_with_pipes);
		got("TERM\n");
		in_child(passes_on_each);
		got("HUP\n");
	}
	no_pidfd = false;
}

/* What the child has started holds the other end of a pipe as long as it lives. */
static int hold[2];

static bool all_ended(void)
{
	struct pollfd p = { .fd = hold[0], .events = POLLIN };
	char c;

	close(hold[1]);
	return poll(&p, 1, 60000) == 1 && read(hold[0], &c, 1) == 0;
}

#define TAKES_NONE "(trap '' INT TERM; sleep 1000) & sleep 1000 & "

static int interrupted_group(void)
{
	setsid();
	return pipe(hold) == 0 && interrupts(TAKES_NONE "kill -TERM $PPID; wait", &(struct proc_opts){
		       .die_with_us = true, .own_group = true }) && all_ended() ? 0 : 1;
}

static int late_group(void)
{
	struct err err;
	int status;

	setsid();
	return pipe(hold) == 0 && proc_run(SH(TAKES_NONE "wait"), &(struct proc_opts){
		       .die_with_us = true, .own_group = true, .timeout_ms = 50 }, &status, &err) < 0 &&
	       err.code == ERR_BUILD && all_ended() ? 0 : 1;
}

/* An agent that it leaves behind stays. */
static int left_group(void)
{
	struct pollfd p;
	struct err err;
	int status;

	setsid();
	if (pipe(hold) < 0 || proc_run(SH("sleep 1000 >&2 & echo $! >agent"), &(struct proc_opts){
		    .die_with_us = true, .own_group = true }, &status, &err) < 0)
		return 1;
	p = (struct pollfd){ .fd = hold[0], .events = POLLIN };
	close(hold[1]);
	if (poll(&p, 1, 0) != 0)
		return 2;
	if (proc_run(SH("kill $(cat agent)"), NULL, &status, &err) < 0 || status != 0)
		return 3;
	return poll(&p, 1, 60000) == 1 ? 0 : 4;
}

/* In the foreground of a terminal it may ask the user. */
static int asks(void)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct proc_opts o = { .out = &b, .die_with_us = true, .own_group = true };
	struct err err;
	int master = posix_openpt(O_RDWR | O_NOCTTY), status;

	if (setsid() < 0 || master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    open(ptsname(master), O_RDWR) < 0)
		return 1;
	if (write(master, "Ada\n", 4) != 4)
		return 2;
	return proc_run(SH("read who </dev/tty; echo $who"), &o, &status, &err) == 0 && status == 0 &&
	       strcmp(b.ptr, "Ada\n") == 0 ? 0 : 3;
}

static void test_group(void **state)
{
	(void)state;
	in_child(asks);
	for (int i = 0; i < 2; i++) {
		no_pidfd = i;
		in_child(interrupted_group);
		in_child(late_group);
		in_child(left_group);
	}
	no_pidfd = false;
}

static int kept_ignored(void)
{
	struct err err;

	raise(SIGHUP);
	raise(SIGPIPE);
	return sig_check(&err);
}

static int gets_status(void)
{
	struct err err;
	int status = 0;

	return proc_run(SH("exit 6"), NULL, &status, &err) == 0 && status == 6 ? 0 : 1;
}

/* What nohup and others leave to us. */
static void test_inherited(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	in_child(kept_ignored);
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_IGN);
	{
		/* the children of this one, too, would be gone before they can be awaited */
		struct err err;
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			sig_install();
			_exit(gets_status() == 0 ? 0 : 1);
		}
		signal(SIGCHLD, SIG_DFL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(sig_check(&err), 0);
	}
}

static void *many(void *ctx)
{
	size_t *bad = ctx;

	for (int i = 0; i < 20; i++) {
		CLEAN_BUF struct buf b = BUF_INIT;
		struct proc_opts o = { .out = &b, .timeout_ms = 60000 };
		struct err err;
		int status = 0;

		if (proc_run(SH("echo x; exit 2"), &o, &status, &err) < 0 || status != 2 || strcmp(b.ptr, "x\n") != 0)
			++*bad;
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[4];
	size_t bad[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, many, &bad[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(bad[i], 0);
	}
}

static void which(const char *name, const char *want)
{
	CLEAN_FREE char *path = proc_which(name);

	assert_string_equal(path ? path : "(none)", want);
}

static void test_which(void **state)
{
	CLEAN_FREE char *a = path_join(home, "a"), *b = path_join(home, "b"), *tool = path_join(b, "tool");
	CLEAN_FREE char *path = xasprintf(":a:%s:%s:", a, b), *old = xstrdup(getenv("PATH"));

	(void)state;
	assert_int_equal(mkdir("a", 0777) | mkdir("b", 0777) | mkdir("a/tool", 0777) | mkdir("a/t2", 0777), 0);
	put("a/plain", "", 0644);
	put("b/tool", "", 0755);
	setenv("PATH", path, 1);
	which("tool", tool);
	which("plain", "(none)");
	which("t2", "(none)");
	which("", "(none)");
	which("b/tool", "b/tool");
	which("a/plain", "(none)");
	which("a/t2", "(none)");
	setenv("PATH", "", 1);
	which("tool", "(none)");
	unsetenv("PATH");
	which("sh", access("/usr/bin/sh", X_OK) == 0 ? "/usr/bin/sh" : "/bin/sh");
	setenv("PATH", old, 1);
}

static void test_tty(void **state)
{
	struct winsize ws = { .ws_col = 123, .ws_row = 10 };
	int p[2], fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(tty_width(p[1]), 80);
	assert_int_equal(tty_width(-1), 80);
	assert_true(fd >= 0);
	assert_int_equal(tty_width(fd), 80);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &ws), 0);
	assert_int_equal(tty_width(fd), 123);
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* What has ended and is not waited for yet is ending; what blocks is not, nor is a process that is not there. */
static void test_exiting(void **state)
{
	int p[2];
	pid_t pid;
	siginfo_t si;
	char c;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 0 ? 0 : 1);
	}
	assert_false(proc_is_exiting(pid));
	assert_false(proc_is_exiting(-1));
	close(p[1]);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_true(proc_is_exiting(pid));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(proc_is_exiting(pid));
	close(p[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status), TEST(not_started), TEST(collect), TEST(lines), TEST(surroundings), TEST(descriptors),
		TEST(timeout), TEST(orphan),	  TEST(signals), TEST(inherited), TEST(threads),     TEST(which),
		TEST(tty),    TEST(exiting),	  TEST(group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
