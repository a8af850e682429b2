/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "local/quota_internal.h"
#include "test_spawn_util.h"

static bool in_cgroups(void)
{
	return quota.by != QUOTA_RLIMITS;
}

/* What cannot be enforced is one line, and all that it is silent on is. */
static void test_lacks(void **state)
{
	static const char *const said[] = {
		[ROOT] = "",
		[USER] = "memory is only looked at now and then, CPU is not limited: no cgroup can be made "
			 "(Permission denied)",
		[CONFINED] = "memory is only looked at now and then, CPU and processes are not limited: no cgroup can "
			     "be made (Permission denied); /tmp is the machine's own, and what leaves its process "
			     "group is not ended: no mounts can be made (user namespaces are off, or used up)",
	};

	(void)state;
	assert_string_equal(quota.lacks, said[who]);
	assert_int_equal(in_cgroups(), who == ROOT);
	assert_int_equal(quota.cpu, who == ROOT);
	assert_int_equal(quota.processes, who != CONFINED);
	assert_int_equal(quota.tmp, who != CONFINED);
	assert_int_equal(quota.daemons, who != CONFINED);
	assert_int_equal(quota.hint[0] != '\0', who != ROOT);
}

static void test_share(void **state)
{
	struct quota_limits l = quota_lambda(1769 * MB, 512 * MB);

	(void)state;
	assert_int_equal(l.cpu, 1000);
	assert_int_equal(l.memory, 1769 * MB);
	assert_int_equal(l.tmp, 512 * MB);
	assert_int_equal(l.processes, 1024);
	assert_int_equal(l.files, 1024);
	assert_int_equal(quota_lambda(128 * MB, 0).cpu, 72);
	assert_int_equal(quota_lambda(10240 * MB, 0).cpu, 5788);
	assert_int_equal(quota_lambda(1, 0).cpu, 1);
}

/* Until quota_check() kills it, or it ends. */
static void watch(struct run *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };

	for (int n = 0; poll(&p, 1, 5) == 0; n++) {
		assert_true(n < WAIT_MS / 5);
		quota_check(&r->group);
	}
}

/* More than it may: it is ended, and that is why. */
static void test_memory(void **state)
{
	struct quota_limits l = { .memory = 32 * MB };
	struct run r;

	(void)state;
	run_limited(&r, &l, "eat", "96");
	/* the kernel needs nobody to look */
	if (!in_cgroups())
		watch(&r);
	assert_int_equal(run_wait(&r), SIGKILL);
	assert_true(quota_oom(&r.group));
	assert_null(strstr(r.said.ptr, "ate"));
	run_release(&r);

	/* far more than that is refused at once where nothing counts what is used */
	run_limited(&r, &l, "eat", "400");
	if (in_cgroups()) {
		assert_int_equal(run_wait(&r), SIGKILL);
		assert_true(quota_oom(&r.group));
	} else {
		run_hear(&r, "refused\n");
		assert_int_equal(run_wait(&r), 3 << 8);
	}
	run_release(&r);
}

/* Not all that is killed was killed for its memory. */
static void test_other_kill(void **state)
{
	struct quota_limits l = { .memory = 32 * MB, .tmp = 16 * MB };
	struct run r;

	(void)state;
	run_limited(&r, &l, "eat", "24");
	run_hear(&r, "ate\n");
	assert_false(quota_check(&r.group));
	kill(r.pid, SIGKILL);
	assert_int_equal(run_wait(&r), SIGKILL);
	assert_false(quota_oom(&r.group));
	run_release(&r);
	run_limited(&r, &l, "die", NULL);
	assert_int_equal(run_wait(&r), SIGKILL);
	assert_false(quota_oom(&r.group));
	run_release(&r);
}

/* /tmp has its own size, and what is in it is not memory. */
static void test_tmp(void **state)
{
	struct quota_limits l = { .memory = 16 * MB, .tmp = 48 * MB };
	struct quota_usage used;
	struct run r;

	(void)state;
	if (!quota.tmp) {
		/* that it is the machine's is in the line */
		assert_non_null(strstr(quota.lacks, "/tmp is the machine's own"));
		return;
	}
	run_limited(&r, &l, "fill", NULL);
	run_says(&r, "50331648 No space left on device\n");

	run_limited(&r, &l, "fill and eat", "40");
	run_hear(&r, "41943040\n");
	assert_false(quota_check(&r.group));
	quota_measure(&r.group, &used);
	assert_true(used.memory < 8 * MB);
	kill(r.pid, SIGUSR1);
	watch(&r);
	assert_int_equal(run_wait(&r), SIGKILL);
	assert_true(quota_oom(&r.group));
	run_release(&r);
}

static void test_files(void **state)
{
	struct quota_limits l = quota_lambda(128 * MB, 0);
	struct run r;

	(void)state;
	run_limited(&r, &l, "open", NULL);
	run_says(&r, "1024 Too many open files\n");
}

