/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that start instances: as root, as a user without rights, and as one without user namespaces. */
#ifndef TEST_SPAWN_UTIL_H
#define TEST_SPAWN_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "local/quota.h"
#include "local/spawn.h"
#include "os/fs.h"
#include "os/proc.h"

enum who { ROOT, USER, CONFINED };
static enum who who;

static char home[64];		/* below /tmp; in it "x", the program that is started */
static char program[80];
static struct err err;
static struct spawner spawner;
static struct quota quota;

#define WAIT_MS 120000		/* for what comes at once, on a machine that does much else */
#define MB (1ull << 20)

/** What was started, and what it says. */
struct run {
	struct quota_group group;
	pid_t pid;
	int pidfd, out;
	struct buf said;
};

static inline const char *must(int r)
{
	if (r < 0)
		fail_msg("%s", err.msg);
	return NULL;
}

static inline void put_id_map(const char *file)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	snprintf(text, sizeof(text), strcmp(file, "setgroups") == 0 ? "deny" : "65534 65534 1");

	CLEAN_FD int fd = open(path, O_WRONLY);

	if (write(fd, text, strlen(text)) < 0)
		_exit(121);
}

/* This program anew as a user without rights; @name is its first argument. Returns its exit code. */
static inline int run_as(const char *name)
{
	char *const argv[] = { (char *)(uintptr_t)"test", (char *)(uintptr_t)name, NULL };
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
		    prctl(PR_SET_DUMPABLE, 1) < 0)
			_exit(120);
		if (strcmp(name, "confined") == 0) {
			int fd;

			if (unshare(CLONE_NEWUSER) < 0)
				_exit(121);
			put_id_map("setgroups");
			put_id_map("uid_map");
			put_id_map("gid_map");
			fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY);
			if (write(fd, "0", 1) < 0)
				_exit(122);
			close(fd);
		}
		execv("/proc/self/exe", argv);
		_exit(123);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fprintf(stderr, "as %s: %x\n", name, (unsigned)status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Run @tests as all that we can be. */
static inline int run_as_all(int argc, char **argv, int (*tests)(void))
{
	int failed;

	who = geteuid() == 0 ? ROOT : argc > 1 && strcmp(argv[1], "confined") == 0 ? CONFINED : USER;
	failed = tests();
	if (who == ROOT)
		failed += run_as("user") + run_as("confined");
	return failed ? 1 : 0;
}

static inline int group_setup(void **state)
{
	int status = 1;

	(void)state;
	snprintf(home, sizeof(home), "/tmp/test_spawn.XXXXXX");
	if (!mkdtemp(home) || chmod(home, 0755) < 0)
		return -1;
	snprintf(program, sizeof(program), "%s/x", home);
	if (proc_run((const char *const[]){ "cc", "-static", "-O1", "-D_GNU_SOURCE", "-o", program,
					    TEST_DATA "/spawn/instance.c", NULL },
		     NULL, &status, &err) < 0 || status)
		return -1;
	if (spawner_init(&spawner, &err) < 0)
		return -1;
	quota_init(&quota);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	quota_release(&quota);
	spawner_release(&spawner);
	return fs_rmtree(home, &err);
}

static inline void run_start(struct run *r, struct spawn *s)
{
	const char *const keep[] = { home, NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	int p[2];

	*r = (struct run){ .group = r->group, .said = BUF_INIT };
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s->env = s->env ? s->env : env;
	s->keep = s->keep ? s->keep : keep;
	s->cwd = s->cwd ? s->cwd : "/";
	s->out = p[1];
	s->err = s->err ? s->err : p[1];
	must(spawner_start(&spawner, s, &r->pid, &r->pidfd, &err));
	close(p[1]);
	r->out = p[0];
	assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
}

/* The program of the tests with @what and @n as its arguments, limited by @limits (NULL: not). */
static inline void run_limited(struct run *r, const struct quota_limits *limits, const char *what, const char *n)
{
	const char *const argv[] = { program, what, n, NULL };
	struct spawn s = { .argv = argv };

	r->group = (struct quota_group){ .number = 0 };
	if (limits) {
		must(quota_group_init(&quota, &r->group, limits, &err));
		s.group = &r->group;
	}
	run_start(r, &s);
}

/* Read what comes next; false: all who could speak have ended. */
static inline bool run_read(struct run *r, const char *what)
{
	struct pollfd p = { .fd = r->out, .events = POLLIN };
	char block[4096];
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) <= 0)
		fail_msg("waited for '%s', heard '%s'", what, r->said.ptr);
	n = read(r->out, block, sizeof(block));
	if (n > 0)
		buf_add(&r->said, block, (size_t)n);
	return n != 0;
}

/* Read on until it has said @text, or, NULL, until all who could speak have ended. */
static inline void run_hear(struct run *r, const char *text)
{
	while (!text || !strstr(r->said.ptr, text)) {
		if (run_read(r, text ? text : "the end"))
			continue;
		if (!text)
			return;
		fail_msg("waited for '%s', heard '%s'", text, r->said.ptr);
	}
}

static inline void run_hear_lines(struct run *r, size_t lines)
{
	for (size_t n = 0; n < lines;) {
		n = 0;
		for (const char *s = r->said.ptr; *s; s++)
			n += *s == '\n';
		if (n < lines)
			assert_true(run_read(r, "lines"));
	}
}

/* Wait for the first process; returns what waitpid(2) tells. The group is not released. */
static inline int run_wait(struct run *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };
	int status = -1;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	close(r->pidfd);
	return status;
}

/* Release the group, and wait until nothing of it is left. */
static inline void run_release(struct run *r)
{
	quota_group_release(&r->group);
	for (int ms = 0; quota_reap(&quota); ms++) {
		assert_true(ms < WAIT_MS);
		poll(NULL, 0, 1);
	}
	close(r->out);
	buf_release(&r->said);
}

/* It runs to its end by itself, with exit code 0; what it has said is @text. */
static inline void run_says(struct run *r, const char *text)
{
	run_hear(r, NULL);
	assert_int_equal(run_wait(r), 0);
	assert_string_equal(r->said.ptr, text);
	run_release(r);
}

static inline void run_kill(struct run *r)
{
	kill(r->pid, SIGKILL);
	run_wait(r);
	run_release(r);
}

#endif
