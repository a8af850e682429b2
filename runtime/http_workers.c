/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SLSC_WORKERS processes. The first one only keeps the listeners and the others: a listener
 * outlives the worker that accepts from it, so that connections in its queue go to the
 * replacement and none is lost.
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define RESTART_MS 200		       /* between two starts of one worker */
#define KILL_MS (DRAIN_MS + 500) /* until workers that do not stop are killed */

struct worker {
	pid_t pid; /* 0: none */
	int64_t started_ms;
};

static struct worker team[WORKERS_MAX];
static const int *team_listeners;
static size_t team_size;
static int (*team_work)(int listener, int ready_fd);
static sigset_t team_signals, team_before;
static bool team_served; /* one has come as far as to serve */

/* Returns 0 in the first process, or the exit status plus one in the new one. */
static int start(struct worker *w)
{
	size_t own = (size_t)(w - team);
	pid_t parent = getpid(), pid;
	const struct sched_param batch = {.sched_priority = 0};
	int ready[2] = {-1, -1};

	/* The first one says when it serves: what fails in it would fail in the others. */
	if (!team_served && pipe2(ready, O_CLOEXEC))
		return 0;
	pid = fork();
	w->started_ms = slsc_rt_srv.now_ms;
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &team_before, NULL);
		/* A worker without the first process would never be told to stop. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		/*
		 * A busy CPU goes on with what it does when a request arrives, so that several are
		 * taken at one go: a fifth more requests a second. An idle one starts at once.
		 */
		(void)syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &batch);
		if (getppid() != parent)
			return 1;
		if (ready[0] >= 0)
			close(ready[0]);
		for (size_t i = 0; i < team_size; i++) {
			if (i != own)
				close(team_listeners[i]);
		}
		return team_work(team_listeners[own], ready[1]) + 1;
	}
	if (pid > 0)
		w->pid = pid;
	if (ready[0] >= 0) {
		char byte;
		ssize_t n;

		close(ready[1]);
		do {
			n = read(ready[0], &byte, 1);
		} while (n < 0 && errno == EINTR);
		team_served = n == 1;
		close(ready[0]);
	}
	return 0;
}

static void say_died(pid_t pid, int status)
{
	char line[96];
	struct slsc_out out = {line, 0, sizeof(line) - 1, false};

	slsc_puts(&out, "worker ");
	slsc_put_i64(&out, pid);
	slsc_puts(&out, WIFSIGNALED(status) ? " was ended by signal " : " exited with status ");
	slsc_put_i64(&out, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	slsc_puts(&out, ", starting another");
	line[out.len] = '\0';
	slsc_log(NULL, SLSC_ERROR, line);
}

/* Takes note of every worker that has ended. Returns how many are left. */
static size_t reap(bool stopping)
{
	size_t left = 0;
	int status;
	pid_t pid;

	/* Any child: as a container's first process we are sent orphans, too. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < team_size; i++) {
			if (team[i].pid != pid)
				continue;
			team[i].pid = 0;
			if (!stopping && team_served)
				say_died(pid, status);
		}
	}
	for (size_t i = 0; i < team_size; i++)
		left += team[i].pid != 0;
	return left;
}

static void tell(int sig)
{
	for (size_t i = 0; i < team_size; i++) {
		if (team[i].pid)
			kill(team[i].pid, sig);
	}
}

/* Wait for a signal until @until. Returns it, or -1. */
static int wait_signal(int64_t until)
{
	int64_t left = until - slsc_rt_srv.now_ms;
	struct timespec ts = {0, 0};
	int sig;

	if (until == INT64_MAX) {
		sig = sigwaitinfo(&team_signals, NULL);
	} else {
		ts.tv_sec = (time_t)(left > 0 ? left / 1000 : 0);
		ts.tv_nsec = left > 0 ? (long)(left % 1000) * 1000000 : 0;
		sig = sigtimedwait(&team_signals, NULL, &ts);
	}
	slsc_rt_update_clock();
	return sig;
}

int slsc_rt_workers(const int *listeners, size_t count, int (*work)(int listener, int ready_fd))
{
	int64_t kill_at = INT64_MAX;

	team_listeners = listeners;
	team_size = count;
	team_work = work;
	sigemptyset(&team_signals);
	sigaddset(&team_signals, SIGTERM);
	sigaddset(&team_signals, SIGINT);
	sigaddset(&team_signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &team_signals, &team_before);
	/* What is inherited as ignored would never be told, nor be waited for. */
	signal(SIGCHLD, SIG_DFL);
	slsc_rt_update_clock();
	for (;;) {
		bool stopping = kill_at != INT64_MAX;
		int64_t until = kill_at;
		int sig;

		if (!reap(stopping) && stopping)
			return 0;
		for (struct worker *w = team; !stopping && w < team + count; w++) {
			int64_t at = w->started_ms + RESTART_MS;

			if (w->pid)
				continue;
			if (w->started_ms && at > slsc_rt_srv.now_ms) {
				until = at < until ? at : until;
				continue;
			}
			sig = start(w);
			if (sig)
				return sig - 1;
			if (!team_served)
				/* It has said itself why it cannot serve. */
				return 1;
			if (!w->pid)
				until = slsc_rt_srv.now_ms + RESTART_MS;
		}
		sig = wait_signal(until);
		if ((sig == SIGTERM || sig == SIGINT) && !stopping) {
			/* Ours are closed first, so that no connection waits for nobody. */
			for (size_t i = 0; i < count; i++)
				close(listeners[i]);
			tell(SIGTERM);
			kill_at = slsc_rt_srv.now_ms + KILL_MS;
		} else if (stopping && slsc_rt_srv.now_ms >= kill_at) {
			tell(SIGKILL);
			kill_at += KILL_MS;
		}
	}
}

RT_FOR_SIZE_END