/* It stops at its limit; another's are none of its, and they are all gone at the end. */
static void test_processes(void **state)
{
	struct quota_limits l = { .memory = 256 * MB, .processes = 50 };
	struct run r, other;

	(void)state;
	if (!quota.processes) {
		assert_non_null(strstr(quota.lacks, "processes are not limited"));
		return;
	}
	run_limited(&r, &l, "bomb", NULL);
	run_hear(&r, "\n");
	assert_string_equal(r.said.ptr, "50 Resource temporarily unavailable\n");
	run_limited(&other, &l, "bomb", NULL);
	run_hear(&other, "\n");
	assert_string_equal(other.said.ptr, "50 Resource temporarily unavailable\n");
	for (int i = 0; i < 2; i++) {
		struct run *one = i ? &other : &r;

		quota_kill(&one->group);
		assert_int_equal(run_wait(one), SIGKILL);
		/* all of them hold the pipe */
		run_hear(one, NULL);
		run_release(one);
	}
}

/* A tenth of a CPU, whatever it does. */
static void test_cpu(void **state)
{
	struct quota_limits l = { .cpu = 100 };
	struct quota_usage used;
	struct timespec t, u;
	struct run r;
	uint64_t ns;

	(void)state;
	if (!quota.cpu) {
		assert_non_null(strstr(quota.lacks, "CPU"));
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	run_limited(&r, &l, "spin", "600");
	run_hear(&r, "spun\n");
	quota_measure(&r.group, &used);
	clock_gettime(CLOCK_MONOTONIC, &u);
	ns = (uint64_t)(u.tv_sec - t.tv_sec) * 1000000000u + (uint64_t)u.tv_nsec - (uint64_t)t.tv_nsec;
	assert_true(used.cpu > 0);
	assert_in_range(used.cpu * 5, 0, ns);
	run_kill(&r);
	/* less than the kernel takes in the usual period */
	l.cpu = 1;
	run_limited(&r, &l, "stay", NULL);
	run_hear(&r, "here\n");
	run_kill(&r);
}

static void test_measure(void **state)
{
	struct quota_limits l = quota_lambda(1769 * MB, 16 * MB);
	struct quota_usage used;
	struct run r;

	(void)state;
	run_limited(&r, &l, "steps", "30");
	run_hear(&r, "ate\n");
	quota_measure(&r.group, &used);
	assert_in_range(used.memory, 30 * MB, 36 * MB);
	assert_true(used.cpu > 0);
	kill(r.pid, SIGUSR1);
	run_hear(&r, "freed\n");
	/* still the most that it was, */
	quota_measure(&r.group, &used);
	assert_in_range(used.memory, 30 * MB, 36 * MB);
	quota_mark(&r.group);
	kill(r.pid, SIGUSR1);
	run_hear(&r, "spun\n");
	/* until the next invocation */
	quota_measure(&r.group, &used);
	assert_in_range(used.memory, 1, 6 * MB);
	assert_in_range(used.cpu, 50000000, 60000000000);
	/* of one that has ended, as long as it is there */
	kill(r.pid, SIGKILL);
	assert_int_equal(poll(&(struct pollfd){ .fd = r.pidfd, .events = POLLIN }, 1, WAIT_MS), 1);
	quota_measure(&r.group, &used);
	assert_in_range(used.cpu, 50000000, 60000000000);
	run_wait(&r);
	run_release(&r);
}

static int pidfd_said(const struct run *r, int which)
{
	const char *s = r->said.ptr;

	while (which--)
		s = strchr(s, '\n') + 1;
	return pidfd_open((pid_t)strtol(s, NULL, 10), 0);
}

static bool ends(int pidfd)
{
	bool gone = poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, WAIT_MS) == 1;

	close(pidfd);
	return gone;
}

/* Processes of sessions of their own that ignore all signals: they end with it, whether it is killed or just exits. */
static void test_daemons(void **state)
{
	struct quota_limits l = quota_lambda(128 * MB, MB);
	struct run r;

	(void)state;
	if (!quota.daemons) {
		assert_non_null(strstr(quota.lacks, "what leaves its process group is not ended"));
		return;
	}
	for (int exits = 0; exits < 2; exits++) {
		int one, two;

		run_limited(&r, &l, "daemons", exits ? "1" : NULL);
		run_hear_lines(&r, 2);
		one = pidfd_said(&r, 0);
		two = pidfd_said(&r, 1);
		assert_true(one >= 0 && two >= 0);
		if (!exits)
			kill(r.pid, SIGKILL);
		assert_int_equal(run_wait(&r), exits ? 0 : SIGKILL);
		assert_int_equal(poll(&(struct pollfd){ .fd = one, .events = POLLIN }, 1, 0), 0);
		quota_group_release(&r.group);
		assert_true(ends(one));
		assert_true(ends(two));
		r.group.number = 0;
		run_release(&r);
	}
}

