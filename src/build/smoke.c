/* SPDX-License-Identifier: Apache-2.0 */
#include "build/smoke.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/net.h"
#include "os/proc.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int start(const char *path, enum arch arch, const char *env_kv, pid_t *pid, struct err *err)
{
	const char *argv[] = { path, NULL, NULL };
	CLEAN_FREE char *qemu = NULL;
	char *env[] = { (char *)(uintptr_t)env_kv, (char *)(uintptr_t)"PATH=/usr/bin:/bin", NULL };
	posix_spawn_file_actions_t fa;
	int e;

	if (arch != arch_host()) {
		const char *name = arch_qemu(arch);

		qemu = proc_which(name);
		if (!qemu) {
			err_set(err, ERR_TOOL, "'%s' is not found on PATH", name);
			return err_hint(err, "apt-get install qemu-user-static");
		}
		argv[0] = qemu;
		argv[1] = path;
	}
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	e = posix_spawn(pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	if (e) {
		errno = e;
		return err_sys(err, "cannot run %s", path);
	}
	return 0;
}

/* 1: exited (status in *ws), 0: still running */
static int exited(pid_t pid, int *ws)
{
	return waitpid(pid, ws, WNOHANG) == pid;
}

/* The first request line that arrives on @lfd starts with "GET /2018-06-01/runtime/invocation/next". */
static bool asks_for_event(int lfd)
{
	static const char want[] = "GET /2018-06-01/runtime/invocation/next ";
	CLEAN_FD int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
	char got[sizeof(want)] = "";
	struct timeval tv = { .tv_sec = 2 };

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return recv(fd, got, sizeof(want) - 1, MSG_WAITALL) == sizeof(want) - 1 && strcmp(got, want) == 0;
}

static bool is_healthy(uint16_t port)
{
	static const char req[] = "GET /_/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(port) };
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval tv = { .tv_sec = 2 };
	char got[13] = "";

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return send(fd, req, sizeof(req) - 1, MSG_NOSIGNAL) == sizeof(req) - 1 &&
	       recv(fd, got, 12, MSG_WAITALL) == 12 && strcmp(got, "HTTP/1.1 200") == 0;
}

static int died(const char *shown, int ws, const char *before, struct err *err)
{
	if (WIFSIGNALED(ws))
		return err_set(err, ERR_VERIFY, "%s: killed by signal %d (%s)%s", shown, WTERMSIG(ws),
			       strsignal(WTERMSIG(ws)), before);
	return err_set(err, ERR_VERIFY, "%s: exited with status %d%s", shown, WEXITSTATUS(ws), before);
}

static int watch(pid_t pid, const char *shown, const struct function *f, int lfd, uint16_t port, bool *gone,
		 const char **did, struct err *err)
{
	int64_t end = now_ms() + (f->runtime == RUNTIME_NONE ? SMOKE_RUNS_MS : SMOKE_TIMEOUT_MS);
	const char *goal = f->runtime == RUNTIME_LAMBDA ? " before it asked for an event" :
			   f->runtime == RUNTIME_HTTP	? " before it answered GET /_/health" : "";

	*did = f->runtime == RUNTIME_LAMBDA ? "asked for an event" :
	       f->runtime == RUNTIME_HTTP   ? "answered GET /_/health" : "runs";

	while (now_ms() < end) {
		struct pollfd p = { .fd = lfd, .events = POLLIN };
		int ws;

		if (sig_check(err) < 0)
			return -1;
		/* 5 ms: how long a process that never connects takes to be noticed */
		if (poll(&p, lfd >= 0, 5) > 0)
			return asks_for_event(lfd) ? 0 : err_set(err, ERR_VERIFY, "%s: its first request to the "
								 "Runtime API is not GET .../next", shown);
		if (f->runtime == RUNTIME_HTTP && is_healthy(port))
			return 0;
		if (!exited(pid, &ws))
			continue;
		*gone = true;
		if (f->runtime == RUNTIME_NONE && WIFEXITED(ws) && WEXITSTATUS(ws) == 0) {
			*did = "exited with status 0";
			return 0;
		}
		return died(shown, ws, goal, err);
	}
	if (f->runtime == RUNTIME_NONE)
		return 0;	/* a server of the user's own: it runs */
	return err_set(err, ERR_VERIFY, "%s: %d s passed%s", shown, SMOKE_TIMEOUT_MS / 1000, goal);
}

int smoke_run(const char *path, const char *shown, const struct function *f, enum arch arch, const char **did,
	      struct err *err)
{
	CLEAN_FREE char *env = NULL;
	CLEAN_FD int lfd = -1;
	uint16_t port = 0;
	pid_t pid;
	bool gone = false;
	int r;

	lfd = net_listen_loopback(&port, err);
	if (lfd < 0)
		return -1;
	if (f->runtime == RUNTIME_LAMBDA) {
		env = xasprintf("AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", port);
	} else {
		/* the port was free a moment ago */
		close(steal_fd(&lfd));
		env = xasprintf("PORT=%u", port);
	}
	if (start(path, arch, env, &pid, err) < 0)
		return -1;
	r = watch(pid, shown, f, lfd, port, &gone, did, err);
	if (!gone) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (r < 0 && err->code == ERR_VERIFY)
		err_wrap(err, "smoke test of '%s' for %s", f->name.s, arch_name(arch));
	return r;
}
