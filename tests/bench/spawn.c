/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn RUNS ([@reset ARGV...] @cmd ARGV...)...: runs each command RUNS times, in turn with the others so that a noisy
 * moment falls on all of them, and prints a line a command: p50, p90, lowest wall time in µs, highest peak memory in
 * KiB. A reset runs before each run of its command and is not timed. Output goes to /dev/null; a command
 * that fails ends it all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

#define MAX_CMDS 8

struct job {
	char **reset, **cmd;
	double *us;
	long rss;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double run(char **argv, long *rss)
{
	posix_spawn_file_actions_t fa;
	struct timespec a, b;
	struct rusage ru;
	pid_t pid;
	int status, e;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	if (!getenv("SPAWN_STDERR"))
		posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	e = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	if (e) {
		fprintf(stderr, "spawn: %s: %s\n", argv[0], strerror(e));
		exit(1);
	}
	while (wait4(pid, &status, 0, &ru) < 0 && errno == EINTR)
		;
	clock_gettime(CLOCK_MONOTONIC, &b);
	posix_spawn_file_actions_destroy(&fa);
	if (status) {
		fprintf(stderr, "spawn: %s", argv[0]);
		for (char **s = argv + 1; *s; s++)
			fprintf(stderr, " %s", *s);
		fprintf(stderr, " failed (wait status 0x%x)\n", (unsigned)status);
		exit(1);
	}
	if (ru.ru_maxrss > *rss)
		*rss = ru.ru_maxrss;
	return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
}

int main(int argc, char **argv)
{
	struct job jobs[MAX_CMDS] = { 0 };
	int njobs = 0, runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "@reset") == 0) {
			jobs[njobs].reset = argv + i + 1;
			argv[i] = NULL;
		} else if (strcmp(argv[i], "@cmd") == 0 && njobs < MAX_CMDS) {
			jobs[njobs++].cmd = argv + i + 1;
			argv[i] = NULL;
		}
	}
	if (runs < 1 || !njobs) {
		fputs("usage: spawn RUNS ([@reset ARGV...] @cmd ARGV...)...\n", stderr);
		return 2;
	}
	for (int j = 0; j < njobs; j++)
		jobs[j].us = calloc((size_t)runs, sizeof(double));
	/* the first round warms the page cache and is thrown away */
	for (int i = -1; i < runs; i++)
		for (int j = 0; j < njobs; j++) {
			long ignored = 0;
			double us;

			if (jobs[j].reset)
				run(jobs[j].reset, &ignored);
			us = run(jobs[j].cmd, &jobs[j].rss);
			if (i >= 0)
				jobs[j].us[i] = us;
		}
	for (int j = 0; j < njobs; j++) {
		qsort(jobs[j].us, (size_t)runs, sizeof(double), by_value);
		printf("%.0f %.0f %.0f %ld\n", jobs[j].us[runs / 2], jobs[j].us[runs * 9 / 10], jobs[j].us[0],
		       jobs[j].rss);
		free(jobs[j].us);
	}
	return 0;
}