/* Whoever has its number next is not ours to signal. */
static void test_first_gone(void **state)
{
	struct quota_limits l = quota_lambda(128 * MB, MB);
	struct run r;

	(void)state;
	run_limited(&r, &l, "stay", NULL);
	run_hear(&r, "here\n");
	kill(r.pid, SIGKILL);
	assert_int_equal(run_wait(&r), SIGKILL);
	quota_first_gone(&r.group);
	assert_int_equal(r.group.pid == 0, !in_cgroups());
	assert_int_not_equal(r.group.number, 0);
	for (int i = 0; quota_reap(&quota) && i < WAIT_MS; i++)
		poll(NULL, 0, 1);
	assert_int_equal(quota.ending.len, 0);
	run_release(&r);
}

static bool is_empty(const char *dir, unsigned number)
{
	CLEAN_FREE char *path = xasprintf("%s/i%u", dir, number);

	return access(path, F_OK) < 0 && errno == ENOENT;
}

/* Nothing stays: neither of groups nor of us, also with instances that nobody released. */
static void test_release(void **state)
{
	struct quota_limits l = quota_lambda(128 * MB, MB);
	struct quota q;
	struct run r;
	CLEAN_STRS struct strs paths = { 0 };

	(void)state;
	run_limited(&r, &l, "stay", NULL);
	run_hear(&r, "here\n");
	run_kill(&r);
	for (size_t i = 0; i < quota.ntrees; i++) {
		assert_true(is_empty(quota.trees[i].path, quota.last));
		strs_add(&paths, quota.trees[i].path);
	}
	assert_int_equal(paths.len > 0, in_cgroups());

	run_limited(&r, &l, "stay", NULL);
	run_hear(&r, "here\n");
	if (!in_cgroups())
		kill(r.pid, SIGKILL);
	quota_release(&quota);
	assert_int_equal(run_wait(&r), SIGKILL);
	for (size_t i = 0; i < paths.len; i++)
		assert_int_equal(access(paths.ptr[i], F_OK), -1);
	quota_files_close(&r.group);
	r.group.number = 0;
	run_release(&r);
	quota_init(&q);
	quota = q;
}

/* A killed slsc leaves groups, and in them what ran away: the next one ends and removes them. */
static void test_sweep(void **state)
{
	struct quota_limits l = quota_lambda(128 * MB, MB);
	CLEAN_STRS struct strs left = { 0 };
	int pids[2], daemon_fd, first_fd;
	pid_t us, told[3];
	struct quota q;

	(void)state;
	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	us = fork();
	if (us == 0) {
		struct run r;
		char *end;

		quota_init(&q);
		quota = q;
		run_limited(&r, &l, "daemons", NULL);
		run_hear_lines(&r, 2);
		told[0] = r.pid;
		told[1] = (pid_t)strtol(r.said.ptr, &end, 10);
		told[2] = (pid_t)strtol(end, NULL, 10);
		if (write(pids[1], told, sizeof(told)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(pids[0], told, sizeof(told)), sizeof(told));
	first_fd = pidfd_open(told[0], 0);
	daemon_fd = pidfd_open(told[1], 0);
	for (size_t i = 0; i < quota.ntrees; i++) {
		CLEAN_FREE char *dir = path_dirname(quota.trees[i].path);

		strs_addf(&left, "%s/slsc-%d", dir, us);
		assert_int_equal(access(left.ptr[i], F_OK), 0);
	}
	/* one that lives is left alone */
	quota_release(&quota);
	quota_init(&quota);
	for (size_t i = 0; i < left.len; i++)
		assert_int_equal(access(left.ptr[i], F_OK), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = first_fd, .events = POLLIN }, 1, 0), 0);
	kill(us, SIGKILL);
	assert_int_equal(waitpid(us, NULL, 0), us);
	assert_true(ends(first_fd));
	if (in_cgroups()) {
		quota_release(&quota);
		quota_init(&quota);
		assert_true(ends(daemon_fd));
	} else {
		kill(told[1], SIGKILL);
		kill(told[2], SIGKILL);
		close(daemon_fd);
	}
	for (size_t i = 0; i < left.len; i++)
		assert_int_equal(access(left.ptr[i], F_OK), -1);
	close(pids[0]);
	close(pids[1]);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void test_stat_value(void **state)
{
	static const char text[] = "low 1\noom 2\noom_kill 30\nVmHWM:\t   1234 kB\nlast 5";
	bool found;

	(void)state;
	assert_int_equal(quota_stat_value(text, "oom", &found), 2);
	assert_true(found);
	assert_int_equal(quota_stat_value(text, "oom_kill", &found), 30);
	assert_int_equal(quota_stat_value(text, "VmHWM", NULL), 1234);
	assert_int_equal(quota_stat_value(text, "last", NULL), 5);
	assert_int_equal(quota_stat_value(text, "kill", &found), 0);
	assert_false(found);
	assert_int_equal(quota_stat_value("", "x", &found), 0);
	assert_false(found);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_stat_value),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_other_kill),
		cmocka_unit_test(test_first_gone),
		cmocka_unit_test(test_tmp),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_daemons),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_sweep),
	};

	return cmocka_run_group_tests(all, group_setup, group_teardown);
}

int main(int argc, char **argv)
{
	return run_as_all(argc, argv, tests);
}
