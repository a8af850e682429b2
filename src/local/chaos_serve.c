/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that a plan brings along. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/chaos.h"
#include "local/loop.h"
#include "os/proc.h"

#define READY_NS (30 * 1000 * LOOP_MS)
#define END_NS	 (2 * 1000 * LOOP_MS)
#define LOOK_MS	 5

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons(port) };
}

/*
 * Bound to a port that is free; -1. It keeps others away, servers of the same plan among them, until it is closed, and
 * by SO_REUSEADDR leaves nothing behind that a server could stumble over.
 */
static int free_port(uint16_t *port, struct err *err)
{
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = loopback(0);
	socklen_t len = sizeof(at);
	const int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return err_sys(err, "cannot find a free port");
	*port = ntohs(at.sin_port);
	return steal_fd(&fd);
}

static bool takes_connections(uint16_t port)
{
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in at = loopback(port);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

/* How it ended, in words; NULL: it has not. It is reaped then. */
static char *has_ended(struct chaos_server *s, int timeout_ms)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	char *how;
	int status = 0;

	if (poll(&p, 1, timeout_ms) <= 0)
		return NULL;
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	how = exit_words(status);
	close(s->pidfd);
	/* what it has left of its session */
	kill(-s->pid, SIGKILL);
	s->pid = 0;
	return how ? how : xstrdup("exit 0");
}

static int wrong(const struct fault_plan *p, const struct chaos_server *s, struct err *err, const char *what,
		 const char *how)
{
	return fault_plan_err(p, s->proxy->serve.line, s->proxy->serve.col, err, "proxies.serve: %s%s", what, how);
}

static int await(const struct fault_plan *p, struct chaos_server *s, uint16_t port, struct err *err)
{
	const uint64_t until = loop_clock() + READY_NS;
	bool ready = false;

	for (;;) {
		/* once more when it is ready: it may be somebody else who answers there */
		CLEAN_FREE char *how = has_ended(s, ready ? 0 : LOOK_MS);

		if (how)
			return wrong(p, s, err, "the server ended before it took a connection: ", how);
		if (ready)
			return 0;
		if (sig_check(err) < 0)
			return -1;
		if (loop_clock() > until) {
			wrong(p, s, err, "the server takes no connection, ", "after 30 s");
			return err_hint(err, "it has to listen on 127.0.0.1, at $PORT");
		}
		ready = takes_connections(port);
	}
}

static int start(struct chaos_servers *all, const struct fault_plan *p, struct chaos_server *s, uint16_t port,
		 const char *dir, struct err *err)
{
	const char *const argv[] = { "sh", "-c", s->proxy->serve.s, NULL };
	CLEAN_STRS struct strs env = { 0 };
	struct spawn o = { .argv = argv, .cwd = dir, .out = STDERR_FILENO, .err = STDERR_FILENO };

	strs_addf(&env, "PORT=%u", port);
	chaos_environment(p, &env);
	chaos_environment_ours(&env);
	o.env = (const char *const *)strs_argv(&env);
	if (spawner_start(&all->spawner, &o, &s->pid, &s->pidfd, err) == 0)
		return 0;
	s->pid = 0;
	return -1;
}

static int choose_ports(struct chaos_servers *s, struct fault_plan *p, uint16_t *port, int *kept, struct err *err)
{
	for (size_t i = 0; i < p->proxies.len; i++) {
		struct plan_proxy *proxy = &p->proxies.ptr[i];

		if (!proxy->serve.s)
			continue;
		kept[s->n] = free_port(&port[s->n], err);
		if (kept[s->n] < 0)
			return -1;
		proxy->to = proxy->serve;
		proxy->to.s = arena_printf(&p->arena, "127.0.0.1:%u", port[s->n]);
		s->server[s->n++].proxy = proxy;
	}
	return 0;
}

int chaos_servers_start(struct chaos_servers *s, struct fault_plan *p, const char *dir, struct err *err)
{
	uint16_t port[PLAN_PROXIES_MAX];
	int kept[PLAN_PROXIES_MAX];
	int ret = choose_ports(s, p, port, kept, err);

	for (unsigned i = 0; i < s->n; i++)
		close(kept[i]);
	if (ret < 0 || (s->n && spawner_init(&s->spawner, err) < 0)) {
		s->n = 0;
		return -1;
	}
	for (unsigned i = 0; i < s->n; i++)
		if (start(s, p, &s->server[i], port[i], dir, err) < 0)
			return -1;
	for (unsigned i = 0; i < s->n; i++)
		if (await(p, &s->server[i], port[i], err) < 0)
			return -1;
	return 0;
}

void chaos_servers_look(struct chaos_servers *s, struct strs *notes)
{
	for (unsigned i = 0; i < s->n; i++) {
		CLEAN_FREE char *how = s->server[i].pid ? has_ended(&s->server[i], 0) : NULL;

		if (how)
			strs_addf(notes, "the server of %s ended by itself: %s", s->server[i].proxy->env.s, how);
	}
}

void chaos_servers_end(struct chaos_servers *s)
{
	const uint64_t until = loop_clock() + END_NS;

	if (!s->n)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->server[i].pid)
			kill(-s->server[i].pid, SIGTERM);
	for (unsigned i = 0; i < s->n; i++) {
		struct chaos_server *one = &s->server[i];
		char *how = NULL;

		while (one->pid && !how) {
			if (loop_clock() > until)
				kill(-one->pid, SIGKILL);
			how = has_ended(one, LOOK_MS);
		}
		free(how);
	}
	spawner_release(&s->spawner);
	s->n = 0;
}
