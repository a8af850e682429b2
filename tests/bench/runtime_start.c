/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a Lambda function starts, and what it costs from then on: a Runtime API in one thread that spawns the
 * function, takes the time until the first byte of GET /next, and invokes it.
 *
 *	runtime_start RUNS INVOCATIONS BINARY...
 *
 * The binaries take turns. A line for each: microseconds from spawn to the first GET /next, p50, p90, p99 and least;
 * KiB resident and anonymous once INVOCATIONS are done; microseconds of a warm invocation, p50; system calls an
 * invocation, counted by ptrace in a run of its own; allocations an invocation, of a binary linked with alloc_count.c.
 * A name that begins with '=' is a program that only runs and exits: its times are those of the whole, the rest is 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define EVENT "{\"name\":\"Ada\"}"
#define PROGRAMS 8
#define ALLOC_FD 9 /* of alloc_count.c: a byte is written for each allocation */

static int listener;
static char api[64];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double allocations(void)
{
	struct stat st;

	return fstat(ALLOC_FD, &st) ? 0 : (double)st.st_size;
}

static pid_t spawn(const char *path)
{
	char *argv[] = {(char *)(uintptr_t)path, NULL}, *env[] = {api, "PATH=/usr/bin:/bin", NULL};
	pid_t pid;

	errno = posix_spawn(&pid, path, NULL, NULL, argv, env);
	if (errno)
		die(path);
	return pid;
}

/* Read one request: head, and a body of Content-Length. */
static void read_request(int fd)
{
	char buf[65536], *end, *field;
	size_t len = 0, need = 0;

	for (;;) {
		ssize_t n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);

		if (n <= 0)
			die("the function is gone");
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (!end)
			continue;
		field = strcasestr(buf, "\r\nContent-Length:");
		need = (size_t)(end + 4 - buf) + (field && field < end ? strtoul(field + 17, NULL, 10) : 0);
		if (len >= need)
			return;
	}
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		die("send");
}

/* One invocation, from the event to the next request for one. */
static void invoke(int fd)
{
	static const char event[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				    "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
				    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:1:function:f\r\n"
				    "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1\r\n"
				    "Content-Length: 14\r\n\r\n" EVENT;

	say(fd, event);
	read_request(fd);
	say(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n");
	read_request(fd);
}

static int take(void)
{
	const int one = 1;
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		die("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static long field_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name), NULL, 10);
	}
	if (f)
		fclose(f);
	return kib;
}

struct program {
	const char *path;
	double *us, *warm_us;
	long rss, anonymous;
	double calls, allocs;
};

static void run(struct program *p, int i, int invocations)
{
	double start = now_us(), from, before;
	pid_t pid;
	int fd, status;
	char byte;

	if (*p->path == '=') {
		pid = spawn(p->path + 1);
		waitpid(pid, &status, 0);
		p->us[i] = now_us() - start;
		return;
	}
	pid = spawn(p->path);
	fd = take();
	if (recv(fd, &byte, 1, MSG_PEEK) != 1)
		die("no request");
	p->us[i] = now_us() - start;
	read_request(fd);
	before = allocations();
	from = now_us();
	for (int n = 0; n < invocations; n++)
		invoke(fd);
	p->warm_us[i] = (now_us() - from) / invocations;
	p->allocs = (allocations() - before) / invocations;
	if (field_of(pid, "Rss:") > p->rss)
		p->rss = field_of(pid, "Rss:");
	if (field_of(pid, "Anonymous:") > p->anonymous)
		p->anonymous = field_of(pid, "Anonymous:");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
}

/* System calls of all threads while @invocations are made by a process beside us. */
static long count_calls(const char *path, int invocations)
{
	pid_t server = fork(), pid, any;
	int status, ended = 0;
	long stops = 0;

	if (server == 0) {
		int fd = take();

		read_request(fd);
		for (int n = 0; n < invocations; n++)
			invoke(fd);
		_exit(0);
	}
	pid = fork();
	if (pid == 0) {
		char *argv[] = {(char *)(uintptr_t)path, NULL}, *env[] = {api, NULL};

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execve(path, argv, env);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	while ((any = waitpid(-1, &status, __WALL)) > 0) {
		int sig;

		if (any == server) {
			/* All are made: what is going on now is the wait for one more. */
			ended = 1;
			kill(pid, SIGKILL);
			continue;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (any == pid)
				break;
			continue;
		}
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80))
			stops++;
		ptrace(PTRACE_SYSCALL, any, 0, sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP ? 0 : sig);
	}
	if (!ended)
		waitpid(server, &status, 0);
	return stops / 2;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int runs = argc > 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	int invocations = argc > 3 ? (int)strtol(argv[2], NULL, 10) : 0, count = argc - 3;
	struct program programs[PROGRAMS] = {{0}};

	if (runs < 1 || invocations < 1 || count > PROGRAMS) {
		fputs("usage: runtime_start RUNS INVOCATIONS BINARY...\n", stderr);
		return 2;
	}
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 8) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		die("listen");
	snprintf(api, sizeof(api), "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", ntohs(addr.sin_port));
	if (dup2(memfd_create("allocations", 0), ALLOC_FD) < 0)
		die("memfd_create");
	for (int j = 0; j < count; j++) {
		programs[j].path = argv[3 + j];
		programs[j].us = calloc((size_t)runs + 1, sizeof(double));
		programs[j].warm_us = calloc((size_t)runs + 1, sizeof(double));
	}
	/* The first round warms the page cache, and its place is written over by the second. */
	for (int i = -1; i < runs; i++) {
		for (int j = 0; j < count; j++)
			run(&programs[j], i < 0 ? 0 : i, invocations);
	}
	for (int j = 0; j < count; j++) {
		struct program *p = &programs[j];

		if (*p->path != '=')
			p->calls = (double)(count_calls(p->path, 1001) - count_calls(p->path, 1)) / 1000;
		qsort(p->us, (size_t)runs, sizeof(double), by_value);
		qsort(p->warm_us, (size_t)runs, sizeof(double), by_value);
		printf("%.1f %.1f %.1f %.1f %ld %ld %.1f %.2f %.2f\n", p->us[runs / 2], p->us[runs * 9 / 10],
		       p->us[runs * 99 / 100], p->us[0], p->rss, p->anonymous, p->warm_us[runs / 2], p->calls,
		       p->allocs);
		free(p->us);
		free(p->warm_us);
	}
	return 0;
}
